/* check_world.c: of all nodes together: convergence, what is kept, quiet. */
#include <string.h>

#include "sim/random.h"
#include "sim/world.h"

typedef unsigned long long ull;

static node *any(world *w)
{
    size_t from = (size_t)random_below(&w->rand, w->nodes_count);
    for (size_t i = 0; i < w->nodes_count; i++) {
        node *n = &w->nodes[(from + i) % w->nodes_count];
        if (node_counts(n)) return n;
    }
    return NULL;
}

/* The node compares itself with a peer that it is linked to, in turn. False: it has none. */
static bool compare(node *n)
{
    gossip_peer_info info;
    uint32_t         linked = 0, turn = n->comparisons;
    for (size_t i = 0; gossip_engine_peer(n->engine, i, &info); i++) linked += info.linked;
    for (size_t i = 0; linked > 0 && gossip_engine_peer(n->engine, i, &info); i++) {
        if (!info.linked || turn-- % linked != 0) continue;
        crdt_err err = gossip_engine_compare(n->engine, n->world->now, info.handle);
        n->comparing = err == CRDT_OK || err == CRDT_EBUSY;
        n->comparisons++;
        if (n->comparing) node_run(n);
        return err == CRDT_OK;
    }
    return false;
}

/* A little, often: two nodes, one object. */
void check_look(world *w)
{
    node *a = any(w), *b = any(w);
    if (!a || w->unwatched) return;
    if (a != b) {
        check_pair(a, b);
        if (random_below(&w->rand, 8) == 0) check_bytes(a, b);
    }
    if (random_below(&w->rand, 4) == 0) check_sound(a);
    if (random_below(&w->rand, 4) == 0) check_stable(b);
    if (random_below(&w->rand, 2) == 0) check_holders(b);
    if (random_below(&w->rand, 4) == 0) work_read(a);
    if (!w->healed && a->paused_until <= w->now && w->stats.events % 8 == 0) (void)compare(a);
}

bool check_settled(const world *w)
{
    const node *first = NULL;
    for (size_t i = 0; i < w->nodes_count; i++) {
        const node *n = &w->nodes[i];
        if (!node_counts(n)) continue;
        if (!first) first = n;
        for (uint32_t who = 0; n != first && who < w->history.writers_count; who++) {
            if (node_seen(n, who) != node_seen(first, who)) return false;
        }
        if (gossip_engine_stats(n->engine).log_end != n->persisted) return false;
    }
    return true;
}

static void tell_lag(world *w)
{
    history *h = &w->history;
    for (size_t i = 0; i < w->nodes_count; i++) {
        for (size_t k = 0; k < w->nodes_count; k++) {
            const node *a = &w->nodes[i], *b = &w->nodes[k];
            if (!node_counts(a) || !node_counts(b)) continue;
            for (uint32_t who = 0; who < h->writers_count; who++) {
                if (node_seen(a, who) >= node_seen(b, who)) continue;
                check_fail(
                    w, CHECK_LIVE,
                    "%llu s after all faults ended node %zu has %llx up to %llu, node %zu up "
                    "to %llu",
                    (ull)((w->now - w->plan->duration) / 1000000), i, (ull)h->writers[who].id,
                    (ull)node_seen(a, who), k, (ull)node_seen(b, who));
                return;
            }
        }
    }
    check_fail(w, CHECK_LIVE, "%llu s after all faults ended there is still something going on",
               (ull)((w->now - w->plan->duration) / 1000000));
}

void check_converged(world *w)
{
    node *first = NULL;
    if (!check_settled(w) || w->now - w->last_change < world_ack_us(w)) {
        tell_lag(w);
        return;
    }
    for (size_t i = 0; i < w->nodes_count && !w->broken; i++) {
        node *n = &w->nodes[i];
        if (!node_counts(n)) continue;
        check_sound(n);
        check_stable(n);
        check_advance(n);
        if (first) {
            check_pair(first, n);
            if (!w->unwatched) check_bytes(first, n);
        } else {
            first = n;
            work_read(n);
            check_shown(n);
        }
    }
}

void check_kept(world *w)
{
    history *h = &w->history;
    node    *n = any(w);
    if (!n || w->forked || w->forged) return;
    for (size_t i = 0; i < h->count; i++) {
        const history_entry *e = &h->entries[i];
        /* Without holders: it was written where disks are synced later, and never anywhere. */
        if (!e->acked || e->forfeited || e->holders == 0) continue;
        if (e->last <= node_seen(n, e->who)) continue;
        check_fail(w, CHECK_KEEP, "%llx:%llu was durable at node %u and is lost",
                   (ull)h->writers[e->who].id, (ull)e->first, e->node);
        return;
    }
    w->stats.checks++;
}

/* -- Quiet ------------------------------------------------------------------------------------- */

static uint64_t payloads(const world *w)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < w->nodes_count; i++) {
        const node      *n = &w->nodes[i];
        gossip_peer_info info;
        for (size_t k = 0; node_counts(n) && gossip_engine_peer(n->engine, k, &info); k++) {
            sum += info.entries_sent + info.resent;
        }
    }
    return sum;
}

static uint64_t snapshots(const world *w)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < w->nodes_count; i++) {
        const node *n = &w->nodes[i];
        if (node_counts(n)) sum += gossip_engine_stats(n->engine).snapshots_sent;
    }
    return sum;
}

void check_quiet_begin(world *w)
{
    w->quiet_bytes = w->stats.bytes;
    w->quiet_payloads = payloads(w);
    w->quiet_snapshots = snapshots(w);
}

/* Two histories of one id never become one: no node goes on sending all that it has for that. */
static void check_quarrel(world *w, uint64_t span)
{
    uint64_t sent = snapshots(w) - w->quiet_snapshots, pairs = w->nodes_count * w->nodes_count;
    uint64_t bound = pairs * (span / 30000000 + 1);
    w->stats.checks++;
    if (sent <= bound) return;
    check_fail(w, CHECK_QUIET, "%llu snapshots in %llu s between two histories, %llu are the most",
               (ull)sent, (ull)(span / 1000000), (ull)bound);
}

/* Each node asks one peer a round; and a peer that is gone for good is greeted now and then. */
void check_quiet_end(world *w)
{
    uint64_t span = 4 * w->plan->round_max_us, rounds = span / (w->plan->round_us * 4 / 5) + 2;
    uint64_t sent = payloads(w) - w->quiet_payloads, bytes = w->stats.bytes - w->quiet_bytes;
    uint64_t greetings = span / 1000000 + 2, peers = w->nodes_count;
    uint64_t bound = w->nodes_count * (rounds * 200 + greetings * peers * 400);
    if (w->broken || w->forged) return;
    if (w->forked) {
        check_quarrel(w, span);
        return;
    }
    sent += snapshots(w) - w->quiet_snapshots;
    if (sent > 0) {
        check_fail(w, CHECK_QUIET, "%llu entries were sent after all had converged", (ull)sent);
    } else if (bytes > bound) {
        check_fail(w, CHECK_QUIET,
                   "%llu bytes in %llu s after all had converged, %llu are the most", (ull)bytes,
                   (ull)(span / 1000000), (ull)bound);
    }
    w->stats.checks++;
}

/* Two nodes that are both up, and hold two histories of one writer, have met by now. */
void check_forks(world *w)
{
    history *h = &w->history;
    if (w->broken || w->forged || w->blurred || w->unwatched) return;
    for (uint32_t who = 0; who < h->writers_count; who++) {
        const history_writer *writer = &h->writers[who];
        const node           *first = NULL, *second = NULL;
        if (writer->forked == 0 || writer->reported) continue;
        for (size_t i = 0; i < w->nodes_count; i++) {
            const node *n = &w->nodes[i];
            if (!node_counts(n) || node_seen(n, who) < writer->forked) continue;
            if (writer->other >> n->index % 64 & 1) second = n;
            else first = n;
        }
        if (!first || !second) continue;
        check_fail(w, CHECK_ALARM,
                   "nodes %u and %u hold two histories of %llx from %llu on: none reports it",
                   first->index, second->index, (ull)writer->id, (ull)writer->forked);
        return;
    }
    w->stats.checks++;
}

/* -- Comparisons on demand --------------------------------------------------------------------- */

/* All hold the same and nothing is lost any more. */
void check_compare_begin(world *w)
{
    for (size_t i = 0; i < w->nodes_count && !w->unwatched; i++) {
        node *n = &w->nodes[i];
        if (!node_counts(n) || n->clone || w->forked || w->forged) continue;
        n->judged = compare(n);
    }
}

void check_compare_end(world *w)
{
    for (size_t i = 0; i < w->nodes_count; i++) {
        const node *n = &w->nodes[i];
        if (!node_counts(n) || !n->comparing) continue;
        check_fail(w, CHECK_LIVE, "node %u compares itself with a peer and comes to no end",
                   n->index);
    }
}

static void check_compared(node *n, const gossip_action *notice)
{
    world *w = n->world;
    n->comparing = false;
    if (!n->judged || notice->err == CRDT_EIO) return; /* a link may end, by the topology */
    w->stats.checks++;
    if (notice->err == CRDT_OK && notice->count == 0) return;
    check_fail(w, CHECK_CONVERGE, "node %u finds %llu objects that differ at a peer (%s)", n->index,
               (ull)notice->count, crdt_err_name(notice->err));
}

/* -- Alarms ------------------------------------------------------------------------------------ */

void check_notice(node *n, const gossip_action *notice)
{
    world *w = n->world;
    if (notice->notice < 16) w->stats.notices[notice->notice]++;
    bool clones = false;
    for (size_t i = 0; i < w->nodes_count; i++) clones |= w->nodes[i].clone;
    uint32_t who = history_who(&w->history, notice->dot.replica);
    switch (notice->notice) {
    case GOSSIP_FORKED:
    case GOSSIP_CLONED:
        if (who != HISTORY_NOBODY) w->history.writers[who].reported = true;
        n->told |=
            notice->notice == GOSSIP_CLONED && notice->dot.replica == crdt_store_replica(n->store);
        if (clones || w->forged) break;
        /* The node's own HELLO of an earlier run, replayed, looks like a clone's. */
        if (notice->notice == GOSSIP_CLONED && w->plan->hostile) break;
        check_fail(w, CHECK_ALARM, "node %u reports a fork of %llx at %llu, and there is none",
                   n->index, (ull)notice->dot.replica, (ull)notice->dot.seq);
        break;
    case GOSSIP_POISONED:
    case GOSSIP_UNEQUAL:
    case GOSSIP_REPAIRED:
        if (w->forged || w->forked) break;
        check_fail(w, notice->notice == GOSSIP_POISONED ? CHECK_ALARM : CHECK_DIGEST,
                   "node %u reports %s of %llx:%llu (%s), and all are honest", n->index,
                   notice->notice == GOSSIP_POISONED ? "poison" : "unequal digests",
                   (ull)notice->dot.replica, (ull)notice->dot.seq, crdt_err_name(notice->err));
        break;
    case GOSSIP_COMPARED: check_compared(n, notice); break;
    default: break;
    }
}
