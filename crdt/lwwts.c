/* lwwts.c: see lwwts.h. The state is siblings (core/sibs.h) in the order given there. */
#include "crdt/lwwts.h"

#include "crdt/core/sibs.h"

/* All that decides but the dot. */
typedef struct content {
    uint64_t   stamp;
    bool       tomb;
    crdt_value value; /* INT 0 in a tombstone */
} content;

static content content_of(const crdt__sib *sib)
{
    content c = {sib->stamp, crdt__sib_is_tomb(sib), crdt__sib_value(sib)};
    return c;
}

static int compare_contents(content a, content b)
{
    if (a.stamp != b.stamp) return a.stamp < b.stamp ? -1 : 1;
    if (a.tomb != b.tomb) return a.tomb ? 1 : -1;
    return crdt_value_compare(a.value, b.value);
}

static int compare(const crdt__sib *a, const crdt__sib *b)
{
    int order = compare_contents(content_of(a), content_of(b));
    return order != 0 ? order : crdt__sib_compare_dots(a, b);
}

static const crdt__shape shape = {CRDT__CLIENT_STAMPS, CRDT__ANY_VALUES, true, compare};

crdt_err crdt_lwwts_new(uint64_t replica, const crdt_mem *mem, crdt_store **ret_store)
{
    return crdt_store_new_solo(&crdt_lwwts_type, replica, mem, ret_store);
}

/* Over all that shows, or absorbed by it. */
static crdt_err write_content(crdt_target *target, content c)
{
    const crdt__sib *top = crdt__ref_top(&shape, &target->now);
    if (top != NULL && compare_contents(c, content_of(top)) <= 0) return CRDT_OK;
    return crdt__sibs_write_all(&shape, target, c.tomb ? NULL : &c.value, c.stamp);
}

crdt_err crdt_lwwts_put(crdt_txn *txn, crdt_view name, crdt_value value, uint64_t stamp)
{
    crdt_target target;
    content     c = {stamp, false, value};
    if (stamp > CRDT_STAMP_MAX) return CRDT_EINVAL;
    crdt_err err = crdt_target_open(txn, name, &crdt_lwwts_type, &target);
    if (err == CRDT_OK) err = crdt_target_value_ok(&target, value);
    return err == CRDT_OK ? write_content(&target, c) : err;
}

crdt_err crdt_lwwts_del(crdt_txn *txn, crdt_view name, uint64_t stamp)
{
    crdt_target target;
    content     c = {stamp, true, crdt_int(0)};
    if (stamp > CRDT_STAMP_MAX) return CRDT_EINVAL;
    crdt_err err = crdt_target_open(txn, name, &crdt_lwwts_type, &target);
    return err == CRDT_OK ? write_content(&target, c) : err;
}

bool crdt_lwwts_get(crdt_ref lwwts, crdt_value *ret_value)
{
    const crdt__sib *top = crdt__ref_top(&shape, &lwwts);
    if (top == NULL || crdt__sib_is_tomb(top)) return false;
    *ret_value = crdt__sib_value(top);
    return true;
}

uint64_t crdt_lwwts_stamp(crdt_ref lwwts)
{
    const crdt__sib *top = crdt__ref_top(&shape, &lwwts);
    return top != NULL ? top->stamp : 0;
}

static bool alive(const crdt_ref *ref)
{
    const crdt__sib *top = crdt__ref_top(&shape, ref);
    return top != NULL && !crdt__sib_is_tomb(top);
}

/* Delete at the greatest stamp seen: a greater one that was not seen stays. */
static crdt_err reset(crdt_target *target)
{
    crdt__sibs_iter it = crdt__sibs_each(&target->now);
    content         c = {0, true, crdt_int(0)};
    bool            seen = false;
    for (const crdt__sib *sib; (sib = crdt__sibs_next(&it)) != NULL;) {
        if (crdt__sib_is_tomb(sib) || !crdt_target_sees(target, crdt__sib_dot(sib))) continue;
        if (sib->stamp > c.stamp) c.stamp = sib->stamp;
        seen = true;
    }
    return seen ? write_content(target, c) : CRDT_OK;
}

/* -- Collection ----------------------------------------------------------------------------------
 *
 * The greatest stable tombstone with nothing unstable below it goes, and all below it. This is the
 * same on every replica: whatever arrives later was written by someone who held that tombstone and
 * all that goes with it, and so covered it all or was absorbed. An unstable loser below keeps the
 * tombstone: without it the loser would show. */

static bool is_not_above(const void *tomb, const crdt__sib *sib)
{
    return compare(sib, tomb) <= 0;
}

static bool stabilise(const crdt_space *space, void *state, const crdt_context *cut)
{
    const crdt__sib *unstable = NULL, *tomb = NULL; /* the least unstable, the greatest tombstone */
    crdt__sibs_iter  it = crdt__sibs_over(state, NULL, NULL);
    for (const crdt__sib *sib; (sib = crdt__sibs_next(&it)) != NULL;) {
        if (crdt_context_has(cut, crdt__sib_dot(sib))) continue;
        if (unstable == NULL || compare(sib, unstable) < 0) unstable = sib;
    }
    it = crdt__sibs_over(state, NULL, NULL);
    for (const crdt__sib *sib; (sib = crdt__sibs_next(&it)) != NULL;) {
        if (!crdt__sib_is_tomb(sib) || (unstable != NULL && compare(sib, unstable) >= 0)) continue;
        if (tomb == NULL || compare(sib, tomb) > 0) tomb = sib;
    }
    if (tomb == NULL) return false;
    crdt__sib last = *tomb;
    return crdt__sibs_drop(&shape, space, state, is_not_above, &last);
}

static void print(const crdt_ref *ref, crdt_buf *out)
{
    crdt__ref_print_top(&shape, ref, out);
}

/* The values; a tombstone that beats them is not listed. */
static bool conflict(const crdt_ref *ref, size_t i, crdt_conflict *ret_conflict)
{
    return crdt__ref_conflict(&shape, ref, i, ret_conflict);
}

static crdt_err apply_put(crdt_txn *txn, crdt_view name, const crdt_value *args)
{
    if (args[1].kind != CRDT_INT || args[1].i < 0) return CRDT_EINVAL;
    return crdt_lwwts_put(txn, name, args[0], (uint64_t)args[1].i);
}

static crdt_err apply_del(crdt_txn *txn, crdt_view name, const crdt_value *args)
{
    if (args[0].kind != CRDT_INT || args[0].i < 0) return CRDT_EINVAL;
    return crdt_lwwts_del(txn, name, (uint64_t)args[0].i);
}

static const crdt_op ops[] = {
    {"put", "vt", "write a value at a timestamp", apply_put},
    {"del", "t", "delete what has this timestamp or an older one", apply_del},
};

CRDT__SIBS_SLOTS(shape)

const crdt_type crdt_lwwts_type = {
    .id = 10,
    .format = 1,
    .name = "lwwts",
    .summary = "last-writer-wins register with the client's timestamps and deletes",
    .source = "Lakshman, Malik, 2010; Johnson, Thomas, RFC 677, 1975",
    .ops_count = sizeof ops / sizeof ops[0],
    .ops = ops,
    CRDT__SIBS_VTABLE,
    .alive = alive,
    .reset = reset,
    .print = print,
    .stabilise = stabilise,
    .conflict = conflict,
};
