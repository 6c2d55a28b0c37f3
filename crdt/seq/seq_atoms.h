/* seq/seq_atoms.h: the content of a sequence's elements: bytes in order of arrival, never moved.
 *
 * Shape    an element's local id (cid) is its place in order of arrival, from 0. Its bytes (a UTF-8
 *          code point, or a value as crdt_buf_value writes it) stand in chunks that grow from 64
 *          bytes to 16 KiB; an atom never straddles two. ASCII chunks need nothing to find an atom;
 *          others a byte offset for each 64 atoms. Forgotten atoms have a cid and no bytes.
 * Failure  reserve may fail (ENOMEM, nothing changed); after it as much can be appended.
 */
#ifndef CRDT_SEQ_SEQ_ATOMS_H
#define CRDT_SEQ_SEQ_ATOMS_H
#include <string.h>

#include "crdt/base.h"
#include "crdt/core/bytes.h"
#include "crdt/mem.h"

typedef enum crdt__atom_kind { CRDT__UTF8_ATOMS, CRDT__VALUE_ATOMS } crdt__atom_kind;

typedef struct crdt__atoms {
    const crdt_mem          *mem;
    struct crdt__atom_chunk *chunks; /* ascending by first cid */
    uint32_t                 chunk_count, chunk_cap;
    uint32_t        spare_count; /* chunks that reserve made, after the others: still empty */
    uint32_t        count;       /* atoms ever appended: the next cid */
    uint64_t        bytes;       /* of atoms held */
    uint64_t        voids;       /* atoms without bytes */
    size_t          memory;      /* in use, slack included */
    crdt__atom_kind kind;
    bool            ascii; /* UTF8: every atom held is one byte: bytes = UTF-16 units = 1 */
    /* The last chunk's bytes (NULL: void, or no chunk): in use; up to where any atoms may be put;
     * up to where atoms of one byte need only be copied. */
    uint8_t *open;
    uint32_t used, room, plain;
} crdt__atoms;

/* Of a stretch of atoms. For values bytes are the encoded ones, the others 0. */
typedef struct crdt__sums {
    uint32_t bytes, units16, lines; /* lines: line feeds */
} crdt__sums;

void     crdt__atoms_init(crdt__atoms *atoms, const crdt_mem *mem, crdt__atom_kind kind);
void     crdt__atoms_clear(crdt__atoms *atoms);
crdt_err crdt__atoms_make_room(crdt__atoms *atoms, size_t size, uint32_t count);
void     crdt__atoms_put(crdt__atoms *atoms, const uint8_t *bytes, size_t size, uint32_t count);
/* Room for `size` more bytes that make up `count` atoms, in as many appends as one likes; any other
 * change ends it. Errors: ENOMEM. Amortised O(1): may be called for each keystroke. */
static inline crdt_err crdt__atoms_reserve(crdt__atoms *atoms, size_t size, uint32_t count)
{
    if ((uint64_t)atoms->used + size <= atoms->room) return CRDT_OK;
    return crdt__atoms_make_room(atoms, size, count);
}
/* Append an atom of one byte where such atoms are just copied. False: there is no room for that. */
static inline bool crdt__atoms_append_one(crdt__atoms *atoms, uint8_t byte)
{
    if (atoms->used >= atoms->plain) return false;
    atoms->open[atoms->used++] = byte;
    atoms->bytes++;
    atoms->count++;
    return true;
}
/* Append `count` whole atoms of `size` bytes together; they must be valid and room reserved. */
static inline void crdt__atoms_append(crdt__atoms *atoms, const uint8_t *bytes, size_t size,
                                      uint32_t count)
{
    if (size != 1 || !crdt__atoms_append_one(atoms, *bytes)) {
        crdt__atoms_put(atoms, bytes, size, count);
    }
}
/* Append atoms of one byte, at most FEW of them, out of as many bytes that can be read. False: that
 * is not the case, or they have no room where such atoms are just copied; nothing is changed. */
#define CRDT__FEW 32u
static inline bool crdt__atoms_append_few(crdt__atoms *atoms, const uint8_t *bytes, uint32_t count)
{
    if (count > CRDT__FEW || atoms->plain - atoms->used < CRDT__FEW) return false;
    memcpy(atoms->open + atoms->used, bytes, CRDT__FEW);
    atoms->used += count;
    atoms->bytes += count;
    atoms->count += count;
    return true;
}
/* Append atoms whose bytes are forgotten already. Errors: ENOMEM. O(1) memory however many. */
crdt_err crdt__atoms_append_void(crdt__atoms *atoms, uint32_t count);
/* Take back the atoms from cid `count` on. Cannot fail. */
void crdt__atoms_cut(crdt__atoms *atoms, uint32_t count);

/* The bytes of as many of the `len` atoms from cid on as lie side by side; *ret_count is their
 * number, at least 1. Of forgotten atoms: an empty view with their number. Borrowed until the next
 * change. */
crdt_view crdt__atoms_view(const crdt__atoms *atoms, uint32_t cid, uint32_t len,
                           uint32_t *ret_count);
/* A value. Borrowed until the next change. */
crdt_value crdt__atoms_value(const crdt__atoms *atoms, uint32_t cid);
/* Where values around cid start that are found together: of *ret_count atoms from *ret_first on, in
 * *ret_block; forgotten ones start where the next one does. */
#define CRDT__NEAR 64u
void crdt__atoms_near(const crdt__atoms *atoms, uint32_t cid, const uint8_t **ret_block,
                      uint32_t *ret_first, uint32_t *ret_count, uint32_t starts[CRDT__NEAR]);
/* The value that starts there. */
static inline crdt_value crdt__value_read(const uint8_t *at)
{
    uint64_t head = 0;
    unsigned shift = 0;
    for (; *at >= 0x80; shift += 7) head |= (uint64_t)(*at++ & 0x7f) << shift;
    head |= (uint64_t)*at++ << shift;
    if (head > 0) return crdt_bytes(at, (size_t)(head - 1));
    return crdt_int((int64_t)crdt__load_le64(at));
}
/* Of the len atoms from cid on. O(len / 64 + bytes at the edges) at worst O(bytes). */
crdt__sums crdt__atoms_sums(const crdt__atoms *atoms, uint32_t cid, uint32_t len);
/* Forget the bytes of these atoms and free the memory. Errors: ENOMEM (then some may be forgotten
 * and some not; calling again goes on). Forgotten ones stay so. */
crdt_err crdt__atoms_forget(crdt__atoms *atoms, uint32_t cid, uint32_t len);
/* The same beside: plan, with atoms that share all chunks; forget there; then take the plan, or
 * drop it. Until then atoms must not change. Errors of plan and forget: ENOMEM: drop it. */
crdt_err crdt__atoms_plan(crdt__atoms *atoms, crdt__atoms *plan);
crdt_err crdt__atoms_plan_forget(crdt__atoms *plan, crdt__atoms *atoms, uint32_t cid, uint32_t len);
void     crdt__atoms_plan_take(crdt__atoms *plan, crdt__atoms *atoms);
void     crdt__atoms_plan_drop(crdt__atoms *plan, crdt__atoms *atoms);
/* The first forgotten atom at or after cid, or count; *ret_len: how many in a row. */
uint32_t crdt__atoms_next_void(const crdt__atoms *atoms, uint32_t cid, uint32_t *ret_len);
bool     crdt__atoms_check(const crdt__atoms *atoms, const char **ret_reason);

/* -- UTF-8 (seq_utf8.c) */
/* Valid UTF-8 (no surrogates, nothing past U+10FFFF, shortest forms) of less than 4 GiB?
 * *ret_count: code points. Fast for ASCII: 8 bytes a step. */
bool crdt__utf8_count(crdt_view text, uint32_t *ret_count);
#define CRDT__UTF8_HIGH UINT64_C(0x8080808080808080)
/* Are these 32 bytes all ASCII? */
static inline bool crdt__utf8_plain32(const uint8_t *at)
{
    uint64_t words[4];
    memcpy(words, at, sizeof words);
    return ((words[0] | words[1] | words[2] | words[3]) & CRDT__UTF8_HIGH) == 0;
}
/* Sums of valid UTF-8. */
crdt__sums crdt__utf8_sums(const uint8_t *bytes, size_t size);
/* Its line feeds. */
uint32_t crdt__utf8_lines(const uint8_t *bytes, size_t size);
/* The bytes of the first `count` code points of valid UTF-8; it must have as many. */
size_t crdt__utf8_skip(const uint8_t *bytes, size_t size, uint32_t count);
/* How many code points make up the first n UTF-16 units (or bytes, if in_bytes) of valid UTF-8;
 * false if n ends inside one or past the end. */
bool crdt__utf8_prefix(const uint8_t *bytes, size_t size, bool in_bytes, uint64_t n,
                       uint32_t *ret_count);

#endif
