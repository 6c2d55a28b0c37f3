/* core/restore.c: snapshots, and what was on disk. */
#include <string.h>

#include "gossip/core/links.h"
#include "gossip/snapshot.h"

bool gossip__snapshot_ready(const gossip_engine *engine)
{
    return engine->log.persisted == engine->log.end && !engine->writing;
}

/* -- Making one -------------------------------------------------------------------------------- */

/* Who has a floor, in order of ids. NULL: out of memory. */
static uint32_t *in_order(gossip_engine *engine, uint32_t *ret_count)
{
    uint32_t *order = gossip__alloc(engine, (engine->replicas_count + 1) * sizeof *order),
             count = 0;
    if (order == NULL) return NULL;
    for (uint32_t who = 0; who < engine->replicas_count; who++) {
        const gossip__replica *r = &engine->replicas[who];
        if (r->delivered > 0 || r->succeeded) order[count++] = who;
    }
    uint32_t gap = 1;
    while (gap < count / 3) gap = gap * 3 + 1;
    for (; gap > 0; gap /= 3) {
        for (uint32_t i = gap; i < count; i++) {
            uint32_t who = order[i], at = i;
            uint64_t id = engine->replicas[who].id;
            for (; at >= gap && engine->replicas[order[at - gap]].id > id; at -= gap) {
                order[at] = order[at - gap];
            }
            order[at] = who;
        }
    }
    *ret_count = count;
    return order;
}

/* Fills one floor; its past goes to *at, in order of ids. */
static void put_floor(const gossip_engine *engine, const uint32_t *order, uint32_t count,
                      uint32_t who, gossip_floor *floor, crdt_dot **at)
{
    const gossip__replica *r = &engine->replicas[who];
    memset(floor, 0, sizeof *floor);
    floor->replica = r->id;
    floor->seq = r->delivered;
    floor->ms = r->ms;
    floor->tag = r->tag;
    floor->succeeded = r->succeeded;
    floor->past = *at;
    for (uint32_t i = 0; i < count && r->delivered > 0; i++) {
        uint64_t seq = gossip__vec_at(&r->past, order[i]);
        if (seq == 0) continue;
        (*at)->replica = engine->replicas[order[i]].id;
        (*at)->seq = seq;
        (*at)++;
        floor->past_count++;
    }
}

static size_t past_dots(const gossip_engine *engine)
{
    size_t dots = 0;
    for (uint32_t who = 0; who < engine->replicas_count; who++) {
        const gossip__vec *past = &engine->replicas[who].past;
        for (uint32_t i = 0; i < past->count; i++) dots += past->seq[i] > 0;
    }
    return dots;
}

crdt_err gossip_engine_snapshot(gossip_engine *engine, crdt_buf *out)
{
    if (engine->writing) return CRDT_EBUSY;
    uint32_t  count = 0;
    uint32_t *order = in_order(engine, &count);
    if (order == NULL) return CRDT_ENOMEM;
    size_t        order_bytes = (engine->replicas_count + 1) * sizeof *order;
    size_t        dots = past_dots(engine), bytes = count * sizeof(gossip_floor);
    size_t        all = bytes + (dots + 1) * sizeof(crdt_dot);
    gossip_floor *floors = gossip__alloc(engine, all);
    crdt_err      err = floors == NULL ? CRDT_ENOMEM : CRDT_OK;
    crdt_buf      store;
    crdt_buf_init(&store, &engine->mem);
    if (err == CRDT_OK) {
        crdt_dot *at = (crdt_dot *)(void *)((unsigned char *)floors + bytes);
        for (uint32_t i = 0; i < count; i++) {
            put_floor(engine, order, count, order[i], &floors[i], &at);
        }
        err = crdt_store_encode(engine->store, &store);
    }
    if (err == CRDT_OK) err = gossip_snapshot_encode(floors, count, crdt_buf_bytes(&store), out);
    crdt_buf_clear(&store);
    gossip__release(engine, floors, all);
    gossip__release(engine, order, order_bytes);
    return err;
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
        engine->ack_at = engine->now + engine->config.ack_us;
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
    if (err == CRDT_OK) gossip__log_persisted(engine, engine->log.end);
    return err;
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
