/* store/impl.h: the inside of a store, shared by the files of crdt/store/ and nobody else. */
#ifndef CRDT_STORE_IMPL_H
#define CRDT_STORE_IMPL_H
#include "crdt/core/hindex.h"
#include "crdt/core/mem.h"
#include "crdt/core/omap.h"
#include "crdt/core/reading.h"
#include "crdt/core/sibs.h"
#include "crdt/core/within.h"
#include "crdt/store.h"

/* What a store's bytes and joins mean. */
typedef enum crdt__store_kind {
    CRDT__STATE = 1, /* everything within its context */
    CRDT__DELTA = 2, /* whole entries: what `brought` names, and what those removed */
    CRDT__SINCE = 3  /* what a holder of `base` lacks */
} crdt__store_kind;

/* One object of one type under a name. Several types may live under one name; one of them shows.
 * Stores of many small objects are made of these: so what is not needed at once shares its place.
 * Behind the state stand the bytes of the name. */
typedef struct crdt__object {
    union {
        crdt__okey key; /* name and type id; first, for the map */
        struct {        /* the same, with what this file keeps in key.own */
            unsigned char key_proper[offsetof(crdt__okey, own)];
            bool          live : 1;                        /* holds content or presence: counted */
            bool          dirty : 1;                       /* on the store's dirty list */
            bool          listed : 1, remote : 1;          /* on the list of changes; by a join */
            bool          mutated : 1, wants_presence : 1; /* in a transaction's delta */
            bool          born : 1;                        /* made by the join being prepared */
            bool          meets : 1; /* in a delta: something stands beside the absent name */
            bool          told : 1;  /* on the list of changes, and its name was handed out */
        };
    };
    const crdt_type *type;
    crdt__sibs       presence; /* dot -> stamp, written when the name was seen absent */
    crdt_context    *keep;     /* SINCE: live dots whose content was left out; NULL: none */
    union {
        crdt_digest digest; /* if not dirty */
        struct {
            struct crdt__object *next_dirty, *prev_dirty;
        };
    };
    union {
        struct crdt__object *next_change; /* if listed */
        struct crdt__object *next_prune;  /* while a list of those to be freed is made */
        struct crdt__object *mine; /* in an open transaction's delta: the store's, if it is known */
    };
    _Alignas(max_align_t) unsigned char state[];
} crdt__object;

static inline size_t crdt__object_bytes(const crdt__object *o)
{
    return sizeof *o + o->type->size + o->key.bytes.size;
}

typedef struct crdt__retired {
    uint64_t replica, end; /* end: one past its last dot */
} crdt__retired;

/* The only object under a name, but for what stands beside: in the store, where it lives, and in
 * the transaction's delta. Both NULL: not known. */
typedef struct crdt__found {
    crdt__object *mine, *own;
    bool          beside; /* something stands beside it */
    bool          shows;  /* for certain: nothing was opened since */
} crdt__found;

struct crdt_txn {
    crdt_store         *store;
    crdt_store         *delta; /* NULL: no transaction is open */
    crdt_store         *spare; /* the empty delta of one that has ended, for the next; or NULL */
    crdt__found         found; /* by the last look */
    const crdt_context *at;
    uint64_t            now_ms, first, next; /* dots [first, next) are taken */
    uint64_t            stamp, changes;
    crdt_err            failed;    /* an operation was left half done: only rollback is allowed */
    crdt__within       *within;    /* where names lead; NULL: to named objects */
    uint64_t            opened[4]; /* a bit for each name in delta; several may have the same */
    bool                sealed;    /* the delta is whole: nothing was opened since */
    bool                in_place;  /* it may change unopened: see crdt__txn_in_place */
};

struct crdt_store {
    crdt_space        space;
    size_t            bytes; /* of this allocation, the solo object behind it included */
    crdt_limits       limits;
    const crdt_types *types;
    const crdt_type  *solo;
    uint64_t          replica;
    crdt__store_kind  kind;
    bool              track_changes, track_remote; /* all; those of joins alone */
    crdt_context      context;
    crdt_context      brought; /* DELTA: the dots of its whole entries */
    crdt_context      base;    /* SINCE */
    crdt_context      cut;     /* what has been collected; within context */
    crdt__retired *retired; /* ascending by replica; end 0: a place kept for a join that failed */
    size_t         retired_count;
    crdt__omap     objects;       /* named objects */
    crdt__hindex   index;         /* of them, once they are many */
    crdt__omap    *origins;       /* of objects of unknown types (opaque.c); NULL: none */
    size_t         origins_bytes; /* of the origins, but for the map */
    crdt__object  *only;          /* the solo object, behind the store; then objects is empty */
    uint8_t      *packed; /* what it was decoded from: its objects are still these bytes; or NULL */
    size_t        packed_size;
    size_t        names; /* names that exist */
    crdt_digest   sum;   /* of the digests of objects that are not dirty */
    crdt__object *dirty, *changes, *changes_last;
    crdt__object *reported; /* the change handed out last: pruned at the next call */
    crdt_clock    clock;
    crdt_txn      txn;
    struct crdt__saving *saving; /* its bytes are asked for in slices (saving.c); NULL: not */
};

/* Of presence dots: stamps by the clock, no values, the greatest shows. */
extern const crdt__shape crdt__presence;

/* -- objects (store.c) */
/* Give an object its set of kept dots, to be filled; then let go of it if it stayed empty. Errors:
 * ENOMEM. */
crdt_err crdt__object_keeps(crdt_store *store, crdt__object *object);
void     crdt__object_kept(crdt_store *store, crdt__object *object);
void     crdt__object_free(crdt_store *store, crdt__object *object);
/* The object with exactly this name and type id, or NULL. */
crdt__object *crdt__object_get(const crdt_store *store, crdt_view name, uint16_t id);
/* The objects under a name, in no order; ends with any change. */
typedef struct crdt__named {
    crdt__hfinder   finder; /* if it has a block */
    crdt__omap_iter at;
} crdt__named;
crdt__object *crdt__objects_named(const crdt_store *store, crdt_view name, crdt__named *ret_it);
crdt__object *crdt__objects_named_next(crdt__named *it); /* NULL at the end */
/* Into the map, or out of it. put: errors: ENOMEM. */
crdt_err crdt__objects_put(crdt_store *store, crdt__object *object);
void     crdt__objects_remove(crdt_store *store, crdt__object *object);
/* object takes the place of the one that has the same name and type id. */
void crdt__objects_replace(crdt_store *store, const crdt__object *old, crdt__object *object);
/* ... made and put into the store if there is none; add: there is none. Errors: ENOMEM. */
crdt_err crdt__object_make(crdt_store *store, crdt_view name, const crdt_type *type, uint16_t id,
                           crdt__object **ret_object);
crdt_err crdt__object_add(crdt_store *store, crdt_view name, const crdt_type *type, uint16_t id,
                          crdt__object **ret_object);
bool     crdt__object_is_empty(const crdt__object *object);
/* Memory that it takes, with all that it holds, right after it was decoded. */
size_t crdt__object_held(const crdt__object *object);
/* Free all named objects and let go of whatever lists them; the count of names stays. */
void crdt__objects_drop(crdt_store *store);
/* A transaction's delta becomes as it was made. */
void crdt__delta_reset(crdt_store *delta);
/* Take out and free an object that holds nothing and that no list needs. */
void crdt__object_prune(crdt_store *store, crdt__object *object);
/* Take off the dirty list: the caller sets its digest, or it goes. */
void crdt__object_clean(crdt_store *store, crdt__object *object);
/* After its content changed: live flag and count of names, dirty list, list of changes. */
void crdt__object_touched(crdt_store *store, crdt__object *object, bool remote);
/* Before it, of content that came as bytes or as a part. Errors: ENOMEM. */
crdt_err crdt__object_learn(const crdt_store *store, crdt__object *object);
crdt_err crdt__objects_learn(const crdt_store *store); /* of all */

/* Every object in order of (name, type id), the solo object or the named ones. */
typedef struct crdt__objects {
    crdt__omap_iter at;
    crdt__object   *only;
} crdt__objects;
crdt__objects crdt__objects_of(const crdt_store *store);
crdt__object *crdt__objects_next(crdt__objects *it);

crdt_ref crdt__object_ref(const crdt_store *store, const crdt__object *object);

/* A bare store that shares `like`'s types, limits and allocator. Errors: ENOMEM. */
crdt_err crdt__store_like(const crdt_store *like, crdt__store_kind kind, crdt_store **ret_store);
crdt_err crdt__retired_add(crdt_store *store, uint64_t replica, uint64_t end);
uint64_t crdt__retired_end(const crdt_store *store, uint64_t replica); /* UINT64_MAX: not retired */

/* -- digest.c */
/* Every object gets its digest, and the sum has all of them. */
void crdt__store_clean(crdt_store *store);

/* -- parts.c */
/* What the holder of ctx lacks of an object, and what it may keep, into `into`; nothing if there is
 * neither. Errors: ENOMEM. */
crdt_err crdt__object_since(const crdt__object *from, const crdt_context *ctx, crdt_store *into);
/* Context, cut and retired replicas. Errors: ENOMEM. */
crdt_err crdt__store_copy_rest(const crdt_store *store, crdt_store *into);

/* -- code.c */
/* Whoever looks at objects calls ready first: where they were left as bytes (crdt_store_decode), it
 * makes them. Errors: ENOMEM. */
crdt_err               crdt__objects_make(const crdt_store *store);
static inline crdt_err crdt__objects_ready(const crdt_store *store)
{
    return store->packed == NULL ? CRDT_OK : crdt__objects_make(store);
}

/* The bytes of a state of objects of known types alone: what precedes the objects; one of them.
 * What goes wrong is told by enc->out->failed. */
void crdt__encode_head(const crdt_store *store, crdt_enc *enc, uint64_t objects);
void crdt__encode_object(const crdt__object *object, crdt_enc *enc);

/* -- saving.c */
typedef struct crdt__saving crdt__saving;
/* object NULL: one with this key comes into being. */
void crdt__saving_keep(crdt_store *store, const crdt__okey *key, const crdt__object *object);
/* The object's content is about to change, or may be. */
static inline void crdt__object_before(crdt_store *store, const crdt__object *object)
{
    if (store->saving != NULL) crdt__saving_keep(store, &object->key, object);
}

/* -- join.c */
/* Join at value level. */
crdt_err crdt__store_join(crdt_store *store, const crdt_store *other);
/* The same of the delta of the store's own transaction. takes: nobody will look at it any more. */
crdt_err crdt__store_join_own(crdt_store *store, const crdt_store *delta, uint64_t now_ms,
                              bool takes);

/* Make ready to forget the residues that the store's cut, joined with this one, will cover: room
 * for it, and what their types need. Errors: ENOMEM, nothing that shows has changed. */
crdt_err crdt__store_ready(crdt_store *store, const crdt_context *cut);
/* They will not be forgotten. */
void crdt__store_unready(crdt_store *store);
/* Forget them: the store's cut is what was made ready for. Cannot fail. */
void crdt__store_collect(crdt_store *store, bool remote);

/* -- opaque.c: objects of types that this library does not know, kept verbatim. What came with one
 * message has one origin: the message's ids and context */
typedef struct crdt__origin crdt__origin;
/* With a reference, to be dropped. Errors: ENOMEM. */
crdt_err crdt__origin_make(crdt_store *store, const uint64_t *ids, size_t count,
                           const crdt_context *seen, crdt__origin **ret_origin);
void     crdt__origin_drop(crdt_store *store, crdt__origin *origin); /* NULL is fine */
size_t   crdt__origins_bytes(const crdt_store *store); /* memory in use by all of them */

/* keep: the bytes of its context of kept dots, or nothing. */
crdt_err crdt__opaque_add(const crdt_space *space, void *state, crdt__origin *origin,
                          crdt_view keep, crdt_view body);

/* The origin whose objects can be told of in a delta just as they came: that has the delta's very
 * context and all of ids, which get the rest of its ids. NULL: none, or several. Errors: ENOMEM. */
crdt_err  crdt__opaque_own(const crdt_store *store, crdt_replicas *ids, crdt__origin **ret_own);
bool      crdt__opaque_is_native(const crdt__object *object, const crdt__origin *own);
crdt_view crdt__opaque_body(const crdt__object *object); /* of one that is native */
/* Number the origins that all others need; tell of these; and forget their numbers. */
size_t crdt__origins_number(const crdt_store *store, const crdt__origin *own);
void   crdt__origins_put(const crdt_store *store, crdt_buf *out);
void   crdt__origins_forget(const crdt_store *store);

/* The table of origins in bytes that are read. */
typedef struct crdt__heard crdt__heard;
typedef struct crdt__cited {
    const uint8_t *bytes; /* in the input */
    uint32_t       size;
    bool           used;
    crdt__origin  *origin; /* once an object holds it */
    crdt__heard   *heard;  /* once a type replays what came with it */
} crdt__cited;
typedef struct crdt__citations {
    crdt__cited *at;
    size_t       count;
    size_t       held;       /* memory in use, but for the origins */
    bool         check_only; /* objects of unknown types hold nothing of what is read */
} crdt__citations;

crdt_err crdt__citations_read(crdt_store *store, crdt_dec *dec, crdt__citations *cited);
bool     crdt__citations_used(const crdt__citations *cited); /* all of them */
/* From now on fragments of unknown types are checked, and not kept. */
void crdt__citations_check_only(crdt_store *store, crdt__citations *cited);
void crdt__citations_end(crdt_store *store, crdt__citations *cited);
/* Read the fragments of an object; of a type that is known now, rebuild the state from them: in
 * n log n for n fragments and the dots that they tell of, however long the origins' contexts. */
crdt_err crdt__opaque_read(const crdt_space *space, void *state, crdt_dec *dec,
                           const crdt__citations *cited);
crdt_err crdt__opaque_replay(const crdt_space *space, const crdt_type *type, void *state,
                             crdt_dec *dec, crdt__citations *cited); /* replay.c */

#endif
