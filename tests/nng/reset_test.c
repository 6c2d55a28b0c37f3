/* Connections that break anywhere, thousands of them: in the handshake, in the preamble, in the
 * middle of messages both ways. Nothing is held up by that, nothing waits for ever, and whoever
 * comes then is served at once. Also: no more files. */
#define _DEFAULT_SOURCE
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/nng/lib/net.h"
#include "tests/nng/lib/proxy.h"

#define DIR "tests/nng/tls/"
#define PEERS 4u
#define UNDER_WAY 4u
#define SIZE 20000u

static char bytes[SIZE];

static gossip_nng_options options(const char *listen, bool tls)
{
    gossip_nng_options o = net_options(listen);
    o.dial_min_ms = 1;
    o.dial_max_ms = 4;
    if (tls) {
        o.tls_ca = DIR "ca.pem";
        o.tls_cert = DIR "node.pem";
        o.tls_key = DIR "node-key.pem";
    }
    return o;
}

/* Answers what has come with as much. */
static void answer(net *a)
{
    gossip_nng_item  item;
    gossip_transport t = gossip_nng_transport(a->nng);
    while (net_take(a, 0, &item)) {
        t.send(t.user, crdt_view_of(NULL, 0), item.bytes, true, item.from);
    }
}

static void count_end(const gossip_nng_item *item, unsigned *ended)
{
    CHECK(item->kind == GOSSIP_NNG_REPLY || item->kind == GOSSIP_NNG_LOST);
    if (item->kind == GOSSIP_NNG_REPLY) {
        CHECK_EQ_MEM(item->bytes.data, item->bytes.size, bytes, sizeof bytes);
    }
    (*ended)++;
}

/* Takes what there is, and asks again. */
static void ask(net *b, const char *url, unsigned *begun, unsigned *ended)
{
    gossip_transport t = gossip_nng_transport(b->nng);
    gossip_nng_item  item;
    while (net_take(b, 0, &item)) count_end(&item, ended);
    while (*begun - *ended < UNDER_WAY) {
        t.send(t.user, crdt_text_view(url), crdt_view_of(bytes, sizeof bytes), false, 0);
        (*begun)++;
    }
}

/* A fresh peer, and it gets its answer soon. */
static void is_served(net *a, bool tls)
{
    net                fresh;
    gossip_nng_options client = options(NULL, tls);
    net_open(&fresh, &client);
    gossip_time     until = net_now() + 8000000;
    gossip_nng_item item;
    net_request(&fresh, net_url(a), "question");
    do {
        CHECK(net_now() < until);
        answer(a);
    } while (!net_take(&fresh, 1, &item));
    CHECK_EQ_INT(item.kind, GOSSIP_NNG_REPLY);
    CHECK_EQ_MEM(item.bytes.data, item.bytes.size, "question", 8);
    net_close(&fresh);
}

static void breaks(const char *listen, bool tls, unsigned count)
{
    net                a, b[PEERS];
    proxy              p;
    gossip_nng_options server = options(listen, tls), client = options(NULL, tls);
    unsigned           begun[PEERS] = {0}, ended[PEERS] = {0}, answered = 0, lost = 0;
    gossip_nng_item    item;
    memset(bytes, 'x', sizeof bytes);
    net_open(&a, &server);
    proxy_open(&p, net_url(&a), 20261127);
    atomic_store(&p.breaks, true);
    for (unsigned i = 0; i < PEERS; i++) net_open(&b[i], &client);
    gossip_time until = net_now() + 300000000;
    while (atomic_load(&p.broken) < count) {
        CHECK_MSG(net_now() < until, "%u of %u", atomic_load(&p.broken), count);
        answer(&a);
        for (unsigned i = 0; i < PEERS; i++) ask(&b[i], p.url, &begun[i], &ended[i]);
        usleep(200);
    }
    is_served(&a, tls);
    atomic_store(&p.breaks, false);
    proxy_break(&p);
    for (unsigned i = 0; i < PEERS; i++) {
        while (ended[i] < begun[i]) { /* each comes to its end */
            CHECK(net_now() < until);
            answer(&a);
            if (net_take(&b[i], 1, &item)) count_end(&item, &ended[i]);
        }
        answered += (unsigned)gossip_nng_stats_of(b[i].nng).replies_in;
        lost += (unsigned)gossip_nng_stats_of(b[i].nng).lost;
        /* None was only found out by waiting for an answer. */
        CHECK(T_SLOW || gossip_nng_stats_of(b[i].nng).closed == 0);
    }
    printf("%u broken: %u answered, %u lost\n", atomic_load(&p.broken), answered, lost);
    CHECK(answered > 0 && lost > 0);
    is_served(&a, tls);
    for (unsigned i = 0; i < PEERS; i++) net_close(&b[i]);
    proxy_close(&p);
    net_close(&a);
}

TEST(reset, tcp)
{
    breaks("tcp://127.0.0.1:0", false, T_SLOW ? 300 : 1000);
}

TEST(reset, tls)
{
    breaks("tls+tcp://127.0.0.1:0", true, T_SLOW ? 12 : 60);
}

/* Connections, whatever became of them. */
static uint64_t accepted(const net *a)
{
    gossip_nng_stats stats = gossip_nng_stats_of(a->nng);
    return stats.accepted + stats.refused;
}

/* Peers that come, ask, and go in the middle of what they send and are sent. */
static void come_and_go(const char *listen, unsigned count)
{
    net                a;
    gossip_nng_options o = options(listen, false);
    uint64_t           random = 20261127;
    memset(bytes, 'x', sizeof bytes);
    net_open(&a, &o);
    for (unsigned i = 0; i < count; i++) {
        const struct linger now = {.l_onoff = 1, .l_linger = 0};
        int                 fd = net_connect(net_url(&a));
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
        unsigned kind = (unsigned)(random >> 40);
        if (kind % 8 != 0) (void)net_greet(fd);
        for (unsigned k = 0; k < kind / 8 % 4; k++) (void)net_put(fd, SIZE, k, 1, bytes, SIZE);
        if (kind / 32 % 2) (void)net_put(fd, SIZE, 9, 1, bytes, kind / 64 % SIZE);
        answer(&a);
        if (kind / 64 % 2) (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        if (kind / 128 % 2) (void)shutdown(fd, SHUT_WR);
        close(fd);
        while (accepted(&a) + 16 < i) net_turn(0); /* the kernel lets few wait to be accepted */
    }
    is_served(&a, false);
    gossip_time until = net_now() + 20000000;
    while (gossip_nng_stats_of(a.nng).connections > 0) {
        CHECK(net_now() < until);
        answer(&a);
        net_turn(1);
    }
    net_close(&a);
}

TEST(reset, peers_that_come_and_go_over_tcp)
{
    come_and_go("tcp://127.0.0.1:0", T_SLOW ? 400 : 1500);
}

TEST(reset, peers_that_come_and_go_over_ipc)
{
    come_and_go(net_ipc("come"), T_SLOW ? 100 : 500);
}

/* Leaves no file for the next one, and lets a connection come. True: that was noticed; a file may
 * have become free meanwhile. */
static bool is_short_of_files(net *a, int fd, int held[64], int *count, int *ret_late)
{
    char text[256];
    while (*count < 64 && (held[*count] = dup(fd)) >= 0) (*count)++;
    CHECK(*count > 0 && *count < 64);
    close(held[--*count]);
    *ret_late = net_connect(net_url(a));
    net_turn(50);
    while (gossip_nng_notice(a->nng, text)) {
        if (strstr(text, "no connection can be accepted") != NULL) return true;
    }
    close(*ret_late);
    return false;
}

/* Without a file for it no connection can be accepted: it is told, and works when there is one. */
TEST(reset, no_more_files)
{
    net                a;
    gossip_nng_options o = options("tcp://127.0.0.1:0", false);
    struct rlimit      before, few;
    int                held[64], count = 0, late;
    gossip_time        until = net_now() + 20000000;
    net_open(&a, &o);
    is_served(&a, false);
    int fd = net_connect(net_url(&a));
    CHECK(getrlimit(RLIMIT_NOFILE, &before) == 0);
    few = before;
    few.rlim_cur = 64;
    CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
    while (!is_short_of_files(&a, fd, held, &count, &late)) CHECK(net_now() < until);
    while (count > 0) close(held[--count]);
    CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0);
    is_served(&a, false);
    close(late);
    close(fd);
    net_close(&a);
}
