/* listmoves.c: elements that go from one list to another, are popped from the first of several
 * lists, or are waited for. */
#include "node/blocking.h"
#include "node/commands.h"
#include "node/lists.h"
#include "node/notify.h"
#include "node/pops.h"
#include "node/reads.h"
#include "node/watch.h"

/* -- Moving ------------------------------------------------------------------------------------ */

/* The element, as bytes of our own. */
static bool copy_end(call *c, crdt_ref list, list_end end, crdt_buf *copy, crdt_value *ret_value)
{
    uint64_t length = crdt_rga_length(list);
    (void)crdt_rga_get(list, end == LIST_LEFT ? 0 : length - 1, ret_value);
    if (ret_value->kind != CRDT_BYTES) return true;
    crdt_buf_put(copy, ret_value->bytes.data, ret_value->bytes.size);
    ret_value->bytes = crdt_buf_bytes(copy);
    return !call_fails(c, crdt_buf_status(copy));
}

/* False: an error was replied. */
static bool put_end(call *c, crdt_view name, crdt_value value, list_end end)
{
    crdt_rga_edit edit;
    crdt_ref      list;
    if (!list_find(c, name, &list)) return false;
    uint64_t length = crdt_rga_length(list);
    return list_open(c, name, length > 0, &edit) &&
           !call_fails(c, crdt_rga_insert(&edit, end == LIST_LEFT ? 0 : length, value));
}

/* Within one list: the same element stands at the other end. */
static bool turn_round(call *c, crdt_view name, uint64_t length, list_end from)
{
    crdt_rga_edit edit;
    if (!list_open(c, name, true, &edit)) return false;
    uint64_t at = from == LIST_LEFT ? 0 : length - 1;
    return !call_fails(c, crdt_rga_move(&edit, at, length - 1 - at));
}

/* False: an error was replied. The list has elements. */
static bool move(call *c, crdt_ref list, list_end from, list_end to)
{
    crdt_buf   copy;
    crdt_ref   target;
    crdt_value value;
    crdt_view  source = c->args[1], name = c->args[2];
    bool       same = crdt_view_compare(source, name) == 0;
    uint64_t   length = crdt_rga_length(list);
    if (!same && !list_find(c, name, &target)) return false;
    crdt_buf_init(&copy, NULL);
    bool done = copy_end(c, list, from, &copy, &value);
    if (done && same) {
        if (from != to && length > 1) done = turn_round(c, source, length, from);
        else watch_touch(c->node, source);
        notify(c, EVENTS_LIST, to == LIST_LEFT ? "lpush" : "rpush", name);
        notify(c, EVENTS_LIST, from == LIST_LEFT ? "lpop" : "rpop", source);
        if (done) reads_value(c->reply, value);
    } else if (done) {
        notify(c, EVENTS_LIST, to == LIST_LEFT ? "lpush" : "rpush", name);
        done = put_end(c, name, value, to) && list_take(c, source, list, from, 1);
    }
    crdt_buf_clear(&copy);
    return done;
}

static void move_or_null(call *c, list_end from, list_end to)
{
    crdt_ref list;
    if (pops_find(c, c->args[1], &crdt_rga_type, &list)) move(c, list, from, to);
    else if (!c->failed) reply_null(c->reply);
}

void command_lmove(call *c)
{
    list_end from, to;
    if (list_parse_end(c, 3, &from) && list_parse_end(c, 4, &to)) move_or_null(c, from, to);
}

void command_rpoplpush(call *c)
{
    move_or_null(c, LIST_RIGHT, LIST_LEFT);
}

/* -- Popping from the first that has some ------------------------------------------------------ */

/* False: none has elements, or an error was replied. */
static bool pop_some(call *c, const pops *p)
{
    crdt_ref list;
    size_t   i;
    if (!pops_first(c, p->keys, p->count, &crdt_rga_type, &i, &list)) return false;
    uint64_t length = crdt_rga_length(list);
    uint64_t count = (uint64_t)p->most < length ? (uint64_t)p->most : length;
    reply_array(c->reply, 2);
    reply_bulk(c->reply, p->keys[i]);
    reply_array(c->reply, count);
    return list_take(c, p->keys[i], list, p->last ? LIST_RIGHT : LIST_LEFT, count);
}

void command_lmpop(call *c)
{
    pops p;
    if (pops_parse(c, 1, "left", "right", &p) && !pop_some(c, &p) && !c->failed)
        reply_null_array(c->reply);
}

/* -- Waiting ----------------------------------------------------------------------------------- */

static void pop_or_wait(call *c, list_end end)
{
    uint64_t         ms;
    crdt_ref         list;
    size_t           i, count = c->count - 2;
    const crdt_view *keys = &c->args[1];
    if (!pops_timeout(c, c->count - 1, &ms)) return;
    if (pops_first(c, keys, count, &crdt_rga_type, &i, &list)) {
        reply_array(c->reply, 2);
        reply_bulk(c->reply, keys[i]);
        list_take(c, keys[i], list, end, 1);
    } else if (!c->failed) {
        blocking_wait(c, keys, count, ms, false);
    }
}

void command_blpop(call *c)
{
    pop_or_wait(c, LIST_LEFT);
}

void command_brpop(call *c)
{
    pop_or_wait(c, LIST_RIGHT);
}

static void move_or_wait(call *c, list_end from, list_end to, size_t timeout)
{
    uint64_t ms;
    crdt_ref list;
    if (!pops_timeout(c, timeout, &ms)) return;
    if (pops_find(c, c->args[1], &crdt_rga_type, &list)) move(c, list, from, to);
    else if (!c->failed) blocking_wait(c, &c->args[1], 1, ms, true);
}

void command_blmove(call *c)
{
    list_end from, to;
    if (list_parse_end(c, 3, &from) && list_parse_end(c, 4, &to)) move_or_wait(c, from, to, 5);
}

void command_brpoplpush(call *c)
{
    move_or_wait(c, LIST_RIGHT, LIST_LEFT, 3);
}

void command_blmpop(call *c)
{
    pops     p;
    uint64_t ms;
    if (!pops_parse(c, 2, "left", "right", &p) || !pops_timeout(c, 1, &ms)) return;
    if (!pop_some(c, &p) && !c->failed) blocking_wait(c, p.keys, p.count, ms, false);
}
