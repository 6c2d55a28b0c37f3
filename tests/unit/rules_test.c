/* The rules that are easy to get wrong (R3 to R8, R12), each with its counter-example. */
#include <string.h>

#include "tests/lib/relays.h"
#include "tests/lib/stores.h"
#include "tests/lib/t.h"

TEST(r3, a_removal_takes_a_fresh_dot_so_equal_contexts_mean_equal_values)
{
    crdt_store *a = store_of(1), *b = store_of(2);
    DO(a, "s", &crdt_orset_type, "add", "x");
    join(b, a);
    DO(a, "s", &crdt_orset_type, "remove", "x");
    CHECK(!crdt_context_equal(crdt_store_context(a), crdt_store_context(b)));
    CHECK(!crdt_digest_equal(crdt_store_digest(a, NULL), crdt_store_digest(b, NULL)));
    free_all(a, b, NULL);
}

TEST(r3, a_residue_alone_is_hidden_but_encoded)
{
    crdt_store *a = store_of(1), *b = store_of(2);
    DO(b, "c", &crdt_pncounter_type, "inc", 3);
    join(a, b);
    remove_name(a, "c"); /* b may have increments that a has not seen */
    CHECK_EQ_STR(shown(a, "c"), "ENOENT");
    CHECK_EQ_INT(crdt_store_count(a), 0);
    CHECK(crdt_store_stats(a).residues > 0);
    crdt_store *copy = recoded(a);
    CHECK(crdt_store_stats(copy).residues > 0);
    CHECK_OK(crdt_store_stabilise(a, crdt_store_context(a)));
    CHECK_EQ_INT(crdt_store_stats(a).residues, 0);
    CHECK(encoded_size(a) < encoded_size(copy));
    check_store(a);
    free_all(a, b, copy, NULL);
}

TEST(r3, an_unseen_increment_survives_the_reset_in_every_delivery)
{
    crdt_store *a = store_of(1), *b = store_of(2), *c = store_of(3);
    crdt_delta *d1 = apply(a, "c", &crdt_pncounter_type, "inc", 3);
    join(b, d1);
    crdt_delta *d2 = apply(a, "c", &crdt_pncounter_type, "inc", 4); /* unseen by b */
    crdt_txn   *txn = begin(b);
    CHECK_OK(crdt_txn_remove(txn, name_of("c")));
    crdt_delta *d3 = commit(b);
    join(c, d1);
    join(c, d3);
    join(c, d2);
    join(a, b);
    join(b, d2);
    CHECK_EQ_STR(shown(a, "c"), "4");
    CHECK_EQ_STR(shown(b, "c"), "4");
    CHECK_EQ_STR(shown(c, "c"), "4");
    CHECK(same_bytes(a, b) && same_bytes(b, c));
    free_all(a, b, c, d1, d2, d3, NULL);
}

TEST(r4, a_join_that_fails_on_its_last_object_changes_none)
{
    crdt_store *a = store_of(1), *b = store_of(2), *c = store_of(1);
    DO(a, "a", &crdt_orset_type, "add", "x");
    DO(b, "a", &crdt_orset_type, "add", "y");
    DO(a, "z", &crdt_orset_type, "add", "x"); /* dots 3 and 4 of replica 1 */
    DO(c, "a", &crdt_orset_type, "add", "x");
    DO(c, "z", &crdt_orset_type, "add", "forked");
    join(c, b);
    crdt_store *before = recoded(a);
    CHECK_ERR(crdt_store_join(a, c, NOW), CRDT_EFORK); /* "a" could be joined, "z" cannot */
    CHECK(same_bytes(a, before));
    CHECK_EQ_STR(shown(a, "a"), "{\"x\"}");
    check_store(a);
    free_all(a, b, c, before, NULL);
}

TEST(r5, the_digest_kept_up_equals_the_digest_of_a_copy)
{
    crdt_store *a = store_of(1), *b = store_of(2);
    for (int i = 0; i < 50; i++) {
        char name[8] = {(char)('a' + i % 7), 0};
        DO(a, name, &crdt_orset_type, i % 5 == 4 ? "remove" : "add", "x");
        if (i % 3 == 0) (void)crdt_store_digest(a, NULL);
        DO(b, name, &crdt_orset_type, "add", i % 2 == 0 ? "y" : "z");
        if (i % 4 == 0) join(a, b);
        crdt_store *copy = recoded(a);
        CHECK(crdt_digest_equal(crdt_store_digest(a, NULL), crdt_store_digest(copy, NULL)));
        crdt_store_free(copy);
    }
    free_all(a, b, NULL);
}

TEST(r5, only_ids_in_use_are_encoded)
{
    crdt_store *a = store_of(1), *b = store_of(7), *c = store_of(1);
    crdt_delta *d = apply(a, "s", &crdt_orset_type, "add", "x");
    size_t      alone = encoded_size(d);
    join(c, b); /* b's id was met, but b wrote nothing */
    crdt_delta *e = apply(c, "s", &crdt_orset_type, "add", "x");
    CHECK_EQ_INT(encoded_size(e), alone);
    free_all(a, b, c, d, e, NULL);
}

/* A:1 adds x; A:2 adds x again, covering A:1; B:1 removes A:2. C holds A:1 only. */
TEST(r6, a_delta_whose_removed_dots_are_missing_is_a_gap)
{
    crdt_store *a = store_of(1), *b = store_of(2), *c = store_of(3), *v = store_of(4);
    crdt_delta *d1 = apply(a, "s", &crdt_orset_type, "add", "x");
    crdt_delta *d2 = apply(a, "s", &crdt_orset_type, "add", "x");
    join(b, d1);
    join(b, d2);
    crdt_delta *d3 = apply(b, "s", &crdt_orset_type, "remove", "x");
    join(c, d1);
    crdt_store *before = recoded(c);
    CHECK_ERR(crdt_store_join(c, d3, NOW), CRDT_EGAP);
    CHECK(same_bytes(c, before));
    join(c, d2);
    join(c, d3);
    CHECK(same_bytes(c, b));
    CHECK_OK(crdt_store_merge(v, d3)); /* at value level any order ends the same */
    CHECK_OK(crdt_store_merge(v, d1));
    CHECK_OK(crdt_store_merge(v, d2));
    CHECK(same_bytes(v, b));
    free_all(a, b, c, v, d1, d2, d3, before, NULL);
}

TEST(r6, a_delta_whose_predecessor_is_missing_is_a_gap)
{
    crdt_store *a = store_of(1), *b = store_of(2);
    crdt_delta *d1 = apply(a, "s", &crdt_orset_type, "add", "x");
    crdt_delta *d2 = apply(a, "t", &crdt_orset_type, "add", "y");
    CHECK_ERR(crdt_store_join(b, d2, NOW), CRDT_EGAP);
    CHECK_OK(crdt_store_merge(d1, d2)); /* a group of both is whole again */
    join(b, d1);
    CHECK(same_bytes(a, b));
    crdt_store *c = store_of(3), *group = recoded(d1);
    join(c, group);
    CHECK(same_bytes(a, c));
    free_all(a, b, c, d1, d2, group, NULL);
}

TEST(r7, a_delta_since_a_context_carries_only_what_lies_outside_it)
{
    crdt_store *a = store_of(1), *b = store_of(2);
    char        big[500];
    memset(big, 'b', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    DO(a, "s", &crdt_orset_type, "add", big);
    DO(a, "s", &crdt_orset_type, "add", "gone");
    join(b, a);
    DO(a, "s", &crdt_orset_type, "remove", "gone");
    DO(a, "s", &crdt_orset_type, "add", "new");
    crdt_delta *since;
    CHECK_OK(crdt_store_since(a, crdt_store_context(b), &since));
    CHECK(encoded_size(since) < 200);
    crdt_store *bytes = recoded(since), *c = store_of(3);
    CHECK_ERR(crdt_store_join(c, bytes, NOW), CRDT_EGAP); /* c does not hold the base */
    join(b, bytes);
    CHECK(same_bytes(a, b));
    free_all(a, b, c, since, bytes, NULL);
}

TEST(r8, two_states_at_the_soft_limit_merge_and_decode)
{
    crdt_options o = crdt_options_default(1, crdt_types_builtin());
    o.limits.elements = 3;
    crdt_store *a, *b;
    CHECK_OK(crdt_store_new(&o, &a));
    o.replica = 2;
    CHECK_OK(crdt_store_new(&o, &b));
    const char *names[] = {"1", "2", "3", "4", "5", "6"};
    for (int i = 0; i < 3; i++) {
        DO(a, "s", &crdt_orset_type, "add", names[i]);
        DO(b, "s", &crdt_orset_type, "add", names[i + 3]);
    }
    crdt_txn *txn = begin(a);
    CHECK_ERR(crdt_orset_add(txn, name_of("s"), crdt_text("7")), CRDT_ELIMIT);
    crdt_store_rollback(a);
    join(a, b);
    crdt_store *copy = recoded(a);
    CHECK(same_bytes(a, copy));
    free_all(a, b, copy, NULL);
}

static crdt_store *store_without_orset(uint64_t replica)
{
    static const crdt_type *few[] = {&crdt_lww_type};
    static const crdt_types types = {few, 1};
    return store_with(&types, replica, NULL);
}

TEST(r8, objects_of_unknown_types_are_relayed_untouched_and_replayed_when_known)
{
    crdt_store *a = store_of(1), *relay = store_without_orset(2), *c = store_of(3);
    crdt_delta *d1 = apply(a, "s", &crdt_orset_type, "add", "x");
    crdt_delta *d2 = apply(a, "s", &crdt_orset_type, "remove", "x");
    crdt_delta *d3 = apply(a, "s", &crdt_orset_type, "add", "y");
    crdt_delta *all[] = {d1, d2, d3};
    for (int i = 0; i < 3; i++) {
        crdt_store *seen = read_as(relay, all[i]);
        CHECK(same_bytes(seen, all[i])); /* verbatim */
        join(relay, seen);
        crdt_store_free(seen);
    }
    check_store(relay);
    crdt_store *state = read_as(c, relay);
    join(c, state);
    CHECK_EQ_STR(shown(c, "s"), "{\"y\"}");
    CHECK(same_bytes(a, c));
    /* Peers compare digests over the types that both know. */
    static const crdt_type *few[] = {&crdt_lww_type};
    static const crdt_types common = {few, 1};
    CHECK(crdt_digest_equal(crdt_store_digest(a, &common), crdt_store_digest(relay, &common)));
    free_all(a, relay, c, d1, d2, d3, state, NULL);
}

TEST(r12, the_type_with_the_greatest_stamp_shows_and_the_others_are_listed)
{
    crdt_store *a = store_of(1), *b = store_of(2);
    DO(a, "n", &crdt_orset_type, "add", "x");
    crdt_txn *txn;
    CHECK_OK(crdt_store_begin(b, NOW + 5, &txn));
    CHECK_OK(crdt_lww_set(txn, name_of("n"), crdt_text("later")));
    crdt_store_free(commit(b));
    join(a, b);
    join(b, a);
    CHECK(same_bytes(a, b));
    CHECK_EQ_STR(shown(a, "n"), "\"later\"");
    CHECK(crdt_store_type_at(a, name_of("n"), 1) == &crdt_orset_type);
    remove_name(a, "n"); /* resets every observed type */
    CHECK_EQ_STR(shown(a, "n"), "ENOENT");
    CHECK_EQ_INT(crdt_store_count(a), 0);
    join(b, a);
    CHECK(same_bytes(a, b));
    free_all(a, b, NULL);
}

TEST(r12, an_empty_container_lives_by_its_presence)
{
    crdt_store *a = store_of(1);
    CHECK_OK(crdt_txn_create(begin(a), name_of("empty"), &crdt_orset_type));
    crdt_store_free(commit(a));
    CHECK_EQ_STR(shown(a, "empty"), "{}");
    CHECK_EQ_INT(crdt_store_count(a), 1);
    remove_name(a, "empty");
    CHECK_EQ_INT(crdt_store_count(a), 0);
    crdt_store_free(a);
}

TEST(r12, an_update_concurrent_with_the_removal_keeps_the_name_alive)
{
    crdt_store *a = store_of(1), *b = store_of(2);
    DO(a, "s", &crdt_orset_type, "add", "x");
    join(b, a);
    remove_name(a, "s");
    DO(b, "s", &crdt_orset_type, "add", "y"); /* no presence dot: the name was seen */
    join(a, b);
    join(b, a);
    CHECK(same_bytes(a, b));
    CHECK_EQ_STR(shown(a, "s"), "{\"y\"}");
    check_store(a);
    free_all(a, b, NULL);
}

TEST(r13, a_write_that_saw_a_poisoned_stamp_still_wins)
{
    crdt_store *a = solo_of(&crdt_lww_type, 1), *b = solo_of(&crdt_lww_type, 2);
    crdt_txn   *txn;
    CHECK_OK(crdt_store_begin(a, CRDT_CLOCK_MS_MAX, &txn)); /* a clock thousands of years ahead */
    CHECK_OK(crdt_lww_set(txn, CRDT_SOLO, crdt_text("poison")));
    crdt_store_free(commit(a));
    join(b, a);
    CHECK(crdt_stamp_ms(crdt_store_clock(b)->last) <
          CRDT_CLOCK_MS_MAX); /* did not enter the clock */
    CHECK_EQ_INT(crdt_store_clock(b)->suspect, 1);
    DO(b, "", &crdt_lww_type, "set", "cure");
    join(a, b);
    CHECK_EQ_STR(shown(a, ""), "\"cure\"");
    CHECK(same_bytes(a, b));
    free_all(a, b, NULL);
}
