/* seq/seq_atoms.c: the content of a sequence's elements. See seq_atoms.h. */
#include "crdt/seq/seq_atoms.h"

#include <string.h>

#include "crdt/core/mem.h"
#include "crdt/seq/seq_chunk.h"

typedef struct crdt__atom_chunk chunk;

#define CHUNK_MIN 64u
#define CHUNK_GROWN 16384u
/* Of text, the most: with bitmaps and marks added a block stays below 2^16, as u16 marks need. */
#define CHUNK_TEXT_MAX 49152u
/* A larger chunk of values is split before it is forgotten in part, into pieces of this size. */
#define CHUNK_MOVED_MAX 65536u
#define PIECE_BYTES 32768u
/* Voids go into the chunk before them if that costs no more; else they get an entry. */
#define HOLE_BYTES_MAX 64u

static inline uint32_t mark_size(const crdt__atoms *atoms)
{
    return atoms->kind == CRDT__VALUE_ATOMS ? CRDT__MARK32 : CRDT__MARK16;
}

static inline chunk *last_of(const crdt__atoms *atoms)
{
    return atoms->chunk_count > 0 ? &atoms->chunks[atoms->chunk_count - 1] : NULL;
}

static inline uint32_t end_of(const crdt__atoms *atoms, uint32_t i)
{
    return i + 1 < atoms->chunk_count ? atoms->chunks[i + 1].first : atoms->count;
}

static inline uint32_t atoms_in(const crdt__atoms *atoms, uint32_t i)
{
    return end_of(atoms, i) - atoms->chunks[i].first;
}

static inline uint32_t used_in(const crdt__atoms *atoms, uint32_t i)
{
    return i + 1 < atoms->chunk_count ? atoms->chunks[i].used : atoms->used;
}

/* The chunk that holds cid. */
static uint32_t find(const crdt__atoms *atoms, uint32_t cid)
{
    uint32_t lo = 0, hi = atoms->chunk_count;
    CRDT_ASSERT(cid < atoms->count);
    while (hi - lo > 1) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (atoms->chunks[mid].first <= cid) lo = mid;
        else hi = mid;
    }
    return lo;
}

/* The bytes of the first n of the atoms that lie here. */
static size_t skip(const crdt__atoms *atoms, const uint8_t *at, size_t size, uint32_t n)
{
    return atoms->kind == CRDT__UTF8_ATOMS ? crdt__utf8_skip(at, size, n)
                                           : crdt__values_skip(at, size, n);
}

/* -- Memory ------------------------------------------------------------------------------------ */

static uint8_t *take_block(crdt__atoms *atoms, uint32_t cap)
{
    uint8_t *block = crdt__alloc(atoms->mem, cap);
    if (block != NULL) atoms->memory += cap;
    return block;
}

static void drop_block(crdt__atoms *atoms, chunk *c)
{
    if (c->block == NULL) return;
    crdt__release(atoms->mem, c->block, c->cap);
    atoms->memory -= c->cap;
    c->block = NULL;
    c->cap = c->used = 0;
    c->slot = 0;
    c->wide = false;
}

static crdt_err resize_array(crdt__atoms *atoms, uint32_t cap)
{
    size_t before = atoms->chunk_cap * sizeof(chunk), after = cap * sizeof(chunk);
    chunk *chunks = crdt__resize(atoms->mem, atoms->chunks, before, after);
    if (chunks == NULL) return CRDT_ENOMEM;
    atoms->chunks = chunks;
    atoms->chunk_cap = cap;
    atoms->memory += after;
    atoms->memory -= before;
    return CRDT_OK;
}

/* Room for so many more entries, behind the spare ones. */
static crdt_err grow_array(crdt__atoms *atoms, uint32_t more)
{
    uint64_t need = (uint64_t)atoms->chunk_count + atoms->spare_count + more;
    uint64_t cap = atoms->chunk_cap + atoms->chunk_cap / UINT64_C(2);
    if (need <= atoms->chunk_cap) return CRDT_OK;
    if (cap < need) cap = need;
    if (cap > UINT32_MAX / sizeof(chunk)) return CRDT_ENOMEM;
    return resize_array(atoms, (uint32_t)cap);
}

/* Give an array back that is far too large. A refusal to shrink leaves it. */
static void trim_array(crdt__atoms *atoms)
{
    CRDT_ASSERT(atoms->spare_count == 0);
    if (atoms->chunk_cap < 16 || atoms->chunk_cap / 4 < atoms->chunk_count) return;
    (void)resize_array(atoms, atoms->chunk_count + atoms->chunk_count / 2 + 1);
}

static void drop_spares(crdt__atoms *atoms)
{
    for (; atoms->spare_count > 0; atoms->spare_count--) {
        drop_block(atoms, &atoms->chunks[atoms->chunk_count + atoms->spare_count - 1]);
    }
}

/* Move a chunk of n atoms whose block has become too large into one of its size. If that is refused
 * it stays as it is. */
static void fit_block(crdt__atoms *atoms, chunk *c, uint32_t n)
{
    uint64_t cap = c->used + crdt__slots_size(c->slot, n);
    chunk    fit = *c;
    if (c->block == NULL || c->cap - cap < CHUNK_MIN || c->cap - cap < c->cap / 8) return;
    CRDT_ASSERT(c->used > 0);
    fit.cap = (uint32_t)cap;
    fit.block = take_block(atoms, fit.cap);
    if (fit.block == NULL) return;
    memcpy(fit.block, c->block, c->used);
    crdt__copy_slots(&fit, c, n);
    drop_block(atoms, c);
    *c = fit;
}

void crdt__atoms_init(crdt__atoms *atoms, const crdt_mem *mem, crdt__atom_kind kind)
{
    memset(atoms, 0, sizeof *atoms);
    atoms->mem = mem;
    atoms->kind = kind;
    atoms->ascii = kind == CRDT__UTF8_ATOMS;
}

void crdt__atoms_clear(crdt__atoms *atoms)
{
    drop_spares(atoms);
    for (uint32_t i = 0; i < atoms->chunk_count; i++) drop_block(atoms, &atoms->chunks[i]);
    crdt__release(atoms->mem, atoms->chunks, atoms->chunk_cap * sizeof(chunk));
    crdt__atoms_init(atoms, atoms->mem, atoms->kind);
}

/* -- The last chunk ---------------------------------------------------------------------------- */

/* Store how full the last chunk is where it is for the others. */
static void settle(crdt__atoms *atoms)
{
    chunk *last = last_of(atoms);
    if (last != NULL) last->used = atoms->used;
}

/* Say anew what may be put where. The last chunk's own `used` is right. */
static void reopen(crdt__atoms *atoms)
{
    const chunk *c = last_of(atoms);
    uint64_t     slot, slots, left;
    uint32_t     n;
    atoms->open = NULL;
    atoms->used = atoms->room = atoms->plain = 0;
    if (c == NULL || c->block == NULL) return;
    n = atoms->count - c->first;
    atoms->open = c->block;
    atoms->used = atoms->room = atoms->plain = c->used;
    /* Without slots all may be copied; else up to where the next slot is due. */
    slots = crdt__slots_size(c->slot, n);
    CRDT_ASSERT(c->used + slots <= c->cap);
    left = c->cap - c->used - slots;
    if (c->slot > 0 && left > crdt__words_of(n) * UINT64_C(64) - n) {
        left = crdt__words_of(n) * UINT64_C(64) - n;
    }
    atoms->plain += (uint32_t)left;
    /* `left` bytes are at most as many atoms; slots for these, and for all if they make it wide. */
    slot = c->slot | mark_size(atoms);
    slots = slot * (n + UINT64_C(63)) / 64 + 1;
    left = c->cap - c->used;
    left = left > slots ? (left - slots) * (64 - slot) / 64 : 0; /* 1 - x <= 1 / (1 + x) */
    if (left > UINT32_MAX - atoms->count) left = UINT32_MAX - atoms->count;
    atoms->room += (uint32_t)left;
}

/* Do `count` atoms of `size` bytes fit the chunk of n atoms, used up to `used`? */
static bool fits(const crdt__atoms *atoms, const chunk *c, uint32_t used, uint32_t n, uint64_t size,
                 uint32_t count)
{
    uint32_t slot = size > count ? c->slot | mark_size(atoms) : c->slot;
    return used + size + crdt__slots_size(slot, n + count) <= c->cap;
}

/* Put a chunk behind the last one: the first spare one is it, or a void entry. */
static void push_chunk(crdt__atoms *atoms)
{
    chunk *last = last_of(atoms);
    settle(atoms);
    if (last != NULL) fit_block(atoms, last, atoms->count - last->first);
    atoms->chunk_count++;
    last_of(atoms)->first = atoms->count;
    reopen(atoms);
}

/* Make the last chunk's slots fit for more than they were. */
static void widen(crdt__atoms *atoms, chunk *c, uint32_t n, uint32_t slot)
{
    chunk old = *c;
    if (c->slot == slot) return;
    CRDT_ASSERT(atoms->used + crdt__slots_size(slot, n) <= c->cap);
    c->slot = (uint8_t)slot;
    crdt__copy_slots(c, &old, n);
}

/* Put as many of these atoms as fit the last chunk, up to the next slot at most, unless they need
 * but be copied. Returns their number. */
static uint32_t put_some(crdt__atoms *atoms, const uint8_t *bytes, size_t size, uint32_t count,
                         size_t *ret_size)
{
    chunk   *c = last_of(atoms);
    uint32_t n, k = count;
    *ret_size = 0;
    if (c == NULL || c->block == NULL) return 0;
    if (size == count && atoms->used < atoms->plain) {
        if (k > atoms->plain - atoms->used) k = atoms->plain - atoms->used;
        memcpy(c->block + atoms->used, bytes, k);
        *ret_size = k;
        return k;
    }
    n = atoms->count - c->first;
    if (k > 64 - n % 64) k = 64 - n % 64;
    *ret_size = skip(atoms, bytes, size, k);
    if (!fits(atoms, c, atoms->used, n, *ret_size, k)) {
        k = 1;
        *ret_size = skip(atoms, bytes, size, k);
        if (!fits(atoms, c, atoms->used, n, *ret_size, k)) return 0;
    }
    if (*ret_size > k) {
        widen(atoms, c, n, c->slot | mark_size(atoms));
        c->wide = true;
        atoms->ascii = false;
    }
    if (n % 64 == 0 && c->slot > 0) crdt__put_slot(c, n / 64, atoms->used, 0);
    memcpy(c->block + atoms->used, bytes, *ret_size);
    return k;
}

static void put_all(crdt__atoms *atoms, const uint8_t *bytes, size_t size, uint32_t count)
{
    CRDT_ASSERT(count <= size && count <= UINT32_MAX - atoms->count);
    while (count > 0) {
        size_t   put_size;
        uint32_t put = put_some(atoms, bytes, size, count, &put_size);
        if (put == 0) {
            CRDT_ASSERT(atoms->spare_count > 0); /* or too little was reserved */
            atoms->spare_count--;
            push_chunk(atoms);
            continue;
        }
        atoms->count += put;
        atoms->bytes += put_size;
        last_of(atoms)->used = atoms->used + (uint32_t)put_size;
        reopen(atoms);
        bytes += put_size;
        size -= put_size;
        count -= put;
    }
    CRDT_ASSERT(size == 0);
}

void crdt__atoms_put(crdt__atoms *atoms, const uint8_t *bytes, size_t size, uint32_t count)
{
    if (size == count && (uint64_t)atoms->used + size <= atoms->plain) { /* need but be copied */
        memcpy(atoms->open + atoms->used, bytes, size);
        atoms->used += (uint32_t)size;
        atoms->bytes += size;
        atoms->count += count;
        return;
    }
    /* One more atom of a slot that there is: plain - used is at most how many it still takes. */
    if (count != 1 || atoms->used >= atoms->plain || !last_of(atoms)->wide ||
        (uint64_t)atoms->used + size > atoms->room) {
        put_all(atoms, bytes, size, count);
        return;
    }
    memcpy(atoms->open + atoms->used, bytes, size);
    atoms->used += (uint32_t)size;
    atoms->bytes += size;
    atoms->count++;
    if (atoms->plain + size - 1 <= atoms->room) atoms->plain += (uint32_t)size - 1;
}

/* The size of the next chunk if nothing larger is asked for: half of what is there. */
static uint32_t next_cap(const crdt__atoms *atoms)
{
    uint64_t cap = (atoms->bytes / 2 / CHUNK_MIN + 1) * CHUNK_MIN;
    return cap < CHUNK_GROWN ? (uint32_t)cap : CHUNK_GROWN;
}

/* Append a spare chunk. */
static crdt_err add_spare(crdt__atoms *atoms, uint64_t cap)
{
    bool  values = atoms->kind == CRDT__VALUE_ATOMS;
    chunk fresh = {.slot = values ? CRDT__MARK32 : 0, .wide = values};
    if (cap < next_cap(atoms)) cap = next_cap(atoms);
    if (cap > UINT32_MAX || grow_array(atoms, 1) != CRDT_OK) return CRDT_ENOMEM;
    fresh.cap = (uint32_t)cap;
    fresh.block = take_block(atoms, fresh.cap);
    if (fresh.block == NULL) return CRDT_ENOMEM;
    atoms->chunks[atoms->chunk_count + atoms->spare_count++] = fresh;
    return CRDT_OK;
}

/* Values can be large: one chunk that has room for them all, whatever the last one takes. */
static crdt_err room_for_values(crdt__atoms *atoms, size_t size, uint32_t count)
{
    uint64_t need = size + crdt__slots_size(CRDT__MARK32, count);
    chunk   *spare;
    if (atoms->spare_count > 0 && atoms->chunks[atoms->chunk_count].cap >= need) return CRDT_OK;
    if (add_spare(atoms, need) != CRDT_OK) return CRDT_ENOMEM;
    if (atoms->spare_count > 1) {
        spare = &atoms->chunks[atoms->chunk_count];
        drop_block(atoms, &spare[0]);
        spare[0] = spare[1];
        atoms->spare_count--;
    }
    return CRDT_OK;
}

/* What is lost of a fresh chunk of text that is not all ASCII, at most: four bytes and two marks
 * that did not fit. */
#define TEXT_LOSS 8u

/* Text fills one chunk after the other. */
static crdt_err room_for_text(crdt__atoms *atoms, size_t size, uint32_t count)
{
    const chunk *last = last_of(atoms);
    bool         plain = size == count;
    uint64_t     loss = plain ? 0 : TEXT_LOSS, have, need;
    uint32_t     spares = atoms->spare_count;
    need = plain ? size : size + crdt__slots_size(CRDT__MARK16, count) + TEXT_LOSS;
    /* Whatever fits `room` is taken by the last chunk, but for a last code point's first bytes. */
    have = atoms->room > atoms->used + 3 ? atoms->room - atoms->used - 3 : 0;
    if (plain && last != NULL && last->slot == 0) have = last->cap - atoms->used;
    for (uint32_t i = 0; i < spares; i++) {
        have += atoms->chunks[atoms->chunk_count + i].cap - loss;
    }
    while (have < need) {
        uint64_t cap = need - have + loss;
        if (add_spare(atoms, cap < CHUNK_TEXT_MAX ? cap : CHUNK_TEXT_MAX) != CRDT_OK) break;
        have += atoms->chunks[atoms->chunk_count + atoms->spare_count - 1].cap - loss;
    }
    if (have >= need) return CRDT_OK;
    for (; atoms->spare_count > spares; atoms->spare_count--) {
        drop_block(atoms, &atoms->chunks[atoms->chunk_count + atoms->spare_count - 1]);
    }
    return CRDT_ENOMEM;
}

crdt_err crdt__atoms_make_room(crdt__atoms *atoms, size_t size, uint32_t count)
{
    const chunk *last = last_of(atoms);
    CRDT_ASSERT(count <= size);
    if (count > UINT32_MAX - atoms->count || size > 4 * (uint64_t)UINT32_MAX) return CRDT_ENOMEM;
    if (last != NULL && last->block != NULL &&
        fits(atoms, last, atoms->used, atoms->count - last->first, size, count)) {
        return CRDT_OK;
    }
    return atoms->kind == CRDT__VALUE_ATOMS ? room_for_values(atoms, size, count)
                                            : room_for_text(atoms, size, count);
}

/* -- Voids, and taking back -------------------------------------------------------------------- */

/* Append voids to the last chunk if that is cheap. */
static bool append_holes(crdt__atoms *atoms, uint32_t count)
{
    chunk   *c = last_of(atoms);
    uint32_t n = atoms->count - c->first, slot = c->slot | mark_size(atoms) | CRDT__BITS;
    uint64_t slots = crdt__slots_size(slot, n + count);
    if (c->cap > CHUNK_MOVED_MAX || slots - crdt__slots_size(c->slot, n) > HOLE_BYTES_MAX)
        return false;
    if (atoms->used + slots > c->cap) return false;
    widen(atoms, c, n, slot);
    for (uint32_t word = crdt__words_of(n); word < crdt__words_of(n + count); word++) {
        crdt__put_slot(c, word, atoms->used, 0);
    }
    crdt__set_bits(c, n, n + count, true);
    return true;
}

crdt_err crdt__atoms_append_void(crdt__atoms *atoms, uint32_t count)
{
    const chunk *last = last_of(atoms);
    chunk        none = {0};
    if (count == 0) return CRDT_OK;
    if (count > UINT32_MAX - atoms->count) return CRDT_ENOMEM;
    settle(atoms);
    drop_spares(atoms);
    if (last == NULL || (last->block != NULL && !append_holes(atoms, count))) {
        if (grow_array(atoms, 1) != CRDT_OK) return CRDT_ENOMEM;
        atoms->chunks[atoms->chunk_count] = none;
        push_chunk(atoms);
    }
    atoms->count += count;
    atoms->voids += count;
    reopen(atoms);
    return CRDT_OK;
}

void crdt__atoms_cut(crdt__atoms *atoms, uint32_t count)
{
    CRDT_ASSERT(count <= atoms->count);
    settle(atoms);
    drop_spares(atoms);
    while (atoms->count > count) {
        chunk   *c = last_of(atoms);
        uint32_t n = atoms->count - c->first, kept = count > c->first ? count - c->first : 0;
        uint32_t used = crdt__atom_offset(c, c->used, n, kept);
        atoms->bytes -= c->used - used;
        atoms->voids -= crdt__voids_before(c, n) - crdt__voids_before(c, kept);
        atoms->count = c->first + kept;
        c->used = used;
        if (used == 0) drop_block(atoms, c);
        if (kept == 0 || (used == 0 && c > atoms->chunks && c[-1].block == NULL)) {
            atoms->chunk_count--;
        } else if ((c->slot & CRDT__BITS) && kept % 64 > 0) {
            crdt__set_bits(c, kept, crdt__words_of(kept) * 64, false);
        }
    }
    trim_array(atoms);
    reopen(atoms);
}

/* -- Reading ----------------------------------------------------------------------------------- */

crdt_view crdt__atoms_view(const crdt__atoms *atoms, uint32_t cid, uint32_t len,
                           uint32_t *ret_count)
{
    uint32_t     i = find(atoms, cid), n = atoms_in(atoms, i), used = used_in(atoms, i), from, to;
    const chunk *c = &atoms->chunks[i];
    bool         is_void;
    CRDT_ASSERT(len > 0 && len <= atoms->count - cid);
    cid -= c->first;
    *ret_count = crdt__atom_run(c, n, cid, &is_void);
    if (*ret_count > len) *ret_count = len;
    if (is_void) return crdt_view_of(NULL, 0);
    from = crdt__atom_offset(c, used, n, cid);
    to = crdt__atom_end(c, used, n, cid, from, *ret_count);
    return crdt_view_of(c->block + from, to - from);
}

crdt_value crdt__atoms_value(const crdt__atoms *atoms, uint32_t cid)
{
    uint32_t     i = find(atoms, cid);
    const chunk *c = &atoms->chunks[i];
    uint32_t     at = crdt__atom_offset(c, used_in(atoms, i), atoms_in(atoms, i), cid - c->first);
    return crdt__value_read(c->block + at);
}

void crdt__atoms_near(const crdt__atoms *atoms, uint32_t cid, const uint8_t **ret_block,
                      uint32_t *ret_first, uint32_t *ret_count, uint32_t starts[CRDT__NEAR])
{
    uint32_t     i = find(atoms, cid), n = atoms_in(atoms, i), used = used_in(atoms, i);
    const chunk *c = &atoms->chunks[i];
    uint32_t     word = (cid - c->first) / CRDT__NEAR, at = crdt__mark_of(c, word);
    uint64_t     bits = crdt__bits_of(c, word);
    uint32_t     left = n - word * CRDT__NEAR;
    *ret_block = c->block;
    *ret_first = c->first + word * CRDT__NEAR;
    *ret_count = left < CRDT__NEAR ? left : CRDT__NEAR;
    for (uint32_t k = 0; k < *ret_count; k++) {
        starts[k] = at;
        if (!(bits >> k & 1)) at += (uint32_t)crdt__value_size(c->block + at, used - at);
    }
}

crdt__sums crdt__atoms_sums(const crdt__atoms *atoms, uint32_t cid, uint32_t len)
{
    crdt__sums sums = {0, 0, 0};
    while (len > 0) {
        uint32_t   count;
        crdt_view  view = crdt__atoms_view(atoms, cid, len, &count);
        crdt__sums more = {(uint32_t)view.size, 0, 0};
        if (atoms->kind == CRDT__UTF8_ATOMS && view.size == count) {
            more.units16 = count;
            more.lines = crdt__utf8_lines(view.data, view.size);
        } else if (atoms->kind == CRDT__UTF8_ATOMS) {
            more = crdt__utf8_sums(view.data, view.size);
        }
        sums.bytes += more.bytes;
        sums.units16 += more.units16;
        sums.lines += more.lines;
        cid += count;
        len -= count;
    }
    return sums;
}

uint32_t crdt__atoms_next_void(const crdt__atoms *atoms, uint32_t cid, uint32_t *ret_len)
{
    uint32_t at = cid, i;
    *ret_len = 0;
    if (atoms->voids == 0 || cid >= atoms->count) return atoms->count;
    i = find(atoms, cid);
    while (at < atoms->count) {
        const chunk *c = &atoms->chunks[i];
        bool         is_void;
        uint32_t     run = crdt__atom_run(c, atoms_in(atoms, i), at - c->first, &is_void);
        if (!is_void && *ret_len > 0) break;
        at += run;
        if (is_void) *ret_len += run;
        if (at == end_of(atoms, i)) i++;
    }
    return *ret_len > 0 ? at - *ret_len : atoms->count;
}

/* -- Forgetting -------------------------------------------------------------------------------- */

/* Make one void entry of those that follow on one another, from chunk i on. */
static void merge_voids(crdt__atoms *atoms, uint32_t i)
{
    uint32_t kept = i + 1;
    for (uint32_t at = kept; at < atoms->chunk_count; at++) {
        const chunk *c = &atoms->chunks[at];
        if (c->block == NULL && atoms->chunks[kept - 1].block == NULL) continue;
        atoms->chunks[kept++] = *c;
    }
    if (kept < atoms->chunk_count) atoms->chunk_count = kept;
}

/* The end of the piece of a large chunk that starts at byte `from`. */
static uint32_t piece_end(const chunk *c, uint32_t from, uint32_t *ret_n)
{
    uint32_t end = from;
    for (*ret_n = 0; end < c->used; ++*ret_n) {
        uint64_t size = crdt__value_size(c->block + end, c->used - end);
        CRDT_ASSERT(size > 0);
        if (end > from && end - from + size > PIECE_BYTES) break;
        end += (uint32_t)size;
    }
    return end;
}

/* A chunk of the n values that stand in these bytes of another; its block NULL: refused. */
static chunk copy_piece(crdt__atoms *atoms, const chunk *from, uint32_t at, uint32_t end,
                        uint32_t n)
{
    chunk c = {.used = end - at, .slot = CRDT__MARK32, .wide = true, .planned = from->planned};
    c.cap = (uint32_t)(c.used + crdt__slots_size(c.slot, n));
    c.block = take_block(atoms, c.cap);
    if (c.block == NULL) return c;
    memcpy(c.block, from->block + at, c.used);
    at = 0;
    for (uint32_t word = 0; word < crdt__words_of(n); word++) {
        crdt__put_slot(&c, word, at, 0);
        if (n - word * 64 > 64) at += (uint32_t)skip(atoms, c.block + at, c.used - at, 64);
    }
    return c;
}

/* Split a large chunk of values, so that what is moved by forgetting some of them is little. */
static crdt_err split(crdt__atoms *atoms, uint32_t i)
{
    chunk    old = atoms->chunks[i], *c;
    uint32_t pieces = 0, made = 0, n, first = old.first;
    CRDT_ASSERT(atoms->kind == CRDT__VALUE_ATOMS && !(old.slot & CRDT__BITS));
    for (uint32_t at = 0; at < old.used; pieces++) at = piece_end(&old, at, &n);
    if (grow_array(atoms, pieces - 1) != CRDT_OK) return CRDT_ENOMEM;
    c = &atoms->chunks[i];
    memmove(c + pieces, c + 1, (atoms->chunk_count - i - 1) * sizeof *c);
    for (uint32_t at = 0; made < pieces; made++, first += n) {
        uint32_t end = piece_end(&old, at, &n);
        c[made] = copy_piece(atoms, &old, at, end, n);
        if (c[made].block == NULL) break;
        c[made].first = first;
        at = end;
    }
    if (made == pieces) {
        drop_block(atoms, &old);
        atoms->chunk_count += pieces - 1;
        return CRDT_OK;
    }
    while (made > 0) drop_block(atoms, &c[--made]);
    memmove(c + 1, c + pieces, (atoms->chunk_count - i - 1) * sizeof *c);
    *c = old;
    return CRDT_ENOMEM;
}

/* Forget the atoms a to b - 1 of the n of chunk i, not all that it holds: they stand from byte from
 * to byte to - 1. */
static crdt_err forget_part(crdt__atoms *atoms, uint32_t i, uint32_t a, uint32_t b, uint32_t from,
                            uint32_t to)
{
    chunk   *c = &atoms->chunks[i], next = *c;
    uint32_t n = atoms_in(atoms, i);
    next.slot = (uint8_t)(c->slot | mark_size(atoms) | CRDT__BITS);
    next.used = c->used - (to - from);
    if (next.used + crdt__slots_size(next.slot, n) > c->cap) {
        next.cap = (uint32_t)(next.used + crdt__slots_size(next.slot, n));
        next.block = take_block(atoms, next.cap);
        if (next.block == NULL) return CRDT_ENOMEM;
        memcpy(next.block, c->block, from);
    }
    atoms->voids += b - a - (crdt__voids_before(c, b) - crdt__voids_before(c, a));
    atoms->bytes -= to - from;
    memmove(next.block + from, c->block + to, c->used - to);
    if (next.slot != c->slot || next.block != c->block) crdt__copy_slots(&next, c, n);
    if (next.block != c->block) drop_block(atoms, c);
    for (uint32_t word = crdt__words_of(a); word < crdt__words_of(n); word++) {
        uint32_t mark = word * UINT64_C(64) <= b ? from : crdt__mark_of(&next, word) - (to - from);
        crdt__put_slot(&next, word, mark, crdt__bits_of(&next, word));
    }
    crdt__set_bits(&next, a, b, true);
    *c = next;
    /* The last one keeps its room for what will be appended. */
    if (i + 1 < atoms->chunk_count) fit_block(atoms, c, n);
    return CRDT_OK;
}

/* Forget the atoms of chunk i from cid to its end or for len. *ret_count: how many; 0: again. */
static crdt_err forget_some(crdt__atoms *atoms, uint32_t i, uint32_t cid, uint32_t len,
                            uint32_t *ret_count)
{
    chunk   *c = &atoms->chunks[i];
    uint32_t n = atoms_in(atoms, i), a = cid - c->first, b = len < n - a ? a + len : n;
    uint32_t from, to;
    *ret_count = b - a;
    if (c->block == NULL) return CRDT_OK;
    from = crdt__atom_offset(c, c->used, n, a);
    to = crdt__atom_offset(c, c->used, n, b);
    if (from == to) return CRDT_OK;
    if (from == 0 && to == c->used) {
        atoms->voids += n - crdt__voids_before(c, n);
        atoms->bytes -= c->used;
        drop_block(atoms, c);
        return CRDT_OK;
    }
    if (c->cap <= CHUNK_MOVED_MAX) return forget_part(atoms, i, a, b, from, to);
    *ret_count = 0;
    return split(atoms, i);
}

crdt_err crdt__atoms_forget(crdt__atoms *atoms, uint32_t cid, uint32_t len)
{
    crdt_err err = CRDT_OK;
    uint32_t first;
    CRDT_ASSERT(cid <= atoms->count && len <= atoms->count - cid);
    if (len == 0) return CRDT_OK;
    settle(atoms);
    drop_spares(atoms);
    first = find(atoms, cid);
    for (uint32_t i = first; len > 0 && err == CRDT_OK;) {
        uint32_t count;
        err = forget_some(atoms, i, cid, len, &count);
        if (err != CRDT_OK) break;
        cid += count;
        len -= count;
        if (len > 0) i = find(atoms, cid);
    }
    merge_voids(atoms, first > 0 ? first - 1 : 0);
    trim_array(atoms);
    reopen(atoms);
    return err;
}

/* -- Planning ---------------------------------------------------------------------------------- */

crdt_err crdt__atoms_plan(crdt__atoms *atoms, crdt__atoms *plan)
{
    settle(atoms);
    drop_spares(atoms);
    *plan = *atoms;
    if (atoms->chunk_count == 0) return CRDT_OK;
    size_t before = atoms->chunk_cap * sizeof(chunk), size = atoms->chunk_count * sizeof(chunk);
    plan->chunks = crdt__alloc(atoms->mem, size);
    if (plan->chunks == NULL) return CRDT_ENOMEM;
    memcpy(plan->chunks, atoms->chunks, size);
    plan->chunk_cap = plan->chunk_count;
    plan->memory = plan->memory - before + size;
    return CRDT_OK;
}

/* Give a chunk of the plan a block of its own. */
static crdt_err own_block(crdt__atoms *plan, crdt__atoms *atoms, chunk *c)
{
    uint8_t *block = crdt__alloc(plan->mem, c->cap);
    if (block == NULL) return CRDT_ENOMEM;
    memcpy(block, c->block, c->cap);
    atoms->chunks[find(atoms, c->first)].planned = true;
    c->block = block;
    c->planned = true;
    return CRDT_OK;
}

crdt_err crdt__atoms_plan_forget(crdt__atoms *plan, crdt__atoms *atoms, uint32_t cid, uint32_t len)
{
    CRDT_ASSERT(len > 0);
    uint32_t last = find(plan, cid + len - 1);
    for (uint32_t i = find(plan, cid); i <= last; i++) {
        chunk *c = &plan->chunks[i];
        if (c->block == NULL || c->planned) continue;
        if (own_block(plan, atoms, c) != CRDT_OK) return CRDT_ENOMEM;
    }
    return crdt__atoms_forget(plan, cid, len);
}

void crdt__atoms_plan_take(crdt__atoms *plan, crdt__atoms *atoms)
{
    for (uint32_t i = 0; i < atoms->chunk_count; i++) {
        chunk *c = &atoms->chunks[i];
        if (c->planned) crdt__release(atoms->mem, c->block, c->cap);
    }
    crdt__release(atoms->mem, atoms->chunks, atoms->chunk_cap * sizeof(chunk));
    *atoms = *plan;
    for (uint32_t i = 0; i < atoms->chunk_count; i++) atoms->chunks[i].planned = false;
    reopen(atoms);
}

void crdt__atoms_plan_drop(crdt__atoms *plan, crdt__atoms *atoms)
{
    for (uint32_t i = 0; plan->chunks != NULL && i < plan->chunk_count; i++) {
        if (plan->chunks[i].planned) drop_block(plan, &plan->chunks[i]);
    }
    crdt__release(plan->mem, plan->chunks, plan->chunk_cap * sizeof(chunk));
    for (uint32_t i = 0; i < atoms->chunk_count; i++) atoms->chunks[i].planned = false;
    reopen(atoms);
}

/* -- Audit ------------------------------------------------------------------------------------- */

bool crdt__atoms_check(const crdt__atoms *atoms, const char **ret_reason)
{
    uint64_t bytes = 0, voids = 0, memory = atoms->chunk_cap * sizeof(chunk);
    uint32_t first = 0;
    bool     was_void = false;
    *ret_reason = "atoms: a chunk does not hold what it should";
    for (uint32_t i = 0; i < atoms->chunk_count; i++) {
        const chunk *c = &atoms->chunks[i];
        uint32_t     n = atoms_in(atoms, i);
        if (c->first != first || n == 0 || n > atoms->count - first) return false;
        if (was_void && c->block == NULL) return false;
        if (!crdt__atom_chunk_check(atoms, c, used_in(atoms, i), n)) return false;
        was_void = c->block == NULL;
        bytes += used_in(atoms, i);
        voids += crdt__voids_before(c, n);
        memory += c->cap;
        first += n;
    }
    for (uint32_t i = 0; i < atoms->spare_count; i++) {
        memory += atoms->chunks[atoms->chunk_count + i].cap;
    }
    *ret_reason = "atoms: a sum differs from what is held";
    if (first != atoms->count || bytes != atoms->bytes || voids != atoms->voids) return false;
    if (memory != atoms->memory) return false;
    if (atoms->ascii && bytes + voids != atoms->count) return false;
    *ret_reason = NULL;
    return true;
}
