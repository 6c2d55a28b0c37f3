/* store/parts.c: what a peer lacks, smallest parts, comparison, stability and retirement. */
#include <string.h>

#include "crdt/store/impl.h"

/* -- Delta since a context --------------------------------------------------------------------- */

crdt_err crdt__object_since(const crdt__object *from, const crdt_context *ctx, crdt_store *into)
{
    crdt__object *part;
    crdt_err      err =
        crdt__object_make(into, from->key.bytes, from->type, (uint16_t)from->key.minor, &part);
    if (err == CRDT_OK) err = crdt__object_keeps(into, part);
    if (err == CRDT_OK) {
        err = from->type->since(&into->space, from->state, ctx, part->state, part->keep);
    }
    if (err == CRDT_OK) {
        err = crdt__sibs_since(&crdt__presence, &into->space, &from->presence, ctx, &part->presence,
                               part->keep);
    }
    if (err == CRDT_OK) err = crdt__object_learn(into, part);
    if (err == CRDT_OK) {
        crdt__object_kept(into, part);
        crdt__object_touched(into, part, false);
        crdt__object_prune(into, part);
    }
    return err;
}

crdt_err crdt__store_copy_rest(const crdt_store *store, crdt_store *into)
{
    crdt_err err = crdt_context_copy(&into->context, &store->context);
    if (err == CRDT_OK) err = crdt_context_copy(&into->cut, &store->cut);
    for (size_t i = 0; err == CRDT_OK && i < store->retired_count; i++) {
        err = crdt__retired_add(into, store->retired[i].replica, store->retired[i].end);
    }
    return err;
}

crdt_err crdt_store_since(const crdt_store *store, const crdt_context *ctx, crdt_delta **ret_delta)
{
    if (store->kind != CRDT__STATE) return CRDT_EINVAL;
    crdt_store *since;
    crdt_err    err = crdt__objects_ready(store);
    if (err == CRDT_OK) err = crdt__store_like(store, CRDT__SINCE, &since);
    if (err != CRDT_OK) return err;
    err = crdt_context_copy(&since->base, ctx);
    if (err == CRDT_OK) err = crdt_context_intersect(&since->base, &store->context);
    if (err == CRDT_OK) err = crdt__store_copy_rest(store, since);
    crdt__objects it = crdt__objects_of(store);
    for (crdt__object *o; err == CRDT_OK && (o = crdt__objects_next(&it)) != NULL;) {
        err = crdt__object_since(o, &since->base, since);
    }
    if (err != CRDT_OK) {
        crdt_store_free(since);
        return err;
    }
    *ret_delta = since;
    return CRDT_OK;
}

/* -- Parts ------------------------------------------------------------------------------------- */

/* The i-th object that holds something. */
static crdt__object *nth_object(const crdt_store *store, size_t i)
{
    crdt__objects it = crdt__objects_of(store);
    crdt__object *o;
    while ((o = crdt__objects_next(&it)) != NULL) {
        if (!crdt__object_is_empty(o) && i-- == 0) return o;
    }
    return NULL;
}

/* The live dots of an object, into dots. */
static crdt_err live_dots(const crdt_store *store, const crdt__object *o, crdt_context *dots)
{
    crdt_store *scratch;
    crdt_err    err = crdt__store_like(store, CRDT__SINCE, &scratch);
    if (err != CRDT_OK) return err;
    err = crdt__object_since(o, &store->context, scratch);
    if (err == CRDT_OK) {
        crdt__objects       it = crdt__objects_of(scratch);
        const crdt__object *part = crdt__objects_next(&it);
        if (part != NULL && part->keep != NULL) err = crdt_context_union(dots, part->keep);
    }
    crdt_store_free(scratch);
    return err;
}

/* One object with the content and the context of its live dots. */
static crdt_err part_of(const crdt_store *store, const crdt__object *o, crdt_store *part)
{
    crdt_context none;
    crdt_context_init(&none, store->space.mem);
    crdt_err err = crdt__object_since(o, &none, part);
    return err == CRDT_OK ? live_dots(store, o, &part->context) : err;
}

/* What no object holds: the dots of removals, the cut, the members; and the entries' extent. */
static crdt_err part_rest(const crdt_store *store, crdt_store *part)
{
    crdt_context live;
    crdt_context_init(&live, store->space.mem);
    crdt_err      err = crdt__store_copy_rest(store, part);
    crdt__objects it = crdt__objects_of(store);
    for (crdt__object *o; err == CRDT_OK && (o = crdt__objects_next(&it)) != NULL;) {
        crdt__object *listed;
        err = live_dots(store, o, &live);
        bool told = o->type != &crdt__opaque_type; /* a fragment brings its own context */
        if (err == CRDT_OK && store->kind == CRDT__DELTA && told) {
            err = crdt__object_make(part, o->key.bytes, o->type, (uint16_t)o->key.minor, &listed);
        }
    }
    if (err == CRDT_OK) err = crdt_context_subtract(&part->context, &live);
    if (err == CRDT_OK) err = crdt_context_copy(&part->brought, &store->brought);
    crdt_context_clear(&live);
    return err;
}

crdt_err crdt_store_part(const crdt_store *store, size_t i, crdt_delta **ret_part)
{
    if (store->kind == CRDT__SINCE) return CRDT_EINVAL;
    *ret_part = NULL;
    crdt_err err = crdt__objects_ready(store);
    if (err != CRDT_OK) return err;
    const crdt__object *o = nth_object(store, i);
    bool                rest = o == NULL;
    if (rest && i > 0 && nth_object(store, i - 1) == NULL) return CRDT_OK;
    crdt_store *part;
    err = crdt__store_like(store, store->kind, &part);
    if (err != CRDT_OK) return err;
    err = rest ? part_rest(store, part) : part_of(store, o, part);
    bool nothing = rest && i > 0 && part->context.count == 0 && part->brought.count == 0 &&
                   part->cut.count == 0 && part->retired_count == 0;
    if (err != CRDT_OK || nothing) {
        crdt_store_free(part);
        return err;
    }
    *ret_part = part;
    return CRDT_OK;
}

/* -- Comparison -------------------------------------------------------------------------------- */

/* Is a's state within b's: does b stay the same when a is merged into it? */
static crdt_err is_within(const crdt_store *a, const crdt_store *b, bool *ret_within)
{
    crdt_store *copy = NULL;
    crdt_buf    before, after;
    crdt_buf_init(&before, b->space.mem);
    crdt_buf_init(&after, b->space.mem);
    crdt_err err = crdt_store_clone(b, 0, &copy);
    if (err == CRDT_OK) err = crdt_store_encode(copy, &before);
    if (err == CRDT_OK) err = crdt_store_merge(copy, a);
    if (err == CRDT_OK) err = crdt_store_encode(copy, &after);
    if (err == CRDT_OK) {
        *ret_within = crdt_view_compare(crdt_buf_bytes(&before), crdt_buf_bytes(&after)) == 0;
    }
    crdt_buf_clear(&before);
    crdt_buf_clear(&after);
    crdt_store_free(copy);
    return err;
}

crdt_err crdt_store_compare(const crdt_store *a, const crdt_store *b, crdt_order *ret_order)
{
    bool     before = false, after = false;
    crdt_err err = is_within(a, b, &before);
    if (err == CRDT_OK) err = is_within(b, a, &after);
    if (err != CRDT_OK) return err;
    *ret_order = before && after ? CRDT_EQUAL
                 : before        ? CRDT_BEFORE
                 : after         ? CRDT_AFTER
                                 : CRDT_CONCURRENT;
    return CRDT_OK;
}

/* -- Stability and retirement ------------------------------------------------------------------ */

crdt_err crdt_store_stabilise(crdt_store *store, const crdt_context *cut)
{
    if (store->kind != CRDT__STATE) return CRDT_EINVAL;
    if (store->txn.delta != NULL) return CRDT_EBUSY;
    if (!crdt_context_within(cut, &store->context)) return CRDT_EGAP;
    crdt_err err = crdt__objects_ready(store);
    if (err == CRDT_OK) err = crdt__store_ready(store, cut);
    if (err != CRDT_OK) return err;
    crdt_context_union_reserved(&store->cut, cut);
    crdt__store_collect(store, false);
    return CRDT_OK;
}

static size_t retired_place(const crdt_store *store, uint64_t replica)
{
    size_t i = 0;
    while (i < store->retired_count && store->retired[i].replica < replica) i++;
    return i;
}

uint64_t crdt__retired_end(const crdt_store *store, uint64_t replica)
{
    size_t i = retired_place(store, replica);
    if (i == store->retired_count || store->retired[i].replica != replica) return UINT64_MAX;
    return store->retired[i].end == 0 ? UINT64_MAX : store->retired[i].end - 1;
}

crdt_err crdt__retired_add(crdt_store *store, uint64_t replica, uint64_t end)
{
    size_t i = retired_place(store, replica), n = store->retired_count;
    if (i == n || store->retired[i].replica != replica) {
        crdt__retired *more = crdt__resize(store->space.mem, store->retired, n * sizeof *more,
                                           (n + 1) * sizeof *more);
        if (more == NULL) return CRDT_ENOMEM;
        memmove(more + i + 1, more + i, (n - i) * sizeof *more);
        more[i].replica = replica;
        more[i].end = 0;
        store->retired = more;
        store->retired_count = n + 1;
    }
    if (store->retired[i].end < end) store->retired[i].end = end;
    return CRDT_OK;
}

crdt_err crdt_store_retire(crdt_store *store, uint64_t replica)
{
    if (store->kind != CRDT__STATE || replica == 0) return CRDT_EINVAL;
    if (store->txn.delta != NULL) return CRDT_EBUSY;
    crdt_err err = crdt__objects_ready(store);
    if (err != CRDT_OK) return err;
    return crdt__retired_add(store, replica, crdt_context_base(&store->context, replica) + 1);
}
