/* What messages cost, byte for byte. */
#include <stdio.h>
#include <string.h>

#include "crdt/clock.h"
#include "tests/lib/random.h"
#include "tests/lib/t.h"
#include "tests/wire/lib/messages.h"

/* Two ends of a link. */
typedef struct ends {
    gossip_codec *asks, *answers;
    pool          pool;
    uint64_t      random;
} ends;

static ends ends_new(uint64_t seed)
{
    ends e = {NULL, NULL, {NULL}, seed};
    CHECK_OK(gossip_codec_new(NULL, &e.asks));
    CHECK_OK(gossip_codec_new(NULL, &e.answers));
    return e;
}

static void ends_free(ends *e)
{
    gossip_codec_free(e->asks);
    gossip_codec_free(e->answers);
    pool_clear(&e->pool);
}

/* From one end to the other; returns how many bytes that took. */
static size_t say(gossip_codec *from, gossip_codec *to, const gossip_msg *msg)
{
    crdt_buf      out;
    gossip_frame *frame;
    const char   *reason = "";
    crdt_buf_init(&out, NULL);
    CHECK_OK(gossip_wire_encode(from, msg, &out));
    crdt_err err = gossip_wire_decode(to, crdt_buf_bytes(&out), NULL, &frame, &reason);
    CHECK_MSG(err == CRDT_OK, "%s", reason);
    const char *what = message_differs(gossip_frame_msg(frame), msg);
    CHECK_MSG(what == NULL, "%s", what);
    gossip_frame_free(frame, NULL);
    size_t size = out.size;
    crdt_buf_clear(&out);
    return size;
}

TEST(size, a_check_in_sync_takes_64_bytes_both_ways)
{
    ends       e = ends_new(1);
    gossip_msg sync = {.kind = GOSSIP_SYNC, .link = 0xfffffff1, .root = {1, 2}};
    gossip_msg state = {.kind = GOSSIP_STATE, .link = 0xfffffff1, .same = true};
    sync.id = state.id = (1u << 28) - 1;                     /* eight years of one a second */
    sync.vector_taken = state.vector_taken = (1u << 28) - 1; /* as many versions */
    state.credit = (1u << 21) - 1;                           /* 2 MiB */
    size_t size = say(e.asks, e.answers, &sync) + say(e.answers, e.asks, &state);
    printf("in sync: %zu bytes\n", size);
    CHECK(size <= 64);
    ends_free(&e);
}

/* The ids of `k` writers, ascending. */
static uint64_t *writers(ends *e, uint32_t k)
{
    uint64_t *ids = pool_take(&e->pool, k * sizeof *ids), id = 0;
    for (uint32_t i = 0; i < k; i++) {
        id += 1 + random_below(&e->random, UINT64_MAX / (k + 1));
        ids[i] = id;
    }
    return ids;
}

/* Both ends know the ids: each has told the other a whole vector. */
static void introduce(ends *e, const uint64_t *ids, uint32_t k)
{
    gossip_msg    sync = {.kind = GOSSIP_SYNC, .link = 7, .vector = {.version = 1, .count = k}};
    gossip_known *known = pool_take(&e->pool, k * sizeof *known);
    for (uint32_t i = 0; i < k; i++) known[i] = (gossip_known){ids[i], 1, 2};
    sync.vector.known = known;
    for (unsigned round = 0; round < 2; round++) {
        say(e->asks, e->answers, &sync);
        say(e->answers, e->asks, &sync);
    }
}

/* How many entries of how many writers come, and what they are like. */
typedef struct lack {
    uint32_t d, k, deps, body, spread, gap_ms;
    uint64_t seq_max;
    bool     known, grouped;
} lack;

static void fill_entry(ends *e, const lack *l, const uint64_t *ids, gossip_entry *entry)
{
    uint32_t  n = l->deps ? (uint32_t)random_below(&e->random, l->deps + 1) : 0;
    crdt_dot *deps = pool_take(&e->pool, (n + 1) * sizeof *deps);
    uint32_t  size = l->body + (uint32_t)random_below(&e->random, l->spread + 1);
    uint8_t  *body = pool_take(&e->pool, size);
    for (uint32_t i = 0, at = 0; i < n && at < l->k; at++) {
        if (ids[at] == entry->replica || random_below(&e->random, 2)) continue;
        deps[i++] = (crdt_dot){ids[at], 1 + random_below(&e->random, l->seq_max)};
        entry->deps_count = i;
    }
    entry->deps = deps;
    entry->body = crdt_view_of(body, size);
    entry->kind = GOSSIP_DELTA;
}

static gossip_msg missing(ends *e, const lack *l, const uint64_t *ids)
{
    gossip_msg     msg = {.kind = GOSSIP_STATE, .link = 7, .id = 9999, .credit = 262144};
    gossip_entry  *entries = pool_take(&e->pool, l->d * sizeof *entries);
    gossip_origin *origins = pool_take(&e->pool, l->k * sizeof *origins);
    uint64_t      *next = pool_take(&e->pool, l->k * sizeof *next), ms = UINT64_C(1700000000000);
    for (uint32_t i = 0; i < l->k; i++) {
        next[i] = 1 + random_below(&e->random, l->seq_max);
        origins[i] = (gossip_origin){ids[i], (uint32_t)next_random(&e->random)};
    }
    for (uint32_t i = 0; i < l->d; i++) {
        uint32_t who = i < l->k ? i : (uint32_t)random_below(&e->random, l->k);
        if (l->grouped) who = (uint32_t)((uint64_t)i * l->k / l->d);
        entries[i].replica = ids[who];
        entries[i].first = entries[i].last = next[who]++;
        entries[i].ms = ms += random_below(&e->random, 2 * l->gap_ms + 1);
        fill_entry(e, l, ids, &entries[i]);
    }
    msg.entries = entries;
    msg.entries_count = l->d;
    msg.origins = origins;
    msg.origins_count = l->k;
    world_tell(&e->pool, &msg);
    return msg;
}

/* Bodies, and what the lists of deps take: what the same message takes less without them. */
static size_t payload(ends *e, const gossip_msg *msg, const uint64_t *ids, uint32_t k)
{
    gossip_entry *bare = pool_take(&e->pool, msg->entries_count * sizeof *bare);
    gossip_msg    without = *msg;
    ends          other = ends_new(5);
    size_t        bytes = 0;
    introduce(&other, ids, k);
    for (uint32_t i = 0; i < msg->entries_count; i++) {
        bytes += msg->entries[i].body.size;
        bare[i] = msg->entries[i];
        bare[i].deps_count = 0;
    }
    without.entries = bare;
    world_tell(&e->pool, &without);
    bytes += say(other.answers, other.asks, msg) - say(other.answers, other.asks, &without);
    ends_free(&other);
    return bytes;
}

static void catch_up(const lack *l)
{
    ends      e = ends_new(l->d * 31u + l->k);
    uint64_t *ids = writers(&e, l->k);
    if (l->known) introduce(&e, ids, l->k);
    gossip_msg state = missing(&e, l, ids);
    gossip_msg sync = {.kind = GOSSIP_SYNC, .link = 7, .id = 9999, .root = {3, 4}};
    size_t     both = say(e.asks, e.answers, &sync) + say(e.answers, e.asks, &state);
    size_t     apart = both - payload(&e, &state, ids, l->k);
    size_t     goal = 3u * l->d + (l->known ? 7u : 15u) * l->k + 64u;
    printf("%7u entries of %4u writers%s: %7zu bytes besides the payload, goal %7zu "
           "(%.2f an entry)\n",
           l->d, l->k, l->known ? "" : ", new", apart, goal,
           ((double)apart - 7.0 * l->k - 64) / l->d);
    CHECK_MSG(apart <= goal, "%u entries, %u writers: %zu > %zu", l->d, l->k, apart, goal);
    ends_free(&e);
}

TEST(size, catching_up_takes_3_bytes_an_entry_and_7_a_writer)
{
    static const lack lacks[] = {
        {1, 1, 0, 60, 0, 1, 16000, true, false},
        {1, 1, 0, 60, 0, 1, 16000, false, false},
        {1, 1, 3, 60, 0, 1, 16000, true, false},
        {2, 2, 2, 60, 90, 1000, 16000, true, false},
        {2, 2, 2, 60, 90, 1000, 16000, false, false},
        {10, 3, 2, 30, 200, 500, 16000, true, false},
        {10, 10, 2, 30, 200, 500, 16000, true, false},
        {10, 10, 2, 30, 200, 500, 16000, false, false},
        {100, 1, 0, 30, 200, 500, 1000000, true, false},
        {100, 8, 4, 30, 200, 500, 1000000, true, false},
        {1000, 1, 0, 30, 200, 500, 1000000, true, false},
        {1000, 10, 3, 30, 200, 250, 1000000, true, false},
        {1000, 32, 3, 20, 500, 250, 1000000, true, true},
        {1000, 100, 3, 30, 100, 250, 1000000, true, false},
        {1000, 100, 3, 30, 100, 250, 1000000, false, false},
        {1000, 1000, 2, 30, 100, 100, 16000, true, false},
        {10000, 20, 3, 15, 100, 259, 1000000, true, false},
    };
    for (size_t i = 0; i < sizeof lacks / sizeof *lacks; i++) catch_up(&lacks[i]);
}

TEST(size, equal_times_kinds_and_sizes_take_next_to_nothing)
{
    lack       l = {10000, 1, 0, 40, 0, 0, 16000, true, true};
    ends       e = ends_new(77);
    uint64_t  *ids = writers(&e, 1);
    gossip_msg state = missing(&e, &l, ids);
    size_t     size = say(e.answers, e.asks, &state);
    printf("10,000 entries alike: %zu bytes besides their bodies\n", size - 400000u);
    CHECK(size - 400000u <= 100);
    ends_free(&e);
}

TEST(size, no_entry_adds_more_than_is_said_of_it)
{
    uint64_t seed = seed_or(20262);
    for (uint32_t round = 0; round < (T_SLOW ? 40 : 400); round++) {
        pool       p = {NULL};
        world      w = world_of(seed + round, &p, 12);
        ends       e = ends_new(round);
        gossip_msg msg = {.kind = GOSSIP_PUSH, .link = 1};
        uint32_t   authors = 1 + world_below(&w, 4);
        world_entries(&w, &msg, authors + world_below(&w, 60), authors);
        size_t bound = 32; /* of a message with nothing in it */
        for (uint32_t i = 0; i < msg.entries_count; i++) {
            bound += gossip_wire_entry_bytes(&msg.entries[i]);
        }
        size_t size = say(e.asks, e.answers, &msg);
        CHECK_MSG(size <= bound, "round %u: %zu bytes, %zu were said", round, size, bound);
        ends_free(&e);
        pool_clear(&p);
    }
}
