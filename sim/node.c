/* node.c: one simulated node: a store, an engine, its driver, a disk; how it starts and ends. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crdt/types.h"
#include "gossip/wire.h"
#include "sim/must.h"
#include "sim/random.h"
#include "sim/world.h"

#define RETRY_US 5000 /* what was refused is tried again after it */
#define FLUSH_US 1000000

/* -- What it does to the world ----------------------------------------------------------------- */

/* It acts: sends, writes, syncs. True: it dies of it. */
static bool acts(void *user)
{
    node *n = user;
    if (n->die_in > 0 && --n->die_in == 0) n->dying = true;
    return n->dying;
}

static void transport_send(void *user, crdt_view address, crdt_view bytes, bool reply,
                           uint64_t from)
{
    node *n = user;
    if (acts(n)) return;
    network_send(n->world, n, address, bytes, reply, from);
}

uint64_t node_ms(const node *n)
{
    return (uint64_t)((int64_t)(WORLD_MS + n->world->now / 1000) + n->skew);
}

bool node_counts(const node *n)
{
    return n->state == NODE_UP && !n->shunned;
}

void node_init(node *n, world *w, uint32_t index)
{
    vault  vault_was = n->vault, backup_was = n->backup;
    void  *kept[] = {n->seen, n->durable, n->count, n->marks};
    size_t caps[] = {n->seen_cap, n->durable_cap, n->count_cap, n->marks_cap};
    memset(n, 0, sizeof *n);
    n->world = w;
    n->index = index;
    n->id = random_stream(w->plan->seed, 1000 + index) | 1;
    n->wake_at = UINT64_MAX;
    n->flush_at = w->plan->sync == GOSSIP_SYNC_EVERYSEC ? 0 : UINT64_MAX;
    snprintf(n->address, sizeof n->address, "n%u", index);
    memory_init(&n->mem);
    n->transport = (gossip_transport){transport_send, n};
    n->vault = vault_was;
    n->backup = backup_was;
    vault_free(&n->vault);
    vault_free(&n->backup);
    vault_init(&n->vault, 1000 + index);
    vault_init(&n->backup, 0);
    if (w->plan->persist == 2) {
        vault_use_files(&n->vault, random_stream(w->plan->seed, 2000 + index),
                        (gossip_sync)w->plan->sync, w->plan->segment_bytes);
    }
    n->vault.step = acts;
    n->vault.user = n;
    n->seen = kept[0];
    n->durable = kept[1];
    n->count = kept[2];
    n->marks = kept[3];
    n->seen_cap = caps[0];
    n->durable_cap = caps[1];
    n->count_cap = caps[2];
    n->marks_cap = caps[3];
    if (caps[0]) memset(n->seen, 0, caps[0] * sizeof *n->seen);
    if (caps[1]) memset(n->durable, 0, caps[1] * sizeof *n->durable);
    if (caps[2]) memset(n->count, 0, caps[2] * sizeof *n->count);
}

void node_reset(node *n)
{
    vault_reset(&n->vault);
    if (n->durable_cap) memset(n->durable, 0, n->durable_cap * sizeof *n->durable);
}

/* -- Starting ---------------------------------------------------------------------------------- */

static gossip_config config_of(const node *n)
{
    const plan   *p = n->world->plan;
    gossip_config c = gossip_config_default();
    c.cluster = WORLD_CLUSTER;
    c.node = n->id;
    c.boot = n->boot;
    c.seed = random_stream(p->seed, n->boot);
    c.address = crdt_text_view(n->address);
    c.learn = p->learn;
    switch ((plan_topology)p->topology) {
    case PLAN_MESH: c.topology = GOSSIP_MESH; break;
    case PLAN_RING: c.topology = GOSSIP_RING; break;
    case PLAN_STAR:
        c.topology = GOSSIP_STAR;
        c.hub = n->world->nodes[0].id;
        break;
    default: c.topology = GOSSIP_EXPLICIT; break;
    }
    c.mesh_max = (uint32_t)p->mesh_max;
    c.active_links = (uint32_t)p->active_links;
    c.chunk_bytes = (uint32_t)p->chunk_bytes;
    c.credit_frames = (uint32_t)p->credit_frames;
    c.credit_bytes = (uint32_t)p->credit_bytes;
    c.log_bytes = p->log_bytes;
    c.parked_bytes = p->parked_bytes;
    c.parked_entries = (uint32_t)p->parked_entries;
    c.round_us = p->round_us;
    c.round_max_us = p->round_max_us;
    c.push_us = p->push_us;
    c.have_us = p->have_us;
    c.graft_us = p->graft_us;
    c.timeout_us = p->timeout_us;
    c.ack_us = p->ack_us;
    return c;
}

/* Is b among those whose address a is told? */
static bool is_neighbour(const world *w, uint32_t a, uint32_t b)
{
    const plan *p = w->plan;
    uint32_t    half = (uint32_t)p->nodes / 2;
    if (a == b) return false;
    if (p->learn) return a == 0 ? b == 1 : b == 0;
    switch ((plan_topology)p->topology) {
    case PLAN_LINE: return a + 1 == b || b + 1 == a;
    case PLAN_CLIQUES:
        if ((a < half) == (b < half)) return true;
        return (a + 1 == half && b == half) || (b + 1 == half && a == half);
    default: return true;
    }
}

static void add_peer(node *n, uint32_t peer)
{
    gossip_peer handle;
    crdt_view   address = crdt_text_view(n->world->nodes[peer].address);
    if (n->world->nodes[peer].state == NODE_GONE) return;
    crdt_err err = gossip_engine_add_peer(n->engine, address, &handle);
    if (err) must_fail("add_peer: %s", crdt_err_name(err));
}

#define TOLD_OF 20 /* in a large mesh: of so many others, at random */

static void add_peers(node *n)
{
    const world *w = n->world;
    uint32_t     all = (uint32_t)w->nodes_count;
    if (all > 128 && w->plan->topology == PLAN_MESH) {
        uint64_t rand = random_stream(w->plan->seed, 3000 + n->index);
        for (int i = 0; i < TOLD_OF; i++) {
            uint32_t peer = (uint32_t)random_below(&rand, all);
            if (peer != n->index) add_peer(n, peer);
        }
        return;
    }
    for (uint32_t i = 0; i < all; i++) {
        uint32_t peer = (n->index + i) % all;
        if (is_neighbour(w, n->index, peer)) add_peer(n, peer);
    }
}

static void wrong_start(node *n, const char *what, crdt_err err)
{
    check_fail(n->world, CHECK_RESTART, "node %u starts: %s: %s", n->index, what,
               crdt_err_name(err));
}

/* Everything back from the disk into the engine. */
static void replay(node *n)
{
    const char *reason = "";
    crdt_buf    snapshot;
    crdt_buf_init(&snapshot, &n->mem.mem);
    crdt_err err = vault_snapshot(&n->vault, &snapshot);
    if (err == CRDT_OK && snapshot.size > 0) {
        err = gossip_engine_restore(n->engine, crdt_buf_bytes(&snapshot), &reason);
    }
    if (err != CRDT_OK) wrong_start(n, "its own snapshot", err);
    crdt_buf_clear(&snapshot);
    /* Where bits turned; or a power cut left late sectors, and no earlier ones. */
    bool         holes = n->scarred || n->vault.sync != GOSSIP_SYNC_ALWAYS;
    gossip_deps  deps = {NULL, 0};
    gossip_entry entry;
    uint64_t     position;
    crdt_view    bytes;
    while ((err = vault_next(&n->vault, &position, &bytes)) != CRDT_ENOENT) {
        if (err == CRDT_EMALFORMED && holes) continue; /* peers have it */
        if (err != CRDT_OK) break;
        err = gossip_entry_decode(bytes, &deps, &n->mem.mem, &entry, &reason);
        if (err == CRDT_OK) err = gossip_engine_replay(n->engine, &entry);
        if (err == CRDT_EGAP && holes) continue; /* what it follows is lost */
        if (err != CRDT_OK) break;
    }
    if (err != CRDT_ENOENT) wrong_start(n, "its own entries", err);
    gossip_deps_clear(&deps, &n->mem.mem);
}

static void make_engine(node *n, uint64_t replica)
{
    crdt_options options = crdt_options_default(replica, crdt_types_builtin());
    options.mem = &n->mem.mem;
    crdt_err err = crdt_store_new(&options, &n->store);
    if (err) must_fail("store: %s", crdt_err_name(err));
    gossip_config config = config_of(n);
    err = gossip_engine_new(&config, n->store, &n->mem.mem, &n->engine);
    if (err) must_fail("engine: %s", crdt_err_name(err));
}

static void succeed(node *n, uint64_t fresh, uint64_t old)
{
    crdt_err err = gossip_engine_succeed(n->engine, fresh, old);
    if (err) must_fail("succeed: %s", crdt_err_name(err));
}

void node_start(node *n)
{
    world      *w = n->world;
    vault_found found;
    bool        again = n->was_up;
    n->boot = random_next(&w->ids) | 1;
    n->dying = false;
    n->die_in = 0;
    n->busy_until = 0;
    if (n->vault.full) vault_full(&n->vault, false); /* whoever starts it made room */
    crdt_err err = vault_open(&n->vault, WORLD_CLUSTER, n->id, &n->mem.mem, &found);
    if (err != CRDT_OK) {
        wrong_start(n, "its disk", err);
        return;
    }
    w->blurred |= found.snapshot_position > 1;
    uint64_t fresh = random_next(&w->ids) | 1;
    make_engine(n, found.fresh ? fresh : found.replica);
    if (!found.fresh) replay(n);
    n->replica = found.fresh || found.clean ? crdt_store_replica(n->store) : fresh;
    bool whole = crdt_context_base(crdt_store_context(n->store), found.replica) == found.last_seq;
    if (!found.fresh && (!found.clean || !whole)) {
        n->replica = fresh;
        succeed(n, fresh, found.replica);
        for (size_t i = 0; i < GOSSIP_OLDER_MAX; i++) {
            if (found.older[i] != 0) succeed(n, fresh, found.older[i]);
        }
    }
    err = vault_begin(&n->vault, n->replica);
    if (err != CRDT_OK) wrong_start(n, "its log", err);
    const gossip_persist *persist = w->plan->persist ? &n->vault.persist : NULL;
    err = gossip_driver_new(n->engine, &n->transport, persist, &n->mem.mem, &n->driver);
    if (err) must_fail("driver: %s", crdt_err_name(err));
    n->state = NODE_UP;
    n->was_up = true;
    n->last_change = w->now;
    add_peers(n);
    if (n->rotten) check_damage(n, &found);
    n->rotten = n->comparing = n->judged = n->told = false;
    check_resync(n);
    if (again) check_restart(n);
    if (again && !w->broken) check_shown(n);
    if (again) w->stats.restarts++;
    node_schedule(n);
}

/* -- Ending ------------------------------------------------------------------------------------ */

static void take_down(node *n, bool power)
{
    /* Without a power cut what was written is read again, and synced then. */
    check_durable(n, power ? n->vault.safe : n->vault.durable);
    gossip_driver_free(n->driver);
    gossip_engine_free(n->engine);
    crdt_store_free(n->store);
    vault_die(&n->vault, &n->world->rand, power);
    n->driver = NULL;
    n->engine = NULL;
    n->store = NULL;
    n->state = NODE_DOWN;
    n->marks_count = 0;
    n->marks_at = 0;
    n->marks_acked = 0;
    memory_refuse_none(&n->mem);
    if (n->mem.bytes != 0) {
        check_fail(n->world, CHECK_MEMORY, "node %u: %llu bytes were never released", n->index,
                   (unsigned long long)n->mem.bytes);
        n->mem.bytes = 0;
    }
}

void node_stop(node *n)
{
    if (n->state != NODE_UP) return;
    memory_refuse_none(&n->mem);
    node_run(n);
    if (n->state != NODE_UP) return;
    uint64_t replica = crdt_store_replica(n->store);
    if (replica == n->vault.replica) {
        vault_stop(&n->vault, crdt_context_base(crdt_store_context(n->store), replica));
    }
    take_down(n, false);
}

void node_crash(node *n)
{
    if (n->state != NODE_UP) return;
    n->world->stats.crashes++;
    n->vault.dead = true;
    take_down(n, random_below(&n->world->rand, 4) > 0);
}

void node_free(node *n)
{
    if (n->state == NODE_UP) take_down(n, true);
    for (size_t i = 0; i < n->marks_cap; i++) free(n->marks[i].seen);
    free(n->seen);
    free(n->durable);
    free(n->count);
    free(n->marks);
    vault_free(&n->vault);
    vault_free(&n->backup);
}

/* -- Living ------------------------------------------------------------------------------------ */

void node_schedule(node *n)
{
    if (n->state != NODE_UP) return;
    world   *w = n->world;
    uint64_t at = gossip_driver_deadline(n->driver);
    if (n->vault.safe < n->vault.durable && n->flush_at < at) at = n->flush_at;
    if (at < w->now) at = w->now;
    if (n->retry_at > at) at = n->retry_at;
    if (n->paused_until > at) at = n->paused_until;
    if (n->wake_at <= at || at == GOSSIP_NEVER) return;
    n->wake_at = at;
    queue_push(&w->queue, (event){at, 0, EVENT_WAKE, n->index, 0, NULL});
}

/* Once a second, where the policy is that: what is written is synced. */
static void flush(node *n)
{
    if (n->world->plan->sync != GOSSIP_SYNC_EVERYSEC) return;
    if (n->flush_at > n->world->now) return;
    n->flush_at = n->world->now + FLUSH_US;
    vault_flush(&n->vault);
}

bool node_is_due(const node *n)
{
    bool flush_due = n->vault.safe < n->vault.durable && n->flush_at <= n->world->now;
    return flush_due || gossip_driver_deadline(n->driver) <= n->world->now;
}

static void read_notices(node *n)
{
    gossip_action notice;
    while (gossip_driver_notice(n->driver, &notice)) check_notice(n, &notice);
}

void node_run(node *n)
{
    world *w = n->world;
    check_log(n);
    n->mem.armed = true;
    if (w->plan->persist && w->stats.events % 64 == 0) {
        crdt_err begun = gossip_driver_checkpoint(n->driver, w->now);
        if (begun != CRDT_OK && begun != CRDT_EIO) must_fail("a checkpoint is refused");
    }
    crdt_err err = gossip_driver_run(n->driver, w->now, node_ms(n));
    flush(n);
    n->mem.armed = false;
    check_log(n);
    n->retry_at = err == CRDT_OK ? 0 : w->now + RETRY_US;
    check_acked(n, w->plan->persist ? n->vault.durable : n->log_end);
    check_durable(n, w->plan->persist ? n->vault.safe : n->log_end);
    read_notices(n);
    if (err == CRDT_EIO && n->vault.refused == 0 && n->mem.refused == 0) {
        check_fail(w, CHECK_ERROR, "node %u: EIO, and its disk is well", n->index);
    } else if (err != CRDT_OK && err != CRDT_ENOMEM && err != CRDT_EIO) {
        check_fail(w, CHECK_ERROR, "node %u: the driver gives %s", n->index, crdt_err_name(err));
    }
    if (err == CRDT_ENOMEM && n->mem.refused == 0) {
        check_fail(w, CHECK_ERROR, "node %u: ENOMEM, and none was refused", n->index);
    }
    if (n->dying) {
        node_crash(n);
        return;
    }
    node_schedule(n);
}

void node_receive(node *n, const message *m)
{
    world      *w = n->world;
    bool        scarce = n->mem.refuse_in > 0;
    crdt_digest before = {0, 0};
    uint64_t    peak = n->mem.bytes, log_end = n->log_end;
    if (scarce) before = crdt_store_digest(n->store, NULL);
    n->mem.peak = peak;
    n->mem.armed = true;
    crdt_err err = gossip_driver_receive(n->driver, w->now, node_ms(n),
                                         crdt_view_of(m->bytes, m->size), m->from);
    n->mem.armed = false;
    if (err == CRDT_ENOMEM && scarce) {
        /* Entries that came before the refused one in the message are in the store, whole. */
        bool       same = crdt_digest_equal(before, crdt_store_digest(n->store, NULL));
        const bool more = gossip_engine_stats(n->engine).log_end > log_end;
        if (same == more) {
            check_fail(w, CHECK_ERROR, "node %u: ENOMEM changed its store, and the log %s",
                       n->index, more ? "says so" : "does not");
        }
    } else if (err != CRDT_OK) {
        check_fail(w, CHECK_ERROR, "node %u: receiving gives %s", n->index, crdt_err_name(err));
    }
    /* Arrays that double come on top of what bytes ask for. */
    if (n->mem.peak - peak > (2u << 20) + 64 * m->size + peak / 4) {
        check_fail(w, CHECK_MEMORY, "node %u: %zu bytes came, and memory grew by %llu", n->index,
                   m->size, (unsigned long long)(n->mem.peak - peak));
    }
    node_run(n);
}
