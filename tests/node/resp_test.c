/* Requests of the Redis protocol: what they say, in any pieces; limits, errors, memory. */
#include "node/resp.h"

#include <stdlib.h>
#include <string.h>

#include "tests/lib/random.h"
#include "tests/lib/t.h"
#include "tests/lib/testmem.h"

/* Requests and the error, if any, as lines; feeds pieces of the stream at exactly their size, each
 * at a new address. */
typedef struct feed {
    resp_parser parser;
    crdt_buf    seen; /* the transcript */
    crdt_buf    kept; /* not consumed */
    bool        failed;
} feed;

static void feed_init(feed *f, const crdt_mem *mem, resp_limits limits)
{
    resp_init(&f->parser, mem, limits);
    crdt_buf_init(&f->seen, NULL);
    crdt_buf_init(&f->kept, NULL);
    f->failed = false;
}

static void feed_clear(feed *f)
{
    resp_clear(&f->parser);
    crdt_buf_clear(&f->seen);
    crdt_buf_clear(&f->kept);
}

static void show(feed *f, const crdt_view *args, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (i > 0) crdt_buf_byte(&f->seen, ' ');
        crdt_buf_print_value(&f->seen, crdt_bytes(args[i].data, args[i].size));
    }
    crdt_buf_byte(&f->seen, '\n');
}

/* All requests that are whole in f->kept. */
static void feed_drain(feed *f)
{
    uint8_t    *bytes = malloc(f->kept.size + 1);
    size_t      at = 0, size = f->kept.size;
    const char *error;
    CHECK(bytes != NULL);
    if (size > 0) memcpy(bytes, f->kept.data, size);
    for (;;) {
        crdt_view  *args;
        size_t      count, used;
        uint8_t    *exact = malloc(size - at + 1);
        resp_status status;
        CHECK(exact != NULL);
        memcpy(exact, bytes + at, size - at);
        status = resp_parse(&f->parser, exact, size - at, &args, &count, &used, &error);
        CHECK(used <= size - at);
        CHECK((status == RESP_ERROR) == (error != NULL));
        if (status == RESP_REQUEST) show(f, args, count);
        if (status == RESP_MORE) CHECK(f->parser.need > size - at - used);
        memset(exact, 'Z', size - at + 1); /* nothing may point here any more */
        free(exact);
        at += used;
        if (status == RESP_REQUEST) continue;
        if (status == RESP_ERROR && !f->failed) {
            crdt_buf_text(&f->seen, "! ");
            crdt_buf_text(&f->seen, error);
            f->failed = true;
        }
        break;
    }
    crdt_buf_reset(&f->kept);
    crdt_buf_put(&f->kept, bytes + at, size - at);
    free(bytes);
}

static void feed_bytes(feed *f, const void *bytes, size_t size)
{
    crdt_buf_put(&f->kept, bytes, size);
    feed_drain(f);
}

static void is(feed *f, const char *expected)
{
    crdt_buf_byte(&f->seen, 0);
    CHECK_EQ_STR((const char *)f->seen.data, expected);
}

static const struct {
    const char *bytes;
    size_t      size;
    const char *says;
} table[] = {
#define ROW(bytes, says)               \
    {                                  \
        bytes, sizeof(bytes) - 1, says \
    }
    ROW("", ""),
    ROW("*1\r\n$4\r\nPING\r\n", "\"PING\"\n"),
    ROW("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$0\r\n\r\n", "\"SET\" \"k\" \"\"\n"),
    ROW("*2\r\n$3\r\nGET\r\n$4\r\n\r\n\0*\r\nPING\r\n", "\"GET\" \"\\x0d\\x0a\\x00*\"\n\"PING\"\n"),
    ROW("*1\r\n$1\r\na\r\n*1\r\n$1\r\nb\r\n*1\r\n$1", "\"a\"\n\"b\"\n"),
    /* Empty requests say nothing. */
    ROW("\r\n\n*0\r\n*-1\r\n*-7\r\n  \t \r\n*1\r\n$1\r\na\r\n", "\"a\"\n"),
    ROW("\r\n", ""),
    /* Inline. */
    ROW("PING\r\nping\n", "\"PING\"\n\"ping\"\n"),
    ROW("  set\tkey  value \r\n", "\"set\" \"key\" \"value\"\n"),
    ROW("set \"a b\" 'c d'\r\n", "\"set\" \"a b\" \"c d\"\n"),
    ROW("set \"\" ''\n", "\"set\" \"\" \"\"\n"),
    ROW("\"\"\n", "\"\"\n"),
    ROW("a\"b c\" d'e f'\n", "\"ab c\" \"de f\"\n"),
    ROW("\"\\x41\\xfF\\x4\\xzz\\n\\r\\t\\b\\a\\\"\\\\\\q\"\n",
        "\"A\\xffx4xzz\\x0a\\x0d\\x09\\x08\\x07\\\"\\\\q\"\n"),
    ROW("'\\'\\n\"\\a'\n", "\"'\\\\n\\\"\\\\a\"\n"),
    ROW("a\\nb \\\n", "\"a\\\\nb\" \"\\\\\"\n"),
    ROW("a\vb \v c\n", "\"a\\x0bb\" \"c\"\n"),
    ROW("a\rb\r\r\n", "\"a\" \"b\"\n"),
    ROW("$3\r\n", "\"$3\"\n"),
    ROW("set a \"b\n", "! Protocol error: unbalanced quotes in request"),
    ROW("set a 'b\r\n", "! Protocol error: unbalanced quotes in request"),
    ROW("set \"\"\"test-key\"\"\" test-value\r\n",
        "! Protocol error: unbalanced quotes in request"),
    ROW("set \"a\"b\r\n", "! Protocol error: unbalanced quotes in request"),
    ROW("set 'a'b\r\n", "! Protocol error: unbalanced quotes in request"),
    ROW("set \"a\\\"\r\n", "! Protocol error: unbalanced quotes in request"),
    ROW("PING\r\nse\0t a b\r\n", "\"PING\"\n! Protocol error: NUL in an inline request"),
    /* Counts. */
    ROW("*\r\n", "! Protocol error: invalid multibulk length"),
    ROW("*a\r\n", "! Protocol error: invalid multibulk length"),
    ROW("*1a\r\n", "! Protocol error: invalid multibulk length"),
    ROW("* 1\r\n", "! Protocol error: invalid multibulk length"),
    ROW("*+1\r\n", "! Protocol error: invalid multibulk length"),
    ROW("*01\r\n", "! Protocol error: invalid multibulk length"),
    ROW("*-0\r\n", "! Protocol error: invalid multibulk length"),
    ROW("*1\rx", "! Protocol error: invalid multibulk length"),
    ROW("*1048577\r\n", "! Protocol error: invalid multibulk length"),
    ROW("*3000000000\r\n", "! Protocol error: invalid multibulk length"),
    ROW("*9223372036854775808\r\n", "! Protocol error: invalid multibulk length"),
    ROW("*99999999999999999999999999\r\n", "! Protocol error: invalid multibulk length"),
    ROW("*-9223372036854775808\r\n", ""),
    ROW("*1048576\r\n$1\r\n", ""),
    /* Words. */
    ROW("*1\r\nfoo\r\n", "! Protocol error: expected '$', got 'f'"),
    ROW("*3\r\n$3\r\nSET\r\n$1\r\nx\r\nfooz\r\n", "! Protocol error: expected '$', got 'f'"),
    ROW("*1\r\n\r\n", "! Protocol error: expected '$', got ' '"),
    ROW("*1\r\n\x01", "! Protocol error: expected '$', got '?'"),
    ROW("*1\r\n\xff", "! Protocol error: expected '$', got '?'"),
    ROW("*1\r\n$\r\n", "! Protocol error: invalid bulk length"),
    ROW("*1\r\n$-1\r\n", "! Protocol error: invalid bulk length"),
    ROW("*1\r\n$-10\r\n", "! Protocol error: invalid bulk length"),
    ROW("*1\r\n$blabla\r\n", "! Protocol error: invalid bulk length"),
    ROW("*1\r\n$04\r\nPING\r\n", "! Protocol error: invalid bulk length"),
    ROW("*1\r\n$536870913\r\n", "! Protocol error: invalid bulk length"),
    ROW("*1\r\n$2000000000000\r\n", "! Protocol error: invalid bulk length"),
    ROW("*1\r\n$99999999999999999999\r\n", "! Protocol error: invalid bulk length"),
    ROW("*1\r\n$536870912\r\nx", ""),
    ROW("*1\r\n$1\r\nab\r\n", "! Protocol error: expected CRLF after a bulk string"),
    ROW("*1\r\n$1\r\na\r.", "! Protocol error: expected CRLF after a bulk string"),
    ROW("*1\r\n$1\r\na\n\r", "! Protocol error: expected CRLF after a bulk string"),
#undef ROW
};
#define ROWS (sizeof table / sizeof table[0])

TEST(resp, requests_and_errors_are_as_told)
{
    for (size_t i = 0; i < ROWS; i++) {
        feed f;
        feed_init(&f, NULL, resp_limits_default());
        feed_bytes(&f, table[i].bytes, table[i].size);
        is(&f, table[i].says);
        feed_clear(&f);
    }
}

TEST(resp, every_split_says_the_same)
{
    for (size_t i = 0; i < ROWS; i++) {
        for (size_t a = 0; a <= table[i].size; a++) {
            for (size_t b = a; b <= table[i].size; b++) {
                feed f;
                feed_init(&f, NULL, resp_limits_default());
                feed_bytes(&f, table[i].bytes, a);
                feed_bytes(&f, table[i].bytes + a, b - a);
                feed_bytes(&f, table[i].bytes + b, table[i].size - b);
                is(&f, table[i].says);
                feed_clear(&f);
            }
        }
    }
}

TEST(resp, byte_by_byte_says_the_same)
{
    for (size_t i = 0; i < ROWS; i++) {
        feed f;
        feed_init(&f, NULL, resp_limits_default());
        for (size_t at = 0; at < table[i].size; at++) feed_bytes(&f, table[i].bytes + at, 1);
        is(&f, table[i].says);
        feed_clear(&f);
    }
}

TEST(resp, random_requests_read_back_in_random_pieces)
{
    uint64_t random = seed_or(3);
    for (unsigned round = 0; round < (T_SLOW ? 300 : 3000); round++) {
        crdt_buf wire;
        feed     f, expected;
        crdt_buf_init(&wire, NULL);
        feed_init(&f, NULL, resp_limits_default());
        feed_init(&expected, NULL, resp_limits_default());
        for (uint64_t n = random_below(&random, 6); n > 0; n--) {
            uint8_t   text[40];
            crdt_view words[40];
            size_t    count = 1 + (size_t)random_below(&random, n == 1 ? 40 : 4);
            crdt_buf_byte(&wire, '*');
            crdt_buf_udecimal(&wire, count);
            for (size_t i = 0; i < sizeof text; i++) text[i] = (uint8_t)next_random(&random);
            for (size_t i = 0; i < count; i++) {
                words[i] = crdt_view_of(text, (size_t)random_below(&random, sizeof text));
                crdt_buf_text(&wire, "\r\n$");
                crdt_buf_udecimal(&wire, words[i].size);
                crdt_buf_text(&wire, "\r\n");
                crdt_buf_put(&wire, words[i].data, words[i].size);
            }
            crdt_buf_text(&wire, "\r\n");
            show(&expected, words, count);
        }
        for (size_t at = 0; at < wire.size;) {
            size_t piece = 1 + (size_t)random_below(&random, round % 2 == 0 ? 8 : 200);
            if (piece > wire.size - at) piece = wire.size - at;
            feed_bytes(&f, wire.data + at, piece);
            at += piece;
        }
        CHECK_EQ_MEM(f.seen.data, f.seen.size, expected.seen.data, expected.seen.size);
        CHECK_EQ_INT(f.kept.size, 0);
        crdt_buf_clear(&wire);
        feed_clear(&f);
        feed_clear(&expected);
    }
}

/* -- Limits ------------------------------------------------------------------------------------ */

static void limited(resp_limits limits, bool anonymous, const char *bytes, const char *says)
{
    for (unsigned split = 0; split < 2; split++) {
        feed f;
        feed_init(&f, NULL, limits);
        f.parser.anonymous = anonymous;
        if (split == 0) feed_bytes(&f, bytes, strlen(bytes));
        for (const char *at = bytes; split == 1 && *at != 0; at++) feed_bytes(&f, at, 1);
        is(&f, says);
        feed_clear(&f);
    }
}

TEST(resp, words_bytes_and_lines_have_their_limits)
{
    resp_limits limits = {.args = 2, .bulk = 3, .inline_line = 8};
    limited(limits, false, "*2\r\n$3\r\nabc\r\n$0\r\n\r\n", "\"abc\" \"\"\n");
    limited(limits, false, "*3\r\n", "! Protocol error: invalid multibulk length");
    limited(limits, false, "*1\r\n$4\r\n", "! Protocol error: invalid bulk length");
    limited(limits, false, "abc efgh\n", "\"abc\" \"efgh\"\n");
    limited(limits, false, "abc efgh\r\n", "! Protocol error: too big inline request");
    limited(limits, false, "abc efghi\n", "! Protocol error: too big inline request");
    limited(limits, false, "abc efghi", "! Protocol error: too big inline request");
    limited(limits, false, "*0000001\r\n", "! Protocol error: invalid multibulk length");
    limited(limits, false, "*00000001\r\n", "! Protocol error: too big mbulk count string");
    limited(limits, false, "*00000001", "! Protocol error: too big mbulk count string");
    limited(limits, false, "*1\r\n$00000001", "! Protocol error: too big bulk count string");
    limited(limits, false, "*1\r\n$00000001\r\n", "! Protocol error: too big bulk count string");
}

TEST(resp, who_gave_no_password_has_narrow_limits)
{
    resp_limits usual = resp_limits_default();
    limited(usual, true, "*10\r\n$16384\r\n", "");
    limited(usual, true, "*11\r\n", "! Protocol error: unauthenticated multibulk length");
    limited(usual, true, "*1\r\n$16385\r\n", "! Protocol error: unauthenticated bulk length");
    limited(usual, true, "*1\r\n$1\r\na\r\n", "\"a\"\n");
    limited(usual, false, "*11\r\n$16385\r\n", "");
}

TEST(resp, a_password_widens_the_limits_of_what_is_behind_it)
{
    static const char bytes[] = "AUTH x\r\n*11\r\n$1\r\n";
    resp_parser       p;
    crdt_view        *args;
    size_t            count, used, at;
    const char       *error;
    const uint8_t    *data = (const uint8_t *)bytes;
    resp_init(&p, NULL, resp_limits_default());
    p.anonymous = true;
    CHECK_EQ_INT(resp_parse(&p, data, sizeof bytes - 1, &args, &count, &at, &error), RESP_REQUEST);
    p.anonymous = false;
    CHECK_EQ_INT(resp_parse(&p, data + at, sizeof bytes - 1 - at, &args, &count, &used, &error),
                 RESP_MORE);
    CHECK_EQ_INT(p.need, sizeof "*11\r\n$1\r\n-\r\n" - 1);
    resp_clear(&p);
}

TEST(resp, says_how_many_bytes_a_large_word_needs)
{
    static const char bytes[] = "\r\n*2\r\n$1\r\na\r\n$1000000\r\nxyz";
    resp_parser       p;
    crdt_view        *args;
    size_t            count, used;
    const char       *error;
    resp_init(&p, NULL, resp_limits_default());
    CHECK_EQ_INT(
        resp_parse(&p, (const uint8_t *)bytes, sizeof bytes - 1, &args, &count, &used, &error),
        RESP_MORE);
    CHECK_EQ_INT(used, 2);
    CHECK_EQ_INT(p.need, sizeof "*2\r\n$1\r\na\r\n$1000000\r\n" - 1 + 1000000 + 2);
    resp_clear(&p);
}

TEST(resp, an_error_stays)
{
    resp_parser p;
    crdt_view  *args;
    size_t      count, used;
    const char *error;
    resp_init(&p, NULL, resp_limits_default());
    for (unsigned i = 0; i < 3; i++) {
        const char *bytes = i == 0 ? "*x\r\n" : "*1\r\n$1\r\na\r\n";
        CHECK_EQ_INT(
            resp_parse(&p, (const uint8_t *)bytes, strlen(bytes), &args, &count, &used, &error),
            RESP_ERROR);
        CHECK_EQ_STR(error, "Protocol error: invalid multibulk length");
        CHECK_EQ_INT(used, 0);
    }
    resp_clear(&p);
}

/* -- Memory and time --------------------------------------------------------------------------- */

TEST(resp, a_promise_of_words_takes_no_memory)
{
    testmem m;
    feed    f;
    testmem_init(&m);
    feed_init(&f, &m.mem, resp_limits_default());
    feed_bytes(&f, "*1048576\r\n", 10);
    CHECK_EQ_INT(m.peak, 0);
    feed_bytes(&f, "$536870912\r\n", 12);
    CHECK_EQ_INT(m.peak, 0);
    feed_clear(&f);
    TESTMEM_DONE(&m);
}

TEST(resp, a_million_words_in_pieces_take_linear_work_and_8_times_their_bytes)
{
    enum { WORDS = T_SLOW ? 100000 : 1048576, PIECE = 6000 };
    testmem     m;
    resp_parser p;
    crdt_buf    wire;
    crdt_view  *args;
    size_t      count, used, size = 0;
    const char *error;
    testmem_init(&m);
    resp_init(&p, &m.mem, resp_limits_default());
    crdt_buf_init(&wire, NULL);
    crdt_buf_byte(&wire, '*');
    crdt_buf_udecimal(&wire, WORDS);
    crdt_buf_text(&wire, "\r\n");
    for (size_t i = 0; i < WORDS; i++) crdt_buf_text(&wire, "$0\r\n\r\n");
    for (; size < wire.size - 1; size += PIECE) {
        if (size > wire.size - 1) size = wire.size - 1;
        CHECK_EQ_INT(resp_parse(&p, wire.data, size, &args, &count, &used, &error), RESP_MORE);
        CHECK_EQ_INT(used, 0);
        CHECK_MSG(m.peak <= 8 * size + 4096, "%zu bytes for %zu", m.peak, size);
    }
    CHECK_EQ_INT(resp_parse(&p, wire.data, wire.size, &args, &count, &used, &error), RESP_REQUEST);
    CHECK_EQ_INT(count, WORDS);
    CHECK_EQ_INT(used, wire.size);
    CHECK((const uint8_t *)args[count - 1].data == wire.data + wire.size - 2);
    /* The next call gives it back. */
    CHECK_EQ_INT(resp_parse(&p, wire.data, 0, &args, &count, &used, &error), RESP_MORE);
    CHECK(m.bytes <= 4096);
    crdt_buf_clear(&wire);
    resp_clear(&p);
    TESTMEM_DONE(&m);
}

TEST(resp, an_endless_line_byte_by_byte_is_looked_at_once)
{
    enum { LINE = 1 << 22 };
    resp_limits       limits = resp_limits_default();
    uint8_t          *line = malloc(LINE);
    static const char starts[] = "*xS";
    CHECK(line != NULL);
    memset(line, '1', LINE);
    limits.inline_line = LINE;
    for (size_t i = 0; i < 3; i++) {
        resp_parser p;
        crdt_view  *args;
        size_t      count, used;
        const char *error;
        resp_init(&p, NULL, limits);
        line[0] = (uint8_t)starts[i];
        /* Looked at again each time, this would be 10^12 bytes. */
        for (size_t size = 1; size < LINE; size += T_SLOW ? 16 : 2) {
            CHECK_EQ_INT(resp_parse(&p, line, size, &args, &count, &used, &error), RESP_MORE);
        }
        resp_clear(&p);
    }
    free(line);
}

TEST(resp, every_failing_allocation_is_told)
{
    static const char bytes[] = "*20\r\n";
    static const char lines[] = "a b c d e f g h i j k l m n o p q r s t u v w x y z\r\n";
    testmem           m;
    testmem_init(&m);
    for (unsigned inlined = 0; inlined < 2; inlined++) {
        for (uint64_t n = 1;; n++) {
            feed f;
            feed_init(&f, &m.mem, resp_limits_default());
            testmem_fail_nth(&m, n);
            if (inlined == 1) feed_bytes(&f, lines, sizeof lines - 1);
            if (inlined == 0) feed_bytes(&f, bytes, sizeof bytes - 1);
            for (int i = 0; inlined == 0 && i < 20; i++) feed_bytes(&f, "$1\r\na\r\n", 7);
            bool refused = testmem_refused(&m);
            testmem_fail_never(&m);
            if (refused) is(&f, "! out of memory");
            feed_clear(&f);
            if (!refused) break;
            CHECK(n < 100);
        }
    }
    TESTMEM_DONE(&m);
}
