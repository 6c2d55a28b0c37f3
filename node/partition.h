/* partition.h: CRDT.PARTITION and CRDT.HEAL: a node that is cut off from peers, to show what a cluster
 * does then. Only with --demo. */
#ifndef NODE_PARTITION_H
#define NODE_PARTITION_H
#include "node/node.h"

void partition_open(node *n);
void partition_close(node *n);
/* NNG's; with --demo one that sends nothing to peers that the node is cut off from. */
gossip_transport partition_transport(node *n);
#endif
