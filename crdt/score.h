/* score.h: a number in double precision that is set, and counted on: what a member of a sorted set
 * (crdt/zset.h) has.
 *
 * Shape    a base and increments:  {r1:4 -> 0x18c1.. 10} + {r1: 3, r2: 0.25}     shows 13.25
 *          The base is a last-writer-wins register; the increments are a counter's, one share a
 *          writer.
 * Reads    the base exactly as it was set; with increments base + their sum, rounded once.
 * Set      takes away the values and the increments that it sees, and no others:
 *              SET 5 beside SET 7: the later of the two.   SET 5 beside an increment by 1: 6.
 *          Clear and removing the key likewise.
 * Raise    sets what is greater than what shows, lower what is less. Of those written at the same
 *          time the greatest (least) shows; beside a SET those that are later than it count:
 *              RAISE 5 beside RAISE 7: 7.   LOWER 5 beside LOWER 7: 5, raises first.
 * Numbers  finite, and infinities; what is no number is refused. An increment leads to what double
 *          arithmetic makes of what shows and of it, and is kept as the exact difference: so
 *          increments add up to the same whatever the order they arrive in. Exact are numbers with
 *          62 binary digits behind the point, and of increments 63 in front of it. An increment
 *          that is not, or from or to a number that is not, sets the score to its outcome instead;
 *          to an infinity finite increments add up, and show once it is set to a finite number.
 * Source   Johnson, Thomas, RFC 677, 1975, for the register; rule R11 of the design for increments
 *          that are reset: observed ones go, others stay.
 * Threads  none inside; one store, one thread at a time.
 *
 *      crdt_store_begin(store, now_ms, &txn);
 *      crdt_score_set(txn, CRDT_SOLO, 10);
 *      crdt_score_incr(txn, CRDT_SOLO, 0.25, NULL);
 *      crdt_store_commit(store, &delta);              // the operation, to be joined by others
 *      crdt_store_join(other, delta, now_ms);         // or join the state: the same bytes come out
 *      crdt_score_get(crdt_store_solo(other), &d);    // 10.25
 */
#ifndef CRDT_SCORE_H
#define CRDT_SCORE_H
#include "crdt/store.h"
#ifdef __cplusplus
extern "C" {
#endif

CRDT_API extern const crdt_type crdt_score_type;

/* A stand-alone score, written by `replica`. Errors: ENOMEM, EINVAL. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_score_new(uint64_t replica, const crdt_mem *mem,
                                                 crdt_store **ret_store);

/* Set over all that the transaction sees. Cost: O(n), n the siblings and shares: 1 unless several
 * replicas write. Errors: ENOMEM, EINVAL (not a number), ELIMIT, ETYPE. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_score_set(crdt_txn *txn, crdt_view name, double score);
/* The same if it is greater (less) than what shows, or nothing does; else OK, no change. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_score_raise(crdt_txn *txn, crdt_view name, double score);
CRDT_MUST_CHECK CRDT_API crdt_err crdt_score_lower(crdt_txn *txn, crdt_view name, double score);
/* Add amount, of either sign; 0 makes an absent score 0. ret_score (may be NULL): what shows then.
 * Errors: ERANGE (the infinities cancel out), and as set. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_score_incr(crdt_txn *txn, crdt_view name, double amount,
                                                  double *ret_score);
/* Take away all that the transaction sees. Nothing there: OK, no change. Errors: ENOMEM, ELIMIT,
 * ETYPE. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_score_clear(crdt_txn *txn, crdt_view name);

/* What shows; false: nothing. O(shares), O(1) without increments. */
CRDT_API bool crdt_score_get(crdt_ref score, double *ret_score);
/* The number that a competing content (crdt_ref_conflict) stands for; 0 for what is none. */
CRDT_API double crdt_score_of(crdt_value content);

#ifdef __cplusplus
}
#endif
#endif
