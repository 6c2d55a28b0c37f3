/* min.c: see min.h. The state is siblings (core/sibs.h) ordered by value and dot. */
#include "crdt/min.h"

#include "crdt/core/sibs.h"

/* The least integer comes out on top. */
static int compare(const crdt__sib *a, const crdt__sib *b)
{
    if (a->u.i != b->u.i) return a->u.i < b->u.i ? 1 : -1;
    return crdt__sib_compare_dots(a, b);
}

static const crdt__shape shape = {CRDT__NO_STAMPS, CRDT__INT_VALUES, false, compare};

crdt_err crdt_min_new(uint64_t replica, const crdt_mem *mem, crdt_store **ret_store)
{
    return crdt_store_new_solo(&crdt_min_type, replica, mem, ret_store);
}

crdt_err crdt_min_write(crdt_txn *txn, crdt_view name, int64_t n)
{
    crdt_target target;
    crdt_value  value = crdt_int(n);
    crdt_err    err = crdt_target_open(txn, name, &crdt_min_type, &target);
    if (err != CRDT_OK) return err;
    const crdt__sib *top = crdt__ref_top(&shape, &target.now);
    if (top != NULL && n >= top->u.i) return CRDT_OK;
    return crdt__sibs_write(&shape, &target, &value);
}

bool crdt_min_get(crdt_ref min, int64_t *ret_n)
{
    const crdt__sib *top = crdt__ref_top(&shape, &min);
    if (top != NULL) *ret_n = top->u.i;
    return top != NULL;
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

static crdt_err apply_write(crdt_txn *txn, crdt_view name, const crdt_value *args)
{
    if (args[0].kind != CRDT_INT) return CRDT_EINVAL;
    return crdt_min_write(txn, name, args[0].i);
}

static const crdt_op ops[] = {
    {"write", "i", "write an integer; kept if it is less than all that is seen", apply_write},
};

CRDT__SIBS_SLOTS(shape)

const crdt_type crdt_min_type = {
    .id = 13,
    .format = 1,
    .name = "min",
    .summary = "the least of the integers written",
    .source = "Baquero, Almeida, Cunha, Ferreira, Bulletin of the EATCS 123, 2017",
    .ops_count = sizeof ops / sizeof ops[0],
    .ops = ops,
    CRDT__SIBS_VTABLE,
    .alive = crdt__ref_alive,
    .reset = reset,
    .print = print,
    .conflict = conflict,
};
