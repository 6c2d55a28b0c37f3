/* lwwts.h: last-writer-wins register with the client's timestamps, as Cassandra's cells have.
 *
 * Shape    dot -> (stamp, value or tombstone):  {r1:4 -> 1700 "red", r2:2 -> 1701 tombstone}
 *          Here the tombstone wins and the register reads as none.
 * Order    total over all that can differ: stamp; a tombstone above values; values by
 *          crdt_value_compare; dot. What shows is the greatest of all that was ever written, in
 *          whatever order it was written or arrives.
 * Merge    by dot. A write above all that shows covers it, whatever the read context: what is lower
 *          has lost. A write that is not above it is absorbed: it succeeds and changes nothing.
 *          Concurrent losers stay, listed as conflicts, until a greater write.
 * Residues deletes: tombstones stay, hidden, until they are causally stable and everything lower is
 *          too; then they go together. From then on a write with an older stamp shows: as after
 *          Cassandra's gc_grace, but only for writes made after every member knew the delete.
 *          Removing the key deletes at the greatest stamp seen.
 * Source   Lakshman, Malik, "Cassandra: a decentralized structured storage system", 2010; Johnson,
 *          Thomas, "The maintenance of duplicate databases", RFC 677, 1975.
 * Threads  none inside; one store, one thread at a time.
 *
 *      crdt_lwwts_put(txn, CRDT_SOLO, crdt_text("red"), 1700);
 *      crdt_store_commit(store, &delta);         // the operation
 *      crdt_store_join(other, delta, now_ms);    // or the whole state
 *      crdt_lwwts_get(crdt_store_solo(other), &value);    // "red", unless other has a greater one
 */
#ifndef CRDT_LWWTS_H
#define CRDT_LWWTS_H
#include "crdt/store.h"
#ifdef __cplusplus
extern "C" {
#endif

CRDT_API extern const crdt_type crdt_lwwts_type;

/* A stand-alone register, written by `replica`. Errors: ENOMEM, EINVAL. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_lwwts_new(uint64_t replica, const crdt_mem *mem,
                                                 crdt_store **ret_store);

/* Write value (copied) at stamp, 0..CRDT_STAMP_MAX. The stamp never moves the store's clock.
 * Cost: O(siblings). Errors: ENOMEM, EINVAL (stamp, or no kind of value), ELIMIT, ETYPE. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_lwwts_put(crdt_txn *txn, crdt_view name, crdt_value value,
                                                 uint64_t stamp);
/* Delete at stamp: every value of that stamp and below. Also where there is none yet.
 * Errors: ENOMEM, EINVAL (stamp), ETYPE. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_lwwts_del(crdt_txn *txn, crdt_view name, uint64_t stamp);

/* The value that shows, borrowed until the store changes. False: none. O(1); within a transaction
 * O(siblings). The siblings: crdt_ref_conflict. */
CRDT_API bool crdt_lwwts_get(crdt_ref lwwts, crdt_value *ret_value);
/* The greatest stamp, of a value or a delete; 0: none. */
CRDT_API uint64_t crdt_lwwts_stamp(crdt_ref lwwts);

#ifdef __cplusplus
}
#endif
#endif
