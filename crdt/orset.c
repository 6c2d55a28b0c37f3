/* orset.c: see orset.h. The state is crdt__elems (core/elems.h). */
#include "crdt/orset.h"

#include "crdt/core/sets.h"

crdt_err crdt_orset_new(uint64_t replica, const crdt_mem *mem, crdt_store **ret_store)
{
    return crdt_store_new_solo(&crdt_orset_type, replica, mem, ret_store);
}

static crdt_err open_set(crdt_txn *txn, crdt_view name, crdt_value elem, crdt_target *ret_target)
{
    crdt_err err = crdt_target_open(txn, name, &crdt_orset_type, ret_target);
    return err ? err : crdt_target_value_ok(ret_target, elem);
}

static void cover(const crdt__over *over, crdt_target *target, crdt__aim aim,
                  const crdt__covers *covers)
{
    if (covers->only.seq != 0) crdt_target_cover(target, covers->only);
    else if (covers->state + covers->own > 0) crdt__over_cover(over, target, target->delta, aim);
}

crdt_err crdt_orset_add_new(crdt_txn *txn, crdt_view name, crdt_value elem, bool *ret_new)
{
    crdt_target target;
    crdt_err    err = open_set(txn, name, elem, &target);
    if (err) return err;
    crdt__over   over = crdt__over_of(&target.now, 0);
    crdt__aim    aim = {&elem, false};
    crdt__covers covers = crdt__over_covers(&over, &target, aim);
    bool         fresh = covers.state + covers.own == 0;
    if (fresh && crdt__over_full(&over, &target)) return CRDT_ELIMIT;
    if (fresh && !crdt_target_sees_all(&target)) fresh = !crdt__over_has(&over, elem);
    err = crdt__elems_reserve(target.space->mem, target.delta, crdt_target_replica(&target), elem);
    if (err == CRDT_OK) err = crdt_target_reserve(&target, 1, covers.state);
    if (err) return err;
    crdt_dot dot = crdt_target_dot(&target);
    cover(&over, &target, aim, &covers);
    crdt__elems_insert(target.delta, dot, elem);
    *ret_new = fresh;
    return CRDT_OK;
}

crdt_err crdt_orset_add(crdt_txn *txn, crdt_view name, crdt_value elem)
{
    bool fresh;
    return crdt_orset_add_new(txn, name, elem, &fresh);
}

crdt_err crdt_orset_remove(crdt_txn *txn, crdt_view name, crdt_value elem)
{
    crdt_target target;
    crdt_err    err = open_set(txn, name, elem, &target);
    if (err) return err;
    crdt__over   over = crdt__over_of(&target.now, 0);
    crdt__aim    aim = {&elem, false};
    crdt__covers covers = crdt__over_covers(&over, &target, aim);
    if (covers.state + covers.own == 0) return CRDT_OK;
    err = crdt_target_reserve(&target, 1, covers.state);
    if (err) return err;
    crdt_target_dot(&target);
    cover(&over, &target, aim, &covers);
    return CRDT_OK;
}

crdt_err crdt_orset_clear(crdt_txn *txn, crdt_view name)
{
    crdt_target target;
    crdt_err    err = crdt_target_open(txn, name, &crdt_orset_type, &target);
    return err ? err : crdt__one_reset(&target);
}

bool crdt_orset_has(crdt_ref set, crdt_value elem)
{
    crdt__over over = crdt__over_of(&set, 0);
    return crdt__over_has(&over, elem);
}

size_t crdt_orset_count(crdt_ref set)
{
    crdt__over over = crdt__over_of(&set, 0);
    return crdt__over_count(&over);
}

crdt_orset_iter crdt_orset_iterate(crdt_ref set)
{
    crdt_orset_iter it = {set, {0}};
    return it;
}

crdt_orset_iter crdt_orset_iterate_some(crdt_ref set, uint64_t random)
{
    crdt_orset_iter it = {set, {0}};
    crdt__over      over = crdt__over_of(&set, 0);
    if (over.state == NULL) return it;
    crdt__elems_cursor at = crdt__elems_some(over.state, random);
    it.at[0] = at.chunk;
    it.at[1] = at.offset;
    return it;
}

bool crdt_orset_next(crdt_orset_iter *it, crdt_value *ret_elem)
{
    crdt__over over = crdt__over_of(&it->set, 0);
    return crdt__over_next(&over, it->at, ret_elem);
}

static crdt_err apply_add(crdt_txn *txn, crdt_view name, const crdt_value *args)
{
    return crdt_orset_add(txn, name, args[0]);
}

static crdt_err apply_remove(crdt_txn *txn, crdt_view name, const crdt_value *args)
{
    return crdt_orset_remove(txn, name, args[0]);
}

static crdt_err apply_clear(crdt_txn *txn, crdt_view name, const crdt_value *args)
{
    (void)args;
    return crdt_orset_clear(txn, name);
}

static const crdt_op ops[] = {
    {"add", "v", "add an element", apply_add},
    {"remove", "v", "remove an element; a concurrent add survives", apply_remove},
    {"clear", "", "remove all that is seen", apply_clear},
};

const crdt_type crdt_orset_type = {
    .id = 7,
    .format = 1,
    .name = "orset",
    .summary = "add-wins set: a removal takes away what its writer has seen",
    .source = "Bieniusa et al., INRIA RR-8083, 2012; Almeida, Shoker, Baquero, JPDC 111, 2018",
    .size = sizeof(crdt__elems),
    .ops_count = sizeof ops / sizeof ops[0],
    .ops = ops,
    CRDT__SET_SLOTS(one),
    .reset = crdt__one_reset,
    .expect_in = crdt__one_expect_in,
};
