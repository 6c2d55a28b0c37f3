/* campaign.c: see campaign.h. */
#define _POSIX_C_SOURCE 200809L
#include "sim/campaign.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sim/must.h"
#include "sim/replay.h"
#include "sim/shrink.h"
#include "sim/world.h"

static double cpu(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

/* -- A failure --------------------------------------------------------------------------------- */

static void write_down(const campaign *c, const plan *p, campaign_result *r)
{
    char comment[1024];
    if (!c->failures) return;
    if (mkdir(c->failures, 0777) && errno != EEXIST) {
        fprintf(stderr, "concur-sim: %s: %s\n", c->failures, strerror(errno));
        return;
    }
    snprintf(r->file, sizeof r->file, "%s/%s-%" PRIu64 ".replay", c->failures, check_code(r->id),
             r->seed);
    FILE *file = fopen(r->file, "w");
    if (!file) {
        fprintf(stderr, "concur-sim: %s: %s\n", r->file, strerror(errno));
        r->file[0] = 0;
        return;
    }
    snprintf(comment, sizeof comment, "%s %s: %s\n%s", check_code(r->id), check_name(r->id),
             check_text(r->id), r->why);
    replay_write(file, p, comment);
    fclose(file);
}

static void on_failure(const campaign *c, world *w, plan *p, campaign_result *r)
{
    r->failures++;
    if (r->failures > 1) {
        if (!c->quiet)
            printf("seed %" PRIu64 " breaks %s %s\n", p->seed, check_code(w->broken),
                   check_name(w->broken));
        return;
    }
    r->seed = p->seed;
    r->id = w->broken;
    r->failed_events = r->events;
    snprintf(r->why, sizeof r->why, "%s", w->why);
    r->small = p->count;
    if (c->shrink_seconds > 0 && r->id != CHECK_REPEAT) {
        r->small = shrink(w, p, r->id, c->shrink_seconds).after;
        world_run(w, p);
        snprintf(r->why, sizeof r->why, "%s", w->why);
    }
    write_down(c, p, r);
    if (c->quiet) return;
    printf("seed %" PRIu64 " breaks %s %s (%s)\n  %s\n", r->seed, check_code(r->id),
           check_name(r->id), check_text(r->id), r->why);
    if (r->file[0]) printf("  made small, %zu events: concur-sim --replay %s\n", r->small, r->file);
    fflush(stdout);
}

/* -- Seeds ------------------------------------------------------------------------------------- */

static void count_in(const world *w, campaign_result *r)
{
    r->seeds++;
    r->events += w->stats.events;
    r->messages += w->stats.messages;
    r->bytes += w->stats.bytes;
    r->entries += w->stats.entries;
    r->checks += w->stats.checks;
    r->crashes += w->stats.crashes;
    r->snapshots += w->stats.snapshots;
    r->rotten += w->stats.rotten;
    r->forked += w->forked;
    r->forged += w->forged;
    for (int i = 0; i < 16; i++) r->notices[i] += w->stats.notices[i];
    r->converge_us_sum += w->stats.converge_us;
    if (w->stats.converge_us > r->converge_us_max) r->converge_us_max = w->stats.converge_us;
}

static void run_seed(const campaign *c, world *w, plan *p, uint64_t seed, campaign_result *r)
{
    plan_make(p, seed);
    world_run(w, p);
    count_in(w, r);
    if (!w->broken && c->twice && seed % c->twice == 0) {
        uint64_t trace = w->trace;
        world_run(w, p);
        r->repeated++;
        r->events += w->stats.events;
        if (w->trace != trace) check_fail(w, CHECK_REPEAT, "two runs, two traces");
    }
    if (w->broken) on_failure(c, w, p, r);
}

static campaign_result run_share(const campaign *c, unsigned job)
{
    campaign_result r;
    world           w;
    plan            p = {0};
    double          begin = cpu();
    memset(&r, 0, sizeof r);
    world_init(&w);
    for (uint64_t i = job; c->count == 0 || i < c->count; i += c->jobs) {
        if (c->seconds > 0 && cpu() - begin >= c->seconds) break;
        run_seed(c, &w, &p, c->base + i, &r);
        if (r.failures >= (c->first ? 1 : 5)) break;
    }
    plan_free(&p);
    world_free(&w);
    r.cpu_seconds = cpu() - begin;
    return r;
}

static void add_up(campaign_result *sum, const campaign_result *r)
{
    campaign_result before = *sum;
    if (before.failures == 0) *sum = *r; /* its words, if it has any */
    sum->seeds = before.seeds + r->seeds;
    sum->repeated = before.repeated + r->repeated;
    sum->failures = before.failures + r->failures;
    sum->events = before.events + r->events;
    sum->messages = before.messages + r->messages;
    sum->bytes = before.bytes + r->bytes;
    sum->entries = before.entries + r->entries;
    sum->checks = before.checks + r->checks;
    sum->crashes = before.crashes + r->crashes;
    sum->snapshots = before.snapshots + r->snapshots;
    sum->rotten = before.rotten + r->rotten;
    sum->forked = before.forked + r->forked;
    sum->forged = before.forged + r->forged;
    for (int i = 0; i < 16; i++) sum->notices[i] = before.notices[i] + r->notices[i];
    sum->converge_us_sum = before.converge_us_sum + r->converge_us_sum;
    if (before.converge_us_max > r->converge_us_max) sum->converge_us_max = before.converge_us_max;
    else sum->converge_us_max = r->converge_us_max;
    sum->cpu_seconds = before.cpu_seconds + r->cpu_seconds;
}

static void read_result(int fd, campaign_result *r)
{
    size_t got = 0;
    while (got < sizeof *r) {
        ssize_t n = read(fd, (char *)r + got, sizeof *r - got);
        if (n <= 0) break;
        got += (size_t)n;
    }
    if (got == sizeof *r) return;
    memset(r, 0, sizeof *r); /* it crashed: the worst that can be found */
    r->failures = 1;
    r->id = CHECK_SOUND;
    snprintf(r->why, sizeof r->why, "a process of the campaign died");
}

campaign_result campaign_run(const campaign *c)
{
    campaign_result sum, r;
    if (c->jobs <= 1) return run_share(c, 0);
    memset(&sum, 0, sizeof sum);
    int *fds = must_alloc(c->jobs * sizeof *fds);
    fflush(stdout);
    for (unsigned job = 0; job < c->jobs; job++) {
        int ends[2];
        if (pipe(ends)) must_fail("pipe: %s", strerror(errno));
        pid_t pid = fork();
        if (pid < 0) must_fail("fork: %s", strerror(errno));
        if (pid == 0) {
            r = run_share(c, job);
            ssize_t n = write(ends[1], &r, sizeof r);
            _exit(n == (ssize_t)sizeof r ? 0 : 1);
        }
        close(ends[1]);
        fds[job] = ends[0];
    }
    for (unsigned job = 0; job < c->jobs; job++) {
        read_result(fds[job], &r);
        close(fds[job]);
        add_up(&sum, &r);
    }
    while (wait(NULL) > 0) continue;
    free(fds);
    return sum;
}

void campaign_print(const campaign_result *r)
{
    double seeds = r->seeds ? (double)r->seeds : 1, cpu_s = r->cpu_seconds > 0 ? r->cpu_seconds : 1;
    printf("%" PRIu64 " seeds, %" PRIu64 " of them twice; %" PRIu64 " violations\n", r->seeds,
           r->repeated, r->failures);
    printf("%" PRIu64 " events (%.0f a seed) in %.1f CPU seconds: %.0f a second\n", r->events,
           (double)r->events / seeds, r->cpu_seconds, (double)r->events / cpu_s);
    printf("%" PRIu64 " messages, %.1f MB; %" PRIu64 " entries; %" PRIu64 " crashes; %" PRIu64
           " snapshots; %" PRIu64 " disks damaged; %" PRIu64 " checks\n",
           r->messages, (double)r->bytes / 1e6, r->entries, r->crashes, r->snapshots, r->rotten,
           r->checks);
    printf("converged %.1f s after faults ended on average, %.1f s at most\n",
           (double)r->converge_us_sum / seeds / 1e6, (double)r->converge_us_max / 1e6);
    printf("worlds with two writers under one id %" PRIu64 ", with forged frames %" PRIu64 "\n",
           r->forked, r->forged);
    static const char *const names[] = {"",        "up",       "down",       "learned",
                                        "forked",  "cloned",   "reminted",   "poisoned",
                                        "unequal", "repaired", "far-future", "snapshot-in",
                                        "dropped", "differs",  "compared"};
    printf("notices:");
    for (size_t i = 1; i < sizeof names / sizeof *names; i++) {
        printf(" %s %" PRIu64, names[i], r->notices[i]);
    }
    printf("\n");
}
