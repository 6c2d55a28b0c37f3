/* laws.h: the law kit: proves of a type of replicated data, built in or your own, that it is one.
 *
 * The kit knows a type by its vtable and operation table alone. It plays random histories on three
 * replicas (operations, transactions, rollbacks, read contexts, deliveries in causal order, state
 * joins, restarts) and holds every law of crdt/laws.def against what comes out; then, for
 * histories of a few operations, all of them and all orders of delivery. What fails is shrunk to
 * a history that a person can read.
 *
 *      crdt_laws_options options = crdt_laws_options_default(&my_type);
 *      crdt_laws_report  report;
 *      if (!crdt_laws_run(&options, &report)) puts(report.text);
 *
 * Library  libcrdt_laws; it allocates by malloc(3) and reads the environment only in
 *          options_default.
 */
#ifndef CRDT_LAWS_H
#define CRDT_LAWS_H
#include "crdt/store.h"
#ifdef __cplusplus
extern "C" {
#endif

typedef enum crdt_law {
    CRDT_LAW_NONE,
#define CRDT_LAW(id, name, text) CRDT_LAW_##id,
#include "crdt/laws.def"
#undef CRDT_LAW
    CRDT_LAWS_COUNT
} crdt_law;

/* "least-upper-bound", and the law in one line. Static; "none" for CRDT_LAW_NONE. */
CRDT_API const char *crdt_law_name(crdt_law law);
CRDT_API const char *crdt_law_text(crdt_law law);

/* One operation of a history, and what it had seen. Sets of events are bitmaps by index. */
typedef struct crdt_laws_event {
    const crdt_op    *op;   /* NULL: the object was reset */
    const crdt_value *args; /* as many as op->args has letters */
    uint64_t          replica;
    uint64_t          stamp;  /* what the store's clock gave the operation; 0: it asked for none */
    uint64_t          seen;   /* the events that happened before this one */
    uint64_t          covers; /* those of them that a removal may touch: all, or a read context's */
} crdt_laws_event;

#define CRDT_LAWS_EVENTS_MAX 64

/* The naive oracle of a type: writes into out what crdt_ref_print gives for a state that holds
 * the events in `present`, which is closed under happens-before. Events of one replica stand in
 * their order. It must look at nothing but the events: no merge, no state. */
typedef void (*crdt_laws_oracle)(const crdt_laws_event *events, size_t count, uint64_t present,
                                 crdt_buf *out);

typedef enum crdt_laws_flag {
    CRDT_LAWS_KEEPS_RESIDUES = 1, /* some removals are remembered for ever: no law RESIDUES */
    CRDT_LAWS_ORDERED = 2,        /* values are compared by the type: no element symmetry */
    CRDT_LAWS_HIDES_FORKS = 4,    /* the content of a dot is always the same: no law FORK */
    /* What is stable and removed no longer beats later writes, as with timestamps of clients:
     * reads with collection may differ from those without, only not between replicas. */
    CRDT_LAWS_FORGETS = 8,
    CRDT_LAWS_AS_FOUND = 16 /* report a failure as it was found: shrinking takes a while */
} crdt_laws_flag;

typedef struct crdt_laws_options {
    size_t           struct_size; /* sizeof(crdt_laws_options) */
    const crdt_type *type;
    crdt_laws_oracle oracle;  /* NULL: what reads show is compared between replicas only */
    unsigned         flags;   /* of crdt_laws_flag */
    uint64_t         seed;    /* fixes every random choice */
    uint64_t         triples; /* of crdt_laws_run */
    unsigned         scope;   /* of crdt_laws_exhaust: operations in a history, 1 to 8 */
    /* Gets progress now and then, a line without its end; NULL: silent. */
    void (*print)(void *user, const char *line);
    void *user;
} crdt_laws_options;

typedef struct crdt_laws_report {
    crdt_law broken; /* CRDT_LAW_NONE: all hold */
    uint64_t seed;   /* options.seed for just the round that broke it */
    uint64_t rounds, steps, triples;
    uint64_t checks[CRDT_LAWS_COUNT]; /* how often each law was put to the test */
    uint64_t histories;               /* of crdt_laws_exhaust: histories ... */
    uint64_t states;     /* ... causally closed sets of their events, each a state ... */
    uint64_t orders;     /* ... and orders in which the last of them can all be delivered */
    char     text[6000]; /* the broken law, why, and the smallest history found that breaks it */
} crdt_laws_report;

/* Everything on; seed, triples and scope from the environment (SEED, CRDT_TRIPLES, CRDT_SCOPE; with
 * CRDT_SOAK=1 other defaults: 10^6 triples, scope 6) or 1, 20,000 and 5. */
CRDT_API crdt_laws_options crdt_laws_options_default(const crdt_type *type);

/* Random histories. True if every law held. False with report->broken CRDT_LAW_NONE: the options
 * are wrong or the kit itself had no memory; text says which. */
CRDT_MUST_CHECK CRDT_API bool crdt_laws_run(const crdt_laws_options *options,
                                            crdt_laws_report        *ret_report);

/* All histories of up to options->scope operations on three replicas: each operation with
 * arguments of a minimal domain, at a replica that has seen some causally closed set of the
 * earlier ones. For each history every state that some order of delivery can reach: whatever
 * event came last the bytes are the same and read as the oracle says. Histories that differ only
 * in the names of replicas or elements are played once. */
CRDT_MUST_CHECK CRDT_API bool crdt_laws_exhaust(const crdt_laws_options *options,
                                                crdt_laws_report        *ret_report);

#ifdef __cplusplus
}
#endif
#endif
