/* regressions_delta_test.c: bugs that others had, as tests of ours: deltas, contexts, forks and
 * growth. Each is named after what it checks; the comment says where the bug was.
 */
#include <string.h>

#include "crdt/types.h"
#include "tests/laws/lib/group.h"

/* -- Deltas and contexts --------------------------------------------------------------------- */

/* delta_crdt_ex#45, #65: a delta's context was rounded up to a vector, and half of all writes
 * went. */
TEST(regression, deltas_in_any_order_lose_nothing)
{
    group g;
    group_begin(&g, &crdt_orset_type);
    for (int i = 0; i < 200; i++) group_act(&g, i % 2, &crdt_orset_type, "add", crdt_int(i));
    for (size_t i = 0; i < g.count; i++) {
        size_t at = i * 73 % g.count; /* 73 and 200 have no common divisor */
        CHECK_OK(crdt_store_merge(g.s[2], g.deltas[at]));
        CHECK_OK(crdt_store_merge(g.s[2], g.deltas[(at + 7 * i) % (i + 1) * 73 % g.count]));
    }
    CHECK_EQ_INT(crdt_orset_count(crdt_store_solo(g.s[2])), 200);
    group_join(&g, 0, g.s[1]);
    group_check_same(g.s[0], g.s[2]);
    group_end(&g);
}

/* akka-core#22188, #22606, #22890: a delta before its predecessor left a hole that later acted
 * as deletes. */
TEST(regression, a_delta_out_of_order_leaves_no_hole_that_deletes)
{
    group g;
    group_begin(&g, &crdt_orset_type);
    for (int i = 0; i < 4; i++) group_act(&g, 0, &crdt_orset_type, "add", crdt_int(i));
    CHECK_ERR(crdt_store_join(g.s[1], g.deltas[2], NOW), CRDT_EGAP);
    group_check_reads(g.s[1], "{}");
    group_join(&g, 1, g.deltas[0]);
    CHECK_ERR(crdt_store_join(g.s[1], g.deltas[3], NOW), CRDT_EGAP);
    group_join(&g, 2, g.s[1]);
    group_join(&g, 1, g.s[0]);
    group_join(&g, 2, g.s[1]);
    group_join_all(&g);
    group_check_reads(g.s[0], "{0, 1, 2, 3}");
    /* At value level holes are allowed, and delete nothing either. */
    crdt_store *holes = group_store(&g, &crdt_orset_type, 0);
    CHECK_OK(crdt_store_merge(holes, g.deltas[3]));
    CHECK_OK(crdt_store_merge(holes, g.deltas[1]));
    group_check_reads(holes, "{1, 3}");
    CHECK_OK(crdt_store_merge(holes, g.s[0]));
    group_check_same(holes, g.s[0]);
    crdt_store_free(holes);
    group_end(&g);
}

/* A:1 adds x; A:2 adds it again, covering A:1; B:1 removes A:2. C holds A:1 and gets B:1: its
 * context would cover A:2, and x by A:1 would stay for ever (rule R6). */
TEST(regression, a_removal_of_what_is_missing_waits)
{
    group g;
    group_begin(&g, &crdt_orset_type);
    group_act(&g, 0, &crdt_orset_type, "add", crdt_text("x"));
    group_act(&g, 0, &crdt_orset_type, "add", crdt_text("x"));
    group_join(&g, 1, g.s[0]);
    group_act(&g, 1, &crdt_orset_type, "remove", crdt_text("x"));
    group_join(&g, 2, g.deltas[0]);
    CHECK_ERR(crdt_store_join(g.s[2], g.deltas[2], NOW), CRDT_EGAP);
    group_check_reads(g.s[2], "{\"x\"}");
    group_join(&g, 2, g.deltas[1]);
    group_join(&g, 2, g.deltas[2]);
    group_check_reads(g.s[2], "{}");
    group_join_all(&g);
    group_end(&g);
}

/* akka-core#22631, #22648: the delta of a removal was merged wrongly into a map of sets. */
TEST(regression, a_removal_in_a_map_of_sets_merges_in_every_order)
{
    group       g;
    crdt_txn   *txn;
    crdt_store *model = NULL;
    size_t      order[5];
    group_begin(&g, NULL);
    group_act_at(&g, 0, NOW, "k", &crdt_orset_type, "add", crdt_int(1), crdt_int(0));
    group_act_at(&g, 0, NOW, "l", &crdt_orset_type, "add", crdt_int(2), crdt_int(0));
    group_join(&g, 1, g.s[0]);
    group_act_at(&g, 0, NOW, "k", &crdt_orset_type, "add", crdt_int(3), crdt_int(0));
    CHECK_OK(crdt_store_begin(g.s[1], NOW, &txn));
    CHECK_OK(crdt_txn_remove(txn, crdt_text_view("k")));
    CHECK_OK(crdt_store_commit(g.s[1], &g.deltas[g.count++]));
    group_act_at(&g, 1, NOW, "l", &crdt_orset_type, "remove", crdt_int(2), crdt_int(0));
    for (size_t at = 0; at < group_factorial(5); at++) {
        crdt_store *store = group_store(&g, NULL, 0);
        group_permute(at, 5, order);
        for (size_t i = 0; i < 5; i++) CHECK_OK(crdt_store_merge(store, g.deltas[order[i]]));
        if (model != NULL) {
            group_check_same(model, store);
            crdt_store_free(store);
        } else {
            model = store;
        }
    }
    group_join_all(&g);
    group_check_same(model, g.s[0]);
    crdt_store_free(model);
    group_end(&g);
}

/* akka-core#22619: deltas that told again what was told before. */
TEST(regression, the_delta_of_an_idle_operation_is_empty)
{
    group g;
    group_begin(&g, &crdt_orset_type);
    crdt_delta *idle = group_act(&g, 0, &crdt_orset_type, "remove", crdt_int(1));
    CHECK(crdt_store_is_empty(idle));
    crdt_delta *add = group_act(&g, 0, &crdt_orset_type, "add", crdt_int(1));
    CHECK_EQ_INT(crdt_context_dots(crdt_store_context(add)), 1);
    crdt_delta *next = group_act(&g, 0, &crdt_orset_type, "add", crdt_int(2));
    CHECK_EQ_INT(crdt_context_dots(crdt_store_context(next)), 1);
    group_check_reads(next, "{2}");
    group_end(&g);
}

/* akka-core#22655: what made no delta was missing in the count, and the next one looked like a
 * gap. */
TEST(regression, an_idle_transaction_is_no_gap)
{
    group g;
    group_begin(&g, &crdt_max_type);
    group_act(&g, 0, &crdt_max_type, "write", crdt_int(5));
    crdt_delta *idle = group_act(&g, 0, &crdt_max_type, "write", crdt_int(3));
    CHECK(crdt_store_is_empty(idle));
    group_act(&g, 0, &crdt_max_type, "write", crdt_int(8));
    group_join(&g, 1, g.deltas[0]);
    group_join(&g, 1, g.deltas[2]);
    group_join(&g, 1, idle);
    group_check_same(g.s[0], g.s[1]);
    group_check_reads(g.s[1], "8");
    group_end(&g);
}

/* cr-sqlite#380: one (version, sequence) for two changes. */
TEST(regression, no_dot_is_given_twice_not_even_after_a_restart)
{
    group        g;
    crdt_context all;
    uint64_t     dots = 0;
    group_begin(&g, &crdt_orset_type);
    crdt_context_init(&all, &g.mem.mem);
    for (int i = 0; i < 60; i++) {
        crdt_delta *d =
            group_act(&g, 0, &crdt_orset_type, i % 3 == 2 ? "remove" : "add", crdt_int(i / 3));
        uint64_t last = crdt_context_max(crdt_store_context(d), g.ids[0]);
        CHECK(!crdt_context_has(&all, (crdt_dot){g.ids[0], last}));
        CHECK_OK(crdt_context_union(&all, crdt_store_context(d)));
        CHECK_EQ_INT(crdt_context_dots(&all), ++dots);
        if (i % 7 != 0) continue;
        crdt_buf     bytes;
        crdt_options o = crdt_options_default(g.ids[0], NULL);
        o.solo = &crdt_orset_type;
        o.mem = &g.mem.mem;
        crdt_buf_init(&bytes, NULL);
        CHECK_OK(crdt_store_encode(g.s[0], &bytes));
        crdt_store_free(g.s[0]);
        CHECK_OK(crdt_store_decode(&o, crdt_buf_bytes(&bytes), &g.s[0], NULL));
        crdt_buf_clear(&bytes);
    }
    CHECK(crdt_context_equal(&all, crdt_store_context(g.s[0])));
    crdt_context_clear(&all);
    group_end(&g);
}

/* rust-crdt#33, #35: a clock that was shared with the set, changed and used again. */
TEST(regression, a_clone_shares_nothing_and_no_store_merges_with_itself)
{
    group       g;
    crdt_store *copy;
    group_begin(&g, &crdt_orset_type);
    group_act(&g, 0, &crdt_orset_type, "add", crdt_text("a value that does not fit in place"));
    CHECK_OK(crdt_store_clone(g.s[0], 0x77, &copy));
    group_act(&g, 0, &crdt_orset_type, "clear", crdt_int(0));
    group_check_reads(copy, "{\"a value that does not fit in place\"}");
    CHECK_ERR(crdt_store_merge(copy, copy), CRDT_EINVAL);
    CHECK_ERR(crdt_store_join(copy, copy, NOW), CRDT_EINVAL);
    group_join(&g, 0, copy);
    group_check_reads(g.s[0], "{}");
    CHECK_OK(crdt_store_join(copy, g.s[0], NOW));
    group_check_same(copy, g.s[0]);
    crdt_store_free(copy);
    group_end(&g);
}

/* rust-crdt 7: validate_merge refused what the library's own add_all had made. */
TEST(regression, many_additions_in_one_transaction_are_one_good_delta)
{
    group     g;
    crdt_txn *txn;
    group_begin(&g, &crdt_orset_type);
    CHECK_OK(crdt_store_begin(g.s[0], NOW, &txn));
    for (int i = 0; i < 50; i++) CHECK_OK(crdt_orset_add(txn, CRDT_SOLO, crdt_int(i)));
    CHECK_OK(crdt_store_commit(g.s[0], &g.deltas[g.count++]));
    group_join(&g, 1, g.deltas[0]);
    CHECK_OK(crdt_store_merge(g.s[2], g.deltas[0]));
    group_check_same(g.s[0], g.s[1]);
    group_check_same(g.s[0], g.s[2]);
    group_end(&g);
}

/* js-delta-crdts#38, #34, #23: joining two deltas that do not touch lost what told their order. */
TEST(regression, any_two_deltas_join)
{
    group g;
    group_begin(&g, &crdt_rwset_type);
    for (int i = 0; i < 12; i++) {
        group_act(&g, i % 3, &crdt_rwset_type, i % 4 == 3 ? "remove" : "add", crdt_int(i % 2));
        group_join(&g, (i + 1) % 3, g.s[i % 3]);
    }
    group_join_all(&g);
    for (size_t i = 0; i < g.count; i++) {
        for (size_t j = 0; j < g.count; j++) {
            crdt_store *ij, *ji, *all = group_store(&g, &crdt_rwset_type, 0);
            CHECK_OK(crdt_store_clone(g.deltas[i], 0, &ij));
            CHECK_OK(crdt_store_clone(g.deltas[j], 0, &ji));
            CHECK_OK(crdt_store_merge(ij, g.deltas[j]));
            CHECK_OK(crdt_store_merge(ji, g.deltas[i]));
            group_check_same(ij, ji);
            CHECK_OK(crdt_store_merge(all, ij));
            for (size_t k = g.count; k-- > 0;) CHECK_OK(crdt_store_merge(all, g.deltas[k]));
            group_check_same(all, g.s[0]);
            crdt_store_free(ij);
            crdt_store_free(ji);
            crdt_store_free(all);
        }
    }
    group_end(&g);
}

/* riak_kv#679, #1094, #1643: a replica that came back from an old disk used its dots again. */
TEST(regression, dots_used_again_after_a_restore_are_noticed)
{
    group       g;
    crdt_store *backup;
    group_begin(&g, &crdt_orset_type);
    group_act(&g, 0, &crdt_orset_type, "add", crdt_text("kept"));
    CHECK_OK(crdt_store_clone(g.s[0], g.ids[0], &backup));
    group_act(&g, 0, &crdt_orset_type, "add", crdt_text("lost with the disk"));
    group_join(&g, 1, g.s[0]);
    crdt_store_free(g.s[0]);
    g.s[0] = backup;
    group_act(&g, 0, &crdt_orset_type, "add", crdt_text("new"));
    CHECK_ERR(crdt_store_join(g.s[1], g.deltas[2], NOW), CRDT_EFORK);
    CHECK_ERR(crdt_store_join(g.s[1], g.s[0], NOW), CRDT_EFORK);
    group_check_reads(g.s[1], "{\"kept\", \"lost with the disk\"}");
    group_end(&g);
}

/* quarto-dev/q2#689, automerge#337: one dot with two contents, and nothing was taken in any
 * more. */
TEST(regression, a_fork_is_refused_and_the_rest_goes_on)
{
    group       g;
    crdt_store *twin;
    group_begin(&g, &crdt_orset_type);
    CHECK_OK(crdt_store_clone(g.s[0], g.ids[0], &twin));
    group_act(&g, 0, &crdt_orset_type, "add", crdt_text("one"));
    crdt_store *real = g.s[0];
    g.s[0] = twin;
    group_act(&g, 0, &crdt_orset_type, "add", crdt_text("two"));
    group_join(&g, 1, real);
    CHECK_ERR(crdt_store_join(g.s[1], g.deltas[1], NOW), CRDT_EFORK);
    group_act(&g, 2, &crdt_orset_type, "add", crdt_text("three"));
    group_join(&g, 1, g.s[2]);
    group_act(&g, 1, &crdt_orset_type, "add", crdt_text("four"));
    group_join(&g, 2, g.s[1]);
    group_check_reads(g.s[2], "{\"four\", \"one\", \"three\"}");
    crdt_store_free(real);
    group_end(&g);
}

/* -- Growth ---------------------------------------------------------------------------------- */

/* yjs#741, liveblocks#2757: a map grew with each overwrite (half a megabyte for ten keys). */
TEST(regression, overwriting_does_not_grow_the_store)
{
    group  g;
    char   key[2] = "0";
    size_t first = 0;
    group_begin(&g, NULL);
    for (int i = 0; i < 20000; i++) {
        const crdt_op *set = group_op_of(&crdt_lww_type, "set");
        crdt_value     value = crdt_int(i);
        key[0] = (char)('0' + i % 10);
        CHECK_OK(crdt_store_apply(g.s[0], NOW, crdt_text_view(key), set, &value, 1, NULL));
        if (i == 99) first = group_size_of(g.s[0]);
    }
    CHECK(group_size_of(g.s[0]) <= first + 64);
    group_end(&g);
}

/* go-ds-crdt#228, yorkie-js-sdk#1361: tombstones that nobody took away. */
TEST(regression, removing_leaves_no_tombstones_behind)
{
    group  g;
    size_t first = 0;
    group_begin(&g, NULL);
    for (int i = 0; i < 20000; i++) {
        const crdt_op *op = group_op_of(&crdt_orset_type, i % 2 == 0 ? "add" : "remove");
        crdt_value     value = crdt_int(i / 2);
        CHECK_OK(crdt_store_apply(g.s[i / 2 % 3], NOW, crdt_text_view("k"), op, &value, 1, NULL));
        if (i % 100 == 99) group_join_all(&g);
        if (i == 199) first = group_size_of(g.s[0]);
    }
    group_join_all(&g);
    CHECK_MSG(group_size_of(g.s[0]) <= first + 64, "%zu bytes grew to %zu", first,
              group_size_of(g.s[0]));
    group_end(&g);
}
