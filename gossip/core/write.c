/* core/write.c: this node's own entries: transactions, acknowledgements, a new incarnation. */
#include <string.h>

#include "gossip/core/links.h"

/* The deps of the next entry: what moved since the last, in order of ids (Shell's sort). */
static void put_deps(const gossip_engine *engine, crdt_dot *deps)
{
    uint32_t count = engine->moved_count, gap = 1;
    for (uint32_t i = 0; i < count; i++) {
        const gossip__replica *r = &engine->replicas[engine->moved[i]];
        deps[i].replica = r->id;
        deps[i].seq = r->delivered;
    }
    while (gap < count / 3) gap = gap * 3 + 1;
    for (; gap > 0; gap /= 3) {
        for (uint32_t i = gap; i < count; i++) {
            crdt_dot dep = deps[i];
            uint32_t at = i;
            for (; at >= gap && deps[at - gap].replica > dep.replica; at -= gap) {
                deps[at] = deps[at - gap];
            }
            deps[at] = dep;
        }
    }
}

/* What stands in the log for an entry that cannot: peers get its content by a snapshot. */
static crdt_err reserve_checkpoint(gossip_engine *engine, gossip__record *ret_record)
{
    gossip_entry mark;
    crdt_dot     raised = {engine->replicas[engine->self].id, 0};
    memset(&mark, 0, sizeof mark);
    mark.deps = &raised;
    mark.deps_count = 1;
    return gossip__log_reserve(engine, &mark, GOSSIP__NOBODY, ret_record);
}

/* The entry is in the store and too large for a message, or memory for its bytes was refused. */
static void append_checkpoint(gossip_engine *engine, const gossip_entry *entry,
                              const gossip__record *record)
{
    gossip__replica *r = &engine->replicas[engine->self];
    gossip_entry     told = *entry;
    crdt_dot         raised = {r->id, entry->last};
    memcpy(record->bytes, &raised, sizeof raised);
    told.body = crdt_view_of(NULL, 0);
    uint32_t tag = gossip_entry_tag(&told, r->tag);
    gossip__delivered(engine, engine->self, entry, record);
    r->tag = tag;
    r->floor = entry->last;
}

/* What is needed once the transaction is committed, when nothing can be taken back any more. */
typedef struct prepared {
    gossip__record checkpoint;
    crdt_dot      *deps;
    uint32_t       deps_count;
} prepared;

static void release(gossip_engine *engine, prepared *p, bool checkpoint)
{
    gossip__release(engine, p->deps, p->deps_count * sizeof *p->deps);
    if (!checkpoint) gossip__log_unreserve(engine, &p->checkpoint);
}

static crdt_err prepare(gossip_engine *engine, prepared *p)
{
    memset(p, 0, sizeof *p);
    crdt_err err = gossip__intern(engine, crdt_store_replica(engine->store), &engine->self);
    if (err == CRDT_OK) err = gossip__past_reserve(engine, engine->self);
    if (err != CRDT_OK) return err;
    if (engine->moved_count > 0) {
        p->deps = gossip__alloc(engine, engine->moved_count * sizeof *p->deps);
        if (p->deps == NULL) return CRDT_ENOMEM;
        p->deps_count = engine->moved_count;
        put_deps(engine, p->deps);
    }
    err = reserve_checkpoint(engine, &p->checkpoint);
    if (err != CRDT_OK) gossip__release(engine, p->deps, p->deps_count * sizeof *p->deps);
    return err;
}

#define BODY_KEPT 65536 /* of the memory for a body, for the next */

/* Into the log, as an entry or, if that cannot be, as a checkpoint. True: as an entry. */
static bool append(gossip_engine *engine, gossip_entry *entry, const crdt_delta *delta,
                   const prepared *p)
{
    gossip__replica *r = &engine->replicas[engine->self];
    gossip__record   record;
    crdt_buf        *body = &engine->body;
    crdt_buf_reset(body);
    crdt_err err = crdt_store_encode(delta, body);
    bool     fits =
        err == CRDT_OK && body->size <= GOSSIP_BODY_MAX && entry->deps_count <= GOSSIP_DEPS_MAX;
    if (fits) {
        entry->body = crdt_buf_bytes(body);
        fits = gossip__log_reserve(engine, entry, engine->self, &record) == CRDT_OK;
    }
    if (fits) {
        record.before = r->tag;
        record.tag = gossip_entry_tag(entry, r->tag);
        gossip__delivered(engine, engine->self, entry, &record);
    } else {
        append_checkpoint(engine, entry, &p->checkpoint);
    }
    if (body->cap > BODY_KEPT) crdt_buf_clear(body);
    return fits;
}

/* End the open transaction as an entry of this kind. */
static crdt_err commit(gossip_engine *engine, gossip_kind kind, crdt_view control,
                       crdt_dot *ret_last)
{
    prepared    p;
    crdt_delta *delta;
    crdt_err    err = prepare(engine, &p);
    if (err != CRDT_OK) return err;
    err = crdt_store_commit(engine->store, &delta);
    if (err != CRDT_OK) {
        release(engine, &p, false);
        return err;
    }
    engine->writing = false;
    gossip_entry entry;
    memset(&entry, 0, sizeof entry);
    entry.replica = crdt_store_replica(engine->store);
    entry.first = engine->replicas[engine->self].delivered + 1;
    entry.last = crdt_context_max(crdt_store_context(engine->store), entry.replica);
    entry.ms = engine->ms;
    entry.deps = p.deps;
    entry.deps_count = p.deps_count;
    entry.kind = kind;
    entry.control = control;
    bool any = entry.last >= entry.first, checkpoint = false;
    if (any) {
        checkpoint = !append(engine, &entry, delta, &p);
        engine->stats.written++;
    }
    crdt_store_free(delta);
    release(engine, &p, checkpoint);
    if (ret_last != NULL) {
        ret_last->replica = entry.replica;
        ret_last->seq = any ? entry.last : 0;
    }
    if (any) gossip__links_news(engine, engine->now);
    return CRDT_OK;
}

/* An entry without content. */
static crdt_err write_mark(gossip_engine *engine, gossip_kind kind, crdt_view control)
{
    crdt_txn *txn;
    crdt_err  err = crdt_store_begin(engine->store, engine->ms, &txn);
    if (err != CRDT_OK) return err;
    err = crdt_txn_mark(txn);
    if (err == CRDT_OK) err = commit(engine, kind, control, NULL);
    if (err != CRDT_OK) crdt_store_rollback(engine->store);
    return err;
}

/* The first entry of a new incarnation says whose places it takes. */
static crdt_err write_succession(gossip_engine *engine)
{
    unsigned char old[8 * GOSSIP__SUCCEEDS];
    uint32_t      who, count = engine->succeeds_count;
    if (count == 0) return CRDT_OK;
    for (uint32_t n = 0; n < count; n++) {
        crdt_err err = gossip__intern(engine, engine->succeeds[n], &who);
        if (err != CRDT_OK) return err;
        for (int i = 0; i < 8; i++) {
            old[8 * n + (uint32_t)i] = (unsigned char)(engine->succeeds[n] >> 8 * i);
        }
    }
    crdt_err err = write_mark(engine, GOSSIP_SUCCEEDS, crdt_view_of(old, 8 * count));
    if (err == CRDT_OK) engine->succeeds_count = 0;
    return err;
}

static crdt_err may_write(const gossip_engine *engine)
{
    if (engine->cloned) return CRDT_EFORK;
    if (engine->readonly) return CRDT_EIO;
    if (engine->writing) return CRDT_EBUSY;
    if (engine->log.end - engine->log.persisted > engine->config.persist_lag_max) {
        return CRDT_EBUSY;
    }
    return CRDT_OK;
}

crdt_err gossip_engine_write(gossip_engine *engine, gossip_time now, uint64_t ms,
                             crdt_txn **ret_txn)
{
    crdt_err err = may_write(engine);
    if (err != CRDT_OK) return err;
    engine->now = now;
    engine->ms = ms;
    err = write_succession(engine);
    if (err == CRDT_OK) err = crdt_store_begin(engine->store, ms, ret_txn);
    engine->writing = err == CRDT_OK;
    return err;
}

crdt_err gossip_engine_commit(gossip_engine *engine, crdt_dot *ret_last)
{
    if (!engine->writing) return CRDT_EINVAL;
    return commit(engine, GOSSIP_DELTA, crdt_view_of(NULL, 0), ret_last);
}

void gossip_engine_rollback(gossip_engine *engine)
{
    crdt_store_rollback(engine->store);
    engine->writing = false;
}

gossip_time gossip__write_deadline(const gossip_engine *engine)
{
    if (may_write(engine) != CRDT_OK) return GOSSIP_NEVER;
    if (engine->succeeds_count > 0) return engine->now;
    return engine->ack_due && engine->config.ack_us > 0 ? engine->ack_at : GOSSIP_NEVER;
}

crdt_err gossip__write_due(gossip_engine *engine, gossip_time now, uint64_t ms)
{
    if (may_write(engine) != CRDT_OK) return CRDT_OK;
    engine->now = now;
    engine->ms = ms;
    crdt_err err = write_succession(engine);
    if (err != CRDT_OK || now < gossip__write_deadline(engine)) return err;
    return write_mark(engine, GOSSIP_ACK, crdt_view_of(NULL, 0));
}

crdt_err gossip_engine_succeed(gossip_engine *engine, uint64_t replica, uint64_t old)
{
    if (replica == 0 || old == 0 || replica == old || engine->writing) return CRDT_EINVAL;
    if (engine->succeeds_count == GOSSIP__SUCCEEDS) return CRDT_ELIMIT;
    if (crdt_store_replica(engine->store) != replica) {
        crdt_err err = crdt_store_renew(engine->store, replica);
        if (err != CRDT_OK) return err;
    }
    engine->self = GOSSIP__NOBODY;
    uint32_t closed = gossip__find(engine, old);
    if (closed == GOSSIP__NOBODY || !engine->replicas[closed].succeeded) {
        engine->succeeds[engine->succeeds_count++] = old;
    }
    /* What the old id had seen and this one has not told of: everything, its own work too. */
    for (uint32_t who = 0; who < engine->replicas_count; who++) {
        if (engine->replicas[who].delivered > 0) gossip__moved(engine, who);
    }
    return CRDT_OK;
}

crdt_err gossip__remint(gossip_engine *engine)
{
    if (engine->writing) return CRDT_EBUSY;
    uint64_t old = crdt_store_replica(engine->store), fresh = gossip__random(engine);
    crdt_dot dot = {fresh, 0};
    crdt_err err = gossip_engine_succeed(engine, fresh, old);
    if (err != CRDT_OK) return err;
    engine->stats.reminted++;
    gossip__notify(engine, GOSSIP_REMINTED, 0, dot, CRDT_OK, crdt_view_of(NULL, 0));
    gossip__links_reminted(engine);
    return CRDT_OK;
}
