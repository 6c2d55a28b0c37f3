/* net.h: transports in one process, driven by one thread; plain sockets that misbehave.
 *
 * Whoever waits here gives all that are open their turns, but for those of other threads.
 * Addresses: listen on "tcp://127.0.0.1:0" and ask gossip_nng_url, or use net_ipc.
 */
#ifndef TESTS_NNG_LIB_NET_H
#define TESTS_NNG_LIB_NET_H
#include <stdio.h>
#include <string.h>

#include "gossip/nng.h"
#include "tests/lib/t.h"
#include "tests/lib/testmem.h"

typedef struct net {
    testmem     m;
    gossip_nng *nng;
    int         fd; /* an eventfd that wake writes to */
    uint64_t    wakes;
    bool        elsewhere; /* another thread owns it; set while no other one runs */
    struct net *next;
} net;

/* Monotonic, in microseconds. */
gossip_time net_now(void);
/* "ipc://DIR/NAME": DIR is made for this process, and removed at its end. */
const char *net_ipc(const char *name);
/* Options with short times, listening there (NULL: only dials). */
gossip_nng_options net_options(const char *listen);
/* Opens it with wake; must succeed. */
void net_open(net *n, const gossip_nng_options *options);
/* Closes it; nothing may be left in its memory. */
void        net_close(net *n);
const char *net_url(const net *n);

/* Waits up to ms for an item. */
bool net_take(net *n, unsigned ms, gossip_nng_item *ret_item);
/* Turns for so long, takes nothing. */
void net_turn(unsigned ms);
void net_request(net *n, const char *to, const char *text);
void net_reply(net *n, uint64_t from, const char *text);
/* Takes an item, which must be of this kind and text. */
gossip_nng_item net_expect(net *n, gossip_nng_kind kind, const char *text);
/* A request there, a reply back. */
void net_round_trip(net *from, net *to);
/* Waits up to 5 s for a notice that has this text in it. */
void net_expect_notice(net *n, const char *part);

/* Plain connections. net_connect: to tcp://127.0.0.1:PORT or ipc://PATH. */
int net_connect(const char *url);
/* The preamble is sent. True if it went. */
bool net_greet(int fd);
/* A frame that claims to have so many bytes. kind: 1 a request, 2 a reply. False: it did not go. */
bool net_put(int fd, uint32_t claimed, uint32_t id, char kind, const void *bytes, size_t size);
/* All that is there was read, and the peer has closed: true. Waits up to ms. */
bool net_is_closed(int fd, unsigned ms);
/* The port of a listening socket of this test's own, on 127.0.0.1. */
int net_listen_plain(int *ret_port);

/* Resident memory of this process, in bytes. */
size_t net_resident(void);

#endif
