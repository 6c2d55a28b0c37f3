/* Eager and lazy links; credit; forks. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/gossip/lib/cluster.h"

static uint32_t eager_links(const cluster *c)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < c->count; i++) {
        for (uint32_t n = 0; n < i; n++) {
            bool eager = cluster_info(c, i, n).eager;
            CHECK_EQ_INT(eager, cluster_info(c, n, i).eager);
            count += eager;
        }
    }
    return count;
}

TEST(tree, duplicates_prune_a_mesh_to_a_tree)
{
    cluster *c = cluster_new(5, NULL);
    cluster_run(c, SECOND);
    CHECK_EQ_INT(eager_links(c), 10);
    for (uint32_t i = 0; i < 20; i++) {
        cluster_fill(c, i % 5, "s", "x", 1);
        cluster_run(c, 100 * MS);
    }
    CHECK_EQ_INT(eager_links(c), 4);
    cluster_forget_traffic(c);
    for (uint32_t i = 0; i < 20; i++) {
        cluster_fill(c, i % 5, "s", "y", 1);
        cluster_run(c, 20 * MS);
        CHECK(cluster_equal(c)); /* long before any round */
    }
    CHECK_EQ_INT(cluster_total(c).messages[GOSSIP_PUSH], 20 * 4);
    CHECK_EQ_INT(eager_links(c), 4);
    cluster_free(c);
}

static bool no_push_from_0_to_1(cluster *c, uint32_t from, uint32_t to, const gossip_msg *msg)
{
    (void)c;
    return from != 0 || to != 1 || msg->kind != GOSSIP_PUSH;
}

TEST(tree, gap_that_an_announcement_shows_is_grafted)
{
    gossip_config config = cluster_config();
    config.round_us = 100 * SECOND; /* anti-entropy must not be what heals */
    config.round_max_us = 200 * SECOND;
    cluster *c = cluster_new(3, &config);
    cluster_run(c, SECOND);
    for (uint32_t i = 0; i < 6; i++) {
        cluster_fill(c, 0, "s", "x", 1);
        cluster_run(c, 300 * MS);
    }
    CHECK_EQ_INT(eager_links(c), 2);
    CHECK(cluster_info(c, 0, 1).eager); /* 1 has it from 0, and 2 too: 1-2 is lazy */
    CHECK(!cluster_info(c, 1, 2).eager);
    c->filter = no_push_from_0_to_1;
    (void)cluster_add(c, 0, "s", "cut");
    cluster_run(c, config.graft_us);
    CHECK(!cluster_equal(c));
    cluster_run(c, config.have_us * 6 / 5 + 50 * MS);
    CHECK(cluster_equal(c));
    CHECK(cluster_info(c, 1, 2).eager && cluster_info(c, 2, 1).eager);
    CHECK(cluster_passed(c, 1, 2)->messages[GOSSIP_WANT] == 1);
    cluster_free(c);
}

TEST(tree, lost_push_is_sent_again_and_counted)
{
    gossip_config config = cluster_config();
    config.round_us = 100 * SECOND;
    config.round_max_us = 200 * SECOND;
    cluster *c = cluster_new(2, &config);
    cluster_run(c, SECOND);
    c->filter = no_push_from_0_to_1;
    (void)cluster_add(c, 0, "s", "lost");
    cluster_run(c, 20 * MS);
    c->filter = NULL;
    CHECK(!cluster_equal(c));
    cluster_run(c, 200 * MS); /* the round trip is known: no whole second is waited for */
    CHECK(cluster_equal(c));
    CHECK_EQ_INT(cluster_info(c, 0, 1).resent, 1);
    CHECK(cluster_info(c, 0, 1).eager); /* what is sent again prunes nothing */
    cluster_free(c);
}

typedef struct lost {
    uint32_t pushes, answered; /* messages; entries */
} lost;

/* What node 0 answers to node 1 is lost, and so is what it pushes. */
static bool lost_and_counted(cluster *c, uint32_t from, uint32_t to, const gossip_msg *msg)
{
    lost *l = c->user;
    (void)to;
    if (from == 0 && msg->kind == GOSSIP_STATE) l->answered += msg->entries_count;
    l->pushes += from == 0 && msg->kind == GOSSIP_PUSH;
    return from != 0 || (msg->kind != GOSSIP_STATE && msg->kind != GOSSIP_PUSH);
}

/* As node 1 would, that holds what it last told. */
static void want(const cluster *c, uint32_t id)
{
    gossip_msg msg;
    memset(&msg, 0, sizeof msg);
    msg.kind = GOSSIP_WANT;
    msg.link = cluster_link(c, 0, 1);
    msg.id = id;
    CHECK_OK(gossip_engine_receive(c->nodes[0].engine, c->now, c->now / MS, cluster_peer(c, 0, 1),
                                   &msg));
}

/* After a while without answers a PUSH is given up only after seconds. Whoever asks meanwhile says
 * that it has not come. */
TEST(tree, what_is_asked_for_is_sent_though_it_was_pushed_before)
{
    gossip_config config = cluster_config();
    config.round_us = 100 * SECOND;
    config.round_max_us = 200 * SECOND;
    cluster *c = cluster_new(2, &config);
    lost     l = {0, 0};
    cluster_run(c, SECOND);
    c->user = &l;
    c->filter = lost_and_counted;
    (void)cluster_add(c, 0, "s", "lost");
    cluster_run(c, MS);
    CHECK_EQ_INT(l.pushes, 1);
    want(c, 1000);
    cluster_run(c, MS);
    CHECK_EQ_INT(l.answered, 0); /* it may be on its way */
    cluster_run(c, 5 * SECOND);
    CHECK(cluster_info(c, 0, 1).linked);
    uint32_t pushes = l.pushes;
    want(c, 1001);
    cluster_run(c, MS);
    CHECK_EQ_INT(l.answered, 1);
    cluster_run(c, SECOND);
    CHECK_EQ_INT(l.pushes, pushes); /* still the same one */
    want(c, 1002);                  /* the answer was lost as well */
    cluster_run(c, MS);
    CHECK_EQ_INT(l.answered, 2);
    cluster_free(c);
}

static bool no_took(cluster *c, uint32_t from, uint32_t to, const gossip_msg *msg)
{
    (void)c;
    (void)from;
    (void)to;
    return msg->kind != GOSSIP_TOOK;
}

TEST(tree, what_is_sent_again_prunes_nothing)
{
    cluster *c = cluster_new(2, NULL);
    cluster_run(c, SECOND);
    c->filter = no_took;
    (void)cluster_add(c, 0, "s", "twice");
    cluster_run(c, 900 * MS);
    c->filter = NULL;
    cluster_run(c, 5 * SECOND);
    CHECK(cluster_info(c, 0, 1).eager && cluster_info(c, 1, 0).eager);
    cluster_free(c);
}

/* -- Back-pressure ----------------------------------------------------------------------------- */

TEST(credit, full_disk_takes_nothing_and_serves_what_it_has)
{
    cluster *c = cluster_new(2, NULL);
    cluster_fill(c, 1, "s", "b", 10);
    CHECK(cluster_settle(c, 2 * SECOND));
    gossip_engine_readonly(c->nodes[1].engine, true);
    cluster_fill(c, 0, "s", "a", 2000);
    cluster_run(c, 30 * SECOND);
    CHECK_EQ_STR(
        shown(c->nodes[1].store, "s"),
        "{\"b0\", \"b1\", \"b2\", \"b3\", \"b4\", \"b5\", \"b6\", \"b7\", \"b8\", \"b9\"}");
    /* It is not pushed at again and again. */
    CHECK(cluster_passed(c, 0, 1)->messages[GOSSIP_PUSH] < 16);
    gossip_engine_readonly(c->nodes[1].engine, false);
    CHECK(cluster_settle(c, 12 * SECOND));
    cluster_free(c);
}

TEST(credit, only_so_much_is_in_flight)
{
    gossip_config config = cluster_config();
    config.credit_frames = 3;
    cluster *c = cluster_new(2, &config);
    c->delay_min = c->delay_max = 100 * MS;
    cluster_run(c, 2 * SECOND);
    cluster_forget_traffic(c);
    cluster_fill(c, 0, "s", "a-rather-long-element-so-that-it-is-a-lot", 4000);
    cluster_run(c, 90 * MS);
    CHECK(cluster_passed(c, 0, 1)->messages[GOSSIP_PUSH] <= 2);
    CHECK(cluster_settle(c, 20 * SECOND));
    cluster_free(c);
}

TEST(credit, nothing_is_told_of_before_it_is_persisted)
{
    cluster *c = cluster_new(3, NULL);
    cluster_run(c, SECOND);
    c->nodes[0].slow_disk = true;
    crdt_dot dot = cluster_add(c, 0, "s", "x");
    cluster_run(c, 5 * SECOND);
    CHECK_EQ_STR(shown(c->nodes[1].store, "s"), "ENOENT");
    CHECK_EQ_INT(gossip_engine_holders(c->nodes[0].engine, dot), 0);
    c->nodes[0].slow_disk = false;
    c->nodes[1].slow_disk = true; /* it gets it, and does not say so */
    cluster_run(c, 100 * MS);
    CHECK_EQ_STR(shown(c->nodes[1].store, "s"), "{\"x\"}");
    CHECK_EQ_INT(gossip_engine_holders(c->nodes[0].engine, dot), 1);
    CHECK_EQ_INT(cluster_info(c, 0, 1).lacks, 1);
    cluster_run(c, 10 * SECOND);
    CHECK_EQ_INT(gossip_engine_holders(c->nodes[0].engine, dot), 1);
    c->nodes[1].slow_disk = false;
    cluster_run(c, 10 * SECOND);
    CHECK_EQ_INT(gossip_engine_holders(c->nodes[0].engine, dot), 2);
    CHECK_EQ_INT(cluster_info(c, 0, 1).lacks, 0);
    cluster_free(c);
}

/* Those that have no link prove it by an entry of their own (rule R1). */
TEST(credit, who_holds_what_is_known_without_a_link)
{
    gossip_config config = cluster_config();
    config.topology = GOSSIP_RING;
    config.ack_us = SECOND;
    cluster *c = cluster_new(5, &config);
    cluster_run(c, 20 * SECOND);
    crdt_dot dot = cluster_add(c, 0, "s", "x");
    cluster_run(c, 10 * SECOND);
    CHECK_EQ_INT(gossip_engine_holders(c->nodes[0].engine, dot), 4);
    uint32_t linked = 0, wanted = 0;
    for (uint32_t i = 1; i < 5; i++) {
        gossip_peer_info info = cluster_info(c, 0, i);
        CHECK_EQ_INT(info.lacks, 0);
        CHECK_EQ_INT(info.lacked, 0);
        linked += info.linked;
        wanted += info.wanted;
    }
    CHECK_EQ_INT(linked, 2);
    CHECK_EQ_INT(wanted, 2);
    cluster_free(c);
}

static uint64_t entries_passed(const cluster *c)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < c->count * c->count; i++) sum += c->passed[i].entries;
    return sum;
}

/* One alone may do so after a second; of 24, each after three, as all would hear each of them. */
TEST(credit, many_members_take_longer_to_acknowledge)
{
    enum { MEMBERS = 24 };
    gossip_config config = cluster_config();
    config.ack_us = SECOND;
    cluster *c = cluster_new(MEMBERS, &config);
    for (uint32_t i = 0; i < MEMBERS; i++) {
        char element[8];
        (void)snprintf(element, sizeof element, "%" PRIu32, i);
        (void)cluster_add(c, i, "s", element);
    }
    cluster_run(c, 30 * SECOND);
    uint64_t quiet = entries_passed(c);
    cluster_run(c, 10 * SECOND);
    CHECK_EQ_INT(entries_passed(c), quiet);
    (void)cluster_add(c, 0, "s", "x");
    cluster_run(c, 2900 * MS);
    uint64_t told = entries_passed(c);
    CHECK(told - quiet >= MEMBERS - 1 && told - quiet < 2 * MEMBERS);
    cluster_run(c, 2 * SECOND);
    CHECK(entries_passed(c) - told >= (MEMBERS - 1) * (MEMBERS - 1));
    cluster_free(c);
}

TEST(credit, of_a_replica_only_what_is_persisted_is_told)
{
    cluster *c = cluster_new(2, NULL);
    cluster_run(c, SECOND);
    c->filter = no_took; /* so that the vector is told again */
    (void)cluster_add(c, 0, "s", "x");
    cluster_run(c, 50 * MS);
    c->nodes[1].slow_disk = true;
    crdt_dot dot = cluster_add(c, 0, "s", "y");
    cluster_run(c, 50 * MS);
    CHECK_EQ_STR(shown(c->nodes[1].store, "s"), "{\"x\", \"y\"}");
    c->filter = NULL;
    cluster_run(c, 10 * SECOND);
    CHECK_EQ_INT(gossip_engine_holders(c->nodes[0].engine, dot), 0);
    c->nodes[1].slow_disk = false;
    cluster_run(c, 10 * SECOND);
    CHECK_EQ_INT(gossip_engine_holders(c->nodes[0].engine, dot), 1);
    cluster_free(c);
}

/* -- Forks ------------------------------------------------------------------------------------- */

/* Node 2 tells node 0 one thing and, restored from nothing under the same replica id, another to
 * node 1; then 0 and 1 meet. */
TEST(fork, two_histories_of_a_replica_are_quarantined_where_they_meet)
{
    cluster *c = cluster_of(3, NULL, NULL);
    cluster_meet(c, 2, 0);
    (void)cluster_add(c, 2, "s", "one");
    cluster_run(c, 2 * SECOND);
    cluster_stop(c, 2);
    cluster_start(c, 2, 1002);
    cluster_meet(c, 2, 1);
    (void)cluster_add(c, 2, "s", "other");
    cluster_run(c, 2 * SECOND);
    cluster_stop(c, 2);
    CHECK_EQ_STR(shown(c->nodes[0].store, "s"), "{\"one\"}");
    CHECK_EQ_STR(shown(c->nodes[1].store, "s"), "{\"other\"}");
    cluster_meet(c, 0, 1);
    (void)cluster_add(c, 0, "t", "zero");
    cluster_run(c, 2 * SECOND);
    (void)cluster_add(c, 1, "t", "uno");
    cluster_run(c, 60 * SECOND);
    CHECK_EQ_INT(c->nodes[0].notices[GOSSIP_FORKED], 2); /* with node 2 itself, before it stopped */
    CHECK_EQ_INT(c->nodes[1].notices[GOSSIP_FORKED], 1);
    for (uint32_t i = 0; i < 2; i++) {
        CHECK(cluster_info(c, i, 1 - i).quarantined);
        CHECK_EQ_INT(c->nodes[i].notices[GOSSIP_UNEQUAL], 0);
    }
    /* All else goes on. What depends on the forked entry cannot. */
    CHECK_EQ_STR(shown(c->nodes[1].store, "s"), "{\"other\"}");
    CHECK_EQ_STR(shown(c->nodes[0].store, "s"), "{\"one\"}");
    CHECK(cluster_passed(c, 0, 1)->entries + cluster_passed(c, 1, 0)->entries < 20);
    cluster_free(c);
}

TEST(fork, a_node_that_lost_its_memory_goes_on_as_another)
{
    cluster *c = cluster_new(2, NULL);
    cluster_fill(c, 1, "s", "a", 5);
    CHECK(cluster_settle(c, 2 * SECOND));
    cluster_stop(c, 1);
    cluster_start(c, 1, 1001); /* its disk is gone, its id is not */
    cluster_meet(c, 1, 0);
    cluster_run(c, 2 * SECOND);
    CHECK_EQ_INT(c->nodes[1].notices[GOSSIP_REMINTED], 1);
    (void)cluster_add(c, 1, "s", "b");
    CHECK(cluster_settle(c, 12 * SECOND));
    CHECK_EQ_INT(c->nodes[0].notices[GOSSIP_FORKED], 0);
    CHECK_EQ_STR(shown(c->nodes[0].store, "s"), "{\"a0\", \"a1\", \"a2\", \"a3\", \"a4\", \"b\"}");
    cluster_free(c);
}
