/* seq/seq_take.c: taking rows in: what is held, what can be put in place, what must wait. See
 * seq.h. */
#include <string.h>

#include "crdt/core/bytes.h"
#include "crdt/core/mem.h"
#include "crdt/seq/seq_forget.h"
#include "crdt/seq/seq_stand.h"

/* -- Putting in place -------------------------------------------------------------------------- */

static bool same_elem(crdt__elem a, crdt__elem b)
{
    return a.replica == b.replica && a.ctr == b.ctr;
}

/* Everything the insertion refers to is there: fills ret_row. */
static bool is_ready_ins(crdt__seq *seq, const crdt__row *row, uint32_t author, crdt__ins *ret_row)
{
    if (row->first.ctr != seq->log.authors[author].count) return false;
    memset(ret_row, 0, sizeof *ret_row);
    if (!crdt__seq_find(seq, row->right, &ret_row->right)) return false;
    /* A left child's left origin is its parent's: where ids are forgotten it need not be told. */
    if (seq->space->forget_ids && row->right.replica != 0) {
        ret_row->left = crdt__seq_left_of(seq, ret_row->right);
        bool told = same_elem(row->left, crdt__seq_elem(seq, ret_row->left));
        if (seq->strict && !told) seq->forged = true;
    } else if (!crdt__seq_find(seq, row->left, &ret_row->left)) {
        return false;
    }
    ret_row->dot = row->dot;
    ret_row->lamport = row->lamport;
    ret_row->dots = row->dots;
    ret_row->each = row->each;
    ret_row->ctr = row->first.ctr;
    ret_row->cid = seq->atoms.count;
    return true;
}

static crdt_err append_content(crdt__seq *seq, const crdt__row *row)
{
    crdt__content content = crdt__content_of(row, seq->atoms.kind);
    crdt_view     piece;
    uint32_t      count;
    crdt_err      err = CRDT_OK;
    while (err == CRDT_OK && crdt__content_next(&content, &piece, &count)) {
        if (piece.size == 0) {
            err = crdt__atoms_append_void(&seq->atoms, count);
            continue;
        }
        err = crdt__atoms_reserve(&seq->atoms, piece.size, count);
        if (err == CRDT_OK) crdt__atoms_append(&seq->atoms, piece.data, piece.size, count);
    }
    return err;
}

static crdt_err put_ins(crdt__seq *seq, const crdt__row *row, uint32_t author, bool *ret_done)
{
    crdt__ins   ins;
    crdt__place place;
    crdt__move  move;
    uint32_t    of = CRDT__NO_CID, len = crdt__row_len(row);
    *ret_done = false;
    if (!is_ready_ins(seq, row, author, &ins)) return CRDT_OK;
    if (row->move) {
        move = crdt__row_move(row);
        if (!crdt__move_is_ready(seq, move.of, &of)) return CRDT_OK;
    }
    if ((uint64_t)seq->atoms.count + len >= CRDT__CIDS_MAX) return CRDT_ELIMIT;
    crdt_err err = crdt__order_want_index(&seq->order);
    if (err != CRDT_OK || !crdt__seq_place(seq, author, &ins, &place)) return err;
    err = crdt__order_reserve(&seq->order, place);
    if (err == CRDT_OK) err = crdt__log_reserve(&seq->log, author, 1, 0);
    if (err == CRDT_OK) err = crdt__seq_reserve_tops(seq, &ins, row->replica);
    if (err == CRDT_OK && row->move) err = crdt__stand_reserve(seq);
    if (err == CRDT_OK) err = append_content(seq, row);
    if (err != CRDT_OK) return err;
    bool glued = row->left.replica == row->replica && row->right.replica == 0 &&
                 row->left.ctr + 1 == row->first.ctr && ins.left + 1 == ins.cid;
    crdt__log_add_ins(&seq->log, author, &ins);
    crdt__seq_add_tops(seq, &ins, row->replica);
    crdt__order_insert(&seq->order, place, ins.cid, len, glued);
    if (seq->families != NULL) crdt__family_note(seq, &ins);
    crdt__wait_met(seq, row->first, len);
    uint64_t last = crdt__lamport_on(row->lamport, len - 1);
    if (last > seq->lamport) seq->lamport = last;
    seq->changed = true;
    *ret_done = true;
    if (row->move) err = crdt__stand_put(seq, ins.cid, of, move.stamp);
    return err == CRDT_OK ? crdt__seq_pass_gone(seq, author) : err;
}

/* Kill the elements cid .. cid + len - 1 as far as they live. */
static crdt_err kill(crdt__seq *seq, crdt__elem first, uint32_t cid, uint32_t len)
{
    while (len > 0) {
        crdt_err err = crdt__order_want_index(&seq->order); /* a kill may have dropped it */
        if (err == CRDT_OK) err = crdt__order_reserve_kill(&seq->order, 1, 1);
        if (err != CRDT_OK) return err;
        crdt__place place = crdt__order_of(&seq->order, cid);
        uint32_t    begin, n = place.leaf->spans[place.index].len - place.offset;
        if (n > len) n = len;
        (void)crdt__order_kill(&seq->order, &place, n, &begin);
        if (seq->sets.count > 0) crdt__seq_drop_sets(seq, first, n);
        first.ctr += n;
        cid += n;
        len -= n;
    }
    return CRDT_OK;
}

/* The elements are deleted, wherever they stand. Stands among them stay as they are. */
static crdt_err delete_all(crdt__seq *seq, crdt__elem first, uint32_t cid, uint32_t len)
{
    crdt_err err = CRDT_OK;
    if (seq->stands.count == 0) return kill(seq, first, cid, len);
    for (uint32_t n; err == CRDT_OK && len > 0; first.ctr += n, cid += n, len -= n) {
        n = crdt__before_stand(seq, cid, len);
        if (n > 0) err = kill(seq, first, cid, n);
        if (n > 0 && err == CRDT_OK) err = crdt__stands_kill(seq, cid, n);
        if (n == 0) n = 1;
    }
    return err;
}

/* How many of a deletion's dots can be put in place: those whose elements are there. */
static uint32_t ready_dots(const crdt__seq *seq, const crdt__row *row)
{
    uint32_t of = crdt__log_find(&seq->log, row->first.replica);
    if (of == CRDT__NO_AUTHOR || seq->log.authors[of].count <= row->first.ctr) return 0;
    uint32_t ready = (seq->log.authors[of].count - row->first.ctr) / row->each;
    return ready < row->dots ? ready : row->dots;
}

static crdt_err put_del(crdt__seq *seq, const crdt__row *row, uint32_t author)
{
    uint32_t of = crdt__log_find(&seq->log, row->first.replica);
    crdt_err err = crdt__order_want_index(&seq->order);
    if (err == CRDT_OK) err = crdt__log_reserve(&seq->log, author, 0, 1);
    crdt__elem at = row->first;
    for (uint32_t left = crdt__row_len(row); err == CRDT_OK && left > 0;) {
        crdt__idrange id = crdt__log_cid(&seq->log, of, at.ctr);
        uint32_t      n = id.len < left ? id.len : left;
        if (id.cid != CRDT__NO_CID) err = delete_all(seq, at, id.cid, n);
        at.ctr += n;
        left -= n;
    }
    if (err != CRDT_OK) return err;
    crdt__del del = {row->dot, row->dots, row->each, of, row->first.ctr, row->back};
    crdt__log_add_del(&seq->log, author, &del);
    seq->changed = true;
    return CRDT_OK;
}

crdt_err crdt__seq_put(crdt__seq *seq, const crdt__row *row, bool *ret_done)
{
    uint32_t author;
    *ret_done = false;
    crdt_err err = crdt__log_author(&seq->log, row->replica, &author);
    if (err != CRDT_OK) return err;
    if (row->del) {
        *ret_done = ready_dots(seq, row) == row->dots;
        return *ret_done ? put_del(seq, row, author) : CRDT_OK;
    }
    return put_ins(seq, row, author, ret_done);
}

crdt_err crdt__seq_put_ready(crdt__seq *seq, const crdt__row *row, uint32_t *ret_dots)
{
    uint32_t author, dots = *ret_dots = ready_dots(seq, row);
    if (dots == 0) return CRDT_OK;
    crdt__row some = crdt__row_cut(row, row->back ? row->dots - dots : 0, dots);
    crdt_err  err = crdt__log_author(&seq->log, row->replica, &author);
    return err == CRDT_OK ? put_del(seq, &some, author) : err;
}

/* -- What is held ------------------------------------------------------------------------------ */

static bool has_voids(const crdt__row *row, crdt__atom_kind kind)
{
    crdt__content content = crdt__content_of(row, kind);
    crdt_view     piece;
    uint32_t      count;
    while (crdt__content_next(&content, &piece, &count)) {
        if (piece.size == 0) return true;
    }
    return false;
}

/* The same bytes, whatever pieces they come in. What one side has forgotten cannot be compared. */
static bool same_content(const crdt__row *a, const crdt__row *b, crdt__atom_kind kind)
{
    if (has_voids(a, kind) || has_voids(b, kind)) return true;
    crdt__content  x = crdt__content_of(a, kind), y = crdt__content_of(b, kind);
    crdt_view      p, q;
    const uint8_t *p_at = NULL, *q_at = NULL;
    size_t         p_left = 0, q_left = 0;
    for (uint32_t count;;) {
        bool more_p = p_left > 0, more_q = q_left > 0;
        if (!more_p && (more_p = crdt__content_next(&x, &p, &count))) {
            p_at = p.data;
            p_left = p.size;
        }
        if (!more_q && (more_q = crdt__content_next(&y, &q, &count))) {
            q_at = q.data;
            q_left = q.size;
        }
        if (!more_p || !more_q) return more_p == more_q;
        size_t n = p_left < q_left ? p_left : q_left;
        if (memcmp(p_at, q_at, n) != 0) return false;
        p_at += n;
        q_at += n;
        p_left -= n;
        q_left -= n;
    }
}

/* Ids that the row names may have been forgotten by this side. */
static bool is_stable(const crdt__seq *seq, const crdt__row *row)
{
    const crdt_space *space = seq->space;
    crdt_dot          dot = {row->replica, row->dot};
    return space->forget_ids && space->cut != NULL && crdt_context_has(space->cut, dot);
}

/* The row is held as b; origins that were forgotten meanwhile, here or there, cannot be compared,
 * and what hung on them hangs on others. */
static bool same_row(const crdt__seq *seq, const crdt__row *a, const crdt__row *b)
{
    if (a->del != b->del || a->each != b->each || a->lamport != b->lamport) return false;
    if (!same_elem(a->first, b->first)) return false;
    if (a->del) return true;
    bool stable = is_stable(seq, b) || (a->seq != NULL && is_stable(a->seq, b));
    bool implied = seq->space->forget_ids && b->right.replica != 0;
    if (!stable && !implied && !same_elem(a->left, b->left)) return false;
    if (!stable && !same_elem(a->right, b->right)) return false;
    return same_content(a, b, seq->atoms.kind);
}

/* The held row with the dot, from that dot on; false: it is not held. */
static bool held_row(const crdt__seq *seq, uint64_t replica, uint64_t dot, crdt__row *ret_row)
{
    crdt__parked *p = crdt__parked_at(seq, replica, dot);
    uint32_t      author = crdt__log_find(&seq->log, replica);
    crdt__ins     ins;
    crdt__del     del;
    if (p != NULL) {
        *ret_row = crdt__parked_row(p);
    } else if (author == CRDT__NO_AUTHOR) {
        return false;
    } else if (crdt__log_ins_by_dot(&seq->log, author, dot, &ins)) {
        *ret_row = crdt__row_of_ins(seq, replica, &ins);
    } else if (crdt__log_del_by_dot(&seq->log, author, dot, &del)) {
        *ret_row = crdt__row_of_del(seq, replica, &del);
    } else {
        return false;
    }
    uint32_t skip = (uint32_t)(dot - ret_row->dot);
    *ret_row = crdt__row_cut(ret_row, skip, ret_row->dots - skip);
    return true;
}

/* The last parked insertion of the author below the dot, the first one from it on; or NULL. */
static const crdt__parked *parked_below(const crdt__seq *seq, uint64_t replica, uint64_t dot)
{
    uint8_t id[16];
    for (;;) {
        crdt__parked_key(replica, dot, id);
        crdt__parked *p = crdt__omap_before(&seq->parked, crdt_view_of(id, sizeof id), 0);
        if (p == NULL || p->row.replica != replica) return NULL;
        if (!p->row.del && !p->done) return p;
        dot = crdt__load_be64(p->id + 8); /* under which it was parked */
    }
}

static const crdt__parked *parked_above(const crdt__seq *seq, uint64_t replica, uint64_t dot)
{
    crdt__omap_iter it = crdt__parked_from(seq, replica, dot);
    for (const crdt__parked *p; (p = crdt__omap_next(&it)) != NULL;) {
        if (p->row.replica != replica) return NULL;
        if (!p->row.del && !p->done) return p;
    }
    return NULL;
}

bool crdt__seq_has_waiting(const crdt__seq *seq, uint64_t replica)
{
    return seq->parked.count > 0 && parked_above(seq, replica, 0) != NULL;
}

/* An author numbers elements in order of dots. If what is held and an insertion that is not do not
 * agree in that, there are two who write under one replica id. newest: no dot above it is held. */
static bool is_fork(const crdt__seq *seq, const crdt__row *row, bool newest)
{
    uint32_t author = crdt__log_find(&seq->log, row->replica);
    uint32_t count = author == CRDT__NO_AUTHOR ? 0 : seq->log.authors[author].count;
    if (row->del) return false;
    if (row->first.ctr < count) return true;
    crdt__elem end = {row->replica, count - 1};
    if (!newest && count > 0 && !crdt__seq_is_gone(seq, end)) {
        crdt__ins last = crdt__log_ins_of(&seq->log, author, count - 1);
        if (row->dot < last.dot + last.dots) return true;
    }
    if (seq->parked.count == 0) return false;
    const crdt__parked *p = parked_below(seq, row->replica, row->dot);
    if (p != NULL && p->row.first.ctr + crdt__row_len(&p->row) > row->first.ctr) return true;
    p = newest ? NULL : parked_above(seq, row->replica, row->dot);
    return p != NULL && row->first.ctr + crdt__row_len(row) > p->row.first.ctr;
}

crdt_err crdt__seq_offer(crdt__seq *seq, const crdt__row *row, bool *ret_done)
{
    return is_fork(seq, row, true) ? CRDT_EFORK : crdt__seq_put(seq, row, ret_done);
}

/* Put in place what can be, park the rest. */
static crdt_err take_new(crdt__seq *seq, const crdt__row *row, bool newest)
{
    bool done;
    if (is_fork(seq, row, newest)) return CRDT_EFORK;
    crdt_err err = crdt__seq_put(seq, row, &done);
    if (err != CRDT_OK || done) return err;
    uint32_t  some = 0;
    crdt__row rest = *row;
    if (row->del) err = crdt__seq_put_ready(seq, row, &some);
    if (some > 0) rest = crdt__row_cut(row, row->back ? 0 : some, row->dots - some);
    return err == CRDT_OK ? crdt__seq_park(seq, &rest) : err;
}

/* The first held dot at or after one that is not. */
static uint64_t next_held(const crdt__seq *seq, uint64_t replica, uint64_t dot)
{
    uint64_t        best = UINT64_MAX;
    uint32_t        author = crdt__log_find(&seq->log, replica);
    crdt__omap_iter parked = crdt__parked_from(seq, replica, dot);
    crdt__log_iter  it;
    for (crdt__parked *p; (p = crdt__omap_next(&parked)) != NULL && p->row.replica == replica;) {
        if (p->done) continue;
        best = crdt__parked_row(p).dot;
        break;
    }
    if (author == CRDT__NO_AUTHOR) return best;
    crdt__log_each_ins(&it, &seq->log, author, dot);
    const crdt__ins *ins = crdt__log_next_ins(&it);
    if (ins != NULL && ins->dot < best) best = ins->dot;
    crdt__log_each_del(&it, &seq->log, author, dot);
    const crdt__del *del = crdt__log_next_del(&it);
    return del != NULL && del->dot < best ? del->dot : best;
}

crdt_err crdt__seq_take(crdt__seq *seq, const crdt__row *row, const crdt_context *mine)
{
    if (mine == NULL || crdt_context_max(mine, row->replica) < row->dot) {
        return take_new(seq, row, true);
    }
    crdt_err err = CRDT_OK;
    for (uint32_t at = 0, n; err == CRDT_OK && at < row->dots; at += n) {
        crdt__row held, part;
        n = row->dots - at;
        if (held_row(seq, row->replica, row->dot + at, &held)) {
            if (n > held.dots) n = held.dots;
            part = crdt__row_cut(row, at, n);
            held = crdt__row_cut(&held, 0, n);
            if (!same_row(seq, &part, &held)) err = CRDT_EFORK;
            continue;
        }
        uint64_t gap = next_held(seq, row->replica, row->dot + at) - (row->dot + at);
        bool     seen;
        if (n > gap) n = (uint32_t)gap;
        if (seq->space->forget_ids) {
            n = crdt_context_stretch(mine, (crdt_dot){row->replica, row->dot + at}, n, &seen);
            if (seen) continue; /* forgotten here */
        }
        part = crdt__row_cut(row, at, n);
        err = take_new(seq, &part, false);
    }
    return err;
}

/* -- Joins ------------------------------------------------------------------------------------- */

/* Insertions that the other has in place, in its order of arrival: so each finds what it needs. */
static crdt_err take_placed(crdt__seq *seq, const crdt__seq *other, const crdt_context *mine)
{
    crdt_err err = CRDT_OK;
    for (uint32_t cid = 0; err == CRDT_OK && cid < other->atoms.count;) {
        crdt__idrange  id = crdt__log_id(&other->log, cid);
        uint64_t       replica = other->log.authors[id.author].replica;
        crdt__ins      ins = crdt__log_ins_of(&other->log, id.author, id.ctr);
        uint32_t       left = id.len;
        crdt__log_iter it;
        crdt__log_each_ins(&it, &other->log, id.author, ins.dot);
        while (err == CRDT_OK && left > 0) {
            const crdt__ins *next = crdt__log_next_ins(&it);
            for (uint32_t done = 0; err == CRDT_OK && done < next->dots;) {
                crdt__row row = crdt__part_of_ins(other, replica, next, done);
                err = crdt__seq_take(seq, &row, mine);
                done += row.dots;
            }
            left -= next->dots * next->each;
        }
        cid += id.len;
    }
    return err;
}

static crdt_err take_deletions(crdt__seq *seq, const crdt__seq *other, const crdt_context *mine)
{
    crdt_err err = CRDT_OK;
    for (uint32_t a = 0; err == CRDT_OK && a < other->log.author_count; a++) {
        uint64_t       replica = other->log.authors[a].replica;
        crdt__log_iter it;
        crdt__log_each_del(&it, &other->log, a, 0);
        for (const crdt__del *del; err == CRDT_OK && (del = crdt__log_next_del(&it)) != NULL;) {
            crdt__row row = crdt__row_of_del(other, replica, del);
            err = crdt__seq_take(seq, &row, mine);
        }
    }
    return err;
}

/* All that the other holds. */
crdt_err crdt__seq_take_all(crdt__seq *seq, const crdt__seq *other, const crdt_context *mine)
{
    uint32_t count = seq->atoms.count;
    crdt_err err = crdt__seq_hear(seq, other);
    if (err == CRDT_OK) err = take_placed(seq, other, mine);
    if (err == CRDT_OK) err = take_deletions(seq, other, mine);
    crdt__omap_iter it = crdt__omap_first(&other->parked);
    for (crdt__parked *p; err == CRDT_OK && (p = crdt__omap_next(&it)) != NULL;) {
        crdt__row row = crdt__parked_row(p);
        if (!p->done) err = crdt__seq_take(seq, &row, mine);
    }
    it = crdt__omap_first(&other->sets);
    for (crdt__set *set; err == CRDT_OK && (set = crdt__omap_next(&it)) != NULL;) {
        crdt__elem elem = crdt__set_elem(set);
        if (!set->gone) err = crdt__seq_put_set(seq, elem, set->dot, set->stamp, set->value);
    }
    /* Only insertions that are in place now let others follow. */
    if (err == CRDT_OK && seq->atoms.count != count) err = crdt__seq_unpark(seq);
    return err;
}

/* The other has forgotten under a cut that this side does not hold: then it holds all that is here,
 * and takes its place. */
static crdt_err take_instead(crdt__seq *seq, const crdt__seq *other)
{
    crdt__seq *next = crdt__alloc(seq->space->mem, sizeof *next);
    if (next == NULL) return CRDT_ENOMEM;
    crdt__seq_init(seq->space, next, seq->atoms.kind, seq->classic);
    seq->replacement = next;
    return crdt__seq_take_all(next, other, NULL);
}

static bool holds_any(const crdt_context *ctx, const crdt_context *of)
{
    for (uint32_t i = 0; i < of->count; i++) {
        bool     in;
        crdt_dot first = {of->runs[i].replica, of->runs[i].lo};
        uint64_t len = of->runs[i].hi - of->runs[i].lo + 1;
        uint32_t most = len < UINT32_MAX ? (uint32_t)len : UINT32_MAX;
        if (crdt_context_stretch(ctx, first, most, &in) < most || in) return true;
    }
    return false;
}

crdt_err crdt__seq_prepare(crdt__seq *seq, const crdt__seq *other, const crdt_context *mine,
                           const crdt_context *theirs)
{
    bool behind = mine != NULL && !crdt__seq_cut_within(other, mine);
    if (!behind || !holds_any(mine, other->space->cut)) return crdt__seq_take_all(seq, other, mine);
    return crdt_context_within(mine, theirs) ? take_instead(seq, other) : CRDT_EGAP;
}
