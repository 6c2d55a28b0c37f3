/* store/code.c: the canonical bytes of stores and deltas.
 *
 *   byte    0xC7, format 1, kind: 1 state, 2 delta of one author, 3 since, 4 delta group; and 16 if
 *           there are origins, 32 if ids of sequences are forgotten (crdt_options.forget_ids)
 *   ids     varint count, then 8 bytes each, ascending: exactly those used below
 *   context (context.h)
 *   kind 2  varint author's place, varint number of its last dots that are new
 *   kind 4  context of the dots that are new
 *   kind 3  context of the base
 *   kind 1, 3: context of the cut; varint count of retired replicas, each 8 bytes id, varint end
 *           and 1
 *   16      varint count of origins (opaque.c); each, ascending by these bytes: varint count of
 *           ids, 8 bytes each; context, whose places are those of these ids
 *   objects varint count, then in order of (name, type):
 *           varint size and bytes of the name, varint type, flags (1 presence, 2 keep, 4 fragments)
 *           [presence] [context of kept dots] varint size and bytes of the body
 *   fragments, as a body: varint 2 * count (+ 1: then varint place of an origin: what is gone);
 *           each, ascending: varint place of its origin; varint size and bytes of the context of
 *           its kept dots (none: size 0), and of its body
 */
#include <string.h>

#include "crdt/core/dec.h"
#include "crdt/store/impl.h"

#define MAGIC 0xC7u
#define FORMAT 1u
#define GROUP 4u
#define WITH_ORIGINS 16u
#define FORGETS 32u
#define FLAG_PRESENCE 1u
#define FLAG_KEEP 2u
#define FLAG_FRAGMENTS 4u

/* -- Encoding ---------------------------------------------------------------------------------- */

static bool is_listed(const crdt_store *store, const crdt__object *o)
{
    return store->kind != CRDT__STATE || !crdt__object_is_empty(o);
}

static unsigned kind_code(const crdt_store *store)
{
    const crdt_context *b = &store->brought;
    if (store->kind != CRDT__DELTA) return (unsigned)store->kind;
    bool one =
        b->count == 1 && crdt_context_max(&store->context, b->runs[0].replica) == b->runs[0].hi;
    return one ? (unsigned)CRDT__DELTA : GROUP;
}

static void mark_object(const crdt__object *o, crdt_replicas *ids)
{
    o->type->mark(o->state, ids);
    crdt__sibs_mark(&o->presence, ids);
    if (o->keep != NULL) crdt_context_mark(o->keep, ids);
}

/* Returns how many objects are listed. */
static size_t mark_all(const crdt_store *store, crdt_replicas *ids)
{
    size_t listed = 0;
    crdt_context_mark(&store->context, ids);
    crdt_context_mark(&store->brought, ids);
    if (store->kind != CRDT__DELTA) {
        crdt_context_mark(&store->base, ids);
        crdt_context_mark(&store->cut, ids);
    }
    crdt__objects it = crdt__objects_of(store);
    for (crdt__object *o; (o = crdt__objects_next(&it)) != NULL;) {
        if (!is_listed(store, o)) continue;
        mark_object(o, ids);
        listed++;
    }
    return listed;
}

static void put_head(const crdt_store *store, crdt_enc *enc, bool with_origins)
{
    unsigned kind = kind_code(store), forgets = store->space.forget_ids ? FORGETS : 0;
    crdt_buf_byte(enc->out, MAGIC);
    crdt_buf_byte(enc->out, FORMAT);
    crdt_buf_byte(enc->out, (uint8_t)(kind | forgets | (with_origins ? WITH_ORIGINS : 0)));
    crdt_buf_varint(enc->out, enc->dict->count);
    for (size_t i = 0; i < enc->dict->count; i++) crdt_buf_u64(enc->out, enc->dict->ids[i]);
    crdt_context_put(&store->context, enc);
    if (kind == (unsigned)CRDT__DELTA) {
        const crdt_run *run = &store->brought.runs[0];
        crdt_enc_replica(enc, run->replica);
        crdt_buf_varint(enc->out, run->hi - run->lo + 1);
        return;
    }
    if (kind == GROUP) {
        crdt_context_put(&store->brought, enc);
        return;
    }
    if (kind == (unsigned)CRDT__SINCE) crdt_context_put(&store->base, enc);
    crdt_context_put(&store->cut, enc);
    size_t count = 0;
    for (size_t i = 0; i < store->retired_count; i++) count += store->retired[i].end != 0;
    crdt_buf_varint(enc->out, count);
    for (size_t i = 0; i < store->retired_count; i++) {
        if (store->retired[i].end == 0) continue;
        crdt_buf_u64(enc->out, store->retired[i].replica);
        crdt_buf_varint(enc->out, store->retired[i].end);
    }
}

/* The byte at `at` stands for the size of what was put behind it: write that, as a varint. */
static void put_size(crdt_buf *out, size_t at)
{
    if (out->failed) return;
    uint64_t size = out->size - at - 1;
    size_t   more = 0;
    for (uint64_t rest = size >> 7; rest > 0; rest >>= 7) more++;
    if (!crdt_buf_reserve(out, more)) return;
    uint8_t *to = out->data + at;
    if (more > 0) memmove(to + 1 + more, to + 1, (size_t)size);
    out->size += more;
    for (; more > 0; more--, size >>= 7) *to++ = (uint8_t)(size | 0x80);
    *to = (uint8_t)size;
}

static void put_object(const crdt__object *o, const crdt__origin *own, crdt_enc *enc)
{
    bool     native = crdt__opaque_is_native(o, own);
    unsigned flags = 0;
    if (crdt__sibs_count(&o->presence) > 0) flags |= FLAG_PRESENCE;
    if (o->keep != NULL) flags |= FLAG_KEEP;
    if (o->type == &crdt__opaque_type && !native) flags |= FLAG_FRAGMENTS;
    crdt_buf_view(enc->out, o->key.bytes);
    crdt_buf_varint(enc->out, o->key.minor);
    crdt_buf_byte(enc->out, (uint8_t)flags);
    if (flags & FLAG_PRESENCE) crdt__sibs_encode(&crdt__presence, &o->presence, enc);
    if (flags & FLAG_KEEP) crdt_context_put(o->keep, enc);
    if (native) {
        crdt_buf_view(enc->out, crdt__opaque_body(o));
        return;
    }
    size_t at = enc->out->size;
    crdt_buf_byte(enc->out, 0);
    o->type->encode(o->state, enc);
    put_size(enc->out, at);
}

void crdt__encode_head(const crdt_store *store, crdt_enc *enc, uint64_t objects)
{
    put_head(store, enc, false);
    crdt_buf_varint(enc->out, objects);
}

void crdt__encode_object(const crdt__object *object, crdt_enc *enc)
{
    put_object(object, NULL, enc);
}

crdt_err crdt_store_encode(const crdt_store *store, crdt_buf *out)
{
    if (store->txn.delta != NULL) return CRDT_EBUSY;
    crdt_err err = crdt__objects_ready(store);
    if (err != CRDT_OK) return err;
    size_t        start = out->size;
    crdt_replicas ids;
    crdt_replicas_init(&ids, store->space.mem);
    size_t listed = mark_all(store, &ids);
    err = crdt_replicas_seal(&ids);
    crdt__origin *own = NULL;
    if (err == CRDT_OK && store->kind == CRDT__DELTA) err = crdt__opaque_own(store, &ids, &own);
    if (err == CRDT_OK) {
        crdt_enc enc = {out, &ids, store->kind == CRDT__STATE};
        size_t   origins = crdt__origins_number(store, own);
        put_head(store, &enc, origins > 0);
        if (origins > 0) {
            crdt_buf_varint(out, origins);
            crdt__origins_put(store, out);
        }
        crdt_buf_varint(out, listed);
        crdt__objects it = crdt__objects_of(store);
        for (crdt__object *o; (o = crdt__objects_next(&it)) != NULL;) {
            if (is_listed(store, o)) put_object(o, own, &enc);
        }
        crdt__origins_forget(store);
        err = crdt_buf_status(out);
    }
    crdt_replicas_clear(&ids);
    if (err != CRDT_OK && out->size > start) out->size = start;
    return err;
}

/* -- Decoding ---------------------------------------------------------------------------------- */

/* A decode in progress.
 *
 * Packing: the object that holds next to nothing takes hundreds of bytes and comes in ten. Where
 * the objects read so far take more than their bytes allow, none is kept: each is still read and
 * checked, but what the store gets in the end is a copy of the bytes, to make the objects from when
 * somebody looks at them. */
typedef struct reading {
    crdt__reading   shared; /* what objects that hold others are told of; first */
    crdt_store     *store;
    crdt_dec        dec;
    const uint8_t  *objects; /* where they, and before them the origins, begin */
    size_t          held;    /* by the objects made */
    bool            may_pack, packs;
    bool            name_lives; /* an object under the name read last is alive */
    uint64_t       *ids;        /* few, or allocated */
    size_t          ids_count;
    crdt__citations cited;
    bool            marks;  /* `used` is in use */
    uint64_t        few[4]; /* from here on nothing is set at first */
    crdt_replicas   used;   /* by the objects let go of */
} reading;

static crdt_err get_ids(reading *r)
{
    crdt_dec *dec = &r->dec;
    size_t    count = crdt_dec_count(dec, 8, "replica ids");
    if (count == 0) return dec->err;
    r->ids = r->few;
    if (count > sizeof r->few / sizeof r->few[0]) {
        r->ids = crdt__alloc(r->store->space.mem, count * sizeof *r->ids);
    }
    if (r->ids == NULL) return CRDT_ENOMEM;
    r->ids_count = count;
    for (size_t i = 0; i < count; i++) {
        r->ids[i] = crdt_dec_u64(dec);
        if (r->ids[i] == 0 || (i > 0 && r->ids[i] <= r->ids[i - 1])) {
            return crdt_dec_fail(dec, CRDT_EMALFORMED, "replica ids are out of order");
        }
    }
    dec->dict = r->ids;
    dec->dict_count = count;
    return dec->err;
}

static crdt_err get_author(reading *r)
{
    crdt_store *s = r->store;
    crdt_dec   *dec = &r->dec;
    uint64_t    author = crdt_dec_replica(dec);
    uint64_t    count = crdt__dec_varint(dec);
    uint64_t    hi = crdt_context_max(&s->context, author);
    if (dec->err != CRDT_OK) return dec->err;
    if (count == 0 || count > hi) {
        return crdt_dec_fail(dec, CRDT_EMALFORMED, "a delta's count of new dots is impossible");
    }
    crdt_run run = {author, hi - count + 1, hi};
    if (!crdt_context_has_run(&s->context, run)) {
        return crdt_dec_fail(dec, CRDT_EMALFORMED, "a delta's new dots are not in its context");
    }
    s->brought.runs[0] = run; /* it was empty, and has room for a few always */
    s->brought.count = 1;
    return CRDT_OK;
}

static crdt_err get_retired(reading *r)
{
    crdt_dec   *dec = &r->dec;
    crdt_store *s = r->store;
    size_t      count = crdt_dec_count(dec, 9, "retired replicas");
    uint64_t    last = 0;
    if (count == 0) return dec->err;
    s->retired = crdt__alloc(s->space.mem, count * sizeof *s->retired);
    if (s->retired == NULL) return CRDT_ENOMEM;
    s->retired_count = count;
    for (size_t i = 0; i < count; i++) {
        uint64_t id = crdt_dec_u64(dec), end = crdt__dec_varint(dec);
        if (dec->err != CRDT_OK) return dec->err;
        if (id <= last || end == 0 || end > CRDT_SEQ_MAX + 1) {
            return crdt_dec_fail(dec, CRDT_EMALFORMED, "retired replicas are out of order");
        }
        s->retired[i] = (crdt__retired){id, end};
        last = id;
    }
    return dec->err;
}

static crdt_err within_context(reading *r, const crdt_context *part, const char *reason)
{
    if (crdt_context_within(part, &r->store->context)) return CRDT_OK;
    return crdt_dec_fail(&r->dec, CRDT_EMALFORMED, reason);
}

static crdt_err get_head(reading *r, unsigned kind)
{
    crdt_store *s = r->store;
    crdt_err    err = get_ids(r);
    if (err == CRDT_OK) err = crdt_context_get(&s->context, &r->dec);
    if (err != CRDT_OK) return err;
    if (kind == (unsigned)CRDT__DELTA) return get_author(r);
    if (kind == GROUP) {
        err = crdt_context_get(&s->brought, &r->dec);
        if (err == CRDT_OK) err = within_context(r, &s->brought, "new dots outside the context");
        if (err == CRDT_OK && kind_code(s) != GROUP) {
            err = crdt_dec_fail(&r->dec, CRDT_EMALFORMED, "a delta of one author as a group");
        }
        return err;
    }
    if (kind == (unsigned)CRDT__SINCE) {
        err = crdt_context_get(&s->base, &r->dec);
        if (err == CRDT_OK) err = within_context(r, &s->base, "the base is outside the context");
    }
    if (err == CRDT_OK) err = crdt_context_get(&s->cut, &r->dec);
    if (err == CRDT_OK) err = within_context(r, &s->cut, "the cut is outside the context");
    return err == CRDT_OK ? get_retired(r) : err;
}

/* The type that id names, or the opaque one. A stand-alone store takes only its own. */
static const crdt_type *type_of(reading *r, crdt_view name, uint16_t id)
{
    const crdt_store *s = r->store;
    if (s->solo != NULL) {
        if (name.size == 0 && id == s->solo->id) return s->solo;
        crdt_dec_fail(&r->dec, CRDT_ETYPE, "bytes of another type than the stand-alone object's");
        return NULL;
    }
    const crdt_type *type = crdt_types_by_id(s->types, id);
    return type != NULL ? type : &crdt__opaque_type;
}

static crdt_err get_object_head(reading *r, crdt__object *o, unsigned flags)
{
    crdt_store *s = r->store;
    crdt_err    err = CRDT_OK;
    if ((flags & FLAG_PRESENCE) && s->solo != NULL) {
        return crdt_dec_fail(&r->dec, CRDT_EMALFORMED, "presence of what has no name");
    }
    if (flags & FLAG_PRESENCE) {
        err = crdt__sibs_decode(&crdt__presence, &s->space, &o->presence, &r->dec);
        if (err == CRDT_OK && crdt__sibs_count(&o->presence) == 0) {
            err = crdt_dec_fail(&r->dec, CRDT_EMALFORMED, "an empty presence");
        }
        if (err == CRDT_OK && o->type->beside) {
            err = crdt_dec_fail(&r->dec, CRDT_EMALFORMED, "presence of what stands beside a name");
        }
    }
    const uint8_t *start = r->dec.at;
    if (err == CRDT_OK && (flags & FLAG_KEEP)) {
        err = crdt__object_keeps(s, o);
        if (err == CRDT_OK) err = crdt_context_get(o->keep, &r->dec);
        if (err == CRDT_OK && o->keep->count == 0) {
            err = crdt_dec_fail(&r->dec, CRDT_EMALFORMED, "an empty set of kept dots");
        }
    }
    r->shared.keep = crdt_view_of(start, (size_t)(r->dec.at - start));
    return err;
}

/* -- What is too much ----------------------------------------------------------------------- */

enum { RATIO = 8, SLACK = 32 * 1024 }; /* half of what decode may take beyond: for one object */

/* Of a message, or of a part of it that stands in a fragment: both lie in the same bytes. */
crdt_err crdt__reading_takes(crdt_dec *dec, size_t bytes)
{
    crdt__reading *r = dec->reading;
    if (r == NULL || r->from == NULL || r->thin) return CRDT_OK;
    r->held += bytes;
    if (r->held <= RATIO * (size_t)(dec->at - r->from) + SLACK) return CRDT_OK;
    if (r->strict) return crdt_dec_fail(dec, CRDT_ELIMIT, "more memory than the bytes allow");
    r->thin = true;
    r->held = 0;
    return CRDT_OK;
}

static crdt_replicas *used_ids(reading *r)
{
    if (!r->marks) crdt_replicas_init(&r->used, r->store->space.mem);
    r->marks = true;
    return &r->used;
}

crdt_replicas *crdt__reading_used(crdt_dec *dec)
{
    CRDT_ASSERT(!dec->reading->strict); /* else it is that of a fragment */
    return used_ids((reading *)(void *)dec->reading);
}

/* Memory in use by what was read so far. */
static size_t held_by(const reading *r)
{
    const crdt_store *s = r->store;
    return r->held + s->objects.bytes + s->index.bytes + crdt__origins_bytes(s) + r->cited.held;
}

static crdt_err get_fragments(reading *r, crdt__object *o, crdt_dec *dec)
{
    const crdt_space *space = &r->store->space;
    if (o->type == &crdt__opaque_type) return crdt__opaque_read(space, o->state, dec, &r->cited);
    return crdt__opaque_replay(space, o->type, o->state, dec, &r->cited);
}

static crdt_err get_body(reading *r, crdt__object *o, unsigned flags)
{
    crdt_store       *s = r->store;
    const crdt_space *space = &s->space;
    crdt_view         body = crdt__dec_view(&r->dec, SIZE_MAX, "an object's body");
    if (r->dec.err != CRDT_OK) return r->dec.err;
    if (o->type == &crdt__opaque_type && (flags & FLAG_FRAGMENTS) == 0) {
        return crdt__foreign_get(space, o->state, &r->dec, body);
    }
    crdt_dec dec;
    crdt_dec_init(&dec, body, &s->limits);
    dec.dict = r->ids;
    dec.dict_count = r->ids_count;
    dec.reading = &r->shared;
    r->shared.from = r->may_pack ? r->objects : NULL;
    r->shared.held = held_by(r);
    dec.form = s->kind == CRDT__STATE ? CRDT_OF_STATE : CRDT_OF_DELTA;
    if (s->kind != CRDT__STATE) dec.later = CRDT_LATER;
    else if (s->solo == NULL) dec.later = CRDT_LATER_IF_SMALL;
    crdt_err err =
        flags & FLAG_FRAGMENTS ? get_fragments(r, o, &dec) : o->type->decode(space, o->state, &dec);
    if (err == CRDT_OK && dec.at != dec.end) {
        err = crdt_dec_fail(&dec, CRDT_EMALFORMED, "bytes after an object's body");
    }
    if (err != CRDT_OK && err != CRDT_ENOMEM) {
        crdt_dec_fail(&r->dec, err, dec.reason != NULL ? dec.reason : "a damaged body");
    }
    return err;
}

/* Is the object sound, and within the store's context? */
static bool audit(const crdt_store *s, const crdt__object *o, const char **ret_reason)
{
    if (o->type->within == NULL) {
        return o->type->check(&s->space, o->state, &s->context, ret_reason);
    }
    *ret_reason = "a dot is outside the context";
    return o->type->within(o->state, &s->context);
}

static crdt_err check_object(reading *r, const crdt__object *o)
{
    crdt_store *s = r->store;
    const char *reason = "a damaged object";
    if (!audit(s, o, &reason) ||
        !crdt__sibs_check(&crdt__presence, &s->space, &o->presence, &s->context, &reason)) {
        return crdt_dec_fail(&r->dec, CRDT_EMALFORMED, reason);
    }
    bool must_hold = s->kind == CRDT__STATE || (s->kind == CRDT__SINCE && o != s->only);
    bool foreign = o->type == &crdt__opaque_type; /* it holds something always */
    if (must_hold && !foreign && o->keep == NULL && crdt__object_is_empty(o)) {
        return crdt_dec_fail(&r->dec, CRDT_EMALFORMED, "an object that holds nothing");
    }
    if (o->keep != NULL) return within_context(r, o->keep, "a kept dot is outside the context");
    return CRDT_OK;
}

/* Where fragments take each other away, whoever knew the type would not list the object. */
static bool comes_to_nothing(const crdt_store *s, const crdt__object *o)
{
    return s->kind != CRDT__DELTA && o->keep == NULL && crdt__object_is_empty(o);
}

/* Let go of the objects made, once they take more than they may. */
static void pack_if_many(reading *r)
{
    crdt_store *s = r->store;
    size_t      bytes = (size_t)(r->dec.at - r->objects);
    bool        many = r->shared.thin || held_by(r) > RATIO * bytes + SLACK;
    r->shared.thin = false;
    if (!r->packs && !many) return;
    crdt__objects it = crdt__objects_of(s);
    for (crdt__object *o; (o = crdt__objects_next(&it)) != NULL;) mark_object(o, used_ids(r));
    crdt__objects_drop(s);
    r->held = 0;
    if (!r->packs) crdt__citations_check_only(s, &r->cited);
    r->packs = true;
}

/* The object is read. Of those let go of, the store counts the names. */
static crdt_err count_object(reading *r, crdt__object *o, bool same_name)
{
    crdt_store *s = r->store;
    size_t      names = s->names;
    bool        lived = same_name && r->name_lives;
    crdt_err    err = crdt__object_learn(s, o);
    if (err != CRDT_OK) return crdt_dec_fail(&r->dec, err, "no room for an object");
    crdt__object_touched(s, o, true);
    if (lived) s->names = names;
    r->name_lives = lived || o->live;
    r->held += r->may_pack && s->only == NULL ? crdt__object_held(o) : 0;
    return CRDT_OK;
}

/* An object up to its body. *ret_same: it has the name of the last. */
static crdt_err begin_object(reading *r, crdt_view *last, uint32_t *last_id, crdt__object **ret_o,
                             unsigned *ret_flags, bool *ret_same)
{
    crdt_store *s = r->store;
    crdt_dec   *dec = &r->dec;
    crdt_view   name = crdt__dec_view(dec, s->limits.name_bytes, "an object's name");
    uint64_t    id = crdt__dec_varint(dec);
    unsigned    flags = crdt_dec_byte(dec);
    if (dec->err != CRDT_OK) return dec->err;
    int order = last->data == NULL ? 1 : crdt_view_compare(name, *last);
    if (order < 0 || (order == 0 && id <= *last_id)) {
        return crdt_dec_fail(dec, CRDT_EMALFORMED, "objects are out of order");
    }
    bool keep = (flags & FLAG_KEEP) != 0;
    if (s->solo != NULL && (flags & FLAG_FRAGMENTS))
        flags = UINT8_MAX; /* its type is always known */
    if (id > UINT16_MAX || flags > 7 || (keep && s->kind != CRDT__SINCE)) {
        return crdt_dec_fail(dec, CRDT_EMALFORMED, "an object's type or flags are impossible");
    }
    const crdt_type *type = type_of(r, name, (uint16_t)id);
    if (type == NULL) return dec->err;
    *last = name.data == NULL ? crdt_view_of("", 0) : name;
    *last_id = (uint32_t)id;
    *ret_flags = flags;
    *ret_same = order == 0;
    crdt_err err = crdt__object_make(s, name, type, (uint16_t)id, ret_o);
    return err == CRDT_OK ? get_object_head(r, *ret_o, flags) : err;
}

static crdt_err get_object(reading *r, crdt_view *last, uint32_t *last_id)
{
    crdt_store   *s = r->store;
    crdt__object *o;
    unsigned      flags;
    bool          same_name;
    crdt_err      err = begin_object(r, last, last_id, &o, &flags, &same_name);
    if (err == CRDT_OK) err = get_body(r, o, flags);
    if (err != CRDT_OK) return err;
    bool replayed = (flags & FLAG_FRAGMENTS) && o->type != &crdt__opaque_type;
    replayed |= r->shared.replayed;
    r->shared.replayed = false;
    if (!(replayed && comes_to_nothing(s, o))) err = check_object(r, o);
    if (err == CRDT_OK) err = count_object(r, o, same_name);
    if (err == CRDT_OK && replayed && comes_to_nothing(s, o)) crdt__object_prune(s, o);
    if (err == CRDT_OK && r->may_pack) pack_if_many(r);
    return err;
}

/* Every id of the dictionary must be used, or the same state would have many encodings. */
static crdt_err check_ids(reading *r)
{
    const crdt_context *seen = &r->store->context;
    size_t              count = 0;
    for (uint32_t i = 0; i < seen->count; i++) {
        count += i == 0 || seen->runs[i].replica != seen->runs[i - 1].replica;
    }
    /* The context alone uses them all, as it mostly does; or what is unknown here may. */
    if (count == r->ids_count || r->shared.own != NULL) return CRDT_OK;
    (void)mark_all(r->store, used_ids(r));
    crdt_err err = crdt_replicas_seal(&r->used);
    if (err == CRDT_OK && r->used.count != r->ids_count) {
        err = crdt_dec_fail(&r->dec, CRDT_EMALFORMED, "an unused replica id");
    }
    return err;
}

/* Origins, up to the objects, of which there are *ret_count. */
static crdt_err begin_objects(reading *r, unsigned kind, size_t *ret_count)
{
    crdt_store *s = r->store;
    crdt_err    err = CRDT_OK;
    r->objects = r->dec.at;
    if (kind & WITH_ORIGINS) {
        err = s->solo == NULL ? crdt__citations_read(s, &r->dec, &r->cited)
                              : crdt_dec_fail(&r->dec, CRDT_EMALFORMED, "origins for one type");
    }
    if (err != CRDT_OK) return err;
    *ret_count = crdt_dec_count(&r->dec, 4, "objects");
    if (s->solo != NULL && *ret_count != 1 && (*ret_count != 0 || s->kind != CRDT__STATE)) {
        crdt_dec_fail(&r->dec, CRDT_EMALFORMED, "a stand-alone object must be one");
    }
    return r->dec.err;
}

static crdt_err read_objects(reading *r, unsigned kind)
{
    crdt_view last = {NULL, 0};
    uint32_t  last_id = 0;
    size_t    count = 0;
    crdt_err  err = begin_objects(r, kind, &count);
    for (size_t i = 0; i < count && err == CRDT_OK; i++) err = get_object(r, &last, &last_id);
    if (err != CRDT_OK) return err;
    if (r->dec.at != r->dec.end) {
        crdt_dec_fail(&r->dec, CRDT_EMALFORMED, "bytes after the last object");
    }
    if (r->dec.err == CRDT_OK && !crdt__citations_used(&r->cited)) {
        crdt_dec_fail(&r->dec, CRDT_EMALFORMED, "an unused origin");
    }
    err = r->dec.err;
    return err == CRDT_OK ? check_ids(r) : err;
}

static crdt_err read_kind(crdt_dec *dec, bool forgets, unsigned *ret_kind)
{
    unsigned magic = crdt_dec_byte(dec), format = crdt_dec_byte(dec), kind = crdt_dec_byte(dec);
    if (dec->err != CRDT_OK) return dec->err;
    if (magic != MAGIC) return crdt_dec_fail(dec, CRDT_EMALFORMED, "not the bytes of a store");
    if (format != FORMAT)
        return crdt_dec_fail(dec, CRDT_EVERSION, "a format newer than this library");
    unsigned plain = kind & ~(WITH_ORIGINS | FORGETS);
    if (plain < 1 || plain > GROUP)
        return crdt_dec_fail(dec, CRDT_EMALFORMED, "an unknown kind of bytes");
    if (((kind & FORGETS) != 0) != forgets)
        return crdt_dec_fail(dec, CRDT_EMALFORMED, "written with another choice of forget_ids");
    *ret_kind = kind & ~FORGETS;
    return CRDT_OK;
}

/* Read the head into the store, which is empty. */
static crdt_err read_head(reading *r, crdt_store *store, crdt_view in, unsigned *ret_kind)
{
    memset(r, 0, offsetof(reading, few));
    r->store = store;
    r->shared.seen = &store->context;
    r->may_pack = store->only == NULL || store->solo->holds;
    crdt_dec_init(&r->dec, in, &store->limits);
    r->dec.reading = &r->shared;
    if (in.size > store->limits.message_bytes) {
        return crdt_dec_fail(&r->dec, CRDT_ELIMIT, "longer than limits.message_bytes");
    }
    crdt_err err = read_kind(&r->dec, store->space.forget_ids, ret_kind);
    if (err != CRDT_OK) return err;
    unsigned plain = *ret_kind & ~WITH_ORIGINS;
    store->kind = plain == GROUP ? CRDT__DELTA : (crdt__store_kind)plain;
    return get_head(r, plain);
}

static void reading_end(reading *r)
{
    crdt_store *s = r->store;
    crdt__origin_drop(s, r->shared.own);
    if (r->cited.count > 0) crdt__citations_end(s, &r->cited);
    if (r->ids != r->few) crdt__release(s->space.mem, r->ids, r->ids_count * sizeof *r->ids);
    if (r->marks) crdt_replicas_clear(&r->used);
}

/* What the objects are to be made from. */
static crdt_err keep_packed(crdt_store *store, crdt_view in)
{
    store->packed = crdt__alloc(store->space.mem, in.size);
    if (store->packed == NULL) return CRDT_ENOMEM;
    memcpy(store->packed, in.data, in.size);
    store->packed_size = in.size;
    return CRDT_OK;
}

/* Into an empty store made for it; frees the store on error. */
static crdt_err decode_into(crdt_store *store, crdt_view in, crdt_store **ret_store,
                            const char **ret_reason)
{
    reading  r;
    unsigned kind = 0;
    crdt_err err = read_head(&r, store, in, &kind);
    if (err == CRDT_OK) err = read_objects(&r, kind);
    reading_end(&r);
    if (err == CRDT_OK && r.packs) err = keep_packed(store, in);
    if (err != CRDT_OK) {
        crdt_store_free(store);
        if (ret_reason != NULL)
            *ret_reason = r.dec.reason != NULL ? r.dec.reason : crdt_err_text(err);
        return err;
    }
    *ret_store = store;
    return CRDT_OK;
}

/* The body of the object, in the form of its own type. */
static crdt_err find_body(reading *r, unsigned kind, crdt_view name, const crdt_type *type,
                          crdt_view *ret_body)
{
    crdt_view last = {NULL, 0};
    uint32_t  id = 0;
    size_t    count = 0;
    bool      same_name;
    crdt_err  err = begin_objects(r, kind, &count);
    for (size_t i = 0; i < count && err == CRDT_OK; i++) {
        crdt__object *o;
        unsigned      flags;
        err = begin_object(r, &last, &id, &o, &flags, &same_name);
        if (err != CRDT_OK) break;
        *ret_body = crdt__dec_view(&r->dec, SIZE_MAX, "an object's body");
        if (id == type->id && crdt_view_compare(last, name) == 0) {
            return flags & FLAG_FRAGMENTS ? CRDT_ENOENT : r->dec.err;
        }
        err = r->dec.err;
    }
    return err == CRDT_OK ? CRDT_ENOENT : err;
}

crdt_err crdt_store_peek(const crdt_options *options, crdt_view in, crdt_view name,
                         const crdt_type *type, crdt_view *ret_body, const char **ret_reason)
{
    crdt_store *store;
    reading     r;
    unsigned    kind = 0;
    crdt_view   body = {NULL, 0};
    crdt_err    err = crdt_store_new(options, &store);
    if (err != CRDT_OK) {
        if (ret_reason != NULL) *ret_reason = crdt_err_text(err);
        return err;
    }
    err = read_head(&r, store, in, &kind);
    if (err == CRDT_OK) err = find_body(&r, kind, name, type, &body);
    reading_end(&r);
    if (err != CRDT_OK && ret_reason != NULL) {
        *ret_reason = r.dec.reason != NULL ? r.dec.reason : crdt_err_text(err);
    }
    crdt_store_free(store);
    if (err == CRDT_OK) *ret_body = body;
    return err;
}

crdt_err crdt_store_decode(const crdt_options *options, crdt_view in, crdt_store **ret_store,
                           const char **ret_reason)
{
    crdt_store *store;
    crdt_err    err = crdt_store_new(options, &store);
    if (err != CRDT_OK) {
        if (ret_reason != NULL) *ret_reason = crdt_err_text(err);
        return err;
    }
    return decode_into(store, in, ret_store, ret_reason);
}

crdt_err crdt_delta_decode(const crdt_store *like, crdt_view in, crdt_delta **ret_delta,
                           const char **ret_reason)
{
    crdt_store *store;
    crdt_err    err = crdt__store_like(like, CRDT__STATE, &store);
    if (err != CRDT_OK) {
        if (ret_reason != NULL) *ret_reason = crdt_err_text(err);
        return err;
    }
    return decode_into(store, in, ret_delta, ret_reason);
}

crdt_err crdt__objects_make(const crdt_store *store)
{
    crdt_store *s = (crdt_store *)(uintptr_t)store, *head; /* what it tells stays the same */
    crdt_view   in = crdt_view_of(s->packed, s->packed_size);
    size_t      names = s->names;
    unsigned    kind = 0;
    reading     r;
    crdt_err    err = crdt__store_like(s, s->kind, &head);
    if (err != CRDT_OK) return err;
    err = read_head(&r, head, in, &kind); /* the store has it already */
    r.store = s;
    r.shared.seen = &s->context;
    r.may_pack = false;
    if (s->only == NULL) s->names = 0;
    if (err == CRDT_OK) err = read_objects(&r, kind);
    reading_end(&r);
    crdt_store_free(head);
    if (err != CRDT_OK) { /* of memory: the bytes are known to be sound */
        crdt__objects_drop(s);
        s->names = names;
        return err;
    }
    crdt__release(s->space.mem, s->packed, s->packed_size);
    s->packed = NULL;
    return CRDT_OK;
}
