/* Replies of the Redis protocol, in RESP2 and RESP3, byte for byte. */
#include "node/reply.h"

#include <math.h>
#include <string.h>

#include "tests/lib/random.h"
#include "tests/lib/t.h"
#include "tests/lib/testmem.h"

/* What the statement appends is, in RESP2 and RESP3, just this. */
#define SAYS(two, three, statement)                                                 \
    for (int t_protocol = 2; t_protocol <= 3; t_protocol++) {                       \
        crdt_buf    t_out;                                                          \
        reply       made = {&t_out, t_protocol}, *r = &made;                        \
        const char *t_want = t_protocol == 2 ? (two) : (three);                     \
        size_t      t_size = t_protocol == 2 ? sizeof(two) - 1 : sizeof(three) - 1; \
        crdt_buf_init(&t_out, NULL);                                                \
        statement;                                                                  \
        CHECK_EQ_MEM(t_out.data, t_out.size, t_want, t_size);                       \
        crdt_buf_clear(&t_out);                                                     \
    }

TEST(reply, simple_ones)
{
    SAYS("+OK\r\n", "+OK\r\n", reply_ok(r));
    SAYS("+PONG\r\n", "+PONG\r\n", reply_simple(r, "PONG"));
    SAYS("$-1\r\n", "_\r\n", reply_null(r));
    SAYS("*-1\r\n", "_\r\n", reply_null_array(r));
    SAYS(":1\r\n", "#t\r\n", reply_bool(r, true));
    SAYS(":0\r\n", "#f\r\n", reply_bool(r, false));
}

TEST(reply, integers)
{
    SAYS(":0\r\n", ":0\r\n", reply_int(r, 0));
    SAYS(":9\r\n", ":9\r\n", reply_int(r, 9));
    SAYS(":10\r\n", ":10\r\n", reply_int(r, 10));
    SAYS(":-1\r\n", ":-1\r\n", reply_int(r, -1));
    SAYS(":9223372036854775807\r\n", ":9223372036854775807\r\n", reply_int(r, INT64_MAX));
    SAYS(":-9223372036854775808\r\n", ":-9223372036854775808\r\n", reply_int(r, INT64_MIN));
    SAYS("$2\r\n-7\r\n", "$2\r\n-7\r\n", reply_bulk_int(r, -7));
}

TEST(reply, integers_of_128_bits)
{
    static const crdt_i128 seven = {7, 0}, minus = {UINT64_MAX, -1};
    static const crdt_i128 above = {UINT64_C(1) << 63, 0}, below = {INT64_MAX, -1};
    static const crdt_i128 least = {0, INT64_MIN}, lowest = {UINT64_C(1) << 63, -1};
    SAYS(":7\r\n", ":7\r\n", reply_int128(r, seven));
    SAYS(":-1\r\n", ":-1\r\n", reply_int128(r, minus));
    SAYS(":-9223372036854775808\r\n", ":-9223372036854775808\r\n", reply_int128(r, lowest));
    SAYS("$19\r\n9223372036854775808\r\n", "(9223372036854775808\r\n", reply_int128(r, above));
    SAYS("$20\r\n-9223372036854775809\r\n", "(-9223372036854775809\r\n", reply_int128(r, below));
    SAYS("$40\r\n-170141183460469231731687303715884105728\r\n",
         "(-170141183460469231731687303715884105728\r\n", reply_int128(r, least));
}

TEST(reply, strings)
{
    SAYS("$0\r\n\r\n", "$0\r\n\r\n", reply_bulk(r, crdt_view_of(NULL, 0)));
    SAYS("$4\r\na\r\n\0\r\n", "$4\r\na\r\n\0\r\n", reply_bulk(r, crdt_view_of("a\r\n\0", 4)));
    SAYS("$11\r\nhello world\r\n", "$11\r\nhello world\r\n", reply_text(r, "hello world"));
    SAYS("$2\r\nhi\r\n", "=6\r\ntxt:hi\r\n", reply_verbatim(r, "txt", crdt_text_view("hi")));
    SAYS("$0\r\n\r\n", "=4\r\nmkd:\r\n", reply_verbatim(r, "mkd", crdt_view_of(NULL, 0)));
}

TEST(reply, doubles)
{
    SAYS("$1\r\n3\r\n", ",3\r\n", reply_double(r, 3));
    SAYS("$19\r\n0.10000000000000001\r\n", ",0.10000000000000001\r\n", reply_double(r, 0.1));
    SAYS("$3\r\ninf\r\n", ",inf\r\n", reply_double(r, HUGE_VAL));
    SAYS("$4\r\n-inf\r\n", ",-inf\r\n", reply_double(r, -HUGE_VAL));
    SAYS("$3\r\nnan\r\n", ",nan\r\n", reply_double(r, -(double)NAN));
}

TEST(reply, heads_of_aggregates)
{
    SAYS("*0\r\n", "*0\r\n", reply_array(r, 0));
    SAYS("*1048576\r\n", "*1048576\r\n", reply_array(r, 1048576));
    SAYS("*6\r\n", "%3\r\n", reply_map(r, 3));
    SAYS("*3\r\n", "~3\r\n", reply_set(r, 3));
    SAYS("*12\r\n", ">12\r\n", reply_push(r, 12));
}

TEST(reply, an_error_is_one_line_whatever_a_user_put_into_it)
{
    SAYS("-ERR no 7 a  +OK  b\r\n", "-ERR no 7 a  +OK  b\r\n",
         reply_error(r, "ERR no %d %s", 7, "a\r\n+OK\r\nb"));
    SAYS("-WRONGTYPE x\r\n", "-WRONGTYPE x\r\n", reply_error(r, "WRONGTYPE x"));
}

TEST(reply, a_long_error_is_cut)
{
    static char long_text[3000];
    crdt_buf    out;
    reply       r = {&out, 2};
    crdt_buf_init(&out, NULL);
    memset(long_text, 'x', sizeof long_text - 1);
    reply_error(&r, "ERR %s", long_text);
    CHECK_EQ_INT(out.size, 1 + 1023 + 2);
    CHECK_EQ_MEM(out.data + out.size - 3, 3, "x\r\n", 3);
    crdt_buf_clear(&out);
}

TEST(reply, replies_follow_each_other_at_any_fill_of_the_buffer)
{
    uint64_t random = seed_or(5);
    crdt_buf out, expected;
    reply    r = {&out, 3};
    crdt_buf_init(&out, NULL);
    crdt_buf_init(&expected, NULL);
    for (unsigned i = 0; i < 20000; i++) {
        uint64_t any = next_random(&random);
        int64_t  n = (int64_t)(any >> (any % 64));
        if (any % 2 == 0) n = -n;
        reply_int(&r, n);
        crdt_buf_byte(&expected, ':');
        crdt_buf_decimal(&expected, n);
        crdt_buf_text(&expected, "\r\n");
        reply_bulk(&r, crdt_view_of(&any, any % 9));
        crdt_buf_byte(&expected, '$');
        crdt_buf_decimal(&expected, (int64_t)(any % 9));
        crdt_buf_text(&expected, "\r\n");
        crdt_buf_put(&expected, &any, any % 9);
        crdt_buf_text(&expected, "\r\n");
    }
    CHECK_EQ_MEM(out.data, out.size, expected.data, expected.size);
    crdt_buf_clear(&out);
    crdt_buf_clear(&expected);
}

TEST(reply, no_memory_is_told_by_the_buffer)
{
    testmem  m;
    crdt_buf out;
    reply    r = {&out, 3};
    testmem_init(&m);
    crdt_buf_init(&out, &m.mem);
    testmem_fail_from(&m, 1);
    reply_ok(&r);
    reply_simple(&r, "x");
    reply_int(&r, 5);
    reply_text(&r, "x");
    reply_error(&r, "ERR x");
    reply_verbatim(&r, "txt", crdt_text_view("x"));
    CHECK_EQ_INT(out.size, 0);
    CHECK_ERR(crdt_buf_status(&out), CRDT_ENOMEM);
    crdt_buf_clear(&out);
    TESTMEM_DONE(&m);
}
