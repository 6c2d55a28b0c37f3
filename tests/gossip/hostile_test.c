/* Links when memory is refused, and when a peer says what no honest one would. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tests/gossip/lib/cluster.h"
#include "tests/lib/random.h"

/* -- Memory ------------------------------------------------------------------------------------ */

/* Everything that links do, in little: both sides write, catch up, push, lose, fetch a snapshot. */
static cluster *begin_scene(uint32_t kind)
{
    gossip_config config = cluster_config();
    config.chunk_bytes = 1024;
    if (kind == 1) config.log_bytes = 4096;
    cluster *c = cluster_of(3, &config, NULL);
    cluster_meet(c, 0, 2);
    cluster_run(c, 100 * MS);
    cluster_fill(c, 0, "s", "a", kind == 1 ? 100 : 20);
    if (kind == 0) cluster_fill(c, 1, "t", "b", 20);
    cluster_run(c, 3 * SECOND);
    return c;
}

static void play_scene(cluster *c)
{
    gossip_peer peer;
    if (gossip_engine_add_peer(c->nodes[1].engine, cluster_address(0), &peer) != CRDT_OK) {
        c->nodes[1].errors++;
        CHECK_OK(gossip_engine_add_peer(c->nodes[1].engine, cluster_address(0), &peer));
    }
    cluster_run(c, 2 * SECOND);
    cluster_fill(c, 0, "s", "c", 3);
    cluster_run(c, 3 * SECOND);
}

TEST(memory, each_refused_allocation_is_as_if_a_message_was_lost)
{
    for (uint32_t kind = 0; kind < 2; kind++) {
        uint64_t n = 1;
        for (;; n++) {
            cluster *c = begin_scene(kind);
            testmem *mem = &c->nodes[1].mem;
            testmem_fail_nth(mem, n);
            play_scene(c);
            bool refused = testmem_refused(mem);
            testmem_fail_never(mem);
            CHECK_MSG(cluster_settle(c, 60 * SECOND), "allocation %" PRIu64, n);
            CHECK_EQ_INT(c->nodes[1].notices[GOSSIP_FORKED], 0);
            CHECK_EQ_INT(c->nodes[1].notices[GOSSIP_POISONED], 0);
            check_store(c->nodes[1].store);
            cluster_free(c);
            if (!refused) break;
        }
        printf("%" PRIu64 " allocations\n", n);
        CHECK(n > 50);
    }
}

TEST(memory, none_for_a_while_is_survived)
{
    for (uint64_t n = 1; n < 400; n += 7) {
        cluster *c = begin_scene(0);
        testmem_fail_from(&c->nodes[1].mem, n);
        gossip_peer peer;
        crdt_err    err = gossip_engine_add_peer(c->nodes[1].engine, cluster_address(0), &peer);
        CHECK(err == CRDT_OK || err == CRDT_ENOMEM);
        cluster_fill(c, 0, "s", "c", 3);
        cluster_run(c, 3 * SECOND);
        testmem_fail_never(&c->nodes[1].mem);
        CHECK_OK(gossip_engine_add_peer(c->nodes[1].engine, cluster_address(0), &peer));
        CHECK_MSG(cluster_settle(c, 60 * SECOND), "allocation %" PRIu64, n);
        cluster_free(c);
    }
}

/* -- Hostile messages -------------------------------------------------------------------------- */

typedef struct liar {
    uint64_t      random;
    gossip_known  known[8];
    gossip_entry  entries[4];
    gossip_origin origins[4];
    crdt_dot      deps[4];
    gossip_type   types[4];
    crdt_view     peers[4];
    char          bytes[64];
} liar;

static uint64_t odd(liar *l)
{
    static const uint64_t values[] = {
        0,    1, 2, 3, 77, 1000, 1001, 1002, UINT64_MAX, UINT64_C(1) << 62, (UINT64_C(1) << 62) + 1,
        65536};
    if (random_below(&l->random, 4) == 0) return next_random(&l->random);
    return values[random_below(&l->random, sizeof values / sizeof *values)];
}

/* A replica id: mostly one that makes sense, seldom the victim's own. */
static uint64_t anyone(liar *l)
{
    uint64_t dice = random_below(&l->random, 400);
    return dice == 0 ? 1000 : dice < 20 ? odd(l) | 4 : dice < 200 ? 1001 : 2000 + dice % 8;
}

static crdt_view some_bytes(liar *l)
{
    for (size_t i = 0; i < sizeof l->bytes; i++) l->bytes[i] = (char)next_random(&l->random);
    return crdt_view_of(l->bytes, random_below(&l->random, sizeof l->bytes));
}

static void lie_entries(liar *l, gossip_msg *msg)
{
    msg->entries_count = (uint32_t)random_below(&l->random, 5);
    msg->origins_count = (uint32_t)random_below(&l->random, 5);
    for (uint32_t i = 0; i < 4; i++) {
        gossip_entry *e = &l->entries[i];
        memset(e, 0, sizeof *e);
        e->replica = anyone(l);
        e->first = random_below(&l->random, 3) ? 1 + random_below(&l->random, 4) : odd(l);
        e->last = random_below(&l->random, 4) ? e->first : odd(l);
        e->ms = odd(l);
        l->deps[i].replica = anyone(l);
        l->deps[i].seq = odd(l);
        e->deps = l->deps;
        e->deps_count = (uint32_t)random_below(&l->random, 5);
        e->kind = (gossip_kind)random_below(&l->random, 9);
        e->control = some_bytes(l);
        e->body = some_bytes(l);
        l->origins[i].replica = random_below(&l->random, 4) ? e->replica : anyone(l);
        l->origins[i].tag = (uint32_t)odd(l);
    }
    if (random_below(&l->random, 4) > 0) { /* as they should stand */
        msg->origins_count = msg->entries_count = (uint32_t)random_below(&l->random, 4);
        for (uint32_t i = 0; i < msg->entries_count; i++) {
            l->entries[i].replica = l->origins[i].replica = 1990 + 3 * i + odd(l) % 3;
            l->entries[i].kind = GOSSIP_DELTA;
            l->entries[i].control = crdt_view_of(NULL, 0);
            l->entries[i].body = crdt_view_of(l->bytes, 10 + random_below(&l->random, 40));
            l->entries[i].ms = NOW;
            l->entries[i].deps_count = (uint32_t)random_below(&l->random, 2);
        }
    }
    msg->entries = l->entries;
    msg->origins = l->origins;
}

static void lie_hello(liar *l, gossip_msg *msg)
{
    gossip_hello *h = &msg->hello;
    h->cluster = random_below(&l->random, 8) ? 77 : odd(l);
    h->node = odd(l);
    h->replica = odd(l);
    h->boot = odd(l);
    h->version_min = (uint32_t)random_below(&l->random, 3);
    h->version_max = (uint32_t)random_below(&l->random, 3);
    h->frame_max = (uint32_t)odd(l);
    h->address = some_bytes(l);
    for (uint32_t i = 0; i < 4; i++) {
        l->types[i].id = (uint16_t)odd(l);
        l->peers[i] = some_bytes(l);
    }
    h->types = l->types;
    h->types_count = (uint32_t)random_below(&l->random, 5);
    h->peers = l->peers;
    h->peers_count = (uint32_t)random_below(&l->random, 5);
}

static void lie(liar *l, gossip_msg *msg, uint32_t link)
{
    memset(msg, 0, sizeof *msg);
    msg->kind = (gossip_msg_kind)random_below(&l->random, 17);
    if (msg->kind == GOSSIP_REFUSED && random_below(&l->random, 8)) msg->kind = GOSSIP_PUSH;
    msg->link = random_below(&l->random, 16) ? link : (uint32_t)odd(l);
    msg->id = (uint32_t)odd(l);
    msg->refusal = (gossip_refusal)random_below(&l->random, 12);
    lie_hello(l, msg);
    msg->root.lo = odd(l);
    msg->same = random_below(&l->random, 2);
    msg->vector.base = (uint32_t)random_below(&l->random, 2);
    msg->vector.version = (uint32_t)random_below(&l->random, 9);
    msg->vector.known = l->known;
    msg->vector.count = (uint32_t)random_below(&l->random, 9);
    for (uint32_t i = 0; i < 8; i++) {
        l->known[i].replica = i == 0 ? anyone(l) : l->known[i - 1].replica + 1 + odd(l) % 4;
        l->known[i].seq = (odd(l) >> 2) + (random_below(&l->random, 50) > 0);
        l->known[i].tag = (uint32_t)odd(l);
    }
    msg->vector_taken = (uint32_t)odd(l);
    msg->credit = (uint32_t)odd(l);
    lie_entries(l, msg);
    msg->more = random_below(&l->random, 2);
    msg->snapshot = random_below(&l->random, 2);
    msg->prune = random_below(&l->random, 2);
    msg->graft = random_below(&l->random, 2);
    msg->snapshot_id = odd(l);
    msg->offset = odd(l);
    msg->size = odd(l);
    msg->bytes = some_bytes(l);
    msg->name = some_bytes(l);
    msg->type = (uint16_t)odd(l);
}

/* Answers what the victim asked, with lies in the rest. */
static uint32_t asked_id, asked_kind;

static bool note_request(cluster *c, uint32_t from, uint32_t to, const gossip_msg *msg)
{
    (void)c;
    if (from != 0 || to != 1) return true;
    asked_id = msg->id;
    asked_kind = msg->kind;
    return false; /* the honest node 1 hears nothing */
}

static gossip_msg_kind reply_to(uint32_t kind)
{
    switch (kind) {
    case GOSSIP_HELLO: return GOSSIP_WELCOME;
    case GOSSIP_SYNC:
    case GOSSIP_WANT: return GOSSIP_STATE;
    case GOSSIP_PUSH:
    case GOSSIP_HAVE: return GOSSIP_TOOK;
    case GOSSIP_SNAP: return GOSSIP_CHUNK;
    case GOSSIP_PAGE: return GOSSIP_DIGESTS;
    default: return GOSSIP_OBJECT;
    }
}

TEST(hostile, random_messages_neither_crash_nor_fill_memory)
{
    static liar l;
    uint64_t    received = 0, malformed = 0, entries = 0, poisoned = 0, most = 0;
    l.random = seed_or(7);
    for (uint32_t round = 0; round < 40; round++) {
        cluster *c = cluster_new(3, NULL);
        cluster_fill(c, 0, "s", "a", 10);
        cluster_fill(c, 2, "s", "b", 10);
        CHECK(cluster_settle(c, 5 * SECOND));
        cluster_run(c, SECOND);
        gossip_peer liar_peer = cluster_peer(c, 0, 1);
        c->filter = note_request;
        for (uint32_t i = 0; i < 1500; i++) {
            gossip_msg msg;
            lie(&l, &msg, cluster_link(c, 0, 1));
            if (random_below(&l.random, 3) == 0 && asked_id != 0) {
                msg.id = asked_id;
                msg.kind = reply_to(asked_kind);
            }
            crdt_err err = gossip_engine_receive(c->nodes[0].engine, c->now, NOW,
                                                 random_below(&l.random, 8) ? liar_peer : 0, &msg);
            CHECK_OK(err);
            if (cluster_link(c, 0, 1) == 0) {
                c->filter = NULL; /* the honest node dials again */
                cluster_run(c, SECOND);
                c->filter = note_request;
            }
            if (i % 16 == 0) cluster_run(c, random_below(&l.random, 400) * MS);
        }
        CHECK_MSG(gossip_engine_stats(c->nodes[0].engine).memory < (12 << 20), "%" PRIu64,
                  gossip_engine_stats(c->nodes[0].engine).memory);
        check_store(c->nodes[0].store);
        gossip_peer_info in = cluster_info(c, 0, 1);
        received += in.received;
        malformed += in.malformed;
        entries += in.entries_received;
        poisoned += c->nodes[0].notices[GOSSIP_POISONED];
        most = gossip_engine_stats(c->nodes[0].engine).memory;
        c->filter = NULL;
        cluster_free(c);
    }
    printf("%" PRIu64 " messages, %" PRIu64 " malformed, %" PRIu64 " entries, %" PRIu64
           " poisoned, %" PRIu64 " bytes\n",
           received, malformed, entries, poisoned, most);
    CHECK(received > 20000 && malformed < received / 2 && entries > 2000 && poisoned > 100);
}
