/* revgraph.h: a document and its revisions, as CouchDB keeps them: who wrote over what.
 *
 * Shape    revisions N-hash, each over its parents:   1-a <- 2-b "x", 1-a <- 2-c "y"
 *          N is 1 + the greatest of the parents' numbers; the hash is BLAKE2b-128 of the parents'
 *          ids, whether it deletes, and the body. So equal edits of several writers are one
 *          revision, and a merge that is a pure function of the leaves is one too. Ids are written
 *          as "N-" and 32 lower-case hexadecimal digits.
 * Reads    the leaves: revisions that none was written over. The winner is the greatest by (not
 *          deleted, N, hash), the same everywhere; the others are conflicts, kept and readable. A
 *          revision over several parents (merge) resolves a conflict in one write.
 * Merge    union. Only leaves keep their bodies; ancestors keep their ids until they are causally
 *          stable, however many they are: dropping them by number makes old revisions come back as
 *          conflicts.
 * Ids given by others  come with crdt_revgraph_accept, as the other system made them. If one id was
 *          given to two bodies, at two replicas at once, both are kept, flagged `doubled`, and
 *          listed (CRDT_REVS_DOUBLED); at one replica the second is refused with EEXIST.
 * Readers of trees  (CouchDB, PouchDB) know one parent: a merge shows to them as a child of the
 *          greatest of its parents, and a tombstone over each other one
 *          (crdt_revgraph_next_tomb), whose ids follow from the merge's.
 * Residues  ancestors and deletions; stable ones are forgotten. What is deleted and forgotten
 *          begins anew at 1.
 * Source   Lehnardt, Anderson, Slater, "CouchDB: the definitive guide", 2010, for the tree; the
 *          graph, union of content-addressed revisions: Kleppmann, Howard, "Byzantine eventual
 *          consistency", 2020.
 * Threads  none inside; one store, one thread at a time.
 *
 *      crdt_revgraph_edit(txn, CRDT_SOLO, crdt_text_view("{\"dose\": 5}"));
 *      crdt_store_commit(store, &delta);                // the operation, to be joined by others
 *      crdt_store_join(other, delta, now_ms);           // or join the state: the same bytes
 *      crdt_revgraph_winner(crdt_store_solo(other), &rev);
 */
#ifndef CRDT_REVGRAPH_H
#define CRDT_REVGRAPH_H
#include "crdt/store.h"
#ifdef __cplusplus
extern "C" {
#endif

CRDT_API extern const crdt_type crdt_revgraph_type;

typedef struct crdt_rev_id {
    uint64_t depth; /* N, from 1 to 2^32 - 1 */
    uint8_t  hash[16];
} crdt_rev_id;

CRDT_API int crdt_rev_id_compare(const crdt_rev_id *a, const crdt_rev_id *b);
/* Append "N-hash". */
CRDT_API void crdt_rev_id_print(const crdt_rev_id *id, crdt_buf *out);
/* Exactly what print writes. False: it is something else. */
CRDT_API bool crdt_rev_id_parse(crdt_view text, crdt_rev_id *ret_id);
/* The id of a revision over these parents, in any order. Errors: EINVAL (one is there twice, or
 * beyond the greatest N), ENOMEM (mem NULL: malloc(3)). */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_rev_id_of(const crdt_rev_id *parents, size_t count,
                                                 bool deleted, crdt_view body, const crdt_mem *mem,
                                                 crdt_rev_id *ret_id);

/* A stand-alone document, written by `replica`; mem NULL: malloc(3). Errors: ENOMEM, EINVAL. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_revgraph_new(uint64_t replica, const crdt_mem *mem,
                                                    crdt_store **ret_store);

/* -- Writing: bodies are copied. A revision that is held already, or was and has a child that is:
 * OK, no change. Under a read context (crdt_txn_at) leaves are those that the reader saw. Cost:
 * O(log n) and the arrays that move, n the revisions; O(n) under a read context. Errors of all:
 * ENOMEM, ELIMIT, ETYPE. */

/* Over the winner; the first revision of an absent document; over the deletion of a deleted one. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_revgraph_edit(crdt_txn *txn, crdt_view name, crdt_view body);
/* Over all leaves that are not deleted: no conflict is left of those seen. Cost: O(n). */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_revgraph_merge(crdt_txn *txn, crdt_view name,
                                                      crdt_view body);
/* Delete the winner: a conflict, if there is one, wins now. Nothing to delete: OK, no change. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_revgraph_remove(crdt_txn *txn, crdt_view name);
/* Over these parents, leaves or not; none: a beginning of its own. *ret_id (may be NULL) is its id.
 * Errors: ENOENT (a parent is not held), EINVAL (one is named twice). */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_revgraph_put(crdt_txn *txn, crdt_view name,
                                                    const crdt_rev_id *parents, size_t count,
                                                    bool deleted, crdt_view body,
                                                    crdt_rev_id *ret_id);
/* A revision as another system made it: path[0] is its id, then its ancestors, N going down by one;
 * what is not held of them is kept by its id. The tombstone of a merge that is held: no change.
 * Errors: EINVAL (the path), EEXIST (the id is held, with another body). */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_revgraph_accept(crdt_txn *txn, crdt_view name,
                                                       const crdt_rev_id *path, size_t count,
                                                       bool deleted, crdt_view body);

/* -- Reading */
typedef struct crdt_rev {
    crdt_rev_id id;
    bool        leaf, deleted;
    bool        known;    /* false: an ancestor of which the id alone is known */
    bool        has_body; /* leaves have, unless theirs has not come yet */
    bool        doubled;  /* another body has the same id: decide which is meant */
    crdt_view   body;     /* borrowed */
    size_t      parents;
} crdt_rev;

/* False: no document, or it is deleted. O(1) mostly: O(leaves that are deleted and deeper). */
CRDT_API bool crdt_revgraph_winner(crdt_ref doc, crdt_rev *ret_rev);
/* The revision of this id; of two bodies the greater's by their digests, doubled. Cost: O(log n).
 * Errors: ENOENT, EINVAL (not a revgraph). */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_revgraph_get(crdt_ref doc, const crdt_rev_id *id,
                                                    crdt_rev *ret_rev);
/* Its i-th parent, by id; false past the end. The greatest, the last, is its parent in the tree. */
CRDT_API bool crdt_revgraph_parent(crdt_ref doc, const crdt_rev_id *id, size_t i,
                                   crdt_rev_id *ret_parent);

typedef enum crdt_revs {
    CRDT_REVS_LEAVES,  /* the winner, the conflicts, then deleted ones; each by (N, hash) down */
    CRDT_REVS_LIVE,    /* those of them that are not deleted */
    CRDT_REVS_ALL,     /* all that are held, by (N, hash) down */
    CRDT_REVS_DOUBLED, /* one id, several bodies */
} crdt_revs;

/* Cursor on the caller's stack. Ends with any change of the store. O(n) in all. */
typedef struct crdt_revgraph_iter {
    crdt_ref  doc;
    crdt_revs which;
    uint32_t  at[2];
    bool      deleted;
} crdt_revgraph_iter;
CRDT_API crdt_revgraph_iter crdt_revgraph_iterate(crdt_ref doc, crdt_revs which);
CRDT_API bool               crdt_revgraph_next(crdt_revgraph_iter *it, crdt_rev *ret_rev);

/* What a reader of trees is shown beside the revisions: the deletion of `leaf` by `merge`. */
typedef struct crdt_rev_tomb {
    crdt_rev_id id, leaf, merge;
} crdt_rev_tomb;
/* Start from {doc}, zeros behind it. O(n) in all. */
typedef struct crdt_revgraph_tombs {
    crdt_ref doc;
    uint32_t part, rev, parent;
} crdt_revgraph_tombs;
CRDT_API bool crdt_revgraph_next_tomb(crdt_revgraph_tombs *it, crdt_rev_tomb *ret_tomb);

#ifdef __cplusplus
}
#endif
#endif
