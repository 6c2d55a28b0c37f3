/* seq/seq_revert.c: see seq_revert.h. */
#include "crdt/seq/seq_revert.h"

#include "crdt/core/mem.h"
#include "crdt/core/sort.h"

/* Elements side by side in one span; the place is theirs until anything changes. */
typedef struct piece {
    crdt__place place;
    uint32_t    cid, len;
    uint32_t    pos;     /* of those that show */
    bool        goes_on; /* nothing stands between it and the piece before */
} piece;

typedef struct pieces {
    piece *at;
    size_t count, cap;
} pieces;

typedef struct work {
    const crdt__seq    *seq;
    const crdt__copies *copies;
    const crdt_context *dots;
    crdt__copies       *to; /* crdt__seq_copies_for */
    pieces              dead, alive;
    uint64_t            inserted, deleted; /* elements: crdt__seq_has_rows */
} work;

/* `len` elements of the author from ctr on that rows with the dots inserted or deleted. */
typedef crdt_err visit_fn(work *w, uint32_t author, uint32_t ctr, uint32_t len, bool deleted);

/* -- Rows -------------------------------------------------------------------------------------- */

/* The part of a row's dots that is in the run: from *ret_skip on so many. */
static uint32_t part_of(crdt_run run, uint64_t dot, uint32_t dots, uint32_t *ret_skip)
{
    *ret_skip = dot < run.lo ? (uint32_t)(run.lo - dot) : 0;
    uint64_t end = run.hi - dot + 1;
    return (end < dots ? (uint32_t)end : dots) - *ret_skip;
}

static crdt_err visit_run(work *w, crdt_run run, visit_fn *visit)
{
    uint32_t         author = crdt__log_find(&w->seq->log, run.replica), skip;
    crdt_err         err = CRDT_OK;
    crdt__log_iter   it;
    const crdt__ins *ins;
    const crdt__del *del;
    if (author == CRDT__NO_AUTHOR) return CRDT_OK;
    crdt__log_each_ins(&it, &w->seq->log, author, run.lo);
    while (err == CRDT_OK && (ins = crdt__log_next_ins(&it)) != NULL && ins->dot <= run.hi) {
        uint32_t n = part_of(run, ins->dot, ins->dots, &skip);
        err = visit(w, author, ins->ctr + skip * ins->each, n * ins->each, false);
    }
    crdt__log_each_del(&it, &w->seq->log, author, run.lo);
    while (err == CRDT_OK && (del = crdt__log_next_del(&it)) != NULL && del->dot <= run.hi) {
        uint32_t n = part_of(run, del->dot, del->dots, &skip);
        if (del->back) skip = del->dots - skip - n;
        err = visit(w, del->of, del->ctr + skip * del->each, n * del->each, true);
    }
    return err;
}

static crdt_err visit_rows(work *w, visit_fn *visit)
{
    crdt_err err = CRDT_OK;
    for (uint32_t i = 0; err == CRDT_OK && i < w->dots->count; i++) {
        err = visit_run(w, w->dots->runs[i], visit);
    }
    return err;
}

static crdt_err count_elements(work *w, uint32_t author, uint32_t ctr, uint32_t len, bool deleted)
{
    (void)author;
    (void)ctr;
    *(deleted ? &w->deleted : &w->inserted) += len;
    return CRDT_OK;
}

bool crdt__seq_has_rows(const crdt__seq *seq, crdt_run dots, uint64_t *ret_deleted)
{
    work w = {.seq = seq};
    (void)visit_run(&w, dots, count_elements);
    *ret_deleted = w.deleted;
    return w.inserted + w.deleted > 0;
}

/* -- What is there to do ----------------------------------------------------------------------- */

static crdt_err add_piece(work *w, pieces *list, piece p)
{
    if (list->count == list->cap) {
        size_t cap = crdt__grow(list->cap, list->count + 1);
        piece *at =
            crdt__resize(w->seq->space->mem, list->at, list->cap * sizeof *at, cap * sizeof *at);
        if (at == NULL) return CRDT_ENOMEM;
        list->at = at;
        list->cap = cap;
    }
    list->at[list->count++] = p;
    return CRDT_OK;
}

static crdt_err check_content(const crdt__seq *seq, uint32_t cid, uint32_t len)
{
    for (uint32_t n; len > 0; len -= n, cid += n) {
        if (crdt__atoms_view(&seq->atoms, cid, len, &n).size == 0) return CRDT_ESTALE;
    }
    return CRDT_OK;
}

/* Elements with following cids: those that are alive to be deleted, or those that are dead to come
 * back. */
static crdt_err add_pieces(work *w, uint32_t cid, uint32_t len, bool deleted)
{
    crdt_err err = CRDT_OK;
    while (err == CRDT_OK && len > 0) {
        piece             p = {.place = crdt__order_of(&w->seq->order, cid), .cid = cid};
        const crdt__span *span = &p.place.leaf->spans[p.place.index];
        p.len = span->len - p.place.offset < len ? span->len - p.place.offset : len;
        if (deleted && span->dead) {
            err = check_content(w->seq, cid, p.len);
            if (err == CRDT_OK) err = add_piece(w, &w->dead, p);
        } else if (!deleted && !span->dead) {
            p.pos = crdt__order_rank(&w->seq->order, p.place);
            err = add_piece(w, &w->alive, p);
        }
        cid += p.len;
        len -= p.len;
    }
    return err;
}

/* How many of the author's elements that are there have or have not been inserted by the dots. */
static uint32_t own_stretch(const work *w, uint32_t author, uint32_t ctr, uint32_t len,
                            bool *ret_own)
{
    uint64_t replica = w->seq->log.authors[author].replica;
    *ret_own = false;
    if (crdt_context_max(w->dots, replica) == 0) return len;
    crdt__ins row = crdt__log_ins_of(&w->seq->log, author, ctr);
    uint32_t  at = ctr - row.ctr, i = at / row.each;
    crdt_dot  dot = {replica, row.dot + i};
    uint32_t  n = crdt_context_stretch(w->dots, dot, row.dots - i, ret_own);
    uint32_t  same = (i + n) * row.each - at;
    return same < len ? same : len;
}

/* Where an element is, as crdt__log_cid tells it; one that is not held is like a forgotten one. */
static crdt__idrange held_at(const crdt__seq *seq, crdt__elem elem)
{
    uint32_t author = crdt__log_find(&seq->log, elem.replica);
    if (author == CRDT__NO_AUTHOR || elem.ctr >= seq->log.authors[author].count) {
        return (crdt__idrange){author, elem.ctr, CRDT__NO_CID, 1};
    }
    return crdt__log_cid(&seq->log, author, elem.ctr);
}

/* Elements of one kind, with following cids: what stands for them. */
static crdt_err gather_last(work *w, crdt__elem elem, uint32_t len, bool deleted)
{
    crdt_err err = CRDT_OK;
    for (uint32_t n; err == CRDT_OK && len > 0; len -= n, elem.ctr += n) {
        n = len;
        crdt__elem    last = crdt__copies_last(w->copies, elem, &n);
        crdt__idrange id = held_at(w->seq, last);
        if (id.len < n) n = id.len;
        if (id.cid != CRDT__NO_CID) err = add_pieces(w, id.cid, n, deleted);
        else if (deleted) err = CRDT_ESTALE;
    }
    return err;
}

static crdt_err gather(work *w, uint32_t author, uint32_t ctr, uint32_t len, bool deleted)
{
    crdt_err err = CRDT_OK;
    for (uint32_t n; err == CRDT_OK && len > 0; len -= n, ctr += n) {
        bool          own = false;
        crdt__idrange id = crdt__log_cid(&w->seq->log, author, ctr);
        n = id.len < len ? id.len : len;
        if (id.cid == CRDT__NO_CID && deleted) return CRDT_ESTALE;
        if (id.cid == CRDT__NO_CID) continue;
        if (deleted) n = own_stretch(w, author, ctr, n, &own);
        crdt__elem elem = {w->seq->log.authors[author].replica, ctr};
        if (!own) err = gather_last(w, elem, n, deleted);
    }
    return err;
}

static int by_place(const void *a, const void *b)
{
    const piece *x = a, *y = b;
    return crdt__order_compare(NULL, x->place, y->place);
}

/* What two dots deleted comes back once. */
static void drop_doubles(pieces *list)
{
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++) {
        piece  p = list->at[i];
        piece *last = kept == 0 ? NULL : &list->at[kept - 1];
        if (last != NULL && p.cid - last->cid < last->len) {
            uint32_t both = last->len - (p.cid - last->cid);
            if (p.len <= both) continue;
            p.place.offset += both;
            p.cid += both;
            p.len -= both;
        }
        list->at[kept++] = p;
    }
    list->count = kept;
}

/* In order; which dead ones go on from one another. */
static void order_pieces(work *w)
{
    pieces *dead = &w->dead, *alive = &w->alive;
    crdt__sort(alive->at, alive->count, sizeof *alive->at, by_place);
    crdt__sort(dead->at, dead->count, sizeof *dead->at, by_place);
    drop_doubles(dead);
    for (size_t i = 1; i < dead->count; i++) {
        crdt__place end = dead->at[i - 1].place, next = dead->at[i].place;
        end.offset += dead->at[i - 1].len;
        dead->at[i].goes_on = crdt__order_settle(&end) && end.leaf == next.leaf &&
                              end.index == next.index && end.offset == next.offset;
    }
}

/* -- Doing it ---------------------------------------------------------------------------------- */

/* From the end, so that positions of those before stay; stretches that touch at once. */
static crdt_err delete_alive(crdt_target *target, const work *w)
{
    crdt_err err = CRDT_OK;
    for (size_t i = w->alive.count; err == CRDT_OK && i > 0;) {
        const piece *p = &w->alive.at[--i];
        uint32_t     pos = p->pos, len = p->len;
        for (; i > 0 && w->alive.at[i - 1].pos + w->alive.at[i - 1].len == pos; i--) {
            pos = w->alive.at[i - 1].pos;
            len += w->alive.at[i - 1].len;
        }
        err = crdt__seq_delete(target, pos, len);
    }
    return err;
}

/* Pieces that go on from one another, as one run; *end: where the last one ended. */
static crdt_err insert_again(crdt_target *target, crdt__copies *copies, const piece *at,
                             size_t count, crdt_buf *text, uint32_t *end)
{
    crdt__seq *seq = crdt__seq_in(target);
    uint64_t   total = 0;
    crdt_buf_reset(text);
    for (size_t i = 0; i < count; i++) {
        for (uint32_t done = 0, n; done < at[i].len; done += n) {
            crdt_view view = crdt__atoms_view(&seq->atoms, at[i].cid + done, at[i].len - done, &n);
            crdt_buf_put(text, view.data, view.size);
        }
        total += at[i].len;
    }
    crdt_err err = crdt_buf_status(text);
    if (err == CRDT_OK && (total >= CRDT__SPAN_MAX || text->size >= UINT32_MAX)) err = CRDT_ELIMIT;
    if (err == CRDT_OK) {
        err = crdt__seq_insert_beside(target, at[0].cid, *end, text->data, text->size,
                                      (uint32_t)total);
    }
    if (err != CRDT_OK) return err;
    crdt__elem copy = {crdt_target_replica(target), seq->pending.row.ctr};
    *end = seq->pending.pos + seq->pending.count;
    for (size_t i = 0; err == CRDT_OK && i < count; i++) {
        err = crdt__copies_add(copies, crdt__seq_elem(seq, at[i].cid), at[i].len, copy);
        copy.ctr += at[i].len;
    }
    return err;
}

static crdt_err insert_dead(crdt_target *target, crdt__copies *copies, const work *w)
{
    crdt_err err = CRDT_OK;
    uint32_t end = 0;
    crdt_buf text;
    crdt_buf_init(&text, w->seq->space->mem);
    for (size_t i = 0, n; err == CRDT_OK && i < w->dead.count; i += n) {
        for (n = 1; i + n < w->dead.count && w->dead.at[i + n].goes_on;) n++;
        err = insert_again(target, copies, &w->dead.at[i], n, &text, &end);
    }
    crdt_buf_clear(&text);
    return err;
}

crdt_err crdt__seq_revert(crdt_target *target, crdt__copies *copies, const crdt_context *dots)
{
    crdt__seq *seq = crdt__seq_in(target);
    work       w = {.seq = seq, .copies = copies, .dots = dots};
    crdt__seq_settle(seq);
    crdt_err err = crdt__order_want_index(&seq->order);
    if (err == CRDT_OK) err = visit_rows(&w, gather);
    if (err == CRDT_OK) {
        order_pieces(&w);
        err = delete_alive(target, &w);
    }
    if (err == CRDT_OK) err = insert_dead(target, copies, &w);
    crdt__release(seq->space->mem, w.dead.at, w.dead.cap * sizeof *w.dead.at);
    crdt__release(seq->space->mem, w.alive.at, w.alive.cap * sizeof *w.alive.at);
    return err;
}

/* -- Copies that are still asked for ----------------------------------------------------------- */

static crdt_err keep_copies(work *w, uint32_t author, uint32_t ctr, uint32_t len, bool deleted)
{
    crdt__elem elem = {w->seq->log.authors[author].replica, ctr};
    crdt_err   err = CRDT_OK;
    (void)deleted;
    for (uint32_t n; err == CRDT_OK && len > 0; len -= n, elem.ctr += n) {
        n = len;
        crdt__elem last = crdt__copies_last(w->copies, elem, &n);
        crdt__elem told = crdt__copies_last(w->to, elem, &n);
        bool       has = last.replica != elem.replica || last.ctr != elem.ctr;
        bool       had = told.replica != elem.replica || told.ctr != elem.ctr;
        if (has && !had) err = crdt__copies_add(w->to, elem, n, last);
    }
    return err;
}

crdt_err crdt__seq_copies_for(const crdt__seq *seq, const crdt__copies *copies,
                              const crdt_context *dots, crdt__copies *to)
{
    work w = {.seq = seq, .copies = copies, .dots = dots, .to = to};
    return visit_rows(&w, keep_copies);
}
