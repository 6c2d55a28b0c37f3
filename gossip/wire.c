/* wire.c: the frame and its envelope. See wire.h, docs/WIRE.md; wire_*.c for the packed fields.
 *
 * Shape    4 bytes  the low 32 bits of XXH3-64 over what follows, little endian
 *          a protobuf message Frame (gossip.proto)
 *          Packed fields and others of bytes are read where they stand; only the rest goes through
 *          protobuf-c, and of that only fields that Frame has. So what a hostile frame can make
 *          protobuf-c allocate is little, and has a budget besides.
 */
#include <gossip/gossip.pb-c.h>
#include <xxhash.h>

#include "gossip/wire_impl.h"

#define CHECKSUM_BYTES 4u

struct gossip_frame {
    gossip_msg    msg;
    gossip__arena arena;
};

/* Numbers of the fields of Frame that are read here, in gossip.proto. */
enum { LINK = 8, IDS = 13, VECTOR = 14, ENTRIES = 15, BYTES = 28, NAME = 29, OBJECTS = 31 };
#define FIELD_MAX 31u

/* The field that says the kind of message, by kind; that of a STATE that is not the same. */
static const uint8_t kind_fields[GOSSIP_REFUSED + 1] = {
    [GOSSIP_HELLO] = GOSSIP__FRAME__KIND_HELLO,     [GOSSIP_WELCOME] = GOSSIP__FRAME__KIND_WELCOME,
    [GOSSIP_SYNC] = GOSSIP__FRAME__KIND_SYNC,       [GOSSIP_STATE] = GOSSIP__FRAME__KIND_STATE,
    [GOSSIP_WANT] = GOSSIP__FRAME__KIND_WANT,       [GOSSIP_PUSH] = GOSSIP__FRAME__KIND_PUSH,
    [GOSSIP_TOOK] = GOSSIP__FRAME__KIND_TOOK,       [GOSSIP_HAVE] = GOSSIP__FRAME__KIND_HAVE,
    [GOSSIP_SNAP] = GOSSIP__FRAME__KIND_SNAP,       [GOSSIP_CHUNK] = GOSSIP__FRAME__KIND_CHUNK,
    [GOSSIP_PAGE] = GOSSIP__FRAME__KIND_PAGE,       [GOSSIP_DIGESTS] = GOSSIP__FRAME__KIND_DIGESTS,
    [GOSSIP_FIX] = GOSSIP__FRAME__KIND_FIX,         [GOSSIP_OBJECT] = GOSSIP__FRAME__KIND_OBJECT,
    [GOSSIP_REFUSED] = GOSSIP__FRAME__KIND_REFUSED,
};
#define FIELD_SAME ((unsigned)GOSSIP__FRAME__KIND_SAME)

/* The kind that a field says; 0: it is none of those. */
static gossip_msg_kind kind_of(uint64_t field)
{
    if (field == FIELD_SAME) return GOSSIP_STATE;
    for (int kind = GOSSIP_HELLO; kind <= GOSSIP_REFUSED; kind++) {
        if (kind_fields[kind] == field) return (gossip_msg_kind)kind;
    }
    return (gossip_msg_kind)0;
}

/* Wire types of protobuf. */
enum { TYPE_VARINT = 0, TYPE_64 = 1, TYPE_BYTES = 2, TYPE_32 = 5 };

static bool in_place(uint64_t number)
{
    return number == IDS || number == VECTOR || number == ENTRIES || number == BYTES ||
           number == NAME || number == OBJECTS;
}

/* -- Encoding ---------------------------------------------------------------------------------- */

static bool needs_codec(const gossip_msg *msg)
{
    return msg->kind != GOSSIP_HELLO && msg->kind != GOSSIP_WELCOME && msg->kind != GOSSIP_REFUSED;
}

static bool has_hello(const gossip_msg *msg)
{
    return msg->kind == GOSSIP_HELLO || msg->kind == GOSSIP_WELCOME;
}

static crdt_err check(const gossip_codec *codec, const gossip_msg *msg)
{
    if (msg->kind < GOSSIP_HELLO || msg->kind > GOSSIP_REFUSED) return CRDT_EINVAL;
    if (codec == NULL &&
        (needs_codec(msg) || msg->vector.version || msg->vector.count || msg->entries_count)) {
        return CRDT_EINVAL;
    }
    if (msg->same && msg->kind != GOSSIP_STATE) return CRDT_EINVAL;
    if (msg->name.size > CRDT_NAME_BYTES_MAX) return CRDT_ELIMIT;
    crdt_err err = gossip__digests_check(msg);
    return err || !has_hello(msg) ? err : gossip__hello_check(&msg->hello);
}

static ProtobufCBinaryData binary(const void *data, size_t size)
{
    ProtobufCBinaryData bytes;
    bytes.len = size;
    memcpy(&bytes.data, &data, sizeof data); /* protobuf-c's is not const */
    return bytes;
}

static ProtobufCBinaryData binary_of(const crdt_buf *buf)
{
    return binary(buf->data, buf->size);
}

/* 16 bytes of storage, or nothing if it is all 0. */
static ProtobufCBinaryData binary_digest(crdt_digest digest, uint8_t *bytes)
{
    gossip__store64(bytes, digest.lo);
    gossip__store64(bytes + 8, digest.hi);
    return binary(bytes, digest.lo || digest.hi ? 16 : 0);
}

/* What the envelope and the message hold alike, under the same names. */
#define COPY_ALIKE(to, from)                       \
    do {                                           \
        (to)->link = (from)->link;                 \
        (to)->vector_taken = (from)->vector_taken; \
        (to)->credit = (from)->credit;             \
        (to)->more = (from)->more;                 \
        (to)->prune = (from)->prune;               \
        (to)->graft = (from)->graft;               \
        (to)->snapshot = (from)->snapshot;         \
        (to)->snapshot_id = (from)->snapshot_id;   \
        (to)->offset = (from)->offset;             \
        (to)->size = (from)->size;                 \
    } while (0)

/* The same of greetings. */
#define COPY_HELLO(to, from)                     \
    do {                                         \
        (to)->cluster = (from)->cluster;         \
        (to)->node = (from)->node;               \
        (to)->replica = (from)->replica;         \
        (to)->boot = (from)->boot;               \
        (to)->version_min = (from)->version_min; \
        (to)->version_max = (from)->version_max; \
        (to)->features = (from)->features;       \
        (to)->frame_max = (from)->frame_max;     \
    } while (0)

static void fill_hello(Gossip__Hello *to, const gossip_hello *from, const crdt_buf *types,
                       const crdt_buf *peers)
{
    gossip__hello__init(to);
    COPY_HELLO(to, from);
    to->address = binary(from->address.data, from->address.size);
    to->types = binary_of(types);
    to->peers = binary_of(peers);
}

/* All but the hello, the digests and the fields that are read in place. */
static void fill(Gossip__Frame *to, const gossip_codec *codec, const gossip_msg *from)
{
    gossip__frame__init(to);
    to->kind_case = (Gossip__Frame__KindCase)(from->same ? FIELD_SAME : kind_fields[from->kind]);
    to->sync = from->id; /* whichever of the union it is */
    COPY_ALIKE(to, from);
    if (codec != NULL && codec->in_ack) to->ids_known = codec->in_known;
    to->vector_version = from->vector.version;
    if (from->vector.version > 0) {
        to->vector_behind = (int64_t)from->vector.version - 1 - (int64_t)from->vector.base;
    }
    to->refusal = (uint32_t)from->refusal;
    to->type = from->type;
}

static void put_envelope(const gossip_codec *codec, const gossip_msg *msg, const crdt_buf *types,
                         const crdt_buf *peers, crdt_buf *out)
{
    Gossip__Frame frame;
    Gossip__Hello hello;
    uint8_t       root[16], whole[16];
    fill(&frame, codec, msg);
    frame.root = binary_digest(msg->root, root);
    frame.whole = binary_digest(msg->whole, whole);
    if (has_hello(msg)) {
        fill_hello(&hello, &msg->hello, types, peers);
        frame.greeting = &hello;
    }
    size_t size = gossip__frame__get_packed_size(&frame);
    if (!crdt_buf_reserve(out, size)) return;
    out->size += gossip__frame__pack(&frame, out->data + out->size);
}

static void put_head(crdt_buf *out, unsigned number, size_t size)
{
    crdt_buf_varint(out, number << 3 | TYPE_BYTES);
    crdt_buf_varint(out, size);
}

static void put_field(crdt_buf *out, unsigned number, crdt_view bytes)
{
    if (bytes.size == 0) return;
    put_head(out, number, bytes.size);
    crdt_buf_put(out, bytes.data, bytes.size);
}

static void put_entries(crdt_buf *out, const gossip_msg *msg, crdt_view packed)
{
    size_t size = packed.size;
    if (msg->entries_count == 0) return;
    for (uint32_t i = 0; i < msg->entries_count; i++) {
        size += msg->entries[i].control.size + msg->entries[i].body.size;
    }
    put_head(out, ENTRIES, size);
    crdt_buf_reserve(out, size);
    crdt_buf_put(out, packed.data, packed.size);
    for (uint32_t i = 0; i < msg->entries_count; i++) {
        crdt_buf_put(out, msg->entries[i].control.data, msg->entries[i].control.size);
    }
    for (uint32_t i = 0; i < msg->entries_count; i++) {
        crdt_buf_put(out, msg->entries[i].body.data, msg->entries[i].body.size);
    }
}

/* What is packed apart before the frame is put together. */
typedef struct parts {
    crdt_buf ids, vector, entries, types, peers, digests;
} parts;

static crdt_err pack_parts(gossip_codec *codec, const gossip_msg *msg, parts *p)
{
    crdt_err err = CRDT_OK;
    if (codec != NULL) {
        bool     tells;
        uint32_t told = 0;
        gossip__dict_begin(codec);
        err = gossip__entries_put(codec, msg, &p->entries, &tells);
        if (err == CRDT_OK && tells) told = msg->origins_count;
        if (err == CRDT_OK) {
            err = gossip__vector_put(codec, &msg->vector, msg->origins, told, &p->vector);
        }
        if (err == CRDT_OK) gossip__dict_put(codec, &p->ids);
    }
    if (has_hello(msg)) {
        gossip__types_put(&msg->hello, &p->types);
        gossip__peers_put(&msg->hello, &p->peers);
    }
    gossip__digests_put(msg, &p->digests);
    if (p->ids.failed || p->vector.failed || p->entries.failed || p->types.failed ||
        p->peers.failed || p->digests.failed) {
        return err ? err : CRDT_ENOMEM;
    }
    return err;
}

static crdt_err put_frame(const gossip_codec *codec, const gossip_msg *msg, const parts *p,
                          crdt_buf *out)
{
    size_t start = out->size;
    gossip__put32(out, 0);
    put_envelope(codec, msg, &p->types, &p->peers, out);
    put_field(out, IDS, crdt_buf_bytes(&p->ids));
    put_field(out, VECTOR, crdt_buf_bytes(&p->vector));
    put_entries(out, msg, crdt_buf_bytes(&p->entries));
    put_field(out, BYTES, msg->bytes);
    put_field(out, NAME, msg->name);
    put_field(out, OBJECTS, crdt_buf_bytes(&p->digests));
    crdt_err err = crdt_buf_status(out);
    if (err == CRDT_OK && out->size - start > GOSSIP_FRAME_BYTES_MAX) err = CRDT_ELIMIT;
    if (err) {
        out->size = start;
        return err;
    }
    uint8_t *at = out->data + start;
    size_t   size = out->size - start - CHECKSUM_BYTES;
    gossip__store32(at, (uint32_t)XXH3_64bits(at + CHECKSUM_BYTES, size));
    return CRDT_OK;
}

crdt_err gossip_wire_encode(gossip_codec *codec, const gossip_msg *msg, crdt_buf *out)
{
    parts    p;
    uint32_t ids = codec ? codec->out_count : 0;
    crdt_err err = check(codec, msg);
    if (err) return err;
    crdt_buf_init(&p.ids, out->mem);
    crdt_buf_init(&p.vector, out->mem);
    crdt_buf_init(&p.entries, out->mem);
    crdt_buf_init(&p.types, out->mem);
    crdt_buf_init(&p.peers, out->mem);
    crdt_buf_init(&p.digests, out->mem);
    err = pack_parts(codec, msg, &p);
    if (err == CRDT_OK) err = put_frame(codec, msg, &p, out);
    if (err && codec) gossip__dict_undo(codec, ids);
    crdt_buf_clear(&p.ids);
    crdt_buf_clear(&p.vector);
    crdt_buf_clear(&p.entries);
    crdt_buf_clear(&p.types);
    crdt_buf_clear(&p.peers);
    crdt_buf_clear(&p.digests);
    return err;
}

/* -- Reading fields ---------------------------------------------------------------------------- */

typedef struct field {
    uint64_t       number, n; /* n: a varint's or fixed number's value */
    unsigned       type;
    const uint8_t *start, *end; /* of all of it */
    crdt_view      bytes;
} field;

/* False: no field is left, or an error. */
static bool next_field(crdt_dec *dec, field *f)
{
    if (crdt_dec_left(dec) == 0) return false;
    f->start = dec->at;
    uint64_t head = crdt_dec_varint(dec);
    f->number = head >> 3;
    f->type = head & 7;
    f->n = 0;
    f->bytes = crdt_view_of(NULL, 0);
    switch (f->type) {
    case TYPE_VARINT: f->n = crdt_dec_varint(dec); break;
    case TYPE_64: f->n = crdt_dec_u64(dec); break;
    case TYPE_32: f->n = gossip__get32(dec); break;
    case TYPE_BYTES: f->bytes = crdt_dec_view(dec, SIZE_MAX, "field too long"); break;
    default: gossip__malformed(dec, "unknown type of a field"); break;
    }
    if (f->number == 0 || f->number >> 29) gossip__malformed(dec, "impossible number of a field");
    f->end = dec->at;
    return dec->err == CRDT_OK;
}

/* The frame's checksum holds: dec is at its first field. */
static void open_frame(crdt_dec *dec, crdt_view in)
{
    crdt_dec_init(dec, in, NULL);
    if (in.size > GOSSIP_FRAME_BYTES_MAX) {
        crdt_dec_fail(dec, CRDT_ELIMIT, "message above the limit");
        return;
    }
    uint32_t sum = gossip__get32(dec);
    if (dec->err == CRDT_OK && sum != (uint32_t)XXH3_64bits(dec->at, crdt_dec_left(dec))) {
        gossip__malformed(dec, "the checksum does not fit");
    }
}

crdt_err gossip_wire_peek(crdt_view in, uint32_t *ret_link, gossip_msg_kind *ret_kind)
{
    crdt_dec        dec;
    field           f;
    uint32_t        link = 0;
    gossip_msg_kind kind = (gossip_msg_kind)0;
    open_frame(&dec, in);
    while (next_field(&dec, &f)) {
        if (f.number == LINK && f.type == TYPE_32) link = (uint32_t)f.n;
        if (kind_of(f.number)) kind = kind_of(f.number);
    }
    if (dec.err) return CRDT_EMALFORMED;
    *ret_link = link;
    if (!kind) return CRDT_EVERSION;
    *ret_kind = kind;
    return CRDT_OK;
}

/* The fields that are read in place, by number. */
typedef struct places {
    crdt_view at[FIELD_MAX + 1];
} places;

/* protobuf-c takes any type for a bool, so types are looked at here. */
static bool type_fits(const ProtobufCFieldDescriptor *of, unsigned type)
{
    switch (of->type) {
    case PROTOBUF_C_TYPE_FIXED32: return type == TYPE_32;
    case PROTOBUF_C_TYPE_FIXED64: return type == TYPE_64;
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE: return type == TYPE_BYTES;
    default: return type == TYPE_VARINT;
    }
}

/* Copy what protobuf-c is to read to `to` (NULL: only count); returns how much that is. */
static size_t split(crdt_dec dec, places *p, uint8_t *to, crdt_err *ret_err,
                    const char **ret_reason)
{
    field  f;
    size_t size = 0;
    while (next_field(&dec, &f)) {
        const ProtobufCFieldDescriptor *of =
            protobuf_c_message_descriptor_get_field(&gossip__frame__descriptor, (unsigned)f.number);
        if (of == NULL) continue;
        if (!type_fits(of, f.type)) gossip__malformed(&dec, "field of another type");
        if (in_place(f.number)) {
            p->at[f.number] = f.bytes;
            continue;
        }
        if (to != NULL) memcpy(to + size, f.start, (size_t)(f.end - f.start));
        size += (size_t)(f.end - f.start);
    }
    *ret_err = dec.err;
    *ret_reason = dec.reason;
    return size;
}

static void *arena_alloc(void *user, size_t size)
{
    return gossip__arena_take(user, 1, size);
}

static void arena_release(void *user, void *p)
{
    (void)user;
    (void)p; /* goes with the arena */
}

static Gossip__Frame *unpack(gossip__arena *arena, crdt_dec *dec, places *p)
{
    ProtobufCAllocator allocator = {arena_alloc, arena_release, arena};
    crdt_err           err;
    const char        *reason;
    size_t             size = split(*dec, p, NULL, &err, &reason);
    if (err) {
        crdt_dec_fail(dec, err, reason);
        return NULL;
    }
    uint8_t *copy = gossip__arena_get(arena, dec, size + 1, 1);
    if (copy == NULL) return NULL;
    split(*dec, p, copy, &err, &reason);
    Gossip__Frame *frame = gossip__frame__unpack(&allocator, size, copy);
    if (frame == NULL) {
        if (arena->err == CRDT_OK) gossip__malformed(dec, "not a protobuf message of this kind");
        else crdt_dec_fail(dec, arena->err, "memory for the envelope");
    }
    return frame;
}

/* -- Decoding ---------------------------------------------------------------------------------- */

static crdt_view view_of(ProtobufCBinaryData bytes)
{
    return crdt_view_of(bytes.data, bytes.len);
}

static crdt_digest digest_from(crdt_dec *dec, ProtobufCBinaryData bytes)
{
    crdt_digest digest = {0, 0};
    if (bytes.len != 0 && bytes.len != 16) {
        gossip__malformed(dec, "a digest is not of 16 bytes");
    } else if (bytes.len == 16) {
        digest.lo = gossip__load64(bytes.data);
        digest.hi = gossip__load64(bytes.data + 8);
    }
    return digest;
}

typedef struct reading {
    gossip_codec  *codec;
    gossip_msg    *msg;
    gossip__arena *arena;
    gossip__defs   defs;
    uint32_t       ids_known;
    places         places;
    crdt_dec       dec; /* its error is that of all */
} reading;

/* Continue in another part of the message. */
static void enter(reading *r, crdt_view part)
{
    if (r->dec.err) return;
    crdt_dec_init(&r->dec, part, NULL);
}

static void leave(reading *r)
{
    if (crdt_dec_left(&r->dec) > 0) gossip__malformed(&r->dec, "bytes behind the end of a field");
}

static void get_hello(reading *r, const Gossip__Hello *from)
{
    gossip_hello *to = &r->msg->hello;
    COPY_HELLO(to, from);
    to->address = view_of(from->address);
    if (from->version_min > from->version_max) {
        gossip__malformed(&r->dec, "impossible range of versions");
    }
    if (from->address.len > GOSSIP_ADDRESS_MAX) {
        crdt_dec_fail(&r->dec, CRDT_ELIMIT, "address too long");
    }
    enter(r, view_of(from->types));
    gossip__types_get(to, r->arena, &r->dec);
    enter(r, view_of(from->peers));
    gossip__peers_get(to, r->arena, &r->dec);
}

static void get_kind(reading *r, const Gossip__Frame *from)
{
    gossip_msg *to = r->msg;
    to->kind = kind_of(from->kind_case);
    to->same = (unsigned)from->kind_case == FIELD_SAME;
    to->id = from->sync; /* whichever of the union it is */
    if (!to->kind) {
        crdt_dec_fail(&r->dec, CRDT_EVERSION, "unknown kind of message");
    } else if (has_hello(to) != (from->greeting != NULL)) {
        gossip__malformed(&r->dec, "a greeting in what is none, or none in what is one");
    } else if (r->codec == NULL && needs_codec(to)) {
        crdt_dec_fail(&r->dec, CRDT_ENOENT, "a message of a link that is not there");
    }
}

/* How the vector is told; what it tells comes later. */
static void get_version(reading *r, const Gossip__Frame *from)
{
    int64_t version = from->vector_version, behind = from->vector_behind;
    if (version == 0 ? behind != 0 : behind < -1 || behind >= version) {
        gossip__malformed(&r->dec, "impossible version of a vector");
        return;
    }
    r->msg->vector.version = from->vector_version;
    if (version > 0) r->msg->vector.base = (uint32_t)(version - 1 - behind);
}

static void get_envelope(reading *r, const Gossip__Frame *from)
{
    gossip_msg *to = r->msg;
    get_kind(r, from);
    COPY_ALIKE(to, from);
    r->ids_known = from->ids_known;
    to->root = digest_from(&r->dec, from->root);
    get_version(r, from);
    to->refusal = (gossip_refusal)from->refusal;
    to->whole = digest_from(&r->dec, from->whole);
    to->bytes = r->places.at[BYTES];
    to->name = r->places.at[NAME];
    to->type = (uint16_t)from->type;
    if (from->type > UINT16_MAX) gossip__malformed(&r->dec, "impossible type");
    if (from->refusal > INT32_MAX) gossip__malformed(&r->dec, "impossible reason of a refusal");
    if (to->name.size > CRDT_NAME_BYTES_MAX) {
        crdt_dec_fail(&r->dec, CRDT_ELIMIT, "name of an object too long");
    }
    if (from->ids_known > (r->codec ? r->codec->out_count : 0)) {
        gossip__malformed(&r->dec, "ids are acknowledged that were never sent");
    }
    if (from->greeting != NULL && r->dec.err == CRDT_OK) get_hello(r, from->greeting);
}

/* The fields that need the dictionary. */
static void get_packed(reading *r)
{
    if (r->codec == NULL) {
        if (r->places.at[IDS].size + r->places.at[VECTOR].size + r->places.at[ENTRIES].size > 0) {
            gossip__malformed(&r->dec, "packed fields in a message without a link");
        }
        return;
    }
    r->defs.codec = r->codec;
    enter(r, r->places.at[IDS]);
    gossip__defs_get(&r->defs, r->arena, &r->dec);
    if (r->places.at[VECTOR].size > 0) {
        enter(r, r->places.at[VECTOR]);
        gossip__vector_get(&r->msg->vector, &r->defs, r->arena, &r->dec);
        leave(r);
        if (r->msg->vector.version == 0) gossip__malformed(&r->dec, "a vector without a version");
    }
    if (r->places.at[ENTRIES].size > 0) {
        enter(r, r->places.at[ENTRIES]);
        gossip__entries_get(r->msg, &r->defs, r->arena, &r->dec);
    }
}

static crdt_err get_all(reading *r)
{
    const Gossip__Frame *envelope = unpack(r->arena, &r->dec, &r->places);
    if (envelope == NULL) return r->dec.err;
    get_envelope(r, envelope);
    get_packed(r);
    enter(r, r->places.at[OBJECTS]);
    gossip__digests_get(r->msg, r->arena, &r->dec);
    if (r->dec.err || r->codec == NULL) return r->dec.err;
    crdt_err err = gossip__defs_reserve(&r->defs, r->codec);
    if (err) return crdt_dec_fail(&r->dec, err, "out of memory");
    gossip__defs_commit(&r->defs, r->codec);
    if (r->ids_known > r->codec->acked) r->codec->acked = r->ids_known;
    return CRDT_OK;
}

crdt_err gossip_wire_decode(gossip_codec *codec, crdt_view in, const crdt_mem *mem,
                            gossip_frame **ret_frame, const char **ret_reason)
{
    reading       r = {.codec = codec};
    gossip_frame *frame = NULL;
    open_frame(&r.dec, in);
    if (r.dec.err == CRDT_OK) {
        frame = gossip__arena_new(mem, in.size, sizeof *frame, offsetof(gossip_frame, arena));
        if (frame == NULL) crdt_dec_fail(&r.dec, CRDT_ENOMEM, "out of memory");
    }
    if (frame != NULL) {
        r.msg = &frame->msg;
        r.arena = &frame->arena;
        if (get_all(&r) == CRDT_OK) {
            *ret_frame = frame;
            return CRDT_OK;
        }
        gossip_frame_free(frame, mem);
    }
    if (ret_reason != NULL) *ret_reason = r.dec.reason;
    return r.dec.err;
}

const gossip_msg *gossip_frame_msg(const gossip_frame *frame)
{
    return &frame->msg;
}

void gossip_frame_free(gossip_frame *frame, const crdt_mem *mem)
{
    if (frame != NULL) gossip__arena_free(&frame->arena, mem);
}

/* -- Sizes ------------------------------------------------------------------------------------- */

/* More than any entry adds besides what grows with it: its place in each column, its author's
 * record and definition, the field's own head. */
#define ENTRY_BYTES_MAX 96u
#define DEP_BYTES_MAX 24u /* index, sequence number, definition */

size_t gossip_wire_entry_bytes(const gossip_entry *entry)
{
    return ENTRY_BYTES_MAX + (size_t)entry->deps_count * DEP_BYTES_MAX + entry->control.size +
           entry->body.size;
}
