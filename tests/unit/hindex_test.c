/* The index of names: against a list of nodes, and in a store. Random rounds print SEED and take it
 * back from the environment. */
#include "crdt/core/hindex.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/random.h"
#include "tests/lib/stores.h"
#include "tests/lib/t.h"
#include "tests/lib/testmem.h"

#define NODES 4000

typedef struct node {
    crdt__okey key;
    char       bytes[24];
    bool       in;
} node;

typedef struct world {
    testmem      m;
    crdt__hindex index;
    crdt__omap   map; /* what is in: the audit walks it */
    node         nodes[NODES];
} world;

/* Two nodes a name. */
static world *new_world(void)
{
    world *w = calloc(1, sizeof *w);
    testmem_init(&w->m);
    crdt__hindex_init(&w->index, &w->m.mem);
    crdt__omap_init(&w->map, NULL);
    for (unsigned i = 0; i < NODES; i++) {
        node  *n = &w->nodes[i];
        size_t size = (size_t)snprintf(n->bytes, sizeof n->bytes, "name-%u", i / 2);
        n->key.bytes = crdt_view_of(n->bytes, size);
        n->key.minor = i % 2;
    }
    return w;
}

static void free_world(world *w)
{
    crdt__hindex_clear(&w->index);
    TESTMEM_DONE(&w->m);
    crdt__omap_clear(&w->map);
    free(w);
}

static void add(world *w, node *n)
{
    n->in = true;
    CHECK_OK(crdt__omap_put(&w->map, n));
    if (w->index.directory == NULL && !crdt__hindex_begin(&w->index)) return;
    if (w->index.count + 1 == w->map.count) {
        crdt__hindex_add(&w->index, &n->key);
        return;
    }
    crdt__hindex_clear(&w->index); /* it was switched off, or lost some: all anew */
    if (!crdt__hindex_begin(&w->index)) return;
    crdt__omap_iter it = crdt__omap_first(&w->map);
    for (node *o; (o = crdt__omap_next(&it)) != NULL;) crdt__hindex_add(&w->index, &o->key);
}

static void take(world *w, node *n)
{
    n->in = false;
    crdt__hindex_remove(&w->index, &n->key);
    CHECK(crdt__omap_remove(&w->map, n->key.bytes, n->key.minor) == n);
}

/* Just those two nodes are found that are in, unless it cannot tell. Returns if it can. */
static bool check_name(const world *w, unsigned i)
{
    const node   *pair = &w->nodes[i / 2 * 2];
    unsigned      seen[2] = {0, 0};
    crdt__hfinder finder;
    if (!crdt__hindex_find(&w->index, pair->key.bytes, &finder)) return false;
    for (crdt__okey *key; (key = crdt__hindex_next(&finder)) != NULL;) {
        CHECK(key == &pair[key->minor].key);
        seen[key->minor]++;
    }
    CHECK_EQ_INT(seen[0], pair[0].in);
    CHECK_EQ_INT(seen[1], pair[1].in);
    return true;
}

static void check_all(const world *w)
{
    const char *reason = "";
    bool        good = crdt__hindex_check(&w->index, &w->map, &reason);
    CHECK(good || (printf("%s\n", reason), false));
    for (unsigned i = 0; i < NODES; i += 2) (void)check_name(w, i);
}

TEST(hindex, random_nodes_come_and_go)
{
    world   *w = new_world();
    uint64_t random = seed_or(1979);
    for (int round = 0; round < 20; round++) {
        uint64_t likely = round % 4 == 3 ? 95 : round % 4 == 2 ? 50 : 10; /* to go, in a hundred */
        for (int i = 0; i < 3000; i++) {
            node *n = &w->nodes[random_below(&random, NODES)];
            bool  goes = random_below(&random, 100) < likely;
            if (n->in && goes) take(w, n);
            else if (!n->in && !goes) add(w, n);
            if (w->index.directory != NULL) CHECK(check_name(w, (unsigned)(n - w->nodes)));
        }
        check_all(w);
    }
    free_world(w);
}

TEST(hindex, takes_what_its_nodes_need_and_gives_it_back)
{
    world *w = new_world();
    for (unsigned i = 0; i < NODES; i++) add(w, &w->nodes[i]);
    CHECK(w->index.bytes < NODES * 40);
    CHECK_EQ_INT(w->index.bytes, w->m.bytes);
    for (unsigned i = 0; i < NODES; i++) take(w, &w->nodes[i]);
    CHECK(w->m.bytes < 20 * sizeof(crdt__hblock));
    free_world(w);
}

TEST(hindex, a_node_takes_the_place_of_another)
{
    world *w = new_world();
    node   other = w->nodes[7];
    other.key.bytes.data = other.bytes;
    for (unsigned i = 0; i < NODES; i++) add(w, &w->nodes[i]);
    crdt__hindex_replace(&w->index, &w->nodes[7].key, &other.key);
    crdt__hfinder finder;
    CHECK(crdt__hindex_find(&w->index, other.key.bytes, &finder));
    crdt__okey *first = crdt__hindex_next(&finder), *second = crdt__hindex_next(&finder);
    CHECK(first == &other.key || second == &other.key);
    CHECK(first != &w->nodes[7].key && second != &w->nodes[7].key);
    CHECK(crdt__hindex_next(&finder) == NULL);
    crdt__hindex_replace(&w->index, &other.key, &w->nodes[7].key);
    check_all(w);
    free_world(w);
}

/* Names too much alike, as a flood of equal hashes would be: no memory is spent on them. */
TEST(hindex, cannot_tell_of_too_many_alike)
{
    enum { ALIKE = 300 };
    world *w = new_world();
    node  *alike = calloc(ALIKE, sizeof *alike);
    for (unsigned i = 0; i < 1000; i++) add(w, &w->nodes[i]);
    size_t bytes = w->index.bytes;
    for (unsigned i = 0; i < ALIKE; i++) {
        alike[i].key.bytes = crdt_view_of("alike", 5);
        alike[i].key.minor = i;
        crdt__hindex_add(&w->index, &alike[i].key);
    }
    crdt__hfinder finder;
    CHECK(!crdt__hindex_find(&w->index, alike[0].key.bytes, &finder));
    CHECK(w->index.bytes < bytes * 3);
    for (unsigned i = 0; i < ALIKE; i++) crdt__hindex_remove(&w->index, &alike[i].key);
    size_t told = 0;
    for (unsigned i = 0; i < 1000; i += 2) told += check_name(w, i);
    CHECK(told > 400);
    free(alike);
    free_world(w);
}

TEST(hindex, refused_memory_leaves_it_right_or_silent)
{
    world   *w = new_world();
    uint64_t random = seed_or(4);
    for (int i = 0; i < 20000; i++) {
        node *n = &w->nodes[random_below(&random, NODES)];
        testmem_fail_nth(&w->m, 1 + random_below(&random, 3));
        if (n->in && random_below(&random, 4) == 0) take(w, n);
        else if (!n->in) add(w, n);
        testmem_fail_never(&w->m);
        if (w->index.directory != NULL) (void)check_name(w, (unsigned)(n - w->nodes));
    }
    check_all(w);
    free_world(w);
}

/* -- In a store -------------------------------------------------------------------------------- */

static crdt_view numbered(char out[24], uint64_t i)
{
    return crdt_view_of(out, (size_t)snprintf(out, 24, "object:%d", (int)i));
}

static crdt_err change(crdt_txn *txn, crdt_view name, uint64_t *random)
{
    switch (random_below(random, 5)) {
    case 0: return crdt_txn_remove(txn, name);
    case 1: return crdt_expiry_expire_at(txn, name, (int64_t)NOW + 5);
    case 2: return crdt_orset_add(txn, name, crdt_int((int64_t)random_below(random, 9)));
    default: return crdt_cell_incr(txn, name, 1);
    }
}

/* A store of many names and a copy that gets the deltas, both audited with their indexes; finding
 * and walking agree. */
TEST(hindex, a_store_finds_what_it_walks)
{
    uint64_t    random = seed_or(31);
    crdt_store *a = store_of(1), *b = store_of(2);
    char        text[24];
    for (int i = 0; i < 4000; i++) {
        crdt_txn *txn = begin(a);
        crdt_err  err = change(txn, numbered(text, random_below(&random, 700)), &random);
        CHECK(err == CRDT_OK || err == CRDT_ETYPE || err == CRDT_ENOENT);
        crdt_delta *delta = commit(a);
        join(b, delta);
        crdt_store_free(delta);
        if (i % 500 == 499) {
            check_store(a);
            check_store(b);
        }
    }
    CHECK(same_bytes(a, b));
    crdt_store_iter it = crdt_store_iterate(b);
    crdt_view       name;
    crdt_ref        walked, found;
    size_t          count = 0;
    for (; crdt_store_next(&it, &name, &walked); count++) {
        crdt_view some[2] = {name, crdt_text_view("nothing")};
        crdt_store_expect(b, some, 2);
        CHECK_OK(crdt_store_find(b, name, NULL, &found));
        CHECK(found.type == walked.type && found.state == walked.state);
    }
    CHECK(count > 200);
    CHECK_EQ_INT(crdt_store_count(b), count);
    free_all(a, b, NULL);
}
