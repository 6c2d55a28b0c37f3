/* Writes that a client sends in one go share an entry: replies, errors and what other nodes see are
 * those of one by one (tools/compare-redis --pipeline compares many more with redis-server's). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/node/checked.h"

static long written(talk *t)
{
    const char *found = strstr(talk_say(t, "INFO gossip"), "written:");
    CHECK(found != NULL);
    return atol(found + strlen("written:"));
}

/* A request of the line's words, behind what is in `all`. */
static size_t put_request(char *all, size_t size, size_t most, const char *line)
{
    size_t words = 1;
    for (const char *at = line; *at != 0; at++) words += *at == ' ';
    size += (size_t)snprintf(all + size, most - size, "*%zu\r\n", words);
    while (words-- > 0) {
        size_t length = strcspn(line, " ");
        size += (size_t)snprintf(all + size, most - size, "$%zu\r\n%.*s\r\n", length, (int)length,
                                 line);
        CHECK(size < most);
        line += length + 1;
    }
    return size;
}

/* All of them by one write; then their replies. */
static void say_together(talk *t, const said *lines, size_t count)
{
    char   all[4096];
    size_t size = 0;
    for (size_t i = 0; i < count; i++) size = put_request(all, size, sizeof all, lines[i].say);
    talk_raw(t, all, size);
    for (size_t i = 0; i < count; i++) {
        const char *got = talk_read(t);
        CHECK_MSG(strcmp(got, lines[i].expect) == 0, "%s\n  says     %s\n  expected %s",
                  lines[i].say, got, lines[i].expect);
    }
}
#define TOGETHER(t, lines) say_together(t, lines, sizeof(lines) / sizeof(lines)[0])

TEST(together, many_writes_are_one_entry_and_each_sees_those_before_it)
{
    static const said lines[] = {
        {"SET s x", "+OK"},       {"INCR n", ":1"},         {"INCRBY n 5", ":6"},
        {"APPEND s yz", ":3"},    {"SADD m a b", ":2"},     {"SADD m b c", ":1"},
        {"SREM m a", ":1"},       {"HSET h f 1 g 2", ":2"}, {"SADD after-a-hash z", ":1"},
        {"HINCRBY h f 2", ":3"},  {"HDEL h g", ":1"},       {"GETSET s w", "'xyz'"},
        {"SETRANGE s 1 v", ":2"},
    };
    nodes *cluster = start_in_memory(2);
    talk  *t = connect_to(cluster, 0), *other = connect_to(cluster, 1);
    long   before = written(t);
    TOGETHER(t, lines);
    CHECK_EQ_INT(written(t) - before, 1);
    settle(cluster);
    expect(other, "GET s", "'wv'");
    expect(other, "GET n", "'6'");
    expect(other, "SMEMBERS m", "['b', 'c']");
    expect(other, "HGETALL h", "['f', '3']");
    expect(other, "SMEMBERS after-a-hash", "['z']");
    talk_free(t);
    talk_free(other);
    nodes_free(cluster);
}

TEST(together, one_that_fails_takes_none_of_the_others_with_it)
{
    static const said lines[] = {
        {"SADD set x", ":1"},
        {"INCR n", ":1"},
        {"INCR set", "-WRONGTYPE Operation against a key holding the wrong kind of value"},
        {"SET n text", "+OK"},
        {"INCR n", "-ERR value is not an integer or out of range"},
        {"HSET h f 1 g", "-ERR wrong number of arguments for 'hset' command"},
        {"SADD set y", ":1"},
    };
    nodes *cluster = start_in_memory(1);
    talk  *t = connect_to(cluster, 0);
    TOGETHER(t, lines);
    expect(t, "GET n", "'text'");
    expect(t, "SMEMBERS set", "['x', 'y']");
    expect(t, "EXISTS h", ":0");
    talk_free(t);
    nodes_free(cluster);
}

TEST(together, a_deadline_counts_for_the_next)
{
    static const said lines[] = {
        {"SET k old", "+OK"},       {"SET k 5 PX 1", "+OK"},    {"SET other 1", "+OK"},
        {"SET k 7 KEEPTTL", "+OK"}, {"SET p 1 EX 1000", "+OK"}, {"SET p 2", "+OK"},
        {"INCR p", ":3"},           {"TTL p", ":-1"},
    };
    nodes *cluster = start_in_memory(1);
    talk  *t = connect_to(cluster, 0);
    TOGETHER(t, lines);
    while (strcmp(talk_say(t, "GET k"), "nil") != 0) {} /* a millisecond or two */
    expect(t, "INCR k", ":1");                          /* on nothing: not on what had expired */
    talk_free(t);
    nodes_free(cluster);
}

TEST(together, a_write_that_reads_in_between_has_its_own_reply)
{
    static const said lines[] = {
        {"SET a 1", "+OK"},
        {"GET a", "'1'"},
        {"INCR a", ":2"},
        {"GET a", "'2'"},
        {"DEL a", ":1"},
        {"INCR a", ":1"},
        {"INCR a", ":2"},
        {"EXISTS a", ":1"},
        {"PING", "+PONG"},
        {"INCR a", ":3"},
        {"NOSUCH", "-ERR unknown command 'NOSUCH', with "
                   "args beginning with: "},
        {"INCR a", ":4"},
    };
    nodes *cluster = start_in_memory(1);
    talk  *t = connect_to(cluster, 0);
    TOGETHER(t, lines);
    talk_free(t);
    nodes_free(cluster);
}
