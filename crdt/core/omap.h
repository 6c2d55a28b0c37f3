/* core/omap.h: ordered map from (bytes, minor number) to the caller's nodes: a B+tree of pointers.
 *
 * Shape    leaves of up to 32 nodes in key order, linked; beside each pointer stand the first 8 key
 *          bytes after those that all keys of a leaf begin with, so most comparisons touch no node.
 * Nodes    are the caller's structs whose first member is crdt__okey. The map owns none of them.
 * Failure  put may fail (ENOMEM, map unchanged); remove cannot and allocates nothing.
 */
#ifndef CRDT_CORE_OMAP_H
#define CRDT_CORE_OMAP_H
#include "crdt/base.h"
#include "crdt/mem.h"

typedef struct crdt__okey {
    crdt_view bytes; /* stable while the node is in the map */
    uint32_t  minor; /* orders equal bytes */
    uint32_t  own;   /* the caller's: the map does not look at it */
} crdt__okey;

typedef struct crdt__omap {
    const crdt_mem *mem;
    void           *root;   /* NULL when empty */
    void           *recent; /* a cache, set by reads, too: the leaf where a search last found its */
    unsigned        recent_at; /* bytes, and the place in it; NULL: none */
    size_t          count;
    void           *spare;  /* a leaf that the next first node gets; or NULL */
    unsigned        height; /* 0: root is a leaf */
    size_t          bytes;  /* memory in use */
} crdt__omap;

void crdt__omap_init(crdt__omap *map, const crdt_mem *mem);
void crdt__omap_clear(crdt__omap *map); /* frees the tree, not the nodes */
void crdt__omap_reset(crdt__omap *map); /* the same, but keeps memory for the next few nodes */
/* The node with exactly this key, or NULL. O(log n). */
void *crdt__omap_get(const crdt__omap *map, crdt_view bytes, uint32_t minor);
/* Insert a node (a crdt__okey first). Its key must not be in the map. Errors: ENOMEM. */
crdt_err crdt__omap_put(crdt__omap *map, void *node);
/* Take out the node with this key; NULL if there is none. */
void *crdt__omap_remove(crdt__omap *map, crdt_view bytes, uint32_t minor);
/* Put the node in the place of the one that has the same key, which is returned. NULL: there is
 * none, and nothing changed. */
void *crdt__omap_replace(crdt__omap *map, void *node);

/* Cursor in key order; ends with any change of the map. */
typedef struct crdt__omap_iter {
    void    *leaf;
    unsigned index;
} crdt__omap_iter;
crdt__omap_iter crdt__omap_first(const crdt__omap *map);
/* At some node, chosen by the random bits: level by level, so about evenly. */
crdt__omap_iter crdt__omap_some(const crdt__omap *map, uint64_t random);
/* The first node whose key is not less than (bytes, minor). */
crdt__omap_iter crdt__omap_seek(const crdt__omap *map, crdt_view bytes, uint32_t minor);
void           *crdt__omap_next(crdt__omap_iter *it); /* NULL at the end */
/* The next node, if it has the bytes of the one that this cursor gave last; else NULL, and the
 * cursor stays. Mostly without a look at the node. */
void *crdt__omap_next_alike(crdt__omap_iter *it);
/* The last node whose key is less than (bytes, minor), or NULL. */
void *crdt__omap_before(const crdt__omap *map, crdt_view bytes, uint32_t minor);
bool  crdt__omap_check(const crdt__omap *map, const char **ret_reason);

#endif
