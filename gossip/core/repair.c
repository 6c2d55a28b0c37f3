#include "gossip/core/peers.h"
crdt_err gossip__repair_in(gossip_engine *engine, gossip__peer *peer, const gossip_msg *msg)
{
    (void)engine;
    (void)peer;
    (void)msg;
    return CRDT_OK;
}
crdt_err gossip__digests_in(gossip_engine *engine, gossip__peer *peer, const gossip_msg *msg)
{
    (void)engine;
    (void)peer;
    (void)msg;
    return CRDT_OK;
}
crdt_err gossip__object_in(gossip_engine *engine, gossip__peer *peer, const gossip_msg *msg)
{
    (void)engine;
    (void)peer;
    (void)msg;
    return CRDT_OK;
}
crdt_err gossip__repair_reply(gossip_engine *engine, gossip__peer *peer, const gossip__reply *reply)
{
    (void)engine;
    (void)peer;
    (void)reply;
    return CRDT_OK;
}
crdt_err gossip__repair_build(gossip_engine *engine, gossip__peer *peer, bool *ret_built)
{
    (void)engine;
    (void)peer;
    (void)ret_built;
    return CRDT_OK;
}
void gossip__repair_begin(gossip_engine *engine, gossip__peer *peer)
{
    (void)engine;
    (void)peer;
}
void gossip__repair_stop(gossip_engine *engine)
{
    (void)engine;
}
