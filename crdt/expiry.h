/* expiry.h: the deadline of a name, beside what the name shows.
 *
 * Shape    dot -> deadline in ms, or never:  {r1:4 -> 1700000060000, r2:9 -> never}    none applies
 * Beside   it stands beside the object that shows under the name, whatever its type
 *          (crdt_store_beside). It never shows, is not counted and does not make a name exist; it
 *          has no presence. Removing the name takes away the deadlines that were seen, and so does
 *          the write that makes an absent name exist: what was said of a key that is gone is not
 *          said of the next one.
 * Merge    by dot. A write covers every deadline its transaction sees. Of those written at the same
 *          time the greatest applies, and none where one says never.
 * Expiry   nothing is removed by it: what a passed deadline means is the reader's affair, who alone
 *          has a clock.
 * Invariants  no tombstones: once every deadline is covered nothing is left.
 * Source   rule R14 of the design.
 * Threads  none inside; one store, one thread at a time.
 *
 *      crdt_store_begin(store, now_ms, &txn);
 *      crdt_cell_set(txn, key, value);
 *      crdt_expiry_expire_at(txn, key, now_ms + 60000);
 *      crdt_store_commit(store, &delta);         // one delta: the value never shows without it
 *      if (crdt_store_beside(store, key, &crdt_expiry_type, &ref) == CRDT_OK &&
 *          crdt_expiry_deadline(ref, &ms) && ms <= now_ms) ... // it has expired
 */
#ifndef CRDT_EXPIRY_H
#define CRDT_EXPIRY_H
#include "crdt/store.h"
#ifdef __cplusplus
extern "C" {
#endif

CRDT_API extern const crdt_type crdt_expiry_type;

/* A deadline on its own, written by `replica`. Errors: ENOMEM, EINVAL. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_expiry_new(uint64_t replica, const crdt_mem *mem,
                                                  crdt_store **ret_store);

/* Let the name expire at ms (since 1970; any time, the past too). Allowed whatever shows under the
 * name, and where nothing does. Cost: O(deadlines), 1 unless several replicas write. Errors: EINVAL
 * (INT64_MAX), ENOMEM, ELIMIT. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_expiry_expire_at(crdt_txn *txn, crdt_view name, int64_t ms);
/* Let it never expire: wins over deadlines set at the same time. No deadline seen: OK, no change.
 * Errors: ENOMEM, ELIMIT. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_expiry_persist(crdt_txn *txn, crdt_view name);
/* Take away the deadlines that are seen, as for a new value; one set at the same time applies to
 * it. Nothing there: OK, no change, at the cost of a look. Errors: ENOMEM, ELIMIT. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_expiry_clear(crdt_txn *txn, crdt_view name);

/* The deadline. False: none applies. O(1); within a transaction O(deadlines). */
CRDT_API bool crdt_expiry_deadline(crdt_ref expiry, int64_t *ret_ms);

#ifdef __cplusplus
}
#endif
#endif
