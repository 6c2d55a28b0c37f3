/* plan.c: from a seed to a plan: a swarm of options (Groce et al., "Swarm testing", ISSTA 2012). */
#include "sim/plan.h"

#include <stdlib.h>
#include <string.h>

#include "crdt/types.h"
#include "sim/must.h"
#include "sim/random.h"

#define MS UINT64_C(1000)
#define SECOND UINT64_C(1000000)
#define HOUR (3600 * SECOND)

const char *plan_kind_name(plan_kind kind)
{
    static const char *const names[] = {
#define PLAN_KIND(id, name, text) #name,
#include "sim/faults.def"
#undef PLAN_KIND
    };
    return kind < PLAN_KINDS ? names[kind] : "none";
}

const char *plan_topology_name(plan_topology topology)
{
    static const char *const names[] = {"mesh", "ring", "star", "line", "cliques"};
    return topology < PLAN_TOPOLOGIES ? names[topology] : "none";
}

uint64_t plan_types(void)
{
    const crdt_types *types = crdt_types_builtin();
    uint64_t          mask = 0;
    for (size_t i = 0; i < types->count; i++) mask |= UINT64_C(1) << types->list[i]->id % 64;
    return mask;
}

void plan_init(plan *p, uint64_t seed)
{
    memset(p, 0, sizeof *p);
    p->seed = seed;
    p->nodes = 3;
    p->persist = 1;
    p->segment_bytes = 64u << 20;
    p->types = plan_types();
    p->objects = 4;
    p->ops_max = 3;
    p->value_max = 16;
    p->duration = 10 * SECOND;
    p->delay = MS;
    p->jitter = MS;
    p->tail_us = SECOND;
    p->mesh_max = 8;
    p->active_links = 9;
    p->chunk_bytes = 65536;
    p->credit_frames = 8;
    p->credit_bytes = 262144;
    p->log_bytes = 256u << 20;
    p->parked_bytes = 8u << 20;
    p->parked_entries = 4096;
    p->round_us = SECOND;
    p->round_max_us = 5 * SECOND;
    p->push_us = 2 * MS;
    p->have_us = 50 * MS;
    p->graft_us = 150 * MS;
    p->timeout_us = SECOND;
    p->ack_us = SECOND;
}

void plan_add(plan *p, plan_event e)
{
    must_grow(&p->events, &p->cap, p->count + 1, sizeof *p->events);
    p->events[p->count++] = e;
}

void plan_sort(plan *p)
{
    /* Insertion: made nearly in order, and stable. */
    for (size_t i = 1; i < p->count; i++) {
        plan_event e = p->events[i];
        size_t     j = i;
        for (; j > 0 && p->events[j - 1].at > e.at; j--) p->events[j] = p->events[j - 1];
        p->events[j] = e;
    }
}

void plan_copy(plan *p, const plan *from)
{
    plan_event *events = p->events;
    size_t      cap = p->cap;
    *p = *from;
    p->events = events;
    p->cap = cap;
    must_grow(&p->events, &p->cap, from->count, sizeof *p->events);
    if (from->count) memcpy(p->events, from->events, from->count * sizeof *p->events);
}

void plan_free(plan *p)
{
    free(p->events);
    p->events = NULL;
    p->count = 0;
    p->cap = 0;
}

bool plan_is_sane(const plan *p)
{
    return p->nodes >= 1 && p->nodes + p->spares <= PLAN_NODES_MAX && p->objects >= 1 &&
           p->ops_max >= 1 && p->topology < PLAN_TOPOLOGIES && p->round_us > 0 &&
           p->round_max_us >= p->round_us && p->chunk_bytes >= 1024 &&
           p->credit_bytes >= p->chunk_bytes && p->credit_frames > 0 && p->timeout_us > 0;
}

/* -- From a seed ------------------------------------------------------------------------------- */

typedef struct swarm {
    plan    *p;
    uint64_t rand;
    uint64_t total; /* nodes and spares */
} swarm;

static bool half(swarm *s)
{
    return random_next(&s->rand) >> 63;
}

static uint64_t when(swarm *s)
{
    return random_between(&s->rand, 10 * MS, s->p->duration - 1);
}

static uint32_t whom(swarm *s)
{
    return (uint32_t)random_below(&s->rand, s->p->nodes);
}

/* How long a fault lasts: mostly short, at most a third of the run. */
static uint64_t while_(swarm *s)
{
    return random_scale(&s->rand, 50 * MS, s->p->duration / 3);
}

static void add(swarm *s, plan_kind kind, uint32_t node, uint64_t a, uint64_t b)
{
    plan_add(s->p, (plan_event){when(s), kind, node, a, b});
}

static void network_settings(swarm *s)
{
    plan *p = s->p;
    p->delay = random_scale(&s->rand, 100, 40 * MS);
    p->jitter = half(s) ? random_scale(&s->rand, 100, 4 * p->delay) : 0;
    p->tail = half(s) ? random_scale(&s->rand, 500, 50000) : 0;
    p->tail_us = random_scale(&s->rand, 50 * MS, 4 * SECOND);
    p->loss = half(s) ? random_scale(&s->rand, 2000, 300000) : 0;
    p->duplicate = half(s) ? random_scale(&s->rand, 2000, 200000) : 0;
    p->corrupt = half(s) ? random_scale(&s->rand, 500, 50000) : 0;
    p->hostile = half(s) ? random_between(&s->rand, 1, 2) : 0;
    /* Forged frames with good checksums can say anything: then less can be promised. Rarer. */
    if (p->hostile == 2 && half(s)) p->hostile = 1;
}

static void engine_settings(swarm *s)
{
    plan *p = s->p;
    if (half(s)) p->chunk_bytes = random_scale(&s->rand, 1024, 65536);
    if (half(s)) p->credit_frames = random_scale(&s->rand, 1, 8);
    if (half(s)) p->log_bytes = random_scale(&s->rand, 4096, 1u << 20);
    if (half(s)) p->parked_entries = random_scale(&s->rand, 2, 256);
    if (half(s)) p->parked_bytes = random_scale(&s->rand, 2048, 1u << 20);
    if (half(s)) p->round_us = random_scale(&s->rand, 200 * MS, 2 * SECOND);
    if (half(s)) p->push_us = random_scale(&s->rand, 100, 20 * MS);
    if (half(s)) p->ack_us = random_scale(&s->rand, 200 * MS, 3 * SECOND);
    if (half(s)) p->mesh_max = random_between(&s->rand, 2, 6);
    p->active_links = random_between(&s->rand, 2, 5);
    p->round_max_us = p->round_us * random_between(&s->rand, 2, 5);
}

/* At each node: it dies, stops, stands still, is slow, has no room, no memory, a wrong clock. */
static void node_faults(swarm *s)
{
    static const plan_kind kinds[] = {PLAN_CRASH, PLAN_STOP, PLAN_PAUSE,   PLAN_SLOW,    PLAN_FULL,
                                      PLAN_NOMEM, PLAN_SKEW, PLAN_OFFLINE, PLAN_DISKERR, PLAN_ROT};
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        if (!half(s)) continue;
        uint64_t times = random_between(&s->rand, 1, 3);
        for (uint64_t i = 0; i < times; i++) {
            uint64_t a = while_(s), b = 0;
            switch (kinds[k]) {
            case PLAN_CRASH: b = random_scale(&s->rand, 1, 32) - 1; break;
            case PLAN_DISKERR: b = random_scale(&s->rand, 1, 64); break;
            case PLAN_ROT: b = random_next(&s->rand); break;
            case PLAN_SLOW: b = random_scale(&s->rand, 100, 100 * MS); break;
            case PLAN_NOMEM:
                a = random_scale(&s->rand, 1, 64);
                b = random_scale(&s->rand, 1, 512);
                break;
            case PLAN_SKEW:
                a = random_scale(&s->rand, 1, UINT64_C(10) * 365 * 86400 * 1000);
                if (half(s)) a = 0 - a;
                b = half(s) ? while_(s) : 0;
                break;
            default: break;
            }
            add(s, kinds[k], whom(s), a, b);
        }
    }
}

static void link_faults(swarm *s)
{
    uint64_t mask = (UINT64_C(1) << s->total) - 1;
    if (half(s)) {
        for (uint64_t i = random_between(&s->rand, 1, 3); i > 0; i--) {
            add(s, PLAN_PART, 0, while_(s), random_next(&s->rand) & mask);
        }
    }
    if (half(s)) add(s, PLAN_ONEWAY, 0, while_(s), random_next(&s->rand) & mask);
    if (half(s)) { /* swizzled: links stop one after the other, and come back in another order */
        uint32_t node = whom(s);
        uint64_t at = when(s), step = random_scale(&s->rand, MS, 200 * MS);
        for (uint32_t i = 0; i < s->p->nodes; i++) {
            uint64_t   lasts = random_scale(&s->rand, 10 * MS, 10 * step * s->p->nodes);
            plan_event e = {at + i * step, PLAN_CLOG, node, lasts, i};
            if (half(s)) e = (plan_event){e.at, PLAN_CLOG, i, lasts, node};
            if (i != node) plan_add(s->p, e);
        }
    }
}

static void identity_faults(swarm *s)
{
    plan *p = s->p;
    if (half(s)) {
        uint32_t node = whom(s);
        add(s, PLAN_BACKUP, node, 0, 0);
        add(s, PLAN_RESTORE, node, 0, 0);
    }
    if (half(s) && half(s)) add(s, PLAN_WIPE, whom(s), 0, 0);
    if (half(s) && half(s) && p->topology <= PLAN_STAR) {
        p->spares++;
        add(s, PLAN_CLONE, whom(s), half(s), 0);
    }
    if (half(s)) {
        p->spares++;
        add(s, PLAN_JOIN, 0, 0, 0);
    }
    /* Where links are fixed, or all are told of one node, the others could not go on without it. */
    bool may_leave = p->nodes > 2 && p->topology <= PLAN_RING && !p->learn;
    if (half(s) && half(s) && may_leave) add(s, PLAN_LEAVE, whom(s), 0, 0);
}

static void work(swarm *s)
{
    uint64_t writes = random_scale(&s->rand, 10, 200);
    for (uint64_t i = 0; i < writes; i++) {
        add(s, PLAN_WRITE, whom(s), random_next(&s->rand), 0);
        if (random_below(&s->rand, 8) == 0) add(s, PLAN_READ, whom(s), 0, 0);
    }
    if (half(s)) { /* a burst at one place */
        uint64_t   at = when(s);
        plan_event e = {at, PLAN_WRITE, whom(s), 0, 0};
        for (uint64_t i = random_between(&s->rand, 5, 50); i > 0; i--) {
            e.a = random_next(&s->rand);
            plan_add(s->p, e);
        }
    }
    if (s->p->hostile) {
        for (uint64_t i = random_between(&s->rand, 1, 20); i > 0; i--) {
            add(s, PLAN_HOSTILE, whom(s), random_next(&s->rand), random_scale(&s->rand, 1, 8));
        }
    }
}

/* One in some hundred: a node that is away for three days, between rounds that are far apart. */
static void long_absence(swarm *s)
{
    plan *p = s->p;
    p->nodes = 3;
    p->duration = 73 * HOUR;
    p->round_max_us = 1800 * SECOND;
    plan_add(p, (plan_event){SECOND, PLAN_OFFLINE, whom(s), 72 * HOUR, 0});
    for (unsigned i = 0; i < 60; i++) add(s, PLAN_WRITE, whom(s), random_next(&s->rand), 0);
    plan_sort(p);
}

void plan_make(plan *p, uint64_t seed)
{
    plan_event *events = p->events;
    size_t      cap = p->cap;
    plan_init(p, seed);
    p->events = events;
    p->cap = cap;
    swarm s = {p, random_stream(seed, 1), 0};
    p->nodes = random_between(&s.rand, 2, random_below(&s.rand, 4) ? 5 : 9);
    p->topology = random_below(&s.rand, PLAN_TOPOLOGIES);
    p->learn = p->topology < PLAN_LINE && half(&s);
    p->persist = random_between(&s.rand, 1, 2);
    if (p->persist == 2 && half(&s)) p->sync = random_between(&s.rand, 1, 2);
    p->segment_bytes = half(&s) ? random_scale(&s.rand, 4096, 1 << 20) : 64u << 20;
    p->types = random_next(&s.rand) & plan_types();
    if (p->types == 0) p->types = plan_types();
    p->objects = random_between(&s.rand, 1, 6);
    p->ops_max = random_between(&s.rand, 1, 5);
    p->value_max = half(&s) ? 16 : random_scale(&s.rand, 16, 4096);
    p->duration = random_scale(&s.rand, 2 * SECOND, 20 * SECOND);
    p->drift = half(&s) ? random_scale(&s.rand, 1, 600 * 1000) : 0;
    network_settings(&s);
    engine_settings(&s);
    if (random_below(&s.rand, 400) == 0) {
        long_absence(&s);
        return;
    }
    identity_faults(&s);
    s.total = p->nodes + p->spares;
    node_faults(&s);
    link_faults(&s);
    work(&s);
    plan_sort(p);
}
