/* core/mem.h: the allocator's short names, and asserts. */
#ifndef CRDT_CORE_MEM_H
#define CRDT_CORE_MEM_H
#include "crdt/mem.h"

/* On in release too: for our own bugs only, never reachable from input. */
#define CRDT_ASSERT(cond) ((cond) ? (void)0 : crdt__assert_failed())
_Noreturn void crdt__assert_failed(void);

/* What is rare stays apart from a hot path, which then has no registers to save for it. */
#define CRDT__APART __attribute__((noinline))

/* Start loading what stands there, which will be looked at soon. */
static inline void crdt__load_ahead(const void *p)
{
#if defined(__GNUC__)
    __builtin_prefetch(p);
    __asm__ volatile("" : : "r"(p)); /* a loop of nothing but these counts as empty, and goes */
#else
    (void)p;
#endif
}

/* The same for what is looked at a while later. It comes into the second level of the cache only:
 * of such loads about twice as many are under way at once. */
static inline void crdt__load_later(const void *p)
{
#if defined(__GNUC__)
    __builtin_prefetch(p, 0, 2);
    __asm__ volatile("" : : "r"(p));
#else
    (void)p;
#endif
}

static inline void *crdt__alloc(const crdt_mem *mem, size_t size)
{
    return mem->alloc(mem->user, size);
}
static inline void *crdt__resize(const crdt_mem *mem, void *p, size_t old_size, size_t new_size)
{
    return p == NULL ? mem->alloc(mem->user, new_size)
                     : mem->resize(mem->user, p, old_size, new_size);
}
static inline void crdt__release(const crdt_mem *mem, void *p, size_t size)
{
    if (p != NULL) mem->release(mem->user, p, size);
}
/* The capacity to grow to when `need` items no longer fit in `cap`: 1.5x. */
static inline size_t crdt__grow(size_t cap, size_t need)
{
    size_t next = cap + cap / 2 + 4;
    return next < need ? need : next;
}

#endif
