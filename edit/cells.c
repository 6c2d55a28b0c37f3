/* cells.c: see cells.h. Widths are those of wcwidth(3), as ncurses takes them: the program sets a
 * locale of UTF-8. */
#include "edit/cells.h"

#define UNKNOWN ((wchar_t)0xfffd)

wchar_t cells_decode(const char *bytes, size_t size, size_t *ret_size)
{
    static const wchar_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char        first = (unsigned char)bytes[0];
    size_t               n = first < 0x80   ? 1
                             : first < 0xc2 ? 0
                             : first < 0xe0 ? 2
                             : first < 0xf0 ? 3
                             : first < 0xf5 ? 4
                                            : 0;
    wchar_t c = n == 1 ? first : n == 2 ? first & 0x1f : n == 3 ? first & 0xf : first & 7;
    *ret_size = 1;
    if (n == 0 || n > size) return UNKNOWN;
    for (size_t i = 1; i < n; i++) {
        if (((unsigned char)bytes[i] & 0xc0) != 0x80) return UNKNOWN;
        c = c << 6 | ((unsigned char)bytes[i] & 0x3f);
    }
    if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000)) return UNKNOWN;
    *ret_size = n;
    return c;
}

/* It turns the direction of what stands around it. */
static bool turns(wchar_t c)
{
    return c == 0x61c || c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) ||
           (c >= 0x2066 && c <= 0x2069);
}

static bool combines(wchar_t c)
{
    return c >= 0x300 && !turns(c) && wcwidth(c) == 0;
}

/* How a character shows, without its marks. */
static void show(wchar_t c, int column, cell *ret)
{
    ret->breaks = c == L'\n';
    ret->width = 1;
    if (c == L'\t') {
        ret->show[0] = L' ';
        ret->width = 8 - column % 8;
    } else if (c == L'\n') {
        ret->show[0] = L' ';
    } else if (c < 0x20 || c == 0x7f) {
        ret->show[0] = L'^';
        ret->show[1] = c ^ 0x40;
        ret->width = 2;
    } else if (combines(c)) {
        ret->show[0] = L' ';
        ret->show[1] = c;
    } else {
        int width = wcwidth(c); /* of what turns directions: not above 0 */
        ret->show[0] = width < 1 ? UNKNOWN : c;
        ret->width = width < 1 ? 1 : width;
    }
}

bool cells_at(const text *t, size_t at, int column, cell *ret)
{
    char   bytes[8];
    size_t size = text_read(t, at, bytes, sizeof bytes), n;
    *ret = (cell){.at = at};
    if (size == 0) return false;
    wchar_t c = cells_decode(bytes, size, &n);
    show(c, column, ret);
    ret->size = n;
    size_t marks = combines(c) ? 1 : 0;
    if (c < 0x20 || c == 0x7f) return true;
    for (;;) {
        size = text_read(t, at + ret->size, bytes, sizeof bytes);
        if (size == 0 || !combines(c = cells_decode(bytes, size, &n))) return true;
        if (marks < CELLS_MARKS) ret->show[++marks] = c;
        ret->size += n;
    }
}

size_t cells_row(const text *t, size_t at, int columns, bool *ret_more)
{
    cell c;
    int  column = 0;
    *ret_more = true;
    while (cells_at(t, at, column, &c)) {
        if (column > 0 && column + c.width > columns) return at;
        if (c.breaks) return at + c.size;
        column += c.width;
        at += c.size;
        if (column >= columns && at == t->size)
            return at; /* the next one is there for the cursor */
    }
    *ret_more = false;
    return at;
}

size_t cells_fit(const char *utf8, size_t size, int columns)
{
    size_t at = 0, n;
    for (int used = 0; at < size; at += n) {
        int width = wcwidth(cells_decode(utf8 + at, size - at, &n));
        used += width < 0 ? 1 : width;
        if (used > columns) break;
    }
    return at;
}

int cells_width(const char *utf8, size_t size)
{
    int    sum = 0;
    size_t n;
    for (size_t at = 0; at < size; at += n) {
        int width = wcwidth(cells_decode(utf8 + at, size - at, &n));
        sum += width < 0 ? 1 : width;
    }
    return sum;
}
