/* sets.c: the commands of sets, over crdt_orset: additions win, removals take what they have seen.
 *
 * A member that is an integer in its usual form is kept as one. A set that becomes empty goes, as
 * in Redis; whoever adds to it at the same time keeps it. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "node/commands.h"
#include "node/deadline.h"
#include "node/glob.h"
#include "node/keys.h"
#include "node/notify.h"
#include "node/number.h"
#include "node/scan.h"

/* The set; absent: *ret_there is false. False: an error was replied. */
static bool find_set(call *c, crdt_view name, crdt_ref *ret_set, bool *ret_there)
{
    key_state state = key_typed(c, name, &crdt_orset_type, ret_set);
    *ret_there = state == KEY_THERE;
    return !c->failed;
}

static bool has(crdt_ref set, bool there, crdt_view elem)
{
    return there && crdt_orset_has(set, number_value(elem));
}

/* What the transaction has left empty goes. */
static bool remove_if_empty(call *c, crdt_view name)
{
    crdt_ref set;
    crdt_err err = crdt_txn_find(c->txn, name, &crdt_orset_type, &set);
    if (err == CRDT_OK && crdt_orset_type.alive(&set)) return true;
    notify(c, EVENTS_GENERIC, "del", name);
    if (err == CRDT_OK) return key_wipe_empty(c, name);
    return err == CRDT_ENOENT || !call_fails(c, err);
}

/* -- One set ----------------------------------------------------------------------------------- */

void command_sadd(call *c)
{
    int64_t   added = 0;
    bool      fresh;
    crdt_view name = c->args[1];
    crdt_txn *txn = key_write(c, name, &crdt_orset_type);
    if (txn == NULL) return;
    for (size_t i = 2; i < c->count; i++) {
        /* What is there is added again, too: whoever removes it at the same time has not seen this
         * addition, and does not undo it. */
        if (call_fails(c, crdt_orset_add_new(txn, name, number_value(c->args[i]), &fresh))) return;
        added += fresh;
    }
    if (added > 0) notify(c, EVENTS_SET, "sadd", name);
    reply_int(c->reply, added);
}

/* Those that are there; the transaction is open. */
static int64_t remove_members(call *c, crdt_view name, const crdt_value *elems, size_t count,
                              const char *event)
{
    crdt_ref set;
    int64_t  removed = 0;
    for (size_t i = 0; i < count; i++) {
        crdt_err err = crdt_txn_find(c->txn, name, &crdt_orset_type, &set);
        if (err == CRDT_ENOENT) break;
        if (call_fails(c, err)) return 0;
        if (!crdt_orset_has(set, elems[i])) continue;
        if (call_fails(c, crdt_orset_remove(c->txn, name, elems[i]))) return 0;
        removed++;
    }
    if (removed > 0) notify(c, EVENTS_SET, event, name);
    if (removed > 0 && !remove_if_empty(c, name)) return 0;
    return removed;
}

void command_srem(call *c)
{
    crdt_value one, *elems = &one;
    size_t     count = c->count - 2;
    if (count > 1) elems = malloc(count * sizeof *elems);
    if (elems == NULL) {
        call_fails(c, CRDT_ENOMEM);
        return;
    }
    for (size_t i = 0; i < count; i++) elems[i] = number_value(c->args[i + 2]);
    if (key_write(c, c->args[1], &crdt_orset_type) != NULL) {
        int64_t removed = remove_members(c, c->args[1], elems, count, "srem");
        if (!c->failed) reply_int(c->reply, removed);
    }
    if (elems != &one) free(elems);
}

void command_smove(call *c)
{
    crdt_ref from, to;
    bool     there, other, fresh;
    if (!find_set(c, c->args[1], &from, &there)) return;
    if (!there || !find_set(c, c->args[2], &to, &other)) {
        if (!c->failed) reply_int(c->reply, 0);
        return;
    }
    bool moves = has(from, there, c->args[3]);
    if (moves && crdt_view_compare(c->args[1], c->args[2]) != 0) {
        if (key_write(c, c->args[2], &crdt_orset_type) == NULL) return;
        crdt_value moved = number_value(c->args[3]);
        if (call_fails(c, crdt_orset_add_new(c->txn, c->args[2], moved, &fresh))) return;
        remove_members(c, c->args[1], &moved, 1, "srem");
        if (fresh) notify(c, EVENTS_SET, "sadd", c->args[2]);
    }
    if (!c->failed) reply_int(c->reply, moves);
}

void command_sismember(call *c)
{
    crdt_ref set;
    bool     there;
    if (find_set(c, c->args[1], &set, &there)) reply_int(c->reply, has(set, there, c->args[2]));
}

void command_smismember(call *c)
{
    crdt_ref set;
    bool     there;
    if (!find_set(c, c->args[1], &set, &there)) return;
    reply_array(c->reply, c->count - 2);
    for (size_t i = 2; i < c->count; i++) reply_int(c->reply, has(set, there, c->args[i]));
}

void command_scard(call *c)
{
    crdt_ref set;
    bool     there;
    if (!find_set(c, c->args[1], &set, &there)) return;
    reply_int(c->reply, there ? (int64_t)crdt_orset_count(set) : 0);
}

static void reply_member(reply *to, crdt_value elem)
{
    if (elem.kind == CRDT_BYTES) reply_bulk(to, elem.bytes);
    else reply_bulk_int(to, elem.i);
}

static void reply_members(call *c, crdt_ref set, bool there)
{
    crdt_orset_iter it;
    crdt_value      elem;
    reply_set(c->reply, there ? crdt_orset_count(set) : 0);
    if (!there) return;
    it = crdt_orset_iterate(set);
    while (crdt_orset_next(&it, &elem)) reply_member(c->reply, elem);
}

void command_smembers(call *c)
{
    crdt_ref set;
    bool     there;
    if (find_set(c, c->args[1], &set, &there)) reply_members(c, set, there);
}

static bool matches(crdt_view pattern, crdt_value elem)
{
    char text[NUMBER_INT_MAX];
    if (elem.kind == CRDT_BYTES) return glob_match(pattern, elem.bytes);
    return glob_match(pattern, crdt_view_of(text, number_print_int64(elem.i, text)));
}

/* All members in one reply: COUNT is a hint, and a set is walked as fast as it is told. */
void command_sscan(call *c)
{
    crdt_ref        set;
    bool            there;
    uint64_t        cursor;
    int64_t         count;
    crdt_view       pattern = {NULL, 0};
    crdt_orset_iter it;
    crdt_value      elem;
    if (!number_uint64(c->args[2], &cursor)) {
        call_error(c, "ERR invalid cursor");
        return;
    }
    if (!find_set(c, c->args[1], &set, &there)) return;
    for (size_t i = 3; there && i < c->count; i += 2) {
        bool match = call_is(c, i, "match"), hint = call_is(c, i, "count");
        if (i + 1 == c->count || !(match || hint)) call_syntax(c);
        else if (match) pattern = c->args[i + 1];
        else if (call_int(c, i + 1, &count) && count < 1) call_syntax(c);
        if (c->failed) return;
    }
    crdt_buf found;
    size_t   n = 0;
    crdt_buf_init(&found, NULL);
    reply to = {&found, c->reply->protocol};
    if (there && cursor == 0) {
        it = crdt_orset_iterate(set);
        while (crdt_orset_next(&it, &elem)) {
            if (pattern.data != NULL && !matches(pattern, elem)) continue;
            reply_member(&to, elem);
            n++;
        }
    }
    reply_array(c->reply, 2);
    reply_text(c->reply, "0");
    reply_array(c->reply, n);
    crdt_buf_put(c->reply->out, found.data, found.size);
    if (found.failed) c->reply->out->failed = true;
    crdt_buf_clear(&found);
}

/* -- Random members ---------------------------------------------------------------------------- */

static crdt_value pick(call *c, crdt_ref set)
{
    crdt_value      elem = crdt_bytes("", 0);
    crdt_orset_iter it = crdt_orset_iterate_some(set, node_random(c->node));
    if (crdt_orset_next(&it, &elem)) return elem;
    it = crdt_orset_iterate(set);
    (void)crdt_orset_next(&it, &elem);
    return elem;
}

/* `count` different members, each as likely as any other, borrowed from the set. One walk. */
static size_t pick_different(call *c, crdt_ref set, crdt_value *elems, size_t count)
{
    size_t          size = crdt_orset_count(set), seen = 0, n = 0;
    crdt_orset_iter it = crdt_orset_iterate(set);
    crdt_value      elem;
    while (n < count && crdt_orset_next(&it, &elem)) {
        uint64_t left = size - seen++;
        if (node_random(c->node) % left < count - n) elems[n++] = elem;
    }
    return n;
}

void command_srandmember(call *c)
{
    crdt_ref set;
    bool     there;
    int64_t  count;
    if (c->count > 3) {
        call_syntax(c);
        return;
    }
    if (c->count == 3 && !call_int(c, 2, &count)) return;
    if (c->count == 3 && count == INT64_MIN) {
        call_error(c, "ERR value is out of range, value must between -%lld and %lld", LLONG_MAX,
                   LLONG_MAX);
        return;
    }
    if (!find_set(c, c->args[1], &set, &there)) return;
    if (c->count == 2) {
        if (there) reply_member(c->reply, pick(c, set));
        else reply_null(c->reply);
        return;
    }
    if (!there || count == 0) {
        reply_array(c->reply, 0);
    } else if (count < 0) {
        reply_array(c->reply, (size_t)-count);
        while (count++ < 0 && !c->failed && !scan_too_large(c))
            reply_member(c->reply, pick(c, set));
    } else {
        size_t      size = crdt_orset_count(set), n = (uint64_t)count < size ? (size_t)count : size;
        crdt_value *elems = malloc(n * sizeof *elems);
        if (elems == NULL) {
            call_fails(c, CRDT_ENOMEM);
            return;
        }
        n = pick_different(c, set, elems, n);
        reply_array(c->reply, n);
        for (size_t i = 0; i < n; i++) reply_member(c->reply, elems[i]);
        free(elems);
    }
}

/* Replies the members and removes them; their bytes are copied, for they are the set's. */
static void pop(call *c, crdt_value *elems, size_t count)
{
    crdt_buf copy;
    size_t   at = 0;
    crdt_buf_init(&copy, NULL);
    for (size_t i = 0; i < count; i++) {
        reply_member(c->reply, elems[i]);
        if (elems[i].kind == CRDT_BYTES)
            crdt_buf_put(&copy, elems[i].bytes.data, elems[i].bytes.size);
    }
    if (copy.failed) call_fails(c, CRDT_ENOMEM);
    for (size_t i = 0; i < count && !c->failed; i++) {
        if (elems[i].kind != CRDT_BYTES) continue;
        elems[i].bytes.data = copy.data + at;
        at += elems[i].bytes.size;
    }
    if (!c->failed && key_write(c, c->args[1], &crdt_orset_type) != NULL) {
        remove_members(c, c->args[1], elems, count, "spop");
    }
    crdt_buf_clear(&copy);
}

void command_spop(call *c)
{
    crdt_ref   set;
    bool       there;
    int64_t    count = 1;
    crdt_value one;
    if (c->count > 3) {
        call_syntax(c);
        return;
    }
    if (c->count == 3 && (!number_int64(c->args[2], &count) || count < 0)) {
        call_error(c, "ERR value is out of range, must be positive");
        return;
    }
    if (!find_set(c, c->args[1], &set, &there)) return;
    if (c->count == 2) {
        if (!there) {
            reply_null(c->reply);
            return;
        }
        one = pick(c, set);
        pop(c, &one, 1);
        return;
    }
    size_t size = there ? crdt_orset_count(set) : 0,
           n = (uint64_t)count < size ? (size_t)count : size;
    crdt_value *elems = n > 0 ? malloc(n * sizeof *elems) : NULL;
    if (n > 0 && elems == NULL) {
        call_fails(c, CRDT_ENOMEM);
        return;
    }
    reply_set(c->reply, n);
    if (n > 0) pop(c, elems, pick_different(c, set, elems, n));
    free(elems);
}
