/* text.h: the text that is shown: UTF-8 bytes with a gap where it was edited last. */
#ifndef EDIT_TEXT_H
#define EDIT_TEXT_H
#include "edit/delta.h"

/* Zeros: empty. */
typedef struct text {
    char  *bytes;
    size_t gap, gap_size, size; /* size: of the text */
} text;

void text_clear(text *t);
void text_insert(text *t, size_t at, const char *bytes, size_t size);
void text_delete(text *t, size_t at, size_t size);
void text_apply(text *t, const delta *d);
char text_byte(const text *t, size_t at);
/* At most `size` bytes from there on, into out: how many there were. */
size_t text_read(const text *t, size_t at, char *out, size_t size);
/* What lies in one piece from there on: *ret_size bytes; 0 at the end. */
const char *text_piece(const text *t, size_t at, size_t *ret_size);
/* Where the next line feed at or after the place is; the size of the text, if none. */
size_t text_line_end(const text *t, size_t at);
/* Behind the last line feed before the place, looked for as far as `limit` back; 0: no such one. */
size_t text_line_start(const text *t, size_t at, size_t limit);
/* The place of the next, of the previous character (code point). */
size_t text_next(const text *t, size_t at);
size_t text_previous(const text *t, size_t at);
/* Line feeds in the first `end` bytes. */
size_t text_count_lines(const text *t, size_t end);

#endif
