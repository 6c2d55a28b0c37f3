/* resolve/impl.h: what the files of crdt/resolve/ share: see crdt/resolve.h. */
#ifndef CRDT_RESOLVE_IMPL_H
#define CRDT_RESOLVE_IMPL_H
#include "crdt/ormap.h"
#include "crdt/resolve.h"

#define CRDT__PATH_KEYS_MAX 64u /* of maps, whatever the limits say */

/* -- Paths (paths.c) */
/* A copy in room for so many bytes, aligned as a crdt_view. */
size_t    crdt__path_bytes(const crdt_path *path);
crdt_path crdt__path_copy(const crdt_path *path, void *room);
/* Append the path as bytes: how many keys, the name, the keys. */
void crdt__path_put(const crdt_path *path, crdt_buf *out);
/* Read it back, into keys of CRDT__PATH_KEYS_MAX; false if these are not just such bytes. */
bool crdt__path_get(crdt_view in, crdt_view *keys, crdt_path *ret_path);

/* -- Rules (rules.c) */
typedef struct crdt__rule {
    crdt_pattern  pattern; /* name and keys point behind this struct */
    crdt_policy   policy;
    crdt_resolver resolver;
    size_t        bytes; /* of this allocation */
} crdt__rule;

struct crdt_rules {
    const crdt_mem *mem;
    crdt__rule    **at; /* the one that decides first */
    size_t          count, cap, many;
    uint8_t        *acks;
    size_t          acks_size;
    bool            has_acks;
};

const crdt__rule *crdt__rules_find(const crdt_rules *rules, const crdt_path *path); /* or NULL */
bool              crdt__rules_acks(const crdt_rules *rules, crdt_view *ret_name);
size_t            crdt__rules_many(const crdt_rules *rules); /* rules may be NULL */

/* -- Siblings (gather.c) */
/* Where objects are looked up: what the transaction sees, or if that is NULL the store. */
typedef struct crdt__source {
    const crdt_store *store;
    const crdt_txn   *txn;
} crdt__source;

crdt_err crdt__source_find(const crdt__source *from, crdt_view name, const crdt_type *type,
                           crdt_ref *ret_ref);

typedef struct crdt__gathered {
    const crdt_mem *mem;
    crdt_sibling   *at;
    size_t          count, cap;
    size_t          competing;
    bool            unstamped; /* a register among them has no stamps */
} crdt__gathered;

/* Contents of such objects compete. */
bool crdt__is_register(const crdt_type *type);
/* What is at the path; sorted, and marked with what competes. Errors: ENOENT, ETYPE, ENOMEM. */
crdt_err crdt__gather(const crdt__source *from, const crdt_path *path, crdt__gathered *ret);
/* The same of one register, or of all columns of a row. */
crdt_err crdt__gather_ref(const crdt_ref *ref, crdt__gathered *ret);
void     crdt__gathered_clear(crdt__gathered *gathered);
/* Siblings from i on that have the same key: the index behind them. */
size_t crdt__gathered_group(const crdt_sibling *at, size_t count, size_t i);
/* Which sibling it is, as bytes: what hashes are over. */
void crdt__sibling_put(const crdt_sibling *sibling, crdt_buf *out);
/* The hash of the path and the competing siblings. */
crdt_err crdt__set_digest(const crdt_path *path, const crdt_sibling *at, size_t count,
                          const crdt_mem *mem, crdt_digest *ret_set);

/* -- Policies (choose.c) */
crdt_err crdt__outcome_of(const crdt__source *from, const crdt_rules *rules, const crdt_path *path,
                          crdt_outcome *ret_outcome);
/* Runs a resolver; the items stand in canonical order in held. */
crdt_err crdt__run_resolver(const crdt_resolver *resolver, const crdt_siblings *view,
                            crdt_outcome *outcome);
void     crdt__outcome_init(crdt_outcome *outcome, const crdt_mem *mem);
/* Room for so many items. Errors: ENOMEM. */
crdt_err crdt__outcome_items(crdt_outcome *outcome, size_t count);

/* -- Acknowledgements (acks.c) */
/* True if one covers all competing siblings of each key at the path. Errors: ENOMEM. */
crdt_err crdt__acked(const crdt__source *from, const crdt_rules *rules, const crdt_siblings *view,
                     bool *ret_acked);

/* -- Sets of byte strings in a map (shelf.c): what acknowledgements and records are kept in */
typedef struct crdt__shelf {
    crdt_view map, key; /* ormap, and the key of an orset in it */
} crdt__shelf;

/* The set. Errors: ENOENT, ETYPE, ENOMEM. */
crdt_err crdt__shelf_find(const crdt__source *from, const crdt__shelf *shelf, crdt_ref *ret_set);
/* What becomes of the set: of what is there stays what `keeps` says, and value is added (NULL:
 * nothing). */
typedef struct crdt__shelving {
    bool (*keeps)(void *user, crdt_view value);
    void            *user;
    const crdt_view *value;
} crdt__shelving;

/* *ret_wrote: something changed. */
crdt_err crdt__shelf_put(crdt_txn *txn, const crdt__shelf *shelf, const crdt__shelving *what,
                         bool *ret_wrote);

#endif
