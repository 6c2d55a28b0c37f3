/* cell.h: what a name of a key-value store holds: a value that is set, and counted on.
 *
 * Shape    a base and increments:  {r1:4 -> 0x18c1.. "10"} + {r1: 3, r2: 0.25}     shows "13.25"
 *          The base is a last-writer-wins register: of values set at the same time the one stamped
 *          last shows and the others stay, listed as conflicts (crdt_ref_conflict). The increments
 *          are a counter's, one share a writer.
 * Reads    the base alone where nothing was counted; else base (absent: 0) + sum, as exact decimal
 *          text: an integer if it is one, else without zeros at the end. A base that is no number
 *          shows as it is, and hides the increments, which are kept: setting a number shows them.
 * Set      takes away the values and the increments that it sees, and no others:
 *              SET 5 beside SET 7: the later of the two.   SET 5 beside an increment by 1: 6.
 *          Clear and removing the key likewise.
 * Numbers  exact, 17 digits behind the point: what replicas read does not depend on the order of
 *          arrival, or on the machine's floating point. Sums have 128 bits before the point; what
 *          does not fit the caller's integer is ERANGE at the read, never at a merge.
 * Text     a base written as an integer in its usual form ("10", not "010" or "+10") and the
 *          integer are the same; every other is kept byte by byte.
 * Source   Johnson, Thomas, RFC 677, 1975, for the register; rule R11 of the design for counters
 *          that are reset: observed increments go, others stay.
 * Threads  none inside; one store, one thread at a time.
 *
 *      crdt_store_begin(store, now_ms, &txn);
 *      crdt_cell_set(txn, CRDT_SOLO, crdt_text("10"));
 *      crdt_cell_incr(txn, CRDT_SOLO, 3);
 *      crdt_cell_incrfloat(txn, CRDT_SOLO, crdt_text_view("0.25"));
 *      crdt_store_commit(store, &delta);            // the operation, to be joined by others
 *      crdt_store_join(other, delta, now_ms);       // or join the state: the same bytes come out
 *      crdt_cell_get(crdt_store_solo(other), &buf); // "13.25"
 */
#ifndef CRDT_CELL_H
#define CRDT_CELL_H
#include "crdt/store.h"
#ifdef __cplusplus
extern "C" {
#endif

CRDT_API extern const crdt_type crdt_cell_type;

/* A stand-alone cell, written by `replica`. Errors: ENOMEM, EINVAL. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_cell_new(uint64_t replica, const crdt_mem *mem,
                                                crdt_store **ret_store);

/* Set value (copied) over all that the transaction sees. Cost: O(n), n the siblings and shares: 1
 * unless several replicas write. Errors: ENOMEM, EINVAL (no kind of value), ELIMIT, ETYPE. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_cell_set(crdt_txn *txn, crdt_view name, crdt_value value);
/* Add amount, of either sign; 0 makes an absent cell 0. What the base is does not matter: whoever
 * wants to refuse reads before. Cost: O(shares). Errors: ENOMEM, ELIMIT, ETYPE. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_cell_incr(crdt_txn *txn, crdt_view name, int64_t amount);
/* Add a decimal number as text: "-0.5", "1e3". Digits beyond the 17th behind the point are rounded.
 * Errors: EINVAL (not a decimal number), ERANGE (beyond int64_t before the point), and as incr. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_cell_incrfloat(crdt_txn *txn, crdt_view name,
                                                      crdt_view amount);
/* Take away all that the transaction sees. Nothing there: OK, no change. Errors: ENOMEM, ELIMIT,
 * ETYPE. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_cell_clear(crdt_txn *txn, crdt_view name);

/* What shows, if it lies there ready: borrowed bytes, or an integer, which stands for its decimal
 * digits. False: nothing shows, or it must be put together (crdt_cell_get). Allocates nothing.
 * Cost of reading, here and below: O(shares), O(1) without increments. */
CRDT_API bool crdt_cell_peek(crdt_ref cell, crdt_value *ret_value);
/* Append to out what shows, as bytes. Errors: ENOENT (nothing), ENOMEM. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_cell_get(crdt_ref cell, crdt_buf *out);
/* The integer that get would spell; 0 if nothing shows. Errors: EINVAL (not an integer in its usual
 * form), ERANGE (one beyond int64_t). */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_cell_int(crdt_ref cell, int64_t *ret_n);
/* The number that get would spell, in units of 10^-17; 0 if nothing shows. Errors: EINVAL (not a
 * number), ERANGE (1.7e21 and beyond). */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_cell_number(crdt_ref cell, crdt_i128 *ret_n);

#ifdef __cplusplus
}
#endif
#endif
