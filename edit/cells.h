/* cells.h: how text lies in the cells of a terminal: wide and combining characters, tabs, control
 * characters, lines that are wrapped.
 *
 * Shown    a line feed ends a row and takes one cell; a tab goes to the next eighth cell; control
 *          characters are ^A; what turns the direction of others, or is no character, is U+FFFD, so
 *          that nothing shows elsewhere than it is. Letters from right to left stand in the order
 *          in which they are kept. A mark that combines with nothing stands on a blank.
 */
#ifndef EDIT_CELLS_H
#define EDIT_CELLS_H
#include <wchar.h>

#include "edit/text.h"

#define CELLS_MARKS 4 /* combining marks that are shown on one character */

/* One character with its marks, or what stands for it. */
typedef struct cell {
    size_t  at, size; /* bytes of the text */
    wchar_t show[2 + CELLS_MARKS];
    int     width;  /* 1 or 2; of a tab up to 8 */
    bool    breaks; /* a line feed */
} cell;

/* What is at the place of the text, in that column of a row; false: the text ends. */
bool cells_at(const text *t, size_t at, int column, cell *ret_cell);
/* Where the row that begins at the place ends, and the next one begins, if it has so many columns.
 * *ret_more: there is a next one (the row ends in a line feed, or is full). */
size_t cells_row(const text *t, size_t at, int columns, bool *ret_more);

/* How wide a string of UTF-8 is, and how many of its bytes fit into so many columns. */
int    cells_width(const char *utf8, size_t size);
size_t cells_fit(const char *utf8, size_t size, int columns);
/* The code point that begins there, or U+FFFD, and its bytes: 1 to 4. */
wchar_t cells_decode(const char *bytes, size_t size, size_t *ret_size);

#endif
