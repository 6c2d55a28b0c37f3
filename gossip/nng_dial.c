/* nng_dial.c: a REQ socket per peer address, and requests on it. */
#include <stdio.h>
#include <string.h>

#include "gossip/nng_impl.h"

/* -- Requests ---------------------------------------------------------------------------------- */

void gossip__nng_free_request(gossip__nng_request *request)
{
    gossip__nng_peer *peer = request->peer;
    request->state = GOSSIP__NNG_IDLE;
    peer->queued--;
    peer->in_flight--;
    peer->in_flight_bytes -= request->size;
    request->next = peer->idle;
    peer->idle = request;
}

/* With the lock held; msg NULL: it is lost. True: wake the owner. */
static bool end(gossip__nng_request *request, nng_msg *msg)
{
    gossip__nng_peer *peer = request->peer;
    gossip_nng       *nng = peer->nng;
    request->state = GOSSIP__NNG_QUEUED;
    if (nng->closing) return false;
    if (msg != NULL) {
        peer->answered++;
        peer->bytes_in += nng_msg_len(msg);
        nng->stats.replies_in++;
        nng->stats.bytes_in += nng_msg_len(msg);
    } else {
        peer->lost++;
        nng->stats.lost++;
    }
    peer->queued++;
    request->work.kind = msg != NULL ? GOSSIP_NNG_REPLY : GOSSIP_NNG_LOST;
    request->work.msg = msg;
    return gossip__nng_queue(nng, &request->work);
}

/* With the lock held: may the owner have this reply? */
static bool admit(gossip_nng *nng, const nng_msg *msg)
{
    size_t size = nng_msg_len(msg);
    if (nng->closing) return false;
    if (size > nng->options.frame_max) {
        nng->stats.oversize++;
        return false;
    }
    if (nng->replies_bytes + size <= nng->options.queue_bytes) return true;
    nng->stats.dropped++;
    return false;
}

/* It was sent: wait for the reply as long as is left. */
static void await(gossip__nng_request *request)
{
    gossip__nng_peer *peer = request->peer;
    gossip_nng       *nng = peer->nng;
    nng_time          now = nng_clock();
    int32_t           left = request->until > now ? (int32_t)(request->until - now) : 1;
    gossip__nng_lock(nng);
    request->state = GOSSIP__NNG_RECEIVING;
    pthread_cond_signal(&nng->left);
    gossip__nng_unlock(nng);
    nng_aio_set_timeout(request->aio, left);
    nng_ctx_recv(request->ctx, request->aio);
}

static void request_done(void *arg)
{
    gossip__nng_request *request = arg;
    gossip__nng_peer    *peer = request->peer;
    gossip_nng          *nng = peer->nng;
    int                  rv = nng_aio_result(request->aio);
    nng_msg             *msg = nng_aio_get_msg(request->aio); /* the reply, or what was not sent */
    bool                 wake = false;
    nng_aio_set_msg(request->aio, NULL);
    gossip__nng_lock(nng);
    gossip__nng_state state = request->state;
    gossip__nng_unlock(nng);
    if (state == GOSSIP__NNG_SENDING && rv == 0) {
        await(request);
        return;
    }
    if (state != GOSSIP__NNG_SENDING && state != GOSSIP__NNG_RECEIVING) return;
    gossip__nng_lock(nng);
    nng_msg *reply = NULL;
    if (state == GOSSIP__NNG_RECEIVING && rv == 0 && admit(nng, msg)) {
        reply = msg;
        msg = NULL;
    }
    if (rv == NNG_ETIMEDOUT && peer->pipe != 0 && peer->answered == request->replies) {
        peer->stuck = true;
    }
    wake = end(request, reply);
    pthread_cond_signal(&nng->left);
    gossip__nng_unlock(nng);
    if (msg != NULL) nng_msg_free(msg);
    if (wake) gossip__nng_wake(nng);
}

/* An idle request of the peer, or a new one; NULL: no room or no memory. */
static gossip__nng_request *idle_request(gossip__nng_peer *peer, size_t size)
{
    gossip_nng *nng = peer->nng;
    gossip__nng_lock(nng);
    gossip__nng_request *request = peer->idle;
    bool                 room = peer->in_flight < GOSSIP__NNG_REQUESTS &&
                (peer->in_flight == 0 || peer->in_flight_bytes + size <= GOSSIP__NNG_REQUEST_BYTES);
    if (room && request != NULL) peer->idle = request->next;
    gossip__nng_unlock(nng);
    if (!room) return NULL;
    if (request != NULL) return request;
    request = nng->mem->alloc(nng->mem->user, sizeof *request);
    if (request == NULL) return NULL;
    memset(request, 0, sizeof *request);
    request->peer = peer;
    request->work.owner = request;
    if (nng_ctx_open(&request->ctx, peer->socket) != 0 ||
        nng_aio_alloc(&request->aio, request_done, request) != 0) {
        nng->mem->release(nng->mem->user, request, sizeof *request);
        return NULL; /* a context that was opened goes with its socket */
    }
    gossip__nng_lock(nng);
    peer->requests[peer->requests_count++] = request;
    gossip__nng_unlock(nng);
    return request;
}

/* -- Peers ------------------------------------------------------------------------------------- */

static void pipe_begins(nng_pipe pipe, nng_pipe_ev event, void *arg)
{
    gossip__nng_peer *peer = arg;
    (void)event;
    gossip__nng_lock(peer->nng);
    peer->pipe = (uint32_t)nng_pipe_id(pipe);
    peer->stuck = false;
    peer->dialled++;
    peer->nng->stats.dialled++;
    gossip__nng_unlock(peer->nng);
}

static void pipe_ends(nng_pipe pipe, nng_pipe_ev event, void *arg)
{
    gossip__nng_peer *peer = arg;
    (void)event;
    gossip__nng_lock(peer->nng);
    if (peer->pipe == (uint32_t)nng_pipe_id(pipe)) peer->pipe = 0;
    gossip__nng_unlock(peer->nng);
}

static int dial(gossip__nng_peer *peer)
{
    const gossip_nng_options *o = &peer->nng->options;
    int                       rv = nng_dialer_create(&peer->dialer, peer->socket, peer->address);
    if (rv != 0) return rv;
    rv = gossip__nng_set_dialer(peer->nng, peer->dialer, peer->address, false);
    if (rv == 0) {
        rv = nng_dialer_set_ms(peer->dialer, NNG_OPT_RECONNMINT, (nng_duration)o->dial_min_ms);
    }
    if (rv == 0) {
        rv = nng_dialer_set_ms(peer->dialer, NNG_OPT_RECONNMAXT, (nng_duration)o->dial_max_ms);
    }
    if (rv == 0) rv = nng_dialer_start(peer->dialer, NNG_FLAG_NONBLOCK);
    if (rv != 0) (void)nng_dialer_close(peer->dialer);
    return rv;
}

static int open_socket(gossip__nng_peer *peer)
{
    int rv = nng_req0_open(&peer->socket);
    if (rv != 0) return rv;
    peer->open = true;
    rv = nng_socket_set_ms(peer->socket, NNG_OPT_REQ_RESENDTIME, NNG_DURATION_INFINITE);
    if (rv == 0) rv = nng_pipe_notify(peer->socket, NNG_PIPE_EV_ADD_POST, pipe_begins, peer);
    if (rv == 0) rv = nng_pipe_notify(peer->socket, NNG_PIPE_EV_REM_POST, pipe_ends, peer);
    if (rv == 0) rv = dial(peer);
    return rv;
}

/* In 1.5.2 a dialer, too, stops for good if a connection ends while it begins. */
void gossip__nng_redial(gossip__nng_peer *peer)
{
    (void)nng_dialer_close(peer->dialer);
    int rv = dial(peer);
    if (rv != 0) {
        gossip__nng_notify(peer->nng, "peer %s: cannot dial: %s", peer->address, nng_strerror(rv));
    }
}

/* A peer whose address is of no use is kept, too, so that its problem can be told. */
static gossip__nng_peer *new_peer(gossip_nng *nng, crdt_view address)
{
    gossip__nng_peer *peer = nng->mem->alloc(nng->mem->user, sizeof *peer);
    if (peer == NULL) return NULL;
    memset(peer, 0, sizeof *peer);
    peer->nng = nng;
    memcpy(peer->address, address.data, address.size);
    peer->address_size = (uint8_t)address.size;
    if (memchr(peer->address, 0, address.size) != NULL || !gossip__nng_fits(nng, peer->address)) {
        (void)snprintf(peer->problem, sizeof peer->problem, "%s",
                       nng->ca.data != NULL
                           ? "not an address to dial: with TLS it must be tls+tcp://HOST:PORT"
                           : "not an address to dial: it must be tcp://, ipc:// or inproc://");
    } else {
        int rv = open_socket(peer);
        if (rv != 0) {
            (void)snprintf(peer->problem, sizeof peer->problem, "%s", nng_strerror(rv));
            if (peer->open) (void)nng_close(peer->socket);
            peer->open = false;
        }
    }
    if (peer->problem[0] != 0) {
        gossip__nng_notify(nng, "peer %.*s: %s", (int)address.size, peer->address, peer->problem);
    }
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

void gossip__nng_request_to(gossip_nng *nng, crdt_view address, crdt_view bytes)
{
    gossip__nng_peer    *peer = find_or_make(nng, address);
    gossip__nng_request *request = NULL;
    nng_msg             *msg = NULL;
    if (peer != NULL && peer->open) request = idle_request(peer, bytes.size);
    if (request != NULL) msg = gossip__nng_message(bytes);
    gossip__nng_lock(nng);
    if (msg == NULL) {
        nng->stats.dropped++;
        if (peer != NULL) peer->dropped++;
        if (request != NULL) {
            request->next = peer->idle;
            peer->idle = request;
        }
    } else {
        request->state = GOSSIP__NNG_SENDING;
        request->size = bytes.size;
        request->replies = peer->answered;
        request->until = nng_clock() + GOSSIP__NNG_REQUEST_MS;
        peer->in_flight++;
        peer->in_flight_bytes += bytes.size;
        peer->sent++;
        peer->bytes_out += bytes.size;
        nng->stats.requests_out++;
        nng->stats.bytes_out += bytes.size;
    }
    gossip__nng_unlock(nng);
    if (msg == NULL) return;
    nng_aio_set_msg(request->aio, msg);
    nng_aio_set_timeout(request->aio, GOSSIP__NNG_REQUEST_MS);
    nng_ctx_send(request->ctx, request->aio);
}

void gossip__nng_close_peer(gossip__nng_peer *peer)
{
    gossip_nng     *nng = peer->nng;
    const crdt_mem *mem = nng->mem;
    if (peer->open && !gossip__nng_close_socket(nng, peer->socket)) return;
    for (uint32_t i = 0; i < peer->requests_count; i++) nng_aio_stop(peer->requests[i]->aio);
    for (uint32_t i = 0; i < peer->requests_count; i++) {
        gossip__nng_request *request = peer->requests[i];
        nng_msg             *msg =
            request->work.msg != NULL ? request->work.msg : nng_aio_get_msg(request->aio);
        if (msg != NULL) nng_msg_free(msg);
        nng_aio_free(request->aio);
        mem->release(mem->user, request, sizeof *request);
    }
    mem->release(mem->user, peer, sizeof *peer);
}

void gossip_nng_forget(gossip_nng *nng, crdt_view address)
{
    uint32_t at = seek(nng, address);
    if (!is_at(nng, at, address)) return;
    gossip__nng_peer *peer = nng->peers[at];
    nng->peers_count--;
    memmove(&nng->peers[at], &nng->peers[at + 1],
            (nng->peers_count - at) * sizeof(gossip__nng_peer *));
    gossip__nng_lock(nng);
    peer->leaving = true;
    gossip__nng_unlock(nng);
    peer->next = nng->leaving;
    nng->leaving = peer;
    gossip__nng_refresh(nng);
}

/* A request that is not answered ends in time, so all that leave do. */
static void close_leaving(gossip_nng *nng)
{
    gossip__nng_peer **at = &nng->leaving;
    while (*at != NULL && !nng->stuck) {
        gossip__nng_peer *peer = *at;
        gossip__nng_lock(nng);
        bool busy = peer->in_flight > 0;
        gossip__nng_unlock(nng);
        if (busy) {
            at = &peer->next;
        } else {
            *at = peer->next;
            gossip__nng_close_peer(peer);
        }
    }
}

void gossip__nng_refresh(gossip_nng *nng)
{
    close_leaving(nng);
    for (uint32_t i = 0; i < nng->peers_count; i++) {
        gossip__nng_peer *peer = nng->peers[i];
        gossip__nng_lock(nng);
        nng_pipe pipe = {peer->stuck ? peer->pipe : 0};
        peer->stuck = false;
        if (pipe.id != 0) nng->stats.closed++;
        gossip__nng_unlock(nng);
        if (pipe.id != 0) (void)nng_pipe_close(pipe);
    }
}
