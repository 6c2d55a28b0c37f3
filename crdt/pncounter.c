/* pncounter.c: see pncounter.h; the cells are those of core/cells.h, with two totals. */
#include "crdt/pncounter.h"

#include "crdt/core/cells.h"

crdt_err crdt_pncounter_new(uint64_t replica, const crdt_mem *mem, crdt_store **ret_store)
{
    return crdt_store_new_solo(&crdt_pncounter_type, replica, mem, ret_store);
}

static crdt_err add(crdt_txn *txn, crdt_view name, unsigned total, uint64_t n)
{
    crdt_target target;
    if (n == 0) return CRDT_EINVAL;
    crdt_err err = crdt_target_open(txn, name, &crdt_pncounter_type, &target);
    return err == CRDT_OK ? crdt__cells_add(&target, total, n) : err;
}

crdt_err crdt_pncounter_inc(crdt_txn *txn, crdt_view name, uint64_t n)
{
    return add(txn, name, 0, n);
}

crdt_err crdt_pncounter_dec(crdt_txn *txn, crdt_view name, uint64_t n)
{
    return add(txn, name, 1, n);
}

crdt_err crdt_pncounter_reset(crdt_txn *txn, crdt_view name)
{
    crdt_target target;
    crdt_err    err = crdt_target_open(txn, name, &crdt_pncounter_type, &target);
    return err == CRDT_OK ? crdt__cells_reset(&target) : err;
}

crdt_i128 crdt_pncounter_value_wide(crdt_ref ref)
{
    if (ref.type != &crdt_pncounter_type) return (crdt_i128){0, 0};
    crdt__cells_sum sum = crdt__cells_value(&ref);
    return crdt__i128_sub(sum.low[0], sum.high[0], sum.low[1], sum.high[1]);
}

crdt_err crdt_pncounter_value(crdt_ref ref, int64_t *ret_value)
{
    if (ref.type != &crdt_pncounter_type) return CRDT_EINVAL;
    return crdt__i128_narrow(crdt_pncounter_value_wide(ref), ret_value);
}

/* -- The type ---------------------------------------------------------------------------------- */

static void pncounter_init(const crdt_space *space, void *state)
{
    (void)space;
    crdt__cells_init(state, 2);
}

static void pncounter_clear(const crdt_space *space, void *state)
{
    crdt__cells_clear(space->mem, state);
}

static void pncounter_print(const crdt_ref *ref, crdt_buf *out)
{
    crdt__i128_print(crdt_pncounter_value_wide(*ref), out);
}

static crdt_err op_inc(crdt_txn *txn, crdt_view name, const crdt_value *args)
{
    return crdt_pncounter_inc(txn, name, args[0].i > 0 ? (uint64_t)args[0].i : 0);
}

static crdt_err op_dec(crdt_txn *txn, crdt_view name, const crdt_value *args)
{
    return crdt_pncounter_dec(txn, name, args[0].i > 0 ? (uint64_t)args[0].i : 0);
}

static crdt_err op_reset(crdt_txn *txn, crdt_view name, const crdt_value *args)
{
    (void)args;
    return crdt_pncounter_reset(txn, name);
}

static const crdt_op ops[] = {
    {"inc", "n", "add n to the counter", op_inc},
    {"dec", "n", "take n away from the counter", op_dec},
    {"reset", "", "take away every operation seen here: 0 but for what others do meanwhile",
     op_reset},
};

const crdt_type crdt_pncounter_type = {
    .id = 2,
    .format = 1,
    .name = "pncounter",
    .summary = "counter that goes up and down, and can be reset",
    .source = "Shapiro et al., INRIA RR-7506, 2011; reset: rule R11 of the design",
    .stays = true,
    .size = sizeof(crdt__cells),
    .ops_count = sizeof ops / sizeof ops[0],
    .ops = ops,
    .init = pncounter_init,
    .clear = pncounter_clear,
    .prepare = crdt__cells_prepare,
    .commit = crdt__cells_commit,
    .since = crdt__cells_since,
    .alive = crdt__cells_alive,
    .empty = crdt__cells_empty,
    .reset = crdt__cells_reset,
    .mark = crdt__cells_mark,
    .encode = crdt__cells_encode,
    .decode = crdt__cells_decode,
    .digest = crdt__cells_digest,
    .print = pncounter_print,
    .check = crdt__cells_check,
    .stats = crdt__cells_stats,
    .stabilise = crdt__cells_stabilise,
};
