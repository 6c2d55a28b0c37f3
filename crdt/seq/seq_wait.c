/* seq/seq_wait.c: rows that wait for what they refer to. See seq.h.
 *
 * A parked row is filed under one element that it needs and that is not there. When that element
 * comes (crdt__wait_met) the row is taken out and looked at: it goes into place, or is filed under
 * the next one that it needs. So a row costs a few searches, whatever came in which order. The
 * files are a cache: when memory for them is refused, or changes are undone, they are dropped, and
 * the next unpark looks at all rows once.
 */
#include <string.h>

#include "crdt/core/bytes.h"
#include "crdt/core/mem.h"
#include "crdt/seq/seq_forget.h"
#include "crdt/seq/seq_stand.h"

/* -- Content ----------------------------------------------------------------------------------- */

/* Bytes and forgotten stretches of a row's content, together. */
static void content_sizes(const crdt__row *row, crdt__atom_kind kind, size_t *ret_bytes,
                          size_t *ret_voids)
{
    crdt__content content = crdt__content_of(row, kind);
    crdt_view     piece;
    uint32_t      count;
    *ret_bytes = *ret_voids = 0;
    while (crdt__content_next(&content, &piece, &count)) {
        *ret_bytes += piece.size;
        if (piece.size == 0) *ret_voids += 10; /* two varints at their longest */
    }
}

static void copy_content(crdt__parked *p, const crdt__row *row, crdt__atom_kind kind,
                         uint8_t *bytes, uint8_t *voids)
{
    crdt__content content = crdt__content_of(row, kind);
    crdt_view     piece;
    uint32_t      count, gap = 0, run = 0;
    uint8_t      *at = bytes, *void_at = voids;
    while (crdt__content_next(&content, &piece, &count)) {
        if (piece.size == 0) {
            run += count;
            continue;
        }
        if (run > 0) void_at = crdt__put_varint(crdt__put_varint(void_at, gap), run);
        if (run > 0) gap = 0;
        run = 0;
        gap += count;
        memcpy(at, piece.data, piece.size);
        at += piece.size;
    }
    if (run > 0) void_at = crdt__put_varint(crdt__put_varint(void_at, gap), run);
    p->row.bytes = crdt_view_of(bytes, (size_t)(at - bytes));
    p->row.voids = crdt_view_of(voids, (size_t)(void_at - voids));
    p->row.seq = NULL;
    p->row.waits = false;
    p->row.skip = 0;
    p->row.held = crdt__row_len(row);
}

/* -- Files ------------------------------------------------------------------------------------- */

static const uint8_t nobody[16];

/* `who` waits for the element: the id of a parked row; nobody: before all of them. */
static void need_key(crdt__elem elem, const uint8_t who[16], uint8_t id[CRDT__NEED_BYTES])
{
    (void)crdt__store_be(crdt__store_be(id, elem.replica, 8), elem.ctr, 4);
    memcpy(id + 12, who, 16);
}

static bool is_there(const crdt__seq *seq, crdt__elem elem)
{
    uint32_t cid;
    return crdt__seq_find(seq, elem, &cid);
}

/* An element that the row needs and that is not there; of replica 0: it waits for none. */
static crdt__elem need_of(crdt__seq *seq, const crdt__parked *p)
{
    const crdt__elem none = {0, 0};
    crdt__row        row = crdt__parked_row(p);
    crdt__elem       before = row.first;
    seq->looks++;
    if (row.del) {
        before.ctr += row.each - 1;
        return is_there(seq, before) || crdt__seq_is_gone(seq, before) ? none : before;
    }
    if (row.first.ctr > 0) {
        before.ctr--;
        if (!is_there(seq, before) && !crdt__seq_is_gone(seq, before)) return before;
    }
    if (!is_there(seq, row.right)) return row.right;
    if (row.move) {
        crdt__elem of = crdt__row_move(&row).of;
        if (!is_there(seq, of) && !crdt__seq_is_gone(seq, of)) return of;
    }
    bool implied = seq->space->forget_ids && row.right.replica != 0;
    return implied || is_there(seq, row.left) ? none : row.left;
}

void crdt__wait_drop(crdt__seq *seq)
{
    crdt__omap_iter it = crdt__omap_first(&seq->parked);
    for (crdt__parked *p; (p = crdt__omap_next(&it)) != NULL;) p->met = false;
    crdt__omap_clear(&seq->needs);
    seq->met = NULL;
    seq->filed = false;
}

/* Under what it needs. */
static void file(crdt__seq *seq, crdt__parked *p)
{
    if (!seq->filed) return;
    crdt__elem need = need_of(seq, p);
    if (need.replica == 0) return;
    need_key(need, p->id, p->need_id);
    p->need.bytes = crdt_view_of(p->need_id, sizeof p->need_id);
    if (crdt__omap_put(&seq->needs, &p->need) != CRDT_OK) crdt__wait_drop(seq);
}

static crdt__parked *parked_of(crdt__okey *need)
{
    return (crdt__parked *)(void *)((unsigned char *)need - offsetof(crdt__parked, need));
}

static void push_met(crdt__seq *seq, crdt__parked *p)
{
    p->met = true;
    p->next_met = seq->met;
    seq->met = p;
}

void crdt__wait_met(crdt__seq *seq, crdt__elem first, uint32_t len)
{
    uint8_t id[CRDT__NEED_BYTES];
    if (seq->needs.count == 0) return;
    need_key(first, nobody, id);
    for (;;) {
        crdt__omap_iter it = crdt__omap_seek(&seq->needs, crdt_view_of(id, sizeof id), 0);
        crdt__okey     *need = crdt__omap_next(&it);
        if (need == NULL) return;
        crdt__parked *p = parked_of(need);
        uint64_t      ctr = (uint64_t)crdt__load_be64(p->need_id + 4) & UINT32_MAX;
        if (crdt__load_be64(p->need_id) != first.replica || ctr - first.ctr >= len) return;
        crdt__omap_remove(&seq->needs, need->bytes, 0);
        push_met(seq, p);
    }
}

/* -- Parking ----------------------------------------------------------------------------------- */

void crdt__seq_note_parked(crdt__seq *seq, crdt__parked *p)
{
    if (p->listed) return;
    p->listed = true;
    p->next_changed = seq->changed_parked;
    seq->changed_parked = p;
}

crdt_err crdt__seq_park(crdt__seq *seq, const crdt__row *row)
{
    size_t bytes = 0, voids = 0;
    if (!row->del) content_sizes(row, seq->atoms.kind, &bytes, &voids);
    size_t        size = sizeof(crdt__parked) + bytes + voids;
    crdt__parked *p = crdt__alloc(seq->space->mem, size);
    if (p == NULL) return CRDT_ENOMEM;
    memset(p, 0, sizeof *p);
    p->size = size;
    p->row = *row;
    p->fresh = true;
    uint8_t *content = (uint8_t *)(p + 1);
    if (!row->del) copy_content(p, row, seq->atoms.kind, content, content + bytes);
    crdt__parked_key(row->replica, row->dot, p->id);
    p->key.bytes = crdt_view_of(p->id, sizeof p->id);
    crdt_err err = crdt__omap_put(&seq->parked, p);
    if (err != CRDT_OK) {
        crdt__release(seq->space->mem, p, size);
        return err;
    }
    seq->parked_bytes += size;
    crdt__seq_note_parked(seq, p);
    file(seq, p);
    seq->changed = true;
    return CRDT_OK;
}

/* -- Unparking --------------------------------------------------------------------------------- */

/* As much of the row as can be; *ret_again: some of it waits for something else. */
static crdt_err put(crdt__seq *seq, crdt__parked *p, bool *ret_again)
{
    uint32_t dots = 0;
    crdt_err err;
    if (p->row.del) {
        crdt__row row = crdt__parked_row(p);
        err = crdt__seq_put_ready(seq, &row, &dots);
        if (err == CRDT_OK) p->placed += dots;
        p->done = p->placed == p->row.dots;
    } else {
        err = crdt__seq_put(seq, &p->row, &p->done);
    }
    if (p->done || dots > 0) crdt__seq_note_parked(seq, p);
    *ret_again = err == CRDT_OK && !p->done;
    return err;
}

/* File all anew: those that wait for nothing are looked at. */
static void file_all(crdt__seq *seq)
{
    seq->filed = true;
    crdt__omap_iter it = crdt__omap_first(&seq->parked);
    for (crdt__parked *p; (p = crdt__omap_next(&it)) != NULL && seq->filed;) {
        if (p->done) continue;
        if (need_of(seq, p).replica == 0) push_met(seq, p);
        else file(seq, p);
    }
}

/* Without files: all rows, until nothing moves any more. */
static crdt_err sweep(crdt__seq *seq)
{
    for (bool progress = true; progress;) {
        progress = false;
        crdt__omap_iter it = crdt__omap_first(&seq->parked);
        for (crdt__parked *p; (p = crdt__omap_next(&it)) != NULL;) {
            uint32_t before = p->placed;
            bool     again;
            if (p->done || need_of(seq, p).replica != 0) continue;
            crdt_err err = put(seq, p, &again);
            if (err != CRDT_OK) return err;
            progress |= p->done || p->placed > before;
        }
    }
    return CRDT_OK;
}

crdt_err crdt__seq_unpark(crdt__seq *seq)
{
    if (seq->parked.count == 0) return CRDT_OK;
    if (!seq->filed) file_all(seq);
    for (crdt__parked *p; seq->filed && (p = seq->met) != NULL;) {
        bool again;
        seq->met = p->next_met;
        p->met = false;
        crdt_err err = put(seq, p, &again);
        if (err != CRDT_OK) return err;
        if (again) file(seq, p);
    }
    return seq->filed ? CRDT_OK : sweep(seq);
}
