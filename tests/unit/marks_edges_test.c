/* marks_edges_test.c: marks where things go wrong or go: bad input, refused memory, removal, what
 * waits, what was forgotten, what may be dropped. */
#include <stdio.h>
#include <string.h>

#include "crdt/marks.h"
#include "tests/lib/rich.h"
#include "tests/lib/testmem.h"

#define A 1
#define B 2

static crdt_view doc(void)
{
    return crdt_text_view(DOC);
}

static crdt_mark bold(void)
{
    return crdt_mark_of("bold", crdt_int(1));
}

static crdt_store *doc_of(const char *text)
{
    crdt_store *s = store_of(A);
    rich_type(s, 0, text);
    return s;
}

/* -- Bad input --------------------------------------------------------------------------------- */

TEST(marks, ranges_and_names_that_are_none_are_refused_and_change_nothing)
{
    crdt_store *s = doc_of("h\xc3\xa9llo");
    crdt_mark   empty = {crdt_view_of("", 0), crdt_int(1), CRDT_EXPAND_NONE}, odd = bold();
    crdt_range  inside = {CRDT_UTF8_BYTES, 2, 1}, beyond = {CRDT_CODE_POINTS, 3, 3};
    crdt_range  wraps = {CRDT_CODE_POINTS, 3, UINT64_MAX};
    size_t      size = encoded_size(s);
    DO(s, "set", &crdt_orset_type, "add", "x");
    crdt_txn *txn = begin(s);
    odd.expand = (crdt_expand)4;
    CHECK_ERR(crdt_marks_set(txn, name_of("none"), rich_range(0, 1), bold()), CRDT_ENOENT);
    CHECK_ERR(crdt_marks_set(txn, name_of("set"), rich_range(0, 1), bold()), CRDT_ETYPE);
    CHECK_ERR(crdt_marks_set(txn, doc(), inside, bold()), CRDT_ERANGE);
    CHECK_ERR(crdt_marks_set(txn, doc(), beyond, bold()), CRDT_ERANGE);
    CHECK_ERR(crdt_marks_unset(txn, doc(), wraps, bold()), CRDT_ERANGE);
    CHECK_ERR(crdt_marks_set(txn, doc(), rich_range(0, 1), empty), CRDT_EINVAL);
    CHECK_ERR(crdt_marks_set(txn, doc(), rich_range(0, 1), odd), CRDT_EINVAL);
    CHECK_ERR(crdt_marks_insert(txn, doc(), CRDT_CODE_POINTS, 6, name_of("x")), CRDT_ERANGE);
    CHECK_ERR(crdt_marks_insert(txn, doc(), CRDT_CODE_POINTS, 0, name_of("\xff")), CRDT_EINVAL);
    CHECK_ERR(crdt_marks_tidy(txn, name_of("none")), CRDT_ENOENT);
    CHECK_ERR(crdt_marks_renew(txn, name_of("set")), CRDT_ETYPE);
    CHECK_OK(crdt_marks_set(txn, doc(), rich_range(5, 0), bold())); /* of nothing */
    crdt_store_free(commit(s));
    remove_name(s, "set");
    CHECK_EQ_INT(rich_count(s), 0);
    CHECK(encoded_size(s) >= size);
    free_all(s, NULL);
}

TEST(marks, limits_bind_the_writer)
{
    crdt_options o = crdt_options_default(A, crdt_types_builtin());
    crdt_store  *s;
    char         key[65];
    o.limits.value_bytes = 64;
    o.limits.elements = 5;
    CHECK_OK(crdt_store_new(&o, &s));
    rich_type(s, 0, "abcde");
    memset(key, 'k', sizeof key);
    crdt_mark big = {crdt_view_of(key, sizeof key), crdt_int(1), CRDT_EXPAND_NONE};
    crdt_txn *txn = begin(s);
    CHECK_ERR(crdt_marks_set(txn, doc(), rich_range(0, 1), big), CRDT_ELIMIT);
    for (uint64_t i = 0; i < 5; i++) {
        CHECK_OK(crdt_marks_set(txn, doc(), rich_range(i, 1), bold()));
    }
    CHECK_ERR(crdt_marks_set(txn, doc(), rich_range(0, 1), bold()), CRDT_ELIMIT);
    crdt_store_free(commit(s));
    CHECK_EQ_INT(rich_count(s), 5);
    free_all(s, NULL);
}

/* Every truncation, and every byte changed: refused, or a sound state. */
TEST(marks, damaged_bytes_are_refused_or_sound)
{
    crdt_store *s = doc_of("The fox"), *copy;
    crdt_buf    bytes;
    unsigned    refused = 0;
    rich_set(s, 0, 3, "bold", NULL);
    rich_set(s, 2, 4, "link", "w");
    rich_unset(s, 1, 1, "bold");
    crdt_buf_init(&bytes, NULL);
    CHECK_OK(crdt_store_encode(s, &bytes));
    for (size_t n = 0; n < bytes.size; n++) {
        CHECK(crdt_delta_decode(s, crdt_view_of(bytes.data, n), &copy, NULL) != CRDT_OK);
    }
    for (size_t i = 0; i < 256 * bytes.size; i++) {
        uint8_t was = bytes.data[i / 256];
        bytes.data[i / 256] = (uint8_t)i;
        crdt_err err = crdt_delta_decode(s, crdt_buf_bytes(&bytes), &copy, NULL);
        bytes.data[i / 256] = was;
        refused += err != CRDT_OK;
        if (err != CRDT_OK) continue;
        check_store(copy);
        crdt_ref ref;
        if (crdt_store_find(copy, doc(), &crdt_text_type, &ref) == CRDT_OK) (void)rich_shown(copy);
        crdt_store_free(copy);
    }
    CHECK(refused > 0);
    crdt_buf_clear(&bytes);
    free_all(s, NULL);
}

TEST(marks, one_dot_for_two_marks_is_a_fork)
{
    crdt_store *a = doc_of("The fox"), *b = recoded(a), *twin = store_of(A);
    join(twin, b);
    rich_set(a, 0, 3, "bold", NULL);
    rich_set(twin, 0, 3, "italic", NULL);
    CHECK_ERR(crdt_store_join(a, twin, NOW), CRDT_EFORK);
    CHECK_EQ_STR(rich_shown(a), "[bold]The[/] fox");
    free_all(a, b, twin, NULL);
}

/* -- Cursors ----------------------------------------------------------------------------------- */

TEST(marks, cursors_as_text_are_what_print_writes_and_nothing_else)
{
    static const char *const good[] = {"start", "end", "0@0000000000000001<",
                                       "18446744073709551615@ffffffffffffffff>",
                                       "12@00000000000000a1>"};
    static const char *const bad[] = {"",
                                      "s",
                                      "endless",
                                      "@0000000000000001<",
                                      "01@0000000000000001<",
                                      "1@0000000000000000<",
                                      "1@000000000000001<",
                                      "1@00000000000000001<",
                                      "1@000000000000000A<",
                                      "1@0000000000000001",
                                      "1@0000000000000001<<",
                                      "a@0000000000000001<",
                                      "18446744073709551616@0000000000000001<",
                                      "1@<",
                                      "1<@"};
    crdt_cursor              c;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        crdt_buf out;
        crdt_buf_init(&out, NULL);
        CHECK_OK(crdt_cursor_parse(name_of(good[i]), &c));
        crdt_cursor_print(c, &out);
        CHECK_EQ_MEM(out.data, out.size, good[i], strlen(good[i]));
        crdt_buf_clear(&out);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK_MSG(crdt_cursor_parse(name_of(bad[i]), &c) == CRDT_EMALFORMED, "%s", bad[i]);
    }
}

TEST(marks, cursors_compare_in_deleted_text_too)
{
    crdt_store *s = doc_of("abcd");
    crdt_ref    text;
    crdt_cursor at[6] = {crdt_cursor_end(CRDT_LEFT)};
    CHECK_OK(crdt_store_find(s, doc(), NULL, &text));
    for (uint64_t i = 0; i < 4; i++) {
        CHECK_OK(crdt_text_cursor(text, CRDT_CODE_POINTS, i, CRDT_LEFT, &at[i + 1]));
    }
    at[5] = crdt_cursor_end(CRDT_RIGHT);
    rich_delete(s, 1, 2);
    CHECK_OK(crdt_store_find(s, doc(), NULL, &text));
    for (int i = 0; i < 6; i++) {
        for (int k = 0; k < 6; k++) {
            int order;
            CHECK_OK(crdt_text_compare(text, at[i], at[k], &order));
            CHECK_EQ_INT((order > 0) - (order < 0), (i > k) - (i < k));
        }
    }
    bool gap;
    for (uint64_t i = 0; i <= 2; i++) {
        CHECK_OK(crdt_text_gap(text, CRDT_CODE_POINTS, i, &gap));
        CHECK_EQ_INT(gap, i == 1);
    }
    CHECK_ERR(crdt_text_gap(text, CRDT_CODE_POINTS, 3, &gap), CRDT_ERANGE);
    free_all(s, NULL);
}

/* -- Waiting, removal, transactions ------------------------------------------------------------ */

TEST(marks, over_text_that_is_not_here_they_wait)
{
    crdt_store *a = store_of(A), *b = store_of(B);
    crdt_cursor start = {A, 1, CRDT_LEFT}, end = {A, 2, CRDT_RIGHT};
    crdt_value  one = crdt_int(1);
    crdt_spans *spans;
    rich_type(b, 0, "yz");
    CHECK_OK(crdt_marks_put(begin(b), doc(), start, end, name_of("bold"), &one));
    crdt_store_free(commit(b));
    CHECK_EQ_STR(rich_shown(b), "yz");
    CHECK_OK(crdt_marks_read(b, doc(), CRDT_CODE_POINTS, NULL, &spans));
    CHECK_EQ_INT(crdt_marks_waiting(spans), 1);
    crdt_marks_free(spans);
    rich_type(a, 0, "abcd");
    rich_meet(a, b);
    CHECK(strstr(rich_shown(b), "[bold]bc[/]") != NULL ||
          strstr(rich_shown(b), "[bold]ab[/]") != NULL);
    free_all(a, b, NULL);
}

TEST(marks, removing_the_name_takes_them_away_and_a_new_text_has_none)
{
    crdt_store *a = doc_of("The fox"), *b = store_of(B);
    rich_set(a, 0, 7, "bold", NULL);
    join(b, a);
    remove_name(a, DOC);
    CHECK_EQ_INT(rich_count(a), 0);
    rich_type(b, 7, "es"); /* at the same time */
    rich_set(b, 0, 9, "italic", NULL);
    rich_meet(a, b);
    CHECK_EQ_STR(rich_shown(a), "[italic]es[/]");
    remove_name(a, DOC);
    rich_type(a, 0, "new");
    rich_meet(a, b);
    CHECK_EQ_STR(rich_shown(b), "new");
    CHECK_EQ_INT(rich_count(b), 0);
    free_all(a, b, NULL);
}

TEST(marks, a_transaction_shows_its_own_and_a_rollback_leaves_none)
{
    crdt_store *s = doc_of("The fox"), *before = recoded(s);
    crdt_ref    text, marks;
    crdt_spans *spans;
    crdt_span   span;
    crdt_txn   *txn = begin(s);
    CHECK_OK(crdt_marks_set(txn, doc(), rich_range(0, 3), bold()));
    CHECK_OK(crdt_txn_find(txn, doc(), NULL, &text));
    CHECK_OK(crdt_txn_beside(txn, doc(), &crdt_marks_type, &marks));
    CHECK_OK(crdt_marks_read_over(text, &marks, CRDT_UTF16_UNITS, NULL, &spans));
    CHECK(crdt_marks_next(spans, &span));
    CHECK_EQ_INT(span.count, 3);
    CHECK_EQ_INT(span.marks_count, 1);
    crdt_marks_free(spans);
    crdt_store_rollback(s);
    CHECK(same_bytes(s, before));
    free_all(s, before, NULL);
}

TEST(marks, spans_are_told_in_the_unit_asked_for)
{
    static const uint64_t counts[3] = {2, 3, 6}; /* of the marked part */
    crdt_store           *s = doc_of("a\xc3\xa9\xf0\x9f\x98\x80z");
    rich_set(s, 1, 2, "bold", NULL);
    for (int unit = CRDT_CODE_POINTS; unit <= CRDT_UTF8_BYTES; unit++) {
        crdt_spans *spans;
        crdt_span   span;
        CHECK_OK(crdt_marks_read(s, doc(), (crdt_unit)unit, NULL, &spans));
        CHECK(crdt_marks_next(spans, &span) && span.count == 1 && span.marks_count == 0);
        CHECK(crdt_marks_next(spans, &span) && span.start == 1 && span.marks_count == 1);
        CHECK_EQ_INT(span.count, counts[unit]);
        CHECK(crdt_marks_next(spans, &span) && span.count == 1 && !crdt_marks_next(spans, &span));
        crdt_marks_free(spans);
    }
    free_all(s, NULL);
}

/* -- What goes, what moves --------------------------------------------------------------------- */

TEST(marks, switching_a_mark_on_and_off_leaves_a_bounded_number)
{
    crdt_store *s = doc_of("The fox jumped over the dog");
    size_t      most = 0;
    for (uint64_t i = 0; i < 3000; i++) {
        if (i % 2 == 0) rich_set(s, i % 5, 9, "bold", NULL);
        else rich_unset(s, i % 5, 9, "bold");
        if (rich_count(s) > most) most = rich_count(s);
    }
    CHECK_MSG(most < 400, "%zu marks were held", most);
    rich_tidy(s);
    CHECK(rich_count(s) <= 10);
    check_store(s);
    free_all(s, NULL);
}

static crdt_store *forgetful(uint64_t replica)
{
    crdt_options o = crdt_options_default(replica, crdt_types_builtin());
    crdt_store  *store;
    o.forget_ids = true;
    CHECK_OK(crdt_store_new(&o, &store));
    return store;
}

/* A mark whose edges were deleted, then forgotten; renewed before, or not. */
static void forget_edges(bool renewed, const char *shown, size_t stale)
{
    crdt_store *s = forgetful(A);
    crdt_spans *spans;
    for (uint64_t i = 0; i < 6; i++) { /* each its own dot: ids go with whole ones */
        rich_type(s, i, (const char *[]){"a", "b", "c", "d", "e", "f"}[i]);
    }
    rich_set(s, 1, 4, "link", "w");
    rich_delete(s, 4, 1);
    rich_delete(s, 1, 1);
    CHECK_EQ_STR(rich_shown(s), "a[link=w]cd[/]f");
    if (renewed) {
        CHECK_OK(crdt_marks_renew(begin(s), doc()));
        crdt_store_free(commit(s));
    }
    crdt_context cut;
    crdt_context_init(&cut, NULL);
    CHECK_OK(crdt_context_copy(&cut, crdt_store_context(s)));
    CHECK_OK(crdt_store_stabilise(s, &cut));
    crdt_context_clear(&cut);
    check_store(s);
    CHECK_EQ_STR(rich_shown(s), shown);
    CHECK_OK(crdt_marks_read(s, doc(), CRDT_CODE_POINTS, NULL, &spans));
    CHECK_EQ_INT(crdt_marks_stale(spans), stale);
    crdt_marks_free(spans);
    rich_tidy(s);
    if (renewed) {
        rich_type(s, 3, "x"); /* at the end, and at the start, of a link */
        rich_type(s, 1, "y");
        CHECK_EQ_STR(rich_shown(s), "ay[link=w]cd[/]xf");
    }
    free_all(s, NULL);
}

TEST(marks, what_was_renewed_outlives_the_ids_of_its_edges)
{
    forget_edges(true, "a[link=w]cd[/]f", 0);
}

TEST(marks, what_was_not_renewed_is_hidden_and_counted_as_stale)
{
    forget_edges(false, "acdf", 1);
}

/* -- Refused memory ---------------------------------------------------------------------------- */

typedef crdt_err rich_step(crdt_txn *txn);

static crdt_err set_it(crdt_txn *txn)
{
    return crdt_marks_set(txn, doc(), rich_range(1, 2), crdt_mark_of("link", crdt_text("w.org/x")));
}

static crdt_err insert_it(crdt_txn *txn)
{
    return crdt_marks_insert(txn, doc(), CRDT_CODE_POINTS, 2, name_of("F"));
}

static crdt_err tidy_it(crdt_txn *txn)
{
    return crdt_marks_tidy(txn, doc());
}

static crdt_err renew_it(crdt_txn *txn)
{
    return crdt_marks_renew(txn, doc());
}

static crdt_store *edges_gone(const crdt_mem *mem)
{
    crdt_options o = crdt_options_default(A, crdt_types_builtin());
    crdt_store  *s;
    o.mem = mem;
    CHECK_OK(crdt_store_new(&o, &s));
    rich_type(s, 0, "ABCDE");
    rich_set(s, 1, 3, "link", "w");
    rich_set(s, 1, 1, "bold", NULL);
    rich_set(s, 0, 5, "bold", NULL); /* over all of the one before */
    rich_delete(s, 1, 1);
    rich_delete(s, 2, 1);
    return s;
}

static void refuse(rich_step *step, const char *shown)
{
    testmem m;
    testmem_init(&m);
    crdt_store *s = edges_gone(&m.mem), *before = recoded(s);
    for (uint64_t n = 1;; n++) {
        crdt_txn   *txn;
        crdt_delta *delta = NULL;
        testmem_fail_nth(&m, n);
        crdt_err err = crdt_store_begin(s, NOW, &txn);
        if (err == CRDT_OK) {
            err = step(txn);
            if (err == CRDT_OK) err = crdt_store_commit(s, &delta);
            if (err != CRDT_OK) crdt_store_rollback(s);
        }
        bool refused = testmem_refused(&m);
        testmem_fail_never(&m);
        if (err == CRDT_OK) {
            crdt_store_free(delta);
            break;
        }
        CHECK_ERR(err, CRDT_ENOMEM);
        CHECK(refused);
        CHECK(same_bytes(s, before));
        check_store(s);
    }
    CHECK_EQ_STR(rich_shown(s), shown);
    check_store(s);
    free_all(s, before, NULL);
    TESTMEM_DONE(&m);
}

TEST(marks, refused_memory_leaves_text_and_marks_as_they_were)
{
    refuse(set_it, "[bold]A[/][bold link=w.org/x]CE[/]");
    refuse(insert_it, "[bold]A[/][bold link=w]C[/][bold]FE[/]");
    refuse(tidy_it, "[bold]A[/][bold link=w]C[/][bold]E[/]");
    refuse(renew_it, "[bold]A[/][bold link=w]C[/][bold]E[/]");
}

TEST(marks, reading_under_refused_memory_fails_and_leaks_nothing)
{
    testmem     m;
    crdt_store *s = edges_gone(NULL);
    crdt_spans *spans;
    testmem_init(&m);
    for (uint64_t n = 1;; n++) {
        testmem_fail_nth(&m, n);
        crdt_err err = crdt_marks_read(s, doc(), CRDT_CODE_POINTS, &m.mem, &spans);
        if (!testmem_refused(&m)) {
            CHECK_OK(err);
            break;
        }
        CHECK_ERR(err, CRDT_ENOMEM);
        CHECK_EQ_INT(m.blocks, 0);
    }
    crdt_marks_free(spans);
    crdt_marks_free(NULL);
    free_all(s, NULL);
    TESTMEM_DONE(&m);
}
