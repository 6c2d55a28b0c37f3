/* map/map.c: what shows of a map, with and without a transaction. See map.h. */
#include <string.h>

#include "crdt/core/mem.h"
#include "crdt/map/map.h"

const crdt__shape crdt__map_marks = {CRDT__CLOCK_STAMPS, CRDT__NO_VALUES, false,
                                     crdt__sib_compare_stamps};
const crdt__shape crdt__map_tombed = {CRDT__CLOCK_STAMPS, CRDT__NO_VALUES, true,
                                      crdt__sib_compare_stamps};

crdt__sight crdt__map_sight(const crdt_ref *ref)
{
    return (crdt__sight){ref->space, ref->state, ref->pending, ref->gone,
                         crdt__map_policy(ref->type)};
}

/* -- Entries of both trees --------------------------------------------------------------------- */

crdt__walk_maps crdt__sight_seek(const crdt__sight *sight, crdt_view key, uint32_t id)
{
    crdt__walk_maps walk = {{0, 0}, {0, 0}};
    if (sight->state != NULL) walk.a = crdt__map_seek(sight->state, key, id);
    if (sight->own != NULL) walk.b = crdt__map_seek(sight->own, key, id);
    return walk;
}

static crdt__both both_of(crdt__entry *mine, crdt__entry *own)
{
    const crdt__entry *e = mine != NULL ? mine : own;
    if (e == NULL) return (crdt__both){NULL, NULL, NULL, 0};
    return (crdt__both){e->type, mine, own, e->id};
}

crdt__both crdt__sight_next(const crdt__sight *sight, crdt__walk_maps *walk)
{
    crdt__entry *a = sight->state == NULL ? NULL : crdt__map_at(sight->state, &walk->a);
    crdt__entry *b = sight->own == NULL ? NULL : crdt__map_at(sight->own, &walk->b);
    int          order = a == NULL ? 1 : b == NULL ? -1 : crdt__entry_compare(a, b);
    crdt__both   both = both_of(order <= 0 ? a : NULL, order >= 0 ? b : NULL);
    walk->a.slot += both.mine != NULL;
    walk->b.slot += both.own != NULL;
    return both;
}

/* The next that is under the key, in the order of ids. */
static crdt__both next_alike(const crdt__sight *sight, crdt__walk_maps *walk, crdt_view key)
{
    crdt__entry *a = sight->state == NULL ? NULL : crdt__map_alike(sight->state, &walk->a, key);
    crdt__entry *b = sight->own == NULL ? NULL : crdt__map_alike(sight->own, &walk->b, key);
    int          order = a == NULL ? 1 : b == NULL || a->id < b->id ? -1 : a->id > b->id;
    crdt__both   both = both_of(order <= 0 ? a : NULL, order >= 0 ? b : NULL);
    walk->a.slot += both.mine != NULL;
    walk->b.slot += both.own != NULL;
    return both;
}

crdt__both crdt__sight_find(const crdt__sight *sight, crdt_view key, uint16_t id)
{
    crdt__entry *a = sight->state == NULL ? NULL : crdt__map_find(sight->state, key, id);
    crdt__entry *b = sight->own == NULL ? NULL : crdt__map_find(sight->own, key, id);
    return both_of(a, b);
}

crdt_view crdt__both_key(const crdt__both *both)
{
    return crdt__entry_key(both->mine != NULL ? both->mine : both->own);
}

crdt_ref crdt__both_ref(const crdt__sight *sight, const crdt__both *both)
{
    return (crdt_ref){both->type, sight->space, both->mine == NULL ? NULL : both->mine->state,
                      both->own == NULL ? NULL : both->own->state, sight->gone};
}

/* -- How entries stand ------------------------------------------------------------------------- */

/* Its content alone makes it show. Of an unknown type nobody can say. */
static bool content_shows(const crdt__sight *sight, const crdt__both *both)
{
    crdt_ref ref = crdt__both_ref(sight, both);
    return both->type != &crdt__opaque_type && both->type->alive(&ref);
}

crdt__standing crdt__both_look(const crdt__sight *sight, const crdt__both *both)
{
    crdt__standing  s;
    crdt__sib       top;
    bool            latest_removed = false;
    crdt__sibs_iter it = crdt__sibs_over(both->mine == NULL ? NULL : &both->mine->marks,
                                         both->own == NULL ? NULL : &both->own->marks, sight->gone);
    memset(&s, 0, sizeof s);
    for (const crdt__sib *sib; (sib = crdt__sibs_next(&it)) != NULL; s.marks++) {
        bool tomb = crdt__sib_is_tomb(sib);
        if (sib->stamp > s.stamp_max) s.stamp_max = sib->stamp;
        if (s.marks == 0 || crdt__sib_compare_stamps(sib, &top) > 0) {
            top = *sib;
            latest_removed = tomb;
        }
        if (tomb) {
            s.removed = true;
        } else if (!s.marked || crdt__sib_compare_stamps(sib, &s.since) > 0) {
            s.since = *sib;
            s.marked = true;
        }
    }
    bool beaten = sight->policy == CRDT__LATEST_WINS ? latest_removed : s.removed;
    s.shows = !beaten && (s.marked || content_shows(sight, both));
    return s;
}

/* The greatest mark comes first, whoever has none last, by the least type id. */
static bool shows_before(const crdt__both *a, const crdt__standing *s, const crdt__both *b,
                         const crdt__standing *t)
{
    int order = crdt__sib_compare_stamps(&s->since, &t->since);
    return order != 0 ? order > 0 : a->id < b->id;
}

bool crdt__sight_shows(const crdt__sight *sight, crdt_view key, crdt__both *ret_both)
{
    crdt__walk_maps walk = crdt__sight_seek(sight, key, 0);
    crdt__standing  best;
    bool            shows = false;
    for (crdt__both both; (both = next_alike(sight, &walk, key)).type != NULL;) {
        crdt__standing s = crdt__both_look(sight, &both);
        if (!s.shows || (shows && !shows_before(&both, &s, ret_both, &best))) continue;
        *ret_both = both;
        best = s;
        shows = true;
    }
    return shows;
}

bool crdt__both_bars(const crdt__sight *sight, const crdt__both *both)
{
    const crdt__entry *e = both->mine;
    if (e == NULL || !e->strange || !crdt__both_look(sight, both).shows) return false;
    if (e->type == &crdt__opaque_type) return true;
    crdt_ref    ref = crdt__both_ref(sight, both);
    crdt__sight inner = crdt__map_sight(&ref);
    return crdt__sight_bars(&inner);
}

bool crdt__sight_bars(const crdt__sight *sight)
{
    crdt__walk_maps walk = {{0, 0}, {0, 0}};
    if (sight->state == NULL || sight->state->strangers == 0) return false;
    for (crdt__both both; (both = crdt__sight_next(sight, &walk)).type != NULL;) {
        if (crdt__both_bars(sight, &both)) return true;
    }
    return false;
}

/* -- The whole --------------------------------------------------------------------------------- */

#define FEW_RUNS 64u

/* Of each key that a transaction hides a dot is gone, or one that hides it is among them: are there
 * more keys? Not asked of long contexts. */
static bool outnumbers(const crdt__map *state, const crdt_context *gone)
{
    return gone != NULL && gone->count <= FEW_RUNS && gone->later == 0 &&
           state->keys > crdt_context_dots(gone);
}

bool crdt__map_alive(const crdt_ref *ref)
{
    const crdt__map *state = ref->state;
    crdt__sight      sight = crdt__map_sight(ref);
    crdt__walk_maps  walk = {{0, 0}, {0, 0}};
    if (ref->pending == NULL && ref->gone == NULL) return state != NULL && state->keys > 0;
    if (state != NULL && outnumbers(state, ref->gone)) return true;
    for (crdt__both both; (both = crdt__sight_next(&sight, &walk)).type != NULL;) {
        if (crdt__both_look(&sight, &both).shows) return true;
    }
    return false;
}

bool crdt__map_empty(const void *state)
{
    return ((const crdt__map *)state)->entries == 0;
}

void crdt__map_stats(const void *state, crdt_stats *stats)
{
    const crdt__map *map = state;
    crdt__place      place = {0, 0};
    stats->metadata += crdt__map_memory(map);
    for (const crdt__entry *e; (e = crdt__map_next(map, &place)) != NULL;) {
        crdt_stats inner;
        memset(&inner, 0, sizeof inner);
        e->type->stats(e->state, &inner);
        crdt__sibs_stats(crdt__map_shape(map), &e->marks, &inner);
        stats->payload += inner.payload + e->key_size;
        stats->metadata += inner.metadata - e->key_size;
        stats->dots += inner.dots;
        stats->residues += inner.residues;
        if (inner.stamp_max > stats->stamp_max) stats->stamp_max = inner.stamp_max;
    }
    stats->elements += map->keys;
}

static void print_key(const crdt__sight *sight, const crdt__both *first, crdt_buf *out)
{
    crdt_view       key = crdt__both_key(first);
    crdt__walk_maps walk = crdt__sight_seek(sight, key, 0);
    crdt_ref        ref = crdt__both_ref(sight, first);
    crdt_value      text = {CRDT_BYTES, 0, key};
    crdt_buf_print_value(out, text);
    crdt_buf_text(out, ": ");
    crdt_buf_text(out, first->type->name);
    crdt_buf_text(out, " ");
    first->type->print(&ref, out);
    for (crdt__both both; (both = crdt__sight_next(sight, &walk)).type != NULL;) {
        if (crdt_view_compare(crdt__both_key(&both), key) != 0) break;
        if (both.id == first->id || !crdt__both_look(sight, &both).shows) continue;
        ref = crdt__both_ref(sight, &both);
        crdt_buf_text(out, " or ");
        crdt_buf_text(out, both.type->name);
        crdt_buf_text(out, " ");
        both.type->print(&ref, out);
    }
}

/* {"a": mvreg [1] or orset {2}, "b": ormap {}}: what shows first, and in order of types what would
 * show without it. */
void crdt__map_print(const crdt_ref *ref, crdt_buf *out)
{
    crdt__sight     sight = crdt__map_sight(ref);
    crdt__walk_maps walk = {{0, 0}, {0, 0}};
    crdt__both      both, shown;
    crdt_view       last = crdt_view_of(NULL, 0);
    bool            any = false;
    crdt_buf_text(out, "{");
    for (bool first = true; (both = crdt__sight_next(&sight, &walk)).type != NULL; first = false) {
        crdt_view key = crdt__both_key(&both);
        bool      again = !first && crdt_view_compare(key, last) == 0;
        last = key;
        if (again || !crdt__sight_shows(&sight, key, &shown)) continue;
        if (any) crdt_buf_text(out, ", ");
        any = true;
        print_key(&sight, &shown, out);
    }
    crdt_buf_text(out, "}");
}
