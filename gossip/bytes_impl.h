/* bytes_impl.h: numbers as bytes, and memory with a budget for what is read from bytes. Shared by
 * entry.c, snapshot.c, wire*.c and nng_conn.c. Not installed. */
#ifndef GOSSIP_BYTES_IMPL_H
#define GOSSIP_BYTES_IMPL_H
#include <string.h>

#include "crdt/buf.h"
#include "crdt/digest.h"

/* On in release too: for our own bugs only, never reachable from input. */
#define GOSSIP_ASSERT(cond) ((cond) ? (void)0 : __builtin_trap())

static inline uint32_t gossip__load32(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}
static inline void gossip__store32(uint8_t *at, uint32_t n)
{
    at[0] = (uint8_t)n;
    at[1] = (uint8_t)(n >> 8);
    at[2] = (uint8_t)(n >> 16);
    at[3] = (uint8_t)(n >> 24);
}
static inline void gossip__store64(uint8_t *at, uint64_t n)
{
    gossip__store32(at, (uint32_t)n);
    gossip__store32(at + 4, (uint32_t)(n >> 32));
}
static inline uint64_t gossip__load64(const uint8_t *at)
{
    return gossip__load32(at) | (uint64_t)gossip__load32(at + 4) << 32;
}
static inline void gossip__put32(crdt_buf *out, uint32_t n)
{
    uint8_t bytes[4];
    gossip__store32(bytes, n);
    crdt_buf_put(out, bytes, sizeof bytes);
}
static inline uint32_t gossip__get32(crdt_dec *dec)
{
    crdt_view bytes = crdt_dec_bytes(dec, 4);
    return bytes.size == 4 ? gossip__load32(bytes.data) : 0;
}
static inline void gossip__put_digest(crdt_buf *out, crdt_digest digest)
{
    crdt_buf_u64(out, digest.lo);
    crdt_buf_u64(out, digest.hi);
}
static inline crdt_digest gossip__get_digest(crdt_dec *dec)
{
    crdt_digest digest;
    digest.lo = crdt_dec_u64(dec);
    digest.hi = crdt_dec_u64(dec);
    return digest;
}
/* How many bytes n takes as a varint. */
static inline size_t gossip__varint_bytes(uint64_t n)
{
    size_t bytes = 1;
    while (n >>= 7) bytes++;
    return bytes;
}
static inline crdt_err gossip__malformed(crdt_dec *dec, const char *reason)
{
    return crdt_dec_fail(dec, CRDT_EMALFORMED, reason);
}

/* -- Memory with a budget (bytes.c) ------------------------------------------------------- */

/* What was decoded stands in chunks that go together. Their sizes, headers included, stay within
 * 8 times the input and 64 KiB. */
typedef struct gossip__chunk gossip__chunk;
typedef struct gossip__arena {
    const crdt_mem *mem;
    gossip__chunk  *chunks; /* the newest first */
    uint8_t        *at, *end;
    size_t          left; /* of the budget */
    crdt_err        err;  /* of the first refusal: ENOMEM, ELIMIT */
} gossip__arena;

/* The object that is decoded: `size` bytes, zeroed; the arena is a part of it, at `offset`. NULL:
 * no memory. mem NULL: malloc(3). */
void *gossip__arena_new(const crdt_mem *mem, size_t input, size_t size, size_t offset);
/* Frees it, given its arena. */
void gossip__arena_free(gossip__arena *arena, const crdt_mem *mem);
/* count things of `size` bytes each, on 16 bytes. NULL: refused (arena->err), or count is 0. */
void *gossip__arena_take(gossip__arena *arena, size_t count, size_t size);
/* The same; a refusal is the decoder's error. */
void *gossip__arena_get(gossip__arena *arena, crdt_dec *dec, size_t count, size_t size);

#endif
