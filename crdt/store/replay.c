/* store/replay.c: objects that others kept as fragments, rebuilt where their type is known. See
 * store/opaque.c.
 *
 * Each body is a part of the object under the context of its origin, less what it keeps; the object
 * is their join. Contexts may be long, and many fragments may share one, so nothing here goes
 * through a context again and again: first the dots that any body tells of are gathered, and each
 * context is cut down to those; then parts are joined in pairs, and pairs of pairs, so that n of
 * them cost n log n. Those of one origin share its context, and are joined first. Only types that
 * hold others get all of each context: what lies in them may be of types that are unknown, so
 * nobody can gather its dots.
 */
#include <string.h>

#include "crdt/core/dec.h"
#include "crdt/store/opaque_impl.h"

/* What some fragments tell. Its context is seen, or one shared with others; without keep. */
typedef struct part {
    crdt_context seen, keep;
    void        *state; /* own, or the object's */
    _Alignas(max_align_t) unsigned char own[];
} part;

#define PILE_MAX 64u

/* Parts that wait for others of their size: of the i-th that was put, 2^k where k is a bit of i. */
typedef struct pile {
    part    *at[PILE_MAX];
    unsigned count;
    size_t   put;
} pile;

typedef struct replay {
    const crdt_space *space;
    const crdt_type  *type;
    crdt__citations  *cited;
    const uint8_t    *from; /* what is held is measured by the bytes from here on; NULL: not */
    size_t            held; /* memory, by the parts that were read */
    crdt_context      told; /* the dots that any body tells of */
    crdt_context      seen; /* of the origin whose parts are in `group` */
    pile              all, group;
    void             *state; /* of the object: of the first part, into which all others go */
    bool lists; /* it is a delta's: what it lists stays, though nothing is left in it */
} replay;

/* -- Parts ------------------------------------------------------------------------------------- */

static part *part_new(const replay *r)
{
    part *p = crdt__alloc(r->space->mem, sizeof *p + r->type->size);
    if (p == NULL) return NULL;
    crdt_context_init(&p->seen, r->space->mem);
    crdt_context_init(&p->keep, r->space->mem);
    p->state = p->own;
    r->type->init(r->space, p->state);
    return p;
}

static void part_free(const replay *r, part *p)
{
    if (p == NULL) return;
    if (p->state == p->own) r->type->clear(r->space, p->own);
    crdt_context_clear(&p->seen);
    crdt_context_clear(&p->keep);
    crdt__release(r->space->mem, p, sizeof *p + r->type->size);
}

/* Join b, which is freed, into a. shared: the context of both, or NULL. */
static crdt_err join_parts(const replay *r, part *a, part *b, const crdt_context *shared)
{
    crdt_cover mine = {shared != NULL ? shared : &a->seen, a->keep.count > 0 ? &a->keep : NULL};
    crdt_cover theirs = {shared != NULL ? shared : &b->seen, b->keep.count > 0 ? &b->keep : NULL};
    crdt_join  join = {r->space, mine, theirs, 0, false, r->lists, false, false};
    crdt_err   err = r->type->prepare(&join, a->state, b->state);
    if (err == CRDT_OK) (void)r->type->commit(&join, a->state, b->state);
    if (err == CRDT_OK && shared != NULL) err = crdt_context_intersect(&a->keep, &b->keep);
    if (err == CRDT_OK && shared == NULL) err = crdt_context_union(&a->seen, &b->seen);
    part_free(r, b);
    return err;
}

static crdt_err join_last_two(const replay *r, pile *on, const crdt_context *shared)
{
    on->count--;
    return join_parts(r, on->at[on->count - 1], on->at[on->count], shared);
}

/* Takes p over, on an error too. */
static crdt_err pile_put(const replay *r, pile *on, part *p, const crdt_context *shared)
{
    crdt_err err = CRDT_OK;
    on->at[on->count++] = p;
    for (size_t n = ++on->put; err == CRDT_OK && n % 2 == 0; n /= 2) {
        err = join_last_two(r, on, shared);
    }
    return err;
}

/* All that was put, as one part, the caller's; the pile is empty then. */
static crdt_err pile_end(const replay *r, pile *on, const crdt_context *shared, part **ret_part)
{
    crdt_err err = CRDT_OK;
    while (err == CRDT_OK && on->count > 1) err = join_last_two(r, on, shared);
    if (err != CRDT_OK) return err;
    *ret_part = on->at[0];
    on->count = 0;
    on->put = 0;
    return CRDT_OK;
}

static void pile_clear(const replay *r, pile *on)
{
    while (on->count > 0) part_free(r, on->at[--on->count]);
}

/* -- One fragment ------------------------------------------------------------------------------ */

static crdt_dec heard_dec(const replay *r, const crdt__heard *h, crdt_view in)
{
    crdt_dec dec;
    crdt_dec_init(&dec, in, r->space->limits);
    dec.dict = h->ids;
    dec.dict_count = h->ids_count;
    return dec;
}

/* Its body, and what it keeps (keep NULL: not asked for), in terms of its origin. */
static crdt_err read_fragment(replay *r, crdt__cited *c, const crdt__fragment_key *key, void *state,
                              crdt_context *keep)
{
    crdt_context none;
    crdt_err     err = crdt__cited_hear(r->space, r->cited, c);
    if (err != CRDT_OK) return err;
    crdt_dec      body = heard_dec(r, c->heard, key->body);
    crdt_dec      kept = heard_dec(r, c->heard, key->keep);
    crdt_context  seen = crdt__heard_seen(r->space, c->heard);
    crdt__reading inner = {&seen, key->keep, NULL, r->from, r->held, true, false, false};
    body.reading = &inner;
    crdt_context_init(&none, r->space->mem);
    if (key->keep.size > 0) err = crdt_context_get(keep != NULL ? keep : &none, &kept);
    if (err == CRDT_OK) err = r->type->decode(r->space, state, &body);
    if (err == CRDT_OK && (body.at != body.end || kept.at != kept.end)) err = CRDT_EMALFORMED;
    if (keep != NULL) r->held = inner.held; /* it stays */
    crdt__origin_drop(crdt__store_of(r->space), inner.own);
    crdt_context_clear(&none);
    return err;
}

/* -- All of them ------------------------------------------------------------------------------- */

/* Let told be all dots that the bodies tell of under their own contexts. */
static crdt_err gather(replay *r, crdt_dec *dec, size_t count)
{
    crdt__fragment_key key = {{NULL, 0}, {NULL, 0}, {NULL, 0}};
    part              *body = part_new(r), *rest = part_new(r), *told = NULL;
    crdt_err           err = body == NULL || rest == NULL ? CRDT_ENOMEM : CRDT_OK;
    for (size_t i = 0; err == CRDT_OK && i < count; i++) {
        crdt__cited *c = crdt__fragment_get(dec, r->cited, &key);
        err = c == NULL ? dec->err : read_fragment(r, c, &key, body->state, NULL);
        if (err == CRDT_OK && (told = part_new(r)) == NULL) err = CRDT_ENOMEM;
        if (err != CRDT_OK) break;
        crdt_context seen = crdt__heard_seen(r->space, c->heard);
        err = r->type->since(r->space, body->state, &seen, rest->state, &told->seen);
        r->type->clear(r->space, body->state);
        r->type->clear(r->space, rest->state);
        crdt__cited_forget(r->space, r->cited, c);
        crdt_err put = pile_put(r, &r->all, told, NULL);
        if (err == CRDT_OK) err = put;
    }
    if (err == CRDT_OK && count > 0) {
        told = NULL;
        err = pile_end(r, &r->all, NULL, &told);
        if (err == CRDT_OK) err = crdt_context_copy(&r->told, &told->seen);
        part_free(r, told);
    }
    part_free(r, body);
    part_free(r, rest);
    return err;
}

/* What an origin has seen of the dots told of, and perhaps others. */
static crdt_err narrow(const replay *r, const crdt__heard *h, crdt_context *ret_seen)
{
    crdt_context seen = crdt__heard_seen(r->space, h);
    if (r->type->holds || seen.count <= r->told.count) return crdt_context_copy(ret_seen, &seen);
    crdt_err err = crdt_context_copy(ret_seen, &r->told);
    return err == CRDT_OK ? crdt_context_intersect(ret_seen, &seen) : err;
}

/* The parts of one origin are read: one part with a context of its own. */
static crdt_err end_group(replay *r)
{
    part *p;
    if (r->group.count == 0) return CRDT_OK;
    crdt_err err = pile_end(r, &r->group, &r->seen, &p);
    if (err != CRDT_OK) return err;
    err = crdt_context_copy(&p->seen, &r->seen);
    if (err == CRDT_OK) err = crdt_context_subtract(&p->seen, &p->keep);
    crdt_context_clear(&p->keep);
    crdt_err put = pile_put(r, &r->all, p, NULL);
    return err == CRDT_OK ? put : err;
}

static crdt_err join_gone(replay *r, crdt__cited *gone)
{
    crdt_err err = crdt__cited_hear(r->space, r->cited, gone);
    part    *p = err == CRDT_OK ? part_new(r) : NULL;
    if (p == NULL) return err == CRDT_OK ? CRDT_ENOMEM : err;
    err = narrow(r, gone->heard, &p->seen);
    crdt_err put = pile_put(r, &r->all, p, NULL);
    return err == CRDT_OK ? put : err;
}

/* Join the fragments into one part. */
static crdt_err join_all(replay *r, crdt_dec *dec, size_t count, crdt__cited *gone, part **ret_part)
{
    crdt__fragment_key key = {{NULL, 0}, {NULL, 0}, {NULL, 0}};
    const crdt__cited *last = NULL;
    crdt_err           err = CRDT_OK;
    for (size_t i = 0; err == CRDT_OK && i < count; i++) {
        crdt__cited *c = crdt__fragment_get(dec, r->cited, &key);
        if (c == NULL) return dec->err;
        if (c != last) {
            err = end_group(r);
            if (err == CRDT_OK) err = crdt__cited_hear(r->space, r->cited, c);
            if (err == CRDT_OK) err = narrow(r, c->heard, &r->seen);
            last = c;
        }
        part *p = err == CRDT_OK ? part_new(r) : NULL;
        if (p == NULL) return err == CRDT_OK ? CRDT_ENOMEM : err;
        if (i == 0) p->state = r->state;
        err = read_fragment(r, c, &key, p->state, &p->keep);
        crdt__cited_forget(r->space, r->cited, c);
        crdt_err put = pile_put(r, &r->group, p, &r->seen);
        if (err == CRDT_OK) err = put;
    }
    if (err == CRDT_OK) err = end_group(r);
    if (err == CRDT_OK && gone != NULL) err = join_gone(r, gone);
    return err == CRDT_OK ? pile_end(r, &r->all, NULL, ret_part) : err;
}

/* A lone body is the object: nothing takes anything from it. */
static crdt_err read_lone(replay *r, crdt_dec *dec, void *state)
{
    crdt__fragment_key key = {{NULL, 0}, {NULL, 0}, {NULL, 0}};
    crdt__cited       *c = crdt__fragment_get(dec, r->cited, &key);
    return c == NULL ? dec->err : read_fragment(r, c, &key, state, NULL);
}

static crdt_err read_several(replay *r, crdt_dec *dec, const crdt__fragments *head)
{
    crdt_dec again = *dec;
    part    *whole = NULL;
    crdt_err err = gather(r, &again, head->count);
    if (err != CRDT_OK) {
        *dec = again;
        return err;
    }
    err = join_all(r, dec, head->count, head->gone, &whole);
    if (err == CRDT_OK) part_free(r, whole);
    return err;
}

/* In a state nothing lists what it does not hold: a join with nothing takes that out. */
static crdt_err unlist(const replay *r, void *state)
{
    if (r->lists || !r->type->holds) return CRDT_OK;
    crdt_join join = {r->space, {NULL, NULL}, {NULL, NULL}, 0, false, false, false, false};
    part     *none = part_new(r);
    if (none == NULL) return CRDT_ENOMEM;
    crdt_err err = r->type->prepare(&join, state, none->state);
    if (err == CRDT_OK) (void)r->type->commit(&join, state, none->state);
    part_free(r, none);
    return err;
}

crdt_err crdt__opaque_replay(const crdt_space *space, const crdt_type *type, void *state,
                             crdt_dec *dec, crdt__citations *cited)
{
    replay          r;
    crdt__fragments head;
    if (crdt__fragments_get(dec, cited, &head) != CRDT_OK) return dec->err;
    memset(&r, 0, sizeof r);
    r.space = space;
    r.type = type;
    r.cited = cited;
    if (dec->reading != NULL && dec->reading->from != NULL) r.from = dec->at;
    r.state = state;
    r.lists = dec->form == CRDT_OF_DELTA;
    if (head.count == 0) return CRDT_OK; /* all of it is gone */
    if (head.count == 1 && head.gone == NULL) {
        crdt_err lone = read_lone(&r, dec, state);
        return lone == CRDT_OK ? unlist(&r, state) : lone;
    }
    crdt_context_init(&r.told, space->mem);
    crdt_context_init(&r.seen, space->mem);
    crdt_err err = read_several(&r, dec, &head);
    if (err == CRDT_OK) err = unlist(&r, state);
    pile_clear(&r, &r.group);
    pile_clear(&r, &r.all);
    crdt_context_clear(&r.told);
    crdt_context_clear(&r.seen);
    return err;
}
