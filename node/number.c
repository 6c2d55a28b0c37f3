#include "node/number.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

crdt_value number_value(crdt_view text)
{
    int64_t n;
    return number_int64(text, &n) ? crdt_int(n) : crdt_bytes(text.data, text.size);
}

bool number_uint64(crdt_view text, uint64_t *ret)
{
    const uint8_t *at = text.data, *end;
    uint64_t       n = 0;
    if (text.size == 0 || text.size > NUMBER_INT_MAX) return false;
    if (at[0] == '0' && text.size > 1) return false;
    for (end = at + text.size; at < end; at++) {
        if (!is_digit(*at)) return false;
        if (__builtin_mul_overflow(n, 10u, &n) || __builtin_add_overflow(n, *at - '0', &n)) {
            return false;
        }
    }
    *ret = n;
    return true;
}

bool number_int64(crdt_view text, int64_t *ret)
{
    const uint8_t *at = text.data;
    bool           negative = text.size > 0 && at[0] == '-';
    uint64_t       n;
    if (negative) text = crdt_view_of(at + 1, text.size - 1);
    if (!number_uint64(text, &n)) return false;
    if (negative ? n == 0 || n > (uint64_t)INT64_MAX + 1 : n > INT64_MAX) return false;
    *ret = (int64_t)(negative ? 0 - n : n);
    return true;
}

bool number_double(crdt_view text, double *ret)
{
    enum { LONGEST = 256 };
    char copy[LONGEST + 1], *end;
    if (text.size == 0 || text.size > LONGEST) return false;
    memcpy(copy, text.data, text.size);
    copy[text.size] = 0;
    if (strspn(copy, " \t\n\v\f\r") > 0) return false;
    errno = 0;
    double n = strtod(copy, &end);
    if (end != copy + text.size || isnan(n)) return false;
    if (errno == ERANGE && (isinf(n) || n == 0)) return false;
    *ret = n;
    return true;
}

typedef struct unit {
    const char *name;
    uint64_t    size;
} unit;

/* Digits and the name of a unit. */
static bool read_units(crdt_view text, const unit *units, uint64_t *ret)
{
    const char *at = text.data;
    size_t      digits = 0;
    uint64_t    n;
    while (digits < text.size && is_digit((uint8_t)at[digits])) digits++;
    if (!number_uint64(crdt_view_of(at, digits), &n)) return false;
    for (const unit *u = units; u->name != NULL; u++) {
        size_t size = strlen(u->name);
        if (size != text.size - digits || strncasecmp(at + digits, u->name, size) != 0) continue;
        if (__builtin_mul_overflow(n, u->size, &n)) return false;
        *ret = n;
        return true;
    }
    return false;
}

#define KB UINT64_C(1024)
static const unit byte_units[] = {{"", 1},
                                  {"b", 1},
                                  {"k", 1000},
                                  {"kb", KB},
                                  {"m", 1000 * 1000},
                                  {"mb", KB *KB},
                                  {"g", 1000 * 1000 * 1000},
                                  {"gb", KB *KB *KB},
                                  {NULL, 0}};
static const unit time_units[] = {{"", 1000},       {"ms", 1},          {"s", 1000},
                                  {"m", 60 * 1000}, {"h", 3600 * 1000}, {"d", 24 * 3600 * 1000},
                                  {NULL, 0}};

bool number_bytes(crdt_view text, uint64_t *ret)
{
    return read_units(text, byte_units, ret);
}

bool number_duration(crdt_view text, uint64_t *ret_ms)
{
    return read_units(text, time_units, ret_ms);
}

/* -- Writing ----------------------------------------------------------------------------------- */

size_t number_print_uint64(uint64_t n, char out[NUMBER_INT_MAX])
{
    char   reversed[NUMBER_INT_MAX];
    size_t size = 0;
    do {
        reversed[size++] = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    for (size_t i = 0; i < size; i++) out[i] = reversed[size - 1 - i];
    return size;
}

size_t number_print_int64(int64_t n, char out[NUMBER_INT_MAX])
{
    if (n >= 0) return number_print_uint64((uint64_t)n, out);
    out[0] = '-';
    /* -2^63 has 19 digits: it fits behind the sign. */
    char   digits[NUMBER_INT_MAX];
    size_t size = number_print_uint64(0 - (uint64_t)n, digits);
    memcpy(out + 1, digits, size);
    return size + 1;
}

__extension__ typedef unsigned __int128 u128;

size_t number_print_int128(crdt_i128 n, char out[NUMBER_INT128_MAX])
{
    bool   negative = n.hi < 0;
    u128   rest = (u128)(uint64_t)n.hi << 64 | n.lo;
    char   reversed[NUMBER_INT128_MAX];
    size_t size = 0;
    if (negative) rest = 0 - rest;
    do {
        reversed[size++] = (char)('0' + (unsigned)(rest % 10));
        rest /= 10;
    } while (rest > 0);
    if (negative) reversed[size++] = '-';
    for (size_t i = 0; i < size; i++) out[i] = reversed[size - 1 - i];
    return size;
}

size_t number_print_double(double n, char out[NUMBER_DOUBLE_MAX])
{
    if (isnan(n)) n = (double)NAN; /* without a sign */
    return (size_t)snprintf(out, NUMBER_DOUBLE_MAX, "%.17g", n);
}

size_t number_human(uint64_t bytes, char out[NUMBER_HUMAN_MAX])
{
    double n = (double)bytes;
    size_t i = 0;
    if (bytes < 1024) return (size_t)snprintf(out, NUMBER_HUMAN_MAX, "%uB", (unsigned)bytes);
    for (n /= 1024; n >= 1024 && i < 5; i++) n /= 1024;
    return (size_t)snprintf(out, NUMBER_HUMAN_MAX, "%.2f%c", n, "KMGTPE"[i]);
}

size_t number_print_bytes(uint64_t bytes, char out[NUMBER_HUMAN_MAX])
{
    static const char *const names[] = {"", "kb", "mb", "gb"};
    size_t                   i = 0;
    for (; i < 3 && bytes > 0 && bytes % 1024 == 0; i++) bytes /= 1024;
    return (size_t)snprintf(out, NUMBER_HUMAN_MAX, "%llu%s", (unsigned long long)bytes, names[i]);
}
