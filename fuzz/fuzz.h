/* fuzz.h: what the harnesses share. They know types by vtable and operation table alone.
 *
 * Input    the first byte picks what is under test: 0 a store of named objects of all types, else
 *          the type whose id ends in that byte, standing alone. What follows is up to the
 *          harness.
 * Failure  the checks of tests/lib/t.h print what is wrong and abort.
 * Types    FUZZ_TYPES() is the list of types, the built-in one by default: see README.md.
 */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H
#include "crdt/store.h"
#include "tests/lib/t.h"
#include "tests/lib/testmem.h"

#define FUZZ_NOW UINT64_C(1700000000000) /* a moment in 2023 */

/* What libFuzzer and standalone.c call; each harness defines it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct fuzz_in {
    const uint8_t *at, *end;
} fuzz_in;

fuzz_in   fuzz_input(const uint8_t *data, size_t size);
bool      fuzz_more(const fuzz_in *in);
uint8_t   fuzz_byte(fuzz_in *in);              /* 0 past the end */
crdt_view fuzz_take(fuzz_in *in, size_t size); /* fewer bytes if there are fewer */
crdt_view fuzz_rest(fuzz_in *in);

const crdt_types *fuzz_types(void);
/* The type that the next byte picks; NULL: a store of named objects. */
const crdt_type *fuzz_pick(fuzz_in *in);
/* The byte that picks this type (NULL: the named store). */
uint8_t      fuzz_pick_byte(const crdt_type *solo);
crdt_options fuzz_options(const crdt_type *solo, uint64_t replica, const crdt_mem *mem);

/* One operation as the input tells it: which, on what name, with what arguments. */
typedef struct fuzz_op {
    const crdt_op *op; /* NULL: remove the name (of a stand-alone object: reset it) */
    crdt_view      name;
    crdt_value     args[CRDT_OP_ARGS_MAX];
    size_t         argc;
} fuzz_op;

/* Reads up to 3 + CRDT_OP_ARGS_MAX bytes. */
fuzz_op  fuzz_op_read(fuzz_in *in, const crdt_type *solo);
crdt_err fuzz_op_run(crdt_txn *txn, const fuzz_op *op);
/* True if an operation may end in err: a refusal that is the caller's to handle. */
bool fuzz_op_may_give(crdt_err err);
/* One operation as a transaction of its own. Errors: those of fuzz_op_may_give, ERETIRED. */
crdt_err fuzz_apply(crdt_store *store, const fuzz_op *op, crdt_delta **ret_delta);

/* A store with a little content of fixed history: of each type if solo is NULL. salt varies it. */
crdt_store *fuzz_history(const crdt_options *options, unsigned salt, unsigned steps);
/* What three replicas, 1 to 3, wrote apart, joined. */
crdt_store *fuzz_base(const crdt_options *options);

void fuzz_encode(const crdt_store *store, crdt_buf *out); /* out is reset first; must succeed */
/* Both have the same bytes. */
void fuzz_same(const crdt_store *a, const crdt_store *b, const char *what);
/* The store has just these bytes. */
void fuzz_is(const crdt_store *store, crdt_view bytes, const char *what);
/* Use every read there is. */
void fuzz_read_all(const crdt_store *store);
/* Audit, reads, and: decoded from its bytes it encodes, digests and prints alike. */
void fuzz_sound(crdt_store *store, const crdt_options *options, const char *what);

#endif
