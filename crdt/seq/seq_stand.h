/* seq/seq_stand.h: moves of a list's elements: where those that were moved stand.
 *
 * Shape    A move inserts a *stand*: an element of the order that has no value of its own, but
 *          names another element and a stamp. It is inserted, numbered, told and forgotten as any
 *          other; so it has a dot and a place that nobody disputes. The value, the sets and the
 *          deletion of what was moved are those of the element that it names.
 * Shows    of an element that is not deleted exactly one place: the stand with the greatest (stamp,
 *          replica, sequence) of those that name it; where it was inserted if there is none. So
 *          what shows follows from the set of rows alone. A place that showed once and does not any
 *          more never shows again (but by undo): in the order it is dead like what is deleted.
 * Rows     A stand is one row of one dot, on which no other goes on. It waits for the element that
 *          it names; if that is a stand itself, for ever. Deletions and sets that name a stand, as
 *          no honest author writes them, do nothing.
 * Bytes    of its atom: 0x80 | size + 1, 0 (so it is no value: their sizes are in their shortest
 *          form), then as varints the element's replica and counter, and the stamp.
 * Source   Kleppmann, "Moving elements in list CRDTs", PaPoC 2020.
 */
#ifndef CRDT_SEQ_SEQ_STAND_H
#define CRDT_SEQ_SEQ_STAND_H
#include "crdt/seq/seq.h"

/* What the atom of a stand tells. */
typedef struct crdt__move {
    crdt__elem of;
    uint64_t   stamp;
} crdt__move;

#define CRDT__MOVE_BYTES 32u /* at most */

/* Atoms of values alone are looked at. */
static inline bool crdt__is_move(crdt_view atom)
{
    const uint8_t *at = atom.data;
    return atom.size >= 2 && at[0] >= 0x80 && at[1] == 0;
}
size_t crdt__move_write(crdt__move move, uint8_t out[CRDT__MOVE_BYTES]);
/* False: the atom is no move. It was read before: it is in order. */
bool crdt__move_read(crdt_view atom, crdt__move *ret_move);
/* Where the decoder is a move begins; passes it. What is malformed is told to it. */
crdt__move crdt__dec_move(crdt_dec *dec);
/* Of a row that is a move. */
crdt__move crdt__row_move(const crdt__row *row);

/* The stand with the cid; NULL: that is an element with a value. O(log stands). */
const crdt__stand *crdt__stand_at(const crdt__seq *seq, uint32_t cid);
/* How many of the elements from cid on, at most len, come before the next stand. */
uint32_t               crdt__before_any(const crdt__seq *seq, uint32_t cid, uint32_t len);
static inline uint32_t crdt__before_stand(const crdt__seq *seq, uint32_t cid, uint32_t len)
{
    return seq->stands.count == 0 ? len : crdt__before_any(seq, cid, len);
}
/* Stands among the elements. */
uint32_t crdt__stands_in(const crdt__seq *seq, uint32_t cid, uint32_t len);
/* The element that a place in the order is for: what a stand names, or itself. It may be none only
 * where nothing shows. */
static inline uint32_t crdt__shown_by(const crdt__seq *seq, uint32_t cid)
{
    if (seq->stands.count == 0) return cid;
    const crdt__stand *stand = crdt__stand_at(seq, cid);
    return stand == NULL ? cid : stand->of;
}
/* Where the element stands: the stand that is the latest, or itself. O(log stands). */
uint32_t crdt__stands_at(const crdt__seq *seq, uint32_t cid);
/* Is the element deleted? Never a stand. The index must be valid. */
bool crdt__seq_is_deleted(const crdt__seq *seq, uint32_t cid);

/* Room for one more. Errors: ENOMEM, ELIMIT. */
crdt_err crdt__stand_reserve(crdt__seq *seq);
/* The greatest cid there is names the element (or a forgotten one: NO_CID), with this stamp; wins:
 * it is where that stands from now on. */
void crdt__stand_add(crdt__seq *seq, uint32_t cid, uint32_t of, uint64_t stamp, bool wins);
/* Does what `of` names exist, and is it an element with a value? *ret_cid: NO_CID if it was
 * forgotten. */
bool crdt__move_is_ready(const crdt__seq *seq, crdt__elem of, uint32_t *ret_cid);
/* The element cid, just put in place, is a stand: it shows, or what showed goes on showing. Room is
 * reserved. Errors: ENOMEM. */
crdt_err crdt__stand_put(crdt__seq *seq, uint32_t cid, uint32_t of, uint64_t stamp);
/* The same in a sequence that is made anew, whose order is not there yet. */
crdt_err crdt__stand_copy(crdt__seq *seq, uint32_t cid, uint32_t of);
/* The elements cid .. cid + len - 1 are being deleted: what stands for them is dead. Errors:
 * ENOMEM. */
crdt_err crdt__stands_kill(crdt__seq *seq, uint32_t cid, uint32_t len);
/* <0, 0, >0: by stamp, replica, sequence. */
int crdt__stand_compare(const crdt__seq *seq, uint32_t a, uint32_t b);

/* As crdt__seq_keep and crdt__seq_undo: stands from the cid `mark` on go. */
void   crdt__stands_keep(crdt__seq *seq);
void   crdt__stands_undo(crdt__seq *seq, uint32_t mark);
void   crdt__stands_clear(crdt__seq *seq);
size_t crdt__stands_bytes(const crdt__seq *seq); /* memory in use */
bool   crdt__stands_check(const crdt__seq *seq, const char **ret_reason);

/* The element at `from` moves to stand at position `to`; both are visible, and not the same.
 * (seq_edit.c) Errors: ENOMEM, ELIMIT, EFORK. */
crdt_err crdt__seq_move(crdt_target *target, uint32_t from, uint32_t to);

#endif
