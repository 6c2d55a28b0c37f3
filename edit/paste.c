/* paste.c: see paste.h. */
#include "edit/paste.h"

#include <stdlib.h>
#include <string.h>

#include "edit/cells.h"
#include "edit/mem.h"

static void append(paste *p, const char *bytes, size_t size)
{
    if (p->size + size > p->cap) {
        p->cap = p->size + size + p->size / 2 + 4096;
        p->bytes = mem_resize(p->bytes, p->cap);
    }
    if (size > 0) memcpy(p->bytes + p->size, bytes, size);
    p->size += size;
}

void paste_add(paste *p, const char *bytes, size_t size)
{
    size_t left = PASTE_MAX - p->size;
    if (size > left) {
        p->lost += size - left;
        size = left;
    }
    if (size > 0) append(p, bytes, size);
}

const char *paste_whole(paste *p, size_t *ret_size)
{
    static const char unknown[] = "\xef\xbf\xbd";
    paste             clean = {.lost = p->lost};
    for (size_t at = 0, n; at < p->size; at += n) {
        const char *from = p->bytes + at;
        wchar_t     c = cells_decode(from, p->size - at, &n);
        if (c == 0) continue;
        if (c == L'\r') {
            if (at + 1 == p->size || from[1] != '\n') append(&clean, "\n", 1);
        } else if (c == 0xfffd) {
            append(&clean, unknown, 3);
        } else {
            append(&clean, from, n);
        }
    }
    free(p->bytes);
    *p = clean;
    *ret_size = p->size;
    return p->bytes;
}

void paste_clear(paste *p)
{
    free(p->bytes);
    *p = (paste){0};
}
