/* laws/join.c: the laws of the join, over triples of states and deltas from one history. */
#include "crdt/laws/kit.h"

#define ALL_TRIPLES_OF 10 /* items of a pool, while shrinking */

/* A copy of the item to merge into. Deltas stay deltas. */
static bool copy_of(kit *k, const kit_item *item, crdt_store **ret_store)
{
    WORKS(k, CRDT_LAW_COMMUTES, crdt_store_clone(item->store, 0, ret_store));
    return true;
}

static bool join_of(kit *k, const kit_item *x, const crdt_store *y, crdt_law law,
                    crdt_store **ret_store)
{
    if (!copy_of(k, x, ret_store)) return false;
    WORKS(k, law, crdt_store_merge(*ret_store, y));
    return true;
}

/* xy <= z, for a z that was built from all that x and y were built from, and more. */
static bool below(kit *k, const crdt_store *xy, const kit_item *z)
{
    crdt_store *both;
    if (!join_of(k, z, xy, CRDT_LAW_LEAST_UPPER_BOUND, &both)) return false;
    if (!crdt__laws_is(k, CRDT_LAW_LEAST_UPPER_BOUND, both, crdt_buf_bytes(&z->bytes),
                       "z, and z joined with x join y, where x, y <= z")) {
        return false;
    }
    crdt_store_free(both);
    return true;
}

/* x and y go into xy and change it no more; x <= xy. */
static bool absorbs(kit *k, crdt_store *xy, const kit_item *x, const kit_item *y)
{
    WORKS(k, CRDT_LAW_IDEMPOTENT, crdt_store_merge(xy, y->store));
    WORKS(k, CRDT_LAW_IDEMPOTENT, crdt_store_merge(xy, x->store));
    if (!crdt__laws_is(k, CRDT_LAW_IDEMPOTENT, xy, crdt_buf_bytes(&k->c),
                       "x join y, and the same joined with x and y again")) {
        return false;
    }
    if (crdt__laws_below(&k->rand, 16) != 0) return true;
    crdt_order order;
    WORKS(k, CRDT_LAW_LEAST_UPPER_BOUND, crdt_store_compare(x->store, xy, &order));
    HOLDS(k, CRDT_LAW_LEAST_UPPER_BOUND, order == CRDT_EQUAL || order == CRDT_BEFORE,
          "x is not below x join y");
    return true;
}

/* Two ways to the same state: bytes, digest and text. */
static bool agree(kit *k, const kit_world *w, crdt_law law, crdt_store *p, crdt_store *q,
                  const char *what)
{
    if (!crdt__laws_same(k, law, p, q, what)) return false;
    HOLDS(k, CRDT_LAW_DIGEST,
          crdt_digest_equal(crdt_store_digest(p, NULL), crdt_store_digest(q, NULL)),
          "%s have the same bytes and different digests", what);
    crdt_buf_reset(&k->a);
    crdt_buf_reset(&k->b);
    crdt__laws_text(p, w->names, &k->a);
    crdt__laws_text(q, w->names, &k->b);
    HOLDS(k, CRDT_LAW_READS_AGREE,
          crdt_view_compare(crdt_buf_bytes(&k->a), crdt_buf_bytes(&k->b)) == 0,
          "%s have the same bytes and read differently", what);
    return true;
}

static bool untouched(kit *k, const kit_item *item)
{
    return crdt__laws_is(k, CRDT_LAW_INPUTS_UNTOUCHED, item->store, crdt_buf_bytes(&item->bytes),
                         "what was joined, before and after");
}

static bool triple(kit *k, const kit_world *w, const kit_item *x, const kit_item *y,
                   const kit_item *z)
{
    crdt_store *xy, *yx, *yz, *right;
    k->report->triples++;
    if (!join_of(k, x, y->store, CRDT_LAW_COMMUTES, &xy)) return false;
    if (!join_of(k, y, x->store, CRDT_LAW_COMMUTES, &yx)) return false;
    if (!untouched(k, y) || !untouched(k, x)) return false;
    if (!agree(k, w, CRDT_LAW_COMMUTES, xy, yx, "x join y and y join x")) return false;
    crdt_store_free(yx);
    if (!crdt__laws_bytes(k, xy, &k->c) || !absorbs(k, xy, x, y)) return false;
    if (z->closed && ((x->entries | y->entries) & ~z->entries) == 0 && !below(k, xy, z))
        return false;
    if (!join_of(k, y, z->store, CRDT_LAW_ASSOCIATES, &yz)) return false;
    if (!untouched(k, z) || !join_of(k, x, yz, CRDT_LAW_ASSOCIATES, &right)) return false;
    WORKS(k, CRDT_LAW_ASSOCIATES, crdt_store_merge(xy, z->store));
    if (!untouched(k, z)) return false;
    if (!agree(k, w, CRDT_LAW_ASSOCIATES, xy, right, "(x join y) join z and x join (y join z)")) {
        return false;
    }
    if (crdt__laws_below(&k->rand, 8) == 0 && !crdt__laws_sound(k, right, "after joins"))
        return false;
    crdt_store_free(xy);
    crdt_store_free(yz);
    crdt_store_free(right);
    return true;
}

static bool digests_differ(kit *k, const kit_item *x, const kit_item *y)
{
    bool bytes = crdt_view_compare(crdt_buf_bytes(&x->bytes), crdt_buf_bytes(&y->bytes)) == 0;
    HOLDS(k, CRDT_LAW_DIGEST, crdt_digest_equal(x->digest, y->digest) == bytes,
          "two stores have %s bytes and %s digests", bytes ? "the same" : "different",
          bytes ? "different" : "the same");
    return true;
}

/* Deltas, a few groups of them, and the end of the history join what the replicas went through. */
static bool fill_pool(kit *k, const kit_world *w, kit_pool *pool)
{
    for (unsigned i = 0; i < w->entry_count && pool->count + 6 < KIT_POOL; i++) {
        const kit_entry *e = &w->entries[i], *f;
        crdt_store      *copy;
        if (e->delta == NULL) continue;
        WORKS(k, CRDT_LAW_COMMUTES, crdt_store_clone(e->delta, 0, &copy));
        f = &w->entries[crdt__laws_below(&k->rand, w->entry_count)];
        bool group = f->delta != NULL && crdt__laws_below(&k->rand, 3) == 0;
        if (group) WORKS(k, CRDT_LAW_COMMUTES, crdt_store_merge(copy, f->delta));
        uint64_t held = UINT64_C(1) << i | (group ? UINT64_C(1) << (f - w->entries) : 0);
        crdt__laws_pool_add(pool, k, copy, held, false);
    }
    crdt_store *last;
    WORKS(k, CRDT_LAW_COMMUTES, crdt_store_clone(w->store[0], 0, &last));
    crdt__laws_pool_add(pool, k, last, w->have[0], true);
    return true;
}

bool crdt__laws_triples(kit *k, const kit_world *w, kit_pool *pool)
{
    if (!fill_pool(k, w, pool)) return false;
    size_t n = pool->count;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < i; j++) {
            if (!pool->items[i].closed || !pool->items[j].closed) continue;
            if (!digests_differ(k, &pool->items[i], &pool->items[j])) return false;
        }
    }
    bool all = k->thorough && n <= ALL_TRIPLES_OF;
    for (uint64_t i = 0; i < (all ? n * n * n : k->triples_wanted); i++) {
        uint64_t at[3] = {i % n, i / n % n, i / (n * n)};
        for (int j = 0; j < 3 && !all; j++) at[j] = crdt__laws_below(&k->rand, n);
        if (!all && crdt__laws_below(&k->rand, 4) == 0) at[2] = n - 1;
        if (!triple(k, w, &pool->items[at[0]], &pool->items[at[1]], &pool->items[at[2]]))
            return false;
    }
    return true;
}
