/* setops.c: intersection, union and difference of sets, told or stored. */
#include <stdlib.h>
#include <string.h>

#include "node/commands.h"
#include "node/keys.h"
#include "node/notify.h"
#include "node/number.h"

typedef enum set_operation { SET_INTER, SET_UNION, SET_DIFF } set_operation;

typedef struct operand {
    crdt_ref set;
    bool     there;
} operand;

/* All of them, or NULL: an error was replied. The caller frees. */
static operand *find_operands(call *c, size_t first, size_t count)
{
    operand *sets = malloc(count * sizeof *sets);
    if (sets == NULL) call_fails(c, CRDT_ENOMEM);
    for (size_t i = 0; sets != NULL && i < count; i++) {
        key_state state = key_typed(c, c->args[first + i], &crdt_orset_type, &sets[i].set);
        sets[i].there = state == KEY_THERE;
        if (!c->failed) continue;
        free(sets);
        return NULL;
    }
    return sets;
}

static bool in(const operand *o, crdt_value elem)
{
    return o->there && crdt_orset_has(o->set, elem);
}

/* elem, of the set `of`, belongs to the outcome, and no earlier set of a union has told it. */
static bool belongs(const operand *sets, size_t count, size_t of, set_operation what,
                    crdt_value elem)
{
    size_t end = what == SET_UNION ? of : count;
    for (size_t i = 0; i < end; i++) {
        if (i != of && in(&sets[i], elem) != (what == SET_INTER)) return false;
    }
    return true;
}

typedef void take_elem(void *user, crdt_value elem);

/* Calls take for each element of the outcome, `limit` at most. */
static size_t compute(const operand *sets, size_t count, set_operation what, size_t limit,
                      take_elem *take, void *user)
{
    size_t n = 0, from = 0, until = what == SET_UNION ? count : 1;
    for (size_t i = 1; what == SET_INTER && i < count; i++) { /* walk the smallest */
        if (!sets[i].there || !sets[from].there) break;
        if (crdt_orset_count(sets[i].set) < crdt_orset_count(sets[from].set)) from = i;
    }
    if (what == SET_INTER) until = from + 1;
    for (size_t i = from; i < until; i++) {
        crdt_orset_iter it;
        crdt_value      elem;
        if (!sets[i].there) continue;
        it = crdt_orset_iterate(sets[i].set);
        while (n < limit && crdt_orset_next(&it, &elem)) {
            if (!belongs(sets, count, i, what, elem)) continue;
            n++;
            if (take != NULL) take(user, elem);
        }
    }
    return n;
}

static void tell(void *user, crdt_value elem)
{
    if (elem.kind == CRDT_BYTES) reply_bulk(user, elem.bytes);
    else reply_bulk_int(user, elem.i);
}

static void read_operation(call *c, set_operation what)
{
    crdt_buf found;
    size_t   count = c->count - 1;
    operand *sets = find_operands(c, 1, count);
    if (sets == NULL) return;
    crdt_buf_init(&found, NULL);
    reply  to = {&found, c->reply->protocol};
    size_t n = compute(sets, count, what, SIZE_MAX, tell, &to);
    reply_set(c->reply, n);
    crdt_buf_put(c->reply->out, found.data, found.size);
    if (found.failed) c->reply->out->failed = true;
    crdt_buf_clear(&found);
    free(sets);
}

/* Elements are copied before the target, which may be an operand, is written. */
static void gather_elem(void *user, crdt_value elem)
{
    crdt_buf_value(user, elem);
}

static void store_operation(call *c, set_operation what)
{
    crdt_buf found;
    size_t   count = c->count - 2;
    operand *sets = find_operands(c, 2, count);
    if (sets == NULL) return;
    crdt_buf_init(&found, NULL);
    size_t n = compute(sets, count, what, SIZE_MAX, gather_elem, &found);
    free(sets);
    if (found.failed) call_fails(c, CRDT_ENOMEM);
    c->deadlines = true;
    if (!c->failed && n == 0) {
        if (key_remove(c, c->args[1])) notify(c, EVENTS_GENERIC, "del", c->args[1]);
    } else if (!c->failed && key_replace(c, c->args[1]) != NULL) {
        crdt_dec    dec;
        crdt_limits limits = crdt_limits_default();
        crdt_dec_init(&dec, crdt_buf_bytes(&found), &limits);
        for (size_t i = 0; i < n && !c->failed; i++) {
            call_fails(c, crdt_orset_add(c->txn, c->args[1], crdt_dec_value(&dec)));
        }
    }
    crdt_buf_clear(&found);
    if (n > 0) notify(c, EVENTS_SET, c->command->name, c->args[1]);
    if (!c->failed) reply_int(c->reply, (int64_t)n);
}

void command_sinter(call *c)
{
    read_operation(c, SET_INTER);
}

void command_sunion(call *c)
{
    read_operation(c, SET_UNION);
}

void command_sdiff(call *c)
{
    read_operation(c, SET_DIFF);
}

void command_sinterstore(call *c)
{
    store_operation(c, SET_INTER);
}

void command_sunionstore(call *c)
{
    store_operation(c, SET_UNION);
}

void command_sdiffstore(call *c)
{
    store_operation(c, SET_DIFF);
}

void command_sintercard(call *c)
{
    int64_t keys, limit = 0;
    if (!number_int64(c->args[1], &keys) || keys < 1) {
        call_error(c, "ERR numkeys should be greater than 0");
        return;
    }
    if ((uint64_t)keys > c->count - 2) {
        call_error(c, "ERR Number of keys can't be greater than number of args");
        return;
    }
    size_t at = 2 + (size_t)keys;
    if (at < c->count) {
        if (at + 2 != c->count || !call_is(c, at, "limit")) {
            call_syntax(c);
            return;
        }
        if (!number_int64(c->args[at + 1], &limit) || limit < 0) {
            call_error(c, "ERR LIMIT can't be negative");
            return;
        }
    }
    operand *sets = find_operands(c, 2, (size_t)keys);
    if (sets == NULL) return;
    size_t n =
        compute(sets, (size_t)keys, SET_INTER, limit == 0 ? SIZE_MAX : (size_t)limit, NULL, NULL);
    free(sets);
    reply_int(c->reply, (int64_t)n);
}
