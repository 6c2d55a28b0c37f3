/* core/within.h: what the store and the maps (crdt/map/) tell each other: operations whose target
 * is not a named object but one that lies inside of another.
 *
 * Within   a transaction that was sent into a map takes the names of operations for keys of it:
 *          crdt_target_open asks the map for the target.
 * Inside   such a target knows the way to it, which every mutation changes too: the entries on the
 *          way are part of the delta, and those that do not show yet begin to.
 */
#ifndef CRDT_CORE_WITHIN_H
#define CRDT_CORE_WITHIN_H
#include "crdt/type.h"

/* Where the names of a transaction's operations lead. Allocated with the store's allocator; the
 * transaction owns it. */
typedef struct crdt__within {
    crdt_err (*open)(struct crdt__within *within, crdt_txn *txn, crdt_view key,
                     const crdt_type *type, crdt_target *ret_target);
    size_t bytes; /* of this allocation */
} crdt__within;

/* One step of the way to a target. */
struct crdt_inside {
    /* Room for what the step itself writes and covers: adds to both. Errors: ENOMEM. */
    crdt_err (*reserve)(crdt_target *target, size_t *dots, size_t *covers);
    void (*mutate)(crdt_target *target); /* a mutation begins, all room for it is there */
    void (*write)(crdt_target *target);  /* ... and takes its first dot */
    void (*hide)(crdt_target *target);   /* what follows leaves only a residue */
};

/* Send the transaction within, NULL: out again. Takes within. */
void crdt__txn_within(crdt_txn *txn, crdt__within *within);
/* What is changed in place there and is pending takes its dots: it needs the way to it no more. */
void                crdt__txn_settle(crdt_txn *txn, crdt_view name, const crdt_type *type);
const crdt__within *crdt__txn_is_within(const crdt_txn *txn); /* or NULL */
/* crdt_target_open, whatever the transaction is within. shows: the object is written to; else only
 * taken away from, so that it does not make an absent name exist. */
crdt_err crdt__target_open_named(crdt_txn *txn, crdt_view name, const crdt_type *type, bool shows,
                                 crdt_target *ret_target);
/* The name exists from now on, if it did not: room for that was reserved. */
void                crdt__target_appear(crdt_target *target);
const crdt_space   *crdt__txn_space(const crdt_txn *txn);
const crdt_context *crdt__txn_reader(const crdt_txn *txn); /* what crdt_txn_at gave, or NULL */
uint64_t            crdt__txn_next(const crdt_txn *txn);   /* the dot to be taken next */
/* An object of this type is changed in place, if it is no map: it may change whenever somebody has
 * it open, so the delta is whole only at the commit. */
void crdt__txn_in_place(crdt_txn *txn, const crdt_type *type);
/* Of an operation that failed: if it has taken dots since `next` it is half done, and all that is
 * left for the transaction is to be rolled back. Returns err. */
crdt_err crdt__txn_failed(crdt_txn *txn, uint64_t next, crdt_err err);

#endif
