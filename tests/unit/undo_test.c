/* undo_test.c: crdt/undo.h: grouping, bounds, what is refused, what memory does. Random histories:
 * tests/laws/history_test.c. */
#include "crdt/undo.h"

#include "tests/lib/random.h"
#include "tests/lib/stores.h"
#include "tests/lib/testmem.h"

#define LEAST 1000 /* steps */

static void check_text(const crdt_store *store, const char *expected)
{
    crdt_buf out;
    crdt_buf_init(&out, NULL);
    CHECK_OK(crdt_text_read(crdt_store_solo(store), CRDT_CODE_POINTS, 0, UINT64_MAX, &out));
    CHECK_EQ_MEM(out.data, out.size, expected, crdt_text_view(expected).size);
    crdt_buf_clear(&out);
}

static void insert(crdt_store *store, int pos, const char *text)
{
    DO(store, "", &crdt_text_type, "insert", pos, text);
}

static void delete (crdt_store *store, int pos, int count)
{
    DO(store, "", &crdt_text_type, "delete", pos, count);
}

static crdt_undo *undo_of(crdt_store *store, size_t steps_max)
{
    crdt_undo *undo;
    CHECK_OK(crdt_undo_new(store, CRDT_SOLO, &crdt_text_type, steps_max, &undo));
    return undo;
}

static void note(crdt_undo *undo)
{
    CHECK_OK(crdt_undo_note(undo, false));
}

static void back(crdt_undo *undo, const crdt_store *store, const char *expected)
{
    CHECK_OK(crdt_undo_back(undo, NOW, NULL));
    check_text(store, expected);
    check_store(store);
}

static void again(crdt_undo *undo, const crdt_store *store, const char *expected)
{
    CHECK_OK(crdt_undo_again(undo, NOW, NULL));
    check_text(store, expected);
}

TEST(undo, goes_back_and_forth_over_what_others_wrote)
{
    crdt_store *ann = solo_of(&crdt_text_type, 0xa), *ben = solo_of(&crdt_text_type, 0xb);
    crdt_undo  *undo = undo_of(ann, LEAST);
    insert(ann, 0, "one two three");
    note(undo);
    join(ben, ann);
    delete (ann, 4, 4);
    note(undo);
    insert(ben, 6, "!");
    delete (ben, 0, 1);
    join(ann, ben);
    check_text(ann, "ne !three");
    back(undo, ann, "ne tw!o three");
    back(undo, ann, "!");
    CHECK_ERR(crdt_undo_back(undo, NOW, NULL), CRDT_ENOENT);
    again(undo, ann, "ne tw!o three");
    again(undo, ann, "ne !three");
    CHECK_ERR(crdt_undo_again(undo, NOW, NULL), CRDT_ENOENT);
    back(undo, ann, "ne tw!o three");
    insert(ann, 0, "x");
    note(undo); /* now there is nothing to do again */
    CHECK_EQ_INT(crdt_redo_count(undo), 0);
    back(undo, ann, "ne tw!o three");
    join(ben, ann);
    CHECK(same_bytes(ann, ben));
    crdt_undo_free(undo);
    free_all(ann, ben, NULL);
}

TEST(undo, takes_what_was_noted_together_as_a_step)
{
    crdt_store *store = solo_of(&crdt_text_type, 0xa);
    insert(store, 0, "before ");
    crdt_undo *undo = undo_of(store, LEAST);
    note(undo);
    CHECK_EQ_INT(crdt_undo_count(undo), 0); /* nothing was written since */
    insert(store, 7, "abc");
    delete (store, 8, 1);
    insert(store, 0, ">");
    note(undo);
    CHECK_EQ_INT(crdt_undo_count(undo), 1);
    insert(store, 10, "d");
    CHECK_OK(crdt_undo_note(undo, true));
    insert(store, 0, "by itself: ");
    crdt_undo_pass(undo);
    insert(store, 22, "e");
    CHECK_OK(crdt_undo_note(undo, true));
    CHECK_EQ_INT(crdt_undo_count(undo), 1);
    check_text(store, "by itself: >before acde");
    back(undo, store, "by itself: before ");
    again(undo, store, "by itself: >before acde");
    back(undo, store, "by itself: before ");
    crdt_undo_free(undo);
    free_all(store, NULL);
}

/* What is not committed is not written yet. */
TEST(undo, notes_nothing_of_an_open_transaction)
{
    crdt_store    *store = solo_of(&crdt_text_type, 0xa);
    crdt_undo     *undo = undo_of(store, LEAST);
    crdt_text_edit edit;
    insert(store, 0, "ab");
    note(undo);
    crdt_txn *txn = begin(store);
    CHECK_OK(crdt_text_open(txn, CRDT_SOLO, &crdt_text_type, &edit));
    CHECK_OK(crdt_text_replace(&edit, CRDT_CODE_POINTS, 1, 1, crdt_text_view("xyz")));
    note(undo);
    CHECK_EQ_INT(crdt_undo_count(undo), 1);
    CHECK_OK(crdt_store_commit(store, NULL));
    note(undo);
    CHECK_EQ_INT(crdt_undo_count(undo), 2);
    back(undo, store, "ab");
    back(undo, store, "");
    crdt_undo_free(undo);
    free_all(store, NULL);
}

TEST(undo, keeps_so_many_steps)
{
    crdt_store *store = solo_of(&crdt_text_type, 0xa);
    crdt_undo  *undo = undo_of(store, 3);
    for (int i = 0; i < 100; i++) {
        insert(store, i, i % 2 == 0 ? "a" : "b");
        note(undo);
    }
    CHECK_EQ_INT(crdt_undo_count(undo), 3);
    for (int i = 0; i < 3; i++) CHECK_OK(crdt_undo_back(undo, NOW, NULL));
    CHECK_EQ_INT(crdt_text_length(crdt_store_solo(store), CRDT_CODE_POINTS), 97);
    CHECK_ERR(crdt_undo_back(undo, NOW, NULL), CRDT_ENOENT);
    CHECK_EQ_INT(crdt_redo_count(undo), 3);
    crdt_undo_free(undo);
    free_all(store, NULL);
}

/* What others deleted is gone, and so is the step: it is not done again. */
TEST(undo, of_what_others_deleted_does_nothing)
{
    crdt_store *ann = solo_of(&crdt_text_type, 0xa), *ben = solo_of(&crdt_text_type, 0xb);
    crdt_undo  *undo = undo_of(ann, LEAST);
    crdt_delta *delta;
    insert(ann, 0, "abc");
    note(undo);
    join(ben, ann);
    delete (ben, 0, 3);
    join(ann, ben);
    CHECK_OK(crdt_undo_back(undo, NOW, &delta));
    CHECK(crdt_store_is_empty(delta));
    CHECK_EQ_INT(crdt_undo_count(undo) + crdt_redo_count(undo), 0);
    crdt_store_free(delta);
    crdt_undo_free(undo);
    free_all(ann, ben, NULL);
}

TEST(undo, of_what_was_forgotten_is_stale)
{
    for (int forget = 0; forget < 2; forget++) {
        crdt_options o = crdt_options_default(0xa, NULL);
        crdt_store  *store;
        o.solo = &crdt_text_type;
        o.forget_ids = forget;
        CHECK_OK(crdt_store_new(&o, &store));
        crdt_undo *undo = undo_of(store, LEAST);
        insert(store, 0, "abcd");
        note(undo);
        insert(store, 4, "ef");
        note(undo);
        delete (store, 4, 2);
        note(undo);
        CHECK_OK(crdt_store_stabilise(store, crdt_store_context(store)));
        crdt_err err = crdt_undo_back(undo, NOW, NULL);
        CHECK_ERR(err, CRDT_ESTALE);
        CHECK_EQ_INT(crdt_undo_count(undo), 2); /* the step was dropped */
        CHECK_EQ_INT(crdt_redo_count(undo), 0);
        check_text(store, "abcd");
        back(undo, store, "abcd"); /* in vain */
        back(undo, store, "");
        again(undo, store, "abcd");
        crdt_undo_free(undo);
        free_all(store, NULL);
    }
}

/* Where ids are forgotten, too, what one step brings back stands as it stood. */
TEST(undo, keeps_the_order_where_nothing_dead_may_be_named)
{
    crdt_options o = crdt_options_default(0xa, NULL);
    crdt_store  *store;
    o.solo = &crdt_text_type;
    o.forget_ids = true;
    CHECK_OK(crdt_store_new(&o, &store));
    crdt_undo *undo = undo_of(store, LEAST);
    insert(store, 0, "[ab]");
    insert(store, 2, "12");
    insert(store, 3, "xy");
    delete (store, 3, 2);
    insert(store, 3, "-");
    check_text(store, "[a1-2b]");
    crdt_undo_pass(undo);
    delete (store, 4, 2);
    delete (store, 1, 1);
    delete (store, 1, 2);
    note(undo);
    check_text(store, "[]");
    back(undo, store, "[a1-2b]");
    again(undo, store, "[]");
    back(undo, store, "[a1-2b]");
    crdt_undo_free(undo);
    free_all(store, NULL);
}

TEST(undo, refuses_what_it_cannot_do)
{
    crdt_store *store = store_of(0xa);
    crdt_undo  *undo;
    crdt_txn   *txn;
    crdt_view   name = name_of("t");
    CHECK_ERR(crdt_undo_new(store, name, &crdt_rga_type, 1, &undo), CRDT_EINVAL);
    CHECK_ERR(crdt_undo_new(store, name, &crdt_text_type, 0, &undo), CRDT_EINVAL);
    CHECK_OK(crdt_undo_new(store, name, &crdt_text_type, 5, &undo));
    CHECK_ERR(crdt_undo_back(undo, NOW, NULL), CRDT_ENOENT);
    DO(store, "other", &crdt_text_type, "insert", 0, "x");
    note(undo);
    CHECK_EQ_INT(crdt_undo_count(undo), 0); /* another text */
    DO(store, "t", &crdt_text_type, "insert", 0, "abc");
    note(undo);
    DO(store, "t", &crdt_text_type, "delete", 0, 1);
    note(undo);
    txn = begin(store);
    (void)txn;
    CHECK_ERR(crdt_undo_back(undo, NOW, NULL), CRDT_EBUSY);
    crdt_store_rollback(store);
    CHECK_ERR(crdt_undo_back(undo, UINT64_MAX, NULL), CRDT_EINVAL); /* no time */
    remove_name(store, "t");
    crdt_undo_pass(undo);
    DO(store, "t", &crdt_orset_type, "add", "x");
    CHECK_ERR(crdt_undo_back(undo, NOW, NULL), CRDT_ETYPE);
    CHECK_EQ_INT(crdt_undo_count(undo), 2);
    remove_name(store, "t");
    CHECK_OK(crdt_undo_back(undo, NOW, NULL)); /* the name is there again */
    CHECK_EQ_STR(shown(store, "t"), "\"a\"");
    crdt_undo_free(undo);
    crdt_undo_free(NULL);
    free_all(store, NULL);
}

TEST(undo, respects_limits)
{
    crdt_options o = crdt_options_default(0xa, NULL);
    crdt_store  *store;
    o.solo = &crdt_text_type;
    o.limits.elements = 4;
    CHECK_OK(crdt_store_new(&o, &store));
    crdt_undo *undo = undo_of(store, LEAST);
    insert(store, 0, "abc");
    crdt_undo_pass(undo);
    delete (store, 0, 3);
    note(undo);
    insert(store, 0, "xy");
    crdt_undo_pass(undo);
    CHECK_ERR(crdt_undo_back(undo, NOW, NULL), CRDT_ELIMIT);
    check_text(store, "xy");
    CHECK_EQ_INT(crdt_undo_count(undo), 1);
    delete (store, 0, 1);
    back(undo, store, "yabc");
    crdt_undo_free(undo);
    free_all(store, NULL);
}

/* As an engine does it: its transaction, which may not be committed after all. */
TEST(undo, writes_into_a_transaction_of_the_callers)
{
    crdt_store *store = solo_of(&crdt_text_type, 0xa);
    crdt_undo  *undo = undo_of(store, LEAST);
    crdt_txn   *txn = begin(store);
    CHECK_ERR(crdt_undo_write(undo, txn, false), CRDT_ENOENT);
    crdt_store_rollback(store);
    insert(store, 0, "abcd");
    note(undo);
    delete (store, 1, 2);
    note(undo);
    for (int committed = 0; committed < 2; committed++) {
        txn = begin(store);
        CHECK_OK(crdt_undo_write(undo, txn, false));
        check_text(store, "abcd");
        if (committed) CHECK_OK(crdt_store_commit(store, NULL));
        else crdt_store_rollback(store);
        crdt_undo_end(undo, committed);
        check_text(store, committed ? "abcd" : "ad");
        CHECK_EQ_INT(crdt_undo_count(undo), committed ? 1 : 2);
        CHECK_EQ_INT(crdt_redo_count(undo), committed);
    }
    crdt_text_edit edit;
    txn = begin(store);
    CHECK_OK(crdt_text_open(txn, CRDT_SOLO, &crdt_text_type, &edit));
    CHECK_OK(crdt_text_delete(&edit, CRDT_CODE_POINTS, 0, 1));
    CHECK_ERR(crdt_undo_write(undo, txn, true), CRDT_EINVAL); /* it has changed something */
    crdt_store_rollback(store);
    txn = begin(store);
    CHECK_OK(crdt_undo_write(undo, txn, true));
    CHECK_OK(crdt_store_commit(store, NULL));
    crdt_undo_end(undo, true);
    check_text(store, "ad");
    back(undo, store, "abcd"); /* the copies are those of what was committed */
    back(undo, store, "");
    again(undo, store, "abcd");
    crdt_undo_free(undo);
    free_all(store, NULL);
}

/* A new incarnation goes on where the old one was. */
TEST(undo, knows_what_it_did_under_another_replica_id)
{
    crdt_store *store = solo_of(&crdt_text_type, 0xa);
    crdt_undo  *undo = undo_of(store, LEAST);
    insert(store, 0, "abc");
    note(undo);
    CHECK_OK(crdt_store_renew(store, 0xe));
    insert(store, 3, "def");
    note(undo);
    delete (store, 1, 4);
    note(undo);
    back(undo, store, "abcdef");
    back(undo, store, "abc");
    back(undo, store, "");
    again(undo, store, "abc");
    again(undo, store, "abcdef");
    again(undo, store, "af");
    crdt_undo_free(undo);
    free_all(store, NULL);
}

/* A replica that lost its memory deleted the same thing twice: it comes back once. */
TEST(undo, brings_back_once_what_two_dots_deleted)
{
    crdt_store *old = solo_of(&crdt_text_type, 0xa), *store = solo_of(&crdt_text_type, 0xa);
    insert(old, 0, "abcde");
    join(store, old);
    crdt_undo  *undo = undo_of(store, LEAST);
    crdt_delta *first = apply(old, "", &crdt_text_type, "delete", 1, 2);
    crdt_txn   *txn = begin(store);
    CHECK_OK(crdt_txn_mark(txn));
    free_all(commit(store), NULL);
    delete (store, 2, 2);
    CHECK_OK(crdt_store_merge(store, first));
    check_text(store, "ae");
    note(undo);
    back(undo, store, "abcde");
    again(undo, store, "ae");
    back(undo, store, "abcde");
    crdt_undo_free(undo);
    free_all(first, old, store, NULL);
}

/* Copies of copies that nobody asks for any more are let go, and what is asked for is known. */
TEST(undo, takes_no_more_memory_however_often_it_goes_back_and_forth)
{
    testmem m;
    testmem_init(&m);
    crdt_store *store;
    crdt_undo  *undo;
    CHECK_OK(crdt_text_new(0xa, &m.mem, &store));
    CHECK_OK(crdt_undo_new(store, CRDT_SOLO, &crdt_text_type, 10, &undo));
    insert(store, 0, "abcdef");
    note(undo);
    delete (store, 2, 2);
    note(undo);
    size_t first = 0, last = 0;
    for (int i = 0; i <= 3000; i++) {
        CHECK_OK(crdt_undo_back(undo, NOW, NULL));
        CHECK_OK(crdt_undo_again(undo, NOW, NULL));
        if (i % 500 > 0) continue;
        check_text(store, "abef");
        /* What of it is the store's goes with the store's bytes: so look at what is beside it. */
        crdt_stats stats = crdt_store_stats(store);
        last = m.bytes - stats.metadata - stats.payload;
        if (i == 500) first = last;
    }
    CHECK_MSG(last <= first + 8192, "%zu bytes, then %zu", first, last);
    back(undo, store, "abcdef");
    back(undo, store, "");
    crdt_undo_free(undo);
    crdt_store_free(store);
    TESTMEM_DONE(&m);
}

/* Each refused allocation: text and steps are as they were. */
TEST(undo, survives_refused_memory)
{
    testmem m;
    testmem_init(&m);
    crdt_store *store, *ben = solo_of(&crdt_text_type, 0xb);
    crdt_undo  *undo;
    CHECK_OK(crdt_text_new(0xa, &m.mem, &store));
    for (uint64_t n = 1;; n++) {
        testmem_fail_nth(&m, n);
        crdt_err err = crdt_undo_new(store, CRDT_SOLO, &crdt_text_type, LEAST, &undo);
        if (!testmem_refused(&m)) break;
        CHECK_ERR(err, CRDT_ENOMEM);
    }
    testmem_fail_never(&m);
    insert(store, 0, "one two three four");
    join(ben, store);
    insert(ben, 5, "x");
    insert(ben, 15, "y");
    insert(store, 3, "++");
    delete (store, 7, 9);
    join(store, ben);
    check_text(store, "one++ txyfour");
    for (uint64_t n = 1;; n++) {
        testmem_fail_nth(&m, n);
        crdt_err err = crdt_undo_note(undo, false);
        if (!testmem_refused(&m)) break;
        CHECK_ERR(err, CRDT_ENOMEM);
        CHECK_EQ_INT(crdt_undo_count(undo), 0);
    }
    testmem_fail_never(&m);
    delete (store, 0, 1);
    insert(store, 2, "e!");
    delete (store, 5, 3);
    note(undo);
    check_text(store, "nee!+xyfour");
    static const char *const shows[] = {"nee!+xyfour", "one++ txyfour"};
    for (int i = 0; i < 6; i++) {
        for (uint64_t n = 1;; n++) {
            testmem_fail_nth(&m, n);
            crdt_err err = (i % 2 == 0 ? crdt_undo_back : crdt_undo_again)(undo, NOW, NULL);
            if (!testmem_refused(&m)) break;
            if (err == CRDT_OK) break; /* what may be done without: old copies stay */
            CHECK_ERR(err, CRDT_ENOMEM);
            testmem_fail_never(&m);
            check_text(store, shows[i % 2]);
            CHECK_EQ_INT(crdt_undo_count(undo), 2 - i % 2);
            check_store(store);
        }
        testmem_fail_never(&m);
        check_text(store, shows[1 - i % 2]);
    }
    back(undo, store, "one++ txyfour");
    back(undo, store, "xy");
    crdt_undo_free(undo);
    free_all(store, ben, NULL);
    TESTMEM_DONE(&m);
}

/* -- Alone ------------------------------------------------------------------------------------- */

#define STEPS 60

static void read_text(const crdt_store *store, crdt_buf *out)
{
    crdt_buf_reset(out);
    CHECK_OK(crdt_text_read(crdt_store_solo(store), CRDT_CODE_POINTS, 0, UINT64_MAX, out));
}

static void write_some(crdt_store *store, const crdt_type *type, uint64_t *rand)
{
    for (size_t ops = 1 + random_below(rand, 3); ops > 0; ops--) {
        uint64_t length = crdt_text_length(crdt_store_solo(store), CRDT_CODE_POINTS);
        int      pos = (int)random_below(rand, length + 1), most = (int)length - pos;
        char     text[] = "abcdefgh";
        text[1 + random_below(rand, 7)] = 0;
        for (char *c = text; *c != 0; c++) *c = (char)('a' + random_below(rand, 26));
        if (most == 0 || random_below(rand, 2) == 0) DO(store, "", type, "insert", pos, text);
        else DO(store, "", type, "delete", pos, (int)(1 + random_below(rand, (uint64_t)most)));
    }
}

/* Where nobody else writes, each step back shows what showed then, and each step forth, too. */
static void go_back_and_forth(const crdt_type *type, uint64_t *rand)
{
    crdt_store *store = solo_of(type, 0xa);
    crdt_buf    then[STEPS + 1], now;
    crdt_undo  *undo;
    size_t      at = 0, end = 0;
    CHECK_OK(crdt_undo_new(store, CRDT_SOLO, type, STEPS, &undo));
    for (size_t i = 0; i <= STEPS; i++) crdt_buf_init(&then[i], NULL);
    crdt_buf_init(&now, NULL);
    for (int i = 0; i < 100 && at < STEPS; i++) {
        size_t kind = random_below(rand, 3);
        if (kind == 0) {
            write_some(store, type, rand);
            note(undo);
            read_text(store, &then[end = ++at]);
            continue;
        }
        if (kind == 1 ? at == 0 : at == end) continue;
        crdt_delta *delta;
        CHECK_OK((kind == 1 ? crdt_undo_back : crdt_undo_again)(undo, NOW, &delta));
        at = kind == 1 ? at - 1 : at + 1;
        read_text(store, &now);
        CHECK_EQ_MEM(now.data, now.size, then[at].data, then[at].size);
        if (crdt_store_is_empty(delta)) { /* it took away all that it wrote: no step any more */
            crdt_buf same = then[at + 1];
            CHECK(kind == 1);
            for (size_t k = at + 1; k < STEPS; k++) then[k] = then[k + 1];
            then[STEPS] = same;
            end--;
        }
        crdt_store_free(delta);
    }
    check_store(store);
    for (size_t i = 0; i <= STEPS; i++) crdt_buf_clear(&then[i]);
    crdt_buf_clear(&now);
    crdt_undo_free(undo);
    crdt_store_free(store);
}

TEST(undo, shows_what_showed_then_where_nobody_else_writes)
{
    uint64_t rand = seed_or(1);
    for (int i = 0; i < (T_SLOW ? 20 : 1000); i++) {
        go_back_and_forth(i % 2 == 0 ? &crdt_text_type : &crdt_text_classic_type, &rand);
    }
}
