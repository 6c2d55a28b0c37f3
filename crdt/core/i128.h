/* core/i128.h: the little that counters need of 128-bit integers. */
#ifndef CRDT_CORE_I128_H
#define CRDT_CORE_I128_H
#include "crdt/buf.h"

crdt_i128 crdt__i128_of(int64_t n);
crdt_i128 crdt__i128_add(crdt_i128 a, crdt_i128 b); /* mod 2^128 */
crdt_i128 crdt__i128_negate(crdt_i128 n);           /* mod 2^128 */
crdt_i128 crdt__i128_sub(uint64_t a_low, uint64_t a_high, uint64_t b_low, uint64_t b_high);
crdt_i128 crdt__i128_product(uint64_t a, uint64_t b);     /* as an unsigned number */
crdt_err  crdt__i128_narrow(crdt_i128 n, int64_t *ret_n); /* ERANGE if it does not fit */
void      crdt__i128_print(crdt_i128 n, crdt_buf *out);

#endif
