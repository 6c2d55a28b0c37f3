/* group.c: see group.h. */
#include "tests/laws/lib/group.h"

#include <stdio.h>
#include <string.h>

#include "crdt/types.h"

crdt_store *group_store(group *g, const crdt_type *solo, uint64_t replica)
{
    crdt_store  *store;
    crdt_options o = crdt_options_default(replica, solo == NULL ? crdt_types_builtin() : NULL);
    o.solo = solo;
    o.mem = &g->mem.mem;
    CHECK_OK(crdt_store_new(&o, &store));
    return store;
}

void group_begin(group *g, const crdt_type *solo)
{
    testmem_init(&g->mem);
    const uint64_t ids[3] = GROUP_IDS;
    g->count = 0;
    memcpy(g->ids, ids, sizeof ids);
    for (int i = 0; i < 3; i++) g->s[i] = group_store(g, solo, ids[i]);
}

void group_end(group *g)
{
    const char *reason = "";
    for (int i = 0; i < 3; i++) {
        CHECK_MSG(crdt_store_check(g->s[i], &reason), "%s", reason);
        crdt_store_free(g->s[i]);
    }
    for (size_t i = 0; i < g->count; i++) crdt_store_free(g->deltas[i]);
    TESTMEM_DONE(&g->mem);
}

const crdt_op *group_op_of(const crdt_type *type, const char *name)
{
    for (size_t i = 0; i < type->ops_count; i++) {
        if (strcmp(type->ops[i].name, name) == 0) return &type->ops[i];
    }
    FAIL("%s has no operation %s", type->name, name);
}

crdt_delta *group_act_at(group *g, int r, uint64_t now_ms, const char *key, const crdt_type *type,
                         const char *op, crdt_value a, crdt_value b)
{
    crdt_value     args[2] = {a, b};
    crdt_delta    *delta;
    const crdt_op *which = group_op_of(type, op);
    CHECK(g->count < DELTAS_MAX);
    CHECK_OK(crdt_store_apply(g->s[r], now_ms, crdt_text_view(key), which, args,
                              strlen(which->args), &delta));
    g->deltas[g->count++] = delta;
    return delta;
}

crdt_delta *group_act(group *g, int r, const crdt_type *type, const char *op, crdt_value a)
{
    return group_act_at(g, r, NOW, "", type, op, a, crdt_int(0));
}

void group_join(group *g, int to, const crdt_store *what)
{
    CHECK_OK(crdt_store_join(g->s[to], what, NOW));
}

void group_check_reads(const crdt_store *store, const char *text)
{
    crdt_buf buf;
    crdt_ref ref = crdt_store_solo(store);
    crdt_buf_init(&buf, NULL);
    crdt_ref_print(&ref, &buf);
    crdt_buf_byte(&buf, 0);
    char found[256];
    snprintf(found, sizeof found, "%s", (const char *)buf.data);
    crdt_buf_clear(&buf);
    CHECK_EQ_STR(found, text);
}

size_t group_size_of(const crdt_store *store)
{
    crdt_buf buf;
    crdt_buf_init(&buf, NULL);
    CHECK_OK(crdt_store_encode(store, &buf));
    size_t size = buf.size;
    crdt_buf_clear(&buf);
    return size;
}

void group_check_same(const crdt_store *a, const crdt_store *b)
{
    crdt_buf x, y;
    crdt_buf_init(&x, NULL);
    crdt_buf_init(&y, NULL);
    CHECK_OK(crdt_store_encode(a, &x));
    CHECK_OK(crdt_store_encode(b, &y));
    CHECK_EQ_MEM(x.data, x.size, y.data, y.size);
    crdt_buf_clear(&x);
    crdt_buf_clear(&y);
}

void group_join_all(group *g)
{
    for (int round = 0; round < 2; round++) {
        for (int to = 0; to < 3; to++) {
            for (int from = 0; from < 3; from++) {
                if (from != to) group_join(g, to, g->s[from]);
            }
        }
    }
    for (int i = 1; i < 3; i++) {
        group_check_same(g->s[0], g->s[i]);
        CHECK(
            crdt_digest_equal(crdt_store_digest(g->s[0], NULL), crdt_store_digest(g->s[i], NULL)));
    }
}

void group_permute(size_t at, size_t n, size_t *order)
{
    for (size_t i = 0; i < n; i++) {
        size_t j = at % (i + 1);
        at /= i + 1;
        order[i] = order[j];
        order[j] = i;
    }
}

size_t group_factorial(size_t n)
{
    return n < 2 ? 1 : n * group_factorial(n - 1);
}

void group_merge_in_every_order(group *g, const crdt_type *type, const char *text)
{
    size_t      n = g->count, order[8];
    crdt_store *model = NULL;
    CHECK(n <= 6);
    for (size_t at = 0; at < group_factorial(n); at++) {
        crdt_store *store = group_store(g, type, 0);
        group_permute(at, n, order);
        for (size_t i = 0; i < n; i++) CHECK_OK(crdt_store_merge(store, g->deltas[order[i]]));
        group_check_reads(store, text);
        if (model != NULL) {
            group_check_same(model, store);
            crdt_store_free(store);
        } else {
            model = store;
        }
    }
    crdt_store_free(model);
}
