/* map/map_join.c: joins of maps, entry by entry, but for those that are equal. See map.h.
 *
 * prepare lists the entries that differ, or that one side lacks, and prepares their states; commit
 * goes through the list. What equal digests say is that both sides hold the same dots with the same
 * content, and joining that changes nothing whatever the contexts are.
 */
#include <string.h>

#include "crdt/core/mem.h"
#include "crdt/map/map.h"

#define AHEAD 16u       /* meetings */
#define LEAVES_AHEAD 4u /* whose heads are fetched */
#define EIGHT 8u        /* slots that are compared in one go */
#define LINE 64u        /* bytes that memory comes in */
#define FETCH_MAX 256u  /* bytes of an entry that are fetched */
#define FEW 4u          /* slots that are faced behind keys that were not the same */

/* -- The plan ---------------------------------------------------------------------------------- */

static void drop_plan(const crdt_space *space, crdt__map *map)
{
    crdt__release(space->mem, map->plan, map->plan_cap * sizeof *map->plan);
    crdt__release(space->mem, map->bottom, map->bottom_size);
    map->plan = NULL;
    map->planned = map->plan_cap = 0;
    map->bottom = NULL;
    map->bottom_size = 0;
}

/* What was made for a join that was given up goes again. */
static void drop_born(const crdt_space *space, crdt__map *map)
{
    for (size_t i = 0; i < map->planned; i++) {
        crdt__entry *e = map->plan[i].mine;
        if (e->born && !e->touched) crdt__map_drop(space, map, e);
    }
    drop_plan(space, map);
}

static crdt_err plan(const crdt_space *space, crdt__map *map, crdt__entry *mine,
                     const crdt__entry *theirs)
{
    if (map->planned == map->plan_cap) {
        size_t         cap = crdt__grow(map->plan_cap, map->planned + 1);
        crdt__meeting *next =
            crdt__resize(space->mem, map->plan, map->plan_cap * sizeof *next, cap * sizeof *next);
        if (next == NULL) return CRDT_ENOMEM;
        map->plan = next;
        map->plan_cap = cap;
    }
    map->plan[map->planned++] = (crdt__meeting){mine, theirs};
    return CRDT_OK;
}

/* Find or make what goes with an entry of theirs. */
static crdt_err plan_theirs(crdt_join *join, crdt__map *map, crdt__entry *mine,
                            const crdt__entry *theirs)
{
    bool     born = mine == NULL;
    crdt_err err = CRDT_OK;
    if (born) {
        err = crdt__map_make(join->space, map, crdt__entry_key(theirs), theirs->type, theirs->id,
                             &mine);
        if (err != CRDT_OK) return err;
        mine->born = true;
    }
    err = plan(join->space, map, mine, theirs);
    if (err != CRDT_OK && born) crdt__map_drop(join->space, map, mine);
    return err;
}

/* A delta lists what it touches. */
static crdt_err plan_listed(crdt_join *join, crdt__map *map, const crdt__map *other)
{
    crdt__place place = {0, 0};
    crdt_err    err = CRDT_OK;
    for (const crdt__entry *e; err == CRDT_OK && (e = crdt__map_next(other, &place)) != NULL;) {
        err = plan_theirs(join, map, crdt__map_find(map, crdt__entry_key(e), e->id), e);
    }
    return err;
}

/* -- Prepare and commit ------------------------------------------------------------------------ */

/* What the entry is joined with. */
static const void *other_state(const crdt_join *join, crdt__map *map, const crdt__meeting *m)
{
    if (m->theirs != NULL) return m->theirs->state;
    m->mine->type->init(join->space, map->bottom);
    return map->bottom;
}

/* Of its own transaction, what is changed in place holds all already. */
static bool holds_all(const crdt_join *join, const crdt__entry *e)
{
    return join->local && e->type->undo != NULL && !e->type->holds;
}

/* Marks that are equal as they lie there, one or none: joining them changes nothing. */
static inline bool same_marks(const crdt__meeting *m)
{
    static const crdt__sibs none;
    const crdt__sibs       *theirs = m->theirs != NULL ? &m->theirs->marks : &none;
    return memcmp(&m->mine->marks, theirs, sizeof none) == 0;
}

static crdt_err prepare_with(crdt_join *join, crdt__map *map, const crdt__meeting *m)
{
    static const crdt__sibs none;
    crdt__entry            *e = m->mine;
    crdt_err                err = CRDT_OK;
    if (m->theirs != NULL && m->theirs->type != e->type) return CRDT_EINVAL; /* other registries */
    if (!same_marks(m)) {
        err = crdt__sibs_prepare(join, &e->marks, m->theirs != NULL ? &m->theirs->marks : &none);
    }
    if (err != CRDT_OK || holds_all(join, e)) return err;
    if (e->type->undo != NULL) crdt__map_edit(map, e);
    return e->type->prepare(join, e->state, other_state(join, map, m));
}

/* A delta speaks of what it lists and of nothing else, also where it is the one that takes in. */
static bool is_silent(const crdt_join *join, const crdt__entry *mine)
{
    return join->listed && join->lists && mine->born;
}

static crdt_err prepare_one(crdt_join *join, crdt__map *map, const crdt__meeting *m)
{
    const crdt_context *seen = join->mine.seen;
    if (is_silent(join, m->mine)) join->mine.seen = NULL;
    crdt_err err = prepare_with(join, map, m);
    join->mine.seen = seen;
    return err;
}

/* -- Both maps, side by side ------------------------------------------------------------------- */

/* Slots of a leaf of each side, one beside the other. */
typedef struct facing {
    crdt__place i, j; /* from here on */
    uint32_t    count;
    uint64_t    differ; /* bits of those that are not equal */
} facing;

typedef struct walk {
    const crdt__map *a, *b;
    crdt__place      i, j;
    facing           next;  /* behind what was faced last, if that was all passed */
    uint32_t         reach; /* so many slots are faced */
    bool             level; /* what stands here is taken to have the same key on both sides */
    bool             heads; /* of the one and the other can be compared */
    size_t           bytes; /* that an entry takes, or thereabouts */
} walk;

static walk walk_of(const crdt__map *a, const crdt__map *b)
{
    walk w = {.a = a, .b = b, .reach = CRDT__LEAF_MAX, .level = true, .heads = a->skip == b->skip};
    const crdt__entry *first = crdt__map_at(b, &w.j);
    if (first != NULL) w.bytes = crdt__entry_bytes(first);
    if (w.bytes > FETCH_MAX) w.bytes = FETCH_MAX;
    return w;
}

static inline void fetch(const void *from, size_t bytes)
{
    const char *p = from;
    size_t      before = (uintptr_t)p % LINE;
    for (size_t at = 0; at < before + bytes; at += LINE) crdt__load_later(p - before + at);
}

/* Of leaf l, and the head of one farther on, which tells where its tags are. */
static void fetch_tags(const crdt__map *map, uint32_t l)
{
    if (l + LEAVES_AHEAD < map->count) crdt__load_later(map->leaves[l + LEAVES_AHEAD].leaf);
    if (l >= map->count) return;
    const crdt__leaf *leaf = map->leaves[l].leaf;
    fetch(crdt__leaf_tags(leaf), leaf->count * sizeof(crdt_digest));
}

/* Bits of the slots that are not equal. By eights, of which many are equal where few leaves are;
 * in one that is not, without a branch: nobody can guess which slot it is. */
static uint64_t differing(const crdt_digest *p, const crdt_digest *q, uint32_t count)
{
    uint64_t differ = 0;
    for (uint32_t from = 0; from < count; from += EIGHT) {
        uint32_t end = count - from < EIGHT ? count : from + EIGHT;
        if (memcmp(p + from, q + from, (end - from) * sizeof *p) == 0) continue;
        for (uint32_t n = from; n < end; n++) {
            differ |= (uint64_t)(((p[n].lo ^ q[n].lo) | (p[n].hi ^ q[n].hi)) != 0) << n;
        }
    }
    return differ;
}

/* What differs is far apart in memory: it is on its way before the walk comes to it. */
static facing face(const walk *w, crdt__place i, crdt__place j)
{
    bool   both = crdt__map_at(w->a, &i) != NULL && crdt__map_at(w->b, &j) != NULL;
    facing f = {i, j, 0, 0};
    if (!both) return f;
    const crdt__leaf *x = w->a->leaves[i.leaf].leaf, *y = w->b->leaves[j.leaf].leaf;
    uint32_t          mine = x->count - i.slot, theirs = y->count - j.slot;
    f.count = mine < theirs ? mine : theirs;
    if (f.count > w->reach) f.count = w->reach;
    const crdt_digest *p = crdt__leaf_tags(x) + i.slot, *q = crdt__leaf_tags(y) + j.slot;
    f.differ = differing(p, q, f.count);
    for (uint64_t left = f.differ; left != 0; left &= left - 1) {
        uint32_t n = (uint32_t)__builtin_ctzll(left);
        fetch(crdt__leaf_entries(x)[i.slot + n], w->bytes);
        fetch(crdt__leaf_entries(y)[j.slot + n], w->bytes);
    }
    return f;
}

/* The slots from here on. */
static facing enter(walk *w)
{
    facing f = w->next.count > 0 ? w->next : face(w, w->i, w->j);
    w->next.count = 0;
    if (w->reach == CRDT__LEAF_MAX) {
        crdt__place i = {f.i.leaf, f.i.slot + f.count}, j = {f.j.leaf, f.j.slot + f.count};
        w->next = face(w, i, j);
        fetch_tags(w->a, w->next.i.leaf + 2);
        fetch_tags(w->b, w->next.j.leaf + 2);
    } else {
        w->reach *= 2; /* until it is cut again */
    }
    w->level = true;
    return f;
}

/* Do both sides go on with the same, as far as is known? There is something on both. */
static bool is_level(const walk *w)
{
    if (w->level) return true;
    const crdt__leaf *x = w->a->leaves[w->i.leaf].leaf, *y = w->b->leaves[w->j.leaf].leaf;
    return crdt_digest_equal(crdt__leaf_tags(x)[w->i.slot], crdt__leaf_tags(y)[w->j.slot]);
}

static inline bool same_key(const crdt__entry *a, const crdt__entry *b)
{
    return a->id == b->id && a->key_size == b->key_size &&
           memcmp(crdt__entry_key(a).data, crdt__entry_key(b).data, a->key_size) == 0;
}

static uint64_t head_at(const crdt__map *map, crdt__place place)
{
    return crdt__leaf_heads(map->leaves[place.leaf].leaf)[place.slot];
}

/* Of the entries where the walk is; NULL: that side is at its end. If both maps skip as many bytes,
 * and these are not the same, there is no key in both, and any order will do. */
static int compare_here(const walk *w, const crdt__entry *a, const crdt__entry *b)
{
    if (a == NULL || b == NULL) return a == NULL ? 1 : -1;
    if (w->heads) {
        uint64_t x = head_at(w->a, w->i), y = head_at(w->b, w->j);
        if (x != y) return x < y ? -1 : 1;
    }
    return crdt__entry_compare(a, b);
}

/* From one difference to the next, until the slots are all passed, or are not of the same keys. */
static crdt_err plan_facing(crdt_join *join, crdt__map *map, walk *w)
{
    facing              f = enter(w);
    crdt__entry *const *mine = crdt__leaf_entries(w->a->leaves[f.i.leaf].leaf) + f.i.slot;
    crdt__entry *const *theirs = crdt__leaf_entries(w->b->leaves[f.j.leaf].leaf) + f.j.slot;
    crdt_err            err = CRDT_OK;
    for (; err == CRDT_OK && f.differ != 0; f.differ &= f.differ - 1) {
        uint32_t      n = (uint32_t)__builtin_ctzll(f.differ);
        crdt__meeting m = {mine[n], theirs[n]};
        if (!same_key(m.mine, m.theirs)) {
            w->level = false;
            w->reach = FEW;
            w->next.count = 0;
            f.count = n;
            break;
        }
        err = plan(join->space, map, m.mine, m.theirs);
        if (err == CRDT_OK) err = prepare_one(join, map, &m);
    }
    w->i.slot += f.count;
    w->j.slot += f.count;
    return err;
}

/* What both hold is prepared on the way. */
static crdt_err plan_whole(crdt_join *join, crdt__map *map, const crdt__map *other)
{
    walk     w = walk_of(map, other);
    crdt_err err = CRDT_OK;
    while (err == CRDT_OK) {
        crdt__entry *a = crdt__map_at(map, &w.i), *b = crdt__map_at(other, &w.j);
        if (a == NULL && b == NULL) break;
        if (a != NULL && b != NULL && is_level(&w)) {
            err = plan_facing(join, map, &w);
            continue;
        }
        int           order = compare_here(&w, a, b);
        crdt__meeting m = {order <= 0 ? a : NULL, order >= 0 ? b : NULL};
        w.i.slot += order <= 0;
        w.j.slot += order >= 0;
        w.level = order == 0;
        err = plan(join->space, map, m.mine, m.theirs);
        if (err == CRDT_OK && order == 0) err = prepare_one(join, map, &m);
    }
    return err;
}

static crdt_err make_bottom(const crdt_space *space, crdt__map *map)
{
    size_t size = 0;
    for (size_t i = 0; i < map->planned; i++) {
        const crdt__meeting *m = &map->plan[i];
        if (m->theirs == NULL && m->mine->type->size > size) size = m->mine->type->size;
    }
    if (size == 0) return CRDT_OK;
    map->bottom = crdt__alloc(space->mem, size);
    if (map->bottom == NULL) return CRDT_ENOMEM;
    map->bottom_size = size;
    return CRDT_OK;
}

/* What one side lacks, once the walk is over (err: how that went): now what is born comes into the
 * tree. */
static crdt_err prepare_lacking(crdt_join *join, crdt__map *map, crdt_err err)
{
    size_t met = 0;
    if (err == CRDT_OK) err = make_bottom(join->space, map);
    for (size_t n = 0; n < map->planned; n++) {
        crdt__meeting m = map->plan[n];
        bool          both = m.mine != NULL && m.theirs != NULL;
        if (err == CRDT_OK && m.mine == NULL) {
            err = crdt__map_make(join->space, map, crdt__entry_key(m.theirs), m.theirs->type,
                                 m.theirs->id, &m.mine);
            if (err == CRDT_OK) m.mine->born = true;
        }
        if (m.mine == NULL) continue;
        map->plan[met++] = m;
        if (err == CRDT_OK && !both) err = prepare_one(join, map, &m);
    }
    map->planned = met;
    return err;
}

crdt_err crdt__map_prepare(crdt_join *join, void *state, const void *other_map)
{
    crdt__map *map = state, *other = (crdt__map *)(uintptr_t)other_map;
    crdt_err   err;
    drop_born(join->space, map);
    if (join->listed) {
        err = plan_listed(join, map, other);
        for (size_t i = 0; err == CRDT_OK && i < map->planned; i++) {
            err = prepare_one(join, map, &map->plan[i]);
        }
    } else {
        crdt__map_clean(map);
        crdt__map_clean(other); /* what it keeps of digests never shows */
        err = prepare_lacking(join, map, plan_whole(join, map, other));
    }
    if (err != CRDT_OK && map->touched == NULL) drop_born(join->space, map);
    return err;
}

/* drops: what is left without content was never written to, or is not any more. */
static void let_go(const crdt_space *space, crdt__map *map, bool keeps, bool drops)
{
    while (map->touched != NULL) {
        crdt__entry *e = map->touched;
        map->touched = e->next_touched;
        e->touched = false;
        if (keeps) e->type->keep(space, e->state);
        else e->type->undo(space, e->state);
        if ((drops || e->born) && crdt__entry_is_empty(e)) {
            crdt__map_drop(space, map, e);
            continue;
        }
        e->born = false;
        crdt__map_touch(space, map, e);
    }
}

/* Take out what holds nothing. */
static void sweep(const crdt_space *space, crdt__map *map)
{
    if (!map->gaps) return;
    map->gaps = false;
    crdt__place place = {0, 0};
    for (crdt__entry *e; (e = crdt__map_at(map, &place)) != NULL;) {
        if (crdt__entry_is_empty(e)) crdt__map_drop(space, map, e);
        else place.slot++;
    }
}

static bool commit_with(crdt_join *join, crdt__map *map, const crdt__meeting *m)
{
    static const crdt__sibs none;
    crdt__entry            *e = m->mine;
    const crdt__sibs       *marks = m->theirs != NULL ? &m->theirs->marks : &none;
    bool                    changed = holds_all(join, e);
    if (changed) e->type->keep(join->space, e->state);
    else changed = e->type->commit(join, e->state, other_state(join, map, m));
    if (!same_marks(m)) {
        changed |= crdt__sibs_commit(crdt__map_shape(map), join, &e->marks, marks);
    }
    return changed;
}

static bool commit_one(crdt_join *join, crdt__map *map, const crdt__meeting *m)
{
    const crdt_context *seen = join->mine.seen;
    if (is_silent(join, m->mine)) join->mine.seen = NULL;
    bool changed = commit_with(join, map, m);
    join->mine.seen = seen;
    changed |= m->mine->born && join->lists; /* a delta lists it from now on */
    m->mine->born = false;
    if (changed) crdt__map_touch(join->space, map, m->mine);
    return changed;
}

bool crdt__map_commit(crdt_join *join, void *state, const void *other)
{
    (void)other;
    crdt__map *map = state;
    bool       changed = false, gaps = map->gaps;
    for (size_t i = 0; i < map->planned; i++) {
        crdt__entry *e = map->plan[i].mine;
        if (i + AHEAD < map->planned) {
            size_t bytes = sizeof *e + e->type->size;
            fetch(map->plan[i + AHEAD].mine, bytes);
            if (map->plan[i + AHEAD].theirs != NULL) fetch(map->plan[i + AHEAD].theirs, bytes);
        }
        changed |= commit_one(join, map, &map->plan[i]);
        if (!join->lists && !e->touched && crdt__entry_is_empty(e)) {
            crdt__map_drop(join->space, map, e);
        }
    }
    drop_plan(join->space, map);
    let_go(join->space, map, true, !join->lists);
    map->gaps = gaps || join->lists;
    if (!join->lists) sweep(join->space, map); /* once it was a delta's */
    return changed;
}

/* -- Parts ------------------------------------------------------------------------------------- */

static crdt_err since_one(const crdt_space *space, const crdt__map *map, const crdt__entry *e,
                          const crdt_context *ctx, crdt__map *part, crdt_context *keep)
{
    crdt__entry *into;
    crdt_err     err = crdt__map_make(space, part, crdt__entry_key(e), e->type, e->id, &into);
    if (err == CRDT_OK) err = e->type->since(space, e->state, ctx, into->state, keep);
    if (err == CRDT_OK) {
        err = crdt__sibs_since(crdt__map_shape(map), space, &e->marks, ctx, &into->marks, keep);
    }
    if (err != CRDT_OK) return err;
    bool listed = crdt__entry_is_empty(e); /* by a delta */
    if (crdt__entry_is_empty(into) && !listed) {
        crdt__map_drop(space, part, into);
        return CRDT_OK;
    }
    return crdt__map_know(space, part, into);
}

crdt_err crdt__map_since(const crdt_space *space, const void *state, const crdt_context *ctx,
                         void *ret_part, crdt_context *keep)
{
    const crdt__map *map = state;
    crdt__place      place = {0, 0};
    crdt_err         err = CRDT_OK;
    for (const crdt__entry *e; err == CRDT_OK && (e = crdt__map_next(map, &place)) != NULL;) {
        err = since_one(space, map, e, ctx, ret_part, keep);
    }
    return err;
}

/* -- Collection -------------------------------------------------------------------------------- */

crdt_err crdt__map_ready(const crdt_space *space, void *state, const crdt_context *cut)
{
    crdt__place place = {0, 0};
    crdt_err    err = CRDT_OK;
    for (crdt__entry *e; err == CRDT_OK && (e = crdt__map_next(state, &place)) != NULL;) {
        if (e->type->ready != NULL) err = e->type->ready(space, e->state, cut);
    }
    return err;
}

static bool has_tomb_in(const void *cut, const crdt__sib *sib)
{
    return crdt__sib_is_tomb(sib) && crdt_context_has(cut, crdt__sib_dot(sib));
}

static bool all_within(const crdt__map *map, const crdt__entry *e, const crdt_context *cut)
{
    const char *reason;
    for (size_t i = 0; i < crdt__sibs_count(&e->marks); i++) {
        if (!crdt_context_has(cut, crdt__sib_dot(crdt__sibs_at(&e->marks, i)))) return false;
    }
    return e->type->within != NULL ? e->type->within(e->state, cut)
                                   : e->type->check(map->space, e->state, cut, &reason);
}

/* Something in it is of a type that stays under a removal. */
static bool stays(const crdt__entry *e)
{
    crdt__place        place = {0, 0};
    const crdt__entry *inner;
    if (!e->type->holds) return e->type->stays && !e->type->empty(e->state);
    while ((inner = crdt__map_next((const crdt__map *)(const void *)e->state, &place)) != NULL) {
        if (stays(inner)) return true;
    }
    return false;
}

/* A write and a removal stand side by side only if they were concurrent: once both are stable all
 * that the removal hides can never show again, and goes with it. A removal that a later write beat
 * goes alone. For that to come to the same where they have gone and where they have not, whatever
 * covers a removal covers all beside it that shows to its writer. */
static bool collect_tombs(const crdt_space *space, crdt__map *map, crdt__entry *e,
                          const crdt_context *cut)
{
    const crdt__shape *shape = crdt__map_shape(map);
    size_t             i = 0, count = crdt__sibs_count(&e->marks);
    while (i < count && !has_tomb_in(cut, crdt__sibs_at(&e->marks, i))) i++;
    if (i == count) return false;
    const crdt__sib *top = crdt__sibs_top(&e->marks);
    if (crdt__map_policy(map->type) == CRDT__LATEST_WINS && !crdt__sib_is_tomb(top)) {
        return crdt__sibs_drop(shape, space, &e->marks, has_tomb_in, cut);
    }
    if (e->strange || !all_within(map, e, cut) || stays(e)) return false;
    e->type->clear(space, e->state);
    crdt__sibs_clear(space, &e->marks);
    return true;
}

bool crdt__map_stabilise(const crdt_space *space, void *state, const crdt_context *cut)
{
    crdt__map  *map = state;
    crdt__place place = {0, 0};
    bool        changed = false, tombs = crdt__map_policy(map->type) != CRDT__UPDATE_WINS;
    for (crdt__entry *e; (e = crdt__map_at(map, &place)) != NULL;) {
        bool gone = e->type->stabilise != NULL && e->type->stabilise(space, e->state, cut);
        if (tombs) gone |= collect_tombs(space, map, e, cut);
        changed |= gone;
        if (gone) crdt__map_touch(space, map, e);
        if (gone && crdt__entry_is_empty(e)) crdt__map_drop(space, map, e);
        else place.slot++;
    }
    return changed;
}

/* -- What is changed in place ------------------------------------------------------------------ */

void crdt__map_keep(const crdt_space *space, void *state)
{
    let_go(space, state, true, false);
}

void crdt__map_undo(const crdt_space *space, void *state)
{
    drop_born(space, state);
    let_go(space, state, false, false);
}

static crdt_err seal_one(const crdt_space *space, crdt__map *map, crdt_dot first, crdt__entry *own)
{
    crdt__entry *mine = crdt__map_find(map, crdt__entry_key(own), own->id);
    if (mine == NULL) return CRDT_OK;
    if (!own->type->holds) own->type->clear(space, own->state);
    return own->type->seal(space, mine->state, first, own->state);
}

crdt_err crdt__map_seal(const crdt_space *space, void *state, crdt_dot first, void *ret_part)
{
    crdt__map  *map = state, *part = ret_part;
    crdt__place place = {0, 0};
    crdt_err    err = CRDT_OK;
    if (part == NULL) {
        for (crdt__entry *e = map->touched; err == CRDT_OK && e != NULL; e = e->next_touched) {
            err = e->type->seal(space, e->state, first, NULL);
        }
        return err;
    }
    for (crdt__entry *e; err == CRDT_OK && (e = crdt__map_at(part, &place)) != NULL;) {
        if (!e->mutated) {
            crdt__map_drop(space, part, e);
            continue;
        }
        if (e->type->undo != NULL) err = seal_one(space, map, first, e);
        if (err == CRDT_OK) err = crdt__map_know(space, part, e);
        place.slot++;
    }
    return err;
}
