/* text.c: see text.h. */
#include "edit/text.h"

#include <stdlib.h>
#include <string.h>

#include "edit/mem.h"

#define GAP 4096u

void text_clear(text *t)
{
    free(t->bytes);
    *t = (text){0};
}

static void move_gap(text *t, size_t to)
{
    if (to < t->gap) {
        memmove(t->bytes + to + t->gap_size, t->bytes + to, t->gap - to);
    } else if (to > t->gap) {
        memmove(t->bytes + t->gap, t->bytes + t->gap + t->gap_size, to - t->gap);
    }
    t->gap = to;
}

void text_insert(text *t, size_t at, const char *bytes, size_t size)
{
    if (size == 0) return;
    if (t->gap_size < size) {
        size_t gap = size + GAP + (t->size + size) / 4;
        move_gap(t, t->size);
        t->bytes = mem_resize(t->bytes, t->size + gap);
        t->gap_size = gap;
    }
    move_gap(t, at);
    memcpy(t->bytes + at, bytes, size);
    t->gap += size;
    t->gap_size -= size;
    t->size += size;
}

void text_delete(text *t, size_t at, size_t size)
{
    if (size == 0) return;
    move_gap(t, at);
    t->gap_size += size;
    t->size -= size;
}

void text_apply(text *t, const delta *d)
{
    size_t at = 0;
    for (size_t i = 0; i < d->count; i++) {
        const delta_step *s = &d->at[i];
        if (s->kind == DELTA_INSERT) text_insert(t, at, s->text, s->count);
        if (s->kind == DELTA_DELETE) text_delete(t, at, s->count);
        else at += s->count;
    }
}

char text_byte(const text *t, size_t at)
{
    return t->bytes[at < t->gap ? at : at + t->gap_size];
}

const char *text_piece(const text *t, size_t at, size_t *ret_size)
{
    *ret_size = at < t->gap ? t->gap - at : t->size - at;
    return *ret_size == 0 ? NULL : t->bytes + (at < t->gap ? at : at + t->gap_size);
}

size_t text_read(const text *t, size_t at, char *out, size_t size)
{
    size_t done = 0, n;
    for (const char *piece; done < size && (piece = text_piece(t, at + done, &n)) != NULL;) {
        if (n > size - done) n = size - done;
        memcpy(out + done, piece, n);
        done += n;
    }
    return done;
}

size_t text_line_end(const text *t, size_t at)
{
    size_t n;
    for (const char *piece; (piece = text_piece(t, at, &n)) != NULL; at += n) {
        const char *found = memchr(piece, '\n', n);
        if (found != NULL) return at + (size_t)(found - piece);
    }
    return t->size;
}

size_t text_line_start(const text *t, size_t at, size_t limit)
{
    while (at > limit) { /* the part behind the gap, then that before it */
        size_t      part = at > t->gap && t->gap > limit ? t->gap : limit;
        size_t      skip = part >= t->gap ? t->gap_size : 0;
        const char *found = memrchr(t->bytes + skip + part, '\n', at - part);
        if (found != NULL) return (size_t)(found - t->bytes) - skip + 1;
        at = part;
    }
    return limit;
}

static bool goes_on(const text *t, size_t at)
{
    return at < t->size && ((unsigned char)text_byte(t, at) & 0xc0) == 0x80;
}

size_t text_next(const text *t, size_t at)
{
    if (at < t->size) at++;
    while (goes_on(t, at)) at++;
    return at;
}

size_t text_previous(const text *t, size_t at)
{
    if (at > 0) at--;
    while (at > 0 && goes_on(t, at)) at--;
    return at;
}

size_t text_count_lines(const text *t, size_t end)
{
    size_t lines = 0, n;
    for (size_t at = 0; at < end; at += n) {
        const char *piece = text_piece(t, at, &n);
        if (piece == NULL) break;
        if (n > end - at) n = end - at;
        for (const char *p = piece; (p = memchr(p, '\n', (size_t)(piece + n - p))) != NULL; p++) {
            lines++;
        }
    }
    return lines;
}
