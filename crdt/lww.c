/* lww.c: see lww.h. The state is siblings (core/sibs.h) ordered by stamp and dot. */
#include "crdt/lww.h"

#include "crdt/core/sibs.h"

static const crdt__shape shape = {CRDT__CLOCK_STAMPS, CRDT__ANY_VALUES, false,
                                  crdt__sib_compare_stamps};

crdt_err crdt_lww_new(uint64_t replica, const crdt_mem *mem, crdt_store **ret_store)
{
    return crdt_store_new_solo(&crdt_lww_type, replica, mem, ret_store);
}

crdt_err crdt_lww_set(crdt_txn *txn, crdt_view name, crdt_value value)
{
    crdt_target target;
    crdt_err    err = crdt_target_open(txn, name, &crdt_lww_type, &target);
    if (err == CRDT_OK) err = crdt_target_value_ok(&target, value);
    return err == CRDT_OK ? crdt__sibs_write(&shape, &target, &value) : err;
}

crdt_err crdt_lww_clear(crdt_txn *txn, crdt_view name)
{
    crdt_target target;
    crdt_err    err = crdt_target_open(txn, name, &crdt_lww_type, &target);
    return err == CRDT_OK ? crdt__sibs_reset(&shape, &target) : err;
}

bool crdt_lww_get(crdt_ref lww, crdt_value *ret_value)
{
    const crdt__sib *top = crdt__ref_top(&shape, &lww);
    if (top != NULL) *ret_value = crdt__sib_value(top);
    return top != NULL;
}

uint64_t crdt_lww_stamp(crdt_ref lww)
{
    const crdt__sib *top = crdt__ref_top(&shape, &lww);
    return top != NULL ? top->stamp : 0;
}

static crdt_err reset(crdt_target *target)
{
    return crdt__sibs_reset(&shape, target);
}

static void print(const crdt_ref *ref, crdt_buf *out)
{
    crdt__ref_print_top(&shape, ref, out);
}

static bool conflict(const crdt_ref *ref, size_t i, crdt_conflict *ret_conflict)
{
    return crdt__ref_conflict(&shape, ref, i, ret_conflict);
}

static crdt_err apply_set(crdt_txn *txn, crdt_view name, const crdt_value *args)
{
    return crdt_lww_set(txn, name, args[0]);
}

static crdt_err apply_clear(crdt_txn *txn, crdt_view name, const crdt_value *args)
{
    (void)args;
    return crdt_lww_clear(txn, name);
}

static const crdt_op ops[] = {
    {"set", "v", "write a value over all that is seen", apply_set},
    {"clear", "", "remove all that is seen", apply_clear},
};

CRDT__SIBS_SLOTS(shape)

const crdt_type crdt_lww_type = {
    .id = 9,
    .format = 1,
    .name = "lww",
    .summary = "last-writer-wins register: the value stamped last shows, losers stay listed",
    .source = "Johnson, Thomas, RFC 677, 1975; Shapiro et al., INRIA RR-7506, 2011",
    .ops_count = sizeof ops / sizeof ops[0],
    .ops = ops,
    CRDT__SIBS_VTABLE,
    .alive = crdt__ref_alive,
    .reset = reset,
    .print = print,
    .conflict = conflict,
};
