/* binary_test.c: core/binary: doubles as exact numbers and as text, against the C library. */
#include "crdt/core/binary.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/random.h"
#include "tests/lib/t.h"

#define ROUNDS (T_SLOW ? 20000 : 300000)

__extension__ typedef __int128 i128;

/* Any bits; or of a size that numbers usually have; or few digits. */
static double draw(uint64_t *seed)
{
    uint64_t bits = next_random(seed);
    switch (random_below(seed, 3)) {
    case 0: return crdt__double_of(bits);
    case 1: return ldexp((double)(int64_t)bits, (int)random_below(seed, 140) - 130);
    default: return (double)((int64_t)(bits % 2000001) - 1000000) / 1000;
    }
}

static void check_print(double d)
{
    crdt_buf out;
    char     text[64];
    crdt_buf_init(&out, NULL);
    crdt__double_print(d, &out);
    int size = snprintf(text, sizeof text, "%.17g", d);
    CHECK_MSG(out.size == (size_t)size && memcmp(out.data, text, out.size) == 0, "%a: %.*s, not %s",
              d, (int)out.size, (const char *)out.data, text);
    crdt_buf_clear(&out);
}

TEST(binary, prints_as_the_c_library_does)
{
    static const double some[] = {0,
                                  -0.0,
                                  1,
                                  -1,
                                  0.1,
                                  0.5,
                                  1e16,
                                  1e17,
                                  99999999999999999.0,
                                  1e-4,
                                  1e-5,
                                  9.9999999999999995e-05,
                                  DBL_MAX,
                                  DBL_MIN,
                                  DBL_TRUE_MIN,
                                  0.3,
                                  123456789012345678.0,
                                  9007199254740993.0,
                                  INFINITY,
                                  -INFINITY};
    uint64_t            seed = seed_or(28);
    for (size_t i = 0; i < sizeof some / sizeof some[0]; i++) check_print(some[i]);
    for (int i = 0; i < ROUNDS / 10; i++) {
        double d = draw(&seed);
        if (!isnan(d)) check_print(d);
    }
}

/* whole * 2^62 + frac, of numbers that are small enough. */
static i128 units_of(crdt__decimal n)
{
    return (int64_t)n.whole.lo * ((i128)1 << 62) + (i128)n.frac;
}

TEST(binary, what_is_exact_comes_back)
{
    uint64_t seed = seed_or(29);
    int      exact = 0;
    for (int i = 0; i < ROUNDS; i++) {
        double        d = draw(&seed), finer = ldexp(d, 62);
        crdt__decimal n;
        bool fits = isfinite(d) && fabs(d) < 0x1p126 && (finer == trunc(finer) || fabs(d) > 1);
        CHECK_MSG(crdt__binary_of(d, &n) == fits, "%a", d);
        if (!fits) continue;
        CHECK_MSG(n.frac < CRDT__BINARY_ONE, "%a", d);
        CHECK_MSG(crdt__binary_round(n) == d, "%a", d);
        if (fabs(d) < 0x1p60) CHECK_MSG(units_of(n) == (i128)finer, "%a", d);
        exact++;
    }
    CHECK(exact > ROUNDS / 3);
}

/* Against the compiler's conversion from a 128-bit integer, which rounds once. */
TEST(binary, sums_round_once_to_the_nearest_ties_to_even)
{
    uint64_t seed = seed_or(30);
    for (int i = 0; i < ROUNDS; i++) {
        i128 units = (i128)((uint64_t)next_random(&seed) >> 2) << 62 | (next_random(&seed) >> 2);
        units >>= random_below(&seed, 124);
        if (random_below(&seed, 3) == 0) units |= (i128)1 << 60; /* near a tie */
        if (random_below(&seed, 3) == 0) units &= ~(i128)0xffff;
        if (random_below(&seed, 2) == 0) units = -units;
        crdt__decimal n = {{(uint64_t)(units >> 62), units < 0 ? -1 : 0},
                           (uint64_t)units & (CRDT__BINARY_ONE - 1)};
        double        d = crdt__binary_round(n);
        CHECK_MSG(d == ldexp((double)units, -62), "%a, not %a", d, ldexp((double)units, -62));
    }
    crdt__decimal tie = {{UINT64_C(9007199254740993), 0}, 0}; /* 2^53 + 1 */
    CHECK(crdt__binary_round(tie) == 9007199254740992.0);
    tie.frac = 1;
    CHECK(crdt__binary_round(tie) == 9007199254740994.0);
    tie = (crdt__decimal){{0, INT64_MIN}, 0};
    CHECK(crdt__binary_round(tie) == -0x1p127);
}

TEST(binary, reads_decimals_as_the_c_library_does)
{
    uint64_t seed = seed_or(31);
    char     text[64];
    double   d;
    for (int i = 0; i < ROUNDS / 10; i++) {
        int64_t whole = (int64_t)(next_random(&seed) >> (1 + random_below(&seed, 63)));
        snprintf(text, sizeof text, "%s%lld.%017llu", i % 2 ? "-" : "", (long long)whole,
                 (unsigned long long)(next_random(&seed) % CRDT__DECIMAL_ONE >>
                                      random_below(&seed, 57)));
        CHECK_OK(crdt__double_parse(crdt_text_view(text), &d));
        CHECK_MSG(d == strtod(text, NULL), "%s: %a, not %a", text, d, strtod(text, NULL));
    }
    CHECK_OK(crdt__double_parse(crdt_text_view("1e21"), &d));
    CHECK(d == 1e21);
    CHECK_ERR(crdt__double_parse(crdt_text_view("1.8e21"), &d), CRDT_ERANGE);
    CHECK_ERR(crdt__double_parse(crdt_text_view("nan"), &d), CRDT_EINVAL);
    CHECK_ERR(crdt__double_parse(crdt_text_view(""), &d), CRDT_EINVAL);
}
