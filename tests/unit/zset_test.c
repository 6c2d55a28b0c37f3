/* zset_test.c: sorted sets: the order against a plain list, in and out of transactions; what
 * merges; failing memory; bytes that are none. */
#include "crdt/zset.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/random.h"
#include "tests/lib/stores.h"
#include "tests/lib/testmem.h"

#define A 1
#define B 2

static crdt_store *zset_of(uint64_t replica)
{
    return solo_of(&crdt_zset_type, replica);
}

static crdt_delta *add(crdt_store *s, const char *member, double score)
{
    CHECK_OK(crdt_zset_add(begin(s), CRDT_SOLO, name_of(member), score));
    return commit(s);
}

static crdt_delta *incr(crdt_store *s, const char *member, double amount)
{
    CHECK_OK(crdt_zset_incr(begin(s), CRDT_SOLO, name_of(member), amount, NULL));
    return commit(s);
}

static crdt_delta *removed(crdt_store *s, const char *member)
{
    CHECK_OK(crdt_zset_remove(begin(s), CRDT_SOLO, name_of(member)));
    return commit(s);
}

static void cross(crdt_store *a, crdt_delta *of_a, crdt_store *b, crdt_delta *of_b,
                  const char *expected)
{
    join(a, of_b);
    join(b, of_a);
    CHECK(same_bytes(a, b));
    CHECK_EQ_STR(shown(a, ""), expected);
    check_store(a);
    check_store(b);
    crdt_store_free(of_a);
    crdt_store_free(of_b);
}

/* -- A plain list of the same ------------------------------------------------------------------ */

#define MEMBERS 40

typedef struct model {
    bool   there[MEMBERS];
    double score[MEMBERS];
} model;

static const char *member_text(int i)
{
    static char text[16];
    snprintf(text, sizeof text, "m%02d", i);
    return text;
}

static bool comes_before(const model *m, int i, int j)
{
    return m->score[i] != m->score[j] ? m->score[i] < m->score[j] : i < j;
}

static size_t rank_in(const model *m, int i)
{
    size_t rank = 0;
    for (int j = 0; j < MEMBERS; j++) rank += m->there[j] && comes_before(m, j, i);
    return rank;
}

static size_t count_in(const model *m)
{
    size_t count = 0;
    for (int j = 0; j < MEMBERS; j++) count += m->there[j];
    return count;
}

/* Everything that can be read is as the model has it. */
static void compare(crdt_ref zset, const model *m)
{
    crdt_zset_item *items, scanned[MEMBERS];
    size_t          n, rank, count = count_in(m);
    double          score;
    CHECK_EQ_INT(crdt_zset_count(zset), count);
    CHECK_OK(crdt_zset_range(zset, 0, SIZE_MAX, NULL, &items, &n));
    CHECK_EQ_INT(n, count);
    CHECK_EQ_INT(crdt_zset_scan(zset, crdt_view_of(NULL, 0), scanned, MEMBERS), count);
    for (int i = 0, at = 0; i < MEMBERS; i++) {
        crdt_view member = name_of(member_text(i));
        CHECK(crdt_zset_score(zset, member, &score) == m->there[i]);
        CHECK(crdt_zset_rank(zset, member, &rank) == m->there[i]);
        if (!m->there[i]) continue;
        CHECK(score == m->score[i]);
        CHECK_EQ_INT(rank, rank_in(m, i));
        CHECK(crdt_view_compare(items[rank].member, member) == 0 && items[rank].score == score);
        CHECK(crdt_view_compare(scanned[at++].member, member) == 0);
    }
    crdt_zset_items_free(NULL, items, n);
    for (int bound = -2; bound <= 12; bound++) {
        size_t below = 0, with = 0;
        for (int j = 0; j < MEMBERS; j++) {
            below += m->there[j] && m->score[j] < bound;
            with += m->there[j] && m->score[j] <= bound;
        }
        CHECK_EQ_INT(crdt_zset_below(zset, bound, false), below);
        CHECK_EQ_INT(crdt_zset_below(zset, bound, true), with);
    }
}

static void change(crdt_txn *txn, model *m, uint64_t *seed)
{
    int       i = (int)random_below(seed, MEMBERS);
    crdt_view member = name_of(member_text(i));
    double    score = (double)random_below(seed, 11), told;
    switch (random_below(seed, 6)) {
    case 0:
        CHECK_OK(crdt_zset_remove(txn, CRDT_SOLO, member));
        m->there[i] = false;
        break;
    case 1:
        CHECK_OK(crdt_zset_incr(txn, CRDT_SOLO, member, score - 5, &told));
        m->score[i] = (m->there[i] ? m->score[i] : 0) + score - 5;
        CHECK(told == m->score[i]);
        m->there[i] = true;
        break;
    case 2:
        CHECK_OK(crdt_zset_raise(txn, CRDT_SOLO, member, score));
        if (!m->there[i] || score > m->score[i]) m->score[i] = score;
        m->there[i] = true;
        break;
    case 3:
        CHECK_OK(crdt_zset_lower(txn, CRDT_SOLO, member, score));
        if (!m->there[i] || score < m->score[i]) m->score[i] = score;
        m->there[i] = true;
        break;
    default:
        CHECK_OK(crdt_zset_add(txn, CRDT_SOLO, member, score));
        m->score[i] = score;
        m->there[i] = true;
    }
}

TEST(zset, the_order_is_that_of_a_plain_list)
{
    uint64_t seed = seed_or(1);
    for (int round = 0; round < (T_SLOW ? 5 : 60); round++) {
        crdt_store *a = zset_of(A), *b = zset_of(B);
        model       m;
        memset(&m, 0, sizeof m);
        for (int step = 0; step < 60; step++) {
            model     before = m;
            crdt_txn *txn = begin(a);
            crdt_ref  ref;
            for (uint64_t n = random_below(&seed, 5); n > 0; n--) change(txn, &m, &seed);
            crdt_err err = crdt_txn_find(txn, CRDT_SOLO, NULL, &ref);
            if (err == CRDT_OK) compare(ref, &m);
            else CHECK(count_in(&m) == 0);
            if (random_below(&seed, 4) == 0) {
                crdt_store_rollback(a);
                m = before;
            } else if (random_below(&seed, 2) == 0) {
                CHECK_OK(crdt_store_commit(a, NULL));
                join(b, a);
            } else {
                crdt_delta *d = commit(a);
                if (crdt_store_join(b, d, NOW) != CRDT_OK) join(b, a);
                crdt_store_free(d);
            }
            compare(crdt_store_solo(a), &m);
        }
        join(b, a);
        compare(crdt_store_solo(b), &m);
        check_store(a);
        check_store(b);
        CHECK(same_bytes(a, b));
        crdt_store *copy = recoded(a);
        compare(crdt_store_solo(copy), &m);
        check_store(copy);
        free_all(a, b, copy, NULL);
    }
}

/* Enough members that the tree has depth; in an order that would make a list of a plain one. */
TEST(zset, ranks_of_many_members)
{
    enum { COUNT = T_SLOW ? 2000 : 20000 };
    crdt_store     *a = zset_of(A);
    crdt_txn       *txn = begin(a);
    crdt_zset_item *item;
    size_t          n, rank;
    char            text[16];
    for (int i = 0; i < COUNT; i++) {
        snprintf(text, sizeof text, "%06d", i);
        CHECK_OK(crdt_zset_add(txn, CRDT_SOLO, name_of(text), i < COUNT / 2 ? i : COUNT - i));
    }
    CHECK_OK(crdt_store_commit(a, NULL));
    check_store(a); /* links, counts and balance */
    crdt_ref zset = crdt_store_solo(a);
    for (size_t i = 0; i < COUNT; i += 97) {
        CHECK_OK(crdt_zset_range(zset, i, 1, NULL, &item, &n));
        CHECK(crdt_zset_rank(zset, item->member, &rank) && rank == i);
        crdt_zset_items_free(NULL, item, n);
    }
    txn = begin(a);
    for (int i = 0; i < COUNT; i += 2) {
        snprintf(text, sizeof text, "%06d", i);
        CHECK_OK(crdt_zset_remove(txn, CRDT_SOLO, name_of(text)));
    }
    CHECK_OK(crdt_store_commit(a, NULL));
    check_store(a);
    CHECK_EQ_INT(crdt_zset_count(crdt_store_solo(a)), COUNT / 2);
    crdt_store_free(a);
}

/* -- Merging ----------------------------------------------------------------------------------- */

TEST(zset, adding_wins_and_increments_add_up)
{
    crdt_store *a = zset_of(A), *b = zset_of(B);
    crdt_delta *d = add(a, "x", 10);
    join(b, d);
    crdt_store_free(d);
    cross(a, removed(a, "x"), b, add(b, "x", 7), "{\"x\": 7}");
    cross(a, incr(a, "x", 2), b, incr(b, "x", 0.5), "{\"x\": 9.5}");
    cross(a, removed(a, "x"), b, incr(b, "x", 3), "{\"x\": 3}");
    cross(a, add(a, "x", 1), b, add(b, "x", 2), "{\"x\": 2}");
    crdt_ref ref = crdt_store_solo(a);
    CHECK(crdt_ormap_competes(ref));
    cross(a, removed(a, "x"), b, removed(b, "x"), "{}");
    CHECK(!crdt_zset_count(crdt_store_solo(a)));
    free_all(a, b, NULL);
}

TEST(zset, beside_others_and_inside_of_maps)
{
    crdt_store *a = store_of(A), *b = store_of(B);
    crdt_view   map = name_of("map"), inner = name_of("scores");
    crdt_txn   *txn = begin(a);
    double      score;
    CHECK_OK(crdt_zset_add(txn, name_of("z"), name_of("x"), 1));
    CHECK_ERR(crdt_cell_set(txn, name_of("z"), crdt_text("no")), CRDT_ETYPE);
    CHECK_OK(crdt_ormap_enter(txn, map, &crdt_ormap_type, NULL, 0));
    CHECK_OK(crdt_zset_add(txn, inner, name_of("y"), 2));
    CHECK_OK(crdt_zset_incr(txn, inner, name_of("y"), 0.5, NULL));
    CHECK_OK(crdt_zset_add(txn, inner, name_of("w"), 3));
    CHECK_OK(crdt_zset_remove(txn, inner, name_of("w")));
    crdt_ormap_leave(txn);
    crdt_delta *d = commit(a);
    join(b, d);
    CHECK_EQ_STR(shown(b, "map"), "{\"scores\": zset {\"y\": 2.5}}");
    CHECK_EQ_STR(shown(b, "z"), "{\"x\": 1}");
    check_store(a);
    check_store(b);
    crdt_ref ref;
    CHECK_OK(crdt_store_find(b, map, NULL, &ref));
    CHECK_OK(crdt_ormap_get(ref, &inner, 1, &crdt_zset_type, &ref));
    CHECK(crdt_zset_score(ref, name_of("y"), &score) && score == 2.5);
    txn = begin(b); /* nothing but scores goes into a sorted set */
    CHECK_OK(crdt_ormap_enter(txn, name_of("z"), &crdt_zset_type, NULL, 0));
    CHECK_ERR(crdt_cell_set(txn, name_of("x"), crdt_text("no")), CRDT_ETYPE);
    CHECK_ERR(crdt_orset_add(txn, name_of("n"), crdt_text("no")), CRDT_ETYPE);
    crdt_ormap_leave(txn);
    crdt_store_rollback(b);
    crdt_store *copy = recoded(b);
    CHECK(same_bytes(b, copy));
    check_store(copy);
    free_all(a, b, d, copy, NULL);
}

TEST(zset, refuses_what_is_too_long_and_what_is_no_number)
{
    crdt_store *a = zset_of(A);
    static char text[70000];
    double      none = 0.0;
    none = none / none;
    crdt_txn *txn = begin(a);
    CHECK_ERR(crdt_zset_add(txn, CRDT_SOLO, crdt_view_of(text, sizeof text), 1), CRDT_ELIMIT);
    CHECK_ERR(crdt_zset_add(txn, CRDT_SOLO, name_of("x"), none), CRDT_EINVAL);
    CHECK_ERR(crdt_zset_incr(txn, CRDT_SOLO, name_of("x"), none, NULL), CRDT_EINVAL);
    CHECK_ERR(crdt_zset_raise(txn, CRDT_SOLO, name_of("x"), none), CRDT_EINVAL);
    crdt_store_rollback(a);
    crdt_store_free(a);
}

/* -- Memory and bytes -------------------------------------------------------------------------- */

static crdt_err play(crdt_store *s, crdt_zset_item **items, size_t *n, const crdt_mem *mem)
{
    crdt_txn *txn;
    crdt_err  err = crdt_store_begin(s, NOW, &txn);
    if (err != CRDT_OK) return err;
    for (int i = 0; i < 4 && err == CRDT_OK; i++) {
        err = crdt_zset_add(txn, CRDT_SOLO, name_of(member_text(i)), 10 - i);
    }
    if (err == CRDT_OK) err = crdt_zset_incr(txn, CRDT_SOLO, name_of("m01"), 0.5, NULL);
    if (err == CRDT_OK) err = crdt_zset_raise(txn, CRDT_SOLO, name_of("m02"), 20);
    if (err == CRDT_OK) err = crdt_zset_remove(txn, CRDT_SOLO, name_of("m03"));
    crdt_ref ref;
    if (err == CRDT_OK) err = crdt_txn_find(txn, CRDT_SOLO, NULL, &ref);
    if (err == CRDT_OK) err = crdt_zset_range(ref, 1, 2, mem, items, n);
    if (err == CRDT_OK) err = crdt_store_commit(s, NULL);
    if (err != CRDT_OK) crdt_store_rollback(s);
    return err;
}

TEST(zset, without_memory_nothing_changes)
{
    testmem m;
    testmem_init(&m);
    for (uint64_t nth = 1;; nth++) {
        crdt_store     *s;
        crdt_zset_item *items = NULL;
        size_t          n = 0;
        CHECK_OK(crdt_zset_new(A, &m.mem, &s));
        CHECK_OK(crdt_zset_add(begin(s), CRDT_SOLO, name_of("m01"), 1));
        CHECK_OK(crdt_store_commit(s, NULL));
        testmem_fail_nth(&m, nth);
        crdt_err err = play(s, &items, &n, &m.mem);
        bool     refused = testmem_refused(&m);
        testmem_fail_never(&m);
        check_store(s);
        CHECK_EQ_STR(shown(s, ""),
                     err == CRDT_OK ? "{\"m00\": 10, \"m01\": 9.5, \"m02\": 20}" : "{\"m01\": 1}");
        crdt_zset_items_free(&m.mem, items, n);
        crdt_store_free(s);
        TESTMEM_DONE(&m);
        if (!refused) break;
        CHECK_ERR(err, CRDT_ENOMEM);
    }
}

/* The state of one sorted set by replica 7, its body as given. */
static void reads_as(const uint8_t *body, size_t size, crdt_err err, const char *text)
{
    static const uint8_t head[] = {0xc7, 1, 1,  1,  7, 0, 0, 0, 0, 0, 0, 0, /* state, one id */
                                   1,    0, 3,  29, /* context: its dots 1 to 30 */
                                   0,    0,         /* no cut, nobody retired */
                                   1,    0, 28, 0}; /* one object: no name, type, flags */
    crdt_options         o = crdt_options_default(A, NULL);
    crdt_store          *s = NULL;
    crdt_buf             in, out;
    const char          *why = "";
    o.solo = &crdt_zset_type;
    crdt_buf_init(&in, NULL);
    crdt_buf_init(&out, NULL);
    crdt_buf_put(&in, head, sizeof head);
    crdt_buf_view(&in, crdt_view_of(body, size));
    crdt_err got = crdt_store_decode(&o, crdt_buf_bytes(&in), &s, &why);
    CHECK_MSG(got == err, "%s: %s, %s", text, crdt_err_name(got), why);
    if (err != CRDT_OK) {
        CHECK_EQ_STR(why, text);
    } else {
        CHECK_OK(crdt_store_encode(s, &out));
        CHECK_EQ_MEM(out.data, out.size, in.data, in.size);
        CHECK_EQ_STR(shown(s, ""), text);
        check_store(s);
        crdt_store_free(s);
    }
    crdt_buf_clear(&in);
    crdt_buf_clear(&out);
}

#define READS(err, text, ...)                            \
    do {                                                 \
        const uint8_t body_[] = {__VA_ARGS__};           \
        reads_as(body_, sizeof body_, CRDT_##err, text); \
    } while (0)
#define STAMP 0, 0, 1, 0, 0, 0, 0, 0
#define DOUBLE(hi, lo) 0, 0, 0, 0, 0, 0, (lo), (hi)

TEST(zset, bytes_have_one_form)
{
    /* one member "x": key, type 30, no marks, body of 21 bytes: a base, and no increments */
    READS(OK, "{\"x\": 1}", 1, 1, 'x', 30, 0, 21, 1, 0, 1, STAMP, 0, DOUBLE(0x3f, 0xf0), 0);
    READS(OK, "{\"x\": -0}", 1, 1, 'x', 30, 0, 21, 1, 0, 1, STAMP, 0, DOUBLE(0x80, 0), 0);
    READS(OK, "{\"x\": inf}", 1, 1, 'x', 30, 0, 21, 1, 0, 1, STAMP, 0, DOUBLE(0x7f, 0xf0), 0);
    /* 9 bytes: raised to 1 */
    READS(OK, "{\"x\": 1}", 1, 1, 'x', 30, 0, 22, 1, 0, 1, STAMP, 10, 1, DOUBLE(0x3f, 0xf0), 0);
    READS(EMALFORMED, "a score that is no number", 1, 1, 'x', 30, 0, 21, 1, 0, 1, STAMP, 0,
          DOUBLE(0x7f, 0xf8), 0);
    READS(EMALFORMED, "a score that is no number", 1, 1, 'x', 30, 0, 22, 1, 0, 1, STAMP, 10, 3,
          DOUBLE(0x3f, 0xf0), 0);
    READS(EMALFORMED, "a score that is no number", 1, 1, 'x', 30, 0, 21, 1, 0, 1, STAMP, 9, 1,
          DOUBLE(0x3f, 0xf0));
    READS(EMALFORMED, "a sorted set's member is no score", 1, 1, 'x', 20, 0, 21, 1, 0, 1, STAMP, 0,
          DOUBLE(0x3f, 0xf0), 0);
    READS(EMALFORMED, "a sorted set's member has a mark", 1, 1, 'x', 30, 1, 0, 2, STAMP, 21, 1, 0,
          1, STAMP, 0, DOUBLE(0x3f, 0xf0), 0);
    READS(EMALFORMED, "an entry that holds nothing", 1, 1, 'x', 30, 0, 2, 0, 0);
    READS(EMALFORMED, "a map's keys are out of order", 2, 1, 'x', 30, 0, 21, 1, 0, 1, STAMP, 0,
          DOUBLE(0x3f, 0xf0), 0, 1, 'x', 30, 0, 2, 0, 0);
    /* an increment with more than 62 digits behind the point: frac is 2^62 */
    READS(EMALFORMED, "a share's fraction is out of range", 1, 1, 'x', 30, 0, 23, 0, 3, 0, 1, 0, 0,
          0, 0, 0, 0, 0, 0, 0, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x40, 0);
}
