/* cut.h: cutting this node off from peers, for demonstrations and tests (--demo). */
#ifndef NODE_CUT_H
#define NODE_CUT_H
#include "node/node.h"

/* What the driver sends by: NNG, but for those who are cut off. */
gossip_transport cut_transport(node *n);
/* Bytes that came from someone who is cut off. */
bool cut_drops(const node *n, crdt_view bytes);
void cut_close(node *n);

#endif
