/* world.h: a simulated world: nodes, the network between them, virtual time, what really happened.
 *
 * One process, one thread, one seed: the same plan does the same, bit for bit (world.trace tells).
 *
 *      world_init(&w);
 *      world_run(&w, &plan);         // again and again; memory is kept
 *      if (w.broken) ... w.why ...
 *      world_free(&w);
 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H
#include "gossip/disk.h"
#include "gossip/driver.h"
#include "sim/check.h"
#include "sim/history.h"
#include "sim/memory.h"
#include "sim/network.h"
#include "sim/plan.h"
#include "sim/queue.h"
#include "sim/vault.h"

typedef enum node_state {
    NODE_ABSENT, /* a spare that has not come yet */
    NODE_UP,
    NODE_DOWN, /* it will come back */
    NODE_GONE  /* it will not */
} node_state;

/* What waits for the disk: when it is durable up to position, the node's vector was this. */
typedef struct node_mark {
    uint64_t  position;
    uint64_t *seen; /* of a snapshot that came in; NULL: an entry */
    uint32_t  entry;
} node_mark;

typedef struct world world;

typedef struct node {
    world     *world;
    uint32_t   index;
    node_state state;
    uint64_t   id; /* node id */
    uint64_t   boot, replica;
    char       address[8];
    memory     mem;

    crdt_store      *store;
    gossip_engine   *engine;
    gossip_driver   *driver;
    gossip_transport transport;
    vault            vault, backup; /* its disk, and a copy of it */
    bool             has_backup, was_up;
    uint64_t         wake_at;        /* a WAKE is in the queue for this time; UINT64_MAX: none */
    int64_t          skew;           /* of its clock, ms */
    uint64_t         die_in;         /* that many actions from now it dies; 0: it does not */
    bool             dying;          /* it died in the middle of a call */
    bool             clone, shunned; /* a copy of another; outside of the promises from now on */
    bool             lost_disk;      /* its disk was taken away, or set back */
    uint64_t paused_until, slow_until, slow_us, busy_until, offline_until, full_until, retry_at;

    /* What the checkers know of it. */
    uint64_t  *seen, *durable, *count; /* by who; count: entries delivered */
    size_t     seen_cap, durable_cap, count_cap;
    uint64_t   have[HISTORY_OBJECTS]; /* events of each object that it holds */
    uint64_t   log_end, persisted;    /* positions looked at */
    uint64_t   taken_anew;            /* what precedes this position is in the vector */
    node_mark *marks;                 /* not yet durable, by position */
    size_t     marks_at, marks_acked, marks_count, marks_cap;
    uint64_t   flush_at; /* of its disk, where that is once a second */
    bool       rotten;   /* bits of its files turned since it was up */
    bool       scarred;  /* or ever */
    uint64_t   delivered, written, refused;
    uint64_t   sent_bytes, sent;
    uint64_t   last_change;              /* when something was delivered or written here */
    size_t     writing[HISTORY_OBJECTS]; /* operations noted in the open transaction */
    history_op ops[HISTORY_OPS_MAX];
    size_t     ops_count;
    struct {
        uint32_t ghost;
        bool     removed;
    } haunts[HISTORY_OPS_MAX]; /* ghosts that the open transaction added or removed */
    size_t   haunts_count;
    uint32_t comparisons; /* on demand, with its peers in turn */
    bool     comparing;   /* one is under way */
    bool     judged;      /* and must find nothing */
    bool     told;        /* that somebody else writes under its id */
} node;

typedef struct world_stats {
    uint64_t events, messages, bytes, lost, corrupted, writes, entries, reads, refused;
    uint64_t crashes, restarts, snapshots, checks, rotten, converge_us, notices[16];
} world_stats;

struct world {
    const plan *plan;
    uint64_t    now, rand, ids; /* ids: the generator of replica ids */
    queue       queue;
    size_t      next_event; /* of the plan */
    node       *nodes;
    size_t      nodes_count, nodes_cap;
    network     net;
    history     history;
    bool        healed;
    bool        quiet;     /* nothing was lost, and no fault came: the strictest promises hold */
    bool        forged;    /* a hostile peer may have put things into entries */
    bool        forked;    /* two nodes wrote under one id */
    bool        unwatched; /* very many nodes: only the cheap checks */
    bool        lasting;   /* every node that wrote stays, and knows the ids that it has had */
    bool        set_back;  /* some disk was taken away or set back */
    bool        blurred;   /* who took in which side of a fork is not known any more */
    uint64_t    last_change;
    uint64_t    standing; /* events at this very moment */
    uint64_t    quiet_bytes, quiet_payloads, quiet_snapshots;
    uint64_t    trace; /* of all that happened */
    world_stats stats;

    check_id broken; /* the first promise that was broken */
    uint64_t broken_at, broken_event;
    char     why[512];

    /* Called at each step of virtual time `every`; NULL: not. For timelines. */
    void (*watch)(struct world *w, void *user);
    void    *watch_user;
    uint64_t watch_every, watch_next;
};

#define WORLD_MS UINT64_C(1700000000000) /* the wall clock at the start: a moment in 2023 */
#define WORLD_CLUSTER UINT64_C(0xc0ffee)

/* -- world.c */
void world_init(world *w);
/* Everything: faults, healing, convergence, quiet. Result in w->broken. */
void world_run(world *w, const plan *p);
/* The same in steps, for scenarios: begin; run until a time; heal; until settled, or bound more
 * microseconds: true if it is. */
void world_begin(world *w, const plan *p);
void world_until(world *w, uint64_t at);
void world_heal(world *w);
bool world_settle(world *w, uint64_t bound);
/* What the plan's ack_us comes to of so many nodes (gossip_config.ack_us). */
uint64_t world_ack_us(const world *w);
void     world_end(world *w); /* all nodes are taken down; memory is checked */
void     world_free(world *w);
void     world_mix(world *w, uint64_t n); /* into the trace */
/* How long healing may take. */
uint64_t world_bound(const plan *p);
node    *world_spare(world *w);

/* -- node.c */
void     node_init(node *n, world *w, uint32_t index);
void     node_start(node *n); /* from its disk */
void     node_stop(node *n);  /* cleanly */
void     node_crash(node *n);
void     node_free(node *n);
void     node_receive(node *n, const message *m);
void     node_run(node *n); /* what its driver has to do; then it is looked at */
void     node_schedule(node *n);
uint64_t node_ms(const node *n);
bool     node_is_due(const node *n); /* has it something to do by now? */
bool     node_counts(const node *n); /* is it bound by the promises, and up? */
void     node_reset(node *n);        /* its disk is empty */
/* The component of a vector of the checkers. */
static inline uint64_t node_seen(const node *n, uint32_t who)
{
    return who < n->seen_cap ? n->seen[who] : 0;
}

/* -- faults.c */
void fault_begin(world *w, size_t index); /* of the plan's events */
void fault_end(world *w, size_t index);
void fault_end_all(world *w);

/* -- workload.c */
void work_begin(world *w); /* the objects */
void work_write(node *n, uint64_t choices);
/* One operation of a type with a given value: for comparisons of strategies. */
void work_read(node *n);

/* -- hostile.c */
void hostile_send(world *w, node *target, uint64_t choices, uint64_t count);

#endif
