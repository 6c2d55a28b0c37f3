/* Lists on two nodes with the network cut, as docs/NODE.md tells them; over a restart; and what
 * redis-server has no reply for (tools/compare-redis compares the others). */
#include <stdio.h>
#include <string.h>

#include "tests/node/pair.h"

/* Both say the same, and it is one of these. */
static void one_of(pair *p, const char *say, const char *a, const char *b)
{
    const char *got = talk_say(p->at[0], say);
    CHECK_MSG(strcmp(got, a) == 0 || strcmp(got, b) == 0,
              "%s\n  says     %s\n  expected %s\n  or       %s", say, got, a, b);
    expect(p->at[1], say, got);
}

TEST(lists, what_is_pushed_at_both_sides_stays_together)
{
    pair p = open_pair();
    expect(p.at[0], "RPUSH l m", ":1");
    cut(&p);
    expect(p.at[0], "RPUSH l a1 a2", ":3");
    expect(p.at[0], "RPUSH l a3", ":4");
    expect(p.at[1], "RPUSH l b1", ":2");
    expect(p.at[1], "RPUSH l b2 b3", ":4");
    heal(&p);
    one_of(&p, "LRANGE l 1 -1", "['a1', 'a2', 'a3', 'b1', 'b2', 'b3']",
           "['b1', 'b2', 'b3', 'a1', 'a2', 'a3']");
    expect(p.at[1], "DEL l", ":1");
    settle(p.cluster);
    both(&p, "EXISTS l", ":0");
    expect(p.at[0], "RPUSH l m", ":1");
    cut(&p);
    expect(p.at[0], "LPUSH l a1", ":2");
    expect(p.at[0], "LPUSH l a2", ":3");
    expect(p.at[1], "LPUSH l b1 b2", ":3");
    heal(&p);
    one_of(&p, "LRANGE l 0 -1", "['a2', 'a1', 'b2', 'b1', 'm']", "['b2', 'b1', 'a2', 'a1', 'm']");
    close_pair(&p);
}

TEST(lists, what_is_inserted_at_one_place_is_there_in_one_order)
{
    pair p = open_pair();
    expect(p.at[0], "RPUSH l a b", ":2");
    cut(&p);
    expect(p.at[0], "LINSERT l AFTER a x1", ":3");
    expect(p.at[0], "LINSERT l AFTER x1 x2", ":4");
    expect(p.at[1], "LINSERT l BEFORE b y2", ":3");
    expect(p.at[1], "LINSERT l BEFORE y2 y1", ":4");
    heal(&p);
    one_of(&p, "LRANGE l 0 -1", "['a', 'x1', 'x2', 'y1', 'y2', 'b']",
           "['a', 'y1', 'y2', 'x1', 'x2', 'b']");
    cut(&p);
    expect(p.at[0], "LREM l 0 a", ":1"); /* the pivot goes; what was put beside it stays */
    expect(p.at[1], "LINSERT l AFTER a z", ":7");
    heal(&p);
    both(&p, "LINDEX l 0", "'z'");
    both(&p, "LLEN l", ":6");
    close_pair(&p);
}

TEST(lists, of_two_values_of_an_element_the_later_shows)
{
    pair p = open_pair();
    expect(p.at[0], "RPUSH l a b c", ":3");
    cut(&p);
    expect(p.at[0], "LSET l 0 here", "+OK");
    expect(p.at[0], "LSET l 1 only", "+OK");
    nodes_sleep_ms(5);
    expect(p.at[1], "LSET l 0 there", "+OK");
    expect(p.at[1], "LPUSH l first", ":4"); /* other places, the same elements */
    expect(p.at[1], "LSET l 3 end", "+OK");
    heal(&p);
    both(&p, "LRANGE l 0 -1", "['first', 'there', 'only', 'end']");
    cut(&p); /* what is removed stays so, whatever it is set to */
    expect(p.at[0], "LREM l 1 there", ":1");
    nodes_sleep_ms(5);
    expect(p.at[1], "LSET l 1 again", "+OK");
    heal(&p);
    both(&p, "LRANGE l 0 -1", "['first', 'only', 'end']");
    close_pair(&p);
}

TEST(lists, what_a_removal_has_not_seen_stays)
{
    static const char *const removals[] = {
        "DEL l",      "UNLINK l",   "FLUSHALL", "RENAME l moved",         "LTRIM l 1 0",
        "LREM l 0 a", "LPOP l 100", "RPOP l 3", "LMPOP 1 l LEFT COUNT 3", "LTRIM l 7 9",
        "LREM l -3 a"};
    pair p = open_pair();
    for (size_t i = 0; i < sizeof removals / sizeof removals[0]; i++) {
        expect(p.at[0], "RPUSH l a a a", ":3");
        cut(&p);
        CHECK_MSG(talk_say(p.at[0], removals[i])[0] != '-', "%s", removals[i]);
        expect(p.at[0], "EXISTS l", ":0");
        expect(p.at[1], "RPUSH l new", ":4");
        expect(p.at[1], "LPUSH l a", ":5");
        expect(p.at[1], "LINSERT l AFTER a between", ":6");
        expect(p.at[1], "LSET l 2 x", "+OK");
        heal(&p);
        both(&p, "LRANGE l 0 -1", "['a', 'between', 'new']");
        both(&p, "TYPE l", "+list");
        expect(p.at[1], "DEL l", ":1");
        settle(p.cluster);
        both(&p, "EXISTS l", ":0");
    }
    close_pair(&p);
}

TEST(lists, a_trim_keeps_its_range_and_what_came_beside_it)
{
    pair p = open_pair();
    expect(p.at[0], "RPUSH l a b c d e", ":5");
    cut(&p);
    expect(p.at[0], "LTRIM l 0 1", "+OK");
    expect(p.at[1], "LTRIM l 1 -1", "+OK");
    expect(p.at[1], "RPUSH l f", ":5");
    heal(&p);
    both(&p, "LRANGE l 0 -1", "['b', 'f']");
    close_pair(&p);
}

TEST(lists, an_element_may_be_popped_at_both_sides)
{
    pair p = open_pair();
    expect(p.at[0], "RPUSH l a b c d", ":4");
    cut(&p);
    expect(p.at[0], "LPOP l", "'a'");
    expect(p.at[1], "LPOP l 2", "['a', 'b']");
    expect(p.at[1], "RPUSH l e", ":3");
    heal(&p);
    both(&p, "LRANGE l 0 -1", "['c', 'd', 'e']");
    cut(&p); /* moves: the element is at both places, and at its own no more */
    expect(p.at[0], "LMOVE l m LEFT RIGHT", "'c'");
    expect(p.at[1], "RPOPLPUSH l n", "'e'");
    expect(p.at[1], "LMOVE l m LEFT RIGHT", "'c'");
    heal(&p);
    both(&p, "LRANGE l 0 -1", "['d']");
    both(&p, "LRANGE m 0 -1", "['c', 'c']");
    both(&p, "LRANGE n 0 -1", "['e']");
    close_pair(&p);
}

/* Queues that go round at both sides: nothing is lost or there twice. */
TEST(lists, rotated_at_both_sides_keep_every_element_once)
{
    pair p = open_pair();
    expect(p.at[0], "RPUSH l a b c", ":3");
    settle(p.cluster);
    expect(p.at[1], "LMOVE l l LEFT LEFT", "'a'");
    expect(p.at[1], "LMOVE l l LEFT RIGHT", "'a'");
    expect(p.at[1], "RPOPLPUSH l l", "'a'");
    settle(p.cluster);
    both(&p, "LRANGE l 0 -1", "['a', 'b', 'c']");
    cut(&p);
    expect(p.at[0], "LMOVE l l LEFT RIGHT", "'a'");
    nodes_sleep_ms(5);
    expect(p.at[1], "LMOVE l l LEFT RIGHT", "'a'");
    expect(p.at[1], "LMOVE l l LEFT RIGHT", "'b'");
    expect(p.at[1], "LRANGE l 0 -1", "['c', 'a', 'b']");
    heal(&p);
    both(&p, "LLEN l", ":3");
    both(&p, "LRANGE l 0 -1", "['c', 'a', 'b']");
    cut(&p);
    for (int i = 0; i < 100; i++) {
        CHECK_MSG(talk_say(p.at[0], "RPOPLPUSH l l")[0] == '\'', "RPOPLPUSH");
        CHECK_MSG(talk_say(p.at[1], "BLMOVE l l LEFT RIGHT 0")[0] == '\'', "BLMOVE");
    }
    expect(p.at[0], "LPUSH l d", ":4");
    heal(&p);
    both(&p, "LLEN l", ":4");
    static const char *const each[] = {"a", "b", "c", "d"};
    for (int i = 0; i < 4; i++) {
        char say[40];
        snprintf(say, sizeof say, "LREM l 0 %s", each[i]);
        expect(p.at[i % 2], say, ":1");
        settle(p.cluster);
    }
    both(&p, "EXISTS l", ":0");
    close_pair(&p);
}

TEST(lists, a_move_beside_a_removal_or_a_value)
{
    pair p = open_pair();
    expect(p.at[0], "RPUSH l a b c", ":3");
    cut(&p);
    expect(p.at[0], "CRDT.RGA.MOVE l 0 2", "+OK");
    expect(p.at[0], "CRDT.RGA.MOVE l 0 1", "+OK");
    expect(p.at[1], "LSET l 0 x", "+OK");
    expect(p.at[1], "LREM l 1 b", ":1");
    heal(&p);
    both(&p, "LRANGE l 0 -1", "['c', 'x']");
    cut(&p); /* what DEL has seen goes, wherever it was put meanwhile */
    expect(p.at[0], "DEL l", ":1");
    expect(p.at[1], "LMOVE l l LEFT RIGHT", "'c'");
    heal(&p);
    both(&p, "EXISTS l", ":0");
    close_pair(&p);
}

/* Each side saw an element stay. */
TEST(lists, emptied_at_both_sides_a_list_is_none)
{
    static const said after[][3] = {
        {{"RPUSH l z", ":1"}, {"LRANGE l 0 -1", "['z']"}, {"TYPE l", "+list"}},
        {{"SADD l z", ":1"}, {"SMEMBERS l", "['z']"}, {"TYPE l", "+set"}},
        {{"SET l z", "+OK"}, {"GET l", "'z'"}, {"TYPE l", "+string"}},
        {{"HSET l z 1", ":1"}, {"HGETALL l", "['z', '1']"}, {"TYPE l", "+hash"}},
        {{"SETNX l z", ":1"}, {"GET l", "'z'"}, {"TYPE l", "+string"}},
        {{"RENAME other l", "+OK"}, {"LRANGE l 0 -1", "['o']"}, {"TYPE l", "+list"}},
        {{"CRDT.RGA.INSERT l 0 z", "+OK"}, {"LRANGE l 0 -1", "['z']"}, {"TYPE l", "+list"}},
    };
    pair p = open_pair();
    for (size_t i = 0; i < sizeof after / sizeof after[0]; i++) {
        expect(p.at[0], "RPUSH l a b", ":2");
        expect(p.at[0], "RPUSH other o", ":1");
        expect(p.at[0], "EXPIRE l 1000", ":1");
        cut(&p);
        expect(p.at[0], "LPOP l", "'a'");
        expect(p.at[1], "RPOP l", "'b'");
        heal(&p);
        both(&p, "EXISTS l", ":0");
        both(&p, "TYPE l", "+none");
        both(&p, "KEYS *", "['other']");
        both(&p, "SCAN 0", "['0', ['other']]");
        both(&p, "RANDOMKEY", "'other'");
        both(&p, "TTL l", ":-2");
        both(&p, "LRANGE l 0 -1", "[]");
        both(&p, "LPUSHX l x", ":0");
        both(&p, "LPOP l", "nil");
        both(&p, "RENAME l m", "-ERR no such key");
        both(&p, "EXPIRE l 5", ":0");
        both(&p, "BLPOP l 0.01", "nil[]");
        both(&p, "DEL l", ":0");
        expect(p.at[1], after[i][0].say, after[i][0].expect);
        settle(p.cluster);
        for (size_t k = 1; k < 3; k++) both(&p, after[i][k].say, after[i][k].expect);
        both(&p, "TTL l", ":-1");
        CHECK_MSG(talk_say(p.at[0], "DEL l other")[0] == ':', "DEL");
        settle(p.cluster);
    }
    close_pair(&p);
}

/* A name that holds another type elsewhere: the one made later shows. */
TEST(lists, beside_another_type)
{
    pair p = open_pair();
    cut(&p);
    expect(p.at[0], "RPUSH k a b", ":2");
    nodes_sleep_ms(5);
    expect(p.at[1], "SET k text", "+OK");
    heal(&p);
    both(&p, "TYPE k", "+string");
    both(&p, "LRANGE k 0 -1", "-WRONGTYPE Operation against a key holding the wrong kind of value");
    both(&p, "CRDT.CONFLICTS", "[['key', 'k', 'type', 'cell', 'types', :2, 'contents', :1]]");
    expect(p.at[1], "DEL k", ":1");
    settle(p.cluster);
    both(&p, "EXISTS k", ":0");
    both(&p, "CRDT.CONFLICTS", "[]");
    close_pair(&p);
}

TEST(lists, are_explained_and_logged)
{
    pair p = open_pair();
    expect(p.at[0], "RPUSH l a b c 1", ":4");
    settle(p.cluster);
    expect(p.at[1], "LPOP l", "'a'");
    expect(p.at[1], "LSET l 0 set", "+OK");
    settle(p.cluster);
    for (int i = 0; i < 2; i++) {
        const char *told = talk_say(p.at[i], "CRDT.EXPLAIN l");
        CHECK_MSG(strstr(told, "'type', 'rga'") != NULL && strstr(told, "'elements', :3") != NULL &&
                      strstr(told, "'removals-remembered', :1") != NULL &&
                      strstr(told, "[\"set\", \"c\", 1]") != NULL,
                  "%s", told);
        told = talk_say(p.at[i], "CRDT.LOG l");
        int entries = 0;
        for (const char *at = told; (at = strstr(at, "'type', 'rga'")) != NULL; at++) entries++;
        CHECK_MSG(entries == 3, "%s", told);
    }
    both(&p, "OBJECT ENCODING l", "'rga'");
    both(&p, "CRDT.RGA.GET l", "['set', 'c', '1']");
    close_pair(&p);
}

TEST(lists, have_limits)
{
    static char say[1100000];
    nodes      *cluster = start_in_memory(1);
    talk       *t = connect_to(cluster, 0);
    int         size = snprintf(say, sizeof say, "RPUSH l x ");
    memset(say + size, 'v', 1048561);
    expect(t, say, "-ERR string exceeds maximum allowed size (1048560 bytes)");
    expect(t, "EXISTS l", ":0"); /* nothing of it is kept */
    say[size + 1048560] = 0;
    expect(t, say, ":2");
    expect(t, "LPOP l", "'x'");
    expect(t, "LLEN l", ":1");
    talk_free(t);
    nodes_free(cluster);
}

/* What is on the disk after a clean stop, and after none. */
TEST(lists, outlive_a_restart)
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
        CHECK(nodes_integer(cluster, 0, &n, "RPUSH l r%d x", round));
        CHECK_EQ_INT(n, round + 2);
        CHECK(nodes_integer(cluster, 0, &n, "LPUSH l gone"));
        CHECK(nodes_ok(cluster, 0, "LPOP l"));
        CHECK(nodes_integer(cluster, 0, &n, "LREM l -1 x"));
        CHECK_EQ_INT(n, 1);
        CHECK(nodes_ok(cluster, 0, "LSET l 0 set%d", round));
        CHECK(nodes_ok(cluster, 0, "EXPIRE l 1000"));
        if (round == 0) nodes_kill(cluster, 0);
        else if (round == 1) CHECK_MSG(nodes_stop(cluster, 0), "%s", nodes_problem(cluster));
        else CHECK(nodes_ok(cluster, 0, "SAVE") && nodes_stop(cluster, 0));
        CHECK_MSG(nodes_start(cluster, 0), "%s", nodes_problem(cluster));
        CHECK(nodes_integer(cluster, 0, &n, "LLEN l"));
        CHECK_EQ_INT(n, round + 1);
        CHECK(nodes_integer(cluster, 0, &n, "TTL l"));
        CHECK(n > 900 && n <= 1000);
        talk *t = connect_to(cluster, 0);
        char  expected[64];
        snprintf(expected, sizeof expected, "'set%d'", round);
        expect(t, "LINDEX l 0", expected);
        talk_free(t);
    }
    nodes_free(cluster);
}
