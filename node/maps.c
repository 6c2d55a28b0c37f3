/* maps.c: MAP.*: maps in maps, by paths of words. A path leads to what a field of a hash is, or to
 * a map; a hash is a map with paths of one word.
 *
 *      MAP.SET user:1 home city Paris      makes the map "home" if there is none
 *      MAP.INCR user:1 visits 1
 *      MAP.GET user:1                      {"home": {"city": "Paris"}, "visits": "1"}
 *
 * A map that becomes empty goes, and what holds it; whoever writes into it at the same time keeps
 * the way to what was written. */
#include "node/commands.h"
#include "node/hashes.h"
#include "node/keys.h"
#include "node/number.h"

/* The words from the third on, but for the last `beyond`, as a path. False: an error was
 * replied. */
static bool parse_path(call *c, size_t beyond, const crdt_view **ret_path, size_t *ret_depth)
{
    size_t depth = c->count - 2 - beyond;
    *ret_path = &c->args[2];
    *ret_depth = depth;
    if (depth > HASH_DEPTH_MAX) {
        call_error(c, "ERR a path has at most %u words", HASH_DEPTH_MAX);
        return false;
    }
    for (size_t i = 0; i < depth; i++) {
        if (c->args[2 + i].size <= CRDT_NAME_BYTES_MAX) continue;
        call_error(c, "ERR a word of a path has at most %u bytes", CRDT_NAME_BYTES_MAX);
        return false;
    }
    return true;
}

/* -- Writing ----------------------------------------------------------------------------------- */

void command_map_set(call *c)
{
    const crdt_view *path;
    size_t           depth;
    bool             added;
    if (!parse_path(c, 1, &path, &depth) || hash_write(c, path, depth - 1) == NULL) return;
    if (hash_set(c, path, depth, c->args[c->count - 1], &added)) reply_int(c->reply, added);
}

void command_map_incr(call *c)
{
    const crdt_view *path;
    size_t           depth;
    int64_t          amount;
    if (!parse_path(c, 1, &path, &depth) || !call_int(c, c->count - 1, &amount)) return;
    hash_count(c, path, depth, amount);
}

/* The maps on the way that the transaction has left empty go, and the name. */
static bool remove_empty(call *c, const crdt_view *path, size_t depth)
{
    crdt_ref  map, in;
    crdt_view key;
    while (--depth > 0 && hash_field_now(c, path, depth, &map)) {
        crdt_ormap_iter it = crdt_ormap_iterate(map);
        if (crdt_ormap_next(&it, &key, &in)) return true;
        if (call_fails(c, hash_remove(c, path, depth))) return false;
    }
    return !c->failed && hash_remove_if_empty(c);
}

void command_map_del(call *c)
{
    const crdt_view *path;
    size_t           depth;
    if (!parse_path(c, 0, &path, &depth)) return;
    if (key_write(c, c->args[1], &crdt_ormap_type) == NULL) return;
    crdt_err err = hash_remove(c, path, depth);
    if (err != CRDT_ENOENT && call_fails(c, err)) return;
    if (err == CRDT_ENOENT || remove_empty(c, path, depth)) reply_int(c->reply, err == CRDT_OK);
}

/* -- Reading ----------------------------------------------------------------------------------- */

/* What is at the path; false: nothing, or an error was replied. */
static bool find(call *c, crdt_ref *ret_ref)
{
    const crdt_view *path;
    size_t           depth;
    crdt_ref         map;
    if (!parse_path(c, 0, &path, &depth) || !hash_find(c, c->args[1], &map)) return false;
    if (depth > 0) return hash_field(c, map, path, depth, ret_ref);
    *ret_ref = map;
    return map.state != NULL;
}

/* Depth is bounded by that of paths. */
static void reply_tree(call *c, crdt_ref ref)
{
    crdt_ref  in;
    crdt_view key;
    if (ref.type != &crdt_ormap_type) {
        hash_reply_content(c, c->reply, ref);
        return;
    }
    reply_map(c->reply, crdt_ormap_count(ref));
    crdt_ormap_iter it = crdt_ormap_iterate(ref);
    while (!c->failed && crdt_ormap_next(&it, &key, &in)) {
        reply_bulk(c->reply, key);
        reply_tree(c, in);
    }
}

void command_map_get(call *c)
{
    crdt_ref ref;
    if (find(c, &ref)) reply_tree(c, ref);
    else if (!c->failed) reply_null(c->reply);
}

/* The map at the path; nothing there: an empty one. False: an error was replied. */
static bool find_map(call *c, crdt_ref *ret_map)
{
    if (!find(c, ret_map)) *ret_map = (crdt_ref){.type = &crdt_ormap_type};
    else if (ret_map->type != &crdt_ormap_type) call_wrong_type(c);
    return !c->failed;
}

void command_map_keys(call *c)
{
    crdt_ref  map, in;
    crdt_view key;
    if (!find_map(c, &map)) return;
    reply_array(c->reply, crdt_ormap_count(map));
    crdt_ormap_iter it = crdt_ormap_iterate(map);
    while (crdt_ormap_next(&it, &key, &in)) reply_bulk(c->reply, key);
}

void command_map_len(call *c)
{
    crdt_ref map;
    if (find_map(c, &map)) reply_int(c->reply, (int64_t)crdt_ormap_count(map));
}
