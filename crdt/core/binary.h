/* core/binary.h: doubles as exact numbers, and as text.
 *
 * Shape    the exact numbers are those of core/decimal.h with a one of 2^62: what is added up has
 *          62 binary digits behind the point and loses none of them, in whatever order it comes. A
 *          sum becomes a double again by one rounding, to the nearest, ties to even.
 * Source   IEEE 754-2008, binary64.
 */
#ifndef CRDT_CORE_BINARY_H
#define CRDT_CORE_BINARY_H
#include <string.h>

#include "crdt/core/decimal.h"

#define CRDT__BINARY_ONE (UINT64_C(1) << 62)

static inline uint64_t crdt__double_bits(double d)
{
    uint64_t bits;
    memcpy(&bits, &d, sizeof bits);
    return bits;
}
static inline double crdt__double_of(uint64_t bits)
{
    double d;
    memcpy(&d, &bits, sizeof d);
    return d;
}

/* False: it has digits behind the 62nd, or is 2^126 or more, or no number. */
bool   crdt__binary_of(double d, crdt__decimal *ret_n);
double crdt__binary_round(crdt__decimal n);

/* The double nearest to a decimal number as text. Digits beyond the 17th behind the point are
 * rounded before. Errors: EINVAL (not a decimal number), ERANGE (1.7e21 and beyond). */
crdt_err crdt__double_parse(crdt_view text, double *ret_d);
/* With 17 significant digits, as printf's %.17g does. */
void crdt__double_print(double d, crdt_buf *out);

#endif
