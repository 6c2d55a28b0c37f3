/* shrink.c: see shrink.h. */
#include "sim/shrink.h"

#include <string.h>
#include <time.h>

#define KEEP UINT64_MAX

typedef struct shrinker {
    world        *w;
    plan         *best;
    plan          trial;
    check_id      id;
    clock_t       end;
    shrink_result result;
} shrinker;

static bool has_time(shrinker *s)
{
    s->result.out_of_time |= clock() >= s->end;
    return !s->result.out_of_time;
}

/* Does the trial break the same promise? Then it is the best from now on. */
static bool try(shrinker *s)
{
    if (!plan_is_sane(&s->trial)) return false;
    s->result.runs++;
    world_run(s->w, &s->trial);
    if (s->w->broken != s->id) return false;
    plan_copy(s->best, &s->trial);
    return true;
}

/* Without the events from `at` on, `n` of them. */
static void leave_out(shrinker *s, size_t at, size_t n)
{
    plan_copy(&s->trial, s->best);
    memmove(s->trial.events + at, s->trial.events + at + n,
            (s->trial.count - at - n) * sizeof *s->trial.events);
    s->trial.count -= n;
}

/* Delta debugging: leave out ever smaller pieces. True if anything went. */
static bool drop_events(shrinker *s)
{
    size_t before = s->best->count;
    for (size_t piece = (s->best->count + 1) / 2; piece > 0; piece /= 2) {
        for (size_t at = 0; at < s->best->count && has_time(s);) {
            size_t n = s->best->count - at < piece ? s->best->count - at : piece;
            leave_out(s, at, n);
            if (!try(s)) at += n;
        }
    }
    return s->best->count < before;
}

static bool try_setting(shrinker *s, size_t offset, uint64_t neutral)
{
    uint64_t now;
    memcpy(&now, (char *)s->best + offset, sizeof now);
    if (neutral == KEEP || now == neutral || !has_time(s)) return false;
    plan_copy(&s->trial, s->best);
    memcpy((char *)&s->trial + offset, &neutral, sizeof neutral);
    return try(s);
}

static bool calm_settings(shrinker *s)
{
    bool any = false;
#define PLAN_FIELD(name, neutral, text) any |= try_setting(s, offsetof(plan, name), neutral);
#include "sim/plan.def"
#undef PLAN_FIELD
    return any;
}

/* A shorter first phase, if what is left happens early. */
static bool shorten(shrinker *s)
{
    if (s->best->count == 0 || !has_time(s)) return false;
    uint64_t last = s->best->events[s->best->count - 1].at + 1;
    if (last >= s->best->duration) return false;
    plan_copy(&s->trial, s->best);
    s->trial.duration = last;
    return try(s);
}

/* Fewer nodes, if the last one takes no part. */
static bool drop_node(shrinker *s)
{
    if (s->best->nodes <= 2 || !has_time(s)) return false;
    plan_copy(&s->trial, s->best);
    s->trial.nodes--;
    for (size_t i = 0; i < s->trial.count; i++) {
        if (s->trial.events[i].node >= s->trial.nodes) s->trial.events[i].node = 0;
    }
    return try(s);
}

shrink_result shrink(world *w, plan *p, check_id id, double seconds)
{
    shrinker s = {.w = w, .best = p, .id = id};
    s.end = clock() + (clock_t)(seconds * CLOCKS_PER_SEC);
    s.result.before = p->count;
    bool any = true;
    while (any && has_time(&s)) {
        any = drop_events(&s);
        any |= calm_settings(&s);
        any |= shorten(&s);
        any |= drop_node(&s);
    }
    plan_free(&s.trial);
    s.result.after = p->count;
    return s.result;
}
