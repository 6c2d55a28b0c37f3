/* seq_budget_test.c: what decoding a list or text may take: 8 times its bytes and 64 KiB at the
 * peak, whatever the shape of its history, as a state and as a delta. But 10 times where ids were
 * forgotten: see crdt_store_decode. */
#include <stdlib.h>
#include <string.h>

#include "crdt/rga.h"
#include "crdt/text.h"
#include "tests/lib/random.h"
#include "tests/lib/stores.h"
#include "tests/lib/t.h"
#include "tests/lib/testmem.h"

#define SLACK 65536u
static size_t many; /* elements, more or less */

static const crdt_type *const types[4] = {&crdt_text_type, &crdt_text_classic_type, &crdt_rga_type,
                                          &crdt_rga_classic_type};

static bool is_text(const crdt_type *type)
{
    return type == &crdt_text_type || type == &crdt_text_classic_type;
}

/* -- Writing ----------------------------------------------------------------------------------- */

/* n elements before the element pos. */
static void insert(crdt_txn *txn, crdt_view name, const crdt_type *type, uint64_t pos, size_t n)
{
    static const char *const letters[2] = {"a", "\xc3\xa9"};
    crdt_text_edit           text;
    crdt_rga_edit            list;
    if (is_text(type)) CHECK_OK(crdt_text_open(txn, name, type, &text));
    else CHECK_OK(crdt_rga_open(txn, name, type, &list));
    for (size_t i = 0; i < n; i++) {
        if (!is_text(type)) {
            CHECK_OK(crdt_rga_insert(&list, pos + i, crdt_bytes(NULL, 0)));
        } else {
            crdt_view letter = crdt_text_view(letters[i % 7 == 3]);
            CHECK_OK(crdt_text_insert(&text, CRDT_CODE_POINTS, pos + i, letter));
        }
    }
}

static void insert_one(crdt_store *s, uint64_t pos, size_t n)
{
    crdt_txn *txn = begin(s);
    insert(txn, CRDT_SOLO, crdt_store_solo(s).type, pos, n);
    CHECK_OK(crdt_store_commit(s, NULL));
}

static void delete_one(crdt_store *s, uint64_t pos, uint64_t n)
{
    DO(s, "", crdt_store_solo(s).type, "delete", (int)pos, (int)n);
}

static uint64_t length_of(const crdt_store *s)
{
    crdt_ref ref = crdt_store_solo(s);
    return is_text(ref.type) ? crdt_text_length(ref, CRDT_CODE_POINTS) : crdt_rga_length(ref);
}

/* -- Shapes ------------------------------------------------------------------------------------ */

static crdt_store *at_random(const crdt_type *type, uint64_t *random)
{
    crdt_store *s = solo_of(type, 1);
    for (uint64_t i = 0; i < many; i++) insert_one(s, random_below(random, i + 1), 1);
    return s;
}

static crdt_store *at_front(const crdt_type *type, uint64_t *random)
{
    crdt_store *s = solo_of(type, 1);
    (void)random;
    for (uint64_t i = 0; i < many; i++) insert_one(s, 0, 1);
    return s;
}

/* One long run, and insertions that cut it. */
static crdt_store *into_a_run(const crdt_type *type, uint64_t *random)
{
    crdt_store *s = solo_of(type, 1);
    (void)random;
    insert_one(s, 0, many);
    for (uint64_t i = 0; i < many; i++) insert_one(s, 2 * i + 1, 1);
    return s;
}

static crdt_store *every_other_deleted(const crdt_type *type, uint64_t *random)
{
    crdt_store *s = solo_of(type, 1);
    (void)random;
    insert_one(s, 0, 2 * many);
    for (uint64_t i = 0; i < many; i++) delete_one(s, i, 1);
    return s;
}

static crdt_store *typed_and_deleted(const crdt_type *type, uint64_t *random)
{
    crdt_store *s = solo_of(type, 1);
    for (uint64_t i = 0; i < many / 2; i++) {
        uint64_t length = length_of(s);
        insert_one(s, random_below(random, length + 1), 2);
        if (i > 0) delete_one(s, random_below(random, length), 1);
    }
    return s;
}

static crdt_store *two_in_turn(const crdt_type *type, uint64_t *random)
{
    crdt_store *s[2] = {solo_of(type, 1), solo_of(type, 2)};
    for (uint64_t i = 0; i < many / 4; i++) {
        crdt_store *author = s[i % 2];
        crdt_delta *delta =
            apply(author, "", type, "insert", (int)random_below(random, i + 1), "x");
        join(s[1 - i % 2], delta);
        crdt_store_free(delta);
    }
    crdt_store_free(s[1]);
    return s[0];
}

/* Each of many authors writes one element and deletes another one's. */
static crdt_store *many_authors(const crdt_type *type, uint64_t *random)
{
    crdt_store *all = solo_of(type, 1);
    for (uint64_t r = 2; r < many / 8; r++) {
        crdt_store *s;
        CHECK_OK(crdt_store_clone(all, r * 77777777777u, &s));
        insert_one(s, random_below(random, length_of(s) + 1), 1);
        if (r % 3 == 0) delete_one(s, random_below(random, length_of(s)), 1);
        crdt_delta *delta;
        CHECK_OK(crdt_store_since(s, crdt_store_context(all), &delta));
        join(all, delta);
        free_all(s, delta, NULL);
        if (r >= 400) break;
    }
    return all;
}

/* Three who do not see each other, all at one place: siblings. */
static crdt_store *three_at_the_front(const crdt_type *type, uint64_t *random)
{
    crdt_store *all = solo_of(type, 1);
    (void)random;
    for (uint64_t r = 2; r < 5; r++) {
        crdt_store *s = solo_of(type, r * 77777777777u);
        for (uint64_t i = 0; i < many / 3; i++) insert_one(s, 0, 1);
        join(all, s);
        crdt_store_free(s);
    }
    return all;
}

/* Rows that wait, all of them. */
static crdt_store *nothing_ready(const crdt_type *type, uint64_t *random)
{
    crdt_store *s = at_random(type, random), *to = solo_of(type, 9), *first = solo_of(type, 1);
    crdt_delta *rest;
    insert_one(first, 0, 1);
    CHECK_OK(crdt_store_since(s, crdt_store_context(first), &rest));
    crdt_store *part = NULL;
    CHECK_OK(crdt_store_part(s, 0, &part)); /* what all is checked against */
    crdt_store_free(part);
    free_all(s, first, NULL);
    crdt_store_free(to);
    return rest;
}

static crdt_store *with_sets(const crdt_type *type, uint64_t *random)
{
    crdt_store *s = solo_of(type, 1);
    insert_one(s, 0, many / 2);
    if (is_text(type)) return s;
    for (size_t i = 0; i < many / 2; i++) {
        crdt_value args[2] = {crdt_int((int64_t)random_below(random, many / 2)), crdt_bytes("", 0)};
        CHECK_OK(crdt_store_apply(s, 1, CRDT_SOLO, &type->ops[2], args, 2, NULL));
    }
    return s;
}

typedef struct shape {
    const char *name;
    crdt_store *(*make)(const crdt_type *type, uint64_t *random);
} shape;

static const shape shapes[] = {
    {"at random", at_random},
    {"at the front", at_front},
    {"into a run", into_a_run},
    {"every other deleted", every_other_deleted},
    {"typed and deleted", typed_and_deleted},
    {"two in turn", two_in_turn},
    {"three at the front", three_at_the_front},
    {"many authors", many_authors},
    {"nothing is ready", nothing_ready},
    {"with sets", with_sets},
};

/* -- Decoding ---------------------------------------------------------------------------------- */

static void check_within(size_t each, bool forget_ids, const char *what, const char *form,
                         const crdt_store *from)
{
    testmem      m;
    crdt_buf     bytes;
    crdt_store  *like, *read;
    crdt_options o = crdt_options_default(0, NULL);
    o.forget_ids = forget_ids;
    testmem_init(&m);
    crdt_buf_init(&bytes, NULL);
    CHECK_OK(crdt_store_encode(from, &bytes));
    o.solo = crdt_store_solo(from).type;
    o.mem = &m.mem;
    CHECK_OK(crdt_store_new(&o, &like));
    size_t before = m.peak = m.bytes;
    CHECK_OK(crdt_delta_decode(like, crdt_buf_bytes(&bytes), &read, NULL));
    size_t peak = m.peak - before;
    if (getenv("SHOW"))
        printf("%-14s %-20s %-12s %8zu bytes, peak %5.2f kept %5.2f\n", o.solo->name, what, form,
               bytes.size, (double)(peak > SLACK ? peak - SLACK : 0) / (double)bytes.size,
               (double)(m.bytes - before) / (double)bytes.size);
    CHECK_MSG(peak <= each * bytes.size + SLACK, "%s, %s, %s: %zu bytes for %zu", o.solo->name,
              what, form, peak, bytes.size);
    check_store(read);
    CHECK(same_bytes(read, from));
    free_all(read, like, NULL);
    crdt_buf_clear(&bytes);
    TESTMEM_DONE(&m);
}

static void check_decode(const char *what, const char *form, const crdt_store *from)
{
    check_within(8, false, what, form, from);
}

static void check_since_none(const char *what, const char *form, const crdt_store *s)
{
    crdt_context none;
    crdt_delta  *all;
    crdt_context_init(&none, NULL);
    CHECK_OK(crdt_store_since(s, &none, &all));
    check_decode(what, form, all);
    crdt_store_free(all);
}

/* One transaction deletes every other element, a second one the rest: what they send, what it comes
 * to, and all of it as a delta. */
static void check_removals(const char *what, const crdt_store *from)
{
    crdt_store *s;
    CHECK_OK(crdt_store_clone(from, 99, &s));
    const crdt_type *type = crdt_store_solo(s).type;
    for (int all = 0; all < 2; all++) {
        crdt_txn      *txn = begin(s);
        crdt_text_edit text;
        crdt_rga_edit  list;
        crdt_err       err = all ? crdt_txn_remove(txn, CRDT_SOLO) : CRDT_OK;
        CHECK(err == CRDT_OK || err == CRDT_ENOENT);
        if (is_text(type)) CHECK_OK(crdt_text_open(txn, CRDT_SOLO, type, &text));
        else CHECK_OK(crdt_rga_open(txn, CRDT_SOLO, type, &list));
        for (uint64_t i = 0, n = all ? 0 : length_of(s) / 2; i < n; i++) {
            if (is_text(type)) CHECK_OK(crdt_text_delete(&text, CRDT_CODE_POINTS, i, 1));
            else CHECK_OK(crdt_rga_delete(&list, i, 1));
        }
        crdt_delta *delta = commit(s);
        check_decode(what, all ? "removal" : "scattered", delta);
        check_decode(what, all ? "removed" : "half left", s);
        check_since_none(what, all ? "removed since" : "half since", s);
        crdt_store_free(delta);
    }
    CHECK_EQ_INT(length_of(s), 0);
    crdt_store_free(s);
}

static void check_shape(const shape *sh, const crdt_type *type, uint64_t seed)
{
    uint64_t     random = seed;
    crdt_store  *s = sh->make(type, &random);
    crdt_context half;
    check_decode(sh->name, "whole", s);
    crdt_context_init(&half, NULL);
    crdt_delta *part;
    if (crdt_store_since(s, &half, &part) == CRDT_OK) {
        check_decode(sh->name, "since none", part);
        crdt_store_free(part);
        const crdt_context *all = crdt_store_context(s);
        for (uint32_t i = 0; i < all->count; i++) {
            crdt_run run = all->runs[i];
            run.hi = run.lo + (run.hi - run.lo) / 2;
            CHECK_OK(crdt_context_reserve(&half, 1));
            crdt_context_add_reserved(&half, run);
        }
        CHECK_OK(crdt_store_since(s, &half, &part));
        check_decode(sh->name, "since half", part);
        crdt_store_free(part);
        check_removals(sh->name, s);
        CHECK_OK(crdt_store_stabilise(s, crdt_store_context(s)));
        check_decode(sh->name, "stable", s);
    }
    crdt_context_clear(&half);
    crdt_store_free(s);
}

TEST(seq_budget, whatever_the_shape)
{
    uint64_t seed = seed_or(5);
    for (int t = 0; t < 4; t++) {
        for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
            many = 1000;
            check_shape(&shapes[i], types[t], seed);
            many = T_SLOW ? 600 : 12000;
            check_shape(&shapes[i], types[t], seed);
        }
        many = T_SLOW ? 1000 : 100000;
        uint64_t    random = seed;
        crdt_store *siblings = three_at_the_front(types[t], &random);
        check_removals("three at the front", siblings);
        crdt_store_free(siblings);
    }
}

/* Where ids are forgotten nothing stays bytes: every other element, or most of them. */
static void check_forgetful(const crdt_type *type, uint64_t seed, uint64_t most)
{
    uint64_t     random = seed;
    crdt_store  *s;
    crdt_options o = crdt_options_default(1, NULL);
    o.solo = type;
    o.forget_ids = true;
    CHECK_OK(crdt_store_new(&o, &s));
    for (uint64_t i = 0; i < many; i++) insert_one(s, random_below(&random, i + 1), 1);
    for (uint64_t i = 0; i < length_of(s); i++) {
        uint64_t n = 1 + random_below(&random, most);
        delete_one(s, i, n < length_of(s) - i ? n : length_of(s) - i);
    }
    CHECK_OK(crdt_store_stabilise(s, crdt_store_context(s)));
    check_within(10, true, "forgetful", "stable", s);
    crdt_store_free(s);
}

TEST(seq_budget, where_ids_are_forgotten)
{
    uint64_t seed = seed_or(5);
    for (int t = 0; t < 4; t++) {
        for (many = 1000; many <= (T_SLOW ? 1000 : 12000); many += 11000) {
            check_forgetful(types[t], seed, 1);
            check_forgetful(types[t], seed, 5);
        }
    }
}

/* -- Forgotten elements ------------------------------------------------------------------------ */

/* In a state, too, few bytes may not tell of elements that nobody deleted: whatever byte of one
 * with forgotten elements is another, such a claim is seen. */
static void check_claims(const crdt_type *type)
{
    crdt_store *s = solo_of(type, 1), *read;
    crdt_buf    bytes;
    unsigned    seen = 0;
    insert_one(s, 0, 9);
    delete_one(s, 2, 4);
    CHECK_OK(crdt_store_stabilise(s, crdt_store_context(s)));
    crdt_buf_init(&bytes, NULL);
    CHECK_OK(crdt_store_encode(s, &bytes));
    crdt_options o = crdt_options_default(2, NULL);
    o.solo = type;
    for (size_t i = 0; i < bytes.size; i++) {
        uint8_t was = bytes.data[i];
        for (unsigned k = 1; k < 256; k++) {
            const char *reason = NULL;
            bytes.data[i] = was ^ (uint8_t)k;
            crdt_err err = crdt_store_decode(&o, crdt_buf_bytes(&bytes), &read, &reason);
            if (err != CRDT_OK) {
                CHECK(reason != NULL);
                seen += strcmp(reason, "forgotten elements that nobody deleted") == 0;
                continue;
            }
            check_store(read);
            crdt_store_free(read);
        }
        bytes.data[i] = was;
    }
    CHECK(seen > 0);
    crdt_buf_clear(&bytes);
    crdt_store_free(s);
}

TEST(seq_budget, a_state_that_claims_forgotten_elements_shows_who_deleted_them)
{
    for (int t = 0; t < 4; t++) check_claims(types[t]);
}
