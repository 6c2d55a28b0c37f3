/* rich.c: see rich.h. */
#include "tests/laws/lib/rich.h"

#include <stdlib.h>
#include <string.h>

#define BIT(i) (UINT64_C(1) << (i))

static const char *const keys[RICH_KEYS] = {"bold", "comment:a", "comment:b", "link"};

const char *rich_key(unsigned key)
{
    return keys[key];
}

/* Bold grows at its end; nothing else grows. */
static bool grows_at_end(unsigned key)
{
    return key == 0;
}

void rich_init(rich *r, bool classic)
{
    memset(r, 0, sizeof *r);
    line_init(&r->text, classic);
}

void rich_clear(rich *r)
{
    line_clear(&r->text);
    free(r->letters);
    rich_init(r, r->text.classic);
}

size_t rich_put(rich *r, uint64_t seen, unsigned event, uint64_t replica, size_t pos, size_t n,
                char letter)
{
    size_t first = line_insert(&r->text, seen, event, replica, pos, n);
    if (r->text.count > r->letters_cap) {
        r->letters_cap = 2 * r->text.count;
        r->letters = realloc(r->letters, r->letters_cap);
        if (r->letters == NULL) abort();
    }
    for (size_t i = first; i < first + n; i++) r->letters[i] = letter;
    return first;
}

/* -- Edges ------------------------------------------------------------------------------------- */

static rich_edge right_of(const rich *r, uint64_t seen, size_t pos)
{
    return (rich_edge){pos == 0 ? LINE_NONE : line_at(&r->text, seen, pos - 1), pos > 0};
}

static rich_edge left_of(const rich *r, uint64_t seen, size_t pos)
{
    rich_edge e = {line_at(&r->text, seen, pos), false};
    if (e.item == LINE_NONE) e.right = true;
    return e;
}

/* Is the element, a number in the line, right of the edge? */
static bool is_behind(const rich *r, const rich_edge *e, size_t item)
{
    if (e->item == LINE_NONE) return !e->right; /* of the start; of the end nothing is */
    if (e->item == item) return !e->right;
    return r->text.place[item] > r->text.place[e->item];
}

void rich_say(rich *r, uint64_t seen, unsigned event, uint64_t replica, uint64_t stamp,
              unsigned key, int value, size_t pos, size_t count)
{
    if (count == 0) return;
    if (r->count == RICH_MARKS_MAX) abort();
    rich_said *s = &r->said[r->count++];
    *s = (rich_said){event, key, stamp, replica, {0, false}, {0, false}, value};
    bool sticks = grows_at_end(key); /* what the end sticks to is behind it */
    bool opens = value == 0 && !sticks;
    s->start = opens ? right_of(r, seen, pos) : left_of(r, seen, pos);
    s->end = sticks || opens ? left_of(r, seen, pos + count) : right_of(r, seen, pos + count);
}

/* -- What shows -------------------------------------------------------------------------------- */

static bool is_later(const rich *r, size_t a, size_t b)
{
    const rich_said *x = &r->said[a], *y = &r->said[b];
    if (x->stamp != y->stamp) return x->stamp > y->stamp;
    if (x->replica != y->replica) return x->replica > y->replica;
    return a > b;
}

/* The value of the latest that `covers` says of the key; 0: none. */
static int value_of(const rich *r, uint64_t seen, unsigned key,
                    bool (*covers)(const rich *r, const rich_said *s, const void *with),
                    const void *with)
{
    size_t best = r->count;
    for (size_t i = 0; i < r->count; i++) {
        const rich_said *s = &r->said[i];
        if (!(seen & BIT(s->event)) || s->key != key || !covers(r, s, with)) continue;
        if (best == r->count || is_later(r, i, best)) best = i;
    }
    return best == r->count ? 0 : r->said[best].value;
}

static bool covers_item(const rich *r, const rich_said *s, const void *with)
{
    size_t item = *(const size_t *)with;
    return is_behind(r, &s->start, item) && !is_behind(r, &s->end, item);
}

static size_t place_of(const rich *r, const rich_edge *e)
{
    if (e->item == LINE_NONE) return e->right ? SIZE_MAX : 0;
    return 1 + 2 * r->text.place[e->item] + e->right;
}

/* Does a later one of its key lie over the whole of it? Then it has no say any more. */
static bool is_overwritten(const rich *r, uint64_t seen, const rich_said *s)
{
    for (size_t i = 0; i < r->count; i++) {
        const rich_said *o = &r->said[i];
        if (!(seen & BIT(o->event)) || o->key != s->key) continue;
        if (!is_later(r, i, (size_t)(s - r->said))) continue;
        if (place_of(r, &o->start) > place_of(r, &s->start)) continue;
        if (place_of(r, &o->end) >= place_of(r, &s->end)) return true;
    }
    return false;
}

/* A place between what shows to who has seen `seen`. */
typedef struct gap {
    uint64_t seen;
    size_t   left, right; /* LINE_NONE at the ends */
} gap;

/* An edge in the gap is left of what is typed there if it sticks to what is left of it. */
static bool edge_is_left(const rich *r, const rich_edge *e, const gap *g)
{
    if (e->item == LINE_NONE) return !e->right;
    size_t at = r->text.place[e->item];
    bool   before = g->left != LINE_NONE && at < r->text.place[g->left];
    bool   behind = g->right != LINE_NONE && at > r->text.place[g->right];
    if (before || behind) return before;
    return e->right ? e->item != g->right : e->item == g->left;
}

static bool covers_gap(const rich *r, const rich_said *s, const void *with)
{
    const gap *g = with;
    if (!edge_is_left(r, &s->start, g) || edge_is_left(r, &s->end, g)) return false;
    return !is_overwritten(r, g->seen, s);
}

size_t rich_mend(rich *r, uint64_t before, uint64_t seen, unsigned event, uint64_t replica,
                 uint64_t stamp, size_t pos, size_t first, size_t n)
{
    gap    g = {before, pos == 0 ? LINE_NONE : line_at(&r->text, seen, pos - 1),
                line_at(&r->text, seen, pos + n)};
    size_t count = 0;
    int    wanted[RICH_KEYS];
    bool   differs[RICH_KEYS];
    for (unsigned key = 0; key < RICH_KEYS; key++) {
        wanted[key] = value_of(r, before, key, covers_gap, &g);
        differs[key] = value_of(r, before, key, covers_item, &first) != wanted[key];
        count += differs[key];
    }
    size_t told = 0;
    for (unsigned key = 0; key < RICH_KEYS; key++) {
        if (!differs[key]) continue;
        told++;
        rich_say(r, seen, event, replica, stamp - (count - told), key, wanted[key], pos, n);
    }
    return count;
}

void rich_text(const rich *r, uint64_t seen, crdt_buf *out)
{
    for (size_t pos = 0; pos < r->text.count; pos++) {
        size_t item = r->text.order[pos];
        if (!line_shows(&r->text.items[item], seen)) continue;
        crdt_buf_put(out, &r->letters[item], 1);
        for (unsigned key = 0; key < RICH_KEYS; key++) {
            int value = value_of(r, seen, key, covers_item, &item);
            if (value == 0) continue;
            crdt_buf_text(out, "{");
            crdt_buf_text(out, keys[key]);
            crdt_buf_text(out, "=");
            crdt_buf_decimal(out, value);
            crdt_buf_text(out, "}");
        }
    }
}
