/* screen.h: the terminal, by ncurses: the text in a window, all cursors, and a line that tells what
 * goes on. One for the process. */
#ifndef EDIT_SCREEN_H
#define EDIT_SCREEN_H
#include "edit/presence.h"
#include "edit/window.h"

/* What is to be seen. */
typedef struct screen_view {
    const text     *text;
    const window   *window;
    const presence *others;
    size_t          cursor;
    uint64_t        now_ms;
    const char     *status; /* UTF-8 */
    bool            alarm;  /* it is told in red */
} screen_view;

/* False: no such terminal; why is on standard error. */
bool screen_open(void);
/* As it was before. Also when the process ends. */
void screen_close(void);
/* Rows and columns for the text; at least 1. */
void screen_size(int *ret_rows, int *ret_columns);
/* The terminal has another size. */
void screen_resize(void);
/* Draw all of it anew: others have written there. */
void screen_spoiled(void);
void screen_draw(const screen_view *v);

#endif
