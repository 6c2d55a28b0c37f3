/* seq/seq_nodes.c: the nodes of the order tree: spares, splits, counts. See seq_order.h. */
#include <string.h>

#include "crdt/core/mem.h"
#include "crdt/seq/seq_order.h"

#define HALF (CRDT__FANOUT / 2)

/* -- Memory: spare nodes are linked through their first member --------------------------------- */

static void *take_spare(void **list, unsigned *count)
{
    void *node = *list;
    CRDT_ASSERT(node != NULL);
    memcpy(list, node, sizeof *list);
    (*count)--;
    return node;
}

static void add_spare(void **list, unsigned *count, void *node)
{
    memcpy(node, list, sizeof *list);
    *list = node;
    (*count)++;
}

static crdt_err make_spare(crdt__order *order, void **list, unsigned *count, size_t size)
{
    void *node = crdt__alloc(order->mem, size);
    if (node == NULL) return CRDT_ENOMEM;
    order->memory += size;
    add_spare(list, count, node);
    return CRDT_OK;
}

static void free_inner(crdt__order *order, crdt__inner *node)
{
    if (node->sums != NULL) {
        crdt__release(order->mem, node->sums, CRDT__FANOUT * sizeof *node->sums);
        order->memory -= CRDT__FANOUT * sizeof *node->sums;
    }
    crdt__release(order->mem, node, sizeof *node);
    order->memory -= sizeof *node;
}

static crdt_err give_sums(crdt__order *order, crdt__inner *node)
{
    node->sums = crdt__alloc(order->mem, CRDT__FANOUT * sizeof *node->sums);
    if (node->sums == NULL) return CRDT_ENOMEM;
    order->memory += CRDT__FANOUT * sizeof *node->sums;
    return CRDT_OK;
}

static crdt_err make_inner_spare(crdt__order *order)
{
    crdt_err err =
        make_spare(order, &order->spare_inners, &order->spare_inner_count, sizeof(crdt__inner));
    if (err != CRDT_OK) return err;
    crdt__inner *node = order->spare_inners;
    node->sums = NULL;
    if (!order->sums_kept) return CRDT_OK;
    err = give_sums(order, node);
    if (err != CRDT_OK)
        free_inner(order, take_spare(&order->spare_inners, &order->spare_inner_count));
    return err;
}

/* Room in the table of leaves for the spare ones too. */
static crdt_err reserve_numbers(crdt__order *order, uint32_t more)
{
    uint32_t need = order->leaf_count + more;
    if (need <= order->leaf_cap) return CRDT_OK;
    uint32_t     cap = need < 4 ? need : (uint32_t)crdt__grow(order->leaf_cap, need);
    crdt__leaf **leaves = crdt__resize(order->mem, order->leaves, order->leaf_cap * sizeof *leaves,
                                       cap * sizeof *leaves);
    if (leaves == NULL) return CRDT_ENOMEM;
    order->memory += (cap - order->leaf_cap) * sizeof *leaves;
    order->leaves = leaves;
    order->leaf_cap = cap;
    return CRDT_OK;
}

CRDT__APART static crdt_err more_spares(crdt__order *order, unsigned leaves, unsigned inners)
{
    crdt_err err = reserve_numbers(order, leaves);
    while (err == CRDT_OK && order->spare_leaf_count < leaves) {
        err = make_spare(order, &order->spare_leaves, &order->spare_leaf_count, sizeof(crdt__leaf));
    }
    while (err == CRDT_OK && order->spare_inner_count < inners) err = make_inner_spare(order);
    return err;
}

static crdt_err spares(crdt__order *order, unsigned leaves, unsigned inners)
{
    bool there = order->spare_leaf_count >= leaves && order->spare_inner_count >= inners &&
                 order->leaf_cap - order->leaf_count >= leaves;
    return there ? CRDT_OK : more_spares(order, leaves, inners);
}

crdt_err crdt__nodes_reserve(crdt__order *order, crdt__leaf *leaf, unsigned ends)
{
    if (order->root == NULL) return spares(order, 1, 0);
    if (leaf == NULL) return spares(order, ends, ends * (order->height + 1));
    if (leaf->count + 2u <= CRDT__FANOUT) return CRDT_OK;
    unsigned     inners = 0;
    crdt__inner *up = leaf->parent;
    while (up != NULL && up->count == CRDT__FANOUT) {
        inners++;
        up = up->parent;
    }
    if (up == NULL) inners++; /* a new root */
    return spares(order, 1, inners);
}

void crdt__nodes_trim(crdt__order *order)
{
    while (order->spare_inner_count > 0) {
        free_inner(order, take_spare(&order->spare_inners, &order->spare_inner_count));
    }
    while (order->spare_leaf_count > 0) {
        void *leaf = take_spare(&order->spare_leaves, &order->spare_leaf_count);
        crdt__release(order->mem, leaf, sizeof(crdt__leaf));
        order->memory -= sizeof(crdt__leaf);
    }
}

/* All inner nodes of a subtree become spares. */
static void spare_inners(crdt__order *order, void *node, unsigned height)
{
    if (node == NULL || height == 0) return;
    crdt__inner *inner = node;
    for (unsigned i = 0; i < inner->count; i++) spare_inners(order, inner->child[i], height - 1);
    add_spare(&order->spare_inners, &order->spare_inner_count, inner);
}

void crdt__nodes_free(crdt__order *order)
{
    spare_inners(order, order->root, order->height);
    for (crdt__leaf *leaf = order->first, *next; leaf != NULL; leaf = next) {
        next = leaf->next;
        add_spare(&order->spare_leaves, &order->spare_leaf_count, leaf);
    }
    crdt__nodes_trim(order);
    crdt__release(order->mem, order->leaves, order->leaf_cap * sizeof *order->leaves);
    order->memory -= order->leaf_cap * sizeof *order->leaves;
}

/* -- Counts ------------------------------------------------------------------------------------ */

void crdt__leaf_add(crdt__order *order, crdt__leaf *leaf, uint32_t visible, crdt__sums sums)
{
    order->visible += visible;
    if (order->sums_kept) order->sums = crdt__sums_add(order->sums, sums);
    unsigned slot = leaf->slot;
    for (crdt__inner *up = leaf->parent; up != NULL; slot = up->slot, up = up->parent) {
        up->visible[slot] += visible;
        if (up->sums != NULL) up->sums[slot] = crdt__sums_add(up->sums[slot], sums);
    }
}

uint32_t crdt__leaf_visible(const crdt__leaf *leaf)
{
    uint32_t sum = 0;
    for (unsigned i = 0; i < leaf->count; i++) {
        sum += crdt__span_visible(&leaf->spans[i]);
    }
    return sum;
}

crdt__sums crdt__leaf_sums(const crdt__order *order, const crdt__leaf *leaf)
{
    crdt__sums sums = {0, 0, 0};
    for (unsigned i = 0; i < leaf->count; i++) {
        const crdt__span *span = &leaf->spans[i];
        if (span->dead) continue;
        sums = crdt__sums_add(sums, crdt__atoms_sums(order->atoms, span->cid, span->len));
    }
    return sums;
}

/* What stands for a child in its parent, computed from the child. */
static uint32_t node_visible(const void *node, unsigned height)
{
    if (height == 0) return crdt__leaf_visible(node);
    const crdt__inner *inner = node;
    uint32_t           sum = 0;
    for (unsigned i = 0; i < inner->count; i++) sum += inner->visible[i];
    return sum;
}

static crdt__sums node_sums(const crdt__order *order, const void *node, unsigned height)
{
    if (height == 0) return crdt__leaf_sums(order, node);
    const crdt__inner *inner = node;
    crdt__sums         sums = {0, 0, 0};
    for (unsigned i = 0; i < inner->count; i++) sums = crdt__sums_add(sums, inner->sums[i]);
    return sums;
}

static void count_child(const crdt__order *order, crdt__inner *inner, unsigned i)
{
    inner->visible[i] = node_visible(inner->child[i], inner->height - 1u);
    if (inner->sums != NULL) {
        inner->sums[i] = node_sums(order, inner->child[i], inner->height - 1u);
    }
}

/* -- Growing ----------------------------------------------------------------------------------- */

static unsigned slot_of(const void *node, unsigned height)
{
    return height == 0 ? ((const crdt__leaf *)node)->slot : ((const crdt__inner *)node)->slot;
}

/* The children from the slot on are told where they are. */
static void place_children(crdt__inner *inner, unsigned from)
{
    for (unsigned i = from; i < inner->count; i++) {
        if (inner->height == 1) {
            crdt__leaf *leaf = inner->child[i];
            leaf->parent = inner;
            leaf->slot = (uint16_t)i;
        } else {
            crdt__inner *below = inner->child[i];
            below->parent = inner;
            below->slot = (uint16_t)i;
        }
    }
}

static crdt__inner *new_inner(crdt__order *order, unsigned height)
{
    crdt__inner *inner = take_spare(&order->spare_inners, &order->spare_inner_count);
    inner->parent = NULL;
    inner->count = 0;
    inner->height = (uint16_t)height;
    return inner;
}

static void put_child(crdt__inner *inner, unsigned at, void *child)
{
    unsigned tail = inner->count - at;
    memmove(&inner->child[at + 1], &inner->child[at], tail * sizeof inner->child[0]);
    memmove(&inner->visible[at + 1], &inner->visible[at], tail * sizeof inner->visible[0]);
    if (inner->sums != NULL) {
        memmove(&inner->sums[at + 1], &inner->sums[at], tail * sizeof inner->sums[0]);
        inner->sums[at] = (crdt__sums){0, 0, 0};
    }
    inner->child[at] = child;
    inner->visible[at] = 0;
    inner->count++;
    place_children(inner, at);
}

static void hang_after(crdt__order *order, void *old, void *node, unsigned height);

/* Move the upper half to a new node beside. A node full at its right end is left full. */
static void split_inner(crdt__order *order, crdt__inner *inner, unsigned keep)
{
    crdt__inner *right = new_inner(order, inner->height);
    unsigned     moved = inner->count - keep;
    memcpy(right->child, &inner->child[keep], moved * sizeof right->child[0]);
    memcpy(right->visible, &inner->visible[keep], moved * sizeof right->visible[0]);
    if (right->sums != NULL) {
        memcpy(right->sums, &inner->sums[keep], moved * sizeof right->sums[0]);
    }
    right->count = (uint16_t)moved;
    inner->count = (uint16_t)keep;
    place_children(right, 0);
    hang_after(order, inner, right, inner->height);
}

/* Hang `node` into the tree right after `old`, of the same height; counts of both are made anew. */
static void hang_after(crdt__order *order, void *old, void *node, unsigned height)
{
    crdt__inner *parent = height == 0 ? ((crdt__leaf *)old)->parent : ((crdt__inner *)old)->parent;
    if (parent == NULL) {
        parent = new_inner(order, height + 1);
        order->root = parent;
        order->height = height + 1;
        put_child(parent, 0, old);
    }
    unsigned at = slot_of(old, height) + 1;
    if (parent->count == CRDT__FANOUT) {
        unsigned keep = at == CRDT__FANOUT ? CRDT__FANOUT - 2 : HALF;
        split_inner(order, parent, keep);
        if (at > keep) {
            parent = height == 0 ? ((crdt__leaf *)old)->parent : ((crdt__inner *)old)->parent;
            at = slot_of(old, height) + 1;
        }
    }
    put_child(parent, at, node);
    count_child(order, parent, at - 1);
    count_child(order, parent, at);
}

crdt_err crdt__nodes_first(crdt__order *order)
{
    crdt_err err = spares(order, 1, 0);
    if (err != CRDT_OK) return err;
    crdt__leaf *leaf = take_spare(&order->spare_leaves, &order->spare_leaf_count);
    memset(leaf, 0, sizeof *leaf);
    leaf->number = order->leaf_count;
    order->leaves[order->leaf_count++] = leaf;
    order->root = order->first = order->last = leaf;
    order->height = 0;
    return CRDT_OK;
}

crdt_err crdt__nodes_append(crdt__order *order)
{
    crdt__leaf *last = order->last;
    crdt_err    err = last == NULL ? crdt__nodes_first(order) : spares(order, 1, 0);
    if (err != CRDT_OK || last == NULL) return err;
    crdt__leaf *leaf = take_spare(&order->spare_leaves, &order->spare_leaf_count);
    leaf->count = 0;
    leaf->parent = NULL;
    leaf->next = NULL;
    leaf->prev = last;
    leaf->number = order->leaf_count;
    order->leaves[order->leaf_count++] = leaf;
    last->next = order->last = leaf;
    return CRDT_OK;
}

/* Linked behind the leaf, in no inner node yet. */
static crdt__leaf *link_leaf(crdt__order *order, crdt__leaf *leaf)
{
    crdt__leaf *right = take_spare(&order->spare_leaves, &order->spare_leaf_count);
    right->count = 0;
    right->parent = NULL;
    right->number = order->leaf_count;
    order->leaves[order->leaf_count++] = right;
    right->prev = leaf;
    right->next = leaf->next;
    if (leaf->next != NULL) leaf->next->prev = right;
    else order->last = right;
    leaf->next = right;
    return right;
}

crdt__leaf *crdt__leaf_after(crdt__order *order, crdt__leaf *leaf)
{
    crdt__leaf *right = link_leaf(order, leaf);
    hang_after(order, leaf, right, 0);
    return right;
}

void crdt__leaf_split(crdt__order *order, crdt__leaf *leaf, uint32_t keep)
{
    crdt__leaf *right = link_leaf(order, leaf);
    right->count = (uint16_t)(leaf->count - keep);
    memcpy(right->spans, &leaf->spans[keep], right->count * sizeof right->spans[0]);
    leaf->count = (uint16_t)keep;
    hang_after(order, leaf, right, 0);
    for (unsigned i = 0; i < right->count; i++) {
        crdt__index_assign(order, right->spans[i].cid, right->spans[i].len, right->number);
    }
}

/* -- Rebuilding -------------------------------------------------------------------------------- */

void crdt__nodes_drop_leaf(crdt__order *order, crdt__leaf *leaf)
{
    if (leaf->prev != NULL) leaf->prev->next = leaf->next;
    else order->first = leaf->next;
    if (leaf->next != NULL) leaf->next->prev = leaf->prev;
    else order->last = leaf->prev;
    add_spare(&order->spare_leaves, &order->spare_leaf_count, leaf);
}

/* Number the leaves anew, without holes, in their order. */
static void number_leaves(crdt__order *order)
{
    order->leaf_count = 0;
    for (crdt__leaf *leaf = order->first; leaf != NULL; leaf = leaf->next) {
        leaf->number = order->leaf_count;
        leaf->parent = NULL;
        order->leaves[order->leaf_count++] = leaf;
    }
}

/* The next node of a level under construction, of which `next` comes next. */
static void *next_of(void *node, unsigned height)
{
    if (height == 0) return ((crdt__leaf *)node)->next;
    return ((crdt__inner *)node)->parent; /* borrowed as a link while levels are built */
}

void crdt__nodes_rebuild(crdt__order *order)
{
    spare_inners(order, order->root, order->height);
    number_leaves(order);
    void *level = order->first;
    order->height = 0;
    while (level != NULL && next_of(level, order->height) != NULL) {
        crdt__inner *first = NULL, *last = NULL;
        for (void *node = level, *next; node != NULL; node = next) {
            next = next_of(node, order->height);
            if (last == NULL || last->count == CRDT__FANOUT) {
                crdt__inner *inner = new_inner(order, order->height + 1);
                if (last == NULL) first = inner;
                else last->parent = inner;
                last = inner;
            }
            put_child(last, last->count, node);
            count_child(order, last, last->count - 1u);
        }
        level = first;
        order->height++;
    }
    order->root = level;
}

crdt_err crdt__nodes_build(crdt__order *order)
{
    unsigned inners = 0;
    for (uint32_t nodes = order->leaf_count; nodes > 1; inners += nodes) {
        nodes = (nodes + CRDT__FANOUT - 1) / CRDT__FANOUT;
    }
    crdt_err err = spares(order, 0, inners);
    order->root = NULL; /* its leaves are linked alone */
    if (err == CRDT_OK) crdt__nodes_rebuild(order);
    return err;
}

/* Sums in all nodes, made bottom-up. On failure what was made is freed with the tree. */
static crdt_err sum_node(crdt__order *order, void *node, unsigned height)
{
    if (height == 0) return CRDT_OK;
    crdt__inner *inner = node;
    crdt_err     err = inner->sums == NULL ? give_sums(order, inner) : CRDT_OK;
    for (unsigned i = 0; err == CRDT_OK && i < inner->count; i++) {
        err = sum_node(order, inner->child[i], height - 1);
        if (err == CRDT_OK) inner->sums[i] = node_sums(order, inner->child[i], height - 1);
    }
    return err;
}

static void drop_sums(crdt__order *order, void *node, unsigned height)
{
    if (node == NULL || height == 0) return;
    crdt__inner *inner = node;
    for (unsigned i = 0; i < inner->count; i++) drop_sums(order, inner->child[i], height - 1);
    if (inner->sums == NULL) return;
    crdt__release(order->mem, inner->sums, CRDT__FANOUT * sizeof *inner->sums);
    order->memory -= CRDT__FANOUT * sizeof *inner->sums;
    inner->sums = NULL;
}

/* Errors: ENOMEM, nothing changed. Spare nodes are made anew, with room for sums. */
crdt_err crdt__nodes_want_sums(crdt__order *order)
{
    crdt_err err = order->root == NULL ? CRDT_OK : sum_node(order, order->root, order->height);
    if (err == CRDT_OK) {
        order->sums_kept = true;
        unsigned made = 0;
        void    *list = NULL;
        while (order->spare_inner_count > 0) { /* sums for the spare ones too */
            crdt__inner *node = take_spare(&order->spare_inners, &order->spare_inner_count);
            if (err == CRDT_OK && node->sums == NULL) err = give_sums(order, node);
            add_spare(&list, &made, node);
        }
        order->spare_inners = list;
        order->spare_inner_count = made;
    }
    if (err != CRDT_OK) {
        order->sums_kept = false;
        drop_sums(order, order->root, order->height);
        return err;
    }
    crdt__sums none = {0, 0, 0};
    order->sums = order->root == NULL ? none : node_sums(order, order->root, order->height);
    return CRDT_OK;
}
