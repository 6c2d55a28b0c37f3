/* scenario.c: see scenario.h. */
#include "sim/scenario.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "crdt/types.h"
#include "sim/must.h"
#include "sim/random.h"

#define SECOND UINT64_C(1000000)

/* -- The plan ---------------------------------------------------------------------------------- */

static bool read_types(const char *text, uint64_t *ret_mask)
{
    const crdt_types *types = crdt_types_builtin();
    *ret_mask = 0;
    while (*text) {
        size_t size = strcspn(text, ","), at = 0;
        for (; at < types->count; at++) {
            const char *name = types->list[at]->name;
            if (strlen(name) == size && memcmp(name, text, size) == 0) break;
        }
        if (at == types->count) {
            fprintf(stderr, "concur-sim: --types: there is no type %.*s; there are", (int)size,
                    text);
            for (size_t i = 0; i < types->count; i++) fprintf(stderr, " %s", types->list[i]->name);
            fputc('\n', stderr);
            return false;
        }
        *ret_mask |= UINT64_C(1) << types->list[at]->id % 64;
        text += size + (text[size] == ',');
    }
    return true;
}

static void add_faults(const options *o, plan *p)
{
    uint64_t half = 0;
    for (uint64_t i = 0; i < o->nodes && i < 64; i += 2) half |= UINT64_C(1) << i;
    if (o->topology != PLAN_MESH && o->nodes <= 64) half = (UINT64_C(1) << o->nodes / 2) - 1;
    for (unsigned i = 0; i < o->partitions_count; i++) {
        options_span span = o->partitions[i];
        plan_add(p, (plan_event){span.from, PLAN_PART, 0, span.to - span.from, half});
        if (span.to > p->duration) p->duration = span.to;
    }
    for (unsigned i = 0; i < o->crashes_count; i++) {
        options_span span = o->crashes[i];
        uint32_t     which = (uint32_t)((1 + i) % o->nodes);
        plan_add(p, (plan_event){span.from, PLAN_CRASH, which, span.to - span.from, 0});
        if (span.to > p->duration) p->duration = span.to;
    }
}

static int by_time(const void *a, const void *b)
{
    const plan_event *x = a, *y = b;
    if (x->at != y->at) return x->at < y->at ? -1 : 1;
    return x->a < y->a ? -1 : x->a > y->a;
}

bool scenario_plan(const options *o, plan *ret_plan)
{
    plan    *p = ret_plan;
    uint64_t rand = random_stream(o->seed, 6);
    plan_init(p, o->seed);
    p->nodes = o->nodes;
    p->topology = o->topology;
    p->objects = o->objects;
    p->value_max = o->value;
    p->loss = o->loss;
    p->duplicate = o->duplicate;
    p->corrupt = o->corrupt;
    p->delay = o->delay ? o->delay : 1;
    p->jitter = o->jitter;
    p->persist = 1;
    p->ops_max = 1;
    p->duration = o->duration ? o->duration : 20 * SECOND;
    if (o->types && !read_types(o->types, &p->types)) return false;
    add_faults(o, p);
    for (uint64_t i = 0; i < o->ops; i++) {
        uint64_t at = random_between(&rand, SECOND / 2, p->duration - 1);
        uint32_t which = (uint32_t)random_below(&rand, o->nodes);
        plan_add(p, (plan_event){at, PLAN_WRITE, which, random_next(&rand), 0});
    }
    qsort(p->events, p->count, sizeof *p->events, by_time);
    return true;
}

/* -- Watching ---------------------------------------------------------------------------------- */

static scenario_row look(const world *w)
{
    scenario_row row = {
        .at = (double)w->now / 1e6, .entries = w->stats.entries, .bytes = w->stats.bytes};
    const history *h = &w->history;
    for (size_t i = 0; i < w->nodes_count; i++) {
        const node *n = &w->nodes[i];
        uint64_t    lag = 0;
        if (n->state != NODE_UP) continue;
        for (uint32_t who = 0; who < h->writers_count; who++) {
            lag += h->writers[who].count - (who < n->count_cap ? n->count[who] : 0);
        }
        row.up++;
        row.complete += lag == 0;
        row.lag_sum += lag;
        if (lag > row.lag_max) row.lag_max = lag;
    }
    return row;
}

static void tell_faults(const scenario *s, double from, double to)
{
    const options *o = s->options;
    for (unsigned i = 0; i < o->partitions_count; i++) {
        double begin = (double)o->partitions[i].from / 1e6, end = (double)o->partitions[i].to / 1e6;
        if (begin > from && begin <= to)
            fprintf(s->timeline, "%8.1f  -- a partition begins\n", begin);
        if (end > from && end <= to) fprintf(s->timeline, "%8.1f  -- it ends\n", end);
    }
    for (unsigned i = 0; i < o->crashes_count; i++) {
        double   begin = (double)o->crashes[i].from / 1e6, end = (double)o->crashes[i].to / 1e6;
        unsigned which = (unsigned)((1 + i) % o->nodes);
        if (begin > from && begin <= to) {
            fprintf(s->timeline, "%8.1f  -- node %u dies\n", begin, which);
        }
        if (end > from && end <= to)
            fprintf(s->timeline, "%8.1f  -- node %u is back\n", end, which);
    }
}

static void watch(world *w, void *user)
{
    scenario *s = user;
    if (s->rows_count == SCENARIO_ROWS) return;
    uint64_t now = w->now;
    w->now = w->watch_next;
    scenario_row *row = &s->rows[s->rows_count++];
    *row = look(w);
    w->now = now;
    if (!s->timeline) return;
    double before = s->rows_count > 1 ? row[-1].at : 0;
    tell_faults(s, before, row->at);
    if (s->rows_count % 4 != 1) return;
    double sent = s->rows_count > 4 ? (double)(row->bytes - row[-4].bytes) : (double)row->bytes;
    double span = s->rows_count > 4 ? row->at - row[-4].at : row->at;
    fprintf(s->timeline, "%8.1f %9" PRIu64 " %5u/%-5u %9" PRIu64 " %11.1f %11.0f\n", row->at,
            row->entries, row->complete, row->up, row->lag_max,
            row->up ? (double)row->lag_sum / row->up : 0, span > 0 ? sent / span / 1e3 : 0);
}

/* -- Running ----------------------------------------------------------------------------------- */

static int by_size(const void *a, const void *b)
{
    uint64_t x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return x < y ? -1 : x > y;
}

/* How long it took from a write until all nodes had it. */
static void measure_reach(scenario *s, const world *w)
{
    const history *h = &w->history;
    uint64_t      *times = must_alloc((h->count + 1) * sizeof *times);
    size_t         count = 0;
    for (size_t i = 0; i < h->count; i++) {
        const history_entry *e = &h->entries[i];
        if (e->kind != GOSSIP_DELTA || e->reached < w->nodes_count) continue;
        times[count++] = e->reached_at - e->at;
    }
    qsort(times, count, sizeof *times, by_size);
    if (count) {
        s->reach_median = (double)times[count / 2] / 1e6;
        s->reach_99 = (double)times[count * 99 / 100] / 1e6;
        s->reach_max = (double)times[count - 1] / 1e6;
    }
    free(times);
}

void scenario_run(scenario *s, world *w)
{
    if (s->timeline) {
        fprintf(s->timeline, "%8s %9s %11s %9s %11s %11s\n%8s %9s %11s %9s %11s %11s\n", "time",
                "entries", "nodes", "most", "on average", "kB sent", "s", "written", "complete",
                "they lack", "they lack", "a second");
    }
    w->watch = watch;
    w->watch_user = s;
    w->watch_every = s->plan.duration / 80 ? s->plan.duration / 80 : 1;
    world_begin(w, &s->plan);
    world_until(w, s->plan.duration);
    /* Loss and the like go on: convergence must do without a healed network. */
    uint64_t bound = 4 * world_bound(&s->plan);
    s->converged = !w->broken && world_settle(w, bound);
    w->watch = NULL;
    if (w->broken) return;
    if (!s->converged) {
        check_fail(w, CHECK_LIVE, "not converged %.0f s after the last write", (double)bound / 1e6);
        return;
    }
    s->converged_after =
        w->last_change > s->plan.duration ? (double)(w->last_change - s->plan.duration) / 1e6 : 0;
    check_converged(w);
    check_kept(w);
    measure_reach(s, w);
}

void scenario_summary(const scenario *s, const world *w)
{
    double entries = w->stats.entries ? (double)w->stats.entries : 1;
    printf("\n%" PRIu64 " nodes, %s; %" PRIu64 " transactions in %.0f s; seed %" PRIu64 "\n",
           s->plan.nodes, plan_topology_name((plan_topology)s->plan.topology), w->stats.writes,
           (double)s->plan.duration / 1e6, s->plan.seed);
    if (w->broken) {
        printf("BROKEN at %.3f s, event %" PRIu64 ": %s %s (%s)\n  %s\n",
               (double)w->broken_at / 1e6, w->broken_event, check_code(w->broken),
               check_name(w->broken), check_text(w->broken), w->why);
        return;
    }
    printf("all nodes hold the same bytes %.1f s after the last write; every promise held\n",
           s->converged_after);
    printf("from a write until every node had it: median %.3f s, 99 %% %.3f s, most %.3f s\n",
           s->reach_median, s->reach_99, s->reach_max);
    printf("%" PRIu64 " entries (%.0f %% transactions, the others acknowledge), %" PRIu64
           " messages, %.1f MB, %.0f bytes an entry and node; %" PRIu64 " messages lost\n",
           w->stats.entries, 100 * (double)w->stats.writes / entries, w->stats.messages,
           (double)w->stats.bytes / 1e6, (double)w->stats.bytes / entries / (double)w->nodes_count,
           w->stats.lost);
}

void scenario_free(scenario *s)
{
    plan_free(&s->plan);
}
