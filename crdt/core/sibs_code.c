/* core/sibs_code.c: siblings as bytes, their digest, audit and figures. See sibs.h. */
#include "crdt/core/sibs.h"

/* One of several siblings on the wire has a replica and eight bytes of seq or stamp. */
#define SEVERAL_BYTES_MIN 9

void crdt__sibs_mark(const void *sibs, crdt_replicas *ids)
{
    size_t count = crdt__sibs_count(sibs);
    for (size_t i = 0; i < count; i++) crdt_replicas_add(ids, crdt__sibs_at(sibs, i)->replica);
}

/* True if seqs take eight bytes. */
static bool is_wide(const crdt__shape *shape, size_t count)
{
    return count > 1 && shape->stamps == CRDT__NO_STAMPS;
}

static void encode_one(const crdt__shape *shape, const crdt__sib *sib, bool wide, crdt_enc *enc)
{
    bool       tomb = crdt__sib_is_tomb(sib);
    uint64_t   seq = shape->tombs ? (uint64_t)sib->seq << 1 | tomb : sib->seq;
    crdt_value value = crdt__sib_value(sib);
    crdt_enc_replica(enc, sib->replica);
    if (wide) crdt_buf_u64(enc->out, seq);
    else crdt_buf_varint(enc->out, seq);
    if (shape->stamps != CRDT__NO_STAMPS) crdt_buf_u64(enc->out, sib->stamp);
    if (tomb) return;
    if (shape->values == CRDT__INT_VALUES) crdt_buf_varint(enc->out, crdt_zigzag(value.i));
    if (shape->values == CRDT__ANY_VALUES) crdt_buf_value(enc->out, value);
}

void crdt__sibs_encode(const crdt__shape *shape, const void *sibs, crdt_enc *enc)
{
    size_t count = crdt__sibs_count(sibs);
    bool   wide = is_wide(shape, count);
    crdt_buf_varint(enc->out, count);
    for (size_t i = 0; i < count; i++) encode_one(shape, crdt__sibs_at(sibs, i), wide, enc);
}

static crdt_err decode_one(const crdt__shape *shape, const crdt_space *space, crdt_dec *dec,
                           bool wide, crdt__sib *ret_sib)
{
    crdt_dot   dot = {crdt_dec_replica(dec), wide ? crdt_dec_u64(dec) : crdt_dec_varint(dec)};
    uint64_t   stamp = shape->stamps != CRDT__NO_STAMPS ? crdt_dec_u64(dec) : 0;
    bool       tomb = shape->tombs && (dot.seq & 1);
    crdt_value value = crdt_int(0);
    if (shape->tombs) dot.seq >>= 1;
    if (!tomb && shape->values == CRDT__INT_VALUES) {
        value = crdt_int(crdt_unzigzag(crdt_dec_varint(dec)));
    }
    if (!tomb && shape->values == CRDT__ANY_VALUES) value = crdt_dec_value(dec);
    if (crdt_dec_status(dec) != CRDT_OK) return crdt_dec_status(dec);
    if (dot.replica == 0 || dot.seq == 0 || dot.seq > CRDT_SEQ_MAX) {
        return crdt_dec_fail(dec, CRDT_EMALFORMED, "a sibling's dot is out of range");
    }
    if (stamp > CRDT_STAMP_MAX) {
        return crdt_dec_fail(dec, CRDT_EMALFORMED, "a sibling's stamp is out of range");
    }
    crdt_err err = crdt__sib_init(space, ret_sib, tomb ? NULL : &value);
    if (err != CRDT_OK) return crdt_dec_fail(dec, err, "out of memory");
    crdt__sib_set_dot(ret_sib, dot, stamp);
    return CRDT_OK;
}

static crdt_err decode_all(const crdt__shape *shape, const crdt_space *space, crdt__sibs *sibs,
                           crdt_dec *dec, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        crdt__sib sib;
        crdt_err  err = decode_one(shape, space, dec, is_wide(shape, count), &sib);
        if (err != CRDT_OK) return err;
        if (i > 0 && crdt__sib_compare_dots(crdt__sibs_at(sibs, i - 1), &sib) >= 0) {
            crdt__sib_clear(space, &sib);
            return crdt_dec_fail(dec, CRDT_EMALFORMED, "siblings out of order");
        }
        crdt__sibs_add(shape, space, sibs, &sib);
    }
    return CRDT_OK;
}

crdt_err crdt__sibs_decode(const crdt__shape *shape, const crdt_space *space, void *sibs,
                           crdt_dec *dec)
{
    size_t   count = crdt_dec_count(dec, 2, "siblings");
    crdt_err err = crdt_dec_status(dec);
    if (err != CRDT_OK) return err;
    if (count > 1 && count > crdt_dec_left(dec) / SEVERAL_BYTES_MIN) {
        return crdt_dec_fail(dec, CRDT_EMALFORMED, "more siblings than the input holds");
    }
    err = crdt__sibs_reserve(space, sibs, count);
    if (err != CRDT_OK) return crdt_dec_fail(dec, err, "out of memory");
    err = decode_all(shape, space, sibs, dec, count);
    if (err != CRDT_OK) crdt__sibs_clear(space, sibs);
    return err;
}

void crdt__sibs_digest(const crdt__shape *shape, const void *sibs, crdt_blocks *blocks)
{
    size_t count = crdt__sibs_count(sibs);
    for (size_t i = 0; i < count; i++) {
        const crdt__sib *sib = crdt__sibs_at(sibs, i);
        bool             tomb = crdt__sib_is_tomb(sib);
        uint64_t         head = (uint64_t)tomb << 63 | sib->stamp;
        crdt_blocks_atom(blocks, crdt__sib_dot(sib));
        if (shape->stamps != CRDT__NO_STAMPS || shape->tombs) crdt_blocks_u64(blocks, head);
        if (shape->values == CRDT__NO_VALUES || tomb) continue;
        crdt_blocks_value(blocks, crdt__sib_value(sib));
    }
}

/* What is wrong with one sibling, or NULL. */
static const char *fault_of(const crdt__shape *shape, const crdt_space *space, const crdt__sib *sib,
                            const crdt_context *seen)
{
    crdt_value value = crdt__sib_value(sib);
    bool       bytes = value.kind == CRDT_BYTES;
    if (sib->replica == 0 || sib->seq == 0 || sib->seq > CRDT_SEQ_MAX) {
        return "a sibling's dot is out of range";
    }
    if (!crdt_context_has(seen, crdt__sib_dot(sib))) return "a sibling's dot is not in the context";
    if (shape->stamps == CRDT__NO_STAMPS && sib->stamp != 0) return "a sibling has a stamp";
    if (crdt__sib_is_tomb(sib) && !shape->tombs) return "a sibling is a tombstone";
    if (bytes && shape->values != CRDT__ANY_VALUES) return "a sibling holds bytes";
    if (bytes && value.bytes.size > space->limits->value_bytes) return "a value is too long";
    if (!bytes && value.i != 0 && (crdt__sib_is_tomb(sib) || shape->values == CRDT__NO_VALUES)) {
        return "a sibling has a value";
    }
    return NULL;
}

bool crdt__sibs_check(const crdt__shape *shape, const crdt_space *space, const void *sibs,
                      const crdt_context *seen, const char **ret_reason)
{
    const crdt__sib *top = crdt__sibs_top(sibs);
    size_t           count = crdt__sibs_count(sibs);
    const char      *fault = NULL;
    for (size_t i = 0; i < count && fault == NULL; i++) {
        const crdt__sib *sib = crdt__sibs_at(sibs, i);
        fault = fault_of(shape, space, sib, seen);
        if (i > 0 && crdt__sib_compare_dots(crdt__sibs_at(sibs, i - 1), sib) >= 0) {
            fault = "siblings out of order";
        }
        if (shape->compare != NULL && shape->compare(sib, top) > 0) {
            fault = "the greatest sibling is another";
        }
    }
    if (fault != NULL && ret_reason != NULL) *ret_reason = fault;
    return fault == NULL;
}

void crdt__sibs_stats(const crdt__shape *shape, const void *sibs, crdt_stats *stats)
{
    size_t   count = crdt__sibs_count(sibs);
    uint64_t payload = 0;
    for (size_t i = 0; i < count; i++) {
        const crdt__sib *sib = crdt__sibs_at(sibs, i);
        crdt_value       value = crdt__sib_value(sib);
        bool             tomb = crdt__sib_is_tomb(sib);
        if (value.kind == CRDT_BYTES) payload += value.bytes.size;
        else if (shape->values != CRDT__NO_VALUES && !tomb) payload += sizeof value.i;
        stats->residues += tomb;
        stats->elements += !tomb;
        if (shape->stamps == CRDT__CLOCK_STAMPS && sib->stamp > stats->stamp_max) {
            stats->stamp_max = sib->stamp;
        }
    }
    stats->dots += count;
    stats->payload += payload;
    stats->metadata += crdt__sibs_bytes(sibs) - payload;
}

size_t crdt__sibs_beyond(const void *sibs)
{
    return crdt__sibs_bytes(sibs) - sizeof(crdt__sibs);
}
