/* marks/tidy.c: forgetting marks that can show no more, and moving those at deleted elements. */
#include "crdt/core/mem.h"
#include "crdt/core/sort.h"
#include "crdt/core/within.h"
#include "crdt/marks/marks.h"

/* -- Tidying -------------------------------------------------------------------------------------
 *
 * All ends are put in order, deleted elements told apart, so that each is a number. Of one key the
 * marks are looked at greatest first; `reach` tells of each start the furthest end of those that
 * start there or before. What does not reach further than that has a later one over the whole of
 * it, and so has all that may ever be inserted in it. */

typedef struct mark_end {
    const crdt_ref *text;
    uint64_t        pos;
    crdt_cursor     cursor;
    uint32_t       *number; /* where it is told */
} mark_end;

typedef struct ranked {
    crdt__laid *laid;
    uint32_t    start, end; /* from 1 */
} ranked;

typedef struct desk {
    const crdt_mem *mem;
    ranked         *marks;
    mark_end       *ends;
    uint32_t       *reach; /* a tree of maxima by start (Fenwick) */
    size_t          count;
} desk;

/* Both cursors were found before, so this cannot fail. */
static int compare_ends(const void *x, const void *y)
{
    const mark_end *a = x, *b = y;
    int             order = 0;
    if (a->pos != b->pos) return a->pos < b->pos ? -1 : 1;
    crdt_err err = crdt_text_compare(*a->text, a->cursor, b->cursor, &order);
    CRDT_ASSERT(err == CRDT_OK);
    return order;
}

static int compare_marks(const void *x, const void *y)
{
    const crdt__said *a = &((const ranked *)x)->laid->said, *b = &((const ranked *)y)->laid->said;
    int               order = crdt_view_compare(a->key, b->key);
    return order != 0 ? order : crdt__said_compare(b, a);
}

static void close_desk(desk *d)
{
    if (d->marks != NULL) crdt__release(d->mem, d->marks, d->count * sizeof *d->marks);
    if (d->ends != NULL) crdt__release(d->mem, d->ends, 2 * d->count * sizeof *d->ends);
    if (d->reach != NULL) crdt__release(d->mem, d->reach, (2 * d->count + 1) * sizeof *d->reach);
}

static crdt_err open_desk(desk *d, const crdt_mem *mem, size_t count)
{
    *d = (desk){.mem = mem, .count = count};
    if (count > UINT32_MAX / 4) return CRDT_ENOMEM;
    d->marks = crdt__alloc(mem, count * sizeof *d->marks);
    d->ends = crdt__alloc(mem, 2 * count * sizeof *d->ends);
    d->reach = crdt__alloc(mem, (2 * count + 1) * sizeof *d->reach);
    if (d->marks != NULL && d->ends != NULL && d->reach != NULL) return CRDT_OK;
    close_desk(d);
    return CRDT_ENOMEM;
}

static void rank(desk *d, const crdt_ref *text, crdt__laying *laying)
{
    for (size_t i = 0; i < d->count; i++) {
        crdt__laid *l = &laying->at[i];
        d->marks[i] = (ranked){l, 0, 0};
        d->ends[2 * i] = (mark_end){text, l->start, l->said.start, &d->marks[i].start};
        d->ends[2 * i + 1] = (mark_end){text, l->end, l->said.end, &d->marks[i].end};
    }
    crdt__sort(d->ends, 2 * d->count, sizeof *d->ends, compare_ends);
    uint32_t number = 0;
    for (size_t i = 0; i < 2 * d->count; i++) {
        if (i == 0 || compare_ends(&d->ends[i - 1], &d->ends[i]) != 0) number++;
        *d->ends[i].number = number;
    }
    crdt__sort(d->marks, d->count, sizeof *d->marks, compare_marks);
    for (size_t i = 0; i <= 2 * d->count; i++) d->reach[i] = 0;
}

static uint32_t furthest(const desk *d, uint32_t start)
{
    uint32_t end = 0;
    for (; start > 0; start &= start - 1) {
        if (d->reach[start] > end) end = d->reach[start];
    }
    return end;
}

/* end 0: forget what was told of this start. */
static void reach_to(desk *d, uint32_t start, uint32_t end)
{
    for (size_t i = start; i <= 2 * d->count; i += i & (0 - i)) {
        if (end == 0 || d->reach[i] < end) d->reach[i] = end;
    }
}

static void find_hidden(desk *d)
{
    size_t first = 0;
    for (size_t i = 0; i < d->count; i++) {
        ranked *m = &d->marks[i];
        if (crdt_view_compare(d->marks[first].laid->said.key, m->laid->said.key) != 0) {
            for (; first < i; first++) reach_to(d, d->marks[first].start, 0);
        }
        m->laid->hidden = m->start >= m->end || furthest(d, m->start) >= m->end;
        if (!m->laid->hidden) reach_to(d, m->start, m->end);
    }
}

crdt_err crdt__lay_hide(crdt_ref text, crdt__laying *laying)
{
    desk d;
    if (laying->count == 0) return CRDT_OK;
    crdt_err err = open_desk(&d, laying->mem, laying->count);
    if (err != CRDT_OK) return err;
    rank(&d, &text, laying);
    find_hidden(&d);
    close_desk(&d);
    return CRDT_OK;
}

static bool can_go(const crdt_target *target, const crdt__laid *laid)
{
    return laid->hidden && crdt_target_sees(target, laid->said.dot);
}

static crdt_err drop(crdt_txn *txn, crdt_view name, const crdt__laying *laying)
{
    crdt_target target;
    size_t      hidden = 0;
    crdt_err    err = crdt_target_open(txn, name, &crdt_marks_type, &target);
    for (size_t i = 0; err == CRDT_OK && i < laying->count; i++) {
        hidden += can_go(&target, &laying->at[i]);
    }
    if (err != CRDT_OK || hidden == 0) return err;
    err = crdt_target_reserve(&target, 1, hidden);
    if (err != CRDT_OK) return err;
    crdt__marks *delta = target.delta;
    (void)crdt_target_dot(&target);
    for (size_t i = 0; i < laying->count; i++) {
        if (!can_go(&target, &laying->at[i])) continue;
        crdt_dot dot = laying->at[i].said.dot;
        if (!crdt__elems_kill(&delta->elems, dot)) crdt_target_cover(&target, dot);
    }
    return CRDT_OK;
}

crdt_err crdt_marks_tidy(crdt_txn *txn, crdt_view name)
{
    crdt__laying laying;
    crdt_ref     text;
    crdt_err     err = crdt__lay_all(txn, name, CRDT_CODE_POINTS, &text, &laying);
    if (err == CRDT_OK) err = crdt__lay_hide(text, &laying);
    if (err == CRDT_OK && laying.count > 0) err = drop(txn, name, &laying);
    crdt__laying_free(&laying);
    return err;
}

/* -- Renewing ---------------------------------------------------------------------------------- */

/* Where a cursor at a deleted element goes; *ret_moves: it is at one. */
static crdt_err survivor(crdt_ref text, crdt_cursor *cursor, uint64_t pos, bool *ret_moves)
{
    crdt_cursor other = *cursor;
    uint64_t    beside;
    if (cursor->replica == 0) return CRDT_OK;
    other.side = cursor->side == CRDT_LEFT ? CRDT_RIGHT : CRDT_LEFT;
    crdt_err err = crdt_text_find(text, other, CRDT_CODE_POINTS, &beside);
    if (err != CRDT_OK || beside != pos) return err;
    *ret_moves = true;
    return crdt_text_cursor(text, CRDT_CODE_POINTS, pos, cursor->side, cursor);
}

static crdt_err renew_one(crdt_txn *txn, crdt_view name, crdt_ref text, const crdt__laid *laid)
{
    crdt_cursor start = laid->said.start, end = laid->said.end;
    bool        moves = false;
    crdt__said  said;
    crdt_err    err = survivor(text, &start, laid->start, &moves);
    if (err == CRDT_OK) err = survivor(text, &end, laid->end, &moves);
    if (err != CRDT_OK || !moves || !crdt__marks_fetch(txn, name, laid->said.dot, &said))
        return err;
    said.start = start;
    said.end = end;
    return crdt__marks_move(txn, name, &said);
}

crdt_err crdt_marks_renew(crdt_txn *txn, crdt_view name)
{
    uint64_t     next = crdt__txn_next(txn);
    crdt__laying laying;
    crdt_ref     text;
    crdt_err     err = crdt_marks_tidy(txn, name);
    if (err == CRDT_OK) err = crdt__lay_all(txn, name, CRDT_CODE_POINTS, &text, &laying);
    if (err != CRDT_OK) return crdt__txn_failed(txn, next, err);
    for (size_t i = 0; err == CRDT_OK && i < laying.count; i++) {
        err = renew_one(txn, name, text, &laying.at[i]);
    }
    crdt__laying_free(&laying);
    return err == CRDT_OK ? CRDT_OK : crdt__txn_failed(txn, next, err);
}
