/* seq/seq_order.c: finding places in the order, inserting and killing. See seq_order.h. */
#include "crdt/seq/seq_order.h"

#include <string.h>

#include "crdt/core/mem.h"

static const crdt__sums no_sums = {0, 0, 0};

void crdt__order_init(crdt__order *order, const crdt_mem *mem, const crdt__atoms *atoms)
{
    memset(order, 0, sizeof *order);
    order->mem = mem;
    order->atoms = atoms;
}

void crdt__order_clear(crdt__order *order)
{
    crdt__nodes_free(order);
    crdt__index_clear(order);
    crdt__release(order->mem, order->journal, order->journal_cap * sizeof *order->journal);
    crdt__order_init(order, order->mem, order->atoms);
}

/* -- Finding ----------------------------------------------------------------------------------- */

/* The finger goes to the leaf of the visible element pos - 1, or for pos 0 the first. */
static void move_finger_to(crdt__order *order, uint32_t pos)
{
    void    *node = order->root;
    uint32_t left = pos, visible = order->visible;
    for (unsigned h = order->height; h > 0; h--) {
        crdt__inner *inner = node;
        unsigned     i = 0;
        while (left > inner->visible[i]) left -= inner->visible[i++];
        visible = inner->visible[i];
        node = inner->child[i];
    }
    order->finger = node;
    order->finger_start = pos - left;
    order->finger_visible = visible;
    order->finger_index = order->finger_before = 0;
}

/* Does the leaf visited last hold the visible element pos - 1? */
static bool finger_has(const crdt__order *order, uint32_t pos)
{
    return order->finger != NULL && pos > order->finger_start &&
           pos - order->finger_start <= order->finger_visible;
}

crdt__place crdt__order_after(crdt__order *order, uint32_t pos)
{
    crdt__place place = {NULL, 0, 0};
    if (order->root == NULL) return place;
    if (!finger_has(order, pos)) move_finger_to(order, pos);
    place.leaf = order->finger;
    uint32_t left = pos - order->finger_start;
    if (left == 0) return place;
    const crdt__span *spans = place.leaf->spans;
    uint32_t          index = order->finger_index, before = order->finger_before, visible;
    while (left <= before) before -= crdt__span_visible(&spans[--index]);
    while (visible = crdt__span_visible(&spans[index]), left - before > visible) {
        before += visible;
        index++;
    }
    order->finger_index = place.index = index;
    order->finger_before = before;
    place.offset = left - before;
    return place;
}

crdt__place crdt__order_at(crdt__order *order, uint32_t pos)
{
    crdt__place place = crdt__order_after(order, pos + 1);
    place.offset--;
    return place;
}

static unsigned span_index(const crdt__leaf *leaf, uint32_t cid)
{
    for (unsigned i = 0; i < leaf->count; i++) {
        if (cid - leaf->spans[i].cid < leaf->spans[i].len) return i;
    }
    CRDT_ASSERT(false);
    return 0;
}

crdt__place crdt__order_of(const crdt__order *order, uint32_t cid)
{
    crdt__place place;
    place.leaf = order->leaves[crdt__index_get(order, cid)];
    place.index = span_index(place.leaf, cid);
    place.offset = cid - place.leaf->spans[place.index].cid;
    return place;
}

uint32_t crdt__order_rank(const crdt__order *order, crdt__place place)
{
    (void)order;
    if (place.leaf == NULL) return 0;
    uint32_t rank = 0;
    for (uint32_t i = 0; i < place.index; i++) {
        rank += crdt__span_visible(&place.leaf->spans[i]);
    }
    if (place.index < place.leaf->count && !place.leaf->spans[place.index].dead) {
        rank += place.offset;
    }
    unsigned slot = place.leaf->slot;
    for (crdt__inner *up = place.leaf->parent; up != NULL; slot = up->slot, up = up->parent) {
        for (unsigned i = slot; i-- > 0;) rank += up->visible[i];
    }
    return rank;
}

/* Does leaf a stand before leaf b? Both climb to where their ways meet. */
static int compare_leaves(const crdt__leaf *a, const crdt__leaf *b)
{
    unsigned           x = a->slot, y = b->slot;
    const crdt__inner *up_x = a->parent, *up_y = b->parent;
    while (up_x != up_y) {
        x = up_x->slot;
        y = up_y->slot;
        up_x = up_x->parent;
        up_y = up_y->parent;
    }
    return x < y ? -1 : 1;
}

int crdt__order_compare(const crdt__order *order, crdt__place a, crdt__place b)
{
    (void)order;
    if (a.leaf != b.leaf) return compare_leaves(a.leaf, b.leaf);
    if (a.index != b.index) return a.index < b.index ? -1 : 1;
    return a.offset == b.offset ? 0 : a.offset < b.offset ? -1 : 1;
}

bool crdt__order_settle(crdt__place *place)
{
    if (place->leaf == NULL) return false;
    if (place->index < place->leaf->count &&
        place->offset == place->leaf->spans[place->index].len) {
        place->index++;
        place->offset = 0;
    }
    while (place->index == place->leaf->count) {
        if (place->leaf->next == NULL) return false;
        place->leaf = place->leaf->next;
        place->index = 0;
    }
    return true;
}

bool crdt__order_next_span(crdt__place *place)
{
    place->offset = place->leaf->spans[place->index].len;
    return crdt__order_settle(place);
}

uint32_t crdt__order_cid(crdt__place place)
{
    return place.leaf->spans[place.index].cid + place.offset;
}

uint32_t crdt__order_before(crdt__place place)
{
    if (place.leaf == NULL) return UINT32_MAX;
    if (place.offset > 0) return place.leaf->spans[place.index].cid + place.offset - 1;
    const crdt__leaf *leaf = place.leaf;
    uint32_t          index = place.index;
    while (index == 0) {
        leaf = leaf->prev;
        if (leaf == NULL) return UINT32_MAX;
        index = leaf->count;
    }
    return leaf->spans[index - 1].cid + leaf->spans[index - 1].len - 1;
}

/* -- Changing ---------------------------------------------------------------------------------- */

crdt_err crdt__order_reserve(crdt__order *order, crdt__place place)
{
    if (place.leaf == NULL)
        return order->root == NULL ? crdt__nodes_reserve(order, NULL, 1) : CRDT_OK;
    return crdt__nodes_reserve(order, place.leaf, 1);
}

crdt_err crdt__order_reserve_kill(crdt__order *order, uint32_t pieces, uint32_t ranges)
{
    size_t need = order->for_good ? 1 : (size_t)order->journal_count + pieces;
    if (need > order->journal_cap) {
        size_t        cap = crdt__grow(order->journal_cap, need);
        crdt__killed *journal =
            crdt__resize(order->mem, order->journal, order->journal_cap * sizeof *journal,
                         cap * sizeof *journal);
        if (journal == NULL) return CRDT_ENOMEM;
        order->memory += (cap - order->journal_cap) * sizeof *journal;
        order->journal = journal;
        order->journal_cap = (uint32_t)cap;
    }
    if (order->height == 0 && order->first != NULL &&
        order->first->count + 4u * ranges <= CRDT__FANOUT) {
        return CRDT_OK;
    }
    return crdt__nodes_reserve(order, NULL, 2 * ranges);
}

/* Is the place right before the span that changed last, in its leaf? */
static bool goes_back(const crdt__order *order, const crdt__place *place)
{
    uint32_t at = order->recent_index;
    if (at >= place->leaf->count) return false;
    if (place->index == at) return place->offset == 0;
    return place->index + 1 == at && place->offset == place->leaf->spans[place->index].len;
}

/* Two free slots in the leaf, which has them not. */
CRDT__APART static void split_for_room(crdt__order *order, crdt__place *place)
{
    crdt__leaf *leaf = place->leaf;
    order->finger = NULL;
    if (leaf->next == NULL && place->index + 1 >= leaf->count && leaf->count < CRDT__FANOUT) {
        bool at_end = place->index == leaf->count || place->offset == leaf->spans[place->index].len;
        if (at_end) return; /* one slot is enough to append */
    }
    /* What goes on from the last change, forwards or backwards, leaves full leaves behind. */
    bool     recent = order->recent == leaf, back = recent && goes_back(order, place);
    uint32_t ahead = place->index - order->recent_index, keep = CRDT__FANOUT / 2;
    if (back) {
        keep = order->recent_index < keep ? order->recent_index + 1 : order->recent_index;
    } else if (recent && ahead <= 3 && place->index > keep) {
        keep = place->index;
    }
    if (keep > leaf->count - 1u) keep = leaf->count - 1u;
    crdt__leaf_split(order, leaf, keep);
    if (back && keep == order->recent_index) {
        *place = (crdt__place){leaf->next, 0, 0};
    } else if (place->index > leaf->count ||
               (place->index == leaf->count && leaf->next->count > 0 && place->offset > 0)) {
        place->index -= leaf->count;
        place->leaf = leaf->next;
    }
}

/* Two free slots in the place's leaf, by splitting it; the place follows. */
static inline void make_room(crdt__order *order, crdt__place *place)
{
    if (place->leaf->count + 2u > CRDT__FANOUT) split_for_room(order, place);
}

static void open_slots(crdt__leaf *leaf, uint32_t at, uint32_t n)
{
    memmove(&leaf->spans[at + n], &leaf->spans[at], (leaf->count - at) * sizeof leaf->spans[0]);
    leaf->count = (uint16_t)(leaf->count + n);
}

/* Cut the span at the place in two: the place then is at the second's start. There is room. */
static void cut_span(crdt__order *order, crdt__place *place)
{
    crdt__span *span = &place->leaf->spans[place->index];
    if (place->index == place->leaf->count || place->offset == 0) return;
    uint32_t keep = place->offset;
    place->index++;
    place->offset = 0;
    if (keep == span->len) return;
    open_slots(place->leaf, place->index, 1);
    span[1] = span[0];
    span[1].cid += keep;
    crdt__span_resize(&span[1], span[1].len - keep);
    span[1].glued = 1;
    crdt__span_resize(&span[0], keep);
    order->spans++;
}

/* Make the n elements from the place on, of one span, a span of their own: the place then is at its
 * start. There is room. */
static void cut_out(crdt__order *order, crdt__place *place, uint32_t n)
{
    uint32_t    head = place->offset, tail = place->leaf->spans[place->index].len - head - n;
    uint32_t    more = (head > 0 ? 1u : 0) + (tail > 0 ? 1u : 0);
    crdt__span *span = &place->leaf->spans[place->index], whole = *span;
    if (more == 0) return;
    open_slots(place->leaf, place->index + 1, more);
    order->spans += more;
    if (head > 0) {
        crdt__span_resize(span++, head);
        *span = whole;
        span->cid += head;
        span->glued = 1;
        place->index++;
        place->offset = 0;
    }
    crdt__span_resize(span, n);
    if (tail == 0) return;
    span[1] = whole;
    span[1].cid += head + n;
    span[1].glued = 1;
    crdt__span_resize(&span[1], tail);
}

/* The place is at the end of the last leaf, which is full: append to a new one. */
static bool append_leaf(crdt__order *order, crdt__place *place)
{
    crdt__leaf *leaf = place->leaf;
    if (leaf->next != NULL || leaf->count < CRDT__FANOUT) return false;
    bool at_end = place->index == leaf->count || (place->index + 1 == leaf->count &&
                                                  place->offset == leaf->spans[place->index].len);
    if (!at_end) return false;
    place->leaf = crdt__leaf_after(order, leaf);
    place->index = place->offset = 0;
    return true;
}

/* Does the new run go on where the span before the place ends? */
static crdt__span *span_to_extend(crdt__place place, uint32_t cid, uint32_t len)
{
    crdt__span *span = NULL;
    if (place.offset > 0 && place.offset == place.leaf->spans[place.index].len) {
        span = &place.leaf->spans[place.index];
    } else if (place.offset == 0 && place.index > 0) {
        span = &place.leaf->spans[place.index - 1];
    }
    if (span == NULL || span->dead || span->cid + span->len != cid) return NULL;
    return (uint64_t)span->len + len <= CRDT__SPAN_MAX ? span : NULL;
}

static void note_change(crdt__order *order, crdt__place place)
{
    order->recent = place.leaf;
    order->recent_index = place.index;
}

/* The finger follows a change of its own leaf, of spans from the index on, and is lost with one of
 * another. */
static void move_finger(crdt__order *order, const crdt__leaf *leaf, uint32_t index,
                        uint32_t visible)
{
    if (order->finger != leaf) {
        order->finger = NULL;
        return;
    }
    order->finger_visible += visible;
    if (order->finger_index > index) order->finger_index = order->finger_before = 0;
}

void crdt__order_insert(crdt__order *order, crdt__place place, uint32_t cid, uint32_t len,
                        bool glued)
{
    if (order->root == NULL) {
        crdt_err err = crdt__nodes_first(order); /* a spare leaf is there */
        CRDT_ASSERT(err == CRDT_OK);
        place.leaf = order->first;
    }
    crdt__sums  sums = order->sums_kept ? crdt__atoms_sums(order->atoms, cid, len) : no_sums;
    crdt__span *span = glued ? span_to_extend(place, cid, len) : NULL;
    uint32_t    changed = place.index;
    if (span != NULL) {
        crdt__span_resize(span, span->len + len);
        changed = (uint32_t)(span - place.leaf->spans);
    } else {
        if (!append_leaf(order, &place)) {
            make_room(order, &place);
            changed = place.index;
            cut_span(order, &place);
        }
        open_slots(place.leaf, place.index, 1);
        span = &place.leaf->spans[place.index];
        span->cid = cid;
        crdt__span_resize(span, len);
        span->dead = 0;
        span->glued = glued;
        order->spans++;
    }
    crdt__leaf_add(order, place.leaf, len, sums);
    crdt__index_assign(order, cid, len, place.leaf->number);
    note_change(order, place);
    move_finger(order, place.leaf, changed, len);
}

/* Put cid .. cid + len - 1 into the journal, onto its last entry if they meet; true if so. */
static bool note_killed(crdt__order *order, uint32_t cid, uint32_t len)
{
    crdt__killed *last =
        order->journal_count == 0 ? NULL : &order->journal[order->journal_count - 1];
    if (last != NULL && last->cid + last->len == cid) {
        last->len += len;
        return true;
    }
    if (last != NULL && cid + len == last->cid) {
        last->cid = cid;
        last->len += len;
        return true;
    }
    if (order->for_good) order->journal_count = 0;
    CRDT_ASSERT(order->journal_count < order->journal_cap);
    order->journal[order->journal_count++] = (crdt__killed){cid, len};
    return false;
}

/* Two dead spans side by side, of one run, become one, if both were killed just now: an undo finds
 * what it brings back as spans of their own. */
static bool merge_dead(crdt__order *order, crdt__leaf *leaf, uint32_t index)
{
    const crdt__killed *last = &order->journal[order->journal_count - 1];
    crdt__span         *a = &leaf->spans[index];
    if (index + 1 >= leaf->count || !a[0].dead || !a[1].dead || !a[1].glued) return false;
    if (a[0].cid + a[0].len != a[1].cid || a[0].cid < last->cid) return false;
    if (a[1].cid + a[1].len > last->cid + last->len) return false;
    if ((uint64_t)a[0].len + a[1].len > CRDT__SPAN_MAX) return false;
    crdt__span_resize(a, a[0].len + a[1].len);
    leaf->count--;
    memmove(&a[1], &a[2], (leaf->count - index - 1) * sizeof *a);
    order->spans--;
    return true;
}

uint32_t crdt__order_kill(crdt__order *order, crdt__place *place, uint32_t len, uint32_t *ret_cid)
{
    if (!crdt__order_settle(place)) return 0;
    const crdt__span *span = &place->leaf->spans[place->index];
    uint32_t          n = span->len - place->offset < len ? span->len - place->offset : len;
    *ret_cid = crdt__order_cid(*place);
    if (span->dead) {
        place->offset += n;
        return 0;
    }
    if (n < span->len) make_room(order, place);
    (void)crdt__order_settle(place);
    uint32_t changed = place->index;
    cut_out(order, place, n);
    place->leaf->spans[place->index].dead = 1;
    crdt__sums sums = no_sums;
    if (order->sums_kept) {
        sums = crdt__atoms_sums(order->atoms, *ret_cid, n);
        sums = (crdt__sums){0 - sums.bytes, 0 - sums.units16, 0 - sums.lines};
    }
    crdt__leaf_add(order, place->leaf, 0 - n, sums);
    move_finger(order, place->leaf, changed, 0 - n);
    note_change(order, *place);
    place->offset = n;
    if (note_killed(order, *ret_cid, n)) {
        (void)merge_dead(order, place->leaf, place->index);
        if (place->index > 0) {
            uint32_t before = place->leaf->spans[place->index - 1].len;
            if (merge_dead(order, place->leaf, place->index - 1)) {
                place->index--;
                place->offset += before;
            }
        }
    }
    return n;
}

/* -- Units ------------------------------------------------------------------------------------- */

crdt_err crdt__order_want_sums(crdt__order *order)
{
    return order->sums_kept ? CRDT_OK : crdt__nodes_want_sums(order);
}

static uint32_t sum_of(crdt__sums sums, crdt__measure measure)
{
    return measure == CRDT__IN_BYTES ? sums.bytes : sums.units16;
}

/* Within one span: how many elements make up n units; n may reach its end. */
static bool measure_span(const crdt__order *order, const crdt__span *span, crdt__measure measure,
                         uint64_t n, uint32_t *ret_count)
{
    uint32_t at = 0;
    while (n > 0) {
        uint32_t  count, units;
        crdt_view view = crdt__atoms_view(order->atoms, span->cid + at, span->len - at, &count);
        units = sum_of(crdt__utf8_sums(view.data, view.size), measure);
        if (units > n) {
            if (!crdt__utf8_prefix(view.data, view.size, measure == CRDT__IN_BYTES, n, &count)) {
                return false;
            }
            units = (uint32_t)n;
        }
        n -= units;
        at += count;
    }
    *ret_count = at;
    return true;
}

bool crdt__order_measure(crdt__order *order, crdt__measure measure, uint64_t n, uint32_t *ret_pos)
{
    if (measure == CRDT__IN_ATOMS || order->atoms->ascii) {
        *ret_pos = (uint32_t)n;
        return n <= order->visible;
    }
    if (n > sum_of(order->sums, measure)) return false;
    void    *node = order->root;
    uint32_t pos = 0;
    for (unsigned h = order->height; h > 0; h--) {
        crdt__inner *inner = node;
        unsigned     i = 0;
        while (i + 1u < inner->count && n > sum_of(inner->sums[i], measure)) {
            n -= sum_of(inner->sums[i], measure);
            pos += inner->visible[i++];
        }
        node = inner->child[i];
    }
    crdt__leaf *leaf = node;
    for (uint32_t i = 0; n > 0; i++) {
        const crdt__span *span = &leaf->spans[i];
        if (span->dead) continue;
        uint32_t units = sum_of(crdt__atoms_sums(order->atoms, span->cid, span->len), measure);
        uint32_t count = span->len;
        if (n < units && !measure_span(order, span, measure, n, &count)) return false;
        pos += count;
        n -= n < units ? n : units;
    }
    *ret_pos = pos;
    return true;
}

uint64_t crdt__order_units(crdt__order *order, crdt__measure measure, uint32_t pos)
{
    if (measure == CRDT__IN_ATOMS || order->atoms->ascii) return pos;
    if (pos == order->visible) return sum_of(order->sums, measure);
    crdt__place place = crdt__order_after(order, pos);
    uint64_t    units = 0;
    for (uint32_t i = 0; i <= place.index && i < place.leaf->count; i++) {
        const crdt__span *span = &place.leaf->spans[i];
        uint32_t          len = i == place.index ? place.offset : span->len;
        if (span->dead || len == 0) continue;
        units += sum_of(crdt__atoms_sums(order->atoms, span->cid, len), measure);
    }
    unsigned slot = place.leaf->slot;
    for (crdt__inner *up = place.leaf->parent; up != NULL; slot = up->slot, up = up->parent) {
        for (unsigned i = slot; i-- > 0;) units += sum_of(up->sums[i], measure);
    }
    return units;
}
