/* core/sort.h: a sort that takes no memory and no more time whatever the order was: heap sort, O(n
 * log n). That of the C library may do both. Not stable: the order must be total. Inline, so that
 * sizes and comparisons are known where it is used.
 * Source   Williams, "Algorithm 232: Heapsort", CACM 7(6), 1964.
 */
#ifndef CRDT_CORE_SORT_H
#define CRDT_CORE_SORT_H
#include <stdalign.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define CRDT__SORT_MAX 128u /* bytes of an element, at most */

/* Below 0: a comes before b. */
typedef int crdt__sort_compare(const void *a, const void *b);

/* Let the element at root sink within the heap at[0..count), whose greatest is on top. */
static inline void crdt__sort_sink(uint8_t *at, size_t root, size_t count, size_t size,
                                   crdt__sort_compare *compare)
{
    alignas(max_align_t) uint8_t held[CRDT__SORT_MAX];
    memcpy(held, at + root * size, size);
    for (size_t child; (child = 2 * root + 1) < count; root = child) {
        if (child + 1 < count && compare(at + child * size, at + (child + 1) * size) < 0) child++;
        if (compare(held, at + child * size) >= 0) break;
        memcpy(at + root * size, at + child * size, size);
    }
    memcpy(at + root * size, held, size);
}

/* Sorts count elements of this size, ascending. */
static inline void crdt__sort(void *elements, size_t count, size_t size,
                              crdt__sort_compare *compare)
{
    uint8_t *at = elements;
    uint8_t  greatest[CRDT__SORT_MAX];
    for (size_t root = count / 2; root-- > 0;) crdt__sort_sink(at, root, count, size, compare);
    for (size_t left = count; left-- > 1;) {
        memcpy(greatest, at, size);
        memcpy(at, at + left * size, size);
        memcpy(at + left * size, greatest, size);
        crdt__sort_sink(at, 0, left, size, compare);
    }
}

#endif
