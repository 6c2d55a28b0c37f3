/* rwset.h: remove-wins set of integers and byte strings.
 *
 * Shape    adds dot -> element, rms dot -> element:  adds {r1:2 -> "a"} rms {r2:1 -> 7}
 *          The set shows the elements of adds that are not in rms.
 * Merge    by dot, each part for itself. An addition takes away what it sees of its element in
 *          both parts; so does a removal. Of a concurrent addition and removal both stay, and the
 *          removal hides.
 *          Under a read context (crdt_txn_at) an addition that had not seen a removal in view does
 *          nothing, for the removal wins.
 * Invariants  rms are residues, remembered until they and the additions that they beat are causally
 *          stable: then both go. So whatever covers a removal covers all additions beside it.
 * Source   Almeida, Shoker, Baquero, "Delta state replicated data types", JPDC 111, 2018;
 *          Baquero, Almeida, Shoker, "Pure operation-based CRDTs", arXiv 1710.04469, 2017.
 * Threads  none inside; one store, one thread at a time.
 *
 *      crdt_rwset_add(txn, CRDT_SOLO, crdt_text("alice"));
 *      crdt_store_commit(store, &delta);             // the operation, to be joined by others
 *      crdt_store_join(store, from_peer, now_ms);    // holds a concurrent removal: that wins
 *      crdt_rwset_has(crdt_store_solo(store), crdt_text("alice"));    // false
 */
#ifndef CRDT_RWSET_H
#define CRDT_RWSET_H
#include "crdt/store.h"
#ifdef __cplusplus
extern "C" {
#endif

CRDT_API extern const crdt_type crdt_rwset_type;

/* A stand-alone set, written by `replica`; mem NULL: malloc(3). Errors: ENOMEM, EINVAL. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_rwset_new(uint64_t replica, const crdt_mem *mem,
                                                 crdt_store **ret_store);

/* Add elem (copied), over what the transaction sees of it. O(1) on average.
 * Errors: ENOMEM, EINVAL (no kind of value), ELIMIT, ETYPE. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_rwset_add(crdt_txn *txn, crdt_view name, crdt_value elem);
/* Remove elem, also from under concurrent additions. An elem that does not show: OK, no change.
 * O(1) on average. Errors: ENOMEM, EINVAL, ELIMIT, ETYPE. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_rwset_remove(crdt_txn *txn, crdt_view name, crdt_value elem);

/* The first of these reads builds an index, O(elements). After it: O(1) on average. */
CRDT_API bool crdt_rwset_has(crdt_ref set, crdt_value elem);
/* O(removals remembered), or O(elements) if these are fewer. */
CRDT_API size_t crdt_rwset_count(crdt_ref set);

/* Cursor on the caller's stack. Each element once, in the order of its first dot, the same on every
 * replica. *ret_elem is borrowed. Ends with any change of the store. */
typedef struct crdt_rwset_iter {
    crdt_ref set;
    uint32_t at[4];
} crdt_rwset_iter;
CRDT_API crdt_rwset_iter crdt_rwset_iterate(crdt_ref set);
CRDT_API bool            crdt_rwset_next(crdt_rwset_iter *it, crdt_value *ret_elem);

#ifdef __cplusplus
}
#endif
#endif
