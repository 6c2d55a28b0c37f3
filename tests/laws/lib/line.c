/* line.c: see line.h. */
#include "tests/laws/lib/line.h"

#include <stdlib.h>
#include <string.h>

#define BIT(i) (UINT64_C(1) << (i))

void line_init(line *l, bool classic)
{
    memset(l, 0, sizeof *l);
    l->classic = classic;
}

void line_clear(line *l)
{
    free(l->items);
    free(l->order);
    free(l->place);
    line_init(l, l->classic);
}

static void *more(void *old, size_t count, size_t size)
{
    void *got = realloc(old, count * size);
    if (got == NULL) abort();
    return got;
}

static void reserve(line *l, size_t count)
{
    if (count <= l->cap) return;
    size_t cap = l->cap == 0 ? 64 : 2 * l->cap;
    l->items = more(l->items, cap, sizeof *l->items);
    l->order = more(l->order, cap, sizeof *l->order);
    l->place = more(l->place, cap, sizeof *l->place);
    l->cap = cap;
}

/* -- The two orders -------------------------------------------------------------------------- */

/* Places count from 1 here; 0 is the start. */
static size_t after(const line *l, size_t left)
{
    return left == LINE_NONE ? 0 : l->place[left] + 1;
}

static size_t before(const line *l, size_t right)
{
    return right == LINE_NONE ? SIZE_MAX : l->place[right] + 1;
}

static bool is_less(const line_item *a, const line_item *b)
{
    return a->replica != b->replica ? a->replica < b->replica : a->counter < b->counter;
}

/* Right of the left origin, past siblings and what hangs on them, as far as the right parent. */
static size_t fugue_place(const line *l, const line_item *x)
{
    size_t left = after(l, x->left), right = before(l, x->right), found = left;
    bool   scanning = false;
    for (size_t at = left;; at++) {
        if (!scanning) found = at;
        if (at == l->count || l->order[at] == x->right) return found;
        const line_item *o = &l->items[l->order[at]];
        size_t           o_left = after(l, o->left), o_right = before(l, o->right);
        if (o_left < left) return found;
        if (o_left > left) continue;
        if (o_right == right && is_less(x, o)) return found;
        scanning = o_right < right;
    }
}

/* Right of the left origin, past all that is later. */
static size_t classic_place(const line *l, const line_item *x)
{
    size_t at = after(l, x->left);
    for (; at < l->count; at++) {
        const line_item *o = &l->items[l->order[at]];
        bool             later = o->lamport != x->lamport ? o->lamport > x->lamport : is_less(x, o);
        if (!later) break;
    }
    return at;
}

size_t line_add(line *l, line_item item)
{
    reserve(l, l->count + 1);
    size_t at = l->classic ? classic_place(l, &item) : fugue_place(l, &item), number = l->count++;
    memmove(&l->order[at + 1], &l->order[at], (number - at) * sizeof *l->order);
    l->items[number] = item;
    l->order[at] = number;
    for (size_t i = at; i < l->count; i++) l->place[l->order[i]] = i;
    return number;
}

/* -- What an author sees --------------------------------------------------------------------- */

static bool holds(const line_item *item, uint64_t seen)
{
    return seen >> item->event & 1;
}

bool line_shows(const line_item *item, uint64_t seen)
{
    return holds(item, seen) && (item->deleted_by & seen) == 0;
}

size_t line_element(const line *l, size_t number)
{
    return l->items[number].of == LINE_NONE ? number : l->items[number].of;
}

static bool is_later_move(const line_item *a, const line_item *b)
{
    if (a->stamp != b->stamp) return a->stamp > b->stamp;
    return a->replica != b->replica ? a->replica > b->replica : a->event > b->event;
}

bool line_shows_at(const line *l, size_t number, uint64_t seen)
{
    const line_item *here = &l->items[number];
    size_t           element = line_element(l, number);
    if (!holds(here, seen) || !line_shows(&l->items[element], seen)) return false;
    for (size_t i = 0; l->moves > 0 && i < l->count; i++) {
        const line_item *o = &l->items[i];
        if (o->of != element || i == number || !holds(o, seen)) continue;
        if (here->of == LINE_NONE || is_later_move(o, here)) return false;
    }
    return true;
}

size_t line_at(const line *l, uint64_t seen, uint64_t pos)
{
    for (size_t i = 0; i < l->count; i++) {
        if (line_shows_at(l, l->order[i], seen) && pos-- == 0) return l->order[i];
    }
    return LINE_NONE;
}

size_t line_length(const line *l, uint64_t seen)
{
    size_t n = 0;
    for (size_t i = 0; i < l->count; i++) n += line_shows_at(l, i, seen);
    return n;
}

/* The element in view that comes right after `left`, deleted ones too, if it was also inserted
 * after `left`. */
static size_t right_parent(const line *l, uint64_t seen, size_t left)
{
    for (size_t i = after(l, left); i < l->count; i++) {
        const line_item *o = &l->items[l->order[i]];
        if (holds(o, seen)) return o->left == left ? l->order[i] : LINE_NONE;
    }
    return LINE_NONE;
}

/* Between left and what is right of it in view. */
static size_t insert_after(line *l, uint64_t seen, unsigned event, uint64_t replica, size_t left,
                           size_t n)
{
    line_item item = {replica, 0, 0, 0, left, LINE_NONE, event, LINE_NONE, 0};
    if (!l->classic) item.right = right_parent(l, seen, left);
    for (size_t i = 0; i < l->count; i++) {
        const line_item *o = &l->items[i];
        if (holds(o, seen) && o->lamport > item.lamport) item.lamport = o->lamport;
        if (o->replica == replica && o->counter >= item.counter) item.counter = o->counter + 1;
    }
    size_t first = l->count;
    for (size_t i = 0; i < n; i++) {
        item.lamport++;
        size_t number = line_add(l, item);
        item.counter++;
        item.left = number;
        item.right = LINE_NONE;
    }
    return first;
}

size_t line_insert(line *l, uint64_t seen, unsigned event, uint64_t replica, size_t pos, size_t n)
{
    seen |= BIT(event);
    size_t left = pos > 0 ? line_at(l, seen, pos - 1) : LINE_NONE;
    if (pos > 0 && left == LINE_NONE) return LINE_NONE;
    return insert_after(l, seen, event, replica, left, n);
}

size_t line_insert_beside(line *l, uint64_t seen, unsigned event, uint64_t replica, size_t left,
                          size_t n)
{
    return insert_after(l, seen | BIT(event), event, replica, left, n);
}

size_t line_move(line *l, uint64_t seen, unsigned event, uint64_t replica, uint64_t stamp,
                 uint64_t from, uint64_t to)
{
    seen |= BIT(event);
    size_t number = line_at(l, seen, from), left = line_at(l, seen, to);
    if (number == LINE_NONE || left == LINE_NONE) return LINE_NONE;
    if (to < from) left = to == 0 ? LINE_NONE : line_at(l, seen, to - 1);
    size_t put = insert_after(l, seen, event, replica, left, 1);
    l->items[put].of = line_element(l, number);
    l->items[put].stamp = stamp;
    l->moves++;
    return put;
}

bool line_delete(line *l, uint64_t seen, uint64_t covers, unsigned event, uint64_t pos, uint64_t n)
{
    seen |= BIT(event);
    covers |= BIT(event);
    size_t length = line_length(l, seen);
    if (pos > length || n > length - pos) return false;
    for (size_t i = 0; i < l->count && n > 0; i++) {
        line_item *o = &l->items[line_element(l, l->order[i])];
        if (!line_shows_at(l, l->order[i], seen)) continue;
        if (pos > 0) {
            pos--;
            continue;
        }
        n--;
        if (holds(o, covers)) o->deleted_by |= BIT(event);
    }
    return true;
}

void line_delete_all(line *l, uint64_t seen, uint64_t covers, unsigned event)
{
    seen |= BIT(event);
    covers |= BIT(event);
    for (size_t i = 0; i < l->count; i++) {
        line_item *o = &l->items[i];
        if (o->of == LINE_NONE && line_shows(o, seen) && holds(o, covers))
            o->deleted_by |= BIT(event);
    }
}
