/* core/tally.h: a sum that several replicas add to, of exact numbers, with observed reset.
 *
 * Shape       birth dot -> share {hi, total at hi, [lo, total at lo, reset]}, sorted by birth dot:
 *                 a1 -> {a9: 0.5}    b2 -> {b7: -3, floor b5: 1, by a6}      sum 0.5 + (-3 - 1)
 *             This is rule R11 as in core/cells.h, with the same withdrawal and collection, for few
 *             writers and amounts of either sign: a share is opened by its birth dot's addition and
 *             written by that replica alone: hi is the dot of its latest. The floor lo is what
 *             resets took away: hi as they saw it; reset is the dot of the one that set it.
 * Range       a total has an int64_t before the point and a fraction in units of 1/one, which the
 *             caller says (core/decimal.h), behind it. Who would leave that
 *             opens another share, so a replica may have several: no addition is out of range, and
 *             no merge adds anything up.
 * Memory      rows of four words in one block, of ten as soon as a share has a floor or a fraction.
 *             The forms are of memory only.
 * Merge       of a share: the greater hi with its total, the greater lo with its total and reset
 *             (equal: the lesser reset dot); one dot with two totals is a fork.
 * Cost        linear in the shares of both sides.
 * Invariants  births ascending; 0 <= lo - birth <= hi - birth < 2^32; equal totals at equal dots.
 * Source      rule R11 of the design.
 */
#ifndef CRDT_CORE_TALLY_H
#define CRDT_CORE_TALLY_H
#include "crdt/core/decimal.h"
#include "crdt/core/mem.h"
#include "crdt/type.h"

typedef struct crdt__share {
    crdt_dot     birth;
    uint64_t     hi, lo; /* sequences of the birth replica; lo 0: no floor */
    crdt__amount total, floor;
    crdt_dot     reset; /* of a floor */
} crdt__share;

static inline bool crdt__share_visible(const crdt__share *share)
{
    return share->hi > share->lo;
}
static inline crdt_dot crdt__share_hi_dot(const crdt__share *share)
{
    return (crdt_dot){share->birth.replica, share->hi};
}

typedef struct crdt__rows {
    uint32_t count, cap;
    uint64_t words; /* of a row */
    uint64_t at[];
} crdt__rows;

/* All zero is bottom. */
typedef struct crdt__tally {
    crdt__rows *rows; /* NULL: no shares */
    crdt__rows *next; /* made by prepare, for commit to fill; else NULL */
} crdt__tally;

/* -- Rows (tally.c) */
void                   crdt__tally_clear(const crdt_mem *mem, crdt__tally *tally);
size_t                 crdt__tally_bytes(const crdt__tally *tally); /* allocated */
static inline uint32_t crdt__tally_count(const crdt__tally *tally)
{
    return tally->rows == NULL ? 0 : tally->rows->count;
}
/* Its rows will be looked at soon: they are loaded meanwhile. */
static inline void crdt__tally_ahead(const crdt__tally *tally)
{
    if (tally->rows != NULL) crdt__load_ahead(tally->rows);
}
crdt_dot    crdt__tally_birth(const crdt__tally *tally, uint32_t i);
crdt__share crdt__tally_get(const crdt__tally *tally, uint32_t i);
/* True if the share needs a long row. */
bool crdt__share_is_long(const crdt__share *share);
/* Rows without shares. NULL: no memory. */
crdt__rows *crdt__rows_make(const crdt_mem *mem, size_t cap, bool is_long);
void        crdt__rows_free(const crdt_mem *mem, crdt__rows *rows); /* NULL is fine */
bool        crdt__rows_are_long(const crdt__rows *rows);
void        crdt__rows_set(crdt__rows *rows, uint32_t i, const crdt__share *share);
void        crdt__rows_append(crdt__rows *rows, const crdt__share *share);
/* The first share not before birth. */
uint32_t crdt__tally_seek(const crdt__tally *tally, crdt_dot birth);

/* -- Joins (tally_join.c): for the slots of crdt_type, see there */
void     crdt__share_join(crdt__share *a, const crdt__share *b); /* a := a joined with b */
crdt_err crdt__tally_prepare(crdt_join *join, crdt__tally *mine, const crdt__tally *theirs);
bool     crdt__tally_commit(crdt_join *join, crdt__tally *mine, const crdt__tally *theirs);
crdt_err crdt__tally_since(const crdt_space *space, const crdt__tally *tally,
                           const crdt_context *ctx, crdt__tally *ret_part, crdt_context *keep);
bool crdt__tally_stabilise(const crdt_space *space, crdt__tally *tally, const crdt_context *cut);

/* -- Bytes (tally_code.c) */
void     crdt__tally_mark(const crdt__tally *tally, crdt_replicas *ids);
void     crdt__tally_encode(const crdt__tally *tally, crdt_enc *enc);
crdt_err crdt__tally_decode(const crdt_space *space, crdt__tally *tally, uint64_t one,
                            crdt_dec *dec);
void     crdt__tally_digest(const crdt__tally *tally, crdt_blocks *blocks);
bool     crdt__tally_check(const crdt__tally *tally, uint64_t one, const crdt_context *seen,
                           const char **ret_reason);
void     crdt__tally_stats(const crdt__tally *tally, crdt_stats *stats);

/* -- What a transaction sees, and writes (tally_write.c) */
/* The shares of state (NULL: none) that are not gone, joined with those of pending (NULL: none). */
typedef struct crdt__tally_over {
    const crdt__tally  *state, *pending;
    const crdt_context *gone; /* NULL: nothing */
    uint64_t            one;
} crdt__tally_over;

/* False: no share is visible. */
bool crdt__tally_sum(const crdt__tally_over *over, crdt__decimal *ret_sum);
bool crdt__tally_shows(const crdt__tally_over *over);
/* Add n, in the delta's tally, under a fresh dot. Errors: ENOMEM, ELIMIT. */
crdt_err crdt__tally_add(crdt_target *target, const crdt__tally_over *over, crdt__tally *delta,
                         crdt__amount n);

/* A reset in two steps. plan changes nothing; covers: the dots to reserve. Then apply, whose dot
 * has been taken; or drop. Errors: ENOMEM. */
typedef struct crdt__tally_reset {
    size_t      visible; /* shares that it takes away; 0: apply changes nothing */
    size_t      covers;
    crdt__rows *next; /* of the delta afterwards */
} crdt__tally_reset;

crdt_err crdt__tally_plan(const crdt_target *target, const crdt__tally_over *over,
                          crdt__tally_reset *ret_plan);
void     crdt__tally_apply(crdt_target *target, const crdt__tally_over *over, crdt__tally *delta,
                           crdt__tally_reset *plan, crdt_dot dot);
void     crdt__tally_drop(const crdt_target *target, crdt__tally_reset *plan);

#endif
