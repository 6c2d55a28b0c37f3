/* dwflag.c: see dwflag.h. The state is siblings (core/sibs.h); a disable is a tombstone. */
#include "crdt/dwflag.h"

#include "crdt/core/sibs.h"

/* A disable above every enable. */
static int compare(const crdt__sib *a, const crdt__sib *b)
{
    if (crdt__sib_is_tomb(a) != crdt__sib_is_tomb(b)) return crdt__sib_is_tomb(a) ? 1 : -1;
    return crdt__sib_compare_dots(a, b);
}

static const crdt__shape shape = {CRDT__NO_STAMPS, CRDT__NO_VALUES, true, compare};

crdt_err crdt_dwflag_new(uint64_t replica, const crdt_mem *mem, crdt_store **ret_store)
{
    return crdt_store_new_solo(&crdt_dwflag_type, replica, mem, ret_store);
}

/* True if a disable shows that the transaction's reader had not seen. */
static bool shows_unseen_disable(const crdt_target *target)
{
    crdt__sibs_iter it = crdt__sibs_each(&target->now);
    for (const crdt__sib *sib; (sib = crdt__sibs_next(&it)) != NULL;) {
        if (crdt__sib_is_tomb(sib) && !crdt_target_sees(target, crdt__sib_dot(sib))) return true;
    }
    return false;
}

crdt_err crdt_dwflag_enable(crdt_txn *txn, crdt_view name)
{
    crdt_target target;
    crdt_value  value = crdt_int(0);
    crdt_err    err = crdt_target_open(txn, name, &crdt_dwflag_type, &target);
    if (err != CRDT_OK || shows_unseen_disable(&target)) return err;
    return crdt__sibs_write_all(&shape, &target, &value, 0);
}

crdt_err crdt_dwflag_disable(crdt_txn *txn, crdt_view name)
{
    crdt_target target;
    crdt_err    err = crdt_target_open(txn, name, &crdt_dwflag_type, &target);
    return err == CRDT_OK ? crdt__sibs_write_all(&shape, &target, NULL, 0) : err;
}

bool crdt_dwflag_get(crdt_ref dwflag)
{
    const crdt__sib *top = crdt__ref_top(&shape, &dwflag);
    return top != NULL && !crdt__sib_is_tomb(top);
}

static bool alive(const crdt_ref *ref)
{
    return crdt_dwflag_get(*ref);
}

static crdt_err reset(crdt_target *target)
{
    return crdt_dwflag_get(target->now) ? crdt__sibs_reset(&shape, target) : CRDT_OK;
}

static bool is_beaten_or_stable(const void *cut, const crdt__sib *sib)
{
    return !crdt__sib_is_tomb(sib) || crdt_context_has(cut, crdt__sib_dot(sib));
}

static bool stabilise(const crdt_space *space, void *state, const crdt_context *cut)
{
    crdt__sibs_iter it = crdt__sibs_over(state, NULL, NULL);
    bool            disable = false;
    for (const crdt__sib *sib; (sib = crdt__sibs_next(&it)) != NULL;) {
        bool stable = crdt_context_has(cut, crdt__sib_dot(sib));
        if (!stable && !crdt__sib_is_tomb(sib)) return false;
        disable |= stable && crdt__sib_is_tomb(sib);
    }
    return disable && crdt__sibs_drop(&shape, space, state, is_beaten_or_stable, cut);
}

static void print(const crdt_ref *ref, crdt_buf *out)
{
    crdt_buf_text(out, crdt_dwflag_get(*ref) ? "true" : "false");
}

/* Enables (1) and disables (0) that compete. */
static bool conflict(const crdt_ref *ref, size_t i, crdt_conflict *ret_conflict)
{
    const crdt__sib *sib = crdt__ref_at(ref, i);
    if (sib == NULL) return false;
    bool enables = !crdt__sib_is_tomb(sib);
    ret_conflict->dot = crdt__sib_dot(sib);
    ret_conflict->stamp = 0;
    ret_conflict->value = crdt_int(enables);
    ret_conflict->wins = enables == crdt_dwflag_get(*ref);
    return true;
}

static crdt_err apply_enable(crdt_txn *txn, crdt_view name, const crdt_value *args)
{
    (void)args;
    return crdt_dwflag_enable(txn, name);
}

static crdt_err apply_disable(crdt_txn *txn, crdt_view name, const crdt_value *args)
{
    (void)args;
    return crdt_dwflag_disable(txn, name);
}

static const crdt_op ops[] = {
    {"enable", "", "enable, over every disable that is seen", apply_enable},
    {"disable", "", "disable; wins over a concurrent enable", apply_disable},
};

CRDT__SIBS_SLOTS(shape)

const crdt_type crdt_dwflag_type = {
    .id = 15,
    .format = 1,
    .name = "dwflag",
    .summary = "disable-wins flag: a concurrent disable beats an enable",
    .source = "Almeida, Shoker, Baquero, JPDC 111, 2018",
    .ops_count = sizeof ops / sizeof ops[0],
    .ops = ops,
    CRDT__SIBS_VTABLE,
    .alive = alive,
    .reset = reset,
    .print = print,
    .stabilise = stabilise,
    .conflict = conflict,
};
