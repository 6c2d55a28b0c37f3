/* seq/seq_forget.c: what may be forgotten, and the sequence without it. See seq_forget.h.
 *
 * Collecting builds a new sequence out of what stays, in the order of arrival, and then puts it in
 * the old one's place: so it is done whole or not at all. An element arrives after its parent, thus
 * one walk over all elements is enough.
 */
#include "crdt/seq/seq_forget.h"

#include <string.h>

#include "crdt/core/mem.h"
#include "crdt/seq/seq_stand.h"

enum {
    STABLE = 1,   /* deleted by a dot in the cut */
    UNSTABLE = 2, /* ... by one that is not */
    LOST = 4,     /* a stand at which nothing shows any more, because of a dot in the cut */
    GOES = 8
};

#define GONE_BIT (UINT32_C(1) << 31)

/* Where the children of a forgotten element belong. */
typedef struct heir {
    uint32_t  parent; /* as a new cid, or NO_CID */
    bool      on_left;
    crdt__top top;
} heir;

typedef struct work {
    crdt__seq          *seq, *next; /* what is, and what will be */
    const crdt_context *cut;
    uint8_t            *marks; /* by cid */
    uint32_t           *map;   /* by cid: the new cid, or GONE_BIT and the place of an heir */
    heir               *heirs;
    uint32_t            heir_count, heir_cap;
    crdt__span          span; /* of the new order, growing; len 0: none */
} work;

/* A dot of an insertion: `each` elements of one author from the row's. */
typedef struct piece {
    uint32_t author;
    uint64_t dot;
    uint32_t ctr, cid, len;
} piece;

static piece piece_of(const crdt__ins *row, uint32_t author, uint32_t i)
{
    uint32_t at = i * row->each;
    return (piece){author, row->dot + i, row->ctr + at, row->cid + at, row->each};
}

static bool in_cut(const work *w, uint32_t author, uint64_t dot)
{
    crdt_dot d = {w->seq->log.authors[author].replica, dot};
    return crdt_context_has(w->cut, d);
}

/* -- What goes --------------------------------------------------------------------------------- */

static void mark_deleted(work *w, uint32_t of, uint32_t ctr, uint32_t len, uint8_t mark)
{
    crdt__idrange ids;
    for (uint32_t end = ctr + len; ctr < end; ctr += ids.len) {
        ids = crdt__log_cid(&w->seq->log, of, ctr);
        if (ids.len > end - ctr) ids.len = end - ctr;
        for (uint32_t i = 0; ids.cid != CRDT__NO_CID && i < ids.len; i++) {
            if (crdt__before_stand(w->seq, ids.cid + i, 1) > 0) w->marks[ids.cid + i] |= mark;
        }
    }
}

static void mark_deletions(work *w)
{
    const crdt__log *log = &w->seq->log;
    for (uint32_t a = 0; a < log->author_count; a++) {
        crdt__log_iter it;
        crdt__log_each_del(&it, log, a, 0);
        for (const crdt__del *del; (del = crdt__log_next_del(&it)) != NULL;) {
            for (uint32_t i = 0; i < del->dots; i++) {
                uint32_t at = (del->back ? del->dots - 1 - i : i) * del->each;
                uint8_t  mark = in_cut(w, a, del->dot + i) ? STABLE : UNSTABLE;
                mark_deleted(w, del->of, del->ctr + at, del->each, mark);
            }
        }
    }
}

static bool stand_in_cut(const work *w, uint32_t cid)
{
    crdt__idrange id = crdt__log_id(&w->seq->log, cid);
    crdt__ins     row = crdt__log_ins_of(&w->seq->log, id.author, id.ctr);
    return in_cut(w, id.author, row.dot + (id.ctr - row.ctr));
}

/* Stands of what was deleted, or moved later, by dots in the cut. Until elements are mapped the map
 * tells of those that were moved the latest stand in the cut so far. */
static void mark_stands(work *w)
{
    const crdt__stands *s = &w->seq->stands;
    for (uint32_t i = 0; i < s->count; i++) {
        if (s->at[i].of != CRDT__NO_CID) w->map[s->at[i].of] = CRDT__NO_CID;
    }
    for (uint32_t i = 0; i < s->count; i++) {
        uint32_t cid = s->at[i].cid, of = s->at[i].of;
        if (!stand_in_cut(w, cid)) continue;
        if (of == CRDT__NO_CID || (w->marks[of] & STABLE)) {
            w->marks[cid] |= LOST;
            continue;
        }
        uint32_t before = w->map[of];
        bool     wins = before == CRDT__NO_CID || crdt__stand_compare(w->seq, before, cid) < 0;
        if (before != CRDT__NO_CID) w->marks[wins ? before : cid] |= LOST;
        if (wins) w->map[of] = cid;
    }
}

static void mark_piece(work *w, piece p)
{
    for (uint32_t i = 0; i < p.len; i++) {
        uint8_t mark = w->marks[p.cid + i];
        if (mark != STABLE && mark != LOST) return;
    }
    if (!in_cut(w, p.author, p.dot)) return;
    for (uint32_t i = 0; i < p.len; i++) w->marks[p.cid + i] |= GOES;
}

/* The dot that inserted the element stays. */
static void spare(work *w, uint32_t cid)
{
    if (cid == CRDT__NO_CID || !(w->marks[cid] & GOES)) return;
    crdt__idrange id = crdt__log_id(&w->seq->log, cid);
    crdt__ins     row = crdt__log_ins_of(&w->seq->log, id.author, id.ctr);
    piece         p = piece_of(&row, id.author, (id.ctr - row.ctr) / row.each);
    for (uint32_t i = 0; i < p.len; i++) w->marks[p.cid + i] &= (uint8_t)~GOES;
}

/* The parent of the first element of a piece. */
static uint32_t parent_of(const crdt__seq *seq, const crdt__ins *row, piece p, bool *ret_on_left)
{
    *ret_on_left = false;
    if (p.ctr != row->ctr) return p.cid - 1;
    uint32_t right = crdt__seq_right_of(seq, row);
    *ret_on_left = right != CRDT__NO_CID;
    return *ret_on_left ? right : row->left;
}

/* All insertions: those that may go are marked, or (spares) what others hang on is spared. */
static void mark_insertions(work *w, bool spares)
{
    const crdt__log *log = &w->seq->log;
    for (uint32_t a = 0; a < log->author_count; a++) {
        crdt__log_iter it;
        bool           on_left;
        uint64_t       from = spares ? crdt_context_base(w->cut, log->authors[a].replica) + 1 : 0;
        crdt__log_each_ins(&it, log, a, from);
        for (const crdt__ins *row; (row = crdt__log_next_ins(&it)) != NULL;) {
            for (uint32_t i = 0; i < row->dots; i++) {
                piece p = piece_of(row, a, i);
                if (!spares) mark_piece(w, p);
                else if (!in_cut(w, a, p.dot)) spare(w, parent_of(w->seq, row, p, &on_left));
            }
        }
    }
}

static bool mark_all(work *w)
{
    mark_deletions(w);
    mark_stands(w);
    mark_insertions(w, false);
    mark_insertions(w, true);
    for (uint32_t cid = 0; cid < w->seq->atoms.count; cid++) {
        if (w->marks[cid] & GOES) return true;
    }
    return false;
}

/* -- What stays: content and rows -------------------------------------------------------------- */

static crdt_err copy_atoms(work *w, uint32_t cid, uint32_t len)
{
    crdt__atoms *atoms = &w->next->atoms;
    crdt_err     err = CRDT_OK;
    for (uint32_t count; err == CRDT_OK && len > 0; len -= count, cid += count) {
        bool     stable = w->marks[cid] & STABLE; /* its content goes */
        uint32_t n = 1;
        while (n < len && ((w->marks[cid + n] & STABLE) != 0) == stable) n++;
        crdt_view view = crdt__atoms_view(&w->seq->atoms, cid, n, &count);
        if (view.size == 0 || stable) {
            err = crdt__atoms_append_void(atoms, count);
            continue;
        }
        err = crdt__atoms_reserve(atoms, view.size, count);
        if (err == CRDT_OK) crdt__atoms_append(atoms, view.data, view.size, count);
    }
    return err;
}

static crdt_err add_heir(work *w, const heir *h)
{
    if (w->heir_count == w->heir_cap) {
        size_t cap = crdt__grow(w->heir_cap, w->heir_count + (size_t)1);
        heir  *heirs = crdt__resize(w->seq->space->mem, w->heirs, w->heir_cap * sizeof *heirs,
                                    cap * sizeof *heirs);
        if (heirs == NULL) return CRDT_ENOMEM;
        w->heirs = heirs;
        w->heir_cap = (uint32_t)cap;
    }
    w->heirs[w->heir_count++] = *h;
    return CRDT_OK;
}

/* The piece goes: its children belong where it was, or where its children would if it were there
 * only for its parent's sake. */
static crdt_err leave_out(work *w, const crdt__ins *row, piece p)
{
    bool     on_left;
    uint32_t parent = parent_of(w->seq, row, p, &on_left), heir_at = w->heir_count;
    bool     orphan = parent != CRDT__NO_CID && (w->map[parent] & GONE_BIT);
    if (orphan) {
        heir_at = w->map[parent] & ~GONE_BIT;
    } else {
        crdt__rank rank = crdt__rank_of(w->seq, p.cid);
        heir       h = {CRDT__NO_CID, on_left, {rank.lamport, {rank.replica, rank.ctr}, 0, 0}};
        if (parent != CRDT__NO_CID) h.parent = w->map[parent];
        crdt_err err = add_heir(w, &h);
        if (err != CRDT_OK) return err;
    }
    for (uint32_t i = 0; i < p.len; i++) w->map[p.cid + i] = heir_at | GONE_BIT;
    return CRDT_OK;
}

/* What the first element of the piece hangs on from now on; adds its top, if it has one. */
static crdt_err take_over(work *w, const crdt__ins *row, piece p, crdt__ins *ins)
{
    bool             on_left;
    uint32_t         parent = parent_of(w->seq, row, p, &on_left);
    const crdt__top *old = crdt__top_of(w->seq, p.cid);
    crdt__top        top;
    bool             has_top = old != NULL;
    if (has_top) top = *old;
    if (parent != CRDT__NO_CID && (w->map[parent] & GONE_BIT)) {
        const heir *h = &w->heirs[w->map[parent] & ~GONE_BIT];
        parent = h->parent;
        on_left = h->on_left;
        top = h->top;
        has_top = true;
    } else if (parent != CRDT__NO_CID) {
        parent = w->map[parent];
    }
    ins->right = on_left ? parent : CRDT__NO_CID;
    ins->left = on_left ? crdt__seq_left_of(w->next, parent) : parent;
    if (!has_top) return CRDT_OK;
    top.cid = ins->cid;
    return crdt__seq_add_top(w->next, &top);
}

static crdt_err keep_piece(work *w, const crdt__ins *row, piece p)
{
    crdt__seq *next = w->next;
    crdt__ins  ins = *row;
    ins.dot = p.dot;
    ins.dots = 1;
    ins.ctr = p.ctr;
    ins.cid = next->atoms.count;
    ins.raw = false;
    if (row->lamport != 0) ins.lamport = row->lamport + (p.ctr - row->ctr);
    crdt_err err = take_over(w, row, p, &ins);
    if (err == CRDT_OK) err = crdt__log_reserve(&next->log, p.author, 1, 0);
    if (err == CRDT_OK) err = copy_atoms(w, p.cid, p.len);
    if (err != CRDT_OK) return err;
    uint32_t count = next->log.authors[p.author].count;
    if (p.ctr > count) crdt__log_skip(&next->log, p.author, p.ctr - count);
    crdt__log_add_ins(&next->log, p.author, &ins);
    for (uint32_t i = 0; i < p.len; i++) w->map[p.cid + i] = ins.cid + i;
    const crdt__stand *stand = crdt__stand_at(w->seq, p.cid);
    if (stand == NULL) return CRDT_OK;
    uint32_t of = stand->of == CRDT__NO_CID ? GONE_BIT : w->map[stand->of];
    return crdt__stand_copy(next, ins.cid, of & GONE_BIT ? CRDT__NO_CID : of);
}

/* So many rows are at most in the open ones. */
#define SETTLE_ROWS 1024u

/* All pieces in order of arrival. */
static crdt_err copy_insertions(work *w)
{
    const crdt__log *log = &w->seq->log;
    crdt_err         err = CRDT_OK;
    uint32_t         open = 0;
    for (uint32_t cid = 0; err == CRDT_OK && cid < w->seq->atoms.count;) {
        crdt__idrange  id = crdt__log_id(log, cid);
        crdt__ins      first = crdt__log_ins_of(log, id.author, id.ctr);
        crdt__log_iter it;
        crdt__log_each_ins(&it, log, id.author, first.dot);
        for (uint32_t end = cid + id.len; err == CRDT_OK && cid < end;) {
            const crdt__ins *row = crdt__log_next_ins(&it);
            for (uint32_t i = 0; err == CRDT_OK && i < row->dots; i++) {
                piece p = piece_of(row, id.author, i);
                bool  goes = w->marks[p.cid] & GOES;
                err = goes ? leave_out(w, row, p) : keep_piece(w, row, p);
                if (++open % SETTLE_ROWS == 0) crdt__log_settle(&w->next->log);
            }
            cid += row->dots * row->each;
        }
    }
    return err;
}

/* Does anything of what the dot deleted stay? */
static bool names_something(const work *w, const crdt__del *del, uint32_t i)
{
    uint32_t      ctr = del->ctr + (del->back ? del->dots - 1 - i : i) * del->each;
    crdt__idrange ids;
    for (uint32_t end = ctr + del->each; ctr < end; ctr += ids.len) {
        ids = crdt__log_cid(&w->seq->log, del->of, ctr);
        if (ids.len > end - ctr) ids.len = end - ctr;
        for (uint32_t k = 0; ids.cid != CRDT__NO_CID && k < ids.len; k++) {
            if (!(w->map[ids.cid + k] & GONE_BIT)) return true;
        }
    }
    return false;
}

static crdt_err copy_deletions(work *w)
{
    const crdt__log *log = &w->seq->log;
    crdt__log       *to = &w->next->log;
    crdt_err         err = CRDT_OK;
    for (uint32_t a = 0; err == CRDT_OK && a < log->author_count; a++) {
        crdt__log_iter it;
        uint32_t       open = 0;
        crdt__log_each_del(&it, log, a, 0);
        for (const crdt__del *del; err == CRDT_OK && (del = crdt__log_next_del(&it)) != NULL;) {
            for (uint32_t i = 0; err == CRDT_OK && i < del->dots; i++) {
                if (!names_something(w, del, i)) continue;
                crdt__del one = *del;
                one.ctr += (del->back ? del->dots - 1 - i : i) * del->each;
                one.dot += i;
                one.dots = 1;
                one.back = false;
                err = crdt__log_reserve(to, a, 0, 1);
                if (err == CRDT_OK) crdt__log_add_del(to, a, &one);
                if (++open % SETTLE_ROWS == 0) crdt__log_settle(to);
            }
        }
    }
    return err;
}

/* The same authors under the same numbers. */
static crdt_err copy_authors(work *w)
{
    crdt_err err = CRDT_OK;
    for (uint32_t a = 0; err == CRDT_OK && a < w->seq->log.author_count; a++) {
        uint32_t same;
        err = crdt__log_author(&w->next->log, w->seq->log.authors[a].replica, &same);
    }
    return err;
}

/* Ids forgotten behind an author's last element. */
static crdt_err copy_counts(work *w)
{
    crdt_err err = CRDT_OK;
    for (uint32_t a = 0; err == CRDT_OK && a < w->seq->log.author_count; a++) {
        uint32_t more = w->seq->log.authors[a].count - w->next->log.authors[a].count;
        if (more == 0) continue;
        err = crdt__log_reserve(&w->next->log, a, 0, 0);
        if (err == CRDT_OK) crdt__log_skip(&w->next->log, a, more);
    }
    return err;
}

/* -- What stays: the order --------------------------------------------------------------------- */

static crdt_err put_span(work *w)
{
    crdt__order *order = &w->next->order;
    crdt__span   span = w->span;
    crdt__place  end = {order->last, 0, 0};
    if (span.len == 0) return CRDT_OK;
    if (order->last != NULL) end.index = order->last->count;
    crdt_err err = crdt__order_reserve(order, end);
    if (err != CRDT_OK) return err;
    crdt__order_insert(order, end, span.cid, span.len, false);
    crdt__leaf *leaf = order->last;
    leaf->spans[leaf->count - 1].glued = span.glued;
    if (!span.dead) return CRDT_OK;
    leaf->spans[leaf->count - 1].dead = 1;
    crdt__sums none = {0, 0, 0};
    crdt__leaf_add(order, leaf, 0 - span.len, none);
    order->finger = NULL;
    return CRDT_OK;
}

/* Goes on from the element before it, of the same author, without a right parent. */
static bool is_glued(const crdt__seq *seq, uint32_t cid)
{
    crdt__idrange id = crdt__log_id(&seq->log, cid);
    crdt__ins     row = crdt__log_ins_of(&seq->log, id.author, id.ctr);
    if (row.ctr != id.ctr) return true;
    if (row.left == CRDT__NO_CID || row.left + 1 != cid || row.right != CRDT__NO_CID) return false;
    crdt__idrange left = crdt__log_id(&seq->log, row.left);
    return left.author == id.author && left.ctr + 1 == id.ctr;
}

static crdt_err append_span(work *w, uint32_t cid, uint32_t len, bool dead)
{
    crdt__span *span = &w->span;
    bool        glued = is_glued(w->next, cid);
    if (span->len > 0 && glued && span->dead == dead && span->cid + span->len == cid) {
        crdt__span_resize(span, span->len + len);
        return CRDT_OK;
    }
    crdt_err err = put_span(w);
    span->cid = cid;
    crdt__span_resize(span, len);
    span->dead = dead;
    span->glued = glued;
    return err;
}

static crdt_err copy_span(work *w, crdt__span span)
{
    crdt_err err = CRDT_OK;
    for (uint32_t at = 0, n; err == CRDT_OK && at < span.len; at += n) {
        uint32_t cid = w->map[span.cid + at];
        n = 1;
        if (cid & GONE_BIT) continue;
        while (at + n < span.len && w->map[span.cid + at + n] == cid + n) n++;
        err = append_span(w, cid, n, span.dead);
    }
    return err;
}

static crdt_err copy_order(work *w)
{
    crdt_err err = CRDT_OK;
    for (crdt__leaf *leaf = w->seq->order.first; leaf != NULL; leaf = leaf->next) {
        for (uint32_t i = 0; err == CRDT_OK && i < leaf->count; i++) {
            err = copy_span(w, leaf->spans[i]);
        }
    }
    return err == CRDT_OK ? put_span(w) : err;
}

/* -- Those of one top, numbered in their order ------------------------------------------------- */

static crdt_err number_tops(work *w)
{
    crdt__seq *next = w->next;
    if (next->top_count == 0) return CRDT_OK;
    size_t    size = next->top_count * sizeof(uint32_t);
    uint32_t *list = crdt__alloc(w->seq->space->mem, size);
    if (list == NULL) return CRDT_ENOMEM;
    uint32_t turn = 0;
    for (crdt__leaf *leaf = next->order.first; leaf != NULL; leaf = leaf->next) {
        for (uint32_t i = 0; i < leaf->count; i++) {
            crdt__span span = leaf->spans[i];
            for (uint32_t t = crdt__top_from(next, span.cid);
                 t < next->top_count && next->tops[t].cid - span.cid < span.len; t++) {
                next->tops[t].nth = turn++;
            }
        }
    }
    crdt__tops_sort(next->tops, list, next->top_count);
    for (uint32_t i = 0; i < next->top_count; i++) {
        crdt__top       *top = &next->tops[list[i]];
        const crdt__top *before = i > 0 ? &next->tops[list[i - 1]] : NULL;
        bool             same = before != NULL && before->of.replica == top->of.replica &&
                    before->of.ctr == top->of.ctr;
        top->nth = same ? before->nth + 1 : 0;
    }
    crdt__release(w->seq->space->mem, list, size);
    return CRDT_OK;
}

/* -- The whole --------------------------------------------------------------------------------- */

static crdt_err build(work *w)
{
    crdt__seq *next = w->next;
    crdt_err   err = copy_authors(w);
    if (err == CRDT_OK) err = copy_insertions(w);
    if (err == CRDT_OK) err = copy_deletions(w);
    if (err == CRDT_OK) err = copy_counts(w);
    if (err == CRDT_OK) err = copy_order(w);
    if (err == CRDT_OK) err = number_tops(w);
    if (err == CRDT_OK && w->seq->order.sums_kept) err = crdt__order_want_sums(&next->order);
    return err;
}

static crdt_err rebuild(work *w)
{
    const crdt_space *space = w->seq->space;
    crdt_err          err = CRDT_ENOMEM;
    w->next = w->seq->without = crdt__alloc(space->mem, sizeof *w->next);
    if (w->next != NULL) {
        crdt__seq_init(space, w->next, w->seq->atoms.kind, w->seq->classic);
        err = build(w);
        if (err == CRDT_OK) crdt__seq_keep(w->next);
        else crdt__seq_drop(&w->seq->without);
    }
    crdt__release(space->mem, w->heirs, w->heir_cap * sizeof *w->heirs);
    return err;
}

crdt_err crdt__seq_forget_ids(crdt__seq *seq, const crdt_context *cut)
{
    const crdt_mem *mem = seq->space->mem;
    uint32_t        count = seq->atoms.count;
    work            w;
    crdt_err        err = CRDT_OK;
    if (count == seq->order.visible || seq->parked.count > 0) return CRDT_OK;
    memset(&w, 0, sizeof w);
    w.seq = seq;
    w.cut = cut;
    w.marks = crdt__alloc(mem, count);
    w.map = crdt__alloc(mem, count * sizeof *w.map);
    if (w.marks == NULL || w.map == NULL) err = CRDT_ENOMEM;
    if (err == CRDT_OK) {
        memset(w.marks, 0, count);
        if (mark_all(&w)) err = rebuild(&w);
    }
    crdt__release(mem, w.marks, count);
    crdt__release(mem, w.map, count * sizeof *w.map);
    return err;
}

/* Sets and time stay what they are; how far content was forgotten has been noted already. */
void crdt__seq_forgotten(crdt__seq *seq)
{
    crdt__seq *next = seq->without;
    crdt__omap none = next->sets;
    seq->without = NULL;
    next->lamport = next->kept_lamport = seq->lamport;
    next->sets = seq->sets;
    seq->sets = none;
    for (uint32_t a = 0; a < seq->log.author_count; a++) {
        next->log.authors[a].forgotten = seq->log.authors[a].forgotten;
    }
    crdt__seq_replace(seq, next);
}

/* -- Naming only what shows -------------------------------------------------------------------- */

/* Does x stand in the subtree right of p (NO_CID: the start)? Between them all is dead. */
static bool is_right_of(const crdt__seq *seq, uint32_t p, uint32_t x)
{
    for (uint32_t y = x;;) {
        y = crdt__seq_left_of(seq, y);
        if (y == p) return true;
        if (y == CRDT__NO_CID || !crdt__seq_is_dead(seq, y)) return false;
        if (crdt__seq_compare_origins(seq, y, p, -1) < 0) return false;
    }
}

void crdt__seq_name_visible(crdt__seq *seq, uint32_t pos, crdt__ins *row)
{
    row->right = CRDT__NO_CID;
    row->raw = false;
    if (pos == seq->order.visible) return;
    uint32_t x = crdt__order_cid(crdt__order_at(&seq->order, pos));
    if (!is_right_of(seq, row->left, x)) return;
    row->right = x;
    row->left = crdt__seq_left_of(seq, x);
}
