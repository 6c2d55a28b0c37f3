/* world.c: see world.h. */
#include "sim/world.h"

#include <stdlib.h>
#include <string.h>

#include "sim/must.h"
#include "sim/random.h"

#define SECOND UINT64_C(1000000)
#define STANDING_MAX 20000      /* events at one moment */
#define RESEND_US (10 * SECOND) /* what was lost before faults ended is sent again until then */
#define LOOK_US 500000          /* the checkers look around so often, at most every 64 events */

void world_init(world *w)
{
    memset(w, 0, sizeof *w);
    history_init(&w->history);
}

void world_free(world *w)
{
    world_end(w);
    for (size_t i = 0; i < w->nodes_cap; i++) {
        if (w->nodes[i].world) node_free(&w->nodes[i]);
    }
    free(w->nodes);
    queue_free(&w->queue);
    network_free(&w->net);
    history_free(&w->history);
    memset(w, 0, sizeof *w);
}

void world_mix(world *w, uint64_t n)
{
    w->trace = random_mix(w->trace ^ n) + UINT64_C(0x9e3779b97f4a7c15);
}

uint64_t world_bound(const plan *p)
{
    uint64_t nodes = p->nodes + p->spares;
    uint64_t round = p->round_max_us > 5 * SECOND ? p->round_max_us : 5 * SECOND;
    return (30 + 6 * nodes) * round;
}

/* -- Beginning --------------------------------------------------------------------------------- */

static bool is_calm(const plan *p)
{
    if (p->loss || p->duplicate || p->corrupt || p->hostile || p->tail) return false;
    for (size_t i = 0; i < p->count; i++) {
        if (p->events[i].kind != PLAN_WRITE && p->events[i].kind != PLAN_READ) return false;
    }
    return true;
}

static bool is_lasting(const plan *p)
{
    if (p->persist == 0 || p->hostile || p->nodes > PLAN_NODES_MAX || p->ack_us == 0) return false;
    for (size_t i = 0; i < p->count; i++) {
        switch ((plan_kind)p->events[i].kind) {
        case PLAN_CLONE:
        case PLAN_RESTORE:
        case PLAN_WIPE:
        case PLAN_LEAVE: return false;
        default: break;
        }
    }
    return true;
}

static void make_nodes(world *w, const plan *p)
{
    size_t count = p->nodes + p->spares;
    if (w->nodes_cap < count) {
        /* Nodes are pointed at: they are made anew rather than moved. */
        for (size_t i = 0; i < w->nodes_cap; i++) node_free(&w->nodes[i]);
        free(w->nodes);
        w->nodes = must_alloc(count * sizeof *w->nodes);
        w->nodes_cap = count;
    }
    w->nodes_count = count;
    for (uint32_t i = 0; i < w->nodes_cap; i++) node_init(&w->nodes[i], w, i);
    uint64_t rand = random_stream(p->seed, 3);
    for (uint32_t i = 0; i < count; i++) {
        int64_t span = (int64_t)p->drift;
        if (span) w->nodes[i].skew = (int64_t)random_below(&rand, (uint64_t)span) - span / 2;
    }
    for (uint32_t i = 0; i < p->nodes; i++) node_start(&w->nodes[i]);
}

void world_begin(world *w, const plan *p)
{
    world_end(w);
    w->plan = p;
    w->now = 1;
    w->rand = random_stream(p->seed, 2);
    w->ids = random_stream(p->seed, 4);
    w->next_event = 0;
    w->healed = false;
    w->quiet = is_calm(p);
    w->lasting = is_lasting(p);
    w->forged = p->hostile >= 2;
    w->forked = false;
    w->blurred = p->log_bytes < 1u << 20;          /* logs that were cut: nothing to compare with */
    w->set_back = p->persist == 2 && p->sync != 0; /* what is stable is as durable as promised */
    w->unwatched = p->nodes > PLAN_NODES_MAX;
    w->last_change = 0;
    w->standing = 0;
    w->trace = p->seed;
    memset(&w->stats, 0, sizeof w->stats);
    w->broken = CHECK_NONE;
    w->why[0] = 0;
    w->watch_next = w->watch_every;
    queue_clear(&w->queue);
    history_reset(&w->history);
    network_reset(&w->net, p->nodes + p->spares);
    w->history.watched = !w->unwatched;
    work_begin(w);
    make_nodes(w, p);
    if (p->count) queue_push(&w->queue, (event){p->events[0].at, 0, EVENT_PLAN, 0, 0, NULL});
    queue_push(&w->queue, (event){LOOK_US, 0, EVENT_LOOK, 0, 0, NULL});
}

void world_end(world *w)
{
    uint64_t crashes = w->stats.crashes;
    for (size_t i = 0; i < w->nodes_count; i++) {
        if (w->nodes[i].state == NODE_UP) node_crash(&w->nodes[i]);
    }
    w->stats.crashes = crashes; /* these were none */
    queue_clear(&w->queue);
}

node *world_spare(world *w)
{
    for (size_t i = w->plan->nodes; i < w->nodes_count; i++) {
        if (w->nodes[i].state == NODE_ABSENT) return &w->nodes[i];
    }
    return NULL;
}

/* -- Running ----------------------------------------------------------------------------------- */

/* True: not now; it comes again when the node can take it. */
static bool put_off(world *w, node *n, const event *e)
{
    uint64_t at = n->paused_until > n->busy_until ? n->paused_until : n->busy_until;
    if (at <= w->now) return false;
    event later = *e;
    later.at = at;
    queue_push(&w->queue, later);
    return true;
}

static void on_message(world *w, event *e)
{
    node *n = &w->nodes[e->node];
    if (n->state == NODE_UP && put_off(w, n, e)) return;
    if (n->state == NODE_UP && n->offline_until <= w->now) {
        if (n->slow_until > w->now) n->busy_until = w->now + n->slow_us;
        node_receive(n, e->message);
    }
    free(e->message);
}

static void on_wake(world *w, event *e)
{
    node *n = &w->nodes[e->node];
    if (n->wake_at != e->at) return; /* another one is in the queue, or its node died */
    n->wake_at = UINT64_MAX;
    if (n->state != NODE_UP) return;
    if (n->paused_until > w->now || !node_is_due(n)) {
        node_schedule(n);
        return;
    }
    node_run(n);
}

static void on_plan(world *w)
{
    const plan *p = w->plan;
    size_t      index = w->next_event++;
    if (w->next_event < p->count) {
        queue_push(&w->queue, (event){p->events[w->next_event].at, 0, EVENT_PLAN, 0, 0, NULL});
    }
    fault_begin(w, index);
}

static void step(world *w)
{
    event e;
    if (!queue_pop(&w->queue, &e)) must_fail("nothing is left to happen");
    w->standing = e.at == w->now ? w->standing + 1 : 0;
    w->now = e.at;
    w->stats.events++;
    if (w->standing > STANDING_MAX) {
        check_fail(w, CHECK_LIVE, "time stands still: node %u has always something to do", e.node);
    }
    world_mix(w, e.at ^ (uint64_t)e.kind << 60 ^ (uint64_t)e.node << 40);
    switch (e.kind) {
    case EVENT_MESSAGE: on_message(w, &e); break;
    case EVENT_WAKE: on_wake(w, &e); break;
    case EVENT_PLAN: on_plan(w); break;
    case EVENT_END: fault_end(w, e.what); break;
    case EVENT_LOOK:
        queue_push(&w->queue,
                   (event){w->now + (w->plan->round_max_us > 60 * SECOND ? w->plan->round_max_us
                                                                         : LOOK_US),
                           0, EVENT_LOOK, 0, 0, NULL});
        check_look(w);
        break;
    }
}

void world_until(world *w, uint64_t at)
{
    while (!w->broken && queue_next(&w->queue) <= at) {
        while (w->watch && queue_next(&w->queue) > w->watch_next) {
            w->watch(w, w->watch_user);
            w->watch_next += w->watch_every;
        }
        step(w);
    }
    if (!w->broken) w->now = at;
}

void world_heal(world *w)
{
    w->healed = true;
    fault_end_all(w);
}

uint64_t world_ack_us(const world *w)
{
    return w->plan->ack_us / 8 * (w->nodes_count > 8 ? w->nodes_count : 8);
}

bool world_settle(world *w, uint64_t bound)
{
    uint64_t begin = w->now, end = begin + bound;
    /* Acknowledgements follow what they acknowledge: quiet for a while means settled. */
    uint64_t calm = 4 * world_ack_us(w) + 2 * SECOND;
    uint64_t stride = w->plan->round_max_us > 60 * SECOND ? w->plan->round_max_us : SECOND / 4;
    while (!w->broken && w->now < end) {
        world_until(w, w->now + stride);
        if (w->now - w->last_change >= calm && check_settled(w)) {
            w->stats.converge_us = w->last_change > begin ? w->last_change - begin : 0;
            return true;
        }
    }
    return false;
}

void world_run(world *w, const plan *p)
{
    world_begin(w, p);
    world_until(w, p->duration);
    if (!w->broken) {
        world_heal(w);
        bool settled = world_settle(w, world_bound(p));
        if (!w->broken && !settled && !w->forked && !w->forged) check_converged(w);
        check_forks(w);
        if (!w->broken && settled) {
            check_converged(w);
            check_kept(w);
            check_compare_begin(w);
            world_until(w, w->now + RESEND_US);
            check_compare_end(w);
        }
        if (!w->broken && (settled || w->forked)) {
            check_quiet_begin(w);
            world_until(w, w->now + 4 * p->round_max_us);
            check_quiet_end(w);
        }
    }
    world_end(w);
}
