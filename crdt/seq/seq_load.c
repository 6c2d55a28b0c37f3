/* seq/seq_load.c: rows from bytes, put in place. See seq_pack.h.
 *
 * Rows of a replica come in order of dots; a row may refer to elements of another replica that come
 * later in the bytes. So replicas are read side by side: one that meets a row that is not ready
 * waits while the one that it needs is read on.
 */
#include <string.h>

#include "crdt/core/mem.h"
#include "crdt/seq/seq_pack.h"
#include "crdt/seq/seq_stand.h"

typedef crdt__section section;

typedef struct load {
    crdt__seq          *seq;
    crdt__reader       *reader;
    const crdt_context *mine;
    size_t              budget, base; /* base: of what is not the sequence */
    section            *sections;
    size_t              count;
    uint64_t            taken;
    bool                over;
} load;

/* If nothing is to be undone, journals are kept short. */
#define KEEP_ROWS 256

/* -- Replicas ---------------------------------------------------------------------------------- */

static section *section_of(load *l, uint64_t replica)
{
    size_t lo = 0, hi = l->count;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (l->sections[mid].trail.replica < replica) lo = mid + 1;
        else hi = mid;
    }
    return lo < l->count && l->sections[lo].trail.replica == replica ? &l->sections[lo] : NULL;
}

/* The section that must be read on before the row is ready; NULL: it will never be. */
static section *needed(load *l, const crdt__row *row)
{
    crdt__elem last = row->first;
    last.ctr += row->del ? crdt__row_len(row) - 1 : 0;
    crdt__elem refs[4] = {row->left, row->right, {0, 0}, last};
    if (row->move) refs[2] = crdt__row_move(row).of;
    for (int i = row->del ? 3 : 0; i < (row->del ? 4 : 3); i++) {
        uint32_t cid;
        if (crdt__seq_find(l->seq, refs[i], &cid)) continue;
        section *s = section_of(l, refs[i].replica);
        if (s != NULL && s->rows > 0) return s;
    }
    return NULL;
}

/* s is at a row that is not ready: which section goes on? The one that it needs, unless that waits
 * itself or nothing has happened since s last waited; then the one that waits for s; if there is
 * none, none: the row is parked. */
static section *turn_to(load *l, section *s, section *first)
{
    if (first == NULL || first == s) return NULL;
    if (!first->open && s->tried != l->taken + 1) {
        s->tried = l->taken + 1;
        first->open = true;
        first->waits = (uint32_t)(s - l->sections) + 1;
        return first;
    }
    if (s->waits == 0) return NULL;
    s->open = false;
    return &l->sections[s->waits - 1];
}

/* What the sequence takes, and what else there is for its sake; parked rows twice, as they take as
 * much again for a while once they are put in place. */
static bool is_over(const load *l)
{
    return l->base + crdt__seq_bytes(l->seq) + l->seq->parked_bytes > l->budget;
}

/* *ret_done: it is held, or put in place. */
static crdt_err offer(load *l, const crdt__row *row, bool *ret_done)
{
    if (l->mine == NULL) return crdt__seq_put(l->seq, row, ret_done);
    if (crdt_context_max(l->mine, row->replica) < row->dot) {
        return crdt__seq_offer(l->seq, row, ret_done);
    }
    *ret_done = true;
    return crdt__seq_take(l->seq, row, l->mine);
}

/* One row was taken in. */
static void pass(load *l)
{
    if (++l->taken % KEEP_ROWS == 0 && l->mine == NULL) crdt__seq_keep(l->seq);
    if (l->budget < SIZE_MAX && is_over(l)) l->over = true;
}

/* Read the section's rows, and what they need of others. */
static crdt_err read_on(load *l, section *s)
{
    crdt_err err = CRDT_OK;
    s->open = true;
    s->waits = 0;
    for (section *next = s; next != NULL && err == CRDT_OK && !l->over;) {
        s = next;
        if (s->rows == 0) {
            s->open = false;
            next = s->waits == 0 ? NULL : &l->sections[s->waits - 1];
            continue;
        }
        section      before = *s;
        crdt__claims claims = l->reader->claims;
        crdt__row    row;
        if (!crdt__reader_row(l->reader, s, &row)) return l->reader->in.err;
        bool done;
        err = offer(l, &row, &done);
        if (err == CRDT_OK && !done) {
            section *turn = turn_to(l, s, needed(l, &row));
            if (turn != NULL) {
                before.tried = s->tried;
                before.open = s->open;
                *s = before;
                l->reader->claims = claims;
                next = turn;
                continue;
            }
            err = crdt__seq_take(l->seq, &row, l->mine);
        }
        pass(l);
    }
    return err;
}

static crdt_err read_sections(load *l)
{
    crdt_err      err = CRDT_OK;
    crdt__reader *r = l->reader;
    for (size_t i = 0; i < l->count; i++) {
        if (!crdt__reader_section(r, &l->sections[i])) return r->in.err;
        crdt__reader_pass(r, &l->sections[i]);
    }
    if (r->in.err != CRDT_OK) return r->in.err;
    const uint8_t *rest = r->at;
    memset(&r->claims, 0, sizeof r->claims); /* of rows passed */
    for (size_t i = 0; err == CRDT_OK && !l->over && i < l->count; i++) {
        if (l->sections[i].rows > 0) err = read_on(l, &l->sections[i]);
    }
    for (size_t i = 0; err == CRDT_OK && !l->over && i < l->count; i++) {
        if (!crdt__reader_ends(r, &l->sections[i])) err = r->in.err;
    }
    r->at = rest;
    return err;
}

static crdt_err read_sets(load *l)
{
    crdt__reader  *r = l->reader;
    crdt_err       err = CRDT_OK;
    crdt__told_set last, set;
    for (size_t i = 0, count = crdt__reader_sets(r); err == CRDT_OK && !l->over && i < count; i++) {
        if (!crdt__reader_set(r, i == 0 ? NULL : &last, &set)) break;
        err = crdt__seq_put_set(l->seq, set.elem, set.dot, set.stamp, set.value);
        if (err == CRDT_OK && l->mine == NULL && crdt__seq_set_of(l->seq, set.elem) == NULL) {
            crdt_dec_fail(&r->in, CRDT_EMALFORMED, "a set of a deleted element");
        }
        if (l->budget < SIZE_MAX && is_over(l)) l->over = true;
        last = set;
    }
    return err == CRDT_OK ? r->in.err : err;
}

/* All rows, out of sections in memory of their own. */
static crdt_err load_rows(load *l)
{
    const crdt_mem *mem = l->seq->space->mem;
    section         one;
    size_t          size = l->count > 1 ? l->count * sizeof *l->sections : 0;
    l->sections = size > 0 ? crdt__alloc(mem, size) : &one;
    if (l->sections == NULL) return CRDT_ENOMEM;
    l->base += size;
    bool bulk = l->mine == NULL && l->seq->order.root == NULL;
    if (bulk) crdt__order_bulk(&l->seq->order, crdt_dec_left(&l->reader->in));
    crdt_err err = read_sections(l);
    if (bulk) crdt__order_bulk(&l->seq->order, 0);
    if (size > 0) crdt__release(mem, l->sections, size);
    l->base -= size;
    return err;
}

/* Of bytes that were not looked at before. */
static crdt_err check_claims(load *l, crdt__reader *again)
{
    l->base += crdt__claims_bytes(l->reader);
    if (is_over(l)) l->over = true;
    return l->over ? CRDT_OK : crdt__claims_check(l->reader, again, l->seq->space->mem);
}

crdt_err crdt__seq_load(crdt__seq *seq, crdt__reader *r, const crdt_context *mine, size_t budget,
                        bool *ret_over)
{
    load         l = {seq, r, mine, budget, 0, NULL, (size_t)r->sections, 0, false};
    crdt__reader again = *r;
    uint32_t     count = seq->atoms.count;
    *ret_over = budget / sizeof(section) < l.count;
    if (r->in.err != CRDT_OK || *ret_over) return r->in.err;
    seq->order.for_good = mine == NULL;
    crdt_err err = load_rows(&l);
    if (err == CRDT_OK && budget < SIZE_MAX) err = check_claims(&l, &again);
    /* Only insertions that are in place now let others follow. */
    bool more = mine == NULL || seq->atoms.count != count;
    if (err == CRDT_OK && !l.over && more) err = crdt__seq_unpark(seq);
    if (err == CRDT_OK && !l.over) err = read_sets(&l);
    if (err == CRDT_OK && !l.over && mine == NULL) crdt__seq_keep(seq);
    seq->order.for_good = false;
    *ret_over = l.over;
    return err;
}
