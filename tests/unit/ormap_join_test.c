/* ormap_join_test.c: joins of whole maps whose leaves lie apart, against the same writes joined one
 * by one: the walk passes what is equal by whole leaves, deltas are looked up entry by entry. */
#include <stdio.h>

#include "crdt/types.h"
#include "tests/lib/random.h"
#include "tests/lib/stores.h"
#include "tests/lib/t.h"

#define KEYS 800u
#define STEPS 12u

typedef struct sides {
    crdt_store *at[2]; /* joined as wholes */
    crdt_store *all;   /* has every delta */
    uint64_t    rand;
} sides;

static crdt_view key_of(uint64_t n, char *text)
{
    snprintf(text, 16, "%04u", (unsigned)n);
    return name_of(text);
}

/* Some lie in the register, some beside it. */
static crdt_value value_of(uint64_t n, char *text)
{
    if (n % 2 == 0) return crdt_int((int64_t)n);
    snprintf(text, 24, "%020ju", (uintmax_t)n);
    return crdt_text(text);
}

/* In one transaction, of every gap-th key of a stretch: set them, or take them out. */
static void write_run(sides *s, int side, bool removes)
{
    uint64_t  from = random_below(&s->rand, KEYS), size = 1 + random_below(&s->rand, 120);
    uint64_t  gap = 1 + random_below(&s->rand, 3);
    crdt_txn *txn = begin(s->at[side]);
    char      text[16], value[24];
    for (uint64_t n = from; n < from + size && n < KEYS; n += gap) {
        crdt_view key = key_of(n, text);
        if (removes) {
            crdt_err err = crdt_ormap_remove(txn, CRDT_SOLO, &crdt_ormap_type, &key, 1);
            CHECK(err == CRDT_OK || err == CRDT_ENOENT);
            continue;
        }
        CHECK_OK(crdt_ormap_enter(txn, CRDT_SOLO, &crdt_ormap_type, NULL, 0));
        CHECK_OK(crdt_mvreg_set(txn, key, value_of(next_random(&s->rand), value)));
        crdt_ormap_leave(txn);
    }
    crdt_delta *delta = commit(s->at[side]);
    join(s->all, delta);
    crdt_store_free(delta);
}

static void check_side(const sides *s, int side, unsigned step)
{
    crdt_store *store = s->at[side];
    check_store(store);
    CHECK_MSG(same_bytes(store, s->all), "side %d, step %u: not what the deltas give", side, step);
    CHECK(crdt_digest_equal(crdt_store_digest(store, NULL), crdt_store_digest(s->all, NULL)));
}

/* Some hundred keys; each side writes and removes stretches of its own, so that keys sit at other
 * places of other leaves than on the other side, and leaves end elsewhere. */
static void play(uint64_t seed)
{
    sides s = {.rand = seed};
    for (int side = 0; side < 2; side++) s.at[side] = solo_of(&crdt_ormap_type, 1 + (uint64_t)side);
    s.all = solo_of(&crdt_ormap_type, 3);
    for (unsigned step = 0; step < STEPS; step++) {
        for (int side = 0; side < 2; side++) {
            uint64_t runs = random_below(&s.rand, step == 0 ? 8 : 4);
            for (; runs > 0; runs--) write_run(&s, side, random_below(&s.rand, 3) == 0);
        }
        join(s.at[0], s.at[1]);
        check_side(&s, 0, step);
        join(s.at[1], s.at[0]);
        check_side(&s, 1, step);
    }
    free_all(s.at[0], s.at[1], s.all, NULL);
}

TEST(ormap_join, wholes_with_other_leaves_come_to_what_their_deltas_do)
{
    uint64_t seed = seed_or(1);
    for (unsigned round = 0; round < (T_SLOW ? 4 : 160); round++) play(next_random(&seed));
}
