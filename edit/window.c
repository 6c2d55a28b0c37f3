/* window.c: see window.h. */
#include "edit/window.h"

/* Where the block of the place begins, at a whole character. */
static size_t block_start(const text *t, size_t at)
{
    size_t start = at / WINDOW_LINE * WINDOW_LINE;
    while (start < t->size && ((unsigned char)text_byte(t, start) & 0xc0) == 0x80) start++;
    return start;
}

/* No line ends in the block before that start of one: a row begins there. */
static bool is_broken(const text *t, size_t start)
{
    size_t before = (start / WINDOW_LINE - 1) * WINDOW_LINE;
    return start >= WINDOW_LINE && text_line_start(t, start, before) == before;
}

/* Where the line of the place begins, or its part. */
static size_t line_start(const text *t, size_t at)
{
    size_t block = block_start(t, at), start = text_line_start(t, at, block);
    if (start > block || block == 0 || is_broken(t, block)) return start;
    return text_line_start(t, block, (block / WINDOW_LINE - 1) * WINDOW_LINE);
}

size_t window_row(const window *w, const text *t, size_t at, bool *ret_more)
{
    size_t end = cells_row(t, at, w->columns, ret_more), block = block_start(t, at + WINDOW_LINE);
    if (block >= end || block <= at || !is_broken(t, block)) return end;
    *ret_more = true;
    return block;
}

/* Where the row that the place is in begins. At the end of a full row it is in the next one. */
static size_t row_start(const window *w, const text *t, size_t at)
{
    size_t row = line_start(t, at);
    for (;;) {
        bool   more;
        size_t next = window_row(w, t, row, &more);
        if (!more || next > at) return row;
        row = next;
    }
}

static int column_of(const text *t, size_t row, size_t at)
{
    cell c;
    int  column = 0;
    while (row < at && cells_at(t, row, column, &c)) {
        column += c.width;
        row += c.size;
    }
    return column;
}

/* The place in the row that begins there, at that column or left of it. */
static size_t at_column(const window *w, const text *t, size_t row, int column)
{
    cell   c;
    bool   more;
    int    at = 0;
    size_t end = window_row(w, t, row, &more);
    while (row < end && cells_at(t, row, at, &c) && !c.breaks && at + c.width <= column) {
        if (more && row + c.size == end) break; /* behind it the next row begins */
        at += c.width;
        row += c.size;
    }
    return row;
}

static size_t row_before(const window *w, const text *t, size_t row)
{
    return row == 0 ? 0 : row_start(w, t, text_previous(t, row));
}

/* The same row, if it is the last one. */
static size_t row_behind(const window *w, const text *t, size_t row)
{
    bool   more;
    size_t next = window_row(w, t, row, &more);
    return more ? next : row;
}

size_t window_before(const text *t, size_t at)
{
    cell   c;
    size_t to = text_previous(t, at);
    while (to > 0 && at - to < 64) {
        size_t before = text_previous(t, to);
        if (!cells_at(t, before, 0, &c) || before + c.size < at) break;
        to = before;
    }
    return to;
}

size_t window_behind(const text *t, size_t at)
{
    cell c;
    return cells_at(t, at, 0, &c) ? at + c.size : at;
}

static size_t go_rows(window *w, const text *t, size_t cursor, int rows)
{
    size_t row = row_start(w, t, cursor);
    if (w->wanted < 0) w->wanted = column_of(t, row, cursor);
    for (; rows < 0 && row > 0; rows++) row = row_before(w, t, row);
    for (; rows > 0; rows--) row = row_behind(w, t, row);
    return at_column(w, t, row, w->wanted);
}

size_t window_go(window *w, const text *t, size_t cursor, window_move move)
{
    bool rows = move == WINDOW_UP || move == WINDOW_DOWN || move == WINDOW_PAGE_UP ||
                move == WINDOW_PAGE_DOWN;
    int page = w->rows > 1 ? w->rows - 1 : 1;
    if (!rows) w->wanted = -1;
    switch (move) {
    case WINDOW_LEFT: return window_before(t, cursor);
    case WINDOW_RIGHT: return window_behind(t, cursor);
    case WINDOW_UP: return go_rows(w, t, cursor, -1);
    case WINDOW_DOWN: return go_rows(w, t, cursor, 1);
    case WINDOW_PAGE_UP: return go_rows(w, t, cursor, -page);
    case WINDOW_PAGE_DOWN: return go_rows(w, t, cursor, page);
    case WINDOW_HOME: return text_line_start(t, cursor, 0);
    case WINDOW_END: return text_line_end(t, cursor);
    case WINDOW_FIRST: return 0;
    case WINDOW_LAST: return t->size;
    }
    return cursor;
}

bool window_find(const window *w, const text *t, size_t at, int *ret_row, int *ret_column)
{
    size_t row = w->top;
    *ret_row = -1;
    *ret_column = 0;
    if (at < row) return false;
    for (*ret_row = 0; *ret_row < w->rows; ++*ret_row) {
        bool   more;
        size_t next = window_row(w, t, row, &more);
        if (!more || next > at) {
            *ret_column = column_of(t, row, at);
            return true;
        }
        row = next;
    }
    return false;
}

void window_follow(window *w, const text *t, size_t cursor)
{
    int row, column;
    w->top = row_start(w, t, w->top < t->size ? w->top : t->size);
    if (window_find(w, t, cursor, &row, &column)) return;
    size_t top = row_start(w, t, cursor);
    int    back = row < 0 ? 0 : w->rows - 1; /* above: the first row; below: the last */
    for (; back > 0 && top > 0; back--) top = row_before(w, t, top);
    w->top = top;
}
