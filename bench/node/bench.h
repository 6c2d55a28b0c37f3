/* bench.h: the parts of bench-node. Each prints its rows; false: a server did not do its work. */
#ifndef BENCH_NODE_BENCH_H
#define BENCH_NODE_BENCH_H
#include "tests/node/lib/nodes.h"

#define BENCH_ROUNDS_MAX 99

typedef struct bench_options {
    const char *only;
    int         rounds;
    bool        json, quick;
} bench_options;

bool bench_load(const bench_options *options);
bool bench_see(const bench_options *options);
bool bench_start(const bench_options *options);
bool bench_memory(const bench_options *options);
bool bench_queue(const bench_options *options);

/* A row: what, the value with its unit, the goal (0: none; at_most: it is an upper bound), a
 * remark. */
void bench_row(const bench_options *options, const char *name, double value, const char *unit,
               double goal, bool at_most, const char *remark);
/* The q-quantile (0..1) of the values, which are sorted. */
double bench_quantile(double *values, size_t count, double q);
/* Says what failed, and returns false. */
bool bench_fail(const char *what, const char *why);
/* SET prefix0 ... of values of that size, through pipelines. False: it failed. */
bool bench_fill(nodes *cluster, uint32_t node, const char *prefix, uint32_t count, uint32_t size);

#endif
