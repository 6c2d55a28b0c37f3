/* seq/seq_order.h: the order of a sequence's elements: a B+tree of spans that is the position
 * index too.
 *
 * Shape    a span is 8 bytes: a stretch of local ids (cid) that lie side by side in the order,
 *          alive or dead (tombstones). Leaves hold up to 32 in order and are linked; inner nodes
 *          hold, per child, the visible elements below it and, once asked for, bytes, UTF-16 units
 *          and lines. From cid to leaf: a run-length coded index, made when first needed and
 *          dropped when memory for it is refused.
 * Undo     everything since the last keep: elements at or above the mark go, elements killed since
 *          come back. O(spans).
 * Failure  reserve calls may fail (ENOMEM, nothing changed); what they made room for cannot.
 */
#ifndef CRDT_SEQ_SEQ_ORDER_H
#define CRDT_SEQ_SEQ_ORDER_H
#include "crdt/seq/seq_atoms.h"

#define CRDT__FANOUT 32u
#define CRDT__SPAN_MAX ((1u << 30) - 1)
/* Local ids are below. */
#define CRDT__CIDS_MAX (UINT32_MAX - (1u << 20))

/* `glued`: the first element's left origin is the element cid - 1, of the same author, and it has
 * no right parent: a stretch of a run. Within a span all but the first are so. */
typedef struct crdt__span {
    uint32_t cid;
    uint32_t len : 30, dead : 1, glued : 1;
} crdt__span;

static inline void crdt__span_resize(crdt__span *span, uint32_t len)
{
    span->len = len & CRDT__SPAN_MAX;
}

/* Its visible elements; without a branch, which nobody could foretell. */
static inline uint32_t crdt__span_visible(const crdt__span *span)
{
    return span->len & ((uint32_t)span->dead - 1);
}

typedef struct crdt__inner {
    struct crdt__inner *parent;
    crdt__sums         *sums;          /* one a child, or NULL: not kept */
    uint16_t            count, height; /* height 1: the children are leaves */
    uint16_t            slot;          /* its place among its parent's children */
    void               *child[CRDT__FANOUT];
    uint32_t            visible[CRDT__FANOUT];
} crdt__inner;

typedef struct crdt__leaf {
    crdt__inner       *parent;
    struct crdt__leaf *next, *prev;
    uint32_t           number; /* its place in crdt__order.leaves */
    uint16_t           count;
    uint16_t           slot; /* its place among its parent's children */
    crdt__span         spans[CRDT__FANOUT];
} crdt__leaf;

/* cid -> leaf: seq_index.c */
typedef struct crdt__index {
    struct crdt__index_block **blocks;
    uint32_t                  *firsts; /* the first id of each block */
    uint32_t                   count, cap;
    uint32_t                  *flat; /* in bulk: leaf by id */
    uint32_t                   flat_cap, flat_max;
    bool                       valid;
} crdt__index;

typedef struct crdt__killed {
    uint32_t cid, len;
} crdt__killed;

typedef struct crdt__order {
    const crdt_mem    *mem;
    const crdt__atoms *atoms;
    void              *root; /* NULL when empty; a leaf if height is 0 */
    crdt__leaf        *first, *last;
    unsigned           height;
    uint32_t           visible, spans; /* visible elements; spans in all leaves */
    crdt__sums         sums;           /* of all, if kept */
    bool               sums_kept;
    crdt__leaf       **leaves; /* by number; a free number's entry is NULL */
    uint32_t           leaf_count, leaf_cap;
    crdt__index        index;
    void              *spare_leaves, *spare_inners;
    unsigned           spare_leaf_count, spare_inner_count;
    crdt__leaf        *finger;                       /* a leaf visited last, or NULL */
    uint32_t           finger_start, finger_visible; /* visible elements before it, in it */
    uint32_t           finger_index, finger_before;  /* a span of it; visible ones before that */
    crdt__killed      *journal;                      /* since the last keep */
    uint32_t           journal_count, journal_cap;
    bool               for_good; /* nothing will be undone: the journal is its last entry alone */
    uint32_t           mark;     /* elements from this cid on came since the last keep */
    const crdt__leaf  *recent;   /* where the last change was, only to be compared */
    uint32_t           recent_index;
    size_t             memory;
} crdt__order;

/* Before the element at `offset` of leaf's span `index`. At the end of a leaf index is its count
 * and offset 0. */
typedef struct crdt__place {
    crdt__leaf *leaf; /* NULL: the empty order */
    uint32_t    index, offset;
} crdt__place;

void crdt__order_init(crdt__order *order, const crdt_mem *mem, const crdt__atoms *atoms);
void crdt__order_clear(crdt__order *order);

/* -- Finding */
/* Just right of the visible element pos - 1 (pos 0: the very start), so that what is inserted there
 * has it as its left neighbour. pos is at most visible. */
crdt__place crdt__order_after(crdt__order *order, uint32_t pos);
/* The visible element pos itself: pos is below visible. */
crdt__place crdt__order_at(crdt__order *order, uint32_t pos);
/* The place of an element that is held. The index must be valid (crdt__order_want_index). */
crdt__place crdt__order_of(const crdt__order *order, uint32_t cid);
/* Visible elements before the place. */
uint32_t crdt__order_rank(const crdt__order *order, crdt__place place);
/* <0, 0, >0: as a stands before, at or after b, both at elements. */
int crdt__order_compare(const crdt__order *order, crdt__place a, crdt__place b);
/* To the first element of the next span (of the next leaf that has one); false at the end. Gives
 * the place an element if it stands at the end of a leaf or span. */
bool crdt__order_settle(crdt__place *place);
bool crdt__order_next_span(crdt__place *place);
/* The element at a settled place; and the one before a place, or NO_CID at the very start. */
uint32_t crdt__order_cid(crdt__place place);
uint32_t crdt__order_before(crdt__place place);

/* Make the index valid. Errors: ENOMEM. O(spans) the first time. */
crdt_err crdt__order_want_index(crdt__order *order);
/* An empty order is about to get very many insertions: the index is a flat array of up to `max`
 * ids. With 0 that has ended: the index is made anew when it is asked for. */
void crdt__order_bulk(crdt__order *order, size_t max);

/* -- Changing */
/* Nodes for one insertion there; for the ends of so many deletions anywhere, of `pieces` stretches
 * in all. */
crdt_err crdt__order_reserve(crdt__order *order, crdt__place place);
crdt_err crdt__order_reserve_kill(crdt__order *order, uint32_t pieces, uint32_t ranges);
/* Put the elements cid .. cid + len - 1 there. len is at most SPAN_MAX. */
void crdt__order_insert(crdt__order *order, crdt__place place, uint32_t cid, uint32_t len,
                        bool glued);
/* To the next alive element from the place on; there is one. */
static inline void crdt__order_pass_dead(crdt__place *place)
{
    while (place->index == place->leaf->count || place->leaf->spans[place->index].dead ||
           place->offset == place->leaf->spans[place->index].len) {
        bool at_end = place->index == place->leaf->count;
        place->leaf = at_end ? place->leaf->next : place->leaf;
        place->index = at_end ? 0 : place->index + 1;
        place->offset = 0;
    }
}
/* Kill the stretch of alive elements from the place on, at most len of them, all of one span; the
 * place moves behind. Returns their number; *ret_cid: the first. A dead span is passed: 0. */
uint32_t crdt__order_kill(crdt__order *order, crdt__place *place, uint32_t len, uint32_t *ret_cid);

/* Counts of bytes, UTF-16 units and lines from now on. Errors: ENOMEM. O(text) the first time. */
crdt_err crdt__order_want_sums(crdt__order *order);

typedef enum crdt__measure { CRDT__IN_ATOMS, CRDT__IN_UNITS16, CRDT__IN_BYTES } crdt__measure;
/* How many visible elements make up the first n units; false if n is past the end or inside an
 * element. Sums must be kept unless all is ASCII. */
bool crdt__order_measure(crdt__order *order, crdt__measure measure, uint64_t n, uint32_t *ret_pos);
/* ... and the units of the first pos visible elements. */
uint64_t crdt__order_units(crdt__order *order, crdt__measure measure, uint32_t pos);

void crdt__order_keep(crdt__order *order);
void crdt__order_undo(crdt__order *order);

bool crdt__order_check(const crdt__order *order, const char **ret_reason);

/* -- seq_index.c: leaves are told by number. assign drops the index if memory is refused. */
void     crdt__index_clear(crdt__order *order);
uint32_t crdt__index_get(const crdt__order *order, uint32_t cid);
void     crdt__index_assign(crdt__order *order, uint32_t cid, uint32_t len, uint32_t leaf);

/* -- seq_nodes.c: nodes, splits and counts; for seq_order.c and seq_undo.c only */
static inline crdt__sums crdt__sums_add(crdt__sums a, crdt__sums b)
{
    a.bytes += b.bytes;
    a.units16 += b.units16;
    a.lines += b.lines;
    return a;
}

/* Add to the counts of all nodes above a leaf (negative numbers by wrapping). */
void crdt__leaf_add(crdt__order *order, crdt__leaf *leaf, uint32_t visible, crdt__sums sums);
/* A new leaf right after `leaf`, from the spare ones, hung into the tree. */
crdt__leaf *crdt__leaf_after(crdt__order *order, crdt__leaf *leaf);
/* Split a leaf behind its first `keep` spans; the counts follow. */
void       crdt__leaf_split(crdt__order *order, crdt__leaf *leaf, uint32_t keep);
uint32_t   crdt__leaf_visible(const crdt__leaf *leaf);
crdt__sums crdt__leaf_sums(const crdt__order *order, const crdt__leaf *leaf);
/* Spares for splitting `leaf` and what is above it; `ends` times that, anywhere, if leaf is
 * NULL. */
crdt_err crdt__nodes_reserve(crdt__order *order, crdt__leaf *leaf, unsigned ends);
crdt_err crdt__nodes_first(crdt__order *order); /* the first leaf of an empty order */
void     crdt__nodes_trim(crdt__order *order);  /* free the spares */
/* A whole order at once: empty leaves, one behind the other, then what is above them. Errors:
 * ENOMEM. */
crdt_err crdt__nodes_append(crdt__order *order);
crdt_err crdt__nodes_build(crdt__order *order);
/* Build the levels above the linked leaves again, out of the inner nodes there are. */
void     crdt__nodes_rebuild(crdt__order *order);
void     crdt__nodes_drop_leaf(crdt__order *order,
                               crdt__leaf  *leaf); /* of the list only: then rebuild */
void     crdt__nodes_free(crdt__order *order);
crdt_err crdt__nodes_want_sums(crdt__order *order);

#endif
