/* core/sync.c: anti-entropy. Each round one peer is asked whether it holds the same.
 *
 *   L0  SYNC with the root digest; equal: STATE same, and both know that the other has everything
 *   L1  else each tells what changed of its vector since the other acknowledged it
 *   L2  the same STATE brings the entries that the asker lacks; WANT asks for more; what the
 * replier       lacks, the asker pushes. What no log has comes by a snapshot.
 */
#include <string.h>

#include "gossip/core/peers.h"

uint32_t gossip__credit(const gossip_engine *engine)
{
    const gossip_config  *config = &engine->config;
    const gossip__parked *parked = &engine->parked;
    if (engine->readonly) return 0;
    if (parked->bytes > config->parked_bytes / 4 * 3) return 0;
    if (parked->count > config->parked_entries / 4 * 3) return 0;
    if (engine->log.end - engine->log.persisted > config->persist_lag_max) return 0;
    return config->credit_bytes;
}

/* What both know of the state; zero: it must not be compared, for not all of it is persisted. */
crdt_digest gossip__root(gossip_engine *engine, const gossip__peer *peer)
{
    crdt_digest none = {0, 0};
    if (!gossip__snapshot_ready(engine)) return none;
    return crdt_store_digest(engine->store, peer->knows_all ? NULL : &peer->common_types);
}

bool gossip__pulling(const gossip_engine *engine, const gossip__peer *peer)
{
    return gossip__request_flying(engine, peer, GOSSIP_SYNC) ||
           gossip__request_flying(engine, peer, GOSSIP_WANT);
}

uint64_t gossip__aged(gossip_engine *engine)
{
    struct gossip__links *links = engine->links;
    if (engine->now >= links->aged_at + engine->config.graft_us) {
        links->aged = links->aged_next;
        links->aged_next = engine->log.persisted;
        links->aged_at = engine->now;
    }
    return links->aged;
}

/* -- Rounds ------------------------------------------------------------------------------------ */

void gossip__rounds_news(gossip_engine *engine)
{
    struct gossip__links *links = engine->links;
    links->round_us = engine->config.round_us;
    gossip_time latest = engine->now + links->round_us + links->round_us / 5;
    if (links->round_at > latest) {
        links->round_at = engine->now + gossip__jitter(engine, links->round_us);
    }
}

static void slow_down(gossip_engine *engine)
{
    struct gossip__links *links = engine->links;
    links->round_us *= 2;
    if (links->round_us > engine->config.round_max_us) {
        links->round_us = engine->config.round_max_us;
    }
}

static bool may_ask(const gossip_engine *engine, const gossip__peer *peer)
{
    if (!peer->confirmed || peer->want || peer->sync_now) return false;
    return engine->links->fetched.peer != peer->handle && !gossip__pulling(engine, peer);
}

void gossip__rounds_tick(gossip_engine *engine)
{
    struct gossip__links *links = engine->links;
    size_t                count = links->active_count;
    if (engine->now < links->round_at) return;
    links->round_at = engine->now + gossip__jitter(engine, links->round_us);
    if (count == 0) return;
    if (count > 8) links->turn = gossip__random(engine);
    for (size_t i = 0; i < count; i++) {
        gossip__peer *peer = gossip__peer_get(engine, links->active[(++links->turn) % count]);
        if (!may_ask(engine, peer)) continue;
        peer->sync_now = true;
        gossip__wake(engine, peer);
        return;
    }
}

/* -- SYNC and WANT ----------------------------------------------------------------------------- */

static crdt_err ask(gossip_engine *engine, gossip__peer *peer, gossip_msg_kind kind,
                    bool *ret_built)
{
    gossip_msg *msg = &engine->links->msg;
    crdt_err    err = gossip__tell(engine, peer, &msg->vector);
    if (err != CRDT_OK) return err;
    gossip__request *request = gossip__request_new(engine, peer, kind);
    if (request == NULL) {
        memset(&msg->vector, 0, sizeof msg->vector);
        return CRDT_OK;
    }
    request->version = msg->vector.version;
    request->clock = engine->links->clock;
    msg->kind = kind;
    msg->id = request->id;
    *ret_built = true;
    return CRDT_OK;
}

crdt_err gossip__sync_build(gossip_engine *engine, gossip__peer *peer, bool *ret_built)
{
    gossip_msg *msg = &engine->links->msg;
    crdt_err    err = CRDT_OK;
    if (gossip__pulling(engine, peer)) return CRDT_OK;
    if (peer->want && engine->log.persisted >= peer->want_after && !engine->readonly) {
        err = ask(engine, peer, GOSSIP_WANT, ret_built);
        if (err != CRDT_OK || !*ret_built) return err;
        msg->graft = peer->graft;
        if (peer->graft) peer->eager = true;
        peer->want = peer->graft = false;
    } else if (peer->sync_now) {
        err = ask(engine, peer, GOSSIP_SYNC, ret_built);
        if (err != CRDT_OK || !*ret_built) return err;
        msg->root = gossip__root(engine, peer);
        peer->sync_now = false;
    }
    return err;
}

crdt_err gossip__sync_in(gossip_engine *engine, gossip__peer *peer, const gossip_msg *msg)
{
    gossip__reply *reply = gossip__reply_new(engine, peer, GOSSIP_STATE, msg->id);
    if (reply == NULL) return CRDT_OK;
    reply->asked = msg->kind;
    reply->root = msg->root;
    if (msg->kind == GOSSIP_WANT && msg->graft) {
        peer->eager = true;
        gossip__push_news(engine, peer);
    }
    return CRDT_OK;
}

/* -- STATE: out -------------------------------------------------------------------------------- */

/* A chunk of what the asker lacks; on a lazy link not what may be on its way to it. */
static crdt_err put_lacking(gossip_engine *engine, gossip__peer *peer, uint64_t limit)
{
    gossip_msg     *msg = &engine->links->msg;
    gossip__missing walk;
    uint64_t        position;
    size_t          bytes = 0;
    crdt_err        err = gossip__missing_begin(engine, &peer->offered, &walk);
    if (err != CRDT_OK) return err;
    while (gossip__missing_next(&walk, &position) && position < limit) {
        const gossip__record *record = gossip__log_at(&engine->log, position);
        size_t                size = gossip__entry_size(record);
        if (gossip__is_forked(peer, record->who)) continue;
        msg->more = bytes > 0 && bytes + size > engine->config.chunk_bytes;
        if (msg->more) break;
        if (size + 1024 > peer->frame_max) { /* no message that it accepts can carry this */
            msg->snapshot = bytes == 0;
            break;
        }
        err = gossip__entry_add(engine, peer, record, NULL);
        msg->more = err != CRDT_OK && bytes > 0;
        if (err != CRDT_OK) break;
        bytes += size;
    }
    gossip__missing_end(engine, &walk);
    return msg->more ? CRDT_OK : err;
}

static crdt_err put_state(gossip_engine *engine, gossip__peer *peer, gossip_msg_kind asked)
{
    gossip_msg *msg = &engine->links->msg;
    uint64_t    limit = engine->log.persisted;
    crdt_err    err = gossip__tell(engine, peer, &msg->vector);
    if (err != CRDT_OK || !peer->vector_known) return err;
    bool pushing = !gossip__is_deaf(peer) && gossip__request_flying(engine, peer, GOSSIP_PUSH);
    if (asked == GOSSIP_SYNC && pushing) return CRDT_OK; /* it is getting what it lacks */
    if (asked == GOSSIP_SYNC && !peer->eager) limit = gossip__aged(engine);
    peer->pulls = false;
    msg->snapshot = !gossip__serves(engine, peer);
    if (msg->snapshot) return CRDT_OK;
    err = gossip__offer_again(engine, peer);
    if (err != CRDT_OK) return err;
    gossip__entries_begin(engine);
    err = put_lacking(engine, peer, limit);
    gossip__entries_end(engine);
    peer->pulls = msg->more;
    peer->pulls_until = engine->now + 2 * engine->config.timeout_us;
    return err;
}

crdt_err gossip__state_build(gossip_engine *engine, gossip__peer *peer, const gossip__reply *reply)
{
    gossip_msg *msg = &engine->links->msg;
    crdt_digest root = {0, 0};
    crdt_err    err = gossip__ranks_follow(engine);
    if (err != CRDT_OK) return err;
    msg->kind = GOSSIP_STATE;
    msg->credit = gossip__credit(engine);
    if (reply->asked == GOSSIP_SYNC) {
        root = gossip__root(engine, peer);
        msg->same = !gossip__is_none(root) && crdt_digest_equal(root, reply->root);
    }
    if (!msg->same) {
        err = put_state(engine, peer, reply->asked);
        /* It is compared only where nothing else tells why the asker's is another one. */
        if (msg->entries_count == 0 && !msg->snapshot) msg->root = root;
        return err;
    }
    peer->in_sync = true;
    peer->pulls = false;
    return gossip__knows_all(engine, peer, engine->links->clock);
}

/* -- STATE: in --------------------------------------------------------------------------------- */

static crdt_err take_same(gossip_engine *engine, gossip__peer *peer, gossip__request *request)
{
    if (request->kind != GOSSIP_SYNC) return CRDT_EMALFORMED;
    crdt_err err = gossip__knows_all(engine, peer, request->clock);
    if (err != CRDT_OK) return err;
    if (peer->acked_clock < request->clock) peer->acked_clock = request->clock;
    peer->in_sync = true;
    peer->unequal = 0;
    slow_down(engine);
    gossip__request_done(peer, request);
    return CRDT_OK;
}

/* All that it told of is held here, and all that is held here it told of. */
static bool contexts_equal(const gossip_engine *engine, const gossip__peer *peer)
{
    if (!gossip__snapshot_ready(engine) || peer->forked_count > 0) return false;
    for (uint32_t who = 0; who < engine->replicas_count; who++) {
        if (gossip__vec_at(&peer->known, who) != engine->replicas[who].held) return false;
    }
    return true;
}

/* Equal contexts and unequal roots, twice in a row: rule R10. The root is of what the peer held
 * when it answered: only if nothing was learned of it since it was asked, that is what it is known
 * to hold. */
static void check_unequal(gossip_engine *engine, gossip__peer *peer, const gossip_msg *msg,
                          const gossip__request *request)
{
    bool still = request->kind == GOSSIP_SYNC && request->clock == engine->links->clock &&
                 request->raises == peer->raises && !gossip__is_none(msg->root) &&
                 msg->entries_count == 0 && !msg->snapshot;
    if (!still || !contexts_equal(engine, peer)) {
        peer->unequal = 0;
        return;
    }
    crdt_digest mine = gossip__root(engine, peer);
    if (gossip__is_none(mine) || crdt_digest_equal(mine, msg->root)) return;
    if (++peer->unequal >= 2) gossip__repair_begin(engine, peer);
}

static void go_on(gossip_engine *engine, gossip__peer *peer, const gossip_msg *msg,
                  const gossip__taken *taken)
{
    if (msg->more && taken->news) {
        peer->want = true;
        peer->want_after = engine->log.end;
    }
    if (msg->snapshot) gossip__fetch(engine, peer);
    /* Push-pull: now that its vector is known here, it gets what it lacks, lazy link or not. */
    peer->owed = peer->eager ? engine->log.persisted : gossip__aged(engine);
    gossip__push_news(engine, peer);
}

crdt_err gossip__state_in(gossip_engine *engine, uint64_t ms, gossip__peer *peer,
                          const gossip_msg *msg, gossip__request *request)
{
    gossip__taken taken = {false, false, false};
    peer->credit = msg->credit;
    if (msg->same) return take_same(engine, peer, request);
    peer->in_sync = false;
    if (!engine->readonly) {
        crdt_err err = gossip__entries_in(engine, ms, peer, msg, &taken);
        if (err != CRDT_OK) return err;
    }
    check_unequal(engine, peer, msg, request);
    gossip__request_done(peer, request);
    go_on(engine, peer, msg, &taken);
    if (taken.news || msg->more) gossip__rounds_news(engine);
    else slow_down(engine);
    return CRDT_OK;
}
