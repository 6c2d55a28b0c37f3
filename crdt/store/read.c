/* store/read.c: reading a store: what shows under a name, iteration, changes, statistics, audit. */
#include <string.h>

#include "crdt/store/impl.h"

crdt_ref crdt__object_ref(const crdt_store *store, const crdt__object *object)
{
    crdt_ref ref = {object->type, &store->space, object->state, NULL, NULL};
    return ref;
}

/* The greatest presence of an object, as (stamp, dot): the order in which types show (R12). An
 * object that lives by its content alone comes last. */
static bool shows_before(const crdt__object *a, const crdt__object *b)
{
    const crdt__sib *x = crdt__sibs_top(&a->presence);
    const crdt__sib *y = crdt__sibs_top(&b->presence);
    if (x == NULL || y == NULL) {
        if (x != NULL || y != NULL) return x != NULL;
        return a->key.minor < b->key.minor;
    }
    return crdt__sib_compare_stamps(x, y) > 0;
}

/* How many live objects under o's name show before it. */
static size_t rank_of(const crdt_store *store, const crdt__object *o)
{
    size_t        rank = 0;
    crdt__named   it;
    crdt__object *p = crdt__objects_named(store, o->key.bytes, &it);
    for (; p != NULL; p = crdt__objects_named_next(&it)) {
        if (p != o && p->live && shows_before(p, o)) rank++;
    }
    return rank;
}

static crdt__object *object_at(const crdt_store *store, crdt_view name, size_t rank)
{
    if (store->only != NULL) return name.size == 0 && rank == 0 ? store->only : NULL;
    crdt__named   it;
    crdt__object *shows = NULL, *o = crdt__objects_named(store, name, &it);
    for (; o != NULL; o = crdt__objects_named_next(&it)) {
        if (!o->live) continue;
        if (rank > 0 && rank_of(store, o) == rank) return o;
        if (rank == 0 && (shows == NULL || shows_before(o, shows))) shows = o;
    }
    return shows;
}

void crdt_store_expect(const crdt_store *store, const crdt_view *names, size_t count)
{
    const crdt__okey *nodes[CRDT__HINDEX_EXPECTS];
    count = crdt__hindex_expect(&store->index, names, count, nodes);
    for (size_t i = 0; i < count; i++) {
        const crdt__object *o = (const crdt__object *)(const void *)nodes[i];
        if (o != NULL && o->type->expect != NULL) o->type->expect(o->state);
    }
}

void crdt_store_expect_in(const crdt_store *store, crdt_view name, const crdt_value *elems,
                          size_t count)
{
    crdt__named         it;
    const crdt__object *o = crdt__objects_named(store, name, &it);
    for (; o != NULL; o = crdt__objects_named_next(&it)) {
        if (o->type->expect_in != NULL) o->type->expect_in(o->state, elems, count);
    }
}

static crdt_err make_ready(const crdt_store *store, const crdt__object *o, crdt_ref *ret_ref)
{
    *ret_ref = crdt__object_ref(store, o);
    if (o->type->open == NULL) return CRDT_OK;
    return o->type->open(&store->space, (void *)(uintptr_t)o->state);
}

crdt_err crdt_store_find(const crdt_store *store, crdt_view name, const crdt_type *type,
                         crdt_ref *ret_ref)
{
    crdt_err err = crdt__objects_ready(store);
    if (err != CRDT_OK) return err;
    const crdt__object *o = object_at(store, name, 0);
    if (o == NULL) return CRDT_ENOENT;
    if (type != NULL && o->type != type) return CRDT_ETYPE;
    return make_ready(store, o, ret_ref);
}

crdt_err crdt_store_beside(const crdt_store *store, crdt_view name, const crdt_type *type,
                           crdt_ref *ret_ref)
{
    if (!type->beside) return CRDT_EINVAL;
    crdt_err err = crdt__objects_ready(store);
    if (err != CRDT_OK) return err;
    const crdt__object *o = crdt__object_get(store, name, type->id);
    if (o == NULL || o->type != type || type->empty(o->state)) return CRDT_ENOENT;
    *ret_ref = crdt__object_ref(store, o);
    return CRDT_OK;
}

crdt_err crdt_store_object(const crdt_store *store, crdt_view name, const crdt_type *type,
                           crdt_ref *ret_ref)
{
    crdt_err err = crdt__objects_ready(store);
    if (err != CRDT_OK) return err;
    const crdt__object *o = crdt__object_get(store, name, type->id);
    if (o == NULL || o->type != type) return CRDT_ENOENT;
    return make_ready(store, o, ret_ref);
}

crdt_ref crdt_store_solo(const crdt_store *store)
{
    CRDT_ASSERT(store->only != NULL);
    (void)!crdt__objects_ready(store); /* without memory it is empty */
    return crdt__object_ref(store, store->only);
}

const crdt_type *crdt_store_type_at(const crdt_store *store, crdt_view name, size_t i)
{
    const crdt__object *o = NULL;
    if (crdt__objects_ready(store) == CRDT_OK) o = object_at(store, name, i);
    return o == NULL ? NULL : o->type;
}

static crdt_store_iter iter_of(const crdt_store *store, crdt__omap_iter at, crdt_err err)
{
    crdt_store_iter it = {store, {at.leaf, NULL}, at.index, err};
    return it;
}

crdt_store_iter crdt_store_iterate(const crdt_store *store)
{
    crdt_err err = crdt__objects_ready(store);
    return iter_of(store, crdt__omap_first(&store->objects), err);
}

crdt_store_iter crdt_store_iterate_from(const crdt_store *store, crdt_view name)
{
    crdt_err err = crdt__objects_ready(store);
    return iter_of(store, crdt__omap_seek(&store->objects, name, 0), err);
}

crdt_store_iter crdt_store_iterate_some(const crdt_store *store, uint64_t random)
{
    crdt_err err = crdt__objects_ready(store);
    return iter_of(store, crdt__omap_some(&store->objects, random), err);
}

bool crdt_store_next(crdt_store_iter *it, crdt_view *ret_name, crdt_ref *ret_ref)
{
    if (it->store->only != NULL) {
        if (it->at[1] != NULL) return false;
        it->at[1] = it->store->only;
        *ret_name = CRDT_SOLO;
        *ret_ref = crdt_store_solo(it->store);
        return true;
    }
    crdt__omap_iter at = {it->at[0], (unsigned)it->index};
    crdt__object   *o, *alike;
    while ((o = crdt__omap_next(&at)) != NULL && !o->live) {}
    while (o != NULL && (alike = crdt__omap_next_alike(&at)) != NULL) {
        if (alike->live && shows_before(alike, o)) o = alike;
    }
    it->at[0] = o == NULL ? NULL : at.leaf;
    it->index = at.index;
    if (o == NULL) return false;
    *ret_name = o->key.bytes;
    *ret_ref = crdt__object_ref(it->store, o);
    return true;
}

size_t crdt_store_count(const crdt_store *store)
{
    return store->names;
}

bool crdt_store_is_empty(const crdt_store *store)
{
    return store->context.count == 0;
}

const crdt_context *crdt_store_context(const crdt_store *store)
{
    return &store->context;
}

uint64_t crdt_store_replica(const crdt_store *store)
{
    return store->replica;
}

const crdt_type *crdt_store_knows(const crdt_store *store, size_t i)
{
    if (store->solo != NULL) return i == 0 ? store->solo : NULL;
    return i < store->types->count ? store->types->list[i] : NULL;
}

bool crdt_store_has_unknown(const crdt_store *store)
{
    return crdt__objects_ready(store) == CRDT_OK && store->origins != NULL;
}

const crdt_context *crdt_delta_brought(const crdt_delta *delta)
{
    return &delta->brought;
}

crdt_clock *crdt_store_clock(crdt_store *store)
{
    return &store->clock;
}

/* The first object on the list, taken off it. */
static crdt__object *pop_change(crdt_store *store)
{
    crdt__object *o = store->changes;
    if (o == NULL) return NULL;
    store->changes = o->next_change;
    if (store->changes == NULL) store->changes_last = NULL;
    return o;
}

static void forget_change(crdt_store *store, crdt__object *o)
{
    o->listed = o->told = false;
    crdt__object_prune(store, o);
}

/* What shows under the name of o. Of the other objects under it those that are listed need not be
 * told of any more. */
static const crdt__object *tell_of(const crdt_store *store, const crdt__object *o)
{
    const crdt__object *shows = NULL;
    if (store->only != NULL) return store->only;
    crdt__named   it;
    crdt__object *p = crdt__objects_named(store, o->key.bytes, &it);
    for (; p != NULL; p = crdt__objects_named_next(&it)) {
        if (p != o && p->listed) p->told = true;
        if (p->live && (shows == NULL || shows_before(p, shows))) shows = p;
    }
    return shows;
}

void crdt_store_track_changes(crdt_store *store, bool local)
{
    store->track_changes = local;
    store->track_remote = true;
}

bool crdt_store_next_change(crdt_store *store, crdt_change *ret_change)
{
    if (crdt__objects_ready(store) != CRDT_OK) return false;
    crdt__object *o = store->reported;
    store->reported = NULL;
    if (o != NULL) forget_change(store, o);
    while ((o = pop_change(store)) != NULL && o->told) forget_change(store, o);
    if (o == NULL) return false;
    store->reported = o;
    const crdt__object *shown = tell_of(store, o);
    ret_change->name = o->key.bytes;
    ret_change->type = shown == NULL ? NULL : shown->type;
    ret_change->remote = o->remote;
    return true;
}

/* -- Statistics and text ----------------------------------------------------------------------- */

crdt_stats crdt_ref_stats(const crdt_ref *ref)
{
    crdt_stats stats;
    memset(&stats, 0, sizeof stats);
    if (ref->state != NULL) ref->type->stats(ref->state, &stats);
    return stats;
}

crdt_stats crdt_store_stats(const crdt_store *store)
{
    crdt_stats stats;
    memset(&stats, 0, sizeof stats);
    if (crdt__objects_ready(store) != CRDT_OK) return stats;
    crdt__objects it = crdt__objects_of(store);
    for (crdt__object *o; (o = crdt__objects_next(&it)) != NULL;) {
        o->type->stats(o->state, &stats);
        crdt_stats presence;
        memset(&presence, 0, sizeof presence);
        crdt__sibs_stats(&crdt__presence, &o->presence, &presence);
        stats.dots += presence.dots;
        if (presence.stamp_max > stats.stamp_max) stats.stamp_max = presence.stamp_max;
        stats.payload += o->key.bytes.size;
        stats.metadata +=
            presence.payload + presence.metadata + crdt__object_bytes(o) - o->key.bytes.size;
    }
    stats.metadata += store->bytes + store->objects.bytes + store->index.bytes +
                      store->retired_count * sizeof(crdt__retired) + crdt__origins_bytes(store);
    const crdt_store *spare = store->txn.spare;
    if (spare != NULL) stats.metadata += spare->bytes + spare->objects.bytes;
    if (store->only != NULL) stats.metadata -= crdt__object_bytes(store->only); /* it was counted */
    const crdt_context *all[] = {&store->context, &store->brought, &store->base, &store->cut};
    for (size_t i = 0; i < 4; i++) {
        if (all[i]->cap > 2) stats.metadata += all[i]->cap * sizeof(crdt_run);
    }
    return stats;
}

void crdt_ref_print(const crdt_ref *ref, crdt_buf *out)
{
    ref->type->print(ref, out);
}

bool crdt_ref_conflict(const crdt_ref *ref, size_t i, crdt_conflict *ret_conflict)
{
    return ref->type->conflict != NULL && ref->type->conflict(ref, i, ret_conflict);
}

void crdt_store_print(const crdt_store *store, crdt_buf *out)
{
    crdt_store_iter it = crdt_store_iterate(store);
    crdt_view       name;
    crdt_ref        ref;
    while (crdt_store_next(&it, &name, &ref)) {
        crdt_value text = crdt_bytes(name.data, name.size);
        crdt_buf_print_value(out, text);
        crdt_buf_text(out, ": ");
        crdt_ref_print(&ref, out);
        crdt_buf_text(out, "\n");
    }
    if (it.err != CRDT_OK) out->failed = true;
}

/* -- Audit
 * -----------------------------------------------------------------------------------------------
 * */

static bool check_object(const crdt_store *store, const crdt__object *o, const char **ret_reason)
{
    if (!o->type->check(&store->space, o->state, &store->context, ret_reason)) return false;
    if (!crdt__sibs_check(&crdt__presence, &store->space, &o->presence, &store->context,
                          ret_reason))
        return false;
    if (o->type->beside && crdt__sibs_count(&o->presence) > 0) {
        *ret_reason = "presence of what stands beside a name";
        return false;
    }
    if (o->keep != NULL && !crdt_context_within(o->keep, &store->context)) {
        *ret_reason = "a kept dot is outside the context";
        return false;
    }
    return true;
}

static bool check_counts(const crdt_store *store, const char **ret_reason)
{
    size_t              names = 0;
    const crdt__object *last = NULL;
    crdt__omap_iter     it = crdt__omap_first(&store->objects);
    for (crdt__object *o; (o = crdt__omap_next(&it)) != NULL;) {
        crdt_ref ref = crdt__object_ref(store, o);
        bool     live = crdt__sibs_count(&o->presence) > 0 || o->type->alive(&ref);
        if (store->kind == CRDT__STATE && live != o->live) {
            *ret_reason = "an object's live flag is wrong";
            return false;
        }
        if (!o->live) continue;
        if (last == NULL || crdt_view_compare(last->key.bytes, o->key.bytes) != 0) names++;
        last = o;
    }
    if (store->kind == CRDT__STATE && store->only == NULL && names != store->names) {
        *ret_reason = "the count of names is wrong";
        return false;
    }
    return true;
}

bool crdt_store_check(const crdt_store *store, const char **ret_reason)
{
    const char  *ignored;
    const char **reason = ret_reason != NULL ? ret_reason : &ignored;
    if (crdt__objects_ready(store) != CRDT_OK) {
        *reason = "no memory to make the objects";
        return false;
    }
    if (!crdt__omap_check(&store->objects, reason)) return false;
    if (!crdt__hindex_check(&store->index, &store->objects, reason)) return false;
    if (!crdt_context_within(&store->cut, &store->context)) {
        *reason = "the cut is outside the context";
        return false;
    }
    crdt__objects it = crdt__objects_of(store);
    for (crdt__object *o; (o = crdt__objects_next(&it)) != NULL;) {
        if (!check_object(store, o, reason)) return false;
    }
    return check_counts(store, reason);
}
