/* messages.h: messages at random, and whether two are the same. */
#ifndef TESTS_WIRE_LIB_MESSAGES_H
#define TESTS_WIRE_LIB_MESSAGES_H
#include "gossip/snapshot.h"
#include "gossip/wire.h"

/* What is made stands in a pool, and goes with it. */
typedef struct pool {
    struct pool_block *blocks;
} pool;
void *pool_take(pool *p, size_t size); /* zeroed */
void  pool_clear(pool *p);

/* What random messages are made of. */
typedef struct world {
    uint64_t  random;
    pool     *pool;
    uint64_t *ids; /* of replicas, ascending */
    uint32_t  ids_count;
    uint32_t  entries_max, body_max; /* of a message; of a body: bytes above GOSSIP_BODY_MIN */
} world;
world world_of(uint64_t seed, pool *p, uint32_t ids_count);

/* Some of the ids, ascending, and how many. At least `least`. */
uint64_t *world_some_ids(world *w, uint32_t least, uint32_t most, uint32_t *ret_count);
crdt_view world_bytes(world *w, size_t size);
/* A number of a length in bits that is itself random: at most `most` of them. */
uint64_t world_number(world *w, unsigned most);

gossip_entry world_entry(world *w);
void         world_entries(world *w, gossip_msg *msg, uint32_t count, uint32_t authors);
/* A message of this kind, or of any (0). */
gossip_msg      world_message(world *w, gossip_msg_kind kind);
gossip_snapshot world_snapshot(world *w, uint32_t replicas);

/* NULL: the same. Else what differs. */
const char *entry_differs(const gossip_entry *a, const gossip_entry *b);
const char *message_differs(const gossip_msg *a, const gossip_msg *b);
const char *snapshot_differs(const gossip_snapshot *a, const gossip_snapshot *b);

/* Put the right checksum before the bytes of a frame. */
void frame_repair(uint8_t *frame, size_t size);

#endif
