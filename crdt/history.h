/* history.h: texts and lists as they were: what showed at a context, what changed between two, and
 * who wrote it.
 *
 * Shape    a list of steps, in the order of the text: keep so many units, insert this, delete so
 *          many. Applied to what showed at the first context, it gives what showed at the second.
 * Use      the text at any context that was ever held (a copy of crdt_store_context, or any set of
 *          dots seen); what a join or a delta did, for an editor that keeps the text itself: the
 *          steps from a copy of the context made before it; who wrote what: the steps from nothing.
 * Limits   what was deleted and is stable was forgotten (crdt_store_stabilise): steps that would
 *          need it are refused with ESTALE. What waits (crdt_text_waiting) did not show.
 * Source   Shapiro et al., "Conflict-free replicated data types", SSS 2011, for states at a causal
 *          past; the steps are those of Ellis, Gibbs, "Concurrency control in groupware systems",
 *          SIGMOD 1989.
 * Threads  none inside; one store, one thread at a time.
 *
 *      crdt_steps steps;
 *      crdt_steps_init(&steps, NULL);
 *      crdt_text_diff(text, NULL, NULL, CRDT_CODE_POINTS, true, &steps);
 *      for (size_t i = 0; i < steps.count; i++) {
 *          printf("%llx wrote %.*s\n", (unsigned long long)steps.at[i].author,
 *                 (int)steps.at[i].text.size, (const char *)steps.at[i].text.data);
 *      }
 *      crdt_steps_clear(&steps);
 */
#ifndef CRDT_HISTORY_H
#define CRDT_HISTORY_H
#include "crdt/rga.h"
#include "crdt/text.h"
#ifdef __cplusplus
extern "C" {
#endif

typedef enum crdt_step_kind { CRDT_RETAIN, CRDT_INSERT, CRDT_DELETE } crdt_step_kind;

typedef struct crdt_step {
    crdt_step_kind kind;
    uint64_t       count;  /* units; for lists elements */
    uint64_t       author; /* the replica that wrote what is kept, inserted or deleted */
    uint64_t       by;     /* of DELETE: who deleted it, of several the least id; 0: nobody, the
                              second context does not have its insertion; else 0 */
    crdt_view      text;   /* of INSERT in a text: UTF-8, borrowed from the list of steps */
} crdt_step;

/* A value of its own: the store may change, or go. In place: start with init, end with clear. */
typedef struct crdt_steps {
    const crdt_mem *mem;
    crdt_step      *at;
    size_t          count, cap;
    crdt_buf        text; /* of all that is inserted */
} crdt_steps;

CRDT_API void crdt_steps_init(crdt_steps *steps, const crdt_mem *mem); /* mem NULL: malloc(3) */
CRDT_API void crdt_steps_clear(crdt_steps *steps);                     /* frees; empty, usable */

/* The steps from what showed at one context to what showed at another, in place of those that were
 * in *ret_steps. from: NULL: nothing, so all that shows at `to` is inserted. to: NULL: all that the
 * store has seen; an open transaction's own changes are in no context. authors: steps end where
 * another replica's text begins, and tell whose it is; else author and by are 0, and a step is as
 * long as it can be. What is kept is told to the end: INSERT and RETAIN add up to the new length.
 * All or nothing. Neither context need be closed, nor the earlier one of the two.
 * Errors: EGAP (a context has dots that this store has not seen: it is another store's, or of a
 * later time), ESTALE (of what would be told something was forgotten; units other than code points
 * must be counted, inserted text be read), EINVAL (text is no text, no such unit), ENOMEM.
 * Cost: O(spans + rows log rows), however long they are, and what is inserted. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_text_diff(crdt_ref text, const crdt_context *from,
                                                 const crdt_context *to, crdt_unit unit,
                                                 bool authors, crdt_steps *ret_steps);
/* The same for a list: what is inserted is only counted, since the values that were set before are
 * not kept. Where `to` is NULL the values stand in the list. An element that was moved is deleted
 * where it stood (by: whose move it is) and inserted where it stands; its author is who inserted
 * its value. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_rga_diff(crdt_ref list, const crdt_context *from,
                                                const crdt_context *to, bool authors,
                                                crdt_steps *ret_steps);
/* Append the text that showed at the context (NULL: all that the store has seen), as UTF-8. Errors
 * and cost as crdt_text_diff; on errors out is as it was. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_text_at(crdt_ref text, const crdt_context *at,
                                               crdt_buf *out);

#ifdef __cplusplus
}
#endif
#endif
