/* core/elems_chunk.c: one block's dots and values. See core/elems_impl.h. */
#include "crdt/core/bytes.h"
#include "crdt/core/elems_impl.h"

/* -- Records ----------------------------------------------------------------------------------- */

#define RECORD_INT_MAX 8u

static unsigned int_size(uint64_t zigzag)
{
    unsigned size = 0;
    for (; zigzag != 0; zigzag >>= 8) size++;
    return size;
}

uint32_t crdt__record_size(crdt_value value)
{
    uint32_t size = 1;
    if (value.kind == CRDT_INT) return 1 + int_size(crdt_zigzag(value.i));
    for (size_t head = value.bytes.size + RECORD_INT_MAX + 1; head >= 0x80; head >>= 7) size++;
    return size + (uint32_t)value.bytes.size;
}

uint32_t crdt__record_put(uint8_t *at, crdt_value value)
{
    uint8_t *start = at;
    if (value.kind == CRDT_INT) {
        uint64_t zigzag = crdt_zigzag(value.i);
        *at++ = (uint8_t)int_size(zigzag);
        for (; zigzag != 0; zigzag >>= 8) *at++ = (uint8_t)zigzag;
        return (uint32_t)(at - start);
    }
    at = crdt__put_varint(at, value.bytes.size + RECORD_INT_MAX + 1);
    if (value.bytes.size > 0) memcpy(at, value.bytes.data, value.bytes.size);
    return (uint32_t)(at - start) + (uint32_t)value.bytes.size;
}

uint32_t crdt__record_get(const uint8_t *at, crdt_value *ret_value)
{
    const uint8_t *start = at;
    uint64_t       head = *at & 0x7f;
    for (unsigned shift = 7; *at++ & 0x80; shift += 7) head |= (uint64_t)(*at & 0x7f) << shift;
    *ret_value = (crdt_value){CRDT_INT, 0, {NULL, 0}};
    if (head <= RECORD_INT_MAX) {
        uint64_t zigzag = 0;
        for (unsigned i = 0; i < head; i++) zigzag |= (uint64_t)at[i] << 8 * i;
        ret_value->i = crdt_unzigzag(zigzag);
        return 1 + (uint32_t)head;
    }
    head -= RECORD_INT_MAX + 1;
    ret_value->kind = CRDT_BYTES;
    ret_value->bytes = crdt_view_of(at, (size_t)head);
    return (uint32_t)(at - start) + (uint32_t)head;
}

static uint32_t record_size_at(const uint8_t *at)
{
    crdt_value value;
    return crdt__record_get(at, &value);
}

crdt_value crdt__chunk_value(const crdt__chunk *c, unsigned place)
{
    crdt_value value = {CRDT_INT, 0, {NULL, 0}};
    if (c->records) {
        crdt__record_get(c->blob + crdt__places(c)[place], &value);
    } else {
        value.i = crdt__ints(c)[place];
    }
    return value;
}

/* -- Finding dots ------------------------------------------------------------------------------ */

static inline bool all_live(const crdt__chunk *c)
{
    return c->live == c->stored;
}

/* Place in an ARRAY of the first offset that is not less. */
static unsigned array_seek(const crdt__chunk *c, unsigned offset)
{
    const uint16_t *offsets = crdt__offsets(c);
    unsigned        lo = 0, hi = c->stored;
    while (lo < hi) {
        unsigned mid = (lo + hi) / 2;
        if (offsets[mid] < offset) lo = mid + 1;
        else hi = mid;
    }
    return lo;
}

static inline unsigned bits_place(const crdt__chunk *c, unsigned offset)
{
    uint64_t below = crdt__stored(c)[offset / 64] & ((UINT64_C(1) << offset % 64) - 1);
    return crdt__ranks(c)[offset / 64] + crdt__popcount(below);
}

int crdt__chunk_place(const crdt__chunk *c, unsigned offset)
{
    unsigned place = offset - c->start;
    switch (c->form) {
    case CRDT__RANGE:
        if (offset < c->start || place >= c->stored) return -1;
        if (!all_live(c) && !(crdt__live(c)[place / 64] >> place % 64 & 1)) return -1;
        return (int)place;
    case CRDT__BITS:
        if (!(crdt__live(c)[offset / 64] >> offset % 64 & 1)) return -1;
        return (int)bits_place(c, offset);
    default:
        place = array_seek(c, offset);
        return place < c->stored && crdt__offsets(c)[place] == offset ? (int)place : -1;
    }
}

/* The first set bit from `from` on and below end, or end. */
static unsigned next_bit(const uint64_t *bits, unsigned from, unsigned end)
{
    unsigned w = from / 64;
    if (from >= end) return end;
    uint64_t word = bits[w] & UINT64_MAX << from % 64;
    while (word == 0) {
        if (++w * 64 >= end) return end;
        word = bits[w];
    }
    unsigned bit = w * 64 + crdt__lowest(word);
    return bit < end ? bit : end;
}

unsigned crdt__chunk_next(const crdt__chunk *c, unsigned offset, unsigned *ret_place)
{
    unsigned place = 0;
    switch (c->form) {
    case CRDT__RANGE:
        place = offset > c->start ? offset - c->start : 0;
        if (!all_live(c)) place = next_bit(crdt__live(c), place, c->stored);
        *ret_place = place;
        return place < c->stored ? c->start + place : CRDT__CHUNK_DOTS;
    case CRDT__BITS:
        offset = next_bit(crdt__live(c), offset, CRDT__CHUNK_DOTS);
        if (offset < CRDT__CHUNK_DOTS) *ret_place = bits_place(c, offset);
        return offset;
    default:
        *ret_place = place = array_seek(c, offset);
        return place < c->stored ? crdt__offsets(c)[place] : CRDT__CHUNK_DOTS;
    }
}

unsigned crdt__chunk_last(const crdt__chunk *c)
{
    if (c->form == CRDT__RANGE) return c->start + c->stored - 1u;
    if (c->form == CRDT__ARRAY) return crdt__offsets(c)[c->stored - 1];
    unsigned w = CRDT__CHUNK_WORDS - 1;
    while (crdt__stored(c)[w] == 0) w--;
    return w * 64 + 63 - (unsigned)__builtin_clzll(crdt__stored(c)[w]);
}

/* -- Words of live dots ------------------------------------------------------------------------ */

/* 64 bits of an array of `count` from bit `from` on (which may be negative); 0 outside. */
static uint64_t bits_at(const uint64_t *bits, int from, int count)
{
    uint64_t word = 0;
    int      words = (count + 63) / 64, w = from >= 0 ? from / 64 : -1;
    unsigned shift = (unsigned)(from - w * 64);
    if (w >= 0 && w < words) word = bits[w] >> shift;
    if (shift > 0 && w + 1 < words) word |= bits[w + 1] << (64 - shift);
    return word;
}

static void range_words(const crdt__chunk *c, unsigned w0, unsigned w1, uint64_t *out)
{
    for (unsigned w = w0; w <= w1; w++) {
        int      from = (int)(w * 64) - c->start, to = c->stored - from; /* bits of this word */
        unsigned lo = from < 0 ? (unsigned)-from : 0, hi = to < 64 ? (unsigned)to : 64;
        out[w] = 0;
        if (from <= -64 || to <= 0) continue;
        out[w] = crdt__ones(lo, hi - lo);
        if (!all_live(c)) out[w] &= bits_at(crdt__live(c), from, c->stored);
    }
}

void crdt__source_words(crdt__source source, unsigned w0, unsigned w1, uint64_t *out)
{
    const crdt__chunk *c = source.chunk;
    if (c != NULL && c->form == CRDT__RANGE) {
        range_words(c, w0, w1, out);
        return;
    }
    if (c != NULL && c->form == CRDT__BITS) {
        memcpy(out + w0, crdt__live(c) + w0, (w1 - w0 + 1) * sizeof *out);
        return;
    }
    memset(out + w0, 0, (w1 - w0 + 1) * sizeof *out);
    for (unsigned i = c ? array_seek(c, w0 * 64) : 0; c && i < c->stored; i++) {
        unsigned offset = crdt__offsets(c)[i];
        if (offset / 64 > w1) break;
        out[offset / 64] |= UINT64_C(1) << offset % 64;
    }
    for (unsigned i = 0; i < source.count; i++) {
        unsigned offset = source.entries[i].seq % CRDT__CHUNK_DOTS;
        if (offset / 64 >= w0 && offset / 64 <= w1) out[offset / 64] |= UINT64_C(1) << offset % 64;
    }
}

/* The value of a dot that lives in the source. */
static crdt_value source_value(crdt__source source, unsigned offset)
{
    if (source.chunk) {
        return crdt__chunk_value(source.chunk, (unsigned)crdt__chunk_place(source.chunk, offset));
    }
    const crdt__entry *entry = source.entries;
    while (entry->seq % CRDT__CHUNK_DOTS != offset) entry++;
    return crdt__entry_value(source.small, entry);
}

/* The bytes of the records at places place .. place+len-1, which touch in the blob. */
static crdt_view records_of(const crdt__chunk *c, unsigned place, unsigned len)
{
    uint32_t from = crdt__places(c)[place], last = crdt__places(c)[place + len - 1];
    return crdt_view_of(c->blob + from, last + record_size_at(c->blob + last) - from);
}

bool crdt__source_equal(crdt__source a, crdt__source b, unsigned offset, unsigned len)
{
    const crdt__chunk *ca = a.chunk, *cb = b.chunk;
    if (ca && cb && ca->records == cb->records) {
        unsigned pa = (unsigned)crdt__chunk_place(ca, offset);
        unsigned pb = (unsigned)crdt__chunk_place(cb, offset);
        if (!ca->records) {
            return memcmp(crdt__ints(ca) + pa, crdt__ints(cb) + pb, len * sizeof(int64_t)) == 0;
        }
        crdt_view va = records_of(ca, pa, len), vb = records_of(cb, pb, len);
        return va.size == vb.size && memcmp(va.data, vb.data, va.size) == 0;
    }
    for (unsigned i = offset; i < offset + len; i++) {
        if (crdt_value_compare(source_value(a, i), source_value(b, i)) != 0) return false;
    }
    return true;
}

/* True if all of these dots of the source are integers in its own eyes. */
static bool source_is_ints(crdt__source source, const uint64_t *mask)
{
    if (source.chunk) return !source.chunk->records;
    for (unsigned i = 0; i < source.count; i++) {
        unsigned offset = source.entries[i].seq % CRDT__CHUNK_DOTS;
        if (source.entries[i].is_bytes && mask[offset / 64] >> offset % 64 & 1) return false;
    }
    return true;
}

/* Bytes that these dots take as records. */
static size_t source_bytes(crdt__source source, const uint64_t *mask, unsigned w0, unsigned w1)
{
    size_t bytes = 0;
    for (unsigned w = w0; w <= w1; w++) {
        for (uint64_t word = mask[w]; word != 0;) {
            unsigned bit = crdt__lowest(word), len = crdt__ones_from(word, bit);
            unsigned offset = w * 64 + bit;
            word &= ~crdt__ones(bit, len);
            if (source.chunk && source.chunk->records) {
                unsigned place = (unsigned)crdt__chunk_place(source.chunk, offset);
                bytes += records_of(source.chunk, place, len).size;
                continue;
            }
            for (unsigned i = 0; i < len; i++) {
                bytes += crdt__record_size(source_value(source, offset + i));
            }
        }
    }
    return bytes;
}

/* -- Memory ------------------------------------------------------------------------------------ */

void crdt__chunk_free(const crdt_mem *mem, crdt__chunk *c)
{
    if (c == NULL) return;
    crdt__release(mem, c->data, crdt__data_size(c->form, c->cap, c->records));
    crdt__release(mem, c->blob, c->blob_cap);
    crdt__release(mem, c, sizeof *c);
}

size_t crdt__chunk_bytes(const crdt__chunk *c)
{
    return sizeof *c + crdt__data_size(c->form, c->cap, c->records) + c->blob_cap;
}

/* A chunk without dots: form, cap and records as given, and this much of a blob. */
static crdt_err chunk_new(const crdt_mem *mem, crdt__form form, unsigned cap, bool records,
                          size_t blob_cap, crdt__chunk **ret_chunk)
{
    crdt__chunk *c = crdt__alloc(mem, sizeof *c);
    if (c == NULL) return CRDT_ENOMEM;
    memset(c, 0, sizeof *c);
    c->form = (uint8_t)form;
    c->cap = (uint16_t)cap;
    c->records = records;
    c->data = crdt__alloc(mem, crdt__data_size(form, cap, records));
    c->blob = records && blob_cap > 0 ? crdt__alloc(mem, blob_cap) : NULL;
    c->blob_cap = c->blob ? (uint32_t)blob_cap : 0;
    if (c->data == NULL || (records && blob_cap > 0 && c->blob == NULL)) {
        if (c->data) crdt__release(mem, c->data, crdt__data_size(form, cap, records));
        c->data = NULL;
        crdt__release(mem, c->blob, c->blob_cap);
        crdt__release(mem, c, sizeof *c);
        return CRDT_ENOMEM;
    }
    if (form == CRDT__BITS) {
        memset(crdt__live(c), 0, CRDT__CHUNK_WORDS * (2 * sizeof(uint64_t) + 2));
    }
    *ret_chunk = c;
    return CRDT_OK;
}

crdt_err crdt__chunk_spare(const crdt_mem *mem, crdt_value value, crdt__chunk **ret_chunk)
{
    bool records = value.kind == CRDT_BYTES;
    return chunk_new(mem, CRDT__ARRAY, 4, records, records ? crdt__record_size(value) : 0,
                     ret_chunk);
}

crdt_err crdt__chunk_grow_blob(const crdt_mem *mem, crdt__chunk *c, size_t more)
{
    size_t need = c->blob_size + more, cap = need + need / 4;
    if (!c->records || need <= c->blob_cap) return CRDT_OK;
    if (cap > UINT32_MAX) cap = UINT32_MAX; /* a block's records are less: see elems_code.c */
    uint8_t *blob = crdt__resize(mem, c->blob, c->blob_cap, cap);
    if (blob == NULL) return CRDT_ENOMEM;
    c->blob = blob;
    c->blob_cap = (uint32_t)cap;
    return CRDT_OK;
}

/* -- Putting in -------------------------------------------------------------------------------- */

static void put_record(crdt__chunk *c, unsigned place, crdt_value value)
{
    crdt__places(c)[place] = c->blob_size;
    c->blob_size += crdt__record_put(c->blob + c->blob_size, value);
}

/* Behind all others into the column: values of len dots from offset on, which touch. */
static void put_run(crdt__chunk *c, unsigned place, crdt__source from, unsigned offset,
                    unsigned len)
{
    const crdt__chunk *source = from.chunk;
    unsigned           at = source ? (unsigned)crdt__chunk_place(source, offset) : 0;
    if (source && !c->records) {
        memcpy(crdt__ints(c) + place, crdt__ints(source) + at, len * sizeof(int64_t));
        return;
    }
    if (source && source->records) {
        crdt_view bytes = records_of(source, at, len);
        uint32_t  base = crdt__places(source)[at];
        for (unsigned i = 0; i < len; i++) {
            crdt__places(c)[place + i] = crdt__places(source)[at + i] - base + c->blob_size;
        }
        memcpy(c->blob + c->blob_size, bytes.data, bytes.size);
        c->blob_size += (uint32_t)bytes.size;
        return;
    }
    for (unsigned i = 0; i < len; i++) {
        crdt_value value = source_value(from, offset + i);
        if (c->records) put_record(c, place + i, value);
        else crdt__ints(c)[place + i] = value.i;
    }
}

/* Enter len dots from offset on, behind all others, into the form. */
static void put_offsets(crdt__chunk *c, unsigned offset, unsigned len)
{
    unsigned place = c->stored;
    if (c->form == CRDT__RANGE) {
        if (place == 0) c->start = (uint16_t)offset;
        CRDT_ASSERT(offset == c->start + place);
        for (unsigned i = place; !all_live(c) && i < place + len; i++) {
            uint64_t *word = crdt__live(c) + i / 64, keep = (UINT64_C(1) << i % 64) - 1;
            *word = (*word & keep) | UINT64_C(1) << i % 64;
        }
    } else if (c->form == CRDT__ARRAY) {
        for (unsigned i = 0; i < len; i++) crdt__offsets(c)[place + i] = (uint16_t)(offset + i);
    } else {
        uint64_t bits = crdt__ones(offset % 64, len);
        if (crdt__stored(c)[offset / 64] == 0) crdt__ranks(c)[offset / 64] = (uint16_t)place;
        crdt__stored(c)[offset / 64] |= bits;
        crdt__live(c)[offset / 64] |= bits;
    }
    c->stored = (uint16_t)(c->stored + len);
    c->live = (uint16_t)(c->live + len);
}

/* Append what both sources give, in order. */
static void put_words(crdt__chunk *c, const crdt__recipe *recipe, unsigned w0, unsigned w1)
{
    for (unsigned w = w0; w <= w1; w++) {
        uint64_t a = recipe->mask_a ? recipe->mask_a[w] : 0;
        uint64_t b = recipe->mask_b ? recipe->mask_b[w] : 0;
        while (a | b) {
            unsigned bit = crdt__lowest(a | b);
            bool     from_a = a >> bit & 1;
            unsigned len = crdt__ones_from(from_a ? a : b, bit);
            put_run(c, c->stored, from_a ? recipe->a : recipe->b, w * 64 + bit, len);
            put_offsets(c, w * 64 + bit, len);
            a &= ~crdt__ones(bit, len);
            b &= ~crdt__ones(bit, len);
        }
    }
}

/* Number of dots, the first and the last of mask in words w0..w1. */
static unsigned mask_span(const uint64_t *mask, unsigned w0, unsigned w1, unsigned *lo,
                          unsigned *hi)
{
    unsigned count = 0;
    for (unsigned w = w0; mask && w <= w1; w++) {
        if (mask[w] == 0) continue;
        unsigned low = w * 64 + crdt__lowest(mask[w]);
        unsigned high = w * 64 + 63 - (unsigned)__builtin_clzll(mask[w]);
        if (low < *lo) *lo = low;
        if (high > *hi) *hi = high;
        count += crdt__popcount(mask[w]);
    }
    return count;
}

crdt_err crdt__chunk_build(const crdt_mem *mem, const crdt__recipe *recipe, crdt__chunk **ret_chunk)
{
    unsigned lo = CRDT__CHUNK_DOTS, hi = 0, last = CRDT__CHUNK_WORDS - 1;
    unsigned na = mask_span(recipe->mask_a, 0, last, &lo, &hi);
    unsigned nb = mask_span(recipe->mask_b, 0, last, &lo, &hi), n = na + nb;
    CRDT_ASSERT(n > 0);
    unsigned   cap = n + recipe->slack, most = CRDT__CHUNK_DOTS - lo - (hi - lo + 1 - n);
    crdt__form form = CRDT__BITS;
    bool       records = recipe->records;
    size_t     bytes = 0;
    if (cap > most) cap = most;
    if (na > 0 && !source_is_ints(recipe->a, recipe->mask_a)) records = true;
    if (nb > 0 && !source_is_ints(recipe->b, recipe->mask_b)) records = true;
    if (hi - lo + 1 == n && n >= CRDT__RANGE_MIN && !recipe->open) form = CRDT__RANGE;
    else if (cap <= CRDT__ARRAY_DOTS) form = CRDT__ARRAY;
    if (records && na > 0) bytes += source_bytes(recipe->a, recipe->mask_a, 0, last);
    if (records && nb > 0) bytes += source_bytes(recipe->b, recipe->mask_b, 0, last);
    if (recipe->slack > 0) bytes += bytes / 4;
    if (bytes > UINT32_MAX) bytes = UINT32_MAX;
    crdt_err err = chunk_new(mem, form, cap, records, bytes, ret_chunk);
    if (err) return err;
    (*ret_chunk)->replica = recipe->replica;
    (*ret_chunk)->first = recipe->first;
    put_words(*ret_chunk, recipe, lo / 64, hi / 64);
    return CRDT_OK;
}

crdt_err crdt__chunk_frame(const crdt_mem *mem, uint64_t replica, uint64_t first,
                           const uint64_t *words, bool records, size_t blob_size,
                           crdt__chunk **ret_chunk)
{
    unsigned   lo = CRDT__CHUNK_DOTS, hi = 0;
    unsigned   n = mask_span(words, 0, CRDT__CHUNK_WORDS - 1, &lo, &hi);
    crdt__form form = hi - lo + 1 == n && n >= CRDT__RANGE_MIN ? CRDT__RANGE
                      : n <= CRDT__ARRAY_DOTS                  ? CRDT__ARRAY
                                                               : CRDT__BITS;
    crdt_err   err = chunk_new(mem, form, n, records, blob_size, ret_chunk);
    if (err) return err;
    (*ret_chunk)->replica = replica;
    (*ret_chunk)->first = first;
    for (unsigned w = lo / 64; w <= hi / 64; w++) {
        for (uint64_t word = words[w]; word != 0;) {
            unsigned bit = crdt__lowest(word), len = crdt__ones_from(word, bit);
            put_offsets(*ret_chunk, w * 64 + bit, len);
            word &= ~crdt__ones(bit, len);
        }
    }
    return CRDT_OK;
}

bool crdt__chunk_fits(const crdt__chunk *c, crdt__source from, const uint64_t *mask, unsigned w0,
                      unsigned w1, size_t *ret_bytes)
{
    unsigned lo = CRDT__CHUNK_DOTS, hi = 0, n = mask_span(mask, w0, w1, &lo, &hi);
    unsigned next = crdt__chunk_last(c) + 1u;
    *ret_bytes = 0;
    if (lo < next || c->stored + n > c->cap) return false;
    if (c->form == CRDT__RANGE && (lo != next || hi - lo + 1 != n)) return false;
    if (!c->records) return source_is_ints(from, mask);
    *ret_bytes = source_bytes(from, mask, w0, w1);
    return true;
}

bool crdt__chunk_fits_one(const crdt__chunk *c, unsigned offset, crdt_value value,
                          size_t *ret_bytes)
{
    unsigned next = crdt__chunk_last(c) + 1u;
    *ret_bytes = c->records ? crdt__record_size(value) : 0;
    if (offset < next || c->stored == c->cap) return false;
    if (c->form == CRDT__RANGE && offset != next) return false;
    return c->records || value.kind == CRDT_INT;
}

void crdt__chunk_append(crdt__chunk *c, crdt__source from, const uint64_t *mask, unsigned w0,
                        unsigned w1)
{
    crdt__recipe recipe = {.a = from, .mask_a = mask};
    put_words(c, &recipe, w0, w1);
    c->clean = false;
}

void crdt__chunk_append_one(crdt__chunk *c, unsigned offset, crdt_value value)
{
    CRDT_ASSERT(c->stored < c->cap && (c->records || value.kind == CRDT_INT));
    if (c->records) put_record(c, c->stored, value);
    else crdt__ints(c)[c->stored] = value.i;
    put_offsets(c, offset, 1);
    c->clean = false;
}

/* -- Taking out -------------------------------------------------------------------------------- */

static void array_kill(crdt__chunk *c, const uint64_t *mask, unsigned w0, unsigned w1)
{
    uint16_t *offsets = crdt__offsets(c);
    unsigned  kept = 0;
    for (unsigned i = 0; i < c->stored; i++) {
        unsigned offset = offsets[i], w = offset / 64;
        if (w >= w0 && w <= w1 && mask[w] >> offset % 64 & 1) {
            if (c->records) c->blob_dead += record_size_at(c->blob + crdt__places(c)[i]);
            continue;
        }
        offsets[kept] = offsets[i];
        if (c->records) crdt__places(c)[kept] = crdt__places(c)[i];
        else crdt__ints(c)[kept] = crdt__ints(c)[i];
        kept++;
    }
    c->live = c->stored = (uint16_t)kept;
}

void crdt__chunk_kill(crdt__chunk *c, const uint64_t *mask, unsigned w0, unsigned w1)
{
    unsigned killed = 0;
    c->clean = false;
    if (c->form == CRDT__ARRAY) {
        array_kill(c, mask, w0, w1);
        return;
    }
    if (c->form == CRDT__RANGE && all_live(c)) {
        memset(crdt__live(c), 0xff, (c->stored + 63u) / 64 * sizeof(uint64_t));
    }
    for (unsigned w = w0; w <= w1; w++) {
        for (uint64_t word = mask[w]; word != 0; word &= word - 1) {
            unsigned offset = w * 64 + crdt__lowest(word);
            unsigned bit = c->form == CRDT__RANGE ? offset - c->start : offset;
            crdt__live(c)[bit / 64] &= ~(UINT64_C(1) << bit % 64);
            killed++;
            if (!c->records) continue;
            unsigned place = c->form == CRDT__RANGE ? bit : bits_place(c, offset);
            c->blob_dead += record_size_at(c->blob + crdt__places(c)[place]);
        }
    }
    c->live = (uint16_t)(c->live - killed);
}

bool crdt__chunk_wasteful(const crdt__chunk *c)
{
    unsigned dead = c->stored - c->live, room = c->cap - c->stored;
    return dead * 4u > c->stored + 256u || room > c->stored / 2 + 64u ||
           c->blob_dead / 4 > c->blob_size / 16 + 64;
}

/* -- Audit ------------------------------------------------------------------------------------- */

static bool places_ok(const crdt__chunk *c)
{
    uint64_t end = 0;
    for (unsigned i = 0; c->records && i < c->stored; i++) {
        uint32_t at = crdt__places(c)[i];
        if (at < end || at >= c->blob_size) return false;
        end = (uint64_t)at + record_size_at(c->blob + at);
    }
    return end <= c->blob_size && c->blob_size <= c->blob_cap && c->blob_dead <= c->blob_size;
}

static bool bits_ok(const crdt__chunk *c)
{
    unsigned stored = 0, live = 0;
    for (unsigned w = 0; w < CRDT__CHUNK_WORDS; w++) {
        uint64_t in = crdt__stored(c)[w], on = crdt__live(c)[w];
        if ((on & ~in) || (in && crdt__ranks(c)[w] != stored)) return false;
        stored += crdt__popcount(in);
        live += crdt__popcount(on);
    }
    return stored == c->stored && live == c->live;
}

bool crdt__chunk_check(const crdt__chunk *c, const char **ret_reason)
{
    unsigned live = 0, place = 0;
    *ret_reason = "elems: a chunk's counts disagree";
    if (c->live == 0 || c->live > c->stored || c->stored > c->cap) return false;
    if (c->cap > CRDT__CHUNK_DOTS || c->first % CRDT__CHUNK_DOTS != 0) return false;
    for (unsigned at = 0; (at = crdt__chunk_next(c, at, &place)) < CRDT__CHUNK_DOTS; at++) {
        if (crdt__chunk_place(c, at) != (int)place) return false;
        live++;
    }
    if (live != c->live || (c->first == 0 && crdt__chunk_place(c, 0) >= 0)) return false;
    *ret_reason = "elems: a chunk's form is broken";
    if (c->form == CRDT__BITS && !bits_ok(c)) return false;
    if (c->form == CRDT__RANGE && c->start + c->stored > (int)CRDT__CHUNK_DOTS) return false;
    for (unsigned i = 1; c->form == CRDT__ARRAY && i < c->stored; i++) {
        if (crdt__offsets(c)[i] <= crdt__offsets(c)[i - 1]) return false;
    }
    *ret_reason = "elems: a chunk's records are broken";
    return places_ok(c);
}
