/* Subscribers: in RESP2 and RESP3; what they are told of what peers write; and those that never
 * read. What one node says is compared with redis-server in replies/pubsub.txt and events.txt. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/random.h"
#include "tests/node/pair.h"

static void got(talk *t, const char *expected)
{
    const char *reply = talk_read(t);
    CHECK_MSG(strcmp(reply, expected) == 0, "got %s\n  expected %s", reply, expected);
}

static nodes *start_flagged(const char *const *flags)
{
    nodes_options options = nodes_options_default();
    options.store = "memory";
    options.alone = true;
    options.flags = flags;
    return start_with(&options);
}

/* A push is one in RESP3 alone; in RESP2 it is an array, and a subscriber may say little else. */
TEST(pubsub, pushes_are_of_resp3)
{
    nodes *cluster = start_in_memory(1);
    talk  *two = connect_to(cluster, 0), *three = connect_to(cluster, 0),
         *speaks = connect_to(cluster, 0);
    expect(three, "HELLO 3", "{'server'...");
    expect(two, "SUBSCRIBE c", "['subscribe', 'c', :1]");
    expect(three, "SUBSCRIBE c", ">['subscribe', 'c', :1]");
    expect(three, "PSUBSCRIBE c*", ">['psubscribe', 'c*', :2]");
    expect(speaks, "PUBLISH c hello", ":3");
    got(two, "['message', 'c', 'hello']");
    got(three, ">['message', 'c', 'hello']");
    got(three, ">['pmessage', 'c*', 'c', 'hello']");
    expect(two, "SET k 1", "-ERR Can't execute 'set': only...");
    expect(three, "SET k 1", "+OK");
    expect(two, "PING", "['pong', '']");
    expect(three, "PING", "+PONG");
    talk_send(two, "SET k 2"); /* several at once: they may share an entry, and are refused */
    talk_send(two, "SET k 3");
    for (int i = 0; i < 2; i++) CHECK(strncmp(talk_read(two), "-ERR Can't", 10) == 0);
    expect(speaks, "GET k", "'1'");
    expect(two, "RESET", "+RESET");
    expect(three, "RESET", "+RESET");
    expect(speaks, "PUBLISH c nobody", ":0");
    expect(two, "GET k", "'1'");
    talk_free(two);
    talk_free(three);
    talk_free(speaks);
    nodes_free(cluster);
}

TEST(pubsub, who_leaves_listens_no_more)
{
    nodes *cluster = start_in_memory(1);
    talk  *watch = connect_to(cluster, 0), *t[20];
    char   say[64];
    for (int i = 0; i < 20; i++) {
        t[i] = connect_to(cluster, 0);
        snprintf(say, sizeof say, "SUBSCRIBE all own%d", i);
        expect(t[i], say, "['subscribe', 'all', :1]");
        (void)talk_read(t[i]);
        expect(t[i], "PSUBSCRIBE a* *l", "['psubscribe', 'a*', :3]");
        (void)talk_read(t[i]);
    }
    expect(watch, "PUBSUB NUMSUB all own3 none", "['all', :20, 'own3', :1, 'none', :0]");
    expect(watch, "PUBSUB NUMPAT", ":2");
    CHECK(strstr(talk_say(watch, "CLIENT LIST TYPE pubsub"), "flags=P ") != NULL);
    CHECK(strstr(talk_say(watch, "CLIENT LIST TYPE pubsub"), "sub=2 psub=2 ") != NULL);
    CHECK(strstr(talk_say(watch, "CLIENT LIST TYPE normal"), "flags=P ") == NULL);
    for (int i = 0; i < 20; i += 2) talk_free(t[i]);
    for (int i = 0; i < 1000; i++) {
        if (strcmp(talk_say(watch, "PUBSUB NUMSUB all"), "['all', :10]") == 0) break;
        nodes_sleep_ms(5);
    }
    expect(watch, "PUBLISH all x", ":30");
    expect(watch, "PUBSUB NUMSUB own2 own3", "['own2', :0, 'own3', :1]");
    expect(watch, "CLIENT KILL TYPE pubsub", ":10");
    expect(watch, "PUBLISH all x", ":0");
    expect(watch, "PUBSUB NUMPAT", ":0");
    expect(watch, "PUBSUB CHANNELS", "[]");
    for (int i = 1; i < 20; i += 2) talk_free(t[i]);
    talk_free(watch);
    nodes_free(cluster);
}

/* The most memory that the process ever had, in bytes. */
static uint64_t rss_peak(nodes *cluster, uint32_t i)
{
    char     path[64], line[256];
    uint64_t kb = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)nodes_pid(cluster, i));
    FILE *file = fopen(path, "r");
    CHECK(file != NULL);
    while (fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "VmHWM:", 6) == 0) kb = strtoull(line + 6, NULL, 10);
    }
    fclose(file);
    CHECK(kb > 0);
    return kb << 10;
}

/* -- Who never reads --------------------------------------------------------------------------- */

/* It is closed at the limit of its class, in between others get everything, and nothing grows. */
TEST(pubsub, who_never_reads_is_closed)
{
    static char       say[70000] = "PUBLISH c ";
    const char *const flags[] = {"--pubsub-output-buffer-limit", "1mb", NULL};
    nodes            *cluster = start_flagged(flags);
    talk             *deaf = connect_to(cluster, 0), *speaks = connect_to(cluster, 0),
         *listens = connect_to(cluster, 0);
    bool closed = false;
    int  messages = 0;
    expect(deaf, "SUBSCRIBE c", "['subscribe', 'c', :1]");
    expect(listens, "SUBSCRIBE c", "['subscribe', 'c', :1]");
    memset(say + 10, 'x', 65000);
    for (; messages < 2000 && !closed; messages++) {
        const char *reply = talk_say(speaks, say);
        closed = strcmp(reply, ":1") == 0;
        CHECK_MSG(closed || strcmp(reply, ":2") == 0, "%s", reply);
        CHECK(strncmp(talk_read(listens), "['message', 'c', 'xxx", 21) == 0);
    }
    CHECK_MSG(closed, "%d messages of 65 kB wait for one that never reads", messages);
    CHECK(nodes_rss_bytes(cluster, 0) < (64u << 20));
    expect(speaks, "PUBSUB NUMSUB c", "['c', :1]");
    talk_free(deaf);
    talk_free(listens);
    talk_free(speaks);
    nodes_free(cluster);
}

/* All of one EXEC, so that the node has no turn in between: what waits is bounded all the same. */
TEST(pubsub, a_burst_is_bounded)
{
    enum { COUNT = 800, DEAF = 8 };
    static char       lines[COUNT * 66000];
    const char *const flags[] = {"--pubsub-output-buffer-limit", "1mb", NULL};
    nodes            *cluster = start_flagged(flags);
    talk             *deaf[DEAF], *speaks = connect_to(cluster, 0);
    size_t            used = 0;
    for (int i = 0; i < DEAF; i++) {
        deaf[i] = connect_to(cluster, 0);
        expect(deaf[i], "SUBSCRIBE c", "['subscribe', 'c', :1]");
    }
    for (int i = 0; i < COUNT; i++) {
        used += (size_t)snprintf(lines + used, 64, "*3\r\n$7\r\nPUBLISH\r\n$1\r\nc\r\n$65000\r\n");
        memset(lines + used, 'x', 65000);
        used += 65000;
        used += (size_t)snprintf(lines + used, 8, "\r\n");
    }
    expect(speaks, "MULTI", "+OK");
    talk_raw(speaks, lines, used);
    for (int i = 0; i < COUNT; i++) CHECK(strcmp(talk_read(speaks), "+QUEUED") == 0);
    expect(speaks, "EXEC", "[:8, :8, :8...");
    expect(speaks, "PUBSUB NUMSUB c", "['c', :0]");
    /* What was queued, once; a sanitizer keeps what was freed, too. */
    CHECK(T_SLOW || rss_peak(cluster, 0) < (200u << 20));
    for (int i = 0; i < DEAF; i++) talk_free(deaf[i]);
    talk_free(speaks);
    nodes_free(cluster);
}

/* Clients that come, subscribe to this and that, speak, and leave at any moment: afterwards nobody
 * is there any more. */
TEST(pubsub, a_storm)
{
    enum { CLIENTS = 12 };
    static const char *const verbs[] = {
        "SUBSCRIBE",     "PSUBSCRIBE", "UNSUBSCRIBE", "PUNSUBSCRIBE", "PUBLISH", "PUBSUB CHANNELS",
        "PUBSUB NUMSUB", "RESET",      "HELLO 3",     "MULTI",        "EXEC",    "SET"};
    static const char *const words[] = {"", "a", "b", "*", "?", "[a-", "a a", "b* ?", "__key*"};
    const char *const flags[] = {"--notify-keyspace-events", "KEA", "--pubsub-output-buffer-limit",
                                 "100kb", NULL};
    uint64_t          random = seed_or(1);
    nodes            *cluster = start_flagged(flags);
    talk             *t[CLIENTS] = {NULL}, *watch = connect_to(cluster, 0);
    for (int i = 0; i < 20000; i++) {
        size_t at = (size_t)random_below(&random, CLIENTS);
        char   say[128];
        if (t[at] != NULL && random_below(&random, 300) == 0) {
            talk_free(t[at]);
            t[at] = NULL;
        }
        if (t[at] == NULL) t[at] = connect_to(cluster, 0);
        int size = snprintf(say, sizeof say, "%s %s %s\r\n",
                            verbs[random_below(&random, sizeof verbs / sizeof verbs[0])],
                            words[random_below(&random, sizeof words / sizeof words[0])],
                            words[random_below(&random, sizeof words / sizeof words[0])]);
        talk_raw(t[at], say, (size_t)size);
        if (i % 1000 == 0) expect(watch, "PING", "+PONG");
    }
    for (int i = 0; i < CLIENTS; i++) talk_free(t[i]);
    for (int i = 0; i < 1000; i++) {
        if (strstr(talk_say(watch, "INFO clients"), "connected_clients:1\\r") != NULL) break;
        nodes_sleep_ms(5);
    }
    expect(watch, "PUBSUB CHANNELS", "[]");
    expect(watch, "PUBSUB NUMPAT", ":0");
    talk_free(watch);
    nodes_free(cluster);
}

/* Limits as Redis writes them: of both classes at once. */
TEST(pubsub, limits_by_class)
{
    static const said lines[] = {
        {"CONFIG GET pubsub-output-buffer-limit",
         "['pubsub-output-buffer-limit', '33554432 8388608 60']"},
        {"CONFIG SET client-output-buffer-limit 'pubsub 4mb 2mb 30'", "+OK"},
        {"CONFIG GET pubsub-output-buffer-limit",
         "['pubsub-output-buffer-limit', '4194304 2097152 30']"},
        {"CONFIG GET client-output-buffer-limit",
         "['client-output-buffer-limit', '268435456 0 0']"},
        {"CONFIG SET client-output-buffer-limit 'normal 1mb 0 0 pubsub 5mb 0 0 slave 1 1 1'",
         "+OK"},
        {"CONFIG GET pubsub-output-buffer-limit", "['pubsub-output-buffer-limit', '5242880 0 0']"},
        {"CONFIG GET client-output-buffer-limit", "['client-output-buffer-limit', '1048576 0 0']"},
        {"CONFIG SET client-output-buffer-limit 'pubsub 1mb 0 0 foo 1 1 1'", "-ERR..."},
        {"CONFIG SET client-output-buffer-limit 'foo 1 1 1'", "-ERR..."},
        {"CONFIG SET client-output-buffer-limit 'pubsub'", "-ERR..."},
        {"CONFIG SET client-output-buffer-limit '1mb 0 0 pubsub 1 1 1'", "-ERR..."},
        {"CONFIG SET notify-keyspace-events KEq", "-ERR..."},
        {"CONFIG GET client-output-buffer-limit", "['client-output-buffer-limit', '1048576 0 0']"},
    };
    nodes *cluster = start_in_memory(1);
    talk  *t = connect_to(cluster, 0);
    CONVERSE(t, lines);
    talk_free(t);
    nodes_free(cluster);
}

/* -- What peers write -------------------------------------------------------------------------- */

/* A subscriber at node 1, to all that happens to keys. */
static talk *listen_at(pair *p, const char *letters)
{
    char  say[64];
    talk *t = connect_to(p->cluster, 1);
    snprintf(say, sizeof say, "CONFIG SET notify-keyspace-events %s", letters);
    expect(p->at[1], say, "+OK");
    expect(t, "PSUBSCRIBE __key*__:*", "['psubscribe', '__key*__:*', :1]");
    return t;
}

static void got_event(talk *t, const char *event, const char *key)
{
    char expected[256];
    snprintf(expected, sizeof expected, "['pmessage', '__key*__:*', '__keyevent@0__:%s', '%s']",
             event, key);
    got(t, expected);
}

TEST(pubsub, tells_what_a_merge_changed)
{
    pair p = open_pair();
    expect(p.at[0], "MSET gone 1 kept 1 due 1", "+OK");
    cut(&p);
    talk *t = listen_at(&p, "EA");
    expect(p.at[0], "SET s 1", "+OK");
    expect(p.at[0], "SET s 2", "+OK"); /* once for all that a merge brings to a name */
    expect(p.at[0], "DEL gone", ":1");
    expect(p.at[0], "RPUSH l a", ":1");
    expect(p.at[0], "EXPIRE due 1000", ":1");
    expect(p.at[1], "SET own 1", "+OK");
    got_event(t, "set", "own");
    heal(&p);
    static const char *const events[][2] = {
        {"merge", "s"}, {"del", "gone"}, {"merge", "l"}, {"merge", "due"}};
    bool seen[4] = {false};
    for (int i = 0; i < 4; i++) { /* names of one merge come in any order */
        char        expected[256];
        const char *reply = talk_read(t);
        for (int k = 0; k < 4; k++) {
            snprintf(expected, sizeof expected,
                     "['pmessage', '__key*__:*', '__keyevent@0__:%s', '%s']", events[k][0],
                     events[k][1]);
            if (strcmp(reply, expected) == 0) seen[k] = true;
        }
    }
    for (int k = 0; k < 4; k++) CHECK_MSG(seen[k], "%s %s", events[k][0], events[k][1]);
    /* By its class, at the channel of the key; and nothing more. */
    expect(p.at[1], "CONFIG SET notify-keyspace-events Kl", "+OK");
    expect(p.at[0], "SET s 3", "+OK");
    expect(p.at[0], "RPUSH l b", ":2");
    got(t, "['pmessage', '__key*__:*', '__keyspace@0__:l', 'merge']");
    settle(p.cluster);
    expect(p.at[1], "PUBLISH __key__:end x", ":1");
    got(t, "['pmessage', '__key*__:*', '__key__:end', 'x']");
    talk_free(t);
    close_pair(&p);
}

/* Each node tells its own subscribers once that a deadline has passed, whoever sweeps. */
TEST(pubsub, tells_what_expires_at_each_node)
{
    pair p = open_pair();
    expect(p.at[1], "CONFIG SET notify-keyspace-events ''", "+OK");
    talk *t = listen_at(&p, "EA");
    expect(p.at[0], "SET k 1 PX 300", "+OK");
    got_event(t, "merge", "k");
    got_event(t, "expired", "k");
    nodes_sleep_ms(2500); /* it is swept meanwhile */
    expect(p.at[1], "PUBLISH __key__:end x", ":1");
    got(t, "['pmessage', '__key*__:*', '__key__:end', 'x']");
    talk_free(t);
    close_pair(&p);
}

/* EXEC of a peer is told as what it left; our own commands by their names. */
TEST(pubsub, tells_exec_and_our_own_commands)
{
    pair  p = open_pair();
    talk *t = listen_at(&p, "EA");
    expect(p.at[0], "MULTI", "+OK");
    expect(p.at[0], "SET gone 1", "+QUEUED");
    expect(p.at[0], "SET k 1", "+QUEUED");
    expect(p.at[0], "DEL gone", "+QUEUED");
    expect(p.at[0], "EXEC", "[+OK, +OK, :1]");
    got_event(t, "merge", "k");
    settle(p.cluster);
    expect(p.at[1], "CRDT.GSET.ADD g x", "+OK");
    got_event(t, "crdt.gset.add", "g");
    expect(p.at[1], "TEXT.INSERT t 0 abc", ":3");
    got_event(t, "text.insert", "t");
    talk_free(t);
    close_pair(&p);
}

/* -- What is published at peers ---------------------------------------------------------------- */

/* At every other node, once, and behind the data that its publisher had seen. */
TEST(pubsub, reaches_the_subscribers_of_peers)
{
    nodes *cluster = start_in_memory(3);
    talk  *at[3], *listens[3];
    char   say[128], expected[128];
    for (uint32_t i = 0; i < 3; i++) {
        at[i] = connect_to(cluster, i);
        listens[i] = connect_to(cluster, i);
        expect(listens[i], "HELLO 3", "{'server'...");
        expect(listens[i], "SUBSCRIBE c", ">['subscribe', 'c', :1]");
    }
    settle(cluster);
    for (int i = 0; i < 30; i++) {
        snprintf(say, sizeof say, "SET k %d", i);
        expect(at[i % 3], say, "+OK");
        snprintf(say, sizeof say, "PUBLISH c m%d", i);
        expect(at[i % 3], say, ":1"); /* of this node's own */
        for (int n = 0; n < 3; n++) {
            snprintf(expected, sizeof expected, ">['message', 'c', 'm%d']", i);
            got(listens[n], expected);
            snprintf(expected, sizeof expected, "'%d'", i);
            expect(listens[n], "GET k", expected);
        }
    }
    /* Within EXEC, when that is done; and not if it is not. */
    expect(at[0], "MULTI", "+OK");
    expect(at[0], "PUBLISH c inside", "+QUEUED");
    expect(at[0], "SET k inside", "+QUEUED");
    expect(at[0], "EXEC", "[:1, +OK]");
    for (int n = 0; n < 3; n++) {
        got(listens[n], ">['message', 'c', 'inside']");
        expect(listens[n], "GET k", "'inside'");
    }
    /* Where it is switched off nothing comes, and nothing goes. */
    expect(at[1], "CONFIG SET publish-to-peers no", "+OK");
    expect(at[0], "PUBLISH c not-there", ":1");
    expect(at[1], "PUBLISH c there-alone", ":1");
    settle(cluster);
    got(listens[0], ">['message', 'c', 'not-there']");
    got(listens[1], ">['message', 'c', 'there-alone']");
    got(listens[2], ">['message', 'c', 'not-there']");
    for (int n = 0; n < 3; n++) {
        expect(listens[n], "PING", "+PONG"); /* nothing more has come */
        talk_free(at[n]);
        talk_free(listens[n]);
    }
    nodes_free(cluster);
}

/* Thousands in one turn, and long ones; what is too long for an entry stays here. */
TEST(pubsub, many_and_long_ones_reach_peers)
{
    enum { COUNT = 3000, MOST = 65536 - 8 - 1 };
    static char say[70000], lines[COUNT * 32];
    pair        p = open_pair();
    talk       *t = connect_to(p.cluster, 1);
    size_t      used = 0;
    char        expected[64];
    expect(t, "SUBSCRIBE c", "['subscribe', 'c', :1]");
    for (int i = 0; i < COUNT; i++) {
        used += (size_t)snprintf(lines + used, sizeof lines - used, "PUBLISH c m%d\r\n", i);
    }
    talk_raw(p.at[0], lines, used);
    for (int i = 0; i < COUNT; i++) CHECK(strcmp(talk_read(p.at[0]), ":0") == 0);
    for (int i = 0; i < COUNT; i++) {
        snprintf(expected, sizeof expected, "['message', 'c', 'm%d']", i);
        got(t, expected);
    }
    for (size_t more = 0; more < 2; more++) {
        memcpy(say, "PUBLISH c ", 10);
        memset(say + 10, 'x', MOST + more);
        say[10 + MOST + more] = 0;
        expect(p.at[0], say, ":0");
    }
    expect(p.at[0], "PUBLISH c end", ":0");
    const char *reply = talk_read(t);
    CHECK_EQ_INT(strlen(reply), strlen("['message', 'c', '']") + MOST);
    got(t, "['message', 'c', 'end']");
    talk_free(t);
    close_pair(&p);
}

/* Across a cut it comes late, up to a minute. */
TEST(pubsub, comes_when_the_link_does)
{
    pair  p = open_pair();
    talk *t = connect_to(p.cluster, 1);
    expect(t, "PSUBSCRIBE *", "['psubscribe', '*', :1]");
    cut(&p);
    expect(p.at[0], "PUBLISH there x", ":0");
    expect(p.at[1], "PUBLISH here y", ":1");
    got(t, "['pmessage', '*', 'here', 'y']");
    heal(&p);
    got(t, "['pmessage', '*', 'there', 'x']");
    both(&p, "DBSIZE", ":0");
    talk_free(t);
    close_pair(&p);
}
