/* codepoints.h: UTF-8 at random, for tests of what reads it. Written from the definition. */
#ifndef TESTS_LIB_CODEPOINTS_H
#define TESTS_LIB_CODEPOINTS_H
#include <stdbool.h>

#include "tests/lib/random.h"

static inline size_t put_code_point(uint32_t c, uint8_t *out)
{
    if (c < 0x80) {
        out[0] = (uint8_t)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (uint8_t)(0xc0 | c >> 6);
        out[1] = (uint8_t)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (uint8_t)(0xe0 | c >> 12);
        out[1] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
        out[2] = (uint8_t)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (uint8_t)(0xf0 | c >> 18);
    out[1] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
    out[2] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
    out[3] = (uint8_t)(0x80 | (c & 0x3f));
    return 4;
}

/* ASCII, or (wide) mostly the edges of each length and common letters of two and three bytes. */
static inline uint32_t random_code_point(uint64_t *state, bool wide)
{
    static const uint32_t edges[] = {0x80,   0x7ff,   0x800,   0xfff,   0x1000,  0xd7ff,  0xe000,
                                     0xffff, 0x10000, 0x3ffff, 0x40000, 0xfffff, 0x10ffff};
    uint32_t              ascii = (uint32_t)random_below(state, 0x80);
    if (!wide || random_below(state, 3) == 0) return random_below(state, 20) == 0 ? '\n' : ascii;
    if (random_below(state, 2) == 0)
        return edges[random_below(state, sizeof edges / sizeof *edges)];
    return random_below(state, 2) == 0 ? 0x400 + ascii
                                       : 0x4e00 + (uint32_t)random_below(state, 0x5000);
}

#endif
