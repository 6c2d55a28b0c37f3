/* The node's memory for small things: sizes, contents, reuse. Random rounds print SEED and take it
 * back from the environment. */
#include "node/slab.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/random.h"
#include "tests/lib/t.h"

#define THINGS 5000

typedef struct thing {
    uint8_t *at;
    size_t   size;
    uint8_t  fill;
} thing;

static void fill(thing *t, uint64_t *random)
{
    t->fill = (uint8_t)next_random(random);
    if (t->size > 0) memset(t->at, t->fill, t->size);
}

static bool is_filled(const thing *t, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (t->at[i] != t->fill) return false;
    }
    return true;
}

static size_t any_size(uint64_t *random)
{
    static const size_t most[] = {1, 40, 200, 1024, 3000};
    return random_below(random, most[random_below(random, 5)] + 1);
}

static void step(const crdt_mem *mem, thing *t, uint64_t *random)
{
    size_t size = any_size(random);
    if (t->at == NULL) {
        *t = (thing){mem->alloc(mem->user, size), size, 0};
        CHECK(t->at != NULL && (uintptr_t)t->at % 16 == 0);
        fill(t, random);
    } else if (random_below(random, 2) == 0) {
        CHECK(is_filled(t, t->size));
        mem->release(mem->user, t->at, t->size);
        t->at = NULL;
    } else {
        size_t least = size < t->size ? size : t->size;
        t->at = mem->resize(mem->user, t->at, t->size, size);
        CHECK(t->at != NULL && (uintptr_t)t->at % 16 == 0);
        t->size = least;
        CHECK(is_filled(t, least));
        t->size = size;
        fill(t, random);
    }
}

TEST(slab, keeps_what_is_in_it)
{
    uint64_t        random = seed_or(16);
    slab           *s = slab_new();
    const crdt_mem *mem = slab_mem(s);
    thing          *things = calloc(THINGS, sizeof *things);
    for (int i = 0; i < 300000; i++) step(mem, &things[random_below(&random, THINGS)], &random);
    for (int i = 0; i < THINGS; i++) {
        if (things[i].at == NULL) continue;
        CHECK(is_filled(&things[i], things[i].size));
        mem->release(mem->user, things[i].at, things[i].size);
    }
    free(things);
    slab_free(s);
}

/* What things of one size leave serves those of another: ten times 8 MiB lie in 10 MiB. */
TEST(slab, gives_memory_to_other_sizes)
{
    enum { BYTES = 8 << 20 };
    slab           *s = slab_new();
    const crdt_mem *mem = slab_mem(s);
    void          **at = malloc(BYTES / 96 * sizeof *at);
    for (size_t size = 96; size <= 960; size += 96) {
        size_t count = BYTES / (size + size / 7);
        for (size_t i = 0; i < count; i++) {
            at[i] = mem->alloc(mem->user, size);
            CHECK(at[i] != NULL);
        }
        for (size_t i = 0; i < count; i++) mem->release(mem->user, at[i], size);
    }
    size_t held = slab_held(s);
    CHECK(held <= BYTES + (2 << 20));
    CHECK(held == 0 || held >= BYTES / 2); /* 0: malloc is used, under a sanitizer */
    free(at);
    slab_free(s);
}
