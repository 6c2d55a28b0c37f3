/* must.h: memory of the simulator itself, not of its nodes: it is there, or the program ends. */
#ifndef SIM_MUST_H
#define SIM_MUST_H
#include <stddef.h>

void *must_alloc(size_t size); /* zeroed */
void *must_resize(void *p, size_t size);
/* Room for `need` things of `size` bytes in the array *p of *cap; what is new is zeroed. */
void must_grow(void *p, size_t *cap, size_t need, size_t size);
/* End the program with a message: the simulator itself is at fault, or its machine. */
_Noreturn __attribute__((format(printf, 1, 2))) void must_fail(const char *format, ...);

#endif
