/* texts.c: TEXT.*: UTF-8 texts that many write at once, over crdt_text.
 *
 * Units      cp: code points (if none is told), utf16: as JavaScript and Java count, byte
 * Positions  from 0; below 0 they count from the end. TEXT.GET and TEXT.DELETE name a unit: -1 is
 *            the last. TEXT.INSERT names a place between units: -1 is behind the last.
 * Marks      between two such places; a name, as "bold" or "comment:7", tells the rule at edges.
 *            TEXT.INSERT keeps the rules where text at an edge was deleted, too.
 * Cursors    tokens that stay where they were put: TEXT.AT tells where that is now.
 * Elsewhere  TEXT.UNDO and TEXT.REDO: node/undo.c; who wrote what, and when: node/pasts.c
 */
#include "node/texts.h"

#include <inttypes.h>

#include "node/commands.h"
#include "node/keys.h"
#include "node/number.h"
#include "node/undo.h"

static const char *const unit_names[] = {"code points", "UTF-16 units", "bytes"};

bool text_unit(call *c, text_args *o)
{
    *o = (text_args){CRDT_CODE_POINTS, c->count};
    if (c->count < 4 || !call_is(c, c->count - 2, "unit")) return true;
    o->count = c->count - 2;
    if (call_is(c, c->count - 1, "cp")) o->unit = CRDT_CODE_POINTS;
    else if (call_is(c, c->count - 1, "utf16")) o->unit = CRDT_UTF16_UNITS;
    else if (call_is(c, c->count - 1, "byte")) o->unit = CRDT_UTF8_BYTES;
    else call_error(c, "ERR UNIT must be cp, utf16 or byte");
    return !c->failed;
}

bool text_find(call *c, crdt_ref *ret_text, bool *ret_there)
{
    *ret_there = key_find(c, c->args[1], ret_text);
    if (c->failed || !*ret_there) return !c->failed;
    if (ret_text->type == &crdt_text_type || ret_text->type == &crdt_text_classic_type) return true;
    call_wrong_type(c);
    return false;
}

static uint64_t length_of(crdt_ref text, bool there, crdt_unit unit)
{
    return there ? crdt_text_length(text, unit) : 0;
}

/* position as one from 0; places: how many there are. False: an error was replied. */
static bool place(call *c, const text_args *o, int64_t position, uint64_t length, uint64_t places,
                  uint64_t *ret_at)
{
    uint64_t back = (uint64_t) - (position + 1) + 1; /* of a negative one: how far from the end */
    bool     fits = position < 0 ? back <= places : (uint64_t)position <= length;
    if (!fits) {
        call_error(c, "ERR position %" PRId64 " is out of range: the text has %" PRIu64 " %s",
                   position, length, unit_names[o->unit]);
        return false;
    }
    *ret_at = position < 0 ? places - back : (uint64_t)position;
    return true;
}

bool text_fails(call *c, const text_args *o, crdt_err err)
{
    if (err == CRDT_ERANGE) {
        call_error(c, "ERR position or count ends inside a character: %s were counted",
                   unit_names[o->unit]);
        return true;
    }
    if (err == CRDT_EINVAL) {
        call_error(c, "ERR value is not valid UTF-8");
        return true;
    }
    return call_fails(c, err);
}

/* The text of the call's name, open for changes. False: an error was replied. */
static bool open_text(call *c, crdt_ref text, bool there, crdt_text_edit *ret_edit)
{
    const crdt_type *type = there ? text.type : &crdt_text_type;
    crdt_txn        *txn = key_write(c, c->args[1], type);
    if (txn == NULL || call_fails(c, crdt_text_open(txn, c->args[1], type, ret_edit))) return false;
    undo_before(c, type);
    return true;
}

/* The length that it has now. */
static void reply_length(call *c, const text_args *o)
{
    crdt_ref text;
    crdt_err err = crdt_txn_find(c->txn, c->args[1], NULL, &text);
    if (err != CRDT_ENOENT && call_fails(c, err)) return;
    reply_int(c->reply, (int64_t)length_of(text, err == CRDT_OK, o->unit));
}

void command_text_insert(call *c)
{
    text_args      o;
    int64_t        position;
    uint64_t       at, length;
    crdt_ref       text;
    crdt_text_edit edit;
    bool           there;
    if (!text_unit(c, &o)) return;
    if (o.count != 4) {
        call_wrong_arity(c);
        return;
    }
    if (!call_int(c, 2, &position) || !text_find(c, &text, &there)) return;
    length = length_of(text, there, o.unit);
    if (!place(c, &o, position, length, length + 1, &at)) return;
    if (!open_text(c, text, there, &edit)) return;
    crdt_err err = there ? crdt_marks_insert(c->txn, c->args[1], o.unit, at, c->args[3])
                         : crdt_text_insert(&edit, o.unit, at, c->args[3]);
    if (!text_fails(c, &o, err)) reply_length(c, &o);
}

/* The arguments position and count, as those of units that are there. False: an error was
 * replied. */
static bool parse_range(call *c, const text_args *o, uint64_t length, bool may_pass,
                        uint64_t *ret_at, uint64_t *ret_count)
{
    int64_t position, count;
    if (!call_int(c, 2, &position) || !call_int(c, 3, &count)) return false;
    if (!place(c, o, position, length, length, ret_at)) return false;
    if (count < 0) {
        call_error(c, "ERR count must be 0 or more");
        return false;
    }
    *ret_count = (uint64_t)count;
    if (*ret_count <= length - *ret_at) return true;
    *ret_count = length - *ret_at;
    if (may_pass) return true;
    call_error(c,
               "ERR count %" PRId64 " is out of range: %" PRIu64 " of %" PRIu64 " %s are behind it",
               count, *ret_count, length, unit_names[o->unit]);
    return false;
}

void command_text_delete(call *c)
{
    text_args      o;
    uint64_t       at, count;
    crdt_ref       text;
    crdt_text_edit edit;
    bool           there;
    if (!text_unit(c, &o)) return;
    if (o.count != 4) {
        call_wrong_arity(c);
        return;
    }
    if (!text_find(c, &text, &there)) return;
    if (!parse_range(c, &o, length_of(text, there, o.unit), false, &at, &count)) return;
    if (count == 0) {
        reply_int(c->reply, (int64_t)length_of(text, there, o.unit));
        return;
    }
    if (!open_text(c, text, there, &edit)) return;
    if (!text_fails(c, &o, crdt_text_delete(&edit, o.unit, at, count))) reply_length(c, &o);
}

void command_text_get(call *c)
{
    text_args o;
    uint64_t  at = 0, count, length;
    crdt_ref  text;
    crdt_buf  out;
    bool      there;
    if (!text_unit(c, &o)) return;
    if (o.count != 2 && o.count != 4) {
        call_wrong_arity(c);
        return;
    }
    if (!text_find(c, &text, &there)) return;
    length = count = length_of(text, there, o.unit);
    if (o.count == 4 && !parse_range(c, &o, length, true, &at, &count)) return;
    if (!there) {
        reply_null(c->reply);
        return;
    }
    crdt_buf_init(&out, NULL);
    if (!text_fails(c, &o, crdt_text_read(text, o.unit, at, count, &out))) {
        reply_bulk(c->reply, crdt_buf_bytes(&out));
    }
    crdt_buf_clear(&out);
}

void command_text_length(call *c)
{
    text_args o;
    crdt_ref  text;
    bool      there;
    if (!text_unit(c, &o)) return;
    if (o.count != 2) {
        call_wrong_arity(c);
        return;
    }
    if (text_find(c, &text, &there)) {
        reply_int(c->reply, (int64_t)length_of(text, there, o.unit));
    }
}

/* -- Marks ------------------------------------------------------------------------------------- */

/* The arguments start and end, places between units. False: an error was replied. */
static bool parse_stretch(call *c, const text_args *o, uint64_t length, crdt_range *ret_range)
{
    int64_t  start, end;
    uint64_t from, to;
    if (!call_int(c, 2, &start) || !call_int(c, 3, &end)) return false;
    if (!place(c, o, start, length, length + 1, &from)) return false;
    if (!place(c, o, end, length, length + 1, &to)) return false;
    if (to < from) {
        call_error(c, "ERR the end lies before the start");
        return false;
    }
    *ret_range = (crdt_range){o->unit, from, to - from};
    return true;
}

static void mark_or_unmark(call *c, bool unmark)
{
    text_args  o;
    crdt_ref   text;
    crdt_range range;
    bool       there;
    if (!text_unit(c, &o)) return;
    if (o.count != 5 && (unmark || o.count != 6)) {
        call_wrong_arity(c);
        return;
    }
    if (!text_find(c, &text, &there)) return;
    if (!parse_stretch(c, &o, length_of(text, there, o.unit), &range)) return;
    crdt_mark mark = {c->args[4], crdt_int(1), crdt_mark_expand(c->args[4])};
    if (o.count == 6) mark.value = number_value(c->args[5]);
    if (mark.key.size == 0) {
        call_error(c, "ERR a mark must have a name");
        return;
    }
    if (range.count > 0) {
        crdt_txn *txn = key_write(c, c->args[1], text.type);
        if (txn == NULL) return;
        crdt_err err = unmark ? crdt_marks_unset(txn, c->args[1], range, mark)
                              : crdt_marks_set(txn, c->args[1], range, mark);
        if (text_fails(c, &o, err)) return;
    }
    reply_ok(c->reply);
}

void command_text_mark(call *c)
{
    mark_or_unmark(c, false);
}

void command_text_unmark(call *c)
{
    mark_or_unmark(c, true);
}

static void reply_span(reply *r, const crdt_span *span)
{
    reply_array(r, 3);
    reply_int(r, (int64_t)span->start);
    reply_int(r, (int64_t)span->count);
    reply_map(r, span->marks_count);
    for (size_t i = 0; i < span->marks_count; i++) {
        crdt_value value = span->marks[i].value;
        reply_bulk(r, span->marks[i].key);
        if (value.kind == CRDT_INT) reply_bulk_int(r, value.i);
        else reply_bulk(r, value.bytes);
    }
}

/* Those stretches that have marks; their number. */
static size_t walk_spans(crdt_spans *spans, reply *r)
{
    crdt_span span;
    size_t    count = 0;
    while (crdt_marks_next(spans, &span)) {
        if (span.marks_count == 0) continue;
        count++;
        if (r != NULL) reply_span(r, &span);
    }
    crdt_marks_free(spans);
    return count;
}

void command_text_marks(call *c)
{
    text_args   o;
    crdt_ref    text;
    crdt_spans *counted, *spans;
    bool        there;
    if (!text_unit(c, &o)) return;
    if (o.count != 2) {
        call_wrong_arity(c);
        return;
    }
    if (!text_find(c, &text, &there)) return;
    if (!there) {
        reply_array(c->reply, 0);
        return;
    }
    const crdt_store *store = c->node->store;
    if (call_fails(c, crdt_marks_read(store, c->args[1], o.unit, NULL, &counted))) return;
    size_t count = walk_spans(counted, NULL);
    if (call_fails(c, crdt_marks_read(store, c->args[1], o.unit, NULL, &spans))) return;
    reply_array(c->reply, count);
    (void)walk_spans(spans, c->reply);
}

/* -- Cursors ----------------------------------------------------------------------------------- */

void command_text_cursor(call *c)
{
    text_args   o;
    crdt_ref    text;
    crdt_cursor cursor;
    crdt_buf    token;
    int64_t     position;
    uint64_t    at, length;
    bool        there;
    if (!text_unit(c, &o)) return;
    if (o.count != 4) {
        call_wrong_arity(c);
        return;
    }
    bool left = call_is(c, 3, "left");
    if (!left && !call_is(c, 3, "right")) {
        call_error(c, "ERR a cursor sticks to what is LEFT or RIGHT of it");
        return;
    }
    if (!call_int(c, 2, &position) || !text_find(c, &text, &there)) return;
    length = length_of(text, there, o.unit);
    if (!place(c, &o, position, length, length + 1, &at)) return;
    cursor = crdt_cursor_end(left ? CRDT_LEFT : CRDT_RIGHT);
    crdt_side side = left ? CRDT_RIGHT : CRDT_LEFT; /* of the element that it sticks to */
    crdt_err  err = there ? crdt_text_cursor(text, o.unit, at, side, &cursor) : CRDT_OK;
    if (text_fails(c, &o, err)) return;
    crdt_buf_init(&token, NULL);
    crdt_cursor_print(cursor, &token);
    if (!call_fails(c, crdt_buf_status(&token))) reply_bulk(c->reply, crdt_buf_bytes(&token));
    crdt_buf_clear(&token);
}

void command_text_at(call *c)
{
    text_args   o;
    crdt_ref    text;
    crdt_cursor cursor;
    uint64_t    at = 0;
    bool        there;
    if (!text_unit(c, &o)) return;
    if (o.count != 3) {
        call_wrong_arity(c);
        return;
    }
    if (crdt_cursor_parse(c->args[2], &cursor) != CRDT_OK) {
        call_error(c, "ERR no cursor: TEXT.CURSOR gives them");
        return;
    }
    if (!text_find(c, &text, &there)) return;
    crdt_err err = there                 ? crdt_text_find(text, cursor, o.unit, &at)
                   : cursor.replica == 0 ? CRDT_OK
                                         : CRDT_ENOENT;
    if (err == CRDT_ENOENT) call_error(c, "ERR what the cursor stands at has not come here");
    else if (err == CRDT_ESTALE) call_error(c, "STALE what the cursor stands at was forgotten");
    else if (!text_fails(c, &o, err)) reply_int(c->reply, (int64_t)at);
}
