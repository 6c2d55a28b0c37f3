/* core/vectors.c: what this node holds, told to each peer as changes; what peers are known to hold.
 *
 * A clock of links counts raises of held dots. Replicas stand in a list in order of their last
 * raise, so what changed since a peer's last acknowledgement is the list's head, whatever else
 * there is. Of each link one version of the vector is unacknowledged at most; it is told again,
 * with what is newer, until it is acknowledged: vectors only grow, so nothing told twice does harm.
 */
#include <string.h>

#include "gossip/core/peers.h"

/* -- The order of raises ----------------------------------------------------------------------- */

static void take_out(struct gossip__links *links, uint32_t who)
{
    gossip__rank *rank = &links->ranks[who];
    if (rank->at == 0) return;
    if (rank->newer == GOSSIP__NOBODY) links->newest = rank->older;
    else links->ranks[rank->newer].older = rank->older;
    if (rank->older != GOSSIP__NOBODY) links->ranks[rank->older].newer = rank->newer;
}

static void raise(struct gossip__links *links, uint32_t who)
{
    gossip__rank *rank = &links->ranks[who];
    take_out(links, who);
    rank->at = ++links->clock;
    rank->newer = GOSSIP__NOBODY;
    rank->older = links->newest;
    if (links->newest != GOSSIP__NOBODY) links->ranks[links->newest].newer = who;
    links->newest = who;
}

static void raise_record(gossip_engine *engine, uint64_t position)
{
    const gossip__record *record = gossip__log_at(&engine->log, position);
    if (record->who != GOSSIP__NOBODY) {
        raise(engine->links, record->who);
        return;
    }
    gossip_entry raised = gossip__record_entry(engine, record);
    for (uint32_t i = 0; i < raised.deps_count; i++) {
        raise(engine->links, gossip__find(engine, raised.deps[i].replica));
    }
}

crdt_err gossip__ranks_follow(gossip_engine *engine)
{
    struct gossip__links *links = engine->links;
    const gossip__log    *log = &engine->log;
    if (links->ranks_count < engine->replicas_count) {
        crdt_err err = gossip__room(engine, &links->ranks, &links->ranks_cap,
                                    engine->replicas_count, sizeof *links->ranks);
        if (err != CRDT_OK) return err;
        for (; links->ranks_count < engine->replicas_count; links->ranks_count++) {
            memset(&links->ranks[links->ranks_count], 0, sizeof *links->ranks);
        }
    }
    if (links->seen < log->first) { /* cut before anybody looked */
        for (uint32_t who = 0; who < engine->replicas_count; who++) {
            if (engine->replicas[who].held > 0) raise(links, who);
        }
        links->seen = log->persisted;
    }
    while (links->seen < log->persisted) raise_record(engine, links->seen++);
    return CRDT_OK;
}

/* -- Telling ----------------------------------------------------------------------------------- */

crdt_err gossip__tell(gossip_engine *engine, gossip__peer *peer, gossip_vector *ret_vector)
{
    struct gossip__links *links = engine->links;
    memset(ret_vector, 0, sizeof *ret_vector);
    crdt_err err = gossip__ranks_follow(engine);
    if (err != CRDT_OK || links->clock == peer->acked_clock) return err;
    uint32_t count = 0, last = GOSSIP__NOBODY, who = links->newest;
    for (; who != GOSSIP__NOBODY && links->ranks[who].at > peer->acked_clock; count++) {
        last = who;
        who = links->ranks[who].older;
    }
    if (count > GOSSIP__TELL_MAX) count = GOSSIP__TELL_MAX; /* the oldest; the others next time */
    err = gossip__room(engine, &links->vector, &links->vector_cap, count, sizeof *links->vector);
    if (err != CRDT_OK) return err;
    uint32_t told = 0;
    uint64_t upto = 0;
    for (who = last; count > 0; who = links->ranks[who].newer, count--) {
        gossip_known *known = &links->vector[told];
        known->replica = engine->replicas[who].id;
        known->seq = engine->replicas[who].held;
        /* Between a snapshot and an entry that is not persisted yet: it will be raised again. */
        told += gossip__log_tag(engine, who, known->seq, &known->tag);
        upto = links->ranks[who].at;
    }
    gossip__sort(links->vector, told, sizeof *links->vector);
    if (peer->out_version == 0) {
        peer->out_version = ++peer->version;
        peer->out_clock = upto;
    }
    ret_vector->base = peer->acked_version;
    ret_vector->version = peer->out_version;
    ret_vector->known = links->vector;
    ret_vector->count = told;
    return CRDT_OK;
}

void gossip__told(gossip__peer *peer, uint32_t version)
{
    if (version == 0 || version != peer->out_version) return;
    peer->acked_version = version;
    peer->acked_clock = peer->out_clock;
    peer->out_version = 0;
}

/* -- What a peer holds ------------------------------------------------------------------------- */

bool gossip__is_forked(const gossip__peer *peer, uint32_t who)
{
    for (uint32_t i = 0; i < peer->forked_count; i++) {
        if (peer->forked[i] == who) return true;
    }
    return false;
}

bool gossip__serves(const gossip_engine *engine, const gossip__peer *peer)
{
    for (uint32_t who = 0; who < engine->replicas_count; who++) {
        if (gossip__log_serves(engine, who, gossip__vec_at(&peer->known, who))) continue;
        if (!gossip__is_forked(peer, who)) return false;
    }
    return true;
}

void gossip__fork(gossip_engine *engine, gossip__peer *peer, uint32_t who)
{
    if (gossip__is_forked(peer, who)) return;
    if (gossip__room(engine, &peer->forked, &peer->forked_cap, peer->forked_count + 1u,
                     sizeof *peer->forked) != CRDT_OK) {
        peer->broken = engine->links->some_broken =
            true; /* nothing passes, rather than something wrong */
        return;
    }
    peer->forked[peer->forked_count++] = who;
}

crdt_err gossip__knows(gossip_engine *engine, gossip__peer *peer, uint32_t who, uint64_t seq)
{
    if (gossip__vec_at(&peer->known, who) >= seq) return CRDT_OK;
    peer->raises++;
    return gossip__vec_raise(engine, &peer->known, who, seq);
}

/* What was known of it before may be from a state that it has lost: it tells all anew. */
static void forget_known(gossip__peer *peer)
{
    if (peer->known.count > 0) memset(peer->known.seq, 0, peer->known.count * sizeof(uint64_t));
    peer->needed = 0;
}

crdt_err gossip__knows_all(gossip_engine *engine, gossip__peer *peer, uint64_t clock)
{
    struct gossip__links *links = engine->links;
    crdt_err              err = gossip__ranks_follow(engine);
    if (err != CRDT_OK) return err;
    bool     first = !peer->vector_known;
    uint32_t who = links->newest;
    if (first) forget_known(peer);
    for (; who != GOSSIP__NOBODY && links->ranks[who].at > peer->same_clock;
         who = links->ranks[who].older) {
        if (links->ranks[who].at > clock) continue; /* raised since */
        err = gossip__knows(engine, peer, who, engine->replicas[who].held);
        if (err != CRDT_OK) return err;
    }
    peer->same_clock = clock;
    peer->vector_known = true;
    if (first) gossip__push_rewind(engine, peer);
    return CRDT_OK;
}

bool gossip__peer_has_more(const gossip_engine *engine, const gossip__peer *peer)
{
    uint32_t count = peer->known.count;
    if (count > engine->replicas_count) count = engine->replicas_count;
    for (uint32_t who = 0; who < count; who++) {
        if (peer->known.seq[who] <= engine->replicas[who].delivered) continue;
        if (!gossip__is_forked(peer, who)) return true;
    }
    return false;
}

static bool is_sound(const gossip_vector *v)
{
    if (v->version == 0) return v->count == 0;
    if (v->base >= v->version) return false;
    for (uint32_t i = 0; i < v->count; i++) {
        const gossip_known *k = &v->known[i];
        if (k->replica == 0 || k->seq == 0 || k->seq > CRDT_SEQ_MAX) return false;
        if (i > 0 && k->replica <= v->known[i - 1].replica) return false;
    }
    return true;
}

/* One component. *ret_more: it is beyond what is held here. Errors: ENOMEM. */
static crdt_err take_one(gossip_engine *engine, gossip__peer *peer, const gossip_known *known,
                         bool *ret_more)
{
    uint32_t who = gossip__find(engine, known->replica);
    if (who == GOSSIP__NOBODY) {
        if (peer->strangers >= GOSSIP__STRANGERS_MAX) {
            peer->refused++;
            return CRDT_OK; /* it is pushed too much, then; no more */
        }
        crdt_err err = gossip__intern(engine, known->replica, &who);
        if (err == CRDT_ELIMIT) return CRDT_OK;
        if (err != CRDT_OK) return err;
        peer->strangers++;
    }
    if (gossip__is_forked(peer, who) || gossip__vec_at(&peer->known, who) >= known->seq) {
        return CRDT_OK;
    }
    if (!gossip__compare(engine, who, known->seq, known->tag, peer->handle)) {
        gossip__fork(engine, peer, who);
        return CRDT_OK;
    }
    *ret_more |= known->seq > engine->replicas[who].delivered;
    return gossip__knows(engine, peer, who, known->seq);
}

crdt_err gossip__take(gossip_engine *engine, gossip__peer *peer, const gossip_vector *vector,
                      bool complete)
{
    if (!is_sound(vector)) return CRDT_EMALFORMED;
    if (vector->version == 0 && (peer->vector_known || !complete)) return CRDT_OK;
    bool first = !peer->vector_known;
    if (first && vector->base != 0) return CRDT_OK; /* upon what never came: once more, then */
    if (first) forget_known(peer);
    bool more = false;
    for (uint32_t i = 0; i < vector->count; i++) {
        crdt_err err = take_one(engine, peer, &vector->known[i], &more);
        if (err != CRDT_OK) return err;
    }
    if (vector->base <= peer->taken && vector->version > peer->taken) {
        peer->taken = vector->version;
    }
    peer->vector_known = true;
    if (first || peer->behind) gossip__push_rewind(engine, peer);
    if (more && peer->gap_at == GOSSIP_NEVER) {
        peer->gap_at = engine->now + engine->config.graft_us;
    }
    return CRDT_OK;
}

/* The peer has just told what it holds. What was pushed more than a round trip before and is not in
 * that was lost, however long the timeout of the request may have grown. */
crdt_err gossip__offer_again(gossip_engine *engine, gossip__peer *peer)
{
    if (peer->offered.count > 0) {
        memset(peer->offered.seq, 0, peer->offered.count * sizeof(uint64_t));
    }
    for (uint32_t i = 0; i < engine->config.credit_frames; i++) {
        const gossip__request *request = &peer->requests[i];
        if (request->id == 0 || request->kind != GOSSIP_PUSH || gossip__is_deaf(peer)) continue;
        if (engine->now >= request->sent + gossip__round_trip(engine, peer)) continue;
        for (uint32_t n = 0; n < request->spans_count; n++) {
            const gossip__span *span = &request->spans[n];
            crdt_err err = gossip__vec_raise(engine, &peer->offered, span->who, span->to);
            if (err != CRDT_OK) return err;
        }
    }
    for (uint32_t who = 0; who < peer->known.count; who++) {
        if (peer->known.seq[who] == 0) continue;
        crdt_err err = gossip__vec_raise(engine, &peer->offered, who, peer->known.seq[who]);
        if (err != CRDT_OK) return err;
    }
    return CRDT_OK;
}
