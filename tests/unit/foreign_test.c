/* foreign_test.c: objects of types that a store in the middle does not know (rule R8): whatever way
 * they take, those who know them end as if they had talked to each other. */
#include <stdio.h>
#include <string.h>

#include "tests/lib/relays.h"
#include "tests/lib/t.h"
#include "tests/lib/testmem.h"

/* -- A relay that knows registers only --------------------------------------------------------- */

static const crdt_types *registers(void)
{
    static const crdt_type *const list[] = {&crdt_lww_type};
    static const crdt_types       types = {list, 1};
    return &types;
}

static crdt_store *relay_of(const crdt_mem *mem)
{
    return store_with(registers(), 0, mem);
}

TEST(foreign, deltas_that_a_relay_merges_keep_their_replicas)
{
    crdt_store *a = store_of(900), *b = store_of(100), *relay = relay_of(NULL), *c = store_of(5);
    crdt_delta *from_a = apply(a, "s", &crdt_orset_type, "add", "x");
    crdt_delta *from_b = apply(b, "t", &crdt_lww_type, "set", "y");
    crdt_store *first = read_as(relay, from_a), *second = read_as(relay, from_b);
    CHECK(same_bytes(first, from_a)); /* alone: verbatim */
    CHECK_OK(crdt_store_merge(first, second));
    check_recodes(first);
    give(c, first);
    join(a, from_b);
    CHECK(same_bytes(a, c));
    free_all(a, b, c, relay, from_a, from_b, second, NULL);
}

TEST(foreign, delta_since_a_context_from_a_relay_takes_nothing_away)
{
    crdt_store *a = store_of(1), *b = store_of(2), *relay = relay_of(NULL);
    DO(a, "s", &crdt_orset_type, "add", "x");
    give(relay, copy_of(a));
    give(b, copy_of(relay));
    DO(a, "t", &crdt_lww_type, "set", "y");
    give(relay, since(a, relay)); /* s is kept, not told again */
    give(b, since(relay, b));
    CHECK_EQ_STR(shown(b, "s"), "{\"x\"}");
    CHECK(same_bytes(a, b));
    give(a, since(relay, a));
    CHECK(same_bytes(a, b));
    free_all(a, b, relay, NULL);
}

TEST(foreign, what_a_delta_since_a_context_keeps_is_kept_behind_a_relay)
{
    crdt_store *a = store_of(1), *b = store_of(2), *relay = relay_of(NULL);
    DO(a, "s", &crdt_orset_type, "add", "x");
    give(relay, copy_of(a));
    DO(a, "s", &crdt_orset_type, "add", "y");
    give(relay, since(a, relay)); /* y, and x kept */
    check_recodes(relay);
    give(b, copy_of(relay));
    CHECK(same_bytes(a, b));
    free_all(a, b, relay, NULL);
}

TEST(foreign, removal_that_a_state_tells_by_silence_passes_a_relay)
{
    crdt_store *a = store_of(1), *b = store_of(2), *relay = relay_of(NULL);
    DO(a, "s", &crdt_orset_type, "add", "x");
    give(relay, copy_of(a));
    give(b, copy_of(relay));
    remove_name(a, "s");
    give(relay, copy_of(a)); /* which has no s */
    check_recodes(relay);
    give(b, copy_of(relay));
    CHECK_EQ_STR(shown(b, "s"), "ENOENT");
    CHECK(same_bytes(a, b));
    DO(b, "s", &crdt_orset_type, "add", "z");
    give(relay, since(b, relay));
    give(a, since(relay, a));
    CHECK_EQ_STR(shown(a, "s"), "{\"z\"}");
    CHECK(same_bytes(a, b));
    free_all(a, b, relay, NULL);
}

/* -- Memory ------------------------------------------------------------------------------------ */

/* Many objects of an unknown type in one message share its ids and context. */
TEST(foreign, many_objects_of_many_replicas_take_little_memory)
{
    enum { REPLICAS = 1000, OBJECTS = 2000 };
    crdt_store *all = store_of(REPLICAS + 1);
    testmem     m;
    testmem_init(&m);
    crdt_store *relay = relay_of(&m.mem);
    for (unsigned r = 1; r <= REPLICAS; r++) {
        crdt_store *one = store_of(r);
        crdt_delta *delta = apply(one, "all", &crdt_gset_type, "add", "x");
        join(all, delta);
        free_all(one, delta, NULL);
    }
    crdt_txn *txn = begin(all);
    for (int i = 0; i < OBJECTS; i++) {
        char name[16];
        snprintf(name, sizeof name, "%d", i);
        CHECK_OK(crdt_ewflag_enable(txn, name_of(name)));
    }
    crdt_store_free(commit(all));
    size_t      size = encoded_size(all);
    crdt_store *read = read_as(relay, all);
    CHECK_MSG(m.peak <= 8 * size + 65536, "%zu bytes for %zu", m.peak, size);
    join(relay, read);
    CHECK_MSG(m.bytes <= 16 * size + 2 * 65536, "two stores: %zu bytes for %zu", m.bytes, size);
    CHECK(encoded_size(relay) <= 2 * size);
    check_recodes(relay);
    crdt_store *back = read_as(all, relay);
    join(all, back);
    check_store(all);
    free_all(relay, read, all, back, NULL);
    TESTMEM_DONE(&m);
}

TEST(foreign, every_failing_allocation_leaves_the_relay_unchanged)
{
    crdt_store *a = store_of(1);
    testmem     m;
    crdt_buf    bytes;
    testmem_init(&m);
    crdt_buf_init(&bytes, NULL);
    crdt_store *relay = relay_of(&m.mem), *before, *news;
    for (int i = 0; i < 3; i++) DO(a, "s", &crdt_orset_type, "add", i == 1 ? "x" : "y");
    give(relay, copy_of(a));
    DO(a, "s", &crdt_orset_type, "add", "z");
    DO(a, "t", &crdt_rwset_type, "add", "z");
    news = since(a, relay);
    remove_name(a, "t");
    CHECK_OK(crdt_store_encode(news, &bytes));
    crdt_store_free(news);
    before = read_as(relay, relay);
    for (uint64_t n = 1;; n++) {
        const char *reason;
        testmem_fail_nth(&m, n);
        crdt_err err = crdt_delta_decode(relay, crdt_buf_bytes(&bytes), &news, &reason);
        if (err == CRDT_OK) err = crdt_store_join(relay, news, NOW);
        else news = NULL;
        bool refused = testmem_refused(&m);
        testmem_fail_never(&m);
        crdt_store_free(news);
        if (!refused) break;
        CHECK_ERR(err, CRDT_ENOMEM);
        CHECK(same_bytes(relay, before));
    }
    crdt_store_free(before);
    give(relay, copy_of(a)); /* t is gone */
    check_recodes(relay);
    crdt_buf_clear(&bytes);
    free_all(a, relay, NULL);
    TESTMEM_DONE(&m);
}

/* Decode at a store that knows the types, with memory of m. */
static crdt_err rebuild(testmem *m, crdt_view in, crdt_store **ret_store)
{
    crdt_options o = crdt_options_default(0, crdt_types_builtin());
    o.mem = &m->mem;
    return crdt_store_decode(&o, in, ret_store, NULL);
}

TEST(foreign, every_failing_allocation_of_a_rebuild_leaves_nothing)
{
    crdt_store *a = store_of(1), *relay = relay_of(NULL), *read;
    testmem     m;
    crdt_buf    bytes;
    testmem_init(&m);
    crdt_buf_init(&bytes, NULL);
    for (int i = 0; i < 40; i++) { /* scattered, so that contexts need memory */
        if (i % 2 == 0) DO(a, "s", &crdt_orset_type, "add", i % 4 == 0 ? "x" : "a longer element");
        else DO(a, "t", &crdt_gcounter_type, "inc", 1);
        if (i % 7 == 0) give(relay, copy_of(a));
        if (i % 10 == 0) give(relay, since(a, relay));
    }
    remove_name(a, "t");
    give(relay, copy_of(a)); /* t is gone */
    CHECK_OK(crdt_store_encode(relay, &bytes));
    for (uint64_t n = 1;; n++) {
        testmem_fail_nth(&m, n);
        crdt_err err = rebuild(&m, crdt_buf_bytes(&bytes), &read);
        bool     refused = testmem_refused(&m);
        testmem_fail_never(&m);
        if (err == CRDT_OK) CHECK(same_bytes(read, a));
        if (err == CRDT_OK) crdt_store_free(read);
        else CHECK_ERR(err, CRDT_ENOMEM);
        TESTMEM_DONE(&m);
        if (!refused) break;
    }
    crdt_buf_clear(&bytes);
    free_all(a, relay, NULL);
}

/* -- Cost -------------------------------------------------------------------------------------- */

/* Runs of the contexts that joins were given. */
static size_t runs_given;

static crdt_err counted_prepare(crdt_join *join, void *state, const void *other)
{
    if (join->mine.seen != NULL) runs_given += join->mine.seen->count;
    if (join->theirs.seen != NULL) runs_given += join->theirs.seen->count;
    return crdt_orset_type.prepare(join, state, other);
}

/* What it takes to rebuild n sets, each of three fragments, that came with long contexts of n
 * replicas. */
static size_t runs_to_rebuild(unsigned n)
{
    crdt_store *a = store_of(n + 1), *relay = relay_of(NULL), *read;
    crdt_buf    bytes;
    for (unsigned r = 1; r <= n; r++) {
        crdt_store *one = store_of(r);
        crdt_delta *delta = apply(one, "all", &crdt_gset_type, "add", "x");
        join(a, delta);
        free_all(one, delta, NULL);
    }
    for (int round = 0; round < 3; round++) {
        crdt_txn *txn = begin(a);
        for (unsigned i = 0; i < n; i++) {
            char name[16];
            snprintf(name, sizeof name, "set %u", i);
            CHECK_OK(crdt_orset_add(txn, name_of(name), crdt_int(round)));
        }
        crdt_store_free(commit(a));
        give(relay, copy_of(a));
    }
    crdt_type counted = crdt_orset_type;
    counted.prepare = counted_prepare;
    const crdt_type *const list[] = {&counted};
    crdt_types             types = {list, 1};
    crdt_options           o = crdt_options_default(0, &types);
    crdt_buf_init(&bytes, NULL);
    CHECK_OK(crdt_store_encode(relay, &bytes));
    runs_given = 0;
    CHECK_OK(crdt_store_decode(&o, crdt_buf_bytes(&bytes), &read, NULL));
    crdt_ref ref;
    CHECK_OK(crdt_store_find(read, name_of("set 7"), &counted, &ref));
    CHECK_EQ_INT(crdt_orset_count(ref), 3);
    crdt_buf_clear(&bytes);
    free_all(a, relay, read, NULL);
    return runs_given;
}

TEST(foreign, rebuilding_many_objects_costs_their_content_and_not_the_contexts)
{
    size_t few = runs_to_rebuild(60), many = runs_to_rebuild(240);
    CHECK_MSG(few > 0 && many <= 5 * few, "%zu runs for 60, %zu for 240", few, many);
}

/* -- Random histories -------------------------------------------------------------------------- */

static void write_some(relays_world *w, crdt_txn *txn)
{
    static const char *const names[] = {"a", "b", "c"};
    const crdt_type *const   types[] = {&crdt_orset_type,  &crdt_rwset_type, &crdt_gcounter_type,
                                        &crdt_ewflag_type, &crdt_lww_type,   &crdt_twopset_type,
                                        &crdt_rga_type};
    enum { TYPES = sizeof types / sizeof *types };
    for (uint64_t n = 1 + relays_below(w, 2); n > 0; n--) {
        const crdt_type *type = types[relays_below(w, TYPES)];
        const crdt_op   *op = &type->ops[relays_below(w, type->ops_count)];
        crdt_view        name = name_of(names[relays_below(w, 3)]);
        crdt_value       args[CRDT_OP_ARGS_MAX];
        for (int i = 0; i < CRDT_OP_ARGS_MAX; i++) args[i] = crdt_int((int64_t)relays_below(w, 4));
        crdt_err err = relays_below(w, 5) == 0
                           ? crdt_txn_remove(txn, name)
                           : crdt_txn_apply(txn, name, op, args, strlen(op->args));
        CHECK(err == CRDT_OK || err == CRDT_ETYPE || err == CRDT_ENOENT || err == CRDT_EINVAL ||
              err == CRDT_ERANGE);
    }
}

TEST(foreign, authors_agree_who_meet_by_ignorant_relays_only)
{
    relays_play(&(relays_kind){crdt_types_builtin(), registers(), write_some, T_SLOW ? 20 : 250});
}
