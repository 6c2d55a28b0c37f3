/* strings.c: the commands of strings and counters, over crdt_cell. */
#include "node/strings.h"

#include <math.h>
#include <string.h>

#include "node/commands.h"
#include "node/deadline.h"
#include "node/expiry.h"
#include "node/keys.h"
#include "node/notify.h"
#include "node/number.h"

/* -- Reading ----------------------------------------------------------------------------------- */

/* The bytes that GET shows; text is for those that are made. */
static bool shown(call *c, crdt_ref ref, crdt_buf *text, crdt_view *ret_bytes)
{
    crdt_value value;
    crdt_buf_reset(text);
    if (crdt_cell_peek(ref, &value)) {
        *ret_bytes = value.bytes;
        if (value.kind == CRDT_BYTES) return true;
        crdt_buf_decimal(text, value.i);
        *ret_bytes = crdt_buf_bytes(text);
        return !call_fails(c, crdt_buf_status(text));
    }
    if (call_fails(c, crdt_cell_get(ref, text))) return false;
    *ret_bytes = crdt_buf_bytes(text);
    return true;
}

/* False: an error was replied. Absent: *ret_there is false, and the bytes are empty. */
static bool read_cell(call *c, crdt_view name, crdt_buf *text, crdt_view *ret_bytes,
                      bool *ret_there)
{
    crdt_ref  ref;
    key_state state = key_typed(c, name, &crdt_cell_type, &ref);
    *ret_bytes = crdt_view_of("", 0);
    *ret_there = state == KEY_THERE;
    return state == KEY_ABSENT ? !c->failed : state == KEY_THERE && shown(c, ref, text, ret_bytes);
}

static void reply_cell(call *c, crdt_view name)
{
    crdt_buf  text;
    crdt_view bytes;
    bool      there;
    crdt_buf_init(&text, NULL);
    if (read_cell(c, name, &text, &bytes, &there)) {
        if (there) reply_bulk(c->reply, bytes);
        else reply_null(c->reply);
    }
    crdt_buf_clear(&text);
}

void command_get(call *c)
{
    crdt_ref   ref;
    crdt_value value;
    switch (key_typed(c, c->args[1], &crdt_cell_type, &ref)) {
    case KEY_ABSENT:
        if (!c->failed) reply_null(c->reply);
        break;
    case KEY_THERE:
        if (!crdt_cell_peek(ref, &value)) reply_cell(c, c->args[1]);
        else if (value.kind == CRDT_BYTES) reply_bulk(c->reply, value.bytes);
        else reply_bulk_int(c->reply, value.i);
        break;
    case KEY_OTHER: break;
    }
}

void command_mget(call *c)
{
    crdt_buf text;
    crdt_buf_init(&text, NULL);
    reply_array(c->reply, c->count - 1);
    for (size_t i = 1; i < c->count; i++) {
        crdt_ref  ref;
        crdt_view bytes;
        bool      there = key_find(c, c->args[i], &ref) && ref.type == &crdt_cell_type;
        if (there && shown(c, ref, &text, &bytes)) reply_bulk(c->reply, bytes);
        else reply_null(c->reply);
    }
    crdt_buf_clear(&text);
}

void command_strlen(call *c)
{
    crdt_buf  text;
    crdt_view bytes;
    bool      there;
    crdt_buf_init(&text, NULL);
    if (read_cell(c, c->args[1], &text, &bytes, &there)) reply_int(c->reply, (int64_t)bytes.size);
    crdt_buf_clear(&text);
}

void command_getrange(call *c)
{
    int64_t   start, end;
    crdt_buf  text;
    crdt_view bytes;
    bool      there;
    if (!call_int(c, 2, &start) || !call_int(c, 3, &end)) return;
    crdt_buf_init(&text, NULL);
    if (read_cell(c, c->args[1], &text, &bytes, &there)) {
        int64_t size = (int64_t)bytes.size;
        bool    empty = start < 0 && end < 0 && start > end;
        if (start < 0) start = start + size < 0 ? 0 : start + size;
        if (end < 0) end = end + size < 0 ? 0 : end + size;
        if (end >= size) end = size - 1;
        empty = empty || start > end || size == 0;
        if (empty) reply_bulk(c->reply, crdt_view_of("", 0));
        else {
            const uint8_t *at = bytes.data;
            reply_bulk(c->reply, crdt_view_of(at + start, (size_t)(end - start + 1)));
        }
    }
    crdt_buf_clear(&text);
}

/* -- Setting ----------------------------------------------------------------------------------- */

/* The name becomes a string of these bytes, whatever it was. Its deadline goes, unless kept. */
static bool set_cell(call *c, crdt_view name, crdt_view bytes, bool keep_ttl, const char *event)
{
    crdt_ref  ref;
    int64_t   deadline;
    crdt_txn *txn = call_write(c);
    if (txn == NULL) return false;
    bool     passed = key_expired(c, name), keeps = false;
    crdt_err err = crdt_txn_find(txn, name, NULL, &ref);
    bool     other = err == CRDT_OK && ref.type != &crdt_cell_type;
    if (err != CRDT_OK && err != CRDT_ENOENT) return !call_fails(c, err);
    if (passed || other) {
        keeps = !passed && keep_ttl && key_deadline(c, name, &deadline);
        if (key_replace(c, name) == NULL) return false;
    } else if (!keep_ttl && !deadline_clear(c, name)) {
        return false;
    }
    err = crdt_cell_set(txn, name, crdt_bytes(bytes.data, bytes.size));
    notify(c, EVENTS_STRING, event, name);
    return !call_fails(c, err) && (!keeps || deadline_keep(c, name, deadline));
}

typedef struct set_options {
    bool          nx, xx, get, keep_ttl, expires;
    deadline_form form;
    int64_t       deadline;
} set_options;

/* The last time holds; it is looked at when all is read, as Redis does. */
static bool parse_set(call *c, set_options *o)
{
    size_t time_at = 0;
    memset(o, 0, sizeof *o);
    for (size_t i = 3; i < c->count; i++) {
        deadline_form form;
        if (call_is(c, i, "nx") && !o->xx) o->nx = true;
        else if (call_is(c, i, "xx") && !o->nx) o->xx = true;
        else if (call_is(c, i, "get")) o->get = true;
        else if (call_is(c, i, "keepttl") && !o->expires) o->keep_ttl = true;
        else if (deadline_word(c, i, &form) && !o->keep_ttl && i + 1 < c->count &&
                 (!o->expires || form == o->form)) {
            time_at = ++i;
            o->expires = true;
            o->form = form;
        } else {
            call_syntax(c);
            return false;
        }
    }
    return time_at == 0 || deadline_parse(c, time_at, o->form, &o->deadline);
}

void command_set(call *c)
{
    set_options o;
    crdt_ref    ref;
    if (c->count > 3 ? !parse_set(c, &o) : (memset(&o, 0, sizeof o), false)) return;
    if (o.get) {
        crdt_buf  text;
        crdt_view bytes;
        bool      there;
        crdt_buf_init(&text, NULL);
        if (read_cell(c, c->args[1], &text, &bytes, &there)) {
            if (there) reply_bulk(c->reply, bytes);
            else reply_null(c->reply);
        }
        crdt_buf_clear(&text);
        if (c->failed) return;
    }
    if (o.nx || o.xx) {
        bool there = key_find(c, c->args[1], &ref);
        if (c->failed) return;
        if (there != o.xx) {
            if (!o.get) reply_null(c->reply);
            return;
        }
    }
    if (!set_cell(c, c->args[1], c->args[2], o.keep_ttl, "set")) return;
    if (o.expires && !deadline_set(c, c->args[1], o.deadline)) return;
    if (!o.get) reply_ok(c->reply);
}

void command_setnx(call *c)
{
    crdt_ref ref;
    bool     there = key_find(c, c->args[1], &ref);
    if (c->failed) return;
    if (there || set_cell(c, c->args[1], c->args[2], false, "set")) reply_int(c->reply, !there);
}

static void set_expiring(call *c, deadline_form form)
{
    int64_t deadline;
    if (!deadline_parse(c, 2, form, &deadline)) return;
    if (!set_cell(c, c->args[1], c->args[3], false, "set")) return;
    if (deadline_set(c, c->args[1], deadline)) reply_ok(c->reply);
}

void command_setex(call *c)
{
    set_expiring(c, DEADLINE_EX);
}

void command_psetex(call *c)
{
    set_expiring(c, DEADLINE_PX);
}

void command_getset(call *c)
{
    reply_cell(c, c->args[1]);
    if (!c->failed) set_cell(c, c->args[1], c->args[2], false, "set");
}

void command_getdel(call *c)
{
    reply_cell(c, c->args[1]);
    if (!c->failed && key_remove(c, c->args[1])) notify(c, EVENTS_GENERIC, "del", c->args[1]);
}

void command_getex(call *c)
{
    deadline_form form;
    int64_t       deadline = 0;
    crdt_ref      ref;
    bool          persist = c->count == 3 && call_is(c, 2, "persist");
    bool          expires = c->count == 4 && deadline_word(c, 2, &form);
    if (c->count > 2 && !persist && !expires) {
        call_syntax(c);
        return;
    }
    if (expires && !deadline_parse(c, 3, form, &deadline)) return;
    reply_cell(c, c->args[1]);
    if (c->failed || !key_find(c, c->args[1], &ref)) return;
    if (persist) deadline_persist(c, c->args[1]);
    else if (expires) deadline_set(c, c->args[1], deadline);
}

void command_mset(call *c)
{
    if (c->count % 2 == 0) {
        call_wrong_arity(c);
        return;
    }
    for (size_t i = 1; i < c->count; i += 2) {
        if (!set_cell(c, c->args[i], c->args[i + 1], false, "set")) return;
    }
    reply_ok(c->reply);
}

void command_msetnx(call *c)
{
    crdt_ref ref;
    if (c->count % 2 == 0) {
        call_wrong_arity(c);
        return;
    }
    for (size_t i = 1; i < c->count; i += 2) {
        if (!key_find(c, c->args[i], &ref)) continue;
        reply_int(c->reply, 0);
        return;
    }
    for (size_t i = 1; i < c->count && !c->failed; i += 2) {
        if (!set_cell(c, c->args[i], c->args[i + 1], false, "set")) return;
    }
    if (!c->failed) reply_int(c->reply, 1);
}

/* Write bytes over those at offset (what lacks before it is zeros), or behind the last. */
static void write_part(call *c, size_t offset, bool at_end, crdt_view part)
{
    crdt_buf  text, made;
    crdt_view old;
    bool      there;
    crdt_buf_init(&text, NULL);
    crdt_buf_init(&made, NULL);
    if (read_cell(c, c->args[1], &text, &old, &there)) {
        if (at_end) offset = old.size;
        size_t size = offset + part.size > old.size ? offset + part.size : old.size;
        if (part.size == 0 && !at_end) {
            reply_int(c->reply, (int64_t)old.size);
        } else if (size > CRDT_VALUE_BYTES_MAX) {
            call_fails(c, CRDT_ELIMIT);
        } else if (!crdt_buf_reserve(&made, size)) {
            call_fails(c, CRDT_ENOMEM);
        } else {
            memset(made.data, 0, size);
            memcpy(made.data, old.data, old.size);
            if (part.size > 0) memcpy(made.data + offset, part.data, part.size);
            if (set_cell(c, c->args[1], crdt_view_of(made.data, size), true,
                         at_end ? "append" : "setrange")) {
                reply_int(c->reply, (int64_t)size);
            }
        }
    }
    crdt_buf_clear(&made);
    crdt_buf_clear(&text);
}

void command_append(call *c)
{
    write_part(c, 0, true, c->args[2]);
}

void command_setrange(call *c)
{
    int64_t offset;
    if (!call_int(c, 2, &offset)) return;
    if (offset < 0) call_error(c, "ERR offset is out of range");
    else if (offset > CRDT_VALUE_BYTES_MAX) call_fails(c, CRDT_ELIMIT);
    else write_part(c, (size_t)offset, false, c->args[3]);
}

/* -- Counting ---------------------------------------------------------------------------------- */

static void count_by(call *c, int64_t amount)
{
    crdt_ref  ref;
    int64_t   now = 0, sum;
    crdt_txn *txn = key_open(c, c->args[1], &crdt_cell_type, &ref);
    if (txn == NULL) return;
    if (crdt_cell_int(ref, &now) != CRDT_OK) {
        call_error(c, "ERR value is not an integer or out of range");
        return;
    }
    if (__builtin_add_overflow(now, amount, &sum)) {
        call_error(c, "ERR increment or decrement would overflow");
        return;
    }
    if (call_fails(c, crdt_cell_incr(txn, c->args[1], amount))) return;
    notify(c, EVENTS_STRING, "incrby", c->args[1]);
    reply_int(c->reply, sum);
}

void command_incr(call *c)
{
    count_by(c, 1);
}

void command_decr(call *c)
{
    count_by(c, -1);
}

void command_incrby(call *c)
{
    int64_t amount;
    if (call_int(c, 2, &amount)) count_by(c, amount);
}

void command_decrby(call *c)
{
    int64_t amount;
    if (!call_int(c, 2, &amount)) return;
    if (amount == INT64_MIN) call_error(c, "ERR decrement would overflow");
    else count_by(c, -amount);
}

crdt_err strings_add(crdt_txn *txn, crdt_view name, crdt_view amount)
{
    double   n;
    char     text[NUMBER_DOUBLE_MAX];
    crdt_err err = crdt_cell_incrfloat(txn, name, amount);
    if (err != CRDT_EINVAL || !number_double(amount, &n)) return err;
    if (isinf(n)) return CRDT_ERANGE;
    return crdt_cell_incrfloat(txn, name, crdt_view_of(text, number_print_double(n, text)));
}

/* The sum, as it shows now. */
static void reply_sum(call *c)
{
    crdt_ref ref;
    crdt_buf text;
    crdt_buf_init(&text, NULL);
    if (!call_fails(c, crdt_txn_find(c->txn, c->args[1], &crdt_cell_type, &ref)) &&
        !call_fails(c, crdt_cell_get(ref, &text))) {
        reply_bulk(c->reply, crdt_buf_bytes(&text));
    }
    crdt_buf_clear(&text);
}

void command_incrbyfloat(call *c)
{
    crdt_ref  ref;
    crdt_i128 now;
    crdt_txn *txn = key_write(c, c->args[1], &crdt_cell_type);
    if (txn == NULL) return;
    crdt_err err = crdt_txn_find(txn, c->args[1], &crdt_cell_type, &ref);
    if (err == CRDT_OK && crdt_cell_number(ref, &now) == CRDT_EINVAL) {
        call_error(c, "ERR value is not a valid float");
        return;
    }
    err = strings_add(txn, c->args[1], c->args[2]);
    if (err == CRDT_EINVAL) call_error(c, "ERR value is not a valid float");
    else if (err == CRDT_ERANGE) call_error(c, "ERR increment would produce NaN or Infinity");
    else if (!call_fails(c, err)) {
        notify(c, EVENTS_STRING, "incrbyfloat", c->args[1]);
        reply_sum(c);
    }
}
