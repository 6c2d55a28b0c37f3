/* Sorted sets on two nodes with the network cut, as docs/NODE.md tells them; over a restart; and
 * what redis-server has no reply for (tools/compare-redis compares the others). */
#include <stdio.h>
#include <string.h>

#include "tests/node/pair.h"

TEST(zsets, increments_on_both_sides_add_up)
{
    pair p = open_pair();
    expect(p.at[0], "ZADD z 10 a 0.1 b", ":2");
    cut(&p);
    expect(p.at[0], "ZINCRBY z 5 a", "'15'");
    expect(p.at[1], "ZINCRBY z 7 a", "'17'");
    expect(p.at[0], "ZADD z INCR 0.1 b", "'0.20000000000000001'");
    expect(p.at[1], "ZINCRBY z 0.1 b", "'0.20000000000000001'");
    expect(p.at[0], "ZINCRBY z 1 new", "'1'");
    expect(p.at[1], "ZINCRBY z 2 new", "'2'");
    heal(&p);
    both(&p, "ZRANGE z 0 -1 WITHSCORES", "['b', '0.30000000000000004', 'new', '3', 'a', '22']");
    both(&p, "ZRANK z a", ":2");
    close_pair(&p);
}

TEST(zsets, of_two_scores_the_later_shows_and_the_other_is_listed)
{
    pair p = open_pair();
    expect(p.at[0], "ZADD z 1 a 2 b", ":2");
    cut(&p);
    expect(p.at[0], "ZADD z 9 a", ":0");
    nodes_sleep_ms(5);
    expect(p.at[1], "ZADD z 3.5 a", ":0");
    heal(&p);
    both(&p, "ZSCORE z a", "'3.5'");
    both(&p, "CRDT.CONFLICTS", "[['key', 'z', 'type', 'zset', 'types', :1, 'contents', :2]]");
    for (int i = 0; i < 2; i++) {
        const char *told = talk_say(p.at[i], "CRDT.CONFLICTS z");
        CHECK_MSG(strstr(told, "'fields', [['path', ['a'], 'types', ['score'], 'contents', [[") !=
                          NULL &&
                      strstr(told, "'value', '9', 'shows', :0") != NULL &&
                      strstr(told, "'value', '3.5', 'shows', :1") != NULL,
                  "%s", told);
        told = talk_say(p.at[i], "CRDT.EXPLAIN z");
        CHECK_MSG(strstr(told, "of each member the one stamped last shows") != NULL, "%s", told);
        CHECK_MSG(strstr(told, "'value', '{\"a\": 3.5, \"b\": 2}'") != NULL, "%s", told);
    }
    expect(p.at[0], "ZADD z 4 a", ":0");
    settle(p.cluster);
    both(&p, "ZSCORE z a", "'4'");
    both(&p, "CRDT.CONFLICTS", "[]");
    close_pair(&p);
}

TEST(zsets, members_of_both_sides_are_there_and_an_addition_wins)
{
    pair p = open_pair();
    expect(p.at[0], "ZADD z 1 a 2 b 3 c", ":3");
    cut(&p);
    expect(p.at[0], "ZREM z a b", ":2");
    expect(p.at[1], "ZADD z 7 a", ":0"); /* beside its removal */
    expect(p.at[1], "ZADD z 5 d", ":1");
    expect(p.at[0], "ZADD z NX 6 e", ":1");
    heal(&p);
    both(&p, "ZRANGE z 0 -1 WITHSCORES", "['c', '3', 'd', '5', 'e', '6', 'a', '7']");
    both(&p, "ZSCORE z b", "nil");
    expect(p.at[0], "ZREM z a", ":1"); /* seen: it goes */
    settle(p.cluster);
    both(&p, "ZSCORE z a", "nil");
    cut(&p);
    expect(p.at[0], "ZREM z c", ":1");
    expect(p.at[1], "ZADD z 3 c", ":0"); /* the score that it has: written all the same */
    heal(&p);
    both(&p, "ZSCORE z c", "'3'");
    close_pair(&p);
}

TEST(zsets, a_removal_or_a_new_score_keeps_what_was_counted_beside_it)
{
    pair p = open_pair();
    expect(p.at[0], "ZADD z 10 a 20 b", ":2");
    settle(p.cluster);
    expect(p.at[1], "ZINCRBY z 1 a", "'11'");
    cut(&p);
    expect(p.at[0], "ZREM z a", ":1");
    expect(p.at[1], "ZINCRBY z 2 a", "'13'");
    expect(p.at[0], "ZADD z 100 b", ":0");
    expect(p.at[1], "ZINCRBY z 5 b", "'25'");
    heal(&p);
    both(&p, "ZSCORE z b", "'105'");
    both(&p, "ZSCORE z a", "'2'"); /* what the removal had not seen */
    close_pair(&p);
}

TEST(zsets, gt_and_lt_raise_and_lower)
{
    pair p = open_pair();
    expect(p.at[0], "ZADD z 5 a 5 b", ":2");
    cut(&p);
    expect(p.at[0], "ZADD z GT CH 9 a", ":1");
    expect(p.at[0], "ZADD z LT CH 1 b", ":1");
    nodes_sleep_ms(5);
    expect(p.at[1], "ZADD z GT CH 7 a", ":1");
    expect(p.at[1], "ZADD z LT CH 3 b", ":1");
    heal(&p);
    both(&p, "ZMSCORE z a b", "['9', '1']");
    cut(&p);
    expect(p.at[0], "ZADD z GT 20 a", ":0");
    nodes_sleep_ms(5);
    expect(p.at[1], "ZADD z 6 a", ":0"); /* set later: that counts */
    heal(&p);
    both(&p, "ZSCORE z a", "'6'");
    close_pair(&p);
}

TEST(zsets, what_a_removal_of_the_whole_has_not_seen_stays)
{
    static const char *const removals[] = {"DEL z",          "UNLINK z",
                                           "ZREM z a b",     "ZREMRANGEBYRANK z 0 -1",
                                           "RENAME z moved", "ZPOPMIN z 2",
                                           "FLUSHALL",       "ZREMRANGEBYSCORE z -inf +inf",
                                           "SET z text",     "ZREMRANGEBYLEX z - +"};
    pair                     p = open_pair();
    for (size_t i = 0; i < sizeof removals / sizeof removals[0]; i++) {
        bool set = strncmp(removals[i], "SET", 3) == 0;
        expect(p.at[0], "ZADD z 1 a 2 b", ":2");
        cut(&p);
        CHECK_MSG(talk_say(p.at[0], removals[i])[0] != '-', "%s", removals[i]);
        if (set) expect(p.at[0], "DEL z", ":1");
        expect(p.at[0], "EXISTS z", ":0");
        expect(p.at[1], "ZADD z 3 new", ":1");
        expect(p.at[1], "ZINCRBY z 5 b", "'7'");
        heal(&p);
        both(&p, "ZRANGE z 0 -1 WITHSCORES", "['new', '3', 'b', '5']");
        both(&p, "TYPE z", "+zset");
        expect(p.at[1], "DEL z", ":1");
        settle(p.cluster);
        both(&p, "EXISTS z", ":0");
    }
    close_pair(&p);
}

/* At least once: two nodes may pop the same member. */
TEST(zsets, both_sides_may_pop_the_same_member)
{
    pair p = open_pair();
    expect(p.at[0], "ZADD z 1 a 2 b 3 c", ":3");
    cut(&p);
    expect(p.at[0], "ZPOPMIN z", "['a', '1']");
    expect(p.at[1], "ZPOPMIN z 2", "['a', '1', 'b', '2']");
    heal(&p);
    both(&p, "ZRANGE z 0 -1", "['c']");
    close_pair(&p);
}

TEST(zsets, emptied_at_both_sides_a_set_is_none)
{
    pair p = open_pair();
    expect(p.at[0], "ZADD z 1 a 2 b", ":2");
    cut(&p);
    expect(p.at[0], "ZREM z a", ":1");
    expect(p.at[1], "ZPOPMAX z", "['b', '2']");
    heal(&p);
    both(&p, "EXISTS z", ":0");
    both(&p, "TYPE z", "+none");
    both(&p, "ZRANGE z 0 -1", "[]");
    both(&p, "KEYS *", "[]");
    expect(p.at[1], "SET z text", "+OK");
    settle(p.cluster);
    both(&p, "GET z", "'text'");
    close_pair(&p);
}

TEST(zsets, a_store_replaces_what_it_has_seen_of_its_target)
{
    static const char *const stores[] = {"ZUNIONSTORE to 2 x y", "ZINTERSTORE to 1 x",
                                         "ZDIFFSTORE to 2 x y", "ZRANGESTORE to x 0 -1"};
    pair                     p = open_pair();
    expect(p.at[0], "ZADD x 1 a", ":1");
    for (size_t i = 0; i < sizeof stores / sizeof stores[0]; i++) {
        expect(p.at[0], "ZADD to 5 old 6 older", ":2");
        cut(&p);
        expect(p.at[0], stores[i], ":1");
        expect(p.at[1], "ZADD to 7 new", ":1");
        expect(p.at[1], "ZINCRBY to 1 older", "'7'");
        heal(&p);
        both(&p, "ZRANGE to 0 -1 WITHSCORES", "['a', '1', 'older', '1', 'new', '7']");
        expect(p.at[0], "DEL to", ":1");
    }
    close_pair(&p);
}

TEST(zsets, a_peers_write_wakes_who_waits)
{
    static const char *const waits[] = {"BZPOPMIN none z 10", "BZPOPMAX z 10",
                                        "BZMPOP 10 2 none z MAX COUNT 2"};
    static const char *const gets[] = {"['z', 'a', '1']", "['z', 'b', '2']",
                                       "['z', [['b', '2'], ['a', '1']]]"};
    static const char *const rest[] = {"['b']", "['a']", "[]"};
    pair                     p = open_pair();
    for (size_t i = 0; i < sizeof waits / sizeof waits[0]; i++) {
        for (int apart = 0; apart < 2; apart++) {
            if (apart) cut(&p);
            talk *t = connect_to(p.cluster, 1);
            talk_send(t, waits[i]);
            until_blocked(p.at[1], 1);
            expect(p.at[0], "ZADD z 1 a 2 b", ":2");
            if (apart) heal(&p);
            const char *got = talk_read(t);
            CHECK_MSG(strcmp(got, gets[i]) == 0, "%s got %s", waits[i], got);
            settle(p.cluster);
            both(&p, "ZRANGE z 0 -1", rest[i]);
            expect(p.at[0], "DEL z", i < 2 ? ":1" : ":0");
            settle(p.cluster);
            talk_free(t);
        }
    }
    close_pair(&p);
}

TEST(zsets, beside_another_type_the_later_shows)
{
    pair p = open_pair();
    cut(&p);
    expect(p.at[0], "ZADD k 1 a", ":1");
    nodes_sleep_ms(5);
    expect(p.at[1], "SADD k member", ":1");
    heal(&p);
    both(&p, "TYPE k", "+set");
    both(&p, "ZSCORE k a", "-WRONGTYPE Operation against a key holding the wrong kind of value");
    both(&p, "CRDT.CONFLICTS", "[['key', 'k', 'type', 'orset', 'types', :2, 'contents', :0]]");
    expect(p.at[0], "DEL k", ":1");
    settle(p.cluster);
    both(&p, "EXISTS k", ":0");
    close_pair(&p);
}

TEST(zsets, expire_rename_and_are_scanned)
{
    pair p = open_pair();
    expect(p.at[0], "ZADD z 1 a -0 zero inf most", ":3");
    expect(p.at[0], "EXPIRE z 1000", ":1");
    expect(p.at[0], "RENAME z y", "+OK");
    settle(p.cluster);
    both(&p, "ZRANGE y 0 -1 WITHSCORES", "['zero', '0', 'a', '1', 'most', 'inf']");
    const char *left = talk_say(p.at[1], "TTL y");
    CHECK_MSG(strcmp(left, ":1000") == 0 || strcmp(left, ":999") == 0, "%s", left);
    both(&p, "SCAN 0 TYPE zset", "['0', ['y']]");
    const char *log = talk_say(p.at[0], "CRDT.LOG y");
    CHECK_MSG(strstr(log, "'writes', '{\"a\": 1, \"most\"") != NULL, "%s", log);
    expect(p.at[1], "PEXPIRE y 1", ":1");
    nodes_sleep_ms(20);
    expect(p.at[1], "ZCARD y", ":0");
    expect(p.at[1], "ZADD y XX 5 a", ":0");
    expect(p.at[1], "ZADD y 5 b", ":1");
    settle(p.cluster);
    both(&p, "ZRANGE y 0 -1", "['b']");
    both(&p, "TTL y", ":-1");
    close_pair(&p);
}

TEST(zsets, have_limits_and_cursors_of_their_node)
{
    static char say[70000];
    nodes      *cluster = start_in_memory(1);
    talk       *t = connect_to(cluster, 0);
    memcpy(say, "ZADD z 1 ", 9);
    memset(say + 9, 'x', 66000);
    say[66009] = 0;
    expect(t, say, "-ERR a member has at most ...");
    for (int i = 0; i < 300; i++) {
        snprintf(say, sizeof say, "ZADD big %d m%03d", i % 7, i);
        expect(t, say, ":1");
    }
    const char *part = talk_say(t, "ZSCAN big 0 COUNT 2");
    CHECK_MSG(strstr(part, "['m000', '0', 'm001', '1']") != NULL, "%s", part);
    expect(t, "ZSCAN big 12345", "-ERR invalid cursor");
    expect(t, "CRDT.ZSET.RAISE big m000 2.5", "+OK");
    expect(t, "ZSCORE big m000", "'2.5'");
    expect(t, "CRDT.ZSET.ADD big m000 nonsense", "-ERR value is not a valid ...");
    talk_free(t);
    nodes_free(cluster);
}

TEST(zsets, come_back_after_a_restart)
{
    nodes_options options = nodes_options_default();
    options.count = 1;
    options.alone = true;
    nodes *cluster = start_with(&options);
    talk  *t = connect_to(cluster, 0);
    expect(t, "ZADD z 1 a 2.5 b -inf least", ":3");
    expect(t, "ZINCRBY z 0.1 a", "'1.1000000000000001'");
    expect(t, "ZADD z GT 7 b", ":0");
    expect(t, "ZREM z least", ":1");
    talk_free(t);
    for (int i = 0; i < 2; i++) { /* from the log, then from a snapshot */
        CHECK_MSG(nodes_stop(cluster, 0), "%s", nodes_problem(cluster));
        CHECK_MSG(nodes_start(cluster, 0), "%s", nodes_problem(cluster));
        t = connect_to(cluster, 0);
        expect(t, "ZRANGE z 0 -1 WITHSCORES", "['a', '1.1000000000000001', 'b', '7']");
        expect(t, "ZREVRANK z a", ":1");
        expect(t, "SAVE", "+OK");
        talk_free(t);
    }
    nodes_free(cluster);
}
