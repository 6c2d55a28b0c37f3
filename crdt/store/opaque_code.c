/* store/opaque_code.c: objects of unknown types as bytes, and the table of origins. See
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

/* -- In objects that hold others ---------------------------------------------------------------
 *
 * There the table of origins stands before the fragments: it is part of a body that those who do
 * not know the outer type either keep as it is. */

/* Goes through the origins of an object, in order. */
typedef struct telling {
    const crdt__opaque *o;
    uint32_t            at;
    bool                gone_told;
} telling;

static const crdt__origin *next_origin(telling *t)
{
    const crdt__origin *next = t->at < t->o->count ? t->o->list[t->at].origin : NULL;
    const crdt__origin *gone = t->gone_told ? NULL : t->o->gone;
    if (next == NULL && gone == NULL) return NULL;
    int order = next == NULL   ? 1
                : gone == NULL ? -1
                               : crdt_view_compare(next->key.bytes, gone->key.bytes);
    while (order <= 0 && t->at < t->o->count && t->o->list[t->at].origin == next) t->at++;
    t->gone_told |= order >= 0;
    return order <= 0 ? next : gone;
}

/* The place of one that comes next, or after others. */
static uint64_t place_from(telling *t, uint64_t *place, const crdt__origin *origin)
{
    while (next_origin(t) != origin) ++*place;
    return (*place)++;
}

void crdt__foreign_encode(const void *state, crdt_enc *enc)
{
    const crdt__opaque *o = state;
    telling             t = {o, 0, false};
    uint64_t            count = 0, place = 0;
    while (next_origin(&t) != NULL) count++;
    crdt_buf_varint(enc->out, count);
    t = (telling){o, 0, false};
    for (const crdt__origin *origin; (origin = next_origin(&t)) != NULL;) {
        crdt_buf_put(enc->out, origin->bytes, origin->key.bytes.size);
    }
    crdt_buf_varint(enc->out, (uint64_t)o->count << 1 | (o->gone != NULL));
    t = (telling){o, 0, false};
    if (o->gone != NULL) crdt_buf_varint(enc->out, place_from(&t, &place, o->gone));
    t = (telling){o, 0, false};
    uint64_t next = 0;
    for (uint32_t i = 0; i < o->count; i++) {
        bool again = i > 0 && o->list[i].origin == o->list[i - 1].origin;
        if (!again) place = place_from(&t, &next, o->list[i].origin);
        crdt_buf_varint(enc->out, place);
        crdt_buf_view(enc->out, crdt__fragment_keep(o->list[i]));
        crdt_buf_view(enc->out, crdt__fragment_body(o->list[i]));
    }
}

crdt_err crdt__foreign_get(const crdt_space *space, void *state, crdt_dec *dec, crdt_view body)
{
    crdt__reading *r = dec->reading;
    crdt_err       err = CRDT_OK;
    if (r == NULL) return crdt_dec_fail(dec, CRDT_EVERSION, "a type that this library lacks");
    if (r->own == NULL) {
        err =
            crdt__origin_make(crdt__store_of(space), dec->dict, dec->dict_count, r->seen, &r->own);
    }
    return err == CRDT_OK ? crdt__opaque_add(space, state, r->own, r->keep, body) : err;
}

/* With the table before them; type NULL: as fragments. */
static crdt_err read_told(const crdt_space *space, const crdt_type *type, void *state,
                          crdt_dec *dec)
{
    crdt_store     *store = crdt__store_of(space);
    crdt__citations cited;
    if (dec->reading == NULL) return crdt_dec_fail(dec, CRDT_EVERSION, "fragments in an object");
    memset(&cited, 0, sizeof cited);
    crdt_err err = crdt__citations_read(store, dec, &cited);
    if (err == CRDT_OK && type == NULL) err = crdt__opaque_read(space, state, dec, &cited);
    else if (err == CRDT_OK) err = crdt__opaque_replay(space, type, state, dec, &cited);
    if (err == CRDT_OK && !crdt__citations_used(&cited)) {
        err = crdt_dec_fail(dec, CRDT_EMALFORMED, "an unused origin");
    }
    crdt__citations_end(store, &cited);
    return err;
}

crdt_err crdt__foreign_read(const crdt_space *space, void *state, crdt_dec *dec)
{
    return read_told(space, NULL, state, dec);
}

crdt_err crdt__foreign_replay(const crdt_space *space, const crdt_type *type, void *state,
                              crdt_dec *dec)
{
    crdt_err err = read_told(space, type, state, dec);
    if (err == CRDT_OK) dec->reading->replayed = true;
    return err;
}

/* -- The table of origins ---------------------------------------------------------------------- */

static size_t heard_bytes(const crdt__heard *h)
{
    return sizeof *h + h->ids_count * sizeof *h->ids + h->runs_count * sizeof *h->runs;
}

crdt_context crdt__heard_seen(const crdt_space *space, const crdt__heard *h)
{
    crdt_context seen;
    crdt_context_init(&seen, space->mem);
    seen.runs = h->runs;
    seen.count = seen.cap = h->runs_count;
    return seen;
}

static void heard_free(const crdt_space *space, crdt__heard *h)
{
    if (h == NULL) return;
    crdt__release(space->mem, h->ids, h->ids_count * sizeof *h->ids);
    crdt__release(space->mem, h->runs, h->runs_count * sizeof *h->runs);
    crdt__release(space->mem, h, sizeof *h);
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
    cited->held = count * sizeof *cited->at;
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
        if (bytes.size > UINT32_MAX) return crdt_dec_fail(dec, CRDT_ELIMIT, "an origin");
        cited->at[i].bytes = bytes.data;
        cited->at[i].size = (uint32_t)bytes.size;
        last = bytes;
    }
    return CRDT_OK;
}

bool crdt__citations_used(const crdt__citations *cited)
{
    for (size_t i = 0; i < cited->count; i++) {
        if (!cited->at[i].used) return false;
    }
    return true;
}

void crdt__citations_check_only(crdt_store *store, crdt__citations *cited)
{
    cited->check_only = true;
    for (size_t i = 0; i < cited->count; i++) {
        crdt__origin_drop(store, cited->at[i].origin);
        cited->at[i].origin = NULL;
    }
}

void crdt__citations_end(crdt_store *store, crdt__citations *cited)
{
    for (size_t i = 0; i < cited->count; i++) {
        heard_free(&store->space, cited->at[i].heard);
        crdt__origin_drop(store, cited->at[i].origin);
    }
    crdt__release(store->space.mem, cited->at, cited->count * sizeof *cited->at);
}

static crdt_view cited_bytes(const crdt__cited *c)
{
    return crdt_view_of(c->bytes, c->size);
}

/* Reads a place in the table; NULL: there is none. */
static crdt__cited *get_cited(crdt_dec *dec, const crdt__citations *cited)
{
    uint64_t place = crdt__dec_varint(dec);
    if (dec->err == CRDT_OK && place < cited->count) {
        cited->at[place].used = true;
        return &cited->at[place];
    }
    crdt_dec_fail(dec, CRDT_EMALFORMED, "an origin that is not in the table");
    return NULL;
}

/* The store's own of it. A reference stays with the table. */
static crdt_err hold(const crdt_space *space, crdt__cited *c)
{
    if (c->origin != NULL) return CRDT_OK;
    return crdt__origin_get(crdt__store_of(space), cited_bytes(c), &c->origin);
}

/* What was parsed, whose memory it takes over; NULL: no memory. */
static crdt__heard *heard_of(const crdt_space *space, crdt__parsed *p)
{
    bool         few = p->seen.runs == p->seen.few;
    size_t       bytes = p->seen.count * sizeof *p->seen.runs;
    crdt__heard *h = crdt__alloc(space->mem, sizeof *h);
    crdt_run    *runs = few ? crdt__alloc(space->mem, bytes) : p->seen.runs;
    if (h == NULL || runs == NULL) {
        crdt__release(space->mem, h, sizeof *h);
        if (few) crdt__release(space->mem, runs, bytes);
        return NULL;
    }
    CRDT_ASSERT(few || p->seen.cap == p->seen.count);
    if (few) memcpy(runs, p->seen.few, bytes);
    *h = (crdt__heard){p->ids, runs, (uint32_t)p->count, p->seen.count};
    p->ids = NULL;
    p->count = 0;
    crdt_context_init(&p->seen, space->mem);
    return h;
}

crdt_err crdt__cited_hear(const crdt_space *space, crdt__citations *cited, crdt__cited *c)
{
    crdt__parsed p;
    crdt_dec     dec;
    if (c->heard != NULL) return CRDT_OK;
    crdt_dec_init(&dec, cited_bytes(c), space->limits);
    crdt_err err = crdt__origin_read(space, &dec, &p);
    if (err == CRDT_OK) c->heard = heard_of(space, &p);
    if (err == CRDT_OK && c->heard == NULL) err = CRDT_ENOMEM;
    if (c->heard != NULL) cited->held += heard_bytes(c->heard);
    crdt__parsed_clear(space, &p);
    return err;
}

void crdt__cited_forget(const crdt_space *space, crdt__citations *cited, crdt__cited *c)
{
    enum { SHORT = 256 };
    if (c->heard == NULL || c->size > SHORT) return;
    cited->held -= heard_bytes(c->heard);
    heard_free(space, c->heard);
    c->heard = NULL;
}

/* -- Reading fragments ------------------------------------------------------------------------- */

crdt_err crdt__fragments_get(crdt_dec *dec, const crdt__citations *cited, crdt__fragments *ret_head)
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

crdt__cited *crdt__fragment_get(crdt_dec *dec, const crdt__citations *cited,
                                crdt__fragment_key *key)
{
    crdt__fragment_key last = *key;
    crdt__cited       *c = get_cited(dec, cited);
    key->keep = crdt__dec_view(dec, SIZE_MAX, "a fragment");
    key->body = crdt__dec_view(dec, SIZE_MAX, "a fragment");
    if (dec->err != CRDT_OK) return NULL;
    key->origin = cited_bytes(c);
    if (last.origin.data == NULL || crdt__fragment_order(&last, key) < 0) return c;
    crdt_dec_fail(dec, CRDT_EMALFORMED, "fragments are out of order");
    return NULL;
}

static crdt_err take_fragment(const crdt_space *space, crdt__opaque *o, crdt__cited *c,
                              const crdt__fragment_key *key)
{
    crdt_err err = hold(space, c);
    if (err == CRDT_OK) {
        err = crdt__fragment_make(space, c->origin, key->keep, key->body, &o->list[o->count]);
    }
    if (err == CRDT_OK) o->count++;
    return err;
}

crdt_err crdt__opaque_read(const crdt_space *space, void *state, crdt_dec *dec,
                           const crdt__citations *cited)
{
    crdt__opaque      *o = state;
    crdt__fragment_key key = {{NULL, 0}, {NULL, 0}, {NULL, 0}};
    bool               makes = !cited->check_only;
    crdt__fragments    h;
    if (crdt__fragments_get(dec, cited, &h) != CRDT_OK) return dec->err;
    crdt_err err = CRDT_OK;
    if (h.count > 0) err = crdt__opaque_room(space, o, makes ? h.count : 1, true);
    if (makes && err == CRDT_OK && h.gone != NULL) err = hold(space, h.gone);
    if (makes && err == CRDT_OK && h.gone != NULL) {
        o->gone = h.gone->origin;
        o->gone->refs++;
    }
    for (size_t i = 0; err == CRDT_OK && i < h.count; i++) {
        crdt__cited *c = crdt__fragment_get(dec, cited, &key);
        if (c == NULL) return dec->err;
        if (makes) err = take_fragment(space, o, c, &key);
    }
    if (!makes && err == CRDT_OK && h.count > 0) { /* stands for all of them */
        o->list[0] = (crdt__fragment){NULL, NULL};
        o->count = 1;
    }
    return err;
}
