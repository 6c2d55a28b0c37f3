/* number.h: numbers as the Redis protocol and configuration files write them.
 *
 * Readers take a whole view, no part of it, and leave *ret as it was when they say false.
 * Writers put text without a NUL into out and return its size.
 */
#ifndef NODE_NUMBER_H
#define NODE_NUMBER_H
#include "crdt/base.h"

enum {
    NUMBER_INT_MAX = 20,    /* bytes of any int64_t or uint64_t */
    NUMBER_INT128_MAX = 40, /* of any crdt_i128 */
    NUMBER_DOUBLE_MAX = 32, /* of any double */
    NUMBER_HUMAN_MAX = 32,  /* of number_human */
};

/* The one decimal form of an integer: no blanks, no plus, no leading zeros, no -0. */
bool number_int64(crdt_view text, int64_t *ret);
bool number_uint64(crdt_view text, uint64_t *ret);
/* As members, elements and values are kept: an integer if it is in that form, else the bytes. */
crdt_value number_value(crdt_view text);
/* What strtod takes in the C locale ("1.5", "-3e8", "0x1p4", "inf"), but no blanks and no NaN, and
 * nothing that overflows. */
bool number_double(crdt_view text, double *ret);

/* Bytes: "100", "1b", "64k" (1000), "64kb" (1024), and so on with m and g; case is ignored. */
bool number_bytes(crdt_view text, uint64_t *ret);
/* Milliseconds: "10" and "10s" are seconds; also ms, m, h, d. */
bool number_duration(crdt_view text, uint64_t *ret_ms);

size_t number_print_int64(int64_t n, char out[NUMBER_INT_MAX]);
size_t number_print_uint64(uint64_t n, char out[NUMBER_INT_MAX]);
size_t number_print_int128(crdt_i128 n, char out[NUMBER_INT128_MAX]);
/* 17 significant digits, as Redis 7.0 does ("0.10000000000000001", "3", "1e+20", "-inf", "nan"): it
 * reads back to the same double. */
size_t number_print_double(double n, char out[NUMBER_DOUBLE_MAX]);
/* Bytes for people, as in INFO: "512B", "1.50K", "2.00G". */
size_t number_human(uint64_t bytes, char out[NUMBER_HUMAN_MAX]);
/* As number_bytes reads it back, in the largest unit that divides it: "64mb", "1000". */
size_t number_print_bytes(uint64_t bytes, char out[NUMBER_HUMAN_MAX]);

#endif
