/* resolve.h: what to show where several contents compete, and how conflicts reach people.
 *
 * Shape    rules: path -> policy. Of each path the siblings, what was written at the same time,
 *          and by its policy the outcome:
 *          {"room"/"14": keep all}, siblings ["ann" by r1:4, "bob" by r2:2] -> ["ann", "bob"]
 * Reading  through a policy is a function of the merged state alone. It writes nothing, and knows
 *          no clock, no random number and not who asks: so all replicas read the same.
 * Paths    a name, and the keys to go from there into maps (ormap; the last one may be a column of
 *          an lwwmap). A path that ends at a register has its siblings; one that ends at a map has
 *          those of all registers at its keys, so that a rule may weigh them together.
 * Conflict two siblings of one key that differ in value. Equal values are none: let values name
 *          what should be told apart (the order, not just the dose). Types that merge what
 *          competes (counters, sets, max, flags) have none.
 * Surfaced each set of siblings once: crdt_surfaced. Reviewed by people: crdt_ack. Written down for
 *          programs without the rules: crdt_materialise. What they superseded: audit.h.
 * Expiry   of columns is not looked at: what has expired competes until it is gone.
 * Source   DeCandia et al., "Dynamo", SOSP 2007, for siblings handed to the application; Preguica
 *          et al., "Dotted version vectors", PODC 2012, for acknowledging just what was seen.
 * Threads  none inside.
 *
 *      crdt_rules_set(rules, &(crdt_pattern){crdt_path_of(crdt_text_view("price/")), true},
 *                     CRDT_GREATEST, NULL);                     // names that begin with price/
 *      crdt_resolve(store, rules, &path, &outcome);
 *      for (size_t i = 0; i < outcome.count; i++) ... outcome.items[i].value ...
 *      if (outcome.needs_review) ... show all of outcome.siblings, and later crdt_ack ...
 *      crdt_outcome_clear(&outcome);
 */
#ifndef CRDT_RESOLVE_H
#define CRDT_RESOLVE_H
#include "crdt/store.h"
#ifdef __cplusplus
extern "C" {
#endif

/* -- Paths and siblings ------------------------------------------------------------------------ */

typedef struct crdt_path {
    crdt_view        name;
    const crdt_view *keys; /* NULL if depth is 0 */
    size_t           depth;
} crdt_path;

static inline crdt_path crdt_path_of(crdt_view name)
{
    crdt_path path;
    path.name = name;
    path.keys = NULL;
    path.depth = 0;
    return path;
}

/* One of the contents at a path, borrowed from the store. */
typedef struct crdt_sibling {
    crdt_view  key; /* of a path that ends at a map: where in it; else empty */
    crdt_value value;
    crdt_dot   dot;      /* who wrote it */
    uint64_t   stamp;    /* when, where the type has one; else 0 */
    bool       shows;    /* a read without rules shows it */
    bool       competes; /* another value stands beside it at its key */
} crdt_sibling;

/* In canonical order: by key, then dot. */
typedef struct crdt_siblings {
    crdt_path           path;
    const crdt_sibling *at;
    size_t              count;
} crdt_siblings;

/* -- Rules ------------------------------------------------------------------------------------- */

typedef enum crdt_policy {
    CRDT_KEEP_ALL, /* every sibling; where no rule fits */
    CRDT_LATEST,   /* at each key the one that last-writer-wins shows. ETYPE for types without
                      stamps (mvreg, revgraph) */
    CRDT_GREATEST, /* at each key the greatest by crdt_value_compare */
    CRDT_UNION,    /* at each key every value once, in their order */
    CRDT_CUSTOM    /* what a resolver says */
} crdt_policy;

/* A resolver's answer in the making. */
typedef struct crdt_choice crdt_choice;
/* The view's sibling at this index is part of the answer. Errors: EINVAL (no such), ENOMEM. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_choose(crdt_choice *choice, size_t index);
/* So is a value (copied) that no sibling has, or one at another key. Errors: EINVAL (no kind of
 * value), ENOMEM. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_choose_value(crdt_choice *choice, crdt_view key,
                                                    crdt_value value);

/* A rule of one's own. resolve must be a pure function of the view, whatever the order in which the
 * siblings stand there; crdt_resolver_check finds many that are not. An error that it returns
 * becomes that of the read. */
typedef struct crdt_resolver {
    const char *name; /* for reports */
    crdt_err (*resolve)(void *user, const crdt_siblings *view, crdt_choice *choice);
    void *user; /* what it needs to know, the same on all replicas */
} crdt_resolver;

/* The kit: runs the resolver on these siblings twice, on copies of them elsewhere in memory, and in
 * other orders. Errors: EINVAL: not deterministic, and report (appended to) says how two answers
 * differ; ENOMEM; what the resolver returns. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_resolver_check(const crdt_resolver *resolver,
                                                      const crdt_siblings *view,
                                                      const crdt_mem *mem, crdt_buf *report);

/* Configuration: the same on all replicas that should read the same. */
typedef struct crdt_rules crdt_rules;

/* The path itself; or with `any` all whose last part (the key, or the name if there are no keys)
 * begins with that of this path, and all below them. */
typedef struct crdt_pattern {
    crdt_path path;
    bool      any;
} crdt_pattern;

/* No rules yet. mem NULL: malloc(3). Errors: ENOMEM. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_rules_new(const crdt_mem *mem, crdt_rules **ret_rules);
CRDT_API void                     crdt_rules_free(crdt_rules *rules); /* NULL is fine */
/* Of the rules that fit a path the longest decides: more keys, then the exact one, then the longer
 * beginning. resolver: of CRDT_CUSTOM, else NULL; copied, but for its name. Errors: EEXIST (a rule
 * of the same pattern), EINVAL, ENOMEM. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_rules_set(crdt_rules *rules, const crdt_pattern *pattern,
                                                 crdt_policy policy, const crdt_resolver *resolver);
/* The policy of a path. O(rules). */
CRDT_API crdt_policy crdt_rules_policy(const crdt_rules *rules, const crdt_path *path);
/* Acknowledgements are kept in the ormap of this name: crdt_ack. Errors: ENOMEM. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_rules_acks(crdt_rules *rules, crdt_view name);
/* From so many competing siblings on a conflict is reported as of `many`; 16 at first. */
CRDT_API void crdt_rules_many(crdt_rules *rules, size_t siblings);

/* -- Reading ----------------------------------------------------------------------------------- */

/* One part of what a policy says. */
typedef struct crdt_item {
    crdt_view           key;
    crdt_value          value;
    const crdt_sibling *from; /* NULL: made by a resolver */
} crdt_item;

/* Valid until the store changes; end with crdt_outcome_clear. */
typedef struct crdt_outcome {
    crdt_policy      policy;
    crdt_siblings    view; /* all siblings */
    const crdt_item *items;
    size_t           count;
    size_t           competing;    /* siblings that do; 0: no conflict */
    bool             many;         /* they are as many as crdt_rules_many says, or more */
    bool             needs_review; /* some of them no acknowledgement covers */
    crdt_digest      set;          /* of the path and the dots that compete, if any do */
    crdt_digest      id;           /* of the path, all siblings and all items */
    struct crdt_held {             /* private */
        const crdt_mem *mem;
        crdt_sibling   *siblings;
        crdt_item      *items;
        size_t          siblings_cap, items_cap;
        crdt_buf        made;
    } held;
} crdt_outcome;

/* O(n log n) of the siblings at the path; of a map O(its entries), too. rules NULL: keep all.
 * Errors: ENOENT, ETYPE (nothing competes in what is there; or the policy does not fit the type),
 * ENOMEM, what a resolver returns. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_resolve(const crdt_store *store, const crdt_rules *rules,
                                               const crdt_path *path, crdt_outcome *ret_outcome);
CRDT_API void                     crdt_outcome_clear(crdt_outcome *outcome);
/* The dots that compete, as the context that whoever reads this outcome reviews: for crdt_ack, at
 * once or later, from here or elsewhere (crdt_context_encode). ret_seen is empty, of the caller.
 * Errors: ENOMEM. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_outcome_seen(const crdt_outcome *outcome,
                                                    crdt_context       *ret_seen);

/* -- Acknowledgements -------------------------------------------------------------------------- */

/* Somebody has reviewed what competes at the path, as far as `reviewed` has its dots: a conflict
 * no longer needs review once one acknowledgement, of its path or of one that leads there, covers
 * all of its siblings. What is not in `reviewed` is not acknowledged, whenever this arrives: a
 * sibling that came meanwhile makes the conflict need review again. Two acknowledgements of parts
 * do not add up: nobody saw the parts side by side.
 *
 * They are replicated state, in the ormap of crdt_rules_acks: path -> orset of contexts. An ormap
 * and orsets because two that are made at the same time must both stay; one takes away just those
 * that it has seen and that cover no more than it does, and so none that is newer. The path is
 * freed by crdt_ack_sweep once nothing competes there.
 *
 * Only the siblings that still compete here are written down of `reviewed`: the others are gone
 * wherever this arrives. The transaction leaves the map it is in (crdt_ormap_enter).
 * *ret_clear (may be NULL): nothing at the path needs review now. Errors: EINVAL (the rules have no
 * place for acknowledgements), EGAP (`reviewed` has dots that this store has not seen), ESTALE
 * (nothing of what was reviewed competes any more), ENOENT, ETYPE (as crdt_resolve; also of the
 * ormap), ELIMIT (path or context too long), ENOMEM. Roll the transaction back after ENOMEM and
 * ELIMIT. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_ack(crdt_txn *txn, const crdt_rules *rules,
                                           const crdt_path *path, const crdt_context *reviewed,
                                           bool *ret_clear);
/* Take away the acknowledgements of which no sibling is left. O(acknowledgements). Errors: as
 * crdt_ack; roll back after any. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_ack_sweep(crdt_txn *txn, const crdt_rules *rules);

/* -- Surfacing --------------------------------------------------------------------------------- */

/* What one place (a node, a user's device) was told of: each set of siblings once. A sibling more
 * makes another set. Local: not replicated. */
typedef struct crdt_surfaced crdt_surfaced;

typedef struct crdt_surfacing {
    crdt_path   path; /* of a register; borrowed until the next call with the same crdt_surfaced */
    crdt_digest set;  /* crdt_outcome.set */
    size_t      siblings; /* that compete */
    bool        many;     /* crdt_rules_many */
} crdt_surfacing;

/* rules: borrowed; NULL: none. Errors: ENOMEM. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_surfaced_new(const crdt_rules *rules, const crdt_mem *mem,
                                                    crdt_surfaced **ret_surfaced);
CRDT_API void                     crdt_surfaced_free(crdt_surfaced *surfaced);
/* Look at a name, as when it has changed (crdt_store_next_change), or at all: conflicts that need
 * review and were not told of are listed for crdt_surfaced_next. Sets at paths where nothing
 * competes any more are forgotten: their dots never come back. Costs: one name: its siblings, and
 * O(what is remembered); all: O(store). Errors: ENOMEM (nothing changes). */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_surfaced_look(crdt_surfaced    *surfaced,
                                                     const crdt_store *store, crdt_view name);
CRDT_MUST_CHECK CRDT_API crdt_err crdt_surfaced_look_all(crdt_surfaced    *surfaced,
                                                         const crdt_store *store);
/* The next one to be told of; false: none. */
CRDT_API bool crdt_surfaced_next(crdt_surfaced *surfaced, crdt_surfacing *ret_surfacing);
/* What is remembered, as bytes, for after a restart: what is listed and not drained is not
 * remembered. decode: into one that is new. Errors: ENOMEM, EMALFORMED (nothing changes). */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_surfaced_encode(const crdt_surfaced *surfaced,
                                                       crdt_buf            *out);
CRDT_MUST_CHECK CRDT_API crdt_err crdt_surfaced_decode(crdt_surfaced *surfaced, crdt_view in,
                                                       const char **ret_reason);

/* -- Materialising ----------------------------------------------------------------------------- */

/* Write the outcome at a path down, for readers without the rules, into the ormap `into`: path ->
 * orset of records (id, items). The siblings stay as they are. The id follows from what competes
 * and what came of it, so replicas that do this at the same time write one record; if they had
 * seen different siblings, both records stand until somebody who has seen all does it again. Where
 * the record stands already, and where nothing competes and there is none, nothing is written: so
 * it ends. Records of earlier outcomes are taken away; if nothing competes any more, all are.
 * *ret_wrote (may be NULL): something changed. Errors: as crdt_resolve and crdt_ack, without EGAP
 * and ESTALE. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_materialise(crdt_txn *txn, const crdt_rules *rules,
                                                   const crdt_path *path, crdt_view into,
                                                   bool *ret_wrote);
/* The i-th record of a path, in order of the bytes of ids: items and id of an outcome, nothing
 * else. O(records * log records). Errors: ENOENT (past the end), EMALFORMED (something else was
 * written there), ENOMEM. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_materialised(const crdt_store *store, crdt_view into,
                                                    const crdt_path *path, size_t i,
                                                    crdt_outcome *ret_outcome);

#ifdef __cplusplus
}
#endif
#endif
