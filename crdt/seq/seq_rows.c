/* seq/seq_rows.c: rows in the one form that equal states share. See seq.h.
 *
 * Rows of the log and parked ones are merged in order of dots and joined greedily: a row is as long
 * as its dots follow on one another, each for as many elements, and its elements follow on.
 */
#include <string.h>

#include "crdt/core/bytes.h"
#include "crdt/core/mem.h"
#include "crdt/seq/seq_stand.h"

static bool same_elem(crdt__elem a, crdt__elem b)
{
    return a.replica == b.replica && a.ctr == b.ctr;
}

/* -- Rows as such ------------------------------------------------------------------------------ */

crdt__row crdt__row_cut(const crdt__row *row, uint32_t skip, uint32_t dots)
{
    crdt__row part = *row;
    part.dot += skip;
    part.dots = dots;
    if (dots == 1) part.back = false;
    if (row->del) {
        uint32_t before = row->back ? row->dots - skip - dots : skip;
        part.first.ctr += before * row->each;
        return part;
    }
    if (skip == 0) return part;
    uint32_t atoms = skip * row->each;
    part.first.ctr += atoms;
    part.left.replica = row->replica;
    part.left.ctr = part.first.ctr - 1;
    part.right = (crdt__elem){0, 0};
    part.lamport = crdt__lamport_on(row->lamport, atoms);
    part.skip += atoms;
    return part;
}

static bool join_ins(crdt__row *a, const crdt__row *b, bool classic)
{
    uint32_t   len = crdt__row_len(a);
    crdt__elem last = {a->replica, a->first.ctr + len - 1};
    if (b->first.ctr != last.ctr + 1 || !same_elem(b->left, last)) return false;
    if (b->right.replica != 0 || (classic && b->lamport != crdt__lamport_on(a->lamport, len)))
        return false;
    a->dots += b->dots;
    return true;
}

static bool join_del(crdt__row *a, const crdt__row *b)
{
    if (a->first.replica != b->first.replica) return false;
    bool forward = b->first.ctr == a->first.ctr + crdt__row_len(a);
    bool back = b->first.ctr + crdt__row_len(b) == a->first.ctr;
    if (forward && (a->dots == 1 || !a->back) && (b->dots == 1 || !b->back)) {
        a->back = false;
    } else if (back && (a->dots == 1 || a->back) && (b->dots == 1 || b->back)) {
        a->back = true;
        a->first = b->first;
    } else {
        return false;
    }
    a->dots += b->dots;
    return true;
}

bool crdt__row_join(crdt__row *a, const crdt__row *b, bool classic)
{
    if (a->del != b->del || a->each != b->each || b->dot != a->dot + a->dots) return false;
    if (a->move || b->move) return false;
    if ((uint64_t)crdt__row_len(a) + crdt__row_len(b) > CRDT__SPAN_MAX) return false;
    return a->del ? join_del(a, b) : join_ins(a, b, classic);
}

/* -- Content ----------------------------------------------------------------------------------- */

/* Bytes of the first `count` atoms. */
static size_t atoms_size(crdt_view bytes, crdt__atom_kind kind, uint32_t count)
{
    const uint8_t *data = bytes.data;
    size_t         at = 0;
    if (kind == CRDT__UTF8_ATOMS) {
        while (count > 0 && at < bytes.size) {
            at++;
            while (at < bytes.size && (data[at] & 0xc0) == 0x80) at++;
            count--;
        }
        return at;
    }
    crdt_dec    dec;
    crdt_limits none;
    memset(&none, 0xff, sizeof none);
    crdt_dec_init(&dec, bytes, &none);
    while (count-- > 0) (void)crdt_dec_value(&dec);
    return bytes.size - crdt_dec_left(&dec);
}

void crdt__parked_key(uint64_t replica, uint64_t dot, uint8_t id[16])
{
    crdt__store_be(crdt__store_be(id, replica, 8), dot, 8);
}

crdt__omap_iter crdt__parked_from(const crdt__seq *seq, uint64_t replica, uint64_t dot)
{
    uint8_t id[16];
    crdt__parked_key(replica, dot, id);
    return crdt__omap_seek(&seq->parked, crdt_view_of(id, sizeof id), 0);
}

crdt__row crdt__parked_row(const crdt__parked *p)
{
    uint32_t left = p->row.dots - p->placed;
    if (p->placed == 0) return p->row;
    return crdt__row_cut(&p->row, p->row.back ? 0 : p->placed, left);
}

crdt__parked *crdt__parked_at(const crdt__seq *seq, uint64_t replica, uint64_t dot)
{
    if (seq->parked.count == 0) return NULL;
    uint8_t id[16];
    crdt__parked_key(replica, dot, id);
    crdt__parked *p = crdt__omap_get(&seq->parked, crdt_view_of(id, sizeof id), 0);
    if (p != NULL && !p->done && dot - crdt__parked_row(p).dot < p->row.dots - p->placed) return p;
    /* A row that was parked under a lower dot: there are few, so look at all of this replica. */
    crdt__omap_iter it = crdt__parked_from(seq, replica, 0);
    while ((p = crdt__omap_next(&it)) != NULL && p->row.replica == replica && p->row.dot <= dot) {
        if (!p->done && dot - crdt__parked_row(p).dot < p->row.dots - p->placed) return p;
    }
    return NULL;
}

static void next_void(crdt__content *c)
{
    c->void_at = UINT32_MAX;
    if (crdt_dec_left(&c->voids) == 0) return;
    uint32_t gap = (uint32_t)crdt_dec_varint(&c->voids);
    c->void_len = (uint32_t)crdt_dec_varint(&c->voids);
    c->void_at = c->source_done + gap;
}

static void open_source(crdt__content *c, const crdt__row *source)
{
    c->source = source;
    c->source_done = 0;
    c->at = 0;
    crdt_dec_init(&c->voids, source->voids, NULL);
    next_void(c);
}

/* At most `want` atoms of the source. */
static crdt_view next_of_source(crdt__content *c, uint32_t want, uint32_t *ret_count)
{
    crdt_view bytes = c->source->bytes, piece = {NULL, 0};
    if (c->source_done == c->void_at) {
        *ret_count = c->void_len < want ? c->void_len : want;
        c->source_done += *ret_count;
        c->void_at += *ret_count;
        c->void_len -= *ret_count;
        if (c->void_len == 0) next_void(c);
        return piece;
    }
    uint32_t  room = c->void_at - c->source_done;
    uint32_t  left = c->source->held - c->source_done;
    crdt_view rest = crdt_view_of((const uint8_t *)bytes.data + c->at, bytes.size - c->at);
    *ret_count = want < room ? want : room;
    piece = rest;
    if (*ret_count < left) piece.size = atoms_size(rest, c->kind, *ret_count);
    c->at += piece.size;
    c->source_done += *ret_count;
    return piece;
}

static crdt_view next_of_seq(const crdt__content *c, uint32_t want, uint32_t *ret_count)
{
    const crdt__seq *seq = c->row->seq;
    uint32_t         author = crdt__log_find(&seq->log, c->row->replica);
    crdt__idrange    id = crdt__log_cid(&seq->log, author, c->row->first.ctr + c->done);
    return crdt__atoms_view(&seq->atoms, id.cid, id.len < want ? id.len : want, ret_count);
}

crdt__content crdt__content_of(const crdt__row *row, crdt__atom_kind kind)
{
    crdt__content c;
    memset(&c, 0, sizeof c);
    c.row = row;
    c.kind = kind;
    if (row->seq != NULL && !row->waits) return c;
    uint32_t skip = row->skip;
    if (row->waits) {
        const crdt__parked *p = crdt__parked_at(row->seq, row->replica, row->dot);
        open_source(&c, &p->row);
        skip = (uint32_t)(row->dot - p->row.dot) * row->each;
    } else {
        open_source(&c, row);
    }
    for (uint32_t count; skip > 0; skip -= count) (void)next_of_source(&c, skip, &count);
    return c;
}

bool crdt__content_next(crdt__content *c, crdt_view *ret_piece, uint32_t *ret_count)
{
    const crdt__row *row = c->row;
    uint32_t         want = crdt__row_len(row) - c->done;
    if (want == 0) return false;
    if (row->seq != NULL && !row->waits) {
        *ret_piece = next_of_seq(c, want, ret_count);
    } else {
        if (row->waits) {
            uint32_t left = crdt__row_len(c->source) - c->source_done;
            if (left == 0) { /* rows parked one by one may be one row */
                uint64_t dot = row->dot + c->done / row->each;
                open_source(c, &crdt__parked_at(row->seq, row->replica, dot)->row);
                left = crdt__row_len(c->source);
            }
            if (want > left) want = left;
        }
        *ret_piece = next_of_source(c, want, ret_count);
    }
    c->done += *ret_count;
    return true;
}

/* -- All rows of a replica --------------------------------------------------------------------- */

/* The next parked row of the replica that still waits. */
static crdt__parked *next_parked(crdt__rows *rows)
{
    if (rows->seq->parked.count == 0) return NULL;
    crdt__parked *p;
    do {
        p = crdt__omap_next(&rows->parked);
    } while (p != NULL && p->done);
    return p != NULL && p->row.replica == rows->replica ? p : NULL;
}

void crdt__rows_begin(crdt__rows *rows, const crdt__seq *seq, uint64_t replica, uint64_t from)
{
    rows->seq = seq;
    rows->replica = replica;
    rows->from = from;
    rows->has_row = false;
    rows->ins_done = 0;
    rows->next_ins = NULL;
    rows->next_del = NULL;
    rows->author = crdt__log_find(&seq->log, replica);
    if (rows->author != CRDT__NO_AUTHOR) {
        crdt__log_each_ins(&rows->ins, &seq->log, rows->author, from);
        crdt__log_each_del(&rows->del, &seq->log, rows->author, from);
        rows->next_ins = crdt__log_next_ins(&rows->ins);
        rows->next_del = crdt__log_next_del(&rows->del);
        const crdt__ins *ins = rows->next_ins;
        if (ins != NULL && ins->dot < from) rows->ins_done = (uint32_t)(from - ins->dot);
    }
    if (seq->parked.count > 0) rows->parked = crdt__parked_from(seq, replica, 0);
    rows->next_parked = next_parked(rows);
    while (rows->next_parked != NULL &&
           rows->next_parked->row.dot + rows->next_parked->row.dots <= from) {
        rows->next_parked = next_parked(rows);
    }
}

crdt__row crdt__row_of_ins(const crdt__seq *seq, uint64_t replica, const crdt__ins *ins)
{
    crdt__row row;
    memset(&row, 0, sizeof row);
    row.replica = row.first.replica = replica;
    row.dot = ins->dot;
    row.lamport = ins->lamport;
    row.dots = ins->dots;
    row.each = ins->each;
    row.first.ctr = ins->ctr;
    row.left = crdt__seq_elem(seq, ins->left);
    row.right = crdt__seq_elem(seq, crdt__seq_right_of(seq, ins));
    row.seq = seq;
    return row;
}

crdt__row crdt__part_of_ins(const crdt__seq *seq, uint64_t replica, const crdt__ins *ins,
                            uint32_t done)
{
    crdt__row row = crdt__row_of_ins(seq, replica, ins);
    uint32_t  skip = done * ins->each, left = (ins->dots - done) * ins->each;
    uint32_t  len = crdt__before_stand(seq, ins->cid + skip, left);
    if (done == 0 && len == left) return row;
    row = crdt__row_cut(&row, done, len == 0 ? 1 : len / ins->each);
    row.move = len == 0;
    return row;
}

crdt__row crdt__row_of_del(const crdt__seq *seq, uint64_t replica, const crdt__del *del)
{
    crdt__row row;
    memset(&row, 0, sizeof row);
    row.replica = replica;
    row.dot = del->dot;
    row.dots = del->dots;
    row.each = del->each;
    row.del = true;
    row.back = del->back;
    row.first.replica = seq->log.authors[del->of].replica;
    row.first.ctr = del->ctr;
    return row;
}

static void next_insertion(crdt__rows *rows, crdt__row *ret_row)
{
    const crdt__ins *ins = rows->next_ins;
    if (rows->seq->stands.count == 0 && rows->ins_done == 0) {
        *ret_row = crdt__row_of_ins(rows->seq, rows->replica, ins);
        rows->next_ins = crdt__log_next_ins(&rows->ins);
        return;
    }
    *ret_row = crdt__part_of_ins(rows->seq, rows->replica, ins, rows->ins_done);
    rows->ins_done += ret_row->dots;
    if (rows->ins_done < ins->dots) return;
    rows->next_ins = crdt__log_next_ins(&rows->ins);
    rows->ins_done = 0;
}

/* The row with the least dot of the three sources, without what is below `from`. */
static bool next_source(crdt__rows *rows, crdt__row *ret_row)
{
    uint64_t ins = rows->next_ins == NULL ? UINT64_MAX : rows->next_ins->dot + rows->ins_done;
    uint64_t del = rows->next_del == NULL ? UINT64_MAX : rows->next_del->dot;
    uint64_t parked = UINT64_MAX;
    if (rows->next_parked != NULL) parked = crdt__parked_row(rows->next_parked).dot;
    if (ins < del && ins < parked) {
        next_insertion(rows, ret_row);
    } else if (del < parked) {
        *ret_row = crdt__row_of_del(rows->seq, rows->replica, rows->next_del);
        rows->next_del = crdt__log_next_del(&rows->del);
    } else if (parked != UINT64_MAX) {
        *ret_row = crdt__parked_row(rows->next_parked);
        ret_row->seq = rows->seq;
        ret_row->waits = true;
        rows->next_parked = next_parked(rows);
    } else {
        return false;
    }
    if (ret_row->dot < rows->from) {
        uint32_t skip = (uint32_t)(rows->from - ret_row->dot);
        *ret_row = crdt__row_cut(ret_row, skip, ret_row->dots - skip);
    }
    return true;
}

bool crdt__rows_join(crdt__row *a, crdt__row *b, bool classic)
{
    if (crdt__row_join(a, b, classic)) return true;
    if (!b->del || b->dots == 1) return false;
    crdt__row head = crdt__row_cut(b, 0, 1); /* its first dot may go on where the rest turns */
    if (crdt__row_join(a, &head, classic)) *b = crdt__row_cut(b, 1, b->dots - 1);
    return false;
}

bool crdt__rows_next(crdt__rows *rows, crdt__row *ret_row)
{
    if (!rows->has_row && !next_source(rows, &rows->row)) return false;
    crdt__row next;
    rows->has_row = false;
    while (next_source(rows, &next)) {
        if (crdt__rows_join(&rows->row, &next, rows->seq->classic)) continue;
        *ret_row = rows->row;
        rows->row = next;
        rows->has_row = true;
        return true;
    }
    *ret_row = rows->row;
    return true;
}

uint64_t crdt__rows_replica(const crdt__seq *seq, uint64_t after)
{
    uint64_t best = 0;
    if (after == UINT64_MAX) return 0;
    for (uint32_t i = crdt__log_place(&seq->log, after + 1); i < seq->log.author_count; i++) {
        uint32_t author = crdt__log_at(&seq->log, i);
        if (!crdt__log_has_rows(&seq->log, author)) continue;
        best = seq->log.authors[author].replica;
        break;
    }
    if (seq->parked.count == 0) return best;
    crdt__omap_iter it = crdt__parked_from(seq, after + 1, 0);
    crdt__parked   *p;
    do {
        p = crdt__omap_next(&it);
    } while (p != NULL && p->done);
    if (p != NULL && (best == 0 || p->row.replica < best)) best = p->row.replica;
    return best;
}
