/* The transport alone: messages there and back on every kind of address, losses, errors. */
#define _DEFAULT_SOURCE
#include <unistd.h>

#include "tests/nng/lib/net.h"

static void there_and_back(const char *listen)
{
    net                a, b;
    gossip_nng_options server = net_options(listen), client = net_options(NULL);
    net_open(&a, &server);
    net_open(&b, &client);
    for (int i = 0; i < 20; i++) net_round_trip(&b, &a);
    CHECK(a.wakes <= 26 && b.wakes <= 26); /* one a message, and what takes to meet */
    gossip_nng_stats at_a = gossip_nng_stats_of(a.nng), at_b = gossip_nng_stats_of(b.nng);
    CHECK_EQ_INT(at_a.requests_in, 20);
    CHECK_EQ_INT(at_a.replies_out, 20);
    CHECK_EQ_INT(at_a.bytes_in, 20 * 8);
    CHECK_EQ_INT(at_a.bytes_out, 20 * 6);
    CHECK_EQ_INT(at_b.requests_out, 20);
    CHECK_EQ_INT(at_b.replies_in, 20);
    CHECK_EQ_INT(at_b.dialled, 1);
    CHECK_EQ_INT(at_b.lost + at_b.dropped + at_a.dropped, 0);
    gossip_nng_peer_info peer;
    CHECK(gossip_nng_peer(b.nng, 0, &peer) && !gossip_nng_peer(b.nng, 1, &peer));
    CHECK(gossip_nng_peer(b.nng, 0, &peer) && peer.connected && peer.in_flight == 0);
    CHECK_EQ_INT(peer.answered, 20);
    CHECK_EQ_STR(peer.problem, "");
    net_close(&b);
    net_close(&a);
}

TEST(transport, tcp)
{
    there_and_back("tcp://127.0.0.1:0");
}

TEST(transport, ipc)
{
    there_and_back(net_ipc("there"));
}

TEST(transport, inproc)
{
    there_and_back("inproc://there");
}

TEST(transport, replies_find_their_requests)
{
    net                a, b, c;
    gossip_nng_options server = net_options("tcp://127.0.0.1:0"), client = net_options(NULL);
    gossip_nng_item    item;
    uint64_t           from[2][8];
    net_open(&a, &server);
    net_open(&b, &client);
    net_open(&c, &client);
    for (int i = 0; i < 8; i++) {
        net_request(&b, net_url(&a), (const char[]){'b', (char)('0' + i), 0});
        net_request(&c, net_url(&a), (const char[]){'c', (char)('0' + i), 0});
    }
    for (int i = 0; i < 16; i++) {
        CHECK(net_take(&a, 5000, &item));
        const char *text = item.bytes.data;
        from[text[0] == 'c'][text[1] - '0'] = item.from;
    }
    for (int i = 7; i >= 0; i--) { /* the newest first */
        net_reply(&a, from[0][i], (const char[]){'B', (char)('0' + i), 0});
        net_reply(&a, from[1][i], (const char[]){'C', (char)('0' + i), 0});
    }
    unsigned seen = 0;
    for (int i = 0; i < 8; i++) {
        CHECK(net_take(&b, 5000, &item) && item.kind == GOSSIP_NNG_REPLY);
        const char *text = item.bytes.data;
        CHECK(text[0] == 'B');
        seen |= 1u << (text[1] - '0');
        CHECK(net_take(&c, 5000, &item) && item.kind == GOSSIP_NNG_REPLY);
        CHECK(((const char *)item.bytes.data)[0] == 'C');
        CHECK_EQ_MEM(item.address.data, item.address.size, net_url(&a), strlen(net_url(&a)));
    }
    CHECK_EQ_INT(seen, 0xff);
    /* Who has an answer waits for no other one, and no other token is any good. */
    net_reply(&a, from[0][0], "again");
    net_reply(&a, 0, "none");
    net_reply(&a, UINT64_MAX, "none");
    CHECK(!net_take(&b, 100, &item));
    CHECK_EQ_INT(gossip_nng_stats_of(a.nng).dropped, 2);
    CHECK_EQ_INT(gossip_nng_stats_of(b.nng).dropped, 1);
    net_close(&c);
    net_close(&b);
    net_close(&a);
}

TEST(transport, what_is_not_answered_is_lost_with_the_connection)
{
    net                a, b;
    gossip_nng_options server = net_options("tcp://127.0.0.1:0"), client = net_options(NULL);
    char               url[256];
    net_open(&a, &server);
    net_open(&b, &client);
    (void)snprintf(url, sizeof url, "%s", net_url(&a));
    gossip_transport t = gossip_nng_transport(b.nng);
    for (uint64_t i = 1; i <= 20; i++) {
        t.send(t.user, crdt_text_view(url), crdt_text_view("question"), false, i << 32 | i);
        (void)net_expect(&a, GOSSIP_NNG_REQUEST, "question");
    }
    gossip_time begin = net_now();
    net_close(&a);
    for (uint64_t i = 1; i <= 20; i++) {
        gossip_nng_item item = net_expect(&b, GOSSIP_NNG_LOST, "");
        CHECK_EQ_MEM(item.address.data, item.address.size, url, strlen(url));
        CHECK_EQ_INT(item.from, i << 32 | i);
    }
    CHECK(net_now() - begin < 6000000); /* at once, not when the time of an answer is over */
    CHECK_EQ_INT(gossip_nng_stats_of(b.nng).lost, 20);
    net_expect_notice(&b, "refused");

    /* It comes back at the same address: the connection, too. */
    server.listen = url;
    net_open(&a, &server);
    net_round_trip(&b, &a);
    net_close(&b);
    net_close(&a);
}

TEST(transport, a_message_above_the_limit_is_not_sent_nor_taken)
{
    static char        text[5000];
    net                a, b;
    gossip_nng_options server = net_options("tcp://127.0.0.1:0"), client = net_options(NULL);
    gossip_nng_item    item;
    server.frame_max = 4096;
    net_open(&a, &server);
    net_open(&b, &client);
    memset(text, 'x', 4096);
    net_request(&b, net_url(&a), text); /* exactly the most */
    item = net_expect(&a, GOSSIP_NNG_REQUEST, text);
    memset(text, 'y', 4097);
    net_reply(&a, item.from, text);
    CHECK_EQ_INT(gossip_nng_stats_of(a.nng).oversize, 1);
    net_reply(&a, item.from, "ok");
    (void)net_expect(&b, GOSSIP_NNG_REPLY, "ok");
    net_request(&b, net_url(&a), "waits");
    (void)net_expect(&a, GOSSIP_NNG_REQUEST, "waits");
    net_request(&b, net_url(&a), text); /* b thinks more is allowed */
    CHECK(!net_take(&a, 50, &item));
    (void)net_expect(&b, GOSSIP_NNG_LOST, ""); /* the connection was closed */
    (void)net_expect(&b, GOSSIP_NNG_LOST, "");
    CHECK_EQ_INT(gossip_nng_stats_of(a.nng).oversize, 2);
    net_expect_notice(&a, "above frame_max (the last one: 127.0.0.1:");
    net_round_trip(&b, &a);
    net_close(&b);
    net_close(&a);
}

TEST(transport, inproc_has_the_limit_too)
{
    static char        text[5000];
    net                a, b;
    gossip_nng_options server = net_options("inproc://limit"), client = net_options(NULL);
    gossip_nng_item    item;
    server.frame_max = 4096;
    net_open(&a, &server);
    net_open(&b, &client);
    memset(text, 'x', sizeof text - 1);
    net_request(&b, net_url(&a), text);
    (void)net_expect(&b, GOSSIP_NNG_LOST, "");
    CHECK(!net_take(&a, 0, &item));
    CHECK_EQ_INT(gossip_nng_stats_of(a.nng).oversize, 1);
    net_round_trip(&b, &a);
    net_close(&b);
    net_close(&a);
}

TEST(transport, cut_and_healed)
{
    net                a, b;
    gossip_nng_options server = net_options("tcp://127.0.0.1:0"), client = net_options(NULL);
    gossip_nng_item    item;
    net_open(&a, &server);
    net_open(&b, &client);
    net_round_trip(&b, &a);
    gossip_nng_cut(a.nng, true);
    net_request(&b, net_url(&a), "one");
    CHECK(!net_take(&a, 100, &item)); /* thrown away */
    gossip_nng_cut(b.nng, true);
    net_request(&b, net_url(&a), "two"); /* not sent */
    CHECK_EQ_INT(gossip_nng_stats_of(b.nng).requests_out, 2);
    gossip_nng_cut(a.nng, false);
    gossip_nng_cut(b.nng, false);
    CHECK(!net_take(&a, 100, &item));
    net_round_trip(&b, &a);
    CHECK_EQ_INT(gossip_nng_stats_of(b.nng).dialled, 1);
    net_close(&b);
    net_close(&a);
}

TEST(transport, forgotten_peers_are_closed)
{
    net                a, b;
    gossip_nng_options server = net_options("tcp://127.0.0.1:0"), client = net_options(NULL);
    gossip_nng_item    item;
    net_open(&a, &server);
    net_open(&b, &client);
    net_round_trip(&b, &a);
    net_request(&b, net_url(&a), "kept");
    uint64_t from = net_expect(&a, GOSSIP_NNG_REQUEST, "kept").from;
    net_request(&b, net_url(&a), "answered");
    net_reply(&a, net_expect(&a, GOSSIP_NNG_REQUEST, "answered").from, "waits");
    net_turn(100);
    gossip_nng_forget(b.nng, crdt_text_view(net_url(&a)));
    gossip_nng_forget(b.nng, crdt_text_view("tcp://127.0.0.1:1"));
    CHECK(!net_take(&b, 50, &item)); /* what had come from it is gone, too */
    CHECK_EQ_INT(gossip_nng_stats_of(b.nng).peers, 0);
    net_reply(&a, from, "to nobody");
    net_round_trip(&b, &a);
    net_close(&b);
    net_close(&a);
}

TEST(transport, too_much_under_way_is_dropped)
{
    net                a, b;
    gossip_nng_options server = net_options("tcp://127.0.0.1:0"), client = net_options(NULL);
    gossip_nng_item    item;
    net_open(&a, &server);
    net_open(&b, &client);
    for (int i = 0; i < 40; i++) net_request(&b, net_url(&a), "more");
    gossip_nng_peer_info peer;
    CHECK(gossip_nng_peer(b.nng, 0, &peer));
    CHECK_EQ_INT(peer.in_flight, 32);
    CHECK_EQ_INT(peer.dropped, 8);
    CHECK_EQ_INT(gossip_nng_stats_of(b.nng).dropped, 8);
    for (int i = 0; i < 32; i++) {
        CHECK(net_take(&a, 1000, &item));
        net_reply(&a, item.from, "done");
    }
    CHECK(!net_take(&a, 100, &item));
    for (int i = 0; i < 32; i++) (void)net_expect(&b, GOSSIP_NNG_REPLY, "done");
    net_close(&b);
    net_close(&a);
}

/* Either end goes while requests and replies arrive: nothing waits for ever. */
TEST(transport, closed_under_way)
{
    gossip_nng_options client = net_options(NULL);
    for (unsigned round = 0; round < (T_SLOW ? 10 : 30); round++) {
        net                a, b;
        gossip_nng_options server = net_options(round % 2 ? net_ipc("way") : "tcp://127.0.0.1:0");
        net_open(&a, &server);
        net_open(&b, &client);
        net_round_trip(&b, &a);
        for (unsigned i = 0; i < 9; i++) {
            gossip_nng_item item;
            net_request(&b, net_url(&a), "question");
            item = net_expect(&a, GOSSIP_NNG_REQUEST, "question");
            if (i == 8) net_reply(&a, item.from, "answer");
        }
        net_close(round % 4 < 2 ? &a : &b);
        net_close(round % 4 < 2 ? &b : &a);
    }
}

/* -- Opening ----------------------------------------------------------------------------------- */

static void refuses(const gossip_nng_options *options, crdt_err err, const char *part)
{
    gossip_nng *nng;
    char        problem[256] = "unset";
    testmem     m;
    testmem_init(&m);
    CHECK_ERR(gossip_nng_open(options, &m.mem, &nng, problem), err);
    CHECK_MSG(strstr(problem, part) != NULL, "\"%s\" does not say \"%s\"", problem, part);
    TESTMEM_DONE(&m);
}

TEST(transport, bad_options_are_named)
{
    gossip_nng_options o = net_options("http://127.0.0.1:80");
    refuses(&o, CRDT_EINVAL, "it must be tcp://");
    o.listen = "tls+tcp://127.0.0.1:0";
    refuses(&o, CRDT_EINVAL, "needs certificates");
    o.listen = "tcp://127.0.0.1:notaport";
    refuses(&o, CRDT_EINVAL, "notaport");
    o.listen = "ipc:///nowhere/at/all/socket";
    refuses(&o, CRDT_EIO, "/nowhere");
    o = net_options(NULL);
    o.tls_ca = "ca.pem";
    refuses(&o, CRDT_EINVAL, "all three");
    o.tls_cert = "cert.pem";
    o.tls_key = "key.pem";
    refuses(&o, CRDT_EIO, "cannot read the CA ca.pem");
    o.tls_ca = "README.md";
    refuses(&o, CRDT_EIO, "is not a PEM file");
    o = net_options(NULL);
    o.struct_size--;
    refuses(&o, CRDT_EINVAL, "another version");
    o = net_options(NULL);
    o.dial_max_ms = 5;
    refuses(&o, CRDT_EINVAL, "dial_max_ms");
    o = net_options(NULL);
    o.answer_ms = 99;
    refuses(&o, CRDT_EINVAL, "answer_ms");
    o = net_options(NULL);
    o.frame_max = 0;
    refuses(&o, CRDT_EINVAL, "frame_max");
}

TEST(transport, an_address_in_use_is_named)
{
    net                a;
    gossip_nng_options o = net_options("tcp://127.0.0.1:0");
    net_open(&a, &o);
    o.listen = net_url(&a);
    refuses(&o, CRDT_EIO, "in use");
    net_close(&a);
    o.listen = net_ipc("used");
    net_open(&a, &o);
    refuses(&o, CRDT_EIO, "in use");
    net_close(&a);
}

TEST(transport, a_file_that_a_killed_process_left_is_no_obstacle)
{
    net                a, b;
    const char        *url = net_ipc("left");
    gossip_nng_options server = net_options(url), client = net_options(NULL);
    net_open(&a, &server);
    CHECK(link(url + 6, net_ipc("other") + 6) == 0); /* what is there when nobody unlinks it */
    net_close(&a);
    CHECK(rename(net_ipc("other") + 6, url + 6) == 0);
    net_open(&a, &server);
    net_open(&b, &client);
    net_round_trip(&b, &a);
    net_close(&b);
    net_close(&a);
}

TEST(transport, no_memory_is_an_error_and_no_leak)
{
    gossip_nng_options o = net_options("inproc://memory");
    testmem            m;
    uint64_t           n = 1;
    testmem_init(&m);
    for (;; n++) {
        gossip_nng *nng;
        char        problem[256];
        testmem_fail_nth(&m, n);
        crdt_err err = gossip_nng_open(&o, &m.mem, &nng, problem);
        if (!testmem_refused(&m)) {
            CHECK_OK(err);
            gossip_nng_close(nng);
            break;
        }
        CHECK_ERR(err, CRDT_ENOMEM);
    }
    CHECK(n > 1);
    TESTMEM_DONE(&m);
}

static uint64_t dropped(const net *a, const net *b)
{
    return gossip_nng_stats_of(a->nng).dropped + gossip_nng_stats_of(b->nng).dropped;
}

/* A request until its end; its other side answers. True: it was answered; else it was lost, or it
 * or its answer was dropped. */
static bool is_answered(net *asks, net *answers)
{
    gossip_time     until = net_now() + 30000000;
    gossip_nng_item item;
    uint64_t        before = dropped(asks, answers);
    net_request(asks, net_url(answers), "question");
    while (dropped(asks, answers) == before) {
        CHECK_MSG(net_now() < until, "neither answered nor lost");
        if (net_take(answers, 1, &item)) net_reply(answers, item.from, "answer");
        if (net_take(asks, 1, &item)) return item.kind == GOSSIP_NNG_REPLY;
    }
    return false;
}

/* Whatever fails, one of the next is answered. */
static void no_memory_at(bool asking)
{
    gossip_nng_options server = net_options("inproc://memory"), client = net_options(NULL);
    uint64_t           n = 1;
    for (bool refused = true; refused; n++) {
        net      a, b;
        unsigned tries = 1;
        net_open(&a, &server);
        net_open(&b, &client);
        testmem_fail_nth(asking ? &b.m : &a.m, n);
        while (!is_answered(&b, &a)) CHECK(tries++ < 5);
        refused = testmem_refused(asking ? &b.m : &a.m);
        CHECK(refused || tries == 1);
        net_close(&b);
        net_close(&a);
    }
    CHECK(n > 4);
}

TEST(transport, no_memory_to_ask)
{
    no_memory_at(true);
}

TEST(transport, no_memory_to_answer)
{
    no_memory_at(false);
}

TEST(transport, addresses_that_are_none_are_told)
{
    static const char *const bad[] = {"", "nonsense", "http://127.0.0.1:80",
                                      "tls+tcp://127.0.0.1:1", "tcp://127.0.0.1:x/y"};
    net                      a;
    gossip_nng_options       client = net_options(NULL);
    net_open(&a, &client);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) net_request(&a, bad[i], "question");
    CHECK_EQ_INT(gossip_nng_stats_of(a.nng).dropped, 4); /* what the last one is, dialling shows */
    CHECK_EQ_INT(gossip_nng_stats_of(a.nng).peers, 4);
    char text[256];
    for (int i = 0; i < 3; i++) CHECK(gossip_nng_notice(a.nng, text));
    CHECK(!gossip_nng_notice(a.nng, text));
    net_expect_notice(&a, "peer tcp://127.0.0.1:x/y: Address invalid");
    gossip_nng_peer_info peer;
    for (size_t i = 0; gossip_nng_peer(a.nng, i, &peer); i++) CHECK(peer.problem[0] != 0);
    net_close(&a);
}
