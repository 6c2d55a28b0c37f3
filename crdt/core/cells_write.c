/* core/cells_write.c: what a transaction sees of a counter's cells, its writes, and sums.
 * See core/cells.h for the rules of withdrawal. */
#include "crdt/core/cells.h"
#include "crdt/core/mem.h"
#include "crdt/core/umax.h"

/* -- The view ---------------------------------------------------------------------------------- */

/* Walks what a reference shows: the state's cells that are not gone, joined with those of
 * pending. */
typedef struct view {
    const crdt_ref    *ref;
    const crdt__cells *state, *pending; /* NULL: none */
    crdt__cells_iter   at, pending_at;
    crdt__cell         cell; /* the one shown */
    bool               in_state, in_pending;
} view;

static view view_from(const crdt_ref *ref, crdt_dot birth)
{
    view v = {.ref = ref, .state = ref->state, .pending = ref->pending};
    if (v.state != NULL) v.at = crdt__cells_from(v.state, crdt__cells_seek(v.state, 0, birth));
    if (v.pending != NULL) {
        v.pending_at = crdt__cells_from(v.pending, crdt__cells_seek(v.pending, 0, birth));
    }
    return v;
}

/* How the next birth of the state stands to the next of pending; 2: both are at their ends. */
static int view_order(const view *v)
{
    bool state_ends = v->state == NULL || v->at.i == v->state->hi.count;
    bool pending_ends = v->pending == NULL || v->pending_at.i == v->pending->hi.count;
    if (state_ends || pending_ends) return state_ends && pending_ends ? 2 : state_ends ? 1 : -1;
    return crdt_dot_compare(crdt__cells_birth(v->state, v->at.i),
                            crdt__cells_birth(v->pending, v->pending_at.i));
}

static bool view_next(view *v)
{
    for (;;) {
        crdt__cell more;
        int        order = view_order(v);
        if (order == 2) return false;
        v->in_state = order <= 0;
        v->in_pending = order >= 0;
        if (v->in_state) (void)crdt__cells_next(&v->at, &v->cell);
        if (v->in_pending) (void)crdt__cells_next(&v->pending_at, v->in_state ? &more : &v->cell);
        if (v->in_state && v->in_pending) (void)crdt__cell_join(&v->cell, &more);
        if (v->in_pending || v->ref->gone == NULL) return true;
        if (!crdt_context_has(v->ref->gone, v->cell.birth)) return true;
    }
}

/* -- Sums -------------------------------------------------------------------------------------- */

static void sum_add(crdt__cells_sum *sum, unsigned t, uint64_t low, uint64_t high)
{
    sum->low[t] += low;
    sum->high[t] += high + (sum->low[t] < low);
}

static void sum_take(crdt__cells_sum *sum, unsigned t, uint64_t low, uint64_t high)
{
    sum->high[t] -= high + (sum->low[t] < low);
    sum->low[t] -= low;
}

/* The sum of a column of numbers, or of the totals of a packed one. */
static void column_sum(const uint64_t *column, size_t count, bool packed, uint64_t *ret_low,
                       uint64_t *ret_high)
{
    uint64_t low, high;
    crdt__halves_sum(column, count, &low, &high);
    if (packed) high = 0;
    *ret_low = low + (high << 32);
    *ret_high = (high >> 32) + (*ret_low < low);
}

static void sum_state(const crdt__cells *cells, crdt__cells_sum *sum)
{
    uint64_t low, high;
    for (unsigned t = 0; t < cells->totals; t++) {
        unsigned k = cells->wide ? CRDT__TOTAL + t : CRDT__PACKED + t;
        if (cells->hi.count == 0) return;
        column_sum(crdt__col(&cells->hi, k), cells->hi.count, !cells->wide, &low, &high);
        sum_add(sum, t, low, high);
        if (cells->lo.count == 0) continue;
        column_sum(crdt__col(&cells->lo, CRDT__LO_TOTAL + t), cells->lo.count, false, &low, &high);
        sum_take(sum, t, low, high);
    }
}

static void sum_cell(crdt__cells_sum *sum, const crdt__cell *cell, bool add)
{
    for (unsigned t = 0; t < 2; t++) {
        uint64_t n = cell->hi_total[t] - cell->lo_total[t];
        if (add) sum_add(sum, t, n, 0);
        else sum_take(sum, t, n, 0);
    }
}

/* Take off what the transaction covered, run by run of its context. */
static void sum_gone(const crdt_ref *ref, crdt__cells_sum *sum)
{
    const crdt__cells *cells = ref->state;
    if (ref->gone != NULL) crdt_context_settle(ref->gone);
    for (uint32_t r = 0; ref->gone != NULL && r < ref->gone->count; r++) {
        const crdt_run  *run = &ref->gone->runs[r];
        uint32_t         i = crdt__cells_seek(cells, 0, (crdt_dot){run->replica, run->lo});
        crdt__cells_iter it = crdt__cells_from(cells, i);
        for (crdt__cell cell; crdt__cells_next(&it, &cell);) {
            if (cell.birth.replica != run->replica || cell.birth.seq > run->hi) break;
            if (ref->pending != NULL && crdt__cells_has(ref->pending, cell.birth)) continue;
            sum_cell(sum, &cell, false);
        }
    }
}

/* Put on what pending adds to the state. */
static void sum_pending(const crdt_ref *ref, crdt__cells_sum *sum)
{
    crdt__cells_iter it = crdt__cells_from(ref->pending, 0);
    for (crdt__cell cell, held; crdt__cells_next(&it, &cell);) {
        if (ref->state != NULL && crdt__cells_find(ref->state, cell.birth, &held)) {
            sum_cell(sum, &held, false);
            (void)crdt__cell_join(&cell, &held);
        }
        sum_cell(sum, &cell, true);
    }
}

crdt__cells_sum crdt__cells_value(const crdt_ref *ref)
{
    crdt__cells_sum sum = {{0, 0}, {0, 0}};
    if (ref->state != NULL) {
        sum_state(ref->state, &sum);
        sum_gone(ref, &sum);
    }
    if (ref->pending != NULL) sum_pending(ref, &sum);
    return sum;
}

bool crdt__cells_alive(const crdt_ref *ref)
{
    const crdt__cells *cells = ref->state;
    view               v = view_from(ref, (crdt_dot){0, 0});
    if (ref->gone == NULL && cells != NULL && cells->lo.count < cells->hi.count) return true;
    while (view_next(&v)) {
        if (crdt__cell_visible(&v.cell)) return true;
    }
    return false;
}

bool crdt__cells_empty(const void *state)
{
    return ((const crdt__cells *)state)->hi.count == 0;
}

/* -- Increments -------------------------------------------------------------------------------- */

/* A floored cell of the author's own with nothing left: dead, for the author writes it no more. */
static bool is_dead(const crdt__cell *cell)
{
    return cell->lo != 0 && !crdt__cell_visible(cell);
}

/* The author's cells: returns how many are dead; *ret_open is the one that it writes to, birth.seq
 * 0 if there is none. */
static size_t own_cells(const crdt_target *target, crdt__cell *ret_open)
{
    uint64_t me = crdt_target_replica(target);
    view     v = view_from(&target->now, (crdt_dot){me, 0});
    size_t   dead = 0;
    *ret_open = (crdt__cell){.birth = {me, 0}};
    while (view_next(&v) && v.cell.birth.replica == me) {
        if (v.cell.lo == 0) *ret_open = v.cell;
        dead += is_dead(&v.cell);
    }
    return dead;
}

static void cover_dead(crdt_target *target)
{
    uint64_t me = crdt_target_replica(target);
    view     v = view_from(&target->now, (crdt_dot){me, 0});
    while (view_next(&v) && v.cell.birth.replica == me) {
        if (is_dead(&v.cell)) crdt_target_cover(target, v.cell.birth);
    }
}

crdt_err crdt__cells_add(crdt_target *target, unsigned total, uint64_t n)
{
    crdt__cell cell;
    uint64_t   sum;
    if (n == 0) return CRDT_EINVAL;
    size_t dead = own_cells(target, &cell);
    if (n > UINT64_MAX - cell.hi_total[total]) return CRDT_ERANGE;
    sum = cell.hi_total[total] + n;
    crdt_err err = crdt__cells_reserve(target->space->mem, target->delta, 1, 0,
                                       crdt__cell_is_wide(&cell) || sum > UINT32_MAX);
    if (err == CRDT_OK) err = crdt_target_reserve(target, 1, dead);
    if (err != CRDT_OK) return err;
    crdt_dot dot = crdt_target_dot(target);
    if (cell.birth.seq == 0 || dot.seq - cell.birth.seq > UINT32_MAX) {
        cell = (crdt__cell){.birth = dot};
        sum = n;
    }
    cell.hi = dot.seq;
    cell.hi_total[total] = sum;
    crdt__cells_put(target->delta, &cell);
    if (dead > 0) cover_dead(target);
    return CRDT_OK;
}

/* -- Resets ------------------------------------------------------------------------------------ */

/* What becomes of a cell in a reset. */
typedef enum fate { STAYS, FLOORED, WITHDRAWN } fate;

static fate fate_of(const crdt_target *target, const crdt__cell *cell)
{
    bool own = cell->birth.replica == crdt_target_replica(target);
    if (own && is_dead(cell)) return WITHDRAWN;
    if (!crdt__cell_visible(cell) || !crdt_target_sees(target, crdt__cell_hi_dot(cell))) {
        return STAYS;
    }
    return own ? WITHDRAWN : FLOORED;
}

/* What a reset will do. */
typedef struct reset_plan {
    size_t visible, covers, cells, floors; /* cells, floors: of the delta afterwards */
    bool   wide;
} reset_plan;

static reset_plan plan_reset(const crdt_target *target)
{
    reset_plan plan = {0, 0, 0, 0, false};
    view       v = view_from(&target->now, (crdt_dot){0, 0});
    while (view_next(&v)) {
        fate f = fate_of(target, &v.cell);
        plan.visible += f != STAYS && crdt__cell_visible(&v.cell);
        plan.covers += f == WITHDRAWN && v.in_state;
        if (f == WITHDRAWN || (f == STAYS && !v.in_pending)) continue;
        plan.cells++;
        plan.floors += f == FLOORED || v.cell.lo != 0;
        plan.wide |= crdt__cell_is_wide(&v.cell);
    }
    return plan;
}

/* Into next: the cells of the delta as the reset leaves them, fresh floors without their reset
 * dot. */
static void write_floors(const crdt_target *target, crdt__cells *next)
{
    view v = view_from(&target->now, (crdt_dot){0, 0});
    while (view_next(&v)) {
        fate f = fate_of(target, &v.cell);
        if (f == WITHDRAWN || (f == STAYS && !v.in_pending)) continue;
        if (f == FLOORED) {
            v.cell.lo = v.cell.hi;
            for (unsigned t = 0; t < 2; t++) v.cell.lo_total[t] = v.cell.hi_total[t];
            v.cell.reset = (crdt_dot){0, 0};
        }
        crdt__cells_append(next, &v.cell);
    }
}

static void sign_floors(crdt__cells *cells, crdt_dot dot)
{
    for (uint32_t f = 0; f < cells->lo.count; f++) {
        if (crdt__col(&cells->lo, CRDT__LO_RESET_SEQ)[f] != 0) continue;
        crdt__col(&cells->lo, CRDT__LO_RESET_ID)[f] = dot.replica;
        crdt__col(&cells->lo, CRDT__LO_RESET_SEQ)[f] = dot.seq;
    }
}

static void cover_withdrawn(crdt_target *target)
{
    uint64_t me = crdt_target_replica(target);
    view     v = view_from(&target->now, (crdt_dot){me, 0});
    while (view_next(&v) && v.cell.birth.replica == me) {
        bool covered = v.in_state && fate_of(target, &v.cell) == WITHDRAWN;
        if (covered) crdt_target_cover(target, v.cell.birth);
    }
}

crdt_err crdt__cells_reset(crdt_target *target)
{
    const crdt_mem *mem = target->space->mem;
    crdt__cells    *delta = target->delta;
    crdt__cells     next;
    reset_plan      plan = plan_reset(target);
    if (plan.visible == 0) return CRDT_OK;
    crdt__cells_init(&next, delta->totals);
    crdt_err err = crdt__cells_reserve(mem, &next, plan.cells, plan.floors, plan.wide);
    if (err == CRDT_OK) err = crdt_target_reserve(target, 1, plan.covers);
    if (err != CRDT_OK) {
        crdt__cells_clear(mem, &next);
        return err;
    }
    write_floors(target, &next);
    sign_floors(&next, crdt_target_dot(target));
    cover_withdrawn(target);
    crdt__cells_clear(mem, delta);
    *delta = next;
    return CRDT_OK;
}
