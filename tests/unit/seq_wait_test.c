/* seq_wait_test.c: rows that come before what they refer to: their order, their work, undo. */
#include <stdlib.h>

#include "crdt/rga.h"
#include "crdt/seq/seq.h"
#include "crdt/text.h"
#include "tests/lib/random.h"
#include "tests/lib/stores.h"
#include "tests/lib/t.h"
#include "tests/lib/testmem.h"

static const crdt_type *const types[4] = {&crdt_text_type, &crdt_text_classic_type, &crdt_rga_type,
                                          &crdt_rga_classic_type};

static uint64_t waiting_in(const crdt_store *s)
{
    crdt_ref ref = crdt_store_solo(s);
    bool     text = ref.type == &crdt_text_type || ref.type == &crdt_text_classic_type;
    return text ? crdt_text_waiting(ref) : crdt_rga_waiting(ref);
}

/* A few authors who always know each other's last edit: each row needs the one before. */
typedef struct chain {
    crdt_store  *end;
    crdt_delta **deltas;
    size_t       count;
} chain;

static chain chain_of(const crdt_type *type, size_t count, bool with_deletions)
{
    chain       c = {NULL, calloc(count, sizeof *c.deltas), count};
    crdt_store *s[3] = {solo_of(type, 1), solo_of(type, 2), solo_of(type, 3)};
    CHECK(c.deltas != NULL);
    for (size_t i = 0; i < count; i++) {
        crdt_store *author = s[i % 3];
        int         half = (int)(i / 2 * 4 / 5);
        bool        deletes = with_deletions && i % 5 == 4;
        if (deletes) c.deltas[i] = apply(author, "", type, "delete", half / 2, 1);
        else c.deltas[i] = apply(author, "", type, "insert", half, "x");
        for (int k = 0; k < 3; k++) {
            if (s[k] != author) join(s[k], c.deltas[i]);
        }
    }
    c.end = s[0];
    free_all(s[1], s[2], NULL);
    return c;
}

static void chain_free(chain *c)
{
    for (size_t i = 0; i < c->count; i++) crdt_store_free(c->deltas[i]);
    free(c->deltas);
    crdt_store_free(c->end);
}

static void shuffle(chain *c, uint64_t *random)
{
    for (size_t i = c->count; i-- > 1;) {
        size_t      k = random_below(random, i + 1);
        crdt_delta *d = c->deltas[i];
        c->deltas[i] = c->deltas[k];
        c->deltas[k] = d;
    }
}

static crdt_store *delivered(const chain *c, bool reversed)
{
    crdt_store *to = solo_of(crdt_store_solo(c->end).type, 99);
    for (size_t i = 0; i < c->count; i++) {
        CHECK_OK(crdt_store_merge(to, c->deltas[reversed ? c->count - 1 - i : i]));
    }
    return to;
}

/* -- Any order --------------------------------------------------------------------------------- */

TEST(seq_wait, rows_that_come_in_any_order_end_in_one)
{
    uint64_t random = seed_or(3);
    for (int t = 0; t < 4; t++) {
        chain c = chain_of(types[t], 300, true);
        for (int round = 0; round < 6; round++) {
            crdt_store *to = delivered(&c, round == 0);
            CHECK_EQ_INT(waiting_in(to), 0);
            check_store(to);
            CHECK(same_bytes(to, c.end));
            crdt_store_free(to);
            shuffle(&c, &random);
        }
        chain_free(&c);
    }
}

/* -- Work -------------------------------------------------------------------------------------- */

/* What merging them in reverse takes: looks at rows that wait, and allocations. */
typedef struct work {
    uint64_t looks, calls;
} work;

static work work_reversed(size_t count)
{
    testmem     m;
    crdt_store *to;
    chain       c = chain_of(&crdt_text_type, count, true);
    testmem_init(&m);
    CHECK_OK(crdt_store_new_solo(&crdt_text_type, 99, &m.mem, &to));
    for (size_t i = count; i-- > 0;) CHECK_OK(crdt_store_merge(to, c.deltas[i]));
    CHECK_EQ_INT(waiting_in(to), 0);
    const crdt__slot *slot = crdt_store_solo(to).state;
    work              w = {slot->seq->looks, m.calls};
    crdt_store_free(to);
    chain_free(&c);
    TESTMEM_DONE(&m);
    return w;
}

/* Each row is looked at when it comes, and when what it waits for is there. Where each that comes
 * looks at all that wait, four times as many take sixteen times as many looks. */
TEST(seq_wait, a_chain_that_comes_in_reverse_takes_linear_work)
{
    size_t few = T_SLOW ? 500 : 2000;
    work   a = work_reversed(few), b = work_reversed(4 * few);
    CHECK_MSG(b.looks <= 4 * 4 * few, "%zu rows: %llu looks", 4 * few, (unsigned long long)b.looks);
    CHECK_MSG(b.calls <= 5 * a.calls, "%zu rows: %llu allocations, %zu rows: %llu", few,
              (unsigned long long)a.calls, 4 * few, (unsigned long long)b.calls);
    CHECK(a.looks >= few); /* they did wait */
}

/* -- Refused memory ---------------------------------------------------------------------------- */

/* Each allocation of each merge fails once: nothing changes, and nobody who waits is lost. */
static void merge_refused(const crdt_type *type, uint64_t *random)
{
    testmem     m;
    crdt_store *to;
    chain       c = chain_of(type, 40, true);
    testmem_init(&m);
    CHECK_OK(crdt_store_new_solo(type, 99, &m.mem, &to));
    shuffle(&c, random);
    for (size_t i = 0; i < c.count; i++) {
        crdt_store *was = recoded(to);
        for (uint64_t n = 1;; n++) {
            testmem_fail_nth(&m, n);
            crdt_err err = crdt_store_merge(to, c.deltas[i]);
            bool     refused = testmem_refused(&m);
            testmem_fail_never(&m);
            if (err == CRDT_OK) break;
            CHECK_ERR(err, CRDT_ENOMEM);
            CHECK(refused);
            CHECK(same_bytes(to, was));
            check_store(to);
        }
        crdt_store_free(was);
    }
    CHECK_EQ_INT(waiting_in(to), 0);
    CHECK(same_bytes(to, c.end));
    crdt_store_free(to);
    chain_free(&c);
    TESTMEM_DONE(&m);
}

TEST(seq_wait, merges_that_are_refused_memory_lose_nobody_who_waits)
{
    uint64_t random = seed_or(8);
    for (int t = 0; t < 4; t++) merge_refused(types[t], &random);
}
