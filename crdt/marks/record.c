/* marks/record.c: records of marks: see marks.h. */
#include <string.h>

#include "crdt/clock.h"
#include "crdt/marks/marks.h"

#define HAS_VALUE 1u
#define RENEWED 2u
#define STAMP_AT 1u /* in a record */
#define CURSOR_BYTES_MAX 19u

static bool parse_cursor(crdt_dec *dec, crdt_cursor *ret_cursor)
{
    crdt_view bytes = crdt_dec_view(dec, CURSOR_BYTES_MAX, "cursor");
    return crdt_dec_status(dec) == CRDT_OK && crdt_cursor_decode(bytes, ret_cursor) == CRDT_OK;
}

static bool parse_first(crdt_dec *dec, crdt_dot dot, crdt_dot *ret_first)
{
    ret_first->replica = crdt_dec_u64(dec);
    ret_first->seq = crdt_dec_varint(dec);
    if (ret_first->replica == 0 || ret_first->seq == 0) return false;
    return ret_first->seq <= CRDT_SEQ_MAX && !crdt_dot_equal(*ret_first, dot);
}

bool crdt__said_parse(crdt_dot dot, crdt_view record, crdt__said *ret_said)
{
    crdt_limits limits = {.value_bytes = CRDT_VALUE_BYTES_MAX};
    crdt_dec    dec;
    crdt_dec_init(&dec, record, &limits);
    unsigned head = crdt_dec_byte(&dec);
    ret_said->dot = ret_said->first = dot;
    ret_said->stamp = crdt_dec_u64(&dec);
    ret_said->has_value = (head & HAS_VALUE) != 0;
    ret_said->value = crdt_int(0);
    if (head > (HAS_VALUE | RENEWED) || ret_said->stamp > CRDT_STAMP_MAX) return false;
    if ((head & RENEWED) != 0 && !parse_first(&dec, dot, &ret_said->first)) return false;
    if (!parse_cursor(&dec, &ret_said->start) || !parse_cursor(&dec, &ret_said->end)) return false;
    ret_said->key = crdt_dec_view(&dec, CRDT_VALUE_BYTES_MAX, "key");
    if (ret_said->has_value) ret_said->value = crdt_dec_value(&dec);
    return crdt_dec_status(&dec) == CRDT_OK && crdt_dec_left(&dec) == 0 && ret_said->key.size > 0;
}

/* The size stands before; cursors are short, so it takes one byte. */
static void write_cursor(crdt_cursor cursor, crdt_buf *out)
{
    size_t at = out->size;
    crdt_buf_byte(out, 0);
    crdt_cursor_encode(cursor, out);
    if (!out->failed) out->data[at] = (uint8_t)(out->size - at - 1);
}

void crdt__said_write(const crdt__said *said, bool renewed, crdt_buf *out)
{
    crdt_buf_byte(out, (uint8_t)((said->has_value ? HAS_VALUE : 0) | (renewed ? RENEWED : 0)));
    crdt_buf_u64(out, said->stamp);
    if (renewed) {
        crdt_buf_u64(out, said->first.replica);
        crdt_buf_varint(out, said->first.seq);
    }
    write_cursor(said->start, out);
    write_cursor(said->end, out);
    crdt_buf_view(out, said->key);
    if (said->has_value) crdt_buf_value(out, said->value);
}

void crdt__said_set_stamp(crdt_buf *record, uint64_t stamp)
{
    for (unsigned i = 0; i < 8; i++) record->data[STAMP_AT + i] = (uint8_t)(stamp >> (8 * i));
}

int crdt__said_compare(const crdt__said *a, const crdt__said *b)
{
    if (a->stamp != b->stamp) return a->stamp < b->stamp ? -1 : 1;
    int order = crdt_dot_compare(a->first, b->first);
    return order != 0 ? order : crdt_dot_compare(a->dot, b->dot);
}

bool crdt__marks_next(const crdt_ref *ref, uint32_t at[4], crdt__said *ret_said)
{
    const crdt__marks *parts[2] = {ref->state, ref->pending};
    for (unsigned i = 0; i < 2; i++) {
        if (parts[i] == NULL) continue;
        crdt__elems_cursor cursor = {&parts[i]->elems, at[2 * i], at[2 * i + 1]};
        crdt_dot           dot;
        crdt_value         record;
        bool               found = false;
        while (!found && crdt__elems_next(&cursor, &dot, &record)) {
            found = i > 0 || ref->gone == NULL || !crdt_context_has(ref->gone, dot);
        }
        at[2 * i] = cursor.chunk;
        at[2 * i + 1] = cursor.offset;
        if (found) return crdt__said_parse(dot, record.bytes, ret_said);
    }
    return false;
}

size_t crdt__marks_count(const crdt_ref *ref)
{
    uint32_t   at[4] = {0};
    crdt__said said;
    size_t     count = 0;
    while (crdt__marks_next(ref, at, &said)) count++;
    return count;
}

bool crdt__marks_fetch(const crdt_txn *txn, crdt_view name, crdt_dot dot, crdt__said *ret_said)
{
    crdt_ref   marks;
    crdt_value record;
    if (crdt_txn_beside(txn, name, &crdt_marks_type, &marks) != CRDT_OK) return false;
    const crdt__marks *parts[2] = {marks.pending, marks.state};
    for (unsigned i = 0; i < 2; i++) {
        if (parts[i] == NULL || !crdt__elems_get(&parts[i]->elems, dot, &record)) continue;
        return crdt__said_parse(dot, record.bytes, ret_said);
    }
    return false;
}
