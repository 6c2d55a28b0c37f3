/* core/context_code.c: contexts as bytes and as text. See crdt/context.h.
 *
 * Shape    varint number of replicas that have runs; for each, by ascending id:
 *              varint place in the dictionary (after the first: minus the one before, minus 1)
 *              varint number of runs << 1 | 1 if the first run starts at 1
 *              for each run: its gap (left out where the first starts at 1), varint hi - lo
 *          A gap is lo - 2 - (hi of the run before, or 0), as its low byte and then a varint of the
 *          rest. So all that decodes is canonical by construction, and a run of 24 bytes takes at
 *          least 3 on the wire: what is allocated stays within 8 times the input.
 *          Alone: version 1, varint number of ids, the ids (8 bytes, ascending), then the above.
 */
#include <string.h>

#include "crdt/context.h"
#include "crdt/core/dec.h"
#include "crdt/core/mem.h"

#define FORMAT 1u
#define FEW (sizeof(((crdt_context *)0)->few) / sizeof(crdt_run))
#define REPLICA_BYTES_MIN 3u /* place, number of runs, hi - lo */
#define RUN_BYTES_MIN 3u     /* gap (two), hi - lo */

void crdt_context_mark(const crdt_context *ctx, crdt_replicas *ids)
{
    crdt_context_settle(ctx);
    for (size_t i = 0; i < ctx->count; i++) crdt_replicas_add(ids, ctx->runs[i].replica);
}

/* The index behind the last run of the replica of runs[from]. */
static size_t replica_end(const crdt_context *ctx, size_t from)
{
    size_t end = from + 1;
    while (end < ctx->count && ctx->runs[end].replica == ctx->runs[from].replica) end++;
    return end;
}

static size_t replicas_count(const crdt_context *ctx)
{
    size_t count = 0;
    for (size_t i = 0; i < ctx->count; i = replica_end(ctx, i)) count++;
    return count;
}

static void put_runs(const crdt_run *runs, size_t count, crdt_buf *out)
{
    bool     from_one = runs[0].lo == 1;
    uint64_t before = 0;
    crdt_buf_varint(out, (uint64_t)count << 1 | from_one);
    for (size_t i = 0; i < count; i++) {
        if (i > 0 || !from_one) {
            uint64_t gap = runs[i].lo - before - 2;
            crdt_buf_byte(out, (uint8_t)gap);
            crdt_buf_varint(out, gap >> 8);
        }
        crdt_buf_varint(out, runs[i].hi - runs[i].lo);
        before = runs[i].hi;
    }
}

/* dict NULL: it would be exactly the replicas of ctx. */
static void put_context(const crdt_context *ctx, const crdt_replicas *dict, crdt_buf *out)
{
    uint64_t next = 0; /* the least place that the next replica can have */
    crdt_context_settle(ctx);
    crdt_buf_varint(out, replicas_count(ctx));
    for (size_t i = 0, end; i < ctx->count; i = end) {
        uint64_t place = dict ? crdt_replicas_place(dict, ctx->runs[i].replica) : next;
        end = replica_end(ctx, i);
        crdt_buf_varint(out, place - next);
        put_runs(ctx->runs + i, end - i, out);
        next = place + 1;
    }
}

void crdt_context_put(const crdt_context *ctx, crdt_enc *enc)
{
    put_context(ctx, enc->dict, enc->out);
}

static uint64_t get_gap(crdt_dec *dec)
{
    uint64_t low = crdt_dec_byte(dec), high = crdt__dec_varint(dec);
    if (high > CRDT_SEQ_MAX >> 8) {
        crdt_dec_fail(dec, CRDT_EMALFORMED, "sequence number above the limit");
    }
    return high << 8 | low;
}

/* Where runs go: as many as there is room for; the rest are only checked and counted. */
typedef struct room {
    crdt_run *runs;
    size_t    cap, count;
} room;

/* Read the runs of one replica. */
static void get_runs(room *out, uint64_t replica, size_t count, bool from_one, crdt_dec *dec)
{
    uint64_t hi = 0;
    for (size_t i = 0; i < count && dec->err == CRDT_OK; i++) {
        uint64_t lo = i == 0 && from_one ? 1 : hi + 2 + get_gap(dec);
        uint64_t more = crdt__dec_varint(dec);
        if (lo > CRDT_SEQ_MAX || more > CRDT_SEQ_MAX - lo) {
            crdt_dec_fail(dec, CRDT_EMALFORMED, "sequence number above the limit");
        }
        hi = lo + more;
        if (out->count < out->cap) out->runs[out->count] = (crdt_run){replica, lo, hi};
        out->count++;
    }
}

static void get_all_runs(room *out, crdt_dec *dec)
{
    size_t   replicas;
    uint64_t next = 0; /* the least place that the next replica can have */
    replicas = crdt_dec_count(dec, REPLICA_BYTES_MIN, "impossible number of replicas");
    while (replicas-- > 0 && dec->err == CRDT_OK) {
        uint64_t ahead = crdt__dec_varint(dec), head = crdt__dec_varint(dec), more = head >> 1;
        if (ahead >= dec->dict_count - next) {
            crdt_dec_fail(dec, CRDT_EMALFORMED, "replica outside the dictionary");
        }
        if (more == 0 || more > crdt_dec_left(dec) / RUN_BYTES_MIN + 1) {
            crdt_dec_fail(dec, CRDT_EMALFORMED, "impossible number of runs");
        }
        if (dec->err) break;
        next += ahead + 1;
        get_runs(out, dec->dict[next - 1], (size_t)more, head & 1, dec);
    }
}

crdt_err crdt_context_get(crdt_context *ctx, crdt_dec *dec)
{
    CRDT_ASSERT(ctx->count == 0);
    crdt_dec probe = *dec;
    room     few = {ctx->few, FEW, 0};
    if (ctx->runs != ctx->few) crdt_context_clear(ctx);
    get_all_runs(&few, &probe);
    if (probe.err || few.count <= FEW) {
        *dec = probe;
        ctx->count = probe.err ? 0 : (uint32_t)few.count;
        return dec->err;
    }
    room all = {NULL, few.count, 0}; /* many: now that their number is known, once more */
    if (all.cap <= UINT32_MAX) all.runs = crdt__alloc(ctx->mem, all.cap * sizeof *all.runs);
    if (all.runs == NULL) return crdt_dec_fail(dec, CRDT_ENOMEM, "out of memory");
    get_all_runs(&all, dec);
    ctx->runs = all.runs;
    ctx->cap = ctx->count = (uint32_t)all.count;
    return CRDT_OK;
}

/* -- Alone ------------------------------------------------------------------------------------- */

crdt_err crdt_context_encode(const crdt_context *ctx, crdt_buf *out)
{
    size_t start = out->size;
    crdt_context_settle(ctx);
    crdt_buf_byte(out, FORMAT);
    crdt_buf_varint(out, replicas_count(ctx));
    for (size_t i = 0; i < ctx->count; i = replica_end(ctx, i)) {
        crdt_buf_u64(out, ctx->runs[i].replica);
    }
    put_context(ctx, NULL, out);
    if (out->failed) out->size = start;
    return crdt_buf_status(out);
}

/* Read count ids; they must ascend from above 0. */
static void get_ids(uint64_t *ids, size_t count, crdt_dec *dec)
{
    uint64_t before = 0;
    for (size_t i = 0; i < count; i++) {
        ids[i] = crdt_dec_u64(dec);
        if (ids[i] <= before) crdt_dec_fail(dec, CRDT_EMALFORMED, "replica ids out of order");
        before = ids[i];
    }
}

static void get_all(crdt_context *ctx, uint64_t *ids, size_t count, crdt_dec *dec)
{
    get_ids(ids, count, dec);
    dec->dict = ids;
    dec->dict_count = count;
    crdt_context_get(ctx, dec);
    if (dec->err == CRDT_OK && replicas_count(ctx) != count) {
        crdt_dec_fail(dec, CRDT_EMALFORMED, "replica id without a run");
    }
    if (dec->err == CRDT_OK && crdt_dec_left(dec) > 0) {
        crdt_dec_fail(dec, CRDT_EMALFORMED, "bytes behind the end");
    }
}

/* Make ctx what `from` is, which is then empty. */
static void take(crdt_context *ctx, crdt_context *from)
{
    crdt_context_clear(ctx);
    if (from->runs == from->few) {
        memcpy(ctx->few, from->few, sizeof ctx->few);
    } else {
        ctx->runs = from->runs;
        ctx->cap = from->cap;
    }
    ctx->count = from->count; /* which holds nothing back: it was just decoded */
    crdt_context_init(from, from->mem);
}

crdt_err crdt_context_decode(crdt_context *ctx, crdt_view in, const char **ret_reason)
{
    crdt_dec     dec;
    crdt_context found;
    uint64_t    *ids = NULL;
    crdt_dec_init(&dec, in, NULL);
    crdt_context_init(&found, ctx->mem);
    uint8_t format = crdt_dec_byte(&dec);
    if (dec.err == CRDT_OK && format != FORMAT) {
        crdt_dec_fail(&dec, CRDT_EVERSION, "unknown format of a context");
    }
    size_t count = crdt_dec_count(&dec, 8 + REPLICA_BYTES_MIN, "impossible number of replicas");
    if (count > 0) ids = crdt__alloc(ctx->mem, count * sizeof *ids);
    if (count > 0 && ids == NULL) crdt_dec_fail(&dec, CRDT_ENOMEM, "out of memory");
    if (dec.err == CRDT_OK) get_all(&found, ids, count, &dec);
    crdt__release(ctx->mem, ids, count * sizeof *ids);
    if (dec.err == CRDT_OK) take(ctx, &found);
    crdt_context_clear(&found);
    if (dec.err && ret_reason) *ret_reason = dec.reason;
    return dec.err;
}

/* -- Text -------------------------------------------------------------------------------------- */

static void print_id(uint64_t id, crdt_buf *out)
{
    static const char hex[] = "0123456789abcdef";
    unsigned          shift = 60;
    while (shift > 0 && id >> shift == 0) shift -= 4;
    crdt_buf_byte(out, (uint8_t)hex[id >> shift & 15]);
    while (shift > 0) {
        shift -= 4;
        crdt_buf_byte(out, (uint8_t)hex[id >> shift & 15]);
    }
}

void crdt_context_print(const crdt_context *ctx, crdt_buf *out)
{
    crdt_context_settle(ctx);
    crdt_buf_byte(out, '{');
    for (size_t i = 0; i < ctx->count; i++) {
        const crdt_run *run = &ctx->runs[i];
        if (i == 0 || run[-1].replica != run->replica) {
            if (i > 0) crdt_buf_text(out, ", ");
            print_id(run->replica, out);
            crdt_buf_byte(out, ':');
        }
        crdt_buf_byte(out, ' ');
        crdt_buf_udecimal(out, run->lo);
        if (run->hi == run->lo) continue;
        crdt_buf_text(out, "..");
        crdt_buf_udecimal(out, run->hi);
    }
    crdt_buf_byte(out, '}');
}
