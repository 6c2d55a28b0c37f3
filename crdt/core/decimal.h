/* core/decimal.h: exact numbers with a fraction, and those of them with 17 decimal digits.
 *
 * Shape    whole + frac / one, 0 <= frac < one, so each number has one form. Decimals have a one of
 *          10^17: 2.5 is {2, 5 * 10^16}, -2.5 is {-3, 5 * 10^16}. The sums below are told theirs,
 *          for scores count in binary fractions (core/binary.h).
 * Text     what strtod takes of decimals: sign, digits, point, exponent. Digits beyond the 17th
 *          behind the point round to the nearest, halves away from zero. Printed: without exponent,
 *          plus sign or zeros at the end of the fraction.
 */
#ifndef CRDT_CORE_DECIMAL_H
#define CRDT_CORE_DECIMAL_H
#include "crdt/core/i128.h"

#define CRDT__DECIMAL_DIGITS 17
#define CRDT__DECIMAL_ONE UINT64_C(100000000000000000)

/* What one replica adds in all. */
typedef struct crdt__amount {
    int64_t  whole;
    uint64_t frac;
} crdt__amount;

static inline bool crdt__amount_equal(crdt__amount a, crdt__amount b)
{
    return a.whole == b.whole && a.frac == b.frac;
}
/* *sum += n. False, and no change, where that would leave 64 bits. */
bool crdt__amount_add(crdt__amount *sum, crdt__amount n, uint64_t one);

/* A sum of amounts. A base below 10^37 and 2^32 amounts cannot overflow it. */
typedef struct crdt__decimal {
    crdt_i128 whole;
    uint64_t  frac;
} crdt__decimal;

void crdt__decimal_add(crdt__decimal *sum, crdt__amount n, uint64_t one);
void crdt__decimal_take(crdt__decimal *sum, crdt__amount n, uint64_t one);
/* The number of the other sign. */
crdt__decimal crdt__decimal_negate(crdt__decimal n, uint64_t one);
/* Errors: EINVAL (no decimal number), ERANGE (10^37 and more). Linear. */
crdt_err crdt__decimal_parse(crdt_view text, crdt__decimal *ret_n);
/* Errors: ERANGE. */
crdt_err crdt__decimal_to_amount(crdt__decimal n, crdt__amount *ret_amount);
/* In units of 10^-17. Errors: ERANGE. */
crdt_err crdt__decimal_to_fixed(crdt__decimal n, crdt_i128 *ret_fixed);
void     crdt__decimal_print(crdt__decimal n, crdt_buf *out);

/* An integer as printf writes it, and in no other form. Errors: EINVAL, ERANGE. */
crdt_err crdt__decimal_int(crdt_view text, int64_t *ret_n);

#endif
