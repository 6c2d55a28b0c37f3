/* main.c: what the replication engine costs: `make bench-gossip`.
 *
 *      gossip [--only PART] [--json] [--seed N]
 *
 * Every message passes through the wire codec. Times are processor time of all nodes together;
 * bytes are those of messages, without what a transport adds.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/gossip/world.h"

enum { ENTRIES = 200000, ELEMENT = 16, UPDATES = 200, MEASURED = 100 };

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

/* Updates at random nodes, one after the other; the later half is measured. */
static void spread(bench *b, uint32_t nodes)
{
    char name[64];
    (void)snprintf(name, sizeof name, "gossip/spread/%" PRIu32, nodes);
    if (!bench_wants(b, name)) return;
    bench_say("%s ...", name);
    world *w = world_new(nodes, nodes > 100 ? 20 : nodes, b->seed);
    world_run(w, 20000000);
    double   start = 0;
    uint64_t random = b->seed;
    for (uint32_t i = 0; i < UPDATES; i++) {
        if (i == UPDATES - MEASURED) {
            (void)world_take_totals(w);
            start = bench_seconds();
        }
        world_write(w, (uint32_t)(bench_rand(&random) % nodes), 1, ELEMENT);
        world_run(w, 200000);
    }
    double       seconds = bench_seconds() - start;
    world_totals t = world_take_totals(w);
    double       arrivals = (double)MEASURED * (nodes - 1);
    world_run(w, 20000000);
    if (!world_equal(w)) bench_die("the nodes are not equal", CRDT_EGAP);
    (void)snprintf(name, sizeof name, "gossip/spread-bytes/%" PRIu32, nodes);
    bench_figure(b, name, nodes, (double)t.bytes / MEASURED / nodes, "B/node");
    (void)snprintf(name, sizeof name, "gossip/spread-copies/%" PRIu32, nodes);
    bench_figure(b, name, nodes, (double)t.entries / arrivals, "copies/node");
    (void)snprintf(name, sizeof name, "gossip/spread-hops/%" PRIu32, nodes);
    bench_figure(b, name, nodes, (double)t.hops / (double)t.updates, "hops");
    (void)snprintf(name, sizeof name, "gossip/spread-cpu/%" PRIu32, nodes);
    bench_figure(b, name, nodes, seconds / arrivals * 1e6, "us/entry");
    (void)snprintf(name, sizeof name, "gossip/spread-memory/%" PRIu32, nodes);
    bench_figure(b, name, nodes, (double)world_stats(w, 0).memory, "B/engine");
    world_free(w);
}

static bool parse(bench *b, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        char *end = NULL;
        if (strcmp(argv[i], "--json") == 0) {
            b->json = true;
        } else if (strcmp(argv[i], "--only") == 0 && i + 1 < argc) {
            b->only = argv[++i];
        } else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc) {
            b->seed = strtoull(argv[++i], &end, 0);
            if (*end != 0) return false;
        } else {
            return false;
        }
    }
    return true;
}

int main(int argc, char **argv)
{
    bench b;
    memset(&b, 0, sizeof b);
    b.seed = 1;
    if (!parse(&b, argc, argv)) {
        fprintf(stderr, "usage: %s [--only PART] [--json] [--seed N]\n", argv[0]);
        return 2;
    }
    bench_head(&b);
    catch_up(&b);
    spread(&b, 8);
    spread(&b, 32);
    spread(&b, 100);
    spread(&b, 1000);
    bench_foot(&b);
    return b.rows == 0;
}
