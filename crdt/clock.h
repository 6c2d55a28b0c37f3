/* clock.h: the hybrid logical clock. Time is always passed in.
 *
 * Shape a stamp is 48 bits of milliseconds since 1970 and 16 logical bits. Milliseconds stay below
 *          2^47, so a stamp stays below 2^63; more is malformed everywhere.
 * Rules a write stamps max(clock, now, the stamps it replaces) + 1, saturating at the ceiling:
 * whoever
 *          has seen a poisoned stamp can overwrite it. Observed stamps enter the clock only within
 *          bound_ms of now; those beyond are counted as suspect, never dropped.
 * Source   Kulkarni et al., "Logical physical clocks", OPODIS 2014.
 */
#ifndef CRDT_CLOCK_H
#define CRDT_CLOCK_H
#include "crdt/base.h"
#ifdef __cplusplus
extern "C" {
#endif

#define CRDT_CLOCK_MS_MAX ((UINT64_C(1) << 47) - 1)
#define CRDT_STAMP_MAX ((UINT64_C(1) << 63) - 1)

typedef struct crdt_clock {
    uint64_t last;     /* the greatest stamp given or taken in */
    uint64_t bound_ms; /* how far ahead of now an observed stamp may be; default 60,000 */
    uint64_t suspect;  /* observed stamps beyond the bound */
} crdt_clock;

CRDT_API void crdt_clock_init(crdt_clock *clock);
/* A fresh stamp, greater than `over` and all given before (equal only at the ceiling). */
CRDT_API uint64_t crdt_clock_stamp(crdt_clock *clock, uint64_t now_ms, uint64_t over);
/* Take in a stamp seen from elsewhere. False: beyond the bound, counted as suspect, clock
 * unchanged. */
CRDT_API bool crdt_clock_observe(crdt_clock *clock, uint64_t now_ms, uint64_t stamp);

static inline uint64_t crdt_stamp_of(uint64_t ms, uint16_t logical)
{
    return ms << 16 | logical;
}
static inline uint64_t crdt_stamp_ms(uint64_t stamp)
{
    return stamp >> 16;
}

#ifdef __cplusplus
}
#endif
#endif
