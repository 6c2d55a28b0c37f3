/* nested_field_test.c: the field's bugs, by what each checks, for maps, rows, cells, deadlines,
 * bounded counters and revision graphs; and keys in bad shape. Those that concern one of these
 * types alone stand in that type's file.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/lib/random.h"
#include "tests/lib/stores.h"
#include "tests/lib/t.h"

#define A 1
#define B 2
#define C 3
#define REPLICAS 3
#define ACTS 48

/* -- Some operation of each type --------------------------------------------------------------- */

static const crdt_type *const types[] = {
    &crdt_ormap_type, &crdt_ormap_rw_type, &crdt_ormap_lww_type, &crdt_lwwmap_type,
    &crdt_cell_type,  &crdt_expiry_type,   &crdt_bcounter_type,  &crdt_revgraph_type};
enum { TYPES = sizeof types / sizeof *types };

static bool is_map(const crdt_type *type)
{
    return type == &crdt_ormap_type || type == &crdt_ormap_rw_type || type == &crdt_ormap_lww_type;
}

static crdt_delta *act_on_map(crdt_store *s, const crdt_type *type, int i)
{
    const char *key = i % 3 == 0 ? "k" : "l";
    switch (i % 5) {
    case 0: return apply(s, "", type, "set_in", "m", key, "v");
    case 1: return apply(s, "", type, "remove", "m");
    case 2: return apply(s, "", type, "set", key, i % 2 ? "x" : "y");
    case 3: return apply(s, "", type, "remove", key);
    default: return apply(s, "", type, "create", "n");
    }
}

static crdt_delta *act_on_row(crdt_store *s, int i)
{
    const char *column = i % 3 == 0 ? "k" : "l";
    switch (i % 5) {
    case 0: return apply(s, "", &crdt_lwwmap_type, "set", column, "v");
    case 1: return apply(s, "", &crdt_lwwmap_type, "delete", column, i % 7);
    case 2: return apply(s, "", &crdt_lwwmap_type, "put_until", column, "x", i % 7, 99);
    case 3: return apply(s, "", &crdt_lwwmap_type, "delete_range", "a", column, i % 7);
    default: return apply(s, "", &crdt_lwwmap_type, "put", column, "w", i % 7);
    }
}

static crdt_delta *act_on_bcounter(crdt_store *s, int i)
{
    if (i % 4 == 2) return apply(s, "", &crdt_bcounter_type, "request", 1);
    if (i % 4 == 3) return apply(s, "", &crdt_bcounter_type, "grant");
    return apply(s, "", &crdt_bcounter_type, "inc", 1 + i);
}

static crdt_delta *act(crdt_store *s, const crdt_type *type, int i)
{
    if (is_map(type)) return act_on_map(s, type, i);
    if (type == &crdt_lwwmap_type) return act_on_row(s, i);
    if (type == &crdt_bcounter_type) return act_on_bcounter(s, i);
    if (type == &crdt_expiry_type) {
        return i % 4 ? apply(s, "", type, "expire_at", i) : apply(s, "", type, "persist");
    }
    if (type == &crdt_cell_type) {
        if (i % 4 == 0) return apply(s, "", type, "set", "7");
        return i % 4 == 3 ? apply(s, "", type, "clear") : apply(s, "", type, "incr", i);
    }
    return i % 3 == 2 ? apply(s, "", type, "merge", "m") : apply(s, "", type, "edit", "e");
}

/* -- Whatever the order ------------------------------------------------------------------------ */

/* riak_dt 925f28c: equality that depended on the order of a dictionary. delta_crdt_ex#45, #65: a
 * delta's context rounded up to a vector. akka-core#22188, #22606, #22890: deltas out of order.
 * js-delta-crdts#38: deltas that have nothing to do with one another. */
static void check_orders(const crdt_type *type, uint64_t *seed)
{
    crdt_store *s[REPLICAS], *shuffled = solo_of(type, 9), *late = solo_of(type, 8);
    crdt_delta *deltas[ACTS];
    for (unsigned r = 0; r < REPLICAS; r++) s[r] = solo_of(type, r + 1);
    for (int i = 0; i < ACTS; i++) {
        size_t r = random_below(seed, REPLICAS);
        if (i % 3 == 0) join(s[r], s[random_below(seed, 2) == 0 ? (r + 1) % 3 : (r + 2) % 3]);
        deltas[i] = act(s[r], type, i);
    }
    for (unsigned r = 0; r < REPLICAS; r++) join(late, s[r]);
    for (int i = ACTS - 1; i > 0; i--) {
        size_t      at = random_below(seed, (uint64_t)i + 1);
        crdt_delta *last = deltas[i];
        deltas[i] = deltas[at];
        deltas[at] = last;
    }
    for (int i = 0; i < ACTS; i++) {
        CHECK_OK(crdt_store_merge(shuffled, deltas[i]));
        if (i % 4 == 0) CHECK_OK(crdt_store_merge(shuffled, deltas[i / 2]));
    }
    check_store(shuffled);
    CHECK_MSG(same_bytes(shuffled, late), "%s", type->name);
    CHECK(crdt_digest_equal(crdt_store_digest(shuffled, NULL), crdt_store_digest(late, NULL)));
    crdt_store *again = recoded(late);
    CHECK_MSG(same_bytes(again, late), "%s", type->name);
    for (int i = 0; i < ACTS; i++) crdt_store_free(deltas[i]);
    free_all(s[0], s[1], s[2], shuffled, late, again, NULL);
}

TEST(field, equal_states_have_equal_bytes_whatever_their_history)
{
    uint64_t seed = seed_or(3);
    for (int round = 0; round < (T_SLOW ? 3 : 25); round++) {
        for (int t = 0; t < TYPES; t++) check_orders(types[t], &seed);
    }
}

/* riak_dt#79: "one clock dominates the other, so its side is right". */
TEST(field, a_removal_is_not_lost_when_one_context_dominates)
{
    for (int t = 0; t < 3; t++) {
        crdt_store *a = solo_of(types[t], A), *b = solo_of(types[t], B);
        DO(a, "", types[t], "set_in", "m", "k", "1");
        DO(a, "", types[t], "set", "l", "2");
        join(b, a);
        crdt_store *old = recoded(a);
        DO(b, "", types[t], "remove", "m");
        join(b, old); /* dominated: it does not bring back */
        CHECK_EQ_STR(shown(b, ""), "{\"l\": mvreg [\"2\"]}");
        DO(a, "", types[t], "set", "own", "3");
        join(a, b); /* neither dominates */
        CHECK_EQ_STR(shown(a, ""), "{\"l\": mvreg [\"2\"], \"own\": mvreg [\"3\"]}");
        join(b, a);
        CHECK(same_bytes(a, b));
        free_all(a, b, old, NULL);
    }
}

/* akka-core#22619: deltas that told again what was told before. */
TEST(field, the_delta_of_an_idle_operation_is_empty)
{
    static const struct {
        const crdt_type *type;
        const char      *op, *first;
    } idle[] = {{&crdt_ormap_type, "remove", "k"},     {&crdt_ormap_rw_type, "remove", "k"},
                {&crdt_ormap_lww_type, "remove", "k"}, {&crdt_ormap_type, "clear", NULL},
                {&crdt_cell_type, "clear", NULL},      {&crdt_expiry_type, "clear", NULL},
                {&crdt_bcounter_type, "grant", NULL}};
    for (size_t i = 0; i < sizeof idle / sizeof *idle; i++) {
        crdt_store *s = solo_of(idle[i].type, A);
        crdt_delta *delta = apply(s, "", idle[i].type, idle[i].op, idle[i].first);
        CHECK_MSG(crdt_store_is_empty(delta), "%s %s", idle[i].type->name, idle[i].op);
        free_all(s, delta, NULL);
    }
    crdt_store *row = solo_of(&crdt_lwwmap_type, A);
    DO(row, "", &crdt_lwwmap_type, "put", "k", "v", 5);
    crdt_delta *older = apply(row, "", &crdt_lwwmap_type, "put", "k", "w", 4);
    crdt_delta *same = apply(row, "", &crdt_lwwmap_type, "put", "k", "v", 5);
    CHECK(crdt_store_is_empty(older) && crdt_store_is_empty(same));
    free_all(row, older, same, NULL);
}

/* -- Removals ---------------------------------------------------------------------------------- */

/* riak_dt#53: two resets took the same increments away twice. */
TEST(field, two_removals_take_the_same_increments_away_once)
{
    crdt_store *a = solo_of(&crdt_cell_type, A), *b = solo_of(&crdt_cell_type, B),
               *c = solo_of(&crdt_cell_type, C);
    DO(a, "", &crdt_cell_type, "incr", 5);
    join(b, a);
    join(c, a);
    DO(c, "", &crdt_cell_type, "incr", 2); /* unseen by both */
    DO(a, "", &crdt_cell_type, "clear");
    DO(b, "", &crdt_cell_type, "clear");
    join(a, b);
    join(a, c);
    CHECK_EQ_STR(shown(a, ""), "2");
    join(c, b);
    join(c, a);
    CHECK(same_bytes(a, c));
    free_all(a, b, c, NULL);
    a = solo_of(&crdt_ormap_type, A);
    b = solo_of(&crdt_ormap_type, B);
    DO(a, "", &crdt_ormap_type, "count", "n", 5);
    join(b, a);
    DO(a, "", &crdt_ormap_type, "remove", "n");
    DO(b, "", &crdt_ormap_type, "remove", "n");
    DO(b, "", &crdt_ormap_type, "count", "n", 3);
    join(a, b);
    join(b, a);
    CHECK_EQ_STR(shown(a, ""), "{\"n\": pncounter 3}");
    CHECK(same_bytes(a, b));
    free_all(a, b, NULL);
}

/* go-ds-crdt#238, #43, #50: put, put, delete beside a put: what was put first came back. */
TEST(field, a_removed_value_is_not_restored_by_an_unordered_delete)
{
    crdt_store *a = solo_of(&crdt_ormap_type, A), *b = solo_of(&crdt_ormap_type, B);
    DO(a, "", &crdt_ormap_type, "set", "k", "one");
    DO(a, "", &crdt_ormap_type, "set", "k", "two");
    join(b, a);
    crdt_delta *gone = apply(a, "", &crdt_ormap_type, "remove", "k");
    DO(b, "", &crdt_ormap_type, "set", "k", "three");
    join(b, gone);
    join(a, b);
    CHECK_EQ_STR(shown(a, ""), "{\"k\": mvreg [\"three\"]}");
    CHECK(same_bytes(a, b));
    free_all(a, b, gone, NULL);
    a = solo_of(&crdt_lwwmap_type, A);
    b = solo_of(&crdt_lwwmap_type, B);
    crdt_delta *one = apply(a, "", &crdt_lwwmap_type, "put", "k", "one", 1);
    crdt_delta *two = apply(a, "", &crdt_lwwmap_type, "put", "k", "two", 2);
    crdt_delta *del = apply(a, "", &crdt_lwwmap_type, "delete", "k", 3);
    CHECK_OK(crdt_store_merge(b, del)); /* the deletion first */
    CHECK_OK(crdt_store_merge(b, two));
    CHECK_OK(crdt_store_merge(b, one));
    CHECK_EQ_STR(shown(b, ""), "{}");
    DO(b, "", &crdt_lwwmap_type, "put", "k", "late", 2);
    CHECK_EQ_STR(shown(b, ""), "{}");
    DO(b, "", &crdt_lwwmap_type, "put", "k", "later", 4);
    CHECK_EQ_STR(shown(b, ""), "{\"k\": \"later\"}");
    free_all(a, b, one, two, del, NULL);
}

/* cr-sqlite#413, corrosion#352: an equal write was idle, and a third replica never heard of it. */
TEST(field, equal_writes_of_two_replicas_reach_a_third)
{
    for (int t = 0; t < TYPES; t++) {
        crdt_store *a = solo_of(types[t], A), *b = solo_of(types[t], B), *c = solo_of(types[t], C);
        crdt_delta *of_a = act(a, types[t], 0), *of_b = act(b, types[t], 0);
        join(c, of_b); /* of a it hears by b alone */
        join(b, of_a);
        join(a, of_b);
        join(c, b);
        CHECK_MSG(same_bytes(a, b) && same_bytes(b, c), "%s", types[t]->name);
        CHECK(crdt_digest_equal(crdt_store_digest(a, NULL), crdt_store_digest(c, NULL)));
        free_all(a, b, c, of_a, of_b, NULL);
    }
}

/* quarto-dev/q2#689, automerge#337: one dot with two contents, and nothing was taken any more. */
TEST(field, a_fork_is_refused_and_the_rest_goes_on)
{
    for (int t = 0; t < TYPES; t++) {
        if (types[t] == &crdt_bcounter_type) continue; /* by totals: bcounter_test.c */
        crdt_store *a = solo_of(types[t], A), *clone = solo_of(types[t], A);
        crdt_store *b = solo_of(types[t], B);
        int         one = types[t] == &crdt_revgraph_type ? 0 : 1, two = 2;
        if (is_map(types[t])) one = 2, two = 7; /* a register's values */
        if (types[t] == &crdt_lwwmap_type) one = 2, two = 4;
        crdt_delta *mine = act(a, types[t], one), *other = act(clone, types[t], two);
        crdt_delta *news = act(b, types[t], one);
        crdt_store *before = recoded(a);
        CHECK_MSG(crdt_store_merge(a, other) == CRDT_EFORK, "%s", types[t]->name);
        CHECK_MSG(same_bytes(a, before), "%s", types[t]->name);
        join(a, news);
        check_store(a);
        free_all(a, clone, b, mine, other, news, before, NULL);
    }
}

/* -- Growth ------------------------------------------------------------------------------------ */

/* yjs#741, liveblocks#2757: growth with each overwrite. go-ds-crdt#228, yorkie-js-sdk#1361:
 * tombstones that nobody took away. What must remember a removal does so until it is stable. */
TEST(field, overwriting_and_removing_do_not_grow_the_store)
{
    for (int t = 0; t < TYPES; t++) {
        if (types[t] == &crdt_revgraph_type) continue; /* revgraph_field_test.c */
        crdt_store *a = solo_of(types[t], A), *b = solo_of(types[t], B);
        size_t      few = 0;
        for (int i = 0; i < (T_SLOW ? 400 : 1900); i++) { /* in the end as after a hundred */
            crdt_store_free(act(i % 2 == 0 ? a : b, types[t], i));
            if (i % 50 != 49) continue;
            join(a, b);
            join(b, a);
            CHECK_OK(crdt_store_stabilise(a, crdt_store_context(a)));
            CHECK_OK(crdt_store_stabilise(b, crdt_store_context(b)));
            if (i == 99) few = encoded_size(a);
        }
        CHECK(same_bytes(a, b));
        CHECK_MSG(encoded_size(a) <= few + 64, "%s: %zu bytes grew to %zu", types[t]->name, few,
                  encoded_size(a));
        free_all(a, b, NULL);
    }
}

/* -- Keys in bad shape ------------------------------------------------------------------------- */

/* In a tree that looks at the first eight bytes: keys that begin alike, or with one another, or end
 * in zeros. */
TEST(field, keys_that_collide_are_told_apart)
{
    static const char *const keys[] = {"",
                                       "\0",
                                       "\0\0\0\0\0\0\0\0",
                                       "\0\0\0\0\0\0\0\0\0",
                                       "commonpr",
                                       "commonpr\0",
                                       "commonpr\0\0",
                                       "commonprefix",
                                       "commonprefix1",
                                       "commonprefix2",
                                       "common",
                                       "common\0\0",
                                       "\xff\xff\xff\xff\xff\xff\xff\xff",
                                       "\xff\xff\xff\xff\xff\xff\xff\xff\xff"};
    static const size_t      sizes[] = {0, 1, 8, 9, 8, 9, 10, 12, 13, 13, 6, 8, 8, 9};
    enum { KEYS = sizeof sizes / sizeof *sizes };
    uint64_t seed = seed_or(5);
    for (int round = 0; round < 20; round++) {
        crdt_store *s = solo_of(&crdt_ormap_type, A);
        crdt_view   key, last = {NULL, 0};
        crdt_ref    ref;
        size_t      from = random_below(&seed, KEYS), count = 0;
        crdt_txn   *txn = begin(s);
        CHECK_OK(crdt_ormap_enter(txn, CRDT_SOLO, &crdt_ormap_type, NULL, 0));
        for (size_t i = 0; i < KEYS; i++) { /* 3 and 14 have no divisor in common */
            size_t at = (from + i * (round % 2 ? 3 : 11)) % KEYS;
            CHECK_OK(crdt_mvreg_set(txn, crdt_view_of(keys[at], sizes[at]), crdt_int((int)at)));
        }
        crdt_store_free(commit(s));
        check_store(s);
        for (size_t at = 0; at < KEYS; at++) {
            crdt_value value;
            key = crdt_view_of(keys[at], sizes[at]);
            CHECK_OK(crdt_ormap_get(crdt_store_solo(s), &key, 1, &crdt_mvreg_type, &ref));
            CHECK(crdt_mvreg_get(ref, 0, &value) && value.i == (int64_t)at);
        }
        crdt_ormap_iter it = crdt_ormap_iterate(crdt_store_solo(s));
        for (; crdt_ormap_next(&it, &key, &ref); last = key, count++) {
            CHECK(count == 0 || crdt_view_compare(last, key) < 0);
        }
        CHECK_EQ_INT(count, KEYS);
        crdt_store *copy = recoded(s);
        CHECK(same_bytes(copy, s));
        key = crdt_view_of(keys[from], sizes[from]);
        CHECK_OK(crdt_ormap_remove(begin(s), CRDT_SOLO, &crdt_ormap_type, &key, 1));
        crdt_store_free(commit(s));
        CHECK_EQ_INT(crdt_ormap_count(crdt_store_solo(s)), KEYS - 1);
        check_store(s);
        free_all(s, copy, NULL);
    }
}

TEST(field, a_million_keys)
{
    enum { KEYS = T_SLOW ? 20000 : 1000000 };
    crdt_store *a = solo_of(&crdt_ormap_type, A), *b = solo_of(&crdt_ormap_type, B);
    crdt_txn   *txn = begin(a);
    CHECK_OK(crdt_ormap_enter(txn, CRDT_SOLO, &crdt_ormap_type, NULL, 0));
    for (uint32_t i = 0; i < KEYS; i++) {
        uint32_t mixed = i * UINT32_C(2654435761);
        CHECK_OK(crdt_mvreg_set(txn, crdt_view_of(&mixed, sizeof mixed), crdt_int(i)));
    }
    crdt_store_free(commit(a));
    CHECK_EQ_INT(crdt_ormap_count(crdt_store_solo(a)), KEYS);
    crdt_store *read = recoded(a);
    join(b, read);
    DO(a, "", &crdt_ormap_type, "set", "one more", "v");
    join(b, a);
    CHECK_EQ_INT(crdt_ormap_count(crdt_store_solo(b)), KEYS + 1);
    CHECK(crdt_digest_equal(crdt_store_digest(a, NULL), crdt_store_digest(b, NULL)));
    DO(b, "", &crdt_ormap_type, "remove", "one more");
    join(a, b);
    CHECK_EQ_INT(crdt_ormap_count(crdt_store_solo(a)), KEYS);
    check_store(a);
    free_all(a, b, read, NULL);
}

static size_t varint_size(size_t n)
{
    size_t size = 1;
    while (n >>= 7) size++;
    return size;
}

/* Maps in maps, a hundred thousand of them, each a few bytes: refused where it is too deep. */
TEST(field, a_depth_bomb_is_refused_at_its_bound)
{
    enum { DEPTH = 100000 };
    static const uint8_t head[] = {0xC7, 1, 1, 0, 0, 0, 0, 1, 0, 22, 0};
    size_t              *sizes = calloc(DEPTH + 1, sizeof *sizes);
    crdt_options         o = crdt_options_default(A, NULL);
    crdt_store          *read;
    const char          *reason = "";
    crdt_buf             bytes;
    CHECK(sizes != NULL);
    sizes[0] = 1;
    for (size_t d = 1; d <= DEPTH; d++) sizes[d] = 4 + varint_size(sizes[d - 1]) + sizes[d - 1];
    crdt_buf_init(&bytes, NULL);
    crdt_buf_put(&bytes, head, sizeof head);
    crdt_buf_varint(&bytes, sizes[DEPTH]);
    for (size_t d = DEPTH; d > 0; d--) {
        static const uint8_t entry[] = {1, 0, 22, 0}; /* one, without key, a map, no marks */
        crdt_buf_put(&bytes, entry, sizeof entry);
        crdt_buf_varint(&bytes, sizes[d - 1]);
    }
    crdt_buf_byte(&bytes, 0);
    o.solo = &crdt_ormap_type;
    for (uint32_t depth = 32; depth < 5000000; depth *= 100) {
        o.limits.depth = depth;
        CHECK_ERR(crdt_store_decode(&o, crdt_buf_bytes(&bytes), &read, &reason), CRDT_ELIMIT);
        CHECK_EQ_STR(reason, "maps nested too deep");
    }
    crdt_buf_clear(&bytes);
    free(sizes);
}
