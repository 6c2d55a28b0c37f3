/* store.h: named objects that share one stream of dots per replica and one causal context.
 *
 * Shape    name -> object of a type; context {r1: 1..7, r2: 1..3}
 * Write    begin, operations, commit: one delta over many objects, atomic on every replica.
 * Merge    join (ordered, whole entries) or merge (value level, any order). A delta is itself a
 *          small store: the same bytes are the operation (apply it), the delta-state (join it)
 *          and, from an empty base, the state.
 * Source   Almeida, Shoker, Baquero, "Delta state replicated data types", JPDC 111, 2018.
 * Threads  none inside; one store, one thread at a time.
 */
#ifndef CRDT_STORE_H
#define CRDT_STORE_H
#include "crdt/clock.h"
#include "crdt/type.h"
#ifdef __cplusplus
extern "C" {
#endif

/* A delta is a store that holds only a change. Freed with crdt_store_free. */
typedef struct crdt_store crdt_delta;

typedef struct crdt_options {
    size_t            struct_size; /* sizeof(crdt_options) */
    uint64_t          replica;     /* 64 random bits, not 0; 0: a store that only joins and reads */
    const crdt_types *types;       /* borrowed while the store lives; NULL: only `solo` */
    const crdt_type  *solo;        /* a stand-alone object of this type; its name is CRDT_SOLO */
    const crdt_mem   *mem;         /* borrowed while the store lives; NULL: malloc(3) */
    crdt_limits       limits;
    uint64_t          clock_bound_ms; /* how far ahead a stamp may be and still move the clock */
    bool              track_changes;  /* keep the list for crdt_store_next_change */
    /* Lists and texts forget the ids of what is stable and deleted, and what is inserted names only
     * what shows; the same for all stores that exchange data. The order of what is inserted at one
     * place at the same time may differ from that without it where something deleted stood. Cuts
     * must then be real ones: see crdt_store_stabilise. Off by default. */
    bool forget_ids;
} crdt_options;

/* The name of the one object of a stand-alone store. */
#define CRDT_SOLO crdt_view_of(NULL, 0)

/* The defaults for a store of `types` written by `replica`. */
CRDT_API crdt_options crdt_options_default(uint64_t replica, const crdt_types *types);

/* Errors: ENOMEM, EINVAL (neither types nor solo, or limits out of bounds). */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_store_new(const crdt_options *options,
                                                 crdt_store        **ret_store);
/* A stand-alone object: a store of one unnamed object of `type`. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_store_new_solo(const crdt_type *type, uint64_t replica,
                                                      const crdt_mem *mem, crdt_store **ret_store);
/* An open transaction is rolled back; NULL is fine. */
CRDT_API void crdt_store_free(crdt_store *store);
/* An independent copy, written by `replica`; a join into an empty store. Errors: ENOMEM, EBUSY. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_store_clone(const crdt_store *store, uint64_t replica,
                                                   crdt_store **ret_store);

/* -- Writing ----------------------------------------------------------------------------------- */

/* Open the store's one transaction at time now_ms (since 1970). Errors: EBUSY, EINVAL (no replica
 * id, a delta, a time past 2^47 ms), ERETIRED (this store's replica), ENOMEM. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_store_begin(crdt_store *store, uint64_t now_ms,
                                                   crdt_txn **ret_txn);
/* From now on removals of this transaction cover only what ctx has (a read context; borrowed until
 * the end of the transaction; NULL: everything seen). Types that remember removals tell what a
 * context older than the stable cut had seen only as far as they still remember it. */
CRDT_API void crdt_txn_at(crdt_txn *txn, const crdt_context *ctx);
/* Make the name exist as an empty object. Errors: ETYPE, ENOMEM, ELIMIT. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_txn_create(crdt_txn *txn, crdt_view name,
                                                  const crdt_type *type);
/* Remove the name: every observed type under it is reset. Errors: ENOENT, ENOMEM, ETYPE (what shows
 * is of a type that this store does not know), ERIGHTS (there is one that is kept:
 * crdt_type.kept). */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_txn_remove(crdt_txn *txn, crdt_view name);
/* Take one dot that stands for no content: an entry of a log that carries no change of any object.
 * Errors: ENOMEM, ELIMIT. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_txn_mark(crdt_txn *txn);
/* Run an operation from a type's table. argc must fit op->args. Errors: EINVAL, and the
 * operation's. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_txn_apply(crdt_txn *txn, crdt_view name, const crdt_op *op,
                                                 const crdt_value *args, size_t argc);
/* The object as this transaction sees it; type NULL: whatever shows. Errors: ENOENT, ETYPE, ENOMEM
 * (see crdt_store_find). */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_txn_find(const crdt_txn *txn, crdt_view name,
                                                const crdt_type *type, crdt_ref *ret_ref);
/* crdt_store_beside as this transaction sees it. What it took away itself: OK, and reads as
 * nothing. Errors: ENOENT, EINVAL. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_txn_beside(const crdt_txn *txn, crdt_view name,
                                                  const crdt_type *type, crdt_ref *ret_ref);
/* crdt_store_object as this transaction sees it: whether it shows or not. Errors: ENOENT, ENOMEM
 * (see crdt_store_find). */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_txn_object(const crdt_txn *txn, crdt_view name,
                                                  const crdt_type *type, crdt_ref *ret_ref);
/* Counts up with whatever changes something, and not with an operation that is refused before it
 * has changed anything. */
CRDT_API uint64_t crdt_txn_changes(const crdt_txn *txn);
/* Names in key order as this transaction sees them, from the first one at or after name. Allocates
 * nothing; ends with any change. Cost of a step: O(log n), and what the transaction has removed. */
typedef struct crdt_txn_iter {
    const crdt_txn *txn;
    crdt_view       at;
    bool            behind; /* at is done */
} crdt_txn_iter;
CRDT_API crdt_txn_iter crdt_txn_iterate_from(const crdt_txn *txn, crdt_view name);
CRDT_API bool          crdt_txn_next(crdt_txn_iter *it, crdt_view *ret_name, crdt_ref *ret_ref);
/* End the transaction. *ret_delta is the caller's (empty if nothing was mutated); ret_delta may be
 * NULL. On error (ENOMEM) the transaction stays open. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_store_commit(crdt_store *store, crdt_delta **ret_delta);
/* Append the bytes of the delta that commit would give now, while nothing is changed yet, for who
 * needs no more of it; *ret_last is the last of its dots, with seq 0 (and nothing is appended) if
 * nothing was mutated. Errors: EINVAL (nothing is open), ENOMEM: the transaction stays open. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_store_encode_delta(crdt_store *store, crdt_buf *out,
                                                          crdt_dot *ret_last);
CRDT_API void crdt_store_rollback(crdt_store *store); /* free; nothing open is fine */
/* begin, one operation, commit. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_store_apply(crdt_store *store, uint64_t now_ms,
                                                   crdt_view name, const crdt_op *op,
                                                   const crdt_value *args, size_t argc,
                                                   crdt_delta **ret_delta);

/* -- Joining ----------------------------------------------------------------------------------- */

/* Deliver a delta, or take in a whole state, in causal order: its author's previous delta and the
 * dots it removes must be held, so that the context always means entries delivered whole. now_ms
 * bounds observed stamps. What is already held changes nothing. Errors (store unchanged): EGAP,
 * EFORK, ERETIRED, EBUSY, ENOMEM, EINVAL (limits, solo type or forget_ids differ). */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_store_join(crdt_store *store, const crdt_store *other,
                                                  uint64_t now_ms);
/* The same, and other is freed: what it holds may move instead of being copied, as a whole text
 * into an empty store. On an error it is still the caller's. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_store_take(crdt_store *store, crdt_delta *other,
                                                  uint64_t now_ms);
/* Join at value level, in any order. The result converges once every delta has come, but its
 * context may have holes: never use it to ask for what is missing, and do not write to it. Also
 * joins deltas into a delta group. Errors: EGAP (a delta since a context that is not held), EFORK,
 * EBUSY, ENOMEM, EINVAL (as join; into a delta since a context). */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_store_merge(crdt_store *store, const crdt_store *other);
/* What a holder of ctx lacks: content of live dots outside ctx, the live dots inside it, all
 * residues, and the whole context. Only joinable where ctx is held (else EGAP). Errors: ENOMEM,
 * EINVAL (a delta), EBUSY. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_store_since(const crdt_store *store, const crdt_context *ctx,
                                                   crdt_delta **ret_delta);
/* Parts of a delta or state whose merge is the whole: one object each, and last what no object
 * holds. *ret_part is NULL past the end. Errors: ENOMEM, EINVAL (a delta since a context),
 * EBUSY. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_store_part(const crdt_store *store, size_t i,
                                                  crdt_delta **ret_part);

/* -- Reading ----------------------------------------------------------------------------------- */

/* These names will be looked up next: what that will touch is loaded meanwhile. A hint, for who
 * knows several at once, and changes nothing. */
CRDT_API void crdt_store_expect(const crdt_store *store, const crdt_view *names, size_t count);
/* The same of elements of the set, or keys (bytes) of the map, that is under name. */
CRDT_API void crdt_store_expect_in(const crdt_store *store, crdt_view name, const crdt_value *elems,
                                   size_t count);
/* The object that shows under name. type NULL: any. Errors: ENOENT, ETYPE (another type shows);
 * ENOMEM: what decoding left for the first read is made ready (see crdt_store_decode). A list or
 * text that is reached otherwise makes itself ready, and reads as empty while memory for that is
 * refused. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_store_find(const crdt_store *store, crdt_view name,
                                                  const crdt_type *type, crdt_ref *ret_ref);
/* What stands beside the object that shows under name: of a type that never shows
 * (crdt_type.beside), as crdt_expiry_type. Cost: one lookup. Errors: ENOENT (nothing), EINVAL (not
 * such a type), ENOMEM (see crdt_store_find). */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_store_beside(const crdt_store *store, crdt_view name,
                                                    const crdt_type *type, crdt_ref *ret_ref);
/* The object of that type under name, whether it shows or not, or is not alive: what it remembers
 * of a removal. Cost: one lookup. Errors: ENOENT, ENOMEM (see crdt_store_find). */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_store_object(const crdt_store *store, crdt_view name,
                                                    const crdt_type *type, crdt_ref *ret_ref);
/* The object of a stand-alone store or of a delta of one. A map that decoding left as bytes is made
 * ready, and reads as empty while memory for that is refused. */
CRDT_API crdt_ref crdt_store_solo(const crdt_store *store);
/* Names in key order, with the type that shows. Allocates nothing (but see crdt_store_decode); ends
 * with any change of the store. */
typedef struct crdt_store_iter {
    const crdt_store *store;
    void             *at[2];
    size_t            index;
    crdt_err          err; /* ENOMEM: there was no memory to begin (see crdt_store_decode) */
} crdt_store_iter;
CRDT_API crdt_store_iter crdt_store_iterate(const crdt_store *store);
CRDT_API crdt_store_iter crdt_store_iterate_from(const crdt_store *store, crdt_view name);
/* From some name, chosen by the random bits, about evenly; goes on in key order to the last. */
CRDT_API crdt_store_iter crdt_store_iterate_some(const crdt_store *store, uint64_t random);
CRDT_API bool   crdt_store_next(crdt_store_iter *it, crdt_view *ret_name, crdt_ref *ret_ref);
CRDT_API size_t crdt_store_count(const crdt_store *store); /* names that exist; O(1) */
/* The i-th type that lives under name, the one that shows first; NULL past the end. */
CRDT_API const crdt_type *crdt_store_type_at(const crdt_store *store, crdt_view name, size_t i);
/* True for a delta that changes nothing (of a transaction without mutations). */
CRDT_API bool crdt_store_is_empty(const crdt_store *store);

/* What this store has seen: also the read context for observed removes. Borrowed until the next
 * change. */
CRDT_API const crdt_context *crdt_store_context(const crdt_store *store);
CRDT_API uint64_t            crdt_store_replica(const crdt_store *store);
/* The i-th type that the store knows; NULL past the end. */
CRDT_API const crdt_type *crdt_store_knows(const crdt_store *store, size_t i);
/* Something is in it that is of a type which it does not know, and kept as it came: an object, or
 * an entry of a map. */
CRDT_API bool crdt_store_has_unknown(const crdt_store *store);
/* From now on the store is written by `replica`, that has never written before: a new incarnation
 * (rule R16). Errors: EBUSY, EINVAL (a delta, replica 0), EEXIST (its dots are in the context). */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_store_renew(crdt_store *store, uint64_t replica);
/* The dots that a delta of whole entries brings, without those that it removes. Empty for a state
 * or a delta since a context. Borrowed while the delta lives. */
CRDT_API const crdt_context *crdt_delta_brought(const crdt_delta *delta);
CRDT_API crdt_clock         *crdt_store_clock(crdt_store *store);
/* The store that this transaction writes to. */
CRDT_API const crdt_store *crdt_txn_store(const crdt_txn *txn);
/* The last stamp that an operation of this transaction asked the clock for; 0: none did. Names that
 * appear are stamped, and do not count; keys of maps that appear do. */
CRDT_API uint64_t crdt_txn_stamp(const crdt_txn *txn);

/* One name that a commit or join changed. */
typedef struct crdt_change {
    crdt_view        name; /* borrowed until the next call */
    const crdt_type *type; /* that shows now; NULL: the name is gone */
    bool             remote;
} crdt_change;
/* Drain the list of changed names, oldest first; each at most once. Only with track_changes. */
/* From here on the changes that joins bring are listed, and if `local` those of transactions, too.
 * For who started without, to read everything first, or keeps up with its own writes by itself. */
CRDT_API void crdt_store_track_changes(crdt_store *store, bool local);
CRDT_API bool crdt_store_next_change(crdt_store *store, crdt_change *ret_change);

/* Of all objects and the store itself. */
CRDT_API crdt_stats crdt_store_stats(const crdt_store *store);
CRDT_API crdt_stats crdt_ref_stats(const crdt_ref *ref);
CRDT_API void       crdt_ref_print(const crdt_ref *ref, crdt_buf *out);
/* The i-th competing content of an object; false past the end, and for types that have none. */
CRDT_API bool crdt_ref_conflict(const crdt_ref *ref, size_t i, crdt_conflict *ret_conflict);
/* Every object as "name: value" lines in key order. */
CRDT_API void crdt_store_print(const crdt_store *store, crdt_buf *out);
/* Full audit. False: *ret_reason says what is wrong. */
CRDT_API bool crdt_store_check(const crdt_store *store, const char **ret_reason);
/* How two stores stand to each other. CONCURRENT also when compared states were never joined.
 * Errors: ENOMEM, EFORK, EBUSY. Cost: two copies and joins. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_store_compare(const crdt_store *a, const crdt_store *b,
                                                     crdt_order *ret_order);

/* Digest of the whole: objects, context, cut and members. Equal iff the states are. Cost: what
 * changed since the last call. types not NULL: only objects of these types (what both peers
 * know), and in maps only what is of these; then each map is walked through. */
CRDT_API crdt_digest crdt_store_digest(crdt_store *store, const crdt_types *types);
CRDT_API crdt_digest crdt_ref_digest(const crdt_ref *ref);

/* -- Stability and retirement ------------------------------------------------------------------ */

/* Forget the residues that the cut covers. The caller vouches for rule R2: every member holds the
 * cut and whatever was concurrent to it, and each applies the same cut. Errors: ENOMEM, EGAP (cut
 * not held), EBUSY, EINVAL (a delta). */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_store_stabilise(crdt_store *store, const crdt_context *cut);
/* Retire a replica at the end seen here: later dots of it are refused with ERETIRED. Kept for ever.
 * Errors: ENOMEM, EBUSY, EINVAL (a delta, replica 0). */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_store_retire(crdt_store *store, uint64_t replica);

/* -- Bytes ------------------------------------------------------------------------------------- */

/* Canonical bytes of a state or delta: equal states, equal bytes. Errors: ENOMEM, EBUSY. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_store_encode(const crdt_store *store, crdt_buf *out);
/* The same bytes of a store as it is now, in slices, while it is written to and joined: begin
 * appends what precedes its objects, each slice up to so many objects, or a few more than so many
 * bytes, until *ret_done; end gives up what is left, and ends it in any case. What is appended in
 * all is what encode would have appended at begin. An object that changes before its turn is
 * encoded at once and kept until then. Errors (out unchanged): ENOMEM (begin again, or of slice:
 * end it), EBUSY (a transaction is open; of begin: another one is under way), EINVAL (not a state
 * of named objects; none was begun), ETYPE (there are objects of types that this store does not
 * know: encode at once). */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_store_save_begin(crdt_store *store, crdt_buf *out);
CRDT_MUST_CHECK CRDT_API crdt_err crdt_store_save_slice(crdt_store *store, size_t objects,
                                                        size_t bytes, crdt_buf *out,
                                                        bool *ret_done);
CRDT_API void                     crdt_store_save_end(crdt_store *store);
/* A new store (or delta) from bytes; everything that is not exactly what encode writes is refused.
 * ret_reason (may be NULL) gets a static text. Time is linear; memory at most 8 bytes per byte of
 * input and 64 KiB; but sequences that have forgotten ids take up to 11 bytes per byte (forged
 * ones 20), and forged ones whose content is nearly all forgotten up to 11. Where very many small
 * objects, or a sequence, would take more, they are checked and stay bytes until somebody looks:
 * the first call that reads, writes, encodes or joins makes them, and may answer ENOMEM. Calls that
 * cannot: crdt_store_type_at gives NULL, next_change and check false (the changes stay listed),
 * stats and digest zeros; of print and iterators see buf.failed and it.err. Errors: EMALFORMED
 * (also bytes of another choice of forget_ids), ELIMIT, EVERSION, ENOMEM, ETYPE (a stand-alone
 * store and bytes of another type). */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_store_decode(const crdt_options *options, crdt_view in,
                                                    crdt_store **ret_store,
                                                    const char **ret_reason);
/* The body of one object in such bytes, as its type wrote it; borrowed from them. For calls that
 * look at part of a large object (crdt_text_peek): nothing but the way to it is checked. Errors:
 * those of decode; ENOENT (no such object, or as a store wrote it that did not know its type). */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_store_peek(const crdt_options *options, crdt_view in,
                                                  crdt_view name, const crdt_type *type,
                                                  crdt_view *ret_body, const char **ret_reason);
/* Decode with `like`'s options: for deltas that are to be joined into it. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_delta_decode(const crdt_store *like, crdt_view in,
                                                    crdt_delta **ret_delta,
                                                    const char **ret_reason);

/* -- Repair (rule R10) -------------------------------------------------------------------------
 *
 * For whatever replicates stores: two whose contexts are equal and whose digests are not find the
 * objects that differ, and one takes the other's. None of it for stand-alone stores and deltas. */

/* One object of one type under a name. */
typedef struct crdt_object {
    crdt_view   name; /* borrowed until the next change */
    uint16_t    type;
    crdt_digest digest; /* as kept up */
} crdt_object;
/* The first object at or after (name, type), hidden ones too, of a type that the store knows;
 * false: there is none. Cost: O(log n), and what changed since digests were last asked for. */
CRDT_API bool crdt_store_object_from(crdt_store *store, crdt_view name, uint16_t type,
                                     crdt_object *ret_object);
/* Its bytes: those of a state that holds nothing else; the same with nothing in it if there is no
 * such object. Errors: ENOMEM, EBUSY, EINVAL, ETYPE (not a type that the store knows). */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_store_object_encode(const crdt_store *store, crdt_view name,
                                                           uint16_t type, crdt_buf *out);
/* The digest of the object in such bytes, from its content alone; 0 if there is none. The bytes
 * must be of a store with this one's context. Errors: ENOMEM, EINVAL, EGAP (another context), those
 * of crdt_delta_decode. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_store_object_digest(const crdt_store *store, crdt_view name,
                                                           uint16_t type, crdt_view in,
                                                           crdt_digest *ret_digest);
/* The object in such bytes takes the place of this store's; the context stays. It is a remote
 * change. Errors (store unchanged): EBUSY, ETYPE (something in it is of a type that is not known
 * here), and as object_digest. */
CRDT_MUST_CHECK CRDT_API crdt_err crdt_store_object_replace(crdt_store *store, crdt_view name,
                                                            uint16_t type, crdt_view in);
/* Sum up the kept digests of all objects anew. True: the sum was wrong. Cost: O(objects). */
CRDT_API bool crdt_store_redigest(crdt_store *store);

#ifdef __cplusplus
}
#endif
#endif
