/* marks_test.c: marks of texts: the published cases of Peritext (Litt et al., 2022, section 2 and
 * its tests), each with what the text shows on every replica afterwards, and what stands around
 * them: removal, tidying, renewing. */
#include "crdt/marks.h"

#include <string.h>

#include "tests/lib/rich.h"
#include "tests/lib/testmem.h"

#define A 1
#define B 2

static void two(crdt_store *r[2], const char *text)
{
    r[0] = store_of(A);
    r[1] = store_of(B);
    rich_type(r[0], 0, text);
    join(r[1], r[0]);
}

static void done(crdt_store *r[2], const char *shown)
{
    rich_meet(r[0], r[1]);
    CHECK_EQ_STR(rich_shown(r[0]), shown);
    rich_tidy(r[0]);
    CHECK_EQ_STR(rich_shown(r[0]), shown);
    rich_meet(r[0], r[1]);
    CHECK_EQ_STR(rich_shown(r[1]), shown);
    free_all(r[0], r[1], NULL);
}

/* -- The nine published examples --------------------------------------------------------------- */

TEST(peritext, example_1_text_inserted_in_a_range_while_it_becomes_bold_is_bold)
{
    crdt_store *r[2];
    two(r, "The fox jumped.");
    rich_set(r[0], 0, 15, "bold", NULL);
    rich_insert(r[1], 4, "brown ");
    done(r, "[bold]The brown fox jumped.[/]");
}

TEST(peritext, example_2_overlapping_bold_ranges_are_one)
{
    crdt_store *r[2];
    two(r, "The fox jumped.");
    rich_set(r[0], 0, 7, "bold", NULL);
    rich_set(r[1], 4, 11, "bold", NULL);
    done(r, "[bold]The fox jumped.[/]");
}

TEST(peritext, example_3_bold_and_italic_overlap)
{
    crdt_store *r[2];
    two(r, "The fox jumped.");
    rich_set(r[0], 0, 7, "bold", NULL);
    rich_set(r[1], 4, 11, "italic", NULL);
    done(r, "[bold]The [/][bold italic]fox[/][italic] jumped.[/]");
}

TEST(peritext, example_4_of_two_colours_the_later_shows_where_they_overlap)
{
    crdt_store *r[2];
    two(r, "The fox jumped.");
    rich_set(r[0], 0, 7, "color", "red");
    rich_set(r[1], 4, 11, "color", "blue"); /* the same stamp: B's dot is the greater */
    done(r, "[color=red]The [/][color=blue]fox jumped.[/]");
}

TEST(peritext, example_5_of_bold_and_not_bold_one_holds_for_the_whole_overlap)
{
    crdt_store *r[2];
    two(r, "The fox jumped.");
    rich_set(r[0], 0, 15, "bold", NULL);
    join(r[1], r[0]);
    rich_unset(r[0], 0, 7, "bold");
    rich_unset(r[1], 4, 11, "bold");
    rich_set(r[1], 4, 3, "bold", NULL); /* B's second write is later than A's */
    done(r, "The [bold]fox[/] jumped.");
}

TEST(peritext, example_6_comments_overlap_each_under_its_id)
{
    crdt_store *r[2];
    two(r, "The fox jumped.");
    rich_set(r[0], 0, 7, "comment:a", "hm");
    rich_set(r[1], 4, 11, "comment:b", "oh");
    done(r, "[comment:a=hm]The [/][comment:a=hm comment:b=oh]fox[/][comment:b=oh] jumped.[/]");
}

TEST(peritext, example_7_bold_takes_in_what_is_typed_at_its_end_not_at_its_start)
{
    crdt_store *r[2];
    two(r, "The fox jumped.");
    rich_set(r[0], 4, 3, "bold", NULL);
    size_t marks = rich_count(r[0]);
    rich_insert(r[1], 7, "es"); /* at the same time ... */
    rich_insert(r[1], 4, "red ");
    rich_meet(r[0], r[1]);
    rich_insert(r[0], 13, "!"); /* ... and later */
    rich_insert(r[0], 8, "big ");
    CHECK_EQ_INT(rich_count(r[0]), marks); /* without an operation */
    done(r, "The red big [bold]foxes![/] jumped.");
}

TEST(peritext, example_8_a_link_takes_in_nothing_at_its_ends)
{
    crdt_store *r[2];
    two(r, "The fox jumped.");
    rich_set(r[0], 4, 3, "link", "w");
    rich_insert(r[1], 7, "es");
    rich_insert(r[1], 4, "red ");
    rich_insert(r[1], 9, "-"); /* within, where B knows of no link */
    rich_meet(r[0], r[1]);
    CHECK_EQ_STR(rich_shown(r[0]), "The red [link=w]f-ox[/]es jumped.");
    rich_insert(r[0], 12, "!");
    rich_insert(r[0], 8, "big ");
    done(r, "The red big [link=w]f-ox[/]!es jumped.");
}

TEST(peritext, example_9_at_a_link_s_end_that_was_deleted_nothing_is_taken_in)
{
    crdt_store *r[2];
    two(r, "ABCDE");
    rich_set(r[0], 1, 3, "link", "w");
    rich_delete(r[0], 1, 1);
    rich_delete(r[0], 2, 1);
    rich_insert(r[0], 2, "F");
    CHECK_EQ_STR(rich_shown(r[0]), "A[link=w]C[/]FE");
    size_t marks = rich_count(r[0]);
    rich_insert(r[0], 3, "G"); /* typing on costs no more marks */
    rich_insert(r[0], 1, "H");
    CHECK_EQ_INT(rich_count(r[0]), marks);
    done(r, "AH[link=w]C[/]FGE");
}

/* -- Its tests --------------------------------------------------------------------------------- */

TEST(peritext, at_one_place_bold_takes_in_and_a_link_does_not)
{
    crdt_store *r[2];
    two(r, "The Peritext editor");
    rich_set(r[0], 4, 8, "link", "w");
    rich_set(r[0], 4, 8, "bold", NULL);
    rich_insert(r[0], 12, "!");
    done(r, "The [bold link=w]Peritext[/][bold]![/] editor");
}

TEST(peritext, bold_and_not_bold_side_by_side_both_grow_at_their_ends)
{
    crdt_store *r[2];
    two(r, "ABCDE");
    rich_set(r[0], 0, 5, "bold", NULL);
    rich_unset(r[0], 1, 3, "bold");
    rich_insert(r[1], 1, "F");
    rich_insert(r[1], 5, "G");
    done(r, "[bold]AF[/]BCDG[bold]E[/]");
}

TEST(peritext, a_link_is_cut_without_growing_into_the_cut)
{
    crdt_store *r[2];
    two(r, "ABCDE");
    rich_set(r[0], 0, 5, "link", "w");
    rich_unset(r[0], 1, 3, "link");
    rich_insert(r[1], 1, "F"); /* at the end of one link, and at the start of another */
    rich_insert(r[1], 5, "G");
    done(r, "[link=w]A[/]FBCDG[link=w]E[/]");
}

TEST(peritext, where_bold_ends_and_italic_begins_what_is_inserted_is_bold)
{
    crdt_store *r[2];
    two(r, "The Peritext editor");
    rich_set(r[0], 4, 8, "bold", NULL);
    rich_set(r[0], 12, 7, "italic", NULL);
    rich_insert(r[1], 12, "[1]");
    done(r, "The [bold]Peritext[1][/][italic] editor[/]");
}

TEST(peritext, adjacent_marks_of_one_key_show_as_one)
{
    crdt_store *r[2];
    two(r, "ABCDE");
    rich_set(r[0], 1, 1, "bold", NULL);
    rich_set(r[1], 2, 1, "bold", NULL);
    done(r, "A[bold]BC[/]DE");
}

TEST(peritext, an_edge_that_is_deleted_stays_where_it_was)
{
    crdt_store *r[2];
    two(r, "The *Peritext* editor");
    rich_set(r[0], 4, 10, "bold", NULL);
    rich_delete(r[0], 4, 1);
    rich_delete(r[0], 12, 1);
    rich_insert(r[1], 5, "_"); /* inside of the asterisks, at the same time */
    rich_insert(r[1], 14, "_");
    done(r, "The [bold]_Peritext_[/] editor");
}

TEST(peritext, what_is_inserted_into_a_range_that_is_deleted_has_its_marks)
{
    crdt_store *r[2];
    two(r, "The Peritext editor");
    rich_set(r[0], 4, 8, "bold", NULL);
    join(r[1], r[0]);
    rich_delete(r[0], 4, 8);
    rich_delete(r[1], 5, 3);
    rich_insert(r[1], 5, "ara");
    done(r, "The [bold]ara[/] editor");
}

TEST(peritext, marks_of_what_is_deleted_show_nowhere)
{
    crdt_store *r[2];
    two(r, "The Peritext editor");
    rich_delete(r[0], 4, 9);
    rich_set(r[1], 5, 6, "bold", NULL);
    done(r, "The editor");
}

TEST(peritext, a_mark_at_the_end_beside_deleted_text)
{
    crdt_store *r[2];
    two(r, "ABCDE");
    rich_set(r[0], 2, 2, "link", "w");
    rich_delete(r[0], 1, 2);
    rich_delete(r[0], 2, 1);
    rich_set(r[1], 3, 2, "link", "w");
    done(r, "A[link=w]D[/]");
}

TEST(peritext, of_two_links_over_one_range_one_shows)
{
    crdt_store *r[2];
    two(r, "The fox jumped.");
    rich_set(r[0], 4, 3, "link", "first");
    rich_set(r[1], 4, 3, "link", "second");
    rich_meet(r[0], r[1]);
    CHECK_EQ_STR(rich_shown(r[0]), "The [link=second]fox[/] jumped.");
    rich_set(r[0], 0, 7, "link", "third"); /* who has seen both is later than both */
    done(r, "[link=third]The fox[/] jumped.");
}

/* A link over b is cut, then another one set over the cut and more: the cut shows nowhere any more,
 * and has no say of what is typed where the other one's end was deleted. That one is closed at its
 * end, so what is typed there is behind it: of the first link. */
static void type_where_a_cut_was_overwritten(bool tidied)
{
    crdt_store *r[2];
    two(r, "abcd");
    rich_set(r[0], 0, 4, "link", "v");
    rich_unset(r[0], 1, 1, "link");
    rich_set(r[0], 0, 3, "link", "w");
    CHECK_EQ_STR(rich_shown(r[0]), "[link=w]abc[/][link=v]d[/]");
    if (tidied) rich_tidy(r[0]);
    CHECK_EQ_INT(rich_count(r[0]), tidied ? 2 : 3);
    rich_delete(r[0], 1, 2);
    rich_insert(r[0], 1, "X");
    done(r, "[link=w]a[/][link=v]Xd[/]");
}

TEST(peritext, a_mark_that_was_overwritten_has_no_say_whether_it_was_tidied_or_not)
{
    type_where_a_cut_was_overwritten(true);
    type_where_a_cut_was_overwritten(false);
}

/* What an editor does when it pastes: the text, then the marks of its stretches; what the place
 * gave it goes. */
static void paste(crdt_store *store, uint64_t from, uint64_t count, uint64_t to)
{
    crdt_spans *copied, *given;
    crdt_span   span;
    crdt_buf    text;
    crdt_ref    ref;
    crdt_view   doc = name_of(DOC);
    crdt_buf_init(&text, NULL);
    CHECK_OK(crdt_store_find(store, doc, NULL, &ref));
    CHECK_OK(crdt_text_read(ref, CRDT_CODE_POINTS, from, count, &text));
    CHECK_OK(crdt_marks_read(store, doc, CRDT_CODE_POINTS, NULL, &copied));
    crdt_txn *txn = begin(store);
    CHECK_OK(crdt_marks_insert(txn, doc, CRDT_CODE_POINTS, to, crdt_buf_bytes(&text)));
    crdt_ref marks;
    CHECK_OK(crdt_txn_find(txn, doc, NULL, &ref));
    CHECK_OK(crdt_txn_beside(txn, doc, &crdt_marks_type, &marks));
    CHECK_OK(crdt_marks_read_over(ref, &marks, CRDT_CODE_POINTS, NULL, &given));
    while (crdt_marks_next(given, &span)) {
        if (span.start + span.count <= to || span.start >= to + count) continue;
        for (size_t i = 0; i < span.marks_count; i++) {
            crdt_mark m = span.marks[i];
            m.expand = crdt_mark_expand(m.key);
            CHECK_OK(crdt_marks_unset(txn, doc, rich_range(to, count), m));
        }
    }
    while (crdt_marks_next(copied, &span)) {
        if (span.start < from || span.start + span.count > from + count) continue;
        for (size_t i = 0; i < span.marks_count; i++) {
            crdt_mark m = span.marks[i];
            m.expand = crdt_mark_expand(m.key);
            CHECK_OK(crdt_marks_set(txn, doc, rich_range(span.start - from + to, span.count), m));
        }
    }
    crdt_store_free(commit(store));
    crdt_marks_free(copied);
    crdt_marks_free(given);
    crdt_buf_clear(&text);
}

TEST(peritext, a_copy_of_a_stretch_has_its_marks_and_no_others)
{
    crdt_store *r[2];
    two(r, "The fox. Here: .");
    rich_set(r[0], 0, 7, "bold", NULL);
    rich_set(r[0], 4, 3, "comment:a", "x");
    rich_set(r[0], 7, 9, "italic", NULL);
    paste(r[0], 0, 7, 15);
    done(r, "[bold]The [/][bold comment:a=x]fox[/][italic]. Here: [/][bold]The [/]"
            "[bold comment:a=x]fox[/][italic].[/]");
}
