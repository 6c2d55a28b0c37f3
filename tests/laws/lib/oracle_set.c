/* oracle_set.c: gset, orset, twopset and rwset.
 *
 * Each operation takes away some earlier ones of those it saw; what nobody took away stands, and
 * the set shows the elements of standing adds, unless a remove of the element stands too. An
 * operation may also be idle: it found that it had nothing to do. The types differ in what takes
 * what, and in what is idle.
 */
#include "tests/laws/lib/oracle.h"

typedef struct history history;
typedef bool (*relation)(const history *h, size_t i, size_t j);

struct history {
    const crdt_laws_event *events;
    relation               takes; /* does j, which saw i, take it away? */
    bool                   idle[CRDT_LAWS_EVENTS_MAX];
};

static bool is_add(const history *h, size_t i)
{
    return is_op(&h->events[i], "add");
}

static bool is_remove(const history *h, size_t i)
{
    return is_op(&h->events[i], "remove");
}

static bool stands(const history *h, size_t count, uint64_t set, size_t i)
{
    if (!in_set(set, i) || h->idle[i]) return false;
    for (size_t j = i + 1; j < count; j++) {
        bool later = in_set(set, j) && !h->idle[j] && in_set(h->events[j].seen, i);
        if (later && h->takes(h, i, j)) return false;
    }
    return true;
}

/* Does an operation of this name and of i's element stand in what i saw? In `within` only
 * those count. */
static bool finds(const history *h, size_t i, const char *op, uint64_t within)
{
    const crdt_laws_event *e = &h->events[i];
    for (size_t j = 0; j < i; j++) {
        bool same = is_op(&h->events[j], op) && same_arg(&h->events[j], e) && in_set(within, j);
        if (same && stands(h, i, e->seen, j)) return true;
    }
    return false;
}

static bool is_hidden(const history *h, size_t count, uint64_t set, size_t add)
{
    for (size_t j = 0; j < count; j++) {
        bool same = is_remove(h, j) && same_arg(&h->events[j], &h->events[add]);
        if (same && stands(h, count, set, j)) return true;
    }
    return false;
}

/* Does reset i find an element that shows, by an add that its reader had seen? */
static bool finds_any(const history *h, size_t i)
{
    const crdt_laws_event *e = &h->events[i];
    for (size_t j = 0; j < i; j++) {
        if (!is_add(h, j) || !in_set(e->covers, j) || !stands(h, i, e->seen, j)) continue;
        if (!is_hidden(h, i, e->seen, j)) return true;
    }
    return false;
}

static void print_set(const history *h, size_t count, uint64_t present, crdt_buf *out)
{
    crdt_value values[CRDT_LAWS_EVENTS_MAX];
    size_t     n = 0;
    for (size_t i = 0; i < count; i++) {
        if (!is_add(h, i) || !stands(h, count, present, i)) continue;
        if (!is_hidden(h, count, present, i)) values[n++] = h->events[i].args[0];
    }
    print_values(values, n, "{", "}", true, out);
}

/* -- gset: only a reset takes anything; adding what is there is idle ------------------------- */

static bool reset_takes(const history *h, size_t i, size_t j)
{
    return h->events[j].op == NULL && in_set(h->events[j].covers, i);
}

void oracle_gset(const crdt_laws_event *events, size_t count, uint64_t present, crdt_buf *out)
{
    history h = {events, reset_takes, {false}};
    for (size_t i = 0; i < count; i++) h.idle[i] = is_add(&h, i) && finds(&h, i, "add", UINT64_MAX);
    print_set(&h, count, present, out);
}

/* -- orset: an add, remove, clear or reset takes the adds it saw, so concurrent adds win. A
 * remove is no more than that: it does not stand.
 * ---------------------------------------------------------------------- */

static bool observed_takes(const history *h, size_t i, size_t j)
{
    const crdt_laws_event *e = &h->events[j];
    if (!in_set(e->covers, i)) return false;
    return e->op == NULL || is_op(e, "clear") || same_arg(e, &h->events[i]);
}

void oracle_orset(const crdt_laws_event *events, size_t count, uint64_t present, crdt_buf *out)
{
    history    h = {events, observed_takes, {false}};
    crdt_value values[CRDT_LAWS_EVENTS_MAX];
    size_t     n = 0;
    for (size_t i = 0; i < count; i++) {
        if (is_add(&h, i) && stands(&h, count, present, i)) values[n++] = events[i].args[0];
    }
    print_values(values, n, "{", "}", true, out);
}

/* -- twopset: a remove takes adds and stays for ever; only removing the object takes it ------ */

static bool two_phase_takes(const history *h, size_t i, size_t j)
{
    const crdt_laws_event *e = &h->events[j];
    if (!in_set(e->covers, i)) return false;
    return e->op == NULL || (is_remove(h, j) && is_add(h, i) && same_arg(e, &h->events[i]));
}

static bool two_phase_idle(const history *h, size_t i)
{
    if (h->events[i].op == NULL) return !finds_any(h, i);
    bool removed = finds(h, i, "remove", UINT64_MAX);
    if (is_add(h, i)) return removed || finds(h, i, "add", UINT64_MAX);
    return removed || !finds(h, i, "add", h->events[i].covers);
}

void oracle_twopset(const crdt_laws_event *events, size_t count, uint64_t present, crdt_buf *out)
{
    history h = {events, two_phase_takes, {false}};
    for (size_t i = 0; i < count; i++) h.idle[i] = two_phase_idle(&h, i);
    print_set(&h, count, present, out);
}

/* -- rwset: adds and removes take both of their element; a remove all it saw, whatever its reader
 * had seen; an add under a removal that its reader had not seen is idle, and so is a remove of what
 * does not show */

static bool remove_wins_takes(const history *h, size_t i, size_t j)
{
    const crdt_laws_event *e = &h->events[j];
    if (e->op != NULL && !same_arg(e, &h->events[i])) return false;
    return is_remove(h, j) || in_set(e->covers, i);
}

static bool remove_wins_idle(const history *h, size_t i)
{
    uint64_t covers = h->events[i].covers;
    if (h->events[i].op == NULL) return !finds_any(h, i);
    if (is_add(h, i)) return finds(h, i, "remove", ~covers);
    return !finds(h, i, "add", covers) || finds(h, i, "remove", UINT64_MAX);
}

void oracle_rwset(const crdt_laws_event *events, size_t count, uint64_t present, crdt_buf *out)
{
    history h = {events, remove_wins_takes, {false}};
    for (size_t i = 0; i < count; i++) h.idle[i] = remove_wins_idle(&h, i);
    print_set(&h, count, present, out);
}
