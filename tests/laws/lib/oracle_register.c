/* oracle_register.c: lww, mvreg, lwwts, max and min. */
#include "tests/laws/lib/oracle.h"

/* A write shows until a write, clear or reset covers it. `idle` (may be NULL): events that did
 * nothing. */
static bool shows(const crdt_laws_event *events, size_t count, uint64_t present, const bool *idle,
                  const char *write, size_t i)
{
    if (!in_set(present, i) || !is_op(&events[i], write) || (idle && idle[i])) return false;
    for (size_t j = 0; j < count; j++) {
        if (in_set(present, j) && !(idle && idle[j]) && in_set(events[j].covers, i)) return false;
    }
    return true;
}

/* The one stamped last of the writes that show. */
void oracle_lww(const crdt_laws_event *events, size_t count, uint64_t present, crdt_buf *out)
{
    size_t best = count;
    for (size_t i = 0; i < count; i++) {
        if (!shows(events, count, present, NULL, "set", i)) continue;
        if (best == count || is_later_write(events, i, best)) best = i;
    }
    if (best == count) crdt_buf_text(out, "none");
    else crdt_buf_print_value(out, events[best].args[0]);
}

/* All that show, equal ones too. */
void oracle_mvreg(const crdt_laws_event *events, size_t count, uint64_t present, crdt_buf *out)
{
    crdt_value values[CRDT_LAWS_EVENTS_MAX];
    size_t     n = 0;
    for (size_t i = 0; i < count; i++) {
        if (shows(events, count, present, NULL, "set", i)) values[n++] = events[i].args[0];
    }
    print_values(values, n, "[", "]", false, out);
}

/* -- max, min: a write that is not beyond the value in view does nothing; another covers what
 * it sees. */

static size_t best_of(const crdt_laws_event *events, size_t count, uint64_t present,
                      const bool *idle, int sign)
{
    size_t best = count;
    for (size_t i = 0; i < count; i++) {
        if (!shows(events, count, present, idle, "write", i)) continue;
        if (best == count ||
            sign * crdt_value_compare(events[i].args[0], events[best].args[0]) > 0) {
            best = i;
        }
    }
    return best;
}

static void extreme(const crdt_laws_event *events, size_t count, uint64_t present, int sign,
                    crdt_buf *out)
{
    bool idle[CRDT_LAWS_EVENTS_MAX] = {false};
    for (size_t i = 0; i < count; i++) {
        size_t best = best_of(events, i, events[i].seen, idle, sign);
        idle[i] = is_op(&events[i], "write") && best < i &&
                  sign * crdt_value_compare(events[i].args[0], events[best].args[0]) <= 0;
    }
    size_t best = best_of(events, count, present, idle, sign);
    if (best == count) crdt_buf_text(out, "none");
    else crdt_buf_print_value(out, events[best].args[0]);
}

void oracle_max(const crdt_laws_event *events, size_t count, uint64_t present, crdt_buf *out)
{
    extreme(events, count, present, 1, out);
}

void oracle_min(const crdt_laws_event *events, size_t count, uint64_t present, crdt_buf *out)
{
    extreme(events, count, present, -1, out);
}

/* -- expiry: the greatest deadline of those that no later write covers; never is the greatest of
 * all. Where no deadline is seen, persisting does nothing. --- */

static bool is_deadline(const crdt_laws_event *events, size_t count, uint64_t present,
                        const bool *idle, size_t i)
{
    return shows(events, count, present, idle, "expire_at", i) ||
           shows(events, count, present, idle, "persist", i);
}

void oracle_expiry(const crdt_laws_event *events, size_t count, uint64_t present, crdt_buf *out)
{
    bool    idle[CRDT_LAWS_EVENTS_MAX] = {false}, any = false, never = false;
    int64_t latest = 0;
    for (size_t i = 0; i < count; i++) {
        bool sees = false;
        for (size_t j = 0; j < i; j++) {
            sees |= in_set(events[i].covers, j) && is_deadline(events, i, events[i].seen, idle, j);
        }
        idle[i] = is_op(&events[i], "persist") && !sees;
    }
    for (size_t i = 0; i < count; i++) {
        if (!is_deadline(events, count, present, idle, i)) continue;
        if (is_op(&events[i], "persist")) never = true;
        else if (!any || events[i].args[0].i > latest) latest = events[i].args[0].i;
        any = true;
    }
    if (never) crdt_buf_text(out, "never");
    else if (any) crdt_buf_decimal(out, latest);
    else crdt_buf_text(out, "none");
}

/* -- lwwts: the greatest of all that was ever written: by stamp, then deletes, then values --- */

typedef struct cell {
    uint64_t   stamp;
    bool       deleted, idle;
    crdt_value value;
} cell;

static int compare_cells(const cell *a, const cell *b)
{
    if (a->stamp != b->stamp) return a->stamp < b->stamp ? -1 : 1;
    if (a->deleted != b->deleted) return a->deleted ? 1 : -1;
    return a->deleted ? 0 : crdt_value_compare(a->value, b->value);
}

static const cell *greatest(const cell *cells, size_t count, uint64_t present)
{
    const cell *best = NULL;
    for (size_t i = 0; i < count; i++) {
        if (!in_set(present, i) || cells[i].idle) continue;
        if (best == NULL || compare_cells(&cells[i], best) > 0) best = &cells[i];
    }
    return best;
}

/* Removing the key deletes at the greatest stamp of the values that the reader had seen and that
 * stand (those that a later write had not put aside). No such value: it does nothing. */
static cell reset_cell(const crdt_laws_event *events, const cell *cells, size_t reset)
{
    cell c = {0, true, true, {CRDT_INT, 0, {NULL, 0}}};
    for (size_t i = 0; i < reset; i++) {
        if (!in_set(events[reset].covers, i) || cells[i].deleted || cells[i].idle) continue;
        bool aside = false;
        for (size_t j = i + 1; j < reset; j++) {
            aside |= in_set(events[reset].seen, j) && !cells[j].idle && in_set(events[j].seen, i);
        }
        if (aside) continue;
        c.idle = false;
        if (cells[i].stamp > c.stamp) c.stamp = cells[i].stamp;
    }
    return c;
}

void oracle_lwwts(const crdt_laws_event *events, size_t count, uint64_t present, crdt_buf *out)
{
    cell cells[CRDT_LAWS_EVENTS_MAX];
    for (size_t i = 0; i < count; i++) {
        const crdt_laws_event *e = &events[i];
        cell                   c = {0, false, false, {CRDT_INT, 0, {NULL, 0}}};
        if (e->op == NULL) {
            c = reset_cell(events, cells, i);
        } else if (is_op(e, "del")) {
            c.deleted = true;
            c.stamp = (uint64_t)e->args[0].i;
        } else {
            c.value = e->args[0];
            c.stamp = (uint64_t)e->args[1].i;
        }
        const cell *best = greatest(cells, i, e->seen);
        if (best != NULL && compare_cells(&c, best) <= 0) c.idle = true; /* absorbed */
        cells[i] = c;
    }
    const cell *best = greatest(cells, count, present);
    if (best == NULL || best->deleted) crdt_buf_text(out, "none");
    else crdt_buf_print_value(out, best->value);
}
