/* core/impl.h: the inside of an engine, shared by the files of gossip/core/ and nobody else.
 *
 *   ids.c        replica ids as small numbers ("who"), and vectors over them
 *   log.c        the entries in local delivery order; what a peer lacks of them
 *   deliver.c    from a message to the store: chain, causality, parking
 *   write.c      own entries: transactions, acknowledgements, new incarnations
 *   say.c        what those who use engines say to each other
 *   stable.c     the causal past of each replica's last entry, and the cut that all hold
 *   making.c     snapshots of what is held, in slices
 *   restore.c    snapshots that come in, and what was on disk
 *   peers.c ...  links: who is there, and what is said to them (links.h)
 */
#ifndef GOSSIP_CORE_IMPL_H
#define GOSSIP_CORE_IMPL_H
#include "gossip/engine.h"

#define GOSSIP__NOBODY UINT32_MAX

/* A vector over replicas: seq[who] is the last dot held; who >= count: none. */
typedef struct gossip__vec {
    uint64_t *seq;
    uint32_t  count;
} gossip__vec;

/* Where an entry of a replica stands in the log. */
typedef struct gossip__mark {
    uint64_t last, position;
} gossip__mark;

typedef struct gossip__replica {
    uint64_t      id;
    uint64_t      delivered; /* last dot in the store */
    uint64_t      held; /* last dot that is as durable as promised: all that peers may be told of */
    uint64_t      floor;     /* last dot below the log: no entry up to it can be sent */
    uint64_t      ms;        /* of its last entry */
    uint32_t      tag;       /* after `delivered` */
    bool          member;    /* counts for stability */
    bool          succeeded; /* by another id: closed */
    bool          moved;     /* since this node's last entry: on engine.moved */
    gossip__vec   past;      /* the causal past of its last entry, itself included */
    gossip__mark *marks;     /* of its entries in the log, ascending; a ring */
    uint32_t      marks_at, marks_count, marks_cap;
} gossip__replica;

/* One entry of the log, or a checkpoint (kind 0, nobody's): something entered the store that is in
 * no entry here; its deps are then what was raised. gossip__record_entry shows it as an entry. */
typedef struct gossip__record {
    unsigned char *bytes; /* deps, control bytes, body */
    uint64_t       last, ms;
    uint32_t       dots, deps_count, control_size, body_size;
    uint32_t       who, tag, before; /* tags: after it; after its predecessor */
    gossip_peer    from;             /* who sent it; 0: this node */
    uint8_t        kind;
} gossip__record;

/* Bytes of records, one behind the other, as they came; freed when the last of them is cut. */
typedef struct gossip__chunk {
    struct gossip__chunk *next;
    size_t                used, cap;
    size_t                records; /* that have bytes here */
    _Alignas(crdt_dot) unsigned char bytes[];
} gossip__chunk;

#define GOSSIP__BLOCK 256
typedef struct gossip__block {
    gossip__record at[GOSSIP__BLOCK];
} gossip__block;

typedef struct gossip__log {
    gossip__block **blocks; /* of positions first / GOSSIP__BLOCK and on; a ring */
    size_t          blocks_at, blocks_count, blocks_cap;
    gossip__chunk  *chunk, *chunk_last; /* a list, the oldest first */
    uint64_t        first, end;         /* positions that are there */
    uint64_t        told;               /* handed to the driver to be persisted */
    uint64_t        persisted;
    uint64_t        checkpoint; /* the last one stands below this position; 0: none */
    uint64_t        pinned;     /* not cut from here on; GOSSIP_NEVER: nothing is pinned */
    uint64_t        bytes;
} gossip__log;

/* An entry that waits for a dot of a replica. Its views point behind the struct. */
typedef struct gossip__waiting {
    gossip_entry            entry;
    uint64_t                wait_seq;
    uint32_t                wait_who, tag_before;
    gossip_peer             from;
    size_t                  bytes;
    struct gossip__waiting *next;          /* in the same slot; free to use once it is taken out */
    struct gossip__waiting *older, *newer; /* in order of arrival */
} gossip__waiting;

typedef struct gossip__parked {
    gossip__waiting **slots; /* hashed by what they wait for */
    size_t            slots_count, count;
    uint64_t          bytes, dropped;
    gossip__waiting  *oldest, *newest;
} gossip__parked;

#define GOSSIP__SUCCEEDS 8 /* incarnations between two entries of a node, at most */
#define GOSSIP__NOTICES 64
typedef struct gossip__notice {
    gossip_notice notice;
    gossip_peer   peer;
    crdt_dot      dot;
    crdt_err      err;
    uint8_t       name_size;
    char          name[64]; /* cut */
} gossip__notice;

/* A snapshot that is made in slices. */
typedef enum gossip__maker {
    GOSSIP__NO_MAKER,
    GOSSIP__FOR_DRIVER,
    GOSSIP__FOR_PEERS
} gossip__maker;
typedef struct gossip__making {
    gossip__maker maker;
    bool          slices;        /* the store comes in slices; else it is there already */
    bool          at_once;       /* the next one must not come in slices */
    uint64_t      position;      /* the end of the log when it began */
    size_t        start, summed; /* in what it is appended to: its beginning; what sum knows of */
    crdt_digester sum;           /* once it is done: of all its bytes */
} gossip__making;

struct gossip__links;

struct gossip_engine {
    crdt_mem        mem; /* counts; passes on to outer */
    const crdt_mem *outer;
    uint64_t        memory;
    gossip_config   config;
    crdt_store     *store;
    crdt_buf        said; /* by others, a size before each: say.c; from said_at on not asked for */
    size_t          said_at;
    crdt_buf        body;   /* of the entry being written; kept for the next */
    uint64_t        random; /* state of the generator */

    gossip__replica *replicas; /* by who */
    uint32_t         replicas_count, replicas_cap;
    uint32_t        *ids; /* open addressing: who + 1, by hash of id */
    uint32_t         ids_cap;
    uint32_t         self; /* who writes here; GOSSIP__NOBODY before the first */

    gossip__log    log;
    gossip__parked parked;
    uint32_t      *moved; /* who */
    uint32_t       moved_count, moved_cap;
    bool           ack_due; /* a non-empty entry was delivered since this node's last entry */
    gossip_time    ack_at;
    bool           cloned, readonly, writing;
    uint64_t       succeeds[GOSSIP__SUCCEEDS]; /* the ids that the next entry succeeds */
    uint32_t       succeeds_count;
    gossip_time    now; /* of the last event */
    uint64_t       ms;  /* wall clock, of the last event that told it */

    gossip__notice        notices[GOSSIP__NOTICES];
    uint32_t              notices_at, notices_count;
    gossip_stats          stats; /* counters only */
    gossip_entry          shown; /* by the last action */
    gossip__making        making;
    struct gossip__links *links;
};

/* Counts for stability, or no more. */
static inline void gossip__set_member(gossip_engine *engine, uint32_t who, bool member)
{
    gossip__replica *r = &engine->replicas[who];
    if (member && !r->member) engine->stats.members++;
    if (!member && r->member) engine->stats.members--;
    r->member = member;
}

/* Until a quiet member acknowledges. Each acknowledgement goes to all: with each member's once in
 * ack_us, many would have little else to say. So all of them together write 8 in that time. */
static inline uint64_t gossip__ack_wait(const gossip_engine *engine)
{
    uint64_t wait = engine->config.ack_us, members = engine->stats.members;
    return members <= 8 ? wait : wait / 8 * members;
}

/* -- say.c */
/* An entry of a peer was delivered. */
void gossip__hear(gossip_engine *engine, uint64_t ms, const gossip_entry *entry);
/* -- write.c */
/* May this engine write now? Errors: as gossip_engine_write. */
crdt_err gossip__may_write(const gossip_engine *engine);
/* An entry without content. */
crdt_err gossip__write_mark(gossip_engine *engine, gossip_kind kind, crdt_view control);
/* The first entry of a new incarnation says whose places it takes. */
crdt_err gossip__write_succession(gossip_engine *engine);
/* -- ids.c */
uint32_t gossip__find(const gossip_engine *engine,
                      uint64_t             id); /* GOSSIP__NOBODY: never heard of */
/* Errors: ENOMEM, ELIMIT (2^20 ids). */
crdt_err               gossip__intern(gossip_engine *engine, uint64_t id, uint32_t *ret_who);
static inline uint64_t gossip__vec_at(const gossip__vec *vec, uint32_t who)
{
    return who < vec->count ? vec->seq[who] : 0;
}
/* Raise one component; zeros are filled in. Errors: ENOMEM. */
crdt_err gossip__vec_raise(gossip_engine *engine, gossip__vec *vec, uint32_t who, uint64_t seq);
void     gossip__vec_clear(gossip_engine *engine, gossip__vec *vec);
uint64_t gossip__random(gossip_engine *engine);
/* Memory of the engine's own, counted. NULL: refused; from resize: p stays. */
static inline void *gossip__alloc(gossip_engine *engine, size_t bytes)
{
    return engine->mem.alloc(engine->mem.user, bytes);
}
static inline void *gossip__resize(gossip_engine *engine, void *p, size_t before, size_t after)
{
    if (p == NULL) return engine->mem.alloc(engine->mem.user, after);
    return engine->mem.resize(engine->mem.user, p, before, after);
}
static inline void gossip__release(gossip_engine *engine, void *p, size_t bytes)
{
    if (p != NULL) engine->mem.release(engine->mem.user, p, bytes);
}

/* -- log.c */
static inline gossip__record *gossip__log_at(const gossip__log *log, uint64_t position)
{
    size_t block = (size_t)(position / GOSSIP__BLOCK - log->first / GOSSIP__BLOCK);
    return &log->blocks[(log->blocks_at + block) & (log->blocks_cap - 1)]
                ->at[position % GOSSIP__BLOCK];
}
/* Borrowed until the record is cut. */
gossip_entry gossip__record_entry(const gossip_engine *engine, const gossip__record *record);
/* Room for one more record, so that append cannot fail: copies what entry has into *ret_record,
 * whose tags and from the caller sets. To be followed by append, or by unreserve, before the next.
 * Errors: ENOMEM. */
crdt_err gossip__log_reserve(gossip_engine *engine, const gossip_entry *entry, uint32_t who,
                             gossip__record *ret_record);
void     gossip__log_unreserve(gossip_engine *engine, gossip__record *record);
void     gossip__log_append(gossip_engine *engine, const gossip__record *record);
/* The tag after dot seq of the replica, if an entry of the log (or its floor's end) ends there. */
bool gossip__log_tag(const gossip_engine *engine, uint32_t who, uint64_t seq, uint32_t *ret_tag);
/* The first position of an entry of the replica that ends above seq; GOSSIP_NEVER: none. */
uint64_t gossip__log_above(const gossip_engine *engine, uint32_t who, uint64_t seq);
/* How many entries of the replica in the log end above seq. */
uint32_t gossip__log_count_above(const gossip_engine *engine, uint32_t who, uint64_t seq);
/* Drop what is below position (never what is not persisted, or pinned); raises floors. */
void gossip__log_cut(gossip_engine *engine, uint64_t position);
void gossip__log_free(gossip_engine *engine);
/* Held vectors and floors follow: called when the driver has persisted. */
void gossip__log_persisted(gossip_engine *engine, uint64_t position);
/* Does the log have all of the replica that whoever holds it up to `known` lacks? */
bool gossip__log_serves(const gossip_engine *engine, uint32_t who, uint64_t known);

/* Walks the persisted entries that a holder of `known` lacks, in order of position. Errors:
 * ENOMEM. Ends with any change of the log. cost: O(log replicas) an entry. */
typedef struct gossip__missing {
    const gossip_engine *engine;
    struct gossip__head {
        uint64_t position;
        uint32_t who, mark;
    } * heads; /* a heap by position */
    uint32_t count, cap;
} gossip__missing;
crdt_err gossip__missing_begin(gossip_engine *engine, const gossip__vec *known,
                               gossip__missing *ret_walk);
bool     gossip__missing_next(gossip__missing *walk, uint64_t *ret_position);
void     gossip__missing_end(gossip_engine *engine, gossip__missing *walk);

/* -- park.c */
/* Copies the entry; it waits for dot seq of who. Errors: ENOMEM; ELIMIT (no room: it is dropped).
 */
crdt_err gossip__park(gossip_engine *engine, const gossip_entry *entry, uint32_t tag_before,
                      gossip_peer from, uint32_t who, uint64_t seq);
/* Take out one that waits for just this dot; NULL: none. */
gossip__waiting *gossip__unpark(gossip_engine *engine, uint32_t who, uint64_t seq);
/* Take out one whose dot is in the store by now, by whatever way. O(parked). */
gossip__waiting *gossip__unpark_ready(gossip_engine *engine);
void             gossip__waiting_free(gossip_engine *engine, gossip__waiting *waiting);
void             gossip__parked_free(gossip_engine *engine);

/* -- deliver.c */
typedef enum gossip__outcome {
    GOSSIP__DELIVERED = 1, /* it, and what had waited for it */
    GOSSIP__DUPLICATE,     /* held already */
    GOSSIP__PARKED,        /* something before it is missing; also if it was parked already */
    GOSSIP__DROPPED,       /* ... and there is no room to keep it */
    GOSSIP__FORKED,        /* another history of its replica than the one held here */
    GOSSIP__POISONED       /* not an entry that an honest node makes; err says why */
} gossip__outcome;
/* tag_before: the tag of its predecessor, as the sender has it. Errors: ENOMEM. */
crdt_err gossip__deliver(gossip_engine *engine, uint64_t ms, const gossip_entry *entry,
                         uint32_t tag_before, gossip_peer from, gossip__outcome *ret_outcome);
/* A peer holds the replica up to seq with this tag. False: its history is another one. A peer that
 * knows more of this node's own id than this node does makes it go on under a new one. */
bool gossip__compare(gossip_engine *engine, uint32_t who, uint64_t seq, uint32_t tag,
                     gossip_peer peer);

/* An entry from disk, that is next in its replica and whose deps are in the store. Errors: ENOMEM,
 * EMALFORMED. */
crdt_err gossip__deliver_known(gossip_engine *engine, const gossip_entry *entry, uint32_t who,
                               gossip__outcome *ret_outcome);
/* An entry is in the store: log, chain, past, what moved follow. Cannot fail: record (with tag,
 * before and from) is reserved, so is the past, and control's ids are interned. */
void gossip__delivered(gossip_engine *engine, uint32_t who, const gossip_entry *entry,
                       const gossip__record *record);
/* Of a SUCCEEDS entry: the ids are interned. Errors: ENOMEM, EMALFORMED. */
crdt_err gossip__succeeded_intern(gossip_engine *engine, const gossip_entry *entry);
/* Deliver what waited and has its past now. */
void gossip__deliver_ready(gossip_engine *engine, uint64_t ms);
/* Who moved since this node's last entry. */
void gossip__moved(gossip_engine *engine, uint32_t who);

/* -- write.c */
/* What a tick writes: succession, acknowledgement. */
crdt_err    gossip__write_due(gossip_engine *engine, gossip_time now, uint64_t ms);
gossip_time gossip__write_deadline(const gossip_engine *engine);
/* This node's id is in use elsewhere, or was: go on as another. Errors: ENOMEM. */
crdt_err gossip__remint(gossip_engine *engine);

/* -- stable.c */
/* An entry of who was delivered: its past is what its predecessor's was, its deps, itself. Reserve
 * first; then past_add cannot fail. Errors: ENOMEM. */
crdt_err gossip__past_reserve(gossip_engine *engine, uint32_t who);
void     gossip__past_add(gossip_engine *engine, uint32_t who, const gossip_entry *entry);

/* -- making.c */
/* Appends the beginning of a snapshot. Errors: ENOMEM, ELIMIT, EBUSY (a transaction is open;
 * another one is made). */
crdt_err gossip__making_begin(gossip_engine *engine, gossip__maker maker, crdt_buf *out);
/* Appends some more. Errors: EBUSY (a transaction is open: later); ENOMEM: it has ended, and out is
 * as before it began. */
crdt_err gossip__making_slice(gossip_engine *engine, crdt_buf *out, bool *ret_done);
void     gossip__making_end(gossip_engine *engine); /* if there is one */

/* -- restore.c */
/* Only what is persisted may be told: true if all is. */
bool gossip__snapshot_ready(const gossip_engine *engine);
/* Joins a snapshot; a checkpoint enters the log, if it brings anything. Errors: ENOMEM, EMALFORMED,
 * EVERSION, EFORK, ELIMIT. */
crdt_err gossip__snapshot_join(gossip_engine *engine, uint64_t ms, crdt_view bytes,
                               const char **ret_reason);

/* -- engine.c */
void gossip__notify(gossip_engine *engine, gossip_notice notice, gossip_peer peer, crdt_dot dot,
                    crdt_err err, crdt_view name);

#endif
