/* nng_impl.h: what gossip/nng*.c share.
 *
 * One lock guards all that NNG's threads touch. No function of NNG that can wait or call back is
 * called with it held. Everything is allocated by the owner's thread; the others only move work
 * between lists.
 *
 * Quiet first: in 1.5.2 a connection that is closed here just when a part of a message has been
 * read, and its callback has not run yet, is never taken down: it blocks NNG's one thread for that,
 * and nng_close for ever. So nothing is closed over which something may be arriving: a peer's
 * socket only once no reply is awaited; a listener only once nothing is received any more, when
 * each connection stops at the next whole message; for want of room only what has been silent.
 * What is left is a peer that goes away while a part of a message to it has just been written. So
 * sockets are closed by a thread of their own, which the owner gives up waiting for, and
 * connections whose end is never told are forgotten in time.
 */
#ifndef GOSSIP_NNG_IMPL_H
#define GOSSIP_NNG_IMPL_H
#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/protocol/reqrep0/req.h>
#include <nng/supplemental/tls/tls.h>
#include <nng/supplemental/util/platform.h>
#include <pthread.h>

#include "gossip/nng.h"

#define GOSSIP__NNG_SLOTS 128u   /* contexts of the REP socket */
#define GOSSIP__NNG_POSTED 16u   /* of them receiving at once */
#define GOSSIP__NNG_QUEUE 64u    /* of them waiting for the owner */
#define GOSSIP__NNG_SHARE 16u    /* requests that one connection may have here unanswered */
#define GOSSIP__NNG_REQUESTS 32u /* under way to one peer */
#define GOSSIP__NNG_REQUEST_BYTES (2u << 20)
#define GOSSIP__NNG_PEERS 1024u
#define GOSSIP__NNG_NOTICES 16u
#define GOSSIP__NNG_REQUEST_MS 8000
#define GOSSIP__NNG_REPLY_MS 5000
#define GOSSIP__NNG_HEADERS 64u /* more than what NNG puts before a message */

/* What waits for the owner: part of a slot or of a request. */
typedef struct gossip__nng_work {
    struct gossip__nng_work *next;
    gossip_nng_kind          kind;
    nng_msg                 *msg;   /* NULL: LOST */
    void                    *owner; /* the slot or request that this is part of */
} gossip__nng_work;

typedef enum gossip__nng_state {
    GOSSIP__NNG_IDLE,
    GOSSIP__NNG_RECEIVING, /* a slot: for a request. A request: for its reply */
    GOSSIP__NNG_SENDING,
    GOSSIP__NNG_QUEUED,
    GOSSIP__NNG_HELD /* a slot: the owner has the request, no answer was sent */
} gossip__nng_state;

/* A context of the REP socket. */
typedef struct gossip__nng_slot {
    struct gossip_nng       *nng;
    nng_ctx                  ctx;
    nng_aio                 *aio;
    gossip__nng_work         work;
    gossip__nng_state        state;
    uint32_t                 pipe;       /* id; 0: it is gone */
    uint32_t                 generation; /* of the request in it, for tokens */
    uint64_t                 order;      /* when it came */
    size_t                   sending;    /* bytes */
    struct gossip__nng_slot *next;       /* idle ones */
} gossip__nng_slot;

/* A connection that was accepted. */
typedef struct gossip__nng_pipe {
    uint32_t id; /* 0: none */
    uint32_t slots;
    bool     closing;
    uint32_t unanswered;      /* requests that came, less replies */
    nng_time answered, heard; /* when last; answered 0: never; heard: or when it began */
} gossip__nng_pipe;

/* What a listener or dialer has counted. */
typedef struct gossip__nng_counters {
    uint64_t refused, disconnect, timeout, proto, auth, reject, other, sum;
} gossip__nng_counters;

typedef struct gossip__nng_peer gossip__nng_peer;

/* A context of a peer's REQ socket. */
typedef struct gossip__nng_request {
    gossip__nng_peer           *peer;
    nng_ctx                     ctx;
    nng_aio                    *aio;
    gossip__nng_work            work;
    gossip__nng_state           state;
    nng_time                    until;
    uint64_t                    replies; /* of the peer, when it was sent */
    size_t                      size;
    struct gossip__nng_request *next; /* idle ones */
} gossip__nng_request;

struct gossip__nng_peer {
    struct gossip_nng   *nng;
    char                 address[256];
    uint8_t              address_size;
    bool                 open, stuck, leaving; /* stuck: it shall have a fresh connection */
    bool                 odd;                  /* owner's: its dialer may have stopped */
    nng_socket           socket;
    nng_dialer           dialer;
    uint32_t             pipe; /* id; 0: not connected */
    gossip__nng_request *requests[GOSSIP__NNG_REQUESTS];
    uint32_t             requests_count, in_flight, queued; /* of them, waiting for the owner */
    size_t               in_flight_bytes;
    gossip__nng_request *idle;
    uint64_t             dialled, sent, answered, lost, dropped, bytes_in, bytes_out;
    char                 problem[128]; /* owner's, and: */
    gossip__nng_counters counters;     /* of its dialer, as last seen */
    gossip_time          moved;        /* when they last did, or it was connected */
    gossip__nng_peer    *next;         /* those that leave */
};

/* A file's text; data NULL: none. */
typedef struct gossip__nng_text {
    char  *data;
    size_t size; /* with its NUL */
} gossip__nng_text;

/* The watchdog. */
typedef struct gossip__nng_watch {
    nng_socket  socket; /* dials this node */
    bool        open, due, probing, down;
    uint32_t    pipe, closed; /* id of the connection to itself; of the one that was closed */
    nng_time    since;
    gossip_time next, until, looked;
    uint64_t    arrived;           /* when the probe began */
    gossip__nng_counters counters; /* of the listener, as last seen */
} gossip__nng_watch;

struct gossip_nng {
    gossip_nng_options options;
    const crdt_mem    *mem;
    char               url[256];
    bool               cut;
    bool               stuck; /* NNG takes no connection down any more */
    gossip__nng_text   ca, cert, key;

    pthread_mutex_t lock; /* guards the rest but what is marked as the owner's */
    pthread_cond_t  left; /* something was sent */
    bool            closing, woken;
    bool            paused; /* nothing is received */

    bool              listens;
    nng_socket        rep;
    nng_listener      listener; /* owner's */
    gossip__nng_slot  slots[GOSSIP__NNG_SLOTS];
    gossip__nng_slot *idle;
    uint32_t          posted, slots_count;
    gossip__nng_pipe *pipes;
    uint32_t          pipes_cap, pipes_count;
    uint64_t          order;

    gossip__nng_peer **peers; /* ascending by address; the array is the owner's */
    uint32_t           peers_count, peers_cap;
    gossip__nng_peer  *leaving; /* owner's: forgotten, but a reply may come */

    gossip__nng_work       *first, **last;
    uint64_t                requests_bytes, replies_bytes, sending_bytes;
    uint32_t                requests_queued, replies_queued;
    nng_msg                *current; /* owner's: what take gave out */
    const gossip__nng_slot *looking; /* whose request that is; NULL: of none */
    uint64_t                arrived; /* connections, whether they were kept or not */
    gossip_nng_stats        stats;

    gossip__nng_watch watch;                             /* owner's, but for pipe */
    char              notices[GOSSIP__NNG_NOTICES][256]; /* owner's: a ring */
    uint32_t          notices_at, notices_count;
};

/* nng.c */
static inline void gossip__nng_lock(gossip_nng *nng)
{
    pthread_mutex_lock(&nng->lock);
}
static inline void gossip__nng_unlock(gossip_nng *nng)
{
    pthread_mutex_unlock(&nng->lock);
}
/* With the lock held: append; true if wake is to be called once it is not. */
bool gossip__nng_queue(gossip_nng *nng, gossip__nng_work *work);
void gossip__nng_wake(const gossip_nng *nng);
/* nng_close; false: it does not come back, and what NNG may still touch must stay. */
bool gossip__nng_close_socket(gossip_nng *nng, nng_socket socket);
void gossip__nng_note_stuck(gossip_nng *nng);
/* A copy of the bytes; NULL: no memory. */
nng_msg                                   *gossip__nng_message(crdt_view bytes);
__attribute__((format(printf, 2, 3))) void gossip__nng_notify(gossip_nng *nng, const char *format,
                                                              ...);

/* nng_listen.c */
crdt_err gossip__nng_listen(gossip_nng *nng, char ret_problem[256]);
int      gossip__nng_relisten(gossip_nng *nng);
/* Receive nothing; returns once all is quiet. */
void gossip__nng_pause(gossip_nng *nng);
void gossip__nng_resume(gossip_nng *nng);
void gossip__nng_post(gossip_nng *nng);
void gossip__nng_reply(gossip_nng *nng, crdt_view bytes, uint64_t from);
/* With the lock held. */
void gossip__nng_free_slot(gossip_nng *nng, gossip__nng_slot *slot);
void gossip__nng_close_idle(gossip_nng *nng);
void gossip__nng_stop_listening(gossip_nng *nng);

/* nng_dial.c */
void gossip__nng_request_to(gossip_nng *nng, crdt_view address, crdt_view bytes);
/* With the lock held. */
void gossip__nng_free_request(gossip__nng_request *request);
void gossip__nng_close_peer(gossip__nng_peer *peer);
/* Close what can be closed by now, of what was forgotten or answers nothing. */
void gossip__nng_refresh(gossip_nng *nng);
void gossip__nng_redial(gossip__nng_peer *peer);

/* nng_endpoint.c: what listeners and dialers are given */
crdt_err gossip__nng_read_pem(gossip_nng *nng, char ret_problem[256]);
void     gossip__nng_forget_pem(gossip_nng *nng);
/* Whether this may be listened on or dialled. */
bool gossip__nng_fits(const gossip_nng *nng, const char *url);
int  gossip__nng_set_listener(const gossip_nng *nng, nng_listener listener);
/* self: it dials this node, whatever name its certificate bears. */
int gossip__nng_set_dialer(const gossip_nng *nng, nng_dialer dialer, const char *url, bool self);

/* nng_watch.c */
void gossip__nng_watch_start(gossip_nng *nng);
void gossip__nng_watch_stop(gossip_nng *nng);

#endif
