/* core/mem.c: the default allocator, and the end of a failed assert. */
#include "crdt/core/mem.h"

#include <stdlib.h>

static void *heap_alloc(void *user, size_t size)
{
    (void)user;
    return malloc(size ? size : 1);
}

static void *heap_resize(void *user, void *p, size_t old_size, size_t new_size)
{
    (void)user, (void)old_size;
    return realloc(p, new_size ? new_size : 1);
}

static void heap_release(void *user, void *p, size_t size)
{
    (void)user, (void)size;
    free(p);
}

const crdt_mem *crdt_mem_default(void)
{
    static const crdt_mem heap = {heap_alloc, heap_resize, heap_release, NULL};
    return &heap;
}

void crdt__assert_failed(void)
{
    abort();
}
