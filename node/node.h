/* node.h: one node: the loop, the store with its engine, the data directory, the clients.
 *
 *      uv poll ---- client bytes ---> commands ---> one engine transaction each
 *           \------ peer messages --> gossip_driver_receive
 *      uv check --- once a turn: gossip_driver_run (all entries of the turn, one write, one sync),
 *                   then the replies of the turn
 *
 * Threads  one owns everything; those of NNG only queue and wake it.
 */
#ifndef NODE_NODE_H
#define NODE_NODE_H
#include <uv.h>

#include "gossip/gossip.h"
#include "gossip/nng.h"
#include "node/config.h"
#include "node/data.h"
#include "node/roster.h"

typedef struct client  client;
typedef struct command command;

#define NODE_LISTENERS 8 /* addresses that clients come to */

/* What INFO counts. */
typedef struct node_totals {
    uint64_t connections, refused_connections, commands, errors;
    uint64_t bytes_in, bytes_out;
    uint64_t hits, misses, expired;
    uint64_t bad_frames, notices[32]; /* by gossip_notice */
} node_totals;

/* A sync of the log that a thread of libuv's does. */
typedef struct node_syncing {
    uv_work_t work;
    bool      on, ok;
    int       fd;
    unsigned  seconds; /* it has been under way */
} node_syncing;

/* What happened in the last second, for INFO. */
typedef struct node_rates {
    gossip_time at;
    uint64_t    commands, bytes_in, bytes_out; /* totals then */
    uint64_t    commands_per_second, in_per_second, out_per_second;
} node_rates;

typedef struct node {
    node_config  config;
    uv_loop_t    loop;
    uv_tcp_t     listeners[NODE_LISTENERS];
    int          listeners_count;
    uv_prepare_t before;
    uv_check_t   after;
    uv_timer_t   timer, second;
    uv_async_t   wake;
    node_syncing syncing;
    uv_signal_t  terminate, interrupt;

    node_data        data;  /* store, engine, driver, disk */
    gossip_nng      *nng;   /* NULL: no gossip */
    gossip_transport send;  /* NNG's */
    crdt_store      *store; /* data's */
    gossip_engine   *engine;
    gossip_driver   *driver;

    client  *clients; /* a list, newest first */
    uint32_t clients_count;
    client  *dirty; /* those with replies to be written, by next_dirty */
    uint64_t next_client;
    uint8_t *input; /* where reads go while a client has nothing unread: NODE_INPUT bytes */

    gossip_time              now; /* of this turn, monotonic microseconds */
    uint64_t                 ms;  /* of this turn, since 1970 */
    uint64_t                 ms_ceiling, timer_at;
    uint32_t                 waiting;    /* clients in WAIT */
    uint32_t                 blocked;    /* clients that wait for keys: node/blocking.c */
    bool                     keys_ready; /* some of these keys have changed */
    bool                     busy;       /* something of this turn is for the driver */
    bool                     held;     /* the disk refuses: what was written is not acknowledged */
    bool                     cut;      /* CRDT.PARTITION */
    struct node_cut         *cut_from; /* from whom; NULL: from all */
    bool                     stopping;
    uint64_t                 cluster; /* its id: a hash of its name */
    uint64_t                 started_ms, random;
    struct node_expiries    *expiries;  /* names with a deadline; NULL: none yet */
    struct keyspace_cursors *cursors;   /* of SCAN */
    void                    *conflicts; /* names with several contents: node/conflicts.c */
    size_t                   conflicts_count, doubled_count;
    roster                   watched;  /* keys of WATCH */
    crdt_buf                 saying;   /* what was published here, for peers: node/pubsub.c */
    crdt_buf                 happened; /* to keys, and not yet told: node/notify.c */
    roster                   channels, patterns; /* of subscribers */
    struct node_blocking    *blocking;  /* who waits for which key; NULL: nobody ever did */
    struct node_undoables   *undoables; /* what texts were written: node/undo.c; NULL: nothing */
    struct node_diff        *diff;      /* CRDT.DIFF under way: node/diff.c */
    uint64_t                 saved_ms;  /* when SAVE last succeeded */
    node_rates               rates;
    node_totals              totals;
} node;

#define NODE_INPUT 65536u

/* Starts everything: directory, gossip, listener. False: ret_problem says why in a sentence. */
bool node_open(node *n, const node_config *config, char ret_problem[512]);
/* Until SIGTERM or SIGINT, or SHUTDOWN. */
void node_run(node *n);
/* A clean stop: what was accepted is synced, clients get their replies. False: the disk refused. */
bool node_close(node *n);
void node_stop(node *n);

/* Something of this turn is for the driver: it runs before the loop sleeps. */
static inline void node_touch(node *n)
{
    n->busy = true;
}
/* What the store's change list tells goes to those who keep names by kind. */
void node_changes(node *n);
/* End the engine's transaction: one entry. deadlines: it has changed some, or may have made
 * conflicts. On an error it stays open. */
crdt_err node_commit(node *n, bool deadlines, crdt_dot *ret_last);
/* Time of this turn, looked up anew. */
/* keyspace.c: the cursors of SCAN go. */
void     keyspace_close(node *n);
void     node_clock(node *n);
uint64_t node_random(node *n);

#endif
