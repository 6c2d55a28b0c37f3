/* orders.c: see orders.h. */
#include "bench/traces/orders.h"

#include <stdlib.h>
#include <string.h>

#define REPLICAS 3
#define GROUP_MAX 64
#define WINDOW 2048
#define EXCHANGES 6 /* of states, in one order */

/* Who waits for whom among the transactions. */
typedef struct plan {
    const trace        *t;
    const play_history *h;
    uint64_t            random;
    uint32_t           *first, *children; /* of i: children[first[i]] to before first[i + 1] */
    uint32_t           *waits;            /* for how many i waits */
    uint32_t           *missing, *ready;  /* of an order under way */
    uint32_t           *orders[REPLICAS];
} plan;

static void *must(void *p)
{
    if (p == NULL) bench_die("orders", CRDT_ENOMEM);
    return p;
}

static uint32_t below(plan *p, uint32_t n)
{
    return (uint32_t)(bench_rand(&p->random) % n);
}

static void count_edge(plan *p, uint32_t parent, uint32_t child)
{
    p->first[parent + 2]++;
    p->waits[child]++;
}

static void place_edge(plan *p, uint32_t parent, uint32_t child)
{
    p->children[p->first[parent + 1]++] = child;
}

/* To a transaction from its parents, and from the one before of its agent. */
static void each_edge(plan *p, void (*edge)(plan *p, uint32_t parent, uint32_t child))
{
    const trace *t = p->t;
    uint32_t    *last = must(malloc((t->agents + (size_t)1) * sizeof *last));
    memset(last, 0xff, (t->agents + (size_t)1) * sizeof *last);
    for (uint32_t i = 0; i < t->txns_count; i++) {
        const trace_txn *x = &t->txns[i];
        for (uint32_t k = 0; k < x->parents; k++) edge(p, t->parents[x->first_parent + k], i);
        if (last[x->agent] != UINT32_MAX) edge(p, last[x->agent], i);
        last[x->agent] = i;
    }
    free(last);
}

static void plan_make(plan *p, const trace *t, const play_history *h, uint64_t seed)
{
    size_t n = t->txns_count;
    *p = (plan){.t = t, .h = h, .random = seed};
    p->first = must(calloc(n + 2, sizeof *p->first));
    p->children = must(calloc((size_t)t->parents_count + n + 1, sizeof *p->children));
    p->waits = must(calloc(n + 1, sizeof *p->waits));
    p->missing = must(calloc(n + 1, sizeof *p->missing));
    p->ready = must(calloc(n + 1, sizeof *p->ready));
    for (unsigned r = 0; r < REPLICAS; r++) p->orders[r] = must(calloc(n + 1, sizeof(uint32_t)));
    each_edge(p, count_edge);
    for (size_t i = 2; i < n + 2; i++) p->first[i] += p->first[i - 1];
    each_edge(p, place_edge);
}

static void plan_clear(plan *p)
{
    free(p->first);
    free(p->children);
    free(p->waits);
    free(p->missing);
    free(p->ready);
    for (unsigned r = 0; r < REPLICAS; r++) free(p->orders[r]);
}

/* A random causal order. In some of them who has begun goes on for long, in others hardly. */
static void draw_causal(plan *p, uint32_t *order)
{
    const trace *t = p->t;
    uint32_t     waiting = 0, goes_on = below(p, 3) * 45;
    for (uint32_t i = 0; i < t->txns_count; i++) {
        p->missing[i] = p->waits[i];
        if (p->missing[i] == 0) p->ready[waiting++] = i;
    }
    for (uint32_t n = 0; n < t->txns_count; n++) {
        uint32_t at = below(p, 100) < goes_on ? waiting - 1 : below(p, waiting);
        uint32_t i = p->ready[at];
        p->ready[at] = p->ready[--waiting];
        order[n] = i;
        for (uint32_t k = p->first[i]; k < p->first[i + 1]; k++) {
            if (--p->missing[p->children[k]] == 0) p->ready[waiting++] = p->children[k];
        }
    }
}

/* Not causal at all, but what is a window ahead waits: contexts with holes are slow. */
static void draw_any(plan *p, uint32_t *order)
{
    for (uint32_t i = 0; i < p->t->txns_count; i++) {
        uint32_t start = i - i % WINDOW, j = start + below(p, i - start + 1);
        order[i] = order[j];
        order[j] = i;
    }
}

static crdt_delta *decoded(const plan *p, const crdt_store *store, uint32_t i)
{
    crdt_delta *delta;
    play_bytes  bytes = play_delta(p->h, i);
    crdt_view   in = crdt_view_of(bytes.data, bytes.size);
    bench_must(crdt_delta_decode(store, in, &delta, NULL), "decode a delta");
    return delta;
}

/* -- Deliveries -------------------------------------------------------------------------------- */

static void by_ops(plan *p, crdt_store *store)
{
    draw_causal(p, p->orders[0]);
    for (uint32_t i = 0; i < p->t->txns_count; i++) {
        play_join(store, play_delta(p->h, p->orders[0][i]));
    }
}

/* The next few of an order as one delta. */
static crdt_delta *group_of(plan *p, const crdt_store *store, uint32_t from, uint32_t to)
{
    crdt_delta *group = decoded(p, store, p->orders[0][from]);
    for (uint32_t i = from + 1; i < to; i++) {
        crdt_delta *delta = decoded(p, store, p->orders[0][i]);
        bench_must(crdt_store_merge(group, delta), "group deltas");
        crdt_store_free(delta);
    }
    return group;
}

static void by_groups(plan *p, crdt_store *store)
{
    draw_causal(p, p->orders[0]);
    for (uint32_t i = 0, to; i < p->t->txns_count; i = to) {
        to = i + 1 + below(p, GROUP_MAX);
        if (to > p->t->txns_count) to = p->t->txns_count;
        uint32_t again = i > 0 && below(p, 4) == 0 ? below(p, i) : i; /* some of it a second time */
        crdt_delta *group = group_of(p, store, i - again > GROUP_MAX ? i : again, to);
        bench_must(crdt_store_join(store, group, BENCH_NOW), "join a group");
        if (below(p, 4) == 0) bench_must(crdt_store_join(store, group, BENCH_NOW), "join again");
        crdt_store_free(group);
    }
}

static void in_any_order(plan *p, crdt_store *store)
{
    draw_any(p, p->orders[0]);
    for (uint32_t i = 0; i < p->t->txns_count; i++) {
        for (unsigned times = 1 + (below(p, 4) == 0); times > 0; times--) {
            crdt_delta *delta = decoded(p, store, p->orders[0][i]);
            bench_must(crdt_store_merge(store, delta), "merge");
            crdt_store_free(delta);
        }
    }
}

static void take_state(crdt_store *store, const crdt_store *other)
{
    crdt_buf out;
    crdt_buf_init(&out, NULL);
    bench_must(crdt_store_encode(other, &out), "encode");
    play_join(store, (play_bytes){out.data, out.size});
    crdt_buf_clear(&out);
}

static void take_what_lacks(crdt_store *store, const crdt_store *other)
{
    crdt_delta *delta;
    bench_must(crdt_store_since(other, crdt_store_context(store), &delta), "since a context");
    take_state(store, delta);
    crdt_store_free(delta);
}

static void by_states(plan *p, crdt_store **stores)
{
    uint32_t n = p->t->txns_count, done[REPLICAS] = {0};
    for (unsigned r = 0; r < REPLICAS; r++) draw_causal(p, p->orders[r]);
    for (unsigned e = 0; e < EXCHANGES; e++) {
        unsigned r = below(p, REPLICAS), from = (r + 1 + below(p, REPLICAS - 1)) % REPLICAS;
        for (uint32_t more = below(p, 2 * n / EXCHANGES + 1); more > 0 && done[r] < n; more--) {
            play_join(stores[r], play_delta(p->h, p->orders[r][done[r]++]));
        }
        take_state(stores[from], stores[r]);
    }
    for (; done[0] < n; done[0]++) play_join(stores[0], play_delta(p->h, p->orders[0][done[0]]));
    for (unsigned r = 1; r < REPLICAS; r++) take_what_lacks(stores[r], stores[0]);
}

/* -- All of them ------------------------------------------------------------------------------- */

static void one(plan *p, void (*deliver)(plan *p, crdt_store *store))
{
    crdt_store *store = play_new(PLAY_READER, NULL);
    deliver(p, store);
    play_verify(p->t, store, false);
    crdt_store_free(store);
}

static void three(plan *p)
{
    crdt_store *stores[REPLICAS];
    for (unsigned r = 0; r < REPLICAS; r++) stores[r] = play_new(PLAY_READER + r, NULL);
    by_states(p, stores);
    for (unsigned r = 0; r < REPLICAS; r++) {
        play_verify(p->t, stores[r], false);
        crdt_store_free(stores[r]);
    }
}

void orders_play(const trace *t, const play_history *h, unsigned orders, uint64_t seed)
{
    plan p;
    plan_make(&p, t, h, seed);
    for (unsigned i = 0; i < orders; i++) {
        one(&p, by_ops);
        one(&p, by_groups);
        one(&p, in_any_order);
        three(&p);
        bench_say(
            "%s: order %u of %u ends as recorded, by ops, delta groups, in any order, by states",
            t->name, i + 1, orders);
    }
    plan_clear(&p);
}
