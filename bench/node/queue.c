/* queue.c: a list as a queue: LPUSH and RPOP by turns, a hundred elements in it; what memory stays
 * of those that were taken out. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/node/bench.h"

#define ROUNDS 1000000u
#define WAITING 100u
#define STEP 500u
#define VALUE 64

static bool take(redisContext *to, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        redisReply *reply = NULL;
        if (redisGetReply(to, (void **)&reply) != REDIS_OK) return false;
        bool good = reply->type == REDIS_REPLY_INTEGER || reply->type == REDIS_REPLY_STRING;
        freeReplyObject(reply);
        if (!good) return false;
    }
    return true;
}

/* So many rounds; every RPOP finds something. */
static bool turn(redisContext *to, const char *in, const char *out, uint32_t rounds)
{
    char value[VALUE + 1];
    bool good = true;
    for (uint32_t i = 0; good && i < rounds; i += STEP) {
        for (uint32_t k = 0; k < STEP; k++) {
            snprintf(value, sizeof value, "%0*u", VALUE, i + k);
            redisAppendCommand(to, "%s queue %s", in, value);
            redisAppendCommand(to, "%s queue", out);
        }
        good = take(to, 2 * STEP);
    }
    return good;
}

static bool queue(const bench_options *o, nodes_options options, const char *server, const char *in,
                  const char *out)
{
    char     problem[512], name[64], remark[128];
    uint32_t rounds = o->quick ? ROUNDS / 10 : ROUNDS;
    nodes   *cluster = nodes_new(&options, problem);
    if (cluster == NULL) return bench_fail(server, problem);
    bool          good = nodes_start_all(cluster);
    redisContext *to = good ? nodes_connect(cluster, 0) : NULL;
    for (uint32_t i = 0; to != NULL && good && i < WAITING; i++) {
        good = nodes_ok(cluster, 0, "%s queue waits", in);
    }
    good = good && to != NULL && turn(to, in, out, rounds / 10);
    uint64_t before = nodes_rss_bytes(cluster, 0);
    double   cpu = nodes_cpu_seconds(cluster, 0);
    good = good && turn(to, in, out, rounds);
    cpu = nodes_cpu_seconds(cluster, 0) - cpu;
    double bytes = ((double)nodes_rss_bytes(cluster, 0) - (double)before) / rounds;
    snprintf(name, sizeof name, "queue/%s/%s-%s", server, in, out);
    snprintf(remark, sizeof remark, "resident memory that grows a round of %d bytes; %.3g us CPU",
             VALUE, cpu / rounds * 1e6);
    if (good) bench_row(o, name, bytes, "B/round", 0, true, remark);
    else bench_fail(name, nodes_problem(cluster));
    if (to != NULL) redisFree(to);
    nodes_free(cluster);
    return good;
}

bool bench_queue(const bench_options *o)
{
    static const char *const none[] = {"--save", "", "--appendonly", "no", NULL};
    nodes_options            ours = nodes_options_default(), redis = nodes_options_default();
    ours.store = "memory";
    ours.alone = true;
    redis.redis = true;
    redis.flags = none;
    return queue(o, ours, "concurd", "lpush", "rpop") &&
           queue(o, ours, "concurd", "rpush", "lpop") &&
           queue(o, redis, "redis-server", "lpush", "rpop");
}
