/* core/hindex.h: an index of the nodes of a map (core/omap.h) by a hash of their bytes.
 *
 * Shape    extendible hashing: blocks of 64 places, found through a directory by the first bits of
 *          the hash; a block that is full enough splits in two. So no put waits for all that is
 *          there to be moved.
 *              directory 2 bits:  00 -> block of 0..   01 -> the same   10 -> ...   11 -> ...
 * Failure  it is a help, and never in the way: where memory for a block is refused, or too many
 *          hashes are alike, the block goes, and of its names the index cannot tell. The map can.
 * Memory   16 bytes a place, about 25 a node; never more than 128.
 * Source   Fagin, Nievergelt, Pippenger, Strong, "Extendible hashing", ACM TODS 4(3), 1979.
 */
#ifndef CRDT_CORE_HINDEX_H
#define CRDT_CORE_HINDEX_H
#include "crdt/core/omap.h"

#define CRDT__HINDEX_PLACES 64u

typedef struct crdt__hplace {
    uint64_t    hash;
    crdt__okey *node; /* NULL: free */
} crdt__hplace;

typedef struct crdt__hblock {
    uint32_t     count, depth;            /* depth: so many first bits do its hashes share */
    crdt__hplace at[CRDT__HINDEX_PLACES]; /* from hash % PLACES on, the first that is free */
} crdt__hblock;

typedef struct crdt__hindex {
    const crdt_mem *mem;
    crdt__hblock  **directory; /* NULL: it is off; an entry that is NULL: it cannot tell */
    unsigned        bits;
    size_t          blocks, count; /* count: nodes in blocks */
    size_t          bytes;         /* memory in use */
} crdt__hindex;

void crdt__hindex_init(crdt__hindex *index, const crdt_mem *mem);
void crdt__hindex_clear(crdt__hindex *index); /* off; the nodes are not touched */
/* On, and empty. False: memory was refused. */
bool crdt__hindex_begin(crdt__hindex *index);
/* If it is on: */
void crdt__hindex_add(crdt__hindex *index, crdt__okey *node);
void crdt__hindex_remove(crdt__hindex *index, const crdt__okey *node);
/* old goes, and node with the same bytes takes its place. */
void crdt__hindex_replace(crdt__hindex *index, const crdt__okey *old, crdt__okey *node);

/* The nodes with these bytes, in no order; ends with any change. */
typedef struct crdt__hfinder {
    const crdt__hblock *block;
    crdt_view           bytes; /* borrowed from the caller */
    uint64_t            hash;
    unsigned            at;
} crdt__hfinder;
/* False: it cannot tell. */
bool  crdt__hindex_find(const crdt__hindex *index, crdt_view bytes, crdt__hfinder *ret_finder);
void *crdt__hindex_next(crdt__hfinder *finder); /* NULL at the end */
/* What finds of these names will touch is loaded meanwhile; of the first few, how many is returned.
 * ret_nodes: what will probably be found of each, on its way, or NULL. */
#define CRDT__HINDEX_EXPECTS 16u
size_t crdt__hindex_expect(const crdt__hindex *index, const crdt_view *names, size_t count,
                           const crdt__okey **ret_nodes);
bool crdt__hindex_check(const crdt__hindex *index, const crdt__omap *map, const char **ret_reason);

#endif
