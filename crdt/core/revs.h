/* core/revs.h: graphs of revisions: what was written over what, by dot.
 *
 * Shape    revisions by id (depth, hash), each with its parents and its contents; dot -> content:
 *              1-a <- 2-b {r1:2: "x"},  1-a <- 2-c {r2:1: "y"}
 *          A revision that others only name as their parent has no content ("named"). A content is
 *          known (deleted or not, a body), or it is not: of an ancestor that came with a path, the
 *          id alone is known. An id has two known contents only if two writers gave it to two
 *          bodies: both are kept ("doubled").
 * Bodies   are held of leaves alone: what has a child that is held loses its body, and keeps 8
 *          bytes of its digest, by which another body under the same id is told apart.
 * Traces   A revision without children and without a body is not shown. None comes about in a
 *          state; bytes of others may hold one, and a part of a state does.
 * Merge    by dot; the parents of an id by union; then bodies go where a child has come.
 * Arrays   revs by id; contents by id and key; dots by dot. So every step is a binary search or one
 *          merge of sorted arrays.
 * Invariants  depth of a revision = 1 + the greatest of its parents', where any is known; children
 *          counts the held revisions that name it; a named one has children; each content has
 *          dots.
 */
#ifndef CRDT_CORE_REVS_H
#define CRDT_CORE_REVS_H
#include "crdt/type.h"

typedef struct crdt__rev_id {
    uint64_t depth; /* from 1 */
    uint8_t  hash[16];
} crdt__rev_id;

#define CRDT__REV_DEPTH_MAX UINT32_MAX

typedef struct crdt__rev {
    crdt__rev_id       id;
    uint32_t           children, contents, parents_count;
    bool               stable, over, done; /* scratch of stabilise */
    struct crdt__rev **parents;            /* ascending by id */
} crdt__rev;

/* What orders the contents of one id. */
typedef struct crdt__rev_key {
    bool     known, deleted;
    uint64_t check; /* of deleted and body: half of its hash if it had no parents; 0: not known */
} crdt__rev_key;

typedef struct crdt__rev_content {
    crdt__rev    *rev;
    crdt__rev_key key;
    uint32_t      dots; /* that hold it */
    uint32_t      size;
    uint8_t      *bytes;
    bool          held; /* the body is here */
} crdt__rev_content;

typedef struct crdt__rev_dot {
    crdt_dot           dot;
    crdt__rev_content *content;
} crdt__rev_dot;

/* All zero is bottom. */
typedef struct crdt__revs {
    crdt__rev         **revs;
    crdt__rev_content **contents;
    crdt__rev_dot      *dots;
    uint32_t            revs_count, revs_cap, contents_count, contents_cap, dots_count, dots_cap;
    struct crdt__revs_plan *plan; /* made by prepare, for commit; else NULL */
} crdt__revs;

/* -- Ids (revs.c) */
int crdt__rev_id_compare(const crdt__rev_id *a, const crdt__rev_id *b);
int crdt__rev_key_compare(const crdt__rev_key *a, const crdt__rev_key *b);
/* The key of a known content. */
crdt__rev_key crdt__rev_key_of(bool deleted, crdt_view body);
/* The id of a revision over these parents (ascending). Depth 0: beyond CRDT__REV_DEPTH_MAX. */
crdt__rev_id crdt__rev_derive(const crdt__rev_id *parents, size_t count, bool deleted,
                              crdt_view body);
/* The id of the tombstone that shows a reader of trees that `merge` has resolved `leaf`. */
crdt__rev_id crdt__rev_derive_tomb(const crdt__rev_id *leaf, const crdt__rev_id *merge);

/* -- Arrays (revs.c) */
void crdt__revs_clear(const crdt_mem *mem, crdt__revs *revs);
/* The first place not before the id, or id and key. */
uint32_t           crdt__revs_seek(const crdt__revs *revs, const crdt__rev_id *id);
crdt__rev         *crdt__revs_find(const crdt__revs *revs, const crdt__rev_id *id); /* or NULL */
uint32_t           crdt__revs_seek_content(const crdt__revs *revs, const crdt__rev_id *id,
                                           const crdt__rev_key *key);
crdt__rev_content *crdt__revs_find_content(const crdt__revs *revs, const crdt__rev_id *id,
                                           const crdt__rev_key *key);
uint32_t           crdt__revs_seek_dot(const crdt__revs *revs, crdt_dot dot);
/* Another known content has the same id. */
bool   crdt__revs_is_doubled(const crdt__revs *revs, uint32_t content);
size_t crdt__revs_bytes(const crdt__revs *revs); /* memory beyond the struct */

/* Room for so many more. Errors: ENOMEM. */
crdt_err crdt__revs_reserve(const crdt_mem *mem, crdt__revs *revs, size_t more_revs,
                            size_t more_contents, size_t more_dots);
/* NULL: no memory. bytes NULL: without a body. */
crdt__rev         *crdt__rev_make(const crdt_mem *mem, const crdt__rev_id *id);
crdt__rev_content *crdt__rev_content_make(const crdt_mem *mem, crdt__rev *rev, crdt__rev_key key,
                                          const crdt_view *body);
void               crdt__rev_free(const crdt_mem *mem, crdt__rev *rev);
void               crdt__rev_content_free(const crdt_mem *mem, crdt__rev_content *content);
void               crdt__rev_drop_body(const crdt_mem *mem, crdt__rev_content *content);
/* Append behind all others, for which there is room. */
void crdt__revs_append(crdt__revs *revs, crdt__rev *rev);
void crdt__revs_append_content(crdt__revs *revs, crdt__rev_content *content);
void crdt__revs_append_dot(crdt__revs *revs, crdt_dot dot, crdt__rev_content *content);
/* Sort the dots. False: one is there twice. */
bool crdt__revs_sort_dots(crdt__revs *revs);
/* Give a revision that has none these parents (ascending; copied). Errors: ENOMEM. */
crdt_err crdt__rev_set_parents(const crdt_mem *mem, crdt__rev *rev, crdt__rev *const *parents,
                               uint32_t count);
/* Drop the contents that no dot holds any more, and what only they named. */
void crdt__revs_sweep(const crdt_mem *mem, crdt__revs *revs);

/* -- Joins (revs_join.c): for the slots of crdt_type, see there */
crdt_err crdt__revs_prepare(crdt_join *join, void *state, const void *other);
bool     crdt__revs_commit(crdt_join *join, void *state, const void *other);
void     crdt__revs_drop_plan(const crdt_mem *mem, crdt__revs *revs);
/* A prepared join of what a transaction writes: its dots become first, first + 1, ... */
void     crdt__revs_rename_born(crdt__revs *revs, crdt_dot first);
crdt_err crdt__revs_since(const crdt_space *space, const void *state, const crdt_context *ctx,
                          void *ret_part, crdt_context *keep);
bool     crdt__revs_stabilise(const crdt_space *space, void *state, const crdt_context *cut);

/* -- Bytes (revs_code.c) */
void     crdt__revs_mark(const void *state, crdt_replicas *ids);
void     crdt__revs_encode(const void *state, crdt_enc *enc);
crdt_err crdt__revs_decode(const crdt_space *space, void *state, crdt_dec *dec);
void     crdt__revs_digest(const void *state, crdt_blocks *blocks);
bool     crdt__revs_check(const crdt_space *space, const void *state, const crdt_context *seen,
                          const char **ret_reason);
void     crdt__revs_stats(const void *state, crdt_stats *stats);

#endif
