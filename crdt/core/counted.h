/* core/counted.h: a value that is set, and counted on: siblings (core/sibs.h) and a tally
 * (core/tally.h) in one state, with the slots of crdt_type for both.
 *
 * Shape    what it shows of the two is the type's own affair (crdt/cell.h, crdt/score.h). Setting
 *          takes away the siblings and the increments that it sees, and so does a reset.
 */
#ifndef CRDT_CORE_COUNTED_H
#define CRDT_CORE_COUNTED_H
#include "crdt/core/sibs.h"
#include "crdt/core/tally.h"

/* All zero is bottom. */
typedef struct crdt__counted {
    crdt__sibs  base; /* first: a reference to it is one to its siblings too */
    crdt__tally tally;
} crdt__counted;

_Static_assert(offsetof(crdt__counted, base) == 0, "what is counted begins with its siblings");

/* What a type makes of it. */
typedef struct crdt__counting {
    crdt__shape shape;
    uint64_t    one; /* of the increments' fractions: core/decimal.h */
    /* What is wrong with a base that was decoded; NULL: nothing. */
    const char *(*fault)(crdt_value base);
} crdt__counting;

/* The increments as they show. */
crdt__tally_over crdt__counted_tally(const crdt__counting *how, const crdt_ref *ref);
/* Errors: ENOMEM, ELIMIT. */
crdt_err crdt__counted_set(const crdt__counting *how, crdt_target *target, crdt_value value);
crdt_err crdt__counted_add(const crdt__counting *how, crdt_target *target, crdt__amount amount);
crdt_err crdt__counted_reset(const crdt__counting *how, crdt_target *target);
bool     crdt__counted_shows(const crdt__counting *how, const crdt_ref *ref);

/* The other slots: see crdt_type. */
void     crdt__counted_clear(const crdt_space *space, void *state);
crdt_err crdt__counted_prepare(crdt_join *join, void *state, const void *other);
bool     crdt__counted_commit(const crdt__counting *how, crdt_join *join, void *state,
                              const void *other);
crdt_err crdt__counted_since(const crdt__counting *how, const crdt_space *space, const void *state,
                             const crdt_context *ctx, void *ret_part, crdt_context *keep);
bool     crdt__counted_empty(const void *state);
void     crdt__counted_mark(const void *state, crdt_replicas *ids);
void     crdt__counted_encode(const crdt__counting *how, const void *state, crdt_enc *enc);
crdt_err crdt__counted_decode(const crdt__counting *how, const crdt_space *space, void *state,
                              crdt_dec *dec);
void     crdt__counted_digest(const crdt__counting *how, const void *state, crdt_blocks *blocks);
bool     crdt__counted_check(const crdt__counting *how, const crdt_space *space, const void *state,
                             const crdt_context *seen, const char **ret_reason);
void     crdt__counted_stats(const crdt__counting *how, const void *state, crdt_stats *stats);
bool     crdt__counted_stabilise(const crdt_space *space, void *state, const crdt_context *cut);
size_t   crdt__counted_bytes(const void *state);
void     crdt__counted_expect(const void *state);

/* The slots that need to be told how, as functions of a type's own file, and the vtable lines. */
#define CRDT__COUNTED_SLOTS(how)                                                               \
    static bool commit(crdt_join *join, void *state, const void *other)                        \
    {                                                                                          \
        return crdt__counted_commit(&(how), join, state, other);                               \
    }                                                                                          \
    static crdt_err since(const crdt_space *space, const void *state, const crdt_context *ctx, \
                          void *ret_part, crdt_context *keep)                                  \
    {                                                                                          \
        return crdt__counted_since(&(how), space, state, ctx, ret_part, keep);                 \
    }                                                                                          \
    static bool alive(const crdt_ref *ref)                                                     \
    {                                                                                          \
        return crdt__counted_shows(&(how), ref);                                               \
    }                                                                                          \
    static crdt_err reset(crdt_target *target)                                                 \
    {                                                                                          \
        return crdt__counted_reset(&(how), target);                                            \
    }                                                                                          \
    static void encode(const void *state, crdt_enc *enc)                                       \
    {                                                                                          \
        crdt__counted_encode(&(how), state, enc);                                              \
    }                                                                                          \
    static crdt_err decode(const crdt_space *space, void *state, crdt_dec *dec)                \
    {                                                                                          \
        return crdt__counted_decode(&(how), space, state, dec);                                \
    }                                                                                          \
    static void digest(const void *state, crdt_blocks *blocks)                                 \
    {                                                                                          \
        crdt__counted_digest(&(how), state, blocks);                                           \
    }                                                                                          \
    static bool check(const crdt_space *space, const void *state, const crdt_context *seen,    \
                      const char **ret_reason)                                                 \
    {                                                                                          \
        return crdt__counted_check(&(how), space, state, seen, ret_reason);                    \
    }                                                                                          \
    static void stats(const void *state, crdt_stats *stats)                                    \
    {                                                                                          \
        crdt__counted_stats(&(how), state, stats);                                             \
    }                                                                                          \
    static bool conflict(const crdt_ref *ref, size_t i, crdt_conflict *ret_conflict)           \
    {                                                                                          \
        return crdt__ref_conflict(&(how).shape, ref, i, ret_conflict);                         \
    }
#define CRDT__COUNTED_VTABLE                                                                    \
    .clear = crdt__counted_clear, .prepare = crdt__counted_prepare, .commit = commit,           \
    .since = since, .alive = alive, .empty = crdt__counted_empty, .reset = reset,               \
    .mark = crdt__counted_mark, .encode = encode, .decode = decode, .digest = digest,           \
    .check = check, .stats = stats, .stabilise = crdt__counted_stabilise, .conflict = conflict, \
    .bytes = crdt__counted_bytes, .expect = crdt__counted_expect

#endif
