/* memory.c: see memory.h. */
#include "sim/memory.h"

#include <stdlib.h>
#include <string.h>

static bool refuses(memory *m)
{
    if (m->refuse_in == 0 || !m->armed) return false;
    if (m->refuse_in > 1) {
        m->refuse_in--;
        return false;
    }
    if (m->refuse_for <= 1) m->refuse_in = 0;
    else m->refuse_for--;
    m->refused++;
    return true;
}

static void grew(memory *m, size_t size)
{
    m->bytes += size;
    if (m->bytes > m->peak) m->peak = m->bytes;
}

static void *give(void *user, size_t size)
{
    memory *m = user;
    void   *p = refuses(m) ? NULL : malloc(size ? size : 1);
    if (p) grew(m, size);
    return p;
}

static void *resize(void *user, void *p, size_t old_size, size_t new_size)
{
    memory *m = user;
    void   *q = refuses(m) ? NULL : realloc(p, new_size ? new_size : 1);
    if (!q) return NULL;
    m->bytes -= old_size;
    grew(m, new_size);
    return q;
}

static void take(void *user, void *p, size_t size)
{
    memory *m = user;
    m->bytes -= size;
    free(p);
}

void memory_init(memory *m)
{
    memset(m, 0, sizeof *m);
    m->mem = (crdt_mem){give, resize, take, m};
}

void memory_refuse(memory *m, uint64_t nth, uint64_t count)
{
    m->refuse_in = nth;
    m->refuse_for = count;
}

void memory_refuse_none(memory *m)
{
    m->refuse_in = 0;
}
