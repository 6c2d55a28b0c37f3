/* engine.h: the replication engine: keeps a store equal to those of its peers.
 *
 * Sans-IO: it opens no socket or file, starts no thread, reads no clock, draws no random number.
 * Feed it events, then drain its actions; time, the seed and memory are arguments. The same code
 * runs over NNG, pipes, the simulator and the fuzzers. A driver for it is in gossip/driver.h.
 *
 *      gossip_engine_write(engine, now, ms, &txn); ...mutate...; gossip_engine_commit(engine, &dot)
 *      gossip_engine_receive / _lost / _persisted / _tick ...
 *      while (gossip_engine_next(engine, &action)) ...    // send, persist, notify
 *      sleep until gossip_engine_deadline(engine) or until something comes
 *
 * Log      every entry delivered, in the order of delivery (a causal order), at positions 0, 1, ...
 * Safe     an entry is told of to peers (sent, or counted in a vector) only once the driver said
 *          that it is as durable as promised: gossip_engine_persisted.
 * Delivery an entry is joined into the store when its predecessor and its deps are; else it is
 *          parked, bounded, and fetched again if it was dropped.
 * Threads  none inside; one engine and its store, one thread at a time.
 * Source   Leitao et al., "Epidemic broadcast trees", SRDS 2007; Almeida et al., "Delta state
 *          replicated data types", JPDC 111, 2018; Enes et al., "Efficient synchronization of
 *          state-based CRDTs", ICDE 2019.
 */
#ifndef GOSSIP_ENGINE_H
#define GOSSIP_ENGINE_H
#include "crdt/store.h"
#include "gossip/msg.h"
#ifdef __cplusplus
extern "C" {
#endif

typedef struct gossip_engine gossip_engine;
typedef uint64_t             gossip_time; /* monotonic microseconds from the caller's own origin */
#define GOSSIP_NEVER UINT64_MAX

/* Whom a node keeps links with, of all the peers that it knows. */
typedef enum gossip_topology {
    GOSSIP_MESH = 0,    /* up to mesh_max peers: with all; more: with active_links of them */
    GOSSIP_RING = 1,    /* the next and the previous by node id */
    GOSSIP_STAR = 2,    /* with the hub (config.hub; 0: the least node id); the hub with all */
    GOSSIP_EXPLICIT = 3 /* with the peers added by gossip_engine_add_peer, no others */
} gossip_topology;

typedef struct gossip_config {
    size_t          struct_size;
    uint64_t        cluster, node; /* not 0 */
    uint64_t        boot;          /* fresh random bits for this run, not 0 */
    uint64_t        seed;          /* every random choice comes from it */
    gossip_topology topology;
    uint64_t        hub;
    crdt_view       address; /* told to peers; copied; at most 255 bytes */
    bool            learn;   /* take in peers that peers tell of (not with EXPLICIT) */
    uint32_t        mesh_max, active_links, links_max; /* 8, 9, 64 */
    uint32_t        chunk_bytes;                 /* of entries or snapshot in one message: 65,536 */
    uint32_t        frame_max;                   /* of a whole message: 1 MiB */
    uint32_t        credit_frames, credit_bytes; /* requests in flight on a link: 8, 262,144 */
    uint64_t        log_bytes;                   /* cut above it, whatever peers have: 256 MiB */
    uint64_t        parked_bytes;                /* 8 MiB */
    uint32_t        parked_entries;              /* 4,096 */
    uint64_t        round_us, round_max_us;      /* anti-entropy: 1 s, 5 s when in sync; +-20 % */
    uint64_t        push_us;                     /* fresh entries wait so long for company: 2,000 */
    uint64_t        have_us;                     /* lazy announcements: 200,000 */
    uint64_t        graft_us;                    /* a gap that old is grafted: 150,000 */
    uint64_t        timeout_us;      /* of a request: 1 s, growing to 8 s while none is answered */
    uint64_t        ack_us;          /* a quiet member's empty entry (rule R1) waits so long: 1 s;
                                      of N > 8 members, N / 8 times that; 0: never write one */
    uint64_t        persist_lag_max; /* entries not yet persisted beyond which writes and pushes are
                                        refused (EBUSY): 1,000,000 */
} gossip_config;
CRDT_API gossip_config gossip_config_default(void);

/* Over an empty store that the engine alone writes and joins from now on (borrowed; reads are
 * free). The store's replica id must be one that has never written, or one whose entries are known
 * to their end: whoever starts from disk makes sure (gossip/persist.h). Errors: ENOMEM, EINVAL. */
CRDT_MUST_CHECK CRDT_API crdt_err gossip_engine_new(const gossip_config *config, crdt_store *store,
                                                    const crdt_mem *mem,
                                                    gossip_engine **ret_engine);
CRDT_API void                     gossip_engine_free(gossip_engine *engine); /* NULL is fine */

/* -- Starting from what was persisted: before anything else ------------------------------------ */

/* An entry from the log on disk, in its order. What is held already is skipped. Errors: ENOMEM,
 * EGAP (the log has a hole here: later entries may still fit), EMALFORMED, EFORK. */
CRDT_MUST_CHECK CRDT_API crdt_err gossip_engine_replay(gossip_engine      *engine,
                                                       const gossip_entry *entry);
/* A snapshot, made by gossip_engine_snapshot here or on a peer, into an engine that holds nothing
 * that the snapshot lacks or something: it is joined. Errors: ENOMEM, EMALFORMED, EVERSION,
 * EFORK. */
CRDT_MUST_CHECK CRDT_API crdt_err gossip_engine_restore(gossip_engine *engine, crdt_view snapshot,
                                                        const char **ret_reason);
/* After an unclean stop, a restored backup, or any doubt: go on as `replica` (fresh random bits),
 * and succeed `old` with the first entry (rule R16), unless it is known to be succeeded. Errors:
 * EINVAL, EEXIST, ELIMIT (8 at once). */
CRDT_MUST_CHECK CRDT_API crdt_err gossip_engine_succeed(gossip_engine *engine, uint64_t replica,
                                                        uint64_t old);

/* -- Peers ------------------------------------------------------------------------------------- */

typedef uint32_t gossip_peer; /* a handle, from 1; 0 is none */

/* A peer to be reached at an address (copied), if it is not known yet. Kept and retried for ever.
 * Errors: ENOMEM, ELIMIT (1,024 peers, 255 bytes), EINVAL (empty). */
CRDT_MUST_CHECK CRDT_API crdt_err gossip_engine_add_peer(gossip_engine *engine, crdt_view address,
                                                         gossip_peer *ret_peer);
/* Forget a peer that is gone for good. Its entries stay. Errors: ENOENT. */
CRDT_MUST_CHECK CRDT_API crdt_err gossip_engine_forget_peer(gossip_engine *engine,
                                                            gossip_peer    peer);

typedef struct gossip_peer_info {
    gossip_peer handle;
    crdt_view   address;       /* borrowed until the next call */
    uint64_t    node, replica; /* 0: never met */
    bool        linked, eager, in_sync, quarantined;
    bool        wanted;   /* the topology asks for a link with it; else it hears by way of others */
    gossip_time heard;    /* when last; 0: never */
    uint64_t    lacks;    /* entries in the log that it is not known to have */
    uint64_t    lacks_ms; /* the least ms of those, by the first of each replica; 0: none */
    uint64_t    lacked;   /* dots that it is known to have and this store has not */
    bool        behind;   /* it lacks what is in no log here: it needs a snapshot */
    uint64_t    sent, received; /* messages */
    uint64_t    entries_sent, entries_received, duplicates, resent, refused, malformed;
    /* What its last bad message was, or why there is no link: EVERSION; EINVAL: another cluster;
     * EEXIST: it bears this node's id or replica id, and is quarantined. */
    crdt_err error;
} gossip_peer_info;
/* The i-th peer; false past the end. Cost: O(peers + replicas log entries). */
CRDT_API bool gossip_engine_peer(const gossip_engine *engine, size_t i, gossip_peer_info *ret_info);
/* The peer that a message of this link comes from; 0: none (only HELLO can come then). */
CRDT_API gossip_peer gossip_engine_peer_of(const gossip_engine *engine, uint32_t link);

/* -- Writing ----------------------------------------------------------------------------------- */

/* Open the store's one transaction. Errors: as crdt_store_begin; EFORK (this replica id is in use
 * elsewhere: quarantined), EIO (gossip_engine_readonly), EBUSY (a transaction is open; or too much
 * waits for the disk). */
CRDT_MUST_CHECK CRDT_API crdt_err gossip_engine_write(gossip_engine *engine, gossip_time now,
                                                      uint64_t ms, crdt_txn **ret_txn);
/* End it: one entry. *ret_last is its last dot (seq 0: nothing was mutated, no entry); may be NULL.
 * On an error the transaction stays open. Errors: ENOMEM. */
CRDT_MUST_CHECK CRDT_API crdt_err gossip_engine_commit(gossip_engine *engine, crdt_dot *ret_last);
CRDT_API void                     gossip_engine_rollback(gossip_engine *engine);

/* Say something to those who use the engine at other nodes, in the order of causes: who hears it
 * has what this node had seen. Best effort: an entry without a change, which nobody hears who gets
 * a snapshot instead, or gets it GOSSIP_SAID_MS later, or again after a restart. Errors: as
 * gossip_engine_write; EINVAL (no bytes), ELIMIT (more than GOSSIP_CONTROL_MAX), ENOMEM. */
#define GOSSIP_SAID_MS 60000u
CRDT_MUST_CHECK CRDT_API crdt_err gossip_engine_say(gossip_engine *engine, gossip_time now,
                                                    uint64_t ms, crdt_view bytes);
/* What others have said and nobody has asked for, the oldest first; of more than a megabyte the
 * rest is not heard. Borrowed until the next call of the engine. False: nothing. */
CRDT_API bool gossip_engine_said(gossip_engine *engine, crdt_view *ret_bytes);

/* -- Events ------------------------------------------------------------------------------------ */

/* A message from a peer (0: not known yet), borrowed for this call. Bad peer data is counted,
 * reported and dropped, never fatal. ms: wall clock, bounds observed stamps. Errors: ENOMEM
 * (entries of the message that were delivered before stay; the rest is as if it was lost), EBUSY
 * (a transaction is open), EINVAL (ms beyond CRDT_CLOCK_MS_MAX): as if it was lost. */
CRDT_MUST_CHECK CRDT_API crdt_err gossip_engine_receive(gossip_engine *engine, gossip_time now,
                                                        uint64_t ms, gossip_peer peer,
                                                        const gossip_msg *msg);
/* Bytes came that could not be read: counted; ENOENT and EVERSION make the link begin again. */
CRDT_API void gossip_engine_unreadable(gossip_engine *engine, gossip_time now, gossip_peer peer,
                                       crdt_err err);
/* The transport gave up on a request, or says that the peer is gone: sooner than the timeout. */
CRDT_API void gossip_engine_lost(gossip_engine *engine, gossip_time now, gossip_peer peer,
                                 uint32_t id);
/* All actions PERSIST and CHECKPOINT of positions below this one are as durable as promised. */
CRDT_API void gossip_engine_persisted(gossip_engine *engine, gossip_time now, uint64_t position);
/* The disk takes nothing (full): writes give EIO and peers' entries are not taken in; what is held
 * is still served. Until called with false. */
CRDT_API void gossip_engine_readonly(gossip_engine *engine, bool readonly);
/* Time has come: at or after the deadline. Errors: ENOMEM (something is put off). */
CRDT_MUST_CHECK CRDT_API crdt_err gossip_engine_tick(gossip_engine *engine, gossip_time now,
                                                     uint64_t ms);
CRDT_API gossip_time              gossip_engine_deadline(const gossip_engine *engine);

/* -- Actions ----------------------------------------------------------------------------------- */

typedef enum gossip_action_kind {
    GOSSIP_DO_SEND = 1,   /* msg to peer (0: whoever sent the HELLO with this id), by the codec of
                             link */
    GOSSIP_DO_PERSIST,    /* append entry, at position */
    GOSSIP_DO_CHECKPOINT, /* write gossip_engine_snapshot: what precedes position cannot be replayed
                             from the entries on disk */
    GOSSIP_DO_LINK,   /* a link with peer begins (again): a new codec; link is the number of what
                             comes */
    GOSSIP_DO_UNLINK, /* the peer's link is gone */
    GOSSIP_DO_NOTIFY  /* for people and programs */
} gossip_action_kind;

typedef enum gossip_notice {
    GOSSIP_PEER_UP = 1,
    GOSSIP_PEER_DOWN,
    GOSSIP_PEER_LEARNED,
    GOSSIP_FORKED,      /* two histories of replica: dot is where; the peer's is quarantined */
    GOSSIP_CLONED,      /* this node's own id is written elsewhere: writes stop */
    GOSSIP_REMINTED,    /* peers know more of this replica than this store: it goes on as another;
                           dot.replica is the new one */
    GOSSIP_POISONED,    /* an entry that cannot be joined; err says why; it is parked */
    GOSSIP_UNEQUAL,     /* contexts agree and digests do not: see gossip/repair */
    GOSSIP_REPAIRED,    /* an object was replaced by the peer's, name says which */
    GOSSIP_FAR_FUTURE,  /* a stamp beyond the clock's bound came from dot.replica */
    GOSSIP_SNAPSHOT_IN, /* a snapshot was joined */
    GOSSIP_DROPPED,     /* a parked entry was dropped for want of room; it will be fetched again */
    GOSSIP_DIFFERS, /* an object is another one at peer: name, type, diff (gossip_engine_compare) */
    GOSSIP_COMPARED /* all are compared: count differ; err other than OK: it came to no end */
} gossip_notice;

/* What is different about an object. Which side has more is judged by what both sides are known to
 * hold of the whole store: if just one of them lacks entries, it is that one. */
typedef enum gossip_diff {
    GOSSIP_ONLY_HERE = 1,
    GOSSIP_ONLY_THERE = 2,
    GOSSIP_MORE_HERE = 3,
    GOSSIP_MORE_THERE = 4,
    GOSSIP_OTHERWISE = 5 /* both lack something; or neither does, and one of them is damaged */
} gossip_diff;

typedef struct gossip_action {
    gossip_action_kind  kind;
    gossip_peer         peer;
    uint32_t            link;
    const gossip_msg   *msg;   /* SEND: borrowed until the next call on the engine */
    const gossip_entry *entry; /* PERSIST: borrowed until the next call on the engine */
    uint64_t            position;
    gossip_notice       notice;
    crdt_dot            dot;
    crdt_view           name; /* borrowed until the next call */
    crdt_err            err;
    gossip_diff         diff;  /* DIFFERS */
    uint16_t            type;  /* DIFFERS: of the object */
    uint64_t            count; /* COMPARED */
} gossip_action;
/* True while there is work for the driver, in the order in which it is to be done. */
CRDT_API bool gossip_engine_next(gossip_engine *engine, gossip_action *ret_action);

/* -- Looking ----------------------------------------------------------------------------------- */

CRDT_API const crdt_store *gossip_engine_store(const gossip_engine *engine);
/* Appends a snapshot of everything, for disk or a peer. Errors: ENOMEM, EBUSY. */
CRDT_MUST_CHECK CRDT_API crdt_err gossip_engine_snapshot(gossip_engine *engine, crdt_buf *out);
/* The same bytes in slices of some thousand objects or chunk_bytes, while writes and messages go
 * on: all that precedes the log position at which it begins is in it, and nothing else. Each call
 * appends to one and the same buffer; end gives it up (after the last slice: nothing to do). Errors
 * of begin: ENOMEM, EBUSY (a transaction is open, or one is made for a peer: try again); of slice:
 * EBUSY (a transaction is open: try again), ENOMEM (it has ended, out is as it was at begin),
 * EINVAL (none was begun). */
CRDT_MUST_CHECK CRDT_API crdt_err gossip_engine_snapshot_begin(gossip_engine *engine, crdt_buf *out,
                                                               uint64_t *ret_position);
CRDT_MUST_CHECK CRDT_API crdt_err gossip_engine_snapshot_slice(gossip_engine *engine, crdt_buf *out,
                                                               bool *ret_done);
CRDT_API void                     gossip_engine_snapshot_end(gossip_engine *engine);
CRDT_API crdt_digest              gossip_engine_digest(gossip_engine *engine);
/* Find out which objects are others at a peer, whatever both have heard: digests in key order, page
 * by page, from the next drain of actions on. The first GOSSIP_DIFFERS_MAX become notices DIFFERS,
 * and at the end (or when the peer is gone, or has not answered for eight times timeout_us) comes
 * one COMPARED. Nothing is repaired. While either side is written to, an object may seem to differ
 * that is on its way. Objects of types that one side does not know are left out. Errors: ENOENT (no
 * such peer), EIO (no link with it now), EBUSY (another one is under way). */
#define GOSSIP_DIFFERS_MAX 1000u
CRDT_MUST_CHECK CRDT_API crdt_err gossip_engine_compare(gossip_engine *engine, gossip_time now,
                                                        gossip_peer peer);
/* Rule R14: every member but this one was heard of at this wall clock time (ms) or later: the least
 * ms of the last delivered entry of each. With no other member: UINT64_MAX. A key that expired
 * before it may be removed for good: whoever writes to it from now on knows that it has expired. A
 * quiet member's ms moves when it acknowledges what others wrote. Cost: O(replicas). */
CRDT_API uint64_t gossip_engine_heard_ms(const gossip_engine *engine);
/* The cut that every member is proven to hold (rule R1), into an empty context. Errors: ENOMEM. */
CRDT_MUST_CHECK CRDT_API crdt_err gossip_engine_stable(const gossip_engine *engine,
                                                       crdt_context        *ret_cut);
/* How many linked or remembered peers are known to hold the dot, as durably as they promise: they
 * said so themselves. Cost: O(peers). */
CRDT_API uint32_t gossip_engine_holders(const gossip_engine *engine, crdt_dot dot);
/* The entries of the log from a position on, in order; false past the end. The position of the
 * first is log_first in the statistics. Views borrowed until the next call. */
CRDT_API bool gossip_engine_log(const gossip_engine *engine, uint64_t position,
                                gossip_entry *ret_entry);

typedef struct gossip_stats {
    uint64_t log_first, log_end, log_bytes, persisted; /* positions; bytes */
    uint64_t delivered, written, duplicates;           /* entries */
    uint64_t parked, parked_bytes, parked_dropped;
    uint64_t snapshots_sent, snapshots_taken, repairs, forks, reminted, poisoned, far_future;
    uint64_t memory; /* bytes in use by the engine, without the store */
    uint32_t members, links, peers;
} gossip_stats;
CRDT_API gossip_stats gossip_engine_stats(const gossip_engine *engine);

#ifdef __cplusplus
}
#endif
#endif
