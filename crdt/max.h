/* max.h: the greatest of the integers written.
 *
 * Shape    dot -> integer:  {r1:4 -> 7, r2:2 -> 9}; 9 shows.
 * Merge    by dot. A write of what is not greater than the value in view does nothing and takes no
 *          dot; another covers all that its transaction sees. Kept by dot, so that removing the key
 *          removes just what was seen: a concurrent write survives.
 * Invariants  no tombstones.
 * Source   the semilattice of integers under max, held by dot: Baquero, Almeida, Cunha, Ferreira,
 *          "Composition in state-based replicated data types", Bulletin of the EATCS 123, 2017.
 * Threads  none inside; one store, one thread at a time.
 *
 *      crdt_max_write(txn, CRDT_SOLO, 9);
 *      crdt_store_commit(store, &delta);         // the operation; empty if 9 or more was there
 *      crdt_store_join(other, delta, now_ms);    // or the whole state
 *      crdt_max_get(crdt_store_solo(other), &i);
 */
#ifndef CRDT_MAX_H
#define CRDT_MAX_H
#include "crdt/store.h"
#ifdef __cplusplus
extern "C" {
#endif

CRDT_API extern const crdt_type crdt_max_type;

/* A stand-alone register, written by `replica`. Errors: ENOMEM, EINVAL. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_max_new(uint64_t replica, const crdt_mem *mem,
                                               crdt_store **ret_store);

/* Write n. OK without a change if it is not greater than the value the transaction sees.
 * Errors: ENOMEM, ELIMIT, ETYPE. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_max_write(crdt_txn *txn, crdt_view name, int64_t n);

/* The greatest integer written. False: none. O(1); within a transaction O(siblings). */
CRDT_API bool crdt_max_get(crdt_ref max, int64_t *ret_n);

#ifdef __cplusplus
}
#endif
#endif
