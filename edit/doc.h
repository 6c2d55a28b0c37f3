/* doc.h: a text of a node, as one editor has it: what the node told, with what was typed here and
 * the node is not known to have.
 *
 *      what the node told -- flight: being sent --> -- pending: not sent --> what is shown
 *
 * The node is never waited for: typing goes into pending. What it tells comes by doc_merge.
 */
#ifndef EDIT_DOC_H
#define EDIT_DOC_H
#include "edit/text.h"

/* What became of what was being sent. */
typedef enum doc_flight { DOC_NONE, DOC_UNKNOWN, DOC_TAKEN, DOC_REFUSED } doc_flight;

/* Zeros: empty, and so is the node's. */
typedef struct doc {
    text       shown;
    delta      flight, pending;
    doc_flight state; /* of flight */
    size_t     told;  /* size of what the node told */
} doc;

void doc_clear(doc *d);
/* Something is typed: it is shown, and pending. */
void doc_edit(doc *d, const delta *change);
/* Is there something to send? Not while something is in flight. */
bool doc_wants_send(const doc *d);
/* Bytes that the node is not known to have. */
size_t doc_unsent(const doc *d);
/* From pending into flight, as far as that inserts so many bytes at most. */
void doc_send(doc *d, size_t bytes);
/* Can this be what the node tells? Else it has not changed the text that it told before. */
bool doc_fits(const doc *d, const delta *told);
/* The node tells what has changed since it told last: with what was in flight, if that was taken,
 * and without it, if it was refused: then it is pending again. Not while that is unknown. What
 * changes in what is shown goes into *ret_seen, which is empty before. */
void doc_merge(doc *d, const delta *told, delta *ret_seen);
/* The same where the node does not know what it has told: this is what there is. What is pending
 * stays, about where it was. */
void doc_replace(doc *d, const char *bytes, size_t size, delta *ret_seen);

#endif
