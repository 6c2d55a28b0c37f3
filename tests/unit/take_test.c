/* take_test.c: deltas and states that are given away. */
#include "tests/lib/t.h"
#include "crdt/orset.h"
#include "crdt/rga.h"
#include "crdt/text.h"
#include "tests/lib/stores.h"
#include "tests/lib/testmem.h"

#define NOW UINT64_C(1700000000000)

static crdt_store *make(testmem *mem, const crdt_type *type, uint64_t replica)
{
    crdt_store *s;
    CHECK_OK(crdt_store_new_solo(type, replica, &mem->mem, &s));
    return s;
}

static crdt_store *typed(testmem *mem, uint64_t replica, const char *text)
{
    crdt_store    *s = make(mem, &crdt_text_type, replica);
    crdt_txn      *txn;
    crdt_text_edit edit;
    CHECK_OK(crdt_store_begin(s, NOW, &txn));
    CHECK_OK(crdt_text_open(txn, CRDT_SOLO, &crdt_text_type, &edit));
    CHECK_OK(crdt_text_insert(&edit, CRDT_CODE_POINTS, 0, crdt_text_view(text)));
    CHECK_OK(crdt_store_commit(s, NULL));
    return s;
}

static void check_same(const crdt_store *a, const crdt_store *b)
{
    crdt_buf    x, y;
    const char *why = "";
    CHECK_MSG(crdt_store_check(a, &why), "%s", why);
    crdt_buf_init(&x, NULL);
    crdt_buf_init(&y, NULL);
    CHECK_OK(crdt_store_encode(a, &x));
    CHECK_OK(crdt_store_encode(b, &y));
    CHECK_EQ_MEM(x.data, x.size, y.data, y.size);
    crdt_buf_clear(&x);
    crdt_buf_clear(&y);
}

/* Into an empty store and into one that holds something, from there on it is as if joined. */
static void take_into(const char *held)
{
    testmem mem;
    testmem_init(&mem);
    crdt_store *given = typed(&mem, 2, "given"), *copy;
    CHECK_OK(crdt_store_clone(given, 2, &copy));
    crdt_store *a = *held ? typed(&mem, 1, held) : make(&mem, &crdt_text_type, 1), *b;
    CHECK_OK(crdt_store_clone(a, 1, &b));
    CHECK_OK(crdt_store_take(a, given, NOW));
    CHECK_OK(crdt_store_join(b, copy, NOW));
    check_same(a, b);
    crdt_txn      *txn; /* and it can be written to */
    crdt_text_edit edit;
    crdt_delta    *delta;
    CHECK_OK(crdt_store_begin(a, NOW, &txn));
    CHECK_OK(crdt_text_open(txn, CRDT_SOLO, &crdt_text_type, &edit));
    CHECK_OK(crdt_text_delete(&edit, CRDT_CODE_POINTS, 1, 2));
    CHECK_OK(crdt_text_insert(&edit, CRDT_CODE_POINTS, 3, crdt_text_view("more")));
    CHECK_OK(crdt_store_commit(a, &delta));
    CHECK_OK(crdt_store_take(b, delta, NOW));
    check_same(a, b);
    crdt_store_free(a);
    crdt_store_free(b);
    crdt_store_free(copy);
    TESTMEM_DONE(&mem);
}

TEST(take, moves_a_text_into_an_empty_store)
{
    take_into("");
}

TEST(take, joins_a_text_into_one_that_holds_something)
{
    take_into("held");
}

TEST(take, leaves_what_is_given_where_it_is_refused)
{
    testmem mem;
    testmem_init(&mem);
    crdt_store *a = make(&mem, &crdt_text_type, 1), *set = make(&mem, &crdt_orset_type, 2);
    CHECK_ERR(crdt_store_take(a, set, NOW), CRDT_EINVAL);
    crdt_store_free(set);
    crdt_store *given = typed(&mem, 2, "given");
    for (uint64_t n = 1;; n++) {
        testmem_fail_nth(&mem, n);
        crdt_err err = crdt_store_take(a, given, NOW);
        if (!testmem_refused(&mem)) break;
        CHECK_ERR(err, CRDT_ENOMEM);
        CHECK_EQ_INT(crdt_text_length(crdt_store_solo(a), CRDT_CODE_POINTS), 0);
    }
    testmem_fail_never(&mem);
    CHECK_EQ_INT(crdt_text_length(crdt_store_solo(a), CRDT_CODE_POINTS), 5);
    crdt_store_free(a);
    TESTMEM_DONE(&mem);
}

/* Of all types, as random histories leave them: into a store that has seen nothing, and the names
 * that change are listed as by a join. */
TEST(take, a_state_moves_into_an_empty_store)
{
    for (int round = 0; round < 4; round++) {
        bool    tracked = round % 2 == 1, texts = round / 2 == 1;
        testmem mem;
        testmem_init(&mem);
        crdt_options o = crdt_options_default(1, crdt_types_builtin());
        crdt_store  *from, *taker, *joiner, *copy;
        o.mem = &mem.mem;
        o.track_changes = tracked;
        CHECK_OK(crdt_store_new(&o, &from));
        o.replica = 2;
        CHECK_OK(crdt_store_new(&o, &taker));
        CHECK_OK(crdt_store_new(&o, &joiner));
        if (texts) DO(from, "text", &crdt_text_type, "insert", 0, "hello");
        if (texts) DO(from, "list", &crdt_rga_type, "insert", 0, "one");
        DO(from, "set", &crdt_orset_type, "add", "x");
        DO(from, "set", &crdt_orset_type, "add", "y");
        DO(from, "set", &crdt_orset_type, "remove", "x");
        DO(from, "register", &crdt_lww_type, "set", "v");
        DO(from, "counter", &crdt_pncounter_type, "inc", 5);
        DO(from, "gone", &crdt_lww_type, "set", "v");
        remove_name(from, "gone");
        crdt_buf bytes;
        crdt_buf_init(&bytes, NULL);
        CHECK_OK(crdt_store_encode(from, &bytes));
        CHECK_OK(crdt_delta_decode(taker, crdt_buf_bytes(&bytes), &copy, NULL));
        CHECK_OK(crdt_store_join(joiner, copy, NOW));
        CHECK_OK(crdt_store_take(taker, copy, NOW));
        check_same(taker, joiner);
        check_same(taker, from);
        CHECK_EQ_INT(crdt_store_count(taker), texts ? 5 : 3);
        CHECK(crdt_digest_equal(crdt_store_digest(taker, NULL), crdt_store_digest(joiner, NULL)));
        CHECK_EQ_INT(crdt_store_clock(taker)->last, crdt_store_clock(joiner)->last);
        crdt_change change;
        int         changes = 0;
        while (crdt_store_next_change(taker, &change)) changes += change.remote;
        CHECK_EQ_INT(changes, !tracked ? 0 : texts ? 5 : 3);
        DO(taker, "set", &crdt_orset_type, "add", "z"); /* and it lives on */
        DO(joiner, "set", &crdt_orset_type, "add", "z");
        check_same(taker, joiner);
        crdt_buf_clear(&bytes);
        free_all(from, taker, joiner, NULL);
        TESTMEM_DONE(&mem);
    }
}
