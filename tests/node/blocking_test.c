/* Clients that wait for elements: who is served, by what, and in which order (compared with
 * redis-server in replies/lists_wait.txt); by what peers write; and how they leave. */
#include <stdio.h>
#include <string.h>

#include "tests/node/pair.h"

#define CROWD 40

/* One node, with more arguments. */
static nodes *start_flagged(const char *const *flags)
{
    nodes_options options = nodes_options_default();
    options.store = "memory";
    options.alone = true;
    options.flags = flags;
    return start_with(&options);
}

/* One more that waits, behind those that do. */
static talk *one_waits(nodes *cluster, uint32_t node, talk *watch, int before, const char *say)
{
    talk *t = connect_to(cluster, node);
    talk_send(t, say);
    until_blocked(watch, before + 1);
    return t;
}

static void got(talk *t, const char *expected)
{
    const char *reply = talk_read(t);
    CHECK_MSG(strcmp(reply, expected) == 0, "got %s\n  expected %s", reply, expected);
}

TEST(blocking, a_peers_write_wakes)
{
    static const char *const waits[] = {"BLPOP none k 10", "BRPOP k 10", "BLMOVE k to LEFT LEFT 10",
                                        "BRPOPLPUSH k to 10", "BLMPOP 10 1 k LEFT COUNT 5"};
    static const char *const gets[] = {"['k', 'v']", "['k', 'v']", "'v'", "'v'", "['k', ['v']]"};
    pair                     p = open_pair();
    for (size_t i = 0; i < sizeof waits / sizeof waits[0]; i++) {
        bool  moves = i == 2 || i == 3;
        talk *t = one_waits(p.cluster, 1, p.at[1], 0, waits[i]);
        expect(p.at[0], "RPUSH k v", ":1");
        got(t, gets[i]);
        expect(t, "PING", "+PONG");
        settle(p.cluster);
        both(&p, "EXISTS k", ":0");
        both(&p, "LRANGE to 0 -1", moves ? "['v']" : "[]");
        expect(p.at[0], "DEL to", moves ? ":1" : ":0");
        settle(p.cluster);
        talk_free(t);
    }
    close_pair(&p);
}

/* All that a merge brings is there before anybody is served, and each gets one, by turns. */
TEST(blocking, a_merge_serves_in_order_of_arrival)
{
    pair  p = open_pair();
    talk *t[4];
    cut(&p);
    expect(p.at[0], "RPUSH k 1 2", ":2");
    expect(p.at[0], "RPUSH k 3", ":3");
    for (int i = 0; i < 4; i++) t[i] = one_waits(p.cluster, 1, p.at[1], i, "BLPOP k 10");
    heal(&p);
    for (int i = 0; i < 3; i++) {
        char expected[32];
        snprintf(expected, sizeof expected, "['k', '%d']", i + 1);
        got(t[i], expected);
    }
    until_blocked(p.at[1], 1);
    both(&p, "EXISTS k", ":0");
    expect(p.at[0], "LPUSH k last", ":1");
    got(t[3], "['k', 'last']");
    for (int i = 0; i < 4; i++) talk_free(t[i]);
    close_pair(&p);
}

TEST(blocking, a_crowd_is_served_in_order_of_arrival)
{
    nodes *cluster = start_in_memory(1);
    talk  *watch = connect_to(cluster, 0), *t[CROWD];
    char   say[64], expected[64];
    for (int i = 0; i < CROWD; i++) {
        static const char *const how[] = {"BLPOP k 20", "BRPOP j k 20", "BLPOP k j k 20"};
        t[i] = one_waits(cluster, 0, watch, i, how[i % 3]);
    }
    for (int i = 0; i < CROWD; i++) {
        snprintf(say, sizeof say, "RPUSH k e%d", i);
        expect(watch, say, ":1");
    }
    for (int i = 0; i < CROWD; i++) {
        snprintf(expected, sizeof expected, "['k', 'e%d']", i);
        got(t[i], expected);
    }
    expect(watch, "EXISTS k j", ":0");
    until_blocked(watch, 0);
    /* Whoever was served stands at the end of the queue if it waits again. */
    talk_send(t[1], "BLPOP k 20");
    until_blocked(watch, 1);
    talk_send(t[0], "BLPOP k 20");
    until_blocked(watch, 2);
    expect(watch, "RPUSH k x y z", ":3");
    got(t[1], "['k', 'x']");
    got(t[0], "['k', 'y']");
    expect(watch, "LRANGE k 0 -1", "['z']");
    for (int i = 0; i < CROWD; i++) talk_free(t[i]);
    talk_free(watch);
    nodes_free(cluster);
}

TEST(blocking, who_leaves_gets_nothing)
{
    nodes *cluster = start_in_memory(1);
    talk  *watch = connect_to(cluster, 0), *t[5];
    for (int i = 0; i < 5; i++) t[i] = one_waits(cluster, 0, watch, i, "BLPOP j k 20");
    talk_free(t[0]); /* the first, one in between, the last */
    talk_free(t[2]);
    talk_free(t[4]);
    until_blocked(watch, 2);
    expect(watch, "RPUSH k 1 2 3", ":3");
    got(t[1], "['k', '1']");
    got(t[3], "['k', '2']");
    expect(watch, "LRANGE k 0 -1", "['3']");
    expect(watch, "LPOP k", "'3'");
    until_blocked(watch, 0);
    talk_free(t[1]);
    talk_free(t[3]);
    /* One that leaves with what it had sent behind its command. */
    t[0] = one_waits(cluster, 0, watch, 0, "BLPOP k 20");
    talk_send(t[0], "RPUSH behind x");
    talk_free(t[0]);
    until_blocked(watch, 0);
    expect(watch, "EXISTS behind", ":0");
    talk_free(watch);
    nodes_free(cluster);
}

TEST(blocking, ends_in_time_and_by_others)
{
    nodes   *cluster = start_in_memory(1);
    talk    *watch = connect_to(cluster, 0), *t = connect_to(cluster, 0);
    char     say[64];
    uint64_t began = nodes_now_ms();
    expect(t, "BLPOP k 0.1", "nil[]");
    uint64_t took = nodes_now_ms() - began;
    CHECK_MSG(took >= 100 && took < 5000, "%llu ms", (unsigned long long)took);
    int64_t id = 0;
    CHECK(sscanf(talk_say(t, "CLIENT ID"), ":%ld", &id) == 1);
    const char *const how[] = {"", " TIMEOUT", " ERROR"};
    for (int i = 0; i < 3; i++) {
        talk_send(t, i == 1 ? "BLMOVE k to LEFT LEFT 0" : "BRPOP j k 0");
        talk_send(t, "ECHO behind");
        until_blocked(watch, 1);
        CHECK(strstr(talk_say(watch, "CLIENT LIST"), " flags=b ") != NULL);
        snprintf(say, sizeof say, "CLIENT UNBLOCK %ld%s", id, how[i]);
        expect(watch, say, ":1");
        expect(watch, say, ":0");
        got(t, i == 2 ? "-UNBLOCKED client unblocked via CLIENT UNBLOCK" : "nil[]");
        got(t, "'behind'");
    }
    talk_send(t, "BLPOP k 0");
    until_blocked(watch, 1);
    snprintf(say, sizeof say, "CLIENT KILL ID %ld", id);
    expect(watch, say, ":1");
    got(t, "closed");
    until_blocked(watch, 0);
    expect(watch, "RPUSH k x", ":1");
    expect(watch, "LRANGE k 0 -1", "['x']");
    talk_free(t);
    talk_free(watch);
    nodes_free(cluster);
}

/* The node may stop while clients wait, and when it does not they are told nothing. */
TEST(blocking, does_not_hold_up_a_stop)
{
    nodes *cluster = start_in_memory(1);
    talk  *watch = connect_to(cluster, 0);
    talk  *a = one_waits(cluster, 0, watch, 0, "BLPOP k 0"),
         *b = one_waits(cluster, 0, watch, 1, "BLPOP k j 1000");
    CHECK_MSG(nodes_stop(cluster, 0), "%s", nodes_problem(cluster));
    got(a, "closed");
    got(b, "closed");
    talk_free(a);
    talk_free(b);
    talk_free(watch);
    nodes_free(cluster);
}

/* What cannot be told is not taken out: it is there for the next. */
TEST(blocking, takes_out_no_more_than_it_may_tell)
{
    static char       say[200000] = "RPUSH k ";
    const char *const flags[] = {"--client-output-buffer-limit", "97kb", NULL};
    nodes            *cluster = start_flagged(flags);
    talk             *watch = connect_to(cluster, 0);
    talk             *greedy = one_waits(cluster, 0, watch, 0, "BLMPOP 20 1 k LEFT COUNT 5"),
         *modest = one_waits(cluster, 0, watch, 1, "BLPOP k 20");
    memset(say + 8, 'x', 150000);
    say[8 + 50000] = say[8 + 100001] = ' ';
    expect(watch, say, ":3");
    got(greedy, "-ERR the reply is larger than client-output-buffer-limit allows");
    CHECK(strncmp(talk_read(modest), "['k', 'xxxx", 11) == 0);
    expect(watch, "LLEN k", ":2");
    expect(watch, "RPUSH k x", ":3");
    expect(watch, "LRANGE k 0 -1",
           "-ERR the reply is larger than client-output-buffer-limit allows");
    expect(watch, "RPOP k 3", "-ERR the reply is larger than client-output-buffer-limit allows");
    expect(watch, "LLEN k", ":3");
    expect(watch, "RPOP k", "'x'");
    expect(greedy, "PING", "+PONG");
    talk_free(greedy);
    talk_free(modest);
    talk_free(watch);
    nodes_free(cluster);
}

/* What a client sends while it waits is bounded, and then it is closed. */
TEST(blocking, bounds_what_is_sent_meanwhile)
{
    static char       say[70000] = "ECHO ";
    const char *const flags[] = {"--client-query-buffer-limit", "1mb", NULL};
    nodes            *cluster = start_flagged(flags);
    talk             *watch = connect_to(cluster, 0);
    talk             *floods = one_waits(cluster, 0, watch, 0, "BLPOP k 20"),
         *waits = one_waits(cluster, 0, watch, 1, "BLPOP k 20");
    memset(say + 5, 'x', 65000);
    for (int i = 0; i < 20; i++) talk_send(floods, say);
    until_blocked(watch, 1);
    expect(watch, "RPUSH k 1", ":1");
    got(waits, "['k', '1']");
    talk_free(floods);
    talk_free(waits);
    talk_free(watch);
    nodes_free(cluster);
}
