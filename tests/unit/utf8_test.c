/* utf8_test.c: UTF-8 against its definition. */
#include <stdlib.h>
#include <string.h>

#include "crdt/seq/seq_atoms.h"
#include "tests/lib/codepoints.h"
#include "tests/lib/t.h"

static uint64_t state = 88172645463325252u;

static uint32_t rnd_below(uint32_t n)
{
    return (uint32_t)random_below(&state, n);
}

/* By the definition: decode, then compare with what encoding gives. */
static bool naive_valid(const uint8_t *at, size_t size, uint32_t *ret_count)
{
    *ret_count = 0;
    while (size > 0) {
        uint8_t  again[4];
        size_t   n = at[0] < 0x80 ? 1 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
        uint32_t c = at[0] & (n == 1 ? 0x7f : 0xffu >> (n + 1));
        if (n > size) return false;
        for (size_t i = 1; i < n; i++) c = c << 6 | (at[i] & 0x3f);
        if (c > 0x10ffff || (c >= 0xd800 && c < 0xe000)) return false;
        if (put_code_point(c, again) != n || memcmp(again, at, n) != 0) return false;
        at += n;
        size -= n;
        ++*ret_count;
    }
    return true;
}

/* In a block of its own, so that a read past the end is seen. */
static void check_valid(const uint8_t *bytes, size_t size)
{
    uint8_t *copy = malloc(size + (size == 0));
    uint32_t got = 0, want;
    bool     valid = naive_valid(bytes, size, &want);
    CHECK(copy != NULL);
    if (size > 0) memcpy(copy, bytes, size);
    CHECK_EQ_INT(crdt__utf8_count(crdt_view_of(copy, size), &got), valid);
    if (valid) CHECK_EQ_INT(got, want);
    free(copy);
}

TEST(utf8, every_code_point_is_valid_and_no_part_of_it)
{
    for (uint32_t c = 0; c <= 0x10ffff; c += T_SLOW ? 7 : 1) {
        uint8_t  bytes[4];
        size_t   n = put_code_point(c, bytes);
        bool     surrogate = c >= 0xd800 && c < 0xe000;
        uint32_t count;
        CHECK_EQ_INT(crdt__utf8_count(crdt_view_of(bytes, n), &count), !surrogate);
        if (!surrogate) CHECK_EQ_INT(count, 1);
        for (size_t part = 1; part < n; part++) {
            CHECK(!crdt__utf8_count(crdt_view_of(bytes, part), &count));
            CHECK(!crdt__utf8_count(crdt_view_of(bytes + part, n - part), &count));
        }
    }
}

TEST(utf8, hostile_bytes_are_refused)
{
    static const char *const bad[] = {"\x80",
                                      "\xbf",
                                      "\xc0\x80",
                                      "\xc1\xbf",
                                      "\xc2",
                                      "\xc2\xc2",
                                      "\xe0\x80\x80",
                                      "\xe0\x9f\xbf",
                                      "\xe2\x82",
                                      "\xed\xa0\x80",
                                      "\xed\xbf\xbf",
                                      "\xf0\x80\x80\x80",
                                      "\xf0\x8f\xbf\xbf",
                                      "\xf0\x9f\x98",
                                      "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80\x80",
                                      "\xf8\x88\x80\x80\x80",
                                      "\xfc\x84\x80\x80\x80\x80",
                                      "\xfe",
                                      "\xff",
                                      "\xed\xa0\xbd\xed\xb8\x80"};
    uint8_t                  text[64];
    uint32_t                 count = 7;
    CHECK(crdt__utf8_count(crdt_view_of(NULL, 0), &count));
    CHECK_EQ_INT(count, 0);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        size_t size = strlen(bad[i]);
        for (size_t before = 0; before < 20; before++) {
            for (size_t after = 0; after < 20; after++) {
                memset(text, 'a', sizeof text);
                memcpy(text + before, bad[i], size);
                CHECK(!crdt__utf8_count(crdt_view_of(text, before + size + after), &count));
                check_valid(text, before + size + after);
            }
        }
    }
    /* All of one and two bytes; three and four made of bytes at which a rule changes. */
    for (unsigned x = 0; x < 65536; x++) {
        uint8_t two[2] = {(uint8_t)(x >> 8), (uint8_t)x};
        check_valid(two, 2);
        check_valid(two, 1);
    }
    for (unsigned round = 0; round < (T_SLOW ? 20000u : 300000u); round++) {
        static const uint8_t edges[] = {0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0,
                                        0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xed,
                                        0xef, 0xf0, 0xf3, 0xf4, 0xf5, 0xf8, 0xff};
        size_t               size = 3 + rnd_below(14);
        for (size_t i = 0; i < size; i++) {
            text[i] = rnd_below(3) > 0 ? edges[rnd_below(sizeof edges)] : 0x80;
        }
        check_valid(text, size);
        size = 0;
        while (size < 40) size += put_code_point(random_code_point(&state, true), text + size);
        text[rnd_below((uint32_t)size)] ^= (uint8_t)(rnd_below(2) << rnd_below(8));
        check_valid(text, size - rnd_below(2));
    }
}

/* Each prefix of a text, in both units. */
static void check_prefixes(const uint8_t *text, size_t size)
{
    uint64_t units = 0;
    uint32_t codes = 0, got = 0;
    size_t   at = 0;
    while (true) {
        size_t n = at < size ? (text[at] < 0x80   ? 1
                                : text[at] < 0xe0 ? 2
                                : text[at] < 0xf0 ? 3
                                                  : 4)
                             : 1;
        CHECK(crdt__utf8_prefix(text, size, true, at, &got));
        CHECK_EQ_INT(got, codes);
        CHECK(crdt__utf8_prefix(text, size, false, units, &got));
        CHECK_EQ_INT(got, codes);
        CHECK_EQ_INT(crdt__utf8_skip(text, size, codes), at);
        if (at == size) break;
        for (size_t i = 1; i < n; i++) CHECK(!crdt__utf8_prefix(text, size, true, at + i, &got));
        if (n == 4) CHECK(!crdt__utf8_prefix(text, size, false, units + 1, &got));
        at += n;
        units += n == 4 ? 2 : 1;
        codes++;
    }
    CHECK(!crdt__utf8_prefix(text, size, true, size + 1, &got));
    CHECK(!crdt__utf8_prefix(text, size, true, UINT64_MAX, &got));
    CHECK(!crdt__utf8_prefix(text, size, false, units + 1, &got));
    CHECK(!crdt__utf8_prefix(text, size, false, UINT64_MAX, &got));
}

TEST(utf8, sums_prefixes_and_skips_are_those_of_each_code_point)
{
    static const uint8_t none[1] = {0};
    check_prefixes(none, 0);
    for (unsigned round = 0; round < (T_SLOW ? 200u : 2000u); round++) {
        uint8_t    text[160], *copy;
        size_t     size = 0, max = rnd_below(150);
        crdt__sums sums, want = {0, 0, 0};
        while (size < max) {
            size_t n = put_code_point(random_code_point(&state, round % 4 > 0), text + size);
            want.units16 += n == 4 ? 2 : 1;
            want.lines += text[size] == '\n';
            size += n;
        }
        copy = malloc(size + (size == 0));
        CHECK(copy != NULL);
        memcpy(copy, text, size);
        sums = crdt__utf8_sums(copy, size);
        CHECK_EQ_INT(sums.bytes, size);
        CHECK_EQ_INT(sums.units16, want.units16);
        CHECK_EQ_INT(sums.lines, want.lines);
        CHECK_EQ_INT(crdt__utf8_lines(copy, size), want.lines);
        check_prefixes(copy, size);
        free(copy);
    }
}

TEST(utf8, sums_of_long_texts_do_not_wrap)
{
    size_t   size = 40000;
    uint8_t *text = malloc(size);
    CHECK(text != NULL);
    memset(text, '\n', size);
    CHECK_EQ_INT(crdt__utf8_sums(text, size).lines, size);
    CHECK_EQ_INT(crdt__utf8_lines(text, size - 3), size - 3);
    for (size_t i = 0; i < size; i += 4) put_code_point(0x1f600, text + i);
    CHECK_EQ_INT(crdt__utf8_sums(text, size).units16, size / 2);
    CHECK_EQ_INT(crdt__utf8_sums(text, size).lines, 0);
    free(text);
}
