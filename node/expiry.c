/* expiry.c: see expiry.h. The names are a tree of tsearch(3), in order of bytes; those whose
 * deadline is to come a heap, the earliest first; those whose deadline has passed a list. */
#include "node/expiry.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "crdt/types.h"
#include "node/keys.h"

#define SWEEP_MAX 1000u /* names removed in one sweep */

typedef struct expiring {
    crdt_view name; /* bytes follow */
    int64_t   deadline;
    size_t    at; /* in the heap or the list */
    bool      passed;
} expiring;

/* Pointers with room for all names, so that moving between the two needs no memory. */
typedef struct pile {
    expiring **of;
    size_t     count;
} pile;

struct node_expiries {
    void  *names;
    size_t count, cap;
    pile   to_come, passed;
};

static int by_name(const void *a, const void *b)
{
    return crdt_view_compare(((const expiring *)a)->name, ((const expiring *)b)->name);
}

/* -- The heap ---------------------------------------------------------------------------------- */

static void place(pile *p, size_t at, expiring *e)
{
    p->of[at] = e;
    e->at = at;
}

static void rise(pile *heap, size_t at, expiring *e)
{
    for (; at > 0 && heap->of[(at - 1) / 2]->deadline > e->deadline; at = (at - 1) / 2) {
        place(heap, at, heap->of[(at - 1) / 2]);
    }
    place(heap, at, e);
}

static void sink(pile *heap, size_t at, expiring *e)
{
    for (size_t child; (child = at * 2 + 1) < heap->count; at = child) {
        if (child + 1 < heap->count && heap->of[child + 1]->deadline < heap->of[child]->deadline) {
            child++;
        }
        if (heap->of[child]->deadline >= e->deadline) break;
        place(heap, at, heap->of[child]);
    }
    rise(heap, at, e);
}

static void add(struct node_expiries *x, expiring *e)
{
    e->passed = false;
    rise(&x->to_come, x->to_come.count++, e);
}

static void take_out(struct node_expiries *x, expiring *e)
{
    pile     *p = e->passed ? &x->passed : &x->to_come;
    expiring *last = p->of[--p->count];
    if (last == e) return;
    if (e->passed) place(p, e->at, last);
    else sink(p, e->at, last);
}

/* What has passed by now goes from the heap to the list. */
static void pass(const node *n)
{
    struct node_expiries *x = n->expiries;
    while (x != NULL && x->to_come.count > 0 && x->to_come.of[0]->deadline <= (int64_t)n->ms) {
        expiring *e = x->to_come.of[0];
        take_out(x, e);
        e->passed = true;
        place(&x->passed, x->passed.count++, e);
    }
}

/* -- Names ------------------------------------------------------------------------------------- */

static expiring *find(const node *n, crdt_view name)
{
    expiring wanted = {.name = name};
    if (n->expiries == NULL || n->expiries->count == 0) return NULL;
    expiring **at = tfind(&wanted, &n->expiries->names, by_name);
    return at != NULL ? *at : NULL;
}

static void drop(node *n, expiring *e)
{
    take_out(n->expiries, e);
    tdelete(e, &n->expiries->names, by_name);
    n->expiries->count--;
    free(e);
}

static bool grow(pile *p, size_t cap)
{
    void *grown = realloc(p->of, cap * sizeof *p->of);
    if (grown != NULL) p->of = grown;
    return grown != NULL;
}

static bool has_room(node *n)
{
    if (n->expiries == NULL) n->expiries = calloc(1, sizeof *n->expiries);
    struct node_expiries *x = n->expiries;
    if (x == NULL || x->count < x->cap) return x != NULL;
    size_t cap = x->cap * 2 + 64;
    if (!grow(&x->to_come, cap) || !grow(&x->passed, cap)) return false;
    x->cap = cap;
    return true;
}

static void keep(node *n, crdt_view name, int64_t deadline)
{
    expiring *e = has_room(n) ? malloc(sizeof *e + name.size) : NULL;
    if (e == NULL) return; /* it expires only where there is memory to know it */
    memcpy(e + 1, name.data, name.size);
    e->name = crdt_view_of(e + 1, name.size);
    e->deadline = deadline;
    if (tsearch(e, &n->expiries->names, by_name) == NULL) {
        free(e);
        return;
    }
    n->expiries->count++;
    add(n->expiries, e);
}

/* What the store says of the name's deadline now. */
static void know(node *n, crdt_view name)
{
    crdt_ref  ref;
    int64_t   deadline;
    expiring *e = find(n, name);
    bool      has = crdt_store_beside(n->store, name, &crdt_expiry_type, &ref) == CRDT_OK &&
               crdt_expiry_deadline(ref, &deadline) &&
               crdt_store_type_at(n->store, name, 0) != NULL && !key_kept(n, name);
    if (e != NULL && !has) {
        drop(n, e);
    } else if (e != NULL && e->deadline != deadline) {
        take_out(n->expiries, e);
        e->deadline = deadline;
        add(n->expiries, e);
    } else if (e == NULL && has) {
        keep(n, name, deadline);
    }
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
    if (n->expiries == NULL) return;
    tdestroy(n->expiries->names, free);
    free(n->expiries->to_come.of);
    free(n->expiries->passed.of);
    free(n->expiries);
    n->expiries = NULL;
}

size_t expiry_count(const node *n)
{
    return n->expiries != NULL ? n->expiries->count : 0;
}

size_t expiry_passed_count(const node *n)
{
    pass(n);
    return n->expiries != NULL ? n->expiries->passed.count : 0;
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

/* The names of the list whose deadline everyone has passed, in one transaction. */
static crdt_err remove_some(node *n, crdt_txn *txn, int64_t before, size_t *ret_count)
{
    const pile *passed = &n->expiries->passed;
    for (size_t i = 0; i < passed->count && *ret_count < SWEEP_MAX; i++) {
        if (passed->of[i]->deadline >= before) continue;
        crdt_err err = crdt_txn_remove(txn, passed->of[i]->name);
        if (err != CRDT_OK && err != CRDT_ENOENT) return err;
        ++*ret_count;
    }
    return CRDT_OK;
}

void expiry_sweep(node *n)
{
    crdt_txn *txn;
    size_t    removed = 0;
    uint64_t  heard = gossip_engine_heard_ms(n->engine);
    if (expiry_passed_count(n) == 0) return;
    if (gossip_engine_write(n->engine, n->now, n->ms, &txn) != CRDT_OK) return;
    crdt_err err = remove_some(n, txn, (int64_t)(heard < n->ms ? heard : n->ms), &removed);
    if (err == CRDT_OK) err = node_commit(n, true, NULL);
    if (err != CRDT_OK) gossip_engine_rollback(n->engine);
    else n->totals.expired += removed;
}
