/* laws/mem.c: the kit's allocator. Each block is preceded by its size and its place in a list, so
 * that a wrong size shows, and a round that broke a law can be dropped as a whole. */
#include <stdlib.h>
#include <string.h>

#include "crdt/laws/kit.h"

typedef struct kit_block {
    struct kit_block *next, *prev;
    size_t            size;
    size_t            pad; /* what follows stays aligned to 16 */
} kit_block;

static bool refuse(kit_mem *m, size_t more)
{
    m->calls++;
    if (m->calls != m->fail_at && more <= m->bytes_max - m->bytes) return false;
    m->refused = true;
    return true;
}

static void *laws_alloc(void *user, size_t size)
{
    kit_mem *m = user;
    if (m->bytes > m->bytes_max || refuse(m, size)) return NULL;
    kit_block *block = malloc(sizeof *block + size);
    if (block == NULL) return NULL;
    block->size = size;
    block->prev = NULL;
    block->next = m->live;
    if (m->live != NULL) m->live->prev = block;
    m->live = block;
    m->bytes += size;
    m->blocks++;
    return block + 1;
}

static void laws_release(void *user, void *p, size_t size)
{
    kit_mem   *m = user;
    kit_block *block = (kit_block *)p - 1;
    if (block->size != size) m->misused = true;
    if (block->prev != NULL) block->prev->next = block->next;
    else m->live = block->next;
    if (block->next != NULL) block->next->prev = block->prev;
    m->bytes -= block->size;
    m->blocks--;
    free(block);
}

/* Always moves, so that a stale pointer is noticed under a sanitizer. */
static void *laws_resize(void *user, void *p, size_t old_size, size_t new_size)
{
    kit_mem *m = user;
    void    *fresh = laws_alloc(m, new_size);
    if (fresh == NULL) return NULL;
    memcpy(fresh, p, old_size < new_size ? old_size : new_size);
    laws_release(m, p, old_size);
    return fresh;
}

void crdt__laws_mem_init(kit_mem *m)
{
    memset(m, 0, sizeof *m);
    m->mem.alloc = laws_alloc;
    m->mem.resize = laws_resize;
    m->mem.release = laws_release;
    m->mem.user = m;
    m->bytes_max = SIZE_MAX;
}

void crdt__laws_mem_fail(kit_mem *m, uint64_t nth)
{
    m->fail_at = nth == 0 ? 0 : m->calls + nth;
    m->refused = false;
}

void crdt__laws_mem_drop(kit_mem *m)
{
    while (m->live != NULL) {
        kit_block *block = m->live;
        m->live = block->next;
        free(block);
    }
    crdt__laws_mem_init(m);
}
