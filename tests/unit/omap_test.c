/* The ordered map against a sorted array. Random rounds print SEED and take it back from the
 * environment. */
#include "crdt/core/omap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/random.h"
#include "tests/lib/t.h"
#include "tests/lib/testmem.h"

typedef struct node {
    crdt__okey key;
    char       bytes[40];
} node;

/* The model: nodes in key order. */
typedef struct world {
    testmem    m;
    crdt__omap map;
    node     **nodes;
    size_t     count, cap;
} world;

static node *new_node(const char *bytes, size_t size, uint32_t minor)
{
    node *n = malloc(sizeof *n);
    memcpy(n->bytes, bytes, size);
    n->key.bytes = crdt_view_of(n->bytes, size);
    n->key.minor = minor;
    return n;
}

static int compare(const crdt__okey *a, const crdt__okey *b)
{
    int order = crdt_view_compare(a->bytes, b->bytes);
    return order ? order : (a->minor > b->minor) - (a->minor < b->minor);
}

/* The place of the first node not less than key. */
static size_t place_of(const world *w, const crdt__okey *key)
{
    size_t from = 0, to = w->count;
    while (from < to) {
        size_t middle = (from + to) / 2;
        if (compare(&w->nodes[middle]->key, key) < 0) from = middle + 1;
        else to = middle;
    }
    return from;
}

static bool in_model(const world *w, size_t place, const crdt__okey *key)
{
    return place < w->count && compare(&w->nodes[place]->key, key) == 0;
}

static void check_map(const world *w)
{
    const char *reason = "";
    CHECK_MSG(crdt__omap_check(&w->map, &reason), "%s", reason);
    CHECK_EQ_INT(w->map.count, w->count);
    CHECK_EQ_INT(w->map.bytes, w->m.bytes);
    crdt__omap_iter it = crdt__omap_first(&w->map);
    for (size_t i = 0; i < w->count; i++) CHECK(crdt__omap_next(&it) == w->nodes[i]);
    CHECK(crdt__omap_next(&it) == NULL);
    CHECK(crdt__omap_next(&it) == NULL);
}

/* Put the node, or take out the one with its key. */
static void put(world *w, node *n)
{
    size_t at = place_of(w, &n->key);
    CHECK(!in_model(w, at, &n->key));
    CHECK_OK(crdt__omap_put(&w->map, n));
    if (w->count == w->cap) {
        w->cap = 2 * w->cap + 64;
        w->nodes = realloc(w->nodes, w->cap * sizeof *w->nodes);
    }
    memmove(w->nodes + at + 1, w->nodes + at, (w->count - at) * sizeof *w->nodes);
    w->nodes[at] = n;
    w->count++;
}

static void take(world *w, const crdt__okey *key)
{
    size_t at = place_of(w, key);
    node  *n = in_model(w, at, key) ? w->nodes[at] : NULL;
    CHECK(crdt__omap_remove(&w->map, key->bytes, key->minor) == n);
    if (n == NULL) return;
    w->count--;
    memmove(w->nodes + at, w->nodes + at + 1, (w->count - at) * sizeof *w->nodes);
    free(n);
}

static void check_finds(const world *w, const crdt__okey *key)
{
    size_t at = place_of(w, key);
    node  *same = in_model(w, at, key) ? w->nodes[at] : NULL;
    CHECK(crdt__omap_get(&w->map, key->bytes, key->minor) == same);
    crdt__omap_iter it = crdt__omap_seek(&w->map, key->bytes, key->minor);
    CHECK(crdt__omap_next(&it) == (at < w->count ? w->nodes[at] : NULL));
    if (at + 1 < w->count) CHECK(crdt__omap_next(&it) == w->nodes[at + 1]);
}

static world *new_world(void)
{
    world *w = calloc(1, sizeof *w);
    testmem_init(&w->m);
    crdt__omap_init(&w->map, &w->m.mem);
    return w;
}

static void free_world(world *w)
{
    crdt__omap_clear(&w->map);
    check_map(&(world){.map = w->map, .m = w->m});
    TESTMEM_DONE(&w->m);
    for (size_t i = 0; i < w->count; i++) free(w->nodes[i]);
    free(w->nodes);
    free(w);
}

/* Keys of several manners: short and dense, long common starts, zero bytes, equal bytes. */
static node *random_node(uint64_t *random, unsigned manner)
{
    char     bytes[40] = {0};
    size_t   size;
    uint64_t n = next_random(random);
    uint32_t minor = (uint32_t)(n >> 60);
    switch (manner) {
    case 0: size = (size_t)snprintf(bytes, sizeof bytes, "%ju", (uintmax_t)(n % 5000)); break;
    case 1:
        size = (size_t)snprintf(bytes, sizeof bytes, "user:session:%08ju", (uintmax_t)(n % 9000));
        break;
    case 2: /* runs of zeros of any length, sometimes ended by a one */
        size = n % 33;
        if (size > 0) bytes[size - 1] = (char)(n >> 20 & 1);
        minor = (uint32_t)(n >> 40 & 127);
        break;
    case 3:
        size = 12;
        for (size_t i = 0; i < size; i++) bytes[i] = (char)(n >> 5 * i & 1);
        break;
    default:
        size = 8 + n % 9;
        memcpy(bytes, &n, 8);
        memset(bytes + 8, (int)(n & 3), 8);
    }
    return new_node(bytes, size, minor);
}

static void random_step(world *w, uint64_t *random, unsigned manner, bool growing)
{
    node *n = random_node(random, manner);
    bool  known = in_model(w, place_of(w, &n->key), &n->key);
    bool  want_put = next_random(random) % 8 < (growing ? 6 : 2);
    check_finds(w, &n->key);
    if (want_put && !known) {
        put(w, n);
        return;
    }
    if (!want_put && !known && w->count > 0) {
        take(w, &w->nodes[next_random(random) % w->count]->key);
    } else if (!want_put) {
        take(w, &n->key);
    }
    free(n);
}

TEST(omap, agrees_with_a_sorted_array)
{
    uint64_t random = seed_or(20180112);
    for (unsigned manner = 0; manner < 5; manner++) {
        world *w = new_world();
        for (int step = 0; step < 20000; step++) {
            random_step(w, &random, manner, step / 4000 % 2 == 0);
            if (step % (w->count < 200 ? 20 : 500) == 0) check_map(w);
        }
        check_map(w);
        while (w->count > 0) take(w, &w->nodes[next_random(&random) % w->count]->key);
        check_map(w);
        free_world(w);
    }
}

static node *numbered(unsigned i)
{
    char   bytes[40];
    size_t size = (size_t)snprintf(bytes, sizeof bytes, "name-%08u", i);
    return new_node(bytes, size, 0);
}

TEST(omap, keys_in_order_fill_their_leaves)
{
    world *w = new_world();
    for (unsigned i = 0; i < 10000; i++) put(w, numbered(i));
    check_map(w);
    CHECK(w->map.bytes < 10000 * 19);
    free_world(w);
}

TEST(omap, takes_keys_in_falling_order_and_gives_them_back_from_either_end)
{
    for (int from_front = 0; from_front < 2; from_front++) {
        world *w = new_world();
        for (unsigned i = 5000; i > 0; i--) put(w, numbered(i));
        check_map(w);
        while (w->count > 0) {
            take(w, &w->nodes[from_front ? 0 : w->count - 1]->key);
            if (w->count % 100 == 0) check_map(w);
        }
        CHECK_EQ_INT(w->map.bytes, 0);
        free_world(w);
    }
}

TEST(omap, what_is_left_after_many_removals_takes_little_memory)
{
    world *w = new_world();
    for (unsigned i = 0; i < 20000; i++) put(w, numbered(i));
    for (size_t i = 0; i < 20000; i++) {
        node *n = numbered((unsigned)i);
        if (i % 100) take(w, &n->key);
        free(n);
    }
    check_map(w);
    CHECK_EQ_INT(w->count, 200);
    CHECK(w->map.bytes < 200 * 80);
    free_world(w);
}

TEST(omap, equal_bytes_are_ordered_by_the_minor_number)
{
    world *w = new_world();
    for (uint32_t i = 0; i < 2000; i++) put(w, new_node("same", 4, i * 7 % 2000));
    check_map(w);
    crdt__omap_iter it = crdt__omap_seek(&w->map, crdt_text_view("same"), 1234);
    CHECK_EQ_INT(((node *)crdt__omap_next(&it))->key.minor, 1234);
    CHECK(crdt__omap_get(&w->map, crdt_text_view("same"), 2000) == NULL);
    put(w, new_node("samf", 4, 0)); /* the next bytes, beyond several leaves of the same */
    it = crdt__omap_seek(&w->map, crdt_text_view("same"), 0);
    CHECK(crdt__omap_next(&it) != NULL);
    uint32_t alike = 1;
    for (node *n; (n = crdt__omap_next_alike(&it)) != NULL; alike++) {
        CHECK_EQ_INT(n->key.minor, alike);
    }
    CHECK_EQ_INT(alike, 2000);
    CHECK(((node *)crdt__omap_next(&it))->bytes[3] == 'f');
    free_world(w);
}

TEST(omap, an_empty_map_answers)
{
    world          *w = new_world();
    crdt__omap_iter it = crdt__omap_seek(&w->map, crdt_text_view(""), 0);
    CHECK(crdt__omap_next(&it) == NULL);
    CHECK(crdt__omap_get(&w->map, crdt_text_view("a"), 0) == NULL);
    CHECK(crdt__omap_remove(&w->map, crdt_text_view("a"), 0) == NULL);
    check_map(w);
    free_world(w);
}

TEST(omap, the_audit_finds_damage)
{
    world      *w = new_world();
    const char *reason = NULL;
    for (unsigned i = 0; i < 1000; i++) put(w, numbered(i));
    w->map.count++;
    CHECK(!crdt__omap_check(&w->map, &reason) && reason != NULL);
    w->map.count--;
    w->map.bytes++;
    CHECK(!crdt__omap_check(&w->map, NULL));
    w->map.bytes--;
    for (size_t i = 0; i < 1000; i += 37) {
        for (size_t b = 0; b < w->nodes[i]->key.bytes.size; b++) {
            w->nodes[i]->bytes[b]++;
            CHECK(!crdt__omap_check(&w->map, &reason));
            w->nodes[i]->bytes[b]--;
        }
    }
    check_map(w);
    free_world(w);
}

TEST(omap, a_failed_allocation_changes_nothing)
{
    world   *w = new_world();
    uint64_t random = 7;
    for (unsigned i = 0; i < 3000; i++) {
        node *n = numbered((unsigned)(next_random(&random) % 1000000000));
        if (in_model(w, place_of(w, &n->key), &n->key)) {
            free(n);
            continue;
        }
        for (uint64_t nth = 1;; nth++) {
            testmem_fail_nth(&w->m, nth);
            crdt_err err = crdt__omap_put(&w->map, n);
            if (!testmem_refused(&w->m)) {
                CHECK_OK(err);
                break;
            }
            CHECK_ERR(err, CRDT_ENOMEM);
            check_map(w);
        }
        testmem_fail_never(&w->m);
        CHECK(crdt__omap_remove(&w->map, n->key.bytes, 0) == n);
        put(w, n);
    }
    check_map(w);
    free_world(w);
}
