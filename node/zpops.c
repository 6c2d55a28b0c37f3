/* zpops.c: commands that take out the members of the lowest or highest scores, of one sorted set or
 * of the first of several, or wait for some (pops.h). */
#include "node/blocking.h"
#include "node/commands.h"
#include "node/keys.h"
#include "node/number.h"
#include "node/pops.h"
#include "node/zsets.h"

/* So many members of that end, which it has. False: an error was replied. */
static bool list_end(call *c, crdt_ref zset, bool highest, size_t count, crdt_zset_item **ret_items)
{
    size_t n, first = highest ? crdt_zset_count(zset) - count : 0;
    return !call_fails(c, crdt_zset_range(zset, first, count, NULL, ret_items, &n));
}

static size_t count_of(crdt_ref zset, int64_t most)
{
    size_t size = crdt_zset_count(zset);
    return (uint64_t)most < size ? (size_t)most : size;
}

/* Reply members of that end, without a head, in pairs or not; they go. False: an error was
 * replied. */
static bool take(call *c, crdt_view name, crdt_ref zset, bool highest, size_t count, bool pairs)
{
    crdt_zset_item *items;
    if (!list_end(c, zset, highest, count, &items)) return false;
    for (size_t i = 0; i < count; i++) {
        const crdt_zset_item *item = &items[highest ? count - 1 - i : i];
        if (pairs) reply_array(c->reply, 2);
        reply_bulk(c->reply, item->member);
        reply_double(c->reply, item->score);
    }
    bool done = zset_remove(c, name, items, count);
    crdt_zset_items_free(NULL, items, count);
    return done;
}

/* -- From one ---------------------------------------------------------------------------------- */

static void pop(call *c, bool highest)
{
    crdt_ref zset;
    int64_t  most = 1;
    if (c->count > 3) {
        call_syntax(c);
        return;
    }
    if (c->count == 3 && (!number_int64(c->args[2], &most) || most < 0)) {
        call_error(c, "ERR value is out of range, must be positive");
        return;
    }
    if (!zset_find(c, c->args[1], &zset)) return;
    bool   pairs = c->reply->protocol >= 3 && c->count == 3;
    size_t count = count_of(zset, most);
    reply_array(c->reply, pairs ? count : 2 * count);
    take(c, c->args[1], zset, highest, count, pairs);
}

void command_zpopmin(call *c)
{
    pop(c, false);
}

void command_zpopmax(call *c)
{
    pop(c, true);
}

/* -- From the first that has some -------------------------------------------------------------- */

/* False: none has members, or an error was replied. */
static bool pop_some(call *c, const pops *p)
{
    crdt_ref zset;
    size_t   i;
    if (!pops_first(c, p->keys, p->count, &crdt_zset_type, &i, &zset)) return false;
    size_t count = count_of(zset, p->most);
    reply_array(c->reply, 2);
    reply_bulk(c->reply, p->keys[i]);
    reply_array(c->reply, count);
    return take(c, p->keys[i], zset, p->last, count, true);
}

void command_zmpop(call *c)
{
    pops p;
    if (!pops_parse(c, 1, "min", "max", &p)) return;
    if (!pop_some(c, &p) && !c->failed) reply_null_array(c->reply);
}

void command_bzmpop(call *c)
{
    pops     p;
    uint64_t ms;
    if (!pops_parse(c, 2, "min", "max", &p) || !pops_timeout(c, 1, &ms)) return;
    if (!pop_some(c, &p) && !c->failed) blocking_wait(c, p.keys, p.count, ms);
}

static void pop_or_wait(call *c, bool highest)
{
    uint64_t         ms;
    crdt_ref         zset;
    size_t           i, count = c->count - 2;
    const crdt_view *keys = &c->args[1];
    if (!pops_timeout(c, c->count - 1, &ms)) return;
    if (pops_first(c, keys, count, &crdt_zset_type, &i, &zset)) {
        reply_array(c->reply, 3);
        reply_bulk(c->reply, keys[i]);
        take(c, keys[i], zset, highest, 1, false);
    } else if (!c->failed) {
        blocking_wait(c, keys, count, ms);
    }
}

void command_bzpopmin(call *c)
{
    pop_or_wait(c, false);
}

void command_bzpopmax(call *c)
{
    pop_or_wait(c, true);
}
