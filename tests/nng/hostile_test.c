/* Peers that are slow, silent or hostile: they cost bounded memory, and slow nobody else. Each test
 * has a good peer whose questions are answered all the while. */
#define _DEFAULT_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "tests/nng/lib/net.h"

#define MIB ((size_t)1 << 20)

/* A node whose owner answers each question "q..." with as many bytes as it says: "q123". Other
 * requests are not answered, as the driver does with rubbish. It runs in a thread of its own. */
typedef struct node {
    net         net;
    pthread_t   thread;
    atomic_bool stop;
    atomic_uint slow_us; /* how long it looks at a request */
} node;

static void *serve(void *arg)
{
    node            *s = arg;
    gossip_nng_item  item;
    gossip_transport t = gossip_nng_transport(s->net.nng);
    static char      bytes[1 << 20];
    while (!atomic_load(&s->stop)) {
        if (!net_take(&s->net, 20, &item)) continue;
        if (atomic_load(&s->slow_us) > 0) usleep(atomic_load(&s->slow_us));
        char text[16] = {0};
        if (item.bytes.size < 2 || item.bytes.size > 15) continue;
        memcpy(text, item.bytes.data, item.bytes.size);
        if (text[0] != 'q') continue;
        t.send(t.user, crdt_view_of(NULL, 0), crdt_view_of(bytes, strtoul(text + 1, NULL, 10)),
               true, item.from);
    }
    return NULL;
}

/* In memory of its own: when a check fails, the thread goes on. */
static node *start(const gossip_nng_options *options)
{
    node *s = calloc(1, sizeof *s);
    CHECK(s != NULL);
    net_open(&s->net, options);
    s->net.elsewhere = true;
    CHECK(pthread_create(&s->thread, NULL, serve, s) == 0);
    return s;
}

/* Its owner is this thread from now on. */
static void stop(node *s)
{
    atomic_store(&s->stop, true);
    CHECK(pthread_join(s->thread, NULL) == 0);
    s->net.elsewhere = false;
}

/* The good peer: asks and is answered; the worst time in ms. */
static unsigned ask(net *good, const char *url, unsigned times)
{
    gossip_nng_item item;
    unsigned        worst = 0;
    for (unsigned i = 0; i < times; i++) {
        gossip_time begin = net_now();
        net_request(good, url, "q100");
        CHECK_MSG(net_take(good, 5000, &item), "question %u was not answered", i);
        CHECK_MSG(item.kind == GOSSIP_NNG_REPLY, "question %u was lost", i);
        CHECK_EQ_INT(item.bytes.size, 100);
        unsigned ms = (unsigned)((net_now() - begin) / 1000);
        if (ms > worst) worst = ms;
    }
    return worst;
}

static bool put_request(int fd, uint32_t id, const void *bytes, size_t size)
{
    return net_put(fd, (uint32_t)size, id, 1, bytes, size);
}

static node *begin(net *good, const gossip_nng_options *o)
{
    gossip_nng_options client = net_options(NULL);
    node              *s = start(o);
    net_open(good, &client);
    (void)ask(good, net_url(&s->net), 10);
    return s;
}

static void end(node *s, net *good)
{
    if (s->net.elsewhere) stop(s);
    net_close(good);
    net_close(&s->net);
    free(s);
}

static void report(const char *what, size_t before, unsigned worst)
{
    size_t after = net_resident();
    printf("%s: %.1f MiB more, worst answer after %u ms\n", what,
           after > before ? (double)(after - before) / (double)MIB : 0.0, worst);
}

/* Sanitizers keep what was freed, and shadows of all. */
static void check_memory(size_t before, size_t limit)
{
    size_t after = net_resident();
    if (T_SLOW) limit *= 16;
    CHECK_MSG(after < before + limit, "%zu MiB more", (after - before) / MIB);
}

#define UNREAD_MAX 150u /* requests: their answers are far more than what TCP holds */

/* Sends as fast as it can in a thread, until told to stop or cut off. */
typedef struct flood {
    const char *url;
    const char *text;
    size_t      size;
    bool        reads;
    atomic_bool stop;
    atomic_uint sent;
    pthread_t   thread;
} flood;

static void *pour(void *arg)
{
    flood *f = arg;
    int    fd = net_connect(f->url), small = 65536;
    char   bytes[65536];
    CHECK(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small) == 0);
    CHECK(net_greet(fd));
    CHECK(f->reads || setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small) == 0);
    while (!atomic_load(&f->stop)) {
        if (!f->reads && atomic_load(&f->sent) == UNREAD_MAX) {
            usleep(1000);
            continue;
        }
        if (!put_request(fd, atomic_load(&f->sent), f->text, f->size)) break;
        atomic_fetch_add(&f->sent, 1);
        if (f->reads) (void)!recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
    }
    close(fd);
    return NULL;
}

static void start_flood(flood *f, const char *url, const char *text, size_t size, bool reads)
{
    f->url = url;
    f->text = text;
    f->size = size;
    f->reads = reads;
    CHECK(pthread_create(&f->thread, NULL, pour, f) == 0);
}

static unsigned stop_flood(flood *f)
{
    atomic_store(&f->stop, true);
    CHECK(pthread_join(f->thread, NULL) == 0);
    return atomic_load(&f->sent);
}

/* -- Rubbish ----------------------------------------------------------------------------------- */

TEST(hostile, rubbish_instead_of_the_protocol)
{
    net                good;
    gossip_nng_options o = net_options("tcp://127.0.0.1:0");
    uint64_t           random = 12345;
    node              *s = begin(&good, &o);
    size_t             before = net_resident();
    for (unsigned i = 0; i < 100; i++) {
        uint8_t bytes[64];
        int     fd = net_connect(net_url(&s->net));
        for (size_t k = 0; k < sizeof bytes; k++) {
            random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
            bytes[k] = (uint8_t)(random >> 56);
        }
        if (i % 2 == 1) CHECK(net_greet(fd)); /* then it is a header, mostly of no kind */
        (void)!send(fd, bytes, sizeof bytes, MSG_NOSIGNAL);
        CHECK(net_is_closed(fd, 5000));
        close(fd);
        (void)ask(&good, net_url(&s->net), 1);
    }
    unsigned worst = ask(&good, net_url(&s->net), 50);
    report("rubbish", before, worst);
    check_memory(before, 8 * MIB);
    end(s, &good);
}

TEST(hostile, lengths_of_a_gibibyte)
{
    net                good;
    gossip_nng_options o = net_options("tcp://127.0.0.1:0");
    int                fds[50];
    node              *s = begin(&good, &o);
    size_t             before = net_resident();
    for (unsigned i = 0; i < 50; i++) {
        fds[i] = net_connect(net_url(&s->net));
        CHECK(net_greet(fds[i]));
        CHECK(net_put(fds[i], 1u << 30, 1, 1, "16 bytes of this", 16));
    }
    for (unsigned i = 0; i < 50; i++) {
        CHECK(net_is_closed(fds[i], 5000));
        close(fds[i]);
    }
    unsigned worst = ask(&good, net_url(&s->net), 50);
    report("50 x 1 GiB claimed", before, worst);
    check_memory(before, 8 * MIB);
    end(s, &good);
}

TEST(hostile, messages_that_never_end)
{
    net                good;
    gossip_nng_options o = net_options("tcp://127.0.0.1:0");
    int                fds[60];
    static char        part[1 << 20];
    o.frame_max = 4 << 20;
    node  *s = begin(&good, &o);
    size_t before = net_resident();
    for (unsigned i = 0; i < 60; i++) { /* a quarter of the largest message, then nothing */
        fds[i] = net_connect(net_url(&s->net));
        CHECK(net_greet(fds[i]));
        CHECK(net_put(fds[i], 4 << 20, 1, 1, part, sizeof part));
    }
    unsigned worst = ask(&good, net_url(&s->net), 50);
    report("60 x 1 of 4 MiB", before, worst);
    check_memory(before, 60 * 4 * MIB);
    for (unsigned i = 0; i < 60; i++) close(fds[i]);
    end(s, &good);
}

/* -- Floods ------------------------------------------------------------------------------------ */

static void floods(const char *what, const char *text, size_t size, bool reads, unsigned count,
                   unsigned slow_us, unsigned limit_ms, size_t limit)
{
    net                good;
    gossip_nng_options o = net_options("tcp://127.0.0.1:0");
    flood             *f = calloc(count, sizeof *f); /* as start */
    CHECK(f != NULL);
    node *s = begin(&good, &o);
    atomic_store(&s->slow_us, slow_us);
    size_t before = net_resident();
    for (unsigned i = 0; i < count; i++) start_flood(&f[i], net_url(&s->net), text, size, reads);
    usleep(300000);
    unsigned worst = ask(&good, net_url(&s->net), 20), sent = 0;
    report(what, before, worst);
    check_memory(before, limit);
    for (unsigned i = 0; i < count; i++) atomic_store(&f[i].stop, true);
    atomic_store(&s->slow_us, 0);
    for (unsigned i = 0; i < count; i++) sent += stop_flood(&f[i]);
    stop(s);
    gossip_nng_stats stats = gossip_nng_stats_of(s->net.nng);
    printf("  %u requests sent, %ju came, %ju dropped\n", sent, (uintmax_t)stats.requests_in,
           (uintmax_t)stats.dropped);
    CHECK_MSG(worst <= limit_ms, "%u ms", worst);
    free(f);
    end(s, &good);
}

TEST(hostile, a_flood_of_rubbish_requests)
{
    floods("rubbish from 4", "rubbish", 7, true, 4, 0, 4000, 16 * MIB);
}

TEST(hostile, a_flood_of_large_rubbish_requests)
{
    static char bytes[1 << 20];
    floods("1 MiB of rubbish from 4", bytes, sizeof bytes, true, 4, 0, 4000, 64 * MIB);
}

TEST(hostile, a_flood_from_many_to_a_slow_owner)
{
    floods("rubbish from 24, 1 ms each", "rubbish", 7, true, 24, 1000, 4000, 32 * MIB);
}

/* Requests that are answered late, as after a disk's sync, outlive any amount of rubbish. */
TEST(hostile, rubbish_does_not_push_out_what_is_to_be_answered)
{
    net                a, good;
    gossip_nng_options o = net_options("tcp://127.0.0.1:0"), client = net_options(NULL);
    gossip_nng_item    item;
    uint64_t           from[8];
    int                fds[16];
    net_open(&a, &o);
    net_open(&good, &client);
    net_round_trip(&good, &a);
    for (unsigned i = 0; i < 8; i++) {
        net_request(&good, net_url(&a), "wait");
        from[i] = net_expect(&a, GOSSIP_NNG_REQUEST, "wait").from;
    }
    for (unsigned i = 0; i < 16; i++) {
        fds[i] = net_connect(net_url(&a));
        CHECK(net_greet(fds[i]));
        for (unsigned k = 0; k < 16; k++) CHECK(put_request(fds[i], k, "rubbish", 7));
        for (unsigned k = 0; k < 16; k++) CHECK(net_take(&a, 5000, &item));
    }
    for (unsigned i = 0; i < 8; i++) net_reply(&a, from[i], "done");
    for (unsigned i = 0; i < 8; i++) (void)net_expect(&good, GOSSIP_NNG_REPLY, "done");
    for (unsigned i = 0; i < 16; i++) close(fds[i]);
    net_close(&good);
    net_close(&a);
}

TEST(hostile, a_flood_of_questions_whose_answers_are_never_read)
{
    floods("never reads, 8 of them", "q60000", 6, false, 8, 0, 4000, 64 * MIB);
}

/* -- Silence ----------------------------------------------------------------------------------- */

TEST(hostile, two_hundred_connections)
{
    net                good, late;
    gossip_nng_options o = net_options("tcp://127.0.0.1:0"), client = net_options(NULL);
    int                fds[200];
    node              *s = begin(&good, &o);
    size_t             before = net_resident();
    unsigned           worst = 0;
    for (unsigned i = 0; i < 200; i++) {
        fds[i] = net_connect(net_url(&s->net));
        CHECK(net_greet(fds[i]));
        if (i % 20 == 0) worst += ask(&good, net_url(&s->net), 1);
    }
    usleep(1200000); /* now the oldest may go */
    net_open(&late, &client);
    (void)ask(&late, net_url(&s->net), 20);
    unsigned after = ask(&good, net_url(&s->net), 50);
    report("200 silent connections", before, worst > after ? worst : after);
    check_memory(before, 16 * MIB);
    stop(s);
    gossip_nng_stats stats = gossip_nng_stats_of(s->net.nng);
    printf("  %u kept, %ju refused, %ju closed\n", stats.connections, (uintmax_t)stats.refused,
           (uintmax_t)stats.closed);
    CHECK(stats.connections <= 128);
    CHECK(stats.refused + stats.closed >= 72);
    gossip_nng_peer_info peer;
    CHECK(gossip_nng_peer(good.nng, 0, &peer));
    CHECK_EQ_INT(peer.dialled, 1); /* the one that talks was not closed for them */
    for (unsigned i = 0; i < 200; i++) close(fds[i]);
    net_close(&late);
    end(s, &good);
}

/* Peers that are dialled: one accepts and never answers, one never reads. */
TEST(hostile, peers_that_answer_nothing_cost_others_nothing)
{
    net                good;
    gossip_nng_options o = net_options("tcp://127.0.0.1:0");
    gossip_transport   t;
    char               url[64];
    int                port = 0, fd = net_listen_plain(&port); /* the kernel accepts, that is all */
    static char        large[1 << 20];
    node              *s = begin(&good, &o);
    t = gossip_nng_transport(good.nng);
    (void)snprintf(url, sizeof url, "tcp://127.0.0.1:%d", port);
    size_t   before = net_resident();
    unsigned worst = 0;
    for (unsigned i = 0; i < 100; i++) {
        t.send(t.user, crdt_text_view(url), crdt_view_of(large, sizeof large), false, 0);
        worst += ask(&good, net_url(&s->net), 1);
    }
    report("100 MiB for a silent peer", before, worst);
    check_memory(before, 8 * MIB);
    gossip_nng_stats stats = gossip_nng_stats_of(good.nng);
    CHECK_EQ_INT(stats.dropped, 98); /* two are under way: 2 MiB */
    close(fd);
    end(s, &good);
}

/* A peer that takes requests and answers nothing gets a fresh connection, and then answers. */
TEST(hostile, a_silent_connection_is_made_anew)
{
    net                a, b;
    gossip_nng_options server = net_options("tcp://127.0.0.1:0"), client = net_options(NULL);
    client.answer_ms = 1000;
    net_open(&a, &server);
    net_open(&b, &client);
    net_round_trip(&b, &a);
    net_request(&b, net_url(&a), "nobody answers");
    (void)net_expect(&a, GOSSIP_NNG_REQUEST, "nobody answers");
    (void)net_expect(&b, GOSSIP_NNG_LOST, "");
    net_round_trip(&b, &a);
    gossip_nng_peer_info peer;
    CHECK(gossip_nng_peer(b.nng, 0, &peer));
    CHECK_EQ_INT(peer.dialled, 2);
    net_close(&b);
    net_close(&a);
}

/* One that answers others in this time keeps its connection. */
TEST(hostile, a_lost_request_alone_costs_no_connection)
{
    net                a, b;
    gossip_nng_options server = net_options("tcp://127.0.0.1:0"), client = net_options(NULL);
    gossip_nng_item    item;
    client.answer_ms = 2000;
    net_open(&a, &server);
    net_open(&b, &client);
    net_request(&b, net_url(&a), "nobody answers");
    (void)net_expect(&a, GOSSIP_NNG_REQUEST, "nobody answers");
    gossip_time until = net_now() + 60000000;
    while (gossip_nng_stats_of(b.nng).lost == 0) {
        CHECK(net_now() < until);
        net_request(&b, net_url(&a), "question");
        net_reply(&a, net_expect(&a, GOSSIP_NNG_REQUEST, "question").from, "answer");
        do CHECK(net_take(&b, 10000, &item));
        while (item.kind == GOSSIP_NNG_LOST);
        net_turn(100);
    }
    CHECK_EQ_INT(gossip_nng_stats_of(b.nng).lost, 1);
    CHECK_EQ_INT(gossip_nng_stats_of(b.nng).dialled, 1);
    net_close(&b);
    net_close(&a);
}

/* Who comes and is silent, or never reads, is closed in time. */
TEST(hostile, half_open_and_stuck_connections_are_closed)
{
    net                a;
    gossip_nng_options server = net_options("tcp://127.0.0.1:0");
    gossip_nng_item    item;
    static char        large[1 << 20];
    int                small = 65536;
    server.answer_ms = 1000;
    net_open(&a, &server);
    gossip_transport t = gossip_nng_transport(a.nng);
    int              silent = net_connect(net_url(&a)), stuck = net_connect(net_url(&a));
    CHECK(setsockopt(stuck, SOL_SOCKET, SO_RCVBUF, &small, sizeof small) == 0);
    CHECK(net_greet(stuck));
    for (unsigned i = 0; i < 20; i++) CHECK(put_request(stuck, i, "q", 1));
    for (unsigned i = 0; i < 20 && net_take(&a, 300, &item); i++) {
        t.send(t.user, crdt_view_of(NULL, 0), crdt_view_of(large, sizeof large), true, item.from);
    }
    CHECK(gossip_nng_stats_of(a.nng).requests_in < 20); /* more is not read from it */
    gossip_time until = net_now() + 20000000;
    while (gossip_nng_stats_of(a.nng).connections > 0) {
        CHECK(net_now() < until);
        net_turn(20);
    }
    CHECK_EQ_INT(gossip_nng_stats_of(a.nng).closed, 1);
    CHECK_EQ_INT(gossip_nng_stats_of(a.nng).refused, 1);
    close(stuck);
    close(silent);
    net_close(&a);
}

/* Replies that nobody reads: so many wait, the others are dropped. */
TEST(hostile, replies_that_wait_are_bounded)
{
    net                a;
    gossip_nng_options server = net_options("tcp://127.0.0.1:0");
    static char        large[1 << 20];
    uint64_t           from = 0;
    int                small = 65536;
    net_open(&a, &server);
    gossip_transport t = gossip_nng_transport(a.nng);
    int              fd = net_connect(net_url(&a));
    CHECK(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small) == 0);
    CHECK(net_greet(fd) && put_request(fd, 1, "q", 1));
    from = net_expect(&a, GOSSIP_NNG_REQUEST, "q").from;
    size_t before = net_resident();
    for (unsigned i = 0; i < 100; i++) {
        t.send(t.user, crdt_view_of(NULL, 0), crdt_view_of(large, sizeof large), true, from);
        net_turn(0);
    }
    report("100 MiB of replies", before, 0);
    check_memory(before, 16 * MIB);
    CHECK(gossip_nng_stats_of(a.nng).dropped > 80);
    close(fd);
    net_close(&a);
}

/* An owner that looks at nothing: what comes waits in the senders, and for them no less comes. */
TEST(hostile, an_owner_that_is_busy)
{
    net                a, b[8], c;
    gossip_nng_options server = net_options("tcp://127.0.0.1:0"), client = net_options(NULL);
    gossip_nng_item    item;
    static char        large[1 << 20];
    unsigned           taken = 0;
    server.frame_max = 1 << 20;
    server.answer_ms = 2000;
    net_open(&a, &server);
    net_open(&c, &server);
    net_request(&a, net_url(&c), "question");
    uint64_t from = net_expect(&c, GOSSIP_NNG_REQUEST, "question").from;
    for (unsigned i = 0; i < 8; i++) {
        net_open(&b[i], &client);
        net_round_trip(&b[i], &a);
    }
    a.elsewhere = true;
    size_t before = net_resident();
    for (unsigned i = 0; i < 8; i++) {
        gossip_transport t = gossip_nng_transport(b[i].nng);
        for (unsigned k = 0; k < 6; k++) {
            t.send(t.user, crdt_text_view(net_url(&a)), crdt_view_of(large, 300000), false, 0);
        }
    }
    net_reply(&c, from, "answer");
    net_turn(2500);
    report("a busy owner, 14 MiB for it", before, 0);
    check_memory(before, 20 * MIB); /* they are all in this process: what they hold */
    a.elsewhere = false;
    gossip_nng_check(a.nng); /* for it so much time has not passed */
    for (bool answered = false; !answered; taken += !answered) {
        CHECK(net_take(&a, 5000, &item) && item.kind != GOSSIP_NNG_LOST);
        answered = item.kind == GOSSIP_NNG_REPLY;
        if (!answered) net_reply(&a, item.from, "taken");
    }
    while (taken < 8 * 6 && net_take(&a, 5000, &item)) { /* nothing of it was lost: now it comes */
        taken++;
        net_reply(&a, item.from, "taken");
    }
    CHECK_EQ_INT(taken, 8 * 6);
    for (unsigned i = 0; i < 8; i++) {
        for (unsigned k = 0; k < 6; k++) (void)net_expect(&b[i], GOSSIP_NNG_REPLY, "taken");
        CHECK_EQ_INT(gossip_nng_stats_of(b[i].nng).dialled, 1);
        net_close(&b[i]);
    }
    net_close(&c);
    net_close(&a);
}

/* What the owner looks at stays while its connection goes. */
TEST(hostile, a_message_outlives_its_connection)
{
    net                a;
    gossip_nng_options server = net_options("tcp://127.0.0.1:0");
    gossip_nng_item    item;
    gossip_time        until = net_now() + 20000000;
    server.connections_max = 1;
    net_open(&a, &server);
    int old = net_connect(net_url(&a));
    CHECK(net_greet(old) && put_request(old, 1, "still here", 10));
    CHECK(net_take(&a, 5000, &item));
    while (gossip_nng_stats_of(a.nng).accepted < 2) { /* once the old one was silent for a second */
        CHECK(net_now() < until);
        int fresh = net_connect(net_url(&a));
        CHECK(net_greet(fresh));
        net_turn(100);
        close(fresh);
    }
    CHECK_EQ_MEM(item.bytes.data, item.bytes.size, "still here", 10);
    net_reply(&a, item.from, "too late");
    CHECK_EQ_INT(gossip_nng_stats_of(a.nng).dropped, 1);
    close(old);
    net_close(&a);
}

/* One connection sends as fast as it can; each of the others gets its turn after each message. */
TEST(hostile, messages_are_taken_in_turn)
{
    net                a;
    gossip_nng_options server = net_options("tcp://127.0.0.1:0");
    gossip_nng_item    item;
    net_open(&a, &server);
    int      greedy = net_connect(net_url(&a)), modest = net_connect(net_url(&a));
    unsigned between = 0, modest_seen = 0;
    CHECK(net_greet(greedy) && net_greet(modest));
    for (unsigned i = 0; i < 200; i++) CHECK(put_request(greedy, i, "greedy", 6));
    for (unsigned i = 0; i < 20; i++) CHECK(put_request(modest, i, "modest", 6));
    net_turn(300);
    while (net_take(&a, 1000, &item)) {
        bool is_modest = memcmp(item.bytes.data, "modest", 6) == 0;
        between = is_modest ? 0 : between + 1;
        modest_seen += is_modest;
        if (modest_seen == 20) break;
        CHECK_MSG(between <= 2 || modest_seen == 0, "%u greedy ones in a row", between);
    }
    CHECK_EQ_INT(modest_seen, 20);
    close(greedy);
    close(modest);
    net_close(&a);
}
