/* seq/seq_code.h: the bytes of a sequence, as seq_code.c writes and seq_decode.c reads them.
 *
 * Format: a replica is its place in the dictionary; numbers are varints, (z) zigzag.
 *
 *      sequence   what was forgotten (seq_forget.h) where ids are; 4 * replicas + 2 if it is whole
 *                 + 1 if there are sets; if whole its text (seq_snap.h), without the column of
 *                 content below; for each replica, ascending: replica, rows, and if rows are
 *                 INLINE_ROWS or more the sizes of the five columns; the columns (fewer rows: row
 *                 by row in one); if whole what is dead (seq_snap.h); sets: how many, then for
 *                 each, ascending by element: element (replica, counter), dot (replica, sequence),
 *                 stamp, value
 *      columns    shapes  one byte a row, flags of CRDT__SHAPE_*
 *                 counts  dots - 2 if MANY; each - 2 if LONG
 *                 refs    an insertion's left origin, a deletion's last element: as counter (z)
 *                         less the cursor's if OWN, that is of the cursor's replica, else replica,
 *                         counter; the start: the dictionary's size
 *                 others  gap before the dot if GAP; if ODD an insertion's first counter (z) less
 *                         the one expected, and the stretches of forgotten atoms; right parent if
 *                         RIGHT: counter (z) less the left origin's if NEAR, that is of its
 *                         replica, else replica, counter; lamport (z) less the one expected in
 *                         classic order; (gap, length) of the stretches
 *                 content the atoms of insertions; that of a move (seq_stand.h) is in a row of its
 *                         own, of one dot and one element, that no other goes on from
 *
 * The cursor is where the replica last edited: the last element that it inserted, or the one before
 * those that it deleted. So the usual row is three or four bytes. Rows are those of seq_rows.c. A
 * sequence is whole if it can be (crdt__snap_fits): states are, deltas mostly are not.
 */
#ifndef CRDT_SEQ_SEQ_CODE_H
#define CRDT_SEQ_SEQ_CODE_H
#include "crdt/seq/seq.h"

#define CRDT__INLINE_ROWS 8u

/* In line wherever it is called: what is done for each row. */
#define CRDT__HOT static inline __attribute__((always_inline))

enum { /* of all rows */
       CRDT__SHAPE_DEL = 1,
       CRDT__SHAPE_MANY = 2,
       CRDT__SHAPE_LONG = 4,
       CRDT__SHAPE_GAP = 8,
       CRDT__SHAPE_OWN = 16,
       /* of deletions */
       CRDT__SHAPE_BACK = 32,
       /* of insertions */
       CRDT__SHAPE_RIGHT = 32,
       CRDT__SHAPE_NEAR = 64,
       CRDT__SHAPE_ODD = 128
};

enum { CRDT__SHAPES, CRDT__COUNTS, CRDT__REFS, CRDT__OTHERS, CRDT__CONTENT, CRDT__COLUMNS };

/* What the rows of one replica so far lead to expect. */
typedef struct crdt__trail {
    uint64_t   replica, dot, lamport; /* of the next row */
    crdt__elem cursor;
    uint32_t   ctr;      /* of the next insertion */
    bool       inserted; /* ctr is known */
    /* The row before. */
    bool       any, del, back, many;
    uint32_t   each, len;
    crdt__elem first;
} crdt__trail;

void               crdt__trail_begin(crdt__trail *trail, uint64_t replica);
static inline void crdt__trail_pass(crdt__trail *trail, const crdt__row *row)
{
    uint32_t len = crdt__row_len(row);
    trail->any = !row->move;
    trail->del = row->del;
    trail->back = row->back;
    trail->many = row->dots > 1;
    trail->each = row->each;
    trail->len = len;
    trail->first = trail->cursor = row->first;
    trail->dot = row->dot + row->dots;
    if (row->del) {
        if (trail->cursor.ctr > 0) trail->cursor.ctr--;
        return;
    }
    trail->inserted = true;
    trail->cursor.ctr = row->first.ctr + len - 1;
    trail->ctr = row->first.ctr + len;
    trail->lamport = crdt__lamport_on(row->lamport, len);
}
/* The first counter expected of an insertion right of `left`. */
uint32_t crdt__trail_ctr(const crdt__trail *trail, crdt__elem left);
/* Would the row, or its first dot, be one with the row before? Then its bytes are not canonical. */
bool               crdt__trail_meets(const crdt__trail *trail, const crdt__row *row, bool classic);
static inline bool crdt__trail_joins(const crdt__trail *trail, const crdt__row *row, bool classic)
{
    if (trail->del != row->del || trail->each != row->each || trail->dot != row->dot) return false;
    return trail->any && !row->move && crdt__trail_meets(trail, row, classic);
}

#endif
