/* mem.h: memory of the editor: where there is none, it ends, and says so. */
#ifndef EDIT_MEM_H
#define EDIT_MEM_H
#include <stddef.h>

/* As realloc(3); size is not 0. */
void *mem_resize(void *old, size_t size);
/* Room for one more of `each` bytes behind the first `count` in a vector of *cap. */
void *mem_grow(void *old, size_t count, size_t *cap, size_t each);

#endif
