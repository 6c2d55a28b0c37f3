/* options.c: see options.h. */
#include "sim/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/plan.h"

void options_help(void)
{
    fputs("concur-sim: a world of nodes in one process, in virtual time, that replicate by the\n"
          "engine of libgossip and are checked at each step. The same seed does the same.\n"
          "\n"
          "A scenario, told as a timeline and a summary:\n"
          "  concur-sim --nodes 32 --topology ring --loss 0.3 --partition 10s..40s --ops 100000\n"
          "\n"
          "  --nodes N            how many (3); at most 1000, with partitions 256\n"
          "  --topology T         mesh, ring, star, line or cliques (mesh)\n"
          "  --ops N              transactions, spread over the nodes (1000)\n"
          "  --types A,B          of the objects: lww, orset, text, ... (all)\n"
          "  --objects N          how many objects, at most 8 (4)\n"
          "  --value BYTES        the largest value written (16)\n"
          "  --loss P             chance that a message is lost, 0 to 1; also --duplicate P and\n"
          "                       --corrupt P (bits are turned)\n"
          "  --delay T --jitter T how long a message takes, and what is added at most (1ms, 1ms)\n"
          "  --partition T..T     one half of the nodes does not hear the other (several times)\n"
          "  --crash T..T         node 1 dies and is down (several times: nodes 1, 2, ...)\n"
          "  --duration T         how long writes go on (20s, or as long as faults do)\n"
          "  --seed N             of every random choice (1)\n"
          "  --plot DIR           writes pictures (SVG) by gnuplot: convergence, bytes, lag\n"
          "  --compare mesh,ring  the same on several topologies, side by side\n"
          "  --compare lww,mv     ... or the same conflicts under several types: what is kept\n"
          "\n"
          "Looking for faults of the engine:\n"
          "  --seeds N            run so many random worlds; what fails is made small and kept\n"
          "  --seconds S          ... for so long (CPU time of each process)\n"
          "  --jobs N             ... in so many processes (1)\n"
          "  --failures DIR       ... where replay files go (build/sim); \"-\": the first\n"
          "                       failure ends it, and nothing is made small\n"
          "  --replay FILE        run what was kept, and say what happens\n"
          "  --shrink SEED        run one seed, make it small, keep it\n"
          "  --offline 72h        two sides with --ops operations each meet after so long apart\n"
          "\n"
          "Times are numbers with us, ms, s or h. Exit: 0, 1: a promise is broken, 2: usage.\n",
          stdout);
}

/* -- Words ------------------------------------------------------------------------------------- */

static bool read_number(const char *text, uint64_t *ret_n)
{
    char *end;
    if (*text < '0' || *text > '9') return false;
    *ret_n = strtoull(text, &end, 10);
    return *end == 0;
}

static bool read_chance(const char *text, uint64_t *ret_ppm)
{
    char  *end;
    double p = strtod(text, &end);
    if (end == text || *end || !(p >= 0 && p <= 1)) return false;
    *ret_ppm = (uint64_t)(p * 1e6 + 0.5);
    return true;
}

/* Up to `stop`. */
static bool read_time(const char *text, const char *stop, uint64_t *ret_us)
{
    static const struct {
        const char *unit;
        double      us;
    } units[] = {{"us", 1}, {"ms", 1e3}, {"s", 1e6}, {"h", 3600e6}};
    char  *end;
    double n = strtod(text, &end);
    if (end == text || n < 0 || n > 1e9) return false;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        size_t size = strlen(units[i].unit);
        if ((size_t)(stop - end) != size || memcmp(end, units[i].unit, size) != 0) continue;
        *ret_us = (uint64_t)(n * units[i].us);
        return true;
    }
    return false;
}

static bool read_span(const char *text, options_span *spans, unsigned *count)
{
    const char   *dots = strstr(text, "..");
    options_span *span = &spans[*count];
    if (!dots || *count == OPTIONS_SPANS_MAX) return false;
    if (!read_time(text, dots, &span->from)) return false;
    if (!read_time(dots + 2, text + strlen(text), &span->to) || span->to <= span->from) {
        return false;
    }
    ++*count;
    return true;
}

static bool read_topology(const char *text, uint64_t *ret_topology)
{
    for (int t = 0; t < PLAN_TOPOLOGIES; t++) {
        if (strcmp(text, plan_topology_name((plan_topology)t)) != 0) continue;
        *ret_topology = (uint64_t)t;
        return true;
    }
    return false;
}

static bool read_compare(options *o, const char *text)
{
    o->what = OPTIONS_COMPARE;
    if (strlen(text) >= sizeof o->names) return false;
    memcpy(o->names, text, strlen(text) + 1);
    for (char *at = o->names; *at;) {
        if (o->compare_count == OPTIONS_NAMES_MAX) return false;
        o->compare[o->compare_count++] = at;
        at += strcspn(at, ",");
        if (*at) *at++ = 0;
    }
    return o->compare_count > 0;
}

static bool read_seconds(const char *text, double *ret_seconds)
{
    char *end;
    *ret_seconds = strtod(text, &end);
    return end != text && *end == 0 && *ret_seconds >= 0;
}

/* -- Options ----------------------------------------------------------------------------------- */

typedef enum wants { NUMBER, CHANCE, TIME, SPAN, TOPOLOGY, TEXT, COMPARE, SECONDS } wants;

static const char *const wanted[] = {"a whole number",
                                     "a number from 0 to 1",
                                     "a time such as 200ms or 10s",
                                     "two times such as 10s..40s",
                                     "one of mesh, ring, star, line, cliques",
                                     "a word",
                                     "names with commas between them",
                                     "a number of seconds"};

typedef struct option {
    const char *name;
    wants       wants;
    void       *at;
    unsigned   *count; /* SPAN */
    int         what;  /* what the program does, if this is given; -1: as it does */
} option;

static bool read_value(options *o, const option *opt, const char *text)
{
    switch (opt->wants) {
    case NUMBER: return read_number(text, opt->at);
    case CHANCE: return read_chance(text, opt->at);
    case TIME: return read_time(text, text + strlen(text), opt->at);
    case SPAN: return read_span(text, opt->at, opt->count);
    case TOPOLOGY: return read_topology(text, opt->at);
    case SECONDS: return read_seconds(text, opt->at);
    case COMPARE: return read_compare(o, text);
    case TEXT: memcpy(opt->at, &text, sizeof text); return true;
    }
    return false;
}

static bool is_sane(const options *o, char ret_problem[256])
{
    if (o->nodes < 2 || o->nodes > 1000) {
        snprintf(ret_problem, 256, "--nodes: 2 to 1000 make a world");
    } else if (o->partitions_count && o->nodes > 256) {
        snprintf(ret_problem, 256, "--partition: with at most 256 nodes");
    } else if (o->objects < 1 || o->objects > 8) {
        snprintf(ret_problem, 256, "--objects: 1 to 8");
    } else if (o->value < 1 || o->value > 4096) {
        snprintf(ret_problem, 256, "--value: 1 to 4096 bytes");
    } else if (o->jobs < 1 || o->jobs > 64) {
        snprintf(ret_problem, 256, "--jobs: 1 to 64 processes");
    } else if (o->ops > 10000000) {
        snprintf(ret_problem, 256, "--ops: at most 10000000");
    } else {
        return true;
    }
    return false;
}

bool options_read(int argc, char **argv, options *ret_options, char ret_problem[256])
{
    options *o = ret_options;
    *o = (options){.nodes = 3, .ops = 1000, .objects = 4, .seed = 1, .jobs = 1, .value = 16};
    o->delay = 1000;
    o->jitter = 1000;
    o->failures = "build/sim";
    const option all[] = {
        {"--nodes", NUMBER, &o->nodes, NULL, -1},
        {"--topology", TOPOLOGY, &o->topology, NULL, -1},
        {"--ops", NUMBER, &o->ops, NULL, -1},
        {"--types", TEXT, &o->types, NULL, -1},
        {"--objects", NUMBER, &o->objects, NULL, -1},
        {"--value", NUMBER, &o->value, NULL, -1},
        {"--loss", CHANCE, &o->loss, NULL, -1},
        {"--duplicate", CHANCE, &o->duplicate, NULL, -1},
        {"--corrupt", CHANCE, &o->corrupt, NULL, -1},
        {"--delay", TIME, &o->delay, NULL, -1},
        {"--jitter", TIME, &o->jitter, NULL, -1},
        {"--partition", SPAN, o->partitions, &o->partitions_count, -1},
        {"--crash", SPAN, o->crashes, &o->crashes_count, -1},
        {"--duration", TIME, &o->duration, NULL, -1},
        {"--seed", NUMBER, &o->seed, NULL, -1},
        {"--plot", TEXT, &o->plot, NULL, -1},
        {"--compare", COMPARE, NULL, NULL, OPTIONS_COMPARE},
        {"--seeds", NUMBER, &o->seeds, NULL, OPTIONS_SEEDS},
        {"--seconds", SECONDS, &o->seconds, NULL, OPTIONS_SEEDS},
        {"--jobs", NUMBER, &o->jobs, NULL, -1},
        {"--failures", TEXT, &o->failures, NULL, -1},
        {"--replay", TEXT, &o->replay, NULL, OPTIONS_REPLAY},
        {"--shrink", NUMBER, &o->seed, NULL, OPTIONS_SHRINK},
        {"--offline", TIME, &o->offline, NULL, OPTIONS_OFFLINE},
    };
    for (int i = 1; i < argc; i++) {
        const option *opt = NULL;
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            o->what = OPTIONS_HELP;
            return true;
        }
        for (size_t k = 0; k < sizeof all / sizeof *all; k++) {
            if (strcmp(argv[i], all[k].name) == 0) opt = &all[k];
        }
        if (!opt) {
            snprintf(ret_problem, 256, "%.100s: no such option; --help lists them", argv[i]);
            return false;
        }
        if (i + 1 == argc || !read_value(o, opt, argv[i + 1])) {
            snprintf(ret_problem, 256, "%s: it wants %s%s%.100s", opt->name, wanted[opt->wants],
                     i + 1 == argc ? "" : ", not ", i + 1 == argc ? "" : argv[i + 1]);
            return false;
        }
        if (opt->what >= 0) o->what = (unsigned)opt->what;
        i++;
    }
    return is_sane(o, ret_problem);
}
