/* map/map.h: the inside of maps (crdt/ormap.h), shared by the files of crdt/map/ and crdt/ormap.c.
 *
 * Shape    (key, type id) -> entry: marks and a state of that type, which may be a map.
 * Marks    dot -> stamp, or removed with a stamp. A mark is written when an entry begins to show:
 *          an empty container lives by it, and the greatest decides which type shows (rule R12).
 *          Where removals win, or the latest write, a removal leaves a mark too, a residue.
 * Tree     leaves of up to 64 slots in order of key and type, and an array of the leaves. A slot
 *          has the key's first bytes and the entry's digest beside its pointer, so a join of two
 *          maps passes over equal entries, sub-trees too, without a look at them. First are those
 *          behind what all keys of a large map begin with ("user:"), so a search stays in slots.
 * Ranks    a sorted set (crdt/zset.h) is a map whose entries are scores, without marks, and stand
 *          in a second order besides.
 * Strange  an entry of a type that nobody here knows holds fragments (core/reading.h), and shows by
 *          its marks alone. It counts in the digests of slots, and not in what stores compare; so
 *          does a map that has such an entry in it.
 */
#ifndef CRDT_MAP_MAP_H
#define CRDT_MAP_MAP_H
#include <stdalign.h>

#include "crdt/core/reading.h"
#include "crdt/core/sibs.h"
#include "crdt/core/within.h"
#include "crdt/type.h"

#define CRDT__MAP_DEPTH_MAX 64u /* keys in a path, whatever the limits say */

typedef enum crdt__policy { CRDT__UPDATE_WINS, CRDT__REMOVE_WINS, CRDT__LATEST_WINS } crdt__policy;

#define CRDT__LEAF_MAX 64u /* slots: a bit each of a word */

typedef struct crdt__leaf  crdt__leaf;
typedef struct crdt__entry crdt__entry;

struct crdt__entry {
    const crdt_type *type;
    crdt__leaf      *leaf;
    crdt__entry     *next_touched;
    crdt__sibs       marks;
    uint32_t         key_size;
    uint16_t         id;           /* of its type, also if that is unknown */
    bool             live : 1;     /* shows, were it alone under its key */
    bool             competes : 1; /* it is live, and contents compete in it */
    bool             dirty : 1;    /* its slot's digest is out of date */
    bool             touched : 1;  /* on the map's list */
    bool             strange : 1;  /* it is of an unknown type, or something in it is */
    bool             born : 1;     /* made by the join being prepared, or for an open transaction */
    bool             mutated : 1;  /* in a transaction's delta: stays there */
    alignas(max_align_t) unsigned char state[]; /* and behind it the key */
};

static inline crdt_view crdt__entry_key(const crdt__entry *e)
{
    return crdt_view_of(e->state + e->type->size, e->key_size);
}
static inline size_t crdt__entry_bytes(const crdt__entry *e)
{
    return sizeof *e + e->type->size + e->key_size;
}

/* Its slots, a column for each part: of a search, the heads come from memory, of a join, the tags.
 */
struct crdt__leaf {
    uint32_t count, cap;
    bool     dirty; /* an entry here is */
    uint64_t columns[];
};

#define CRDT__LEAF_WORDS 4u /* of a slot in all columns */

/* 8 bytes of the key, behind what the map skips. */
static inline uint64_t *crdt__leaf_heads(const crdt__leaf *leaf)
{
    return (uint64_t *)(uintptr_t)leaf->columns;
}
/* Of the entry, if it is not dirty. */
static inline crdt_digest *crdt__leaf_tags(const crdt__leaf *leaf)
{
    return (crdt_digest *)(uintptr_t)(leaf->columns + leaf->cap);
}
static inline crdt__entry **crdt__leaf_entries(const crdt__leaf *leaf)
{
    return (crdt__entry **)(uintptr_t)(leaf->columns + (size_t)leaf->cap * 3);
}

/* A leaf, beside what its first key begins with, so that a search reads one array. */
typedef struct crdt__branch {
    uint64_t    head;
    crdt__leaf *leaf;
} crdt__branch;

typedef struct crdt__place {
    uint32_t leaf, slot;
} crdt__place;

/* Two entries to be joined. */
typedef struct crdt__meeting {
    crdt__entry       *mine;
    const crdt__entry *theirs; /* NULL: they lack it */
} crdt__meeting;

/* A state. */
typedef struct crdt__map {
    const crdt_type   *type; /* its own */
    const crdt_space  *space;
    crdt__branch      *leaves;
    uint32_t           count, cap;       /* of leaves */
    size_t             entries, keys;    /* keys: under which something shows */
    size_t             lives, competing; /* entries that are live; that compete */
    size_t             strangers;        /* entries that are strange */
    crdt_digest        sum;              /* of the digests of entries that are not dirty */
    bool               dirty;            /* a leaf is */
    bool               gaps;             /* there may be entries that hold nothing */
    uint8_t            skip;             /* bytes that all keys begin with: not in heads */
    uint8_t            tried;            /* looked for at 2^tried leaves */
    crdt__place        recent;           /* a cache, set by reads, too: where a search ended */
    struct crdt__rank *ranks;            /* of a sorted set: the root; else NULL */
    crdt__entry       *touched; /* whose states were changed in place since the last keep */
    crdt__meeting     *plan;    /* of the join that was prepared */
    size_t             planned, plan_cap;
    void              *bottom; /* for what the other lacks */
    size_t             bottom_size;
} crdt__map;

/* A key is a name and an element. */
static inline size_t crdt__map_key_max(const crdt_limits *limits)
{
    return limits->name_bytes < limits->value_bytes ? limits->name_bytes : limits->value_bytes;
}

crdt__policy crdt__map_policy(const crdt_type *type);
/* What all its entries are of; NULL: of any type. (ormap.c) */
const crdt_type *crdt__map_only(const crdt_type *type);
/* True for the types whose state is a crdt__map. */
bool crdt__is_map(const crdt_type *type);
/* What an entry of this id is of: one of the built-in types and those of the store, or unknown (the
 * opaque type). NULL: a type that no map holds, for it stands beside others, or is kept, while the
 * removal of an entry takes all of it. (ormap.c) */
const crdt_type *crdt__map_type(const crdt_space *space, uint16_t id);

/* -- Entries and their tree (map_tree.c) ------------------------------------------------------- */

/* The first entry not before (key, id). */
crdt__place crdt__map_seek(const crdt__map *map, crdt_view key, uint32_t id);
/* See crdt_type.expect_in: keys that are bytes. */
void crdt__map_expect_in(const void *state, const crdt_value *keys, size_t count);
/* The entry there, or NULL at the end; a place behind a leaf's last goes to the next leaf. */
crdt__entry *crdt__map_at(const crdt__map *map, crdt__place *place);
/* The entry there if its key is this one, else NULL; mostly without a look at another. */
crdt__entry               *crdt__map_alike(const crdt__map *map, crdt__place *place, crdt_view key);
static inline crdt__entry *crdt__map_next(const crdt__map *map, crdt__place *place)
{
    crdt__entry *e = crdt__map_at(map, place);
    place->slot += e != NULL;
    return e;
}
crdt__entry *crdt__map_find(const crdt__map *map, crdt_view key, uint16_t id);
/* ... made if there is none: empty. Errors: ENOMEM. */
crdt_err crdt__map_make(const crdt_space *space, crdt__map *map, crdt_view key,
                        const crdt_type *type, uint16_t id, crdt__entry **ret_entry);
/* Let go of all entries but this one; what was counted of them stays. */
void crdt__map_thin(const crdt_space *space, crdt__map *map, crdt__entry *entry);
void crdt__map_drop(const crdt_space *space, crdt__map *map, crdt__entry *entry);
/* Some entry, chosen by the random bits, about evenly; NULL: there is none. */
const crdt__entry *crdt__map_some(const crdt__map *map, uint64_t random);
/* For checks: all heads are those of the keys. */
bool crdt__map_heads_ok(const crdt__map *map);
int  crdt__entry_compare(const crdt__entry *a, const crdt__entry *b);
bool crdt__entry_is_empty(const crdt__entry *e);
/* After its content changed: what shows under its key, digest. */
void crdt__map_touch(const crdt_space *space, crdt__map *map, crdt__entry *e);
/* The same of content that came as bytes, or as a part. Errors: ENOMEM. */
crdt_err crdt__map_know(const crdt_space *space, crdt__map *map, crdt__entry *e);
/* Contents or types compete somewhere in it; O(1). In an entry. */
bool crdt__map_competes(const crdt__map *map);
bool crdt__entry_competes(const crdt_space *space, const crdt__entry *e);
/* Its state is about to be changed in place. */
void crdt__map_edit(crdt__map *map, crdt__entry *e);
/* Every slot gets its digest. */
void crdt__map_clean(crdt__map *map);
void crdt__map_init(const crdt_space *space, const crdt_type *type, void *state);
void crdt__map_clear(const crdt_space *space, void *state);
/* See crdt_type.move. */
uint64_t crdt__map_move(const crdt_space *space, void *state, void *other);
size_t   crdt__map_memory(const crdt__map *map); /* but for what the entries hold */
/* The same without the entries, in a tree that grew at its end. O(1). */
size_t crdt__map_spine(const crdt__map *map);

/* -- The order of sorted sets (map_ranks.c) ---------------------------------------------------- */

static inline bool crdt__map_is_ranked(const crdt__map *map)
{
    return crdt__map_only(map->type) != NULL;
}
/* After its content changed; before it goes. */
void crdt__ranks_touch(crdt__map *map, crdt__entry *e);
void crdt__ranks_drop(crdt__map *map, crdt__entry *e);
/* All entries but this one are gone. */
void crdt__ranks_forget(crdt__map *map, crdt__entry *kept);
/* The i-th; the one behind e; NULL past the end. */
const crdt__entry *crdt__ranks_at(const crdt__map *map, size_t i);
const crdt__entry *crdt__ranks_next(const crdt__entry *e);
size_t             crdt__ranks_of(const crdt__entry *e);
double             crdt__ranks_score(const crdt__entry *e);
/* How many come before a score or, score being NULL, a member; with: and are equal to it. */
size_t crdt__ranks_before(const crdt__map *map, const double *score, crdt_view member, bool with);
bool   crdt__ranks_check(const crdt__map *map, const char **ret_reason);

/* -- What shows (map.c) ------------------------------------------------------------------------ */

extern const crdt__shape         crdt__map_marks;  /* where updates win */
extern const crdt__shape         crdt__map_tombed; /* where a removal leaves a mark */
static inline const crdt__shape *crdt__map_shape(const crdt__map *map)
{
    return crdt__map_policy(map->type) == CRDT__UPDATE_WINS ? &crdt__map_marks : &crdt__map_tombed;
}

/* A map as a transaction sees it, or without one. */
typedef struct crdt__sight {
    const crdt_space   *space;
    const crdt__map    *state, *own; /* own: of the transaction's delta; each may be NULL */
    const crdt_context *gone;
    crdt__policy        policy;
} crdt__sight;
crdt__sight crdt__map_sight(const crdt_ref *ref);

/* One key and type: what of it is there. */
typedef struct crdt__both {
    const crdt_type *type; /* NULL: the end */
    crdt__entry     *mine, *own;
    uint16_t         id;
} crdt__both;
/* Walks both trees in order. */
typedef struct crdt__walk_maps {
    crdt__place a, b;
} crdt__walk_maps;
crdt__walk_maps crdt__sight_seek(const crdt__sight *sight, crdt_view key, uint32_t id);
crdt__both      crdt__sight_next(const crdt__sight *sight, crdt__walk_maps *walk);
crdt__both      crdt__sight_find(const crdt__sight *sight, crdt_view key, uint16_t id);
crdt_view       crdt__both_key(const crdt__both *both);

/* How an entry stands. */
typedef struct crdt__standing {
    bool      shows;
    bool      marked, removed; /* there is a mark of a write; of a removal */
    crdt__sib since;           /* the greatest of the former */
    uint64_t  stamp_max;       /* of all */
    size_t    marks;
} crdt__standing;
crdt_ref       crdt__both_ref(const crdt__sight *sight, const crdt__both *both);
crdt__standing crdt__both_look(const crdt__sight *sight, const crdt__both *both);
/* What shows under a key, false: nothing. */
bool crdt__sight_shows(const crdt__sight *sight, crdt_view key, crdt__both *ret_both);

/* Something that shows in it is of an unknown type, so nobody here can take it away. */
bool crdt__sight_bars(const crdt__sight *sight);
bool crdt__both_bars(const crdt__sight *sight, const crdt__both *both);

bool crdt__map_alive(const crdt_ref *ref);
bool crdt__map_empty(const void *state);
void crdt__map_print(const crdt_ref *ref, crdt_buf *out);
void crdt__map_stats(const void *state, crdt_stats *stats);

/* -- Joins (map_join.c) ------------------------------------------------------------------------ */
crdt_err crdt__map_prepare(crdt_join *join, void *state, const void *other);
bool     crdt__map_commit(crdt_join *join, void *state, const void *other);
crdt_err crdt__map_since(const crdt_space *space, const void *state, const crdt_context *ctx,
                         void *ret_part, crdt_context *keep);
crdt_err crdt__map_ready(const crdt_space *space, void *state, const crdt_context *cut);
bool     crdt__map_stabilise(const crdt_space *space, void *state, const crdt_context *cut);
void     crdt__map_keep(const crdt_space *space, void *state);
void     crdt__map_undo(const crdt_space *space, void *state);
crdt_err crdt__map_seal(const crdt_space *space, void *state, crdt_dot first, void *ret_part);

/* -- Bytes (map_code.c) ------------------------------------------------------------------------ */
void     crdt__map_mark(const void *state, crdt_replicas *ids);
void     crdt__map_encode(const void *state, crdt_enc *enc);
crdt_err crdt__map_decode(const crdt_space *space, void *state, crdt_dec *dec);
void     crdt__map_digest(const void *state, crdt_blocks *blocks);
bool     crdt__map_check(const crdt_space *space, const void *state, const crdt_context *seen,
                         const char **ret_reason);
bool     crdt__map_within(const void *state, const crdt_context *seen);
size_t   crdt__map_bytes(const void *state);
void     crdt__map_digest_of(const void *state, const crdt_types *types, crdt_blocks *blocks);
/* The digest of one entry's content under its key, strange or not. */
crdt_digest crdt__entry_digest(const crdt__map *map, const crdt__entry *e);

/* -- Writing (map_write.c) --------------------------------------------------------------------- */
typedef struct crdt__map_path {
    crdt_view        name; /* of the outermost map */
    const crdt_type *type; /* its type */
    const crdt_view *keys;
    size_t           depth;
} crdt__map_path;

crdt_err crdt__map_enter(crdt_txn *txn, const crdt__map_path *path);
void     crdt__map_leave(crdt_txn *txn);
bool     crdt__map_added(const crdt__within *within);
/* An empty object of this type under the last key. */
crdt_err crdt__map_create(crdt_txn *txn, const crdt__map_path *path, const crdt_type *type);
/* What shows under the last key goes. Errors: ENOENT. */
crdt_err crdt__map_remove(crdt_txn *txn, const crdt__map_path *path);
crdt_err crdt__map_reset(crdt_target *target);
/* Of a map whose entries are of one type: act on what is under the key, made where it must be; the
 * key goes. Within whatever the transaction is. */
typedef crdt_err crdt__map_act(crdt_target *target, void *with);
crdt_err crdt__map_act_at(crdt_txn *txn, crdt_view name, const crdt_type *map, crdt_view key,
                          crdt__map_act *act, void *with);
crdt_err crdt__map_remove_at(crdt_txn *txn, crdt_view name, const crdt_type *map, crdt_view key);

/* The slots that are the same for all types of maps. */
#define CRDT__MAP_VTABLE                                                                    \
    .size = sizeof(crdt__map), .holds = true, .clear = crdt__map_clear,                     \
    .prepare = crdt__map_prepare, .commit = crdt__map_commit, .since = crdt__map_since,     \
    .alive = crdt__map_alive, .empty = crdt__map_empty, .reset = crdt__map_reset,           \
    .mark = crdt__map_mark, .encode = crdt__map_encode, .decode = crdt__map_decode,         \
    .digest = crdt__map_digest, .check = crdt__map_check, .stats = crdt__map_stats,         \
    .ready = crdt__map_ready, .stabilise = crdt__map_stabilise, .within = crdt__map_within, \
    .keep = crdt__map_keep, .undo = crdt__map_undo, .seal = crdt__map_seal,                 \
    .bytes = crdt__map_bytes, .move = crdt__map_move, .digest_of = crdt__map_digest_of,     \
    .expect_in = crdt__map_expect_in

#endif
