/* oracle_audit.c: audit. Each operation that is not idle writes a record: the next of its replica,
 * with the hash of the one before. A retention takes away the first ones of each replica, as far
 * as it may, and is idle if that is none. */
#include <stdlib.h>
#include <string.h>

#include "crdt/audit.h"
#include "tests/laws/lib/oracle.h"

typedef struct row {
    bool            idle, retention;
    uint64_t        number, takes; /* takes: events */
    crdt_audit_hash prev, hash;
} row;

typedef struct tale {
    const crdt_laws_event *events;
    row                    rows[CRDT_LAWS_EVENTS_MAX];
} tale;

#define EVENT(i) (UINT64_C(1) << (i))

/* The records of the set that nothing in it took away. */
static uint64_t standing(const tale *t, size_t count, uint64_t set)
{
    uint64_t left = 0;
    for (size_t i = 0; i < count; i++) {
        if (in_set(set, i) && !t->rows[i].idle) left |= EVENT(i);
    }
    for (size_t i = 0; i < count; i++) {
        if (in_set(set, i)) left &= ~t->rows[i].takes;
    }
    return left;
}

/* The last record of a replica in the set; CRDT_LAWS_EVENTS_MAX: none. */
static size_t last_of(const tale *t, size_t count, uint64_t set, uint64_t replica)
{
    for (size_t i = count; i-- > 0;) {
        if (in_set(set, i) && t->events[i].replica == replica && !t->rows[i].idle) return i;
    }
    return CRDT_LAWS_EVENTS_MAX;
}

/* What event i, which keeps the last so many below a stamp, takes away. */
static uint64_t taken_by(const tale *t, size_t i, uint64_t keep, uint64_t before)
{
    const crdt_laws_event *e = &t->events[i];
    uint64_t               there = standing(t, i, e->seen), stay = 0, taken = 0;
    for (size_t j = 0; j < i; j++) {
        const crdt_laws_event *old = &t->events[j];
        if (!in_set(there, j)) continue;
        size_t last = last_of(t, i, there, old->replica);
        bool   goes = t->rows[last].number - t->rows[j].number >= keep && old->stamp < before &&
                    in_set(e->covers, j);
        for (size_t k = 0; k < j; k++)
            goes &= !in_set(stay, k) || t->events[k].replica != old->replica;
        if (goes) taken |= EVENT(j);
        else stay |= EVENT(j);
    }
    return taken;
}

/* -- Bytes of a record ------------------------------------------------------------------------- */

static void put_hash(crdt_buf *out, crdt_audit_hash hash)
{
    crdt_buf_put(out, hash.bytes, sizeof hash.bytes);
}

/* The replicas whose first record that stays is not their first, and the number before it. */
static size_t list_floors(const tale *t, size_t i, uint64_t left, size_t *first)
{
    size_t n = 0;
    for (size_t j = 0; j < i; j++) {
        bool is_first = in_set(left, j);
        for (size_t k = 0; k < j; k++) {
            is_first &= !in_set(left, k) || t->events[k].replica != t->events[j].replica;
        }
        if (!is_first || t->rows[j].number == 1) continue;
        size_t at = n++;
        for (; at > 0 && t->events[first[at - 1]].replica > t->events[j].replica; at--) {
            first[at] = first[at - 1];
        }
        first[at] = j;
    }
    return n;
}

static void put_floors(const tale *t, size_t i, crdt_buf *out)
{
    size_t first[CRDT_LAWS_EVENTS_MAX];
    size_t n = list_floors(t, i, standing(t, i, t->events[i].seen) & ~t->rows[i].takes, first);
    crdt_buf_varint(out, n);
    for (size_t k = 0; k < n; k++) {
        crdt_buf_u64(out, t->events[first[k]].replica);
        crdt_buf_u64(out, t->rows[first[k]].number - 1);
        put_hash(out, t->rows[first[k]].prev);
    }
}

static void seal(tale *t, size_t i)
{
    const crdt_laws_event *e = &t->events[i];
    row                   *r = &t->rows[i];
    bool                   supersedes = is_op(e, "supersede");
    crdt_buf               bytes;
    crdt_buf_init(&bytes, NULL);
    crdt_buf_u64(&bytes, e->replica);
    crdt_buf_u64(&bytes, e->stamp);
    crdt_buf_varint(&bytes, r->number);
    crdt_buf_byte(&bytes, r->retention ? 4 : 1);
    put_hash(&bytes, r->prev);
    crdt_buf_view(&bytes, e->args[0].bytes);
    if (r->retention) crdt_buf_view(&bytes, crdt_text_view("retain"));
    else crdt_buf_view(&bytes, supersedes ? crdt_text_view("supersede") : e->args[1].bytes);
    crdt_buf_view(&bytes, r->retention ? crdt_text_view("") : e->args[supersedes ? 1 : 2].bytes);
    if (!r->retention) put_hash(&bytes, crdt_audit_digest(e->args[supersedes ? 2 : 3]));
    crdt_buf_varint(&bytes, supersedes);
    if (supersedes) put_hash(&bytes, crdt_audit_digest(e->args[3]));
    if (r->retention) put_floors(t, i, &bytes);
    if (crdt_buf_status(&bytes) != CRDT_OK) abort();
    r->hash = crdt_audit_digest(crdt_bytes(bytes.data, bytes.size));
    crdt_buf_clear(&bytes);
}

static void tell(tale *t, size_t i)
{
    const crdt_laws_event *e = &t->events[i];
    row                   *r = &t->rows[i];
    bool                   keeps = is_op(e, "keep");
    memset(r, 0, sizeof *r);
    r->retention = keeps || is_op(e, "retain");
    uint64_t number = r->retention ? (uint64_t)e->args[1].i : 0;
    if (r->retention) r->takes = taken_by(t, i, keeps ? number : 1, keeps ? UINT64_MAX : number);
    r->idle = e->op == NULL || (r->retention && r->takes == 0);
    if (r->idle) return;
    size_t last = last_of(t, i, UINT64_MAX, e->replica);
    r->number = 1;
    if (last < CRDT_LAWS_EVENTS_MAX) {
        r->number = t->rows[last].number + 1;
        r->prev = t->rows[last].hash;
    }
    seal(t, i);
}

/* -- Print ------------------------------------------------------------------------------------- */

static void print_hex(const uint8_t *bytes, size_t size, crdt_buf *out)
{
    for (size_t i = 0; i < size; i++) {
        const char digits[] = {"0123456789abcdef"[bytes[i] >> 4], "0123456789abcdef"[bytes[i] & 15],
                               0};
        crdt_buf_text(out, digits);
    }
}

static void print_id(uint64_t n, crdt_buf *out)
{
    if (n >= 16) print_id(n >> 4, out);
    const char digit[] = {"0123456789abcdef"[n & 15], 0};
    crdt_buf_text(out, digit);
}

static void print_text(const char *before, crdt_value value, crdt_buf *out)
{
    crdt_buf_text(out, before);
    crdt_buf_print_value(out, value);
}

static void print_digest(const char *before, crdt_value value, crdt_buf *out)
{
    crdt_audit_hash digest = crdt_audit_digest(value);
    crdt_buf_text(out, before);
    print_hex(digest.bytes, sizeof digest.bytes, out);
}

static void print_retention(const tale *t, size_t i, crdt_buf *out)
{
    size_t first[CRDT_LAWS_EVENTS_MAX];
    size_t n = list_floors(t, i, standing(t, i, t->events[i].seen) & ~t->rows[i].takes, first);
    print_text(" ", crdt_text("retain"), out);
    print_text(" ", crdt_text(""), out);
    for (size_t k = 0; k < n; k++) {
        crdt_buf_text(out, " dropped to ");
        print_id(t->events[first[k]].replica, out);
        crdt_buf_text(out, ":");
        crdt_buf_udecimal(out, t->rows[first[k]].number - 1);
    }
}

static void print_row(const tale *t, size_t i, crdt_buf *out)
{
    const crdt_laws_event *e = &t->events[i];
    bool                   supersedes = is_op(e, "supersede");
    print_id(e->replica, out);
    crdt_buf_text(out, ":");
    crdt_buf_udecimal(out, t->rows[i].number);
    crdt_buf_text(out, " ");
    crdt_buf_udecimal(out, e->stamp);
    print_text(" ", e->args[0], out);
    if (t->rows[i].retention) {
        print_retention(t, i, out);
    } else {
        print_text(" ", supersedes ? crdt_text("supersede") : e->args[1], out);
        print_text(" ", e->args[supersedes ? 1 : 2], out);
        print_digest(" = ", e->args[supersedes ? 2 : 3], out);
        if (supersedes) print_digest(" over ", e->args[3], out);
    }
    crdt_buf_text(out, " #");
    print_hex(t->rows[i].hash.bytes, sizeof t->rows[i].hash.bytes, out);
}

void oracle_audit(const crdt_laws_event *events, size_t count, uint64_t present, crdt_buf *out)
{
    tale        t = {.events = events};
    const char *between = "";
    for (size_t i = 0; i < count; i++) tell(&t, i);
    uint64_t left = standing(&t, count, present), last = 0;
    crdt_buf_text(out, "{");
    for (;;) { /* the next replica above the last one */
        uint64_t next = 0;
        for (size_t i = 0; i < count; i++) {
            uint64_t replica = events[i].replica;
            if (in_set(left, i) && replica > last && (next == 0 || replica < next)) next = replica;
        }
        if (next == 0) break;
        for (size_t i = 0; i < count; i++) {
            if (!in_set(left, i) || events[i].replica != next) continue;
            crdt_buf_text(out, between);
            print_row(&t, i, out);
            between = ", ";
        }
        last = next;
    }
    crdt_buf_text(out, "}");
}
