/* twopset.c: see twopset.h. The state is a crdt__pair (core/sets.h). */
#include "crdt/twopset.h"

#include "crdt/core/sets.h"

crdt_err crdt_twopset_new(uint64_t replica, const crdt_mem *mem, crdt_store **ret_store)
{
    return crdt_store_new_solo(&crdt_twopset_type, replica, mem, ret_store);
}

static crdt_err open_set(crdt_txn *txn, crdt_view name, crdt_value elem, crdt_target *ret_target)
{
    crdt_err err = crdt_target_open(txn, name, &crdt_twopset_type, ret_target);
    return err ? err : crdt_target_value_ok(ret_target, elem);
}

crdt_err crdt_twopset_add(crdt_txn *txn, crdt_view name, crdt_value elem)
{
    crdt_target target;
    crdt_err    err = open_set(txn, name, elem, &target);
    if (err) return err;
    crdt__pair *delta = target.delta;
    crdt__over  adds = crdt__pair_adds(&target.now), rms = crdt__pair_rms(&target.now);
    if (crdt__over_has(&adds, elem) || crdt__over_has(&rms, elem)) return CRDT_OK;
    if (crdt__over_full(&adds, &target)) return CRDT_ELIMIT;
    err = crdt__elems_reserve(target.space->mem, &delta->adds, crdt_target_replica(&target), elem);
    if (err == CRDT_OK) err = crdt_target_reserve(&target, 1, 0);
    if (err == CRDT_OK) crdt__elems_insert(&delta->adds, crdt_target_dot(&target), elem);
    return err;
}

crdt_err crdt_twopset_remove(crdt_txn *txn, crdt_view name, crdt_value elem)
{
    crdt_target target;
    crdt_err    err = open_set(txn, name, elem, &target);
    if (err) return err;
    crdt__pair  *delta = target.delta;
    crdt__over   adds = crdt__pair_adds(&target.now), rms = crdt__pair_rms(&target.now);
    crdt__aim    aim = {&elem, false};
    crdt__covers covers = crdt__over_covers(&adds, &target, aim);
    if (covers.state + covers.own == 0 || crdt__over_has(&rms, elem)) return CRDT_OK;
    err = crdt__elems_reserve(target.space->mem, &delta->rms, crdt_target_replica(&target), elem);
    if (err == CRDT_OK) err = crdt_target_reserve(&target, 1, covers.state);
    if (err) return err;
    crdt__elems_insert(&delta->rms, crdt_target_dot(&target), elem);
    crdt__over_cover(&adds, &target, &delta->adds, aim);
    return CRDT_OK;
}

bool crdt_twopset_has(crdt_ref set, crdt_value elem)
{
    return crdt__pair_has(&set, elem);
}

size_t crdt_twopset_count(crdt_ref set)
{
    return crdt__pair_count(&set);
}

crdt_twopset_iter crdt_twopset_iterate(crdt_ref set)
{
    crdt_twopset_iter it = {set, {0}};
    return it;
}

bool crdt_twopset_next(crdt_twopset_iter *it, crdt_value *ret_elem)
{
    return crdt__pair_next(&it->set, it->at, ret_elem);
}

static crdt_err reset(crdt_target *target)
{
    crdt__pair  *delta = target->delta;
    crdt__over   adds = crdt__pair_adds(&target->now), rms = crdt__pair_rms(&target->now);
    crdt__aim    all = {NULL, false};
    crdt__covers a = crdt__over_covers(&adds, target, all);
    crdt__covers r = crdt__over_covers(&rms, target, all);
    if (!crdt__pair_sees(target)) return CRDT_OK;
    crdt_err err = crdt_target_reserve(target, 1, a.state + r.state);
    if (err) return err;
    crdt_target_dot(target);
    crdt__over_cover(&adds, target, &delta->adds, all);
    crdt__over_cover(&rms, target, &delta->rms, all);
    return CRDT_OK;
}

static crdt_err apply_add(crdt_txn *txn, crdt_view name, const crdt_value *args)
{
    return crdt_twopset_add(txn, name, args[0]);
}

static crdt_err apply_remove(crdt_txn *txn, crdt_view name, const crdt_value *args)
{
    return crdt_twopset_remove(txn, name, args[0]);
}

static const crdt_op ops[] = {
    {"add", "v", "add an element, unless it was removed", apply_add},
    {"remove", "v", "remove an element for ever", apply_remove},
};

const crdt_type crdt_twopset_type = {
    .id = 6,
    .format = 1,
    .name = "twopset",
    .summary = "two-phase set: what is removed never comes back",
    .source = "Shapiro, Preguica, Baquero, Zawirski, INRIA RR-7506, 2011",
    .stays = true,
    .size = sizeof(crdt__pair),
    .ops_count = sizeof ops / sizeof ops[0],
    .ops = ops,
    CRDT__SET_SLOTS(pair),
    .reset = reset,
};
