/* oracle_lwwmap.c: a row of last-writer-wins columns: of all that was ever said of a column the
 * greatest shows: by stamp, then deletions, then the later expiry, then the value.
 *
 * What had been beaten already, wherever it was said, when its writer said it, was not said at all;
 * that makes a difference only to a removal of the key, which deletes at the greatest stamp that
 * stood.
 */
#include "tests/laws/lib/oracle.h"

#include "crdt/clock.h"

#include <string.h>

typedef enum kind { VALUE, COLUMN, RANGE, ROW } kind;

typedef struct saying {
    kind       kind;
    bool       idle;
    crdt_view  lo, hi;
    crdt_value value;
    int64_t    expires;
    uint64_t   stamp;
} saying;

static bool is_of(const saying *s, crdt_view column)
{
    if (s->kind == ROW) return true;
    if (s->kind != RANGE) return crdt_view_compare(s->lo, column) == 0;
    return crdt_view_compare(s->lo, column) <= 0 &&
           (s->hi.size == 0 || crdt_view_compare(column, s->hi) < 0);
}

/* Is all that b is of also a's? */
static bool holds(const saying *a, const saying *b)
{
    if (a->kind == ROW || b->kind == ROW) return a->kind == ROW;
    if (b->kind != RANGE) return is_of(a, b->lo);
    if (a->kind != RANGE) return false;
    bool ends = a->hi.size == 0 || (b->hi.size > 0 && crdt_view_compare(b->hi, a->hi) <= 0);
    return ends && crdt_view_compare(a->lo, b->lo) <= 0;
}

static int order_of(const saying *a, const saying *b)
{
    if (a->stamp != b->stamp) return a->stamp < b->stamp ? -1 : 1;
    if ((a->kind == VALUE) != (b->kind == VALUE)) return a->kind == VALUE ? -1 : 1;
    if (a->kind != VALUE) return 0;
    if (a->expires != b->expires) return a->expires < b->expires ? -1 : 1;
    return crdt_value_compare(a->value, b->value);
}

/* The row goes at the greatest stamp of the values that the reader had seen and that no later
 * saying had put aside. */
static void say_reset(const crdt_laws_event *events, saying *said, size_t reset)
{
    saying *s = &said[reset];
    s->kind = ROW;
    s->idle = true;
    for (size_t i = 0; i < reset; i++) {
        if (!in_set(events[reset].covers, i) || said[i].kind != VALUE || said[i].idle) continue;
        bool aside = false;
        for (size_t j = i + 1; j < reset; j++) {
            aside |= in_set(events[reset].seen, j) && !said[j].idle && in_set(events[j].seen, i) &&
                     holds(&said[j], &said[i]) && order_of(&said[j], &said[i]) >= 0;
        }
        if (aside) continue;
        s->idle = false;
        if (said[i].stamp > s->stamp) s->stamp = said[i].stamp;
    }
}

static void say(const crdt_laws_event *events, saying *said, size_t i)
{
    const crdt_laws_event *e = &events[i];
    saying                *s = &said[i];
    memset(s, 0, sizeof *s);
    if (e->op == NULL) {
        say_reset(events, said, i);
    } else if (is_op(e, "delete_row")) {
        s->kind = ROW;
        s->stamp = (uint64_t)e->args[0].i;
    } else if (is_op(e, "delete_range")) {
        s->kind = RANGE;
        s->lo = e->args[0].bytes;
        s->hi = e->args[1].bytes;
        s->stamp = (uint64_t)e->args[2].i;
    } else if (is_op(e, "delete")) {
        s->kind = COLUMN;
        s->lo = e->args[0].bytes;
        s->stamp = (uint64_t)e->args[1].i;
    } else {
        s->kind = VALUE;
        s->lo = e->args[0].bytes;
        s->value = e->args[1];
        s->stamp = is_op(e, "set") ? e->stamp : (uint64_t)e->args[2].i;
        s->expires = is_op(e, "put_until") ? e->args[3].i : 0;
    }
    for (size_t j = 0; e->op != NULL && is_op(e, "set") && j < i; j++) {
        if (!in_set(e->seen, j) || said[j].idle || !is_of(&said[j], s->lo)) continue;
        if (said[j].stamp >= s->stamp) {
            s->stamp = said[j].stamp < CRDT_STAMP_MAX ? said[j].stamp + 1 : CRDT_STAMP_MAX;
        }
    }
    for (size_t j = 0; j < i; j++) {
        if (!in_set(e->seen, j) || said[j].idle) continue;
        if (holds(&said[j], s) && order_of(&said[j], s) >= 0) s->idle = true;
    }
}

void oracle_lwwmap(const crdt_laws_event *events, size_t count, uint64_t present, crdt_buf *out)
{
    saying      said[CRDT_LAWS_EVENTS_MAX];
    const char *between = "";
    crdt_view   last = {NULL, 0};
    for (size_t i = 0; i < count; i++) say(events, said, i);
    crdt_buf_text(out, "{");
    for (bool first = true;; first = false) {
        const saying *next = NULL; /* of the least column behind the last */
        for (size_t i = 0; i < count; i++) {
            if (!in_set(present, i) || said[i].kind != VALUE) continue;
            if (!first && crdt_view_compare(said[i].lo, last) <= 0) continue;
            if (next == NULL || crdt_view_compare(said[i].lo, next->lo) < 0) next = &said[i];
        }
        if (next == NULL) break;
        last = next->lo;
        const saying *best = NULL;
        for (size_t i = 0; i < count; i++) {
            if (!in_set(present, i) || said[i].idle || !is_of(&said[i], last)) continue;
            if (best == NULL || order_of(&said[i], best) > 0) best = &said[i];
        }
        if (best == NULL || best->kind != VALUE) continue;
        crdt_value column = {CRDT_BYTES, 0, last};
        crdt_buf_text(out, between);
        between = ", ";
        crdt_buf_print_value(out, column);
        crdt_buf_text(out, ": ");
        crdt_buf_print_value(out, best->value);
        if (best->expires == 0) continue;
        crdt_buf_text(out, " until ");
        crdt_buf_decimal(out, best->expires);
    }
    crdt_buf_text(out, "}");
}
