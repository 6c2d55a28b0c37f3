/* seq/seq_history.h: a sequence as it was: what showed at two contexts, in order.
 *
 * An element shows at a context that has the dot which inserted it and none of those that deleted
 * it. The log tells both by author and counter; so runs of elements are cut there to stretches that
 * stand alike at both contexts, and then found by cid along the order. Nothing is decided element
 * by element, but where moved ones stood: at the latest of those stands (seq_stand.h) whose moves
 * the context has. There their runs are; who stands elsewhere at the second context shows at the
 * first there, and at the second here.
 */
#ifndef CRDT_SEQ_SEQ_HISTORY_H
#define CRDT_SEQ_SEQ_HISTORY_H
#include "crdt/seq/seq.h"

enum { CRDT__SHOWS_FROM = 1, CRDT__SHOWS_TO = 2 };

/* Elements cid .. cid + len - 1, side by side, that show at one of the contexts or at both. */
typedef struct crdt__past_run {
    uint32_t cid, len;
    uint32_t by; /* shown only at the first: an author who deleted or moved it; or NO_AUTHOR */
    uint32_t shows;
} crdt__past_run;

typedef struct crdt__past {
    const crdt__seq *seq;
    crdt__past_run  *runs; /* ascending by cid */
    size_t           count, cap;
    /* Where the walk is: in a span, and at what was found last. */
    const crdt__leaf *leaf;
    uint32_t          index, offset;
    size_t            near;
} crdt__past;

/* Both contexts must be within what the sequence's store has seen. The sequence must be settled,
 * and nothing may change until clear. Errors: ENOMEM, ESTALE (ids that may have shown at one of
 * them are forgotten). O(rows log rows); memory: a few words for each stretch of a row that stands
 * alike. */
crdt_err crdt__past_init(crdt__past *past, const crdt__seq *seq, const crdt_context *from,
                         const crdt_context *to);
void     crdt__past_clear(crdt__past *past);
/* The next run in the order; false at the end. O(log rows). */
bool crdt__past_next(crdt__past *past, crdt__past_run *ret_run);

#endif
