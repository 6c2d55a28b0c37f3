/* random.h: the random numbers of a simulated world: splitmix64, so that a seed says everything. */
#ifndef SIM_RANDOM_H
#define SIM_RANDOM_H
#include <stdbool.h>
#include <stdint.h>

static inline uint64_t random_mix(uint64_t n)
{
    n = (n ^ n >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    n = (n ^ n >> 27) * UINT64_C(0x94d049bb133111eb);
    return n ^ n >> 31;
}

static inline uint64_t random_next(uint64_t *state)
{
    return random_mix(*state += UINT64_C(0x9e3779b97f4a7c15));
}

/* 0 .. bound - 1; bound is not 0 and below 2^32. */
static inline uint64_t random_below(uint64_t *state, uint64_t bound)
{
    return (random_next(state) >> 32) * bound >> 32;
}

static inline uint64_t random_between(uint64_t *state, uint64_t low, uint64_t high)
{
    return low + random_next(state) % (high - low + 1);
}

/* True in `ppm` of a million cases. */
static inline bool random_chance(uint64_t *state, uint64_t ppm)
{
    return ppm > 0 && random_below(state, 1000000) < ppm;
}

/* Spread over orders of magnitude: low .. high, both at least 1. */
static inline uint64_t random_scale(uint64_t *state, uint64_t low, uint64_t high)
{
    uint64_t octaves = 0;
    while (low << octaves < high && octaves < 40) octaves++;
    uint64_t top = low << random_below(state, octaves + 1);
    uint64_t n = random_between(state, top / 2 < low ? low : top / 2, top < low ? low : top);
    return n > high ? high : n;
}

/* Of (seed, stream): independent generators from one seed. */
static inline uint64_t random_stream(uint64_t seed, uint64_t stream)
{
    return random_mix(seed + random_mix(stream + UINT64_C(0x632be59bd9b4e019)));
}

#endif
