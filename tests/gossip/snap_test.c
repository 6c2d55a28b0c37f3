/* Snapshots between peers: whoever no log can serve; in pieces, across losses and new links. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tests/gossip/lib/cluster.h"

static gossip_config short_log(void)
{
    gossip_config c = cluster_config();
    c.log_bytes = 16 << 10;
    c.chunk_bytes = 1 << 10;
    return c;
}

/* Nodes 0 and 1 hold all, their logs hold the end of it; node 2 holds nothing. */
static cluster *one_behind(void)
{
    gossip_config config = short_log();
    cluster      *c = cluster_of(3, &config, NULL);
    cluster_meet(c, 0, 1);
    cluster_run(c, SECOND);
    cluster_fill(c, 0, "s", "a-long-element-number-", 2000);
    cluster_fill(c, 1, "t", "b", 200);
    cluster_run(c, 5 * SECOND);
    CHECK(gossip_engine_stats(c->nodes[0].engine).log_first > 1000);
    CHECK(gossip_engine_stats(c->nodes[1].engine).log_first > 1000);
    CHECK(same_bytes(c->nodes[0].store, c->nodes[1].store));
    return c;
}

TEST(snap, what_no_log_has_comes_as_a_snapshot)
{
    cluster *c = one_behind();
    (void)cluster_add(c, 2, "u", "mine");
    cluster_meet(c, 2, 0);
    cluster_run(c, 100 * MS);
    cluster_fill(c, 0, "s", "later", 10);
    CHECK(cluster_settle(c, 10 * SECOND));
    CHECK_EQ_INT(c->nodes[2].notices[GOSSIP_SNAPSHOT_IN], 1);
    CHECK_EQ_INT(c->nodes[2].checkpoints, 1);
    CHECK_EQ_INT(gossip_engine_stats(c->nodes[0].engine).snapshots_sent, 1);
    CHECK(cluster_passed(c, 0, 2)->messages[GOSSIP_CHUNK] >= 5);
    cluster_free(c);
}

/* Two clusters of two meet; so what came into node 0 by a snapshot is in no log of it. Who begins
 * then gets another snapshot than the one that is there from before: else it could not go on. */
TEST(snap, one_that_nobody_can_go_on_from_is_not_served)
{
    gossip_config config = short_log();
    cluster      *c = cluster_of(4, &config, NULL);
    cluster_meet(c, 0, 1);
    cluster_meet(c, 2, 3);
    cluster_run(c, SECOND);
    cluster_fill(c, 0, "s", "a-long-element-number-", 1000);
    cluster_fill(c, 2, "t", "a-long-element-number-", 1000);
    cluster_run(c, 5 * SECOND);
    cluster_stop(c, 1);
    cluster_start(c, 1, 5001);
    cluster_meet(c, 1, 0);
    cluster_run(c, 5 * SECOND);
    CHECK_EQ_INT(c->nodes[1].notices[GOSSIP_SNAPSHOT_IN], 1);
    cluster_meet(c, 0, 2);
    cluster_run(c, 5 * SECOND);
    CHECK_EQ_INT(c->nodes[0].notices[GOSSIP_SNAPSHOT_IN], 1);
    cluster_stop(c, 3);
    cluster_start(c, 3, 5003);
    cluster_meet(c, 3, 0);
    CHECK(cluster_settle(c, 10 * SECOND));
    CHECK_EQ_INT(c->nodes[3].notices[GOSSIP_SNAPSHOT_IN], 1);
    cluster_free(c);
}

/* What node 0 wrote since node 1 went away is more than its log may hold, and is kept, for nobody
 * else has it. It is not for a snapshot's sake, so the snapshot is served: node 2 can get what lies
 * below the log in no other way, and what lies in the log not before. */
TEST(snap, is_served_though_own_entries_fill_the_log)
{
    cluster *c = one_behind();
    cluster_stop(c, 1);
    cluster_fill(c, 0, "s", "nobody-else-has-this-", 1000);
    cluster_run(c, 100 * MS);
    CHECK(gossip_engine_stats(c->nodes[0].engine).log_bytes > 3 * c->nodes[0].config.log_bytes);
    cluster_meet(c, 2, 0);
    CHECK(cluster_settle(c, 10 * SECOND));
    CHECK_EQ_INT(c->nodes[2].notices[GOSSIP_SNAPSHOT_IN], 1);
    cluster_run(c, 120 * SECOND);
    CHECK(gossip_engine_stats(c->nodes[0].engine).log_bytes <= c->nodes[0].config.log_bytes);
    cluster_free(c);
}

static bool loses_later_pieces(cluster *c, uint32_t from, uint32_t to, const gossip_msg *msg)
{
    (void)c, (void)from, (void)to;
    return msg->kind != GOSSIP_CHUNK || msg->offset == 0;
}

/* Node 2 asks for pieces again and again and gets none: node 0 does not keep its log for that. */
TEST(snap, does_not_hold_the_log_for_ever)
{
    cluster *c = one_behind();
    uint64_t most = 0;
    c->filter = loses_later_pieces;
    cluster_meet(c, 2, 0);
    cluster_run(c, SECOND);
    for (uint32_t i = 0; i < 20; i++) {
        cluster_fill(c, 0, "s", "which-node-1-has-", 100);
        cluster_run(c, SECOND);
        uint64_t bytes = gossip_engine_stats(c->nodes[0].engine).log_bytes;
        if (bytes > most) most = bytes;
    }
    CHECK(most > c->nodes[0].config.log_bytes); /* it does for a while */
    CHECK(most < 4 * c->nodes[0].config.log_bytes);
    c->filter = NULL;
    CHECK(cluster_settle(c, 30 * SECOND));
    cluster_free(c);
}

TEST(snap, two_askers_share_one)
{
    cluster *c = one_behind();
    cluster_stop(c, 1); /* it is to start from nothing, too */
    cluster_start(c, 1, 5001);
    cluster_meet(c, 1, 0);
    cluster_meet(c, 2, 0);
    CHECK(cluster_settle(c, 10 * SECOND));
    CHECK_EQ_INT(c->nodes[1].notices[GOSSIP_SNAPSHOT_IN], 1);
    CHECK_EQ_INT(c->nodes[2].notices[GOSSIP_SNAPSHOT_IN], 1);
    /* It is let go some time after, and the log is cut again. */
    uint64_t held = gossip_engine_stats(c->nodes[0].engine).memory;
    cluster_run(c, 120 * SECOND);
    CHECK(gossip_engine_stats(c->nodes[0].engine).memory + 20000 < held);
    cluster_free(c);
}

/* Nodes 0 and 1 have many objects, more than a slice, and most of it is in no log any more. */
static cluster *many_objects(uint32_t objects)
{
    gossip_config config = short_log();
    cluster      *c = cluster_of(3, &config, NULL);
    char          name[16];
    cluster_meet(c, 0, 1);
    cluster_run(c, SECOND);
    for (uint32_t i = 0; i < objects; i++) {
        (void)snprintf(name, sizeof name, "o%04" PRIu32, i);
        cluster_fill(c, 0, name, "element-", 1);
    }
    cluster_run(c, 5 * SECOND);
    CHECK(gossip_engine_stats(c->nodes[0].engine).log_first > objects / 2);
    return c;
}

/* Whatever comes between the slices, they are the snapshot of when they were begun. */
TEST(snap, slices_are_the_snapshot_of_their_beginning)
{
    cluster       *c = many_objects(600);
    gossip_engine *engine = c->nodes[0].engine;
    crdt_buf       want, got;
    uint64_t       position, slices = 0;
    bool           done = false;
    crdt_buf_init(&want, NULL);
    crdt_buf_init(&got, NULL);
    crdt_buf_text(&got, "before");
    CHECK_OK(gossip_engine_snapshot(engine, &want));
    CHECK_EQ_INT(gossip_engine_snapshot_slice(engine, &got, &done), CRDT_EINVAL);
    CHECK_OK(gossip_engine_snapshot_begin(engine, &got, &position));
    CHECK_EQ_INT(position, gossip_engine_stats(engine).log_end);
    CHECK_EQ_INT(gossip_engine_snapshot_begin(engine, &got, &position), CRDT_EBUSY);
    CHECK(got.size < 1000); /* no object is in it yet */
    for (; !done; slices++) {
        crdt_txn *txn;
        char      name[16];
        CHECK_OK(gossip_engine_write(engine, c->now, NOW, &txn));
        CHECK_EQ_INT(gossip_engine_snapshot_slice(engine, &got, &done), CRDT_EBUSY);
        gossip_engine_rollback(engine);
        for (uint32_t i = 0; i < 300; i += 37) {
            (void)snprintf(name, sizeof name, "o%04" PRIu32, (uint32_t)(i + slices) % 330);
            (void)cluster_add(c, (uint32_t)slices % 2, name, "later");
        }
        cluster_run(c, 5 * MS);
        size_t before = got.size;
        CHECK_OK(gossip_engine_snapshot_slice(engine, &got, &done));
        CHECK(got.size - before <= c->nodes[0].config.chunk_bytes + 200); /* and an object */
    }
    CHECK(slices >= 8);
    CHECK_EQ_MEM(got.data + 6, got.size - 6, want.data, want.size);
    gossip_engine_snapshot_end(engine);
    crdt_buf_clear(&want);
    crdt_buf_clear(&got);
    cluster_free(c);
}

/* A peer gets one that is made in slices while this node writes on. */
TEST(snap, is_made_for_a_peer_while_writes_go_on)
{
    cluster *c = many_objects(600);
    char     name[16];
    cluster_meet(c, 2, 0);
    for (uint32_t i = 0; i < 200; i++) {
        (void)snprintf(name, sizeof name, "o%04" PRIu32, i * 7 % 700);
        (void)cluster_add(c, 0, name, "later");
        cluster_run(c, MS);
    }
    CHECK(cluster_settle(c, 10 * SECOND));
    CHECK_EQ_INT(c->nodes[2].notices[GOSSIP_SNAPSHOT_IN], 1);
    cluster_free(c);
}

/* It is begun at once, and told only once what it has is durable. */
TEST(snap, is_not_served_before_the_disk_has_it)
{
    cluster *c = many_objects(600);
    c->nodes[0].slow_disk = true;
    (void)cluster_add(c, 0, "o0001", "not durable");
    cluster_meet(c, 2, 0);
    cluster_run(c, 5 * SECOND);
    CHECK_EQ_INT(cluster_passed(c, 0, 2)->messages[GOSSIP_CHUNK], 0);
    CHECK(cluster_passed(c, 0, 2)->messages[GOSSIP_REFUSED] > 0);
    c->nodes[0].slow_disk = false;
    CHECK(cluster_settle(c, 10 * SECOND));
    CHECK_EQ_INT(c->nodes[2].notices[GOSSIP_SNAPSHOT_IN], 1);
    cluster_free(c);
}

static uint32_t chunks_left;

/* Lets so many chunks pass, then cuts the line for good. */
static bool cut_after(cluster *c, uint32_t from, uint32_t to, const gossip_msg *msg)
{
    if (msg->kind == GOSSIP_CHUNK && chunks_left-- == 0) {
        c->cut[from * c->count + to] = c->cut[to * c->count + from] = true;
    }
    return true;
}

TEST(snap, goes_on_where_it_was_after_a_cut_at_any_chunk)
{
    cluster *whole = one_behind();
    cluster_meet(whole, 2, 0);
    CHECK(cluster_settle(whole, SECOND));
    uint64_t chunks = cluster_passed(whole, 0, 2)->messages[GOSSIP_CHUNK];
    cluster_free(whole);
    for (uint32_t n = 0; n < 12; n++) {
        cluster *c = one_behind();
        chunks_left = n;
        c->filter = cut_after;
        cluster_meet(c, 2, 0);
        cluster_run(c, 30 * SECOND);
        CHECK_EQ_INT(cluster_links(c), 1);
        CHECK_EQ_INT(c->nodes[2].notices[GOSSIP_SNAPSHOT_IN], 0);
        memset(c->cut, 0, 9);
        c->filter = NULL;
        CHECK_MSG(cluster_settle(c, 15 * SECOND), "cut at chunk %" PRIu32, n);
        CHECK_EQ_INT(c->nodes[2].notices[GOSSIP_SNAPSHOT_IN], 1);
        CHECK_EQ_INT(gossip_engine_stats(c->nodes[0].engine).snapshots_sent, 1);
        /* Only what was lost was sent again: the pieces that were on their way. */
        CHECK(cluster_passed(c, 0, 2)->messages[GOSSIP_CHUNK] <= chunks + 4);
        cluster_free(c);
    }
}

TEST(snap, sender_that_forgot_it_is_asked_from_the_beginning)
{
    cluster *c = one_behind();
    chunks_left = 3;
    c->filter = cut_after;
    cluster_meet(c, 2, 0);
    cluster_run(c, 120 * SECOND); /* longer than it is kept */
    memset(c->cut, 0, 9);
    c->filter = NULL;
    CHECK(cluster_settle(c, 15 * SECOND));
    CHECK_EQ_INT(c->nodes[2].notices[GOSSIP_SNAPSHOT_IN], 1);
    cluster_free(c);
}

TEST(snap, another_peer_serves_when_the_first_is_gone)
{
    cluster *c = one_behind();
    chunks_left = 3;
    c->filter = cut_after;
    cluster_meet(c, 2, 0);
    cluster_run(c, 5 * SECOND);
    cluster_meet(c, 2, 1);
    CHECK(cluster_settle(c, 60 * SECOND));
    CHECK_EQ_INT(c->nodes[2].notices[GOSSIP_SNAPSHOT_IN], 1);
    CHECK_EQ_INT(gossip_engine_stats(c->nodes[1].engine).snapshots_sent, 1);
    cluster_free(c);
}

/* The virtual time until the snapshot is there, from the first message on. */
static gossip_time fetch_time(cluster *c, uint64_t *ret_chunks)
{
    gossip_time began = c->now;
    cluster_meet(c, 2, 0);
    while (c->nodes[2].notices[GOSSIP_SNAPSHOT_IN] == 0 && c->now < began + 60 * SECOND) {
        cluster_run(c, MS);
    }
    CHECK_EQ_INT(c->nodes[2].notices[GOSSIP_SNAPSHOT_IN], 1);
    *ret_chunks = cluster_passed(c, 0, 2)->messages[GOSSIP_CHUNK];
    return c->now - began;
}

TEST(snap, pieces_are_not_bound_by_the_round_trip)
{
    cluster *c = one_behind();
    uint64_t chunks;
    c->delay_min = c->delay_max = 50 * MS;
    gossip_time took = fetch_time(c, &chunks);
    printf("%" PRIu64 " pieces over a round trip of 100 ms: %" PRIu64 " ms\n", chunks, took / MS);
    CHECK(chunks >= 40);
    CHECK(took < chunks * 100 * MS / 3);
    cluster_free(c);
}

/* Loses one piece, the first time that it comes. */
static bool lose_one(cluster *c, uint32_t from, uint32_t to, const gossip_msg *msg)
{
    (void)c;
    (void)from;
    (void)to;
    return msg->kind != GOSSIP_CHUNK || chunks_left-- != 0;
}

TEST(snap, lost_piece_costs_some_round_trips_not_a_second)
{
    cluster    *c = one_behind();
    uint64_t    chunks;
    gossip_time whole = fetch_time(c, &chunks);
    cluster_free(c);
    for (uint32_t n = 1; n < 50; n += 8) {
        c = one_behind();
        chunks_left = n;
        c->filter = lose_one;
        gossip_time took = fetch_time(c, &chunks);
        CHECK_MSG(took < whole + 100 * MS, "%" PRIu64 " ms more, piece %" PRIu32,
                  (took - whole) / MS, n);
        cluster_free(c);
    }
}

TEST(snap, loss_and_reordering_do_no_harm)
{
    for (uint32_t n = 0; n < 6; n++) {
        cluster *c = one_behind();
        c->random = c->seed + n;
        c->loss = 0.3;
        c->duplicates = 0.3;
        c->delay_max = 30 * MS;
        cluster_meet(c, 2, 0);
        cluster_meet(c, 2, 1);
        CHECK_MSG(cluster_settle(c, 900 * SECOND), "SEED=%" PRIu64, c->seed + n);
        cluster_free(c);
    }
}
