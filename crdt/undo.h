/* undo.h: undo and redo of what one replica did to a text, also where others have edited since.
 *
 * Shape    steps, on a stack of this replica's own: nothing of it is sent. Undoing is a transaction
 *          like any other: what the step inserted and nobody has deleted is deleted; what it
 *          deleted is inserted again, in its place among what others wrote meanwhile.
 * Copies   What comes back are new code points. They stand for the old ones: undoing an earlier
 *          step that inserted those deletes them. Others see insertions of this replica.
 * Others   What others inserted is never touched, nor what they brought back by undoing. What was
 *          deleted by others, too, comes back if the step that deleted it is undone.
 * Limits   With crdt_options.forget_ids nothing deleted may be named: what comes back stands
 *          between what shows around it, in order with what the same step brings back.
 * Source   Stewen, Kleppmann, "Undo and redo support for replicated registers", PaPoC 2024, for
 *          whose edits are undone; Weiss, Urso, Molli, "Logoot-Undo", IEEE TPDS 21(8), 2010.
 * Threads  none inside; one store, one thread at a time.
 *
 *      crdt_undo_new(store, CRDT_SOLO, &crdt_text_type, 1000, &undo);
 *      ... a transaction that edits the text ...
 *      crdt_undo_note(undo, false);
 *      crdt_undo_back(undo, now_ms, &delta);   // it is undone; send the delta
 *      crdt_undo_again(undo, now_ms, &delta);  // and done again
 *      crdt_undo_free(undo);
 */
#ifndef CRDT_UNDO_H
#define CRDT_UNDO_H
#include "crdt/text.h"
#ifdef __cplusplus
extern "C" {
#endif

typedef struct crdt_undo crdt_undo;

/* For the text `name` (CRDT_SOLO in a stand-alone store; it need not exist yet; not one that lies
 * in a map), of one of the two types of text, as the store's own replica edits it from now on.
 * Keeps the last steps_max steps. The name is copied, the store borrowed: it must outlive this.
 * Memory is the store's. Errors: ENOMEM, EINVAL (another type, or steps_max 0). */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_undo_new(crdt_store *store, crdt_view name,
                                                const crdt_type *type, size_t steps_max,
                                                crdt_undo **ret_undo);
CRDT_API void                     crdt_undo_free(crdt_undo *undo); /* NULL is fine */

/* What the store's replica wrote to the text since the last call of note, pass, back or again (or
 * new) becomes a step: so one of several transactions is noted once after them. Or (onto) it is put
 * onto the step before, if there is one: as one types on. Nothing can be done again after that. No
 * step if the text was not written to. What an open transaction did is not written yet. Errors:
 * ENOMEM. O(log n). */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_undo_note(crdt_undo *undo, bool onto);
/* ... is not to be undone, as what a program wrote by itself. */
CRDT_API void crdt_undo_pass(crdt_undo *undo);

/* How many steps can be undone, and be done again. */
CRDT_API size_t crdt_undo_count(const crdt_undo *undo);
CRDT_API size_t crdt_redo_count(const crdt_undo *undo);

/* Undo the last step, as a transaction of its own; what was written and not noted stays as it is,
 * and is passed. *ret_delta (ret_delta may be NULL) is that of crdt_store_commit: empty if there
 * was nothing left to do, since others deleted all that the step inserted; then it cannot be done
 * again. Errors: ENOENT (there is no step), ESTALE (what the step deleted is stable and was
 * forgotten; the step is dropped, the text is unchanged). Of all others the text and the step stay:
 * EBUSY, ENOMEM, ELIMIT, ETYPE (the name shows something else now), EFORK. O(log n) for each run
 * that the step inserted or deleted, however long the history is. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_undo_back(crdt_undo *undo, uint64_t now_ms,
                                                 crdt_delta **ret_delta);
/* Do the step that was undone last again. The same. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_undo_again(crdt_undo *undo, uint64_t now_ms,
                                                  crdt_delta **ret_delta);

/* -- In a transaction of the caller's ---------------------------------------------------------- */

/* What crdt_undo_back (or, again, crdt_undo_again) does, in a transaction of the store that the
 * caller has opened, has changed nothing in yet, and ends: an engine's. The undo takes no other
 * call then until crdt_undo_end tells whether it was committed; where it was rolled back, the step
 * is as it was. Errors: those of crdt_undo_back; EINVAL (the transaction has changed something). On
 * an error the transaction can only be rolled back, and there is nothing to end. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_undo_write(crdt_undo *undo, crdt_txn *txn, bool again);
CRDT_API void                     crdt_undo_end(crdt_undo *undo, bool committed);

#ifdef __cplusplus
}
#endif
#endif
