/* marks.h: rich text: what is said of ranges of a text: bold, links, comments.
 *
 * Shape    dot -> (stamp, start, end, key, value or none); start and end are cursors (cursor.h):
 *          {r1:7 -> 0x18c.. from 3@r1< to 9@r1<: "bold" = 1,
 *           r2:4 -> 0x18d.. from 5@r1< to 6@r1>: "bold" none}
 * Beside   it stands beside the text of its name, of either order (crdt_store_beside): removing the
 *          name takes away the marks that were seen, with the text, in one delta. Text and marks
 *          are edited in one transaction: nobody ever sees one without the other. Texts in maps
 *          (ormap.h) have none.
 * Key      what is marked: "bold", "link", "comment:7". Its kind is what stands before the first
 *          ':', so that several comments may cover one place, each under its own id.
 * Expand   what is typed at the edge of a mark belongs to it or not: the sides of its two cursors
 *          say so, without an operation. Each kind has a rule: links and comments take nothing in,
 *          all others what is typed at their end. What takes a mark away has the opposite rule: so
 *          an edge is the same whichever mark made it.
 * Merge    the union. Where marks of one key overlap the latest shows (stamp, then dot), and if
 *          that one has no value, nothing: so two links over one range never mix, and of bold and
 *          not bold said at the same time the later one wins, on every replica.
 * Waiting  a mark one of whose cursors names an element that is not here is held, hidden, until the
 *          element comes. One whose element was deleted stands in the gap. One whose element was
 *          forgotten (crdt_options.forget_ids) is hidden for good, unless crdt_marks_renew moved it
 *          in time.
 * Residues none that are hidden from reads; a mark without a value stays until a later one of its
 *          key lies over it or the name is removed.
 * Source   Litt, Lim, Kleppmann, van Hardenberg, "Peritext: a CRDT for collaborative rich text
 *          editing", PACM HCI 6 (CSCW2), 2022.
 * Threads  none inside; one store, one thread at a time.
 *
 *      crdt_text_open(txn, key, &crdt_text_type, &edit);
 *      crdt_text_insert(&edit, CRDT_CODE_POINTS, 0, crdt_text_view("a bold word"));
 *      crdt_range word = {CRDT_CODE_POINTS, 2, 4};
 *      crdt_marks_set(txn, key, word, crdt_mark_of("bold", crdt_int(1)));
 *      crdt_store_commit(store, &delta);                   // both, or nothing
 *      crdt_marks_read(store, key, CRDT_CODE_POINTS, NULL, &spans);
 *      while (crdt_marks_next(spans, &span)) ...           // in the order of the text
 *      crdt_marks_free(spans);
 */
#ifndef CRDT_MARKS_H
#define CRDT_MARKS_H
#include "crdt/text.h"
#ifdef __cplusplus
extern "C" {
#endif

CRDT_API extern const crdt_type crdt_marks_type;

/* What is typed at which edge of a mark belongs to it. */
typedef enum crdt_expand {
    CRDT_EXPAND_NONE,
    CRDT_EXPAND_BEFORE,
    CRDT_EXPAND_AFTER,
    CRDT_EXPAND_BOTH
} crdt_expand;

typedef struct crdt_mark {
    crdt_view   key; /* not empty */
    crdt_value  value;
    crdt_expand expand; /* not in what is read */
} crdt_mark;

/* A mark with the rule of its kind: NONE for "link" and "comment", else AFTER. key is borrowed. */
CRDT_API crdt_mark crdt_mark_of(const char *key, crdt_value value);
/* ... of the key. */
CRDT_API crdt_expand crdt_mark_expand(crdt_view key);

/* Stretches of a text: count units from start on. */
typedef struct crdt_range {
    crdt_unit unit;
    uint64_t  start, count;
} crdt_range;

/* Marks that stand alone, without a text: for tests of the type. Errors: ENOMEM, EINVAL. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_marks_new(uint64_t replica, const crdt_mem *mem,
                                                 crdt_store **ret_store);

/* -- Writing ----------------------------------------------------------------------------------- */

/* Mark a stretch of the text `name`; key and value are copied. Nothing happens to a stretch of 0
 * units. O(log n), and a few times in as many calls as there are marks what crdt_marks_tidy does.
 * Errors: ENOENT (no such name), ETYPE (it shows no text), ERANGE (the range ends past the text, or
 * inside a code point), EINVAL (empty key, expand), ELIMIT (key and value together above about
 * limits.value_bytes; limits.elements marks), ENOMEM. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_marks_set(crdt_txn *txn, crdt_view name, crdt_range range,
                                                 crdt_mark mark);
/* The same for taking the key away; mark.value is not looked at. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_marks_unset(crdt_txn *txn, crdt_view name, crdt_range range,
                                                   crdt_mark mark);
/* Mark from one cursor to another, value NULL: take the key away. No text is asked for: the cursors
 * may name what is not here, or no longer. Errors: EINVAL (empty key; a cursor's side), ELIMIT,
 * ENOMEM. O(log n). */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_marks_put(crdt_txn *txn, crdt_view name, crdt_cursor start,
                                                 crdt_cursor end, crdt_view key,
                                                 const crdt_value *value);
/* Insert text as an editor does: crdt_text_insert, of which the marks' rules hold also where what
 * stood at their edges was deleted: a link whose last letter is gone takes in nothing that is typed
 * in its place. Where the place alone does not say so, marks over what is inserted do, in the same
 * transaction. A mark over the whole of which a later one of its key lies has no say in it. Beside
 * nothing deleted it costs what crdt_text_insert does, else O(n log n) for n marks. Errors: those
 * of crdt_text_insert; ENOENT, ETYPE. Where it failed after the text was inserted (ENOMEM, ELIMIT)
 * the transaction can only be rolled back; so it is with the next two. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_marks_insert(crdt_txn *txn, crdt_view name, crdt_unit unit,
                                                    uint64_t pos, crdt_view utf8);
/* Forget marks over the whole of which a later one of their key lies: nothing changes in what
 * shows. O(n log n). Errors: ENOENT, ETYPE, ENOMEM, ELIMIT. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_marks_tidy(crdt_txn *txn, crdt_view name);
/* Move the ends of marks that stand at deleted elements to what shows beside them, which changes
 * nothing in what shows. For stores that forget ids, before a cut is proposed (R1, R2): whatever
 * the cut lets go of is then named by no mark. O(n log n). Errors: ENOENT, ETYPE, ENOMEM,
 * ELIMIT. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_marks_renew(crdt_txn *txn, crdt_view name);

/* -- Reading ----------------------------------------------------------------------------------- */

/* The text in stretches of equal marks, from its beginning to its end. */
typedef struct crdt_spans crdt_spans;

typedef struct crdt_span {
    uint64_t         start, count; /* in the unit asked for; count is never 0 */
    const crdt_mark *marks; /* those that show here, ascending by key; borrowed until the ... */
    size_t           marks_count; /* ... next call; their bytes until the store changes */
} crdt_span;

/* Read the marks of the text `name`, in one sweep: O(marks * log n). Freed by crdt_marks_free;
 * memory by mem (NULL: malloc(3)). Errors: ENOENT, ETYPE, ENOMEM. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_marks_read(const crdt_store *store, crdt_view name,
                                                  crdt_unit unit, const crdt_mem *mem,
                                                  crdt_spans **ret_spans);
/* The same of a text and the marks beside it (NULL: none), however they were found: as a
 * transaction shows them, say. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_marks_read_over(crdt_ref text, const crdt_ref *marks,
                                                       crdt_unit unit, const crdt_mem *mem,
                                                       crdt_spans **ret_spans);
/* The next stretch; false at the end of the text. */
CRDT_API bool crdt_marks_next(crdt_spans *spans, crdt_span *ret_span);
/* Marks that do not show: they wait for elements, or (stale) name such as were forgotten. */
CRDT_API size_t crdt_marks_waiting(const crdt_spans *spans);
CRDT_API size_t crdt_marks_stale(const crdt_spans *spans);
CRDT_API void   crdt_marks_free(crdt_spans *spans); /* NULL is fine */

#ifdef __cplusplus
}
#endif
#endif
