/* mem.h: the allocator that a store is given. Sizes are passed back, so budgets and exact
 * accounting need no headers of their own. There is no global hook. */
#ifndef CRDT_MEM_H
#define CRDT_MEM_H
#include "crdt/base.h"
#ifdef __cplusplus
extern "C" {
#endif

typedef struct crdt_mem {
    void *(*alloc)(void *user, size_t size);                                /* NULL: refused */
    void *(*resize)(void *user, void *p, size_t old_size, size_t new_size); /* p stays if NULL */
    void (*release)(void *user, void *p, size_t size);                      /* p is never NULL */
    void *user;
} crdt_mem;

/* malloc(3), realloc(3), free(3). Used wherever NULL is given for a mem. */
CRDT_API const crdt_mem *crdt_mem_default(void);

#ifdef __cplusplus
}
#endif
#endif
