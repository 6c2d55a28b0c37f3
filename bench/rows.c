/* rows.c: rows of results, and the goals. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"

typedef struct goal {
    const char *name;
    double      value;
    bool        at_least;  /* else: at most */
    bool        of_memcpy; /* times what memcpy gave in this run */
} goal;

static const goal goals[] = {
    {"orset/join-1pct", 4, false, false},
    {"orset/join-same", 20, false, false},
    {"orset/delta-1", 1, false, false},
    {"orset/memory", 17, false, false},
    {"orset/memory-churned", 19, false, false},
    {"orset/wire", 0.25, false, false},
    {"ormap/join-10pct", 50, true, false},
    {"gcounter/join-cached", 2, true, false},
    {"gcounter/join-memory", 0.8, true, true},
    {"gossip/catch-up", 200000, true, false},
    {"gossip/spread/1000/copies", 1.1, false, false},
    {"gossip/spread/1000/hops", 8, false, false},
    {"gossip/one-writer/1000/copies", 1.1, false, false},
    {"gossip/one-writer/1000/hops", 8, false, false},
    {"gossip/loss-30/1000/delivered", 1, true, false},
    {"gossip/start/log", 3, false, false},
    {"gossip/start/snapshot", 3, false, false},
    {"gossip/snapshot/slice", 2, false, false},
    {"gossip/snapshot/run", 5, false, false},
    {"disk/append", 0.1, false, false},
    /* What diamond-types 1.0 (106,247) and, for the state, yjs v2 (159,926) need; 1, 0.8, 0.4 of
     * it. */
    {"text/file-full/automerge-paper", 106247, false, false},
    {"text/file-full-zstd/automerge-paper", 84997, false, false},
    {"text/file-state/automerge-paper", 63970, false, false},
    {"text/update-bytes/automerge-paper", 12, false, false},
    {"text/undo/automerge-paper", 50, false, false},
    {"text/undo/gen-random", 50, false, false},
};

bool bench_wants(const bench *b, const char *name)
{
    return b->only == NULL || strstr(name, b->only) != NULL;
}

bool bench_options(bench *b, int argc, char **argv)
{
    memset(b, 0, sizeof *b);
    b->seed = 1;
    for (int i = 1; i < argc; i++) {
        char *end = NULL;
        if (strcmp(argv[i], "--json") == 0) {
            b->json = true;
        } else if (strcmp(argv[i], "--only") == 0 && i + 1 < argc) {
            b->only = argv[++i];
        } else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc) {
            b->seed = strtoull(argv[++i], &end, 0);
            if (*end != 0) return false;
        } else {
            return false;
        }
    }
    return true;
}

void bench_sample(bench_samples *s, double value)
{
    if (s->count < BENCH_RUNS) s->at[s->count++] = value;
}

bool bench_more(const bench_samples *s, double seconds)
{
    return s->count < BENCH_RUNS && (seconds <= 2 || s->count < 3);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double bench_median(const bench_samples *s)
{
    bench_samples sorted = *s;
    qsort(sorted.at, sorted.count, sizeof sorted.at[0], by_value);
    double upper = sorted.at[sorted.count / 2];
    return sorted.count % 2 == 1 ? upper : (upper + sorted.at[sorted.count / 2 - 1]) / 2;
}

/* Four digits that tell, as JSON takes them. */
static const char *number(double value, char *text, size_t size)
{
    double magnitude = value < 0 ? -value : value;
    int    decimals = magnitude >= 1000 ? 0 : magnitude >= 100 ? 1 : magnitude >= 10 ? 2 : 3;
    if (magnitude < 0.1) decimals = magnitude < 0.00005 ? 0 : 5;
    snprintf(text, size, "%.*f", decimals, value);
    return text;
}

static void print_goal(bench *b, const char *name, double median)
{
    size_t count = BENCH_SIZE(sizeof goals / sizeof *goals, 0); /* other sizes have no goals */
    for (size_t i = 0; i < count; i++) {
        const goal *g = &goals[i];
        char        text[32];
        if (strcmp(g->name, name) != 0) continue;
        double value = g->of_memcpy ? g->value * b->memcpy_words : g->value;
        bool   met = g->at_least ? median >= value : median <= value;
        b->goals++;
        b->missed += !met;
        if (b->json) return;
        printf("  %s %s%s", g->at_least ? ">=" : "<=", number(value, text, sizeof text),
               g->of_memcpy ? " (0.8 memcpy)" : "");
        printf(" %s", met ? "met" : "MISSED");
    }
}

static void print_samples(const bench_samples *s)
{
    printf(", \"samples\": [");
    for (size_t i = 0; i < s->count; i++) printf("%s%.6f", i > 0 ? ", " : "", s->at[i]);
    printf("]");
}

void bench_row(bench *b, const char *name, uint64_t n, const bench_samples *s, const char *unit)
{
    if (!bench_wants(b, name) || s->count == 0) return;
    char   middle[32], least[32], most[32];
    double median = bench_median(s), low = s->at[0], high = s->at[0];
    for (size_t i = 1; i < s->count; i++) {
        if (s->at[i] < low) low = s->at[i];
        if (s->at[i] > high) high = s->at[i];
    }
    number(median, middle, sizeof middle);
    number(low, least, sizeof least);
    number(high, most, sizeof most);
    b->rows++;
    if (b->json) {
        printf("{\"name\": \"%s\", \"n\": %" PRIu64 ", \"median\": %s, \"unit\": \"%s\", "
               "\"min\": %s, \"max\": %s, \"runs\": %zu",
               name, n, middle, unit, least, most, s->count);
        if (b->samples) print_samples(s);
        printf("}");
    } else {
        printf("%-40s %9" PRIu64 " %10s %10s %10s %4zu  %-4s", name, n, middle, least, most,
               s->count, unit);
    }
    print_goal(b, name, median);
    printf("\n");
    fflush(stdout);
}

void bench_figure(bench *b, const char *name, uint64_t n, double value, const char *unit)
{
    bench_samples s = {{value}, 1};
    bench_row(b, name, n, &s, unit);
}

void bench_head(const bench *b)
{
    if (b->json) return;
    printf("%-40s %9s %10s %10s %10s %4s  %-4s  %s\n", "name", "n", "median", "min", "max", "runs",
           "unit", "goal");
}

void bench_foot(const bench *b)
{
    if (!b->json && b->goals > 0) {
        printf("%u of %u goals met\n", b->goals - b->missed, b->goals);
    }
}

void bench_say(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "bench: ");
    vfprintf(stderr, format, args);
    fprintf(stderr, "\n");
    va_end(args);
}
