/* core/hello.c: who is there: a link begins, begins again, ends.
 *
 * A link is a pair of nonces, one of each side (boot in HELLO and WELCOME). Its number is their
 * hash and the direction: so what comes back to its sender is not taken for what the peer says. A
 * side answers HELLO with its own nonce, so both know the pair after one round trip; if both dial
 * at once they come to the same pair. A side that begins a link anew takes a fresh nonce unless its
 * own was never used: so a number never names two links, and no late message can be taken for one
 * of a younger link. Who was dialled waits for the other's first message: before WELCOME has
 * arrived, nothing else would be understood there.
 */
#include <string.h>

#include "gossip/core/peers.h"

#define VERSION 1u
#define TYPES_MAX 4096u
#define HELLO_PEERS_MAX 1024u
#define FRAME_MIN 65536u
#define DIALS_EACH 2u /* so often an address is dialled before the other one is */

static crdt_view no_name(void)
{
    return crdt_view_of(NULL, 0);
}

static void notify(gossip_engine *engine, gossip_notice notice, const gossip__peer *peer)
{
    crdt_dot dot = {peer->replica, 0};
    gossip__notify(engine, notice, peer->handle, dot, CRDT_OK, gossip__address_of(peer));
}

static void take_fresh_nonce(gossip_engine *engine, gossip__peer *peer)
{
    do {
        peer->nonce = gossip__random(engine);
    } while (peer->nonce == 0);
    peer->nonce_used = false;
    peer->hello_id = 0;
}

void gossip__dial(gossip_engine *engine, gossip__peer *peer, gossip_time at)
{
    if (peer->address.size == 0 || peer->itself || peer->gone) return;
    if (at < peer->dial_at) peer->dial_at = at;
    gossip__peer_activate(engine, peer);
}

/* -- A link ends, a link begins ---------------------------------------------------------------- */

void gossip__unlink(gossip_engine *engine, gossip__peer *peer, bool redial)
{
    struct gossip__links *links = engine->links;
    if (peer->link == 0) return;
    if (peer->confirmed) {
        notify(engine, GOSSIP_PEER_DOWN, peer);
        memmove(peer->their_old + 1, peer->their_old, sizeof peer->their_old - sizeof(uint64_t));
        peer->their_old[0] = peer->their_nonce;
    }
    peer->confirmed = false;
    peer->their_nonce = 0;
    peer->link = 0;
    links->linked--;
    links->topology_due = true;
    gossip__wake(engine, peer);
    if (links->fetched.peer == peer->handle) {
        memset(links->fetched.asked, 0, sizeof links->fetched.asked);
    }
    if (links->repair.peer == peer->handle) gossip__repair_stop(engine);
    gossip__comparison_lost(engine, peer);
    gossip__peer_reset(engine, peer);
    peer->dial_at = GOSSIP_NEVER;
    peer->dial_wait = 0;
    if (redial) gossip__dial(engine, peer, engine->now);
}

void gossip__confirm(gossip_engine *engine, gossip__peer *peer)
{
    if (peer->confirmed) return;
    peer->confirmed = true;
    gossip__wake(engine, peer);
    notify(engine, GOSSIP_PEER_UP, peer);
}

/* Which types both sides know: the digests of these are compared (rule R8). */
static crdt_err find_common(gossip_engine *engine, gossip__peer *peer, const gossip_hello *hello)
{
    size_t           count = 0, all = 0;
    const crdt_type *type;
    while (crdt_store_knows(engine->store, all) != NULL) all++;
    crdt_err err = gossip__room(engine, &peer->common, &peer->common_cap, all, sizeof type);
    if (err != CRDT_OK) return err;
    for (size_t i = 0; (type = crdt_store_knows(engine->store, i)) != NULL; i++) {
        for (uint32_t n = 0; n < hello->types_count; n++) {
            if (hello->types[n].id == type->id) peer->common[count++] = type;
        }
    }
    peer->common_types.list = peer->common;
    peer->common_types.count = count;
    peer->knows_all = count == all;
    return CRDT_OK;
}

/* With the nonces that both have told. On an error there is none. */
static crdt_err begin(gossip_engine *engine, gossip__peer *peer, const gossip_hello *hello)
{
    uint32_t slots = engine->config.credit_frames;
    gossip__unlink(engine, peer, false);
    gossip__peer_reset(engine, peer);
    if (peer->replica != hello->replica) {
        gossip__vec_clear(engine, &peer->known); /* it may have begun from nothing */
        peer->needed = 0;
    }
    peer->replica = hello->replica;
    peer->clone = false;
    crdt_err err = find_common(engine, peer, hello);
    if (err != CRDT_OK) return err;
    peer->requests = gossip__alloc(engine, slots * sizeof *peer->requests);
    if (peer->requests == NULL) return CRDT_ENOMEM;
    memset(peer->requests, 0, slots * sizeof *peer->requests);
    peer->their_nonce = hello->boot;
    peer->link = gossip_link_of(hello->boot, peer->nonce);
    peer->link_out = gossip_link_of(peer->nonce, hello->boot);
    peer->nonce_used = true;
    peer->frame_max = hello->frame_max;
    peer->dial_at = GOSSIP_NEVER;
    peer->dial_wait = 0;
    peer->dials = 0;
    peer->timeout = engine->config.timeout_us;
    peer->round_trip = peer->variation = 0;
    peer->credit = engine->config.credit_bytes;
    peer->eager = true;
    peer->begun = engine->now;
    engine->links->linked++;
    engine->links->topology_due = true;
    gossip__peer_activate(engine, peer);
    gossip__rounds_news(engine);
    return CRDT_OK;
}

static bool is_old(const gossip__peer *peer, uint64_t nonce)
{
    for (size_t i = 0; i < sizeof peer->their_old / sizeof *peer->their_old; i++) {
        if (peer->their_old[i] == nonce) return true;
    }
    return false;
}

/* -- What they say of themselves --------------------------------------------------------------- */

static bool is_sound(const gossip_hello *h)
{
    if (h->node == 0 || h->replica == 0 || h->boot == 0 || h->frame_max < FRAME_MIN) return false;
    if (h->address.size > GOSSIP__ADDRESS_MAX || h->types_count > TYPES_MAX) return false;
    if (h->peers_count > HELLO_PEERS_MAX) return false;
    for (uint32_t i = 1; i < h->types_count; i++) {
        if (h->types[i].id <= h->types[i - 1].id) return false;
    }
    return true;
}

/* What people are told of a greeting that was refused. */
static crdt_err refused_error(gossip_refusal refusal)
{
    switch (refusal) {
    case GOSSIP_BAD_MESSAGE: return CRDT_EMALFORMED;
    case GOSSIP_OTHER_VERSION: return CRDT_EVERSION;
    case GOSSIP_SAME_NODE: return CRDT_EEXIST;
    case GOSSIP_FULL:
    case GOSSIP_BUSY: return CRDT_EBUSY;
    default: return CRDT_EINVAL; /* another cluster */
    }
}

static gossip_refusal judge(const gossip_engine *engine, const gossip_hello *h)
{
    if (!is_sound(h)) return GOSSIP_BAD_MESSAGE;
    if (h->cluster != engine->config.cluster) return GOSSIP_OTHER_CLUSTER;
    if (h->version_min > VERSION || h->version_max < VERSION) return GOSSIP_OTHER_VERSION;
    if (h->node == engine->config.node) return GOSSIP_SAME_NODE;
    if (h->replica == crdt_store_replica(engine->store)) return GOSSIP_SAME_NODE;
    return GOSSIP_NOT_REFUSED;
}

/* It says that it is this node: either it is, by a detour, or there are two. */
static void meet_self(gossip_engine *engine, const gossip_hello *h)
{
    struct gossip__links *links = engine->links;
    for (size_t i = 0; i < links->peers_count; i++) {
        gossip__peer *peer = links->peers[i];
        if (peer == NULL || peer->nonce != h->boot) continue;
        peer->itself = true;
        peer->dial_at = GOSSIP_NEVER;
        return;
    }
    if (links->clone_boot == h->boot) return;
    links->clone_boot = h->boot;
    if (h->replica == crdt_store_replica(engine->store)) engine->cloned = true;
    crdt_dot dot = {h->replica, 0};
    gossip__notify(engine, GOSSIP_CLONED, 0, dot, CRDT_EEXIST, h->address);
}

static void refuse_stranger(gossip_engine *engine, gossip_peer from, uint32_t id,
                            gossip_refusal refusal)
{
    struct gossip__links *links = engine->links;
    gossip__peer         *peer = gossip__peer_get(engine, from);
    if (peer != NULL) {
        gossip__refuse(engine, peer, id, refusal);
        return;
    }
    if (links->refusals_count == GOSSIP__REFUSALS_MAX) return;
    links->refusals[links->refusals_count].id = id;
    links->refusals[links->refusals_count++].refusal = refusal;
}

static void learn(gossip_engine *engine, const gossip_hello *h)
{
    if (!engine->config.learn || engine->config.topology == GOSSIP_EXPLICIT) return;
    for (uint32_t i = 0; i < h->peers_count; i++) {
        gossip__peer *peer;
        crdt_view     at = h->peers[i];
        if (at.size == 0 || at.size > GOSSIP__ADDRESS_MAX) continue;
        if (crdt_view_compare(at, engine->config.address) == 0) continue;
        if (gossip__peer_by_address(engine, at) != NULL) continue;
        if (gossip__peer_make(engine, at, &peer) != CRDT_OK) return; /* another time */
        notify(engine, GOSSIP_PEER_LEARNED, peer);
    }
}

/* -- Addresses --------------------------------------------------------------------------------- */

static gossip__address address_from(crdt_view bytes)
{
    gossip__address address;
    memset(&address, 0, sizeof address);
    address.size = (uint8_t)bytes.size;
    if (bytes.size > 0) memcpy(address.bytes, bytes.data, bytes.size);
    return address;
}

/* The node moved, or it has two names, or another one bore its id: the other one is tried. */
static void swap_addresses(gossip__peer *peer)
{
    if (peer->other.size == 0) return;
    gossip__address first = peer->address;
    peer->address = peer->other;
    peer->other = first;
}

/* The record of this node id is the one; another that only has its address goes into it. */
static void adopt_address(gossip_engine *engine, gossip__peer *peer, crdt_view address)
{
    gossip__peer   *other = gossip__peer_by_address(engine, address);
    gossip__address told = address_from(address);
    if (other == peer || address.size == 0) return;
    if (other != NULL && other->link != 0) return;
    if (other != NULL && other->node == 0) {
        peer->configured |= other->configured;
        if (peer->address.size > 0 && other->configured) {
            other->itself = true; /* a second name of the same */
            other->dial_at = GOSSIP_NEVER;
            peer->other = told;
            return;
        }
        if (other->driver_link != 0) return;
        gossip__peer_free(engine, other);
    }
    if (peer->address.size == 0) peer->address = told;
    else peer->other = told;
}

/* Whose HELLO is it? Errors: ENOMEM, ELIMIT. */
static crdt_err find_or_make(gossip_engine *engine, gossip_peer from, const gossip_hello *h,
                             gossip__peer **ret_peer)
{
    gossip__peer *peer = gossip__peer_by_node(engine, h->node);
    if (peer == NULL) peer = gossip__peer_by_address(engine, h->address);
    if (peer == NULL) peer = gossip__peer_get(engine, from);
    if (peer != NULL && peer->node != h->node && (peer->link != 0 || peer->gone)) peer = NULL;
    if (peer == NULL) {
        bool      taken = gossip__peer_by_address(engine, h->address) != NULL;
        crdt_view address = taken ? no_name() : h->address;
        crdt_err  err = gossip__peer_make(engine, address, &peer);
        if (err != CRDT_OK) return err;
    }
    if (peer->node != h->node) engine->links->topology_due = true;
    peer->node = h->node;
    peer->itself = false;
    adopt_address(engine, peer, h->address);
    *ret_peer = peer;
    return CRDT_OK;
}

/* -- HELLO, WELCOME, REFUSED ------------------------------------------------------------------- */

static bool is_full(const gossip_engine *engine, const gossip__peer *peer)
{
    return peer->link == 0 && engine->links->linked >= engine->config.links_max;
}

crdt_err gossip__hello_in(gossip_engine *engine, gossip_peer from, const gossip_msg *msg)
{
    const gossip_hello *h = &msg->hello;
    gossip_refusal      refusal = judge(engine, h);
    gossip__peer       *peer;
    if (refusal == GOSSIP_SAME_NODE) meet_self(engine, h);
    if (refusal != GOSSIP_NOT_REFUSED) {
        refuse_stranger(engine, from, msg->id, refusal);
        return CRDT_OK;
    }
    crdt_err err = find_or_make(engine, from, h, &peer);
    if (err == CRDT_ELIMIT || (err == CRDT_OK && is_full(engine, peer))) {
        refuse_stranger(engine, from, msg->id, GOSSIP_FULL);
        return CRDT_OK;
    }
    if (err != CRDT_OK) return err;
    peer->heard = engine->now;
    peer->received++;
    if (peer->link == 0 || peer->their_nonce != h->boot) {
        if (is_old(peer, h->boot)) { /* a late copy */
            peer->refused++;
            return CRDT_OK;
        }
        if (peer->nonce == 0 || peer->nonce_used) take_fresh_nonce(engine, peer);
        err = begin(engine, peer, h);
        if (err != CRDT_OK) return err;
    }
    learn(engine, h);
    gossip__reply_new(engine, peer, GOSSIP_WELCOME, msg->id);
    return CRDT_OK;
}

/* Whose HELLO had this id? */
static gossip__peer *helloed(const gossip_engine *engine, uint32_t id)
{
    const struct gossip__links *links = engine->links;
    for (size_t i = 0; id != 0 && i < links->active_count; i++) {
        gossip__peer *peer = gossip__peer_get(engine, links->active[i]);
        if (peer->hello_id == id) return peer;
    }
    return NULL;
}

/* Two records are one node: the one that is known by its id goes on, with the nonce of the other,
 * at the address that has just answered. If it has a link, nobody can tell which of the two HELLOs
 * came last there: once more. */
static gossip__peer *unite(gossip_engine *engine, gossip__peer *peer, gossip__peer *known)
{
    gossip__address before = known->address;
    if (before.size > 0) known->other = before;
    known->address = peer->address;
    gossip__unlink(engine, known, true);
    known->nonce = peer->nonce;
    known->nonce_used = peer->nonce_used;
    known->configured |= peer->configured;
    peer->nonce = 0;
    peer->hello_id = 0;
    peer->dial_at = GOSSIP_NEVER;
    gossip__unlink(engine, peer, false);
    if (peer->node != 0 && peer->other.size > 0) { /* another node is where it was, or may be */
        peer->address = peer->other;
        peer->other.size = 0;
        gossip__dial(engine, peer, engine->now + GOSSIP__DIAL_US);
        return known;
    }
    if (before.size > 0) peer->address = before;
    peer->itself = true;
    if (peer->driver_link == 0 && !peer->configured) gossip__peer_free(engine, peer);
    return known;
}

crdt_err gossip__welcome_in(gossip_engine *engine, gossip_peer from, const gossip_msg *msg)
{
    const gossip_hello *h = &msg->hello;
    gossip__peer       *peer = helloed(engine, msg->id), *known;
    (void)from;
    if (peer == NULL) return CRDT_OK; /* too late */
    gossip_refusal refusal = judge(engine, h);
    if (refusal != GOSSIP_NOT_REFUSED) {
        if (refusal == GOSSIP_SAME_NODE) meet_self(engine, h);
        gossip__bad(engine, peer, refused_error(refusal));
        peer->clone = refusal == GOSSIP_SAME_NODE && !peer->itself;
        return CRDT_OK;
    }
    known = gossip__peer_by_node(engine, h->node);
    if (known != NULL && known != peer) {
        bool linked = known->link != 0;
        peer = unite(engine, peer, known);
        peer->nonce_used |= linked;
        if (linked) return CRDT_OK;
    }
    gossip__wake(engine, peer);
    peer->hello_id = 0;
    peer->heard = engine->now;
    peer->received++;
    peer->dials = 0;
    if (peer->node != h->node) {
        gossip__unlink(engine, peer, false);
        engine->links->topology_due = true;
    }
    peer->node = h->node;
    if (peer->link == 0 || peer->their_nonce != h->boot) {
        if (peer->nonce_used && is_old(peer, h->boot)) return CRDT_OK;
        crdt_err err = begin(engine, peer, h);
        if (err != CRDT_OK) return err;
        peer->sync_now = true;
    } else if (!peer->confirmed) {
        peer->sync_now = engine->config.node < peer->node; /* both dialled: one is enough */
    }
    gossip__confirm(engine, peer);
    peer->dial_at = GOSSIP_NEVER;
    peer->timeouts = 0;
    learn(engine, h);
    return CRDT_OK;
}

static void hello_refused(gossip_engine *engine, gossip__peer *peer, gossip_refusal refusal)
{
    peer->refused++;
    peer->error = refused_error(refusal);
    peer->dial_wait = GOSSIP__DIAL_MAX_US;
    gossip__wake(engine, peer);
    if (peer->dial_at != GOSSIP_NEVER) {
        peer->dial_at = engine->now + gossip__jitter(engine, peer->dial_wait);
    }
    if (refusal != GOSSIP_SAME_NODE || peer->itself) return;
    peer->clone = true;
    if (engine->links->clone_boot == peer->nonce) return;
    engine->links->clone_boot = peer->nonce;
    notify(engine, GOSSIP_CLONED, peer);
}

static void request_refused(gossip_engine *engine, gossip__peer *peer, gossip__request *request,
                            gossip_refusal refusal)
{
    gossip_msg_kind kind = request->kind;
    bool            compares = request->compares;
    peer->refused++;
    peer->timeouts = 0;
    if (kind == GOSSIP_PUSH) gossip__push_lost(engine, peer, request);
    gossip__request_done(peer, request);
    if (kind == GOSSIP_SNAP) gossip__fetch_failed(engine, peer, request, refusal);
    if (compares) gossip__comparison_unasked(engine, peer, refusal);
    else if (kind == GOSSIP_PAGE || kind == GOSSIP_FIX) gossip__repair_stop(engine);
    if (refusal == GOSSIP_BUSY) peer->push_due = engine->now + engine->config.timeout_us;
}

/* Whom messages of this number go to. */
static gossip__peer *refused_on(const gossip_engine *engine, uint32_t link)
{
    const struct gossip__links *links = engine->links;
    for (size_t i = 0; i < links->active_count; i++) {
        gossip__peer *peer = gossip__peer_get(engine, links->active[i]);
        if (peer->link != 0 && peer->link_out == link) return peer;
    }
    return NULL;
}

void gossip__refused_in(gossip_engine *engine, gossip_peer from, const gossip_msg *msg)
{
    gossip__peer *peer = gossip__peer_get(engine, from);
    if (peer == NULL) peer = refused_on(engine, msg->link);
    gossip__peer *dialled = helloed(engine, msg->id);
    if (dialled != NULL && (peer == NULL || peer == dialled)) {
        hello_refused(engine, dialled, msg->refusal);
        return;
    }
    if (peer == NULL || peer->link == 0 || msg->link != peer->link_out) return; /* too late */
    gossip__wake(engine, peer);
    peer->received++;
    if (msg->refusal == GOSSIP_UNKNOWN_LINK) {
        gossip__unlink(engine, peer, peer->wanted);
        return;
    }
    peer->heard = engine->now;
    gossip__request *request = gossip__request_find(engine, peer, msg->id);
    if (request != NULL) request_refused(engine, peer, request, msg->refusal);
}

/* -- Building ---------------------------------------------------------------------------------- */

/* A few of the addresses that can be called, from a random place on. */
static void put_peers(gossip_engine *engine, const gossip__peer *to, gossip_hello *hello)
{
    struct gossip__links *links = engine->links;
    uint32_t              count = 0;
    size_t                start = links->peers_count == 0 ? 0 : gossip__random(engine);
    if (engine->config.topology == GOSSIP_EXPLICIT) return;
    for (size_t i = 0; i < links->peers_count && count < GOSSIP__HELLO_PEERS; i++) {
        const gossip__peer *peer = links->peers[(start + i) % links->peers_count];
        if (peer == NULL || peer == to || peer->address.size == 0 || peer->itself) continue;
        if (peer->node == 0 || peer->dials > 3 || peer->gone) continue;
        links->views[count++] = gossip__address_of(peer);
    }
    hello->peers = links->views;
    hello->peers_count = count;
}

static crdt_err put_hello(gossip_engine *engine, gossip__peer *peer, gossip_msg *msg)
{
    struct gossip__links *links = engine->links;
    gossip_hello         *h = &msg->hello;
    const crdt_type      *type;
    h->cluster = engine->config.cluster;
    h->node = engine->config.node;
    h->replica = crdt_store_replica(engine->store);
    h->boot = peer->nonce;
    h->version_min = h->version_max = VERSION;
    h->frame_max = engine->config.frame_max;
    h->address = engine->config.address;
    for (uint32_t i = 0; (type = crdt_store_knows(engine->store, i)) != NULL; i++) {
        crdt_err err =
            gossip__room(engine, &links->types, &links->types_cap, i + 1u, sizeof *links->types);
        if (err != CRDT_OK) return err;
        uint32_t at = i; /* in order of ids */
        for (; at > 0 && links->types[at - 1].id > type->id; at--) {
            links->types[at] = links->types[at - 1];
        }
        links->types[at].id = type->id;
        links->types[at].format = type->format;
        h->types_count = i + 1;
    }
    h->types = links->types;
    put_peers(engine, peer, h);
    return CRDT_OK;
}

crdt_err gossip__hello_build(gossip_engine *engine, gossip__peer *peer, bool *ret_built)
{
    gossip_msg *msg = &engine->links->msg;
    if (peer->dial_at > engine->now) return CRDT_OK;
    if (peer->link == 0 && (peer->nonce == 0 || peer->nonce_used)) take_fresh_nonce(engine, peer);
    if (peer->link != 0) peer->hello_id = 0; /* is it the same still? */
    if (peer->dials > 0 && peer->dials % DIALS_EACH == 0) swap_addresses(peer);
    crdt_err err = put_hello(engine, peer, msg);
    if (err != CRDT_OK) return err;
    if (peer->hello_id == 0) peer->hello_id = gossip__next_id(engine);
    msg->kind = GOSSIP_HELLO;
    msg->id = peer->hello_id;
    *ret_built = true;
    peer->dials++;
    peer->dial_wait = peer->dial_wait * 2;
    if (peer->dial_wait < GOSSIP__DIAL_US) peer->dial_wait = GOSSIP__DIAL_US;
    if (peer->dial_wait > GOSSIP__DIAL_MAX_US) peer->dial_wait = GOSSIP__DIAL_MAX_US;
    peer->dial_at = engine->now + gossip__jitter(engine, peer->dial_wait);
    if (peer->link != 0) peer->dial_at = GOSSIP_NEVER;
    if (peer->dials == 3) engine->links->topology_due = true; /* it may be away */
    return CRDT_OK;
}

crdt_err gossip__welcome_build(gossip_engine *engine, gossip__peer *peer, uint32_t id)
{
    gossip_msg *msg = &engine->links->msg;
    if (peer->link == 0) return CRDT_OK; /* it has ended since */
    crdt_err err = put_hello(engine, peer, msg);
    msg->kind = GOSSIP_WELCOME;
    msg->id = id;
    return err;
}
