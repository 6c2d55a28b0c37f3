/* hashes.c: the commands of hashes, over crdt_ormap: a field is what a string is, a crdt_cell.
 *
 * Of two values set at the same time the later shows; increments add up; a removal takes away what
 * it has seen, so a field that is written or counted on at the same time stays with that. A hash
 * whose last field goes, goes, as in Redis; whoever sets a field at the same time keeps it. A field
 * that holds something else than a string (by MAP.* or CRDT.ORMAP.*) reads as that, printed. */
#include "node/hashes.h"

#include <math.h>

#include "node/commands.h"
#include "node/glob.h"
#include "node/keys.h"
#include "node/notify.h"
#include "node/number.h"
#include "node/reads.h"
#include "node/scan.h"
#include "node/strings.h"

/* -- Fields ------------------------------------------------------------------------------------ */

bool hash_find(call *c, crdt_view name, crdt_ref *ret_hash)
{
    if (key_typed(c, name, &crdt_ormap_type, ret_hash) == KEY_ABSENT) {
        *ret_hash = (crdt_ref){.type = &crdt_ormap_type};
    }
    return !c->failed;
}

bool hash_field(call *c, crdt_ref hash, const crdt_view *path, size_t depth, crdt_ref *ret_field)
{
    crdt_err err = crdt_ormap_get(hash, path, depth, NULL, ret_field);
    return err != CRDT_ENOENT && !call_fails(c, err);
}

bool hash_field_now(call *c, const crdt_view *path, size_t depth, crdt_ref *ret_field)
{
    crdt_ref hash;
    crdt_err err = crdt_txn_find(c->txn, c->args[1], &crdt_ormap_type, &hash);
    if (err == CRDT_OK) return hash_field(c, hash, path, depth, ret_field);
    return err != CRDT_ENOENT && !call_fails(c, err);
}

bool hash_content(call *c, crdt_ref field, crdt_buf *out)
{
    crdt_err err = CRDT_ENOENT;
    if (field.type == &crdt_cell_type) err = crdt_cell_get(field, out);
    else crdt_ref_print(&field, out);
    return !call_fails(c, err == CRDT_ENOENT ? crdt_buf_status(out) : err);
}

void hash_reply_content(call *c, reply *to, crdt_ref field)
{
    crdt_value value;
    crdt_buf   text;
    if (field.type == &crdt_cell_type && crdt_cell_peek(field, &value)) {
        reads_value(to, value);
        return;
    }
    crdt_buf_init(&text, NULL);
    if (hash_content(c, field, &text)) reply_bulk(to, crdt_buf_bytes(&text));
    crdt_buf_clear(&text);
}

/* -- Writing ----------------------------------------------------------------------------------- */

crdt_txn *hash_write(call *c, const crdt_view *path, size_t depth)
{
    crdt_txn *txn = key_write(c, c->args[1], &crdt_ormap_type);
    if (txn == NULL) return NULL;
    crdt_err err = crdt_ormap_enter(txn, c->args[1], &crdt_ormap_type, path, depth);
    return call_fails(c, err) ? NULL : txn;
}

crdt_err hash_remove(call *c, const crdt_view *path, size_t depth)
{
    return crdt_ormap_remove(c->txn, c->args[1], &crdt_ormap_type, path, depth);
}

bool hash_set(call *c, const crdt_view *path, size_t depth, crdt_view bytes, bool *ret_added)
{
    crdt_view field = path[depth - 1];
    if (field.size > CRDT_NAME_BYTES_MAX) {
        call_error(c, "ERR a field has at most %u bytes", CRDT_NAME_BYTES_MAX);
        return false;
    }
    crdt_value value = crdt_bytes(bytes.data, bytes.size);
    crdt_err   err = crdt_cell_set(c->txn, field, value);
    *ret_added = crdt_ormap_added(c->txn);
    if (err != CRDT_ETYPE) return !call_fails(c, err);
    err = hash_remove(c, path, depth); /* something else is there: it is replaced */
    if (err == CRDT_OK) err = crdt_cell_set(c->txn, field, value);
    return !call_fails(c, err == CRDT_ENOENT ? CRDT_ETYPE : err);
}

/* The number of those that were not there; below 0: an error was replied. */
static int64_t set_pairs(call *c)
{
    int64_t added = 0;
    if (c->count % 2 != 0) {
        call_wrong_arity(c);
        return -1;
    }
    if (hash_write(c, NULL, 0) == NULL) return -1;
    for (size_t i = 2; i < c->count; i += 2) {
        bool is_new;
        if (!hash_set(c, &c->args[i], 1, c->args[i + 1], &is_new)) return -1;
        added += is_new;
    }
    notify(c, EVENTS_HASH, "hset", c->args[1]);
    return added;
}

void command_hset(call *c)
{
    int64_t added = set_pairs(c);
    if (added >= 0) reply_int(c->reply, added);
}

void command_hmset(call *c)
{
    if (set_pairs(c) >= 0) reply_ok(c->reply);
}

void command_hsetnx(call *c)
{
    crdt_ref hash, field;
    bool     is_new;
    if (!hash_find(c, c->args[1], &hash)) return;
    bool there = hash_field(c, hash, &c->args[2], 1, &field);
    if (c->failed) return;
    if (there ||
        (hash_write(c, NULL, 0) != NULL && hash_set(c, &c->args[2], 1, c->args[3], &is_new))) {
        if (!there) notify(c, EVENTS_HASH, "hset", c->args[1]);
        reply_int(c->reply, !there);
    }
}

bool hash_remove_if_empty(call *c)
{
    crdt_ref  hash, field;
    crdt_view key, name = c->args[1];
    crdt_err  err = crdt_txn_find(c->txn, name, &crdt_ormap_type, &hash);
    if (err == CRDT_OK) {
        crdt_ormap_iter it = crdt_ormap_iterate(hash);
        if (crdt_ormap_next(&it, &key, &field)) return true;
    }
    notify(c, EVENTS_GENERIC, "del", name);
    if (err == CRDT_OK) return key_wipe_empty(c, name);
    return err == CRDT_ENOENT || !call_fails(c, err);
}

void command_hdel(call *c)
{
    int64_t removed = 0;
    if (key_write(c, c->args[1], &crdt_ormap_type) == NULL) return;
    for (size_t i = 2; i < c->count; i++) {
        crdt_err err = hash_remove(c, &c->args[i], 1);
        if (err != CRDT_ENOENT && call_fails(c, err)) return;
        removed += err == CRDT_OK;
    }
    if (removed > 0) notify(c, EVENTS_HASH, "hdel", c->args[1]);
    if (removed == 0 || hash_remove_if_empty(c)) reply_int(c->reply, removed);
}

/* The strings first, then the maps: a transaction is sent into each once. */
static bool copy_map(call *c, crdt_view to, crdt_ref from, crdt_view *path, size_t depth)
{
    crdt_ormap_iter it = crdt_ormap_iterate(from);
    crdt_ref        field;
    crdt_buf        text;
    if (depth == HASH_DEPTH_MAX) return !call_fails(c, CRDT_ELIMIT);
    crdt_buf_init(&text, NULL);
    call_fails(c, crdt_ormap_enter(c->txn, to, &crdt_ormap_type, path, depth));
    while (!c->failed && crdt_ormap_next(&it, &path[depth], &field)) {
        if (field.type == &crdt_ormap_type) continue;
        if (field.type != &crdt_cell_type) {
            call_error(c, "ERR a hash that holds a '%s' cannot be renamed", field.type->name);
            break;
        }
        crdt_buf_reset(&text);
        if (!hash_content(c, field, &text)) break;
        call_fails(c, crdt_cell_set(c->txn, path[depth], crdt_bytes(text.data, text.size)));
    }
    crdt_buf_clear(&text);
    it = crdt_ormap_iterate(from);
    while (!c->failed && crdt_ormap_next(&it, &path[depth], &field)) {
        if (field.type != &crdt_ormap_type) continue;
        crdt_err err = crdt_ormap_create(c->txn, to, &crdt_ormap_type, path, depth + 1, field.type);
        if (!call_fails(c, err)) copy_map(c, to, field, path, depth + 1);
    }
    return !c->failed;
}

bool hash_copy(call *c, crdt_view to, crdt_ref from)
{
    crdt_view path[HASH_DEPTH_MAX];
    bool      copied = copy_map(c, to, from, path, 0);
    crdt_ormap_leave(c->txn); /* names are names again */
    return copied;
}

/* -- Counting ---------------------------------------------------------------------------------- */

void hash_count(call *c, const crdt_view *path, size_t depth, int64_t amount)
{
    crdt_ref  field;
    int64_t   now = 0, sum;
    crdt_txn *txn = hash_write(c, path, depth - 1);
    if (txn == NULL) return;
    bool there = hash_field_now(c, path, depth, &field);
    if (c->failed) return;
    if (there && (field.type != &crdt_cell_type || crdt_cell_int(field, &now) != CRDT_OK)) {
        call_error(c, "ERR hash value is not an integer");
    } else if (__builtin_add_overflow(now, amount, &sum)) {
        call_error(c, "ERR increment or decrement would overflow");
    } else if (!call_fails(c, crdt_cell_incr(txn, path[depth - 1], amount))) {
        reply_int(c->reply, sum);
    }
}

void command_hincrby(call *c)
{
    int64_t amount;
    if (call_int(c, 3, &amount)) hash_count(c, &c->args[2], 1, amount);
    if (!c->failed) notify(c, EVENTS_HASH, "hincrby", c->args[1]);
}

/* What is wrong with the amount is told before what is wrong with the key, as Redis does. */
static crdt_txn *write_float(call *c)
{
    double    n = 0;
    bool      number = number_double(c->args[3], &n);
    crdt_txn *txn = NULL;
    if (isinf(n)) call_error(c, "ERR value is NaN or Infinity");
    else txn = hash_write(c, NULL, 0);
    if (txn == NULL && !number) call_error(c, "ERR value is not a valid float");
    return txn;
}

void command_hincrbyfloat(call *c)
{
    crdt_ref  field;
    crdt_i128 sum;
    crdt_view name = c->args[2];
    crdt_txn *txn = write_float(c);
    if (txn == NULL) return;
    double amount;
    bool   there = hash_field_now(c, &name, 1, &field);
    bool   text = there && field.type == &crdt_cell_type &&
                crdt_cell_number(field, &sum) == CRDT_EINVAL; /* it would hide what is added */
    crdt_err err = text ? CRDT_ETYPE : strings_add(txn, name, c->args[3]);
    if (err == CRDT_EINVAL || (text && !number_double(c->args[3], &amount))) {
        call_error(c, "ERR value is not a valid float");
    } else if (err == CRDT_ERANGE) {
        call_error(c, "ERR increment would produce NaN or Infinity");
    } else if (err != CRDT_ETYPE && call_fails(c, err)) {
        return;
    } else if (err == CRDT_ETYPE) {
        call_error(c, "ERR hash value is not a float");
    } else if (hash_field_now(c, &name, 1, &field)) {
        notify(c, EVENTS_HASH, "hincrbyfloat", c->args[1]);
        hash_reply_content(c, c->reply, field);
    }
}

/* -- Reading ----------------------------------------------------------------------------------- */

static void reply_field(call *c, crdt_ref hash, crdt_view name)
{
    crdt_ref field;
    if (hash_field(c, hash, &name, 1, &field)) hash_reply_content(c, c->reply, field);
    else if (!c->failed) reply_null(c->reply);
}

void command_hget(call *c)
{
    crdt_ref hash;
    if (hash_find(c, c->args[1], &hash)) reply_field(c, hash, c->args[2]);
}

void command_hmget(call *c)
{
    crdt_ref hash;
    if (!hash_find(c, c->args[1], &hash)) return;
    reply_array(c->reply, c->count - 2);
    for (size_t i = 2; i < c->count && !c->failed; i++) reply_field(c, hash, c->args[i]);
}

void command_hexists(call *c)
{
    crdt_ref hash, field;
    if (!hash_find(c, c->args[1], &hash)) return;
    bool there = hash_field(c, hash, &c->args[2], 1, &field);
    if (!c->failed) reply_int(c->reply, there);
}

void command_hstrlen(call *c)
{
    crdt_ref hash, field;
    crdt_buf text;
    if (!hash_find(c, c->args[1], &hash)) return;
    crdt_buf_init(&text, NULL);
    if (hash_field(c, hash, &c->args[2], 1, &field)) hash_content(c, field, &text);
    if (!c->failed) reply_int(c->reply, (int64_t)text.size);
    crdt_buf_clear(&text);
}

void command_hlen(call *c)
{
    crdt_ref hash;
    if (hash_find(c, c->args[1], &hash)) reply_int(c->reply, (int64_t)crdt_ormap_count(hash));
}

static void reply_fields(call *c, crdt_ref hash, bool names, bool values)
{
    crdt_ormap_iter it = crdt_ormap_iterate(hash);
    crdt_view       name;
    crdt_ref        field;
    while (!c->failed && crdt_ormap_next(&it, &name, &field)) {
        if (names) reply_bulk(c->reply, name);
        if (values) hash_reply_content(c, c->reply, field);
    }
}

void command_hgetall(call *c)
{
    crdt_ref hash;
    if (!hash_find(c, c->args[1], &hash)) return;
    reply_map(c->reply, crdt_ormap_count(hash));
    reply_fields(c, hash, true, true);
}

void command_hkeys(call *c)
{
    crdt_ref hash;
    if (!hash_find(c, c->args[1], &hash)) return;
    reply_array(c->reply, crdt_ormap_count(hash));
    reply_fields(c, hash, true, false);
}

void command_hvals(call *c)
{
    crdt_ref hash;
    if (!hash_find(c, c->args[1], &hash)) return;
    reply_array(c->reply, crdt_ormap_count(hash));
    reply_fields(c, hash, false, true);
}

/* -- HSCAN ------------------------------------------------------------------------------------- */

void command_hscan(call *c)
{
    crdt_ref  hash, field;
    crdt_view name, from;
    crdt_buf  found;
    uint64_t  next = 0;
    size_t    n = 0;
    scan      s;
    if (!scan_cursor(c, &s) || !hash_find(c, c->args[1], &hash)) return;
    if (!scan_from(c, &s, crdt_ormap_count(hash), &from)) return;
    crdt_buf_init(&found, NULL);
    reply           to = {&found, c->reply->protocol};
    crdt_ormap_iter it =
        from.data == NULL ? crdt_ormap_iterate(hash) : crdt_ormap_iterate_from(hash, from);
    for (; !c->failed && crdt_ormap_next(&it, &name, &field); s.count--) {
        if (s.count == 0) {
            next = key_keep_cursor(c->node, name);
            break;
        }
        if (s.pattern.data != NULL && !glob_match(s.pattern, name)) continue;
        reply_bulk(&to, name);
        hash_reply_content(c, &to, field);
        n += 2;
    }
    if (!c->failed) scan_reply(c, next, n, &found);
    crdt_buf_clear(&found);
}

/* -- Random fields ----------------------------------------------------------------------------- */

static void reply_one(call *c, crdt_view name, crdt_ref field, bool values)
{
    if (values && c->reply->protocol >= 3) reply_array(c->reply, 2);
    reply_bulk(c->reply, name);
    if (values) hash_reply_content(c, c->reply, field);
}

/* Any one; the hash is not empty. */
static void reply_any(call *c, crdt_ref hash, bool values)
{
    crdt_view       name;
    crdt_ref        field;
    crdt_ormap_iter it = crdt_ormap_iterate_some(hash, node_random(c->node));
    if (!crdt_ormap_next(&it, &name, &field)) {
        it = crdt_ormap_iterate(hash);
        (void)crdt_ormap_next(&it, &name, &field);
    }
    reply_one(c, name, field, values);
}

static void head_of_fields(call *c, size_t count, bool values)
{
    reply_array(c->reply, values && c->reply->protocol < 3 ? count * 2 : count);
}

/* So many different ones, each as likely as any other. One walk. */
static void reply_different(call *c, crdt_ref hash, uint64_t most, bool values)
{
    size_t          left = crdt_ormap_count(hash), wanted = most < left ? (size_t)most : left;
    crdt_ormap_iter it = crdt_ormap_iterate(hash);
    crdt_view       name;
    crdt_ref        field;
    head_of_fields(c, wanted, values);
    for (; wanted > 0 && !c->failed && crdt_ormap_next(&it, &name, &field); left--) {
        if (node_random(c->node) % left >= wanted) continue;
        reply_one(c, name, field, values);
        wanted--;
    }
}

/* The same one may come again. */
static void reply_repeated(call *c, crdt_ref hash, size_t count, bool values)
{
    head_of_fields(c, count, values);
    while (count-- > 0 && !c->failed && !scan_too_large(c)) reply_any(c, hash, values);
}

void command_hrandfield(call *c)
{
    crdt_ref hash;
    int64_t  count = 0;
    bool     values = false;
    if (c->count > 2 && !scan_random(c, "withvalues", &count, &values)) return;
    if (!hash_find(c, c->args[1], &hash)) return;
    bool empty = crdt_ormap_count(hash) == 0;
    if (c->count == 2) {
        if (empty) reply_null(c->reply);
        else reply_any(c, hash, false);
    } else if (empty || count >= 0) {
        reply_different(c, hash, empty ? 0 : (uint64_t)count, values);
    } else {
        reply_repeated(c, hash, (size_t)-count, values);
    }
}
