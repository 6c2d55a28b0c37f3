/* nng_impl.h: what gossip/nng*.c share.
 *
 * Operations  What is asked of NNG (accept, dial, receive, send, sleep) is an operation. It is
 *             begun by the owner's thread; when it is done a thread of NNG puts it into the list of
 *             news and wakes the owner, whose next turn finishes it. So one thread owns all but the
 *             list, whose lock guards the fields of an operation marked so.
 * Closing     A stream is closed by the owner: that ends what is under way over it. It waits for
 *             the callbacks, which do nothing but the above, and frees the stream. Nothing is begun
 *             over a closed stream, and no operation over a stream is cancelled or has a timeout of
 *             NNG's: in 1.5.2 either may never end, or touch what was freed.
 */
#ifndef GOSSIP_NNG_IMPL_H
#define GOSSIP_NNG_IMPL_H
#include <nng/nng.h>
#include <nng/supplemental/tls/tls.h>
#include <nng/supplemental/util/platform.h>
#include <pthread.h>

#include "gossip/nng.h"

#define GOSSIP__NNG_REQUESTS 32u /* under way to one peer */
#define GOSSIP__NNG_REQUEST_BYTES (2u << 20)
#define GOSSIP__NNG_PEERS 1024u
#define GOSSIP__NNG_NOTICES 16u
#define GOSSIP__NNG_SILENT_MS 1000u /* what was silent for so long may be closed for a new one */
#define GOSSIP__NNG_IDLE_MS 60000u
#define GOSSIP__NNG_REST_MS 100u /* after an accept that failed */

typedef struct gossip__nng_op gossip__nng_op;
struct gossip__nng_op {
    gossip_nng *nng;
    void       *of;                     /* what it is part of */
    void (*finish)(gossip__nng_op *op); /* called in a turn, once it is done */
    nng_aio        *aio;
    bool            done, listed; /* locked */
    size_t          enough;       /* locked: if it moves so many bytes nobody need be woken */
    gossip__nng_op *next;         /* locked: of the news */
};

/* What is to be sent. */
typedef struct gossip__nng_out {
    struct gossip__nng_out *next;
    uint32_t                id; /* of the request */
    size_t                  size;
    uint8_t                 bytes[];
} gossip__nng_out;

typedef struct gossip__nng_peer gossip__nng_peer;

typedef struct gossip__nng_conn {
    gossip_nng              *nng;
    gossip__nng_peer        *peer;   /* NULL: it was accepted */
    nng_stream              *stream; /* NULL: none (yet) */
    gossip__nng_op           receive, send;
    bool                     receiving, sending, greeted, ready;
    struct gossip__nng_conn *next_ready;
    uint8_t                 *in; /* what came and was not taken: from..to */
    size_t                   in_cap, from, to;
    gossip__nng_out         *first, **last;
    size_t                   out_bytes, written; /* written: of the first */
    uint32_t                 out_count;
    nng_time                 began, heard, moved; /* moved: bytes left, or nothing was to be sent */
    /* Accepted ones: */
    struct gossip__nng_conn *next;
    uint32_t                 number; /* in tokens */
    nng_time                 answered;
    char                     remote[64];
} gossip__nng_conn;

/* A request under way, or one that was lost and is not taken yet. */
typedef struct gossip__nng_request {
    struct gossip__nng_request *next;
    gossip__nng_peer           *peer;
    uint32_t                    id;
    uint64_t                    token; /* the owner's */
    size_t                      size;
    nng_time                    until;
} gossip__nng_request;

struct gossip__nng_peer {
    gossip_nng          *nng;
    char                 address[256];
    uint8_t              address_size;
    bool                 usable; /* the address can be dialled */
    bool                 resting, late;
    nng_stream_dialer   *dialer; /* NULL: it is not being dialled */
    gossip__nng_op       dial;   /* or a rest before that */
    nng_time             dialled_at;
    uint32_t             pause_ms;
    gossip__nng_conn     conn;
    gossip__nng_request *requests, **requests_last; /* oldest first */
    uint32_t             next_id, in_flight;
    size_t               in_flight_bytes;
    uint64_t             dialled, sent, answered, lost, dropped, bytes_in, bytes_out;
    char                 problem[128];
};

/* A file's text; data NULL: none. */
typedef struct gossip__nng_text {
    char  *data;
    size_t size; /* with its NUL */
} gossip__nng_text;

/* Why accepted connections were closed, to be told. */
typedef enum gossip__nng_reason {
    GOSSIP__NNG_TLS,
    GOSSIP__NNG_PROTOCOL,
    GOSSIP__NNG_SIZE,
    GOSSIP__NNG_REASONS
} gossip__nng_reason;

struct gossip_nng {
    gossip_nng_options options;
    const crdt_mem    *mem;
    char               url[256];
    bool               cut;
    gossip__nng_text   ca, cert, key;

    pthread_mutex_t lock;
    pthread_cond_t  came;
    gossip__nng_op *news, **news_last; /* locked, and the next two */
    uint32_t        news_count;
    bool            woken;

    nng_time clock; /* NNG's, when last looked at */
    nng_time now;   /* the owner's: it stands still while the owner does not look */

    nng_stream_listener *listener;
    gossip__nng_op       accept; /* or a rest before that */
    bool                 accept_rests, accept_failed;
    gossip__nng_conn    *accepted;
    uint32_t             accepted_count, next_number;
    struct {
        uint64_t count;
        char     remote[64];
    } closed[GOSSIP__NNG_REASONS]; /* since they were told */

    gossip__nng_peer **peers; /* ascending by address */
    uint32_t           peers_count, peers_cap;

    gossip__nng_conn    *ready, **ready_last; /* a whole message stands in them; each in turn */
    gossip__nng_request *lost, **lost_last;
    gossip__nng_conn    *current;      /* in it stands what take gave out */
    gossip__nng_request *current_lost; /* or this is it */
    uint8_t             *orphan;       /* the buffer of what was current, and has been closed */
    size_t               orphan_size;

    gossip_nng_stats stats;
    char             notices[GOSSIP__NNG_NOTICES][256]; /* a ring */
    uint32_t         notices_at, notices_count;
};

/* nng.c */
bool gossip__nng_op_init(gossip__nng_op *op, gossip_nng *nng, void *of,
                         void (*finish)(gossip__nng_op *op));
/* Before it is handed to NNG. */
void gossip__nng_op_begin(gossip__nng_op *op, size_t enough);
/* Whatever it does now: wake the owner when it is done. If it is, it is finished here. */
void gossip__nng_op_hurry(gossip__nng_op *op);
/* It has been ended: wait for its callback, forget what it did. */
void                                       gossip__nng_op_wait(gossip__nng_op *op);
void                                       gossip__nng_op_free(gossip__nng_op *op);
void                                       gossip__nng_wake(const gossip_nng *nng);
__attribute__((format(printf, 2, 3))) void gossip__nng_notify(gossip_nng *nng, const char *format,
                                                              ...);

/* nng_conn.c */
bool gossip__nng_conn_init(gossip__nng_conn *conn, gossip_nng *nng, gossip__nng_peer *peer);
void gossip__nng_conn_free(gossip__nng_conn *conn);
/* The stream is its own from now on, or closed: false, there is no memory. */
bool gossip__nng_conn_open(gossip__nng_conn *conn, nng_stream *stream);
/* Forgets all that stands in it; it can be opened again. */
void gossip__nng_conn_close(gossip__nng_conn *conn);
/* Look at what came, or receive more. The connection may be closed, and freed, in this. */
void gossip__nng_conn_go_on(gossip__nng_conn *conn);
/* The message that stands in a connection that was ready. */
crdt_view gossip__nng_conn_pop(gossip__nng_conn *conn, uint32_t *ret_id);
/* False: no memory. Else the connection may be closed, and freed, in this. */
bool gossip__nng_conn_push(gossip__nng_conn *conn, uint32_t id, crdt_view bytes);
/* What was not sent yet is not sent any more. */
void gossip__nng_conn_unpush(gossip__nng_conn *conn, uint32_t id);
/* Nothing moves, or it was never greeted, or it is gone: why it is to be closed; 0: it is not. */
int  gossip__nng_conn_hangs(const gossip__nng_conn *conn);
void gossip__nng_drop_stream(nng_stream *stream);

/* nng_listen.c */
crdt_err gossip__nng_listen(gossip_nng *nng, char ret_problem[256]);
void     gossip__nng_stop_listening(gossip_nng *nng);
void     gossip__nng_reply(gossip_nng *nng, crdt_view bytes, uint64_t from);
/* An accepted connection goes. */
void gossip__nng_accepted_failed(gossip__nng_conn *conn, int rv);
void gossip__nng_look_at_accepted(gossip_nng *nng);

/* nng_dial.c */
void gossip__nng_request_to(gossip_nng *nng, crdt_view address, crdt_view bytes, uint64_t token);
void gossip__nng_greeted(gossip__nng_peer *peer);
void gossip__nng_peer_failed(gossip__nng_peer *peer, int rv);
/* The request that this answers; NULL: none waits. */
gossip__nng_request *gossip__nng_answered(gossip__nng_peer *peer, uint32_t id);
void                 gossip__nng_free_request(gossip__nng_request *request);
void                 gossip__nng_look_at_peers(gossip_nng *nng);
void                 gossip__nng_close_peer(gossip__nng_peer *peer);

/* nng_endpoint.c: what listeners and dialers are given */
crdt_err gossip__nng_read_pem(gossip_nng *nng, char ret_problem[256]);
void     gossip__nng_forget_pem(gossip_nng *nng);
/* Whether this may be listened on or dialled. */
bool gossip__nng_fits(const gossip_nng *nng, const char *url);
int  gossip__nng_make_listener(const gossip_nng *nng, const char *url,
                               nng_stream_listener **ret_listener);
int gossip__nng_make_dialer(const gossip_nng *nng, const char *url, nng_stream_dialer **ret_dialer);
/* Who is at the other end, in words. */
void gossip__nng_name(nng_stream *stream, char ret_name[64]);

#endif
