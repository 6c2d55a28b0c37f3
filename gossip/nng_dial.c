/* nng_dial.c: a connection per peer address, made again when it is lost, and requests on it. */
#include <stdio.h>
#include <string.h>

#include "gossip/nng_impl.h"

/* -- Requests ---------------------------------------------------------------------------------- */

void gossip__nng_free_request(gossip__nng_request *request)
{
    const crdt_mem *mem = request->peer->nng->mem;
    request->peer->in_flight--;
    request->peer->in_flight_bytes -= request->size;
    mem->release(mem->user, request, sizeof *request);
}

static gossip__nng_request *unlink_request(gossip__nng_peer *peer, gossip__nng_request **at)
{
    gossip__nng_request *request = *at;
    *at = request->next;
    if (*at == NULL) peer->requests_last = at;
    return request;
}

gossip__nng_request *gossip__nng_answered(gossip__nng_peer *peer, uint32_t id)
{
    for (gossip__nng_request **at = &peer->requests; *at != NULL; at = &(*at)->next) {
        if ((*at)->id == id) return unlink_request(peer, at);
    }
    return NULL;
}

static void lose_oldest(gossip__nng_peer *peer)
{
    gossip_nng          *nng = peer->nng;
    gossip__nng_request *request = unlink_request(peer, &peer->requests);
    bool                 first = nng->lost == NULL;
    peer->lost++;
    nng->stats.lost++;
    request->next = NULL;
    *nng->lost_last = request;
    nng->lost_last = &request->next;
    if (first) gossip__nng_wake(nng);
}

static bool has_room(const gossip__nng_peer *peer, size_t size)
{
    if (!peer->usable || peer->in_flight >= GOSSIP__NNG_REQUESTS) return false;
    return peer->in_flight == 0 || peer->in_flight_bytes + size <= GOSSIP__NNG_REQUEST_BYTES;
}

static bool send_request(gossip__nng_peer *peer, crdt_view bytes, uint64_t token)
{
    gossip_nng          *nng = peer->nng;
    const crdt_mem      *mem = nng->mem;
    gossip__nng_request *request = NULL;
    if (has_room(peer, bytes.size)) request = mem->alloc(mem->user, sizeof *request);
    if (request == NULL) return false;
    gossip__nng_request fresh = {NULL, peer, peer->next_id++, token, bytes.size, 0};
    fresh.until = nng->now + nng->options.answer_ms;
    *request = fresh;
    *peer->requests_last = request;
    peer->requests_last = &request->next;
    peer->in_flight++;
    peer->in_flight_bytes += bytes.size;
    if (!gossip__nng_conn_push(&peer->conn, fresh.id, bytes)) {
        gossip__nng_free_request(gossip__nng_answered(peer, fresh.id));
        return false;
    }
    peer->sent++;
    peer->bytes_out += bytes.size;
    nng->stats.requests_out++;
    nng->stats.bytes_out += bytes.size;
    return true;
}

/* -- Dialling ---------------------------------------------------------------------------------- */

static const char *words(int rv, bool dialling)
{
    switch (rv) {
    case NNG_ECRYPTO:
    case NNG_EPEERAUTH:
        return "TLS: a certificate is not accepted (ours by it, or its: another CA or name)";
    case NNG_EPROTO: return "what answers there does not speak this protocol";
    case NNG_EMSGSIZE: return "it sends a message above frame_max";
    case NNG_ETIMEDOUT: return "no answer";
    case NNG_ECONNREFUSED:
        if (dialling) return "the connection is refused: nobody listens there";
        return "it closes the connection";
    case NNG_ECONNSHUT:
    case NNG_ECONNRESET:
    case NNG_ECLOSED: return "it closes the connection";
    default: return nng_strerror(rv);
    }
}

/* Told if it is new. */
static void note_problem(gossip__nng_peer *peer, const char *text, bool tell)
{
    if (strcmp(text, peer->problem) == 0) return;
    (void)snprintf(peer->problem, sizeof peer->problem, "%s", text);
    if (tell) gossip__nng_notify(peer->nng, "peer %s: %s", peer->address, text);
}

/* Between half the pause and all of it, so that peers do not come back all at once. */
static void rest(gossip__nng_peer *peer)
{
    uint32_t least = peer->pause_ms / 2, most = peer->nng->options.dial_max_ms;
    uint32_t ms = least + nng_random() % (peer->pause_ms - least + 1);
    peer->pause_ms = peer->pause_ms * 2 < most ? peer->pause_ms * 2 : most;
    peer->resting = true;
    gossip__nng_op_begin(&peer->dial, SIZE_MAX);
    nng_sleep_aio((nng_duration)ms, peer->dial.aio);
}

static void dial(gossip__nng_peer *peer)
{
    int rv = gossip__nng_make_dialer(peer->nng, peer->address, &peer->dialer);
    if (rv != 0) {
        gossip__nng_peer_failed(peer, rv);
        return;
    }
    peer->late = false;
    peer->dialled_at = peer->nng->now;
    gossip__nng_op_begin(&peer->dial, SIZE_MAX);
    nng_stream_dialer_dial(peer->dialer, peer->dial.aio);
}

static void dialled(gossip__nng_op *op)
{
    gossip__nng_peer *peer = op->of;
    if (peer->resting) {
        peer->resting = false;
        dial(peer);
        return;
    }
    int         rv = nng_aio_result(op->aio);
    nng_stream *stream = rv == 0 ? nng_aio_get_output(op->aio, 0) : NULL;
    if (rv != 0) {
        gossip__nng_peer_failed(peer, peer->late ? NNG_ETIMEDOUT : rv);
        return;
    }
    nng_stream_dialer_free(peer->dialer);
    peer->dialer = NULL;
    if (!gossip__nng_conn_open(&peer->conn, stream)) gossip__nng_peer_failed(peer, NNG_ENOMEM);
}

void gossip__nng_greeted(gossip__nng_peer *peer)
{
    peer->dialled++;
    peer->nng->stats.dialled++;
    peer->pause_ms = peer->nng->options.dial_min_ms;
    peer->problem[0] = 0;
}

/* What was under way over the connection is lost; what waits for one waits on. */
void gossip__nng_peer_failed(gossip__nng_peer *peer, int rv)
{
    bool connected = peer->conn.stream != NULL, greeted = peer->conn.greeted;
    bool plain = rv == NNG_ECONNSHUT || rv == NNG_ECONNRESET || rv == NNG_ECLOSED;
    if (peer->dialer != NULL) nng_stream_dialer_free(peer->dialer);
    peer->dialer = NULL;
    note_problem(peer, words(rv, !connected), !greeted || !plain);
    if (connected) {
        gossip__nng_conn_close(&peer->conn);
        while (peer->requests != NULL) lose_oldest(peer);
    }
    rest(peer);
}

/* -- Peers ------------------------------------------------------------------------------------- */

static bool init_peer(gossip__nng_peer *peer, gossip_nng *nng, crdt_view address)
{
    memset(peer, 0, sizeof *peer);
    peer->nng = nng;
    memcpy(peer->address, address.data, address.size);
    peer->address_size = (uint8_t)address.size;
    peer->requests_last = &peer->requests;
    peer->pause_ms = nng->options.dial_min_ms;
    peer->next_id = 1;
    bool has_conn = gossip__nng_conn_init(&peer->conn, nng, peer);
    return gossip__nng_op_init(&peer->dial, nng, peer, dialled) && has_conn;
}

/* A peer whose address is of no use is kept, too, so that its problem can be told. */
static gossip__nng_peer *new_peer(gossip_nng *nng, crdt_view address)
{
    gossip__nng_peer  *peer = nng->mem->alloc(nng->mem->user, sizeof *peer);
    nng_stream_dialer *dialer;
    if (peer == NULL) return NULL;
    if (!init_peer(peer, nng, address)) {
        gossip__nng_close_peer(peer);
        return NULL;
    }
    if (memchr(peer->address, 0, address.size) != NULL || !gossip__nng_fits(nng, peer->address)) {
        note_problem(peer,
                     nng->ca.data != NULL
                         ? "not an address to dial: with TLS it must be tls+tcp://HOST:PORT"
                         : "not an address to dial: it must be tcp://, ipc:// or inproc://",
                     true);
        return peer;
    }
    int rv = gossip__nng_make_dialer(nng, peer->address, &dialer);
    if (rv != 0 && rv != NNG_ENOMEM) {
        note_problem(peer, nng_strerror(rv), true);
        return peer;
    }
    if (rv == 0) nng_stream_dialer_free(dialer);
    peer->usable = true;
    dial(peer);
    return peer;
}

static uint32_t seek(const gossip_nng *nng, crdt_view address)
{
    uint32_t low = 0, high = nng->peers_count;
    while (low < high) {
        uint32_t                middle = low + (high - low) / 2;
        const gossip__nng_peer *peer = nng->peers[middle];
        crdt_view               at = crdt_view_of(peer->address, peer->address_size);
        if (crdt_view_compare(at, address) < 0) low = middle + 1;
        else high = middle;
    }
    return low;
}

static bool is_at(const gossip_nng *nng, uint32_t at, crdt_view address)
{
    if (at == nng->peers_count) return false;
    const gossip__nng_peer *peer = nng->peers[at];
    return crdt_view_compare(crdt_view_of(peer->address, peer->address_size), address) == 0;
}

static bool grow(gossip_nng *nng)
{
    if (nng->peers_count < nng->peers_cap) return true;
    const crdt_mem *mem = nng->mem;
    uint32_t        cap = nng->peers_cap * 2 + 8;
    void           *grown = mem->alloc(mem->user, cap * sizeof(gossip__nng_peer *));
    if (grown == NULL) return false;
    if (nng->peers != NULL) {
        memcpy(grown, nng->peers, nng->peers_count * sizeof(gossip__nng_peer *));
        mem->release(mem->user, nng->peers, nng->peers_cap * sizeof(gossip__nng_peer *));
    }
    nng->peers = grown;
    nng->peers_cap = cap;
    return true;
}

static gossip__nng_peer *find_or_make(gossip_nng *nng, crdt_view address)
{
    uint32_t at = seek(nng, address);
    if (is_at(nng, at, address)) return nng->peers[at];
    if (address.size == 0 || address.size > 255) return NULL;
    if (nng->peers_count == GOSSIP__NNG_PEERS || !grow(nng)) return NULL;
    gossip__nng_peer *peer = new_peer(nng, address);
    if (peer == NULL) return NULL;
    memmove(&nng->peers[at + 1], &nng->peers[at],
            (nng->peers_count - at) * sizeof(gossip__nng_peer *));
    nng->peers[at] = peer;
    nng->peers_count++;
    return peer;
}

void gossip__nng_request_to(gossip_nng *nng, crdt_view address, crdt_view bytes, uint64_t token)
{
    gossip__nng_peer *peer = find_or_make(nng, address);
    if (peer != NULL && send_request(peer, bytes, token)) return;
    nng->stats.dropped++;
    if (peer != NULL) peer->dropped++;
}

void gossip__nng_close_peer(gossip__nng_peer *peer)
{
    gossip_nng           *nng = peer->nng;
    gossip__nng_request **at = &nng->lost;
    if (peer->resting) nng_aio_cancel(peer->dial.aio);
    if (peer->dialer != NULL) nng_stream_dialer_close(peer->dialer);
    if (peer->dialer != NULL || peer->resting) {
        nng_aio_wait(peer->dial.aio);
        if (!peer->resting && nng_aio_result(peer->dial.aio) == 0) {
            gossip__nng_drop_stream(nng_aio_get_output(peer->dial.aio, 0));
        }
    }
    nng_stream_dialer_free(peer->dialer);
    gossip__nng_op_free(&peer->dial);
    gossip__nng_conn_close(&peer->conn);
    gossip__nng_conn_free(&peer->conn);
    if (nng->current_lost != NULL && nng->current_lost->peer == peer) {
        gossip__nng_free_request(nng->current_lost);
        nng->current_lost = NULL;
    }
    while (peer->requests != NULL) gossip__nng_free_request(unlink_request(peer, &peer->requests));
    while (*at != NULL) {
        gossip__nng_request *request = *at;
        if (request->peer == peer) {
            *at = request->next;
            gossip__nng_free_request(request);
        } else {
            at = &request->next;
        }
    }
    nng->lost_last = at;
    nng->mem->release(nng->mem->user, peer, sizeof *peer);
}

void gossip_nng_forget(gossip_nng *nng, crdt_view address)
{
    uint32_t at = seek(nng, address);
    if (!is_at(nng, at, address)) return;
    gossip__nng_peer *peer = nng->peers[at];
    nng->peers_count--;
    memmove(&nng->peers[at], &nng->peers[at + 1],
            (nng->peers_count - at) * sizeof(gossip__nng_peer *));
    gossip__nng_close_peer(peer);
}

/* -- What is too late -------------------------------------------------------------------------- */

static void look_at_requests(gossip__nng_peer *peer)
{
    nng_time now = peer->nng->now, answer_ms = peer->nng->options.answer_ms;
    bool     silent = false;
    int      rv = gossip__nng_conn_hangs(&peer->conn);
    while (peer->requests != NULL && now >= peer->requests->until) {
        const gossip__nng_conn *conn = &peer->conn;
        silent = silent || (conn->greeted && now - conn->heard >= answer_ms);
        gossip__nng_conn_unpush(&peer->conn, peer->requests->id);
        lose_oldest(peer);
    }
    if (silent && rv == 0) rv = NNG_ETIMEDOUT;
    if (rv == NNG_ETIMEDOUT) peer->nng->stats.closed++;
    if (rv != 0) gossip__nng_peer_failed(peer, rv);
}

void gossip__nng_look_at_peers(gossip_nng *nng)
{
    for (uint32_t i = 0; i < nng->peers_count; i++) {
        gossip__nng_peer *peer = nng->peers[i];
        look_at_requests(peer);
        if (peer->dialer == NULL || peer->late) continue;
        peer->late = nng->now - peer->dialled_at > nng->options.answer_ms;
        if (peer->late) nng_stream_dialer_close(peer->dialer); /* so dialling ends */
    }
}
