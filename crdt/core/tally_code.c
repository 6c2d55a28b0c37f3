/* core/tally_code.c: tallies as bytes, digests, audit and figures.
 *
 * Bytes    varint 2 * count (+ 1: long), then of each share, by birth dot:
 *              varint place of the birth replica
 *              birth sequence: varint; long: 8 bytes
 *              varint hi - birth, varint zigzag of the total before the point
 *              long: varint of what is behind the point, in units of 1/one; varint 0, or
 *              lo - birth + 1 and the floor: varint zigzag, varint, place of the reset's replica,
 *              its sequence
 *          Long if any share has a floor or a fraction, and only then. So what is read takes at
 *          most eight times its bytes.
 */
#include <string.h>

#include "crdt/core/tally.h"

#define SHORT_BYTES_MIN 4
#define LONG_BYTES_MIN 13

void crdt__tally_mark(const crdt__tally *tally, crdt_replicas *ids)
{
    uint32_t count = crdt__tally_count(tally);
    for (uint32_t i = 0; i < count; i++) {
        crdt__share share = crdt__tally_get(tally, i);
        crdt_replicas_add(ids, share.birth.replica);
        if (share.lo != 0) crdt_replicas_add(ids, share.reset.replica);
    }
}

/* -- Encoding ---------------------------------------------------------------------------------- */

static bool is_long(const crdt__tally *tally)
{
    uint32_t count = crdt__tally_count(tally);
    for (uint32_t i = 0; i < count; i++) {
        crdt__share share = crdt__tally_get(tally, i);
        if (crdt__share_is_long(&share)) return true;
    }
    return false;
}

static void put_floor(const crdt__share *share, crdt_enc *enc)
{
    if (share->lo == 0) {
        crdt_buf_varint(enc->out, 0);
        return;
    }
    crdt_buf_varint(enc->out, share->lo - share->birth.seq + 1);
    crdt_buf_varint(enc->out, crdt_zigzag(share->floor.whole));
    crdt_buf_varint(enc->out, share->floor.frac);
    crdt_enc_replica(enc, share->reset.replica);
    crdt_buf_varint(enc->out, share->reset.seq);
}

void crdt__tally_encode(const crdt__tally *tally, crdt_enc *enc)
{
    uint32_t count = crdt__tally_count(tally);
    bool     longs = is_long(tally);
    crdt_buf_varint(enc->out, (uint64_t)count << 1 | longs);
    for (uint32_t i = 0; i < count; i++) {
        crdt__share share = crdt__tally_get(tally, i);
        crdt_enc_replica(enc, share.birth.replica);
        if (longs) crdt_buf_u64(enc->out, share.birth.seq);
        else crdt_buf_varint(enc->out, share.birth.seq);
        crdt_buf_varint(enc->out, share.hi - share.birth.seq);
        crdt_buf_varint(enc->out, crdt_zigzag(share.total.whole));
        if (!longs) continue;
        crdt_buf_varint(enc->out, share.total.frac);
        put_floor(&share, enc);
    }
}

/* -- Decoding ---------------------------------------------------------------------------------- */

/* What makes a share one that the library could have made. NULL: nothing wrong. */
static const char *fault_of(const crdt__share *share, uint64_t one)
{
    if (share->birth.replica == 0 || share->birth.seq == 0) return "a share's birth is no dot";
    if (share->hi < share->birth.seq || share->hi - share->birth.seq > UINT32_MAX ||
        share->hi > CRDT_SEQ_MAX) {
        return "a share's latest dot is out of range";
    }
    if (share->total.frac >= one) return "a share's fraction is out of range";
    if (share->lo == 0) return NULL;
    if (share->lo < share->birth.seq || share->lo > share->hi) return "a floor is out of range";
    if (share->floor.frac >= one) return "a floor's fraction is out of range";
    if (share->reset.replica == 0 || share->reset.seq == 0 || share->reset.seq > CRDT_SEQ_MAX) {
        return "a floor's reset is no dot";
    }
    if (share->lo == share->hi && !crdt__amount_equal(share->floor, share->total)) {
        return "a floor is not its share's total";
    }
    return NULL;
}

/* birth + an offset read, or a failed decoder. */
static uint64_t get_seq(crdt_dec *dec, uint64_t birth, uint64_t offset)
{
    if (birth > CRDT_SEQ_MAX || offset > UINT32_MAX) {
        crdt_dec_fail(dec, CRDT_EMALFORMED, "a share's dot is out of range");
    }
    return birth + offset;
}

static void get_floor(crdt_dec *dec, crdt__share *share)
{
    uint64_t offset = crdt_dec_varint(dec);
    if (offset == 0) return;
    share->lo = get_seq(dec, share->birth.seq, offset - 1);
    share->floor.whole = crdt_unzigzag(crdt_dec_varint(dec));
    share->floor.frac = crdt_dec_varint(dec);
    share->reset.replica = crdt_dec_replica(dec);
    share->reset.seq = crdt_dec_varint(dec);
}

static crdt__share get_share(crdt_dec *dec, bool longs)
{
    crdt__share share;
    memset(&share, 0, sizeof share);
    share.birth.replica = crdt_dec_replica(dec);
    share.birth.seq = longs ? crdt_dec_u64(dec) : crdt_dec_varint(dec);
    share.hi = get_seq(dec, share.birth.seq, crdt_dec_varint(dec));
    share.total.whole = crdt_unzigzag(crdt_dec_varint(dec));
    if (!longs) return share;
    share.total.frac = crdt_dec_varint(dec);
    get_floor(dec, &share);
    return share;
}

static void get_shares(crdt_dec *dec, size_t count, bool longs, uint64_t one, crdt__tally *tally)
{
    crdt_dot last = {0, 0};
    bool     needs_long = false;
    for (size_t i = 0; i < count; i++) {
        crdt__share share = get_share(dec, longs);
        if (crdt_dec_status(dec) != CRDT_OK) return;
        const char *fault = fault_of(&share, one);
        if (crdt_dot_compare(share.birth, last) <= 0) fault = "shares out of order";
        if (fault != NULL) {
            crdt_dec_fail(dec, CRDT_EMALFORMED, fault);
            return;
        }
        crdt__rows_append(tally->rows, &share);
        last = share.birth;
        needs_long |= crdt__share_is_long(&share);
    }
    if (longs && !needs_long) {
        crdt_dec_fail(dec, CRDT_EMALFORMED, "shares in the long form without need");
    }
}

crdt_err crdt__tally_decode(const crdt_space *space, crdt__tally *tally, uint64_t one,
                            crdt_dec *dec)
{
    uint64_t head = crdt_dec_varint(dec), count = head >> 1;
    bool     longs = head & 1;
    size_t   least = longs ? LONG_BYTES_MIN : SHORT_BYTES_MIN;
    if (count > crdt_dec_left(dec) / least || (longs && count == 0)) {
        crdt_dec_fail(dec, CRDT_EMALFORMED, "more shares than the input holds");
    }
    if (count == 0 || crdt_dec_status(dec) != CRDT_OK) return crdt_dec_status(dec);
    tally->rows = crdt__rows_make(space->mem, (size_t)count, longs);
    if (tally->rows == NULL) return crdt_dec_fail(dec, CRDT_ENOMEM, "no memory for shares");
    get_shares(dec, (size_t)count, longs, one, tally);
    if (crdt_dec_status(dec) != CRDT_OK) crdt__tally_clear(space->mem, tally);
    return crdt_dec_status(dec);
}

/* -- Digest, audit, figures -------------------------------------------------------------------- */

void crdt__tally_digest(const crdt__tally *tally, crdt_blocks *blocks)
{
    uint32_t count = crdt__tally_count(tally);
    for (uint32_t i = 0; i < count; i++) {
        crdt__share share = crdt__tally_get(tally, i);
        crdt_blocks_atom(blocks, share.birth);
        crdt_blocks_u64(blocks, share.hi);
        crdt_blocks_u64(blocks, share.lo);
        crdt_blocks_u64(blocks, (uint64_t)share.total.whole);
        crdt_blocks_u64(blocks, share.total.frac);
        if (share.lo == 0) continue;
        crdt_blocks_u64(blocks, (uint64_t)share.floor.whole);
        crdt_blocks_u64(blocks, share.floor.frac);
        crdt_blocks_u64(blocks, share.reset.replica);
        crdt_blocks_u64(blocks, share.reset.seq);
    }
}

bool crdt__tally_check(const crdt__tally *tally, uint64_t one, const crdt_context *seen,
                       const char **ret_reason)
{
    const char *fault = NULL;
    crdt_dot    last = {0, 0};
    uint32_t    count = crdt__tally_count(tally);
    if (tally->rows != NULL && (count == 0 || count > tally->rows->cap)) fault = "rows of no share";
    for (uint32_t i = 0; i < count && fault == NULL; i++) {
        crdt__share share = crdt__tally_get(tally, i);
        bool        known = crdt_context_has(seen, crdt__share_hi_dot(&share));
        fault = fault_of(&share, one);
        if (crdt_dot_compare(last, share.birth) >= 0) fault = "shares out of order";
        if (!known && (share.lo == 0 || !crdt_context_has(seen, share.reset))) {
            fault = "a share that the context does not account for";
        }
        last = share.birth;
    }
    if (fault != NULL) *ret_reason = fault;
    return fault == NULL;
}

void crdt__tally_stats(const crdt__tally *tally, crdt_stats *stats)
{
    uint32_t count = crdt__tally_count(tally);
    uint64_t payload = count * sizeof(int64_t);
    for (uint32_t i = 0; i < count; i++) {
        crdt__share share = crdt__tally_get(tally, i);
        if (crdt__share_visible(&share)) stats->elements++;
        else stats->residues++;
    }
    stats->payload += payload;
    stats->metadata += crdt__tally_bytes(tally) - payload;
    stats->dots += count;
}
