/* expiry.c: see expiry.h. The state is siblings (core/sibs.h) ordered by deadline and dot. */
#include "crdt/expiry.h"

#include "crdt/core/sibs.h"

#define NEVER INT64_MAX

/* The greatest deadline comes out on top. */
static int compare(const crdt__sib *a, const crdt__sib *b)
{
    if (a->u.i != b->u.i) return a->u.i < b->u.i ? -1 : 1;
    return crdt__sib_compare_dots(a, b);
}

static const crdt__shape shape = {CRDT__NO_STAMPS, CRDT__INT_VALUES, false, compare};

crdt_err crdt_expiry_new(uint64_t replica, const crdt_mem *mem, crdt_store **ret_store)
{
    return crdt_store_new_solo(&crdt_expiry_type, replica, mem, ret_store);
}

crdt_err crdt_expiry_expire_at(crdt_txn *txn, crdt_view name, int64_t ms)
{
    crdt_target target;
    crdt_value  value = crdt_int(ms);
    if (ms == NEVER) return CRDT_EINVAL;
    crdt_err err = crdt_target_open(txn, name, &crdt_expiry_type, &target);
    return err == CRDT_OK ? crdt__sibs_write(&shape, &target, &value) : err;
}

/* Is there a deadline for the transaction, seen or not? Cheaper than opening the target, for most
 * names have none. */
static bool stands(const crdt_txn *txn, crdt_view name)
{
    crdt_ref ref;
    return crdt_txn_beside(txn, name, &crdt_expiry_type, &ref) == CRDT_OK;
}

crdt_err crdt_expiry_persist(crdt_txn *txn, crdt_view name)
{
    crdt_target target;
    crdt_value  value = crdt_int(NEVER);
    if (!stands(txn, name)) return CRDT_OK;
    crdt_err err = crdt_target_open(txn, name, &crdt_expiry_type, &target);
    if (err != CRDT_OK || crdt__sibs_covers(&target) == 0) return err;
    return crdt__sibs_write(&shape, &target, &value);
}

static crdt_err reset(crdt_target *target)
{
    return crdt__sibs_reset(&shape, target);
}

crdt_err crdt_expiry_clear(crdt_txn *txn, crdt_view name)
{
    crdt_target target;
    if (!stands(txn, name)) return CRDT_OK;
    crdt_err err = crdt_target_open(txn, name, &crdt_expiry_type, &target);
    return err == CRDT_OK ? reset(&target) : err;
}

bool crdt_expiry_deadline(crdt_ref ref, int64_t *ret_ms)
{
    if (ref.type != &crdt_expiry_type) return false;
    const crdt__sib *top = crdt__ref_top(&shape, &ref);
    if (top == NULL || top->u.i == NEVER) return false;
    *ret_ms = top->u.i;
    return true;
}

static void print(const crdt_ref *ref, crdt_buf *out)
{
    const crdt__sib *top = crdt__ref_top(&shape, ref);
    if (top != NULL && top->u.i == NEVER) crdt_buf_text(out, "never");
    else crdt__ref_print_top(&shape, ref, out);
}

/* It never makes a name exist. */
static bool alive(const crdt_ref *ref)
{
    (void)ref;
    return false;
}

static bool conflict(const crdt_ref *ref, size_t i, crdt_conflict *ret_conflict)
{
    return crdt__ref_conflict(&shape, ref, i, ret_conflict);
}

static crdt_err apply_expire_at(crdt_txn *txn, crdt_view name, const crdt_value *args)
{
    return crdt_expiry_expire_at(txn, name, args[0].i);
}

static crdt_err apply_persist(crdt_txn *txn, crdt_view name, const crdt_value *args)
{
    (void)args;
    return crdt_expiry_persist(txn, name);
}

static crdt_err apply_clear(crdt_txn *txn, crdt_view name, const crdt_value *args)
{
    (void)args;
    return crdt_expiry_clear(txn, name);
}

static const crdt_op ops[] = {
    {"expire_at", "i", "set the deadline, in ms since 1970", apply_expire_at},
    {"persist", "", "never expire, where a deadline is seen", apply_persist},
    {"clear", "", "remove the deadlines that are seen", apply_clear},
};

CRDT__SIBS_SLOTS(shape)

const crdt_type crdt_expiry_type = {
    .id = 21,
    .format = 1,
    .name = "expiry",
    .summary = "deadline of a name, beside what shows under it",
    .source = "rule R14 of the design",
    .beside = true,
    .ops_count = sizeof ops / sizeof ops[0],
    .ops = ops,
    CRDT__SIBS_VTABLE,
    .alive = alive,
    .reset = reset,
    .print = print,
    .conflict = conflict,
};
