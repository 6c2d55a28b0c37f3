/* groups.h: which steps of the node belong together for who types: a word of typing, a paste. The
 * node takes each transaction for a step of TEXT.UNDO; one key of the editor undoes a group. */
#ifndef EDIT_GROUPS_H
#define EDIT_GROUPS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GROUPS_MAX 1000u
#define GROUPS_PAUSE_MS 1000u /* typing after a pause is another group */

typedef enum groups_kind { GROUPS_TYPED, GROUPS_DELETED, GROUPS_PASTED } groups_kind;

/* Zeros: nothing was done. */
typedef struct groups {
    uint32_t    done[GROUPS_MAX], undone[GROUPS_MAX]; /* steps of each */
    size_t      done_count, undone_count;
    bool        begins; /* what is sent next is of a new group */
    groups_kind kind;
    size_t      place; /* where the last edit ended */
    uint64_t    at_ms;
} groups;

/* Something was edited at a place, and the cursor is at `end` then. */
void groups_edit(groups *g, groups_kind kind, size_t place, size_t end, uint64_t now_ms);
/* It was taken by the node, as one step. */
void groups_taken(groups *g);
/* How many steps the last group has; 0: there is none. It is the last one of the others then. */
uint32_t groups_undo(groups *g);
uint32_t groups_redo(groups *g);

#endif
