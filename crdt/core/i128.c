/* core/i128.c: see i128.h. */
#include "crdt/core/i128.h"

crdt_i128 crdt__i128_of(int64_t n)
{
    return (crdt_i128){(uint64_t)n, n < 0 ? -1 : 0};
}

crdt_i128 crdt__i128_add(crdt_i128 a, crdt_i128 b)
{
    uint64_t low = a.lo + b.lo, high = (uint64_t)a.hi + (uint64_t)b.hi + (low < a.lo);
    return (crdt_i128){low, (int64_t)high};
}

crdt_i128 crdt__i128_negate(crdt_i128 n)
{
    return crdt__i128_sub(0, 0, n.lo, (uint64_t)n.hi);
}

crdt_i128 crdt__i128_sub(uint64_t a_low, uint64_t a_high, uint64_t b_low, uint64_t b_high)
{
    uint64_t low = a_low - b_low, high = a_high - b_high - (a_low < b_low);
    return (crdt_i128){low, (int64_t)high};
}

crdt_i128 crdt__i128_product(uint64_t a, uint64_t b)
{
    uint64_t a_low = a & UINT32_MAX, a_high = a >> 32, b_low = b & UINT32_MAX, b_high = b >> 32;
    uint64_t low = a_low * b_low, left = a_high * b_low, right = a_low * b_high;
    uint64_t middle = (low >> 32) + (left & UINT32_MAX) + (right & UINT32_MAX);
    uint64_t high = a_high * b_high + (left >> 32) + (right >> 32) + (middle >> 32);
    return (crdt_i128){middle << 32 | (low & UINT32_MAX), (int64_t)high};
}

crdt_err crdt__i128_narrow(crdt_i128 n, int64_t *ret_n)
{
    if (n.hi != (n.lo > INT64_MAX ? -1 : 0)) return CRDT_ERANGE;
    *ret_n = (int64_t)n.lo;
    return CRDT_OK;
}

/* Divide n by 10^9; returns the rest. */
static uint32_t next_digits(uint32_t n[4])
{
    uint64_t rest = 0;
    for (unsigned i = 4; i-- > 0;) {
        rest = rest << 32 | n[i];
        n[i] = (uint32_t)(rest / 1000000000u);
        rest %= 1000000000u;
    }
    return (uint32_t)rest;
}

void crdt__i128_print(crdt_i128 n, crdt_buf *out)
{
    uint64_t low = n.lo, high = (uint64_t)n.hi;
    char     text[46]; /* five groups of nine digits, and a sign */
    size_t   at = sizeof text;
    if (n.hi < 0) {
        low = 0 - low;
        high = ~high + (low == 0);
    }
    uint32_t parts[4] = {(uint32_t)low, (uint32_t)(low >> 32), (uint32_t)high,
                         (uint32_t)(high >> 32)};
    while (at > 1) {
        uint32_t digits = next_digits(parts);
        for (unsigned i = 0; i < 9; i++, digits /= 10) text[--at] = (char)('0' + digits % 10);
    }
    while (at + 1 < sizeof text && text[at] == '0') at++;
    if (n.hi < 0) text[--at] = '-';
    crdt_buf_put(out, text + at, sizeof text - at);
}
