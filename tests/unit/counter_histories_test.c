/* counter_histories_test.c: random histories of counters against a naive oracle.
 *
 * The oracle knows events and what each had seen: an increment counts iff no reset that is held saw
 * it. Every replica is compared with it after every step, whatever way its state came: deltas,
 * deltas through bytes, whole states, deltas since a context; some replicas collect what is stable
 * (rule R1 of the design). At the end all are equal byte for byte, and so is a store that merged
 * all deltas shuffled and doubled, where nothing was collected.
 *
 * SEED=n and CRDT_HISTORIES=n (per type) from the environment.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crdt/gcounter.h"
#include "crdt/pncounter.h"
#include "tests/lib/t.h"
#include "tests/lib/testmem.h"

#define REPLICAS_MAX 4
#define EVENTS_MAX 60

typedef struct event {
    crdt_delta *delta;
    uint64_t    author; /* index of a replica */
    uint64_t    seen;   /* events that happened before, and itself */
    int64_t     adds;
    bool        resets;
} event;

typedef struct world {
    testmem          mem;
    const crdt_type *type;
    uint64_t         seed, round;
    unsigned         replicas, events, resets;
    bool             collects;
    crdt_store      *stores[REPLICAS_MAX];
    uint64_t         holds[REPLICAS_MAX];
    event            log[EVENTS_MAX];
} world;

static uint64_t rnd(world *w, uint64_t n)
{
    w->seed ^= w->seed << 13;
    w->seed ^= w->seed >> 7;
    w->seed ^= w->seed << 17;
    return (w->seed >> 11) % n;
}

static uint64_t env(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text != NULL && *text != 0 ? strtoull(text, NULL, 10) : otherwise;
}

/* -- The oracle -------------------------------------------------------------------------------- */

static int64_t oracle(const world *w, uint64_t held)
{
    int64_t  value = 0;
    uint64_t taken = 0;
    for (unsigned i = 0; i < w->events; i++) {
        bool holds = held >> i & 1;
        if (holds && w->log[i].resets) taken |= w->log[i].seen & ~(UINT64_C(1) << i);
    }
    for (unsigned i = 0; i < w->events; i++) {
        if ((held & ~taken) >> i & 1) value += w->log[i].adds;
    }
    return value;
}

/* Does held hold what happened before each of its events? Else a reset may be missing that a held
 * one relied on, and reads are not yet the oracle's. */
static bool closed(const world *w, uint64_t held)
{
    for (unsigned i = 0; i < w->events; i++) {
        if (held >> i & 1 && (w->log[i].seen & ~held) != 0) return false;
    }
    return true;
}

static int64_t value_of(const world *w, crdt_ref ref)
{
    int64_t  value = -1;
    crdt_err err = w->type == &crdt_gcounter_type ? crdt_gcounter_value(ref, &value)
                                                  : crdt_pncounter_value(ref, &value);
    CHECK_OK(err);
    return value;
}

static void verify(const world *w, unsigned r)
{
    const char *reason = "";
    int64_t     value = value_of(w, crdt_store_solo(w->stores[r])), want = oracle(w, w->holds[r]);
    CHECK_MSG(value == want || !closed(w, w->holds[r]),
              "%s round %llu: replica %u reads %lld, the oracle %lld", w->type->name,
              (unsigned long long)w->round, r, (long long)value, (long long)want);
    CHECK_MSG(crdt_store_check(w->stores[r], &reason), "round %llu: %s",
              (unsigned long long)w->round, reason);
}

/* -- Steps ------------------------------------------------------------------------------------- */

static int64_t amount(world *w)
{
    int64_t n = 1 + (int64_t)rnd(w, 9);
    return rnd(w, 12) == 0 ? n << 32 : n;
}

static void add(world *w, crdt_txn *txn, event *e)
{
    int64_t n = amount(w);
    if (w->type == &crdt_gcounter_type) {
        CHECK_OK(crdt_gcounter_inc(txn, CRDT_SOLO, (uint64_t)n));
    } else if (rnd(w, 2) == 0) {
        CHECK_OK(crdt_pncounter_inc(txn, CRDT_SOLO, (uint64_t)n));
    } else {
        CHECK_OK(crdt_pncounter_dec(txn, CRDT_SOLO, (uint64_t)n));
        n = -n;
    }
    e->adds += n;
}

static void operate(world *w, crdt_txn *txn, event *e)
{
    if (rnd(w, 3) != 0) {
        add(w, txn, e);
        return;
    }
    if (w->type == &crdt_gcounter_type) CHECK_OK(crdt_gcounter_reset(txn, CRDT_SOLO));
    else CHECK_OK(crdt_pncounter_reset(txn, CRDT_SOLO));
    e->resets = true;
    e->adds = 0;
}

static void write(world *w, unsigned r)
{
    crdt_txn *txn;
    crdt_ref  ref;
    event     e = {NULL, r, 0, 0, false};
    int64_t   before = value_of(w, crdt_store_solo(w->stores[r]));
    if (w->events == EVENTS_MAX) return;
    CHECK_OK(crdt_store_begin(w->stores[r], 1000, &txn));
    for (uint64_t n = 1 + rnd(w, 3) / 2 + rnd(w, 4) / 3; n > 0; n--) {
        operate(w, txn, &e);
        CHECK_OK(crdt_txn_find(txn, CRDT_SOLO, w->type, &ref));
        CHECK_EQ_INT(value_of(w, ref), (e.resets ? 0 : before) + e.adds);
    }
    if (rnd(w, 10) == 0) {
        crdt_store_rollback(w->stores[r]);
        verify(w, r);
        return;
    }
    CHECK_OK(crdt_store_commit(w->stores[r], &e.delta));
    if (crdt_store_is_empty(e.delta)) {
        crdt_store_free(e.delta);
        return;
    }
    w->holds[r] |= UINT64_C(1) << w->events;
    e.seen = w->holds[r];
    w->log[w->events++] = e;
    verify(w, r);
}

/* The delta again, from its bytes. */
static crdt_delta *through_bytes(world *w, unsigned r, const crdt_delta *delta)
{
    crdt_buf    buf, again;
    crdt_delta *copy;
    const char *reason = "";
    crdt_buf_init(&buf, &w->mem.mem);
    crdt_buf_init(&again, &w->mem.mem);
    CHECK_OK(crdt_store_encode(delta, &buf));
    crdt_err err = crdt_delta_decode(w->stores[r], crdt_buf_bytes(&buf), &copy, &reason);
    CHECK_MSG(err == CRDT_OK, "%s: %s", crdt_err_name(err), reason);
    CHECK_OK(crdt_store_encode(copy, &again));
    CHECK_EQ_MEM(again.data, again.size, buf.data, buf.size);
    crdt_buf_clear(&buf);
    crdt_buf_clear(&again);
    return copy;
}

/* Where nothing is collected only what join asks for: the author's events before it. */
static bool deliverable(const world *w, unsigned r, unsigned i)
{
    uint64_t lacks = w->log[i].seen & ~w->holds[r] & ~(UINT64_C(1) << i);
    for (unsigned k = 0; k < w->events; k++) {
        bool before = lacks >> k & 1;
        if (before && (w->collects || w->log[k].author == w->log[i].author)) return false;
    }
    return true;
}

static void deliver(world *w, unsigned r)
{
    if (w->events == 0) return;
    unsigned i = (unsigned)rnd(w, w->events);
    if (!deliverable(w, r, i)) return;
    crdt_delta *copy = rnd(w, 2) == 0 ? through_bytes(w, r, w->log[i].delta) : NULL;
    CHECK_OK(crdt_store_join(w->stores[r], copy != NULL ? copy : w->log[i].delta, 1000));
    crdt_store_free(copy);
    w->holds[r] |= UINT64_C(1) << i;
    verify(w, r);
}

static void join_state(world *w, unsigned r, unsigned from)
{
    if (r == from) return;
    CHECK_OK(crdt_store_join(w->stores[r], w->stores[from], 1000));
    w->holds[r] |= w->holds[from];
    verify(w, r);
}

static void join_since(world *w, unsigned r, unsigned from)
{
    crdt_delta *since, *copy;
    if (r == from) return;
    CHECK_OK(crdt_store_since(w->stores[from], crdt_store_context(w->stores[r]), &since));
    copy = through_bytes(w, r, since);
    CHECK_OK(crdt_store_join(w->stores[r], copy, 1000));
    crdt_store_free(copy);
    crdt_store_free(since);
    w->holds[r] |= w->holds[from];
    verify(w, r);
}

/* -- Collection -------------------------------------------------------------------------------- */

/* Rule R1: what the last event of every member, as delivered at r, had in its past. */
static uint64_t stable_at(const world *w, unsigned r)
{
    uint64_t stable = w->holds[r];
    for (unsigned m = 0; m < w->replicas; m++) {
        uint64_t past = 0;
        for (unsigned i = 0; i < w->events; i++) {
            if (w->log[i].author == m && w->holds[r] >> i & 1) past = w->log[i].seen;
        }
        stable &= past;
    }
    return stable;
}

static void collect(world *w, unsigned r)
{
    crdt_context cut;
    uint64_t     stable = stable_at(w, r);
    if (!w->collects) return;
    crdt_context_init(&cut, &w->mem.mem);
    for (unsigned i = 0; i < w->events; i++) {
        if (!(stable >> i & 1)) continue;
        CHECK_OK(crdt_context_union(&cut, crdt_store_context(w->log[i].delta)));
    }
    CHECK_OK(crdt_store_stabilise(w->stores[r], &cut));
    crdt_context_clear(&cut);
    verify(w, r);
}

/* -- The end ----------------------------------------------------------------------------------- */

static void same_bytes(const world *w, const crdt_store *a, const crdt_store *b)
{
    crdt_buf x, y;
    crdt_buf_init(&x, NULL);
    crdt_buf_init(&y, NULL);
    CHECK_OK(crdt_store_encode(a, &x));
    CHECK_OK(crdt_store_encode(b, &y));
    bool same = x.size == y.size && memcmp(x.data, y.data, x.size) == 0;
    CHECK_MSG(same, "round %llu: bytes differ", (unsigned long long)w->round);
    crdt_buf_clear(&x);
    crdt_buf_clear(&y);
}

static void shuffled(world *w)
{
    crdt_store *store;
    unsigned    order[2 * EVENTS_MAX], n = 2 * w->events;
    CHECK_OK(crdt_store_new_solo(w->type, 99, &w->mem.mem, &store));
    for (unsigned i = 0; i < n; i++) order[i] = i % w->events;
    for (unsigned i = n; i > 1; i--) {
        unsigned k = (unsigned)rnd(w, i), kept = order[i - 1];
        order[i - 1] = order[k];
        order[k] = kept;
    }
    for (unsigned i = 0; i < n; i++) CHECK_OK(crdt_store_merge(store, w->log[order[i]].delta));
    CHECK_EQ_INT(value_of(w, crdt_store_solo(store)), oracle(w, w->holds[0]));
    if (!w->collects) same_bytes(w, store, w->stores[0]);
    crdt_store_free(store);
}

static void converge(world *w)
{
    for (unsigned pass = 0; pass < 2; pass++) {
        for (unsigned r = 0; r < w->replicas; r++) {
            unsigned from = (r + w->replicas - 1) % w->replicas;
            if (rnd(w, 2) == 0) join_state(w, r, from);
            else join_since(w, r, from);
        }
    }
    for (unsigned r = 1; r < w->replicas; r++) {
        same_bytes(w, w->stores[0], w->stores[r]);
        CHECK(crdt_digest_equal(crdt_store_digest(w->stores[0], NULL),
                                crdt_store_digest(w->stores[r], NULL)));
    }
    if (w->events > 0) shuffled(w);
    crdt_context all;
    crdt_context_init(&all, &w->mem.mem);
    CHECK_OK(crdt_context_copy(&all, crdt_store_context(w->stores[0])));
    for (unsigned r = 0; r < w->replicas; r++) {
        CHECK_OK(crdt_store_stabilise(w->stores[r], &all));
        CHECK_EQ_INT(crdt_store_stats(w->stores[r]).residues, 0);
        verify(w, r);
        same_bytes(w, w->stores[0], w->stores[r]);
    }
    crdt_context_clear(&all);
}

static void step(world *w)
{
    unsigned r = (unsigned)rnd(w, w->replicas), from = (unsigned)rnd(w, w->replicas);
    switch (rnd(w, 9)) {
    case 0:
    case 1:
    case 2: write(w, r); break;
    case 3:
    case 4:
    case 5: deliver(w, r); break;
    case 6: join_state(w, r, from); break;
    case 7: join_since(w, r, from); break;
    default: collect(w, r); break;
    }
}

static void play(const crdt_type *type)
{
    static world w;
    uint64_t     seed = env("SEED", 1), rounds = env("CRDT_HISTORIES", 500);
    printf("%s: SEED=%llu, %llu histories\n", type->name, (unsigned long long)seed,
           (unsigned long long)rounds);
    for (uint64_t round = 0; round < rounds; round++) {
        memset(&w, 0, sizeof w);
        testmem_init(&w.mem);
        w.type = type;
        w.round = round;
        w.seed = (seed * 1000003 + round) * UINT64_C(0x9e3779b97f4a7c15) | 1;
        w.replicas = 2 + (unsigned)rnd(&w, REPLICAS_MAX - 1);
        w.collects = rnd(&w, 2) == 0;
        for (unsigned r = 0; r < w.replicas; r++) {
            CHECK_OK(crdt_store_new_solo(type, r + 1, &w.mem.mem, &w.stores[r]));
        }
        for (uint64_t n = 5 + rnd(&w, 60); n > 0; n--) step(&w);
        converge(&w);
        for (unsigned r = 0; r < w.replicas; r++) crdt_store_free(w.stores[r]);
        for (unsigned i = 0; i < w.events; i++) crdt_store_free(w.log[i].delta);
        TESTMEM_DONE(&w.mem);
    }
}

TEST(gcounter, histories_read_as_the_oracle_says)
{
    play(&crdt_gcounter_type);
}

TEST(pncounter, histories_read_as_the_oracle_says)
{
    play(&crdt_pncounter_type);
}
