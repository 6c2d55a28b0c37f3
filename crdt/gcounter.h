/* gcounter.h: a counter that only grows, and can be reset.
 *
 * Shape    one cell per writer, {first dot -> (latest dot, sum of its increments)}:
 *              {a1: (a9, 30), b2: (b7, 12)}      value 42
 *          After a reset by another replica a cell also has a floor, what the reset saw of it:
 *              {b2: (b7, 12) floor (b5, 10)}     value 2: b's increments after b5 were not seen
 * Merge    per cell the later latest dot with its sum, and the later floor: a maximum, column by
 *          column.
 * Reset    takes away just the increments it saw, in op, delta and state delivery alike. Until it
 *          is stable others' emptied cells are remembered (stats: residues), at most one or so a
 *          replica. With a read context it takes whole cells: those whose latest increment the
 *          reader had seen.
 * Range    a writer's sum is a uint64_t, an increment beyond it ERANGE; the value has 128 bits.
 * Source   Shapiro et al., "A comprehensive study of convergent and commutative replicated data
 *          types", INRIA RR-7506, 2011; the reset is ours (rule R11 of the design).
 * Threads  none inside; one store, one thread at a time.
 *
 * A state, an operation, a delta:
 *      crdt_gcounter_new(id, NULL, &store);
 *      crdt_store_begin(store, now_ms, &txn);
 *      err = crdt_gcounter_inc(txn, CRDT_SOLO, 3);
 *      err = crdt_store_commit(store, &delta);          // {id1: (id1, 3)}: the whole cell, one dot
 *      err = crdt_store_join(replica, delta, now_ms);   // lost, doubled, late: no harm
 *      err = crdt_gcounter_value(crdt_store_solo(replica), &n);
 */
#ifndef CRDT_GCOUNTER_H
#define CRDT_GCOUNTER_H
#include "crdt/store.h"
#ifdef __cplusplus
extern "C" {
#endif

CRDT_API extern const crdt_type crdt_gcounter_type;

/* A counter on its own; it is named CRDT_SOLO. Free with crdt_store_free(). Errors: ENOMEM. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_gcounter_new(uint64_t replica, const crdt_mem *mem,
                                                    crdt_store **ret_store);
/* Add n. Cost: O(log cells). Errors: EINVAL (n is 0), ERANGE (this replica's sum would exceed 64
 * bits), ETYPE, ENOMEM, ELIMIT. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_gcounter_inc(crdt_txn *txn, crdt_view name, uint64_t n);
/* Take away what this transaction sees. Nothing there: OK and no change. Cost: O(cells). Errors:
 * ETYPE, ENOMEM, ELIMIT. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_gcounter_reset(crdt_txn *txn, crdt_view name);
/* Cost of reading: O(cells), some billion a second. Errors: ERANGE (beyond int64_t), EINVAL (not a
 * gcounter). */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_gcounter_value(crdt_ref ref, int64_t *ret_value);
/* The exact value; never negative. 0 for a reference to another type. */
CRDT_API crdt_i128 crdt_gcounter_value_wide(crdt_ref ref);

#ifdef __cplusplus
}
#endif
#endif
