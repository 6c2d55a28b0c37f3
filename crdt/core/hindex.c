/* core/hindex.c: see core/hindex.h.
 *
 * Invariants  the directory has 2^bits entries; those whose first `depth` bits are alike have the
 *             same block of that depth. A node's place is free of gaps from hash % PLACES on. A
 *             block has a free place always.
 */
#include "crdt/core/hindex.h"

#include <string.h>

#include "crdt/core/bytes.h"
#include "crdt/core/hash.h"
#include "crdt/core/mem.h"

#define PLACES CRDT__HINDEX_PLACES
#define SPLIT_AT 48u /* nodes in a block */
#define FULL 60u
#define BITS_MAX 28u
#define WIDE 16u  /* entries a block: the same */
#define SPARSE 8u /* so few nodes a block: hashes are too much alike, no block splits */

void crdt__hindex_init(crdt__hindex *index, const crdt_mem *mem)
{
    *index = (crdt__hindex){.mem = mem};
}

static size_t directory_bytes(unsigned bits)
{
    return sizeof(crdt__hblock *) << bits;
}

/* The first entry for hashes that begin like this one, in `depth` bits. */
static inline size_t entry_of(unsigned bits, uint64_t hash)
{
    return (size_t)(hash >> (64 - BITS_MAX) >> (BITS_MAX - bits));
}

static void *take(crdt__hindex *index, size_t bytes)
{
    void *p = crdt__alloc(index->mem, bytes);
    if (p != NULL) index->bytes += bytes;
    return p;
}

static void give(crdt__hindex *index, void *p, size_t bytes)
{
    crdt__release(index->mem, p, bytes);
    index->bytes -= bytes;
}

static crdt__hblock *make_block(crdt__hindex *index, uint32_t depth)
{
    crdt__hblock *block = take(index, sizeof *block);
    if (block == NULL) return NULL;
    memset(block, 0, sizeof *block);
    block->depth = depth;
    index->blocks++;
    return block;
}

/* entry: the first of those that have it. */
static void drop_block(crdt__hindex *index, crdt__hblock *block, size_t entry)
{
    size_t alike = (size_t)1 << (index->bits - block->depth);
    for (size_t i = 0; i < alike; i++) index->directory[entry + i] = NULL;
    index->count -= block->count;
    index->blocks--;
    give(index, block, sizeof *block);
}

void crdt__hindex_clear(crdt__hindex *index)
{
    size_t entries = index->directory == NULL ? 0 : (size_t)1 << index->bits;
    for (size_t i = 0; i < entries; i++) {
        if (index->directory[i] != NULL) drop_block(index, index->directory[i], i);
    }
    if (entries > 0) give(index, index->directory, directory_bytes(index->bits));
    CRDT_ASSERT(index->bytes == 0);
    crdt__hindex_init(index, index->mem);
}

bool crdt__hindex_begin(crdt__hindex *index)
{
    CRDT_ASSERT(index->directory == NULL);
    crdt__hblock **directory = take(index, directory_bytes(0));
    crdt__hblock  *block = directory == NULL ? NULL : make_block(index, 0);
    if (block == NULL && directory != NULL) give(index, directory, directory_bytes(0));
    if (block == NULL) return false;
    directory[0] = block;
    index->directory = directory;
    return true;
}

/* -- Blocks ------------------------------------------------------------------------------------ */

static uint64_t hash_of(crdt_view bytes)
{
    return crdt__hash64(bytes.data, bytes.size, 0);
}

static void put(crdt__hblock *block, crdt__hplace place)
{
    unsigned at = (unsigned)(place.hash % PLACES);
    while (block->at[at].node != NULL) at = (at + 1) % PLACES;
    block->at[at] = place;
    block->count++;
}

/* Each entry twice. */
static bool double_directory(crdt__hindex *index)
{
    size_t entries = (size_t)1 << index->bits;
    if (index->bits == BITS_MAX || entries > WIDE * index->blocks) return false;
    crdt__hblock **wider = take(index, directory_bytes(index->bits + 1));
    if (wider == NULL) return false;
    for (size_t i = 0; i < entries; i++) wider[2 * i] = wider[2 * i + 1] = index->directory[i];
    give(index, index->directory, directory_bytes(index->bits));
    index->directory = wider;
    index->bits++;
    return true;
}

/* The first entry of the block of this depth that the hash belongs to. */
static size_t first_of(const crdt__hindex *index, uint64_t hash, uint32_t depth)
{
    size_t alike = (size_t)1 << (index->bits - depth);
    return entry_of(index->bits, hash) / alike * alike;
}

/* Nodes whose hashes have the next bit set go to a block of their own. */
static bool split(crdt__hindex *index, uint64_t hash)
{
    crdt__hblock *block = index->directory[entry_of(index->bits, hash)];
    if (index->count < SPARSE * index->blocks) return false;
    if (block->depth == index->bits && !double_directory(index)) return false;
    crdt__hblock *right = make_block(index, block->depth + 1);
    if (right == NULL) return false;
    crdt__hblock old = *block;
    memset(block->at, 0, sizeof block->at);
    block->count = 0;
    block->depth++;
    for (unsigned i = 0; i < PLACES; i++) {
        if (old.at[i].node == NULL) continue;
        bool set = old.at[i].hash << old.depth >> 63;
        put(set ? right : block, old.at[i]);
    }
    size_t alike = (size_t)1 << (index->bits - block->depth);
    size_t first = first_of(index, hash, old.depth) + alike;
    for (size_t i = 0; i < alike; i++) index->directory[first + i] = right;
    return true;
}

void crdt__hindex_add(crdt__hindex *index, crdt__okey *node)
{
    if (index->directory == NULL) return;
    crdt__hplace  place = {hash_of(node->bytes), node};
    crdt__hblock *block = index->directory[entry_of(index->bits, place.hash)];
    if (block == NULL) return;
    while (block->count >= SPLIT_AT && split(index, place.hash)) {
        block = index->directory[entry_of(index->bits, place.hash)];
    }
    if (block->count >= FULL) {
        drop_block(index, block, first_of(index, place.hash, block->depth));
        return;
    }
    put(block, place);
    index->count++;
}

/* -- Finding ----------------------------------------------------------------------------------- */

bool crdt__hindex_find(const crdt__hindex *index, crdt_view bytes, crdt__hfinder *ret_finder)
{
    if (index->directory == NULL) return false;
    uint64_t            hash = hash_of(bytes);
    const crdt__hblock *block = index->directory[entry_of(index->bits, hash)];
    *ret_finder = (crdt__hfinder){block, bytes, hash, (unsigned)(hash % PLACES)};
    return block != NULL;
}

void *crdt__hindex_next(crdt__hfinder *f)
{
    for (;;) {
        const crdt__hplace *place = &f->block->at[f->at];
        if (place->node == NULL) return NULL;
        f->at = (f->at + 1) % PLACES;
        if (place->hash != f->hash || place->node->bytes.size != f->bytes.size) continue;
        if (crdt__same_bytes(place->node->bytes.data, f->bytes.data, f->bytes.size)) {
            return place->node;
        }
    }
}

/* By hashes alone. NULL: it is not there. */
static const crdt__okey *probable(const crdt__hfinder *f)
{
    const crdt__hplace *place;
    for (unsigned at = f->at; (place = &f->block->at[at])->node != NULL; at = (at + 1) % PLACES) {
        if (place->hash == f->hash) return place->node;
    }
    return NULL;
}

/* Two rounds: what the second needs to know comes while the first asks for the others. It stands at
 * its place, or a few places behind. */
size_t crdt__hindex_expect(const crdt__hindex *index, const crdt_view *names, size_t count,
                           const crdt__okey **ret_nodes)
{
    enum { NODE_LINES = 3, NEAR_PLACES = 3 };
    crdt__hfinder found[CRDT__HINDEX_EXPECTS];
    if (index->directory == NULL) return 0;
    if (count > CRDT__HINDEX_EXPECTS) count = CRDT__HINDEX_EXPECTS;
    for (size_t i = 0; i < count; i++) {
        if (crdt__hindex_find(index, names[i], &found[i])) {
            crdt__load_ahead(&found[i].block->at[found[i].at]);
            crdt__load_ahead(&found[i].block->at[(found[i].at + NEAR_PLACES) % PLACES]);
        }
    }
    for (size_t i = 0; i < count; i++) {
        ret_nodes[i] = NULL;
        if (found[i].block == NULL) continue;
        ret_nodes[i] = probable(&found[i]);
        for (unsigned n = 0; ret_nodes[i] != NULL && n < NODE_LINES; n++)
            crdt__load_ahead((const char *)ret_nodes[i] + 64 * n);
    }
    return count;
}

/* NULL: it is not there. The block is that of its hash; NULL: there is none. */
static crdt__hplace *place_of(const crdt__hindex *index, const crdt__okey *node,
                              crdt__hblock **ret_block)
{
    uint64_t      hash = hash_of(node->bytes);
    unsigned      at = (unsigned)(hash % PLACES);
    crdt__hblock *block = *ret_block = index->directory[entry_of(index->bits, hash)];
    for (; block != NULL && block->at[at].node != NULL; at = (at + 1) % PLACES) {
        if (block->at[at].node == node) return &block->at[at];
    }
    return NULL;
}

void crdt__hindex_replace(crdt__hindex *index, const crdt__okey *old, crdt__okey *node)
{
    crdt__hblock *block;
    crdt__hplace *place = index->directory == NULL ? NULL : place_of(index, old, &block);
    if (place != NULL) place->node = node;
}

void crdt__hindex_remove(crdt__hindex *index, const crdt__okey *node)
{
    crdt__hblock *block;
    crdt__hplace *place = index->directory == NULL ? NULL : place_of(index, node, &block);
    if (place == NULL) return;
    unsigned gap = (unsigned)(place - block->at);
    for (unsigned at = (gap + 1) % PLACES; block->at[at].node != NULL; at = (at + 1) % PLACES) {
        unsigned home = (unsigned)(block->at[at].hash % PLACES);
        if ((at - home) % PLACES < (at - gap) % PLACES) continue; /* it may not move before home */
        block->at[gap] = block->at[at];
        gap = at;
    }
    block->at[gap] = (crdt__hplace){0, NULL};
    block->count--;
    index->count--;
    bool sparse = index->blocks > 16 && index->count < index->blocks * (SPARSE / 2);
    if (sparse) crdt__hindex_clear(index); /* who adds the next begins anew */
}

/* -- Audit ------------------------------------------------------------------------------------- */

bool crdt__hindex_check(const crdt__hindex *index, const crdt__omap *map, const char **ret_reason)
{
    size_t          found = 0, missing = 0;
    crdt__omap_iter it = crdt__omap_first(map);
    if (index->directory == NULL) return true;
    for (crdt__okey *node; (node = crdt__omap_next(&it)) != NULL;) {
        crdt__hblock *block;
        bool          there = place_of(index, node, &block) != NULL;
        found += there;
        missing += !there && block != NULL;
    }
    if (found == index->count && missing == 0) return true;
    *ret_reason = "hindex: it does not hold what the map holds";
    return false;
}
