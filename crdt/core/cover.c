/* core/cover.c: asking which dots a side of a join has seen, one by one or 64 at a time.
 * See crdt/type.h. */
#include "crdt/core/mem.h"
#include "crdt/type.h"

bool crdt_cover_has(const crdt_cover *cover, crdt_dot dot)
{
    if (cover->seen == NULL || !crdt_context_has(cover->seen, dot)) return false;
    return cover->keep == NULL || !crdt_context_has(cover->keep, dot);
}

/* The runs of one replica in ctx (NULL: none). */
static void runs_of(const crdt_context *ctx, uint64_t replica, const crdt_run **ret_runs,
                    const crdt_run **ret_end)
{
    *ret_runs = *ret_end = NULL;
    if (ctx == NULL) return;
    uint32_t from = crdt_context_find(ctx, replica), to = from;
    if (from < ctx->count && ctx->runs[from].replica == replica) to = from + 1;
    if (to < ctx->count && ctx->runs[to].replica == replica) {
        to = replica < UINT64_MAX ? crdt_context_find(ctx, replica + 1) : ctx->count;
    }
    *ret_runs = ctx->runs + from;
    *ret_end = ctx->runs + to;
}

crdt_cover_walk crdt_cover_from(const crdt_cover *cover, uint64_t replica)
{
    crdt_cover_walk walk;
    runs_of(cover->seen, replica, &walk.seen, &walk.seen_end);
    runs_of(cover->keep, replica, &walk.keep, &walk.keep_end);
    return walk;
}

/* The first run from `at` on that does not end before seq. */
static const crdt_run *skip_to(const crdt_run *at, const crdt_run *end, uint64_t seq)
{
    size_t step = 1;
    if (at == end || at->hi >= seq) return at;
    at++;
    while (step <= (size_t)(end - at) && at[step - 1].hi < seq) {
        at += step;
        step *= 2;
    }
    size_t within = (size_t)(end - at) < step - 1 ? (size_t)(end - at) : step - 1;
    while (within > 0) {
        size_t half = within / 2;
        if (at[half].hi < seq) {
            at += half + 1;
            within -= half + 1;
        } else {
            within = half;
        }
    }
    return at;
}

/* Bit i tells whether first + i is in one of the runs. *at moves on to the first that does not end
 * before it. */
static inline uint64_t word_of(const crdt_run **at, const crdt_run *end, uint64_t first)
{
    uint64_t word = 0, last = first + 63;
    *at = skip_to(*at, end, first);
    for (const crdt_run *run = *at; run != end && run->lo <= last; run++) {
        uint64_t lo = run->lo > first ? run->lo - first : 0;
        uint64_t hi = run->hi < last ? run->hi - first : 63;
        word |= UINT64_MAX >> (63 - (hi - lo)) << lo;
    }
    return word;
}

uint64_t crdt_cover_word(crdt_cover_walk *walk, uint64_t first)
{
    uint64_t seen = word_of(&walk->seen, walk->seen_end, first);
    if (seen == 0 || walk->keep == walk->keep_end) return seen;
    return seen & ~word_of(&walk->keep, walk->keep_end, first);
}
