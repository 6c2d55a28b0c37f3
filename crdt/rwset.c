/* rwset.c: see rwset.h. The state is a crdt__pair (core/sets.h).
 *
 * An addition and a removal of one element live side by side only if they were concurrent: so
 * once both are stable the addition can never show again, and both go. For that to come to the
 * same where they have gone and where they have not, whatever covers a removal covers all
 * additions beside it.
 */
#include "crdt/rwset.h"

#include "crdt/core/sets.h"

crdt_err crdt_rwset_new(uint64_t replica, const crdt_mem *mem, crdt_store **ret_store)
{
    return crdt_store_new_solo(&crdt_rwset_type, replica, mem, ret_store);
}

static crdt_err open_set(crdt_txn *txn, crdt_view name, crdt_value elem, crdt_target *ret_target)
{
    crdt_err err = crdt_target_open(txn, name, &crdt_rwset_type, ret_target);
    return err ? err : crdt_target_value_ok(ret_target, elem);
}

/* Put elem into one part of the delta under a fresh dot, over what is aimed at in both. */
static crdt_err write(crdt_target *target, crdt_value elem, crdt__elems *into, crdt__aim aim)
{
    crdt__pair  *delta = target->delta;
    crdt__over   adds = crdt__pair_adds(&target->now), rms = crdt__pair_rms(&target->now);
    crdt__covers a = crdt__over_covers(&adds, target, aim);
    crdt__covers r = crdt__over_covers(&rms, target, aim);
    crdt_err err = crdt__elems_reserve(target->space->mem, into, crdt_target_replica(target), elem);
    if (err == CRDT_OK) err = crdt_target_reserve(target, 1, a.state + r.state);
    if (err) return err;
    crdt_dot dot = crdt_target_dot(target);
    crdt__over_cover(&adds, target, &delta->adds, aim);
    crdt__over_cover(&rms, target, &delta->rms, aim);
    crdt__elems_insert(into, dot, elem);
    return CRDT_OK;
}

crdt_err crdt_rwset_add(crdt_txn *txn, crdt_view name, crdt_value elem)
{
    crdt_target target;
    crdt_err    err = open_set(txn, name, elem, &target);
    if (err) return err;
    crdt__pair  *delta = target.delta;
    crdt__over   adds = crdt__pair_adds(&target.now), rms = crdt__pair_rms(&target.now);
    crdt__aim    seen = {&elem, false}, shown = {&elem, true};
    crdt__covers all = crdt__over_covers(&rms, &target, shown);
    crdt__covers known = crdt__over_covers(&rms, &target, seen);
    if (all.state > known.state) return CRDT_OK; /* beaten by a removal the reader had not seen */
    if (!crdt__over_has(&adds, elem) && crdt__over_full(&adds, &target)) return CRDT_ELIMIT;
    return write(&target, elem, &delta->adds, known.state > 0 ? shown : seen);
}

crdt_err crdt_rwset_remove(crdt_txn *txn, crdt_view name, crdt_value elem)
{
    crdt_target target;
    crdt_err    err = open_set(txn, name, elem, &target);
    if (err) return err;
    crdt__pair  *delta = target.delta;
    crdt__over   adds = crdt__pair_adds(&target.now), rms = crdt__pair_rms(&target.now);
    crdt__aim    seen = {&elem, false}, shown = {&elem, true};
    crdt__covers a = crdt__over_covers(&adds, &target, seen);
    /* What does not show is not removed: residues decide nothing, for they may be forgotten. */
    if (a.state + a.own == 0 || crdt__over_has(&rms, elem)) return CRDT_OK;
    return write(&target, elem, &delta->rms, shown);
}

bool crdt_rwset_has(crdt_ref set, crdt_value elem)
{
    return crdt__pair_has(&set, elem);
}

size_t crdt_rwset_count(crdt_ref set)
{
    return crdt__pair_count(&set);
}

crdt_rwset_iter crdt_rwset_iterate(crdt_ref set)
{
    crdt_rwset_iter it = {set, {0}};
    return it;
}

bool crdt_rwset_next(crdt_rwset_iter *it, crdt_value *ret_elem)
{
    return crdt__pair_next(&it->set, it->at, ret_elem);
}

/* -- Reset: what is seen in both parts, and all additions beside a removal that is seen -------- */

/* The additions that a reset covers: their number. They enter `cover`, if that is not NULL. */
static size_t each_reset(const crdt_target *target, const crdt__over *adds, const crdt__over *rms,
                         crdt_target *cover)
{
    crdt__elems_cursor at = {adds->state, 0, 0};
    crdt_dot           dot;
    crdt_value         value;
    size_t             count = 0;
    while (adds->state != NULL && crdt__elems_next(&at, &dot, &value)) {
        crdt__aim seen = {&value, false};
        if (crdt_context_has(adds->gone, dot)) continue;
        if (!crdt_target_sees(target, dot) && crdt__over_covers(rms, target, seen).state == 0) {
            continue;
        }
        count++;
        if (cover) crdt_target_cover(cover, dot);
    }
    return count;
}

static crdt_err reset(crdt_target *target)
{
    crdt__pair  *delta = target->delta;
    crdt__over   adds = crdt__pair_adds(&target->now), rms = crdt__pair_rms(&target->now);
    crdt__aim    all = {NULL, false};
    crdt__covers r = crdt__over_covers(&rms, target, all);
    if (!crdt__pair_sees(target)) return CRDT_OK;
    crdt_err err = crdt_target_reserve(target, 1, each_reset(target, &adds, &rms, NULL) + r.state);
    if (err) return err;
    crdt_target_dot(target);
    each_reset(target, &adds, &rms, target);
    crdt__over_cover(&rms, target, &delta->rms, all);
    crdt__elems_clear(target->space->mem, &delta->adds);
    return CRDT_OK;
}

/* -- Collection -------------------------------------------------------------------------------- */

static bool all_within(const crdt__elems *e, crdt_value value, const crdt_context *cut)
{
    crdt_dot           dot;
    crdt__elems_finder finder = crdt__elems_find(e, value);
    while (crdt__elems_next_dot(&finder, &dot)) {
        if (!crdt_context_has(cut, dot)) return false;
    }
    return true;
}

/* Take every dot of value out. */
static void drop_value(crdt__elems *e, crdt_value value)
{
    crdt_dot dot;
    for (;;) {
        crdt__elems_finder finder = crdt__elems_find(e, value);
        if (!crdt__elems_next_dot(&finder, &dot)) return;
        crdt__elems_kill(e, dot);
    }
}

static bool stabilise(const crdt_space *space, void *state, const crdt_context *cut)
{
    crdt__pair        *pair = state;
    crdt__elems_cursor at = {&pair->rms, 0, 0};
    crdt_dot           dot;
    crdt_value         value;
    uint64_t           before = pair->rms.dots;
    while (crdt__elems_next(&at, &dot, &value)) {
        if (!crdt_context_has(cut, dot) || !all_within(&pair->adds, value, cut)) continue;
        drop_value(&pair->adds, value);
        crdt__elems_kill(&pair->rms, dot);
        dot.seq++;
        at = crdt__elems_seek(&pair->rms, dot);
    }
    if (pair->rms.dots == before) return false;
    crdt__elems_trim(space->mem, &pair->adds);
    crdt__elems_trim(space->mem, &pair->rms);
    return true;
}

static crdt_err apply_add(crdt_txn *txn, crdt_view name, const crdt_value *args)
{
    return crdt_rwset_add(txn, name, args[0]);
}

static crdt_err apply_remove(crdt_txn *txn, crdt_view name, const crdt_value *args)
{
    return crdt_rwset_remove(txn, name, args[0]);
}

static const crdt_op ops[] = {
    {"add", "v", "add an element; a concurrent removal wins", apply_add},
    {"remove", "v", "remove an element, also from under concurrent additions", apply_remove},
};

const crdt_type crdt_rwset_type = {
    .id = 8,
    .format = 1,
    .name = "rwset",
    .summary = "remove-wins set: a removal also beats concurrent additions",
    .source = "Almeida, Shoker, Baquero, JPDC 111, 2018; Baquero et al., arXiv 1710.04469, 2017",
    .size = sizeof(crdt__pair),
    .ops_count = sizeof ops / sizeof ops[0],
    .ops = ops,
    CRDT__SET_SLOTS(pair),
    .reset = reset,
    .stabilise = stabilise,
};
