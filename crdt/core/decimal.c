/* core/decimal.c: see decimal.h. */
#include "crdt/core/decimal.h"

/* -- Sums -------------------------------------------------------------------------------------- */

bool crdt__amount_add(crdt__amount *sum, crdt__amount n, uint64_t one)
{
    crdt__decimal wide = {crdt__i128_of(sum->whole), sum->frac};
    crdt__decimal_add(&wide, n, one);
    return crdt__decimal_to_amount(wide, sum) == CRDT_OK;
}

void crdt__decimal_add(crdt__decimal *sum, crdt__amount n, uint64_t one)
{
    sum->whole = crdt__i128_add(sum->whole, crdt__i128_of(n.whole));
    sum->frac += n.frac;
    if (sum->frac < one) return;
    sum->frac -= one;
    sum->whole = crdt__i128_add(sum->whole, crdt__i128_of(1));
}

void crdt__decimal_take(crdt__decimal *sum, crdt__amount n, uint64_t one)
{
    sum->whole = crdt__i128_add(sum->whole, crdt__i128_negate(crdt__i128_of(n.whole)));
    if (sum->frac < n.frac) {
        sum->frac += one;
        sum->whole = crdt__i128_add(sum->whole, crdt__i128_of(-1));
    }
    sum->frac -= n.frac;
}

crdt__decimal crdt__decimal_negate(crdt__decimal n, uint64_t one)
{
    if (n.frac == 0) return (crdt__decimal){crdt__i128_negate(n.whole), 0};
    /* -(w + f) = -w - 1 + (1 - f) */
    n.whole = crdt__i128_add(crdt__i128_negate(n.whole), crdt__i128_of(-1));
    n.frac = one - n.frac;
    return n;
}

crdt_err crdt__decimal_to_amount(crdt__decimal n, crdt__amount *ret_amount)
{
    int64_t  whole;
    crdt_err err = crdt__i128_narrow(n.whole, &whole);
    if (err == CRDT_OK) *ret_amount = (crdt__amount){whole, n.frac};
    return err;
}

crdt_err crdt__decimal_to_fixed(crdt__decimal n, crdt_i128 *ret_fixed)
{
    bool          negative = n.whole.hi < 0;
    crdt__decimal size = negative ? crdt__decimal_negate(n, CRDT__DECIMAL_ONE) : n;
    uint64_t      high = (uint64_t)size.whole.hi;
    if (high >= CRDT__DECIMAL_ONE) return CRDT_ERANGE;
    crdt_i128 upper = crdt__i128_product(high, CRDT__DECIMAL_ONE);
    crdt_i128 lower = crdt__i128_product(size.whole.lo, CRDT__DECIMAL_ONE);
    crdt_i128 frac = {size.frac, 0};
    uint64_t  carried = (uint64_t)lower.hi + upper.lo; /* the upper 64 bits, the fraction aside */
    if (upper.hi != 0 || carried < upper.lo || carried > INT64_MAX) return CRDT_ERANGE;
    crdt_i128 fixed = crdt__i128_add((crdt_i128){lower.lo, (int64_t)carried}, frac);
    if (fixed.hi < 0) return CRDT_ERANGE;
    *ret_fixed = negative ? crdt__i128_negate(fixed) : fixed;
    return CRDT_OK;
}

/* -- Text -------------------------------------------------------------------------------------- */

/* The digits of a number, by their weight: that of weight 0 stands before the point. */
typedef struct digits {
    const uint8_t *at;    /* the first digit */
    size_t         count; /* of digits */
    size_t         point; /* of digits before the point; if there are more, a byte lies between */
    int64_t        exponent;
    bool           negative;
} digits;

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

#define EXPONENT_MAX (INT64_C(1) << 40) /* far beyond any text: what is more comes to the same */

/* The exponent behind the letter, up to `end`. False: it is none. */
static bool read_exponent(const uint8_t *at, const uint8_t *end, int64_t *ret_exponent)
{
    bool    negative = at < end && *at == '-';
    int64_t n = 0;
    if (at < end && (*at == '-' || *at == '+')) at++;
    if (at == end) return false;
    for (; at < end; at++) {
        if (!is_digit(*at)) return false;
        if (n < EXPONENT_MAX) n = n * 10 + (*at - '0');
    }
    *ret_exponent = negative ? -n : n;
    return true;
}

static bool read_digits(crdt_view text, digits *ret_digits)
{
    const uint8_t *at = text.data, *end = at + text.size;
    if (text.size == 0) return false;
    *ret_digits = (digits){.negative = *at == '-'};
    if (*at == '-' || *at == '+') at++;
    const uint8_t *first = at, *point = NULL;
    for (; at < end && (is_digit(*at) || (*at == '.' && point == NULL)); at++) {
        if (*at == '.') point = at;
    }
    ret_digits->at = first;
    ret_digits->count = (size_t)(at - first) - (point != NULL);
    ret_digits->point = point != NULL ? (size_t)(point - first) : ret_digits->count;
    if (point == first) ret_digits->at++; /* ".5": nothing lies between */
    if (ret_digits->count == 0) return false;
    if (at == end) return true;
    return (*at == 'e' || *at == 'E') && read_exponent(at + 1, end, &ret_digits->exponent);
}

/* The k-th digit. */
static unsigned digit(const digits *d, size_t k)
{
    bool between = d->point > 0 && k >= d->point;
    return (unsigned)(d->at[k + between] - '0');
}

/* The digits of these weights, as a number of so many digits. */
static uint64_t digits_between(const digits *d, int64_t from, int64_t to)
{
    int64_t  first = (int64_t)d->point - 1 + d->exponent; /* the first digit's weight */
    uint64_t n = 0;
    for (int64_t weight = from < first ? from : first; weight >= to; weight--) {
        size_t k = (size_t)(first - weight);
        n = n * 10 + (k < d->count ? digit(d, k) : 0);
    }
    return n;
}

/* Is there a digit but 0 of a weight above this one? */
static bool has_above(const digits *d, int64_t weight)
{
    int64_t first = (int64_t)d->point - 1 + d->exponent;
    for (size_t k = 0; k < d->count && first - (int64_t)k > weight; k++) {
        if (digit(d, k) != 0) return true;
    }
    return false;
}

crdt_err crdt__decimal_parse(crdt_view text, crdt__decimal *ret_n)
{
    digits d;
    if (!read_digits(text, &d)) return CRDT_EINVAL;
    if (has_above(&d, 36)) return CRDT_ERANGE;
    crdt__decimal n;
    crdt_i128     low = {digits_between(&d, 17, 0), 0};
    n.whole = crdt__i128_product(digits_between(&d, 36, 18), UINT64_C(1000000000000000000));
    n.whole = crdt__i128_add(n.whole, low);
    n.frac = digits_between(&d, -1, -17);
    if (digits_between(&d, -18, -18) >= 5)
        crdt__decimal_add(&n, (crdt__amount){0, 1}, CRDT__DECIMAL_ONE);
    *ret_n = d.negative ? crdt__decimal_negate(n, CRDT__DECIMAL_ONE) : n;
    return CRDT_OK;
}

#define INT_DIGITS 19 /* of the longest int64_t */

crdt_err crdt__decimal_int(crdt_view text, int64_t *ret_n)
{
    const uint8_t *at = text.data;
    bool           negative = text.size > 0 && *at == '-';
    size_t         count = text.size - negative;
    uint64_t       n = 0;
    if (count == 0) return CRDT_EINVAL;
    at += negative;
    if (at[0] == '0' && text.size > 1) return CRDT_EINVAL;
    for (size_t i = 0; i < count; i++) {
        if (!is_digit(at[i])) return CRDT_EINVAL;
        if (i < INT_DIGITS) n = n * 10 + (uint64_t)(at[i] - '0');
    }
    if (count > INT_DIGITS || n > (uint64_t)INT64_MAX + negative) return CRDT_ERANGE;
    *ret_n = negative ? (int64_t)(0 - n) : (int64_t)n;
    return CRDT_OK;
}

void crdt__decimal_print(crdt__decimal n, crdt_buf *out)
{
    int64_t narrow;
    if (n.frac == 0 && crdt__i128_narrow(n.whole, &narrow) == CRDT_OK) {
        crdt_buf_decimal(out, narrow);
        return;
    }
    if (n.whole.hi < 0) {
        crdt_buf_byte(out, '-');
        n = crdt__decimal_negate(n, CRDT__DECIMAL_ONE);
    }
    crdt__i128_print(n.whole, out);
    if (n.frac == 0) return;
    char     text[CRDT__DECIMAL_DIGITS + 1] = ".";
    unsigned end = sizeof text;
    for (unsigned i = CRDT__DECIMAL_DIGITS; i > 0; i--, n.frac /= 10) {
        text[i] = (char)('0' + n.frac % 10);
        if (text[i] == '0' && end == i + 1) end = i;
    }
    crdt_buf_put(out, text, end);
}
