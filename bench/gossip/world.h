/* world.h: engines wired to each other in virtual time, without faults, for what they cost. */
#ifndef BENCH_GOSSIP_WORLD_H
#define BENCH_GOSSIP_WORLD_H
#include "bench/bench.h"
#include "gossip/engine.h"

typedef struct world world;

typedef struct world_totals {
    uint64_t messages, bytes, entries;
    uint64_t updates, hops; /* the most hops of each update, summed */
    uint64_t arrivals;      /* of an update at a node */
} world_totals;

/* Each node knows `known` others at random (all, if there are no more). */
world *world_new(uint32_t nodes, uint32_t known, uint64_t seed);
void   world_free(world *w);
/* `count` transactions at a node, each adds an element of `size` bytes to a set. */
void world_write(world *w, uint32_t at, uint32_t count, uint32_t size);
void world_meet(world *w, uint32_t from, uint32_t to);
void world_run(world *w, gossip_time us);
void world_lose(world *w, uint32_t percent); /* of the messages from now on */
/* Until node b holds as many dots as node a. */
void         world_catch_up(world *w, uint32_t a, uint32_t b);
gossip_stats world_stats(const world *w, uint32_t at);
world_totals world_take_totals(world *w); /* and begin again */
bool         world_equal(const world *w);

#endif
