/* core/seq_index.c: from local id to leaf: pages of 1,024 ids, run-length coded. See seq_order.h.
 *
 * A page holds, ascending, the offsets where another leaf begins; one in which more than PAGE_RUNS
 * begin is a flat array. The index is a cache: when memory for it is refused it is dropped.
 */
#include <string.h>

#include "crdt/core/mem.h"
#include "crdt/core/seq_order.h"

#define PAGE_IDS 1024u
#define PAGE_RUNS 512u

typedef struct run {
    uint32_t from, leaf; /* from: an offset within the page */
} run;

typedef struct crdt__page {
    uint32_t count, cap; /* count PAGE_IDS + 1: flat */
    union {
        run      runs[1];
        uint32_t flat[1];
    } at;
} crdt__page;

#define IS_FLAT (PAGE_IDS + 1)

static size_t page_size(const crdt__page *page)
{
    if (page->count == IS_FLAT) return offsetof(crdt__page, at) + PAGE_IDS * sizeof(uint32_t);
    return offsetof(crdt__page, at) + page->cap * sizeof(run);
}

void crdt__index_clear(crdt__order *order)
{
    crdt__index *index = &order->index;
    for (uint32_t i = 0; i < index->page_count; i++) {
        if (index->pages[i] == NULL) continue;
        order->memory -= page_size(index->pages[i]);
        crdt__release(order->mem, index->pages[i], page_size(index->pages[i]));
    }
    order->memory -= index->page_cap * sizeof *index->pages;
    crdt__release(order->mem, index->pages, index->page_cap * sizeof *index->pages);
    memset(index, 0, sizeof *index);
}

/* The last run that begins at or before offset. */
static uint32_t run_of(const crdt__page *page, uint32_t offset)
{
    uint32_t lo = 0, hi = page->count;
    while (hi - lo > 1) {
        uint32_t mid = (lo + hi) / 2;
        if (page->at.runs[mid].from <= offset) lo = mid;
        else hi = mid;
    }
    return lo;
}

uint32_t crdt__index_get(const crdt__order *order, uint32_t cid)
{
    const crdt__page *page = order->index.pages[cid / PAGE_IDS];
    uint32_t          offset = cid % PAGE_IDS;
    if (page->count == IS_FLAT) return page->at.flat[offset];
    return page->at.runs[run_of(page, offset)].leaf;
}

static bool make_flat(crdt__order *order, crdt__page **slot)
{
    crdt__page *old = *slot;
    size_t      size = offsetof(crdt__page, at) + PAGE_IDS * sizeof(uint32_t);
    crdt__page *page = crdt__alloc(order->mem, size);
    if (page == NULL) return false;
    page->count = IS_FLAT;
    page->cap = 0;
    for (uint32_t i = 0; i < old->count; i++) {
        uint32_t end = i + 1 < old->count ? old->at.runs[i + 1].from : PAGE_IDS;
        for (uint32_t k = old->at.runs[i].from; k < end; k++) {
            page->at.flat[k] = old->at.runs[i].leaf;
        }
    }
    order->memory += size - page_size(old);
    crdt__release(order->mem, old, page_size(old));
    *slot = page;
    return true;
}

/* Room for two more runs, or flat. */
static bool grow_page(crdt__order *order, crdt__page **slot)
{
    crdt__page *page = *slot;
    if (page != NULL && (page->count == IS_FLAT || page->count + 2 <= page->cap)) return true;
    if (page != NULL && page->count + 2 > PAGE_RUNS) return make_flat(order, slot);
    uint32_t cap = page == NULL ? 3 : page->cap * 2 + 2;
    size_t   size = offsetof(crdt__page, at) + cap * sizeof(run);
    size_t   old_size = page == NULL ? 0 : page_size(page);
    page = crdt__resize(order->mem, page, old_size, size);
    if (page == NULL) return false;
    if (old_size == 0) page->count = 0;
    page->cap = cap;
    order->memory += size - old_size;
    *slot = page;
    return true;
}

/* Offsets from .. end - 1 are in `leaf` from now on. There is room. */
static void set_runs(crdt__page *page, uint32_t from, uint32_t end, uint32_t leaf)
{
    run *runs = page->at.runs;
    if (page->count == 0) {
        runs[0] = (run){0, leaf}; /* ids before it were never held: whatever */
        page->count = 1;
        return;
    }
    uint32_t first = run_of(page, from);
    uint32_t last = run_of(page, end - 1);
    uint32_t after = last + 1 < page->count ? runs[last + 1].from : PAGE_IDS;
    if (first == last && runs[first].leaf == leaf) return;
    run      put[3];
    uint32_t n = 0;
    if (runs[first].from < from) put[n++] = runs[first];
    if (n == 1 && put[0].leaf == leaf) n = 1;
    else put[n++] = (run){from, leaf};
    if (end < after && runs[last].leaf != leaf) put[n++] = (run){end, runs[last].leaf};
    if (n <= 2 && put[n - 1].leaf == leaf && last + 1 < page->count &&
        runs[last + 1].leaf == leaf) {
        last++; /* the next run is the same leaf's */
    }
    if (put[0].from == from && first > 0 && runs[first - 1].leaf == put[0].leaf) {
        first--; /* and so is the one before */
        put[0] = runs[first];
    }
    uint32_t replaced = last - first + 1;
    memmove(&runs[first + n], &runs[last + 1], (page->count - last - 1) * sizeof *runs);
    memcpy(&runs[first], put, n * sizeof *runs);
    page->count = page->count - replaced + n;
}

static bool grow_table(crdt__order *order, uint32_t page)
{
    crdt__index *index = &order->index;
    if (page >= index->page_cap) {
        size_t       cap = crdt__grow(index->page_cap, page + 1u);
        crdt__page **pages = crdt__resize(order->mem, index->pages,
                                          index->page_cap * sizeof *pages, cap * sizeof *pages);
        if (pages == NULL) return false;
        order->memory += (cap - index->page_cap) * sizeof *pages;
        index->pages = pages;
        index->page_cap = (uint32_t)cap;
    }
    while (index->page_count <= page) index->pages[index->page_count++] = NULL;
    return true;
}

void crdt__index_assign(crdt__order *order, uint32_t cid, uint32_t len, uint32_t leaf)
{
    if (!order->index.valid) return;
    while (len > 0) {
        uint32_t page = cid / PAGE_IDS, from = cid % PAGE_IDS;
        uint32_t end = PAGE_IDS - from < len ? PAGE_IDS : from + len;
        bool     grown = grow_table(order, page) && grow_page(order, &order->index.pages[page]);
        if (!grown) {
            crdt__index_clear(order);
            return;
        }
        crdt__page *p = order->index.pages[page];
        if (p->count == IS_FLAT) {
            for (uint32_t k = from; k < end; k++) p->at.flat[k] = leaf;
        } else {
            set_runs(p, from, end, leaf);
        }
        cid += end - from;
        len -= end - from;
    }
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
