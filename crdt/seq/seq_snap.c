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
#include "crdt/seq/seq_pack.h"

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
#define RECENT_BITS 9

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
    if (seq->stands.count > 0) return false;  /* what shows does not follow from deletions alone */
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
    crdt__snap     snap;
    crdt__reader   in;       /* what is malformed is told to it */
    crdt__section *sections; /* a section's place is that of its author in the log */
    size_t         count;
    tails          tails[TAILS];              /* by author, modulo */
    recent         recent[1u << RECENT_BITS]; /* by a hash of the replica */
} reader;

static crdt_err malformed(reader *r, const char *reason)
{
    return crdt_dec_fail(&r->in.in, CRDT_EMALFORMED, reason);
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

/* The time of the unit that comes next. Errors: ENOMEM. */
static crdt_err note_time(crdt__snap *snap, uint64_t less)
{
    const crdt_mem *mem = snap->seq->space->mem;
    uint64_t        near = less + CRDT__SNAP_NEAR;
    if (snap->lamports == NULL && near <= UINT32_MAX) {
        snap->near[snap->unit_count] = (uint32_t)near;
        return CRDT_OK;
    }
    if (snap->lamports == NULL) {
        snap->lamports = crdt__alloc(mem, snap->unit_cap * sizeof *snap->lamports);
        if (snap->lamports == NULL) return CRDT_ENOMEM;
        for (uint32_t i = 0; i < snap->unit_count; i++) {
            snap->lamports[i] = snap->near[i] - CRDT__SNAP_NEAR;
        }
        crdt__release(mem, snap->near, snap->unit_cap * sizeof *snap->near);
        snap->near = NULL;
    }
    snap->lamports[snap->unit_count] = less;
    return CRDT_OK;
}

/* The elements follow the last ones; they are a unit of their own, or go on with the last. */
static crdt_err add_unit(crdt__snap *snap, const crdt__ins *ins, bool goes_on)
{
    uint32_t len = ins->dots * ins->each;
    crdt_err err = CRDT_OK;
    rank(snap, ins->cid);
    if (!goes_on) {
        CRDT_ASSERT(snap->unit_count < snap->unit_cap);
        crdt__snap_set(snap, CRDT__SNAP_START, ins->cid, 1);
        if (snap->seq->classic) err = note_time(snap, ins->lamport - ins->cid);
        crdt__unit *unit = &snap->units[snap->unit_count++];
        unit->left = ins->left;
        unit->key = crdt__unit_key(ins->left, ins->right);
    }
    rank(snap, ins->cid + (len - 1));
    return err;
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

static crdt_err put_insertion(reader *r, uint32_t author, tails *t, const crdt__row *row,
                              const links *at)
{
    crdt__snap *snap = &r->snap;
    crdt__log  *log = &snap->seq->log;
    uint32_t    len = crdt__row_len(row), cid = log->cid_end;
    crdt__ins   ins = {row->dot, row->lamport, row->dots, row->each, row->first.ctr,
                       cid,      at->cid,      at->right, false};
    if (len > snap->most - cid) {
        return malformed(r, "more dead elements than such a sequence may have");
    }
    if (!is_placed(snap, &ins)) return malformed(r, "a row that nobody could have written");
    crdt_err err = make_room(snap, len);
    if (err == CRDT_OK) err = crdt__log_load_ins(log, author, &t->ins, &ins);
    if (err != CRDT_OK) return err;
    bool goes_on =
        row->left.replica == row->replica && ins.right == CRDT__NO_CID && ins.left == cid - 1;
    if (goes_on && snap->seq->classic) {
        goes_on = row->lamport == crdt__lamport_on(crdt__snap_lamport(snap, cid - 1), 1);
    }
    err = add_unit(snap, &ins, goes_on);
    uint64_t last = crdt__lamport_on(row->lamport, len - 1);
    if (snap->seq->classic && last > snap->seq->lamport) snap->seq->lamport = last;
    return err;
}

static crdt_err put_deletion(reader *r, uint32_t author, tails *t, const crdt__row *row,
                             const links *at)
{
    crdt__log *log = &r->snap.seq->log;
    uint32_t   of = at->author, len = crdt__row_len(row), ctr = row->first.ctr;
    crdt__del  del = {row->dot, row->dots, row->each, of, ctr, row->back};
    if (at->run >= len - 1) {
        crdt__snap_set(&r->snap, CRDT__SNAP_DEAD, at->cid - (len - 1), len);
        return crdt__log_load_del(log, author, &t->del, &del);
    }
    for (uint32_t left = len, n; left > 0; ctr += n, left -= n) {
        crdt__idrange id = crdt__log_cid(log, of, ctr);
        n = id.len < left ? id.len : left;
        crdt__snap_set(&r->snap, CRDT__SNAP_DEAD, id.cid, n);
    }
    return crdt__log_load_del(log, author, &t->del, &del);
}

/* -- Reading replicas side by side ------------------------------------------------------------- */

static recent *recent_of(reader *r, uint64_t replica)
{
    recent *known = &r->recent[replica * UINT64_C(0x9e3779b97f4a7c15) >> (64 - RECENT_BITS)];
    if (known->replica == replica) return known;
    known->replica = replica;
    known->at = 0;
    known->author = crdt__log_find(&r->snap.seq->log, replica);
    return known;
}

/* The author's run that the counter is in, from one that was met lately on: in ever longer steps,
 * then between the last two. */
static uint32_t run_near(const crdt__author *a, uint32_t at, uint32_t ctr)
{
    const crdt__idrun *runs = crdt__log_runs(a);
    uint32_t           n = a->run_count, step = 1, end;
    if (runs[at].ctr <= ctr) {
        while (n - at > step && runs[at + step].ctr <= ctr) {
            at += step;
            step *= 2;
        }
        end = n - at > step ? at + step : n;
    } else {
        do {
            end = at;
            at = at > step ? at - step : 0;
            step *= 2;
        } while (runs[at].ctr > ctr);
    }
    for (uint32_t left = end - at; left > 1;) {
        uint32_t half = left / 2;
        at = runs[at + half].ctr <= ctr ? at + half : at;
        left -= half;
    }
    return at;
}

/* Is the element there? Its author and cid; NO_CID for none. *ret_run: elements before it with the
 * cids before. `a` is whose row names it, `self` that one's place. */
static inline bool resolve(reader *r, const crdt__author *a, uint32_t self, crdt__elem elem,
                           uint32_t *ret_author, uint32_t *ret_cid, uint32_t *ret_run)
{
    const crdt__idrun *run;
    *ret_cid = CRDT__NO_CID;
    if (elem.replica == 0) return true;
    if (elem.replica == a->replica && (a->run_count == 1 || elem.ctr >= a->count)) {
        *ret_author = self;
        if (elem.ctr >= a->count) return false;
        run = crdt__log_runs(a);
    } else {
        recent *known = recent_of(r, elem.replica);
        *ret_author = known->author;
        if (known->author == CRDT__NO_AUTHOR) return false;
        a = &r->snap.seq->log.authors[known->author];
        if (elem.ctr >= a->count) return false;
        known->at = run_near(a, known->at, elem.ctr);
        run = &crdt__log_runs(a)[known->at];
    }
    *ret_run = elem.ctr - run->ctr;
    *ret_cid = run->cid + *ret_run;
    return true;
}

/* All that the row refers to; false: author and ctr tell what it lacks. */
static inline bool resolve_row(reader *r, const crdt__author *a, uint32_t self,
                               const crdt__row *row, links *ret)
{
    uint32_t   run;
    crdt__elem elem = row->del ? row->first : row->left;
    if (row->del) elem.ctr += crdt__row_len(row) - 1;
    ret->ctr = elem.ctr;
    ret->right = CRDT__NO_CID;
    if (!resolve(r, a, self, elem, &ret->author, &ret->cid, &ret->run)) return false;
    if (row->del || row->right.replica == 0) return true;
    ret->ctr = row->right.ctr;
    return resolve(r, a, self, row->right, &ret->author, &ret->right, &run);
}

/* s waits until the author has the element: that one is read on. */
static crdt__section *wait_for(reader *r, crdt__section *s, uint32_t author, uint32_t ctr)
{
    crdt__section *other = author == CRDT__NO_AUTHOR ? s : &r->sections[author];
    if (other->open || other->rows == 0) {
        malformed(r, "a row refers to what is not there");
        return NULL;
    }
    other->open = true;
    other->waits = (uint32_t)(s - r->sections) + 1;
    other->until = ctr;
    return other;
}

/* Read the section's rows, up to one that waits, which *ret tells of: true; or to what another one
 * waits for, or to the last. */
static crdt_err read_some(reader *r, crdt__section *s, links *ret, bool *ret_waits)
{
    uint32_t            self = (uint32_t)(s - r->sections);
    const crdt__author *author = &r->snap.seq->log.authors[self];
    tails              *t = tails_of(r, self);
    crdt_err            err = CRDT_OK;
    *ret_waits = false;
    while (s->rows > 0 && err == CRDT_OK && (s->waits == 0 || author->count <= s->until)) {
        const uint8_t *before[CRDT__CONTENT];
        crdt__row      row;
        memcpy(before, s->at, sizeof before);
        if (!crdt__reader_bare_row(&r->in, s, &row)) return r->in.in.err;
        if (!resolve_row(r, author, self, &row, ret)) {
            memcpy(s->at, before, sizeof before);
            *ret_waits = true;
            return CRDT_OK;
        }
        err = row.del ? put_deletion(r, self, t, &row, ret) : put_insertion(r, self, t, &row, ret);
        crdt__reader_took(s, &row);
    }
    return err;
}

/* Read the section's rows, and of others what they need. */
static crdt_err read_on(reader *r, crdt__section *s)
{
    crdt_err err = CRDT_OK;
    s->open = true;
    while (s != NULL && err == CRDT_OK) {
        links at = {0};
        bool  waits;
        err = read_some(r, s, &at, &waits);
        if (err == CRDT_OK && waits) {
            s = wait_for(r, s, at.author, at.ctr);
            if (s == NULL) return CRDT_EMALFORMED;
            continue;
        }
        crdt__section *waiter = s->waits == 0 ? NULL : &r->sections[s->waits - 1];
        s->open = false;
        s->waits = 0;
        s = waiter;
    }
    return err;
}

/* The insertions of a section that has just begun. */
static uint64_t count_insertions(reader *r, crdt__section *s)
{
    uint64_t deletions = r->in.claims.deletions, count = 0;
    crdt__reader_pass(&r->in, s);
    if (s->is_inline) return s->rows - (r->in.claims.deletions - deletions);
    for (const uint8_t *at = s->at[0]; at < s->end[0]; at++) {
        count += (*at & CRDT__SHAPE_DEL) == 0;
    }
    return count;
}

/* As many units as there are insertions, at most. */
static crdt_err make_units(reader *r, uint64_t insertions)
{
    crdt__snap     *snap = &r->snap;
    const crdt_mem *mem = snap->seq->space->mem;
    if (insertions == 0) return malformed(r, "a whole sequence of nothing");
    if (insertions >= CRDT__SPAN_MAX) return malformed(r, "too many rows");
    snap->unit_cap = (uint32_t)insertions;
    snap->units = crdt__alloc(mem, snap->unit_cap * sizeof *snap->units);
    if (snap->units == NULL) return CRDT_ENOMEM;
    if (!snap->seq->classic) return CRDT_OK;
    snap->near = crdt__alloc(mem, snap->unit_cap * sizeof *snap->near);
    return snap->near == NULL ? CRDT_ENOMEM : CRDT_OK;
}

/* Not each insertion began one. A refusal to shrink leaves them. */
static void trim_units(crdt__snap *snap)
{
    size_t had = snap->unit_cap * sizeof *snap->units,
           need = snap->unit_count * sizeof *snap->units;
    if (snap->seq->classic || need == had || need == 0) return; /* times stay as many */
    void *units = crdt__resize(snap->seq->space->mem, snap->units, had, need);
    if (units == NULL) return;
    snap->units = units;
    snap->unit_cap = snap->unit_count;
}

static crdt_err read_rows(reader *r)
{
    crdt_err   err = CRDT_OK;
    uint64_t   insertions = 0;
    crdt__log *log = &r->snap.seq->log;
    for (size_t i = 0; i < r->count && err == CRDT_OK; i++) {
        crdt__section *s = &r->sections[i];
        uint32_t       author = 0;
        if (!crdt__reader_section(&r->in, s)) return r->in.in.err;
        insertions += count_insertions(r, s);
        err = r->in.in.err;
        if (err == CRDT_OK) err = crdt__log_author(log, s->trail.replica, &author);
        CRDT_ASSERT(err != CRDT_OK || author == i);
    }
    const uint8_t *rest = r->in.at;
    if (err == CRDT_OK) err = make_units(r, insertions);
    for (size_t i = 0; i < r->count && err == CRDT_OK; i++) err = read_on(r, &r->sections[i]);
    for (size_t i = 0; i < r->count && err == CRDT_OK; i++) {
        if (!crdt__reader_ends(&r->in, &r->sections[i])) err = r->in.in.err;
    }
    r->in.at = rest;
    crdt__log_settle(log);
    return err;
}

/* -- Reading texts ----------------------------------------------------------------------------- */

/* So many atoms; false: not what a sequence of this kind holds. */
static bool count_atoms(reader *r, crdt_view text, uint32_t *ret_count)
{
    crdt_dec *in = &r->in.in, dec;
    if (r->snap.seq->atoms.kind == CRDT__UTF8_ATOMS) {
        if (!crdt__utf8_count(text, ret_count)) malformed(r, "text is not UTF-8");
        else if (*ret_count != text.size) r->snap.ascii = false;
        return in->err == CRDT_OK;
    }
    crdt_dec_init(&dec, text, in->limits);
    r->snap.ascii = false;
    for (*ret_count = 0; dec.at < dec.end && dec.err == CRDT_OK; ++*ret_count) {
        (void)crdt_dec_value(&dec);
    }
    if (dec.err != CRDT_OK) crdt_dec_fail(in, dec.err, dec.reason);
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
    crdt_dec      *dec = &r->in.in;
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
    crdt_dec   *in = &r->in.in;
    uint32_t    held, atoms = snap->seq->log.cid_end;
    uint64_t    dead = 0;
    for (uint32_t cid = 0; cid < atoms; cid += 64) {
        dead += crdt__bits_in(snap->words[cid / 64].bits[CRDT__SNAP_DEAD]);
    }
    snap->dead = get_text(in);
    if (in->err != CRDT_OK || !count_atoms(r, snap->dead, &held)) return in->err;
    if (live + dead != atoms) return malformed(r, "another number of elements than show");
    if (snap->live.size + snap->dead.size >= UINT32_MAX) return malformed(r, "too long a text");
    if (held > dead) return malformed(r, "more dead atoms than elements");
    read_voids(r, dead, held);
    return in->err;
}

/* All but the size of what is live and that itself, which come before. */
static crdt_err read_all(reader *r)
{
    uint32_t        live;
    const crdt_mem *mem = r->snap.seq->space->mem;
    size_t          size = r->count * sizeof *r->sections;
    if (!count_atoms(r, r->snap.live, &live)) return r->in.in.err;
    if (live < CRDT__SNAP_LEAST || crdt__snap_crowded(r->count, 0, live)) {
        return malformed(r, "a whole sequence that shows too little");
    }
    r->snap.most = (uint32_t)most_atoms(live);
    r->sections = crdt__alloc(mem, size);
    if (r->sections == NULL) return CRDT_ENOMEM;
    crdt_err err = read_rows(r);
    crdt__release(mem, r->sections, size);
    trim_units(&r->snap);
    if (err == CRDT_OK) {
        r->in.in.at = r->in.at;
        r->in.in.end = r->in.end;
        err = read_dead(r, live);
    }
    return err;
}

void crdt__snap_untime(crdt__snap *snap)
{
    const crdt_mem *mem = snap->seq->space->mem;
    crdt__release(mem, snap->near, snap->unit_cap * sizeof *snap->near);
    crdt__release(mem, snap->lamports, snap->unit_cap * sizeof *snap->lamports);
    snap->near = NULL;
    snap->lamports = NULL;
}

crdt_err crdt__snap_read(crdt__seq *seq, crdt_dec *dec, size_t replicas)
{
    reader          r;
    const crdt_mem *mem = seq->space->mem;
    memset(&r, 0, sizeof r);
    r.snap.seq = seq;
    r.snap.ascii = true;
    r.count = replicas;
    r.snap.live = get_text(dec);
    if (dec->err != CRDT_OK) return dec->err;
    crdt__reader_whole(&r.in, seq, dec, replicas);
    crdt_err err = read_all(&r);
    if (err == CRDT_OK) err = crdt__snap_build(&r.snap);
    crdt__release(mem, r.snap.units, r.snap.unit_cap * sizeof *r.snap.units);
    crdt__snap_untime(&r.snap);
    crdt__release(mem, r.snap.words, r.snap.word_cap * sizeof *r.snap.words);
    crdt__release(mem, r.snap.ranks, r.snap.rank_cap * sizeof *r.snap.ranks);
    if (r.in.in.err != CRDT_OK) return crdt_dec_fail(dec, r.in.in.err, r.in.in.reason);
    if (err == CRDT_OK) (void)crdt_dec_bytes(dec, (size_t)(r.in.in.at - dec->at));
    return err;
}
