/* workload.c: what nodes write and read: random operations from the types' operation tables. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crdt/types.h"
#include "sim/must.h"
#include "sim/oracles.h"
#include "sim/random.h"
#include "sim/world.h"

/* -- Objects ----------------------------------------------------------------------------------- */

/* Is there such an object among the first so many? */
static bool is_named(const world *w, size_t count, const char *name, const crdt_type *type)
{
    for (size_t i = 0; i < count; i++) {
        const history_object *o = &w->history.objects[i];
        if (o->type == type && strcmp(o->name, name) == 0) return true;
    }
    return false;
}

static bool has_type(uint64_t mask, const crdt_type *type)
{
    return mask >> type->id % 64 & 1;
}

/* One of those in the mask. What other types there are does not matter to the draw: so a replay
 * stays what it was when types are added. */
static const crdt_type *draw_type(uint64_t *rand, uint64_t mask)
{
    const crdt_types *types = crdt_types_builtin();
    uint64_t          among = 0;
    for (size_t i = 0; i < types->count; i++) among += has_type(mask, types->list[i]);
    if (among == 0) must_fail("the plan names no type that there is");
    uint64_t skip = random_below(rand, among);
    size_t   at = 0;
    while (!has_type(mask, types->list[at]) || skip-- > 0) at++;
    return types->list[at];
}

void work_begin(world *w)
{
    const plan *p = w->plan;
    uint64_t    rand = random_stream(p->seed, 5);
    size_t      count = p->objects < HISTORY_OBJECTS ? p->objects : HISTORY_OBJECTS;
    w->history.objects_count = count;
    for (size_t i = 0; i < count; i++) {
        history_object *o = &w->history.objects[i];
        o->type = draw_type(&rand, p->types);
        o->oracle = oracle_of(o->type);
        snprintf(o->name, sizeof o->name, "%s%zu", o->type->name, i);
        const history_object *before = i ? &w->history.objects[i - 1] : NULL;
        bool                  shares = before && random_below(&rand, 4) == 0;
        if (shares && (before->type->beside || o->type->beside)) shares = false;
        if (shares && !is_named(w, i, before->name, o->type)) {
            memcpy(o->name, before->name, sizeof o->name); /* two types under one name */
        }
    }
}

/* -- Arguments --------------------------------------------------------------------------------- */

typedef struct choice {
    node     *n;
    uint64_t  rand;
    crdt_txn *txn;
    char      bytes[CRDT_OP_ARGS_MAX][4096];
} choice;

static crdt_value bytes_value(choice *c, char *bytes, bool text)
{
    static const char *const pieces[] = {"a", "b", "ab", "\xc3\xa9", "\xe2\x82\xac", "xyz"};
    uint64_t                 max = c->n->world->plan->value_max;
    size_t                   size = 0;
    const char              *piece = pieces[random_below(&c->rand, 6)];
    size = strlen(piece);
    memcpy(bytes, piece, size);
    if (max > 16 && random_below(&c->rand, 4) == 0) {
        size =
            (size_t)random_scale(&c->rand, 1, max < sizeof c->bytes[0] ? max : sizeof c->bytes[0]);
        char at = (char)('a' + random_below(&c->rand, 26));
        for (size_t i = 0; i < size; i++) bytes[i] = (char)(text ? at : at + (char)(i % 7));
    }
    return crdt_bytes(bytes, size);
}

static crdt_value decimal(choice *c, char *bytes)
{
    int64_t n = (int64_t)random_below(&c->rand, 2000) - 1000;
    int     size = snprintf(bytes, 32, "%lld.%llu", (long long)n,
                            (unsigned long long)random_below(&c->rand, 1000));
    return crdt_bytes(bytes, (size_t)size);
}

/* Of another system's revisions, a few that collide; or none. */
static crdt_value revisions(choice *c)
{
    static const char *const paths[] = {
        "", "1-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "2-bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb 1-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "2-cccccccccccccccccccccccccccccccc 1-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
    return crdt_text(paths[random_below(&c->rand, 4)]);
}

static crdt_value argument(choice *c, size_t at, char letter, uint64_t elements)
{
    switch (letter) {
    case 'v':
        if (random_below(&c->rand, 2)) return crdt_int((int64_t)random_below(&c->rand, 6));
        return bytes_value(c, c->bytes[at], false);
    case 'd': return decimal(c, c->bytes[at]);
    case 'b': return bytes_value(c, c->bytes[at], true);
    case 'r': return revisions(c);
    case 'c': return crdt_text(at == 0 ? "start" : "end");
    case 'i': return crdt_int((int64_t)random_below(&c->rand, 2000) - 1000);
    case 'n': return crdt_int((int64_t)random_scale(&c->rand, 1, 8));
    case 'p': return crdt_int((int64_t)random_below(&c->rand, elements + 1));
    default: return crdt_int((int64_t)random_below(&c->rand, 50)); /* t: a timestamp */
    }
}

/* -- One operation ----------------------------------------------------------------------------- */

/* It happened: for the oracle. */
static void note(choice *c, size_t object, const crdt_op *op, const crdt_value *args,
                 uint64_t stamp_before)
{
    node    *n = c->n;
    history *h = &n->world->history;
    uint64_t stamp = crdt_txn_stamp(c->txn);
    uint64_t own = 0;
    for (size_t i = 0; i < n->ops_count; i++) {
        if (n->ops[i].object == object) own |= UINT64_C(1) << n->ops[i].event;
    }
    crdt_laws_event e = {.op = op,
                         .args = args,
                         .replica = crdt_store_replica(n->store),
                         .stamp = stamp == stamp_before ? 0 : stamp,
                         .seen = n->have[object] | own};
    e.covers = e.seen;
    uint8_t bit;
    if (n->ops_count == HISTORY_OPS_MAX) h->objects[object].full = true;
    else if (history_note(h, object, &e, &bit)) {
        n->ops[n->ops_count++] = (history_op){(uint8_t)object, bit};
        n->writing[object]++;
    }
}

/* The name goes: every type under it. */
static crdt_err remove_name(choice *c, size_t object)
{
    const history *h = &c->n->world->history;
    const char    *name = h->objects[object].name;
    uint64_t       stamp = crdt_txn_stamp(c->txn);
    crdt_err       err = crdt_txn_remove(c->txn, crdt_text_view(name));
    for (size_t i = 0; err == CRDT_OK && i < h->objects_count; i++) {
        if (strcmp(h->objects[i].name, name) == 0) note(c, i, NULL, NULL, stamp);
    }
    return err;
}

static crdt_err operate(choice *c, size_t object)
{
    history_object *o = &c->n->world->history.objects[object];
    crdt_view       name = crdt_text_view(o->name);
    crdt_value      args[CRDT_OP_ARGS_MAX];
    crdt_ref        ref;
    uint64_t        elements = 0, stamp = crdt_txn_stamp(c->txn);
    crdt_err        found = crdt_txn_find(c->txn, name, o->type, &ref);
    if (found == CRDT_OK) elements = crdt_ref_stats(&ref).elements;
    uint64_t seldom = found == CRDT_OK ? 24 : 3;
    if (found != CRDT_ENOENT && random_below(&c->rand, seldom) == 0) return remove_name(c, object);
    const crdt_op *op = &o->type->ops[random_below(&c->rand, o->type->ops_count)];
    if (random_below(&c->rand, 3)) op = &o->type->ops[0];
    size_t argc = strlen(op->args);
    for (size_t i = 0; i < argc; i++) args[i] = argument(c, i, op->args[i], elements);
    crdt_err err = crdt_txn_apply(c->txn, name, op, args, argc);
    if (err == CRDT_OK) note(c, object, op, args, stamp);
    return err;
}

/* Elements that are added once, ever. */
static crdt_err haunt(choice *c)
{
    node     *n = c->n;
    history  *h = &n->world->history;
    crdt_view name = crdt_text_view("ghosts");
    if (n->haunts_count == HISTORY_OPS_MAX) return CRDT_OK;
    if (h->ghosts_count > 0 && random_below(&c->rand, 2)) {
        uint32_t       ghost = (uint32_t)random_below(&c->rand, h->ghosts_count);
        history_ghost *g = &h->ghosts[ghost];
        crdt_ref       set;
        if (g->removed[2] || crdt_txn_find(c->txn, name, &crdt_orset_type, &set)) return CRDT_OK;
        if (!crdt_orset_has(set, crdt_int(ghost))) return CRDT_OK;
        crdt_err err = crdt_orset_remove(c->txn, name, crdt_int(ghost));
        if (err) return err;
        n->haunts[n->haunts_count].ghost = ghost;
        n->haunts[n->haunts_count++].removed = true;
        return CRDT_OK;
    }
    crdt_err err = crdt_orset_add(c->txn, name, crdt_int((int64_t)h->ghosts_count));
    if (err) return err;
    must_grow(&h->ghosts, &h->ghosts_cap, h->ghosts_count + 1, sizeof *h->ghosts);
    memset(&h->ghosts[h->ghosts_count], 0, sizeof *h->ghosts);
    n->haunts[n->haunts_count].ghost = (uint32_t)h->ghosts_count++;
    n->haunts[n->haunts_count++].removed = false;
    return CRDT_OK;
}

/* -- A transaction ----------------------------------------------------------------------------- */

static void begin(node *n)
{
    memset(n->writing, 0, sizeof n->writing);
    n->ops_count = 0;
    n->haunts_count = 0;
}

static void drop(node *n)
{
    for (size_t o = 0; o < HISTORY_OBJECTS; o++) {
        history_drop(&n->world->history, o, n->writing[o]);
    }
    begin(n);
}

/* Errors that writing may give, and when. */
static bool is_expected(const node *n, crdt_err err)
{
    switch (err) {
    case CRDT_ENOMEM: return n->mem.refused > 0;
    case CRDT_EIO: return n->vault.full || n->vault.refused > 0 || n->mem.refused > 0;
    case CRDT_EFORK: return n->told; /* why it may not write: check_notice judges that */
    case CRDT_ERANGE:
    case CRDT_EINVAL:
    case CRDT_ENOENT:
    case CRDT_EEXIST:
    case CRDT_ERIGHTS:
    case CRDT_ETYPE: return true; /* a position past the end; the workload is careless */
    default: return false;
    }
}

static void refused(node *n, crdt_err err, const char *what)
{
    n->refused++;
    n->world->stats.refused++;
    if (!is_expected(n, err)) {
        check_fail(n->world, CHECK_ERROR, "node %u: %s gives %s", n->index, what,
                   crdt_err_name(err));
    }
}

static void commit(node *n)
{
    crdt_dot last;
    crdt_err err = gossip_engine_commit(n->engine, &last);
    if (err != CRDT_OK) {
        gossip_engine_rollback(n->engine);
        drop(n);
        refused(n, err, "commit");
        return;
    }
    if (last.seq == 0) {
        drop(n);
        return;
    }
    check_log(n);
    world   *w = n->world;
    uint32_t who = history_who(&w->history, last.replica);
    bool     own = who != HISTORY_NOBODY && node_seen(n, who) >= last.seq;
    if (!w->broken && (!own || !crdt_context_has(crdt_store_context(n->store), last))) {
        check_fail(w, CHECK_SESSION, "node %u does not see its own write %llu", n->index,
                   (unsigned long long)last.seq);
    }
    w->stats.writes++;
    begin(n);
}

void work_write(node *n, uint64_t choices)
{
    world      *w = n->world;
    choice      c;
    crdt_digest before = {0, 0};
    if (n->paused_until > w->now) return;
    c.n = n;
    c.rand = choices;
    bool rollback = random_below(&c.rand, 16) == 0;
    check_log(n);
    begin(n);
    n->mem.armed = true;
    crdt_err err = gossip_engine_write(n->engine, w->now, node_ms(n), &c.txn);
    if (rollback && err == CRDT_OK) { /* what it was before: a succession may have been written */
        gossip_engine_rollback(n->engine);
        n->mem.armed = false;
        before = crdt_store_digest(n->store, NULL);
        n->mem.armed = true;
        err = gossip_engine_write(n->engine, w->now, node_ms(n), &c.txn);
    }
    check_log(n);
    if (err != CRDT_OK) {
        n->mem.armed = false;
        refused(n, err, "write");
        node_run(n);
        return;
    }
    if (n->told) {
        check_fail(w, CHECK_ALARM, "node %u writes under an id that it was told is a clone's",
                   n->index);
    }
    uint64_t count = 1 + random_below(&c.rand, w->plan->ops_max);
    for (uint64_t i = 0; i < count; i++) {
        size_t object = (size_t)random_below(&c.rand, w->history.objects_count + 1);
        err = object == w->history.objects_count ? haunt(&c) : operate(&c, object);
        if (err != CRDT_OK) refused(n, err, "an operation");
    }
    n->mem.armed = !rollback;
    if (rollback) {
        gossip_engine_rollback(n->engine);
        drop(n);
        if (!crdt_digest_equal(before, crdt_store_digest(n->store, NULL))) {
            check_fail(w, CHECK_ERROR, "node %u: a rollback changed its store", n->index);
        }
    } else {
        commit(n);
    }
    n->mem.armed = false;
    if (!w->broken) node_run(n);
}

void work_read(node *n)
{
    world *w = n->world;
    w->stats.reads++;
    if (n->paused_until > w->now || n->state != NODE_UP) return;
    if (w->history.objects_count) {
        check_object(n, (size_t)random_below(&w->rand, w->history.objects_count));
    }
    check_ghosts(n);
}
