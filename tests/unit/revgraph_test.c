/* revgraph_test.c: what a document shows of its revisions, and what each call says. */
#include "crdt/revgraph.h"

#include <stdio.h>
#include <string.h>

#include "tests/lib/random.h"
#include "tests/lib/stores.h"
#include "tests/lib/testmem.h"

#define A 1
#define B 2
#define C 3
#define TYPE (&crdt_revgraph_type)
#define SOLO ""

/* Ids computed apart, by Python's hashlib: a root "a"; "b" and "c" over it; "m" over both; its
 * deletion; the tombstone by which a reader of trees sees that 2-14.. is resolved. */
#define ID_A "1-5a58b49702294cec1c187cf942102653"
#define ID_B "2-7e00125230f2fce19d061b0ac708f3a1"
#define ID_C "2-140f6e75f5e751b0028a21961abed047"
#define ID_M "3-058f563f86879c511b148696faa3fb6c"
#define ID_D "4-2e905351cad64d218155e4a8c84ee437"
#define ID_TOMB "3-22c7bdd9ec7473a2402b0718803448fd"

/* Ids of another system. */
#define OLD_1 "1-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define OLD_2 "2-bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define OLD_3 "3-cccccccccccccccccccccccccccccccc"

static crdt_store *doc_of(uint64_t replica)
{
    return solo_of(TYPE, replica);
}

static crdt_rev_id id_of(const char *text)
{
    crdt_rev_id id = {0, {0}};
    CHECK_MSG(crdt_rev_id_parse(crdt_text_view(text), &id), "%s is no id", text);
    return id;
}

/* Static; until the next call but three. */
static const char *text_of(const crdt_rev_id *id)
{
    static char     texts[4][64];
    static unsigned turn;
    char           *text = texts[turn++ % 4];
    crdt_buf        out;
    crdt_buf_init(&out, NULL);
    crdt_rev_id_print(id, &out);
    CHECK(out.size < sizeof texts[0]);
    memcpy(text, out.data, out.size);
    text[out.size] = 0;
    crdt_buf_clear(&out);
    return text;
}

static const char *winner_of(const crdt_store *s)
{
    crdt_rev rev;
    return crdt_revgraph_winner(crdt_store_solo(s), &rev) ? text_of(&rev.id) : "none";
}

static size_t count_of(const crdt_store *s, crdt_revs which)
{
    crdt_revgraph_iter it = crdt_revgraph_iterate(crdt_store_solo(s), which);
    crdt_rev           rev;
    size_t             n = 0;
    while (crdt_revgraph_next(&it, &rev)) n++;
    return n;
}

static crdt_rev get(const crdt_store *s, const char *id)
{
    crdt_rev_id wanted = id_of(id);
    crdt_rev    rev;
    CHECK_OK(crdt_revgraph_get(crdt_store_solo(s), &wanted, &rev));
    return rev;
}

static void meet(crdt_store *a, crdt_store *b)
{
    join(a, b);
    join(b, a);
    check_store(a);
    check_store(b);
    CHECK(same_bytes(a, b));
}

/* A document with a conflict between "b" and "c", at both. */
static void conflict_of(crdt_store **ret_a, crdt_store **ret_b)
{
    crdt_store *a = doc_of(A), *b = doc_of(B);
    DO(a, SOLO, TYPE, "edit", "a");
    join(b, a);
    DO(a, SOLO, TYPE, "edit", "b");
    DO(b, SOLO, TYPE, "edit", "c");
    meet(a, b);
    *ret_a = a;
    *ret_b = b;
}

/* -- Ids --------------------------------------------------------------------------------------- */

TEST(revgraph, ids_are_those_computed_by_another_program)
{
    crdt_store *a, *b;
    conflict_of(&a, &b);
    CHECK_EQ_STR(winner_of(a), ID_B);
    CHECK_EQ_INT(get(a, ID_A).parents, 0);
    CHECK_EQ_INT(get(a, ID_C).parents, 1);
    DO(a, SOLO, TYPE, "merge", "m");
    CHECK_EQ_STR(winner_of(a), ID_M);
    DO(a, SOLO, TYPE, "remove");
    CHECK_EQ_STR(winner_of(a), "none");
    CHECK(get(a, ID_D).deleted);
    crdt_rev_id parents[] = {id_of(ID_B), id_of(ID_C)}, id;
    CHECK_OK(crdt_rev_id_of(parents, 2, false, crdt_text_view("m"), NULL, &id));
    CHECK_EQ_STR(text_of(&id), ID_M); /* whatever the order of the parents */
    parents[0] = parents[1];
    CHECK_ERR(crdt_rev_id_of(parents, 2, false, crdt_text_view("m"), NULL, &id), CRDT_EINVAL);
    parents[0].depth = UINT32_MAX;
    CHECK_ERR(crdt_rev_id_of(parents, 2, false, crdt_text_view("m"), NULL, &id), CRDT_EINVAL);
    free_all(a, b, NULL);
}

TEST(revgraph, ids_are_read_strictly)
{
    static const char *const wrong[] = {"",
                                        "1",
                                        "1-",
                                        "0-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                                        "01-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                                        "1-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                                        "1-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                                        "1-Aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                                        "1-gaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                                        "4294967296-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                                        "99999999999999999999-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                                        " 1-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                                        "-1-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
    crdt_rev_id              id;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        CHECK_MSG(!crdt_rev_id_parse(crdt_text_view(wrong[i]), &id), "%s", wrong[i]);
    }
    id = id_of("4294967295-0123456789abcdef0123456789abcdef");
    CHECK_EQ_STR(text_of(&id), "4294967295-0123456789abcdef0123456789abcdef");
    CHECK(crdt_rev_id_compare(&id, &id) == 0);
    crdt_rev_id less = id_of("10-ffffffffffffffffffffffffffffffff");
    CHECK(crdt_rev_id_compare(&less, &id) < 0 && crdt_rev_id_compare(&id, &less) > 0);
}

/* -- The winner, the others -------------------------------------------------------------------- */

TEST(revgraph, the_winner_is_not_deleted_then_deepest_then_greatest)
{
    crdt_store *a, *b;
    conflict_of(&a, &b);
    CHECK_EQ_STR(winner_of(b), ID_B); /* 7e.. is above 14.. */
    crdt_txn   *txn = begin(a);
    crdt_rev_id lower = id_of(ID_C);
    CHECK_OK(crdt_revgraph_put(txn, CRDT_SOLO, &lower, 1, false, crdt_text_view("x"), &lower));
    crdt_store_free(commit(a));
    CHECK_EQ_STR(winner_of(a), text_of(&lower)); /* deeper */
    DO(a, SOLO, TYPE, "remove");
    CHECK_EQ_STR(winner_of(a), ID_B); /* the deletion is deeper still, and deleted */
    CHECK_EQ_INT(count_of(a, CRDT_REVS_LEAVES), 2);
    CHECK_EQ_INT(count_of(a, CRDT_REVS_LIVE), 1);
    DO(a, SOLO, TYPE, "remove");
    CHECK_EQ_STR(winner_of(a), "none");
    CHECK_EQ_STR(shown(a, SOLO), "none");
    crdt_store_free(apply(a, SOLO, TYPE, "remove")); /* nothing to delete: no change */
    meet(a, b);
    free_all(a, b, NULL);
}

TEST(revgraph, losers_are_kept_and_readable)
{
    crdt_store   *a, *b;
    crdt_rev      rev;
    crdt_conflict one;
    crdt_rev_id   parent;
    conflict_of(&a, &b);
    crdt_ref           ref = crdt_store_solo(a);
    crdt_revgraph_iter it = crdt_revgraph_iterate(ref, CRDT_REVS_LEAVES);
    CHECK(crdt_revgraph_next(&it, &rev) && rev.leaf && rev.has_body && !rev.doubled);
    CHECK_EQ_MEM(rev.body.data, rev.body.size, "b", 1);
    CHECK(crdt_revgraph_next(&it, &rev));
    CHECK_EQ_STR(text_of(&rev.id), ID_C);
    CHECK_EQ_MEM(rev.body.data, rev.body.size, "c", 1);
    CHECK(!crdt_revgraph_next(&it, &rev));
    CHECK_EQ_STR(shown(a, SOLO), ID_B " \"b\", " ID_C " \"c\"");
    CHECK(crdt_revgraph_parent(ref, &rev.id, 0, &parent));
    CHECK_EQ_STR(text_of(&parent), ID_A);
    CHECK(!crdt_revgraph_parent(ref, &rev.id, 1, &parent));
    CHECK(!get(a, ID_A).leaf && !get(a, ID_A).has_body && get(a, ID_A).known);
    unsigned wins = 0;
    for (size_t i = 0; i < 2; i++) {
        CHECK(crdt_ref_conflict(&ref, i, &one));
        CHECK(one.value.bytes.size == 1);
        CHECK(one.wins == (*(const char *)one.value.bytes.data == 'b'));
        wins += one.wins;
    }
    CHECK_EQ_INT(wins, 1);
    CHECK(!crdt_ref_conflict(&ref, 2, &one));
    parent = id_of(OLD_1);
    CHECK_ERR(crdt_revgraph_get(ref, &parent, &rev), CRDT_ENOENT);
    free_all(a, b, NULL);
}

TEST(revgraph, equal_edits_are_one_revision)
{
    crdt_store *a = doc_of(A), *b = doc_of(B);
    DO(a, SOLO, TYPE, "edit", "a");
    DO(b, SOLO, TYPE, "edit", "a");
    meet(a, b);
    CHECK_EQ_STR(shown(a, SOLO), ID_A " \"a\"");
    CHECK_EQ_INT(crdt_store_stats(a).dots, 2);
    crdt_delta *again;
    crdt_txn   *txn = begin(a);
    CHECK_OK(crdt_revgraph_put(txn, CRDT_SOLO, NULL, 0, false, crdt_text_view("a"), NULL));
    CHECK_OK(crdt_store_commit(a, &again));
    CHECK(crdt_store_is_empty(again)); /* it is held: no change, no dot */
    free_all(a, b, again, NULL);
}

/* -- Merges ------------------------------------------------------------------------------------ */

TEST(revgraph, a_merge_resolves_a_conflict_in_one_write)
{
    crdt_store *a, *b;
    conflict_of(&a, &b);
    DO(b, SOLO, TYPE, "merge", "m");
    meet(a, b);
    CHECK_EQ_STR(shown(a, SOLO), ID_M " \"m\"");
    CHECK_EQ_INT(get(a, ID_M).parents, 2);
    CHECK_EQ_INT(count_of(a, CRDT_REVS_LEAVES), 1);
    CHECK_EQ_INT(count_of(a, CRDT_REVS_ALL), 4);
    free_all(a, b, NULL);
}

TEST(revgraph, a_merge_leaves_what_it_did_not_see)
{
    crdt_store *a, *b, *c = doc_of(C);
    conflict_of(&a, &b);
    join(c, a);
    DO(c, SOLO, TYPE, "edit", "late");
    DO(a, SOLO, TYPE, "merge", "m");
    meet(a, c);
    CHECK_EQ_INT(count_of(a, CRDT_REVS_LIVE), 2);
    free_all(a, b, c, NULL);
}

/* Readers of trees know one parent: the other side is shown as deleted, and what they send back
 * is known here. */
TEST(revgraph, a_merge_shows_to_readers_of_trees_and_folds_back)
{
    crdt_store   *a, *b;
    crdt_rev_tomb tomb;
    crdt_rev_id   parent;
    conflict_of(&a, &b);
    DO(a, SOLO, TYPE, "merge", "m");
    crdt_ref            ref = crdt_store_solo(a);
    crdt_revgraph_tombs it = {.doc = ref};
    crdt_rev_id         merge = id_of(ID_M);
    CHECK(crdt_revgraph_parent(ref, &merge, 1, &parent)); /* the last is its parent in the tree */
    CHECK_EQ_STR(text_of(&parent), ID_B);
    CHECK(crdt_revgraph_next_tomb(&it, &tomb));
    CHECK_EQ_STR(text_of(&tomb.id), ID_TOMB);
    CHECK_EQ_STR(text_of(&tomb.leaf), ID_C);
    CHECK_EQ_STR(text_of(&tomb.merge), ID_M);
    CHECK(!crdt_revgraph_next_tomb(&it, &tomb));
    /* B, which has not heard of the merge, is told of it by a reader of trees. */
    DO(b, SOLO, TYPE, "accept", ID_M " " ID_B " " ID_A, "m");
    DO(b, SOLO, TYPE, "accept_deleted", ID_TOMB " " ID_C " " ID_A);
    CHECK_EQ_STR(shown(b, SOLO), ID_M " \"m\"");
    CHECK_EQ_INT(get(b, ID_M).parents, 1);
    meet(a, b); /* the same revision: its parents are those that either knows */
    CHECK_EQ_STR(shown(a, SOLO), ID_M " \"m\"");
    CHECK_EQ_INT(get(a, ID_M).parents, 2);
    CHECK_EQ_INT(count_of(a, CRDT_REVS_DOUBLED), 0);
    it = (crdt_revgraph_tombs){.doc = crdt_store_solo(a)};
    CHECK(!crdt_revgraph_next_tomb(&it, &tomb)); /* it is there as a revision by now */
    free_all(a, b, NULL);

    conflict_of(&a, &b);
    DO(a, SOLO, TYPE, "merge", "m");
    crdt_delta *none[2] = {apply(a, SOLO, TYPE, "accept", ID_M " " ID_B " " ID_A, "m"),
                           apply(a, SOLO, TYPE, "accept_deleted", ID_TOMB " " ID_C " " ID_A)};
    CHECK(crdt_store_is_empty(none[0]) && crdt_store_is_empty(none[1]));
    free_all(a, b, none[0], none[1], NULL);
}

/* -- Deleting, and removing the key ------------------------------------------------------------ */

TEST(revgraph, an_edit_beside_a_removal_survives)
{
    crdt_store *a = store_of(A), *b = store_of(B);
    DO(a, "k", TYPE, "edit", "a");
    join(b, a);
    DO(b, "k", TYPE, "edit", "b");
    remove_name(a, "k");
    CHECK_EQ_STR(shown(a, "k"), "ENOENT");
    meet(a, b);
    CHECK_EQ_STR(shown(a, "k"), ID_B " \"b\"");
    remove_name(b, "k");
    DO(a, "k", TYPE, "edit", "c");
    meet(a, b);
    CHECK(strstr(shown(a, "k"), "\"c\"") != NULL);
    free_all(a, b, NULL);
}

TEST(revgraph, a_deleted_document_is_edited_on)
{
    crdt_store *a = doc_of(A);
    DO(a, SOLO, TYPE, "edit", "a");
    DO(a, SOLO, TYPE, "remove");
    DO(a, SOLO, TYPE, "edit", "again");
    CHECK(strncmp(winner_of(a), "3-", 2) == 0);
    crdt_store_free(a);
}

TEST(revgraph, a_removal_takes_what_its_reader_saw)
{
    crdt_store  *a = doc_of(A);
    crdt_context read;
    crdt_context_init(&read, NULL);
    DO(a, SOLO, TYPE, "edit", "a");
    CHECK_OK(crdt_context_copy(&read, crdt_store_context(a)));
    DO(a, SOLO, TYPE, "edit", "b");
    crdt_txn *txn = begin(a);
    crdt_txn_at(txn, &read);
    CHECK_OK(crdt_revgraph_remove(txn, CRDT_SOLO)); /* of 1-a: beside 2-b */
    crdt_store_free(commit(a));
    CHECK_EQ_STR(shown(a, SOLO), ID_B " \"b\"");
    txn = begin(a);
    crdt_txn_at(txn, &read);
    CHECK_OK(crdt_revgraph_edit(txn, CRDT_SOLO, crdt_text_view("c")));
    CHECK_OK(crdt_revgraph_edit(txn, CRDT_SOLO, crdt_text_view("d"))); /* over its own */
    crdt_store_free(commit(a));
    CHECK_EQ_INT(count_of(a, CRDT_REVS_LIVE), 2);
    CHECK(strncmp(winner_of(a), "3-", 2) == 0);
    check_store(a);
    crdt_context_clear(&read);
    crdt_store_free(a);
}

TEST(revgraph, a_transaction_reads_its_own_revisions)
{
    crdt_store *a = doc_of(A), *b = doc_of(B);
    crdt_rev    rev;
    crdt_ref    ref;
    DO(a, SOLO, TYPE, "edit", "a");
    join(b, a);
    crdt_txn *txn = begin(a);
    CHECK_OK(crdt_revgraph_edit(txn, CRDT_SOLO, crdt_text_view("b")));
    CHECK_OK(crdt_txn_find(txn, CRDT_SOLO, TYPE, &ref));
    CHECK(crdt_revgraph_winner(ref, &rev));
    CHECK_EQ_STR(text_of(&rev.id), ID_B);
    crdt_rev_id root = id_of(ID_A);
    CHECK_OK(crdt_revgraph_get(ref, &root, &rev));
    CHECK(!rev.leaf && !rev.has_body);
    CHECK_OK(crdt_revgraph_put(txn, CRDT_SOLO, &root, 1, false, crdt_text_view("c"), NULL));
    CHECK_OK(crdt_revgraph_merge(txn, CRDT_SOLO, crdt_text_view("m")));
    crdt_store_rollback(a);
    CHECK_EQ_STR(shown(a, SOLO), ID_A " \"a\"");
    CHECK(same_bytes(a, b));
    free_all(a, b, NULL);
}

/* -- Revisions of others ----------------------------------------------------------------------- */

TEST(revgraph, a_path_brings_the_ancestors_that_are_news)
{
    crdt_store *a = doc_of(A), *b = doc_of(B);
    DO(a, SOLO, TYPE, "accept", OLD_3 " " OLD_2 " " OLD_1, "third");
    CHECK_EQ_STR(shown(a, SOLO), OLD_3 " \"third\"");
    CHECK_EQ_INT(count_of(a, CRDT_REVS_ALL), 3);
    CHECK(!get(a, OLD_1).known && !get(a, OLD_2).known && get(a, OLD_3).known);
    crdt_delta *again = apply(a, SOLO, TYPE, "accept", OLD_2 " " OLD_1, "second");
    CHECK(crdt_store_is_empty(again)); /* an ancestor: its body is of no use any more */
    DO(b, SOLO, TYPE, "accept", OLD_2 " " OLD_1, "second");
    CHECK_EQ_STR(shown(b, SOLO), OLD_2 " \"second\"");
    meet(a, b);
    CHECK_EQ_STR(shown(a, SOLO), OLD_3 " \"third\"");
    CHECK(get(a, OLD_2).known && get(a, OLD_2).parents == 1);
    DO(b, SOLO, TYPE, "edit", "mine"); /* and it goes on from there */
    CHECK(strncmp(winner_of(b), "4-", 2) == 0);
    free_all(a, b, again, NULL);
}

TEST(revgraph, a_path_without_its_beginning_is_taken)
{
    crdt_store *a = doc_of(A);
    DO(a, SOLO, TYPE, "accept", OLD_3, "third");
    CHECK_EQ_INT(get(a, OLD_3).parents, 0);
    DO(a, SOLO, TYPE, "accept", OLD_3 " " OLD_2, "third"); /* held: no change */
    CHECK_EQ_INT(get(a, OLD_3).parents, 0);
    crdt_store *copy = recoded(a);
    CHECK(same_bytes(a, copy));
    free_all(a, copy, NULL);
}

/* One id given to two bodies, at two replicas at once: both are kept, and flagged everywhere. */
TEST(revgraph, one_id_with_two_bodies_is_kept_twice_and_flagged)
{
    crdt_store *a = doc_of(A), *b = doc_of(B), *c = doc_of(C);
    DO(a, SOLO, TYPE, "accept", OLD_2 " " OLD_1, "white");
    DO(b, SOLO, TYPE, "accept", OLD_2 " " OLD_1, "black");
    join(c, b);
    join(c, a);
    meet(a, b);
    CHECK(same_bytes(a, c));
    CHECK_EQ_INT(count_of(a, CRDT_REVS_DOUBLED), 2);
    CHECK_EQ_INT(count_of(a, CRDT_REVS_LIVE), 2);
    CHECK(get(a, OLD_2).doubled);
    CHECK(strstr(shown(a, SOLO), OLD_2 " (doubled) \"white\"") != NULL);
    CHECK(strstr(shown(a, SOLO), OLD_2 " (doubled) \"black\"") != NULL);
    crdt_rev rev;
    CHECK(crdt_revgraph_winner(crdt_store_solo(a), &rev) && rev.doubled); /* not in silence */
    crdt_store *copy = recoded(a);
    CHECK_EQ_STR(shown(copy, SOLO), shown(a, SOLO));
    DO(a, SOLO, TYPE, "merge", "white");
    CHECK_EQ_INT(count_of(a, CRDT_REVS_LIVE), 1);
    CHECK_EQ_INT(count_of(a, CRDT_REVS_DOUBLED), 2); /* the record of it stays */
    meet(a, b);
    free_all(a, b, c, copy, NULL);
}

/* ... and at one replica the second is refused, whether the first still has its body or not. */
TEST(revgraph, another_body_for_an_id_that_is_held_is_refused)
{
    crdt_store    *a = doc_of(A);
    const crdt_op *op = crdt_type_op(TYPE, "accept");
    crdt_value     args[] = {crdt_text(OLD_2 " " OLD_1), crdt_text("white")};
    crdt_delta    *delta;
    DO(a, SOLO, TYPE, "accept", OLD_2 " " OLD_1, "white");
    crdt_store *before = recoded(a);
    args[1] = crdt_text("black");
    CHECK_ERR(crdt_store_apply(a, NOW, CRDT_SOLO, op, args, 2, &delta), CRDT_EEXIST);
    CHECK(same_bytes(a, before));
    DO(a, SOLO, TYPE, "edit", "on");
    CHECK_ERR(crdt_store_apply(a, NOW, CRDT_SOLO, op, args, 2, &delta), CRDT_EEXIST);
    args[1] = crdt_text("white");
    CHECK_OK(crdt_store_apply(a, NOW, CRDT_SOLO, op, args, 2, &delta));
    CHECK(crdt_store_is_empty(delta));
    crdt_store_free(delta);
    const crdt_op *buries = crdt_type_op(TYPE, "accept_deleted");
    CHECK_ERR(crdt_store_apply(a, NOW, CRDT_SOLO, buries, args, 1, &delta), CRDT_EEXIST);
    free_all(a, before, NULL);
}

/* -- Refusals ---------------------------------------------------------------------------------- */

static void refuse(crdt_store *s, const char *name, const char *ids, crdt_err expected)
{
    crdt_value  args[] = {crdt_text(ids), crdt_text("x")};
    crdt_store *before = recoded(s);
    crdt_delta *delta;
    CHECK_ERR(crdt_store_apply(s, NOW, CRDT_SOLO, crdt_type_op(TYPE, name), args, 2, &delta),
              expected);
    CHECK(same_bytes(s, before));
    crdt_store_free(before);
}

TEST(revgraph, what_is_wrong_is_refused_and_changes_nothing)
{
    crdt_store *a, *b;
    crdt_rev    rev;
    conflict_of(&a, &b);
    refuse(a, "put", OLD_1, CRDT_ENOENT);
    refuse(a, "put", ID_B " " OLD_1, CRDT_ENOENT);
    refuse(a, "put", ID_B " " ID_B, CRDT_EINVAL);
    refuse(a, "put", ID_B "  " ID_C, CRDT_EINVAL);
    refuse(a, "put", ID_B ID_C, CRDT_EINVAL);
    refuse(a, "put", " " ID_B, CRDT_EINVAL);
    refuse(a, "put", ID_B " ", CRDT_EINVAL);
    refuse(a, "put", "b", CRDT_EINVAL);
    refuse(a, "accept", "", CRDT_EINVAL);
    refuse(a, "accept", OLD_3 " " OLD_1, CRDT_EINVAL);
    refuse(a, "accept", OLD_1 " " OLD_2, CRDT_EINVAL);
    crdt_rev_id deep = id_of("4294967295-eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee"), bad = {0, {0}};
    CHECK_ERR(crdt_revgraph_accept(begin(a), CRDT_SOLO, &bad, 1, false, crdt_text_view("x")),
              CRDT_EINVAL);
    crdt_store_rollback(a);
    CHECK_OK(crdt_revgraph_accept(begin(a), CRDT_SOLO, &deep, 1, false, crdt_text_view("x")));
    crdt_store_free(commit(a));
    CHECK_ERR(crdt_revgraph_edit(begin(a), CRDT_SOLO, crdt_text_view("y")), CRDT_ELIMIT);
    crdt_store_rollback(a);
    crdt_store *other = solo_of(&crdt_lww_type, A);
    CHECK(!crdt_revgraph_winner(crdt_store_solo(other), &rev));
    CHECK_ERR(crdt_revgraph_get(crdt_store_solo(other), &deep, &rev), CRDT_EINVAL);
    CHECK_EQ_INT(count_of(other, CRDT_REVS_ALL), 0);
    free_all(a, b, other, NULL);
}

TEST(revgraph, soft_limits_bind_writes_but_not_deletions)
{
    crdt_options o = crdt_options_default(A, NULL);
    crdt_store  *s;
    o.solo = TYPE;
    o.limits.elements = 2;
    o.limits.value_bytes = 4;
    CHECK_OK(crdt_store_new(&o, &s));
    DO(s, SOLO, TYPE, "edit", "a");
    CHECK_ERR(crdt_revgraph_edit(begin(s), CRDT_SOLO, crdt_text_view("12345")), CRDT_ELIMIT);
    crdt_store_rollback(s);
    DO(s, SOLO, TYPE, "edit", "1234");
    CHECK_ERR(crdt_revgraph_edit(begin(s), CRDT_SOLO, crdt_text_view("x")), CRDT_ELIMIT);
    crdt_store_rollback(s);
    DO(s, SOLO, TYPE, "remove");
    CHECK_EQ_STR(shown(s, SOLO), "none");
    crdt_store_free(s);
}

/* -- Damaged bytes that a hash of the message would not find ----------------------------------- */

typedef struct damage {
    size_t      at; /* from the place where the object's bytes begin */
    uint8_t     from, to;
    const char *why;
} damage;

/* An object's own bytes begin with its counts of revisions, contents and dots. */
static size_t place_of_object(const crdt_buf *bytes, uint8_t revs, uint8_t contents, uint8_t dots)
{
    for (size_t i = 0; i + 22 < bytes->size; i++) {
        const uint8_t *at = bytes->data + i;
        if (at[0] == revs && at[1] == contents && at[2] == dots && at[3] == 1) return i;
    }
    CHECK_MSG(false, "the object is not where it should be");
    return 0;
}

TEST(revgraph, each_damage_is_named)
{
    /* counts 3; 1-5a.. head 4, content 5 (known, bodiless), check, dot; 2-14.. */
    static const damage damages[] = {
        {0, 3, 4, "more revisions than the input holds"},
        {0, 3, 200, "more revisions than the input holds"},
        {2, 3, 2, "more revisions than the input holds"},
        {3, 1, 0, "revisions out of order"},
        {20, 4, 5, "a revision's dot is out of range"},
        {20, 4, 2, "a revision that is only named has parents"},
        {21, 5, 0, "an unknown content has a body"},
        {32, 1, 0, "revisions out of order"},
        {32, 1, 2, "a revision's depth is not its parents'"},
        {51, 1, 2, "a revision's parents are out of order"},
        {51, 1, 0, "a revision's parents are out of order"},
    };
    crdt_store *a, *b, *copy;
    crdt_buf    bytes;
    conflict_of(&a, &b);
    crdt_buf_init(&bytes, NULL);
    CHECK_OK(crdt_store_encode(a, &bytes));
    size_t base = place_of_object(&bytes, 3, 3, 3);
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        const damage *d = &damages[i];
        uint8_t      *at = bytes.data + base + d->at;
        const char   *why = "";
        CHECK_MSG(*at == d->from, "damage %zu: byte is %d", i, *at);
        *at = d->to;
        CHECK_ERR(crdt_delta_decode(a, crdt_buf_bytes(&bytes), &copy, &why), CRDT_EMALFORMED);
        CHECK_MSG(strcmp(why, d->why) == 0, "damage %zu: %s", i, why);
        *at = d->from;
    }
    crdt_buf_clear(&bytes);
    free_all(a, b, NULL);
}

/* -- Failing allocations, with paths and several writes in one transaction --------------------- */

static crdt_err write_much(crdt_store *s, crdt_delta **ret_delta)
{
    crdt_txn   *txn;
    crdt_rev_id path[] = {id_of(OLD_3), id_of(OLD_2), id_of(OLD_1)};
    crdt_err    err = crdt_store_begin(s, NOW, &txn);
    if (err == CRDT_OK) {
        err = crdt_revgraph_accept(txn, CRDT_SOLO, path, 3, false, crdt_text_view("third"));
    }
    if (err == CRDT_OK) err = crdt_revgraph_edit(txn, CRDT_SOLO, crdt_text_view("fourth"));
    if (err == CRDT_OK) err = crdt_revgraph_merge(txn, CRDT_SOLO, crdt_text_view("all"));
    if (err == CRDT_OK) err = crdt_store_commit(s, ret_delta);
    if (err != CRDT_OK) crdt_store_rollback(s);
    return err;
}

static void collect(crdt_store *s, const crdt_context *cut)
{
    CHECK_OK(crdt_store_stabilise(s, cut));
    check_store(s);
}

TEST(revgraph, an_ancestor_that_was_collected_is_not_written_again)
{
    crdt_store *a = doc_of(A);
    DO(a, SOLO, TYPE, "edit", "a");
    DO(a, SOLO, TYPE, "edit", "b");
    collect(a, crdt_store_context(a));
    crdt_store *before = recoded(a);
    crdt_delta *put = apply(a, SOLO, TYPE, "put", "", "a");
    crdt_delta *accepted = apply(a, SOLO, TYPE, "accept", ID_A, "other");
    CHECK(crdt_store_is_empty(put) && crdt_store_is_empty(accepted));
    CHECK(same_bytes(a, before));
    free_all(a, before, put, accepted, NULL);
}

/* b writes a revision again that it has collected; c, who has not yet, writes over it. The child is
 * stable first, and must not go before its parent: one cut after another comes to the same as the
 * last alone. */
TEST(revgraph, a_revision_is_not_collected_before_its_parents)
{
    crdt_store  *a = doc_of(A), *b = doc_of(B), *c = doc_of(C);
    crdt_context cut;
    crdt_context_init(&cut, NULL);
    crdt_delta *first = apply(c, SOLO, TYPE, "accept_deleted", OLD_1);
    CHECK_OK(crdt_store_join(b, first, NOW));
    CHECK_OK(crdt_context_copy(&cut, crdt_store_context(c)));
    collect(b, &cut);
    crdt_delta *again = apply(b, SOLO, TYPE, "accept", OLD_1, "x");
    DO(c, SOLO, TYPE, "edit", "y");
    collect(c, &cut);
    DO(c, SOLO, TYPE, "remove");
    DO(c, SOLO, TYPE, "edit", "z");
    CHECK_OK(crdt_context_copy(&cut, crdt_store_context(c)));
    join(a, c);
    CHECK_OK(crdt_store_join(a, again, NOW));
    crdt_store *once = recoded(a);
    collect(a, &cut);
    collect(a, crdt_store_context(a));
    collect(once, crdt_store_context(once));
    CHECK(same_bytes(a, once));
    CHECK_EQ_INT(count_of(a, CRDT_REVS_ALL), 1);
    crdt_context_clear(&cut);
    free_all(a, b, c, once, first, again, NULL);
}

TEST(revgraph, a_refused_allocation_leaves_the_document_as_it_was)
{
    testmem     m;
    crdt_store *s, *a, *b;
    crdt_delta *delta = NULL;
    conflict_of(&a, &b);
    testmem_init(&m);
    CHECK_OK(crdt_store_new_solo(TYPE, C, &m.mem, &s));
    join(s, a);
    crdt_store *before = recoded(s);
    for (uint64_t n = 1;; n++) {
        testmem_fail_nth(&m, n);
        crdt_err err = write_much(s, &delta);
        if (!testmem_refused(&m)) break;
        CHECK_ERR(err, CRDT_ENOMEM);
        testmem_fail_never(&m);
        CHECK(same_bytes(s, before));
        check_store(s);
    }
    testmem_fail_never(&m);
    CHECK_EQ_INT(count_of(s, CRDT_REVS_LIVE), 1);
    free_all(s, a, b, before, delta, NULL);
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

TEST(revgraph, golden_bytes)
{
    crdt_store *a, *b;
    conflict_of(&a, &b);
    DO(a, SOLO, TYPE, "accept", OLD_2 " " OLD_1, "x");
    DO(b, SOLO, TYPE, "edit", "a longer body");
    DO(b, SOLO, TYPE, "remove");
    is_hex(a, "c701010201000000000000000200000000000000020003030003000000010018008001050505"
              "015a58b49702294cec1c187cf94210265304055a58b49702294cec000100aaaaaaaaaaaaaaaa"
              "aaaaaaaaaaaaaaaa0404000301140f6e75f5e751b0028a21961abed047060002010163010100"
              "7e00125230f2fce19d061b0ac708f3a1060003010162000200bbbbbbbbbbbbbbbbbbbbbbbbbb"
              "bbbbbb0600030101780004");
    meet(a, b);
    is_hex(a, "c70101020100000000000000020000000000000002000303000302000001001800bd01070707"
              "015a58b49702294cec1c187cf94210265304055a58b49702294cec000100aaaaaaaaaaaaaaaa"
              "aaaaaaaaaaaaaaaa0404000301140f6e75f5e751b0028a21961abed047060002010163010100"
              "7e00125230f2fce19d061b0ac708f3a10600030557da5b9e2e210139000200bbbbbbbbbbbbbb"
              "bbbbbbbbbbbbbbbbbb0600030101780004016ed0584e71ecf8e74cfe733c1c85693706000205"
              "2765098c6d19b6f5010201d8c765f02766bbb56d2f0b62c7db1e8306000103000103");
    free_all(a, b, NULL);
}
