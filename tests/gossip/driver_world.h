/* driver_world.h: a few nodes, each with engine, driver and disk, in virtual time: a transport that
 * keeps order and loses nothing, replies by tokens that are good once. */
#ifndef TESTS_GOSSIP_DRIVER_WORLD_H
#define TESTS_GOSSIP_DRIVER_WORLD_H
#include <string.h>
#include <xxhash.h>

#include "crdt/orset.h"
#include "crdt/types.h"
#include "gossip/gossip.h"
#include "sim/files.h"
#include "tests/lib/random.h"
#include "tests/lib/t.h"
#include "tests/lib/testmem.h"

#define NODES 3u
#define SECOND UINT64_C(1000000)
#define WALL UINT64_C(1700000000000)

typedef struct world world;

typedef struct node {
    world         *w;
    uint64_t       index, id, replica;
    uint64_t       forced;  /* takes this replica id, whatever is right; 0: none */
    uint32_t       older;   /* ids that the last start found before the last */
    bool           nowhere; /* it tells no address */
    testmem        m;
    sim_files     *files;
    gossip_disk   *disk;
    crdt_store    *store;
    gossip_engine *engine;
    gossip_driver *driver;
    gossip_persist inner;
    unsigned       refuse_appends, refuse_syncs, refuse_names; /* so many to come */
    uint64_t       appends, syncs, snapshots, parts, refused;  /* snapshots in so many parts */
    size_t         part_bytes, largest_part;                   /* 0: the default; bytes */
    bool           up;
    gossip_config  config;
} node;

typedef struct message {
    uint64_t        to, from, token; /* token: of the request that it answers; 0: it is a request */
    uint8_t        *bytes;
    size_t          size;
    struct message *next;
} message;

struct world {
    node        nodes[NODES];
    gossip_time now;
    uint64_t    random, tokens; /* given out */
    bool        alone;          /* nodes are told of nobody */
    message    *first, **last;
    uint8_t     asked[1 << 16]; /* by token: node + 1; 0: answered, or none */
    uint64_t    sent;
};

static inline crdt_view address(uint64_t index)
{
    static const char *const names[] = {"n0", "n1", "n2"};
    return crdt_text_view(names[index]);
}

/* -- Transport and disk ------------------------------------------------------------------------ */

static inline void send(void *user, crdt_view to, crdt_view bytes, bool reply, uint64_t from)
{
    node  *n = user;
    world *w = n->w;
    if (to.size == 0 && !reply) return; /* lost */
    message *m = malloc(sizeof *m);
    CHECK(m != NULL);
    memset(m, 0, sizeof *m);
    m->from = n->index;
    m->to = NODES;
    if (reply) {
        CHECK_MSG(from > 0 && from <= w->tokens && w->asked[from] != 0, "token %ju answered twice",
                  (uintmax_t)from);
        m->to = w->asked[from] - 1u;
        w->asked[from] = 0;
    }
    for (uint64_t i = 0; i < NODES && !reply; i++) {
        if (crdt_view_compare(address(i), to) == 0) m->to = i;
    }
    CHECK_MSG(m->to < NODES, "a message to nobody");
    m->size = bytes.size;
    m->bytes = malloc(bytes.size + 1);
    memcpy(m->bytes, bytes.data, bytes.size);
    m->token = reply ? from : 0;
    *w->last = m;
    w->last = &m->next;
    w->sent++;
}

static inline crdt_err append(void *user, uint64_t position, crdt_view entry)
{
    node *n = user;
    n->appends++;
    if (n->refuse_appends > 0) {
        n->refuse_appends--;
        n->refused++;
        return CRDT_EIO;
    }
    return n->inner.append(n->inner.user, position, entry);
}

static inline crdt_err sync(void *user)
{
    node *n = user;
    n->syncs++;
    if (n->refuse_syncs > 0) {
        n->refuse_syncs--;
        n->refused++;
        return CRDT_EIO;
    }
    return n->inner.sync(n->inner.user);
}

static inline crdt_err snapshot(void *user, uint64_t position, crdt_view bytes, size_t *at)
{
    node    *n = user;
    size_t   before = *at;
    crdt_err err = n->inner.snapshot(n->inner.user, position, bytes, at);
    n->parts++;
    if (err == CRDT_OK && *at - before > n->largest_part) n->largest_part = *at - before;
    n->snapshots += err == CRDT_OK && *at == bytes.size;
    return err;
}

static inline crdt_err renamed(void *user, uint64_t replica)
{
    node *n = user;
    if (n->refuse_names > 0) {
        n->refuse_names--;
        n->refused++;
        return CRDT_EIO;
    }
    n->replica = replica;
    return n->inner.replica(n->inner.user, replica);
}

/* -- Starting and stopping --------------------------------------------------------------------- */

static inline void replay(node *n, const gossip_recovery *found)
{
    crdt_buf    bytes;
    gossip_deps deps = {0};
    uint64_t    position;
    crdt_view   view;
    crdt_err    err;
    const char *reason;
    crdt_buf_init(&bytes, NULL);
    CHECK_OK(gossip_disk_snapshot(n->disk, &bytes));
    if (bytes.size > 0) {
        CHECK_OK(gossip_engine_restore(n->engine, crdt_buf_bytes(&bytes), &reason));
    }
    while ((err = gossip_disk_next(n->disk, &position, &view)) != CRDT_ENOENT) {
        gossip_entry entry;
        CHECK_OK(err);
        CHECK_OK(gossip_entry_decode(view, &deps, &n->m.mem, &entry, &reason));
        CHECK_OK(gossip_engine_replay(n->engine, &entry));
    }
    gossip_deps_clear(&deps, &n->m.mem);
    crdt_buf_clear(&bytes);
    if (!found->fresh && !found->clean) {
        CHECK_OK(gossip_engine_succeed(n->engine, n->replica, found->replica));
        for (uint32_t i = 0; i < found->older_count; i++) {
            CHECK_OK(gossip_engine_succeed(n->engine, n->replica, found->older[i]));
        }
    }
}

/* The start that gossip.h describes. */
static inline void start(world *w, uint64_t index)
{
    node               *n = &w->nodes[index];
    gossip_disk_options options = gossip_disk_options_default(1, n->id);
    gossip_files        table = sim_files_table(n->files);
    if (n->part_bytes != 0) options.part_bytes = n->part_bytes;
    gossip_transport transport = {send, n};
    gossip_persist   persist = {append, sync, snapshot, renamed, n};
    gossip_recovery  found;
    gossip_peer      peer;
    char             problem[256];
    CHECK_OK(gossip_disk_open(&options, &table, &n->m.mem, &n->disk, problem));
    CHECK_OK(gossip_disk_recover(n->disk, &found));
    CHECK_MSG(found.problem[0] == 0, "%s", found.problem);
    n->replica = found.clean ? found.replica : next_random(&w->random) | 1;
    if (n->forced != 0) n->replica = n->forced;
    n->older = found.older_count;
    crdt_options store = crdt_options_default(n->replica, crdt_types_builtin());
    store.mem = &n->m.mem;
    CHECK_OK(crdt_store_new(&store, &n->store));
    n->config.node = n->id;
    n->config.boot = next_random(&w->random) | 1;
    n->config.address = n->nowhere ? crdt_view_of(NULL, 0) : address(index);
    CHECK_OK(gossip_engine_new(&n->config, n->store, &n->m.mem, &n->engine));
    replay(n, &found);
    CHECK_OK(gossip_disk_begin(n->disk, n->replica));
    n->inner = gossip_disk_persist(n->disk);
    CHECK_OK(gossip_driver_new(n->engine, &transport, &persist, &n->m.mem, &n->driver));
    for (uint64_t i = 0; i < NODES; i++) {
        if (i != index && !w->alone) CHECK_OK(gossip_engine_add_peer(n->engine, address(i), &peer));
    }
    n->up = true;
}

/* how: 0 clean, 1 killed, 2 the power is cut. */
static inline void stop(world *w, uint64_t index, unsigned how)
{
    node *n = &w->nodes[index];
    if (how == 0) {
        CHECK_OK(gossip_driver_run(n->driver, w->now, WALL + w->now / 1000));
        crdt_dot last = {n->replica, crdt_context_base(crdt_store_context(n->store), n->replica)};
        CHECK_OK(gossip_disk_stop(n->disk, last.replica, last.seq));
    }
    if (how == 2) sim_files_crash(n->files);
    else sim_files_kill(n->files);
    gossip_driver_free(n->driver);
    gossip_engine_free(n->engine);
    crdt_store_free(n->store);
    gossip_disk_close(n->disk);
    TESTMEM_DONE(&n->m);
    n->up = false;
}

static inline world *begin(unsigned up)
{
    world *w = calloc(1, sizeof *w);
    CHECK(w != NULL);
    w->last = &w->first;
    w->random = 1;
    for (uint64_t i = 0; i < NODES; i++) {
        w->nodes[i].w = w;
        w->nodes[i].index = i;
        w->nodes[i].id = i + 1;
        w->nodes[i].files = sim_files_new(i);
        w->nodes[i].config = gossip_config_default();
        w->nodes[i].config.cluster = 1;
        w->nodes[i].config.seed = i;
        testmem_init(&w->nodes[i].m);
        if (i < up) start(w, i);
    }
    return w;
}

static inline message *take(world *w)
{
    message *m = w->first;
    if (m == NULL) return NULL;
    w->first = m->next;
    if (w->first == NULL) w->last = &w->first;
    return m;
}

static inline void drop(message *m)
{
    free(m->bytes);
    free(m);
}

static inline void end(world *w)
{
    for (uint64_t i = 0; i < NODES; i++) {
        if (w->nodes[i].up) stop(w, i, 1);
        sim_files_free(w->nodes[i].files);
    }
    for (message *m; (m = take(w)) != NULL;) drop(m);
    free(w);
}

/* -- Time -------------------------------------------------------------------------------------- */

/* CRDT_OK, or an error that the test expects of a node. */
static inline crdt_err run_node(world *w, uint64_t index)
{
    node *n = &w->nodes[index];
    return n->up ? gossip_driver_run(n->driver, w->now, WALL + w->now / 1000) : CRDT_OK;
}

static inline crdt_err deliver(world *w, const message *m)
{
    node *to = &w->nodes[m->to];
    if (!to->up) return CRDT_OK;
    uint64_t token = 0;
    if (m->token == 0) {
        token = ++w->tokens;
        CHECK(token < sizeof w->asked);
        w->asked[token] = (uint8_t)(m->from + 1);
    }
    return gossip_driver_receive(to->driver, w->now, WALL + w->now / 1000,
                                 crdt_view_of(m->bytes, m->size), token);
}

/* Lets `us` pass. Errors but these of a disk or memory that refuses fail the test. */
static inline void pass(world *w, gossip_time us)
{
    gossip_time until = w->now + us;
    while (w->now < until) {
        gossip_time next = until;
        for (uint64_t i = 0; i < NODES; i++) {
            crdt_err err = run_node(w, i);
            CHECK(err == CRDT_OK || err == CRDT_EIO || err == CRDT_ENOMEM);
            CHECK(err != CRDT_EIO || w->nodes[i].refused > 0 ||
                  sim_files_struck(w->nodes[i].files));
        }
        for (message *m; (m = take(w)) != NULL;) {
            crdt_err err = deliver(w, m);
            CHECK(err == CRDT_OK || err == CRDT_ENOMEM);
            drop(m);
            crdt_err after = run_node(w, 0);
            CHECK(after == CRDT_OK || after == CRDT_EIO || after == CRDT_ENOMEM);
        }
        for (uint64_t i = 0; i < NODES; i++) {
            if (!w->nodes[i].up) continue;
            gossip_time at = gossip_driver_deadline(w->nodes[i].driver);
            if (at < next) next = at;
        }
        w->now = next > w->now ? next : w->now + 1;
    }
}

static inline crdt_err write(world *w, uint64_t index, const char *element)
{
    node     *n = &w->nodes[index];
    crdt_txn *txn;
    crdt_err  err = gossip_engine_write(n->engine, w->now, WALL + w->now / 1000, &txn);
    if (err != CRDT_OK) return err;
    CHECK_OK(crdt_orset_add(txn, crdt_text_view("set"), crdt_text(element)));
    CHECK_OK(gossip_engine_commit(n->engine, NULL));
    return CRDT_OK;
}

static inline bool has(const world *w, uint64_t index, const char *element)
{
    crdt_ref ref;
    return crdt_store_find(w->nodes[index].store, crdt_text_view("set"), &crdt_orset_type, &ref) ==
               CRDT_OK &&
           crdt_orset_has(ref, crdt_text(element));
}

static inline bool equal(const world *w, uint64_t a, uint64_t b)
{
    return crdt_digest_equal(crdt_store_digest(w->nodes[a].store, NULL),
                             crdt_store_digest(w->nodes[b].store, NULL));
}

#endif
