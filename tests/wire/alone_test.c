/* What stands alone, entries in logs and snapshots: canonical, and hostile bytes. */
#include <stdlib.h>
#include <string.h>

#include "crdt/clock.h"
#include "tests/lib/random.h"
#include "tests/lib/t.h"
#include "tests/lib/testmem.h"
#include "tests/wire/lib/slow.h"

/* -- Entries ----------------------------------------------------------------------------------- */

/* Refused with a reason, or it encodes to just these bytes and the slow reader agrees. */
static bool is_entry(const uint8_t *bytes, size_t size)
{
    testmem      m;
    gossip_deps  deps = {NULL, 0};
    gossip_entry entry, slow;
    const char  *reason = NULL;
    testmem_init(&m);
    crdt_err err = gossip_entry_decode(crdt_view_of(bytes, size), &deps, &m.mem, &entry, &reason);
    CHECK_MSG(m.peak <= 8 * size + 65536, "took %zu bytes for %zu", m.peak, size);
    if (err != CRDT_OK) {
        CHECK(err == CRDT_EMALFORMED || err == CRDT_ELIMIT || err == CRDT_EVERSION);
        CHECK(reason != NULL && *reason != 0);
    } else {
        crdt_buf out;
        pool     p = {NULL};
        crdt_buf_init(&out, NULL);
        CHECK_OK(gossip_entry_encode(&entry, &out));
        CHECK_EQ_MEM(out.data, out.size, bytes, size);
        CHECK(slow_entry(crdt_view_of(bytes, size), &p, &slow));
        CHECK(entry_differs(&slow, &entry) == NULL);
        crdt_buf_clear(&out);
        pool_clear(&p);
    }
    gossip_deps_clear(&deps, &m.mem);
    TESTMEM_DONE(&m);
    return err == CRDT_OK;
}

TEST(alone, entries_are_canonical_and_cut_ones_are_refused)
{
    uint64_t seed = seed_or(20269);
    pool     p = {NULL};
    world    w = world_of(seed, &p, 20);
    for (uint32_t round = 0; round < (T_SLOW ? 10 : 60); round++) {
        gossip_entry entry = world_entry(&w);
        crdt_buf     out;
        crdt_buf_init(&out, NULL);
        CHECK_OK(gossip_entry_encode(&entry, &out));
        for (size_t cut = 0; cut < out.size; cut++) CHECK(!is_entry(out.data, cut));
        for (size_t bit = 0; bit < out.size * 8; bit++) {
            out.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
            is_entry(out.data, out.size);
            out.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        crdt_buf_byte(&out, 0);
        CHECK(!is_entry(out.data, out.size));
        crdt_buf_clear(&out);
    }
    pool_clear(&p);
}

static void refused(gossip_entry entry, crdt_err expected)
{
    crdt_buf    out;
    const char *reason = NULL;
    crdt_buf_init(&out, NULL);
    CHECK_ERR(gossip_entry_check(&entry, &reason), expected);
    CHECK(reason != NULL && *reason != 0);
    crdt_err err = expected == CRDT_EMALFORMED ? CRDT_EINVAL : expected;
    CHECK_ERR(gossip_entry_encode(&entry, &out), err);
    CHECK_EQ_INT(out.size, 0);
}

TEST(alone, entries_that_cannot_be)
{
    static const uint8_t body[GOSSIP_BODY_MIN] = "a body";
    crdt_dot             deps[] = {{2, 3}, {4, 5}};
    gossip_entry         good = {1, 5, 6, 7, deps, 2, GOSSIP_DELTA, {NULL, 0}, {body, sizeof body}};
    CHECK_OK(gossip_entry_check(&good, NULL));
#define REFUSED(err_, ...)       \
    do {                         \
        gossip_entry e = good;   \
        __VA_ARGS__;             \
        refused(e, CRDT_##err_); \
    } while (0)
    REFUSED(EMALFORMED, e.replica = 0);
    REFUSED(EMALFORMED, e.first = 0);
    REFUSED(EMALFORMED, e.first = 7);
    REFUSED(EMALFORMED, e.last = CRDT_SEQ_MAX + 1);
    REFUSED(EMALFORMED, e.ms = CRDT_CLOCK_MS_MAX + 1);
    REFUSED(EMALFORMED, e.body.size--);
    REFUSED(ELIMIT, e.body.size = GOSSIP_BODY_MAX + 1);
    REFUSED(EMALFORMED, e.kind = (gossip_kind)0);
    REFUSED(EVERSION, e.kind = GOSSIP_CUT);
    REFUSED(EVERSION, e.kind = GOSSIP_REBASE);
    REFUSED(EVERSION, e.kind = (gossip_kind)9);
    REFUSED(EMALFORMED, e.kind = GOSSIP_SAYS);
    REFUSED(ELIMIT, e.kind = GOSSIP_SAYS; e.control.size = GOSSIP_CONTROL_MAX + 1);
    REFUSED(EMALFORMED, e.control = e.body);
    REFUSED(EMALFORMED, e.kind = GOSSIP_SUCCEEDS);
    REFUSED(EMALFORMED, e.kind = GOSSIP_SUCCEEDS; e.control = crdt_view_of(body, 12));
    REFUSED(EMALFORMED, e.kind = GOSSIP_SUCCEEDS; e.control = crdt_view_of("\0\0\0\0\0\0\0", 8));
    REFUSED(EMALFORMED, e.kind = GOSSIP_SUCCEEDS; e.control = crdt_view_of("\1\0\0\0\0\0\0", 8));
    REFUSED(ELIMIT, e.kind = GOSSIP_SUCCEEDS; e.control.size = GOSSIP_SUCCEEDS_MAX + 8);
    REFUSED(ELIMIT, e.deps_count = GOSSIP_DEPS_MAX + 1);
#undef REFUSED
    gossip_entry e = good;
    e.replica = 4; /* depends on itself */
    refused(e, CRDT_EMALFORMED);
    deps[1].replica = 2;
    refused(good, CRDT_EMALFORMED);
    deps[1] = (crdt_dot){4, 0};
    refused(good, CRDT_EMALFORMED);
    deps[1].seq = CRDT_SEQ_MAX + 1;
    refused(good, CRDT_EMALFORMED);
}

TEST(alone, entries_when_memory_is_refused)
{
    pool         p = {NULL};
    world        w = world_of(8, &p, 20);
    testmem      m;
    gossip_entry entry, again;
    gossip_deps  deps = {NULL, 0};
    crdt_buf     out, small;
    testmem_init(&m);
    do entry = world_entry(&w);
    while (entry.deps_count < 3);
    crdt_buf_init(&out, NULL);
    crdt_buf_init(&small, &m.mem);
    CHECK_OK(gossip_entry_encode(&entry, &out));
    testmem_fail_nth(&m, 1);
    CHECK_ERR(gossip_entry_decode(crdt_buf_bytes(&out), &deps, &m.mem, &again, NULL), CRDT_ENOMEM);
    CHECK_EQ_INT(deps.cap, 0);
    testmem_fail_nth(&m, 1);
    CHECK_ERR(gossip_entry_encode(&entry, &small), CRDT_ENOMEM);
    CHECK_EQ_INT(small.size, 0);
    testmem_fail_never(&m);
    CHECK_OK(gossip_entry_decode(crdt_buf_bytes(&out), &deps, &m.mem, &again, NULL));
    CHECK(entry_differs(&again, &entry) == NULL);
    gossip_deps_clear(&deps, &m.mem);
    gossip_deps_clear(&deps, &m.mem);
    crdt_buf_clear(&out);
    crdt_buf_clear(&small);
    TESTMEM_DONE(&m);
    pool_clear(&p);
}

/* -- Snapshots --------------------------------------------------------------------------------- */

static bool is_snapshot(const uint8_t *bytes, size_t size)
{
    testmem         m;
    gossip_snapshot s, slow;
    const char     *reason = NULL;
    testmem_init(&m);
    crdt_err err = gossip_snapshot_decode(crdt_view_of(bytes, size), &m.mem, &s, &reason);
    CHECK_MSG(m.peak <= 8 * size + 65536, "took %zu bytes for %zu", m.peak, size);
    if (err != CRDT_OK) {
        CHECK(err == CRDT_EMALFORMED || err == CRDT_ELIMIT || err == CRDT_EVERSION);
        CHECK(reason != NULL && *reason != 0);
    } else {
        crdt_buf out;
        pool     p = {NULL};
        crdt_buf_init(&out, NULL);
        CHECK_OK(gossip_snapshot_encode(s.floors, s.count, s.store, &out));
        CHECK_EQ_MEM(out.data, out.size, bytes, size);
        CHECK(slow_snapshot(crdt_view_of(bytes, size), &p, &slow));
        CHECK(slow.count == s.count && floors_differ(slow.floors, s.floors, s.count) == NULL);
        CHECK(crdt_view_compare(slow.store, s.store) == 0);
        gossip_snapshot_clear(&s, &m.mem);
        crdt_buf_clear(&out);
        pool_clear(&p);
    }
    TESTMEM_DONE(&m);
    return err == CRDT_OK;
}

TEST(alone, snapshots_are_canonical_and_damaged_ones_are_refused)
{
    uint64_t seed = seed_or(20270);
    for (uint32_t round = 0; round < (T_SLOW ? 2 : 12); round++) {
        pool     p = {NULL};
        world    w = world_of(seed + round, &p, 8);
        crdt_buf out;
        crdt_buf_init(&out, NULL);
        gossip_floor *floors = world_floors(&w, round % 9);
        CHECK_OK(gossip_snapshot_encode(floors, round % 9, world_bytes(&w, 20), &out));
        uint8_t *copy = malloc(out.size);
        CHECK(copy != NULL);
        for (size_t cut = 0; cut < out.size; cut++) {
            CHECK(!is_snapshot(out.data, cut));
            memcpy(copy, out.data, cut);
            snapshot_repair(copy, cut);
            is_snapshot(copy, cut);
        }
        for (size_t bit = 0; bit < out.size * 8; bit++) {
            memcpy(copy, out.data, out.size);
            copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
            CHECK(!is_snapshot(copy, out.size));
            snapshot_repair(copy, out.size);
            is_snapshot(copy, out.size);
        }
        free(copy);
        crdt_buf_clear(&out);
        pool_clear(&p);
    }
}

TEST(alone, snapshots_whose_floors_cannot_be)
{
    crdt_dot     past[] = {{1, 5}, {2, 7}};
    gossip_floor good[] = {{1, 5, 6, 7, false, past, 1}, {2, 8, 9, 10, true, past, 2}};
    crdt_view    store = {"store", 5};
    crdt_buf     out;
    crdt_buf_init(&out, NULL);
    crdt_buf_byte(&out, 1);
    CHECK_OK(gossip_snapshot_encode(good, 2, store, &out));
    CHECK(is_snapshot(out.data + 1, out.size - 1));
    size_t size = out.size;
#define REFUSED(change_)                                                   \
    do {                                                                   \
        gossip_floor f[2] = {good[0], good[1]};                            \
        change_;                                                           \
        CHECK_ERR(gossip_snapshot_encode(f, 2, store, &out), CRDT_EINVAL); \
        CHECK_EQ_INT(out.size, size);                                      \
    } while (0)
    REFUSED(f[0].replica = 0);
    REFUSED(f[1].replica = 1);
    REFUSED(f[0].seq = CRDT_SEQ_MAX + 1);
    REFUSED(f[0].seq = 4);     /* below the past of the second */
    REFUSED(f[0].seq = 0);     /* nothing, and a past */
    REFUSED(f[1].replica = 3); /* the past names 2 */
    REFUSED(f[0].ms = CRDT_CLOCK_MS_MAX + 1);
    past[0].seq = 0;
    REFUSED((void)f);
    past[0] = (crdt_dot){2, 5};
    REFUSED((void)f);
#undef REFUSED
    CHECK_ERR(gossip_snapshot_encode(good, (1u << 20) + 1, store, &out), CRDT_ELIMIT);
    crdt_buf_clear(&out);
}

TEST(alone, snapshots_when_memory_is_refused)
{
    pool            p = {NULL};
    world           w = world_of(9, &p, 200);
    gossip_floor   *floors = world_floors(&w, 200);
    crdt_view       store = world_bytes(&w, 300);
    testmem         m;
    crdt_buf        out, whole;
    gossip_snapshot s;
    testmem_init(&m);
    crdt_buf_init(&whole, NULL);
    CHECK_OK(gossip_snapshot_encode(floors, 200, store, &whole));
    for (uint64_t nth = 1;; nth++) {
        crdt_buf_init(&out, &m.mem);
        testmem_fail_nth(&m, nth);
        crdt_err err = gossip_snapshot_encode(floors, 200, store, &out);
        bool     was_refused = testmem_refused(&m);
        CHECK_ERR(err, was_refused ? CRDT_ENOMEM : CRDT_OK);
        CHECK_EQ_INT(out.size, was_refused ? 0 : whole.size);
        crdt_buf_clear(&out);
        if (!was_refused) break;
    }
    for (uint64_t nth = 1;; nth++) {
        testmem_fail_nth(&m, nth);
        crdt_err err = gossip_snapshot_decode(crdt_buf_bytes(&whole), &m.mem, &s, NULL);
        if (!testmem_refused(&m)) {
            CHECK_OK(err);
            break;
        }
        CHECK_ERR(err, CRDT_ENOMEM);
        CHECK_EQ_INT(m.bytes, 0);
    }
    gossip_snapshot_clear(&s, &m.mem);
    crdt_buf_clear(&whole);
    TESTMEM_DONE(&m);
    pool_clear(&p);
}
