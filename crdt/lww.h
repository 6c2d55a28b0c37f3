/* lww.h: last-writer-wins register: one value; of concurrent writes the one stamped last shows.
 *
 * Shape    dot -> (stamp, value):  {r1:4 -> 0x18c1.. "red", r2:2 -> 0x18c3.. "blue"}
 *          r2's write shows. r1's was concurrent to it and stays, listed as a conflict, until a
 *          write whose author saw it.
 * Merge    by dot. A write covers every sibling its transaction sees and takes a stamp of the
 *          hybrid clock above theirs; what any joined write covered is gone. A read takes the
 *          greatest of (stamp, replica id, sequence): values are never compared, and a clock that
 *          lies cannot hide a write whose author saw the earlier one.
 * Invariants  every stamp is below 2^63; no tombstones: clear leaves nothing behind.
 * Source   Johnson, Thomas, "The maintenance of duplicate databases", RFC 677, 1975; Shapiro,
 *          Preguica, Baquero, Zawirski, "A comprehensive study of CRDTs", INRIA RR-7506, 2011; the
 *          clock: crdt/clock.h.
 * Threads  none inside; one store, one thread at a time.
 *
 *      crdt_store_begin(store, now_ms, &txn);
 *      crdt_lww_set(txn, CRDT_SOLO, crdt_text("red"));
 *      crdt_store_commit(store, &delta);         // the operation: apply it elsewhere ...
 *      crdt_store_join(other, delta, now_ms);    // ... by a join, or
 *      crdt_store_join(other, store, now_ms);    // join the whole state: the same bytes come out
 *      crdt_lww_get(crdt_store_solo(other), &value);    // "red"
 */
#ifndef CRDT_LWW_H
#define CRDT_LWW_H
#include "crdt/store.h"
#ifdef __cplusplus
extern "C" {
#endif

CRDT_API extern const crdt_type crdt_lww_type;

/* A stand-alone register, written by `replica`. Errors: ENOMEM, EINVAL. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_lww_new(uint64_t replica, const crdt_mem *mem,
                                               crdt_store **ret_store);

/* Write value (copied) over all that the transaction sees. Cost: O(siblings).
 * Errors: ENOMEM, EINVAL (no kind of value), ELIMIT, ETYPE. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_lww_set(crdt_txn *txn, crdt_view name, crdt_value value);
/* Remove all that the transaction sees; a concurrent write survives. Nothing there: OK, no change.
 * Errors: ENOMEM, ELIMIT, ETYPE. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_lww_clear(crdt_txn *txn, crdt_view name);

/* The value that shows, borrowed until the store changes. False: none. O(1); within a transaction
 * O(siblings). The siblings: crdt_ref_conflict. */
CRDT_API bool crdt_lww_get(crdt_ref lww, crdt_value *ret_value);
/* The stamp of the value that shows; 0: none. */
CRDT_API uint64_t crdt_lww_stamp(crdt_ref lww);

#ifdef __cplusplus
}
#endif
#endif
