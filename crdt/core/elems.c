/* core/elems.c: the two forms of elements by dot, reading them, and building deltas in place. */
#include "crdt/core/elems_impl.h"

/* -- Small ------------------------------------------------------------------------------------- */

crdt__small *crdt__small_new(const crdt_mem *mem, uint32_t cap, uint32_t bytes_cap)
{
    crdt__small *s = crdt__alloc(mem, crdt__small_size(cap, bytes_cap));
    if (s != NULL) *s = (crdt__small){.cap = cap, .bytes_cap = bytes_cap};
    return s;
}

void crdt__small_free(const crdt_mem *mem, crdt__small *s)
{
    if (s != NULL) crdt__release(mem, s, crdt__small_size(s->cap, s->bytes_cap));
}

static void small_set(crdt__small *s, uint32_t i, crdt_dot dot, crdt_value value)
{
    crdt__entry *entry = &s->at[i];
    entry->replica = dot.replica;
    entry->seq = dot.seq & INT64_MAX;
    entry->is_bytes = value.kind == CRDT_BYTES;
    if (value.kind == CRDT_INT) {
        entry->u.i = value.i;
        return;
    }
    entry->u.bytes.at = s->bytes;
    entry->u.bytes.size = (uint32_t)value.bytes.size;
    CRDT_ASSERT(value.bytes.size <= s->bytes_cap - s->bytes);
    if (value.bytes.size > 0) {
        memcpy(crdt__small_bytes(s) + s->bytes, value.bytes.data, value.bytes.size);
    }
    s->bytes += (uint32_t)value.bytes.size;
}

void crdt__small_append(crdt__small *s, crdt_dot dot, crdt_value value)
{
    CRDT_ASSERT(s->count < s->cap);
    small_set(s, s->count++, dot, value);
}

uint32_t crdt__small_seek(const crdt__small *s, crdt_dot dot)
{
    uint32_t i = 0;
    while (s && i < s->count && crdt_dot_compare(crdt__entry_dot(&s->at[i]), dot) < 0) i++;
    return i;
}

static bool small_holds(const crdt__small *s, uint32_t i, crdt_dot dot)
{
    return s && i < s->count && crdt_dot_equal(crdt__entry_dot(&s->at[i]), dot);
}

static uint32_t small_live_bytes(const crdt__small *s)
{
    uint32_t bytes = 0;
    for (uint32_t i = 0; s && i < s->count; i++) {
        if (s->at[i].is_bytes) bytes += s->at[i].u.bytes.size;
    }
    return bytes;
}

/* Room in a small body for one more entry with this many bytes. */
static crdt_err small_reserve(const crdt_mem *mem, crdt__elems *e, uint32_t bytes)
{
    crdt__small *s = e->body;
    if (s && s->count < s->cap && bytes <= s->bytes_cap - s->bytes) return CRDT_OK;
    uint32_t count = s ? s->count : 0, live = small_live_bytes(s);
    uint32_t cap = count + count / 2 + 1, need = live + bytes;
    if (cap > CRDT__SMALL_DOTS) cap = CRDT__SMALL_DOTS;
    crdt__small *grown = crdt__small_new(mem, cap, count ? need + live / 2 : need);
    if (grown == NULL) return CRDT_ENOMEM;
    for (uint32_t i = 0; i < count; i++) {
        crdt__small_append(grown, crdt__entry_dot(&s->at[i]), crdt__entry_value(s, &s->at[i]));
    }
    crdt__small_free(mem, s);
    e->body = grown;
    return CRDT_OK;
}

static bool small_kill(crdt__elems *e, crdt_dot dot)
{
    crdt__small *s = e->body;
    uint32_t     i = crdt__small_seek(s, dot);
    if (!small_holds(s, i, dot)) return false;
    s->count--;
    memmove(&s->at[i], &s->at[i + 1], (s->count - i) * sizeof s->at[0]);
    if (s->count == 0) s->bytes = 0;
    e->dots--;
    return true;
}

/* -- Large ------------------------------------------------------------------------------------- */

crdt__large *crdt__large_new(const crdt_mem *mem)
{
    crdt__large *large = crdt__alloc(mem, sizeof *large);
    if (large != NULL) *large = (crdt__large){.mem = mem};
    return large;
}

void crdt__large_drop_plan(crdt__large *large)
{
    for (uint32_t i = 0; i < large->plan_count; i++) {
        crdt__chunk_free(large->mem, large->plan[i].built);
    }
    large->plan_count = 0;
    if (large->plan_cap <= CRDT__SMALL_DOTS) return;
    crdt__release(large->mem, large->plan, large->plan_cap * sizeof *large->plan);
    large->plan = NULL;
    large->plan_cap = 0;
}

void crdt__large_free(crdt__large *large)
{
    if (large == NULL) return;
    const crdt_mem *mem = large->mem;
    crdt__large_drop_plan(large);
    crdt__release(mem, large->plan, large->plan_cap * sizeof *large->plan);
    crdt__index_free(large);
    for (uint32_t i = 0; i < large->count; i++) crdt__chunk_free(mem, large->order[i]);
    crdt__chunk_free(mem, large->spare);
    crdt__release(mem, large->order, large->cap * sizeof *large->order);
    crdt__release(mem, large, sizeof *large);
}

crdt_err crdt__large_reserve(crdt__large *large, size_t more)
{
    size_t need = large->count + more;
    if (need <= large->cap) return CRDT_OK;
    size_t cap = large->cap == 0 ? need : crdt__grow(large->cap, need);
    if (cap > UINT32_MAX) return CRDT_ENOMEM;
    void *order = crdt__resize(large->mem, large->order, large->cap * sizeof *large->order,
                               cap * sizeof *large->order);
    if (order == NULL) return CRDT_ENOMEM;
    large->order = order;
    large->cap = (uint32_t)cap;
    return CRDT_OK;
}

uint32_t crdt__large_seek(const crdt__large *large, uint64_t replica, uint64_t first)
{
    uint32_t lo = 0, hi = large->count;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (crdt__chunk_compare(large->order[mid], replica, first) < 0) lo = mid + 1;
        else hi = mid;
    }
    return lo;
}

void crdt__large_put(crdt__large *large, uint32_t at, crdt__chunk *c)
{
    CRDT_ASSERT(large->count < large->cap);
    memmove(&large->order[at + 1], &large->order[at], (large->count - at) * sizeof *large->order);
    large->order[at] = c;
    large->count++;
}

void crdt__large_drop(crdt__large *large, uint32_t at)
{
    crdt__chunk *c = large->order[at];
    if (large->index) crdt__index_drop(large->index, c);
    if (large->tail == c) large->tail = NULL;
    crdt__chunk_free(large->mem, c);
    large->count--;
    memmove(&large->order[at], &large->order[at + 1], (large->count - at) * sizeof *large->order);
}

crdt__index *crdt__large_index(crdt__large *large)
{
    if (large->index == NULL && crdt__index_build(large) != CRDT_OK) return NULL;
    return large->index;
}

/* The place of the chunk that may hold dot, or count. */
static uint32_t large_find(const crdt__large *large, crdt_dot dot)
{
    uint64_t first = dot.seq / CRDT__CHUNK_DOTS * CRDT__CHUNK_DOTS;
    uint32_t at = crdt__large_seek(large, dot.replica, first);
    if (at < large->count && crdt__chunk_compare(large->order[at], dot.replica, first) == 0) {
        return at;
    }
    return large->count;
}

static crdt_err enlarge_into(crdt__large *large, const crdt__small *s)
{
    for (uint32_t at = 0; s && at < s->count;) {
        uint64_t     mask[CRDT__CHUNK_WORDS];
        crdt__recipe recipe = {.replica = s->at[at].replica, .mask_a = mask};
        recipe.a = crdt__small_block(s, &at, &recipe.first);
        crdt__source_words(recipe.a, 0, CRDT__CHUNK_WORDS - 1, mask);
        if (crdt__large_reserve(large, 1)) return CRDT_ENOMEM;
        if (crdt__chunk_build(large->mem, &recipe, &large->order[large->count])) return CRDT_ENOMEM;
        large->count++;
    }
    return CRDT_OK;
}

crdt_err crdt__elems_enlarge(const crdt_mem *mem, crdt__elems *e)
{
    crdt__large *large = crdt__large_new(mem);
    if (large == NULL) return CRDT_ENOMEM;
    if (enlarge_into(large, e->body)) {
        crdt__large_free(large);
        return CRDT_ENOMEM;
    }
    crdt__small_free(mem, e->body);
    e->body = large;
    e->large = true;
    return CRDT_OK;
}

/* -- Building and taking away in place --------------------------------------------------------- */

/* Forget a join that was prepared and not committed. */
static void drop_plan(const crdt_mem *mem, crdt__elems *e)
{
    crdt__small_free(mem, e->plan);
    e->plan = NULL;
    if (e->large) crdt__large_drop_plan(e->body);
}

void crdt__elems_clear(const crdt_mem *mem, crdt__elems *e)
{
    drop_plan(mem, e);
    if (e->large) crdt__large_free(e->body);
    else crdt__small_free(mem, e->body);
    *e = (crdt__elems){0};
}

/* Room for the value's record in the blob, if the chunk has one. */
static crdt_err room_for(const crdt_mem *mem, crdt__chunk *c, crdt_value value)
{
    return c->records ? crdt__chunk_grow_blob(mem, c, crdt__record_size(value)) : CRDT_OK;
}

/* Give the last chunk of replica, if there is one, a form and room for any later dot with this
 * value. */
static crdt_err open_tail(crdt__large *large, uint64_t replica, crdt_value value)
{
    crdt__chunk *c = large->tail;
    uint64_t     mask[CRDT__CHUNK_WORDS];
    if (c == NULL || c->replica != replica) {
        uint32_t end = crdt__large_seek(large, replica, UINT64_MAX);
        if (end == 0 || large->order[end - 1]->replica != replica) return CRDT_OK;
        c = large->tail = large->order[end - 1];
    }
    bool takes = c->records || value.kind == CRDT_INT;
    if (c->form == CRDT__RANGE || c->stored == c->cap || !takes) {
        if (crdt__chunk_last(c) == CRDT__CHUNK_DOTS - 1) return CRDT_OK;
        crdt__recipe recipe = {.replica = replica, .first = c->first, .a = crdt__source_of(c)};
        recipe.mask_a = mask;
        recipe.slack = c->live / 4u + 4;
        recipe.open = true;
        recipe.records = !takes;
        crdt__source_words(recipe.a, 0, CRDT__CHUNK_WORDS - 1, mask);
        if (crdt__chunk_build(large->mem, &recipe, &c)) return CRDT_ENOMEM;
        crdt__large_replace(large, crdt__large_seek(large, replica, recipe.first), c);
        large->tail = c;
    }
    return room_for(large->mem, c, value);
}

static crdt_err large_reserve(crdt__large *large, uint64_t replica, crdt_value value)
{
    crdt__chunk *spare = large->spare;
    if (crdt__large_reserve(large, 1)) return CRDT_ENOMEM;
    if (open_tail(large, replica, value)) return CRDT_ENOMEM;
    if (spare == NULL || (value.kind == CRDT_BYTES && !spare->records)) {
        large->spare = NULL;
        crdt__chunk_free(large->mem, spare);
        if (crdt__chunk_spare(large->mem, value, &large->spare)) return CRDT_ENOMEM;
    }
    if (room_for(large->mem, large->spare, value)) return CRDT_ENOMEM;
    return crdt__index_reserve(large, 1, 1);
}

crdt_err crdt__elems_reserve(const crdt_mem *mem, crdt__elems *e, uint64_t replica,
                             crdt_value value)
{
    drop_plan(mem, e);
    if (!e->large && e->dots < CRDT__SMALL_DOTS) {
        return small_reserve(mem, e, value.kind == CRDT_BYTES ? (uint32_t)value.bytes.size : 0);
    }
    if (!e->large && crdt__elems_enlarge(mem, e)) return CRDT_ENOMEM;
    return large_reserve(e->body, replica, value);
}

static void large_insert(crdt__large *large, crdt_dot dot, crdt_value value)
{
    uint64_t     mask[CRDT__CHUNK_WORDS], first = dot.seq / CRDT__CHUNK_DOTS * CRDT__CHUNK_DOTS;
    unsigned     offset = dot.seq % CRDT__CHUNK_DOTS;
    crdt__chunk *c = large->tail;
    if (c == NULL || crdt__chunk_compare(c, dot.replica, first) != 0) {
        c = large->spare;
        CRDT_ASSERT(c != NULL);
        large->spare = NULL;
        large->tail = c;
        c->replica = dot.replica;
        c->first = first;
        crdt__large_put(large, crdt__large_seek(large, dot.replica, first), c);
        if (large->index) crdt__index_add(large->index, c);
    }
    crdt__chunk_append_one(c, offset, value);
    mask[offset / 64] = UINT64_C(1) << offset % 64;
    if (large->index) crdt__index_insert(large, c, mask, offset / 64, offset / 64);
}

void crdt__elems_insert(crdt__elems *e, crdt_dot dot, crdt_value value)
{
    e->dots++;
    if (e->large) {
        large_insert(e->body, dot, value);
        return;
    }
    crdt__small *s = e->body;
    uint32_t     i = crdt__small_seek(s, dot);
    CRDT_ASSERT(s->count < s->cap && !small_holds(s, i, dot)); /* reserve made it */
    memmove(&s->at[i + 1], &s->at[i], (s->count - i) * sizeof s->at[0]);
    s->count++;
    small_set(s, i, dot, value);
}

bool crdt__elems_kill(crdt__elems *e, crdt_dot dot)
{
    uint64_t mask[CRDT__CHUNK_WORDS];
    unsigned offset = dot.seq % CRDT__CHUNK_DOTS, w = offset / 64;
    if (!e->large) return small_kill(e, dot);
    crdt__large *large = e->body;
    uint32_t     at = large_find(large, dot);
    if (at == large->count || crdt__chunk_place(large->order[at], offset) < 0) return false;
    mask[w] = UINT64_C(1) << offset % 64;
    if (large->index) crdt__index_remove(large, large->order[at], mask, w, w);
    crdt__chunk_kill(large->order[at], mask, w, w);
    if (large->order[at]->live == 0) crdt__large_drop(large, at);
    e->dots--;
    return true;
}

void crdt__large_replace(crdt__large *large, uint32_t at, crdt__chunk *built)
{
    crdt__chunk *old = large->order[at];
    large->order[at] = built;
    built->ordinal = old->ordinal;
    if (large->index) large->index->chunks[old->ordinal] = built;
    if (large->tail == old) large->tail = NULL;
    crdt__chunk_free(large->mem, old);
}

void crdt__large_compact(crdt__large *large, uint32_t at)
{
    uint64_t     mask[CRDT__CHUNK_WORDS];
    crdt__chunk *c = large->order[at], *built;
    crdt__recipe recipe = {.replica = c->replica, .first = c->first, .a = crdt__source_of(c)};
    crdt__source_words(recipe.a, 0, CRDT__CHUNK_WORDS - 1, mask);
    recipe.mask_a = mask;
    if (crdt__chunk_build(large->mem, &recipe, &built)) return;
    built->clean = c->clean;
    built->content = c->content;
    crdt__large_replace(large, at, built);
}

void crdt__elems_trim(const crdt_mem *mem, crdt__elems *e)
{
    crdt__large *large = e->large ? e->body : NULL;
    if (e->dots == 0) crdt__elems_clear(mem, e);
    else if (large) {
        for (uint32_t i = 0; i < large->count; i++) {
            if (crdt__chunk_wasteful(large->order[i])) crdt__large_compact(large, i);
        }
        crdt__index_settle(large);
    }
}

/* -- Reading ----------------------------------------------------------------------------------- */

bool crdt__elems_get(const crdt__elems *e, crdt_dot dot, crdt_value *ret_value)
{
    if (!e->large) {
        const crdt__small *s = e->body;
        uint32_t           i = crdt__small_seek(s, dot);
        if (!small_holds(s, i, dot)) return false;
        *ret_value = crdt__entry_value(s, &s->at[i]);
        return true;
    }
    const crdt__large *large = e->body;
    uint32_t           at = large_find(large, dot);
    if (at == large->count) return false;
    int place = crdt__chunk_place(large->order[at], dot.seq % CRDT__CHUNK_DOTS);
    if (place >= 0) *ret_value = crdt__chunk_value(large->order[at], (unsigned)place);
    return place >= 0;
}

bool crdt__elems_next(crdt__elems_cursor *at, crdt_dot *ret_dot, crdt_value *ret_value)
{
    unsigned           place;
    const crdt__small *s = at->e->body;
    if (!at->e->large) {
        if (s == NULL || at->offset >= s->count) return false;
        *ret_dot = crdt__entry_dot(&s->at[at->offset]);
        *ret_value = crdt__entry_value(s, &s->at[at->offset++]);
        return true;
    }
    const crdt__large *large = at->e->body;
    for (; at->chunk < large->count; at->chunk++, at->offset = 0) {
        const crdt__chunk *c = large->order[at->chunk];
        unsigned           offset = crdt__chunk_next(c, at->offset, &place);
        if (offset >= CRDT__CHUNK_DOTS) continue;
        *ret_dot = (crdt_dot){c->replica, c->first + offset};
        *ret_value = crdt__chunk_value(c, place);
        at->offset = offset + 1;
        return true;
    }
    return false;
}

crdt__elems_cursor crdt__elems_seek(const crdt__elems *e, crdt_dot dot)
{
    crdt__elems_cursor at = {e, 0, 0};
    uint64_t           first = dot.seq / CRDT__CHUNK_DOTS * CRDT__CHUNK_DOTS;
    if (!e->large) {
        at.offset = crdt__small_seek(e->body, dot);
        return at;
    }
    const crdt__large *large = e->body;
    at.chunk = crdt__large_seek(large, dot.replica, first);
    if (at.chunk < large->count &&
        crdt__chunk_compare(large->order[at.chunk], dot.replica, first) == 0) {
        at.offset = dot.seq % CRDT__CHUNK_DOTS;
    }
    return at;
}

crdt__elems_cursor crdt__elems_some(const crdt__elems *e, uint64_t random)
{
    crdt__elems_cursor at = {e, 0, 0};
    if (e->body == NULL) return at;
    if (!e->large) {
        const crdt__small *small = e->body;
        at.offset = small->count == 0 ? 0 : (uint32_t)(random % small->count);
        return at;
    }
    const crdt__large *large = e->body;
    at.chunk = large->count == 0 ? 0 : (uint32_t)(random % large->count);
    at.offset = (uint32_t)(random >> 32) % CRDT__CHUNK_DOTS;
    return at;
}

enum { FIND_SCAN, FIND_RING };

crdt__elems_finder crdt__elems_find(const crdt__elems *e, crdt_value value)
{
    crdt__elems_finder finder = {e, value, 0, CRDT__NO_HANDLE, 0, FIND_SCAN};
    crdt__index       *index = e->large ? crdt__large_index(e->body) : NULL;
    if (index != NULL) {
        finder.mode = FIND_RING;
        finder.at = finder.first = crdt__index_find(index, value);
    }
    return finder;
}

bool crdt__elems_next_dot(crdt__elems_finder *finder, crdt_dot *ret_dot)
{
    crdt_value value;
    if (finder->mode == FIND_RING) {
        const crdt__index *index = crdt__large_of(finder->e)->index;
        if (finder->at == CRDT__NO_HANDLE) return false;
        *ret_dot = crdt__handle_dot(index, finder->at);
        finder->at = crdt__index_next(index, finder->at);
        if (finder->at == finder->first) finder->at = CRDT__NO_HANDLE;
        return true;
    }
    crdt__elems_cursor at = {finder->e, (uint32_t)finder->at, finder->offset};
    bool               found = false;
    while (!found && crdt__elems_next(&at, ret_dot, &value)) {
        found = crdt_value_compare(value, finder->value) == 0;
    }
    finder->at = at.chunk;
    finder->offset = at.offset;
    return found;
}

bool crdt__elems_has(const crdt__elems *e, crdt_value value)
{
    crdt_dot           dot;
    crdt__elems_finder finder = crdt__elems_find(e, value);
    return crdt__elems_next_dot(&finder, &dot);
}

void crdt__elems_expect(const crdt__elems *e, const crdt_value *values, size_t count)
{
    const crdt__index *index = e->large ? crdt__large_of(e)->index : NULL;
    if (index != NULL) crdt__index_expect(index, values, count);
}

size_t crdt__elems_count(const crdt__elems *e)
{
    crdt_dot           dot, first;
    crdt_value         value;
    size_t             count = 0;
    crdt__elems_cursor at = {e, 0, 0};
    crdt__index       *index = e->large ? crdt__large_index(e->body) : NULL;
    if (index != NULL) return (size_t)index->used;
    while (crdt__elems_next(&at, &dot, &value)) {
        crdt__elems_finder finder = crdt__elems_find(e, value);
        count += crdt__elems_next_dot(&finder, &first) && crdt_dot_equal(first, dot);
    }
    return count;
}

bool crdt__elems_is_plain(const crdt__elems *e)
{
    const crdt__index *index = e->large ? crdt__large_index(e->body) : NULL;
    return index != NULL && index->used == e->dots;
}

/* By the ring of the dot itself, backwards: dots come in ascending order more often than not, so
 * that the one before it mostly settles it. */
static bool ring_has_before(const crdt__large *large, crdt_dot dot, const crdt_context *gone)
{
    const crdt__index *index = large->index;
    const crdt__chunk *c = large->order[large_find(large, dot)];
    uint64_t           self = (uint64_t)c->ordinal * CRDT__CHUNK_DOTS + dot.seq % CRDT__CHUNK_DOTS;
    uint64_t           at = crdt__index_prev(index, self);
    for (; at != self; at = crdt__index_prev(index, at)) {
        crdt_dot other = crdt__handle_dot(index, at);
        if (crdt_dot_compare(other, dot) < 0 && (!gone || !crdt_context_has(gone, other))) {
            return true;
        }
    }
    return false;
}

bool crdt__elems_has_before(const crdt__elems *e, crdt_dot dot, crdt_value value,
                            const crdt_context *gone)
{
    crdt_dot     other;
    crdt_value   held;
    crdt__index *index = e->large ? crdt__large_index(e->body) : NULL;
    if (index != NULL && crdt__elems_get(e, dot, &held)) {
        return ring_has_before(e->body, dot, gone);
    }
    crdt__elems_finder finder = crdt__elems_find(e, value);
    while (crdt__elems_next_dot(&finder, &other)) {
        if (crdt_dot_compare(other, dot) < 0 && (!gone || !crdt_context_has(gone, other))) {
            return true;
        }
    }
    return false;
}
