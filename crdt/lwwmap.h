/* lwwmap.h: a row of columns, each a last-writer-wins cell, as Cassandra's rows are.
 *
 * Shape    dot -> (stamp, what is said of which columns):
 *          {r1:4 -> 1700 "name" = "Ada", r1:5 -> 1701 "mail" = "a@b" until 99,
 *          r2:2 -> 1650 row gone}
 * Says     of one column a value, perhaps with an expiry, or that it is deleted; of a range of
 *          columns, or of the whole row, that it is deleted.
 * Order    of what is said of a column, total over all that can differ: stamp; a deletion above
 *          values; a value that expires above one that does not, the later expiry first; values by
 *          crdt_value_compare; dot. What shows is the greatest of all that was ever said of the
 *          column, in whatever order it was said or arrives.
 * Stamps   of the client (put, delete...), any; or by the store's clock (set), above all that its
 *          writer sees at the column. They never move the clock. A stamp at CRDT_STAMP_MAX cannot
 *          be exceeded: then deletions, expiries and values decide.
 * Expiry   hides at read, by the reader's clock; it is part of the order, so replicas agree which
 *          value it is that expires, and what an expired value has beaten does not show again.
 * Merge    by dot. What is said covers what it beats on all the columns that this was said of, as
 *          far as it sees it; what is beaten itself where it is said changes nothing. Concurrent
 *          losers stay, listed by crdt_lwwmap_sibling, until something greater is said.
 * Residues deletions stay, hidden, until they and all that they beat are causally stable; then they
 *          go together, and from then on older stamps show, as after Cassandra's gc_grace. Removing
 *          the key deletes the row at the greatest stamp seen.
 * Cost     O(what is held of the row), of each call: rows have thousands of columns, not millions.
 * Source   Lakshman, Malik, "Cassandra: a decentralized structured storage system", 2010; Johnson,
 *          Thomas, "The maintenance of duplicate databases", RFC 677, 1975.
 * Threads  none inside; one store, one thread at a time.
 *
 *      crdt_lwwmap_put(txn, CRDT_SOLO, crdt_text_view("name"), crdt_text("Ada"), 1700,
 *                      CRDT_LWWMAP_NEVER);
 *      crdt_store_commit(store, &delta);                   // the operation
 *      crdt_store_join(other, delta, now_ms);              // or the whole state
 *      crdt_lwwmap_get(crdt_store_solo(other), crdt_text_view("name"), now_ms, &cell);
 */
#ifndef CRDT_LWWMAP_H
#define CRDT_LWWMAP_H
#include "crdt/store.h"
#ifdef __cplusplus
extern "C" {
#endif

CRDT_API extern const crdt_type crdt_lwwmap_type;

#define CRDT_LWWMAP_NEVER INT64_C(0) /* no expiry */

/* A stand-alone row, written by `replica`. Errors: ENOMEM, EINVAL. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_lwwmap_new(uint64_t replica, const crdt_mem *mem,
                                                  crdt_store **ret_store);

/* Write value (copied) to a column at stamp, 0..CRDT_STAMP_MAX, until expires_ms (since 1970, above
 * 0) or for ever. Errors: ENOMEM, EINVAL (stamp, expiry, no kind of value), ELIMIT (column and
 * value together above limits.value_bytes, or new columns above limits.elements), ETYPE. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_lwwmap_put(crdt_txn *txn, crdt_view name, crdt_view column,
                                                  crdt_value value, uint64_t stamp,
                                                  int64_t expires_ms);
/* The same at a stamp of the store's clock. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_lwwmap_set(crdt_txn *txn, crdt_view name, crdt_view column,
                                                  crdt_value value, int64_t expires_ms);
/* Delete, at stamp: of a column; of the columns from lo on below hi, bytewise (hi of size 0: to the
 * end); of all. Values of that stamp and below, also those yet to come. Errors: as put. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_lwwmap_delete(crdt_txn *txn, crdt_view name,
                                                     crdt_view column, uint64_t stamp);
CRDT_MUST_CHECK CRDT_API crdt_err crdt_lwwmap_delete_range(crdt_txn *txn, crdt_view name,
                                                           crdt_view lo, crdt_view hi,
                                                           uint64_t stamp);
CRDT_MUST_CHECK CRDT_API crdt_err crdt_lwwmap_delete_row(crdt_txn *txn, crdt_view name,
                                                         uint64_t stamp);

/* All views are borrowed until the store changes. */
typedef struct crdt_lwwmap_cell {
    crdt_view  column;
    crdt_value value;
    uint64_t   stamp;
    int64_t    expires_ms; /* or CRDT_LWWMAP_NEVER */
    crdt_dot   dot;        /* who wrote it */
} crdt_lwwmap_cell;

/* What a column shows at now_ms. False: nothing. */
CRDT_API bool crdt_lwwmap_get(crdt_ref row, crdt_view column, int64_t now_ms,
                              crdt_lwwmap_cell *ret_cell);
/* The i-th value that is held of a column, losers and expired ones too, in dot order; false past
 * the end. */
CRDT_API bool crdt_lwwmap_sibling(crdt_ref row, crdt_view column, size_t i,
                                  crdt_lwwmap_cell *ret_cell);
/* All that show at now_ms, in order of columns, bytewise: an array by mem (NULL: malloc(3)), to be
 * freed by crdt_lwwmap_cells_free; NULL if there are none. O(n log n). Errors: ENOMEM. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_lwwmap_cells(crdt_ref row, int64_t now_ms,
                                                    const crdt_mem    *mem,
                                                    crdt_lwwmap_cell **ret_cells,
                                                    size_t            *ret_count);
CRDT_API void crdt_lwwmap_cells_free(const crdt_mem *mem, crdt_lwwmap_cell *cells, size_t count);

#ifdef __cplusplus
}
#endif
#endif
