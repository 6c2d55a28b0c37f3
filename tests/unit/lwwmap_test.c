/* lwwmap_test.c: rows: the order of what is said, deletions, expiry, the field's bugs, hostile
 * bytes. */
#include <stdio.h>
#include <string.h>

#include "tests/lib/random.h"
#include "tests/lib/stores.h"
#include "tests/lib/testmem.h"

#define A 1
#define B 2
#define C 3
#define NEVER CRDT_LWWMAP_NEVER

static crdt_store *row(uint64_t replica)
{
    return solo_of(&crdt_lwwmap_type, replica);
}

static void put(crdt_store *s, const char *column, const char *value, uint64_t stamp,
                int64_t expires_ms)
{
    crdt_txn *txn = begin(s);
    CHECK_OK(crdt_lwwmap_put(txn, CRDT_SOLO, name_of(column), crdt_text(value), stamp, expires_ms));
    crdt_store_free(commit(s));
}

static void set(crdt_store *s, const char *column, const char *value)
{
    crdt_txn *txn = begin(s);
    CHECK_OK(crdt_lwwmap_set(txn, CRDT_SOLO, name_of(column), crdt_text(value), NEVER));
    crdt_store_free(commit(s));
}

static void delete (crdt_store *s, const char *column, uint64_t stamp)
{
    crdt_txn *txn = begin(s);
    CHECK_OK(crdt_lwwmap_delete(txn, CRDT_SOLO, name_of(column), stamp));
    crdt_store_free(commit(s));
}

static void delete_range(crdt_store *s, const char *lo, const char *hi, uint64_t stamp)
{
    crdt_txn *txn = begin(s);
    CHECK_OK(crdt_lwwmap_delete_range(txn, CRDT_SOLO, name_of(lo), name_of(hi), stamp));
    crdt_store_free(commit(s));
}

static void delete_row(crdt_store *s, uint64_t stamp)
{
    crdt_txn *txn = begin(s);
    CHECK_OK(crdt_lwwmap_delete_row(txn, CRDT_SOLO, stamp));
    crdt_store_free(commit(s));
}

static bool reads(const crdt_store *s, const char *column, int64_t now_ms, const char *value)
{
    crdt_lwwmap_cell cell;
    if (!crdt_lwwmap_get(crdt_store_solo(s), name_of(column), now_ms, &cell)) return value == NULL;
    return value != NULL && crdt_value_compare(cell.value, crdt_text(value)) == 0;
}

static void meet(crdt_store *a, crdt_store *b)
{
    join(a, b);
    join(b, a);
    check_store(a);
    check_store(b);
    CHECK(same_bytes(a, b));
}

/* -- The order --------------------------------------------------------------------------------- */

TEST(lwwmap, each_column_shows_the_greatest_stamp_in_any_order_of_arrival)
{
    crdt_store *a = row(A), *b = row(B);
    put(a, "x", "new", 20, NEVER);
    put(a, "x", "old", 10, NEVER); /* absorbed */
    put(b, "x", "between", 15, NEVER);
    put(b, "y", "b", 5, NEVER);
    meet(a, b);
    CHECK_EQ_STR(shown(a, ""), "{\"x\": \"new\", \"y\": \"b\"}");
    crdt_lwwmap_cell cell;
    CHECK(crdt_lwwmap_sibling(crdt_store_solo(a), name_of("x"), 0, &cell));
    CHECK(cell.dot.replica == A && cell.stamp == 20);
    CHECK(crdt_lwwmap_sibling(crdt_store_solo(a), name_of("x"), 1, &cell)); /* the loser is kept */
    CHECK(cell.dot.replica == B && cell.stamp == 15);
    CHECK(!crdt_lwwmap_sibling(crdt_store_solo(a), name_of("x"), 2, &cell));
    put(b, "x", "newest", 30, NEVER);
    CHECK(!crdt_lwwmap_sibling(crdt_store_solo(b), name_of("x"), 1, &cell));
    free_all(a, b, NULL);
}

/* What one of the kinds says of a column, at stamp 5 or 6: 18 of them, which differ in every field
 * that can. */
static void say(crdt_store *s, unsigned i)
{
    uint64_t stamp = 5 + i / 9;
    switch (i % 9) {
    case 0: put(s, "m", "a", stamp, NEVER); break;
    case 1: put(s, "m", "b", stamp, NEVER); break;
    case 2: put(s, "m", "a", stamp, 100); break;
    case 3: put(s, "m", "b", stamp, 100); break;
    case 4: put(s, "m", "a", stamp, 200); break;
    case 5: delete (s, "m", stamp); break;
    case 6: delete_range(s, "a", "n", stamp); break;
    case 7: delete_range(s, "m", "", stamp); break;
    default: delete_row(s, stamp);
    }
}

/* scylladb#14182, cqlite#498: at equal stamps the order is not total, and replicas differ for ever;
 * cr-sqlite#413, corrosion#352: equal writes are no write, and a third replica never hears. */
TEST(lwwmap, three_writers_at_equal_stamps_agree_whatever_they_say_and_in_whatever_order)
{
    static const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                     {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    for (unsigned i = 0; i < 18 * 18 * 18;
         i += T_SLOW ? 91 : 7) { /* 7 is prime to 18: all pairs are met */
        crdt_store *s[3];
        crdt_store *met[6];
        for (unsigned r = 0; r < 3; r++) {
            s[r] = row(r + 1);
            say(s[r], r == 0 ? i % 18 : r == 1 ? i / 18 % 18 : i / 324);
        }
        for (int o = 0; o < 6; o++) {
            met[o] = row(9);
            for (int r = 0; r < 3; r++) join(met[o], s[orders[o][r]]);
            CHECK_MSG(same_bytes(met[o], met[0]), "the writes %u", i);
        }
        for (int o = 0; o < 6; o++) crdt_store_free(met[o]);
        free_all(s[0], s[1], s[2], NULL);
    }
}

TEST(lwwmap, at_one_stamp_deletions_beat_expiring_values_and_these_others)
{
    crdt_store *s = row(A);
    put(s, "x", "z", 7, NEVER);
    put(s, "x", "a", 7, 100);
    CHECK(reads(s, "x", 50, "a"));
    put(s, "x", "b", 7, 90); /* expires earlier */
    CHECK(reads(s, "x", 50, "a"));
    put(s, "x", "zz", 7, NEVER);
    CHECK(reads(s, "x", 50, "a"));
    delete (s, "x", 7);
    CHECK(reads(s, "x", 50, NULL));
    put(s, "x", "late", 7, 1000);
    CHECK(reads(s, "x", 50, NULL));
    put(s, "x", "later", 8, NEVER);
    CHECK(reads(s, "x", 50, "later"));
    crdt_store_free(s);
}

/* cr-sqlite#30: a relay's id decides, not the author's. */
TEST(lwwmap, a_relay_does_not_change_who_wins)
{
    crdt_store *a = row(A), *b = row(B), *c = row(C);
    put(a, "x", "same", 5, NEVER);
    put(c, "x", "same", 5, NEVER);
    join(b, a);
    join(c, b);
    join(a, c);
    join(b, c);
    CHECK(same_bytes(a, b) && same_bytes(b, c));
    free_all(a, b, c, NULL);
}

/* -- Deletions --------------------------------------------------------------------------------- */

TEST(lwwmap, ranges_and_rows_delete_what_is_there_and_what_comes_late)
{
    crdt_store *a = row(A), *b = row(B);
    put(a, "a", "1", 10, NEVER);
    put(a, "b", "2", 10, NEVER);
    put(a, "c", "3", 30, NEVER);
    put(a, "d", "4", 10, NEVER);
    put(b, "bb", "late", 15, NEVER);
    put(b, "e", "5", 10, NEVER);
    delete_range(a, "b", "d", 20);
    CHECK_EQ_STR(shown(a, ""), "{\"a\": \"1\", \"c\": \"3\", \"d\": \"4\"}");
    meet(a, b);
    CHECK_EQ_STR(shown(a, ""), "{\"a\": \"1\", \"c\": \"3\", \"d\": \"4\", \"e\": \"5\"}");
    delete_range(b, "d", "", 20); /* to the end */
    CHECK_EQ_STR(shown(b, ""), "{\"a\": \"1\", \"c\": \"3\"}");
    delete_row(b, 25);
    meet(a, b);
    CHECK_EQ_STR(shown(a, ""), "{\"c\": \"3\"}");
    CHECK_EQ_INT(crdt_store_stats(a).residues, 1); /* the row's covers all others */
    delete_row(a, 30);
    CHECK_EQ_STR(shown(a, ""), "{}");
    CHECK_EQ_INT(crdt_store_stats(a).dots, 1);
    crdt_txn *txn = begin(a);
    CHECK_ERR(crdt_lwwmap_delete_range(txn, CRDT_SOLO, name_of("b"), name_of("b"), 5), CRDT_EINVAL);
    CHECK_ERR(crdt_lwwmap_delete_row(txn, CRDT_SOLO, CRDT_STAMP_MAX + 1), CRDT_EINVAL);
    CHECK_ERR(crdt_lwwmap_put(txn, CRDT_SOLO, name_of("b"), crdt_int(1), 5, -1), CRDT_EINVAL);
    crdt_store_rollback(a);
    free_all(a, b, NULL);
}

TEST(lwwmap, stable_deletions_are_forgotten_with_what_they_beat)
{
    crdt_store *a = row(A), *b = row(B);
    put(b, "x", "lost", 5, NEVER);
    delete_range(a, "a", "z", 10);
    put(a, "y", "kept", 20, NEVER);
    meet(a, b);
    crdt_context cut;
    crdt_context_init(&cut, NULL);
    CHECK_OK(crdt_context_add(&cut, (crdt_dot){A, 1})); /* what it beats is not stable yet */
    CHECK_OK(crdt_store_stabilise(a, &cut));
    CHECK_EQ_INT(crdt_store_stats(a).residues, 1);
    CHECK_OK(crdt_store_stabilise(a, crdt_store_context(b)));
    CHECK_OK(crdt_store_stabilise(b, crdt_store_context(b)));
    CHECK_EQ_INT(crdt_store_stats(a).residues, 0);
    CHECK_EQ_INT(crdt_store_stats(a).dots, 1);
    CHECK_EQ_STR(shown(a, ""), "{\"y\": \"kept\"}");
    meet(a, b);
    crdt_context_clear(&cut);
    free_all(a, b, NULL);
}

/* -- Stamps and time --------------------------------------------------------------------------- */

TEST(lwwmap, a_write_by_the_clock_is_above_all_its_writer_sees_even_from_the_far_future)
{
    crdt_store *a = row(A), *b = row(B);
    put(a, "x", "poison", CRDT_STAMP_MAX - 1, NEVER);
    join(b, a);
    set(b, "x", "mine");
    set(b, "y", "now");
    CHECK(reads(b, "x", 0, "mine"));
    crdt_lwwmap_cell cell;
    CHECK(crdt_lwwmap_get(crdt_store_solo(b), name_of("y"), 0, &cell));
    CHECK(cell.stamp < CRDT_STAMP_MAX / 2); /* the poison did not move the clock */
    set(b, "x", "above");                   /* at the ceiling: the greater value */
    CHECK(reads(b, "x", 0, "mine"));
    meet(a, b);
    CHECK(reads(a, "x", 0, "mine"));
    free_all(a, b, NULL);
}

TEST(lwwmap, expiry_hides_at_read_and_shows_nothing_older)
{
    crdt_store       *s = row(A);
    crdt_lwwmap_cell *cells;
    size_t            count;
    put(s, "k", "first", 1, NEVER);
    put(s, "k", "second", 2, 100);
    put(s, "j", "other", 2, NEVER);
    CHECK(reads(s, "k", 99, "second"));
    CHECK(reads(s, "k", 100, NULL));
    CHECK_OK(crdt_lwwmap_cells(crdt_store_solo(s), 100, NULL, &cells, &count));
    CHECK_EQ_INT(count, 1);
    CHECK(crdt_view_compare(cells[0].column, name_of("j")) == 0);
    crdt_lwwmap_cells_free(NULL, cells, count);
    CHECK_EQ_STR(shown(s, ""), "{\"j\": \"other\", \"k\": \"second\" until 100}");
    crdt_store_free(s);
}

/* -- Hostile bytes, failing allocations -------------------------------------------------------- */

TEST(lwwmap, records_that_are_none_are_refused)
{
    crdt_store  *s = row(A);
    crdt_buf     bytes;
    crdt_options o = crdt_options_default(B, NULL);
    crdt_store  *back = NULL;
    const char  *reason = "";
    o.solo = &crdt_lwwmap_type;
    crdt_buf_init(&bytes, NULL);
    delete_range(s, "lo", "mi", 9);
    CHECK_OK(crdt_store_encode(s, &bytes));
    CHECK_OK(crdt_store_decode(&o, crdt_buf_bytes(&bytes), &back, &reason));
    crdt_store_free(back);
    uint8_t *record = bytes.data + bytes.size - 6; /* \4 \2 l o m i */
    CHECK(record[0] == 4 && record[1] == 2);
    static const uint8_t bad[5][6] = {{4, 2, 'm', 'i', 'm', 'i'},
                                      {4, 9, 'l', 'o', 'm', 'i'},
                                      {5, 2, 'l', 'o', 'm', 'i'},
                                      {0, 2, 'l', 'o', 'm', 'i'},
                                      {1, 2, 'l', 'o', 0, 'i'}};
    for (int i = 0; i < 5; i++) {
        memcpy(record, bad[i], 6);
        CHECK_ERR(crdt_store_decode(&o, crdt_buf_bytes(&bytes), &back, &reason), CRDT_EMALFORMED);
        CHECK_EQ_STR(reason, "a row's cell that is none");
    }
    crdt_buf_clear(&bytes);
    crdt_store_free(s);
}

/* The bytes of today: whoever changes them breaks what is on disks. */
TEST(lwwmap, its_bytes_are_these)
{
    char        text[400];
    crdt_store *s = row(A);
    crdt_buf    bytes;
    crdt_buf_init(&bytes, NULL);
    put(s, "k", "v", 5, 300);
    delete (s, "d", 6);
    delete_range(s, "lo", "mi", 7);
    CHECK_OK(crdt_store_encode(s, &bytes));
    CHECK(bytes.size * 2 < sizeof text);
    for (size_t i = 0; i < bytes.size; i++) snprintf(text + 2 * i, 3, "%02x", bytes.data[i]);
    CHECK_EQ_STR(text,
                 "c70101010100000000000000010003020000010017003003000105000000000000000702016b"
                 "ac027600020600000000000000030364000307000000000000000704026c6f6d69");
    crdt_buf_clear(&bytes);
    crdt_store_free(s);
}

TEST(lwwmap, every_refused_allocation_leaves_the_row_as_it_was)
{
    testmem     m;
    crdt_store *s, *other = row(B);
    testmem_init(&m);
    CHECK_OK(crdt_store_new_solo(&crdt_lwwmap_type, A, &m.mem, &s));
    put(other, "a", "a value that is long", 5, NEVER);
    put(other, "b", "another long value", 5, NEVER);
    join(s, other);
    crdt_store *before = recoded(s);
    for (uint64_t n = 1;; n++) {
        crdt_txn *txn;
        testmem_fail_nth(&m, n);
        crdt_err err = crdt_store_begin(s, NOW, &txn);
        if (err == CRDT_OK) {
            err = crdt_lwwmap_put(txn, CRDT_SOLO, name_of("a column"), crdt_text("and its value"),
                                  6, 77);
        }
        if (err == CRDT_OK)
            err = crdt_lwwmap_delete_range(txn, CRDT_SOLO, name_of("a"), name_of("ab"), 9);
        if (err == CRDT_OK) err = crdt_store_commit(s, NULL);
        bool refused = testmem_refused(&m);
        testmem_fail_never(&m);
        if (!refused) break;
        CHECK_ERR(err, CRDT_ENOMEM);
        crdt_store_rollback(s);
        check_store(s);
        CHECK(same_bytes(s, before));
    }
    CHECK_EQ_STR(shown(s, ""), "{\"b\": \"another long value\"}");
    free_all(s, other, before, NULL);
    TESTMEM_DONE(&m);
}

/* -- Rows of many columns ---------------------------------------------------------------------- */

TEST(lwwmap, a_thousand_columns_list_in_order)
{
    crdt_store       *s = row(A);
    crdt_lwwmap_cell *cells;
    size_t            count;
    crdt_txn         *txn = begin(s);
    for (unsigned i = 0; i < 1000; i++) {
        char column[8] = {'k', (char)('a' + i * 7 % 26), (char)('a' + i / 26 % 26),
                          (char)('a' + i / 676), 0};
        CHECK_OK(crdt_lwwmap_put(txn, CRDT_SOLO, name_of(column), crdt_int(i), i, NEVER));
    }
    crdt_store_free(commit(s));
    CHECK_OK(crdt_lwwmap_cells(crdt_store_solo(s), 0, NULL, &cells, &count));
    CHECK_EQ_INT(count, 1000);
    for (size_t i = 1; i < count; i++) {
        CHECK(crdt_view_compare(cells[i - 1].column, cells[i].column) < 0);
    }
    crdt_lwwmap_cells_free(NULL, cells, count);
    check_store(s);
    crdt_store_free(s);
}
