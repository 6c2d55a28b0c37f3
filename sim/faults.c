/* faults.c: the events of a plan: how each begins and ends. */
#include <string.h>

#include "sim/must.h"
#include "sim/random.h"
#include "sim/world.h"

static void end_later(world *w, size_t index, uint64_t after)
{
    queue_push(&w->queue, (event){w->now + after, 0, EVENT_END, 0, (uint32_t)index, NULL});
}

/* -- Disks that are taken away ----------------------------------------------------------------- */

/* The node holds nothing durably any more. What nobody else holds is forfeited. */
static void forfeit(world *w, const node *n)
{
    uint64_t bit = UINT64_C(1) << n->index % 64;
    for (size_t i = 0; i < w->history.count; i++) {
        history_entry *e = &w->history.entries[i];
        e->holders &= ~bit;
        if (e->holders == 0) e->forfeited = true;
    }
    w->set_back = true;
}

static void set_back(world *w, node *n, const vault *to)
{
    if (n->state == NODE_UP) node_crash(n);
    if (n->state != NODE_DOWN) return;
    node_reset(n);
    if (to) vault_copy(&n->vault, to);
    n->vault.machine += 1000; /* it is another machine, or another directory */
    n->lost_disk = true;
    w->blurred = true;
    forfeit(w, n);
    node_start(n);
}

/* Whoever runs the cluster tells the others. */
static void forget(node *n, const node *gone)
{
    gossip_peer_info info;
    if (n->state != NODE_UP) return;
    for (size_t i = 0; gossip_engine_peer(n->engine, i, &info); i++) {
        if (crdt_view_compare(info.address, crdt_text_view(gone->address)) != 0) continue;
        crdt_err err = gossip_engine_forget_peer(n->engine, info.handle);
        if (err) check_fail(n->world, CHECK_ERROR, "forget_peer gives %s", crdt_err_name(err));
        return;
    }
}

/* A bit turns in files that a node has synced, a bit more now and then. */
static void rot(node *n, uint64_t choices)
{
    if (n->state == NODE_UP) node_crash(n);
    if (n->state != NODE_DOWN) return;
    for (uint64_t left = 1 + random_below(&choices, 3); left > 0; left--) {
        n->rotten |= vault_rot(&n->vault, random_next(&choices));
    }
    n->scarred |= n->rotten;
}

static void leave(world *w, node *n)
{
    if (n->state == NODE_UP) node_stop(n);
    n->state = NODE_GONE;
    forfeit(w, n);
    for (size_t i = 0; i < w->nodes_count; i++) forget(&w->nodes[i], n);
}

static void clone(world *w, node *from, bool machine)
{
    node *n = world_spare(w);
    if (!n || from->state != NODE_UP) return;
    vault_copy(&n->vault, &from->vault);
    n->id = from->id;
    n->clone = true;
    n->scarred = from->scarred;
    w->set_back = true; /* it will succeed an id that is still in use */
    if (machine) {
        /* As two virtual machines from one image that had stopped cleanly. */
        n->vault.machine = from->vault.machine;
        n->vault.stopped_on = from->vault.machine;
        n->vault.last_seq = crdt_context_base(crdt_store_context(from->store), from->vault.replica);
    }
    node_start(n);
}

/* -- Links ------------------------------------------------------------------------------------- */

static void cut_link(world *w, uint32_t from, uint32_t to, uint64_t until)
{
    network_link *link = network_at(&w->net, from, to);
    if (link && link->clogged_until < until) link->clogged_until = until;
}

static void part(world *w, uint64_t mask, uint64_t until, bool both)
{
    for (uint32_t a = 0; a < w->nodes_count; a++) {
        for (uint32_t b = 0; b < w->nodes_count; b++) {
            bool out = mask >> a % 64 & 1 && !(mask >> b % 64 & 1);
            if (!out) continue;
            cut_link(w, a, b, until);
            if (both) cut_link(w, b, a, until);
        }
    }
}

static void unclog_all(world *w)
{
    for (size_t i = 0; w->net.links && i < w->net.nodes * w->net.nodes; i++) {
        w->net.links[i].clogged_until = 0;
    }
}

/* -- Events ------------------------------------------------------------------------------------ */

static void jump(node *n, const plan_event *e)
{
    n->skew += (int64_t)e->a;
}

/* Those that need a node that is up. */
static void on_node(world *w, node *n, const plan_event *e, size_t index)
{
    switch (e->kind) {
    case PLAN_WRITE: work_write(n, e->a); break;
    case PLAN_READ: work_read(n); break;
    case PLAN_CRASH:
        if (e->b == 0) node_crash(n);
        else n->die_in = e->b;
        end_later(w, index, e->a);
        break;
    case PLAN_STOP:
        node_stop(n);
        end_later(w, index, e->a);
        break;
    case PLAN_FULL:
        n->full_until = w->now + e->a;
        vault_full(&n->vault, true);
        end_later(w, index, e->a);
        break;
    case PLAN_DISKERR: vault_fail(&n->vault, e->b); break;
    case PLAN_NOMEM: memory_refuse(&n->mem, e->b, e->a); break;
    case PLAN_CLONE: clone(w, n, e->a); break;
    case PLAN_BACKUP:
        vault_copy(&n->backup, &n->vault);
        n->has_backup = true;
        break;
    case PLAN_LEAVE: leave(w, n); break;
    default: must_fail("event %s is none of a node", plan_kind_name(e->kind));
    }
}

static void on_clock(world *w, node *n, const plan_event *e, size_t index)
{
    jump(n, e);
    if (e->b) end_later(w, index, e->b);
}

void fault_begin(world *w, size_t index)
{
    const plan_event *e = &w->plan->events[index];
    node             *n = &w->nodes[e->node % w->nodes_count];
    uint64_t          until = w->now + e->a;
    switch (e->kind) {
    case PLAN_PAUSE: n->paused_until = until; break;
    case PLAN_SLOW:
        n->slow_until = until;
        n->slow_us = e->b;
        break;
    case PLAN_PART: part(w, e->b, until, true); break;
    case PLAN_ONEWAY: part(w, e->b, until, false); break;
    case PLAN_CLOG: cut_link(w, e->node, (uint32_t)e->b, until); break;
    case PLAN_OFFLINE: n->offline_until = until; break;
    case PLAN_SKEW: on_clock(w, n, e, index); break;
    case PLAN_RESTORE:
        if (n->has_backup) set_back(w, n, &n->backup);
        break;
    case PLAN_WIPE: set_back(w, n, NULL); break;
    case PLAN_JOIN:
        n = world_spare(w);
        if (n) node_start(n);
        break;
    case PLAN_ROT:
        rot(n, e->b);
        end_later(w, index, e->a);
        break;
    case PLAN_HOSTILE: hostile_send(w, n, e->a, e->b); break;
    default:
        if (n->state == NODE_UP) on_node(w, n, e, index);
        break;
    }
}

void fault_end(world *w, size_t index)
{
    const plan_event *e = &w->plan->events[index];
    node             *n = &w->nodes[e->node % w->nodes_count];
    switch (e->kind) {
    case PLAN_CRASH:
        if (n->state == NODE_UP && n->die_in > 0) node_crash(n); /* it did nothing meanwhile */
        if (n->state == NODE_DOWN) node_start(n);
        break;
    case PLAN_STOP:
    case PLAN_ROT:
        if (n->state == NODE_DOWN) node_start(n);
        break;
    case PLAN_FULL:
        if (n->full_until <= w->now) vault_full(&n->vault, false);
        break;
    case PLAN_SKEW:
        if (!w->healed) n->skew -= (int64_t)e->a;
        break;
    default: break;
    }
}

void fault_end_all(world *w)
{
    unclog_all(w);
    for (size_t i = 0; i < w->nodes_count; i++) {
        node *n = &w->nodes[i];
        n->paused_until = 0;
        n->slow_until = 0;
        n->busy_until = 0;
        n->offline_until = 0;
        n->full_until = 0;
        if (n->vault.full) vault_full(&n->vault, false);
        n->vault.fail_in = 0;
        n->die_in = 0;
        n->skew = 0;
        memory_refuse_none(&n->mem);
        if (n->clone && n->state != NODE_ABSENT) {
            n->shunned = true; /* whoever runs the cluster found the second of the two */
            leave(w, n);
        }
        if (n->state == NODE_DOWN) node_start(n);
    }
    for (size_t i = 0; i < w->nodes_count; i++) node_schedule(&w->nodes[i]);
}
