/* kit.c: rows, quantiles, filling. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/node/bench.h"

void bench_row(const bench_options *options, const char *name, double value, const char *unit,
               double goal, bool at_most, const char *remark)
{
    bool met = goal == 0 || (at_most ? value <= goal : value >= goal);
    if (options->json) {
        printf("{\"name\": \"%s\", \"value\": %.6g, \"unit\": \"%s\", \"goal\": %.6g, \"met\": %s, "
               "\"remark\": \"%s\"}\n",
               name, value, unit, goal, met ? "true" : "false", remark);
    } else {
        char text[64] = "";
        if (goal != 0) {
            snprintf(text, sizeof text, "%s %.4g %s", at_most ? "<=" : ">=", goal,
                     met ? "met" : "MISSED");
        }
        printf("%-34s %10.4g %-10s %-16s %s\n", name, value, unit, text, remark);
    }
    fflush(stdout);
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

double bench_quantile(double *values, size_t count, double q)
{
    if (count == 0) return 0;
    qsort(values, count, sizeof *values, ascending);
    size_t at = (size_t)(q * (double)(count - 1) + 0.5);
    return values[at];
}

bool bench_fail(const char *what, const char *why)
{
    fprintf(stderr, "bench-node: %s: %s\n", what, why);
    return false;
}

static bool take_replies(redisContext *to, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        redisReply *reply = NULL;
        if (redisGetReply(to, (void **)&reply) != REDIS_OK) return false;
        bool good = reply->type != REDIS_REPLY_ERROR;
        freeReplyObject(reply);
        if (!good) return false;
    }
    return true;
}

bool bench_fill(nodes *cluster, uint32_t node, const char *prefix, uint32_t count, uint32_t size)
{
    redisContext *to = nodes_connect(cluster, node);
    char         *value = malloc(size);
    bool          good = to != NULL && value != NULL;
    for (uint32_t i = 0; good && i < count; i += 1000) {
        uint32_t step = count - i < 1000 ? count - i : 1000;
        for (uint32_t k = 0; k < step; k++) {
            for (uint32_t b = 0; b < size; b++) value[b] = (char)('a' + (i + k + b * 7) % 26);
            redisAppendCommand(to, "SET %s%u %b", prefix, i + k, value, (size_t)size);
        }
        good = take_replies(to, step);
    }
    free(value);
    if (to != NULL) redisFree(to);
    return good || bench_fail("filling", nodes_problem(cluster));
}
