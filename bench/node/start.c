/* start.c: a start over a million keys; memory per small key. */
#include <stdio.h>

#include "bench/node/bench.h"

#define MILLION 1000000u

static bool timed_start(const bench_options *o, nodes *cluster, const char *name,
                        const char *remark)
{
    if (!nodes_stop(cluster, 0)) return bench_fail(name, nodes_problem(cluster));
    uint64_t began = nodes_now_ms();
    if (!nodes_start(cluster, 0)) return bench_fail(name, nodes_problem(cluster));
    double  seconds = (double)(nodes_now_ms() - began) / 1e3;
    int64_t keys = 0;
    if (!nodes_integer(cluster, 0, &keys, "DBSIZE") || keys == 0)
        return bench_fail(name, "no keys");
    bench_row(o, name, seconds, "s", 3, true, remark);
    return true;
}

bool bench_start(const bench_options *o)
{
    nodes_options options = nodes_options_default();
    uint32_t      count = o->quick ? MILLION / 10 : MILLION;
    char          problem[512];
    options.alone = true;
    options.timeout_ms = 120000;
    nodes *cluster = nodes_new(&options, problem);
    if (cluster == NULL) return bench_fail("start", problem);
    bool good = nodes_start_all(cluster) && bench_fill(cluster, 0, "key:", count, 100);
    good = good && timed_start(o, cluster, "start/log", "values of 100 bytes, one entry each");
    good = good && (nodes_ok(cluster, 0, "SAVE") || bench_fail("SAVE", nodes_problem(cluster)));
    good = good && timed_start(o, cluster, "start/snapshot", "the same, after SAVE");
    nodes_free(cluster);
    return good;
}

static bool per_key(const bench_options *o, nodes_options options, const char *name)
{
    char     problem[512];
    uint32_t count = o->quick ? MILLION / 10 : MILLION;
    nodes   *cluster = nodes_new(&options, problem);
    if (cluster == NULL) return bench_fail(name, problem);
    bool     good = nodes_start_all(cluster);
    uint64_t before = nodes_rss_bytes(cluster, 0);
    good = good && bench_fill(cluster, 0, "key:", count, 16);
    double bytes = (double)(nodes_rss_bytes(cluster, 0) - before) / count;
    if (good) bench_row(o, name, bytes, "B/key", 0, true, "resident memory; 16-byte values");
    nodes_free(cluster);
    return good;
}

bool bench_memory(const bench_options *o)
{
    static const char *const none[] = {"--save", "", "--appendonly", "no", NULL};
    nodes_options            ours = nodes_options_default(), redis = nodes_options_default();
    ours.store = "memory";
    ours.alone = true;
    ours.timeout_ms = redis.timeout_ms = 120000;
    redis.redis = true;
    redis.flags = none;
    return per_key(o, ours, "memory/concurd") && per_key(o, redis, "memory/redis-server");
}
