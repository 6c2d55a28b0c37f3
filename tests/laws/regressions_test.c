/* regressions_test.c: bugs that others had, as tests of ours: merges, counters, clocks and ties.
 * Each is named after what it checks; the comment says where the bug was.
 */
#include <string.h>

#include "crdt/types.h"
#include "tests/laws/lib/group.h"

/* -- Merges that lose or bring back ---------------------------------------------------------- */

/* riak_dt#78, #82, #54: present on both sides, under dots that each side had replaced. */
TEST(regression, element_present_on_both_sides_is_not_lost_by_merge)
{
    group g;
    group_begin(&g, &crdt_orset_type);
    group_act(&g, 0, &crdt_orset_type, "add", crdt_text("z"));
    group_join(&g, 1, g.s[0]);
    group_act(&g, 1, &crdt_orset_type, "add", crdt_text("z"));
    group_act(&g, 0, &crdt_orset_type, "add", crdt_text("z"));
    group_join(&g, 2, g.s[0]);
    group_act(&g, 2, &crdt_orset_type, "remove", crdt_text("z"));
    group_act(&g, 2, &crdt_orset_type, "add", crdt_text("z"));
    group_join(&g, 0, g.s[1]);
    group_check_reads(g.s[0], "{\"z\"}");
    group_join_all(&g);
    group_check_reads(g.s[0], "{\"z\"}");
    group_merge_in_every_order(&g, &crdt_orset_type, "{\"z\"}");
    group_end(&g);
}

/* riak_dt#79: "one clock dominates the other, so its side is right". */
TEST(regression, a_removal_is_not_lost_when_one_context_dominates)
{
    group g;
    group_begin(&g, &crdt_orset_type);
    group_act(&g, 0, &crdt_orset_type, "add", crdt_text("a"));
    group_act(&g, 0, &crdt_orset_type, "add", crdt_text("b"));
    group_join(&g, 1, g.s[0]);
    group_act(&g, 1, &crdt_orset_type, "remove", crdt_text("a"));
    CHECK(crdt_context_within(crdt_store_context(g.s[0]), crdt_store_context(g.s[1])));
    group_join(&g, 0, g.s[1]);
    group_check_reads(g.s[0], "{\"b\"}");
    group_join(&g, 1, g.s[0]);
    group_check_reads(g.s[1], "{\"b\"}");
    group_join(&g, 2, g.s[1]);
    group_join_all(&g);
    group_end(&g);
}

/* riak_dt#82: a flag merged by its vector alone. */
TEST(regression, flags_keep_their_bias_in_every_order_of_three_replicas)
{
    const crdt_type *types[2] = {&crdt_ewflag_type, &crdt_dwflag_type};
    for (int t = 0; t < 2; t++) {
        group g;
        group_begin(&g, types[t]);
        group_act(&g, 0, types[t], "enable", crdt_int(0));
        group_join(&g, 1, g.s[0]);
        group_join(&g, 2, g.s[0]);
        group_act(&g, 1, types[t], "disable", crdt_int(0));
        group_act(&g, 2, types[t], "enable", crdt_int(0));
        group_act(&g, 0, types[t], "disable", crdt_int(0));
        group_join_all(&g);
        group_check_reads(g.s[0], t == 0 ? "true" : "false");
        group_merge_in_every_order(&g, types[t], t == 0 ? "true" : "false");
        group_act(&g, 1, types[t], t == 0 ? "disable" : "enable", crdt_int(0));
        group_join_all(&g);
        group_check_reads(g.s[2], t == 0 ? "false" : "true");
        group_end(&g);
    }
}

/* riak_dt 925f28c: equality that depended on the order of a dictionary. */
TEST(regression, equal_states_have_equal_bytes_whatever_their_history)
{
    group g;
    group_begin(&g, &crdt_orset_type);
    for (int i = 0; i < 100; i++)
        group_act(&g, i % 3, &crdt_orset_type, "add", crdt_int(i * 7919 % 1000));
    for (size_t i = g.count; i-- > 0;) CHECK_OK(crdt_store_merge(g.s[0], g.deltas[i]));
    for (size_t i = 0; i < g.count; i++) group_join(&g, 1, g.deltas[i]);
    group_join(&g, 2, g.s[1]);
    group_check_same(g.s[0], g.s[1]);
    group_check_same(g.s[1], g.s[2]);
    group_end(&g);
}

/* riak_dt#119, riak_kv#1360: a deleted object came back whole beside one concurrent update. */
TEST(regression, removing_an_object_beside_an_update_keeps_only_the_update)
{
    group     g;
    crdt_txn *txn;
    crdt_ref  set;
    group_begin(&g, NULL);
    for (int i = 0; i < 5; i++) {
        group_act_at(&g, 0, NOW, "k", &crdt_orset_type, "add", crdt_int(i), crdt_int(0));
    }
    group_join(&g, 1, g.s[0]);
    CHECK_OK(crdt_store_begin(g.s[0], NOW, &txn));
    CHECK_OK(crdt_txn_remove(txn, crdt_text_view("k")));
    CHECK_OK(crdt_store_commit(g.s[0], NULL));
    group_act_at(&g, 1, NOW, "k", &crdt_orset_type, "add", crdt_int(9), crdt_int(0));
    group_join_all(&g);
    CHECK_OK(crdt_store_find(g.s[2], crdt_text_view("k"), &crdt_orset_type, &set));
    CHECK_EQ_INT(crdt_orset_count(set), 1);
    CHECK(crdt_orset_has(set, crdt_int(9)));
    group_end(&g);
}

/* go-ds-crdt#238, #43, #50: put, put, delete beside a put, in any order. */
TEST(regression, a_removed_value_is_not_restored_by_an_unordered_delete)
{
    group g;
    group_begin(&g, &crdt_mvreg_type);
    group_act(&g, 0, &crdt_mvreg_type, "set", crdt_text("one"));
    group_act(&g, 0, &crdt_mvreg_type, "set", crdt_text("two"));
    group_join(&g, 1, g.s[0]);
    group_act(&g, 0, &crdt_mvreg_type, "clear", crdt_int(0));
    group_act(&g, 1, &crdt_mvreg_type, "set", crdt_text("three"));
    group_merge_in_every_order(&g, &crdt_mvreg_type, "[\"three\"]");
    group_join_all(&g);
    group_check_reads(g.s[0], "[\"three\"]");
    group_end(&g);
}

/* -- Counters -------------------------------------------------------------------------------- */

/* riak_dt#98, #93: a counter in a map could not be removed without losing or keeping too much. */
TEST(regression, removing_a_counter_takes_only_the_increments_it_saw)
{
    group     g;
    crdt_txn *txn;
    crdt_ref  counter;
    int64_t   n;
    group_begin(&g, NULL);
    group_act_at(&g, 0, NOW, "k", &crdt_pncounter_type, "inc", crdt_int(10), crdt_int(0));
    group_join(&g, 1, g.s[0]);
    group_act_at(&g, 0, NOW, "k", &crdt_pncounter_type, "inc", crdt_int(5), crdt_int(0));
    CHECK_OK(crdt_store_begin(g.s[1], NOW, &txn));
    CHECK_OK(crdt_txn_remove(txn, crdt_text_view("k")));
    CHECK_OK(crdt_store_commit(g.s[1], NULL));
    group_join_all(&g);
    CHECK_OK(crdt_store_find(g.s[2], crdt_text_view("k"), NULL, &counter));
    CHECK_OK(crdt_pncounter_value(counter, &n));
    CHECK_EQ_INT(n, 5);
    group_end(&g);
}

/* riak_dt#53: two resets took the same increments away twice. */
TEST(regression, two_resets_take_nothing_twice)
{
    group g;
    group_begin(&g, &crdt_pncounter_type);
    group_act(&g, 0, &crdt_pncounter_type, "inc", crdt_int(10));
    group_join(&g, 1, g.s[0]);
    group_join(&g, 2, g.s[0]);
    group_act(&g, 0, &crdt_pncounter_type, "inc", crdt_int(1));
    group_act(&g, 1, &crdt_pncounter_type, "reset", crdt_int(0));
    group_act(&g, 2, &crdt_pncounter_type, "reset", crdt_int(0));
    group_merge_in_every_order(&g, &crdt_pncounter_type, "1");
    group_join_all(&g);
    group_check_reads(g.s[1], "1");
    group_act(&g, 1, &crdt_pncounter_type, "reset", crdt_int(0));
    group_join_all(&g);
    group_check_reads(g.s[0], "0");
    group_end(&g);
}

/* riak_dt#53: resetting a register to an initial value went down in the lattice. */
TEST(regression, clearing_goes_up_in_the_order_of_states)
{
    group       g;
    crdt_store *before;
    crdt_order  order;
    group_begin(&g, &crdt_lww_type);
    group_act(&g, 0, &crdt_lww_type, "set", crdt_int(7));
    CHECK_OK(crdt_store_clone(g.s[0], 0, &before));
    group_act(&g, 0, &crdt_lww_type, "clear", crdt_int(0));
    group_check_reads(g.s[0], "none");
    CHECK_OK(crdt_store_compare(before, g.s[0], &order));
    CHECK_EQ_INT(order, CRDT_BEFORE);
    group_join(&g, 0, before);
    group_check_reads(g.s[0], "none");
    crdt_store_free(before);
    group_end(&g);
}

/* scylladb#4505: sums at the edge of their type. */
TEST(regression, a_sum_at_its_limit_is_exact_on_every_merge_path)
{
    group     g;
    crdt_txn *txn;
    int64_t   n;
    group_begin(&g, &crdt_gcounter_type);
    for (int r = 0; r < 3; r++) {
        group_act(&g, r, &crdt_gcounter_type, "inc", crdt_int(INT64_MAX));
        group_act(&g, r, &crdt_gcounter_type, "inc", crdt_int(INT64_MAX));
        group_act(&g, r, &crdt_gcounter_type, "inc", crdt_int(1));
        group_check_reads(g.s[r], "18446744073709551615");
        CHECK_OK(crdt_store_begin(g.s[r], NOW, &txn));
        CHECK_ERR(crdt_gcounter_inc(txn, CRDT_SOLO, 1), CRDT_ERANGE);
        crdt_store_rollback(g.s[r]);
        group_check_reads(g.s[r], "18446744073709551615");
    }
    group_join_all(&g);
    group_check_reads(g.s[0], "55340232221128654845");
    CHECK_ERR(crdt_gcounter_value(crdt_store_solo(g.s[0]), &n), CRDT_ERANGE);
    crdt_store *late = group_store(&g, &crdt_gcounter_type, 0);
    for (size_t i = g.count; i-- > 0;) CHECK_OK(crdt_store_merge(late, g.deltas[i]));
    group_check_same(late, g.s[0]);
    crdt_store_free(late);
    group_end(&g);
}

/* loro-crdt 1.17.1: a counter summed in the order of arrival read differently after the same
 * updates. */
TEST(regression, the_same_updates_give_the_same_sum_in_every_order)
{
    group         g;
    const int64_t amounts[6] = {INT64_MAX, 1, 100000000000, 3, INT64_MAX, 7};
    group_begin(&g, &crdt_pncounter_type);
    for (int i = 0; i < 6; i++) {
        group_act(&g, i % 3, &crdt_pncounter_type, i == 4 ? "dec" : "inc", crdt_int(amounts[i]));
    }
    group_merge_in_every_order(&g, &crdt_pncounter_type, "100000000011");
    group_end(&g);
}

/* akka.net#4200, akka-core#21647: pruning counted twice, and an old node brought back what was
 * pruned. */
TEST(regression, a_retired_replica_that_returns_is_refused_and_counts_once)
{
    group       g;
    crdt_delta *late;
    group_begin(&g, &crdt_gcounter_type);
    group_act(&g, 0, &crdt_gcounter_type, "inc", crdt_int(9));
    group_join(&g, 1, g.s[0]);
    group_join(&g, 2, g.s[0]);
    CHECK_OK(crdt_store_retire(g.s[1], g.ids[0]));
    group_act(&g, 2, &crdt_gcounter_type, "inc", crdt_int(4));
    late = group_act(&g, 0, &crdt_gcounter_type, "inc", crdt_int(33));
    CHECK_ERR(crdt_store_join(g.s[1], late, NOW), CRDT_ERETIRED);
    CHECK_ERR(crdt_store_join(g.s[1], g.s[0], NOW), CRDT_ERETIRED);
    group_join(&g, 1, g.deltas[0]);
    group_join(&g, 1, g.s[2]);
    group_check_reads(g.s[1], "13");
    group_join(&g, 2, g.s[1]);
    CHECK_ERR(crdt_store_join(g.s[2], late, NOW), CRDT_ERETIRED);
    group_check_reads(g.s[2], "13");
    group_check_same(g.s[1], g.s[2]);
    group_end(&g);
}

/* -- Clocks and ties ------------------------------------------------------------------------- */

/* scylladb#14182, cqlite#498: timestamps tied, and what then decided was not total. */
TEST(regression, a_tie_of_timestamps_is_broken_totally)
{
    /* All triples of: put "a", put "b", delete; at stamp 1 or 2. */
    for (int combination = 0; combination < 6 * 6 * 6; combination++) {
        group g;
        int   rest = combination;
        group_begin(&g, &crdt_lwwts_type);
        for (int r = 0; r < 3; r++, rest /= 6) {
            crdt_value stamp = crdt_int(1 + rest % 2), value = crdt_text(rest % 6 < 2 ? "a" : "b");
            bool       del = rest % 6 >= 4;
            if (del) group_act(&g, r, &crdt_lwwts_type, "del", stamp);
            else group_act_at(&g, r, NOW, "", &crdt_lwwts_type, "put", value, stamp);
        }
        crdt_store *left = group_store(&g, &crdt_lwwts_type, 0), *right;
        CHECK_OK(crdt_store_clone(g.s[2], 0, &right));
        CHECK_OK(crdt_store_merge(right, g.s[1]));
        CHECK_OK(crdt_store_merge(right, g.s[0]));
        for (int r = 0; r < 3; r++) CHECK_OK(crdt_store_merge(left, g.s[r]));
        group_check_same(left, right);
        group_join_all(&g);
        group_check_same(left, g.s[0]);
        crdt_store_free(left);
        crdt_store_free(right);
        group_end(&g);
    }
}

/* cr-sqlite#30: whoever forwarded a write broke the tie, not who had made it. */
TEST(regression, a_tie_is_broken_by_the_author_and_not_by_the_relay)
{
    group g;
    group_begin(&g, &crdt_lww_type);
    group_act(&g, 0, &crdt_lww_type, "set", crdt_text("from a"));
    group_act(&g, 1, &crdt_lww_type, "set", crdt_text("from b"));
    CHECK_EQ_INT(crdt_lww_stamp(crdt_store_solo(g.s[0])), crdt_lww_stamp(crdt_store_solo(g.s[1])));
    group_join(&g, 2, g.s[0]);
    crdt_store *relayed = group_store(&g, &crdt_lww_type, 0xffff);
    CHECK_OK(crdt_store_join(relayed, g.s[2], NOW)); /* a's write by way of c and of a greater id */
    CHECK_OK(crdt_store_join(relayed, g.s[1], NOW));
    group_check_reads(relayed, "\"from b\"");
    group_join_all(&g);
    group_check_same(relayed, g.s[0]);
    crdt_store_free(relayed);
    group_end(&g);
}

/* rust-crdt LWWReg: two writes of one marker, and the replicas differed for ever. */
TEST(regression, concurrent_writes_of_one_stamp_end_alike)
{
    group g;
    group_begin(&g, &crdt_lww_type);
    for (int r = 0; r < 3; r++)
        group_act(&g, r, &crdt_lww_type, "set", crdt_int(r == 1 ? 5 : 9 - r));
    group_merge_in_every_order(&g, &crdt_lww_type, "7");
    group_join_all(&g);
    group_end(&g);
}

/* cr-sqlite#413, corrosion#352: an equal write was declared idle, and a third node never
 * learnt of it. */
TEST(regression, equal_writes_of_two_replicas_reach_a_third)
{
    const crdt_type *types[2] = {&crdt_lwwts_type, &crdt_lww_type};
    for (int t = 0; t < 2; t++) {
        group g;
        group_begin(&g, types[t]);
        group_act_at(&g, 0, NOW, "", types[t], t == 0 ? "put" : "set", crdt_text("x"), crdt_int(5));
        group_act_at(&g, 1, NOW, "", types[t], t == 0 ? "put" : "set", crdt_text("x"), crdt_int(5));
        group_join(&g, 1, g.deltas[0]);
        group_join(&g, 0, g.deltas[1]);
        group_join(&g, 2, g.s[0]);
        group_check_reads(g.s[2], "\"x\"");
        for (int r = 0; r < 2; r++) {
            CHECK(crdt_context_equal(crdt_store_context(g.s[2]), crdt_store_context(g.s[r])));
            CHECK(crdt_digest_equal(crdt_store_digest(g.s[2], NULL),
                                    crdt_store_digest(g.s[r], NULL)));
        }
        group_end(&g);
    }
}

/* elixir-toniq/hlclock#22, crdt-example-app#2, orbitdb#512: clocks from the past or the future
 * were refused, or pinned the order for ever. */
TEST(regression, a_clock_far_off_neither_blocks_nor_pins)
{
    group          g;
    const uint64_t year_ms = UINT64_C(366) * 86400000;
    group_begin(&g, &crdt_lww_type);
    group_act_at(&g, 0, NOW + 10 * year_ms, "", &crdt_lww_type, "set", crdt_text("future"),
                 crdt_int(0));
    group_act_at(&g, 1, NOW - 10 * year_ms, "", &crdt_lww_type, "set", crdt_text("past"),
                 crdt_int(0));
    group_join(&g, 2, g.deltas[0]);
    group_join(&g, 2, g.deltas[1]);
    group_check_reads(g.s[2], "\"future\"");
    CHECK_EQ_INT(crdt_store_clock(g.s[2])->suspect, 1);
    CHECK(crdt_stamp_ms(crdt_store_clock(g.s[2])->last) < NOW + year_ms);
    group_act(&g, 2, &crdt_lww_type, "set",
              crdt_text("now")); /* who has seen it can overwrite it */
    group_check_reads(g.s[2], "\"now\"");
    group_join_all(&g);
    group_check_reads(g.s[0], "\"now\"");
    group_act_at(&g, 1, 0, "", &crdt_lww_type, "set", crdt_text("a clock at 1970"), crdt_int(0));
    group_join_all(&g);
    group_check_reads(g.s[0], "\"a clock at 1970\"");
    group_end(&g);
}
