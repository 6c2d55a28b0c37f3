/* cluster.h: a few engines in one program, wired to each other: virtual time, every message through
 * the wire codec, faults by a seed.
 *
 *      cluster *c = cluster_new(3, NULL);
 *      cluster_add(c, 0, "s", "x");            // a write at node 0
 *      cluster_run(c, 2 * SECOND);
 *      CHECK(cluster_equal(c));
 *      cluster_free(c);
 *
 * Its checks fail the running test.
 */
#ifndef TESTS_GOSSIP_LIB_CLUSTER_H
#define TESTS_GOSSIP_LIB_CLUSTER_H
#include "gossip/engine.h"
#include "tests/lib/stores.h"
#include "tests/lib/t.h"
#include "tests/lib/testmem.h"

#define MS UINT64_C(1000)
#define SECOND UINT64_C(1000000)

typedef struct cluster cluster;

/* What passed from one node to another. */
typedef struct traffic {
    uint64_t messages[GOSSIP_REFUSED + 1], bytes[GOSSIP_REFUSED + 1]; /* by kind */
    uint64_t entries;                                                 /* in PUSH and STATE */
} traffic;

typedef struct cluster_node {
    testmem        mem;
    crdt_store    *store;
    gossip_engine *engine;
    gossip_config  config;
    bool           up;
    bool           slow_disk; /* nothing becomes durable until it is false again */
    uint64_t       appended;  /* log position after the last PERSIST or CHECKPOINT */
    uint64_t       checkpoints;
    uint64_t       notices[GOSSIP_COMPARED + 1];
    uint64_t       errors; /* ENOMEM from receive and tick */
    gossip_time    woken;
    struct wired  *wires; /* codecs by link */
    size_t         wires_count, wires_cap;
} cluster_node;

struct cluster {
    cluster_node *nodes;
    uint32_t      count;
    gossip_time   now;
    uint64_t      seed, random;
    /* Faults. */
    double      loss, duplicates;
    gossip_time delay_min, delay_max;
    bool       *cut; /* [from * count + to]: nothing passes */
    /* Looks at each message as it is sent; false: it is lost. */
    bool (*filter)(cluster *c, uint32_t from, uint32_t to, const gossip_msg *msg);
    /* Looks at each notice. */
    void (*noticed)(cluster *c, uint32_t node, const gossip_action *notice);
    void          *user;
    traffic       *passed; /* [from * count + to] */
    struct flight *flights;
    size_t         flights_count, flights_cap;
    uint64_t       sent; /* messages ever */
    uint32_t       leaves, *sooner;
};

/* Nodes know each other's addresses at once. config (NULL: the default) is the common part. */
cluster *cluster_new(uint32_t count, const gossip_config *config);
/* The same, where only the pairs that knows() tells are told of each other. */
cluster      *cluster_of(uint32_t count, const gossip_config *config,
                         bool (*knows)(uint32_t from, uint32_t to, uint32_t count));
void          cluster_free(cluster *c);
gossip_config cluster_config(void);
crdt_view     cluster_address(uint32_t node);

/* Stop a node; it loses all, or keeps its store on "disk": start it again with what it had. */
void cluster_stop(cluster *c, uint32_t node);
void cluster_start(cluster *c, uint32_t node, uint64_t replica);
void cluster_meet(cluster *c, uint32_t from, uint32_t to);

/* Add an element to a set at a node, at now. */
crdt_dot cluster_add(cluster *c, uint32_t node, const char *name, const char *element);
/* `count` elements "<prefix>0", ... each in its own transaction. */
void cluster_fill(cluster *c, uint32_t node, const char *name, const char *prefix, uint32_t count);

/* Let the drivers do what is to be done, and time pass. */
void cluster_run(cluster *c, gossip_time us);
/* Until all stores that are up are equal; false: not within us. */
bool cluster_settle(cluster *c, gossip_time us);
bool cluster_equal(const cluster *c);
/* One driver round of a node, without time. */
void cluster_drive(cluster *c, uint32_t node);

const traffic   *cluster_passed(const cluster *c, uint32_t from, uint32_t to);
traffic          cluster_total(const cluster *c);
void             cluster_forget_traffic(cluster *c);
gossip_peer      cluster_peer(const cluster *c, uint32_t node, uint32_t of); /* 0: unknown */
gossip_peer_info cluster_info(const cluster *c, uint32_t node, uint32_t of);
uint32_t cluster_link(const cluster *c, uint32_t node, uint32_t of); /* its number; 0: none */
/* Links that are there on both sides, under one number. */
uint32_t cluster_links(const cluster *c);

#endif
