/* type.h: what a type of replicated data is: a state, its join, and its operations as data.
 *
 * Built-in and users' types use this same table. A state is a struct of `size` bytes inside its
 * store; a delta holds a state of the same type. Content is held by dot (Almeida et al. 2018): a
 * dot that a side has seen (its context) and does not hold has been removed there, so removal needs
 * no tombstones.
 *
 * The one write path: an operation reads crdt_target.now (the committed state under the
 * transaction's own changes) and changes only crdt_target.delta; commit joins the delta into the
 * state. So rollback is free, and a delta joined is the mutation by construction. Sequences alone
 * are changed in place and undone by a journal (see the end of crdt_type).
 */
#ifndef CRDT_TYPE_H
#define CRDT_TYPE_H
#include "crdt/base.h"
#include "crdt/buf.h"
#include "crdt/context.h"
#include "crdt/digest.h"
#include "crdt/limits.h"
#include "crdt/mem.h"
#ifdef __cplusplus
extern "C" {
#endif

typedef struct crdt_type  crdt_type;
typedef struct crdt_txn   crdt_txn;
typedef struct crdt_store crdt_store;

/* What an object may use of its store. */
typedef struct crdt_space {
    const crdt_mem          *mem;
    const crdt_limits       *limits;
    const crdt_context      *seen;       /* the store's context */
    const crdt_context      *cut;        /* the store's stable cut; NULL: none */
    const struct crdt_types *types;      /* that the store knows; NULL: the stand-alone one alone */
    bool                     forget_ids; /* crdt_options.forget_ids */
} crdt_space;

/* The dots that a side has seen: those of seen (NULL: none) that are not in keep (NULL: none). keep
 * is used by deltas since a context: dots that the sender still holds and whose content it left
 * out. */
typedef struct crdt_cover {
    const crdt_context *seen, *keep;
} crdt_cover;

CRDT_API bool crdt_cover_has(const crdt_cover *cover, crdt_dot dot);

/* Walks one replica's covered dots upwards, 64 at a time. */
typedef struct crdt_cover_walk {
    const crdt_run *seen, *seen_end, *keep, *keep_end;
} crdt_cover_walk;

CRDT_API crdt_cover_walk crdt_cover_from(const crdt_cover *cover, uint64_t replica);
/* Bit i tells whether dot first + i is covered. Calls with ascending first. */
CRDT_API uint64_t crdt_cover_word(crdt_cover_walk *walk, uint64_t first);

/* A join in progress: the receiving state takes in another of its type. A dot held here lives on
 * unless theirs covers it and they do not hold it. A dot held there is born here unless mine covers
 * it. A dot held by both must have the same content, else EFORK. */
typedef struct crdt_join {
    const crdt_space *space; /* the receiver's */
    crdt_cover        mine, theirs;
    uint64_t          stamp_max; /* out, commit: the greatest stamp taken in */
    /* For types that hold others: the other is a delta, so what it does not list it does not touch;
     * both are, so what is listed stays, though nothing is left in it; the other is the receiver's
     * own transaction. */
    bool listed, lists, local;
    /* The other is given away, and has the same allocator: a commit may take memory out of it. */
    bool takes;
} crdt_join;

/* A read-only view of one object, passed by value. Borrowed until the next change of its store.
 * What is visible is: state (may be NULL: nothing) without the dots in gone (may be NULL), and
 * pending (may be NULL). pending and gone are an open transaction's changes; outside of one both
 * are NULL. Whoever looks at gone->runs calls crdt_context_settle first. */
typedef struct crdt_ref {
    const crdt_type    *type;
    const crdt_space   *space;
    const void         *state, *pending;
    const crdt_context *gone;
} crdt_ref;

/* One object being mutated in a transaction. */
typedef struct crdt_target {
    crdt_txn           *txn;
    const crdt_space   *space;
    crdt_ref            now;    /* what the transaction sees */
    void               *delta;  /* the state that this transaction's delta holds of the object */
    void               *state;  /* of a type changed in place: the committed state; else NULL */
    void               *object; /* the store's own */
    struct crdt_inside *inside; /* the way to it, if it lies inside of that object; else NULL */
} crdt_target;

/* Bytes and dots of an object or of a whole store. */
typedef struct crdt_stats {
    uint64_t payload;   /* bytes of values and elements as the user gave them */
    uint64_t metadata;  /* bytes in use beyond payload: dots, indices, slack */
    uint64_t dots;      /* live dots */
    uint64_t residues;  /* removals remembered until causal stability */
    uint64_t elements;  /* visible elements, siblings or cells */
    uint64_t stamp_max; /* the greatest stamp held */
} crdt_stats;

/* One of several contents that compete in an object. */
typedef struct crdt_conflict {
    crdt_dot   dot;
    uint64_t   stamp; /* 0 if the type has none */
    crdt_value value; /* borrowed */
    bool       wins;  /* the one that reads show */
} crdt_conflict;

/* An operation as data. args: one letter an argument: v value, b bytes, d decimal number (as
 * bytes), r revision ids (as bytes: "N-hash N-hash"), c cursor (as bytes: crdt_cursor_print), i
 * int64, n amount (1..2^63-1, an INT), p position (an INT from 0), t stamp (an INT,
 * 0..CRDT_STAMP_MAX). apply is all or nothing on the transaction. */
typedef struct crdt_op {
    const char *name, *args, *help;
    crdt_err (*apply)(crdt_txn *txn, crdt_view name, const crdt_value *args);
} crdt_op;

#define CRDT_OP_ARGS_MAX 4

/* The list of types that a store knows. */
typedef struct crdt_types {
    const crdt_type *const *list;
    size_t                  count;
} crdt_types;

struct crdt_type {
    uint16_t    id;     /* on the wire; never reused. Users' own: 0x8000 and up */
    uint16_t    format; /* newest byte format written */
    const char *name, *summary, *source;
    size_t      size; /* of a state; aligned as max_align_t */
    /* Stands beside what shows under its name (crdt_store_beside), and never shows: operations are
     * allowed whatever shows, and write no presence. alive is false always. The write that makes an
     * absent name exist resets it. */
    bool beside;
    /* Holds objects of other types: of those changed in place, the state's own are changed; all
     * else goes by the delta. keep, undo and seal are there for the former; seal leaves in ret_part
     * what a transaction wrote otherwise. */
    bool holds;
    /* Content stays until an operation of its own removes it: reset is refused (ERIGHTS) while the
     * object is alive, and so is removing its name. Maps do not hold such types. */
    bool kept;
    /* What a map's removal hides of it is not forgotten with the removal: both stay until the key
     * is written again. For types whose operations refer to content by its dots or ids (deletions
     * in lists, floors of counters, parents of revisions) or whose residues stay for ever. */
    bool           stays;
    size_t         ops_count;
    const crdt_op *ops;

    /* init makes the bottom state, cannot fail and allocates nothing; clear frees what it holds and
     * leaves bottom. */
    void (*init)(const crdt_space *space, void *state);
    void (*clear)(const crdt_space *space, void *state);

    /* A join in two calls. prepare may allocate and fail (ENOMEM, EFORK) and changes nothing that
     * can be seen; commit, right after, cannot fail and tells whether content changed. other is
     * unchanged. */
    crdt_err (*prepare)(crdt_join *join, void *state, const void *other);
    bool (*commit)(crdt_join *join, void *state, const void *other);

    /* Into ret_part (bottom): the content whose dots are not in ctx, and all residues; into keep:
     * the live dots that are in ctx. Errors: ENOMEM (the caller clears ret_part). */
    crdt_err (*since)(const crdt_space *space, const void *state, const crdt_context *ctx,
                      void *ret_part, crdt_context *keep);

    /* Content shows, so the name exists. Fast outside of transactions. */
    bool (*alive)(const crdt_ref *ref);
    bool (*empty)(const void *state); /* bottom: no content and no residue, so not even encoded */

    /* The mutator that removes all content the transaction sees (reset-remove). */
    crdt_err (*reset)(crdt_target *target);

    /* Canonical bytes: equal states, equal bytes. mark adds each replica id that encode will name.
     * decode reads into a bottom state and accepts exactly what encode writes; what it returns
     * passes check. */
    void (*mark)(const void *state, crdt_replicas *ids);
    void (*encode)(const void *state, crdt_enc *enc);
    crdt_err (*decode)(const crdt_space *space, void *state, crdt_dec *dec);
    /* Adds the state's atoms in dot order (replica id, sequence), every byte that encode would tell
     * of. */
    void (*digest)(const void *state, crdt_blocks *blocks);

    /* The value as one line of text, the same on every replica. */
    void (*print)(const crdt_ref *ref, crdt_buf *out);
    /* Full audit of the invariants; seen is the context of the state's store. */
    bool (*check)(const crdt_space *space, const void *state, const crdt_context *seen,
                  const char **ret_reason);
    void (*stats)(const void *state, crdt_stats *stats); /* adds to *stats; stamp_max by maximum */

    /* Optional from here; NULL means: nothing to do. */
    /* Make ready what stabilise with this cut takes, at its next call; NULL: it will not be called.
     * Errors: ENOMEM. */
    crdt_err (*ready)(const crdt_space *space, void *state, const crdt_context *cut);
    /* Forget residues that the stable cut covers; true if something went. Deterministic; cannot
     * fail. */
    bool (*stabilise)(const crdt_space *space, void *state, const crdt_context *cut);
    /* Do what decoding left for the first read. Errors: ENOMEM. */
    crdt_err (*open)(const crdt_space *space, void *state);
    /* After decode, since and seal: find out what alive needs, where that takes memory; without it
     * alive is true when memory is refused. Errors: ENOMEM. */
    crdt_err (*learn)(const crdt_space *space, void *state);
    /* The i-th competing content, in dot order; false past the end. None or one is no conflict. */
    bool (*conflict)(const crdt_ref *ref, size_t i, crdt_conflict *ret_conflict);

    /* All dots of the state are in seen. Asked after decode, instead of the full check, of types
     * whose decode builds nothing that could fail an audit. */
    bool (*within)(const void *state, const crdt_context *seen);

    /* Types changed in place (sequences: reading a position through a transaction's overlay would
     * cost what the tree saves). All three or none. Operations change target.state, a join's
     * prepare the state itself; then `keep` says that it stays, or `undo` takes back everything
     * since the last keep. Neither can fail. commit keeps. seal ends what a transaction left
     * pending and puts what was written from the dot `first` on into ret_part, the bottom state of
     * a delta (NULL: nobody asks); errors: ENOMEM. */
    void (*keep)(const crdt_space *space, void *state);
    void (*undo)(const crdt_space *space, void *state);
    crdt_err (*seal)(const crdt_space *space, void *state, crdt_dot first, void *ret_part);

    /* Move all of other, of the same allocator, into a bottom state; other is bottom afterwards.
     * Returns the greatest stamp moved. NULL: crdt_store_take joins it. */
    uint64_t (*move)(const crdt_space *space, void *state, void *other);

    /* Memory in use beyond the state itself, fast, right after decode. NULL: what stats tells. */
    size_t (*bytes)(const void *state);

    /* Types that hold others: the digest of what is of the listed types alone. NULL: as digest. */
    void (*digest_of)(const void *state, const crdt_types *types, crdt_blocks *blocks);

    /* It will be read or written soon (crdt_store_expect): start loading what it points at. NULL:
     * nothing. */
    void (*expect)(const void *state);
    /* These of its elements, or keys, will be (crdt_store_expect_in). NULL: nothing. */
    void (*expect_in)(const void *state, const crdt_value *elems, size_t count);
};

CRDT_API const crdt_type *crdt_types_by_id(const crdt_types *types, uint16_t id);
CRDT_API const crdt_type *crdt_types_by_name(const crdt_types *types, const char *name);

/* The operation of that name, or NULL. */
CRDT_API const crdt_op *crdt_type_op(const crdt_type *type, const char *name);

/* -- For operations (mutators) ----------------------------------------------------------------- */

/* The object `name` of `type` as the transaction sees it, ready to be mutated. Changes nothing yet.
 * Errors: ENOMEM, ELIMIT (name, soft count of objects), ETYPE (the name shows another type). */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_target_open(crdt_txn *txn, crdt_view name,
                                                   const crdt_type *type, crdt_target *ret_target);
/* Room for one mutation: `dots` fresh dots and `covers` covered ones; then target_dot and
 * target_cover cannot fail that often. Call once an operation, after every other step that can
 * fail. Errors: ENOMEM, ELIMIT. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_target_reserve(crdt_target *target, size_t dots,
                                                      size_t covers);
/* The next dot of the store's replica. It is in the delta's context from now on. */
CRDT_API crdt_dot crdt_target_dot(crdt_target *target);
/* ... and so many more, right behind one that was taken. */
CRDT_API void crdt_target_dots(crdt_target *target, uint64_t count);
/* The delta removes dot, which now shows: it enters the delta's context. */
CRDT_API void crdt_target_cover(crdt_target *target, crdt_dot dot);
/* What follows leaves only a residue: it does not make an absent name exist. Before reserve. */
CRDT_API void crdt_target_hide(crdt_target *target);
/* True if a removal by this transaction may cover dot (crdt_txn_at sets a read context). */
CRDT_API bool crdt_target_sees(const crdt_target *target, crdt_dot dot);
/* True if it may cover every dot: the transaction has no read context. */
CRDT_API bool crdt_target_sees_all(const crdt_target *target);
/* A fresh stamp greater than `over`. */
CRDT_API uint64_t crdt_target_stamp(crdt_target *target, uint64_t over);
/* EINVAL for a kind that is none, ELIMIT above limits.value_bytes. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_target_value_ok(const crdt_target *target, crdt_value value);
/* The store's replica id: the author of this transaction. */
CRDT_API uint64_t crdt_target_replica(const crdt_target *target);

#ifdef __cplusplus
}
#endif
#endif
