/* Links: how they begin, begin again and end; who refuses whom; loss, duplicates, reordering. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tests/gossip/lib/cluster.h"

TEST(links, two_nodes_converge)
{
    cluster *c = cluster_new(2, NULL);
    (void)cluster_add(c, 0, "s", "x");
    (void)cluster_add(c, 1, "s", "y");
    CHECK(cluster_settle(c, 2 * SECOND));
    CHECK_EQ_STR(shown(c->nodes[0].store, "s"), "{\"x\", \"y\"}");
    CHECK_EQ_INT(cluster_links(c), 1);
    cluster_free(c);
}

static bool one_side(uint32_t from, uint32_t to, uint32_t count)
{
    (void)count;
    return from < to;
}

TEST(links, dialled_from_one_side_or_both_it_is_one_link)
{
    cluster *both = cluster_new(2, NULL), *one = cluster_of(2, NULL, one_side);
    cluster_run(both, SECOND);
    cluster_run(one, SECOND);
    CHECK_EQ_INT(cluster_links(both), 1);
    CHECK_EQ_INT(cluster_links(one), 1);
    CHECK_EQ_INT(both->nodes[0].notices[GOSSIP_PEER_UP], 1);
    CHECK_EQ_INT(both->nodes[1].notices[GOSSIP_PEER_UP], 1);
    CHECK_EQ_INT(both->nodes[0].notices[GOSSIP_PEER_DOWN], 0);
    cluster_free(both);
    cluster_free(one);
}

TEST(links, loss_duplicates_and_reordering_harm_nothing)
{
    uint64_t seed = 0;
    for (uint32_t round = 0; round < 12; round++) {
        gossip_config config = cluster_config();
        config.ack_us = round % 2 == 0 ? 0 : SECOND;
        cluster *c = cluster_new(5, &config);
        char     prefix[16];
        c->random = c->seed + round;
        seed = c->seed + round;
        c->loss = round % 3 == 0 ? 0.3 : 0.1;
        c->duplicates = 0.2;
        c->delay_max = round % 4 == 3 ? 80 * MS : 3 * MS;
        for (uint32_t i = 0; i < 40; i++) {
            (void)snprintf(prefix, sizeof prefix, "%" PRIu32 "-", i);
            cluster_fill(c, i % 5, i % 2 ? "a" : "b", prefix, 1 + i % 3);
            cluster_run(c, (i % 7) * 20 * MS);
        }
        CHECK_MSG(cluster_settle(c, 60 * SECOND), "SEED=%" PRIu64, seed);
        for (uint32_t i = 0; i < 5; i++) {
            CHECK_EQ_INT(c->nodes[i].notices[GOSSIP_FORKED], 0);
            CHECK_EQ_INT(c->nodes[i].notices[GOSSIP_POISONED], 0);
            CHECK_EQ_INT(gossip_engine_stats(c->nodes[i].engine).parked, 0);
        }
        cluster_free(c);
    }
}

static void cut(cluster *c, uint32_t a, uint32_t b, bool both)
{
    c->cut[a * c->count + b] = true;
    if (both) c->cut[b * c->count + a] = true;
}

static void heal(cluster *c)
{
    memset(c->cut, 0, (size_t)c->count * c->count * sizeof *c->cut);
}

TEST(links, partition_heals_by_itself_however_long_it_was)
{
    cluster *c = cluster_new(2, NULL);
    cluster_run(c, SECOND);
    cut(c, 0, 1, true);
    cluster_fill(c, 0, "s", "a", 30);
    cluster_fill(c, 1, "s", "b", 30);
    cluster_run(c, 3600 * SECOND);
    CHECK_EQ_INT(cluster_links(c), 0);
    CHECK(c->nodes[0].notices[GOSSIP_PEER_DOWN] > 0);
    heal(c);
    CHECK(cluster_settle(c, 12 * SECOND));
    CHECK_EQ_INT(cluster_links(c), 1);
    cluster_free(c);
}

TEST(links, one_way_partition_heals)
{
    cluster *c = cluster_new(2, NULL);
    cluster_run(c, SECOND);
    cut(c, 0, 1, false);
    cluster_fill(c, 0, "s", "a", 30);
    cluster_fill(c, 1, "s", "b", 30);
    cluster_run(c, 60 * SECOND);
    heal(c);
    CHECK(cluster_settle(c, 20 * SECOND));
    CHECK_EQ_INT(cluster_links(c), 1);
    cluster_free(c);
}

TEST(links, peer_that_starts_again_is_met_again)
{
    cluster *c = cluster_of(3, NULL, one_side);
    cluster_fill(c, 0, "s", "a", 20);
    CHECK(cluster_settle(c, 5 * SECOND));
    /* It knows nobody: the others notice that their link is gone, and dial. */
    cluster_stop(c, 2);
    cluster_start(c, 2, 5002);
    cluster_fill(c, 1, "s", "b", 20);
    CHECK(cluster_settle(c, 12 * SECOND));
    cluster_run(c, 30 * SECOND);
    CHECK_EQ_INT(cluster_links(c), 3);
    CHECK_EQ_INT(cluster_info(c, 0, 2).replica, 5002);
    cluster_free(c);
}

TEST(links, addresses_are_learned_from_peers)
{
    gossip_config config = cluster_config();
    config.learn = true;
    cluster *c = cluster_of(5, &config, one_side);
    cluster_free(c);
    c = cluster_of(5, &config, NULL);
    for (uint32_t i = 1; i < 5; i++) cluster_meet(c, i, 0);
    cluster_run(c, 5 * SECOND);
    CHECK_EQ_INT(cluster_links(c), 10);
    CHECK(c->nodes[4].notices[GOSSIP_PEER_LEARNED] > 0);
    cluster_free(c);

    config.learn = false;
    c = cluster_of(5, &config, NULL);
    for (uint32_t i = 1; i < 5; i++) cluster_meet(c, i, 0);
    cluster_run(c, 5 * SECOND);
    CHECK_EQ_INT(cluster_links(c), 4);
    cluster_free(c);
}

TEST(links, other_clusters_and_own_ids_are_refused)
{
    cluster *c = cluster_new(4, NULL);
    cluster_stop(c, 1);
    c->nodes[1].config.cluster = 78;
    cluster_start(c, 1, 1001);
    cluster_stop(c, 2);
    c->nodes[2].config.node = 1; /* as node 0 */
    cluster_start(c, 2, 1002);
    cluster_stop(c, 3);
    cluster_start(c, 3, 1000); /* its replica id */
    for (uint32_t i = 1; i < 4; i++) cluster_meet(c, i, 0);
    cluster_run(c, 30 * SECOND);
    CHECK_EQ_INT(gossip_engine_stats(c->nodes[0].engine).links, 0);
    CHECK(c->nodes[0].notices[GOSSIP_CLONED] > 0);
    CHECK(c->nodes[2].notices[GOSSIP_CLONED] > 0);
    crdt_txn *txn;
    CHECK_ERR(gossip_engine_write(c->nodes[0].engine, c->now, NOW, &txn), CRDT_EFORK);
    cluster_free(c);
}

static bool catch_greeting(cluster *c, uint32_t from, uint32_t to, const gossip_msg *msg)
{
    (void)to;
    if (from == 0 && msg->kind == GOSSIP_HELLO) *(uint32_t *)c->user = msg->id;
    return false;
}

/* Who is refused tells people why; who meets a clone of itself has no link with it. */
TEST(links, a_refused_greeting_tells_why)
{
    static const struct {
        gossip_refusal refusal;
        crdt_err       error;
        bool           quarantined;
    } whys[] = {{GOSSIP_OTHER_CLUSTER, CRDT_EINVAL, false},
                {GOSSIP_OTHER_VERSION, CRDT_EVERSION, false},
                {GOSSIP_FULL, CRDT_EBUSY, false},
                {GOSSIP_BAD_MESSAGE, CRDT_EMALFORMED, false},
                {GOSSIP_SAME_NODE, CRDT_EEXIST, true}};
    for (size_t i = 0; i < sizeof whys / sizeof *whys; i++) {
        cluster         *c = cluster_new(2, NULL);
        uint32_t         id = 0;
        gossip_msg       msg;
        gossip_peer_info info;
        c->user = &id;
        c->filter = catch_greeting;
        cluster_run(c, MS);
        CHECK(id != 0);
        memset(&msg, 0, sizeof msg);
        msg.kind = GOSSIP_REFUSED;
        msg.id = id;
        msg.refusal = whys[i].refusal;
        CHECK_OK(gossip_engine_receive(c->nodes[0].engine, c->now, NOW, 0, &msg));
        CHECK(gossip_engine_peer(c->nodes[0].engine, 0, &info) && !info.linked);
        CHECK_EQ_INT(info.error, whys[i].error);
        CHECK(info.quarantined == whys[i].quarantined);
        c->filter = NULL; /* it was put right */
        cluster_run(c, 60 * SECOND);
        CHECK(gossip_engine_peer(c->nodes[0].engine, 0, &info) && info.linked);
        CHECK(!info.quarantined);
        cluster_free(c);
    }
}

TEST(links, own_address_is_no_clone)
{
    cluster *c = cluster_new(2, NULL);
    cluster_meet(c, 0, 0);
    cluster_run(c, 30 * SECOND);
    CHECK_EQ_INT(c->nodes[0].notices[GOSSIP_CLONED], 0);
    CHECK_EQ_INT(cluster_links(c), 1);
    (void)cluster_add(c, 0, "s", "x");
    CHECK(cluster_settle(c, SECOND));
    cluster_free(c);
}

TEST(links, two_addresses_of_one_node_make_one_link)
{
    cluster    *c = cluster_new(2, NULL);
    gossip_peer peer;
    /* "n01" leads to node 1, too. */
    CHECK_OK(gossip_engine_add_peer(c->nodes[0].engine, crdt_text_view("n01"), &peer));
    cluster_run(c, 30 * SECOND);
    CHECK_EQ_INT(cluster_links(c), 1);
    CHECK_EQ_INT(gossip_engine_stats(c->nodes[0].engine).links, 1);
    CHECK_EQ_INT(c->nodes[0].notices[GOSSIP_PEER_DOWN], 0);
    (void)cluster_add(c, 0, "s", "x");
    CHECK(cluster_settle(c, SECOND));
    cluster_free(c);
}

TEST(links, forgotten_peer_is_let_alone)
{
    cluster *c = cluster_of(2, NULL, one_side);
    cluster_run(c, SECOND);
    gossip_peer peer = cluster_peer(c, 0, 1), back = cluster_peer(c, 1, 0);
    CHECK_OK(gossip_engine_forget_peer(c->nodes[0].engine, peer));
    CHECK_ERR(gossip_engine_forget_peer(c->nodes[0].engine, peer), CRDT_ENOENT);
    CHECK_OK(gossip_engine_forget_peer(c->nodes[1].engine, back));
    (void)cluster_add(c, 0, "s", "x");
    cluster_run(c, 30 * SECOND);
    CHECK_EQ_INT(gossip_engine_stats(c->nodes[0].engine).peers, 0);
    CHECK_EQ_INT(gossip_engine_stats(c->nodes[1].engine).peers, 0);
    CHECK_EQ_STR(shown(c->nodes[1].store, "s"), "ENOENT");
    cluster_meet(c, 0, 1);
    CHECK(cluster_settle(c, 2 * SECOND));
    cluster_free(c);
}
