/* resolve/acks.c: acknowledgements: which siblings somebody has seen side by side. */
#include "crdt/core/within.h"
#include "crdt/orset.h"
#include "crdt/resolve/impl.h"

static bool covers(const crdt_context *ctx, const crdt_sibling *at, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (at[i].competes && !crdt_context_has(ctx, at[i].dot)) return false;
    }
    return true;
}

static bool covers_any(const crdt_context *ctx, const crdt_sibling *at, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (crdt_context_has(ctx, at[i].dot)) return true;
    }
    return false;
}

/* What was written by other means than crdt_ack acknowledges nothing. */
static crdt_err read_ack(crdt_value value, crdt_context *ctx)
{
    crdt_err err = CRDT_EMALFORMED;
    if (value.kind == CRDT_BYTES) err = crdt_context_decode(ctx, value.bytes, NULL);
    return err;
}

/* -- Is it acknowledged? ----------------------------------------------------------------------- */

static crdt_err acked_in(crdt_ref set, const crdt_sibling *at, size_t count, const crdt_mem *mem,
                         bool *ret_acked)
{
    crdt_orset_iter it = crdt_orset_iterate(set);
    crdt_value      value;
    crdt_err        err = CRDT_OK;
    while (!*ret_acked && err != CRDT_ENOMEM && crdt_orset_next(&it, &value)) {
        crdt_context ctx;
        crdt_context_init(&ctx, mem);
        err = read_ack(value, &ctx);
        *ret_acked = err == CRDT_OK && covers(&ctx, at, count);
        crdt_context_clear(&ctx);
    }
    return err == CRDT_ENOMEM ? err : CRDT_OK;
}

/* By an acknowledgement of this very path. */
static crdt_err acked_at(const crdt__source *from, const crdt_rules *rules, const crdt_path *path,
                         const crdt_siblings *group, bool *ret_acked)
{
    crdt__shelf shelf;
    crdt_buf    key;
    crdt_ref    set;
    if (!crdt__rules_acks(rules, &shelf.map)) return CRDT_OK;
    crdt_buf_init(&key, rules->mem);
    crdt__path_put(path, &key);
    shelf.key = crdt_buf_bytes(&key);
    crdt_err err = crdt_buf_status(&key);
    if (err == CRDT_OK) err = crdt__shelf_find(from, &shelf, &set);
    if (err == CRDT_OK) err = acked_in(set, group->at, group->count, rules->mem, ret_acked);
    crdt_buf_clear(&key);
    return err == CRDT_ENOMEM ? err : CRDT_OK; /* anything else: there are none */
}

/* The siblings of one key: by one of the path with the key, of the path, or of one before it. */
static crdt_err group_acked(const crdt__source *from, const crdt_rules *rules,
                            const crdt_siblings *group, bool *ret_acked)
{
    crdt_view keys[CRDT__PATH_KEYS_MAX + 1];
    crdt_path path = group->path;
    crdt_err  err = CRDT_OK;
    *ret_acked = false;
    if (path.depth > CRDT__PATH_KEYS_MAX) return CRDT_OK;
    for (size_t i = 0; i < path.depth; i++) keys[i] = path.keys[i];
    path.keys = keys;
    if (group->at->key.size > 0) keys[path.depth++] = group->at->key;
    for (;; path.depth--) {
        err = acked_at(from, rules, &path, group, ret_acked);
        if (err != CRDT_OK || *ret_acked || path.depth == 0) return err;
    }
}

crdt_err crdt__acked(const crdt__source *from, const crdt_rules *rules, const crdt_siblings *view,
                     bool *ret_acked)
{
    crdt_err err = CRDT_OK;
    *ret_acked = true;
    for (size_t i = 0, end; err == CRDT_OK && *ret_acked && i < view->count; i = end) {
        end = crdt__gathered_group(view->at, view->count, i);
        crdt_siblings group = {view->path, view->at + i, end - i};
        if (view->at[i].competes) err = group_acked(from, rules, &group, ret_acked);
    }
    return err;
}

/* -- Writing ----------------------------------------------------------------------------------- */

/* Which of the acknowledgements of a path stay beside a new one. */
typedef struct weighing {
    const crdt_context   *fresh; /* NULL: there is no new one */
    const crdt__gathered *now;
    const crdt_mem       *mem;
    bool                  covered; /* out: one that stays covers all that the new one does */
    crdt_err              err;     /* out */
} weighing;

static bool stays(void *user, crdt_view bytes)
{
    weighing    *w = user;
    crdt_context ctx;
    bool         stay = false;
    crdt_context_init(&ctx, w->mem);
    crdt_err err = read_ack((crdt_value){CRDT_BYTES, 0, bytes}, &ctx);
    if (err == CRDT_ENOMEM) w->err = err;
    if (err == CRDT_OK) {
        stay = covers_any(&ctx, w->now->at, w->now->count);
        if (w->fresh != NULL && stay) {
            bool more = crdt_context_within(w->fresh, &ctx);
            w->covered |= more;
            stay = more || !crdt_context_within(&ctx, w->fresh);
        }
    }
    crdt_context_clear(&ctx);
    return stay;
}

/* An acknowledgement that covers all of the new one makes it needless; what is not new is looked
 * at in any case. */
static crdt_err write_ack(crdt_txn *txn, const crdt__shelf *shelf, const crdt__gathered *now,
                          const crdt_context *fresh)
{
    weighing       w = {fresh, now, now->mem, false, CRDT_OK};
    crdt__shelving what = {stays, &w, NULL};
    crdt__source   from = {NULL, txn};
    crdt_ref       set;
    crdt_buf       bytes;
    crdt_view      value;
    bool           wrote;
    crdt_buf_init(&bytes, now->mem);
    if (fresh != NULL && crdt__shelf_find(&from, shelf, &set) == CRDT_OK) {
        crdt_orset_iter it = crdt_orset_iterate(set);
        crdt_value      old;
        while (crdt_orset_next(&it, &old)) {
            if (old.kind == CRDT_BYTES) (void)stays(&w, old.bytes);
        }
    }
    crdt_err err = w.err;
    if (err == CRDT_OK && fresh != NULL && !w.covered) {
        err = crdt_context_encode(fresh, &bytes);
        value = crdt_buf_bytes(&bytes);
        what.value = &value;
    }
    if (err == CRDT_OK) err = crdt__shelf_put(txn, shelf, &what, &wrote);
    crdt_buf_clear(&bytes);
    return err == CRDT_OK ? w.err : err;
}

/* Those of the dots that compete now. */
static crdt_err still_there(const crdt_context *reviewed, const crdt__gathered *now,
                            crdt_context *ret_fresh)
{
    crdt_err err = CRDT_OK;
    for (size_t i = 0; err == CRDT_OK && i < now->count; i++) {
        const crdt_sibling *sibling = &now->at[i];
        if (!sibling->competes || !crdt_context_has(reviewed, sibling->dot)) continue;
        err = crdt_context_add(ret_fresh, sibling->dot);
    }
    return err == CRDT_OK && ret_fresh->count == 0 ? CRDT_ESTALE : err;
}

/* The shelf of a path; its key is in `key`. */
static crdt_err shelf_of(const crdt_rules *rules, const crdt_path *path, crdt_buf *key,
                         crdt__shelf *ret_shelf)
{
    if (!crdt__rules_acks(rules, &ret_shelf->map)) return CRDT_EINVAL;
    if (path->depth > CRDT__PATH_KEYS_MAX) return CRDT_ELIMIT;
    crdt__path_put(path, key);
    ret_shelf->key = crdt_buf_bytes(key);
    return crdt_buf_status(key);
}

static crdt_err ack(crdt_txn *txn, const crdt_rules *rules, const crdt_path *path,
                    const crdt_context *reviewed, crdt__gathered *now)
{
    crdt__source from = {NULL, txn};
    crdt__shelf  shelf;
    crdt_buf     key;
    crdt_context fresh;
    crdt_buf_init(&key, now->mem);
    crdt_context_init(&fresh, now->mem);
    crdt_err err = shelf_of(rules, path, &key, &shelf);
    if (err == CRDT_OK) err = crdt__gather(&from, path, now);
    if (err == CRDT_OK) err = still_there(reviewed, now, &fresh);
    if (err == CRDT_OK) err = write_ack(txn, &shelf, now, &fresh);
    crdt_context_clear(&fresh);
    crdt_buf_clear(&key);
    return err;
}

crdt_err crdt_ack(crdt_txn *txn, const crdt_rules *rules, const crdt_path *path,
                  const crdt_context *reviewed, bool *ret_clear)
{
    const crdt_context *seen = crdt_store_context(crdt_txn_store(txn));
    crdt__source        from = {NULL, txn};
    crdt__gathered      now = {.mem = crdt__txn_space(txn)->mem};
    bool                clear = false;
    if (!crdt_context_within(reviewed, seen)) return CRDT_EGAP;
    crdt_err err = ack(txn, rules, path, reviewed, &now);
    if (err == CRDT_OK && ret_clear != NULL) {
        crdt_siblings view = {*path, now.at, now.count};
        err = crdt__acked(&from, rules, &view, &clear);
        if (err == CRDT_OK) *ret_clear = clear;
    }
    crdt__gathered_clear(&now);
    return err;
}

/* -- Sweeping ---------------------------------------------------------------------------------- */

/* What is at a key that is no path is gone: it acknowledges nothing. */
static crdt_err sweep_key(crdt_txn *txn, const crdt__shelf *shelf)
{
    crdt_view      keys[CRDT__PATH_KEYS_MAX];
    crdt_path      path;
    crdt__source   from = {NULL, txn};
    crdt__gathered now = {.mem = crdt__txn_space(txn)->mem};
    crdt_err       err = CRDT_OK;
    if (crdt__path_get(shelf->key, keys, &path)) err = crdt__gather(&from, &path, &now);
    if (err == CRDT_ENOENT || err == CRDT_ETYPE) err = CRDT_OK;
    if (err == CRDT_OK) err = write_ack(txn, shelf, &now, NULL);
    crdt__gathered_clear(&now);
    return err;
}

static crdt_err list_keys(crdt_ref map, crdt_buf *ret_keys)
{
    crdt_ormap_iter it = crdt_ormap_iterate(map);
    crdt_view       key;
    crdt_ref        ref;
    while (crdt_ormap_next(&it, &key, &ref)) crdt_buf_view(ret_keys, key);
    return crdt_buf_status(ret_keys);
}

crdt_err crdt_ack_sweep(crdt_txn *txn, const crdt_rules *rules)
{
    crdt_limits  limits = crdt_limits_default();
    crdt__source from = {NULL, txn};
    crdt__shelf  shelf;
    crdt_ref     map;
    crdt_buf     keys;
    crdt_dec     dec;
    if (!crdt__rules_acks(rules, &shelf.map)) return CRDT_EINVAL;
    crdt_err err = crdt__source_find(&from, shelf.map, &crdt_ormap_type, &map);
    if (err != CRDT_OK) return err == CRDT_ENOENT ? CRDT_OK : err;
    crdt_buf_init(&keys, rules->mem);
    err = list_keys(map, &keys);
    crdt_dec_init(&dec, crdt_buf_bytes(&keys), &limits);
    while (err == CRDT_OK && crdt_dec_left(&dec) > 0) {
        shelf.key = crdt_dec_view(&dec, keys.size, "key");
        err = sweep_key(txn, &shelf);
    }
    crdt_buf_clear(&keys);
    return err;
}
