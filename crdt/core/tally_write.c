/* core/tally_write.c: what a transaction sees of a tally, its writes, and the sum. See
 * core/cells.h for the rules of withdrawal. */
#include <string.h>

#include "crdt/core/mem.h"
#include "crdt/core/tally.h"

/* -- The view ---------------------------------------------------------------------------------- */

/* Walks what shows: the state's shares that are not gone, joined with those of pending. */
typedef struct view {
    const crdt__tally_over *over;
    uint32_t                at, at_end, pending, pending_end;
    crdt__share             share; /* the one shown */
    bool                    in_state, in_pending;
} view;

static view view_from(const crdt__tally_over *over, crdt_dot birth)
{
    view v = {.over = over};
    if (over->state != NULL) {
        v.at = crdt__tally_seek(over->state, birth);
        v.at_end = crdt__tally_count(over->state);
    }
    if (over->pending != NULL) {
        v.pending = crdt__tally_seek(over->pending, birth);
        v.pending_end = crdt__tally_count(over->pending);
    }
    return v;
}

static view view_all(const crdt__tally_over *over)
{
    return view_from(over, (crdt_dot){0, 0});
}

static bool view_next(view *v)
{
    const crdt__tally_over *over = v->over;
    while (v->at < v->at_end || v->pending < v->pending_end) {
        int order = v->at < v->at_end ? -1 : 1;
        if (v->at < v->at_end && v->pending < v->pending_end) {
            order = crdt_dot_compare(crdt__tally_birth(over->state, v->at),
                                     crdt__tally_birth(over->pending, v->pending));
        }
        v->in_state = order <= 0;
        v->in_pending = order >= 0;
        if (v->in_state) v->share = crdt__tally_get(over->state, v->at++);
        if (v->in_pending) {
            crdt__share more = crdt__tally_get(over->pending, v->pending++);
            if (v->in_state) crdt__share_join(&v->share, &more);
            else v->share = more;
        }
        if (v->in_pending || over->gone == NULL) return true;
        if (!crdt_context_has(over->gone, v->share.birth)) return true;
    }
    return false;
}

/* -- The sum ----------------------------------------------------------------------------------- */

bool crdt__tally_sum(const crdt__tally_over *over, crdt__decimal *ret_sum)
{
    view v = view_all(over);
    bool shows = false;
    memset(ret_sum, 0, sizeof *ret_sum);
    while (view_next(&v)) {
        shows |= crdt__share_visible(&v.share);
        crdt__decimal_add(ret_sum, v.share.total, over->one);
        if (v.share.lo != 0) crdt__decimal_take(ret_sum, v.share.floor, over->one);
    }
    return shows;
}

bool crdt__tally_shows(const crdt__tally_over *over)
{
    view v = view_all(over);
    while (view_next(&v)) {
        if (crdt__share_visible(&v.share)) return true;
    }
    return false;
}

/* -- Additions --------------------------------------------------------------------------------- */

/* A floored share of the author's own with nothing left: dead, for the author writes it no more. */
static bool is_dead(const crdt__share *share)
{
    return share->lo != 0 && !crdt__share_visible(share);
}

/* The author's shares: returns how many are dead; *ret_open is the one that it writes to, birth.seq
 * 0 if there is none. */
static size_t own_shares(const crdt_target *target, const crdt__tally_over *over,
                         crdt__share *ret_open)
{
    uint64_t me = crdt_target_replica(target);
    view     v = view_from(over, (crdt_dot){me, 0});
    size_t   dead = 0;
    memset(ret_open, 0, sizeof *ret_open);
    while (view_next(&v) && v.share.birth.replica == me) {
        if (v.share.lo == 0) *ret_open = v.share;
        dead += is_dead(&v.share);
    }
    return dead;
}

static void cover_dead(crdt_target *target, const crdt__tally_over *over)
{
    uint64_t me = crdt_target_replica(target);
    view     v = view_from(over, (crdt_dot){me, 0});
    while (view_next(&v) && v.share.birth.replica == me) {
        if (is_dead(&v.share)) crdt_target_cover(target, v.share.birth);
    }
}

/* Room for the delta's shares and one more. NULL: no memory. */
static crdt__rows *room_beside(const crdt_mem *mem, const crdt__tally *delta, bool is_long)
{
    uint32_t count = crdt__tally_count(delta);
    for (uint32_t i = 0; i < count; i++) {
        crdt__share share = crdt__tally_get(delta, i);
        is_long |= crdt__share_is_long(&share);
    }
    return crdt__rows_make(mem, (size_t)count + 1, is_long);
}

static void append_between(crdt__rows *rows, const crdt__tally *delta, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++) {
        crdt__share share = crdt__tally_get(delta, i);
        crdt__rows_append(rows, &share);
    }
}

/* The delta's shares go to rows, with this one in its place. */
static void put_share(const crdt_mem *mem, crdt__tally *delta, crdt__rows *rows,
                      const crdt__share *share)
{
    uint32_t count = crdt__tally_count(delta), at = crdt__tally_seek(delta, share->birth);
    bool     held = at < count && crdt_dot_equal(crdt__tally_birth(delta, at), share->birth);
    append_between(rows, delta, 0, at);
    crdt__rows_append(rows, share);
    append_between(rows, delta, at + held, count);
    crdt__tally_clear(mem, delta);
    delta->rows = rows;
}

crdt_err crdt__tally_add(crdt_target *target, const crdt__tally_over *over, crdt__tally *delta,
                         crdt__amount n)
{
    const crdt_mem *mem = target->space->mem;
    crdt__share     share;
    size_t          dead = own_shares(target, over, &share);
    crdt__amount    total = share.total;
    bool            opens = share.birth.seq == 0 || !crdt__amount_add(&total, n, over->one);
    bool            is_long = n.frac != 0 || total.frac != 0;
    crdt__rows     *rows = room_beside(mem, delta, is_long);
    if (rows == NULL) return CRDT_ENOMEM;
    crdt_err err = crdt_target_reserve(target, 1, dead);
    if (err != CRDT_OK) {
        crdt__rows_free(mem, rows);
        return err;
    }
    crdt_dot dot = crdt_target_dot(target);
    opens |= dot.seq - share.birth.seq > UINT32_MAX;
    if (opens) share = (crdt__share){.birth = dot, .total = n};
    else share.total = total;
    share.hi = dot.seq;
    if (dead > 0) cover_dead(target, over); /* it looks at the delta as it was */
    put_share(mem, delta, rows, &share);
    return CRDT_OK;
}

/* -- Resets ------------------------------------------------------------------------------------ */

/* What becomes of a share in a reset. */
typedef enum fate { STAYS, FLOORED, WITHDRAWN } fate;

static fate fate_of(const crdt_target *target, const crdt__share *share)
{
    bool own = share->birth.replica == crdt_target_replica(target);
    if (own && is_dead(share)) return WITHDRAWN;
    if (!crdt__share_visible(share) || !crdt_target_sees(target, crdt__share_hi_dot(share))) {
        return STAYS;
    }
    return own ? WITHDRAWN : FLOORED;
}

/* The share is in the delta afterwards. */
static bool remains(const view *v, fate f)
{
    return f == FLOORED || (f == STAYS && v->in_pending);
}

crdt_err crdt__tally_plan(const crdt_target *target, const crdt__tally_over *over,
                          crdt__tally_reset *ret_plan)
{
    view   v = view_all(over);
    size_t count = 0;
    bool   is_long = false;
    *ret_plan = (crdt__tally_reset){0, 0, NULL};
    while (view_next(&v)) {
        fate f = fate_of(target, &v.share);
        ret_plan->visible += f != STAYS && crdt__share_visible(&v.share);
        ret_plan->covers += f == WITHDRAWN && v.in_state;
        count += remains(&v, f);
        is_long |= f == FLOORED || crdt__share_is_long(&v.share);
    }
    if (ret_plan->visible == 0 || count == 0) return CRDT_OK;
    ret_plan->next = crdt__rows_make(target->space->mem, count, is_long);
    return ret_plan->next == NULL ? CRDT_ENOMEM : CRDT_OK;
}

void crdt__tally_drop(const crdt_target *target, crdt__tally_reset *plan)
{
    crdt__rows_free(target->space->mem, plan->next);
    plan->next = NULL;
}

void crdt__tally_apply(crdt_target *target, const crdt__tally_over *over, crdt__tally *delta,
                       crdt__tally_reset *plan, crdt_dot dot)
{
    view v = view_all(over);
    if (plan->visible == 0) return;
    while (view_next(&v)) {
        fate f = fate_of(target, &v.share);
        if (remains(&v, f)) {
            if (f == FLOORED) {
                v.share.lo = v.share.hi;
                v.share.floor = v.share.total;
                v.share.reset = dot;
            }
            crdt__rows_append(plan->next, &v.share);
        }
    }
    v = view_all(over);
    while (view_next(&v)) {
        bool withdrawn = fate_of(target, &v.share) == WITHDRAWN;
        if (withdrawn && v.in_state) crdt_target_cover(target, v.share.birth);
    }
    crdt__tally_clear(target->space->mem, delta);
    delta->rows = plan->next;
    plan->next = NULL;
}
