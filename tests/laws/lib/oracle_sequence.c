/* oracle_sequence.c: lists and texts: all events are played into a line (line.h), each on what its
 * author had seen; then what the asked ones leave is read off.
 */
#include "tests/laws/lib/oracle_sequence.h"

#include <stdlib.h>
#include <string.h>

#include "tests/laws/lib/line.h"
#include "tests/laws/lib/oracle.h"

typedef struct sequence {
    const crdt_laws_event *events;
    line                   line;
    size_t                 first[CRDT_LAWS_EVENTS_MAX]; /* element that the event inserted */
    size_t                 given[CRDT_LAWS_EVENTS_MAX]; /* element that it gave a value */
} sequence;

/* The bytes of the code point at the start of well-formed UTF-8. */
static size_t code_point_size(const uint8_t *at)
{
    return *at < 0x80 ? 1 : *at < 0xe0 ? 2 : *at < 0xf0 ? 3 : 4;
}

/* Where the n-th code point starts. */
static size_t offset_of(crdt_view text, size_t n)
{
    const uint8_t *at = text.data;
    size_t         offset = 0;
    while (n-- > 0) offset += code_point_size(at + offset);
    return offset;
}

static size_t code_points(crdt_view text)
{
    size_t n = 0;
    for (size_t at = 0; at < text.size; n++) {
        at += code_point_size((const uint8_t *)text.data + at);
    }
    return n;
}

/* -- Playing --------------------------------------------------------------------------------- */

static void play_one(sequence *s, bool text, unsigned i)
{
    const crdt_laws_event *e = &s->events[i];
    s->first[i] = s->given[i] = LINE_NONE;
    if (e->op == NULL) {
        line_delete_all(&s->line, e->seen, e->covers, i);
    } else if (is_op(e, "insert")) {
        size_t n = text ? code_points(e->args[1].bytes) : 1;
        s->first[i] = line_insert(&s->line, e->seen, i, e->replica, (size_t)e->args[0].i, n);
    } else if (is_op(e, "delete")) {
        line_delete(&s->line, e->seen, e->covers, i, (uint64_t)e->args[0].i,
                    (uint64_t)e->args[1].i);
    } else if (is_op(e, "move")) {
        if (e->args[0].i == e->args[1].i) return;
        (void)line_move(&s->line, e->seen, i, e->replica, e->stamp, (uint64_t)e->args[0].i,
                        (uint64_t)e->args[1].i);
    } else {
        size_t at = line_at(&s->line, e->seen, (uint64_t)e->args[0].i);
        s->given[i] = at == LINE_NONE ? LINE_NONE : line_element(&s->line, at);
    }
}

static void play(sequence *s, const crdt_laws_event *events, size_t count, bool text, bool classic)
{
    s->events = events;
    line_init(&s->line, classic);
    for (unsigned i = 0; i < count; i++) play_one(s, text, i);
}

/* -- Reading --------------------------------------------------------------------------------- */

/* The last value set, of those that the asked events set; else the one inserted. */
static crdt_value value_of(const sequence *s, size_t count, uint64_t present, size_t item)
{
    size_t best = count;
    for (size_t i = 0; i < count; i++) {
        if (!in_set(present, i) || s->given[i] != item) continue;
        if (best == count || is_later_write(s->events, i, best)) best = i;
    }
    return s->events[best == count ? s->line.items[item].event : best].args[1];
}

static void list(const crdt_laws_event *events, size_t count, uint64_t present, bool classic,
                 crdt_buf *out)
{
    sequence    s;
    const char *between = "";
    play(&s, events, count, false, classic);
    crdt_buf_text(out, "[");
    for (size_t i = 0; i < s.line.count; i++) {
        size_t item = s.line.order[i];
        if (!line_shows_at(&s.line, item, present)) continue;
        crdt_buf_text(out, between);
        crdt_buf_print_value(out, value_of(&s, count, present, line_element(&s.line, item)));
        between = ", ";
    }
    crdt_buf_text(out, "]");
    line_clear(&s.line);
}

static void text(const crdt_laws_event *events, size_t count, uint64_t present, bool classic,
                 crdt_buf *out)
{
    sequence s;
    crdt_buf whole;
    crdt_buf_init(&whole, NULL);
    play(&s, events, count, true, classic);
    for (size_t i = 0; i < s.line.count; i++) {
        size_t           number = s.line.order[i];
        const line_item *item = &s.line.items[number];
        if (!line_shows(item, present)) continue;
        crdt_view      piece = events[item->event].args[1].bytes;
        const uint8_t *at = piece.data;
        at += offset_of(piece, number - s.first[item->event]);
        crdt_buf_put(&whole, at, code_point_size(at));
    }
    crdt_buf_print_value(out, crdt_bytes(whole.data, whole.size));
    crdt_buf_clear(&whole);
    line_clear(&s.line);
}

void oracle_rga(const crdt_laws_event *events, size_t count, uint64_t present, crdt_buf *out)
{
    list(events, count, present, false, out);
}

void oracle_rga_classic(const crdt_laws_event *events, size_t count, uint64_t present,
                        crdt_buf *out)
{
    list(events, count, present, true, out);
}

void oracle_text(const crdt_laws_event *events, size_t count, uint64_t present, crdt_buf *out)
{
    text(events, count, present, false, out);
}

void oracle_text_classic(const crdt_laws_event *events, size_t count, uint64_t present,
                         crdt_buf *out)
{
    text(events, count, present, true, out);
}
