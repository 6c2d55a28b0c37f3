/* seq/seq_snap.c: the texts of a whole sequence, and its rows from bytes. See seq_snap.h.
 *
 * Rows of a replica come in order of dots; one may refer to elements of another replica that come
 * later in the bytes. So replicas are read side by side: one that meets such a row waits until the
 * other has been read so far. That gives elements their local ids, in an order in which each comes
 * after what it refers to.
 */
#include "crdt/seq/seq_snap.h"

#include <string.h>

#include "crdt/core/dec.h"
#include "crdt/core/mem.h"
#include "crdt/seq/seq_block.h"
#include "crdt/seq/seq_code.h"

/* Bits by element cost memory: no more elements than the text's size allows for, but always so
 * many. */
#define ATOMS_ALWAYS (UINT32_C(1) << 17)
#define ATOMS_PER_LIVE 32u
#define LIVE_PER_REPLICA 32u
#define LIVE_PER_SET 16u
#define LIVE_ALWAYS 2048u
/* So many replicas' ends of the log are at hand. */
#define TAILS 16u
/* So many replicas' authors, and where in their elements we are. */
#define RECENT_BITS 6

/* -- Texts ------------------------------------------------------------------------------------- */

static uint64_t most_atoms(uint64_t live)
{
    uint64_t most = live * ATOMS_PER_LIVE;
    if (most < ATOMS_ALWAYS) most = ATOMS_ALWAYS;
    return most < CRDT__SPAN_MAX ? most : CRDT__SPAN_MAX - 1;
}

/* The next stretch of atoms in document order that are all dead, or all not. */
typedef struct walk {
    const crdt__seq  *seq;
    const crdt__leaf *leaf;
    uint32_t          index, offset;
    bool              dead; /* which ones */
} walk;

static walk walk_of(const crdt__seq *seq, bool dead)
{
    return (walk){seq, seq->order.first, 0, 0, dead};
}

static bool walk_next(walk *w, crdt_view *ret_piece, uint32_t *ret_count)
{
    for (; w->leaf != NULL; w->leaf = w->leaf->next, w->index = 0) {
        for (; w->index < w->leaf->count; w->index++, w->offset = 0) {
            const crdt__span *span = &w->leaf->spans[w->index];
            if (span->dead != w->dead || w->offset == span->len) continue;
            *ret_piece = crdt__atoms_view(&w->seq->atoms, span->cid + w->offset,
                                          span->len - w->offset, ret_count);
            w->offset += *ret_count;
            return true;
        }
    }
    return false;
}

bool crdt__snap_crowded(uint64_t replicas, uint64_t sets, uint64_t live)
{
    return replicas * LIVE_PER_REPLICA + sets * LIVE_PER_SET > live + LIVE_ALWAYS;
}

bool crdt__snap_fits(const crdt__seq *seq)
{
    uint64_t replicas = 0;
    if (seq->space->forget_ids) return false; /* counters have gaps, elements other origins */
    if (seq->order.visible < CRDT__SNAP_LEAST || seq->atoms.count > most_atoms(seq->order.visible))
        return false;
    if (crdt__seq_waiting(seq) > 0 || seq->atoms.bytes >= UINT32_MAX) return false;
    for (uint64_t r = crdt__rows_replica(seq, 0); r != 0; r = crdt__rows_replica(seq, r)) {
        replicas++;
    }
    if (crdt__snap_crowded(replicas, seq->sets.count, seq->order.visible)) return false;
    if (seq->atoms.voids == 0) return true;
    walk      w = walk_of(seq, false);
    crdt_view piece;
    uint32_t  count;
    while (walk_next(&w, &piece, &count)) {
        if (piece.size == 0) return false;
    }
    return true;
}

static void put_text(const crdt__seq *seq, bool dead, crdt_buf *out)
{
    crdt_view piece;
    uint32_t  count;
    size_t    size = 0;
    walk      sizes = walk_of(seq, dead), pieces = sizes;
    while (walk_next(&sizes, &piece, &count)) size += piece.size;
    crdt_buf_varint(out, size);
    while (walk_next(&pieces, &piece, &count)) crdt_buf_put(out, piece.data, piece.size);
}

void crdt__snap_put_live(const crdt__seq *seq, crdt_buf *out)
{
    put_text(seq, false, out);
}

/* Stretches of forgotten atoms among the dead ones; out NULL: only counted. */
static uint32_t put_voids(const crdt__seq *seq, crdt_buf *out)
{
    walk      w = walk_of(seq, true);
    crdt_view piece;
    uint32_t  count, held = 0, run = 0, voids = 0;
    for (bool more = true; more;) {
        more = walk_next(&w, &piece, &count);
        if (more && piece.size == 0) {
            run += count;
            continue;
        }
        if (run > 0) {
            voids++;
            if (out != NULL) crdt_buf_varint(out, held);
            if (out != NULL) crdt_buf_varint(out, run);
            held = run = 0;
        }
        held += count;
    }
    return voids;
}

void crdt__snap_put_dead(const crdt__seq *seq, crdt_buf *out)
{
    put_text(seq, true, out);
    if (seq->atoms.voids == 0) {
        crdt_buf_varint(out, 0);
        return;
    }
    crdt_buf_varint(out, put_voids(seq, NULL));
    (void)put_voids(seq, out);
}

/* -- Reading rows ------------------------------------------------------------------------------ */

/* The rows of one replica, being read; its place is that of its author in the log. */
typedef struct strand {
    const uint8_t *at[CRDT__CONTENT], *end[CRDT__CONTENT];
    crdt__trail    trail;
    uint64_t       rows;  /* left */
    uint32_t       waits; /* 1 + the strand that waits for this one */
    uint32_t       until; /* ... to have more elements than this */
    uint8_t        step;  /* 0: all columns are one */
    bool           open;
} strand;

/* What a row refers to: its left origin or the last element that it deletes, before which `run`
 * others have the cids and counters before, and its right parent; or of what is not there author
 * and counter. */
typedef struct links {
    uint32_t author, ctr, cid, run, right;
} links;

/* Of a replica referred to lately: its author, and where in the author's runs. */
typedef struct recent {
    uint64_t replica; /* 0: none */
    uint32_t author, at;
} recent;

/* Where an author's rows in the log end. */
typedef struct tails {
    uint32_t       author;
    crdt__ins_tail ins;
    crdt__del_tail del;
} tails;

typedef struct reader {
    crdt__snap  snap;
    crdt_dec   *dec;
    strand     *strands;
    size_t      count;
    const char *reason;                    /* what is malformed, once something is */
    tails       tails[TAILS];              /* by author, modulo */
    recent      recent[1u << RECENT_BITS]; /* by a hash of the replica */
    uint64_t    insertions;
} reader;

static void malformed(reader *r, const char *reason)
{
    if (r->reason == NULL) r->reason = reason;
}

static uint64_t get_long(reader *r, const uint8_t **at, const uint8_t *end)
{
    crdt_dec dec;
    crdt_dec_init(&dec, crdt_view_of(*at, (size_t)(end - *at)), NULL);
    uint64_t n = crdt_dec_varint(&dec);
    if (dec.err != CRDT_OK) malformed(r, dec.reason);
    *at = dec.at;
    return n;
}

static inline uint64_t get(reader *r, strand *s, int column)
{
    int            c = column * s->step;
    const uint8_t *at = s->at[c];
    if (s->end[c] - at >= 2) {
        if (at[0] < 0x80) {
            s->at[c] = at + 1;
            return at[0];
        }
        if (at[1] - 1u < 0x7f) { /* the second is the last, and needed */
            s->at[c] = at + 2;
            return (at[0] & 0x7fu) | (uint64_t)at[1] << 7;
        }
    }
    return get_long(r, &s->at[c], s->end[c]);
}

static uint32_t get_counter(reader *r, strand *s, int column, uint64_t base, bool is_delta)
{
    uint64_t n = get(r, s, column);
    if (is_delta) n = base + (uint64_t)crdt_unzigzag(n);
    if (n < CRDT__SPAN_MAX) return (uint32_t)n;
    malformed(r, "an element's counter is out of range");
    return 0;
}

static uint32_t get_count(reader *r, strand *s)
{
    uint64_t n = get(r, s, CRDT__COUNTS);
    if (n < CRDT__SPAN_MAX - 2) return (uint32_t)n + 2;
    malformed(r, "a count is out of range");
    return 1;
}

/* An element by its replica's place; 0 for the dictionary's size, if `none` may be. */
static crdt__elem get_elem(reader *r, strand *s, int column, bool none)
{
    crdt__elem elem = {0, 0};
    uint64_t   place = get(r, s, column);
    if (place == r->dec->dict_count && none) return elem;
    if (place >= r->dec->dict_count) {
        malformed(r, "a replica that the dictionary lacks");
        return elem;
    }
    elem.replica = r->dec->dict[place];
    elem.ctr = get_counter(r, s, column, 0, false);
    return elem;
}

static crdt__elem get_ref(reader *r, strand *s, uint8_t shape)
{
    crdt__elem elem = s->trail.cursor;
    if (shape & CRDT__SHAPE_OWN) {
        elem.ctr = get_counter(r, s, CRDT__REFS, elem.ctr, true);
        return elem;
    }
    elem = get_elem(r, s, CRDT__REFS, true);
    if (elem.replica == s->trail.cursor.replica) malformed(r, "a reference in its long form");
    return elem;
}

static void get_right(reader *r, strand *s, crdt__row *row, uint8_t shape)
{
    row->right = (crdt__elem){0, 0};
    if (shape & CRDT__SHAPE_NEAR) {
        row->right.replica = row->left.replica;
        row->right.ctr = get_counter(r, s, CRDT__OTHERS, row->left.ctr, true);
        bool ok = row->left.replica != 0 && (shape & CRDT__SHAPE_RIGHT);
        if (!ok) malformed(r, "a right parent beside no left origin");
    } else if (shape & CRDT__SHAPE_RIGHT) {
        row->right = get_elem(r, s, CRDT__OTHERS, false);
        if (row->right.replica == row->left.replica) malformed(r, "a right parent in long form");
    }
}

static void get_insertion(reader *r, strand *s, crdt__row *row, uint8_t shape)
{
    row->first.replica = row->replica;
    row->first.ctr = s->trail.ctr;
    get_right(r, s, row, shape);
    if (shape & CRDT__SHAPE_ODD) malformed(r, "elements that are not there");
    if (!r->snap.seq->classic) return;
    row->lamport = s->trail.lamport + (uint64_t)crdt_unzigzag(get(r, s, CRDT__OTHERS));
    bool ok = row->lamport > 0 && row->lamport <= CRDT__LAMPORT_END && !(shape & CRDT__SHAPE_RIGHT);
    if (!ok) malformed(r, "a Lamport time out of range, or a right parent in classic order");
}

static void get_deletion(reader *r, crdt__row *row, crdt__elem ref, uint8_t shape)
{
    uint32_t len = crdt__row_len(row);
    row->back = shape & CRDT__SHAPE_BACK;
    row->first = ref;
    row->first.ctr -= len - 1;
    bool ok = ref.replica != 0 && ref.ctr >= len - 1 && shape < 64 && (row->dots > 1 || !row->back);
    if (!ok) malformed(r, "a deletion of nothing");
}

/* False: malformed. */
static bool get_row(reader *r, strand *s, crdt__row *row)
{
    if (s->at[0] == s->end[0]) {
        malformed(r, "truncated");
        return false;
    }
    uint8_t shape = *s->at[0]++;
    row->replica = s->trail.replica;
    row->del = shape & CRDT__SHAPE_DEL;
    row->back = false;
    row->dots = shape & CRDT__SHAPE_MANY ? get_count(r, s) : 1;
    row->each = shape & CRDT__SHAPE_LONG ? get_count(r, s) : 1;
    row->lamport = 0;
    if ((uint64_t)row->dots * row->each >= CRDT__SPAN_MAX) malformed(r, "a row is too long");
    row->dot = s->trail.dot;
    if (shape & CRDT__SHAPE_GAP) {
        uint64_t gap = get(r, s, CRDT__OTHERS);
        if (gap == 0 || gap > CRDT_SEQ_MAX) malformed(r, "a gap that is none");
        else row->dot += gap;
    }
    if (row->dot == 0 || row->dot + row->dots > CRDT_SEQ_MAX) malformed(r, "a dot out of range");
    if (r->reason != NULL) return false;
    crdt__elem ref = get_ref(r, s, shape);
    row->left = ref;
    if (row->del) get_deletion(r, row, ref, shape);
    else get_insertion(r, s, row, shape);
    if (r->reason != NULL) return false;
    if (crdt__trail_joins(&s->trail, row, r->snap.seq->classic)) {
        malformed(r, "a row goes on from the one before");
    }
    return r->reason == NULL;
}

/* -- Taking rows ------------------------------------------------------------------------------- */

/* Room for one item more. Errors: ENOMEM, as it was. */
static crdt_err grow(const crdt_mem *mem, void **items, uint32_t *cap, uint64_t need, size_t size)
{
    if (need <= *cap) return CRDT_OK;
    uint64_t next = *cap + *cap / 2 + UINT64_C(8);
    if (next < need) next = need;
    if (next > UINT32_MAX) return CRDT_ENOMEM;
    void *more = crdt__resize(mem, *items, *cap * size, next * size);
    if (more == NULL) return CRDT_ENOMEM;
    *items = more;
    *cap = (uint32_t)next;
    return CRDT_OK;
}

/* Room for `len` elements more. */
static crdt_err make_room(crdt__snap *snap, uint32_t len)
{
    const crdt_mem *mem = snap->seq->space->mem;
    void           *words = snap->words, *ranks = snap->ranks;
    uint64_t        need = ((uint64_t)snap->seq->log.cid_end + len + 63) / 64;
    uint32_t        had = snap->word_cap;
    crdt_err        err = grow(mem, &words, &snap->word_cap, need, sizeof *snap->words);
    if (err == CRDT_OK) err = grow(mem, &ranks, &snap->rank_cap, need, sizeof *snap->ranks);
    snap->words = words;
    snap->ranks = ranks;
    if (snap->word_cap > had) {
        memset(snap->words + had, 0, (snap->word_cap - had) * sizeof *snap->words);
    }
    return err;
}

/* The words up to the element's have as many units before them as there are now. */
static void rank(crdt__snap *snap, uint32_t cid)
{
    while (snap->ranked <= cid / 64) snap->ranks[snap->ranked++] = snap->unit_count;
}

/* The elements follow the last ones; they are a unit of their own, or go on with the last. */
static void add_unit(crdt__snap *snap, const crdt__ins *ins, bool goes_on)
{
    uint32_t len = ins->dots * ins->each;
    rank(snap, ins->cid);
    if (!goes_on) {
        CRDT_ASSERT(snap->unit_count < snap->unit_cap);
        crdt__snap_set(snap, CRDT__SNAP_START, ins->cid, 1);
        if (snap->seq->classic) snap->lamports[snap->unit_count] = ins->lamport - ins->cid;
        crdt__unit *unit = &snap->units[snap->unit_count++];
        unit->left = ins->left;
        unit->key = crdt__unit_key(ins->left, ins->right);
    }
    rank(snap, ins->cid + (len - 1));
}

/* The left origin of the element. */
static uint32_t left_of(const crdt__snap *snap, uint32_t cid)
{
    if (!crdt__snap_bit(snap, CRDT__SNAP_START, cid)) return cid - 1;
    return snap->units[crdt__snap_unit(snap, cid)].left;
}

/* Could an honest author have written it? */
static bool is_placed(const crdt__snap *snap, const crdt__ins *ins)
{
    if (!snap->seq->classic) {
        return ins->right == CRDT__NO_CID || left_of(snap, ins->right) == ins->left;
    }
    if (ins->left == CRDT__NO_CID) return true;
    return ins->lamport >= crdt__lamport_on(crdt__snap_lamport(snap, ins->left), 1);
}

static tails *tails_of(reader *r, uint32_t author)
{
    tails *t = &r->tails[author % TAILS];
    if (t->author != author) *t = (tails){.author = author};
    return t;
}

static crdt_err put_insertion(reader *r, uint32_t author, const crdt__row *row, const links *at)
{
    crdt__snap *snap = &r->snap;
    crdt__log  *log = &snap->seq->log;
    uint32_t    len = crdt__row_len(row), cid = log->cid_end;
    crdt__ins   ins = {row->dot, row->lamport, row->dots, row->each, row->first.ctr,
                       cid,      at->cid,      at->right, false};
    if (len > snap->most - cid) malformed(r, "more dead elements than such a sequence may have");
    else if (!is_placed(snap, &ins)) malformed(r, "a row that nobody could have written");
    if (r->reason != NULL) return CRDT_EMALFORMED;
    crdt_err err = make_room(snap, len);
    if (err == CRDT_OK) err = crdt__log_load_ins(log, author, &tails_of(r, author)->ins, &ins);
    if (err != CRDT_OK) return err;
    bool goes_on =
        row->left.replica == row->replica && ins.right == CRDT__NO_CID && ins.left == cid - 1;
    if (goes_on && snap->seq->classic) {
        goes_on = row->lamport == crdt__lamport_on(crdt__snap_lamport(snap, cid - 1), 1);
    }
    add_unit(snap, &ins, goes_on);
    uint64_t last = crdt__lamport_on(row->lamport, len - 1);
    if (snap->seq->classic && last > snap->seq->lamport) snap->seq->lamport = last;
    return CRDT_OK;
}

static crdt_err put_deletion(reader *r, uint32_t author, const crdt__row *row, const links *at)
{
    crdt__log *log = &r->snap.seq->log;
    uint32_t   of = at->author, len = crdt__row_len(row), ctr = row->first.ctr;
    crdt__del  del = {row->dot, row->dots, row->each, of, ctr, row->back};
    if (at->run >= len - 1) {
        crdt__snap_set(&r->snap, CRDT__SNAP_DEAD, at->cid - (len - 1), len);
        return crdt__log_load_del(log, author, &tails_of(r, author)->del, &del);
    }
    for (uint32_t left = len, n; left > 0; ctr += n, left -= n) {
        crdt__idrange id = crdt__log_cid(log, of, ctr);
        n = id.len < left ? id.len : left;
        crdt__snap_set(&r->snap, CRDT__SNAP_DEAD, id.cid, n);
    }
    return crdt__log_load_del(log, author, &tails_of(r, author)->del, &del);
}

/* -- Reading replicas side by side ------------------------------------------------------------- */

static recent *recent_of(reader *r, const strand *s, uint64_t replica)
{
    recent *known = &r->recent[replica * UINT64_C(0x9e3779b97f4a7c15) >> (64 - RECENT_BITS)];
    if (known->replica == replica) return known;
    known->replica = replica;
    known->at = 0;
    known->author = replica == s->trail.replica ? (uint32_t)(s - r->strands)
                                                : crdt__log_find(&r->snap.seq->log, replica);
    return known;
}

/* The author's run that the counter is in, in which it was lately, or the one after it. */
static uint32_t run_near(const crdt__author *a, uint32_t at, uint32_t ctr)
{
    const crdt__idrun *runs = crdt__log_runs(a);
    uint32_t           n = a->run_count;
    for (int i = 0; i < 2 && at < n && runs[at].ctr <= ctr; i++, at++) {
        if (at + 1 == n || runs[at + 1].ctr > ctr) return at;
    }
    for (at = 0; n > 1;) {
        uint32_t half = n / 2;
        at = runs[at + half].ctr <= ctr ? at + half : at;
        n -= half;
    }
    return at;
}

/* Is the element there? Its author and cid; NO_CID for none. *ret_run: elements before it with the
 * cids before. */
static inline bool resolve(reader *r, const strand *s, crdt__elem elem, uint32_t *ret_author,
                           uint32_t *ret_cid, uint32_t *ret_run)
{
    *ret_cid = CRDT__NO_CID;
    if (elem.replica == 0) return true;
    recent *known = recent_of(r, s, elem.replica);
    *ret_author = known->author;
    if (known->author == CRDT__NO_AUTHOR) return false;
    const crdt__author *a = &r->snap.seq->log.authors[known->author];
    if (elem.ctr >= a->count) return false;
    known->at = run_near(a, known->at, elem.ctr);
    const crdt__idrun *run = &crdt__log_runs(a)[known->at];
    *ret_run = elem.ctr - run->ctr;
    *ret_cid = run->cid + *ret_run;
    return true;
}

/* All that the row refers to; false: author and ctr tell what it lacks. */
static bool resolve_row(reader *r, const strand *s, const crdt__row *row, links *ret)
{
    uint32_t   run;
    crdt__elem elem = row->del ? row->first : row->left;
    if (row->del) elem.ctr += crdt__row_len(row) - 1;
    ret->ctr = elem.ctr;
    ret->right = CRDT__NO_CID;
    if (!resolve(r, s, elem, &ret->author, &ret->cid, &ret->run)) return false;
    if (row->del || row->right.replica == 0) return true;
    ret->ctr = row->right.ctr;
    return resolve(r, s, row->right, &ret->author, &ret->right, &run);
}

/* s waits until the author has the element: that one is read on. */
static strand *wait_for(reader *r, strand *s, uint32_t author, uint32_t ctr)
{
    strand *other = author == CRDT__NO_AUTHOR ? s : &r->strands[author];
    if (other->open || other->rows == 0) {
        malformed(r, "a row refers to what is not there");
        return NULL;
    }
    other->open = true;
    other->waits = (uint32_t)(s - r->strands) + 1;
    other->until = ctr;
    return other;
}

static crdt_err put_row(reader *r, strand *s, const crdt__row *row, const links *at)
{
    uint32_t author = (uint32_t)(s - r->strands);
    crdt_err err = row->del ? put_deletion(r, author, row, at) : put_insertion(r, author, row, at);
    if (err != CRDT_OK) return err;
    crdt__trail_pass(&s->trail, row);
    s->rows--;
    return CRDT_OK;
}

/* Read the strand's rows, and of others what they need. */
static crdt_err read_on(reader *r, strand *s)
{
    crdt_err err = CRDT_OK;
    s->open = true;
    while (s != NULL && err == CRDT_OK) {
        bool done = s->waits != 0 && r->snap.seq->log.authors[s - r->strands].count > s->until;
        if (done || s->rows == 0) {
            s->open = false;
            strand *waiter = s->waits == 0 ? NULL : &r->strands[s->waits - 1];
            s->waits = 0;
            s = waiter;
            continue;
        }
        const uint8_t *before[CRDT__CONTENT];
        crdt__row      row;
        links          at = {0};
        memcpy(before, s->at, sizeof before);
        if (!get_row(r, s, &row)) return CRDT_EMALFORMED;
        if (resolve_row(r, s, &row, &at)) {
            err = put_row(r, s, &row, &at);
            continue;
        }
        memcpy(s->at, before, sizeof before);
        s = wait_for(r, s, at.author, at.ctr);
        if (s == NULL) return CRDT_EMALFORMED;
    }
    return err;
}

/* Rows without columns have no sizes: read them once to find their end. */
static bool pass_inline(reader *r, strand *s)
{
    strand    ahead = *s;
    crdt__row row;
    ahead.at[0] = r->dec->at;
    ahead.end[0] = r->dec->end;
    s->at[0] = ahead.at[0];
    for (uint64_t i = 0; i < s->rows; i++) {
        if (!get_row(r, &ahead, &row)) return false;
        r->insertions += !row.del;
        crdt__trail_pass(&ahead.trail, &row);
    }
    s->end[0] = ahead.at[0];
    (void)crdt_dec_bytes(r->dec, (size_t)(s->end[0] - s->at[0]));
    return true;
}

static bool open_strand(reader *r, strand *s, uint64_t after)
{
    crdt_dec *dec = r->dec;
    uint64_t  replica = crdt_dec_replica(dec), sizes[CRDT__CONTENT];
    s->rows = crdt_dec_varint(dec);
    if (dec->err != CRDT_OK) return false;
    if (replica <= after || s->rows == 0) {
        malformed(r, "replicas are not ascending, or without rows");
        return false;
    }
    crdt__trail_begin(&s->trail, replica);
    s->step = s->rows < CRDT__INLINE_ROWS ? 0 : 1;
    if (s->step == 0) return pass_inline(r, s);
    for (int i = 0; i < CRDT__CONTENT; i++) sizes[i] = crdt_dec_varint(dec);
    for (int i = 0; i < CRDT__CONTENT; i++) {
        if (dec->err != CRDT_OK) return false;
        crdt_view column = crdt_dec_bytes(dec, (size_t)sizes[i]);
        s->at[i] = column.data;
        s->end[i] = s->at[i] + column.size;
    }
    if (dec->err != CRDT_OK) return false;
    if (sizes[0] != s->rows) malformed(r, "rows and shapes differ in number");
    for (const uint8_t *at = s->at[0]; at < s->end[0]; at++) {
        r->insertions += (*at & CRDT__SHAPE_DEL) == 0;
    }
    return r->reason == NULL;
}

/* As many units as there are insertions, at most. */
static crdt_err make_units(reader *r)
{
    crdt__snap     *snap = &r->snap;
    const crdt_mem *mem = snap->seq->space->mem;
    if (r->insertions == 0) malformed(r, "a whole sequence of nothing");
    if (r->insertions >= CRDT__SPAN_MAX) malformed(r, "too many rows");
    if (r->reason != NULL) return CRDT_EMALFORMED;
    snap->unit_cap = (uint32_t)r->insertions;
    snap->units = crdt__alloc(mem, snap->unit_cap * sizeof *snap->units);
    if (snap->units == NULL) return CRDT_ENOMEM;
    if (!snap->seq->classic) return CRDT_OK;
    snap->lamports = crdt__alloc(mem, snap->unit_cap * sizeof *snap->lamports);
    return snap->lamports == NULL ? CRDT_ENOMEM : CRDT_OK;
}

/* Not each insertion began one. A refusal to shrink leaves them. */
static void trim_units(crdt__snap *snap)
{
    size_t had = snap->unit_cap * sizeof *snap->units,
           need = snap->unit_count * sizeof *snap->units;
    if (snap->seq->classic || need == had || need == 0) return; /* lamports stay as many */
    void *units = crdt__resize(snap->seq->space->mem, snap->units, had, need);
    if (units == NULL) return;
    snap->units = units;
    snap->unit_cap = snap->unit_count;
}

static crdt_err read_rows(reader *r)
{
    crdt_err   err = CRDT_OK;
    uint64_t   after = 0;
    crdt__log *log = &r->snap.seq->log;
    for (size_t i = 0; i < r->count; i++) {
        strand  *s = &r->strands[i];
        uint32_t author;
        if (!open_strand(r, s, after)) return CRDT_EMALFORMED;
        after = s->trail.replica;
        err = crdt__log_author(log, after, &author);
        if (err != CRDT_OK) return err;
        CRDT_ASSERT(author == i);
    }
    err = make_units(r);
    for (size_t i = 0; i < r->count && err == CRDT_OK; i++) err = read_on(r, &r->strands[i]);
    for (size_t i = 0; i < r->count && err == CRDT_OK; i++) {
        const strand *s = &r->strands[i];
        for (int c = 0; c <= (CRDT__CONTENT - 1) * s->step; c++) {
            if (s->at[c] != s->end[c]) malformed(r, "a column is longer than its rows");
        }
        if (r->reason != NULL) err = CRDT_EMALFORMED;
    }
    crdt__log_settle(log);
    return err;
}

/* -- Reading texts ----------------------------------------------------------------------------- */

/* So many atoms; false: not what a sequence of this kind holds. */
static bool count_atoms(reader *r, crdt_view text, uint32_t *ret_count)
{
    if (r->snap.seq->atoms.kind == CRDT__UTF8_ATOMS) {
        if (!crdt__utf8_count(text, ret_count)) {
            malformed(r, "text is not UTF-8");
            return false;
        }
        if (*ret_count != text.size) r->snap.ascii = false;
        return true;
    }
    crdt_dec dec;
    crdt_dec_init(&dec, text, r->dec->limits);
    r->snap.ascii = false;
    for (*ret_count = 0; dec.at < dec.end && dec.err == CRDT_OK; ++*ret_count) {
        (void)crdt_dec_value(&dec);
    }
    if (dec.err != CRDT_OK) crdt_dec_fail(r->dec, dec.err, dec.reason);
    return dec.err == CRDT_OK;
}

static crdt_view get_text(crdt_dec *dec)
{
    uint64_t size = crdt_dec_varint(dec);
    return crdt_dec_bytes(dec, size > SIZE_MAX ? SIZE_MAX : (size_t)size);
}

bool crdt__snap_live(crdt__atom_kind kind, crdt_dec *dec, crdt_view *ret_live)
{
    uint32_t count;
    if ((crdt_dec_varint(dec) & 2) == 0) return false;
    *ret_live = get_text(dec);
    if (kind == CRDT__UTF8_ATOMS && !crdt__utf8_count(*ret_live, &count)) {
        crdt_dec_fail(dec, CRDT_EMALFORMED, "text is not UTF-8");
    }
    return dec->err == CRDT_OK;
}

/* The stretches of forgotten atoms, in all and in their bytes. */
static void read_voids(reader *r, uint64_t dead, uint32_t held)
{
    crdt_dec      *dec = r->dec;
    size_t         pairs = crdt_dec_count(dec, 2, "more stretches than bytes");
    const uint8_t *from = dec->at;
    uint64_t       voids = 0, passed = 0;
    for (size_t i = 0; i < pairs && dec->err == CRDT_OK; i++) {
        uint64_t gap = crdt__dec_varint(dec), run = crdt__dec_varint(dec);
        if (run == 0 || (gap == 0 && i > 0) || gap > held - passed || run > dead - voids) {
            crdt_dec_fail(dec, CRDT_EMALFORMED, "forgotten atoms that cannot be");
            return;
        }
        passed += gap;
        voids += run;
    }
    r->snap.voids = crdt_view_of(from, (size_t)(dec->at - from));
    r->snap.void_count = (uint32_t)voids;
    if (dec->err == CRDT_OK && held + voids != dead) malformed(r, "dead atoms are not all told of");
}

static crdt_err read_dead(reader *r, uint32_t live)
{
    crdt__snap *snap = &r->snap;
    uint32_t    held, atoms = snap->seq->log.cid_end;
    uint64_t    dead = 0;
    for (uint32_t cid = 0; cid < atoms; cid += 64) {
        dead += crdt__bits_in(snap->words[cid / 64].bits[CRDT__SNAP_DEAD]);
    }
    snap->dead = get_text(r->dec);
    if (r->dec->err != CRDT_OK || !count_atoms(r, snap->dead, &held)) return CRDT_EMALFORMED;
    if (live + dead != atoms) malformed(r, "another number of elements than show");
    else if (snap->live.size + snap->dead.size >= UINT32_MAX) malformed(r, "too long a text");
    else if (held > dead) malformed(r, "more dead atoms than elements");
    else read_voids(r, dead, held);
    return r->reason != NULL || r->dec->err != CRDT_OK ? CRDT_EMALFORMED : CRDT_OK;
}

crdt_err crdt__snap_read(crdt__seq *seq, crdt_dec *dec, size_t replicas)
{
    reader          r;
    uint32_t        live = 0;
    const crdt_mem *mem = seq->space->mem;
    size_t          size = replicas * sizeof *r.strands;
    memset(&r, 0, sizeof r);
    r.snap.seq = seq;
    r.snap.ascii = true;
    r.dec = dec;
    r.count = replicas;
    r.snap.live = get_text(dec);
    crdt_err err = dec->err;
    if (err == CRDT_OK && !count_atoms(&r, r.snap.live, &live)) err = CRDT_EMALFORMED;
    if (err == CRDT_OK && (live < CRDT__SNAP_LEAST || crdt__snap_crowded(replicas, 0, live))) {
        malformed(&r, "a whole sequence that shows too little");
        err = CRDT_EMALFORMED;
    }
    r.snap.most = (uint32_t)most_atoms(live);
    if (err == CRDT_OK) {
        r.strands = crdt__alloc(mem, size);
        if (r.strands == NULL) err = CRDT_ENOMEM;
        else memset(r.strands, 0, size);
    }
    if (err == CRDT_OK) err = read_rows(&r);
    crdt__release(mem, r.strands, size);
    trim_units(&r.snap);
    if (err == CRDT_OK) err = read_dead(&r, live);
    if (err == CRDT_OK) err = crdt__snap_build(&r.snap);
    crdt__release(mem, r.snap.units, r.snap.unit_cap * sizeof *r.snap.units);
    if (seq->classic) {
        crdt__release(mem, r.snap.lamports, r.snap.unit_cap * sizeof *r.snap.lamports);
    }
    crdt__release(mem, r.snap.words, r.snap.word_cap * sizeof *r.snap.words);
    crdt__release(mem, r.snap.ranks, r.snap.rank_cap * sizeof *r.snap.ranks);
    if (r.reason != NULL) crdt_dec_fail(dec, CRDT_EMALFORMED, r.reason);
    return err != CRDT_OK && dec->err != CRDT_OK ? dec->err : err;
}
