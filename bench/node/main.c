/* bench-node: concurd beside redis-server, in one run, by redis-benchmark and by clients of ours.
 *
 *      bench-node [--only NAME] [--rounds N] [--json] [--quick]
 *
 * Rows     load/KIND/TEST/P   requests per CPU second (user + system) of the server, as a ratio to
 *                             the other server; median of the rounds, which take turns
 *          see/N              time from a write at one node until all N show it
 *          start/...          from the process's start to its first answer, a million keys
 *          memory/...         bytes of memory per small key
 *          queue/...          memory that stays of a list's elements that were taken out
 */
#include "bench/node/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    bool (*run)(const bench_options *options);
} parts[] = {
    {"load", bench_load},     {"see", bench_see},     {"start", bench_start},
    {"memory", bench_memory}, {"queue", bench_queue},
};

static int usage(void)
{
    fprintf(
        stderr,
        "usage: bench-node [--only load|see|start|memory|queue] [--rounds N] [--json] [--quick]\n");
    return 2;
}

int main(int argc, char **argv)
{
    bench_options options = {.rounds = 9};
    bool          good = true;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) options.json = true;
        else if (strcmp(argv[i], "--quick") == 0) options.quick = true;
        else if (strcmp(argv[i], "--only") == 0 && i + 1 < argc) options.only = argv[++i];
        else if (strcmp(argv[i], "--rounds") == 0 && i + 1 < argc) {
            options.rounds = (int)strtol(argv[++i], NULL, 10);
        } else return usage();
    }
    if (options.rounds < 1 || options.rounds > BENCH_ROUNDS_MAX) return usage();
    if (options.quick) options.rounds = 1;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (options.only != NULL &&
            strncmp(options.only, parts[i].name, strlen(parts[i].name)) != 0) {
            continue;
        }
        good = parts[i].run(&options) && good;
    }
    return good ? 0 : 1;
}
