/* mvreg.h: multi-value register: of concurrent writes all values are kept and shown.
 *
 * Shape    dot -> value:  {r1:4 -> "red", r2:2 -> "blue"}; both show.
 * Merge    by dot. A write covers every sibling its transaction sees; what was written concurrently
 *          stays beside it, equal values of different writes too.
 * Invariants  no tombstones: clear leaves nothing behind.
 * Source   Shapiro, Preguica, Baquero, Zawirski, "A comprehensive study of CRDTs", INRIA RR-7506,
 *          2011; by dot: Almeida, Shoker, Baquero, "Delta state replicated data types", JPDC 111,
 *          2018.
 * Threads  none inside; one store, one thread at a time.
 *
 *      crdt_mvreg_set(txn, CRDT_SOLO, crdt_text("red"));
 *      crdt_store_commit(store, &delta);             // the operation, to be joined by others
 *      crdt_store_join(store, from_peer, now_ms);    // a peer's concurrent delta or whole state
 *      for (size_t i = 0; crdt_mvreg_get(crdt_store_solo(store), i, &value); i++) ... // red, blue
 */
#ifndef CRDT_MVREG_H
#define CRDT_MVREG_H
#include "crdt/store.h"
#ifdef __cplusplus
extern "C" {
#endif

CRDT_API extern const crdt_type crdt_mvreg_type;

/* A stand-alone register, written by `replica`. Errors: ENOMEM, EINVAL. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_mvreg_new(uint64_t replica, const crdt_mem *mem,
                                                 crdt_store **ret_store);

/* Write value (copied) over all that the transaction sees. Cost: O(siblings).
 * Errors: ENOMEM, EINVAL (no kind of value), ELIMIT, ETYPE. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_mvreg_set(crdt_txn *txn, crdt_view name, crdt_value value);
/* Remove all that the transaction sees; a concurrent write survives. Nothing there: OK, no change.
 * Errors: ENOMEM, ELIMIT, ETYPE. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_mvreg_clear(crdt_txn *txn, crdt_view name);

/* Number of siblings; 0: nothing written. O(1); within a transaction O(siblings). */
CRDT_API size_t crdt_mvreg_count(crdt_ref mvreg);
/* The i-th sibling's value in dot order, borrowed until the store changes. False past the end.
 * O(1); within a transaction O(siblings). */
CRDT_API bool crdt_mvreg_get(crdt_ref mvreg, size_t i, crdt_value *ret_value);

#ifdef __cplusplus
}
#endif
#endif
