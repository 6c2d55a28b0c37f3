/* seq/seq_index.c: from local id to leaf. See seq_order.h.
 *
 * Shape    runs (first id, leaf) in ascending order, in blocks of up to 256; the first id of each
 *          block stands in an array of its own. Only runs cost memory, however long they are. While
 *          a whole sequence is read from bytes a flat array takes their place.
 * Failure  the index is a cache: when memory for it is refused it is dropped.
 */
#include <string.h>

#include "crdt/core/mem.h"
#include "crdt/seq/seq_order.h"

#define BLOCK_RUNS 256u

typedef struct run {
    uint32_t from, leaf;
} run;

typedef struct crdt__index_block {
    uint32_t count, cap;
    run      runs[];
} block;

static size_t block_size(uint32_t cap)
{
    return sizeof(block) + cap * sizeof(run);
}

static void free_block(crdt__order *order, block *b)
{
    order->memory -= block_size(b->cap);
    crdt__release(order->mem, b, block_size(b->cap));
}

void crdt__index_clear(crdt__order *order)
{
    crdt__index *index = &order->index;
    for (uint32_t i = 0; i < index->count; i++) free_block(order, index->blocks[i]);
    size_t table = index->cap * (sizeof *index->blocks + sizeof *index->firsts);
    order->memory -= table + index->flat_cap * sizeof *index->flat;
    crdt__release(order->mem, index->blocks, index->cap * sizeof *index->blocks);
    crdt__release(order->mem, index->firsts, index->cap * sizeof *index->firsts);
    crdt__release(order->mem, index->flat, index->flat_cap * sizeof *index->flat);
    memset(index, 0, sizeof *index);
}

/* -- Finding ----------------------------------------------------------------------------------- */

/* The last block that begins at or before cid; the first one if none does. */
static uint32_t block_of(const crdt__index *index, uint32_t cid)
{
    uint32_t at = 0;
    for (uint32_t n = index->count; n > 1;) {
        uint32_t half = n / 2;
        at = index->firsts[at + half] <= cid ? at + half : at;
        n -= half;
    }
    return at;
}

/* The last run of the block that begins at or before cid; the first one if none does. */
static uint32_t run_of(const block *b, uint32_t cid)
{
    uint32_t at = 0;
    for (uint32_t n = b->count; n > 1;) {
        uint32_t half = n / 2;
        at = b->runs[at + half].from <= cid ? at + half : at;
        n -= half;
    }
    return at;
}

uint32_t crdt__index_get(const crdt__order *order, uint32_t cid)
{
    const crdt__index *index = &order->index;
    if (index->flat != NULL) return index->flat[cid];
    const block *b = index->blocks[block_of(index, cid)];
    return b->runs[run_of(b, cid)].leaf;
}

/* -- Changing ---------------------------------------------------------------------------------- */

static bool grow_table(crdt__order *order)
{
    crdt__index *index = &order->index;
    if (index->count < index->cap) return true;
    uint32_t  cap = (uint32_t)crdt__grow(index->cap, index->count + 1);
    block   **blocks = crdt__alloc(order->mem, cap * sizeof *blocks);
    uint32_t *firsts = crdt__alloc(order->mem, cap * sizeof *firsts);
    if (blocks == NULL || firsts == NULL) {
        crdt__release(order->mem, blocks, cap * sizeof *blocks);
        crdt__release(order->mem, firsts, cap * sizeof *firsts);
        return false;
    }
    if (index->count > 0) {
        memcpy(blocks, index->blocks, index->count * sizeof *blocks);
        memcpy(firsts, index->firsts, index->count * sizeof *firsts);
    }
    crdt__release(order->mem, index->blocks, index->cap * sizeof *blocks);
    crdt__release(order->mem, index->firsts, index->cap * sizeof *firsts);
    order->memory += (cap - index->cap) * (sizeof *blocks + sizeof *firsts);
    index->blocks = blocks;
    index->firsts = firsts;
    index->cap = cap;
    return true;
}

static bool put_block(crdt__order *order, uint32_t at, uint32_t cap)
{
    crdt__index *index = &order->index;
    if (!grow_table(order)) return false;
    block *b = crdt__alloc(order->mem, block_size(cap));
    if (b == NULL) return false;
    order->memory += block_size(cap);
    b->count = 0;
    b->cap = cap;
    memmove(&index->blocks[at + 1], &index->blocks[at],
            (index->count - at) * sizeof *index->blocks);
    memmove(&index->firsts[at + 1], &index->firsts[at],
            (index->count - at) * sizeof *index->firsts);
    index->blocks[at] = b;
    index->firsts[at] = 0;
    index->count++;
    return true;
}

/* Two more runs fit into the block, which may be split for it; *at follows cid. */
static bool make_room(crdt__order *order, uint32_t *at, uint32_t cid)
{
    crdt__index *index = &order->index;
    block       *b = index->blocks[*at];
    if (b->count + 2 <= b->cap) return true;
    if (b->cap < BLOCK_RUNS) {
        uint32_t cap = b->cap * 2 > BLOCK_RUNS ? BLOCK_RUNS : b->cap * 2;
        block   *more = crdt__resize(order->mem, b, block_size(b->cap), block_size(cap));
        if (more == NULL) return false;
        order->memory += (cap - more->cap) * sizeof(run);
        more->cap = cap;
        index->blocks[*at] = more;
        return true;
    }
    /* Ids come in ascending order: the last block is left full. */
    bool     last = *at + 1 == index->count && cid >= b->runs[b->count - 1].from;
    uint32_t keep = last ? b->count - 1 : b->count / 2;
    if (!put_block(order, *at + 1, last ? 16 : BLOCK_RUNS)) return false;
    block *right = index->blocks[*at + 1];
    b = index->blocks[*at];
    right->count = b->count - keep;
    memcpy(right->runs, &b->runs[keep], right->count * sizeof(run));
    b->count = keep;
    index->firsts[*at + 1] = right->runs[0].from;
    if (cid >= right->runs[0].from) ++*at;
    return true;
}

/* The stretch [from, end), which lies before the next block, is in `leaf` from now on. */
static void set_runs(block *b, uint32_t from, uint32_t end, uint32_t leaf)
{
    run *runs = b->runs;
    if (b->count == 0 || from < runs[0].from) { /* ids that were never held */
        memmove(&runs[1], &runs[0], b->count * sizeof *runs);
        runs[0] = (run){from, leaf};
        b->count++;
        return;
    }
    uint32_t first = run_of(b, from), last = first;
    while (last + 1 < b->count && runs[last + 1].from < end) last++;
    uint32_t after = last + 1 < b->count ? runs[last + 1].from : UINT32_MAX;
    uint32_t tail = runs[last].leaf;
    run      put[3] = {{from, leaf}};
    uint32_t n = 0;
    if (runs[first].from < from) put[n++] = runs[first];
    if (n == 0 || put[0].leaf != leaf) put[n++] = (run){from, leaf};
    if (end < after && tail != leaf) put[n++] = (run){end, tail};
    uint32_t replaced = last - first + 1;
    if (n != replaced) {
        memmove(&runs[first + n], &runs[last + 1], (b->count - last - 1) * sizeof *runs);
        b->count = b->count - replaced + n;
    }
    memcpy(&runs[first], put, n * sizeof *runs);
}

static bool assign(crdt__order *order, uint32_t cid, uint32_t len, uint32_t leaf)
{
    crdt__index *index = &order->index;
    if (index->count == 0 && !put_block(order, 0, 4)) return false;
    for (uint32_t end = cid + len; cid < end;) {
        uint32_t at = block_of(index, cid);
        if (!make_room(order, &at, cid)) return false;
        uint32_t stop = at + 1 < index->count ? index->firsts[at + 1] : UINT32_MAX;
        if (stop > end) stop = end;
        set_runs(index->blocks[at], cid, stop, leaf);
        index->firsts[at] = index->blocks[at]->runs[0].from;
        cid = stop;
    }
    return true;
}

static bool assign_flat(crdt__order *order, uint32_t cid, uint32_t len, uint32_t leaf)
{
    crdt__index *index = &order->index;
    if (cid + len > index->flat_cap) {
        size_t    cap = crdt__grow(index->flat_cap, cid + len);
        uint32_t *flat = cap > index->flat_max
                             ? NULL
                             : crdt__resize(order->mem, index->flat, index->flat_cap * sizeof *flat,
                                            cap * sizeof *flat);
        if (flat == NULL) return false;
        order->memory += (cap - index->flat_cap) * sizeof *flat;
        index->flat = flat;
        index->flat_cap = (uint32_t)cap;
    }
    for (uint32_t i = cid; i < cid + len; i++) index->flat[i] = leaf;
    return true;
}

void crdt__index_assign(crdt__order *order, uint32_t cid, uint32_t len, uint32_t leaf)
{
    crdt__index *index = &order->index;
    if (!index->valid) return;
    bool done =
        index->flat_max > 0 ? assign_flat(order, cid, len, leaf) : assign(order, cid, len, leaf);
    if (!done) crdt__index_clear(order);
}

void crdt__order_bulk(crdt__order *order, size_t max)
{
    crdt__index_clear(order);
    order->index.valid = max > 0 && order->root == NULL;
    order->index.flat_max = order->index.valid && max < UINT32_MAX ? (uint32_t)max : 0;
}

crdt_err crdt__order_want_index(crdt__order *order)
{
    if (order->index.valid) return CRDT_OK;
    order->index.valid = true;
    for (crdt__leaf *leaf = order->first; leaf != NULL; leaf = leaf->next) {
        for (uint32_t i = 0; i < leaf->count; i++) {
            crdt__index_assign(order, leaf->spans[i].cid, leaf->spans[i].len, leaf->number);
            if (!order->index.valid) return CRDT_ENOMEM;
        }
    }
    return CRDT_OK;
}
