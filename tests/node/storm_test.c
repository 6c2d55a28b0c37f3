/* Every command with odd arguments, thousands of times: the node answers each, stays up, and finds
 * on its disk what it held. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/random.h"
#include "tests/lib/t.h"
#include "tests/node/lib/nodes.h"

#define ROUNDS (T_SLOW ? 1000 : 10000)
#define ARGS_MAX 7

/* Those that end the connection, or wait, or forbid what comes after them. */
static const char *const left_out[] = {"shutdown", "quit", "wait", "config", "client", "command"};

static const char *const words[] = {
    "",
    "0",
    "1",
    "-1",
    "2",
    "7",
    "100",
    "010",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551616",
    "1.5",
    "-0",
    "1e400",
    "nan",
    "inf",
    "a",
    "b",
    "c",
    "{a}",
    "key",
    "nx",
    "xx",
    "gt",
    "lt",
    "get",
    "ex",
    "px",
    "exat",
    "pxat",
    "keepttl",
    "persist",
    "match",
    "*",
    "[a-",
    "\\",
    "count",
    "type",
    "string",
    "set",
    "unit",
    "cp",
    "utf16",
    "byte",
    "\xff\xfe",
    "\xf0\x9f\x98\x80",
    "\xe2\x82\xac",
    "limit",
    "samples",
    "usage",
    "encoding",
    "help",
    "add",
    "forget",
    "tcp://127.0.0.1:1",
    "schedule",
    "all",
    "gossip",
    "withvalues",
    "withscores",
    "byscore",
    "bylex",
    "(1",
    "[a",
    "weights",
    "aggregate",
    "min",
    "sync",
    "async",
    "parent",
    "force",
    "rev",
    "deleted",
    "1-0cc175b9c0f1b6a831c399e269772661",
    "2-92eb5ffee6ae2fec3ad71c777531578f",
};

/* One of the words; now and then many bytes. */
static void pick(uint64_t *random, const char **ret_word, size_t *ret_size)
{
    static char large[70000];
    size_t      n = sizeof words / sizeof words[0];
    if (random_below(random, 200) == 0) {
        memset(large, 'x', sizeof large);
        *ret_word = large;
        *ret_size = 1 + (size_t)random_below(random, sizeof large);
        return;
    }
    *ret_word = words[random_below(random, n)];
    *ret_size = strlen(*ret_word);
}

static bool is_left_out(const char *name)
{
    for (size_t i = 0; i < sizeof left_out / sizeof left_out[0]; i++) {
        if (strcmp(name, left_out[i]) == 0) return true;
    }
    return false;
}

/* Of those that wait the argument that says how long; 0: there is none. */
static int place_of_time(const char *name, int count)
{
    static const char *const last[] = {"blpop",      "brpop",    "blmove",
                                       "brpoplpush", "bzpopmin", "bzpopmax"};
    for (size_t i = 0; i < sizeof last / sizeof last[0]; i++) {
        if (strcmp(name, last[i]) == 0) return count - 1;
    }
    bool first = strcmp(name, "blmpop") == 0 || strcmp(name, "bzmpop") == 0;
    return first && count > 1 ? 1 : 0;
}

static void shoot(nodes *cluster, uint64_t *random, const redisReply *names)
{
    const char *args[ARGS_MAX];
    size_t      sizes[ARGS_MAX];
    const char *name = names->element[random_below(random, names->elements)]->str;
    int         count = 1 + (int)random_below(random, ARGS_MAX - 1);
    if (is_left_out(name)) return;
    if (strncmp(name, "flush", 5) == 0 && random_below(random, 20) != 0) return;
    args[0] = name;
    sizes[0] = strlen(name);
    for (int i = 1; i < count; i++) pick(random, &args[i], &sizes[i]);
    int time = place_of_time(name, count);
    if (time > 0) {
        args[time] = "0.001";
        sizes[time] = 5;
    }
    redisReply *reply = nodes_command_argv(cluster, 0, count, args, sizes);
    CHECK_MSG(reply != NULL, "%s with %d arguments, the first %.100s: %s", name, count - 1,
              count > 1 ? args[1] : "none", nodes_problem(cluster));
    freeReplyObject(reply);
    redisReply *pong = nodes_command(cluster, 0, "PING");
    CHECK_MSG(pong != NULL && pong->type == REDIS_REPLY_STATUS, "PING after %s: %s", name,
              nodes_problem(cluster));
    freeReplyObject(pong);
}

TEST(storm, odd_arguments)
{
    char          problem[512], before[64], after[64];
    uint64_t      random = seed_or(1);
    nodes_options options = nodes_options_default();
    options.alone = true;
    options.sync = "no";
    nodes *cluster = nodes_new(&options, problem);
    CHECK_MSG(cluster != NULL, "%s", problem);
    CHECK_MSG(nodes_start_all(cluster), "%s", nodes_problem(cluster));
    redisReply *names = nodes_command(cluster, 0, "COMMAND LIST");
    CHECK(names != NULL && names->elements > 100);
    for (int i = 0; i < ROUNDS; i++) shoot(cluster, &random, names);
    freeReplyObject(names);
    CHECK_MSG(nodes_running(cluster, 0), "%s", nodes_problem(cluster));
    CHECK_MSG(nodes_digest(cluster, 0, before, sizeof before), "%s", nodes_problem(cluster));
    CHECK_MSG(nodes_stop(cluster, 0), "%s", nodes_problem(cluster));
    CHECK_MSG(nodes_start(cluster, 0), "%s", nodes_problem(cluster));
    CHECK_MSG(nodes_digest(cluster, 0, after, sizeof after), "%s", nodes_problem(cluster));
    CHECK_EQ_STR(after, before);
    nodes_free(cluster);
}
