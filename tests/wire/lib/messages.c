/* messages.c: see messages.h. */
#include "tests/wire/lib/messages.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "crdt/clock.h"
#include "tests/lib/random.h"
#include "tests/lib/t.h"

struct pool_block {
    struct pool_block *next;
    _Alignas(16) uint8_t bytes[];
};

void *pool_take(pool *p, size_t size)
{
    struct pool_block *block = calloc(1, sizeof *block + size);
    CHECK(block != NULL);
    block->next = p->blocks;
    p->blocks = block;
    return block->bytes;
}

void pool_clear(pool *p)
{
    while (p->blocks != NULL) {
        struct pool_block *next = p->blocks->next;
        free(p->blocks);
        p->blocks = next;
    }
}

uint32_t world_below(world *w, uint32_t bound)
{
    return (uint32_t)random_below(&w->random, bound);
}

uint64_t world_number(world *w, unsigned bits)
{
    unsigned length = world_below(w, bits + 1);
    return length == 0 ? 0 : next_random(&w->random) >> (64 - length);
}

crdt_view world_bytes(world *w, size_t size)
{
    uint8_t *bytes = pool_take(w->pool, size);
    for (size_t i = 0; i < size; i++) bytes[i] = (uint8_t)next_random(&w->random);
    return crdt_view_of(bytes, size);
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

world world_of(uint64_t seed, pool *p, uint32_t ids_count)
{
    world w = {seed, p, NULL, ids_count, 12, 60};
    w.ids = pool_take(p, ids_count * sizeof *w.ids);
    for (uint32_t i = 0; i < ids_count; i++) w.ids[i] = next_random(&w.random) | 1;
    qsort(w.ids, ids_count, sizeof *w.ids, by_number);
    return w;
}

uint64_t *world_some_ids(world *w, uint32_t least, uint32_t most, uint32_t *ret_count)
{
    uint32_t count = least + world_below(w, most - least + 1), left = w->ids_count, taken = 0;
    CHECK(most <= w->ids_count);
    uint64_t *ids = pool_take(w->pool, count * sizeof *ids);
    for (uint32_t i = 0; taken < count; i++, left--) {
        if (world_below(w, left) < count - taken) ids[taken++] = w->ids[i];
    }
    *ret_count = count;
    return ids;
}

static uint64_t some_seq(world *w)
{
    return 1 + world_number(w, world_below(w, 8) == 0 ? 61 : 20);
}

static crdt_dot *some_deps(world *w, uint64_t author, uint32_t *ret_count)
{
    uint32_t  most = w->ids_count < 6 ? w->ids_count : 6, count, kept = 0;
    uint64_t *ids = world_some_ids(w, 0, most, &count);
    crdt_dot *deps = pool_take(w->pool, (count + 1) * sizeof *deps);
    for (uint32_t i = 0; i < count; i++) {
        if (ids[i] == author) continue;
        deps[kept].replica = ids[i];
        deps[kept++].seq = some_seq(w);
    }
    *ret_count = kept;
    return deps;
}

static crdt_view some_control(world *w, uint64_t author)
{
    uint32_t count = 1 + world_below(w, 3);
    uint8_t *bytes = pool_take(w->pool, count * 8);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t id = next_random(&w->random) | 1;
        if (id == author) id += 2;
        for (unsigned j = 0; j < 8; j++) bytes[i * 8 + j] = (uint8_t)(id >> 8 * j);
    }
    return crdt_view_of(bytes, count * 8);
}

/* All but author, dots and time. */
static void fill_entry(world *w, gossip_entry *entry, bool plain)
{
    uint32_t pick = plain ? 9 : world_below(w, 10);
    entry->kind = pick == 0   ? GOSSIP_SUCCEEDS
                  : pick == 1 ? GOSSIP_ACK
                  : pick == 2 ? GOSSIP_SAYS
                              : GOSSIP_DELTA;
    if (entry->kind == GOSSIP_SAYS) entry->control = world_bytes(w, 1 + world_below(w, 300));
    if (entry->kind == GOSSIP_SUCCEEDS) entry->control = some_control(w, entry->replica);
    if (!plain) entry->deps = some_deps(w, entry->replica, &entry->deps_count);
    entry->body = world_bytes(w, GOSSIP_BODY_MIN + world_number(w, 5) % (w->body_max + 1));
    if (world_below(w, 20) == 0) {
        entry->body = world_bytes(w, GOSSIP_BODY_MIN + world_below(w, w->body_max * 20 + 1));
    }
}

gossip_entry world_entry(world *w)
{
    gossip_entry entry = {0};
    entry.replica = w->ids[world_below(w, w->ids_count)];
    entry.first = some_seq(w);
    entry.last = entry.first + world_number(w, 30);
    entry.ms = world_number(w, 47);
    fill_entry(w, &entry, false);
    return entry;
}

void world_entries(world *w, gossip_msg *msg, uint32_t count, uint32_t authors)
{
    uint32_t       k;
    uint64_t      *ids = world_some_ids(w, authors, authors, &k), ms = world_number(w, 46);
    uint64_t      *next = pool_take(w->pool, k * sizeof *next);
    gossip_entry  *entries = pool_take(w->pool, count * sizeof *entries);
    gossip_origin *origins = pool_take(w->pool, k * sizeof *origins);
    bool           plain = world_below(w, 3) == 0;
    CHECK(count >= k);
    for (uint32_t i = 0; i < k; i++) {
        next[i] = some_seq(w);
        origins[i].replica = ids[i];
        origins[i].tag = (uint32_t)next_random(&w->random);
    }
    for (uint32_t i = 0; i < count; i++) {
        gossip_entry *entry = &entries[i];
        uint32_t      who = i < k ? i : world_below(w, k);
        entry->replica = ids[who];
        entry->first = next[who];
        entry->last = entry->first + (plain ? 0 : world_number(w, 4));
        next[who] = entry->last + 1;
        ms = world_below(w, 30) == 0 ? world_number(w, 47) : ms + world_number(w, 12);
        entry->ms = ms > CRDT_CLOCK_MS_MAX ? 0 : ms;
        fill_entry(w, entry, plain);
    }
    msg->entries = entries;
    msg->entries_count = count;
    msg->origins = origins;
    msg->origins_count = k;
}

static void some_entries(world *w, gossip_msg *msg)
{
    uint32_t count = 1 + world_below(w, w->entries_max);
    uint32_t most = count < w->ids_count ? count : w->ids_count;
    world_entries(w, msg, count, 1 + world_below(w, most));
}

void world_tell(pool *p, gossip_msg *msg)
{
    uint32_t      n = msg->vector.count + msg->origins_count, count = 0, from = 0;
    gossip_known *known = pool_take(p, (n + 1) * sizeof *known);
    for (uint32_t i = 0; i < msg->origins_count; i++) {
        gossip_known told = {msg->origins[i].replica, 0, msg->origins[i].tag};
        for (; from < msg->vector.count && msg->vector.known[from].replica <= told.replica;
             from++) {
            if (msg->vector.known[from].replica < told.replica) {
                known[count++] = msg->vector.known[from];
            }
        }
        for (uint32_t j = 0; j < msg->entries_count; j++) {
            if (msg->entries[j].replica != told.replica) continue;
            told.seq = msg->entries[j].last;
            told.tag = gossip_entry_tag(&msg->entries[j], told.tag);
        }
        known[count++] = told;
    }
    for (; from < msg->vector.count; from++) known[count++] = msg->vector.known[from];
    msg->vector.known = known;
    msg->vector.count = count;
    if (msg->vector.version > 0) return;
    msg->vector.version = 301;
    msg->vector.base = 300;
}

static void some_vector(world *w, gossip_msg *msg)
{
    uint32_t      count;
    uint64_t     *ids = world_some_ids(w, 0, w->ids_count, &count);
    gossip_known *known = pool_take(w->pool, (count + 1) * sizeof *known);
    for (uint32_t i = 0; i < count; i++) {
        known[i].replica = ids[i];
        known[i].seq = some_seq(w);
        known[i].tag = (uint32_t)next_random(&w->random);
    }
    msg->vector.version = 1 + (uint32_t)world_number(w, 31);
    msg->vector.base = world_below(w, 2) ? 0 : world_below(w, msg->vector.version);
    msg->vector.known = known;
    msg->vector.count = count;
}

static gossip_hello some_hello(world *w)
{
    gossip_hello hello = {.cluster = next_random(&w->random), .node = next_random(&w->random)};
    hello.replica = next_random(&w->random);
    hello.boot = next_random(&w->random);
    hello.version_min = 1;
    hello.version_max = 1 + world_below(w, 3);
    hello.features = world_number(w, 64);
    hello.frame_max = (uint32_t)world_number(w, 32);
    hello.address = world_bytes(w, world_below(w, GOSSIP_ADDRESS_MAX + 1));
    hello.types_count = world_below(w, 40);
    hello.peers_count = world_below(w, 10);
    gossip_type *types = pool_take(w->pool, (hello.types_count + 1) * sizeof *types);
    crdt_view   *peers = pool_take(w->pool, (hello.peers_count + 1) * sizeof *peers);
    for (uint32_t i = 0, id = 0; i < hello.types_count; i++) {
        types[i].id = (uint16_t)(id += 1 + world_below(w, 1000));
        types[i].format = (uint16_t)world_number(w, 16);
    }
    for (uint32_t i = 0; i < hello.peers_count; i++) peers[i] = world_bytes(w, 1 + i);
    hello.types = types;
    hello.peers = peers;
    return hello;
}

static void some_digests(world *w, gossip_msg *msg)
{
    msg->digests_count = world_below(w, 20);
    gossip_object_digest *digests = pool_take(w->pool, (msg->digests_count + 1) * sizeof *digests);
    for (uint32_t i = 0; i < msg->digests_count; i++) {
        digests[i].name = world_bytes(w, world_below(w, 30));
        digests[i].type = (uint16_t)world_number(w, 16);
        digests[i].digest.lo = next_random(&w->random);
        digests[i].digest.hi = next_random(&w->random);
    }
    msg->digests = digests;
}

static void some_snapshot_piece(world *w, gossip_msg *msg)
{
    msg->snapshot_id = next_random(&w->random);
    msg->offset = world_number(w, 64);
    msg->size = world_number(w, 64);
    if (msg->kind != GOSSIP_CHUNK) return;
    msg->bytes = world_bytes(w, world_below(w, 300));
    msg->whole.lo = next_random(&w->random);
    msg->whole.hi = next_random(&w->random);
}

gossip_msg world_message(world *w, gossip_msg_kind kind)
{
    gossip_msg msg = {.kind = kind ? kind : 1 + world_below(w, GOSSIP_REFUSED)};
    bool       hello = msg.kind == GOSSIP_HELLO || msg.kind == GOSSIP_WELCOME;
    msg.link = hello ? 0 : (uint32_t)next_random(&w->random);
    msg.id = (uint32_t)world_number(w, 32);
    if (hello) msg.hello = some_hello(w);
    if (msg.kind == GOSSIP_REFUSED) {
        msg.refusal = 1 + world_below(w, GOSSIP_BAD_MESSAGE);
        return msg;
    }
    if (msg.kind >= GOSSIP_SYNC && msg.kind <= GOSSIP_HAVE) {
        if (world_below(w, 3)) some_vector(w, &msg);
        msg.vector_taken = (uint32_t)world_number(w, 32);
        msg.credit = (uint32_t)world_number(w, 32);
        msg.more = world_below(w, 2);
        msg.snapshot = world_below(w, 2);
        msg.prune = world_below(w, 2);
        msg.graft = world_below(w, 2);
    }
    if (msg.kind == GOSSIP_SYNC || msg.kind == GOSSIP_STATE) {
        msg.root.lo = next_random(&w->random);
        msg.root.hi = next_random(&w->random);
    }
    if (msg.kind == GOSSIP_STATE) msg.same = world_below(w, 2);
    if (msg.kind == GOSSIP_STATE || msg.kind == GOSSIP_PUSH) {
        if (world_below(w, 8)) some_entries(w, &msg);
        if (world_below(w, 2)) world_tell(w->pool, &msg);
    }
    if (msg.kind == GOSSIP_SNAP || msg.kind == GOSSIP_CHUNK) some_snapshot_piece(w, &msg);
    if (msg.kind == GOSSIP_PAGE || msg.kind == GOSSIP_FIX || msg.kind == GOSSIP_OBJECT) {
        msg.name = world_bytes(w, world_below(w, 40));
        msg.type = (uint16_t)world_number(w, 16);
    }
    if (msg.kind == GOSSIP_OBJECT) msg.bytes = world_bytes(w, world_below(w, 300));
    if (msg.kind == GOSSIP_DIGESTS) some_digests(w, &msg);
    return msg;
}

gossip_floor *world_floors(world *w, uint32_t count)
{
    uint32_t      n;
    uint64_t     *ids = world_some_ids(w, count, count, &n);
    gossip_floor *floors = pool_take(w->pool, (n + 1) * sizeof *floors);
    for (uint32_t i = 0; i < n; i++) {
        floors[i].replica = ids[i];
        floors[i].seq = world_below(w, 8) ? some_seq(w) : 0;
        floors[i].succeeded = world_below(w, 4) == 0;
        floors[i].ms = world_number(w, 47);
        floors[i].tag = (uint32_t)next_random(&w->random);
    }
    for (uint32_t i = 0; i < n; i++) {
        crdt_dot *past = pool_take(w->pool, n * sizeof *past);
        floors[i].past = past;
        for (uint32_t j = 0; j < n && floors[i].seq > 0; j++) {
            if (floors[j].seq == 0 || (i != j && world_below(w, 4) == 0)) continue;
            uint64_t below = i == j ? 0 : world_number(w, 20) % floors[j].seq;
            past[floors[i].past_count].replica = floors[j].replica;
            past[floors[i].past_count++].seq = floors[j].seq - below;
        }
    }
    return floors;
}

/* -- Comparing --------------------------------------------------------------------------------- */

static bool views(crdt_view a, crdt_view b)
{
    return crdt_view_compare(a, b) == 0;
}

const char *entry_differs(const gossip_entry *a, const gossip_entry *b)
{
    if (a->replica != b->replica) return "an entry's author";
    if (a->first != b->first || a->last != b->last) return "an entry's dots";
    if (a->ms != b->ms) return "an entry's time";
    if (a->kind != b->kind) return "an entry's kind";
    if (a->deps_count != b->deps_count) return "an entry's number of deps";
    for (uint32_t i = 0; i < a->deps_count; i++) {
        if (!crdt_dot_equal(a->deps[i], b->deps[i])) return "an entry's dep";
    }
    if (!views(a->control, b->control)) return "an entry's control";
    return views(a->body, b->body) ? NULL : "an entry's body";
}

static const char *hello_differs(const gossip_hello *a, const gossip_hello *b)
{
    if (a->cluster != b->cluster || a->node != b->node) return "cluster or node";
    if (a->replica != b->replica || a->boot != b->boot) return "replica or boot";
    if (a->version_min != b->version_min || a->version_max != b->version_max) return "versions";
    if (a->features != b->features || a->frame_max != b->frame_max) return "features";
    if (!views(a->address, b->address)) return "address";
    if (a->types_count != b->types_count) return "number of types";
    for (uint32_t i = 0; i < a->types_count; i++) {
        if (a->types[i].id != b->types[i].id) return "a type's id";
        if (a->types[i].format != b->types[i].format) return "a type's format";
    }
    if (a->peers_count != b->peers_count) return "number of peers";
    for (uint32_t i = 0; i < a->peers_count; i++) {
        if (!views(a->peers[i], b->peers[i])) return "a peer";
    }
    return NULL;
}

static const char *vector_differs(const gossip_vector *a, const gossip_vector *b)
{
    if (a->version != b->version || a->base != b->base) return "vector's version";
    if (a->count != b->count) return "vector's size";
    for (uint32_t i = 0; i < a->count; i++) {
        if (a->known[i].replica != b->known[i].replica) return "vector's replica";
        if (a->known[i].seq != b->known[i].seq) return "vector's sequence number";
        if (a->known[i].tag != b->known[i].tag) return "vector's tag";
    }
    return NULL;
}

static const char *lists_differ(const gossip_msg *a, const gossip_msg *b)
{
    if (a->entries_count != b->entries_count) return "number of entries";
    for (uint32_t i = 0; i < a->entries_count; i++) {
        const char *what = entry_differs(&a->entries[i], &b->entries[i]);
        if (what != NULL) return what;
    }
    if (a->origins_count != b->origins_count) return "number of origins";
    for (uint32_t i = 0; i < a->origins_count; i++) {
        if (a->origins[i].replica != b->origins[i].replica) return "an origin";
        if (a->origins[i].tag != b->origins[i].tag) return "an origin's tag";
    }
    if (a->digests_count != b->digests_count) return "number of digests";
    for (uint32_t i = 0; i < a->digests_count; i++) {
        if (!views(a->digests[i].name, b->digests[i].name)) return "a digest's name";
        if (a->digests[i].type != b->digests[i].type) return "a digest's type";
        if (!crdt_digest_equal(a->digests[i].digest, b->digests[i].digest)) return "a digest";
    }
    return NULL;
}

const char *message_differs(const gossip_msg *a, const gossip_msg *b)
{
    if (a->kind != b->kind || a->link != b->link || a->id != b->id) return "kind, link or id";
    if (a->refusal != b->refusal) return "refusal";
    if (!crdt_digest_equal(a->root, b->root) || a->same != b->same) return "root";
    if (a->vector_taken != b->vector_taken || a->credit != b->credit) return "taken or credit";
    if (a->more != b->more || a->snapshot != b->snapshot) return "more or snapshot";
    if (a->prune != b->prune || a->graft != b->graft) return "prune or graft";
    if (a->snapshot_id != b->snapshot_id || a->offset != b->offset || a->size != b->size) {
        return "place in a snapshot";
    }
    if (!views(a->bytes, b->bytes) || !views(a->name, b->name)) return "bytes or name";
    if (!crdt_digest_equal(a->whole, b->whole) || a->type != b->type) return "whole or type";
    const char *what = vector_differs(&a->vector, &b->vector);
    if (what == NULL) what = lists_differ(a, b);
    return what != NULL ? what : hello_differs(&a->hello, &b->hello);
}

const char *floors_differ(const gossip_floor *a, const gossip_floor *b, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (a[i].replica != b[i].replica || a[i].seq != b[i].seq) return "a floor";
        if (a[i].ms != b[i].ms || a[i].tag != b[i].tag) return "a floor's time or tag";
        if (a[i].succeeded != b[i].succeeded) return "a floor's mark";
        if (a[i].past_count != b[i].past_count) return "the size of a past";
        for (uint32_t j = 0; j < a[i].past_count; j++) {
            if (!crdt_dot_equal(a[i].past[j], b[i].past[j])) return "a past";
        }
    }
    return NULL;
}

static void store(uint8_t *at, uint64_t n, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) at[i] = (uint8_t)(n >> 8 * i);
}

void frame_repair(uint8_t *frame, size_t size)
{
    if (size >= 4) store(frame, XXH3_64bits(frame + 4, size - 4), 4);
}

void snapshot_repair(uint8_t *snapshot, size_t size)
{
    if (size < 16) return;
    XXH128_hash_t sum = XXH3_128bits(snapshot, size - 16);
    store(snapshot + size - 16, sum.low64, 8);
    store(snapshot + size - 8, sum.high64, 8);
}
