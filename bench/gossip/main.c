/* main.c: what the replication engine costs: `make bench-gossip`.
 *
 *      gossip [--only PART] [--json] [--seed N]
 *
 * Every message passes through the wire codec. Times are processor time of all nodes together;
 * bytes are those of messages, without what a transport adds.
 */
#include <inttypes.h>
#include <stdio.h>

#include "bench/gossip/start.h"
#include "bench/gossip/world.h"
#include "bench/gossip/write.h"

enum { ENTRIES = BENCH_SIZE(200000, 2000), MANY = BENCH_SIZE(1000, 120), ELEMENT = 16, KNOWN = 20 };
enum { UPDATES = BENCH_SIZE(200, 20), MEASURED = UPDATES / 2, LOSSY = BENCH_SIZE(20, 5) };

static void catch_up(bench *b)
{
    bench_samples rate = {{0}, 0}, bytes = {{0}, 0};
    if (!bench_wants(b, "gossip/catch-up")) return;
    for (double seconds = 0; bench_more(&rate, seconds);) {
        world *w = world_new(2, 0, b->seed);
        world_write(w, 0, ENTRIES, ELEMENT);
        world_take_totals(w);
        world_meet(w, 1, 0);
        double start = bench_seconds();
        world_catch_up(w, 0, 1);
        seconds = bench_seconds() - start;
        bench_sample(&rate, ENTRIES / seconds);
        bench_sample(&bytes, (double)world_take_totals(w).bytes / ENTRIES);
        world_free(w);
    }
    bench_row(b, "gossip/catch-up", ENTRIES, &rate, "entries/s");
    bench_row(b, "gossip/catch-up-bytes", ENTRIES, &bytes, "B/entry");
}

static void figure(bench *b, const char *name, const char *what, uint32_t nodes, double value,
                   const char *unit)
{
    char whole[64];
    (void)snprintf(whole, sizeof whole, "%s/%s", name, what);
    bench_figure(b, whole, nodes, value, unit);
}

static world *linked_world(const bench *b, uint32_t nodes)
{
    world *w = world_new(nodes, nodes > 100 ? KNOWN : nodes, b->seed);
    world_run(w, 20000000);
    return w;
}

/* Updates, one after the other, at random nodes or all at one; the later half is measured. Hops
 * are those to the farthest node, the mean of all updates. */
static void spread(bench *b, const char *kind, uint32_t nodes, bool one)
{
    char name[48];
    (void)snprintf(name, sizeof name, "gossip/%s/%" PRIu32, kind, nodes);
    if (!bench_wants(b, name)) return;
    bench_say("%s ...", name);
    world   *w = linked_world(b, nodes);
    double   start = 0;
    uint64_t random = b->seed;
    for (uint32_t i = 0; i < UPDATES; i++) {
        if (i == UPDATES - MEASURED) {
            (void)world_take_totals(w);
            start = bench_seconds();
        }
        world_write(w, one ? 0 : (uint32_t)(bench_rand(&random) % nodes), 1, ELEMENT);
        world_run(w, 200000);
    }
    double       seconds = bench_seconds() - start;
    world_totals t = world_take_totals(w);
    double       arrivals = (double)MEASURED * (nodes - 1);
    world_run(w, 20000000);
    if (!world_equal(w)) bench_die("the nodes are not equal", CRDT_EGAP);
    figure(b, name, "bytes", nodes, (double)t.bytes / MEASURED / nodes, "B/node");
    figure(b, name, "copies", nodes, (double)t.entries / arrivals, "copies/node");
    figure(b, name, "hops", nodes, (double)t.hops / (double)t.updates, "hops");
    figure(b, name, "cpu", nodes, seconds / arrivals * 1e6, "us/entry");
    figure(b, name, "memory", nodes, (double)world_stats(w, 0).memory, "B/engine");
    world_free(w);
}

/* Of a hundred messages `percent` are lost, until all have everything. */
static void lossy(bench *b, uint32_t nodes, uint32_t percent)
{
    char name[48];
    (void)snprintf(name, sizeof name, "gossip/loss-%" PRIu32 "/%" PRIu32, percent, nodes);
    if (!bench_wants(b, name)) return;
    bench_say("%s ...", name);
    world   *w = linked_world(b, nodes);
    uint64_t random = b->seed;
    (void)world_take_totals(w);
    world_lose(w, percent);
    for (uint32_t i = 0; i < LOSSY; i++) {
        world_write(w, (uint32_t)(bench_rand(&random) % nodes), 1, ELEMENT);
        world_run(w, 200000);
    }
    uint32_t waited = 0;
    for (; waited < 120 && !world_equal(w); waited++) world_run(w, 1000000);
    world_totals t = world_take_totals(w);
    double       arrivals = (double)LOSSY * (nodes - 1);
    figure(b, name, "delivered", nodes, (double)t.arrivals / arrivals, "of 1");
    figure(b, name, "copies", nodes, (double)t.entries / arrivals, "copies/node");
    figure(b, name, "seconds", nodes, waited, "s");
    world_free(w);
}

int main(int argc, char **argv)
{
    bench b;
    if (!bench_options(&b, argc, argv)) {
        fprintf(stderr, "usage: %s [--only PART] [--json] [--seed N]\n", argv[0]);
        return 2;
    }
    bench_head(&b);
    bench_writes(&b);
    catch_up(&b);
    bench_start(&b);
    spread(&b, "spread", 8, false);
    spread(&b, "spread", 32, false);
    spread(&b, "spread", 100, false);
    spread(&b, "spread", MANY, false);
    spread(&b, "one-writer", MANY, true);
    lossy(&b, MANY, 30);
    bench_foot(&b);
    return b.rows == 0;
}
