/* core/elems_code.c: elements by dot as canonical bytes.
 *
 * Bytes    varint t. t <= 16: t dots in order, each: varint step of the replica's place; varint
 *          seq, less that of the dot before (and 1) if the replica is the same; a record
 *          (core/elems_impl.h).
 *          t > 16: t - 16 chunks in order, each: varint step of the place; varint block, less that
 *          before (and 1) if the replica is the same; u8 shape = container + 4 * width; u16
 *          dots - 1; u16 offset of the first; u32 size of the body: the container, the column.
 * Container  what follows the first dot, until all are told:
 *            0 LIST    varint gap - 1 to each next dot
 *            1 RUNS    varint length - 1; then varint gap - 1, length - 1 of each next run (a run
 *                      never touches the one before, so its gap is the number of dots left out)
 *            2 BITMAP  a bit for each offset behind the first, up to the last dot
 *          The shortest; of equals the first named.
 * Column     width 2..8: integers of that many bytes, zigzag, or as they are if 8: the least
 *          width that holds all, but 8 for fewer than 8 dots. Width 0: records, at least one of a
 *          byte string.
 * Bounds     a chunk is at least 12 bytes here, so that what it takes in memory stays below 8
 *          times that.
 */
#include "crdt/core/dec.h"
#include "crdt/core/elems_impl.h"

enum { LIST, RUNS, BITMAP };

#define LAST_WORD (CRDT__CHUNK_WORDS - 1)
#define DOT_SIZE_MIN 3u
#define CHUNK_SIZE_MIN 12u

/* -- Containers -------------------------------------------------------------------------------- */

/* The first offset from `from` on that is in words, or is not, if flip. CRDT__CHUNK_DOTS: none. */
static unsigned seek_bit(const uint64_t *words, unsigned from, bool flip)
{
    for (unsigned w = from / 64; from < CRDT__CHUNK_DOTS; from = ++w * 64) {
        uint64_t word = (flip ? ~words[w] : words[w]) & UINT64_MAX << from % 64;
        if (word) return w * 64 + crdt__lowest(word);
    }
    return CRDT__CHUNK_DOTS;
}

static unsigned varint_size(unsigned n)
{
    return n < 0x80 ? 1 : 2; /* n < 4096 */
}

typedef struct container {
    unsigned kind, count, first;
    unsigned size; /* bytes */
} container;

static container container_of(const uint64_t *words)
{
    container c = {LIST, 0, seek_bit(words, 0, false), 0};
    unsigned  last = c.first, list = 0, runs = 0;
    for (unsigned lo = c.first, hi; lo < CRDT__CHUNK_DOTS; lo = seek_bit(words, hi, false)) {
        hi = seek_bit(words, lo, true);
        if (lo != c.first) {
            list += varint_size(lo - last - 1);
            runs += varint_size(lo - last - 2);
        }
        runs += varint_size(hi - lo - 1);
        list += hi - lo - 1;
        c.count += hi - lo;
        last = hi - 1;
    }
    unsigned bitmap = (last - c.first + 7) / 8;
    c.size = list;
    if (runs < c.size) {
        c.kind = RUNS;
        c.size = runs;
    }
    if (bitmap < c.size) {
        c.kind = BITMAP;
        c.size = bitmap;
    }
    return c;
}

static void put_container(const uint64_t *words, const container *c, crdt_buf *out)
{
    unsigned last = c->first;
    if (c->kind == BITMAP) {
        for (unsigned at = 0; at < c->size; at++) {
            unsigned bit = c->first + 1 + 8 * at, w = bit / 64;
            uint64_t word = words[w] >> bit % 64;
            if (bit % 64 > 56 && w < LAST_WORD) word |= words[w + 1] << (64 - bit % 64);
            crdt_buf_byte(out, (uint8_t)word);
        }
        return;
    }
    for (unsigned lo = c->first, hi; lo < CRDT__CHUNK_DOTS; lo = seek_bit(words, hi, false)) {
        hi = seek_bit(words, lo, true);
        if (c->kind == RUNS) {
            if (lo != c->first) crdt_buf_varint(out, lo - last - 2);
            crdt_buf_varint(out, hi - lo - 1);
        }
        for (unsigned at = lo; c->kind == LIST && at < hi; at++) {
            if (at != c->first) crdt_buf_varint(out, at - (at == lo ? last : at - 1) - 1);
        }
        last = hi - 1;
    }
}

/* Dots offset .. offset+len-1 into words; false if they do not fit into the block. */
static bool set_bits(uint64_t *words, uint64_t offset, uint64_t len)
{
    if (offset >= CRDT__CHUNK_DOTS || len > CRDT__CHUNK_DOTS - offset) return false;
    for (uint64_t i = offset; i < offset + len; i++) words[i / 64] |= UINT64_C(1) << i % 64;
    return true;
}

static bool get_bitmap(crdt_dec *dec, uint64_t *words, const container *c)
{
    unsigned count = 1;
    for (unsigned at = c->first + 1; count < c->count; at += 8) {
        uint8_t byte = crdt_dec_byte(dec);
        for (unsigned bit = 0; bit < 8; bit++) {
            if (!(byte >> bit & 1)) continue;
            if (!set_bits(words, at + bit, 1)) return false;
            count++;
        }
        if (crdt_dec_status(dec) || at >= CRDT__CHUNK_DOTS) return false;
    }
    return true;
}

static bool get_runs(crdt_dec *dec, uint64_t *words, const container *c)
{
    uint64_t at = c->first, count = 0;
    for (;;) {
        uint64_t len = c->kind == RUNS ? crdt_dec_varint(dec) : 0;
        if (len >= CRDT__CHUNK_DOTS || !set_bits(words, at, len + 1)) return false;
        count += len + 1;
        if (count >= c->count || crdt_dec_status(dec)) break;
        uint64_t gap = crdt_dec_varint(dec);
        if (gap >= CRDT__CHUNK_DOTS) return false;
        at += len + 1 + gap + (c->kind == RUNS);
    }
    return count == c->count;
}

/* Reads the dots of the container that *c announces into words (zero). */
static crdt_err get_container(crdt_dec *dec, uint64_t *words, const container *c)
{
    bool ok = set_bits(words, c->first, 1);
    if (ok) ok = c->kind == BITMAP ? get_bitmap(dec, words, c) : get_runs(dec, words, c);
    if (crdt_dec_status(dec)) return crdt_dec_status(dec);
    if (!ok) return crdt_dec_fail(dec, CRDT_EMALFORMED, "elements: dots outside their block");
    container best = container_of(words);
    if (best.count != c->count || best.kind != c->kind) {
        return crdt_dec_fail(dec, CRDT_EMALFORMED, "elements: dots are not in shortest form");
    }
    return CRDT_OK;
}

/* -- Columns ----------------------------------------------------------------------------------- */

static unsigned width_of(uint64_t zigzags, unsigned count)
{
    unsigned width = 2;
    if (count < 8) return 8;
    while (width < 8 && zigzags >> 8 * width != 0) width++;
    return width;
}

typedef struct column {
    unsigned width; /* 0: records */
    uint64_t size;
} column;

/* A column of integers without holes: as it lies in memory. */
static bool is_plain(const crdt__chunk *c)
{
    return !c->records && c->live == c->stored;
}

static column plain_column(const crdt__chunk *c)
{
    uint64_t zigzags = 0;
    for (unsigned i = 0; i < c->live; i++) zigzags |= crdt_zigzag(crdt__ints(c)[i]);
    unsigned width = width_of(zigzags, c->live);
    return (column){width, (uint64_t)width * c->live};
}

static column column_of(const crdt__chunk *c)
{
    if (is_plain(c)) return plain_column(c);
    uint64_t zigzags = 0, records = 0;
    bool     all_ints = true;
    unsigned place, live = 0;
    for (unsigned at = 0; (at = crdt__chunk_next(c, at, &place)) < CRDT__CHUNK_DOTS; at++, live++) {
        crdt_value value = crdt__chunk_value(c, place);
        zigzags |= crdt_zigzag(value.i);
        if (!c->records) continue;
        all_ints &= value.kind == CRDT_INT;
        records += crdt__record_size(value);
    }
    unsigned width = all_ints ? width_of(zigzags, live) : 0;
    return (column){width, all_ints ? (uint64_t)width * live : records};
}

static inline uint8_t *put_int(uint8_t *to, int64_t i, unsigned width)
{
    uint64_t n = width == 8 ? (uint64_t)i : crdt_zigzag(i);
    for (unsigned b = 0; b < width; b++) to[b] = (uint8_t)(n >> 8 * b);
    return to + width;
}

static inline int64_t get_int(const uint8_t *from, unsigned width)
{
    uint64_t n = 0;
    for (unsigned b = 0; b < width; b++) n |= (uint64_t)from[b] << 8 * b;
    return width == 8 ? (int64_t)n : crdt_unzigzag(n);
}

/* With the usual width the compiler makes one store and one load of the bytes. */
static void put_ints(uint8_t *to, const int64_t *from, unsigned count, unsigned width)
{
    for (unsigned i = 0; width == 8 && i < count; i++) to = put_int(to, from[i], 8);
    for (unsigned i = 0; width < 8 && i < count; i++) to = put_int(to, from[i], width);
}

static void take_ints(int64_t *to, const uint8_t *from, unsigned count, unsigned width)
{
    for (unsigned i = 0; width == 8 && i < count; i++) to[i] = get_int(from + 8u * i, 8);
    for (unsigned i = 0; width < 8 && i < count; i++) to[i] = get_int(from + width * i, width);
}

static void put_column(const crdt__chunk *c, const column *col, crdt_buf *out)
{
    unsigned place, width = col->width;
    if (!crdt_buf_reserve(out, (size_t)col->size)) return;
    uint8_t *to = out->data + out->size;
    out->size += (size_t)col->size;
    if (is_plain(c)) {
        put_ints(to, crdt__ints(c), c->live, width);
        return;
    }
    for (unsigned at = 0; (at = crdt__chunk_next(c, at, &place)) < CRDT__CHUNK_DOTS; at++) {
        if (width > 0) to = put_int(to, crdt__chunk_value(c, place).i, width);
        else to += crdt__record_put(to, crdt__chunk_value(c, place));
    }
}

/* One record, strict. */
static crdt_err get_record(crdt_dec *dec, crdt_value *ret_value)
{
    uint64_t head = crdt__dec_varint(dec), zigzag = 0;
    *ret_value = (crdt_value){CRDT_INT, 0, {NULL, 0}};
    if (dec->err) return dec->err;
    if (head > 8) {
        if (head - 9 > dec->limits->value_bytes) {
            return crdt_dec_fail(dec, CRDT_ELIMIT, "elements: a value is too long");
        }
        ret_value->kind = CRDT_BYTES;
        ret_value->bytes = crdt_dec_bytes(dec, (size_t)head - 9);
        return dec->err;
    }
    const uint8_t *at = crdt_dec_bytes(dec, (size_t)head).data;
    if (dec->err) return dec->err;
    if (head > 0 && at[head - 1] == 0) {
        return crdt_dec_fail(dec, CRDT_EMALFORMED, "elements: an integer is not in shortest form");
    }
    for (unsigned i = 0; i < head; i++) zigzag |= (uint64_t)at[i] << 8 * i;
    ret_value->i = crdt_unzigzag(zigzag);
    return CRDT_OK;
}

static crdt_err get_ints(crdt_dec *dec, crdt__chunk *c, unsigned width)
{
    crdt_view bytes = crdt_dec_bytes(dec, (size_t)width * c->live);
    if (crdt_dec_status(dec)) return crdt_dec_status(dec);
    take_ints(crdt__ints(c), bytes.data, c->live, width);
    if (plain_column(c).width == width) return CRDT_OK;
    return crdt_dec_fail(dec, CRDT_EMALFORMED, "elements: a column has not its least width");
}

static crdt_err get_records(crdt_dec *dec, crdt__chunk *c)
{
    const uint8_t *start = dec->at;
    bool           strings = false;
    for (unsigned i = 0; i < c->live; i++) {
        crdt_value value;
        crdt__places(c)[i] = (uint32_t)(dec->at - start);
        if (get_record(dec, &value)) return crdt_dec_status(dec);
        strings |= value.kind == CRDT_BYTES;
    }
    c->blob_size = (uint32_t)(dec->at - start);
    if (!strings) return crdt_dec_fail(dec, CRDT_EMALFORMED, "elements: records without a string");
    if (c->blob_size != c->blob_cap) {
        return crdt_dec_fail(dec, CRDT_EMALFORMED, "elements: a body has another size");
    }
    memcpy(c->blob, start, c->blob_size);
    return CRDT_OK;
}

/* -- Chunks ------------------------------------------------------------------------------------ */

/* Where the reader or writer stands. */
typedef struct place {
    bool     any;
    uint32_t replica; /* its place in the dictionary */
    uint64_t number;  /* of the block, or the dot */
} place;

static void put_step(crdt_enc *enc, place *last, uint64_t replica, uint64_t number)
{
    uint32_t at = crdt_replicas_place(enc->dict, replica);
    bool     same = last->any && at == last->replica;
    crdt_buf_varint(enc->out, at - last->replica);
    crdt_buf_varint(enc->out, same ? number - last->number - 1 : number);
    *last = (place){true, at, number};
}

/* The replica and the number (at most `max`) behind last. */
static crdt_err get_step(crdt_dec *dec, place *last, uint64_t max, uint64_t *ret_replica)
{
    uint64_t step = crdt__dec_varint(dec), number = crdt__dec_varint(dec);
    bool     same = last->any && step == 0;
    if (dec->err) return dec->err;
    if (step >= dec->dict_count - last->replica) {
        return crdt_dec_fail(dec, CRDT_EMALFORMED, "elements: a replica is not in the dictionary");
    }
    if (number > max || (same && number >= max - last->number)) {
        return crdt_dec_fail(dec, CRDT_EMALFORMED, "elements: a sequence number is too great");
    }
    if (same) number += last->number + 1;
    *last = (place){true, last->replica + (uint32_t)step, number};
    *ret_replica = dec->dict[last->replica];
    return CRDT_OK;
}

static void put_u16(crdt_buf *out, unsigned n)
{
    crdt_buf_byte(out, (uint8_t)n);
    crdt_buf_byte(out, (uint8_t)(n >> 8));
}

static unsigned get_u16(crdt_dec *dec)
{
    unsigned low = crdt_dec_byte(dec);
    return low | (unsigned)crdt_dec_byte(dec) << 8;
}

static void put_chunk(const crdt__chunk *c, crdt_enc *enc, place *last)
{
    uint64_t words[CRDT__CHUNK_WORDS];
    crdt__source_words(crdt__source_of(c), 0, LAST_WORD, words);
    container box = container_of(words);
    column    col = column_of(c);
    uint64_t  size = box.size + col.size;
    CRDT_ASSERT(size <= UINT32_MAX);
    put_step(enc, last, c->replica, c->first / CRDT__CHUNK_DOTS);
    crdt_buf_byte(enc->out, (uint8_t)(box.kind + 4 * col.width));
    put_u16(enc->out, box.count - 1);
    put_u16(enc->out, box.first);
    put_u16(enc->out, (unsigned)(size & 0xffff));
    put_u16(enc->out, (unsigned)(size >> 16));
    put_container(words, &box, enc->out);
    put_column(c, &col, enc->out);
}

/* The body of a chunk, from its own bytes. */
static crdt_err get_body(const crdt_mem *mem, crdt_dec *dec, const container *box, unsigned width,
                         crdt__chunk *head, crdt__chunk **ret_chunk)
{
    uint64_t words[CRDT__CHUNK_WORDS] = {0};
    crdt_err err = get_container(dec, words, box);
    if (err) return err;
    bool   records = width == 0, zero = head->first == 0 && words[0] & 1;
    size_t left = crdt_dec_left(dec);
    if (zero) return crdt_dec_fail(dec, CRDT_EMALFORMED, "elements: a dot has the number 0");
    if (head->first == CRDT_SEQ_MAX && box->first + box->count != 1) {
        return crdt_dec_fail(dec, CRDT_EMALFORMED, "elements: a sequence number is too great");
    }
    if (records ? left < box->count : left != (size_t)width * box->count) {
        return crdt_dec_fail(dec, CRDT_EMALFORMED, "elements: a body has another size");
    }
    err = crdt__chunk_frame(mem, head->replica, head->first, words, records, records ? left : 0,
                            ret_chunk);
    if (err) return crdt_dec_fail(dec, err, "out of memory");
    err = records ? get_records(dec, *ret_chunk) : get_ints(dec, *ret_chunk, width);
    if (err) crdt__chunk_free(mem, *ret_chunk);
    return err;
}

static crdt_err get_chunk(const crdt_mem *mem, crdt_dec *dec, place *last, crdt__chunk **ret_chunk)
{
    crdt__chunk head = {0};
    uint64_t    block_max = CRDT_SEQ_MAX / CRDT__CHUNK_DOTS;
    if (get_step(dec, last, block_max, &head.replica)) return crdt_dec_status(dec);
    unsigned  shape = crdt_dec_byte(dec);
    container box = {shape & 3, get_u16(dec) + 1, get_u16(dec), 0};
    size_t    low = get_u16(dec), size = low | (size_t)get_u16(dec) << 16;
    head.first = last->number * CRDT__CHUNK_DOTS;
    if (shape / 4 == 1 || shape / 4 > 8 || box.kind > BITMAP || box.count > CRDT__CHUNK_DOTS ||
        box.first >= CRDT__CHUNK_DOTS) {
        return crdt_dec_fail(dec, CRDT_EMALFORMED, "elements: unknown shape of a chunk");
    }
    crdt_view body = crdt_dec_bytes(dec, size);
    crdt_dec  sub = *dec;
    if (crdt_dec_status(dec)) return crdt_dec_status(dec);
    sub.at = body.data;
    sub.end = sub.at + body.size;
    crdt_err err = get_body(mem, &sub, &box, shape / 4, &head, ret_chunk);
    return err ? crdt_dec_fail(dec, err, sub.reason) : CRDT_OK;
}

static crdt_err decode_large(const crdt_space *space, crdt__elems *e, crdt_dec *dec, size_t chunks)
{
    place        last = {0};
    crdt__large *large = crdt__large_new(space->mem);
    if (large == NULL) return crdt_dec_fail(dec, CRDT_ENOMEM, "out of memory");
    e->body = large;
    e->large = true;
    if (crdt__large_reserve(large, chunks)) return crdt_dec_fail(dec, CRDT_ENOMEM, "out of memory");
    for (size_t i = 0; i < chunks; i++) {
        if (get_chunk(space->mem, dec, &last, &large->order[i])) return crdt_dec_status(dec);
        e->dots += large->order[i]->live;
        large->count++;
    }
    if (e->dots > CRDT__SMALL_DOTS) return CRDT_OK;
    return crdt_dec_fail(dec, CRDT_EMALFORMED, "elements: chunks for a few dots");
}

static crdt_err decode_small(const crdt_space *space, crdt__elems *e, crdt_dec *dec, uint32_t count)
{
    crdt_dot   dots[CRDT__SMALL_DOTS];
    crdt_value values[CRDT__SMALL_DOTS];
    place      last = {0};
    uint32_t   bytes = 0;
    if (count == 0) return CRDT_OK;
    for (uint32_t i = 0; i < count; i++) {
        if (get_step(dec, &last, CRDT_SEQ_MAX, &dots[i].replica)) return dec->err;
        if (get_record(dec, &values[i])) return dec->err;
        dots[i].seq = last.number;
        if (last.number == 0) {
            return crdt_dec_fail(dec, CRDT_EMALFORMED, "elements: a dot has the number 0");
        }
        bytes += (uint32_t)values[i].bytes.size;
    }
    crdt__small *s = crdt__small_new(space->mem, count, bytes);
    if (s == NULL) return crdt_dec_fail(dec, CRDT_ENOMEM, "out of memory");
    for (uint32_t i = 0; i < count; i++) crdt__small_append(s, dots[i], values[i]);
    e->body = s;
    e->dots = count;
    return CRDT_OK;
}

crdt_err crdt__elems_decode(const crdt_space *space, crdt__elems *e, crdt_dec *dec)
{
    uint64_t t = crdt__dec_varint(dec), few = t <= CRDT__SMALL_DOTS ? t : 0;
    size_t   left = crdt_dec_left(dec);
    crdt_err err = dec->err;
    if (err) return err;
    if (few * DOT_SIZE_MIN > left || (t > few && (t - CRDT__SMALL_DOTS) > left / CHUNK_SIZE_MIN)) {
        return crdt_dec_fail(dec, CRDT_EMALFORMED, "elements: more dots than bytes");
    }
    err = t == few ? decode_small(space, e, dec, (uint32_t)few)
                   : decode_large(space, e, dec, (size_t)t - CRDT__SMALL_DOTS);
    if (err) crdt__elems_clear(space->mem, e);
    return err;
}

void crdt__elems_encode(const crdt__elems *e, crdt_enc *enc)
{
    place last = {0};
    if (e->dots <= CRDT__SMALL_DOTS) {
        crdt__elems_cursor at = {e, 0, 0};
        crdt_dot           dot;
        crdt_value         value;
        crdt_buf_varint(enc->out, e->dots);
        while (crdt__elems_next(&at, &dot, &value)) {
            put_step(enc, &last, dot.replica, dot.seq);
            uint32_t size = crdt__record_size(value);
            if (!crdt_buf_reserve(enc->out, size)) return;
            enc->out->size += crdt__record_put(enc->out->data + enc->out->size, value);
        }
        return;
    }
    const crdt__large *large = e->body;
    crdt_buf_varint(enc->out, (uint64_t)large->count + CRDT__SMALL_DOTS);
    for (uint32_t i = 0; i < large->count; i++) put_chunk(large->order[i], enc, &last);
}

void crdt__elems_mark(const crdt__elems *e, crdt_replicas *ids)
{
    uint64_t           last = 0;
    const crdt__small *s = e->large ? NULL : e->body;
    for (uint32_t i = 0; s && i < s->count; i++) {
        if (s->at[i].replica != last) crdt_replicas_add(ids, last = s->at[i].replica);
    }
    for (uint32_t i = 0; e->large && i < crdt__large_of(e)->count; i++) {
        uint64_t replica = crdt__large_of(e)->order[i]->replica;
        if (replica != last) crdt_replicas_add(ids, last = replica);
    }
}
