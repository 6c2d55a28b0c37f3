/* moves_test.c: elements of lists that are moved: each is there once, wherever concurrent moves,
 * sets and deletions meet; what takes it back, what is refused, what waits for ever. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "crdt/history.h"
#include "tests/lib/stores.h"
#include "tests/lib/t.h"
#include "tests/lib/testmem.h"

#define A 0xa1u
#define B 0xb2u
#define C 0xc3u
#define H 0xeeu /* who sends what no honest peer would */

static const crdt_type *const both[2] = {&crdt_rga_type, &crdt_rga_classic_type};

static void check_list(const crdt_store *s, const char *should)
{
    CHECK_EQ_STR(shown(s, ""), should);
    check_store(s);
    crdt_store *copy = recoded(s), *clone;
    CHECK_EQ_STR(shown(copy, ""), should);
    CHECK(same_bytes(copy, s));
    check_store(copy);
    CHECK_OK(crdt_store_clone(s, C, &clone));
    CHECK_EQ_STR(shown(clone, ""), should);
    CHECK(same_bytes(clone, s));
    free_all(copy, clone, NULL);
}

/* Both have all that either had. */
static void meet(crdt_store *a, crdt_store *b, const char *should)
{
    join(a, b);
    join(b, a);
    check_list(a, should);
    check_list(b, should);
    CHECK(same_bytes(a, b));
}

static crdt_store *list_of(const crdt_type *type, uint64_t replica, const char *letters)
{
    crdt_store *s = solo_of(type, replica);
    char        one[2] = {0};
    for (int i = 0; letters[i] != 0; i++) {
        one[0] = letters[i];
        DO(s, "", type, "insert", i, one);
    }
    return s;
}

static void two_of(const crdt_type *type, const char *letters, crdt_store **ret_a,
                   crdt_store **ret_b)
{
    *ret_a = list_of(type, A, letters);
    *ret_b = solo_of(type, B);
    join(*ret_b, *ret_a);
}

/* -- Meetings ---------------------------------------------------------------------------------- */

/* As a deletion and an insertion, two moves of one element would leave two of it. */
TEST(moves, of_one_element_at_once_leave_it_there_once)
{
    for (int t = 0; t < 2; t++) {
        crdt_store *a, *b, *c = solo_of(both[t], C);
        two_of(both[t], "abcd", &a, &b);
        crdt_delta *x = apply(a, "", both[t], "move", 0, 3);
        crdt_delta *y = apply(b, "", both[t], "move", 0, 1);
        check_list(a, "[\"b\", \"c\", \"d\", \"a\"]");
        check_list(b, "[\"b\", \"a\", \"c\", \"d\"]");
        join(c, a); /* equal stamps: the greater replica's counts */
        join(c, y);
        meet(a, b, "[\"b\", \"a\", \"c\", \"d\"]");
        CHECK(same_bytes(a, c));
        DO(a, "", both[t], "move", 1, 0); /* later than both */
        DO(b, "", both[t], "insert", 0, "x");
        meet(a, b,
             t == 0 ? "[\"a\", \"x\", \"b\", \"c\", \"d\"]"
                    : "[\"x\", \"a\", \"b\", \"c\", \"d\"]");
        free_all(a, b, c, x, y, NULL);
    }
}

TEST(moves, in_a_circle_lose_nothing)
{
    for (int t = 0; t < 2; t++) {
        crdt_store *a, *b;
        two_of(both[t], "ab", &a, &b);
        DO(a, "", both[t], "move", 0, 1); /* a behind b */
        DO(b, "", both[t], "move", 1, 0); /* b before a */
        meet(a, b, "[\"b\", \"a\"]");
        for (int i = 0; i < 6; i++) {
            DO(a, "", both[t], "move", 0, 1);
            DO(b, "", both[t], "move", 0, 1);
            DO(b, "", both[t], "move", 1, 0);
            join(a, b);
            join(b, a);
            CHECK(same_bytes(a, b));
            check_store(a);
            CHECK_EQ_INT(crdt_rga_length(crdt_store_solo(a)), 2);
        }
        free_all(a, b, NULL);
    }
}

TEST(moves, beside_a_deletion_do_not_bring_it_back)
{
    for (int t = 0; t < 2; t++) {
        crdt_store *a, *b, *c;
        two_of(both[t], "abc", &a, &b);
        CHECK_OK(crdt_store_clone(a, C, &c));
        crdt_delta *move = apply(a, "", both[t], "move", 0, 2);
        crdt_delta *del = apply(b, "", both[t], "delete", 0, 1);
        CHECK_OK(crdt_store_merge(c, del));
        CHECK_OK(crdt_store_merge(c, move));
        meet(a, b, "[\"b\", \"c\"]");
        check_list(c, "[\"b\", \"c\"]");
        CHECK(same_bytes(a, c));
        /* ... nor does one that comes to a list where it was moved and deleted. */
        DO(a, "", both[t], "move", 0, 1);
        join(b, a);
        crdt_delta *again = apply(b, "", both[t], "move", 1, 0);
        DO(a, "", both[t], "delete", 1, 1);
        join(a, again);
        meet(a, b, "[\"c\"]");
        free_all(a, b, c, move, del, again, NULL);
    }
}

TEST(moves, beside_a_set_both_take_effect)
{
    for (int t = 0; t < 2; t++) {
        crdt_store *a, *b;
        two_of(both[t], "abc", &a, &b);
        DO(a, "", both[t], "move", 2, 0);
        DO(b, "", both[t], "set", 2, "x");
        meet(a, b, "[\"x\", \"a\", \"b\"]");
        DO(a, "", both[t], "set", 0, "y"); /* of a moved one */
        DO(b, "", both[t], "move", 0, 1);
        meet(a, b, "[\"a\", \"y\", \"b\"]");
        DO(b, "", both[t], "delete", 1, 1);
        DO(a, "", both[t], "set", 1, "z");
        meet(a, b, "[\"a\", \"b\"]");
        free_all(a, b, NULL);
    }
}

TEST(moves, of_different_elements_do_not_mind_each_other)
{
    for (int t = 0; t < 2; t++) {
        crdt_store *a, *b;
        two_of(both[t], "abcd", &a, &b);
        DO(a, "", both[t], "move", 0, 3);
        DO(b, "", both[t], "move", 3, 0);
        meet(a, b, "[\"d\", \"b\", \"c\", \"a\"]");
        free_all(a, b, NULL);
    }
}

TEST(moves, and_what_is_inserted_beside_them_stays_where_it_was_put)
{
    for (int t = 0; t < 2; t++) {
        crdt_store *a, *b;
        two_of(both[t], "abc", &a, &b);
        DO(a, "", both[t], "move", 0, 2);
        DO(b, "", both[t], "insert", 1, "x"); /* behind where a was, before b */
        meet(a, b, "[\"x\", \"b\", \"c\", \"a\"]");
        remove_name(b, "");
        meet(a, b, "[]");
        CHECK(crdt_store_stats(a).elements == 0);
        free_all(a, b, NULL);
    }
}

/* A removal of the name deletes moved elements that it has seen, wherever others put them. */
TEST(moves, of_a_removed_list_are_deleted_with_it)
{
    for (int t = 0; t < 2; t++) {
        crdt_store *a, *b;
        two_of(both[t], "abc", &a, &b);
        DO(a, "", both[t], "move", 0, 2);
        DO(a, "", both[t], "insert", 0, "n");
        remove_name(b, "");
        meet(a, b, "[\"n\"]");
        free_all(a, b, NULL);
    }
}

/* Who was shown an element may delete it, wherever it was put meanwhile; not what came since. */
TEST(moves, do_not_hide_an_element_from_who_saw_it)
{
    for (int t = 0; t < 2; t++) {
        crdt_store   *a, *b;
        crdt_context  before;
        crdt_rga_edit edit;
        two_of(both[t], "abc", &a, &b);
        crdt_context_init(&before, NULL);
        CHECK_OK(crdt_context_union(&before, crdt_store_context(a)));
        DO(b, "", both[t], "insert", 0, "n");
        DO(b, "", both[t], "move", 1, 3); /* n, b, c, a */
        DO(b, "", both[t], "move", 0, 2); /* b, c, n, a */
        join(a, b);
        check_list(a, "[\"b\", \"c\", \"n\", \"a\"]");
        crdt_txn *txn = begin(a);
        crdt_txn_at(txn, &before);
        CHECK_OK(crdt_rga_open(txn, CRDT_SOLO, both[t], &edit));
        CHECK_OK(crdt_rga_delete(&edit, 1, 3));
        crdt_store_free(commit(a));
        meet(a, b, "[\"b\", \"n\"]");
        crdt_context_clear(&before);
        free_all(a, b, NULL);
    }
}

/* A move that comes before its element waits for it. */
TEST(moves, travel_by_delta_since_and_state_in_any_order)
{
    for (int t = 0; t < 2; t++) {
        crdt_store *a = solo_of(both[t], A), *b = solo_of(both[t], B), *c = solo_of(both[t], C);
        crdt_delta *one = apply(a, "", both[t], "insert", 0, "a"), *lack;
        join(b, one);
        crdt_delta *two = apply(b, "", both[t], "insert", 1, "b");
        crdt_delta *move = apply(b, "", both[t], "move", 0, 1);
        CHECK_OK(crdt_store_merge(c, move));
        CHECK_EQ_INT(crdt_rga_waiting(crdt_store_solo(c)), 1);
        check_list(c, "[]");
        CHECK_OK(crdt_store_merge(c, two));
        check_list(c, "[]");
        CHECK_OK(crdt_store_since(b, crdt_store_context(c), &lack));
        join(c, lack);
        check_list(c, "[\"b\", \"a\"]");
        CHECK_EQ_INT(crdt_rga_waiting(crdt_store_solo(c)), 0);
        CHECK(same_bytes(b, c));
        join(a, b);
        CHECK(same_bytes(a, b));
        free_all(a, b, c, one, two, move, lack, NULL);
    }
}

/* -- In a map ---------------------------------------------------------------------------------- */

static void move_in(crdt_store *s, int64_t from, int64_t to)
{
    const crdt_view  path[1] = {crdt_text_view("key")};
    const crdt_value args[2] = {crdt_int(from), crdt_int(to)};
    crdt_txn        *txn = begin(s);
    CHECK_OK(crdt_ormap_enter(txn, name_of("map"), &crdt_ormap_type, path, 0));
    CHECK_OK(crdt_txn_apply(txn, path[0], crdt_type_op(&crdt_rga_type, "move"), args, 2));
    crdt_store_free(commit(s));
}

static void insert_in(crdt_store *s, const char *letters)
{
    const crdt_op *op = crdt_type_op(&crdt_rga_type, "insert");
    crdt_txn      *txn = begin(s);
    CHECK_OK(crdt_ormap_enter(txn, name_of("map"), &crdt_ormap_type, NULL, 0));
    for (int64_t i = 0; letters[i] != 0; i++) {
        crdt_value args[2] = {crdt_int(i), crdt_bytes(letters + i, 1)};
        CHECK_OK(crdt_txn_apply(txn, crdt_text_view("key"), op, args, 2));
    }
    crdt_store_free(commit(s));
}

static void both_show(crdt_store *a, crdt_store *b, const char *should)
{
    join(a, b);
    join(b, a);
    CHECK_EQ_STR(shown(a, "map"), should);
    CHECK(same_bytes(a, b));
    check_store(a);
    check_store(b);
}

TEST(moves, in_a_list_within_a_map)
{
    const crdt_view path[1] = {crdt_text_view("key")};
    crdt_store     *a = store_of(A), *b = store_of(B);
    insert_in(a, "abc");
    join(b, a);
    move_in(a, 0, 2);
    move_in(b, 0, 1);
    both_show(a, b, "{\"key\": rga [\"b\", \"a\", \"c\"]}");
    move_in(a, 0, 2); /* beside a removal of the key: its elements go, wherever they are put */
    insert_in(a, "n");
    crdt_txn *txn = begin(b);
    CHECK_OK(crdt_ormap_remove(txn, name_of("map"), &crdt_ormap_type, path, 1));
    crdt_store_free(commit(b));
    both_show(a, b, "{\"key\": rga [\"n\"]}");
    free_all(a, b, NULL);
}

/* -- One replica ------------------------------------------------------------------------------- */

TEST(moves, show_in_their_transaction_and_are_taken_back_with_it)
{
    for (int t = 0; t < 2; t++) {
        crdt_store   *s = list_of(both[t], A, "abcdef"), *same;
        crdt_rga_edit edit;
        crdt_value    value;
        for (int round = 0; round < 2; round++) {
            CHECK_OK(crdt_store_clone(s, C, &same));
            CHECK_OK(crdt_rga_open(begin(s), CRDT_SOLO, both[t], &edit));
            CHECK_OK(crdt_rga_move(&edit, 0, 5));
            CHECK_OK(crdt_rga_move(&edit, 5, 2));
            CHECK_OK(crdt_rga_insert(&edit, 2, crdt_text("x")));
            CHECK_OK(crdt_rga_move(&edit, 2, 0));
            CHECK_OK(crdt_rga_delete(&edit, 1, 3));
            CHECK(crdt_rga_get(edit.target.now, 0, &value));
            CHECK_EQ_MEM(value.bytes.data, value.bytes.size, "x", 1);
            CHECK_EQ_INT(crdt_rga_length(edit.target.now), 4);
            crdt_store_rollback(s);
            check_list(s, round == 0 ? "[\"a\", \"b\", \"c\", \"d\", \"e\", \"f\"]"
                                     : "[\"b\", \"a\", \"c\", \"d\", \"e\", \"f\"]");
            CHECK(same_bytes(s, same));
            DO(s, "", both[t], "move", 1, 0);
            crdt_store_free(same);
        }
        free_all(s, NULL);
    }
}

static uint64_t found(const crdt_store *s, crdt_cursor cursor)
{
    uint64_t pos = 0;
    CHECK_OK(crdt_rga_find(crdt_store_solo(s), cursor, &pos));
    return pos;
}

TEST(moves, take_cursors_with_them)
{
    for (int t = 0; t < 2; t++) {
        crdt_store *s = list_of(both[t], A, "abcd");
        crdt_cursor a, d;
        CHECK_OK(crdt_rga_cursor(crdt_store_solo(s), 0, CRDT_LEFT, &a));
        CHECK_OK(crdt_rga_cursor(crdt_store_solo(s), 4, CRDT_RIGHT, &d));
        DO(s, "", both[t], "move", 0, 2);
        CHECK_EQ_INT(found(s, a), 2);
        DO(s, "", both[t], "move", 3, 0);
        CHECK_EQ_INT(found(s, a), 3);
        CHECK_EQ_INT(found(s, d), 1);
        crdt_cursor again;
        CHECK_OK(crdt_rga_cursor(crdt_store_solo(s), 3, CRDT_LEFT, &again));
        CHECK(again.replica == a.replica && again.counter == a.counter);
        DO(s, "", both[t], "delete", 3, 1);
        CHECK_EQ_INT(found(s, a), 3); /* where it stood last */
        free_all(s, NULL);
    }
}

TEST(moves, are_told_of_as_deletions_and_insertions)
{
    for (int t = 0; t < 2; t++) {
        crdt_store  *a, *b;
        crdt_context before;
        crdt_steps   steps;
        two_of(both[t], "abc", &a, &b);
        crdt_context_init(&before, NULL);
        CHECK_OK(crdt_context_union(&before, crdt_store_context(a)));
        DO(b, "", both[t], "move", 0, 1);
        join(a, b);
        crdt_steps_init(&steps, NULL);
        CHECK_OK(crdt_rga_diff(crdt_store_solo(a), &before, NULL, true, &steps));
        CHECK_EQ_INT(steps.count, 4);
        CHECK(steps.at[0].kind == CRDT_DELETE && steps.at[0].count == 1);
        CHECK(steps.at[0].author == A && steps.at[0].by == B);
        CHECK(steps.at[1].kind == CRDT_RETAIN && steps.at[1].count == 1);
        CHECK(steps.at[2].kind == CRDT_INSERT && steps.at[2].author == A && steps.at[2].by == 0);
        CHECK(steps.at[3].kind == CRDT_RETAIN && steps.at[3].count == 1);
        CHECK_OK(crdt_rga_diff(crdt_store_solo(a), NULL, &before, false, &steps));
        CHECK_EQ_INT(steps.count, 1);
        CHECK_EQ_INT(steps.at[0].count, 3);
        crdt_steps_clear(&steps);
        crdt_context_clear(&before);
        free_all(a, b, NULL);
    }
}

/* -- What no honest peer sends ----------------------------------------------------------------- */

/* What a list that calls itself H wrote as its second dot, its first being something else than what
 * all others have of it: a move, so that what the second names is a stand. */
static crdt_delta *second_dot(const crdt_type *type, const crdt_store *like, const char *op,
                              int arg)
{
    crdt_store *h = solo_of(type, H);
    join(h, like);
    DO(h, "", type, "insert", 0, "v");
    crdt_delta *delta =
        strcmp(op, "set") == 0 ? apply(h, "", type, op, 0, "w") : apply(h, "", type, op, 0, arg);
    crdt_store_free(h);
    return delta;
}

TEST(moves, are_not_deleted_set_or_moved_themselves)
{
    static const char *const ops[3] = {"delete", "set", "move"};
    for (int i = 0; i < 6; i++) {
        const crdt_type *type = both[i / 3];
        crdt_store      *a, *b, *h = solo_of(type, H), *c;
        two_of(type, "abc", &a, &b);
        join(h, a);
        crdt_delta *first = apply(h, "", type, "move", 0, 2);
        crdt_delta *second = second_dot(type, a, ops[i % 3], i % 3 == 2 ? 2 : 1);
        CHECK_OK(crdt_store_clone(a, C, &c));
        CHECK_OK(crdt_store_merge(a, first));
        CHECK_OK(crdt_store_merge(a, second));
        CHECK_OK(crdt_store_merge(b, second));
        CHECK_OK(crdt_store_merge(b, first));
        CHECK_EQ_INT(crdt_rga_waiting(crdt_store_solo(a)), i % 3 == 2);
        meet(a, b, "[\"b\", \"c\", \"a\"]");
        DO(b, "", type, "move", 2, 1); /* it goes on, also where the stand is not seen any more */
        DO(a, "", type, "delete", 0, 1);
        meet(a, b, "[\"a\", \"c\"]");
        CHECK_OK(crdt_store_merge(c, second));
        join(c, b);
        CHECK(same_bytes(a, c));
        CHECK_OK(crdt_store_stabilise(a, crdt_store_context(a)));
        check_list(a, "[\"a\", \"c\"]");
        DO(a, "", type, "delete", 0, 2);
        check_list(a, "[]");
        free_all(a, b, c, h, first, second, NULL);
    }
}

/* Where the atom of a's first element's move is in the bytes. */
static size_t find_move(crdt_view bytes)
{
    const uint8_t *at = bytes.data;
    for (size_t i = 0; i + 5 < bytes.size; i++) {
        if (at[i] > 0x80 && at[i + 1] == 0 && at[i + 2] == A && at[i + 3] == 1) return i;
    }
    FAIL("there is no move in the bytes");
}

static crdt_err decode(const crdt_store *like, const crdt_buf *bytes, crdt_delta **ret_delta)
{
    const char *reason = "";
    *ret_delta = NULL;
    crdt_err err = crdt_delta_decode(like, crdt_buf_bytes(bytes), ret_delta, &reason);
    CHECK(err == CRDT_OK || reason[0] != 0);
    return err;
}

TEST(moves, of_nothing_wait_and_of_no_sense_are_refused)
{
    for (int t = 0; t < 2; t++) {
        crdt_store *a, *b;
        crdt_delta *bad;
        crdt_buf    bytes;
        two_of(both[t], "abc", &a, &b);
        crdt_delta *move = apply(b, "", both[t], "move", 0, 2);
        crdt_buf_init(&bytes, NULL);
        CHECK_OK(crdt_store_encode(move, &bytes));
        size_t at = find_move(crdt_buf_bytes(&bytes));
        CHECK_OK(decode(a, &bytes, &bad));
        crdt_store_free(bad);
        bytes.data[at + 4] = 77; /* A's 77th */
        CHECK_OK(decode(a, &bytes, &bad));
        join(a, bad);
        check_list(a, "[\"a\", \"b\", \"c\"]");
        CHECK_EQ_INT(crdt_rga_waiting(crdt_store_solo(a)), 1);
        crdt_store_free(bad);
        for (int byte = 0; byte < 256; byte++) { /* another size */
            bytes.data[at] = (uint8_t)byte;
            crdt_err err = decode(a, &bytes, &bad);
            CHECK_MSG((err == CRDT_OK) == (bad != NULL), "%d", byte);
            CHECK_MSG(err == CRDT_EMALFORMED || bad != NULL, "%d", byte);
            crdt_store_free(bad);
        }
        crdt_buf_clear(&bytes);
        free_all(a, b, move, NULL);
    }
}

/* At the end of all stamps the replicas' ids decide, for those who move it locally, too. */
TEST(moves, at_the_end_of_stamps_go_by_replica)
{
    for (int t = 0; t < 2; t++) {
        crdt_store *a, *b, *c;
        crdt_delta *bad;
        crdt_buf    bytes;
        two_of(both[t], "abc", &a, &b);
        CHECK_OK(crdt_store_clone(a, C, &c));
        crdt_delta *move = apply(b, "", both[t], "move", 0, 2);
        crdt_buf_init(&bytes, NULL);
        CHECK_OK(crdt_store_encode(move, &bytes));
        size_t at = find_move(crdt_buf_bytes(&bytes)), size = (bytes.data[at] & 0x7fu) + 1u;
        CHECK_EQ_INT(size, 2 + 2 + 1 + 9);
        memset(bytes.data + at + 5, 0xff, 8);
        bytes.data[at + 13] = 0x7f;
        CHECK_OK(decode(a, &bytes, &bad));
        join(a, bad);
        join(c, bad);
        check_list(a, "[\"b\", \"c\", \"a\"]");
        DO(a, "", both[t], "move", 2, 0); /* A is less than B */
        check_list(a, "[\"b\", \"c\", \"a\"]");
        DO(c, "", both[t], "move", 2, 1); /* C is not */
        meet(a, c, "[\"b\", \"a\", \"c\"]");
        crdt_buf_clear(&bytes);
        free_all(a, b, c, move, bad, NULL);
    }
}

/* The bytes of a list's move, said to be a text's. */
TEST(moves, are_refused_in_texts)
{
    crdt_store *a, *b, *text = solo_of(&crdt_text_type, C);
    crdt_buf    bytes;
    crdt_delta *bad;
    two_of(&crdt_rga_type, "abc", &a, &b);
    crdt_delta *move = apply(b, "", &crdt_rga_type, "move", 0, 2);
    crdt_buf_init(&bytes, NULL);
    CHECK_OK(crdt_store_encode(move, &bytes));
    unsigned told = 0;
    for (size_t i = 0; i < bytes.size; i++) { /* wherever the type's number stands */
        if (bytes.data[i] != crdt_rga_type.id) continue;
        bytes.data[i] = (uint8_t)crdt_text_type.id;
        const char *reason = "";
        crdt_err    err = crdt_delta_decode(text, crdt_buf_bytes(&bytes), &bad, &reason);
        CHECK(err != CRDT_OK);
        told += strstr(reason, "UTF-8") != NULL;
        bytes.data[i] = (uint8_t)crdt_rga_type.id;
    }
    CHECK_EQ_INT(told, 1);
    crdt_buf_clear(&bytes);
    free_all(a, b, text, move, NULL);
}

/* -- Time -------------------------------------------------------------------------------------- */

enum { CROWD = 60000, CROWD_OF = 4 * CROWD };

/* Where a table of 2^17 hashes, as sequences had once, would put the element with this number. */
static bool crowds(unsigned cid)
{
    uint32_t hash = cid * UINT32_C(0x9e3779b1);
    return ((hash ^ hash >> 15) & 0x1ffff) < 0x8000;
}

/* Seconds that a list takes to join CROWD moves of its elements, chosen so or every fourth. */
static double join_crowd(bool chosen)
{
    crdt_store   *a = solo_of(&crdt_rga_type, A), *b = solo_of(&crdt_rga_type, B);
    crdt_rga_edit edit;
    crdt_txn     *txn = begin(a);
    CHECK_OK(crdt_rga_open(txn, CRDT_SOLO, &crdt_rga_type, &edit));
    for (unsigned i = 0; i < CROWD_OF; i++) CHECK_OK(crdt_rga_insert(&edit, i, crdt_int(1)));
    crdt_store_free(commit(a));
    join(b, a);
    CHECK_OK(crdt_rga_open(begin(a), CRDT_SOLO, &crdt_rga_type, &edit));
    unsigned moved = 0;
    for (unsigned i = CROWD_OF - 1; i-- > 0 && moved < CROWD;) {
        if (chosen ? !crowds(i) : i % 4 != 0) continue;
        CHECK_OK(crdt_rga_move(&edit, i, CROWD_OF - 1));
        moved++;
    }
    CHECK(moved > CROWD - CROWD / 8);
    crdt_delta *moves = commit(a);
    clock_t     before = clock();
    join(b, moves);
    double took = (double)(clock() - before) / CLOCKS_PER_SEC;
    CHECK(same_bytes(a, b));
    free_all(a, b, moves, NULL);
    return took;
}

TEST(moves, of_chosen_elements_take_no_longer)
{
    double any = join_crowd(false), chosen = join_crowd(true);
    CHECK_MSG(chosen < 8 * any + 0.2, "%f s, not %f", chosen, any);
}

/* -- Memory ------------------------------------------------------------------------------------ */

static crdt_store *list_in(testmem *m, uint64_t replica)
{
    crdt_store *s;
    CHECK_OK(crdt_rga_new(replica, &m->mem, &s));
    return s;
}

static crdt_err move_some(crdt_store *s)
{
    static const crdt_value args[3][2] = {
        {{CRDT_INT, 0, {NULL, 0}}, {CRDT_INT, 3, {NULL, 0}}},
        {{CRDT_INT, 3, {NULL, 0}}, {CRDT_INT, 1, {NULL, 0}}},
        {{CRDT_INT, 1, {NULL, 0}}, {CRDT_INT, 2, {NULL, 0}}},
    };
    const crdt_op *op = crdt_type_op(&crdt_rga_type, "move");
    crdt_txn      *txn;
    crdt_err       err = crdt_store_begin(s, NOW, &txn);
    if (err != CRDT_OK) return err;
    for (int i = 0; err == CRDT_OK && i < 3; i++)
        err = crdt_txn_apply(txn, CRDT_SOLO, op, args[i], 2);
    if (err == CRDT_OK) err = crdt_store_commit(s, NULL);
    if (err != CRDT_OK) crdt_store_rollback(s);
    return err;
}

TEST(moves, every_failing_allocation_leaves_the_list_as_it_was)
{
    testmem m;
    testmem_init(&m);
    crdt_store *s = list_in(&m, A), *t = list_in(&m, B), *copy;
    for (int i = 0; i < 6; i++) DO(s, "", &crdt_rga_type, "insert", i, "e");
    join(t, s);
    CHECK_OK(crdt_store_clone(s, C, &copy));
    for (uint64_t n = 1;; n++) {
        testmem_fail_nth(&m, n);
        crdt_err err = move_some(s);
        if (!testmem_refused(&m)) {
            CHECK_OK(err);
            break;
        }
        testmem_fail_never(&m);
        if (err != CRDT_OK) {
            CHECK_ERR(err, CRDT_ENOMEM);
            CHECK(same_bytes(s, copy));
        }
        check_store(s);
        crdt_store_free(s); /* anew, with all its room to be made */
        CHECK_OK(crdt_store_clone(copy, A, &s));
    }
    testmem_fail_never(&m);
    crdt_store_free(copy);
    CHECK_OK(crdt_store_clone(t, C, &copy));
    for (uint64_t n = 1;; n++) {
        testmem_fail_nth(&m, n);
        crdt_err err = crdt_store_join(t, s, NOW);
        if (!testmem_refused(&m)) {
            CHECK_OK(err);
            break;
        }
        testmem_fail_never(&m);
        if (err != CRDT_OK) {
            CHECK_ERR(err, CRDT_ENOMEM);
            CHECK(same_bytes(t, copy));
        }
        check_store(t);
        crdt_store_free(t);
        CHECK_OK(crdt_store_clone(copy, B, &t));
    }
    testmem_fail_never(&m);
    CHECK(same_bytes(s, t));
    free_all(s, t, copy, NULL);
    TESTMEM_DONE(&m);
}

/* What a move takes that is not the last of its element any more. */
TEST(moves, take_a_known_amount_of_memory)
{
    testmem m;
    testmem_init(&m);
    crdt_store *s = list_in(&m, A);
    enum { ELEMENTS = 1000, MOVES = 20000 };
    for (int i = 0; i < ELEMENTS; i++) DO(s, "", &crdt_rga_type, "insert", i, "e");
    size_t   before = m.bytes, bytes = encoded_size(s);
    uint64_t rand = 1;
    for (int i = 0; i < MOVES; i++) {
        rand = rand * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        unsigned from = (unsigned)(rand >> 40) % ELEMENTS, to = (unsigned)(rand >> 20) % ELEMENTS;
        DO(s, "", &crdt_rga_type, "move", (int)from, (int)to);
    }
    size_t each = (m.bytes - before) / MOVES, told = (encoded_size(s) - bytes) / MOVES;
    printf("a move takes %zu bytes of memory, %zu of a state\n", each, told);
    CHECK(each <= 90 && told <= 32);
    CHECK_EQ_INT(crdt_rga_length(crdt_store_solo(s)), ELEMENTS);
    check_store(s);
    crdt_store_free(s);
    TESTMEM_DONE(&m);
}
