/* counters.c: rows of counters: the join of columns beside memcpy, and whole joins with contexts.
 *
 * join-cached, join-memory: crdt__cells_join_columns, the maximum of the columns of two counters
 * with the same births; every second cell, at random, rises. -wide: the same with totals above
 * 2^32, which take a column more. whole-*: crdt_store_join of two such.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"
#include "crdt/core/cells.h"

#define CACHED BENCH_SIZE(100000u, 1000u)
#define LARGE BENCH_SIZE(16000000u, 10000u)
#define WHOLE_LARGE BENCH_SIZE(1000000u, 2000u)

typedef struct columns {
    crdt__cells mine, theirs;
    uint64_t   *fresh; /* the columns of mine that a join changes, before it */
    unsigned    changing;
    uint32_t    n;
} columns;

static void columns_init(columns *c, uint32_t n, uint8_t totals, bool wide, uint64_t seed)
{
    const crdt_mem *mem = crdt_mem_default();
    uint64_t        base = wide ? UINT64_C(1) << 40 : 0;
    c->n = n;
    c->changing = wide ? 1u + totals : totals;
    crdt__cells_init(&c->mine, totals);
    crdt__cells_init(&c->theirs, totals);
    bench_must(crdt__cells_reserve(mem, &c->mine, n, 0, wide), "cells");
    bench_must(crdt__cells_reserve(mem, &c->theirs, n, 0, wide), "cells");
    for (uint32_t i = 0; i < n; i++) {
        uint64_t   dice = bench_rand(&seed);
        crdt__cell cell;
        memset(&cell, 0, sizeof cell);
        cell.birth.replica = i + UINT64_C(1);
        cell.birth.seq = 1;
        cell.hi = 2 + (dice & 1);
        cell.hi_total[0] = base + 10 + (dice & 1);
        cell.hi_total[1] = totals == 2 ? base + 5 + (dice & 1) : 0;
        crdt__cells_append(&c->mine, &cell);
        cell.hi = 3 - (dice & 1);
        cell.hi_total[0] = base + 11 - (dice & 1);
        cell.hi_total[1] = totals == 2 ? base + 6 - (dice & 1) : 0;
        crdt__cells_append(&c->theirs, &cell);
    }
    c->fresh = malloc((size_t)n * c->changing * sizeof *c->fresh);
    if (c->fresh == NULL) bench_die("columns", CRDT_ENOMEM);
    for (unsigned k = 0; k < c->changing; k++) {
        memcpy(c->fresh + (size_t)n * k, crdt__col(&c->mine.hi, CRDT__PACKED + k),
               n * sizeof(uint64_t));
    }
}

static void columns_clear(columns *c)
{
    free(c->fresh);
    crdt__cells_clear(crdt_mem_default(), &c->mine);
    crdt__cells_clear(crdt_mem_default(), &c->theirs);
}

/* Seconds of one join of fresh columns. */
static double columns_join(columns *c)
{
    for (unsigned k = 0; k < c->changing; k++) {
        memcpy(crdt__col(&c->mine.hi, CRDT__PACKED + k), c->fresh + (size_t)c->n * k,
               c->n * sizeof(uint64_t));
    }
    double start = bench_seconds();
    bool   changed = crdt__cells_join_columns(&c->mine, &c->theirs);
    double seconds = bench_seconds() - start;
    if (!changed) bench_die("a join of columns changed nothing", CRDT_EINVAL);
    return seconds;
}

static void join_row(bench *b, const char *name, uint32_t n, uint8_t totals, bool wide)
{
    columns       c;
    bench_samples s = {{0}, 0};
    unsigned      times = n <= CACHED ? 200 : 1;
    if (!bench_wants(b, name)) return;
    columns_init(&c, n, totals, wide, b->seed);
    (void)columns_join(&c);
    while (bench_more(&s, 0)) {
        double seconds = 0;
        for (unsigned i = 0; i < times; i++) seconds += columns_join(&c);
        bench_sample(&s, (double)n * times / seconds * 1e-9);
    }
    bench_row(b, name, n, &s, "G/s");
    columns_clear(&c);
}

static void memcpy_row(bench *b)
{
    bench_samples s = {{0}, 0};
    size_t        size = (size_t)LARGE * sizeof(uint64_t);
    uint64_t     *from = malloc(size), *to = malloc(size);
    if (!bench_wants(b, "memcpy") && !bench_wants(b, "gcounter/join-memory")) {
        free(from);
        free(to);
        return;
    }
    if (from == NULL || to == NULL) bench_die("memcpy", CRDT_ENOMEM);
    memset(from, 1, size);
    memset(to, 2, size);
    memcpy(to, from, size);
    while (bench_more(&s, 0)) {
        double start = bench_seconds();
        memcpy(to, from, size);
        double seconds = bench_seconds() - start;
        from[s.count] = to[LARGE - 1 - s.count] + 1; /* so that no copy can be left out */
        bench_sample(&s, LARGE / seconds * 1e-9);
    }
    b->memcpy_words = bench_median(&s);
    bench_row(b, "memcpy", LARGE, &s, "G/s");
    free(from);
    free(to);
}

/* -- Whole joins ------------------------------------------------------------------------------- */

/* The increments number `first` to `last` of the replicas lo..hi-1, each one's own, as one delta.
 * odd: of every second replica only. NULL: none. */
static crdt_delta *increments(const crdt_type *type, uint64_t lo, uint64_t hi, unsigned last,
                              int odd)
{
    if (hi - lo > 1) {
        uint64_t    middle = lo + (hi - lo) / 2;
        crdt_delta *left = increments(type, lo, middle, last, odd);
        crdt_delta *right = increments(type, middle, hi, last, odd);
        if (left == NULL || right == NULL) return left != NULL ? left : right;
        bench_must(crdt_store_merge(left, right), "merge of deltas");
        crdt_store_free(right);
        return left;
    }
    if (last > 1 && (int)(lo & 1) != odd) return NULL;
    crdt_store *writer = bench_store(type, lo, NULL);
    crdt_delta *delta = NULL;
    crdt_value  amount = crdt_int((int64_t)(lo % 1000 + 1));
    for (unsigned i = 1; i <= last; i++) {
        crdt_store_free(delta);
        bench_must(
            crdt_store_apply(writer, BENCH_NOW, CRDT_SOLO, &type->ops[0], &amount, 1, &delta),
            "increment");
    }
    crdt_store_free(writer);
    return delta;
}

static crdt_store *joined(const crdt_store *base, crdt_delta *delta)
{
    crdt_store *store = bench_clone(base, 0);
    bench_join(store, delta);
    crdt_store_free(delta);
    return store;
}

static void whole_row(bench *b, const char *name, const crdt_type *type, uint64_t n)
{
    bench_samples s = {{0}, 0};
    if (!bench_wants(b, name)) return;
    bench_say("%s: %u replicas", name, (unsigned)n);
    crdt_store *base = bench_store(type, 0, NULL);
    crdt_delta *births = increments(type, 1, n + 1, 1, 0);
    bench_join(base, births);
    crdt_store_free(births);
    crdt_store *a = joined(base, increments(type, 1, n + 1, 2, 0));
    crdt_store *other = joined(base, increments(type, 1, n + 1, 2, 1));
    for (int run = -1; bench_more(&s, 0); run++) {
        crdt_store *mine = bench_clone(a, 0);
        double      start = bench_seconds();
        bench_join(mine, other);
        double seconds = bench_seconds() - start;
        if (run >= 0) bench_sample(&s, (double)n / seconds * 1e-9);
        crdt_store_free(mine);
    }
    bench_row(b, name, n, &s, "G/s");
    crdt_store_free(base);
    crdt_store_free(a);
    crdt_store_free(other);
}

void bench_counters(bench *b)
{
    memcpy_row(b);
    join_row(b, "gcounter/join-cached", CACHED, 1, false);
    join_row(b, "gcounter/join-cached-wide", CACHED, 1, true);
    join_row(b, "gcounter/join-memory", LARGE, 1, false);
    join_row(b, "gcounter/join-memory-wide", LARGE, 1, true);
    join_row(b, "pncounter/join-cached", CACHED, 2, false);
    join_row(b, "pncounter/join-cached-wide", CACHED, 2, true);
    join_row(b, "pncounter/join-memory", LARGE, 2, false);
    whole_row(b, "gcounter/whole-cached", &crdt_gcounter_type, CACHED);
    whole_row(b, "gcounter/whole-memory", &crdt_gcounter_type, WHOLE_LARGE);
    whole_row(b, "pncounter/whole-cached", &crdt_pncounter_type, CACHED);
    whole_row(b, "pncounter/whole-memory", &crdt_pncounter_type, WHOLE_LARGE);
}
