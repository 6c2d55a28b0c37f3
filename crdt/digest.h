/* digest.h: 128-bit digests that sum.
 *
 * The digest of an object is the sum mod 2^128 of one hash per block of its canonical atoms; a
 * block is (object, replica, sequence / 4096). So it can be kept up block by block, and equal
 * states have equal digests whatever happened before. XXH3-128: it finds differences between honest
 * peers and proves nothing against a forger.
 */
#ifndef CRDT_DIGEST_H
#define CRDT_DIGEST_H
#include "crdt/base.h"
#ifdef __cplusplus
extern "C" {
#endif

typedef struct crdt_digest {
    uint64_t lo, hi;
} crdt_digest;

#define CRDT_BLOCK_DOTS 4096u

CRDT_API crdt_digest crdt_digest_of(const void *data, size_t size);
CRDT_API crdt_digest crdt_digest_add(crdt_digest a, crdt_digest b); /* mod 2^128 */
CRDT_API crdt_digest crdt_digest_sub(crdt_digest a, crdt_digest b);
static inline bool   crdt_digest_equal(crdt_digest a, crdt_digest b)
{
    return a.lo == b.lo && a.hi == b.hi;
}
/* The hash of one block: key is the object's, content the hash of its atoms' canonical bytes. */
CRDT_API crdt_digest crdt_digest_block(crdt_digest key, uint64_t replica, uint64_t block,
                                       crdt_digest content);

/* Sums blocks from atoms given in dot order (replica id, then sequence). On the stack; cannot
 * fail. */
typedef struct crdt_blocks {
    crdt_digest base, key, sum; /* key: of the current section */
    uint64_t    replica, block;
    bool        open;
#ifdef __cplusplus
    alignas(64)
#else
    _Alignas(64)
#endif
        unsigned char hash[640]; /* the running hash of the open block */
} crdt_blocks;

CRDT_API void crdt_blocks_init(crdt_blocks *blocks, crdt_digest key);
/* Start an atom of the dot; its bytes follow by crdt_blocks_put. */
CRDT_API void crdt_blocks_atom(crdt_blocks *blocks, crdt_dot dot);
CRDT_API void crdt_blocks_put(crdt_blocks *blocks, const void *data, size_t size);
CRDT_API void crdt_blocks_u64(crdt_blocks *blocks, uint64_t n);
CRDT_API void crdt_blocks_value(crdt_blocks *blocks, crdt_value v);
/* A whole block whose content hash the caller keeps. */
CRDT_API void crdt_blocks_add(crdt_blocks *blocks, uint64_t replica, uint64_t block,
                              crdt_digest content);
/* From here on atoms belong to section n (0 at first): blocks of different sections never mix. For
 * states of several parts, each given in dot order. */
CRDT_API void crdt_blocks_section(crdt_blocks *blocks, uint64_t n);
/* Close the open block without adding it and return its content hash, for crdt_blocks_add. */
CRDT_API crdt_digest crdt_blocks_take(crdt_blocks *blocks);
CRDT_API crdt_digest crdt_blocks_end(crdt_blocks *blocks);

/* crdt_digest_of of bytes that come in pieces. Not to be copied once in use. */
typedef struct crdt_digester {
    unsigned char room[640]; /* private */
} crdt_digester;
CRDT_API void        crdt_digester_init(crdt_digester *digester);
CRDT_API void        crdt_digester_add(crdt_digester *digester, const void *data, size_t size);
CRDT_API crdt_digest crdt_digester_sum(const crdt_digester *digester); /* of all added so far */

#ifdef __cplusplus
}
#endif
#endif
