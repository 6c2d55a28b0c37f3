/* limits.h: bounds on what a store accepts.
 *
 * Hard limits bind atoms (one value, one name, one message): the decoder refuses what exceeds them,
 * and no legal write or merge can produce it. Soft limits bind counts and totals: only the author's
 * write is refused, never a merge, so two legal states never merge into one that cannot be decoded.
 */
#ifndef CRDT_LIMITS_H
#define CRDT_LIMITS_H
#include "crdt/base.h"
#ifdef __cplusplus
extern "C" {
#endif

typedef struct crdt_limits {
    uint32_t value_bytes;   /* hard: one element or register value; at most CRDT_VALUE_BYTES_MAX */
    uint32_t name_bytes;    /* hard: an object's name; at most CRDT_NAME_BYTES_MAX */
    uint32_t depth;         /* hard: nesting of objects */
    uint64_t message_bytes; /* hard: bytes of one encoded store or delta that decode accepts */
    uint64_t objects;       /* soft: names in a store */
    uint64_t elements;      /* soft: elements of one object */
} crdt_limits;

#define CRDT_VALUE_BYTES_MAX ((1u << 20) - 16u)
#define CRDT_NAME_BYTES_MAX 65535u

/* The defaults: value CRDT_VALUE_BYTES_MAX, name 65,535, depth 32, message 4 GiB, counts 2^40. */
CRDT_API crdt_limits crdt_limits_default(void);

#ifdef __cplusplus
}
#endif
#endif
