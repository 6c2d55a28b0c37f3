/* seq/seq_copies.h: which elements were put in the place of which deleted ones by undoing.
 *
 * An element has at most one copy, which may have been deleted and have one, too: the last of such
 * a row of copies stands for all. Kept by whoever undoes, not by the sequence.
 */
#ifndef CRDT_SEQ_SEQ_COPIES_H
#define CRDT_SEQ_SEQ_COPIES_H
#include "crdt/seq/seq.h"

typedef struct crdt__copied {
    crdt__okey           key;
    uint8_t              id[12]; /* of the first element */
    uint32_t             len;
    crdt__elem           first, copy; /* of the first one; the others follow */
    struct crdt__copied *next;        /* added since the last keep */
} crdt__copied;

typedef struct crdt__copies {
    crdt__omap    map; /* disjoint stretches of elements */
    crdt__copied *added;
} crdt__copies;

void crdt__copies_init(crdt__copies *copies, const crdt_mem *mem);
void crdt__copies_clear(crdt__copies *copies);
/* The elements have copies from now on. Errors: ENOMEM. */
crdt_err crdt__copies_add(crdt__copies *copies, crdt__elem first, uint32_t len, crdt__elem copy);
/* What was added since the last keep stays, or is taken back. */
void crdt__copies_keep(crdt__copies *copies);
void crdt__copies_undo(crdt__copies *copies);
/* What stands for the element, itself if nothing does; of the *len that follow on it, *len go
 * together. O(log n) for each copy of a copy. */
crdt__elem crdt__copies_last(const crdt__copies *copies, crdt__elem elem, uint32_t *len);

#endif
