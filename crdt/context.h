/* context.h: causal contexts: sets of dots.
 *
 * Shape runs (replica, lo, hi), both ends included, sorted, never touching: {r1: 1..4, r2: 1..7
 * 9..9}
 *          A run that starts at 1 is the replica's base; runs above it appear only in deltas and in
 *          wants.
 * Use what a store has seen; what a delta brings and removes; what a reader had seen (read
 * context);
 *          the stable cut. Values: copied, encoded, sent to thin clients and back.
 * Merge    union, linear in the number of runs.
 * Source   Almeida, Shoker, Baquero, "Delta state replicated data types", JPDC 111, 2018.
 */
#ifndef CRDT_CONTEXT_H
#define CRDT_CONTEXT_H
#include "crdt/base.h"
#include "crdt/buf.h"
#include "crdt/mem.h"
#ifdef __cplusplus
extern "C" {
#endif

typedef struct crdt_run {
    uint64_t replica, lo, hi;
} crdt_run;

/* In place: start with init, end with clear. Never copied by assignment (runs may point at few). */
typedef struct crdt_context {
    const crdt_mem *mem;
    crdt_run       *runs;
    uint32_t        count, cap;
    uint32_t        later; /* runs that add_later holds back: not 0 only in an open transaction */
    crdt_run        few[2];
} crdt_context;

CRDT_API void crdt_context_init(crdt_context *ctx, const crdt_mem *mem); /* mem NULL: malloc(3) */
CRDT_API void crdt_context_clear(crdt_context *ctx); /* frees; empty and usable */
CRDT_API void crdt_context_reset(crdt_context *ctx); /* empty, memory kept */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_context_copy(crdt_context *ctx, const crdt_context *from);

CRDT_API bool crdt_context_has(const crdt_context *ctx, crdt_dot dot); /* O(log runs) */
/* True if every dot of replica in lo..hi is in ctx. */
CRDT_API bool crdt_context_has_run(const crdt_context *ctx, crdt_run run);
/* How many dots from this one on, at most `most`, are all in ctx, or all not (*ret_in). O(log
 * runs). */
CRDT_API uint32_t crdt_context_stretch(const crdt_context *ctx, crdt_dot dot, uint32_t most,
                                       bool *ret_in);
/* hi of the run that starts at 1, or 0. */
CRDT_API uint64_t crdt_context_base(const crdt_context *ctx, uint64_t replica);
/* The greatest sequence number of replica, or 0. */
CRDT_API uint64_t crdt_context_max(const crdt_context *ctx, uint64_t replica);
/* True if every run starts at 1. */
CRDT_API bool crdt_context_is_vector(const crdt_context *ctx);
/* Index of the first run of replica, or of the first run after it. O(log runs). */
CRDT_API uint32_t crdt_context_find(const crdt_context *ctx, uint64_t replica);
/* Total number of dots. */
CRDT_API uint64_t crdt_context_dots(const crdt_context *ctx);

/* Room for `more` further runs; then as many add, remove, union calls cannot fail (each adds at
 * most one run; a union at most the other's count). */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_context_reserve(crdt_context *ctx, size_t more);
CRDT_API void                     crdt_context_add_reserved(crdt_context *ctx, crdt_run run);
/* The same, fast for very many at random places: `runs` and count may lack what was added until
 * settle, or any other call here but has, reserve and add_later, has let it in. */
CRDT_API void crdt_context_add_later(crdt_context *ctx, crdt_run run);
CRDT_API void crdt_context_settle(const crdt_context *ctx); /* O(runs) if there is anything to do */
CRDT_API void crdt_context_remove_reserved(crdt_context *ctx, crdt_run run);
CRDT_API void crdt_context_union_reserved(crdt_context *ctx, const crdt_context *other);
/* Room for just the runs that a union with other would add. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_context_reserve_union(crdt_context       *ctx,
                                                             const crdt_context *other);
CRDT_MUST_CHECK CRDT_API crdt_err crdt_context_add(crdt_context *ctx, crdt_dot dot);
CRDT_MUST_CHECK CRDT_API crdt_err crdt_context_union(crdt_context *ctx, const crdt_context *other);
/* Keep what is also in other / not in other. May add up to other->count runs. Errors: ENOMEM. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_context_intersect(crdt_context       *ctx,
                                                         const crdt_context *other);
CRDT_MUST_CHECK CRDT_API crdt_err crdt_context_subtract(crdt_context       *ctx,
                                                        const crdt_context *other);

CRDT_API bool crdt_context_within(const crdt_context *ctx, const crdt_context *of); /* subset */
CRDT_API bool crdt_context_equal(const crdt_context *a, const crdt_context *b);
CRDT_API crdt_order crdt_context_compare(const crdt_context *a, const crdt_context *b);

/* With a dictionary (inside stores and deltas) ... */
CRDT_API void     crdt_context_mark(const crdt_context *ctx, crdt_replicas *ids);
CRDT_API void     crdt_context_put(const crdt_context *ctx, crdt_enc *enc);
CRDT_API crdt_err crdt_context_get(crdt_context *ctx, crdt_dec *dec); /* into an empty ctx */
/* ... and as bytes of their own, for clients. decode: ctx unchanged on error; ret_reason may be
 * NULL. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_context_encode(const crdt_context *ctx, crdt_buf *out);
CRDT_MUST_CHECK CRDT_API crdt_err crdt_context_decode(crdt_context *ctx, crdt_view in,
                                                      const char **ret_reason);
/* "{1f: 1..4, 2a: 1..7 9}": ids in hexadecimal. */
CRDT_API void crdt_context_print(const crdt_context *ctx, crdt_buf *out);

#ifdef __cplusplus
}
#endif
#endif
