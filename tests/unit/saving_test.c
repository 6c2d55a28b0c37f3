/* saving_test.c: a store's bytes in slices, while it is written to, are those of the beginning. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tests/lib/random.h"
#include "tests/lib/stores.h"
#include "tests/lib/t.h"
#include "tests/lib/testmem.h"

#define NAMES 40u

static crdt_value argument(uint64_t *rand, char letter, uint64_t elements)
{
    static const char *const pieces[] = {"a", "b", "ab", "xyz"};
    switch (letter) {
    case 'v':
    case 'b': return crdt_text(pieces[random_below(rand, 4)]);
    case 'n': return crdt_int((int64_t)random_below(rand, 5) + 1);
    case 'p': return crdt_int((int64_t)random_below(rand, elements + 1));
    default: return crdt_int((int64_t)random_below(rand, 50));
    }
}

/* An operation on some object: of any type, if there is none yet. */
static void operate(crdt_txn *txn, uint64_t *rand)
{
    const crdt_types *types = crdt_types_builtin();
    char              text[8];
    (void)snprintf(text, sizeof text, "n%02u", (unsigned)random_below(rand, NAMES));
    crdt_view        name = name_of(text);
    const crdt_type *type = types->list[random_below(rand, types->count)];
    crdt_ref         ref;
    uint64_t         elements = 0;
    if (crdt_txn_find(txn, name, NULL, &ref) == CRDT_OK) {
        type = ref.type;
        elements = crdt_ref_stats(&ref).elements;
        if (random_below(rand, 8) == 0) {
            if (crdt_txn_remove(txn, name) != CRDT_OK) return;
            return;
        }
    }
    crdt_value     args[CRDT_OP_ARGS_MAX];
    const crdt_op *op = &type->ops[random_below(rand, type->ops_count)];
    for (size_t i = 0; op->args[i] != 0; i++) args[i] = argument(rand, op->args[i], elements);
    (void)op->apply(txn, name, args); /* what cannot be is refused, and nothing has changed */
}

/* Some operations in one transaction, that may be rolled back. NULL: no delta. */
static crdt_delta *write(crdt_store *store, uint64_t *rand)
{
    crdt_txn   *txn;
    crdt_delta *delta = NULL;
    if (crdt_store_begin(store, NOW, &txn) != CRDT_OK) return NULL;
    for (uint64_t n = random_below(rand, 4) + 1; n > 0; n--) operate(txn, rand);
    if (random_below(rand, 6) == 0 || crdt_store_commit(store, &delta) != CRDT_OK) {
        crdt_store_rollback(store);
        return NULL;
    }
    return delta;
}

/* Something happens to the first of two stores. */
static void change(crdt_store *stores[2], uint64_t *rand)
{
    crdt_delta *delta;
    crdt_err    err;
    switch (random_below(rand, 10)) {
    case 0: /* a whole state comes */
        err = crdt_store_join(stores[0], stores[1], NOW);
        CHECK(err == CRDT_OK || err == CRDT_ENOMEM);
        return;
    case 1: /* the other one learns */
        err = crdt_store_join(stores[1], stores[0], NOW);
        CHECK(err == CRDT_OK || err == CRDT_ENOMEM);
        return;
    case 2: /* a residue is forgotten */
        err = crdt_store_stabilise(stores[0], crdt_store_context(stores[1]));
        CHECK(err == CRDT_OK || err == CRDT_EGAP || err == CRDT_ENOMEM);
        return;
    case 3:
    case 4: /* a delta comes */
        delta = write(stores[1], rand);
        if (delta == NULL) return;
        err = crdt_store_take(stores[0], delta, NOW);
        if (err != CRDT_OK) crdt_store_free(delta);
        CHECK(err == CRDT_OK || err == CRDT_EGAP || err == CRDT_ENOMEM);
        return;
    case 5: /* the other one writes, and tells later */
        crdt_store_free(write(stores[1], rand));
        return;
    default: crdt_store_free(write(stores[0], rand)); return;
    }
}

static void two_stores(testmem *mem, crdt_store *stores[2], uint64_t *rand, bool track)
{
    for (uint64_t i = 0; i < 2; i++) {
        crdt_options o = crdt_options_default(i + 1, crdt_types_builtin());
        o.mem = &mem->mem;
        o.track_changes = track;
        CHECK_OK(crdt_store_new(&o, &stores[i]));
    }
    for (uint64_t n = random_below(rand, 120); n > 0; n--) change(stores, rand);
}

/* All slices, with changes between them. False: it was given up (refused memory). */
static bool save(crdt_store *stores[2], uint64_t *rand, uint64_t changes, crdt_buf *out)
{
    bool done = false;
    while (!done) {
        crdt_err err = crdt_store_save_slice(stores[0], random_below(rand, 4) + 1,
                                             random_below(rand, 100) + 1, out, &done);
        if (err == CRDT_ENOMEM) return false;
        CHECK_OK(err);
        for (uint64_t n = random_below(rand, changes + 1); n > 0; n--) change(stores, rand);
    }
    return true;
}

TEST(saving, bytes_are_those_of_the_beginning)
{
    uint64_t rand = seed_or(1);
    for (int round = 0; round < 400; round++) {
        testmem     mem;
        crdt_store *stores[2];
        crdt_buf    want, got;
        testmem_init(&mem);
        two_stores(&mem, stores, &rand, round % 2);
        crdt_buf_init(&want, NULL);
        crdt_buf_init(&got, NULL);
        crdt_buf_text(&got, "before");
        CHECK_OK(crdt_store_encode(stores[0], &want));
        CHECK_OK(crdt_store_save_begin(stores[0], &got));
        CHECK_EQ_INT(crdt_store_save_begin(stores[0], &got), CRDT_EBUSY);
        CHECK(save(stores, &rand, (uint64_t)round % 5, &got));
        crdt_store_save_end(stores[0]);
        CHECK_EQ_MEM(got.data + 6, got.size - 6, want.data, want.size);
        check_store(stores[0]);
        crdt_buf_clear(&want);
        crdt_buf_clear(&got);
        crdt_store_free(stores[0]);
        crdt_store_free(stores[1]);
        TESTMEM_DONE(&mem);
    }
}

/* Refused memory ends it, and what is appended is right or nothing. */
TEST(saving, refused_memory_ends_it)
{
    uint64_t rand = seed_or(2), refused = 0;
    for (int round = 0; round < 400; round++) {
        testmem     mem;
        crdt_store *stores[2];
        crdt_buf    want, got;
        bool        saved = false;
        testmem_init(&mem);
        two_stores(&mem, stores, &rand, false);
        crdt_buf_init(&want, NULL);
        crdt_buf_init(&got, NULL);
        CHECK_OK(crdt_store_encode(stores[0], &want));
        testmem_fail_nth(&mem, random_below(&rand, 60) + 1);
        crdt_err err = crdt_store_save_begin(stores[0], &got);
        CHECK(err == CRDT_OK || (err == CRDT_ENOMEM && got.size == 0));
        if (err == CRDT_OK) saved = save(stores, &rand, 2, &got);
        testmem_fail_never(&mem);
        if (saved) CHECK_EQ_MEM(got.data, got.size, want.data, want.size);
        else refused++;
        crdt_store_save_end(stores[0]);
        check_store(stores[0]);
        crdt_buf_clear(&want);
        crdt_buf_clear(&got);
        crdt_store_free(stores[0]);
        crdt_store_free(stores[1]);
        TESTMEM_DONE(&mem);
    }
    CHECK(refused > 20 && refused < 380);
}

static void replace(crdt_store *store, const crdt_store *by, const char *name)
{
    crdt_buf bytes;
    crdt_buf_init(&bytes, NULL);
    CHECK_OK(crdt_store_object_encode(by, name_of(name), crdt_orset_type.id, &bytes));
    CHECK_OK(crdt_store_object_replace(store, name_of(name), crdt_orset_type.id,
                                       crdt_buf_bytes(&bytes)));
    crdt_buf_clear(&bytes);
}

/* Two of equal contexts and different content, as only damage can make them. */
TEST(saving, knows_of_objects_that_are_repaired)
{
    crdt_store *a = store_of(1), *b = store_of(1);
    crdt_buf    want, got;
    bool        done;
    DO(a, "r", &crdt_orset_type, "add", "x");
    DO(a, "s", &crdt_orset_type, "add", "x");
    DO(b, "s", &crdt_orset_type, "add", "y");
    DO(b, "t", &crdt_orset_type, "add", "y");
    crdt_buf_init(&want, NULL);
    crdt_buf_init(&got, NULL);
    CHECK_OK(crdt_store_encode(a, &want));
    CHECK_OK(crdt_store_save_begin(a, &got));
    replace(a, b, "r");
    replace(a, b, "s");
    replace(a, b, "t");
    CHECK(same_bytes(a, b));
    CHECK_OK(crdt_store_save_slice(a, SIZE_MAX, SIZE_MAX, &got, &done));
    CHECK(done);
    crdt_store_save_end(a);
    CHECK_EQ_MEM(got.data, got.size, want.data, want.size);
    crdt_buf_clear(&want);
    crdt_buf_clear(&got);
    crdt_store_free(a);
    crdt_store_free(b);
}

TEST(saving, is_refused_where_it_cannot_be)
{
    crdt_store *store = store_of(1), *solo = solo_of(&crdt_orset_type, 1);
    crdt_buf    out;
    bool        done;
    crdt_buf_init(&out, NULL);
    CHECK_EQ_INT(crdt_store_save_slice(store, 1, 1, &out, &done), CRDT_EINVAL);
    CHECK_EQ_INT(crdt_store_save_begin(solo, &out), CRDT_EINVAL);
    crdt_txn *txn = begin(store);
    CHECK_EQ_INT(crdt_store_save_begin(store, &out), CRDT_EBUSY);
    crdt_store_rollback(store);
    CHECK_OK(crdt_store_save_begin(store, &out));
    txn = begin(store);
    CHECK(txn != NULL);
    CHECK_EQ_INT(crdt_store_save_slice(store, 1, 1, &out, &done), CRDT_EBUSY);
    crdt_store_rollback(store);
    CHECK_OK(crdt_store_save_slice(store, 1, 1, &out, &done));
    CHECK(done);
    crdt_store_free(store); /* it ends with the store */
    crdt_store_free(solo);
    crdt_buf_clear(&out);
}
