/* slow.c: see slow.h. */
#include "tests/wire/lib/slow.h"

#include <string.h>
#include <xxhash.h>

#include "tests/lib/t.h"

/* A place in bytes; ok turns false once and for all when something is not there. */
typedef struct cur {
    const uint8_t *at, *end;
    bool           ok;
} cur;

static cur cur_of(crdt_view v)
{
    cur c = {v.data, (const uint8_t *)v.data + v.size, true};
    if (v.size == 0) c.at = c.end = (const uint8_t *)"";
    return c;
}

static bool more(const cur *c)
{
    return c->ok && c->at != c->end;
}

static uint8_t byte(cur *c)
{
    if (!more(c)) {
        c->ok = false;
        return 0;
    }
    return *c->at++;
}

/* A number of so many bytes, the lowest first. */
static uint64_t fixed(cur *c, unsigned bytes)
{
    uint64_t n = 0, place = 1;
    for (unsigned i = 0; i < bytes; i++, place *= 256) n += byte(c) * place;
    return n;
}

/* Seven bits a byte, the lowest first; 128 is added to all bytes but the last. */
static uint64_t varint(cur *c)
{
    uint64_t n = 0, place = 1;
    for (unsigned i = 0; i < 10; i++, place *= 128) {
        uint8_t b = byte(c);
        n += (b % 128) * place;
        if (b < 128) return n;
    }
    c->ok = false;
    return 0;
}

/* 0, -1, 1, -2, 2, ... */
static int64_t zigzag(cur *c)
{
    uint64_t n = varint(c);
    return n % 2 ? -(int64_t)(n / 2) - 1 : (int64_t)(n / 2);
}

static crdt_view take(cur *c, uint64_t size)
{
    crdt_view v = {c->at, (size_t)size};
    if (!c->ok || size > (uint64_t)(c->end - c->at)) {
        c->ok = false;
        return crdt_view_of("", 0);
    }
    c->at += size;
    return v;
}

/* -- Columns ----------------------------------------------------------------------------------- */

static int64_t one(cur *c, bool is_signed)
{
    return is_signed ? zigzag(c) : (int64_t)varint(c);
}

static void block(cur *c, int64_t *values, uint64_t left, bool is_signed, uint64_t *ret_count)
{
    uint8_t  head = byte(c);
    unsigned width = head % 64, bit = 0;
    uint64_t count = head / 128 ? left : varint(c);
    int64_t  base = head / 64 % 2 ? 0 : one(c, is_signed);
    *ret_count = count;
    if (count == 0 || count > left) c->ok = false;
    if (!c->ok) return;
    crdt_view bits = crdt_view_of("", 0);
    if (width < 63) bits = take(c, (count * width + 7) / 8);
    for (uint64_t i = 0; i < count && c->ok; i++) {
        if (width == 63) {
            values[i] = one(c, is_signed);
            continue;
        }
        uint64_t n = 0;
        for (unsigned b = 0; b < width; b++, bit++) {
            uint64_t is_set = ((const uint8_t *)bits.data)[bit / 8] >> bit % 8 & 1;
            n += is_set << b;
        }
        values[i] = (int64_t)((uint64_t)base + n);
    }
}

static int64_t *column(cur *c, uint64_t count, bool is_signed, pool *p)
{
    int64_t *values = pool_take(p, (count + 1) * sizeof *values);
    uint64_t got = 0, n;
    if (count < 8) {
        for (; got < count; got++) values[got] = one(c, is_signed);
    }
    for (; got < count && c->ok; got += n) block(c, values + got, count - got, is_signed, &n);
    return values;
}

/* -- Ids --------------------------------------------------------------------------------------- */

typedef struct frame {
    slow_ids   *ids; /* with those of this frame */
    pool       *pool;
    gossip_msg *msg;
} frame;

static void read_ids(frame *f, cur c)
{
    uint64_t index = 0;
    while (more(&c)) {
        uint64_t head = varint(&c);
        uint64_t count = head % 2 ? (uint64_t)(c.end - c.at) / 8 : varint(&c);
        index += head / 2;
        for (uint64_t i = 0; i < count && index < 65536; i++) {
            f->ids->at[index++] = fixed(&c, 8);
        }
    }
}

/* The index after *last, so far away; its id. */
static uint64_t next_id(frame *f, cur *c, int64_t *last)
{
    *last += 1 + zigzag(c);
    if (*last < 0 || *last > 65535 || f->ids->at[*last] == 0) {
        c->ok = false;
        *last = 0;
    }
    return f->ids->at[*last];
}

static bool read_vector(frame *f, cur c)
{
    gossip_vector *vector = &f->msg->vector;
    uint64_t       count = more(&c) ? varint(&c) : 0;
    int64_t        last = -1;
    if (count > 65536) return false;
    gossip_known *known = pool_take(f->pool, (count + 1) * sizeof *known);
    for (uint64_t i = 0; i < count; i++) {
        known[i].replica = next_id(f, &c, &last);
        known[i].seq = varint(&c);
        known[i].tag = (uint32_t)fixed(&c, 4);
    }
    vector->known = known;
    vector->count = (uint32_t)count;
    return c.ok;
}

/* -- Entries ----------------------------------------------------------------------------------- */

uint32_t slow_tag(pool *p, const gossip_entry *entry, uint32_t predecessor)
{
    size_t   size = 64 + entry->deps_count * 16 + entry->control.size + entry->body.size, at = 0;
    uint8_t *bytes = pool_take(p, size);
    uint64_t head[] = {predecessor + ((uint64_t)entry->kind << 32),
                       entry->replica,
                       entry->first,
                       entry->last,
                       entry->ms,
                       entry->deps_count};
    for (; at < sizeof head; at++) bytes[at] = (uint8_t)(head[at / 8] >> at % 8 * 8);
    for (uint32_t i = 0; i < entry->deps_count; i++) {
        uint64_t dot[] = {entry->deps[i].replica, entry->deps[i].seq};
        for (unsigned j = 0; j < 16; j++) bytes[at++] = (uint8_t)(dot[j / 8] >> j % 8 * 8);
    }
    crdt_view parts[] = {entry->control, entry->body};
    for (unsigned i = 0; i < 2; i++) {
        for (unsigned j = 0; j < 8; j++) bytes[at++] = (uint8_t)((uint64_t)parts[i].size >> 8 * j);
        if (parts[i].size > 0) memcpy(bytes + at, parts[i].data, parts[i].size);
        at += parts[i].size;
    }
    CHECK(at == size);
    return (uint32_t)XXH3_64bits(bytes, size);
}

/* The sequence numbers last seen of replicas, by index; one slot for each 256th. */
typedef struct seen {
    int64_t  index[256];
    uint64_t seq[256];
} seen;

static void see(seen *s, int64_t index, uint64_t seq)
{
    s->index[index % 256] = index;
    s->seq[index % 256] = seq;
}

static uint64_t last_seen(const seen *s, int64_t index)
{
    return s->index[index % 256] == index ? s->seq[index % 256] : 0;
}

typedef struct batch {
    uint64_t       n, k;
    unsigned       bits;
    int64_t       *index; /* of each author */
    uint64_t      *next;
    gossip_origin *origins;
    gossip_entry  *entries;
    int64_t       *who;
} batch;

static void read_authors(frame *f, cur *c, batch *b)
{
    int64_t last = -1;
    b->k = b->bits & 1 ? 1 : varint(c);
    if (b->k > 65536) c->ok = false;
    if (!c->ok) return;
    b->index = pool_take(f->pool, b->k * 8);
    b->next = pool_take(f->pool, b->k * 8);
    b->origins = pool_take(f->pool, b->k * sizeof *b->origins);
    for (uint64_t i = 0; i < b->k; i++) {
        b->origins[i].replica = next_id(f, c, &last);
        b->index[i] = last;
        b->next[i] = varint(c);
        b->origins[i].tag = (uint32_t)fixed(c, 4);
    }
}

/* All zeros for a column that is not there. */
static int64_t *column_unless(cur *c, batch *b, unsigned bit, pool *p)
{
    return b->bits & bit ? pool_take(p, (b->n + 1) * 8) : column(c, b->n, false, p);
}

static void read_deps(frame *f, cur *c, batch *b, uint64_t i, seen *s)
{
    gossip_entry *entry = &b->entries[i];
    int64_t       last = -1;
    crdt_dot     *deps = pool_take(f->pool, (entry->deps_count + 1) * sizeof *deps);
    for (uint32_t j = 0; j < entry->deps_count && c->ok; j++) {
        deps[j].replica = next_id(f, c, &last);
        deps[j].seq = last_seen(s, last) + (uint64_t)zigzag(c);
        see(s, last, deps[j].seq);
    }
    entry->deps = deps;
    see(s, b->index[b->who[i]], entry->last);
}

static void read_columns(frame *f, cur *c, batch *b)
{
    seen     s;
    pool    *p = f->pool;
    int64_t *kind, *dots, *change, *deps, *control, *body;
    b->who = column_unless(c, b, 1, p);
    kind = column_unless(c, b, 2, p);
    dots = column_unless(c, b, 4, p);
    uint64_t ms = varint(c);
    change = column(c, b->n - 1, true, p);
    deps = column_unless(c, b, 8, p);
    control = column_unless(c, b, 16, p);
    body = column(c, b->n - 1, false, p);
    b->entries = pool_take(p, b->n * sizeof *b->entries);
    memset(&s, 0, sizeof s);
    for (unsigned i = 0; i < 256; i++) s.index[i] = -1;
    for (uint64_t i = 0; i < b->n && c->ok; i++) {
        gossip_entry *entry = &b->entries[i];
        if (b->who[i] < 0 || (uint64_t)b->who[i] >= b->k) {
            c->ok = false;
            return;
        }
        entry->replica = b->origins[b->who[i]].replica;
        entry->first = b->next[b->who[i]];
        entry->last = entry->first + (uint64_t)dots[i];
        b->next[b->who[i]] = entry->last + 1;
        entry->kind = b->bits & 2 ? GOSSIP_DELTA : (gossip_kind)kind[i];
        entry->ms = i == 0 ? ms : b->entries[i - 1].ms + (uint64_t)change[i - 1];
        entry->deps_count = (uint32_t)deps[i];
        entry->control.size = (size_t)control[i];
        entry->body.size = i + 1 < b->n ? (size_t)body[i] : 0;
        read_deps(f, c, b, i, &s);
    }
}

/* What the entries tell is put among what the vector told. */
static void tell(frame *f, batch *b)
{
    gossip_vector *vector = &f->msg->vector;
    gossip_known  *known = pool_take(f->pool, (vector->count + b->k) * sizeof *known);
    uint32_t       count = vector->count;
    if (count > 0) memcpy(known, vector->known, count * sizeof *known);
    for (uint64_t i = 0; i < b->k; i++) {
        uint32_t at = count++, tag = b->origins[i].tag;
        for (; at > 0 && known[at - 1].replica > b->origins[i].replica; at--) {
            known[at] = known[at - 1];
        }
        for (uint64_t j = 0; j < b->n; j++) {
            if ((uint64_t)b->who[j] == i) tag = slow_tag(f->pool, &b->entries[j], tag);
        }
        known[at] = (gossip_known){b->origins[i].replica, b->next[i] - 1, tag};
    }
    vector->known = known;
    vector->count = count;
}

static bool read_entries(frame *f, cur c)
{
    batch b = {0};
    if (!more(&c)) return true;
    b.n = varint(&c);
    b.bits = byte(&c);
    if (!c.ok || b.n == 0 || b.n > (uint64_t)(c.end - c.at)) return false;
    read_authors(f, &c, &b);
    if (c.ok) read_columns(f, &c, &b);
    for (uint64_t i = 0; i < b.n && c.ok; i++) {
        b.entries[i].control = take(&c, b.entries[i].control.size);
    }
    for (uint64_t i = 0; i < b.n && c.ok; i++) {
        size_t size = i + 1 < b.n ? b.entries[i].body.size : (size_t)(c.end - c.at);
        b.entries[i].body = take(&c, size);
    }
    if (!c.ok) return false;
    if (b.bits & 32) tell(f, &b);
    f->msg->entries = b.entries;
    f->msg->entries_count = (uint32_t)b.n;
    f->msg->origins = b.origins;
    f->msg->origins_count = (uint32_t)b.k;
    return true;
}

/* -- Lists ------------------------------------------------------------------------------------- */

static crdt_digest digest(crdt_view v)
{
    crdt_digest d = {0, 0};
    cur         c = cur_of(v);
    if (v.size == 0) return d;
    d.lo = fixed(&c, 8);
    d.hi = fixed(&c, 8);
    return d;
}

static bool read_objects(frame *f, cur c)
{
    gossip_object_digest *digests =
        pool_take(f->pool, ((size_t)(c.end - c.at) / 18 + 1) * sizeof *digests);
    uint32_t count = 0;
    for (; more(&c); count++) {
        digests[count].name = take(&c, varint(&c));
        digests[count].type = (uint16_t)varint(&c);
        digests[count].digest = digest(take(&c, 16));
    }
    f->msg->digests = digests;
    f->msg->digests_count = count;
    return c.ok;
}

static bool read_types(frame *f, cur c)
{
    gossip_type *types = pool_take(f->pool, ((size_t)(c.end - c.at) / 2 + 1) * sizeof *types);
    uint32_t     count = 0;
    uint64_t     next = 0;
    for (; more(&c); count++) {
        next += varint(&c);
        types[count].id = (uint16_t)next++;
        types[count].format = (uint16_t)varint(&c);
    }
    f->msg->hello.types = types;
    f->msg->hello.types_count = count;
    return c.ok;
}

static bool read_peers(frame *f, cur c)
{
    crdt_view *peers = pool_take(f->pool, ((size_t)(c.end - c.at) + 1) * sizeof *peers);
    uint32_t   count = 0;
    for (; more(&c); count++) peers[count] = take(&c, varint(&c));
    f->msg->hello.peers = peers;
    f->msg->hello.peers_count = count;
    return c.ok;
}

/* -- Fields ------------------------------------------------------------------------------------ */

/* A field of protobuf: its number, and its value or bytes. */
typedef struct field {
    uint64_t  number, n;
    crdt_view bytes;
} field;

static field next_field(cur *c)
{
    uint64_t head = varint(c);
    field    f = {head / 8, 0, {"", 0}};
    switch (head % 8) {
    case 0: f.n = varint(c); break;
    case 1: f.n = fixed(c, 8); break;
    case 2: f.bytes = take(c, varint(c)); break;
    case 5: f.n = fixed(c, 4); break;
    default: c->ok = false; break;
    }
    return f;
}

static bool read_greeting(frame *f, cur c)
{
    gossip_hello *h = &f->msg->hello;
    crdt_view     types = {"", 0}, peers = {"", 0};
    while (more(&c)) {
        field v = next_field(&c);
        switch (v.number) {
        case 1: h->cluster = v.n; break;
        case 2: h->node = v.n; break;
        case 3: h->replica = v.n; break;
        case 4: h->boot = v.n; break;
        case 5: h->version_min = (uint32_t)v.n; break;
        case 6: h->version_max = (uint32_t)v.n; break;
        case 7: h->features = v.n; break;
        case 8: h->frame_max = (uint32_t)v.n; break;
        case 9: h->address = v.bytes; break;
        case 10: types = v.bytes; break;
        case 11: peers = v.bytes; break;
        default: break;
        }
    }
    return c.ok && read_types(f, cur_of(types)) && read_peers(f, cur_of(peers));
}

static gossip_msg_kind kind_of(uint64_t number)
{
    static const uint8_t kinds[] = {0, 3, 4, 4, 5, 6, 7, 8};
    if (number >= 1 && number <= 7) return (gossip_msg_kind)kinds[number];
    if (number == 32 || number == 33) return (gossip_msg_kind)(number - 31);
    if (number >= 34 && number <= 40) return (gossip_msg_kind)(number - 25);
    return (gossip_msg_kind)0;
}

/* Fields of one number. */
static void read_number(gossip_msg *m, field v, int64_t *behind)
{
    uint32_t n = (uint32_t)v.n;
    if (kind_of(v.number)) {
        m->kind = kind_of(v.number);
        m->same = v.number == 3;
        m->id = n;
        return;
    }
    switch (v.number) {
    case 8: m->link = n; break;
    case 9: m->root = digest(v.bytes); break;
    case 10: m->vector_taken = n; break;
    case 11: m->vector.version = n; break;
    case 12: m->credit = n; break;
    case 17: *behind = v.n % 2 ? -(int64_t)(v.n / 2) - 1 : (int64_t)(v.n / 2); break;
    case 18: m->more = v.n != 0; break;
    case 19: m->prune = v.n != 0; break;
    case 20: m->graft = v.n != 0; break;
    case 21: m->snapshot = v.n != 0; break;
    case 22: m->refusal = (gossip_refusal)n; break;
    case 24: m->snapshot_id = v.n; break;
    case 25: m->offset = v.n; break;
    case 26: m->size = v.n; break;
    case 27: m->whole = digest(v.bytes); break;
    case 28: m->bytes = v.bytes; break;
    case 29: m->name = v.bytes; break;
    case 30: m->type = (uint16_t)n; break;
    default: break;
    }
}

bool slow_read(slow_ids *ids, crdt_view in, pool *p, gossip_msg *ret_msg)
{
    frame     f = {ids, p, ret_msg};
    cur       c = cur_of(in);
    crdt_view packed[5] = {{"", 0}, {"", 0}, {"", 0}, {"", 0}, {"", 0}};
    int64_t   behind = 0;
    memset(ret_msg, 0, sizeof *ret_msg);
    uint64_t sum = fixed(&c, 4);
    if (!c.ok || sum != (uint32_t)XXH3_64bits(c.at, (size_t)(c.end - c.at))) return false;
    while (more(&c)) {
        field v = next_field(&c);
        if (v.number >= 13 && v.number <= 15) packed[v.number - 13] = v.bytes;
        if (v.number == 31) packed[3] = v.bytes;
        if (v.number == 23) packed[4] = v.bytes;
        read_number(ret_msg, v, &behind);
    }
    if (!c.ok || !ret_msg->kind) return false;
    if (ret_msg->vector.version > 0) {
        ret_msg->vector.base = (uint32_t)(ret_msg->vector.version - 1 - (uint64_t)behind);
    }
    read_ids(&f, cur_of(packed[0]));
    return read_vector(&f, cur_of(packed[1])) && read_entries(&f, cur_of(packed[2])) &&
           read_objects(&f, cur_of(packed[3])) && read_greeting(&f, cur_of(packed[4]));
}

/* -- What stands alone ------------------------------------------------------------------------- */

bool slow_entry(crdt_view in, pool *p, gossip_entry *ret_entry)
{
    cur c = cur_of(in);
    memset(ret_entry, 0, sizeof *ret_entry);
    if (byte(&c) != 1) return false;
    ret_entry->kind = (gossip_kind)byte(&c);
    ret_entry->replica = fixed(&c, 8);
    ret_entry->first = varint(&c);
    ret_entry->last = ret_entry->first + varint(&c);
    ret_entry->ms = varint(&c);
    uint64_t count = varint(&c);
    if (count > 65536) return false;
    crdt_dot *deps = pool_take(p, (count + 1) * sizeof *deps);
    for (uint64_t i = 0; i < count; i++) {
        deps[i].replica = fixed(&c, 8);
        deps[i].seq = varint(&c);
    }
    ret_entry->deps = deps;
    ret_entry->deps_count = (uint32_t)count;
    ret_entry->control = take(&c, varint(&c));
    ret_entry->body = take(&c, varint(&c));
    return c.ok && c.at == c.end;
}

bool slow_snapshot(crdt_view in, pool *p, gossip_snapshot *ret_snapshot)
{
    cur c = cur_of(in);
    if (in.size < 21 || memcmp(in.data, "CNCS\1", 5) != 0) return false;
    c.at += 5;
    c.end -= 16;
    XXH128_hash_t sum = XXH3_128bits(in.data, in.size - 16);
    crdt_digest   told = digest(crdt_view_of(c.end, 16));
    if (sum.low64 != told.lo || sum.high64 != told.hi) return false;
    uint64_t count = varint(&c);
    if (count > in.size) return false;
    gossip_floor *floors = pool_take(p, (count + 1) * sizeof *floors);
    for (uint64_t i = 0; i < count; i++) {
        floors[i].replica = fixed(&c, 8);
        uint64_t seq = varint(&c);
        floors[i].seq = seq / 2;
        floors[i].succeeded = seq % 2;
        floors[i].ms = varint(&c);
        floors[i].tag = (uint32_t)fixed(&c, 4);
    }
    for (uint64_t i = 0; i < count && c.ok; i++) {
        uint64_t  dots = varint(&c), place = 0;
        crdt_dot *past = pool_take(p, (count + 1) * sizeof *past);
        for (uint64_t j = 0; j < dots && c.ok; j++) {
            place += varint(&c);
            uint64_t below = varint(&c);
            if (place >= count) return false;
            past[j].replica = floors[place].replica;
            past[j].seq = floors[place++].seq - below;
        }
        floors[i].past = past;
        floors[i].past_count = (uint32_t)dots;
    }
    ret_snapshot->floors = floors;
    ret_snapshot->count = (uint32_t)count;
    ret_snapshot->store = crdt_view_of(c.at, (size_t)(c.end - c.at));
    return c.ok;
}
