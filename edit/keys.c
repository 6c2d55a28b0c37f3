/* keys.c: see keys.h. */
#include "edit/keys.h"

#include <string.h>

#define ESCAPE 0x1b
#define LONGEST 32 /* of a sequence */

static const char paste_begins[] = "\x1b[200~", paste_ends[] = "\x1b[201~";

static key go(window_move move)
{
    return (key){.kind = KEY_GO, .move = move};
}

/* CSI with a final letter; number: the first parameter, or 0. */
static key of_csi(char final, long number, bool control)
{
    switch (final) {
    case 'A': return go(WINDOW_UP);
    case 'B': return go(WINDOW_DOWN);
    case 'C': return go(WINDOW_RIGHT);
    case 'D': return go(WINDOW_LEFT);
    case 'H': return go(control ? WINDOW_FIRST : WINDOW_HOME);
    case 'F': return go(control ? WINDOW_LAST : WINDOW_END);
    default: break;
    }
    if (final != '~') return (key){.kind = KEY_OTHER};
    switch (number) {
    case 1:
    case 7: return go(control ? WINDOW_FIRST : WINDOW_HOME);
    case 3: return (key){.kind = KEY_DELETE};
    case 4:
    case 8: return go(control ? WINDOW_LAST : WINDOW_END);
    case 5: return go(WINDOW_PAGE_UP);
    case 6: return go(WINDOW_PAGE_DOWN);
    default: return (key){.kind = KEY_OTHER};
    }
}

/* A sequence that begins with escape. */
static size_t escape(keys *k, const char *bytes, size_t size, key *ret)
{
    *ret = (key){.kind = KEY_OTHER};
    if (size < 2) return 0;
    if (bytes[1] == 'O') {
        if (size < 3) return 0;
        *ret = of_csi(bytes[2], 0, false);
        return 3;
    }
    if (bytes[1] == ESCAPE) return 1;
    if (bytes[1] != '[') return 2;
    size_t end = 2;
    while (end < size && end < LONGEST && bytes[end] >= 0x20 && bytes[end] < 0x40) end++;
    if (end == size && end < LONGEST) return 0;
    if (end == LONGEST) return end;
    if (end + 1 == sizeof paste_begins - 1 && memcmp(bytes, paste_begins, end + 1) == 0) {
        k->pasting = true;
        ret->kind = KEY_PASTE;
        return end + 1;
    }
    long number = 0; /* by hand: strtol would go on behind what there is */
    for (size_t i = 2; i < end && bytes[i] >= '0' && bytes[i] <= '9' && number < 1000; i++) {
        number = number * 10 + (bytes[i] - '0');
    }
    const char *more = memchr(bytes + 2, ';', end - 2);
    *ret = of_csi(bytes[end], number, more != NULL && more[1] == '5');
    return end + 1;
}

/* Up to what ends the paste, or may be its beginning. */
static size_t pasted(keys *k, const char *bytes, size_t size, key *ret)
{
    size_t      whole = sizeof paste_ends - 1;
    const char *end = memmem(bytes, size, paste_ends, whole);
    if (end == bytes) {
        k->pasting = false;
        *ret = (key){.kind = KEY_PASTE_END};
        return whole;
    }
    size_t n = size;
    if (end != NULL) {
        n = (size_t)(end - bytes);
    } else {
        size_t part = whole - 1 < size ? whole - 1 : size;
        while (part > 0 && memcmp(bytes + size - part, paste_ends, part) != 0) part--;
        n = size - part;
    }
    *ret = (key){.kind = KEY_PASTE, .text = bytes, .size = n};
    return n;
}

/* How many bytes the character there has, as its first one tells. */
static size_t length_of(char byte)
{
    unsigned char b = (unsigned char)byte;
    return b < 0x80 ? 1 : b < 0xc2 ? 0 : b < 0xe0 ? 2 : b < 0xf0 ? 3 : b < 0xf5 ? 4 : 0;
}

/* As many whole characters as there are. */
static size_t typed(const char *bytes, size_t size, key *ret)
{
    size_t at = 0, n;
    bool   whole = true;
    while (at < size && (unsigned char)bytes[at] >= 0x20 && bytes[at] != 0x7f) {
        whole = length_of(bytes[at]) <= size - at;
        if (!whole || (cells_decode(bytes + at, size - at, &n) == 0xfffd && n == 1)) break;
        at += n;
    }
    *ret = (key){.kind = KEY_TEXT, .text = bytes, .size = at};
    if (at > 0) return at;
    ret->kind = KEY_OTHER; /* no UTF-8 */
    return whole ? 1 : 0;
}

static size_t control(const char *bytes, key *ret)
{
    *ret = (key){.kind = KEY_OTHER};
    switch (bytes[0]) {
    case '\r':
    case '\n': *ret = (key){.kind = KEY_TEXT, .text = "\n", .size = 1}; break;
    case '\t': *ret = (key){.kind = KEY_TEXT, .text = "\t", .size = 1}; break;
    case 0x7f:
    case 'H' & 0x1f: ret->kind = KEY_BACKSPACE; break;
    case 'Z' & 0x1f: ret->kind = KEY_UNDO; break;
    case 'Y' & 0x1f: ret->kind = KEY_REDO; break;
    case 'L' & 0x1f: ret->kind = KEY_REDRAW; break;
    case 'Q' & 0x1f: ret->kind = KEY_QUIT; break;
    default: break;
    }
    return 1;
}

size_t keys_next(keys *k, const char *bytes, size_t size, key *ret_key)
{
    if (size == 0) return 0;
    if (k->pasting) return pasted(k, bytes, size, ret_key);
    if (bytes[0] == ESCAPE) return escape(k, bytes, size, ret_key);
    if ((unsigned char)bytes[0] < 0x20 || bytes[0] == 0x7f) return control(bytes, ret_key);
    return typed(bytes, size, ret_key);
}
