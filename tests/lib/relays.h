/* relays.h: stores in the middle that do not know all types (rule R8). Whatever way deltas and
 * states take through them, by their bytes, those who know the types end as if they had talked to
 * each other. Any error fails the test.
 */
#ifndef TESTS_LIB_RELAYS_H
#define TESTS_LIB_RELAYS_H
#include "tests/lib/stores.h"

/* A store of these types; mem NULL: malloc(3). */
crdt_store *store_with(const crdt_types *types, uint64_t replica, const crdt_mem *mem);
/* `from` as its bytes mean to a store of like's types. */
crdt_store *read_as(const crdt_store *like, const crdt_store *from);
/* What its bytes mean to a store of its own types is the same. */
void check_recodes(const crdt_store *store);
/* Give `what`, which is freed, by its bytes. */
void        give(crdt_store *to, crdt_store *what);
crdt_store *copy_of(const crdt_store *from);
crdt_store *since(const crdt_store *from, const crdt_store *holder);
/* Do two stores of whom one knows these types only have the same digest of them? */
bool same_digest(crdt_store *a, crdt_store *b, const crdt_types *types);

/* -- Random histories -------------------------------------------------------------------------- */

#define RELAYS_AUTHORS 3u
#define RELAYS_STEPS_MAX 40u

/* Authors who know all types meet by two relays. */
typedef struct relays_world {
    crdt_store *authors[RELAYS_AUTHORS], *relays[2], *all; /* all: has every delta at once */
    crdt_delta *deltas[RELAYS_STEPS_MAX];
    unsigned    count;
    uint64_t    random;
} relays_world;

typedef struct relays_kind {
    const crdt_types *authors, *relays;            /* what they know */
    void (*write)(relays_world *w, crdt_txn *txn); /* what it likes */
    unsigned histories;                            /* SEED: that one */
} relays_kind;

uint64_t relays_below(relays_world *w, uint64_t bound);
/* In the end all authors have the bytes of who heard every delta at once, and the relays the same
 * digest of what they know. */
void relays_play(const relays_kind *kind);

#endif
