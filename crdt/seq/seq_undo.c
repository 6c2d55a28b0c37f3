/* seq/seq_undo.c: what stays and what is taken back, and the audit of the order. See
 * seq_order.h. */
#include <string.h>

#include "crdt/core/mem.h"
#include "crdt/core/sort.h"
#include "crdt/seq/seq_order.h"

void crdt__order_keep(crdt__order *order)
{
    order->mark = order->atoms->count;
    order->journal_count = 0;
    if (order->journal_cap > 8) {
        crdt__release(order->mem, order->journal, order->journal_cap * sizeof *order->journal);
        order->memory -= order->journal_cap * sizeof *order->journal;
        order->journal = NULL;
        order->journal_cap = 0;
    }
    crdt__nodes_trim(order);
}

/* -- Undo -------------------------------------------------------------------------------------- */

static int cid_order(const void *a, const void *b)
{
    const crdt__killed *x = a, *y = b;
    return x->cid == y->cid ? 0 : x->cid < y->cid ? -1 : 1;
}

/* Was the element killed since the last keep? */
static bool was_killed(const crdt__order *order, uint32_t cid)
{
    size_t lo = 0, hi = order->journal_count;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (order->journal[mid].cid + order->journal[mid].len <= cid) lo = mid + 1;
        else hi = mid;
    }
    return lo < order->journal_count && order->journal[lo].cid <= cid;
}

/* The span as it was; false if nothing of it was there. */
static bool restore(const crdt__order *order, crdt__span *span)
{
    if (span->cid >= order->mark) return false;
    if (span->len > order->mark - span->cid) crdt__span_resize(span, order->mark - span->cid);
    if (span->dead && was_killed(order, span->cid)) span->dead = 0;
    return true;
}

/* Put a span behind those written already, onto the last one if it goes on from it. */
static void write_span(crdt__order *order, crdt__leaf **into, crdt__span span)
{
    crdt__leaf *leaf = *into;
    if (leaf->count > 0) {
        crdt__span *last = &leaf->spans[leaf->count - 1];
        if (span.glued && last->dead == span.dead && last->cid + last->len == span.cid &&
            (uint64_t)last->len + span.len <= CRDT__SPAN_MAX) {
            crdt__span_resize(last, last->len + span.len);
            return;
        }
    }
    if (leaf->count == CRDT__FANOUT) {
        leaf = *into = leaf->next;
        leaf->count = 0;
    }
    leaf->spans[leaf->count++] = span;
    order->spans++;
}

void crdt__order_undo(crdt__order *order)
{
    if (order->root == NULL || (order->journal_count == 0 && order->atoms->count <= order->mark)) {
        order->journal_count = 0;
        crdt__nodes_trim(order);
        return;
    }
    crdt__sort(order->journal, order->journal_count, sizeof *order->journal, cid_order);
    crdt__index_clear(order);
    order->finger = NULL;
    order->spans = 0;
    crdt__leaf *into = order->first;
    for (crdt__leaf *leaf = order->first; leaf != NULL; leaf = leaf->next) {
        crdt__leaf from = *leaf;
        if (leaf == into) into->count = 0;
        for (uint32_t i = 0; i < from.count; i++) {
            if (restore(order, &from.spans[i])) write_span(order, &into, from.spans[i]);
        }
    }
    while (order->last != into) crdt__nodes_drop_leaf(order, order->last);
    if (into->count == 0) crdt__nodes_drop_leaf(order, into);
    crdt__nodes_rebuild(order);
    order->visible = 0;
    for (crdt__leaf *leaf = order->first; leaf != NULL; leaf = leaf->next) {
        order->visible += crdt__leaf_visible(leaf);
    }
    if (order->sums_kept) {
        order->sums = (crdt__sums){0, 0, 0};
        for (crdt__leaf *leaf = order->first; leaf != NULL; leaf = leaf->next) {
            order->sums = crdt__sums_add(order->sums, crdt__leaf_sums(order, leaf));
        }
    }
    order->journal_count = 0;
    crdt__nodes_trim(order);
}

/* -- Audit ------------------------------------------------------------------------------------- */

static bool fail(const char **ret_reason, const char *reason)
{
    *ret_reason = reason;
    return false;
}

static bool same_sums(crdt__sums a, crdt__sums b)
{
    return a.bytes == b.bytes && a.units16 == b.units16 && a.lines == b.lines;
}

static bool check_leaf(const crdt__order *order, const crdt__leaf *leaf, const char **ret_reason)
{
    if (leaf->count == 0 || leaf->count > CRDT__FANOUT) {
        return fail(ret_reason, "a leaf is empty or overfull");
    }
    if (leaf->number >= order->leaf_count || order->leaves[leaf->number] != leaf) {
        return fail(ret_reason, "a leaf's number is wrong");
    }
    for (uint32_t i = 0; i < leaf->count; i++) {
        const crdt__span *span = &leaf->spans[i];
        if (span->len == 0 || span->cid + span->len > order->atoms->count) {
            return fail(ret_reason, "a span is empty or past the last element");
        }
        if (!order->index.valid) continue;
        for (uint32_t k = 0; k<span->len; k += span->len> 64 ? span->len / 64 : 1) {
            if (crdt__index_get(order, span->cid + k) != leaf->number) {
                return fail(ret_reason, "the index names another leaf");
            }
        }
    }
    return true;
}

static bool check_node(const crdt__order *order, const void *node, unsigned height,
                       const crdt__inner *parent, const crdt__leaf **leaf, const char **ret_reason)
{
    if (height == 0) {
        const crdt__leaf *mine = node;
        if (mine->parent != parent) return fail(ret_reason, "a leaf's parent is wrong");
        if (*leaf != mine) return fail(ret_reason, "leaves are not linked in order");
        *leaf = mine->next;
        return check_leaf(order, mine, ret_reason);
    }
    const crdt__inner *inner = node;
    if (inner->parent != parent || inner->height != height || inner->count == 0) {
        return fail(ret_reason, "an inner node's parent, height or count is wrong");
    }
    for (unsigned i = 0; i < inner->count; i++) {
        const crdt__leaf *first = *leaf;
        if (!check_node(order, inner->child[i], height - 1, inner, leaf, ret_reason)) return false;
        unsigned slot = height == 1 ? ((const crdt__leaf *)inner->child[i])->slot
                                    : ((const crdt__inner *)inner->child[i])->slot;
        if (slot != i) return fail(ret_reason, "a node does not know its place in its parent");
        uint32_t   visible = 0;
        crdt__sums sums = {0, 0, 0};
        for (const crdt__leaf *l = first; l != *leaf; l = l->next) {
            visible += crdt__leaf_visible(l);
            if (inner->sums == NULL) continue;
            sums = crdt__sums_add(sums, crdt__leaf_sums(order, l));
        }
        if (visible != inner->visible[i]) return fail(ret_reason, "a count of elements is wrong");
        if (inner->sums != NULL && !same_sums(sums, inner->sums[i])) {
            return fail(ret_reason, "a count of units is wrong");
        }
    }
    return true;
}

static bool check_finger(const crdt__order *order)
{
    crdt__leaf *leaf = order->finger;
    if (leaf == NULL) return true;
    crdt__place start = {leaf, 0, 0}, at = {leaf, order->finger_index, 0};
    if (order->finger_index > leaf->count) return false;
    return order->finger_visible == crdt__leaf_visible(leaf) &&
           order->finger_start == crdt__order_rank(order, start) &&
           order->finger_start + order->finger_before == crdt__order_rank(order, at);
}

bool crdt__order_check(const crdt__order *order, const char **ret_reason)
{
    const crdt__leaf *leaf = order->first;
    if (order->root == NULL) {
        if (leaf != NULL || order->visible != 0) return fail(ret_reason, "no root, but elements");
        return true;
    }
    if (!check_node(order, order->root, order->height, NULL, &leaf, ret_reason)) return false;
    if (leaf != NULL) return fail(ret_reason, "a leaf is in no node");
    if (!check_finger(order)) return fail(ret_reason, "the finger's counts are wrong");
    uint32_t visible = 0, spans = 0;
    uint64_t elements = 0;
    for (leaf = order->first; leaf != NULL; leaf = leaf->next) {
        visible += crdt__leaf_visible(leaf);
        spans += leaf->count;
        for (uint32_t i = 0; i < leaf->count; i++) elements += leaf->spans[i].len;
    }
    if (visible != order->visible || spans != order->spans) {
        return fail(ret_reason, "the count of visible elements or of spans is wrong");
    }
    if (elements != order->atoms->count) {
        return fail(ret_reason, "elements and spans do not match");
    }
    return true;
}
