/* marks/spans.c: reading a text in stretches of equal marks.
 *
 * Marks are laid over the text: both cursors become positions. Then each key is settled by itself:
 * its marks, the greatest first, take what of their stretch is not taken yet, found by skipping
 * what is (union by next free place). What changes at a position, for any key, is put in order of
 * positions; reading walks these changes and keeps what shows in order of keys.
 *
 * Source   Tarjan, "Efficiency of a good but not linear set union algorithm", JACM 22(2), 1975.
 */
#include <string.h>

#include "crdt/core/mem.h"
#include "crdt/core/sort.h"
#include "crdt/marks/marks.h"

/* From pos on a key shows mark `laid` (NONE: nothing). */
typedef struct change {
    uint64_t pos;
    uint32_t key, laid;
} change;

#define NONE UINT32_MAX

struct crdt_spans {
    const crdt_mem *mem;
    crdt__laying    laying;
    crdt__laid    **order; /* the laid ones by key, of one key the greatest first */
    change         *changes;
    size_t          changes_count, changes_cap, next;
    crdt_mark      *shown; /* ascending by key */
    uint32_t       *keys;  /* of those */
    size_t          shown_count, shown_cap;
    uint64_t        pos, length;
};

bool crdt__marks_is_text(const crdt_type *type)
{
    return type == &crdt_text_type || type == &crdt_text_classic_type;
}

/* -- Laying ------------------------------------------------------------------------------------ */

void crdt__laying_free(crdt__laying *laying)
{
    if (laying->at != NULL) {
        crdt__release(laying->mem, laying->at, laying->cap * sizeof *laying->at);
    }
    laying->at = NULL;
    laying->count = laying->cap = 0;
}

crdt_err crdt__lay(crdt_ref text, const crdt_ref *marks, crdt_unit unit, const crdt_mem *mem,
                   crdt__laying *ret_laying)
{
    crdt__laying *l = ret_laying;
    uint32_t      at[4] = {0};
    *l = (crdt__laying){.mem = mem, .cap = marks == NULL ? 0 : crdt__marks_count(marks)};
    if (l->cap == 0) return CRDT_OK;
    l->at = crdt__alloc(mem, l->cap * sizeof *l->at);
    if (l->at == NULL) return CRDT_ENOMEM;
    for (crdt__laid *laid = l->at; crdt__marks_next(marks, at, &laid->said);) {
        crdt_err err = crdt_text_find(text, laid->said.start, unit, &laid->start);
        if (err == CRDT_OK) err = crdt_text_find(text, laid->said.end, unit, &laid->end);
        if (err == CRDT_ENOMEM) {
            crdt__laying_free(l);
            return err;
        }
        laid->hidden = false;
        l->waiting += err == CRDT_ENOENT;
        l->stale += err == CRDT_ESTALE;
        if (err == CRDT_OK) laid = &l->at[++l->count];
    }
    return CRDT_OK;
}

crdt_err crdt__lay_all(const crdt_txn *txn, crdt_view name, crdt_unit unit, crdt_ref *ret_text,
                       crdt__laying *ret_laying)
{
    crdt_ref marks;
    *ret_laying = (crdt__laying){.mem = NULL};
    crdt_err err = crdt__marks_text(txn, name, ret_text);
    if (err != CRDT_OK) return err;
    err = crdt_txn_beside(txn, name, &crdt_marks_type, &marks);
    if (err != CRDT_OK) return err == CRDT_ENOENT ? CRDT_OK : err;
    return crdt__lay(*ret_text, &marks, unit, marks.space->mem, ret_laying);
}

/* -- Settling ---------------------------------------------------------------------------------- */

static int compare_laid(const void *x, const void *y)
{
    const crdt__laid *const *a = x, *const *b = y;
    int                      order = crdt_view_compare((*a)->said.key, (*b)->said.key);
    return order != 0 ? order : crdt__said_compare(&(*b)->said, &(*a)->said);
}

static int compare_places(const void *x, const void *y)
{
    const uint64_t *a = x, *b = y;
    return *a < *b ? -1 : *a > *b;
}

static int compare_changes(const void *x, const void *y)
{
    const change *a = x, *b = y;
    if (a->pos != b->pos) return a->pos < b->pos ? -1 : 1;
    return a->key < b->key ? -1 : a->key > b->key;
}

/* Working memory for one key: the places where its marks begin and end; the stretch from each one
 * to the next: who has it, and the next one that nobody has. */
typedef struct desk {
    uint64_t *places;
    uint32_t *owners, *free;
    size_t    count;
} desk;

static uint32_t place_of(const desk *d, uint64_t pos)
{
    size_t lo = 0, hi = d->count;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (d->places[mid] < pos) lo = mid + 1;
        else hi = mid;
    }
    return (uint32_t)lo;
}

static uint32_t next_free(desk *d, uint32_t i)
{
    uint32_t root = i;
    while (d->free[root] != root) root = d->free[root];
    while (d->free[i] != root) {
        uint32_t next = d->free[i];
        d->free[i] = root;
        i = next;
    }
    return root;
}

static void set_desk(desk *d, crdt__laid *const *laid, uint32_t first, uint32_t end)
{
    size_t count = 0, kept = 0;
    for (uint32_t i = first; i < end; i++) {
        if (laid[i]->start >= laid[i]->end) continue;
        d->places[count++] = laid[i]->start;
        d->places[count++] = laid[i]->end;
    }
    crdt__sort(d->places, count, sizeof *d->places, compare_places);
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || d->places[i] != d->places[i - 1]) d->places[kept++] = d->places[i];
    }
    d->count = kept;
    for (uint32_t i = 0; i < kept; i++) {
        d->owners[i] = NONE;
        d->free[i] = i;
    }
}

/* The marks of one key, [first, end): what changes where. */
static void settle_key(crdt_spans *s, desk *d, uint32_t first, uint32_t end)
{
    crdt__laid *const *laid = s->order;
    const crdt_value  *before = NULL; /* NULL: nothing shows */
    set_desk(d, laid, first, end);
    for (uint32_t m = first; m < end; m++) {
        if (laid[m]->start >= laid[m]->end) continue;
        uint32_t stop = place_of(d, laid[m]->end);
        uint32_t i = next_free(d, place_of(d, laid[m]->start));
        for (; i < stop; i = next_free(d, i)) {
            d->owners[i] = m;
            d->free[i] = i + 1;
        }
    }
    for (size_t i = 0; i < d->count; i++) {
        uint32_t          owner = d->owners[i];
        bool              shows = owner != NONE && laid[owner]->said.has_value;
        const crdt_value *now = shows ? &laid[owner]->said.value : NULL;
        bool              same =
            before == NULL || now == NULL ? before == now : crdt_value_compare(*before, *now) == 0;
        before = now;
        if (same) continue;
        s->changes[s->changes_count++] = (change){d->places[i], first, shows ? owner : NONE};
    }
}

static crdt_err settle_all(crdt_spans *s, desk *d)
{
    crdt__laid *const *laid = s->order;
    uint32_t           count = (uint32_t)s->laying.count;
    for (uint32_t first = 0, end; first < count; first = end) {
        for (end = first + 1; end < count; end++) {
            if (crdt_view_compare(laid[first]->said.key, laid[end]->said.key) != 0) break;
        }
        settle_key(s, d, first, end);
        s->shown_cap++;
    }
    crdt__sort(s->changes, s->changes_count, sizeof *s->changes, compare_changes);
    s->shown = crdt__alloc(s->mem, s->shown_cap * sizeof *s->shown);
    s->keys = crdt__alloc(s->mem, s->shown_cap * sizeof *s->keys);
    return s->shown == NULL || s->keys == NULL ? CRDT_ENOMEM : CRDT_OK;
}

static crdt_err settle(crdt_spans *s)
{
    size_t count = s->laying.count, places = 2 * count;
    if (places == 0) return CRDT_OK;
    if (places >= NONE) return CRDT_ENOMEM;
    s->order = crdt__alloc(s->mem, count * sizeof(crdt__laid *));
    if (s->order == NULL) return CRDT_ENOMEM;
    for (size_t i = 0; i < count; i++) s->order[i] = &s->laying.at[i];
    crdt__sort(s->order, count, sizeof(crdt__laid *), compare_laid);
    s->changes_cap = places;
    s->changes = crdt__alloc(s->mem, places * sizeof *s->changes);
    size_t   bytes = places * (sizeof(uint64_t) + 2 * sizeof(uint32_t));
    void    *memory = crdt__alloc(s->mem, bytes);
    crdt_err err = s->changes == NULL || memory == NULL ? CRDT_ENOMEM : CRDT_OK;
    if (err == CRDT_OK) {
        desk d = {.places = memory};
        d.owners = (uint32_t *)(d.places + places);
        d.free = d.owners + places;
        err = settle_all(s, &d);
    }
    if (memory != NULL) crdt__release(s->mem, memory, bytes);
    return err;
}

/* -- Reading ----------------------------------------------------------------------------------- */

void crdt_marks_free(crdt_spans *spans)
{
    crdt_spans *s = spans;
    if (s == NULL) return;
    const crdt_mem *mem = s->mem;
    if (s->order != NULL) {
        crdt__release(mem, s->order, s->laying.count * sizeof(crdt__laid *));
    }
    crdt__laying_free(&s->laying);
    if (s->changes != NULL) crdt__release(mem, s->changes, s->changes_cap * sizeof *s->changes);
    if (s->shown != NULL) crdt__release(mem, s->shown, s->shown_cap * sizeof *s->shown);
    if (s->keys != NULL) crdt__release(mem, s->keys, s->shown_cap * sizeof *s->keys);
    crdt__release(mem, s, sizeof *s);
}

crdt_err crdt_marks_read_over(crdt_ref text, const crdt_ref *marks, crdt_unit unit,
                              const crdt_mem *mem, crdt_spans **ret_spans)
{
    if (!crdt__marks_is_text(text.type)) return CRDT_ETYPE;
    if (marks != NULL && marks->type != &crdt_marks_type) return CRDT_ETYPE;
    if (mem == NULL) mem = crdt_mem_default();
    crdt_spans *s = crdt__alloc(mem, sizeof *s);
    if (s == NULL) return CRDT_ENOMEM;
    memset(s, 0, sizeof *s);
    s->mem = mem;
    s->length = crdt_text_length(text, unit);
    crdt_err err = crdt__lay(text, marks, unit, mem, &s->laying);
    if (err == CRDT_OK) err = settle(s);
    if (err != CRDT_OK) {
        crdt_marks_free(s);
        return err;
    }
    *ret_spans = s;
    return CRDT_OK;
}

crdt_err crdt_marks_read(const crdt_store *store, crdt_view name, crdt_unit unit,
                         const crdt_mem *mem, crdt_spans **ret_spans)
{
    crdt_ref text, marks;
    crdt_err err = crdt_store_find(store, name, NULL, &text);
    if (err != CRDT_OK) return err;
    err = crdt_store_beside(store, name, &crdt_marks_type, &marks);
    if (err != CRDT_OK && err != CRDT_ENOENT) return err;
    return crdt_marks_read_over(text, err == CRDT_OK ? &marks : NULL, unit, mem, ret_spans);
}

/* Let what changes at this position show. */
static void apply(crdt_spans *s, const change *c)
{
    size_t lo = 0, hi = s->shown_count;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (s->keys[mid] < c->key) lo = mid + 1;
        else hi = mid;
    }
    bool   there = lo < s->shown_count && s->keys[lo] == c->key;
    size_t behind = s->shown_count - lo - there;
    if (c->laid == NONE) {
        memmove(&s->shown[lo], &s->shown[lo + 1], behind * sizeof *s->shown);
        memmove(&s->keys[lo], &s->keys[lo + 1], behind * sizeof *s->keys);
        s->shown_count--;
        return;
    }
    if (!there) {
        memmove(&s->shown[lo + 1], &s->shown[lo], behind * sizeof *s->shown);
        memmove(&s->keys[lo + 1], &s->keys[lo], behind * sizeof *s->keys);
        s->shown_count++;
    }
    const crdt__said *said = &s->order[c->laid]->said;
    s->keys[lo] = c->key;
    s->shown[lo] = (crdt_mark){said->key, said->value, CRDT_EXPAND_NONE};
}

bool crdt_marks_next(crdt_spans *spans, crdt_span *ret_span)
{
    crdt_spans *s = spans;
    if (s->pos >= s->length) return false;
    while (s->next < s->changes_count && s->changes[s->next].pos <= s->pos) {
        apply(s, &s->changes[s->next++]);
    }
    uint64_t end = s->next < s->changes_count ? s->changes[s->next].pos : s->length;
    *ret_span = (crdt_span){s->pos, end - s->pos, s->shown, s->shown_count};
    s->pos = end;
    return true;
}

size_t crdt_marks_waiting(const crdt_spans *spans)
{
    return spans->laying.waiting;
}

size_t crdt_marks_stale(const crdt_spans *spans)
{
    return spans->laying.stale;
}
