/* history_test.c: crdt/history.h at its edges: what is refused, what memory does, what waits, is
 * packed or forgotten. Random histories: tests/laws/history_test.c. */
#include "crdt/history.h"

#include <stdio.h>

#include "tests/lib/stores.h"
#include "tests/lib/testmem.h"

static crdt_err insert(crdt_store *store, crdt_view name, uint64_t pos, const char *text)
{
    crdt_text_edit edit;
    crdt_txn      *txn = begin(store);
    CHECK_OK(crdt_text_open(txn, name, &crdt_text_type, &edit));
    CHECK_OK(crdt_text_insert(&edit, CRDT_CODE_POINTS, pos, crdt_text_view(text)));
    return crdt_store_commit(store, NULL);
}

static crdt_err delete (crdt_store *store, uint64_t pos, uint64_t count)
{
    crdt_text_edit edit;
    crdt_txn      *txn = begin(store);
    CHECK_OK(crdt_text_open(txn, CRDT_SOLO, &crdt_text_type, &edit));
    CHECK_OK(crdt_text_delete(&edit, CRDT_CODE_POINTS, pos, count));
    return crdt_store_commit(store, NULL);
}

static void keep_context(crdt_context *ctx, const crdt_store *store)
{
    crdt_context_init(ctx, NULL);
    CHECK_OK(crdt_context_copy(ctx, crdt_store_context(store)));
}

/* "=2 +xy -1": static until the next call. */
static const char *told(const crdt_steps *steps)
{
    static char out[256];
    size_t      size = 0;
    for (size_t i = 0; i < steps->count; i++) {
        const crdt_step *s = &steps->at[i];
        size += (size_t)snprintf(out + size, sizeof out - size, "%s%c", i > 0 ? " " : "",
                                 "=+-"[s->kind]);
        if (s->text.size == 0) {
            size += (size_t)snprintf(out + size, sizeof out - size, "%d", (int)s->count);
        } else {
            size += (size_t)snprintf(out + size, sizeof out - size, "%.*s", (int)s->text.size,
                                     (const char *)s->text.data);
        }
        if (s->author != 0) {
            size += (size_t)snprintf(out + size, sizeof out - size, ":%x", (unsigned)s->author);
        }
        if (s->by != 0) {
            size += (size_t)snprintf(out + size, sizeof out - size, "/%x", (unsigned)s->by);
        }
    }
    out[size] = 0;
    return out;
}

static void check_told(crdt_ref text, const crdt_context *from, const crdt_context *to,
                       crdt_unit unit, bool authors, const char *expected)
{
    crdt_steps steps;
    crdt_steps_init(&steps, NULL);
    CHECK_OK(crdt_text_diff(text, from, to, unit, authors, &steps));
    CHECK_EQ_STR(told(&steps), expected);
    crdt_steps_clear(&steps);
}

/* What came by a join, in the units of a browser. */
TEST(history, tells_an_editor_what_a_join_did)
{
    crdt_store  *ann = solo_of(&crdt_text_type, 0xa), *ben = solo_of(&crdt_text_type, 0xb);
    crdt_context before;
    CHECK_OK(insert(ann, CRDT_SOLO, 0, "a \xf0\x9f\x98\x80 c"));
    join(ben, ann);
    CHECK_OK(insert(ben, CRDT_SOLO, 3, "\xc3\xa9"));
    CHECK_OK(delete (ben, 0, 1));
    CHECK_OK(insert(ann, CRDT_SOLO, 5, "!"));
    keep_context(&before, ann);
    join(ann, ben);
    crdt_ref text = crdt_store_solo(ann);
    check_told(text, &before, NULL, CRDT_UTF16_UNITS, false, "-1 =3 +\xc3\xa9 =3");
    check_told(text, &before, NULL, CRDT_UTF8_BYTES, false, "-1 =5 +\xc3\xa9 =3");
    check_told(text, &before, NULL, CRDT_CODE_POINTS, true, "-1:a/b =2:a +\xc3\xa9:b =3:a");
    check_told(text, NULL, &before, CRDT_CODE_POINTS, true, "+a \xf0\x9f\x98\x80 c!:a");
    check_told(text, NULL, NULL, CRDT_CODE_POINTS, true, "+ \xf0\x9f\x98\x80:a +\xc3\xa9:b + c!:a");
    check_told(text, NULL, &before, CRDT_CODE_POINTS, false, "+a \xf0\x9f\x98\x80 c!");
    check_told(text, crdt_store_context(ann), &before, CRDT_CODE_POINTS, true,
               "+a:a =2:a -1:b =3:a");
    crdt_context_clear(&before);
    free_all(ann, ben, NULL);
}

TEST(history, refuses_what_is_no_past_of_this_text)
{
    crdt_store  *store = solo_of(&crdt_text_type, 0xa), *list = solo_of(&crdt_rga_type, 0xb);
    crdt_store  *set = solo_of(&crdt_orset_type, 0xc);
    crdt_context other, hole;
    crdt_steps   steps;
    crdt_buf     out;
    CHECK_OK(insert(store, CRDT_SOLO, 0, "abc"));
    crdt_ref text = crdt_store_solo(store);
    crdt_steps_init(&steps, NULL);
    crdt_buf_init(&out, NULL);
    CHECK_OK(crdt_text_diff(text, NULL, NULL, CRDT_CODE_POINTS, false, &steps));
    crdt_context_init(&other, NULL);
    CHECK_OK(crdt_context_add(&other, (crdt_dot){0xe, 1}));
    CHECK_ERR(crdt_text_diff(text, &other, NULL, CRDT_CODE_POINTS, false, &steps), CRDT_EGAP);
    CHECK_ERR(crdt_text_diff(text, NULL, &other, CRDT_CODE_POINTS, false, &steps), CRDT_EGAP);
    CHECK_ERR(crdt_text_at(text, &other, &out), CRDT_EGAP);
    crdt_context_init(&hole, NULL);
    CHECK_OK(crdt_context_add(&hole, (crdt_dot){0xa, 2}));
    CHECK_ERR(crdt_text_at(text, &hole, &out), CRDT_EGAP);
    CHECK_ERR(crdt_text_diff(text, NULL, NULL, (crdt_unit)3, false, &steps), CRDT_EINVAL);
    CHECK_ERR(crdt_text_diff(text, NULL, NULL, (crdt_unit)-1, false, &steps), CRDT_EINVAL);
    CHECK_ERR(crdt_rga_diff(text, NULL, NULL, false, &steps), CRDT_EINVAL);
    crdt_ref values = crdt_store_solo(list), elements = crdt_store_solo(set);
    CHECK_ERR(crdt_text_diff(values, NULL, NULL, CRDT_CODE_POINTS, false, &steps), CRDT_EINVAL);
    CHECK_ERR(crdt_text_at(values, NULL, &out), CRDT_EINVAL);
    CHECK_ERR(crdt_text_at(elements, NULL, &out), CRDT_EINVAL);
    CHECK_ERR(crdt_rga_diff(elements, NULL, NULL, false, &steps), CRDT_EINVAL);
    CHECK_EQ_STR(told(&steps), "+abc"); /* as it was */
    CHECK_EQ_INT(out.size, 0);
    CHECK_OK(crdt_rga_diff(values, NULL, NULL, true, &steps));
    CHECK_EQ_INT(steps.count, 0);
    crdt_steps_clear(&steps);
    crdt_context_clear(&other);
    crdt_context_clear(&hole);
    free_all(store, list, set, NULL);
}

/* It is in no context yet. */
TEST(history, leaves_out_an_open_transaction)
{
    crdt_store    *store = solo_of(&crdt_text_type, 0xa);
    crdt_text_edit edit;
    CHECK_OK(insert(store, CRDT_SOLO, 0, "abc"));
    crdt_txn *txn = begin(store);
    CHECK_OK(crdt_text_open(txn, CRDT_SOLO, &crdt_text_type, &edit));
    CHECK_OK(crdt_text_replace(&edit, CRDT_CODE_POINTS, 1, 1, crdt_text_view("xy")));
    check_told(crdt_store_solo(store), NULL, NULL, CRDT_CODE_POINTS, true, "+abc:a");
    CHECK_OK(crdt_store_commit(store, NULL));
    check_told(crdt_store_solo(store), NULL, NULL, CRDT_CODE_POINTS, true, "+axyc:a");
    free_all(store, NULL);
}

/* A text that was removed has a past all the same; so has one that was never there. */
TEST(history, of_a_name_that_is_gone)
{
    crdt_store  *store = store_of(0xa);
    crdt_context before;
    crdt_ref     text;
    CHECK_OK(insert(store, name_of("t"), 0, "abc"));
    keep_context(&before, store);
    remove_name(store, "t");
    CHECK_ERR(crdt_store_find(store, name_of("t"), &crdt_text_type, &text), CRDT_ENOENT);
    CHECK_OK(crdt_store_object(store, name_of("t"), &crdt_text_type, &text));
    check_told(text, &before, NULL, CRDT_UTF8_BYTES, true, "-3:a/a");
    check_told(text, NULL, &before, CRDT_CODE_POINTS, false, "+abc");
    crdt_context_clear(&before);
    free_all(store, NULL);
}

/* What waits for what has not come did not show. */
TEST(history, leaves_out_what_waits)
{
    crdt_store *ann = solo_of(&crdt_text_type, 0xa), *ben = solo_of(&crdt_text_type, 0xb);
    crdt_delta *first = apply(ann, "", &crdt_text_type, "insert", 0, "abc");
    crdt_delta *second = apply(ann, "", &crdt_text_type, "insert", 1, "x");
    CHECK_OK(crdt_store_merge(ben, second));
    CHECK_EQ_INT(crdt_text_waiting(crdt_store_solo(ben)), 1);
    check_told(crdt_store_solo(ben), NULL, NULL, CRDT_CODE_POINTS, true, "");
    CHECK_OK(crdt_store_merge(ben, first));
    check_told(crdt_store_solo(ben), crdt_delta_brought(second), NULL, CRDT_CODE_POINTS, true,
               "+a:a =1:a +bc:a");
    free_all(first, second, ann, ben, NULL);
}

/* The content of stable deletions is forgotten: what needs it is refused, what does not is told. */
TEST(history, of_forgotten_content_is_stale)
{
    crdt_store  *store = solo_of(&crdt_text_type, 0xa);
    crdt_context before;
    crdt_steps   steps;
    crdt_buf     out;
    crdt_steps_init(&steps, NULL);
    crdt_buf_init(&out, NULL);
    CHECK_OK(insert(store, CRDT_SOLO, 0, "abcd"));
    keep_context(&before, store);
    CHECK_OK(delete (store, 1, 2));
    CHECK_OK(crdt_store_stabilise(store, crdt_store_context(store)));
    crdt_ref text = crdt_store_solo(store);
    CHECK_ERR(crdt_text_at(text, &before, &out), CRDT_ESTALE);
    CHECK_ERR(crdt_text_diff(text, NULL, &before, CRDT_CODE_POINTS, false, &steps), CRDT_ESTALE);
    CHECK_ERR(crdt_text_diff(text, &before, NULL, CRDT_UTF16_UNITS, false, &steps), CRDT_ESTALE);
    check_told(text, &before, NULL, CRDT_CODE_POINTS, true, "=1:a -2:a/a =1:a");
    check_told(text, NULL, NULL, CRDT_UTF8_BYTES, false, "+ad");
    CHECK_EQ_INT(out.size, 0);
    crdt_buf_clear(&out);
    crdt_steps_clear(&steps);
    crdt_context_clear(&before);
    free_all(store, NULL);
}

/* Where ids are forgotten, what does not hold the cut has no past. */
TEST(history, of_forgotten_ids_is_stale)
{
    crdt_options o = crdt_options_default(0xa, NULL);
    crdt_store  *store;
    crdt_context before;
    crdt_steps   steps;
    o.solo = &crdt_text_type;
    o.forget_ids = true;
    CHECK_OK(crdt_store_new(&o, &store));
    crdt_steps_init(&steps, NULL);
    CHECK_OK(insert(store, CRDT_SOLO, 0, "ad"));
    CHECK_OK(insert(store, CRDT_SOLO, 1, "bc"));
    keep_context(&before, store);
    CHECK_OK(delete (store, 1, 2));
    crdt_ref text = crdt_store_solo(store);
    check_told(text, &before, NULL, CRDT_CODE_POINTS, false, "=1 -2 =1");
    CHECK_OK(crdt_store_stabilise(store, crdt_store_context(store)));
    text = crdt_store_solo(store);
    CHECK_ERR(crdt_text_diff(text, &before, NULL, CRDT_CODE_POINTS, false, &steps), CRDT_ESTALE);
    CHECK_ERR(crdt_text_diff(text, NULL, &before, CRDT_CODE_POINTS, false, &steps), CRDT_ESTALE);
    check_told(text, NULL, NULL, CRDT_CODE_POINTS, true, "+ad:a");
    CHECK_OK(crdt_context_copy(&before, crdt_store_context(store)));
    CHECK_OK(insert(store, CRDT_SOLO, 1, "x"));
    check_told(crdt_store_solo(store), &before, NULL, CRDT_CODE_POINTS, false, "=1 +x =1");
    crdt_context_clear(&before);
    free_all(store, NULL);
}

/* Each refused allocation: the steps are as they were, and so is the text. */
TEST(history, survives_refused_memory)
{
    testmem m;
    testmem_init(&m);
    crdt_store *ann, *ben = solo_of(&crdt_text_type, 0xb);
    crdt_buf    bytes, out;
    crdt_steps  steps;
    const char *reason;
    for (int i = 0; i < 40; i++) CHECK_OK(insert(ben, CRDT_SOLO, (uint64_t)(i / 2), "\xc3\xa9x"));
    for (int i = 0; i < 20; i++) CHECK_OK(delete (ben, (uint64_t)i * 2, 2));
    crdt_buf_init(&bytes, NULL);
    CHECK_OK(crdt_store_encode(ben, &bytes));
    crdt_options o = crdt_options_default(0xa, NULL);
    o.solo = &crdt_text_type;
    o.mem = &m.mem;
    CHECK_OK(crdt_store_decode(&o, crdt_buf_bytes(&bytes), &ann, &reason));
    crdt_steps_init(&steps, &m.mem);
    crdt_context some;
    crdt_context_init(&some, NULL);
    for (uint64_t seq = 1; seq < 50; seq += 3) {
        CHECK_OK(crdt_context_add(&some, (crdt_dot){0xb, seq}));
    }
    uint64_t n = 1;
    for (;; n++) {
        testmem_fail_nth(&m, n);
        crdt_err err =
            crdt_text_diff(crdt_store_solo(ann), &some, NULL, CRDT_UTF16_UNITS, true, &steps);
        if (!testmem_refused(&m)) break;
        CHECK_ERR(err, CRDT_ENOMEM);
        CHECK_EQ_INT(steps.count, 0);
    }
    CHECK(n > 5 && steps.count > 0);
    for (n = 1;; n++) {
        crdt_buf_init(&out, &m.mem);
        testmem_fail_nth(&m, n);
        crdt_err err = crdt_text_at(crdt_store_solo(ann), &some, &out);
        size_t   size = out.size;
        crdt_buf_clear(&out);
        if (!testmem_refused(&m)) break;
        CHECK_ERR(err, CRDT_ENOMEM);
        CHECK_EQ_INT(size, 0);
    }
    CHECK(n > 3);
    testmem_fail_never(&m);
    check_store(ann);
    crdt_steps_clear(&steps);
    crdt_context_clear(&some);
    crdt_buf_clear(&bytes);
    free_all(ann, ben, NULL);
    TESTMEM_DONE(&m);
}

/* Small texts of a store stay packed until they are read: that may be refused, and is told. */
TEST(history, tells_when_a_text_cannot_be_unpacked)
{
    testmem m;
    testmem_init(&m);
    crdt_store  *ann, *ben = store_of(0xb);
    crdt_buf     bytes;
    crdt_ref     ref;
    crdt_steps   steps;
    const char  *reason;
    crdt_options o = crdt_options_default(0xa, crdt_types_builtin());
    o.mem = &m.mem;
    for (char name[] = "a"; name[0] <= 'z'; name[0]++) CHECK_OK(insert(ben, name_of(name), 0, "x"));
    crdt_buf_init(&bytes, NULL);
    CHECK_OK(crdt_store_encode(ben, &bytes));
    CHECK_OK(crdt_store_decode(&o, crdt_buf_bytes(&bytes), &ann, &reason));
    CHECK_OK(crdt_store_find(ann, name_of("a"), &crdt_text_type, &ref));
    crdt_steps_init(&steps, &m.mem);
    uint64_t n = 1;
    for (;; n++) {
        testmem_fail_nth(&m, n);
        crdt_err err = crdt_text_diff(ref, NULL, NULL, CRDT_CODE_POINTS, true, &steps);
        if (!testmem_refused(&m)) break;
        CHECK_ERR(err, CRDT_ENOMEM);
    }
    testmem_fail_never(&m);
    CHECK(n > 1);
    CHECK_EQ_STR(told(&steps), "+x:b");
    crdt_steps_clear(&steps);
    crdt_buf_clear(&bytes);
    free_all(ann, ben, NULL);
    TESTMEM_DONE(&m);
}
