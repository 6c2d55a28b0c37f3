/* decimal_test.c: exact decimals: text, sums, edges. */
#include <stdio.h>
#include <string.h>

#include "crdt/core/decimal.h"
#include "tests/lib/random.h"
#include "tests/lib/t.h"

__extension__ typedef __int128 i128;

#define UNITS ((i128)100000000000000000)

/* -- Text: every answer by Python's decimal module (quantize to 17 digits, ROUND_HALF_UP) ------ */

typedef struct sample {
    const char *text, *shows; /* shows NULL: EINVAL; "": ERANGE */
} sample;

static const sample samples[] = {
    {"0", "0"},
    {"-0", "0"},
    {"-0.0", "0"},
    {"5", "5"},
    {"+5", "5"},
    {"007", "7"},
    {"5.", "5"},
    {".5", "0.5"},
    {"-.5", "-0.5"},
    {"3.1400", "3.14"},
    {"-3.14", "-3.14"},
    {"-1.00000000000000001", "-1.00000000000000001"},
    {"0.00000000000000001", "0.00000000000000001"},
    {"1e-17", "0.00000000000000001"},
    {"1e-18", "0"},
    {"5e-18", "0.00000000000000001"},
    {"-5e-18", "-0.00000000000000001"},
    {"4.9999e-18", "0"},
    {"0.999999999999999995", "1"},
    {"-0.999999999999999995", "-1"},
    {"0.999999999999999994", "0.99999999999999999"},
    {"0.1", "0.1"},
    {"3.3333333333333335e-05", "0.00003333333333333"},
    {"5.0e3", "5000"},
    {"1E+2", "100"},
    {"12345.678e-3", "12.345678"},
    {"12345.678e3", "12345678"},
    {"9223372036854775807", "9223372036854775807"},
    {"9223372036854775808", "9223372036854775808"},
    {"-9223372036854775808", "-9223372036854775808"},
    {"-9223372036854775809.5", "-9223372036854775809.5"},
    {"18446744073709551616", "18446744073709551616"},
    {"9999999999999999999999999999999999999", "9999999999999999999999999999999999999"},
    {"9999999999999999999999999999999999999.99999999999999999",
     "9999999999999999999999999999999999999.99999999999999999"},
    {"1e36", "1000000000000000000000000000000000000"},
    {"-1e36", "-1000000000000000000000000000000000000"},
    {"0.0000000000000000000000000000000000001e37", "1"},
    {"1000000000000000000000000000000000000000e-38", "10"},
    {"000000000000000000000000000000000000000000012", "12"},
    {"0e99999999999999999999999", "0"},
    {"1e-99999999999999999999999", "0"},
    {"1e37", ""},
    {"10000000000000000000000000000000000000", ""},
    {"-1e99999999999999999999999", ""},
    {"", NULL},
    {"+", NULL},
    {"-", NULL},
    {".", NULL},
    {"-.", NULL},
    {"e5", NULL},
    {"1e", NULL},
    {"1e+", NULL},
    {"1.2.3", NULL},
    {"1 ", NULL},
    {" 1", NULL},
    {"--1", NULL},
    {"1e5.0", NULL},
    {"0x10", NULL},
    {"inf", NULL},
    {"nan", NULL},
    {"1,5", NULL},
    {"1_000", NULL}};

TEST(decimal, reads_and_prints_as_python_does)
{
    crdt_buf out;
    crdt_buf_init(&out, NULL);
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        const sample *s = &samples[i];
        crdt__decimal n;
        crdt_err      err = crdt__decimal_parse(crdt_text_view(s->text), &n);
        if (s->shows == NULL || *s->shows == 0) {
            CHECK_MSG(err == (s->shows == NULL ? CRDT_EINVAL : CRDT_ERANGE), "\"%s\" gave %s",
                      s->text, crdt_err_name(err));
            continue;
        }
        CHECK_MSG(err == CRDT_OK, "\"%s\" gave %s", s->text, crdt_err_name(err));
        crdt_buf_reset(&out);
        crdt__decimal_print(n, &out);
        crdt_buf_byte(&out, 0);
        CHECK_MSG(strcmp((const char *)out.data, s->shows) == 0, "\"%s\" shows %s", s->text,
                  (const char *)out.data);
    }
    crdt_buf_clear(&out);
}

TEST(decimal, long_text_takes_linear_time)
{
    enum { SIZE = 1000000 };
    static char   text[SIZE];
    crdt__decimal n;
    memset(text, '0', SIZE);
    CHECK_OK(crdt__decimal_parse(crdt_view_of(text, SIZE), &n));
    CHECK_EQ_INT(n.whole.lo, 0);
    text[0] = '.';
    text[17] = '3';
    memset(text + 18, '9', SIZE - 18);
    CHECK_OK(crdt__decimal_parse(crdt_view_of(text, SIZE), &n));
    CHECK_EQ_INT(n.frac, 4);
    memset(text, '9', SIZE);
    CHECK_ERR(crdt__decimal_parse(crdt_view_of(text, SIZE), &n), CRDT_ERANGE);
    CHECK_OK(crdt__decimal_parse(crdt_view_of(text, 37), &n));
}

TEST(decimal, integers_have_one_form)
{
    int64_t n = 77;
    CHECK_OK(crdt__decimal_int(crdt_text_view("0"), &n));
    CHECK_EQ_INT(n, 0);
    CHECK_OK(crdt__decimal_int(crdt_text_view("9223372036854775807"), &n));
    CHECK_EQ_INT(n, INT64_MAX);
    CHECK_OK(crdt__decimal_int(crdt_text_view("-9223372036854775808"), &n));
    CHECK(n == INT64_MIN);
    static const char *const beyond[] = {"9223372036854775808", "-9223372036854775809",
                                         "18446744073709551616", "99999999999999999999999"};
    static const char *const others[] = {
        "",   "-",  "-0",  "+1", "01", "-01", "1.0",
        " 1", "1 ", "1e3", "a",  "1a", "00",  "9223372036854775808a"};
    for (size_t i = 0; i < sizeof beyond / sizeof *beyond; i++) {
        CHECK_ERR(crdt__decimal_int(crdt_text_view(beyond[i]), &n), CRDT_ERANGE);
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        CHECK_MSG(crdt__decimal_int(crdt_text_view(others[i]), &n) == CRDT_EINVAL, "\"%s\"",
                  others[i]);
    }
}

/* -- Sums, beside the compiler's 128-bit integers ---------------------------------------------- */

static crdt__amount amount_of(i128 units)
{
    i128 whole = units / UNITS, frac = units % UNITS;
    if (frac < 0) {
        frac += UNITS;
        whole--;
    }
    return (crdt__amount){(int64_t)whole, (uint64_t)frac};
}

static i128 units_of(crdt__decimal n)
{
    i128 whole = (i128)n.whole.hi * ((i128)1 << 64) + n.whole.lo;
    return whole * UNITS + n.frac;
}

static uint64_t seed;

static i128 random_units(void)
{
    static const int64_t wholes[] = {0, 0, 1, -1, 7, INT64_MAX, INT64_MIN, 1000000};
    static const int64_t fracs[] = {0, 0, 1, 99999999999999999, 50000000000000000, 12345};
    return wholes[random_below(&seed, 8)] * UNITS + fracs[random_below(&seed, 6)];
}

TEST(decimal, sums_are_those_of_128_bit_integers)
{
    seed = seed_or(11);
    for (int round = 0; round < 20000; round++) {
        i128          exact = 0;
        crdt__decimal sum = {{0, 0}, 0};
        for (int i = 0; i < 40; i++) {
            i128 n = random_units();
            bool take = random_below(&seed, 3) == 0;
            exact += take ? -n : n;
            if (take) crdt__decimal_take(&sum, amount_of(n), CRDT__DECIMAL_ONE);
            else crdt__decimal_add(&sum, amount_of(n), CRDT__DECIMAL_ONE);
            CHECK(sum.frac < CRDT__DECIMAL_ONE);
            CHECK(units_of(sum) == exact);
            crdt_i128 fixed;
            CHECK_OK(crdt__decimal_to_fixed(sum, &fixed));
            CHECK(fixed.lo == (uint64_t)exact && fixed.hi == (int64_t)(exact >> 64));
        }
    }
}

TEST(decimal, an_amount_never_leaves_64_bits)
{
    seed = seed_or(12);
    const i128 least = INT64_MIN * UNITS, most = INT64_MAX * UNITS + (UNITS - 1);
    int        kept = 0, refused = 0;
    for (int round = 0; round < 200000; round++) {
        i128         a = random_units(), b = random_units();
        crdt__amount sum = amount_of(a), before = sum;
        bool         fits = a + b >= least && a + b <= most;
        CHECK(crdt__amount_add(&sum, amount_of(b), CRDT__DECIMAL_ONE) == fits);
        CHECK(crdt__amount_equal(sum, fits ? amount_of(a + b) : before));
        kept += fits;
        refused += !fits;
    }
    CHECK(kept > 1000 && refused > 1000);
}

TEST(decimal, what_fixed_point_holds)
{
    crdt__decimal n;
    crdt_i128     fixed;
    const char   *most = "1701411834604692317316.87303715884105727"; /* 2^127 - 1 units */
    CHECK_OK(crdt__decimal_parse(crdt_text_view(most), &n));
    CHECK_OK(crdt__decimal_to_fixed(n, &fixed));
    CHECK(fixed.lo == UINT64_MAX && fixed.hi == INT64_MAX);
    crdt__decimal_add(&n, (crdt__amount){0, 1}, CRDT__DECIMAL_ONE);
    CHECK_ERR(crdt__decimal_to_fixed(n, &fixed), CRDT_ERANGE);
    CHECK_OK(crdt__decimal_parse(crdt_text_view("-1701411834604692317316.87303715884105727"), &n));
    CHECK_OK(crdt__decimal_to_fixed(n, &fixed));
    CHECK(fixed.lo == 1 && fixed.hi == INT64_MIN);
    CHECK_OK(crdt__decimal_parse(crdt_text_view("1e36"), &n));
    CHECK_ERR(crdt__decimal_to_fixed(n, &fixed), CRDT_ERANGE);
    CHECK_OK(crdt__decimal_parse(crdt_text_view("-2e21"), &n));
    CHECK_ERR(crdt__decimal_to_fixed(n, &fixed), CRDT_ERANGE);
}
