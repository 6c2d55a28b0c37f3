/* resolve/materialise.c: outcomes, written down as records: 16 bytes of id, varint number of items,
 * of each the key and the value. */
#include <string.h>

#include "crdt/core/mem.h"
#include "crdt/core/sort.h"
#include "crdt/orset.h"
#include "crdt/resolve/impl.h"

static bool is_this(void *user, crdt_view value)
{
    const crdt_view *record = user;
    return record->size > 0 && crdt_view_compare(value, *record) == 0;
}

static void put_record(const crdt_outcome *outcome, crdt_buf *out)
{
    crdt_buf_u64(out, outcome->id.hi);
    crdt_buf_u64(out, outcome->id.lo);
    crdt_buf_varint(out, outcome->count);
    for (size_t i = 0; i < outcome->count; i++) {
        crdt_buf_view(out, outcome->items[i].key);
        crdt_buf_value(out, outcome->items[i].value);
    }
}

/* The record of the outcome alone shall stand on the shelf; where nothing competes, none. */
static crdt_err put_outcome(crdt_txn *txn, crdt_view into, const crdt_outcome *outcome,
                            const crdt_path *path, bool *ret_wrote)
{
    crdt_buf key, record;
    crdt_buf_init(&key, outcome->held.mem);
    crdt_buf_init(&record, outcome->held.mem);
    crdt__path_put(path, &key);
    if (outcome->competing > 0) put_record(outcome, &record);
    crdt_err       err = key.failed || record.failed ? CRDT_ENOMEM : CRDT_OK;
    crdt__shelf    shelf = {into, crdt_buf_bytes(&key)};
    crdt_view      value = crdt_buf_bytes(&record);
    crdt__shelving what = {is_this, &value, outcome->competing > 0 ? &value : NULL};
    if (err == CRDT_OK) err = crdt__shelf_put(txn, &shelf, &what, ret_wrote);
    crdt_buf_clear(&key);
    crdt_buf_clear(&record);
    return err;
}

crdt_err crdt_materialise(crdt_txn *txn, const crdt_rules *rules, const crdt_path *path,
                          crdt_view into, bool *ret_wrote)
{
    crdt__source from = {NULL, txn};
    crdt_outcome outcome;
    bool         wrote = false;
    if (path->depth > CRDT__PATH_KEYS_MAX) return CRDT_ELIMIT;
    crdt_err err = crdt__outcome_of(&from, rules, path, &outcome);
    if (err == CRDT_ENOENT) {
        crdt__outcome_init(&outcome, rules != NULL ? rules->mem : crdt_mem_default());
        err = CRDT_OK;
    }
    if (err != CRDT_OK) return err;
    err = put_outcome(txn, into, &outcome, path, &wrote);
    crdt_outcome_clear(&outcome);
    if (err == CRDT_OK && ret_wrote != NULL) *ret_wrote = wrote;
    return err;
}

/* -- Reading ----------------------------------------------------------------------------------- */

static crdt_err read_record(crdt_view record, crdt_outcome *outcome)
{
    crdt_limits limits = crdt_limits_default();
    crdt_dec    dec;
    crdt_dec_init(&dec, record, &limits);
    outcome->id.hi = crdt_dec_u64(&dec);
    outcome->id.lo = crdt_dec_u64(&dec);
    size_t   count = crdt_dec_count(&dec, 2, "record: too many items for its size");
    crdt_err err = crdt_dec_status(&dec);
    if (err == CRDT_OK) err = crdt__outcome_items(outcome, count);
    for (size_t i = 0; err == CRDT_OK && i < count; i++) {
        crdt_item *item = &outcome->held.items[i];
        *item = (crdt_item){.key = crdt_dec_view(&dec, record.size, "record: key")};
        item->value = crdt_dec_value(&dec);
    }
    if (err == CRDT_OK) err = crdt_dec_status(&dec);
    if (err == CRDT_OK && crdt_dec_left(&dec) > 0) err = CRDT_EMALFORMED;
    if (err == CRDT_OK) outcome->count = count;
    return err;
}

static int by_value(const void *a, const void *b)
{
    return crdt_value_compare(*(const crdt_value *)a, *(const crdt_value *)b);
}
_Static_assert(sizeof(crdt_value) <= CRDT__SORT_MAX, "what is sorted fits");

/* The i-th of the records by their bytes, so by id. Errors: ENOENT, ENOMEM. */
static crdt_err pick(crdt_ref set, size_t i, const crdt_mem *mem, crdt_value *ret_value)
{
    crdt_orset_iter it = crdt_orset_iterate(set);
    size_t          count = 0, all = (size_t)crdt_orset_count(set);
    if (i >= all) return CRDT_ENOENT;
    crdt_value *values = crdt__alloc(mem, all * sizeof *values);
    if (values == NULL) return CRDT_ENOMEM;
    while (count < all && crdt_orset_next(&it, &values[count])) count++;
    crdt__sort(values, count, sizeof *values, by_value);
    *ret_value = values[i];
    crdt__release(mem, values, all * sizeof *values);
    return CRDT_OK;
}

static crdt_err read_shelf(const crdt_store *store, const crdt__shelf *shelf, size_t i,
                           crdt_outcome *outcome)
{
    crdt__source from = {store, NULL};
    crdt_ref     set;
    crdt_value   value;
    crdt_err     err = crdt__shelf_find(&from, shelf, &set);
    if (err == CRDT_OK) err = pick(set, i, outcome->held.mem, &value);
    if (err != CRDT_OK) return err;
    return value.kind == CRDT_BYTES ? read_record(value.bytes, outcome) : CRDT_EMALFORMED;
}

crdt_err crdt_materialised(const crdt_store *store, crdt_view into, const crdt_path *path, size_t i,
                           crdt_outcome *ret_outcome)
{
    crdt_buf     key;
    crdt_outcome outcome;
    crdt__outcome_init(&outcome, crdt_mem_default());
    crdt_buf_init(&key, NULL);
    crdt__path_put(path, &key);
    crdt__shelf shelf = {into, crdt_buf_bytes(&key)};
    crdt_err    err = crdt_buf_status(&key);
    if (err == CRDT_OK) err = read_shelf(store, &shelf, i, &outcome);
    outcome.view.path = *path;
    if (err == CRDT_OK) *ret_outcome = outcome;
    else crdt_outcome_clear(&outcome);
    crdt_buf_clear(&key);
    return err;
}
