/* seq/seq_set.c: values set for elements of a list. See seq.h.
 *
 * Of several sets of one element the greatest (stamp, replica, sequence) is kept; a dead element
 * has none. Until the next keep a changed set holds a copy of what it was.
 */
#include <string.h>

#include "crdt/core/bytes.h"
#include "crdt/core/mem.h"
#include "crdt/seq/seq_forget.h"
#include "crdt/seq/seq_stand.h"

static void key_of(crdt__elem elem, uint8_t id[12])
{
    crdt__store_be(crdt__store_be(id, elem.replica, 8), elem.ctr, 4);
}

crdt__elem crdt__set_elem(const crdt__set *set)
{
    crdt__elem elem = {0, 0};
    for (unsigned i = 0; i < 8; i++) elem.replica = elem.replica << 8 | set->id[i];
    for (unsigned i = 8; i < 12; i++) elem.ctr = elem.ctr << 8 | set->id[i];
    return elem;
}

static crdt__set *find(const crdt__seq *seq, crdt__elem elem)
{
    if (seq->sets.count == 0) return NULL;
    uint8_t id[12];
    key_of(elem, id);
    return crdt__omap_get(&seq->sets, crdt_view_of(id, sizeof id), 0);
}

const crdt__set *crdt__seq_set_of(const crdt__seq *seq, crdt__elem elem)
{
    const crdt__set *set = find(seq, elem);
    return set == NULL || set->gone ? NULL : set;
}

/* -- Memory ------------------------------------------------------------------------------------ */

static crdt_err own_value(crdt__seq *seq, crdt_value value, crdt_value *ret_value)
{
    *ret_value = value;
    if (value.kind != CRDT_BYTES || value.bytes.size == 0) return CRDT_OK;
    void *copy = crdt__alloc(seq->space->mem, value.bytes.size);
    if (copy == NULL) return CRDT_ENOMEM;
    memcpy(copy, value.bytes.data, value.bytes.size);
    ret_value->bytes.data = copy;
    return CRDT_OK;
}

static void free_value(crdt__seq *seq, crdt_value value)
{
    if (value.kind != CRDT_BYTES || value.bytes.size == 0) return;
    crdt__release(seq->space->mem, (void *)(uintptr_t)value.bytes.data, value.bytes.size);
}

static void free_set(crdt__seq *seq, crdt__set *set)
{
    free_value(seq, set->value);
    crdt__release(seq->space->mem, set, sizeof *set);
}

static void free_before(crdt__seq *seq, crdt__set *set)
{
    if (set->before != NULL && set->before != set) free_set(seq, set->before);
    set->before = NULL;
}

void crdt__seq_clear_sets(crdt__seq *seq)
{
    crdt__omap_iter it = crdt__omap_first(&seq->sets);
    for (crdt__set *set; (set = crdt__omap_next(&it)) != NULL;) {
        free_before(seq, set);
        free_set(seq, set);
    }
    crdt__omap_clear(&seq->sets);
    seq->changed_sets = NULL;
}

/* -- Changes ----------------------------------------------------------------------------------- */

static void list_changed(crdt__seq *seq, crdt__set *set, crdt__set *before)
{
    set->before = before;
    set->next_changed = seq->changed_sets;
    seq->changed_sets = set;
}

/* A set that holds nothing yet. */
static crdt_err make(crdt__seq *seq, crdt__elem elem, crdt__set **ret_set)
{
    crdt__set *set = crdt__alloc(seq->space->mem, sizeof *set);
    if (set == NULL) return CRDT_ENOMEM;
    memset(set, 0, sizeof *set);
    key_of(elem, set->id);
    set->key.bytes = crdt_view_of(set->id, sizeof set->id);
    crdt_err err = crdt__omap_put(&seq->sets, set);
    if (err != CRDT_OK) {
        crdt__release(seq->space->mem, set, sizeof *set);
        return err;
    }
    set->gone = true;
    list_changed(seq, set, set);
    *ret_set = set;
    return CRDT_OK;
}

/* Keep a copy of what it is, for undo. */
static crdt_err remember(crdt__seq *seq, crdt__set *set)
{
    if (set->before != NULL) return CRDT_OK;
    crdt__set *copy = crdt__alloc(seq->space->mem, sizeof *copy);
    if (copy == NULL) return CRDT_ENOMEM;
    *copy = *set;
    crdt_err err = own_value(seq, set->value, &copy->value);
    if (err != CRDT_OK) {
        crdt__release(seq->space->mem, copy, sizeof *copy);
        return err;
    }
    list_changed(seq, set, copy);
    return CRDT_OK;
}

static bool is_later(const crdt__set *set, uint64_t stamp, crdt_dot dot)
{
    if (set->gone || stamp != set->stamp) return set->gone || stamp > set->stamp;
    return crdt_dot_compare(dot, set->dot) > 0;
}

/* All that a change of the element's set may fail in: its node, a copy of what it was, a copy of
 * the value. */
static crdt_err ready(crdt__seq *seq, crdt__elem elem, crdt_value value, crdt__set **ret_set,
                      crdt_value *ret_owned)
{
    crdt_err err = own_value(seq, value, ret_owned);
    if (err != CRDT_OK) return err;
    *ret_set = find(seq, elem);
    err = *ret_set == NULL ? make(seq, elem, ret_set) : remember(seq, *ret_set);
    if (err != CRDT_OK) free_value(seq, *ret_owned);
    return err;
}

static void fill(crdt__seq *seq, crdt__set *set, crdt_value owned, crdt_dot dot, uint64_t stamp)
{
    free_value(seq, set->value);
    set->value = owned;
    set->dot = dot;
    set->stamp = stamp;
    set->gone = false;
    seq->changed = true;
}

crdt_err crdt__seq_put_set(crdt__seq *seq, crdt__elem elem, crdt_dot dot, uint64_t stamp,
                           crdt_value value)
{
    uint32_t cid;
    if (crdt__seq_is_gone(seq, elem)) return CRDT_OK;
    if (crdt__seq_find(seq, elem, &cid)) {
        crdt_err err = crdt__order_want_index(&seq->order);
        if (err != CRDT_OK) return err;
        if (crdt__seq_is_deleted(seq, cid)) return CRDT_OK;
    }
    crdt__set *set = find(seq, elem);
    if (set != NULL && !is_later(set, stamp, dot)) {
        bool same = !set->gone && stamp == set->stamp && crdt_dot_equal(dot, set->dot);
        return same && crdt_value_compare(value, set->value) != 0 ? CRDT_EFORK : CRDT_OK;
    }
    crdt_value owned;
    crdt_err   err = ready(seq, elem, value, &set, &owned);
    if (err == CRDT_OK) fill(seq, set, owned, dot, stamp);
    return err;
}

/* A set that goes needs no copy: it stays, marked, until the next keep. */
void crdt__seq_drop_sets(crdt__seq *seq, crdt__elem first, uint32_t len)
{
    uint8_t id[12];
    key_of(first, id);
    crdt__omap_iter it = crdt__omap_seek(&seq->sets, crdt_view_of(id, sizeof id), 0);
    for (crdt__set *set; (set = crdt__omap_next(&it)) != NULL;) {
        crdt__elem elem = crdt__set_elem(set);
        if (elem.replica != first.replica || elem.ctr - first.ctr >= len) return;
        set->gone = true;
        seq->dropped_sets = true;
    }
}

static void remove_set(crdt__seq *seq, crdt__set *set)
{
    crdt__omap_remove(&seq->sets, set->key.bytes, 0);
    free_set(seq, set);
}

/* Take out those that are gone. */
static void sweep(crdt__seq *seq)
{
    crdt__set      *drop = NULL;
    crdt__omap_iter it = crdt__omap_first(&seq->sets);
    for (crdt__set *set; (set = crdt__omap_next(&it)) != NULL;) {
        if (!set->gone) continue;
        set->next_changed = drop;
        drop = set;
    }
    while (drop != NULL) {
        crdt__set *set = drop;
        drop = set->next_changed;
        remove_set(seq, set);
    }
    seq->dropped_sets = false;
}

/* Two lists, ascending, as one. */
static crdt__set *merge_lists(crdt__set *a, crdt__set *b)
{
    crdt__set *all = NULL, **end = &all;
    while (a != NULL && b != NULL) {
        crdt__set **least = memcmp(a->id, b->id, sizeof a->id) < 0 ? &a : &b;
        *end = *least;
        *least = (*least)->next_changed;
        end = &(*end)->next_changed;
    }
    *end = a != NULL ? a : b;
    return all;
}

crdt__set *crdt__sets_changed(crdt__seq *seq)
{
    if (seq->changed_sets == NULL) return NULL;
    crdt__set *lists[32] = {NULL}, *next; /* the i-th of 2^i sets, or none */
    for (crdt__set *set = seq->changed_sets; set != NULL; set = next) {
        unsigned i = 0;
        next = set->next_changed;
        set->next_changed = NULL;
        for (; i < 31 && lists[i] != NULL; i++) {
            set = merge_lists(lists[i], set);
            lists[i] = NULL;
        }
        lists[i] = merge_lists(lists[i], set);
    }
    seq->changed_sets = NULL;
    for (unsigned i = 0; i < 32; i++) {
        seq->changed_sets = merge_lists(lists[i], seq->changed_sets);
    }
    return seq->changed_sets;
}

void crdt__seq_keep_sets(crdt__seq *seq)
{
    for (crdt__set *set = seq->changed_sets; set != NULL; set = set->next_changed) {
        free_before(seq, set);
    }
    seq->changed_sets = NULL;
    if (seq->dropped_sets) sweep(seq);
}

void crdt__seq_undo_sets(crdt__seq *seq)
{
    if (seq->dropped_sets) {
        crdt__omap_iter it = crdt__omap_first(&seq->sets);
        for (crdt__set *set; (set = crdt__omap_next(&it)) != NULL;) set->gone = false;
        seq->dropped_sets = false;
    }
    crdt__set *next;
    for (crdt__set *set = seq->changed_sets; set != NULL; set = next) {
        next = set->next_changed;
        crdt__set *before = set->before;
        if (before == set) {
            remove_set(seq, set);
            continue;
        }
        free_value(seq, set->value);
        set->value = before->value;
        set->dot = before->dot;
        set->stamp = before->stamp;
        set->gone = false;
        set->before = NULL;
        crdt__release(seq->space->mem, before, sizeof *before);
    }
    seq->changed_sets = NULL;
}

crdt_err crdt__seq_set(crdt_target *target, uint32_t pos, crdt_value value)
{
    crdt__seq *seq = crdt__seq_in(target);
    crdt__seq_settle(seq);
    crdt__place      place = crdt__order_at(&seq->order, pos);
    crdt__elem       elem = crdt__seq_elem(seq, crdt__shown_by(seq, crdt__order_cid(place)));
    const crdt__set *old = crdt__seq_set_of(seq, elem);
    uint64_t         over = old == NULL ? 0 : old->stamp;
    crdt__set       *set;
    crdt_value       owned;
    crdt_err         err = crdt_target_reserve(target, 1, 0);
    if (err == CRDT_OK) err = ready(seq, elem, value, &set, &owned);
    if (err != CRDT_OK) return err;
    crdt_dot dot = crdt_target_dot(target); /* keys on the way are stamped first */
    uint64_t stamp = crdt_target_stamp(target, over);
    if (is_later(set, stamp, dot)) fill(seq, set, owned, dot, stamp);
    else free_value(seq, owned); /* where stamps end a greater replica's stays */
    return CRDT_OK;
}
