/* wire_column.c: many numbers that are alike, packed. See wire_impl.h and docs/WIRE.md.
 *
 * Shape    fewer than 8 values: each as a varint. Else blocks, until all are there. A block:
 *              1 byte   width of its values in bits, 0..62, or 63: they are varints; plus 64 if
 *                       its base is 0; plus 128 if it holds all values that are left
 *              varint   number of values, unless all that are left
 *              varint   base (unless it is 0, or the values are varints)
 *              bits     each value - base in `width` bits, from the low bit of the first byte on;
 *                       bits left over in the last byte are 0
 *          So a run of equal values is one block of width 0. In a column of signed numbers base and
 *          varints are zigzag.
 */
#include "gossip/wire_impl.h"

#define WIDTH_VARINTS 63u
#define BASE_0 64u
#define LAST 128u
#define FEW 8u    /* fewer have no blocks */
#define GROUP 16u /* values that are always put into one block */

static unsigned width_of(uint64_t range)
{
    return range == 0 ? 0 : 64u - (unsigned)__builtin_clzll(range);
}

static uint64_t folded(int64_t n, bool is_signed)
{
    return is_signed ? crdt_zigzag(n) : (uint64_t)n;
}

static int64_t unfolded(uint64_t n, bool is_signed)
{
    return is_signed ? crdt_unzigzag(n) : (int64_t)n;
}

/* Values of one block, and what they cost. */
typedef struct span {
    size_t  first, count;
    int64_t min, max;
    size_t  varints; /* bytes, if each is a varint */
} span;

/* 0 if no bit is lost by it. */
static int64_t base_of(const span *s)
{
    uint64_t range = (uint64_t)s->max - (uint64_t)s->min;
    return s->min >= 0 && width_of((uint64_t)s->max) == width_of(range) ? 0 : s->min;
}

static unsigned span_width(const span *s)
{
    return width_of((uint64_t)s->max - (uint64_t)base_of(s));
}

static size_t packed_bytes(const span *s)
{
    size_t base = base_of(s) == 0 ? 0 : gossip__varint_bytes(crdt_zigzag(s->min));
    return base + (s->count * span_width(s) + 7) / 8;
}

static bool as_varints(const span *s)
{
    return span_width(s) >= WIDTH_VARINTS || s->varints < packed_bytes(s);
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

static span group_at(const int64_t *values, size_t first, size_t count, bool is_signed)
{
    size_t many = count - first < GROUP ? count - first : GROUP;
    span   s = {first, many, values[first], values[first], 0};
    for (size_t i = first; i < first + many; i++) {
        if (values[i] < s.min) s.min = values[i];
        if (values[i] > s.max) s.max = values[i];
        s.varints += gossip__varint_bytes(folded(values[i], is_signed));
    }
    return s;
}

static void put_bits(crdt_buf *out, const span *s, const int64_t *values)
{
    unsigned width = span_width(s), held = 0;
    uint64_t base = (uint64_t)base_of(s), bits = 0; /* `held` of them, fewer than 8 */
    for (size_t i = s->first; width > 0 && i < s->first + s->count; i++) {
        uint64_t n = (uint64_t)values[i] - base;
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

static void put_varints(crdt_buf *out, const int64_t *values, size_t count, bool is_signed)
{
    for (size_t i = 0; i < count; i++) crdt_buf_varint(out, folded(values[i], is_signed));
}

static void put_block(crdt_buf *out, const span *s, const int64_t *values, bool last,
                      bool is_signed)
{
    unsigned head = (last ? LAST : 0) | (as_varints(s) ? WIDTH_VARINTS : span_width(s));
    int64_t  base = as_varints(s) ? 0 : base_of(s);
    crdt_buf_byte(out, (uint8_t)(head | (base == 0 ? BASE_0 : 0)));
    if (!last) crdt_buf_varint(out, s->count);
    if (base != 0) crdt_buf_varint(out, folded(base, is_signed));
    if (as_varints(s)) put_varints(out, values + s->first, s->count, is_signed);
    else put_bits(out, s, values);
}

void gossip__column_put(crdt_buf *out, const int64_t *values, size_t count, bool is_signed)
{
    if (count < FEW) {
        put_varints(out, values, count, is_signed);
        return;
    }
    for (size_t i = 0; i < count;) {
        span block = group_at(values, i, count, is_signed);
        for (i += block.count; i < count; i = block.first + block.count) {
            span next = group_at(values, i, count, is_signed), both = join(&block, &next);
            if (cost(&both) > cost(&block) + cost(&next)) break;
            block = both;
        }
        put_block(out, &block, values, i == count, is_signed);
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

static void skip_varints(crdt_dec *dec, uint64_t count)
{
    for (uint64_t i = 0; i < count && dec->err == CRDT_OK; i++) crdt_dec_varint(dec);
}

gossip__column gossip__column_open(crdt_dec *dec, size_t count, bool is_signed)
{
    gossip__column column = {.at = dec->at, .left = count, .is_signed = is_signed};
    if (count < FEW) {
        column.in_block = count;
        column.left = 0;
        column.width = WIDTH_VARINTS;
        skip_varints(dec, count);
        return column;
    }
    while (count > 0 && dec->err == CRDT_OK) {
        uint8_t  head = crdt_dec_byte(dec);
        unsigned width = head & (BASE_0 - 1);
        uint64_t values = head & LAST ? count : crdt_dec_varint(dec);
        if (values == 0 || values > count) {
            gossip__malformed(dec, "impossible block of a column");
            break;
        }
        if (!(head & BASE_0)) crdt_dec_varint(dec);
        if (width == WIDTH_VARINTS) skip_varints(dec, values);
        else get_bits(dec, (size_t)values, width);
        count -= (size_t)values;
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
    column->width = head & (BASE_0 - 1);
    column->in_block = head & LAST ? column->left : (size_t)sound_varint(&column->at);
    column->left -= column->in_block;
    column->base = head & BASE_0 ? 0 : sound_varint(&column->at);
    column->base = (uint64_t)unfolded(column->base, column->is_signed);
    if (column->width == WIDTH_VARINTS) return;
    column->bits = column->at;
    column->bit = 0;
    column->at += ((uint64_t)column->in_block * column->width + 7) / 8;
}

int64_t gossip__column_next(gossip__column *column)
{
    if (column->in_block == 0) next_block(column);
    column->in_block--;
    if (column->width == WIDTH_VARINTS) {
        return unfolded(sound_varint(&column->at), column->is_signed);
    }
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
