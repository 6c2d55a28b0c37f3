/* seq/seq_history.c: see seq_history.h. */
#include "crdt/seq/seq_history.h"

#include "crdt/core/mem.h"
#include "crdt/core/sort.h"
#include "crdt/seq/seq_stand.h"

/* Elements ctr .. ctr + len - 1 of author `of` that dots of `by`, which contexts have, deleted. */
typedef struct cut {
    uint32_t of, ctr, len;
    uint32_t by;
    uint32_t in; /* the contexts that have the dots, by the bits of what shows there */
} cut;

typedef struct work {
    crdt__past         *past;
    const crdt__log    *log;
    const crdt_mem     *mem;
    const crdt_context *at[2]; /* from, to */
    cut                *cuts;  /* by author, then counter, once all are there */
    size_t              count, cap, next;
    /* Of one author's elements, up to which counter cuts that were passed reach in each context. */
    uint32_t  reach[2];
    uint32_t *heap; /* cuts that `to` alone has: on top that of the least replica id */
    size_t    heap_count;
} work;

/* -- What the contexts have -------------------------------------------------------------------- */

/* How many of `most` dots from this one on each context has alike; *ret_in: which have them. */
static uint32_t alike(const work *w, uint32_t author, uint64_t dot, uint32_t most, uint32_t *ret_in)
{
    crdt_dot d = {w->log->authors[author].replica, dot};
    *ret_in = 0;
    for (unsigned i = 0; i < 2; i++) {
        bool in;
        most = crdt_context_stretch(w->at[i], d, most, &in);
        if (in) *ret_in |= 1u << i;
    }
    return most;
}

/* Neither context has any dot of the author above. */
static uint64_t last_dot(const work *w, uint32_t author)
{
    uint64_t replica = w->log->authors[author].replica;
    uint64_t from = crdt_context_max(w->at[0], replica), to = crdt_context_max(w->at[1], replica);
    return from > to ? from : to;
}

/* -- Deletions --------------------------------------------------------------------------------- */

/* Onto the cut before, which it may go on from or precede, as backspaces do. */
static bool extend_cut(cut *last, const cut *c)
{
    if (last->of != c->of || last->by != c->by || last->in != c->in) return false;
    if (last->ctr + last->len == c->ctr) {
        last->len += c->len;
        return true;
    }
    if (c->ctr + c->len != last->ctr) return false;
    last->ctr = c->ctr;
    last->len += c->len;
    return true;
}

static crdt_err add_cut(work *w, cut c)
{
    if (w->count > 0 && extend_cut(&w->cuts[w->count - 1], &c)) return CRDT_OK;
    if (w->count == w->cap) {
        size_t cap = crdt__grow(w->cap, w->count + 1);
        cut   *cuts = crdt__resize(w->mem, w->cuts, w->cap * sizeof *cuts, cap * sizeof *cuts);
        if (cuts == NULL) return CRDT_ENOMEM;
        w->cuts = cuts;
        w->cap = cap;
    }
    w->cuts[w->count++] = c;
    return CRDT_OK;
}

static crdt_err cut_row(work *w, uint32_t author, const crdt__del *row)
{
    crdt_err err = CRDT_OK;
    for (uint32_t at = 0, n; err == CRDT_OK && at < row->dots; at += n) {
        uint32_t in;
        n = alike(w, author, row->dot + at, row->dots - at, &in);
        if (in == 0) continue;
        uint32_t skip = row->back ? row->dots - at - n : at;
        err = add_cut(w, (cut){row->of, row->ctr + skip * row->each, n * row->each, author, in});
    }
    return err;
}

static int by_element(const void *a, const void *b)
{
    const cut *x = a, *y = b;
    if (x->of != y->of) return x->of < y->of ? -1 : 1;
    if (x->ctr != y->ctr) return x->ctr < y->ctr ? -1 : 1;
    if (x->by != y->by) return x->by < y->by ? -1 : 1;
    return x->len == y->len ? 0 : x->len < y->len ? -1 : 1;
}

static crdt_err gather_cuts(work *w)
{
    crdt_err err = CRDT_OK;
    for (uint32_t a = 0; err == CRDT_OK && a < w->log->author_count; a++) {
        uint64_t       end = last_dot(w, a);
        crdt__log_iter it;
        if (end == 0) continue;
        crdt__log_each_del(&it, w->log, a, 0);
        for (const crdt__del *row; err == CRDT_OK && (row = crdt__log_next_del(&it)) != NULL;) {
            if (row->dot > end) break;
            err = cut_row(w, a, row);
        }
    }
    if (err == CRDT_OK && w->count > 0) {
        crdt__sort(w->cuts, w->count, sizeof *w->cuts, by_element);
        w->heap = crdt__alloc(w->mem, w->count * sizeof *w->heap);
        if (w->heap == NULL) err = CRDT_ENOMEM;
    }
    return err;
}

/* -- Who deleted it ---------------------------------------------------------------------------- */

static bool comes_first(const work *w, uint32_t a, uint32_t b)
{
    return w->log->authors[w->cuts[a].by].replica < w->log->authors[w->cuts[b].by].replica;
}

static void swap(uint32_t *a, uint32_t *b)
{
    uint32_t was = *a;
    *a = *b;
    *b = was;
}

static void push_cut(work *w, uint32_t c)
{
    size_t at = w->heap_count++;
    w->heap[at] = c;
    for (; at > 0 && comes_first(w, w->heap[at], w->heap[(at - 1) / 2]); at = (at - 1) / 2) {
        swap(&w->heap[at], &w->heap[(at - 1) / 2]);
    }
}

static void pop_cut(work *w)
{
    w->heap[0] = w->heap[--w->heap_count];
    for (size_t at = 0, least; (least = 2 * at + 1) < w->heap_count; at = least) {
        if (least + 1 < w->heap_count && comes_first(w, w->heap[least + 1], w->heap[least])) {
            least++;
        }
        if (!comes_first(w, w->heap[least], w->heap[at])) return;
        swap(&w->heap[least], &w->heap[at]);
    }
}

/* The deleter that is told of the element, and (in *end, if earlier) up to which counter. */
static uint32_t deleter(work *w, uint32_t ctr, uint32_t *end)
{
    while (w->heap_count > 0 && w->cuts[w->heap[0]].ctr + w->cuts[w->heap[0]].len <= ctr) {
        pop_cut(w);
    }
    if (w->heap_count == 0) return CRDT__NO_AUTHOR;
    const cut *c = &w->cuts[w->heap[0]];
    if (c->ctr + c->len < *end) *end = c->ctr + c->len;
    return c->by;
}

/* -- What shows -------------------------------------------------------------------------------- */

static crdt_err add_run(work *w, crdt__past_run run)
{
    crdt__past     *p = w->past;
    crdt__past_run *last = p->count == 0 ? NULL : &p->runs[p->count - 1];
    if (last != NULL && last->cid + last->len == run.cid && last->shows == run.shows &&
        last->by == run.by) {
        last->len += run.len;
        return CRDT_OK;
    }
    if (p->count == p->cap) {
        size_t          cap = crdt__grow(p->cap, p->count + 1);
        crdt__past_run *runs =
            crdt__resize(w->mem, p->runs, p->cap * sizeof *runs, cap * sizeof *runs);
        if (runs == NULL) return CRDT_ENOMEM;
        p->runs = runs;
        p->cap = cap;
    }
    p->runs[p->count++] = run;
    return CRDT_OK;
}

/* Cuts of the author that begin at ctr or before it are taken in; where the next one begins. */
static uint32_t pass_cuts(work *w, uint32_t author, uint32_t ctr)
{
    for (; w->next < w->count; w->next++) {
        const cut *c = &w->cuts[w->next];
        if (c->of > author || (c->of == author && c->ctr > ctr)) break;
        if (c->of < author) continue;
        for (unsigned i = 0; i < 2; i++) {
            if ((c->in & 1u << i) && c->ctr + c->len > w->reach[i]) w->reach[i] = c->ctr + c->len;
        }
        if (c->in == CRDT__SHOWS_TO) push_cut(w, (uint32_t)w->next);
    }
    bool more = w->next < w->count && w->cuts[w->next].of == author;
    return more ? w->cuts[w->next].ctr : UINT32_MAX;
}

/* Elements of the author that the contexts `in` have, with the cids from cid on. */
static crdt_err show(work *w, uint32_t author, uint32_t ctr, uint32_t cid, uint32_t len,
                     uint32_t in)
{
    crdt_err err = CRDT_OK;
    for (uint32_t last = ctr + len, end; err == CRDT_OK && ctr < last; ctr = end) {
        crdt__past_run run = {cid, 0, CRDT__NO_AUTHOR, in};
        uint32_t       next = pass_cuts(w, author, ctr);
        end = next < last ? next : last;
        for (unsigned i = 0; i < 2; i++) {
            if (w->reach[i] <= ctr) continue;
            run.shows &= ~(1u << i);
            if (w->reach[i] < end) end = w->reach[i];
        }
        if (run.shows == CRDT__SHOWS_FROM) run.by = deleter(w, ctr, &end);
        run.len = end - ctr;
        cid += run.len;
        if (run.shows != 0) err = add_run(w, run);
    }
    return err;
}

static crdt_err show_author(work *w, uint32_t author)
{
    crdt_err       err = CRDT_OK;
    uint64_t       end = last_dot(w, author);
    crdt__log_iter it;
    if (end == 0) return CRDT_OK;
    w->reach[0] = w->reach[1] = 0;
    w->heap_count = 0;
    crdt__log_each_ins(&it, w->log, author, 0);
    for (const crdt__ins *row; err == CRDT_OK && (row = crdt__log_next_ins(&it)) != NULL;) {
        if (row->dot > end) break;
        for (uint32_t at = 0, n; err == CRDT_OK && at < row->dots; at += n) {
            uint32_t in, skip = at * row->each;
            n = alike(w, author, row->dot + at, row->dots - at, &in);
            if (in == 0) continue;
            err = show(w, author, row->ctr + skip, row->cid + skip, n * row->each, in);
        }
    }
    return err;
}

/* -- Moved elements ---------------------------------------------------------------------------- */

/* A move of an element that either context has. */
typedef struct moved {
    uint32_t of, cid, in;
} moved;

typedef struct moves {
    moved *at; /* by element */
    size_t count, next;
} moves;

static int by_moved(const void *a, const void *b)
{
    const moved *x = a, *y = b;
    if (x->of != y->of) return x->of < y->of ? -1 : 1;
    return x->cid < y->cid ? -1 : x->cid > y->cid;
}

static void gather_moves(const work *w, moves *m)
{
    const crdt__stands *s = &w->past->seq->stands;
    for (uint32_t i = 0; i < s->count; i++) {
        crdt__idrange id = crdt__log_id(w->log, s->at[i].cid);
        crdt__ins     row = crdt__log_ins_of(w->log, id.author, id.ctr);
        moved         one = {s->at[i].of, s->at[i].cid, 0};
        (void)alike(w, id.author, row.dot + (id.ctr - row.ctr), 1, &one.in);
        if (one.in != 0 && one.of != CRDT__NO_CID) m->at[m->count++] = one;
    }
    crdt__sort(m->at, m->count, sizeof *m->at, by_moved);
}

/* An element that was moved, of which both contexts or one have moves. Where it stood at each. */
static crdt_err place_moved(work *w, moves *m, crdt__past_run run)
{
    uint32_t at[2] = {run.cid, run.cid};
    for (; m->next < m->count && m->at[m->next].of == run.cid; m->next++) {
        const moved *one = &m->at[m->next];
        for (unsigned i = 0; i < 2; i++) {
            if (!(one->in & 1u << i)) continue;
            bool later = at[i] == run.cid || crdt__stand_compare(w->past->seq, at[i], one->cid) < 0;
            if (later) at[i] = one->cid;
        }
    }
    crdt__past_run from = {at[0], 1, run.by, run.shows & CRDT__SHOWS_FROM};
    crdt__past_run to = {at[1], 1, CRDT__NO_AUTHOR, run.shows & CRDT__SHOWS_TO};
    if (from.shows != 0 && to.shows != 0) {
        if (from.cid == to.cid) {
            from.shows = CRDT__SHOWS_FROM | CRDT__SHOWS_TO;
            return add_run(w, from);
        }
        if (to.cid != run.cid) from.by = crdt__log_id(w->log, to.cid).author;
    }
    crdt_err err = from.shows != 0 ? add_run(w, from) : CRDT_OK;
    return err == CRDT_OK && to.shows != 0 ? add_run(w, to) : err;
}

/* Elements become places where they stand. */
static crdt_err place_run(work *w, moves *m, crdt__past_run run)
{
    crdt_err err = CRDT_OK;
    for (uint32_t left = run.len, n; err == CRDT_OK && left > 0; left -= n, run.cid += n) {
        while (m->next < m->count && m->at[m->next].of < run.cid) m->next++;
        run.len = n = crdt__before_stand(w->past->seq, run.cid, left);
        if (n == 0) { /* a stand shows nothing of its own */
            n = 1;
            continue;
        }
        uint32_t next = m->next < m->count ? m->at[m->next].of - run.cid : n;
        if (next == 0) {
            run.len = n = 1;
            err = place_moved(w, m, run);
            continue;
        }
        if (next < n) run.len = n = next;
        err = add_run(w, run);
    }
    return err;
}

/* The runs tell of elements, in order of cids: now of places, in no order. */
static crdt_err place_runs(work *w)
{
    crdt__past     *p = w->past;
    uint32_t        stands = p->seq->stands.count;
    crdt__past_run *runs = p->runs;
    size_t          count = p->count, cap = p->cap;
    moves           m = {NULL, 0, 0};
    if (stands == 0) return CRDT_OK;
    m.at = crdt__alloc(w->mem, stands * sizeof *m.at);
    if (m.at == NULL) return CRDT_ENOMEM;
    gather_moves(w, &m);
    p->runs = NULL;
    p->count = p->cap = 0;
    crdt_err err = CRDT_OK;
    for (size_t i = 0; err == CRDT_OK && i < count; i++) err = place_run(w, &m, runs[i]);
    crdt__release(w->mem, runs, cap * sizeof *runs);
    crdt__release(w->mem, m.at, stands * sizeof *m.at);
    return err;
}

/* -- All of it --------------------------------------------------------------------------------- */

static int by_cid(const void *a, const void *b)
{
    const crdt__past_run *x = a, *y = b;
    return x->cid < y->cid ? -1 : 1;
}

static void sort_runs(crdt__past *past)
{
    size_t sorted = 1;
    while (sorted < past->count && past->runs[sorted - 1].cid < past->runs[sorted].cid) sorted++;
    if (sorted < past->count) crdt__sort(past->runs, past->count, sizeof *past->runs, by_cid);
}

/* Nothing that showed at the context can have been forgotten with its id: what was had been
 * inserted and deleted by dots in the cut. */
static bool is_told(const crdt__seq *seq, const crdt_context *at)
{
    if (seq->log.gone == 0 || at->count == 0 || seq->space->cut == NULL) return true;
    return crdt_context_within(seq->space->cut, at);
}

crdt_err crdt__past_init(crdt__past *past, const crdt__seq *seq, const crdt_context *from,
                         const crdt_context *to)
{
    work w = {.past = past, .log = &seq->log, .mem = seq->space->mem, .at = {from, to}};
    *past = (crdt__past){.seq = seq, .leaf = seq->order.first};
    if (!is_told(seq, from) || !is_told(seq, to)) return CRDT_ESTALE;
    crdt_err err = gather_cuts(&w);
    for (uint32_t a = 0; err == CRDT_OK && a < seq->log.author_count; a++) err = show_author(&w, a);
    if (w.heap != NULL) crdt__release(w.mem, w.heap, w.count * sizeof *w.heap);
    crdt__release(w.mem, w.cuts, w.cap * sizeof *w.cuts);
    if (err == CRDT_OK) {
        sort_runs(past);
        err = place_runs(&w);
    }
    if (err == CRDT_OK) sort_runs(past);
    else crdt__past_clear(past);
    return err;
}

void crdt__past_clear(crdt__past *past)
{
    crdt__release(past->seq->space->mem, past->runs, past->cap * sizeof *past->runs);
    *past = (crdt__past){.seq = past->seq};
}

/* -- Walking ----------------------------------------------------------------------------------- */

static bool ends_before(const crdt__past_run *run, uint32_t cid)
{
    return run->cid + run->len <= cid;
}

/* The first run that does not end before the element. Mostly it is where the last one was found, or
 * the next. */
static const crdt__past_run *run_from(crdt__past *past, uint32_t cid)
{
    const crdt__past_run *runs = past->runs;
    size_t                at = past->near;
    for (unsigned i = 0; i < 2; i++, at++) {
        if (at < past->count && !ends_before(&runs[at], cid) &&
            (at == 0 || ends_before(&runs[at - 1], cid))) {
            past->near = at;
            return &runs[at];
        }
    }
    at = 0;
    for (size_t n = past->count; n > 0;) {
        size_t half = n / 2;
        bool   before = ends_before(&runs[at + half], cid);
        at = before ? at + half + 1 : at;
        n = before ? n - half - 1 : half;
    }
    past->near = at;
    return at < past->count ? &runs[at] : NULL;
}

bool crdt__past_next(crdt__past *past, crdt__past_run *ret_run)
{
    while (past->leaf != NULL) {
        if (past->index == past->leaf->count) {
            past->leaf = past->leaf->next;
            past->index = past->offset = 0;
            continue;
        }
        const crdt__span     *span = &past->leaf->spans[past->index];
        uint32_t              cid = span->cid + past->offset, end = span->cid + span->len;
        const crdt__past_run *run = run_from(past, cid);
        if (run == NULL || run->cid >= end) {
            past->index++;
            past->offset = 0;
            continue;
        }
        *ret_run = *run;
        if (ret_run->cid < cid) ret_run->cid = cid;
        uint32_t run_end = run->cid + run->len < end ? run->cid + run->len : end;
        ret_run->len = run_end - ret_run->cid;
        past->offset = run_end - span->cid;
        if (run_end == end) {
            past->index++;
            past->offset = 0;
        }
        return true;
    }
    return false;
}
