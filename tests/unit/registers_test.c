/* registers_test.c: lww, lwwts, mvreg, max, min, ewflag, dwflag: what each promises, by example. */
#include <string.h>

#include "tests/lib/stores.h"
#include "tests/lib/t.h"
#include "tests/lib/testmem.h"

/* Two stand-alone objects of one type, A written by replica 1 and B by 2. */
typedef struct pair {
    const crdt_type *type;
    crdt_store      *a, *b;
} pair;

static pair pair_of(const crdt_type *type)
{
    pair p = {type, solo_of(type, 1), solo_of(type, 2)};
    return p;
}

/* Each takes in the other's state. */
static void sync(pair *p)
{
    join(p->a, p->b);
    join(p->b, p->a);
    CHECK(same_bytes(p->a, p->b));
    CHECK(crdt_digest_equal(crdt_store_digest(p->a, NULL), crdt_store_digest(p->b, NULL)));
    check_store(p->a);
}

static void pair_free(pair *p)
{
    free_all(p->a, p->b, NULL);
}

static crdt_stats stats_of(const crdt_store *store)
{
    crdt_ref ref = crdt_store_solo(store);
    return crdt_ref_stats(&ref);
}

static size_t conflicts(const crdt_store *store, size_t *ret_wins)
{
    crdt_ref      ref = crdt_store_solo(store);
    crdt_conflict c;
    size_t        n = 0;
    *ret_wins = 0;
    for (; crdt_ref_conflict(&ref, n, &c); n++) *ret_wins += c.wins;
    return n;
}

/* Forget what both have seen; the test vouches that nothing is on its way. */
static void collect(pair *p)
{
    sync(p);
    CHECK_OK(crdt_store_stabilise(p->a, crdt_store_context(p->a)));
    CHECK_OK(crdt_store_stabilise(p->b, crdt_store_context(p->b)));
    CHECK(same_bytes(p->a, p->b));
    check_store(p->a);
    CHECK_EQ_INT(stats_of(p->a).residues, 0);
}

/* -- lww -------------------------------------------------------------------------------------- */

TEST(lww, the_later_of_concurrent_writes_shows_and_the_other_is_listed)
{
    pair      p = pair_of(&crdt_lww_type);
    crdt_txn *txn;
    size_t    wins;
    DO(p.a, "", p.type, "set", "early");
    CHECK_OK(crdt_store_begin(p.b, NOW + 1, &txn));
    CHECK_OK(crdt_lww_set(txn, CRDT_SOLO, crdt_text("a later, longer value")));
    crdt_store_free(commit(p.b));
    sync(&p);
    CHECK_EQ_STR(shown(p.a, ""), "\"a later, longer value\"");
    CHECK_EQ_INT(conflicts(p.a, &wins), 2);
    CHECK_EQ_INT(wins, 1);
    DO(p.a, "", p.type, "set", "both seen");
    sync(&p);
    CHECK_EQ_STR(shown(p.b, ""), "\"both seen\"");
    CHECK_EQ_INT(conflicts(p.b, &wins), 1);
    pair_free(&p);
}

TEST(lww, equal_stamps_are_settled_by_the_replica_never_by_the_value)
{
    pair p = pair_of(&crdt_lww_type);
    DO(p.a, "", p.type, "set", "zebra");
    DO(p.b, "", p.type, "set", "ant");
    CHECK_EQ_INT(crdt_lww_stamp(crdt_store_solo(p.a)), crdt_lww_stamp(crdt_store_solo(p.b)));
    sync(&p);
    CHECK_EQ_STR(shown(p.a, ""), "\"ant\"");
    pair_free(&p);
}

TEST(lww, who_saw_a_stamp_from_the_future_can_overwrite_it)
{
    pair      p = pair_of(&crdt_lww_type);
    crdt_txn *txn;
    CHECK_OK(crdt_store_begin(p.b, NOW + UINT64_C(1000000000000), &txn));
    CHECK_OK(crdt_lww_set(txn, CRDT_SOLO, crdt_text("poison")));
    crdt_store_free(commit(p.b));
    join(p.a, p.b);
    DO(p.a, "", p.type, "set", "cure");
    join(p.b, p.a);
    CHECK_EQ_STR(shown(p.b, ""), "\"cure\"");
    pair_free(&p);
}

TEST(lww, clear_leaves_nothing_and_a_concurrent_write_survives)
{
    pair p = pair_of(&crdt_lww_type);
    DO(p.a, "", p.type, "set", "x");
    sync(&p);
    crdt_delta *clear = apply(p.a, "", p.type, "clear");
    CHECK_EQ_INT(stats_of(p.a).dots, 0);
    CHECK_EQ_STR(shown(p.a, ""), "none");
    DO(p.b, "", p.type, "set", "y");
    join(p.b, clear);
    CHECK_EQ_STR(shown(p.b, ""), "\"y\"");
    sync(&p);
    crdt_delta *nothing = apply(p.a, "", p.type, "clear");
    crdt_delta *again = apply(p.a, "", p.type, "clear");
    CHECK(!crdt_store_is_empty(nothing) && crdt_store_is_empty(again));
    pair_free(&p);
    free_all(clear, nothing, again, NULL);
}

TEST(lww, a_read_context_keeps_what_it_has_not_seen)
{
    pair         p = pair_of(&crdt_lww_type);
    crdt_context seen;
    size_t       wins;
    DO(p.a, "", p.type, "set", "one");
    crdt_context_init(&seen, NULL);
    CHECK_OK(crdt_context_copy(&seen, crdt_store_context(p.a)));
    DO(p.a, "", p.type, "set", "two");
    crdt_txn *txn = begin(p.a);
    crdt_txn_at(txn, &seen);
    CHECK_OK(crdt_lww_set(txn, CRDT_SOLO, crdt_text("three")));
    crdt_store_free(commit(p.a));
    CHECK_EQ_STR(shown(p.a, ""), "\"three\"");
    CHECK_EQ_INT(conflicts(p.a, &wins), 2);
    sync(&p);
    crdt_context_clear(&seen);
    pair_free(&p);
}

TEST(lww, a_value_of_any_size_is_copied)
{
    crdt_store *a = solo_of(&crdt_lww_type, 1);
    char        text[64];
    for (size_t size = 0; size < sizeof text; size++) {
        crdt_value v;
        memset(text, 'x', sizeof text);
        crdt_txn *txn = begin(a);
        CHECK_OK(crdt_lww_set(txn, CRDT_SOLO, crdt_bytes(text, size)));
        memset(text, '?', sizeof text);
        crdt_store_free(commit(a));
        CHECK(crdt_lww_get(crdt_store_solo(a), &v));
        memset(text, 'x', sizeof text);
        CHECK_EQ_MEM(v.bytes.data, v.bytes.size, text, size);
    }
    crdt_store_free(a);
}

/* -- lwwts ------------------------------------------------------------------------------------ */

TEST(lwwts, order_is_total_over_stamp_delete_and_value)
{
    static const struct {
        const char *value; /* NULL: delete */
        int         stamp;
        const char *shows;
    } rising[] = {{"a", 5, "\"a\""}, {"b", 5, "\"b\""}, {NULL, 5, "none"},
                  {"a", 6, "\"a\""}, {NULL, 7, "none"}, {"z", 8, "\"z\""}};
    const crdt_type *type = &crdt_lwwts_type;
    size_t           n = sizeof rising / sizeof *rising;
    for (size_t i = 0; i < n * n; i++) {
        size_t x = i / n, y = i % n, top = x > y ? x : y;
        pair   p = pair_of(type);
        if (rising[x].value) DO(p.a, "", type, "put", rising[x].value, rising[x].stamp);
        else DO(p.a, "", type, "del", rising[x].stamp);
        if (rising[y].value) DO(p.b, "", type, "put", rising[y].value, rising[y].stamp);
        else DO(p.b, "", type, "del", rising[y].stamp);
        sync(&p);
        CHECK_EQ_STR(shown(p.a, ""), rising[top].shows);
        CHECK_EQ_INT(stats_of(p.a).stamp_max, 0);
        pair_free(&p);
    }
}

TEST(lwwts, what_is_not_above_is_absorbed_without_a_dot)
{
    crdt_store      *a = solo_of(&crdt_lwwts_type, 1);
    const crdt_type *type = &crdt_lwwts_type;
    DO(a, "", type, "put", "m", 10);
    crdt_delta *older = apply(a, "", type, "put", "z", 9);
    crdt_delta *equal = apply(a, "", type, "put", "m", 10);
    crdt_delta *lower = apply(a, "", type, "put", "l", 10);
    crdt_delta *gone = apply(a, "", type, "del", 9);
    CHECK(crdt_store_is_empty(older) && crdt_store_is_empty(equal));
    CHECK(crdt_store_is_empty(lower) && crdt_store_is_empty(gone));
    DO(a, "", type, "put", "n", 10);
    CHECK_EQ_STR(shown(a, ""), "\"n\"");
    CHECK_EQ_INT(stats_of(a).dots, 1);
    free_all(a, older, equal, lower, gone, NULL);
}

TEST(lwwts, a_delete_holds_against_older_puts_until_it_is_stable)
{
    pair p = pair_of(&crdt_lwwts_type);
    DO(p.a, "", p.type, "del", 10);
    DO(p.b, "", p.type, "put", "old", 9);
    CHECK_EQ_STR(shown(p.b, ""), "\"old\"");
    sync(&p);
    CHECK_EQ_STR(shown(p.b, ""), "none");
    CHECK_EQ_INT(stats_of(p.b).residues, 1);
    DO(p.a, "", p.type, "put", "older", 8);
    CHECK_EQ_STR(shown(p.a, ""), "none");
    collect(&p);
    CHECK_EQ_INT(stats_of(p.a).dots, 0);
    DO(p.a, "", p.type, "put", "late", 3); /* as after gc_grace */
    CHECK_EQ_STR(shown(p.a, ""), "\"late\"");
    pair_free(&p);
}

TEST(lwwts, an_unstable_loser_keeps_the_delete)
{
    pair         p = pair_of(&crdt_lwwts_type);
    crdt_context cut;
    crdt_context_init(&cut, NULL);
    DO(p.a, "", p.type, "del", 10);
    CHECK_OK(crdt_context_copy(&cut, crdt_store_context(p.a)));
    DO(p.b, "", p.type, "put", "loser", 9);
    sync(&p);
    CHECK_OK(crdt_store_stabilise(p.a, &cut));
    CHECK_EQ_STR(shown(p.a, ""), "none");
    CHECK_EQ_INT(stats_of(p.a).dots, 2);
    CHECK_OK(crdt_store_stabilise(p.a, crdt_store_context(p.a)));
    CHECK_EQ_INT(stats_of(p.a).dots, 0);
    crdt_context_clear(&cut);
    pair_free(&p);
}

TEST(lwwts, reset_deletes_at_the_greatest_stamp_seen)
{
    pair p = pair_of(&crdt_lwwts_type);
    DO(p.a, "", p.type, "put", "x", 10);
    sync(&p);
    remove_name(p.a, "");
    DO(p.b, "", p.type, "put", "y", 11);
    sync(&p);
    CHECK_EQ_STR(shown(p.a, ""), "\"y\"");
    remove_name(p.a, "");
    DO(p.a, "", p.type, "put", "w", 11); /* not above the delete */
    sync(&p);
    CHECK_EQ_STR(shown(p.b, ""), "none");
    pair_free(&p);
}

TEST(lwwts, stamps_out_of_range_are_refused)
{
    crdt_store *a = solo_of(&crdt_lwwts_type, 1);
    crdt_txn   *txn = begin(a);
    uint64_t    far = CRDT_STAMP_MAX + 1;
    crdt_value  bad = {(crdt_kind)7, 0, {NULL, 0}};
    CHECK_ERR(crdt_lwwts_put(txn, CRDT_SOLO, crdt_int(1), far), CRDT_EINVAL);
    CHECK_ERR(crdt_lwwts_del(txn, CRDT_SOLO, far), CRDT_EINVAL);
    CHECK_ERR(crdt_lwwts_put(txn, CRDT_SOLO, bad, 1), CRDT_EINVAL);
    CHECK_OK(crdt_lwwts_put(txn, CRDT_SOLO, crdt_int(1), far - 1));
    crdt_store_free(commit(a));
    CHECK_EQ_INT(crdt_lwwts_stamp(crdt_store_solo(a)), far - 1);
    DO(a, "", &crdt_lwwts_type, "del", 4);
    CHECK_EQ_STR(shown(a, ""), "1");
    crdt_store_free(a);
}

/* -- mvreg ------------------------------------------------------------------------------------ */

TEST(mvreg, concurrent_values_all_show_sorted_and_a_write_settles_them)
{
    pair        p = pair_of(&crdt_mvreg_type);
    crdt_store *c = solo_of(&crdt_mvreg_type, 3);
    crdt_value  v;
    size_t      wins;
    DO(p.a, "", p.type, "set", "b");
    DO(p.b, "", p.type, "set", "a");
    crdt_txn *txn = begin(c);
    CHECK_OK(crdt_mvreg_set(txn, CRDT_SOLO, crdt_int(1)));
    crdt_store_free(commit(c));
    join(p.a, c);
    sync(&p);
    CHECK_EQ_STR(shown(p.a, ""), "[1, \"a\", \"b\"]");
    CHECK_EQ_INT(crdt_mvreg_count(crdt_store_solo(p.a)), 3);
    CHECK(crdt_mvreg_get(crdt_store_solo(p.a), 0, &v) && v.kind == CRDT_BYTES);
    CHECK(!crdt_mvreg_get(crdt_store_solo(p.a), 3, &v));
    CHECK_EQ_INT(conflicts(p.a, &wins), 3);
    CHECK_EQ_INT(wins, 3);
    DO(p.b, "", p.type, "set", "a");
    DO(c, "", p.type, "set", "a");
    sync(&p);
    CHECK_EQ_STR(shown(p.a, ""), "[\"a\"]");
    join(p.a, c);
    CHECK_EQ_STR(shown(p.a, ""), "[\"a\", \"a\"]"); /* equal values of two writes */
    DO(p.a, "", p.type, "clear");
    CHECK_EQ_STR(shown(p.a, ""), "[]");
    CHECK_EQ_INT(stats_of(p.a).dots, 0);
    pair_free(&p);
    crdt_store_free(c);
}

TEST(mvreg, a_transaction_sees_its_own_writes)
{
    crdt_store *a = solo_of(&crdt_mvreg_type, 1);
    crdt_ref    ref;
    crdt_value  v;
    DO(a, "", &crdt_mvreg_type, "set", "old");
    crdt_txn *txn = begin(a);
    for (int64_t i = 0; i < 3; i++) {
        CHECK_OK(crdt_mvreg_set(txn, CRDT_SOLO, crdt_int(i)));
        CHECK_OK(crdt_txn_find(txn, CRDT_SOLO, NULL, &ref));
        CHECK_EQ_INT(crdt_mvreg_count(ref), 1);
        CHECK(crdt_mvreg_get(ref, 0, &v) && v.kind == CRDT_INT && v.i == i);
    }
    CHECK_EQ_STR(shown(a, ""), "[\"old\"]");
    crdt_store_free(commit(a));
    CHECK_EQ_STR(shown(a, ""), "[2]");
    crdt_store_free(a);
}

/* -- max, min --------------------------------------------------------------------------------- */

TEST(max, only_what_is_beyond_takes_a_dot)
{
    pair             p = pair_of(&crdt_max_type);
    const crdt_type *min = &crdt_min_type;
    crdt_store      *least = solo_of(min, 1);
    int64_t          n;
    CHECK(!crdt_max_get(crdt_store_solo(p.a), &n));
    CHECK_EQ_STR(shown(p.a, ""), "none");
    DO(p.a, "", p.type, "write", -5);
    DO(least, "", min, "write", -5);
    crdt_delta *idle = apply(p.a, "", p.type, "write", -5);
    crdt_delta *idle_min = apply(least, "", min, "write", 4);
    CHECK(crdt_store_is_empty(idle) && crdt_store_is_empty(idle_min));
    DO(p.a, "", p.type, "write", 7);
    DO(p.b, "", p.type, "write", 3);
    DO(least, "", min, "write", -6);
    sync(&p);
    CHECK(crdt_max_get(crdt_store_solo(p.b), &n) && n == 7);
    CHECK(crdt_min_get(crdt_store_solo(least), &n) && n == -6);
    free_all(p.a, p.b, least, idle, idle_min, NULL);
}

TEST(max, reset_removes_just_what_was_seen)
{
    pair p = pair_of(&crdt_max_type);
    DO(p.a, "", p.type, "write", 9);
    sync(&p);
    remove_name(p.a, "");
    CHECK_EQ_STR(shown(p.a, ""), "none");
    DO(p.b, "", p.type, "write", 10);
    sync(&p);
    CHECK_EQ_STR(shown(p.a, ""), "10");
    remove_name(p.a, "");
    sync(&p);
    DO(p.b, "", p.type, "write", 1);
    CHECK_EQ_STR(shown(p.b, ""), "1");
    pair_free(&p);
}

TEST(min, limits_of_the_integer_hold)
{
    crdt_store *a = solo_of(&crdt_min_type, 1);
    crdt_txn   *txn = begin(a);
    int64_t     n;
    CHECK_OK(crdt_min_write(txn, CRDT_SOLO, INT64_MAX));
    CHECK_OK(crdt_min_write(txn, CRDT_SOLO, INT64_MIN));
    crdt_store_free(commit(a));
    crdt_store *copy = recoded(a);
    CHECK(crdt_min_get(crdt_store_solo(copy), &n) && n == INT64_MIN);
    free_all(a, copy, NULL);
}

/* -- Flags ------------------------------------------------------------------------------------ */

TEST(ewflag, enable_wins)
{
    pair p = pair_of(&crdt_ewflag_type);
    CHECK(!crdt_ewflag_get(crdt_store_solo(p.a)));
    crdt_delta *nothing = apply(p.a, "", p.type, "disable");
    CHECK(crdt_store_is_empty(nothing));
    DO(p.a, "", p.type, "enable");
    sync(&p);
    DO(p.a, "", p.type, "disable");
    DO(p.b, "", p.type, "enable"); /* enabled already: the intention counts */
    sync(&p);
    CHECK_EQ_STR(shown(p.a, ""), "true");
    DO(p.a, "", p.type, "disable");
    sync(&p);
    CHECK_EQ_STR(shown(p.b, ""), "false");
    CHECK_EQ_INT(stats_of(p.b).dots, 0);
    free_all(p.a, p.b, nothing, NULL);
}

TEST(dwflag, disable_wins_also_on_a_flag_never_enabled)
{
    pair p = pair_of(&crdt_dwflag_type);
    DO(p.a, "", p.type, "disable");
    DO(p.b, "", p.type, "enable");
    CHECK_EQ_STR(shown(p.b, ""), "true");
    sync(&p);
    CHECK_EQ_STR(shown(p.b, ""), "false");
    DO(p.b, "", p.type, "enable");
    sync(&p);
    CHECK_EQ_STR(shown(p.a, ""), "true");
    pair_free(&p);
}

TEST(dwflag, stable_disables_go_with_the_enables_they_beat)
{
    pair         p = pair_of(&crdt_dwflag_type);
    crdt_context cut;
    crdt_context_init(&cut, NULL);
    DO(p.a, "", p.type, "disable");
    CHECK_OK(crdt_context_copy(&cut, crdt_store_context(p.a)));
    DO(p.b, "", p.type, "enable");
    sync(&p);
    CHECK_OK(crdt_store_stabilise(p.a, &cut)); /* the enable is not stable: both stay */
    CHECK_EQ_STR(shown(p.a, ""), "false");
    CHECK_EQ_INT(stats_of(p.a).dots, 2);
    CHECK_OK(crdt_store_stabilise(p.b, &cut));
    collect(&p);
    CHECK_EQ_INT(stats_of(p.a).dots, 0);
    DO(p.b, "", p.type, "enable");
    CHECK_EQ_STR(shown(p.b, ""), "true");
    crdt_context_clear(&cut);
    pair_free(&p);
}

TEST(dwflag, an_enable_by_who_had_not_seen_the_disable_does_nothing)
{
    crdt_store  *a = solo_of(&crdt_dwflag_type, 1);
    crdt_context seen;
    crdt_context_init(&seen, NULL);
    DO(a, "", &crdt_dwflag_type, "enable");
    CHECK_OK(crdt_context_copy(&seen, crdt_store_context(a)));
    DO(a, "", &crdt_dwflag_type, "disable");
    crdt_txn *txn = begin(a);
    crdt_txn_at(txn, &seen);
    CHECK_OK(crdt_dwflag_enable(txn, CRDT_SOLO));
    crdt_delta *delta = commit(a);
    CHECK(crdt_store_is_empty(delta));
    CHECK_EQ_STR(shown(a, ""), "false");
    crdt_context_clear(&seen);
    free_all(a, delta, NULL);
}

/* -- All -------------------------------------------------------------------------------------- */

static const crdt_type *const all[] = {&crdt_lww_type,   &crdt_lwwts_type, &crdt_mvreg_type,
                                       &crdt_max_type,   &crdt_min_type,   &crdt_ewflag_type,
                                       &crdt_dwflag_type};
#define ALL (sizeof all / sizeof *all)

/* Any operation, its arguments drawn from n. */
static void any_op(crdt_store *store, const crdt_type *type, unsigned n)
{
    static const char *const texts[] = {"x", "yy", "a text of some length"};
    const crdt_op           *op = &type->ops[n % type->ops_count];
    int                      number = (int)(n % 23);
    if (op->args[0] == 'v') DO(store, "", type, op->name, texts[n % 3], number);
    else DO(store, "", type, op->name, op->args[0] == 'i' ? number - 9 : number);
}

TEST(registers, deltas_and_states_end_in_the_same_bytes)
{
    uint64_t seed = 7;
    for (unsigned round = 0; round < 60 * ALL; round++) {
        pair        p = pair_of(all[round % ALL]);
        crdt_store *c = solo_of(p.type, 3);
        for (int i = 0; i < 12; i++) {
            seed = seed * UINT64_C(6364136223846793005) + 1;
            crdt_store *at = seed >> 40 & 1 ? p.a : p.b;
            if ((seed >> 44) % 3 == 0) join(at, at == p.a ? p.b : p.a);
            else if ((seed >> 33) % 5 > 0) any_op(at, p.type, (unsigned)(seed >> 48));
            else remove_name(at, "");
            crdt_delta *part;
            CHECK_OK(crdt_store_since(at, crdt_store_context(c), &part));
            CHECK_OK(crdt_store_merge(c, part));
            crdt_store_free(part);
        }
        sync(&p);
        join(c, p.a);
        CHECK_MSG(same_bytes(c, p.a), "%s", p.type->name);
        crdt_store *copy = recoded(c);
        CHECK(same_bytes(copy, c));
        free_all(p.a, p.b, c, copy, NULL);
    }
}

typedef crdt_err (*new_fn)(uint64_t replica, const crdt_mem *mem, crdt_store **ret_store);

TEST(registers, all_memory_comes_from_the_given_allocator_and_goes_back)
{
    static const new_fn news[] = {crdt_lww_new, crdt_lwwts_new,  crdt_mvreg_new, crdt_max_new,
                                  crdt_min_new, crdt_ewflag_new, crdt_dwflag_new};
    for (size_t i = 0; i < ALL; i++) {
        testmem     m;
        crdt_store *a, *b;
        testmem_init(&m);
        CHECK_OK(news[i](1, &m.mem, &a));
        CHECK_OK(news[i](2, &m.mem, &b));
        for (unsigned n = 0; n < 40; n++) {
            any_op(n % 2 ? a : b, all[i], n * 7);
            if (n % 5 == 0) join(a, b);
        }
        free_all(a, b, NULL);
        TESTMEM_DONE(&m);
    }
}

/* A refused allocation leaves a register as it was, and the write can be repeated. */
TEST(registers, a_refused_allocation_changes_nothing)
{
    testmem     m;
    crdt_store *a, *b;
    crdt_txn   *txn;
    testmem_init(&m);
    CHECK_OK(crdt_lww_new(1, &m.mem, &a));
    CHECK_OK(crdt_lww_new(2, &m.mem, &b));
    DO(a, "", &crdt_lww_type, "set", "the first of two long values");
    DO(b, "", &crdt_lww_type, "set", "the other of two long values");
    for (uint64_t n = 1;; n++) {
        testmem_fail_nth(&m, n);
        crdt_err err = crdt_store_join(a, b, NOW);
        if (!testmem_refused(&m)) break;
        CHECK_ERR(err, CRDT_ENOMEM);
        testmem_fail_never(&m);
        CHECK_EQ_INT(stats_of(a).dots, 1);
        check_store(a);
    }
    testmem_fail_never(&m);
    CHECK_EQ_INT(stats_of(a).dots, 2);
    CHECK_OK(crdt_store_begin(a, NOW, &txn));
    for (uint64_t n = 1;; n++) {
        testmem_fail_nth(&m, n);
        crdt_err err = crdt_lww_set(txn, CRDT_SOLO, crdt_text("over both, and long too"));
        if (!testmem_refused(&m)) break;
        CHECK_ERR(err, CRDT_ENOMEM);
    }
    testmem_fail_never(&m);
    crdt_store_free(commit(a));
    CHECK_EQ_STR(shown(a, ""), "\"over both, and long too\"");
    CHECK_EQ_INT(stats_of(a).dots, 1);
    check_store(a);
    free_all(a, b, NULL);
    TESTMEM_DONE(&m);
}
