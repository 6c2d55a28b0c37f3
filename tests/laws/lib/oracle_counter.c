/* oracle_counter.c: counters: the sum of all changes that no reset took away.
 *
 * Without read contexts a reset takes away every change it saw. With one it takes whole cells: a
 * cell is what a replica wrote since the last reset that it saw take its previous cell; it is
 * taken, as far as the reset sees it, if the reader had seen the last change in it that the reset
 * sees.
 */
#include "tests/laws/lib/oracle.h"

__extension__ typedef __int128          i128;
__extension__ typedef unsigned __int128 u128;

typedef struct counter {
    const crdt_laws_event *events;
    size_t                 cell[CRDT_LAWS_EVENTS_MAX]; /* the first event in the cell of a change */
} counter;

static bool is_reset(const crdt_laws_event *e)
{
    return e->op == NULL || is_op(e, "reset");
}

/* Does reset r take change i away? */
static bool takes(const counter *c, size_t r, size_t i)
{
    size_t last = i;
    if (!in_set(c->events[r].seen, i)) return false;
    for (size_t j = i; j < r; j++) {
        bool same = !is_reset(&c->events[j]) && c->cell[j] == c->cell[i];
        if (same && in_set(c->events[r].seen, j)) last = j;
    }
    return in_set(c->events[r].covers, last);
}

static bool is_taken(const counter *c, size_t count, uint64_t present, size_t i)
{
    for (size_t r = i + 1; r < count; r++) {
        if (in_set(present, r) && is_reset(&c->events[r]) && takes(c, r, i)) return true;
    }
    return false;
}

/* The first event in the cell that change i belongs to. */
static size_t cell_of(const counter *c, size_t i)
{
    const crdt_laws_event *e = &c->events[i];
    for (size_t before = i; before-- > 0;) {
        const crdt_laws_event *b = &c->events[before];
        if (b->replica != e->replica || is_reset(b) || !in_set(e->seen, before)) continue;
        size_t first = c->cell[before];
        return is_taken(c, i, e->seen, first) ? i : first;
    }
    return i;
}

static void print_wide(i128 n, crdt_buf *out)
{
    char     digits[48];
    unsigned at = sizeof digits - 1;
    u128     rest = n < 0 ? 0 - (u128)n : (u128)n;
    digits[at] = 0;
    do {
        digits[--at] = (char)('0' + (int)(rest % 10));
        rest /= 10;
    } while (rest > 0);
    if (n < 0) digits[--at] = '-';
    crdt_buf_text(out, digits + at);
}

static void sum(const crdt_laws_event *events, size_t count, uint64_t present, crdt_buf *out)
{
    counter c = {events, {0}};
    i128    total = 0;
    for (size_t i = 0; i < count; i++) {
        if (!is_reset(&events[i])) c.cell[i] = cell_of(&c, i);
    }
    for (size_t i = 0; i < count; i++) {
        if (!in_set(present, i) || is_reset(&events[i]) || is_taken(&c, count, present, i))
            continue;
        total += is_op(&events[i], "dec") ? -(i128)events[i].args[0].i : (i128)events[i].args[0].i;
    }
    print_wide(total, out);
}

void oracle_gcounter(const crdt_laws_event *events, size_t count, uint64_t present, crdt_buf *out)
{
    sum(events, count, present, out);
}

void oracle_pncounter(const crdt_laws_event *events, size_t count, uint64_t present, crdt_buf *out)
{
    sum(events, count, present, out);
}
