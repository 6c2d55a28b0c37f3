/* core/hash.c: see core/hash.h. */
#include "crdt/core/hash.h"

#include <xxhash.h>

uint64_t crdt__hash64(const void *data, size_t size, uint64_t seed)
{
    return XXH3_64bits_withSeed(size ? data : "", size, seed);
}
