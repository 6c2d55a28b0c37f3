/* core/snap.c: snapshots in pieces, for those whom no log can serve (rule R9).
 *
 * The sender makes one, a slice each millisecond, keeps it while it is asked for, and pins its log
 * from where it began: so whoever has joined it can go on from the log. The taker asks for a few
 * pieces at a time; after a loss or a new link it goes on where it was, as long as the sender has
 * that very snapshot still.
 */
#include <string.h>

#include "gossip/core/peers.h"

#define SLICE_US 1000u

/* -- Serving ----------------------------------------------------------------------------------- */

static void let_go(gossip_engine *engine)
{
    gossip__served *served = &engine->links->served;
    if (engine->making.maker == GOSSIP__FOR_PEERS) gossip__making_end(engine);
    crdt_buf_clear(&served->bytes);
    served->id = 0;
    engine->log.pinned = GOSSIP_NEVER;
}

/* Some more of the one that is made; at the end it is there. Errors: ENOMEM, EBUSY. */
static crdt_err make_slice(gossip_engine *engine)
{
    gossip__served *served = &engine->links->served;
    gossip__making *making = &engine->making;
    bool            done;
    crdt_err        err = gossip__making_slice(engine, &served->bytes, &done);
    if (err == CRDT_EBUSY) return err;
    if (err != CRDT_OK) {
        let_go(engine);
        return err;
    }
    served->slice_at = engine->now + SLICE_US;
    if (!done) return CRDT_OK;
    served->whole = crdt_digester_sum(&making->sum);
    served->position = making->position;
    served->id = gossip__random(engine) ^ served->whole.lo;
    if (served->id == 0) served->id = 1;
    return CRDT_OK;
}

/* One is begun if none is there; the first slice may be all. Errors: ENOMEM, ELIMIT, EBUSY. */
static crdt_err make(gossip_engine *engine)
{
    gossip__served *served = &engine->links->served;
    if (engine->making.maker == GOSSIP__FOR_PEERS) return CRDT_OK;
    crdt_buf_reset(&served->bytes);
    crdt_err err = gossip__making_begin(engine, GOSSIP__FOR_PEERS, &served->bytes);
    if (err != CRDT_OK) return err;
    engine->log.pinned = engine->making.position;
    return make_slice(engine);
}

crdt_err gossip__snap_in(gossip_engine *engine, gossip__peer *peer, const gossip_msg *msg)
{
    gossip__reply *reply = gossip__reply_new(engine, peer, GOSSIP_CHUNK, msg->id);
    if (reply == NULL) return CRDT_OK;
    reply->snapshot_id = msg->snapshot_id;
    reply->offset = msg->offset;
    return CRDT_OK;
}

static crdt_err refuse(gossip_engine *engine, gossip_refusal refusal)
{
    engine->links->msg.kind = GOSSIP_REFUSED;
    engine->links->msg.refusal = refusal;
    return CRDT_OK;
}

crdt_err gossip__chunk_build(gossip_engine *engine, gossip__peer *peer, const gossip__reply *reply)
{
    gossip__served *served = &engine->links->served;
    gossip_msg     *msg = &engine->links->msg;
    (void)peer;
    if (reply->snapshot_id != 0 && reply->snapshot_id != served->id) {
        return refuse(engine, GOSSIP_NO_SNAPSHOT);
    }
    /* Something came since that is in no entry: who joined this snapshot could not go on from the
     * log. Whoever begins gets a new one. */
    bool late = engine->log.checkpoint > engine->log.pinned;
    if (reply->snapshot_id == 0 && late) let_go(engine);
    served->used = engine->now;
    crdt_err err = served->id == 0 ? make(engine) : CRDT_OK;
    if (err != CRDT_OK && err != CRDT_EBUSY) return err;
    /* Only what is persisted may be told. */
    if (served->id == 0 || engine->log.persisted < served->position) {
        return refuse(engine, GOSSIP_BUSY);
    }
    uint64_t offset = reply->snapshot_id == 0 ? 0 : reply->offset, size = served->bytes.size;
    if (offset >= size) return refuse(engine, GOSSIP_BAD_MESSAGE);
    uint64_t piece = size - offset;
    if (piece > engine->config.chunk_bytes) piece = engine->config.chunk_bytes;
    msg->kind = GOSSIP_CHUNK;
    msg->snapshot_id = served->id;
    msg->offset = offset;
    msg->size = size;
    msg->whole = served->whole;
    msg->bytes = crdt_view_of(served->bytes.data + offset, (size_t)piece);
    if (offset + piece == size) engine->stats.snapshots_sent++;
    return CRDT_OK;
}

/* -- Fetching ---------------------------------------------------------------------------------- */

static bool is_whole(const gossip__fetched *fetched)
{
    return fetched->id != 0 && fetched->bytes.size == fetched->size;
}

static void drop(gossip_engine *engine)
{
    gossip__fetched *fetched = &engine->links->fetched;
    crdt_buf_clear(&fetched->bytes);
    for (int i = 0; i < GOSSIP__SNAP_WINDOW; i++) crdt_buf_clear(&fetched->ahead[i]);
    memset(fetched->asked, 0, sizeof fetched->asked);
    fetched->id = fetched->size = fetched->piece = 0;
}

/* The place of the piece that begins there: they follow each other, and some are open at most. */
static size_t place_of(const gossip__fetched *fetched, uint64_t offset)
{
    return fetched->piece == 0 ? 0 : offset / fetched->piece % GOSSIP__SNAP_WINDOW;
}

void gossip__snap_unasked(gossip_engine *engine, const gossip__peer *peer,
                          const gossip__request *request)
{
    gossip__fetched *fetched = &engine->links->fetched;
    if (fetched->peer != peer->handle || fetched->id != request->snapshot) return;
    fetched->asked[place_of(fetched, request->offset)] = false;
}

/* The first piece that is neither here nor asked for, as far as credit goes. */
static bool next_piece(const gossip_engine *engine, const gossip__peer *peer, uint64_t *ret_offset)
{
    const gossip__fetched *fetched = &engine->links->fetched;
    uint32_t               slots = engine->config.credit_frames;
    uint64_t               first = fetched->bytes.size;
    if (peer->in_flight >= slots) return false;
    for (uint64_t n = 0; n < GOSSIP__SNAP_WINDOW; n++) {
        uint64_t offset = first + n * fetched->piece;
        size_t   place = place_of(fetched, offset);
        if (n > 0 && (fetched->piece == 0 || offset >= fetched->size)) return false;
        if (n > 0 && (n + 1) * fetched->piece > engine->config.credit_bytes) return false;
        if (n > 0 && peer->in_flight + 1 >= slots) return false; /* one is kept for SYNC */
        if (fetched->asked[place] || fetched->ahead[place].size > 0) continue;
        *ret_offset = offset;
        return true;
    }
    return false;
}

void gossip__fetch(gossip_engine *engine, gossip__peer *peer)
{
    gossip__fetched *fetched = &engine->links->fetched;
    gossip__peer    *other = gossip__peer_get(engine, fetched->peer);
    if (engine->log.persisted < fetched->joined) return; /* one is on its way to the disk */
    if (engine->now < peer->fetch_at) return;
    if (other == peer || (other != NULL && other->link != 0)) return;
    drop(engine);
    fetched->peer = peer->handle;
    fetched->ask_at = engine->now;
}

void gossip__fetch_failed(gossip_engine *engine, gossip__peer *peer, const gossip__request *request,
                          gossip_refusal refusal)
{
    gossip__fetched *fetched = &engine->links->fetched;
    if (fetched->peer != peer->handle || fetched->id != request->snapshot) return;
    gossip__snap_unasked(engine, peer, request);
    fetched->ask_at = engine->now + GOSSIP__AGAIN_US;
    if (refusal == GOSSIP_BUSY) return;
    drop(engine);
    if (refusal == GOSSIP_NO_SNAPSHOT) return; /* from the beginning */
    fetched->peer = 0;
}

static gossip_time fetch_deadline(const gossip_engine *engine)
{
    const gossip__fetched *fetched = &engine->links->fetched;
    const gossip__peer    *peer = gossip__peer_get(engine, fetched->peer);
    uint64_t               offset;
    if (peer == NULL) return GOSSIP_NEVER;
    if (is_whole(fetched)) return fetched->ask_at;
    if (peer->link == 0 || !peer->confirmed || engine->readonly) return GOSSIP_NEVER;
    return next_piece(engine, peer, &offset) ? fetched->ask_at : GOSSIP_NEVER;
}

crdt_err gossip__snap_build(gossip_engine *engine, gossip__peer *peer, bool *ret_built)
{
    gossip__fetched *fetched = &engine->links->fetched;
    gossip_msg      *msg = &engine->links->msg;
    uint64_t         offset;
    if (fetched->peer != peer->handle || engine->readonly) return CRDT_OK;
    if (engine->now < fetched->ask_at || is_whole(fetched)) return CRDT_OK;
    if (!next_piece(engine, peer, &offset)) return CRDT_OK;
    gossip__request *request = gossip__request_new(engine, peer, GOSSIP_SNAP);
    if (request == NULL) return CRDT_OK;
    request->snapshot = fetched->id;
    request->offset = offset;
    fetched->asked[place_of(fetched, offset)] = true;
    msg->kind = GOSSIP_SNAP;
    msg->id = request->id;
    msg->snapshot_id = fetched->id;
    msg->offset = offset;
    *ret_built = true;
    return CRDT_OK;
}

/* One that brings nothing, or cannot be joined, is not asked for again at once: two histories of
 * one id never become one. */
static void put_off(const gossip_engine *engine, gossip__peer *peer, bool news)
{
    gossip_time wait = peer->fetch_wait * 2;
    if (wait < engine->config.timeout_us) wait = engine->config.timeout_us;
    if (wait > GOSSIP__SNAPSHOT_WAIT_US) wait = GOSSIP__SNAPSHOT_WAIT_US;
    peer->fetch_wait = news ? 0 : wait;
    peer->fetch_at = engine->now + peer->fetch_wait;
}

/* All its bytes are here: join it. */
static crdt_err join(gossip_engine *engine, uint64_t ms, gossip__peer *peer)
{
    gossip__fetched *fetched = &engine->links->fetched;
    crdt_view        bytes = crdt_buf_bytes(&fetched->bytes);
    const char      *reason;
    crdt_err         err = CRDT_EMALFORMED;
    uint64_t         end = engine->log.end;
    if (crdt_digest_equal(crdt_digest_of(bytes.data, bytes.size), fetched->whole)) {
        err = gossip__snapshot_join(engine, ms, bytes, &reason);
    }
    fetched->ask_at = engine->now + engine->config.timeout_us;
    if (err == CRDT_ENOMEM || err == CRDT_EBUSY) return err; /* once more, later */
    drop(engine);
    fetched->peer = 0;
    put_off(engine, peer, engine->log.end != end);
    if (err != CRDT_OK) {
        gossip__bad(engine, peer, err);
        return CRDT_OK;
    }
    fetched->joined = engine->log.end;
    peer->want = true; /* what came to its log since */
    peer->want_after = engine->log.end;
    gossip__wake(engine, peer);
    return CRDT_OK;
}

/* It is the piece that was asked for, of the same snapshot as those before it. */
static bool fits(const gossip__fetched *fetched, const gossip__request *request,
                 const gossip_msg *msg)
{
    if (msg->snapshot_id == 0 || msg->size > GOSSIP__SNAPSHOT_MAX || msg->bytes.size == 0) {
        return false;
    }
    if (msg->bytes.size > msg->size || msg->offset > msg->size - msg->bytes.size) return false;
    if (msg->offset != request->offset) return false;
    if (fetched->id == 0) return true;
    uint64_t rest = fetched->size - msg->offset;
    return msg->snapshot_id == fetched->id && msg->size == fetched->size &&
           msg->bytes.size == (rest < fetched->piece ? rest : fetched->piece) &&
           crdt_digest_equal(msg->whole, fetched->whole);
}

/* Errors: ENOMEM (as if the bytes had not come). */
static crdt_err put(crdt_buf *to, crdt_view bytes)
{
    crdt_buf_put(to, bytes.data, bytes.size);
    if (crdt_buf_status(to) == CRDT_OK) return CRDT_OK;
    to->failed = false;
    return CRDT_ENOMEM;
}

/* What was ahead and is no more. */
static crdt_err close_ranks(gossip__fetched *fetched)
{
    crdt_err err = CRDT_OK;
    while (err == CRDT_OK && fetched->bytes.size < fetched->size) {
        crdt_buf *next = &fetched->ahead[place_of(fetched, fetched->bytes.size)];
        if (next->size == 0) break;
        err = put(&fetched->bytes, crdt_buf_bytes(next));
        crdt_buf_clear(next); /* without memory it is asked for again */
    }
    return err;
}

crdt_err gossip__chunk_in(gossip_engine *engine, uint64_t ms, gossip__peer *peer,
                          const gossip__request *request, const gossip_msg *msg)
{
    gossip__fetched *fetched = &engine->links->fetched;
    if (fetched->peer != peer->handle || fetched->id != request->snapshot) return CRDT_OK;
    gossip__snap_unasked(engine, peer, request);
    fetched->ask_at = engine->now + engine->config.timeout_us;
    if (!fits(fetched, request, msg)) return CRDT_EMALFORMED;
    bool      next = msg->offset == fetched->bytes.size;
    crdt_buf *to = next ? &fetched->bytes : &fetched->ahead[place_of(fetched, msg->offset)];
    crdt_err  err = put(to, msg->bytes);
    if (err != CRDT_OK) return err;
    if (fetched->id == 0) fetched->piece = msg->bytes.size;
    fetched->id = msg->snapshot_id;
    fetched->size = msg->size;
    fetched->whole = msg->whole;
    fetched->ask_at = engine->now;
    if (next) err = close_ranks(fetched);
    if (err != CRDT_OK) return err;
    return is_whole(fetched) ? join(engine, ms, peer) : CRDT_OK;
}

/* It is the pin that keeps the log beyond its bound. What else does, such as entries of this node's
 * own that nobody has, would stay without it: and they may be waiting for just this snapshot. */
static bool holds_too_much(const gossip__log *log, uint64_t log_bytes)
{
    return log->first == log->pinned && log->bytes / 2 > log_bytes;
}

crdt_err gossip__snap_tick(gossip_engine *engine, uint64_t ms)
{
    struct gossip__links *links = engine->links;
    gossip__fetched      *fetched = &links->fetched;
    gossip__peer         *peer = gossip__peer_get(engine, fetched->peer);
    bool                  idle = engine->now >= links->served.used + GOSSIP__SNAPSHOT_IDLE_US;
    bool                  costly = holds_too_much(&engine->log, engine->config.log_bytes);
    bool                  made = engine->making.maker == GOSSIP__FOR_PEERS;
    if (engine->log.pinned != GOSSIP_NEVER && (idle || costly)) {
        let_go(engine);
    } else if (made && engine->now >= links->served.slice_at) {
        crdt_err err = make_slice(engine);
        if (err != CRDT_OK) return err;
    }
    if (peer == NULL || engine->now < fetched->ask_at) return CRDT_OK;
    if (is_whole(fetched)) return join(engine, ms, peer);
    gossip__wake(engine, peer);
    return CRDT_OK;
}

gossip_time gossip__snap_deadline(const gossip_engine *engine)
{
    const struct gossip__links *links = engine->links;
    gossip_time                 at = fetch_deadline(engine);
    if (engine->making.maker == GOSSIP__FOR_PEERS && links->served.slice_at < at) {
        at = links->served.slice_at;
    }
    if (engine->log.pinned == GOSSIP_NEVER) return at;
    gossip_time idle = links->served.used + GOSSIP__SNAPSHOT_IDLE_US;
    return idle < at ? idle : at;
}

void gossip__snap_free(gossip_engine *engine)
{
    crdt_buf_clear(&engine->links->served.bytes);
    drop(engine);
}
