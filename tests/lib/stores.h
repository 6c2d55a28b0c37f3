/* stores.h: short words for tests that write to stores. Any error fails the test. */
#ifndef TESTS_LIB_STORES_H
#define TESTS_LIB_STORES_H
#include "crdt/types.h"

#define NOW UINT64_C(1700000000000)

crdt_view   name_of(const char *text);
crdt_store *store_of(uint64_t replica);                       /* of all built-in types */
crdt_store *solo_of(const crdt_type *type, uint64_t replica); /* a stand-alone object */
crdt_txn   *begin(crdt_store *store);
crdt_delta *commit(crdt_store *store); /* the caller frees it */
/* One operation by its name in its own transaction; args by their letters: v/b/d text,
 * i/n/t integer. */
crdt_delta *apply(crdt_store *store, const char *name, const crdt_type *type, const char *op, ...);
/* The same, delta dropped. */
#define DO(...) crdt_store_free(apply(__VA_ARGS__))
void join(crdt_store *store, const crdt_store *other);
void remove_name(crdt_store *store, const char *name);
/* The printed value; static buffer until the next call. "ENOENT" and the like where there is
 * none. */
const char *shown(const crdt_store *store, const char *name);
bool        same_bytes(const crdt_store *a, const crdt_store *b);
crdt_store *recoded(const crdt_store *store); /* encoded and decoded */
size_t      encoded_size(const crdt_store *store);
void        check_store(const crdt_store *store);
void        free_all(crdt_store *a, ...); /* ends with NULL */

#endif
