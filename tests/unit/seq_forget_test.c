/* seq_forget_test.c: lists and texts whose ids are forgotten: what stays, what is refused, what may
 * never be lost. That they read as if nothing were forgotten: tests/laws/forget_test.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/random.h"
#include "tests/lib/stores.h"
#include "tests/lib/t.h"
#include "tests/lib/testmem.h"

#define A 0xa1u
#define B 0xb2u
#define C 0xc3u

static crdt_options options_of(testmem *m, const crdt_type *type, uint64_t replica)
{
    crdt_options o = crdt_options_default(replica, type == NULL ? crdt_types_builtin() : NULL);
    o.solo = type;
    o.mem = m == NULL ? NULL : &m->mem;
    o.forget_ids = true;
    return o;
}

/* type NULL: a store of names. */
static crdt_store *forgetting(testmem *m, const crdt_type *type, uint64_t replica)
{
    crdt_options o = options_of(m, type, replica);
    crdt_store  *store;
    CHECK_OK(crdt_store_new(&o, &store));
    return store;
}

static void type_in(crdt_store *s, const char *name, size_t pos, const char *text)
{
    DO(s, name, &crdt_text_type, "insert", (int)pos, text);
}

static void erase(crdt_store *s, const char *name, size_t pos, size_t count)
{
    DO(s, name, &crdt_text_type, "delete", (int)pos, (int)count);
}

static void cut_all(crdt_store *s)
{
    CHECK_OK(crdt_store_stabilise(s, crdt_store_context(s)));
}

static uint64_t residues(const crdt_store *s)
{
    return crdt_store_stats(s).residues;
}

/* -- What stays -------------------------------------------------------------------------------- */

TEST(seq_forget, a_queue_stays_as_small_as_what_is_in_it)
{
    testmem m;
    testmem_init(&m);
    unsigned       rounds = T_SLOW ? 3000 : getenv("CRDT_SOAK") != NULL ? 1000000 : 60000;
    crdt_store    *s = forgetting(&m, &crdt_rga_type, A);
    const crdt_op *put = crdt_type_op(&crdt_rga_type, "insert");
    const crdt_op *take = crdt_type_op(&crdt_rga_type, "delete");
    size_t         most = 0;
    for (unsigned i = 0; i < rounds; i++) {
        crdt_value at_end[2] = {crdt_int(i < 20 ? i : 20), crdt_int(i)};
        crdt_value first[2] = {crdt_int(0), crdt_int(1)};
        CHECK_OK(crdt_store_apply(s, NOW, CRDT_SOLO, put, at_end, 2, NULL));
        if (i >= 20) CHECK_OK(crdt_store_apply(s, NOW, CRDT_SOLO, take, first, 2, NULL));
        if (i % 50 != 0) continue;
        cut_all(s);
        CHECK_EQ_INT(residues(s), 0);
        if (m.bytes > most) most = m.bytes;
    }
    cut_all(s);
    printf("%u rounds: at most %zu bytes, encoded in %zu\n", rounds, most, encoded_size(s));
    CHECK(most < 12000);
    CHECK(encoded_size(s) < 400);
    check_store(s);
    crdt_store_free(s);
    TESTMEM_DONE(&m);
}

static uint64_t counter_at(const crdt_store *s, const char *name, uint64_t pos)
{
    crdt_ref    ref;
    crdt_cursor c;
    CHECK_OK(crdt_store_find(s, name_of(name), &crdt_text_type, &ref));
    CHECK_OK(crdt_text_cursor(ref, CRDT_CODE_POINTS, pos, CRDT_LEFT, &c));
    return c.counter;
}

TEST(seq_forget, ids_are_never_used_again)
{
    crdt_store *s = forgetting(NULL, NULL, A);
    type_in(s, "t", 0, "abc");
    CHECK_EQ_INT(counter_at(s, "t", 0), 0);
    remove_name(s, "t");
    cut_all(s);
    CHECK_EQ_STR(shown(s, "t"), "ENOENT");
    CHECK_EQ_INT(residues(s), 0);
    crdt_options o = options_of(NULL, NULL, A);
    crdt_buf     bytes;
    crdt_store  *again;
    crdt_buf_init(&bytes, NULL);
    CHECK_OK(crdt_store_encode(s, &bytes));
    CHECK_OK(crdt_store_decode(&o, crdt_buf_bytes(&bytes), &again, NULL));
    type_in(again, "t", 0, "d");
    CHECK_EQ_INT(counter_at(again, "t", 0), 3);
    CHECK_EQ_STR(shown(again, "t"), "\"d\"");
    check_store(again);
    crdt_buf_clear(&bytes);
    free_all(s, again, NULL);
}

TEST(seq_forget, an_element_stays_while_a_deletion_of_it_is_not_stable)
{
    crdt_store *a = forgetting(NULL, &crdt_text_type, A);
    crdt_store *b = forgetting(NULL, &crdt_text_type, B);
    type_in(a, "", 0, "x");
    join(b, a);
    crdt_context cut;
    crdt_context_init(&cut, NULL);
    erase(a, "", 0, 1);
    CHECK_OK(crdt_context_copy(&cut, crdt_store_context(a)));
    erase(b, "", 0, 1);
    join(a, b);
    CHECK_OK(crdt_store_stabilise(a, &cut));
    CHECK_EQ_INT(residues(a), 1);
    cut_all(a);
    CHECK_EQ_INT(residues(a), 0);
    crdt_context_clear(&cut);
    free_all(a, b, NULL);
}

TEST(seq_forget, an_element_stays_while_a_child_of_it_is_not_stable)
{
    crdt_store *a = forgetting(NULL, &crdt_text_type, A);
    crdt_store *b = forgetting(NULL, &crdt_text_type, B);
    type_in(a, "", 0, "x");
    join(b, a);
    erase(a, "", 0, 1);
    crdt_context cut;
    crdt_context_init(&cut, NULL);
    CHECK_OK(crdt_context_copy(&cut, crdt_store_context(a)));
    type_in(b, "", 1, "y");
    join(a, b);
    CHECK_OK(crdt_store_stabilise(a, &cut));
    CHECK_EQ_INT(residues(a), 1);
    cut_all(a);
    CHECK_EQ_INT(residues(a), 0);
    CHECK_EQ_STR(shown(a, ""), "\"y\"");
    crdt_context_clear(&cut);
    free_all(a, b, NULL);
}

/* -- Removing the key while others insert ------------------------------------------------------ */

typedef enum way { BY_DELTAS, BY_STATES, BY_SINCE, WAYS } way;

static void bring(crdt_store *to, const crdt_store *from, crdt_delta *const *deltas, size_t count,
                  way w)
{
    crdt_delta *part = NULL;
    for (size_t i = 0; w == BY_DELTAS && i < count; i++) join(to, deltas[i]);
    if (w == BY_STATES) join(to, from);
    if (w != BY_SINCE) return;
    CHECK_OK(crdt_store_since(from, crdt_store_context(to), &part));
    join(to, part);
    crdt_store_free(part);
}

static void remove_and_insert(const crdt_type *type, way w)
{
    static const char *const words[3] = {"", "KLM", "XYZ"};
    crdt_store              *s[3];
    crdt_delta              *deltas[3];
    char                     before[40];
    for (unsigned r = 0; r < 3; r++) s[r] = forgetting(NULL, NULL, A + r * 0x11u);
    DO(s[0], "key", type, "insert", 0, "one two");
    DO(s[0], "key", type, "delete", 2, 3);
    for (unsigned r = 1; r < 3; r++) join(s[r], s[0]);
    for (unsigned r = 0; r < 3; r++) {
        if (r == 0) {
            crdt_txn *txn = begin(s[0]);
            CHECK_OK(crdt_txn_remove(txn, name_of("key")));
            deltas[0] = commit(s[0]);
        } else {
            deltas[r] = apply(s[r], "key", type, "insert", 2, words[r]);
        }
    }
    for (unsigned r = 0; r < 3; r++) {
        for (unsigned from = 0; from < 3; from++) {
            if (from != r) bring(s[r], s[from], deltas, 3, w);
        }
    }
    CHECK(strlen(shown(s[0], "key")) < sizeof before);
    memcpy(before, shown(s[0], "key"), strlen(shown(s[0], "key")) + 1);
    CHECK(strcmp(before, "\"KLMXYZ\"") == 0 || strcmp(before, "\"XYZKLM\"") == 0);
    for (unsigned r = 0; r < 3; r++) {
        CHECK_EQ_STR(shown(s[r], "key"), before);
        cut_all(s[r]);
        CHECK_EQ_STR(shown(s[r], "key"), before);
        CHECK_EQ_INT(residues(s[r]), 0);
        check_store(s[r]);
        CHECK(same_bytes(s[0], s[r]));
    }
    DO(s[1], "key", type, "insert", 3, "-");
    bring(s[2], s[1], NULL, 0, BY_SINCE);
    CHECK_EQ_STR(shown(s[2], "key"), shown(s[1], "key"));
    for (unsigned r = 0; r < 3; r++) crdt_store_free(deltas[r]);
    free_all(s[0], s[1], s[2], NULL);
}

TEST(seq_forget, survivors_of_a_removed_key_are_in_one_order_everywhere)
{
    for (way w = 0; w < WAYS; w++) {
        remove_and_insert(&crdt_text_type, w);
        remove_and_insert(&crdt_text_classic_type, w);
    }
}

/* -- What is typed at one place at once does not mix ------------------------------------------- */

TEST(seq_forget, runs_typed_where_something_was_deleted_do_not_mix)
{
    uint64_t rand = seed_or(11);
    for (unsigned round = 0; round < 200; round++) {
        crdt_store *a = forgetting(NULL, &crdt_text_type, A);
        crdt_store *b = forgetting(NULL, &crdt_text_type, B);
        type_in(a, "", 0, "pdddx");
        if (random_below(&rand, 2) == 0) type_in(a, "", 2, "ee");
        join(b, a);
        size_t shown_now = strlen(shown(a, "")) - 2;
        erase(a, "", 1, shown_now - 2);
        if (random_below(&rand, 2) == 0) join(b, a);
        bool back_a = random_below(&rand, 2) == 0, back_b = random_below(&rand, 2) == 0;
        for (size_t i = 0; i < 4; i++) {
            type_in(a, "", back_a ? 1 : 1 + i, "A");
            type_in(b, "", back_b ? 1 : 1 + i, "B");
        }
        join(a, b);
        join(b, a);
        CHECK_EQ_STR(shown(a, ""), shown(b, ""));
        const char *text = shown(a, "");
        CHECK_MSG(strstr(text, "AAAA") != NULL && strstr(text, "BBBB") != NULL, "%s", text);
        free_all(a, b, NULL);
    }
}

/* -- What is refused --------------------------------------------------------------------------- */

TEST(seq_forget, stores_must_agree_on_it)
{
    crdt_store *a = forgetting(NULL, &crdt_text_type, A), *b = solo_of(&crdt_text_type, B);
    crdt_store *got;
    const char *reason = "";
    crdt_buf    bytes;
    crdt_buf_init(&bytes, NULL);
    type_in(a, "", 0, "x");
    CHECK_ERR(crdt_store_join(b, a, NOW), CRDT_EINVAL);
    CHECK_ERR(crdt_store_merge(b, a), CRDT_EINVAL);
    CHECK_OK(crdt_store_encode(a, &bytes));
    CHECK_ERR(crdt_delta_decode(b, crdt_buf_bytes(&bytes), &got, &reason), CRDT_EMALFORMED);
    CHECK_EQ_STR(reason, "written with another choice of forget_ids");
    crdt_buf_clear(&bytes);
    free_all(a, b, NULL);
}

/* A text of several authors with holes, tops and what has gone for good. */
static crdt_store *holey(testmem *m, const crdt_type *type)
{
    crdt_store *a = forgetting(m, type, A), *b = forgetting(NULL, type, B);
    uint64_t    rand = 7;
    for (unsigned i = 0; i < 30; i++) {
        crdt_store *s = i % 2 == 0 ? a : b;
        size_t      n = (size_t)crdt_text_length(crdt_store_solo(s), CRDT_CODE_POINTS);
        bool        del = n > 6 && random_below(&rand, 2) == 0;
        size_t      pos = (size_t)random_below(&rand, n + !del);
        if (del) DO(s, "", type, "delete", (int)pos, (int)(n - pos > 3 ? 3 : n - pos));
        else DO(s, "", type, "insert", (int)pos, "ab\xc3\xa4");
        if (i % 3 == 2) join(a, b);
        if (i % 3 == 2) join(b, a);
    }
    join(a, b);
    cut_all(a);
    DO(a, "", type, "insert", 2, "new");
    DO(a, "", type, "delete", 0, 1);
    crdt_store_free(b);
    return a;
}

TEST(seq_forget, damaged_bytes_are_refused_or_sound)
{
    static const crdt_type *const types[2] = {&crdt_text_type, &crdt_text_classic_type};
    for (unsigned t = 0; t < 2; t++) {
        crdt_store *s = holey(NULL, types[t]), *got;
        crdt_buf    bytes, again;
        unsigned    taken = 0;
        crdt_buf_init(&bytes, NULL);
        crdt_buf_init(&again, NULL);
        CHECK_OK(crdt_store_encode(s, &bytes));
        crdt_options o = options_of(NULL, types[t], 0);
        for (size_t i = 0; i < 3 * bytes.size; i++) {
            size_t   size = i < bytes.size ? i : bytes.size;
            uint8_t *at = &((uint8_t *)bytes.data)[i % bytes.size], was = *at;
            if (i >= bytes.size) *at = (uint8_t)(i < 2 * bytes.size ? was + 1 : was ^ 0x41);
            crdt_err err = crdt_store_decode(&o, crdt_view_of(bytes.data, size), &got, NULL);
            if (err == CRDT_OK) {
                check_store(got);
                crdt_buf_reset(&again);
                CHECK_OK(crdt_store_encode(got, &again));
                CHECK_EQ_MEM(again.data, again.size, bytes.data, size);
                crdt_store_free(got);
                taken++;
            }
            *at = was;
        }
        printf("%s: %u of %zu taken\n", types[t]->name, taken, 3 * bytes.size);
        crdt_buf_clear(&bytes);
        crdt_buf_clear(&again);
        crdt_store_free(s);
    }
}

/* -- Memory refused ---------------------------------------------------------------------------- */

typedef crdt_err (*attempt)(crdt_store *s, crdt_store *other, crdt_store **ret_made);

static crdt_err try_cut(crdt_store *s, crdt_store *other, crdt_store **ret_made)
{
    (void)other;
    *ret_made = NULL;
    return crdt_store_stabilise(s, crdt_store_context(s));
}

static crdt_err try_clone(crdt_store *s, crdt_store *other, crdt_store **ret_made)
{
    (void)other;
    return crdt_store_clone(s, C, ret_made);
}

static crdt_err try_join(crdt_store *s, crdt_store *other, crdt_store **ret_made)
{
    *ret_made = NULL;
    return crdt_store_join(s, other, NOW);
}

static crdt_err try_since(crdt_store *s, crdt_store *other, crdt_store **ret_made)
{
    return crdt_store_since(s, crdt_store_context(other), ret_made);
}

static crdt_err try_insert(crdt_store *s, crdt_store *other, crdt_store **ret_made)
{
    crdt_value args[2] = {crdt_int(1), crdt_text("q")};
    (void)other;
    return crdt_store_apply(s, NOW, CRDT_SOLO, crdt_type_op(&crdt_text_type, "insert"), args, 2,
                            ret_made);
}

/* Each allocation in turn; then without a refusal it must come to what it should. */
static void refuse_each(attempt call, const char *name)
{
    for (uint64_t nth = 1;; nth++) {
        testmem m;
        testmem_init(&m);
        crdt_store *s = holey(&m, &crdt_text_type), *like = holey(NULL, &crdt_text_type);
        crdt_store *made = NULL, *should = NULL, *other = forgetting(NULL, &crdt_text_type, B);
        if (call == try_join) join(other, s);
        if (call == try_join) cut_all(other);
        testmem_fail_nth(&m, nth);
        crdt_err err = call(s, other, &made);
        bool     refused = testmem_refused(&m);
        testmem_fail_never(&m);
        CHECK_MSG(err == CRDT_OK || err == CRDT_ENOMEM, "%s gave %s", name, crdt_err_name(err));
        check_store(s);
        if (err == CRDT_ENOMEM) CHECK_OK(call(s, other, &made));
        else if (refused && call == try_cut) CHECK_OK(call(s, other, &made));
        CHECK_OK(call(like, other, &should));
        CHECK_MSG(same_bytes(s, like), "%s, with allocation %u refused", name, (unsigned)nth);
        CHECK_MSG(made == NULL || same_bytes(made, should), "%s", name);
        free_all(s, like, other, NULL);
        crdt_store_free(made);
        crdt_store_free(should);
        TESTMEM_DONE(&m);
        if (!refused) return;
    }
}

TEST(seq_forget, refused_memory_changes_nothing)
{
    refuse_each(try_cut, "stabilise");
    refuse_each(try_clone, "clone");
    refuse_each(try_join, "join");
    refuse_each(try_since, "since");
    refuse_each(try_insert, "insert");
}
