/* core/secure.c: see core/secure.h. */
#include "crdt/core/secure.h"

#include <sodium.h>

_Static_assert(sizeof(crdt__secure) >= sizeof(crypto_generichash_state), "room for its state");

static crypto_generichash_state *state_of(crdt__secure *hash)
{
    return (crypto_generichash_state *)(void *)hash->room;
}

void crdt__secure_init(crdt__secure *hash)
{
    (void)crypto_generichash_init(state_of(hash), NULL, 0, CRDT__SECURE_BYTES);
}

void crdt__secure_add(crdt__secure *hash, const void *data, size_t size)
{
    (void)crypto_generichash_update(state_of(hash), data, size);
}

void crdt__secure_end(crdt__secure *hash, uint8_t ret_hash[CRDT__SECURE_BYTES])
{
    (void)crypto_generichash_final(state_of(hash), ret_hash, CRDT__SECURE_BYTES);
}
