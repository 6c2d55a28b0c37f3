/* A disk that is full, through the real process: the limit of a file's size (RLIMIT_FSIZE) is set
 * from outside, and lifted again. What is refused was not done; what was acknowledged stays. */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "tests/node/checked.h"

static void limit(nodes *cluster, uint32_t i, rlim_t bytes)
{
    struct rlimit to = {bytes, RLIM_INFINITY};
    CHECK_MSG(prlimit(nodes_pid(cluster, i), RLIMIT_FSIZE, &to, NULL) == 0, "prlimit");
}

static nodes *start(void)
{
    nodes_options options = nodes_options_default();
    options.count = 2;
    options.sync = "always";
    return start_with(&options);
}

/* Until the disk is full: the client whose write filled it gets no reply before it can be kept. The
 * number of INCR that were acknowledged; one more may have been done. */
static int64_t fill(nodes *cluster, uint32_t i, redisContext **ret_waiting)
{
    static char   value[4096];
    redisContext *client = nodes_connect(cluster, i);
    CHECK_MSG(client != NULL, "%s", nodes_problem(cluster));
    CHECK(redisSetTimeout(client, (struct timeval){.tv_sec = 1}) == REDIS_OK);
    for (int64_t done = 0; done < 4096; done++) {
        redisReply *reply = redisCommand(client, "INCR counted");
        *ret_waiting = client;
        if (reply == NULL) return done;
        CHECK_MSG(reply->type == REDIS_REPLY_INTEGER && reply->integer == done + 1, "%s",
                  reply->str);
        freeReplyObject(reply);
        reply = redisCommand(client, "APPEND large %b", value, sizeof value);
        if (reply == NULL) return done + 1;
        CHECK_MSG(reply->type == REDIS_REPLY_INTEGER, "%s", reply->str);
        freeReplyObject(reply);
    }
    CHECK_MSG(false, "16 MiB went through a limit of 64 KiB");
    return -1;
}

static void refused(nodes *cluster, uint32_t i, const char *command)
{
    redisReply *reply = nodes_command(cluster, i, "%s", command);
    CHECK_MSG(reply != NULL, "%s", nodes_problem(cluster));
    CHECK_MSG(reply->type == REDIS_REPLY_ERROR &&
                  strncmp(reply->str, "MISCONF the data directory", 26) == 0,
              "%s: %s", command, reply->str);
    freeReplyObject(reply);
}

static void wait_for(nodes *cluster, uint32_t i, int64_t expected, const char *key)
{
    int64_t value = -1;
    for (unsigned k = 0; k < 600 && value != expected; k++) {
        if (k > 0) nodes_sleep_ms(50);
        CHECK_MSG(nodes_integer(cluster, i, &value, "GET %s", key), "%s", nodes_problem(cluster));
    }
    CHECK_EQ_INT(value, expected);
}

static void wait_for_write(nodes *cluster, uint32_t i)
{
    bool ok = false;
    for (unsigned k = 0; k < 600 && !ok; k++) {
        if (k > 0) nodes_sleep_ms(50);
        ok = nodes_ok(cluster, i, "SET resumed yes");
    }
    CHECK_MSG(ok, "%s", nodes_problem(cluster));
}

TEST(full, refuses_serves_gossips_and_resumes)
{
    nodes        *cluster = start();
    redisContext *waiting;
    redisReply   *held = NULL;
    limit(cluster, 0, 65536);
    int64_t done = fill(cluster, 0, &waiting), value = -1;
    CHECK(done > 0);
    refused(cluster, 0, "FLUSHALL");
    CHECK_MSG(nodes_integer(cluster, 0, &value, "GET counted"), "%s", nodes_problem(cluster));
    CHECK(value == done || value == done + 1);
    wait_for(cluster, 1, value, "counted"); /* it tells others what it has */
    CHECK(nodes_ok(cluster, 1, "INCRBY elsewhere 7"));
    CHECK_MSG(nodes_integer(cluster, 0, &value, "GET elsewhere"), "%s", nodes_problem(cluster));
    CHECK_EQ_INT(value, 0); /* what it could not keep it does not take */
    limit(cluster, 0, RLIM_INFINITY);
    wait_for_write(cluster, 0);
    wait_for(cluster, 0, 7, "elsewhere");
    waiting->err = 0; /* it was a timeout: what was held comes now */
    CHECK(redisGetReply(waiting, (void **)&held) == REDIS_OK);
    CHECK(held->type == REDIS_REPLY_INTEGER);
    freeReplyObject(held);
    redisFree(waiting);
    settle(cluster);
    nodes_free(cluster);
}

TEST(full, killed_while_full_nothing_acknowledged_is_lost)
{
    nodes        *cluster = start();
    redisContext *waiting;
    limit(cluster, 0, 65536);
    int64_t done = fill(cluster, 0, &waiting), value = -1;
    redisFree(waiting);
    nodes_kill(cluster, 0);
    nodes_kill(cluster, 1); /* nobody else can tell it */
    CHECK_MSG(nodes_start(cluster, 0), "%s", nodes_problem(cluster));
    CHECK_MSG(nodes_integer(cluster, 0, &value, "GET counted"), "%s", nodes_problem(cluster));
    CHECK(value == done || value == done + 1);
    CHECK_MSG(nodes_ok(cluster, 0, "INCR counted"), "%s", nodes_problem(cluster));
    CHECK_MSG(nodes_start(cluster, 1), "%s", nodes_problem(cluster));
    settle(cluster);
    nodes_free(cluster);
}
