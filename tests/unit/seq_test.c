/* seq_test.c: lists and texts through stores: what is taken back, what waits, what is forgotten. */
#include <stdio.h>
#include <string.h>

#include "tests/lib/stores.h"
#include "tests/lib/t.h"

#define A 0xa1u
#define B 0xb2u
#define C 0xc3u

static const crdt_type *const types[4] = {&crdt_text_type, &crdt_text_classic_type, &crdt_rga_type,
                                          &crdt_rga_classic_type};
static const char *const      names[4] = {"text", "classic text", "list", "classic list"};

static uint64_t random_state;

static size_t random_below(size_t n)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (size_t)(random_state >> 33) % n;
}

static bool is_text(const crdt_type *type)
{
    return type == &crdt_text_type || type == &crdt_text_classic_type;
}

static uint64_t length_of(crdt_ref ref)
{
    return is_text(ref.type) ? crdt_text_length(ref, CRDT_CODE_POINTS) : crdt_rga_length(ref);
}

static uint64_t waiting_in(const crdt_store *s)
{
    crdt_ref ref = crdt_store_solo(s);
    return is_text(ref.type) ? crdt_text_waiting(ref) : crdt_rga_waiting(ref);
}

/* -- Random transactions ----------------------------------------------------------------------- */

static crdt_err call(crdt_txn *txn, int i, const char *op, uint64_t pos, crdt_value what)
{
    const crdt_value args[2] = {crdt_int((int64_t)pos), what};
    return crdt_txn_apply(txn, name_of(names[i]), crdt_type_op(types[i], op), args, 2);
}

static void random_operation(crdt_txn *txn)
{
    static const char *const words[] = {"a", "bc", "\xc3\xa9", "typed on", "\xf0\x9f\x98\x80",
                                        "\n"};
    int                      i = (int)random_below(4);
    crdt_ref                 ref;
    uint64_t                 length = 0, pos;
    if (crdt_txn_find(txn, name_of(names[i]), types[i], &ref) == CRDT_OK) length = length_of(ref);
    size_t     kind = random_below(100);
    crdt_value word = crdt_text(words[random_below(6)]);
    pos = random_below(length + 1);
    if (!is_text(types[i]) && random_below(2)) word = crdt_int((int64_t)random_below(1000));
    if (kind < 2) {
        crdt_err err = crdt_txn_remove(txn, name_of(names[i]));
        CHECK(err == CRDT_OK || err == CRDT_ENOENT);
    } else if (kind < 50 || length == 0) {
        for (size_t n = random_below(5); n > 0; n--) CHECK_OK(call(txn, i, "insert", pos, word));
    } else if (kind < 60 && !is_text(types[i]) && pos < length) {
        CHECK_OK(call(txn, i, "set", pos, word));
    } else if (pos < length) {
        uint64_t most = length - pos < 5 ? length - pos : 5;
        uint64_t n = random_below(8) == 0 ? length - pos : 1 + random_below(most);
        CHECK_OK(call(txn, i, "delete", pos, crdt_int((int64_t)n)));
        while (pos-- > 0 && random_below(2)) CHECK_OK(call(txn, i, "delete", pos, crdt_int(1)));
    }
}

static void random_operations(crdt_store *s, size_t n)
{
    crdt_txn *txn = begin(s);
    for (; n > 0; n--) random_operation(txn);
}

typedef struct image {
    crdt_buf    bytes, shown;
    crdt_digest digest;
} image;

static image image_of(crdt_store *s)
{
    image i;
    crdt_buf_init(&i.bytes, NULL);
    crdt_buf_init(&i.shown, NULL);
    CHECK_OK(crdt_store_encode(s, &i.bytes));
    crdt_store_print(s, &i.shown);
    i.digest = crdt_store_digest(s, NULL);
    return i;
}

static void check_image(crdt_store *s, image *was)
{
    image is = image_of(s);
    CHECK_EQ_MEM(is.shown.data, is.shown.size, was->shown.data, was->shown.size);
    CHECK_EQ_MEM(is.bytes.data, is.bytes.size, was->bytes.data, was->bytes.size);
    CHECK(memcmp(&is.digest, &was->digest, sizeof is.digest) == 0);
    crdt_buf_clear(&is.bytes);
    crdt_buf_clear(&is.shown);
}

static void image_clear(image *i)
{
    crdt_buf_clear(&i->bytes);
    crdt_buf_clear(&i->shown);
}

/* What b has and a lacks. */
static void catch_up(crdt_store *a, const crdt_store *b)
{
    crdt_delta *lack;
    CHECK_OK(crdt_store_since(b, crdt_store_context(a), &lack));
    join(a, lack);
    crdt_store_free(lack);
}

static void drain(crdt_store *s)
{
    crdt_change change;
    while (crdt_store_next_change(s, &change)) {}
}

TEST(seq, a_transaction_rolled_back_leaves_no_trace)
{
    crdt_store *s[3] = {store_of(A), store_of(B), store_of(C)};
    random_state = 11;
    for (unsigned round = 0; round < (T_SLOW ? 40 : 150); round++) {
        crdt_store *one = s[random_below(3)], *other = s[random_below(3)];
        image       was = image_of(one);
        drain(one);
        random_operations(one, 1 + random_below(40));
        crdt_store_rollback(one);
        crdt_change change;
        CHECK(!crdt_store_next_change(one, &change));
        check_image(one, &was);
        check_store(one);
        image_clear(&was);
        random_operations(one, random_below(12));
        CHECK_OK(crdt_store_commit(one, NULL));
        if (one != other) catch_up(other, one);
        check_store(other);
        if (round % 30 == 29) CHECK_OK(crdt_store_stabilise(one, crdt_store_context(one)));
    }
    for (int i = 0; i < 3; i++) {
        for (int k = 0; k < 3; k++)
            if (i != k) catch_up(s[i], s[k]);
    }
    for (int i = 0; i < 3; i++) join(s[i], s[(i + 1) % 3]);
    for (int i = 0; i < 3; i++) join(s[i], s[(i + 1) % 3]);
    CHECK(same_bytes(s[0], s[1]));
    CHECK(same_bytes(s[0], s[2]));
    free_all(s[0], s[1], s[2], NULL);
}

/* The author's own state is what its delta makes elsewhere, also if nobody asked for the delta: of
 * two that live through the same only one is asked. */
TEST(seq, a_commit_is_the_join_of_its_delta)
{
    crdt_store *a = store_of(A), *same = store_of(A), *b = store_of(B), *c = store_of(C);
    random_state = 12;
    for (unsigned round = 0; round < (T_SLOW ? 40 : 100); round++) {
        uint64_t seed = random_state;
        random_operations(a, 10);
        CHECK_OK(crdt_store_commit(a, NULL));
        random_state = seed;
        random_operations(same, 10);
        crdt_delta *delta = commit(same), *coded = recoded(delta);
        CHECK(same_bytes(delta, coded));
        image i = image_of(a);
        check_image(same, &i);
        join(b, round % 2 ? delta : coded);
        check_image(b, &i);
        CHECK_OK(crdt_store_merge(c, delta));
        check_image(c, &i);
        image_clear(&i);
        free_all(delta, coded, NULL);
        if (round % 3 != 0) continue;
        random_operations(b, 6); /* and the other way */
        delta = commit(b);
        join(a, delta);
        join(same, delta);
        CHECK_OK(crdt_store_merge(c, delta));
        CHECK(same_bytes(a, b));
        crdt_store_free(delta);
    }
    check_store(a);
    check_store(b);
    check_store(c);
    free_all(a, same, b, c, NULL);
}

/* Replica ids are any 64 bits but 0. */
TEST(seq, replica_ids_at_the_ends_are_like_any_other)
{
    for (int t = 0; t < 4; t++) {
        crdt_store *a = solo_of(types[t], UINT64_MAX), *b = solo_of(types[t], 1);
        DO(a, "", types[t], "insert", 0, "a");
        join(b, a);
        DO(b, "", types[t], "insert", 1, "b");
        DO(b, "", types[t], "delete", 0, 1);
        DO(a, "", types[t], "insert", 1, "c");
        catch_up(a, b);
        catch_up(b, a);
        CHECK(same_bytes(a, b));
        check_store(a);
        crdt_store *copy = recoded(a);
        CHECK(same_bytes(copy, b));
        CHECK_EQ_INT(crdt_store_stats(a).dots, 4);
        free_all(a, b, copy, NULL);
    }
}

/* -- What waits -------------------------------------------------------------------------------- */

#define DELTAS 120

static void write_deltas(crdt_store *s, crdt_delta *deltas[DELTAS], size_t count)
{
    const crdt_type *type = crdt_store_solo(s).type;
    for (size_t i = 0; i < count; i++) {
        uint64_t length = length_of(crdt_store_solo(s));
        int      pos = (int)random_below(length + 1);
        if (random_below(3) == 0 && pos < (int)length) {
            deltas[i] = apply(s, "", type, "delete", pos, 1);
        } else if (!is_text(type) && random_below(3) == 0 && pos < (int)length) {
            deltas[i] = apply(s, "", type, "set", pos, "set");
        } else {
            deltas[i] = apply(s, "", type, "insert", pos, "xy");
        }
    }
}

static void shuffle(crdt_delta **deltas, size_t count)
{
    for (size_t i = count; i > 1; i--) {
        size_t      at = random_below(i);
        crdt_delta *d = deltas[at];
        deltas[at] = deltas[i - 1];
        deltas[i - 1] = d;
    }
}

/* Two authors in turn; all is merged backwards, then at random. */
TEST(seq, what_comes_too_early_waits_and_is_then_shown)
{
    for (int t = 0; t < 4; t++) {
        crdt_store *a = solo_of(types[t], A), *b = solo_of(types[t], B);
        crdt_delta *deltas[DELTAS];
        random_state = (uint64_t)t;
        for (size_t i = 0; i < DELTAS; i += 10) {
            crdt_store *author = i / 10 % 2 ? b : a, *other = i / 10 % 2 ? a : b;
            write_deltas(author, deltas + i, 10);
            for (size_t k = i; k < i + 10; k++) join(other, deltas[k]);
        }
        for (int way = 0; way < 4; way++) {
            crdt_store *c = solo_of(types[t], C);
            if (way > 0) shuffle(deltas, DELTAS);
            for (size_t i = DELTAS; i-- > 0;) {
                CHECK_OK(crdt_store_merge(c, deltas[i]));
                if (i % 9 == 0) {
                    crdt_store *copy = recoded(c), *clone;
                    check_store(c);
                    CHECK_EQ_INT(waiting_in(copy), waiting_in(c));
                    CHECK(same_bytes(copy, c));
                    CHECK_OK(crdt_store_clone(c, C, &clone));
                    CHECK(same_bytes(clone, c));
                    free_all(copy, clone, NULL);
                }
                if (way == 0 && i == DELTAS - 1) {
                    CHECK_EQ_INT(waiting_in(c), 1);
                    CHECK_EQ_INT(length_of(crdt_store_solo(c)), 0);
                }
            }
            CHECK_EQ_INT(waiting_in(c), 0);
            CHECK(same_bytes(c, a));
            crdt_store *taker = solo_of(types[t], C); /* a whole one moves */
            CHECK_OK(crdt_store_take(taker, c, NOW));
            CHECK(same_bytes(taker, a));
            DO(taker, "", types[t], "insert", 0, "on");
            DO(taker, "", types[t], "delete", 0, 1);
            check_store(taker);
            crdt_store_free(taker);
        }
        for (size_t i = 0; i < DELTAS; i++) crdt_store_free(deltas[i]);
        free_all(a, b, NULL);
    }
}

/* -- What is forgotten ------------------------------------------------------------------------- */

static void fill_and_delete(crdt_store *s)
{
    const crdt_type *type = crdt_store_solo(s).type;
    const char      *word = "quite a few bytes of text that nobody needs once it is deleted";
    for (int i = 0; i < 40; i++) DO(s, "", type, "insert", i, word);
    int each = (int)length_of(crdt_store_solo(s)) / 40;
    for (int i = 0; i < 30; i++) DO(s, "", type, "delete", i / 4, each);
}

TEST(seq, text_of_what_is_deleted_goes_once_that_is_stable)
{
    for (int t = 0; t < 4; t++) {
        crdt_store *a = solo_of(types[t], A), *b = solo_of(types[t], B);
        fill_and_delete(a);
        join(b, a);
        crdt_stats before = crdt_store_stats(a);
        size_t     size = encoded_size(a);
        char       text[1000];
        CHECK(strlen(shown(a, "")) < sizeof text);
        snprintf(text, sizeof text, "%s", shown(a, ""));
        CHECK_OK(crdt_store_stabilise(a, crdt_store_context(a)));
        crdt_stats after = crdt_store_stats(a);
        CHECK(after.payload < before.payload / 2);
        CHECK(encoded_size(a) < size / 2);
        CHECK_EQ_INT(after.elements, before.elements);
        CHECK_EQ_INT(after.dots, before.dots);
        CHECK_EQ_STR(shown(a, ""), text);
        check_store(a);
        crdt_store *copy = recoded(a);
        CHECK_EQ_STR(shown(copy, ""), text);
        CHECK_EQ_INT(crdt_store_stats(copy).payload, after.payload);
        check_store(copy);
        /* Collected or not, whoever joins whom, and what is written then. */
        crdt_store *c = solo_of(types[t], C);
        join(c, b);
        join(c, a);
        CHECK(same_bytes(c, a));
        join(copy, b);
        CHECK(same_bytes(copy, a));
        DO(b, "", types[t], "insert", 1, "new");
        DO(b, "", types[t], "delete", 0, 2);
        catch_up(a, b);
        join(b, copy);
        CHECK(same_bytes(a, b));
        catch_up(c, b);
        CHECK(same_bytes(c, b));
        check_store(a);
        check_store(b);
        free_all(a, b, c, copy, NULL);
    }
}

/* Each on its own, step by step, with cuts that grow; one never collects. Reads are the same. */
TEST(seq, collecting_changes_no_read)
{
    crdt_store *a = store_of(A), *b = store_of(B);
    random_state = 13;
    for (unsigned round = 0; round < (T_SLOW ? 40 : 200); round++) {
        crdt_store *one = random_below(2) ? a : b, *other = one == a ? b : a;
        random_operations(one, 10);
        crdt_delta *delta = commit(one);
        join(other, delta);
        crdt_store_free(delta);
        if (round % 3 == 0) CHECK_OK(crdt_store_stabilise(a, crdt_store_context(a)));
        crdt_buf x, y;
        crdt_buf_init(&x, NULL);
        crdt_buf_init(&y, NULL);
        crdt_store_print(a, &x);
        crdt_store_print(b, &y);
        CHECK_EQ_MEM(x.data, x.size, y.data, y.size);
        crdt_buf_clear(&x);
        crdt_buf_clear(&y);
        check_store(a);
        if (round % 20 != 0) continue;
        crdt_store *copy = recoded(a);
        CHECK(same_bytes(a, copy));
        join(copy, b);
        CHECK(same_bytes(a, copy));
        crdt_store_free(copy);
    }
    join(b, a);
    CHECK(same_bytes(a, b));
    free_all(a, b, NULL);
}

TEST(seq, a_part_of_a_cut_forgets_that_part)
{
    for (int t = 0; t < 4; t++) {
        crdt_store  *a = solo_of(types[t], A), *b = solo_of(types[t], B);
        crdt_context cut;
        crdt_context_init(&cut, NULL);
        for (int i = 0; i < 40; i++) DO(a, "", types[t], "insert", i, "a value");
        for (int i = 0; i < 5; i++) DO(a, "", types[t], "delete", 10, 1); /* one row */
        join(b, a);
        uint64_t held = crdt_store_stats(a).payload;
        for (uint64_t hi = 41; hi <= 45; hi++) {
            crdt_run run = {A, 1, hi};
            crdt_context_reset(&cut);
            CHECK_OK(crdt_context_reserve(&cut, 1));
            crdt_context_add_reserved(&cut, run);
            CHECK_OK(crdt_store_stabilise(a, &cut));
            CHECK(crdt_store_stats(a).payload < held);
            held = crdt_store_stats(a).payload;
            check_store(a);
            crdt_store *copy = recoded(a);
            CHECK(same_bytes(copy, a));
            join(copy, b);
            CHECK(same_bytes(copy, a));
            crdt_store_free(copy);
        }
        join(b, a);
        CHECK(same_bytes(a, b));
        crdt_context_clear(&cut);
        free_all(a, b, NULL);
    }
}

/* -- Dots of deletions ------------------------------------------------------------------------- */

/* The same text that came in two orders: deleting it takes the same dots, and is the same delta. */
static void delete_alike(const crdt_type *type)
{
    crdt_store *a = solo_of(type, A), *b = solo_of(type, B);
    crdt_delta *of_a[2], *of_b[2];
    of_a[0] = apply(a, "", type, "insert", 0, "a");
    join(b, of_a[0]);
    of_b[0] = apply(b, "", type, "insert", 1, "x");
    join(a, of_b[0]);
    of_a[1] = apply(a, "", type, "insert", 1, "b"); /* a b x: then x goes */
    join(b, of_a[1]);
    of_b[1] = apply(b, "", type, "delete", 2, 1);
    crdt_store *in_turn = solo_of(type, C), *whole = solo_of(type, C);
    for (int i = 0; i < 2; i++) {
        join(in_turn, of_a[i]);
        join(in_turn, of_b[i]);
    }
    CHECK_OK(crdt_store_merge(whole, of_a[0]));
    CHECK_OK(crdt_store_merge(whole, of_a[1]));
    CHECK_OK(crdt_store_merge(whole, of_b[0]));
    CHECK_OK(crdt_store_merge(whole, of_b[1]));
    CHECK(same_bytes(in_turn, whole));
    for (int seen = 0; seen < 2; seen++) { /* also under a read context */
        crdt_store *s[2];
        crdt_delta *deleted[2];
        for (int i = 0; i < 2; i++) {
            CHECK_OK(crdt_store_clone(i ? whole : in_turn, C, &s[i]));
            crdt_txn  *txn = begin(s[i]);
            crdt_value args[2] = {crdt_int(0), crdt_int(2)};
            if (seen) crdt_txn_at(txn, crdt_store_context(b));
            CHECK_OK(crdt_txn_apply(txn, CRDT_SOLO, &type->ops[1], args, 2));
            deleted[i] = commit(s[i]);
        }
        CHECK(same_bytes(deleted[0], deleted[1]));
        CHECK_EQ_INT(crdt_context_max(crdt_store_context(deleted[0]), C), 1);
        CHECK(same_bytes(s[0], s[1]));
        free_all(s[0], s[1], deleted[0], deleted[1], NULL);
    }
    free_all(a, b, of_a[0], of_a[1], of_b[0], of_b[1], in_turn, whole, NULL);
}

TEST(seq, equal_replicas_take_the_same_dots_for_a_deletion)
{
    delete_alike(&crdt_text_type);
    delete_alike(&crdt_rga_type);
    delete_alike(&crdt_text_classic_type);
    delete_alike(&crdt_rga_classic_type);
}
