/* options.h: the command line of concur-sim. */
#ifndef SIM_OPTIONS_H
#define SIM_OPTIONS_H
#include <stdbool.h>
#include <stdint.h>

#define OPTIONS_SPANS_MAX 16
#define OPTIONS_NAMES_MAX 8

typedef struct options_span {
    uint64_t from, to; /* microseconds */
} options_span;

typedef struct options {
    enum {
        OPTIONS_SCENARIO,
        OPTIONS_SEEDS,
        OPTIONS_REPLAY,
        OPTIONS_SHRINK,
        OPTIONS_COMPARE,
        OPTIONS_OFFLINE,
        OPTIONS_HELP
    } what;
    uint64_t     nodes, topology, ops, objects, seed, seeds, jobs, value;
    uint64_t     loss, duplicate, corrupt;         /* parts of a million */
    uint64_t     delay, jitter, duration, offline; /* microseconds; duration 0: as it needs */
    double       seconds;
    const char  *types, *replay, *plot, *failures;
    const char  *compare[OPTIONS_NAMES_MAX];
    unsigned     compare_count;
    options_span partitions[OPTIONS_SPANS_MAX], crashes[OPTIONS_SPANS_MAX];
    unsigned     partitions_count, crashes_count;
    char         names[256]; /* what compare points into */
} options;

/* False: ret_problem says what is wrong, in a line. */
bool options_read(int argc, char **argv, options *ret_options, char ret_problem[256]);
void options_help(void);

#endif
