/* core/deliver.c: from an entry that came to the store: chain, causality, join. */
#include <string.h>

#include "gossip/core/links.h"

void gossip__moved(gossip_engine *engine, uint32_t who)
{
    gossip__replica *r = &engine->replicas[who];
    if (r->moved || who == engine->self) return;
    r->moved = true;
    engine->moved[engine->moved_count++] = who; /* intern made room */
}

static uint64_t read_u64(const unsigned char *at)
{
    uint64_t n = 0;
    for (int i = 8; i-- > 0;) n = n << 8 | at[i];
    return n;
}

crdt_err gossip__succeeded_intern(gossip_engine *engine, const gossip_entry *entry)
{
    if (entry->kind != GOSSIP_SUCCEEDS) return CRDT_OK;
    if (entry->control.size == 0 || entry->control.size % 8 != 0) return CRDT_EMALFORMED;
    for (size_t i = 0; i < entry->control.size; i += 8) {
        uint32_t who;
        uint64_t id = read_u64((const unsigned char *)entry->control.data + i);
        if (id == 0 || id == entry->replica) return CRDT_EMALFORMED;
        crdt_err err = gossip__intern(engine, id, &who);
        if (err != CRDT_OK) return err;
    }
    return CRDT_OK;
}

/* The ids that the entry takes over are closed: it stands for them (rule R16). */
static void close_succeeded(gossip_engine *engine, const gossip_entry *entry)
{
    if (entry->kind != GOSSIP_SUCCEEDS) return;
    for (size_t i = 0; i < entry->control.size; i += 8) {
        uint64_t id = read_u64((const unsigned char *)entry->control.data + i);
        uint32_t who = gossip__find(engine, id);
        engine->replicas[who].succeeded = true;
        gossip__set_member(engine, who, false);
    }
}

static void own_entry_follows(gossip_engine *engine)
{
    for (uint32_t i = 0; i < engine->moved_count; i++) {
        engine->replicas[engine->moved[i]].moved = false;
    }
    engine->moved_count = 0;
    engine->ack_due = false;
}

void gossip__delivered(gossip_engine *engine, uint32_t who, const gossip_entry *entry,
                       const gossip__record *record)
{
    gossip__replica *r = &engine->replicas[who];
    gossip__past_add(engine, who, entry);
    close_succeeded(engine, entry);
    r->delivered = entry->last;
    r->tag = record->tag;
    r->ms = entry->ms;
    gossip__set_member(engine, who, !r->succeeded);
    gossip__log_append(engine, record);
    if (who == engine->self) {
        own_entry_follows(engine);
        return;
    }
    engine->stats.delivered++;
    gossip__moved(engine, who);
    if (entry->kind == GOSSIP_ACK || engine->ack_due) return;
    engine->ack_due = true;
    uint64_t wait = gossip__ack_wait(engine);
    engine->ack_at = engine->now + wait + gossip__random(engine) % (wait / 2 + 1);
}

/* -- One entry --------------------------------------------------------------------------------- */

/* The delta brings just the dots that the entry claims. */
static bool brings(const crdt_delta *delta, const gossip_entry *entry)
{
    const crdt_context *brought = crdt_delta_brought(delta);
    if (brought->count != 1) return false;
    const crdt_run *run = &brought->runs[0];
    return run->replica == entry->replica && run->lo == entry->first && run->hi == entry->last;
}

static gossip__outcome outcome_of(crdt_err err)
{
    return err == CRDT_EFORK ? GOSSIP__FORKED : GOSSIP__POISONED;
}

static void report(gossip_engine *engine, gossip__outcome outcome, gossip_peer from,
                   const gossip_entry *entry, crdt_err err)
{
    crdt_dot dot = {entry->replica, entry->first};
    if (outcome == GOSSIP__FORKED) engine->stats.forks++;
    else engine->stats.poisoned++;
    gossip__notify(engine, outcome == GOSSIP__FORKED ? GOSSIP_FORKED : GOSSIP_POISONED, from, dot,
                   err, crdt_view_of(NULL, 0));
}

static crdt_err join_delta(gossip_engine *engine, uint64_t ms, const gossip_entry *entry,
                           uint32_t who, crdt_delta *delta, gossip__record *record)
{
    uint64_t suspect = crdt_store_clock(engine->store)->suspect;
    crdt_err err = crdt_store_take(engine->store, delta, ms);
    if (err != CRDT_OK) return err;
    gossip__delivered(engine, who, entry, record);
    if (crdt_store_clock(engine->store)->suspect != suspect) {
        crdt_dot dot = {entry->replica, entry->last};
        engine->stats.far_future++;
        gossip__notify(engine, GOSSIP_FAR_FUTURE, record->from, dot, CRDT_OK,
                       crdt_view_of(NULL, 0));
    }
    return CRDT_OK;
}

/* Its predecessor and its deps are in the store. Errors: ENOMEM, EBUSY. */
static crdt_err join_entry(gossip_engine *engine, uint64_t ms, const gossip_entry *entry,
                           uint32_t who, gossip_peer from, gossip__outcome *ret_outcome)
{
    crdt_delta *delta;
    const char *reason;
    crdt_err    err = crdt_delta_decode(engine->store, entry->body, &delta, &reason);
    if (err == CRDT_OK && !brings(delta, entry)) {
        crdt_store_free(delta);
        err = CRDT_EMALFORMED;
    }
    if (err == CRDT_OK) {
        gossip__record record;
        err = gossip__past_reserve(engine, who);
        if (err == CRDT_OK) err = gossip__log_reserve(engine, entry, who, &record);
        if (err == CRDT_OK) {
            record.before = engine->replicas[who].tag;
            record.tag = gossip_entry_tag(entry, record.before);
            record.from = from;
            err = join_delta(engine, ms, entry, who, delta, &record);
            if (err != CRDT_OK) gossip__log_unreserve(engine, &record);
        }
        if (err != CRDT_OK) crdt_store_free(delta);
    }
    *ret_outcome = GOSSIP__DELIVERED;
    if (err == CRDT_OK || err == CRDT_ENOMEM || err == CRDT_EBUSY) return err;
    *ret_outcome = outcome_of(err);
    report(engine, *ret_outcome, from, entry, err);
    return CRDT_OK;
}

crdt_err gossip__deliver_known(gossip_engine *engine, const gossip_entry *entry, uint32_t who,
                               gossip__outcome *ret_outcome)
{
    crdt_err err = gossip__succeeded_intern(engine, entry);
    if (err != CRDT_OK) return err;
    return join_entry(engine, entry->ms, entry, who, 0, ret_outcome);
}

/* Held already: is it the same? */
static gossip__outcome compare_held(gossip_engine *engine, uint32_t who, const gossip_entry *entry,
                                    uint32_t tag_before)
{
    uint32_t tag;
    if (gossip__log_tag(engine, who, entry->last, &tag)) {
        return tag == gossip_entry_tag(entry, tag_before) ? GOSSIP__DUPLICATE : GOSSIP__FORKED;
    }
    /* Below the log nothing is known any more; within it, an entry that ends elsewhere. */
    return entry->last <= engine->replicas[who].floor ? GOSSIP__DUPLICATE : GOSSIP__FORKED;
}

/* The first of its deps that is not in the store, or GOSSIP__NOBODY. Errors: ENOMEM, ELIMIT. */
static crdt_err find_missing(gossip_engine *engine, const gossip_entry *entry, uint32_t *ret_who,
                             uint64_t *ret_seq)
{
    *ret_who = GOSSIP__NOBODY;
    for (uint32_t i = 0; i < entry->deps_count; i++) {
        const crdt_dot *dep = &entry->deps[i];
        uint32_t        who = gossip__find(engine, dep->replica);
        if (who != GOSSIP__NOBODY && engine->replicas[who].delivered >= dep->seq) continue;
        *ret_seq = dep->seq;
        return gossip__intern(engine, dep->replica, ret_who);
    }
    return CRDT_OK;
}

/* Without what waits for it. Errors: ENOMEM, EBUSY, ELIMIT. */
static crdt_err try_entry(gossip_engine *engine, uint64_t ms, const gossip_entry *entry,
                          uint32_t tag_before, gossip_peer from, gossip__outcome *ret_outcome)
{
    uint32_t who, missing;
    uint64_t seq = 0;
    crdt_err err = gossip__intern(engine, entry->replica, &who);
    if (err == CRDT_OK) err = gossip__succeeded_intern(engine, entry);
    if (err == CRDT_EMALFORMED) {
        *ret_outcome = GOSSIP__POISONED;
        report(engine, *ret_outcome, from, entry, err);
        return CRDT_OK;
    }
    if (err == CRDT_OK) err = find_missing(engine, entry, &missing, &seq);
    if (err != CRDT_OK) return err;
    gossip__replica *r = &engine->replicas[who];
    *ret_outcome = GOSSIP__DUPLICATE;
    if (entry->last <= r->delivered) *ret_outcome = compare_held(engine, who, entry, tag_before);
    else if (entry->first <= r->delivered) *ret_outcome = GOSSIP__FORKED;
    else if (entry->first == r->delivered + 1 && tag_before != r->tag)
        *ret_outcome = GOSSIP__FORKED;
    else *ret_outcome = GOSSIP__PARKED;
    if (*ret_outcome == GOSSIP__FORKED) report(engine, *ret_outcome, from, entry, CRDT_EFORK);
    if (*ret_outcome == GOSSIP__DUPLICATE) engine->stats.duplicates++;
    if (*ret_outcome != GOSSIP__PARKED) return CRDT_OK;
    if (entry->first != r->delivered + 1) {
        missing = who;
        seq = entry->first - 1;
    }
    if (missing == GOSSIP__NOBODY) {
        err = join_entry(engine, ms, entry, who, from, ret_outcome);
        if (err == CRDT_OK && *ret_outcome == GOSSIP__DELIVERED) gossip__hear(engine, ms, entry);
        return err;
    }
    err = gossip__park(engine, entry, tag_before, from, missing, seq);
    if (err == CRDT_ELIMIT) {
        *ret_outcome = GOSSIP__DROPPED;
        return CRDT_OK;
    }
    return err;
}

/* -- And what waited for it -------------------------------------------------------------------- */

/* Put those that waited for a dot of the entry in front of the list. */
static gossip__waiting *wake(gossip_engine *engine, uint64_t replica, uint64_t first, uint64_t last,
                             gossip__waiting *list)
{
    uint32_t who = gossip__find(engine, replica);
    for (uint64_t seq = first; seq <= last && engine->parked.count > 0; seq++) {
        for (gossip__waiting *w; (w = gossip__unpark(engine, who, seq)) != NULL;) {
            w->next = list;
            list = w;
        }
    }
    return list;
}

static void deliver_list(gossip_engine *engine, uint64_t ms, gossip__waiting *list)
{
    while (list != NULL) {
        gossip__waiting *w = list;
        gossip__outcome  outcome;
        list = w->next;
        crdt_err err = try_entry(engine, ms, &w->entry, w->tag_before, w->from, &outcome);
        if (err != CRDT_OK) engine->parked.dropped++; /* it will be fetched again */
        else if (outcome == GOSSIP__DELIVERED) {
            list = wake(engine, w->entry.replica, w->entry.first, w->entry.last, list);
        }
        gossip__waiting_free(engine, w);
    }
}

void gossip__deliver_ready(gossip_engine *engine, uint64_t ms)
{
    for (gossip__waiting *w; (w = gossip__unpark_ready(engine)) != NULL;) {
        w->next = NULL;
        deliver_list(engine, ms, w);
    }
}

/* An entry of this node's own id that this node does not have: it is from before a loss of memory,
 * or from a clone. Whatever it is, no dot may be written twice. */
static crdt_err meet_own(gossip_engine *engine, uint64_t replica, uint64_t last)
{
    if (replica != crdt_store_replica(engine->store)) return CRDT_OK;
    uint32_t who = gossip__find(engine, replica);
    if (who != GOSSIP__NOBODY && last <= engine->replicas[who].delivered) return CRDT_OK;
    return gossip__remint(engine);
}

static void check_clone(gossip_engine *engine, uint64_t replica, uint64_t seq, gossip_peer peer)
{
    if (replica != crdt_store_replica(engine->store) || engine->cloned) return;
    crdt_dot dot = {replica, seq};
    engine->cloned = true;
    gossip__notify(engine, GOSSIP_CLONED, peer, dot, CRDT_EFORK, crdt_view_of(NULL, 0));
}

crdt_err gossip__deliver(gossip_engine *engine, uint64_t ms, const gossip_entry *entry,
                         uint32_t tag_before, gossip_peer from, gossip__outcome *ret_outcome)
{
    const char *reason;
    *ret_outcome = GOSSIP__POISONED;
    crdt_err err = gossip_entry_check(entry, &reason);
    if (err != CRDT_OK) {
        report(engine, *ret_outcome, from, entry, err);
        return CRDT_OK;
    }
    err = meet_own(engine, entry->replica, entry->last);
    if (err == CRDT_OK) err = try_entry(engine, ms, entry, tag_before, from, ret_outcome);
    if (err != CRDT_OK) return err == CRDT_ELIMIT ? CRDT_ENOMEM : err;
    if (*ret_outcome == GOSSIP__FORKED) check_clone(engine, entry->replica, entry->first, from);
    if (*ret_outcome == GOSSIP__DELIVERED) {
        deliver_list(engine, ms, wake(engine, entry->replica, entry->first, entry->last, NULL));
    }
    return CRDT_OK;
}

bool gossip__compare(gossip_engine *engine, uint32_t who, uint64_t seq, uint32_t tag,
                     gossip_peer peer)
{
    const gossip__replica *r = &engine->replicas[who];
    uint32_t               mine;
    if (seq > r->delivered) {
        /* A failure to remint is tried again at the next sign. */
        return meet_own(engine, r->id, seq) == CRDT_OK;
    }
    if (gossip__log_tag(engine, who, seq, &mine) ? mine == tag : seq <= r->floor) return true;
    crdt_dot dot = {r->id, seq};
    engine->stats.forks++;
    gossip__notify(engine, GOSSIP_FORKED, peer, dot, CRDT_EFORK, crdt_view_of(NULL, 0));
    check_clone(engine, r->id, seq, peer);
    return false;
}
