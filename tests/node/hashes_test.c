/* Hashes on two nodes with the network cut, as docs/NODE.md tells them; over a restart; and what
 * redis-server has no reply for (tools/compare-redis compares the others). */
#include <stdio.h>
#include <string.h>

#include "tests/node/pair.h"

TEST(hashes, a_removal_keeps_what_was_counted_beside_it)
{
    pair p = open_pair();
    expect(p.at[0], "HSET h n 10 f 0.5 other x", ":3");
    settle(p.cluster);
    expect(p.at[1], "HINCRBY h n 1", ":11");
    cut(&p);
    expect(p.at[0], "HINCRBY h n 100", ":111");
    expect(p.at[0], "HDEL h n", ":1");
    expect(p.at[0], "HDEL h f", ":1");
    expect(p.at[1], "HINCRBY h n 5", ":16");
    expect(p.at[1], "HINCRBYFLOAT h f 0.25", "'0.75'");
    heal(&p);
    both(&p, "HGET h n", "'5'");
    both(&p, "HGET h f", "'0.25'");
    both(&p, "HGETALL h", "['f', '0.25', 'n', '5', 'other', 'x']");
    cut(&p); /* of both only what both have seen goes */
    expect(p.at[0], "HINCRBY h n 1", ":6");
    expect(p.at[1], "HINCRBY h n 2", ":7");
    heal(&p);
    both(&p, "HGET h n", "'8'");
    close_pair(&p);
}

TEST(hashes, of_two_values_the_later_shows_and_the_other_is_listed)
{
    pair p = open_pair();
    expect(p.at[0], "HSET h a before b 0", ":2");
    cut(&p);
    expect(p.at[0], "HSET h a here", ":0");
    nodes_sleep_ms(5);
    expect(p.at[1], "HSET h a there", ":0");
    heal(&p);
    both(&p, "HGET h a", "'there'");
    both(&p, "CRDT.CONFLICTS", "[['key', 'h', 'type', 'ormap', 'types', :1, 'contents', :2]]");
    for (int i = 0; i < 2; i++) {
        const char *told = talk_say(p.at[i], "CRDT.CONFLICTS h");
        CHECK_MSG(strstr(told, "'fields', [['path', ['a'], 'types', ['cell'], 'contents', [[") !=
                          NULL &&
                      strstr(told, "'value', 'here', 'shows', :0") != NULL &&
                      strstr(told, "'value', 'there', 'shows', :1") != NULL,
                  "%s", told);
        told = talk_say(p.at[i], "CRDT.EXPLAIN h");
        CHECK_MSG(strstr(told, "of each the value stamped last shows") != NULL, "%s", told);
        CHECK_MSG(strstr(told, "'fields', [['path', ['a']") != NULL, "%s", told);
    }
    expect(p.at[1], "HSET h b 1", ":0"); /* another field settles nothing */
    settle(p.cluster);
    both(&p, "CRDT.CONFLICTS", "[['key', 'h', 'type', 'ormap', 'types', :1, 'contents', :2]]");
    expect(p.at[0], "HSET h a after", ":0");
    settle(p.cluster);
    both(&p, "HGET h a", "'after'");
    both(&p, "CRDT.CONFLICTS", "[]");
    close_pair(&p);
}

/* The hash of the set that competes at the first field of h, and whether it needs review. */
static void review_of(talk *node, char set[33], char *ret_needs)
{
    const char *told = talk_say(node, "CRDT.CONFLICTS h");
    const char *at = strstr(told, "'set', '"), *needs = strstr(told, "'needs-review', :");
    CHECK_MSG(at != NULL && needs != NULL && at < needs, "%s", told);
    snprintf(set, 33, "%.32s", at + 8);
    *ret_needs = needs[17];
}

TEST(hashes, a_conflict_that_is_acknowledged_is_so_everywhere_until_another_comes)
{
    pair p = open_pair();
    char set[33], newer[33], needs, say[100], reply[100];
    cut(&p);
    expect(p.at[0], "HSET h a here", ":1");
    expect(p.at[1], "HSET h a there", ":1");
    heal(&p);
    review_of(p.at[1], set, &needs);
    CHECK_EQ_INT(needs, '1');
    snprintf(reply, sizeof reply, "-STALE other contents compete there now: set %s", set);
    expect(p.at[1], "CRDT.ACK h 0123 a", reply);
    snprintf(say, sizeof say, "CRDT.ACK h %s a", set);
    expect(p.at[1], say, "+OK");
    settle(p.cluster);
    for (int i = 0; i < 2; i++) {
        review_of(p.at[i], newer, &needs);
        CHECK_EQ_STR(newer, set);
        CHECK_EQ_INT(needs, '0');
    }
    both(&p, "CRDT.CONFLICTS", "[['key', 'h', 'type', 'ormap', 'types', :1, 'contents', :2]]");
    cut(&p); /* two more, of which this acknowledgement knows nothing */
    expect(p.at[0], "HSET h a now", ":0");
    expect(p.at[1], "HSET h a then", ":0");
    heal(&p);
    for (int i = 0; i < 2; i++) {
        review_of(p.at[i], newer, &needs);
        CHECK_EQ_INT(needs, '1');
        snprintf(reply, sizeof reply, "-STALE other contents compete there now: set %s", newer);
        expect(p.at[i], say, reply);
    }
    expect(p.at[0], "HSET h a last", ":0");
    expect(p.at[0], say, "-ERR nothing competes there");
    expect(p.at[0], "CRDT.ACK none 0123", "-ERR nothing competes there");
    cut(&p); /* with the next one the old acknowledgement goes, for its conflict is over */
    expect(p.at[0], "SET k here", "+OK");
    expect(p.at[1], "SET k there", "+OK");
    heal(&p);
    both(&p, "HLEN crdt:acks", ":1");
    const char *told = talk_say(p.at[1], "CRDT.CONFLICTS k"), *at = strstr(told, "'set', '");
    CHECK_MSG(at != NULL, "%s", told);
    snprintf(say, sizeof say, "CRDT.ACK k %.32s", at + 8);
    expect(p.at[1], say, "+OK");
    settle(p.cluster);
    both(&p, "HLEN crdt:acks", ":1");
    close_pair(&p);
}

TEST(hashes, fields_of_both_sides_are_there)
{
    pair p = open_pair();
    cut(&p);
    expect(p.at[0], "HSET h a 1 b 2", ":2");
    expect(p.at[1], "HSET h c 3", ":1");
    expect(p.at[1], "HINCRBY h b 5", ":5");
    expect(p.at[0], "HSETNX only x 1", ":1");
    expect(p.at[1], "HSETNX only x 1", ":1"); /* no lock */
    heal(&p);
    both(&p, "HGETALL h", "['a', '1', 'b', '7', 'c', '3']");
    both(&p, "HLEN h", ":3");
    both(&p, "HGET only x", "'1'");
    both(&p, "TYPE h", "+hash");
    close_pair(&p);
}

TEST(hashes, what_a_removal_of_the_whole_has_not_seen_stays)
{
    static const char *const removals[] = {"DEL h", "UNLINK h", "HDEL h a b", "RENAME h moved",
                                           "FLUSHALL"};
    pair                     p = open_pair();
    for (size_t i = 0; i < sizeof removals / sizeof removals[0]; i++) {
        expect(p.at[0], "HSET h a 1 b 2", ":2");
        cut(&p);
        CHECK_MSG(talk_say(p.at[0], removals[i])[0] != '-', "%s", removals[i]);
        expect(p.at[0], "EXISTS h", ":0");
        expect(p.at[1], "HSET h new 3", ":1");
        expect(p.at[1], "HINCRBY h b 5", ":7");
        heal(&p);
        both(&p, "HGETALL h", "['b', '5', 'new', '3']");
        expect(p.at[1], "HDEL h new", ":1");
        expect(p.at[1], "HSET h b 0", ":0");
        settle(p.cluster);
        cut(&p); /* a set, not a sum, has seen and replaced what was there */
        CHECK_MSG(talk_say(p.at[0], removals[i])[0] != '-', "%s", removals[i]);
        expect(p.at[1], "HSET h b anew", ":0");
        heal(&p);
        both(&p, "HGETALL h", "['b', 'anew']");
        expect(p.at[1], "DEL h", ":1");
        settle(p.cluster);
        both(&p, "EXISTS h", ":0");
    }
    close_pair(&p);
}

/* Names, and fields, that hold another type elsewhere: the one made later shows. */
TEST(hashes, beside_another_type)
{
    pair p = open_pair();
    cut(&p);
    expect(p.at[0], "HSET k a 1", ":1");
    nodes_sleep_ms(5);
    expect(p.at[1], "SET k text", "+OK");
    expect(p.at[1], "CRDT.ORMAP.ADD h f elem", "+OK");
    nodes_sleep_ms(5);
    expect(p.at[0], "HSET h f string", ":1");
    heal(&p);
    both(&p, "TYPE k", "+string");
    both(&p, "HGET k a", "-WRONGTYPE Operation against a key holding the wrong kind of value");
    both(&p, "HGET h f", "'string'");
    both(&p, "HLEN h", ":1");
    both(&p, "CRDT.CONFLICTS",
         "[['key', 'h', 'type', 'ormap', 'types', :1, 'contents', :1], "
         "['key', 'k', 'type', 'cell', 'types', :2, 'contents', :1]]");
    const char *told = talk_say(p.at[0], "CRDT.CONFLICTS h");
    CHECK_MSG(strstr(told, "'fields', [['path', ['f'], 'types', ['cell', 'orset']") != NULL, "%s",
              told);
    expect(p.at[0], "DEL k", ":1");
    expect(p.at[0], "HDEL h f", ":1");
    settle(p.cluster);
    both(&p, "EXISTS k h", ":0");
    both(&p, "CRDT.CONFLICTS", "[]");
    close_pair(&p);
}

/* A field that is no string reads as it prints, and a string may take its place. */
TEST(hashes, fields_of_other_types_are_shown)
{
    pair p = open_pair();
    expect(p.at[0], "CRDT.ORMAP.ADD h set x", "+OK");
    expect(p.at[0], "CRDT.ORMAP.COUNT h n 5", "+OK");
    expect(p.at[0], "HSET h s 1", ":1");
    expect(p.at[0], "HGETALL h", "['n', '5', 's', '1', 'set', '{\"x\"}']");
    expect(p.at[0], "HGET h set", "'{\"x\"}'");
    expect(p.at[0], "HSTRLEN h set", ":5");
    expect(p.at[0], "HINCRBY h n 1", "-ERR hash value is not an integer");
    expect(p.at[0], "HINCRBYFLOAT h n 1", "-ERR hash value is not a float");
    expect(p.at[0], "HSETNX h n 1", ":0");
    expect(p.at[0], "RENAME h g", "-ERR a hash that holds a 'pncounter' cannot be renamed");
    expect(p.at[0], "HSET h n 7 set y", ":0");
    expect(p.at[0], "HINCRBY h n 1", ":8");
    expect(p.at[0], "RENAME h g", "+OK");
    settle(p.cluster);
    both(&p, "HGETALL g", "['n', '8', 's', '1', 'set', 'y']");
    close_pair(&p);
}

TEST(hashes, have_limits_and_cursors_of_their_node)
{
    static char say[70000];
    pair        p = open_pair();
    int         size = snprintf(say, sizeof say, "HSET h ");
    memset(say + size, 'f', 65536);
    memcpy(say + size + 65536, " x", 3);
    expect(p.at[0], say, "-ERR a field has at most 65535 bytes");
    expect(p.at[0], "EXISTS h", ":0");
    memcpy(say + size + 65535, " x", 3);
    expect(p.at[0], say, ":1");
    expect(p.at[0], "HDEL h f", ":0");
    expect(p.at[0], "HSCAN h 77 MATCH none", "['0', []]"); /* small: told whole, as Redis does */
    for (int i = 0; i < 200; i++) {
        snprintf(say, sizeof say, "HSET big f%03d %d", i, i);
        expect(p.at[0], say, ":1");
    }
    expect(p.at[0], "HSCAN big 77", "-ERR invalid cursor");
    expect(p.at[0], "HSCAN big 0 COUNT 2", "['1', ['f000', '0', 'f001', '1']]");
    expect(p.at[0], "HSET big f0015 new", ":1"); /* behind the cursor's field or before it */
    expect(p.at[0], "HDEL big f002", ":1");
    expect(p.at[0], "HSCAN big 1 COUNT 1", "['2', ['f003', '3']]");
    close_pair(&p);
}

/* What is on the disk after a clean stop, and after none. */
TEST(hashes, outlive_a_restart)
{
    char          problem[512];
    nodes_options options = nodes_options_default();
    options.alone = true;
    options.sync = "always";
    nodes *cluster = nodes_new(&options, problem);
    CHECK_MSG(cluster != NULL, "%s", problem);
    CHECK_MSG(nodes_start_all(cluster), "%s", nodes_problem(cluster));
    for (int round = 0; round < 3; round++) {
        int64_t n = 0;
        CHECK(nodes_integer(cluster, 0, &n, "HINCRBY h n 1"));
        CHECK_EQ_INT(n, round + 1);
        CHECK(nodes_integer(cluster, 0, &n, "HSET h field%d x gone%d y", round, round));
        CHECK_EQ_INT(n, 2);
        CHECK(nodes_integer(cluster, 0, &n, "HDEL h gone%d", round));
        CHECK(nodes_ok(cluster, 0, "EXPIRE h 1000"));
        if (round == 0) nodes_kill(cluster, 0);
        else if (round == 1) CHECK_MSG(nodes_stop(cluster, 0), "%s", nodes_problem(cluster));
        else CHECK(nodes_ok(cluster, 0, "SAVE") && nodes_stop(cluster, 0));
        CHECK_MSG(nodes_start(cluster, 0), "%s", nodes_problem(cluster));
        CHECK(nodes_integer(cluster, 0, &n, "HLEN h"));
        CHECK_EQ_INT(n, round + 2);
        CHECK(nodes_integer(cluster, 0, &n, "TTL h"));
        CHECK(n > 900 && n <= 1000);
    }
    nodes_free(cluster);
}
