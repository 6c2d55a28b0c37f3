/* sets_test.c: the four set types through stores and transactions. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/stores.h"
#include "tests/lib/t.h"
#include "tests/lib/testmem.h"

#define A 0xa1u
#define B 0xb2u
#define C 0xc3u

static uint64_t random_state;

static unsigned random_below(unsigned n)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(random_state >> 33) % n;
}

static const crdt_type *orset(void)
{
    return &crdt_orset_type;
}

static const crdt_type *rwset(void)
{
    return &crdt_rwset_type;
}

static const crdt_type *twopset(void)
{
    return &crdt_twopset_type;
}

/* -- orset ------------------------------------------------------------------------------------- */

TEST(orset, shows_what_is_added_until_it_is_removed)
{
    crdt_store *a = store_of(A);
    DO(a, "s", orset(), "add", "b");
    DO(a, "s", orset(), "add", "a");
    DO(a, "s", orset(), "add", "a");
    CHECK_EQ_STR(shown(a, "s"), "{\"a\", \"b\"}");
    DO(a, "s", orset(), "remove", "b");
    CHECK_EQ_STR(shown(a, "s"), "{\"a\"}");
    check_store(a);
    free_all(a, NULL);
}

TEST(orset, add_wins_over_concurrent_remove)
{
    crdt_store *a = store_of(A), *b = store_of(B);
    DO(a, "s", orset(), "add", "x");
    join(b, a);
    DO(a, "s", orset(), "add", "x");
    DO(b, "s", orset(), "remove", "x");
    CHECK_EQ_STR(shown(b, "s"), "{}");
    join(a, b);
    join(b, a);
    CHECK_EQ_STR(shown(a, "s"), "{\"x\"}");
    CHECK(same_bytes(a, b));
    free_all(a, b, NULL);
}

TEST(orset, remove_covers_every_concurrent_add_it_saw)
{
    crdt_store *a = store_of(A), *b = store_of(B);
    DO(a, "s", orset(), "add", "x");
    DO(b, "s", orset(), "add", "x");
    join(a, b);
    CHECK_EQ_STR(shown(a, "s"), "{\"x\"}");
    CHECK_EQ_INT(crdt_store_stats(a).elements, 1);
    DO(a, "s", orset(), "remove", "x");
    join(b, a);
    CHECK_EQ_STR(shown(b, "s"), "{}");
    free_all(a, b, NULL);
}

/* Seven steps that lost an element that was present on both sides, in a library that treated a
 * newer clock as a licence to drop. */
TEST(orset, keeps_what_is_present_on_both_sides)
{
    crdt_store *a = store_of(A), *b = store_of(B);
    DO(a, "s", orset(), "add", "z");
    join(b, a);
    DO(b, "s", orset(), "remove", "z");
    DO(b, "s", orset(), "add", "z");
    DO(a, "s", orset(), "remove", "z");
    join(a, b);
    CHECK_EQ_STR(shown(a, "s"), "{\"z\"}");
    DO(a, "s", orset(), "add", "y");
    join(b, a);
    DO(b, "s", orset(), "remove", "y");
    join(a, b);
    CHECK_EQ_STR(shown(a, "s"), "{\"z\"}");
    CHECK(same_bytes(a, b));
    free_all(a, b, NULL);
}

TEST(orset, leaves_nothing_of_what_is_removed)
{
    crdt_store *a = store_of(A);
    char        text[16];
    DO(a, "s", orset(), "add", "x");
    size_t size = encoded_size(a);
    for (int i = 0; i < 300; i++) {
        snprintf(text, sizeof text, "%d", i);
        DO(a, "s", orset(), "add", text);
        DO(a, "s", orset(), "remove", text);
    }
    CHECK(encoded_size(a) <= size + 4);
    free_all(a, NULL);
}

TEST(orset, removing_the_absent_takes_no_dot)
{
    crdt_store *a = solo_of(orset(), A);
    crdt_txn   *txn = begin(a);
    CHECK_OK(crdt_orset_remove(txn, CRDT_SOLO, crdt_int(1)));
    CHECK_OK(crdt_orset_clear(txn, CRDT_SOLO));
    crdt_delta *delta = commit(a);
    CHECK(crdt_store_is_empty(delta));
    free_all(a, delta, NULL);
}

TEST(orset, remove_at_a_read_context_spares_what_the_reader_had_not_seen)
{
    crdt_store  *a = solo_of(orset(), A), *b = solo_of(orset(), B);
    crdt_context read;
    crdt_context_init(&read, NULL);
    crdt_store_free(apply(a, "", orset(), "add", "x"));
    CHECK_OK(crdt_context_copy(&read, crdt_store_context(a)));
    crdt_store_free(apply(b, "", orset(), "add", "x"));
    join(a, b);
    crdt_txn *txn = begin(a);
    crdt_txn_at(txn, &read);
    CHECK_OK(crdt_orset_remove(txn, CRDT_SOLO, crdt_text("x")));
    CHECK_OK(crdt_orset_add(txn, CRDT_SOLO, crdt_text("y")));
    CHECK_OK(crdt_orset_remove(txn, CRDT_SOLO, crdt_text("y")));
    crdt_store_free(commit(a));
    CHECK(crdt_orset_has(crdt_store_solo(a), crdt_text("x")));
    CHECK(!crdt_orset_has(crdt_store_solo(a), crdt_text("y")));
    crdt_context_clear(&read);
    free_all(a, b, NULL);
}

TEST(orset, refuses_what_breaks_a_limit_and_changes_nothing)
{
    crdt_options o = crdt_options_default(A, NULL);
    crdt_store  *a;
    char         text[40] = {0};
    o.solo = orset();
    o.limits.elements = 3;
    o.limits.value_bytes = 32;
    CHECK_OK(crdt_store_new(&o, &a));
    crdt_txn *txn = begin(a);
    for (int i = 0; i < 3; i++) CHECK_OK(crdt_orset_add(txn, CRDT_SOLO, crdt_int(i)));
    CHECK_ERR(crdt_orset_add(txn, CRDT_SOLO, crdt_int(3)), CRDT_ELIMIT);
    CHECK_OK(crdt_orset_add(txn, CRDT_SOLO, crdt_int(2)));
    CHECK_OK(crdt_orset_remove(txn, CRDT_SOLO, crdt_int(2)));
    CHECK_OK(crdt_orset_add(txn, CRDT_SOLO, crdt_bytes(text, 32)));
    CHECK_ERR(crdt_orset_add(txn, CRDT_SOLO, crdt_bytes(text, 33)), CRDT_ELIMIT);
    CHECK_ERR(crdt_orset_add(txn, CRDT_SOLO, (crdt_value){(crdt_kind)7, 0, {NULL, 0}}),
              CRDT_EINVAL);
    crdt_store_free(commit(a));
    CHECK_EQ_INT(crdt_orset_count(crdt_store_solo(a)), 3);
    check_store(a);
    free_all(a, NULL);
}

/* -- Transactions against a naive set ---------------------------------------------------------- */

#define VALUES 6000
#define COLLIDING (T_SLOW ? 6000 : 60000)

typedef struct naive {
    bool   in[VALUES];
    size_t count;
} naive;

static void naive_set(naive *n, unsigned value, bool in)
{
    n->count += in && !n->in[value];
    n->count -= !in && n->in[value];
    n->in[value] = in;
}

static crdt_value numbered(unsigned value, char text[16])
{
    if (value % 3 != 0) return crdt_int(value);
    snprintf(text, 16, "v%u", value);
    return crdt_text(text);
}

static void check_reads(crdt_ref ref, const naive *n)
{
    char            text[16];
    crdt_value      value;
    size_t          count = 0;
    bool           *met = calloc(VALUES, 1);
    crdt_orset_iter it = crdt_orset_iterate(ref);
    while (crdt_orset_next(&it, &value)) {
        unsigned i = (unsigned)value.i;
        if (value.kind == CRDT_BYTES) {
            memset(text, 0, sizeof text);
            memcpy(text, value.bytes.data, value.bytes.size);
            i = (unsigned)strtoul(text + 1, NULL, 10);
        }
        CHECK(i < VALUES && n->in[i] && !met[i]);
        met[i] = true;
        count++;
    }
    free(met);
    CHECK_EQ_INT(count, n->count);
    CHECK_EQ_INT(crdt_orset_count(ref), n->count);
    for (unsigned i = 0; i < VALUES; i += 1 + VALUES / 97) {
        CHECK_EQ_INT(crdt_orset_has(ref, numbered(i, text)), n->in[i]);
    }
}

static void random_transactions(unsigned values, unsigned ops, unsigned rounds)
{
    crdt_store *s[2] = {solo_of(orset(), A), solo_of(orset(), B)};
    naive      *n = calloc(1, sizeof *n);
    char        text[16];
    for (unsigned round = 0; round < rounds; round++) {
        unsigned  who = random_below(2);
        crdt_ref  ref;
        crdt_txn *txn = begin(s[who]);
        for (unsigned i = 0; i < ops; i++) {
            unsigned   number = random_below(values);
            crdt_value value = numbered(number, text);
            bool       in = random_below(3) != 0;
            CHECK_OK(in ? crdt_orset_add(txn, CRDT_SOLO, value)
                        : crdt_orset_remove(txn, CRDT_SOLO, value));
            naive_set(n, number, in);
        }
        if (round % 11 == 10) {
            CHECK_OK(crdt_orset_clear(txn, CRDT_SOLO));
            memset(n, 0, sizeof *n);
        }
        CHECK_OK(crdt_txn_find(txn, CRDT_SOLO, orset(), &ref));
        check_reads(ref, n);
        crdt_delta *delta = commit(s[who]);
        check_reads(crdt_store_solo(s[who]), n);
        join(s[1 - who], delta);
        CHECK(same_bytes(s[0], s[1]));
        check_store(s[who]);
        check_store(s[1 - who]);
        crdt_store_free(delta);
    }
    free(n);
    free_all(s[0], s[1], NULL);
}

TEST(orset, transactions_read_what_they_wrote)
{
    random_state = 1;
    random_transactions(8, 5, 400);
    random_transactions(60, 40, 100);
    random_transactions(VALUES, 3000, 14);
}

/* Two writers add the same values without knowing of each other: two dots each, shown once. */
TEST(orset, shows_a_value_once_whoever_added_it)
{
    for (unsigned count = 5; count <= 5000; count *= 10) {
        crdt_store *a = solo_of(orset(), A), *b = solo_of(orset(), B), *s[2] = {b, a};
        naive      *n = calloc(1, sizeof *n);
        char        text[16];
        for (int i = 0; i < 2; i++) {
            crdt_txn *txn = begin(s[i]);
            for (unsigned v = 0; v < count; v++) {
                CHECK_OK(crdt_orset_add(txn, CRDT_SOLO, numbered(v, text)));
                naive_set(n, v, true);
            }
            crdt_store_free(commit(s[i]));
        }
        join(a, b);
        check_reads(crdt_store_solo(a), n);
        CHECK_EQ_INT(crdt_store_stats(a).dots, 2 * count);
        crdt_txn *txn = begin(a);
        for (unsigned v = 0; v < count; v += 2) {
            CHECK_OK(crdt_orset_remove(txn, CRDT_SOLO, numbered(v, text)));
            naive_set(n, v, false);
        }
        for (unsigned v = 1; v < count; v += 4) {
            CHECK_OK(crdt_orset_add(txn, CRDT_SOLO, numbered(v, text)));
        }
        crdt_ref ref;
        CHECK_OK(crdt_txn_find(txn, CRDT_SOLO, orset(), &ref));
        check_reads(ref, n);
        crdt_store_free(commit(a));
        check_reads(crdt_store_solo(a), n);
        check_store(a);
        free(n);
        free_all(a, b, NULL);
    }
}

/* -- gset -------------------------------------------------------------------------------------- */

TEST(gset, adds_once_and_for_good)
{
    crdt_store *a = store_of(A), *b = store_of(B);
    DO(a, "s", &crdt_gset_type, "add", "x");
    crdt_delta *again = apply(a, "s", &crdt_gset_type, "add", "x");
    CHECK(crdt_store_is_empty(again));
    DO(b, "s", &crdt_gset_type, "add", "x");
    DO(b, "s", &crdt_gset_type, "add", "y");
    join(a, b);
    join(b, a);
    CHECK_EQ_STR(shown(a, "s"), "{\"x\", \"y\"}");
    CHECK(same_bytes(a, b));
    remove_name(a, "s");
    CHECK_EQ_STR(shown(a, "s"), "ENOENT");
    free_all(a, b, again, NULL);
}

/* -- twopset ----------------------------------------------------------------------------------- */

TEST(twopset, what_is_removed_never_comes_back)
{
    crdt_store *a = store_of(A), *b = store_of(B);
    DO(a, "s", twopset(), "add", "x");
    DO(a, "s", twopset(), "add", "y");
    join(b, a);
    DO(a, "s", twopset(), "remove", "x");
    crdt_delta *none = apply(a, "s", twopset(), "add", "x");
    CHECK(crdt_store_is_empty(none));
    DO(b, "s", twopset(), "add", "x");
    join(a, b);
    join(b, a);
    CHECK_EQ_STR(shown(b, "s"), "{\"y\"}");
    CHECK(same_bytes(a, b));
    CHECK_EQ_INT(crdt_store_stats(a).residues, 1);
    CHECK_OK(crdt_store_stabilise(a, crdt_store_context(a)));
    CHECK_EQ_INT(crdt_store_stats(a).residues, 1);
    free_all(a, b, none, NULL);
}

TEST(twopset, hides_a_concurrent_add)
{
    crdt_store *a = store_of(A), *b = store_of(B);
    DO(a, "s", twopset(), "add", "x");
    DO(b, "s", twopset(), "add", "x");
    DO(b, "s", twopset(), "add", "y");
    DO(a, "s", twopset(), "remove", "x");
    join(a, b);
    CHECK_EQ_STR(shown(a, "s"), "{\"y\"}");
    CHECK_EQ_INT(crdt_store_stats(a).elements, 1);
    crdt_store *copy = recoded(a);
    CHECK_EQ_STR(shown(copy, "s"), "{\"y\"}");
    check_store(a);
    free_all(a, b, copy, NULL);
}

TEST(twopset, removing_the_absent_takes_no_dot)
{
    crdt_store *a = store_of(A);
    DO(a, "s", twopset(), "add", "x");
    crdt_delta *none = apply(a, "s", twopset(), "remove", "y");
    CHECK(crdt_store_is_empty(none));
    free_all(a, none, NULL);
}

/* -- rwset ------------------------------------------------------------------------------------- */

TEST(rwset, remove_wins_over_concurrent_add)
{
    crdt_store *a = store_of(A), *b = store_of(B);
    DO(a, "s", rwset(), "add", "x");
    DO(a, "s", rwset(), "add", "y");
    join(b, a);
    DO(a, "s", rwset(), "add", "x");
    DO(b, "s", rwset(), "remove", "x");
    join(a, b);
    join(b, a);
    CHECK_EQ_STR(shown(a, "s"), "{\"y\"}");
    CHECK(same_bytes(a, b));
    DO(a, "s", rwset(), "add", "x");
    join(b, a);
    CHECK_EQ_STR(shown(b, "s"), "{\"x\", \"y\"}");
    CHECK_EQ_INT(crdt_store_stats(b).residues, 0);
    check_store(b);
    free_all(a, b, NULL);
}

TEST(rwset, a_stable_removal_goes_with_the_adds_it_beat)
{
    crdt_store *a = store_of(A), *b = store_of(B);
    DO(a, "s", rwset(), "add", "x");
    DO(a, "s", rwset(), "add", "y");
    join(b, a);
    DO(a, "s", rwset(), "add", "x");
    DO(b, "s", rwset(), "remove", "x");
    join(a, b);
    CHECK_EQ_INT(crdt_store_stats(a).dots, 4); /* with that of the name */
    CHECK_EQ_INT(crdt_store_stats(a).residues, 1);
    CHECK_OK(crdt_store_stabilise(a, crdt_store_context(a)));
    CHECK_EQ_INT(crdt_store_stats(a).dots, 2);
    CHECK_EQ_INT(crdt_store_stats(a).residues, 0);
    CHECK_EQ_STR(shown(a, "s"), "{\"y\"}");
    check_store(a);
    free_all(a, b, NULL);
}

TEST(rwset, a_removal_stays_until_what_it_beat_is_stable)
{
    crdt_store  *a = store_of(A), *b = store_of(B);
    crdt_context cut;
    crdt_context_init(&cut, NULL);
    DO(a, "s", rwset(), "add", "x");
    DO(a, "s", rwset(), "add", "y");
    join(b, a);
    DO(b, "s", rwset(), "remove", "x");
    CHECK_OK(crdt_context_copy(&cut, crdt_store_context(b)));
    DO(a, "s", rwset(), "add", "x");
    join(b, a);
    CHECK_OK(crdt_store_stabilise(b, &cut));
    CHECK_EQ_STR(shown(b, "s"), "{\"y\"}");
    CHECK_EQ_INT(crdt_store_stats(b).residues, 1);
    crdt_context_clear(&cut);
    free_all(a, b, NULL);
}

TEST(rwset, a_set_of_removals_alone_does_not_exist)
{
    crdt_store *a = solo_of(rwset(), A), *b = solo_of(rwset(), B);
    crdt_store_free(apply(a, "", rwset(), "add", "x"));
    crdt_delta *removal = apply(a, "", rwset(), "remove", "x");
    crdt_ref    of_a = crdt_store_solo(a);
    CHECK(!rwset()->alive(&of_a));
    CHECK(!rwset()->empty(crdt_store_solo(a).state));
    CHECK_EQ_INT(crdt_rwset_count(crdt_store_solo(a)), 0);
    free_all(a, b, removal, NULL);
}

TEST(rwset, an_add_that_did_not_know_of_a_removal_loses_to_it)
{
    crdt_store  *a = solo_of(rwset(), A);
    crdt_context read;
    crdt_context_init(&read, NULL);
    crdt_store_free(apply(a, "", rwset(), "add", "x"));
    CHECK_OK(crdt_context_copy(&read, crdt_store_context(a)));
    crdt_store_free(apply(a, "", rwset(), "remove", "x"));
    crdt_txn *txn = begin(a);
    crdt_txn_at(txn, &read);
    CHECK_OK(crdt_rwset_add(txn, CRDT_SOLO, crdt_text("x")));
    crdt_store_free(commit(a));
    CHECK(!crdt_rwset_has(crdt_store_solo(a), crdt_text("x")));
    crdt_store_free(apply(a, "", rwset(), "add", "x"));
    CHECK(crdt_rwset_has(crdt_store_solo(a), crdt_text("x")));
    crdt_context_clear(&read);
    free_all(a, NULL);
}

/* -- Memory ------------------------------------------------------------------------------------ */

/* Each operation on sets of both sizes, with every allocation refused in turn: nothing changes,
 * and what is tried again works. */
TEST(sets, stand_refused_allocations)
{
    const crdt_types *types = crdt_types_builtin();
    for (size_t t = 0; t < types->count; t++) {
        const crdt_type *type = types->list[t];
        testmem          m;
        crdt_store      *s;
        if (type->id < 5 || type->id > 8) continue;
        testmem_init(&m);
        CHECK_OK(crdt_store_new_solo(type, A, &m.mem, &s));
        for (int round = 0; round < 60; round++) {
            const crdt_op *op = &type->ops[random_below((unsigned)type->ops_count)];
            crdt_value     arg = random_below(2) ? crdt_int(random_below(40)) : crdt_text("string");
            size_t         argc = strlen(op->args);
            if (strcmp(op->name, "clear") == 0 && round % 20 != 19) op = &type->ops[0], argc = 1;
            for (uint64_t n = 1;; n++) {
                testmem_fail_nth(&m, n);
                crdt_err err = crdt_store_apply(s, NOW, CRDT_SOLO, op, &arg, argc, NULL);
                bool     refused = testmem_refused(&m);
                testmem_fail_never(&m);
                check_store(s);
                if (err == CRDT_OK) break;
                CHECK(refused);
                CHECK_ERR(err, CRDT_ENOMEM);
            }
        }
        crdt_store_free(s);
        TESTMEM_DONE(&m);
    }
}

/* -- What a peer may send ---------------------------------------------------------------------- */

/* Many dots of one value cost no more than many values. */
TEST(sets, stand_many_dots_of_one_value)
{
    crdt_store *a = solo_of(orset(), A);
    enum { PEERS = 40, EACH = 400 };
    for (unsigned peer = 0; peer < PEERS; peer++) {
        crdt_store  *b = solo_of(orset(), C + (peer * 7 % PEERS));
        crdt_context none;
        crdt_context_init(&none, NULL);
        crdt_txn *txn = begin(b);
        for (int i = 0; i < EACH; i++) { /* each add a transaction that has seen nothing */
            crdt_store_rollback(b);
            txn = begin(b);
            crdt_txn_at(txn, &none);
            CHECK_OK(crdt_orset_add(txn, CRDT_SOLO, crdt_text("one")));
            crdt_store_free(commit(b));
        }
        join(a, b);
        CHECK_EQ_INT(crdt_orset_count(crdt_store_solo(a)), 1);
        crdt_store_free(b);
    }
    CHECK_EQ_INT(crdt_store_stats(a).dots, PEERS * EACH);
    crdt_orset_iter it = crdt_orset_iterate(crdt_store_solo(a));
    crdt_value      value;
    CHECK(crdt_orset_next(&it, &value));
    CHECK(!crdt_orset_next(&it, &value));
    check_store(a);
    crdt_store_free(apply(a, "", orset(), "remove", "one"));
    CHECK_EQ_INT(crdt_orset_count(crdt_store_solo(a)), 0);
    free_all(a, NULL);
}

/* The inverse of the mixer in core/hash.h, so that values can be made to share one place in the
 * index. */
static int64_t collider(uint64_t seed, uint64_t n)
{
    const uint64_t inverse = UINT64_C(0xcfee444d8b59a89b);
    uint64_t       hash = UINT64_C(0x12345678) << 32 | n;
    hash ^= hash >> 32;
    hash = hash * inverse;
    hash ^= hash >> 32;
    hash = hash * inverse;
    hash ^= hash >> 32;
    return (int64_t)(hash ^ seed);
}

static crdt_value of_any_size(unsigned element, char bytes[1000])
{
    int size = snprintf(bytes, 1000, "%u", element);
    if (element >= 4) return crdt_bytes(bytes, (size_t)size);
    memset(bytes + size, 'x', 1000 - (size_t)size);
    return crdt_bytes(bytes, 1000);
}

/* Elements are added again and again, their old additions in the chunk that grows and in others,
 * until chunks are compacted on the way: here, and where the deltas are joined. */
TEST(sets, additions_again_and_again)
{
    enum { ELEMENTS = 3000, ADDS = 16000 };
    testmem      m; /* what is released is filled with rubbish */
    crdt_store  *a, *b;
    crdt_options options = crdt_options_default(1, crdt_types_builtin());
    char         bytes[1000];
    testmem_init(&m);
    options.mem = &m.mem;
    CHECK_OK(crdt_store_new(&options, &a));
    options.replica = 2;
    CHECK_OK(crdt_store_new(&options, &b));
    bool    *there = calloc(ELEMENTS, sizeof *there), fresh;
    int64_t  count = 0;
    crdt_ref set;
    for (int i = 0; i < ADDS; i++) {
        unsigned element = random_below(i < ADDS / 2 ? 600 : ELEMENTS);
        if (i % 4 == 0) element %= 4; /* few that are large */
        crdt_txn *txn = begin(a);
        CHECK_OK(crdt_orset_add_new(txn, name_of("s"), of_any_size(element, bytes), &fresh));
        CHECK_EQ_INT(fresh, !there[element]);
        count += fresh;
        there[element] = true;
        crdt_delta *delta = commit(a);
        join(b, delta);
        crdt_store_free(delta);
        if (i % 4000 != 3999) continue;
        check_store(a);
        check_store(b);
        CHECK(same_bytes(a, b));
    }
    CHECK_OK(crdt_store_find(a, name_of("s"), &crdt_orset_type, &set));
    CHECK_EQ_INT(crdt_orset_count(set), count);
    free(there);
    free_all(a, b, NULL);
    TESTMEM_DONE(&m);
}

TEST(sets, stand_values_made_to_collide)
{
    crdt_store *a = solo_of(orset(), A);
    uint64_t    seed = A;
    for (int i = 0; i < 2; i++) seed = (seed ^ seed >> 32) * UINT64_C(0xd6e8feb86659fd93);
    seed ^= seed >> 32;
    crdt_txn *txn = begin(a);
    for (uint64_t n = 0; n < COLLIDING; n++) {
        CHECK_OK(crdt_orset_add(txn, CRDT_SOLO, crdt_int(collider(seed, n))));
    }
    crdt_store_free(commit(a));
    CHECK_EQ_INT(crdt_orset_count(crdt_store_solo(a)), COLLIDING);
    for (uint64_t n = 0; n < COLLIDING; n += 100) {
        CHECK(crdt_orset_has(crdt_store_solo(a), crdt_int(collider(seed, n))));
    }
    check_store(a);
    free_all(a, NULL);
}
