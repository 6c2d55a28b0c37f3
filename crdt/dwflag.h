/* dwflag.h: disable-wins flag: of a concurrent enable and disable the disable wins.
 *
 * Shape    dot -> enable or disable:  {r1:4 -> disable, r2:2 -> enable}
 *          Enabled if there is an enable and no disable. Disabled at first.
 * Merge    by dot. Either write covers all that shows. A disable is a residue: it is kept, to beat
 *          enables that did not see it, until it is causally stable. Under a read context
 *          (crdt_txn_at) an enable that had not seen a disable in view does nothing, for the
 *          disable wins. Reset covers the enables seen, and leaves a disabled flag as it is.
 * Collection  a stable disable goes, with the enables it beats, once these are stable too. This is
 *          why a write that covers a disable covers all beside it: a replica that still holds the
 *          disable and one where it is covered already come to the same.
 * Source   Almeida, Shoker, Baquero, "Delta state replicated data types", JPDC 111, 2018.
 * Threads  none inside; one store, one thread at a time.
 *
 *      crdt_dwflag_disable(txn, CRDT_SOLO);
 *      crdt_store_commit(store, &delta);         // the operation
 *      crdt_store_join(other, delta, now_ms);    // or the whole state
 *      crdt_dwflag_get(crdt_store_solo(other));  // false, even if other enabled it meanwhile
 */
#ifndef CRDT_DWFLAG_H
#define CRDT_DWFLAG_H
#include "crdt/store.h"
#ifdef __cplusplus
extern "C" {
#endif

CRDT_API extern const crdt_type crdt_dwflag_type;

/* A stand-alone flag, disabled at first, written by `replica`. Errors: ENOMEM, EINVAL. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_dwflag_new(uint64_t replica, const crdt_mem *mem,
                                                  crdt_store **ret_store);

/* Enable: covers the disables seen; a concurrent one wins. Errors: ENOMEM, ETYPE. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_dwflag_enable(crdt_txn *txn, crdt_view name);
/* Disable, also a disabled flag: the new intention beats a concurrent enable.
 * Errors: ENOMEM, ETYPE. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_dwflag_disable(crdt_txn *txn, crdt_view name);

CRDT_API bool crdt_dwflag_get(crdt_ref dwflag); /* true: enabled */

#ifdef __cplusplus
}
#endif
#endif
