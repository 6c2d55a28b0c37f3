/* laws/fail.c: every allocation of every call is refused once, one after the other. */
#include <string.h>

#include "crdt/laws/kit.h"

/* A call under test: on subject, with what else it needs. A store that it makes goes to
 * *ret_made. */
typedef struct scene {
    kit                *k;
    const crdt_store   *other; /* a delta, a state or NULL */
    const crdt_context *ctx;
    const kit_step     *steps; /* an operation, and maybe one more */
    size_t              count;
    unsigned            names;
    crdt_view           bytes;
    size_t              index;
} scene;

typedef crdt_err (*attempt)(const scene *c, crdt_store *subject, crdt_store **ret_made);

static crdt_err try_operations(const scene *c, crdt_store *subject, crdt_store **ret_made)
{
    crdt_txn *txn;
    crdt_err  err = crdt_store_begin(subject, KIT_NOW, &txn);
    for (size_t s = 0; err == CRDT_OK && s < c->count; s++) {
        const kit_step  *step = &c->steps[s];
        const crdt_type *type = c->k->type;
        const crdt_op   *op = step->op < type->ops_count ? &type->ops[step->op] : NULL;
        crdt_value       args[CRDT_OP_ARGS_MAX];
        crdt_view name = c->names == 0 ? CRDT_SOLO : crdt_view_of(step->name == 0 ? "a" : "b", 1);
        size_t    n = 0;
        for (; op != NULL && n < CRDT_OP_ARGS_MAX && op->args[n] != 0; n++) {
            args[n] = crdt__laws_arg(op, n, step->args[n]);
        }
        err = op == NULL ? crdt_txn_remove(txn, name) : crdt_txn_apply(txn, name, op, args, n);
        if (err != CRDT_OK && err != CRDT_ENOMEM)
            err = CRDT_OK; /* refused for a reason of its own */
    }
    if (err == CRDT_OK) err = crdt_store_commit(subject, ret_made);
    if (err != CRDT_OK) crdt_store_rollback(subject);
    return err;
}

static crdt_err try_join(const scene *c, crdt_store *subject, crdt_store **ret_made)
{
    (void)ret_made;
    return crdt_store_join(subject, c->other, KIT_NOW);
}

static crdt_err try_merge(const scene *c, crdt_store *subject, crdt_store **ret_made)
{
    (void)ret_made;
    return crdt_store_merge(subject, c->other);
}

static crdt_err try_since(const scene *c, crdt_store *subject, crdt_store **ret_made)
{
    return crdt_store_since(subject, c->ctx, ret_made);
}

static crdt_err try_clone(const scene *c, crdt_store *subject, crdt_store **ret_made)
{
    (void)c;
    return crdt_store_clone(subject, 0, ret_made);
}

static crdt_err try_part(const scene *c, crdt_store *subject, crdt_store **ret_made)
{
    return crdt_store_part(subject, c->index, ret_made);
}

static crdt_err try_compare(const scene *c, crdt_store *subject, crdt_store **ret_made)
{
    crdt_order order;
    (void)ret_made;
    return crdt_store_compare(subject, c->other, &order);
}

static crdt_err try_encode(const scene *c, crdt_store *subject, crdt_store **ret_made)
{
    crdt_buf out;
    (void)ret_made;
    crdt_buf_init(&out, &c->k->mem.mem);
    crdt_err err = crdt_store_encode(subject, &out);
    crdt_buf_clear(&out);
    return err;
}

static crdt_err try_decode(const scene *c, crdt_store *subject, crdt_store **ret_made)
{
    (void)subject;
    crdt_options o = crdt__laws_store_options(c->k, c->names, 0);
    return crdt_store_decode(&o, c->bytes, ret_made, NULL);
}

static crdt_err try_stabilise(const scene *c, crdt_store *subject, crdt_store **ret_made)
{
    (void)c;
    (void)ret_made;
    return crdt_store_stabilise(subject, crdt_store_context(subject));
}

static crdt_err try_digest(const scene *c, crdt_store *subject, crdt_store **ret_made)
{
    (void)c;
    (void)ret_made;
    (void)crdt_store_digest(subject, NULL);
    return CRDT_OK;
}

/* One refusal; *ret_done once the call came through without one. */
static bool refuse_nth(const scene *c, attempt call, const char *name, const crdt_store *base,
                       uint64_t nth, bool *ret_done)
{
    kit        *k = c->k;
    crdt_store *subject, *made = NULL;
    size_t      blocks = k->mem.blocks, bytes = k->mem.bytes;
    WORKS(k, CRDT_LAW_ALLOCATION, crdt_store_clone(base, crdt__laws_replica_id(0), &subject));
    crdt_digest digest = crdt_store_digest(subject, NULL);
    crdt__laws_mem_fail(&k->mem, nth);
    crdt_err err = call(c, subject, &made);
    bool     refused = k->mem.refused;
    crdt__laws_mem_fail(&k->mem, 0);
    if (err == CRDT_OK) { /* made do without that block, or needed none */
        bool whole = made != NULL && call != try_part; /* a part's context is not all of it */
        if (whole && !crdt__laws_sound(k, made, name)) return false;
        crdt_store_free(made);
    }
    *ret_done = !refused;
    HOLDS(k, CRDT_LAW_ALLOCATION, err == CRDT_OK || (refused && err == CRDT_ENOMEM),
          "%s gave %s with allocation %u refused", name, crdt_err_name(err), (unsigned)nth);
    if (err == CRDT_ENOMEM) {
        if (!crdt__laws_same(k, CRDT_LAW_ALLOCATION, base, subject, name)) return false;
        HOLDS(k, CRDT_LAW_ALLOCATION, crdt_digest_equal(crdt_store_digest(subject, NULL), digest),
              "%s: the digest changed with an allocation refused", name);
        if (!crdt__laws_sound(k, subject, name)) return false;
        made = NULL;
        err = call(c, subject, &made);
        HOLDS(k, CRDT_LAW_ALLOCATION, err == CRDT_OK, "%s gave %s when called again", name,
              crdt_err_name(err));
        crdt_store_free(made);
    }
    if (!crdt__laws_sound(k, subject, name)) return false;
    crdt_store_free(subject);
    HOLDS(k, CRDT_LAW_LEAK, k->mem.blocks == blocks && k->mem.bytes == bytes,
          "%s left %zu bytes behind with allocation %u refused", name, k->mem.bytes - bytes,
          (unsigned)nth);
    return true;
}

static bool refuse_each(const scene *c, attempt call, const char *name, const crdt_store *base)
{
    bool done = false;
    for (uint64_t nth = 1; !done; nth++) {
        if (!refuse_nth(c, call, name, base, nth, &done)) return false;
    }
    return true;
}

/* An operation of the history at hand, and the one after it. */
static void pick_operations(kit *k, const kit_history *h, scene *c)
{
    for (size_t tries = 0; tries < 8; tries++) {
        size_t i = crdt__laws_below(&k->rand, h->count);
        if (h->count == 0 || h->steps[i].kind != KIT_OP) continue;
        c->steps = &h->steps[i];
        c->count = i + 1 < h->count && h->steps[i + 1].kind == KIT_OP ? 2 : 1;
    }
}

/* The base: what a replica held after some of the entries; another: a delta and a state that
 * come next. */
bool crdt__laws_allocation(kit *k, const kit_world *w, const kit_history *h)
{
    unsigned    order[KIT_ENTRIES], n = crdt__laws_world_order(w, &k->rand, order), i;
    unsigned    first = (unsigned)crdt__laws_below(&k->rand, n + 1);
    crdt_store *base;
    crdt_buf    bytes;
    scene       c;
    memset(&c, 0, sizeof c);
    c.k = k;
    c.names = w->names;
    WORKS(k, CRDT_LAW_ALLOCATION, crdt__laws_store(k, w->names, crdt__laws_replica_id(0), &base));
    for (i = 0; i < first; i++) {
        const crdt_delta *d = w->entries[order[i]].delta;
        if (d != NULL) WORKS(k, CRDT_LAW_ALLOCATION, crdt_store_join(base, d, KIT_NOW));
    }
    while (i < n && w->entries[order[i]].delta == NULL) i++;
    crdt_buf_init(&bytes, &k->mem.mem);
    if (!crdt__laws_bytes(k, base, &bytes)) return false;
    c.bytes = crdt_buf_bytes(&bytes);
    c.other = w->store[0];
    c.ctx = &w->entries[crdt__laws_below(&k->rand, n > 0 ? n : 1)].ctx;
    c.index = crdt__laws_below(&k->rand, 3);
    pick_operations(k, h, &c);
    bool ok = (c.count == 0 || refuse_each(&c, try_operations, "operations and commit", base)) &&
              refuse_each(&c, try_join, "join of a state", base) &&
              refuse_each(&c, try_merge, "merge of a state", base) &&
              (n == 0 || refuse_each(&c, try_since, "since", w->store[0])) &&
              refuse_each(&c, try_clone, "clone", base) &&
              refuse_each(&c, try_part, "part", base) &&
              refuse_each(&c, try_compare, "compare", base) &&
              refuse_each(&c, try_encode, "encode", base) &&
              refuse_each(&c, try_decode, "decode", base) &&
              refuse_each(&c, try_stabilise, "stabilise", base) &&
              refuse_each(&c, try_digest, "digest", base);
    c.other = i < n ? w->entries[order[i]].delta : NULL;
    ok = ok && (i == n || (refuse_each(&c, try_join, "join of a delta", base) &&
                           refuse_each(&c, try_merge, "merge of a delta", base)));
    if (!ok) return false;
    crdt_store_free(base);
    crdt_buf_clear(&bytes);
    return true;
}
