/* core/bytes.h: numbers as bytes. Those of fixed size are written out, so that each becomes one
 * load or store. */
#ifndef CRDT_CORE_BYTES_H
#define CRDT_CORE_BYTES_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Little endian: on the wire and in digests. */
static inline uint64_t crdt__load_le64(const uint8_t *at)
{
    return (uint64_t)at[0] | (uint64_t)at[1] << 8 | (uint64_t)at[2] << 16 | (uint64_t)at[3] << 24 |
           (uint64_t)at[4] << 32 | (uint64_t)at[5] << 40 | (uint64_t)at[6] << 48 |
           (uint64_t)at[7] << 56;
}

static inline void crdt__store_le64(uint8_t *at, uint64_t n)
{
    at[0] = (uint8_t)n;
    at[1] = (uint8_t)(n >> 8);
    at[2] = (uint8_t)(n >> 16);
    at[3] = (uint8_t)(n >> 24);
    at[4] = (uint8_t)(n >> 32);
    at[5] = (uint8_t)(n >> 40);
    at[6] = (uint8_t)(n >> 48);
    at[7] = (uint8_t)(n >> 56);
}

/* Big endian: compares as the bytes do. */
static inline uint64_t crdt__load_be64(const uint8_t *at)
{
    return (uint64_t)at[0] << 56 | (uint64_t)at[1] << 48 | (uint64_t)at[2] << 40 |
           (uint64_t)at[3] << 32 | (uint64_t)at[4] << 24 | (uint64_t)at[5] << 16 |
           (uint64_t)at[6] << 8 | (uint64_t)at[7];
}

/* Names are short: 8 bytes at a time, the last ones once more. NULL is fine for none. */
static inline bool crdt__same_bytes(const void *a_, const void *b_, size_t size)
{
    const uint8_t *a = a_, *b = b_;
    uint64_t       differ = 0;
    if (size < 8) {
        for (size_t i = 0; i < size; i++) differ |= (uint64_t)(a[i] ^ b[i]);
        return differ == 0;
    }
    for (size_t i = 0; i + 8 < size && differ == 0; i += 8) {
        differ = crdt__load_le64(a + i) ^ crdt__load_le64(b + i);
    }
    return differ == 0 && crdt__load_le64(a + size - 8) == crdt__load_le64(b + size - 8);
}

/* Seven bits a byte, the lowest first: at most 10 bytes. Returns what comes behind them. */
static inline uint8_t *crdt__put_varint(uint8_t *at, uint64_t n)
{
    for (; n >= 0x80; n >>= 7) *at++ = (uint8_t)(n | 0x80);
    *at++ = (uint8_t)n;
    return at;
}

/* The lowest `bytes` bytes of n; returns what comes behind them. For keys of several numbers. */
static inline uint8_t *crdt__store_be(uint8_t *at, uint64_t n, unsigned bytes)
{
    for (unsigned i = bytes; i-- > 0; n >>= 8) at[i] = (uint8_t)n;
    return at + bytes;
}

#endif
