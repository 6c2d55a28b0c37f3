/* What an engine does while nothing happens: counted in looks at peers, not in time. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gossip/core/peers.h"
#include "tests/gossip/lib/cluster.h"

#define MOST 1000u

/* Peers that are links and no more: each answers SYNC with "the same". */
typedef struct crowd {
    cluster       *c;
    gossip_engine *engine;
    gossip_time    now;
    uint32_t       count;
    gossip_peer    peers[MOST];
    uint64_t       nonces[MOST]; /* what this node said to each */
    uint64_t       sent, woken;  /* messages of this node; runs of its driver */
} crowd;

static uint64_t nonce_of(uint32_t i)
{
    return 900000 + i;
}

static void hear(crowd *m, gossip_peer from, const gossip_msg *msg)
{
    CHECK_OK(gossip_engine_receive(m->engine, m->now, NOW, from, msg));
}

static void greet(crowd *m, uint32_t i)
{
    gossip_msg msg;
    char       name[16];
    memset(&msg, 0, sizeof msg);
    (void)snprintf(name, sizeof name, "c%04" PRIu32, i);
    msg.kind = GOSSIP_HELLO;
    msg.id = i + 1;
    msg.hello.cluster = cluster_config().cluster;
    msg.hello.node = 1000 + i;
    msg.hello.replica = 5000 + i;
    msg.hello.boot = nonce_of(i);
    msg.hello.version_min = msg.hello.version_max = 1;
    msg.hello.frame_max = 1 << 20;
    msg.hello.address = crdt_text_view(name);
    hear(m, 0, &msg);
}

static uint32_t who_is(const crowd *m, gossip_peer peer)
{
    uint32_t i = 0;
    while (i < m->count && m->peers[i] != peer) i++;
    CHECK(i < m->count);
    return i;
}

static void answer(crowd *m, const gossip_action *action)
{
    gossip_msg msg;
    if (action->msg->kind == GOSSIP_WELCOME) {
        uint32_t i = action->msg->id - 1;
        m->peers[i] = action->peer;
        m->nonces[i] = action->msg->hello.boot;
        return;
    }
    uint32_t i = who_is(m, action->peer);
    CHECK_EQ_INT(action->msg->kind, GOSSIP_SYNC);
    memset(&msg, 0, sizeof msg);
    msg.kind = GOSSIP_STATE;
    msg.id = action->msg->id;
    msg.link = gossip_link_of(nonce_of(i), m->nonces[i]);
    msg.same = true;
    msg.credit = 1 << 18;
    hear(m, action->peer, &msg);
}

static void drive(crowd *m)
{
    gossip_action action;
    m->woken++;
    if (gossip_engine_deadline(m->engine) <= m->now) {
        CHECK_OK(gossip_engine_tick(m->engine, m->now, NOW));
    }
    while (gossip_engine_next(m->engine, &action)) {
        if (action.kind != GOSSIP_DO_SEND) continue;
        m->sent++;
        answer(m, &action);
    }
}

static void pass(crowd *m, gossip_time us)
{
    gossip_time end = m->now + us;
    for (;;) {
        gossip_time at = gossip_engine_deadline(m->engine);
        if (at > end) break;
        if (at > m->now) m->now = at;
        drive(m);
    }
    m->now = end;
}

static crowd *crowd_of(uint32_t count)
{
    gossip_config config = cluster_config();
    crowd        *m = calloc(1, sizeof *m);
    config.topology = GOSSIP_STAR;
    config.links_max = MOST;
    config.hub = 1;
    m->count = count;
    m->c = cluster_of(1, &config, NULL);
    m->engine = m->c->nodes[0].engine;
    for (uint32_t i = 0; i < count; i++) greet(m, i);
    drive(m);
    for (uint32_t i = 0; i < count; i++) { /* its first message confirms the link */
        gossip_msg msg;
        memset(&msg, 0, sizeof msg);
        msg.kind = GOSSIP_TOOK;
        msg.link = gossip_link_of(nonce_of(i), m->nonces[i]);
        msg.credit = 1 << 18;
        hear(m, m->peers[i], &msg);
    }
    drive(m);
    CHECK_EQ_INT(gossip_engine_stats(m->engine).links, count);
    return m;
}

static void crowd_free(crowd *m)
{
    cluster_free(m->c);
    free(m);
}

/* Ten virtual minutes. */
static uint64_t looks_while_idle(uint32_t count)
{
    crowd *m = crowd_of(count);
    pass(m, 10 * SECOND);
    uint64_t before = m->engine->links->looks, sent = m->sent, woken = m->woken;
    pass(m, 600 * SECOND);
    uint64_t looks = m->engine->links->looks - before;
    sent = m->sent - sent;
    woken = m->woken - woken;
    printf("%" PRIu32 " idle peers: %" PRIu64 " looks in %" PRIu64 " wakes, %" PRIu64 " messages\n",
           count, looks, woken, sent);
    CHECK(sent >= 100 && sent <= 200); /* rounds of 5 s */
    CHECK(looks <= 8 * sent);
    crowd_free(m);
    return looks;
}

TEST(idle, peers_without_anything_due_are_not_looked_at)
{
    uint64_t few = looks_while_idle(10), many = looks_while_idle(MOST);
    CHECK(many <= few * 2);
}

/* Each of the peers is away; each has a time of its own at which it is called again. */
TEST(idle, only_those_that_are_called_again_cost_something)
{
    gossip_config config = cluster_config();
    config.topology = GOSSIP_STAR;
    config.hub = 1;
    cluster       *c = cluster_of(1, &config, NULL);
    gossip_engine *engine = c->nodes[0].engine;
    gossip_action  action;
    uint64_t       calls = 0, looks = 0, tenth = 0;
    for (uint32_t i = 0; i < MOST; i++) {
        gossip_peer peer;
        char        name[16];
        (void)snprintf(name, sizeof name, "c%04" PRIu32, i);
        CHECK_OK(gossip_engine_add_peer(engine, crdt_text_view(name), &peer));
    }
    for (gossip_time now = 0; now < 100 * SECOND; now = gossip_engine_deadline(engine)) {
        if (tenth == 0 && now > 30 * SECOND) { /* they are spread by then */
            looks = engine->links->looks;
            tenth = calls;
        }
        CHECK_OK(gossip_engine_tick(engine, now, NOW));
        while (gossip_engine_next(engine, &action)) calls += action.kind == GOSSIP_DO_SEND;
    }
    looks = engine->links->looks - looks;
    calls -= tenth;
    printf("%" PRIu64 " calls, %" PRIu64 " looks\n", calls, looks);
    CHECK(calls >= 5 * MOST); /* each some ten seconds */
    CHECK(looks <= 6 * calls);
    cluster_free(c);
}
