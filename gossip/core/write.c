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
static crdt_err reserve_checkpoint(gossip_engine *engine, crdt_dot last, gossip__record *ret_record)
{
    gossip_entry mark;
    memset(&mark, 0, sizeof mark);
    mark.deps = &last;
    mark.deps_count = 1;
    return gossip__log_reserve(engine, &mark, GOSSIP__NOBODY, ret_record);
}

#define BODY_KEPT 65536 /* of the memory for a body, for the next */

/* The entry that the open transaction is to be; last 0: it changes nothing. Its deps are to be
 * released. */
static crdt_err describe(gossip_engine *engine, gossip_entry *entry, crdt_dot **ret_deps)
{
    crdt_dot  last = {0, 0};
    crdt_dot *deps = NULL;
    crdt_buf *body = &engine->body;
    crdt_err  err = gossip__intern(engine, crdt_store_replica(engine->store), &engine->self);
    if (err == CRDT_OK) err = gossip__past_reserve(engine, engine->self);
    if (err != CRDT_OK) return err;
    if (engine->moved_count > 0) {
        deps = gossip__alloc(engine, engine->moved_count * sizeof *deps);
        if (deps == NULL) return CRDT_ENOMEM;
        put_deps(engine, deps);
    }
    *ret_deps = deps;
    crdt_buf_reset(body);
    err = crdt_store_encode_delta(engine->store, body, &last);
    entry->replica = last.replica;
    entry->first = engine->replicas[engine->self].delivered + 1;
    entry->last = last.seq;
    entry->deps = deps;
    entry->deps_count = engine->moved_count;
    entry->body = crdt_buf_bytes(body);
    return err;
}

/* Its place in the log or, where it is too large for a message, that of a checkpoint. */
static crdt_err reserve(gossip_engine *engine, gossip_entry *entry, gossip__record *ret_record)
{
    bool fits = entry->body.size <= GOSSIP_BODY_MAX && entry->deps_count <= GOSSIP_DEPS_MAX;
    if (fits) return gossip__log_reserve(engine, entry, engine->self, ret_record);
    entry->body = crdt_view_of(NULL, 0);
    return reserve_checkpoint(engine, (crdt_dot){entry->replica, entry->last}, ret_record);
}

static void append(gossip_engine *engine, const gossip_entry *entry, gossip__record *record)
{
    gossip__replica *r = &engine->replicas[engine->self];
    record->before = r->tag;
    record->tag = gossip_entry_tag(entry, r->tag);
    gossip__delivered(engine, engine->self, entry, record);
    if (record->who == GOSSIP__NOBODY) r->floor = entry->last;
    engine->stats.written++;
}

/* End the open transaction as this entry. Until it is in the store nothing has changed. */
static crdt_err enter(gossip_engine *engine, gossip_entry *entry)
{
    gossip__record record;
    bool           any = entry->last != 0;
    crdt_err       err = any ? reserve(engine, entry, &record) : CRDT_OK;
    if (err != CRDT_OK) return err;
    err = crdt_store_commit(engine->store, NULL);
    if (err == CRDT_OK && any) append(engine, entry, &record);
    else if (any) gossip__log_unreserve(engine, &record);
    return err;
}

/* End the open transaction as an entry of this kind. */
static crdt_err commit(gossip_engine *engine, gossip_kind kind, crdt_view control,
                       crdt_dot *ret_last)
{
    gossip_entry entry;
    crdt_dot    *deps = NULL;
    memset(&entry, 0, sizeof entry);
    entry.ms = engine->ms;
    entry.kind = kind;
    entry.control = control;
    size_t   moved = engine->moved_count;
    crdt_err err = describe(engine, &entry, &deps);
    if (err == CRDT_OK) err = enter(engine, &entry);
    gossip__release(engine, deps, moved * sizeof *deps);
    if (engine->body.cap > BODY_KEPT) crdt_buf_clear(&engine->body);
    if (err != CRDT_OK) return err;
    engine->writing = false;
    if (ret_last != NULL) *ret_last = (crdt_dot){entry.replica, entry.last};
    if (entry.last != 0) gossip__links_news(engine, engine->now);
    return CRDT_OK;
}

crdt_err gossip__write_mark(gossip_engine *engine, gossip_kind kind, crdt_view control)
{
    crdt_txn *txn;
    crdt_err  err = crdt_store_begin(engine->store, engine->ms, &txn);
    if (err != CRDT_OK) return err;
    err = crdt_txn_mark(txn);
    if (err == CRDT_OK) err = commit(engine, kind, control, NULL);
    if (err != CRDT_OK) crdt_store_rollback(engine->store);
    return err;
}

crdt_err gossip__write_succession(gossip_engine *engine)
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
    crdt_err err = gossip__write_mark(engine, GOSSIP_SUCCEEDS, crdt_view_of(old, 8 * count));
    if (err == CRDT_OK) engine->succeeds_count = 0;
    return err;
}

crdt_err gossip__may_write(const gossip_engine *engine)
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
    crdt_err err = gossip__may_write(engine);
    if (err != CRDT_OK) return err;
    engine->now = now;
    engine->ms = ms;
    err = gossip__write_succession(engine);
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
    if (gossip__may_write(engine) != CRDT_OK) return GOSSIP_NEVER;
    if (engine->succeeds_count > 0) return engine->now;
    return engine->ack_due && engine->config.ack_us > 0 ? engine->ack_at : GOSSIP_NEVER;
}

crdt_err gossip__write_due(gossip_engine *engine, gossip_time now, uint64_t ms)
{
    if (gossip__may_write(engine) != CRDT_OK) return CRDT_OK;
    engine->now = now;
    engine->ms = ms;
    crdt_err err = gossip__write_succession(engine);
    if (err != CRDT_OK || now < gossip__write_deadline(engine)) return err;
    return gossip__write_mark(engine, GOSSIP_ACK, crdt_view_of(NULL, 0));
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
