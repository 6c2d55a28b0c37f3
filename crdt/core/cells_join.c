/* core/cells_join.c: joins, deltas since a context, and collection of counters' cells.
 *
 * Three ways to one result: column by column where both sides hold the same births in the same form
 * and no floors; cell by cell in place where little comes or goes; else into rebuilt columns. Walks
 * gallop, so a small delta costs its own size times log(cells).
 */
#include <string.h>

#include "crdt/core/cells.h"
#include "crdt/core/mem.h"
#include "crdt/core/umax.h"

/* So many cells may come and go one at a time, each moving those behind it. */
#define IN_PLACE_MAX 8u

/* -- One cell ---------------------------------------------------------------------------------- */

static bool totals_agree(uint64_t a_seq, const uint64_t *a, uint64_t b_seq, const uint64_t *b)
{
    for (unsigned t = 0; t < 2; t++) {
        if (a[t] > b[t] && a_seq <= b_seq) return false;
        if (b[t] > a[t] && b_seq <= a_seq) return false;
    }
    return true;
}

bool crdt__cell_agrees(const crdt__cell *a, const crdt__cell *b)
{
    return totals_agree(a->hi, a->hi_total, b->hi, b->hi_total) &&
           totals_agree(a->lo, a->lo_total, b->lo, b->lo_total);
}

bool crdt__cell_join(crdt__cell *a, const crdt__cell *b)
{
    bool changed = false;
    if (b->hi > a->hi) {
        a->hi = b->hi;
        memcpy(a->hi_total, b->hi_total, sizeof a->hi_total);
        changed = true;
    }
    if (b->lo > a->lo || (b->lo == a->lo && crdt_dot_compare(b->reset, a->reset) < 0)) {
        a->lo = b->lo;
        memcpy(a->lo_total, b->lo_total, sizeof a->lo_total);
        a->reset = b->reset;
        changed = true;
    }
    return changed;
}

/* -- Who holds what ---------------------------------------------------------------------------- */

/* Walks theirs beside mine. */
typedef struct pairs {
    const crdt__cells *mine;
    crdt__cells_iter   theirs;
    uint32_t           at; /* in mine: of this birth, or where it would be */
} pairs;

static pairs pairs_of(const crdt__cells *mine, const crdt__cells *theirs)
{
    return (pairs){mine, crdt__cells_from(theirs, 0), 0};
}

/* The next of theirs; *ret_both tells whether mine holds its birth too, and then *ret_mine is
 * that. */
static bool pairs_next(pairs *p, crdt__cell *ret_mine, crdt__cell *ret_theirs, bool *ret_both)
{
    if (!crdt__cells_next(&p->theirs, ret_theirs)) return false;
    p->at = crdt__cells_seek(p->mine, p->at, ret_theirs->birth);
    *ret_both = p->at < p->mine->hi.count &&
                crdt_dot_equal(crdt__cells_birth(p->mine, p->at), ret_theirs->birth);
    if (*ret_both) crdt__cells_get(p->mine, p->at, ret_mine);
    return true;
}

/* Walks the cells of mine that theirs has seen and does not hold: those that go. */
typedef struct leaving {
    const crdt__cells *mine, *theirs;
    const crdt_cover  *cover; /* theirs */
    uint32_t           run, at, their_at;
} leaving;

static leaving leaving_of(const crdt_join *join, const crdt__cells *mine, const crdt__cells *theirs)
{
    return (leaving){mine, theirs, &join->theirs, 0, 0, 0};
}

/* The first run at or behind l->run that does not end before birth. */
static bool leaving_seek(leaving *l, crdt_dot birth)
{
    const crdt_context *seen = l->cover->seen;
    if (l->run < seen->count && seen->runs[l->run].replica < birth.replica) {
        l->run++;
        if (l->run < seen->count && seen->runs[l->run].replica < birth.replica) {
            l->run = crdt_context_find(seen, birth.replica);
        }
    }
    while (l->run < seen->count && seen->runs[l->run].replica == birth.replica &&
           seen->runs[l->run].hi < birth.seq) {
        l->run++;
    }
    return l->run < seen->count;
}

/* True with the index of the next in l->at. Step over it, or remove it, before the next call. */
static bool leaving_next(leaving *l)
{
    const crdt__cells *mine = l->mine;
    while (l->cover->seen != NULL && l->at < mine->hi.count) {
        if (!leaving_seek(l, crdt__cells_birth(mine, l->at))) return false;
        const crdt_run *run = &l->cover->seen->runs[l->run];
        l->at = crdt__cells_seek(mine, l->at, (crdt_dot){run->replica, run->lo});
        if (l->at == mine->hi.count) return false;
        crdt_dot birth = crdt__cells_birth(mine, l->at);
        if (birth.replica != run->replica || birth.seq > run->hi) continue;
        l->their_at = crdt__cells_seek(l->theirs, l->their_at, birth);
        bool held = l->their_at < l->theirs->hi.count &&
                    crdt_dot_equal(crdt__cells_birth(l->theirs, l->their_at), birth);
        if (!held && crdt_cover_has(l->cover, birth)) return true;
        l->at++;
    }
    return false;
}

/* -- Prepare ----------------------------------------------------------------------------------- */

bool crdt__cells_same_births(const crdt__cells *a, const crdt__cells *b)
{
    size_t bytes = a->hi.count * sizeof *a->hi.at;
    if (a->hi.count != b->hi.count) return false;
    if (bytes == 0) return true;
    return memcmp(crdt__col(&a->hi, CRDT__BIRTH_ID), crdt__col(&b->hi, CRDT__BIRTH_ID), bytes) ==
               0 &&
           memcmp(crdt__col(&a->hi, CRDT__BIRTH_SEQ), crdt__col(&b->hi, CRDT__BIRTH_SEQ), bytes) ==
               0;
}

static bool columns_agree(const crdt__cells *a, const crdt__cells *b)
{
    for (unsigned t = 0; t < a->totals && a->hi.count > 0; t++) {
        bool agree;
        if (a->wide) {
            agree = crdt__wide_agree(
                crdt__col(&a->hi, CRDT__OFFSET), crdt__col(&a->hi, CRDT__TOTAL + t),
                crdt__col(&b->hi, CRDT__OFFSET), crdt__col(&b->hi, CRDT__TOTAL + t), a->hi.count);
        } else {
            agree = crdt__packed_agree(crdt__col(&a->hi, CRDT__PACKED + t),
                                       crdt__col(&b->hi, CRDT__PACKED + t), a->hi.count);
        }
        if (!agree) return false;
    }
    return true;
}

/* What a join brings and takes. */
typedef struct changes {
    size_t cells, floors, gone;
    bool   wide;
} changes;

static crdt_err count_changes(const crdt_join *join, const crdt__cells *mine,
                              const crdt__cells *theirs, changes *ret_changes)
{
    pairs      p = pairs_of(mine, theirs);
    crdt__cell a, b;
    bool       both;
    memset(ret_changes, 0, sizeof *ret_changes);
    while (pairs_next(&p, &a, &b, &both)) {
        if (both && !crdt__cell_agrees(&a, &b)) return CRDT_EFORK;
        if (!both && crdt_cover_has(&join->mine, b.birth)) continue;
        ret_changes->cells += !both;
        ret_changes->floors += b.lo != 0 && (!both || a.lo == 0);
        ret_changes->wide |= crdt__cell_is_wide(&b);
    }
    leaving l = leaving_of(join, mine, theirs);
    for (; leaving_next(&l); l.at++) ret_changes->gone++;
    return CRDT_OK;
}

static void drop_next(const crdt_mem *mem, crdt__cells *mine)
{
    if (mine->next == NULL) return;
    crdt__cells_clear(mem, mine->next);
    crdt__release(mem, mine->next, sizeof *mine->next);
    mine->next = NULL;
}

static crdt_err make_next(const crdt_mem *mem, crdt__cells *mine, const changes *c)
{
    crdt__cells *next = crdt__alloc(mem, sizeof *next);
    if (next == NULL) return CRDT_ENOMEM;
    crdt__cells_init(next, mine->totals);
    crdt_err err = crdt__cells_reserve(mem, next, mine->hi.count + c->cells - c->gone,
                                       mine->lo.count + c->floors, mine->wide || c->wide);
    mine->next = next;
    if (err != CRDT_OK) drop_next(mem, mine);
    return err;
}

crdt_err crdt__cells_prepare(crdt_join *join, void *state, const void *other)
{
    crdt__cells       *mine = state;
    const crdt__cells *theirs = other;
    const crdt_mem    *mem = join->space->mem;
    changes            c;
    drop_next(mem, mine);
    if (mine->wide == theirs->wide && mine->lo.count + theirs->lo.count == 0 &&
        crdt__cells_same_births(mine, theirs)) {
        mine->plan = CRDT__CELLS_BY_COLUMN;
        return columns_agree(mine, theirs) ? CRDT_OK : CRDT_EFORK;
    }
    crdt_err err = count_changes(join, mine, theirs, &c);
    if (err != CRDT_OK) return err;
    if (c.cells + c.floors + c.gone <= IN_PLACE_MAX) {
        mine->plan = CRDT__CELLS_IN_PLACE;
        return crdt__cells_reserve(mem, mine, c.cells, c.floors, c.wide);
    }
    mine->plan = CRDT__CELLS_REBUILT;
    return make_next(mem, mine, &c);
}

/* -- Commit ------------------------------------------------------------------------------------ */

bool crdt__cells_join_columns(crdt__cells *mine, const crdt__cells *theirs)
{
    bool     changed = false;
    unsigned end = (mine->wide ? CRDT__TOTAL : CRDT__PACKED) + (unsigned)mine->totals;
    for (unsigned k = CRDT__PACKED; k < end && mine->hi.count > 0; k++) {
        changed |= crdt__umax(crdt__col(&mine->hi, k), crdt__col(&theirs->hi, k), mine->hi.count);
    }
    return changed;
}

static bool join_in_place(const crdt_join *join, crdt__cells *mine, const crdt__cells *theirs)
{
    bool    changed = false, both;
    leaving l = leaving_of(join, mine, theirs);
    while (leaving_next(&l)) {
        crdt__cells_remove(mine, l.at);
        changed = true;
    }
    pairs      p = pairs_of(mine, theirs);
    crdt__cell a, b;
    while (pairs_next(&p, &a, &b, &both)) {
        if (both ? !crdt__cell_join(&a, &b) : crdt_cover_has(&join->mine, b.birth)) continue;
        crdt__cells_put_at(mine, p.at, both ? &a : &b);
        changed = true;
    }
    return changed;
}

/* Append mine[from, to) to next, without what leaves. */
static bool copy_stretch(crdt__cells *next, leaving *l, uint32_t from, uint32_t to)
{
    bool             changed = false;
    crdt__cells_iter it = crdt__cells_from(l->mine, from);
    while (it.i < to) {
        crdt__cell cell;
        uint32_t   i = it.i;
        crdt__cells_next(&it, &cell);
        if (l->at < i) l->at = i;
        if (leaving_next(l) && l->at == i) changed = true;
        else crdt__cells_append(next, &cell);
    }
    return changed;
}

static bool rebuild(const crdt_join *join, crdt__cells *mine, const crdt__cells *theirs)
{
    crdt__cells *next = mine->next;
    leaving      l = leaving_of(join, mine, theirs);
    pairs        p = pairs_of(mine, theirs);
    crdt__cell   a, b;
    uint32_t     copied = 0;
    bool         changed = false, both;
    while (pairs_next(&p, &a, &b, &both)) {
        changed |= copy_stretch(next, &l, copied, p.at);
        copied = p.at + both;
        if (!both && crdt_cover_has(&join->mine, b.birth)) continue;
        changed |= both ? crdt__cell_join(&a, &b) : true;
        crdt__cells_append(next, both ? &a : &b);
    }
    changed |= copy_stretch(next, &l, copied, mine->hi.count);
    mine->next = NULL;
    crdt__cells_clear(join->space->mem, mine);
    *mine = *next;
    crdt__release(join->space->mem, next, sizeof *next);
    return changed;
}

bool crdt__cells_commit(crdt_join *join, void *state, const void *other)
{
    crdt__cells *mine = state;
    switch (mine->plan) {
    case CRDT__CELLS_BY_COLUMN: return crdt__cells_join_columns(mine, other);
    case CRDT__CELLS_IN_PLACE: return join_in_place(join, mine, other);
    default: return rebuild(join, mine, other);
    }
}

/* -- Since a context, collection --------------------------------------------------------------- */

/* What a holder of ctx may lack: newer content, and every floor (rule R7: all residues). */
static bool is_news(const crdt__cell *cell, const crdt_context *ctx)
{
    return cell->lo != 0 || !crdt_context_has(ctx, crdt__cell_hi_dot(cell));
}

static crdt_err keep_dot(crdt_context *keep, const crdt_context *ctx, crdt_dot dot)
{
    return crdt_context_has(ctx, dot) ? crdt_context_add(keep, dot) : CRDT_OK;
}

crdt_err crdt__cells_since(const crdt_space *space, const void *state, const crdt_context *ctx,
                           void *ret_part, crdt_context *keep)
{
    const crdt__cells *cells = state;
    size_t             count = 0, floors = 0;
    crdt__cell         cell;
    crdt__cells_iter   it = crdt__cells_from(cells, 0);
    while (crdt__cells_next(&it, &cell)) {
        count += is_news(&cell, ctx);
        floors += cell.lo != 0;
    }
    crdt_err err = crdt__cells_reserve(space->mem, ret_part, count, floors, cells->wide);
    it = crdt__cells_from(cells, 0);
    while (err == CRDT_OK && crdt__cells_next(&it, &cell)) {
        if (is_news(&cell, ctx)) crdt__cells_append(ret_part, &cell);
        err = keep_dot(keep, ctx, cell.birth);
        if (err == CRDT_OK) err = keep_dot(keep, ctx, crdt__cell_hi_dot(&cell));
    }
    return err;
}

static bool survives(const crdt__cell *cell, const void *cut)
{
    return crdt__cell_visible(cell) || !crdt_context_has(cut, cell->reset);
}

bool crdt__cells_stabilise(const crdt_space *space, void *state, const crdt_context *cut)
{
    (void)space;
    crdt__cells *cells = state;
    return cells->lo.count > 0 && crdt__cells_filter(cells, survives, cut);
}
