/* map_heads_test.c: keys of maps that begin alike. What all keys of a large map begin with is left
 * out of its slots' heads (crdt/map/map.h); what is read must be what it is without. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crdt/map/map.h"
#include "crdt/types.h"
#include "tests/lib/random.h"
#include "tests/lib/stores.h"
#include "tests/lib/t.h"

#define MAP name_of("map")
#define ROOM 400u /* bytes of a key and its end */

static void set(crdt_txn *txn, const char *key, int64_t n)
{
    CHECK_OK(crdt_ormap_enter(txn, MAP, &crdt_ormap_type, NULL, 0));
    CHECK_OK(crdt_cell_set(txn, name_of(key), crdt_int(n)));
    crdt_ormap_leave(txn);
}

static void set_now(crdt_store *s, const char *key, int64_t n)
{
    crdt_txn *txn = begin(s);
    set(txn, key, n);
    crdt_store_free(commit(s));
}

static void remove_now(crdt_store *s, const char *key)
{
    crdt_txn *txn = begin(s);
    crdt_view path = name_of(key);
    CHECK_OK(crdt_ormap_remove(txn, MAP, &crdt_ormap_type, &path, 1));
    crdt_store_free(commit(s));
}

static crdt_ref map_of(const crdt_store *s)
{
    crdt_ref ref;
    CHECK_OK(crdt_store_find(s, MAP, &crdt_ormap_type, &ref));
    return ref;
}

/* -1: there is no such key. */
static int64_t get(const crdt_store *s, const char *key)
{
    crdt_view  path = name_of(key);
    crdt_ref   field;
    crdt_value value;
    crdt_err   err = crdt_ormap_get(map_of(s), &path, 1, &crdt_cell_type, &field);
    if (err == CRDT_ENOENT) return -1;
    CHECK_OK(err);
    CHECK(crdt_cell_peek(field, &value) && value.kind == CRDT_INT);
    return value.i;
}

/* Its keys come in order, and are so many. */
static void check_whole(const crdt_store *s, size_t count)
{
    const char     *reason = "";
    crdt_ormap_iter it = crdt_ormap_iterate(map_of(s));
    char            last[ROOM] = "";
    size_t          keys = 0;
    crdt_view       key;
    crdt_ref        ref;
    CHECK_MSG(crdt_store_check(s, &reason), "%s", reason);
    for (; crdt_ormap_next(&it, &key, &ref); keys++) {
        CHECK(key.size < ROOM);
        CHECK(keys == 0 || crdt_view_compare(name_of(last), key) < 0);
        memcpy(last, key.data, key.size);
        last[key.size] = '\0';
    }
    CHECK_EQ_INT(keys, count);
}

/* Keys that begin with `with`, of numbers in a random order; each has its number. */
static void fill(crdt_store *s, const char *with, uint32_t count, uint64_t *random)
{
    uint32_t *order = malloc(count * sizeof *order);
    char      key[ROOM];
    CHECK(order != NULL);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = (uint32_t)(next_random(random) % (i + 1));
        order[i] = order[at];
        order[at] = i;
    }
    crdt_txn *txn = begin(s);
    for (uint32_t i = 0; i < count; i++) {
        snprintf(key, sizeof key, "%s%06u", with, order[i]);
        set(txn, key, order[i]);
    }
    crdt_store_free(commit(s));
    free(order);
}

static void check_filled(const crdt_store *s, const char *with, uint32_t count)
{
    char key[ROOM];
    for (uint32_t i = 0; i < count; i++) {
        snprintf(key, sizeof key, "%s%06u", with, i);
        CHECK_EQ_INT(get(s, key), i);
    }
}

/* Keys that are shorter than what all begin with, or stand before or behind it. */
TEST(map_heads, keys_beside_those_that_begin_alike)
{
    static const char *const others[] = {"element",  "element:", "element9", "elemen",
                                         "elementa", "e",        "a",        "zzzzzzzzzzzz"};
    uint64_t                 random = seed_or(11);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        crdt_store *s = store_of(1);
        fill(s, "element:", 700, &random);
        for (size_t k = 0; k < sizeof others / sizeof others[0]; k++) {
            CHECK_EQ_INT(get(s, others[k]), -1);
        }
        set_now(s, others[i], 12345);
        CHECK_EQ_INT(get(s, others[i]), 12345);
        check_filled(s, "element:", 700);
        check_whole(s, 701);
        remove_now(s, others[i]);
        CHECK_EQ_INT(get(s, others[i]), -1);
        fill(s, "element:", 3000, &random); /* and begin alike again */
        check_filled(s, "element:", 3000);
        check_whole(s, 3000);
        crdt_store_free(s);
    }
}

/* More bytes than heads can skip, and a map that was emptied. */
TEST(map_heads, long_beginnings_and_emptied_maps)
{
    uint64_t    random = seed_or(12);
    crdt_store *s = store_of(1);
    char        with[200], key[ROOM];
    memset(with, 'x', sizeof with - 1);
    with[sizeof with - 1] = '\0';
    fill(s, with, 300, &random);
    check_filled(s, with, 300);
    check_whole(s, 300);
    for (uint32_t i = 0; i < 300; i++) {
        snprintf(key, sizeof key, "%s%06u", with, i);
        remove_now(s, key);
    }
    fill(s, "b", 300, &random);
    check_filled(s, "b", 300);
    check_whole(s, 300);
    crdt_store_free(s);
}

/* Whole states whose heads skip different bytes, or as many of others, or none, are joined. */
TEST(map_heads, maps_that_begin_otherwise_join)
{
    static const char *const begin_with[] = {"element:", "element:0", "elephant", "filament:", ""};
    size_t                   all = sizeof begin_with / sizeof begin_with[0];
    uint64_t                 random = seed_or(13);
    for (size_t i = 0; i < all * all; i++) {
        const char *mine = begin_with[i / all], *theirs = begin_with[i % all];
        crdt_store *a = store_of(1), *b = store_of(2);
        fill(a, mine, 400, &random);
        fill(b, theirs, 900, &random);
        CHECK_OK(crdt_store_merge(a, b));
        check_filled(a, theirs, 900);
        check_filled(a, mine, 400);
        bool within = strcmp(mine, theirs) == 0;
        check_whole(a, within ? 900 : 1300);
        CHECK_OK(crdt_store_merge(b, a));
        check_whole(b, within ? 900 : 1300);
        check_filled(b, mine, 400);
        crdt_store_free(a);
        crdt_store_free(b);
    }
}

static void make(crdt__map *map, const char *with, uint32_t n)
{
    char         key[ROOM];
    crdt__entry *e;
    snprintf(key, sizeof key, "%s%03u", with, n);
    CHECK_OK(crdt__map_make(map->space, map, name_of(key), &crdt_cell_type, crdt_cell_type.id, &e));
}

/* They are looked for when the leaves double, given up with a key that begins otherwise, not looked
 * for again until the leaves have doubled once more, and forgotten when there is no key left. */
TEST(map_heads, skip_what_all_keys_begin_with)
{
    crdt_store *s = store_of(1);
    crdt__map   map;
    crdt__place first = {0, 0};
    set_now(s, "a", 1);
    const crdt_space *space = map_of(s).space;
    crdt__map_init(space, &crdt_ormap_type, &map);
    for (uint32_t i = 0; i < 64; i++) make(&map, "element:", i);
    CHECK_EQ_INT(map.skip, 0);
    make(&map, "element:", 64);
    CHECK_EQ_INT(map.count, 2);
    CHECK_EQ_INT(map.skip, strlen("element:0"));
    make(&map, "element:", 100);
    CHECK_EQ_INT(map.skip, 0);
    for (uint32_t i = 101; map.count < 4; i++) {
        CHECK_EQ_INT(map.skip, 0);
        make(&map, "element:", i);
    }
    CHECK_EQ_INT(map.skip, strlen("element:"));
    for (crdt__entry *e; (e = crdt__map_at(&map, &first)) != NULL;) {
        crdt__map_drop(space, &map, e);
    }
    make(&map, "b", 1);
    CHECK_EQ_INT(map.skip, 0);
    CHECK_EQ_INT(map.tried, 0);
    crdt__map_clear(space, &map);
    crdt_store_free(s);
}
