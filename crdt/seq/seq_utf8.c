/* seq/seq_utf8.c: UTF-8, 8 bytes a step. See seq_atoms.h. */
#include "crdt/core/bytes.h"
#include "crdt/core/mem.h"
#include "crdt/seq/seq_atoms.h"

#define ONES UINT64_C(0x0101010101010101)
#define LOW7 (ONES * 0x7f)
#define HIGH CRDT__UTF8_HIGH
#define STEPS_MAX 255u /* that many ones fit a lane */

/* One in each lane whose byte goes on with a code point, starts one of four bytes, or is a line
 * feed. */
static inline uint64_t follow_lanes(uint64_t word)
{
    return (word >> 7) & ~(word >> 6) & ONES;
}
static inline uint64_t four_lanes(uint64_t word)
{
    return (word >> 7) & (word >> 6) & (word >> 5) & (word >> 4) & ONES;
}
static inline uint64_t feed_lanes(uint64_t word)
{
    uint64_t x = word ^ (ONES * '\n');
    return ~(((x & LOW7) + LOW7) | x | LOW7) >> 7;
}
/* The sum of the eight lanes; the second is for lanes whose sum is below 256. */
static inline uint32_t sum_lanes(uint64_t lanes)
{
    const uint64_t even = UINT64_C(0x00ff00ff00ff00ff);
    return (uint32_t)((((lanes & even) + ((lanes >> 8) & even)) * (ONES & even)) >> 48);
}
static inline uint32_t sum_few(uint64_t lanes)
{
    return (uint32_t)((lanes * ONES) >> 56);
}

static inline bool follows(uint8_t byte)
{
    return (byte & 0xc0) == 0x80;
}

/* The size of the valid sequence of two to four bytes at `at`, or 0. */
static inline size_t sequence(const uint8_t *at, size_t left)
{
    uint8_t first = at[0];
    if (first < 0xc2 || left < 2 || !follows(at[1])) return 0;
    if (first < 0xe0) return 2;
    if (left < 3 || !follows(at[2])) return 0;
    if (first == 0xe0 && at[1] < 0xa0) return 0;  /* fits two bytes */
    if (first == 0xed && at[1] >= 0xa0) return 0; /* a surrogate */
    if (first < 0xf0) return 3;
    if (left < 4 || !follows(at[3])) return 0;
    if (first == 0xf0 && at[1] < 0x90) return 0;  /* fits three bytes */
    if (first == 0xf4 && at[1] >= 0x90) return 0; /* past U+10FFFF */
    return first < 0xf5 ? 4 : 0;
}

bool crdt__utf8_count(crdt_view text, uint32_t *ret_count)
{
    const uint8_t *at = text.data;
    size_t         left = text.size;
    uint32_t       count = 0;
    if (left > UINT32_MAX) return false;
    while (left > 0) {
        size_t size = 1;
        if (left >= 32 && crdt__utf8_plain32(at)) {
            at += 32, left -= 32, count += 32;
            continue;
        }
        if (left >= 8 && (crdt__load_le64(at) & HIGH) == 0) {
            at += 8, left -= 8, count += 8;
            continue;
        }
        if (*at >= 0x80) size = sequence(at, left);
        if (size == 0) return false;
        at += size, left -= size, count++;
    }
    *ret_count = count;
    return true;
}

crdt__sums crdt__utf8_sums(const uint8_t *bytes, size_t size)
{
    crdt__sums sums = {(uint32_t)size, (uint32_t)size, 0};
    while (size >= 8) {
        size_t   steps = size / 8 < STEPS_MAX ? size / 8 : STEPS_MAX;
        uint64_t follow = 0, four = 0, feed = 0;
        size -= steps * 8;
        for (; steps > 0; steps--, bytes += 8) {
            uint64_t word = crdt__load_le64(bytes);
            follow += follow_lanes(word);
            four += four_lanes(word);
            feed += feed_lanes(word);
        }
        sums.units16 += sum_lanes(four) - sum_lanes(follow);
        sums.lines += sum_lanes(feed);
    }
    for (; size > 0; size--, bytes++) {
        sums.units16 += (uint32_t)(*bytes >= 0xf0) - (uint32_t)follows(*bytes);
        sums.lines += *bytes == '\n';
    }
    return sums;
}

uint32_t crdt__utf8_lines(const uint8_t *bytes, size_t size)
{
    uint32_t lines = 0;
    while (size >= 8) {
        size_t   steps = size / 8 < STEPS_MAX ? size / 8 : STEPS_MAX;
        uint64_t feed = 0;
        size -= steps * 8;
        for (; steps > 0; steps--, bytes += 8) feed += feed_lanes(crdt__load_le64(bytes));
        lines += sum_lanes(feed);
    }
    for (; size > 0; size--, bytes++) lines += *bytes == '\n';
    return lines;
}

size_t crdt__utf8_skip(const uint8_t *bytes, size_t size, uint32_t count)
{
    const uint8_t *at = bytes;
    size_t         left = size;
    /* The end of `count` code points is where the next one starts: at a byte that does not follow,
     * with none to skip left. */
    while (left >= 8) {
        uint32_t starts = 8 - sum_few(follow_lanes(crdt__load_le64(at)));
        if (starts > count) break;
        at += 8, left -= 8, count -= starts;
    }
    for (; left > 0; at++, left--) {
        if (follows(*at)) continue;
        if (count == 0) break;
        count--;
    }
    CRDT_ASSERT(count == 0);
    return size - left;
}

/* The code points that make up the first n UTF-16 units. */
static bool units_prefix(const uint8_t *bytes, size_t size, uint64_t n, uint32_t *ret_count)
{
    uint64_t units = 0;
    uint32_t count = 0;
    while (size >= 8) {
        uint64_t word = crdt__load_le64(bytes);
        uint32_t starts = 8 - sum_few(follow_lanes(word)), fours = sum_few(four_lanes(word));
        if (units + starts + fours > n) break;
        units += starts + fours;
        count += starts;
        bytes += 8, size -= 8;
    }
    for (; size > 0 && units <= n; bytes++, size--) {
        if (follows(*bytes)) continue;
        if (units == n) break;
        units += *bytes >= 0xf0 ? 2 : 1;
        count++;
    }
    if (units != n) return false;
    *ret_count = count;
    return true;
}

bool crdt__utf8_prefix(const uint8_t *bytes, size_t size, bool in_bytes, uint64_t n,
                       uint32_t *ret_count)
{
    size_t   left;
    uint32_t count;
    if (!in_bytes) return units_prefix(bytes, size, n, ret_count);
    if (n > size || (n < size && follows(bytes[n]))) return false;
    left = (size_t)n;
    count = (uint32_t)n;
    for (; left >= 8; left -= 8, bytes += 8) count -= sum_few(follow_lanes(crdt__load_le64(bytes)));
    for (; left > 0; left--, bytes++) count -= follows(*bytes);
    *ret_count = count;
    return true;
}
