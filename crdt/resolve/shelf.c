/* resolve/shelf.c: sets of byte strings at the keys of a map, of which the transaction takes away
 * just what it sees. */
#include "crdt/core/within.h"
#include "crdt/orset.h"
#include "crdt/resolve/impl.h"

crdt_err crdt__shelf_find(const crdt__source *from, const crdt__shelf *shelf, crdt_ref *ret_set)
{
    crdt_ref map;
    crdt_err err = crdt__source_find(from, shelf->map, &crdt_ormap_type, &map);
    return err == CRDT_OK ? crdt_ormap_get(map, &shelf->key, 1, &crdt_orset_type, ret_set) : err;
}

/* Integers are nothing that was put here. */
static bool is_kept(const crdt__shelving *what, crdt_value value)
{
    return value.kind == CRDT_BYTES && what->keeps(what->user, value.bytes);
}

/* Those that go, one behind the other, as values; and how many stay. */
static crdt_err list_leaving(crdt_ref set, const crdt__shelving *what, crdt_buf *leaving,
                             size_t *ret_stay)
{
    crdt_orset_iter it = crdt_orset_iterate(set);
    crdt_value      value;
    while (crdt_orset_next(&it, &value)) {
        if (is_kept(what, value)) ++*ret_stay;
        else crdt_buf_value(leaving, value);
    }
    return crdt_buf_status(leaving);
}

/* The transaction is in the map. */
static crdt_err change_set(crdt_txn *txn, const crdt__shelf *shelf, crdt_view leaving,
                           const crdt_view *value)
{
    crdt_limits limits = crdt_limits_default();
    crdt_dec    dec;
    crdt_err    err = CRDT_OK;
    crdt_dec_init(&dec, leaving, &limits);
    if (value != NULL) {
        err = crdt_orset_add(txn, shelf->key, (crdt_value){CRDT_BYTES, 0, *value});
    }
    while (err == CRDT_OK && crdt_dec_left(&dec) > 0) {
        err = crdt_orset_remove(txn, shelf->key, crdt_dec_value(&dec));
    }
    return err;
}

static crdt_err write_set(crdt_txn *txn, const crdt__shelf *shelf, crdt_view leaving, size_t stay,
                          const crdt_view *value)
{
    if (stay == 0 && value == NULL) {
        crdt_ormap_leave(txn);
        return crdt_ormap_remove(txn, shelf->map, &crdt_ormap_type, &shelf->key, 1);
    }
    crdt_err err = crdt_ormap_enter(txn, shelf->map, &crdt_ormap_type, NULL, 0);
    if (err == CRDT_OK) err = change_set(txn, shelf, leaving, value);
    crdt_ormap_leave(txn);
    return err;
}

crdt_err crdt__shelf_put(crdt_txn *txn, const crdt__shelf *shelf, const crdt__shelving *what,
                         bool *ret_wrote)
{
    crdt__source     from = {NULL, txn};
    crdt_ref         set;
    crdt_buf         leaving;
    size_t           stay = 0;
    const crdt_view *value = what->value;
    crdt_buf_init(&leaving, crdt__txn_space(txn)->mem);
    crdt_err err = crdt__shelf_find(&from, shelf, &set);
    if (err == CRDT_OK) {
        err = list_leaving(set, what, &leaving, &stay);
        if (value != NULL && crdt_orset_has(set, (crdt_value){CRDT_BYTES, 0, *value})) value = NULL;
    }
    if (err == CRDT_ENOENT) err = CRDT_OK;
    *ret_wrote = err == CRDT_OK && (leaving.size > 0 || value != NULL);
    if (*ret_wrote) err = write_set(txn, shelf, crdt_buf_bytes(&leaving), stay, value);
    crdt_buf_clear(&leaving);
    return err;
}
