/* core/blake2b.h: BLAKE2b with digests of 16 bytes: names for content that nobody can make two of.
 *
 * For digests that find differences between honest peers there is XXH3 (crdt/digest.h), which is
 * many times faster. Two inputs of one BLAKE2b digest of 128 bits cost whoever wants them some 2^64
 * tries.
 * Source   Aumasson, Neves, Wilcox-O'Hearn, Winnerlein, 2013; RFC 7693.
 */
#ifndef CRDT_CORE_BLAKE2B_H
#define CRDT_CORE_BLAKE2B_H
#include <stddef.h>
#include <stdint.h>

#define CRDT__BLAKE2B_BYTES 16u

/* A hash under way. */
typedef struct crdt__blake2b {
    uint64_t h[8];
    uint64_t bytes; /* taken in, those in the block too */
    uint8_t  block[128];
    unsigned used; /* of the block */
} crdt__blake2b;

void crdt__blake2b_init(crdt__blake2b *hash);
void crdt__blake2b_add(crdt__blake2b *hash, const void *data, size_t size);
void crdt__blake2b_end(crdt__blake2b *hash, uint8_t ret_digest[CRDT__BLAKE2B_BYTES]);

#endif
