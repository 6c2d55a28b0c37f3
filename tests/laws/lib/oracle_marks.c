/* oracle_marks.c: marks that stand alone: all that were said and not taken away by a removal that
 * saw them, in the order of their writing. What they do to a text is told by
 * tests/laws/lib/rich.h. */
#include "tests/laws/lib/oracle.h"

#include "crdt/cursor.h"

static bool shows(const crdt_laws_event *events, size_t count, uint64_t present, size_t i)
{
    if (!in_set(present, i) || events[i].op == NULL) return false;
    for (size_t r = i + 1; r < count; r++) {
        if (in_set(present, r) && events[r].op == NULL && in_set(events[r].covers, i)) return false;
    }
    return true;
}

static void print_mark(const crdt_laws_event *e, crdt_buf *out)
{
    crdt_buf_print_value(out, e->args[2]);
    if (is_op(e, "mark")) {
        crdt_buf_text(out, " = ");
        crdt_buf_print_value(out, e->args[3]);
    } else {
        crdt_buf_text(out, " none");
    }
    crdt_buf_text(out, " from ");
    crdt_buf_put(out, e->args[0].bytes.data, e->args[0].bytes.size);
    crdt_buf_text(out, " to ");
    crdt_buf_put(out, e->args[1].bytes.data, e->args[1].bytes.size);
}

void oracle_marks(const crdt_laws_event *events, size_t count, uint64_t present, crdt_buf *out)
{
    const char *between = "[";
    uint64_t    told = 0;
    for (;;) {
        size_t next = count; /* the earliest that was not told */
        for (size_t i = 0; i < count; i++) {
            if (in_set(told, i) || !shows(events, count, present, i)) continue;
            if (next == count || is_later_write(events, next, i)) next = i;
        }
        if (next == count) break;
        told |= UINT64_C(1) << next;
        crdt_buf_text(out, between);
        between = ", ";
        print_mark(&events[next], out);
    }
    crdt_buf_text(out, told == 0 ? "[]" : "]");
}
