/* core/cells.h: the cells of counters, in columns.
 *
 * Shape       birth dot -> cell {hi, totals at hi, [lo, totals at lo, reset]}, sorted by birth dot:
 *                 a1 -> {a9: 30}    b2 -> {b7: 12, floor b5: 10, by a6}      value 30 + (12 - 10)
 *             A cell is opened by its birth dot's increment and written by that replica alone: hi
 *             is the dot of its latest increment, the totals are sums. The floor lo is what resets
 *             took away: hi as they saw it. reset is the dot of the one that set it.
 * Columns     birth ids, birth sequences, then per total one packed column (offset of hi from the
 *             birth in the high, total in the low 32 bits); or, wide, once a total outgrew 32 bits,
 *             a column of offsets and one of each total. Floors are columns of their own and few:
 *             cell, offset of lo, reset id, reset sequence, totals. The forms are of memory only:
 *             bytes are the same.
 * Merge       of a cell: the greater hi with its totals, the greater lo with its totals and reset
 *             (equal: the lesser reset dot). Totals grow with the sequence, so that is the maximum
 *             column by column; what contradicts this is a fork.
 *             Of presence: a cell that one side lacks although it has seen the birth dot is gone
 *             for good: its author withdrew it, or a stable cut collected it.
 * Withdrawal  who resets a cell of its own removes it from the world by covering its birth dot: it
 *             alone could have raised hi. So does the author of a floored cell that has nothing
 *             left, with its next write. So a replica has about one residue at most, others' resets
 *             of what it has not written to since.
 * Collection  what others reset is a residue (hi = lo) until the reset is stable: then the author
 *             has seen the floor, writes a new cell, and all it wrote before has been delivered.
 * Invariants  births ascending; 0 <= lo - birth <= hi - birth < 2^32; totals at lo <= totals at hi,
 *             equal where the dots are.
 * Source      rule R11 of the design; Baquero, Almeida, Lerche, "The problem with embedded CRDT
 *             counters and a solution", PaPoC 2016, for the problem.
 */
#ifndef CRDT_CORE_CELLS_H
#define CRDT_CORE_CELLS_H
#include "crdt/core/i128.h"
#include "crdt/type.h"

/* Column k of cols is the cap numbers from at + k * cap. */
typedef struct crdt__cols {
    uint64_t *at;
    uint32_t  count, cap;
} crdt__cols;

static inline uint64_t *crdt__col(const crdt__cols *cols, unsigned k)
{
    return cols->at + (size_t)k * cols->cap;
}

/* How a prepared join will be committed. */
enum { CRDT__CELLS_IN_PLACE, CRDT__CELLS_BY_COLUMN, CRDT__CELLS_REBUILT };

/* The state of a counter. */
typedef struct crdt__cells {
    crdt__cols          hi, lo;
    struct crdt__cells *next;   /* room made by prepare for the rebuilt columns; else NULL */
    uint8_t             totals; /* 1; 2: what was added and what was taken away */
    uint8_t             plan;   /* of the join being prepared */
    bool                wide;   /* hi keeps offsets and totals in columns of their own */
} crdt__cells;

enum { CRDT__BIRTH_ID, CRDT__BIRTH_SEQ, CRDT__PACKED, CRDT__OFFSET = CRDT__PACKED, CRDT__TOTAL };
enum { CRDT__LO_CELL, CRDT__LO_OFFSET, CRDT__LO_RESET_ID, CRDT__LO_RESET_SEQ, CRDT__LO_TOTAL };

typedef struct crdt__cell {
    crdt_dot birth;
    uint64_t hi, lo;                   /* sequences of the birth replica; lo 0: no floor */
    uint64_t hi_total[2], lo_total[2]; /* [1]: 0 where there is one total */
    crdt_dot reset;                    /* of a floor */
} crdt__cell;

static inline bool crdt__cell_visible(const crdt__cell *cell)
{
    return cell->hi > cell->lo;
}
static inline crdt_dot crdt__cell_hi_dot(const crdt__cell *cell)
{
    return (crdt_dot){cell->birth.replica, cell->hi};
}

/* -- Columns (cells.c) */
void crdt__cells_init(crdt__cells *cells, uint8_t totals);
void crdt__cells_clear(const crdt_mem *mem, crdt__cells *cells);
/* Room for so many more cells and floors; wide: for totals beyond 32 bits too. Errors: ENOMEM. */
crdt_err crdt__cells_reserve(const crdt_mem *mem, crdt__cells *cells, size_t more, size_t floors,
                             bool wide);
/* The first cell not before birth, from index `from` on: cheap if it is near. */
uint32_t crdt__cells_seek(const crdt__cells *cells, uint32_t from, crdt_dot birth);
crdt_dot crdt__cells_birth(const crdt__cells *cells, uint32_t i);
void     crdt__cells_get(const crdt__cells *cells, uint32_t i, crdt__cell *ret_cell);
bool     crdt__cells_find(const crdt__cells *cells, crdt_dot birth, crdt__cell *ret_cell);
bool     crdt__cells_has(const crdt__cells *cells, crdt_dot birth);
/* Insert or overwrite; at the place that seek found; behind all others. Room must have been
 * reserved. */
void crdt__cells_put(crdt__cells *cells, const crdt__cell *cell);
void crdt__cells_put_at(crdt__cells *cells, uint32_t i, const crdt__cell *cell);
void crdt__cells_append(crdt__cells *cells, const crdt__cell *cell);
void crdt__cells_remove(crdt__cells *cells, uint32_t i);
/* True if a total of the cell needs the wide form. */
bool crdt__cell_is_wide(const crdt__cell *cell);
/* Keep the cells that `keep` is true of; true if any went. */
bool crdt__cells_filter(crdt__cells *cells, bool (*keep)(const crdt__cell *cell, const void *user),
                        const void  *user);

/* Walks all cells in order. */
typedef struct crdt__cells_iter {
    const crdt__cells *cells;
    uint32_t           i, floor;
} crdt__cells_iter;
crdt__cells_iter crdt__cells_from(const crdt__cells *cells, uint32_t i);
bool             crdt__cells_next(crdt__cells_iter *it, crdt__cell *ret_cell);

/* -- Joins (cells_join.c) */
/* False if one dot of the cell has two contents: no join of the two. */
bool crdt__cell_agrees(const crdt__cell *a, const crdt__cell *b);
/* a := a joined with b. True if a changed. */
bool     crdt__cell_join(crdt__cell *a, const crdt__cell *b);
crdt_err crdt__cells_prepare(crdt_join *join, void *state, const void *other);
bool     crdt__cells_commit(crdt_join *join, void *state, const void *other);
crdt_err crdt__cells_since(const crdt_space *space, const void *state, const crdt_context *ctx,
                           void *ret_part, crdt_context *keep);
bool     crdt__cells_stabilise(const crdt_space *space, void *state, const crdt_context *cut);
/* True if both hold cells of exactly the same birth dots. */
bool crdt__cells_same_births(const crdt__cells *a, const crdt__cells *b);
/* The join of the columns of hi where births and form are the same: their maximum. */
bool crdt__cells_join_columns(crdt__cells *mine, const crdt__cells *theirs);

/* -- Bytes (cells_code.c) */
void     crdt__cells_mark(const void *state, crdt_replicas *ids);
void     crdt__cells_encode(const void *state, crdt_enc *enc);
crdt_err crdt__cells_decode(const crdt_space *space, void *state, crdt_dec *dec);
void     crdt__cells_digest(const void *state, crdt_blocks *blocks);
bool     crdt__cells_check(const crdt_space *space, const void *state, const crdt_context *seen,
                           const char **ret_reason);
void     crdt__cells_stats(const void *state, crdt_stats *stats);

/* -- What a transaction sees, and writes (cells_write.c) */
/* The sums of what is visible: of added and of taken away, as 128-bit numbers (low, high). */
typedef struct crdt__cells_sum {
    uint64_t low[2], high[2];
} crdt__cells_sum;
crdt__cells_sum crdt__cells_value(const crdt_ref *ref);
bool            crdt__cells_alive(const crdt_ref *ref);
bool            crdt__cells_empty(const void *state);
/* Add n to a total of the transaction's own replica. Errors: EINVAL (n is 0), ERANGE, ENOMEM,
 * ELIMIT. */
crdt_err crdt__cells_add(crdt_target *target, unsigned total, uint64_t n);
crdt_err crdt__cells_reset(crdt_target *target);

#endif
