/* store/opaque_code.c: objects of unknown types as bytes, and back into their own types. See
 * store/opaque.c; the layout is told in store/code.c. */
#include <string.h>

#include "crdt/core/dec.h"
#include "crdt/store/opaque_impl.h"

/* -- Encoding ---------------------------------------------------------------------------------- */

static const crdt__opaque *opaque_of(const crdt__object *object)
{
    return object->type == &crdt__opaque_type ? (const crdt__opaque *)(const void *)object->state
                                              : NULL;
}

bool crdt__opaque_is_native(const crdt__object *object, const crdt__origin *own)
{
    const crdt__opaque *o = opaque_of(object);
    return o != NULL && own != NULL && o->count == 1 && o->gone == NULL &&
           o->list[0].origin == own && crdt__fragment_keep(o->list[0]).size == 0;
}

crdt_view crdt__opaque_body(const crdt__object *object)
{
    return crdt__fragment_body(opaque_of(object)->list[0]);
}

/* Does the origin have the store's very context, and all of ids? */
static crdt_err is_own(const crdt_store *store, const crdt__origin *origin,
                       const crdt_replicas *ids, bool *ret_own)
{
    crdt__parsed p;
    size_t       found = 0;
    crdt_err     err = crdt__origin_parse(&store->space, origin, &p);
    for (size_t i = 0; i < p.count && found < ids->count; i++) found += p.ids[i] == ids->ids[found];
    *ret_own =
        err == CRDT_OK && found == ids->count && crdt_context_equal(&p.seen, &store->context);
    crdt__parsed_clear(&store->space, &p);
    return err;
}

crdt_err crdt__opaque_own(const crdt_store *store, crdt_replicas *ids, crdt__origin **ret_own)
{
    crdt_err      err = CRDT_OK;
    bool          several = false;
    crdt__objects it = crdt__objects_of(store);
    *ret_own = NULL;
    if (store->origins == NULL) return CRDT_OK;
    for (crdt__object *object; err == CRDT_OK && (object = crdt__objects_next(&it)) != NULL;) {
        const crdt__opaque *o = opaque_of(object);
        bool                own = false;
        if (o == NULL || o->count != 1 || o->gone != NULL ||
            crdt__fragment_keep(o->list[0]).size > 0)
            continue;
        if (o->list[0].origin->key.own != 0) continue; /* asked already */
        o->list[0].origin->key.own = 1;
        err = is_own(store, o->list[0].origin, ids, &own);
        if (!own) continue;
        several |= *ret_own != NULL;
        *ret_own = o->list[0].origin;
    }
    crdt__origins_forget(store);
    if (several) *ret_own = NULL;
    if (err != CRDT_OK || *ret_own == NULL) return err;
    crdt__parsed p;
    err = crdt__origin_parse(&store->space, *ret_own, &p);
    for (size_t i = 0; err == CRDT_OK && i < p.count; i++) crdt_replicas_add(ids, p.ids[i]);
    crdt__parsed_clear(&store->space, &p);
    return err == CRDT_OK ? crdt_replicas_seal(ids) : err;
}

size_t crdt__origins_number(const crdt_store *store, const crdt__origin *own)
{
    uint32_t      count = 0;
    crdt__objects it = crdt__objects_of(store);
    if (store->origins == NULL) return 0;
    for (crdt__object *object; (object = crdt__objects_next(&it)) != NULL;) {
        const crdt__opaque *o = opaque_of(object);
        if (o == NULL || crdt__opaque_is_native(object, own)) continue;
        for (uint32_t i = 0; i < o->count; i++) o->list[i].origin->key.own = 1;
        if (o->gone) o->gone->key.own = 1;
    }
    crdt__omap_iter all = crdt__omap_first(store->origins);
    for (crdt__origin *origin; (origin = crdt__omap_next(&all)) != NULL;) {
        if (origin->key.own != 0) origin->key.own = ++count;
    }
    return count;
}

void crdt__origins_put(const crdt_store *store, crdt_buf *out)
{
    crdt__omap_iter all = crdt__omap_first(store->origins);
    for (crdt__origin *origin; (origin = crdt__omap_next(&all)) != NULL;) {
        if (origin->key.own != 0) crdt_buf_put(out, origin->bytes, origin->key.bytes.size);
    }
}

void crdt__origins_forget(const crdt_store *store)
{
    if (store->origins == NULL) return;
    crdt__omap_iter all = crdt__omap_first(store->origins);
    for (crdt__origin *origin; (origin = crdt__omap_next(&all)) != NULL;) origin->key.own = 0;
}

void crdt__opaque_encode(const void *state, crdt_enc *enc)
{
    const crdt__opaque *o = state;
    crdt_buf_varint(enc->out, (uint64_t)o->count << 1 | (o->gone != NULL));
    if (o->gone) crdt_buf_varint(enc->out, o->gone->key.own - 1);
    for (uint32_t i = 0; i < o->count; i++) {
        crdt_buf_varint(enc->out, o->list[i].origin->key.own - 1);
        crdt_buf_view(enc->out, crdt__fragment_keep(o->list[i]));
        crdt_buf_view(enc->out, crdt__fragment_body(o->list[i]));
    }
}

/* -- Decoding ---------------------------------------------------------------------------------- */

/* An origin in the form that types are given, in one piece: the ids, then the runs. */
struct crdt__heard {
    size_t   ids_count;
    uint32_t runs_count;
    uint64_t ids[];
};

static size_t heard_bytes(const crdt__heard *h)
{
    return sizeof *h + h->ids_count * sizeof *h->ids + h->runs_count * sizeof(crdt_run);
}

/* Borrowed from h. */
static crdt_context heard_seen(const crdt_space *space, crdt__heard *h)
{
    crdt_context seen;
    crdt_context_init(&seen, space->mem);
    seen.runs = (crdt_run *)(void *)(h->ids + h->ids_count);
    seen.count = seen.cap = h->runs_count;
    return seen;
}

crdt_err crdt__citations_read(crdt_store *store, crdt_dec *dec, crdt__citations *cited)
{
    enum { WITH_ID_MIN = 10 }; /* bytes of an origin but the one that has no ids */
    size_t    count = crdt_dec_count(dec, 2, "origins");
    crdt_view last = {NULL, 0};
    if (dec->err == CRDT_OK && (count == 0 || count - 1 > crdt_dec_left(dec) / WITH_ID_MIN)) {
        crdt_dec_fail(dec, CRDT_EMALFORMED, "impossible number of origins");
    }
    if (dec->err != CRDT_OK) return dec->err;
    cited->at = crdt__alloc(store->space.mem, count * sizeof *cited->at);
    if (cited->at == NULL) return CRDT_ENOMEM;
    memset(cited->at, 0, count * sizeof *cited->at);
    cited->count = count;
    for (size_t i = 0; i < count; i++) {
        crdt__parsed   p;
        const uint8_t *start = dec->at;
        crdt_err       err = crdt__origin_read(&store->space, dec, &p);
        crdt__parsed_clear(&store->space, &p);
        if (err != CRDT_OK) return err;
        crdt_view bytes = crdt_view_of(start, (size_t)(dec->at - start));
        if (i > 0 && crdt_view_compare(last, bytes) >= 0) {
            return crdt_dec_fail(dec, CRDT_EMALFORMED, "origins are out of order");
        }
        cited->at[i].bytes = last = bytes;
    }
    return CRDT_OK;
}

bool crdt__citations_used(const crdt__citations *cited)
{
    for (size_t i = 0; i < cited->count; i++) {
        if (cited->at[i].origin == NULL && cited->at[i].heard == NULL) return false;
    }
    return true;
}

void crdt__citations_end(crdt_store *store, crdt__citations *cited)
{
    for (size_t i = 0; i < cited->count; i++) {
        crdt__heard *h = cited->at[i].heard;
        crdt__origin_drop(store, cited->at[i].origin);
        if (h) crdt__release(store->space.mem, h, heard_bytes(h));
    }
    crdt__release(store->space.mem, cited->at, cited->count * sizeof *cited->at);
}

/* Reads a place in the table; NULL: there is none. */
static crdt__cited *get_cited(crdt_dec *dec, const crdt__citations *cited)
{
    uint64_t place = crdt__dec_varint(dec);
    if (dec->err == CRDT_OK && place < cited->count) return &cited->at[place];
    crdt_dec_fail(dec, CRDT_EMALFORMED, "an origin that is not in the table");
    return NULL;
}

/* The store's own of it. A reference stays with the table. */
static crdt_err hold(const crdt_space *space, crdt__cited *c)
{
    return c->origin ? CRDT_OK : crdt__origin_get(crdt__store_of(space), c->bytes, &c->origin);
}

static crdt_err hear(const crdt_space *space, crdt__cited *c)
{
    crdt__parsed p;
    crdt_dec     dec;
    if (c->heard) return CRDT_OK;
    crdt_dec_init(&dec, c->bytes, space->limits);
    crdt_err err = crdt__origin_read(space, &dec, &p);
    size_t   ids = p.count * sizeof *p.ids, runs = p.seen.count * sizeof(crdt_run);
    if (err == CRDT_OK) {
        c->heard = crdt__alloc(space->mem, sizeof *c->heard + ids + runs);
        if (c->heard == NULL) err = CRDT_ENOMEM;
    }
    if (err == CRDT_OK) {
        c->heard->ids_count = p.count;
        c->heard->runs_count = p.seen.count;
        if (ids > 0) memcpy(c->heard->ids, p.ids, ids);
        memcpy(c->heard->ids + p.count, p.seen.runs, runs);
    }
    crdt__parsed_clear(space, &p);
    return err;
}

typedef struct head {
    size_t       count;
    crdt__cited *gone;
} head;

static crdt_err get_head(crdt_dec *dec, const crdt__citations *cited, head *ret_head)
{
    uint64_t n = crdt__dec_varint(dec);
    ret_head->count = (size_t)(n >> 1);
    ret_head->gone = n & 1 ? get_cited(dec, cited) : NULL;
    if (dec->err == CRDT_OK && n == 0) {
        crdt_dec_fail(dec, CRDT_EMALFORMED, "an object of no fragments");
    }
    if (n >> 1 > crdt_dec_left(dec) / 3) {
        crdt_dec_fail(dec, CRDT_EMALFORMED, "more fragments than bytes");
    }
    return dec->err;
}

static crdt__cited *get_fragment(crdt_dec *dec, const crdt__citations *cited,
                                 crdt__fragment_key *ret_key)
{
    crdt__cited *c = get_cited(dec, cited);
    ret_key->keep = crdt__dec_view(dec, SIZE_MAX, "a fragment");
    ret_key->body = crdt__dec_view(dec, SIZE_MAX, "a fragment");
    if (dec->err != CRDT_OK) return NULL;
    ret_key->origin = c->bytes;
    return c;
}

crdt_err crdt__opaque_read(const crdt_space *space, void *state, crdt_dec *dec,
                           const crdt__citations *cited)
{
    crdt__opaque *o = state;
    head          h;
    if (get_head(dec, cited, &h) != CRDT_OK) return dec->err;
    crdt_err err = h.count > 0 ? crdt__opaque_room(space, o, h.count, true) : CRDT_OK;
    if (err == CRDT_OK && h.gone != NULL) err = hold(space, h.gone);
    if (err == CRDT_OK && h.gone != NULL) {
        o->gone = h.gone->origin;
        o->gone->refs++;
    }
    for (size_t i = 0; err == CRDT_OK && i < h.count; i++) {
        crdt__fragment_key key;
        crdt__cited       *c = get_fragment(dec, cited, &key);
        if (c == NULL) return dec->err;
        if (i > 0 && crdt__fragment_compare(&key, o->list[i - 1]) <= 0) {
            return crdt_dec_fail(dec, CRDT_EMALFORMED, "fragments are out of order");
        }
        err = hold(space, c);
        if (err == CRDT_OK) {
            err = crdt__fragment_make(space, c->origin, key.keep, key.body, &o->list[i]);
        }
        if (err == CRDT_OK) o->count++;
    }
    return err;
}

typedef struct replay {
    const crdt_space *space;
    const crdt_type  *type;
    void             *state, *scratch; /* scratch: bottom between fragments */
    crdt_context      seen;            /* by state */
} replay;

/* Join what scratch holds, seen in this context, into the state; then scratch is bottom. last:
 * nothing follows that would have to know what was seen. */
static crdt_err join_scratch(replay *r, const crdt_context *seen, bool last)
{
    crdt_join join = {r->space, {&r->seen, NULL}, {seen, NULL}, 0};
    crdt_err  err = r->type->prepare(&join, r->state, r->scratch);
    if (err == CRDT_OK && !last) err = crdt_context_reserve_union(&r->seen, seen);
    if (err == CRDT_OK) {
        (void)r->type->commit(&join, r->state, r->scratch);
        if (!last) crdt_context_union_reserved(&r->seen, seen);
    }
    r->type->clear(r->space, r->scratch);
    return err;
}

static crdt_dec heard_dec(const replay *r, const crdt__heard *h, crdt_view in)
{
    crdt_dec dec;
    crdt_dec_init(&dec, in, r->space->limits);
    dec.dict = h->ids;
    dec.dict_count = h->ids_count;
    return dec;
}

static crdt_err replay_one(replay *r, crdt__cited *c, const crdt__fragment_key *key, bool last)
{
    crdt_context keep;
    crdt_err     err = hear(r->space, c);
    if (err != CRDT_OK) return err;
    crdt_dec body = heard_dec(r, c->heard, key->body), kept = heard_dec(r, c->heard, key->keep);
    crdt_context_init(&keep, r->space->mem);
    if (key->keep.size > 0) err = crdt_context_get(&keep, &kept);
    if (err == CRDT_OK) err = r->type->decode(r->space, r->scratch, &body);
    if (err == CRDT_OK && (body.at != body.end || kept.at != kept.end)) err = CRDT_EMALFORMED;
    crdt_context borrowed = heard_seen(r->space, c->heard), rest;
    crdt_context_init(&rest, r->space->mem);
    if (err == CRDT_OK && keep.count > 0) { /* what it keeps, it has not seen removed */
        err = crdt_context_copy(&rest, &borrowed);
        if (err == CRDT_OK) err = crdt_context_subtract(&rest, &keep);
    }
    if (err == CRDT_OK) err = join_scratch(r, keep.count > 0 ? &rest : &borrowed, last);
    crdt_context_clear(&keep);
    crdt_context_clear(&rest);
    r->type->clear(r->space, r->scratch);
    return err;
}

static crdt_err replay_all(replay *r, crdt_dec *dec, const crdt__citations *cited)
{
    head h;
    if (get_head(dec, cited, &h) != CRDT_OK) return dec->err;
    crdt_err err = CRDT_OK;
    for (size_t i = 0; err == CRDT_OK && i < h.count; i++) {
        crdt__fragment_key key;
        crdt__cited       *c = get_fragment(dec, cited, &key);
        bool               last = i + 1 == h.count && h.gone == NULL;
        err = c == NULL ? dec->err : replay_one(r, c, &key, last);
    }
    if (err == CRDT_OK && h.gone != NULL) err = hear(r->space, h.gone);
    if (err == CRDT_OK && h.gone != NULL) {
        crdt_context seen = heard_seen(r->space, h.gone->heard);
        err = join_scratch(r, &seen, true);
    }
    return err;
}

crdt_err crdt__opaque_replay(const crdt_space *space, const crdt_type *type, void *state,
                             crdt_dec *dec, const crdt__citations *cited)
{
    replay r = {space, type, state, crdt__alloc(space->mem, type->size), {0}};
    if (r.scratch == NULL) return CRDT_ENOMEM;
    type->init(space, r.scratch);
    crdt_context_init(&r.seen, space->mem);
    crdt_err err = replay_all(&r, dec, cited);
    crdt_context_clear(&r.seen);
    crdt__release(space->mem, r.scratch, type->size);
    return err;
}
