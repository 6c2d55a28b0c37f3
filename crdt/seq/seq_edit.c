/* seq/seq_edit.c: what operations do to a sequence: typing, deleting. See seq.h. */
#include <string.h>

#include "crdt/core/mem.h"
#include "crdt/seq/seq_forget.h"
#include "crdt/seq/seq_stand.h"

/* Elements that a pending deletion gathers at most: memory for a row each is reserved. */
#define PENDING_MAX 64u

/* -- Inserting --------------------------------------------------------------------------------- */

/* Whole `atoms` more can be counted. Forgotten ones are not: few bytes may tell of many. */
static crdt_err check_room(const crdt_target *target, const crdt__seq *seq, uint32_t count,
                           uint32_t instead)
{
    uint64_t elements = (uint64_t)crdt__seq_visible(seq) + count - instead;
    uint64_t ever = (uint64_t)seq->atoms.count + count;
    bool     fits = ever - seq->atoms.voids < CRDT__SPAN_MAX && ever < CRDT__CIDS_MAX;
    return elements <= target->space->limits->elements && fits ? CRDT_OK : CRDT_ELIMIT;
}

/* How many elements more may be numbered and held. */
static uint64_t hard_room(const crdt__seq *seq, uint32_t author)
{
    uint64_t own = CRDT__SPAN_MAX - 1 - seq->log.authors[author].count;
    uint64_t held = CRDT__SPAN_MAX - (seq->atoms.count - seq->atoms.voids);
    uint64_t ever = CRDT__CIDS_MAX - seq->atoms.count;
    uint64_t least = own < held ? own : held;
    return least < ever ? least : ever;
}

/* How many elements a run that begins now may become. */
static uint32_t typing_room(const crdt_target *target, const crdt__seq *seq, uint32_t author)
{
    uint64_t visible = crdt__seq_visible(seq), most = target->space->limits->elements;
    uint64_t soft = most > visible ? most - visible : 0, hard = hard_room(seq, author);
    return (uint32_t)(soft < hard ? soft : hard);
}

static bool types_on(const crdt__pending *p, uint32_t pos)
{
    return p->kind == CRDT__TYPING && pos == p->pos + p->count;
}

/* The right parent of what is inserted between left and the place: known, or to be looked up. */
static void set_right(crdt__seq *seq, crdt__ins *row, crdt__place place)
{
    row->right = CRDT__NO_CID;
    row->raw = false;
    if (seq->classic || !crdt__order_settle(&place)) return;
    uint32_t          next = crdt__order_cid(place);
    const crdt__span *span = &place.leaf->spans[place.index];
    if (place.offset > 0 || span->glued) {
        if (row->left != CRDT__NO_CID && next == row->left + 1) row->right = next;
        return;
    }
    row->right = next;
    row->raw = true;
}

/* At the end of Lamport times what is typed may have to stand behind others of its left
 * neighbour's: where all replicas will have it. */
static crdt_err place_at_end(crdt__seq *seq, uint32_t author, crdt__ins *row, crdt__place *place,
                             uint32_t *pos)
{
    crdt_err err = crdt__order_want_index(&seq->order);
    if (err != CRDT_OK) return err;
    row->right = CRDT__NO_CID;
    bool placed = crdt__seq_place(seq, author, row, place);
    CRDT_ASSERT(placed);
    *pos = crdt__order_rank(&seq->order, *place);
    return CRDT_OK;
}

/* What the first element of a run names, and so where it stands. Where ids are forgotten only what
 * shows may be named. */
static crdt_err name_neighbours(crdt__seq *seq, uint32_t author, uint32_t pos, crdt__ins *row,
                                crdt__place *ret_place)
{
    crdt__place next = *ret_place = crdt__order_after(&seq->order, pos);
    row->left = crdt__order_before(next);
    bool dead = seq->space->forget_ids && !seq->classic && crdt__order_settle(&next) &&
                next.leaf->spans[next.index].dead;
    if (!dead) {
        set_right(seq, row, *ret_place);
        return CRDT_OK;
    }
    crdt_err err = crdt__order_want_index(&seq->order);
    if (err != CRDT_OK) return err;
    crdt__seq_name_visible(seq, pos, row);
    bool placed = crdt__seq_place(seq, author, row, ret_place);
    CRDT_ASSERT(placed);
    return CRDT_OK;
}

/* The same right of an element, dead or alive: *pos is where that is. */
static crdt_err name_beside(crdt__seq *seq, uint32_t beside, crdt__ins *row, crdt__place *ret_place,
                            uint32_t *pos)
{
    crdt_err err = crdt__order_want_index(&seq->order);
    if (err != CRDT_OK) return err;
    *ret_place = crdt__order_of(&seq->order, beside);
    ret_place->offset++;
    row->left = beside;
    set_right(seq, row, *ret_place);
    *pos = crdt__order_rank(&seq->order, *ret_place);
    return CRDT_OK;
}

/* A new run: everything that may fail, then its row. beside: not at pos, but there; or NO_CID. */
static crdt_err begin_typing(crdt_target *target, crdt__seq *seq, uint32_t pos, uint32_t beside,
                             size_t size, uint32_t count)
{
    crdt__pending *p = &seq->pending;
    uint32_t       author;
    /* Nobody has ever seen own elements wait, unless another one writes under this replica id. */
    if (crdt__seq_has_waiting(seq, crdt_target_replica(target))) return CRDT_EFORK;
    crdt_err err = crdt__log_author(&seq->log, crdt_target_replica(target), &author);
    if (err != CRDT_OK) return err;
    crdt__place place;
    crdt__ins   row = {.ctr = seq->log.authors[author].count};
    if (seq->classic) row.lamport = seq->lamport == 0 ? 1 : crdt__lamport_on(seq->lamport, 1);
    if (beside == CRDT__NO_CID) err = name_neighbours(seq, author, pos, &row, &place);
    else err = name_beside(seq, beside, &row, &place, &pos);
    if (err == CRDT_OK && row.lamport == CRDT__LAMPORT_END) {
        err = place_at_end(seq, author, &row, &place, &pos);
    }
    if (err == CRDT_OK && hard_room(seq, author) < count) err = CRDT_ELIMIT;
    if (err == CRDT_OK) err = crdt__order_reserve(&seq->order, place);
    if (err == CRDT_OK) err = crdt__log_reserve(&seq->log, author, 1, 0);
    if (err == CRDT_OK) err = crdt__atoms_reserve(&seq->atoms, size, count);
    if (err == CRDT_OK) err = crdt_target_reserve(target, 1, 0);
    if (err != CRDT_OK) return err;
    p->row = row;
    p->room = typing_room(target, seq, author);
    p->kind = CRDT__TYPING;
    p->pos = pos;
    p->count = 0;
    p->author = author;
    p->place = place;
    p->row.dot = crdt_target_dot(target).seq;
    p->row.dots = 1;
    p->row.cid = seq->atoms.count;
    return CRDT_OK;
}

crdt_err crdt__seq_insert(crdt_target *target, uint32_t pos, const uint8_t *bytes, size_t size,
                          uint32_t count, uint32_t instead)
{
    crdt__seq *seq = crdt__seq_in(target);
    crdt_err   err = check_room(target, seq, count, instead);
    if (err != CRDT_OK || count == 0) return err;
    if (types_on(&seq->pending, pos)) {
        uint64_t end = (uint64_t)seq->pending.row.ctr + seq->pending.count + count;
        if (end >= CRDT__SPAN_MAX) return CRDT_ELIMIT;
        err = crdt__atoms_reserve(&seq->atoms, size, count);
    } else {
        crdt__seq_settle(seq);
        err = begin_typing(target, seq, pos, CRDT__NO_CID, size, count);
    }
    if (err != CRDT_OK) return err;
    crdt__atoms_append(&seq->atoms, bytes, size, count);
    seq->pending.count += count;
    return CRDT_OK;
}

crdt_err crdt__seq_insert_beside(crdt_target *target, uint32_t cid, uint32_t least,
                                 const uint8_t *bytes, size_t size, uint32_t count)
{
    crdt__seq *seq = crdt__seq_in(target);
    crdt__seq_settle(seq);
    crdt_err err = crdt__order_want_index(&seq->order);
    if (err == CRDT_OK) err = check_room(target, seq, count, 0);
    if (err != CRDT_OK) return err;
    if (seq->space->forget_ids) {
        uint32_t pos = crdt__order_rank(&seq->order, crdt__order_of(&seq->order, cid));
        return crdt__seq_insert(target, pos < least ? least : pos, bytes, size, count, 0);
    }
    err = begin_typing(target, seq, 0, cid, size, count);
    if (err != CRDT_OK) return err;
    crdt__atoms_append(&seq->atoms, bytes, size, count);
    seq->pending.count += count;
    return CRDT_OK;
}

/* -- Moving ------------------------------------------------------------------------------------ */

static uint64_t stamp_at(const crdt__seq *seq, uint32_t cid)
{
    crdt__move move;
    uint32_t   n;
    return crdt__move_read(crdt__atoms_view(&seq->atoms, cid, 1, &n), &move) ? move.stamp : 0;
}

crdt_err crdt__seq_move(crdt_target *target, uint32_t from, uint32_t to)
{
    crdt__seq *seq = crdt__seq_in(target);
    uint8_t    atom[CRDT__MOVE_BYTES];
    crdt__seq_settle(seq);
    uint32_t   old = crdt__order_cid(crdt__order_at(&seq->order, from));
    uint32_t   of = crdt__shown_by(seq, old), cid = seq->atoms.count;
    uint64_t   over = stamp_at(seq, old);
    crdt__move move = {crdt__seq_elem(seq, of), 0};
    crdt_err   err = check_room(target, seq, 1, 1);
    if (err == CRDT_OK) err = crdt__stand_reserve(seq);
    if (err == CRDT_OK) err = crdt__order_reserve_kill(&seq->order, 2, 3);
    if (err == CRDT_OK) {
        err = begin_typing(target, seq, to > from ? to + 1 : to, CRDT__NO_CID, sizeof atom, 1);
    }
    if (err != CRDT_OK) return err;
    move.stamp = crdt_target_stamp(target, over); /* keys on the way are stamped first */
    size_t size = crdt__move_write(move, atom);
    crdt__atoms_append(&seq->atoms, atom, size, 1);
    seq->pending.count = 1;
    uint32_t pos = seq->pending.pos;
    crdt__seq_settle(seq);
    /* Where stamps end what a greater replica moved stays where it is. */
    bool wins = old == of || crdt__stand_compare(seq, old, cid) < 0;
    if (wins) pos = pos <= from ? from + 1 : from;
    crdt__place place = crdt__order_at(&seq->order, pos);
    uint32_t    n = crdt__order_kill(&seq->order, &place, 1, &pos);
    CRDT_ASSERT(n == 1 && pos == (wins ? old : cid));
    crdt__stand_add(seq, cid, of, move.stamp, wins);
    return CRDT_OK;
}

/* -- Deleting ---------------------------------------------------------------------------------- */

static crdt_err reserve_delete(crdt_target *target, crdt__seq *seq, uint32_t author,
                               uint32_t pieces, uint32_t ranges)
{
    crdt_err err = crdt__order_reserve_kill(&seq->order, pieces, ranges);
    if (err == CRDT_OK) err = crdt__log_reserve(&seq->log, author, 0, pieces);
    if (err == CRDT_OK) err = crdt_target_reserve(target, pieces, 0);
    return err;
}

/* Put the elements onto the pending run, or begin one. Room grows with the run. */
static crdt_err delete_later(crdt_target *target, crdt__seq *seq, uint32_t author, uint32_t pos,
                             uint32_t count)
{
    crdt__pending *p = &seq->pending;
    bool           goes_on = p->kind == CRDT__DELETING && p->count + count <= PENDING_MAX &&
                   (pos == p->pos || pos + count == p->pos);
    if (!goes_on) crdt__seq_settle(seq);
    uint32_t total = goes_on ? p->count + count : count;
    uint32_t room = goes_on ? PENDING_MAX : total;
    crdt_err err = reserve_delete(target, seq, author, room, 1);
    if (err != CRDT_OK) return err;
    p->kind = CRDT__DELETING;
    p->author = author;
    p->target = *target;
    p->pos = pos;
    p->count = total;
    p->room = room;
    return CRDT_OK;
}

/* Spans that hold the count visible elements from pos on, each cut at its stands: as many stretches
 * of ids at most. */
static uint32_t count_pieces(crdt__seq *seq, uint32_t pos, uint32_t count)
{
    crdt__place place = crdt__order_at(&seq->order, pos);
    uint32_t    pieces = 0;
    while (count > 0) {
        crdt__order_pass_dead(&place);
        uint32_t len = place.leaf->spans[place.index].len - place.offset;
        uint32_t cid = crdt__order_cid(place);
        place.offset += len;
        if (len > count) len = count;
        count -= len;
        pieces += 1 + 2 * crdt__stands_in(seq, cid, len);
    }
    return pieces;
}

static crdt_err delete_now(crdt_target *target, crdt__seq *seq, uint32_t author, uint32_t pos,
                           uint32_t count)
{
    crdt__seq_settle(seq);
    crdt_err err = reserve_delete(target, seq, author, count_pieces(seq, pos, count), 1);
    if (err != CRDT_OK) return err;
    seq->pending.kind = CRDT__DELETING;
    seq->pending.author = author;
    seq->pending.target = *target;
    seq->pending.pos = pos;
    seq->pending.count = count;
    crdt__seq_settle(seq);
    return CRDT_OK;
}

/* How many of the visible elements from pos on, at most count, stand or fall together: the
 * transaction may remove all of them, or none (*ret_seen). */
static uint32_t seen_stretch(crdt_target *target, crdt__seq *seq, uint32_t pos, uint32_t count,
                             bool *ret_seen)
{
    crdt__place place = crdt__order_at(&seq->order, pos);
    uint32_t    cid = crdt__order_cid(place);
    uint32_t    len = place.leaf->spans[place.index].len - place.offset;
    uint32_t    values = crdt__before_stand(seq, cid, len);
    if (values == 0) cid = crdt__shown_by(seq, cid);
    len = values == 0 ? 1 : values;
    crdt__idrange id = crdt__log_id(&seq->log, cid);
    crdt__ins     row = crdt__log_ins_of(&seq->log, id.author, id.ctr);
    uint32_t      at = id.ctr - row.ctr;
    crdt_dot      dot = {seq->log.authors[id.author].replica, row.dot + at / row.each};
    *ret_seen = crdt_target_sees(target, dot);
    uint32_t same = row.each - at % row.each;
    if (same > len) same = len;
    return same < count ? same : count;
}

/* The next stretch, of at most count elements, that the transaction may remove, from *pos on, which
 * moves to it. Returns how long it is; 0: there is none. */
static uint32_t next_seen(crdt_target *target, crdt__seq *seq, uint32_t *pos, uint32_t count)
{
    bool     seen = false;
    uint32_t n = 0, more;
    while (count > 0 && (more = seen_stretch(target, seq, *pos, count, &seen), !seen)) {
        *pos += more;
        count -= more;
    }
    while (n < count && (more = seen_stretch(target, seq, *pos + n, count - n, &seen), seen)) {
        n += more;
    }
    return n;
}

/* Stretches of elements that the transaction may remove, and of ids in them at most. */
static uint32_t count_seen(crdt_target *target, crdt__seq *seq, uint32_t pos, uint32_t count,
                           uint32_t *ret_pieces)
{
    uint32_t ranges = 0, end = pos + count, n;
    for (*ret_pieces = 0; (n = next_seen(target, seq, &pos, end - pos)) > 0; pos += n) {
        ranges++;
        *ret_pieces += count_pieces(seq, pos, n);
    }
    return ranges;
}

/* Under a read context: only elements whose insertion it has. Counted first, so that it is done
 * whole or not at all. */
static crdt_err delete_seen(crdt_target *target, crdt__seq *seq, uint32_t author, uint32_t pos,
                            uint32_t count)
{
    crdt__seq_settle(seq);
    uint32_t pieces, n, end = pos + count;
    uint32_t ranges = count_seen(target, seq, pos, count, &pieces);
    if (ranges == 0) return CRDT_OK;
    crdt_err err = reserve_delete(target, seq, author, pieces, ranges + 1);
    while (err == CRDT_OK && (n = next_seen(target, seq, &pos, end - pos)) > 0) {
        err = delete_now(target, seq, author, pos, n);
        end -= n;
    }
    return err;
}

crdt_err crdt__seq_ready_delete(crdt_target *target, uint32_t pos, uint32_t count)
{
    crdt__seq *seq = crdt__seq_in(target);
    uint32_t   author;
    crdt__seq_settle(seq);
    crdt_err err = crdt__log_author(&seq->log, crdt_target_replica(target), &author);
    if (err != CRDT_OK || count == 0) return err;
    uint32_t pieces = count, ranges = count;
    if (!crdt_target_sees_all(target)) ranges = count_seen(target, seq, pos, count, &pieces);
    else if (count > PENDING_MAX) ranges = pieces = count_pieces(seq, pos, count);
    return reserve_delete(target, seq, author, pieces, ranges + 2);
}

crdt_err crdt__seq_delete(crdt_target *target, uint32_t pos, uint32_t count)
{
    crdt__seq *seq = crdt__seq_in(target);
    uint32_t   author;
    if (count == 0) return CRDT_OK;
    crdt_err err = crdt__log_author(&seq->log, crdt_target_replica(target), &author);
    if (err != CRDT_OK) return err;
    if (!crdt_target_sees_all(target)) return delete_seen(target, seq, author, pos, count);
    if (count <= PENDING_MAX) return delete_later(target, seq, author, pos, count);
    return delete_now(target, seq, author, pos, count);
}
