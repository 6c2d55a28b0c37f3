/* core/restore.c: snapshots that come in, and what was on disk. */
#include <string.h>

#include "gossip/core/links.h"
#include "gossip/snapshot.h"

bool gossip__snapshot_ready(const gossip_engine *engine)
{
    return engine->log.persisted == engine->log.end && !engine->writing;
}

/* -- Joining one ------------------------------------------------------------------------------- */

/* Its state holds just what its floors say, and no history of it is known to be another one. */
static crdt_err check_floors(gossip_engine *engine, const gossip_snapshot *snapshot,
                             const crdt_store *state, const char **ret_reason)
{
    const crdt_context *context = crdt_store_context(state);
    uint32_t            runs = 0;
    if (!crdt_context_is_vector(context)) {
        *ret_reason = "the snapshot's state has holes";
        return CRDT_EMALFORMED;
    }
    for (uint32_t i = 0; i < snapshot->count; i++) {
        const gossip_floor *floor = &snapshot->floors[i];
        uint32_t            who = gossip__find(engine, floor->replica);
        if (crdt_context_base(context, floor->replica) != floor->seq) {
            *ret_reason = "the snapshot's state holds other entries than the snapshot says";
            return CRDT_EMALFORMED;
        }
        runs += floor->seq > 0;
        if (who == GOSSIP__NOBODY || floor->seq > engine->replicas[who].delivered) continue;
        if (!gossip__compare(engine, who, floor->seq, floor->tag, 0)) {
            *ret_reason = "the snapshot has another history of a replica";
            return CRDT_EFORK;
        }
    }
    if (runs == context->count) return CRDT_OK;
    *ret_reason = "the snapshot's state holds entries that the snapshot does not tell of";
    return CRDT_EMALFORMED;
}

/* Every id known, room for every past. Errors: ENOMEM, ELIMIT. */
static crdt_err reserve_floors(gossip_engine *engine, const gossip_snapshot *snapshot)
{
    uint32_t who;
    crdt_err err = CRDT_OK;
    for (uint32_t i = 0; err == CRDT_OK && i < snapshot->count; i++) {
        const gossip_floor *floor = &snapshot->floors[i];
        err = gossip__intern(engine, floor->replica, &who);
        for (uint32_t n = 0; err == CRDT_OK && n < floor->past_count; n++) {
            err = gossip__intern(engine, floor->past[n].replica, &who);
        }
    }
    for (uint32_t i = 0; err == CRDT_OK && i < snapshot->count; i++) {
        err = gossip__past_reserve(engine, gossip__find(engine, snapshot->floors[i].replica));
    }
    return err;
}

/* The record that says what the snapshot raises: it is told of once it is on disk. */
static crdt_err reserve_checkpoint(gossip_engine *engine, const gossip_snapshot *snapshot,
                                   gossip__record *ret_record)
{
    gossip_entry mark;
    size_t       bytes = (snapshot->count + 1) * sizeof(crdt_dot);
    crdt_dot    *raised = gossip__alloc(engine, bytes);
    if (raised == NULL) return CRDT_ENOMEM;
    memset(&mark, 0, sizeof mark);
    mark.deps = raised;
    for (uint32_t i = 0; i < snapshot->count; i++) {
        const gossip_floor *floor = &snapshot->floors[i];
        uint32_t            who = gossip__find(engine, floor->replica);
        if (floor->seq <= engine->replicas[who].delivered) continue;
        raised[mark.deps_count].replica = floor->replica;
        raised[mark.deps_count++].seq = floor->seq;
    }
    crdt_err err = gossip__log_reserve(engine, &mark, GOSSIP__NOBODY, ret_record);
    gossip__release(engine, raised, bytes);
    return err;
}

static void raise(gossip_engine *engine, const gossip_floor *floor)
{
    uint32_t         raised = gossip__find(engine, floor->replica);
    gossip__replica *r = &engine->replicas[raised];
    if (floor->succeeded) r->succeeded = true;
    if (floor->seq > r->delivered) {
        r->delivered = r->floor = floor->seq;
        r->tag = floor->tag;
        r->ms = floor->ms;
        for (uint32_t n = 0; n < floor->past_count; n++) {
            uint32_t who = gossip__find(engine, floor->past[n].replica);
            if (r->past.seq[who] < floor->past[n].seq) r->past.seq[who] = floor->past[n].seq;
        }
    }
    gossip__set_member(engine, raised, r->delivered > 0 && !r->succeeded);
}

/* What this node's own last entry has not seen. */
static void all_moved(gossip_engine *engine)
{
    static const gossip__vec nothing = {NULL, 0};
    uint32_t                 self = engine->self;
    const gossip__vec *past = self == GOSSIP__NOBODY ? &nothing : &engine->replicas[self].past;
    for (uint32_t who = 0; who < engine->replicas_count; who++) {
        if (engine->replicas[who].delivered > gossip__vec_at(past, who)) gossip__moved(engine, who);
    }
}

static crdt_err join_state(gossip_engine *engine, uint64_t ms, const gossip_snapshot *snapshot,
                           crdt_store *state, const char **ret_reason)
{
    gossip__record record;
    crdt_err       err = check_floors(engine, snapshot, state, ret_reason);
    if (err == CRDT_OK) err = reserve_floors(engine, snapshot);
    if (err == CRDT_OK) err = reserve_checkpoint(engine, snapshot, &record);
    if (err != CRDT_OK) return err;
    if (record.deps_count == 0) { /* all of it is held: rule R10 forbids a join */
        gossip__log_unreserve(engine, &record);
        crdt_store_free(state);
        return CRDT_OK;
    }
    gossip__making_end(engine); /* who joins what it would be could not go on from this log */
    err = crdt_store_take(engine->store, state, ms);
    if (err != CRDT_OK) {
        gossip__log_unreserve(engine, &record);
        *ret_reason = "the snapshot's state cannot be joined";
        return err;
    }
    for (uint32_t i = 0; i < snapshot->count; i++) raise(engine, &snapshot->floors[i]);
    gossip__log_append(engine, &record);
    all_moved(engine);
    engine->stats.snapshots_taken++;
    return CRDT_OK;
}

/* A snapshot that knows more of this node's own id than this node does. */
static crdt_err meet_own(gossip_engine *engine, const gossip_snapshot *snapshot)
{
    uint64_t own = crdt_store_replica(engine->store);
    for (uint32_t i = 0; i < snapshot->count; i++) {
        const gossip_floor *floor = &snapshot->floors[i];
        if (floor->replica != own) continue;
        if (floor->seq > crdt_context_base(crdt_store_context(engine->store), own)) {
            return gossip__remint(engine);
        }
    }
    return CRDT_OK;
}

static crdt_err read_and_join(gossip_engine *engine, uint64_t ms, crdt_view bytes, bool from_disk,
                              const char **ret_reason)
{
    gossip_snapshot snapshot;
    crdt_store     *state;
    const char     *reason = "";
    if (ret_reason == NULL) ret_reason = &reason;
    *ret_reason = "";
    if (engine->writing) return CRDT_EBUSY;
    crdt_err err = gossip_snapshot_decode(bytes, &engine->mem, &snapshot, ret_reason);
    if (err != CRDT_OK) return err;
    if (!from_disk) err = meet_own(engine, &snapshot);
    if (err == CRDT_OK) err = crdt_delta_decode(engine->store, snapshot.store, &state, ret_reason);
    if (err == CRDT_OK) {
        err = join_state(engine, ms, &snapshot, state, ret_reason);
        if (err != CRDT_OK) crdt_store_free(state);
    }
    gossip_snapshot_clear(&snapshot, &engine->mem);
    return err;
}

crdt_err gossip__snapshot_join(gossip_engine *engine, uint64_t ms, crdt_view bytes,
                               const char **ret_reason)
{
    uint64_t end = engine->log.end;
    crdt_err err = read_and_join(engine, ms, bytes, false, ret_reason);
    if (err != CRDT_OK || engine->log.end == end) return err;
    if (!engine->ack_due) {
        engine->ack_due = true;
        engine->ack_at = engine->now + gossip__ack_wait(engine);
    }
    gossip__deliver_ready(engine, ms);
    crdt_dot none = {0, 0};
    gossip__notify(engine, GOSSIP_SNAPSHOT_IN, 0, none, CRDT_OK, crdt_view_of(NULL, 0));
    return CRDT_OK;
}

/* -- From disk --------------------------------------------------------------------------------- */

crdt_err gossip_engine_restore(gossip_engine *engine, crdt_view snapshot, const char **ret_reason)
{
    uint64_t own = crdt_store_replica(engine->store);
    crdt_err err = gossip__intern(engine, own, &engine->self);
    if (err == CRDT_OK) err = read_and_join(engine, 0, snapshot, true, ret_reason);
    if (err != CRDT_OK) return err;
    gossip__log_persisted(engine, engine->log.end);
    if (engine->moved_count > 0) { /* it may owe an acknowledgement: a snapshot cannot tell */
        engine->ack_due = true;
        engine->ack_at = engine->now + gossip__ack_wait(engine);
    }
    return CRDT_OK;
}

crdt_err gossip_engine_replay(gossip_engine *engine, const gossip_entry *entry)
{
    gossip__outcome outcome;
    uint32_t        who;
    const char     *reason;
    crdt_err        err = gossip_entry_check(entry, &reason);
    if (err == CRDT_OK) {
        err = gossip__intern(engine, crdt_store_replica(engine->store), &engine->self);
    }
    if (err == CRDT_OK) err = gossip__intern(engine, entry->replica, &who);
    if (err != CRDT_OK) return err;
    const gossip__replica *r = &engine->replicas[who];
    if (entry->last <= r->delivered) return CRDT_OK;
    if (entry->first != r->delivered + 1) return CRDT_EGAP;
    for (uint32_t i = 0; i < entry->deps_count; i++) {
        uint32_t dep = gossip__find(engine, entry->deps[i].replica);
        if (dep == GOSSIP__NOBODY) return CRDT_EGAP;
        if (engine->replicas[dep].delivered < entry->deps[i].seq) return CRDT_EGAP;
    }
    err = gossip__deliver_known(engine, entry, who, &outcome);
    if (err != CRDT_OK) return err;
    gossip__log_persisted(engine, engine->log.end);
    return outcome == GOSSIP__DELIVERED ? CRDT_OK
           : outcome == GOSSIP__FORKED  ? CRDT_EFORK
                                        : CRDT_EMALFORMED;
}
