/* nng.c: operations, what the owner takes, opening and closing. See nng.h. */
#define _POSIX_C_SOURCE 200809L
#include "gossip/nng.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "gossip/nng_impl.h"

#define DRAIN_MS 200
#define TURN_MS 1000
#define TAKE_TURNS 8u

gossip_nng_options gossip_nng_options_default(void)
{
    gossip_nng_options options;
    memset(&options, 0, sizeof options);
    options.struct_size = sizeof options;
    options.frame_max = 4u << 20;
    options.connections_max = 128;
    options.dial_min_ms = 100;
    options.dial_max_ms = 5000;
    options.answer_ms = 8000;
    return options;
}

/* -- Operations -------------------------------------------------------------------------------- */

/* By a thread of NNG. */
static void op_done(void *arg)
{
    gossip__nng_op *op = arg;
    gossip_nng     *nng = op->nng;
    pthread_mutex_lock(&nng->lock);
    bool whole = nng_aio_result(op->aio) == 0 && nng_aio_count(op->aio) == op->enough;
    bool wake = !whole && !nng->woken;
    op->done = true;
    if (!op->listed) {
        op->listed = true;
        op->next = NULL;
        *nng->news_last = op;
        nng->news_last = &op->next;
        nng->news_count++;
    }
    if (wake) nng->woken = true;
    pthread_cond_signal(&nng->came);
    pthread_mutex_unlock(&nng->lock);
    if (wake) gossip__nng_wake(nng);
}

bool gossip__nng_op_init(gossip__nng_op *op, gossip_nng *nng, void *of,
                         void (*finish)(gossip__nng_op *op))
{
    memset(op, 0, sizeof *op);
    op->nng = nng;
    op->of = of;
    op->finish = finish;
    return nng_aio_alloc(&op->aio, op_done, op) == 0;
}

void gossip__nng_op_begin(gossip__nng_op *op, size_t enough)
{
    pthread_mutex_lock(&op->nng->lock);
    op->done = false;
    op->enough = enough;
    pthread_mutex_unlock(&op->nng->lock);
}

/* With the lock held: it is no news any more. */
static bool unlist(gossip__nng_op *op)
{
    gossip_nng      *nng = op->nng;
    gossip__nng_op **at = &nng->news;
    bool             done = op->done;
    op->done = false;
    if (!op->listed) return done;
    while (*at != op) at = &(*at)->next;
    *at = op->next;
    if (*at == NULL) nng->news_last = at;
    nng->news_count--;
    op->listed = false;
    return done;
}

void gossip__nng_op_hurry(gossip__nng_op *op)
{
    pthread_mutex_lock(&op->nng->lock);
    op->enough = SIZE_MAX;
    bool done = op->done && unlist(op);
    pthread_mutex_unlock(&op->nng->lock);
    if (done) op->finish(op);
}

void gossip__nng_op_wait(gossip__nng_op *op)
{
    nng_aio_wait(op->aio);
    pthread_mutex_lock(&op->nng->lock);
    (void)unlist(op);
    pthread_mutex_unlock(&op->nng->lock);
}

void gossip__nng_op_free(gossip__nng_op *op)
{
    if (op->aio == NULL) return;
    gossip__nng_op_wait(op);
    nng_aio_free(op->aio);
    op->aio = NULL;
}

void gossip__nng_wake(const gossip_nng *nng)
{
    if (nng->options.wake != NULL) nng->options.wake(nng->options.user);
}

/* While the owner was elsewhere no time has passed: nobody is to be late for that. */
static void advance(gossip_nng *nng)
{
    nng_time clock = nng_clock(), passed = clock - nng->clock;
    nng->clock = clock;
    nng->now += passed < TURN_MS ? passed : TURN_MS;
}

/* Finishes what is done by now. */
static void turn(gossip_nng *nng)
{
    advance(nng);
    pthread_mutex_lock(&nng->lock);
    unsigned count = nng->news_count;
    pthread_mutex_unlock(&nng->lock);
    for (unsigned i = 0; i < count; i++) {
        pthread_mutex_lock(&nng->lock);
        gossip__nng_op *op = nng->news;
        bool            done = op != NULL && unlist(op);
        pthread_mutex_unlock(&nng->lock);
        if (done) op->finish(op);
    }
}

/* Nothing is left to do: the next news wakes the owner. */
static bool rest(gossip_nng *nng)
{
    pthread_mutex_lock(&nng->lock);
    bool idle = nng->news == NULL;
    if (idle) nng->woken = false;
    pthread_mutex_unlock(&nng->lock);
    return idle;
}

/* -- What the owner takes ---------------------------------------------------------------------- */

/* What take gave out is not needed any more: the connection goes on, after the others. */
static void release_current(gossip_nng *nng)
{
    gossip__nng_conn *conn = nng->current;
    nng->current = NULL;
    if (conn != NULL) gossip__nng_conn_go_on(conn);
    if (nng->orphan != NULL) nng->mem->release(nng->mem->user, nng->orphan, nng->orphan_size);
    nng->orphan = NULL;
    if (nng->current_lost != NULL) gossip__nng_free_request(nng->current_lost);
    nng->current_lost = NULL;
}

static bool take_lost(gossip_nng *nng, gossip_nng_item *ret_item)
{
    gossip__nng_request *request = nng->lost;
    if (request == NULL) return false;
    nng->lost = request->next;
    if (nng->lost == NULL) nng->lost_last = &nng->lost;
    nng->current_lost = request;
    ret_item->kind = GOSSIP_NNG_LOST;
    ret_item->from = request->token;
    ret_item->address = crdt_view_of(request->peer->address, request->peer->address_size);
    return true;
}

/* False: nobody waits for it. */
static bool describe_reply(gossip_nng *nng, uint32_t id, gossip_nng_item *ret_item)
{
    gossip__nng_peer    *peer = nng->current->peer;
    gossip__nng_request *request = gossip__nng_answered(peer, id);
    if (request == NULL) {
        nng->stats.dropped++;
        return false;
    }
    ret_item->kind = GOSSIP_NNG_REPLY;
    ret_item->from = request->token;
    ret_item->address = crdt_view_of(peer->address, peer->address_size);
    peer->answered++;
    peer->bytes_in += ret_item->bytes.size;
    nng->stats.replies_in++;
    gossip__nng_free_request(request);
    return true;
}

/* False: what came is not for the owner. */
static bool take_ready(gossip_nng *nng, gossip_nng_item *ret_item)
{
    gossip__nng_conn *conn = nng->ready;
    uint32_t          id;
    nng->ready = conn->next_ready;
    if (nng->ready == NULL) nng->ready_last = &nng->ready;
    conn->ready = false;
    nng->current = conn;
    ret_item->bytes = gossip__nng_conn_pop(conn, &id);
    nng->stats.bytes_in += ret_item->bytes.size;
    if (nng->cut) return false;
    if (conn->peer != NULL) return describe_reply(nng, id, ret_item);
    ret_item->kind = GOSSIP_NNG_REQUEST;
    ret_item->from = (uint64_t)conn->number << 32 | id;
    nng->stats.requests_in++;
    return true;
}

bool gossip_nng_take(gossip_nng *nng, gossip_nng_item *ret_item)
{
    for (unsigned i = 0; i < TAKE_TURNS; i++) {
        memset(ret_item, 0, sizeof *ret_item);
        release_current(nng);
        turn(nng);
        if (take_lost(nng, ret_item)) return true;
        if (nng->ready != NULL && take_ready(nng, ret_item)) return true;
        if (nng->ready == NULL && rest(nng)) return false;
    }
    gossip__nng_wake(nng); /* there is more: others have their turn between */
    return false;
}

/* -- The transport ----------------------------------------------------------------------------- */

static void send_bytes(void *user, crdt_view address, crdt_view bytes, bool reply, uint64_t from)
{
    gossip_nng *nng = user;
    if (nng->cut) return;
    if (bytes.size > nng->options.frame_max) nng->stats.oversize++;
    else if (reply) gossip__nng_reply(nng, bytes, from);
    else gossip__nng_request_to(nng, address, bytes, from);
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

void gossip_nng_check(gossip_nng *nng)
{
    turn(nng);
    gossip__nng_look_at_accepted(nng);
    gossip__nng_look_at_peers(nng);
}

/* -- Opening and closing ----------------------------------------------------------------------- */

static crdt_err check_options(const gossip_nng_options *o, char ret_problem[256])
{
    const char *wrong = NULL;
    int         tls = (o->tls_ca != NULL) + (o->tls_cert != NULL) + (o->tls_key != NULL);
    if (o->struct_size != sizeof *o) wrong = "options of another version of this library";
    else if (tls != 0 && tls != 3) wrong = "TLS needs a CA, a certificate and its key: all three";
    else if (o->frame_max == 0 || o->frame_max > 1u << 30 || o->connections_max == 0) {
        wrong = "frame_max must be from 1 to 1 GiB, connections_max not 0";
    } else if (o->dial_min_ms == 0 || o->dial_max_ms < o->dial_min_ms || o->dial_max_ms > 3600000) {
        wrong = "dial_min_ms must be from 1, dial_max_ms from dial_min_ms to an hour";
    } else if (o->answer_ms < 100 || o->answer_ms > 3600000) {
        wrong = "answer_ms must be from 100 to an hour";
    } else if (o->listen != NULL && strlen(o->listen) > 255) wrong = "the address is too long";
    if (wrong == NULL) return CRDT_OK;
    (void)snprintf(ret_problem, 256, "%s", wrong);
    return CRDT_EINVAL;
}

static gossip_nng *make(const gossip_nng_options *options, const crdt_mem *mem)
{
    pthread_condattr_t monotonic;
    gossip_nng        *nng = mem->alloc(mem->user, sizeof *nng);
    if (nng == NULL) return NULL;
    memset(nng, 0, sizeof *nng);
    nng->options = *options;
    nng->mem = mem;
    nng->news_last = &nng->news;
    nng->ready_last = &nng->ready;
    nng->lost_last = &nng->lost;
    nng->next_number = 1;
    nng->clock = nng->now = nng_clock();
    pthread_mutex_init(&nng->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&nng->came, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return nng;
}

crdt_err gossip_nng_open(const gossip_nng_options *options, const crdt_mem *mem,
                         gossip_nng **ret_nng, char ret_problem[256])
{
    ret_problem[0] = 0;
    if (mem == NULL) mem = crdt_mem_default();
    crdt_err err = check_options(options, ret_problem);
    if (err != CRDT_OK) return err;
    gossip_nng *nng = make(options, mem);
    if (nng == NULL) return CRDT_ENOMEM;
    if (options->tls_ca != NULL) err = gossip__nng_read_pem(nng, ret_problem);
    if (err == CRDT_OK && options->listen != NULL) err = gossip__nng_listen(nng, ret_problem);
    /* These strings are the caller's: all that is needed of them was copied. */
    nng->options.tls_ca = nng->options.tls_cert = nng->options.tls_key = NULL;
    nng->options.listen = NULL;
    if (err == CRDT_OK) *ret_nng = nng;
    else gossip_nng_close(nng);
    return err;
}

/* Something leaves still. */
static bool is_busy(const gossip_nng *nng)
{
    for (const gossip__nng_conn *conn = nng->accepted; conn != NULL; conn = conn->next) {
        if (conn->greeted && conn->first != NULL) return true;
    }
    for (uint32_t i = 0; i < nng->peers_count; i++) {
        const gossip__nng_conn *conn = &nng->peers[i]->conn;
        if (conn->stream != NULL && conn->first != NULL) return true;
    }
    return false;
}

static void drain(gossip_nng *nng)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += DRAIN_MS * 1000000;
    if (until.tv_nsec >= 1000000000) until.tv_sec++, until.tv_nsec -= 1000000000;
    int rv = 0;
    while (rv == 0) {
        turn(nng);
        if (!is_busy(nng)) return;
        pthread_mutex_lock(&nng->lock);
        while (nng->news == NULL && rv == 0) {
            rv = pthread_cond_timedwait(&nng->came, &nng->lock, &until);
        }
        pthread_mutex_unlock(&nng->lock);
    }
}

void gossip_nng_close(gossip_nng *nng)
{
    if (nng == NULL) return;
    const crdt_mem *mem = nng->mem;
    release_current(nng);
    drain(nng);
    gossip__nng_stop_listening(nng);
    for (uint32_t i = 0; i < nng->peers_count; i++) gossip__nng_close_peer(nng->peers[i]);
    if (nng->peers != NULL) {
        mem->release(mem->user, nng->peers, nng->peers_cap * sizeof(gossip__nng_peer *));
    }
    gossip__nng_forget_pem(nng);
    pthread_cond_destroy(&nng->came);
    pthread_mutex_destroy(&nng->lock);
    mem->release(mem->user, nng, sizeof *nng);
}

/* -- Looking ----------------------------------------------------------------------------------- */

const char *gossip_nng_url(const gossip_nng *nng)
{
    return nng->url;
}

gossip_nng_stats gossip_nng_stats_of(const gossip_nng *nng)
{
    gossip_nng_stats stats = nng->stats;
    stats.connections = nng->accepted_count;
    stats.peers = nng->peers_count;
    return stats;
}

bool gossip_nng_peer(const gossip_nng *nng, size_t i, gossip_nng_peer_info *ret_info)
{
    if (i >= nng->peers_count) return false;
    const gossip__nng_peer *peer = nng->peers[i];
    memset(ret_info, 0, sizeof *ret_info);
    ret_info->address = crdt_view_of(peer->address, peer->address_size);
    ret_info->connected = peer->conn.greeted;
    ret_info->in_flight = peer->in_flight;
    ret_info->dialled = peer->dialled;
    ret_info->sent = peer->sent;
    ret_info->answered = peer->answered;
    ret_info->lost = peer->lost;
    ret_info->dropped = peer->dropped;
    ret_info->bytes_in = peer->bytes_in;
    ret_info->bytes_out = peer->bytes_out;
    ret_info->problem = peer->problem;
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
