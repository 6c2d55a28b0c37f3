/* group.h: three replicas for tests that tell a history step by step. */
#ifndef TESTS_LAWS_LIB_GROUP_H
#define TESTS_LAWS_LIB_GROUP_H
#include "crdt/store.h"
#include "tests/lib/t.h"
#include "tests/lib/testmem.h"

#define NOW UINT64_C(1700000000000)
#define GROUP_IDS        \
    {                    \
        0xa1, 0xb2, 0xc3 \
    }
#define DELTAS_MAX 256

/* Three replicas, and the deltas that they made. */
typedef struct group {
    testmem     mem;
    uint64_t    ids[3];
    crdt_store *s[3];
    crdt_delta *deltas[DELTAS_MAX];
    size_t      count;
} group;

/* Stand-alone objects of a type, or with NULL stores of named ones. end audits and frees. */
void group_begin(group *g, const crdt_type *solo);
void group_end(group *g);
/* One more store like those. */
crdt_store    *group_store(group *g, const crdt_type *solo, uint64_t replica);
const crdt_op *group_op_of(const crdt_type *type, const char *name);
/* One operation at replica r; its delta is kept in the group and returned. */
crdt_delta *group_act(group *g, int r, const crdt_type *type, const char *op, crdt_value a);
/* The same at a time, on a named object, with two arguments. */
crdt_delta *group_act_at(group *g, int r, uint64_t now_ms, const char *key, const crdt_type *type,
                         const char *op, crdt_value a, crdt_value b);
void        group_join(group *g, int to, const crdt_store *what);
/* All states into each other; afterwards all must be the same. */
void group_join_all(group *g);

void   group_check_reads(const crdt_store *store, const char *text);
void   group_check_same(const crdt_store *a, const crdt_store *b);
size_t group_size_of(const crdt_store *store); /* encoded */

/* The at-th of all orders of n things. */
void   group_permute(size_t at, size_t n, size_t *order);
size_t group_factorial(size_t n);
/* Merge the group's deltas in every order: each time the same bytes, and this text. */
void group_merge_in_every_order(group *g, const crdt_type *type, const char *text);

#endif
