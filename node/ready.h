/* ready.h: clients that wait until what a token tells of is seen here: CRDT.READY. */
#ifndef NODE_READY_H
#define NODE_READY_H
#include "node/command.h"
#include "node/token.h"

/* What a client waits for. */
typedef struct ready_wait {
    crdt_context wanted;
    uint32_t     at; /* all runs before this one are seen */
} ready_wait;

/* All of it is seen here. Each run is looked at until it is, and not again. */
bool ready_seen(client *c);
/* The client waits for it no more. */
void ready_leave(client *c);
/* Reply the token of a context that this node has seen. An error is replied if there is no memory.
 */
void ready_tell(call *c, const crdt_context *seen);
/* What a token tells, into an empty context. False: an error was replied. */
bool ready_read(call *c, crdt_view token, crdt_context *ret_seen);

#endif
