/* The rules of the hybrid logical clock. */
#include "crdt/clock.h"

#include "tests/lib/t.h"

#define NOW UINT64_C(1700000000000)

static crdt_clock fresh(void)
{
    crdt_clock clock;
    crdt_clock_init(&clock);
    return clock;
}

TEST(clock, stamps_grow_while_time_stands_still)
{
    crdt_clock clock = fresh();
    uint64_t   last = 0;
    for (int i = 0; i < 100000; i++) {
        uint64_t stamp = crdt_clock_stamp(&clock, NOW, 0);
        CHECK(stamp > last);
        last = stamp;
    }
    CHECK(crdt_stamp_ms(last) <= NOW + 2);
}

TEST(clock, stamps_follow_the_time)
{
    crdt_clock clock = fresh();
    CHECK_EQ_INT(crdt_stamp_ms(crdt_clock_stamp(&clock, NOW, 0)), NOW);
    CHECK_EQ_INT(crdt_stamp_ms(crdt_clock_stamp(&clock, NOW + 1000, 0)), NOW + 1000);
}

TEST(clock, never_goes_back_with_the_time)
{
    crdt_clock clock = fresh();
    uint64_t   before = crdt_clock_stamp(&clock, NOW, 0);
    CHECK_EQ_INT(crdt_clock_stamp(&clock, NOW - 5000, 0), before + 1);
    CHECK(crdt_clock_observe(&clock, NOW, crdt_stamp_of(NOW - 9000, 1)));
    CHECK_EQ_INT(crdt_clock_stamp(&clock, 0, 0), before + 2);
}

TEST(clock, a_write_stamps_above_what_it_replaces)
{
    crdt_clock clock = fresh();
    uint64_t   over = crdt_stamp_of(NOW + 40, 65535);
    CHECK_EQ_INT(crdt_clock_stamp(&clock, NOW, over), over + 1);
    CHECK(crdt_clock_stamp(&clock, NOW, 0) > over + 1);
}

TEST(clock, a_poisoned_stamp_can_be_overwritten)
{
    crdt_clock clock = fresh();
    uint64_t   poison = crdt_stamp_of(CRDT_CLOCK_MS_MAX, 65000);
    CHECK(!crdt_clock_observe(&clock, NOW, poison));
    CHECK_EQ_INT(crdt_stamp_ms(crdt_clock_stamp(&clock, NOW, 0)), NOW);
    CHECK_EQ_INT(crdt_clock_stamp(&clock, NOW, poison), poison + 1);
}

TEST(clock, saturates_at_the_ceiling)
{
    crdt_clock clock = fresh();
    CHECK_EQ_INT(crdt_clock_stamp(&clock, NOW, CRDT_STAMP_MAX - 1), CRDT_STAMP_MAX);
    CHECK_EQ_INT(crdt_clock_stamp(&clock, NOW, CRDT_STAMP_MAX), CRDT_STAMP_MAX);
    CHECK_EQ_INT(crdt_clock_stamp(&clock, UINT64_MAX, UINT64_MAX), CRDT_STAMP_MAX);
    CHECK_EQ_INT(crdt_stamp_of(CRDT_CLOCK_MS_MAX, 65535), CRDT_STAMP_MAX);
    clock = fresh();
    CHECK_EQ_INT(crdt_stamp_ms(crdt_clock_stamp(&clock, UINT64_MAX, 0)), CRDT_CLOCK_MS_MAX);
}

TEST(clock, takes_in_stamps_within_the_bound_only)
{
    crdt_clock clock = fresh();
    CHECK_EQ_INT(clock.bound_ms, 60000);
    uint64_t edge = crdt_stamp_of(NOW + 60000, 65535);
    CHECK(crdt_clock_observe(&clock, NOW, edge));
    CHECK_EQ_INT(clock.last, edge);
    CHECK_EQ_INT(clock.suspect, 0);
    CHECK(!crdt_clock_observe(&clock, NOW, edge + 1));
    CHECK(!crdt_clock_observe(&clock, NOW, UINT64_MAX));
    CHECK_EQ_INT(clock.last, edge);
    CHECK_EQ_INT(clock.suspect, 2);
    CHECK_EQ_INT(crdt_clock_stamp(&clock, NOW, 0), edge + 1);
}

TEST(clock, a_bound_without_end_takes_in_all_legal_stamps)
{
    crdt_clock clock = fresh();
    clock.bound_ms = UINT64_MAX;
    CHECK(crdt_clock_observe(&clock, NOW, CRDT_STAMP_MAX));
    CHECK(!crdt_clock_observe(&clock, NOW, CRDT_STAMP_MAX + 1));
    CHECK_EQ_INT(clock.last, CRDT_STAMP_MAX);
}
