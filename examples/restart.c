/* restart.c: a store on disk. Each start takes the steps of <gossip/gossip.h>; one that follows a
 * clean stop goes on under its replica id, any other takes a new one and names the old. */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>

#include <crdt/gcounter.h>
#include <crdt/types.h>
#include <gossip/gossip.h>

typedef struct node {
    gossip_files   files;
    gossip_disk   *disk;
    crdt_store    *store;
    gossip_engine *engine;
    gossip_driver *driver;
} node;

static void ok(crdt_err err)
{
    if (err == CRDT_OK) return;
    fprintf(stderr, "%s: %s\n", crdt_err_name(err), crdt_err_text(err));
    exit(1);
}

/* Nobody is there to be told. */
static void send_nothing(void *user, crdt_view address, crdt_view bytes, bool reply, uint64_t from)
{
    (void)user, (void)address, (void)bytes, (void)reply, (void)from;
}

/* Steps 5 and 6: what the disk has, into the engine. */
static void read_back(node *n)
{
    crdt_buf    snapshot;
    gossip_deps deps = {0};
    uint64_t    position;
    crdt_view   bytes;
    crdt_err    err;
    const char *reason;
    crdt_buf_init(&snapshot, NULL);
    ok(gossip_disk_snapshot(n->disk, &snapshot));
    if (snapshot.size > 0) {
        ok(gossip_engine_restore(n->engine, crdt_buf_bytes(&snapshot), &reason));
    }
    crdt_buf_clear(&snapshot);
    while ((err = gossip_disk_next(n->disk, &position, &bytes)) != CRDT_ENOENT) {
        gossip_entry entry;
        if (err == CRDT_EMALFORMED) continue; /* some are lost here; peers may have them */
        ok(err);
        ok(gossip_entry_decode(bytes, &deps, crdt_mem_default(), &entry, &reason));
        err = gossip_engine_replay(n->engine, &entry);
        if (err != CRDT_EGAP) ok(err);
    }
    gossip_deps_clear(&deps, crdt_mem_default());
}

static void start(node *n, const char *directory, uint64_t fresh_id)
{
    gossip_disk_options options = gossip_disk_options_default(1, 1);
    gossip_config       config = gossip_config_default();
    gossip_transport    transport = {send_nothing, NULL};
    gossip_recovery     found;
    char                problem[256];
    int                 error;
    ok(gossip_files_open(directory, &n->files, &error));
    ok(gossip_disk_open(&options, &n->files, NULL, &n->disk, problem));
    ok(gossip_disk_recover(n->disk, &found));

    uint64_t     id = found.clean ? found.replica : fresh_id; /* fresh: 64 random bits */
    crdt_options store = crdt_options_default(id, crdt_types_builtin());
    config.cluster = config.node = 1;
    config.boot = config.seed = fresh_id; /* random bits */
    ok(crdt_store_new(&store, &n->store));
    ok(gossip_engine_new(&config, n->store, NULL, &n->engine));
    read_back(n);
    crdt_dot last = {found.replica, found.last_seq};
    if (found.clean && crdt_context_base(crdt_store_context(n->store), last.replica) != last.seq) {
        id = fresh_id; /* something is missing: step 7 */
    }
    if (found.replica != 0 && id != found.replica) {
        ok(gossip_engine_succeed(n->engine, id, found.replica));
        for (uint32_t i = 0; i < found.older_count; i++) {
            ok(gossip_engine_succeed(n->engine, id, found.older[i]));
        }
    }
    gossip_persist persist = gossip_disk_persist(n->disk);
    ok(gossip_disk_begin(n->disk, id));
    ok(gossip_driver_new(n->engine, &transport, &persist, NULL, &n->driver));
    printf("start: %s, %d entries; goes on as %c\n",
           found.fresh   ? "nothing"
           : found.clean ? "stopped cleanly"
                         : "not stopped cleanly",
           (int)found.entries, (char)id);
}

static void count(node *n)
{
    crdt_txn *txn;
    crdt_ref  starts;
    int64_t   value;
    ok(gossip_engine_write(n->engine, 0, 1700000000000, &txn));
    ok(crdt_gcounter_inc(txn, crdt_text_view("starts"), 1));
    ok(gossip_engine_commit(n->engine, NULL));
    ok(gossip_driver_run(n->driver, 0, 1700000000000)); /* now it is durable */
    ok(crdt_store_find(n->store, crdt_text_view("starts"), &crdt_gcounter_type, &starts));
    ok(crdt_gcounter_value(starts, &value));
    printf("  starts: %d\n", (int)value);
}

/* clean false: as if the process had died. */
static void stop(node *n, bool clean)
{
    uint64_t id = crdt_store_replica(n->store);
    if (clean) {
        ok(gossip_disk_stop(n->disk, id, crdt_context_base(crdt_store_context(n->store), id)));
    }
    gossip_driver_free(n->driver);
    gossip_engine_free(n->engine);
    crdt_store_free(n->store);
    gossip_disk_close(n->disk);
    gossip_files_close(&n->files);
}

int main(void)
{
    char        directory[64];
    const char *files[] = {"node",  "replica", "reserve", "clean",
                           "log.1", "log.2",   "log.3",   "log.4"};
    snprintf(directory, sizeof directory, "/tmp/concur-restart-XXXXXX");
    if (mkdtemp(directory) == NULL) return 1;
    for (unsigned i = 0; i < 4; i++) {
        node n;
        start(&n, directory, 'A' + i);
        count(&n);
        stop(&n, i % 2 == 0);
    }
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/%s", directory, files[i]);
        (void)remove(path);
    }
    (void)remove(directory);
    return 0;
}
