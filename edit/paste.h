/* paste.h: what is pasted, gathered until it is whole, as a text of nodes: UTF-8, line feeds. */
#ifndef EDIT_PASTE_H
#define EDIT_PASTE_H
#include <stddef.h>

#define PASTE_MAX ((size_t)64 << 20)

/* Zeros: nothing. */
typedef struct paste {
    char  *bytes;
    size_t size, cap;
    size_t lost; /* bytes beyond PASTE_MAX */
} paste;

void paste_add(paste *p, const char *bytes, size_t size);
/* All is there: ends of lines become line feeds, what is no UTF-8 becomes U+FFFD, NUL goes. The
 * text is that of p until it is cleared. */
const char *paste_whole(paste *p, size_t *ret_size);
void        paste_clear(paste *p);

#endif
