/* main.c: the benchmarks' program.
 *
 *      bench [--only PART] [--json] [--seed N]
 *
 * Rows go to stdout, progress to stderr. A goal that is not met is printed as MISSED; the exit
 * status tells only whether the program worked.
 */
#include <inttypes.h>
#include <stdio.h>

#include "bench/bench.h"

static int usage(const char *program)
{
    fprintf(stderr,
            "usage: %s [--only PART] [--json] [--seed N]\n"
            "  --only PART  rows that have PART in their name\n"
            "  --json       a JSON object a row\n"
            "  --seed N     of all random choices (1)\n",
            program);
    return 2;
}

int main(int argc, char **argv)
{
    bench b;
    if (!bench_options(&b, argc, argv)) return usage(argv[0]);
    bench_say("seed %" PRIu64 "; times are processor time; the median of up to %d runs after a "
              "warm-up",
              b.seed, BENCH_RUNS);
    bench_head(&b);
    bench_counters(&b);
    bench_orset(&b);
    bench_maps(&b);
    bench_marks(&b);
    bench_moves(&b);
    bench_types(&b);
    bench_revgraph(&b);
    bench_queue(&b);
    bench_disk(&b);
    bench_foot(&b);
    if (b.rows == 0) {
        fprintf(stderr, "bench: no row has \"%s\" in its name\n", b.only != NULL ? b.only : "");
        return 1;
    }
    return 0;
}
