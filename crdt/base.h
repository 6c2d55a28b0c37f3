/* base.h: what every public header of libcrdt needs: visibility, errors, byte views, values, dots.
 *
 * Threads  none inside the library; one store, one thread at a time. No globals.
 */
#ifndef CRDT_BASE_H
#define CRDT_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define CRDT_API __attribute__((visibility("default")))
#define CRDT_MUST_CHECK __attribute__((warn_unused_result))
#else
#define CRDT_API
#define CRDT_MUST_CHECK
#endif

/* Result of every call that can fail. On any error the objects involved are unchanged. */
typedef enum crdt_err {
#define CRDT_ERR(name, number, text) CRDT_##name = number,
#include "crdt/err.def"
#undef CRDT_ERR
} crdt_err;

/* The text of err, static and never NULL. */
CRDT_API const char *crdt_err_text(crdt_err err);
/* The name of err ("EGAP"), static and never NULL. */
CRDT_API const char *crdt_err_name(crdt_err err);

/* How two states stand to each other in the lattice order. */
typedef enum crdt_order { CRDT_EQUAL, CRDT_BEFORE, CRDT_AFTER, CRDT_CONCURRENT } crdt_order;

/* A borrowed run of bytes: any bytes, NUL included. data may be NULL when size is 0. */
typedef struct crdt_view {
    const void *data;
    size_t      size;
} crdt_view;

static inline crdt_view crdt_view_of(const void *data, size_t size)
{
    crdt_view v;
    v.data = data;
    v.size = size;
    return v;
}

/* The view of a C string, without its NUL. */
CRDT_API crdt_view crdt_text_view(const char *text);
/* <0, 0, >0 as a sorts before, with or after b: bytewise, a prefix first. */
CRDT_API int crdt_view_compare(crdt_view a, crdt_view b);

/* What an element of a set or the content of a register is: a 64-bit integer or a byte string. */
typedef enum crdt_kind { CRDT_INT = 0, CRDT_BYTES = 1 } crdt_kind;

typedef struct crdt_value {
    crdt_kind kind;
    int64_t   i;     /* CRDT_INT: the integer (a uint64_t is kept by its bit pattern) */
    crdt_view bytes; /* CRDT_BYTES: borrowed */
} crdt_value;

CRDT_API crdt_value crdt_int(int64_t i);
CRDT_API crdt_value crdt_bytes(const void *data, size_t size);
CRDT_API crdt_value crdt_text(const char *text);
/* Total order of values: integers by value, before byte strings in bytewise order. */
CRDT_API int crdt_value_compare(crdt_value a, crdt_value b);

/* A 128-bit signed integer, two's complement: hi * 2^64 + lo. */
typedef struct crdt_i128 {
    uint64_t lo;
    int64_t  hi;
} crdt_i128;

/* A dot names one mutation: the seq-th (from 1) of a replica (Almeida et al., "Delta state
 * replicated data types", 2018). Replica ids are 64 random bits chosen by the caller and never
 * 0. */
typedef struct crdt_dot {
    uint64_t replica, seq;
} crdt_dot;

#define CRDT_SEQ_MAX (UINT64_C(1) << 62)

static inline bool crdt_dot_equal(crdt_dot a, crdt_dot b)
{
    return a.replica == b.replica && a.seq == b.seq;
}
/* By replica id, then sequence number. */
static inline int crdt_dot_compare(crdt_dot a, crdt_dot b)
{
    if (a.replica != b.replica) return a.replica < b.replica ? -1 : 1;
    return a.seq == b.seq ? 0 : a.seq < b.seq ? -1 : 1;
}

#ifdef __cplusplus
}
#endif
#endif
