/* vt.c: see vt.h. */
#include "tests/edit/lib/vt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PARAMETERS 16

static vt_cell *cell_at(const vt *v, int row, int column)
{
    return &v->at[row * v->columns + column];
}

static void blank(const vt *v, int row, int from, int to)
{
    for (int i = from; i < to; i++)
        *cell_at(v, row, i) = (vt_cell){.show = {L' '}, .back = v->back};
}

bool vt_open(vt *v, int rows, int columns)
{
    *v = (vt){.rows = rows, .columns = columns, .bottom = rows - 1, .back = -1};
    v->at = calloc((size_t)(rows * columns), sizeof *v->at);
    for (int row = 0; v->at != NULL && row < rows; row++) blank(v, row, 0, columns);
    return v->at != NULL;
}

void vt_close(vt *v)
{
    free(v->at);
    *v = (vt){0};
}

bool vt_resize(vt *v, int rows, int columns)
{
    vt new;
    if (!vt_open(&new, rows, columns)) return false;
    for (int row = 0; row < rows && row < v->rows; row++) {
        for (int i = 0; i < columns && i < v->columns; i++) {
            *cell_at(&new, row, i) = *cell_at(v, row, i);
        }
    }
    new.row = v->row < rows ? v->row : rows - 1;
    new.column = v->column < columns ? v->column : columns - 1;
    vt_close(v);
    *v = new;
    return true;
}

/* -- Characters -------------------------------------------------------------------------------- */

/* Rows from top to bottom move by so many; up: count above 0. */
static void scroll(vt *v, int top, int count)
{
    for (; count > 0; count--) {
        for (int row = top; row < v->bottom; row++) {
            memcpy(cell_at(v, row, 0), cell_at(v, row + 1, 0), (size_t)v->columns * sizeof *v->at);
        }
        blank(v, v->bottom, 0, v->columns);
    }
    for (; count < 0; count++) {
        for (int row = v->bottom; row > top; row--) {
            memcpy(cell_at(v, row, 0), cell_at(v, row - 1, 0), (size_t)v->columns * sizeof *v->at);
        }
        blank(v, top, 0, v->columns);
    }
}

static void line_feed(vt *v)
{
    if (v->row == v->bottom) scroll(v, v->top, 1);
    else if (v->row < v->rows - 1) v->row++;
}

static void put_mark(const vt *v, wchar_t mark)
{
    int column = v->wraps ? v->column : v->column - 1;
    if (column < 0) return;
    vt_cell *cell = cell_at(v, v->row, column);
    if (cell->show[0] == 0 && column > 0) cell--;
    size_t i = wcslen(cell->show);
    if (i <= VT_MARKS) cell->show[i] = mark;
}

static void put(vt *v, wchar_t c)
{
    int width = wcwidth(c);
    if (width == 0) {
        put_mark(v, c);
        return;
    }
    if (width < 0) width = 1;
    if (v->wraps || v->column + width > v->columns) {
        v->column = 0;
        line_feed(v);
    }
    *cell_at(v, v->row, v->column) = (vt_cell){.show = {c}, .back = v->back};
    if (width == 2) *cell_at(v, v->row, v->column + 1) = (vt_cell){.back = v->back};
    v->column += width;
    v->wraps = v->column >= v->columns;
    if (v->wraps) v->column = v->columns - 1;
    v->last = c;
}

/* -- Sequences --------------------------------------------------------------------------------- */

static int clamp(int n, int most)
{
    return n < 0 ? 0 : n > most ? most : n;
}

static void go(vt *v, int row, int column)
{
    v->row = clamp(row, v->rows - 1);
    v->column = clamp(column, v->columns - 1);
    v->wraps = false;
}

static void colour(vt *v, const int *p, int count)
{
    for (int i = 0; i < count || i == 0; i++) {
        int n = count == 0 ? 0 : p[i];
        if (n == 0 || n == 49 || n == 27) v->back = -1;
        else if (n == 7) v->back = 8;
        else if (n >= 40 && n <= 47) v->back = n - 40;
    }
}

static void erase(vt *v, char what, int how)
{
    int from = how == 0 ? v->column : 0, to = how == 1 ? v->column + 1 : v->columns;
    blank(v, v->row, from, to);
    if (what == 'K') return;
    for (int row = how == 0 ? v->row + 1 : 0; row < (how == 1 ? v->row : v->rows); row++) {
        blank(v, row, 0, v->columns);
    }
}

/* Characters of the row from the cursor on move by so many; to the right: count above 0. */
static void shift(vt *v, int count)
{
    int      left = v->columns - v->column, n = clamp(count < 0 ? -count : count, left);
    vt_cell *from = cell_at(v, v->row, v->column);
    if (count < 0) {
        memmove(from, from + n, (size_t)(left - n) * sizeof *from);
        blank(v, v->row, v->columns - n, v->columns);
    } else {
        memmove(from + n, from, (size_t)(left - n) * sizeof *from);
        blank(v, v->row, v->column, v->column + n);
    }
}

static void note_unknown(vt *v, const char *bytes, size_t size)
{
    if (v->unknown++ > 0) return;
    snprintf(v->first_unknown, sizeof v->first_unknown, "%.*s", (int)size, bytes);
}

static void edit_rows(vt *v, char final, int n)
{
    if (final == 'L') scroll(v, v->row, -n);
    else scroll(v, v->row, n);
}

static void csi(vt *v, const char *bytes, size_t size)
{
    int  p[PARAMETERS] = {0}, count = 0;
    char final = bytes[size - 1];
    if (bytes[2] == '?' || bytes[2] == '>') return; /* modes */
    for (size_t i = 2; i + 1 < size && count < PARAMETERS; i++) {
        if (count == 0) count = 1;
        if (bytes[i] == ';') count++;
        else if (bytes[i] >= '0' && bytes[i] <= '9')
            p[count - 1] = p[count - 1] * 10 + bytes[i] - '0';
    }
    if (count > PARAMETERS) count = PARAMETERS;
    int n = p[0] > 0 ? p[0] : 1;
    switch (final) {
    case 'A': go(v, v->row - n, v->column); break;
    case 'B': go(v, v->row + n, v->column); break;
    case 'C': go(v, v->row, v->column + n); break;
    case 'D': go(v, v->row, v->column - n); break;
    case 'G': go(v, v->row, n - 1); break;
    case 'd': go(v, n - 1, v->column); break;
    case 'H':
    case 'f': go(v, n - 1, (count > 1 && p[1] > 0 ? p[1] : 1) - 1); break;
    case 'J':
    case 'K': erase(v, final, p[0]); break;
    case 'X': blank(v, v->row, v->column, clamp(v->column + n, v->columns)); break;
    case 'P': shift(v, -n); break;
    case '@': shift(v, n); break;
    case 'L':
    case 'M': edit_rows(v, final, n); break;
    case 'S': scroll(v, v->top, n); break;
    case 'T': scroll(v, v->top, -n); break;
    case 'b':
        for (; n > 0; n--) put(v, v->last);
        break;
    case 'm': colour(v, p, count); break;
    case 'r':
        v->top = n - 1;
        v->bottom = (count > 1 && p[1] > 0 ? p[1] : v->rows) - 1;
        go(v, 0, 0);
        break;
    case 'h':
    case 'l':
    case 't': break;
    default: note_unknown(v, bytes, size);
    }
}

/* How many bytes the sequence has that begins there; 0: it is not whole. */
static size_t sequence(vt *v, const char *bytes, size_t size)
{
    if (size < 2) return 0;
    if (bytes[1] == '(' || bytes[1] == ')') return size < 3 ? 0 : 3;
    if (bytes[1] == 'M') {
        if (v->row == v->top) scroll(v, v->top, -1);
        else go(v, v->row - 1, v->column);
        return 2;
    }
    if (bytes[1] != '[') {
        if (strchr("=>78", bytes[1]) == NULL) note_unknown(v, bytes, 2);
        return 2;
    }
    size_t end = 2;
    while (end < size && bytes[end] >= 0x20 && bytes[end] < 0x40) end++;
    if (end == size) return 0;
    csi(v, bytes, end + 1);
    return end + 1;
}

static size_t one(vt *v, const char *bytes, size_t size)
{
    unsigned char first = (unsigned char)bytes[0];
    if (first == 0x1b) return sequence(v, bytes, size);
    if (first == '\r') go(v, v->row, 0);
    else if (first == '\n') line_feed(v);
    else if (first == '\b') go(v, v->row, v->column - 1);
    else if (first == '\t') go(v, v->row, v->column / 8 * 8 + 8);
    if (first < 0x20 || first == 0x7f) return 1;
    size_t  n = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    wchar_t c = n == 1 ? first : first & (0xff >> (n + 1));
    if (n > size) return 0;
    for (size_t i = 1; i < n; i++) c = c << 6 | ((unsigned char)bytes[i] & 0x3f);
    put(v, c);
    return n;
}

void vt_write(vt *v, const char *bytes, size_t size)
{
    char   both[sizeof v->held * 2];
    size_t at = 0, n;
    while (v->held_size > 0 && at < size) { /* until what was held is whole */
        v->held[v->held_size++] = bytes[at++];
        memcpy(both, v->held, v->held_size);
        if (one(v, both, v->held_size) > 0 || v->held_size == sizeof v->held) v->held_size = 0;
    }
    for (; at < size && (n = one(v, bytes + at, size - at)) > 0;) at += n;
    if (at == size) return;
    v->held_size = size - at < sizeof v->held ? size - at : 0;
    memcpy(v->held, bytes + at, v->held_size);
}

/* -- Looking ----------------------------------------------------------------------------------- */

static size_t encode(wchar_t c, char *out)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--, c >>= 6) out[i] = (char)(0x80 | (c & 0x3f));
    out[0] = (char)((0xf00 >> n & 0xff) | c);
    return n;
}

const char *vt_row(const vt *v, int row)
{
    static char out[8192];
    size_t      used = 0, end = 0;
    for (int i = 0; i < v->columns && used + 32 < sizeof out; i++) {
        const vt_cell *cell = cell_at(v, row, i);
        for (size_t k = 0; k <= VT_MARKS && cell->show[k] != 0; k++) {
            used += encode(cell->show[k], out + used);
            if (cell->show[k] != L' ') end = used;
        }
    }
    out[end] = 0;
    return out;
}
