/* ewflag.h: enable-wins flag: of a concurrent enable and disable the enable wins.
 *
 * Shape    the dots of the enables in force:  {r1:4, r2:2}; enabled if there is any.
 * Merge    by dot. disable covers every dot its transaction sees; an enable it did not see stays.
 * Invariants  no tombstones: a disabled flag is empty.
 * Source   Almeida, Shoker, Baquero, "Delta state replicated data types", JPDC 111, 2018.
 * Threads  none inside; one store, one thread at a time.
 *
 *      crdt_ewflag_enable(txn, CRDT_SOLO);
 *      crdt_store_commit(store, &delta);         // the operation
 *      crdt_store_join(other, delta, now_ms);    // or the whole state
 *      crdt_ewflag_get(crdt_store_solo(other));  // true, even if other disabled it meanwhile
 */
#ifndef CRDT_EWFLAG_H
#define CRDT_EWFLAG_H
#include "crdt/store.h"
#ifdef __cplusplus
extern "C" {
#endif

CRDT_API extern const crdt_type crdt_ewflag_type;

/* A stand-alone flag, disabled at first, written by `replica`. Errors: ENOMEM, EINVAL. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_ewflag_new(uint64_t replica, const crdt_mem *mem,
                                                  crdt_store **ret_store);

/* Enable, also an enabled flag: the new intention beats a concurrent disable.
 * Errors: ENOMEM, ELIMIT, ETYPE. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_ewflag_enable(crdt_txn *txn, crdt_view name);
/* Cover every enable that the transaction sees. None: OK, no change.
 * Errors: ENOMEM, ELIMIT, ETYPE. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_ewflag_disable(crdt_txn *txn, crdt_view name);

CRDT_API bool crdt_ewflag_get(crdt_ref ewflag); /* true: enabled */

#ifdef __cplusplus
}
#endif
#endif
