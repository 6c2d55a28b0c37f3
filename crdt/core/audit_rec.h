/* core/audit_rec.h: one record of an audit as bytes.
 *
 * Bytes    stamp (8), varint number, flags (1), hash of the author's record before (16); author,
 *          operation and subject, each with its size; digest of the body (16) if there is one;
 *          varint count and digests (16 each) of what was superseded; of a retention varint count
 *          and floors (32 each: replica, number, hash), by replica; crdt_audit_digest of the
 *          replica (8) and all before it (16).
 */
#ifndef CRDT_CORE_AUDIT_REC_H
#define CRDT_CORE_AUDIT_REC_H
#include "crdt/buf.h"
#include "crdt/core/secure.h"

#define CRDT__AUDIT_HASH CRDT__SECURE_BYTES

typedef enum crdt__audit_flag {
    CRDT__AUDIT_BODY = 1,
    CRDT__AUDIT_REVISION = 2, /* the subject names the body for good */
    CRDT__AUDIT_RETENTION = 4
} crdt__audit_flag;

/* Of a replica's chain all up to this number was dropped; the last of it had this hash. */
typedef struct crdt__audit_floor {
    uint64_t replica, number;
    uint8_t  hash[CRDT__AUDIT_HASH];
} crdt__audit_floor;

typedef struct crdt__audit_rec {
    uint64_t  stamp, number;
    uint8_t   flags;
    uint8_t   prev[CRDT__AUDIT_HASH], body[CRDT__AUDIT_HASH], hash[CRDT__AUDIT_HASH];
    crdt_view author, operation, subject;
    crdt_view superseded; /* the digests, one behind the other */
    crdt_view floors;     /* likewise, as bytes */
} crdt__audit_rec;

#define CRDT__AUDIT_FLOOR_BYTES 32u

/* Append the bytes; hash is left 0. */
void crdt__audit_put(const crdt__audit_rec *rec, crdt_buf *out);
void crdt__audit_put_floor(const crdt__audit_floor *floor, crdt_buf *out);
/* Put the stamp and then the hash into such bytes. */
void crdt__audit_seal(uint8_t *bytes, size_t size, uint64_t replica, uint64_t stamp);
/* False: these are not just what put and seal write, but for the hash; *ret_reason says why.
 * Views are borrowed. */
bool crdt__audit_get(crdt_view in, crdt__audit_rec *ret_rec, const char **ret_reason);
/* The hash that such bytes should have. */
void crdt__audit_hash(crdt_view bytes, uint64_t replica, uint8_t ret_hash[CRDT__AUDIT_HASH]);
/* The i-th of them. */
crdt__audit_floor    crdt__audit_floor_at(const crdt__audit_rec *rec, size_t i);
static inline size_t crdt__audit_floors(const crdt__audit_rec *rec)
{
    return rec->floors.size / CRDT__AUDIT_FLOOR_BYTES;
}

#endif
