/* blocking.h: clients that wait for a key to show something: BLPOP and its like.
 *
 * A command that finds nothing calls blocking_wait and replies nothing. Whenever one of the keys
 * has changed, by a command here or by what peers have written, and shows something, the command
 * is run again (call.again), for those that wait in the order in which they came: whoever finds
 * something replies, and waits no more. That is an entry of its own.
 *
 * What such a client has sent behind its command is run in the turn's end, as in Redis; so serving
 * one never nests in serving another.
 */
#ifndef NODE_BLOCKING_H
#define NODE_BLOCKING_H
#include "node/command.h"

/* The client waits for one of the keys, until so many milliseconds have passed (0: for ever); then
 * it gets a null array. A client that waits already goes on waiting. This is the one place that
 * puts a client to sleep: where a call must not wait, it gets that reply here. */
void blocking_wait(call *c, const crdt_view *keys, size_t count, uint64_t ms);
/* A name of the store's change list; only those that somebody waits for matter. */
void blocking_note(node *n, const crdt_change *change);
/* Keys that were noted (node.keys_ready) are looked at. */
void blocking_serve(node *n);
/* Clients that have got their reply go on with their next requests. */
void blocking_go_on(node *n);
/* As if its time were over, or (error) with an error. */
void blocking_end(client *c, bool error);
/* The client goes: it waits for nothing any more. */
void blocking_leave(client *c);
void blocking_close(node *n);

#endif
