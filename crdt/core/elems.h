/* core/elems.h: elements by dot: DotFun<dot -> value>, the engine of the set types.
 *
 * Shape    {r1:1 -> 7, r1:2 -> "a", r2:9 -> 7}. Up to 16 dots lie in one sorted block. More are
 *          cut by (replica, sequence / 4096) into chunks: which dots live, and a column of their
 *          values: 8 bytes an integer, or records in the chunk's own blob. An index value -> dot
 *          of 4-byte slots is built when it is first needed; it is a cache that may be dropped at
 *          any time.
 * Merge    by dot, 64 at a time: killed = mine & ~theirs & their cover, born = theirs & ~mine &
 *          ~my cover. The index is touched for changed dots only. Chunks of equal digests are
 *          passed over.
 * Memory   what is decoded or compacted is exact; the last chunk of a replica grows by a quarter.
 * Failure  kill, commit and clear cannot fail and need no memory; reads that want the index and
 *          get no memory for it look at every dot instead.
 * Source   Almeida, Shoker, Baquero, "Delta state replicated data types", JPDC 111, 2018;
 *          containers after Lemire et al., "Roaring bitmaps", SPE 2018; index after Celis, "Robin
 *          Hood hashing", 1986.
 */
#ifndef CRDT_CORE_ELEMS_H
#define CRDT_CORE_ELEMS_H
#include "crdt/type.h"

/* All zero is bottom. Embedded in the state of a type. */
typedef struct crdt__elems {
    void    *body;                 /* crdt__small or crdt__large; NULL: none yet */
    void    *plan;                 /* small: what a prepared join makes of it */
    uint64_t dots : 63, large : 1; /* dots: live ones */
} crdt__elems;

void crdt__elems_clear(const crdt_mem *mem, crdt__elems *e);
/* Number of different values. O(1) with the index, which this builds. */
size_t crdt__elems_count(const crdt__elems *e);
bool   crdt__elems_has(const crdt__elems *e, crdt_value value);
/* See crdt_type.expect_in. */
void crdt__elems_expect(const crdt__elems *e, const crdt_value *values, size_t count);
/* The value of a live dot, borrowed; false if it does not live here. */
bool crdt__elems_get(const crdt__elems *e, crdt_dot dot, crdt_value *ret_value);

/* The live dots of one value, in no order. Ends with any change. */
typedef struct crdt__elems_finder {
    const crdt__elems *e;
    crdt_value         value; /* borrowed from the caller */
    uint64_t           at, first;
    uint32_t           offset;
    uint8_t            mode;
} crdt__elems_finder;

crdt__elems_finder crdt__elems_find(const crdt__elems *e, crdt_value value);
bool               crdt__elems_next_dot(crdt__elems_finder *finder, crdt_dot *ret_dot);

/* All live dots in dot order, from {e, 0, 0}. Allocates nothing; ends with any change. */
typedef struct crdt__elems_cursor {
    const crdt__elems *e;
    uint32_t           chunk, offset;
} crdt__elems_cursor;

bool crdt__elems_next(crdt__elems_cursor *at, crdt_dot *ret_dot, crdt_value *ret_value);
/* Before the first live dot that is not less than dot. */
crdt__elems_cursor crdt__elems_seek(const crdt__elems *e, crdt_dot dot);
/* Before some dot, chosen by the random bits; at the end now and then. */
crdt__elems_cursor crdt__elems_some(const crdt__elems *e, uint64_t random);
/* True if it is known that each value has one dot. O(1) with the index, which this builds. */
bool crdt__elems_is_plain(const crdt__elems *e);
/* True if value has a dot less than `dot` here that is not in gone (may be NULL). */
bool crdt__elems_has_before(const crdt__elems *e, crdt_dot dot, crdt_value value,
                            const crdt_context *gone);

/* Room for one insert of value (of its size and kind) under a dot of replica that is above all
 * those held. Nothing that can be seen changes. Errors: ENOMEM. */
CRDT_MUST_CHECK crdt_err crdt__elems_reserve(const crdt_mem *mem, crdt__elems *e, uint64_t replica,
                                             crdt_value value);
/* value is copied. The dot must be greater than all of its replica that ever lived here. */
void crdt__elems_insert(crdt__elems *e, crdt_dot dot, crdt_value value);
/* False if dot does not live here. */
bool crdt__elems_kill(crdt__elems *e, crdt_dot dot);
/* Let go of room that kills have left. Best effort. */
void crdt__elems_trim(const crdt_mem *mem, crdt__elems *e);

/* The two halves of a join: see crdt_type. */
crdt_err crdt__elems_prepare(crdt_join *join, crdt__elems *e, const crdt__elems *other);
bool     crdt__elems_commit(crdt_join *join, crdt__elems *e, const crdt__elems *other);
/* See crdt_type. ret_part is bottom. */
crdt_err crdt__elems_since(const crdt_space *space, const crdt__elems *e, const crdt_context *ctx,
                           crdt__elems *ret_part, crdt_context *keep);

void     crdt__elems_mark(const crdt__elems *e, crdt_replicas *ids);
void     crdt__elems_encode(const crdt__elems *e, crdt_enc *enc);
crdt_err crdt__elems_decode(const crdt_space *space, crdt__elems *e, crdt_dec *dec);
void     crdt__elems_digest(const crdt__elems *e, crdt_blocks *blocks);
bool     crdt__elems_check(const crdt_space *space, const crdt__elems *e, const crdt_context *seen,
                           const char **ret_reason);
/* True if no dot lives in both. */
bool crdt__elems_disjoint(const crdt__elems *a, const crdt__elems *b);
/* Adds payload, metadata and dots. */
void   crdt__elems_stats(const crdt__elems *e, crdt_stats *stats);
size_t crdt__elems_bytes(const crdt__elems *e); /* memory in use beyond *e itself */

#endif
