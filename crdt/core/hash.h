/* core/hash.h: 64-bit hashes for tables in memory. Never on the wire, never in a digest. */
#ifndef CRDT_CORE_HASH_H
#define CRDT_CORE_HASH_H
#include <stddef.h>
#include <stdint.h>

uint64_t crdt__hash64(const void *data, size_t size, uint64_t seed);

static inline uint64_t crdt__mix64(uint64_t n)
{
    n = (n ^ n >> 32) * UINT64_C(0xd6e8feb86659fd93);
    n = (n ^ n >> 32) * UINT64_C(0xd6e8feb86659fd93);
    return n ^ n >> 32;
}

#endif
