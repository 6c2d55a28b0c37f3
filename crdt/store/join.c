/* store/join.c: joins of deltas and states, at value level (merge) and in causal order (join).
 *
 * Two passes: prepare every object (may fail; nothing that can be seen has changed), then commit
 * every object (cannot fail). Source: Almeida, Shoker, Baquero, JPDC 111, 2018; the causal
 * delta-merging condition is the gap check.
 */
#include <string.h>

#include "crdt/store/impl.h"

#define MET 32 /* objects of a small delta, that are looked up once */

typedef struct pass {
    crdt_store       *store;
    const crdt_store *other;
    crdt_join         join;
    void         *bottom; /* a bottom state of the greatest size met, for objects the other lacks */
    size_t        bottom_size;
    crdt__object *mine[MET]; /* of the first objects of the other: those here */
    bool          remote;
    bool          takes; /* other is given away: what it holds may move */
    bool          collects;
} pass;

/* A delta speaks of what it lists and of nothing else, also where it is the one that takes in. */
static void cover_of(pass *p, const crdt__object *mine, const crdt__object *theirs)
{
    bool silent = p->store->kind == CRDT__DELTA && mine->born;
    p->join.space = &p->store->space;
    p->join.mine.seen = silent ? NULL : &p->store->context;
    p->join.mine.keep = NULL;
    p->join.theirs.seen = &p->other->context;
    p->join.theirs.keep = theirs == NULL ? NULL : theirs->keep;
    p->join.listed = p->other->kind == CRDT__DELTA;
    p->join.lists = p->join.listed && p->store->kind == CRDT__DELTA;
    p->join.local = !p->remote;
    p->join.takes = p->takes;
}

/* Do objects that the other does not list take part? Not with deltas: those list whatever they
 * touch. */
static bool whole(const crdt_store *other)
{
    return other->kind != CRDT__DELTA;
}

/* -- Objects that both sides may hold ---------------------------------------------------------- */

/* Of its own transaction, an object changed in place holds all already. */
static bool holds_all(const pass *p, const crdt__object *mine)
{
    return !p->remote && mine->type->undo != NULL && !mine->type->holds;
}

/* Into nothing, a state that is given away moves; not one that may hold what was removed here. */
static bool moves(const pass *p, const crdt__object *mine)
{
    return p->takes && p->remote && !p->collects && mine->type->move != NULL &&
           !mine->type->holds && mine->type->empty(mine->state);
}

/* What is given away is made what it will be here: ready to be read. */
static crdt_err ready_to_move(const pass *p, const crdt__object *theirs)
{
    const crdt_space *space = &p->other->space;
    void             *state = (void *)(uintptr_t)theirs->state;
    crdt_err          err = CRDT_OK;
    if (theirs->type->open != NULL) err = theirs->type->open(space, state);
    return err;
}

static crdt_err prepare_pair(pass *p, crdt__object *mine, const crdt__object *theirs)
{
    cover_of(p, mine, theirs);
    crdt__object_before(p->store, mine);
    crdt_err err = CRDT_OK;
    if (!holds_all(p, mine) && !moves(p, mine))
        err = mine->type->prepare(&p->join, mine->state, theirs->state);
    if (moves(p, mine)) err = ready_to_move(p, theirs);
    if (err != CRDT_OK || p->store->only != NULL) return err; /* a solo object has no presence */
    return crdt__sibs_prepare(&p->join, &mine->presence, &theirs->presence);
}

static bool move(pass *p, crdt__object *mine, crdt__object *theirs)
{
    if (theirs->type->empty(theirs->state)) return false;
    uint64_t stamp = mine->type->move(&p->store->space, mine->state, theirs->state);
    if (stamp > p->join.stamp_max) p->join.stamp_max = stamp;
    return true;
}

static void commit_pair(pass *p, crdt__object *mine, crdt__object *theirs)
{
    cover_of(p, mine, theirs);
    bool changed = true;
    if (moves(p, mine)) changed = move(p, mine, theirs);
    else if (holds_all(p, mine)) mine->type->keep(&p->store->space, mine->state);
    else changed = mine->type->commit(&p->join, mine->state, theirs->state);
    if (p->store->only == NULL) {
        changed |= crdt__sibs_commit(&crdt__presence, &p->join, &mine->presence, &theirs->presence);
    }
    mine->born = false;
    if (changed) crdt__object_touched(p->store, mine, p->remote);
}

/* The object here that goes with the i-th of the other, once all are prepared. */
static crdt__object *met(const pass *p, size_t i, const crdt__object *theirs)
{
    if (i < MET) return p->mine[i];
    return crdt__object_get(p->store, theirs->key.bytes, (uint16_t)theirs->key.minor);
}

static crdt_err prepare_theirs(pass *p)
{
    crdt__objects it = crdt__objects_of(p->other);
    size_t        i = 0;
    for (crdt__object *theirs; (theirs = crdt__objects_next(&it)) != NULL; i++) {
        crdt__object *mine = p->remote ? NULL : theirs->mine;
        size_t        before = p->store->objects.count;
        crdt_err      err = CRDT_OK;
        if (mine == NULL) {
            uint16_t id = (uint16_t)theirs->key.minor;
            err = crdt__object_make(p->store, theirs->key.bytes, theirs->type, id, &mine);
            if (err == CRDT_OK && p->store->objects.count > before) mine->born = true;
        }
        if (i < MET) p->mine[i] = mine;
        if (err == CRDT_OK && mine->type != theirs->type) err = CRDT_EINVAL;
        if (err == CRDT_OK) err = prepare_pair(p, mine, theirs);
        if (err != CRDT_OK) return err;
    }
    return CRDT_OK;
}

/* -- Objects that only this store holds: joined with bottom ------------------------------------ */

/* The next object of mine, in order, that the other lacks. Both walks go up together. */
typedef struct lacking {
    crdt__objects mine, theirs;
    crdt__object *their_next;
} lacking;

static int key_compare(const crdt__object *a, const crdt__object *b)
{
    int order = crdt_view_compare(a->key.bytes, b->key.bytes);
    if (order != 0) return order;
    return a->key.minor == b->key.minor ? 0 : a->key.minor < b->key.minor ? -1 : 1;
}

static lacking lacking_of(const pass *p)
{
    lacking l;
    l.mine = crdt__objects_of(p->store);
    l.theirs = crdt__objects_of(p->other);
    l.their_next = crdt__objects_next(&l.theirs);
    return l;
}

static crdt__object *lacking_next(lacking *l)
{
    for (crdt__object *o; (o = crdt__objects_next(&l->mine)) != NULL;) {
        while (l->their_next != NULL && key_compare(l->their_next, o) < 0) {
            l->their_next = crdt__objects_next(&l->theirs);
        }
        if (l->their_next == NULL || key_compare(l->their_next, o) != 0) return o;
    }
    return NULL;
}

/* Room for a bottom state of any type of mine, as an object of the other would be. */
static crdt_err make_bottom(pass *p)
{
    lacking l = lacking_of(p);
    for (crdt__object *o; (o = lacking_next(&l)) != NULL;) {
        if (o->type->size > p->bottom_size) p->bottom_size = o->type->size;
    }
    if (p->bottom_size == 0) return CRDT_OK;
    p->bottom = crdt__alloc(p->store->space.mem, p->bottom_size);
    return p->bottom == NULL ? CRDT_ENOMEM : CRDT_OK;
}

static crdt_err prepare_lacking(pass *p)
{
    crdt_err err = make_bottom(p);
    lacking  l = lacking_of(p);
    for (crdt__object *o; err == CRDT_OK && (o = lacking_next(&l)) != NULL;) {
        crdt__sibs none;
        memset(&none, 0, sizeof none);
        cover_of(p, o, NULL);
        crdt__object_before(p->store, o);
        o->type->init(&p->store->space, p->bottom);
        err = o->type->prepare(&p->join, o->state, p->bottom);
        if (err == CRDT_OK) err = crdt__sibs_prepare(&p->join, &o->presence, &none);
    }
    return err;
}

static void commit_lacking(pass *p)
{
    lacking l = lacking_of(p);
    for (crdt__object *o; (o = lacking_next(&l)) != NULL;) {
        crdt__sibs none;
        memset(&none, 0, sizeof none);
        cover_of(p, o, NULL);
        o->type->init(&p->store->space, p->bottom);
        bool changed = o->type->commit(&p->join, o->state, p->bottom);
        changed |= crdt__sibs_commit(&crdt__presence, &p->join, &o->presence, &none);
        if (changed) crdt__object_touched(p->store, o, p->remote);
    }
}

/* -- The whole --------------------------------------------------------------------------------- */

/* Take out objects that an unfinished prepare made, and of a state those that hold nothing any
 * more: of the names that `of` lists. */
static void sweep(crdt_store *store, const crdt_store *of)
{
    crdt__object *drop = NULL;
    crdt__objects it = crdt__objects_of(of);
    for (crdt__object *o; (o = crdt__objects_next(&it)) != NULL;) {
        crdt__object *mine = o;
        if (of != store) mine = crdt__object_get(store, o->key.bytes, (uint16_t)o->key.minor);
        if (mine == NULL || (store->kind != CRDT__STATE && !mine->born)) continue;
        mine->born = false;
        if (mine->listed || !crdt__object_is_empty(mine)) continue;
        mine->next_prune = drop;
        drop = mine;
    }
    while (drop != NULL) {
        crdt__object *o = drop;
        drop = o->next_prune;
        crdt__object_prune(store, o);
    }
}

/* The same of a few objects that were met in the join. */
static void sweep_met(pass *p, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (p->store->kind == CRDT__STATE) crdt__object_prune(p->store, p->mine[i]);
    }
}

/* cut NULL: not to be collected. */
static crdt_err ready_objects(crdt_store *store, const crdt_context *cut)
{
    crdt_err      err = CRDT_OK;
    crdt__objects it = crdt__objects_of(store);
    for (crdt__object *o; err == CRDT_OK && (o = crdt__objects_next(&it)) != NULL;) {
        if (o->type->stabilise != NULL) crdt__object_before(store, o);
        if (o->type->ready != NULL) err = o->type->ready(&store->space, o->state, cut);
    }
    return err;
}

crdt_err crdt__store_ready(crdt_store *store, const crdt_context *cut)
{
    crdt_context both;
    crdt_context_init(&both, store->space.mem);
    crdt_err err = crdt_context_reserve_union(&store->cut, cut);
    if (err == CRDT_OK) err = crdt_context_copy(&both, &store->cut);
    if (err == CRDT_OK) err = crdt_context_union(&both, cut);
    if (err == CRDT_OK && both.count > 0) err = ready_objects(store, &both);
    if (err != CRDT_OK) crdt__store_unready(store);
    crdt_context_clear(&both);
    return err;
}

void crdt__store_unready(crdt_store *store)
{
    crdt_err err = ready_objects(store, NULL);
    CRDT_ASSERT(err == CRDT_OK);
}

/* Residues below the cut go, also those that a join just brought back. */
void crdt__store_collect(crdt_store *store, bool remote)
{
    crdt__objects it = crdt__objects_of(store);
    for (crdt__object *o; (o = crdt__objects_next(&it)) != NULL;) {
        if (o->type->stabilise == NULL) continue;
        if (o->type->stabilise(&store->space, o->state, &store->cut)) {
            crdt__object_touched(store, o, remote);
        }
    }
    sweep(store, store);
}

static crdt_err prepare_rest(pass *p)
{
    crdt_store       *s = p->store;
    const crdt_store *o = p->other;
    crdt_err          err = crdt_context_reserve_union(&s->context, &o->context);
    if (err == CRDT_OK && s->kind == CRDT__DELTA) {
        err = crdt_context_reserve_union(&s->brought, &o->brought);
    }
    for (size_t i = 0; err == CRDT_OK && i < o->retired_count; i++) {
        err = crdt__retired_add(s, o->retired[i].replica, 0);
    }
    return err;
}

/* Few runs go in one by one; many in one merge. */
static void union_context(crdt_context *ctx, const crdt_context *other)
{
    if (other->count > 4) {
        crdt_context_union_reserved(ctx, other);
        return;
    }
    for (uint32_t i = 0; i < other->count; i++) crdt_context_add_reserved(ctx, other->runs[i]);
}

static void commit_rest(pass *p)
{
    crdt_store       *s = p->store;
    const crdt_store *o = p->other;
    union_context(&s->context, &o->context);
    union_context(&s->cut, &o->cut);
    if (s->kind == CRDT__DELTA) {
        if (o->kind == CRDT__STATE) {
            s->kind = CRDT__STATE;
            crdt_context_reset(&s->brought);
        } else {
            crdt_context_union_reserved(&s->brought, &o->brought);
        }
    }
    for (size_t i = 0; i < o->retired_count; i++) {
        crdt_err err = crdt__retired_add(s, o->retired[i].replica, o->retired[i].end);
        CRDT_ASSERT(err == CRDT_OK); /* prepare_rest made the place */
    }
}

/* A prepare failed: what others changed in place is taken back. A failed commit of a transaction
 * leaves it open. */
static void give_up(pass *p)
{
    crdt__objects it = crdt__objects_of(p->other);
    for (crdt__object *o; p->remote && (o = crdt__objects_next(&it)) != NULL;) {
        if (o->type->undo == NULL) continue;
        crdt__object *mine = crdt__object_get(p->store, o->key.bytes, (uint16_t)o->key.minor);
        if (mine != NULL) mine->type->undo(&p->store->space, mine->state);
    }
    crdt__release(p->store->space.mem, p->bottom, p->bottom_size);
    sweep(p->store, p->other);
}

static crdt_err join_all(crdt_store *store, const crdt_store *other, uint64_t now_ms, bool remote,
                         bool takes)
{
    pass p;
    memset(&p, 0, sizeof p);
    p.store = store;
    p.other = other;
    p.remote = remote;
    p.takes = takes;
    p.collects = store->cut.count + other->cut.count > 0;
    crdt_err err = prepare_theirs(&p);
    if (err == CRDT_OK && whole(other)) err = prepare_lacking(&p);
    if (err == CRDT_OK) err = prepare_rest(&p);
    if (err == CRDT_OK && p.collects) err = crdt__store_ready(store, &other->cut);
    if (err != CRDT_OK) {
        give_up(&p);
        return err;
    }
    crdt__objects it = crdt__objects_of(other);
    size_t        count = 0;
    for (crdt__object *theirs; (theirs = crdt__objects_next(&it)) != NULL; count++) {
        commit_pair(&p, met(&p, count, theirs), theirs);
    }
    if (whole(other)) commit_lacking(&p);
    commit_rest(&p);
    crdt__release(store->space.mem, p.bottom, p.bottom_size);
    if (store->only == NULL && !whole(other) && count <= MET) sweep_met(&p, count);
    else if (store->only == NULL) sweep(store, whole(other) ? store : other);
    if (p.collects) crdt__store_collect(store, remote);
    if (p.join.stamp_max > 0) crdt_clock_observe(&store->clock, now_ms, p.join.stamp_max);
    return CRDT_OK;
}

crdt_err crdt__store_join(crdt_store *store, const crdt_store *other)
{
    return join_all(store, other, 0, true, false);
}

crdt_err crdt__store_join_own(crdt_store *store, const crdt_store *delta, uint64_t now_ms,
                              bool takes)
{
    return join_all(store, delta, now_ms, false, takes);
}

/* -- Conditions -------------------------------------------------------------------------------- */

static bool compatible(const crdt_store *store, const crdt_store *other)
{
    return store != other && store->solo == other->solo &&
           store->space.forget_ids == other->space.forget_ids &&
           store->limits.value_bytes >= other->limits.value_bytes &&
           store->limits.name_bytes >= other->limits.name_bytes;
}

static crdt_err both_ready(const crdt_store *store, const crdt_store *other)
{
    crdt_err err = crdt__objects_ready(store);
    return err == CRDT_OK ? crdt__objects_ready(other) : err;
}

crdt_err crdt_store_merge(crdt_store *store, const crdt_store *other)
{
    if (!compatible(store, other) || store->kind == CRDT__SINCE) return CRDT_EINVAL;
    if (store->txn.delta != NULL || other->txn.delta != NULL) return CRDT_EBUSY;
    if (other->kind == CRDT__SINCE && !crdt_context_within(&other->base, &store->context)) {
        return CRDT_EGAP;
    }
    crdt_err err = both_ready(store, other);
    return err == CRDT_OK ? crdt__store_join(store, other) : err;
}

/* A delta's entries must follow what is held, and what they remove must be held or come with
 * them. */
static crdt_err check_delta(const crdt_store *store, const crdt_store *delta)
{
    for (uint32_t i = 0; i < delta->brought.count; i++) {
        const crdt_run *run = &delta->brought.runs[i];
        uint64_t        held = crdt_context_base(&store->context, run->replica);
        if (run->lo > held + 1) return CRDT_EGAP;
    }
    for (uint32_t i = 0; i < delta->context.count; i++) {
        crdt_run run = delta->context.runs[i];
        uint64_t held = crdt_context_base(&store->context, run.replica);
        while (run.lo <= run.hi) { /* each stretch is held, or brought */
            if (run.lo <= held) {
                run.lo = held + 1;
                continue;
            }
            crdt_dot dot = {run.replica, run.lo};
            if (!crdt_context_has(&delta->brought, dot)) return CRDT_EGAP;
            uint32_t at = crdt_context_find(&delta->brought, run.replica);
            while (delta->brought.runs[at].hi < run.lo) at++;
            run.lo = delta->brought.runs[at].hi + 1;
        }
    }
    return CRDT_OK;
}

static crdt_err check_retired(const crdt_store *store, const crdt_store *other)
{
    for (size_t i = 0; i < store->retired_count; i++) {
        uint64_t id = store->retired[i].replica;
        uint64_t end = crdt__retired_end(store, id);
        uint64_t agreed = crdt__retired_end(other, id);
        if (agreed != UINT64_MAX && agreed > end) end = agreed;
        if (crdt_context_max(&other->context, id) > end) return CRDT_ERETIRED;
    }
    return CRDT_OK;
}

/* May other be joined in causal order? Then both are ready. */
static crdt_err check_join(const crdt_store *store, const crdt_store *other, uint64_t now_ms)
{
    if (!compatible(store, other) || store->kind != CRDT__STATE) return CRDT_EINVAL;
    if (now_ms > CRDT_CLOCK_MS_MAX) return CRDT_EINVAL;
    if (store->txn.delta != NULL || other->txn.delta != NULL) return CRDT_EBUSY;
    crdt_err err = check_retired(store, other);
    if (err != CRDT_OK) return err;
    if (other->kind == CRDT__DELTA) err = check_delta(store, other);
    else if (!crdt_context_is_vector(&other->context)) err = CRDT_EGAP;
    if (err == CRDT_OK && other->kind == CRDT__SINCE &&
        !crdt_context_within(&other->base, &store->context)) {
        err = CRDT_EGAP;
    }
    return err == CRDT_OK ? both_ready(store, other) : err;
}

crdt_err crdt_store_join(crdt_store *store, const crdt_store *other, uint64_t now_ms)
{
    crdt_err err = check_join(store, other, now_ms);
    return err == CRDT_OK ? join_all(store, other, now_ms, true, false) : err;
}

/* None of its objects knows which store it is in. */
static bool all_movable(const crdt_store *other)
{
    crdt__objects it = crdt__objects_of(other);
    for (const crdt__object *o; (o = crdt__objects_next(&it)) != NULL;) {
        if (o->type->move != NULL) return false;
    }
    return true;
}

/* A whole state comes into a store that has seen nothing yet: its objects move as they are. */
static bool adopts(const crdt_store *store, const crdt_store *other)
{
    return other->kind == CRDT__STATE && store->only == NULL && store->saving == NULL &&
           store->context.count == 0 && store->objects.count == 0 && store->origins == NULL &&
           other->origins == NULL && other->cut.count == 0 &&
           store->retired_count + other->retired_count == 0 && all_movable(other);
}

static crdt_err adopt(crdt_store *store, crdt_store *other, uint64_t now_ms)
{
    crdt_err err = crdt_context_reserve_union(&store->context, &other->context);
    if (err != CRDT_OK) return err;
    uint64_t      stamp_max = crdt_store_stats(other).stamp_max;
    crdt__omap    objects = store->objects;
    crdt__hindex  index = store->index;
    crdt__objects it;
    crdt_context_union_reserved(&store->context, &other->context);
    store->objects = other->objects;
    store->index = other->index;
    store->names = other->names;
    store->sum = other->sum;
    store->dirty = other->dirty;
    other->objects = objects;
    other->index = index;
    other->names = 0;
    other->sum = (crdt_digest){0, 0};
    other->dirty = NULL;
    it = crdt__objects_of(store);
    bool lists = store->track_changes || store->track_remote;
    for (crdt__object *o; lists && (o = crdt__objects_next(&it)) != NULL;) {
        crdt__object_touched(store, o, true);
    }
    if (stamp_max > 0) crdt_clock_observe(&store->clock, now_ms, stamp_max);
    return CRDT_OK;
}

crdt_err crdt_store_take(crdt_store *store, crdt_delta *other, uint64_t now_ms)
{
    crdt_err err = check_join(store, other, now_ms);
    bool     same = store->space.mem == other->space.mem;
    if (err == CRDT_OK && same && adopts(store, other)) {
        err = adopt(store, other, now_ms);
        if (err == CRDT_OK) crdt_store_free(other);
        return err;
    }
    if (err == CRDT_OK) err = join_all(store, other, now_ms, true, same);
    if (err == CRDT_OK) crdt_store_free(other);
    return err;
}
