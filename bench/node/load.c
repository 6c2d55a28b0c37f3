#define _POSIX_C_SOURCE 200809L /* popen */
/* load.c: requests per CPU second under redis-benchmark. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/node/bench.h"

typedef struct test {
    const char *name, *what; /* what: as redis-benchmark is told */
    const char *before;      /* what it does first, not measured; NULL: nothing */
    bool        read;
    bool        list; /* its requests leave something behind: fewer of them, of one kind alone */
    double      goal; /* no more than this is asked for */
} test;

static const test tests[] = {
    {"set", "-t set", NULL, false, false, 1},
    {"get", "-t get", NULL, true, false, 1},
    {"incr", "-t incr", NULL, false, false, 1},
    {"sadd", "-t sadd", NULL, false, false, 1},
    {"hset", "-t hset", NULL, false, false, 1},
    {"zadd", "-t zadd", NULL, false, false, 0.7},
    {"lpush", "-t lpush", NULL, false, true, 0.7},
    {"lrange100", "lrange mylist 0 99", "-n 10000 -t lpush", true, true, 0.7},
};
#define TESTS (sizeof tests / sizeof tests[0])
static const int pipes[2] = {1, 16};

/* A server, or the first of a cluster. */
typedef struct server {
    const char *name;
    nodes      *cluster;
} server;

typedef struct sample {
    double per_cpu, per_second;
} sample;

/* Run one test against the server's first node. */
static bool measure(const server *s, const test *t, int pipe, uint32_t requests, sample *ret)
{
    char   line[512], command[512];
    double cpu = nodes_cpu_seconds(s->cluster, 0);
    snprintf(command, sizeof command,
             "redis-benchmark -p %u -c 50 -n %u -P %d -r 100000 -d 64 --csv %s",
             (unsigned)nodes_port(s->cluster, 0), requests, pipe, t->what);
    FILE *out = popen(command, "r");
    if (out == NULL) return bench_fail(command, "cannot be run");
    ret->per_second = 0;
    while (fgets(line, sizeof line, out) != NULL) {
        double rps;
        char   name[64];
        if (sscanf(line, "\"%63[^\"]\",\"%lf\"", name, &rps) == 2) ret->per_second = rps;
    }
    int status = pclose(out);
    cpu = nodes_cpu_seconds(s->cluster, 0) - cpu;
    if (status != 0 || ret->per_second == 0 || cpu <= 0) {
        return bench_fail(command, "gave no result (is redis-tools installed?)");
    }
    ret->per_cpu = requests / cpu;
    return true;
}

static bool prepare(const server *s, const test *t)
{
    char command[512];
    if (t->before == NULL) return true;
    snprintf(command, sizeof command, "redis-benchmark -p %u -d 64 -q %s >/dev/null",
             (unsigned)nodes_port(s->cluster, 0), t->before);
    FILE *out = popen(command, "r");
    return out != NULL && pclose(out) == 0 ? true : bench_fail(command, "failed");
}

/* One row: ours against theirs, over rounds that take turns. */
static bool compare(const bench_options *o, const char *kind, const server *ours,
                    const server *theirs, const test *t, int pipe, double goal)
{
    double   ratios[BENCH_ROUNDS_MAX], mine[BENCH_ROUNDS_MAX], other[BENCH_ROUNDS_MAX];
    double   wall[BENCH_ROUNDS_MAX], wall_other[BENCH_ROUNDS_MAX];
    uint32_t requests = (pipe == 1 ? 100000u : 800000u) / (o->quick || t->list ? 4 : 1);
    char     name[96], remark[256];
    snprintf(name, sizeof name, "load/%s/%s/P%d", kind, t->name, pipe);
    if (o->only != NULL && strlen(o->only) > 4 && strstr(name, o->only) == NULL) return true;
    if (!prepare(ours, t) || !prepare(theirs, t)) return false;
    for (int i = 0; i < o->rounds; i++) {
        sample a, b;
        bool   first = i % 2 == 0;
        if (first && !measure(ours, t, pipe, requests, &a)) return false;
        if (!measure(theirs, t, pipe, requests, &b)) return false;
        if (!first && !measure(ours, t, pipe, requests, &a)) return false;
        ratios[i] = a.per_cpu / b.per_cpu;
        mine[i] = a.per_cpu;
        other[i] = b.per_cpu;
        wall[i] = a.per_second;
        wall_other[i] = b.per_second;
    }
    size_t n = (size_t)o->rounds;
    double low = bench_quantile(ratios, n, 0.1), high = bench_quantile(ratios, n, 0.9);
    snprintf(remark, sizeof remark,
             "of %s; %.3g..%.3g; k/CPU s %.0f and %.0f; wall k/s %.0f and %.0f", theirs->name, low,
             high, bench_quantile(mine, n, 0.5) / 1e3, bench_quantile(other, n, 0.5) / 1e3,
             bench_quantile(wall, n, 0.5) / 1e3, bench_quantile(wall_other, n, 0.5) / 1e3);
    bench_row(o, name, bench_quantile(ratios, n, 0.5), "ratio", goal, false, remark);
    return true;
}

static nodes *open_nodes(nodes_options options)
{
    char   problem[512];
    nodes *cluster = nodes_new(&options, problem);
    if (cluster == NULL) {
        bench_fail("starting", problem);
    } else if (!nodes_start_all(cluster)) {
        bench_fail("starting", nodes_problem(cluster));
        nodes_free(cluster);
        cluster = NULL;
    }
    return cluster;
}

static nodes *open_redis(const char *const *flags)
{
    nodes_options options = nodes_options_default();
    options.redis = true;
    options.flags = flags;
    return open_nodes(options);
}

static bool run_pair(const bench_options *o, const char *kind, const server *ours,
                     const server *theirs, double reads, double writes)
{
    bool good = ours->cluster != NULL && theirs->cluster != NULL;
    for (size_t p = 0; p < 2; p++) {
        for (size_t t = 0; good && t < TESTS; t++) {
            double goal = tests[t].read ? reads : writes;
            if (goal > tests[t].goal) goal = tests[t].goal;
            if (tests[t].list ? strcmp(kind, "memory") != 0 : goal == 0) continue;
            good = compare(o, kind, ours, theirs, &tests[t], pipes[p], goal);
        }
    }
    return good;
}

bool bench_load(const bench_options *o)
{
    static const char *const none[] = {"--save", "", "--appendonly", "no", NULL};
    static const char *const aof[] = {"--save",   "",  "--appendonly", "yes", "--appendfsync",
                                      "everysec", NULL};
    nodes_options            one = nodes_options_default(), disk = one, three = one;
    one.store = "memory";
    one.alone = true;
    disk.alone = true;
    three.store = "memory";
    three.count = 3;
    server memory = {"concurd", open_nodes(one)},
           redis = {"redis-server, no AOF", open_redis(none)};
    bool good = run_pair(o, "memory", &memory, &redis, 0.9, 0.85);
    nodes_free(redis.cluster);
    server gossips = {"three", open_nodes(three)};
    memory.name = "one node";
    good = good && run_pair(o, "three", &gossips, &memory, 0, 0.6);
    nodes_free(gossips.cluster);
    nodes_free(memory.cluster);
    server everysec = {"concurd", open_nodes(disk)},
           kept = {"redis-server, AOF everysec", open_redis(aof)};
    good = good && run_pair(o, "everysec", &everysec, &kept, 0, 0.8);
    nodes_free(kept.cluster);
    nodes_free(everysec.cluster);
    return good;
}
