/* ormap_read_test.c: reading maps key by key, from some key, and what competes in them. The laws of
 * maps are in tests/laws. */
#include <stdio.h>
#include <string.h>

#include "crdt/types.h"
#include "tests/lib/random.h"
#include "tests/lib/stores.h"
#include "tests/lib/t.h"

#define MAP name_of("map")

static void set_in(crdt_txn *txn, const crdt_view *path, size_t depth, const char *key, int64_t n)
{
    CHECK_OK(crdt_ormap_enter(txn, MAP, &crdt_ormap_type, path, depth));
    CHECK_OK(crdt_cell_set(txn, name_of(key), crdt_int(n)));
    crdt_ormap_leave(txn);
}

static crdt_delta *set(crdt_store *s, const char *key, int64_t n)
{
    crdt_txn *txn = begin(s);
    set_in(txn, NULL, 0, key, n);
    return commit(s);
}

static crdt_ref map_of(const crdt_store *s)
{
    crdt_ref ref;
    CHECK_OK(crdt_store_find(s, MAP, &crdt_ormap_type, &ref));
    return ref;
}

/* Keys "0000" ... of the map, count of them. */
static void fill(crdt_store *s, uint32_t count)
{
    crdt_txn *txn = begin(s);
    for (uint32_t i = 0; i < count; i++) {
        char key[16];
        snprintf(key, sizeof key, "%04u", i);
        set_in(txn, NULL, 0, key, i);
    }
    crdt_store_free(commit(s));
}

static uint32_t number_of(crdt_view key)
{
    uint32_t       n = 0;
    const uint8_t *at = key.data;
    for (size_t i = 0; i < key.size; i++) n = n * 10 + at[i] - '0';
    return n;
}

/* Each key comes, about as often as any other, whatever the sizes of leaves: those that were filled
 * in order, those that were split, those that are nearly empty. */
TEST(ormap_read, some_key_is_any_key)
{
    static const uint32_t sizes[] = {1, 2, 5, 64, 65, 200, 1000};
    static uint32_t       seen[1000];
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        crdt_store *s = store_of(1);
        uint64_t    random = seed_or(7);
        uint32_t    n = sizes[i], draws = n * 200;
        crdt_view   key;
        crdt_ref    ref;
        memset(seen, 0, sizeof seen);
        fill(s, n);
        for (uint32_t k = 0; k < draws; k++) {
            crdt_ormap_iter it = crdt_ormap_iterate_some(map_of(s), next_random(&random));
            CHECK(crdt_ormap_next(&it, &key, &ref));
            seen[number_of(key)]++;
        }
        for (uint32_t k = 0; k < n; k++) {
            CHECK_MSG(seen[k] > 100 && seen[k] < 300, "of %u: %u came %u times", n, k, seen[k]);
        }
        crdt_store_free(s);
    }
    crdt_ref        none = {.type = &crdt_ormap_type}, ref;
    crdt_view       key;
    crdt_ormap_iter it = crdt_ormap_iterate_some(none, 5);
    CHECK(!crdt_ormap_next(&it, &key, &ref));
}

/* The map within a transaction, key by key: what the store holds, without what the transaction has
 * taken away, and with what it has written. */
TEST(ormap_read, iterates_what_a_transaction_sees)
{
    crdt_store *s = store_of(1);
    crdt_ref    map, ref;
    crdt_view   key, gone = name_of("0500"), first = name_of("0000");
    fill(s, 1000);
    crdt_txn *txn = begin(s);
    CHECK_OK(crdt_ormap_remove(txn, MAP, &crdt_ormap_type, &gone, 1));
    CHECK_OK(crdt_ormap_remove(txn, MAP, &crdt_ormap_type, &first, 1));
    set_in(txn, NULL, 0, "0700", 7);
    set_in(txn, NULL, 0, "07005", 8);
    CHECK_OK(crdt_txn_find(txn, MAP, &crdt_ormap_type, &map));
    crdt_ormap_iter it = crdt_ormap_iterate(map);
    size_t          count = 0;
    int64_t         sum = 0, n = 0;
    for (; crdt_ormap_next(&it, &key, &ref); count++) {
        CHECK(crdt_view_compare(key, gone) != 0 && crdt_view_compare(key, first) != 0);
        CHECK_OK(crdt_cell_int(ref, &n));
        sum += n;
    }
    CHECK_EQ_INT(count, 999);
    CHECK_EQ_INT(crdt_ormap_count(map), 999);
    CHECK_EQ_INT(sum, 999 * 1000 / 2 - 500 - 700 + 7 + 8);
    it = crdt_ormap_iterate_from(map, name_of("0999"));
    CHECK(crdt_ormap_next(&it, &key, &ref) && crdt_view_compare(key, name_of("0999")) == 0);
    CHECK(!crdt_ormap_next(&it, &key, &ref));
    crdt_store_free(s);
}

/* A key under which two types live comes once, as the one created last. */
TEST(ormap_read, iterates_over_keys_of_two_types)
{
    crdt_store *a = store_of(1), *b = store_of(2);
    crdt_view   both = name_of("both"), key;
    crdt_ref    ref;
    crdt_delta *x = set(a, "both", 1), *y = set(a, "after", 2);
    crdt_txn   *txn = begin(b);
    CHECK_OK(crdt_ormap_create(txn, MAP, &crdt_ormap_type, &both, 1, &crdt_orset_type));
    crdt_delta *z = commit(b);
    join(a, z);
    join(b, x);
    join(b, y);
    CHECK(same_bytes(a, b));
    const crdt_store *sides[] = {a, b};
    for (size_t i = 0; i < 2; i++) {
        crdt_ref        map = map_of(sides[i]);
        crdt_ormap_iter it = crdt_ormap_iterate(map);
        CHECK(crdt_ormap_next(&it, &key, &ref) && crdt_view_compare(key, name_of("after")) == 0);
        CHECK(crdt_ormap_next(&it, &key, &ref) && crdt_view_compare(key, both) == 0);
        CHECK(ref.type == crdt_ormap_type_at(map, both, 0));
        CHECK(crdt_ormap_type_at(map, both, 1) != NULL);
        CHECK(!crdt_ormap_next(&it, &key, &ref));
        CHECK(crdt_ormap_competes(map));
        check_store(sides[i]);
    }
    txn = begin(a);
    CHECK_OK(crdt_ormap_remove(txn, MAP, &crdt_ormap_type, &both, 1));
    crdt_store_free(commit(a));
    CHECK(!crdt_ormap_competes(map_of(a)));
    check_store(a);
    free_all(a, b, x, y, z, NULL);
}

/* What competes is known on every level, also after decoding, until someone who has seen it writes
 * or removes. */
TEST(ormap_read, knows_whether_contents_compete)
{
    crdt_store *a = store_of(1), *b = store_of(2), *c;
    crdt_view   path[] = {name_of("deep"), name_of("deeper")};
    CHECK(!crdt_ormap_competes((crdt_ref){.type = &crdt_ormap_type}));
    crdt_txn *txn = begin(a);
    set_in(txn, path, 2, "n", 1);
    crdt_delta *x = commit(a);
    CHECK(!crdt_ormap_competes(map_of(a)));
    txn = begin(b);
    set_in(txn, path, 2, "n", 2);
    crdt_delta *y = commit(b);
    join(a, y);
    join(b, x);
    CHECK(crdt_ormap_competes(map_of(a)) && crdt_ormap_competes(map_of(b)));
    check_store(a);
    CHECK_OK(crdt_store_clone(a, 3, &c));
    CHECK(crdt_ormap_competes(map_of(c)));
    txn = begin(c);
    set_in(txn, path, 2, "n", 3);
    crdt_store_free(commit(c));
    CHECK(!crdt_ormap_competes(map_of(c)));
    check_store(c);
    txn = begin(a);
    CHECK_OK(crdt_ormap_remove(txn, MAP, &crdt_ormap_type, path, 2));
    set_in(txn, NULL, 0, "other", 1);
    crdt_store_free(commit(a));
    CHECK(!crdt_ormap_competes(map_of(a)));
    check_store(a);
    free_all(a, b, c, x, y, NULL);
}

/* Told of the last operation alone, and of what showed: not of what lies hidden. */
TEST(ormap_read, whether_an_operation_added_its_key)
{
    crdt_store *s = store_of(1);
    crdt_txn   *txn = begin(s);
    crdt_view   m = name_of("m"), a = name_of("a");
    const char *text = "longer than a register holds in itself";
    crdt_delta *delta;
    CHECK(!crdt_ormap_added(txn));
    CHECK_OK(crdt_ormap_enter(txn, m, &crdt_ormap_type, NULL, 0));
    CHECK(!crdt_ormap_added(txn));
    CHECK_OK(crdt_cell_set(txn, a, crdt_text(text)));
    CHECK(crdt_ormap_added(txn));
    CHECK_OK(crdt_cell_set(txn, a, crdt_text("2")));
    CHECK(!crdt_ormap_added(txn));
    CHECK_OK(crdt_cell_incr(txn, name_of("b"), 1));
    CHECK(crdt_ormap_added(txn));
    CHECK_ERR(crdt_mvreg_set(txn, a, crdt_text("3")), CRDT_ETYPE);
    CHECK(!crdt_ormap_added(txn));
    CHECK_OK(crdt_ormap_remove(txn, m, &crdt_ormap_type, &a, 1));
    CHECK_OK(crdt_cell_set(txn, a, crdt_text("4")));
    CHECK(crdt_ormap_added(txn));
    crdt_ormap_leave(txn);
    CHECK(!crdt_ormap_added(txn));
    delta = commit(s);
    crdt_store_free(delta);
    txn = begin(s);
    CHECK_OK(crdt_ormap_enter(txn, m, &crdt_ormap_type, NULL, 0));
    CHECK_OK(crdt_cell_set(txn, a, crdt_text(text)));
    CHECK(!crdt_ormap_added(txn));
    CHECK_OK(crdt_ormap_remove(txn, m, &crdt_ormap_type, &a, 1));
    CHECK_OK(crdt_cell_set(txn, a, crdt_text("5")));
    CHECK(crdt_ormap_added(txn));
    crdt_store_rollback(s);
    check_store(s);
    crdt_store_free(s);
}

/* A deletion in a list gathers until something else is done: it takes its dots, and marks the way
 * to the list, before the transaction forgets the way. (Under ASan, if not.) */
TEST(ormap, leaving_ends_what_a_list_there_gathers)
{
    const crdt_type *types[3] = {&crdt_ormap_type, &crdt_ormap_rw_type, &crdt_ormap_lww_type};
    for (int t = 0; t < 6; t++) {
        const crdt_type *type = types[t % 3];
        crdt_store      *a = solo_of(type, 1), *b = solo_of(type, 2);
        crdt_view        way[1] = {name_of("in")};
        crdt_rga_edit    edit;
        crdt_txn        *txn = begin(a);
        CHECK_OK(crdt_ormap_enter(txn, CRDT_SOLO, type, way, 1));
        CHECK_OK(crdt_rga_open(txn, name_of("l"), &crdt_rga_type, &edit));
        for (int i = 0; i < 3; i++) CHECK_OK(crdt_rga_insert(&edit, 0, crdt_int(i)));
        crdt_store_free(commit(a));
        join(b, a);
        txn = begin(a);
        CHECK_OK(crdt_ormap_enter(txn, CRDT_SOLO, type, way, 1));
        CHECK_OK(crdt_rga_open(txn, name_of("l"), &crdt_rga_type, &edit));
        CHECK_OK(crdt_rga_delete(&edit, 1, 1));
        if (t < 3) crdt_ormap_leave(txn);
        CHECK_OK(crdt_ormap_enter(txn, CRDT_SOLO, type, NULL, 0));
        CHECK_OK(crdt_pncounter_inc(txn, name_of("n"), 1));
        crdt_delta *delta = commit(a);
        crdt_store *copy = recoded(delta);
        check_store(delta);
        join(b, copy);
        CHECK(same_bytes(a, b));
        check_store(a);
        free_all(a, b, delta, copy, NULL);
    }
}
