/* cell_test.c: the type `cell`: what shows, what merges, numbers at their edges, bytes. */
#include <string.h>

#include "crdt/cell.h"
#include "tests/lib/random.h"
#include "tests/lib/stores.h"
#include "tests/lib/testmem.h"

#define A 1
#define B 2
#define C 3

static crdt_store *cell_of(uint64_t replica)
{
    return solo_of(&crdt_cell_type, replica);
}

static crdt_delta *set(crdt_store *s, const char *text)
{
    CHECK_OK(crdt_cell_set(begin(s), CRDT_SOLO, crdt_text(text)));
    return commit(s);
}

static crdt_delta *incr(crdt_store *s, int64_t n)
{
    CHECK_OK(crdt_cell_incr(begin(s), CRDT_SOLO, n));
    return commit(s);
}

static crdt_delta *incrfloat(crdt_store *s, const char *n)
{
    CHECK_OK(crdt_cell_incrfloat(begin(s), CRDT_SOLO, crdt_text_view(n)));
    return commit(s);
}

/* What get gives; static until the next call. */
static const char *got(const crdt_store *s)
{
    static char text[200];
    crdt_buf    out;
    crdt_buf_init(&out, NULL);
    crdt_err err = crdt_cell_get(crdt_store_solo(s), &out);
    CHECK(err == CRDT_OK || out.size == 0);
    CHECK(out.size < sizeof text);
    text[0] = 0;
    if (err != CRDT_OK) snprintf(text, sizeof text, "%s", crdt_err_name(err));
    else if (out.size > 0) memcpy(text, out.data, out.size);
    if (err == CRDT_OK) text[out.size] = 0;
    crdt_buf_clear(&out);
    return text;
}

static void shows(const crdt_store *s, const char *text)
{
    CHECK_EQ_STR(got(s), text);
    check_store(s);
}

static void ints(const crdt_store *s, crdt_err err, int64_t expected)
{
    int64_t n = 77;
    CHECK_ERR(crdt_cell_int(crdt_store_solo(s), &n), err);
    CHECK(n == (err == CRDT_OK ? expected : 77));
}

/* Both deltas everywhere: the same bytes, that show this. */
static void cross(crdt_store *a, crdt_delta *of_a, crdt_store *b, crdt_delta *of_b,
                  const char *text)
{
    join(a, of_b);
    join(b, of_a);
    CHECK(same_bytes(a, b));
    shows(a, text);
    crdt_store_free(of_a);
    crdt_store_free(of_b);
}

/* -- What shows -------------------------------------------------------------------------------- */

TEST(cell, shows_what_was_set_byte_by_byte)
{
    static const char *const texts[] = {"",
                                        "red",
                                        "10",
                                        "-7",
                                        "0",
                                        "-0",
                                        "007",
                                        "+5",
                                        "1.50",
                                        "5.",
                                        ".5",
                                        "1e3",
                                        " 12",
                                        "9223372036854775807",
                                        "9223372036854775808",
                                        "-9223372036854775808",
                                        "a text that is longer than seven bytes"};
    crdt_store              *a = cell_of(A);
    CHECK_EQ_STR(got(a), "ENOENT");
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        crdt_store_free(set(a, texts[i]));
        shows(a, texts[i]);
        crdt_store *copy = recoded(a);
        shows(copy, texts[i]);
        crdt_store_free(copy);
    }
    CHECK_OK(crdt_cell_set(begin(a), CRDT_SOLO, crdt_bytes("a\0b", 3)));
    CHECK_OK(crdt_store_commit(a, NULL));
    crdt_value v;
    CHECK(crdt_cell_peek(crdt_store_solo(a), &v));
    CHECK_EQ_MEM(v.bytes.data, v.bytes.size, "a\0b", 3);
    crdt_store_free(a);
}

TEST(cell, an_integer_and_its_text_are_one_value)
{
    crdt_store *a = cell_of(A), *b = cell_of(A);
    crdt_store_free(set(a, "1234567890123"));
    CHECK_OK(crdt_cell_set(begin(b), CRDT_SOLO, crdt_int(1234567890123)));
    CHECK_OK(crdt_store_commit(b, NULL));
    CHECK(same_bytes(a, b));
    crdt_value v;
    CHECK(crdt_cell_peek(crdt_store_solo(a), &v) && v.kind == CRDT_INT);
    CHECK_EQ_INT(v.i, 1234567890123);
    free_all(a, b, NULL);
}

TEST(cell, counts_on_numbers)
{
    static const struct {
        const char *base, *shows; /* after +3 and +0.25 */
    } cases[] = {
        {"10", "13.25"},
        {"-10", "-6.75"},
        {"0.75", "4"},
        {"1e3", "1003.25"},
        {"-3.25", "0"},
        {"-3.5", "-0.25"},
        {"007", "10.25"},
        {"+1", "4.25"},
        {"red", "red"},
        {"", ""},
        {" 1", " 1"},
        {"1e37", "1e37"},
        {"0.1", "3.35"},
        {"-3.25000000000000001", "-0.00000000000000001"},
        {"9999999999999999999999999999999999999", "10000000000000000000000000000000000002.25"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        crdt_store *a = cell_of(A);
        crdt_store_free(set(a, cases[i].base));
        crdt_store_free(incr(a, 3));
        crdt_store_free(incrfloat(a, "0.25"));
        shows(a, cases[i].shows);
        crdt_store_free(a);
    }
    crdt_store *a = cell_of(A); /* absent is 0 */
    crdt_store_free(incr(a, -3));
    shows(a, "-3");
    crdt_store_free(incrfloat(a, "3"));
    shows(a, "0");
    crdt_store_free(a);
}

TEST(cell, zero_makes_an_absent_name)
{
    crdt_store *a = store_of(A);
    crdt_ref    ref;
    int64_t     n;
    CHECK_OK(crdt_cell_incr(begin(a), name_of("n"), 0));
    CHECK_OK(crdt_store_commit(a, NULL));
    CHECK_OK(crdt_store_find(a, name_of("n"), &crdt_cell_type, &ref));
    CHECK_OK(crdt_cell_int(ref, &n));
    CHECK_EQ_INT(n, 0);
    CHECK_EQ_STR(shown(a, "n"), "0");
    remove_name(a, "n");
    CHECK_EQ_INT(crdt_store_count(a), 0);
    CHECK_EQ_INT(crdt_store_stats(a).residues, 0);
    crdt_store_free(a);
}

TEST(cell, what_is_no_decimal_is_refused)
{
    crdt_store              *a = cell_of(A);
    crdt_txn                *txn = begin(a);
    static const char *const wrong[] = {"", "a", "1.2.3", "inf", "nan", "0x1", "1e", " 1"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        CHECK_ERR(crdt_cell_incrfloat(txn, CRDT_SOLO, crdt_text_view(wrong[i])), CRDT_EINVAL);
    }
    CHECK_ERR(crdt_cell_incrfloat(txn, CRDT_SOLO, crdt_text_view("9223372036854775808")),
              CRDT_ERANGE);
    CHECK_ERR(crdt_cell_incrfloat(txn, CRDT_SOLO, crdt_text_view("-9223372036854775808.1")),
              CRDT_ERANGE);
    crdt_delta *delta = commit(a);
    CHECK(crdt_store_is_empty(delta));
    free_all(a, delta, NULL);
}

TEST(cell, reads_of_another_type_give_nothing)
{
    crdt_store *s = solo_of(&crdt_lww_type, A);
    crdt_ref    ref = crdt_store_solo(s);
    crdt_value  v;
    crdt_buf    out;
    int64_t     n;
    crdt_i128   wide;
    crdt_buf_init(&out, NULL);
    CHECK(!crdt_cell_peek(ref, &v));
    CHECK_ERR(crdt_cell_get(ref, &out), CRDT_ENOENT);
    CHECK_ERR(crdt_cell_int(ref, &n), CRDT_EINVAL);
    CHECK_ERR(crdt_cell_number(ref, &wide), CRDT_EINVAL);
    crdt_buf_clear(&out);
    crdt_store_free(s);
}

/* -- What merges ------------------------------------------------------------------------------- */

TEST(cell, set_beside_set_keeps_the_loser_listed)
{
    crdt_store   *a = cell_of(A), *b = cell_of(B);
    crdt_conflict c;
    cross(a, set(a, "5"), b, set(b, "7"), "7"); /* the same stamp: the greater id */
    crdt_ref ref = crdt_store_solo(a);
    CHECK(crdt_ref_conflict(&ref, 0, &c) && c.value.i == 5 && !c.wins);
    CHECK(crdt_ref_conflict(&ref, 1, &c) && c.value.i == 7 && c.wins);
    CHECK(!crdt_ref_conflict(&ref, 2, &c));
    crdt_store_free(set(a, "9"));
    CHECK(!crdt_ref_conflict(&ref, 1, &c));
    free_all(a, b, NULL);
}

TEST(cell, set_beside_an_increment_keeps_it)
{
    crdt_store *a = cell_of(A), *b = cell_of(B);
    crdt_delta *d = set(a, "100");
    join(b, d);
    crdt_store_free(d);
    d = incr(b, 1);
    join(a, d);
    crdt_store_free(d);
    shows(a, "101");
    cross(a, set(a, "5"), b, incr(b, 30), "35"); /* the 1 was seen, the 30 was not */
    cross(a, incr(a, 2), b, set(b, "8"), "10");
    free_all(a, b, NULL);
}

TEST(cell, removing_the_key_beside_an_increment_keeps_it)
{
    crdt_store *a = store_of(A), *b = store_of(B);
    DO(a, "k", &crdt_cell_type, "set", "7");
    join(b, a);
    CHECK_OK(crdt_cell_incr(begin(b), name_of("k"), 4));
    crdt_delta *d = commit(b);
    remove_name(a, "k");
    CHECK_EQ_STR(shown(a, "k"), "ENOENT");
    join(a, d);
    crdt_store_free(d);
    join(b, a);
    CHECK_EQ_STR(shown(a, "k"), "4");
    CHECK(same_bytes(a, b));
    free_all(a, b, NULL);
}

TEST(cell, a_word_hides_increments_until_a_number_stands_there)
{
    crdt_store *a = cell_of(A), *b = cell_of(B);
    cross(a, set(a, "red"), b, incr(b, 3), "red");
    ints(a, CRDT_EINVAL, 0);
    CHECK_EQ_STR(shown(a, ""), "\"red\" (3 does not show)");
    crdt_store_free(set(a, "10")); /* it saw the 3 */
    shows(a, "10");
    join(b, a);
    cross(a, set(a, "blue"), b, incr(b, 5), "blue");
    /* One that sees neither the word nor the increment. */
    crdt_store *c = cell_of(C);
    crdt_txn   *txn;
    CHECK_OK(crdt_store_begin(c, NOW + 5, &txn)); /* and is later */
    CHECK_OK(crdt_cell_set(txn, CRDT_SOLO, crdt_int(40)));
    CHECK_OK(crdt_store_commit(c, NULL));
    join(c, a);
    shows(c, "45");
    free_all(a, b, c, NULL);
}

TEST(cell, a_reset_of_others_is_remembered_until_it_is_stable)
{
    crdt_store *a = cell_of(A), *b = cell_of(B);
    crdt_delta *d = incrfloat(b, "2.5");
    join(a, d);
    crdt_store_free(d);
    crdt_store_free(set(a, "1"));
    CHECK_EQ_INT(crdt_store_stats(a).residues, 1);
    join(b, a);
    CHECK_OK(crdt_store_stabilise(a, crdt_store_context(a)));
    CHECK_OK(crdt_store_stabilise(b, crdt_store_context(b)));
    CHECK_EQ_INT(crdt_store_stats(a).residues, 0);
    CHECK(same_bytes(a, b));
    cross(a, incr(a, 1), b, incrfloat(b, "0.5"), "2.5");
    free_all(a, b, NULL);
}

/* -- Exactness --------------------------------------------------------------------------------- */

TEST(cell, sums_do_not_depend_on_the_order_of_arrival)
{
    enum { WRITERS = 6, AMOUNTS = 60 };
    static const char *const amounts[] = {"0.1",  "-0.3", "1e-17", "2.5",  "-7",
                                          "1e15", "3",    "0.7",   "-1e15"};
    uint64_t                 seed = seed_or(21);
    crdt_store              *writer[WRITERS], *sums[8];
    crdt_delta              *deltas[AMOUNTS];
    for (int w = 0; w < WRITERS; w++) writer[w] = cell_of((uint64_t)w + 1);
    for (int i = 0; i < AMOUNTS; i++) {
        deltas[i] = incrfloat(writer[i % WRITERS], amounts[i % 9]);
    }
    for (int s = 0; s < 8; s++) {
        size_t left[WRITERS];
        sums[s] = cell_of((uint64_t)s + 100);
        for (int w = 0; w < WRITERS; w++) left[w] = (size_t)w;
        for (int done = 0; done < AMOUNTS;) { /* in each writer's order, at random between them */
            size_t w = random_below(&seed, WRITERS);
            if (left[w] >= AMOUNTS) continue;
            join(sums[s], deltas[left[w]]);
            left[w] += WRITERS;
            done++;
        }
        /* sum(decimal.Decimal(amounts[i % 9]) for i in range(60)) */
        shows(sums[s], "999999999999989.30000000000000007");
        CHECK(same_bytes(sums[0], sums[s]));
    }
    for (int i = 0; i < AMOUNTS; i++) crdt_store_free(deltas[i]);
    for (int w = 0; w < WRITERS; w++) crdt_store_free(writer[w]);
    for (int s = 0; s < 8; s++) crdt_store_free(sums[s]);
}

TEST(cell, integers_at_their_edges)
{
    crdt_store *a = cell_of(A), *b = cell_of(B);
    crdt_store_free(set(a, "9223372036854775807"));
    ints(a, CRDT_OK, INT64_MAX);
    crdt_store_free(incr(a, 1));
    shows(a, "9223372036854775808");
    ints(a, CRDT_ERANGE, 0);
    crdt_value v;
    CHECK(!crdt_cell_peek(crdt_store_solo(a), &v));
    crdt_store_free(incr(a, -1));
    ints(a, CRDT_OK, INT64_MAX);
    crdt_store_free(incr(a, -INT64_MAX));
    crdt_store_free(incr(a, -INT64_MAX)); /* the writer's own sum leaves 64 bits */
    ints(a, CRDT_OK, -INT64_MAX);
    crdt_store_free(incr(a, -1));
    ints(a, CRDT_OK, INT64_MIN);
    crdt_store_free(incrfloat(a, "-0.00000000000000001"));
    shows(a, "-9223372036854775808.00000000000000001");
    ints(a, CRDT_EINVAL, 0);
    join(b, a);
    crdt_store_free(set(b, "9223372036854775808"));
    ints(b, CRDT_ERANGE, 0);
    crdt_store_free(set(b, "1.0"));
    ints(b, CRDT_EINVAL, 0);
    free_all(a, b, NULL);
}

TEST(cell, no_sum_overflows)
{
    enum { WRITERS = 40 };
    crdt_store *all = cell_of(1000);
    crdt_i128   n;
    for (uint64_t w = 1; w <= WRITERS; w++) {
        crdt_store *s = cell_of(w);
        for (int i = 0; i < 6; i++) crdt_store_free(incr(s, INT64_MAX));
        crdt_store_free(incrfloat(s, "0.99999999999999999"));
        join(all, s);
        crdt_store_free(s);
    }
    /* 240 * (2^63 - 1) + 40 - 40 * 10^-17 */
    shows(all, "2213609288845146193719.9999999999999996");
    CHECK_ERR(crdt_cell_number(crdt_store_solo(all), &n), CRDT_ERANGE);
    ints(all, CRDT_EINVAL, 0);
    crdt_store *copy = recoded(all);
    CHECK(same_bytes(all, copy));
    crdt_store_free(set(all, "1"));
    shows(all, "1");
    free_all(all, copy, NULL);
}

TEST(cell, numbers_in_fixed_point)
{
    crdt_store *a = cell_of(A);
    crdt_i128   n;
    CHECK_OK(crdt_cell_number(crdt_store_solo(a), &n));
    CHECK(n.lo == 0 && n.hi == 0);
    crdt_store_free(set(a, "-2.5"));
    CHECK_OK(crdt_cell_number(crdt_store_solo(a), &n));
    CHECK(n.hi == -1 && n.lo == 0 - UINT64_C(250000000000000000));
    crdt_store_free(incr(a, 100));
    CHECK_OK(crdt_cell_number(crdt_store_solo(a), &n));
    CHECK(n.hi == 0 && n.lo == UINT64_C(9750000000000000000));
    crdt_store_free(set(a, "1e40"));
    CHECK_ERR(crdt_cell_number(crdt_store_solo(a), &n), CRDT_ERANGE);
    crdt_store_free(set(a, "word"));
    CHECK_ERR(crdt_cell_number(crdt_store_solo(a), &n), CRDT_EINVAL);
    crdt_store_free(a);
}

/* -- Transactions, read contexts --------------------------------------------------------------- */

TEST(cell, a_transaction_sees_its_own)
{
    crdt_store *a = cell_of(A);
    crdt_txn   *txn = begin(a);
    crdt_ref    ref;
    int64_t     n;
    CHECK_OK(crdt_cell_incr(txn, CRDT_SOLO, 5));
    CHECK_OK(crdt_cell_incrfloat(txn, CRDT_SOLO, crdt_text_view("0.5")));
    CHECK_OK(crdt_cell_incr(txn, CRDT_SOLO, INT64_MAX));
    CHECK_OK(crdt_cell_set(txn, CRDT_SOLO, crdt_text("3")));
    CHECK_OK(crdt_cell_incr(txn, CRDT_SOLO, 1));
    CHECK_OK(crdt_txn_find(txn, CRDT_SOLO, NULL, &ref));
    CHECK_OK(crdt_cell_int(ref, &n));
    CHECK_EQ_INT(n, 4);
    crdt_store_rollback(a);
    CHECK_EQ_STR(got(a), "ENOENT");
    crdt_store_free(a);
}

TEST(cell, a_set_with_a_read_context_leaves_what_was_not_read)
{
    crdt_store  *a = cell_of(A), *b = cell_of(B);
    crdt_context seen;
    crdt_context_init(&seen, NULL);
    crdt_store_free(set(a, "1"));
    CHECK_OK(crdt_context_copy(&seen, crdt_store_context(a)));
    join(b, a);
    crdt_delta *d = incr(b, 10);
    join(a, d);
    crdt_txn *txn = begin(a);
    crdt_txn_at(txn, &seen);
    CHECK_OK(crdt_cell_set(txn, CRDT_SOLO, crdt_text("2")));
    CHECK_OK(crdt_store_commit(a, NULL));
    shows(a, "12");
    crdt_context_clear(&seen);
    free_all(a, b, d, NULL);
}

/* -- Memory and bytes -------------------------------------------------------------------------- */

TEST(cell, reading_a_base_allocates_nothing)
{
    testmem     mem;
    crdt_store *a;
    crdt_buf    out;
    crdt_value  v;
    int64_t     n;
    testmem_init(&mem);
    CHECK_OK(crdt_cell_new(A, &mem.mem, &a));
    CHECK_OK(crdt_cell_set(begin(a), CRDT_SOLO, crdt_text("a value of more than seven bytes")));
    CHECK_OK(crdt_store_commit(a, NULL));
    crdt_buf_init(&out, NULL);
    testmem_fail_from(&mem, 1);
    CHECK(crdt_cell_peek(crdt_store_solo(a), &v));
    CHECK_EQ_INT(v.bytes.size, 32);
    CHECK_OK(crdt_cell_get(crdt_store_solo(a), &out));
    CHECK(!testmem_refused(&mem));
    testmem_fail_never(&mem);
    CHECK_OK(crdt_cell_set(begin(a), CRDT_SOLO, crdt_text("41")));
    CHECK_OK(crdt_store_commit(a, NULL));
    CHECK_OK(crdt_cell_incr(begin(a), CRDT_SOLO, 1));
    CHECK_OK(crdt_store_commit(a, NULL));
    testmem_fail_from(&mem, 1);
    CHECK(crdt_cell_peek(crdt_store_solo(a), &v));
    CHECK_OK(crdt_cell_int(crdt_store_solo(a), &n));
    CHECK(v.kind == CRDT_INT && v.i == 42 && n == 42);
    CHECK(!testmem_refused(&mem));
    testmem_fail_never(&mem);
    crdt_buf_clear(&out);
    crdt_store_free(a);
    TESTMEM_DONE(&mem);
}

/* The state of one cell by replica 7: `body` behind what stands before every one. Reads as `err`;
 * what is read writes itself as the same bytes. */
static void reads_as(const uint8_t *body, size_t size, crdt_err err, const char *text)
{
    static const uint8_t head[] = {0xc7, 1, 1,  1,  7, 0, 0, 0, 0, 0, 0, 0, /* state, one id */
                                   1,    0, 3,  29, /* context: its dots 1 to 30 */
                                   0,    0,         /* no cut, nobody retired */
                                   1,    0, 20, 0}; /* one object: no name, type, flags */
    crdt_options         o = crdt_options_default(A, NULL);
    crdt_store          *s = NULL;
    crdt_buf             in, out;
    const char          *why = "";
    o.solo = &crdt_cell_type;
    crdt_buf_init(&in, NULL);
    crdt_buf_init(&out, NULL);
    crdt_buf_put(&in, head, sizeof head);
    crdt_buf_view(&in, crdt_view_of(body, size));
    crdt_err got_err = crdt_store_decode(&o, crdt_buf_bytes(&in), &s, &why);
    CHECK_MSG(got_err == err, "%s: %s, %s", text, crdt_err_name(got_err), why);
    if (err != CRDT_OK) {
        CHECK_EQ_STR(why, text);
    } else {
        CHECK_OK(crdt_store_encode(s, &out));
        CHECK_EQ_MEM(out.data, out.size, in.data, in.size);
        shows(s, text);
        crdt_store_free(s);
    }
    crdt_buf_clear(&in);
    crdt_buf_clear(&out);
}

#define READS(err, text, ...)                            \
    do {                                                 \
        const uint8_t body_[] = {__VA_ARGS__};           \
        reads_as(body_, sizeof body_, CRDT_##err, text); \
    } while (0)
#define SEQ(n) (n), 0, 0, 0, 0, 0, 0, 0

TEST(cell, bytes_have_one_form)
{
    /* no siblings; shares */
    READS(OK, "5", 0, 2, 0, 1, 0, 10);
    READS(OK, "3", 0, 4, 0, 1, 2, 10, 0, 9, 1, 3);
    READS(OK, "5.00000000000000001", 0, 3, 0, SEQ(1), 0, 10, 1, 0);
    READS(OK, "4", 0, 3, 0, SEQ(1), 3, 10, 0, 1, 2, 0, 0, 9); /* 5, its first 1 floored by dot 9 */
    READS(EMALFORMED, "shares in the long form without need", 0, 3, 0, SEQ(1), 0, 10, 0, 0);
    READS(EMALFORMED, "more shares than the input holds", 0, 1);
    READS(EMALFORMED, "more shares than the input holds", 0, 254, 255, 3, 0, 1, 0, 10);
    READS(EMALFORMED, "shares out of order", 0, 4, 0, 9, 0, 10, 0, 9, 0, 10);
    READS(EMALFORMED, "a share's birth is no dot", 0, 2, 0, 0, 0, 10);
    READS(EMALFORMED, "a share's dot is out of range", 0, 2, 0, 1, 128, 128, 128, 128, 16, 10);
    READS(EMALFORMED, "a share's fraction is out of range", 0, 3, 0, SEQ(1), 0, 10, 128, 128, 168,
          236, 133, 175, 209, 177, 1, 0);
    READS(EMALFORMED, "a floor is out of range", 0, 3, 0, SEQ(1), 3, 10, 0, 5, 2, 0, 0, 9);
    READS(EMALFORMED, "a floor is not its share's total", 0, 3, 0, SEQ(1), 3, 10, 0, 4, 2, 0, 0, 9);
    READS(EMALFORMED, "a floor's reset is no dot", 0, 3, 0, SEQ(1), 3, 10, 0, 1, 2, 0, 0, 0);
    READS(EMALFORMED, "a share that the context does not account for", 0, 2, 0, 1, 40, 10);
    /* one sibling of dot 1, stamped 1: bytes */
    READS(OK, "007", 1, 0, 1, SEQ(1), 4, '0', '0', '7', 0);
    READS(EMALFORMED, "an integer is written as text", 1, 0, 1, SEQ(1), 2, '7', 0);
}

TEST(cell, one_dot_with_two_totals_is_a_fork)
{
    crdt_store *a = cell_of(A), *twin = cell_of(A);
    crdt_store_free(incr(a, 1));
    crdt_store_free(incr(twin, 2));
    CHECK_ERR(crdt_store_join(a, twin, NOW), CRDT_EFORK);
    shows(a, "1");
    free_all(a, twin, NULL);
}

TEST(cell, an_increment_is_a_few_bytes)
{
    crdt_store *a = cell_of(A);
    crdt_delta *d = incr(a, 1);
    CHECK_EQ_INT(encoded_size(d), 29);
    crdt_store_free(d);
    d = incr(a, 1000000);
    CHECK_EQ_INT(encoded_size(d), 33);
    free_all(a, d, NULL);
}
