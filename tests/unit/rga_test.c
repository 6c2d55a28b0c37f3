/* rga_test.c: the list types' calls, against a plain array of values; values set for elements. */
#include "crdt/rga.h"

#include <stdio.h>
#include <string.h>

#include "tests/lib/stores.h"
#include "tests/lib/t.h"

#define A 0xa1u
#define B 0xb2u
#define C 0xc3u

#define MOST 300

static const crdt_type *const both[2] = {&crdt_rga_type, &crdt_rga_classic_type};

static uint64_t random_state;

static size_t random_below(size_t n)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (size_t)(random_state >> 33) % n;
}

/* -- The plain array: values by number --------------------------------------------------------- */

typedef struct plain {
    unsigned numbers[MOST];
    size_t   count;
} plain;

/* Integers, strings short and long, of zeros, empty. */
static crdt_value numbered(unsigned number, char text[600])
{
    size_t size = number % 97 == 0 ? 500 + number % 64 : number % 11;
    if (number % 3 == 0) return crdt_int((int64_t)number - 1000);
    if (number == 1) return crdt_bytes(NULL, 0);
    memset(text, number % 5 == 0 ? 0 : 'x', 600);
    int digits = snprintf(text + size, 20, "%u", number);
    return crdt_bytes(text, size + (size_t)digits);
}

static void check_value(crdt_value is, unsigned number)
{
    char       text[600];
    crdt_value should = numbered(number, text);
    CHECK_EQ_INT(is.kind, should.kind);
    CHECK_EQ_INT(crdt_value_compare(is, should), 0);
}

static void check_reads(crdt_ref ref, const plain *p)
{
    crdt_value value;
    CHECK_EQ_INT(crdt_rga_length(ref), p->count);
    for (size_t i = 0; i < p->count; i++) {
        CHECK(crdt_rga_get(ref, i, &value));
        check_value(value, p->numbers[i]);
    }
    CHECK(!crdt_rga_get(ref, p->count, &value));
    CHECK(!crdt_rga_get(ref, UINT64_MAX, &value));
    CHECK(!crdt_rga_get(ref, UINT64_C(1) << 32, &value));
    size_t        from = random_below(p->count + 1);
    crdt_rga_iter it = crdt_rga_iterate(ref, from);
    for (; crdt_rga_next(&it, &value); from++) {
        CHECK(from < p->count);
        check_value(value, p->numbers[from]);
    }
    CHECK_EQ_INT(from, p->count);
    it = crdt_rga_iterate(ref, p->count + 1);
    CHECK(!crdt_rga_next(&it, &value));
    it = crdt_rga_iterate(ref, UINT64_C(1) << 32);
    CHECK(!crdt_rga_next(&it, &value));
    for (int side = 0; side < 2; side++) {
        crdt_cursor cursor;
        uint64_t    pos = random_below(p->count + 1), found;
        CHECK_OK(crdt_rga_cursor(ref, pos, (crdt_side)side, &cursor));
        CHECK_OK(crdt_rga_find(ref, cursor, &found));
        CHECK_EQ_INT(found, pos);
        CHECK_ERR(crdt_rga_cursor(ref, p->count + 1, (crdt_side)side, &cursor), CRDT_ERANGE);
        CHECK_ERR(crdt_rga_cursor(ref, UINT64_MAX, (crdt_side)side, &cursor), CRDT_ERANGE);
    }
    CHECK_EQ_INT(crdt_rga_waiting(ref), 0);
}

/* -- Random edits ------------------------------------------------------------------------------ */

static void insert_one(crdt_rga_edit *edit, plain *p, size_t pos)
{
    char     text[600];
    unsigned number = (unsigned)random_below(2000);
    if (p->count == MOST) return;
    CHECK_OK(crdt_rga_insert(edit, pos, numbered(number, text)));
    memset(text, 0xff, sizeof text); /* it was copied */
    memmove(&p->numbers[pos + 1], &p->numbers[pos], (p->count - pos) * sizeof *p->numbers);
    p->numbers[pos] = number;
    p->count++;
}

static void delete_some(crdt_rga_edit *edit, plain *p, size_t pos, size_t n)
{
    CHECK_OK(crdt_rga_delete(edit, pos, n));
    p->count -= n;
    memmove(&p->numbers[pos], &p->numbers[pos + n], (p->count - pos) * sizeof *p->numbers);
}

static void miss(crdt_rga_edit *edit, const plain *p)
{
    static const uint64_t far[] = {1, UINT64_C(1) << 32, UINT64_MAX};
    crdt_value            none = {(crdt_kind)7, 0, {NULL, 0}};
    CHECK_ERR(crdt_rga_insert(edit, p->count + 1, crdt_int(1)), CRDT_ERANGE);
    CHECK_ERR(crdt_rga_insert(edit, 0, none), CRDT_EINVAL);
    CHECK_ERR(crdt_rga_set(edit, p->count, crdt_int(1)), CRDT_ERANGE);
    CHECK_ERR(crdt_rga_set(edit, UINT64_MAX, crdt_int(1)), CRDT_ERANGE);
    CHECK_ERR(crdt_rga_move(edit, p->count, 0), CRDT_ERANGE);
    CHECK_ERR(crdt_rga_move(edit, 0, p->count), CRDT_ERANGE);
    CHECK_ERR(crdt_rga_move(edit, UINT64_MAX, UINT64_MAX), CRDT_ERANGE);
    CHECK_OK(crdt_rga_move(edit, p->count - 1, p->count - 1));
    if (p->count > 0) CHECK_ERR(crdt_rga_set(edit, 0, none), CRDT_EINVAL);
    for (size_t i = 0; i < sizeof far / sizeof far[0]; i++) {
        CHECK_ERR(crdt_rga_delete(edit, p->count, far[i]), CRDT_ERANGE);
        CHECK_ERR(crdt_rga_delete(edit, 0, far[i] + (i == 0 ? p->count : 0)), CRDT_ERANGE);
        CHECK_ERR(crdt_rga_delete(edit, far[i] + (i == 0 ? p->count : 0), 1), CRDT_ERANGE);
    }
    CHECK_ERR(crdt_rga_delete(edit, UINT64_MAX, 2), CRDT_ERANGE);
}

static void edit_once(crdt_rga_edit *edit, plain *p)
{
    size_t kind = random_below(100), pos = random_below(p->count + 1);
    if (kind < 45 || pos == p->count) {
        for (size_t n = 1 + random_below(5); n > 0; n--) insert_one(edit, p, pos++);
        if (pos > p->count) pos = p->count;
    } else if (kind < 65) {
        char     text[600];
        unsigned number = (unsigned)random_below(2000);
        CHECK_OK(crdt_rga_set(edit, pos, numbered(number, text)));
        p->numbers[pos] = number;
    } else if (kind < 80) {
        delete_some(edit, p, pos, random_below(p->count - pos + 1) / 3);
    } else if (kind < 90) {
        for (; pos > 0 && random_below(3); pos--) delete_some(edit, p, pos - 1, 1);
    } else {
        size_t   to = random_below(p->count);
        unsigned number = p->numbers[pos];
        CHECK_OK(crdt_rga_move(edit, pos, to));
        memmove(&p->numbers[pos], &p->numbers[pos + 1], (p->count - pos - 1) * sizeof number);
        memmove(&p->numbers[to + 1], &p->numbers[to], (p->count - to - 1) * sizeof number);
        p->numbers[to] = number;
    }
}

TEST(rga, reads_as_a_plain_array)
{
    for (int t = 0; t < 2; t++) {
        crdt_store *s[2] = {solo_of(both[t], A), solo_of(both[t], B)};
        plain       now = {{0}, 0};
        random_state = (uint64_t)t;
        for (unsigned round = 0; round < (T_SLOW ? 40 : 300); round++) {
            size_t        who = random_below(2);
            plain         before = now;
            crdt_rga_edit edit;
            CHECK_OK(crdt_rga_open(begin(s[who]), CRDT_SOLO, both[t], &edit));
            for (size_t n = 1 + random_below(8); n > 0; n--) {
                edit_once(&edit, &now);
                if (random_below(3) == 0) check_reads(edit.target.now, &now);
            }
            if (random_below(5) == 0) {
                crdt_store_rollback(s[who]);
                now = before;
            } else {
                crdt_delta *delta = commit(s[who]);
                join(s[1 - who], delta);
                crdt_store_free(delta);
            }
            check_reads(crdt_store_solo(s[who]), &now);
            check_reads(crdt_store_solo(s[1 - who]), &now);
            CHECK(same_bytes(s[0], s[1]));
            check_store(s[who]);
            if (round % 16 != 0) continue;
            crdt_store *copy = recoded(s[who]);
            check_reads(crdt_store_solo(copy), &now);
            crdt_store_free(copy);
        }
        free_all(s[0], s[1], NULL);
    }
}

/* -- Refusals ---------------------------------------------------------------------------------- */

TEST(rga, refuses_what_cannot_be_and_leaves_no_trace)
{
    for (int t = 0; t < 2; t++) {
        crdt_store   *s = solo_of(both[t], A), *same = solo_of(both[t], A);
        crdt_rga_edit edit;
        plain         p = {{7, 8, 9}, 3};
        char          text[600];
        for (int i = 0; i < 2; i++) {
            CHECK_OK(crdt_rga_open(begin(i ? s : same), CRDT_SOLO, both[t], &edit));
            for (size_t k = 0; k < 3; k++) {
                CHECK_OK(crdt_rga_insert(&edit, k, numbered(p.numbers[k], text)));
            }
            CHECK_OK(crdt_store_commit(i ? s : same, NULL));
        }
        CHECK_OK(crdt_rga_open(begin(s), CRDT_SOLO, both[t], &edit));
        miss(&edit, &p);
        check_reads(edit.target.now, &p);
        crdt_delta *delta = commit(s);
        CHECK(crdt_store_is_empty(delta));
        CHECK(same_bytes(s, same));
        free_all(s, same, delta, NULL);
    }
}

TEST(rga, refuses_a_name_of_another_type_and_what_breaks_a_limit)
{
    crdt_options  o = crdt_options_default(A, crdt_types_builtin());
    crdt_store   *s;
    crdt_rga_edit edit;
    char          text[33] = {0};
    o.limits.value_bytes = 32;
    o.limits.elements = 3;
    CHECK_OK(crdt_store_new(&o, &s));
    DO(s, "set", &crdt_orset_type, "add", "x");
    DO(s, "classic", &crdt_rga_classic_type, "insert", 0, "x");
    crdt_txn *txn = begin(s);
    CHECK_ERR(crdt_rga_open(txn, name_of("set"), &crdt_rga_type, &edit), CRDT_ETYPE);
    CHECK_ERR(crdt_rga_open(txn, name_of("classic"), &crdt_rga_type, &edit), CRDT_ETYPE);
    CHECK_ERR(crdt_rga_open(txn, name_of("list"), &crdt_text_type, &edit), CRDT_EINVAL);
    CHECK_OK(crdt_rga_open(txn, name_of("list"), &crdt_rga_type, &edit));
    CHECK_ERR(crdt_rga_insert(&edit, 0, crdt_bytes(text, 33)), CRDT_ELIMIT);
    for (uint64_t i = 0; i < 3; i++) CHECK_OK(crdt_rga_insert(&edit, i, crdt_bytes(text, 32)));
    CHECK_ERR(crdt_rga_insert(&edit, 3, crdt_int(1)), CRDT_ELIMIT);
    CHECK_ERR(crdt_rga_insert(&edit, 0, crdt_int(1)), CRDT_ELIMIT);
    CHECK_ERR(crdt_rga_set(&edit, 0, crdt_bytes(text, 33)), CRDT_ELIMIT);
    CHECK_OK(crdt_rga_set(&edit, 0, crdt_int(1)));
    CHECK_OK(crdt_rga_delete(&edit, 1, 1));
    CHECK_OK(crdt_rga_insert(&edit, 2, crdt_int(2)));
    crdt_store_free(commit(s));
    CHECK_EQ_INT(strncmp(shown(s, "list"), "[1, \"\\x00", 8), 0);
    check_store(s);
    free_all(s, NULL);
}

/* -- Values set -------------------------------------------------------------------------------- */

static void check_list(const crdt_store *s, const char *should)
{
    CHECK_EQ_STR(shown(s, ""), should);
    check_store(s);
    crdt_store *copy = recoded(s);
    CHECK_EQ_STR(shown(copy, ""), should);
    CHECK(same_bytes(copy, s));
    crdt_store_free(copy);
}

static crdt_store *abc(const crdt_type *type, uint64_t replica)
{
    crdt_store *s = solo_of(type, replica);
    DO(s, "", type, "insert", 0, "a");
    DO(s, "", type, "insert", 1, "b");
    DO(s, "", type, "insert", 2, "c");
    return s;
}

TEST(rga, the_last_set_shows)
{
    for (int t = 0; t < 2; t++) {
        crdt_store *a = abc(both[t], A), *b = solo_of(both[t], B);
        join(b, a);
        DO(a, "", both[t], "set", 1, "x");
        DO(b, "", both[t], "set", 1, "y");
        DO(b, "", both[t], "set", 1, "z"); /* a later stamp than x's */
        join(a, b);
        join(b, a);
        check_list(a, "[\"a\", \"z\", \"c\"]");
        CHECK(same_bytes(a, b));
        DO(a, "", both[t], "set", 1, "w"); /* above what was seen */
        join(b, a);
        check_list(b, "[\"a\", \"w\", \"c\"]");
        CHECK(same_bytes(a, b));
        free_all(a, b, NULL);
    }
}

TEST(rga, of_equal_stamps_the_greater_replica_shows)
{
    for (int t = 0; t < 2; t++) {
        crdt_store *a = abc(both[t], A), *b = solo_of(both[t], B);
        join(b, a);
        crdt_delta *x = apply(a, "", both[t], "set", 0, "x");
        crdt_delta *y = apply(b, "", both[t], "set", 0, "y");
        join(a, y);
        join(b, x);
        check_list(a, "[\"y\", \"b\", \"c\"]");
        CHECK(same_bytes(a, b));
        free_all(a, b, x, y, NULL);
    }
}

TEST(rga, deletion_wins_over_set)
{
    for (int t = 0; t < 2; t++) {
        crdt_store *a = abc(both[t], A), *b = solo_of(both[t], B), *c = solo_of(both[t], C);
        join(b, a);
        join(c, a);
        DO(a, "", both[t], "set", 1, "before");
        crdt_delta *set = apply(a, "", both[t], "set", 1, "x");
        crdt_delta *del = apply(b, "", both[t], "delete", 1, 1);
        join(b, a);   /* the set comes after the deletion */
        join(a, del); /* and before it */
        check_list(a, "[\"a\", \"c\"]");
        CHECK(same_bytes(a, b));
        CHECK_OK(crdt_store_merge(c, set));
        check_list(c, "[\"a\", \"x\", \"c\"]");
        CHECK_OK(crdt_store_merge(c, del));
        check_list(c, "[\"a\", \"c\"]");
        CHECK_EQ_INT(crdt_store_stats(a).dots, 4);
        DO(a, "", both[t], "insert", 1, "d");
        DO(a, "", both[t], "set", 1, "e");
        join(b, a);
        check_list(b, "[\"a\", \"e\", \"c\"]");
        CHECK(same_bytes(a, b));
        free_all(a, b, c, set, del, NULL);
    }
}

/* A set that comes before its element waits with it; what is lacking has it, or keeps it. */
TEST(rga, sets_travel_by_delta_since_and_state)
{
    for (int t = 0; t < 2; t++) {
        crdt_store  *a = solo_of(both[t], A), *b = solo_of(both[t], B), *c = solo_of(both[t], C);
        crdt_delta  *insert = apply(a, "", both[t], "insert", 0, "a"), *lack;
        crdt_delta  *set = apply(a, "", both[t], "set", 0, "s");
        crdt_context ctx;
        crdt_context_init(&ctx, NULL);
        CHECK_OK(crdt_store_merge(b, set));
        check_list(b, "[]");
        CHECK_OK(crdt_store_merge(b, insert));
        check_list(b, "[\"s\"]");
        CHECK(same_bytes(a, b));
        join(c, insert);
        check_list(c, "[\"a\"]");
        CHECK_OK(crdt_store_since(a, crdt_store_context(c), &lack));
        join(c, lack);
        check_list(c, "[\"s\"]");
        CHECK(same_bytes(a, c));
        crdt_store_free(lack);
        CHECK_OK(crdt_context_copy(&ctx, crdt_store_context(c)));
        DO(a, "", both[t], "set", 0, "t"); /* what the context holds of it goes */
        CHECK_OK(crdt_store_since(a, &ctx, &lack));
        join(c, lack);
        check_list(c, "[\"t\"]");
        CHECK(same_bytes(a, c));
        join(b, c);
        CHECK(same_bytes(a, b));
        crdt_context_clear(&ctx);
        free_all(a, b, c, insert, set, lack, NULL);
    }
}

TEST(rga, a_set_rolled_back_was_never_there)
{
    for (int t = 0; t < 2; t++) {
        crdt_store   *a = abc(both[t], A), *same;
        crdt_rga_edit edit;
        crdt_value    value;
        for (int round = 0; round < 2; round++) {
            CHECK_OK(crdt_store_clone(a, A, &same));
            CHECK_OK(crdt_rga_open(begin(a), CRDT_SOLO, both[t], &edit));
            CHECK_OK(crdt_rga_set(&edit, 1, crdt_int(1)));
            CHECK_OK(crdt_rga_set(&edit, 1, crdt_text("again")));
            CHECK(crdt_rga_get(edit.target.now, 1, &value));
            CHECK_OK(crdt_rga_set(&edit, 1, value)); /* a borrowed value of its own */
            CHECK(crdt_rga_get(edit.target.now, 1, &value));
            CHECK_OK(crdt_rga_set(&edit, 0, value));
            CHECK(crdt_rga_get(edit.target.now, 0, &value));
            CHECK_OK(crdt_rga_insert(&edit, 0, value));
            CHECK_OK(crdt_rga_set(&edit, 0, crdt_int(5)));
            CHECK_EQ_STR(shown(a, ""), "[5, \"again\", \"again\", \"c\"]");
            CHECK_OK(crdt_rga_delete(&edit, 0, 2));
            CHECK_EQ_STR(shown(a, ""), "[\"again\", \"c\"]");
            crdt_store_rollback(a);
            CHECK(same_bytes(a, same));
            crdt_store_free(same);
            DO(a, "", both[t], "set", 1, round == 0 ? "b" : "kept");
        }
        check_list(a, "[\"a\", \"kept\", \"c\"]");
        free_all(a, NULL);
    }
}

/* What a set put over is not kept, and what is deleted has none. */
TEST(rga, sets_leave_nothing_behind)
{
    for (int t = 0; t < 2; t++) {
        crdt_store *a = abc(both[t], A);
        size_t      size = encoded_size(a);
        for (int i = 0; i < 300; i++) DO(a, "", both[t], "set", i % 3, "value");
        CHECK(encoded_size(a) <= size + 3 * 25);
        CHECK_EQ_INT(crdt_store_stats(a).dots, 6);
        DO(a, "", both[t], "delete", 0, 3);
        CHECK(encoded_size(a) <= size + 12);
        CHECK_OK(crdt_store_stabilise(a, crdt_store_context(a)));
        CHECK_EQ_INT(crdt_store_stats(a).payload, 0);
        check_list(a, "[]");
        free_all(a, NULL);
    }
}
