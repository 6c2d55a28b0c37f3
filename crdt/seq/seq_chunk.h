/* seq/seq_chunk.h: one chunk of a sequence's atoms. Only seq_atoms.c uses it.
 *
 * Shape    one block: the atoms' bytes from its start, and from its end downwards a slot for each
 *          64 atoms: where they start, and which of them are forgotten. A chunk of ASCII has no
 *          slots; one with nothing forgotten has no bitmaps; one all forgotten has no block. How
 *          many atoms (n) a chunk has is where the next one starts.
 */
#ifndef CRDT_SEQ_SEQ_CHUNK_H
#define CRDT_SEQ_SEQ_CHUNK_H
#include <string.h>

#include "crdt/core/mem.h"
#include "crdt/seq/seq_atoms.h"

/* What a slot is made of: a chunk's slot is the sum of their sizes. Values have 32-bit marks. */
enum { CRDT__MARK16 = 2, CRDT__MARK32 = 4, CRDT__BITS = 8 };

typedef struct crdt__atom_chunk {
    uint8_t *block; /* NULL: all forgotten */
    uint32_t first; /* cid */
    uint32_t cap;   /* size of the block */
    uint32_t used;  /* bytes of atoms; of the last chunk atoms->used is */
    uint8_t  slot;
    bool     wide; /* not all atoms are one byte; true for values */
    /* While forgetting is planned: in the plan, the block is its own; else, it was replaced. */
    bool planned;
} crdt__atom_chunk;

static inline uint32_t crdt__words_of(uint32_t n)
{
    return n / 64 + (n % 64 > 0);
}

static inline uint64_t crdt__slots_size(uint32_t slot, uint32_t n)
{
    return (uint64_t)slot * crdt__words_of(n);
}

static inline uint8_t *crdt__slot_at(const crdt__atom_chunk *c, uint32_t word)
{
    return c->block + (c->cap - (uint64_t)c->slot * (word + UINT64_C(1)));
}

/* Where atom 64 * word starts. */
static inline uint32_t crdt__mark_of(const crdt__atom_chunk *c, uint32_t word)
{
    uint16_t mark16;
    uint32_t mark32;
    if (c->slot == 0) return word * 64;
    if (c->slot & CRDT__MARK32) {
        memcpy(&mark32, crdt__slot_at(c, word), sizeof mark32);
        return mark32;
    }
    memcpy(&mark16, crdt__slot_at(c, word), sizeof mark16);
    return mark16;
}

/* Bit i: atom 64 * word + i is forgotten. */
static inline uint64_t crdt__bits_of(const crdt__atom_chunk *c, uint32_t word)
{
    uint64_t bits = 0;
    if (c->slot & CRDT__BITS)
        memcpy(&bits, crdt__slot_at(c, word) + c->slot - CRDT__BITS, sizeof bits);
    return bits;
}

static inline void crdt__put_slot(crdt__atom_chunk *c, uint32_t word, uint32_t mark, uint64_t bits)
{
    uint8_t *at = crdt__slot_at(c, word);
    uint16_t mark16 = (uint16_t)mark;
    if (c->slot & CRDT__MARK32) memcpy(at, &mark, sizeof mark);
    if (c->slot & CRDT__MARK16) {
        CRDT_ASSERT(mark <= UINT16_MAX);
        memcpy(at, &mark16, sizeof mark16);
    }
    if (c->slot & CRDT__BITS) memcpy(at + c->slot - CRDT__BITS, &bits, sizeof bits);
}

/* Write the slots of n atoms in the form and block of `to`. The block may be the same one if slots
 * do not shrink. */
void crdt__copy_slots(crdt__atom_chunk *to, const crdt__atom_chunk *from, uint32_t n);
/* Set or clear the bits of atoms from to to - 1, whose slots there are. */
void crdt__set_bits(crdt__atom_chunk *c, uint32_t from, uint32_t to, bool forgotten);

/* How many of the first i atoms are forgotten. */
uint32_t crdt__voids_before(const crdt__atom_chunk *c, uint32_t i);
/* How many atoms from i on (of n in the chunk) are all forgotten or all not. */
uint32_t crdt__atom_run(const crdt__atom_chunk *c, uint32_t n, uint32_t i, bool *ret_void);
/* Where atom i of n starts, or would; i may be n. */
uint32_t crdt__atom_offset(const crdt__atom_chunk *c, uint32_t used, uint32_t n, uint32_t i);
/* Where count atoms from i on end, none of them forgotten; the first starts at from. */
uint32_t crdt__atom_end(const crdt__atom_chunk *c, uint32_t used, uint32_t n, uint32_t i,
                        uint32_t from, uint32_t count);

/* The size of the value at `at`; 0 if it is none, or not all there. */
uint64_t crdt__value_size(const uint8_t *at, uint64_t left);
/* The bytes of the first n of the values that lie here. */
size_t crdt__values_skip(const uint8_t *at, size_t size, uint32_t n);

/* Is the chunk with its n atoms as it should be? */
bool crdt__atom_chunk_check(const crdt__atoms *atoms, const crdt__atom_chunk *c, uint32_t used,
                            uint32_t n);

#endif
