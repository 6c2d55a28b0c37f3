/* peers.h: the nodes that this one gossips with, as commands and the log show them. */
#ifndef NODE_PEERS_H
#define NODE_PEERS_H
#include "node/node.h"

/* Those of the configuration are added to the engine. False: ret_problem says why. */
bool peers_open(node *n, char ret_problem[512]);
/* What the engine has to tell goes to the log, and is counted; differences go to who asked. */
void peers_take_notices(node *n);

#endif
