/* core/elems_index.c: value -> dots, in 4 bytes a slot.
 *
 * Shape    open addressing with Robin Hood order; the distance from home is kept in the slot, so
 *          neither a search nor a removal has to look at the values of the entries it passes.
 *          Slot: [hash bits | distance + 1 (5 bits; 31: 30 or more) | handle]; 0 is empty.
 *          One slot a value: its further dots stand in a ring in a table of their own,
 *          keyed by handle.
 * Floods   values made to collide show as distances that chance does not give: the table is then
 *          filled anew with another seed, a few times. Many dots of one value cost no more than
 *          many values.
 */
#include "crdt/core/elems_impl.h"
#include "crdt/core/hash.h"

#define DISTANCE_BITS 5u
#define DISTANCE_FULL 31u /* as stored: 30 or more */
#define DISTANCE_FLOOD 200u
#define RESEEDS_MAX 4u
#define ORDINAL_BITS_NARROW 15u
#define ORDINAL_BITS_WIDE 31u
#define BATCH 32u

/* -- Slots ------------------------------------------------------------------------------------- */

static inline uint64_t load(const crdt__index *index, const void *table, uint64_t i)
{
    return index->wide ? ((const uint64_t *)table)[i] : ((const uint32_t *)table)[i];
}

static inline void store(const crdt__index *index, void *table, uint64_t i, uint64_t n)
{
    if (index->wide) ((uint64_t *)table)[i] = n;
    else ((uint32_t *)table)[i] = (uint32_t)n;
}

static inline size_t cell(const crdt__index *index)
{
    return index->wide ? sizeof(uint64_t) : sizeof(uint32_t);
}

static inline uint64_t handle_of(const crdt__index *index, uint64_t slot)
{
    return slot & ((UINT64_C(1) << index->handle_bits) - 1);
}

static inline uint64_t hash_value(const crdt__index *index, crdt_value value)
{
    if (value.kind == CRDT_INT) return crdt__mix64((uint64_t)value.i ^ index->seed);
    return crdt__hash64(value.bytes.data, value.bytes.size, index->seed);
}

static inline uint64_t home_of(const crdt__index *index, uint64_t hash)
{
    return (hash >> 32) * index->cap >> 32;
}

/* The hash bits of a slot, in their place. */
static inline uint64_t tag_of(const crdt__index *index, uint64_t hash)
{
    unsigned shift = index->handle_bits + DISTANCE_BITS;
    uint64_t tag = (hash & UINT32_MAX) << shift;
    return index->wide ? tag : tag & UINT32_MAX;
}

static inline uint64_t tag_mask(const crdt__index *index)
{
    return tag_of(index, UINT32_MAX);
}

static inline uint64_t with_distance(const crdt__index *index, uint64_t slot, uint64_t distance)
{
    uint64_t field = (uint64_t)DISTANCE_FULL << index->handle_bits;
    uint64_t n = distance + 1 < DISTANCE_FULL ? distance + 1 : DISTANCE_FULL;
    return (slot & ~field) | n << index->handle_bits;
}

static crdt_value value_of(const crdt__index *index, uint64_t handle)
{
    const crdt__chunk *c = index->chunks[handle / CRDT__CHUNK_DOTS];
    int                place = crdt__chunk_place(c, handle % CRDT__CHUNK_DOTS);
    CRDT_ASSERT(place >= 0);
    return crdt__chunk_value(c, (unsigned)place);
}

/* How far the slot at `at` stands from its home. */
static inline uint64_t distance_of(const crdt__index *index, uint64_t slot, uint64_t at)
{
    uint64_t n = slot >> index->handle_bits & DISTANCE_FULL;
    if (n < DISTANCE_FULL) return n - 1;
    uint64_t home = home_of(index, hash_value(index, value_of(index, handle_of(index, slot))));
    return at >= home ? at - home : at + index->cap - home;
}

static bool value_equal(const crdt__index *index, uint64_t handle, crdt_value value)
{
    crdt_value other = value_of(index, handle);
    if (other.kind != value.kind) return false;
    if (value.kind == CRDT_INT) return other.i == value.i;
    return other.bytes.size == value.bytes.size &&
           (value.bytes.size == 0 ||
            memcmp(other.bytes.data, value.bytes.data, value.bytes.size) == 0);
}

typedef struct seat {
    uint64_t at, distance; /* where the value stands, or would */
    bool     found;
} seat;

static seat find_value(const crdt__index *index, crdt_value value, uint64_t hash)
{
    uint64_t tag = tag_of(index, hash), mask = tag_mask(index);
    seat     s = {home_of(index, hash), 0, false};
    for (;; s.distance++) {
        uint64_t slot = load(index, index->slots, s.at);
        if (slot == 0) return s;
        uint64_t there = distance_of(index, slot, s.at);
        if (there < s.distance) return s;
        if (there == s.distance && (slot & mask) == tag &&
            value_equal(index, handle_of(index, slot), value)) {
            s.found = true;
            return s;
        }
        if (++s.at == index->cap) s.at = 0;
    }
}

/* The slot that holds exactly this handle, of a value with this hash. It is there. */
static uint64_t find_handle(const crdt__index *index, uint64_t handle, uint64_t hash)
{
    uint64_t at = home_of(index, hash);
    while (handle_of(index, load(index, index->slots, at)) != handle ||
           load(index, index->slots, at) == 0) {
        if (++at == index->cap) at = 0;
    }
    return at;
}

/* Put a new slot where find_value said; those behind it move up. */
static void seat_slot(crdt__index *index, seat s, uint64_t slot)
{
    uint64_t distance = s.distance;
    for (uint64_t at = s.at;; distance++) {
        uint64_t there = load(index, index->slots, at);
        if (distance > DISTANCE_FLOOD && index->reseeds < RESEEDS_MAX) index->flooded = true;
        if (there == 0) {
            store(index, index->slots, at, with_distance(index, slot, distance));
            return;
        }
        uint64_t other = distance_of(index, there, at);
        if (other < distance) {
            store(index, index->slots, at, with_distance(index, slot, distance));
            slot = there;
            distance = other;
        }
        if (++at == index->cap) at = 0;
    }
}

/* Empty the slot; those behind it that are not at home move down. */
static void unseat_slot(crdt__index *index, uint64_t at)
{
    for (;;) {
        uint64_t next = at + 1 == index->cap ? 0 : at + 1;
        uint64_t slot = load(index, index->slots, next);
        uint64_t distance = slot == 0 ? 0 : distance_of(index, slot, next);
        if (distance == 0) break;
        store(index, index->slots, at, with_distance(index, slot, distance - 1));
        at = next;
    }
    store(index, index->slots, at, 0);
}

/* -- Rings of dots with one value -------------------------------------------------------------- */

/* Where the handle stands in dups, or the empty entry where it would. There is an empty one. */
static uint64_t dup_at(const crdt__index *index, uint64_t handle)
{
    uint64_t mask = index->dups_cap - 1, at = crdt__mix64(handle) & mask;
    for (;; at = (at + 1) & mask) {
        uint64_t key = load(index, index->dups, 3 * at);
        if (key == 0 || key == handle + 1) return at;
    }
}

static inline bool dup_has(const crdt__index *index, uint64_t handle)
{
    return index->dups_used > 0 && load(index, index->dups, 3 * dup_at(index, handle)) != 0;
}

static inline uint64_t dup_prev(const crdt__index *index, uint64_t handle)
{
    return load(index, index->dups, 3 * dup_at(index, handle) + 1);
}

static inline uint64_t dup_next(const crdt__index *index, uint64_t handle)
{
    return load(index, index->dups, 3 * dup_at(index, handle) + 2);
}

static void dup_put(crdt__index *index, uint64_t handle, uint64_t prev, uint64_t next)
{
    uint64_t at = 3 * dup_at(index, handle);
    index->dups_used += load(index, index->dups, at) == 0;
    store(index, index->dups, at, handle + 1);
    store(index, index->dups, at + 1, prev);
    store(index, index->dups, at + 2, next);
}

static void dup_remove(crdt__index *index, uint64_t handle)
{
    uint64_t mask = index->dups_cap - 1, hole = dup_at(index, handle);
    for (uint64_t at = hole;;) {
        at = (at + 1) & mask;
        uint64_t key = load(index, index->dups, 3 * at);
        if (key == 0) break;
        uint64_t home = crdt__mix64(key - 1) & mask;
        if (((at - home) & mask) < ((at - hole) & mask)) continue; /* its home is behind the hole */
        for (unsigned i = 0; i < 3; i++) {
            store(index, index->dups, 3 * hole + i, load(index, index->dups, 3 * at + i));
        }
        hole = at;
    }
    store(index, index->dups, 3 * hole, 0);
    index->dups_used--;
}

static bool dup_reserve(const crdt_mem *mem, crdt__index *index)
{
    crdt__index old = *index;
    if ((index->dups_used + 2) * 4 <= index->dups_cap * 3) return true;
    index->dups_cap = old.dups_cap ? old.dups_cap * 2 : 8;
    size_t size = (size_t)index->dups_cap * 3 * cell(index);
    index->dups = crdt__alloc(mem, size);
    if (index->dups == NULL) {
        *index = old;
        return false;
    }
    memset(index->dups, 0, size);
    index->dups_used = 0;
    for (uint64_t i = 0; i < old.dups_cap; i++) {
        uint64_t key = load(&old, old.dups, 3 * i);
        if (key == 0) continue;
        dup_put(index, key - 1, load(&old, old.dups, 3 * i + 1), load(&old, old.dups, 3 * i + 2));
    }
    crdt__release(mem, old.dups, (size_t)old.dups_cap * 3 * cell(index));
    return true;
}

/* Into the ring of head, as its last. */
static bool ring_add(const crdt_mem *mem, crdt__index *index, uint64_t head, uint64_t handle)
{
    if (!dup_reserve(mem, index)) return false;
    if (!dup_has(index, head)) {
        dup_put(index, head, handle, handle);
        dup_put(index, handle, head, head);
        return true;
    }
    uint64_t last = dup_prev(index, head);
    dup_put(index, head, handle, dup_next(index, head));
    dup_put(index, last, dup_prev(index, last), handle);
    dup_put(index, handle, last, head);
    return true;
}

/* Out of its ring; returns another of it. */
static uint64_t ring_remove(crdt__index *index, uint64_t handle)
{
    uint64_t prev = dup_prev(index, handle), next = dup_next(index, handle);
    dup_remove(index, handle);
    if (prev == next) {
        dup_remove(index, prev);
        return prev;
    }
    dup_put(index, prev, dup_prev(index, prev), next);
    dup_put(index, next, prev, dup_next(index, next));
    return next;
}

uint64_t crdt__index_next(const crdt__index *index, uint64_t handle)
{
    return dup_has(index, handle) ? dup_next(index, handle) : handle;
}

uint64_t crdt__index_prev(const crdt__index *index, uint64_t handle)
{
    return dup_has(index, handle) ? dup_prev(index, handle) : handle;
}

void crdt__index_load_ahead(const crdt__index *index, crdt_value value)
{
    const uint8_t *slots = index->slots;
    __builtin_prefetch(slots + home_of(index, hash_value(index, value)) * cell(index));
}

uint64_t crdt__index_find(const crdt__index *index, crdt_value value)
{
    if (index->used == 0) return CRDT__NO_HANDLE;
    seat s = find_value(index, value, hash_value(index, value));
    return s.found ? handle_of(index, load(index, index->slots, s.at)) : CRDT__NO_HANDLE;
}

/* -- Batches: fetch the values, then the slots, then work -------------------------------------- */

typedef struct batch {
    uint32_t   count;
    uint64_t   handles[BATCH], hashes[BATCH];
    crdt_value values[BATCH];
} batch;

static void fetch_values(const crdt__chunk *c, const batch *b)
{
    for (uint32_t i = 0; i < b->count; i++) {
        int place = crdt__chunk_place(c, b->handles[i] % CRDT__CHUNK_DOTS);
        __builtin_prefetch(c->data + crdt__column_size((unsigned)place, c->records));
    }
    for (uint32_t i = 0; c->records && i < b->count; i++) {
        int place = crdt__chunk_place(c, b->handles[i] % CRDT__CHUNK_DOTS);
        __builtin_prefetch(c->blob + crdt__places(c)[place]);
    }
}

static void fetch_slots(const crdt__index *index, const crdt__chunk *c, batch *b)
{
    for (uint32_t i = 0; i < b->count; i++) {
        int place = crdt__chunk_place(c, b->handles[i] % CRDT__CHUNK_DOTS);
        b->values[i] = crdt__chunk_value(c, (unsigned)place);
        b->hashes[i] = hash_value(index, b->values[i]);
        const uint8_t *slots = index->slots;
        __builtin_prefetch(slots + home_of(index, b->hashes[i]) * cell(index));
    }
}

/* A dot whose value may be the one: the hash bits in its slot are. */
static uint64_t guess(const crdt__index *index, uint64_t hash)
{
    enum { PLACES = 8 };
    uint64_t tag = tag_of(index, hash), mask = tag_mask(index), at = home_of(index, hash);
    for (unsigned i = 0; i < PLACES; i++) {
        uint64_t slot = load(index, index->slots, at);
        if (slot == 0) break;
        if ((slot & mask) == tag) return handle_of(index, slot);
        if (++at == index->cap) at = 0;
    }
    return CRDT__NO_HANDLE;
}

/* In rounds: what the next needs to know comes while one asks for the others. */
void crdt__index_expect(const crdt__index *index, const crdt_value *values, size_t count)
{
    uint64_t hashes[BATCH], handles[BATCH];
    if (index->cap == 0) return;
    if (count > BATCH) count = BATCH;
    for (size_t i = 0; i < count; i++) {
        hashes[i] = hash_value(index, values[i]);
        crdt__load_ahead((const uint8_t *)index->slots + home_of(index, hashes[i]) * cell(index));
    }
    size_t met = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t handle = guess(index, hashes[i]);
        if (handle == CRDT__NO_HANDLE) continue;
        const crdt__chunk *c = index->chunks[handle / CRDT__CHUNK_DOTS];
        int                place = crdt__chunk_place(c, handle % CRDT__CHUNK_DOTS);
        if (place < 0) continue;
        handles[met++] = handle;
        crdt__load_ahead(c->data + crdt__column_size((unsigned)place, c->records));
    }
    for (size_t i = 0; i < met; i++) {
        const crdt__chunk *c = index->chunks[handles[i] / CRDT__CHUNK_DOTS];
        int                place = crdt__chunk_place(c, handles[i] % CRDT__CHUNK_DOTS);
        if (c->records) crdt__load_ahead(c->blob + crdt__places(c)[place]);
    }
}

static inline bool insert_value(const crdt_mem *mem, crdt__index *index, uint64_t handle,
                                crdt_value value, uint64_t hash)
{
    seat s = find_value(index, value, hash);
    if (s.found)
        return ring_add(mem, index, handle_of(index, load(index, index->slots, s.at)), handle);
    seat_slot(index, s, handle | tag_of(index, hash));
    index->used++;
    return true;
}

static void remove_batch(crdt__index *index, const batch *b)
{
    for (uint32_t i = 0; i < b->count; i++) {
        uint64_t handle = b->handles[i];
        if (!dup_has(index, handle)) {
            unseat_slot(index, find_handle(index, handle, b->hashes[i]));
            index->used--;
            continue;
        }
        seat     s = find_value(index, b->values[i], b->hashes[i]);
        uint64_t slot = load(index, index->slots, s.at), other = ring_remove(index, handle);
        if (handle_of(index, slot) == handle)
            store(index, index->slots, s.at, slot - handle + other);
    }
}

/* The next dots of mask into b; *w, *word are the place. False at the end. */
static bool next_batch(batch *b, const crdt__chunk *c, const uint64_t *mask, unsigned w1,
                       unsigned *w, uint64_t *word)
{
    b->count = 0;
    while (b->count < BATCH) {
        while (*word == 0) {
            if (*w == w1) return b->count > 0;
            *word = mask[++*w];
        }
        uint64_t offset = *w * 64u + crdt__lowest(*word);
        b->handles[b->count++] = (uint64_t)c->ordinal * CRDT__CHUNK_DOTS + offset;
        *word &= *word - 1;
    }
    return true;
}

/* True, and incomplete, if a flood shows. */
static bool insert_mask(const crdt_mem *mem, crdt__index *index, const crdt__chunk *c,
                        const uint64_t *mask, unsigned w0, unsigned w1)
{
    batch    b;
    uint64_t word = mask[w0];
    for (unsigned w = w0; !index->flooded && next_batch(&b, c, mask, w1, &w, &word);) {
        fetch_slots(index, c, &b); /* values that come in are at hand */
        for (uint32_t i = 0; i < b.count; i++) {
            if (!insert_value(mem, index, b.handles[i], b.values[i], b.hashes[i])) return false;
        }
    }
    return true;
}

static bool insert_one(const crdt_mem *mem, crdt__index *index, const crdt__chunk *c,
                       unsigned offset)
{
    crdt_value value = crdt__chunk_value(c, (unsigned)crdt__chunk_place(c, offset));
    uint64_t   handle = (uint64_t)c->ordinal * CRDT__CHUNK_DOTS + offset;
    return insert_value(mem, index, handle, value, hash_value(index, value));
}

/* Empty the tables and hash in another way from now on. */
static void reseed(crdt__index *index)
{
    index->flooded = false;
    index->reseeds++;
    index->seed = crdt__mix64(index->seed + index->reseeds);
    memset(index->slots, 0, (size_t)index->cap * cell(index));
    if (index->dups) memset(index->dups, 0, (size_t)index->dups_cap * 3 * cell(index));
    index->used = index->dups_used = 0;
}

/* Put every live dot in, into empty tables, with other seeds as long as values flood it. */
static bool fill(const crdt_mem *mem, crdt__index *index)
{
    uint64_t mask[CRDT__CHUNK_WORDS];
    for (uint32_t i = 0; i < index->chunks_count; i++) {
        const crdt__chunk *c = index->chunks[i];
        if ((uintptr_t)c & 1) continue; /* a free ordinal */
        crdt__source_words(crdt__source_of(c), 0, CRDT__CHUNK_WORDS - 1, mask);
        if (!insert_mask(mem, index, c, mask, 0, CRDT__CHUNK_WORDS - 1)) return false;
        if (!index->flooded) continue;
        reseed(index);
        i = UINT32_MAX; /* all anew */
    }
    return true;
}

void crdt__index_insert(crdt__large *large, const crdt__chunk *c, const uint64_t *mask, unsigned w0,
                        unsigned w1)
{
    bool one = w0 == w1 && (mask[w0] & (mask[w0] - 1)) == 0;
    bool ok = one ? insert_one(large->mem, large->index, c, w0 * 64 + crdt__lowest(mask[w0]))
                  : insert_mask(large->mem, large->index, c, mask, w0, w1);
    if (ok && large->index->flooded) {
        reseed(large->index);
        ok = fill(large->mem, large->index);
    }
    if (!ok) crdt__index_free(large);
}

void crdt__index_remove(crdt__large *large, const crdt__chunk *c, const uint64_t *mask, unsigned w0,
                        unsigned w1)
{
    batch    b;
    uint64_t word = mask[w0];
    for (unsigned w = w0; next_batch(&b, c, mask, w1, &w, &word);) {
        fetch_values(c, &b);
        fetch_slots(large->index, c, &b);
        remove_batch(large->index, &b);
    }
}

/* -- Size -------------------------------------------------------------------------------------- */

static uint64_t live_dots(const crdt__large *large)
{
    uint64_t dots = 0;
    for (uint32_t i = 0; i < large->count; i++) dots += large->order[i]->live;
    return dots;
}

static void free_tables(const crdt_mem *mem, crdt__index *index)
{
    crdt__release(mem, index->slots, (size_t)index->cap * cell(index));
    crdt__release(mem, index->dups, (size_t)index->dups_cap * 3 * cell(index));
    index->slots = index->dups = NULL;
    index->cap = index->used = index->dups_cap = index->dups_used = 0;
}

void crdt__index_free(crdt__large *large)
{
    crdt__index *index = large->index;
    if (index == NULL) return;
    free_tables(large->mem, index);
    crdt__release(large->mem, index->chunks, index->chunks_cap * sizeof(crdt__chunk *));
    crdt__release(large->mem, index, sizeof *index);
    large->index = NULL;
}

/* New tables of `values` slots, for `ordinals` chunks. *index is unchanged on ENOMEM. */
static crdt_err retable(const crdt__large *large, crdt__index *index, uint64_t values,
                        uint64_t ordinals)
{
    crdt__index next = *index;
    unsigned    bits = 1;
    while (ordinals >> bits != 0) bits++;
    next.wide = bits > ORDINAL_BITS_NARROW;
    if (bits > ORDINAL_BITS_WIDE || values >= UINT32_MAX / 2) return CRDT_ENOMEM;
    next.handle_bits = (uint8_t)(bits + 12);
    next.slots = next.dups = NULL;
    next.used = next.dups_cap = next.dups_used = 0;
    next.cap = values;
    next.slots = crdt__alloc(large->mem, (size_t)next.cap * cell(&next));
    if (next.slots == NULL) return CRDT_ENOMEM;
    memset(next.slots, 0, (size_t)next.cap * cell(&next));
    if (!fill(large->mem, &next)) {
        free_tables(large->mem, &next);
        return CRDT_ENOMEM;
    }
    free_tables(large->mem, index);
    *index = next;
    return CRDT_OK;
}

crdt_err crdt__index_build(crdt__large *large)
{
    uint64_t     dots = live_dots(large);
    crdt__index *index = crdt__alloc(large->mem, sizeof *index);
    if (index == NULL) return CRDT_ENOMEM;
    memset(index, 0, sizeof *index);
    index->seed = large->count ? crdt__mix64(large->order[0]->replica) : 0;
    index->chunks_cap = large->count + large->count / 4 + 2;
    index->chunks = crdt__alloc(large->mem, index->chunks_cap * sizeof(crdt__chunk *));
    large->index = index;
    if (index->chunks == NULL) {
        index->chunks_cap = 0;
        crdt__index_free(large);
        return CRDT_ENOMEM;
    }
    for (uint32_t i = 0; i < large->count; i++) crdt__index_add(index, large->order[i]);
    if (retable(large, index, dots + dots * 5 / 8 + 16, (uint64_t)large->count * 2)) {
        crdt__index_free(large);
        return CRDT_ENOMEM;
    }
    return CRDT_OK;
}

crdt_err crdt__index_reserve(crdt__large *large, uint64_t dots, uint32_t chunks)
{
    crdt__index *index = large->index;
    if (index == NULL) return CRDT_OK;
    uint32_t need = index->chunks_count + chunks; /* free ordinals are not counted on */
    if (need > index->chunks_cap) {
        uint32_t      cap = need + need / 4 + 4;
        crdt__chunk **grown = crdt__resize(large->mem, index->chunks,
                                           index->chunks_cap * sizeof *grown, cap * sizeof *grown);
        if (grown == NULL) return CRDT_ENOMEM;
        index->chunks = grown;
        index->chunks_cap = cap;
    }
    uint64_t want = index->used + dots, cap = index->cap;
    bool     full = want > cap / 4 * 3, coarse = need > UINT64_C(1) << (index->handle_bits - 12);
    if (!full && !coarse) return CRDT_OK;
    if (full) cap = cap + cap / 2 > want + want / 2 ? cap + cap / 2 : want + want / 2;
    return retable(large, index, cap, (uint64_t)need * (coarse ? 2 : 1));
}

void crdt__index_settle(crdt__large *large)
{
    crdt__index *index = large->index;
    if (index == NULL || index->cap <= 256 || index->used >= index->cap / 4) return;
    uint64_t cap = index->used + index->used * 5 / 8 + 16;
    (void)retable(large, index, cap, (uint64_t)index->chunks_count * 2);
}

/* A free ordinal holds the next free one, odd so that it is no address. */
void crdt__index_add(crdt__index *index, crdt__chunk *c)
{
    uint32_t ordinal = index->chunks_free;
    if (ordinal != 0) {
        ordinal--;
        index->chunks_free = (uint32_t)((uintptr_t)index->chunks[ordinal] >> 1);
    } else {
        CRDT_ASSERT(index->chunks_count < index->chunks_cap);
        ordinal = index->chunks_count++;
    }
    index->chunks[ordinal] = c;
    c->ordinal = ordinal;
}

void crdt__index_drop(crdt__index *index, const crdt__chunk *c)
{
    index->chunks[c->ordinal] = (crdt__chunk *)((uintptr_t)index->chunks_free << 1 | 1);
    index->chunks_free = c->ordinal + 1;
}

size_t crdt__index_bytes(const crdt__index *index)
{
    if (index == NULL) return 0;
    return sizeof *index + index->chunks_cap * sizeof(crdt__chunk *) +
           (size_t)(index->cap + 3 * index->dups_cap) * cell(index);
}

/* -- Audit ------------------------------------------------------------------------------------- */

static bool dot_is_indexed(const crdt__index *index, crdt_value value, uint64_t handle)
{
    uint64_t head = crdt__index_find(index, value), at = head;
    if (head == CRDT__NO_HANDLE) return false;
    if (head == handle) return true;
    /* By its own ring, not by a walk from head: that would be quadratic for many equal values. */
    return dup_has(index, handle) && value_equal(index, at, value) &&
           dup_next(index, dup_prev(index, handle)) == handle &&
           dup_prev(index, dup_next(index, handle)) == handle && dup_has(index, head);
}

bool crdt__index_check(const crdt__large *large, const char **ret_reason)
{
    const crdt__index *index = large->index;
    uint64_t           slots = 0, alone = 0;
    unsigned           place = 0;
    for (uint64_t i = 0; i < index->cap; i++) {
        uint64_t slot = load(index, index->slots, i);
        slots += slot != 0;
        if (slot != 0 && !dup_has(index, handle_of(index, slot))) alone++;
    }
    *ret_reason = "elems: the index miscounts its values";
    if (slots != index->used || alone + index->dups_used != live_dots(large)) return false;
    *ret_reason = "elems: a dot is not in the index";
    for (uint32_t i = 0; i < large->count; i++) {
        const crdt__chunk *c = large->order[i];
        if (index->chunks[c->ordinal] != c) return false;
        for (unsigned at = 0; (at = crdt__chunk_next(c, at, &place)) < CRDT__CHUNK_DOTS; at++) {
            uint64_t handle = (uint64_t)c->ordinal * CRDT__CHUNK_DOTS + at;
            if (!dot_is_indexed(index, crdt__chunk_value(c, place), handle)) return false;
        }
    }
    return true;
}
