/* oracle_counter.c: counters: the sum of all changes that no reset took away; and the type `cell`,
 * which is such a sum, of fractions too, on top of a register.
 *
 * Without read contexts a reset takes away every change it saw. With one it takes whole cells: a
 * cell is what a replica wrote since the last reset that it saw take its previous cell; it is
 * taken, as far as the reset sees it, if the reader had seen the last change in it that the reset
 * sees. Setting a register is a reset of what is counted. Cells that would leave 64 bits are ended
 * by their writer; it goes on with the one that it began last.
 */
#include "tests/laws/lib/oracle_counter.h"

#include <string.h>

typedef oracle_int                      i128;
__extension__ typedef unsigned __int128 u128;

static bool is_change(const crdt_laws_event *e)
{
    return is_op(e, "inc") || is_op(e, "dec") || is_op(e, "incr") || is_op(e, "incrfloat");
}

static bool is_reset(const crdt_laws_event *e)
{
    return !is_change(e);
}

/* -- Decimals, as whole numbers of 10^-17 --------------------------------------------------- */

#define UNITS ((i128)100000000000000000)

/* The digits from *at on, up to the point: how many; they go to the end of *number. */
static int read_digits(const char *text, size_t size, size_t *at, i128 *number)
{
    int n = 0;
    for (; *at < size && text[*at] >= '0' && text[*at] <= '9'; ++*at, n++) {
        *number = *number * 10 + (text[*at] - '0');
    }
    return n;
}

static bool is_one_of(const char *text, size_t size, size_t at, const char *set)
{
    return at < size && text[at] != 0 && strchr(set, text[at]) != NULL;
}

static bool read_decimal(crdt_view view, i128 *ret_units)
{
    const char *text = view.data;
    size_t      at = 0, size = view.size;
    i128        number = 0, exponent = 0;
    if (is_one_of(text, size, at, "+-")) at++;
    int before = read_digits(text, size, &at, &number), behind = 0;
    if (is_one_of(text, size, at, ".")) {
        at++;
        behind = read_digits(text, size, &at, &number);
    }
    if (before + behind == 0) return false;
    int shift = 17 - behind;
    if (is_one_of(text, size, at, "eE")) {
        at++;
        bool minus = is_one_of(text, size, at, "-");
        if (is_one_of(text, size, at, "+-")) at++;
        if (read_digits(text, size, &at, &exponent) == 0) return false;
        shift += minus ? -(int)exponent : (int)exponent;
    }
    if (at < size) return false;
    for (; shift > 0; shift--) number *= 10;
    for (; shift < -1; shift++) number /= 10;
    if (shift == -1) number = (number + 5) / 10;
    *ret_units = text[0] == '-' ? -number : number;
    return true;
}

/* By how much a change changes the sum. */
static i128 amount_of(const crdt_laws_event *e)
{
    i128 units = 0;
    if (is_op(e, "dec")) return -(i128)e->args[0].i;
    if (is_op(e, "inc")) return e->args[0].i;
    if (is_op(e, "incr")) return e->args[0].i * UNITS;
    (void)read_decimal(e->args[0].bytes, &units);
    return units;
}

/* -- Cells ---------------------------------------------------------------------------------- */

/* Does reset r take change i away? */
static bool takes(const oracle_counter *c, size_t r, size_t i)
{
    size_t last = i;
    if (!in_set(c->events[r].seen, i)) return false;
    for (size_t j = i; j < r; j++) {
        bool same = c->change[j] && c->cell[j] == c->cell[i];
        if (same && in_set(c->events[r].seen, j)) last = j;
    }
    return in_set(c->events[r].covers, last);
}

static bool is_taken(const oracle_counter *c, size_t count, uint64_t present, size_t i)
{
    for (size_t r = i + 1; r < count; r++) {
        if (in_set(present, r) && c->reset[r] && takes(c, r, i)) return true;
    }
    return false;
}

void oracle_counter_place(oracle_counter *c, size_t i)
{
    const crdt_laws_event *e = &c->events[i];
    size_t                 open = i;
    i128                   total = c->amount[i];
    for (size_t before = 0; before < i; before++) {
        const crdt_laws_event *b = &c->events[before];
        if (b->replica != e->replica || !c->change[before] || !in_set(e->seen, before)) continue;
        bool begins = c->cell[before] == before;
        if (begins && !is_taken(c, i, e->seen, before)) open = before;
    }
    for (size_t j = open; j < i; j++) {
        if (c->change[j] && c->cell[j] == open) total += c->amount[j];
    }
    bool fits = total >= INT64_MIN * c->one && total < (INT64_MAX + (i128)1) * c->one;
    c->cell[i] = c->one == 0 || fits ? open : i;
}

size_t oracle_counter_sum(const oracle_counter *c, size_t count, uint64_t present, i128 *ret_sum)
{
    size_t left = 0;
    *ret_sum = 0;
    for (size_t i = 0; i < count; i++) {
        if (!in_set(present, i) || !c->change[i] || is_taken(c, count, present, i)) continue;
        *ret_sum += c->amount[i];
        left++;
    }
    return left;
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

/* The sum of the changes that are left; returns how many. */
static size_t sum_of(const crdt_laws_event *events, size_t count, uint64_t present, i128 *ret_sum)
{
    oracle_counter c;
    memset(&c, 0, sizeof c);
    c.events = events;
    for (size_t i = 0; i < count; i++) {
        c.change[i] = is_change(&events[i]);
        c.reset[i] = is_reset(&events[i]);
        if (is_op(&events[i], "incr") || is_op(&events[i], "incrfloat")) c.one = UNITS;
    }
    for (size_t i = 0; i < count; i++) {
        if (!c.change[i]) continue;
        c.amount[i] = amount_of(&events[i]);
        oracle_counter_place(&c, i);
    }
    return oracle_counter_sum(&c, count, present, ret_sum);
}

static void sum(const crdt_laws_event *events, size_t count, uint64_t present, crdt_buf *out)
{
    i128 total;
    (void)sum_of(events, count, present, &total);
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

/* -- cell ------------------------------------------------------------------------------------ */

static void print_units(i128 units, crdt_buf *out)
{
    u128 size = units < 0 ? 0 - (u128)units : (u128)units, frac = size % (u128)UNITS;
    if (units < 0) crdt_buf_text(out, "-");
    print_wide((i128)(size / (u128)UNITS), out);
    if (frac > 0) crdt_buf_text(out, ".");
    for (; frac > 0; frac = frac * 10 % (u128)UNITS) {
        crdt_buf_byte(out, (uint8_t)('0' + (int)(frac * 10 / (u128)UNITS)));
    }
}

/* The value set last of those that nothing covers; count if there is none. */
static size_t base_of(const crdt_laws_event *events, size_t count, uint64_t present)
{
    size_t best = count;
    for (size_t i = 0; i < count; i++) {
        bool shows = in_set(present, i) && is_op(&events[i], "set");
        for (size_t j = 0; j < count; j++) {
            bool covers = is_reset(&events[j]) && in_set(events[j].covers, i);
            if (in_set(present, j) && covers) shows = false;
        }
        if (shows && (best == count || is_later_write(events, i, best))) best = i;
    }
    return best;
}

void oracle_cell(const crdt_laws_event *events, size_t count, uint64_t present, crdt_buf *out)
{
    i128   total, number = 0;
    size_t base = base_of(events, count, present);
    bool   counted = sum_of(events, count, present, &total) > 0, is_number = true;
    if (base < count) {
        crdt_value value = events[base].args[0];
        number = value.i * UNITS;
        if (value.kind == CRDT_BYTES) is_number = read_decimal(value.bytes, &number);
        if (!counted || !is_number) crdt_buf_print_value(out, value);
    } else if (!counted) {
        crdt_buf_text(out, "none");
    }
    if (!counted) return;
    if (!is_number) crdt_buf_text(out, " (");
    print_units(number + total, out);
    if (!is_number) crdt_buf_text(out, " does not show)");
}
