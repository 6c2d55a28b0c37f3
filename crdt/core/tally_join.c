/* core/tally_join.c: joins, deltas since a context, and collection of tallies. */
#include "crdt/core/mem.h"
#include "crdt/core/tally.h"

/* -- One share --------------------------------------------------------------------------------- */

/* False if one dot has two totals. */
static bool agree(const crdt__share *a, const crdt__share *b)
{
    if (a->hi == b->hi && !crdt__amount_equal(a->total, b->total)) return false;
    return a->lo != b->lo || crdt__amount_equal(a->floor, b->floor);
}

static bool floor_comes_after(const crdt__share *a, const crdt__share *b)
{
    if (a->lo != b->lo) return a->lo > b->lo;
    return crdt_dot_compare(a->reset, b->reset) < 0;
}

void crdt__share_join(crdt__share *a, const crdt__share *b)
{
    if (b->hi > a->hi) {
        a->hi = b->hi;
        a->total = b->total;
    }
    if (floor_comes_after(b, a)) {
        a->lo = b->lo;
        a->floor = b->floor;
        a->reset = b->reset;
    }
}

/* Would that change a? */
static bool brings(const crdt__share *a, const crdt__share *b)
{
    return b->hi > a->hi || floor_comes_after(b, a);
}

/* -- Join -------------------------------------------------------------------------------------- */

/* What the join does with a share. */
typedef enum fate { FATE_END, FATE_BOTH, FATE_STAYS, FATE_DIES, FATE_BORN, FATE_REMOVED } fate;

/* Walks both sides in order of births. */
typedef struct join_walk {
    const crdt_join   *join;
    const crdt__tally *mine, *theirs;
    uint32_t           a, b;   /* the next of each */
    crdt__share        share;  /* mine, or theirs if mine has none */
    crdt__share        second; /* theirs, of a share that both have */
} join_walk;

static fate next_fate(join_walk *w)
{
    bool a_ends = w->a == crdt__tally_count(w->mine), b_ends = w->b == crdt__tally_count(w->theirs);
    int  order = a_ends ? 1 : -1;
    if (a_ends && b_ends) return FATE_END;
    if (!a_ends && !b_ends) {
        order =
            crdt_dot_compare(crdt__tally_birth(w->mine, w->a), crdt__tally_birth(w->theirs, w->b));
    }
    w->share = order <= 0 ? crdt__tally_get(w->mine, w->a++) : crdt__tally_get(w->theirs, w->b);
    if (order == 0) w->second = crdt__tally_get(w->theirs, w->b);
    w->b += order >= 0;
    if (order == 0) return FATE_BOTH;
    if (order < 0) {
        return crdt_cover_has(&w->join->theirs, w->share.birth) ? FATE_DIES : FATE_STAYS;
    }
    return crdt_cover_has(&w->join->mine, w->share.birth) ? FATE_REMOVED : FATE_BORN;
}

crdt_err crdt__tally_prepare(crdt_join *join, crdt__tally *mine, const crdt__tally *theirs)
{
    join_walk w = {.join = join, .mine = mine, .theirs = theirs};
    uint32_t  count = 0;
    bool      born = false, is_long = false;
    crdt__rows_free(join->space->mem, mine->next);
    mine->next = NULL;
    if (crdt__tally_count(theirs) == 0) return CRDT_OK; /* nothing is born */
    for (fate f = next_fate(&w); f != FATE_END; f = next_fate(&w)) {
        if (f == FATE_DIES || f == FATE_REMOVED) continue;
        if (f == FATE_BOTH) {
            if (!agree(&w.share, &w.second)) return CRDT_EFORK;
            crdt__share_join(&w.share, &w.second);
        }
        count++;
        born |= f == FATE_BORN;
        is_long |= crdt__share_is_long(&w.share);
    }
    bool grows = is_long && mine->rows != NULL && !crdt__rows_are_long(mine->rows);
    if (!born && !grows) return CRDT_OK;
    mine->next = crdt__rows_make(join->space->mem, count, is_long);
    return mine->next == NULL ? CRDT_ENOMEM : CRDT_OK;
}

bool crdt__tally_commit(crdt_join *join, crdt__tally *mine, const crdt__tally *theirs)
{
    join_walk   w = {.join = join, .mine = mine, .theirs = theirs};
    crdt__rows *into = mine->next != NULL ? mine->next : mine->rows;
    uint32_t    count = 0;
    bool        changed = false;
    for (fate f = next_fate(&w); f != FATE_END; f = next_fate(&w)) {
        if (f == FATE_REMOVED) continue;
        bool joins = f == FATE_BOTH && brings(&w.share, &w.second);
        changed |= joins || f == FATE_DIES || f == FATE_BORN;
        if (f == FATE_DIES) continue;
        if (joins) crdt__share_join(&w.share, &w.second);
        /* In place: what was read lies at or behind what is written. */
        if (into != mine->rows || joins || count + 1 < w.a) crdt__rows_set(into, count, &w.share);
        count++;
    }
    if (into != NULL) into->count = count;
    if (into != mine->rows || (into != NULL && count == 0)) {
        crdt__rows_free(join->space->mem, mine->rows);
        mine->rows = mine->next;
        mine->next = NULL;
    }
    return changed;
}

/* -- Since a context, collection --------------------------------------------------------------- */

/* What a holder of ctx may lack: newer content, and every floor (rule R7: all residues). */
static bool is_news(const crdt__share *share, const crdt_context *ctx)
{
    return share->lo != 0 || !crdt_context_has(ctx, crdt__share_hi_dot(share));
}

/* Of the dots of a share its birth alone tells a join that it lives. A reset's dot may be that of a
 * sibling too, and tells of that. */
crdt_err crdt__tally_since(const crdt_space *space, const crdt__tally *tally,
                           const crdt_context *ctx, crdt__tally *ret_part, crdt_context *keep)
{
    size_t   news = 0;
    bool     is_long = false;
    uint32_t count = crdt__tally_count(tally);
    crdt_err err = CRDT_OK;
    for (uint32_t i = 0; i < count && err == CRDT_OK; i++) {
        crdt__share share = crdt__tally_get(tally, i);
        bool        is_new = is_news(&share, ctx);
        news += is_new;
        is_long |= is_new && crdt__share_is_long(&share);
        if (crdt_context_has(ctx, share.birth)) err = crdt_context_add(keep, share.birth);
    }
    if (err != CRDT_OK || news == 0) return err;
    ret_part->rows = crdt__rows_make(space->mem, news, is_long);
    if (ret_part->rows == NULL) return CRDT_ENOMEM;
    for (uint32_t i = 0; i < count; i++) {
        crdt__share share = crdt__tally_get(tally, i);
        if (is_news(&share, ctx)) crdt__rows_append(ret_part->rows, &share);
    }
    return CRDT_OK;
}

bool crdt__tally_stabilise(const crdt_space *space, crdt__tally *tally, const crdt_context *cut)
{
    uint32_t count = crdt__tally_count(tally), kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        crdt__share share = crdt__tally_get(tally, i);
        if (!crdt__share_visible(&share) && crdt_context_has(cut, share.reset)) continue;
        if (kept < i) crdt__rows_set(tally->rows, kept, &share);
        kept++;
    }
    if (kept == count) return false;
    tally->rows->count = kept;
    if (kept == 0) crdt__tally_clear(space->mem, tally);
    return true;
}
