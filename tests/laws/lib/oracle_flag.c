/* oracle_flag.c: enable-wins and disable-wins flags. */
#include "tests/laws/lib/oracle.h"

/* Enabled iff there is an enable that nothing covers. (A later enable covers those it saw, and so
 * stands for them: a disable that takes it back takes them back too.) */
void oracle_ewflag(const crdt_laws_event *events, size_t count, uint64_t present, crdt_buf *out)
{
    bool enabled = false;
    for (size_t i = 0; i < count; i++) {
        if (!in_set(present, i) || !is_op(&events[i], "enable")) continue;
        bool covered = false;
        for (size_t j = 0; j < count; j++) {
            covered |= in_set(present, j) && in_set(events[j].covers, i);
        }
        enabled |= !covered;
    }
    crdt_buf_text(out, enabled ? "true" : "false");
}

/* -- Disable wins: of the writes that no later write has seen, none may be a disable --------- */

typedef struct flag {
    const crdt_laws_event *events;
    bool                   idle[CRDT_LAWS_EVENTS_MAX]; /* the event did nothing */
} flag;

/* Is write i among the last ones of the set: seen by no other write there, and by no reset
 * that took it? */
static bool stands(const flag *f, size_t count, uint64_t set, size_t i)
{
    if (!in_set(set, i) || f->idle[i] || f->events[i].op == NULL) return false;
    for (size_t j = i + 1; j < count; j++) {
        const crdt_laws_event *e = &f->events[j];
        uint64_t               taken = e->op == NULL ? e->covers : e->seen;
        if (in_set(set, j) && !f->idle[j] && in_set(taken, i)) return false;
    }
    return true;
}

static bool is_enabled(const flag *f, size_t count, uint64_t set)
{
    bool enabled = false;
    for (size_t i = 0; i < count; i++) {
        if (!stands(f, count, set, i)) continue;
        if (is_op(&f->events[i], "disable")) return false;
        enabled = true;
    }
    return enabled;
}

/* An enable under a read context that lacks a standing disable does nothing; a reset of a flag
 * that is not enabled neither. */
static bool did_nothing(const flag *f, size_t i)
{
    const crdt_laws_event *e = &f->events[i];
    if (e->op == NULL) return !is_enabled(f, i, e->seen);
    for (size_t j = 0; j < i && is_op(e, "enable"); j++) {
        bool disable = stands(f, i, e->seen, j) && is_op(&f->events[j], "disable");
        if (disable && !in_set(e->covers, j)) return true;
    }
    return false;
}

void oracle_dwflag(const crdt_laws_event *events, size_t count, uint64_t present, crdt_buf *out)
{
    flag f = {events, {false}};
    for (size_t i = 0; i < count; i++) f.idle[i] = did_nothing(&f, i);
    crdt_buf_text(out, is_enabled(&f, count, present) ? "true" : "false");
}
