/* nng.h: a gossip_transport over NNG: tcp, ipc, inproc, and tls+tcp with certificates on both ends.
 * Made for NNG 1.5.2 (Debian 12), whose traps are worked round as told below.
 *
 *      gossip_nng_options options = gossip_nng_options_default();
 *      options.listen = "tcp://127.0.0.1:7500";
 *      options.wake = wake;                        // uv_async_send, a byte into an eventfd ...
 *      gossip_nng_open(&options, NULL, &nng, problem);
 *      gossip_transport transport = gossip_nng_transport(nng);
 *      gossip_driver_new(engine, &transport, ...);
 *      when woken:
 *          while (gossip_nng_take(nng, &item))
 *              if (item.kind != GOSSIP_NNG_LOST)
 *                  gossip_driver_receive(driver, now, ms, item.bytes, item.from);
 *          gossip_driver_run(driver, now, ms);
 *      about once a second:
 *          gossip_nng_check(nng, now);
 *
 * Threads   NNG's own only queue what came and call wake; all calls here are made by one thread,
 *           the owner, and so is all use of mem (NNG itself takes what it needs from malloc). Do
 *           not fork once this is open.
 * Sockets   one REP socket that listens; one REQ socket per peer address, made when it is first
 *           sent to. A request has a context of its own and is never sent twice by NNG. There is no
 *           control socket beside it: the engine has no failure detector yet, and what will probe
 *           is to go the way that the data goes, as short requests.
 * Bounds    what waits for the owner: queue_bytes and queue_frames of requests, and as many bytes
 *           of replies. Beyond it nothing is read, TCP holds the senders back, and they are let in
 *           in turn, a message each. A connection that has 16 requests here unanswered loses its
 *           oldest; if there is need, what came over one that was never answered goes first, then
 *           over the one with the most unanswered: who sends rubbish pays with its own. Per
 *           connection NNG itself holds at most one message that came, one that is being read and
 *           one that is being sent, each up to frame_max. Of connections connections_max are kept;
 *           of those that are silent the one least recently answered makes room for a new one, and
 *           after a minute it is closed. To each peer 32 requests and 2 MiB may be under way; more
 *           is dropped.
 * Time      a request that is not answered within 8 s is lost; a peer that did not answer any in
 *           this time gets a fresh connection, for what came between may hold back the old one for
 *           minutes. A reply that is not taken within 5 s is dropped.
 * Watchdog  in 1.5.2 a peer that disconnects while the connection begins can stop a listener on tcp
 *           and ipc for good (nanomsg/nng#1518). So this node dials itself every watch_ms, and at
 *           once when the listener has counted an odd error; if that does not come in, the listener
 *           is closed and opened again. That closes the connections which it had accepted, too. A
 *           dialer that no longer tries is replaced.
 * Stuck     1.5.2 has one thread that takes connections down, and a peer that goes away while a
 *           part of a message to it has just been written can block it for good. It is rare, and
 *           shown: gossip_nng_stats.stuck, a notice. Then only a new process helps.
 * TLS       with tls_ca, tls_cert and tls_key only tls+tcp addresses are listened on or dialled.
 *           Each side must show a certificate of the CA, and the listener's must bear the host that
 *           was dialled as a DNS name (or, without any alternative names, as its common name);
 *           1.5.2 cannot look for an IP address in a certificate: for tls+tcp://127.0.0.1:7500
 *           write it as a DNS name. TLS shows "of our CA"; which node it is, HELLO says.
 */
#ifndef GOSSIP_NNG_H
#define GOSSIP_NNG_H
#include "crdt/mem.h"
#include "gossip/engine.h"
#include "gossip/transport.h"
#ifdef __cplusplus
extern "C" {
#endif

typedef struct gossip_nng gossip_nng;

typedef struct gossip_nng_options {
    size_t      struct_size;
    const char *listen; /* tcp://127.0.0.1:7500 (port 0: any), ipc:///path, inproc://name,
                           tls+tcp://host:port; NULL: only dials */
    const char *tls_ca, *tls_cert, *tls_key; /* PEM files: all or none */
    uint32_t    frame_max;                   /* as gossip_config.frame_max: 4 MiB */
    uint32_t    queue_bytes, queue_frames;   /* of what waits for the owner: 8 MiB, 64 (the most) */
    uint32_t    connections_max;             /* accepted ones: 128 */
    uint32_t    dial_min_ms, dial_max_ms;    /* a lost connection is dialled again: 100, 5,000 */
    uint32_t    watch_ms;                    /* 10,000; 0: no watchdog */
    /* Something can be taken. Called from NNG's threads, once until a take found nothing, and until
     * gossip_nng_close has returned: it must only signal. NULL: the owner looks by itself. */
    void (*wake)(void *user);
    void *user;
} gossip_nng_options;
CRDT_API gossip_nng_options gossip_nng_options_default(void);

/* Listens and returns. ret_problem gets the reason in words, "" if there is none. The strings of
 * the options are copied. Errors: EINVAL (options: a bad address, TLS half given), EIO (the address
 * is in use, a certificate cannot be read), ENOMEM. */
CRDT_MUST_CHECK CRDT_API crdt_err gossip_nng_open(const gossip_nng_options *options,
                                                  const crdt_mem *mem, gossip_nng **ret_nng,
                                                  char ret_problem[256]);
/* What was sent has up to 200 ms to leave; then all is closed. NULL is fine. If NNG is stuck (see
 * the statistics) its memory is left as it is, and exit(3) may wait for ever: _exit does not. False
 * then. */
CRDT_API bool gossip_nng_close(gossip_nng *nng);
/* The address that is listened on, with the port that was chosen; "" if none. */
CRDT_API const char *gossip_nng_url(const gossip_nng *nng);

/* send: a request goes to its address, a reply to where its token came from. */
CRDT_API gossip_transport gossip_nng_transport(gossip_nng *nng);
/* Close what is open to a peer's address. It is opened again if something is sent there. */
CRDT_API void gossip_nng_forget(gossip_nng *nng, crdt_view address);

typedef enum gossip_nng_kind {
    GOSSIP_NNG_REQUEST = 1,
    GOSSIP_NNG_REPLY,
    GOSSIP_NNG_LOST /* a request was not answered; no bytes */
} gossip_nng_kind;

typedef struct gossip_nng_item {
    gossip_nng_kind kind;
    crdt_view       bytes;   /* owned here until the next call of take, forget or close */
    uint64_t        from;    /* REQUEST: the token for gossip_driver_receive */
    crdt_view       address; /* REPLY, LOST: the peer's; good as long as bytes */
} gossip_nng_item;
/* What came, in order; false: nothing. */
CRDT_API bool gossip_nng_take(gossip_nng *nng, gossip_nng_item *ret_item);

/* Look after listener and connections: call it about once a second. True if the listener was
 * opened again. */
CRDT_API bool gossip_nng_check(gossip_nng *nng, gossip_time now);
/* What people should know, oldest first; false: nothing. 16 are kept, the newest. */
CRDT_API bool gossip_nng_notice(gossip_nng *nng, char ret_text[256]);
/* While cut (for demonstrations) nothing is sent, and what comes is thrown away unanswered. */
CRDT_API void gossip_nng_cut(gossip_nng *nng, bool cut);

typedef struct gossip_nng_stats {
    uint64_t restarts;          /* of the listener */
    uint64_t accepted, dialled; /* connections, ever */
    uint64_t refused;           /* did not come to be: TLS, protocol, too many */
    uint64_t closed;            /* for want of room, or idle */
    uint64_t requests_in, replies_out, requests_out, replies_in;
    uint64_t lost;                /* requests without an answer */
    uint64_t dropped;             /* messages for want of room, or that nobody read */
    uint64_t oversize;            /* messages above frame_max */
    uint64_t bytes_in, bytes_out; /* of messages, without NNG's headers */
    uint64_t queued_bytes;        /* waiting for the owner now */
    uint32_t queued_frames, connections, peers;
    bool     stuck; /* NNG takes no connection down any more, and dials no peer again that it has
                       lost: the process should be restarted */
} gossip_nng_stats;
CRDT_API gossip_nng_stats gossip_nng_stats_of(const gossip_nng *nng);

typedef struct gossip_nng_peer_info {
    crdt_view   address; /* borrowed until the next call */
    bool        connected;
    uint32_t    in_flight;
    uint64_t    dialled, sent, answered, lost, dropped, bytes_in, bytes_out;
    const char *problem; /* why it is not connected, as far as known; borrowed; "" if it is */
} gossip_nng_peer_info;
/* The i-th peer that something was sent to; false past the end. */
CRDT_API bool gossip_nng_peer(const gossip_nng *nng, size_t i, gossip_nng_peer_info *ret_info);

#ifdef __cplusplus
}
#endif
#endif
