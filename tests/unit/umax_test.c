/* umax_test.c: the vector kernels against their portable forms and against plain loops. */
#include "crdt/core/umax.h"

#include <string.h>

#include "tests/lib/t.h"

#define N_MAX 70

static uint64_t state = 88172645463325252u;

static uint64_t rnd(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

/* Numbers around the places where comparing goes wrong: 0, sign bits, halves, all ones. */
static uint64_t edgy(void)
{
    static const uint64_t edges[] = {0,          1,
                                     INT32_MAX,  UINT64_C(1) << 31,
                                     UINT32_MAX, UINT64_C(1) << 32,
                                     INT64_MAX,  UINT64_C(1) << 63,
                                     UINT64_MAX};
    uint64_t              n = rnd();
    if (n % 3 == 0) return n;
    return edges[n / 3 % (sizeof edges / sizeof edges[0])] + n / 64 % 3 - 1;
}

static bool naive_agrees(uint64_t a, uint64_t b)
{
    uint32_t a_seq = (uint32_t)(a >> 32), b_seq = (uint32_t)(b >> 32);
    uint32_t a_total = (uint32_t)a, b_total = (uint32_t)b;
    if (a_seq == b_seq) return a_total == b_total;
    return a_seq < b_seq ? a_total <= b_total : a_total >= b_total;
}

TEST(umax, vector_and_portable_maximum_are_equal)
{
    for (unsigned round = 0; round < 20000; round++) {
        uint64_t a[N_MAX], b[N_MAX], fast[N_MAX], slow[N_MAX];
        size_t   n = rnd() % N_MAX, skew = rnd() % 3;
        bool     rises = false;
        for (size_t i = 0; i < N_MAX; i++) {
            a[i] = edgy();
            b[i] = round % 3 == 0 || rnd() % 16 == 0 ? edgy() : a[i];
        }
        memcpy(fast, a, sizeof a);
        memcpy(slow, a, sizeof a);
        if (skew > n) skew = n;
        for (size_t i = skew; i < n; i++) rises |= b[i] > a[i];
        CHECK_EQ_INT(crdt__umax(fast + skew, b + skew, n - skew), rises);
        CHECK_EQ_INT(crdt__umax_portable(slow + skew, b + skew, n - skew), rises);
        for (size_t i = 0; i < N_MAX; i++) {
            bool within = i >= skew && i < n;
            CHECK_EQ_INT(fast[i], within && b[i] > a[i] ? b[i] : a[i]);
        }
        CHECK_EQ_MEM(fast, sizeof fast, slow, sizeof slow);
    }
}

TEST(umax, packed_agreement_is_that_of_each_pair)
{
    for (unsigned round = 0; round < 20000; round++) {
        uint64_t a[N_MAX], b[N_MAX];
        size_t   n = rnd() % N_MAX;
        bool     agree = true;
        for (size_t i = 0; i < n; i++) {
            uint64_t step = rnd() % 3;
            a[i] = edgy();
            b[i] = a[i];
            if (step > 0 && a[i] >> 32 < UINT32_MAX && (uint32_t)a[i] < UINT32_MAX) {
                b[i] += (UINT64_C(1) << 32) + step - 1;
            }
            if (round % 2 == 0 && rnd() % 64 == 0) b[i] = edgy();
            agree = agree && naive_agrees(a[i], b[i]);
        }
        CHECK_EQ_INT(crdt__packed_agree(a, b, n), agree);
        CHECK_EQ_INT(crdt__packed_agree(b, a, n), agree);
        CHECK_EQ_INT(crdt__packed_agree_portable(a, b, n), agree);
    }
}

TEST(umax, wide_agreement_is_that_of_each_pair)
{
    uint64_t one[] = {1, 2, 3, 4, 5}, total[] = {10, 20, 30, 40, 50};
    uint64_t two[] = {1, 3, 3, 4, 5}, more[] = {10, 21, 30, 40, 50};
    CHECK(crdt__wide_agree(one, total, two, more, 5));
    CHECK(crdt__wide_agree(two, more, one, total, 5));
    more[4] = 51; /* one dot, two totals */
    CHECK(!crdt__wide_agree(one, total, two, more, 5));
    CHECK(!crdt__wide_agree(two, more, one, total, 5));
    more[4] = 50;
    more[1] = 19; /* a later dot, a lesser total */
    CHECK(!crdt__wide_agree(one, total, two, more, 5));
    CHECK(!crdt__wide_agree(two, more, one, total, 5));
}

TEST(umax, sums_of_halves_carry_nothing_over)
{
    uint64_t a[N_MAX], low, high;
    for (size_t n = 0; n < N_MAX; n++) {
        a[n] = UINT64_MAX;
        crdt__halves_sum(a, n, &low, &high);
        CHECK_EQ_INT(low, n * UINT32_MAX);
        CHECK_EQ_INT(high, n * UINT32_MAX);
    }
    for (unsigned round = 0; round < 1000; round++) {
        uint64_t want_low = 0, want_high = 0;
        size_t   n = rnd() % N_MAX;
        for (size_t i = 0; i < n; i++) {
            a[i] = edgy();
            want_low += (uint32_t)a[i];
            want_high += a[i] >> 32;
        }
        crdt__halves_sum(a, n, &low, &high);
        CHECK_EQ_INT(low, want_low);
        CHECK_EQ_INT(high, want_high);
    }
}
