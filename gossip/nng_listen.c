/* nng_listen.c: the REP socket: connections, contexts that receive requests, replies. */
#include <stdio.h>
#include <string.h>

#include "gossip/nng_impl.h"

#define IDLE_MS 60000
#define SILENT_MS 1000 /* what was silent for so long may be closed for a new one */
#define GONE_MS 10000
#define QUIET_MS 50

/* -- Connections: the lock is held unless it says otherwise ------------------------------------ */

static gossip__nng_pipe *find_pipe(gossip_nng *nng, uint32_t id)
{
    for (uint32_t i = 0; i < nng->pipes_cap && id != 0; i++) {
        if (nng->pipes[i].id == id) return &nng->pipes[i];
    }
    return NULL;
}

void gossip__nng_free_slot(gossip_nng *nng, gossip__nng_slot *slot)
{
    gossip__nng_pipe *pipe = find_pipe(nng, slot->pipe);
    if (pipe != NULL) pipe->slots--;
    slot->pipe = 0;
    slot->state = GOSSIP__NNG_IDLE;
    slot->next = nng->idle;
    nng->idle = slot;
}

/* Of the connections that have been silent, the one that was answered least recently. */
static gossip__nng_pipe *least_useful(gossip_nng *nng, nng_time now)
{
    gossip__nng_pipe *least = NULL;
    for (uint32_t i = 0; i < nng->pipes_cap; i++) {
        gossip__nng_pipe *pipe = &nng->pipes[i];
        if (pipe->id == 0 || pipe->closing || now - pipe->heard < SILENT_MS) continue;
        if (least == NULL || pipe->answered < least->answered) least = pipe;
    }
    return least;
}

/* A place for a connection that begins; *ret_close: the id of one that is to go for it, or 0. NULL:
 * it is refused. */
static gossip__nng_pipe *make_room(gossip_nng *nng, nng_time now, uint32_t *ret_close)
{
    *ret_close = 0;
    if (nng->closing) return NULL;
    if (nng->pipes_count >= nng->options.connections_max) {
        gossip__nng_pipe *least = least_useful(nng, now);
        if (least == NULL) return NULL;
        least->closing = true;
        least->heard = now;
        *ret_close = least->id;
        nng->pipes_count--;
        nng->stats.closed++;
    }
    for (uint32_t i = 0; i < nng->pipes_cap; i++) {
        if (nng->pipes[i].id == 0) return &nng->pipes[i];
    }
    for (uint32_t i = 0; i < nng->pipes_cap; i++) { /* it should have gone long ago */
        if (nng->pipes[i].closing && now - nng->pipes[i].heard > GONE_MS) return &nng->pipes[i];
    }
    return NULL;
}

static void close_pipe(uint32_t id)
{
    nng_pipe pipe = {id};
    if (id != 0) (void)nng_pipe_close(pipe);
}

static void pipe_begins(nng_pipe which, nng_pipe_ev event, void *arg)
{
    gossip_nng *nng = arg;
    nng_time    now = nng_clock();
    uint32_t    id = (uint32_t)nng_pipe_id(which), other;
    (void)event;
    gossip__nng_lock(nng);
    nng->arrived++;
    gossip__nng_pipe *pipe = make_room(nng, now, &other);
    if (pipe != NULL) {
        gossip__nng_pipe fresh = {.id = id, .heard = now};
        *pipe = fresh;
        nng->pipes_count++;
        nng->stats.accepted++;
    } else {
        nng->stats.refused++;
    }
    gossip__nng_unlock(nng);
    close_pipe(other);
    if (pipe == NULL) close_pipe(id);
}

static void pipe_ends(nng_pipe which, nng_pipe_ev event, void *arg)
{
    gossip_nng *nng = arg;
    (void)event;
    gossip__nng_lock(nng);
    gossip__nng_pipe *pipe = find_pipe(nng, (uint32_t)nng_pipe_id(which));
    if (pipe != NULL) {
        for (uint32_t i = 0; i < nng->slots_count && pipe->slots > 0; i++) {
            gossip__nng_slot *slot = &nng->slots[i];
            if (slot->pipe != pipe->id) continue;
            if (slot->state == GOSSIP__NNG_HELD) gossip__nng_free_slot(nng, slot);
            slot->pipe = 0;
        }
        if (!pipe->closing) nng->pipes_count--;
        pipe->id = 0;
    }
    gossip__nng_unlock(nng);
    gossip__nng_post(nng);
}

void gossip__nng_close_idle(gossip_nng *nng)
{
    nng_time now = nng_clock();
    for (;;) {
        uint32_t id = 0;
        gossip__nng_lock(nng);
        gossip__nng_pipe *pipe = least_useful(nng, now);
        if (pipe != NULL && now - pipe->answered > IDLE_MS && now - pipe->heard > IDLE_MS) {
            pipe->closing = true;
            pipe->heard = now;
            id = pipe->id;
            nng->pipes_count--;
            nng->stats.closed++;
        }
        gossip__nng_unlock(nng);
        if (id == 0) return;
        close_pipe(id);
    }
}

/* -- Contexts ---------------------------------------------------------------------------------- */

/* One more may receive: whatever comes, the bounds hold. */
static bool has_room(const gossip_nng *nng)
{
    const gossip_nng_options *o = &nng->options;
    if (nng->closing || nng->paused || nng->posted >= GOSSIP__NNG_POSTED) return false;
    uint32_t frames = o->queue_frames < GOSSIP__NNG_QUEUE ? o->queue_frames : GOSSIP__NNG_QUEUE;
    if (nng->requests_queued + nng->posted >= frames) return false;
    return nng->requests_bytes + (nng->posted + UINT64_C(1)) * o->frame_max <= o->queue_bytes;
}

/* How little hope there is of an answer to what came over the connection. */
static uint64_t despair(const gossip__nng_pipe *pipe)
{
    if (pipe == NULL) return UINT64_MAX;
    return (pipe->answered == 0 ? UINT64_C(1) << 32 : 0) + pipe->unanswered;
}

/* Of all that was seen and not answered, what is to be given up, of any connection (id 0) or of
 * one; not what the owner looks at just now. */
static gossip__nng_slot *least_hopeful(gossip_nng *nng, uint32_t id)
{
    gossip__nng_slot *least = NULL;
    uint64_t          most = 0;
    for (uint32_t i = 0; i < nng->slots_count; i++) {
        gossip__nng_slot *slot = &nng->slots[i];
        if (slot->state != GOSSIP__NNG_HELD || slot == nng->looking) continue;
        if (id != 0 && slot->pipe != id) continue;
        uint64_t here = despair(find_pipe(nng, slot->pipe));
        if (least == NULL || here > most || (here == most && slot->order < least->order)) {
            least = slot;
            most = here;
        }
    }
    return least;
}

/* The reply that has waited the longest to leave. */
static gossip__nng_slot *oldest_reply(gossip_nng *nng)
{
    gossip__nng_slot *oldest = NULL;
    for (uint32_t i = 0; i < nng->slots_count; i++) {
        gossip__nng_slot *slot = &nng->slots[i];
        if (slot->state != GOSSIP__NNG_SENDING) continue;
        if (oldest == NULL || slot->order < oldest->order) oldest = slot;
    }
    return oldest;
}

/* Let contexts receive as far as there is room. The lock is not held. */
void gossip__nng_post(gossip_nng *nng)
{
    for (;;) {
        nng_aio *abort = NULL;
        gossip__nng_lock(nng);
        bool room = has_room(nng);
        if (room && nng->idle == NULL && nng->posted == 0) {
            gossip__nng_slot *slot = least_hopeful(nng, 0);
            if (slot != NULL) {
                gossip__nng_free_slot(nng, slot);
                nng->stats.dropped++;
            } else if ((slot = oldest_reply(nng)) != NULL) {
                abort = slot->aio;
            }
        }
        gossip__nng_slot *slot = room ? nng->idle : NULL;
        if (slot != NULL) {
            nng->idle = slot->next;
            slot->state = GOSSIP__NNG_RECEIVING;
            nng->posted++;
        }
        gossip__nng_unlock(nng);
        if (abort != NULL) nng_aio_abort(abort, NNG_ETIMEDOUT); /* comes back here */
        if (slot == NULL) return;
        nng_aio_set_timeout(slot->aio, NNG_DURATION_INFINITE);
        nng_ctx_recv(slot->ctx, slot->aio);
    }
}

/* A request has come: is it to be shown to the owner? With the lock held. */
static bool admit(gossip_nng *nng, gossip__nng_slot *slot, const nng_msg *msg)
{
    gossip__nng_pipe *pipe = find_pipe(nng, (uint32_t)nng_pipe_id(nng_msg_get_pipe(msg)));
    if (nng->closing || pipe == NULL) return false;
    if (nng_msg_len(msg) > nng->options.frame_max) {
        nng->stats.oversize++;
        return false;
    }
    if (pipe->slots >= GOSSIP__NNG_SHARE) {
        gossip__nng_slot *oldest = least_hopeful(nng, pipe->id);
        if (oldest != NULL) {
            gossip__nng_free_slot(nng, oldest);
            nng->stats.dropped++;
        }
    }
    pipe->slots++;
    pipe->unanswered++;
    pipe->heard = nng_clock();
    slot->pipe = pipe->id;
    return true;
}

static void received(gossip__nng_slot *slot)
{
    gossip_nng *nng = slot->nng;
    bool        wake = false;
    nng_msg    *msg = nng_aio_result(slot->aio) == 0 ? nng_aio_get_msg(slot->aio) : NULL;
    nng_aio_set_msg(slot->aio, NULL);
    gossip__nng_lock(nng);
    nng->posted--;
    if (msg != NULL && admit(nng, slot, msg)) {
        slot->work.msg = msg;
        slot->state = GOSSIP__NNG_QUEUED;
        slot->generation++;
        slot->order = nng->order++;
        nng->stats.requests_in++;
        nng->stats.bytes_in += nng_msg_len(msg);
        wake = gossip__nng_queue(nng, &slot->work);
        msg = NULL;
    } else {
        gossip__nng_free_slot(nng, slot);
    }
    gossip__nng_unlock(nng);
    if (msg != NULL) nng_msg_free(msg);
    if (wake) gossip__nng_wake(nng);
}

static void sent(gossip__nng_slot *slot)
{
    gossip_nng *nng = slot->nng;
    nng_msg    *msg = nng_aio_get_msg(slot->aio); /* still there: it was not sent */
    nng_aio_set_msg(slot->aio, NULL);
    gossip__nng_lock(nng);
    if (msg != NULL) nng->stats.dropped++;
    nng->sending_bytes -= slot->sending;
    slot->sending = 0;
    gossip__nng_free_slot(nng, slot);
    pthread_cond_signal(&nng->left);
    gossip__nng_unlock(nng);
    if (msg != NULL) nng_msg_free(msg);
}

static void slot_done(void *arg)
{
    gossip__nng_slot *slot = arg;
    gossip_nng       *nng = slot->nng;
    gossip__nng_lock(nng);
    gossip__nng_state state = slot->state;
    gossip__nng_unlock(nng);
    if (state == GOSSIP__NNG_RECEIVING) received(slot);
    else if (state == GOSSIP__NNG_SENDING) sent(slot);
    gossip__nng_post(nng);
}

/* With the lock held: the request that the token is of, if it is still to be answered. */
static gossip__nng_slot *find_held(gossip_nng *nng, uint64_t from)
{
    uint64_t number = (from & UINT32_MAX) - 1;
    if (number >= nng->slots_count) return NULL;
    gossip__nng_slot *slot = &nng->slots[number];
    if (slot->generation != from >> 32 || slot->state != GOSSIP__NNG_HELD) return NULL;
    return slot;
}

void gossip__nng_reply(gossip_nng *nng, crdt_view bytes, uint64_t from)
{
    nng_msg *msg = gossip__nng_message(bytes);
    nng_aio *abort = NULL;
    if (msg == NULL) return;
    gossip__nng_lock(nng);
    gossip__nng_slot *slot = find_held(nng, from);
    if (slot == NULL) {
        nng->stats.dropped++;
    } else {
        gossip__nng_slot *oldest = oldest_reply(nng);
        if (oldest != NULL && nng->sending_bytes + bytes.size > nng->options.queue_bytes) {
            abort = oldest->aio;
        }
        slot->state = GOSSIP__NNG_SENDING;
        slot->sending = bytes.size + 1;
        nng->sending_bytes += slot->sending;
        gossip__nng_pipe *pipe = find_pipe(nng, slot->pipe);
        if (pipe != NULL) {
            pipe->answered = nng_clock();
            if (pipe->unanswered > 0) pipe->unanswered--;
        }
        nng->stats.replies_out++;
        nng->stats.bytes_out += bytes.size;
    }
    gossip__nng_unlock(nng);
    if (abort != NULL) nng_aio_abort(abort, NNG_ETIMEDOUT);
    if (slot == NULL) {
        nng_msg_free(msg);
        return;
    }
    nng_aio_set_msg(slot->aio, msg);
    nng_aio_set_timeout(slot->aio, GOSSIP__NNG_REPLY_MS);
    nng_ctx_send(slot->ctx, slot->aio);
}

/* -- The listener ------------------------------------------------------------------------------ */

static int open_slots(gossip_nng *nng)
{
    for (uint32_t i = 0; i < GOSSIP__NNG_SLOTS; i++) {
        gossip__nng_slot *slot = &nng->slots[i];
        slot->nng = nng;
        slot->work.owner = slot;
        slot->work.kind = GOSSIP_NNG_REQUEST;
        int rv = nng_aio_alloc(&slot->aio, slot_done, slot);
        if (rv != 0) return rv;
        nng->slots_count = i + 1;
        rv = nng_ctx_open(&slot->ctx, nng->rep);
        if (rv != 0) return rv;
        slot->next = nng->idle;
        nng->idle = slot;
    }
    return 0;
}

int gossip__nng_relisten(gossip_nng *nng)
{
    int rv = nng_listener_create(&nng->listener, nng->rep, nng->url);
    if (rv != 0) return rv;
    rv = gossip__nng_set_listener(nng, nng->listener);
    if (rv == 0) rv = nng_listener_start(nng->listener, 0);
    if (rv != 0) (void)nng_listener_close(nng->listener);
    return rv;
}

void gossip__nng_pause(gossip_nng *nng)
{
    gossip__nng_lock(nng);
    nng->paused = true;
    gossip__nng_unlock(nng);
    for (uint32_t i = 0; i < nng->slots_count; i++) {
        gossip__nng_slot *slot = &nng->slots[i];
        gossip__nng_lock(nng);
        bool receiving = slot->state == GOSSIP__NNG_RECEIVING;
        gossip__nng_unlock(nng);
        if (receiving) nng_aio_abort(slot->aio, NNG_ECANCELED);
    }
    gossip__nng_lock(nng);
    bool quiet = nng->pipes_count == 0;
    gossip__nng_unlock(nng);
    if (!quiet) nng_msleep(QUIET_MS);
}

void gossip__nng_resume(gossip_nng *nng)
{
    gossip__nng_lock(nng);
    nng->paused = false;
    gossip__nng_unlock(nng);
    gossip__nng_post(nng);
}

/* The address with the port that was chosen. */
static void note_url(gossip_nng *nng)
{
    char *url;
    if (nng_listener_get_string(nng->listener, NNG_OPT_URL, &url) != 0) return;
    if (strlen(url) < sizeof nng->url) (void)snprintf(nng->url, sizeof nng->url, "%s", url);
    nng_strfree(url);
}

crdt_err gossip__nng_listen(gossip_nng *nng, char ret_problem[256])
{
    const char *url = nng->options.listen;
    if (!gossip__nng_fits(nng, url)) {
        (void)snprintf(ret_problem, 256, "cannot listen on \"%s\": %s", url,
                       nng->ca.data != NULL ? "with TLS it must be tls+tcp://HOST:PORT"
                                            : "it must be tcp://HOST:PORT, ipc://PATH or "
                                              "inproc://NAME (tls+tcp needs certificates)");
        return CRDT_EINVAL;
    }
    nng->pipes_cap = nng->options.connections_max * 2;
    size_t size = nng->pipes_cap * sizeof *nng->pipes;
    nng->pipes = nng->mem->alloc(nng->mem->user, size);
    if (nng->pipes == NULL) return CRDT_ENOMEM;
    memset(nng->pipes, 0, size);
    (void)snprintf(nng->url, sizeof nng->url, "%s", url);
    int rv = nng_rep0_open(&nng->rep);
    nng->listens = rv == 0;
    if (rv == 0) rv = open_slots(nng);
    if (rv == 0) rv = nng_pipe_notify(nng->rep, NNG_PIPE_EV_ADD_PRE, pipe_begins, nng);
    if (rv == 0) rv = nng_pipe_notify(nng->rep, NNG_PIPE_EV_REM_POST, pipe_ends, nng);
    if (rv == 0) rv = gossip__nng_relisten(nng);
    if (rv != 0) {
        (void)snprintf(ret_problem, 256, "cannot listen on %.150s: %.80s", url, nng_strerror(rv));
        if (rv == NNG_ENOMEM) return CRDT_ENOMEM;
        return rv == NNG_EADDRINVAL || rv == NNG_EINVAL || rv == NNG_ENOTSUP ? CRDT_EINVAL
                                                                             : CRDT_EIO;
    }
    note_url(nng);
    gossip__nng_post(nng);
    return CRDT_OK;
}

/* All callbacks have ended before anything of theirs is freed: they may start each other. */
void gossip__nng_stop_listening(gossip_nng *nng)
{
    if (nng->listens && !gossip__nng_close_socket(nng, nng->rep)) return;
    for (uint32_t i = 0; i < nng->slots_count; i++) nng_aio_stop(nng->slots[i].aio);
    for (uint32_t i = 0; i < nng->slots_count; i++) {
        gossip__nng_slot *slot = &nng->slots[i];
        nng_msg *msg = slot->work.msg != NULL ? slot->work.msg : nng_aio_get_msg(slot->aio);
        if (msg != NULL) nng_msg_free(msg);
        nng_aio_free(slot->aio);
    }
    if (nng->pipes != NULL) {
        nng->mem->release(nng->mem->user, nng->pipes, nng->pipes_cap * sizeof *nng->pipes);
    }
}
