/* bcounter.h: bounded counter: never below 0, without asking anybody.
 *
 * Shape    a row per replica, which it alone writes: what it added, took and gave:
 *              {r1: added 10, gave r2 4, took 1}  {r2: took 3}         value 6: r1 may take 5, r2 1
 *          To take away, a replica needs rights, which are made by adding and handed on by
 *          transfers. What all replicas together may take away is the value: so it cannot fall
 *          below 0, whatever they do at the same time. For another bound, count what lies above
 *          it; for an upper one, count what is left.
 * Merge    of a replica's row the later one. Rights are handed over by the giver's row alone: the
 *          receiver has them as soon as it has that.
 * Requests stand in rows, too: how much a replica wants to have been given in all. Whoever has
 *          rights to spare grants them (crdt_bcounter_grant); what was given needs no answer.
 * Removal  (reset, removing the key) takes away all rows whose writers had not seen it, also those
 *          that it had not seen: a part of the rows would not keep the bound. A removal under a
 *          read context that has not seen every row does nothing. It is a residue until stable.
 * Retiring a replica: transfer its rights first. Those of one that is lost are lost: the value
 *          stays above 0 by as much.
 * Source   Balegas, Serra, Duarte, Ferreira, Rodrigues, Preguica, Shapiro, Najafzadeh, "Extending
 *          eventually consistent cloud databases for enforcing numeric invariants", SRDS 2015.
 * Threads  none inside; one store, one thread at a time.
 *
 *      crdt_bcounter_inc(txn, CRDT_SOLO, 10);             // ten seats
 *      crdt_bcounter_transfer(txn, CRDT_SOLO, peer, 5);   // half of them for the peer to sell
 *      err = crdt_bcounter_dec(txn, CRDT_SOLO, 6, &lack); // ERIGHTS, lack is 1
 *      crdt_bcounter_request(txn, CRDT_SOLO, lack);       // the peer's grant brings it
 */
#ifndef CRDT_BCOUNTER_H
#define CRDT_BCOUNTER_H
#include "crdt/store.h"
#ifdef __cplusplus
extern "C" {
#endif

CRDT_API extern const crdt_type crdt_bcounter_type;

/* A stand-alone counter, written by `replica`; mem NULL: malloc(3). Errors: ENOMEM, EINVAL. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_bcounter_new(uint64_t replica, const crdt_mem *mem,
                                                    crdt_store **ret_store);

/* -- Writing. Cost: O(rows and what they gave). Errors of all: ENOMEM, ELIMIT, ETYPE, EINVAL (0),
 * ERANGE (a total of this replica's would exceed 64 bits). */

/* Add n, and with it this replica's right to take n away. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_bcounter_inc(crdt_txn *txn, crdt_view name, uint64_t n);
/* Take n away. Errors: ERIGHTS: this replica lacks *ret_lack (may be NULL) rights for it. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_bcounter_dec(crdt_txn *txn, crdt_view name, uint64_t n,
                                                    uint64_t *ret_lack);
/* Hand n rights on to another replica: known here or not, but it must exist, or they are lost.
 * Errors: ERIGHTS, as dec; EINVAL (to itself, or to 0). */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_bcounter_transfer(crdt_txn *txn, crdt_view name, uint64_t to,
                                                         uint64_t n, uint64_t *ret_lack);
/* Ask the others for n rights, in place of what was asked for before. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_bcounter_request(crdt_txn *txn, crdt_view name, uint64_t n);
/* Give to those who ask, in the order of their ids, as much as this replica has. *ret_given (may be
 * NULL): how much. Nothing to give, or nobody asks: OK, no change. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_bcounter_grant(crdt_txn *txn, crdt_view name,
                                                      uint64_t *ret_given);

/* -- Reading. Cost: O(rows and what they gave). */
/* Errors: ERANGE (beyond int64_t), EINVAL (not a bcounter). */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_bcounter_value(crdt_ref counter, int64_t *ret_value);
CRDT_API crdt_i128                crdt_bcounter_value_wide(crdt_ref counter);
/* What a replica may take away; UINT64_MAX: that much or more. */
CRDT_API uint64_t crdt_bcounter_rights(crdt_ref counter, uint64_t replica);
/* What it asks for and was not given yet. */
CRDT_API uint64_t crdt_bcounter_wants(crdt_ref counter, uint64_t replica);

#ifdef __cplusplus
}
#endif
#endif
