/* twopset.h: two-phase set of integers and byte strings: what is removed never comes back.
 *
 * Shape    adds dot -> element, rms dot -> element:  adds {r1:1 -> "a"} rms {r2:1 -> 7}
 *          The set shows the elements of adds that are not in rms.
 * Merge    by dot, each part for itself. Removing takes away the additions seen and leaves a
 *          removal, which hides every other addition of the element, for ever.
 * Invariants  removals are its residues; stability does not end them. Removing the object itself
 *          forgets those that its writer has seen, but only if the set shows an element: where it
 *          shows none there is nothing to remove, and they are kept.
 * Source   Shapiro, Preguica, Baquero, Zawirski, "A comprehensive study of CRDTs", INRIA RR-7506,
 *          2011.
 * Threads  none inside; one store, one thread at a time.
 *
 *      crdt_twopset_add(txn, CRDT_SOLO, crdt_text("ticket 1"));
 *      crdt_twopset_remove(txn, CRDT_SOLO, crdt_text("ticket 1"));
 *      crdt_store_commit(store, &delta);             // the operation, to be joined by others
 *      crdt_store_join(store, from_peer, now_ms);    // a peer's delta, or its whole state
 *      crdt_twopset_has(crdt_store_solo(store), crdt_text("ticket 1"));    // false, from now on
 */
#ifndef CRDT_TWOPSET_H
#define CRDT_TWOPSET_H
#include "crdt/store.h"
#ifdef __cplusplus
extern "C" {
#endif

CRDT_API extern const crdt_type crdt_twopset_type;

/* A stand-alone set, written by `replica`; mem NULL: malloc(3). Errors: ENOMEM, EINVAL. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_twopset_new(uint64_t replica, const crdt_mem *mem,
                                                   crdt_store **ret_store);

/* Add elem (copied). It is there, or was removed: OK, no change. O(1) on average.
 * Errors: ENOMEM, EINVAL (no kind of value), ELIMIT, ETYPE. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_twopset_add(crdt_txn *txn, crdt_view name, crdt_value elem);
/* Remove elem for ever. The transaction does not see it in the set: OK, no change. O(1) on average.
 * Errors: ENOMEM, EINVAL, ELIMIT, ETYPE. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_twopset_remove(crdt_txn *txn, crdt_view name,
                                                      crdt_value elem);

/* The first of these reads builds an index, O(elements). After it: O(1) on average. */
CRDT_API bool crdt_twopset_has(crdt_ref set, crdt_value elem);
/* O(removed elements), or O(elements) if these are fewer. */
CRDT_API size_t crdt_twopset_count(crdt_ref set);

/* Cursor on the caller's stack. Each element once, in the order of its first dot, the same on every
 * replica. *ret_elem is borrowed. Ends with any change of the store. */
typedef struct crdt_twopset_iter {
    crdt_ref set;
    uint32_t at[4];
} crdt_twopset_iter;
CRDT_API crdt_twopset_iter crdt_twopset_iterate(crdt_ref set);
CRDT_API bool              crdt_twopset_next(crdt_twopset_iter *it, crdt_value *ret_elem);

#ifdef __cplusplus
}
#endif
#endif
