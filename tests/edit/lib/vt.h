/* vt.h: what a terminal shows that is written to: the part of ECMA-48 and xterm that ncurses uses
 * for TERM=xterm. */
#ifndef TESTS_EDIT_LIB_VT_H
#define TESTS_EDIT_LIB_VT_H
#include <stdbool.h>
#include <stddef.h>
#include <wchar.h>

#define VT_MARKS 4

typedef struct vt_cell {
    wchar_t show[1 + VT_MARKS]; /* the character, its marks; 0: the second half of a wide one */
    int     back;               /* colour behind it: 0 to 7; -1: none; 8: reversed */
} vt_cell;

typedef struct vt {
    int      rows, columns;
    vt_cell *at; /* rows * columns */
    int      row, column;
    int      top, bottom; /* of what scrolls; bottom is the last row of it */
    int      back;
    bool     wraps;    /* a character was written to the last column */
    char     held[64]; /* a sequence that is not whole */
    size_t   held_size;
    wchar_t  last;    /* that was written */
    unsigned unknown; /* sequences that mean nothing here */
    char     first_unknown[64];
} vt;

/* False: no memory. */
bool vt_open(vt *v, int rows, int columns);
void vt_close(vt *v);
/* What is there stays as far as there is room. */
bool vt_resize(vt *v, int rows, int columns);
void vt_write(vt *v, const char *bytes, size_t size);
/* A row as UTF-8, without blanks at its end: borrowed until the next call. */
const char *vt_row(const vt *v, int row);

#endif
