/* zset.h: a sorted set: members, each with a score, in the order of scores.
 *
 * Shape    member -> score (crdt/score.h), by (score, member bytewise):
 *          {"ann": 3, "bob": 7.5, "cid": 7.5}
 * Merge    members are added and removed as in an add-wins set, each with its score:
 *              ADD a 5 beside ADD a 7: the later of the two.   INCR a 2 beside INCR a 3: 5 more.
 *              REMOVE a beside ADD a 7: 7.   REMOVE a (of 5) beside INCR a 2: a stays, with 2.
 *              RAISE a 5 beside RAISE a 7: 7.
 *          A removal takes away exactly what it sees: increments that it did not see stay, and the
 *          member with them.
 * Numbers  finite, and infinities: see score.h for what is exact. 0 and -0 have one place.
 * Cost     changes and lookups O(log n); a range of k members O(log n + k). What reads the order
 *          within a transaction that has changed the set takes O(n), ranges O(n log n).
 * Source   Almeida, Shoker, Baquero, "Delta state replicated data types", JPDC 111, 2018, for the
 *          members; see score.h for the scores.
 * Threads  none inside; one store, one thread at a time.
 *
 *      crdt_zset_add(txn, CRDT_SOLO, crdt_text_view("ann"), 3);
 *      crdt_zset_incr(txn, CRDT_SOLO, crdt_text_view("ann"), 0.5, NULL);
 *      crdt_store_commit(store, &delta);                  // the operation, to be joined by others
 *      crdt_store_join(other, delta, now_ms);             // or join the state
 *      crdt_zset_range(crdt_store_solo(other), 0, 10, NULL, &items, &count); // the lowest ten
 */
#ifndef CRDT_ZSET_H
#define CRDT_ZSET_H
#include "crdt/store.h"
#ifdef __cplusplus
extern "C" {
#endif

CRDT_API extern const crdt_type crdt_zset_type;

/* A stand-alone sorted set, written by `replica`. Errors: ENOMEM, EINVAL. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_zset_new(uint64_t replica, const crdt_mem *mem,
                                                crdt_store **ret_store);

/* Set the score of member (copied), which is added if it is not there. Errors: ENOMEM, EINVAL (no
 * number), ELIMIT (member above limits.name_bytes or value_bytes, or new and limits.elements are
 * there), ETYPE. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_zset_add(crdt_txn *txn, crdt_view name, crdt_view member,
                                                double score);
/* The same if that is greater (less) than what it has, or it is not there; else OK, no change. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_zset_raise(crdt_txn *txn, crdt_view name, crdt_view member,
                                                  double score);
CRDT_MUST_CHECK CRDT_API crdt_err crdt_zset_lower(crdt_txn *txn, crdt_view name, crdt_view member,
                                                  double score);
/* Add to the score; absent: to 0. ret_score (may be NULL): what it is then. Errors: ERANGE (the
 * infinities cancel out), and as add. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_zset_incr(crdt_txn *txn, crdt_view name, crdt_view member,
                                                 double amount, double *ret_score);
/* Not there: OK, no change. Errors: ENOMEM, ELIMIT, ETYPE. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_zset_remove(crdt_txn *txn, crdt_view name, crdt_view member);
/* Remove all members. Errors: ENOMEM, ELIMIT, ETYPE. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_zset_clear(crdt_txn *txn, crdt_view name);

/* Members there are. */
CRDT_API size_t crdt_zset_count(crdt_ref zset);
/* The score of a member; its rank, from 0. False: it is not there. */
CRDT_API bool crdt_zset_score(crdt_ref zset, crdt_view member, double *ret_score);
CRDT_API bool crdt_zset_rank(crdt_ref zset, crdt_view member, size_t *ret_rank);
/* How many members have a lower score; with: or this one. So ranks [below(lo), below(hi, true))
 * are those from lo to hi. */
CRDT_API size_t crdt_zset_below(crdt_ref zset, double score, bool with);
/* Where all scores are equal: how many members come before this one; with: or are it. (Else some
 * number of them.) */
CRDT_API size_t crdt_zset_before(crdt_ref zset, crdt_view member, bool with);

typedef struct crdt_zset_item {
    crdt_view member; /* borrowed until the store changes */
    double    score;
} crdt_zset_item;

/* The members of ranks [first, first + count), as far as there are any: an array by mem (NULL:
 * malloc(3)), to be freed by crdt_zset_items_free; NULL if there are none. Errors: ENOMEM. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_zset_range(crdt_ref zset, size_t first, size_t count,
                                                  const crdt_mem *mem, crdt_zset_item **ret_items,
                                                  size_t *ret_count);
CRDT_API void crdt_zset_items_free(const crdt_mem *mem, crdt_zset_item *items, size_t count);

/* From a member on (bytewise; size 0: from the first) in the order of members, which goes on where
 * it was whatever happens to scores: up to count of them into items; returns how many. */
CRDT_API size_t crdt_zset_scan(crdt_ref zset, crdt_view from, crdt_zset_item *items, size_t count);

#ifdef __cplusplus
}
#endif
#endif
