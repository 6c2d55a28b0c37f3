/* core/digest.c: digests that sum, over XXH3-128. See crdt/digest.h.
 *
 * Shape    what is hashed, all numbers little endian:
 *          block    key (16 bytes: lo, hi), replica, block number, content hash (16 bytes)
 *          section  key (16 bytes), number of the section; section 0 has the object's own key
 *          content  the block's atoms in dot order: 2 bytes of sequence mod 4096, then what is put
 *          value    kind (1 byte), integer or size (8 bytes), the bytes
 */
#include "crdt/digest.h"

#define XXH_STATIC_LINKING_ONLY /* for the size of the state */
#include <xxhash.h>

#include "crdt/core/bytes.h"
#include "crdt/core/mem.h"

_Static_assert(sizeof(XXH3_state_t) <= sizeof(((crdt_blocks *)0)->hash), "the state must fit");
_Static_assert(_Alignof(XXH3_state_t) <= _Alignof(crdt_blocks), "the state must be aligned");
_Static_assert(CRDT_BLOCK_DOTS <= 65536, "the place of an atom in its block is two bytes");

static inline void store_digest(uint8_t *at, crdt_digest d)
{
    crdt__store_le64(at, d.lo);
    crdt__store_le64(at + 8, d.hi);
}

static inline crdt_digest digest_from(XXH128_hash_t hash)
{
    return (crdt_digest){hash.low64, hash.high64};
}

crdt_digest crdt_digest_of(const void *data, size_t size)
{
    return digest_from(XXH3_128bits(size ? data : "", size));
}

crdt_digest crdt_digest_add(crdt_digest a, crdt_digest b)
{
    crdt_digest sum = {a.lo + b.lo, a.hi + b.hi};
    sum.hi += sum.lo < a.lo;
    return sum;
}

crdt_digest crdt_digest_sub(crdt_digest a, crdt_digest b)
{
    crdt_digest rest = {a.lo - b.lo, a.hi - b.hi};
    rest.hi -= a.lo < b.lo;
    return rest;
}

crdt_digest crdt_digest_block(crdt_digest key, uint64_t replica, uint64_t block,
                              crdt_digest content)
{
    uint8_t bytes[48];
    store_digest(bytes, key);
    crdt__store_le64(bytes + 16, replica);
    crdt__store_le64(bytes + 24, block);
    store_digest(bytes + 32, content);
    return crdt_digest_of(bytes, sizeof bytes);
}

/* -- Blocks ------------------------------------------------------------------------------------ */

static inline XXH3_state_t *state_of(crdt_blocks *blocks)
{
    return (XXH3_state_t *)(void *)blocks->hash;
}

void crdt_blocks_init(crdt_blocks *blocks, crdt_digest key)
{
    blocks->base = key;
    blocks->key = key;
    blocks->sum = (crdt_digest){0, 0};
    blocks->replica = 0;
    blocks->block = 0;
    blocks->open = false;
    XXH3_INITSTATE(state_of(blocks));
}

static crdt_digest close_block(crdt_blocks *blocks)
{
    blocks->open = false;
    return digest_from(XXH3_128bits_digest(state_of(blocks)));
}

static void flush(crdt_blocks *blocks)
{
    if (!blocks->open) return;
    crdt_digest content = close_block(blocks);
    crdt_digest hash = crdt_digest_block(blocks->key, blocks->replica, blocks->block, content);
    blocks->sum = crdt_digest_add(blocks->sum, hash);
}

/* End the open block and go to (replica, block), which must lie behind all before it. */
static void turn_to(crdt_blocks *blocks, uint64_t replica, uint64_t block)
{
    CRDT_ASSERT(replica > blocks->replica || (replica == blocks->replica && block > blocks->block));
    flush(blocks);
    blocks->replica = replica;
    blocks->block = block;
}

void crdt_blocks_atom(crdt_blocks *blocks, crdt_dot dot)
{
    uint64_t block = dot.seq / CRDT_BLOCK_DOTS, offset = dot.seq % CRDT_BLOCK_DOTS;
    uint8_t  bytes[2] = {(uint8_t)offset, (uint8_t)(offset >> 8)};
    if (!blocks->open || block != blocks->block || dot.replica != blocks->replica) {
        turn_to(blocks, dot.replica, block);
        blocks->open = true;
        XXH3_128bits_reset(state_of(blocks));
    }
    XXH3_128bits_update(state_of(blocks), bytes, sizeof bytes);
}

static inline void put(crdt_blocks *blocks, const void *data, size_t size)
{
    CRDT_ASSERT(blocks->open);
    if (size > 0) XXH3_128bits_update(state_of(blocks), data, size);
}

void crdt_blocks_put(crdt_blocks *blocks, const void *data, size_t size)
{
    put(blocks, data, size);
}

void crdt_blocks_u64(crdt_blocks *blocks, uint64_t n)
{
    uint8_t bytes[8];
    crdt__store_le64(bytes, n);
    put(blocks, bytes, sizeof bytes);
}

void crdt_blocks_value(crdt_blocks *blocks, crdt_value v)
{
    bool    is_int = v.kind == CRDT_INT;
    uint8_t bytes[9] = {(uint8_t)v.kind};
    crdt__store_le64(bytes + 1, is_int ? (uint64_t)v.i : v.bytes.size);
    put(blocks, bytes, sizeof bytes);
    if (!is_int) put(blocks, v.bytes.data, v.bytes.size);
}

void crdt_blocks_add(crdt_blocks *blocks, uint64_t replica, uint64_t block, crdt_digest content)
{
    turn_to(blocks, replica, block);
    crdt_digest hash = crdt_digest_block(blocks->key, replica, block, content);
    blocks->sum = crdt_digest_add(blocks->sum, hash);
}

void crdt_blocks_section(crdt_blocks *blocks, uint64_t n)
{
    uint8_t bytes[24];
    flush(blocks);
    store_digest(bytes, blocks->base);
    crdt__store_le64(bytes + 16, n);
    blocks->key = n == 0 ? blocks->base : crdt_digest_of(bytes, sizeof bytes);
    blocks->replica = 0;
    blocks->block = 0;
}

crdt_digest crdt_blocks_take(crdt_blocks *blocks)
{
    crdt_digest content = blocks->open ? close_block(blocks) : crdt_digest_of(NULL, 0);
    blocks->replica = 0;
    blocks->block = 0;
    return content;
}

crdt_digest crdt_blocks_end(crdt_blocks *blocks)
{
    flush(blocks);
    return blocks->sum;
}

/* -- Bytes in pieces --------------------------------------------------------------------------- */

#define STATE_ALIGN _Alignof(XXH3_state_t)
_Static_assert(sizeof(XXH3_state_t) + STATE_ALIGN - 1 <= sizeof(crdt_digester),
               "the state must fit wherever it begins");

static XXH3_state_t *state_in(const crdt_digester *digester)
{
    uintptr_t at = (uintptr_t)digester->room + (STATE_ALIGN - 1);
    return (XXH3_state_t *)(at - at % STATE_ALIGN);
}

void crdt_digester_init(crdt_digester *digester)
{
    (void)XXH3_128bits_reset(state_in(digester));
}

void crdt_digester_add(crdt_digester *digester, const void *data, size_t size)
{
    if (size > 0) (void)XXH3_128bits_update(state_in(digester), data, size);
}

crdt_digest crdt_digester_sum(const crdt_digester *digester)
{
    return digest_from(XXH3_128bits_digest(state_in(digester)));
}
