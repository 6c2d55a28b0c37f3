/* The watchdog: a listener that an interrupted handshake has killed is opened again, and so is a
 * dialer. */
#define _DEFAULT_SOURCE
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/nng/lib/net.h"

#define TRIES 300

/* A connection that comes and goes at once; hard: with a reset. */
static void touch(const char *url, bool hard)
{
    int fd = net_connect(url);
    if (hard) {
        const struct linger now = {.l_onoff = 1, .l_linger = 0};
        (void)shutdown(fd, SHUT_WR);
        (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    }
    close(fd);
}

/* A new peer gets an answer within so long. */
static bool gets_in(net *a, unsigned ms)
{
    net                fresh;
    gossip_nng_item    item;
    gossip_nng_options client = net_options(NULL);
    net_open(&fresh, &client);
    net_request(&fresh, net_url(a), "question");
    bool in = net_take(a, ms, &item);
    if (in) {
        net_reply(a, item.from, "answer");
        (void)net_expect(&fresh, GOSSIP_NNG_REPLY, "answer");
    }
    net_close(&fresh);
    return in;
}

/* Until the listener is dead; how many connections it took. 0: it survived. */
static unsigned kill_listener(net *a, bool hard)
{
    for (unsigned i = 1; i <= TRIES; i++) {
        touch(net_url(a), hard);
        if (i % 20 != 0 && hard) continue;
        if (!gets_in(a, 500)) return i;
    }
    return 0;
}

static void check_until_restarted(net *a, gossip_time limit)
{
    gossip_time begin = net_now();
    while (!gossip_nng_check(a->nng, net_now())) {
        CHECK_MSG(net_now() - begin < limit, "it was not opened again");
        usleep(50000);
    }
    printf("opened again after %ju ms\n", (uintmax_t)(net_now() - begin) / 1000);
}

static void dies_and_comes_back(const char *listen, bool hard)
{
    net                a;
    gossip_nng_options o = net_options(listen);
    net_open(&a, &o);
    CHECK(gets_in(&a, 5000));
    (void)gossip_nng_check(a.nng, net_now());
    unsigned tries = kill_listener(&a, hard);
    printf("%s: killed by %u connections\n", net_url(&a), tries);
    if (tries == 0 && hard) { /* a race that NNG may win */
        CHECK(gets_in(&a, 5000));
        net_close(&a);
        return;
    }
    CHECK_MSG(tries > 0, "this NNG has not the defect: the watchdog can go");
    check_until_restarted(&a, 15000000);
    CHECK(gets_in(&a, 5000));
    CHECK_EQ_INT(gossip_nng_stats_of(a.nng).restarts, 1);
    net_expect_notice(&a, "opened again");
    net_close(&a);
}

TEST(watch, tcp_listener)
{
    dies_and_comes_back("tcp://127.0.0.1:0", true);
}

TEST(watch, ipc_listener)
{
    dies_and_comes_back(net_ipc("dies"), false);
}

/* The peer, whose owner looks after it and asks again, is answered in the end. */
static void come_back(net *b, net *a)
{
    gossip_time     until = net_now() + 15000000;
    gossip_nng_item item;
    for (;;) {
        gossip_nng_peer_info peer;
        CHECK_MSG(net_now() < until, "it never came back");
        (void)gossip_nng_check(b->nng, net_now());
        while (net_take(a, 20, &item)) net_reply(a, item.from, "answer");
        while (net_take(b, 20, &item)) {
            if (item.kind == GOSSIP_NNG_REPLY) return;
        }
        CHECK(gossip_nng_peer(b->nng, 0, &peer));
        if (peer.connected && peer.in_flight == 0) net_request(b, net_url(a), "question");
    }
}

TEST(watch, peers_go_on_when_it_was_opened_again)
{
    net                a, b;
    gossip_nng_options server = net_options(net_ipc("goes-on")), client = net_options(NULL);
    net_open(&a, &server);
    net_open(&b, &client);
    net_round_trip(&b, &a);
    CHECK(kill_listener(&a, false) > 0);
    net_round_trip(&b, &a); /* what was there before still works */
    check_until_restarted(&a, 15000000);
    come_back(&b, &a);
    CHECK(gossip_nng_stats_of(b.nng).dialled >= 2);
    net_close(&b);
    net_close(&a);
}

/* What a dialer finds when it comes just as its peer ends: 1.5.2 may never dial again. */
TEST(watch, a_dialer_whose_peer_ends_while_the_connection_begins)
{
    net                a, b;
    gossip_nng_options client = net_options(NULL), server;
    char               url[64];
    int                port = 0, fd = net_listen_plain(&port);
    unsigned           met = 0;
    (void)snprintf(url, sizeof url, "tcp://127.0.0.1:%d", port);
    client.dial_max_ms = 20;
    net_open(&b, &client);
    net_request(&b, url, "question");
    for (unsigned i = 0; i < 300; i++) {
        const struct linger now = {.l_onoff = 1, .l_linger = 0};
        struct pollfd       p = {.fd = fd, .events = POLLIN};
        if (poll(&p, 1, 500) <= 0) break; /* it has stopped */
        int peer = accept(fd, NULL, NULL);
        met++;
        if (i % 3 != 0) (void)shutdown(peer, SHUT_WR);
        if (i % 3 != 1) (void)setsockopt(peer, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        close(peer);
    }
    printf("its dialer was sent away %u times\n", met);
    close(fd);
    server = net_options(url);
    net_open(&a, &server);
    come_back(&b, &a);
    net_close(&b);
    net_close(&a);
}

/* A listener that lives is left alone, whatever is done to it. */
static void survives(const char *listen)
{
    net                a;
    gossip_nng_options o = net_options(listen);
    o.watch_ms = 200;
    net_open(&a, &o);
    gossip_time until = net_now() + 20000000;
    while (gossip_nng_stats_of(a.nng).accepted < 3) { /* it dials itself again and again */
        CHECK(!gossip_nng_check(a.nng, net_now()));
        CHECK(net_now() < until);
        usleep(20000);
    }
    CHECK_EQ_INT(gossip_nng_stats_of(a.nng).restarts, 0);
    CHECK(gets_in(&a, 5000));
    net_close(&a);
}

TEST(watch, a_living_tcp_listener_is_left_alone)
{
    survives("tcp://127.0.0.1:0");
}

TEST(watch, on_every_address)
{
    survives("tcp://0.0.0.0:0");
}

TEST(watch, inproc)
{
    survives("inproc://watched");
}
