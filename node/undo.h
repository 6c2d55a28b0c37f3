/* undo.h: what clients of this node have written to texts, so that TEXT.UNDO can undo it: for each
 * text, and each name that connections have (CLIENT SETNAME; none is a name, too), the last
 * UNDO_STEPS steps. A command that inserts or deletes is a step, or EXEC with all of its commands.
 *
 * Kept     in memory, of the UNDO_TEXTS pairs of text and name that were written to last; they end
 *          with the process. Where there is no memory for a step, it cannot be undone.
 */
#ifndef NODE_UNDO_H
#define NODE_UNDO_H
#include "node/command.h"

#define UNDO_STEPS 1000u
#define UNDO_TEXTS 1000u
#define UNDO_NAME 255u /* bytes of a connection's name */

/* The call is about to write to the text under its first key, of that type. */
void undo_before(call *c, const crdt_type *type);
/* What it has announced so was committed, or rolled back. */
void undo_after(node *n, bool committed);
void undo_close(node *n);

#endif
