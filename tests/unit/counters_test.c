/* counters_test.c: gcounter and pncounter in stores of their own. */
#include <string.h>

#include "crdt/gcounter.h"
#include "crdt/pncounter.h"
#include "tests/lib/testmem.h"

#define NOW 1000
#define A 1
#define B 2
#define C 3

static testmem mem;

static crdt_store *counter(const crdt_type *type, uint64_t replica)
{
    crdt_store *store;
    CHECK_OK(crdt_store_new_solo(type, replica, &mem.mem, &store));
    return store;
}

static void free_stores(crdt_store *a, crdt_store *b, crdt_store *c)
{
    crdt_store_free(a);
    crdt_store_free(b);
    crdt_store_free(c);
    TESTMEM_DONE(&mem);
}

/* One operation by its name in a transaction of its own; n is ignored if it takes none. */
static crdt_delta *run(crdt_store *store, const char *name, int64_t n)
{
    const crdt_type *type = crdt_store_solo(store).type;
    for (size_t i = 0; i < type->ops_count; i++) {
        const crdt_op *op = &type->ops[i];
        crdt_value     arg = crdt_int(n);
        crdt_delta    *delta;
        if (strcmp(op->name, name) != 0) continue;
        CHECK_OK(crdt_store_apply(store, NOW, CRDT_SOLO, op, &arg, strlen(op->args), &delta));
        return delta;
    }
    FAIL("no operation %s", name);
}

static void run_to(crdt_store *store, const char *name, int64_t n, crdt_store *to)
{
    crdt_delta *delta = run(store, name, n);
    if (to != NULL) CHECK_OK(crdt_store_join(to, delta, NOW));
    crdt_store_free(delta);
}

static void join(crdt_store *store, const crdt_store *other)
{
    const char *why = "";
    CHECK_OK(crdt_store_join(store, other, NOW));
    CHECK_MSG(crdt_store_check(store, &why), "%s", why);
}

static int64_t value_in(crdt_ref ref)
{
    int64_t n = -1;
    if (ref.type == &crdt_gcounter_type) CHECK_OK(crdt_gcounter_value(ref, &n));
    else CHECK_OK(crdt_pncounter_value(ref, &n));
    return n;
}

static int64_t value(const crdt_store *store)
{
    return value_in(crdt_store_solo(store));
}

static int64_t value_now(const crdt_txn *txn)
{
    crdt_ref ref;
    CHECK_OK(crdt_txn_find(txn, CRDT_SOLO, NULL, &ref));
    return value_in(ref);
}

static uint64_t residues(const crdt_store *store)
{
    return crdt_store_stats(store).residues;
}

static void same_bytes(const crdt_store *a, const crdt_store *b)
{
    crdt_buf x, y;
    crdt_buf_init(&x, NULL);
    crdt_buf_init(&y, NULL);
    CHECK_OK(crdt_store_encode(a, &x));
    CHECK_OK(crdt_store_encode(b, &y));
    CHECK_EQ_MEM(x.data, x.size, y.data, y.size);
    crdt_buf_clear(&x);
    crdt_buf_clear(&y);
}

static void shows(crdt_ref ref, const char *text)
{
    crdt_buf out;
    crdt_buf_init(&out, NULL);
    ref.type->print(&ref, &out);
    crdt_buf_byte(&out, 0);
    CHECK_EQ_STR((const char *)out.data, text);
    crdt_buf_clear(&out);
}

/* -- Values ------------------------------------------------------------------------------------ */

TEST(gcounter, adds_up_over_replicas)
{
    testmem_init(&mem);
    crdt_store *a = counter(&crdt_gcounter_type, A), *b = counter(&crdt_gcounter_type, B);
    CHECK_EQ_INT(value(a), 0);
    run_to(a, "inc", 3, b);
    run_to(b, "inc", 4, a);
    run_to(a, "inc", 5, b);
    CHECK_EQ_INT(value(a), 12);
    same_bytes(a, b);
    shows(crdt_store_solo(a), "12");
    free_stores(a, b, NULL);
}

TEST(pncounter, goes_below_zero)
{
    testmem_init(&mem);
    crdt_store *a = counter(&crdt_pncounter_type, A), *b = counter(&crdt_pncounter_type, B);
    run_to(a, "inc", 3, b);
    run_to(b, "dec", 10, a);
    CHECK_EQ_INT(value(a), -7);
    same_bytes(a, b);
    shows(crdt_store_solo(b), "-7");
    free_stores(a, b, NULL);
}

TEST(gcounter, takes_no_zero)
{
    testmem_init(&mem);
    crdt_store *a = counter(&crdt_gcounter_type, A);
    crdt_txn   *txn;
    crdt_delta *delta;
    CHECK_OK(crdt_store_begin(a, NOW, &txn));
    CHECK_ERR(crdt_gcounter_inc(txn, CRDT_SOLO, 0), CRDT_EINVAL);
    CHECK_OK(crdt_store_commit(a, &delta));
    CHECK(crdt_store_is_empty(delta));
    crdt_store_free(delta);
    free_stores(a, NULL, NULL);
}

TEST(pncounter, takes_no_zero_and_no_negative_amounts)
{
    testmem_init(&mem);
    crdt_store *a = counter(&crdt_pncounter_type, A);
    crdt_txn   *txn;
    CHECK_OK(crdt_store_begin(a, NOW, &txn));
    CHECK_ERR(crdt_pncounter_inc(txn, CRDT_SOLO, 0), CRDT_EINVAL);
    CHECK_ERR(crdt_pncounter_dec(txn, CRDT_SOLO, 0), CRDT_EINVAL);
    for (size_t i = 0; i < 2; i++) {
        crdt_value minus = crdt_int(-1);
        CHECK_ERR(crdt_pncounter_type.ops[i].apply(txn, CRDT_SOLO, &minus), CRDT_EINVAL);
    }
    crdt_store_rollback(a);
    free_stores(a, NULL, NULL);
}

TEST(gcounter, a_sum_beyond_64_bits_is_refused_and_changes_nothing)
{
    testmem_init(&mem);
    crdt_store *a = counter(&crdt_gcounter_type, A), *b = counter(&crdt_gcounter_type, B);
    crdt_txn   *txn;
    int64_t     n = 5;
    CHECK_OK(crdt_store_begin(a, NOW, &txn));
    CHECK_OK(crdt_gcounter_inc(txn, CRDT_SOLO, UINT64_MAX - 1));
    CHECK_ERR(crdt_gcounter_inc(txn, CRDT_SOLO, 2), CRDT_ERANGE);
    CHECK_OK(crdt_gcounter_inc(txn, CRDT_SOLO, 1));
    CHECK_ERR(crdt_gcounter_inc(txn, CRDT_SOLO, 1), CRDT_ERANGE);
    CHECK_OK(crdt_store_commit(a, NULL));
    CHECK_ERR(crdt_gcounter_value(crdt_store_solo(a), &n), CRDT_ERANGE);
    CHECK_EQ_INT(n, 5);
    run_to(b, "inc", 2, a); /* merges never fail: the value has 128 bits */
    crdt_i128 wide = crdt_gcounter_value_wide(crdt_store_solo(a));
    CHECK_EQ_INT(wide.hi, 1);
    CHECK_EQ_INT(wide.lo, 1);
    shows(crdt_store_solo(a), "18446744073709551617");
    free_stores(a, b, NULL);
}

TEST(pncounter, each_sum_has_64_bits_of_its_own)
{
    testmem_init(&mem);
    crdt_store *a = counter(&crdt_pncounter_type, A), *b = counter(&crdt_pncounter_type, B);
    crdt_txn   *txn;
    CHECK_OK(crdt_store_begin(a, NOW, &txn));
    CHECK_OK(crdt_pncounter_dec(txn, CRDT_SOLO, UINT64_MAX));
    CHECK_ERR(crdt_pncounter_dec(txn, CRDT_SOLO, 1), CRDT_ERANGE);
    CHECK_OK(crdt_pncounter_inc(txn, CRDT_SOLO, UINT64_MAX));
    CHECK_EQ_INT(value_now(txn), 0);
    CHECK_OK(crdt_store_commit(a, NULL));
    CHECK_OK(crdt_store_begin(b, NOW, &txn));
    CHECK_OK(crdt_pncounter_dec(txn, CRDT_SOLO, UINT64_MAX));
    CHECK_OK(crdt_store_commit(b, NULL));
    join(b, a);
    shows(crdt_store_solo(b), "-18446744073709551615");
    free_stores(a, b, NULL);
}

TEST(counters, reads_know_their_type)
{
    testmem_init(&mem);
    crdt_store *g = counter(&crdt_gcounter_type, A), *p = counter(&crdt_pncounter_type, B);
    int64_t     n;
    run_to(g, "inc", 3, NULL);
    run_to(p, "inc", 3, NULL);
    CHECK_ERR(crdt_gcounter_value(crdt_store_solo(p), &n), CRDT_EINVAL);
    CHECK_ERR(crdt_pncounter_value(crdt_store_solo(g), &n), CRDT_EINVAL);
    CHECK_EQ_INT(crdt_gcounter_value_wide(crdt_store_solo(p)).lo, 0);
    CHECK_EQ_INT(crdt_pncounter_value_wide(crdt_store_solo(g)).lo, 0);
    free_stores(g, p, NULL);
}

TEST(counters, payload_is_eight_or_sixteen_bytes_a_cell)
{
    testmem_init(&mem);
    crdt_store *g = counter(&crdt_gcounter_type, A), *p = counter(&crdt_pncounter_type, B);
    run_to(g, "inc", 3, NULL);
    run_to(p, "inc", 3, NULL);
    crdt_ref   ref_g = crdt_store_solo(g), ref_p = crdt_store_solo(p);
    crdt_stats of_g = crdt_ref_stats(&ref_g), of_p = crdt_ref_stats(&ref_p);
    CHECK_EQ_INT(of_g.payload, 8);
    CHECK_EQ_INT(of_p.payload, 16);
    CHECK_EQ_INT(of_g.elements, 1);
    CHECK_EQ_INT(of_g.dots, 1);
    CHECK_EQ_INT(of_g.residues, 0);
    free_stores(g, p, NULL);
}

/* -- Resets ------------------------------------------------------------------------------------ */

/* What a reset did not see stays, however the states meet: by operation, delta or state
 * (riak_dt#98). */
TEST(counters, unseen_increments_survive_a_reset)
{
    for (unsigned way = 0; way < 3; way++) {
        testmem_init(&mem);
        crdt_store *a = counter(&crdt_pncounter_type, A), *b = counter(&crdt_pncounter_type, B);
        crdt_store *c = counter(&crdt_pncounter_type, C);
        run_to(a, "inc", 10, b);
        crdt_delta *unseen = run(a, "inc", 7), *reset = run(b, "reset", 0);
        CHECK_EQ_INT(value(b), 0);
        if (way == 0) {
            CHECK_OK(crdt_store_join(a, reset, NOW));
            CHECK_OK(crdt_store_join(b, unseen, NOW));
        } else if (way == 1) {
            join(a, b);
            join(b, a);
        } else { /* at value level, backwards */
            CHECK_OK(crdt_store_merge(c, reset));
            CHECK_OK(crdt_store_merge(c, unseen));
            CHECK_EQ_INT(value(c), 7);
            join(b, a);
            join(a, b);
        }
        CHECK_EQ_INT(value(a), 7);
        CHECK_EQ_INT(value(b), 7);
        same_bytes(a, b);
        crdt_store_free(unseen);
        crdt_store_free(reset);
        free_stores(a, b, c);
    }
}

/* riak_dt#53: two resets of the same increments take them away once. */
TEST(counters, concurrent_resets_take_away_once)
{
    testmem_init(&mem);
    crdt_store *a = counter(&crdt_gcounter_type, A), *b = counter(&crdt_gcounter_type, B);
    crdt_store *c = counter(&crdt_gcounter_type, C);
    run_to(a, "inc", 10, b);
    join(c, b);
    run_to(b, "reset", 0, NULL);
    run_to(c, "reset", 0, NULL);
    run_to(a, "inc", 1, NULL);
    join(a, b);
    join(a, c);
    CHECK_EQ_INT(value(a), 1);
    join(c, a);
    join(b, c);
    CHECK_EQ_INT(value(b), 1);
    same_bytes(a, c);
    same_bytes(b, c);
    free_stores(a, b, c);
}

TEST(counters, a_reset_of_nothing_takes_no_dot)
{
    testmem_init(&mem);
    crdt_store *a = counter(&crdt_gcounter_type, A), *b = counter(&crdt_gcounter_type, B);
    crdt_delta *delta = run(a, "reset", 0);
    CHECK(crdt_store_is_empty(delta));
    crdt_store_free(delta);
    run_to(b, "inc", 1, a);
    run_to(a, "reset", 0, NULL);
    delta = run(a, "reset", 0); /* only a residue is left */
    CHECK(crdt_store_is_empty(delta));
    crdt_store_free(delta);
    free_stores(a, b, NULL);
}

TEST(counters, a_reset_by_the_only_writer_leaves_nothing)
{
    testmem_init(&mem);
    crdt_store *a = counter(&crdt_pncounter_type, A), *b = counter(&crdt_pncounter_type, B);
    run_to(a, "inc", 5, b);
    run_to(a, "dec", 5, b); /* 0 by value, yet there is something to reset */
    crdt_delta *reset = run(a, "reset", 0);
    CHECK(!crdt_store_is_empty(reset));
    CHECK_OK(crdt_store_join(b, reset, NOW));
    crdt_store_free(reset);
    CHECK_EQ_INT(residues(a) + residues(b), 0);
    CHECK_EQ_INT(crdt_store_stats(b).dots, 0);
    same_bytes(a, b);
    free_stores(a, b, NULL);
}

TEST(counters, a_read_context_limits_a_reset_to_cells_it_covers)
{
    testmem_init(&mem);
    crdt_store  *a = counter(&crdt_gcounter_type, A), *b = counter(&crdt_gcounter_type, B);
    crdt_store  *c = counter(&crdt_gcounter_type, C);
    crdt_context read;
    crdt_txn    *txn;
    crdt_context_init(&read, &mem.mem);
    run_to(a, "inc", 1, c);
    run_to(b, "inc", 10, c);
    CHECK_OK(crdt_context_copy(&read, crdt_store_context(c)));
    run_to(b, "inc", 100, c);
    CHECK_OK(crdt_store_begin(c, NOW, &txn));
    crdt_txn_at(txn, &read);
    CHECK_OK(crdt_gcounter_inc(txn, CRDT_SOLO, 1000));
    CHECK_OK(crdt_gcounter_reset(txn, CRDT_SOLO));
    CHECK_EQ_INT(value_now(txn), 110); /* b's cell has moved on since; the others go */
    CHECK_OK(crdt_store_commit(c, NULL));
    CHECK_EQ_INT(value(c), 110);
    join(b, c);
    CHECK_EQ_INT(value(b), 110);
    crdt_context_clear(&read);
    free_stores(a, b, c);
}

TEST(counters, a_transaction_sees_its_own_writes)
{
    testmem_init(&mem);
    crdt_store *a = counter(&crdt_pncounter_type, A), *b = counter(&crdt_pncounter_type, B);
    crdt_txn   *txn;
    crdt_delta *delta;
    run_to(b, "inc", 50, a);
    run_to(a, "inc", 5, b);
    CHECK_OK(crdt_store_begin(a, NOW, &txn));
    CHECK_OK(crdt_pncounter_inc(txn, CRDT_SOLO, 1));
    CHECK_OK(crdt_pncounter_dec(txn, CRDT_SOLO, 2));
    CHECK_EQ_INT(value_now(txn), 54);
    CHECK_OK(crdt_pncounter_reset(txn, CRDT_SOLO));
    CHECK_EQ_INT(value_now(txn), 0);
    CHECK_OK(crdt_pncounter_reset(txn, CRDT_SOLO));
    CHECK_OK(crdt_pncounter_dec(txn, CRDT_SOLO, 9));
    CHECK_EQ_INT(value_now(txn), -9);
    CHECK_EQ_INT(value(a), 55);
    CHECK_OK(crdt_store_commit(a, &delta));
    CHECK_EQ_INT(value(a), -9);
    CHECK_OK(crdt_store_join(b, delta, NOW));
    same_bytes(a, b);
    crdt_store_free(delta);
    CHECK_OK(crdt_store_begin(a, NOW, &txn)); /* born and gone in one transaction */
    CHECK_OK(crdt_pncounter_reset(txn, CRDT_SOLO));
    CHECK_OK(crdt_pncounter_inc(txn, CRDT_SOLO, 3));
    CHECK_OK(crdt_pncounter_reset(txn, CRDT_SOLO));
    CHECK_OK(crdt_store_commit(a, &delta));
    CHECK_OK(crdt_store_join(b, delta, NOW));
    CHECK_EQ_INT(value(b), 0);
    same_bytes(a, b);
    crdt_store_free(delta);
    free_stores(a, b, NULL);
}

/* -- What is remembered ------------------------------------------------------------------------ */

TEST(counters, a_residue_goes_with_its_authors_next_write)
{
    testmem_init(&mem);
    crdt_store *a = counter(&crdt_gcounter_type, A), *b = counter(&crdt_gcounter_type, B);
    run_to(b, "inc", 1, a);
    run_to(a, "reset", 0, b);
    CHECK_EQ_INT(residues(a), 1);
    run_to(b, "inc", 1, a);
    CHECK_EQ_INT(residues(a) + residues(b), 0);
    CHECK_EQ_INT(crdt_store_stats(a).dots, 1);
    same_bytes(a, b);
    free_stores(a, b, NULL);
}

TEST(counters, residues_are_bounded_by_the_replicas)
{
    testmem_init(&mem);
    crdt_store *a = counter(&crdt_gcounter_type, A), *b = counter(&crdt_gcounter_type, B);
    for (unsigned i = 0; i < 2000; i++) { /* each resets what the other wrote */
        run_to(a, "inc", 1, b);
        run_to(b, "inc", 1, a);
        if (i % 3 == 0) run_to(a, "reset", 0, b);
        if (i % 3 == 1) run_to(b, "reset", 0, a);
        if (i % 3 == 2) { /* both at once, with increments between */
            crdt_delta *x = run(a, "reset", 0), *y = run(b, "reset", 0), *z = run(a, "inc", 1);
            CHECK_OK(crdt_store_join(b, x, NOW));
            CHECK_OK(crdt_store_join(a, y, NOW));
            CHECK_OK(crdt_store_join(b, z, NOW));
            crdt_store_free(x);
            crdt_store_free(y);
            crdt_store_free(z);
        }
        CHECK(crdt_store_stats(a).dots <= 4);
    }
    same_bytes(a, b);
    free_stores(a, b, NULL);
}

TEST(counters, a_stable_reset_is_forgotten_and_stays_forgotten)
{
    testmem_init(&mem);
    crdt_store *a = counter(&crdt_gcounter_type, A), *b = counter(&crdt_gcounter_type, B);
    crdt_store *old = counter(&crdt_gcounter_type, C);
    crdt_delta *inc = run(a, "inc", 10), *late = run(a, "inc", 5);
    CHECK_OK(crdt_store_join(b, inc, NOW));
    CHECK_OK(crdt_store_join(b, late, NOW));
    join(old, b);
    run_to(b, "reset", 0, a);
    CHECK_EQ_INT(residues(a), 1);
    CHECK_EQ_INT(residues(b), 1);
    crdt_ref of_b = crdt_store_solo(b);
    CHECK(!of_b.type->alive(&of_b));
    CHECK_OK(crdt_store_stabilise(a, crdt_store_context(a)));
    CHECK_EQ_INT(residues(a), 0);
    CHECK_OK(crdt_store_join(a, late, NOW)); /* duplicates of what was collected */
    CHECK_OK(crdt_store_join(a, inc, NOW));
    join(a, old);
    CHECK_EQ_INT(value(a), 0);
    CHECK_EQ_INT(crdt_store_stats(a).dots, 0);
    join(old, a); /* who is behind learns of the reset from what is missing */
    CHECK_EQ_INT(value(old), 0);
    join(b, a);
    same_bytes(a, b);
    run_to(a, "inc", 3, b);
    CHECK_EQ_INT(value(b), 3);
    crdt_store_free(inc);
    crdt_store_free(late);
    free_stores(a, b, old);
}

TEST(counters, stabilise_keeps_what_is_not_covered)
{
    testmem_init(&mem);
    crdt_store  *a = counter(&crdt_gcounter_type, A), *b = counter(&crdt_gcounter_type, B);
    crdt_context cut;
    crdt_context_init(&cut, &mem.mem);
    run_to(a, "inc", 10, b);
    CHECK_OK(crdt_context_copy(&cut, crdt_store_context(b)));
    run_to(b, "reset", 0, NULL);
    CHECK_OK(crdt_store_stabilise(b, &cut)); /* covers the increment, not the reset */
    CHECK_EQ_INT(residues(b), 1);
    run_to(a, "inc", 2, b);
    CHECK_OK(crdt_store_stabilise(b, crdt_store_context(b)));
    CHECK_EQ_INT(value(b), 2); /* a floor under a living cell stays */
    crdt_context_clear(&cut);
    free_stores(a, b, NULL);
}

/* -- Forms, bytes, memory
 * ----------------------------------------------------------------------- */

TEST(counters, many_replicas_join_in_any_form)
{
    testmem_init(&mem);
    crdt_store *all = counter(&crdt_pncounter_type, 1000), *twin = counter(&crdt_pncounter_type, 0);
    int64_t     want = 0;
    for (uint64_t r = 1; r <= 100; r++) {
        crdt_store *one = counter(&crdt_pncounter_type, r * 7919 % 101);
        int64_t     n = r == 50 ? INT64_C(1) << 40 : (int64_t)r;
        run_to(one, r % 2 ? "inc" : "dec", n, all);
        want += r % 2 ? n : -n;
        if (r == 60) join(twin, all);
        crdt_store_free(one);
    }
    CHECK_EQ_INT(value(all), want);
    join(twin, all);
    same_bytes(all, twin);
    join(twin, all);
    run_to(all, "reset", 0, twin);
    CHECK_EQ_INT(value(twin), 0);
    CHECK_EQ_INT(residues(twin), 100);
    same_bytes(all, twin);
    CHECK_OK(crdt_store_stabilise(all, crdt_store_context(all)));
    CHECK_EQ_INT(crdt_store_stats(all).dots, 0);
    join(twin, all);
    same_bytes(all, twin);
    free_stores(all, twin, NULL);
}

/* A transaction of everything, its delta joined, with each allocation refused in turn. */
TEST(counters, a_refused_allocation_changes_nothing)
{
    crdt_buf before, after;
    crdt_buf_init(&before, NULL);
    crdt_buf_init(&after, NULL);
    for (uint64_t n = 1;; n++) {
        testmem_init(&mem);
        crdt_store *a = counter(&crdt_pncounter_type, A), *b = counter(&crdt_pncounter_type, B);
        crdt_txn   *txn;
        crdt_delta *delta = NULL;
        crdt_err    err;
        run_to(b, "inc", 4, a);
        run_to(a, "inc", INT64_C(1) << 33, b);
        run_to(b, "reset", 0, a);
        run_to(b, "dec", 2, a);
        crdt_buf_reset(&before);
        crdt_buf_reset(&after);
        CHECK_OK(crdt_store_encode(a, &before));
        testmem_fail_nth(&mem, n);
        err = crdt_store_begin(a, NOW, &txn);
        if (err == CRDT_OK) {
            err = crdt_pncounter_inc(txn, CRDT_SOLO, UINT64_C(1) << 32);
            if (err == CRDT_OK) err = crdt_pncounter_reset(txn, CRDT_SOLO);
            if (err == CRDT_OK) err = crdt_pncounter_dec(txn, CRDT_SOLO, 8);
            if (err == CRDT_OK) err = crdt_store_commit(a, &delta);
            if (err != CRDT_OK) crdt_store_rollback(a);
        }
        bool refused = testmem_refused(&mem);
        testmem_fail_never(&mem);
        CHECK_ERR(err, refused ? CRDT_ENOMEM : CRDT_OK);
        CHECK_OK(crdt_store_encode(a, &after));
        if (refused) CHECK_EQ_MEM(after.data, after.size, before.data, before.size);
        crdt_store_free(delta);
        free_stores(a, b, NULL);
        if (!refused) break;
    }
    crdt_buf_clear(&before);
    crdt_buf_clear(&after);
}
