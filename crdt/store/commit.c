/* store/commit.c: how transactions end: their delta is sealed, told, joined, or thrown away. */
#include <string.h>

#include "crdt/store/impl.h"

/* The store's own object behind one of the delta that is changed in place; else NULL. */
static crdt__object *in_place(const crdt_store *store, const crdt__object *own)
{
    if (own->type->undo == NULL) return NULL;
    return crdt__object_get(store, own->key.bytes, (uint16_t)own->key.minor);
}

/* A delta that nobody wants goes, or is kept for the next transaction. */
static void put_by(crdt_store *store, crdt_store *delta)
{
    if (store->only != NULL) {
        crdt_store_free(delta);
        return;
    }
    crdt__delta_reset(delta);
    store->txn.spare = delta;
}

void crdt_store_rollback(crdt_store *store)
{
    crdt_store *delta = store->txn.delta;
    if (delta == NULL) return;
    crdt__txn_within(&store->txn, NULL);
    store->txn.delta = NULL;
    crdt__objects it = crdt__objects_of(delta);
    for (crdt__object *own; (own = crdt__objects_next(&it)) != NULL;) {
        crdt__object *mine = in_place(store, own);
        if (mine == NULL) continue;
        mine->type->undo(&store->space, mine->state);
        if (crdt__object_is_empty(mine)) crdt__object_prune(store, mine);
    }
    put_by(store, delta);
}

/* Objects that were opened and not mutated are no part of the delta. */
static void drop_unmutated(crdt_store *store, crdt_store *delta, crdt__object *drop)
{
    while (drop != NULL) {
        crdt__object *o = drop;
        drop = o->next_prune;
        crdt__object *mine = in_place(store, o);
        if (mine != NULL && mine->type->holds) mine->type->undo(&store->space, mine->state);
        if (mine != NULL && crdt__object_is_empty(mine)) crdt__object_prune(store, mine);
        crdt__objects_remove(delta, o);
        crdt__object_free(delta, o);
    }
}

/* What was written in place becomes part of the delta. Errors: ENOMEM. */
static crdt_err seal_one(crdt_txn *txn, crdt__object *own, bool wanted)
{
    crdt_dot      first = {txn->store->replica, txn->first};
    crdt__object *mine = in_place(txn->store, own);
    if (mine == NULL) return CRDT_OK;
    void *part = wanted || own->type->holds ? own->state : NULL;
    if (!own->type->holds) own->type->clear(&txn->delta->space, own->state);
    return own->type->seal(&txn->store->space, mine->state, first, part);
}

/* It is for good where nothing is changed in place. */
static crdt_err seal(crdt_txn *txn, bool wanted)
{
    crdt__object *drop = NULL;
    crdt_err      err = CRDT_OK;
    crdt__objects it = crdt__objects_of(txn->delta);
    for (crdt__object *own; (own = crdt__objects_next(&it)) != NULL;) {
        if (own->mutated || own == txn->delta->only) {
            if (own->type->undo != NULL && err == CRDT_OK) err = seal_one(txn, own, wanted);
            continue;
        }
        own->next_prune = drop;
        drop = own;
    }
    if (drop != NULL) memset(&txn->found, 0, sizeof txn->found);
    drop_unmutated(txn->store, txn->delta, drop);
    txn->sealed = wanted && !txn->in_place && err == CRDT_OK;
    return err;
}

/* Nothing more is to come. wanted: somebody will look at the delta. */
static crdt_err finish(crdt_txn *txn, bool wanted)
{
    if (txn->delta == NULL) return CRDT_EINVAL;
    if (txn->failed != CRDT_OK || txn->sealed) return txn->failed;
    crdt_context_settle(&txn->delta->context);
    return seal(txn, wanted);
}

crdt_err crdt_store_encode_delta(crdt_store *store, crdt_buf *out, crdt_dot *ret_last)
{
    crdt_txn *txn = &store->txn;
    crdt_err  err = finish(txn, true);
    if (err != CRDT_OK) return err;
    bool any = txn->next > txn->first;
    *ret_last = (crdt_dot){store->replica, any ? txn->next - 1 : 0};
    return any ? crdt_store_encode(txn->delta, out) : CRDT_OK;
}

crdt_err crdt_store_commit(crdt_store *store, crdt_delta **ret_delta)
{
    crdt_txn   *txn = &store->txn;
    crdt_store *delta = txn->delta;
    crdt_err    err = finish(txn, ret_delta != NULL);
    if (err == CRDT_OK && ret_delta != NULL) err = crdt__objects_learn(delta);
    if (err != CRDT_OK) return err;
    txn->delta = NULL;
    err = crdt__store_join_own(store, delta, txn->now_ms, ret_delta == NULL);
    if (err != CRDT_OK) {
        txn->delta = delta;
        return err;
    }
    crdt__txn_within(txn, NULL);
    if (ret_delta == NULL) {
        put_by(store, delta);
        return CRDT_OK;
    }
    crdt__objects it = crdt__objects_of(delta); /* it can be read like any store */
    for (crdt__object *o; (o = crdt__objects_next(&it)) != NULL;) {
        crdt__object_touched(delta, o, false);
    }
    *ret_delta = delta;
    return CRDT_OK;
}
