/* broken.h: types that each break one law: the bag (bag.h) with one part done wrong. */
#ifndef TESTS_LAWS_LIB_BROKEN_H
#define TESTS_LAWS_LIB_BROKEN_H
#include "crdt/laws.h"

typedef struct broken broken;
typedef crdt_err (*broken_op)(const crdt_type *type, crdt_txn *txn, crdt_view name, int64_t value);

struct broken {
    crdt_type        type;
    uint64_t         laws;   /* a bit for each law by which the kit may reject it */
    crdt_laws_oracle oracle; /* NULL for those whose mistake is not in what they mean */
    broken_op        put, drop;
};

/* The index-th, or NULL past the last. */
const broken *broken_at(size_t index);

#endif
