/* seq/seq_place.c: where an insertion belongs: FugueMax, and the classic order of RGA.
 *
 * Both look right of the left origin, as far as elements stand there that came from the same place.
 * FugueMax: elements of the same left origin L stand in the order of what they had on the right: an
 * element whose right parent is R (of the same left origin) stands before R; those with equal right
 * parents go by id. Classic: later insertions (Lamport time, then replica and counter) come first,
 * each with all that was inserted after it. Source: Weidner, Kleppmann, IEEE TPDS 36(11), 2025; Roh
 * et al., JPDC 71(3), 2011.
 */
#include "crdt/core/mem.h"
#include "crdt/seq/seq_forget.h"

/* Steps along the order after which a left origin's family is written down. */
#define FAMILY_STEPS 32u

static crdt__ins row_of(const crdt__seq *seq, uint32_t cid, crdt__idrange *ret_id)
{
    *ret_id = crdt__log_id(&seq->log, cid);
    return crdt__log_ins_of(&seq->log, ret_id->author, ret_id->ctr);
}

uint32_t crdt__seq_left_of(const crdt__seq *seq, uint32_t cid)
{
    if (seq->order.index.valid) { /* within a run the order tells it */
        crdt__place at = crdt__order_of(&seq->order, cid);
        if (at.offset > 0 || at.leaf->spans[at.index].glued) return cid - 1;
    }
    crdt__idrange id;
    crdt__ins     row = row_of(seq, cid, &id);
    return row.ctr == id.ctr ? row.left : cid - 1;
}

uint32_t crdt__seq_right_of(const crdt__seq *seq, const crdt__ins *row)
{
    if (!row->raw || row->right == CRDT__NO_CID) return row->right;
    return crdt__seq_left_of(seq, row->right) == row->left ? row->right : CRDT__NO_CID;
}

uint64_t crdt__seq_lamport_of(const crdt__seq *seq, uint32_t cid)
{
    crdt__idrange id;
    crdt__ins     row = row_of(seq, cid, &id);
    return crdt__lamport_on(row.lamport, id.ctr - row.ctr);
}

/* Elements that stand side by side may have been inserted by anyone; ids order them. */
static bool is_before(const crdt__seq *seq, const crdt__rank *rank, uint32_t other)
{
    crdt__rank theirs = crdt__rank_of(seq, other);
    return crdt__rank_compare(rank, &theirs) < 0;
}

/* <0, 0, >0: origins in the order; `none` stands for NO_CID: -1 the start, 1 the end. */
int crdt__seq_compare_origins(const crdt__seq *seq, uint32_t a, uint32_t b, int none)
{
    if (a == b) return 0;
    if (a == CRDT__NO_CID) return none;
    if (b == CRDT__NO_CID) return -none;
    return crdt__order_compare(&seq->order, crdt__order_of(&seq->order, a),
                               crdt__order_of(&seq->order, b));
}

crdt__place crdt__seq_right_of_element(const crdt__seq *seq, uint32_t left)
{
    crdt__place place = {seq->order.first, 0, 0};
    if (left == CRDT__NO_CID) return place;
    place = crdt__order_of(&seq->order, left);
    place.offset++;
    return place;
}

/* Left origin and right parent of the element at a settled place. */
uint32_t crdt__seq_origins_at(const crdt__seq *seq, crdt__place at, uint32_t *ret_right)
{
    uint32_t cid = crdt__order_cid(at);
    *ret_right = CRDT__NO_CID;
    if (at.offset > 0 || at.leaf->spans[at.index].glued) return cid - 1;
    crdt__idrange id;
    crdt__ins     row = row_of(seq, cid, &id);
    if (row.ctr != id.ctr) return cid - 1;
    *ret_right = crdt__seq_right_of(seq, &row);
    return row.left;
}

static bool is_in_run(crdt__place at)
{
    return at.offset > 0 || at.leaf->spans[at.index].glued;
}

static crdt__place scan_fugue(crdt__seq *seq, uint32_t author, const crdt__ins *row, crdt__place at)
{
    crdt__place dest = at;
    crdt__rank  rank = crdt__rank_of_row(seq, author, row);
    bool        scanning = false;
    unsigned    steps = 0;
    for (;; at.offset = at.leaf->spans[at.index].len) {
        if (++steps == FAMILY_STEPS) crdt__family_make(seq, row->left);
        if (!scanning) dest = at;
        if (!crdt__order_settle(&at)) break;
        uint32_t other = crdt__order_cid(at), other_right;
        if (other == row->right) break;
        uint32_t other_left = crdt__seq_origins_at(seq, at, &other_right);
        int      order = crdt__seq_compare_origins(seq, other_left, row->left, -1);
        if (order < 0) break;
        if (order > 0) continue;
        order = crdt__seq_compare_origins(seq, other_right, row->right, 1);
        if (order == 0 && is_before(seq, &rank, other)) break;
        scanning = order < 0;
    }
    return dest;
}

/* Most rows go right between their neighbours; the rest looks on. */
static bool place_fugue(crdt__seq *seq, uint32_t author, const crdt__ins *row,
                        crdt__place *ret_place)
{
    crdt__place at = crdt__seq_right_of_element(seq, row->left), next = at;
    *ret_place = at;
    if (!crdt__order_settle(&next)) return row->right == CRDT__NO_CID;
    if (row->right != CRDT__NO_CID) {
        bool     beside = crdt__order_cid(next) == row->right;
        uint32_t left =
            beside && is_in_run(next) ? row->right - 1 : crdt__seq_left_of(seq, row->right);
        if (left != row->left) return false;
        if (beside) return true;
    }
    *ret_place = crdt__family_has(seq, row->left) ? crdt__family_place(seq, author, row)
                                                  : scan_fugue(seq, author, row, at);
    return true;
}

/* Of elements at the end of time (those below it stop at any earlier one): a sibling that goes
 * before the row comes first, with all that was inserted after it. */
static crdt__place scan_classic_end(crdt__seq *seq, uint32_t author, const crdt__ins *row,
                                    crdt__place at)
{
    crdt__place dest = at;
    crdt__rank  rank = crdt__rank_of_row(seq, author, row);
    unsigned    steps = 0;
    for (; crdt__order_settle(&at); dest = at) {
        if (++steps == FAMILY_STEPS) crdt__family_make(seq, row->left);
        uint32_t right, other = crdt__order_cid(at);
        uint32_t left = crdt__seq_origins_at(seq, at, &right);
        if (left == row->left) {
            if (!is_before(seq, &rank, other)) break;
        } else if (crdt__seq_compare_origins(seq, left, row->left, -1) < 0) {
            break;
        }
        at.offset = at.leaf->spans[at.index].len;
    }
    return dest;
}

static bool place_classic(crdt__seq *seq, uint32_t author, const crdt__ins *row,
                          crdt__place *ret_place)
{
    crdt__place at = crdt__seq_right_of_element(seq, row->left);
    if (row->left != CRDT__NO_CID &&
        row->lamport < crdt__lamport_on(crdt__seq_lamport_of(seq, row->left), 1)) {
        return false;
    }
    if (crdt__family_has(seq, row->left)) {
        *ret_place = crdt__family_place(seq, author, row);
        return true;
    }
    if (row->lamport == CRDT__LAMPORT_END) {
        *ret_place = scan_classic_end(seq, author, row, at);
        return true;
    }
    unsigned   steps = 0;
    crdt__rank rank = crdt__rank_of_row(seq, author, row);
    for (*ret_place = at; crdt__order_settle(&at); *ret_place = at) {
        if (++steps == FAMILY_STEPS) crdt__family_make(seq, row->left);
        if (!is_before(seq, &rank, crdt__order_cid(at))) break; /* the later one comes first */
        at.offset = at.leaf->spans[at.index].len;
    }
    return true;
}

bool crdt__seq_place(crdt__seq *seq, uint32_t author, const crdt__ins *row, crdt__place *ret_place)
{
    if (seq->order.root == NULL) {
        *ret_place = (crdt__place){NULL, 0, 0};
        return row->left == CRDT__NO_CID && row->right == CRDT__NO_CID;
    }
    return seq->classic ? place_classic(seq, author, row, ret_place)
                        : place_fugue(seq, author, row, ret_place);
}
