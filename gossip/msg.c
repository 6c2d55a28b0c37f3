/* msg.c: what both sides of a link compute alike. See msg.h. */
#include "gossip/msg.h"

uint32_t gossip_link_of(uint64_t sender, uint64_t receiver)
{
    uint64_t boots[2] = {sender, receiver};
    uint8_t  bytes[16];
    for (unsigned i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)(boots[i / 8] >> i % 8 * 8);
    uint32_t link = (uint32_t)crdt_digest_of(bytes, sizeof bytes).lo;
    return link == 0 ? 1 : link;
}
