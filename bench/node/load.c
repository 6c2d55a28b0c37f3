#define _POSIX_C_SOURCE 200809L /* popen */
/* load.c: requests per CPU second under redis-benchmark. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/node/bench.h"

#define TESTS 6
static const char *const tests[TESTS] = {"set", "get", "incr", "sadd", "hset", "zadd"};
static const int         pipes[2] = {1, 16};

/* A server, or the first of a cluster. */
typedef struct server {
    const char *name;
    nodes      *cluster;
} server;

typedef struct sample {
    double per_cpu, per_second;
} sample;

/* Run one test against the server's first node. */
static bool measure(const server *s, const char *test, int pipe, uint32_t requests, sample *ret)
{
    char   line[512], command[512];
    double cpu = nodes_cpu_seconds(s->cluster, 0);
    snprintf(command, sizeof command,
             "redis-benchmark -p %u -c 50 -n %u -P %d -r 100000 -d 64 -t %s --csv",
             (unsigned)nodes_port(s->cluster, 0), requests, pipe, test);
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

/* One row: ours against theirs, over rounds that take turns. */
static bool compare(const bench_options *o, const char *kind, const server *ours,
                    const server *theirs, const char *test, int pipe, double goal)
{
    double   ratios[BENCH_ROUNDS_MAX], mine[BENCH_ROUNDS_MAX], other[BENCH_ROUNDS_MAX];
    double   wall[BENCH_ROUNDS_MAX], wall_other[BENCH_ROUNDS_MAX];
    uint32_t requests = (pipe == 1 ? 100000u : 800000u) / (o->quick ? 4 : 1);
    char     name[96], remark[256];
    snprintf(name, sizeof name, "load/%s/%s/P%d", kind, test, pipe);
    if (o->only != NULL && strlen(o->only) > 4 && strstr(name, o->only) == NULL) return true;
    for (int i = 0; i < o->rounds; i++) {
        sample a, b;
        bool   first = i % 2 == 0;
        if (first && !measure(ours, test, pipe, requests, &a)) return false;
        if (!measure(theirs, test, pipe, requests, &b)) return false;
        if (!first && !measure(ours, test, pipe, requests, &a)) return false;
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
            bool   read = strcmp(tests[t], "get") == 0, sorted = strcmp(tests[t], "zadd") == 0;
            double goal = read ? reads : sorted && writes > 0.7 ? 0.7 : writes;
            if (read && reads == 0) continue;
            good = compare(o, kind, ours, theirs, tests[t], pipes[p], goal);
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
