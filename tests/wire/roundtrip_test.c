/* Messages, entries and snapshots at random: what is encoded decodes to the same, by the library
 * and by the slow reader. */
#include <stdlib.h>
#include <string.h>

#include "tests/lib/random.h"
#include "tests/lib/t.h"
#include "tests/lib/testmem.h"
#include "tests/wire/lib/slow.h"

#define ROUNDS (T_SLOW ? 300 : 6000)

/* Bytes that end where ASan sees their end, and are gone as soon as they are freed. */
static crdt_view copy_of(const crdt_buf *buf)
{
    uint8_t *copy = malloc(buf->size);
    CHECK(copy != NULL);
    memcpy(copy, buf->data, buf->size);
    return crdt_view_of(copy, buf->size);
}

static void drop(crdt_view copy)
{
    void *data;
    memcpy(&data, &copy.data, sizeof data);
    free(data);
}

typedef struct link {
    testmem       m;
    gossip_codec *from, *to;
    slow_ids     *slow;
} link;

static void link_init(link *l)
{
    testmem_init(&l->m);
    CHECK_OK(gossip_codec_new(&l->m.mem, &l->from));
    CHECK_OK(gossip_codec_new(&l->m.mem, &l->to));
    l->slow = calloc(1, sizeof *l->slow);
    CHECK(l->slow != NULL);
}

static void link_clear(link *l)
{
    gossip_codec_free(l->from);
    gossip_codec_free(l->to);
    gossip_codec_free(NULL);
    free(l->slow);
    TESTMEM_DONE(&l->m);
}

static void pass(link *l, const gossip_msg *msg, pool *p, uint32_t round)
{
    crdt_buf        out;
    gossip_frame   *frame;
    gossip_msg_kind kind;
    gossip_msg      slow;
    uint32_t        number;
    const char     *reason = "";
    crdt_buf_init(&out, &l->m.mem);
    CHECK_OK(gossip_wire_encode(l->from, msg, &out));
    crdt_view in = copy_of(&out);
    CHECK_OK(gossip_wire_peek(in, &number, &kind));
    CHECK(number == msg->link && kind == msg->kind);
    crdt_err err = gossip_wire_decode(l->to, in, &l->m.mem, &frame, &reason);
    CHECK_MSG(err == CRDT_OK, "round %u, kind %d: %s", round, (int)msg->kind, reason);
    const char *what = message_differs(gossip_frame_msg(frame), msg);
    CHECK_MSG(what == NULL, "round %u, kind %d: %s", round, (int)msg->kind, what);
    CHECK_MSG(slow_read(l->slow, in, p, &slow), "round %u, kind %d", round, (int)msg->kind);
    what = message_differs(&slow, msg);
    CHECK_MSG(what == NULL, "slow, round %u, kind %d: %s", round, (int)msg->kind, what);
    gossip_frame_free(frame, &l->m.mem);
    drop(in);
    crdt_buf_clear(&out);
}

TEST(roundtrip, messages_of_every_kind)
{
    uint64_t seed = seed_or(20261);
    link     l;
    link_init(&l);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        pool  p = {NULL};
        world w = world_of(seed + round / 100, &p, 40); /* the same ids for a while */
        w.random += round * UINT64_C(7919);
        if (round % 50 == 0) w.entries_max = 300;
        gossip_msg msg = world_message(&w, 1 + round % GOSSIP_REFUSED);
        pass(&l, &msg, &p, round);
        pool_clear(&p);
    }
    link_clear(&l);
}

TEST(roundtrip, the_ends_of_every_number)
{
    static const uint64_t ends[] = {0, 1, 127, 128, 16383, 16384, INT32_MAX, UINT32_MAX};
    link                  l;
    pool                  p = {NULL};
    link_init(&l);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        uint32_t      n = (uint32_t)ends[i];
        gossip_msg    msg = {.kind = GOSSIP_STATE, .link = n, .id = n, .vector_taken = n};
        gossip_known  known[] = {{1, 1, 0}, {UINT64_MAX, CRDT_SEQ_MAX, n}};
        gossip_vector all = {0, n, known, 2}, none = {n, n, NULL, 0};
        msg.credit = n;
        msg.root = (crdt_digest){n, UINT64_MAX};
        pass(&l, &msg, &p, n);
        msg.vector = none;
        pass(&l, &msg, &p, n);
        if (n > 0) msg.vector = all;
        pass(&l, &msg, &p, n);
        gossip_msg piece = {.kind = GOSSIP_CHUNK, .snapshot_id = UINT64_MAX};
        piece.offset = piece.size = UINT64_MAX - n;
        pass(&l, &piece, &p, n);
    }
    pool_clear(&p);
    link_clear(&l);
}

/* A vector that says of an author what its entries do not end with is told in full. */
TEST(roundtrip, entries_tell_only_what_the_vector_says)
{
    link l;
    pool p = {NULL};
    link_init(&l);
    for (uint32_t round = 0; round < 200; round++) {
        world        w = world_of(round, &p, 10);
        gossip_msg   msg = {.kind = GOSSIP_STATE};
        uint32_t     authors = 1 + round % 4;
        gossip_known known[4];
        world_entries(&w, &msg, authors + world_below(&w, 10), authors);
        world_tell(&p, &msg);
        pass(&l, &msg, &p, round);
        memcpy(known, msg.vector.known, authors * sizeof *known);
        msg.vector.known = known;
        gossip_known *other = &known[world_below(&w, authors)];
        if (round % 3 == 0) other->tag ^= 1u << round % 32; /* a fork */
        if (round % 3 == 1) other->seq++;                   /* it has more */
        if (round % 3 == 2) other->replica++;               /* another one's */
        pass(&l, &msg, &p, round);
        pool_clear(&p);
    }
    link_clear(&l);
}

TEST(roundtrip, as_many_ids_as_a_link_can_have_and_no_more)
{
    link          l;
    pool          p = {NULL};
    gossip_known *known = pool_take(&p, 65537 * sizeof *known);
    gossip_msg    msg = {.kind = GOSSIP_SYNC, .vector = {0, 1, known, 65536}};
    crdt_buf      out;
    link_init(&l);
    for (uint32_t i = 0; i < 65537; i++) known[i] = (gossip_known){i * UINT64_C(3) + 1, i + 1, i};
    pass(&l, &msg, &p, 0);
    crdt_buf_init(&out, NULL);
    gossip_known other = {2, 1, 1}; /* an id that it does not have */
    msg.vector.known = &other;
    msg.vector.count = 1;
    CHECK_ERR(gossip_wire_encode(l.from, &msg, &out), CRDT_ELIMIT);
    CHECK_EQ_INT(out.size, 0);
    msg.vector.known = known;
    msg.vector.count = 65537;
    CHECK_ERR(gossip_wire_encode(l.from, &msg, &out), CRDT_ELIMIT);
    msg.vector.count = 65536;
    pass(&l, &msg, &p, 1);
    crdt_buf_clear(&out);
    pool_clear(&p);
    link_clear(&l);
}

TEST(roundtrip, entries_alone)
{
    uint64_t    seed = seed_or(20263);
    pool        p = {NULL};
    world       w = world_of(seed, &p, 30);
    testmem     m;
    gossip_deps deps = {NULL, 0};
    testmem_init(&m);
    for (uint32_t round = 0; round < ROUNDS / 4; round++) {
        gossip_entry entry = world_entry(&w), again, slow;
        crdt_buf     out;
        const char  *reason = "";
        crdt_buf_init(&out, &m.mem);
        CHECK_OK(gossip_entry_encode(&entry, &out));
        crdt_view in = copy_of(&out);
        crdt_err  err = gossip_entry_decode(in, &deps, &m.mem, &again, &reason);
        CHECK_MSG(err == CRDT_OK, "round %u: %s", round, reason);
        const char *what = entry_differs(&again, &entry);
        CHECK_MSG(what == NULL, "round %u: %s", round, what);
        CHECK(slow_entry(in, &p, &slow));
        what = entry_differs(&slow, &entry);
        CHECK_MSG(what == NULL, "slow, round %u: %s", round, what);
        CHECK_EQ_INT(gossip_entry_tag(&again, round), slow_tag(&p, &entry, round));
        drop(in);
        crdt_buf_clear(&out);
    }
    gossip_deps_clear(&deps, &m.mem);
    TESTMEM_DONE(&m);
    pool_clear(&p);
}

TEST(roundtrip, a_tag_covers_each_part_of_an_entry)
{
    crdt_dot     deps[] = {{2, 3}, {4, 5}};
    uint64_t     old = 77;
    gossip_entry entry = {
        1, 5, 6, 1000, deps, 2, GOSSIP_SUCCEEDS, {&old, 8}, {"a body that is", 14}};
    uint32_t tag = gossip_entry_tag(&entry, 9);
    CHECK(gossip_entry_tag(&entry, 10) != tag);
#define COVERED(field_, value_)                    \
    do {                                           \
        gossip_entry other = entry;                \
        other.field_ = value_;                     \
        CHECK(gossip_entry_tag(&other, 9) != tag); \
    } while (0)
    COVERED(replica, 3);
    COVERED(first, 4);
    COVERED(last, 7);
    COVERED(ms, 1001);
    COVERED(deps_count, 1);
    COVERED(kind, GOSSIP_ACK);
    COVERED(control.size, 7);
    COVERED(body.size, 13);
#undef COVERED
    deps[1].seq++;
    CHECK(gossip_entry_tag(&entry, 9) != tag);
}

TEST(roundtrip, snapshots)
{
    uint64_t seed = seed_or(20264);
    testmem  m;
    testmem_init(&m);
    for (uint32_t round = 0; round < ROUNDS / 20; round++) {
        pool            p = {NULL};
        world           w = world_of(seed + round, &p, 60);
        uint32_t        count = world_below(&w, 61);
        gossip_floor   *floors = world_floors(&w, count);
        crdt_view       store = world_bytes(&w, world_below(&w, 500));
        gossip_snapshot again, slow;
        crdt_buf        out;
        const char     *reason = "";
        crdt_buf_init(&out, &m.mem);
        CHECK_OK(gossip_snapshot_encode(floors, count, store, &out));
        crdt_view in = copy_of(&out);
        crdt_err  err = gossip_snapshot_decode(in, &m.mem, &again, &reason);
        CHECK_MSG(err == CRDT_OK, "round %u: %s", round, reason);
        CHECK_EQ_INT(again.count, count);
        const char *what = floors_differ(again.floors, floors, count);
        CHECK_MSG(what == NULL, "round %u: %s", round, what);
        CHECK(crdt_view_compare(again.store, store) == 0);
        CHECK(slow_snapshot(in, &p, &slow));
        CHECK_EQ_INT(slow.count, count);
        CHECK(floors_differ(slow.floors, floors, count) == NULL);
        CHECK(crdt_view_compare(slow.store, store) == 0);
        gossip_snapshot_clear(&again, &m.mem);
        gossip_snapshot_clear(&again, &m.mem); /* twice is fine */
        drop(in);
        crdt_buf_clear(&out);
        pool_clear(&p);
    }
    TESTMEM_DONE(&m);
}

TEST(roundtrip, links_have_a_number_that_both_sides_find)
{
    CHECK(gossip_link_of(1, 2) != gossip_link_of(2, 1));
    CHECK(gossip_link_of(1, 2) != gossip_link_of(1, 3));
    CHECK(gossip_link_of(1, 2) != 0 && gossip_link_of(5, 5) != 0);
}
