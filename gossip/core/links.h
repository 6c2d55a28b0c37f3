/* core/links.h: what the rest of the engine asks of its links. */
#ifndef GOSSIP_CORE_LINKS_H
#define GOSSIP_CORE_LINKS_H
#include "gossip/core/impl.h"

crdt_err    gossip__links_new(gossip_engine *engine); /* sets engine->links. Errors: ENOMEM */
void        gossip__links_free(gossip_engine *engine);
crdt_err    gossip__links_receive(gossip_engine *engine, gossip_time now, uint64_t ms,
                                  gossip_peer peer, const gossip_msg *msg);
crdt_err    gossip__links_tick(gossip_engine *engine, gossip_time now, uint64_t ms);
gossip_time gossip__links_deadline(const gossip_engine *engine);
/* There is more in the log that may be told. */
void gossip__links_news(gossip_engine *engine, gossip_time now);
/* Something has changed for all of them. */
void gossip__wake_all(gossip_engine *engine);
/* NOTIFY (of a comparison), SEND, LINK, UNLINK. */
bool gossip__links_next(gossip_engine *engine, gossip_action *ret_action);
/* The position below which every peer that is linked holds everything, and somebody holds what this
 * node wrote; GOSSIP_NEVER: nobody is linked. */
uint64_t gossip__links_needed(const gossip_engine *engine);
/* True if some other member is known to hold dot seq of this node's own. */
bool gossip__links_hold(const gossip_engine *engine, uint32_t who, uint64_t seq);
void gossip__links_stats(const gossip_engine *engine, gossip_stats *stats);
/* This node has another replica id now: links begin again. */
void gossip__links_reminted(gossip_engine *engine);

#endif
