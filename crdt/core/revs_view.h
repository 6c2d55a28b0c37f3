/* core/revs_view.h: a graph of revisions and what a transaction adds to it, read as one.
 *
 * What is held, or an ancestor of that, is not written again, but for traces (core/revs.h).
 */
#ifndef CRDT_CORE_REVS_VIEW_H
#define CRDT_CORE_REVS_VIEW_H
#include "crdt/core/revs.h"

typedef struct crdt__revs_view {
    const crdt__revs *part[2]; /* what was there, and what is added; neither is NULL */
} crdt__revs_view;

/* The revision, if it is held, and by which part (what was added, if both do). */
const crdt__rev *crdt__revs_held(const crdt__revs_view *v, const crdt__rev_id *id,
                                 unsigned *ret_part);
/* It is held, or named by what is. */
bool crdt__revs_is_known(const crdt__revs_view *v, const crdt__rev_id *id);
bool crdt__revs_is_leaf(const crdt__revs_view *v, unsigned part, const crdt__rev *rev);
/* A leaf, and no trace of an ancestor. */
bool crdt__revs_is_shown_leaf(const crdt__revs_view *v, unsigned part,
                              const crdt__rev_content *content);
/* An unknown content beside a known one says nothing. */
bool crdt__revs_says_something(const crdt__rev_content *content);
/* Steps down through the contents of both parts, from places one beyond the first. False: the
 * end. */
bool crdt__revs_step_down(const crdt__revs_view *v, uint32_t at[2], unsigned *ret_part);
/* Is there nothing to write: it is held, and no trace, or it is an ancestor of what is held? That
 * one has been superseded, also if it was collected. */
bool crdt__revs_is_written(const crdt__revs_view *v, const crdt__rev_id *id);

#endif
