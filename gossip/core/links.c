/* core/links.c: links as a whole: what came is dispatched, time passes, what is due goes out. */
#include "gossip/core/links.h"

#include <string.h>

#include "gossip/core/peers.h"

crdt_err gossip__links_new(gossip_engine *engine)
{
    struct gossip__links *links = gossip__alloc(engine, sizeof *links);
    if (links == NULL) return CRDT_ENOMEM;
    memset(links, 0, sizeof *links);
    links->next_id = (uint32_t)gossip__random(engine);
    links->newest = GOSSIP__NOBODY;
    links->round_us = engine->config.round_us;
    links->round_at = gossip__random(engine) % links->round_us;
    crdt_buf_init(&links->bytes, &engine->mem);
    crdt_buf_init(&links->name, &engine->mem);
    crdt_buf_init(&links->served.bytes, &engine->mem);
    crdt_buf_init(&links->fetched.bytes, &engine->mem);
    for (int i = 0; i < GOSSIP__SNAP_WINDOW; i++) {
        crdt_buf_init(&links->fetched.ahead[i], &engine->mem);
    }
    crdt_buf_init(&links->repair.name, &engine->mem);
    crdt_buf_init(&links->comparison.key, &engine->mem);
    crdt_buf_init(&links->comparison.names, &engine->mem);
    engine->links = links;
    return CRDT_OK;
}

void gossip__links_free(gossip_engine *engine)
{
    struct gossip__links *links = engine->links;
    for (size_t i = 0; i < links->peers_count; i++) {
        if (links->peers[i] != NULL) gossip__peer_free(engine, links->peers[i]);
    }
    gossip__snap_free(engine);
    crdt_buf_clear(&links->bytes);
    crdt_buf_clear(&links->name);
    crdt_buf_clear(&links->repair.name);
    crdt_buf_clear(&links->comparison.key);
    crdt_buf_clear(&links->comparison.names);
    gossip__release(engine, links->comparison.page,
                    links->comparison.page_cap * sizeof *links->comparison.page);
    gossip__release(engine, links->peers, links->peers_cap * sizeof *links->peers);
    gossip__release(engine, links->active, links->active_cap * sizeof *links->active);
    gossip__release(engine, links->heap, links->heap_cap * sizeof *links->heap);
    gossip__release(engine, links->ranks, links->ranks_cap * sizeof *links->ranks);
    gossip__release(engine, links->vector, links->vector_cap * sizeof *links->vector);
    gossip__release(engine, links->entries, links->entries_cap * sizeof *links->entries);
    gossip__release(engine, links->origins, links->origins_cap * sizeof *links->origins);
    gossip__release(engine, links->tails, links->tails_cap * sizeof *links->tails);
    gossip__release(engine, links->types, links->types_cap * sizeof *links->types);
    gossip__release(engine, links->digests, links->digests_cap * sizeof *links->digests);
    gossip__release(engine, links, sizeof *links);
    engine->links = NULL;
}

void gossip__links_news(gossip_engine *engine, gossip_time now)
{
    struct gossip__links *links = engine->links;
    bool                  fresh = links->told_news != engine->log.persisted;
    engine->now = now;
    links->told_news = engine->log.persisted;
    if (!fresh) return;
    gossip__wake_all(engine);
    gossip__aged(engine);
    gossip__rounds_news(engine);
    for (size_t i = 0; i < links->active_count; i++) {
        gossip__push_news(engine, gossip__peer_get(engine, links->active[i]));
    }
}

void gossip__links_reminted(gossip_engine *engine)
{
    engine->links->reminted = true; /* not in the middle of a message */
}

/* What an event left to be done before the next one. */
static void settle(gossip_engine *engine)
{
    struct gossip__links *links = engine->links;
    bool                  some = links->some_broken || links->reminted;
    for (size_t i = 0; some && i < links->active_count; i++) {
        gossip__peer *peer = gossip__peer_get(engine, links->active[i]);
        if (!peer->broken && !links->reminted) continue;
        peer->broken = false;
        gossip__unlink(engine, peer, true);
    }
    links->reminted = links->some_broken = false;
    if (links->topology_due) {
        gossip__topology(engine);
        gossip__wake_all(engine);
    }
}

/* -- What came --------------------------------------------------------------------------------- */

static bool is_request(gossip_msg_kind kind)
{
    switch (kind) {
    case GOSSIP_SYNC:
    case GOSSIP_WANT:
    case GOSSIP_PUSH:
    case GOSSIP_HAVE:
    case GOSSIP_SNAP:
    case GOSSIP_PAGE:
    case GOSSIP_FIX: return true;
    default: return false;
    }
}

static bool answers(gossip_msg_kind reply, gossip_msg_kind request)
{
    switch (reply) {
    case GOSSIP_STATE: return request == GOSSIP_SYNC || request == GOSSIP_WANT;
    case GOSSIP_TOOK: return request == GOSSIP_PUSH || request == GOSSIP_HAVE;
    case GOSSIP_CHUNK: return request == GOSSIP_SNAP;
    case GOSSIP_DIGESTS: return request == GOSSIP_PAGE;
    case GOSSIP_OBJECT: return request == GOSSIP_FIX;
    default: return false;
    }
}

/* Messages that always tell the sender's vector, if it has changed since it was acknowledged. */
static bool tells_vector(const gossip_msg *msg)
{
    return msg->kind == GOSSIP_SYNC || msg->kind == GOSSIP_WANT || msg->kind == GOSSIP_HAVE ||
           (msg->kind == GOSSIP_STATE && !msg->same);
}

static crdt_err take_request(gossip_engine *engine, uint64_t ms, gossip__peer *peer,
                             const gossip_msg *msg)
{
    if (peer->replies_count >= GOSSIP__REPLIES_MAX) {
        peer->refused++;
        return CRDT_OK;
    }
    crdt_err err;
    uint32_t before = peer->replies_count;
    switch (msg->kind) {
    case GOSSIP_SYNC:
    case GOSSIP_WANT: err = gossip__sync_in(engine, peer, msg); break;
    case GOSSIP_PUSH: err = gossip__push_in(engine, ms, peer, msg); break;
    case GOSSIP_HAVE: err = gossip__have_in(engine, peer, msg); break;
    case GOSSIP_SNAP: err = gossip__snap_in(engine, peer, msg); break;
    default: err = gossip__repair_in(engine, peer, msg); break;
    }
    if (peer->replies_count > before) peer->replies[before].version = msg->vector.version;
    return err;
}

/* How long the next requests may take. Each request has an id of its own, so a reply is never taken
 * for that to another. */
static void measure(gossip_engine *engine, gossip__peer *peer, const gossip__request *request)
{
    gossip_time took = engine->now - request->sent, off;
    if (peer->round_trip == 0) {
        peer->round_trip = took + 1;
        peer->variation = took / 2;
    } else {
        off = took > peer->round_trip ? took - peer->round_trip : peer->round_trip - took;
        peer->variation = (3 * peer->variation + off) / 4;
        peer->round_trip = (7 * peer->round_trip + took) / 8 + 1;
    }
    peer->timeout = gossip__round_trip(engine, peer);
    peer->timeouts = 0;
}

static crdt_err take_reply(gossip_engine *engine, uint64_t ms, gossip__peer *peer,
                           const gossip_msg *msg)
{
    gossip__request *request = gossip__request_find(engine, peer, msg->id);
    if (request == NULL || !answers(msg->kind, request->kind)) return CRDT_OK; /* too late */
    measure(engine, peer, request);
    gossip__told(peer, request->version);
    if (request->taken > peer->taken_told) peer->taken_told = request->taken;
    switch (msg->kind) {
    case GOSSIP_STATE: return gossip__state_in(engine, ms, peer, msg, request);
    case GOSSIP_TOOK: return gossip__took_in(engine, peer, msg, request);
    default: break;
    }
    gossip__request_done(peer, request);
    switch (msg->kind) {
    case GOSSIP_CHUNK: return gossip__chunk_in(engine, ms, peer, request, msg);
    case GOSSIP_DIGESTS:
        if (request->compares) return gossip__comparison_in(engine, peer, msg);
        return gossip__digests_in(engine, peer, msg);
    default: return gossip__object_in(engine, peer, msg);
    }
}

static crdt_err take_message(gossip_engine *engine, uint64_t ms, gossip__peer *peer,
                             const gossip_msg *msg)
{
    peer->heard = engine->now;
    peer->received++;
    gossip__confirm(engine, peer);
    gossip__told(peer, msg->vector_taken);
    crdt_err err = gossip__take(engine, peer, &msg->vector, tells_vector(msg));
    if (err != CRDT_OK) return err;
    if (is_request(msg->kind)) return take_request(engine, ms, peer, msg);
    return take_reply(engine, ms, peer, msg);
}

static crdt_err dispatch(gossip_engine *engine, uint64_t ms, gossip_peer from,
                         const gossip_msg *msg)
{
    gossip__peer *peer = gossip__peer_get(engine, from);
    switch (msg->kind) {
    case GOSSIP_HELLO: return gossip__hello_in(engine, from, msg);
    case GOSSIP_WELCOME: return gossip__welcome_in(engine, from, msg);
    case GOSSIP_REFUSED: gossip__refused_in(engine, from, msg); return CRDT_OK;
    default: break;
    }
    if (peer == NULL) return CRDT_OK;
    if (peer->link == 0 || msg->link != peer->link) {
        if (!is_request(msg->kind)) return CRDT_OK;
        gossip__refuse(engine, peer, msg->id, GOSSIP_UNKNOWN_LINK);
        if (peer->replies_count > 0) peer->replies[peer->replies_count - 1].link = msg->link;
        return CRDT_OK;
    }
    crdt_err err = take_message(engine, ms, peer, msg);
    if (err != CRDT_EMALFORMED) return err;
    gossip__bad(engine, peer, err);
    if (is_request(msg->kind)) gossip__refuse(engine, peer, msg->id, GOSSIP_BAD_MESSAGE);
    return CRDT_OK;
}

crdt_err gossip__links_receive(gossip_engine *engine, gossip_time now, uint64_t ms,
                               gossip_peer from, const gossip_msg *msg)
{
    gossip__peer *peer = gossip__peer_get(engine, from);
    engine->now = now;
    if (peer != NULL) gossip__wake(engine, peer);
    crdt_err err = dispatch(engine, ms, from, msg);
    settle(engine);
    return err;
}

/* -- Time -------------------------------------------------------------------------------------- */

static void lose(gossip_engine *engine, gossip__peer *peer, gossip__request *request)
{
    gossip_msg_kind kind = request->kind;
    if (kind == GOSSIP_PUSH) gossip__push_lost(engine, peer, request);
    gossip__request_done(peer, request);
    switch (kind) {
    case GOSSIP_SYNC: peer->sync_now |= !peer->vector_known; break;
    case GOSSIP_WANT: peer->want = true; break;
    case GOSSIP_HAVE:
        peer->have_clock = 0;
        peer->have_due = engine->now;
        break;
    case GOSSIP_SNAP: gossip__snap_unasked(engine, peer, request); break;
    case GOSSIP_PAGE:
    case GOSSIP_FIX:
        if (!request->compares) engine->links->repair.asked = false;
        else gossip__comparison_unasked(engine, peer, GOSSIP_NOT_REFUSED);
        break;
    default: break;
    }
}

/* A request was lost. One sent before the last loss was noticed tells nothing new. */
static void count_loss(gossip_engine *engine, gossip__peer *peer, gossip_time sent)
{
    gossip_time most = 8 * engine->config.timeout_us;
    if (peer->timeouts > 0 && sent < peer->timed_out) return;
    if (peer->timeouts++ == 0) peer->silent_since = sent;
    peer->timed_out = engine->now;
    peer->timeout = peer->timeout * 2 < most ? peer->timeout * 2 : most;
    /* It may have forgotten the link: ask who it is. */
    bool silent = engine->now - peer->silent_since >= 2 * engine->config.timeout_us;
    if (peer->timeouts >= 2 && silent && peer->link != 0) gossip__dial(engine, peer, engine->now);
}

static void check_requests(gossip_engine *engine, gossip__peer *peer)
{
    if (peer->in_flight == 0) return;
    for (uint32_t i = 0; i < engine->config.credit_frames; i++) {
        gossip__request *request = &peer->requests[i];
        if (request->id == 0 || engine->now < request->deadline) continue;
        gossip_time sent = request->sent;
        lose(engine, peer, request);
        count_loss(engine, peer, sent);
    }
    if (peer->timeouts < GOSSIP__SILENT_TIMEOUTS) return;
    if (engine->now - peer->silent_since < 8 * engine->config.timeout_us) return;
    if (peer->heard <= peer->silent_since) {
        gossip__unlink(engine, peer, peer->wanted);
        return;
    }
    peer->timeouts = 1; /* it was there, messages are lost: silent from then on, if at all */
    peer->silent_since = peer->heard;
}

/* A gap that is old enough: the link becomes eager, and what lacks is fetched. */
static void check_gap(gossip_engine *engine, gossip__peer *peer)
{
    const struct gossip__links *links = engine->links;
    if (engine->now < peer->gap_at) return;
    peer->gap_at = GOSSIP_NEVER;
    if (engine->readonly || !gossip__peer_has_more(engine, peer)) return;
    peer->gap_at = engine->now + engine->config.graft_us;
    if (links->fetched.peer != 0 || peer->want) return;
    for (size_t i = 0; i < links->active_count; i++) { /* somebody may be bringing it */
        if (gossip__pulling(engine, gossip__peer_get(engine, links->active[i]))) return;
    }
    peer->want = true;
    peer->graft = !peer->eager;
    peer->want_after = 0;
    peer->gap_at = engine->now + engine->config.timeout_us;
}

/* When to give up on one who dialled and said no more. */
static gossip_time confirm_by(const gossip_engine *engine, const gossip__peer *peer)
{
    return peer->begun + 8 * engine->config.timeout_us;
}

crdt_err gossip__links_tick(gossip_engine *engine, gossip_time now, uint64_t ms)
{
    struct gossip__links *links = engine->links;
    engine->now = now;
    if (links->starved) gossip__wake_all(engine);
    links->starved = false;
    gossip__wake_due(engine);
    settle(engine);
    gossip__peer *peer = gossip__awake(engine);
    for (; peer != NULL; peer = gossip__awake_after(engine, peer)) {
        links->looks++;
        if (peer->link == 0) continue;
        check_requests(engine, peer);
        if (!peer->confirmed && now >= confirm_by(engine, peer))
            gossip__unlink(engine, peer, false);
        if (peer->link != 0) check_gap(engine, peer);
        links->topology_due |= now >= gossip__unwanted_at(engine, peer);
    }
    gossip__aged(engine);
    gossip__rounds_tick(engine);
    gossip__comparison_tick(engine);
    gossip__repair_tick(engine);
    crdt_err err = gossip__snap_tick(engine, ms);
    settle(engine);
    return err;
}

void gossip_engine_lost(gossip_engine *engine, gossip_time now, gossip_peer from, uint32_t id)
{
    gossip__peer *peer = gossip__peer_get(engine, from);
    engine->now = now;
    if (peer == NULL) return;
    gossip__wake(engine, peer);
    if (id == 0) { /* it is gone */
        gossip__unlink(engine, peer, false);
        if (peer->wanted) gossip__dial(engine, peer, now + GOSSIP__DIAL_US);
    } else if (peer->link != 0) {
        gossip__request *request = gossip__request_find(engine, peer, id);
        if (request == NULL) return;
        gossip_time sent = request->sent;
        lose(engine, peer, request);
        count_loss(engine, peer, sent);
    }
    settle(engine);
}

void gossip_engine_unreadable(gossip_engine *engine, gossip_time now, gossip_peer from,
                              crdt_err err)
{
    gossip__peer *peer = gossip__peer_get(engine, from);
    engine->now = now;
    if (peer == NULL) return;
    gossip__bad(engine, peer, err);
    if (err != CRDT_ENOENT && err != CRDT_EVERSION) return;
    gossip__unlink(engine, peer, false);
    if (peer->wanted) gossip__dial(engine, peer, now + GOSSIP__DIAL_US);
    settle(engine);
}

static gossip_time earliest(gossip_time a, gossip_time b)
{
    return a < b ? a : b;
}

static gossip_time peer_deadline(const gossip_engine *engine, const gossip__peer *peer)
{
    gossip_time at = peer->dial_at;
    for (uint32_t i = 0; i < peer->replies_count; i++) {
        if (peer->replies[i].until > 0) at = earliest(at, peer->replies[i].until);
    }
    if (peer->link == 0) return at;
    at = earliest(at, gossip__unwanted_at(engine, peer));
    if (!peer->confirmed) return earliest(at, confirm_by(engine, peer));
    at = earliest(at, peer->gap_at);
    if (!gossip__request_flying(engine, peer, GOSSIP_HAVE)) at = earliest(at, peer->have_due);
    if (gossip__push_waits(engine, peer) && peer->push_due > engine->now) {
        at = earliest(at, peer->push_due);
    }
    if (peer->pulls && peer->pulls_until > engine->now) at = earliest(at, peer->pulls_until);
    for (uint32_t i = 0; peer->in_flight > 0 && i < engine->config.credit_frames; i++) {
        if (peer->requests[i].id != 0) at = earliest(at, peer->requests[i].deadline);
    }
    return at;
}

gossip_time gossip__links_deadline(const gossip_engine *engine)
{
    const struct gossip__links *links = engine->links;
    gossip_time                 at = GOSSIP_NEVER;
    if (links->starved) return links->starved_until;
    if (links->topology_due) return engine->now;
    if (links->linked > 0) at = links->round_at;
    if (links->linked > 0 && links->aged < engine->log.persisted) {
        at = earliest(at, links->aged_at + engine->config.graft_us);
    }
    at = earliest(at, gossip__next_due(engine));
    const gossip__peer *peer = gossip__awake(engine);
    for (; peer != NULL; peer = gossip__awake_after(engine, peer)) {
        at = earliest(at, peer_deadline(engine, peer));
        engine->links->looks++;
    }
    at = earliest(at, gossip__comparison_deadline(engine));
    return earliest(at, gossip__snap_deadline(engine));
}

/* -- Actions ----------------------------------------------------------------------------------- */

static bool next_link(gossip__peer *peer, gossip_action *ret_action)
{
    if (peer->driver_link == peer->link) return false;
    ret_action->peer = peer->handle;
    ret_action->kind = peer->driver_link != 0 ? GOSSIP_DO_UNLINK : GOSSIP_DO_LINK;
    ret_action->link = peer->driver_link != 0 ? peer->driver_link : peer->link;
    peer->driver_link = peer->driver_link != 0 ? 0 : peer->link;
    return true;
}

static crdt_err build_reply(gossip_engine *engine, gossip__peer *peer, const gossip__reply *reply)
{
    gossip_msg *msg = &engine->links->msg;
    if (reply->kind == GOSSIP_WELCOME) return gossip__welcome_build(engine, peer, reply->id);
    if (reply->kind != GOSSIP_REFUSED && (peer->link == 0 || reply->link != peer->link)) {
        return CRDT_OK; /* of a link that is no more */
    }
    msg->id = reply->id;
    msg->link = reply->link;
    switch (reply->kind) {
    case GOSSIP_REFUSED:
        msg->kind = GOSSIP_REFUSED;
        msg->refusal = reply->refusal;
        return CRDT_OK;
    case GOSSIP_STATE: return gossip__state_build(engine, peer, reply);
    case GOSSIP_TOOK: return gossip__took_build(engine, peer, reply);
    case GOSSIP_CHUNK: return gossip__chunk_build(engine, peer, reply);
    default: return gossip__repair_reply(engine, peer, reply);
    }
}

static void begin_message(gossip_engine *engine)
{
    memset(&engine->links->msg, 0, sizeof engine->links->msg);
    engine->links->answered = 0;
}

/* The first reply that need not wait. One that cannot be built is dropped: as if it were lost. */
static bool next_reply(gossip_engine *engine, gossip__peer *peer)
{
    for (uint32_t i = 0; i < peer->replies_count;) {
        const gossip__reply *reply = &peer->replies[i];
        if (reply->after > engine->log.persisted && engine->now < reply->until) {
            i++;
            continue;
        }
        begin_message(engine);
        crdt_err err = build_reply(engine, peer, reply);
        engine->links->answered = reply->version;
        gossip__reply_done(engine, peer, i);
        if (err == CRDT_OK && engine->links->msg.kind != 0) return true;
    }
    return false;
}

static crdt_err build_request(gossip_engine *engine, gossip__peer *peer, bool *ret_built)
{
    crdt_err err = gossip__hello_build(engine, peer, ret_built);
    if (err != CRDT_OK || *ret_built || !peer->confirmed) return err;
    err = gossip__sync_build(engine, peer, ret_built);
    if (err == CRDT_OK && !*ret_built) err = gossip__snap_build(engine, peer, ret_built);
    if (err == CRDT_OK && !*ret_built) err = gossip__repair_build(engine, peer, ret_built);
    if (err == CRDT_OK && !*ret_built) err = gossip__comparison_build(engine, peer, ret_built);
    if (err == CRDT_OK && !*ret_built) err = gossip__push_build(engine, peer, ret_built);
    return err;
}

static bool next_request(gossip_engine *engine, gossip__peer *peer)
{
    struct gossip__links *links = engine->links;
    bool                  built = false;
    if (links->starved) return false;
    begin_message(engine);
    crdt_err err = build_request(engine, peer, &built);
    if (err != CRDT_OK) { /* out of memory: all wait a little */
        links->starved = true;
        links->starved_until = engine->now + GOSSIP__AGAIN_US;
        return false;
    }
    if (built && links->msg.kind != GOSSIP_HELLO) links->msg.link = peer->link;
    return built;
}

/* What was taken in of the peer's vector, unless it knows, or will by the reply that this is. */
static void acknowledge(const gossip_engine *engine, gossip__peer *peer, gossip_msg *msg)
{
    if (peer->taken <= peer->taken_told || peer->taken == engine->links->answered) return;
    msg->vector_taken = peer->taken;
    gossip__request *request = gossip__request_find(engine, peer, msg->id);
    if (request != NULL && is_request(msg->kind)) request->taken = peer->taken;
}

static void send(gossip_engine *engine, gossip__peer *peer, gossip_action *ret_action)
{
    gossip_msg *msg = &engine->links->msg;
    ret_action->link = msg->link;
    if (msg->link != 0 && msg->kind != GOSSIP_REFUSED) {
        acknowledge(engine, peer, msg);
        msg->link = peer->link_out;
    }
    peer->sent_messages++;
    ret_action->kind = GOSSIP_DO_SEND;
    ret_action->peer = peer->handle;
    ret_action->msg = msg;
}

static bool next_refusal(gossip_engine *engine, gossip_action *ret_action)
{
    struct gossip__links *links = engine->links;
    if (links->refusals_count == 0) return false;
    gossip__refusal refusal = links->refusals[--links->refusals_count];
    begin_message(engine);
    links->msg.kind = GOSSIP_REFUSED;
    links->msg.id = refusal.id;
    links->msg.refusal = refusal.refusal;
    ret_action->kind = GOSSIP_DO_SEND;
    ret_action->msg = &links->msg;
    return true;
}

static void free_gone(gossip_engine *engine)
{
    struct gossip__links *links = engine->links;
    if (!links->some_gone) return;
    links->some_gone = false;
    for (size_t i = links->active_count; i-- > 0;) {
        gossip__peer *peer = gossip__peer_get(engine, links->active[i]);
        if (peer->gone && peer->driver_link == 0) gossip__peer_free(engine, peer);
        else links->some_gone |= peer->gone;
    }
}

bool gossip__links_next(gossip_engine *engine, gossip_action *ret_action)
{
    struct gossip__links *links = engine->links;
    free_gone(engine);
    settle(engine);
    if (gossip__comparison_next(engine, ret_action)) return true;
    if (next_refusal(engine, ret_action)) return true;
    for (gossip__peer *peer; (peer = gossip__awake(engine)) != NULL;) {
        links->looks++;
        if (next_link(peer, ret_action)) return true;
        if (next_reply(engine, peer) || (!peer->gone && next_request(engine, peer))) {
            gossip__turn_over(engine, peer);
            send(engine, peer, ret_action);
            return true;
        }
        gossip__sleep(engine, peer, peer_deadline(engine, peer));
    }
    return false;
}
