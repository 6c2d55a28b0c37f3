/* pncounter.h: a counter that goes up and down, and can be reset.
 *
 * Shape    one cell per writer, {first dot -> (latest dot, sum added, sum taken away)}:
 *              {a1: (a9, +30 -4), b2: (b7, +12 -0)}      value 38
 *          After a reset by another replica a cell also has a floor, what the reset saw of it:
 *              {b2: (b7, +12 -1) floor (b5, +10 -0)}     value 1: b did +2 and -1 unseen
 * Merge    per cell the later latest dot with its sums, and the later floor: a maximum, column by
 *          column.
 * Reset    takes away just the operations it saw, in op, delta and state delivery alike. Until it
 *          is stable others' emptied cells are remembered (stats: residues), at most one or so a
 *          replica. With a read context it takes whole cells: those whose latest operation the
 *          reader had seen.
 * Range    each of a writer's sums is a uint64_t, an operation beyond it ERANGE; the value has 128
 *          bits.
 * Source   Shapiro et al., "A comprehensive study of convergent and commutative replicated data
 *          types", INRIA RR-7506, 2011; the reset is ours (rule R11 of the design).
 * Threads  none inside; one store, one thread at a time.
 *
 * A state, an operation, a delta:
 *      crdt_pncounter_new(id, NULL, &store);
 *      crdt_store_begin(store, now_ms, &txn);
 *      err = crdt_pncounter_dec(txn, CRDT_SOLO, 3);
 *      err = crdt_store_commit(store, &delta);          // {id1: (id1, +0 -3)}: the whole cell, one
 *      dot err = crdt_store_join(replica, delta, now_ms);   // lost, doubled, late: no harm
 *      err = crdt_pncounter_value(crdt_store_solo(replica), &n);
 */
#ifndef CRDT_PNCOUNTER_H
#define CRDT_PNCOUNTER_H
#include "crdt/store.h"
#ifdef __cplusplus
extern "C" {
#endif

CRDT_API extern const crdt_type crdt_pncounter_type;

/* A counter on its own; it is named CRDT_SOLO. Free with crdt_store_free(). Errors: ENOMEM. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_pncounter_new(uint64_t replica, const crdt_mem *mem,
                                                     crdt_store **ret_store);
/* Add n, take n away. Cost: O(log cells). Errors: EINVAL (n is 0), ERANGE (this replica's sum would
 * exceed 64 bits), ETYPE, ENOMEM, ELIMIT. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_pncounter_inc(crdt_txn *txn, crdt_view name, uint64_t n);
CRDT_MUST_CHECK CRDT_API crdt_err crdt_pncounter_dec(crdt_txn *txn, crdt_view name, uint64_t n);
/* Take away what this transaction sees. Nothing there: OK and no change. Cost: O(cells). Errors:
 * ETYPE, ENOMEM, ELIMIT. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_pncounter_reset(crdt_txn *txn, crdt_view name);
/* Cost of reading: O(cells), some billion a second. Errors: ERANGE (beyond int64_t), EINVAL (not a
 * pncounter). */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_pncounter_value(crdt_ref ref, int64_t *ret_value);
/* The exact value. 0 for a reference to another type. */
CRDT_API crdt_i128 crdt_pncounter_value_wide(crdt_ref ref);

#ifdef __cplusplus
}
#endif
#endif
