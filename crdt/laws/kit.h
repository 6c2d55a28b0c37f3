/* laws/kit.h: the inside of the law kit, shared by the files of crdt/laws/ and nobody else. */
#ifndef CRDT_LAWS_KIT_H
#define CRDT_LAWS_KIT_H
#include "crdt/laws.h"

#define KIT_REPLICAS 3
#define KIT_ENTRIES 64
#define KIT_STEPS 64
#define KIT_SLOTS 4
#define KIT_POOL 40
#define KIT_NOW UINT64_C(1700000000000) /* a moment in 2023 */

/* -- mem.c: an allocator that counts, refuses on request, knows its blocks and can drop them
 * all. */
typedef struct kit_mem {
    crdt_mem          mem;
    struct kit_block *live;
    size_t            bytes, blocks, bytes_max; /* bytes_max: the budget */
    uint64_t          calls, fail_at; /* fail_at: the number of the call to refuse, or 0 */
    bool              refused;        /* by fail_at or the budget, since last armed */
    bool              misused;        /* a block came back with another size */
} kit_mem;

void crdt__laws_mem_init(kit_mem *m);
void crdt__laws_mem_fail(kit_mem *m, uint64_t nth); /* refuse the nth call from now; 0: none */
void crdt__laws_mem_drop(kit_mem *m);               /* free whatever is left */

/* -- steps.c: random numbers, arguments, histories as lists of steps. */
typedef enum kit_kind {
    KIT_OP,      /* one operation; chain: in the transaction of the step before */
    KIT_DELIVER, /* replica joins an entry that it can deliver */
    KIT_AGAIN,   /* ... one that it holds */
    KIT_GAP,     /* a replica joins one whose author's entry before it lacks */
    KIT_SYNC,    /* replica joins the whole state of peer */
    KIT_SINCE,   /* ... what it lacks of it */
    KIT_RESTART, /* replica's store is encoded and decoded */
    KIT_SAVE,    /* keep replica's context in a slot */
    KIT_ACK,     /* an empty entry of replica */
    KIT_CUT      /* an entry of replica that tells to forget what is stable */
} kit_kind;

typedef struct kit_step {
    uint8_t  kind, replica, peer, slot;        /* slot: of a read context, from 1; 0: none */
    uint8_t  name, op, args[CRDT_OP_ARGS_MAX]; /* op: ops_count is the reset */
    bool     chain, rollback;
    uint32_t pick;
} kit_step;

typedef struct kit_history {
    kit_step steps[KIT_STEPS];
    size_t   count;
    unsigned names;    /* 0: a stand-alone object */
    bool     collects; /* a cheap one, about collection: only that is tested */
} kit_history;

uint64_t crdt__laws_rand(uint64_t *state);
uint64_t crdt__laws_below(uint64_t *state, uint64_t n);
/* Does the operation take a position? Then what its values are matters less than where they go. */
bool crdt__laws_is_placed(const crdt_op *op);
/* The operation's arg-th argument: the index-th of its domain. */
crdt_value crdt__laws_arg(const crdt_op *op, size_t arg, unsigned index);
/* The seed fixes the history; with the bit KIT_COLLECTS in it, one about collection. */
#define KIT_COLLECTS (UINT64_C(1) << 63)
void crdt__laws_generate(const crdt_type *type, uint64_t seed, kit_history *ret_history);
/* "add(\"a\", 3)" */
void crdt__laws_print_op(const crdt_op *op, const crdt_value *args, crdt_buf *out);
/* A smaller neighbour of the step, or false: the i-th simplification does not apply. */
bool crdt__laws_simplify(kit_step *step, unsigned i);

/* -- The kit at work */
typedef struct kit {
    const crdt_laws_options *o;
    crdt_laws_report        *report;
    const crdt_type         *type;
    const crdt_type         *list[1];
    crdt_types               types;
    kit_mem                  mem;
    uint64_t                 rand;
    uint64_t                 triples_wanted; /* of this round */
    bool                     thorough;       /* while shrinking: leave little to chance */
    crdt_law                 broken;
    char                     why[1000];
    crdt_buf                 a, b, c, d; /* scratch, on malloc(3) */
    crdt_buf                *trace;      /* NULL: the history is not told */
} kit;

/* The law is broken: keep why, and return false. */
__attribute__((format(printf, 3, 4))) bool crdt__laws_fail(kit *k, crdt_law law, const char *format,
                                                           ...);
/* Test a law; leave the function with false if it is broken. What a broken round leaves behind is
 * dropped with its allocator. */
#define HOLDS(k, law, cond, ...)                                      \
    do {                                                              \
        (k)->report->checks[law]++;                                   \
        if (!(cond)) return crdt__laws_fail((k), (law), __VA_ARGS__); \
    } while (0)
/* A call that must succeed, as part of a law. */
#define WORKS(k, law, call)                                                               \
    do {                                                                                  \
        crdt_err err_ = (call);                                                           \
        if (err_ != CRDT_OK) {                                                            \
            return crdt__laws_fail((k), (law), "%s gave %s", #call, crdt_err_name(err_)); \
        }                                                                                 \
    } while (0)

/* -- run.c */
crdt_options crdt__laws_store_options(kit *k, unsigned names, uint64_t replica);
/* A store of the kit's type: stand-alone, or of `names` names. */
crdt_err crdt__laws_store(kit *k, unsigned names, uint64_t replica, crdt_store **ret_store);
uint64_t crdt__laws_replica_id(unsigned replica);
bool     crdt__laws_kit_init(kit *k, const crdt_laws_options *o, crdt_laws_report *report);
void     crdt__laws_kit_clear(kit *k);
/* Nothing is left over and nothing was freed wrongly. */
bool crdt__laws_no_leak(kit *k);
void crdt__laws_say(const kit *k, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The bytes, the text, and comparisons of stores. */
bool crdt__laws_bytes(kit *k, const crdt_store *store, crdt_buf *out);
void crdt__laws_text(const crdt_store *store, unsigned names, crdt_buf *out);
bool crdt__laws_same(kit *k, crdt_law law, const crdt_store *a, const crdt_store *b,
                     const char *what);
bool crdt__laws_is(kit *k, crdt_law law, const crdt_store *a, crdt_view bytes, const char *what);
bool crdt__laws_sound(kit *k, const crdt_store *store, const char *what);

/* -- world.c: three replicas that play a history. */
typedef struct kit_entry {
    crdt_delta  *delta;  /* NULL: an acknowledgement or a cut */
    uint64_t     past;   /* entries that its author held, itself included */
    uint64_t     events; /* that it brings */
    unsigned     author;
    crdt_context ctx; /* what its author had seen then, itself included */
    bool         is_cut;
    crdt_context cut;
} kit_entry;

typedef struct kit_item {
    crdt_store *store;
    crdt_buf    bytes;
    crdt_digest digest;
    uint64_t    entries; /* that it holds */
    bool        closed;  /* a state that a replica was in */
} kit_item;

typedef struct kit_pool {
    kit_item items[KIT_POOL];
    size_t   count;
} kit_pool;

typedef struct kit_slot {
    crdt_context ctx;
    uint64_t     events;
    bool         set;
} kit_slot;

typedef struct kit_world {
    kit            *k;
    unsigned        names;
    bool            collect; /* act on cuts */
    bool            careful; /* test the laws of each step */
    kit_pool       *pool;    /* NULL: gather nothing */
    crdt_store     *store[KIT_REPLICAS];
    uint64_t        have[KIT_REPLICAS]; /* entries held */
    uint64_t        seen[KIT_REPLICAS]; /* events held */
    kit_entry       entries[KIT_ENTRIES];
    unsigned        entry_count;
    crdt_laws_event events[CRDT_LAWS_EVENTS_MAX];
    crdt_value      event_args[CRDT_LAWS_EVENTS_MAX][CRDT_OP_ARGS_MAX];
    unsigned        event_count;
    kit_slot        slots[KIT_SLOTS];
    crdt_txn       *txn; /* open, of txn_replica */
    unsigned        txn_replica, txn_first_event;
    uint64_t        txn_stamp;
    crdt_store     *txn_before;
    uint64_t        txn_now;
    unsigned        told; /* lines of the trace */
} kit_world;

bool crdt__laws_world_init(kit_world *w, kit *k, unsigned names);
void crdt__laws_world_clear(kit_world *w);
/* Play step i of the history. */
bool crdt__laws_world_step(kit_world *w, const kit_history *h, size_t i);
/* Deliver every entry everywhere. */
bool crdt__laws_world_settle(kit_world *w);
/* Deliver entry e at replica r, which has its past. */
bool crdt__laws_world_deliver(kit_world *w, unsigned r, unsigned e);
bool crdt__laws_world_ack(kit_world *w, unsigned r, bool cut);
/* A random order of the entries that keeps causes before effects; returns how many. */
unsigned crdt__laws_world_order(const kit_world *w, uint64_t *rand, unsigned *ret_order);
/* Does the store read as the oracle says of these events? */
bool crdt__laws_world_reads(kit_world *w, const crdt_store *store, uint64_t events,
                            const char *what);
void crdt__laws_pool_add(kit_pool *pool, kit *k, crdt_store *store, uint64_t entries, bool closed);
void crdt__laws_pool_clear(kit_pool *pool);

/* -- The laws, each over a settled world and its pool */
bool crdt__laws_triples(kit *k, const kit_world *w, kit_pool *pool); /* join.c */
bool crdt__laws_paths(kit *k, kit_world *w, kit_pool *pool);         /* paths.c */
bool crdt__laws_parts(kit *k, const kit_item *item);
bool crdt__laws_fork(kit *k); /* edges.c */
bool crdt__laws_limits(kit *k);
bool crdt__laws_item_bytes(kit *k, const kit_world *w, const kit_item *item); /* bytes.c */
bool crdt__laws_hostile(kit *k, const kit_world *w, const kit_item *item);
bool crdt__laws_allocation(kit *k, const kit_world *w, const kit_history *h); /* fail.c */
bool crdt__laws_stable(kit *k, const kit_history *h);                         /* stable.c */

#endif
