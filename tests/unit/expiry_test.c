/* expiry_test.c: deadlines beside names: what shows, what merges, what goes with the name. */
#include <string.h>

#include "tests/lib/random.h"
#include "tests/lib/stores.h"
#include "tests/lib/testmem.h"

#define A 1
#define B 2
#define C 3
#define NONE INT64_MIN

static void set(crdt_store *s, const char *name, const char *value)
{
    DO(s, name, &crdt_cell_type, "set", value);
}

static void expire(crdt_store *s, const char *name, int ms)
{
    DO(s, name, &crdt_expiry_type, "expire_at", ms);
}

static void persist(crdt_store *s, const char *name)
{
    DO(s, name, &crdt_expiry_type, "persist");
}

static int64_t deadline(const crdt_store *s, const char *name)
{
    crdt_ref ref;
    int64_t  ms = NONE;
    crdt_err err = crdt_store_beside(s, name_of(name), &crdt_expiry_type, &ref);
    CHECK(err == CRDT_OK || err == CRDT_ENOENT);
    if (err == CRDT_OK) (void)crdt_expiry_deadline(ref, &ms);
    return ms;
}

static void meet(crdt_store *a, crdt_store *b)
{
    join(a, b);
    join(b, a);
    check_store(a);
    check_store(b);
    CHECK(same_bytes(a, b));
}

/* -- Beside, not there ------------------------------------------------------------------------- */

TEST(expiry, never_shows_and_is_not_counted)
{
    crdt_store     *s = store_of(A);
    crdt_ref        ref;
    crdt_view       name;
    crdt_store_iter it;
    expire(s, "k", 100);
    CHECK_EQ_INT(deadline(s, "k"), 100);
    CHECK_EQ_INT(crdt_store_count(s), 0);
    CHECK_ERR(crdt_store_find(s, name_of("k"), NULL, &ref), CRDT_ENOENT);
    CHECK_ERR(crdt_store_find(s, name_of("k"), &crdt_expiry_type, &ref), CRDT_ENOENT);
    CHECK(crdt_store_type_at(s, name_of("k"), 0) == NULL);
    it = crdt_store_iterate(s);
    CHECK(!crdt_store_next(&it, &name, &ref));
    check_store(s);
    CHECK_ERR(crdt_txn_remove(begin(s), name_of("k")), CRDT_ENOENT);
    crdt_store_rollback(s);
    CHECK_ERR(crdt_txn_create(begin(s), name_of("k"), &crdt_expiry_type), CRDT_EINVAL);
    crdt_store_rollback(s);
    CHECK_ERR(crdt_store_beside(s, name_of("k"), &crdt_cell_type, &ref), CRDT_EINVAL);
    CHECK_ERR(crdt_store_beside(s, name_of("x"), &crdt_expiry_type, &ref), CRDT_ENOENT);
    crdt_store *copy = recoded(s);
    CHECK_EQ_INT(deadline(copy, "k"), 100);
    CHECK_EQ_INT(crdt_store_count(copy), 0);
    DO(s, "k", &crdt_expiry_type, "clear");
    CHECK_EQ_INT(deadline(s, "k"), NONE);
    CHECK_EQ_INT(crdt_store_stats(s).dots, 0); /* nothing is left */
    free_all(s, copy, NULL);
}

TEST(expiry, stands_beside_any_type)
{
    crdt_store       *s = store_of(A);
    const crdt_types *types = crdt_types_builtin();
    size_t            names = 0;
    for (size_t i = 0; i < types->count; i++) {
        const crdt_type *t = types->list[i];
        if (t->beside) continue;
        CHECK_OK(crdt_txn_create(begin(s), name_of(t->name), t));
        CHECK_OK(crdt_store_commit(s, NULL));
        expire(s, t->name, (int)i);
        CHECK_EQ_INT(deadline(s, t->name), i);
        CHECK(crdt_store_type_at(s, name_of(t->name), 0) == t);
        CHECK(crdt_store_type_at(s, name_of(t->name), 1) == NULL);
        CHECK_EQ_INT(crdt_store_count(s), ++names);
    }
    DO(s, "cell", &crdt_cell_type, "incr", 1); /* what shows can be written as before */
    CHECK_EQ_STR(shown(s, "cell"), "1");
    check_store(s);
    crdt_store_free(s);
}

TEST(expiry, changes_name_the_name_once)
{
    crdt_options o = crdt_options_default(A, crdt_types_builtin());
    crdt_store  *s;
    crdt_change  c;
    crdt_txn    *txn;
    o.track_changes = true;
    CHECK_OK(crdt_store_new(&o, &s));
    txn = begin(s);
    CHECK_OK(crdt_cell_set(txn, name_of("k"), crdt_text("1")));
    CHECK_OK(crdt_expiry_expire_at(txn, name_of("k"), 5));
    CHECK_OK(crdt_store_commit(s, NULL));
    CHECK(crdt_store_next_change(s, &c) && c.type == &crdt_cell_type && c.name.size == 1);
    CHECK(!crdt_store_next_change(s, &c));
    expire(s, "k", 7); /* the deadline alone */
    CHECK(crdt_store_next_change(s, &c) && c.type == &crdt_cell_type && c.name.size == 1);
    expire(s, "k", 8); /* while it is handed out: told anew */
    CHECK(crdt_store_next_change(s, &c) && c.type == &crdt_cell_type);
    CHECK(!crdt_store_next_change(s, &c));
    set(s, "k", "2"); /* told of by one, then touched again before it is passed */
    expire(s, "k", 9);
    CHECK(crdt_store_next_change(s, &c));
    expire(s, "k", 10);
    CHECK(crdt_store_next_change(s, &c) && !crdt_store_next_change(s, &c));
    remove_name(s, "k");
    CHECK(crdt_store_next_change(s, &c) && c.type == NULL);
    CHECK(!crdt_store_next_change(s, &c));
    expire(s, "gone", 1);
    CHECK(crdt_store_next_change(s, &c) && c.type == NULL && c.name.size == 4);
    CHECK(!crdt_store_next_change(s, &c));
    check_store(s);
    crdt_store_free(s);
}

/* -- What merges ------------------------------------------------------------------------------- */

TEST(expiry, the_latest_deadline_of_concurrent_ones)
{
    crdt_store *a = store_of(A), *b = store_of(B);
    set(a, "k", "v");
    meet(a, b);
    expire(a, "k", 200);
    expire(b, "k", 100);
    meet(a, b);
    CHECK_EQ_INT(deadline(a, "k"), 200);
    expire(b, "k", 50); /* it saw both */
    meet(a, b);
    CHECK_EQ_INT(deadline(a, "k"), 50);
    persist(a, "k");
    expire(b, "k", 1000000);
    meet(a, b);
    CHECK_EQ_INT(deadline(a, "k"), NONE);
    expire(a, "k", 7);
    meet(a, b);
    CHECK_EQ_INT(deadline(b, "k"), 7);
    free_all(a, b, NULL);
}

TEST(expiry, removing_the_name_takes_what_it_saw)
{
    crdt_store *a = store_of(A), *b = store_of(B);
    set(a, "k", "v");
    expire(a, "k", 100);
    meet(a, b);
    remove_name(a, "k");
    CHECK_EQ_INT(deadline(a, "k"), NONE);
    CHECK_EQ_INT(crdt_store_stats(a).dots, 0);
    expire(b, "k", 300); /* unseen by the removal */
    meet(a, b);
    CHECK_EQ_STR(shown(a, "k"), "ENOENT");
    CHECK_EQ_INT(deadline(a, "k"), 300);
    set(a, "k", "new"); /* it is not what the deadline was set for */
    CHECK_EQ_INT(deadline(a, "k"), NONE);
    meet(a, b);
    CHECK_EQ_INT(deadline(b, "k"), NONE);
    CHECK_EQ_STR(shown(b, "k"), "\"new\"");
    free_all(a, b, NULL);
}

TEST(expiry, a_new_name_keeps_deadlines_that_it_did_not_see)
{
    crdt_store *a = store_of(A), *b = store_of(B);
    expire(a, "k", 100);
    join(b, a);
    set(a, "k", "new");
    expire(b, "k", 400);
    meet(a, b);
    CHECK_EQ_INT(deadline(a, "k"), 400);
    /* By create too; a deadline of the transaction before its name is one of those. */
    remove_name(a, "k");
    crdt_txn *txn = begin(a);
    CHECK_OK(crdt_expiry_expire_at(txn, name_of("k"), 1));
    CHECK_OK(crdt_txn_create(txn, name_of("k"), &crdt_orset_type));
    crdt_ref ref;
    int64_t  ms;
    CHECK_OK(crdt_txn_beside(txn, name_of("k"), &crdt_expiry_type, &ref));
    CHECK(!crdt_expiry_deadline(ref, &ms));
    CHECK_OK(crdt_expiry_expire_at(txn, name_of("k"), 2));
    CHECK(crdt_expiry_deadline(ref, &ms) && ms == 2);
    CHECK_OK(crdt_store_commit(a, NULL));
    CHECK_EQ_INT(deadline(a, "k"), 2);
    meet(a, b);
    free_all(a, b, NULL);
}

/* A name is made over so many deadlines, with each allocation refused in turn. An operation that
 * failed half done leaves a transaction that does not commit. */
static void make_over(unsigned deadlines)
{
    testmem      mem;
    crdt_options o = crdt_options_default(A, crdt_types_builtin());
    crdt_store  *s;
    crdt_txn    *txn;
    testmem_init(&mem);
    o.mem = &mem.mem;
    CHECK_OK(crdt_store_new(&o, &s));
    for (unsigned i = 0; i < deadlines; i++) {
        crdt_store *other = store_of(10 + i);
        expire(other, "k", 100);
        join(s, other);
        crdt_store_free(other);
    }
    for (uint64_t n = 1;; n++) {
        crdt_delta *delta = NULL;
        CHECK_OK(crdt_store_begin(s, NOW, &txn));
        testmem_fail_nth(&mem, n);
        crdt_err err = crdt_cell_set(txn, name_of("k"), crdt_text("longer than seven bytes"));
        bool     half = err != CRDT_OK;
        if (half) testmem_fail_never(&mem);
        err = crdt_store_commit(s, &delta);
        bool refused = half || testmem_refused(&mem);
        testmem_fail_never(&mem);
        if (!refused) {
            crdt_store_free(delta);
            break;
        }
        CHECK(err == CRDT_ENOMEM || (half && crdt_store_is_empty(delta)));
        if (err == CRDT_OK) crdt_store_free(delta);
        else crdt_store_rollback(s);
        CHECK_EQ_INT(deadline(s, "k"), 100);
        CHECK_EQ_INT(crdt_store_count(s), 0);
        check_store(s);
    }
    CHECK_EQ_INT(deadline(s, "k"), NONE);
    CHECK_EQ_INT(crdt_store_count(s), 1);
    crdt_store_free(s);
    TESTMEM_DONE(&mem);
}

TEST(expiry, a_name_made_by_failing_allocations)
{
    for (unsigned deadlines = 1; deadlines <= 8; deadlines++) make_over(deadlines);
}

TEST(expiry, presence_in_its_bytes_is_malformed)
{
    /* A state by replica 7: the name "k", expiry, a presence of dot 1, stamp 1; no deadline. */
    static const uint8_t bytes[] = {0xc7, 1, 1,   1,  7, 0, 0, 0, 0, 0, 0, 0, 1, 0, 3, 1, 0, 0,
                                    1,    1, 'k', 21, 1, 1, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0};
    crdt_options         o = crdt_options_default(A, crdt_types_builtin());
    crdt_store          *s;
    const char          *why = "";
    CHECK_ERR(crdt_store_decode(&o, crdt_view_of(bytes, sizeof bytes), &s, &why), CRDT_EMALFORMED);
    CHECK_EQ_STR(why, "presence of what stands beside a name");
}

/* -- Random histories against what the rules say ----------------------------------------------- */

/* An event, by what it had seen. A set makes the name exist if it saw none that lives. */
typedef enum kind { EXPIRE, PERSIST, CLEAR, SET, REMOVE } kind;

typedef struct event {
    kind     kind;
    uint64_t seen; /* events, as bits */
    int64_t  ms;
    bool     makes; /* a name that was absent */
} event;

enum { REPLICAS = 3, EVENTS = 40 };

typedef struct world {
    crdt_store *stores[REPLICAS];
    uint64_t    have[REPLICAS];
    event       events[EVENTS];
    int         count;
    uint64_t    rand;
} world;

/* Does e take away deadlines that it saw? */
static bool covers(const event *e)
{
    return e->kind != SET || e->makes;
}

static bool name_lives(const world *w, uint64_t have)
{
    for (int i = 0; i < w->count; i++) {
        bool lives = have >> i & 1 && w->events[i].kind == SET;
        for (int j = 0; j < w->count; j++) {
            const event *e = &w->events[j];
            bool         takes = e->kind == REMOVE || e->kind == SET;
            if (have >> j & 1 && takes && e->seen >> i & 1) lives = false;
        }
        if (lives) return true;
    }
    return false;
}

/* A presence keeps a name too, and a set does not cover it. */
static bool presence_lives(const world *w, uint64_t have)
{
    for (int i = 0; i < w->count; i++) {
        bool lives = have >> i & 1 && w->events[i].makes;
        for (int j = 0; j < w->count; j++) {
            const event *e = &w->events[j];
            if (have >> j & 1 && e->kind == REMOVE && e->seen >> i & 1) lives = false;
        }
        if (lives) return true;
    }
    return false;
}

static bool exists(const world *w, uint64_t have)
{
    return name_lives(w, have) || presence_lives(w, have);
}

/* The greatest deadline that nothing covers; NONE too if that is never. *ret_any: there is one. */
static int64_t expected(const world *w, uint64_t have, bool *ret_any)
{
    int64_t greatest = NONE;
    *ret_any = false;
    for (int i = 0; i < w->count; i++) {
        const event *d = &w->events[i];
        bool         lives = have >> i & 1 && (d->kind == EXPIRE || d->kind == PERSIST);
        for (int j = 0; j < w->count; j++) {
            const event *e = &w->events[j];
            if (have >> j & 1 && covers(e) && e->seen >> i & 1) lives = false;
        }
        *ret_any |= lives;
        if (lives && d->ms > greatest) greatest = d->ms;
    }
    return greatest == INT64_MAX ? NONE : greatest;
}

static void act(world *w, int r)
{
    crdt_store *s = w->stores[r];
    event       e = {(kind)random_below(&w->rand, 5), w->have[r], NONE, false};
    bool        any, there = exists(w, w->have[r]);
    (void)expected(w, w->have[r], &any);
    if (e.kind == REMOVE && !there) return;
    if (e.kind == PERSIST && !any) return; /* it does nothing */
    e.makes = e.kind == SET && !there;
    e.ms = e.kind == PERSIST ? INT64_MAX : (int64_t)random_below(&w->rand, 50);
    if (e.kind == EXPIRE) expire(s, "k", (int)e.ms);
    if (e.kind == PERSIST) persist(s, "k");
    if (e.kind == CLEAR) DO(s, "k", &crdt_expiry_type, "clear");
    if (e.kind == SET) set(s, "k", "v");
    if (e.kind == REMOVE) remove_name(s, "k");
    if (e.kind == CLEAR && !any) return;
    w->have[r] |= UINT64_C(1) << w->count;
    w->events[w->count++] = e;
}

TEST(expiry, histories_end_as_the_rules_say)
{
    uint64_t seed = seed_or(31);
    for (int round = 0; round < (T_SLOW ? 60 : 600); round++) {
        world w = {.rand = seed + (uint64_t)round};
        for (int r = 0; r < REPLICAS; r++) w.stores[r] = store_of((uint64_t)r + 1);
        while (w.count < EVENTS) {
            int  r = (int)random_below(&w.rand, REPLICAS);
            int  from = (int)random_below(&w.rand, REPLICAS);
            bool any;
            if (random_below(&w.rand, 2) == 0) {
                act(&w, r);
            } else if (r != from) {
                join(w.stores[r], w.stores[from]);
                w.have[r] |= w.have[from];
            }
            int64_t should = expected(&w, w.have[r], &any);
            CHECK_MSG(deadline(w.stores[r], "k") == should, "round %d, event %d", round, w.count);
            bool there = crdt_store_type_at(w.stores[r], name_of("k"), 0) == &crdt_cell_type;
            CHECK_MSG(there == exists(&w, w.have[r]), "round %d, event %d", round, w.count);
            CHECK_EQ_INT(crdt_store_count(w.stores[r]), there);
            check_store(w.stores[r]);
        }
        for (int r = 0; r < REPLICAS; r++) crdt_store_free(w.stores[r]);
    }
}
