/* transport.h: what carries bytes between nodes, as a table. The driver (gossip/driver.h) calls it;
 * the engine does not know it. */
#ifndef GOSSIP_TRANSPORT_H
#define GOSSIP_TRANSPORT_H
#include "crdt/base.h"
#ifdef __cplusplus
extern "C" {
#endif

typedef struct gossip_transport {
    /* Send the bytes (copied or sent at once) to the peer at the address. They may be lost. reply:
     * they answer a request that came from `from`, the transport's own token for where it came
     * from; else they are a request, and a transport that learns of its loss may tell it to
     * gossip_driver_lost by `from`. */
    void (*send)(void *user, crdt_view address, crdt_view bytes, bool reply, uint64_t from);
    void *user;
} gossip_transport;

#ifdef __cplusplus
}
#endif
#endif
