/* store/digest.c: digests of objects and of the whole store (rule R5). */
#include <string.h>

#include "crdt/store/impl.h"

#define PRESENCE_SECTION UINT64_MAX

/* types NULL: of all that is known here. */
static crdt_digest object_digest(const crdt__object *o, const crdt_types *types)
{
    if (o->type == &crdt__opaque_type) return (crdt_digest){0, 0}; /* R8: not comparable */
    crdt_blocks blocks;
    crdt_digest name = crdt_digest_of(o->key.bytes.data, o->key.bytes.size);
    crdt_blocks_init(&blocks, crdt_digest_block(name, o->key.minor, 0, name));
    if (types != NULL) o->type->digest_of(o->state, types, &blocks);
    else o->type->digest(o->state, &blocks);
    crdt_blocks_section(&blocks, PRESENCE_SECTION);
    crdt__sibs_digest(&crdt__presence, &o->presence, &blocks);
    return crdt_blocks_end(&blocks);
}

/* The hash of (context, cut, members). */
static crdt_digest rest_digest(const crdt_store *store)
{
    crdt_blocks         blocks;
    const crdt_context *parts[2] = {&store->context, &store->cut};
    crdt_digest         zero = {0, 0};
    crdt_dot            none = {1, 1};
    crdt_blocks_init(&blocks, zero);
    for (int p = 0; p < 2; p++) {
        crdt_blocks_section(&blocks, (uint64_t)p + 1);
        crdt_blocks_atom(&blocks, none);
        for (uint32_t i = 0; i < parts[p]->count; i++) {
            const crdt_run *run = &parts[p]->runs[i];
            crdt_blocks_u64(&blocks, run->replica);
            crdt_blocks_u64(&blocks, run->lo);
            crdt_blocks_u64(&blocks, run->hi);
        }
    }
    crdt_blocks_section(&blocks, 3);
    crdt_blocks_atom(&blocks, none);
    for (size_t i = 0; i < store->retired_count; i++) {
        if (store->retired[i].end == 0) continue;
        crdt_blocks_u64(&blocks, store->retired[i].replica);
        crdt_blocks_u64(&blocks, store->retired[i].end);
    }
    return crdt_blocks_end(&blocks);
}

void crdt__store_clean(crdt_store *store)
{
    while (store->dirty != NULL) {
        crdt__object *o = store->dirty;
        crdt_digest   digest = object_digest(o, NULL);
        store->sum = crdt_digest_add(store->sum, digest);
        crdt__object_clean(store, o);
        o->digest = digest;
    }
}

crdt_digest crdt_store_digest(crdt_store *store, const crdt_types *types)
{
    if (crdt__objects_ready(store) != CRDT_OK) return (crdt_digest){0, 0};
    crdt__store_clean(store);
    crdt_digest sum = store->sum;
    if (types != NULL) {
        crdt__objects it = crdt__objects_of(store);
        for (crdt__object *o; (o = crdt__objects_next(&it)) != NULL;) {
            bool known = crdt_types_by_id(types, (uint16_t)o->key.minor) != NULL;
            if (known && o->type->digest_of == NULL) continue;
            sum = crdt_digest_sub(sum, o->digest);
            if (known) sum = crdt_digest_add(sum, object_digest(o, types));
        }
    }
    return crdt_digest_add(sum, rest_digest(store));
}

crdt_digest crdt_ref_digest(const crdt_ref *ref)
{
    crdt_blocks blocks;
    crdt_digest zero = {0, 0};
    crdt_blocks_init(&blocks, zero);
    if (ref->state != NULL) ref->type->digest(ref->state, &blocks);
    return crdt_blocks_end(&blocks);
}
