/* seq_memory_test.c: lists and texts where memory is refused: each allocation of each call in turn.
 * What fails changes nothing that shows, leaks nothing, and works when tried again. */
#include <stdio.h>
#include <string.h>

#include "tests/lib/stores.h"
#include "tests/lib/t.h"
#include "tests/lib/testmem.h"

#define A 0xa1u
#define B 0xb2u
#define C 0xc3u

static const crdt_type *const types[4] = {&crdt_text_type, &crdt_text_classic_type, &crdt_rga_type,
                                          &crdt_rga_classic_type};

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

static crdt_store *store_in(testmem *m, const crdt_type *type, uint64_t replica)
{
    crdt_store *s;
    CHECK_OK(crdt_store_new_solo(type, replica, m == NULL ? NULL : &m->mem, &s));
    return s;
}

/* -- What shows -------------------------------------------------------------------------------- */

typedef struct snapshot {
    crdt_buf bytes, shown;
} snapshot;

static void read_all(crdt_ref ref, crdt_buf *out)
{
    crdt_buf_reset(out);
    crdt_ref_print(&ref, out);
    CHECK_OK(crdt_buf_status(out));
}

static snapshot snapshot_of(const crdt_store *s)
{
    snapshot snap;
    crdt_buf_init(&snap.bytes, NULL);
    crdt_buf_init(&snap.shown, NULL);
    crdt_err err = crdt_store_encode(s, &snap.bytes);
    CHECK(err == CRDT_OK || err == CRDT_EBUSY); /* in a transaction only what shows */
    read_all(crdt_store_solo(s), &snap.shown);
    return snap;
}

static void snapshot_clear(snapshot *snap)
{
    crdt_buf_clear(&snap->bytes);
    crdt_buf_clear(&snap->shown);
}

static void check_as(const crdt_store *s, const snapshot *was, const char *what, uint64_t n)
{
    const char *reason = "";
    snapshot    is = snapshot_of(s);
    CHECK_MSG(crdt_view_compare(crdt_buf_bytes(&is.shown), crdt_buf_bytes(&was->shown)) == 0,
              "%s, call %d refused: it shows %.*s, before %.*s", what, (int)n, (int)is.shown.size,
              (const char *)is.shown.data, (int)was->shown.size, (const char *)was->shown.data);
    CHECK_MSG(crdt_view_compare(crdt_buf_bytes(&is.bytes), crdt_buf_bytes(&was->bytes)) == 0,
              "%s, call %d refused: other bytes than before", what, (int)n);
    CHECK_MSG(is.bytes.size == 0 || crdt_store_check(s, &reason), "%s, call %d refused: %s", what,
              (int)n, reason);
    snapshot_clear(&is);
}

/* -- Trying ------------------------------------------------------------------------------------ */

typedef struct attempt {
    const char *what;
    crdt_store *s; /* must stay as it is */
    crdt_err (*run)(struct attempt *t);
    crdt_txn         *txn;
    const crdt_store *other;
    size_t            pos, count;
    crdt_value        value;
    crdt_store      **made;
} attempt;

/* Every allocation refused in turn, then all those from each one on. */
static void attempt_run(testmem *m, attempt *t)
{
    snapshot was = snapshot_of(t->s);
    for (int all = 1; all >= 0; all--) {
        for (uint64_t n = 1;; n++) {
            size_t bytes = m->bytes;
            if (all) testmem_fail_from(m, n);
            else testmem_fail_nth(m, n);
            crdt_err err = t->run(t);
            bool     refused = testmem_refused(m);
            testmem_fail_never(m);
            if (!refused || err == CRDT_OK) { /* it got through, perhaps without a luxury */
                CHECK_OK(err);
                snapshot_clear(&was);
                return;
            }
            CHECK_ERR(err, CRDT_ENOMEM);
            check_as(t->s, &was, t->what, n);
            (void)bytes;
            if (all && n > 60) break;
        }
    }
}

/* -- Operations -------------------------------------------------------------------------------- */

static crdt_err run_insert(attempt *t)
{
    const crdt_type *type = crdt_store_solo(t->s).type;
    crdt_text_edit   text;
    crdt_rga_edit    list;
    crdt_err         err;
    if (is_text(type)) {
        err = crdt_text_open(t->txn, CRDT_SOLO, type, &text);
        if (err != CRDT_OK) return err;
        return crdt_text_insert(&text, CRDT_CODE_POINTS, t->pos, t->value.bytes);
    }
    err = crdt_rga_open(t->txn, CRDT_SOLO, type, &list);
    return err == CRDT_OK ? crdt_rga_insert(&list, t->pos, t->value) : err;
}

static crdt_err run_delete(attempt *t)
{
    const crdt_type *type = crdt_store_solo(t->s).type;
    crdt_text_edit   text;
    crdt_rga_edit    list;
    crdt_err         err;
    if (is_text(type)) {
        err = crdt_text_open(t->txn, CRDT_SOLO, type, &text);
        return err == CRDT_OK ? crdt_text_delete(&text, CRDT_CODE_POINTS, t->pos, t->count) : err;
    }
    err = crdt_rga_open(t->txn, CRDT_SOLO, type, &list);
    return err == CRDT_OK ? crdt_rga_delete(&list, t->pos, t->count) : err;
}

/* Of texts a stretch is replaced, of lists an element set. */
static crdt_err run_replace(attempt *t)
{
    const crdt_type *type = crdt_store_solo(t->s).type;
    crdt_text_edit   text;
    crdt_rga_edit    list;
    crdt_err         err;
    if (is_text(type)) {
        err = crdt_text_open(t->txn, CRDT_SOLO, type, &text);
        if (err != CRDT_OK) return err;
        return crdt_text_replace(&text, CRDT_CODE_POINTS, t->pos, t->count, t->value.bytes);
    }
    err = crdt_rga_open(t->txn, CRDT_SOLO, type, &list);
    return err == CRDT_OK ? crdt_rga_set(&list, t->pos, t->value) : err;
}

static crdt_err run_remove(attempt *t)
{
    return crdt_txn_remove(t->txn, CRDT_SOLO);
}

static size_t length_of(const crdt_store *s)
{
    crdt_ref ref = crdt_store_solo(s);
    if (!is_text(ref.type)) return (size_t)crdt_rga_length(ref);
    return (size_t)crdt_text_length(ref, CRDT_CODE_POINTS);
}

static crdt_value random_value(const crdt_type *type)
{
    static const char *const words[] = {"a",
                                        "bc",
                                        "typed on",
                                        "\xc3\xa9",
                                        "\xf0\x9f\x98\x80!",
                                        "\r\n",
                                        "xyz",
                                        "much longer than any of the others is, it is"};
    if (!is_text(type) && random_below(3) == 0) return crdt_int((int64_t)random_below(1000));
    return crdt_text(words[random_below(8)]);
}

static void random_operation(testmem *m, crdt_store *s, crdt_txn *txn, size_t at)
{
    size_t           length = length_of(s), kind = random_below(20);
    const crdt_type *type = crdt_store_solo(s).type;
    attempt t = {"insert",           s,   run_insert, txn, NULL, random_below(length + 1), 0,
                 random_value(type), NULL};
    if (random_below(2) && at <= length) t.pos = at;
    if (kind < 10 || length == 0) {
        attempt_run(m, &t);
        return;
    }
    if (t.pos == length) t.pos--;
    t.count = 1 + random_below(length - t.pos);
    if (t.count > 4 && random_below(3) != 0) t.count = 1 + random_below(4);
    t.what = kind < 15 ? "delete" : kind < 19 ? "replace" : "remove";
    t.run = kind < 15 ? run_delete : kind < 19 ? run_replace : run_remove;
    attempt_run(m, &t);
}

/* -- Stores ------------------------------------------------------------------------------------ */

static crdt_err run_commit(attempt *t)
{
    return crdt_store_commit(t->s, t->made);
}

static crdt_err run_join(attempt *t)
{
    return crdt_store_join(t->s, t->other, NOW);
}

static crdt_err run_decode(attempt *t)
{
    return crdt_delta_decode(t->s, t->value.bytes, t->made, NULL);
}

static crdt_err run_since(attempt *t)
{
    crdt_context none;
    crdt_context_init(&none, NULL);
    const crdt_context *ctx = t->other == NULL ? &none : crdt_store_context(t->other);
    return crdt_store_since(t->s, ctx, t->made);
}

static crdt_err run_clone(attempt *t)
{
    return crdt_store_clone(t->s, C, t->made);
}

static crdt_err run_stabilise(attempt *t)
{
    return crdt_store_stabilise(t->s, crdt_store_context(t->s));
}

static void check_decodes(testmem *m, crdt_store *s)
{
    crdt_buf    bytes;
    crdt_store *copy = NULL;
    crdt_buf_init(&bytes, NULL);
    CHECK_OK(crdt_store_encode(s, &bytes));
    attempt t = {"decode", s, run_decode, NULL, NULL, 0, 0, crdt_bytes(bytes.data, bytes.size),
                 &copy};
    attempt_run(m, &t);
    CHECK(same_bytes(s, copy));
    check_store(copy);
    crdt_store_free(copy);
    crdt_buf_clear(&bytes);
}

static void transact(testmem *m, crdt_store *s, crdt_delta **ret_delta)
{
    crdt_txn *txn = begin(s);
    snapshot  was = snapshot_of(s);
    for (size_t n = 1 + random_below(6), at = 0; n > 0; n--) {
        random_operation(m, s, txn, at);
        at = random_below(4) == 0 ? random_below(10) : at + 1;
    }
    if (random_below(8) == 0) {
        crdt_store_rollback(s);
        snapshot is = snapshot_of(s);
        CHECK_EQ_MEM(is.shown.data, is.shown.size, was.shown.data, was.shown.size);
        snapshot_clear(&is);
        *ret_delta = NULL;
    } else {
        attempt t = {"commit", s, run_commit, NULL, NULL, 0, 0, crdt_int(0), ret_delta};
        attempt_run(m, &t);
    }
    snapshot_clear(&was);
    check_store(s);
}

static void session(const crdt_type *type, unsigned rounds)
{
    testmem m;
    testmem_init(&m);
    crdt_store *s[2] = {store_in(&m, type, A), store_in(&m, type, B)};
    bool        behind = false;
    for (unsigned round = 0; round < rounds; round++) {
        size_t      who = random_below(2);
        crdt_delta *delta = NULL;
        transact(&m, s[who], &delta);
        attempt t = {"join", s[1 - who], run_join, NULL, delta, 0, 0, crdt_int(0), NULL};
        behind |= delta != NULL && random_below(4) == 0; /* they diverge */
        if (delta != NULL && !behind) attempt_run(&m, &t);
        crdt_store_free(delta);
        if (round % 4 == 3) {
            behind = false;
            crdt_delta *lack = NULL;
            attempt     since = {"since", s[0], run_since, NULL, s[1], 0, 0, crdt_int(0), &lack};
            attempt_run(&m, &since);
            t.s = s[1];
            t.other = lack;
            attempt_run(&m, &t);
            crdt_store_free(lack);
            t.s = s[0];
            t.other = s[1];
            attempt_run(&m, &t);
            CHECK(same_bytes(s[0], s[1]));
        }
        if (round % 5 == 4) check_decodes(&m, s[who]);
    }
    crdt_store *copy = NULL;
    attempt     clone = {"clone", s[0], run_clone, NULL, NULL, 0, 0, crdt_int(0), &copy};
    attempt_run(&m, &clone);
    free_all(s[0], s[1], copy, NULL);
    TESTMEM_DONE(&m);
}

TEST(seq_memory, calls_that_are_refused_memory_change_nothing)
{
    for (int t = 0; t < 4; t++) {
        random_state = (uint64_t)t + 1;
        for (int i = 0; i < (T_SLOW ? 2 : 6); i++) session(types[t], 40);
    }
}

/* -- Reads that build what they need first ----------------------------------------------------- */

static crdt_store *mixed_text(testmem *m, const crdt_type *type)
{
    crdt_store *s = store_in(m, type, A);
    for (int i = 0; i < 120; i++) {
        DO(s, "", type, "insert", i / 2, i % 3 == 0 ? "\xf0\x9f\x98\x80\n" : "ab");
        if (i % 4 == 0) DO(s, "", type, "delete", i / 3, 1);
    }
    return s;
}

TEST(seq_memory, counts_of_units_are_made_when_there_is_memory)
{
    testmem m;
    testmem_init(&m);
    crdt_store *s = mixed_text(&m, &crdt_text_type);
    crdt_ref    text = crdt_store_solo(s);
    crdt_buf    out;
    crdt_buf_init(&out, NULL);
    testmem_fail_from(&m, 1); /* lengths need no memory: they count */
    uint64_t points = crdt_text_length(text, CRDT_CODE_POINTS), lines = crdt_text_lines(text);
    uint64_t units = crdt_text_length(text, CRDT_UTF16_UNITS);
    uint64_t bytes = crdt_text_length(text, CRDT_UTF8_BYTES);
    CHECK_ERR(crdt_text_read(text, CRDT_UTF16_UNITS, 0, units, &out), CRDT_ENOMEM);
    for (uint64_t n = 1;; n++) {
        testmem_fail_nth(&m, n);
        crdt_err err = crdt_text_read(text, CRDT_UTF16_UNITS, 0, units, &out);
        bool     refused = testmem_refused(&m);
        testmem_fail_never(&m);
        check_store(s);
        if (!refused) {
            CHECK_OK(err);
            break;
        }
        CHECK_ERR(err, CRDT_ENOMEM);
        CHECK_EQ_INT(out.size, 0);
    }
    CHECK_EQ_INT(out.size, bytes);
    CHECK_EQ_INT(crdt_text_length(text, CRDT_CODE_POINTS), points);
    CHECK_EQ_INT(crdt_text_length(text, CRDT_UTF16_UNITS), units);
    CHECK_EQ_INT(crdt_text_length(text, CRDT_UTF8_BYTES), bytes);
    CHECK_EQ_INT(crdt_text_lines(text), lines);
    crdt_buf_clear(&out);
    crdt_store_free(s);
    TESTMEM_DONE(&m);
}

TEST(seq_memory, a_read_whose_buffer_is_refused_appends_nothing)
{
    testmem m;
    testmem_init(&m);
    crdt_store *s = mixed_text(NULL, &crdt_text_type);
    for (uint64_t n = 1;; n++) {
        crdt_buf out;
        crdt_buf_init(&out, &m.mem);
        crdt_buf_text(&out, "before");
        testmem_fail_nth(&m, n);
        crdt_err err = crdt_text_read(crdt_store_solo(s), CRDT_CODE_POINTS, 0, UINT64_MAX, &out);
        bool     refused = testmem_refused(&m);
        testmem_fail_never(&m);
        CHECK_ERR(err, refused ? CRDT_ENOMEM : CRDT_OK);
        if (refused) CHECK_EQ_INT(out.size, 6);
        crdt_buf_clear(&out);
        if (!refused) break;
    }
    crdt_store_free(s);
    TESTMEM_DONE(&m);
}

TEST(seq_memory, cursors_are_found_when_there_is_memory)
{
    testmem m;
    testmem_init(&m);
    crdt_store *s = mixed_text(&m, &crdt_text_type);
    crdt_ref    text = crdt_store_solo(s);
    crdt_cursor cursor;
    uint64_t    pos = 99;
    CHECK_OK(crdt_text_cursor(text, CRDT_CODE_POINTS, 50, CRDT_LEFT, &cursor));
    for (uint64_t n = 1;; n++) {
        testmem_fail_nth(&m, n);
        crdt_err err = crdt_text_find(text, cursor, CRDT_UTF16_UNITS, &pos);
        bool     refused = testmem_refused(&m);
        testmem_fail_never(&m);
        check_store(s);
        if (!refused) {
            CHECK_OK(err);
            break;
        }
        CHECK_ERR(err, CRDT_ENOMEM);
        CHECK_EQ_INT(pos, 99);
    }
    CHECK_OK(crdt_text_find(text, cursor, CRDT_CODE_POINTS, &pos));
    CHECK_EQ_INT(pos, 50);
    crdt_store_free(s);
    TESTMEM_DONE(&m);
}

/* -- Names ------------------------------------------------------------------------------------- */

/* A name that cannot be removed for want of memory is still there, or the transaction is lost. */
TEST(seq_memory, a_removal_of_a_name_is_whole)
{
    for (int t = 0; t < 4; t++) {
        testmem      m;
        crdt_options o = crdt_options_default(A, crdt_types_builtin());
        crdt_store  *s;
        crdt_view    name = name_of("name");
        testmem_init(&m);
        o.mem = &m.mem;
        CHECK_OK(crdt_store_new(&o, &s));
        for (uint64_t r = 1; r < 9; r++) { /* many who made it, unseen by each other */
            crdt_store *other = store_of(r);
            DO(other, "name", types[t], "insert", 0, "ab");
            join(s, other);
            crdt_store_free(other);
        }
        for (uint64_t n = 1;; n++) {
            crdt_txn *txn = begin(s);
            crdt_ref  ref;
            crdt_buf  shown;
            crdt_buf_init(&shown, NULL);
            CHECK_OK(crdt_txn_find(txn, name, types[t], &ref));
            read_all(ref, &shown);
            testmem_fail_nth(&m, n);
            crdt_err err = crdt_txn_remove(txn, name);
            bool     refused = testmem_refused(&m);
            testmem_fail_never(&m);
            if (err == CRDT_OK) {
                CHECK_ERR(crdt_txn_find(txn, name, NULL, &ref), CRDT_ENOENT);
                CHECK_OK(crdt_store_commit(s, NULL));
            } else if (crdt_store_commit(s, NULL) == CRDT_OK) {
                crdt_buf is;
                crdt_buf_init(&is, NULL);
                CHECK_OK(crdt_store_find(s, name, types[t], &ref));
                read_all(ref, &is);
                CHECK_EQ_MEM(is.data, is.size, shown.data, shown.size);
                crdt_buf_clear(&is);
            } else {
                crdt_store_rollback(s);
            }
            crdt_buf_clear(&shown);
            check_store(s);
            if (!refused) break;
        }
        CHECK_EQ_INT(crdt_store_count(s), 0);
        crdt_store_free(s);
        TESTMEM_DONE(&m);
    }
}

/* -- Under a read context ---------------------------------------------------------------------- */

/* Many dots, of which the reader saw every other one: a deletion is done whole or not at all. */
TEST(seq_memory, a_deletion_under_a_read_context_is_whole)
{
    for (int t = 0; t < 4; t++) {
        testmem      m;
        crdt_context read;
        testmem_init(&m);
        crdt_context_init(&read, NULL);
        crdt_store *s = store_in(&m, types[t], A);
        for (int i = 0; i < 200; i++) {
            DO(s, "", types[t], "insert", i, "x");
            crdt_dot dot = {A, (uint64_t)i + 1};
            if (i % 2 == 0) CHECK_OK(crdt_context_add(&read, dot));
        }
        for (int what = 0; what < 3; what++) {
            attempt tries[3] = {
                {"delete", s, run_delete, NULL, NULL, 3, 190, crdt_int(0), NULL},
                {"replace", s, run_replace, NULL, NULL, 3, 190, crdt_text("new"), NULL},
                {"remove", s, run_remove, NULL, NULL, 0, 0, crdt_int(0), NULL},
            };
            tries[what].txn = begin(s);
            crdt_txn_at(tries[what].txn, &read);
            attempt_run(&m, &tries[what]);
            crdt_store_rollback(s);
            CHECK_EQ_INT(length_of(s), 200);
            check_store(s);
        }
        crdt_context_clear(&read);
        crdt_store_free(s);
        TESTMEM_DONE(&m);
    }
}

/* -- Stability --------------------------------------------------------------------------------- */

/* The same written by A in a store of its own memory and in another; m NULL: that of malloc. */
static crdt_store *with_deletions(testmem *m, const crdt_type *type)
{
    crdt_store *s = store_in(m, type, A);
    for (int k = 0; k < 60; k++) DO(s, "", type, "insert", k / 2, "value");
    for (int k = 0; k < 15; k++) DO(s, "", type, "delete", k, 2);
    return s;
}

/* Forgotten whole or not at all, whichever allocation is refused: by stabilising, or by a join with
 * one who has. */
static void forget_refused(const crdt_type *type, bool by_join)
{
    crdt_store *same = with_deletions(NULL, type), *before = recoded(same);
    CHECK_OK(crdt_store_stabilise(same, crdt_store_context(same)));
    CHECK(!same_bytes(same, before));
    for (uint64_t n = 1;; n++) {
        testmem m;
        testmem_init(&m);
        crdt_store *s = with_deletions(&m, type);
        attempt     a = {"stabilise", s, run_stabilise, NULL, same, 0, 0, crdt_int(0), NULL};
        if (by_join) a.run = run_join;
        testmem_fail_from(&m, n);
        crdt_err err = a.run(&a);
        bool     refused = testmem_refused(&m);
        testmem_fail_never(&m);
        check_store(s);
        CHECK(err == CRDT_OK || (refused && err == CRDT_ENOMEM));
        CHECK_MSG(same_bytes(s, err == CRDT_OK ? same : before), "%s: call %d refused, %s",
                  type->name, (int)n, crdt_err_name(err));
        CHECK_OK(a.run(&a));
        CHECK(same_bytes(s, same));
        check_store(s);
        crdt_store_free(s);
        TESTMEM_DONE(&m);
        if (!refused) break;
    }
    free_all(same, before, NULL);
}

TEST(seq_memory, what_is_stable_is_forgotten_whole_or_not_at_all)
{
    for (int t = 0; t < 4; t++) {
        forget_refused(types[t], false);
        forget_refused(types[t], true);
    }
}
