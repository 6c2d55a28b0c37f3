/* window.h: the part of a text that is on the screen, and moves of the cursor in it.
 *
 * Rows     begin at line feeds, or where the row before is full. A line that fills a block of
 *          WINDOW_LINE bytes is broken at the block's end, too: so moving costs the same wherever
 *          one is.
 */
#ifndef EDIT_WINDOW_H
#define EDIT_WINDOW_H
#include "edit/cells.h"

#define WINDOW_LINE 4096u

typedef struct window {
    int    rows, columns; /* at least 1 */
    size_t top;           /* where the first row begins */
    int    wanted;        /* the column that moves up and down keep to; -1: that of the cursor */
} window;

typedef enum window_move {
    WINDOW_LEFT,
    WINDOW_RIGHT,
    WINDOW_UP,
    WINDOW_DOWN,
    WINDOW_HOME,
    WINDOW_END,
    WINDOW_PAGE_UP,
    WINDOW_PAGE_DOWN,
    WINDOW_FIRST,
    WINDOW_LAST
} window_move;

/* cells_row, as wide as the window, with such breaks. */
size_t window_row(const window *w, const text *t, size_t at, bool *ret_more);
/* Where the cursor is after the move. Left and right go by characters with their marks. */
size_t window_go(window *w, const text *t, size_t cursor, window_move move);
/* The character with its marks that stands before the place begins there. */
size_t window_before(const text *t, size_t at);
/* ... that stands at the place ends there. */
size_t window_behind(const text *t, size_t at);
/* Change top so that the cursor is in sight. */
void window_follow(window *w, const text *t, size_t cursor);
/* The row (from 0) and column of a place; false: it is not in sight. *ret_row is below 0 if it is
 * before, and not less than w->rows if it is behind what is in sight. */
bool window_find(const window *w, const text *t, size_t at, int *ret_row, int *ret_column);

#endif
