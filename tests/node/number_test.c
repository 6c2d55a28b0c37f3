/* Numbers as the protocol and configuration files write them: tables, and there and back. */
#include "node/number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/random.h"
#include "tests/lib/t.h"

static bool reads_int(const char *text, int64_t expected)
{
    int64_t n = ~expected;
    return number_int64(crdt_text_view(text), &n) && n == expected;
}

TEST(number, integers_have_one_form)
{
    static const char *const wrong[] = {"",
                                        "-",
                                        "+1",
                                        " 1",
                                        "1 ",
                                        "01",
                                        "-01",
                                        "-0",
                                        "00",
                                        "1.0",
                                        "1e3",
                                        "0x1",
                                        "--1",
                                        "1-",
                                        "٣",
                                        "9223372036854775808",
                                        "-9223372036854775809",
                                        "18446744073709551616",
                                        "99999999999999999999",
                                        "100000000000000000000"};
    CHECK(reads_int("0", 0) && reads_int("7", 7) && reads_int("-1", -1) && reads_int("10", 10));
    CHECK(reads_int("9223372036854775807", INT64_MAX));
    CHECK(reads_int("-9223372036854775808", INT64_MIN));
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        int64_t n = 42;
        CHECK_MSG(!number_int64(crdt_text_view(wrong[i]), &n), "%s", wrong[i]);
        CHECK_EQ_INT(n, 42);
    }
    int64_t n = 42;
    CHECK(!number_int64(crdt_view_of(NULL, 0), &n));
    CHECK(!number_int64(crdt_view_of("1\0", 2), &n));
}

TEST(number, unsigned_ones_reach_to_their_end)
{
    uint64_t n = 42;
    CHECK(number_uint64(crdt_text_view("18446744073709551615"), &n) && n == UINT64_MAX);
    n = 42;
    CHECK(!number_uint64(crdt_text_view("18446744073709551616"), &n) && n == 42);
    CHECK(!number_uint64(crdt_text_view("-1"), &n) && n == 42);
}

TEST(number, integers_read_back)
{
    uint64_t random = seed_or(1);
    for (unsigned round = 0; round < 100000; round++) {
        uint64_t any = next_random(&random);
        any >>= next_random(&random) % 64;
        int64_t  n = (int64_t)(round % 2 == 0 ? any : 0 - any), again;
        char     out[NUMBER_INT_MAX], plain[32];
        uint64_t back;
        size_t   size = number_print_int64(n, out);
        CHECK_EQ_INT(size, snprintf(plain, sizeof plain, "%jd", (intmax_t)n));
        CHECK_EQ_MEM(out, size, plain, size);
        CHECK(number_int64(crdt_view_of(out, size), &again) && again == n);
        size = number_print_uint64(any, out);
        CHECK(number_uint64(crdt_view_of(out, size), &back) && back == any);
    }
}

TEST(number, integers_of_128_bits)
{
    static const struct {
        crdt_i128   n;
        const char *text;
    } rows[] = {
        {{0, 0}, "0"},
        {{7, 0}, "7"},
        {{UINT64_MAX, -1}, "-1"},
        {{UINT64_MAX, 0}, "18446744073709551615"},
        {{0, 1}, "18446744073709551616"},
        {{0, -1}, "-18446744073709551616"},
        {{UINT64_MAX, INT64_MAX}, "170141183460469231731687303715884105727"},
        {{0, INT64_MIN}, "-170141183460469231731687303715884105728"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char   out[NUMBER_INT128_MAX];
        size_t size = number_print_int128(rows[i].n, out);
        CHECK_EQ_MEM(out, size, rows[i].text, strlen(rows[i].text));
    }
}

TEST(number, doubles_read)
{
    static const struct {
        const char *text;
        double      n;
    } rows[] = {{"0", 0},           {"1.5", 1.5},
                {"-3e8", -3e8},     {".5", .5},
                {"1.", 1},          {"+2", 2},
                {"0x1p4", 16},      {"inf", HUGE_VAL},
                {"1e-310", 1e-310}, {"-INFINITY", -HUGE_VAL},
                {"00012", 12},      {"1e308", 1e308}};
    static const char *const wrong[] = {"",      " 1",     "1 ",  "nan", "-nan", "a",     "1a",
                                        "1e999", "1e-999", "1,5", "\t1", "e5",   "nan(7)"};
    double                   n = 42;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CHECK_MSG(number_double(crdt_text_view(rows[i].text), &n), "%s", rows[i].text);
        CHECK(!(n < rows[i].n) && !(n > rows[i].n));
    }
    n = 42;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        CHECK_MSG(!number_double(crdt_text_view(wrong[i]), &n), "%s", wrong[i]);
    }
    CHECK(!number_double(crdt_view_of("1\0", 2), &n));
    CHECK(n > 41 && n < 43);
}

TEST(number, doubles_read_back)
{
    uint64_t random = seed_or(2);
    for (unsigned round = 0; round < 100000; round++) {
        uint64_t bits = next_random(&random);
        double   n, again;
        char     out[NUMBER_DOUBLE_MAX];
        memcpy(&n, &bits, sizeof n);
        size_t size = number_print_double(n, out);
        CHECK(size < NUMBER_DOUBLE_MAX);
        bool read = number_double(crdt_view_of(out, size), &again);
        if (isnan(n)) {
            CHECK(!read && size == 3 && memcmp(out, "nan", 3) == 0);
            continue;
        }
        CHECK_MSG(read, "%.*s", (int)size, out);
        CHECK_EQ_MEM(&again, sizeof again, &n, sizeof n);
    }
}

TEST(number, bytes_have_units)
{
    static const struct {
        const char *text;
        uint64_t    n;
    } rows[] = {{"0", 0},           {"100", 100},
                {"1b", 1},          {"1k", 1000},
                {"1kb", 1024},      {"2M", 2000000},
                {"64mb", 67108864}, {"1g", 1000000000},
                {"1GB", 1 << 30},   {"17179869183gb", (UINT64_C(1) << 34) - 1}};
    static const char *const wrong[] = {
        "",      "mb",   "-1",   "1 mb",          "1tb",
        "1.5mb", "1kib", "0x10", "17179869184gb", "18446744073709551616",
        "1mbx",  "01mb"};
    uint64_t n = 42;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CHECK_MSG(number_bytes(crdt_text_view(rows[i].text), &n), "%s", rows[i].text);
        CHECK_EQ_INT(n, i + 1 < sizeof rows / sizeof *rows ? rows[i].n : rows[i].n << 30);
    }
    n = 42;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        CHECK_MSG(!number_bytes(crdt_text_view(wrong[i]), &n) && n == 42, "%s", wrong[i]);
    }
}

TEST(number, durations_have_units)
{
    static const struct {
        const char *text;
        uint64_t    ms;
    } rows[] = {{"0", 0},       {"10", 10000},   {"10s", 10000},   {"250ms", 250},
                {"2m", 120000}, {"1H", 3600000}, {"3d", 259200000}};
    uint64_t ms = 42;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CHECK_MSG(number_duration(crdt_text_view(rows[i].text), &ms), "%s", rows[i].text);
        CHECK_EQ_INT(ms, rows[i].ms);
    }
    CHECK(!number_duration(crdt_text_view("5 s"), &ms));
    CHECK(!number_duration(crdt_text_view("18446744073709552"), &ms));
}

TEST(number, bytes_for_people)
{
    static const struct {
        uint64_t    n;
        const char *human, *exact;
    } rows[] = {{0, "0B", "0"},
                {1023, "1023B", "1023"},
                {1024, "1.00K", "1kb"},
                {1536, "1.50K", "1536"},
                {64 << 20, "64.00M", "64mb"},
                {UINT64_C(3) << 30, "3.00G", "3gb"},
                {UINT64_C(5) << 40, "5.00T", "5120gb"},
                {UINT64_MAX, "16.00E", "18446744073709551615"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char     out[NUMBER_HUMAN_MAX];
        uint64_t back = 0;
        size_t   size = number_human(rows[i].n, out);
        CHECK_EQ_MEM(out, size, rows[i].human, strlen(rows[i].human));
        size = number_print_bytes(rows[i].n, out);
        CHECK_EQ_MEM(out, size, rows[i].exact, strlen(rows[i].exact));
        CHECK(number_bytes(crdt_view_of(out, size), &back) && back == rows[i].n);
    }
}
