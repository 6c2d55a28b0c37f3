/* seq/seq_code.c: a sequence to bytes, and its digest. The format is told in seq_code.h. */
#include "crdt/seq/seq_pack.h"

#include <string.h>

#include "crdt/core/mem.h"
#include "crdt/seq/seq_forget.h"
#include "crdt/seq/seq_snap.h"

/* -- What to expect: encoder and decoder follow each other ------------------------------------- */

void crdt__trail_begin(crdt__trail *trail, uint64_t replica)
{
    memset(trail, 0, sizeof *trail);
    trail->replica = trail->cursor.replica = replica;
}

uint32_t crdt__trail_ctr(const crdt__trail *trail, crdt__elem left)
{
    if (trail->inserted) return trail->ctr;
    return left.replica == trail->replica ? left.ctr + 1 : 0;
}

bool crdt__trail_meets(const crdt__trail *trail, const crdt__row *row, bool classic)
{
    if ((uint64_t)trail->len + crdt__row_len(row) > CRDT__SPAN_MAX) return false;
    if (!row->del) {
        if (row->first.ctr != trail->ctr || row->right.replica != 0) return false;
        if (row->left.replica != trail->replica || row->left.ctr + 1 != trail->ctr) return false;
        return !classic || row->lamport == trail->lamport;
    }
    if (row->first.replica != trail->first.replica) return false;
    uint32_t head = row->first.ctr + (row->back ? (row->dots - 1) * row->each : 0);
    bool     forward = head == trail->first.ctr + trail->len && (!trail->many || !trail->back);
    bool     back = head + row->each == trail->first.ctr && (!trail->many || trail->back);
    return forward || back;
}

/* -- Encoding ---------------------------------------------------------------------------------- */

static void mark_elem(crdt_replicas *ids, crdt__elem elem)
{
    if (elem.replica != 0) crdt_replicas_add(ids, elem.replica);
}

void crdt__slot_mark(const void *state, crdt_replicas *ids)
{
    const crdt__slot *slot = state;
    const crdt__seq  *seq = slot->seq;
    for (uint32_t i = 0; slot->pack != NULL && i < slot->pack->count; i++) {
        crdt_replicas_add(ids, slot->pack->ids[i]);
    }
    if (slot->pack != NULL || seq == NULL) return;
    crdt__gone_mark(seq, ids);
    /* Who is referred to by rows in place has rows. */
    for (uint64_t r = crdt__rows_replica(seq, 0); r != 0; r = crdt__rows_replica(seq, r)) {
        crdt_replicas_add(ids, r);
    }
    crdt__omap_iter it = crdt__omap_first(&seq->parked);
    for (crdt__parked *p; (p = crdt__omap_next(&it)) != NULL;) {
        mark_elem(ids, p->row.first);
        mark_elem(ids, p->row.left);
        mark_elem(ids, p->row.right);
    }
    it = crdt__omap_first(&seq->sets);
    for (crdt__set *set; (set = crdt__omap_next(&it)) != NULL;) {
        mark_elem(ids, crdt__set_elem(set));
        crdt_replicas_add(ids, set->dot.replica);
    }
}

typedef crdt__columns columns;

static void put(columns *c, int column, uint64_t n)
{
    crdt_buf_varint(c->at[column], n);
}

static void put_delta(columns *c, int column, uint64_t a, uint64_t b)
{
    put(c, column, crdt_zigzag((int64_t)(a - b)));
}

static void put_elem(columns *c, int column, crdt__elem elem)
{
    put(c, column, crdt_replicas_place(c->dict, elem.replica));
    put(c, column, elem.ctr);
}

/* Stretches of forgotten atoms: put if asked, and counted. */
static uint32_t put_voids(columns *c, const crdt__row *row, bool counted_only)
{
    crdt__content content = crdt__content_of(row, c->kind);
    crdt_view     piece;
    uint32_t      count, gap = 0, run = 0, voids = 0;
    for (bool more = true; more;) {
        more = crdt__content_next(&content, &piece, &count);
        if (more && piece.size == 0) {
            run += count;
            continue;
        }
        if (run > 0) {
            voids++;
            if (!counted_only) put(c, CRDT__OTHERS, gap);
            if (!counted_only) put(c, CRDT__OTHERS, run);
            gap = run = 0;
        }
        gap += count;
    }
    return voids;
}

/* The atoms of an insertion, as far as they are in one piece; the rest. */
typedef struct told {
    crdt__content rest;
    crdt_view     first;
    uint32_t      voids; /* stretches that are forgotten */
} told;

static told tell(columns *c, const crdt__row *row)
{
    told     t;
    uint32_t count;
    memset(&t, 0, sizeof t);
    if (c->whole) return t;
    t.rest = crdt__content_of(row, c->kind);
    if (!crdt__content_next(&t.rest, &t.first, &count)) return t;
    if (count < crdt__row_len(row)) t.voids = put_voids(c, row, true);
    else t.voids = t.first.size == 0;
    return t;
}

static void put_content(columns *c, told *t)
{
    crdt_view piece = t->first;
    uint32_t  count;
    if (c->whole) return;
    do crdt_buf_put(c->at[CRDT__CONTENT], piece.data, piece.size);
    while (crdt__content_next(&t->rest, &piece, &count));
}

static uint8_t shape_of(const columns *c, const crdt__row *row, crdt__elem ref, bool odd)
{
    unsigned shape = row->del ? CRDT__SHAPE_DEL : 0;
    if (row->dots > 1) shape |= CRDT__SHAPE_MANY;
    if (row->each > 1) shape |= CRDT__SHAPE_LONG;
    if (row->dot != c->trail.dot) shape |= CRDT__SHAPE_GAP;
    if (ref.replica == c->trail.cursor.replica) shape |= CRDT__SHAPE_OWN;
    if (row->del) return (uint8_t)(row->back ? shape | CRDT__SHAPE_BACK : shape);
    if (odd) shape |= CRDT__SHAPE_ODD;
    if (row->right.replica != 0) shape |= CRDT__SHAPE_RIGHT;
    bool near = row->right.replica != 0 && row->right.replica == row->left.replica;
    return (uint8_t)(near ? shape | CRDT__SHAPE_NEAR : shape);
}

/* Right parent, Lamport time and content of an insertion. */
static void put_rest(columns *c, const crdt__row *row, uint8_t shape, told *t)
{
    if (shape & CRDT__SHAPE_ODD) {
        put_delta(c, CRDT__OTHERS, row->first.ctr, crdt__trail_ctr(&c->trail, row->left));
        put(c, CRDT__OTHERS, t->voids);
    }
    if (shape & CRDT__SHAPE_NEAR) put_delta(c, CRDT__OTHERS, row->right.ctr, row->left.ctr);
    else if (shape & CRDT__SHAPE_RIGHT) put_elem(c, CRDT__OTHERS, row->right);
    if (c->classic) put_delta(c, CRDT__OTHERS, row->lamport, c->trail.lamport);
    if (t->voids > 0) (void)put_voids(c, row, false);
    put_content(c, t);
}

void crdt__columns_put(columns *c, const crdt__row *row)
{
    crdt__elem ref = row->left;
    told       t;
    bool       odd = false;
    if (row->del) {
        ref = row->first;
        ref.ctr += crdt__row_len(row) - 1;
    } else {
        t = tell(c, row);
        odd = t.voids > 0 || row->first.ctr != crdt__trail_ctr(&c->trail, row->left);
    }
    uint8_t shape = shape_of(c, row, ref, odd);
    crdt_buf_byte(c->at[CRDT__SHAPES], shape);
    if (shape & CRDT__SHAPE_MANY) put(c, CRDT__COUNTS, row->dots - 2);
    if (shape & CRDT__SHAPE_LONG) put(c, CRDT__COUNTS, row->each - 2);
    if (shape & CRDT__SHAPE_GAP) put(c, CRDT__OTHERS, row->dot - c->trail.dot);
    if (ref.replica == 0) put(c, CRDT__REFS, c->dict->count);
    else if (shape & CRDT__SHAPE_OWN) put_delta(c, CRDT__REFS, ref.ctr, c->trail.cursor.ctr);
    else put_elem(c, CRDT__REFS, ref);
    if (!row->del) put_rest(c, row, shape, &t);
    crdt__trail_pass(&c->trail, row);
}

void crdt__columns_init(columns *c, const crdt__slot *slot, const crdt_enc *enc)
{
    memset(c, 0, sizeof *c);
    for (int i = 0; i < CRDT__COLUMNS; i++) crdt_buf_init(&c->own[i], enc->out->mem);
    c->dict = enc->dict;
    c->kind = slot->kind;
    c->classic = slot->classic;
}

void crdt__columns_clear(columns *c)
{
    for (int i = 0; i < CRDT__COLUMNS; i++) crdt_buf_clear(&c->own[i]);
}

void crdt__columns_begin(columns *c, uint64_t replica, uint64_t count, crdt_enc *enc)
{
    crdt_enc_replica(enc, replica);
    crdt_buf_varint(enc->out, count);
    c->is_inline = count < CRDT__INLINE_ROWS;
    for (int i = 0; i < CRDT__COLUMNS; i++) {
        crdt_buf_reset(&c->own[i]);
        c->at[i] = c->is_inline ? enc->out : &c->own[i];
    }
    crdt__trail_begin(&c->trail, replica);
}

void crdt__columns_end(columns *c, crdt_enc *enc)
{
    int many = c->whole ? CRDT__CONTENT : CRDT__COLUMNS;
    if (c->is_inline) return;
    for (int i = 0; i < many; i++) {
        if (c->own[i].failed) enc->out->failed = true;
        crdt_buf_varint(enc->out, c->own[i].size);
    }
    for (int i = 0; i < many; i++) {
        crdt_buf_put(enc->out, c->own[i].data, c->own[i].size);
    }
}

void crdt__told_set_put(const crdt__told_set *set, crdt_enc *enc)
{
    crdt_enc_replica(enc, set->elem.replica);
    crdt_buf_varint(enc->out, set->elem.ctr);
    crdt_enc_replica(enc, set->dot.replica);
    crdt_buf_varint(enc->out, set->dot.seq);
    crdt_buf_varint(enc->out, set->stamp);
    crdt_buf_value(enc->out, set->value);
}

/* In a state: is its sequence told as a whole? What is packed must be looked into for that. */
static bool is_whole(const crdt__slot *slot, crdt_enc *enc)
{
    if (!enc->state) return false;
    if (slot->pack != NULL && slot->pack->size >= CRDT__SNAP_LEAST &&
        crdt__slot_unpack((crdt__slot *)(uintptr_t)slot) != CRDT_OK) {
        enc->out->failed = true;
    }
    return slot->seq != NULL && crdt__snap_fits(slot->seq);
}

void crdt__slot_encode(const void *state, crdt_enc *enc)
{
    const crdt__slot *slot = state;
    crdt__set_walk    sets;
    crdt__told_set    set;
    columns           c;
    crdt__walk        walk;
    crdt__row         row;
    bool              whole = is_whole(slot, enc);
    if (slot->space->forget_ids) crdt__gone_encode(slot->pack == NULL ? slot->seq : NULL, enc);
    if (!whole && slot->pack != NULL && crdt__pack_put(slot->pack, enc)) return;
    size_t count = crdt__sets_begin(&sets, slot);
    crdt_buf_varint(enc->out, crdt__walk_replicas(slot) * 4 + (whole ? 2 : 0) + (count > 0));
    if (whole) crdt__snap_put_live(slot->seq, enc->out);
    crdt__columns_init(&c, slot, enc);
    c.whole = whole;
    crdt__walk_begin(&walk, slot);
    while (crdt__walk_replica(&walk)) {
        crdt__columns_begin(&c, walk.replica, crdt__walk_count(&walk), enc);
        while (crdt__walk_row(&walk, &row)) crdt__columns_put(&c, &row);
        crdt__columns_end(&c, enc);
    }
    crdt__columns_clear(&c);
    if (whole) crdt__snap_put_dead(slot->seq, enc->out);
    if (count == 0) return;
    crdt_buf_varint(enc->out, count);
    while (crdt__sets_next(&sets, &set)) crdt__told_set_put(&set, enc);
}

/* -- Digest ------------------------------------------------------------------------------------ */

static void add_elem(crdt_blocks *blocks, crdt__elem elem)
{
    crdt_blocks_u64(blocks, elem.replica);
    crdt_blocks_u64(blocks, elem.ctr);
}

static void add_row(crdt_blocks *blocks, const crdt__row *row, crdt__atom_kind kind)
{
    crdt_dot dot = {row->replica, row->dot};
    crdt_blocks_atom(blocks, dot);
    crdt_blocks_u64(blocks, (uint64_t)row->del | (uint64_t)row->back << 1);
    crdt_blocks_u64(blocks, row->dots);
    crdt_blocks_u64(blocks, row->each);
    add_elem(blocks, row->first);
    if (row->del) return;
    add_elem(blocks, row->left);
    add_elem(blocks, row->right);
    crdt_blocks_u64(blocks, row->lamport);
    crdt__content content = crdt__content_of(row, kind);
    crdt_view     piece;
    uint32_t      count, run = 0;
    while (crdt__content_next(&content, &piece, &count)) {
        if (piece.size > 0 && run > 0) crdt_blocks_u64(blocks, run);
        run = piece.size > 0 ? 0 : run + count;
        crdt_blocks_put(blocks, piece.data, piece.size);
    }
    if (run > 0) crdt_blocks_u64(blocks, run);
}

/* Rows are cut where blocks of the digest end. */
static void add_in_blocks(crdt_blocks *blocks, const crdt__row *row, crdt__atom_kind kind)
{
    for (uint32_t at = 0, n; at < row->dots; at += n) {
        uint64_t in_block = CRDT_BLOCK_DOTS - (row->dot + at) % CRDT_BLOCK_DOTS;
        n = row->dots - at < in_block ? row->dots - at : (uint32_t)in_block;
        crdt__row part = crdt__row_cut(row, at, n);
        add_row(blocks, &part, kind);
    }
}

void crdt__slot_digest(const void *state, crdt_blocks *blocks)
{
    const crdt__slot *slot = state;
    crdt__walk        walk;
    crdt__row         row;
    crdt__set_walk    sets;
    crdt__told_set    set;
    crdt__walk_begin(&walk, slot);
    while (crdt__walk_replica(&walk)) {
        while (crdt__walk_row(&walk, &row)) add_in_blocks(blocks, &row, slot->kind);
    }
    if (slot->pack == NULL && slot->seq != NULL) crdt__gone_digest(slot->seq, blocks);
    crdt_blocks_section(blocks, 1); /* sets: by element, a section of its own */
    if (crdt__sets_begin(&sets, slot) == 0) return;
    while (crdt__sets_next(&sets, &set)) {
        crdt_dot at = {set.elem.replica, (uint64_t)set.elem.ctr + 1};
        crdt_blocks_atom(blocks, at);
        crdt_blocks_u64(blocks, set.dot.replica);
        crdt_blocks_u64(blocks, set.dot.seq);
        crdt_blocks_u64(blocks, set.stamp);
        crdt_blocks_value(blocks, set.value);
    }
}
