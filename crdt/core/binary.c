/* core/binary.c: see binary.h. */
#include "crdt/core/binary.h"

#define MANTISSA_BITS 52
#define EXPONENT_BIAS 1023
#define MANTISSA_MASK ((UINT64_C(1) << MANTISSA_BITS) - 1)
#define SIGN_BIT (UINT64_C(1) << 63)

/* |d| = digits * 2^power, digits below 2^53. False: d is infinite or no number. */
static bool take_apart(double d, uint64_t *ret_digits, int *ret_power)
{
    uint64_t bits = crdt__double_bits(d);
    int      exponent = (int)(bits >> MANTISSA_BITS & 0x7ff);
    if (exponent == 0x7ff) return false;
    *ret_digits = bits & MANTISSA_MASK;
    if (exponent > 0) *ret_digits |= MANTISSA_MASK + 1;
    *ret_power = (exponent > 0 ? exponent : 1) - EXPONENT_BIAS - MANTISSA_BITS;
    return true;
}

/* -- Exact numbers ----------------------------------------------------------------------------- */

static crdt_i128 shifted(uint64_t n, int by) /* 0 <= by < 128 */
{
    if (by >= 64) return (crdt_i128){0, (int64_t)(n << (by - 64))};
    return (crdt_i128){n << by, by == 0 ? 0 : (int64_t)(n >> (64 - by))};
}

bool crdt__binary_of(double d, crdt__decimal *ret_n)
{
    uint64_t digits;
    int      power;
    if (!take_apart(d, &digits, &power)) return false;
    *ret_n = (crdt__decimal){{0, 0}, 0};
    if (power > 126 - (MANTISSA_BITS + 1)) return false;
    if (digits == 0) return true;
    for (; (digits & 1) == 0; digits >>= 1) power++;
    if (power < -62) return false;
    if (power >= 0) {
        ret_n->whole = shifted(digits, power);
    } else {
        ret_n->whole.lo = digits >> -power;
        ret_n->frac = (digits & ((UINT64_C(1) << -power) - 1)) << (62 + power);
    }
    if (d < 0) *ret_n = crdt__decimal_negate(*ret_n, CRDT__BINARY_ONE);
    return true;
}

#define WORDS 3

static bool bit_of(const uint64_t n[WORDS], int i)
{
    return i >= 0 && (n[i / 64] >> (i % 64) & 1) != 0;
}

/* The double nearest to n / 2^scale, 0 or of a normal exponent. more: n lacks something. */
static double round_words(const uint64_t n[WORDS], int scale, bool more)
{
    int      top = WORDS * 64 - 1;
    uint64_t digits = 0;
    while (top >= 0 && !bit_of(n, top)) top--;
    if (top < 0) return 0;
    for (int i = top; i >= top - MANTISSA_BITS; i--) digits = digits << 1 | bit_of(n, i);
    for (int i = top - MANTISSA_BITS - 2; i >= 0 && !more; i--) more = bit_of(n, i);
    bool     half = bit_of(n, top - MANTISSA_BITS - 1);
    uint64_t exponent = (uint64_t)(top - scale + EXPONENT_BIAS);
    /* A carry out of the digits goes to the exponent, as it must. */
    return crdt__double_of((exponent << MANTISSA_BITS) + (digits & MANTISSA_MASK) +
                           (half && (more || (digits & 1) != 0)));
}

double crdt__binary_round(crdt__decimal n)
{
    bool negative = n.whole.hi < 0;
    if (negative) n = crdt__decimal_negate(n, CRDT__BINARY_ONE);
    uint64_t high = (uint64_t)n.whole.hi;
    uint64_t words[WORDS] = {n.frac | n.whole.lo << 62, n.whole.lo >> 2 | high << 62, high >> 2};
    double   d = round_words(words, 62, false);
    return negative ? -d : d;
}

/* -- Text -------------------------------------------------------------------------------------- */

/* Enough behind the point of 10^-17 for all digits of a double, and one in front for 2^71. */
#define QUOTIENT_SCALE 118

crdt_err crdt__double_parse(crdt_view text, double *ret_d)
{
    crdt__decimal n;
    crdt_i128     fixed;
    crdt_err      err = crdt__decimal_parse(text, &n);
    if (err == CRDT_OK) err = crdt__decimal_to_fixed(n, &fixed);
    if (err != CRDT_OK) return err;
    bool negative = fixed.hi < 0;
    if (negative) fixed = crdt__i128_negate(fixed);
    uint64_t quotient[WORDS] = {0, 0, 0}, rest = 0; /* long division by 10^17 */
    for (int i = 127; i >= -QUOTIENT_SCALE; i--) {
        uint64_t word = i >= 64 ? (uint64_t)fixed.hi : fixed.lo;
        rest = rest << 1 | (i >= 0 ? word >> (i % 64) & 1 : 0);
        bool one = rest >= CRDT__DECIMAL_ONE;
        if (one) rest -= CRDT__DECIMAL_ONE;
        quotient[2] = quotient[2] << 1 | quotient[1] >> 63;
        quotient[1] = quotient[1] << 1 | quotient[0] >> 63;
        quotient[0] = quotient[0] << 1 | one;
    }
    double d = round_words(quotient, QUOTIENT_SCALE, rest != 0);
    *ret_d = negative ? -d : d;
    return CRDT_OK;
}

#define GROUP 1000000000u /* a group of nine digits */
#define GROUPS 88u        /* 53 bits times 5^1074, or times 2^971, have fewer than 792 digits */
#define SIGNIFICANT 17

/* A whole number of decimal digits, lowest group first. */
typedef struct big {
    uint32_t groups[GROUPS];
    unsigned count;
} big;

static void multiply(big *n, uint32_t by)
{
    uint64_t carry = 0;
    for (unsigned i = 0; i < n->count; i++) {
        carry += (uint64_t)n->groups[i] * by;
        n->groups[i] = (uint32_t)(carry % GROUP);
        carry /= GROUP;
    }
    if (carry > 0) n->groups[n->count++] = (uint32_t)carry;
}

/* The digits of n, without zeros in front; returns how many. */
static int spell(const big *n, char *text)
{
    int count = 0;
    for (unsigned i = n->count; i-- > 0;) {
        uint32_t group = n->groups[i];
        for (uint32_t unit = GROUP / 10; unit > 0; unit /= 10) {
            char digit = (char)('0' + group / unit % 10);
            if (count > 0 || digit != '0') text[count++] = digit;
        }
    }
    return count;
}

/* Round the digits to 17, ties to even. Returns by how much their exponent grew: 0 or 1. */
static int round_digits(char *text, int count)
{
    bool more = false;
    for (int i = SIGNIFICANT + 1; i < count; i++) more |= text[i] != '0';
    bool odd = (text[SIGNIFICANT - 1] - '0') % 2 != 0;
    char next = text[SIGNIFICANT];
    if (next < '5' || (next == '5' && !more && !odd)) return 0;
    int i = SIGNIFICANT - 1;
    while (i >= 0 && text[i] == '9') text[i--] = '0';
    if (i >= 0) {
        text[i]++;
        return 0;
    }
    text[0] = '1';
    return 1;
}

static void put_zeros(int count, crdt_buf *out)
{
    for (int i = 0; i < count; i++) crdt_buf_byte(out, '0');
}

/* digits[0].digits[1...] * 10^exponent, in the shorter of both forms. */
static void put_number(const char *digits, int count, int exponent, crdt_buf *out)
{
    size_t left = (size_t)count;
    if (exponent < -4 || exponent >= SIGNIFICANT) {
        crdt_buf_put(out, digits, 1);
        if (count > 1) crdt_buf_byte(out, '.');
        crdt_buf_put(out, digits + 1, left - 1);
        crdt_buf_text(out, exponent < 0 ? "e-" : "e+");
        int size = exponent < 0 ? -exponent : exponent;
        if (size < 10) crdt_buf_byte(out, '0');
        crdt_buf_decimal(out, size);
    } else if (exponent < 0) {
        crdt_buf_text(out, "0.");
        put_zeros(-exponent - 1, out);
        crdt_buf_put(out, digits, left);
    } else if (count <= exponent + 1) {
        crdt_buf_put(out, digits, left);
        put_zeros(exponent + 1 - count, out);
    } else {
        crdt_buf_put(out, digits, (size_t)exponent + 1);
        crdt_buf_byte(out, '.');
        crdt_buf_put(out, digits + exponent + 1, left - (size_t)exponent - 1);
    }
}

void crdt__double_print(double d, crdt_buf *out)
{
    uint64_t digits;
    int      power;
    char     text[GROUPS * 9];
    if ((crdt__double_bits(d) & SIGN_BIT) != 0) crdt_buf_byte(out, '-');
    if (!take_apart(d, &digits, &power)) {
        crdt_buf_text(out, (crdt__double_bits(d) & MANTISSA_MASK) != 0 ? "nan" : "inf");
        return;
    }
    if (digits == 0) {
        crdt_buf_byte(out, '0');
        return;
    }
    for (; (digits & 1) == 0; digits >>= 1) power++;
    big n = {{(uint32_t)(digits % GROUP), (uint32_t)(digits / GROUP)}, 2};
    /* n * 2^-k is n * 5^k / 10^k */
    for (int i = 0; i < power; i++) multiply(&n, 2);
    for (int i = 0; i > power; i--) multiply(&n, 5);
    int count = spell(&n, text), exponent = count - 1 + (power < 0 ? power : 0);
    if (count > SIGNIFICANT) {
        exponent += round_digits(text, count);
        count = SIGNIFICANT;
    }
    while (count > 1 && text[count - 1] == '0') count--;
    put_number(text, count, exponent, out);
}
