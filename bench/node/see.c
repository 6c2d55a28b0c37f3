#define _POSIX_C_SOURCE 200809L
/* see.c: how long until a write at one node shows at all others. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/node/bench.h"

#define EVERY_MS 50

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static bool shows(redisContext *at, const char *key)
{
    redisReply *reply = redisCommand(at, "EXISTS %s", key);
    bool        there = reply != NULL && reply->type == REDIS_REPLY_INTEGER && reply->integer == 1;
    if (reply != NULL) freeReplyObject(reply);
    return there;
}

/* Ask those that do not show it yet, round after round, half a millisecond apart. */
static double wait_for_all(redisContext **at, uint32_t count, const char *key, double since)
{
    bool     seen[NODES_MAX] = {false};
    uint32_t left = count;
    while (left > 0 && now_ms() - since < 10000) {
        for (uint32_t i = 0; i < count; i++) {
            if (seen[i] || !shows(at[i], key)) continue;
            seen[i] = true;
            left--;
        }
        if (left > 0) poll(NULL, 0, 1);
    }
    return left == 0 ? now_ms() - since : -1;
}

static bool see(const bench_options *o, uint32_t count, double goal)
{
    nodes_options options = nodes_options_default();
    redisContext *at[NODES_MAX] = {NULL};
    char          problem[512], name[64], remark[128];
    size_t        writes = o->quick ? 100 : 1000, n = 0;
    double       *taken = calloc(writes, sizeof *taken);
    options.count = count;
    options.store = "memory";
    options.log_level = "warn";
    nodes *cluster = nodes_new(&options, problem);
    bool   good = cluster != NULL && taken != NULL && nodes_start_all(cluster);
    for (uint32_t i = 0; good && i < count; i++) good = (at[i] = nodes_connect(cluster, i)) != NULL;
    good = good && nodes_ok(cluster, 0, "SET first 1") && nodes_settle(cluster, 60000);
    double next = now_ms();
    for (; good && n < writes; n++) {
        uint32_t from = (uint32_t)(n * 2654435761u >> 7) % count; /* any will do */
        char     key[32];
        snprintf(key, sizeof key, "seen:%zu", n);
        if (now_ms() < next) poll(NULL, 0, (int)(next - now_ms()));
        next = now_ms() + EVERY_MS;
        double since = now_ms();
        good = nodes_ok(cluster, from, "SET %s 1", key);
        if (good) taken[n] = wait_for_all(at, count, key, since);
        good = good && taken[n] >= 0;
    }
    if (!good) bench_fail("see", cluster != NULL ? nodes_problem(cluster) : problem);
    snprintf(name, sizeof name, "see/%u", count);
    double median = bench_quantile(taken, n, 0.5), p90 = bench_quantile(taken, n, 0.9);
    snprintf(remark, sizeof remark, "p99 of %zu writes; median %.3g, p90 %.3g, most %.3g", n,
             median, p90, bench_quantile(taken, n, 1));
    if (good) bench_row(o, name, bench_quantile(taken, n, 0.99), "ms", goal, true, remark);
    for (uint32_t i = 0; i < count; i++) {
        if (at[i] != NULL) redisFree(at[i]);
    }
    nodes_free(cluster);
    free(taken);
    return good;
}

bool bench_see(const bench_options *o)
{
    return see(o, 8, 0) && see(o, 32, 50);
}
