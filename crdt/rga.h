/* rga.h: replicated list of values (replicated growable array).
 *
 * Shape    elements in order, each with an id (replica, counter), inserted after another one;
 *          deleted ones stay as tombstones. The value of an element is the last one set. An element
 *          that was moved is the same element in another place.
 * Merge    the union of the insertions and deletions, ordered as text.h tells. Of concurrent
 *          `set`s of an element the one with the greatest (stamp, replica, sequence) shows; of
 *          concurrent moves the one with the greatest tells where it stands: it is there once.
 *          Moving, setting and deleting go together: what is moved and set is moved and set, what
 *          is moved and deleted is deleted.
 * Invariants  removing the name deletes the elements seen; those inserted concurrently survive.
 * Source   Roh et al., "Replicated abstract data types", JPDC 71(3), 2011; Weidner, Kleppmann,
 *          "The art of the fugue", IEEE TPDS 36(11), 2025; Kleppmann, "Moving elements in list
 *          CRDTs", PaPoC 2020.
 * Threads  none inside; one store, one thread at a time.
 *
 *      crdt_rga_edit edit;
 *      crdt_rga_open(txn, CRDT_SOLO, &crdt_rga_type, &edit);
 *      crdt_rga_insert(&edit, 0, crdt_int(7));
 *      crdt_store_commit(store, &delta);
 *      crdt_rga_get(crdt_store_solo(store), 0, &value);
 *
 * While a transaction is open on a list, all reads of it show the transaction's changes.
 */
#ifndef CRDT_RGA_H
#define CRDT_RGA_H
#include "crdt/cursor.h"
#include "crdt/store.h"
#ifdef __cplusplus
extern "C" {
#endif

CRDT_API extern const crdt_type crdt_rga_type;         /* ordered by FugueMax */
CRDT_API extern const crdt_type crdt_rga_classic_type; /* ordered as RGA orders */

/* A stand-alone list; mem NULL: malloc(3). Errors: ENOMEM, EINVAL. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_rga_new(uint64_t replica, const crdt_mem *mem,
                                               crdt_store **ret_store);

/* A list being edited by a transaction. On the caller's stack; ends with the transaction. */
typedef struct crdt_rga_edit {
    crdt_target target;
} crdt_rga_edit;

/* The list `name`, made if it does not exist; type: one of the two above. Errors: ENOMEM, ELIMIT,
 * ETYPE, EINVAL. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_rga_open(crdt_txn *txn, crdt_view name,
                                                const crdt_type *type, crdt_rga_edit *ret_edit);
/* Insert a value (copied) before the element at pos; at the end if pos is the length. O(log n).
 * Errors: ERANGE, EINVAL (no kind of value), ELIMIT, ENOMEM, EFORK (another one writes under this
 * replica id). */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_rga_insert(crdt_rga_edit *edit, uint64_t pos,
                                                  crdt_value value);
/* Delete count elements from pos on. O(log n + spans). Errors: ERANGE, ENOMEM, ELIMIT. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_rga_delete(crdt_rga_edit *edit, uint64_t pos,
                                                  uint64_t count);
/* Give the element at pos another value. O(log n). Errors: ERANGE, EINVAL, ELIMIT, ENOMEM. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_rga_set(crdt_rga_edit *edit, uint64_t pos, crdt_value value);

/* Move the element at `from`, so that it stands at `to`: what stood there, and what is between
 * them, goes one step to where it came from. To its own place: nothing is written. Its value, sets
 * and cursors go with it. O(log n). Errors: ERANGE, ELIMIT, ENOMEM, EFORK. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_rga_move(crdt_rga_edit *edit, uint64_t from, uint64_t to);

/* -- Reading ----------------------------------------------------------------------------------- */

CRDT_API uint64_t crdt_rga_length(crdt_ref list); /* O(1) */
/* The value at pos, borrowed. False past the end. O(log n). */
CRDT_API bool crdt_rga_get(crdt_ref list, uint64_t pos, crdt_value *ret_value);

/* Cursor on the caller's stack; ends with any change of the store. */
typedef struct crdt_rga_iter {
    crdt_ref    list;
    const void *leaf, *block;
    uint32_t    index, offset;
    uint32_t    first, count, starts[64]; /* where values lie in the block */
} crdt_rga_iter;
CRDT_API crdt_rga_iter crdt_rga_iterate(crdt_ref list, uint64_t from); /* from past the end: none */
CRDT_API bool          crdt_rga_next(crdt_rga_iter *it, crdt_value *ret_value); /* borrowed */

/* As crdt_text_cursor and crdt_text_find, in elements. A cursor follows its element where that is
 * moved; of a deleted one it stays where that stood last. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_rga_cursor(crdt_ref list, uint64_t pos, crdt_side side,
                                                  crdt_cursor *ret_cursor);
CRDT_MUST_CHECK CRDT_API crdt_err crdt_rga_find(crdt_ref list, crdt_cursor cursor,
                                                uint64_t *ret_pos);
/* As crdt_text_waiting. */
CRDT_API uint64_t crdt_rga_waiting(crdt_ref list);

#ifdef __cplusplus
}
#endif
#endif
