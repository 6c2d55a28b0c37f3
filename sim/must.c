/* must.c: see must.h. */
#include "sim/must.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void must_fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("concur-sim: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    abort();
}

void *must_alloc(size_t size)
{
    void *p = calloc(1, size ? size : 1);
    if (!p) must_fail("no memory for %zu bytes", size);
    return p;
}

void *must_resize(void *p, size_t size)
{
    void *q = realloc(p, size ? size : 1);
    if (!q) must_fail("no memory for %zu bytes", size);
    return q;
}

void must_grow(void *p, size_t *cap, size_t need, size_t size)
{
    if (need <= *cap) return;
    size_t more = *cap ? *cap : 16;
    while (more < need) more *= 2;
    void *at;
    memcpy(&at, p, sizeof at);
    at = must_resize(at, more * size);
    memset((char *)at + *cap * size, 0, (more - *cap) * size);
    memcpy(p, &at, sizeof at);
    *cap = more;
}
