/* snapshot.c: see snapshot.h and docs/WIRE.md.
 *
 * Shape    4 bytes  "CNCS"
 *          1 byte   format, 1
 *          varint   number of floors; of each, ascending by replica: replica (8 bytes), varint
 *                   seq << 1 | succeeded, varint ms, tag (4 bytes)
 *          of each floor its past: varint number of dots; of each: varint place of its floor less
 *                   the place before and 1 (the first: as it is), varint how far below that floor
 *          the store's bytes, up to the last 16
 *          16 bytes XXH3-128 over all before, low half first
 */
#include "gossip/snapshot.h"

#include "crdt/clock.h"
#include "gossip/bytes_impl.h"

#define MAGIC "CNCS"
#define MAGIC_BYTES 4u
#define FORMAT 1u
#define SUM_BYTES 16u
#define FLOORS_MAX (1u << 20)
#define FLOOR_BYTES_MIN 15u
#define PAST_BYTES_MIN 2u

/* The place of the replica's floor, from `from` on; count: it has none. */
static uint32_t floor_place(const gossip_floor *floors, uint32_t count, uint32_t from,
                            uint64_t replica)
{
    uint32_t to = count;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        if (floors[middle].replica < replica) from = middle + 1;
        else to = middle;
    }
    return from < count && floors[from].replica == replica ? from : count;
}

static bool floor_is_sound(const gossip_floor *floor, uint64_t before)
{
    return floor->replica > before && floor->seq <= CRDT_SEQ_MAX &&
           floor->ms <= CRDT_CLOCK_MS_MAX && (floor->seq > 0 || floor->past_count == 0);
}

/* False: the past names what has no floor, or lies beyond it, or is out of order. */
static bool put_past(const gossip_floor *floors, uint32_t count, const gossip_floor *floor,
                     crdt_buf *out)
{
    uint32_t next = 0;
    crdt_buf_varint(out, floor->past_count);
    for (uint32_t i = 0; i < floor->past_count; i++) {
        crdt_dot dot = floor->past[i];
        uint32_t place = floor_place(floors, count, next, dot.replica);
        if (place == count || dot.seq == 0 || dot.seq > floors[place].seq) return false;
        crdt_buf_varint(out, place - next);
        crdt_buf_varint(out, floors[place].seq - dot.seq);
        next = place + 1;
    }
    return true;
}

static bool put_floors(const gossip_floor *floors, uint32_t count, crdt_buf *out)
{
    uint64_t before = 0;
    crdt_buf_varint(out, count);
    for (uint32_t i = 0; i < count; i++) {
        if (!floor_is_sound(&floors[i], before)) return false;
        before = floors[i].replica;
        crdt_buf_u64(out, floors[i].replica);
        crdt_buf_varint(out, floors[i].seq << 1 | floors[i].succeeded);
        crdt_buf_varint(out, floors[i].ms);
        gossip__put32(out, floors[i].tag);
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!put_past(floors, count, &floors[i], out)) return false;
    }
    return true;
}

crdt_err gossip_snapshot_head(const gossip_floor *floors, uint32_t count, crdt_buf *out)
{
    size_t start = out->size;
    if (count > FLOORS_MAX) return CRDT_ELIMIT;
    crdt_buf_put(out, MAGIC, MAGIC_BYTES);
    crdt_buf_byte(out, FORMAT);
    if (!put_floors(floors, count, out)) {
        out->size = start;
        return CRDT_EINVAL;
    }
    if (out->failed) out->size = start;
    return crdt_buf_status(out);
}

crdt_err gossip_snapshot_tail(crdt_digest sum, crdt_buf *out)
{
    size_t start = out->size;
    gossip__put_digest(out, sum);
    if (out->failed) out->size = start;
    return crdt_buf_status(out);
}

crdt_err gossip_snapshot_encode(const gossip_floor *floors, uint32_t count, crdt_view store,
                                crdt_buf *out)
{
    size_t   start = out->size;
    crdt_err err = gossip_snapshot_head(floors, count, out);
    if (err != CRDT_OK) return err;
    crdt_buf_put(out, store.data, store.size);
    err = crdt_buf_status(out);
    if (err == CRDT_OK) {
        err = gossip_snapshot_tail(crdt_digest_of(out->data + start, out->size - start), out);
    }
    if (err != CRDT_OK) out->size = start;
    return err;
}

/* -- Reading ----------------------------------------------------------------------------------- */

static gossip_floor *get_floors(gossip__arena *arena, crdt_dec *dec, size_t *ret_count)
{
    size_t        count = crdt_dec_count(dec, FLOOR_BYTES_MIN, "impossible number of floors");
    uint64_t      before = 0;
    gossip_floor *floors;
    if (count > FLOORS_MAX) crdt_dec_fail(dec, CRDT_ELIMIT, "too many floors");
    floors = gossip__arena_get(arena, dec, count, sizeof *floors);
    for (size_t i = 0; i < count && dec->err == CRDT_OK; i++) {
        gossip_floor *floor = &floors[i];
        floor->replica = crdt_dec_u64(dec);
        uint64_t seq = crdt_dec_varint(dec);
        floor->seq = seq >> 1;
        floor->succeeded = seq & 1;
        floor->ms = crdt_dec_varint(dec);
        floor->tag = gossip__get32(dec);
        floor->past = NULL;
        floor->past_count = 0;
        if (!floor_is_sound(floor, before)) {
            gossip__malformed(dec, "floor that cannot be, or out of order");
        }
        before = floor->replica;
    }
    *ret_count = dec->err ? 0 : count;
    return floors;
}

/* Room for the dots of all pasts, which begin at dec. */
static crdt_dot *room_for_pasts(gossip__arena *arena, size_t floors_count, crdt_dec *dec)
{
    crdt_dec probe = *dec;
    size_t   sum = 0;
    for (size_t i = 0; i < floors_count; i++) {
        size_t count = crdt_dec_count(&probe, PAST_BYTES_MIN, "impossible size of a past");
        sum += count;
        for (size_t j = 0; j < 2 * count && probe.err == CRDT_OK; j++) crdt_dec_varint(&probe);
    }
    if (probe.err) crdt_dec_fail(dec, probe.err, probe.reason);
    return gossip__arena_get(arena, dec, sum, sizeof(crdt_dot));
}

/* Dots go to past; returns how many they are. */
static size_t get_past(const gossip_floor *floors, size_t floors_count, gossip_floor *floor,
                       crdt_dot *past, crdt_dec *dec)
{
    size_t   count = crdt_dec_count(dec, PAST_BYTES_MIN, "impossible size of a past");
    uint64_t next = 0;
    if (floor->seq == 0 && count > 0) gossip__malformed(dec, "a past of no entry");
    for (size_t i = 0; i < count && dec->err == CRDT_OK; i++) {
        uint64_t ahead = crdt_dec_varint(dec), below = crdt_dec_varint(dec);
        if (ahead >= floors_count - next) {
            gossip__malformed(dec, "a past names a replica without a floor");
            return 0;
        }
        const gossip_floor *of = &floors[next + ahead];
        if (below >= of->seq) gossip__malformed(dec, "impossible dot of a past");
        past[i].replica = of->replica;
        past[i].seq = of->seq - below;
        next += ahead + 1;
    }
    floor->past = count > 0 ? past : NULL;
    floor->past_count = (uint32_t)count;
    return count;
}

static void get_pasts(gossip__arena *arena, gossip_floor *floors, size_t floors_count,
                      crdt_dec *dec)
{
    crdt_dot *past = room_for_pasts(arena, floors_count, dec);
    for (size_t i = 0; i < floors_count && dec->err == CRDT_OK; i++) {
        size_t count = get_past(floors, floors_count, &floors[i], past, dec);
        if (count > 0) past += count;
    }
}

/* What stands between the head and the sum, both of which are right. */
static void open_snapshot(crdt_dec *dec, crdt_view in)
{
    crdt_dec_init(dec, in, NULL);
    crdt_view magic = crdt_dec_bytes(dec, MAGIC_BYTES);
    if (dec->err == CRDT_OK && memcmp(magic.data, MAGIC, MAGIC_BYTES) != 0) {
        gossip__malformed(dec, "not a snapshot");
    }
    uint8_t format = crdt_dec_byte(dec);
    if (dec->err == CRDT_OK && format != FORMAT) {
        crdt_dec_fail(dec, CRDT_EVERSION, "unknown format of a snapshot");
    }
    if (dec->err == CRDT_OK && crdt_dec_left(dec) < SUM_BYTES) gossip__malformed(dec, "truncated");
    if (dec->err) return;
    dec->end -= SUM_BYTES;
    crdt_digest sum = {gossip__load64(dec->end), gossip__load64(dec->end + 8)};
    if (!crdt_digest_equal(sum, crdt_digest_of(in.data, in.size - SUM_BYTES))) {
        gossip__malformed(dec, "the checksum does not fit");
    }
}

crdt_err gossip_snapshot_decode(crdt_view in, const crdt_mem *mem, gossip_snapshot *ret_snapshot,
                                const char **ret_reason)
{
    crdt_dec       dec;
    gossip__arena *arena = NULL;
    gossip_floor  *floors = NULL;
    size_t         count = 0;
    open_snapshot(&dec, in);
    if (dec.err == CRDT_OK) {
        arena = gossip__arena_new(mem, in.size, sizeof *arena, 0);
        if (arena == NULL) crdt_dec_fail(&dec, CRDT_ENOMEM, "out of memory");
    }
    if (dec.err == CRDT_OK) floors = get_floors(arena, &dec, &count);
    if (dec.err == CRDT_OK) get_pasts(arena, floors, count, &dec);
    if (dec.err == CRDT_OK) {
        ret_snapshot->floors = floors;
        ret_snapshot->count = (uint32_t)count;
        ret_snapshot->store = crdt_dec_bytes(&dec, crdt_dec_left(&dec));
        ret_snapshot->memory = arena;
        return CRDT_OK;
    }
    if (arena != NULL) gossip__arena_free(arena, mem);
    if (ret_reason != NULL) *ret_reason = dec.reason;
    return dec.err;
}

void gossip_snapshot_clear(gossip_snapshot *snapshot, const crdt_mem *mem)
{
    if (snapshot->memory != NULL) gossip__arena_free(snapshot->memory, mem);
    memset(snapshot, 0, sizeof *snapshot);
}
