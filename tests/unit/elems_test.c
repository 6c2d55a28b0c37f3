/* elems_test.c: elements by dot against a naive list of (dot, value), at every size and form. */
#include "crdt/core/elems.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/t.h"
#include "tests/lib/testmem.h"

#define SIDES 3
#define SEEDS (T_SLOW ? 1 : 3)
#define ROUNDS (T_SLOW ? 5 : 40)

/* -- The model --------------------------------------------------------------------------------- */

typedef struct item {
    crdt_dot dot;
    unsigned value; /* number of a value, see value_of */
} item;

typedef struct model {
    item  *at;
    size_t count, cap;
} model;

typedef struct side {
    crdt__elems  e;
    crdt_context seen;
    model        model;
} side;

typedef struct world {
    testmem     mem;
    crdt_limits limits;
    crdt_space  space;
    side        sides[SIDES];
    uint64_t    random, next[SIDES];
    unsigned    values, strings; /* of how many values, how many in 8 are strings */
} world;

static uint64_t random_below(world *w, uint64_t n)
{
    w->random ^= w->random << 13;
    w->random ^= w->random >> 7;
    w->random ^= w->random << 17;
    return (w->random >> 11) % n;
}

static crdt_value value_of(const world *w, unsigned number, char text[32])
{
    uint64_t mixed = number * UINT64_C(0x9e3779b97f4a7c15);
    if (number % 8 >= w->strings) {
        return crdt_int(number % 3 == 0 ? (int64_t)mixed : (int64_t)number - 39);
    }
    if (number == 0) return crdt_bytes("", 0);
    memset(text, 'x', 32);
    snprintf(text, 32, "%u", number);
    return crdt_bytes(text, 8 + number % 24);
}

static int compare_items(const void *a, const void *b)
{
    const item *ia = a, *ib = b;
    return crdt_dot_compare(ia->dot, ib->dot);
}

static void model_add(model *m, item it)
{
    if (m->count == m->cap) {
        m->cap = m->cap * 2 + 64;
        m->at = realloc(m->at, m->cap * sizeof *m->at);
        CHECK(m->at != NULL);
    }
    m->at[m->count++] = it;
}

static const item *model_find(const model *m, crdt_dot dot)
{
    item key = {dot, 0};
    return m->count ? bsearch(&key, m->at, m->count, sizeof key, compare_items) : NULL;
}

static void model_join(model *mine, const crdt_context *my_seen, const model *theirs,
                       const crdt_context *their_seen)
{
    model joined = {0};
    for (size_t i = 0; i < mine->count; i++) {
        crdt_dot dot = mine->at[i].dot;
        if (model_find(theirs, dot) || !crdt_context_has(their_seen, dot)) {
            model_add(&joined, mine->at[i]);
        }
    }
    for (size_t i = 0; i < theirs->count; i++) {
        if (!crdt_context_has(my_seen, theirs->at[i].dot)) model_add(&joined, theirs->at[i]);
    }
    if (joined.count) qsort(joined.at, joined.count, sizeof *joined.at, compare_items);
    free(mine->at);
    *mine = joined;
}

/* -- The world --------------------------------------------------------------------------------- */

static void world_init(world *w, uint64_t seed)
{
    memset(w, 0, sizeof *w);
    testmem_init(&w->mem);
    w->limits = crdt_limits_default();
    w->space = (crdt_space){.mem = &w->mem.mem, .limits = &w->limits};
    w->random = seed * 2 + 1;
    for (int i = 0; i < 10; i++) random_below(w, 2);
    for (int i = 0; i < SIDES; i++) crdt_context_init(&w->sides[i].seen, &w->mem.mem);
}

static uint64_t replica_of(unsigned i)
{
    return 100 + 7 * i;
}

static void side_clear(world *w, side *s)
{
    crdt__elems_clear(&w->mem.mem, &s->e);
    crdt_context_clear(&s->seen);
    free(s->model.at);
    s->model = (model){0};
}

static void world_end(world *w)
{
    for (int i = 0; i < SIDES; i++) side_clear(w, &w->sides[i]);
    TESTMEM_DONE(&w->mem);
}

static crdt_err join_elems(world *w, side *mine, const side *theirs)
{
    crdt_join join = {&w->space, {&mine->seen, NULL}, {&theirs->seen, NULL}, 0, false, false, false,
                      false};
    crdt_err  err = crdt_context_reserve(&mine->seen, theirs->seen.count);
    if (err == CRDT_OK) err = crdt__elems_prepare(&join, &mine->e, &theirs->e);
    if (err != CRDT_OK) return err;
    crdt__elems_commit(&join, &mine->e, &theirs->e);
    crdt_context_union_reserved(&mine->seen, &theirs->seen);
    return CRDT_OK;
}

static crdt_digest digest_of(const crdt__elems *e)
{
    crdt_blocks blocks;
    crdt_blocks_init(&blocks, (crdt_digest){1, 2});
    crdt__elems_digest(e, &blocks);
    return crdt_blocks_end(&blocks);
}

static void encode(world *w, const crdt__elems *e, crdt_replicas *ids, crdt_buf *out)
{
    crdt_enc enc = {out, ids, false};
    crdt_replicas_init(ids, &w->mem.mem);
    crdt_buf_init(out, &w->mem.mem);
    crdt__elems_mark(e, ids);
    CHECK_OK(crdt_replicas_seal(ids));
    crdt__elems_encode(e, &enc);
    CHECK_OK(crdt_buf_status(out));
}

static crdt_err decode(world *w, crdt_view bytes, const crdt_replicas *ids, crdt__elems *e)
{
    crdt_dec dec;
    crdt_dec_init(&dec, bytes, &w->limits);
    dec.dict = ids->ids;
    dec.dict_count = ids->count;
    crdt_err err = crdt__elems_decode(&w->space, e, &dec);
    if (err == CRDT_OK && crdt_dec_left(&dec) > 0) {
        crdt__elems_clear(&w->mem.mem, e);
        err = CRDT_EMALFORMED;
    }
    return err;
}

static void check_codec(world *w, const side *s)
{
    crdt_replicas ids, ids2;
    crdt_buf      out, out2;
    crdt__elems   copy = {0};
    const char   *reason;
    encode(w, &s->e, &ids, &out);
    size_t before = w->mem.bytes;
    w->mem.peak = before;
    CHECK_OK(decode(w, crdt_buf_bytes(&out), &ids, &copy));
    CHECK_MSG(w->mem.peak - before <= out.size * 8 + 1024, "%zu of %zu bytes", w->mem.peak - before,
              out.size);
    CHECK_MSG(crdt__elems_check(&w->space, &copy, &s->seen, &reason), "%s", reason);
    encode(w, &copy, &ids2, &out2);
    CHECK_EQ_MEM(out.data, out.size, out2.data, out2.size);
    CHECK(crdt_digest_equal(digest_of(&s->e), digest_of(&copy)));
    crdt__elems_clear(&w->mem.mem, &copy);
    crdt_buf_clear(&out);
    crdt_buf_clear(&out2);
    crdt_replicas_clear(&ids);
    crdt_replicas_clear(&ids2);
}

static void check_reads(world *w, const side *s)
{
    char               text[32];
    crdt_dot           dot;
    crdt_value         value;
    unsigned           different = 0, dots = 0, *uses = calloc(w->values, sizeof *uses);
    crdt__elems_cursor at = {&s->e, 0, 0};
    for (size_t i = 0; i < s->model.count; i++) {
        const item *it = &s->model.at[i];
        different += uses[it->value]++ == 0;
        CHECK(crdt__elems_next(&at, &dot, &value));
        CHECK(crdt_dot_equal(dot, it->dot));
        CHECK_EQ_INT(crdt_value_compare(value, value_of(w, it->value, text)), 0);
        if (i % 7 == 0) CHECK(crdt__elems_get(&s->e, it->dot, &value));
    }
    CHECK(!crdt__elems_next(&at, &dot, &value));
    CHECK_EQ_INT(s->e.dots, s->model.count);
    CHECK_EQ_INT(crdt__elems_count(&s->e), different);
    for (unsigned v = 0, step = w->values / 50 + 1; v < w->values; v += step) {
        crdt_value         held, wanted = value_of(w, v, text);
        crdt__elems_finder finder = crdt__elems_find(&s->e, wanted);
        for (dots = 0; crdt__elems_next_dot(&finder, &dot); dots++) {
            CHECK(crdt__elems_get(&s->e, dot, &held));
            CHECK_EQ_INT(crdt_value_compare(held, wanted), 0);
        }
        CHECK_EQ_INT(dots, uses[v]);
        CHECK_EQ_INT(crdt__elems_has(&s->e, wanted), uses[v] > 0);
    }
    free(uses);
}

static void check_side(world *w, const side *s)
{
    const char *reason;
    CHECK_MSG(crdt__elems_check(&w->space, &s->e, &s->seen, &reason), "%s", reason);
    check_reads(w, s);
    CHECK_MSG(crdt__elems_check(&w->space, &s->e, &s->seen, &reason), "%s", reason);
    check_codec(w, s);
}

/* A delta of side i: fresh dots, some skipped, and covered ones. The caller clears it. */
static void make_delta(world *w, unsigned i, unsigned adds, unsigned kills, unsigned skip,
                       side *delta)
{
    const side *s = &w->sides[i];
    char        text[32];
    *delta = (side){0};
    crdt_context_init(&delta->seen, &w->mem.mem);
    for (unsigned n = 0; n < adds; n++) {
        unsigned   number = (unsigned)random_below(w, w->values);
        crdt_value value = value_of(w, number, text);
        CHECK_OK(crdt__elems_reserve(&w->mem.mem, &delta->e, replica_of(i), value));
        if (skip) w->next[i] += random_below(w, 4) == 0 ? random_below(w, skip) : 0;
        crdt_dot dot = {replica_of(i), ++w->next[i]};
        crdt__elems_insert(&delta->e, dot, value);
        model_add(&delta->model, (item){dot, number});
        CHECK_OK(crdt_context_add(&delta->seen, dot));
        if (random_below(w, 8) == 0) {
            CHECK(crdt__elems_kill(&delta->e, dot));
            delta->model.count--;
        }
    }
    uint64_t from = s->model.count ? random_below(w, s->model.count) : 0;
    bool     run = random_below(w, 2) == 0;
    for (unsigned n = 0; n < kills && s->model.count; n++) {
        uint64_t k = run ? (from + n) % s->model.count : random_below(w, s->model.count);
        CHECK_OK(crdt_context_add(&delta->seen, s->model.at[k].dot));
    }
}

static void join_all(world *w, side *mine, const side *theirs)
{
    model_join(&mine->model, &mine->seen, &theirs->model, &theirs->seen);
    CHECK_OK(join_elems(w, mine, theirs));
}

/* The part of s that the holder of ctx lacks, joined into such a holder, gives s. */
static void check_since(world *w, const side *s, const side *holder)
{
    side         part = {0}, held = {0};
    crdt_context keep;
    crdt_context_init(&part.seen, &w->mem.mem);
    crdt_context_init(&held.seen, &w->mem.mem);
    crdt_context_init(&keep, &w->mem.mem);
    join_all(w, &held, holder);
    CHECK_OK(crdt__elems_since(&w->space, &s->e, &holder->seen, &part.e, &keep));
    CHECK_OK(crdt_context_copy(&part.seen, &s->seen));
    crdt_join join = {&w->space, {&held.seen, NULL}, {&part.seen, &keep}, 0, false, false, false,
                      false};
    CHECK_OK(crdt__elems_prepare(&join, &held.e, &part.e));
    crdt__elems_commit(&join, &held.e, &part.e);
    model_join(&held.model, &held.seen, &s->model, &s->seen);
    CHECK_OK(crdt_context_union(&held.seen, &part.seen));
    check_side(w, &held);
    side_clear(w, &held);
    side_clear(w, &part);
    crdt_context_clear(&keep);
}

typedef struct plan {
    unsigned rounds, adds, kills, skip, values, strings;
} plan;

static void run(uint64_t seed, plan p)
{
    world w;
    side  delta;
    world_init(&w, seed);
    w.values = p.values;
    w.strings = p.strings;
    for (unsigned round = 0; round < p.rounds; round++) {
        unsigned i = (unsigned)random_below(&w, SIDES), j = (unsigned)random_below(&w, SIDES);
        unsigned most = random_below(&w, 6) == 0 ? 1 : p.adds;
        make_delta(&w, i, (unsigned)random_below(&w, most + 1),
                   (unsigned)random_below(&w, p.kills + 1), p.skip, &delta);
        check_side(&w, &delta);
        join_all(&w, &w.sides[i], &delta);
        side_clear(&w, &delta);
        check_side(&w, &w.sides[i]);
        if (random_below(&w, 3) == 0 && i != j) {
            join_all(&w, &w.sides[j], &w.sides[i]);
            check_side(&w, &w.sides[j]);
        }
        if (random_below(&w, 16) == 0) check_since(&w, &w.sides[i], &w.sides[j]);
        if (random_below(&w, 16) == 0) join_all(&w, &w.sides[i], &w.sides[i]);
    }
    for (int i = 1; i < SIDES; i++) join_all(&w, &w.sides[0], &w.sides[i]);
    for (int i = 1; i < SIDES; i++) {
        join_all(&w, &w.sides[i], &w.sides[0]);
        check_side(&w, &w.sides[i]);
        CHECK(crdt_digest_equal(digest_of(&w.sides[i].e), digest_of(&w.sides[0].e)));
    }
    world_end(&w);
}

TEST(elems, agrees_with_a_list_when_small)
{
    for (uint64_t seed = 1; seed <= 60; seed++) run(seed, (plan){60, 4, 4, 3, 12, 4});
}

TEST(elems, agrees_with_a_list_across_the_threshold)
{
    for (uint64_t seed = 1; seed <= 20; seed++) run(seed, (plan){60, 20, 15, 40, 60, 4});
}

TEST(elems, agrees_with_a_list_of_integers_in_dense_blocks)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        run(seed, (plan){ROUNDS, 1500, 700, 0, 100000, 0});
}

TEST(elems, agrees_with_a_list_of_records_in_dense_blocks)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        run(seed, (plan){ROUNDS, 1500, 700, 0, 100000, 8});
}

TEST(elems, agrees_with_a_list_of_mixed_values_with_gaps)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) run(seed, (plan){ROUNDS, 600, 300, 9, 5000, 4});
}

TEST(elems, agrees_with_a_list_in_sparse_blocks)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        run(seed, (plan){ROUNDS, 200, 100, 9000, 3000, 2});
}

TEST(elems, agrees_with_a_list_of_few_values_with_many_dots)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) run(seed, (plan){ROUNDS, 500, 200, 3, 7, 4});
}

/* Deltas of one dot that remove nothing have a way of their own: they come in order, late, twice,
 * and where their dot was seen and removed. */
static void run_ones(uint64_t seed, unsigned skip, unsigned strings)
{
    world w;
    side  deltas[2], gone = {0}, *goes = &deltas[0], *waits = &deltas[1];
    world_init(&w, seed);
    w.values = 400;
    w.strings = strings;
    crdt_context_init(&gone.seen, &w.mem.mem);
    make_delta(&w, 0, 0, 0, 0, waits);
    for (unsigned round = 0; round < (T_SLOW ? 100 : 1200); round++) {
        make_delta(&w, (unsigned)random_below(&w, 2), 1, 0, skip, goes);
        if (random_below(&w, 8) == 0) {
            side *held = waits;
            waits = goes;
            goes = held;
        }
        for (uint64_t n = random_below(&w, 4) == 0 ? 2 : 1; n > 0; n--) {
            join_all(&w, &w.sides[0], goes);
            CHECK_EQ_INT(w.sides[0].e.dots, w.sides[0].model.count);
        }
        if (random_below(&w, 8) == 0) { /* take it away again, and let it come once more */
            CHECK_OK(crdt_context_copy(&gone.seen, &goes->seen));
            join_all(&w, &w.sides[0], &gone);
            join_all(&w, &w.sides[0], goes);
        }
        if (round % 500 == 0) check_side(&w, &w.sides[0]);
        side_clear(&w, goes);
    }
    side_clear(&w, waits);
    side_clear(&w, &gone);
    check_side(&w, &w.sides[0]);
    world_end(&w);
}

TEST(elems, agrees_with_a_list_when_dots_come_one_by_one)
{
    for (unsigned strings = 0; strings <= 8; strings += 4) {
        run_ones(1, 0, strings);
        run_ones(2, 40, strings);
        for (uint64_t seed = 3; seed <= 6; seed++) run_ones(seed, 3000, strings);
    }
}

/* More blocks than the index names in four bytes a slot. */
TEST(elems, finds_values_in_very_many_blocks)
{
    enum { BLOCKS = T_SLOW ? 33000 : 40000, STRIDE = 4096 };
    world  w;
    char   text[32];
    size_t found = 0;
    world_init(&w, 7);
    w.strings = 2;
    side *s = &w.sides[0];
    for (unsigned n = 1; n <= BLOCKS; n++) {
        crdt_value value = value_of(&w, n % (BLOCKS / 2), text);
        CHECK_OK(crdt__elems_reserve(&w.mem.mem, &s->e, 5, value));
        crdt__elems_insert(&s->e, (crdt_dot){5, (uint64_t)n * STRIDE}, value);
        if (n == 20) CHECK(crdt__elems_has(&s->e, value));
    }
    crdt_context_init(&s->seen, &w.mem.mem);
    CHECK_OK(crdt_context_reserve(&s->seen, 1));
    crdt_context_add_reserved(&s->seen, (crdt_run){5, 1, (uint64_t)BLOCKS * STRIDE});
    CHECK_EQ_INT(crdt__elems_count(&s->e), BLOCKS / 2);
    for (unsigned n = 1; n <= BLOCKS; n += 2) {
        CHECK(crdt__elems_kill(&s->e, (crdt_dot){5, (uint64_t)n * STRIDE}));
    }
    for (unsigned n = 0; n < BLOCKS / 2; n++) {
        found += crdt__elems_has(&s->e, value_of(&w, n, text));
    }
    CHECK_EQ_INT(found, BLOCKS / 4);
    crdt__elems_trim(&w.mem.mem, &s->e);
    check_codec(&w, s);
    const char *reason;
    CHECK_MSG(crdt__elems_check(&w.space, &s->e, &s->seen, &reason), "%s", reason);
    world_end(&w);
}

/* -- Content of one dot ------------------------------------------------------------------------ */

static void forge(world *w, side *s, unsigned dots, unsigned odd_one)
{
    char text[32];
    for (unsigned n = 1; n <= dots; n++) {
        crdt_value value = value_of(w, n == odd_one ? n + 1 : n, text);
        crdt_dot   dot = {replica_of(0), n};
        CHECK_OK(crdt__elems_reserve(&w->mem.mem, &s->e, dot.replica, value));
        crdt__elems_insert(&s->e, dot, value);
        CHECK_OK(crdt_context_add(&s->seen, dot));
    }
}

/* A delta of one dot may yet remove others, next to it in one run, if in another block. */
TEST(elems, takes_away_what_a_single_new_dot_comes_with)
{
    for (unsigned below = 0; below <= 1; below++) {
        world      w;
        side       delta = {0};
        crdt_value value = crdt_int(-7), found;
        crdt_dot   held = {replica_of(0), below ? 4094 : 4096}, fresh = {replica_of(0), 4095};
        world_init(&w, 1);
        forge(&w, &w.sides[0], 100, 0);
        CHECK_OK(crdt__elems_reserve(&w.mem.mem, &w.sides[0].e, held.replica, value));
        crdt__elems_insert(&w.sides[0].e, held, value);
        CHECK_OK(crdt_context_add(&w.sides[0].seen, held));
        crdt_context_init(&delta.seen, &w.mem.mem);
        CHECK_OK(crdt__elems_reserve(&w.mem.mem, &delta.e, fresh.replica, value));
        crdt__elems_insert(&delta.e, fresh, value);
        CHECK_OK(crdt_context_add(&delta.seen, fresh));
        CHECK_OK(crdt_context_add(&delta.seen, held));
        CHECK_OK(join_elems(&w, &w.sides[0], &delta));
        CHECK(crdt__elems_get(&w.sides[0].e, fresh, &found));
        CHECK(!crdt__elems_get(&w.sides[0].e, held, &found));
        CHECK_EQ_INT(w.sides[0].e.dots, 101);
        side_clear(&w, &delta);
        world_end(&w);
    }
}

TEST(elems, refuses_one_dot_with_two_contents)
{
    for (unsigned strings = 0; strings <= 8; strings += 4) {
        for (unsigned dots = 8; dots <= (T_SLOW ? 800 : 8000); dots *= 10) {
            world w;
            world_init(&w, 1);
            w.strings = strings;
            forge(&w, &w.sides[0], dots, 0);
            forge(&w, &w.sides[1], dots, dots / 2);
            if (dots == 80) digest_of(&w.sides[0].e), digest_of(&w.sides[1].e);
            CHECK_ERR(join_elems(&w, &w.sides[0], &w.sides[1]), CRDT_EFORK);
            CHECK_ERR(join_elems(&w, &w.sides[1], &w.sides[0]), CRDT_EFORK);
            world_end(&w);
        }
    }
}

/* -- Memory ------------------------------------------------------------------------------------ */

/* Refuse each allocation of a join in turn, until it gets through without. */
static void join_under_refusals(world *w, side *mine, const side *theirs)
{
    const char *reason;
    crdt_digest before = digest_of(&mine->e);
    model_join(&mine->model, &mine->seen, &theirs->model, &theirs->seen);
    for (uint64_t n = 1;; n++) {
        testmem_fail_nth(&w->mem, n);
        crdt_err err = join_elems(w, mine, theirs);
        bool     refused = testmem_refused(&w->mem);
        testmem_fail_never(&w->mem);
        CHECK_MSG(crdt__elems_check(&w->space, &mine->e, &mine->seen, &reason), "%s", reason);
        if (!refused) CHECK_OK(err);
        if (err == CRDT_OK) return; /* what was refused, if anything, was not needed */
        CHECK_ERR(err, CRDT_ENOMEM);
        CHECK(crdt_digest_equal(digest_of(&mine->e), before));
    }
}

static void run_refusals(uint64_t seed, plan p)
{
    world w;
    side  delta;
    world_init(&w, seed);
    w.values = p.values;
    w.strings = p.strings;
    for (unsigned round = 0; round < p.rounds; round++) {
        side *s = &w.sides[0];
        make_delta(&w, 0, (unsigned)random_below(&w, p.adds + 1),
                   (unsigned)random_below(&w, p.kills + 1), p.skip, &delta);
        join_under_refusals(&w, s, &delta);
        check_codec(&w, s);
        if (random_below(&w, 2)) check_reads(&w, s);
        side_clear(&w, &delta);
    }
    world_end(&w);
}

TEST(elems, stands_refused_allocations_in_joins)
{
    for (uint64_t seed = 1; seed <= 4; seed++) {
        run_refusals(seed, (plan){20, 10, 6, 3, 30, 4});
        run_refusals(seed, (plan){12, 300, 100, 50, 200, 4});
    }
}

TEST(elems, stands_refused_allocations_in_reserve_and_decode)
{
    world         w;
    side          delta;
    crdt_replicas ids;
    crdt_buf      out;
    char          text[32];
    world_init(&w, 5);
    w.values = 500;
    w.strings = 4;
    for (unsigned n = 1; n <= 5000; n++) {
        crdt_value value = value_of(&w, n % 500, text);
        crdt_dot   dot = {9, n * 3};
        for (uint64_t k = 1;; k++) {
            testmem_fail_nth(&w.mem, k);
            crdt_err err = crdt__elems_reserve(&w.mem.mem, &w.sides[0].e, 9, value);
            if (!testmem_refused(&w.mem)) break;
            CHECK_ERR(err, CRDT_ENOMEM);
        }
        testmem_fail_from(&w.mem, 1); /* from here on nothing may be needed */
        crdt__elems_insert(&w.sides[0].e, dot, value);
        if (n % 5 == 0)
            CHECK(crdt__elems_kill(&w.sides[0].e, (crdt_dot){9, n * 3 / 2 / 3 * 3}) || n);
        testmem_fail_never(&w.mem);
        CHECK_OK(crdt_context_add(&w.sides[0].seen, dot));
        if (n == 700) crdt__elems_count(&w.sides[0].e);
    }
    encode(&w, &w.sides[0].e, &ids, &out);
    for (uint64_t k = 1;; k++) {
        delta = (side){0};
        testmem_fail_nth(&w.mem, k);
        crdt_err err = decode(&w, crdt_buf_bytes(&out), &ids, &delta.e);
        if (!testmem_refused(&w.mem)) break;
        CHECK_ERR(err, CRDT_ENOMEM);
        CHECK_EQ_INT(delta.e.dots, 0);
    }
    testmem_fail_from(&w.mem, 1); /* reads without an index */
    CHECK_EQ_INT(crdt__elems_count(&delta.e), crdt__elems_count(&w.sides[0].e));
    CHECK(crdt__elems_has(&delta.e, value_of(&w, 77, text)));
    testmem_fail_never(&w.mem);
    crdt__elems_clear(&w.mem.mem, &delta.e);
    crdt_buf_clear(&out);
    crdt_replicas_clear(&ids);
    world_end(&w);
}

/* -- Hostile bytes ----------------------------------------------------------------------------- */

static void try_bytes(world *w, const uint8_t *bytes, size_t size, const crdt_replicas *ids)
{
    crdt__elems copy = {0};
    crdt_buf    out;
    size_t      before = w->mem.bytes;
    w->mem.peak = before;
    crdt_err err = decode(w, crdt_view_of(bytes, size), ids, &copy);
    CHECK_MSG(w->mem.peak - before <= size * 8 + 1024, "%zu of %zu bytes", w->mem.peak - before,
              size);
    if (err != CRDT_OK) {
        CHECK_EQ_INT(copy.dots, 0);
        return;
    }
    crdt_enc enc = {&out, ids, false};
    crdt_buf_init(&out, &w->mem.mem);
    crdt__elems_encode(&copy, &enc);
    CHECK_EQ_MEM(out.data, out.size, bytes, size);
    crdt_buf_clear(&out);
    crdt__elems_clear(&w->mem.mem, &copy);
}

static void run_hostile(uint64_t seed, plan p)
{
    world         w;
    side          delta;
    crdt_replicas ids;
    crdt_buf      out;
    world_init(&w, seed);
    w.values = p.values;
    w.strings = p.strings;
    for (unsigned i = 0; i < SIDES; i++) {
        make_delta(&w, i, p.adds, 0, p.skip, &delta);
        join_all(&w, &w.sides[0], &delta);
        side_clear(&w, &delta);
    }
    encode(&w, &w.sides[0].e, &ids, &out);
    for (size_t size = 0; size < out.size; size += out.size / 300 + 1) {
        crdt__elems copy = {0};
        CHECK(decode(&w, crdt_view_of(out.data, size), &ids, &copy) != CRDT_OK);
    }
    for (unsigned n = 0; n < p.rounds; n++) {
        size_t  at = random_below(&w, 2) ? random_below(&w, out.size)
                                         : random_below(&w, out.size < 40 ? out.size : 40);
        uint8_t held = out.data[at];
        out.data[at] = (uint8_t)(held ^ (1u << random_below(&w, 8)));
        if (random_below(&w, 4) == 0) out.data[at] = (uint8_t)random_below(&w, 256);
        try_bytes(&w, out.data, out.size, &ids);
        out.data[at] = held;
    }
    crdt_buf_clear(&out);
    crdt_replicas_clear(&ids);
    world_end(&w);
}

TEST(elems, decodes_exactly_what_it_encodes)
{
    run_hostile(1, (plan){T_SLOW ? 100 : 3000, 4, 0, 3, 20, 4});
    run_hostile(2, (plan){T_SLOW ? 100 : 3000, 30, 0, 30, 100, 4});
    run_hostile(3, (plan){T_SLOW ? 100 : 3000, 100, 0, 9000, 100, 4});
    run_hostile(4, (plan){T_SLOW ? 100 : 1500, 2000, 0, 3, 3000, 0});
    run_hostile(5, (plan){T_SLOW ? 100 : 1500, 2000, 0, 3, 3000, 4});
    run_hostile(6, (plan){T_SLOW ? 100 : 1500, 600, 0, 60, 3000, 1});
}
