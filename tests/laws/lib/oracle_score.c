/* oracle_score.c: scores, and sorted sets, whose members' scores are told one by one.
 *
 * Each event is first told what it did, from what its writer saw: it set, raised or lowered the
 * base to a number, or it added an exact amount, or nothing. What shows is then the base set last
 * of those that nothing covers, raised and lowered by later ones, and the sum of the amounts that
 * no reset took away, rounded once.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/laws/lib/oracle_counter.h"

typedef oracle_int i128;

/* Amounts are whole numbers of 2^-57; the type has 5 more bits, which no argument of the tests
 * needs. */
#define BITS 57
#define ONE ((i128)1 << BITS)

typedef enum act { NOTHING, SET, RAISE, LOWER, ADD, CLEAR } act;

typedef struct history {
    oracle_counter counter;
    act            acts[CRDT_LAWS_EVENTS_MAX];
    double         scores[CRDT_LAWS_EVENTS_MAX]; /* of SET, RAISE and LOWER */
} history;

typedef struct shown {
    bool   set, counted;
    double base;
    i128   sum;
} shown;

/* -- Numbers ----------------------------------------------------------------------------------- */

static bool is_whole(double d)
{
    return d >= 0x1p100 || d <= -0x1p100 || (double)(i128)d == d;
}

/* False: the type cannot hold it exactly. */
static bool exact(double d, i128 *ret_units)
{
    if (!(d < 0x1p126 && d > -0x1p126) || !is_whole(d * 0x1p62)) return false;
    if (!is_whole(d * 0x1p57) || d >= 0x1p69 || d <= -0x1p69) abort();
    *ret_units = (i128)(d * 0x1p57);
    return true;
}

/* The nearest double, ties to even: a conversion from an integer rounds once. */
static double rounded(i128 units)
{
    return (double)units * 0x1p-57;
}

/* A decimal number, rounded to 17 digits behind the point, away from zero. False: it is none. */
static bool number(crdt_view text, double *ret_d)
{
    char buf[128], fixed[256], *end;
    if (text.size == 0 || text.size >= sizeof buf) return false;
    memcpy(buf, text.data, text.size);
    buf[text.size] = 0;
    if (strspn(buf, "+-.0123456789eE") != text.size) return false;
    long double wide = strtold(buf, &end);
    if (*end != 0 || wide >= 1.7e21L || wide <= -1.7e21L) return false;
    (void)snprintf(fixed, sizeof fixed, "%.17Lf", wide);
    /* 64 bits are too few for digits in front and behind: then those behind are as they stand. */
    *ret_d = strtod(wide < 1 && wide > -1 ? fixed : buf, NULL);
    return true;
}

/* -- What shows -------------------------------------------------------------------------------- */

/* The base is still there. */
static bool stays(const history *h, size_t count, uint64_t present, size_t i)
{
    if (!in_set(present, i)) return false;
    if (h->acts[i] != SET && h->acts[i] != RAISE && h->acts[i] != LOWER) return false;
    for (size_t j = 0; j < count; j++) {
        if (!in_set(present, j) || !h->counter.reset[j]) continue;
        if (in_set(h->counter.events[j].covers, i)) return false;
    }
    return true;
}

static bool base_of(const history *h, size_t count, uint64_t present, double *ret_base)
{
    const crdt_laws_event *events = h->counter.events;
    size_t                 last = count;
    bool                   any = false;
    for (size_t i = 0; i < count; i++) {
        if (!stays(h, count, present, i) || h->acts[i] != SET) continue;
        if (last != count && !is_later_write(events, i, last)) continue;
        last = i;
        *ret_base = h->scores[i];
        any = true;
    }
    for (act what = RAISE; what <= LOWER; what++) {
        for (size_t i = 0; i < count; i++) {
            if (!stays(h, count, present, i) || h->acts[i] != what) continue;
            if (last != count && !is_later_write(events, i, last)) continue;
            if (!any) *ret_base = h->scores[i];
            any = true;
            bool beats = what == RAISE ? h->scores[i] > *ret_base : h->scores[i] < *ret_base;
            if (beats) *ret_base = h->scores[i];
        }
    }
    return any;
}

static shown look(const history *h, size_t count, uint64_t present)
{
    shown s = {false, false, 0, 0};
    s.set = base_of(h, count, present, &s.base);
    s.counted = oracle_counter_sum(&h->counter, count, present, &s.sum) > 0;
    return s;
}

static double score_of(const shown *s)
{
    i128 units = 0;
    if (!s->counted) return s->base;
    if (s->set && !exact(s->base, &units)) return s->base + rounded(s->sum);
    return rounded(units + s->sum);
}

/* -- What an event did ------------------------------------------------------------------------- */

static void add(history *h, size_t i, const shown *s, double amount)
{
    double to = (s->set || s->counted ? score_of(s) : 0) + amount;
    i128   base = 0, by = 0, then;
    shown  after = *s;
    bool   can = (!s->set || exact(s->base, &base)) && exact(to, &then);
    if (can) by = then - base - s->sum;
    else can = exact(amount, &by);
    can = can && by >= INT64_MIN * ONE && by < (INT64_MAX + (i128)1) * ONE;
    after.counted = true;
    after.sum += by;
    double comes = can ? score_of(&after) : 0;
    if (can && memcmp(&comes, &to, sizeof to) == 0) {
        h->acts[i] = ADD;
        h->counter.change[i] = true;
        h->counter.amount[i] = by;
        oracle_counter_place(&h->counter, i);
    } else {
        h->acts[i] = SET;
        h->scores[i] = to;
        h->counter.reset[i] = true;
    }
}

static void happen(history *h, size_t i, const crdt_value *score)
{
    const crdt_laws_event *e = &h->counter.events[i];
    shown                  s = look(h, i, e->seen);
    double                 d = 0;
    if (e->op == NULL || is_op(e, "clear") || is_op(e, "remove")) {
        h->acts[i] = CLEAR;
        h->counter.reset[i] = true;
        return;
    }
    if (!number(score->bytes, &d)) return;
    if (is_op(e, "incr")) {
        add(h, i, &s, d);
        return;
    }
    act  what = is_op(e, "raise") ? RAISE : is_op(e, "lower") ? LOWER : SET;
    bool shows = s.set || s.counted;
    if (what == RAISE && shows && d <= score_of(&s)) return;
    if (what == LOWER && shows && d >= score_of(&s)) return;
    h->acts[i] = what;
    h->scores[i] = d;
    h->counter.reset[i] = true;
}

static void print_score(double d, crdt_buf *out)
{
    char text[32];
    (void)snprintf(text, sizeof text, "%.17g", d);
    crdt_buf_text(out, text);
}

void oracle_score(const crdt_laws_event *events, size_t count, uint64_t present, crdt_buf *out)
{
    static history h;
    memset(&h, 0, sizeof h);
    h.counter.events = events;
    h.counter.one = ONE;
    for (size_t i = 0; i < count; i++) happen(&h, i, events[i].args);
    shown s = look(&h, count, present);
    if (s.set || s.counted) print_score(score_of(&s), out);
    else crdt_buf_text(out, "none");
}

/* -- Sorted sets ------------------------------------------------------------------------------- */

/* It is said of all members, or of this one. */
static bool concerns(const crdt_laws_event *e, crdt_view member)
{
    if (e->op == NULL || is_op(e, "clear")) return true;
    return crdt_view_compare(e->args[0].bytes, member) == 0;
}

static bool member_shows(const crdt_laws_event *events, size_t count, uint64_t present,
                         crdt_view member, double *ret_score)
{
    static history h;
    memset(&h, 0, sizeof h);
    h.counter.events = events;
    h.counter.one = ONE;
    for (size_t i = 0; i < count; i++) {
        if (concerns(&events[i], member)) happen(&h, i, events[i].args + 1);
    }
    shown s = look(&h, count, present);
    if (s.set || s.counted) *ret_score = score_of(&s);
    return s.set || s.counted;
}

void oracle_zset(const crdt_laws_event *events, size_t count, uint64_t present, crdt_buf *out)
{
    crdt_value members[CRDT_LAWS_EVENTS_MAX];
    size_t     n = 0;
    for (size_t i = 0; i < count; i++) {
        if (events[i].op == NULL || is_op(&events[i], "clear")) continue;
        size_t at = n;
        for (size_t j = 0; j < n; j++) {
            int order = crdt_value_compare(events[i].args[0], members[j]);
            if (order <= 0) {
                at = order == 0 ? n + 1 : j;
                break;
            }
        }
        if (at > n) continue;
        memmove(members + at + 1, members + at, (n - at) * sizeof *members);
        members[at] = events[i].args[0];
        n++;
    }
    const char *between = "{";
    for (size_t i = 0; i < n; i++) {
        double score;
        if (!member_shows(events, count, present, members[i].bytes, &score)) continue;
        crdt_buf_text(out, between);
        crdt_buf_print_value(out, members[i]);
        crdt_buf_text(out, ": ");
        print_score(score, out);
        between = ", ";
    }
    crdt_buf_text(out, between[0] == '{' ? "{}" : "}");
}
