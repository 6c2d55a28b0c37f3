/* laws/paths.c: op = delta = state = any mix: fresh observers get the same history by different
 * ways and end in the same bytes. And what decomposition promises. */
#include <string.h>

#include "crdt/laws/kit.h"

typedef struct paths {
    kit       *k;
    kit_world *w;
    kit_pool  *pool;
    crdt_view  end; /* the bytes in which every way must end */
} paths;

static bool observer(const paths *p, crdt_store **ret_store)
{
    WORKS(p->k, CRDT_LAW_DELIVERIES_AGREE, crdt__laws_store(p->k, p->w->names, 0, ret_store));
    return true;
}

static bool arrived(const paths *p, crdt_store *store, const char *way)
{
    if (!crdt__laws_is(p->k, CRDT_LAW_DELIVERIES_AGREE, store, p->end, way)) return false;
    if (!crdt__laws_sound(p->k, store, way)) return false;
    crdt_store_free(store);
    return true;
}

/* -- The ways -------------------------------------------------------------------------------- */

static bool by_deltas_in_causal_order(const paths *p)
{
    crdt_store *s;
    unsigned    order[KIT_ENTRIES], n = crdt__laws_world_order(p->w, &p->k->rand, order);
    if (!observer(p, &s)) return false;
    for (unsigned i = 0; i < n; i++) {
        const crdt_delta *d = p->w->entries[order[i]].delta;
        if (d != NULL) WORKS(p->k, CRDT_LAW_DELIVERIES_AGREE, crdt_store_join(s, d, KIT_NOW));
    }
    return arrived(p, s, "a replica, and one that got every delta in another causal order");
}

static unsigned shuffled(const paths *p, unsigned *order)
{
    unsigned n = 0;
    for (unsigned e = 0; e < p->w->entry_count; e++) {
        if (p->w->entries[e].delta == NULL) continue;
        unsigned at = (unsigned)crdt__laws_below(&p->k->rand, ++n);
        order[n - 1] = order[at];
        order[at] = e;
    }
    return n;
}

static bool by_deltas_in_any_order(const paths *p)
{
    crdt_store *s;
    unsigned    order[KIT_ENTRIES], n = shuffled(p, order);
    if (!observer(p, &s)) return false;
    for (unsigned i = 0; i < n; i++) {
        unsigned again = order[crdt__laws_below(&p->k->rand, i + 1)];
        WORKS(p->k, CRDT_LAW_DELIVERIES_AGREE, crdt_store_merge(s, p->w->entries[order[i]].delta));
        WORKS(p->k, CRDT_LAW_DELIVERIES_AGREE, crdt_store_merge(s, p->w->entries[again].delta));
    }
    return arrived(p, s, "a replica, and one that merged all deltas in any order, some twice");
}

/* Decode what the item encodes to. */
static bool decoded(const paths *p, const kit_item *item, crdt_store **ret_store)
{
    crdt_options o = crdt__laws_store_options(p->k, p->w->names, 0);
    WORKS(p->k, CRDT_LAW_ROUND_TRIP,
          crdt_store_decode(&o, crdt_buf_bytes(&item->bytes), ret_store, NULL));
    return true;
}

static bool by_states(const paths *p)
{
    crdt_store *s;
    if (!observer(p, &s)) return false;
    for (size_t i = p->pool->count; i-- > 0;) {
        crdt_store *state;
        if (!p->pool->items[i].closed) continue;
        if (!decoded(p, &p->pool->items[i], &state)) return false;
        WORKS(p->k, CRDT_LAW_DELIVERIES_AGREE, crdt_store_merge(s, state));
        crdt_store_free(state);
    }
    return arrived(p, s, "a replica, and one that merged encoded states");
}

static bool by_delta_groups(const paths *p)
{
    crdt_store *s, *group;
    unsigned    order[KIT_ENTRIES], n = shuffled(p, order);
    if (!observer(p, &s)) return false;
    for (unsigned i = 0; i < n;) {
        unsigned size = 1 + (unsigned)crdt__laws_below(&p->k->rand, 4);
        WORKS(p->k, CRDT_LAW_DELIVERIES_AGREE,
              crdt_store_clone(p->w->entries[order[i]].delta, 0, &group));
        for (i++; --size > 0 && i < n; i++) {
            WORKS(p->k, CRDT_LAW_DELIVERIES_AGREE,
                  crdt_store_merge(group, p->w->entries[order[i]].delta));
        }
        WORKS(p->k, CRDT_LAW_DELIVERIES_AGREE, crdt_store_merge(s, group));
        crdt_store_free(group);
    }
    return arrived(p, s, "a replica, and one that merged groups of deltas");
}

/* Groups of deltas that follow each other are delivered like one. */
static bool by_causal_groups(const paths *p)
{
    crdt_store *s, *group = NULL;
    unsigned    order[KIT_ENTRIES], n = crdt__laws_world_order(p->w, &p->k->rand, order);
    if (!observer(p, &s)) return false;
    for (unsigned i = 0; i < n; i++) {
        const crdt_delta *d = p->w->entries[order[i]].delta;
        if (d != NULL && group == NULL) {
            WORKS(p->k, CRDT_LAW_DELIVERIES_AGREE, crdt_store_clone(d, 0, &group));
        } else if (d != NULL) {
            WORKS(p->k, CRDT_LAW_DELIVERIES_AGREE, crdt_store_merge(group, d));
        }
        if (group == NULL || (i + 1 < n && crdt__laws_below(&p->k->rand, 3) != 0)) continue;
        WORKS(p->k, CRDT_LAW_DELIVERIES_AGREE, crdt_store_join(s, group, KIT_NOW));
        crdt_store_free(group);
        group = NULL;
    }
    return arrived(p, s, "a replica, and one that joined groups of deltas in causal order");
}

/* What an observer lacks of a state: made, encoded, decoded, joined. */
static bool join_since(const paths *p, crdt_store *s, const crdt_store *from)
{
    kit        *k = p->k;
    crdt_delta *since, *copy;
    const char *reason = "";
    WORKS(k, CRDT_LAW_DELIVERIES_AGREE, crdt_store_since(from, crdt_store_context(s), &since));
    if (!crdt__laws_bytes(k, since, &k->a)) return false;
    crdt_err err = crdt_delta_decode(s, crdt_buf_bytes(&k->a), &copy, &reason);
    HOLDS(k, CRDT_LAW_ROUND_TRIP, err == CRDT_OK, "decode of a delta since a context gave %s: %s",
          crdt_err_name(err), reason != NULL ? reason : "");
    if (!crdt__laws_same(k, CRDT_LAW_ROUND_TRIP, since, copy,
                         "a delta since a context and its copy")) {
        return false;
    }
    WORKS(k, CRDT_LAW_DELIVERIES_AGREE, crdt_store_join(s, copy, KIT_NOW));
    crdt_store_free(since);
    crdt_store_free(copy);
    return true;
}

/* From a random causal beginning on: the rest by since, or by states, duplicates and the
 * deltas left. */
static bool by_a_mix(const paths *p, bool only_since)
{
    kit        *k = p->k;
    crdt_store *s;
    unsigned    order[KIT_ENTRIES], n = crdt__laws_world_order(p->w, &k->rand, order);
    unsigned    first = (unsigned)crdt__laws_below(&k->rand, n + 1);
    if (!observer(p, &s)) return false;
    for (unsigned i = 0; i < n; i++) {
        const crdt_delta *d = p->w->entries[order[i]].delta;
        if (i == first && only_since) break;
        if (i == first || crdt__laws_below(&k->rand, 6) == 0) {
            const kit_item *item = &p->pool->items[crdt__laws_below(&k->rand, p->pool->count)];
            bool            since = crdt__laws_below(&k->rand, 2) == 0;
            if (item->closed && since && !join_since(p, s, item->store)) return false;
            if (item->closed && !since) {
                WORKS(k, CRDT_LAW_DELIVERIES_AGREE, crdt_store_join(s, item->store, KIT_NOW));
            }
        }
        if (d != NULL) WORKS(k, CRDT_LAW_DELIVERIES_AGREE, crdt_store_join(s, d, KIT_NOW));
    }
    if (only_since && !join_since(p, s, p->w->store[0])) return false;
    return arrived(p, s,
                   only_since ? "a replica, and one that got what it lacked"
                              : "a replica, and one that got deltas, states and both");
}

bool crdt__laws_paths(kit *k, kit_world *w, kit_pool *pool)
{
    crdt_buf end;
    paths    p = {k, w, pool, {NULL, 0}};
    crdt_buf_init(&end, &k->mem.mem);
    if (!crdt__laws_bytes(k, w->store[0], &end)) return false;
    p.end = crdt_buf_bytes(&end);
    if (!by_deltas_in_causal_order(&p) || !by_deltas_in_any_order(&p) || !by_states(&p) ||
        !by_delta_groups(&p) || !by_causal_groups(&p) || !by_a_mix(&p, true) ||
        !by_a_mix(&p, false) || !by_a_mix(&p, false)) {
        return false;
    }
    crdt_buf_clear(&end);
    return true;
}

/* -- Decomposition --------------------------------------------------------------------------- */

/* Merge all parts but `without`. */
static bool merge_parts(kit *k, crdt_delta *const *parts, size_t count, size_t without,
                        crdt_store **ret_whole)
{
    *ret_whole = NULL;
    for (size_t i = 0; i < count; i++) {
        if (i == without) continue;
        if (*ret_whole == NULL)
            WORKS(k, CRDT_LAW_DECOMPOSES, crdt_store_clone(parts[i], 0, ret_whole));
        else WORKS(k, CRDT_LAW_DECOMPOSES, crdt_store_merge(*ret_whole, parts[i]));
    }
    return true;
}

bool crdt__laws_parts(kit *k, const kit_item *item)
{
    crdt_delta *parts[16];
    crdt_store *whole;
    size_t      count = 0;
    for (; count < 16; count++) {
        WORKS(k, CRDT_LAW_DECOMPOSES, crdt_store_part(item->store, count, &parts[count]));
        if (parts[count] == NULL) break;
    }
    if (!merge_parts(k, parts, count, count, &whole)) return false;
    HOLDS(k, CRDT_LAW_DECOMPOSES, whole != NULL || crdt_store_is_empty(item->store),
          "a store that holds something has no parts");
    if (whole != NULL && !crdt__laws_is(k, CRDT_LAW_DECOMPOSES, whole, crdt_buf_bytes(&item->bytes),
                                        "the whole, and its parts merged")) {
        return false;
    }
    crdt_store_free(whole);
    for (size_t i = 0; i < count && count > 1; i++) {
        if (crdt_store_is_empty(parts[i])) continue;
        if (!merge_parts(k, parts, count, i, &whole)) return false;
        if (!crdt__laws_bytes(k, whole, &k->a)) return false;
        HOLDS(k, CRDT_LAW_DECOMPOSES,
              crdt_view_compare(crdt_buf_bytes(&k->a), crdt_buf_bytes(&item->bytes)) != 0,
              "part %zu of %zu can be left out", i, count);
        crdt_store_free(whole);
    }
    for (size_t i = 0; i < count; i++) crdt_store_free(parts[i]);
    return true;
}
