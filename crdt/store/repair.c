/* store/repair.c: single objects, compared and replaced while two stores have equal contexts. */
#include <string.h>

#include "crdt/store/impl.h"

static bool is_repairable(const crdt_store *store)
{
    return store->kind == CRDT__STATE && store->only == NULL;
}

bool crdt_store_object_from(crdt_store *store, crdt_view name, uint16_t type,
                            crdt_object *ret_object)
{
    if (!is_repairable(store)) return false;
    crdt__store_clean(store);
    crdt__omap_iter it = crdt__omap_seek(&store->objects, name, type);
    for (const crdt__object *o; (o = crdt__omap_next(&it)) != NULL;) {
        if (o->type == &crdt__opaque_type || crdt__object_is_empty(o)) continue;
        ret_object->name = o->key.bytes;
        ret_object->type = (uint16_t)o->key.minor;
        ret_object->digest = o->digest;
        return true;
    }
    return false;
}

crdt_err crdt_store_object_encode(const crdt_store *store, crdt_view name, uint16_t type,
                                  crdt_buf *out)
{
    if (!is_repairable(store)) return CRDT_EINVAL;
    if (store->txn.delta != NULL) return CRDT_EBUSY;
    if (crdt_types_by_id(store->types, type) == NULL) return CRDT_ETYPE;
    const crdt__object *o = crdt__object_get(store, name, type);
    crdt_store         *one;
    crdt_context        none;
    crdt_err            err = crdt__store_like(store, CRDT__STATE, &one);
    if (err != CRDT_OK) return err;
    crdt_context_init(&none, store->space.mem);
    err = crdt__store_copy_rest(store, one);
    if (err == CRDT_OK && o != NULL) err = crdt__object_since(o, &none, one);
    if (err == CRDT_OK) err = crdt_store_encode(one, out);
    crdt_store_free(one);
    return err;
}

/* The store in the bytes of one object, and the object (NULL: none). */
static crdt_err read_one(const crdt_store *store, crdt_view name, uint16_t type, crdt_view in,
                         crdt_store **ret_one, crdt__object **ret_object)
{
    crdt_store *one;
    if (!is_repairable(store)) return CRDT_EINVAL;
    crdt_err err = crdt_delta_decode(store, in, &one, NULL);
    if (err != CRDT_OK) return err;
    crdt__object *o = crdt__object_get(one, name, type);
    if (one->kind != CRDT__STATE || one->objects.count != (o != NULL ? 1u : 0u) ||
        (o != NULL && o->type == &crdt__opaque_type)) {
        err = CRDT_EMALFORMED;
    } else if (!crdt_context_equal(&one->context, &store->context) ||
               !crdt_context_equal(&one->cut, &store->cut)) {
        err = CRDT_EGAP;
    }
    if (err != CRDT_OK) {
        crdt_store_free(one);
        return err;
    }
    *ret_one = one;
    *ret_object = o;
    return CRDT_OK;
}

crdt_err crdt_store_object_digest(const crdt_store *store, crdt_view name, uint16_t type,
                                  crdt_view in, crdt_digest *ret_digest)
{
    crdt_store   *one;
    crdt__object *o;
    crdt_err      err = read_one(store, name, type, in, &one, &o);
    if (err != CRDT_OK) return err;
    crdt__store_clean(one);
    *ret_digest = o == NULL ? (crdt_digest){0, 0} : o->digest;
    crdt_store_free(one);
    return CRDT_OK;
}

/* On the list of changes the new object takes the place of the old one. */
static void relist(crdt_store *store, crdt__object *old, crdt__object *fresh)
{
    if (store->reported == old) store->reported = fresh;
    if (store->changes_last == old) store->changes_last = fresh;
    fresh->listed = old->listed;
    fresh->told = old->told;
    if (!old->listed) return;
    fresh->next_change = old->next_change;
    crdt__object **at = &store->changes;
    while (*at != NULL && *at != old) at = &(*at)->next_change;
    if (*at == old) *at = fresh;
}

/* Content and digest of the old object no longer count. */
static void discount(crdt_store *store, crdt__object *old)
{
    if (old->dirty) crdt__object_clean(store, old);
    else store->sum = crdt_digest_sub(store->sum, old->digest);
    old->digest = (crdt_digest){0, 0};
}

static void empty_object(crdt_store *store, crdt__object *old)
{
    old->type->clear(&store->space, old->state);
    crdt__sibs_clear(&store->space, &old->presence);
    crdt__object_touched(store, old, true);
    crdt__object_prune(store, old);
}

/* A state that knows its store's space gets to know this one's. Errors: ENOMEM. */
static crdt_err rehome(crdt_store *store, crdt_store *one, crdt__object *object)
{
    const crdt_type *type = object->type;
    if (type->move == NULL) return CRDT_OK;
    void *room = crdt__alloc(store->space.mem, type->size);
    if (room == NULL) return CRDT_ENOMEM;
    type->init(&store->space, room);
    (void)type->move(&store->space, room, object->state);
    type->clear(&one->space, object->state);
    memcpy(object->state, room, type->size);
    crdt__release(store->space.mem, room, type->size);
    return CRDT_OK;
}

crdt_err crdt_store_object_replace(crdt_store *store, crdt_view name, uint16_t type, crdt_view in)
{
    crdt_store   *one;
    crdt__object *fresh, *old;
    if (store->txn.delta != NULL) return CRDT_EBUSY;
    crdt_err err = read_one(store, name, type, in, &one, &fresh);
    if (err != CRDT_OK) return err;
    if (one->origins != NULL) err = CRDT_ETYPE; /* something in it is of an unknown type */
    if (err == CRDT_OK && fresh != NULL) err = rehome(store, one, fresh);
    if (err != CRDT_OK) {
        crdt_store_free(one);
        return err;
    }
    old = crdt__object_get(store, name, type);
    if (old != NULL) crdt__object_before(store, old);
    else if (fresh != NULL && store->saving != NULL) {
        crdt__saving_keep(store, &fresh->key, NULL);
    }
    if (fresh != NULL) {
        crdt__object_clean(one, fresh);
        crdt__objects_remove(one, fresh);
        fresh->born = fresh->live = false;
        fresh->digest = (crdt_digest){0, 0};
        if (old == NULL) err = crdt__objects_put(store, fresh);
        else crdt__objects_replace(store, old, fresh);
    }
    if (err != CRDT_OK) crdt__object_free(one, fresh);
    else if (fresh == NULL && old != NULL) empty_object(store, old);
    else if (fresh != NULL) {
        if (old != NULL) {
            discount(store, old);
            fresh->live = old->live;
            relist(store, old, fresh);
            crdt__object_free(store, old);
        }
        crdt__object_touched(store, fresh, true);
    }
    crdt_store_free(one);
    return err;
}

bool crdt_store_redigest(crdt_store *store)
{
    crdt_digest   before = crdt_store_digest(store, NULL), sum = {0, 0};
    crdt__objects it = crdt__objects_of(store);
    for (const crdt__object *o; (o = crdt__objects_next(&it)) != NULL;) {
        sum = crdt_digest_add(sum, o->digest);
    }
    store->sum = sum;
    return !crdt_digest_equal(before, crdt_store_digest(store, NULL));
}
