/* deadline.c: see deadline.h; and the commands EXPIRE, TTL and their like. */
#include "node/deadline.h"

#include "node/commands.h"
#include "node/expiry.h"
#include "node/keys.h"

bool deadline_word(const call *c, size_t i, deadline_form *ret_form)
{
    static const char *const words[] = {"ex", "px", "exat", "pxat"};
    for (int form = DEADLINE_EX; form <= DEADLINE_PXAT; form++) {
        *ret_form = (deadline_form)form;
        if (call_is(c, i, words[form])) return true;
    }
    return false;
}

static bool invalid(call *c)
{
    call_error(c, "ERR invalid expire time in '%s' command", c->command->name);
    return false;
}

/* In ms since 1970; false: it cannot be told. */
static bool to_ms(const call *c, int64_t n, deadline_form form, int64_t *ret_ms)
{
    bool seconds = form == DEADLINE_EX || form == DEADLINE_EXAT;
    bool from_now = form == DEADLINE_EX || form == DEADLINE_PX;
    if (seconds && __builtin_mul_overflow(n, 1000, &n)) return false;
    if (from_now && __builtin_add_overflow(n, (int64_t)c->node->ms, &n)) return false;
    *ret_ms = n;
    return n < INT64_MAX;
}

bool deadline_parse(call *c, size_t i, deadline_form form, int64_t *ret_ms)
{
    int64_t n;
    if (!call_int(c, i, &n)) return false;
    if (n <= 0 || !to_ms(c, n, form, ret_ms)) return invalid(c);
    return true;
}

static void changed(call *c)
{
    c->deadlines = true;
}

bool deadline_set(call *c, crdt_view name, int64_t ms)
{
    crdt_txn *txn = call_write(c);
    if (txn == NULL) return false;
    changed(c);
    if (ms <= (int64_t)c->node->ms) return key_wipe(c, name);
    if (!key_kept(c->node, name)) return !call_fails(c, crdt_expiry_expire_at(txn, name, ms));
    key_refuse_kept(c);
    return false;
}

bool deadline_clear(call *c, crdt_view name)
{
    int64_t ms;
    if (!expiry_deadline(c->node, name, &ms)) return true;
    changed(c);
    return !call_fails(c, crdt_expiry_clear(c->txn, name));
}

bool deadline_persist(call *c, crdt_view name)
{
    crdt_txn *txn = call_write(c);
    if (txn == NULL) return false;
    changed(c);
    return !call_fails(c, crdt_expiry_persist(txn, name));
}

/* -- Commands ---------------------------------------------------------------------------------- */

typedef struct conditions {
    bool nx, xx, gt, lt;
} conditions;

static bool parse_conditions(call *c, conditions *o)
{
    *o = (conditions){0};
    for (size_t i = 3; i < c->count; i++) {
        if (call_is(c, i, "nx")) o->nx = true;
        else if (call_is(c, i, "xx")) o->xx = true;
        else if (call_is(c, i, "gt")) o->gt = true;
        else if (call_is(c, i, "lt")) o->lt = true;
        else {
            call_error(c, "ERR Unsupported option %.*s", (int)c->args[i].size,
                       (const char *)c->args[i].data);
            return false;
        }
    }
    if (o->nx && (o->xx || o->gt || o->lt)) {
        call_error(c, "ERR NX and XX, GT or LT options at the same time are not compatible");
        return false;
    }
    if (o->gt && o->lt) {
        call_error(c, "ERR GT and LT options at the same time are not compatible");
        return false;
    }
    return true;
}

static void expire(call *c, deadline_form form)
{
    int64_t    n, ms, now_ms;
    crdt_ref   ref;
    conditions o;
    if (!parse_conditions(c, &o) || !call_int(c, 2, &n)) return;
    if (!to_ms(c, n, form, &ms)) {
        invalid(c);
        return;
    }
    bool there = key_find(c, c->args[1], &ref);
    bool has = there && expiry_deadline(c->node, c->args[1], &now_ms);
    bool go = there && !(o.nx && has) && !(o.xx && !has) && !(o.gt && (!has || ms <= now_ms)) &&
              !(o.lt && has && ms >= now_ms);
    if (c->failed || (go && !deadline_set(c, c->args[1], ms))) return;
    reply_int(c->reply, go);
}

void command_expire(call *c)
{
    expire(c, DEADLINE_EX);
}

void command_pexpire(call *c)
{
    expire(c, DEADLINE_PX);
}

void command_expireat(call *c)
{
    expire(c, DEADLINE_EXAT);
}

void command_pexpireat(call *c)
{
    expire(c, DEADLINE_PXAT);
}

/* The deadline of the name in ms; -1: it has none, -2: there is no such name. */
static int64_t deadline_of(call *c)
{
    int64_t  ms;
    crdt_ref ref;
    if (!key_find(c, c->args[1], &ref)) return -2;
    return expiry_deadline(c->node, c->args[1], &ms) ? ms : -1;
}

static void reply_deadline(call *c, int64_t from, int64_t unit)
{
    int64_t ms = deadline_of(c);
    if (c->failed) return;
    if (ms >= 0 && from > 0) ms = ms > from ? ms - from : 0;
    reply_int(c->reply, ms < 0 ? ms : unit == 1 ? ms : (ms + 500) / 1000);
}

void command_ttl(call *c)
{
    reply_deadline(c, (int64_t)c->node->ms, 1000);
}

void command_pttl(call *c)
{
    reply_deadline(c, (int64_t)c->node->ms, 1);
}

void command_expiretime(call *c)
{
    reply_deadline(c, 0, 1000);
}

void command_pexpiretime(call *c)
{
    reply_deadline(c, 0, 1);
}

void command_persist(call *c)
{
    int64_t ms = deadline_of(c);
    if (c->failed || (ms >= 0 && !deadline_persist(c, c->args[1]))) return;
    reply_int(c->reply, ms >= 0);
}
