/* scenario.h: what a person asked for, as a plan; and how a run of it went. */
#ifndef SIM_SCENARIO_H
#define SIM_SCENARIO_H
#include <stdio.h>

#include "sim/options.h"
#include "sim/world.h"

#define SCENARIO_ROWS 400

/* The world at one time. */
typedef struct scenario_row {
    double   at;             /* seconds */
    uint64_t entries, bytes; /* written, sent: so far */
    uint64_t lag_max, lag_sum;
    uint32_t up, complete; /* nodes; those that hold everything */
} scenario_row;

typedef struct scenario {
    const options *options;
    FILE          *timeline; /* a line now and then; NULL: none */
    plan           plan;
    scenario_row   rows[SCENARIO_ROWS];
    size_t         rows_count;
    bool           converged;
    double         converged_after;                   /* the last write or fault, seconds */
    double         reach_median, reach_99, reach_max; /* from a write until all have it */
} scenario;

/* False: a name of a type is none; it is said on stderr. */
bool scenario_plan(const options *o, plan *ret_plan);
/* Runs it; what broke is in w. */
void scenario_run(scenario *s, world *w);
void scenario_summary(const scenario *s, const world *w);
void scenario_free(scenario *s);

/* -- plot.c: pictures by gnuplot. False: it is said on stderr why not. */
bool plot_write(const scenario *s, const world *w, const char *dir);

/* -- compare.c: several topologies, or types, side by side. Exit status. */
int compare_run(const options *o);

/* -- offline.c: two sides that were apart for long. Exit status. */
int offline_run(const options *o);

#endif
