/* core/peers.c: records of peers, their requests in flight, the replies that wait for them. */
#include "gossip/core/peers.h"

#include <string.h>

/* -- Memory ------------------------------------------------------------------------------------ */

crdt_err gossip__room(gossip_engine *engine, void *p, size_t *cap, size_t need, size_t size)
{
    if (need <= *cap) return CRDT_OK;
    void  *old, *grown;
    size_t more = *cap + *cap / 2 + 4;
    if (more < need) more = need;
    memcpy(&old, p, sizeof old);
    grown = gossip__resize(engine, old, *cap * size, more * size);
    if (grown == NULL) return CRDT_ENOMEM;
    memcpy(p, &grown, sizeof grown);
    *cap = more;
    return CRDT_OK;
}

static uint64_t key_at(const unsigned char *items, size_t i, size_t size)
{
    uint64_t key;
    memcpy(&key, items + i * size, sizeof key);
    return key;
}

/* Shell's sort. */
void gossip__sort(void *items, size_t count, size_t size)
{
    unsigned char *at = items, moving[64];
    size_t         gap = 1;
    while (gap < count / 3) gap = gap * 3 + 1;
    for (; gap > 0; gap /= 3) {
        for (size_t i = gap; i < count; i++) {
            size_t   to = i;
            uint64_t key = key_at(at, i, size);
            if (key_at(at, i - gap, size) <= key) continue;
            memcpy(moving, at + i * size, size);
            for (; to >= gap && key_at(at, to - gap, size) > key; to -= gap) {
                memcpy(at + to * size, at + (to - gap) * size, size);
            }
            memcpy(at + to * size, moving, size);
        }
    }
}

/* -- Peers ------------------------------------------------------------------------------------- */

gossip__peer *gossip__peer_get(const gossip_engine *engine, gossip_peer handle)
{
    const struct gossip__links *links = engine->links;
    if (handle == 0 || handle > links->peers_count) return NULL;
    return links->peers[handle - 1];
}

gossip__peer *gossip__peer_by_node(const gossip_engine *engine, uint64_t node)
{
    const struct gossip__links *links = engine->links;
    for (size_t i = 0; i < links->peers_count; i++) {
        gossip__peer *peer = links->peers[i];
        if (peer != NULL && peer->node == node && !peer->gone) return peer;
    }
    return NULL;
}

gossip__peer *gossip__peer_by_address(const gossip_engine *engine, crdt_view address)
{
    const struct gossip__links *links = engine->links;
    if (address.size == 0) return NULL;
    for (size_t i = 0; i < links->peers_count; i++) {
        gossip__peer *peer = links->peers[i];
        if (peer == NULL || peer->gone || peer->address.size != address.size) continue;
        if (memcmp(peer->address.bytes, address.data, address.size) == 0) return peer;
    }
    return NULL;
}

/* One that came by itself, cannot be called, and is away: its place may be used. */
static gossip__peer *dispensable(const gossip_engine *engine)
{
    const struct gossip__links *links = engine->links;
    gossip__peer               *oldest = NULL;
    for (size_t i = 0; i < links->peers_count; i++) {
        gossip__peer *peer = links->peers[i];
        if (peer == NULL || peer->configured || peer->address.size > 0) continue;
        if (peer->link != 0 || peer->driver_link != 0) continue;
        if (oldest == NULL || peer->heard < oldest->heard) oldest = peer;
    }
    return oldest;
}

/* A free handle, with room for it on all lists. */
static crdt_err find_place(gossip_engine *engine, size_t *ret_at)
{
    struct gossip__links *links = engine->links;
    if (links->count >= GOSSIP__PEERS_MAX) {
        gossip__peer *old = dispensable(engine);
        if (old == NULL) return CRDT_ELIMIT;
        gossip__peer_free(engine, old);
    }
    for (size_t i = 0; i < links->peers_count; i++) {
        if (links->peers[i] == NULL) {
            *ret_at = i;
            return CRDT_OK;
        }
    }
    size_t   need = links->peers_count + 1;
    crdt_err err = gossip__room(engine, &links->peers, &links->peers_cap, need, sizeof(void *));
    if (err == CRDT_OK) {
        err = gossip__room(engine, &links->active, &links->active_cap, need, sizeof(gossip_peer));
    }
    if (err == CRDT_OK) {
        err = gossip__room(engine, &links->heap, &links->heap_cap, need, sizeof(void *));
    }
    if (err != CRDT_OK) return err;
    *ret_at = links->peers_count;
    links->peers[links->peers_count++] = NULL;
    return CRDT_OK;
}

crdt_err gossip__peer_make(gossip_engine *engine, crdt_view address, gossip__peer **ret_peer)
{
    struct gossip__links *links = engine->links;
    size_t                at;
    crdt_err              err = find_place(engine, &at);
    if (err != CRDT_OK) return err;
    gossip__peer *peer = gossip__alloc(engine, sizeof *peer);
    if (peer == NULL) return CRDT_ENOMEM;
    memset(peer, 0, sizeof *peer);
    peer->handle = (gossip_peer)(at + 1);
    peer->address.size = (uint8_t)address.size;
    if (address.size > 0) memcpy(peer->address.bytes, address.data, address.size);
    peer->dial_at = GOSSIP_NEVER;
    peer->patience = engine->config.timeout_us;
    peer->credit = engine->config.credit_bytes;
    links->peers[at] = peer;
    links->count++;
    links->topology_due = true;
    *ret_peer = peer;
    return CRDT_OK;
}

void gossip__peer_activate(gossip_engine *engine, gossip__peer *peer)
{
    struct gossip__links *links = engine->links;
    if (!peer->active) {
        peer->active = true;
        links->active[links->active_count++] = peer->handle;
    }
    gossip__wake(engine, peer);
}

static void free_name(gossip_engine *engine, gossip__reply *reply)
{
    gossip__release(engine, reply->name, reply->name_size + 1u);
    reply->name = NULL;
}

void gossip__peer_reset(gossip_engine *engine, gossip__peer *peer)
{
    uint32_t slots = engine->config.credit_frames;
    if (peer->requests != NULL) {
        for (uint32_t i = 0; i < slots; i++) {
            gossip__request *request = &peer->requests[i];
            gossip__release(engine, request->spans, request->spans_cap * sizeof *request->spans);
        }
        gossip__release(engine, peer->requests, slots * sizeof *peer->requests);
        peer->requests = NULL;
    }
    for (uint32_t i = 0; i < peer->replies_count; i++) free_name(engine, &peer->replies[i]);
    gossip__release(engine, peer->replies, peer->replies_cap * sizeof *peer->replies);
    gossip__vec_clear(engine, &peer->offered);
    gossip__vec_clear(engine, &peer->sent);
    gossip__release(engine, peer->forked, peer->forked_cap * sizeof *peer->forked);
    gossip__release(engine, peer->common, peer->common_cap * sizeof *peer->common);
    peer->replies = NULL;
    peer->replies_count = peer->replies_cap = 0;
    peer->forked = NULL;
    peer->forked_count = 0;
    peer->forked_cap = 0;
    peer->common = NULL;
    peer->common_cap = 0;
    peer->in_flight = peer->timeouts = 0;
    peer->flying = 0;
    peer->vector_known = peer->sync_now = peer->want = peer->graft = peer->pulls = false;
    peer->behind = peer->in_sync = peer->eager = false;
    peer->taken = peer->taken_told = peer->version = peer->acked_version = peer->out_version = 0;
    peer->acked_clock = peer->out_clock = peer->same_clock = peer->have_clock = 0;
    peer->push_at = peer->owed = peer->want_after = 0;
    peer->strangers = peer->unequal = 0;
    peer->push_due = peer->have_due = peer->gap_at = GOSSIP_NEVER;
}

void gossip__peer_free(gossip_engine *engine, gossip__peer *peer)
{
    struct gossip__links *links = engine->links;
    gossip__peer_reset(engine, peer);
    gossip__vec_clear(engine, &peer->known);
    gossip__due_forget(engine, peer);
    for (size_t i = 0; i < links->active_count; i++) {
        if (links->active[i] != peer->handle) continue;
        links->active[i] = links->active[--links->active_count];
        break;
    }
    if (links->fetched.peer == peer->handle) links->fetched.peer = 0;
    if (links->repair.peer == peer->handle) gossip__repair_stop(engine);
    links->peers[peer->handle - 1] = NULL;
    links->count--;
    links->topology_due = true;
    gossip__release(engine, peer, sizeof *peer);
}

void gossip__bad(gossip_engine *engine, gossip__peer *peer, crdt_err err)
{
    (void)engine;
    peer->malformed++;
    peer->error = err;
}

/* -- Requests in flight ------------------------------------------------------------------------ */

uint32_t gossip__next_id(gossip_engine *engine)
{
    struct gossip__links *links = engine->links;
    if (++links->next_id == 0) links->next_id = 1;
    return links->next_id;
}

gossip__request *gossip__request_new(gossip_engine *engine, gossip__peer *peer,
                                     gossip_msg_kind kind)
{
    uint32_t slots = engine->config.credit_frames;
    if (peer->in_flight >= slots || peer->requests == NULL) return NULL;
    gossip__request *request = peer->requests;
    while (request->id != 0) request++;
    gossip__span *spans = request->spans;
    uint32_t      cap = request->spans_cap;
    memset(request, 0, sizeof *request);
    request->spans = spans;
    request->spans_cap = cap;
    request->id = gossip__next_id(engine);
    request->kind = kind;
    request->sent = engine->now;
    request->deadline = engine->now + peer->timeout;
    request->clock = engine->links->clock;
    request->raises = peer->raises;
    peer->in_flight++;
    return request;
}

gossip__request *gossip__request_find(const gossip_engine *engine, gossip__peer *peer, uint32_t id)
{
    if (peer->requests == NULL || id == 0) return NULL;
    for (uint32_t i = 0; i < engine->config.credit_frames; i++) {
        if (peer->requests[i].id == id) return &peer->requests[i];
    }
    return NULL;
}

bool gossip__request_flying(const gossip_engine *engine, const gossip__peer *peer,
                            gossip_msg_kind kind)
{
    if (peer->in_flight == 0) return false;
    for (uint32_t i = 0; i < engine->config.credit_frames; i++) {
        if (peer->requests[i].id != 0 && peer->requests[i].kind == kind) return true;
    }
    return false;
}

void gossip__request_done(gossip__peer *peer, gossip__request *request)
{
    peer->flying -= request->bytes;
    peer->in_flight--;
    request->id = 0;
}

gossip_time gossip__round_trip(const gossip_engine *engine, const gossip__peer *peer)
{
    gossip_time most = engine->config.timeout_us, least = most / 20;
    gossip_time took = peer->round_trip + 4 * peer->variation;
    if (peer->round_trip == 0 || took > most) return most;
    return took < least ? least : took;
}

/* -- Replies that wait ------------------------------------------------------------------------- */

gossip__reply *gossip__reply_new(gossip_engine *engine, gossip__peer *peer, gossip_msg_kind kind,
                                 uint32_t id)
{
    if (peer->replies_count >= GOSSIP__REPLIES_MAX) {
        peer->refused++;
        return NULL;
    }
    size_t   cap = peer->replies_cap;
    crdt_err err =
        gossip__room(engine, &peer->replies, &cap, peer->replies_count + 1u, sizeof *peer->replies);
    peer->replies_cap = (uint32_t)cap;
    if (err != CRDT_OK) return NULL;
    gossip__reply *reply = &peer->replies[peer->replies_count++];
    memset(reply, 0, sizeof *reply);
    reply->kind = kind;
    reply->id = id;
    reply->link = peer->link;
    gossip__peer_activate(engine, peer);
    return reply;
}

void gossip__reply_done(gossip_engine *engine, gossip__peer *peer, uint32_t index)
{
    free_name(engine, &peer->replies[index]);
    peer->replies_count--;
    memmove(peer->replies + index, peer->replies + index + 1,
            (peer->replies_count - index) * sizeof *peer->replies);
}

void gossip__refuse(gossip_engine *engine, gossip__peer *peer, uint32_t id, gossip_refusal refusal)
{
    gossip__reply *reply = gossip__reply_new(engine, peer, GOSSIP_REFUSED, id);
    if (reply != NULL) reply->refusal = refusal;
}

/* -- The face of gossip/engine.h --------------------------------------------------------------- */

crdt_err gossip_engine_add_peer(gossip_engine *engine, crdt_view address, gossip_peer *ret_peer)
{
    if (address.size == 0) return CRDT_EINVAL;
    if (address.size > GOSSIP__ADDRESS_MAX) return CRDT_ELIMIT;
    gossip__peer *peer = gossip__peer_by_address(engine, address);
    if (peer == NULL) {
        crdt_err err = gossip__peer_make(engine, address, &peer);
        if (err != CRDT_OK) return err;
    }
    if (!peer->configured) engine->links->topology_due = true;
    peer->configured = true;
    if (ret_peer != NULL) *ret_peer = peer->handle;
    return CRDT_OK;
}

crdt_err gossip_engine_forget_peer(gossip_engine *engine, gossip_peer handle)
{
    gossip__peer *peer = gossip__peer_get(engine, handle);
    if (peer == NULL || peer->gone) return CRDT_ENOENT;
    gossip__unlink(engine, peer, false);
    engine->links->topology_due = true;
    peer->gone = engine->links->some_gone = true;
    peer->dial_at = GOSSIP_NEVER;
    if (peer->driver_link == 0) gossip__peer_free(engine, peer);
    return CRDT_OK;
}

/* The peer holds it; or never will, from here: it has another history of its replica. */
static bool is_settled(const gossip_engine *engine, const gossip__peer *peer, uint64_t position)
{
    const gossip__record *record = gossip__log_at(&engine->log, position);
    if (record->who == GOSSIP__NOBODY) return true;
    return gossip__vec_at(&peer->known, record->who) >= record->last ||
           gossip__is_forked(peer, record->who);
}

/* Moves on over what the peer holds: each position once. */
static uint64_t needed_by(const gossip_engine *engine, gossip__peer *peer)
{
    const gossip__log *log = &engine->log;
    if (peer->needed < log->first) peer->needed = log->first;
    while (peer->needed < log->persisted && is_settled(engine, peer, peer->needed)) peer->needed++;
    return peer->needed;
}

/* What the peer holds of a replica, as far as is known: by what was said on the link, or by the
 * last entry of its own that came here, on whatever way: it proves its past (rule R1). */
static uint64_t known_of(const gossip_engine *engine, const gossip__peer *peer, uint32_t who)
{
    uint64_t said = gossip__vec_at(&peer->known, who), proven;
    uint32_t itself = peer->replica != 0 ? gossip__find(engine, peer->replica) : GOSSIP__NOBODY;
    if (itself == GOSSIP__NOBODY) return said;
    proven = gossip__vec_at(&engine->replicas[itself].past, who);
    return proven > said ? proven : said;
}

/* How far the two are apart, as far as is known. */
static void put_lag(const gossip_engine *engine, const gossip__peer *peer, gossip_peer_info *info)
{
    for (uint32_t who = 0; who < engine->replicas_count; who++) {
        uint64_t known = known_of(engine, peer, who);
        uint64_t delivered = engine->replicas[who].delivered;
        uint64_t at = gossip__log_above(engine, who, known);
        if (known > delivered) info->lacked += known - delivered;
        if (at == GOSSIP_NEVER) continue;
        const gossip__record *record = gossip__log_at(&engine->log, at);
        uint32_t              count = gossip__log_count_above(engine, who, known);
        /* To a last ACK nobody answers: without a link it stays unproven. */
        if (count == 1 && record->kind == GOSSIP_ACK && peer->link == 0) continue;
        if (info->lacks == 0 || record->ms < info->lacks_ms) info->lacks_ms = record->ms;
        info->lacks += count;
    }
    info->behind = !gossip__serves(engine, peer);
}

bool gossip_engine_peer(const gossip_engine *engine, size_t i, gossip_peer_info *ret_info)
{
    const struct gossip__links *links = engine->links;
    gossip__peer               *peer = NULL;
    for (size_t n = 0; n < links->peers_count; n++) {
        gossip__peer *at = links->peers[n];
        if (at == NULL || at->gone || i-- > 0) continue;
        peer = at;
        break;
    }
    if (peer == NULL) return false;
    memset(ret_info, 0, sizeof *ret_info);
    ret_info->handle = peer->handle;
    ret_info->address = gossip__address_of(peer);
    ret_info->node = peer->node;
    ret_info->replica = peer->replica;
    ret_info->linked = peer->link != 0;
    ret_info->wanted = peer->wanted;
    ret_info->eager = peer->eager;
    ret_info->in_sync = peer->in_sync;
    ret_info->quarantined = peer->forked_count > 0 || peer->clone;
    ret_info->heard = peer->heard;
    put_lag(engine, peer, ret_info);
    ret_info->sent = peer->sent_messages;
    ret_info->received = peer->received;
    ret_info->entries_sent = peer->entries_sent;
    ret_info->entries_received = peer->entries_received;
    ret_info->duplicates = peer->duplicates;
    ret_info->resent = peer->resent;
    ret_info->refused = peer->refused;
    ret_info->malformed = peer->malformed;
    ret_info->error = peer->error;
    return true;
}

gossip_peer gossip_engine_peer_of(const gossip_engine *engine, uint32_t link)
{
    const struct gossip__links *links = engine->links;
    if (link == 0) return 0;
    for (size_t i = 0; i < links->active_count; i++) {
        const gossip__peer *peer = gossip__peer_get(engine, links->active[i]);
        if (peer->link == link) return peer->handle;
    }
    return 0;
}

/* -- Who holds what ---------------------------------------------------------------------------- */

uint32_t gossip_engine_holders(const gossip_engine *engine, crdt_dot dot)
{
    const struct gossip__links *links = engine->links;
    uint32_t                    who = gossip__find(engine, dot.replica), count = 0;
    if (who == GOSSIP__NOBODY || dot.seq == 0) return 0;
    for (size_t i = 0; i < links->peers_count; i++) {
        const gossip__peer *peer = links->peers[i];
        if (peer == NULL || peer->gone || peer->itself) continue;
        count += known_of(engine, peer, who) >= dot.seq && !gossip__is_forked(peer, who);
    }
    return count;
}

bool gossip__links_hold(const gossip_engine *engine, uint32_t who, uint64_t seq)
{
    crdt_dot dot = {engine->replicas[who].id, seq};
    return gossip_engine_holders(engine, dot) > 0;
}

/* The first entry that this node wrote and that nobody else is known to have. */
static uint64_t own_alone(const gossip_engine *engine)
{
    const gossip__log *log = &engine->log;
    uint64_t           at = engine->links->alone;
    if (at < log->first) at = log->first;
    for (; at < log->persisted; at++) {
        const gossip__record *record = gossip__log_at(log, at);
        if (record->who == GOSSIP__NOBODY || record->from != 0) continue;
        if (!gossip__links_hold(engine, record->who, record->last)) break;
    }
    engine->links->alone = at;
    return at;
}

uint64_t gossip__links_needed(const gossip_engine *engine)
{
    const struct gossip__links *links = engine->links;
    uint64_t                    needed = GOSSIP_NEVER;
    if (links->linked == 0) return GOSSIP_NEVER;
    for (size_t i = 0; i < links->active_count; i++) {
        gossip__peer *peer = gossip__peer_get(engine, links->active[i]);
        if (peer->link == 0) continue;
        uint64_t at = needed_by(engine, peer);
        if (at < needed) needed = at;
    }
    uint64_t alone = own_alone(engine);
    return alone < needed ? alone : needed;
}

void gossip__links_stats(const gossip_engine *engine, gossip_stats *stats)
{
    stats->links = engine->links->linked;
    stats->peers = engine->links->count;
}
