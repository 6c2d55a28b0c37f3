/* diff.h: CRDT.DIFF: what is different at a peer. One runs at a time; who asked waits for it. */
#ifndef NODE_DIFF_H
#define NODE_DIFF_H
#include "node/node.h"

/* An object that differs. */
void diff_note(node *n, const gossip_action *notice);
/* All are compared: the reply to who asked, if it is still there. */
void diff_end(node *n, uint64_t count, crdt_err err);
void diff_close(node *n);

#endif
