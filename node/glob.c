#include "node/glob.h"

#include <string.h>

typedef struct glob {
    const uint8_t *end;
    bool           nocase;
} glob;

static uint8_t fold(const glob *g, uint8_t c)
{
    return g->nocase && c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

/* One byte of a class, which starts behind '[' at *at; moves *at behind the class. */
static bool fits_class(const glob *g, const uint8_t **at, uint8_t c)
{
    const uint8_t *p = *at;
    bool           negated = p < g->end && *p == '^', found = false;
    c = fold(g, c);
    if (negated) p++;
    while (p < g->end && *p != ']') {
        uint8_t low = *p++, high;
        if (low == '\\' && p < g->end) {
            if (fold(g, *p++) == c) found = true;
            continue;
        }
        high = low;
        if (g->end - p >= 2 && *p == '-') {
            high = p[1];
            p += 2;
        }
        low = fold(g, low);
        high = fold(g, high);
        if (low <= high ? low <= c && c <= high : high <= c && c <= low) found = true;
    }
    if (p < g->end) p++;
    *at = p;
    return found != negated;
}

/* One byte against the pattern's element at *at, which is no star; moves *at behind it. */
static bool fits_one(const glob *g, const uint8_t **at, uint8_t c)
{
    uint8_t p = *(*at)++;
    if (p == '?') return true;
    if (p == '[') return fits_class(g, at, c);
    if (p == '\\' && *at < g->end) p = *(*at)++;
    return fold(g, p) == fold(g, c);
}

static const uint8_t *bytes_of(crdt_view v)
{
    return v.size > 0 ? v.data : (const uint8_t *)"";
}

static bool match(crdt_view pattern, crdt_view text, bool nocase)
{
    const uint8_t *p = bytes_of(pattern), *t = bytes_of(text);
    const uint8_t *text_end = t + text.size;
    const uint8_t *star = NULL, *retry = NULL; /* behind the last star; where it may end next */
    const glob     g = {p + pattern.size, nocase};
    while (t < text_end) {
        if (p < g.end && *p == '*') {
            star = ++p;
            retry = t;
        } else if (p < g.end && fits_one(&g, &p, *t)) {
            t++;
        } else if (star != NULL) {
            p = star;
            t = ++retry;
        } else {
            return false;
        }
    }
    while (p < g.end && *p == '*') p++;
    return p == g.end;
}

bool glob_match(crdt_view pattern, crdt_view text)
{
    return match(pattern, text, false);
}

bool glob_match_nocase(crdt_view pattern, crdt_view text)
{
    return match(pattern, text, true);
}

crdt_view glob_prefix(crdt_view pattern)
{
    const uint8_t *p = pattern.data;
    size_t         size = 0;
    while (size < pattern.size && memchr("*?[\\", p[size], 4) == NULL) size++;
    return crdt_view_of(p, size);
}
