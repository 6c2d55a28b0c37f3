/* seq/seq_heard.c: what is known of forgotten ids: gaps in the counters of authors, and tops. See
 * seq_forget.h. */
#include <string.h>

#include "crdt/core/mem.h"
#include "crdt/seq/seq_forget.h"

/* -- Tops -------------------------------------------------------------------------------------- */

uint32_t crdt__top_from(const crdt__seq *seq, uint32_t cid)
{
    uint32_t lo = 0, hi = seq->top_count;
    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;
        if (seq->tops[mid].cid < cid) lo = mid + 1;
        else hi = mid;
    }
    return lo;
}

const crdt__top *crdt__top_of(const crdt__seq *seq, uint32_t cid)
{
    if (seq->top_count == 0) return NULL;
    uint32_t at = crdt__top_from(seq, cid);
    return at < seq->top_count && seq->tops[at].cid == cid ? &seq->tops[at] : NULL;
}

static crdt__rank rank_of_top(const crdt__top *top)
{
    return (crdt__rank){top->lamport, top->of.replica, top->of.ctr, top->nth};
}

crdt__rank crdt__rank_of(const crdt__seq *seq, uint32_t cid)
{
    const crdt__top *top = crdt__top_of(seq, cid);
    if (top != NULL) return rank_of_top(top);
    crdt__elem elem = crdt__seq_elem(seq, cid);
    uint64_t   lamport = seq->classic ? crdt__seq_lamport_of(seq, cid) : 0;
    return (crdt__rank){lamport, elem.replica, elem.ctr, 0};
}

static int compare(uint64_t a, uint64_t b)
{
    return a == b ? 0 : a < b ? -1 : 1;
}

static int compare_elems(crdt__elem a, crdt__elem b)
{
    int order = compare(a.replica, b.replica);
    return order != 0 ? order : compare(a.ctr, b.ctr);
}

/* In classic order the greater one comes first: but those of one top in their order. */
int crdt__rank_compare(const crdt__rank *a, const crdt__rank *b)
{
    crdt__elem x = {a->replica, a->ctr}, y = {b->replica, b->ctr};
    int        order = compare(a->lamport, b->lamport);
    if (order == 0) order = compare_elems(x, y);
    if (order != 0) return order;
    order = compare(a->nth, b->nth);
    return a->lamport != 0 ? -order : order;
}

crdt_err crdt__seq_add_top(crdt__seq *seq, const crdt__top *top)
{
    CRDT_ASSERT(seq->top_count == 0 || seq->tops[seq->top_count - 1].cid < top->cid);
    if (seq->top_count == seq->top_cap) {
        size_t     cap = crdt__grow(seq->top_cap, seq->top_count + (size_t)1);
        crdt__top *tops = crdt__resize(seq->space->mem, seq->tops, seq->top_cap * sizeof *tops,
                                       cap * sizeof *tops);
        if (tops == NULL) return CRDT_ENOMEM;
        seq->tops = tops;
        seq->top_cap = (uint32_t)cap;
    }
    seq->tops[seq->top_count++] = *top;
    return CRDT_OK;
}

void crdt__seq_cut_tops(crdt__seq *seq, uint32_t cid)
{
    if (seq->top_count > 0) seq->top_count = crdt__top_from(seq, cid);
}

void crdt__seq_clear_tops(crdt__seq *seq)
{
    crdt__release(seq->space->mem, seq->tops, seq->top_cap * sizeof *seq->tops);
    seq->tops = NULL;
    seq->top_count = seq->top_cap = 0;
}

/* -- What others tell -------------------------------------------------------------------------- */

static void free_heard(const crdt_mem *mem, crdt__heard *h)
{
    crdt__release(mem, h->gaps, h->gap_cap * sizeof *h->gaps);
    crdt__release(mem, h->tops, h->top_cap * sizeof *h->tops);
    crdt__release(mem, h, sizeof *h);
}

size_t crdt__tops_bytes(const crdt__seq *seq)
{
    const crdt__heard *h = seq->heard;
    size_t             bytes = seq->top_cap * sizeof *seq->tops;
    if (h == NULL) return bytes;
    return bytes + sizeof *h + h->gap_cap * sizeof *h->gaps + h->top_cap * sizeof *h->tops;
}

void crdt__seq_unhear(crdt__seq *seq)
{
    if (seq->heard == NULL) return;
    free_heard(seq->space->mem, seq->heard);
    seq->heard = NULL;
}

/* Room for items that bytes tell of, which tell how many: little is left over. NULL: refused. */
static void *room_for(const crdt_mem *mem, void *items, uint32_t *cap, uint64_t need, size_t size)
{
    uint64_t more = *cap + (uint64_t)*cap / 8;
    if (more < need) more = need;
    if (more > UINT32_MAX) return NULL;
    void *all = crdt__resize(mem, items, *cap * size, (size_t)more * size);
    if (all != NULL) *cap = (uint32_t)more;
    return all;
}

/* Errors: ENOMEM. */
static crdt_err expect_gaps(const crdt_mem *mem, crdt__heard *h, uint64_t more)
{
    if (h->gap_count + more <= h->gap_cap) return CRDT_OK;
    void *gaps = room_for(mem, h->gaps, &h->gap_cap, h->gap_count + more, sizeof *h->gaps);
    if (gaps != NULL) h->gaps = gaps;
    return gaps != NULL ? CRDT_OK : CRDT_ENOMEM;
}

static crdt_err expect_tops(const crdt_mem *mem, crdt__heard *h, uint64_t more)
{
    if (h->top_count + more <= h->top_cap) return CRDT_OK;
    void *tops = room_for(mem, h->tops, &h->top_cap, h->top_count + more, sizeof *h->tops);
    if (tops != NULL) h->tops = tops;
    return tops != NULL ? CRDT_OK : CRDT_ENOMEM;
}

static crdt_err hear_gap(const crdt_mem *mem, crdt__heard *h, crdt__heard_gap gap)
{
    if (h->gap_count == h->gap_cap) {
        size_t           cap = crdt__grow(h->gap_cap, h->gap_count + (size_t)1);
        crdt__heard_gap *gaps =
            crdt__resize(mem, h->gaps, h->gap_cap * sizeof *gaps, cap * sizeof *gaps);
        if (gaps == NULL) return CRDT_ENOMEM;
        h->gaps = gaps;
        h->gap_cap = (uint32_t)cap;
    }
    h->gaps[h->gap_count++] = gap;
    return CRDT_OK;
}

static crdt_err hear_top(const crdt_mem *mem, crdt__heard *h, crdt__heard_top top)
{
    if (h->top_count == h->top_cap) {
        size_t           cap = crdt__grow(h->top_cap, h->top_count + (size_t)1);
        crdt__heard_top *tops =
            crdt__resize(mem, h->tops, h->top_cap * sizeof *tops, cap * sizeof *tops);
        if (tops == NULL) return CRDT_ENOMEM;
        h->tops = tops;
        h->top_cap = (uint32_t)cap;
    }
    h->tops[h->top_count++] = top;
    return CRDT_OK;
}

/* The first gap that ends after the element; or the count. */
static uint32_t gap_from(const crdt__heard *h, crdt__elem elem)
{
    uint32_t lo = 0, hi = h->gap_count;
    while (lo < hi) {
        uint32_t               mid = (lo + hi) / 2;
        const crdt__heard_gap *gap = &h->gaps[mid];
        bool                   same = gap->replica == elem.replica;
        bool before = same ? gap->ctr + gap->len <= elem.ctr : gap->replica < elem.replica;
        if (before) lo = mid + 1;
        else hi = mid;
    }
    return lo;
}

static uint32_t heard_top_from(const crdt__heard *h, crdt__elem elem)
{
    uint32_t lo = 0, hi = h->top_count;
    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;
        if (compare_elems(h->tops[mid].elem, elem) < 0) lo = mid + 1;
        else hi = mid;
    }
    return lo;
}

/* All gaps and tops of an author, in order of counters. NULL: no more. A walk over all authors. */
typedef struct walk {
    const crdt__seq *seq;
    uint32_t         place, author, ctr;
    bool             in;
} walk;

/* The next stretch of ids that are all held, or all gone. */
static bool walk_next(walk *w, crdt__idrange *ret_ids)
{
    const crdt__log *log = &w->seq->log;
    while (!w->in || w->ctr == log->authors[w->author].count) {
        w->place += w->in;
        w->in = true;
        if (w->place >= log->author_count) return false;
        w->author = crdt__log_at(log, w->place);
        w->ctr = 0;
    }
    *ret_ids = crdt__log_cid(log, w->author, w->ctr);
    w->ctr += ret_ids->len;
    return true;
}

static walk walk_of(const crdt__seq *seq)
{
    return (walk){seq, 0, 0, 0, false};
}

static crdt_err hear_ids(const crdt_mem *mem, crdt__heard *h, const crdt__seq *from,
                         crdt__idrange ids)
{
    uint64_t replica = from->log.authors[ids.author].replica;
    if (ids.cid == CRDT__NO_CID) {
        crdt__heard_gap *last = h->gap_count > 0 ? &h->gaps[h->gap_count - 1] : NULL;
        if (last != NULL && last->replica == replica && last->ctr + last->len == ids.ctr) {
            last->len += ids.len;
            return CRDT_OK;
        }
        return hear_gap(mem, h, (crdt__heard_gap){replica, ids.ctr, ids.len});
    }
    crdt_err err = CRDT_OK;
    for (uint32_t i = crdt__top_from(from, ids.cid); err == CRDT_OK && i < from->top_count; i++) {
        uint32_t at = from->tops[i].cid - ids.cid;
        if (at >= ids.len) break;
        err = hear_top(mem, h, (crdt__heard_top){{replica, ids.ctr + at}, from->tops[i]});
    }
    return err;
}

static crdt_err make_heard(crdt__seq *seq)
{
    crdt__seq_unhear(seq);
    seq->heard = crdt__alloc(seq->space->mem, sizeof *seq->heard);
    if (seq->heard == NULL) return CRDT_ENOMEM;
    memset(seq->heard, 0, sizeof *seq->heard);
    return CRDT_OK;
}

/* Each author with gaps: those that come next are passed. */
static crdt_err pass_first(crdt__seq *seq)
{
    const crdt__heard *h = seq->heard;
    crdt_err           err = CRDT_OK;
    for (uint32_t i = 0; err == CRDT_OK && i < h->gap_count; i++) {
        uint32_t author;
        if (i > 0 && h->gaps[i].replica == h->gaps[i - 1].replica) continue;
        err = crdt__log_author(&seq->log, h->gaps[i].replica, &author);
        if (err == CRDT_OK) err = crdt__seq_pass_gone(seq, author);
    }
    return err;
}

crdt_err crdt__seq_hear(crdt__seq *seq, const crdt__seq *from)
{
    if (from->log.gone == 0) return CRDT_OK;
    crdt_err      err = make_heard(seq);
    walk          w = walk_of(from);
    crdt__idrange ids;
    while (err == CRDT_OK && walk_next(&w, &ids)) {
        err = hear_ids(seq->space->mem, seq->heard, from, ids);
    }
    if (from->lamport > seq->lamport) seq->lamport = from->lamport;
    return err == CRDT_OK ? pass_first(seq) : err;
}

crdt_err crdt__seq_pass_gone(crdt__seq *seq, uint32_t author)
{
    const crdt__heard *h = seq->heard;
    if (h == NULL) return CRDT_OK;
    crdt__elem next = {seq->log.authors[author].replica, seq->log.authors[author].count};
    uint32_t   at = gap_from(h, next);
    if (at == h->gap_count || h->gaps[at].replica != next.replica || h->gaps[at].ctr > next.ctr) {
        return CRDT_OK;
    }
    crdt_err err = crdt__log_reserve(&seq->log, author, 0, 0);
    if (err != CRDT_OK) return err;
    uint32_t more = h->gaps[at].ctr + h->gaps[at].len - next.ctr;
    crdt__log_skip(&seq->log, author, more);
    if (seq->parked.count > 0) crdt__wait_met(seq, next, more);
    seq->changed = true;
    return CRDT_OK;
}

crdt_err crdt__seq_reserve_tops(crdt__seq *seq, const crdt__ins *row, uint64_t replica)
{
    const crdt__heard *h = seq->heard;
    if (h == NULL) return CRDT_OK;
    crdt__elem first = {replica, row->ctr}, end = {replica, row->ctr + row->dots * row->each};
    size_t     need = seq->top_count + (heard_top_from(h, end) - (size_t)heard_top_from(h, first));
    if (need <= seq->top_cap) return CRDT_OK;
    size_t     cap = crdt__grow(seq->top_cap, need);
    crdt__top *tops =
        crdt__resize(seq->space->mem, seq->tops, seq->top_cap * sizeof *tops, cap * sizeof *tops);
    if (tops == NULL) return CRDT_ENOMEM;
    seq->tops = tops;
    seq->top_cap = (uint32_t)cap;
    return CRDT_OK;
}

void crdt__seq_add_tops(crdt__seq *seq, const crdt__ins *row, uint64_t replica)
{
    const crdt__heard *h = seq->heard;
    if (h == NULL) return;
    crdt__elem first = {replica, row->ctr}, end = {replica, row->ctr + row->dots * row->each};
    uint32_t   to = heard_top_from(h, end);
    for (uint32_t i = heard_top_from(h, first); i < to; i++) {
        crdt__top top = h->tops[i].top;
        top.cid = row->cid + (h->tops[i].elem.ctr - row->ctr);
        seq->tops[seq->top_count++] = top;
    }
}

crdt__rank crdt__rank_of_row(const crdt__seq *seq, uint32_t author, const crdt__ins *row)
{
    crdt__elem elem = {seq->log.authors[author].replica, row->ctr};
    if (seq->heard != NULL) {
        uint32_t at = heard_top_from(seq->heard, elem);
        if (at < seq->heard->top_count && compare_elems(seq->heard->tops[at].elem, elem) == 0) {
            return rank_of_top(&seq->heard->tops[at].top);
        }
    }
    return (crdt__rank){row->lamport, elem.replica, elem.ctr, 0};
}

bool crdt__seq_is_gone(const crdt__seq *seq, crdt__elem elem)
{
    if (seq->log.gone == 0) return false;
    uint32_t author = crdt__log_find(&seq->log, elem.replica);
    if (author == CRDT__NO_AUTHOR || elem.ctr >= seq->log.authors[author].count) return false;
    return crdt__log_cid(&seq->log, author, elem.ctr).cid == CRDT__NO_CID;
}

bool crdt__seq_cut_within(const crdt__seq *seq, const crdt_context *ctx)
{
    if (seq->log.gone == 0 || seq->space->cut == NULL) return true;
    return crdt_context_within(seq->space->cut, ctx);
}

/* -- Bytes ------------------------------------------------------------------------------------- */

void crdt__gone_mark(const crdt__seq *seq, crdt_replicas *ids)
{
    if (seq->log.gone == 0) return;
    for (uint32_t a = 0; a < seq->log.author_count; a++) {
        if (seq->log.authors[a].count > 0) crdt_replicas_add(ids, seq->log.authors[a].replica);
    }
}

/* How many gaps and tops the author has; its first stretch is ids. Walks on to the next author. */
typedef struct author_gone {
    uint32_t gaps, tops;
} author_gone;

static author_gone count_gone(const crdt__seq *seq, uint32_t author)
{
    author_gone   count = {0, 0};
    crdt__idrange ids;
    for (uint32_t ctr = 0; ctr < seq->log.authors[author].count; ctr += ids.len) {
        ids = crdt__log_cid(&seq->log, author, ctr);
        if (ids.cid == CRDT__NO_CID) count.gaps++;
        else count.tops += crdt__top_from(seq, ids.cid + ids.len) - crdt__top_from(seq, ids.cid);
    }
    return count;
}

static void put_gaps(const crdt__seq *seq, uint32_t author, crdt_enc *enc)
{
    crdt__idrange ids;
    uint32_t      end = 0;
    for (uint32_t ctr = 0; ctr < seq->log.authors[author].count; ctr += ids.len) {
        ids = crdt__log_cid(&seq->log, author, ctr);
        if (ids.cid != CRDT__NO_CID) continue;
        crdt_buf_varint(enc->out, ids.ctr - end);
        crdt_buf_varint(enc->out, ids.len);
        end = ids.ctr + ids.len;
    }
}

static void put_tops(const crdt__seq *seq, uint32_t author, crdt_enc *enc)
{
    crdt__idrange ids;
    uint32_t      next = 0;
    for (uint32_t ctr = 0; ctr < seq->log.authors[author].count; ctr += ids.len) {
        ids = crdt__log_cid(&seq->log, author, ctr);
        if (ids.cid == CRDT__NO_CID) continue;
        for (uint32_t i = crdt__top_from(seq, ids.cid); i < seq->top_count; i++) {
            const crdt__top *top = &seq->tops[i];
            if (top->cid - ids.cid >= ids.len) break;
            uint32_t at = ids.ctr + (top->cid - ids.cid);
            crdt_buf_varint(enc->out, at - next);
            crdt_enc_replica(enc, top->of.replica);
            crdt_buf_varint(enc->out, top->of.ctr);
            crdt_buf_varint(enc->out, top->nth);
            if (seq->classic) crdt_buf_varint(enc->out, top->lamport);
            next = at + 1;
        }
    }
}

void crdt__gone_encode(const crdt__seq *seq, crdt_enc *enc)
{
    if (seq == NULL || seq->log.gone == 0) {
        crdt_buf_varint(enc->out, 0);
        return;
    }
    const crdt__log *log = &seq->log;
    uint64_t         authors = 0;
    for (uint32_t i = 0; log->gone > 0 && i < log->author_count; i++) {
        author_gone count = count_gone(seq, crdt__log_at(log, i));
        authors += count.gaps + count.tops > 0;
    }
    crdt_buf_varint(enc->out, authors);
    for (uint32_t i = 0; authors > 0 && i < log->author_count; i++) {
        uint32_t    author = crdt__log_at(log, i);
        author_gone count = count_gone(seq, author);
        if (count.gaps + count.tops == 0) continue;
        crdt_enc_replica(enc, log->authors[author].replica);
        crdt_buf_varint(enc->out, count.gaps);
        crdt_buf_varint(enc->out, count.tops);
        put_gaps(seq, author, enc);
        put_tops(seq, author, enc);
    }
    if (authors > 0 && seq->classic) crdt_buf_varint(enc->out, seq->lamport);
}

static crdt_err bad(crdt_dec *dec, const char *reason)
{
    return crdt_dec_fail(dec, CRDT_EMALFORMED, reason);
}

static crdt_err get_gaps(crdt__seq *seq, uint64_t replica, uint64_t count, crdt_dec *dec)
{
    uint64_t end = 0;
    if (count > crdt_dec_left(dec) / 2) return bad(dec, "more forgotten ids than bytes");
    crdt_err err = expect_gaps(seq->space->mem, seq->heard, count);
    for (uint64_t i = 0; err == CRDT_OK && i < count; i++) {
        uint64_t before = crdt_dec_varint(dec), len = crdt_dec_varint(dec);
        if (crdt_dec_status(dec) != CRDT_OK) return dec->err;
        bool ok = before < CRDT__SPAN_MAX && len > 0 && len < CRDT__SPAN_MAX &&
                  (before > 0 || i == 0) && end + before + len < CRDT__SPAN_MAX;
        if (!ok) return bad(dec, "forgotten ids are out of range, or touch");
        crdt__heard_gap gap = {replica, (uint32_t)(end + before), (uint32_t)len};
        err = hear_gap(seq->space->mem, seq->heard, gap);
        end += before + len;
    }
    return err;
}

static crdt_err get_tops(crdt__seq *seq, uint64_t replica, uint64_t count, crdt_dec *dec)
{
    uint64_t next = 0;
    if (count > crdt_dec_left(dec) / 4) return bad(dec, "more to be compared by than bytes");
    crdt_err err = expect_tops(seq->space->mem, seq->heard, count);
    for (uint64_t i = 0; err == CRDT_OK && i < count; i++) {
        crdt__heard_top t;
        memset(&t, 0, sizeof t);
        uint64_t at = next + crdt_dec_varint(dec);
        t.top.of.replica = crdt_dec_replica(dec);
        uint64_t of = crdt_dec_varint(dec), nth = crdt_dec_varint(dec);
        if (seq->classic) t.top.lamport = crdt_dec_varint(dec);
        if (crdt_dec_status(dec) != CRDT_OK) return dec->err;
        bool timed = !seq->classic || (t.top.lamport > 0 && t.top.lamport <= CRDT__LAMPORT_END);
        if (at >= CRDT__SPAN_MAX || of >= CRDT__SPAN_MAX || nth >= CRDT__SPAN_MAX || !timed) {
            return bad(dec, "what an element is compared by is out of range");
        }
        t.elem = (crdt__elem){replica, (uint32_t)at};
        t.top.of.ctr = (uint32_t)of;
        t.top.nth = (uint32_t)nth;
        err = hear_top(seq->space->mem, seq->heard, t);
        next = at + 1;
    }
    return err;
}

crdt_err crdt__gone_decode(crdt__seq *seq, crdt_dec *dec)
{
    uint64_t authors = crdt_dec_varint(dec), last = 0;
    if (crdt_dec_status(dec) != CRDT_OK) return dec->err;
    if (authors > dec->dict_count) return bad(dec, "more authors than there can be");
    if (authors == 0) return CRDT_OK;
    crdt_err err = make_heard(seq);
    if (err != CRDT_OK) return crdt_dec_fail(dec, err, "no room for a sequence");
    for (uint64_t i = 0; err == CRDT_OK && i < authors; i++) {
        uint64_t replica = crdt_dec_replica(dec), gaps = crdt_dec_varint(dec);
        uint64_t tops = crdt_dec_varint(dec);
        if (crdt_dec_status(dec) != CRDT_OK) return dec->err;
        if (replica <= last || (gaps == 0 && tops == 0)) {
            return bad(dec, "authors of forgotten ids are out of order, or without any");
        }
        last = replica;
        err = get_gaps(seq, replica, gaps, dec);
        if (err == CRDT_OK) err = get_tops(seq, replica, tops, dec);
    }
    if (err == CRDT_OK && seq->classic) {
        seq->lamport = seq->heard->lamport = crdt_dec_varint(dec);
        if (crdt_dec_status(dec) != CRDT_OK) return dec->err;
        if (seq->lamport > CRDT__LAMPORT_END) return bad(dec, "a Lamport time out of range");
    }
    if (err == CRDT_OK && seq->heard->top_count > 0) {
        void *tops = room_for(seq->space->mem, seq->tops, &seq->top_cap, seq->heard->top_count,
                              sizeof *seq->tops);
        if (tops != NULL) seq->tops = tops;
        else err = CRDT_ENOMEM;
    }
    if (err == CRDT_OK) err = pass_first(seq);
    return err == CRDT_ENOMEM ? crdt_dec_fail(dec, err, "no room for a sequence") : err;
}

/* The gaps of the log are those that were heard of, and so are the tops. */
static bool came_to_pass(const crdt__seq *seq)
{
    const crdt__heard *h = seq->heard;
    walk               w = walk_of(seq);
    crdt__idrange      ids;
    uint32_t           gaps = 0;
    while (walk_next(&w, &ids)) {
        if (ids.cid != CRDT__NO_CID) continue;
        if (gaps == h->gap_count) return false;
        const crdt__heard_gap *gap = &h->gaps[gaps++];
        if (gap->replica != seq->log.authors[ids.author].replica || gap->ctr != ids.ctr ||
            gap->len != ids.len) {
            return false;
        }
    }
    return gaps == h->gap_count && seq->top_count == h->top_count && gaps > 0;
}

crdt_err crdt__gone_decoded(crdt__seq *seq, crdt_dec *dec)
{
    if (seq->heard == NULL) return CRDT_OK;
    const char *reason = "";
    if (!came_to_pass(seq)) return bad(dec, "forgotten ids that nothing shows");
    if (seq->classic && seq->lamport != seq->heard->lamport)
        return bad(dec, "a Lamport time too low");
    crdt_err  err = crdt__order_want_index(&seq->order);
    size_t    size = seq->top_count * sizeof(uint32_t);
    uint32_t *list = err != CRDT_OK || size == 0 ? NULL : crdt__alloc(seq->space->mem, size);
    if (size > 0 && list == NULL) return crdt_dec_fail(dec, CRDT_ENOMEM, "no room for a sequence");
    if (!crdt__gone_check(seq, list, &reason)) err = bad(dec, reason);
    crdt__release(seq->space->mem, list, size);
    crdt__seq_unhear(seq);
    return err;
}

void crdt__gone_digest(const crdt__seq *seq, crdt_blocks *blocks)
{
    if (seq->log.gone == 0) return;
    crdt_blocks_section(blocks, 2);
    walk          w = walk_of(seq);
    crdt__idrange ids;
    while (walk_next(&w, &ids)) {
        uint64_t replica = seq->log.authors[ids.author].replica;
        if (ids.cid == CRDT__NO_CID) {
            crdt_blocks_atom(blocks, (crdt_dot){replica, (uint64_t)ids.ctr + 1});
            crdt_blocks_u64(blocks, ids.len);
            continue;
        }
        for (uint32_t i = crdt__top_from(seq, ids.cid); i < seq->top_count; i++) {
            const crdt__top *top = &seq->tops[i];
            if (top->cid - ids.cid >= ids.len) break;
            uint64_t ctr = ids.ctr + (uint64_t)(top->cid - ids.cid);
            crdt_blocks_atom(blocks, (crdt_dot){replica, ctr + 1});
            crdt_blocks_u64(blocks, 0);
            crdt_blocks_u64(blocks, top->of.replica);
            crdt_blocks_u64(blocks, top->of.ctr);
            crdt_blocks_u64(blocks, top->nth);
            crdt_blocks_u64(blocks, top->lamport);
        }
    }
    if (!seq->classic) return;
    crdt_blocks_section(blocks, 3);
    crdt_blocks_atom(blocks, (crdt_dot){1, 1});
    crdt_blocks_u64(blocks, seq->lamport);
}

/* -- Audit ------------------------------------------------------------------------------------- */

/* The element that the top is of, and where it stands. */
static bool check_top(const crdt__seq *seq, const crdt__top *top, const char **ret_reason)
{
    crdt__idrange id = crdt__log_id(&seq->log, top->cid);
    crdt__ins     row = crdt__log_ins_of(&seq->log, id.author, id.ctr);
    *ret_reason = "an element inside a dot is compared by a forgotten one";
    if ((id.ctr - row.ctr) % row.each != 0) return false;
    *ret_reason = "an element is compared by one that was not forgotten";
    return crdt__seq_is_gone(seq, top->of);
}

static bool same_place(const crdt__seq *seq, uint32_t a, uint32_t b)
{
    uint32_t    a_right, b_right;
    crdt__place x = crdt__order_of(&seq->order, a), y = crdt__order_of(&seq->order, b);
    uint32_t    a_left = crdt__seq_origins_at(seq, x, &a_right);
    uint32_t    b_left = crdt__seq_origins_at(seq, y, &b_right);
    return a_left == b_left && a_right == b_right && crdt__order_compare(&seq->order, x, y) < 0;
}

/* Tops in order of what they are of: a heap, turned into a list. */
static int compare_tops(const crdt__top *a, const crdt__top *b)
{
    int order = compare_elems(a->of, b->of);
    return order != 0 ? order : compare(a->nth, b->nth);
}

static void sink(const crdt__top *tops, uint32_t *heap, uint32_t root, uint32_t count)
{
    for (uint64_t child; (child = 2 * (uint64_t)root + 1) < count; root = (uint32_t)child) {
        if (child + 1 < count && compare_tops(&tops[heap[child]], &tops[heap[child + 1]]) < 0) {
            child++;
        }
        if (compare_tops(&tops[heap[root]], &tops[heap[child]]) >= 0) return;
        uint32_t parent = heap[root];
        heap[root] = heap[child];
        heap[child] = parent;
    }
}

void crdt__tops_sort(const crdt__top *tops, uint32_t *list, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) list[i] = i;
    for (uint32_t root = count / 2; root-- > 0;) sink(tops, list, root, count);
    for (uint32_t left = count; left-- > 1;) {
        uint32_t greatest = list[0];
        list[0] = list[left];
        list[left] = greatest;
        sink(tops, list, 0, left);
    }
}

static bool check_groups(const crdt__seq *seq, const uint32_t *list, const char **ret_reason)
{
    *ret_reason = "elements of one forgotten one are not side by side";
    for (uint32_t i = 0; i < seq->top_count; i++) {
        const crdt__top *top = &seq->tops[list[i]];
        const crdt__top *before = i > 0 ? &seq->tops[list[i - 1]] : NULL;
        bool             first = before == NULL || compare_elems(before->of, top->of) != 0;
        if (first ? top->nth != 0 : top->nth != before->nth + 1) return false;
        if (first) continue;
        if (before->lamport != top->lamport || !same_place(seq, before->cid, top->cid)) {
            return false;
        }
    }
    return true;
}

bool crdt__gone_check(const crdt__seq *seq, uint32_t *list, const char **ret_reason)
{
    for (uint32_t i = 0; i < seq->top_count; i++) {
        *ret_reason = "what elements are compared by is out of order";
        if (seq->tops[i].cid >= seq->atoms.count) return false;
        if (i > 0 && seq->tops[i].cid <= seq->tops[i - 1].cid) return false;
        if (!check_top(seq, &seq->tops[i], ret_reason)) return false;
    }
    if (list == NULL || !seq->order.index.valid) return true;
    crdt__tops_sort(seq->tops, list, seq->top_count);
    return check_groups(seq, list, ret_reason);
}
