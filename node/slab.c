/* slab.c: see slab.h. */
#include "node/slab.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define REGION ((size_t)2 << 20)
#define SPAN ((size_t)64 << 10)
#define STEP 16u
#define CLASSES 32u

/* At the beginning of its SPAN bytes, which begin at a multiple of SPAN. */
typedef struct span {
    struct span *next, *before; /* of those of its class with room; of those that are empty */
    void        *given_back;    /* a list of places, through their first bytes */
    size_t       begun;         /* places behind it were never used */
    uint32_t     live, cap;     /* places in use, and in all */
    uint32_t     class_of;
} span;

#define FIRST ((sizeof(span) + STEP - 1) / STEP * STEP) /* where its places begin */

struct slab {
    crdt_mem mem;
    span    *some[CLASSES]; /* with room, by class */
    span    *empty;
    void   **regions;
    size_t   regions_count, regions_cap;
    uint16_t size_of[CLASSES];              /* ascending */
    uint8_t  class_of[SLAB_MAX / STEP + 1]; /* by size in steps, rounded up */
};

/* -- Sizes ------------------------------------------------------------------------------------- */

/* Each size is at most an eighth or STEP above the one before. */
static void make_classes(slab *s)
{
    size_t size = STEP, steps = 0;
    for (unsigned c = 0; c < CLASSES; c++) {
        s->size_of[c] = (uint16_t)size;
        for (; steps <= size / STEP; steps++) s->class_of[steps] = (uint8_t)c;
        size += size < 256 ? STEP : size < 512 ? 2 * STEP : 4 * STEP;
    }
}

static unsigned class_of(const slab *s, size_t size)
{
    return s->class_of[(size + STEP - 1) / STEP];
}

/* -- Spans ------------------------------------------------------------------------------------- */

static void link_in(span **list, span *p)
{
    p->before = NULL;
    p->next = *list;
    if (p->next != NULL) p->next->before = p;
    *list = p;
}

static void unlink_from(span **list, span *p)
{
    if (p->before != NULL) p->before->next = p->next;
    else *list = p->next;
    if (p->next != NULL) p->next->before = p->before;
}

static bool add_region(slab *s)
{
    if (s->regions_count == s->regions_cap) {
        size_t cap = s->regions_cap * 2 + 16;
        void **wider = realloc(s->regions, cap * sizeof *wider);
        if (wider == NULL) return false;
        s->regions = wider;
        s->regions_cap = cap;
    }
    uint8_t *region = aligned_alloc(REGION, REGION);
    if (region == NULL) return false;
    (void)madvise(region, REGION, MADV_HUGEPAGE); /* without, it is only slower */
    s->regions[s->regions_count++] = region;
    for (size_t at = REGION; at > 0; at -= SPAN) {
        link_in(&s->empty, (span *)(void *)(region + at - SPAN));
    }
    return true;
}

/* A span of the class with room. */
static span *span_with_room(slab *s, unsigned c)
{
    if (s->some[c] != NULL) return s->some[c];
    if (s->empty == NULL && !add_region(s)) return NULL;
    span *p = s->empty;
    unlink_from(&s->empty, p);
    p->given_back = NULL;
    p->begun = FIRST;
    p->live = 0;
    p->cap = (uint32_t)((SPAN - FIRST) / s->size_of[c]);
    p->class_of = c;
    link_in(&s->some[c], p);
    return p;
}

static void *take_place(slab *s, span *p)
{
    void *place = p->given_back;
    if (place != NULL) {
        memcpy(&p->given_back, place, sizeof p->given_back);
    } else {
        place = (uint8_t *)p + p->begun;
        p->begun += s->size_of[p->class_of];
    }
    if (++p->live == p->cap) unlink_from(&s->some[p->class_of], p);
    return place;
}

static void give_back(slab *s, void *place)
{
    span *p = (span *)(void *)((uint8_t *)place - ((uintptr_t)place & (SPAN - 1)));
    memcpy(place, &p->given_back, sizeof p->given_back);
    p->given_back = place;
    if (p->live-- == p->cap) link_in(&s->some[p->class_of], p);
    if (p->live > 0) return;
    unlink_from(&s->some[p->class_of], p);
    link_in(&s->empty, p);
}

/* -- The allocator ----------------------------------------------------------------------------- */

static void *slab_alloc(void *user, size_t size)
{
    slab *s = user;
    if (size > SLAB_MAX) return malloc(size);
    span *p = span_with_room(s, class_of(s, size));
    return p != NULL ? take_place(s, p) : NULL;
}

static void slab_release(void *user, void *place, size_t size)
{
    if (size > SLAB_MAX) free(place);
    else give_back(user, place);
}

static void *slab_resize(void *user, void *place, size_t old_size, size_t new_size)
{
    slab *s = user;
    if (old_size > SLAB_MAX && new_size > SLAB_MAX) return realloc(place, new_size);
    bool fits = old_size <= SLAB_MAX && new_size <= SLAB_MAX &&
                class_of(s, old_size) == class_of(s, new_size);
    if (fits) return place;
    void *moved = slab_alloc(s, new_size);
    if (moved == NULL) return NULL;
    memcpy(moved, place, old_size < new_size ? old_size : new_size);
    slab_release(s, place, old_size);
    return moved;
}

slab *slab_new(void)
{
    slab *s = calloc(1, sizeof *s);
    if (s == NULL) return NULL;
    s->mem = (crdt_mem){slab_alloc, slab_resize, slab_release, s};
    make_classes(s);
    return s;
}

void slab_free(slab *s)
{
    if (s == NULL) return;
    for (size_t i = 0; i < s->regions_count; i++) free(s->regions[i]);
    free(s->regions);
    free(s);
}

const crdt_mem *slab_mem(const slab *s)
{
#ifdef __SANITIZE_ADDRESS__
    (void)s;
    return crdt_mem_default(); /* which looks for errors in the use of memory */
#else
    return &s->mem;
#endif
}

size_t slab_held(const slab *s)
{
    return s->regions_count * REGION;
}
