/* Anti-entropy and eager push: what is sent, how often, in how many round trips. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/gossip/lib/cluster.h"
#include "tests/lib/random.h"

/* How often each entry passed from one node to another. Entries are named by replica - 1000 and
 * last dot. */
enum { NODES = 8, DOTS = 1024 };
typedef struct tally {
    uint8_t times[NODES][NODES][NODES][DOTS];
} tally;

static bool count_entries(cluster *c, uint32_t from, uint32_t to, const gossip_msg *msg)
{
    tally *t = c->user;
    for (uint32_t i = 0; i < msg->entries_count; i++) {
        const gossip_entry *entry = &msg->entries[i];
        CHECK(entry->replica >= 1000 && entry->replica < 1000 + NODES && entry->last < DOTS);
        t->times[from][to][entry->replica - 1000][entry->last]++;
    }
    return true;
}

static tally *watch(cluster *c)
{
    tally *t = calloc(1, sizeof *t);
    CHECK(t != NULL);
    c->user = t;
    c->filter = count_entries;
    return t;
}

/* The most that any entry passed over one link in one direction. */
static unsigned most_times(const tally *t)
{
    const uint8_t *at = &t->times[0][0][0][0];
    unsigned       most = 0;
    for (size_t i = 0; i < sizeof t->times; i++) most = at[i] > most ? at[i] : most;
    return most;
}

TEST(sync, equal_nodes_say_so_in_one_short_round_trip)
{
    cluster *c = cluster_new(2, NULL);
    cluster_fill(c, 0, "s", "a", 500);
    cluster_fill(c, 1, "s", "b", 500);
    CHECK(cluster_settle(c, 5 * SECOND));
    cluster_run(c, 30 * SECOND);
    cluster_forget_traffic(c);
    cluster_run(c, 60 * SECOND);
    traffic t = cluster_total(c);
    CHECK(t.messages[GOSSIP_SYNC] >= 20 && t.messages[GOSSIP_SYNC] <= 40);
    CHECK_EQ_INT(t.messages[GOSSIP_STATE], t.messages[GOSSIP_SYNC]);
    uint64_t all = 0, bytes = t.bytes[GOSSIP_SYNC] + t.bytes[GOSSIP_STATE];
    for (int k = 0; k <= GOSSIP_REFUSED; k++) all += t.messages[k];
    CHECK_EQ_INT(all, 2 * t.messages[GOSSIP_SYNC]);
    CHECK_MSG(bytes <= 64 * t.messages[GOSSIP_SYNC], "%" PRIu64 " bytes a check",
              bytes / t.messages[GOSSIP_SYNC]);
    CHECK(cluster_info(c, 0, 1).in_sync && cluster_info(c, 1, 0).in_sync);
    CHECK_EQ_INT(cluster_info(c, 0, 1).lacks, 0);
    CHECK_EQ_INT(cluster_info(c, 1, 0).lacks, 0);
    cluster_free(c);
}

/* Two nodes without a link; what each has is written before they meet. */
static cluster *two_apart(uint32_t at_first, uint32_t at_second)
{
    cluster *c = cluster_of(2, NULL, NULL);
    cluster_fill(c, 0, "s", "a", at_first);
    cluster_fill(c, 1, "s", "b", at_second);
    return c;
}

TEST(sync, little_is_caught_up_in_one_round_trip)
{
    cluster *c = two_apart(300, 0);
    watch(c);
    cluster_meet(c, 1, 0);
    CHECK(cluster_settle(c, SECOND));
    traffic t = cluster_total(c);
    CHECK_EQ_INT(t.messages[GOSSIP_SYNC], 1);
    CHECK_EQ_INT(t.messages[GOSSIP_WANT], 0);
    CHECK_EQ_INT(t.messages[GOSSIP_PUSH], 0);
    CHECK_EQ_INT(t.entries, 300);
    free(c->user);
    cluster_free(c);
}

TEST(sync, much_is_caught_up_with_one_request_a_chunk)
{
    cluster *c = two_apart(4000, 0);
    cluster_meet(c, 1, 0);
    CHECK(cluster_settle(c, 5 * SECOND));
    traffic t = cluster_total(c);
    CHECK_EQ_INT(t.entries, 4000);
    CHECK_EQ_INT(t.messages[GOSSIP_PUSH], 0);
    CHECK_EQ_INT(t.messages[GOSSIP_STATE], t.messages[GOSSIP_SYNC] + t.messages[GOSSIP_WANT]);
    CHECK(t.messages[GOSSIP_WANT] >= 3);
    CHECK(t.bytes[GOSSIP_STATE] / t.messages[GOSSIP_STATE] <= 65536);
    cluster_free(c);
}

TEST(sync, both_sides_catch_up_and_nothing_is_sent_twice)
{
    for (uint32_t dialler = 0; dialler < 3; dialler++) {
        cluster *c = two_apart(900, 700);
        tally   *t = watch(c);
        if (dialler != 1) cluster_meet(c, 0, 1);
        if (dialler != 0) cluster_meet(c, 1, 0);
        CHECK(cluster_settle(c, 5 * SECOND));
        cluster_run(c, 5 * SECOND);
        CHECK_EQ_INT(most_times(t), 1);
        CHECK_EQ_INT(cluster_passed(c, 0, 1)->entries, 900);
        CHECK_EQ_INT(cluster_passed(c, 1, 0)->entries, 700);
        CHECK_EQ_INT(gossip_engine_stats(c->nodes[0].engine).duplicates, 0);
        CHECK_EQ_INT(gossip_engine_stats(c->nodes[1].engine).duplicates, 0);
        free(t);
        cluster_free(c);
    }
}

/* -- Topologies -------------------------------------------------------------------------------- */

static bool in_line(uint32_t from, uint32_t to, uint32_t count)
{
    (void)count;
    return to == from + 1 || from == to + 1;
}

static bool two_cliques(uint32_t from, uint32_t to, uint32_t count)
{
    uint32_t half = count / 2;
    if (from == to) return false;
    if (from / half == to / half) return true;
    return (from == 0 && to == half) || (from == half && to == 0);
}

static bool everybody(uint32_t from, uint32_t to, uint32_t count)
{
    (void)count;
    return from != to;
}

typedef struct shape {
    const char     *name;
    gossip_topology topology;
    bool (*knows)(uint32_t from, uint32_t to, uint32_t count);
    uint32_t links; /* of 8 nodes */
} shape;

static const shape shapes[] = {{"mesh", GOSSIP_MESH, everybody, 28},
                               {"ring", GOSSIP_RING, everybody, 8},
                               {"star", GOSSIP_STAR, everybody, 7},
                               {"line", GOSSIP_EXPLICIT, in_line, 7},
                               {"cliques", GOSSIP_EXPLICIT, two_cliques, 13}};

TEST(sync, each_link_carries_an_entry_at_most_once_a_direction)
{
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        gossip_config config = cluster_config();
        config.topology = shapes[s].topology;
        cluster *c = cluster_of(NODES, &config, shapes[s].knows);
        cluster_run(c, 5 * SECOND);
        CHECK_MSG(cluster_links(c) == shapes[s].links, "%s: %u links", shapes[s].name,
                  (unsigned)cluster_links(c));
        tally *t = watch(c);
        for (uint32_t i = 0; i < 400; i++) {
            cluster_fill(c, (uint32_t)random_below(&c->random, NODES), "s", "x", 1);
            cluster_run(c, random_below(&c->random, 20) * MS);
        }
        CHECK_MSG(cluster_settle(c, 10 * SECOND), "%s", shapes[s].name);
        cluster_run(c, 10 * SECOND);
        uint64_t duplicates = 0, resent = 0;
        for (uint32_t i = 0; i < NODES; i++) {
            duplicates += gossip_engine_stats(c->nodes[i].engine).duplicates;
            for (uint32_t n = 0; n < NODES; n++) resent += cluster_info(c, i, n).resent;
        }
        printf("%s: %" PRIu64 " payloads a node and entry in a thousand, %" PRIu64 " duplicates\n",
               shapes[s].name, cluster_total(c).entries * 1000 / 400 / (NODES - 1), duplicates);
        CHECK_MSG(most_times(t) == 1, "%s: %u times", shapes[s].name, most_times(t));
        CHECK_EQ_INT(resent, 0);
        free(t);
        cluster_free(c);
    }
}
