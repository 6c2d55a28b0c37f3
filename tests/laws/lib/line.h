/* line.h: the order of a replicated sequence, said as plainly as can be: an array of all elements
 * that ever were, each put in its place by a walk from its left origin.
 *
 * What an author saw is a set of events (a bitmap, as in crdt/laws.h): it holds the elements that
 * those inserted and shows those of them that no event of the set deleted. A move puts an item into
 * the order that is for another one: each shows at the last item that is for it, of those that the
 * set holds, by (stamp, replica, order of events).
 *
 * Source   FugueMax in the form of "YjsMod" (Gentle, reference-crdts; Weidner, Kleppmann, "The art
 *          of the fugue", 2025); the classic order is that of Roh et al., "Replicated abstract data
 *          types", 2011.
 */
#ifndef TESTS_LAWS_LIB_LINE_H
#define TESTS_LAWS_LIB_LINE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LINE_NONE SIZE_MAX /* as left origin: the start; as right parent: the end */

typedef struct line_item {
    uint64_t replica, counter; /* its id: ties are broken by it */
    uint64_t lamport;          /* only the classic order looks at it */
    uint64_t deleted_by;       /* events */
    size_t   left, right;      /* what it was inserted after, and in front of */
    unsigned event;            /* that inserted it */
    size_t   of;               /* the item that a move put here; of others LINE_NONE */
    uint64_t stamp;            /* of the move */
} line_item;

typedef struct line {
    bool       classic;
    size_t     count, cap, moves;
    line_item *items; /* in the order of their coming */
    size_t    *order; /* their numbers in the order of the list */
    size_t    *place; /* and back */
} line;

void line_init(line *l, bool classic);
void line_clear(line *l);

/* Put an element whose origins are in the line in its place; returns its number. */
size_t line_add(line *l, line_item item);

/* The event, having seen `seen` and then itself, inserts n elements before the pos-th that it sees.
 * Returns the first one's number, the others follow; LINE_NONE: pos is past the end. */
size_t line_insert(line *l, uint64_t seen, unsigned event, uint64_t replica, size_t pos, size_t n);
/* The same right of an element that it holds, whether that shows or not. */
size_t line_insert_beside(line *l, uint64_t seen, unsigned event, uint64_t replica, size_t left,
                          size_t n);
/* It deletes n elements from the pos-th on, but those only that events in `covers` inserted. False:
 * there are fewer. */
bool line_delete(line *l, uint64_t seen, uint64_t covers, unsigned event, uint64_t pos, uint64_t n);
/* It deletes all it sees. */
void line_delete_all(line *l, uint64_t seen, uint64_t covers, unsigned event);
/* It moves the element at `from` to stand at `to`, which is another place. LINE_NONE: there are
 * fewer; else the number of the item that it put into the order. */
size_t line_move(line *l, uint64_t seen, unsigned event, uint64_t replica, uint64_t stamp,
                 uint64_t from, uint64_t to);
/* The pos-th item at which an element shows; LINE_NONE past the end. */
size_t line_at(const line *l, uint64_t seen, uint64_t pos);
size_t line_length(const line *l, uint64_t seen);
/* Does an element show there? Which one: line_element. */
bool   line_shows_at(const line *l, size_t number, uint64_t seen);
size_t line_element(const line *l, size_t number);
/* Is the element there, and not deleted? */
bool line_shows(const line_item *item, uint64_t seen);

#endif
