/* Stores: transactions, joins, reading, limits of what may be joined. */
#include <string.h>

#include "tests/lib/stores.h"
#include "tests/lib/t.h"
#include "tests/lib/testmem.h"

TEST(store, transaction_over_several_objects_is_one_delta)
{
    crdt_store *a = store_of(1), *b = store_of(2);
    crdt_txn   *txn = begin(a);
    CHECK_OK(crdt_orset_add(txn, name_of("cart"), crdt_text("apple")));
    CHECK_OK(crdt_pncounter_inc(txn, name_of("stock"), 5));
    CHECK_OK(crdt_lww_set(txn, name_of("title"), crdt_text("shop")));
    crdt_delta *delta = commit(a);
    CHECK_EQ_INT(crdt_store_count(delta), 3);
    join(b, delta);
    CHECK_EQ_STR(shown(b, "cart"), "{\"apple\"}");
    CHECK_EQ_STR(shown(b, "stock"), "5");
    CHECK_EQ_STR(shown(b, "title"), "\"shop\"");
    CHECK(same_bytes(a, b));
    free_all(a, b, delta, NULL);
}

TEST(store, transaction_reads_its_own_writes)
{
    crdt_store *a = store_of(1);
    crdt_ref    ref;
    DO(a, "s", &crdt_orset_type, "add", "x");
    crdt_txn *txn = begin(a);
    CHECK_OK(crdt_orset_add(txn, name_of("s"), crdt_text("y")));
    CHECK_OK(crdt_orset_remove(txn, name_of("s"), crdt_text("x")));
    CHECK_OK(crdt_txn_find(txn, name_of("s"), &crdt_orset_type, &ref));
    CHECK(!crdt_orset_has(ref, crdt_text("x")));
    CHECK(crdt_orset_has(ref, crdt_text("y")));
    CHECK_EQ_INT(crdt_orset_count(ref), 1);
    CHECK_EQ_STR(shown(a, "s"), "{\"x\"}"); /* not yet committed */
    crdt_store_free(commit(a));
    CHECK_EQ_STR(shown(a, "s"), "{\"y\"}");
    crdt_store_free(a);
}

/* -- The bytes of a delta, before it is committed ---------------------------------------------- */

static void type(crdt_txn *txn, const char *name, const char *words)
{
    crdt_text_edit edit;
    CHECK_OK(crdt_text_open(txn, name_of(name), &crdt_text_type, &edit));
    CHECK_OK(crdt_text_insert(&edit, CRDT_CODE_POINTS, 0, crdt_text_view(words)));
}

static void change_some(crdt_store *store, int i)
{
    crdt_txn *txn = begin(store);
    CHECK_OK(crdt_cell_set(txn, name_of("cell"), crdt_int(i)));
    if (i % 2 == 0) CHECK_OK(crdt_cell_incr(txn, name_of("count"), i));
    if (i % 3 == 0) CHECK_OK(crdt_orset_add(txn, name_of("set"), crdt_int(i % 5)));
    if (i % 5 == 0) type(txn, "text", "more ");
    if (i % 7 == 6) CHECK_OK(crdt_txn_remove(txn, name_of("cell")));
}

static void append_bytes(const crdt_store *store, crdt_buf *out)
{
    CHECK_OK(crdt_store_encode(store, out));
}

TEST(store, encodes_the_delta_that_it_is_about_to_commit)
{
    crdt_store *a = store_of(1), *b = store_of(1);
    crdt_dot    last;
    crdt_buf    bytes, expected;
    crdt_buf_init(&bytes, NULL);
    crdt_buf_init(&expected, NULL);
    CHECK_ERR(crdt_store_encode_delta(a, &bytes, &last), CRDT_EINVAL);
    for (int i = 1; i < 60; i++) {
        crdt_buf_reset(&bytes);
        crdt_buf_reset(&expected);
        change_some(a, i);
        change_some(b, i);
        CHECK_OK(crdt_store_encode_delta(a, &bytes, &last));
        CHECK_OK(crdt_store_commit(a, NULL));
        crdt_delta *delta = commit(b);
        append_bytes(delta, &expected);
        CHECK(crdt_view_compare(crdt_buf_bytes(&bytes), crdt_buf_bytes(&expected)) == 0);
        CHECK_EQ_INT(last.replica, 1);
        CHECK_EQ_INT(last.seq, crdt_context_max(crdt_store_context(b), 1));
        CHECK(same_bytes(a, b));
        crdt_store_free(delta);
    }
    (void)begin(a); /* nothing is mutated: no dot, no bytes */
    crdt_buf_reset(&bytes);
    CHECK_OK(crdt_store_encode_delta(a, &bytes, &last));
    CHECK_EQ_INT(last.seq, 0);
    CHECK_EQ_INT(bytes.size, 0);
    CHECK_OK(crdt_store_commit(a, NULL));
    check_store(a);
    crdt_buf_clear(&bytes);
    crdt_buf_clear(&expected);
    free_all(a, b, NULL);
}

/* A checker that goes by the stamp of an operation must not get that of the name that the operation
 * made, which is one later where the type asked the clock before it wrote. */
TEST(store, the_stamp_of_an_operation_is_not_that_of_its_name)
{
    crdt_lwwmap_cell cell;
    crdt_ref         row;
    crdt_store      *s = store_of(1);
    crdt_txn        *txn = begin(s);
    CHECK_EQ_INT(crdt_txn_stamp(txn), 0);
    CHECK_OK(crdt_lwwmap_set(txn, name_of("row"), name_of("c"), crdt_int(1), CRDT_LWWMAP_NEVER));
    CHECK_OK(crdt_txn_find(txn, name_of("row"), &crdt_lwwmap_type, &row));
    CHECK(crdt_lwwmap_get(row, name_of("c"), NOW, &cell));
    uint64_t stamp = crdt_txn_stamp(txn);
    CHECK_EQ_INT(cell.stamp, stamp);
    CHECK_OK(crdt_orset_add(txn, name_of("set"), crdt_int(1))); /* only its name is stamped */
    CHECK_EQ_INT(crdt_txn_stamp(txn), stamp);
    CHECK_OK(crdt_txn_create(txn, name_of("empty"), &crdt_orset_type));
    CHECK_EQ_INT(crdt_txn_stamp(txn), stamp);
    CHECK(crdt_store_clock(s)->last > stamp);
    crdt_store_free(commit(s));
    crdt_store_free(s);
}

/* What was asked for its bytes may still be changed, or taken back. */
TEST(store, goes_on_after_the_bytes_of_a_delta)
{
    crdt_store *a = store_of(1), *b = store_of(1);
    crdt_dot    last;
    crdt_buf    bytes;
    crdt_buf_init(&bytes, NULL);
    crdt_txn *txn = begin(a);
    type(txn, "text", "one");
    CHECK_OK(crdt_store_encode_delta(a, &bytes, &last));
    crdt_store_rollback(a);
    CHECK(same_bytes(a, b));
    for (int i = 0; i < 2; i++) {
        crdt_text_edit edit;
        txn = begin(i == 0 ? a : b);
        CHECK_OK(crdt_text_open(txn, name_of("text"), &crdt_text_type, &edit));
        CHECK_OK(crdt_text_insert(&edit, CRDT_CODE_POINTS, 0, crdt_text_view("tw")));
        if (i == 0) CHECK_OK(crdt_store_encode_delta(a, &bytes, &last));
        CHECK_OK(crdt_text_insert(&edit, CRDT_CODE_POINTS, 2, crdt_text_view("o")));
        type(txn, "other", "three");
        CHECK_OK(crdt_store_commit(i == 0 ? a : b, NULL));
    }
    crdt_text_edit held;
    txn = begin(a);
    CHECK_OK(crdt_text_open(txn, name_of("held"), &crdt_text_type, &held));
    CHECK_OK(crdt_text_insert(&held, CRDT_CODE_POINTS, 0, crdt_text_view("fo")));
    CHECK_OK(crdt_store_encode_delta(a, &bytes, &last));
    CHECK_OK(crdt_text_insert(&held, CRDT_CODE_POINTS, 2, crdt_text_view("ur")));
    crdt_delta *delta = commit(a);
    CHECK_EQ_STR(shown(delta, "held"), "\"four\"");
    CHECK_EQ_STR(shown(a, "held"), "\"four\"");
    crdt_store_free(delta);
    CHECK_EQ_STR(shown(a, "text"), "\"two\"");
    CHECK_EQ_STR(shown(b, "text"), "\"two\"");
    CHECK_EQ_STR(shown(a, "other"), "\"three\"");
    crdt_store *copy = recoded(a);
    CHECK(same_bytes(a, copy));
    check_store(a);
    crdt_buf_clear(&bytes);
    free_all(a, b, copy, NULL);
}

/* So many that the context of the delta holds removed dots back (core/context.c). */
TEST(store, transaction_removes_very_many_in_any_order)
{
    enum { COUNT = 2000, STEP = 769 }; /* without a common divisor */
    crdt_store *a = store_of(1), *b = store_of(2);
    crdt_ref    ref;
    crdt_txn   *txn = begin(a);
    for (int i = 0; i < COUNT; i++) CHECK_OK(crdt_orset_add(txn, name_of("s"), crdt_int(i)));
    crdt_delta *first = commit(a);
    txn = begin(a);
    for (int i = 0, left = COUNT; i < COUNT; i++) {
        int element = i * STEP % COUNT;
        if (element % 3 == 0) continue;
        CHECK_OK(crdt_orset_remove(txn, name_of("s"), crdt_int(element)));
        left--;
        if (i % 50 != 0) continue;
        CHECK_OK(crdt_txn_find(txn, name_of("s"), &crdt_orset_type, &ref));
        CHECK_EQ_INT(crdt_orset_count(ref), left);
        CHECK(!crdt_orset_has(ref, crdt_int(element)));
    }
    crdt_delta *second = commit(a);
    join(b, first);
    join(b, second);
    CHECK(same_bytes(a, b));
    CHECK_OK(crdt_store_find(b, name_of("s"), &crdt_orset_type, &ref));
    CHECK_EQ_INT(crdt_orset_count(ref), (COUNT + 2) / 3);
    for (int i = 0; i < COUNT; i++) CHECK_EQ_INT(crdt_orset_has(ref, crdt_int(i)), i % 3 == 0);
    check_store(a);
    free_all(a, b, first, second, NULL);
}

TEST(store, rollback_leaves_nothing)
{
    crdt_store *a = store_of(1);
    DO(a, "s", &crdt_orset_type, "add", "x");
    crdt_store *before = recoded(a);
    crdt_txn   *txn = begin(a);
    CHECK_OK(crdt_orset_add(txn, name_of("s"), crdt_text("y")));
    CHECK_OK(crdt_txn_remove(txn, name_of("s")));
    CHECK_OK(crdt_lww_set(txn, name_of("s"), crdt_text("z")));
    crdt_store_rollback(a);
    CHECK(same_bytes(a, before));
    check_store(a);
    free_all(a, before, NULL);
}

TEST(store, one_transaction_at_a_time_and_no_join_while_open)
{
    crdt_store *a = store_of(1), *b = store_of(2);
    crdt_txn   *txn;
    crdt_buf    buf;
    crdt_buf_init(&buf, NULL);
    (void)begin(a);
    CHECK_ERR(crdt_store_begin(a, NOW, &txn), CRDT_EBUSY);
    CHECK_ERR(crdt_store_join(a, b, NOW), CRDT_EBUSY);
    CHECK_ERR(crdt_store_merge(a, b), CRDT_EBUSY);
    CHECK_ERR(crdt_store_join(b, a, NOW), CRDT_EBUSY);
    CHECK_ERR(crdt_store_encode(a, &buf), CRDT_EBUSY);
    crdt_store_rollback(a);
    CHECK_OK(crdt_store_join(a, b, NOW));
    free_all(a, b, NULL);
}

TEST(store, delta_of_nothing_is_empty)
{
    crdt_store *a = store_of(1);
    DO(a, "s", &crdt_orset_type, "add", "x");
    crdt_delta *delta = apply(a, "s", &crdt_orset_type, "remove", "never added");
    CHECK(crdt_store_is_empty(delta));
    CHECK_EQ_INT(crdt_store_count(delta), 0);
    free_all(a, delta, NULL);
}

TEST(store, wrong_type_under_a_name_is_refused)
{
    crdt_store *a = store_of(1);
    DO(a, "n", &crdt_orset_type, "add", "x");
    crdt_txn *txn = begin(a);
    CHECK_ERR(crdt_lww_set(txn, name_of("n"), crdt_text("y")), CRDT_ETYPE);
    CHECK_OK(crdt_txn_remove(txn, name_of("n")));
    CHECK_OK(crdt_lww_set(txn, name_of("n"), crdt_text("y")));
    crdt_store_free(commit(a));
    CHECK_EQ_STR(shown(a, "n"), "\"y\"");
    check_store(a);
    crdt_store_free(a);
}

TEST(store, removing_a_twopset_forgets_removals_only_if_it_shows_something)
{
    crdt_store *a = store_of(1);
    DO(a, "s", &crdt_twopset_type, "add", "x");
    DO(a, "s", &crdt_twopset_type, "remove", "x");
    remove_name(a, "s"); /* it exists by its presence, and shows nothing */
    CHECK_EQ_STR(shown(a, "s"), "ENOENT");
    DO(a, "s", &crdt_twopset_type, "add", "x");
    DO(a, "s", &crdt_twopset_type, "add", "y");
    CHECK_EQ_STR(shown(a, "s"), "{\"y\"}");
    remove_name(a, "s");
    DO(a, "s", &crdt_twopset_type, "add", "x");
    CHECK_EQ_STR(shown(a, "s"), "{\"x\"}");
    check_store(a);
    crdt_store_free(a);
}

/* Whether it shows, hides behind another type, or remembers that it was removed. */
TEST(store, an_object_is_found_by_its_type)
{
    crdt_store *a = store_of(1), *b = store_of(2);
    crdt_ref    ref;
    crdt_rev    rev;
    CHECK_ERR(crdt_store_object(a, name_of("d"), &crdt_revgraph_type, &ref), CRDT_ENOENT);
    DO(a, "d", &crdt_revgraph_type, "edit", "x");
    CHECK_OK(crdt_store_object(a, name_of("d"), &crdt_revgraph_type, &ref));
    CHECK(crdt_revgraph_winner(ref, &rev));
    CHECK_ERR(crdt_store_object(a, name_of("d"), &crdt_orset_type, &ref), CRDT_ENOENT);
    CHECK_ERR(crdt_store_object(a, name_of("c"), &crdt_revgraph_type, &ref), CRDT_ENOENT);
    DO(b, "d", &crdt_orset_type, "add", "y");
    DO(b, "t", &crdt_text_type, "insert", (int64_t)0, "text");
    join(a, b);
    CHECK_OK(crdt_store_object(a, name_of("d"), &crdt_orset_type, &ref));
    CHECK_EQ_INT(crdt_orset_count(ref), 1);
    CHECK_OK(crdt_store_object(a, name_of("d"), &crdt_revgraph_type, &ref));
    crdt_store *copy = recoded(a); /* texts are made ready at the first look */
    CHECK_OK(crdt_store_object(copy, name_of("t"), &crdt_text_type, &ref));
    CHECK_EQ_INT(crdt_text_length(ref, CRDT_CODE_POINTS), 4);
    remove_name(a, "d");
    CHECK_ERR(crdt_store_find(a, name_of("d"), NULL, &ref), CRDT_ENOENT);
    CHECK_OK(crdt_store_object(a, name_of("d"), &crdt_revgraph_type, &ref));
    CHECK(!crdt_revgraph_winner(ref, &rev));
    crdt_revgraph_iter it = crdt_revgraph_iterate(ref, CRDT_REVS_LEAVES);
    CHECK(crdt_revgraph_next(&it, &rev) && rev.deleted);
    free_all(a, b, copy, NULL);
}

TEST(store, names_come_in_key_order_with_counts)
{
    crdt_store *a = store_of(1);
    const char *names[] = {"b", "a", "ab", "", "aa"};
    for (size_t i = 0; i < 5; i++) DO(a, names[i], &crdt_ewflag_type, "enable");
    crdt_store_iter it = crdt_store_iterate(a);
    crdt_view       name;
    crdt_ref        ref;
    const char     *sorted[] = {"", "a", "aa", "ab", "b"};
    for (size_t i = 0; i < 5; i++) {
        CHECK(crdt_store_next(&it, &name, &ref));
        CHECK_EQ_MEM(name.data, name.size, sorted[i], strlen(sorted[i]));
    }
    CHECK(!crdt_store_next(&it, &name, &ref));
    CHECK(!crdt_store_next(&it, &name, &ref));
    CHECK_EQ_INT(crdt_store_count(a), 5);
    it = crdt_store_iterate_from(a, name_of("aab"));
    CHECK(crdt_store_next(&it, &name, &ref));
    CHECK_EQ_MEM(name.data, name.size, "ab", 2);
    crdt_store_free(a);
}

TEST(store, changes_are_listed_once_each_local_and_remote)
{
    crdt_store *a = store_of(1), *b = store_of(2);
    crdt_change change;
    DO(a, "x", &crdt_orset_type, "add", "1");
    DO(a, "y", &crdt_orset_type, "add", "1");
    DO(a, "x", &crdt_orset_type, "add", "2");
    CHECK(crdt_store_next_change(a, &change));
    CHECK_EQ_MEM(change.name.data, change.name.size, "x", 1);
    CHECK(!change.remote && change.type == &crdt_orset_type);
    CHECK(crdt_store_next_change(a, &change));
    CHECK_EQ_MEM(change.name.data, change.name.size, "y", 1);
    CHECK(!crdt_store_next_change(a, &change));
    join(b, a);
    CHECK(crdt_store_next_change(b, &change) && change.remote);
    CHECK(crdt_store_next_change(b, &change) && change.remote);
    CHECK(!crdt_store_next_change(b, &change));
    remove_name(a, "x");
    join(b, a);
    CHECK(crdt_store_next_change(b, &change));
    CHECK(change.type == NULL);
    CHECK_EQ_MEM(change.name.data, change.name.size, "x", 1);
    CHECK(!crdt_store_next_change(b, &change));
    check_store(b);
    free_all(a, b, NULL);
}

TEST(store, change_after_it_was_reported_is_listed_again)
{
    crdt_options o = crdt_options_default(1, crdt_types_builtin());
    crdt_store  *a;
    crdt_change  change;
    o.track_changes = true;
    CHECK_OK(crdt_store_new(&o, &a));
    DO(a, "x", &crdt_ewflag_type, "enable");
    DO(a, "y", &crdt_ewflag_type, "enable");
    CHECK(crdt_store_next_change(a, &change));
    CHECK_EQ_MEM(change.name.data, change.name.size, "x", 1);
    remove_name(a, "x"); /* while x is the one reported last */
    CHECK(crdt_store_next_change(a, &change));
    CHECK_EQ_MEM(change.name.data, change.name.size, "y", 1);
    CHECK(crdt_store_next_change(a, &change));
    CHECK_EQ_MEM(change.name.data, change.name.size, "x", 1);
    CHECK(change.type == NULL);
    CHECK(!crdt_store_next_change(a, &change));
    check_store(a);
    crdt_store_free(a);
}

TEST(store, read_context_limits_what_a_remove_removes)
{
    crdt_store  *a = store_of(1), *b = store_of(2);
    crdt_context seen;
    crdt_context_init(&seen, NULL);
    DO(a, "s", &crdt_orset_type, "add", "x");
    CHECK_OK(crdt_context_copy(&seen, crdt_store_context(a)));
    join(b, a);
    DO(b, "s", &crdt_orset_type, "add", "x"); /* again, unseen by the reader */
    join(a, b);
    crdt_txn *txn = begin(a);
    crdt_txn_at(txn, &seen);
    CHECK_OK(crdt_orset_remove(txn, name_of("s"), crdt_text("x")));
    crdt_store_free(commit(a));
    CHECK_EQ_STR(shown(a, "s"), "{\"x\"}");
    join(b, a);
    CHECK(same_bytes(a, b));
    crdt_context_clear(&seen);
    free_all(a, b, NULL);
}

TEST(store, retired_replica_is_refused_beyond_its_end)
{
    crdt_store *a = store_of(1), *b = store_of(2);
    crdt_delta *d1 = apply(b, "s", &crdt_orset_type, "add", "x");
    join(a, d1);
    CHECK_OK(crdt_store_retire(a, 2));
    crdt_delta *d2 = apply(b, "s", &crdt_orset_type, "add", "y");
    crdt_store *before = recoded(a);
    CHECK_ERR(crdt_store_join(a, d2, NOW), CRDT_ERETIRED);
    CHECK_ERR(crdt_store_join(a, b, NOW), CRDT_ERETIRED);
    CHECK(same_bytes(a, before));
    CHECK_OK(crdt_store_join(a, d1, NOW)); /* within its end */
    crdt_store *copy = recoded(a);
    CHECK_ERR(crdt_store_join(copy, d2, NOW),
              CRDT_ERETIRED); /* the marker travels with the state */
    crdt_store *c = store_of(2);
    join(c, a);
    crdt_txn *txn;
    CHECK_ERR(crdt_store_begin(c, NOW, &txn), CRDT_ERETIRED);
    free_all(a, b, c, d1, d2, before, copy, NULL);
}

TEST(store, reused_dot_with_other_content_is_a_fork)
{
    crdt_store *a = store_of(1), *b = store_of(1), *c = store_of(3);
    crdt_delta *d1 = apply(a, "s", &crdt_orset_type, "add", "x");
    crdt_delta *d2 = apply(b, "s", &crdt_orset_type, "add", "y"); /* the same dots */
    join(c, d1);
    crdt_store *before = recoded(c);
    CHECK_ERR(crdt_store_join(c, d2, NOW), CRDT_EFORK);
    CHECK_ERR(crdt_store_join(c, b, NOW), CRDT_EFORK);
    CHECK(same_bytes(c, before));
    free_all(a, b, c, d1, d2, before, NULL);
}

TEST(store, user_can_list_names_of_hidden_types)
{
    crdt_store *a = store_of(1), *b = store_of(2);
    DO(a, "n", &crdt_orset_type, "add", "x");
    DO(b, "n", &crdt_lww_type, "set", "y");
    join(a, b);
    CHECK(crdt_store_type_at(a, name_of("n"), 0) != NULL);
    CHECK(crdt_store_type_at(a, name_of("n"), 1) != NULL);
    CHECK(crdt_store_type_at(a, name_of("n"), 2) == NULL);
    CHECK_EQ_INT(crdt_store_count(a), 1);
    free_all(a, b, NULL);
}

TEST(store, comparison_tells_the_lattice_order)
{
    crdt_store *a = store_of(1), *b = store_of(2);
    crdt_order  order;
    DO(a, "s", &crdt_orset_type, "add", "x");
    CHECK_OK(crdt_store_compare(a, b, &order));
    CHECK_EQ_INT(order, CRDT_AFTER);
    join(b, a);
    CHECK_OK(crdt_store_compare(a, b, &order));
    CHECK_EQ_INT(order, CRDT_EQUAL);
    DO(b, "s", &crdt_orset_type, "add", "y");
    CHECK_OK(crdt_store_compare(a, b, &order));
    CHECK_EQ_INT(order, CRDT_BEFORE);
    DO(a, "t", &crdt_orset_type, "add", "y");
    CHECK_OK(crdt_store_compare(a, b, &order));
    CHECK_EQ_INT(order, CRDT_CONCURRENT);
    free_all(a, b, NULL);
}

TEST(store, parts_merge_back_to_the_whole)
{
    crdt_store *a = store_of(1), *back = store_of(0);
    DO(a, "s", &crdt_orset_type, "add", "x");
    DO(a, "t", &crdt_pncounter_type, "inc", 3);
    DO(a, "s", &crdt_orset_type, "remove", "x");
    DO(a, "s", &crdt_orset_type, "add", "z");
    for (size_t i = 0;; i++) {
        crdt_delta *part;
        CHECK_OK(crdt_store_part(a, i, &part));
        if (part == NULL) break;
        CHECK_OK(crdt_store_merge(back, part));
        crdt_store_free(part);
    }
    CHECK(same_bytes(a, back));
    free_all(a, back, NULL);
}

/* No writer makes such a delta: it has seen dots of an object that it does not list. It says
 * nothing of that object, whichever of the two takes the other in. */
static crdt_delta *odd_delta(const crdt_store *like)
{
    static const uint8_t bytes[] = {
        0xC7, 1, 2,   2, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0,
        0,    0, 0,   0, 0, 2, 0, 3, 1, 0, 3, 0, 1, 1, /* 1: 1..2, 2: 1; by 2 */
        1,    1, 't', 7, 0, 1, 0};                     /* an empty set */
    crdt_delta *odd;
    const char *reason = "";
    crdt_err    err = crdt_delta_decode(like, crdt_view_of(bytes, sizeof bytes), &odd, &reason);
    CHECK_MSG(err == CRDT_OK, "%s", reason);
    return odd;
}

/* Merges of the odd one with the state that made the delta, and with the delta. */
static void check_symmetric(crdt_store *state, crdt_delta *delta, const char *shows)
{
    crdt_store *sides[2] = {state, delta}, *ab, *ba;
    crdt_delta *odd = odd_delta(state);
    for (int i = 0; i < 2; i++) {
        CHECK_OK(crdt_store_clone(sides[i], 0, &ab));
        CHECK_OK(crdt_store_clone(odd, 0, &ba));
        CHECK_OK(crdt_store_merge(ab, odd));
        CHECK_OK(crdt_store_merge(ba, sides[i]));
        CHECK(same_bytes(ab, ba));
        CHECK(crdt_digest_equal(crdt_store_digest(ab, NULL), crdt_store_digest(ba, NULL)));
        CHECK_EQ_STR(shown(ab, "s"), shows);
        free_all(ab, ba, NULL);
    }
    crdt_store_free(odd);
}

TEST(store, merge_with_a_delta_that_saw_more_than_it_lists_is_symmetric)
{
    crdt_store *a = store_of(1);
    crdt_delta *delta = apply(a, "s", &crdt_orset_type, "add", "x");
    check_symmetric(a, delta, "{\"x\"}");
    free_all(a, delta, NULL);
}

static const crdt_type *const sequences[4] = {&crdt_rga_type, &crdt_text_type,
                                              &crdt_rga_classic_type, &crdt_text_classic_type};

/* So many insertions at the start, one by one, in one transaction. */
static crdt_delta *inserted(crdt_store *a, const crdt_type *type, int count)
{
    crdt_value args[2] = {crdt_int(0), crdt_text("x")};
    crdt_txn  *txn = begin(a);
    for (int i = 0; i < count; i++) {
        CHECK_OK(crdt_txn_apply(txn, name_of("s"), &type->ops[0], args, 2));
    }
    return commit(a);
}

TEST(store, merge_of_a_sequence_with_a_delta_that_saw_more_than_it_lists_is_symmetric)
{
    for (size_t i = 0; i < 4; i++) {
        crdt_store *a = store_of(1);
        crdt_delta *delta = inserted(a, sequences[i], 1);
        check_symmetric(a, delta, i % 2 == 0 ? "[\"x\"]" : "\"x\"");
        free_all(a, delta, NULL);
    }
}

/* What is read from bytes into a sequence that was empty, by one who has seen none of it, shows in
 * a digest that was asked for before, also where a delta that does not list it takes it in. */
TEST(store, a_digest_follows_a_sequence_that_is_taken_in)
{
    for (size_t i = 0; i < 4; i++) {
        crdt_store *a = store_of(1), *sides[2] = {store_of(2), NULL};
        crdt_delta *first = inserted(a, sequences[i], 1), *packed;
        crdt_delta *delta = inserted(a, sequences[i], 3); /* the name is there already */
        crdt_buf    bytes;
        sides[1] = odd_delta(a);
        crdt_buf_init(&bytes, NULL);
        CHECK_OK(crdt_store_encode(delta, &bytes));
        CHECK_OK(crdt_delta_decode(a, crdt_buf_bytes(&bytes), &packed, NULL));
        for (int k = 0; k < 2; k++) {
            crdt_digest before = crdt_store_digest(sides[k], NULL);
            CHECK_OK(crdt_store_merge(sides[k], packed));
            crdt_store *fresh = recoded(sides[k]);
            crdt_digest after = crdt_store_digest(sides[k], NULL);
            CHECK(!crdt_digest_equal(before, after));
            CHECK(crdt_digest_equal(after, crdt_store_digest(fresh, NULL)));
            crdt_store_free(fresh);
        }
        crdt_buf_clear(&bytes);
        free_all(a, sides[0], sides[1], first, delta, packed, NULL);
    }
}

/* Sequences change in place: what a delta took of one that it had not is gone after a refusal. */
TEST(store, a_delta_that_runs_out_of_memory_keeps_nothing_of_a_sequence)
{
    enum { ROWS = 600 };
    crdt_store *a = store_of(1);
    crdt_delta *delta = inserted(a, &crdt_text_type, ROWS);
    for (uint64_t n = 1, refused = 1; refused; n++) {
        testmem      tm;
        crdt_options o = crdt_options_default(1, crdt_types_builtin());
        testmem_init(&tm);
        o.mem = &tm.mem;
        crdt_store *like;
        CHECK_OK(crdt_store_new(&o, &like));
        crdt_delta *odd = odd_delta(like);
        crdt_store *before = recoded(odd);
        testmem_fail_nth(&tm, n);
        crdt_err err = crdt_store_merge(odd, delta);
        refused = testmem_refused(&tm);
        testmem_fail_never(&tm);
        if (err != CRDT_OK) {
            CHECK_ERR(err, CRDT_ENOMEM);
            CHECK(refused && same_bytes(odd, before));
        }
        free_all(like, odd, before, NULL);
        TESTMEM_DONE(&tm);
    }
    free_all(a, delta, NULL);
}

TEST(store, stats_count_payload_metadata_and_dots)
{
    crdt_store *a = store_of(1);
    DO(a, "s", &crdt_orset_type, "add", "four");
    crdt_stats stats = crdt_store_stats(a);
    CHECK_EQ_INT(stats.payload, 5); /* the name and the element */
    CHECK_EQ_INT(stats.dots, 2);    /* presence and element */
    CHECK(stats.metadata > 0 && stats.residues == 0);
    crdt_store_free(a);
}

/* Each allocation of a multi-object transaction and join fails in turn: nothing changes, nothing
 * leaks. */
TEST(store, every_failing_allocation_leaves_the_store_unchanged)
{
    for (uint64_t n = 1;; n++) {
        testmem      tm;
        crdt_options o = crdt_options_default(1, crdt_types_builtin());
        testmem_init(&tm);
        o.mem = &tm.mem;
        crdt_store *a, *b = store_of(2);
        CHECK_OK(crdt_store_new(&o, &a));
        DO(a, "s", &crdt_orset_type, "add", "an element longer than a word");
        DO(b, "t", &crdt_orset_type, "add", "another one that is long");
        DO(b, "c", &crdt_gcounter_type, "inc", 2);
        DO(b, "l", &crdt_lww_type, "set", "a value longer than a word");
        crdt_store *before = recoded(a);
        testmem_fail_nth(&tm, n);
        crdt_err err = crdt_store_join(a, b, NOW);
        bool     refused = testmem_refused(&tm);
        testmem_fail_never(&tm);
        check_store(a);
        if (err != CRDT_OK) {
            CHECK_ERR(err, CRDT_ENOMEM);
            CHECK(same_bytes(a, before));
        }
        free_all(a, b, NULL);
        crdt_store_free(before);
        TESTMEM_DONE(&tm);
        if (!refused) break;
    }
}

/* An operation that was refused memory is done again within the same transaction. */
TEST(store, an_operation_without_memory_can_be_done_again)
{
    bool refused = true;
    for (uint64_t n = 1; refused; n++) {
        testmem      tm;
        crdt_options o = crdt_options_default(1, crdt_types_builtin());
        testmem_init(&tm);
        o.mem = &tm.mem;
        crdt_store *a;
        CHECK_OK(crdt_store_new(&o, &a));
        crdt_txn *txn = begin(a);
        testmem_fail_nth(&tm, n);
        crdt_text_edit edit;
        crdt_err       err = crdt_text_open(txn, name_of("t"), &crdt_text_type, &edit);
        refused = testmem_refused(&tm);
        testmem_fail_never(&tm);
        if (err == CRDT_ENOMEM) err = crdt_text_open(txn, name_of("t"), &crdt_text_type, &edit);
        CHECK_OK(err);
        CHECK_OK(crdt_text_insert(&edit, CRDT_CODE_POINTS, 0, crdt_text_view("word")));
        crdt_store_free(commit(a));
        check_store(a);
        CHECK_EQ_STR(shown(a, "t"), "\"word\"");
        crdt_store_free(a);
        TESTMEM_DONE(&tm);
    }
}

#define CYCLES (T_SLOW ? 20000 : 1000000)

/* A name that is created and removed again and again leaves nothing behind but the count of
 * dots. */
static void cycles(const crdt_type *type, const char *op, const char *arg)
{
    crdt_store *a = store_of(1);
    DO(a, "k", type, op, arg);
    remove_name(a, "k");
    size_t start = encoded_size(a);
    for (int i = 0; i < CYCLES; i++) {
        crdt_txn *txn = begin(a);
        crdt_err  err = CRDT_OK;
        if (type == &crdt_orset_type) err = crdt_orset_add(txn, name_of("k"), crdt_text(arg));
        if (type == &crdt_lww_type) err = crdt_lww_set(txn, name_of("k"), crdt_text(arg));
        if (type == &crdt_ewflag_type) err = crdt_ewflag_enable(txn, name_of("k"));
        CHECK_OK(err);
        if (i % 2 == 0) { /* removed in the same transaction, or in the next one */
            CHECK_OK(crdt_store_commit(a, NULL));
            txn = begin(a);
        }
        CHECK_OK(crdt_txn_remove(txn, name_of("k")));
        CHECK_OK(crdt_store_commit(a, NULL));
    }
    CHECK_EQ_INT(crdt_store_count(a), 0);
    CHECK(encoded_size(a) <= start + 64);
    check_store(a);
    crdt_store_free(a);
}

TEST(store, a_million_created_and_removed_sets_leave_no_tombstones)
{
    cycles(&crdt_orset_type, "add", "x");
}

TEST(store, a_million_created_and_removed_registers_leave_no_tombstones)
{
    cycles(&crdt_lww_type, "set", "x");
}

TEST(store, a_million_created_and_removed_flags_leave_no_tombstones)
{
    cycles(&crdt_ewflag_type, "enable", "");
}

/* A log's entry without content: it takes a dot, and every replica that joins it holds the same. */
TEST(store, mark_takes_a_dot_and_changes_no_object)
{
    crdt_store *a = store_of(1), *b = store_of(2);
    DO(a, "s", &crdt_orset_type, "add", "x");
    crdt_txn *txn = begin(a);
    CHECK_OK(crdt_txn_mark(txn));
    crdt_delta *delta = commit(a);
    CHECK(!crdt_store_is_empty(delta));
    CHECK_EQ_INT(crdt_store_count(delta), 0);
    const crdt_context *brought = crdt_delta_brought(delta);
    CHECK_EQ_INT(brought->count, 1);
    CHECK_EQ_INT(brought->runs[0].replica, 1);
    CHECK_EQ_INT(brought->runs[0].lo, crdt_context_max(crdt_store_context(a), 1));
    CHECK_EQ_INT(brought->runs[0].hi, brought->runs[0].lo);
    CHECK_ERR(crdt_store_join(b, delta, NOW), CRDT_EGAP); /* its predecessor is missing */
    crdt_context nothing;
    crdt_delta  *since;
    crdt_context_init(&nothing, NULL);
    CHECK_OK(crdt_store_since(a, &nothing, &since));
    join(b, since);
    CHECK_EQ_STR(shown(b, "s"), "{\"x\"}");
    CHECK(same_bytes(a, b));
    free_all(a, b, delta, since, NULL);
}

TEST(store, renewed_store_writes_as_another_replica)
{
    crdt_store *a = store_of(1), *b = store_of(2);
    crdt_txn   *txn = begin(a);
    CHECK_ERR(crdt_store_renew(a, 3), CRDT_EBUSY);
    CHECK_OK(crdt_orset_add(txn, name_of("s"), crdt_text("x")));
    crdt_delta *first = commit(a);
    CHECK_ERR(crdt_store_renew(a, 0), CRDT_EINVAL);
    CHECK_ERR(crdt_store_renew(a, 1), CRDT_EEXIST);
    CHECK_ERR(crdt_store_renew(first, 3), CRDT_EINVAL);
    CHECK_OK(crdt_store_renew(a, 3));
    CHECK_EQ_INT(crdt_store_replica(a), 3);
    txn = begin(a);
    CHECK_OK(crdt_orset_add(txn, name_of("s"), crdt_text("y")));
    crdt_delta *second = commit(a);
    CHECK_EQ_INT(crdt_context_max(crdt_store_context(a), 1),
                 crdt_context_max(crdt_store_context(first), 1));
    CHECK_EQ_INT(crdt_delta_brought(second)->runs[0].replica, 3);
    CHECK_EQ_INT(crdt_delta_brought(second)->runs[0].lo, 1);
    join(b, first);
    join(b, second);
    CHECK(same_bytes(a, b));
    free_all(a, b, first, second, NULL);
}
