/* lists.c: the commands of lists, over crdt_rga: what is inserted at one place at the same time
 * stands one behind the other, everywhere in the same order; removals take what they have seen.
 *
 * An element that is an integer in its usual form is kept as one. Of two values set for an element
 * at the same time the later shows. Two nodes may pop the same element: it goes once. A list
 * without elements is none: the name goes with the last one, or, where elements went at several
 * nodes at once, is hidden until somebody writes to it (keys.c). */
#include "node/lists.h"

#include <stdlib.h>

#include "node/commands.h"
#include "node/keys.h"
#include "node/number.h"
#include "node/reads.h"

bool list_parse_end(call *c, size_t i, list_end *ret_end)
{
    *ret_end = call_is(c, i, "right") ? LIST_RIGHT : LIST_LEFT;
    if (*ret_end == LIST_RIGHT || call_is(c, i, "left")) return true;
    call_syntax(c);
    return false;
}

bool list_find(call *c, crdt_view name, crdt_ref *ret_list)
{
    if (key_typed(c, name, &crdt_rga_type, ret_list) == KEY_ABSENT) {
        *ret_list = (crdt_ref){.type = &crdt_rga_type};
    }
    return !c->failed;
}

/* -- Writing ----------------------------------------------------------------------------------- */

bool list_open(call *c, crdt_view name, bool there, crdt_rga_edit *ret_edit)
{
    crdt_txn *txn = there ? call_write(c) : key_write(c, name, &crdt_rga_type);
    return txn != NULL && !call_fails(c, crdt_rga_open(txn, name, &crdt_rga_type, ret_edit));
}

static bool fails(call *c, crdt_err err, crdt_view value)
{
    if (err != CRDT_ELIMIT || value.size > CRDT_VALUE_BYTES_MAX) return call_fails(c, err);
    call_error(c, "ERR the list has had as many elements as a list can have");
    return true;
}

/* The elements go in as one run, so those of others never come between them. */
static void push(call *c, list_end end, bool only_if_there)
{
    crdt_ref      list;
    crdt_rga_edit edit;
    crdt_view     name = c->args[1];
    if (!list_find(c, name, &list)) return;
    uint64_t length = crdt_rga_length(list), count = c->count - 2;
    if (length == 0 && only_if_there) {
        reply_int(c->reply, 0);
        return;
    }
    if (!list_open(c, name, length > 0, &edit)) return;
    for (uint64_t i = 0; i < count; i++) {
        crdt_view value = c->args[end == LIST_RIGHT ? 2 + i : c->count - 1 - i];
        uint64_t  at = end == LIST_RIGHT ? length + i : i;
        if (fails(c, crdt_rga_insert(&edit, at, number_value(value)), value)) return;
    }
    reply_int(c->reply, (int64_t)(length + count));
}

void command_lpush(call *c)
{
    push(c, LIST_LEFT, false);
}

void command_rpush(call *c)
{
    push(c, LIST_RIGHT, false);
}

void command_lpushx(call *c)
{
    push(c, LIST_LEFT, true);
}

void command_rpushx(call *c)
{
    push(c, LIST_RIGHT, true);
}

/* Nothing stays of the list. False: an error was replied. */
static bool remove_list(call *c, crdt_view name)
{
    if (call_write(c) == NULL) return false;
    c->deadlines = true;
    return key_wipe(c, name);
}

/* False: an error was replied. */
static bool delete_range(call *c, crdt_view name, uint64_t length, uint64_t at, uint64_t count)
{
    crdt_rga_edit edit;
    if (count == length) return remove_list(c, name);
    return list_open(c, name, true, &edit) && !call_fails(c, crdt_rga_delete(&edit, at, count));
}

/* A reply that would have its client closed is none. False: an error was replied instead. */
static bool reply_element(call *c, crdt_value value)
{
    uint64_t most = c->node->config.output_hard_bytes;
    reads_value(c->reply, value);
    if (most == 0 || c->reply->out->size <= most) return true;
    call_error(c, "ERR the reply is larger than client-output-buffer-limit allows");
    return false;
}

/* False: an error was replied. */
static bool reply_range(call *c, crdt_ref list, uint64_t at, uint64_t count)
{
    crdt_rga_iter it = crdt_rga_iterate(list, at);
    crdt_value    value;
    for (; count > 0 && crdt_rga_next(&it, &value); count--) {
        if (!reply_element(c, value)) return false;
    }
    return true;
}

static bool reply_backwards(call *c, crdt_ref list, uint64_t end, uint64_t count)
{
    crdt_value value;
    for (; count > 0 && crdt_rga_get(list, --end, &value); count--) {
        if (!reply_element(c, value)) return false;
    }
    return true;
}

bool list_take(call *c, crdt_view name, crdt_ref list, list_end end, uint64_t count)
{
    uint64_t length = crdt_rga_length(list), at = end == LIST_LEFT ? 0 : length - count;
    bool     fits =
        end == LIST_LEFT ? reply_range(c, list, 0, count) : reply_backwards(c, list, length, count);
    return fits && delete_range(c, name, length, at, count);
}

/* False: an error was replied. */
static bool parse_positive(call *c, size_t i, const char *problem, int64_t *ret_value)
{
    if (number_int64(c->args[i], ret_value) && *ret_value >= 0) return true;
    call_error(c, "ERR %s", problem);
    return false;
}

static void pop(call *c, list_end end)
{
    crdt_ref list;
    bool     counted = c->count == 3;
    int64_t  most = 1;
    if (c->count > 3) {
        call_wrong_arity(c);
        return;
    }
    if (counted && !parse_positive(c, 2, "value is out of range, must be positive", &most)) return;
    if (!list_find(c, c->args[1], &list)) return;
    uint64_t length = crdt_rga_length(list),
             count = (uint64_t)most < length ? (uint64_t)most : length;
    if (length == 0) {
        if (counted) reply_null_array(c->reply);
        else reply_null(c->reply);
        return;
    }
    if (counted) reply_array(c->reply, count);
    if (count > 0) list_take(c, c->args[1], list, end, count);
}

void command_lpop(call *c)
{
    pop(c, LIST_LEFT);
}

void command_rpop(call *c)
{
    pop(c, LIST_RIGHT);
}

void command_lset(call *c)
{
    crdt_ref      list;
    crdt_rga_edit edit;
    int64_t       index;
    if (!list_find(c, c->args[1], &list)) return;
    int64_t length = (int64_t)crdt_rga_length(list);
    if (length == 0) {
        call_error(c, "ERR no such key");
        return;
    }
    if (!call_int(c, 2, &index)) return;
    if (index < 0) index += length;
    if (index < 0 || index >= length) {
        call_fails(c, CRDT_ERANGE);
        return;
    }
    if (!list_open(c, c->args[1], true, &edit)) return;
    if (call_fails(c, crdt_rga_set(&edit, (uint64_t)index, number_value(c->args[3])))) return;
    reply_ok(c->reply);
}

bool list_copy(call *c, crdt_view to, crdt_ref from)
{
    crdt_rga_edit edit;
    crdt_value    value;
    uint64_t      at = 0;
    crdt_rga_iter it = crdt_rga_iterate(from, 0);
    if (call_fails(c, crdt_rga_open(c->txn, to, &crdt_rga_type, &edit))) return false;
    while (crdt_rga_next(&it, &value)) {
        if (call_fails(c, crdt_rga_insert(&edit, at++, value))) return false;
    }
    return true;
}

/* -- Ranges ------------------------------------------------------------------------------------ */

/* The arguments 2 and 3: the first and the last, from the end below 0. False: an error was
 * replied. */
static bool parse_range(call *c, int64_t *ret_first, int64_t *ret_last)
{
    return call_int(c, 2, ret_first) && call_int(c, 3, ret_last);
}

/* How many of so many elements are in the range; *ret_at is the first. */
static uint64_t clip(int64_t first, int64_t last, int64_t length, uint64_t *ret_at)
{
    if (first < 0) first = first + length < 0 ? 0 : first + length;
    if (last < 0) last += length;
    if (last >= length) last = length - 1;
    *ret_at = (uint64_t)first;
    return first > last ? 0 : (uint64_t)(last - first) + 1;
}

void command_lrange(call *c)
{
    crdt_ref list;
    int64_t  first, last;
    uint64_t at;
    if (!parse_range(c, &first, &last) || !list_find(c, c->args[1], &list)) return;
    uint64_t count = clip(first, last, (int64_t)crdt_rga_length(list), &at);
    reply_array(c->reply, count);
    reply_range(c, list, at, count);
}

void command_ltrim(call *c)
{
    crdt_ref  list;
    int64_t   first, last;
    uint64_t  at;
    crdt_view name = c->args[1];
    if (!parse_range(c, &first, &last) || !list_find(c, name, &list)) return;
    uint64_t length = crdt_rga_length(list), count = clip(first, last, (int64_t)length, &at);
    uint64_t before = count > 0 ? at : 0, behind = length - before - count;
    if (behind > 0 && !delete_range(c, name, length, before + count, behind)) return;
    if (before > 0 && !delete_range(c, name, length - behind, 0, before)) return;
    reply_ok(c->reply);
}

void command_llen(call *c)
{
    crdt_ref list;
    if (list_find(c, c->args[1], &list)) reply_int(c->reply, (int64_t)crdt_rga_length(list));
}

void command_lindex(call *c)
{
    crdt_ref   list;
    crdt_value value;
    int64_t    index;
    if (!list_find(c, c->args[1], &list)) return;
    int64_t length = (int64_t)crdt_rga_length(list);
    if (length > 0 && !call_int(c, 2, &index)) return;
    if (length > 0 && index < 0) index += length;
    if (length > 0 && index >= 0 && crdt_rga_get(list, (uint64_t)index, &value)) {
        reads_value(c->reply, value);
    } else {
        reply_null(c->reply);
    }
}

/* -- Looking for an element -------------------------------------------------------------------- */

/* Positions, ascending. */
typedef struct matches {
    uint64_t *at;
    size_t    count, cap;
} matches;

static bool add_match(matches *m, uint64_t at)
{
    if (m->count == m->cap) {
        size_t    cap = m->cap < 16 ? 16 : m->cap * 2;
        uint64_t *more = realloc(m->at, cap * sizeof *more);
        if (more == NULL) return false;
        m->at = more;
        m->cap = cap;
    }
    m->at[m->count++] = at;
    return true;
}

/* An integer that another program has put in as bytes is the same element. */
static bool is_element(crdt_value value, crdt_value wanted, crdt_view bytes)
{
    if (value.kind == CRDT_INT) return wanted.kind == CRDT_INT && wanted.i == value.i;
    return crdt_view_compare(value.bytes, bytes) == 0;
}

/* Where the element stands among those from `at` to before `end`, at most so often. False: an error
 * was replied. The positions are to be freed in any case. */
static bool find_all(call *c, crdt_ref list, uint64_t at, uint64_t end, crdt_view bytes,
                     uint64_t most, matches *ret_found)
{
    crdt_value    value, wanted = number_value(bytes);
    crdt_rga_iter it = crdt_rga_iterate(list, at);
    *ret_found = (matches){NULL, 0, 0};
    for (; at < end && ret_found->count < most && crdt_rga_next(&it, &value); at++) {
        if (is_element(value, wanted, bytes) && !add_match(ret_found, at)) {
            return !call_fails(c, CRDT_ENOMEM);
        }
    }
    return true;
}

/* The last of them first, so that what is before stays where it is. False: an error was replied. */
static bool delete_matches(call *c, crdt_view name, uint64_t length, const matches *m, size_t from,
                           size_t count)
{
    crdt_rga_edit edit;
    if (count == 0) return true;
    if (count == length) return remove_list(c, name);
    if (!list_open(c, name, true, &edit)) return false;
    for (size_t i = from + count; i-- > from;) {
        if (call_fails(c, crdt_rga_delete(&edit, m->at[i], 1))) return false;
    }
    return true;
}

void command_lrem(call *c)
{
    crdt_ref list;
    int64_t  wanted;
    matches  m;
    if (!call_int(c, 2, &wanted) || !list_find(c, c->args[1], &list)) return;
    uint64_t length = crdt_rga_length(list);
    uint64_t most = wanted < 0 ? 0 - (uint64_t)wanted : wanted == 0 ? UINT64_MAX : (uint64_t)wanted;
    if (find_all(c, list, 0, length, c->args[3], wanted < 0 ? UINT64_MAX : most, &m)) {
        size_t count = m.count < most ? m.count : (size_t)most;
        size_t from = wanted < 0 ? m.count - count : 0;
        if (delete_matches(c, c->args[1], length, &m, from, count)) {
            reply_int(c->reply, (int64_t)count);
        }
    }
    free(m.at);
}

void command_linsert(call *c)
{
    crdt_ref      list;
    crdt_rga_edit edit;
    matches       m;
    bool          after = call_is(c, 2, "after");
    if (!after && !call_is(c, 2, "before")) {
        call_syntax(c);
        return;
    }
    if (!list_find(c, c->args[1], &list)) return;
    uint64_t length = crdt_rga_length(list);
    if (find_all(c, list, 0, length, c->args[3], 1, &m)) {
        if (m.count == 0) {
            reply_int(c->reply, length == 0 ? 0 : -1);
        } else if (list_open(c, c->args[1], true, &edit) &&
                   !fails(c, crdt_rga_insert(&edit, m.at[0] + after, number_value(c->args[4])),
                          c->args[4])) {
            reply_int(c->reply, (int64_t)length + 1);
        }
    }
    free(m.at);
}

/* -- LPOS -------------------------------------------------------------------------------------- */

typedef struct lpos {
    int64_t rank, count, most; /* count -1: the first alone; most 0: all are looked at */
} lpos;

static bool parse_rank(call *c, size_t i, lpos *p)
{
    if (!call_int(c, i, &p->rank)) return false;
    if (p->rank == INT64_MIN) p->rank = -1; /* in Redis it has no opposite, and is passed at once */
    if (p->rank == 0) {
        call_error(c, "ERR RANK can't be zero: use 1 to start from the first match, 2 from the "
                      "second ... or use negative to start from the end of the list");
    }
    return !c->failed;
}

/* False: an error was replied. */
static bool parse_lpos(call *c, lpos *p)
{
    *p = (lpos){1, -1, 0};
    for (size_t i = 3; i < c->count && !c->failed; i += 2) {
        bool more = i + 1 < c->count;
        if (more && call_is(c, i, "rank")) parse_rank(c, i + 1, p);
        else if (more && call_is(c, i, "count")) {
            parse_positive(c, i + 1, "COUNT can't be negative", &p->count);
        } else if (more && call_is(c, i, "maxlen")) {
            parse_positive(c, i + 1, "MAXLEN can't be negative", &p->most);
        } else {
            call_syntax(c);
        }
    }
    return !c->failed;
}

/* Those from the rank on, from the end that it counts from. */
static void reply_positions(call *c, const lpos *p, const matches *m)
{
    uint64_t skip = p->rank < 0 ? 0 - (uint64_t)p->rank - 1 : (uint64_t)p->rank - 1;
    size_t   left = skip < m->count ? m->count - (size_t)skip : 0;
    if (p->count > 0 && left > (uint64_t)p->count) left = (size_t)p->count;
    if (p->count >= 0) reply_array(c->reply, left);
    else if (left == 0) reply_null(c->reply);
    else left = 1;
    for (size_t i = 0; i < left; i++) {
        size_t at = p->rank < 0 ? m->count - 1 - (size_t)skip - i : (size_t)skip + i;
        reply_int(c->reply, (int64_t)m->at[at]);
    }
}

void command_lpos(call *c)
{
    crdt_ref list;
    lpos     p;
    matches  m;
    if (!parse_lpos(c, &p) || !list_find(c, c->args[1], &list)) return;
    uint64_t length = crdt_rga_length(list), at = 0, end = length, most = UINT64_MAX;
    uint64_t look = p.most == 0 || (uint64_t)p.most > length ? length : (uint64_t)p.most;
    if (p.rank < 0) at = length - look;
    else end = look;
    if (p.rank > 0 && p.count != 0) {
        most = (uint64_t)p.rank - 1 + (p.count < 0 ? 1 : (uint64_t)p.count);
    }
    if (find_all(c, list, at, end, c->args[2], most, &m)) reply_positions(c, &p, &m);
    free(m.at);
}
