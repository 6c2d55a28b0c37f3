/* nng.h: a gossip_transport over NNG: tcp, ipc, within a process, and tls+tcp with certificates on
 * both ends. Made for NNG 1.5.2 (Debian 12), of which it uses the byte streams: messages, requests
 * and replies are its own (docs/WIRE.md, "Over NNG").
 *
 *      gossip_nng_options options = gossip_nng_options_default();
 *      options.listen = "tcp://127.0.0.1:7500";
 *      options.wake = wake;                        // uv_async_send, a byte into an eventfd ...
 *      gossip_nng_open(&options, NULL, &nng, problem);
 *      gossip_transport transport = gossip_nng_transport(nng);
 *      gossip_driver_new(engine, &transport, ...);
 *      when woken:
 *          while (gossip_nng_take(nng, &item))
 *              if (item.kind == GOSSIP_NNG_LOST) gossip_driver_lost(driver, now, item.from);
 *              else gossip_driver_receive(driver, now, ms, item.bytes, item.from);
 *          gossip_driver_run(driver, now, ms);
 *      about once a second:
 *          gossip_nng_check(nng);
 *
 * Threads   NNG's own only note what is done and call wake; all calls here are made by one thread,
 *           the owner, and so is all use of mem (NNG itself takes what it needs from malloc). Do
 *           not fork once this is open. Bytes move in take and check: an owner that is busy
 *           elsewhere reads nothing, and for it no time passes: nothing times out for that.
 * Sockets   one connection per peer address, made when it is first sent to and again when it is
 *           lost; our requests and their replies go over it, several at once. The other side's come
 *           over what it has dialled. There is no control socket beside it: the engine has no
 *           failure detector yet, and what will probe is to go the way that the data goes, as short
 *           requests.
 * Bounds    a connection is read no further while a message in it was not taken, and they are taken
 *           in turn, one each: TCP holds back the one that sends too much, nobody else. So each
 *           holds one message, up to frame_max; its memory grows with what has come, not with what
 *           was claimed. A message above frame_max ends its connection. Who has 256 KiB of replies
 *           to read is not read from; of replies it may have frame_max bytes and 64 waiting, more
 *           are dropped. Of connections connections_max are accepted; of those that are silent the
 *           one least recently answered makes room for a new one, and after a minute it is closed.
 *           To each peer 32 requests and 2 MiB may be under way; more is dropped.
 * Time      a request that is not answered within answer_ms is lost; a peer of which nothing came
 *           in this time gets a fresh connection. With a connection all that is under way over it
 *           is lost at once (over TLS: within a second or two); what is sent while there is none
 *           waits for one, as long. One that takes no byte for so long, or is not through with TLS
 *           and greeting by then, is closed.
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
    const char *listen; /* tcp://127.0.0.1:7500 (port 0: any), ipc:///path, inproc://name (a local
                           socket without a file, named after this process), tls+tcp://host:port;
                           NULL: only dials */
    const char *tls_ca, *tls_cert, *tls_key; /* PEM files: all or none */
    uint32_t    frame_max;                   /* as gossip_config.frame_max: 4 MiB */
    uint32_t    connections_max;             /* accepted ones: 128 */
    uint32_t    dial_min_ms, dial_max_ms;    /* a lost connection is dialled again: 100, 5,000 */
    uint32_t    answer_ms;                   /* see "Time": 8,000 */
    /* There is something to do in take. Called from NNG's threads, once until a take found nothing,
     * and rarely from calls here; until gossip_nng_close has returned. It must only signal. NULL:
     * the owner looks by itself. */
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
/* What was sent has up to 200 ms to leave; then all is closed and freed. NULL is fine. */
CRDT_API void gossip_nng_close(gossip_nng *nng);
/* The address that is listened on, with the port that was chosen; "" if none. */
CRDT_API const char *gossip_nng_url(const gossip_nng *nng);

/* send: a request goes to its address, with any number as its token; a reply to where its token
 * came from. */
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
    uint64_t        from;    /* the token: REQUEST: for its reply. REPLY, LOST: the request's */
    crdt_view       address; /* REPLY, LOST: the peer's; good as long as bytes */
} gossip_nng_item;
/* What came, in order; false: nothing. */
CRDT_API bool gossip_nng_take(gossip_nng *nng, gossip_nng_item *ret_item);

/* Look for what is late: call it about once a second. Takes nothing. */
CRDT_API void gossip_nng_check(gossip_nng *nng);
/* What people should know, oldest first; false: nothing. 16 are kept, the newest. */
CRDT_API bool gossip_nng_notice(gossip_nng *nng, char ret_text[256]);
/* While cut (for demonstrations) nothing is sent, and what comes is thrown away unanswered. */
CRDT_API void gossip_nng_cut(gossip_nng *nng, bool cut);

typedef struct gossip_nng_stats {
    uint64_t accepted, dialled; /* connections that came to be, ever */
    uint64_t refused;           /* accepted ones that did not: TLS, protocol, too many */
    uint64_t closed;            /* for want of room, idle, or stuck */
    uint64_t requests_in, replies_out, requests_out, replies_in;
    uint64_t lost;                /* requests without an answer */
    uint64_t dropped;             /* messages for want of room, or that nobody waited for */
    uint64_t oversize;            /* messages above frame_max */
    uint64_t bytes_in, bytes_out; /* of messages, without headers */
    uint32_t connections, peers;
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
