/* bcounter_test.c: rights, requests and removals of bounded counters. */
#include "crdt/bcounter.h"

#include <stdio.h>
#include <string.h>

#include "crdt/pncounter.h"
#include "tests/lib/random.h"
#include "tests/lib/stores.h"
#include "tests/lib/testmem.h"

#define A 1
#define B 2
#define C 3
#define TYPE (&crdt_bcounter_type)
#define SOLO ""

static crdt_store *counter_of(uint64_t replica)
{
    return solo_of(TYPE, replica);
}

static int64_t value_of(const crdt_store *s)
{
    int64_t n;
    CHECK_OK(crdt_bcounter_value(crdt_store_solo(s), &n));
    return n;
}

static uint64_t rights_of(const crdt_store *s, uint64_t replica)
{
    return crdt_bcounter_rights(crdt_store_solo(s), replica);
}

static void meet(crdt_store *a, crdt_store *b)
{
    join(a, b);
    join(b, a);
    check_store(a);
    check_store(b);
    CHECK(same_bytes(a, b));
}

/* Take n away; what is lacking, 0 if it was taken. */
static uint64_t dec(crdt_store *s, uint64_t n)
{
    uint64_t lack = 0;
    crdt_err err = crdt_bcounter_dec(begin(s), CRDT_SOLO, n, &lack);
    CHECK(err == CRDT_OK || err == CRDT_ERIGHTS);
    CHECK((err == CRDT_OK) == (lack == 0));
    if (err == CRDT_OK) crdt_store_free(commit(s));
    else crdt_store_rollback(s);
    return lack;
}

/* Give others the rights that they ask for; returns how many. */
static uint64_t grant(crdt_store *s)
{
    uint64_t given = 0;
    CHECK_OK(crdt_bcounter_grant(begin(s), CRDT_SOLO, &given));
    crdt_store_free(commit(s));
    return given;
}

/* -- Rights ------------------------------------------------------------------------------------ */

TEST(bcounter, what_is_added_here_can_be_taken_here_alone)
{
    crdt_store *a = counter_of(A), *b = counter_of(B);
    CHECK_EQ_INT(dec(a, 3), 3); /* an empty counter */
    DO(a, SOLO, TYPE, "inc", 10);
    meet(a, b);
    CHECK_EQ_INT(value_of(b), 10);
    CHECK_EQ_INT(dec(b, 1), 1); /* ten are there, and none of them is B's */
    CHECK_EQ_INT(dec(a, 11), 1);
    CHECK_EQ_INT(dec(a, 10), 0);
    CHECK_EQ_INT(value_of(a), 0);
    CHECK_EQ_INT(dec(a, 1), 1);
    CHECK_EQ_STR(shown(a, SOLO), "0 {1: 0}");
    free_all(a, b, NULL);
}

TEST(bcounter, rights_are_handed_on_and_counted_once)
{
    crdt_store *a = counter_of(A), *b = counter_of(B), *c = counter_of(C);
    DO(a, SOLO, TYPE, "inc", 10);
    DO(a, SOLO, TYPE, "transfer", B, 6);
    CHECK_EQ_INT(rights_of(a, A), 4);
    CHECK_EQ_INT(rights_of(a, B), 6);
    CHECK_EQ_INT(dec(a, 5), 1); /* what was given is no longer A's, whether B knows or not */
    CHECK_EQ_INT(dec(b, 1), 1);
    meet(a, b);
    CHECK_EQ_INT(dec(b, 2), 0);
    DO(b, SOLO, TYPE, "transfer", C, 3);
    DO(a, SOLO, TYPE, "transfer", B, 1); /* a second gift adds to the first */
    meet(a, b);
    join(c, a);
    CHECK_EQ_STR(shown(c, SOLO), "8 {1: 3, 2: 2, 3: 3}");
    CHECK_EQ_INT(dec(c, 3), 0);
    CHECK_EQ_INT(dec(c, 1), 1);
    free_all(a, b, c, NULL);
}

TEST(bcounter, transfers_that_make_no_sense_are_refused)
{
    crdt_store *a = counter_of(A);
    uint64_t    lack = 0;
    DO(a, SOLO, TYPE, "inc", 2);
    CHECK_ERR(crdt_bcounter_transfer(begin(a), CRDT_SOLO, A, 1, NULL), CRDT_EINVAL);
    crdt_store_rollback(a);
    CHECK_ERR(crdt_bcounter_transfer(begin(a), CRDT_SOLO, 0, 1, NULL), CRDT_EINVAL);
    crdt_store_rollback(a);
    CHECK_ERR(crdt_bcounter_transfer(begin(a), CRDT_SOLO, B, 0, NULL), CRDT_EINVAL);
    crdt_store_rollback(a);
    CHECK_ERR(crdt_bcounter_transfer(begin(a), CRDT_SOLO, B, 5, &lack), CRDT_ERIGHTS);
    crdt_store_rollback(a);
    CHECK_EQ_INT(lack, 3);
    CHECK_ERR(crdt_bcounter_inc(begin(a), CRDT_SOLO, 0), CRDT_EINVAL);
    crdt_store_rollback(a);
    CHECK_ERR(crdt_bcounter_dec(begin(a), CRDT_SOLO, 0, NULL), CRDT_EINVAL);
    crdt_store_rollback(a);
    CHECK_ERR(crdt_bcounter_request(begin(a), CRDT_SOLO, 0), CRDT_EINVAL);
    crdt_store_rollback(a);
    CHECK_EQ_INT(value_of(a), 2);
    crdt_store_free(a);
}

/* -- Requests ---------------------------------------------------------------------------------- */

TEST(bcounter, who_lacks_rights_asks_and_is_given)
{
    crdt_store *a = counter_of(A), *b = counter_of(B), *c = counter_of(C);
    DO(a, SOLO, TYPE, "inc", 10);
    meet(a, b);
    DO(b, SOLO, TYPE, "request", (int)dec(b, 4));
    DO(c, SOLO, TYPE, "request", 8);
    join(a, b);
    join(a, c);
    CHECK_EQ_STR(shown(a, SOLO), "10 {1: 10, 2: 0 wants 4, 3: 0 wants 8}");
    CHECK_EQ_INT(crdt_bcounter_wants(crdt_store_solo(a), C), 8);
    CHECK_EQ_INT(grant(a), 10); /* in the order of their ids, as far as it goes */
    CHECK_EQ_STR(shown(a, SOLO), "10 {1: 0, 2: 4, 3: 6 wants 2}");
    CHECK_EQ_INT(grant(a), 0);
    meet(a, b);
    CHECK_EQ_INT(grant(b), 2); /* B gives what it was just given: it has no more need of it */
    CHECK_EQ_INT(dec(b, 2), 0);
    DO(b, SOLO, TYPE, "request", 1); /* in place of what it asked for before */
    CHECK_EQ_INT(crdt_bcounter_wants(crdt_store_solo(b), B), 1);
    free_all(a, b, c, NULL);
}

/* Two that grant at the same time may give more than was asked for: the sum stays. */
TEST(bcounter, two_grants_at_once_give_too_much_and_lose_nothing)
{
    crdt_store *a = counter_of(A), *b = counter_of(B), *c = counter_of(C);
    DO(a, SOLO, TYPE, "inc", 5);
    DO(b, SOLO, TYPE, "inc", 5);
    DO(c, SOLO, TYPE, "request", 4);
    join(a, c);
    join(b, c);
    CHECK_EQ_INT(grant(a) + grant(b), 8);
    meet(a, b);
    CHECK_EQ_STR(shown(a, SOLO), "10 {1: 1, 2: 1, 3: 8}");
    free_all(a, b, c, NULL);
}

/* -- Never below 0 ----------------------------------------------------------------------------- */

#define SHOPS 5

typedef struct shop {
    crdt_store *store;
    uint64_t    sold, added;
} shop;

static void trade(shop *s, unsigned me, uint64_t *rand)
{
    uint64_t n = 1 + random_below(rand, 6);
    switch (random_below(rand, 8)) {
    case 0:
        DO(s->store, SOLO, TYPE, "inc", (int)n);
        s->added += n;
        break;
    case 1: {
        uint64_t to = 1 + (me + 1 + random_below(rand, SHOPS - 1)) % SHOPS;
        crdt_err err = crdt_bcounter_transfer(begin(s->store), CRDT_SOLO, to, n, NULL);
        CHECK(err == CRDT_OK || err == CRDT_ERIGHTS);
        if (err == CRDT_OK) crdt_store_free(commit(s->store));
        else crdt_store_rollback(s->store);
        break;
    }
    case 2: DO(s->store, SOLO, TYPE, "request", (int)n); break;
    case 3: (void)grant(s->store); break;
    default: {
        uint64_t rights = rights_of(s->store, me + 1), lack = dec(s->store, n);
        CHECK_EQ_INT(lack, n > rights ? n - rights : 0);
        if (lack == 0) s->sold += n;
    }
    }
}

/* Shops that sell from one stock, cut off from each other now and then, told of each other in any
 * order, sometimes by deltas that come twice: what was sold never exceeds what was put in, and that
 * is what each of them reads when all is told. */
TEST(bcounter, no_schedule_sells_what_is_not_there)
{
    uint64_t rand = seed_or(7), refused = 0, sold_in_all = 0;
    for (unsigned trial = 0; trial < (T_SLOW ? 3 : 150); trial++) {
        shop     shops[SHOPS];
        unsigned side[SHOPS] = {0};
        uint64_t sold = 0, added = 0;
        for (unsigned i = 0; i < SHOPS; i++) shops[i] = (shop){counter_of(i + 1), 0, 0};
        for (unsigned step = 0; step < 120; step++) {
            unsigned i = (unsigned)random_below(&rand, SHOPS);
            if (random_below(&rand, 10) == 0) { /* another partition */
                for (unsigned k = 0; k < SHOPS; k++) side[k] = (unsigned)random_below(&rand, 2);
            }
            uint64_t before = shops[i].sold;
            trade(&shops[i], i, &rand);
            refused += shops[i].sold == before;
            unsigned j = (i + 1 + (unsigned)random_below(&rand, SHOPS - 1)) % SHOPS;
            if (side[i] == side[j]) join(shops[j].store, shops[i].store);
            CHECK(value_of(shops[j].store) >= 0);
            CHECK(value_of(shops[i].store) >= 0);
        }
        for (unsigned i = 0; i < SHOPS; i++) {
            sold += shops[i].sold;
            added += shops[i].added;
            join(shops[i].store, shops[(i + 1) % SHOPS].store);
            if (i > 0) join(shops[0].store, shops[i].store);
        }
        CHECK(sold <= added);
        sold_in_all += sold;
        uint64_t rights = 0;
        for (unsigned i = 0; i < SHOPS; i++) {
            if (i > 0) join(shops[i].store, shops[0].store);
            CHECK(same_bytes(shops[i].store, shops[0].store));
            check_store(shops[i].store);
            rights += rights_of(shops[0].store, i + 1);
        }
        CHECK_EQ_INT(value_of(shops[0].store), added - sold);
        CHECK_EQ_INT(rights, added - sold);
        for (unsigned i = 0; i < SHOPS; i++) crdt_store_free(shops[i].store);
    }
    CHECK(refused > 0 && sold_in_all > 0);
    printf("%ju sold, %ju steps sold nothing\n", (uintmax_t)sold_in_all, (uintmax_t)refused);
}

/* What this type is for: a counter that each replica checks before it takes something away. */
TEST(bcounter, a_counter_that_is_looked_at_first_goes_below)
{
    crdt_store *a = solo_of(&crdt_pncounter_type, A), *b = solo_of(&crdt_pncounter_type, B);
    DO(a, SOLO, &crdt_pncounter_type, "inc", 1);
    join(b, a);
    CHECK_EQ_STR(shown(a, SOLO), "1"); /* one is left, both say, and sell it */
    CHECK_EQ_STR(shown(b, SOLO), "1");
    DO(a, SOLO, &crdt_pncounter_type, "dec", 1);
    DO(b, SOLO, &crdt_pncounter_type, "dec", 1);
    join(a, b);
    CHECK_EQ_STR(shown(a, SOLO), "-1");
    free_all(a, b, NULL);
}

/* -- Range ------------------------------------------------------------------------------------- */

TEST(bcounter, totals_end_at_64_bits_and_values_do_not)
{
    crdt_store *a = counter_of(A), *b = counter_of(B);
    int64_t     n;
    CHECK_OK(crdt_bcounter_inc(begin(a), CRDT_SOLO, UINT64_MAX));
    crdt_store_free(commit(a));
    CHECK_ERR(crdt_bcounter_inc(begin(a), CRDT_SOLO, 1), CRDT_ERANGE);
    crdt_store_rollback(a);
    CHECK_OK(crdt_bcounter_inc(begin(b), CRDT_SOLO, UINT64_MAX));
    crdt_store_free(commit(b));
    CHECK_OK(crdt_bcounter_transfer(begin(b), CRDT_SOLO, A, UINT64_MAX, NULL));
    crdt_store_free(commit(b));
    meet(a, b);
    CHECK_ERR(crdt_bcounter_value(crdt_store_solo(a), &n), CRDT_ERANGE);
    crdt_i128 wide = crdt_bcounter_value_wide(crdt_store_solo(a));
    CHECK(wide.hi == 1 && wide.lo == UINT64_MAX - 1);
    CHECK(rights_of(a, A) == UINT64_MAX); /* that much or more */
    CHECK_EQ_INT(rights_of(a, B), 0);
    CHECK_OK(crdt_bcounter_dec(begin(a), CRDT_SOLO, UINT64_MAX, NULL));
    crdt_store_free(commit(a));
    CHECK_ERR(crdt_bcounter_dec(begin(a), CRDT_SOLO, 1, NULL), CRDT_ERANGE);
    crdt_store_rollback(a);
    CHECK_ERR(crdt_bcounter_request(begin(a), CRDT_SOLO, 1), CRDT_ERANGE);
    crdt_store_rollback(a);
    DO(b, SOLO, TYPE, "request", 1);
    crdt_store *other = solo_of(&crdt_pncounter_type, A);
    CHECK_ERR(crdt_bcounter_value(crdt_store_solo(other), &n), CRDT_EINVAL);
    CHECK_EQ_INT(crdt_bcounter_rights(crdt_store_solo(other), A), 0);
    free_all(a, b, other, NULL);
}

/* -- Removal ----------------------------------------------------------------------------------- */

TEST(bcounter, a_removal_takes_away_what_had_not_seen_it)
{
    crdt_store *a = store_of(A), *b = store_of(B);
    DO(a, "k", TYPE, "inc", 5);
    join(b, a);
    DO(b, "k", TYPE, "inc", 3);
    remove_name(a, "k");
    meet(a, b);
    CHECK_EQ_STR(shown(a, "k"), "ENOENT"); /* a part of the rows would not keep the bound */
    CHECK_EQ_INT(crdt_store_stats(a).residues, 1);
    DO(b, "k", TYPE, "inc", 2);
    meet(a, b);
    CHECK_EQ_STR(shown(a, "k"), "2 {2: 2}");
    CHECK_OK(crdt_store_stabilise(a, crdt_store_context(a)));
    CHECK_OK(crdt_store_stabilise(b, crdt_store_context(a)));
    CHECK_EQ_INT(crdt_store_stats(a).residues, 0);
    DO(a, "k", TYPE, "inc", 1);
    meet(a, b);
    CHECK_EQ_STR(shown(b, "k"), "3 {1: 1, 2: 2}");
    free_all(a, b, NULL);
}

/* The rights that a removal took are gone: whoever used them at the same time used them before. */
TEST(bcounter, rights_do_not_survive_a_removal)
{
    crdt_store *a = counter_of(A), *b = counter_of(B), *c = counter_of(C);
    DO(a, SOLO, TYPE, "inc", 5);
    DO(a, SOLO, TYPE, "transfer", B, 5);
    join(b, a);
    join(c, a);
    CHECK_EQ_INT(dec(b, 2), 0); /* beside ... */
    CHECK_OK(crdt_txn_remove(begin(c), CRDT_SOLO));
    crdt_store_free(commit(c));
    meet(b, c);
    CHECK_EQ_STR(shown(b, SOLO), "0 {}");
    CHECK_EQ_INT(dec(b, 1), 1);
    DO(c, SOLO, TYPE, "inc", 1);
    meet(b, c);
    meet(a, c);
    CHECK_EQ_STR(shown(a, SOLO), "1 {3: 1}");
    free_all(a, b, c, NULL);
}

TEST(bcounter, a_removal_whose_reader_had_not_seen_all_does_nothing)
{
    crdt_store  *a = counter_of(A), *b = counter_of(B);
    crdt_context read;
    crdt_context_init(&read, NULL);
    DO(a, SOLO, TYPE, "inc", 5);
    CHECK_OK(crdt_context_copy(&read, crdt_store_context(a)));
    DO(b, SOLO, TYPE, "inc", 1);
    meet(a, b);
    crdt_txn *txn = begin(a);
    crdt_txn_at(txn, &read);
    CHECK_OK(crdt_txn_remove(txn, CRDT_SOLO));
    crdt_store_free(commit(a));
    CHECK_EQ_INT(value_of(a), 6);
    CHECK_OK(crdt_txn_remove(begin(a), CRDT_SOLO));
    DO(b, SOLO, TYPE, "inc", 1);
    CHECK_OK(crdt_bcounter_inc(begin(b), CRDT_SOLO, 1));
    crdt_store_rollback(b);
    crdt_store_free(commit(a));
    CHECK_EQ_STR(shown(a, SOLO), "0 {}");
    meet(a, b);
    CHECK_EQ_STR(shown(b, SOLO), "0 {}");
    crdt_context_clear(&read);
    free_all(a, b, NULL);
}

TEST(bcounter, a_transaction_sees_its_own_changes)
{
    crdt_store *a = counter_of(A);
    DO(a, SOLO, TYPE, "inc", 1);
    crdt_txn *txn = begin(a);
    CHECK_OK(crdt_bcounter_inc(txn, CRDT_SOLO, 2));
    CHECK_OK(crdt_bcounter_dec(txn, CRDT_SOLO, 3, NULL));
    CHECK_ERR(crdt_bcounter_dec(txn, CRDT_SOLO, 1, NULL), CRDT_ERIGHTS);
    CHECK_OK(crdt_txn_remove(txn, CRDT_SOLO));
    CHECK_OK(crdt_bcounter_inc(txn, CRDT_SOLO, 7));
    crdt_store_free(commit(a));
    CHECK_EQ_STR(shown(a, SOLO), "7 {1: 7}");
    check_store(a);
    crdt_store_free(a);
}

/* -- Bytes ------------------------------------------------------------------------------------- */

/* A state of one row, of A's first dot, with these bytes. */
static crdt_err decode_row(const char *bytes, size_t size, const char **ret_why)
{
    crdt_limits      limits = crdt_limits_default();
    crdt_space       space = {.mem = crdt_mem_default(), .limits = &limits};
    max_align_t      state[8];
    crdt_buf         in;
    crdt_dec         dec;
    static uint64_t  dict[] = {A};
    static const int head[] = {1, 0, 2}; /* one sibling; the place of A; sequence 1, no removal */
    CHECK(TYPE->size <= sizeof state);
    crdt_buf_init(&in, NULL);
    for (size_t i = 0; i < 3; i++) crdt_buf_byte(&in, (uint8_t)head[i]);
    crdt_buf_value(&in, crdt_bytes(bytes, size));
    crdt_dec_init(&dec, crdt_buf_bytes(&in), &limits);
    dec.dict = dict;
    dec.dict_count = 1;
    TYPE->init(&space, state);
    crdt_err err = TYPE->decode(&space, state, &dec);
    *ret_why = dec.reason;
    if (err == CRDT_OK) TYPE->clear(&space, state);
    crdt_buf_clear(&in);
    return err;
}

#define ROW(text) text, sizeof text - 1

TEST(bcounter, rows_that_nobody_wrote_are_refused)
{
    const char *why;
    CHECK_OK(decode_row(ROW("\7\0\0\0\0"), &why));
    CHECK_OK(decode_row(ROW("\7\0\0\1\2\0\0\0\0\0\0\0\3\0"), &why));
    CHECK_ERR(decode_row(ROW("\7\0\0\0"), &why), CRDT_EMALFORMED);
    CHECK_ERR(decode_row(ROW(""), &why), CRDT_EMALFORMED);
    CHECK_ERR(decode_row(ROW("\7\0\0\0\0\0"), &why), CRDT_EMALFORMED);
    CHECK_ERR(decode_row(ROW("\207\0\0\0\0\0"), &why), CRDT_EMALFORMED); /* not shortest */
    CHECK_ERR(decode_row(ROW("\7\0\0\1\2\0\0\0\0\0\0\0\0\0"), &why), CRDT_EMALFORMED);
    CHECK_ERR(decode_row(ROW("\7\0\0\1\0\0\0\0\0\0\0\0\3\0"), &why), CRDT_EMALFORMED);
    CHECK_ERR(decode_row(ROW("\7\0\0\2\2\0\0\0\0\0\0\0\3\2\0\0\0\0\0\0\0\4\0"), &why),
              CRDT_EMALFORMED); /* twice the same receiver */
    CHECK_EQ_STR(why, "the bytes are no row of a counter");
    CHECK_ERR(decode_row(ROW("\7\0\0\377\377\377\377\17\0"), &why), CRDT_EMALFORMED);
}

TEST(bcounter, a_refused_allocation_leaves_the_counter_as_it_was)
{
    testmem     m;
    crdt_store *s, *b = counter_of(B), *c = counter_of(C);
    testmem_init(&m);
    CHECK_OK(crdt_store_new_solo(TYPE, A, &m.mem, &s));
    DO(b, SOLO, TYPE, "request", 3);
    DO(c, SOLO, TYPE, "request", 4);
    join(s, b);
    join(s, c);
    DO(s, SOLO, TYPE, "inc", 10);
    crdt_store *before = recoded(s);
    for (uint64_t n = 1;; n++) {
        crdt_txn   *txn;
        crdt_delta *delta = NULL;
        testmem_fail_nth(&m, n);
        crdt_err err = crdt_store_begin(s, NOW, &txn);
        if (err == CRDT_OK) err = crdt_bcounter_grant(txn, CRDT_SOLO, NULL);
        if (err == CRDT_OK) err = crdt_store_commit(s, &delta);
        if (err != CRDT_OK) crdt_store_rollback(s);
        crdt_store_free(delta);
        if (!testmem_refused(&m)) break;
        CHECK_ERR(err, CRDT_ENOMEM);
        testmem_fail_never(&m);
        CHECK(same_bytes(s, before));
    }
    testmem_fail_never(&m);
    CHECK_EQ_STR(shown(s, SOLO), "10 {1: 3, 2: 3, 3: 4}");
    free_all(s, b, c, before, NULL);
    TESTMEM_DONE(&m);
}

/* -- Bytes that must stay as they are ---------------------------------------------------------- */

static void is_hex(const crdt_store *s, const char *expected)
{
    char     text[1024] = "";
    crdt_buf out;
    crdt_buf_init(&out, NULL);
    CHECK_OK(crdt_store_encode(s, &out));
    CHECK(out.size < sizeof text / 2);
    for (size_t i = 0; i < out.size; i++) snprintf(text + 2 * i, 3, "%02x", out.data[i]);
    CHECK_EQ_STR(text, expected);
    crdt_buf_clear(&out);
}

TEST(bcounter, golden_bytes)
{
    crdt_store *a = counter_of(A), *b = counter_of(B);
    DO(a, SOLO, TYPE, "inc", 300);
    DO(a, SOLO, TYPE, "transfer", B, 200);
    DO(b, SOLO, TYPE, "request", 5);
    CHECK_OK(crdt_txn_remove(begin(b), CRDT_SOLO));
    crdt_store_free(commit(b));
    DO(b, SOLO, TYPE, "inc", 1);
    is_hex(a, "c70101010100000000000000010003010000010019001401000411ac02000001020000000000"
              "0000c80100");
    join(b, a);
    is_hex(b, "c701010201000000000000000200000000000000020003010003020000010019002202010500"
              "0000000000000106000000000000000f0100000001020000000000000002");
    free_all(a, b, NULL);
}
