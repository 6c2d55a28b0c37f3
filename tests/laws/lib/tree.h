/* tree.h: the order of a replicated sequence whose insertions name only what shows, said as plainly
 * as can be: a tree in an array, walked anew for every question. Nothing is ever forgotten here.
 *
 * An insertion between the visible elements p and x is a left child of x if x stands in the subtree
 * right of p, else a right child of p; siblings stand in the order of their ids. Classic: always a
 * right child of p; the latest (time, then id) first. A move inserts a node that is for another
 * one: that shows at the last of those, by (stamp, replica, event). What an author saw is a set of
 * events (a bitmap).
 */
#ifndef TESTS_LAWS_LIB_TREE_H
#define TESTS_LAWS_LIB_TREE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TREE_MAX 1024
#define TREE_ROOT (-1)

typedef struct tree_node {
    uint64_t replica, counter, time;
    int      parent;
    bool     on_left;
    unsigned event; /* that inserted it */
    uint64_t deleted_by;
    int      of; /* the node that a move put here; of others TREE_ROOT */
    uint64_t stamp;
    char     text;
} tree_node;

typedef struct tree {
    bool      classic;
    int       count;
    tree_node nodes[TREE_MAX];
} tree;

void tree_init(tree *t, bool classic);
/* The event, having seen `seen`, inserts n elements, `text` and the characters after
 * it, before the pos-th element it sees. */
void tree_insert(tree *t, uint64_t seen, unsigned event, uint64_t replica, unsigned pos, unsigned n,
                 char text);
/* It deletes n elements from the pos-th on. */
void tree_delete(tree *t, uint64_t seen, unsigned event, unsigned pos, unsigned n);
/* It moves the pos-th element to stand at `to`. */
void tree_move(tree *t, uint64_t seen, unsigned event, uint64_t replica, uint64_t stamp,
               unsigned pos, unsigned to);
/* What shows to who has seen `seen`: characters (ended by 0), and (not NULL) the nodes
 * where it does. */
unsigned tree_show(const tree *t, uint64_t seen, char text[TREE_MAX + 1], int nodes[TREE_MAX]);
/* The nodes in order, dead ones too, that `seen` knows. */
unsigned tree_order(const tree *t, uint64_t seen, int nodes[TREE_MAX]);

#endif
