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

/* A node: one connection asks it, the other is told by it of keys that changed. */
typedef struct eye {
    redisContext *asks, *told;
    bool          seen;
} eye;

static bool answers(redisContext *at, int64_t *ret_integer, const char *format, const char *what)
{
    redisReply *reply = redisCommand(at, format, what);
    bool        good = reply != NULL && reply->type != REDIS_REPLY_ERROR;
    if (good && reply->type == REDIS_REPLY_INTEGER) *ret_integer = reply->integer;
    if (reply != NULL) freeReplyObject(reply);
    return good;
}

static bool open_eye(nodes *cluster, uint32_t i, eye *e)
{
    int64_t none;
    e->asks = nodes_connect(cluster, i);
    e->told = nodes_connect(cluster, i);
    return e->asks != NULL && e->told != NULL &&
           answers(e->asks, &none, "CONFIG SET notify-keyspace-events %s", "K$") &&
           answers(e->told, &none, "PSUBSCRIBE %s", "__keyspace@0__:seen:*");
}

/* It was told something: is the key there now? False: the connection failed. */
static bool look(eye *e, const char *key)
{
    redisReply *reply = NULL;
    int64_t     there = 0;
    bool        good = redisBufferRead(e->told) == REDIS_OK;
    while (good && redisGetReplyFromReader(e->told, (void **)&reply) == REDIS_OK && reply != NULL) {
        freeReplyObject(reply);
        reply = NULL;
    }
    good = good && e->told->err == 0 && answers(e->asks, &there, "EXISTS %s", key);
    e->seen |= there == 1;
    return good;
}

/* Asking all of them again and again would take from the nodes the processors that they share with
 * this program: each is asked once it has told of a change. Negative: it did not show. */
static double wait_for_all(eye *eyes, uint32_t count, const char *key, double since)
{
    struct pollfd waits[NODES_MAX];
    uint32_t      left = count;
    for (uint32_t i = 0; i < count; i++) {
        waits[i] = (struct pollfd){eyes[i].told->fd, POLLIN, 0};
        eyes[i].seen = false;
    }
    while (left > 0 && now_ms() - since < 10000) {
        if (poll(waits, count, 1000) < 0) return -1;
        for (uint32_t i = 0; i < count; i++) {
            bool seen = eyes[i].seen;
            if (waits[i].revents == 0) continue;
            if (!look(&eyes[i], key)) return -1;
            left -= eyes[i].seen && !seen;
        }
    }
    return left == 0 ? now_ms() - since : -1;
}

static bool see(const bench_options *o, uint32_t count, double goal)
{
    nodes_options options = nodes_options_default();
    eye           eyes[NODES_MAX] = {{NULL, NULL, false}};
    char          problem[512], name[64], remark[128];
    size_t        writes = o->quick ? 100 : 1000, n = 0;
    double       *taken = calloc(writes, sizeof *taken);
    options.count = count;
    options.store = "memory";
    options.log_level = "warn";
    nodes *cluster = nodes_new(&options, problem);
    bool   good = cluster != NULL && taken != NULL && nodes_start_all(cluster);
    for (uint32_t i = 0; good && i < count; i++) good = open_eye(cluster, i, &eyes[i]);
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
        if (good) taken[n] = wait_for_all(eyes, count, key, since);
        good = good && taken[n] >= 0;
    }
    if (!good) bench_fail("see", cluster != NULL ? nodes_problem(cluster) : problem);
    snprintf(name, sizeof name, "see/%u", count);
    double median = bench_quantile(taken, n, 0.5), p90 = bench_quantile(taken, n, 0.9);
    snprintf(remark, sizeof remark, "p99 of %zu writes; median %.3g, p90 %.3g, most %.3g", n,
             median, p90, bench_quantile(taken, n, 1));
    if (good) bench_row(o, name, bench_quantile(taken, n, 0.99), "ms", goal, true, remark);
    for (uint32_t i = 0; i < count; i++) {
        if (eyes[i].asks != NULL) redisFree(eyes[i].asks);
        if (eyes[i].told != NULL) redisFree(eyes[i].told);
    }
    nodes_free(cluster);
    free(taken);
    return good;
}

bool bench_see(const bench_options *o)
{
    return see(o, 8, 0) && see(o, 32, 50);
}
