/* laws/stable.c: forgetting what is causally stable must not show.
 *
 * The same history is played twice, in lockstep. In one world replicas act on cuts: an entry that
 * names the component-wise minimum of what every replica's last entry, held at the proposer,
 * proves to have been held by its author. In the other they do not.
 */
#include <stdlib.h>
#include <string.h>

#include "crdt/laws/kit.h"

static bool same_reads(kit *k, const kit_world *plain, const kit_world *collected)
{
    if (k->o->flags & CRDT_LAWS_FORGETS) return true;
    for (unsigned r = 0; r < KIT_REPLICAS; r++) {
        crdt_buf_reset(&k->a);
        crdt_buf_reset(&k->b);
        crdt__laws_text(plain->store[r], plain->names, &k->a);
        crdt__laws_text(collected->store[r], plain->names, &k->b);
        HOLDS(k, CRDT_LAW_STABLE_READS,
              crdt_view_compare(crdt_buf_bytes(&k->a), crdt_buf_bytes(&k->b)) == 0,
              "replica %c reads %.*s, without collection %.*s", "ABC"[r], (int)k -> b.size,
              k->b.data ? (const char *)k->b.data : "", (int)k->a.size,
              k->a.data ? (const char *)k->a.data : "");
    }
    return true;
}

/* The same step in both; only the world that collects is told about. */
static bool step_both(kit *k, kit_world *plain, kit_world *collected, const kit_history *h,
                      size_t i)
{
    crdt_buf *trace = k->trace;
    k->trace = NULL;
    bool ok = crdt__laws_world_step(plain, h, i);
    k->trace = trace;
    return ok && crdt__laws_world_step(collected, h, i) && same_reads(k, plain, collected);
}

/* All is delivered, everyone proves it, a cut covers it, all act on it. */
static bool finish(kit_world *w)
{
    if (!crdt__laws_world_settle(w)) return false;
    for (unsigned r = 0; r < KIT_REPLICAS; r++) {
        if (!crdt__laws_world_ack(w, r, false)) return false;
    }
    if (!crdt__laws_world_settle(w)) return false;
    return crdt__laws_world_ack(w, 0, true) && crdt__laws_world_settle(w);
}

static bool no_residues(kit *k, const kit_world *w)
{
    if (k->o->flags & CRDT_LAWS_KEEPS_RESIDUES) return true;
    crdt_stats stats = crdt_store_stats(w->store[0]);
    HOLDS(k, CRDT_LAW_RESIDUES, stats.residues == 0, "%llu residues are left",
          (unsigned long long)stats.residues);
    return true;
}

/* A state that holds the past of the cut, and some entries more. */
static bool state_above(kit *k, const kit_world *w, const kit_entry *cut, crdt_store **ret_store)
{
    unsigned order[KIT_ENTRIES], n = crdt__laws_world_order(w, &k->rand, order);
    uint64_t held = 0;
    WORKS(k, CRDT_LAW_STABLE_JOIN, crdt__laws_store(k, w->names, 0, ret_store));
    for (unsigned i = 0; i < n; i++) {
        const kit_entry *e = &w->entries[order[i]];
        uint64_t         bit = UINT64_C(1) << order[i];
        bool             wanted = (cut->past & bit) || crdt__laws_below(&k->rand, 2) == 0;
        if (!wanted || (e->past & ~held) != bit) continue;
        held |= bit;
        if (e->delta != NULL) {
            WORKS(k, CRDT_LAW_STABLE_JOIN, crdt_store_join(*ret_store, e->delta, KIT_NOW));
        }
    }
    return true;
}

/* stabilise(S, x join y) = stabilise(S, x) join stabilise(S, y) */
static bool stable_join(kit *k, const kit_world *w, const kit_entry *cut)
{
    crdt_store *x, *y, *both;
    if (!state_above(k, w, cut, &x) || !state_above(k, w, cut, &y)) return false;
    WORKS(k, CRDT_LAW_STABLE_JOIN, crdt_store_clone(x, 0, &both));
    WORKS(k, CRDT_LAW_STABLE_JOIN, crdt_store_merge(both, y));
    WORKS(k, CRDT_LAW_STABLE_JOIN, crdt_store_stabilise(both, &cut->cut));
    WORKS(k, CRDT_LAW_STABLE_JOIN, crdt_store_stabilise(x, &cut->cut));
    WORKS(k, CRDT_LAW_STABLE_JOIN, crdt_store_stabilise(y, &cut->cut));
    WORKS(k, CRDT_LAW_STABLE_JOIN, crdt_store_merge(x, y));
    if (!crdt__laws_same(k, CRDT_LAW_STABLE_JOIN, both, x,
                         "stabilise of the join, and the join of both stabilised")) {
        return false;
    }
    crdt_store_free(x);
    crdt_store_free(y);
    crdt_store_free(both);
    return true;
}

static bool stable_joins(kit *k, const kit_world *w)
{
    for (unsigned e = 0; e < w->entry_count; e++) {
        if (!w->entries[e].is_cut || w->entries[e].cut.count == 0) continue;
        if (!stable_join(k, w, &w->entries[e])) return false;
    }
    return true;
}

static bool play_both(kit *k, kit_world *plain, kit_world *collected, const kit_history *h)
{
    if (!crdt__laws_world_init(plain, k, h->names)) return false;
    if (!crdt__laws_world_init(collected, k, h->names)) return false;
    collected->collect = collected->careful = true;
    for (size_t i = 0; i < h->count; i++) {
        if (!step_both(k, plain, collected, h, i)) return false;
    }
    crdt_buf *trace = k->trace;
    k->trace = NULL;
    if (!finish(plain)) return false;
    k->trace = trace;
    if (!finish(collected) || !same_reads(k, plain, collected)) return false;
    if (!no_residues(k, collected) || !stable_joins(k, plain)) return false;
    crdt__laws_world_clear(plain);
    crdt__laws_world_clear(collected);
    return true;
}

bool crdt__laws_stable(kit *k, const kit_history *h)
{
    kit_world *worlds = malloc(2 * sizeof *worlds);
    if (worlds == NULL) return crdt__laws_fail(k, CRDT_LAW_NONE, "the kit has no memory");
    if (k->trace != NULL) crdt_buf_reset(k->trace); /* from here on it is told anew */
    bool ok = play_both(k, &worlds[0], &worlds[1], h);
    free(worlds);
    return ok;
}
