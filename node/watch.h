/* watch.h: keys that clients watch (WATCH): whatever changes one of them, a command here or what
 * peers have written, the next EXEC of its client does nothing. */
#ifndef NODE_WATCH_H
#define NODE_WATCH_H
#include "node/command.h"

/* A name of the store's change list. */
void watch_note(node *n, const crdt_change *change);
/* The key counts as changed: a command that Redis has change it found nothing to write. */
void watch_touch(node *n, crdt_view name);
/* A watched key has changed, or expired since. */
bool watch_changed(client *c);
/* It watches nothing any more. */
void watch_end(client *c);

#endif
