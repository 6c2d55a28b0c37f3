/* peers.h: the nodes that this one gossips with, as commands and the log show them. */
#ifndef NODE_PEERS_H
#define NODE_PEERS_H
#include "node/node.h"

/* Those of the configuration are added to the engine. False: ret_problem says why. */
bool peers_open(node *n, char ret_problem[512]);
/* What the engine has to tell goes to the log, and is counted; differences go to who asked. */
void peers_take_notices(node *n);
/* What the transport has to tell, about once a second. */
void peers_take_transport(node *n);

/* The peer of that address, or of that node id in hexadecimal. False: there is none. */
bool peers_find(const node *n, crdt_view word, gossip_peer_info *ret_info);
/* Where replica writes: "here", the address of its node, or "elsewhere" (an earlier incarnation, or
 * a node never met). Borrowed until the next call on the engine. */
crdt_view peers_author(const node *n, uint64_t replica);
/* "linked"; "quarantined"; "indirect": the topology wants no link with it; "lost": it was met and
 * does not answer; "known": others told of it; "unmet". */
const char *peers_state(const gossip_peer_info *info);
/* How long ago something was heard of it, ms; -1: never. */
int64_t peers_heard_ms(const node *n, const gossip_peer_info *info);
/* How old the oldest entry is that it is not known to have, ms; 0: it has all. */
uint64_t peers_lag_ms(const node *n, const gossip_peer_info *info);

#endif
