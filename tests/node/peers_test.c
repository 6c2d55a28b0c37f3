/* The commands about other nodes: three of them, cut off and together again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/node/checked.h"

static nodes *start(uint32_t count, bool demo)
{
    nodes_options options = nodes_options_default();
    options.count = count;
    options.demo = demo;
    options.store = "memory";
    return start_with(&options);
}

static redisReply *ask(nodes *cluster, uint32_t i, const char *line)
{
    const char *words[8];
    size_t      sizes[8];
    int         count = 0;
    for (const char *at = line; *at != 0 && count < 8; at += strspn(at, " ")) {
        words[count] = at;
        sizes[count] = strcspn(at, " ");
        at += sizes[count++];
    }
    redisReply *reply = nodes_command_argv(cluster, i, count, words, sizes);
    CHECK_MSG(reply != NULL, "%s: %s", line, nodes_problem(cluster));
    return reply;
}

static void ok(nodes *cluster, uint32_t i, const char *line)
{
    redisReply *reply = ask(cluster, i, line);
    CHECK_MSG(reply->type != REDIS_REPLY_ERROR, "%s: %s", line, reply->str);
    freeReplyObject(reply);
}

static void refused(nodes *cluster, uint32_t i, const char *line, const char *error)
{
    redisReply *reply = ask(cluster, i, line);
    CHECK_MSG(reply->type == REDIS_REPLY_ERROR, "%s was not refused", line);
    CHECK_MSG(strcmp(reply->str, error) == 0, "%s: %s", line, reply->str);
    freeReplyObject(reply);
}

static const redisReply *field(const redisReply *map, const char *name)
{
    for (size_t i = 0; i + 1 < map->elements; i += 2) {
        if (strcmp(map->element[i]->str, name) == 0) return map->element[i + 1];
    }
    FAIL("no field %s", name);
}

/* Wait until the integer field of CRDT.LAG is as told. */
static void wait_for(nodes *cluster, uint32_t i, const char *name, long long value)
{
    long long seen = -1;
    for (uint64_t end = nodes_now_ms() + 20000; nodes_now_ms() < end; nodes_sleep_ms(20)) {
        redisReply *lag = ask(cluster, i, "CRDT.LAG");
        seen = field(lag, name)->integer;
        freeReplyObject(lag);
        if (seen == value) return;
    }
    FAIL("node %u: %s is %lld, not %lld", i, name, seen, value);
}

/* Its own way to a peer may be a moment younger than the peer's way to it. */
static void wait_until_connected(nodes *cluster, uint32_t i)
{
    size_t connected = 0;
    for (uint64_t end = nodes_now_ms() + 20000; nodes_now_ms() < end; nodes_sleep_ms(20)) {
        redisReply *peers = ask(cluster, i, "CRDT.PEERS");
        connected = 0;
        for (size_t k = 0; k < peers->elements; k++) {
            const redisReply *transport = field(peers->element[k], "transport");
            connected += field(transport, "connected")->integer == 1;
        }
        bool all = connected == peers->elements;
        freeReplyObject(peers);
        if (all) return;
    }
    FAIL("node %u: %zu peers are connected", i, connected);
}

TEST(peers, are_told_with_their_lag)
{
    nodes *cluster = start(3, false);
    ok(cluster, 0, "SET a 1");
    settle(cluster);
    for (uint32_t i = 0; i < 3; i++) wait_for(cluster, i, "equal", 2);
    wait_until_connected(cluster, 0);
    redisReply *peers = ask(cluster, 0, "CRDT.PEERS");
    CHECK_EQ_INT(peers->elements, 2);
    for (size_t i = 0; i < 2; i++) {
        const redisReply *peer = peers->element[i];
        CHECK_EQ_STR(field(peer, "state")->str, "linked");
        CHECK_EQ_INT(strlen(field(peer, "node")->str), 16);
        CHECK_EQ_INT(field(peer, "linked")->integer, 1);
        CHECK_EQ_INT(field(peer, "lag-entries")->integer, 0);
        CHECK_EQ_INT(field(peer, "lag-ms")->integer, 0);
        CHECK(field(peer, "heard-ms-ago")->integer >= 0);
        CHECK(field(peer, "received")->integer > 0);
        CHECK_EQ_STR(field(peer, "last-error")->str, "");
        const char *address = field(peer, "address")->str;
        CHECK(strcmp(address, nodes_gossip(cluster, 1)) == 0 ||
              strcmp(address, nodes_gossip(cluster, 2)) == 0);
    }
    freeReplyObject(peers);
    nodes_free(cluster);
}

TEST(peers, wait_tells_who_holds_the_write)
{
    nodes *cluster = start(3, true);
    ok(cluster, 0, "INCR a");
    int64_t have = 0;
    CHECK(nodes_integer(cluster, 0, &have, "WAIT 2 10000"));
    CHECK_EQ_INT(have, 2);
    CHECK(nodes_integer(cluster, 0, &have, "WAIT 0 10000"));
    CHECK_EQ_INT(have, 2);
    ok(cluster, 0, "CRDT.PARTITION");
    ok(cluster, 0, "INCR a");
    uint64_t from = nodes_now_ms();
    CHECK(nodes_integer(cluster, 0, &have, "WAIT 1 300"));
    CHECK_EQ_INT(have, 0);
    CHECK(nodes_now_ms() - from >= 299);
    refused(cluster, 0, "WAIT x 1", "ERR value is not an integer or out of range");
    refused(cluster, 0, "WAIT 1 x", "ERR timeout is not an integer or out of range");
    refused(cluster, 0, "WAIT 1 -1", "ERR timeout is negative");
    ok(cluster, 0, "CRDT.HEAL");
    CHECK(nodes_integer(cluster, 0, &have, "WAIT 2 20000"));
    CHECK_EQ_INT(have, 2);
    nodes_free(cluster);
}

/* What was written on both sides of a cut shows its losers, and who wrote them. */
TEST(peers, conflicts_are_listed_and_explained)
{
    nodes *cluster = start(2, true);
    ok(cluster, 0, "SET a before");
    settle(cluster);
    ok(cluster, 0, "CRDT.PARTITION");
    ok(cluster, 0, "SET a here");
    ok(cluster, 1, "SET a there");
    ok(cluster, 0, "INCR n");
    ok(cluster, 1, "INCRBY n 5");
    ok(cluster, 0, "SADD two x");
    ok(cluster, 1, "SET two y");
    ok(cluster, 0, "CRDT.HEAL");
    settle(cluster);
    for (uint32_t i = 0; i < 2; i++) {
        redisReply *list = ask(cluster, i, "CRDT.CONFLICTS");
        CHECK_EQ_INT(list->elements, 2);
        CHECK_EQ_STR(field(list->element[0], "key")->str, "a");
        CHECK_EQ_INT(field(list->element[0], "contents")->integer, 2);
        CHECK_EQ_STR(field(list->element[1], "key")->str, "two");
        CHECK_EQ_INT(field(list->element[1], "types")->integer, 2);
        freeReplyObject(list);
        redisReply       *one = ask(cluster, i, "CRDT.CONFLICTS a");
        const redisReply *contents = field(one, "contents");
        CHECK_EQ_INT(contents->elements, 2);
        long long shown = 0;
        for (size_t at = 0; at < 2; at++) {
            const redisReply *content = contents->element[at];
            const char       *value = field(content, "value")->str;
            CHECK(strcmp(value, "here") == 0 || strcmp(value, "there") == 0);
            bool mine = (strcmp(value, "here") == 0) == (i == 0);
            CHECK_EQ_INT(strcmp(field(content, "node")->str, "here") == 0, mine);
            CHECK(field(content, "stamp-ms")->integer > 0);
            shown += field(content, "shows")->integer;
        }
        CHECK_EQ_INT(shown, 1);
        freeReplyObject(one);
        redisReply       *why = ask(cluster, i, "CRDT.EXPLAIN n");
        const redisReply *authors = field(why, "authors");
        CHECK_EQ_STR(field(why, "type")->str, "cell");
        CHECK_EQ_INT(authors->elements, 2);
        int ones = 0, fives = 0;
        for (size_t at = 0; at < 2; at++) {
            const char *share = field(authors->element[at], "share")->str;
            ones += strcmp(share, "1") == 0;
            fives += strcmp(share, "5") == 0;
        }
        CHECK_MSG(ones == 1 && fives == 1, "shares are not 1 and 5");
        freeReplyObject(why);
    }
    ok(cluster, 1, "SET a after"); /* it has seen both */
    ok(cluster, 1, "DEL two");
    settle(cluster);
    for (uint32_t i = 0; i < 2; i++) {
        redisReply *list = ask(cluster, i, "CRDT.CONFLICTS");
        CHECK_EQ_INT(list->elements, 0);
        freeReplyObject(list);
        redisReply *none = ask(cluster, i, "CRDT.CONFLICTS two");
        CHECK_EQ_INT(none->type, REDIS_REPLY_NIL);
        freeReplyObject(none);
        none = ask(cluster, i, "CRDT.EXPLAIN two");
        CHECK_EQ_INT(none->type, REDIS_REPLY_NIL);
        freeReplyObject(none);
        redisReply *info = ask(cluster, i, "INFO gossip");
        CHECK_MSG(strstr(info->str, "\nconflicts:0\r") != NULL, "%s", info->str);
        CHECK_MSG(strstr(info->str, "\npeers_up:0\r") == NULL, "%s", info->str);
        freeReplyObject(info);
    }
    nodes_free(cluster);
}

TEST(peers, conflicts_outlive_a_restart)
{
    char          problem[512];
    nodes_options options = nodes_options_default();
    options.count = 2;
    options.demo = true;
    nodes *cluster = nodes_new(&options, problem);
    CHECK_MSG(cluster != NULL, "%s", problem);
    CHECK_MSG(nodes_start_all(cluster), "%s", nodes_problem(cluster));
    ok(cluster, 0, "SET other x");
    settle(cluster);
    ok(cluster, 0, "CRDT.PARTITION");
    ok(cluster, 0, "SET a here");
    ok(cluster, 1, "SET a there");
    ok(cluster, 0, "CRDT.HEAL");
    settle(cluster);
    CHECK_MSG(nodes_stop(cluster, 0), "%s", nodes_problem(cluster));
    CHECK_MSG(nodes_start(cluster, 0), "%s", nodes_problem(cluster));
    redisReply *list = ask(cluster, 0, "CRDT.CONFLICTS");
    CHECK_EQ_INT(list->elements, 1);
    CHECK_EQ_STR(field(list->element[0], "key")->str, "a");
    freeReplyObject(list);
    nodes_free(cluster);
}

TEST(peers, digests_by_prefix)
{
    char        a[64], b[64];
    nodes      *cluster = start(2, true);
    redisReply *reply;
    ok(cluster, 0, "SET user:1 a");
    ok(cluster, 1, "SET cart:1 b");
    settle(cluster);
    ok(cluster, 0, "CRDT.PARTITION");
    ok(cluster, 0, "SET user:1 c");
    for (int same = 0; same < 2; same++) {
        const char *line = same ? "CRDT.DIGEST cart:" : "CRDT.DIGEST user:";
        reply = ask(cluster, 0, line);
        snprintf(a, sizeof a, "%s", reply->str);
        freeReplyObject(reply);
        reply = ask(cluster, 1, line);
        snprintf(b, sizeof b, "%s", reply->str);
        freeReplyObject(reply);
        CHECK_EQ_INT(strlen(a), 32);
        CHECK_EQ_INT(strcmp(a, b) == 0, same);
    }
    reply = ask(cluster, 0, "CRDT.DIGEST none:");
    CHECK_EQ_STR(reply->str, "00000000000000000000000000000000");
    freeReplyObject(reply);
    nodes_free(cluster);
}

TEST(peers, diff_names_what_differs)
{
    nodes *cluster = start(2, true);
    char   line[300];
    ok(cluster, 0, "SET both x");
    settle(cluster);
    snprintf(line, sizeof line, "CRDT.DIFF %s", nodes_gossip(cluster, 1));
    redisReply *none = ask(cluster, 0, line);
    CHECK_EQ_INT(none->type, REDIS_REPLY_ARRAY);
    CHECK_EQ_INT(none->elements, 0);
    freeReplyObject(none);
    refused(cluster, 0, "CRDT.DIFF tcp://nowhere:1",
            "ERR no such peer: CRDT.PEERS lists their addresses and node ids");
    ok(cluster, 0, "PING"); /* the connection goes on after it */
    nodes_free(cluster);
}

/* Many writes in one go, read back by drain. */
static void pour(redisContext *to, int count)
{
    int done = 0;
    for (int i = 0; i < count; i++) {
        CHECK_EQ_INT(redisAppendCommand(to, "INCR key:%d", i % 500), REDIS_OK);
    }
    while (!done) CHECK_EQ_INT(redisBufferWrite(to, &done), REDIS_OK);
}

static void drain(redisContext *from, int count)
{
    for (int i = 0; i < count; i++) {
        void *reply = NULL;
        CHECK_EQ_INT(redisGetReply(from, &reply), REDIS_OK);
        freeReplyObject(reply);
    }
}

/* What is on its way differs: some is found while one node takes writes. */
TEST(peers, diff_while_writes_are_on_their_way)
{
    nodes        *cluster = start(2, true);
    redisContext *writer = nodes_connect(cluster, 0);
    char          line[300];
    size_t        found = 0;
    CHECK(writer != NULL);
    ok(cluster, 0, "SET a 1");
    settle(cluster);
    snprintf(line, sizeof line, "CRDT.DIFF %s", nodes_gossip(cluster, 1));
    for (int round = 0; round < 200 && found == 0; round++) {
        pour(writer, 5000);
        redisReply *diff = ask(cluster, 0, line);
        CHECK_MSG(diff->type == REDIS_REPLY_ARRAY, "%s", diff->str);
        found = diff->elements;
        for (size_t i = 0; i < found; i++) {
            const redisReply *one = diff->element[i];
            CHECK_EQ_INT(one->elements, 3);
            CHECK_MSG(strncmp(one->element[0]->str, "key:", 4) == 0, "%s", one->element[0]->str);
            const char *how = one->element[1]->str;
            CHECK_MSG(strstr("only-here only-there more-here more-there differs", how) != NULL,
                      "%s", how);
            CHECK_EQ_STR(one->element[2]->str, "cell");
        }
        freeReplyObject(diff);
        drain(writer, 5000);
    }
    CHECK_MSG(found > 0, "nothing was ever found to differ");
    redisFree(writer);
    nodes_free(cluster);
}

/* Who asked may be gone, and the peer too: the next one is told so, and it comes to an end. */
TEST(peers, diff_with_a_peer_that_is_silent)
{
    nodes        *cluster = start(2, true);
    redisContext *gone = nodes_connect(cluster, 0);
    char          line[300];
    bool          busy = false, ended = false;
    CHECK(gone != NULL);
    ok(cluster, 0, "SET a 1");
    settle(cluster);
    snprintf(line, sizeof line, "CRDT.DIFF %s", nodes_gossip(cluster, 1));
    ok(cluster, 1, "CRDT.PARTITION");
    CHECK_EQ_INT(redisAppendCommand(gone, "CRDT.DIFF %s", nodes_gossip(cluster, 1)), REDIS_OK);
    int done = 0;
    while (!done) CHECK_EQ_INT(redisBufferWrite(gone, &done), REDIS_OK);
    nodes_sleep_ms(200); /* it has come there */
    redisFree(gone);
    for (uint64_t end = nodes_now_ms() + 60000; nodes_now_ms() < end && !ended;) {
        redisReply *reply = ask(cluster, 0, line);
        CHECK_EQ_INT(reply->type, REDIS_REPLY_ERROR);
        busy |= strcmp(reply->str, "ERR another CRDT.DIFF is under way: try again") == 0;
        ended = strcmp(reply->str, "ERR there is no link with this peer now") == 0 ||
                strstr(reply->str, "ERR the peer did not answer to the end") == reply->str;
        freeReplyObject(reply);
        nodes_sleep_ms(50);
    }
    CHECK(busy);
    CHECK(ended);
    nodes_free(cluster);
}

TEST(peers, the_log_of_a_key)
{
    nodes *cluster = start(2, false);
    ok(cluster, 0, "SET a 1");
    ok(cluster, 0, "SET b \001a"); /* looks like the name in the bytes of an entry */
    settle(cluster);
    ok(cluster, 1, "SET a 2");
    settle(cluster);
    ok(cluster, 0, "DEL a");
    redisReply *log = ask(cluster, 0, "CRDT.LOG a");
    CHECK_EQ_INT(log->elements, 3);
    for (size_t i = 0; i < 3; i++) CHECK_EQ_STR(field(log->element[i], "type")->str, "cell");
    CHECK_EQ_STR(field(log->element[0], "node")->str, "here");
    CHECK_EQ_STR(field(log->element[0], "writes")->str, "1");
    CHECK_EQ_INT(field(log->element[0], "removes-dots")->integer, 0);
    CHECK_EQ_STR(field(log->element[1], "node")->str, nodes_gossip(cluster, 1));
    CHECK_EQ_STR(field(log->element[1], "writes")->str, "2");
    CHECK(field(log->element[1], "removes-dots")->integer > 0);
    CHECK_EQ_STR(field(log->element[2], "writes")->str, "");
    CHECK(field(log->element[2], "removes-dots")->integer > 0);
    freeReplyObject(log);
    log = ask(cluster, 0, "CRDT.LOG a COUNT 1");
    CHECK_EQ_INT(log->elements, 1);
    CHECK_EQ_STR(field(log->element[0], "writes")->str, "");
    freeReplyObject(log);
    log = ask(cluster, 0, "CRDT.LOG none");
    CHECK_EQ_INT(log->elements, 0);
    freeReplyObject(log);
    refused(cluster, 0, "CRDT.LOG a COUNT 0", "ERR COUNT must be from 1 to 1000");
    refused(cluster, 0, "CRDT.LOG a foo", "ERR syntax error");
    nodes_free(cluster);
}

TEST(peers, are_added_and_forgotten)
{
    nodes *cluster = start(2, false);
    char   line[300];
    refused(cluster, 0, "CRDT.PEER ADD nonsense",
            "ERR a peer's address looks like tcp://10.0.0.2:17379");
    refused(cluster, 0, "CRDT.PEER FORGET tcp://nowhere:1",
            "ERR no such peer: CRDT.PEERS lists their addresses and node ids");
    refused(cluster, 0, "CRDT.PEER foo", "ERR unknown subcommand 'foo'. Try CRDT.PEER HELP.");
    refused(cluster, 0, "CRDT.PARTITION",
            "ERR CRDT.PARTITION is for demonstrations: start concurd with --demo");
    refused(cluster, 0, "CRDT.HEAL",
            "ERR CRDT.HEAL is for demonstrations: start concurd with --demo");
    ok(cluster, 0, "CRDT.PEER ADD tcp://127.0.0.1:1");
    redisReply *peers = ask(cluster, 0, "CRDT.PEERS");
    CHECK_EQ_INT(peers->elements, 2);
    freeReplyObject(peers);
    snprintf(line, sizeof line, "CRDT.PEER FORGET tcp://127.0.0.1:1");
    ok(cluster, 0, line);
    peers = ask(cluster, 0, "CRDT.PEERS");
    CHECK_EQ_INT(peers->elements, 1);
    freeReplyObject(peers);
    nodes_free(cluster);
}
