/* expiry.h: deadlines of names, as the store's expiry objects tell them, looked up in a moment.
 *
 * What has expired is hidden at read. It is removed by a write to the name, or by the sweep once
 * every member is known to have passed the deadline (rule R14).
 */
#ifndef NODE_EXPIRY_H
#define NODE_EXPIRY_H
#include "node/node.h"

void expiry_open(node *n); /* from what the store holds */
void expiry_close(node *n);
/* A name of the store's change list. */
void expiry_note(node *n, const crdt_change *change);
/* The deadline of the name, ms since 1970; false: it has none. */
bool expiry_deadline(const node *n, crdt_view name, int64_t *ret_ms);
bool expiry_passed(const node *n, crdt_view name);
/* Names that have a deadline; of these those whose deadline has passed, and that hide so. O(1). */
size_t expiry_count(const node *n);
size_t expiry_passed_count(const node *n);
/* Subscribers are told of what has expired since. */
void expiry_tell(node *n);
/* Remove what has expired everywhere: some names a call. */
void expiry_sweep(node *n);

#endif
