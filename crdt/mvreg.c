/* mvreg.c: see mvreg.h. The state is siblings (core/sibs.h) without stamps. */
#include "crdt/mvreg.h"

#include "crdt/core/mem.h"
#include "crdt/core/sibs.h"

static const crdt__shape shape = {CRDT__NO_STAMPS, CRDT__ANY_VALUES, false, NULL};

crdt_err crdt_mvreg_new(uint64_t replica, const crdt_mem *mem, crdt_store **ret_store)
{
    return crdt_store_new_solo(&crdt_mvreg_type, replica, mem, ret_store);
}

crdt_err crdt_mvreg_set(crdt_txn *txn, crdt_view name, crdt_value value)
{
    crdt_target target;
    crdt_err    err = crdt_target_open(txn, name, &crdt_mvreg_type, &target);
    if (err == CRDT_OK) err = crdt_target_value_ok(&target, value);
    return err == CRDT_OK ? crdt__sibs_write(&shape, &target, &value) : err;
}

crdt_err crdt_mvreg_clear(crdt_txn *txn, crdt_view name)
{
    crdt_target target;
    crdt_err    err = crdt_target_open(txn, name, &crdt_mvreg_type, &target);
    return err == CRDT_OK ? crdt__sibs_reset(&shape, &target) : err;
}

size_t crdt_mvreg_count(crdt_ref mvreg)
{
    return crdt__ref_count(&mvreg);
}

bool crdt_mvreg_get(crdt_ref mvreg, size_t i, crdt_value *ret_value)
{
    const crdt__sib *sib = crdt__ref_at(&mvreg, i);
    if (sib != NULL) *ret_value = crdt__sib_value(sib);
    return sib != NULL;
}

static crdt_err reset(crdt_target *target)
{
    return crdt__sibs_reset(&shape, target);
}

/* -- Print: values in their order ------------------------------------------------------------ */

static bool is_below(const crdt__sib *a, const crdt__sib *b)
{
    return crdt_value_compare(crdt__sib_value(a), crdt__sib_value(b)) < 0;
}

/* Let the sibling at root sink within the heap heap[0..count), greatest on top. */
static void sink(const crdt__sib **heap, size_t root, size_t count)
{
    for (size_t child; (child = 2 * root + 1) < count; root = child) {
        const crdt__sib *parent = heap[root];
        if (child + 1 < count && is_below(heap[child], heap[child + 1])) child++;
        if (!is_below(parent, heap[child])) return;
        heap[root] = heap[child];
        heap[child] = parent;
    }
}

static void sort_by_value(const crdt__sib **sibs, size_t count)
{
    for (size_t root = count / 2; root-- > 0;) sink(sibs, root, count);
    for (size_t left = count; left-- > 1;) {
        const crdt__sib *greatest = sibs[0];
        sibs[0] = sibs[left];
        sibs[left] = greatest;
        sink(sibs, 0, left);
    }
}

static void print(const crdt_ref *ref, crdt_buf *out)
{
    size_t            count = crdt__ref_count(ref), bytes = count * sizeof(crdt__sib *);
    const crdt__sib **sibs = crdt__alloc(out->mem, bytes + 1);
    if (sibs == NULL) {
        out->failed = true;
        return;
    }
    crdt__sibs_iter it = crdt__sibs_each(ref);
    for (size_t i = 0; i < count; i++) sibs[i] = crdt__sibs_next(&it);
    sort_by_value(sibs, count);
    crdt_buf_text(out, "[");
    for (size_t i = 0; i < count; i++) {
        if (i > 0) crdt_buf_text(out, ", ");
        crdt_buf_print_value(out, crdt__sib_value(sibs[i]));
    }
    crdt_buf_text(out, "]");
    crdt__release(out->mem, sibs, bytes + 1);
}

static bool conflict(const crdt_ref *ref, size_t i, crdt_conflict *ret_conflict)
{
    return crdt__ref_conflict(&shape, ref, i, ret_conflict);
}

static crdt_err apply_set(crdt_txn *txn, crdt_view name, const crdt_value *args)
{
    return crdt_mvreg_set(txn, name, args[0]);
}

static crdt_err apply_clear(crdt_txn *txn, crdt_view name, const crdt_value *args)
{
    (void)args;
    return crdt_mvreg_clear(txn, name);
}

static const crdt_op ops[] = {
    {"set", "v", "write a value over all that is seen", apply_set},
    {"clear", "", "remove all that is seen", apply_clear},
};

CRDT__SIBS_SLOTS(shape)

const crdt_type crdt_mvreg_type = {
    .id = 11,
    .format = 1,
    .name = "mvreg",
    .summary = "multi-value register: all values written concurrently show",
    .source = "Shapiro et al., INRIA RR-7506, 2011; Almeida, Shoker, Baquero, JPDC 111, 2018",
    .ops_count = sizeof ops / sizeof ops[0],
    .ops = ops,
    CRDT__SIBS_VTABLE,
    .alive = crdt__ref_alive,
    .reset = reset,
    .print = print,
    .conflict = conflict,
};
