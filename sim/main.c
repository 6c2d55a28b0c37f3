/* main.c: concur-sim. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/campaign.h"
#include "sim/must.h"
#include "sim/replay.h"
#include "sim/scenario.h"

static int run_scenario(const options *o)
{
    scenario *s = must_alloc(sizeof *s);
    world     w;
    s->options = o;
    s->timeline = stdout;
    if (!scenario_plan(o, &s->plan)) {
        free(s);
        return 2;
    }
    world_init(&w);
    scenario_run(s, &w);
    scenario_summary(s, &w);
    bool fine = !w.broken;
    if (fine && o->plot) fine = plot_write(s, &w, o->plot);
    scenario_free(s);
    world_free(&w);
    free(s);
    return fine ? 0 : 1;
}

static int run_seeds(const options *o)
{
    campaign c = {.base = o->seed,
                  .count = o->seeds,
                  .seconds = o->seconds,
                  .jobs = (unsigned)o->jobs,
                  .twice = 100,
                  .shrink_seconds = 60,
                  .failures = o->failures};
    if (strcmp(o->failures, "-") == 0) {
        c.failures = NULL;
        c.shrink_seconds = 0;
        c.first = true;
    }
    if (c.count == 0 && c.seconds <= 0) c.seconds = 60;
    printf("seeds from %" PRIu64 " on\n", c.base);
    campaign_result r = campaign_run(&c);
    campaign_print(&r);
    return r.failures ? 1 : 0;
}

static int run_one(const options *o)
{
    campaign c = {
        .base = o->seed, .count = 1, .jobs = 1, .shrink_seconds = 60, .failures = o->failures};
    campaign_result r = campaign_run(&c);
    if (!r.failures) printf("seed %" PRIu64 " breaks nothing\n", o->seed);
    return r.failures ? 1 : 0;
}

static int run_replay(const options *o)
{
    plan  p = {0};
    world w;
    char  problem[256];
    FILE *file = fopen(o->replay, "r");
    if (!file) {
        fprintf(stderr, "concur-sim: %s: %s\n", o->replay, strerror(errno));
        return 2;
    }
    bool read = replay_read(file, &p, problem);
    fclose(file);
    if (!read) {
        fprintf(stderr, "concur-sim: %s: %s\n", o->replay, problem);
        plan_free(&p);
        return 2;
    }
    world_init(&w);
    world_run(&w, &p);
    printf("%zu events in the plan, %" PRIu64 " in the world; trace %016" PRIx64 "\n", p.count,
           w.stats.events, w.trace);
    if (w.broken) {
        printf("breaks %s %s (%s) at %.6f s, event %" PRIu64 "\n  %s\n", check_code(w.broken),
               check_name(w.broken), check_text(w.broken), (double)w.broken_at / 1e6,
               w.broken_event, w.why);
    } else {
        printf("breaks nothing\n");
    }
    int status = w.broken ? 1 : 0;
    world_free(&w);
    plan_free(&p);
    return status;
}

int main(int argc, char **argv)
{
    options o;
    char    problem[256];
    if (!options_read(argc, argv, &o, problem)) {
        fprintf(stderr, "concur-sim: %s\n", problem);
        return 2;
    }
    switch (o.what) {
    case OPTIONS_SEEDS: return run_seeds(&o);
    case OPTIONS_REPLAY: return run_replay(&o);
    case OPTIONS_SHRINK: return run_one(&o);
    case OPTIONS_COMPARE: return compare_run(&o);
    case OPTIONS_OFFLINE: return offline_run(&o);
    case OPTIONS_HELP: options_help(); return 0;
    default: return run_scenario(&o);
    }
}
