/* tree.c: see tree.h. */
#include "tests/laws/lib/tree.h"

#include <string.h>

#define BIT(i) (UINT64_C(1) << (i))

void tree_init(tree *t, bool classic)
{
    t->classic = classic;
    t->count = 0;
}

/* Does a stand before its sibling b? */
static bool comes_first(const tree *t, int a, int b)
{
    const tree_node *x = &t->nodes[a], *y = &t->nodes[b];
    if (t->classic && x->time != y->time) return x->time > y->time;
    if (x->replica != y->replica)
        return t->classic ? x->replica > y->replica : x->replica < y->replica;
    return t->classic ? x->counter > y->counter : x->counter < y->counter;
}

/* The first child on that side that stands after `last` (ROOT: the first of all); ROOT: none. */
static int next_child(const tree *t, int parent, bool on_left, int last)
{
    int best = TREE_ROOT;
    for (int i = 0; i < t->count; i++) {
        if (t->nodes[i].parent != parent || t->nodes[i].on_left != on_left) continue;
        if (last != TREE_ROOT && !comes_first(t, last, i)) continue;
        if (best == TREE_ROOT || comes_first(t, i, best)) best = i;
    }
    return best;
}

static void walk(const tree *t, int node, int *order, unsigned *count)
{
    for (int c = TREE_ROOT; (c = next_child(t, node, true, c)) != TREE_ROOT;) {
        walk(t, c, order, count);
    }
    if (node != TREE_ROOT) order[(*count)++] = node;
    for (int c = TREE_ROOT; (c = next_child(t, node, false, c)) != TREE_ROOT;) {
        walk(t, c, order, count);
    }
}

unsigned tree_order(const tree *t, uint64_t seen, int nodes[TREE_MAX])
{
    unsigned all = 0, count = 0;
    walk(t, TREE_ROOT, nodes, &all);
    for (unsigned i = 0; i < all; i++) {
        if (seen & BIT(t->nodes[nodes[i]].event)) nodes[count++] = nodes[i];
    }
    return count;
}

static bool is_later(const tree_node *a, const tree_node *b)
{
    if (a->stamp != b->stamp) return a->stamp > b->stamp;
    return a->replica != b->replica ? a->replica > b->replica : a->event > b->event;
}

static int element_of(const tree *t, int node)
{
    return t->nodes[node].of == TREE_ROOT ? node : t->nodes[node].of;
}

/* The node, which is known, is where its element stands. */
static bool shows(const tree *t, uint64_t seen, int node)
{
    const tree_node *here = &t->nodes[node];
    int              element = element_of(t, node);
    if (t->nodes[element].deleted_by & seen) return false;
    for (int i = 0; i < t->count; i++) {
        const tree_node *n = &t->nodes[i];
        if (n->of != element || i == node || !(seen & BIT(n->event))) continue;
        if (here->of == TREE_ROOT || is_later(n, here)) return false;
    }
    return true;
}

unsigned tree_show(const tree *t, uint64_t seen, char text[TREE_MAX + 1], int nodes[TREE_MAX])
{
    int      order[TREE_MAX];
    unsigned all = tree_order(t, seen, order), count = 0;
    for (unsigned i = 0; i < all; i++) {
        if (!shows(t, seen, order[i])) continue;
        if (nodes != NULL) nodes[count] = order[i];
        text[count++] = t->nodes[element_of(t, order[i])].text;
    }
    text[count] = 0;
    return count;
}

/* Is x in the subtree right of p? */
static bool is_right_of(const tree *t, int p, int x)
{
    while (x != TREE_ROOT) {
        const tree_node *n = &t->nodes[x];
        if (n->parent == p && !n->on_left) return true;
        x = n->parent;
    }
    return false;
}

static void insert_one(tree *t, uint64_t seen, tree_node node, unsigned pos)
{
    char     text[TREE_MAX + 1];
    int      shown[TREE_MAX];
    unsigned count = tree_show(t, seen, text, shown);
    int      p = pos > 0 ? shown[pos - 1] : TREE_ROOT;
    node.parent = p;
    node.on_left = false;
    if (!t->classic && pos < count && is_right_of(t, p, shown[pos])) {
        node.parent = shown[pos];
        node.on_left = true;
    }
    node.time = 1;
    node.counter = 0;
    for (int i = 0; i < t->count; i++) {
        const tree_node *n = &t->nodes[i];
        if ((seen & BIT(n->event)) && n->time >= node.time) node.time = n->time + 1;
        node.counter += n->replica == node.replica;
    }
    t->nodes[t->count++] = node;
}

void tree_insert(tree *t, uint64_t seen, unsigned event, uint64_t replica, unsigned pos, unsigned n,
                 char text)
{
    tree_node node;
    memset(&node, 0, sizeof node);
    node.replica = replica;
    node.event = event;
    node.of = TREE_ROOT;
    node.text = text;
    for (unsigned i = 0; i < n; i++, node.text++) insert_one(t, seen | BIT(event), node, pos + i);
}

void tree_delete(tree *t, uint64_t seen, unsigned event, unsigned pos, unsigned n)
{
    char text[TREE_MAX + 1];
    int  shown[TREE_MAX];
    (void)tree_show(t, seen, text, shown);
    for (unsigned i = 0; i < n; i++) {
        t->nodes[element_of(t, shown[pos + i])].deleted_by |= BIT(event);
    }
}

void tree_move(tree *t, uint64_t seen, unsigned event, uint64_t replica, uint64_t stamp,
               unsigned pos, unsigned to)
{
    char      text[TREE_MAX + 1];
    int       shown[TREE_MAX];
    tree_node node;
    (void)tree_show(t, seen, text, shown);
    memset(&node, 0, sizeof node);
    node.replica = replica;
    node.event = event;
    node.of = element_of(t, shown[pos]);
    node.stamp = stamp;
    insert_one(t, seen, node, to > pos ? to + 1 : to);
}
