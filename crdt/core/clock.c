/* core/clock.c: the hybrid logical clock. See crdt/clock.h. */
#include "crdt/clock.h"

#define BOUND_MS_DEFAULT 60000u

void crdt_clock_init(crdt_clock *clock)
{
    clock->last = 0;
    clock->bound_ms = BOUND_MS_DEFAULT;
    clock->suspect = 0;
}

uint64_t crdt_clock_stamp(crdt_clock *clock, uint64_t now_ms, uint64_t over)
{
    uint64_t now = crdt_stamp_of(now_ms < CRDT_CLOCK_MS_MAX ? now_ms : CRDT_CLOCK_MS_MAX, 0);
    uint64_t past = clock->last > now ? clock->last : now;
    if (over > past) past = over;
    clock->last = past < CRDT_STAMP_MAX ? past + 1 : CRDT_STAMP_MAX;
    return clock->last;
}

bool crdt_clock_observe(crdt_clock *clock, uint64_t now_ms, uint64_t stamp)
{
    uint64_t ms = crdt_stamp_ms(stamp);
    if (stamp > CRDT_STAMP_MAX || (ms > now_ms && ms - now_ms > clock->bound_ms)) {
        clock->suspect++;
        return false;
    }
    if (stamp > clock->last) clock->last = stamp;
    return true;
}
