/* seq/seq_revert.h: what some dots did to a text, done backwards: what they inserted and still
 * shows is deleted, what they deleted is inserted again, beside what is left of it.
 *
 * Place    What comes back stands right of its first element, which is dead: left of all that was
 *          inserted behind that, right of all before it, by anyone who did not know of it.
 * Copies   (seq_copies.h) What comes back are new elements. They stand for the old ones: whatever
 *          is done backwards later and names those means these.
 */
#ifndef CRDT_SEQ_SEQ_REVERT_H
#define CRDT_SEQ_SEQ_REVERT_H
#include "crdt/seq/seq_copies.h"

/* Does a row of the sequence have one of the dots? *ret_deleted: how many elements they deleted. */
bool crdt__seq_has_rows(const crdt__seq *seq, crdt_run dots, uint64_t *ret_deleted);
/* Do the dots backwards, as operations of the target's transaction; what they inserted and deleted
 * again themselves stays out. Errors (then roll back, and undo the copies): ESTALE (what they
 * deleted was forgotten), ELIMIT, ENOMEM, EFORK. O((rows + spans) log n). */
crdt_err crdt__seq_revert(crdt_target *target, crdt__copies *copies, const crdt_context *dots);
/* Into *to, those copies that doing the dots backwards would ask for, each as the last one of its
 * row. Errors: ENOMEM. */
crdt_err crdt__seq_copies_for(const crdt__seq *seq, const crdt__copies *copies,
                              const crdt_context *dots, crdt__copies *to);

#endif
