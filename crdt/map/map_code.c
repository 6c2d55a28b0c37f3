/* map/map_code.c: the bytes, digest and audit of maps. See map.h.
 *
 * Bytes    varint count, then entries in order of key and type id: key (varint size, bytes), varint
 *          type id, marks (core/sibs.h), body (varint size, bytes). In a state every entry holds
 *          something; a delta also lists what it only takes away from. 65536 in a type id: the body
 *          is fragments (core/reading.h).
 */
#include <string.h>

#include "crdt/core/dec.h"
#include "crdt/core/mem.h"
#include "crdt/map/map.h"

#define ENTRY_BYTES_MIN 5u
#define FRAGMENTS 65536u

void crdt__map_mark(const void *state, crdt_replicas *ids)
{
    crdt__place place = {0, 0};
    for (const crdt__entry *e; (e = crdt__map_next(state, &place)) != NULL;) {
        crdt__sibs_mark(&e->marks, ids);
        e->type->mark(e->state, ids);
    }
}

/* The size in front of what was put from `at` on, behind one byte left for it. */
static void put_size(crdt_buf *out, size_t at)
{
    if (out->failed) return;
    uint64_t size = out->size - at - 1;
    uint8_t  bytes[10];
    size_t   count = 0;
    for (uint64_t n = size;; n >>= 7) {
        bytes[count++] = (uint8_t)((n & 0x7f) | (n >= 0x80 ? 0x80 : 0));
        if (n < 0x80) break;
    }
    if (!crdt_buf_reserve(out, count - 1)) return;
    memmove(out->data + at + count, out->data + at + 1, (size_t)size);
    memcpy(out->data + at, bytes, count);
    out->size += count - 1;
}

static bool is_told(const crdt__entry *e, const crdt_enc *enc)
{
    return !enc->state || !crdt__entry_is_empty(e);
}

void crdt__map_encode(const void *state, crdt_enc *enc)
{
    const crdt__map *map = state;
    crdt__place      place = {0, 0};
    size_t           count = 0;
    for (const crdt__entry *e; (e = crdt__map_next(map, &place)) != NULL;) count += is_told(e, enc);
    crdt_buf_varint(enc->out, count);
    place = (crdt__place){0, 0};
    for (const crdt__entry *e; (e = crdt__map_next(map, &place)) != NULL;) {
        if (!is_told(e, enc)) continue;
        bool foreign = e->type == &crdt__opaque_type;
        crdt_buf_view(enc->out, crdt__entry_key(e));
        crdt_buf_varint(enc->out, foreign ? e->id | FRAGMENTS : e->id);
        crdt__sibs_encode(crdt__map_shape(map), &e->marks, enc);
        size_t at = enc->out->size;
        crdt_buf_byte(enc->out, 0);
        if (foreign) crdt__foreign_encode(e->state, enc);
        else e->type->encode(e->state, enc);
        put_size(enc->out, at);
    }
}

/* -- Decoding ---------------------------------------------------------------------------------- */

/* What can be known only of a type that is. */
static crdt_err read_body(const crdt_space *space, crdt__entry *e, bool fragments, crdt_dec *dec)
{
    if (e->type == &crdt__opaque_type) return crdt__foreign_read(space, e->state, dec);
    if (fragments) return crdt__foreign_replay(space, e->type, e->state, dec);
    return e->type->decode(space, e->state, dec);
}

static crdt_err get_body(const crdt_space *space, crdt__entry *e, bool fragments, crdt_dec *dec)
{
    crdt_view body = crdt__dec_view(dec, SIZE_MAX, "an entry's body");
    crdt_dec  inner;
    if (dec->err != CRDT_OK) return dec->err;
    if (e->type == &crdt__opaque_type && !fragments) {
        return crdt__foreign_get(space, e->state, dec, body);
    }
    crdt_dec_init(&inner, body, dec->limits);
    inner.dict = dec->dict;
    inner.dict_count = dec->dict_count;
    inner.reading = dec->reading;
    inner.form = dec->form;
    inner.depth = dec->depth + 1;
    inner.later = dec->later == CRDT_NOW ? CRDT_LATER_IF_SMALL : dec->later;
    crdt_err err = read_body(space, e, fragments, &inner);
    if (err == CRDT_OK && inner.at != inner.end) {
        err = crdt_dec_fail(&inner, CRDT_EMALFORMED, "bytes after an entry's body");
    }
    if (err == CRDT_OK || err == CRDT_ENOMEM) return err;
    return crdt_dec_fail(dec, err, inner.reason != NULL ? inner.reason : "a damaged entry");
}

/* Is it behind the last entry so far? */
static bool in_order(const crdt__map *map, crdt_view key, uint64_t id)
{
    if (map->count == 0) return true;
    const crdt__leaf  *leaf = map->leaves[map->count - 1].leaf;
    const crdt__entry *last = crdt__leaf_entries(leaf)[leaf->count - 1];
    int                order = crdt_view_compare(crdt__entry_key(last), key);
    return order != 0 ? order < 0 : last->id < id;
}

/* Memory that an entry takes; what lies in a map was counted already. */
static size_t held_by(const crdt__entry *e)
{
    size_t     bytes = crdt__entry_bytes(e) + crdt__sibs_beyond(&e->marks);
    crdt_stats stats;
    if (crdt__is_map(e->type)) return bytes;
    if (e->type->bytes != NULL) return bytes + e->type->bytes(e->state);
    memset(&stats, 0, sizeof stats);
    e->type->stats(e->state, &stats);
    return bytes + (size_t)(stats.payload + stats.metadata);
}

/* Where it takes too much memory, all that was read goes, but the last entry: what follows is
 * compared to that. */
static crdt_err count_held(const crdt_space *space, crdt__map *map, crdt__entry *e, size_t spine,
                           crdt_dec *dec)
{
    if (dec->reading == NULL || dec->reading->from == NULL) return CRDT_OK;
    crdt_err err = crdt__reading_takes(dec, held_by(e) + crdt__map_spine(map) - spine);
    if (err != CRDT_OK || !dec->reading->thin) return err;
    if (!crdt__map_within(map, dec->reading->seen)) {
        return crdt_dec_fail(dec, CRDT_EMALFORMED, "a dot is outside the context");
    }
    crdt__map_mark(map, crdt__reading_used(dec));
    crdt__map_thin(space, map, e);
    return CRDT_OK;
}

/* The entry is read. */
static crdt_err end_entry(const crdt_space *space, crdt__map *map, crdt__entry *e, size_t spine,
                          crdt_dec *dec)
{
    if (dec->form == CRDT_OF_STATE && crdt__entry_is_empty(e)) {
        bool replayed = dec->reading != NULL && dec->reading->replayed;
        if (!replayed) return crdt_dec_fail(dec, CRDT_EMALFORMED, "an entry that holds nothing");
        crdt__map_drop(space, map, e);
        return CRDT_OK;
    }
    if (crdt__map_know(space, map, e) != CRDT_OK) {
        return crdt_dec_fail(dec, CRDT_ENOMEM, "no room for an entry");
    }
    return count_held(space, map, e, spine, dec);
}

static crdt_err get_entry(const crdt_space *space, crdt__map *map, crdt_dec *dec)
{
    crdt__entry *e;
    crdt_view    key = crdt__dec_view(dec, crdt__map_key_max(dec->limits), "a key");
    uint64_t     told = crdt__dec_varint(dec), id = told & ~(uint64_t)FRAGMENTS;
    if (dec->err != CRDT_OK) return dec->err;
    if (id > UINT16_MAX) return crdt_dec_fail(dec, CRDT_EMALFORMED, "a type id above 65535");
    const crdt_type *type = crdt__map_type(space, (uint16_t)id);
    if (type == NULL) {
        return crdt_dec_fail(dec, CRDT_EMALFORMED, "a type that no map holds, in a map");
    }
    const crdt_type *only = crdt__map_only(map->type);
    if (only != NULL && (type != only || told != id)) {
        return crdt_dec_fail(dec, CRDT_EMALFORMED, "a sorted set's member is no score");
    }
    if (!in_order(map, key, id)) {
        return crdt_dec_fail(dec, CRDT_EMALFORMED, "a map's keys are out of order");
    }
    size_t   spine = crdt__map_spine(map);
    crdt_err err = crdt__map_make(space, map, key, type, (uint16_t)id, &e);
    if (err == CRDT_OK) err = crdt__sibs_decode(crdt__map_shape(map), space, &e->marks, dec);
    if (err == CRDT_OK && only != NULL && crdt__sibs_count(&e->marks) > 0) {
        err = crdt_dec_fail(dec, CRDT_EMALFORMED, "a sorted set's member has a mark");
    }
    if (err == CRDT_OK) err = get_body(space, e, told != id, dec);
    return err == CRDT_OK ? end_entry(space, map, e, spine, dec) : err;
}

crdt_err crdt__map_decode(const crdt_space *space, void *state, crdt_dec *dec)
{
    crdt__map *map = state;
    uint32_t   depth =
        dec->limits->depth < CRDT__MAP_DEPTH_MAX ? dec->limits->depth : CRDT__MAP_DEPTH_MAX;
    size_t   count = crdt_dec_count(dec, ENTRY_BYTES_MIN, "entries of a map");
    crdt_err err = dec->err;
    if (err == CRDT_OK && count > 0 && dec->depth >= depth) {
        err = crdt_dec_fail(dec, CRDT_ELIMIT, "maps nested too deep");
    }
    for (size_t i = 0; err == CRDT_OK && i < count; i++) err = get_entry(space, map, dec);
    map->gaps = dec->form != CRDT_OF_STATE;
    if (err != CRDT_OK) crdt__map_clear(space, map);
    return err;
}

/* -- Digest ------------------------------------------------------------------------------------ */

/* That of its marks, and what the digest of its content begins with. */
static crdt_digest digest_marks(const crdt__map *map, const crdt__entry *e, crdt_blocks *content)
{
    crdt_blocks blocks;
    crdt_view   key = crdt__entry_key(e);
    uint64_t    id = e->id;
    crdt_digest base = crdt_digest_of(key.data, key.size);
    base = crdt_digest_block(base, id, key.size, base);
    crdt_blocks_init(&blocks, base);
    crdt__sibs_digest(crdt__map_shape(map), &e->marks, &blocks);
    crdt_digest marks = crdt_blocks_end(&blocks);
    base = crdt_digest_block(base, id, 1, base);
    crdt_blocks_init(content, base);
    return marks;
}

static void add_sum(crdt_blocks *blocks, crdt_digest sum)
{
    if ((sum.lo | sum.hi) != 0) crdt_blocks_add(blocks, 0, 1, sum);
}

static crdt__map *map_in(const crdt__entry *e)
{
    return (crdt__map *)(uintptr_t)e->state; /* what it keeps of digests never shows */
}

crdt_digest crdt__entry_digest(const crdt__map *map, const crdt__entry *e)
{
    crdt_blocks blocks;
    crdt_digest marks = digest_marks(map, e, &blocks);
    if (crdt__is_map(e->type)) {
        crdt__map_clean(map_in(e));
        add_sum(&blocks, map_in(e)->sum);
    } else {
        e->type->digest(e->state, &blocks);
    }
    return crdt_digest_add(marks, crdt_blocks_end(&blocks));
}

/* The sum over what is of known types, and of those in the list, NULL: of all of them. Every slot
 * has its digest. */
static crdt_digest sum_of(crdt__map *map, const crdt_types *types)
{
    crdt_digest sum = {0, 0};
    crdt__place place = {0, 0};
    if (types == NULL && map->strangers == 0) return map->sum;
    for (const crdt__entry *e; (e = crdt__map_at(map, &place)) != NULL; place.slot++) {
        crdt_digest digest = crdt__leaf_tags(map->leaves[place.leaf].leaf)[place.slot];
        if (e->type == &crdt__opaque_type) continue;
        if (types != NULL && crdt_types_by_id(types, e->id) == NULL) continue;
        if (crdt__is_map(e->type) && (types != NULL || e->strange)) {
            crdt_blocks blocks;
            digest = digest_marks(map, e, &blocks);
            add_sum(&blocks, sum_of(map_in(e), types));
            digest = crdt_digest_add(digest, crdt_blocks_end(&blocks));
        }
        sum = crdt_digest_add(sum, digest);
    }
    return sum;
}

void crdt__map_digest_of(const void *state, const crdt_types *types, crdt_blocks *blocks)
{
    crdt__map *map = (crdt__map *)(uintptr_t)state;
    crdt__map_clean(map);
    add_sum(blocks, sum_of(map, types));
}

void crdt__map_digest(const void *state, crdt_blocks *blocks)
{
    crdt__map_digest_of(state, NULL, blocks);
}

/* -- Audit ------------------------------------------------------------------------------------- */

static bool entry_ok(const crdt_space *space, const crdt__map *map, const crdt__entry *e,
                     const crdt_context *seen, const char **ret_reason)
{
    crdt__sight      sight = {space, map, NULL, NULL, crdt__map_policy(map->type)};
    crdt__both       both = {e->type, (crdt__entry *)(uintptr_t)e, NULL, e->id};
    const crdt_type *only = crdt__map_only(map->type);
    *ret_reason = "an entry's type is none that a map may hold";
    if (crdt__map_type(space, e->id) != e->type) return false;
    if (only != NULL && (e->type != only || crdt__sibs_count(&e->marks) > 0)) return false;
    *ret_reason = "an entry is not known to show, or not to";
    if (e->live != crdt__both_look(&sight, &both).shows) return false;
    *ret_reason = "an entry is not known to compete, or not to";
    if (e->competes != crdt__entry_competes(space, e)) return false;
    *ret_reason = "an entry is not known to be strange, or not to";
    bool holds = crdt__is_map(e->type) && map_in(e)->strangers > 0;
    if (e->strange != (holds || e->type == &crdt__opaque_type)) return false;
    *ret_reason = "an entry's kept digest is wrong";
    const crdt__leaf *leaf = e->leaf;
    if (!e->dirty) {
        crdt__place place = crdt__map_seek(map, crdt__entry_key(e), e->id);
        if (crdt__map_at(map, &place) != e || map->leaves[place.leaf].leaf != leaf) return false;
        if (!crdt_digest_equal(crdt__leaf_tags(leaf)[place.slot], crdt__entry_digest(map, e)))
            return false;
    } else if (!leaf->dirty || !map->dirty) {
        return false;
    }
    return crdt__sibs_check(crdt__map_shape(map), space, &e->marks, seen, ret_reason) &&
           e->type->check(space, e->state, seen, ret_reason);
}

bool crdt__map_check(const crdt_space *space, const void *state, const crdt_context *seen,
                     const char **ret_reason)
{
    const crdt__map   *map = state;
    const crdt__entry *last = NULL;
    crdt__place        place = {0, 0};
    size_t             entries = 0, keys = 0, lives = 0, competing = 0, strangers = 0;
    bool               key_lives = false;
    for (const crdt__entry *e; (e = crdt__map_next(map, &place)) != NULL; last = e, entries++) {
        *ret_reason = "a map's entries are out of order";
        if (last != NULL && crdt__entry_compare(last, e) >= 0) return false;
        if (!entry_ok(space, map, e, seen, ret_reason)) return false;
        bool alike =
            last != NULL && crdt_view_compare(crdt__entry_key(last), crdt__entry_key(e)) == 0;
        if (!alike) key_lives = false;
        if (e->live && !key_lives) keys++;
        key_lives |= e->live;
        lives += e->live;
        competing += e->competes;
        strangers += e->strange;
    }
    *ret_reason = "a slot's head is not that of its key";
    if (!crdt__map_heads_ok(map)) return false;
    if (crdt__map_is_ranked(map) && !crdt__ranks_check(map, ret_reason)) return false;
    *ret_reason = "a map's counts are wrong";
    return entries == map->entries && keys == map->keys && lives == map->lives &&
           competing == map->competing && strangers == map->strangers;
}

bool crdt__map_within(const void *state, const crdt_context *seen)
{
    const crdt__map *map = state;
    crdt__place      place = {0, 0};
    const char      *reason;
    for (const crdt__entry *e; (e = crdt__map_next(map, &place)) != NULL;) {
        for (size_t i = 0; i < crdt__sibs_count(&e->marks); i++) {
            if (!crdt_context_has(seen, crdt__sib_dot(crdt__sibs_at(&e->marks, i)))) return false;
        }
        bool ok = e->type->within != NULL ? e->type->within(e->state, seen)
                                          : e->type->check(map->space, e->state, seen, &reason);
        if (!ok) return false;
    }
    return true;
}

size_t crdt__map_bytes(const void *state)
{
    const crdt__map *map = state;
    crdt__place      place = {0, 0};
    size_t           bytes = crdt__map_memory(map);
    for (const crdt__entry *e; (e = crdt__map_next(map, &place)) != NULL;) {
        crdt_stats inner;
        memset(&inner, 0, sizeof inner);
        bytes += crdt__sibs_beyond(&e->marks);
        if (e->type->bytes != NULL) {
            bytes += e->type->bytes(e->state);
        } else {
            e->type->stats(e->state, &inner);
            bytes += inner.payload + inner.metadata;
        }
    }
    return bytes;
}
