/* Real engines over the transport: several nodes with store, engine and driver each, in one thread;
 * strangers are refused and told of, and the others go on. */
#define _POSIX_C_SOURCE 200809L
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "crdt/orset.h"
#include "crdt/types.h"
#include "gossip/gossip.h"
#include "tests/nng/lib/net.h"
#include "tests/nng/lib/proxy.h"

#define NODES 4

typedef struct node {
    net            net;
    crdt_store    *store;
    gossip_engine *engine;
    gossip_driver *driver;
    unsigned       up, down; /* notices */
} node;

/* The next nodes that are opened wait for ten minutes where others wait for a second. */
static bool patient;

static uint64_t wall(void)
{
    return UINT64_C(1700000000000) + net_now() / 1000;
}

static void open_node(node *n, uint64_t id, uint64_t cluster, const gossip_nng_options *options)
{
    crdt_options  store = crdt_options_default(id, crdt_types_builtin());
    gossip_config config = gossip_config_default();
    memset(n, 0, sizeof *n);
    net_open(&n->net, options);
    gossip_transport transport = gossip_nng_transport(n->net.nng);
    config.cluster = cluster;
    config.node = id;
    config.boot = config.seed = id + net_now();
    config.address = crdt_text_view(net_url(&n->net));
    config.frame_max = options->frame_max;
    if (patient) {
        config.timeout_us = UINT64_C(600000000);
        config.round_us = config.round_max_us = UINT64_C(600000000);
    }
    CHECK_OK(crdt_store_new(&store, &n->store));
    CHECK_OK(gossip_engine_new(&config, n->store, NULL, &n->engine));
    CHECK_OK(gossip_driver_new(n->engine, &transport, NULL, NULL, &n->driver));
}

static void close_node(node *n)
{
    gossip_driver_free(n->driver);
    gossip_engine_free(n->engine);
    crdt_store_free(n->store);
    net_close(&n->net);
}

static void meet(node *n, const char *url)
{
    gossip_peer peer;
    CHECK_OK(gossip_engine_add_peer(n->engine, crdt_text_view(url), &peer));
}

static void add(node *n, const char *element)
{
    crdt_txn *txn;
    CHECK_OK(gossip_engine_write(n->engine, net_now(), wall(), &txn));
    CHECK_OK(crdt_orset_add(txn, crdt_text_view("set"), crdt_text(element)));
    CHECK_OK(gossip_engine_commit(n->engine, NULL));
}

static void step(node *n)
{
    gossip_nng_item item;
    gossip_action   notice;
    while (gossip_nng_take(n->net.nng, &item)) {
        if (item.kind == GOSSIP_NNG_LOST) {
            gossip_driver_lost(n->driver, net_now(), item.from);
            continue;
        }
        CHECK_OK(gossip_driver_receive(n->driver, net_now(), wall(), item.bytes, item.from));
    }
    CHECK_OK(gossip_driver_run(n->driver, net_now(), wall()));
    gossip_nng_check(n->net.nng);
    while (gossip_driver_notice(n->driver, &notice)) {
        n->up += notice.notice == GOSSIP_PEER_UP;
        n->down += notice.notice == GOSSIP_PEER_DOWN;
    }
}

static void turn(node *nodes, unsigned count)
{
    struct pollfd fds[NODES];
    uint64_t      news;
    for (unsigned i = 0; i < count; i++) step(&nodes[i]);
    for (unsigned i = 0; i < count; i++) {
        fds[i] = (struct pollfd){.fd = nodes[i].net.fd, .events = POLLIN};
    }
    (void)poll(fds, count, 2);
    for (unsigned i = 0; i < count; i++) {
        if (fds[i].revents != 0) (void)!read(fds[i].fd, &news, sizeof news);
    }
}

static size_t elements(const node *n)
{
    crdt_ref ref;
    if (crdt_store_find(n->store, crdt_text_view("set"), &crdt_orset_type, &ref) != CRDT_OK) {
        return 0;
    }
    return crdt_orset_count(ref);
}

/* All of them have so many elements and equal digests, within 20 s. */
static void agree(node *nodes, unsigned count, size_t size)
{
    gossip_time until = net_now() + 20000000;
    for (;;) {
        bool equal = true;
        turn(nodes, count);
        for (unsigned i = 0; i < count; i++) {
            crdt_digest a = gossip_engine_digest(nodes[0].engine);
            crdt_digest b = gossip_engine_digest(nodes[i].engine);
            equal = equal && elements(&nodes[i]) == size && memcmp(&a, &b, sizeof a) == 0;
        }
        if (equal) return;
        CHECK_MSG(net_now() < until, "%zu, %zu, ... elements, not %zu", elements(&nodes[0]),
                  elements(&nodes[1]), size);
    }
}

static void run_for(node *nodes, unsigned count, unsigned ms)
{
    gossip_time until = net_now() + ms * UINT64_C(1000);
    while (net_now() < until) turn(nodes, count);
}

static void open_mesh(node *nodes, unsigned count, bool ipc)
{
    static const char *const names[] = {"n0", "n1", "n2", "n3"};
    for (unsigned i = 0; i < count; i++) {
        gossip_nng_options o = net_options(ipc ? net_ipc(names[i]) : "tcp://127.0.0.1:0");
        open_node(&nodes[i], 100 + i, 7, &o);
    }
    for (unsigned i = 0; i < count; i++) {
        for (unsigned k = 0; k < count; k++) {
            if (i != k) meet(&nodes[i], net_url(&nodes[k].net));
        }
    }
}

static void converges(bool ipc)
{
    node nodes[3];
    char text[16];
    open_mesh(nodes, 3, ipc);
    for (unsigned i = 0; i < 60; i++) {
        (void)snprintf(text, sizeof text, "%u", i);
        add(&nodes[i % 3], text);
        turn(nodes, 3);
    }
    agree(nodes, 3, 60);
    for (unsigned i = 0; i < 3; i++) {
        gossip_nng_stats s = gossip_nng_stats_of(nodes[i].net.nng);
        CHECK_EQ_INT(s.dropped, 0);
        CHECK_EQ_INT(s.oversize, 0);
        CHECK_EQ_INT(s.refused, 0);
        CHECK_EQ_INT(s.peers, 2);
        CHECK_EQ_INT(nodes[i].up, 2);
    }
    for (unsigned i = 0; i < 3; i++) close_node(&nodes[i]);
}

TEST(engine, three_nodes_agree_over_tcp)
{
    converges(false);
}

TEST(engine, three_nodes_agree_over_ipc)
{
    converges(true);
}

TEST(engine, cut_off_and_healed)
{
    node nodes[3];
    open_mesh(nodes, 3, false);
    add(&nodes[0], "before");
    agree(nodes, 3, 1);
    gossip_nng_cut(nodes[2].net.nng, true);
    add(&nodes[0], "one side");
    add(&nodes[2], "other side");
    agree(nodes, 2, 2);
    run_for(nodes, 3, 300);
    CHECK_EQ_INT(elements(&nodes[2]), 2);
    CHECK_EQ_INT(elements(&nodes[0]), 2);
    gossip_nng_cut(nodes[2].net.nng, false);
    agree(nodes, 3, 3);
    for (unsigned i = 0; i < 3; i++) close_node(&nodes[i]);
}

TEST(engine, a_node_that_comes_back_at_its_address_is_met_again)
{
    node nodes[3];
    char url[256];
    open_mesh(nodes, 3, false);
    add(&nodes[0], "first");
    agree(nodes, 3, 1);
    (void)snprintf(url, sizeof url, "%s", net_url(&nodes[2].net));
    close_node(&nodes[2]);
    add(&nodes[0], "second");
    agree(nodes, 2, 2);
    gossip_nng_options o = net_options(url);
    open_node(&nodes[2], 200, 7, &o); /* it has lost all: as another one */
    meet(&nodes[2], net_url(&nodes[0].net));
    agree(nodes, 3, 2);
    for (unsigned i = 0; i < 3; i++) close_node(&nodes[i]);
}

/* The connection breaks while a push is under way. The engine is told, and sends it again: it would
 * have waited for ten minutes. */
TEST(engine, what_is_lost_with_a_connection_is_sent_again_at_once)
{
    node               nodes[2];
    proxy              p;
    gossip_nng_options o = net_options("tcp://127.0.0.1:0");
    patient = true;
    for (unsigned i = 0; i < 2; i++) open_node(&nodes[i], 100 + i, 7, &o);
    patient = false;
    proxy_open(&p, net_url(&nodes[1].net), 1);
    meet(&nodes[0], p.url);
    add(&nodes[0], "before");
    agree(nodes, 2, 1);
    run_for(nodes, 2, 300);
    atomic_store(&p.holds, true);
    run_for(nodes, 2, 100);
    add(&nodes[0], "under way");
    run_for(nodes, 2, 300);
    CHECK_EQ_INT(elements(&nodes[1]), 1);
    proxy_break(&p);
    atomic_store(&p.holds, false);
    agree(nodes, 2, 2);
    for (unsigned i = 0; i < 2; i++) close_node(&nodes[i]);
    proxy_close(&p);
}

/* -- Strangers --------------------------------------------------------------------------------- */

static uint64_t refused_of(const node *n, const char *url, crdt_err *ret_err)
{
    gossip_peer_info info;
    for (size_t i = 0; gossip_engine_peer(n->engine, i, &info); i++) {
        if (crdt_view_compare(info.address, crdt_text_view(url)) != 0) continue;
        *ret_err = info.error;
        CHECK(!info.linked);
        return info.refused;
    }
    return 0;
}

TEST(engine, a_node_of_another_cluster_is_refused_and_told_of)
{
    node     nodes[4];
    crdt_err err = CRDT_OK;
    open_mesh(nodes, 3, false);
    gossip_nng_options o = net_options("tcp://127.0.0.1:0");
    open_node(&nodes[3], 300, 8, &o);
    for (unsigned i = 0; i < 3; i++) {
        meet(&nodes[3], net_url(&nodes[i].net));
        meet(&nodes[i], net_url(&nodes[3].net));
    }
    add(&nodes[3], "not for you");
    add(&nodes[0], "ours");
    agree(nodes, 3, 1);
    gossip_time until = net_now() + 10000000;
    while (refused_of(&nodes[0], net_url(&nodes[3].net), &err) == 0) {
        CHECK_MSG(net_now() < until, "nobody tells of it");
        turn(nodes, 4);
    }
    add(&nodes[1], "still");
    agree(nodes, 3, 2);
    CHECK_EQ_INT(elements(&nodes[3]), 1);
    for (unsigned i = 0; i < 4; i++) close_node(&nodes[i]);
}

/* Sends it over a plain connection as a request; the answer, which must come, into *ret. */
static void ask(node *nodes, unsigned count, const char *url, crdt_view request, gossip_msg *ret)
{
    uint8_t       bytes[4096], header[17];
    int           fd = net_connect(url);
    gossip_frame *frame;
    size_t        size = 0;
    CHECK(net_greet(fd));
    CHECK(net_put(fd, (uint32_t)request.size, 77, 1, request.data, request.size));
    for (unsigned i = 0; i < 500; i++) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        turn(nodes, count);
        if (poll(&p, 1, 0) > 0 && recv(fd, header, sizeof header, MSG_PEEK) > 8) break;
    }
    CHECK_EQ_INT(recv(fd, header, sizeof header, MSG_WAITALL), sizeof header);
    CHECK_EQ_MEM(header, 8, "CONCUR\1\0", 8);
    for (unsigned i = 4; i > 0; i--) size = size << 8 | header[7 + i];
    CHECK(header[12] == 77 && header[13] == 0 && header[16] == 2);
    CHECK(size <= sizeof bytes && recv(fd, bytes, size, MSG_WAITALL) == (ssize_t)size);
    CHECK_OK(gossip_wire_decode(NULL, crdt_view_of(bytes, size), NULL, &frame, NULL));
    *ret = *gossip_frame_msg(frame);
    gossip_frame_free(frame, NULL);
    close(fd);
}

TEST(engine, another_version_is_refused)
{
    node       nodes[2];
    gossip_msg hello = {.kind = GOSSIP_HELLO, .id = 9}, answer;
    crdt_buf   bytes;
    open_mesh(nodes, 2, false);
    crdt_buf_init(&bytes, NULL);
    hello.hello.cluster = 7;
    hello.hello.node = hello.hello.boot = hello.hello.replica = 5;
    hello.hello.version_min = hello.hello.version_max = 99;
    hello.hello.frame_max = 1 << 20;
    CHECK_OK(gossip_wire_encode(NULL, &hello, &bytes));
    ask(nodes, 2, net_url(&nodes[0].net), crdt_buf_bytes(&bytes), &answer);
    CHECK_EQ_INT(answer.kind, GOSSIP_REFUSED);
    CHECK_EQ_INT(answer.refusal, GOSSIP_OTHER_VERSION);
    add(&nodes[0], "still");
    agree(nodes, 2, 1);
    crdt_buf_clear(&bytes);
    for (unsigned i = 0; i < 2; i++) close_node(&nodes[i]);
}

TEST(engine, a_frame_too_large_is_refused_and_others_go_on)
{
    node nodes[2];
    open_mesh(nodes, 2, false);
    add(&nodes[0], "one");
    agree(nodes, 2, 1);
    int fd = net_connect(net_url(&nodes[0].net));
    CHECK(net_greet(fd));
    CHECK(net_put(fd, 5u << 20, 1, 1, "start", 5));
    CHECK(net_is_closed(fd, 5000));
    close(fd);
    add(&nodes[1], "two");
    agree(nodes, 2, 2);
    for (unsigned i = 0; i < 2; i++) close_node(&nodes[i]);
}
