/* oracle_bcounter.c: bcounter.
 *
 * Each event that does something writes its replica's row anew, from the rows that count in what it
 * has seen. Of a set of events those rows count that are their replicas' latest there and that have
 * seen all removals in it.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/laws/lib/oracle.h"

/* Replicas, and strangers that were given rights: an event names one of each at most. */
#define IDS_MAX (2 * CRDT_LAWS_EVENTS_MAX)

__extension__ typedef __int128 i128;

typedef struct row {
    bool written;
    i128 added, taken, wanted;
    i128 gave[IDS_MAX];
} row;

typedef struct tale {
    const crdt_laws_event *events;
    row                    rows[CRDT_LAWS_EVENTS_MAX];
    bool                   removes[CRDT_LAWS_EVENTS_MAX];
    uint64_t               ids[IDS_MAX];
    size_t                 ids_count;
} tale;

static size_t place_of(tale *t, uint64_t id)
{
    size_t i = 0;
    while (i < t->ids_count && t->ids[i] != id) i++;
    if (i == IDS_MAX) abort();
    if (i == t->ids_count) t->ids[t->ids_count++] = id;
    return i;
}

/* The event whose row of this replica counts in the set; `none` if there is none. */
static size_t row_in(const tale *t, size_t none, uint64_t set, uint64_t replica)
{
    size_t at = none;
    for (size_t i = 0; i < none; i++) {
        bool own = t->events[i].replica == replica && t->rows[i].written;
        if (in_set(set, i) && own) at = i;
    }
    for (size_t j = 0; at < none && j < none; j++) {
        if (in_set(set, j) && t->removes[j] && !in_set(t->events[at].seen, j)) return none;
    }
    return at;
}

/* What a replica may take away, was given in all, and wants in all. */
typedef struct account {
    bool has_row;
    i128 rights, received, wanted;
} account;

static account account_in(const tale *t, size_t count, uint64_t set, size_t id)
{
    account a = {false, 0, 0, 0};
    for (size_t other = 0; other < t->ids_count; other++) {
        size_t at = row_in(t, count, set, t->ids[other]);
        if (at == count) continue;
        const row *r = &t->rows[at];
        if (other == id) {
            a.has_row = true;
            a.rights += r->added - r->taken;
            a.wanted = r->wanted;
            for (size_t i = 0; i < t->ids_count; i++) a.rights -= r->gave[i];
        }
        a.rights += r->gave[id];
        a.received += r->gave[id];
    }
    return a;
}

static i128 open_of(account a)
{
    return a.wanted > a.received ? a.wanted - a.received : 0;
}

static bool id_before(const tale *t, size_t a, size_t b)
{
    return t->ids[a] < t->ids[b];
}

static void grant(tale *t, size_t i, row *r, i128 left)
{
    size_t order[IDS_MAX], n = 0, own = place_of(t, t->events[i].replica);
    for (size_t id = 0; id < t->ids_count; id++) {
        size_t at = n++;
        for (; at > 0 && id_before(t, id, order[at - 1]); at--) order[at] = order[at - 1];
        order[at] = id;
    }
    for (size_t k = 0; k < n; k++) {
        size_t id = order[k];
        i128   wants = open_of(account_in(t, i, t->events[i].seen, id));
        if (id == own || wants == 0 || left == 0) continue;
        i128 gift = wants < left ? wants : left;
        r->gave[id] += gift;
        left -= gift;
        r->written = true;
    }
}

static void tell_event(tale *t, size_t i)
{
    const crdt_laws_event *e = &t->events[i];
    size_t                 own = place_of(t, e->replica);
    size_t                 before = row_in(t, i, e->seen, e->replica);
    account                a = account_in(t, i, e->seen, own);
    row                   *r = &t->rows[i];
    memset(r, 0, sizeof *r);
    t->removes[i] = false;
    if (e->op == NULL) { /* it does something if it finds rows, and its reader had seen them all */
        bool any = false, all = true;
        for (size_t id = 0; id < t->ids_count; id++) {
            size_t at = row_in(t, i, e->seen, t->ids[id]);
            any |= at < i;
            all &= at == i || in_set(e->covers, at);
        }
        t->removes[i] = any && all;
        return;
    }
    if (before < i) *r = t->rows[before];
    r->written = !is_op(e, "grant");
    if (is_op(e, "inc")) r->added += e->args[0].i;
    if (is_op(e, "dec")) r->taken += e->args[0].i;
    if (is_op(e, "request")) r->wanted = a.received + e->args[0].i;
    if (is_op(e, "transfer")) r->gave[place_of(t, (uint64_t)e->args[0].i)] += e->args[1].i;
    if (is_op(e, "grant")) grant(t, i, r, a.rights);
}

/* Nothing here is below 0. */
static void print_number(crdt_buf *out, i128 n)
{
    char digit = (char)('0' + (int)(n % 10));
    if (n > 9) print_number(out, n / 10);
    crdt_buf_put(out, &digit, 1);
}

static void print_hex(uint64_t n, crdt_buf *out)
{
    static const char digits[] = "0123456789abcdef";
    if (n > 15) print_hex(n / 16, out);
    crdt_buf_put(out, &digits[n % 16], 1);
}

void oracle_bcounter(const crdt_laws_event *events, size_t count, uint64_t present, crdt_buf *out)
{
    static tale t;
    uint64_t    last = 0;
    i128        value = 0;
    bool        first = true;
    t.events = events;
    t.ids_count = 0;
    for (size_t i = 0; i < count; i++) tell_event(&t, i);
    for (size_t id = 0; id < t.ids_count; id++) {
        size_t at = row_in(&t, count, present, t.ids[id]);
        if (at < count) value += t.rows[at].added - t.rows[at].taken;
    }
    print_number(out, value);
    crdt_buf_text(out, " {");
    for (;;) { /* by id */
        size_t next = t.ids_count;
        for (size_t id = 0; id < t.ids_count; id++) {
            bool later = t.ids[id] > last && (next == t.ids_count || t.ids[id] < t.ids[next]);
            if (later) next = id;
        }
        if (next == t.ids_count) break;
        account a = account_in(&t, count, present, next);
        last = t.ids[next];
        if (!a.has_row && a.received == 0) continue;
        if (!first) crdt_buf_text(out, ", ");
        first = false;
        print_hex(last, out);
        crdt_buf_text(out, ": ");
        print_number(out, a.rights);
        if (open_of(a) == 0) continue;
        crdt_buf_text(out, " wants ");
        print_number(out, open_of(a));
    }
    crdt_buf_text(out, "}");
}
