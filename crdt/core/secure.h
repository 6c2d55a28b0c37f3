/* core/secure.h: BLAKE2b-128, for hashes that somebody might want to forge: two inputs of one hash
 * cost whoever wants them some 2^64 tries, another input of a given one 2^128. */
#ifndef CRDT_CORE_SECURE_H
#define CRDT_CORE_SECURE_H
#include <stdalign.h>
#include <stddef.h>
#include <stdint.h>

#define CRDT__SECURE_BYTES 16u

typedef struct crdt__secure {
    alignas(64) uint8_t room[384]; /* private */
} crdt__secure;

void crdt__secure_init(crdt__secure *hash);
void crdt__secure_add(crdt__secure *hash, const void *data, size_t size);
void crdt__secure_end(crdt__secure *hash, uint8_t ret_hash[CRDT__SECURE_BYTES]);

#endif
