/* store/origins.c: the ids and contexts that objects of unknown types came with, each held once.
 * See store/opaque.c. */
#include <string.h>

#include "crdt/store/opaque_impl.h"

static crdt_err origins_map(crdt_store *store)
{
    if (store->origins != NULL) return CRDT_OK;
    store->origins = crdt__alloc(store->space.mem, sizeof *store->origins);
    if (store->origins == NULL) return CRDT_ENOMEM;
    crdt__omap_init(store->origins, store->space.mem);
    return CRDT_OK;
}

/* Without origins there is no map. */
static void drop_map(crdt_store *store)
{
    if (store->origins == NULL || store->origins->count > 0) return;
    crdt__omap_clear(store->origins);
    crdt__release(store->space.mem, store->origins, sizeof *store->origins);
    store->origins = NULL;
}

void crdt__origin_drop(crdt_store *store, crdt__origin *origin)
{
    if (origin == NULL || --origin->refs > 0) return;
    crdt__omap_remove(store->origins, origin->key.bytes, 0);
    store->origins_bytes -= crdt__origin_size(origin);
    crdt__release(store->space.mem, origin, crdt__origin_size(origin));
    drop_map(store);
}

crdt_err crdt__origin_get(crdt_store *store, crdt_view bytes, crdt__origin **ret_origin)
{
    crdt_err      err = CRDT_ENOMEM;
    crdt__origin *o = store->origins ? crdt__omap_get(store->origins, bytes, 0) : NULL;
    if (o == NULL) {
        o = crdt__alloc(store->space.mem, sizeof *o + bytes.size);
        if (o == NULL) return CRDT_ENOMEM;
        memset(o, 0, sizeof *o);
        o->key.bytes = crdt_view_of(o->bytes, bytes.size);
        memcpy(o->bytes, bytes.data, bytes.size);
        if (origins_map(store) == CRDT_OK) err = crdt__omap_put(store->origins, o);
        if (err != CRDT_OK) {
            crdt__release(store->space.mem, o, crdt__origin_size(o));
            drop_map(store);
            return err;
        }
        store->origins_bytes += crdt__origin_size(o);
    }
    o->refs++;
    *ret_origin = o;
    return CRDT_OK;
}

static void put_origin(crdt_buf *out, const crdt_replicas *ids, const crdt_context *seen)
{
    crdt_enc enc = {out, ids, false};
    crdt_buf_varint(out, ids->count);
    for (size_t i = 0; i < ids->count; i++) crdt_buf_u64(out, ids->ids[i]);
    crdt_context_put(seen, &enc);
}

crdt_err crdt__origin_of(crdt_store *store, const crdt_replicas *ids, const crdt_context *seen,
                         crdt__origin **ret_origin)
{
    crdt_buf buf;
    crdt_buf_init(&buf, store->space.mem);
    put_origin(&buf, ids, seen);
    crdt_err err = crdt_buf_status(&buf);
    if (err == CRDT_OK) err = crdt__origin_get(store, crdt_buf_bytes(&buf), ret_origin);
    crdt_buf_clear(&buf);
    return err;
}

crdt_err crdt__origin_make(crdt_store *store, const uint64_t *ids, size_t count,
                           const crdt_context *seen, crdt__origin **ret_origin)
{
    crdt_replicas dict;
    crdt_replicas_init(&dict, store->space.mem);
    for (size_t i = 0; i < count; i++) crdt_replicas_add(&dict, ids[i]);
    crdt_err err = crdt_replicas_seal(&dict);
    if (err == CRDT_OK) err = crdt__origin_of(store, &dict, seen, ret_origin);
    crdt_replicas_clear(&dict);
    return err;
}

void crdt__parsed_clear(const crdt_space *space, crdt__parsed *p)
{
    crdt__release(space->mem, p->ids, p->count * sizeof *p->ids);
    crdt_context_clear(&p->seen);
}

crdt_err crdt__origin_read(const crdt_space *space, crdt_dec *dec, crdt__parsed *p)
{
    crdt_dec inner = *dec;
    memset(p, 0, sizeof *p);
    crdt_context_init(&p->seen, space->mem);
    size_t count = crdt_dec_count(&inner, 8, "replica ids of an origin");
    if (count > 0) {
        p->ids = crdt__alloc(space->mem, count * sizeof *p->ids);
        if (p->ids == NULL) return CRDT_ENOMEM;
        p->count = count;
    }
    for (size_t i = 0; i < count; i++) {
        p->ids[i] = crdt_dec_u64(&inner);
        if (p->ids[i] == 0 || (i > 0 && p->ids[i] <= p->ids[i - 1])) {
            crdt_dec_fail(&inner, CRDT_EMALFORMED, "an origin's replica ids are out of order");
        }
    }
    inner.dict = p->ids;
    inner.dict_count = count;
    crdt_err err = crdt_context_get(&p->seen, &inner);
    if (err != CRDT_OK) return err == CRDT_ENOMEM ? err : crdt_dec_fail(dec, err, inner.reason);
    dec->at = inner.at;
    return CRDT_OK;
}

crdt_err crdt__origin_parse(const crdt_space *space, const crdt__origin *origin, crdt__parsed *p)
{
    crdt_dec dec;
    crdt_dec_init(&dec, origin->key.bytes, space->limits);
    return crdt__origin_read(space, &dec, p);
}

size_t crdt__origins_bytes(const crdt_store *store)
{
    if (store->origins == NULL) return 0;
    return sizeof *store->origins + store->origins->bytes + store->origins_bytes;
}
