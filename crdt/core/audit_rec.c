/* core/audit_rec.c: see core/audit_rec.h. */
#include "crdt/core/audit_rec.h"

#include <string.h>

#include "crdt/clock.h"
#include "crdt/core/bytes.h"

#define KNOWN_FLAGS (CRDT__AUDIT_BODY | CRDT__AUDIT_REVISION | CRDT__AUDIT_RETENTION)

static void put_many(crdt_view many, size_t each, crdt_buf *out)
{
    crdt_buf_varint(out, many.size / each);
    crdt_buf_put(out, many.data, many.size);
}

void crdt__audit_put(const crdt__audit_rec *rec, crdt_buf *out)
{
    static const uint8_t none[CRDT__AUDIT_HASH];
    crdt_buf_u64(out, rec->stamp);
    crdt_buf_varint(out, rec->number);
    crdt_buf_byte(out, rec->flags);
    crdt_buf_put(out, rec->prev, sizeof rec->prev);
    crdt_buf_view(out, rec->author);
    crdt_buf_view(out, rec->operation);
    crdt_buf_view(out, rec->subject);
    if (rec->flags & CRDT__AUDIT_BODY) crdt_buf_put(out, rec->body, sizeof rec->body);
    put_many(rec->superseded, CRDT__AUDIT_HASH, out);
    if (rec->flags & CRDT__AUDIT_RETENTION) put_many(rec->floors, CRDT__AUDIT_FLOOR_BYTES, out);
    crdt_buf_put(out, none, sizeof none);
}

void crdt__audit_put_floor(const crdt__audit_floor *floor, crdt_buf *out)
{
    crdt_buf_u64(out, floor->replica);
    crdt_buf_u64(out, floor->number);
    crdt_buf_put(out, floor->hash, sizeof floor->hash);
}

crdt__audit_floor crdt__audit_floor_at(const crdt__audit_rec *rec, size_t i)
{
    const uint8_t    *at = (const uint8_t *)rec->floors.data + i * CRDT__AUDIT_FLOOR_BYTES;
    crdt__audit_floor floor = {crdt__load_le64(at), crdt__load_le64(at + 8), {0}};
    memcpy(floor.hash, at + 16, sizeof floor.hash);
    return floor;
}

/* -- Hashes ------------------------------------------------------------------------------------ */

void crdt__audit_hash(crdt_view bytes, uint64_t replica, uint8_t ret_hash[CRDT__AUDIT_HASH])
{
    crdt__secure hash;
    uint8_t      author[1 + 8] = {CRDT_BYTES};
    crdt__store_le64(author + 1, replica);
    crdt__secure_init(&hash);
    crdt__secure_add(&hash, author, sizeof author);
    crdt__secure_add(&hash, bytes.data, bytes.size - CRDT__AUDIT_HASH);
    crdt__secure_end(&hash, ret_hash);
}

void crdt__audit_seal(uint8_t *bytes, size_t size, uint64_t replica, uint64_t stamp)
{
    crdt__store_le64(bytes, stamp);
    crdt__audit_hash(crdt_view_of(bytes, size), replica, bytes + size - CRDT__AUDIT_HASH);
}

/* -- Reading ----------------------------------------------------------------------------------- */

static void get_hash(crdt_dec *dec, uint8_t ret_hash[CRDT__AUDIT_HASH])
{
    crdt_view hash = crdt_dec_bytes(dec, CRDT__AUDIT_HASH);
    if (hash.size == CRDT__AUDIT_HASH) memcpy(ret_hash, hash.data, hash.size);
}

static crdt_view get_many(crdt_dec *dec, size_t each)
{
    size_t count = crdt_dec_count(dec, each, "audit: more digests than the record has room for");
    return crdt_dec_bytes(dec, count * each);
}

static bool are_floors_right(const crdt__audit_rec *rec)
{
    uint64_t last = 0;
    for (size_t i = 0; i < crdt__audit_floors(rec); i++) {
        crdt__audit_floor floor = crdt__audit_floor_at(rec, i);
        if (floor.replica <= last || floor.number == 0) return false;
        last = floor.replica;
    }
    return true;
}

static void judge(crdt_dec *dec, const crdt__audit_rec *rec)
{
    if (crdt_dec_status(dec) != CRDT_OK) return;
    if (rec->stamp > CRDT_STAMP_MAX) crdt_dec_fail(dec, CRDT_EMALFORMED, "audit: stamp too great");
    if (rec->number == 0) crdt_dec_fail(dec, CRDT_EMALFORMED, "audit: a record without a number");
    if (rec->flags & ~(unsigned)KNOWN_FLAGS) {
        crdt_dec_fail(dec, CRDT_EMALFORMED, "audit: unknown flags");
    }
    if (!are_floors_right(rec)) {
        crdt_dec_fail(dec, CRDT_EMALFORMED, "audit: what a retention dropped is not in order");
    }
    if (crdt_dec_left(dec) > 0) {
        crdt_dec_fail(dec, CRDT_EMALFORMED, "audit: something stands behind a record");
    }
}

bool crdt__audit_get(crdt_view in, crdt__audit_rec *ret_rec, const char **ret_reason)
{
    crdt_limits     limits = crdt_limits_default();
    crdt_dec        dec;
    crdt__audit_rec rec;
    memset(&rec, 0, sizeof rec);
    crdt_dec_init(&dec, in, &limits);
    rec.stamp = crdt_dec_u64(&dec);
    rec.number = crdt_dec_varint(&dec);
    rec.flags = crdt_dec_byte(&dec);
    get_hash(&dec, rec.prev);
    rec.author = crdt_dec_view(&dec, in.size, "audit: author");
    rec.operation = crdt_dec_view(&dec, in.size, "audit: operation");
    rec.subject = crdt_dec_view(&dec, in.size, "audit: subject");
    if (rec.flags & CRDT__AUDIT_BODY) get_hash(&dec, rec.body);
    rec.superseded = get_many(&dec, CRDT__AUDIT_HASH);
    if (rec.flags & CRDT__AUDIT_RETENTION) rec.floors = get_many(&dec, CRDT__AUDIT_FLOOR_BYTES);
    get_hash(&dec, rec.hash);
    judge(&dec, &rec);
    if (crdt_dec_status(&dec) != CRDT_OK) {
        bool ours = strncmp(dec.reason, "audit: ", 7) == 0;
        *ret_reason = ours ? dec.reason : "audit: a record is cut off, or no canonical one";
        return false;
    }
    *ret_rec = rec;
    return true;
}
