/* seq/seq_read.c: reading a sequence: positions in units, cursors, and forgetting what is stable.
 * See seq.h. */
#include <string.h>

#include "crdt/core/mem.h"
#include "crdt/seq/seq_forget.h"
#include "crdt/seq/seq_stand.h"

/* -- Cursors ----------------------------------------------------------------------------------- */

bool crdt__seq_cursor(const crdt__seq *seq, uint32_t pos, crdt_side side, crdt_cursor *ret_cursor)
{
    crdt__seq *s = (crdt__seq *)(uintptr_t)seq; /* for the finger */
    *ret_cursor = crdt_cursor_end(side == CRDT_RIGHT ? CRDT_LEFT : CRDT_RIGHT);
    if (pos > seq->order.visible) return false;
    if (side == CRDT_RIGHT ? pos == 0 : pos == seq->order.visible) return true;
    crdt__place place = crdt__order_at(&s->order, side == CRDT_RIGHT ? pos - 1 : pos);
    crdt__elem  elem = crdt__seq_elem(seq, crdt__shown_by(seq, crdt__order_cid(place)));
    ret_cursor->replica = elem.replica;
    ret_cursor->counter = elem.ctr;
    ret_cursor->side = side;
    return true;
}

/* Where the element of a cursor that is no end stands now. Errors: ENOENT, ESTALE, ENOMEM. */
static crdt_err place_of(const crdt__seq *seq, crdt_cursor cursor, crdt__place *ret_place)
{
    crdt__seq *s = (crdt__seq *)(uintptr_t)seq; /* for the index */
    crdt__elem elem = {cursor.replica, (uint32_t)cursor.counter};
    uint32_t   cid;
    if (cursor.counter >= CRDT__SPAN_MAX) return CRDT_ENOENT;
    if (crdt__seq_is_gone(seq, elem)) return CRDT_ESTALE;
    if (!crdt__seq_find(seq, elem, &cid)) return CRDT_ENOENT;
    crdt_err err = crdt__order_want_index(&s->order);
    if (err == CRDT_OK) *ret_place = crdt__order_of(&seq->order, crdt__stands_at(seq, cid));
    return err;
}

crdt_err crdt__seq_cursor_pos(const crdt__seq *seq, crdt_cursor cursor, uint32_t *ret_pos)
{
    if (cursor.replica == 0) {
        *ret_pos = cursor.side == CRDT_LEFT ? 0 : seq->order.visible;
        return CRDT_OK;
    }
    crdt__place place;
    crdt_err    err = place_of(seq, cursor, &place);
    if (err != CRDT_OK) return err;
    bool dead = place.leaf->spans[place.index].dead;
    *ret_pos = crdt__order_rank(&seq->order, place);
    if (!dead && cursor.side == CRDT_RIGHT) (*ret_pos)++;
    return CRDT_OK;
}

crdt_err crdt__seq_compare_cursors(const crdt__seq *seq, crdt_cursor a, crdt_cursor b,
                                   int *ret_order)
{
    crdt__place x, y;
    crdt_err    err = a.replica == 0 ? CRDT_OK : place_of(seq, a, &x);
    if (err == CRDT_OK && b.replica != 0) err = place_of(seq, b, &y);
    if (err != CRDT_OK) return err;
    if (a.replica == 0 || b.replica == 0) {
        int left = a.replica != 0 ? 0 : a.side == CRDT_LEFT ? -1 : 1;
        int right = b.replica != 0 ? 0 : b.side == CRDT_LEFT ? -1 : 1;
        *ret_order = left - right;
        return CRDT_OK;
    }
    *ret_order = crdt__order_compare(&seq->order, x, y);
    if (*ret_order == 0) *ret_order = (int)a.side - (int)b.side;
    return CRDT_OK;
}

bool crdt__seq_has_gap(const crdt__seq *seq, uint32_t pos)
{
    crdt__seq  *s = (crdt__seq *)(uintptr_t)seq; /* for the finger */
    crdt__place place = crdt__order_after(&s->order, pos);
    return crdt__order_settle(&place) && place.leaf->spans[place.index].dead;
}

/* -- Stability --------------------------------------------------------------------------------- */

struct crdt__plan {
    crdt__atoms atoms;
};

/* Errors: ENOMEM. */
static crdt_err begin_plan(crdt__seq *seq)
{
    if (seq->plan != NULL) return CRDT_OK;
    struct crdt__plan *plan = crdt__alloc(seq->space->mem, sizeof *plan);
    if (plan == NULL) return CRDT_ENOMEM;
    if (crdt__atoms_plan(&seq->atoms, &plan->atoms) != CRDT_OK) {
        crdt__release(seq->space->mem, plan, sizeof *plan);
        return CRDT_ENOMEM;
    }
    seq->plan = plan;
    return CRDT_OK;
}

static crdt_err forget(crdt__seq *seq, uint32_t of, uint32_t ctr, uint32_t len)
{
    crdt_err err = begin_plan(seq);
    while (err == CRDT_OK && len > 0) {
        crdt__idrange id = crdt__log_cid(&seq->log, of, ctr);
        uint32_t      n = id.len < len ? id.len : len;
        if (id.cid != CRDT__NO_CID) n = crdt__before_stand(seq, id.cid, n);
        if (n == 0) n = 1; /* a stand stays */
        else if (id.cid != CRDT__NO_CID) {
            err = crdt__atoms_plan_forget(&seq->plan->atoms, &seq->atoms, id.cid, n);
        }
        ctr += n;
        len -= n;
    }
    return err;
}

/* Forget the content of what the row's dots within the cut deleted. */
static crdt_err forget_row(crdt__seq *seq, const crdt__row *row, const crdt_context *cut)
{
    uint32_t of = crdt__log_find(&seq->log, row->first.replica);
    crdt_run run = {row->replica, row->dot, row->dot + row->dots - 1};
    if (crdt_context_has_run(cut, run)) {
        return forget(seq, of, row->first.ctr, crdt__row_len(row));
    }
    crdt_err err = CRDT_OK;
    for (uint32_t i = 0; err == CRDT_OK && i < row->dots; i++) {
        crdt__row one = crdt__row_cut(row, i, 1);
        crdt_dot  dot = {row->replica, one.dot};
        if (crdt_context_has(cut, dot)) err = forget(seq, of, one.first.ctr, one.each);
    }
    return err;
}

static crdt_err plan_author(crdt__seq *seq, uint32_t author, const crdt_context *cut)
{
    uint64_t       replica = seq->log.authors[author].replica;
    uint64_t       forgotten = seq->log.authors[author].forgotten;
    uint64_t       end = crdt_context_max(cut, replica);
    crdt_err       err = CRDT_OK;
    crdt__log_iter it;
    if (end <= forgotten) return CRDT_OK;
    crdt__log_each_del(&it, &seq->log, author, forgotten + 1);
    for (const crdt__del *del; err == CRDT_OK && (del = crdt__log_next_del(&it)) != NULL;) {
        if (del->dot > end) break;
        crdt__row row = crdt__row_of_del(seq, replica, del);
        err = forget_row(seq, &row, cut);
    }
    return err;
}

void crdt__seq_unready(crdt__seq *seq)
{
    crdt__seq_drop(&seq->without);
    if (seq->plan == NULL) return;
    crdt__atoms_plan_drop(&seq->plan->atoms, &seq->atoms);
    crdt__release(seq->space->mem, seq->plan, sizeof *seq->plan);
    seq->plan = NULL;
}

/* The cut covers what it did not when it was last acted on. */
static bool has_news(const crdt__seq *seq, const crdt_context *cut)
{
    for (uint32_t a = 0; a < seq->log.author_count; a++) {
        const crdt__author *author = &seq->log.authors[a];
        if (crdt_context_max(cut, author->replica) > author->forgotten) return true;
    }
    return false;
}

crdt_err crdt__seq_ready(crdt__seq *seq, const crdt_context *cut)
{
    crdt_err err = CRDT_OK;
    crdt__seq_unready(seq);
    crdt__seq_settle(seq);
    for (uint32_t a = 0; err == CRDT_OK && a < seq->log.author_count; a++) {
        err = plan_author(seq, a, cut);
    }
    if (err == CRDT_OK && seq->space->forget_ids && has_news(seq, cut)) {
        err = crdt__seq_forget_ids(seq, cut);
    }
    if (err != CRDT_OK) crdt__seq_unready(seq);
    return err;
}

bool crdt__seq_stabilise(crdt__seq *seq, const crdt_context *cut)
{
    for (uint32_t a = 0; a < seq->log.author_count; a++) {
        crdt__author *author = &seq->log.authors[a];
        uint64_t      base = crdt_context_base(cut, author->replica);
        if (base > author->forgotten) author->forgotten = base;
    }
    if (seq->without != NULL) {
        crdt__seq_forgotten(seq);
        return true;
    }
    if (seq->plan == NULL) return false;
    uint64_t before = seq->atoms.bytes;
    crdt__atoms_plan_take(&seq->plan->atoms, &seq->atoms);
    crdt__release(seq->space->mem, seq->plan, sizeof *seq->plan);
    seq->plan = NULL;
    return seq->atoms.bytes != before;
}
