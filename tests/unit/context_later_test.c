/* crdt_context_add_later against a naive model: one bit a dot. Random rounds print SEED and take it
 * back from the environment. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crdt/context.h"
#include "tests/lib/random.h"
#include "tests/lib/t.h"
#include "tests/lib/testmem.h"

#define REPLICAS 3u
#define SEQS 3000u

typedef struct world {
    testmem      mem;
    crdt_context ctx;
    uint64_t     random;
    bool         has[REPLICAS + 1][SEQS + 2];
} world;

static crdt_run random_run(world *w)
{
    uint64_t lo = 1 + random_below(&w->random, SEQS);
    uint64_t hi = random_below(&w->random, 4) ? lo : lo + random_below(&w->random, 5);
    return (crdt_run){1 + random_below(&w->random, REPLICAS), lo, hi < SEQS ? hi : SEQS};
}

static void model_set(world *w, crdt_run run, bool has)
{
    for (uint64_t seq = run.lo; seq <= run.hi; seq++) w->has[run.replica][seq] = has;
}

/* Reserve once, then add so many times without any memory. */
static void add_some(world *w, uint64_t times)
{
    CHECK_OK(crdt_context_reserve(&w->ctx, times));
    testmem_fail_from(&w->mem, 1);
    while (times-- > 0) {
        crdt_run run = random_run(w);
        crdt_context_add_later(&w->ctx, run);
        model_set(w, run, true);
    }
    CHECK(!testmem_refused(&w->mem));
    testmem_fail_never(&w->mem);
}

static void check_has(const world *w)
{
    for (uint64_t r = 1; r <= REPLICAS; r++) {
        for (uint64_t seq = 0; seq <= SEQS + 1; seq++) {
            CHECK_EQ_INT(crdt_context_has(&w->ctx, (crdt_dot){r, seq}), w->has[r][seq]);
        }
    }
}

/* Any other call sees all, and what is held back is let in. */
static void call_another(world *w)
{
    crdt_context other;
    crdt_run     run = random_run(w);
    crdt_context_init(&other, &w->mem.mem);
    CHECK_OK(crdt_context_reserve(&w->ctx, 1));
    switch (random_below(&w->random, 6)) {
    case 0: crdt_context_settle(&w->ctx); break;
    case 1:
        crdt_context_add_reserved(&w->ctx, run);
        model_set(w, run, true);
        break;
    case 2:
        crdt_context_remove_reserved(&w->ctx, run);
        model_set(w, run, false);
        break;
    case 3:
        CHECK_OK(crdt_context_copy(&other, &w->ctx));
        CHECK(crdt_context_equal(&other, &w->ctx));
        break;
    case 4:
        CHECK_OK(crdt_context_add(&other, (crdt_dot){run.replica, run.lo}));
        CHECK_OK(crdt_context_union(&w->ctx, &other));
        w->has[run.replica][run.lo] = true;
        break;
    default:
        CHECK_OK(crdt_context_reserve(&other, 1));
        crdt_context_add_later(&other, run);
        CHECK_OK(crdt_context_subtract(&w->ctx, &other));
        model_set(w, run, false);
    }
    crdt_context_clear(&other);
}

/* The runs are the model's, as long as can be. */
static void check_runs(const world *w)
{
    size_t i = 0;
    crdt_context_settle(&w->ctx);
    for (uint64_t r = 1; r <= REPLICAS; r++) {
        for (uint64_t lo = 1, hi; lo <= SEQS; lo = hi + 1) {
            hi = lo;
            if (!w->has[r][lo]) continue;
            while (w->has[r][hi + 1]) hi++;
            CHECK(i < w->ctx.count);
            CHECK_EQ_INT(w->ctx.runs[i].replica, r);
            CHECK_EQ_INT(w->ctx.runs[i].lo, lo);
            CHECK_EQ_INT(w->ctx.runs[i].hi, hi);
            i++;
        }
    }
    CHECK_EQ_INT(w->ctx.count, i);
    CHECK_EQ_INT(w->ctx.later, 0);
}

TEST(context_later, runs_added_later_agree_with_the_model)
{
    world   *w = malloc(sizeof *w);
    uint64_t random = seed_or(20180111) + 4, held = 0;
    for (int round = 0; round < (T_SLOW ? 2 : 12); round++) {
        memset(w, 0, sizeof *w);
        testmem_init(&w->mem);
        crdt_context_init(&w->ctx, &w->mem.mem);
        w->random = random + (uint64_t)round;
        for (int i = 0; i < 400; i++) {
            add_some(w, 1 + random_below(&w->random, random_below(&w->random, 8) ? 4 : 200));
            if (w->ctx.later > held) held = w->ctx.later;
            if (i % 10 == 0) check_has(w);
            if (random_below(&w->random, 40) == 0) call_another(w);
            if (i % (round % 3 ? 7 : 100) == 6) check_runs(w);
        }
        crdt_context_clear(&w->ctx);
        TESTMEM_DONE(&w->mem);
    }
    CHECK(held > 64);
    free(w);
}
