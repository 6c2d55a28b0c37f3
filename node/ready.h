/* ready.h: clients that wait until what a token tells of is seen here: CRDT.READY. */
#ifndef NODE_READY_H
#define NODE_READY_H
#include "node/client.h"
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

#endif
