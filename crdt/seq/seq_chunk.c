/* seq/seq_chunk.c: see seq_chunk.h. */
#include "crdt/seq/seq_chunk.h"

static inline uint32_t ones_in(uint64_t bits)
{
    return (uint32_t)__builtin_popcountll(bits);
}

/* All bits below i, which is less than 64. */
static inline uint64_t below(uint32_t i)
{
    return (UINT64_C(1) << i) - 1;
}

/* The last slot goes first: in the same block it comes below all that is still to be read. */
void crdt__copy_slots(crdt__atom_chunk *to, const crdt__atom_chunk *from, uint32_t n)
{
    for (uint32_t word = crdt__words_of(n); word-- > 0;) {
        crdt__put_slot(to, word, crdt__mark_of(from, word), crdt__bits_of(from, word));
    }
}

void crdt__set_bits(crdt__atom_chunk *c, uint32_t from, uint32_t to, bool forgotten)
{
    while (from < to) {
        uint32_t word = from / 64, next = to - from < 64 - from % 64 ? to : word * 64 + 64;
        uint64_t upper = next % 64 == 0 ? UINT64_MAX : below(next % 64);
        uint64_t bits = crdt__bits_of(c, word), mask = upper & ~below(from % 64);
        crdt__put_slot(c, word, crdt__mark_of(c, word), forgotten ? bits | mask : bits & ~mask);
        from = next;
    }
}

uint32_t crdt__voids_before(const crdt__atom_chunk *c, uint32_t i)
{
    uint32_t voids = 0;
    if (c->block == NULL) return i;
    if (!(c->slot & CRDT__BITS)) return 0;
    for (uint32_t word = 0; word < i / 64; word++) voids += ones_in(crdt__bits_of(c, word));
    return i % 64 == 0 ? voids : voids + ones_in(crdt__bits_of(c, i / 64) & below(i % 64));
}

uint32_t crdt__atom_run(const crdt__atom_chunk *c, uint32_t n, uint32_t i, bool *ret_void)
{
    uint32_t at = i;
    uint64_t flip;
    *ret_void = c->block == NULL;
    if (!(c->slot & CRDT__BITS)) return n - i;
    *ret_void = (crdt__bits_of(c, i / 64) >> (i % 64) & 1) != 0;
    flip = *ret_void ? UINT64_MAX : 0;
    while (at < n) {
        uint64_t ends = (crdt__bits_of(c, at / 64) ^ flip) >> (at % 64);
        if (ends != 0) {
            at += (uint32_t)__builtin_ctzll(ends);
            break;
        }
        at += 64 - at % 64;
    }
    return (at < n ? at : n) - i;
}

uint64_t crdt__value_size(const uint8_t *at, uint64_t left)
{
    uint64_t head = 0, i = 0;
    do {
        if (i == left || i == 9) return 0;
        head |= (uint64_t)(at[i] & 0x7f) << (7 * i);
    } while (at[i++] >= 0x80);
    head = head == 0 ? 8 : head - 1;
    return head <= left - i ? i + head : 0;
}

size_t crdt__values_skip(const uint8_t *at, size_t size, uint32_t n)
{
    size_t skipped = 0;
    for (; n > 0; n--) {
        uint64_t one = skipped < size ? at[skipped] : 0; /* of a short value: all of it */
        if (one == 0 || one > 0x7f) one = crdt__value_size(at + skipped, size - skipped);
        CRDT_ASSERT(one > 0 && one <= size - skipped);
        skipped += (size_t)one;
    }
    return skipped;
}

/* Where the next n atoms end that begin at `at` and of which none is forgotten. */
static uint32_t behind(const crdt__atom_chunk *c, uint32_t used, uint32_t at, uint32_t n)
{
    if (!c->wide) return at + n;
    if (c->slot & CRDT__MARK32) {
        return at + (uint32_t)crdt__values_skip(c->block + at, used - at, n);
    }
    return at + (uint32_t)crdt__utf8_skip(c->block + at, used - at, n);
}

uint32_t crdt__atom_offset(const crdt__atom_chunk *c, uint32_t used, uint32_t n, uint32_t i)
{
    uint32_t word = i / 64, mark, before;
    if (i >= n) return used;
    if (c->block == NULL || c->slot == 0) return c->block == NULL ? 0 : i;
    mark = crdt__mark_of(c, word);
    before = i % 64 - ones_in(crdt__bits_of(c, word) & below(i % 64));
    return behind(c, used, mark, before);
}

uint32_t crdt__atom_end(const crdt__atom_chunk *c, uint32_t used, uint32_t n, uint32_t i,
                        uint32_t from, uint32_t count)
{
    if (count < 32 && c->slot != 0) return behind(c, used, from, count);
    return crdt__atom_offset(c, used, n, i + count);
}

bool crdt__atom_chunk_check(const crdt__atoms *atoms, const crdt__atom_chunk *c, uint32_t used,
                            uint32_t n)
{
    uint32_t at = 0, count;
    bool     wide = atoms->kind == CRDT__VALUE_ATOMS;
    if (c->block == NULL) return c->cap == 0 && used == 0 && c->slot == 0;
    if (used == 0 || used + crdt__slots_size(c->slot, n) > c->cap) return false;
    if (c->wide != wide && !(c->wide && !atoms->ascii)) return false;
    if (c->wide ? !(c->slot & (wide ? CRDT__MARK32 : CRDT__MARK16)) : (c->slot & CRDT__MARK32) != 0)
        return false;
    if (!wide && !crdt__utf8_count(crdt_view_of(c->block, used), &count)) return false;
    if (!c->wide && count != used) return false;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t size = 1;
        if (i % 64 == 0 && crdt__mark_of(c, i / 64) != at) return false;
        if (crdt__bits_of(c, i / 64) >> (i % 64) & 1) continue;
        if (at >= used) return false;
        if (wide) size = crdt__value_size(c->block + at, used - at);
        else
            while (at + size < used && (c->block[at + size] & 0xc0) == 0x80) size++;
        if (size == 0) return false;
        at += (uint32_t)size;
    }
    return at == used && (n % 64 == 0 || crdt__bits_of(c, n / 64) >> (n % 64) == 0);
}
