/* map/map_tree.c: the entries of a map in order. See map.h. */
#include <string.h>

#include "crdt/core/bytes.h"
#include "crdt/core/mem.h"
#include "crdt/map/map.h"

#define LEAF_MIN 1u

static size_t leaf_bytes(uint32_t cap)
{
    return sizeof(crdt__leaf) + (size_t)cap * CRDT__LEAF_WORDS * sizeof(uint64_t);
}

/* -- Heads ------------------------------------------------------------------------------------- */

#define SKIP_MAX UINT8_MAX

/* Of a key that begins as all do. */
static uint64_t head_of(const crdt__map *map, crdt_view key)
{
    const uint8_t *at = key.data;
    size_t         size = key.size - map->skip;
    uint64_t       head = 0;
    if (size >= 8) return crdt__load_be64(at + map->skip);
    if (size == 0) return 0;
    if (key.size >= 8) return crdt__load_be64(at + key.size - 8) << (8 - size) * 8;
    for (size_t i = 0; i < key.size; i++) head = head << 8 | at[i];
    return head << (8 - size) * 8;
}

static crdt_view first_key(const crdt__map *map)
{
    return crdt__entry_key(crdt__leaf_entries(map->leaves[0].leaf)[0]);
}

/* 0: the key begins with what heads skip; else it stands before, or behind, all keys. */
static int beside(const crdt__map *map, crdt_view key)
{
    if (map->skip == 0) return 0;
    size_t size = key.size < map->skip ? key.size : map->skip;
    int    order = size > 0 ? memcmp(key.data, first_key(map).data, size) : 0;
    return order == 0 && size < map->skip ? -1 : order;
}

bool crdt__map_heads_ok(const crdt__map *map)
{
    for (uint32_t l = 0; l < map->count; l++) {
        const crdt__leaf *leaf = map->leaves[l].leaf;
        const uint64_t   *heads = crdt__leaf_heads(leaf);
        if (map->leaves[l].head != heads[0]) return false;
        for (uint32_t i = 0; i < leaf->count; i++) {
            crdt_view key = crdt__entry_key(crdt__leaf_entries(leaf)[i]);
            if (beside(map, key) != 0 || heads[i] != head_of(map, key)) return false;
        }
    }
    return true;
}

/* The first slot of leaf l is another one. */
static void begin_branch(crdt__map *map, uint32_t l)
{
    map->leaves[l].head = crdt__leaf_heads(map->leaves[l].leaf)[0];
}

static void skip_bytes(crdt__map *map, uint8_t skip)
{
    map->skip = skip;
    for (uint32_t l = 0; l < map->count; l++) {
        crdt__leaf *leaf = map->leaves[l].leaf;
        for (uint32_t i = 0; i < leaf->count; i++) {
            crdt__leaf_heads(leaf)[i] = head_of(map, crdt__entry_key(crdt__leaf_entries(leaf)[i]));
        }
        if (leaf->count > 0) begin_branch(map, l);
    }
}

#define REVIEW_FROM 4u /* entries */

/* With the first few entries, then once each time the leaves have doubled: what the first and the
 * last key begin with, all do. A key that begins otherwise ends it until then, so heads are written
 * anew O(1) times per key. */
static void review_heads(crdt__map *map)
{
    if (map->tried == 0 ? map->entries < REVIEW_FROM : map->count >> map->tried == 0) return;
    map->tried++;
    const crdt__leaf *leaf = map->leaves[map->count - 1].leaf;
    crdt_view a = first_key(map), b = crdt__entry_key(crdt__leaf_entries(leaf)[leaf->count - 1]);
    const uint8_t *first = a.data, *last = b.data;
    size_t         most = a.size < b.size ? a.size : b.size, same = 0;
    if (most > SKIP_MAX) most = SKIP_MAX;
    while (same < most && first[same] == last[same]) same++;
    if (same > map->skip) skip_bytes(map, (uint8_t)same);
}

/* -- Finding ----------------------------------------------------------------------------------- */

static int compare_to(const crdt__leaf *leaf, uint32_t slot, uint64_t head, crdt_view key,
                      uint32_t id)
{
    uint64_t there = crdt__leaf_heads(leaf)[slot];
    if (there != head) return there < head ? -1 : 1;
    const crdt__entry *e = crdt__leaf_entries(leaf)[slot];
    int                order = crdt_view_compare(crdt__entry_key(e), key);
    if (order != 0) return order;
    return e->id == id ? 0 : e->id < id ? -1 : 1;
}

int crdt__entry_compare(const crdt__entry *a, const crdt__entry *b)
{
    int order = crdt_view_compare(crdt__entry_key(a), crdt__entry_key(b));
    if (order != 0) return order;
    return a->id == b->id ? 0 : a->id < b->id ? -1 : 1;
}

/* Is the place where the last search ended the one? What is asked of a key is asked in a row. */
static bool is_recent(const crdt__map *map, uint64_t head, crdt_view key, uint32_t id)
{
    crdt__place r = map->recent;
    if (r.leaf >= map->count || r.slot > map->leaves[r.leaf].leaf->count) return false;
    const crdt__leaf *leaf = map->leaves[r.leaf].leaf;
    bool              last = r.slot == leaf->count;
    if (last && r.leaf + 1 < map->count) return false;
    int order = last ? 1 : compare_to(leaf, r.slot, head, key, id);
    if (order <= 0) return order == 0;
    return r.slot > 0 ? compare_to(leaf, r.slot - 1, head, key, id) < 0 : r.leaf == 0;
}

/* The last leaf that does not begin behind the key; so what is put in stays in order. */
static uint32_t leaf_of(const crdt__map *map, uint64_t head, crdt_view key, uint32_t id)
{
    uint32_t lo = 0, hi = map->count;
    while (hi - lo > 1) {
        uint32_t            mid = lo + (hi - lo) / 2;
        const crdt__branch *b = &map->leaves[mid];
        bool before = b->head == head ? compare_to(b->leaf, 0, head, key, id) <= 0 : b->head < head;
        if (before) lo = mid;
        else hi = mid;
    }
    return lo;
}

/* The first slot that is not before the key. */
static uint32_t slot_in(const crdt__leaf *leaf, uint64_t head, crdt_view key, uint32_t id)
{
    uint32_t at = 0, end = leaf->count;
    while (at < end) {
        uint32_t mid = at + (end - at) / 2;
        if (compare_to(leaf, mid, head, key, id) < 0) at = mid + 1;
        else end = mid;
    }
    return at;
}

crdt__place crdt__map_seek(const crdt__map *map, crdt_view key, uint32_t id)
{
    if (map->count == 0) return (crdt__place){0, 0};
    int side = beside(map, key);
    if (side < 0) return (crdt__place){0, 0};
    if (side > 0) return (crdt__place){map->count - 1, map->leaves[map->count - 1].leaf->count};
    uint64_t head = head_of(map, key);
    if (is_recent(map, head, key, id)) return map->recent;
    uint32_t    l = leaf_of(map, head, key, id);
    crdt__place place = {l, slot_in(map->leaves[l].leaf, head, key, id)};
    ((crdt__map *)(uintptr_t)map)->recent = place;
    return place;
}

static void skip_ends(const crdt__map *map, crdt__place *place)
{
    while (place->leaf < map->count && place->slot >= map->leaves[place->leaf].leaf->count) {
        place->leaf++;
        place->slot = 0;
    }
}

crdt__entry *crdt__map_at(const crdt__map *map, crdt__place *place)
{
    skip_ends(map, place);
    if (place->leaf == map->count) return NULL;
    return crdt__leaf_entries(map->leaves[place->leaf].leaf)[place->slot];
}

crdt__entry *crdt__map_alike(const crdt__map *map, crdt__place *place, crdt_view key)
{
    skip_ends(map, place);
    if (place->leaf == map->count || key.size < map->skip) return NULL;
    const crdt__leaf *leaf = map->leaves[place->leaf].leaf;
    if (crdt__leaf_heads(leaf)[place->slot] != head_of(map, key)) return NULL;
    crdt__entry *e = crdt__leaf_entries(leaf)[place->slot];
    crdt_view    there = crdt__entry_key(e);
    return there.size == key.size && crdt__same_bytes(there.data, key.data, key.size) ? e : NULL;
}

crdt__entry *crdt__map_find(const crdt__map *map, crdt_view key, uint16_t id)
{
    crdt__place  place = crdt__map_seek(map, key, id);
    crdt__entry *e = crdt__map_alike(map, &place, key);
    return e != NULL && e->id == id ? e : NULL;
}

/* -- What will be sought ----------------------------------------------------------------------- */

#define EXPECTS 16u
#define LINE 64u

/* A key, and how far it is known where it stands. */
typedef struct expected {
    uint64_t            head;
    const crdt__leaf   *leaf;
    crdt__entry *const *entry; /* NULL: none begins as it does */
} expected;

static size_t expect_leaves(const crdt__map *map, const crdt_value *keys, size_t count,
                            expected *ret_all)
{
    size_t known = 0;
    for (size_t i = 0; i < count; i++) {
        if (keys[i].kind != CRDT_BYTES || beside(map, keys[i].bytes) != 0) continue;
        uint64_t head = head_of(map, keys[i].bytes);
        uint32_t l = leaf_of(map, head, keys[i].bytes, 0);
        ret_all[known++] = (expected){head, map->leaves[l].leaf, NULL};
        crdt__load_ahead(map->leaves[l].leaf);
    }
    return known;
}

static void expect_heads(const expected *all, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *heads = (const char *)crdt__leaf_heads(all[i].leaf);
        size_t      size = all[i].leaf->count * sizeof(uint64_t);
        for (size_t at = 0; at < size; at += LINE) crdt__load_ahead(heads + at);
    }
}

/* By heads alone: of several keys that begin alike one is meant at best. */
static void expect_entries(expected *all, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const uint64_t *heads = crdt__leaf_heads(all[i].leaf);
        uint32_t        at = 0, n = all[i].leaf->count;
        while (at < n && heads[at] < all[i].head) at++;
        if (at == n || heads[at] != all[i].head) continue;
        all[i].entry = crdt__leaf_entries(all[i].leaf) + at;
        crdt__load_ahead(all[i].entry);
    }
    for (size_t i = 0; i < count; i++) {
        if (all[i].entry == NULL) continue;
        for (size_t n = 0; n < 3; n++) crdt__load_ahead((const char *)*all[i].entry + n * LINE);
    }
}

/* In rounds: what the next needs to know comes while one asks for the others. */
void crdt__map_expect_in(const void *state, const crdt_value *keys, size_t count)
{
    const crdt__map *map = state;
    expected         all[EXPECTS];
    if (map->count < 2) return;
    count = expect_leaves(map, keys, count < EXPECTS ? count : EXPECTS, all);
    expect_heads(all, count);
    expect_entries(all, count);
    for (size_t i = 0; i < count; i++) {
        if (all[i].entry == NULL) continue;
        const crdt__entry *e = *all[i].entry;
        crdt__sibs_ahead(&e->marks);
        if (e->type->expect != NULL) e->type->expect(e->state);
    }
}

/* -- Some entry -------------------------------------------------------------------------------- */

/* Leaves are of different sizes: what is beyond the end of one is drawn again. */
const crdt__entry *crdt__map_some(const crdt__map *map, uint64_t random)
{
    const crdt__leaf *leaf = NULL;
    uint32_t          slot = 0;
    if (map->count == 0) return NULL;
    for (int tries = 0; tries < 100; tries++) {
        random = random * 6364136223846793005u + 1442695040888963407u; /* Knuth's */
        leaf = map->leaves[(random >> 32) % map->count].leaf;
        slot = (uint32_t)((random >> 8) % (map->count == 1 ? leaf->count : CRDT__LEAF_MAX));
        if (slot < leaf->count) return crdt__leaf_entries(leaf)[slot];
    }
    return crdt__leaf_entries(leaf)[0];
}

/* -- Putting in and taking out ----------------------------------------------------------------- */

static crdt_err put_leaf(const crdt_mem *mem, crdt__map *map, uint32_t at, uint32_t cap)
{
    if (map->count == map->cap) {
        uint32_t      next = (uint32_t)crdt__grow(map->cap, map->count + 1);
        crdt__branch *leaves = crdt__resize(mem, map->leaves, map->cap * sizeof *map->leaves,
                                            next * sizeof *map->leaves);
        if (leaves == NULL) return CRDT_ENOMEM;
        map->leaves = leaves;
        map->cap = next;
    }
    crdt__leaf *leaf = crdt__alloc(mem, leaf_bytes(cap));
    if (leaf == NULL) return CRDT_ENOMEM;
    leaf->count = 0;
    leaf->cap = cap;
    leaf->dirty = false;
    memmove(map->leaves + at + 1, map->leaves + at, (map->count - at) * sizeof *map->leaves);
    map->leaves[at].leaf = leaf;
    map->count++;
    return CRDT_OK;
}

static void move_slots(crdt__leaf *to, uint32_t at, const crdt__leaf *from, uint32_t first,
                       uint32_t count)
{
    crdt__entry **entries = crdt__leaf_entries(to);
    memmove(crdt__leaf_heads(to) + at, crdt__leaf_heads(from) + first, count * sizeof(uint64_t));
    memmove(crdt__leaf_tags(to) + at, crdt__leaf_tags(from) + first, count * sizeof(crdt_digest));
    memmove(entries + at, crdt__leaf_entries(from) + first, count * sizeof *entries);
    for (uint32_t i = at; i < at + count; i++) entries[i]->leaf = to;
}

static void set_slot(crdt__leaf *leaf, uint32_t at, uint64_t head, crdt_digest tag, crdt__entry *e)
{
    crdt__leaf_heads(leaf)[at] = head;
    crdt__leaf_tags(leaf)[at] = tag;
    crdt__leaf_entries(leaf)[at] = e;
}

static crdt_err grow_leaf(const crdt_mem *mem, crdt__leaf **leaf)
{
    crdt__leaf *old = *leaf;
    uint32_t    cap = old->cap * 4 > CRDT__LEAF_MAX ? CRDT__LEAF_MAX : old->cap * 4;
    crdt__leaf *next = crdt__alloc(mem, leaf_bytes(cap));
    if (next == NULL) return CRDT_ENOMEM;
    *next = (crdt__leaf){.count = old->count, .cap = cap, .dirty = old->dirty};
    move_slots(next, 0, old, 0, old->count);
    crdt__release(mem, old, leaf_bytes(old->cap));
    *leaf = next;
    return CRDT_OK;
}

/* Room for one more slot at the place, which moves with it. What comes in order fills leaves. */
static crdt_err make_room(const crdt_mem *mem, crdt__map *map, crdt__place *place)
{
    if (map->count == 0) return put_leaf(mem, map, 0, LEAF_MIN);
    crdt__leaf *leaf = map->leaves[place->leaf].leaf;
    if (leaf->count < leaf->cap) return CRDT_OK;
    if (leaf->cap < CRDT__LEAF_MAX) return grow_leaf(mem, &map->leaves[place->leaf].leaf);
    bool     last = place->leaf + 1 == map->count && place->slot == leaf->count;
    uint32_t half = last ? leaf->count : leaf->count / 2;
    crdt_err err = put_leaf(mem, map, place->leaf + 1, last ? LEAF_MIN : CRDT__LEAF_MAX);
    if (err != CRDT_OK) return err;
    crdt__leaf *next = map->leaves[place->leaf + 1].leaf;
    move_slots(next, 0, leaf, half, leaf->count - half);
    next->count = leaf->count - half;
    next->dirty = leaf->dirty;
    leaf->count = half;
    if (next->count > 0) begin_branch(map, place->leaf + 1);
    if (place->slot >= half) {
        place->leaf++;
        place->slot -= half;
    }
    return CRDT_OK;
}

crdt_err crdt__map_make(const crdt_space *space, crdt__map *map, crdt_view key,
                        const crdt_type *type, uint16_t id, crdt__entry **ret_entry)
{
    crdt__place  place = crdt__map_seek(map, key, id);
    crdt__place  at = place;
    crdt__entry *e = crdt__map_alike(map, &at, key);
    if (e != NULL && e->id == id) {
        *ret_entry = e;
        return CRDT_OK;
    }
    if (map->count == 0) map->skip = map->tried = 0;
    crdt_err err = make_room(space->mem, map, &place);
    if (err != CRDT_OK) return err;
    e = crdt__alloc(space->mem, sizeof *e + type->size + key.size);
    crdt__leaf *leaf = map->leaves[place.leaf].leaf;
    if (e == NULL) { /* a leaf that was made for it goes again: none is without entries */
        if (leaf->count == 0) {
            crdt__release(space->mem, leaf, leaf_bytes(leaf->cap));
            map->count--;
            memmove(map->leaves + place.leaf, map->leaves + place.leaf + 1,
                    (map->count - place.leaf) * sizeof *map->leaves);
        }
        return CRDT_ENOMEM;
    }
    if (beside(map, key) != 0) skip_bytes(map, 0);
    memset(e, 0, sizeof *e);
    e->type = type;
    e->id = id;
    e->key_size = (uint32_t)key.size;
    type->init(space, e->state);
    if (key.size > 0) memcpy(e->state + type->size, key.data, key.size);
    move_slots(leaf, place.slot + 1, leaf, place.slot, leaf->count - place.slot);
    set_slot(leaf, place.slot, head_of(map, key), (crdt_digest){0, 0}, e);
    leaf->count++;
    if (place.slot == 0) begin_branch(map, place.leaf);
    e->leaf = leaf;
    e->dirty = leaf->dirty = map->dirty = true;
    map->entries++;
    review_heads(map);
    *ret_entry = e;
    return CRDT_OK;
}

static void free_entry(const crdt_space *space, crdt__entry *e)
{
    e->type->clear(space, e->state);
    crdt__sibs_clear(space, &e->marks);
    crdt__release(space->mem, e, crdt__entry_bytes(e));
}

/* Do those beside it begin otherwise? False also if one may be in another leaf. */
static bool stands_alone(const crdt__map *map, const crdt__entry *e)
{
    const crdt__leaf *leaf = e->leaf;
    const uint64_t   *heads = crdt__leaf_heads(leaf);
    uint32_t          at = 0;
    while (crdt__leaf_entries(leaf)[at] != e) at++;
    bool first = at == 0, last = at + 1 == leaf->count;
    if ((first || last) && map->count > 1) return false;
    return (first || heads[at - 1] != heads[at]) && (last || heads[at + 1] != heads[at]);
}

/* Does anything else show under its key? */
static bool shows_alike(const crdt__map *map, const crdt__entry *e)
{
    crdt_view   key = crdt__entry_key(e);
    crdt__place place = crdt__map_seek(map, key, 0);
    for (const crdt__entry *other; (other = crdt__map_alike(map, &place, key)) != NULL;) {
        if (other != e && other->live) return true;
        place.slot++;
    }
    return false;
}

static void set_live(crdt__map *map, crdt__entry *e, bool live)
{
    if (live == e->live) return;
    e->live = live;
    if (live) map->lives++;
    else map->lives--;
    bool alone = crdt__map_only(map->type) != NULL || stands_alone(map, e);
    if (!alone && shows_alike(map, e)) return;
    if (live) map->keys++;
    else map->keys--;
}

bool crdt__map_competes(const crdt__map *map)
{
    return map->competing > 0 || map->lives > map->keys;
}

bool crdt__entry_competes(const crdt_space *space, const crdt__entry *e)
{
    crdt_conflict second;
    crdt_ref      ref = {e->type, space, e->state, NULL, NULL};
    if (!e->live) return false;
    if (crdt__is_map(e->type)) return crdt__map_competes((const crdt__map *)(const void *)e->state);
    return e->type->conflict != NULL && e->type->conflict(&ref, 1, &second);
}

static void set_competes(crdt__map *map, crdt__entry *e, bool competes)
{
    if (competes == e->competes) return;
    e->competes = competes;
    if (competes) map->competing++;
    else map->competing--;
}

static void set_strange(crdt__map *map, crdt__entry *e, bool strange)
{
    if (strange == e->strange) return;
    e->strange = strange;
    if (strange) map->strangers++;
    else map->strangers--;
}

static bool is_strange(const crdt__entry *e)
{
    if (e->type == &crdt__opaque_type) return true;
    return crdt__is_map(e->type) && ((const crdt__map *)(const void *)e->state)->strangers > 0;
}

void crdt__map_drop(const crdt_space *space, crdt__map *map, crdt__entry *e)
{
    crdt__place place = crdt__map_seek(map, crdt__entry_key(e), e->id);
    CRDT_ASSERT(crdt__map_at(map, &place) == e && !e->touched);
    set_live(map, e, false);
    set_competes(map, e, false);
    set_strange(map, e, false);
    crdt__ranks_drop(map, e);
    crdt__leaf *leaf = e->leaf;
    map->sum = crdt_digest_sub(map->sum, crdt__leaf_tags(leaf)[place.slot]);
    move_slots(leaf, place.slot, leaf, place.slot + 1, leaf->count - place.slot - 1);
    leaf->count--;
    map->entries--;
    if (leaf->count == 0) {
        crdt__release(space->mem, leaf, leaf_bytes(leaf->cap));
        map->count--;
        memmove(map->leaves + place.leaf, map->leaves + place.leaf + 1,
                (map->count - place.leaf) * sizeof *map->leaves);
    } else if (place.slot == 0) {
        begin_branch(map, place.leaf);
    }
    free_entry(space, e);
}

bool crdt__entry_is_empty(const crdt__entry *e)
{
    return crdt__sibs_count(&e->marks) == 0 && e->type->empty(e->state);
}

void crdt__map_touch(const crdt_space *space, crdt__map *map, crdt__entry *e)
{
    crdt__sight sight = {space, map, NULL, NULL, crdt__map_policy(map->type)};
    crdt__both  both = {e->type, e, NULL, e->id};
    bool        marked = sight.policy == CRDT__UPDATE_WINS && crdt__sibs_count(&e->marks) > 0;
    set_live(map, e, marked || crdt__both_look(&sight, &both).shows);
    set_competes(map, e, crdt__entry_competes(space, e));
    set_strange(map, e, is_strange(e));
    if (crdt__map_is_ranked(map)) crdt__ranks_touch(map, e);
    e->dirty = e->leaf->dirty = map->dirty = true;
}

crdt_err crdt__map_know(const crdt_space *space, crdt__map *map, crdt__entry *e)
{
    crdt_err err = e->type->learn == NULL ? CRDT_OK : e->type->learn(space, e->state);
    if (err == CRDT_OK) crdt__map_touch(space, map, e);
    return err;
}

void crdt__map_edit(crdt__map *map, crdt__entry *e)
{
    if (e->touched) return;
    e->touched = true;
    e->next_touched = map->touched;
    map->touched = e;
}

void crdt__map_clean(crdt__map *map)
{
    if (!map->dirty) return;
    for (uint32_t l = 0; l < map->count; l++) {
        crdt__leaf *leaf = map->leaves[l].leaf;
        if (!leaf->dirty) continue;
        leaf->dirty = false;
        for (uint32_t i = 0; i < leaf->count; i++) {
            crdt__entry *e = crdt__leaf_entries(leaf)[i];
            crdt_digest *tag = &crdt__leaf_tags(leaf)[i];
            if (!e->dirty) continue;
            e->dirty = false;
            map->sum = crdt_digest_sub(map->sum, *tag);
            *tag = crdt__entry_digest(map, e);
            map->sum = crdt_digest_add(map->sum, *tag);
        }
    }
    map->dirty = false;
}

void crdt__map_init(const crdt_space *space, const crdt_type *type, void *state)
{
    crdt__map *map = state;
    memset(map, 0, sizeof *map);
    map->type = type;
    map->space = space;
}

/* A state that knows its space moves into one that knows the new space. */
static uint64_t move_inner(const crdt_space *space, crdt__entry *e)
{
    alignas(max_align_t) unsigned char room[512];
    CRDT_ASSERT(e->type->size <= sizeof room);
    e->type->init(space, room);
    uint64_t stamp = e->type->move(space, room, e->state);
    e->type->clear(space, e->state);
    memcpy(e->state, room, e->type->size);
    return stamp;
}

uint64_t crdt__map_move(const crdt_space *space, void *state, void *other)
{
    crdt__map  *map = state, *from = other;
    crdt__place place = {0, 0};
    crdt_stats  stats;
    uint64_t    moved = 0;
    crdt__map_clear(space, map);
    *map = *from;
    map->space = space;
    crdt__map_init(from->space, from->type, from);
    memset(&stats, 0, sizeof stats);
    for (crdt__entry *e; (e = crdt__map_next(map, &place)) != NULL;) {
        crdt__sibs_stats(crdt__map_shape(map), &e->marks, &stats);
        if (e->type->move == NULL) {
            e->type->stats(e->state, &stats);
            continue;
        }
        uint64_t stamp = move_inner(space, e);
        if (stamp > moved) moved = stamp;
    }
    return stats.stamp_max > moved ? stats.stamp_max : moved;
}

void crdt__map_thin(const crdt_space *space, crdt__map *map, crdt__entry *entry)
{
    crdt__leaf *kept = entry->leaf;
    if (crdt__map_is_ranked(map)) crdt__ranks_forget(map, entry);
    for (uint32_t l = 0; l < map->count; l++) {
        crdt__leaf *leaf = map->leaves[l].leaf;
        for (uint32_t i = 0; i < leaf->count; i++) {
            crdt__entry *e = crdt__leaf_entries(leaf)[i];
            if (e == entry)
                set_slot(leaf, 0, crdt__leaf_heads(leaf)[i], crdt__leaf_tags(leaf)[i], e);
            else free_entry(space, e);
        }
        if (leaf != kept) crdt__release(space->mem, leaf, leaf_bytes(leaf->cap));
    }
    kept->count = 1;
    map->leaves[0].leaf = kept;
    begin_branch(map, 0);
    map->count = 1;
    map->entries = 1;
}

void crdt__map_clear(const crdt_space *space, void *state)
{
    crdt__map *map = state;
    for (uint32_t l = 0; l < map->count; l++) {
        crdt__leaf *leaf = map->leaves[l].leaf;
        for (uint32_t i = 0; i < leaf->count; i++) free_entry(space, crdt__leaf_entries(leaf)[i]);
        crdt__release(space->mem, leaf, leaf_bytes(leaf->cap));
    }
    crdt__release(space->mem, map->leaves, map->cap * sizeof *map->leaves);
    crdt__release(space->mem, map->plan, map->plan_cap * sizeof *map->plan);
    crdt__release(space->mem, map->bottom, map->bottom_size);
    crdt__map_init(map->space, map->type, map);
}

size_t crdt__map_spine(const crdt__map *map)
{
    if (map->count == 0) return 0;
    return map->cap * sizeof *map->leaves + (map->count - 1) * leaf_bytes(CRDT__LEAF_MAX) +
           leaf_bytes(map->leaves[map->count - 1].leaf->cap);
}

size_t crdt__map_memory(const crdt__map *map)
{
    size_t bytes = map->cap * sizeof *map->leaves;
    bytes += map->plan_cap * sizeof *map->plan + map->bottom_size;
    for (uint32_t l = 0; l < map->count; l++) {
        const crdt__leaf *leaf = map->leaves[l].leaf;
        bytes += leaf_bytes(leaf->cap);
        for (uint32_t i = 0; i < leaf->count; i++)
            bytes += crdt__entry_bytes(crdt__leaf_entries(leaf)[i]);
    }
    return bytes;
}
