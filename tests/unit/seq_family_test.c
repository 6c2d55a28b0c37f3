/* seq_family_test.c: very many insertions at one place, by many authors, in any order. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crdt/text.h"
#include "tests/lib/stores.h"
#include "tests/lib/t.h"
#include "tests/lib/testmem.h"

#define AUTHORS 60
#define NOW UINT64_C(1700000000000)

typedef struct crowd {
    testmem          mem;
    const crdt_type *type;
    crdt_store      *s[AUTHORS];
    crdt_delta      *deltas[1000];
    size_t           count;
    uint64_t         rand;
} crowd;

static uint64_t below(crowd *c, uint64_t n)
{
    c->rand ^= c->rand << 13;
    c->rand ^= c->rand >> 7;
    c->rand ^= c->rand << 17;
    return c->rand % n;
}

static crdt_store *make(crowd *c, uint64_t replica)
{
    crdt_store *store;
    CHECK_OK(crdt_store_new_solo(c->type, replica, &c->mem.mem, &store));
    return store;
}

/* One to three letters near the front, so that left origins and right parents repeat. */
static void type_some(crowd *c, unsigned author)
{
    crdt_txn      *txn;
    crdt_text_edit edit;
    char           text[4] = "";
    crdt_store    *s = c->s[author];
    uint64_t       length = crdt_text_length(crdt_store_solo(s), CRDT_CODE_POINTS);
    uint64_t       pos = below(c, length < 2 ? length + 1 : 3);
    for (uint64_t i = 0, n = 1 + below(c, 3); i < n; i++) text[i] = (char)('a' + below(c, 26));
    CHECK_OK(crdt_store_begin(s, NOW, &txn));
    CHECK_OK(crdt_text_open(txn, CRDT_SOLO, c->type, &edit));
    CHECK_OK(crdt_text_insert(&edit, CRDT_CODE_POINTS, pos, crdt_text_view(text)));
    if (below(c, 8) == 0) crdt_store_rollback(s);
    else CHECK_OK(crdt_store_commit(s, &c->deltas[c->count++]));
}

static void read_all(const crdt_store *s, crdt_buf *out)
{
    const char *why = "";
    CHECK_MSG(crdt_store_check(s, &why), "%s", why);
    crdt_buf_reset(out);
    CHECK_OK(crdt_text_read(crdt_store_solo(s), CRDT_CODE_POINTS, 0, UINT64_MAX, out));
}

/* All deltas in a random order: what comes too early waits. */
static void deliver(crowd *c, crdt_store *to)
{
    for (size_t i = c->count; i-- > 1;) {
        size_t      k = below(c, i + 1);
        crdt_delta *d = c->deltas[i];
        c->deltas[i] = c->deltas[k];
        c->deltas[k] = d;
    }
    for (size_t i = 0; i < c->count; i++) CHECK_OK(crdt_store_merge(to, c->deltas[i]));
    CHECK_EQ_INT(crdt_text_waiting(crdt_store_solo(to)), 0);
}

static void crowd_at_one_place(const crdt_type *type, uint64_t seed)
{
    crowd    c;
    crdt_buf first, other;
    memset(&c, 0, sizeof c);
    testmem_init(&c.mem);
    c.type = type;
    c.rand = seed;
    printf("SEED=%#llx\n", (unsigned long long)seed);
    for (unsigned a = 0; a < AUTHORS; a++) c.s[a] = make(&c, a * 7919 % AUTHORS + 1);
    for (unsigned step = 0; step < (T_SLOW ? 200 : 700); step++) {
        unsigned author = (unsigned)below(&c, AUTHORS);
        type_some(&c, author);
        unsigned peer = (unsigned)below(&c, AUTHORS / 2);
        if (peer != author && below(&c, 3) == 0) {
            CHECK_OK(crdt_store_join(c.s[author], c.s[peer], NOW));
        }
    }
    crdt_buf_init(&first, NULL);
    crdt_buf_init(&other, NULL);
    for (unsigned round = 0; round < 4; round++) {
        crdt_store *to = make(&c, 1000 + round);
        deliver(&c, to);
        read_all(to, round == 0 ? &first : &other);
        if (round > 0) CHECK_EQ_MEM(other.data, other.size, first.data, first.size);
        crdt_store_free(to);
    }
    for (unsigned a = 1; a < AUTHORS; a++) CHECK_OK(crdt_store_join(c.s[0], c.s[a], NOW));
    for (unsigned a = 1; a < AUTHORS; a++) CHECK_OK(crdt_store_join(c.s[a], c.s[0], NOW));
    for (unsigned a = 0; a < AUTHORS; a++) {
        read_all(c.s[a], &other);
        CHECK_EQ_MEM(other.data, other.size, first.data, first.size);
        crdt_store_free(c.s[a]);
    }
    for (size_t i = 0; i < c.count; i++) crdt_store_free(c.deltas[i]);
    crdt_buf_clear(&first);
    crdt_buf_clear(&other);
    TESTMEM_DONE(&c.mem);
}

TEST(family, a_crowd_at_one_place_ends_in_one_order)
{
    for (uint64_t seed = 1; seed <= 3; seed++) crowd_at_one_place(&crdt_text_type, seed * 7);
}

TEST(family, a_crowd_ends_in_one_classic_order)
{
    for (uint64_t seed = 1; seed <= 3; seed++) {
        crowd_at_one_place(&crdt_text_classic_type, seed * 11);
    }
}
