/* network.h: links with delays and faults. From each node to each other there is one each way. */
#ifndef SIM_NETWORK_H
#define SIM_NETWORK_H
#include "crdt/base.h"
#include "sim/queue.h"

struct world;
struct node;

typedef struct network_link {
    uint64_t clogged_until;
    uint64_t messages, bytes;
    uint64_t greetings; /* bytes of HELLO and WELCOME, of these */
} network_link;

#define NETWORK_TAPE 64

/* Counts how often marked payloads pass each link: see network_watch. */
typedef struct network_tap {
    uint16_t *copies; /* [payload][link], link = from * nodes + to */
    size_t    payloads, links;
} network_tap;

typedef struct network {
    network_link *links; /* [from * nodes + to]; NULL: too many nodes */
    size_t        nodes;
    message      *tape[NETWORK_TAPE]; /* what passed lately, for replays */
    size_t        tape_count;
    network_tap   tap;
} network;

/* A marked payload: these 8 bytes, then its number in 4, little endian. */
#define NETWORK_MARK "\x9e\xd1\xa7MARK\xe3"

void network_reset(network *net, size_t nodes);
void network_free(network *net);
/* A node hands over bytes. reply: to a request from `from`. */
void network_send(struct world *w, struct node *n, crdt_view address, crdt_view bytes, bool reply,
                  uint64_t from);
/* Hand bytes to a node as if they came from `from`, after a delay. */
void          network_put(struct world *w, uint32_t from, uint32_t to, crdt_view bytes, bool reply,
                          uint64_t delay);
network_link *network_at(const network *net, uint32_t from, uint32_t to); /* NULL: too many nodes */
/* Count copies of so many marked payloads on each link from now on. */
void     network_watch(network *net, size_t payloads);
uint32_t network_copies(const network *net, size_t payload, uint32_t from, uint32_t to);

#endif
