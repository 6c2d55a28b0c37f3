/* mem.c: see mem.h. */
#include "edit/mem.h"

#include <stdio.h>
#include <stdlib.h>

void *mem_resize(void *old, size_t size)
{
    void *new = realloc(old, size);
    if (new != NULL) return new;
    fprintf(stderr, "concur-edit: no memory for %zu bytes\r\n", size);
    exit(1);
}

void *mem_grow(void *old, size_t count, size_t *cap, size_t each)
{
    if (count < *cap) return old;
    *cap = *cap < 8 ? 8 : 2 * *cap;
    return mem_resize(old, *cap * each);
}
