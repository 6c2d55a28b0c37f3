/* text.h: replicated UTF-8 text.
 *
 * Shape    a replicated growable array (RGA) of code points: each has an id (replica, counter) and
 *          was inserted after another one; deleted ones stay as tombstones. Held as a piece table:
 *          the bytes once, in order of arrival, and a B+tree of spans over them in the text's
 *          order.
 * Merge    the union of the insertions and deletions; their order follows from what each insertion
 *          had on its left and right. Runs typed at the same place never interleave (FugueMax). The
 *          classic order of RGA (the latest insertion first, by Lamport time) is its own type.
 * Invariants  what was inserted after something stays after it; deleting wins over nothing but
 *          what was seen. Removing the name deletes the code points seen; those inserted
 *          concurrently survive.
 * Source   Roh et al., "Replicated abstract data types", JPDC 71(3), 2011; Weidner, Kleppmann,
 *          "The art of the fugue", IEEE TPDS 36(11), 2025.
 * Threads  none inside; one store, one thread at a time.
 *
 *      crdt_text_edit edit;
 *      crdt_text_open(txn, CRDT_SOLO, &crdt_text_type, &edit);
 *      crdt_text_insert(&edit, CRDT_CODE_POINTS, 0, crdt_text_view("h\u00e9llo"));
 *      crdt_text_delete(&edit, CRDT_CODE_POINTS, 4, 1);
 *      crdt_store_commit(store, &delta);
 *      crdt_text_read(crdt_store_solo(store), CRDT_CODE_POINTS, 0, UINT64_MAX, &buf);
 *
 * While a transaction is open on a text, all reads of it show the transaction's changes.
 */
#ifndef CRDT_TEXT_H
#define CRDT_TEXT_H
#include "crdt/cursor.h"
#include "crdt/store.h"
#ifdef __cplusplus
extern "C" {
#endif

CRDT_API extern const crdt_type crdt_text_type;         /* ordered by FugueMax */
CRDT_API extern const crdt_type crdt_text_classic_type; /* ordered as RGA orders */

/* What positions and counts are given in. All cost the same in ASCII text; elsewhere the first use
 * of the other two on an object makes its counts, O(text). */
typedef enum crdt_unit { CRDT_CODE_POINTS, CRDT_UTF16_UNITS, CRDT_UTF8_BYTES } crdt_unit;

/* A stand-alone text; mem NULL: malloc(3). Errors: ENOMEM, EINVAL. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_text_new(uint64_t replica, const crdt_mem *mem,
                                                crdt_store **ret_store);

/* A text being edited by a transaction. On the caller's stack; ends with the transaction. */
typedef struct crdt_text_edit {
    crdt_target target;
} crdt_text_edit;

/* The text `name`, made if it does not exist; type: one of the two above. Errors: ENOMEM, ELIMIT,
 * ETYPE, EINVAL. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_text_open(crdt_txn *txn, crdt_view name,
                                                 const crdt_type *type, crdt_text_edit *ret_edit);
/* Insert utf8 (copied) before the unit at pos; at the end if pos is the length. Typing on, where
 * the last call ended, costs a few nanoseconds; elsewhere O(log n). Errors: ERANGE (pos is past the
 * end, or inside a code point), EINVAL (not UTF-8), ELIMIT, ENOMEM, EFORK (another one writes under
 * this replica id). */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_text_insert(crdt_text_edit *edit, crdt_unit unit,
                                                   uint64_t pos, crdt_view utf8);
/* Delete count units from pos on. O(log n + spans). Errors: ERANGE (either end is past the end, or
 * inside a code point), ENOMEM, ELIMIT. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_text_delete(crdt_text_edit *edit, crdt_unit unit,
                                                   uint64_t pos, uint64_t count);
/* Delete, then insert at pos; all or nothing. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_text_replace(crdt_text_edit *edit, crdt_unit unit,
                                                    uint64_t pos, uint64_t count, crdt_view utf8);

/* -- Reading ----------------------------------------------------------------------------------- */

/* Its length in units. O(1), but see crdt_unit. */
CRDT_API uint64_t crdt_text_length(crdt_ref text, crdt_unit unit);
/* Lines, as an editor counts them: line feeds and one more. O(1) after a first O(text). */
CRDT_API uint64_t crdt_text_lines(crdt_ref text);
/* Append count units from pos on, as UTF-8; fewer where the text ends first. Errors: ERANGE (pos is
 * past the end, or an end inside a code point), ENOMEM. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_text_read(crdt_ref text, crdt_unit unit, uint64_t pos,
                                                 uint64_t count, crdt_buf *out);

/* Append what an encoded store shows as a text, and read nothing else of it: to show a document
 * before it is decoded. The text is checked (UTF-8), the rest is not: decoding may refuse it.
 * options, in, ret_reason: those of crdt_store_decode; type: &crdt_text_type or
 * &crdt_text_classic_type. Errors: those of crdt_store_decode, ENOENT (no text of that name and
 * type), EINVAL. Cost: of the text alone; of decoding, where the bytes do not begin with it: of
 * less than 256 code points, nearly all deleted, or waiting for something (then ETYPE, if an object
 * of another type shows under the name). */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_text_peek(const crdt_options *options, crdt_view in,
                                                 crdt_view name, const crdt_type *type,
                                                 crdt_buf *out, const char **ret_reason);

/* Cursor on the caller's stack over the text's pieces in order; ends with any change. */
typedef struct crdt_text_iter {
    crdt_ref    text;
    const void *leaf;
    uint32_t    index, offset;
} crdt_text_iter;
CRDT_API crdt_text_iter crdt_text_iterate(crdt_ref text);
/* *ret_piece is borrowed: whole code points, never empty. False at the end. */
CRDT_API bool crdt_text_next(crdt_text_iter *it, crdt_view *ret_piece);

/* The cursor between the units pos - 1 and pos: RIGHT sticks to the one before, LEFT to the one
 * after; at the ends of the text to those. Errors: ERANGE. O(log n). */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_text_cursor(crdt_ref text, crdt_unit unit, uint64_t pos,
                                                   crdt_side side, crdt_cursor *ret_cursor);
/* Where the cursor stands now. Errors: ENOENT (its element has not come here), ESTALE (it was
 * deleted and forgotten: crdt_options.forget_ids), ENOMEM. O(log n). */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_text_find(crdt_ref text, crdt_cursor cursor, crdt_unit unit,
                                                 uint64_t *ret_pos);

/* How two cursors stand to each other, in what was deleted, too: *ret_order is below 0, 0 or above
 * 0 as a stands before, at or after b. Errors: those of crdt_text_find. O(log n). */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_text_compare(crdt_ref text, crdt_cursor a, crdt_cursor b,
                                                    int *ret_order);
/* Does something that was deleted stand between the units pos - 1 and pos? Errors: ERANGE,
 * ENOMEM. O(log n). */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_text_gap(crdt_ref text, crdt_unit unit, uint64_t pos,
                                                bool *ret_gap);

/* Insertions and deletions that wait for what they refer to: not shown yet. 0 unless deltas were
 * merged out of order or a peer sent a reference to nothing. */
CRDT_API uint64_t crdt_text_waiting(crdt_ref text);

#ifdef __cplusplus
}
#endif
#endif
