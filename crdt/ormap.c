/* ormap.c: see ormap.h. The state is a crdt__map (map/map.h). */
#include "crdt/ormap.h"

#include "crdt/map/map.h"
#include "crdt/types.h"

crdt__policy crdt__map_policy(const crdt_type *type)
{
    if (type == &crdt_ormap_type || type == &crdt_zset_type) return CRDT__UPDATE_WINS;
    return type == &crdt_ormap_rw_type ? CRDT__REMOVE_WINS : CRDT__LATEST_WINS;
}

const crdt_type *crdt__map_only(const crdt_type *type)
{
    return type == &crdt_zset_type ? &crdt_score_type : NULL;
}

bool crdt_ormap_is(const crdt_type *type)
{
    return type == &crdt_ormap_type || type == &crdt_ormap_rw_type || type == &crdt_ormap_lww_type;
}

bool crdt__is_map(const crdt_type *type)
{
    return crdt_ormap_is(type) || type == &crdt_zset_type;
}

const crdt_type *crdt__map_type(const crdt_space *space, uint16_t id)
{
    const crdt_type *type = NULL;
    if (space->types != NULL) type = crdt_types_by_id(space->types, id);
    if (type == NULL) type = crdt_types_by_id(crdt_types_builtin(), id);
    if (type == NULL) return &crdt__opaque_type;
    return type->beside || type->kept ? NULL : type;
}

crdt_err crdt_ormap_new(uint64_t replica, const crdt_mem *mem, crdt_store **ret_store)
{
    return crdt_store_new_solo(&crdt_ormap_type, replica, mem, ret_store);
}

/* -- Writing ----------------------------------------------------------------------------------- */

crdt_err crdt_ormap_enter(crdt_txn *txn, crdt_view name, const crdt_type *type,
                          const crdt_view *path, size_t depth)
{
    crdt__map_path to = {name, type, path, depth};
    return crdt__map_enter(txn, &to);
}

void crdt_ormap_leave(crdt_txn *txn)
{
    crdt__map_leave(txn);
}

bool crdt_ormap_added(const crdt_txn *txn)
{
    return crdt__map_added(crdt__txn_is_within(txn));
}

crdt_err crdt_ormap_create(crdt_txn *txn, crdt_view name, const crdt_type *type,
                           const crdt_view *path, size_t depth, const crdt_type *of)
{
    crdt__map_path to = {name, type, path, depth};
    return crdt__map_create(txn, &to, of);
}

crdt_err crdt_ormap_remove(crdt_txn *txn, crdt_view name, const crdt_type *type,
                           const crdt_view *path, size_t depth)
{
    crdt__map_path to = {name, type, path, depth};
    return crdt__map_remove(txn, &to);
}

/* -- Reading ----------------------------------------------------------------------------------- */

static crdt_err made_ready(const crdt_ref *ref)
{
    if (ref->type->open == NULL || ref->state == NULL) return CRDT_OK;
    return ref->type->open(ref->space, (void *)(uintptr_t)ref->state);
}

crdt_err crdt_ormap_get(crdt_ref map, const crdt_view *path, size_t depth, const crdt_type *of,
                        crdt_ref *ret_ref)
{
    crdt_ref ref = map;
    for (size_t i = 0; i < depth; i++) {
        crdt__both both;
        if (!crdt__is_map(ref.type)) return CRDT_ENOENT;
        crdt__sight sight = crdt__map_sight(&ref);
        if (i + 1 < depth || of == NULL) {
            if (!crdt__sight_shows(&sight, path[i], &both)) return CRDT_ENOENT;
        } else {
            both = crdt__sight_find(&sight, path[i], of->id);
            if (both.type != of || !crdt__both_look(&sight, &both).shows) return CRDT_ENOENT;
        }
        ref = crdt__both_ref(&sight, &both);
    }
    crdt_err err = made_ready(&ref);
    if (err == CRDT_OK) *ret_ref = ref;
    return err;
}

const crdt_type *crdt_ormap_type_at(crdt_ref map, crdt_view key, size_t i)
{
    crdt__both      shown, both;
    crdt__sight     sight = crdt__map_sight(&map);
    crdt__walk_maps walk = crdt__sight_seek(&sight, key, 0);
    if (!crdt__sight_shows(&sight, key, &shown)) return NULL;
    if (i == 0) return shown.type;
    while ((both = crdt__sight_next(&sight, &walk)).type != NULL) {
        if (crdt_view_compare(crdt__both_key(&both), key) != 0) break;
        if (both.id == shown.id || !crdt__both_look(&sight, &both).shows) continue;
        if (--i == 0) return both.type;
    }
    return NULL;
}

crdt_ormap_iter crdt_ormap_iterate(crdt_ref map)
{
    return (crdt_ormap_iter){map, {0}};
}

crdt_ormap_iter crdt_ormap_iterate_from(crdt_ref map, crdt_view key)
{
    crdt__sight     sight = crdt__map_sight(&map);
    crdt__walk_maps walk = crdt__sight_seek(&sight, key, 0);
    return (crdt_ormap_iter){map, {walk.a.leaf, walk.a.slot, walk.b.leaf, walk.b.slot}};
}

crdt_ormap_iter crdt_ormap_iterate_some(crdt_ref map, uint64_t random)
{
    const crdt__entry *e = map.state == NULL ? NULL : crdt__map_some(map.state, random);
    return e == NULL ? crdt_ormap_iterate(map) : crdt_ormap_iterate_from(map, crdt__entry_key(e));
}

/* Passes what else is under the key; true if there is something. */
static bool pass_key(const crdt__sight *sight, crdt__walk_maps *walk, crdt_view key)
{
    bool       more = false;
    crdt__both both;
    for (crdt__walk_maps next = *walk; (both = crdt__sight_next(sight, &next)).type != NULL;) {
        if (crdt_view_compare(crdt__both_key(&both), key) != 0) break;
        *walk = next;
        more = true;
    }
    return more;
}

bool crdt_ormap_next(crdt_ormap_iter *it, crdt_view *ret_key, crdt_ref *ret_ref)
{
    crdt__sight     sight = crdt__map_sight(&it->map);
    crdt__walk_maps walk = {{it->at[0], it->at[1]}, {it->at[2], it->at[3]}};
    crdt__both      both;
    while ((both = crdt__sight_next(&sight, &walk)).type != NULL) {
        crdt_view key = crdt__both_key(&both);
        bool      shows = pass_key(&sight, &walk, key) ? crdt__sight_shows(&sight, key, &both)
                                                       : crdt__both_look(&sight, &both).shows;
        if (!shows) continue;
        *ret_key = key;
        *ret_ref = crdt__both_ref(&sight, &both);
        it->at[0] = walk.a.leaf;
        it->at[1] = walk.a.slot;
        it->at[2] = walk.b.leaf;
        it->at[3] = walk.b.slot;
        return true;
    }
    return false;
}

size_t crdt_ormap_count(crdt_ref map)
{
    const crdt__map *state = map.state;
    if (map.pending == NULL && map.gone == NULL) return state == NULL ? 0 : state->keys;
    crdt_ormap_iter it = crdt_ormap_iterate(map);
    crdt_view       key;
    crdt_ref        ref;
    size_t          count = 0;
    while (crdt_ormap_next(&it, &key, &ref)) count++;
    return count;
}

bool crdt_ormap_competes(crdt_ref map)
{
    return map.state != NULL && crdt__map_competes(map.state);
}

/* -- Operations -------------------------------------------------------------------------------- */

/* On the object at keys[0..count), by op. */
static crdt_err apply_at(crdt_txn *txn, crdt_view name, const crdt_type *map,
                         const crdt_value *keys, size_t count, const crdt_type *type,
                         const char *op, const crdt_value *args)
{
    crdt_view path[2] = {keys[0].bytes, keys[count - 1].bytes};
    crdt_err  err = crdt_ormap_enter(txn, name, map, path, count - 1);
    if (err != CRDT_OK) return err;
    err = crdt_type_op(type, op)->apply(txn, path[count - 1], args);
    crdt_ormap_leave(txn);
    return err;
}

static crdt_err remove_at(crdt_txn *txn, crdt_view name, const crdt_type *map,
                          const crdt_value *keys, size_t count)
{
    crdt_view path[2] = {keys[0].bytes, keys[count - 1].bytes};
    crdt_err  err = crdt_ormap_remove(txn, name, map, path, count);
    return err == CRDT_ENOENT ? CRDT_OK : err;
}

static crdt_err create_at(crdt_txn *txn, crdt_view name, const crdt_type *map, crdt_value key)
{
    return crdt_ormap_create(txn, name, map, &key.bytes, 1, map);
}

static crdt_err clear_all(crdt_txn *txn, crdt_view name, const crdt_type *map)
{
    crdt_target target;
    crdt_err    err = crdt__target_open_named(txn, name, map, false, &target);
    return err == CRDT_OK ? crdt__map_reset(&target) : err;
}

/* The operations of one of the types. */
#define OPERATIONS(map)                                                                           \
    static crdt_err map##_set(crdt_txn *txn, crdt_view name, const crdt_value *a)                 \
    {                                                                                             \
        return apply_at(txn, name, &crdt_##map##_type, a, 1, &crdt_mvreg_type, "set", a + 1);     \
    }                                                                                             \
    static crdt_err map##_set_in(crdt_txn *txn, crdt_view name, const crdt_value *a)              \
    {                                                                                             \
        return apply_at(txn, name, &crdt_##map##_type, a, 2, &crdt_mvreg_type, "set", a + 2);     \
    }                                                                                             \
    static crdt_err map##_add(crdt_txn *txn, crdt_view name, const crdt_value *a)                 \
    {                                                                                             \
        return apply_at(txn, name, &crdt_##map##_type, a, 1, &crdt_orset_type, "add", a + 1);     \
    }                                                                                             \
    static crdt_err map##_count(crdt_txn *txn, crdt_view name, const crdt_value *a)               \
    {                                                                                             \
        return apply_at(txn, name, &crdt_##map##_type, a, 1, &crdt_pncounter_type, "inc", a + 1); \
    }                                                                                             \
    static crdt_err map##_insert(crdt_txn *txn, crdt_view name, const crdt_value *a)              \
    {                                                                                             \
        return apply_at(txn, name, &crdt_##map##_type, a, 1, &crdt_rga_type, "insert", a + 1);    \
    }                                                                                             \
    static crdt_err map##_create(crdt_txn *txn, crdt_view name, const crdt_value *a)              \
    {                                                                                             \
        return create_at(txn, name, &crdt_##map##_type, a[0]);                                    \
    }                                                                                             \
    static crdt_err map##_remove(crdt_txn *txn, crdt_view name, const crdt_value *a)              \
    {                                                                                             \
        return remove_at(txn, name, &crdt_##map##_type, a, 1);                                    \
    }                                                                                             \
    static crdt_err map##_remove_in(crdt_txn *txn, crdt_view name, const crdt_value *a)           \
    {                                                                                             \
        return remove_at(txn, name, &crdt_##map##_type, a, 2);                                    \
    }                                                                                             \
    static crdt_err map##_clear(crdt_txn *txn, crdt_view name, const crdt_value *a)               \
    {                                                                                             \
        (void)a;                                                                                  \
        return clear_all(txn, name, &crdt_##map##_type);                                          \
    }                                                                                             \
    static const crdt_op map##_ops[] = {                                                          \
        {"set", "bv", "set a register at a key", map##_set},                                      \
        {"set_in", "bbv", "set a register at a key of the map at a key", map##_set_in},           \
        {"add", "bv", "add an element to the set at a key", map##_add},                           \
        {"count", "bn", "count on at a key", map##_count},                                        \
        {"insert", "bpv", "insert a value into the list at a key", map##_insert},                 \
        {"create", "b", "let an empty map be at a key", map##_create},                            \
        {"remove", "b", "remove a key and all in it", map##_remove},                              \
        {"remove_in", "bb", "remove a key of the map at a key", map##_remove_in},                 \
        {"clear", "", "remove all that is seen", map##_clear},                                    \
    };                                                                                            \
    static void map##_init(const crdt_space *space, void *state)                                  \
    {                                                                                             \
        crdt__map_init(space, &crdt_##map##_type, state);                                         \
    }

OPERATIONS(ormap)
OPERATIONS(ormap_rw)
OPERATIONS(ormap_lww)

#define MAP_SLOTS(map)                                                                  \
    .format = 1, .ops_count = sizeof map##_ops / sizeof map##_ops[0], .ops = map##_ops, \
    .init = map##_init, .print = crdt__map_print, CRDT__MAP_VTABLE

const crdt_type crdt_ormap_type = {
    .id = 22,
    .name = "ormap",
    .summary = "map of objects of any type, nested; a removal takes away what its writer has seen",
    .source = "Almeida, Shoker, Baquero, JPDC 111, 2018; rules R11 and R12 of the design",
    MAP_SLOTS(ormap),
};

const crdt_type crdt_ormap_rw_type = {
    .id = 26,
    .name = "ormap_rw",
    .summary = "such a map where removing a key also beats concurrent updates",
    .source = "Almeida, Shoker, Baquero, JPDC 111, 2018; Baquero et al., arXiv 1710.04469, 2017",
    MAP_SLOTS(ormap_rw),
};

const crdt_type crdt_ormap_lww_type = {
    .id = 27,
    .name = "ormap_lww",
    .summary = "such a map where of an update and a removal of a key the later one wins",
    .source = "Johnson, Thomas, RFC 677, 1975, for the keys; rule R12 of the design",
    MAP_SLOTS(ormap_lww),
};
