/* core/ids.c: replica ids as small numbers in order of their first appearance, and vectors. */
#include <string.h>

#include "gossip/core/impl.h"

#define IDS_MAX (1u << 20)

static uint64_t mixed(uint64_t n)
{
    n ^= n >> 32;
    n *= UINT64_C(0x9e3779b97f4a7c15);
    return n ^ n >> 29;
}

/* SplitMix64 (Steele et al., "Fast splittable pseudorandom number generators", 2014). */
uint64_t gossip__random(gossip_engine *engine)
{
    uint64_t n = engine->random += UINT64_C(0x9e3779b97f4a7c15);
    n = (n ^ n >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    n = (n ^ n >> 27) * UINT64_C(0x94d049bb133111eb);
    return n ^ n >> 31;
}

/* Where the id is, or would be put. There is a free place. */
static uint32_t *place(const gossip_engine *engine, uint64_t id)
{
    uint32_t mask = engine->ids_cap - 1;
    for (uint32_t at = (uint32_t)mixed(id) & mask;; at = (at + 1) & mask) {
        uint32_t *slot = &engine->ids[at];
        if (*slot == 0 || engine->replicas[*slot - 1].id == id) return slot;
    }
}

uint32_t gossip__find(const gossip_engine *engine, uint64_t id)
{
    if (engine->ids_cap == 0) return GOSSIP__NOBODY;
    uint32_t slot = *place(engine, id);
    return slot == 0 ? GOSSIP__NOBODY : slot - 1;
}

static crdt_err widen(gossip_engine *engine)
{
    uint32_t  cap = engine->ids_cap == 0 ? 16 : engine->ids_cap * 2;
    uint32_t *ids = gossip__alloc(engine, cap * sizeof *ids);
    if (ids == NULL) return CRDT_ENOMEM;
    memset(ids, 0, cap * sizeof *ids);
    gossip__release(engine, engine->ids, engine->ids_cap * sizeof *ids);
    engine->ids = ids;
    engine->ids_cap = cap;
    for (uint32_t who = 0; who < engine->replicas_count; who++) {
        *place(engine, engine->replicas[who].id) = who + 1;
    }
    return CRDT_OK;
}

/* Room for one more replica, and for it on the list of those that moved. */
static crdt_err reserve(gossip_engine *engine)
{
    uint32_t cap = engine->replicas_cap;
    if (engine->replicas_count < cap) return CRDT_OK;
    uint32_t         more = cap == 0 ? 8 : cap * 2;
    gossip__replica *r =
        gossip__resize(engine, engine->replicas, cap * sizeof *r, more * sizeof *r);
    if (r == NULL) return CRDT_ENOMEM;
    engine->replicas = r;
    engine->replicas_cap = more;
    return CRDT_OK;
}

static crdt_err reserve_moved(gossip_engine *engine)
{
    uint32_t cap = engine->moved_cap;
    if (engine->replicas_count < cap) return CRDT_OK;
    uint32_t  more = cap == 0 ? 8 : cap * 2;
    uint32_t *m = gossip__resize(engine, engine->moved, cap * sizeof *m, more * sizeof *m);
    if (m == NULL) return CRDT_ENOMEM;
    engine->moved = m;
    engine->moved_cap = more;
    return CRDT_OK;
}

crdt_err gossip__intern(gossip_engine *engine, uint64_t id, uint32_t *ret_who)
{
    *ret_who = gossip__find(engine, id);
    if (*ret_who != GOSSIP__NOBODY) return CRDT_OK;
    if (engine->replicas_count >= IDS_MAX) return CRDT_ELIMIT;
    crdt_err err = reserve(engine);
    if (err == CRDT_OK) err = reserve_moved(engine);
    if (err == CRDT_OK && (engine->replicas_count + 1) * 2 > engine->ids_cap) err = widen(engine);
    if (err != CRDT_OK) return err;
    uint32_t         who = engine->replicas_count++;
    gossip__replica *replica = &engine->replicas[who];
    memset(replica, 0, sizeof *replica);
    replica->id = id;
    *place(engine, id) = who + 1;
    *ret_who = who;
    return CRDT_OK;
}

crdt_err gossip__vec_raise(gossip_engine *engine, gossip__vec *vec, uint32_t who, uint64_t seq)
{
    if (who >= vec->count) {
        uint32_t count = vec->count * 2;
        if (count <= who) count = who + 1;
        uint64_t *grown =
            gossip__resize(engine, vec->seq, vec->count * sizeof *grown, count * sizeof *grown);
        if (grown == NULL) return CRDT_ENOMEM;
        memset(grown + vec->count, 0, (count - vec->count) * sizeof *grown);
        vec->seq = grown;
        vec->count = count;
    }
    if (vec->seq[who] < seq) vec->seq[who] = seq;
    return CRDT_OK;
}

void gossip__vec_clear(gossip_engine *engine, gossip__vec *vec)
{
    gossip__release(engine, vec->seq, vec->count * sizeof *vec->seq);
    vec->seq = NULL;
    vec->count = 0;
}
