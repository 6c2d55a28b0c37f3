/* nng.c: opening, closing, and what waits for the owner. See nng.h. */
#define _POSIX_C_SOURCE 200809L
#include "gossip/nng.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "gossip/nng_impl.h"

#define DRAIN_MS 200
#define CLOSE_MS 20000

gossip_nng_options gossip_nng_options_default(void)
{
    gossip_nng_options options;
    memset(&options, 0, sizeof options);
    options.struct_size = sizeof options;
    options.frame_max = 4u << 20;
    options.queue_bytes = 8u << 20;
    options.queue_frames = 64;
    options.connections_max = 128;
    options.dial_min_ms = 100;
    options.dial_max_ms = 5000;
    options.watch_ms = 10000;
    return options;
}

/* -- What waits for the owner ------------------------------------------------------------------ */

bool gossip__nng_queue(gossip_nng *nng, gossip__nng_work *work)
{
    size_t size = work->msg != NULL ? nng_msg_len(work->msg) : 0;
    work->next = NULL;
    *nng->last = work;
    nng->last = &work->next;
    if (work->kind == GOSSIP_NNG_REQUEST) {
        nng->requests_queued++;
        nng->requests_bytes += size;
    } else {
        nng->replies_queued++;
        nng->replies_bytes += size;
    }
    bool wake = !nng->woken;
    nng->woken = true;
    return wake;
}

void gossip__nng_wake(const gossip_nng *nng)
{
    if (nng->options.wake != NULL) nng->options.wake(nng->options.user);
}

static gossip__nng_work *unqueue(gossip_nng *nng)
{
    gossip__nng_work *work = nng->first;
    if (work == NULL) return NULL;
    size_t size = work->msg != NULL ? nng_msg_len(work->msg) : 0;
    nng->first = work->next;
    if (nng->first == NULL) nng->last = &nng->first;
    if (work->kind == GOSSIP_NNG_REQUEST) {
        nng->requests_queued--;
        nng->requests_bytes -= size;
    } else {
        nng->replies_queued--;
        nng->replies_bytes -= size;
    }
    return work;
}

/* With the lock held: what is to be told of the work, which is done but for an answer. False: the
 * owner is not to see it. */
static bool describe(gossip_nng *nng, const gossip__nng_work *work, gossip_nng_item *ret_item)
{
    memset(ret_item, 0, sizeof *ret_item);
    ret_item->kind = work->kind;
    if (work->kind == GOSSIP_NNG_REQUEST) {
        gossip__nng_slot *slot = work->owner;
        ret_item->from = (uint64_t)slot->generation << 32 | (uint64_t)(slot - nng->slots + 1);
        slot->state = GOSSIP__NNG_HELD;
        nng->looking = slot;
        if (slot->pipe == 0 || nng->cut) gossip__nng_free_slot(nng, slot);
        return !nng->cut;
    }
    gossip__nng_request    *request = work->owner;
    const gossip__nng_peer *peer = request->peer;
    ret_item->address = crdt_view_of(peer->address, peer->address_size);
    gossip__nng_free_request(request);
    return !nng->cut && !peer->leaving;
}

bool gossip_nng_take(gossip_nng *nng, gossip_nng_item *ret_item)
{
    for (;;) {
        bool shown = false;
        if (nng->current != NULL) nng_msg_free(nng->current);
        gossip__nng_lock(nng);
        nng->looking = NULL;
        gossip__nng_work *work = unqueue(nng);
        nng->current = work != NULL ? work->msg : NULL;
        if (work != NULL) {
            work->msg = NULL;
            shown = describe(nng, work, ret_item);
        } else {
            nng->woken = false;
        }
        gossip__nng_unlock(nng);
        if (work == NULL) return false;
        gossip__nng_post(nng);
        if (!shown) continue;
        if (nng->current != NULL) {
            ret_item->bytes = crdt_view_of(nng_msg_body(nng->current), nng_msg_len(nng->current));
        }
        return true;
    }
}

/* -- The transport ----------------------------------------------------------------------------- */

nng_msg *gossip__nng_message(crdt_view bytes)
{
    nng_msg *msg;
    if (nng_msg_alloc(&msg, bytes.size) != 0) return NULL;
    if (bytes.size > 0) memcpy(nng_msg_body(msg), bytes.data, bytes.size);
    return msg;
}

static void send_bytes(void *user, crdt_view address, crdt_view bytes, bool reply, uint64_t from)
{
    gossip_nng *nng = user;
    if (nng->cut) return;
    if (bytes.size > nng->options.frame_max) {
        gossip__nng_lock(nng);
        nng->stats.oversize++;
        gossip__nng_unlock(nng);
        return;
    }
    if (reply) gossip__nng_reply(nng, bytes, from);
    else gossip__nng_request_to(nng, address, bytes);
}

gossip_transport gossip_nng_transport(gossip_nng *nng)
{
    gossip_transport transport = {send_bytes, nng};
    return transport;
}

void gossip_nng_cut(gossip_nng *nng, bool cut)
{
    nng->cut = cut;
}

/* -- Sockets that may not close ---------------------------------------------------------------- */

/* A thread that closes a socket. */
typedef struct closer {
    nng_socket      socket;
    pthread_mutex_t lock;
    pthread_cond_t  changed;
    bool            done;
} closer;

static void *run_closer(void *arg)
{
    closer *c = arg;
    (void)nng_close(c->socket);
    pthread_mutex_lock(&c->lock);
    c->done = true;
    pthread_cond_signal(&c->changed);
    pthread_mutex_unlock(&c->lock);
    return NULL;
}

static struct timespec in_ms(long ms)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += ms / 1000;
    t.tv_nsec += ms % 1000 * 1000000;
    if (t.tv_nsec >= 1000000000) t.tv_sec++, t.tv_nsec -= 1000000000;
    return t;
}

static void init_cond(pthread_cond_t *cond)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

void gossip__nng_note_stuck(gossip_nng *nng)
{
    if (nng->stuck) return;
    nng->stuck = true;
    gossip__nng_notify(nng, "NNG is stuck: it takes no connection down any more and dials nobody "
                            "again: restart this process");
}

bool gossip__nng_close_socket(gossip_nng *nng, nng_socket socket)
{
    pthread_t       thread;
    const crdt_mem *mem = nng->mem;
    if (nng->stuck) return false;
    closer *c = mem->alloc(mem->user, sizeof *c);
    if (c == NULL) {
        (void)nng_close(socket);
        return true;
    }
    c->socket = socket;
    c->done = false;
    pthread_mutex_init(&c->lock, NULL);
    init_cond(&c->changed);
    if (pthread_create(&thread, NULL, run_closer, c) == 0) {
        struct timespec until = in_ms(CLOSE_MS);
        int             rv = 0;
        pthread_mutex_lock(&c->lock);
        while (!c->done && rv == 0) rv = pthread_cond_timedwait(&c->changed, &c->lock, &until);
        bool done = c->done;
        pthread_mutex_unlock(&c->lock);
        if (!done) {
            pthread_detach(thread);
            gossip__nng_note_stuck(nng);
            return false;
        }
        pthread_join(thread, NULL);
    } else {
        (void)nng_close(socket);
    }
    pthread_cond_destroy(&c->changed);
    pthread_mutex_destroy(&c->lock);
    mem->release(mem->user, c, sizeof *c);
    return true;
}

/* -- Opening and closing ----------------------------------------------------------------------- */

static crdt_err check_options(const gossip_nng_options *o, char ret_problem[256])
{
    const char *wrong = NULL;
    int         tls = (o->tls_ca != NULL) + (o->tls_cert != NULL) + (o->tls_key != NULL);
    if (o->struct_size != sizeof *o) wrong = "options of another version of this library";
    else if (tls != 0 && tls != 3) wrong = "TLS needs a CA, a certificate and its key: all three";
    else if (o->frame_max == 0 || o->queue_frames == 0 || o->connections_max == 0) {
        wrong = "frame_max, queue_frames and connections_max must not be 0";
    } else if (o->queue_bytes < o->frame_max) wrong = "queue_bytes must have room for a frame";
    else if (o->dial_min_ms == 0 || o->dial_max_ms < o->dial_min_ms || o->dial_max_ms > 3600000) {
        wrong = "dial_min_ms must be from 1, dial_max_ms from dial_min_ms to an hour";
    } else if (o->listen != NULL && strlen(o->listen) > 255) wrong = "the address is too long";
    if (wrong == NULL) return CRDT_OK;
    (void)snprintf(ret_problem, 256, "%s", wrong);
    return CRDT_EINVAL;
}

static crdt_err start(gossip_nng *nng, char ret_problem[256])
{
    if (nng->options.tls_ca != NULL) {
        crdt_err err = gossip__nng_read_pem(nng, ret_problem);
        if (err != CRDT_OK) return err;
    }
    if (nng->options.listen != NULL) {
        crdt_err err = gossip__nng_listen(nng, ret_problem);
        if (err != CRDT_OK) return err;
        if (nng->options.watch_ms > 0) gossip__nng_watch_start(nng);
    }
    return CRDT_OK;
}

crdt_err gossip_nng_open(const gossip_nng_options *options, const crdt_mem *mem,
                         gossip_nng **ret_nng, char ret_problem[256])
{
    ret_problem[0] = 0;
    if (mem == NULL) mem = crdt_mem_default();
    crdt_err err = check_options(options, ret_problem);
    if (err != CRDT_OK) return err;
    gossip_nng *nng = mem->alloc(mem->user, sizeof *nng);
    if (nng == NULL) return CRDT_ENOMEM;
    memset(nng, 0, sizeof *nng);
    nng->options = *options;
    nng->mem = mem;
    nng->last = &nng->first;
    pthread_mutex_init(&nng->lock, NULL);
    init_cond(&nng->left);
    err = start(nng, ret_problem);
    /* These strings are the caller's: all that is needed of them was copied. */
    nng->options.tls_ca = nng->options.tls_cert = nng->options.tls_key = NULL;
    nng->options.listen = NULL;
    if (err != CRDT_OK) {
        gossip_nng_close(nng);
        return err;
    }
    *ret_nng = nng;
    return CRDT_OK;
}

/* With the lock held: something leaves still, or a reply may come. */
static bool is_busy(const gossip_nng *nng)
{
    if (nng->sending_bytes > 0) return true;
    for (uint32_t i = 0; i < nng->peers_count; i++) {
        const gossip__nng_peer *peer = nng->peers[i];
        if (peer->pipe != 0 && peer->in_flight > peer->queued) return true;
    }
    for (const gossip__nng_peer *peer = nng->leaving; peer != NULL; peer = peer->next) {
        if (peer->pipe != 0 && peer->in_flight > peer->queued) return true;
    }
    return false;
}

static void drain(gossip_nng *nng)
{
    struct timespec until = in_ms(DRAIN_MS);
    gossip__nng_lock(nng);
    while (is_busy(nng)) {
        if (pthread_cond_timedwait(&nng->left, &nng->lock, &until) == ETIMEDOUT) break;
    }
    gossip__nng_unlock(nng);
}

bool gossip_nng_close(gossip_nng *nng)
{
    if (nng == NULL) return true;
    const crdt_mem *mem = nng->mem;
    drain(nng);
    gossip__nng_pause(nng);
    gossip__nng_lock(nng);
    nng->closing = true;
    nng->first = NULL; /* what waits is freed with what it is part of; no more is queued */
    nng->last = &nng->first;
    gossip__nng_unlock(nng);
    if (nng->current != NULL) nng_msg_free(nng->current);
    gossip__nng_watch_stop(nng);
    for (uint32_t i = 0; i < nng->peers_count; i++) gossip__nng_close_peer(nng->peers[i]);
    while (nng->leaving != NULL) {
        gossip__nng_peer *peer = nng->leaving;
        nng->leaving = peer->next;
        gossip__nng_close_peer(peer);
    }
    gossip__nng_stop_listening(nng);
    if (nng->stuck) return false; /* NNG's threads may yet touch it */
    if (nng->peers != NULL) {
        mem->release(mem->user, nng->peers, nng->peers_cap * sizeof(gossip__nng_peer *));
    }
    gossip__nng_forget_pem(nng);
    pthread_cond_destroy(&nng->left);
    pthread_mutex_destroy(&nng->lock);
    mem->release(mem->user, nng, sizeof *nng);
    return true;
}

/* -- Looking ----------------------------------------------------------------------------------- */

const char *gossip_nng_url(const gossip_nng *nng)
{
    return nng->url;
}

/* The statistics are const to the owner, and guarded. */
static void lock_const(const gossip_nng *nng)
{
    pthread_mutex_lock((pthread_mutex_t *)(uintptr_t)&nng->lock);
}
static void unlock_const(const gossip_nng *nng)
{
    pthread_mutex_unlock((pthread_mutex_t *)(uintptr_t)&nng->lock);
}

gossip_nng_stats gossip_nng_stats_of(const gossip_nng *nng)
{
    lock_const(nng);
    gossip_nng_stats stats = nng->stats;
    stats.stuck = nng->stuck;
    stats.queued_bytes = nng->requests_bytes + nng->replies_bytes;
    stats.queued_frames = nng->requests_queued + nng->replies_queued;
    stats.connections = nng->pipes_count;
    stats.peers = nng->peers_count;
    unlock_const(nng);
    return stats;
}

bool gossip_nng_peer(const gossip_nng *nng, size_t i, gossip_nng_peer_info *ret_info)
{
    if (i >= nng->peers_count) return false;
    const gossip__nng_peer *peer = nng->peers[i];
    memset(ret_info, 0, sizeof *ret_info);
    lock_const(nng);
    ret_info->address = crdt_view_of(peer->address, peer->address_size);
    ret_info->connected = peer->pipe != 0;
    ret_info->in_flight = peer->in_flight;
    ret_info->dialled = peer->dialled;
    ret_info->sent = peer->sent;
    ret_info->answered = peer->answered;
    ret_info->lost = peer->lost;
    ret_info->dropped = peer->dropped;
    ret_info->bytes_in = peer->bytes_in;
    ret_info->bytes_out = peer->bytes_out;
    ret_info->problem = peer->pipe != 0 ? "" : peer->problem;
    unlock_const(nng);
    return true;
}

void gossip__nng_notify(gossip_nng *nng, const char *format, ...)
{
    va_list arguments;
    if (nng->notices_count == GOSSIP__NNG_NOTICES) {
        nng->notices_at = (nng->notices_at + 1) % GOSSIP__NNG_NOTICES;
        nng->notices_count--;
    }
    uint32_t at = (nng->notices_at + nng->notices_count++) % GOSSIP__NNG_NOTICES;
    va_start(arguments, format);
    (void)vsnprintf(nng->notices[at], sizeof nng->notices[at], format, arguments);
    va_end(arguments);
}

bool gossip_nng_notice(gossip_nng *nng, char ret_text[256])
{
    if (nng->notices_count == 0) return false;
    memcpy(ret_text, nng->notices[nng->notices_at], 256);
    nng->notices_at = (nng->notices_at + 1) % GOSSIP__NNG_NOTICES;
    nng->notices_count--;
    return true;
}
