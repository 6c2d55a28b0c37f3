/* gset.c: see gset.h. The state is crdt__elems (core/elems.h). */
#include "crdt/gset.h"

#include "crdt/core/sets.h"

crdt_err crdt_gset_new(uint64_t replica, const crdt_mem *mem, crdt_store **ret_store)
{
    return crdt_store_new_solo(&crdt_gset_type, replica, mem, ret_store);
}

crdt_err crdt_gset_add(crdt_txn *txn, crdt_view name, crdt_value elem)
{
    crdt_target target;
    crdt_err    err = crdt_target_open(txn, name, &crdt_gset_type, &target);
    if (err == CRDT_OK) err = crdt_target_value_ok(&target, elem);
    if (err) return err;
    crdt__over over = crdt__over_of(&target.now, 0);
    if (crdt__over_has(&over, elem)) return CRDT_OK;
    if (crdt__over_full(&over, &target)) return CRDT_ELIMIT;
    err = crdt__elems_reserve(target.space->mem, target.delta, crdt_target_replica(&target), elem);
    if (err == CRDT_OK) err = crdt_target_reserve(&target, 1, 0);
    if (err == CRDT_OK) crdt__elems_insert(target.delta, crdt_target_dot(&target), elem);
    return err;
}

bool crdt_gset_has(crdt_ref set, crdt_value elem)
{
    crdt__over over = crdt__over_of(&set, 0);
    return crdt__over_has(&over, elem);
}

size_t crdt_gset_count(crdt_ref set)
{
    crdt__over over = crdt__over_of(&set, 0);
    return crdt__over_count(&over);
}

crdt_gset_iter crdt_gset_iterate(crdt_ref set)
{
    crdt_gset_iter it = {set, {0}};
    return it;
}

bool crdt_gset_next(crdt_gset_iter *it, crdt_value *ret_elem)
{
    crdt__over over = crdt__over_of(&it->set, 0);
    return crdt__over_next(&over, it->at, ret_elem);
}

static crdt_err apply_add(crdt_txn *txn, crdt_view name, const crdt_value *args)
{
    return crdt_gset_add(txn, name, args[0]);
}

static const crdt_op ops[] = {
    {"add", "v", "add an element, for good", apply_add},
};

const crdt_type crdt_gset_type = {
    .id = 5,
    .format = 1,
    .name = "gset",
    .summary = "grow-only set",
    .source = "Shapiro, Preguica, Baquero, Zawirski, INRIA RR-7506, 2011",
    .size = sizeof(crdt__elems),
    .ops_count = sizeof ops / sizeof ops[0],
    .ops = ops,
    CRDT__SET_SLOTS(one),
    .reset = crdt__one_reset,
};
