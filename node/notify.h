/* notify.h: subscribers are told what happens to keys (notify-keyspace-events): by commands, once
 * what they wrote is committed; by deadlines that pass; and by what peers wrote, once it is merged.
 * Of that the event is "merge", of the class of what shows then, or "del" if the key is gone. */
#ifndef NODE_NOTIFY_H
#define NODE_NOTIFY_H
#include "node/command.h"
#include "node/events.h"

/* Anything to tell at all? */
static inline bool notify_on(const node *n)
{
    return n->config.events != 0;
}
/* It has happened to the key, if the call succeeds. Costs next to nothing if nobody is told. */
void notify(call *c, unsigned flag, const char *event, crdt_view key);
/* A message, to be published if the call, and the EXEC that it is of, succeeds. */
void notify_publish(call *c, crdt_view channel, crdt_view message);
/* The same as notify, outside of any call. */
void notify_now(node *n, unsigned flag, const char *event, crdt_view key);
/* A name of the store's change list. */
void notify_change(node *n, const crdt_change *change);
/* What waits to be told from that place on is told, or never happened. */
static inline size_t notify_mark(const node *n)
{
    return n->happened.size;
}
void               notify_tell(node *n, size_t mark, bool good);
static inline void notify_end(node *n, size_t mark, bool good)
{
    if (n->happened.size > mark) notify_tell(n, mark, good);
}

#endif
