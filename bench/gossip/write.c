/* write.c: what a write costs a node that serves a store: a transaction of its own in an engine
 * without peers, under a driver that persists nothing and runs once for a tick of 16 writes.
 *
 * 100,000 names exist and are hit at random; values have 64 bytes. For the instructions of a write:
 *      valgrind --tool=callgrind --toggle-collect=node_like_writes bench-gossip --only ROW
 * and divide by the writes that the row's name is printed with.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/gossip/write.h"
#include "gossip/driver.h"

enum { NAMES = BENCH_SIZE(100000, 1000), WRITES = NAMES, TICK = 16, VALUE = 64, NAME = 16 };

typedef struct node {
    crdt_store    *store;
    gossip_engine *engine;
    gossip_driver *driver;
    gossip_time    now;
    uint64_t       rand, number;
} node;

typedef crdt_err (*writer)(node *n, crdt_txn *txn, crdt_view name);

static void send_nowhere(void *user, crdt_view address, crdt_view bytes, bool reply, uint64_t from)
{
    (void)user, (void)address, (void)bytes, (void)reply, (void)from;
}

static crdt_err set(node *n, crdt_txn *txn, crdt_view name)
{
    char value[VALUE];
    memset(value, 'x', sizeof value);
    memcpy(value, &n->number, sizeof n->number);
    return crdt_cell_set(txn, name, crdt_bytes(value, sizeof value));
}

static crdt_err incr(node *n, crdt_txn *txn, crdt_view name)
{
    (void)n;
    return crdt_cell_incr(txn, name, 1);
}

static crdt_err add(node *n, crdt_txn *txn, crdt_view name)
{
    char value[NAME];
    int  size = snprintf(value, sizeof value, "m%" PRIu64, n->number % 1000000);
    return crdt_orset_add(txn, name, crdt_bytes(value, (size_t)size));
}

static void write_one(node *n, writer write, uint64_t which)
{
    char      text[NAME + 1];
    crdt_txn *txn;
    int       size = snprintf(text, sizeof text, "key:%012" PRIu64, which);
    uint64_t  ms = BENCH_NOW + n->now / 1000;
    bench_must(gossip_engine_write(n->engine, n->now, ms, &txn), "write");
    n->number++;
    bench_must(write(n, txn, crdt_view_of(text, (size_t)size)), "operation");
    bench_must(gossip_engine_commit(n->engine, NULL), "commit");
    if (n->number % TICK != 0) return;
    n->now += 50;
    bench_must(gossip_driver_run(n->driver, n->now, ms), "run");
}

/* A function of its own, for tools that count what is called by name. */
void node_like_writes(node *n, writer write, unsigned writes);

__attribute__((noinline)) void node_like_writes(node *n, writer write, unsigned writes)
{
    for (unsigned i = 0; i < writes; i++) write_one(n, write, bench_rand(&n->rand) % NAMES);
}

static node node_new(uint64_t seed, writer write)
{
    node             n = {.now = 1000, .rand = seed};
    gossip_config    config = gossip_config_default();
    gossip_transport transport = {send_nowhere, NULL};
    crdt_options     o = crdt_options_default(0x1234567, crdt_types_builtin());
    config.cluster = config.node = config.boot = 1;
    config.log_bytes = 8 << 20;
    bench_must(crdt_store_new(&o, &n.store), "store");
    bench_must(gossip_engine_new(&config, n.store, NULL, &n.engine), "engine");
    bench_must(gossip_driver_new(n.engine, &transport, NULL, NULL, &n.driver), "driver");
    for (uint64_t i = 0; i < NAMES; i++) write_one(&n, write, i);
    return n;
}

static void row(bench *b, const char *name, writer write)
{
    bench_samples rate = {{0}, 0};
    if (!bench_wants(b, name)) return;
    node n = node_new(b->seed, write);
    for (double seconds = 0; bench_more(&rate, seconds);) {
        double start = bench_seconds();
        node_like_writes(&n, write, WRITES);
        seconds = bench_seconds() - start;
        bench_sample(&rate, WRITES / seconds);
    }
    bench_row(b, name, WRITES, &rate, "writes/s");
    gossip_driver_free(n.driver);
    gossip_engine_free(n.engine);
    crdt_store_free(n.store);
}

void bench_writes(bench *b)
{
    row(b, "gossip/node-like-write/set", set);
    row(b, "gossip/node-like-write/incr", incr);
    row(b, "gossip/node-like-write/sadd", add);
}
