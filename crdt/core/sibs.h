/* core/sibs.h: siblings: the few contents that compete in a register, by dot.
 *
 * Shape    DotFun<dot -> (stamp, value or tombstone)>, in dot order:
 *          {r1:3 -> 0x18c.. "red", r2:1 -> 0x18d.. "blue"}
 *          One sibling lies in the state itself: an integer or up to 7 bytes cost no allocation,
 *          longer bytes one of their exact size. Several lie in one sorted block.
 * Merge    by dot: a sibling lives on unless the other side has seen its dot and does not hold it.
 * Cost     a join is linear in the siblings of both sides; reads are O(1) outside of transactions.
 * Source   Almeida, Shoker, Baquero, "Delta state replicated data types", JPDC 111, 2018.
 */
#ifndef CRDT_CORE_SIBS_H
#define CRDT_CORE_SIBS_H
#include "crdt/clock.h"
#include "crdt/core/mem.h"
#include "crdt/type.h"

/* Bytes too long to lie in a sibling. Allocated with exactly their size. */
typedef struct crdt__blob {
    uint32_t size;
    uint8_t  bytes[];
} crdt__blob;

static inline size_t crdt__blob_bytes(size_t size)
{
    return offsetof(crdt__blob, bytes) + size;
}

#define CRDT__SIB_SMALL_MAX 7u

/* form_hi and form_lo together say what u is: see form_of in sibs.c. */
typedef struct crdt__sib {
    uint64_t replica; /* never 0 */
    uint64_t seq : 63, form_lo : 1;
    uint64_t stamp : 63, form_hi : 1;
    union {
        int64_t     i;
        crdt__blob *blob;
        uint8_t     small[8]; /* small[7] is the size */
    } u;
} crdt__sib;

typedef struct crdt__sib_list {
    uint32_t  count, cap;
    uint32_t  top; /* index of the greatest sibling in the shape's order; 0 if it has none */
    crdt__sib at[];
} crdt__sib_list;

/* All zero is bottom. A view of a short value points into the state: it ends when that moves, and
 * with any change or prepare. */
typedef union crdt__sibs {
    crdt__sib one; /* if one.replica is not 0 */
    struct {
        uint64_t        none; /* 0 */
        crdt__sib_list *list; /* NULL: no siblings */
        crdt__blob *stash; /* by prepare for commit: blobs of the siblings to be born, last first */
    } many;
} crdt__sibs;

/* What the siblings of a type carry. What a shape leaves out is not encoded, and must be 0. */
typedef enum crdt__sib_stamps {
    CRDT__NO_STAMPS,
    CRDT__CLOCK_STAMPS,
    CRDT__CLIENT_STAMPS /* these never move the clock */
} crdt__sib_stamps;
typedef enum crdt__sib_values {
    CRDT__NO_VALUES, /* each is INT 0 */
    CRDT__INT_VALUES,
    CRDT__ANY_VALUES
} crdt__sib_values;

typedef struct crdt__shape {
    crdt__sib_stamps stamps;
    crdt__sib_values values;
    bool             tombs; /* a sibling may be a tombstone: a residue without a value */
    int (*compare)(const crdt__sib *a,
                   const crdt__sib *b); /* total; NULL: no sibling is greatest */
} crdt__shape;

/* -- One sibling ------------------------------------------------------------------------------- */

static inline crdt_dot crdt__sib_dot(const crdt__sib *sib)
{
    crdt_dot dot = {sib->replica, sib->seq};
    return dot;
}
static inline void crdt__sib_set_dot(crdt__sib *sib, crdt_dot dot, uint64_t stamp)
{
    sib->replica = dot.replica;
    sib->seq = dot.seq & UINT64_MAX >> 1;
    sib->stamp = stamp & UINT64_MAX >> 1;
}
static inline int crdt__sib_compare_dots(const crdt__sib *a, const crdt__sib *b)
{
    return crdt_dot_compare(crdt__sib_dot(a), crdt__sib_dot(b));
}
static inline bool crdt__sib_is_tomb(const crdt__sib *sib)
{
    return sib->form_lo && sib->form_hi;
}
/* Borrowed from *sib itself. INT 0 for a tombstone. */
crdt_value crdt__sib_value(const crdt__sib *sib);
/* By stamp, then dot: the order of last-writer-wins. */
int crdt__sib_compare_stamps(const crdt__sib *a, const crdt__sib *b);
/* A sibling without dot and stamp: value copied, NULL makes a tombstone. Errors: ENOMEM. */
crdt_err crdt__sib_init(const crdt_space *space, crdt__sib *sib, const crdt_value *value);
void     crdt__sib_clear(const crdt_space *space, crdt__sib *sib);
/* Its bytes will be asked for, or freed, soon: they are loaded meanwhile. */
static inline void crdt__sib_ahead(const crdt__sib *sib)
{
    if (sib->form_lo && !sib->form_hi) crdt__load_ahead(sib->u.blob);
}
static inline void crdt__sibs_ahead(const crdt__sibs *sibs)
{
    if (sibs->one.replica != 0) crdt__sib_ahead(&sibs->one);
    else if (sibs->many.list != NULL) crdt__load_ahead(sibs->many.list);
}

/* -- Siblings ---------------------------------------------------------------------------------- */

size_t           crdt__sibs_count(const crdt__sibs *sibs);
const crdt__sib *crdt__sibs_at(const crdt__sibs *sibs, size_t i); /* in dot order; i < count */
const crdt__sib *crdt__sibs_find(const crdt__sibs *sibs, crdt_dot dot); /* or NULL; O(log n) */
const crdt__sib *crdt__sibs_top(const crdt__sibs *sibs); /* the greatest, or NULL; O(1) */

/* Room for `total` siblings in all: then add cannot fail up to there. Errors: ENOMEM. */
crdt_err crdt__sibs_reserve(const crdt_space *space, crdt__sibs *sibs, size_t total);
/* Take in sib (with dot and stamp; its dot is new here), for which there is room. */
void crdt__sibs_add(const crdt__shape *shape, const crdt_space *space, crdt__sibs *sibs,
                    const crdt__sib *sib);
/* reserve, init and add in one. Errors: ENOMEM. */
crdt_err crdt__sibs_insert(const crdt__shape *shape, const crdt_space *space, crdt__sibs *sibs,
                           crdt_dot dot, uint64_t stamp, crdt_value value);
/* Drop the sibling of dot. False: there is none. O(n). */
bool crdt__sibs_kill(const crdt__shape *shape, const crdt_space *space, crdt__sibs *sibs,
                     crdt_dot dot);
/* Drop every sibling that dies() names. True if any. O(n). */
typedef bool (*crdt__sib_test)(const void *with, const crdt__sib *sib);
bool crdt__sibs_drop(const crdt__shape *shape, const crdt_space *space, crdt__sibs *sibs,
                     crdt__sib_test dies, const void *with);
/* The same in two steps, for what changes several things: sweep drops (and tells how many) but
 * keeps the room; settle, at the end, gives back room and finds the greatest. */
size_t crdt__sibs_sweep(const crdt_space *space, crdt__sibs *sibs, crdt__sib_test dies,
                        const void *with);
void   crdt__sibs_settle(const crdt__shape *shape, const crdt_space *space, crdt__sibs *sibs);
size_t crdt__sibs_bytes(const crdt__sibs *sibs); /* memory in use, the state included */

/* The slots of crdt_type: see there. */
void     crdt__sibs_init(const crdt_space *space, void *sibs);
void     crdt__sibs_clear(const crdt_space *space, void *sibs);
crdt_err crdt__sibs_prepare(crdt_join *join, void *sibs, const void *other);
bool crdt__sibs_commit(const crdt__shape *shape, crdt_join *join, void *sibs, const void *other);
crdt_err crdt__sibs_since(const crdt__shape *shape, const crdt_space *space, const void *sibs,
                          const crdt_context *ctx, void *ret_part, crdt_context *keep);
bool     crdt__sibs_empty(const void *sibs); /* none */
void     crdt__sibs_mark(const void *sibs, crdt_replicas *ids);
/* Wire: varint count, then by dot: replica, seq, stamp (eight bytes), value (not of a tombstone).
 * Where the shape has tombstones the seq is shifted left by one to take that bit. It is a varint,
 * or eight bytes if there are several siblings and no stamps: so decoded siblings stay within eight
 * times their bytes. */
void     crdt__sibs_encode(const crdt__shape *shape, const void *sibs, crdt_enc *enc);
crdt_err crdt__sibs_decode(const crdt__shape *shape, const crdt_space *space, void *sibs,
                           crdt_dec *dec);
void     crdt__sibs_digest(const crdt__shape *shape, const void *sibs, crdt_blocks *blocks);
bool     crdt__sibs_check(const crdt__shape *shape, const crdt_space *space, const void *sibs,
                          const crdt_context *seen, const char **ret_reason);
void     crdt__sibs_stats(const crdt__shape *shape, const void *sibs, crdt_stats *stats);
size_t   crdt__sibs_beyond(const void *sibs);

/* -- Reading through a transaction ------------------------------------------------------------- */

/* State without the dots in gone, and pending, in dot order; each may be NULL. Covering what was
 * given does not disturb the walk. */
typedef struct crdt__sibs_iter {
    const crdt__sib    *a, *a_end, *b, *b_end;
    const crdt_context *gone;
} crdt__sibs_iter;

crdt__sibs_iter  crdt__sibs_over(const crdt__sibs *state, const crdt__sibs *pending,
                                 const crdt_context *gone);
crdt__sibs_iter  crdt__sibs_each(const crdt_ref *ref);
const crdt__sib *crdt__sibs_next(crdt__sibs_iter *it); /* NULL at the end */

/* These are O(1) outside of a transaction, else O(n). */
size_t           crdt__ref_count(const crdt_ref *ref);
const crdt__sib *crdt__ref_at(const crdt_ref *ref, size_t i); /* NULL past the end */
const crdt__sib *crdt__ref_top(const crdt__shape *shape, const crdt_ref *ref); /* NULL: none */
/* The conflict slot: the siblings but tombstones; wins: the greatest, or all without an order. */
bool crdt__ref_conflict(const crdt__shape *shape, const crdt_ref *ref, size_t i,
                        crdt_conflict *ret_conflict);
/* The alive slot: any sibling shows. */
bool crdt__ref_alive(const crdt_ref *ref);
/* The greatest sibling's value, or "none". */
void crdt__ref_print_top(const crdt__shape *shape, const crdt_ref *ref, crdt_buf *out);

/* -- Writing ----------------------------------------------------------------------------------- */

/* The usual write: cover all that the transaction sees and put value (copied; NULL: a tombstone)
 * under a fresh dot, stamped by the clock where the shape says so. Errors: ENOMEM, ELIMIT. */
crdt_err crdt__sibs_write(const crdt__shape *shape, crdt_target *target, const crdt_value *value);
/* The same as part of a larger write: there is room for the caller to cover `more` dots, and
 * *ret_dot is the fresh one. */
crdt_err crdt__sibs_write_with(const crdt__shape *shape, crdt_target *target,
                               const crdt_value *value, size_t more, crdt_dot *ret_dot);
/* The same, with the stamp given, over all that shows, whatever the read context: for writes that
 * leave nothing beside them. Errors: ENOMEM. */
crdt_err crdt__sibs_write_all(const crdt__shape *shape, crdt_target *target,
                              const crdt_value *value, uint64_t stamp);
/* Cover all that the transaction sees, under a fresh dot. Nothing seen: no dot.
 * Errors: ENOMEM, ELIMIT. */
crdt_err crdt__sibs_reset(const crdt__shape *shape, crdt_target *target);
/* A reset as part of a larger one: how many dots it covers; cover them, for which there is room. */
size_t crdt__sibs_covers(const crdt_target *target);
void   crdt__sibs_cover(const crdt__shape *shape, crdt_target *target);

/* The slots that need the shape, as functions of a type's own file, and the vtable lines of all. */
#define CRDT__SIBS_SLOTS(shape)                                                                \
    static bool commit(crdt_join *join, void *state, const void *other)                        \
    {                                                                                          \
        return crdt__sibs_commit(&(shape), join, state, other);                                \
    }                                                                                          \
    static crdt_err since(const crdt_space *space, const void *state, const crdt_context *ctx, \
                          void *ret_part, crdt_context *keep)                                  \
    {                                                                                          \
        return crdt__sibs_since(&(shape), space, state, ctx, ret_part, keep);                  \
    }                                                                                          \
    static void encode(const void *state, crdt_enc *enc)                                       \
    {                                                                                          \
        crdt__sibs_encode(&(shape), state, enc);                                               \
    }                                                                                          \
    static crdt_err decode(const crdt_space *space, void *state, crdt_dec *dec)                \
    {                                                                                          \
        return crdt__sibs_decode(&(shape), space, state, dec);                                 \
    }                                                                                          \
    static void digest(const void *state, crdt_blocks *blocks)                                 \
    {                                                                                          \
        crdt__sibs_digest(&(shape), state, blocks);                                            \
    }                                                                                          \
    static bool check(const crdt_space *space, const void *state, const crdt_context *seen,    \
                      const char **ret_reason)                                                 \
    {                                                                                          \
        return crdt__sibs_check(&(shape), space, state, seen, ret_reason);                     \
    }                                                                                          \
    static void stats(const void *state, crdt_stats *stats)                                    \
    {                                                                                          \
        crdt__sibs_stats(&(shape), state, stats);                                              \
    }
#define CRDT__SIBS_VTABLE                                                                          \
    .size = sizeof(crdt__sibs), .init = crdt__sibs_init, .clear = crdt__sibs_clear,                \
    .prepare = crdt__sibs_prepare, .commit = commit, .since = since, .empty = crdt__sibs_empty,    \
    .mark = crdt__sibs_mark, .encode = encode, .decode = decode, .digest = digest, .check = check, \
    .stats = stats, .bytes = crdt__sibs_beyond

#endif
