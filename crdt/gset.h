/* gset.h: grow-only set of integers and byte strings.
 *
 * Shape    dot -> element:  {r1:1 -> "a", r2:1 -> 7}. The set shows the elements of all dots.
 * Merge    by dot; nothing is ever removed but by removing the whole object.
 * Invariants  adding what is visible takes no dot; two dots of one element come from concurrent
 *          writers.
 * Source   Shapiro, Preguica, Baquero, Zawirski, "A comprehensive study of CRDTs", INRIA RR-7506,
 *          2011.
 * Threads  none inside; one store, one thread at a time.
 *
 *      crdt_gset_add(txn, CRDT_SOLO, crdt_int(7));
 *      crdt_store_commit(store, &delta);             // the operation, to be joined by others
 *      crdt_store_join(store, from_peer, now_ms);    // a peer's delta, or its whole state
 *      crdt_gset_has(crdt_store_solo(store), crdt_int(7));
 */
#ifndef CRDT_GSET_H
#define CRDT_GSET_H
#include "crdt/store.h"
#ifdef __cplusplus
extern "C" {
#endif

CRDT_API extern const crdt_type crdt_gset_type;

/* A stand-alone set, written by `replica`; mem NULL: malloc(3). Errors: ENOMEM, EINVAL. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_gset_new(uint64_t replica, const crdt_mem *mem,
                                                crdt_store **ret_store);

/* Add elem (copied). It is there already: OK, no change. O(1) on average.
 * Errors: ENOMEM, EINVAL (no kind of value), ELIMIT, ETYPE. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_gset_add(crdt_txn *txn, crdt_view name, crdt_value elem);

/* The first of these reads builds an index, O(elements). After it: O(1) on average. */
CRDT_API bool crdt_gset_has(crdt_ref set, crdt_value elem);
/* O(1); within a transaction O(its changes). */
CRDT_API size_t crdt_gset_count(crdt_ref set);

/* Cursor on the caller's stack. Each element once, in the order of its first dot, the same on every
 * replica. *ret_elem is borrowed. Ends with any change of the store. */
typedef struct crdt_gset_iter {
    crdt_ref set;
    uint32_t at[4];
} crdt_gset_iter;
CRDT_API crdt_gset_iter crdt_gset_iterate(crdt_ref set);
CRDT_API bool           crdt_gset_next(crdt_gset_iter *it, crdt_value *ret_elem);

#ifdef __cplusplus
}
#endif
#endif
