/* slab.h: memory for what a node holds: very many small things that live long.
 *
 * Shape    regions of 2 MiB, on huge pages where the system has them; a region is 32 spans, and a
 *          span is places of one size. So things lie close together, without a header each, and
 *          few pages hold them: a look-up among millions waits for memory less often.
 * Large    what takes more than SLAB_MAX bytes comes from malloc(3).
 * Memory   a span that is empty serves any size again; regions go back when the slab is freed.
 * Threads  one.
 */
#ifndef NODE_SLAB_H
#define NODE_SLAB_H
#include "crdt/mem.h"

#define SLAB_MAX 1024u

typedef struct slab slab;

/* NULL: out of memory. */
slab *slab_new(void);
/* All that came from it goes, but for what was large. NULL is fine. */
void slab_free(slab *s);
/* The allocator; it lives as long as the slab. */
const crdt_mem *slab_mem(const slab *s);
/* Bytes of its regions. */
size_t slab_held(const slab *s);

#endif
