/* core/push.c: fresh entries go at once along eager links, announcements along lazy ones.
 *
 * All links begin eager. A PUSH that brought nothing new makes its link lazy on both sides, so what
 * stays eager is a tree; a gap that an announcement shows makes its link eager again, so the tree
 * heals. Source: Leitao, Pereira, Rodrigues, "Epidemic broadcast trees", SRDS 2007. What a peer is
 * known to hold, or was sent already, is not sent: the cursor push_at goes over the log once.
 */
#include <string.h>

#include "gossip/core/peers.h"

/* -- Entries out ------------------------------------------------------------------------------- */

size_t gossip__entry_size(const gossip__record *record)
{
    return 40 + 12 * (size_t)record->deps_count + record->control_size + record->body_size;
}

void gossip__entries_begin(gossip_engine *engine)
{
    struct gossip__links *links = engine->links;
    if (++links->mark == 0) { /* marks of old messages must not look like this one's */
        for (uint32_t who = 0; who < links->ranks_count; who++) links->ranks[who].mark = 0;
        links->mark = 1;
    }
    links->msg.entries_count = links->msg.origins_count = 0;
}

static crdt_err span_room(gossip_engine *engine, gossip__request *request)
{
    size_t   cap = request->spans_cap;
    crdt_err err = gossip__room(engine, &request->spans, &cap, request->spans_count + 1u,
                                sizeof *request->spans);
    request->spans_cap = (uint32_t)cap;
    return err;
}

crdt_err gossip__entry_add(gossip_engine *engine, gossip__peer *peer, const gossip__record *record,
                           gossip__request *request)
{
    struct gossip__links *links = engine->links;
    gossip_msg           *msg = &links->msg;
    gossip__rank         *rank = &links->ranks[record->who];
    uint64_t              sent = gossip__vec_at(&peer->sent, record->who);
    crdt_err              err = gossip__room(engine, &links->entries, &links->entries_cap,
                                             msg->entries_count + 1u, sizeof *links->entries);
    if (err == CRDT_OK) {
        err = gossip__room(engine, &links->origins, &links->origins_cap, msg->origins_count + 1u,
                           sizeof *links->origins);
    }
    if (err == CRDT_OK && request != NULL) err = span_room(engine, request);
    if (err == CRDT_OK) err = gossip__vec_raise(engine, &peer->sent, record->who, record->last);
    if (err == CRDT_OK) err = gossip__vec_raise(engine, &peer->offered, record->who, record->last);
    if (err != CRDT_OK) return err;
    links->entries[msg->entries_count++] = gossip__record_entry(engine, record);
    if (rank->mark != links->mark) {
        gossip_origin origin = {engine->replicas[record->who].id, record->before};
        gossip__span  span = {record->who, record->last - record->dots, record->last};
        rank->mark = links->mark;
        links->origins[msg->origins_count++] = origin;
        if (request != NULL) {
            rank->index = request->spans_count;
            request->spans[request->spans_count++] = span;
        }
    } else if (request != NULL) {
        request->spans[rank->index].to = record->last;
    }
    peer->entries_sent++;
    peer->resent += record->last <= sent;
    return CRDT_OK;
}

void gossip__entries_end(gossip_engine *engine)
{
    struct gossip__links *links = engine->links;
    gossip__sort(links->origins, links->msg.origins_count, sizeof *links->origins);
    links->msg.entries = links->entries;
    links->msg.origins = links->origins;
}

/* -- Entries in -------------------------------------------------------------------------------- */

/* Where among the origins; origins_count: nowhere. */
static uint32_t find_origin(const gossip_msg *msg, uint64_t replica)
{
    uint32_t low = 0, high = msg->origins_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (msg->origins[middle].replica < replica) low = middle + 1;
        else high = middle;
    }
    if (low < msg->origins_count && msg->origins[low].replica == replica) return low;
    return msg->origins_count;
}

/* Each entry has its origin, follows its predecessor in the message. Errors: ENOMEM, EMALFORMED. */
static crdt_err check_entries(gossip_engine *engine, const gossip_msg *msg)
{
    struct gossip__links *links = engine->links;
    if (msg->origins_count > msg->entries_count) return CRDT_EMALFORMED;
    for (uint32_t i = 1; i < msg->origins_count; i++) {
        if (msg->origins[i].replica <= msg->origins[i - 1].replica) return CRDT_EMALFORMED;
    }
    crdt_err err = gossip__room(engine, &links->tails, &links->tails_cap, msg->origins_count,
                                sizeof *links->tails);
    if (err != CRDT_OK || msg->entries_count == 0) return err;
    memset(links->tails, 0, msg->origins_count * sizeof *links->tails);
    for (uint32_t i = 0; i < msg->entries_count; i++) {
        const gossip_entry *entry = &msg->entries[i];
        uint32_t            at = find_origin(msg, entry->replica);
        if (at == msg->origins_count) return CRDT_EMALFORMED;
        uint32_t before = links->tails[at].entry;
        if (before != 0 && msg->entries[before - 1].last + 1 != entry->first) {
            return CRDT_EMALFORMED;
        }
        links->tails[at].entry = i + 1;
    }
    memset(links->tails, 0, msg->origins_count * sizeof *links->tails);
    return CRDT_OK;
}

static uint32_t tag_before(gossip_engine *engine, const gossip_msg *msg, uint32_t i)
{
    uint32_t      at = find_origin(msg, msg->entries[i].replica);
    gossip__tail *tail = &engine->links->tails[at];
    uint32_t      tag = msg->origins[at].tag;
    if (tail->entry != 0) tag = gossip_entry_tag(&msg->entries[tail->entry - 1], tail->tag_before);
    tail->entry = i + 1;
    tail->tag_before = tag;
    return tag;
}

/* Did the entry that is held come from this very peer? Then it was sent again for safety. */
static bool had_from(const gossip_engine *engine, const gossip__peer *peer, uint32_t who,
                     const gossip_entry *entry)
{
    uint64_t at = gossip__log_above(engine, who, entry->first - 1);
    return at != GOSSIP_NEVER && gossip__log_at(&engine->log, at)->from == peer->handle;
}

static crdt_err settle(gossip_engine *engine, gossip__peer *peer, const gossip_entry *entry,
                       gossip__outcome outcome, gossip__taken *taken)
{
    uint32_t who = gossip__find(engine, entry->replica);
    peer->entries_received++;
    switch (outcome) {
    case GOSSIP__DELIVERED: taken->news = true; break;
    case GOSSIP__DUPLICATE:
        peer->duplicates++;
        taken->again |= had_from(engine, peer, who, entry);
        break;
    case GOSSIP__PARKED:
    case GOSSIP__DROPPED: taken->news = taken->lacking = true; break;
    case GOSSIP__FORKED:
        taken->news = true;
        gossip__fork(engine, peer, who);
        return CRDT_OK;
    case GOSSIP__POISONED:
        taken->news = true;
        gossip__bad(engine, peer, CRDT_EMALFORMED);
        return CRDT_OK;
    }
    return gossip__knows(engine, peer, who, entry->last);
}

crdt_err gossip__entries_in(gossip_engine *engine, uint64_t ms, gossip__peer *peer,
                            const gossip_msg *msg, gossip__taken *ret_taken)
{
    memset(ret_taken, 0, sizeof *ret_taken);
    crdt_err err = check_entries(engine, msg);
    for (uint32_t i = 0; err == CRDT_OK && i < msg->entries_count; i++) {
        const gossip_entry *entry = &msg->entries[i];
        uint32_t tag = tag_before(engine, msg, i), who = gossip__find(engine, entry->replica);
        gossip__outcome outcome;
        if (who != GOSSIP__NOBODY && gossip__is_forked(peer, who)) continue;
        err = gossip__deliver(engine, ms, entry, tag, peer->handle, &outcome);
        if (err == CRDT_OK) err = settle(engine, peer, entry, outcome, ret_taken);
    }
    if (ret_taken->lacking && peer->gap_at == GOSSIP_NEVER) {
        peer->gap_at = engine->now + engine->config.graft_us;
    }
    return err;
}

/* -- PUSH, HAVE, TOOK: in ---------------------------------------------------------------------- */

static void take_with(gossip_engine *engine, gossip__peer *peer, uint32_t id, bool prune)
{
    gossip__reply *reply = gossip__reply_new(engine, peer, GOSSIP_TOOK, id);
    if (reply == NULL) return;
    reply->prune = prune;
    reply->after = engine->log.end; /* so that it tells of what just came, once it is safe */
    reply->until = engine->now + engine->config.timeout_us / 4;
}

crdt_err gossip__push_in(gossip_engine *engine, uint64_t ms, gossip__peer *peer,
                         const gossip_msg *msg)
{
    gossip__taken taken = {false, false, false};
    if (!engine->readonly) {
        crdt_err err = gossip__entries_in(engine, ms, peer, msg, &taken);
        if (err != CRDT_OK) return err;
        bool prune = msg->entries_count > 0 && !taken.news && !taken.again;
        if (prune) {
            peer->eager = false;
            gossip__push_news(engine, peer);
        }
        take_with(engine, peer, msg->id, prune);
    } else {
        take_with(engine, peer, msg->id, false);
    }
    return CRDT_OK;
}

crdt_err gossip__have_in(gossip_engine *engine, gossip__peer *peer, const gossip_msg *msg)
{
    take_with(engine, peer, msg->id, false);
    return CRDT_OK;
}

crdt_err gossip__took_in(gossip_engine *engine, gossip__peer *peer, const gossip_msg *msg,
                         gossip__request *request)
{
    peer->credit = msg->credit;
    if (request->kind == GOSSIP_PUSH && msg->credit == 0) gossip__push_lost(engine, peer, request);
    if (msg->prune && peer->eager) {
        peer->eager = false;
        gossip__push_news(engine, peer);
    }
    gossip__request_done(peer, request);
    return CRDT_OK;
}

crdt_err gossip__took_build(gossip_engine *engine, gossip__peer *peer, const gossip__reply *reply)
{
    gossip_msg *msg = &engine->links->msg;
    msg->kind = GOSSIP_TOOK;
    msg->prune = reply->prune;
    msg->credit = gossip__credit(engine);
    return gossip__tell(engine, peer, &msg->vector);
}

/* -- PUSH, HAVE: out --------------------------------------------------------------------------- */

/* The log position up to which entries are pushed to it. */
static uint64_t push_limit(const gossip_engine *engine, const gossip__peer *peer)
{
    if (peer->eager) return engine->log.persisted;
    return peer->owed < engine->log.persisted ? peer->owed : engine->log.persisted;
}

bool gossip__push_waits(const gossip_engine *engine, const gossip__peer *peer)
{
    return peer->vector_known && !peer->behind && peer->push_at < push_limit(engine, peer);
}

void gossip__push_news(gossip_engine *engine, gossip__peer *peer)
{
    if (!peer->vector_known) return;
    if (gossip__push_waits(engine, peer) && peer->push_due == GOSSIP_NEVER) {
        gossip_time due = peer->pushed + engine->config.push_us; /* alone: at once */
        peer->push_due = due > engine->now ? due : engine->now;
    }
    if ((!peer->eager || peer->credit == 0) && peer->have_due == GOSSIP_NEVER) {
        peer->have_due = engine->now + gossip__jitter(engine, engine->config.have_us);
    }
}

void gossip__push_rewind(gossip_engine *engine, gossip__peer *peer)
{
    gossip__missing walk;
    uint64_t        first = engine->log.persisted;
    peer->behind = !gossip__serves(engine, peer);
    peer->push_at = engine->log.first;
    if (gossip__missing_begin(engine, &peer->known, &walk) != CRDT_OK) return;
    if (gossip__missing_next(&walk, &first)) peer->push_at = first;
    else peer->push_at = engine->log.persisted;
    gossip__missing_end(engine, &walk);
}

void gossip__push_lost(gossip_engine *engine, gossip__peer *peer, const gossip__request *lost)
{
    for (uint32_t i = 0; i < lost->spans_count; i++) {
        const gossip__span *span = &lost->spans[i];
        uint64_t            known = gossip__vec_at(&peer->known, span->who);
        if (known >= span->to || span->who >= peer->offered.count) continue;
        uint64_t back = known > span->from ? known : span->from;
        if (peer->offered.seq[span->who] > back) peer->offered.seq[span->who] = back;
        uint64_t at = gossip__log_above(engine, span->who, back);
        if (at < peer->push_at) peer->push_at = at;
    }
    peer->push_due = engine->now;
    if (peer->eager) return;
    peer->have_clock = 0;
    peer->have_due = engine->now;
}

static bool is_lacking(const gossip__peer *peer, const gossip__record *record)
{
    uint32_t who = record->who;
    if (who == GOSSIP__NOBODY || gossip__vec_at(&peer->offered, who) >= record->last) return false;
    return gossip__vec_at(&peer->known, who) < record->last && !gossip__is_forked(peer, who);
}

/* Room on the link for so many bytes of entries more? One message is let through in any case. */
static bool has_credit(const gossip_engine *engine, const gossip__peer *peer, size_t bytes)
{
    uint64_t credit = engine->config.credit_bytes;
    if (peer->credit < credit) credit = peer->credit;
    return peer->flying + bytes <= credit || (peer->flying == 0 && credit > 0);
}

static bool may_push(const gossip_engine *engine, const gossip__peer *peer)
{
    uint32_t slots = engine->config.credit_frames;
    if (!gossip__push_waits(engine, peer) || peer->push_due > engine->now) return false;
    if (peer->pulls && engine->now < peer->pulls_until) return false;
    return peer->in_flight + 1 < slots || peer->in_flight == 0; /* one is kept for SYNC */
}

/* At a checkpoint something comes that is in no entry: what follows it cannot be put behind what
 * stands before it, and a peer that lacks it needs a snapshot. */
static bool passes_checkpoint(const gossip_engine *engine, gossip__peer *peer, size_t bytes)
{
    if (bytes > 0) return false;
    peer->behind = !gossip__serves(engine, peer);
    return !peer->behind;
}

/* Entries from push_at on, a chunk of them. */
static crdt_err put_push(gossip_engine *engine, gossip__peer *peer, gossip__request **request)
{
    uint64_t limit = push_limit(engine, peer);
    size_t   bytes = 0;
    for (; peer->push_at < limit; peer->push_at++) {
        const gossip__record *record = gossip__log_at(&engine->log, peer->push_at);
        if (record->who == GOSSIP__NOBODY && !passes_checkpoint(engine, peer, bytes)) break;
        if (!is_lacking(peer, record)) continue;
        size_t size = gossip__entry_size(record);
        if (bytes > 0 && bytes + size > engine->config.chunk_bytes) break;
        if (!has_credit(engine, peer, bytes + size)) break;
        if (size + 1024 > peer->frame_max) {
            peer->behind = true; /* no message that it accepts can carry this */
            break;
        }
        if (*request == NULL) *request = gossip__request_new(engine, peer, GOSSIP_PUSH);
        crdt_err err = gossip__entry_add(engine, peer, record, *request);
        if (err != CRDT_OK && bytes > 0) break; /* the rest another time */
        if (err != CRDT_OK) {
            gossip__request_done(peer, *request);
            return err;
        }
        bytes += size;
    }
    if (*request == NULL) return CRDT_OK;
    (*request)->bytes = (uint32_t)bytes;
    peer->flying += bytes;
    return CRDT_OK;
}

static crdt_err build_push(gossip_engine *engine, gossip__peer *peer, bool *ret_built)
{
    gossip_msg      *msg = &engine->links->msg;
    gossip__request *request = NULL;
    if (peer->push_at < engine->log.first) gossip__push_rewind(engine, peer); /* it was cut */
    if (!may_push(engine, peer)) return CRDT_OK;
    crdt_err err = gossip__ranks_follow(engine);
    if (err != CRDT_OK) return err;
    gossip__entries_begin(engine);
    err = put_push(engine, peer, &request);
    if (!gossip__push_waits(engine, peer)) peer->push_due = GOSSIP_NEVER;
    if (err != CRDT_OK || request == NULL) return err;
    gossip__entries_end(engine);
    peer->pushed = engine->now;
    msg->kind = GOSSIP_PUSH;
    msg->id = request->id;
    *ret_built = true;
    return CRDT_OK;
}

/* Something was raised since the last announcement that the peer is not known to hold. */
static bool has_news(const gossip_engine *engine, const gossip__peer *peer)
{
    const struct gossip__links *links = engine->links;
    uint32_t                    who = links->newest;
    for (; who != GOSSIP__NOBODY; who = links->ranks[who].older) {
        if (links->ranks[who].at <= peer->have_clock) return false;
        if (gossip__vec_at(&peer->known, who) < engine->replicas[who].held) return true;
    }
    return false;
}

static crdt_err build_have(gossip_engine *engine, gossip__peer *peer, bool *ret_built)
{
    gossip_msg *msg = &engine->links->msg;
    if (engine->now < peer->have_due || gossip__request_flying(engine, peer, GOSSIP_HAVE)) {
        return CRDT_OK;
    }
    crdt_err err = gossip__ranks_follow(engine);
    if (err != CRDT_OK) return err;
    bool news = has_news(engine, peer) && (!peer->eager || peer->credit == 0);
    if (news) err = gossip__tell(engine, peer, &msg->vector);
    if (err != CRDT_OK) return err;
    peer->have_due = GOSSIP_NEVER;
    if (news && msg->vector.version != 0) {
        gossip__request *request = gossip__request_new(engine, peer, GOSSIP_HAVE);
        if (request == NULL) { /* when there is a place */
            peer->have_due = engine->now + engine->config.have_us;
            memset(&msg->vector, 0, sizeof msg->vector);
            return CRDT_OK;
        }
        request->version = msg->vector.version;
        msg->kind = GOSSIP_HAVE;
        msg->id = request->id;
        *ret_built = true;
    }
    peer->have_clock = engine->links->clock;
    return CRDT_OK;
}

crdt_err gossip__push_build(gossip_engine *engine, gossip__peer *peer, bool *ret_built)
{
    if (!peer->vector_known) return CRDT_OK;
    crdt_err err = build_push(engine, peer, ret_built);
    if (err != CRDT_OK || *ret_built) return err;
    return build_have(engine, peer, ret_built);
}
