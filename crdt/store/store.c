/* store.c: stores and their objects: making, finding, walking. See crdt/store.h. */
#include "crdt/store.h"

#include <string.h>

#include "crdt/store/impl.h"

crdt_options crdt_options_default(uint64_t replica, const crdt_types *types)
{
    crdt_options o;
    memset(&o, 0, sizeof o);
    o.struct_size = sizeof o;
    o.replica = replica;
    o.types = types;
    o.limits = crdt_limits_default();
    o.clock_bound_ms = 60000;
    return o;
}

const crdt__shape crdt__presence = {CRDT__CLOCK_STAMPS, CRDT__NO_VALUES, false,
                                    crdt__sib_compare_stamps};

static bool limits_ok(const crdt_limits *l)
{
    return l->value_bytes > 0 && l->value_bytes <= CRDT_VALUE_BYTES_MAX && l->name_bytes > 0 &&
           l->name_bytes <= CRDT_NAME_BYTES_MAX && l->depth > 0 && l->message_bytes > 0;
}

/* In memory for it. */
static void object_init(crdt__object *o, const crdt_space *space, crdt_view name,
                        const crdt_type *type, uint16_t id)
{
    memset(o, 0, sizeof *o);
    o->type = type;
    o->key.minor = id;
    o->key.bytes = crdt_view_of(o->state + type->size, name.size);
    if (name.size > 0) memcpy(o->state + type->size, name.data, name.size);
    type->init(space, o->state);
}

/* Where the solo object stands behind its store. */
#define SOLO_AT ((sizeof(crdt_store) + _Alignof(max_align_t) - 1) & ~(_Alignof(max_align_t) - 1))

/* A bare store. The caller sets limits, replica and clock bound. */
static crdt_store *store_make(const crdt_mem *mem, const crdt_types *types, const crdt_type *solo,
                              crdt__store_kind kind)
{
    size_t bytes = solo == NULL ? sizeof(crdt_store) : SOLO_AT + sizeof(crdt__object) + solo->size;
    crdt_store *s = crdt__alloc(mem, bytes);
    if (s == NULL) return NULL;
    memset(s, 0, sizeof *s);
    s->bytes = bytes;
    s->space.mem = mem;
    s->space.limits = &s->limits;
    s->space.seen = &s->context;
    s->space.cut = &s->cut;
    s->space.types = types;
    s->types = types;
    s->solo = solo;
    s->kind = kind;
    crdt_context_init(&s->context, mem);
    crdt_context_init(&s->brought, mem);
    crdt_context_init(&s->base, mem);
    crdt_context_init(&s->cut, mem);
    crdt__omap_init(&s->objects, mem);
    crdt__hindex_init(&s->index, mem);
    crdt_clock_init(&s->clock);
    s->txn.store = s;
    if (solo != NULL) {
        s->only = (crdt__object *)(void *)((char *)s + SOLO_AT);
        object_init(s->only, &s->space, CRDT_SOLO, solo, solo->id);
        s->names = 1;
    }
    return s;
}

crdt_err crdt_store_new(const crdt_options *options, crdt_store **ret_store)
{
    if (options == NULL || options->struct_size != sizeof *options) return CRDT_EINVAL;
    if (options->types == NULL && options->solo == NULL) return CRDT_EINVAL;
    if (!limits_ok(&options->limits)) return CRDT_EINVAL;
    const crdt_mem *mem = options->mem != NULL ? options->mem : crdt_mem_default();
    crdt_store     *s = store_make(mem, options->types, options->solo, CRDT__STATE);
    if (s == NULL) return CRDT_ENOMEM;
    s->limits = options->limits;
    s->replica = options->replica;
    s->track_changes = options->track_changes;
    s->space.forget_ids = options->forget_ids;
    s->clock.bound_ms = options->clock_bound_ms;
    *ret_store = s;
    return CRDT_OK;
}

crdt_err crdt_store_new_solo(const crdt_type *type, uint64_t replica, const crdt_mem *mem,
                             crdt_store **ret_store)
{
    if (type == NULL) return CRDT_EINVAL;
    crdt_options o = crdt_options_default(replica, NULL);
    o.solo = type;
    o.mem = mem;
    return crdt_store_new(&o, ret_store);
}

crdt_err crdt__store_like(const crdt_store *like, crdt__store_kind kind, crdt_store **ret_store)
{
    crdt_store *s = store_make(like->space.mem, like->types, like->solo, kind);
    if (s == NULL) return CRDT_ENOMEM;
    s->limits = like->limits;
    s->space.forget_ids = like->space.forget_ids;
    s->clock.bound_ms = like->clock.bound_ms;
    *ret_store = s;
    return CRDT_OK;
}

/* Free what a context holds, for good. */
static inline void drop_context(crdt_context *ctx)
{
    if (ctx->runs != ctx->few) crdt_context_clear(ctx);
}

static void drop_keep(crdt_store *store, crdt__object *object)
{
    if (object->keep == NULL) return;
    crdt_context_clear(object->keep);
    crdt__release(store->space.mem, object->keep, sizeof *object->keep);
    object->keep = NULL;
}

/* What the object holds, not the object. */
static void object_clear(crdt_store *store, crdt__object *object)
{
    object->type->clear(&store->space, object->state);
    if (object != store->only) crdt__sibs_clear(&store->space, &object->presence);
    drop_keep(store, object);
}

void crdt__object_free(crdt_store *store, crdt__object *object)
{
    size_t bytes = crdt__object_bytes(object);
    object_clear(store, object);
    crdt__release(store->space.mem, object, bytes);
}

/* The object of a stand-alone store stays, empty. */
static void empty_only(crdt_store *store)
{
    crdt__object *o = store->only;
    object_clear(store, o);
    o->dirty = o->listed = o->told = false;
    o->digest = (crdt_digest){0, 0};
    o->next_change = NULL;
}

void crdt__objects_drop(crdt_store *store)
{
    if (store->only != NULL) empty_only(store);
    crdt__omap_iter it = crdt__omap_first(&store->objects);
    for (crdt__object *o; (o = crdt__omap_next(&it)) != NULL;) crdt__object_free(store, o);
    crdt__omap_clear(&store->objects);
    crdt__hindex_clear(&store->index);
    store->dirty = store->changes = store->changes_last = NULL;
}

void crdt__delta_reset(crdt_store *delta)
{
    crdt__omap_iter it = crdt__omap_first(&delta->objects);
    for (crdt__object *o; (o = crdt__omap_next(&it)) != NULL;) crdt__object_free(delta, o);
    crdt__omap_reset(&delta->objects);
    crdt__hindex_clear(&delta->index);
    crdt_context_clear(&delta->context);
    crdt_context_clear(&delta->brought);
}

void crdt_store_free(crdt_store *store)
{
    if (store == NULL) return;
    const crdt_mem *mem = store->space.mem;
    if (store->txn.delta != NULL) crdt_store_rollback(store);
    crdt_store_free(store->txn.spare);
    crdt_store_save_end(store);
    crdt__objects_drop(store);
    crdt__release(mem, store->packed, store->packed_size);
    drop_context(&store->context);
    drop_context(&store->brought);
    drop_context(&store->base);
    drop_context(&store->cut);
    crdt__release(mem, store->retired, store->retired_count * sizeof *store->retired);
    crdt__release(mem, store, store->bytes);
}

/* Of a delta since a context: what each object left out. */
static crdt_err copy_keeps(crdt_store *copy, const crdt_store *store)
{
    crdt__objects it = crdt__objects_of(store);
    for (crdt__object *o; (o = crdt__objects_next(&it)) != NULL;) {
        crdt__object *mine;
        if (o->keep == NULL) continue;
        uint16_t id = (uint16_t)o->key.minor;
        crdt_err err = crdt__object_make(copy, o->key.bytes, o->type, id, &mine);
        if (err == CRDT_OK) err = crdt__object_keeps(copy, mine);
        if (err == CRDT_OK) err = crdt_context_copy(mine->keep, o->keep);
        if (err != CRDT_OK) return err;
    }
    return CRDT_OK;
}

crdt_err crdt_store_clone(const crdt_store *store, uint64_t replica, crdt_store **ret_store)
{
    if (store->txn.delta != NULL) return CRDT_EBUSY;
    crdt_store *copy;
    crdt_err    err = crdt__objects_ready(store);
    if (err == CRDT_OK) err = crdt__store_like(store, store->kind, &copy);
    if (err != CRDT_OK) return err;
    copy->replica = replica;
    copy->track_changes = store->track_changes;
    copy->track_remote = store->track_remote;
    err = crdt_context_copy(&copy->base, &store->base);
    if (err == CRDT_OK) err = crdt__store_join(copy, store);
    if (err == CRDT_OK) err = copy_keeps(copy, store);
    crdt_change change;
    while (crdt_store_next_change(copy, &change)) {}
    if (err != CRDT_OK) {
        crdt_store_free(copy);
        return err;
    }
    copy->clock = store->clock;
    *ret_store = copy;
    return CRDT_OK;
}

/* -- Objects -------------------------------------------------------------------------------------
 * */

crdt_err crdt__object_keeps(crdt_store *store, crdt__object *object)
{
    object->keep = crdt__alloc(store->space.mem, sizeof *object->keep);
    if (object->keep == NULL) return CRDT_ENOMEM;
    crdt_context_init(object->keep, store->space.mem);
    return CRDT_OK;
}

void crdt__object_kept(crdt_store *store, crdt__object *object)
{
    if (object->keep->count == 0) drop_keep(store, object);
}

crdt__object *crdt__object_get(const crdt_store *store, crdt_view name, uint16_t id)
{
    if (store->only != NULL) {
        return name.size == 0 && id == store->only->key.minor ? store->only : NULL;
    }
    crdt__hfinder finder;
    if (store->objects.count == 0) return NULL;
    if (!crdt__hindex_find(&store->index, name, &finder)) {
        return crdt__omap_get(&store->objects, name, id);
    }
    crdt__object *o;
    while ((o = crdt__hindex_next(&finder)) != NULL && o->key.minor != id) {}
    return o;
}

crdt__object *crdt__objects_named(const crdt_store *store, crdt_view name, crdt__named *ret_it)
{
    if (store->objects.count == 0) return NULL;
    if (crdt__hindex_find(&store->index, name, &ret_it->finder)) {
        return crdt__hindex_next(&ret_it->finder);
    }
    ret_it->finder.block = NULL;
    ret_it->at = crdt__omap_seek(&store->objects, name, 0);
    crdt__object *o = crdt__omap_next(&ret_it->at);
    return o != NULL && crdt_view_compare(o->key.bytes, name) == 0 ? o : NULL;
}

crdt__object *crdt__objects_named_next(crdt__named *it)
{
    if (it->finder.block != NULL) return crdt__hindex_next(&it->finder);
    return crdt__omap_next_alike(&it->at);
}

#define INDEXED_FROM 128u /* objects: up to there the map is as fast */

crdt_err crdt__objects_put(crdt_store *store, crdt__object *object)
{
    crdt_err err = crdt__omap_put(&store->objects, object);
    if (err != CRDT_OK) return err;
    if (store->index.directory != NULL) {
        crdt__hindex_add(&store->index, &object->key);
        return CRDT_OK;
    }
    if (store->objects.count < INDEXED_FROM || !crdt__hindex_begin(&store->index)) return CRDT_OK;
    crdt__omap_iter it = crdt__omap_first(&store->objects);
    for (crdt__object *o; (o = crdt__omap_next(&it)) != NULL;) {
        crdt__hindex_add(&store->index, &o->key);
    }
    return CRDT_OK;
}

void crdt__objects_remove(crdt_store *store, crdt__object *object)
{
    crdt__hindex_remove(&store->index, &object->key);
    crdt__omap_remove(&store->objects, object->key.bytes, object->key.minor);
}

void crdt__objects_replace(crdt_store *store, const crdt__object *old, crdt__object *object)
{
    crdt__hindex_replace(&store->index, &old->key, &object->key);
    (void)crdt__omap_replace(&store->objects, object);
}

crdt_err crdt__object_add(crdt_store *store, crdt_view name, const crdt_type *type, uint16_t id,
                          crdt__object **ret_object)
{
    if (store->only != NULL) return CRDT_EINVAL;
    crdt__object *o = crdt__alloc(store->space.mem, sizeof *o + type->size + name.size);
    if (o == NULL) return CRDT_ENOMEM;
    object_init(o, &store->space, name, type, id);
    crdt_err err = crdt__objects_put(store, o);
    if (err != CRDT_OK) {
        crdt__object_free(store, o);
        return err;
    }
    *ret_object = o;
    return CRDT_OK;
}

crdt_err crdt__object_make(crdt_store *store, crdt_view name, const crdt_type *type, uint16_t id,
                           crdt__object **ret_object)
{
    *ret_object = crdt__object_get(store, name, id);
    return *ret_object != NULL ? CRDT_OK : crdt__object_add(store, name, type, id, ret_object);
}

size_t crdt__object_held(const crdt__object *o)
{
    size_t     bytes = crdt__object_bytes(o) + crdt__sibs_beyond(&o->presence);
    crdt_stats stats;
    if (o->keep != NULL) {
        bytes += sizeof *o->keep;
        if (o->keep->runs != o->keep->few) bytes += o->keep->cap * sizeof *o->keep->runs;
    }
    if (o->type->bytes != NULL) return bytes + o->type->bytes(o->state);
    memset(&stats, 0, sizeof stats);
    o->type->stats(o->state, &stats);
    return bytes + (size_t)(stats.payload + stats.metadata);
}

bool crdt__object_is_empty(const crdt__object *object)
{
    return crdt__sibs_count(&object->presence) == 0 && object->type->empty(object->state);
}

void crdt__object_clean(crdt_store *store, crdt__object *object)
{
    if (!object->dirty) return;
    object->dirty = false;
    if (object->prev_dirty != NULL) object->prev_dirty->next_dirty = object->next_dirty;
    else store->dirty = object->next_dirty;
    if (object->next_dirty != NULL) object->next_dirty->prev_dirty = object->prev_dirty;
    object->digest = (crdt_digest){0, 0};
}

void crdt__object_prune(crdt_store *store, crdt__object *object)
{
    if (object == store->only || object->listed) return;
    if (object->keep != NULL || !crdt__object_is_empty(object)) return;
    crdt__object_clean(store, object);
    crdt__objects_remove(store, object);
    crdt__object_free(store, object);
}

/* Does another type live under the same name? */
static bool other_lives(const crdt_store *store, const crdt__object *object)
{
    crdt__named   it;
    crdt__object *o = crdt__objects_named(store, object->key.bytes, &it);
    for (; o != NULL; o = crdt__objects_named_next(&it)) {
        if (o != object && o->live) return true;
    }
    return false;
}

static void list_change(crdt_store *store, crdt__object *object, bool remote)
{
    object->remote = remote;
    object->told = false;
    if (object == store->reported) store->reported = NULL; /* it changed again: listed anew */
    else if (object->listed) return;
    object->listed = true;
    object->next_change = NULL;
    if (store->changes == NULL) store->changes = object;
    else store->changes_last->next_change = object;
    store->changes_last = object;
}

/* Does the name of a named object exist by it? */
static void update_live(crdt_store *store, crdt__object *object)
{
    crdt_ref ref = crdt__object_ref(store, object);
    bool     live = crdt__sibs_count(&object->presence) > 0 || object->type->alive(&ref);
    if (live == object->live) return;
    object->live = live;
    if (other_lives(store, object)) return;
    if (live) store->names++;
    else store->names--;
}

crdt_err crdt__object_learn(const crdt_store *store, crdt__object *object)
{
    if (store->only != NULL || object->type->learn == NULL) return CRDT_OK;
    return object->type->learn(&store->space, object->state);
}

crdt_err crdt__objects_learn(const crdt_store *store)
{
    crdt__objects it = crdt__objects_of(store);
    crdt_err      err = CRDT_OK;
    for (crdt__object *o; err == CRDT_OK && (o = crdt__objects_next(&it)) != NULL;) {
        err = crdt__object_learn(store, o);
    }
    return err;
}

void crdt__object_touched(crdt_store *store, crdt__object *object, bool remote)
{
    if (store->only == NULL) update_live(store, object);
    if (!object->dirty) {
        store->sum = crdt_digest_sub(store->sum, object->digest);
        object->dirty = true; /* from here on its links stand where the digest was */
        object->prev_dirty = NULL;
        object->next_dirty = store->dirty;
        if (store->dirty != NULL) store->dirty->prev_dirty = object;
        store->dirty = object;
    }
    if (store->track_changes || (remote && store->track_remote)) {
        list_change(store, object, remote);
    }
}

crdt__objects crdt__objects_of(const crdt_store *store)
{
    if (store->only != NULL) return (crdt__objects){{NULL, 0}, store->only};
    return (crdt__objects){crdt__omap_first(&store->objects), NULL};
}

crdt__object *crdt__objects_next(crdt__objects *it)
{
    if (it->only != NULL) {
        crdt__object *o = it->only;
        it->only = NULL;
        return o;
    }
    return crdt__omap_next(&it->at);
}

crdt_err crdt_store_renew(crdt_store *store, uint64_t replica)
{
    if (store->kind != CRDT__STATE || replica == 0) return CRDT_EINVAL;
    if (store->txn.delta != NULL) return CRDT_EBUSY;
    if (crdt_context_max(&store->context, replica) != 0) return CRDT_EEXIST;
    store->replica = replica;
    return CRDT_OK;
}

crdt_err crdt_store_apply(crdt_store *store, uint64_t now_ms, crdt_view name, const crdt_op *op,
                          const crdt_value *args, size_t argc, crdt_delta **ret_delta)
{
    crdt_txn *txn;
    crdt_err  err = crdt_store_begin(store, now_ms, &txn);
    if (err != CRDT_OK) return err;
    err = crdt_txn_apply(txn, name, op, args, argc);
    if (err == CRDT_OK) err = crdt_store_commit(store, ret_delta);
    if (err != CRDT_OK) crdt_store_rollback(store);
    return err;
}
