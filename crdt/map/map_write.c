/* map/map_write.c: operations on what lies in maps. See map.h and core/within.h.
 *
 * The way to a target is a chain of steps, one an entry, the innermost first. Each mutation writes
 * the marks that its steps want: of entries that do not show yet, and where the latest write wins
 * of every entry on the way.
 */
#include <string.h>

#include "crdt/core/mem.h"
#include "crdt/map/map.h"
#include "crdt/store.h"

typedef struct step {
    struct crdt_inside  inside; /* first */
    struct crdt_inside *outer;  /* the step before, or the way to the map itself; NULL */
    crdt__sight         sight;  /* of the map that holds the entry */
    crdt__both          both;
    crdt__map          *own_map;
    bool                wants_mark;
    bool                removed; /* a removal hides the entry: a write covers it */
    bool                fresh;   /* nothing showed under the key */
} step;

/* -- What a mutation does on its way ----------------------------------------------------------- */

static step *step_of(struct crdt_inside *inside)
{
    return (step *)(void *)inside;
}

static size_t state_marks(const step *s)
{
    return s->both.mine == NULL ? 0 : crdt__sibs_count(&s->both.mine->marks);
}

static crdt_err reserve_steps(crdt_target *target, size_t *dots, size_t *covers)
{
    crdt_err err = CRDT_OK;
    for (struct crdt_inside *at = target->inside; err == CRDT_OK && at != NULL;
         at = step_of(at)->outer) {
        step *s = step_of(at);
        if (!s->wants_mark && !s->removed) continue;
        crdt__sibs *marks = &s->both.own->marks;
        err = crdt__sibs_reserve(target->space, marks, crdt__sibs_count(marks) + s->wants_mark);
        *dots += s->wants_mark;
        *covers += state_marks(s);
    }
    return err;
}

static void mutate_steps(crdt_target *target)
{
    for (struct crdt_inside *at = target->inside; at != NULL; at = step_of(at)->outer) {
        crdt__entry *own = step_of(at)->both.own;
        own->mutated = true;
    }
}

/* Cover every mark of the entry that the transaction sees. */
static void cover_marks(crdt_target *target, const step *s, bool seen_only)
{
    const crdt__sibs *marks = s->both.mine == NULL ? NULL : &s->both.mine->marks;
    for (size_t i = 0; marks != NULL && i < crdt__sibs_count(marks); i++) {
        crdt_dot dot = crdt__sib_dot(crdt__sibs_at(marks, i));
        if (crdt_context_has(s->sight.gone, dot)) continue;
        if (!seen_only || crdt_target_sees(target, dot)) crdt_target_cover(target, dot);
    }
    crdt__entry *own = s->both.own;
    for (size_t i = crdt__sibs_count(&own->marks); i-- > 0;) {
        crdt_dot dot = crdt__sib_dot(crdt__sibs_at(&own->marks, i));
        crdt__sibs_kill(crdt__map_shape(s->own_map), target->space, &own->marks, dot);
    }
}

/* Room is there. */
static void put_mark(crdt_target *target, const step *s, crdt_dot dot, uint64_t stamp, bool tomb)
{
    crdt__sib  mark;
    crdt_value none = crdt_int(0);
    crdt_err   err = crdt__sib_init(target->space, &mark, tomb ? NULL : &none);
    CRDT_ASSERT(err == CRDT_OK);
    crdt__sib_set_dot(&mark, dot, stamp);
    crdt__sibs_add(crdt__map_shape(s->own_map), target->space, &s->both.own->marks, &mark);
}

/* One stamp for all marks of an operation, above those that they replace. A removal is covered also
 * by what leaves no more than a residue: the removal would stay with that for longer than it does
 * where the cut that ends it came first. */
static void write_steps(crdt_target *target)
{
    uint64_t over = 0, stamp = 0;
    bool     wanted = false;
    for (struct crdt_inside *at = target->inside; at != NULL; at = step_of(at)->outer) {
        const step *s = step_of(at);
        if (!s->wants_mark) continue;
        crdt__standing standing = crdt__both_look(&s->sight, &s->both);
        if (standing.stamp_max > over) over = standing.stamp_max;
        wanted = true;
    }
    if (wanted) {
        crdt__target_appear(target);
        stamp = crdt_target_stamp(target, over);
    }
    for (struct crdt_inside *at = target->inside; at != NULL; at = step_of(at)->outer) {
        step *s = step_of(at);
        bool  marks = s->wants_mark;
        if (!marks && !s->removed) continue;
        s->wants_mark = s->removed = false;
        cover_marks(target, s, false);
        if (!marks) continue;
        struct crdt_inside *way = target->inside;
        target->inside = NULL; /* a plain dot */
        crdt_dot dot = crdt_target_dot(target);
        target->inside = way;
        put_mark(target, s, dot, stamp, false);
    }
}

static void hide_steps(crdt_target *target)
{
    for (struct crdt_inside *at = target->inside; at != NULL; at = step_of(at)->outer) {
        step_of(at)->wants_mark = false;
    }
}

/* -- Steps ------------------------------------------------------------------------------------- */

/* The target of an entry: what target was of its map. */
static crdt_target target_at(const crdt_target *target, step *s)
{
    crdt_target inner = *target;
    inner.now = crdt__both_ref(&s->sight, &s->both);
    inner.delta = s->both.own->state;
    inner.state = s->both.type->undo == NULL ? NULL : s->both.mine->state;
    inner.inside = &s->inside;
    return inner;
}

/* Take a step from a map to its entry of this key and type, made where it must be. known: what was
 * found of it just now, or NULL. */
static crdt_err take_step(const crdt_target *target, crdt_view key, const crdt_type *type,
                          const crdt__both *known, step *ret_step)
{
    crdt__map *own = target->delta, *state = target->state;
    step       s = {.inside = {reserve_steps, mutate_steps, write_steps, hide_steps}};
    crdt_err   err = crdt__map_make(target->space, own, key, type, type->id, &s.both.own);
    if (err != CRDT_OK) return err;
    s.both.id = type->id;
    s.both.mine = known != NULL ? known->mine : crdt__map_find(state, key, type->id);
    if (type->undo != NULL && s.both.mine == NULL) {
        err = crdt__map_make(state->space, state, key, type, type->id, &s.both.mine);
        if (err != CRDT_OK) return err;
        s.both.mine->born = true;
    }
    if (type->undo != NULL) {
        crdt__txn_in_place(target->txn, type);
        crdt__map_edit(state, s.both.mine);
    }
    s.both.type = type;
    s.outer = target->inside;
    s.sight = crdt__map_sight(&target->now);
    s.own_map = own;
    *ret_step = s;
    return CRDT_OK;
}

/* -- Taking away ------------------------------------------------------------------------------- */

typedef enum wipe {
    WIPE_SEEN, /* what the transaction sees */
    WIPE_TOMB  /* what it shows, whatever its read context; and leave the mark of a removal */
} wipe;

/* How many marks can be covered. */
static size_t marks_seen(const crdt_target *target, const step *s, bool seen_only)
{
    crdt__sibs_iter it = crdt__sibs_over(s->both.mine == NULL ? NULL : &s->both.mine->marks,
                                         &s->both.own->marks, s->sight.gone);
    size_t count = 0;
    for (const crdt__sib *sib; (sib = crdt__sibs_next(&it)) != NULL;) {
        count += !seen_only || crdt_target_sees(target, crdt__sib_dot(sib));
    }
    return count;
}

static crdt_err wipe_marks(crdt_target *target, const step *s, wipe how, uint64_t stamp,
                           bool took_dot)
{
    bool   tomb = how == WIPE_TOMB, seen_only = how == WIPE_SEEN;
    size_t seen = marks_seen(target, s, seen_only);
    if (seen == 0 && !tomb) return CRDT_OK;
    crdt_err err = CRDT_OK;
    if (tomb) {
        err = crdt__sibs_reserve(target->space, &s->both.own->marks,
                                 crdt__sibs_count(&s->both.own->marks) + 1);
    }
    if (err == CRDT_OK) err = crdt_target_reserve(target, tomb || !took_dot, state_marks(s));
    if (err != CRDT_OK) return err;
    cover_marks(target, s, seen_only);
    if (tomb) put_mark(target, s, crdt_target_dot(target), stamp, true);
    else if (!took_dot) (void)crdt_target_dot(target);
    return CRDT_OK;
}

/* Take away what is in the entry; map is the target of its map, stamp that of a tomb. */
static crdt_err wipe_entry(const crdt_target *map, step *s, wipe how, uint64_t stamp)
{
    crdt_txn           *txn = map->txn;
    crdt_target         target = target_at(map, s);
    const crdt_context *reader = crdt__txn_reader(txn);
    uint64_t            before = crdt__txn_next(txn);
    if (how != WIPE_SEEN) crdt_txn_at(txn, NULL);
    crdt_err err = s->both.type->reset(&target);
    bool     took = crdt__txn_next(txn) > before;
    crdt_txn_at(txn, reader);
    if (err == CRDT_OK) err = wipe_marks(&target, s, how, stamp, took);
    return err == CRDT_OK ? err : crdt__txn_failed(txn, before, err);
}

/* What does not show is not removed: residues decide nothing, for they may be forgotten. */
crdt_err crdt__map_reset(crdt_target *target)
{
    crdt__sight     sight = crdt__map_sight(&target->now);
    crdt__walk_maps walk = {{0, 0}, {0, 0}};
    uint64_t        before = crdt__txn_next(target->txn);
    crdt_err        err = crdt__sight_bars(&sight) ? CRDT_ETYPE : CRDT_OK;
    for (crdt__both both;
         err == CRDT_OK && (both = crdt__sight_next(&sight, &walk)).type != NULL;) {
        step      s;
        crdt_view key = crdt__both_key(&both);
        if (!crdt__both_look(&sight, &both).shows) continue;
        err = take_step(target, key, both.type, &both, &s);
        if (err == CRDT_OK) err = wipe_entry(target, &s, WIPE_SEEN, 0);
        walk = crdt__sight_seek(&sight, key, (uint32_t)both.id + 1); /* trees may have grown */
    }
    return err == CRDT_OK ? err : crdt__txn_failed(target->txn, before, err);
}

/* -- Going in ---------------------------------------------------------------------------------- */

static crdt_err check_path(const crdt_txn *txn, const crdt__map_path *path, size_t more)
{
    const crdt_limits *limits = crdt__txn_space(txn)->limits;
    if (!crdt__is_map(path->type)) return CRDT_EINVAL;
    size_t depth = path->depth + more;
    if (depth == 0) return CRDT_EINVAL;
    if (depth > limits->depth || depth > CRDT__MAP_DEPTH_MAX) return CRDT_ELIMIT;
    for (size_t i = 0; i < path->depth; i++) {
        if (path->keys[i].size > crdt__map_key_max(limits)) return CRDT_ELIMIT;
    }
    return CRDT_OK;
}

/* A step that is written to: its entry shows from the first mutation on. */
static crdt_err step_in(crdt_target *map, crdt_view key, const crdt_type *type, step *s)
{
    crdt__both  shown;
    crdt__sight sight = crdt__map_sight(&map->now);
    bool        shows = crdt__sight_shows(&sight, key, &shown);
    if (type == NULL) type = shows && crdt__is_map(shown.type) ? shown.type : map->now.type;
    const crdt_type *only = crdt__map_only(map->now.type);
    if ((shows && shown.type != type) || (only != NULL && type != only)) return CRDT_ETYPE;
    size_t keys = sight.state == NULL ? 0 : sight.state->keys;
    if (!shows && keys >= map->space->limits->elements) return CRDT_ELIMIT;
    crdt_err err = take_step(map, key, type, shows ? &shown : NULL, s);
    if (err != CRDT_OK) return err;
    s->removed = !shows && crdt__both_look(&sight, &s->both).removed;
    s->fresh = !shows;
    s->wants_mark = only == NULL && (!shows || sight.policy == CRDT__LATEST_WINS);
    return CRDT_OK;
}

/* What a removal hides of the entry goes, and the removal with it. */
static crdt_err clear_hidden(const crdt_target *map, step *s)
{
    crdt_target         target = target_at(map, s);
    const crdt_context *reader = crdt__txn_reader(map->txn);
    uint64_t            before = crdt__txn_next(map->txn);
    crdt_txn_at(map->txn, NULL);
    crdt_err err = s->both.type->reset(&target);
    crdt_txn_at(map->txn, reader);
    return err == CRDT_OK ? err : crdt__txn_failed(map->txn, before, err);
}

typedef enum way {
    WAY_OPEN,  /* to write, unless a removal is met: then it is left there, *ret_met */
    WAY_CLEAR, /* to take away what removals hide */
    WAY_WRITE
} way;

/* Along the path, and then to key if type is not NULL. steps: one each. */
static crdt_err go_along(crdt_txn *txn, const crdt__map_path *path, crdt_view key,
                         const crdt_type *type, way how, step *steps, crdt_target *ret_target,
                         bool *ret_met)
{
    bool     clears = how == WAY_CLEAR;
    crdt_err err = crdt__target_open_named(txn, path->name, path->type, !clears, ret_target);
    *ret_met = false;
    for (size_t i = 0; err == CRDT_OK && i <= path->depth; i++) {
        step *s = &steps[i];
        if (i == path->depth && type == NULL) break;
        err = i < path->depth ? step_in(ret_target, path->keys[i], NULL, s)
                              : step_in(ret_target, key, type, s);
        if (err != CRDT_OK) break;
        *ret_met = s->removed && how == WAY_OPEN;
        if (*ret_met) break;
        if (clears) s->wants_mark = false;
        if (clears && s->removed) err = clear_hidden(ret_target, s);
        *ret_target = target_at(ret_target, s);
    }
    return err;
}

/* The way of an operation that writes. What removals hide on it goes first, for what is written
 * must not show it again, and lists are changed in place. */
static crdt_err go_in(crdt_txn *txn, const crdt__map_path *path, crdt_view key,
                      const crdt_type *type, step *steps, crdt_target *ret_target)
{
    bool     met;
    crdt_err err = go_along(txn, path, key, type, WAY_OPEN, steps, ret_target, &met);
    if (err != CRDT_OK || !met) return err;
    err = go_along(txn, path, key, type, WAY_CLEAR, steps, ret_target, &met);
    if (err != CRDT_OK) return err;
    return go_along(txn, path, key, type, WAY_WRITE, steps, ret_target, &met);
}

crdt_err crdt__map_act_at(crdt_txn *txn, crdt_view name, const crdt_type *map, crdt_view key,
                          crdt__map_act *act, void *with)
{
    crdt_target target;
    step        s;
    if (key.size > crdt__map_key_max(crdt__txn_space(txn)->limits)) return CRDT_ELIMIT;
    crdt_err err = crdt_target_open(txn, name, map, &target);
    if (err == CRDT_OK) err = step_in(&target, key, crdt__map_only(map), &s);
    if (err != CRDT_OK) return err;
    target = target_at(&target, &s);
    return act(&target, with);
}

/* A transaction's place: the path is copied behind it. */
typedef struct place {
    crdt__within   within; /* first */
    crdt__map_path path;
    bool           added; /* by the operation opened last: nothing showed under its key */
    step          *steps; /* of the same */
} place;

static bool may_hold(const crdt_space *space, const crdt_type *type)
{
    return type != &crdt__opaque_type && crdt__map_type(space, type->id) == type;
}

static crdt_err open_within(crdt__within *within, crdt_txn *txn, crdt_view key,
                            const crdt_type *type, crdt_target *ret_target)
{
    place            *p = (place *)(void *)within;
    const crdt_space *space = crdt__txn_space(txn);
    p->added = false;
    if (!may_hold(space, type)) return CRDT_EINVAL;
    if (key.size > crdt__map_key_max(space->limits)) return CRDT_ELIMIT;
    crdt_err err = go_in(txn, &p->path, key, type, p->steps, ret_target);
    if (err == CRDT_OK) p->added = p->steps[p->path.depth].fresh;
    return err;
}

bool crdt__map_added(const crdt__within *within)
{
    return within != NULL && ((const place *)(const void *)within)->added;
}

static crdt_view copy_key(uint8_t **at, crdt_view key)
{
    if (key.size > 0) memcpy(*at, key.data, key.size);
    crdt_view copy = crdt_view_of(*at, key.size);
    *at += key.size;
    return copy;
}

/* A deletion that is pending in a list knows its way by the steps. */
static void go_to(crdt_txn *txn, crdt__within *next)
{
    const place *p = (const place *)(const void *)crdt__txn_is_within(txn);
    if (p != NULL) crdt__txn_settle(txn, p->path.name, p->path.type);
    crdt__txn_within(txn, next);
}

void crdt__map_leave(crdt_txn *txn)
{
    go_to(txn, NULL);
}

crdt_err crdt__map_enter(crdt_txn *txn, const crdt__map_path *path)
{
    crdt_err err = check_path(txn, path, 1);
    if (err != CRDT_OK) return err;
    size_t bytes = sizeof(place) + (path->depth + 1) * sizeof(step);
    size_t keys_at = bytes;
    bytes += path->depth * sizeof(crdt_view);
    size_t text_at = bytes;
    bytes += path->name.size;
    for (size_t i = 0; i < path->depth; i++) bytes += path->keys[i].size;
    uint8_t *block = crdt__alloc(crdt__txn_space(txn)->mem, bytes);
    if (block == NULL) return CRDT_ENOMEM;
    place     *p = (place *)(void *)block;
    crdt_view *keys = (crdt_view *)(void *)(block + keys_at);
    uint8_t   *text = block + text_at;
    p->within = (crdt__within){open_within, bytes};
    p->added = false;
    p->steps = (step *)(void *)(block + sizeof *p);
    p->path = (crdt__map_path){copy_key(&text, path->name), path->type, keys, path->depth};
    for (size_t i = 0; i < path->depth; i++) keys[i] = copy_key(&text, path->keys[i]);
    go_to(txn, &p->within);
    return CRDT_OK;
}

crdt_err crdt__map_create(crdt_txn *txn, const crdt__map_path *path, const crdt_type *type)
{
    crdt_err err = check_path(txn, path, 0);
    if (err != CRDT_OK) return err;
    if (!may_hold(crdt__txn_space(txn), type)) return CRDT_EINVAL;
    step           steps[CRDT__MAP_DEPTH_MAX];
    crdt_target    target;
    crdt__map_path to = *path;
    to.depth--;
    err = go_in(txn, &to, path->keys[to.depth], type, steps, &target);
    if (err != CRDT_OK) return err;
    const step *last = &steps[to.depth];
    if (crdt__both_look(&last->sight, &last->both).shows) return CRDT_OK;
    uint64_t before = crdt__txn_next(txn);
    err = crdt_target_reserve(&target, 0, 0);
    if (err != CRDT_OK) return crdt__txn_failed(txn, before, err);
    write_steps(&target);
    return CRDT_OK;
}

/* -- Removing a key ---------------------------------------------------------------------------- */

/* Every step of the path shows. */
static crdt_err look_along(const crdt_ref *map, const crdt__map_path *path)
{
    crdt_ref   ref = *map;
    crdt__both shown;
    for (size_t i = 0; i < path->depth; i++) {
        if (!crdt__is_map(ref.type)) return CRDT_ENOENT;
        crdt__sight sight = crdt__map_sight(&ref);
        if (!crdt__sight_shows(&sight, path->keys[i], &shown)) return CRDT_ENOENT;
        ref = crdt__both_ref(&sight, &shown);
    }
    return CRDT_OK;
}

/* One stamp for all marks of a removal, above those that they replace. */
static uint64_t stamp_over(crdt_target *map, const crdt__sight *sight, crdt_view key)
{
    crdt__walk_maps walk = crdt__sight_seek(sight, key, 0);
    uint64_t        over = 0;
    for (crdt__both both; (both = crdt__sight_next(sight, &walk)).type != NULL;) {
        if (crdt_view_compare(crdt__both_key(&both), key) != 0) break;
        crdt__standing s = crdt__both_look(sight, &both);
        if (s.shows && s.stamp_max > over) over = s.stamp_max;
    }
    return crdt_target_stamp(map, over);
}

/* What shows under the key cannot be taken away here, or something in it cannot. */
static bool bars_at(const crdt__sight *sight, crdt_view key)
{
    crdt__walk_maps walk = crdt__sight_seek(sight, key, 0);
    for (crdt__both both; (both = crdt__sight_next(sight, &walk)).type != NULL;) {
        if (crdt_view_compare(crdt__both_key(&both), key) != 0) break;
        if (crdt__both_bars(sight, &both)) return true;
    }
    return false;
}

static crdt_err wipe_key(crdt_target *map, crdt_view key)
{
    crdt__sight     sight = crdt__map_sight(&map->now);
    crdt__walk_maps walk = crdt__sight_seek(&sight, key, 0);
    uint64_t        before = crdt__txn_next(map->txn), stamp = 0;
    wipe            how = sight.policy == CRDT__UPDATE_WINS ? WIPE_SEEN : WIPE_TOMB;
    crdt_err        err = bars_at(&sight, key) ? CRDT_ETYPE : CRDT_OK;
    if (how == WIPE_TOMB) stamp = stamp_over(map, &sight, key);
    for (crdt__both both;
         err == CRDT_OK && (both = crdt__sight_next(&sight, &walk)).type != NULL;) {
        step     s;
        uint32_t next = (uint32_t)both.id + 1;
        if (crdt_view_compare(crdt__both_key(&both), key) != 0) break;
        if (crdt__both_look(&sight, &both).shows) {
            err = take_step(map, key, both.type, &both, &s);
            if (err == CRDT_OK) err = wipe_entry(map, &s, how, stamp);
        }
        walk = crdt__sight_seek(&sight, key, next); /* the trees may have grown */
    }
    return err == CRDT_OK ? err : crdt__txn_failed(map->txn, before, err);
}

crdt_err crdt__map_remove(crdt_txn *txn, const crdt__map_path *path)
{
    crdt_err err = check_path(txn, path, 0);
    if (err != CRDT_OK) return err;
    step           steps[CRDT__MAP_DEPTH_MAX];
    crdt_target    target;
    crdt__map_path to = *path;
    to.depth--;
    err = crdt__target_open_named(txn, path->name, path->type, false, &target);
    if (err == CRDT_OK) err = look_along(&target.now, path);
    for (size_t i = 0; err == CRDT_OK && i < to.depth; i++) {
        crdt__both  shown;
        crdt__sight sight = crdt__map_sight(&target.now);
        if (!crdt__sight_shows(&sight, path->keys[i], &shown)) return CRDT_ENOENT;
        err = take_step(&target, path->keys[i], shown.type, &shown, &steps[i]);
        if (err == CRDT_OK) target = target_at(&target, &steps[i]);
    }
    return err == CRDT_OK ? wipe_key(&target, path->keys[to.depth]) : err;
}

crdt_err crdt__map_remove_at(crdt_txn *txn, crdt_view name, const crdt_type *map, crdt_view key)
{
    crdt_target target;
    crdt_err    err = crdt_target_open(txn, name, map, &target);
    return err == CRDT_OK ? wipe_key(&target, key) : err;
}
