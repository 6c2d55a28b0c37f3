/* orset.h: add-wins set of integers and byte strings (observed-remove set).
 *
 * Shape    dot -> element:  {r1:3 -> "a", r2:1 -> 7}. The set shows the elements of all dots.
 * Merge    by dot: an addition lives on unless the other side has seen its dot and does not hold
 *          it. A removal takes away the additions that its writer has seen; one made concurrently
 *          survives.
 * Invariants  no tombstones: what is removed leaves nothing behind. An element that concurrent
 *          writers have added has several dots; the next addition or removal that sees them
 *          replaces all.
 * Source   Bieniusa et al., "An optimized conflict-free replicated set", INRIA RR-8083, 2012;
 *          Almeida, Shoker, Baquero, "Delta state replicated data types", JPDC 111, 2018.
 * Threads  none inside; one store, one thread at a time.
 *
 *      crdt_orset_add(txn, CRDT_SOLO, crdt_text("milk"));
 *      crdt_store_commit(store, &delta);             // the operation, to be joined by others
 *      crdt_store_join(store, from_peer, now_ms);    // a peer's delta, or its whole state
 *      crdt_orset_has(crdt_store_solo(store), crdt_text("milk"));
 */
#ifndef CRDT_ORSET_H
#define CRDT_ORSET_H
#include "crdt/store.h"
#ifdef __cplusplus
extern "C" {
#endif

CRDT_API extern const crdt_type crdt_orset_type;

/* A stand-alone set, written by `replica`; mem NULL: malloc(3). Errors: ENOMEM, EINVAL. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_orset_new(uint64_t replica, const crdt_mem *mem,
                                                 crdt_store **ret_store);

/* Add elem (copied), over all its additions that the transaction sees. O(1) on average.
 * Errors: ENOMEM, EINVAL (no kind of value), ELIMIT, ETYPE. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_orset_add(crdt_txn *txn, crdt_view name, crdt_value elem);
/* The same; *ret_new: it did not show before. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_orset_add_new(crdt_txn *txn, crdt_view name, crdt_value elem,
                                                     bool *ret_new);
/* Remove the additions of elem that the transaction sees. None: OK, no change. O(1) on average.
 * Errors: ENOMEM, EINVAL, ELIMIT, ETYPE. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_orset_remove(crdt_txn *txn, crdt_view name, crdt_value elem);
/* Remove all additions that the transaction sees. O(elements). Errors: ENOMEM, ELIMIT, ETYPE. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_orset_clear(crdt_txn *txn, crdt_view name);

/* The first of these reads builds an index, O(elements). After it: O(1) on average. */
CRDT_API bool crdt_orset_has(crdt_ref set, crdt_value elem);
/* O(1); within a transaction O(its changes). */
CRDT_API size_t crdt_orset_count(crdt_ref set);

/* Cursor on the caller's stack. Each element once, in the order of its first dot, the same on every
 * replica. *ret_elem is borrowed. Ends with any change of the store. */
typedef struct crdt_orset_iter {
    crdt_ref set;
    uint32_t at[4];
} crdt_orset_iter;
CRDT_API crdt_orset_iter crdt_orset_iterate(crdt_ref set);
/* From some element of the committed set, chosen by the random bits, to the last: for random
 * picks. Next may be false at once: then begin again from the first. O(1). */
CRDT_API crdt_orset_iter crdt_orset_iterate_some(crdt_ref set, uint64_t random);
CRDT_API bool            crdt_orset_next(crdt_orset_iter *it, crdt_value *ret_elem);

#ifdef __cplusplus
}
#endif
#endif
