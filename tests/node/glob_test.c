/* Patterns: a table, all short ones against a second matcher, and hostile ones. */
#include "node/glob.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/random.h"
#include "tests/lib/t.h"

static bool fits(const char *pattern, const char *text)
{
    return glob_match(crdt_text_view(pattern), crdt_text_view(text));
}

TEST(glob, what_fits)
{
    static const char *const rows[][2] = {
        {"", ""},
        {"*", ""},
        {"*", "anything"},
        {"**", ""},
        {"h?llo", "hello"},
        {"h*llo", "hllo"},
        {"h*llo", "heeeello"},
        {"h[ae]llo", "hallo"},
        {"h[^e]llo", "hallo"},
        {"h[a-b]llo", "hbllo"},
        {"h[b-a]llo", "hallo"},
        {"[a\\-z]", "-"},
        {"[a\\]]", "]"},
        {"[\\^]", "^"},
        {"[a^]", "^"},
        {"[^]", "x"},
        {"[abc", "b"},
        {"[a-", "-"},
        {"[a-]", "b"}, /* the range from ] to a, not closed */
        {"\\*", "*"},
        {"a\\", "a\\"},
        {"\\a\\?", "a?"},
        {"]", "]"},
        {"*a*b*", "xxaxxbxx"},
        {"user:*:name", "user:7:8:name"},
        {"*.[ch]", "glob.c"},
        {"\xc3?", "\xc3\xa9"},
        {"[\x80-\xff]", "\xa9"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bool expected = strcmp(rows[i][0], "[a-]") != 0;
        CHECK_MSG(fits(rows[i][0], rows[i][1]) == expected, "%s %s", rows[i][0], rows[i][1]);
    }
    CHECK(fits("[a-]", "_"));
}

TEST(glob, what_does_not)
{
    static const char *const rows[][2] = {
        {"", "a"},
        {"a", ""},
        {"?", ""},
        {"[a]", ""},
        {"a", "A"},
        {"h[^e]llo", "hello"},
        {"h[a-b]llo", "hcllo"},
        {"[]", "a"},
        {"[]a]", "a"},
        {"\\*", "a"},
        {"a*b", "abc"},
        {"*a", "ab"},
        {"a*a", "a"},
        {"??", "a"},
        {"[^a-c]", "b"},
        {"[a\\-z]", "b"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CHECK_MSG(!fits(rows[i][0], rows[i][1]), "%s %s", rows[i][0], rows[i][1]);
    }
}

TEST(glob, nul_is_a_byte_like_any_other)
{
    CHECK(glob_match(crdt_view_of("a\0*", 3), crdt_view_of("a\0bc", 4)));
    CHECK(!glob_match(crdt_view_of("a\0*", 3), crdt_view_of("abc", 3)));
    CHECK(glob_match(crdt_view_of(NULL, 0), crdt_view_of(NULL, 0)));
    CHECK(glob_match_nocase(crdt_text_view("*"), crdt_view_of(NULL, 0)));
}

TEST(glob, case_may_not_matter)
{
    CHECK(glob_match_nocase(crdt_text_view("MAX*"), crdt_text_view("maxmemory")));
    CHECK(glob_match_nocase(crdt_text_view("[K-M]a\\X"), crdt_text_view("mAx")));
    CHECK(!glob_match_nocase(crdt_text_view("[^k-m]"), crdt_text_view("L")));
    CHECK(!glob_match_nocase(crdt_text_view("[\\]"), crdt_text_view("{")));
}

/* -- A second matcher: elements as sets of bytes, all places at once --------------------------- */

typedef struct element {
    bool star, has[256];
} element;

/* The element at *at of the pattern, which is not at its end. */
static element next_element(const char *pattern, size_t *at)
{
    element e = {.star = false};
    char    c = pattern[(*at)++];
    if (c == '*') e.star = true;
    if (c == '?') memset(e.has, true, sizeof e.has);
    if (c == '\\' && pattern[*at] != 0) e.has[(uint8_t)pattern[(*at)++]] = true;
    else if (c != '*' && c != '?' && c != '[') e.has[(uint8_t)c] = true;
    if (c != '[') return e;
    bool negated = pattern[*at] == '^';
    if (negated) (*at)++;
    while (pattern[*at] != 0 && pattern[*at] != ']') {
        const char *in = pattern + *at;
        if (in[0] == '\\' && in[1] != 0) {
            e.has[(uint8_t)in[1]] = true;
            *at += 2;
        } else if (in[1] == '-' && in[2] != 0) {
            for (unsigned i = 0; i < 256; i++) {
                uint8_t a = (uint8_t)in[0], b = (uint8_t)in[2];
                if ((a <= i && i <= b) || (b <= i && i <= a)) e.has[i] = true;
            }
            *at += 3;
        } else {
            e.has[(uint8_t)in[0]] = true;
            *at += 1;
        }
    }
    if (pattern[*at] != 0) (*at)++;
    for (size_t i = 0; i < 256 && negated; i++) e.has[i] = !e.has[i];
    return e;
}

/* may[i]: what was read of the pattern fits the first i bytes. */
static bool fits_slowly(const char *pattern, const char *text)
{
    bool   may[32] = {true};
    size_t size = strlen(text);
    CHECK(size < sizeof may);
    for (size_t at = 0; pattern[at] != 0;) {
        element e = next_element(pattern, &at);
        for (size_t i = 1; i <= size && e.star; i++) may[i] = may[i] || may[i - 1];
        for (size_t i = size; i > 0 && !e.star; i--) {
            may[i] = may[i - 1] && e.has[(uint8_t)text[i - 1]];
        }
        if (!e.star) may[0] = false;
    }
    return may[size];
}

static void same(const char *pattern, const char *text)
{
    bool quick = fits(pattern, text), slow = fits_slowly(pattern, text);
    CHECK_MSG(quick == slow, "pattern %s, text %s: %d, should be %d", pattern, text, quick, slow);
}

/* The nth text over these letters: all of up to k letters for n below the sum of their powers. */
static void nth(const char *letters, size_t n, char *out)
{
    size_t base = strlen(letters);
    for (; n > 0; n = (n - 1) / base) *out++ = letters[(n - 1) % base];
    *out = 0;
}

TEST(glob, all_short_patterns_fit_what_they_say)
{
    enum { PATTERNS = T_SLOW ? 4681 : 37449, TEXTS = 40 };
    char pattern[16], text[16];
    for (size_t i = 0; i < PATTERNS; i++) {
        nth("*?[]^-\\a", i, pattern);
        for (size_t j = 0; j < TEXTS; j++) {
            nth("a]-", j, text);
            same(pattern, text);
        }
    }
}

TEST(glob, random_patterns_fit_what_they_say)
{
    uint64_t random = seed_or(11);
    for (unsigned round = 0; round < (T_SLOW ? 5000 : 100000); round++) {
        static const char letters[] = "***??[]^-\\abcz", plain[] = "abc-z]";
        char              pattern[24], text[24];
        size_t            p = 0, t = 0;
        for (uint64_t n = random_below(&random, 20); n > 0; n--) {
            pattern[p++] = letters[random_below(&random, sizeof letters - 1)];
        }
        for (uint64_t n = random_below(&random, 12); n > 0; n--) {
            text[t++] = plain[random_below(&random, sizeof plain - 1)];
        }
        pattern[p] = text[t] = 0;
        same(pattern, text);
    }
}

TEST(glob, many_stars_take_no_more_than_pattern_times_text)
{
    enum { STARS = 2000, TEXT = 20000 };
    char *pattern = malloc(2 * STARS + 2), *text = malloc(TEXT + 1);
    CHECK(pattern != NULL && text != NULL);
    for (size_t i = 0; i < STARS; i++) memcpy(pattern + 2 * i, "a*", 2);
    pattern[2 * STARS] = 'b';
    pattern[2 * STARS + 1] = 0;
    memset(text, 'a', TEXT);
    text[TEXT] = 0;
    /* By trying all places of all stars this would not end. */
    CHECK(!fits(pattern, text));
    text[TEXT - 1] = 'b';
    CHECK(fits(pattern, text));
    free(pattern);
    free(text);
}

TEST(glob, the_plain_start_of_a_pattern)
{
    static const char *const rows[][2] = {{"user:*", "user:"}, {"a?", "a"},   {"[a]", ""},
                                          {"plain", "plain"},  {"a\\b", "a"}, {"", ""}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        crdt_view prefix = glob_prefix(crdt_text_view(rows[i][0]));
        CHECK_EQ_MEM(prefix.data, prefix.size, rows[i][1], strlen(rows[i][1]));
    }
    CHECK_EQ_INT(glob_prefix(crdt_view_of("a\0b", 3)).size, 3);
}
