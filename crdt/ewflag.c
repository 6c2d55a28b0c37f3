/* ewflag.c: see ewflag.h. The state is siblings (core/sibs.h) that carry nothing but their dots. */
#include "crdt/ewflag.h"

#include "crdt/core/sibs.h"

static const crdt__shape shape = {CRDT__NO_STAMPS, CRDT__NO_VALUES, false, NULL};

crdt_err crdt_ewflag_new(uint64_t replica, const crdt_mem *mem, crdt_store **ret_store)
{
    return crdt_store_new_solo(&crdt_ewflag_type, replica, mem, ret_store);
}

crdt_err crdt_ewflag_enable(crdt_txn *txn, crdt_view name)
{
    crdt_target target;
    crdt_value  value = crdt_int(0);
    crdt_err    err = crdt_target_open(txn, name, &crdt_ewflag_type, &target);
    return err == CRDT_OK ? crdt__sibs_write(&shape, &target, &value) : err;
}

crdt_err crdt_ewflag_disable(crdt_txn *txn, crdt_view name)
{
    crdt_target target;
    crdt_err    err = crdt_target_open(txn, name, &crdt_ewflag_type, &target);
    return err == CRDT_OK ? crdt__sibs_reset(&shape, &target) : err;
}

bool crdt_ewflag_get(crdt_ref ewflag)
{
    return crdt__ref_at(&ewflag, 0) != NULL;
}

static crdt_err reset(crdt_target *target)
{
    return crdt__sibs_reset(&shape, target);
}

static void print(const crdt_ref *ref, crdt_buf *out)
{
    crdt_buf_text(out, crdt_ewflag_get(*ref) ? "true" : "false");
}

static crdt_err apply_enable(crdt_txn *txn, crdt_view name, const crdt_value *args)
{
    (void)args;
    return crdt_ewflag_enable(txn, name);
}

static crdt_err apply_disable(crdt_txn *txn, crdt_view name, const crdt_value *args)
{
    (void)args;
    return crdt_ewflag_disable(txn, name);
}

static const crdt_op ops[] = {
    {"enable", "", "enable; wins over a concurrent disable", apply_enable},
    {"disable", "", "undo every enable that is seen", apply_disable},
};

CRDT__SIBS_SLOTS(shape)

const crdt_type crdt_ewflag_type = {
    .id = 14,
    .format = 1,
    .name = "ewflag",
    .summary = "enable-wins flag: a concurrent enable beats a disable",
    .source = "Almeida, Shoker, Baquero, JPDC 111, 2018",
    .ops_count = sizeof ops / sizeof ops[0],
    .ops = ops,
    CRDT__SIBS_VTABLE,
    .alive = crdt__ref_alive,
    .reset = reset,
    .print = print,
};
