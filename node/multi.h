/* multi.h: MULTI and EXEC: commands that are queued, and then run as one transaction: one entry, of
 * which other nodes see all or nothing.
 *
 * A command that fails has no effect, and the others keep theirs, as in Redis. But what cannot be
 * kept (no memory, no disk, a limit that a command meets half way) takes back all: EXECABORT.
 */
#ifndef NODE_MULTI_H
#define NODE_MULTI_H
#include "node/command.h"

static inline bool multi_on(const client *c)
{
    return c->multi != NULL;
}
/* Reply QUEUED, and keep the command until EXEC. */
void multi_queue(call *c);
/* A command was not even queued: so EXEC does nothing. */
void multi_rejected(call *c);
/* Nothing is queued any more. */
void multi_end(client *c);
/* For CLIENT LIST: how many are queued (-1: no MULTI), their bytes; EXEC will do nothing. */
int64_t multi_count(const client *c);
size_t  multi_bytes(const client *c);
bool    multi_spoiled(const client *c);

#endif
