/* score_test.c: the type `score`: what shows, what merges, numbers at their edges, bytes. */
#include "crdt/score.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/lib/random.h"
#include "tests/lib/stores.h"
#include "tests/lib/testmem.h"

#define A 1
#define B 2
#define C 3

static crdt_store *score_of(uint64_t replica)
{
    return solo_of(&crdt_score_type, replica);
}

static crdt_delta *set(crdt_store *s, double d)
{
    CHECK_OK(crdt_score_set(begin(s), CRDT_SOLO, d));
    return commit(s);
}

/* What it then shows is what double arithmetic says. */
static crdt_delta *incr(crdt_store *s, double d)
{
    double before = 0, after, told;
    (void)crdt_score_get(crdt_store_solo(s), &before);
    CHECK_OK(crdt_score_incr(begin(s), CRDT_SOLO, d, &told));
    crdt_delta *delta = commit(s);
    CHECK(crdt_score_get(crdt_store_solo(s), &after));
    CHECK_MSG(after == before + d && told == after, "%a + %a: %a, told %a", before, d, after, told);
    return delta;
}

static void shows(const crdt_store *s, double expected)
{
    double d = 77;
    CHECK(crdt_score_get(crdt_store_solo(s), &d));
    CHECK_MSG(memcmp(&d, &expected, sizeof d) == 0, "%.17g, not %.17g", d, expected);
    check_store(s);
}

/* Both deltas everywhere: the same bytes, that show this. */
static void cross(crdt_store *a, crdt_delta *of_a, crdt_store *b, crdt_delta *of_b, double expected)
{
    join(a, of_b);
    join(b, of_a);
    CHECK(same_bytes(a, b));
    shows(a, expected);
    crdt_store_free(of_a);
    crdt_store_free(of_b);
}

TEST(score, reads_exactly_as_it_was_set)
{
    static const double some[] = {0, -0.0, 0.1, 1e300, 5e-324, -1.7976931348623157e308, 3, 1e-30};
    crdt_store         *a = score_of(A);
    for (size_t i = 0; i < sizeof some / sizeof some[0]; i++) {
        crdt_store_free(set(a, some[i]));
        shows(a, some[i]);
        crdt_store *copy = recoded(a);
        shows(copy, some[i]);
        crdt_store_free(copy);
    }
    crdt_store_free(set(a, INFINITY));
    shows(a, INFINITY);
    crdt_store_free(set(a, -INFINITY));
    shows(a, -INFINITY);
    crdt_txn *txn = begin(a);
    CHECK_ERR(crdt_score_set(txn, CRDT_SOLO, INFINITY - INFINITY), CRDT_EINVAL);
    CHECK_ERR(crdt_score_incr(txn, CRDT_SOLO, INFINITY - INFINITY, NULL), CRDT_EINVAL);
    CHECK_ERR(crdt_score_incr(txn, CRDT_SOLO, INFINITY, NULL), CRDT_ERANGE);
    crdt_store_rollback(a);
    shows(a, -INFINITY);
    crdt_store_free(a);
}

TEST(score, increments_add_up_and_a_set_takes_what_it_saw)
{
    crdt_store *a = score_of(A), *b = score_of(B);
    crdt_delta *first = set(a, 10);
    join(b, first);
    crdt_store_free(first);
    crdt_delta *of_a = incr(a, 5), *of_b = incr(b, 0.5);
    cross(a, of_a, b, of_b, 15.5);
    of_a = set(a, 100);
    of_b = incr(b, 2);
    cross(a, of_a, b, of_b, 102);
    CHECK_OK(crdt_score_clear(begin(a), CRDT_SOLO));
    of_a = commit(a);
    of_b = incr(b, 1);
    cross(a, of_a, b, of_b, 1);
    free_all(a, b, NULL);
}

TEST(score, raises_and_lowers)
{
    crdt_store *a = score_of(A), *b = score_of(B);
    crdt_delta *first = set(a, 5);
    join(b, first);
    crdt_store_free(first);
    CHECK_OK(crdt_score_raise(begin(a), CRDT_SOLO, 4));
    crdt_store_free(commit(a));
    shows(a, 5);
    CHECK_OK(crdt_score_raise(begin(a), CRDT_SOLO, 9));
    crdt_delta *of_a = commit(a);
    CHECK_OK(crdt_score_raise(begin(b), CRDT_SOLO, 7));
    crdt_delta *of_b = commit(b);
    cross(a, of_a, b, of_b, 9);
    CHECK_OK(crdt_score_lower(begin(a), CRDT_SOLO, 1));
    of_a = commit(a);
    CHECK_OK(crdt_score_lower(begin(b), CRDT_SOLO, -2));
    of_b = commit(b);
    cross(a, of_a, b, of_b, -2);
    CHECK_OK(crdt_score_raise(begin(a), CRDT_SOLO, 50));
    of_a = commit(a);
    of_b = set(b, 3); /* at the same time by the clock: the greater replica is later */
    cross(a, of_a, b, of_b, 3);
    crdt_conflict c;
    crdt_ref      ref = crdt_store_solo(a);
    CHECK(crdt_ref_conflict(&ref, 1, &c));
    CHECK(crdt_score_of(c.value) == 3 && c.wins);
    CHECK(crdt_ref_conflict(&ref, 0, &c));
    CHECK(crdt_score_of(c.value) == 50 && !c.wins);
    free_all(a, b, NULL);
}

/* Doubles do not add up in any order; scores do. */
TEST(score, sums_do_not_depend_on_the_order_of_arrival)
{
    enum { WRITERS = 6, EACH = 4 };
    static const double amounts[] = {0.1, 1e15, -1e15, 0.3, 1.0 / 3, 1e-3, -0.7, 123456.789};
    uint64_t            seed = seed_or(3);
    crdt_store         *writer[WRITERS], *first = NULL;
    crdt_delta         *deltas[WRITERS * EACH];
    for (int w = 0; w < WRITERS; w++) {
        writer[w] = score_of((uint64_t)w + 1);
        for (int i = 0; i < EACH; i++) {
            deltas[w * EACH + i] = incr(writer[w], amounts[random_below(&seed, 8)]);
        }
    }
    for (int round = 0; round < 40; round++) {
        crdt_store *s = score_of(100);
        int         next[WRITERS] = {0};
        for (int left = WRITERS * EACH; left > 0;) {
            int w = (int)random_below(&seed, WRITERS);
            if (next[w] == EACH) continue;
            join(s, deltas[w * EACH + next[w]++]);
            left--;
        }
        if (first == NULL) {
            first = s;
            continue;
        }
        double d = 0;
        CHECK(crdt_score_get(crdt_store_solo(first), &d));
        shows(s, d);
        CHECK(same_bytes(s, first));
        crdt_store_free(s);
    }
    for (int i = 0; i < WRITERS * EACH; i++) crdt_store_free(deltas[i]);
    for (int w = 0; w < WRITERS; w++) crdt_store_free(writer[w]);
    crdt_store_free(first);
}

/* Against whole numbers of 2^-62 of which the compiler makes a double at once. */
TEST(score, what_several_add_is_rounded_once)
{
    __extension__ typedef __int128 i128;
    uint64_t                       seed = seed_or(5);
    int                            telling = 0;
    for (int round = 0; round < (T_SLOW ? 50 : 500); round++) {
        double numbers[3], comes[2];
        for (int i = 0; i < 3; i++) numbers[i] = (double)random_below(&seed, 100000) / 1000;
        crdt_store *a = score_of(A), *b = score_of(B);
        crdt_delta *base = set(a, numbers[0]);
        join(b, base);
        crdt_delta *of_a = incr(a, numbers[1]), *of_b = incr(b, numbers[2]);
        CHECK(crdt_score_get(crdt_store_solo(a), &comes[0]) && comes[0] == numbers[0] + numbers[1]);
        CHECK(crdt_score_get(crdt_store_solo(b), &comes[1]) && comes[1] == numbers[0] + numbers[2]);
        i128   units = (i128)ldexp(numbers[0], 62);
        i128   added = (i128)ldexp(comes[0], 62) + (i128)ldexp(comes[1], 62) - 2 * units;
        double once = ldexp((double)(units + added), -62);
        telling += once != numbers[0] + ldexp((double)added, -62);
        cross(a, of_a, b, of_b, once);
        free_all(a, b, base, NULL);
    }
    CHECK(telling > 0);
}

TEST(score, increments_are_those_of_double_arithmetic_and_of_any_size)
{
    static const double sizes[] = {1e-320, 1e-30, 1e-17, 1e-5, 0.1,  1,
                                   1e3,    1e15,  1e18,  1e19, 1e30, 1e300};
    uint64_t            seed = seed_or(4);
    for (int round = 0; round < (T_SLOW ? 20 : 200); round++) {
        crdt_store *a = score_of(A);
        for (int i = 0; i < 30; i++) {
            double d =
                sizes[random_below(&seed, 12)] * ((double)random_below(&seed, 2001) - 1000) / 7;
            crdt_store_free(random_below(&seed, 6) == 0 ? set(a, d) : incr(a, d));
        }
        check_store(a);
        crdt_store *copy = recoded(a);
        CHECK(same_bytes(a, copy));
        free_all(a, copy, NULL);
    }
}

TEST(score, to_an_infinity_increments_are_kept)
{
    crdt_store *a = score_of(A), *b = score_of(B);
    crdt_delta *first = set(a, INFINITY);
    join(b, first);
    crdt_store_free(first);
    crdt_delta *of_a = set(a, 10), *of_b = incr(b, 5);
    cross(a, of_a, b, of_b, 15);
    free_all(a, b, NULL);
}

TEST(score, a_transaction_sees_its_own)
{
    crdt_store *a = score_of(A);
    crdt_txn   *txn = begin(a);
    crdt_ref    ref;
    double      d;
    CHECK_OK(crdt_score_incr(txn, CRDT_SOLO, 5, NULL));
    CHECK_OK(crdt_score_incr(txn, CRDT_SOLO, 0.25, &d));
    CHECK(d == 5.25);
    CHECK_OK(crdt_score_set(txn, CRDT_SOLO, 3));
    CHECK_OK(crdt_score_incr(txn, CRDT_SOLO, 1, &d));
    CHECK(d == 4);
    CHECK_OK(crdt_txn_find(txn, CRDT_SOLO, NULL, &ref));
    CHECK(crdt_score_get(ref, &d) && d == 4);
    crdt_store_rollback(a);
    CHECK(!crdt_score_get(crdt_store_solo(a), &d));
    crdt_store_free(a);
}
