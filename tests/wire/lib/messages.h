/* messages.h: messages, entries and snapshots at random, and whether two are the same. */
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
    uint32_t  entries_max, body_max; /* of a message; of a body, above GOSSIP_BODY_MIN */
} world;
world world_of(uint64_t seed, pool *p, uint32_t ids_count);

/* Below bound; of a random length of at most `bits` bits; so many random bytes. */
uint32_t  world_below(world *w, uint32_t bound);
uint64_t  world_number(world *w, unsigned bits);
crdt_view world_bytes(world *w, size_t size);
/* Some of the ids, ascending: at least `least`, at most `most`. */
uint64_t *world_some_ids(world *w, uint32_t least, uint32_t most, uint32_t *ret_count);

gossip_entry world_entry(world *w);
/* Entries of so many authors, each author's contiguous, in any order between them. */
void world_entries(world *w, gossip_msg *msg, uint32_t count, uint32_t authors);
/* The vector says, besides what it says of others, what the entries of each author end with. */
void world_tell(pool *p, gossip_msg *msg);
/* A message of this kind (0: of any), with all that this kind may have. */
gossip_msg world_message(world *w, gossip_msg_kind kind);
/* Floors for so many replicas. */
gossip_floor *world_floors(world *w, uint32_t count);

/* NULL: the same. Else what differs. */
const char *entry_differs(const gossip_entry *a, const gossip_entry *b);
const char *message_differs(const gossip_msg *a, const gossip_msg *b);
const char *floors_differ(const gossip_floor *a, const gossip_floor *b, uint32_t count);

/* Put the right checksum before the bytes of a frame, after those of a snapshot. */
void frame_repair(uint8_t *frame, size_t size);
void snapshot_repair(uint8_t *snapshot, size_t size);

#endif
