/* core/seq_read.c: reading a sequence: positions in units, cursors, and forgetting what is stable.
 * See seq.h. */
#include <string.h>

#include "crdt/core/mem.h"
#include "crdt/core/seq.h"

/* -- Cursors ----------------------------------------------------------------------------------- */

bool crdt__seq_cursor(const crdt__seq *seq, uint32_t pos, crdt_side side, crdt_cursor *ret_cursor)
{
    crdt__seq *s = (crdt__seq *)(uintptr_t)seq; /* for the finger */
    *ret_cursor = crdt_cursor_end(side == CRDT_RIGHT ? CRDT_LEFT : CRDT_RIGHT);
    if (pos > seq->order.visible) return false;
    if (side == CRDT_RIGHT ? pos == 0 : pos == seq->order.visible) return true;
    crdt__place place = crdt__order_at(&s->order, side == CRDT_RIGHT ? pos - 1 : pos);
    crdt__elem  elem = crdt__seq_elem(seq, crdt__order_cid(place));
    ret_cursor->replica = elem.replica;
    ret_cursor->counter = elem.ctr;
    ret_cursor->side = side;
    return true;
}

crdt_err crdt__seq_cursor_pos(const crdt__seq *seq, crdt_cursor cursor, uint32_t *ret_pos)
{
    crdt__seq *s = (crdt__seq *)(uintptr_t)seq; /* for the index */
    if (cursor.replica == 0) {
        *ret_pos = cursor.side == CRDT_LEFT ? 0 : seq->order.visible;
        return CRDT_OK;
    }
    crdt__elem elem = {cursor.replica, (uint32_t)cursor.counter};
    uint32_t   cid;
    if (cursor.counter >= CRDT__SPAN_MAX || !crdt__seq_find(seq, elem, &cid)) return CRDT_ENOENT;
    crdt_err err = crdt__order_want_index(&s->order);
    if (err != CRDT_OK) return err;
    crdt__place place = crdt__order_of(&seq->order, cid);
    bool        dead = place.leaf->spans[place.index].dead;
    *ret_pos = crdt__order_rank(&seq->order, place);
    if (!dead && cursor.side == CRDT_RIGHT) (*ret_pos)++;
    return CRDT_OK;
}

/* -- Stability --------------------------------------------------------------------------------- */

/* Adds to *went whether something did. Errors: ENOMEM (some of it may have gone). */
static crdt_err forget(crdt__seq *seq, uint32_t of, uint32_t ctr, uint32_t len, bool *went)
{
    while (len > 0) {
        crdt__idrange id = crdt__log_cid(&seq->log, of, ctr);
        uint32_t      n = id.len < len ? id.len : len;
        uint64_t      before = seq->atoms.bytes;
        crdt_err      err = crdt__atoms_forget(&seq->atoms, id.cid, n);
        *went |= seq->atoms.bytes != before;
        if (err != CRDT_OK) return err;
        ctr += n;
        len -= n;
    }
    return CRDT_OK;
}

/* Forget the content of what the row's dots within the cut deleted. */
static crdt_err forget_row(crdt__seq *seq, const crdt__row *row, const crdt_context *cut,
                           bool *went)
{
    uint32_t of = crdt__log_find(&seq->log, row->first.replica);
    crdt_run run = {row->replica, row->dot, row->dot + row->dots - 1};
    if (crdt_context_has_run(cut, run)) {
        return forget(seq, of, row->first.ctr, crdt__row_len(row), went);
    }
    crdt_err err = CRDT_OK;
    for (uint32_t i = 0; err == CRDT_OK && i < row->dots; i++) {
        crdt__row one = crdt__row_cut(row, i, 1);
        crdt_dot  dot = {row->replica, one.dot};
        if (crdt_context_has(cut, dot)) err = forget(seq, of, one.first.ctr, one.each, went);
    }
    return err;
}

bool crdt__seq_stabilise(crdt__seq *seq, const crdt_context *cut)
{
    bool went = false;
    for (uint32_t a = 0; a < seq->log.author_count; a++) {
        crdt__author *author = &seq->log.authors[a];
        uint64_t      end = crdt_context_max(cut, author->replica);
        if (end <= author->forgotten) continue;
        crdt__log_iter it;
        crdt_err       err = CRDT_OK;
        crdt__log_each_del(&it, &seq->log, a, author->forgotten + 1);
        for (const crdt__del *del; err == CRDT_OK && (del = crdt__log_next_del(&it)) != NULL;) {
            crdt__row row = crdt__row_of_del(seq, author->replica, del);
            if (del->dot > end) break;
            err = forget_row(seq, &row, cut, &went);
        }
        /* Refused memory: what is left goes when this is called again. */
        if (err == CRDT_OK) author->forgotten = crdt_context_base(cut, author->replica);
    }
    return went;
}
