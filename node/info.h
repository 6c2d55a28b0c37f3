/* info.h: what INFO needs to be told. */
#ifndef NODE_INFO_H
#define NODE_INFO_H
#include "node/node.h"

/* Once a second: for what INFO tells per second. */
void        info_sample(node *n);
const char *info_sync_name(gossip_sync sync);

#endif
