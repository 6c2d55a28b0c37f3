/* core/dec.c: the bounded, strict decoder, and the default limits. See crdt/buf.h. */
#include "crdt/core/dec.h"
#include "crdt/buf.h"
#include "crdt/core/bytes.h"
#include "crdt/core/mem.h"

static const crdt_limits standard_limits = {
    .value_bytes = CRDT_VALUE_BYTES_MAX,
    .name_bytes = CRDT_NAME_BYTES_MAX,
    .depth = 32,
    .message_bytes = UINT64_C(1) << 32,
    .objects = UINT64_C(1) << 40,
    .elements = UINT64_C(1) << 40,
};

crdt_limits crdt_limits_default(void)
{
    return standard_limits;
}

void crdt_dec_init(crdt_dec *dec, crdt_view in, const crdt_limits *limits)
{
    static const uint8_t nothing[1] = {0};
    dec->at = in.size ? in.data : nothing;
    dec->end = dec->at + in.size;
    dec->dict = NULL;
    dec->dict_count = 0;
    dec->limits = limits ? limits : &standard_limits;
    dec->err = CRDT_OK;
    dec->reason = NULL;
    dec->later = CRDT_NOW;
    dec->form = CRDT_EITHER;
    dec->depth = 0;
    dec->reading = NULL;
}

crdt_err crdt_dec_fail(crdt_dec *dec, crdt_err err, const char *reason)
{
    CRDT_ASSERT(err != CRDT_OK);
    if (dec->err == CRDT_OK) {
        dec->err = err;
        dec->reason = reason;
    }
    dec->at = dec->end;
    return dec->err;
}

crdt_err crdt_dec_status(const crdt_dec *dec)
{
    return dec->err;
}

static inline size_t left(const crdt_dec *dec)
{
    return (size_t)(dec->end - dec->at);
}

size_t crdt_dec_left(const crdt_dec *dec)
{
    return left(dec);
}

static uint64_t malformed(crdt_dec *dec, const char *reason)
{
    crdt_dec_fail(dec, CRDT_EMALFORMED, reason);
    return 0;
}

uint8_t crdt_dec_byte(crdt_dec *dec)
{
    if (dec->at == dec->end) return (uint8_t)malformed(dec, "truncated");
    return *dec->at++;
}

/* A varint of two bytes or more, or one that is cut off. */
static uint64_t long_varint(crdt_dec *dec)
{
    const uint8_t *at = dec->at;
    uint64_t       n = 0;
    for (unsigned shift = 0; at < dec->end; shift += 7) {
        uint64_t bits = *at & 0x7fu;
        if (shift == 63 && *at > 1) return malformed(dec, "number above 64 bits");
        n |= bits << shift;
        if (*at++ >= 0x80) continue;
        if (bits == 0) return malformed(dec, "number not in its shortest form");
        dec->at = at;
        return n;
    }
    return malformed(dec, "truncated");
}

uint64_t crdt_dec_varint(crdt_dec *dec)
{
    if (dec->at < dec->end && *dec->at < 0x80) return *dec->at++;
    return long_varint(dec);
}

uint64_t crdt_dec_u64(crdt_dec *dec)
{
    if (left(dec) < 8) return malformed(dec, "truncated");
    dec->at += 8;
    return crdt__load_le64(dec->at - 8);
}

crdt_view crdt_dec_bytes(crdt_dec *dec, size_t size)
{
    if (size > left(dec)) {
        malformed(dec, "truncated");
        return crdt_view_of(NULL, 0);
    }
    dec->at += size;
    return crdt_view_of(dec->at - size, size);
}

static crdt_view sized_bytes(crdt_dec *dec, uint64_t size, size_t max, const char *what)
{
    if (size > max) {
        crdt_dec_fail(dec, CRDT_ELIMIT, what);
        return crdt_view_of(NULL, 0);
    }
    return crdt_dec_bytes(dec, (size_t)size);
}

crdt_view crdt_dec_view(crdt_dec *dec, size_t max, const char *what)
{
    return sized_bytes(dec, crdt_dec_varint(dec), max, what);
}

crdt_value crdt_dec_value(crdt_dec *dec)
{
    uint64_t head = crdt_dec_varint(dec);
    if (head == 0) return crdt_int((int64_t)crdt_dec_u64(dec));
    crdt_view v = sized_bytes(dec, head - 1, dec->limits->value_bytes, "value above the limit");
    return crdt_bytes(v.data, v.size);
}

size_t crdt_dec_count(crdt_dec *dec, size_t min_size, const char *what)
{
    uint64_t count = crdt__dec_varint(dec);
    size_t   least = min_size ? min_size : 1;
    bool     small = count < UINT16_MAX && least < UINT16_MAX; /* without a division */
    if (small ? count * least > left(dec) : count > left(dec) / least) malformed(dec, what);
    return dec->err ? 0 : (size_t)count;
}

uint64_t crdt_dec_replica(crdt_dec *dec)
{
    uint64_t place = crdt_dec_varint(dec);
    if (dec->err) return 0;
    if (place >= dec->dict_count) return malformed(dec, "replica outside the dictionary");
    return dec->dict[place];
}
