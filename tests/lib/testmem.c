/* testmem.c: see testmem.h. */
#include "tests/lib/testmem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIVE_MAGIC UINT64_C(0x6c6976652d626c6b)
#define DEAD_MAGIC UINT64_C(0x646561642d626c6b)

/* Stands before each block. */
typedef struct testmem_block {
    _Alignas(16) uint64_t magic;
    size_t                size;
    uint64_t              call; /* the number of the call that gave it */
    testmem              *owner;
    struct testmem_block *prev, *next;
} testmem_block;

/* Fill with rubbish, except under valgrind (-DT_NO_FILL): it knows itself what is uninitialised. */
static void rubbish(void *p, int byte, size_t size)
{
#ifdef T_NO_FILL
    (void)p, (void)byte, (void)size;
#else
    memset(p, byte, size);
#endif
}

static bool refuse(testmem *m, size_t bytes_after)
{
    m->calls++;
    if ((m->calls < m->fail_at || m->calls > m->fail_until) && bytes_after <= m->bytes_max) {
        return false;
    }
    m->refusals++;
    return true;
}

static void *give(testmem *m, size_t size)
{
    testmem_block *b = size > SIZE_MAX / 2 ? NULL : malloc(sizeof *b + size);
    if (!b) return NULL;
    *b = (testmem_block){LIVE_MAGIC, size, m->calls, m, NULL, m->live};
    if (m->live) m->live->prev = b;
    m->live = b;
    m->blocks++;
    m->bytes += size;
    if (m->bytes > m->peak) m->peak = m->bytes;
    rubbish(b + 1, 0xA5, size);
    return b + 1;
}

/* The block at p, which must be live, ours and of this size. */
static testmem_block *block_at(testmem *m, void *p, size_t size, const char *call)
{
    testmem_block *b = (testmem_block *)p - 1;
    if (b->magic == DEAD_MAGIC) FAIL("%s(%p): this block was already released", call, p);
    if (b->magic != LIVE_MAGIC) {
        FAIL("%s(%p): not the start of a block of this allocator, or written before its start",
             call, p);
    }
    if (b->owner != m) FAIL("%s(%p): the block belongs to another allocator", call, p);
    if (b->size != size) {
        FAIL("%s(%p): called with size %zu, but the block (call %ju) has %zu bytes", call, p, size,
             (uintmax_t)b->call, b->size);
    }
    return b;
}

static void take(testmem *m, testmem_block *b)
{
    *(b->prev ? &b->prev->next : &m->live) = b->next;
    if (b->next) b->next->prev = b->prev;
    m->blocks--;
    m->bytes -= b->size;
    rubbish(b + 1, 0xDD, b->size);
    b->magic = DEAD_MAGIC;
    free(b);
}

static void *testmem_alloc(void *user, size_t size)
{
    testmem *m = user;
    return refuse(m, m->bytes + size) ? NULL : give(m, size);
}

static void *testmem_resize(void *user, void *p, size_t old_size, size_t new_size)
{
    testmem *m = user;
    if (!p) {
        if (old_size) FAIL("resize(NULL): called with old size %zu instead of 0", old_size);
        return testmem_alloc(user, new_size);
    }
    testmem_block *b = block_at(m, p, old_size, "resize");
    if (refuse(m, m->bytes - old_size + new_size)) return NULL;
    void *moved = malloc(new_size ? new_size : 1); /* so that peak does not count both blocks */
    if (!moved) return NULL;
    memcpy(moved, p, old_size < new_size ? old_size : new_size);
    take(m, b);
    void *q = give(m, new_size);
    if (q) memcpy(q, moved, old_size < new_size ? old_size : new_size);
    free(moved);
    if (!q) FAIL("resize(%p): the machine has no %zu bytes left", p, new_size);
    return q;
}

static void testmem_release(void *user, void *p, size_t size)
{
    testmem *m = user;
    if (!p) FAIL("release(NULL): p must not be NULL");
    take(m, block_at(m, p, size, "release"));
}

void testmem_init(testmem *m)
{
    memset(m, 0, sizeof *m);
    m->mem = (crdt_mem){testmem_alloc, testmem_resize, testmem_release, m};
    m->bytes_max = SIZE_MAX;
    testmem_fail_never(m);
}

void testmem_fail_nth(testmem *m, uint64_t nth)
{
    m->fail_at = m->calls + nth;
    m->fail_until = m->fail_at;
    m->refusals_armed = m->refusals;
}

void testmem_fail_from(testmem *m, uint64_t nth)
{
    testmem_fail_nth(m, nth);
    m->fail_until = UINT64_MAX;
}

void testmem_fail_never(testmem *m)
{
    m->fail_at = UINT64_MAX;
    m->fail_until = UINT64_MAX;
    m->refusals_armed = m->refusals;
}

bool testmem_refused(const testmem *m)
{
    return m->refusals != m->refusals_armed;
}

void testmem_done(const testmem *m, const char *file, int line)
{
    char   text[256] = "";
    size_t used = 0, shown = 0;
    for (const testmem_block *b = m->live; b && shown < 5; b = b->next, shown++) {
        used += (size_t)snprintf(text + used, sizeof text - used, " [%zu bytes, call %ju]", b->size,
                                 (uintmax_t)b->call);
        if (used >= sizeof text) break;
    }
    if (m->blocks) {
        t_fail(file, line, "%zu blocks, %zu bytes were never released:%s%s", m->blocks, m->bytes,
               text, m->blocks > shown ? " ..." : "");
    }
}
