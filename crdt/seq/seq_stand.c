/* seq/seq_stand.c: see seq_stand.h. The latest stands are the leaves of a tree over the bits of
 * their elements' cids, which tell of themselves: no choice of elements makes it deep, as it could
 * fill one end of a table of hashes. Elements come and go last in, first out; so do forks. */
#include "crdt/seq/seq_stand.h"

#include <string.h>

#include "crdt/clock.h"
#include "crdt/core/bytes.h"
#include "crdt/core/mem.h"
#include "crdt/seq/seq_forget.h"

#define NONE CRDT__NO_STAND
#define FORK_BIT (UINT32_C(1) << 31) /* no more stands */

/* -- Atoms ------------------------------------------------------------------------------------- */

size_t crdt__move_write(crdt__move move, uint8_t out[CRDT__MOVE_BYTES])
{
    uint8_t *at = crdt__put_varint(crdt__put_varint(out + 2, move.of.replica), move.of.ctr);
    at = crdt__put_varint(at, move.stamp);
    size_t size = (size_t)(at - out);
    out[0] = (uint8_t)(0x80 | (size - 1));
    out[1] = 0;
    return size;
}

crdt__move crdt__dec_move(crdt_dec *dec)
{
    crdt__move     move = {{0, 0}, 0};
    const uint8_t *from = dec->at;
    crdt_view      head = crdt_dec_bytes(dec, 2);
    move.of.replica = crdt_dec_varint(dec);
    uint64_t ctr = crdt_dec_varint(dec);
    move.stamp = crdt_dec_varint(dec);
    if (dec->err != CRDT_OK) return move;
    size_t told = (*(const uint8_t *)head.data & 0x7f) + (size_t)1;
    if (move.of.replica == 0 || ctr >= CRDT__SPAN_MAX || move.stamp > CRDT_STAMP_MAX ||
        told != (size_t)(dec->at - from)) {
        crdt_dec_fail(dec, CRDT_EMALFORMED, "a move of nothing, or out of range");
    }
    move.of.ctr = (uint32_t)ctr;
    return move;
}

bool crdt__move_read(crdt_view atom, crdt__move *ret_move)
{
    crdt_dec dec;
    if (!crdt__is_move(atom)) return false;
    crdt_dec_init(&dec, atom, NULL);
    *ret_move = crdt__dec_move(&dec);
    CRDT_ASSERT(dec.err == CRDT_OK);
    return true;
}

crdt__move crdt__row_move(const crdt__row *row)
{
    crdt__content content = crdt__content_of(row, CRDT__VALUE_ATOMS);
    crdt_view     atom;
    uint32_t      count;
    crdt__move    move;
    bool          is = crdt__content_next(&content, &atom, &count) && crdt__move_read(atom, &move);
    CRDT_ASSERT(row->move && is);
    return move;
}

/* -- Finding ----------------------------------------------------------------------------------- */

/* The number of the first stand at or after the cid. */
static uint32_t stand_from(const crdt__stands *s, uint32_t cid)
{
    uint32_t at = 0;
    for (uint32_t n = s->count; n > 0;) {
        uint32_t half = n / 2;
        bool     before = s->at[at + half].cid < cid;
        at = before ? at + half + 1 : at;
        n = before ? n - half - 1 : half;
    }
    return at;
}

const crdt__stand *crdt__stand_at(const crdt__seq *seq, uint32_t cid)
{
    const crdt__stands *s = &seq->stands;
    uint32_t            at = stand_from(s, cid);
    return at < s->count && s->at[at].cid == cid ? &s->at[at] : NULL;
}

uint32_t crdt__before_any(const crdt__seq *seq, uint32_t cid, uint32_t len)
{
    const crdt__stands *s = &seq->stands;
    uint32_t            at = stand_from(s, cid);
    return at < s->count && s->at[at].cid - cid < len ? s->at[at].cid - cid : len;
}

uint32_t crdt__stands_in(const crdt__seq *seq, uint32_t cid, uint32_t len)
{
    const crdt__stands *s = &seq->stands;
    return s->count == 0 ? 0 : stand_from(s, cid + len) - stand_from(s, cid);
}

/* The leaf that is the element's if it has any. There is one. */
static uint32_t *leaf_of(const crdt__stands *s, uint32_t of)
{
    uint32_t *at = (uint32_t *)(uintptr_t)&s->root;
    while (*at & FORK_BIT) {
        crdt__fork *f = &s->forks[*at & ~FORK_BIT];
        at = &f->to[of >> f->bit & 1];
    }
    return at;
}

/* The number of the element's latest stand, or NONE. */
static uint32_t latest_of(const crdt__stands *s, uint32_t of)
{
    if (s->latest_count == 0) return NONE;
    uint32_t number = *leaf_of(s, of);
    return s->at[number].of == of ? number : NONE;
}

uint32_t crdt__stands_at(const crdt__seq *seq, uint32_t cid)
{
    uint32_t number = latest_of(&seq->stands, cid);
    return number == NONE ? cid : seq->stands.at[number].cid;
}

bool crdt__seq_is_deleted(const crdt__seq *seq, uint32_t cid)
{
    if (seq->stands.count == 0) return crdt__seq_is_dead(seq, cid);
    return crdt__stand_at(seq, cid) == NULL && crdt__seq_is_dead(seq, crdt__stands_at(seq, cid));
}

static uint64_t stamp_of(const crdt__seq *seq, uint32_t cid)
{
    crdt__move move;
    uint32_t   count;
    bool       is = crdt__move_read(crdt__atoms_view(&seq->atoms, cid, 1, &count), &move);
    CRDT_ASSERT(is);
    return move.stamp;
}

static crdt_dot dot_of(const crdt__seq *seq, uint32_t cid)
{
    crdt__idrange id = crdt__log_id(&seq->log, cid);
    crdt__ins     row = crdt__log_ins_of(&seq->log, id.author, id.ctr);
    return (crdt_dot){seq->log.authors[id.author].replica, row.dot + (id.ctr - row.ctr) / row.each};
}

int crdt__stand_compare(const crdt__seq *seq, uint32_t a, uint32_t b)
{
    uint64_t x = stamp_of(seq, a), y = stamp_of(seq, b);
    if (x != y) return x < y ? -1 : 1;
    return crdt_dot_compare(dot_of(seq, a), dot_of(seq, b));
}

bool crdt__move_is_ready(const crdt__seq *seq, crdt__elem of, uint32_t *ret_cid)
{
    if (crdt__seq_find(seq, of, ret_cid)) return crdt__stand_at(seq, *ret_cid) == NULL;
    return crdt__seq_is_gone(seq, of);
}

/* -- Adding ------------------------------------------------------------------------------------ */

static crdt_err grow_forks(crdt__seq *seq)
{
    crdt__stands *s = &seq->stands;
    size_t        old = s->forks_cap, cap = crdt__grow(old, s->latest_count);
    crdt__fork   *forks =
        crdt__resize(seq->space->mem, s->forks, old * sizeof *forks, cap * sizeof *forks);
    if (forks == NULL) return CRDT_ENOMEM;
    s->forks = forks;
    s->forks_cap = (uint32_t)cap;
    return CRDT_OK;
}

crdt_err crdt__stand_reserve(crdt__seq *seq)
{
    crdt__stands *s = &seq->stands;
    if (s->count >= FORK_BIT) return CRDT_ELIMIT;
    if (s->count == s->cap) {
        size_t       cap = crdt__grow(s->cap, s->count + (size_t)1);
        crdt__stand *at =
            crdt__resize(seq->space->mem, s->at, s->cap * sizeof *at, cap * sizeof *at);
        if (at == NULL) return CRDT_ENOMEM;
        s->at = at;
        s->cap = (uint32_t)cap;
    }
    return s->latest_count > s->forks_cap ? grow_forks(seq) : CRDT_OK;
}

/* The stand is the latest of its element. Returns which was before, or NONE. Room is reserved. */
static uint32_t put_latest(crdt__stands *s, uint32_t number)
{
    uint32_t of = s->at[number].of, before = NONE;
    if (s->latest_count == 0) {
        s->root = number;
        s->latest_count = 1;
        return before;
    }
    uint32_t *at = leaf_of(s, of), differ = s->at[*at].of ^ of;
    if (differ == 0) {
        before = *at;
        *at = number;
        return before;
    }
    uint32_t bit = 31 - (uint32_t)__builtin_clz(differ), new = s->latest_count - 1;
    CRDT_ASSERT(new < s->forks_cap);
    for (at = &s->root; *at & FORK_BIT;) {
        crdt__fork *f = &s->forks[*at & ~FORK_BIT];
        if (f->bit < bit) break;
        at = &f->to[of >> f->bit & 1];
    }
    s->forks[new].bit = bit;
    s->forks[new].to[of >> bit & 1] = number;
    s->forks[new].to[~of >> bit & 1] = *at;
    *at = FORK_BIT | new;
    s->latest_count++;
    return before;
}

void crdt__stand_add(crdt__seq *seq, uint32_t cid, uint32_t of, uint64_t stamp, bool wins)
{
    crdt__stands *s = &seq->stands;
    CRDT_ASSERT(s->count < s->cap && (s->count == 0 || s->at[s->count - 1].cid < cid));
    crdt__stand *stand = &s->at[s->count];
    *stand = (crdt__stand){cid, of, NONE};
    if (wins) stand->before = put_latest(s, s->count);
    s->count++;
    if (stamp > s->stamp) s->stamp = stamp;
}

/* What showed there does not any more. */
static crdt_err hide(crdt__seq *seq, uint32_t cid)
{
    crdt_err err = crdt__order_want_index(&seq->order);
    if (err == CRDT_OK) err = crdt__order_reserve_kill(&seq->order, 1, 1);
    if (err != CRDT_OK) return err;
    crdt__place place = crdt__order_of(&seq->order, cid);
    (void)crdt__order_kill(&seq->order, &place, 1, &cid);
    return CRDT_OK;
}

crdt_err crdt__stand_put(crdt__seq *seq, uint32_t cid, uint32_t of, uint64_t stamp)
{
    crdt_err err = crdt__order_want_index(&seq->order);
    if (err != CRDT_OK) return err;
    bool     wins = of != CRDT__NO_CID && !crdt__seq_is_deleted(seq, of);
    uint32_t number = wins ? latest_of(&seq->stands, of) : NONE;
    uint32_t loser = cid;
    if (wins && number == NONE) loser = of;
    else if (wins) wins = crdt__stand_compare(seq, seq->stands.at[number].cid, cid) < 0;
    if (wins && number != NONE) loser = seq->stands.at[number].cid;
    crdt__stand_add(seq, cid, of, stamp, wins);
    return hide(seq, loser);
}

crdt_err crdt__stand_copy(crdt__seq *seq, uint32_t cid, uint32_t of)
{
    crdt_err err = crdt__stand_reserve(seq);
    if (err != CRDT_OK) return err;
    uint32_t number = of == CRDT__NO_CID ? NONE : latest_of(&seq->stands, of);
    bool     first = of != CRDT__NO_CID && number == NONE;
    bool     wins =
        first || (number != NONE && crdt__stand_compare(seq, seq->stands.at[number].cid, cid) < 0);
    crdt__stand_add(seq, cid, of, stamp_of(seq, cid), wins);
    return CRDT_OK;
}

crdt_err crdt__stands_kill(crdt__seq *seq, uint32_t cid, uint32_t len)
{
    const crdt__stands *s = &seq->stands;
    crdt_err            err = CRDT_OK;
    if (len < s->count) {
        for (uint32_t i = 0; err == CRDT_OK && i < len; i++) {
            uint32_t stand = crdt__stands_at(seq, cid + i);
            if (stand != cid + i) err = hide(seq, stand);
        }
        return err;
    }
    for (uint32_t i = 0; err == CRDT_OK && i < s->count; i++) {
        uint32_t of = s->at[i].of;
        if (of - cid < len && latest_of(s, of) == i) err = hide(seq, s->at[i].cid);
    }
    return err;
}

/* -- What stays and what is taken back --------------------------------------------------------- */

void crdt__stands_keep(crdt__seq *seq)
{
    seq->stands.kept_stamp = seq->stands.stamp;
}

/* The element that came last goes. */
static void drop_latest(crdt__stands *s, uint32_t of)
{
    uint32_t last = --s->latest_count;
    if (last == 0) return;
    uint32_t *at = &s->root;
    while (*at != (FORK_BIT | (last - 1))) {
        CRDT_ASSERT(*at & FORK_BIT);
        crdt__fork *f = &s->forks[*at & ~FORK_BIT];
        at = &f->to[of >> f->bit & 1];
    }
    const crdt__fork *f = &s->forks[last - 1];
    *at = f->to[~of >> f->bit & 1];
}

void crdt__stands_undo(crdt__seq *seq, uint32_t mark)
{
    crdt__stands *s = &seq->stands;
    while (s->count > 0 && s->at[s->count - 1].cid >= mark) {
        const crdt__stand *stand = &s->at[s->count - 1];
        uint32_t           of = stand->of, before = stand->before;
        if (latest_of(s, of) == s->count - 1) {
            if (before == NONE) drop_latest(s, of);
            else *leaf_of(s, of) = before;
        }
        s->count--;
    }
    s->stamp = s->kept_stamp;
}

void crdt__stands_clear(crdt__seq *seq)
{
    crdt__stands *s = &seq->stands;
    crdt__release(seq->space->mem, s->at, s->cap * sizeof *s->at);
    crdt__release(seq->space->mem, s->forks, s->forks_cap * sizeof *s->forks);
    memset(s, 0, sizeof *s);
}

size_t crdt__stands_bytes(const crdt__seq *seq)
{
    return seq->stands.cap * sizeof(crdt__stand) + seq->stands.forks_cap * sizeof(crdt__fork);
}

/* -- Audit ------------------------------------------------------------------------------------- */

static bool fail(const char **ret_reason, const char *reason)
{
    *ret_reason = reason;
    return false;
}

static bool check_stand(const crdt__seq *seq, uint32_t number, const char **ret_reason)
{
    const crdt__stand *stand = &seq->stands.at[number];
    crdt__move         move;
    uint32_t           count, of;
    bool               shows = !crdt__seq_is_dead(seq, stand->cid);
    if (!crdt__move_read(crdt__atoms_view(&seq->atoms, stand->cid, 1, &count), &move)) {
        return fail(ret_reason, "a stand that is no move");
    }
    if (!crdt__move_is_ready(seq, move.of, &of) || of != stand->of) {
        return fail(ret_reason, "a stand is for another element than its move tells");
    }
    if (of == CRDT__NO_CID) return shows ? fail(ret_reason, "a forgotten element shows") : true;
    uint32_t latest = latest_of(&seq->stands, of);
    if (!crdt__seq_is_dead(seq, of)) return fail(ret_reason, "a moved element shows where it was");
    if (shows && latest != number) return fail(ret_reason, "an element shows twice");
    if (latest == NONE || latest == number) return true;
    uint32_t winner = seq->stands.at[latest].cid;
    bool     lost = crdt__stand_compare(seq, stand->cid, winner) < 0;
    return lost || crdt__seq_is_dead(seq, winner) ||
           fail(ret_reason, "an element shows where an earlier move put it");
}

/* Leaves that are where they belong. */
static uint32_t count_leaves(const crdt__stands *s)
{
    uint32_t leaves = 0, forks = s->latest_count == 0 ? 0 : s->latest_count - 1;
    if (s->latest_count == 1) return s->root < s->count;
    for (uint32_t i = 0; i < 2 * forks; i++) {
        const crdt__fork *f = &s->forks[i / 2];
        uint32_t          to = f->to[i % 2];
        if (!(to & FORK_BIT)) leaves += to < s->count && latest_of(s, s->at[to].of) == to;
        else if (s->forks[to & ~FORK_BIT].bit >= f->bit) return UINT32_MAX;
    }
    return leaves;
}

bool crdt__stands_check(const crdt__seq *seq, const char **ret_reason)
{
    uint32_t moves = 0;
    if (count_leaves(&seq->stands) != seq->stands.latest_count) {
        return fail(ret_reason, "the tree of the latest stands is torn");
    }
    for (uint32_t cid = 0, n; seq->atoms.kind == CRDT__VALUE_ATOMS && cid < seq->atoms.count;
         cid += n) {
        crdt_view atom = crdt__atoms_view(&seq->atoms, cid, 1, &n);
        moves += crdt__is_move(atom);
    }
    if (moves != seq->stands.count) return fail(ret_reason, "moves that are no stands");
    for (uint32_t i = 0; seq->order.index.valid && i < seq->stands.count; i++) {
        if (!check_stand(seq, i, ret_reason)) return false;
    }
    return true;
}
