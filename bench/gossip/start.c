/* start.c: see start.h. A million keys of 100-byte values, on real files in a directory of their
 * own. Times are processor time: the page cache is warm. */
#define _GNU_SOURCE /* mkdtemp */
#include "bench/gossip/start.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gossip/gossip.h"

enum { KEYS = BENCH_SIZE(1000000, 20000), VALUE = 100, BATCH = 1000 };

typedef struct node {
    gossip_files   files;
    gossip_disk   *disk;
    crdt_store    *store;
    gossip_engine *engine;
    gossip_driver *driver;
    gossip_time    now;
} node;

static void send_nothing(void *user, crdt_view address, crdt_view bytes, bool reply, uint64_t from)
{
    (void)user, (void)address, (void)bytes, (void)reply, (void)from;
}

static void read_back(node *n)
{
    crdt_buf    bytes;
    gossip_deps deps = {0};
    uint64_t    position;
    crdt_view   view;
    crdt_err    err;
    const char *reason;
    crdt_buf_init(&bytes, NULL);
    bench_must(gossip_disk_snapshot(n->disk, &bytes), "snapshot");
    if (bytes.size > 0) {
        bench_must(gossip_engine_restore(n->engine, crdt_buf_bytes(&bytes), &reason), "restore");
    }
    crdt_buf_clear(&bytes);
    while ((err = gossip_disk_next(n->disk, &position, &view)) == CRDT_OK) {
        gossip_entry entry;
        bench_must(gossip_entry_decode(view, &deps, crdt_mem_default(), &entry, &reason), "entry");
        bench_must(gossip_engine_replay(n->engine, &entry), "replay");
    }
    if (err != CRDT_ENOENT) bench_die("next", err);
    gossip_deps_clear(&deps, crdt_mem_default());
}

/* Until it could answer. */
static void start(node *n, const char *directory)
{
    gossip_disk_options options = gossip_disk_options_default(1, 1);
    gossip_config       config = gossip_config_default();
    gossip_recovery     found;
    crdt_options        o;
    gossip_transport    transport = {send_nothing, NULL};
    char                problem[256];
    int                 code;
    options.sync = GOSSIP_SYNC_NO;
    config.cluster = config.node = config.boot = 1;
    bench_must(gossip_files_open(directory, &n->files, &code), "files");
    bench_must(gossip_disk_open(&options, &n->files, NULL, &n->disk, problem), "disk");
    bench_must(gossip_disk_recover(n->disk, &found), "recover");
    o = crdt_options_default(found.fresh ? 77 : found.replica, crdt_types_builtin());
    bench_must(crdt_store_new(&o, &n->store), "store");
    bench_must(gossip_engine_new(&config, n->store, NULL, &n->engine), "engine");
    read_back(n);
    bench_must(gossip_disk_begin(n->disk, crdt_store_replica(n->store)), "begin");
    gossip_persist persist = gossip_disk_persist(n->disk);
    bench_must(gossip_driver_new(n->engine, &transport, &persist, NULL, &n->driver), "driver");
}

static void run(node *n)
{
    bench_must(gossip_driver_run(n->driver, n->now += 1000, BENCH_NOW), "run");
}

static void stop(node *n)
{
    uint64_t replica = crdt_store_replica(n->store);
    run(n);
    bench_must(
        gossip_disk_stop(n->disk, replica, crdt_context_max(crdt_store_context(n->store), replica)),
        "stop");
    gossip_driver_free(n->driver);
    gossip_engine_free(n->engine);
    crdt_store_free(n->store);
    gossip_disk_close(n->disk);
    gossip_files_close(&n->files);
}

static void fill(node *n, uint64_t seed)
{
    char name[32], value[VALUE];
    for (size_t i = 0; i < sizeof value; i++) value[i] = (char)bench_rand(&seed);
    for (unsigned i = 0; i < KEYS; i++) {
        crdt_txn *txn;
        int       size = snprintf(name, sizeof name, "key:%012u", i * 7919u % KEYS);
        memcpy(value, &i, sizeof i);
        bench_must(gossip_engine_write(n->engine, n->now, BENCH_NOW, &txn), "write");
        bench_must(
            crdt_cell_set(txn, crdt_view_of(name, (size_t)size), crdt_bytes(value, sizeof value)),
            "set");
        bench_must(gossip_engine_commit(n->engine, NULL), "commit");
        if (i % BATCH == BATCH - 1) run(n);
    }
}

static void time_start(bench *b, const char *name, node *n, const char *directory)
{
    bench_samples seconds = {{0}, 0};
    for (double took = 0; bench_more(&seconds, took);) {
        double begin = bench_seconds();
        start(n, directory);
        took = bench_seconds() - begin;
        bench_sample(&seconds, took);
        if (gossip_engine_stats(n->engine).poisoned > 0) bench_die("start", CRDT_EMALFORMED);
        stop(n);
    }
    bench_row(b, name, KEYS, &seconds, "s");
}

/* The longest that one run takes while a snapshot is written, and all of them. */
static void time_snapshot(bench *b, node *n)
{
    double   longest = 0, all = 0, longest_slice = 0;
    bool     done = false;
    uint64_t position;
    crdt_buf bytes;
    crdt_buf_init(&bytes, NULL);
    double begin = bench_seconds();
    bench_must(gossip_engine_snapshot(n->engine, &bytes), "snapshot");
    bench_figure(b, "gossip/snapshot/at-once", KEYS, (bench_seconds() - begin) * 1e3, "ms");
    crdt_buf_clear(&bytes);
    begin = bench_seconds();
    bench_must(gossip_engine_snapshot_begin(n->engine, &bytes, &position), "begin");
    while (!done) {
        bench_must(gossip_engine_snapshot_slice(n->engine, &bytes, &done), "slice");
        double took = bench_seconds() - begin;
        if (took > longest_slice) longest_slice = took;
        begin = bench_seconds();
    }
    bench_figure(b, "gossip/snapshot/slice", KEYS, longest_slice * 1e3, "ms, the longest");
    crdt_buf_clear(&bytes);
    bench_must(gossip_driver_checkpoint(n->driver, n->now), "checkpoint");
    for (unsigned i = 0; i < 20000; i++) {
        begin = bench_seconds();
        run(n);
        double took = bench_seconds() - begin;
        all += took;
        if (took > longest) longest = took;
    }
    bench_figure(b, "gossip/snapshot/run", KEYS, longest * 1e3, "ms, the longest");
    bench_figure(b, "gossip/snapshot/all-runs", KEYS, all * 1e3, "ms");
}

void bench_start(bench *b)
{
    char directory[] = "/tmp/concur-start-XXXXXX", command[64];
    node n = {.now = 1000};
    if (!bench_wants(b, "gossip/start/log") && !bench_wants(b, "gossip/snapshot")) return;
    if (mkdtemp(directory) == NULL) bench_die(directory, CRDT_EIO);
    bench_say("gossip/start ...");
    start(&n, directory);
    fill(&n, b->seed);
    stop(&n);
    time_start(b, "gossip/start/log", &n, directory);
    start(&n, directory);
    time_snapshot(b, &n);
    stop(&n);
    time_start(b, "gossip/start/snapshot", &n, directory);
    (void)snprintf(command, sizeof command, "rm -rf %s", directory);
    if (system(command) != 0) bench_die(directory, CRDT_EIO);
}
