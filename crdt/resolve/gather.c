/* resolve/gather.c: the siblings at a path, from whatever type holds them. */
#include <string.h>

#include "crdt/core/mem.h"
#include "crdt/core/sort.h"
#include "crdt/dwflag.h"
#include "crdt/expiry.h"
#include "crdt/lwwmap.h"
#include "crdt/max.h"
#include "crdt/min.h"
#include "crdt/mvreg.h"
#include "crdt/resolve/impl.h"
#include "crdt/revgraph.h"

crdt_err crdt__source_find(const crdt__source *from, crdt_view name, const crdt_type *type,
                           crdt_ref *ret_ref)
{
    return from->txn != NULL ? crdt_txn_find(from->txn, name, type, ret_ref)
                             : crdt_store_find(from->store, name, type, ret_ref);
}

/* -- Types ------------------------------------------------------------------------------------- */

/* What competes in those merges by itself: whoever reads them sees the one result. */
static bool merges_itself(const crdt_type *type)
{
    return type == &crdt_max_type || type == &crdt_min_type || type == &crdt_dwflag_type ||
           type == &crdt_expiry_type;
}

bool crdt__is_register(const crdt_type *type)
{
    return type->conflict != NULL && !merges_itself(type);
}

/* -- Gathering --------------------------------------------------------------------------------- */

static crdt_err add(crdt__gathered *g, crdt_sibling sibling)
{
    if (g->count == g->cap) {
        size_t        cap = crdt__grow(g->cap, g->count + 1);
        crdt_sibling *at = crdt__resize(g->mem, g->at, g->cap * sizeof *at, cap * sizeof *at);
        if (at == NULL) return CRDT_ENOMEM;
        g->at = at;
        g->cap = cap;
    }
    g->at[g->count++] = sibling;
    return CRDT_OK;
}

static crdt_err add_register(crdt__gathered *g, const crdt_ref *ref, crdt_view key)
{
    crdt_conflict c;
    crdt_err      err = CRDT_OK;
    for (size_t i = 0; err == CRDT_OK && crdt_ref_conflict(ref, i, &c); i++) {
        err = add(g, (crdt_sibling){key, c.value, c.dot, c.stamp, c.wins, false});
    }
    g->unstamped |= ref->type == &crdt_mvreg_type || ref->type == &crdt_revgraph_type;
    return err;
}

/* The values of the column that `winner` shows. */
static crdt_err add_column(crdt__gathered *g, const crdt_ref *row, const crdt_lwwmap_cell *winner,
                           crdt_view key)
{
    crdt_lwwmap_cell cell;
    crdt_err         err = CRDT_OK;
    for (size_t i = 0; err == CRDT_OK; i++) {
        if (!crdt_lwwmap_sibling(*row, winner->column, i, &cell)) break;
        bool shows = crdt_dot_equal(cell.dot, winner->dot);
        err = add(g, (crdt_sibling){key, cell.value, cell.dot, cell.stamp, shows, false});
    }
    return err;
}

static crdt_err add_row(crdt__gathered *g, const crdt_ref *row)
{
    crdt_lwwmap_cell *cells;
    size_t            count;
    crdt_err          err = crdt_lwwmap_cells(*row, INT64_MIN, g->mem, &cells, &count);
    if (err != CRDT_OK) return err;
    for (size_t i = 0; err == CRDT_OK && i < count; i++) {
        err = add_column(g, row, &cells[i], cells[i].column);
    }
    crdt_lwwmap_cells_free(g->mem, cells, count);
    return err;
}

static crdt_err add_map(crdt__gathered *g, const crdt_ref *map)
{
    crdt_ormap_iter it = crdt_ormap_iterate(*map);
    crdt_view       key;
    crdt_ref        ref;
    crdt_err        err = CRDT_OK;
    while (err == CRDT_OK && crdt_ormap_next(&it, &key, &ref)) {
        if (crdt__is_register(ref.type)) err = add_register(g, &ref, key);
    }
    return err;
}

/* -- Order, and what competes ------------------------------------------------------------------ */

static int by_key_and_dot(const void *a, const void *b)
{
    const crdt_sibling *x = a, *y = b;
    int                 order = crdt_view_compare(x->key, y->key);
    return order != 0 ? order : crdt_dot_compare(x->dot, y->dot);
}
_Static_assert(sizeof(crdt_sibling) <= CRDT__SORT_MAX, "what is sorted fits");

size_t crdt__gathered_group(const crdt_sibling *at, size_t count, size_t i)
{
    size_t end = i + 1;
    while (end < count && crdt_view_compare(at[end].key, at[i].key) == 0) end++;
    return end;
}

static void finish(crdt__gathered *g)
{
    crdt__sort(g->at, g->count, sizeof *g->at, by_key_and_dot);
    for (size_t i = 0, end; i < g->count; i = end) {
        bool several = false;
        end = crdt__gathered_group(g->at, g->count, i);
        for (size_t k = i + 1; k < end && !several; k++) {
            several = crdt_value_compare(g->at[k].value, g->at[i].value) != 0;
        }
        for (size_t k = i; k < end; k++) g->at[k].competes = several;
        if (several) g->competing += end - i;
    }
}

crdt_err crdt__gather_ref(const crdt_ref *ref, crdt__gathered *ret)
{
    crdt_err err = CRDT_ETYPE;
    if (crdt__is_register(ref->type)) err = add_register(ret, ref, crdt_view_of(NULL, 0));
    else if (ref->type == &crdt_lwwmap_type) err = add_row(ret, ref);
    else if (crdt_ormap_is(ref->type)) err = add_map(ret, ref);
    if (err == CRDT_OK) finish(ret);
    return err;
}

static crdt_err gather_column(const crdt_ref *row, crdt_view column, crdt__gathered *ret)
{
    crdt_lwwmap_cell winner;
    if (!crdt_lwwmap_get(*row, column, INT64_MIN, &winner)) return CRDT_ENOENT;
    crdt_err err = add_column(ret, row, &winner, crdt_view_of(NULL, 0));
    if (err == CRDT_OK) finish(ret);
    return err;
}

crdt_err crdt__gather(const crdt__source *from, const crdt_path *path, crdt__gathered *ret)
{
    crdt_ref ref;
    crdt_err err = crdt__source_find(from, path->name, NULL, &ref);
    for (size_t i = 0; err == CRDT_OK && i < path->depth; i++) {
        if (ref.type == &crdt_lwwmap_type && i + 1 == path->depth) {
            return gather_column(&ref, path->keys[i], ret);
        }
        err = crdt_ormap_is(ref.type) ? crdt_ormap_get(ref, &path->keys[i], 1, NULL, &ref)
                                      : CRDT_ENOENT;
    }
    return err == CRDT_OK ? crdt__gather_ref(&ref, ret) : err;
}

void crdt__gathered_clear(crdt__gathered *gathered)
{
    crdt__release(gathered->mem, gathered->at, gathered->cap * sizeof *gathered->at);
    *gathered = (crdt__gathered){.mem = gathered->mem};
}

/* -- The hash of a set ------------------------------------------------------------------------- */

void crdt__sibling_put(const crdt_sibling *sibling, crdt_buf *out)
{
    crdt_buf_view(out, sibling->key);
    crdt_buf_u64(out, sibling->dot.replica);
    crdt_buf_u64(out, sibling->dot.seq);
}

crdt_err crdt__set_digest(const crdt_path *path, const crdt_sibling *at, size_t count,
                          const crdt_mem *mem, crdt_digest *ret_set)
{
    crdt_buf bytes;
    crdt_buf_init(&bytes, mem);
    crdt__path_put(path, &bytes);
    for (size_t i = 0; i < count; i++) {
        if (!at[i].competes) continue;
        crdt__sibling_put(&at[i], &bytes);
    }
    crdt_err err = crdt_buf_status(&bytes);
    if (err == CRDT_OK) *ret_set = crdt_digest_of(bytes.data, bytes.size);
    crdt_buf_clear(&bytes);
    return err;
}
