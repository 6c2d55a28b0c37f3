/* core/sets.h: what the set types share: reading through a transaction, covering, and the slots
 * of their vtables. Over the engine of core/elems.h.
 *
 * Shape    a set of one part is a crdt__elems; a set of two is adds and rms, and shows the values
 *          in adds that are not in rms.
 */
#ifndef CRDT_CORE_SETS_H
#define CRDT_CORE_SETS_H
#include "crdt/core/elems.h"

/* State without the dots in gone, and pending. Each may be NULL. */
typedef struct crdt__over {
    const crdt__elems  *state, *pending;
    const crdt_context *gone;
} crdt__over;

/* The part of a set's state that stands at this offset, through ref. */
static inline crdt__over crdt__over_of(const crdt_ref *ref, size_t offset)
{
    const char *state = ref->state, *pending = ref->pending;
    crdt__over  over = {NULL, NULL, ref->gone};
    if (state) over.state = (const crdt__elems *)(const void *)(state + offset);
    if (pending) over.pending = (const crdt__elems *)(const void *)(pending + offset);
    return over;
}

bool crdt__over_has(const crdt__over *over, crdt_value value);
/* Number of different values. O(1) without gone and pending, else O(changes). */
size_t crdt__over_count(const crdt__over *over);
/* Each different value once, at its least visible dot, in dot order. at is zero at first. */
bool crdt__over_next(const crdt__over *over, uint32_t at[4], crdt_value *ret_value);
/* Each visible dot with its value, in dot order. */
bool crdt__over_next_dot(const crdt__over *over, uint32_t at[4], crdt_dot *ret_dot,
                         crdt_value *ret_value);

/* The dots that an operation is going to cover: of value, or of all if that is NULL; those that its
 * transaction's removals may cover (crdt_target_sees), or all that show. */
typedef struct crdt__aim {
    const crdt_value *value;
    bool              unseen;
} crdt__aim;
typedef struct crdt__covers {
    size_t   state; /* runs of those in the state: what covering them needs room for */
    size_t   own;   /* dots of those in the delta itself */
    crdt_dot only;  /* the one dot, if there is one in all and it is in the state; else seq is 0 */
} crdt__covers;

crdt__covers crdt__over_covers(const crdt__over *over, const crdt_target *target, crdt__aim aim);
/* Cover them; delta is the target's part that over reads as pending. The room was reserved. */
void crdt__over_cover(const crdt__over *over, crdt_target *target, crdt__elems *delta,
                      crdt__aim aim);
/* True if over shows as many values as an object may hold where it is written to. */
bool crdt__over_full(const crdt__over *over, const crdt_target *target);

/* -- Sets of two parts ------------------------------------------------------------------------- */

typedef struct crdt__pair {
    crdt__elems adds, rms;
} crdt__pair;

bool       crdt__pair_has(const crdt_ref *ref, crdt_value value);
size_t     crdt__pair_count(const crdt_ref *ref);
crdt__over crdt__pair_adds(const crdt_ref *ref);
crdt__over crdt__pair_rms(const crdt_ref *ref);
bool       crdt__pair_next(const crdt_ref *ref, uint32_t at[4], crdt_value *ret_value);
bool       crdt__pair_alive(const crdt_ref *ref);
/* True if the target sees an element that shows. What only hides is no reason for a reset: it may
 * be forgotten here and not elsewhere. */
bool crdt__pair_sees(const crdt_target *target);
void crdt__pair_print(const crdt_ref *ref, crdt_buf *out);

/* -- Slots of crdt_type ------------------------------------------------------------------------ */

crdt_err crdt__one_reset(crdt_target *target);
void     crdt__one_print(const crdt_ref *ref, crdt_buf *out);
bool     crdt__one_alive(const crdt_ref *ref);
bool     crdt__one_empty(const void *state);

void     crdt__one_init(const crdt_space *space, void *state);
void     crdt__one_clear(const crdt_space *space, void *state);
crdt_err crdt__one_prepare(crdt_join *join, void *state, const void *other);
bool     crdt__one_commit(crdt_join *join, void *state, const void *other);
crdt_err crdt__one_since(const crdt_space *space, const void *state, const crdt_context *ctx,
                         void *ret_part, crdt_context *keep);
void     crdt__one_mark(const void *state, crdt_replicas *ids);
void     crdt__one_encode(const void *state, crdt_enc *enc);
crdt_err crdt__one_decode(const crdt_space *space, void *state, crdt_dec *dec);
void     crdt__one_digest(const void *state, crdt_blocks *blocks);
bool     crdt__one_check(const crdt_space *space, const void *state, const crdt_context *seen,
                         const char **ret_reason);
void     crdt__one_stats(const void *state, crdt_stats *stats);
size_t   crdt__one_bytes(const void *state);
void     crdt__one_expect_in(const void *state, const crdt_value *elems, size_t count);

void     crdt__pair_init(const crdt_space *space, void *state);
void     crdt__pair_clear(const crdt_space *space, void *state);
crdt_err crdt__pair_prepare(crdt_join *join, void *state, const void *other);
bool     crdt__pair_commit(crdt_join *join, void *state, const void *other);
crdt_err crdt__pair_since(const crdt_space *space, const void *state, const crdt_context *ctx,
                          void *ret_part, crdt_context *keep);
bool     crdt__pair_empty(const void *state);
void     crdt__pair_mark(const void *state, crdt_replicas *ids);
void     crdt__pair_encode(const void *state, crdt_enc *enc);
crdt_err crdt__pair_decode(const crdt_space *space, void *state, crdt_dec *dec);
void     crdt__pair_digest(const void *state, crdt_blocks *blocks);
bool     crdt__pair_check(const crdt_space *space, const void *state, const crdt_context *seen,
                          const char **ret_reason);
void     crdt__pair_stats(const void *state, crdt_stats *stats);
size_t   crdt__pair_bytes(const void *state);

#define CRDT__SET_SLOTS(kind)                                                                      \
    .init = crdt__##kind##_init, .clear = crdt__##kind##_clear, .prepare = crdt__##kind##_prepare, \
    .commit = crdt__##kind##_commit, .since = crdt__##kind##_since, .alive = crdt__##kind##_alive, \
    .empty = crdt__##kind##_empty, .mark = crdt__##kind##_mark, .encode = crdt__##kind##_encode,   \
    .decode = crdt__##kind##_decode, .digest = crdt__##kind##_digest,                              \
    .print = crdt__##kind##_print, .check = crdt__##kind##_check, .stats = crdt__##kind##_stats,   \
    .bytes = crdt__##kind##_bytes

#endif
