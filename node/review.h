/* review.h: the conflicts of this node as crdt/resolve.h sees them: sets, and acknowledgements,
 * which are kept under a name of their own. */
#ifndef NODE_REVIEW_H
#define NODE_REVIEW_H
#include "crdt/resolve.h"
#include "node/command.h"

#define REVIEW_ACKS "crdt:acks" /* the name */
#define REVIEW_SET_TEXT 33u     /* a set's hash as text, with its NUL */

/* What competes at the path, if anything does. */
typedef struct review {
    bool competes, needs_review;
    char set[REVIEW_SET_TEXT];
} review;

/* Errors: ENOMEM. A path at which nothing can compete has nothing that does. */
crdt_err review_look(const node *n, const crdt_path *path, review *ret_review);

#endif
