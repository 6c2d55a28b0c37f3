/* wire_column.c: many numbers that are alike, packed. See wire_impl.h and docs/WIRE.md.
 *
 * Shape    blocks, until all values of the column are there. A block:
 *              1 byte   width 0..64, or 127; plus 128 if the block holds all values that are left
 *              varint   number of values, unless all that are left
 *              width 127: each value, zigzag, as a varint
 *              else: varint base, zigzag; then each value - base in `width` bits, from the low bit
 *              of the first byte on; the bits left over in the last byte are 0
 *          So a run of equal values is one block of width 0.
 */
#include "gossip/wire_impl.h"

#define WIDTH_MAX 64u
#define WIDTH_VARINTS 127u
#define LAST 128u
#define GROUP 16u /* values that are always put into one block */

static unsigned width_of(uint64_t range)
{
    return range == 0 ? 0 : 64u - (unsigned)__builtin_clzll(range);
}

/* Values of one block, and what they cost. */
typedef struct span {
    size_t  first, count;
    int64_t min, max;
    size_t  varints; /* bytes, if each is a varint */
} span;

static unsigned span_width(const span *s)
{
    return width_of((uint64_t)s->max - (uint64_t)s->min);
}

static size_t packed_bytes(const span *s)
{
    return gossip__varint_bytes(crdt_zigzag(s->min)) + (s->count * span_width(s) + 7) / 8;
}

static bool as_varints(const span *s)
{
    return s->varints < packed_bytes(s);
}

static size_t cost(const span *s)
{
    size_t bytes = as_varints(s) ? s->varints : packed_bytes(s);
    return 1 + gossip__varint_bytes(s->count) + bytes;
}

static span join(const span *a, const span *b)
{
    span both = *a;
    both.count += b->count;
    both.varints += b->varints;
    if (b->min < both.min) both.min = b->min;
    if (b->max > both.max) both.max = b->max;
    return both;
}

static span group_at(const int64_t *values, size_t first, size_t count)
{
    span s = {first, count - first < GROUP ? count - first : GROUP, values[first], values[first],
              0};
    for (size_t i = first; i < first + s.count; i++) {
        if (values[i] < s.min) s.min = values[i];
        if (values[i] > s.max) s.max = values[i];
        s.varints += gossip__varint_bytes(crdt_zigzag(values[i]));
    }
    return s;
}

static void put_bits(crdt_buf *out, const span *s, const int64_t *values)
{
    unsigned width = span_width(s), held = 0;
    uint64_t bits = 0; /* `held` of them, fewer than 8 between values */
    for (size_t i = s->first; width > 0 && i < s->first + s->count; i++) {
        uint64_t n = (uint64_t)values[i] - (uint64_t)s->min;
        for (unsigned left = width; left > 0;) {
            unsigned take = left < 8 - held ? left : 8 - held;
            bits |= (n & ((1u << take) - 1)) << held;
            n >>= take;
            left -= take;
            held += take;
            if (held < 8) continue;
            crdt_buf_byte(out, (uint8_t)bits);
            bits = held = 0;
        }
    }
    if (held > 0) crdt_buf_byte(out, (uint8_t)bits);
}

static void put_block(crdt_buf *out, const span *s, const int64_t *values, bool last)
{
    unsigned width = as_varints(s) ? WIDTH_VARINTS : span_width(s);
    crdt_buf_byte(out, (uint8_t)(width | (last ? LAST : 0)));
    if (!last) crdt_buf_varint(out, s->count);
    if (width == WIDTH_VARINTS) {
        for (size_t i = s->first; i < s->first + s->count; i++) {
            crdt_buf_varint(out, crdt_zigzag(values[i]));
        }
        return;
    }
    crdt_buf_varint(out, crdt_zigzag(s->min));
    put_bits(out, s, values);
}

void gossip__column_put(crdt_buf *out, const int64_t *values, size_t count)
{
    for (size_t i = 0; i < count;) {
        span block = group_at(values, i, count);
        for (i += block.count; i < count; i += GROUP) {
            span next = group_at(values, i, count), both = join(&block, &next);
            if (cost(&both) > cost(&block) + cost(&next)) break;
            block = both;
        }
        if (i > count) i = count;
        put_block(out, &block, values, i == count);
    }
}

/* -- Reading ----------------------------------------------------------------------------------- */

static void get_bits(crdt_dec *dec, size_t count, unsigned width)
{
    /* count is bounded by the bytes of the input, so this cannot overflow */
    uint64_t  bits = (uint64_t)count * width;
    crdt_view packed = crdt_dec_bytes(dec, (size_t)((bits + 7) / 8));
    if (bits % 8 == 0 || dec->err) return;
    if (((const uint8_t *)packed.data)[packed.size - 1] >> bits % 8) {
        gossip__malformed(dec, "bits behind the last value of a column");
    }
}

gossip__column gossip__column_open(crdt_dec *dec, size_t count)
{
    gossip__column column = {dec->at, NULL, count, 0, 0, 0, 0};
    while (count > 0 && dec->err == CRDT_OK) {
        uint8_t  head = crdt_dec_byte(dec);
        unsigned width = head & (LAST - 1);
        uint64_t values = head & LAST ? count : crdt_dec_varint(dec);
        if (values == 0 || values > count || (width > WIDTH_MAX && width != WIDTH_VARINTS)) {
            gossip__malformed(dec, "impossible block of a column");
        } else if (width == WIDTH_VARINTS) {
            for (uint64_t i = 0; i < values && dec->err == CRDT_OK; i++) crdt_dec_varint(dec);
        } else {
            crdt_dec_varint(dec);
            get_bits(dec, (size_t)values, width);
        }
        count -= dec->err ? 0 : (size_t)values;
    }
    return column;
}

static uint64_t sound_varint(const uint8_t **at)
{
    uint64_t n = 0;
    for (unsigned shift = 0;; shift += 7) {
        uint8_t byte = *(*at)++;
        n |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) return n;
    }
}

static void next_block(gossip__column *column)
{
    GOSSIP_ASSERT(column->left > 0);
    uint8_t head = *column->at++;
    column->width = head & (LAST - 1);
    column->in_block = head & LAST ? column->left : (size_t)sound_varint(&column->at);
    column->left -= column->in_block;
    if (column->width == WIDTH_VARINTS) return;
    column->base = (uint64_t)crdt_unzigzag(sound_varint(&column->at));
    column->bits = column->at;
    column->bit = 0;
    column->at += ((uint64_t)column->in_block * column->width + 7) / 8;
}

int64_t gossip__column_next(gossip__column *column)
{
    if (column->in_block == 0) next_block(column);
    column->in_block--;
    if (column->width == WIDTH_VARINTS) return crdt_unzigzag(sound_varint(&column->at));
    uint64_t n = 0;
    for (unsigned got = 0; got < column->width;) {
        unsigned shift = column->bit % 8, take = 8 - shift;
        if (take > column->width - got) take = column->width - got;
        uint64_t part = (uint64_t)column->bits[column->bit / 8] >> shift & ((1u << take) - 1);
        n |= part << got;
        got += take;
        column->bit += take;
    }
    return (int64_t)(column->base + n);
}
