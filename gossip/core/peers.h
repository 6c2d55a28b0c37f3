/* core/peers.h: the inside of links, shared by peers.c, hello.c, topology.c, vectors.c, sync.c,
 * push.c, snap.c, compare.c, repair.c, due.c, links.c and nobody else.
 *
 *   peers.c     records of peers: finding, making, forgetting; requests in flight; replies that
 * wait   hello.c     who is there: a link begins, begins again, ends
 *   topology.c  whom to have a link with
 *   vectors.c   what this node holds, told as changes; what a peer is known to hold
 *   sync.c      anti-entropy: SYNC, WANT and their STATE; the rounds
 *   push.c      fresh entries: PUSH, HAVE and their TOOK; eager and lazy links
 *   snap.c      snapshots in pieces: SNAP, CHUNK
 *   compare.c   the objects here beside a peer's: PAGE, DIGESTS
 *   repair.c    equal contexts, unequal states: PAGE, DIGESTS, FIX, OBJECT
 *   due.c       for whom there is something to be done; when for the others
 *   links.c     dispatch, time, actions
 *
 * Messages are built when the driver asks for them (gossip__links_next), never before: so what they
 * tell is fresh and persisted, and all that waits here are a few words for each.
 */
#ifndef GOSSIP_CORE_PEERS_H
#define GOSSIP_CORE_PEERS_H
#include "gossip/core/links.h"

#define GOSSIP__PEERS_MAX 1024
#define GOSSIP__ADDRESS_MAX 255
#define GOSSIP__REPLIES_MAX 64      /* waiting for one peer; requests beyond are dropped */
#define GOSSIP__AGAIN_US 50000      /* who was refused memory, or by a busy peer, waits so long */
#define GOSSIP__REFUSALS_MAX 8      /* of those who are no peers */
#define GOSSIP__STRANGERS_MAX 65536 /* ids that one peer makes known by vectors alone */
#define GOSSIP__TELL_MAX 32768      /* components of a vector in one message */
#define GOSSIP__SILENT_TIMEOUTS 4   /* requests lost in a row, nothing heard: the peer is down */
#define GOSSIP__DEAF_TIMEOUTS 2     /* so many of them: it may be out of reach, and yet reach us */
#define GOSSIP__DIAL_US 250000      /* first wait before dialling again; doubles up to ... */
#define GOSSIP__DIAL_MAX_US 10000000
#define GOSSIP__HELLO_PEERS 64                   /* addresses told in a HELLO */
#define GOSSIP__SNAPSHOT_MAX (UINT64_C(4) << 30) /* bytes of a snapshot that is taken in */
#define GOSSIP__SNAPSHOT_IDLE_US 60000000        /* one that nobody asks for is let go */
#define GOSSIP__SNAP_WINDOW 4                    /* pieces of it that are asked for at a time */
#define GOSSIP__SNAPSHOT_WAIT_US 64000000 /* after one in vain at most; it doubles up to that */
#define GOSSIP__PAGE_MAX 1024             /* digests in one message */

/* Entries of one replica in a message that is in flight: its dots from + 1 .. to. */
typedef struct gossip__span {
    uint32_t who;
    uint64_t from, to;
} gossip__span;

typedef struct gossip__request {
    uint32_t        id; /* 0: a free place */
    gossip_msg_kind kind;
    gossip_time     sent, deadline;
    uint32_t        bytes;            /* of entries */
    uint32_t        version;          /* of this node's vector that it told; 0: none */
    uint32_t        taken;            /* the version of the peer's that it said was taken in */
    uint64_t        clock, raises;    /* links.clock and the peer's raises then */
    uint64_t        snapshot, offset; /* SNAP: of which, and from where */
    bool            compares;         /* PAGE: on demand, not for repair */
    gossip__span   *spans;            /* PUSH */
    uint32_t        spans_count, spans_cap;
} gossip__request;

/* A reply that is to be built. */
typedef struct gossip__reply {
    gossip_msg_kind kind;
    uint32_t        link, id;
    uint32_t        version; /* of the vector that the request told */
    gossip_refusal  refusal;
    bool            prune, same;
    gossip_msg_kind asked; /* STATE: by SYNC or WANT */
    crdt_digest     root;  /* STATE: the asker's */
    uint64_t        after; /* it waits until the log is persisted up to here ... */
    gossip_time     until; /* ... or it is that late */
    uint64_t        snapshot_id, offset;
    uint16_t        type;
    uint8_t        *name; /* allocated */
    uint32_t        name_size;
} gossip__reply;

typedef struct gossip__address {
    uint8_t size; /* 0: none */
    uint8_t bytes[GOSSIP__ADDRESS_MAX];
} gossip__address;

typedef struct gossip__peer {
    gossip_peer handle;
    bool        configured; /* by gossip_engine_add_peer */
    bool        itself; /* the address leads to this very node, or to one that another peer is */
    bool        active; /* on links.active */
    bool        wanted, wants; /* by the topology; the next wanted */
    bool        gone;          /* forgotten; its record goes once the driver knows */
    bool        broken;        /* its link cannot go on: it begins again */
    bool        clone;         /* what answers there bears this node's own id: no link */
    bool        awake;         /* there may be something to be done for it (due.c) */
    gossip_peer awake_before, awake_after;
    uint32_t    heap_at; /* + 1; 0: not in the heap */
    gossip_time due;     /* in the heap: when its time comes */
    uint64_t    node, replica;

    /* -- hello.c */
    uint32_t    link, driver_link; /* of what comes; 0: none; what the driver was told */
    uint32_t    link_out;          /* of what goes */
    uint64_t    nonce;             /* what this node says in HELLO to this peer; 0: none yet */
    bool        nonce_used;        /* by a link: no second one begins with it from here */
    bool        confirmed;         /* the other side knows the link, too */
    uint64_t    their_nonce, their_old[4];
    uint32_t    hello_id;           /* of the HELLO that is in flight; 0: none */
    gossip_time dial_at, dial_wait; /* HELLO is due; the wait after it */
    gossip_time begun;
    gossip_time patience; /* with the link, though it is not wanted; grows each time it returns */
    uint32_t    dials;    /* since something came */
    uint32_t    frame_max;
    const crdt_type **common; /* the types that both know, NULL: all that this store knows */
    crdt_types        common_types;
    size_t            common_cap;
    bool              knows_all; /* the types that this store knows */

    /* -- requests and replies (peers.c) */
    gossip__request *requests; /* credit_frames of them, once linked */
    uint32_t         in_flight;
    uint64_t         flying;   /* bytes of entries in them */
    uint32_t         timeouts; /* in a row */
    gossip_time      timeout, timed_out, silent_since;
    gossip_time      round_trip, variation; /* smoothed; 0: none was measured on this link */
    gossip__reply   *replies;
    uint32_t         replies_count, replies_cap;

    /* -- vectors.c */
    gossip__vec known, offered, sent;                /* holds; was sent, too; was sent once */
    bool        vector_known;                        /* on this link */
    uint64_t    raises;                              /* of known, so far */
    uint32_t    taken, taken_told;                   /* of its vector: taken in; it knows that */
    uint32_t    version, acked_version, out_version; /* of this node's, as told on this link */
    uint64_t    acked_clock, out_clock;
    uint64_t    same_clock; /* at which it held all */
    uint64_t    needed;     /* below this position it has everything */
    uint32_t    strangers;
    uint32_t   *forked; /* replicas of which it has another history */
    uint32_t    forked_count;
    size_t      forked_cap;

    /* -- sync.c, push.c */
    bool        eager;
    uint32_t    credit;   /* bytes it would take */
    bool        sync_now; /* a SYNC is due, out of turn */
    bool        want, graft;
    uint64_t    want_after; /* WANT waits until the log is persisted up to here */
    bool        pulls;      /* it asks for chunk after chunk: nothing is pushed meanwhile */
    gossip_time pulls_until;
    bool        behind;  /* the log cannot serve it */
    uint64_t    push_at; /* log positions before this were offered */
    uint64_t    owed;    /* a lazy link, too, is pushed what is before this */
    gossip_time push_due, pushed, have_due, gap_at;
    uint64_t    have_clock;           /* what the last HAVE told of */
    gossip_time fetch_at, fetch_wait; /* no snapshot before; it brought nothing: grows */
    bool        in_sync;
    uint32_t    unequal; /* syncs in a row with equal contexts and unequal roots */

    /* -- figures */
    gossip_time heard;
    uint64_t    sent_messages, received, entries_sent, entries_received, duplicates, resent;
    uint64_t    refused, malformed;
    crdt_err    error;
    /* Last: what is looked at often is close together. */
    gossip__address address;
    gossip__address other; /* of the same node: tried when that one does not answer */
} gossip__peer;

/* Replicas in order of when their held dots were last raised, the newest first. */
typedef struct gossip__rank {
    uint64_t at; /* links.clock then; 0: never */
    uint32_t newer, older;
    uint32_t mark, index; /* scratch of a message that is built, or taken apart */
} gossip__rank;

/* The last entry of an origin so far in a message that is taken apart. */
typedef struct gossip__tail {
    uint32_t entry, tag_before; /* entry + 1; 0: none yet */
} gossip__tail;

/* A reply to one who is no peer. */
typedef struct gossip__refusal {
    uint32_t       id;
    gossip_refusal refusal;
} gossip__refusal;

/* A snapshot that is served. */
typedef struct gossip__served {
    uint64_t    id; /* 0: none */
    crdt_buf    bytes;
    crdt_digest whole;
    uint64_t    position;       /* of the log: it has all before */
    gossip_time used, slice_at; /* slice_at: while it is made, the next */
} gossip__served;

/* A snapshot that is fetched: some pieces at a time, for a round trip may be long. */
typedef struct gossip__fetched {
    gossip_peer peer; /* 0: none */
    uint64_t    id, size;
    crdt_digest whole;
    crdt_buf    bytes; /* from the beginning, without a gap */
    uint64_t    piece; /* bytes of each but the last, as the first had them; 0: none came yet */
    bool        asked[GOSSIP__SNAP_WINDOW]; /* a SNAP is in flight; by the piece's number */
    crdt_buf    ahead[GOSSIP__SNAP_WINDOW]; /* what came before what precedes it */
    gossip_time ask_at;
    uint64_t    joined; /* the end of the log when the last one was joined */
} gossip__fetched;

/* This store's objects beside pages of a peer's digests, in key order. */
typedef struct gossip__side {
    const gossip_object_digest *page;
    uint32_t                    count, at;
    bool                        more; /* another page follows */
    bool                        here; /* what was found is in this store */
    crdt_buf                   *key;  /* the next that is looked at, with type */
    uint16_t                    type;
    uint32_t                    steps; /* before a pause */
} gossip__side;

/* A comparison on demand. */
typedef enum gossip__stage_of {
    GOSSIP__TO_ASK,
    GOSSIP__ASKED,
    GOSSIP__TO_READ, /* a page */
    GOSSIP__TO_TELL  /* that it is over */
} gossip__stage_of;
typedef struct gossip__comparison {
    gossip_peer           peer; /* 0: none */
    gossip__stage_of      stage;
    crdt_err              err;
    uint64_t              found;
    gossip_diff           richer;      /* of what both have */
    gossip_time           at, give_up; /* not before; not after */
    gossip__side          side;
    crdt_buf              key, names; /* names: of the page */
    gossip_object_digest *page;
    size_t                page_cap;
} gossip__comparison;

/* A repair in progress, from this node's side. */
typedef struct gossip__repair {
    gossip_peer peer;     /* 0: none */
    bool        asked;    /* a PAGE or FIX is in flight */
    bool        fix;      /* FIX is next, of name and type; else PAGE from there */
    bool        found;    /* an object that differs */
    bool        replaced; /* some was, and no snapshot tells of it yet */
    crdt_buf    name;
    uint16_t    type;
    crdt_digest mine, theirs; /* of the object to be fixed, as kept up */
    uint64_t    clock;        /* links.clock: a raise since then ends it */
    gossip_time not_before;   /* the next one */
} gossip__repair;

struct gossip__links {
    gossip__peer **peers; /* by handle - 1; NULL: free */
    size_t         peers_count, peers_cap;
    gossip_peer   *active; /* linked, dialled, or with something for the driver */
    size_t         active_count, active_cap;
    gossip_peer    awake_first, awake_last; /* of those; in order of turns */
    gossip__peer **heap;                    /* of the others; the next that is due first */
    size_t         heap_count, heap_cap;
    uint64_t       looks; /* how often a peer was looked at, by ticks, drains and deadlines */
    uint32_t       count, linked; /* peers; with a link */
    uint32_t       next_id;
    bool           topology_due, reminted, starved, some_gone, some_broken;
    gossip_time    starved_until;
    uint64_t       clone_boot; /* that was last reported */
    uint64_t       alone;      /* own entries before this position are known to be held elsewhere */

    gossip__rank *ranks; /* by who */
    uint32_t      ranks_count;
    size_t        ranks_cap;
    uint32_t      newest, mark;
    uint64_t      clock; /* raises so far */
    uint64_t      seen;  /* log position up to which raises are counted */

    gossip_time round_at, round_us; /* the next; its interval now */
    size_t      turn;               /* whose: among the active */
    uint64_t    told_news;          /* log.persisted at the last news */
    uint64_t    aged, aged_next;    /* log positions that are graft_us old; of the sample */
    gossip_time aged_at;            /* when aged_next was the end of the log */

    gossip__refusal    refusals[GOSSIP__REFUSALS_MAX];
    uint32_t           refusals_count;
    gossip__served     served;
    gossip__fetched    fetched;
    gossip__repair     repair;
    gossip__comparison comparison;

    /* The message that is built, and what it points to. */
    gossip_msg            msg;
    uint32_t              answered; /* the version of the peer's vector that it acknowledges */
    gossip_known         *vector;
    size_t                vector_cap;
    gossip_entry         *entries;
    size_t                entries_cap;
    gossip_origin        *origins;
    size_t                origins_cap;
    gossip__tail         *tails; /* while a message is taken apart: by origin */
    size_t                tails_cap;
    gossip_type          *types;
    size_t                types_cap;
    crdt_view             views[GOSSIP__HELLO_PEERS];
    gossip_object_digest *digests;
    size_t                digests_cap;
    crdt_buf              bytes, name;
};

/* -- peers.c */
/* Room for need items of size in *p. Errors: ENOMEM. */
crdt_err gossip__room(gossip_engine *engine, void *p, size_t *cap, size_t need, size_t size);
/* Sorts items that begin with a u64 by it. */
void          gossip__sort(void *items, size_t count, size_t size);
gossip__peer *gossip__peer_get(const gossip_engine *engine, gossip_peer handle); /* NULL: none */
gossip__peer *gossip__peer_by_node(const gossip_engine *engine, uint64_t node);
gossip__peer *gossip__peer_by_address(const gossip_engine *engine, crdt_view address);
/* address may be empty. Errors: ENOMEM, ELIMIT. */
crdt_err gossip__peer_make(gossip_engine *engine, crdt_view address, gossip__peer **ret_peer);
void     gossip__peer_free(gossip_engine *engine, gossip__peer *peer);
/* There is something to be done for it: on the list of those that are looked after. */
void gossip__peer_activate(gossip_engine *engine, gossip__peer *peer);
/* Everything that belongs to its link goes. */
void gossip__peer_reset(gossip_engine *engine, gossip__peer *peer);
/* A request in flight. NULL: none is free; or out of memory. */
gossip__request *gossip__request_new(gossip_engine *engine, gossip__peer *peer,
                                     gossip_msg_kind kind);
gossip__request *gossip__request_find(const gossip_engine *engine, gossip__peer *peer, uint32_t id);
bool             gossip__request_flying(const gossip_engine *engine, const gossip__peer *peer,
                                        gossip_msg_kind kind);
void             gossip__request_done(gossip__peer *peer, gossip__request *request);
/* How long a round trip takes at most, by those that were measured on this link: the smoothed one
 * and four times its variation (Jacobson, "Congestion avoidance and control", 1988). */
gossip_time gossip__round_trip(const gossip_engine *engine, const gossip__peer *peer);
uint32_t    gossip__next_id(gossip_engine *engine);
/* A place for a reply. NULL: too many wait, or out of memory: the request is dropped. */
gossip__reply *gossip__reply_new(gossip_engine *engine, gossip__peer *peer, gossip_msg_kind kind,
                                 uint32_t id);
void           gossip__reply_done(gossip_engine *engine, gossip__peer *peer, uint32_t index);
void gossip__refuse(gossip_engine *engine, gossip__peer *peer, uint32_t id, gossip_refusal refusal);
/* What cannot have been meant: counted. */
void                        gossip__bad(gossip_engine *engine, gossip__peer *peer, crdt_err err);
static inline gossip__rank *gossip__rank_of(const gossip_engine *engine, uint32_t who)
{
    return &engine->links->ranks[who];
}
static inline crdt_view gossip__address_of(const gossip__peer *peer)
{
    return crdt_view_of(peer->address.bytes, peer->address.size);
}
/* What goes to it gets no answer, perhaps for want of an address: it is not counted on that pushes
 * arrive, so what it asks for is in the reply, too. */
static inline bool gossip__is_deaf(const gossip__peer *peer)
{
    return peer->timeouts >= GOSSIP__DEAF_TIMEOUTS;
}
static inline bool gossip__is_none(crdt_digest digest)
{
    return digest.lo == 0 && digest.hi == 0;
}
static inline gossip_time gossip__jitter(gossip_engine *engine, gossip_time us)
{
    return us - us / 5 + gossip__random(engine) % (us / 5 * 2 + 1);
}

/* -- due.c */
/* Something about it has changed. */
void gossip__wake(gossip_engine *engine, gossip__peer *peer);
/* Those whose time has come. */
void gossip__wake_due(gossip_engine *engine);
/* There is nothing to be done for it until `due` (or until it is woken). */
void gossip__sleep(gossip_engine *engine, gossip__peer *peer, gossip_time due);
/* Who is awake, in order of turns; NULL: nobody (more). */
gossip__peer *gossip__awake(const gossip_engine *engine);
gossip__peer *gossip__awake_after(const gossip_engine *engine, const gossip__peer *peer);
/* It had its turn. */
void gossip__turn_over(gossip_engine *engine, gossip__peer *peer);
/* When the time of the next who sleeps comes. */
gossip_time gossip__next_due(const gossip_engine *engine);
void        gossip__due_forget(gossip_engine *engine, gossip__peer *peer);

/* -- hello.c */
crdt_err gossip__hello_in(gossip_engine *engine, gossip_peer from, const gossip_msg *msg);
crdt_err gossip__welcome_in(gossip_engine *engine, gossip_peer from, const gossip_msg *msg);
void     gossip__refused_in(gossip_engine *engine, gossip_peer from, const gossip_msg *msg);
/* The link is no more; redial: say HELLO at once if it is wanted. */
void gossip__unlink(gossip_engine *engine, gossip__peer *peer, bool redial);
void gossip__confirm(gossip_engine *engine, gossip__peer *peer);
void gossip__dial(gossip_engine *engine, gossip__peer *peer, gossip_time at);
/* HELLO if it is due. Errors: ENOMEM. */
crdt_err gossip__hello_build(gossip_engine *engine, gossip__peer *peer, bool *ret_built);
crdt_err gossip__welcome_build(gossip_engine *engine, gossip__peer *peer, uint32_t id);

/* -- topology.c */
void gossip__topology(gossip_engine *engine);
/* When the link is to end because it is not wanted. */
gossip_time gossip__unwanted_at(const gossip_engine *engine, const gossip__peer *peer);

/* -- vectors.c */
/* Ranks for all ids, and the order follows the log. Errors: ENOMEM. */
crdt_err gossip__ranks_follow(gossip_engine *engine);
/* Into ret_vector: what changed since the peer's last acknowledgement. Errors: ENOMEM. */
crdt_err gossip__tell(gossip_engine *engine, gossip__peer *peer, gossip_vector *ret_vector);
void     gossip__told(gossip__peer *peer, uint32_t version); /* it was acknowledged */
/* What a peer tells. complete: such a message always tells all. Errors: ENOMEM, EMALFORMED. */
crdt_err gossip__take(gossip_engine *engine, gossip__peer *peer, const gossip_vector *vector,
                      bool complete);
/* It holds who up to seq. Errors: ENOMEM. */
crdt_err gossip__knows(gossip_engine *engine, gossip__peer *peer, uint32_t who, uint64_t seq);
/* Roots were equal at this clock: it holds all that was told by then. Errors: ENOMEM. */
crdt_err gossip__knows_all(gossip_engine *engine, gossip__peer *peer, uint64_t clock);
/* offered becomes known and what may be on its way. Errors: ENOMEM. */
crdt_err gossip__offer_again(gossip_engine *engine, gossip__peer *peer);
bool     gossip__is_forked(const gossip__peer *peer, uint32_t who);
void     gossip__fork(gossip_engine *engine, gossip__peer *peer, uint32_t who);
/* Can it be served from the log alone? What it has another history of it would not take. */
bool gossip__serves(const gossip_engine *engine, const gossip__peer *peer);
/* The peer is known to hold dots that are not in this store. */
bool gossip__peer_has_more(const gossip_engine *engine, const gossip__peer *peer);

/* -- sync.c: SYNC, WANT, STATE */
crdt_err gossip__sync_in(gossip_engine *engine, gossip__peer *peer, const gossip_msg *msg);
crdt_err gossip__state_in(gossip_engine *engine, uint64_t ms, gossip__peer *peer,
                          const gossip_msg *msg, gossip__request *request);
crdt_err gossip__state_build(gossip_engine *engine, gossip__peer *peer, const gossip__reply *reply);
/* A request if one is due: then *ret_built. Errors: ENOMEM. */
crdt_err    gossip__sync_build(gossip_engine *engine, gossip__peer *peer, bool *ret_built);
void        gossip__rounds_tick(gossip_engine *engine);
void        gossip__rounds_news(gossip_engine *engine);
crdt_digest gossip__root(gossip_engine *engine, const gossip__peer *peer);
/* Bytes that would be taken in now. */
uint32_t gossip__credit(const gossip_engine *engine);
bool     gossip__pulling(const gossip_engine *engine, const gossip__peer *peer);
/* Log positions before this one are graft_us old: what is younger may be on its way already. */
uint64_t gossip__aged(gossip_engine *engine);

/* -- push.c: PUSH, HAVE, TOOK; entries in messages */
/* Adds the record to links.msg, between begin and end. Errors: ENOMEM. */
crdt_err gossip__entry_add(gossip_engine *engine, gossip__peer *peer, const gossip__record *record,
                           gossip__request *request);
void     gossip__entries_begin(gossip_engine *engine);
void     gossip__entries_end(gossip_engine *engine);
size_t   gossip__entry_size(const gossip__record *record);
/* Delivers a message's entries. *ret_news: one was no duplicate. Errors: ENOMEM, EMALFORMED. */
typedef struct gossip__taken {
    bool news, again, lacking; /* some was new; was had from this very peer; waits for its past */
} gossip__taken;
crdt_err gossip__entries_in(gossip_engine *engine, uint64_t ms, gossip__peer *peer,
                            const gossip_msg *msg, gossip__taken *ret_taken);
crdt_err gossip__push_in(gossip_engine *engine, uint64_t ms, gossip__peer *peer,
                         const gossip_msg *msg);
crdt_err gossip__have_in(gossip_engine *engine, gossip__peer *peer, const gossip_msg *msg);
crdt_err gossip__took_in(gossip_engine *engine, gossip__peer *peer, const gossip_msg *msg,
                         gossip__request *request);
crdt_err gossip__took_build(gossip_engine *engine, gossip__peer *peer, const gossip__reply *reply);
crdt_err gossip__push_build(gossip_engine *engine, gossip__peer *peer, bool *ret_built);
void     gossip__push_lost(gossip_engine *engine, gossip__peer *peer, const gossip__request *lost);
/* The peer has just told what it holds. What was pushed more than a round trip before and is not in
 * it was lost, however long its timeout may have grown: it is in flight no more. */
void gossip__push_missed(gossip_engine *engine, gossip__peer *peer);
void gossip__push_news(gossip_engine *engine, gossip__peer *peer);
bool gossip__push_waits(const gossip_engine *engine, const gossip__peer *peer);
/* What the peer lacks is looked for anew, from the beginning. */
void gossip__push_rewind(gossip_engine *engine, gossip__peer *peer);

/* -- snap.c: SNAP, CHUNK */
crdt_err gossip__snap_in(gossip_engine *engine, gossip__peer *peer, const gossip_msg *msg);
crdt_err gossip__chunk_in(gossip_engine *engine, uint64_t ms, gossip__peer *peer,
                          const gossip__request *request, const gossip_msg *msg);
/* The request is in flight no more. */
void     gossip__snap_unasked(gossip_engine *engine, const gossip__peer *peer,
                              const gossip__request *request);
crdt_err gossip__chunk_build(gossip_engine *engine, gossip__peer *peer, const gossip__reply *reply);
crdt_err gossip__snap_build(gossip_engine *engine, gossip__peer *peer, bool *ret_built);
/* This peer has what is in no log. */
void gossip__fetch(gossip_engine *engine, gossip__peer *peer);
void gossip__fetch_failed(gossip_engine *engine, gossip__peer *peer, const gossip__request *request,
                          gossip_refusal refusal);
/* Errors: ENOMEM, EBUSY. */
crdt_err    gossip__snap_tick(gossip_engine *engine, uint64_t ms);
gossip_time gossip__snap_deadline(const gossip_engine *engine);
void        gossip__snap_free(gossip_engine *engine);

/* -- compare.c: PAGE, DIGESTS */
int gossip__compare_keys(crdt_view a, uint16_t a_type, crdt_view b, uint16_t b_type);
/* In order, from (name, type) on; empty only if it is the last one. */
bool gossip__page_is_sound(const gossip_msg *msg, crdt_view name, uint16_t type);
/* The key behind (name, type). Errors: ENOMEM. */
crdt_err gossip__key_behind(crdt_buf *key, crdt_view name, uint16_t *type);
typedef enum gossip__step {
    GOSSIP__STEP_DIFFERS, /* an object that both can read: here (*ret_mine), there, or both */
    GOSSIP__PAGE_ENDS,
    GOSSIP__ALL_ENDS,
    GOSSIP__PAUSES,    /* no steps are left */
    GOSSIP__STEP_FAILS /* ENOMEM */
} gossip__step;
/* To the next difference. *ret_theirs: NULL if it is not there. */
gossip__step gossip__compare_step(gossip_engine *engine, const gossip__peer *peer,
                                  gossip__side *side, crdt_object *ret_mine,
                                  const gossip_object_digest **ret_theirs);
crdt_err gossip__comparison_in(gossip_engine *engine, gossip__peer *peer, const gossip_msg *msg);
crdt_err gossip__comparison_build(gossip_engine *engine, gossip__peer *peer, bool *ret_built);
/* The link is no more. */
void gossip__comparison_lost(gossip_engine *engine, const gossip__peer *peer);
/* The page that was asked for will not come. */
void        gossip__comparison_unasked(gossip_engine *engine, const gossip__peer *peer,
                                       gossip_refusal refusal);
void        gossip__comparison_tick(gossip_engine *engine);
gossip_time gossip__comparison_deadline(const gossip_engine *engine);
bool        gossip__comparison_next(gossip_engine *engine, gossip_action *ret_action);

/* -- repair.c: PAGE, DIGESTS, FIX, OBJECT */
crdt_err gossip__repair_in(gossip_engine *engine, gossip__peer *peer, const gossip_msg *msg);
crdt_err gossip__digests_in(gossip_engine *engine, gossip__peer *peer, const gossip_msg *msg);
crdt_err gossip__object_in(gossip_engine *engine, gossip__peer *peer, const gossip_msg *msg);
crdt_err gossip__repair_reply(gossip_engine *engine, gossip__peer *peer,
                              const gossip__reply *reply);
crdt_err gossip__repair_build(gossip_engine *engine, gossip__peer *peer, bool *ret_built);
/* Contexts are equal, roots are not. */
void gossip__repair_begin(gossip_engine *engine, gossip__peer *peer);
void gossip__repair_stop(gossip_engine *engine);
void gossip__repair_tick(gossip_engine *engine);

#endif
