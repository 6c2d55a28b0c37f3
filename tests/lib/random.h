/* random.h: random numbers of the tests, repeated by SEED. */
#ifndef TESTS_LIB_RANDOM_H
#define TESTS_LIB_RANDOM_H
#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* splitmix64 */
static inline uint64_t next_random(uint64_t *state)
{
    uint64_t n = *state += UINT64_C(0x9e3779b97f4a7c15);
    n = (n ^ n >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    n = (n ^ n >> 27) * UINT64_C(0x94d049bb133111eb);
    return n ^ n >> 31;
}

static inline uint64_t random_below(uint64_t *state, uint64_t bound)
{
    return next_random(state) % bound;
}

/* The environment's SEED, or this one; printed. */
static inline uint64_t seed_or(uint64_t usual)
{
    const char *text = getenv("SEED");
    uint64_t    seed = text ? strtoull(text, NULL, 0) : usual;
    printf("SEED=%ju\n", (uintmax_t)seed);
    return seed;
}

#endif
