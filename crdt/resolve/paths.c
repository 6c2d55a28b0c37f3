/* resolve/paths.c: copies of paths, and paths as bytes. */
#include <string.h>

#include "crdt/resolve/impl.h"

size_t crdt__path_bytes(const crdt_path *path)
{
    size_t bytes = path->depth * sizeof(crdt_view) + path->name.size;
    for (size_t i = 0; i < path->depth; i++) bytes += path->keys[i].size;
    return bytes;
}

static crdt_view copy_view(crdt_view from, uint8_t **at)
{
    crdt_view copy = {*at, from.size};
    if (from.size > 0) memcpy(*at, from.data, from.size);
    *at += from.size;
    return copy;
}

crdt_path crdt__path_copy(const crdt_path *path, void *room)
{
    crdt_view *keys = room;
    uint8_t   *at = (uint8_t *)(keys + path->depth);
    crdt_path  copy = {copy_view(path->name, &at), keys, path->depth};
    for (size_t i = 0; i < path->depth; i++) keys[i] = copy_view(path->keys[i], &at);
    return copy;
}

void crdt__path_put(const crdt_path *path, crdt_buf *out)
{
    crdt_buf_varint(out, path->depth);
    crdt_buf_view(out, path->name);
    for (size_t i = 0; i < path->depth; i++) crdt_buf_view(out, path->keys[i]);
}

bool crdt__path_get(crdt_view in, crdt_view *keys, crdt_path *ret_path)
{
    crdt_limits limits = crdt_limits_default();
    crdt_dec    dec;
    crdt_dec_init(&dec, in, &limits);
    uint64_t depth = crdt_dec_varint(&dec);
    if (depth > CRDT__PATH_KEYS_MAX) return false;
    ret_path->name = crdt_dec_view(&dec, in.size, "path: name");
    for (size_t i = 0; i < depth; i++) keys[i] = crdt_dec_view(&dec, in.size, "path: key");
    ret_path->keys = keys;
    ret_path->depth = (size_t)depth;
    return crdt_dec_status(&dec) == CRDT_OK && crdt_dec_left(&dec) == 0;
}
