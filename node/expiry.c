/* expiry.c: see expiry.h. The names are a tree of tsearch(3), in order of bytes. */
#include "node/expiry.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "crdt/types.h"

#define SWEEP_MAX 1000 /* names removed in one sweep */

typedef struct expiring {
    crdt_view name; /* bytes follow */
    int64_t   deadline;
} expiring;

static int by_name(const void *a, const void *b)
{
    return crdt_view_compare(((const expiring *)a)->name, ((const expiring *)b)->name);
}

static expiring *find(const node *n, crdt_view name)
{
    expiring wanted = {name, 0};
    if (n->expiries_count == 0) return NULL;
    expiring **at = tfind(&wanted, &n->expiries, by_name);
    return at != NULL ? *at : NULL;
}

static void drop(node *n, expiring *e)
{
    tdelete(e, &n->expiries, by_name);
    n->expiries_count--;
    free(e);
}

static void keep(node *n, crdt_view name, int64_t deadline)
{
    expiring *e = malloc(sizeof *e + name.size);
    if (e == NULL) return; /* it expires only where there is memory to know it */
    memcpy(e + 1, name.data, name.size);
    e->name = crdt_view_of(e + 1, name.size);
    e->deadline = deadline;
    if (tsearch(e, &n->expiries, by_name) == NULL) free(e);
    else n->expiries_count++;
}

static void know(node *n, crdt_view name)
{
    crdt_ref  ref;
    int64_t   deadline;
    expiring *e = find(n, name);
    bool      has = crdt_store_beside(n->store, name, &crdt_expiry_type, &ref) == CRDT_OK &&
               crdt_expiry_deadline(ref, &deadline);
    if (!has && e != NULL) drop(n, e);
    else if (has && e != NULL) e->deadline = deadline;
    else if (has) keep(n, name, deadline);
}

void expiry_note(node *n, const crdt_change *change)
{
    know(n, change->name);
}

void expiry_open(node *n)
{
    crdt_store_iter it = crdt_store_iterate(n->store);
    crdt_view       name;
    crdt_ref        ref;
    while (crdt_store_next(&it, &name, &ref)) know(n, name);
}

void expiry_close(node *n)
{
    tdestroy(n->expiries, free);
    n->expiries = NULL;
    n->expiries_count = 0;
}

bool expiry_deadline(const node *n, crdt_view name, int64_t *ret_ms)
{
    const expiring *e = find(n, name);
    if (e != NULL) *ret_ms = e->deadline;
    return e != NULL;
}

bool expiry_passed(const node *n, crdt_view name)
{
    int64_t deadline;
    return expiry_deadline(n, name, &deadline) && deadline <= (int64_t)n->ms;
}

/* -- The sweep --------------------------------------------------------------------------------- */

typedef struct sweep {
    int64_t   before;
    size_t    count;
    expiring *found[SWEEP_MAX];
} sweep;

static void visit(const void *at, VISIT order, void *user)
{
    sweep    *s = user;
    expiring *e = *(expiring *const *)at;
    if ((order != postorder && order != leaf) || s->count == SWEEP_MAX) return;
    if (e->deadline < s->before) s->found[s->count++] = e;
}

void expiry_sweep(node *n)
{
    crdt_txn *txn;
    uint64_t  heard = gossip_engine_heard_ms(n->engine);
    if (n->expiries_count == 0) return;
    sweep *s = malloc(sizeof *s);
    if (s == NULL) return;
    s->count = 0;
    s->before = (int64_t)(heard < n->ms ? heard : n->ms);
    twalk_r(n->expiries, visit, s);
    if (s->count > 0 && gossip_engine_write(n->engine, n->now, n->ms, &txn) == CRDT_OK) {
        crdt_err err = CRDT_OK;
        for (size_t i = 0; i < s->count && (err == CRDT_OK || err == CRDT_ENOENT); i++) {
            err = crdt_txn_remove(txn, s->found[i]->name);
        }
        if (err == CRDT_ENOENT) err = CRDT_OK;
        if (err == CRDT_OK) err = gossip_engine_commit(n->engine, NULL);
        if (err == CRDT_OK) n->totals.expired += s->count;
        else gossip_engine_rollback(n->engine);
        node_touch(n);
        node_changes(n);
    }
    free(s);
}
