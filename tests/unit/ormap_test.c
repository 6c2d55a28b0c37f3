/* ormap_test.c: maps: paths, policies, what removal leaves, the field's bugs, hostile bytes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/random.h"
#include "tests/lib/stores.h"
#include "tests/lib/testmem.h"

#define A 1
#define B 2
#define C 3
#define PATH(...)                             \
    (const char *const[]){__VA_ARGS__, NULL}, \
        sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *)

/* -- Short words: the map stands alone --------------------------------------------------------- */

static size_t views(const char *const *keys, size_t depth, crdt_view *ret_views)
{
    for (size_t i = 0; i < depth; i++) ret_views[i] = name_of(keys[i]);
    return depth;
}

static const crdt_type *map_of(const crdt_store *s)
{
    return crdt_store_solo(s).type;
}

/* Into the map that holds the path's last key. */
static crdt_txn *enter(crdt_store *s, const char *const *keys, size_t depth)
{
    crdt_view path[8];
    crdt_txn *txn = begin(s);
    views(keys, depth - 1, path);
    CHECK_OK(crdt_ormap_enter(txn, CRDT_SOLO, map_of(s), path, depth - 1));
    return txn;
}

static void set(crdt_store *s, const char *value, const char *const *keys, size_t depth)
{
    crdt_txn *txn = enter(s, keys, depth);
    CHECK_OK(crdt_mvreg_set(txn, name_of(keys[depth - 1]), crdt_text(value)));
    crdt_store_free(commit(s));
}

static void count(crdt_store *s, uint64_t n, const char *const *keys, size_t depth)
{
    crdt_txn *txn = enter(s, keys, depth);
    CHECK_OK(crdt_pncounter_inc(txn, name_of(keys[depth - 1]), n));
    crdt_store_free(commit(s));
}

static void add(crdt_store *s, const char *elem, const char *const *keys, size_t depth)
{
    crdt_txn *txn = enter(s, keys, depth);
    CHECK_OK(crdt_orset_add(txn, name_of(keys[depth - 1]), crdt_text(elem)));
    crdt_store_free(commit(s));
}

static void type_text(crdt_store *s, uint64_t pos, const char *text, const char *const *keys,
                      size_t depth)
{
    crdt_txn      *txn = enter(s, keys, depth);
    crdt_text_edit edit;
    CHECK_OK(crdt_text_open(txn, name_of(keys[depth - 1]), &crdt_text_type, &edit));
    CHECK_OK(crdt_text_insert(&edit, CRDT_CODE_POINTS, pos, name_of(text)));
    crdt_store_free(commit(s));
}

static crdt_err try_take(crdt_store *s, const char *const *keys, size_t depth)
{
    crdt_view path[8];
    crdt_txn *txn = begin(s);
    views(keys, depth, path);
    crdt_err err = crdt_ormap_remove(txn, CRDT_SOLO, map_of(s), path, depth);
    if (err == CRDT_OK) crdt_store_free(commit(s));
    else crdt_store_rollback(s);
    return err;
}

static void take(crdt_store *s, const char *const *keys, size_t depth)
{
    CHECK_OK(try_take(s, keys, depth));
}

static void meet(crdt_store *a, crdt_store *b)
{
    join(a, b);
    join(b, a);
    check_store(a);
    check_store(b);
    CHECK(same_bytes(a, b));
    CHECK(crdt_digest_equal(crdt_store_digest(a, NULL), crdt_store_digest(b, NULL)));
}

static const char *all_of(const crdt_store *s)
{
    return shown(s, "");
}

/* -- Paths ------------------------------------------------------------------------------------- */

TEST(ormap, nests_and_reads_by_path_in_key_order)
{
    crdt_store *s = solo_of(&crdt_ormap_type, A);
    set(s, "Paris", PATH("home", "city"));
    count(s, 3, PATH("visits"));
    add(s, "x", PATH("home", "tags"));
    type_text(s, 0, "hello", PATH("home", "note"));
    type_text(s, 5, "!", PATH("home", "note"));
    CHECK_EQ_STR(all_of(s), "{\"home\": ormap {\"city\": mvreg [\"Paris\"], \"note\": text "
                            "\"hello!\", \"tags\": orset {\"x\"}}, \"visits\": pncounter 3}");
    crdt_view path[2] = {name_of("home"), name_of("tags")};
    crdt_ref  ref;
    CHECK_OK(crdt_ormap_get(crdt_store_solo(s), path, 2, NULL, &ref));
    CHECK(ref.type == &crdt_orset_type && crdt_orset_has(ref, crdt_text("x")));
    CHECK_ERR(crdt_ormap_get(crdt_store_solo(s), path, 2, &crdt_mvreg_type, &ref), CRDT_ENOENT);
    CHECK_OK(crdt_ormap_get(crdt_store_solo(s), path, 1, NULL, &ref));
    CHECK_EQ_INT(crdt_ormap_count(ref), 3);
    crdt_ormap_iter it = crdt_ormap_iterate_from(ref, name_of("d"));
    crdt_view       key;
    CHECK(crdt_ormap_next(&it, &key, &ref) && crdt_view_compare(key, name_of("note")) == 0);
    CHECK(crdt_ormap_next(&it, &key, &ref) && crdt_view_compare(key, name_of("tags")) == 0);
    CHECK(!crdt_ormap_next(&it, &key, &ref));
    crdt_store *copy = recoded(s);
    CHECK_EQ_STR(all_of(copy), all_of(s));
    free_all(s, copy, NULL);
}

TEST(ormap, in_a_transaction_reads_its_own_writes_and_rollback_forgets_them)
{
    crdt_store *s = solo_of(&crdt_ormap_type, A);
    set(s, "1", PATH("a"));
    type_text(s, 0, "x", PATH("t"));
    crdt_store *before = recoded(s);
    crdt_txn   *txn = enter(s, PATH("m", "b"));
    crdt_ref    ref;
    CHECK_OK(crdt_mvreg_set(txn, name_of("b"), crdt_text("2")));
    crdt_ormap_leave(txn);
    CHECK_OK(crdt_ormap_enter(txn, CRDT_SOLO, &crdt_ormap_type, NULL, 0));
    crdt_text_edit edit;
    CHECK_OK(crdt_text_open(txn, name_of("t"), &crdt_text_type, &edit));
    CHECK_OK(crdt_text_insert(&edit, CRDT_CODE_POINTS, 1, name_of("y")));
    CHECK_OK(crdt_text_open(txn, name_of("new"), &crdt_text_type, &edit));
    CHECK_OK(crdt_text_insert(&edit, CRDT_CODE_POINTS, 0, name_of("z")));
    CHECK_OK(crdt_txn_find(txn, CRDT_SOLO, NULL, &ref));
    CHECK_EQ_INT(crdt_ormap_count(ref), 4);
    CHECK(crdt_ormap_type_at(ref, name_of("m"), 0) == &crdt_ormap_type);
    crdt_store_rollback(s);
    check_store(s);
    CHECK(same_bytes(s, before));
    CHECK(crdt_digest_equal(crdt_store_digest(s, NULL), crdt_store_digest(before, NULL)));
    CHECK_EQ_STR(all_of(s), "{\"a\": mvreg [\"1\"], \"t\": text \"x\"}");
    free_all(s, before, NULL);
}

TEST(ormap, depth_is_bounded_with_a_clear_error)
{
    crdt_store  *s = solo_of(&crdt_ormap_type, A);
    crdt_view    path[80];
    crdt_options o = crdt_options_default(B, NULL);
    o.solo = &crdt_ormap_type;
    for (int i = 0; i < 80; i++) path[i] = name_of("k");
    uint32_t  most = o.limits.depth;
    crdt_txn *txn = begin(s);
    CHECK_ERR(crdt_ormap_enter(txn, CRDT_SOLO, &crdt_ormap_type, path, most), CRDT_ELIMIT);
    CHECK_ERR(crdt_ormap_create(txn, CRDT_SOLO, &crdt_ormap_type, path, most + 1, &crdt_orset_type),
              CRDT_ELIMIT);
    CHECK_OK(crdt_ormap_create(txn, CRDT_SOLO, &crdt_ormap_type, path, most, &crdt_orset_type));
    crdt_store_free(commit(s));
    CHECK_EQ_INT(most, 32);
    crdt_buf    bytes;
    crdt_store *back = NULL;
    const char *reason = NULL;
    crdt_buf_init(&bytes, NULL);
    CHECK_OK(crdt_store_encode(s, &bytes));
    CHECK_OK(crdt_store_decode(&o, crdt_buf_bytes(&bytes), &back, &reason));
    crdt_store_free(back);
    o.limits.depth = most - 1;
    CHECK_ERR(crdt_store_decode(&o, crdt_buf_bytes(&bytes), &back, &reason), CRDT_ELIMIT);
    CHECK_EQ_STR(reason, "maps nested too deep");
    o.limits.depth = 1000000; /* the stack has a bound of its own */
    crdt_store *deep;
    CHECK_OK(crdt_store_new(&o, &deep));
    txn = begin(deep);
    CHECK_ERR(crdt_ormap_enter(txn, CRDT_SOLO, &crdt_ormap_type, path, 64), CRDT_ELIMIT);
    CHECK_OK(crdt_ormap_enter(txn, CRDT_SOLO, &crdt_ormap_type, path, 63));
    crdt_store_rollback(deep);
    crdt_buf_clear(&bytes);
    free_all(s, deep, NULL);
}

TEST(ormap, refuses_what_is_no_map_and_what_maps_do_not_hold)
{
    crdt_store *s = solo_of(&crdt_ormap_type, A);
    crdt_view   path[2] = {name_of("a"), name_of("b")};
    set(s, "1", PATH("a"));
    crdt_txn *txn = begin(s);
    CHECK_ERR(crdt_ormap_enter(txn, CRDT_SOLO, &crdt_orset_type, NULL, 0), CRDT_EINVAL);
    CHECK_ERR(crdt_ormap_remove(txn, CRDT_SOLO, &crdt_ormap_type, path, 0), CRDT_EINVAL);
    CHECK_ERR(crdt_ormap_remove(txn, CRDT_SOLO, &crdt_ormap_type, path, 2), CRDT_ENOENT);
    CHECK_ERR(crdt_ormap_create(txn, CRDT_SOLO, &crdt_ormap_type, path, 1, &crdt_expiry_type),
              CRDT_EINVAL);
    CHECK_ERR(crdt_ormap_create(txn, CRDT_SOLO, &crdt_ormap_type, path, 2, &crdt_orset_type),
              CRDT_ETYPE);
    CHECK_OK(crdt_ormap_enter(txn, CRDT_SOLO, &crdt_ormap_type, NULL, 0));
    CHECK_ERR(crdt_orset_add(txn, path[0], crdt_int(1)), CRDT_ETYPE);
    CHECK_ERR(crdt_expiry_expire_at(txn, path[0], 5), CRDT_EINVAL);
    crdt_delta *delta = commit(s);
    CHECK(crdt_store_is_empty(delta));
    free_all(s, delta, NULL);
}

/* -- Types of a key (R12) ---------------------------------------------------------------------- */

TEST(ormap, two_types_at_one_key_are_both_kept_and_the_later_shows)
{
    crdt_store *a = solo_of(&crdt_ormap_type, A), *b = solo_of(&crdt_ormap_type, B);
    crdt_view   key = name_of("k");
    crdt_ref    ref;
    set(a, "1", PATH("k"));
    set(b, "x", PATH("other")); /* b's clock is ahead */
    add(b, "2", PATH("k"));
    meet(a, b);
    CHECK(crdt_ormap_type_at(crdt_store_solo(a), key, 0) == &crdt_orset_type);
    CHECK(crdt_ormap_type_at(crdt_store_solo(a), key, 1) == &crdt_mvreg_type);
    CHECK(crdt_ormap_type_at(crdt_store_solo(a), key, 2) == NULL);
    CHECK_EQ_INT(crdt_ormap_count(crdt_store_solo(a)), 2);
    CHECK_OK(crdt_ormap_get(crdt_store_solo(a), &key, 1, &crdt_mvreg_type, &ref));
    CHECK_EQ_INT(crdt_mvreg_count(ref), 1);
    take(a, PATH("k")); /* all types of it */
    meet(a, b);
    CHECK_EQ_STR(all_of(b), "{\"other\": mvreg [\"x\"]}");
    free_all(a, b, NULL);
}

/* -- The field's bugs -------------------------------------------------------------------------- */

/* riak_dt#98, #93: a counter in a map forgets just what its removal saw. */
TEST(ormap, a_removed_counter_keeps_only_what_was_counted_at_the_same_time)
{
    crdt_store *a = solo_of(&crdt_ormap_type, A), *b = solo_of(&crdt_ormap_type, B);
    count(a, 5, PATH("likes"));
    join(b, a);
    count(b, 1, PATH("likes"));
    join(a, b);
    count(b, 3, PATH("likes"));
    take(a, PATH("likes"));
    meet(a, b);
    CHECK_EQ_STR(all_of(a), "{\"likes\": pncounter 3}");
    take(b, PATH("likes"));
    meet(a, b);
    CHECK_EQ_STR(all_of(a), "{}");
    free_all(a, b, NULL);
}

/* riak_dt#78, #82, #54: present on both sides, and yet removed. */
TEST(ormap, a_key_on_both_sides_survives_the_seven_steps)
{
    crdt_store *a = solo_of(&crdt_ormap_type, A), *b = solo_of(&crdt_ormap_type, B),
               *c = solo_of(&crdt_ormap_type, C);
    add(a, "1", PATH("bar"));
    join(b, a);
    take(b, PATH("bar"));
    add(b, "0", PATH("bar"));
    join(c, a);
    join(a, b);
    join(c, b);
    CHECK_EQ_STR(all_of(a), "{\"bar\": orset {\"0\"}}");
    meet(a, c);
    meet(b, c);
    CHECK_EQ_STR(all_of(c), "{\"bar\": orset {\"0\"}}");
    free_all(a, b, c, NULL);
}

/* riak_dt#119, riak_kv#1360: removing a whole object beside an update brings back all of it. */
TEST(ormap, what_a_removal_saw_does_not_come_back_with_a_concurrent_update)
{
    crdt_store *a = solo_of(&crdt_ormap_type, A), *b = solo_of(&crdt_ormap_type, B);
    set(a, "old", PATH("user", "name"));
    add(a, "old", PATH("user", "tags"));
    set(a, "old", PATH("user", "home", "city"));
    join(b, a);
    take(a, PATH("user"));
    set(b, "new", PATH("user", "home", "street"));
    meet(a, b);
    CHECK_EQ_STR(all_of(a), "{\"user\": ormap {\"home\": ormap {\"street\": mvreg [\"new\"]}}}");
    free_all(a, b, NULL);
}

/* y-crdt#607, #407, #628: removals in nested maps are lost. */
TEST(ormap, a_nested_removal_reaches_everybody)
{
    crdt_store *a = solo_of(&crdt_ormap_type, A), *b = solo_of(&crdt_ormap_type, B);
    set(a, "1", PATH("x", "y", "z"));
    set(a, "2", PATH("x", "y", "w"));
    join(b, a);
    take(b, PATH("x", "y", "z"));
    set(a, "3", PATH("x", "y", "w"));
    meet(a, b);
    CHECK_EQ_STR(all_of(a), "{\"x\": ormap {\"y\": ormap {\"w\": mvreg [\"3\"]}}}");
    free_all(a, b, NULL);
}

/* akka-core#22631, #22648, and js-delta-crdts#38: deltas of maps of sets, in groups and twice. */
TEST(ormap, deltas_of_nested_sets_merge_in_groups_and_again)
{
    crdt_store *a = solo_of(&crdt_ormap_type, A), *b = solo_of(&crdt_ormap_type, B);
    crdt_delta *d[6];
    d[0] = apply(a, "", &crdt_ormap_type, "add", "k", "1");
    d[1] = apply(a, "", &crdt_ormap_type, "add", "k", "2");
    d[2] = apply(a, "", &crdt_ormap_type, "remove", "k");
    d[3] = apply(a, "", &crdt_ormap_type, "add", "k", "3");
    d[4] = apply(a, "", &crdt_ormap_type, "set_in", "m", "n", "4");
    d[5] = apply(a, "", &crdt_ormap_type, "remove_in", "m", "n");
    for (int i = 1; i < 6; i++) CHECK_OK(crdt_store_merge(d[0], d[i]));
    CHECK_OK(crdt_store_merge(d[3], d[2]));
    crdt_store *group = recoded(d[0]);
    join(b, group);
    join(b, d[3]);
    join(b, group);
    CHECK(same_bytes(a, b));
    CHECK_EQ_STR(all_of(b), "{\"k\": orset {\"3\"}, \"m\": ormap {}}");
    free_all(a, b, group, d[0], d[1], d[2], d[3], d[4], d[5], NULL);
}

/* yjs#741, go-ds-crdt#228, yorkie#1361: a map grows with each overwrite and removal. */
TEST(ormap, overwriting_and_removing_leave_nothing_behind)
{
    crdt_store *s = solo_of(&crdt_ormap_type, A);
    for (int i = 0; i < 3; i++) set(s, "v", PATH("m", "k"));
    size_t few = encoded_size(s);
    for (int i = 0; i < 2000; i++) {
        set(s, "v", PATH("m", "k"));
        add(s, "e", PATH("gone", "set"));
        take(s, PATH("gone"));
    }
    CHECK(encoded_size(s) <= few + 8); /* longer numbers */
    CHECK_EQ_INT(crdt_store_stats(s).residues, 0);
    take(s, PATH("m"));
    check_store(s);
    CHECK_EQ_STR(all_of(s), "{}");
    crdt_store *bare = solo_of(&crdt_ormap_type, B);
    CHECK(encoded_size(s) < encoded_size(bare) + 16);
    free_all(s, bare, NULL);
}

/* reearth/ygo#110: three writers of one key. */
TEST(ormap, three_writers_of_one_key_are_all_heard)
{
    crdt_store *s[3];
    for (int i = 0; i < 3; i++) s[i] = solo_of(&crdt_ormap_type, (uint64_t)i + 1);
    set(s[0], "a", PATH("k"));
    set(s[1], "b", PATH("k"));
    set(s[2], "c", PATH("k"));
    for (int i = 0; i < 9; i++)
        join(s[i % 3], s[(i + 1 + i / 3) % 3 == i % 3 ? (i + 2) % 3 : (i + 1 + i / 3) % 3]);
    for (int i = 0; i < 3; i++) meet(s[i], s[(i + 1) % 3]);
    CHECK_EQ_STR(all_of(s[0]), "{\"k\": mvreg [\"a\", \"b\", \"c\"]}");
    free_all(s[0], s[1], s[2], NULL);
}

/* rust-crdt#33, #35: a map merged with itself, and with what it was made from. */
TEST(ormap, joining_what_is_held_changes_nothing)
{
    crdt_store *a = solo_of(&crdt_ormap_type, A);
    set(a, "1", PATH("m", "k"));
    type_text(a, 0, "abc", PATH("m", "t"));
    crdt_store *copy = recoded(a), *again = recoded(a);
    join(a, copy);
    join(a, copy);
    CHECK(same_bytes(a, again));
    take(a, PATH("m"));
    join(a, copy);
    CHECK_EQ_STR(all_of(a), "{}");
    check_store(a);
    free_all(a, copy, again, NULL);
}

/* -- Lists in maps ----------------------------------------------------------------------------- */

TEST(ormap, a_list_keeps_one_order_through_the_removal_of_its_key)
{
    crdt_store *a = solo_of(&crdt_ormap_type, A), *b = solo_of(&crdt_ormap_type, B),
               *c = solo_of(&crdt_ormap_type, C);
    type_text(a, 0, "abc", PATH("doc", "text"));
    join(b, a);
    join(c, a);
    type_text(b, 1, "XY", PATH("doc", "text")); /* a XY bc */
    type_text(c, 1, "12", PATH("doc", "text"));
    take(a, PATH("doc"));
    CHECK_EQ_STR(all_of(a), "{}");
    join(a, b);
    join(a, c);
    join(c, b);
    meet(a, c);
    meet(b, a);
    CHECK_EQ_STR(all_of(a), "{\"doc\": ormap {\"text\": text \"XY12\"}}");
    type_text(b, 4, "!", PATH("doc", "text"));
    meet(a, b);
    CHECK_EQ_STR(all_of(a), "{\"doc\": ormap {\"text\": text \"XY12!\"}}");
    free_all(a, b, c, NULL);
}

/* A store that takes a state takes the lists in its maps, too, and outlives the other. */
TEST(ormap, a_state_that_is_given_away_takes_its_lists_along)
{
    crdt_store    *a = store_of(A), *b = store_of(B);
    crdt_txn      *txn = begin(a);
    crdt_view      path = name_of("doc");
    crdt_text_edit edit;
    CHECK_OK(crdt_ormap_enter(txn, name_of("m"), &crdt_ormap_type, &path, 1));
    CHECK_OK(crdt_text_open(txn, name_of("t"), &crdt_text_type, &edit));
    CHECK_OK(crdt_text_insert(&edit, CRDT_CODE_POINTS, 0, name_of("hello")));
    crdt_store_free(commit(a));
    crdt_store *copy = recoded(a);
    CHECK_OK(crdt_store_take(b, copy, NOW));
    check_store(b);
    CHECK(same_bytes(a, b));
    txn = begin(b);
    CHECK_OK(crdt_ormap_enter(txn, name_of("m"), &crdt_ormap_type, &path, 1));
    CHECK_OK(crdt_text_open(txn, name_of("t"), &crdt_text_type, &edit));
    CHECK_OK(crdt_text_insert(&edit, CRDT_CODE_POINTS, 5, name_of("!")));
    crdt_store_free(commit(b));
    CHECK_EQ_STR(shown(b, "m"), "{\"doc\": ormap {\"t\": text \"hello!\"}}");
    free_all(a, b, NULL);
}

/* What takes the place of an object comes from a store that is gone afterwards. */
TEST(ormap, lists_in_an_object_that_was_repaired_live_on)
{
    crdt_store    *a = store_of(A);
    crdt_view      path = name_of("doc");
    crdt_text_edit edit;
    crdt_buf       bytes;
    crdt_buf_init(&bytes, NULL);
    for (int round = 0; round < 2; round++) {
        crdt_txn *txn = begin(a);
        CHECK_OK(crdt_text_open(txn, name_of("plain"), &crdt_text_type, &edit));
        CHECK_OK(crdt_text_insert(&edit, CRDT_CODE_POINTS, 0, name_of("plain")));
        CHECK_OK(crdt_ormap_enter(txn, name_of("m"), &crdt_ormap_type, &path, 1));
        CHECK_OK(crdt_text_open(txn, name_of("t"), &crdt_text_type, &edit));
        CHECK_OK(crdt_text_insert(&edit, CRDT_CODE_POINTS, 0, name_of("hello")));
        crdt_store_free(commit(a));
        check_store(a);
        crdt_buf_reset(&bytes);
        CHECK_OK(crdt_store_object_encode(a, name_of("m"), 22, &bytes));
        CHECK_OK(crdt_store_object_replace(a, name_of("m"), 22, crdt_buf_bytes(&bytes)));
        crdt_buf_reset(&bytes);
        CHECK_OK(crdt_store_object_encode(a, name_of("plain"), 17, &bytes));
        CHECK_OK(crdt_store_object_replace(a, name_of("plain"), 17, crdt_buf_bytes(&bytes)));
        check_store(a);
    }
    CHECK_EQ_STR(shown(a, "m"), "{\"doc\": ormap {\"t\": text \"hellohello\"}}");
    crdt_buf_clear(&bytes);
    crdt_store_free(a);
}

/* -- Policies ---------------------------------------------------------------------------------- */

static const char *after_removal_beside_update(const crdt_type *type, bool removal_last)
{
    static char text[200];
    crdt_store *a = solo_of(type, A), *b = solo_of(type, B);
    set(a, "old", PATH("k"));
    join(b, a);
    crdt_store *later = removal_last ? a : b;
    set(later, "tick", PATH("clock")); /* its stamps are the later ones */
    take(a, PATH("k"));
    set(b, "new", PATH("k"));
    meet(a, b);
    take(later, PATH("clock"));
    meet(a, b);
    snprintf(text, sizeof text, "%s", all_of(a));
    free_all(a, b, NULL);
    return text;
}

TEST(ormap, of_a_removal_and_an_update_at_the_same_time_the_policy_decides)
{
    static const char kept[] = "{\"k\": mvreg [\"new\"]}";
    CHECK_EQ_STR(after_removal_beside_update(&crdt_ormap_type, true), kept);
    CHECK_EQ_STR(after_removal_beside_update(&crdt_ormap_type, false), kept);
    CHECK_EQ_STR(after_removal_beside_update(&crdt_ormap_rw_type, true), "{}");
    CHECK_EQ_STR(after_removal_beside_update(&crdt_ormap_rw_type, false), "{}");
    CHECK_EQ_STR(after_removal_beside_update(&crdt_ormap_lww_type, true), "{}");
    CHECK_EQ_STR(after_removal_beside_update(&crdt_ormap_lww_type, false), kept);
}

TEST(ormap, what_a_removal_hid_does_not_come_back_with_the_next_write)
{
    const crdt_type *types[2] = {&crdt_ormap_rw_type, &crdt_ormap_lww_type};
    for (int t = 0; t < 2; t++) {
        crdt_store *a = solo_of(types[t], A), *b = solo_of(types[t], B);
        add(a, "old", PATH("k"));
        join(b, a);
        add(b, "hidden", PATH("k"));
        type_text(b, 0, "hidden", PATH("m", "t"));
        set(a, "x", PATH("m", "u"));
        set(a, "tick", PATH("clock"));
        take(a, PATH("k"));
        take(a, PATH("m"));
        meet(a, b);
        CHECK_EQ_STR(all_of(a), "{\"clock\": mvreg [\"tick\"]}");
        add(b, "seen", PATH("k"));
        type_text(b, 0, "t", PATH("m", "t"));
        meet(a, b);
        take(b, PATH("clock"));
        meet(a, b);
        CHECK_EQ_STR(all_of(a), t == 0 ? "{\"k\": orset {\"seen\"}, \"m\": ormap_rw {\"t\": text "
                                         "\"t\"}}"
                                       : "{\"k\": orset {\"seen\"}, \"m\": ormap_lww {\"t\": text "
                                         "\"t\"}}");
        free_all(a, b, NULL);
    }
}

TEST(ormap, removals_are_forgotten_once_they_are_stable)
{
    const crdt_type *types[2] = {&crdt_ormap_rw_type, &crdt_ormap_lww_type};
    for (int t = 0; t < 2; t++) {
        crdt_store *a = solo_of(types[t], A), *b = solo_of(types[t], B);
        set(a, "old", PATH("k"));
        join(b, a);
        set(b, "beside", PATH("k"));
        set(a, "tick", PATH("clock"));
        take(a, PATH("k"));
        take(a, PATH("clock"));
        meet(a, b);
        CHECK(crdt_store_stats(a).residues > 0);
        CHECK_OK(crdt_store_stabilise(a, crdt_store_context(b)));
        CHECK_OK(crdt_store_stabilise(b, crdt_store_context(b)));
        CHECK_EQ_INT(crdt_store_stats(a).residues, 0);
        CHECK_EQ_INT(crdt_store_stats(a).dots, 0);
        CHECK_EQ_STR(all_of(a), "{}");
        meet(a, b);
        free_all(a, b, NULL);
    }
}

/* Who wrote over the removal without having seen what it hid shows both: so what is hidden stays as
 * long as it is not stable itself. */
TEST(ormap, a_stable_removal_stays_while_what_it_hides_is_not_stable)
{
    crdt_store *a = solo_of(&crdt_ormap_rw_type, A), *b = solo_of(&crdt_ormap_rw_type, B),
               *c = solo_of(&crdt_ormap_rw_type, C);
    set(a, "old", PATH("k"));
    join(b, a);
    join(c, a);
    take(a, PATH("k"));
    crdt_context removed;
    crdt_context_init(&removed, NULL);
    CHECK_OK(crdt_context_copy(&removed, crdt_store_context(a)));
    set(b, "beside", PATH("k"));
    join(c, a);
    crdt_delta *over = apply(c, "", &crdt_ormap_rw_type, "set", "k", "over");
    join(c, b);
    join(a, b);
    CHECK_OK(crdt_store_stabilise(a, &removed));
    CHECK(crdt_store_stats(a).residues > 0);
    join(a, over);
    CHECK_EQ_STR(all_of(a), "{\"k\": mvreg [\"beside\", \"over\"]}");
    CHECK_EQ_STR(all_of(c), all_of(a));
    crdt_context_clear(&removed);
    free_all(a, b, c, over, NULL);
}

/* A map of one policy in one of another keeps its own. */
TEST(ormap, a_map_has_the_policy_it_was_made_with)
{
    crdt_store *a = solo_of(&crdt_ormap_type, A), *b = solo_of(&crdt_ormap_type, B);
    crdt_view   key = name_of("m");
    crdt_txn   *txn = begin(a);
    CHECK_OK(crdt_ormap_create(txn, CRDT_SOLO, &crdt_ormap_type, &key, 1, &crdt_ormap_rw_type));
    crdt_store_free(commit(a));
    set(a, "old", PATH("m", "k"));
    join(b, a);
    take(a, PATH("m", "k"));
    set(b, "new", PATH("m", "k"));
    meet(a, b);
    CHECK_EQ_STR(all_of(a), "{\"m\": ormap_rw {}}");
    set(b, "newer", PATH("m", "j"));
    take(a, PATH("m"));
    meet(a, b);
    CHECK_EQ_STR(all_of(a), "{\"m\": ormap_rw {\"j\": mvreg [\"newer\"]}}");
    free_all(a, b, NULL);
}

/* -- Forks, limits, hostile bytes -------------------------------------------------------------- */

TEST(ormap, one_dot_with_two_contents_at_a_key_is_a_fork)
{
    crdt_store *a = solo_of(&crdt_ormap_type, A), *twin = solo_of(&crdt_ormap_type, A);
    set(a, "1", PATH("m", "k"));
    set(twin, "2", PATH("m", "k"));
    crdt_store *before = recoded(a);
    CHECK_ERR(crdt_store_merge(a, twin), CRDT_EFORK);
    check_store(a);
    CHECK(same_bytes(a, before));
    free_all(a, twin, before, NULL);
}

TEST(ormap, the_number_of_keys_is_a_limit_of_the_author_alone)
{
    crdt_options o = crdt_options_default(A, NULL);
    crdt_store  *s[2];
    o.solo = &crdt_ormap_type;
    o.limits.elements = 2;
    for (int i = 0; i < 2; i++) {
        o.replica = (uint64_t)i + 1;
        CHECK_OK(crdt_store_new(&o, &s[i]));
        set(s[i], "1", PATH(i == 0 ? "a" : "c"));
        set(s[i], "1", PATH(i == 0 ? "b" : "d"));
        crdt_txn *txn = enter(s[i], PATH("e"));
        CHECK_ERR(crdt_mvreg_set(txn, name_of("e"), crdt_int(1)), CRDT_ELIMIT);
        crdt_store_rollback(s[i]);
    }
    meet(s[0], s[1]);
    CHECK_EQ_INT(crdt_ormap_count(crdt_store_solo(s[0])), 4);
    free_all(s[0], s[1], NULL);
}

static crdt_err decode(const uint8_t *bytes, size_t size, const char **ret_reason)
{
    crdt_options o = crdt_options_default(C, NULL);
    crdt_store  *s = NULL;
    o.solo = &crdt_ormap_type;
    crdt_err err = crdt_store_decode(&o, crdt_view_of(bytes, size), &s, ret_reason);
    if (err == CRDT_OK) crdt_store_free(s);
    return err;
}

/* The only place of `what` in the bytes. */
static uint8_t *place_of(crdt_buf *bytes, const char *what, size_t size)
{
    uint8_t *found = NULL;
    for (size_t i = 0; i + size <= bytes->size; i++) {
        if (memcmp(bytes->data + i, what, size) != 0) continue;
        CHECK(found == NULL);
        found = bytes->data + i;
    }
    CHECK(found != NULL);
    return found;
}

TEST(ormap, keys_out_of_order_or_twice_and_types_of_no_map_are_refused)
{
    crdt_store *s = solo_of(&crdt_ormap_type, A);
    const char *reason = "";
    set(s, "1", PATH("kk1"));
    set(s, "2", PATH("kk2"));
    crdt_buf bytes;
    crdt_buf_init(&bytes, NULL);
    CHECK_OK(crdt_store_encode(s, &bytes));
    CHECK_OK(decode(bytes.data, bytes.size, &reason));
    uint8_t *second = place_of(&bytes, "\3kk2\13", 5);
    second[3] = '1';
    CHECK_ERR(decode(bytes.data, bytes.size, &reason), CRDT_EMALFORMED);
    CHECK_EQ_STR(reason, "a map's keys are out of order");
    second[3] = '0';
    CHECK_ERR(decode(bytes.data, bytes.size, &reason), CRDT_EMALFORMED);
    second[3] = '2';
    second[4] = 99; /* of an unknown type: kept (ormap_foreign_test.c) */
    CHECK_OK(decode(bytes.data, bytes.size, &reason));
    second[4] = 21; /* a deadline stands beside names, and in no map */
    CHECK_ERR(decode(bytes.data, bytes.size, &reason), CRDT_EMALFORMED);
    second[4] = 11;
    CHECK_OK(decode(bytes.data, bytes.size, &reason));
    crdt_buf_clear(&bytes);
    crdt_store_free(s);
}

static const char *hex_of(const crdt_store *s)
{
    static char text[400];
    crdt_buf    bytes;
    crdt_buf_init(&bytes, NULL);
    CHECK_OK(crdt_store_encode(s, &bytes));
    CHECK(bytes.size * 2 < sizeof text);
    for (size_t i = 0; i < bytes.size; i++) snprintf(text + 2 * i, 3, "%02x", bytes.data[i]);
    crdt_buf_clear(&bytes);
    return text;
}

/* The bytes of today: whoever changes them breaks what is on disks. */
TEST(ormap, its_bytes_are_these)
{
    crdt_store *s = solo_of(&crdt_ormap_type, A);
    set(s, "v", PATH("m", "k"));
    crdt_delta *removed = apply(s, "", &crdt_ormap_type, "remove", "m");
    CHECK_EQ_STR(hex_of(removed),
                 "c70102010100000000000000010003030001010016000d01016d16000701016b0b000100");
    set(s, "v", PATH("m", "k"));
    CHECK_EQ_STR(hex_of(s),
                 "c70101010100000000000000010003060000010016002501016d1601000602000068e5cf8b01"
                 "1501016b0b01000502000068e5cf8b01050100070276");
    crdt_store *rw = solo_of(&crdt_ormap_rw_type, A);
    count(rw, 5, PATH("n"));
    take(rw, PATH("n"));
    CHECK_EQ_STR(hex_of(rw),
                 "c7010101010000000000000001000303000001001a001201016e0201000902000068e5cf8b01"
                 "020000");
    free_all(s, removed, rw, NULL);
}

/* -- Failing allocations ----------------------------------------------------------------------- */

static crdt_err write_nested(crdt_store *s)
{
    crdt_txn      *txn;
    crdt_text_edit edit;
    crdt_view      path[2] = {name_of("a"), name_of("b")};
    crdt_err       err = crdt_store_begin(s, NOW, &txn);
    if (err == CRDT_OK) err = crdt_ormap_enter(txn, CRDT_SOLO, map_of(s), path, 2);
    if (err == CRDT_OK) err = crdt_mvreg_set(txn, name_of("c"), crdt_text("a value of some size"));
    if (err == CRDT_OK) err = crdt_text_open(txn, name_of("t"), &crdt_text_type, &edit);
    if (err == CRDT_OK) err = crdt_text_insert(&edit, CRDT_CODE_POINTS, 0, name_of("text"));
    if (err == CRDT_OK) {
        path[1] = name_of("gone");
        err = crdt_ormap_remove(txn, CRDT_SOLO, map_of(s), path, 2);
        if (err == CRDT_ENOENT) err = CRDT_OK;
    }
    if (err == CRDT_OK) err = crdt_store_commit(s, NULL);
    if (err != CRDT_OK) crdt_store_rollback(s);
    return err;
}

TEST(ormap, every_refused_allocation_leaves_the_map_as_it_was)
{
    const crdt_type *types[2] = {&crdt_ormap_type, &crdt_ormap_lww_type};
    for (int t = 0; t < 2; t++) {
        testmem     m;
        crdt_store *s, *other = solo_of(types[t], B);
        testmem_init(&m);
        CHECK_OK(crdt_store_new_solo(types[t], A, &m.mem, &s));
        set(other, "1", PATH("a", "gone"));
        type_text(other, 0, "x", PATH("a", "b", "t"));
        join(s, other);
        take(other, PATH("a", "b"));
        set(other, "2", PATH("z"));
        for (int step = 0; step < 2; step++) {
            crdt_store *before = recoded(s);
            for (uint64_t n = 1;; n++) {
                testmem_fail_nth(&m, n);
                crdt_err err = step == 0 ? write_nested(s) : crdt_store_join(s, other, NOW);
                bool     refused = testmem_refused(&m);
                testmem_fail_never(&m);
                if (!refused) break;
                if (err == CRDT_OK) break; /* done without what was refused */
                CHECK_ERR(err, CRDT_ENOMEM);
                check_store(s);
                CHECK(same_bytes(s, before));
                CHECK(
                    crdt_digest_equal(crdt_store_digest(s, NULL), crdt_store_digest(before, NULL)));
            }
            CHECK(!same_bytes(s, before));
            check_store(s);
            crdt_store_free(before);
        }
        free_all(s, other, NULL);
        TESTMEM_DONE(&m);
    }
}

/* -- Width ------------------------------------------------------------------------------------- */

/* Many keys in a random order, some of them removed: both sides the same, by deltas and states. */
TEST(ormap, a_hundred_thousand_keys_join_as_few_do)
{
    crdt_store *a = solo_of(&crdt_ormap_type, A), *b = solo_of(&crdt_ormap_type, B);
    uint64_t    keys = T_SLOW ? 3000 : 100000;
    for (int round = 0; round < 2; round++) {
        crdt_store *s = round == 0 ? a : b;
        crdt_txn   *txn = begin(s);
        char        key[32];
        CHECK_OK(crdt_ormap_enter(txn, CRDT_SOLO, &crdt_ormap_type, NULL, 0));
        for (uint64_t i = 0; i < keys; i++) {
            if (round == 1 && i % 10 != 0) continue;
            snprintf(key, sizeof key, "%08llx",
                     (unsigned long long)((i * UINT64_C(0x9e3779b97f4a7c15)) >> 32));
            CHECK_OK(crdt_mvreg_set(txn, name_of(key), crdt_int((int64_t)i + round)));
        }
        crdt_delta *delta = commit(s);
        if (round == 0) join(b, delta);
        else join(a, b);
        crdt_store_free(delta);
    }
    CHECK_EQ_INT(crdt_ormap_count(crdt_store_solo(a)), keys);
    check_store(a);
    CHECK(crdt_digest_equal(crdt_store_digest(a, NULL), crdt_store_digest(b, NULL)));
    CHECK(same_bytes(a, b));
    crdt_txn *txn = begin(a);
    CHECK_OK(crdt_txn_remove(txn, CRDT_SOLO));
    crdt_delta *gone = commit(a);
    join(b, gone);
    CHECK_EQ_STR(all_of(b), "{}");
    check_store(b);
    free_all(a, b, gone, NULL);
}
