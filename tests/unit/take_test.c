/* take_test.c: deltas and states that are given away. */
#include "tests/lib/t.h"
#include "tests/lib/random.h"
#include "tests/lib/stores.h"
#include "tests/lib/testmem.h"

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

#define SIDES 3
#define STEPS 400

/* Replicas that look at each delta of theirs and join those of others, and their twins, which give
 * theirs away. Each has heard so many entries of each. */
typedef struct twins {
    testmem     mem;
    crdt_store *look[SIDES], *give[SIDES];
    crdt_buf    told[SIDES][STEPS];
    size_t      count[SIDES], heard[SIDES][SIDES];
} twins;

/* Numbers, and texts that lie in a register and beside it. */
static crdt_value some_value(uint64_t *random, char room[64])
{
    size_t size = random_below(random, 64);
    if (random_below(random, 5) == 0) return crdt_int((int64_t)size);
    memset(room, 'a' + (int)random_below(random, 26), size);
    return crdt_bytes(room, size);
}

static crdt_err write_some(crdt_txn *txn, uint64_t random)
{
    static const char *const names[] = {"a", "b", "c"};
    const crdt_view          field = name_of("f");
    crdt_err                 err = CRDT_OK;
    char                     room[64];
    size_t                   writes = 1 + random_below(&random, 3);
    for (size_t i = 0; err == CRDT_OK && i < writes; i++) {
        crdt_value value = some_value(&random, room);
        crdt_view  key = name_of(names[random_below(&random, 3)]);
        switch (random_below(&random, 7)) {
        case 0: err = crdt_cell_set(txn, name_of("cell"), value); break;
        case 1: err = crdt_cell_incr(txn, name_of("cell"), 3); break;
        case 2: err = crdt_mvreg_set(txn, name_of("mvreg"), value); break;
        case 3: err = crdt_lww_set(txn, name_of("lww"), value); break;
        case 4: err = crdt_lwwmap_set(txn, name_of("row"), key, value, 0); break;
        case 5: err = crdt_txn_remove(txn, name_of("mvreg")); break;
        default:
            err = crdt_ormap_enter(txn, name_of("map"), &crdt_ormap_type, &key, 1);
            if (err == CRDT_OK) err = crdt_mvreg_set(txn, field, value);
            crdt_ormap_leave(txn);
        }
        if (err == CRDT_ENOENT) err = CRDT_OK;
    }
    return err;
}

static void check_told(const crdt_delta *delta, const crdt_buf *told)
{
    crdt_buf bytes;
    crdt_buf_init(&bytes, NULL);
    CHECK_OK(crdt_store_encode(delta, &bytes));
    CHECK_EQ_MEM(bytes.data, bytes.size, told->data, told->size);
    crdt_buf_clear(&bytes);
}

static void write_twins(twins *t, size_t side, uint64_t random)
{
    crdt_txn   *txn;
    crdt_delta *delta;
    crdt_dot    last;
    crdt_buf   *told = &t->told[side][t->count[side]];
    crdt_buf_init(told, NULL);
    CHECK_OK(crdt_store_begin(t->look[side], NOW, &txn));
    CHECK_OK(write_some(txn, random));
    CHECK_OK(crdt_store_commit(t->look[side], &delta));
    CHECK_OK(crdt_store_begin(t->give[side], NOW, &txn));
    CHECK_OK(write_some(txn, random));
    CHECK_OK(crdt_store_encode_delta(t->give[side], told, &last));
    testmem_fail_nth(&t->mem, 1 + random % 7); /* nothing has moved when a commit is refused */
    crdt_err err = crdt_store_commit(t->give[side], NULL);
    testmem_fail_never(&t->mem);
    if (err != CRDT_OK) {
        CHECK_ERR(err, CRDT_ENOMEM);
        CHECK_OK(crdt_store_commit(t->give[side], NULL));
    }
    if (last.seq != 0) check_told(delta, told);
    t->count[side] += last.seq != 0;
    crdt_store_free(delta);
    check_same(t->look[side], t->give[side]);
    check_store(t->give[side]);
}

static void tell_twins(twins *t, size_t from, size_t to)
{
    size_t      n = t->heard[to][from];
    crdt_delta *looked, *given;
    if (from == to || n == t->count[from]) return;
    crdt_view bytes = crdt_buf_bytes(&t->told[from][n]);
    CHECK_OK(crdt_delta_decode(t->look[to], bytes, &looked, NULL));
    CHECK_OK(crdt_delta_decode(t->give[to], bytes, &given, NULL));
    crdt_err err = crdt_store_join(t->look[to], looked, NOW);
    CHECK_EQ_INT(crdt_store_take(t->give[to], given, NOW), err);
    crdt_store_free(looked);
    if (err == CRDT_OK) t->heard[to][from]++;
    else crdt_store_free(given);
    check_same(t->look[to], t->give[to]);
    check_store(t->give[to]);
}

TEST(take, what_is_given_away_does_what_a_delta_does_that_is_looked_at)
{
    uint64_t     random = seed_or(20261128);
    twins        t;
    crdt_options o = crdt_options_default(1, crdt_types_builtin());
    memset(&t, 0, sizeof t);
    testmem_init(&t.mem);
    o.mem = &t.mem.mem;
    for (size_t i = 0; i < SIDES; i++) {
        o.replica = i + 1;
        CHECK_OK(crdt_store_new(&o, &t.look[i]));
        CHECK_OK(crdt_store_new(&o, &t.give[i]));
    }
    for (size_t step = 0; step < STEPS; step++) {
        size_t a = random_below(&random, SIDES), b = random_below(&random, SIDES);
        if (random_below(&random, 2) == 0) write_twins(&t, a, next_random(&random));
        else tell_twins(&t, a, b);
    }
    for (size_t i = 0; i < SIDES; i++) {
        for (size_t n = 0; n < t.count[i]; n++) crdt_buf_clear(&t.told[i][n]);
        free_all(t.look[i], t.give[i], NULL);
    }
    TESTMEM_DONE(&t.mem);
}
