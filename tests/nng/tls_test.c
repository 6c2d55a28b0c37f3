/* tls+tcp: both sides show a certificate of the CA; all else is refused, and told of. */
#define _DEFAULT_SOURCE
#include <nng/nng.h>
#include <nng/supplemental/tls/tls.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/nng/lib/net.h"

#define DIR "tests/nng/tls/"

static gossip_nng_options tls_options(const char *listen, const char *ca, const char *cert,
                                      const char *key)
{
    gossip_nng_options o = net_options(listen);
    o.tls_ca = ca;
    o.tls_cert = cert;
    o.tls_key = key;
    o.dial_min_ms = 200; /* who is refused comes again and again: it costs time */
    return o;
}

static gossip_nng_options node_options(const char *listen)
{
    return tls_options(listen, DIR "ca.pem", DIR "node.pem", DIR "node-key.pem");
}

TEST(tls, there_and_back)
{
    net                a, b;
    gossip_nng_options server = node_options("tls+tcp://127.0.0.1:0"), client = node_options(NULL);
    static char        text[300000];
    net_open(&a, &server);
    net_open(&b, &client);
    for (int i = 0; i < 20; i++) net_round_trip(&b, &a);
    memset(text, 't', sizeof text - 1);
    net_request(&b, net_url(&a), text);
    net_reply(&a, net_expect(&a, GOSSIP_NNG_REQUEST, text).from, text);
    (void)net_expect(&b, GOSSIP_NNG_REPLY, text);
    net_close(&b);
    net_close(&a);
}

/* The stranger's question is never seen; both sides say why. Others go on. */
static void is_refused(const gossip_nng_options *stranger, const char *at_server,
                       const char *at_client)
{
    net                a, b, good;
    gossip_nng_options server = node_options("tls+tcp://127.0.0.1:0"), client = node_options(NULL);
    gossip_nng_item    item;
    net_open(&a, &server);
    net_open(&b, stranger);
    net_open(&good, &client);
    net_round_trip(&good, &a);
    net_request(&b, net_url(&a), "let me in");
    if (at_server != NULL) net_expect_notice(&a, at_server);
    if (at_client != NULL) net_expect_notice(&b, at_client);
    CHECK(!net_take(&a, 200, &item));
    CHECK(at_server == NULL || gossip_nng_stats_of(a.nng).refused > 0);
    gossip_nng_peer_info peer;
    CHECK(gossip_nng_peer(b.nng, 0, &peer) && !peer.connected);
    net_round_trip(&good, &a);
    net_close(&good);
    net_close(&b);
    net_close(&a);
}

TEST(tls, a_certificate_of_another_ca_is_refused)
{
    gossip_nng_options o =
        tls_options(NULL, DIR "ca.pem", DIR "stranger.pem", DIR "stranger-key.pem");
    is_refused(&o, "without a certificate of this CA", "TLS");
}

TEST(tls, a_listener_of_another_ca_is_refused)
{
    gossip_nng_options o =
        tls_options(NULL, DIR "other-ca.pem", DIR "stranger.pem", DIR "stranger-key.pem");
    is_refused(&o, NULL, "TLS: a certificate is not accepted");
}

TEST(tls, a_listener_of_another_name_is_refused)
{
    net                a, b;
    gossip_nng_options server = tls_options("tls+tcp://127.0.0.1:0", DIR "ca.pem",
                                            DIR "elsewhere.pem", DIR "elsewhere-key.pem");
    gossip_nng_options client = node_options(NULL);
    gossip_nng_item    item;
    net_open(&a, &server);
    net_open(&b, &client);
    net_request(&b, net_url(&a), "who are you");
    net_expect_notice(&b, "TLS: a certificate is not accepted");
    CHECK(!net_take(&a, 200, &item));
    net_close(&b);
    net_close(&a);
}

/* The preamble, as a node without TLS would send it. */
TEST(tls, a_plain_client_is_refused)
{
    net                a, b;
    gossip_nng_options server = node_options("tls+tcp://127.0.0.1:0"), client = node_options(NULL);
    net_open(&a, &server);
    net_open(&b, &client);
    int fd = net_connect(net_url(&a));
    CHECK(net_greet(fd));
    net_expect_notice(&a, "TLS");
    CHECK(net_is_closed(fd, 5000));
    close(fd);
    net_round_trip(&b, &a);
    net_close(&b);
    net_close(&a);
}

/* What an NNG client does that has the CA and no certificate of its own. */
TEST(tls, a_client_without_a_certificate_is_refused)
{
    net                a, b;
    gossip_nng_options server = node_options("tls+tcp://127.0.0.1:0"), client = node_options(NULL);
    gossip_nng_item    item;
    nng_stream_dialer *dialer;
    nng_tls_config    *config;
    nng_aio           *aio;
    char               preamble[8] = "CONCUR\1";
    nng_iov            iov = {preamble, sizeof preamble};
    net_open(&a, &server);
    net_open(&b, &client);
    CHECK_EQ_INT(nng_stream_dialer_alloc(&dialer, net_url(&a)), 0);
    CHECK_EQ_INT(nng_tls_config_alloc(&config, NNG_TLS_MODE_CLIENT), 0);
    CHECK_EQ_INT(nng_tls_config_ca_file(config, DIR "ca.pem"), 0);
    CHECK_EQ_INT(nng_tls_config_server_name(config, "127.0.0.1"), 0);
    CHECK_EQ_INT(nng_stream_dialer_set_ptr(dialer, NNG_OPT_TLS_CONFIG, config), 0);
    CHECK_EQ_INT(nng_aio_alloc(&aio, NULL, NULL), 0);
    nng_stream_dialer_dial(dialer, aio);
    nng_aio_wait(aio);
    CHECK_EQ_INT(nng_aio_result(aio), 0);
    nng_stream *stream = nng_aio_get_output(aio, 0);
    CHECK_EQ_INT(nng_aio_set_iov(aio, 1, &iov), 0);
    nng_stream_send(stream, aio);
    net_expect_notice(&a, "without a certificate of this CA");
    CHECK(!net_take(&a, 100, &item));
    nng_stream_close(stream);
    nng_aio_wait(aio);
    nng_stream_free(stream);
    nng_aio_free(aio);
    nng_stream_dialer_free(dialer);
    nng_tls_config_free(config);
    net_round_trip(&b, &a);
    net_close(&b);
    net_close(&a);
}

/* Who begins to shake hands and says no more holds up nobody, and is closed in time. */
TEST(tls, half_a_handshake)
{
    static const uint8_t hello[] = {22, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3};
    net                  a, b;
    gossip_nng_options   server = node_options("tls+tcp://127.0.0.1:0"), client;
    int                  fds[20];
    client = node_options(NULL);
    server.answer_ms = T_SLOW ? 5000 : 2000;
    net_open(&a, &server);
    net_open(&b, &client);
    for (unsigned i = 0; i < 20; i++) {
        fds[i] = net_connect(net_url(&a));
        CHECK(send(fds[i], hello, i % sizeof hello, MSG_NOSIGNAL) == (ssize_t)(i % sizeof hello));
    }
    net_round_trip(&b, &a);
    for (unsigned i = 0; i < 20; i++) {
        CHECK(net_is_closed(fds[i], T_SLOW ? 60000 : 10000));
        close(fds[i]);
    }
    net_round_trip(&b, &a);
    CHECK_EQ_INT(gossip_nng_stats_of(a.nng).accepted, 1);
    net_close(&b);
    net_close(&a);
}

static void refuses(const gossip_nng_options *options, crdt_err err, const char *part)
{
    gossip_nng *nng;
    char        problem[256];
    CHECK_ERR(gossip_nng_open(options, NULL, &nng, problem), err);
    CHECK_MSG(strstr(problem, part) != NULL, "\"%s\" does not say \"%s\"", problem, part);
}

TEST(tls, bad_options_are_named)
{
    gossip_nng_options o = node_options("tcp://127.0.0.1:0");
    refuses(&o, CRDT_EINVAL, "with TLS it must be tls+tcp://");
    o.listen = "tls+tcp://127.0.0.1:0";
    o.tls_key = DIR "elsewhere-key.pem";
    refuses(&o, CRDT_EIO, "elsewhere-key.pem is not that of the certificate");
    o.tls_key = DIR "nothing.pem";
    refuses(&o, CRDT_EIO, "cannot read the key");
}

TEST(tls, plain_addresses_are_not_dialled)
{
    net                a, b;
    gossip_nng_options server = net_options("tcp://127.0.0.1:0"), client = node_options(NULL);
    gossip_nng_item    item;
    net_open(&a, &server);
    net_open(&b, &client);
    net_request(&b, net_url(&a), "in the clear");
    CHECK(!net_take(&a, 200, &item));
    CHECK_EQ_INT(gossip_nng_stats_of(a.nng).accepted, 0);
    net_expect_notice(&b, "with TLS it must be tls+tcp://");
    net_close(&b);
    net_close(&a);
}

TEST(tls, no_memory_is_an_error_and_no_leak)
{
    gossip_nng_options o = node_options("tls+tcp://127.0.0.1:0");
    testmem            m;
    testmem_init(&m);
    for (uint64_t n = 1;; n++) {
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
    TESTMEM_DONE(&m);
}
