/* nng_listen.c: connections that are accepted, and replies over them. */
#include <stdio.h>
#include <string.h>

#include "gossip/nng_impl.h"

#define REPLIES 64u /* that wait in one connection, besides frame_max bytes */

/* -- Connections ------------------------------------------------------------------------------- */

static void drop(gossip__nng_conn *conn)
{
    gossip_nng        *nng = conn->nng;
    gossip__nng_conn **at = &nng->accepted;
    while (*at != conn) at = &(*at)->next;
    *at = conn->next;
    nng->accepted_count--;
    gossip__nng_conn_close(conn);
    gossip__nng_conn_free(conn);
    nng->mem->release(nng->mem->user, conn, sizeof *conn);
}

static void note(gossip__nng_conn *conn, gossip__nng_reason reason)
{
    gossip_nng *nng = conn->nng;
    nng->closed[reason].count++;
    memcpy(nng->closed[reason].remote, conn->remote, sizeof conn->remote);
}

void gossip__nng_accepted_failed(gossip__nng_conn *conn, int rv)
{
    if (!conn->greeted) conn->nng->stats.refused++;
    if (rv == NNG_ECRYPTO || rv == NNG_EPEERAUTH) note(conn, GOSSIP__NNG_TLS);
    if (rv == NNG_EPROTO) note(conn, GOSSIP__NNG_PROTOCOL);
    if (rv == NNG_EMSGSIZE) note(conn, GOSSIP__NNG_SIZE);
    drop(conn);
}

/* Of the connections that have been silent, the one that was answered least recently. */
static gossip__nng_conn *least_useful(gossip_nng *nng)
{
    gossip__nng_conn *least = NULL;
    for (gossip__nng_conn *conn = nng->accepted; conn != NULL; conn = conn->next) {
        if (nng->now - conn->heard < GOSSIP__NNG_SILENT_MS) continue;
        if (least == NULL || conn->answered < least->answered) least = conn;
    }
    return least;
}

/* Room for one more; silent ones go for it. */
static bool make_room(gossip_nng *nng)
{
    if (nng->accepted_count < nng->options.connections_max) return true;
    gossip__nng_conn *least = least_useful(nng);
    if (least == NULL) return false;
    nng->stats.closed++;
    drop(least);
    return true;
}

static gossip__nng_conn *new_conn(gossip_nng *nng)
{
    gossip__nng_conn *conn = NULL;
    if (make_room(nng)) conn = nng->mem->alloc(nng->mem->user, sizeof *conn);
    if (conn == NULL) return NULL;
    if (!gossip__nng_conn_init(conn, nng, NULL)) {
        gossip__nng_conn_free(conn);
        nng->mem->release(nng->mem->user, conn, sizeof *conn);
        return NULL;
    }
    conn->number = nng->next_number++;
    if (nng->next_number == 0) nng->next_number = 1;
    conn->next = nng->accepted;
    nng->accepted = conn;
    nng->accepted_count++;
    return conn;
}

static void admit(gossip_nng *nng, nng_stream *stream)
{
    gossip__nng_conn *conn = new_conn(nng);
    if (conn == NULL) {
        nng->stats.refused++;
        gossip__nng_drop_stream(stream);
        return;
    }
    gossip__nng_name(stream, conn->remote);
    if (!gossip__nng_conn_open(conn, stream)) gossip__nng_accepted_failed(conn, NNG_ENOMEM);
}

void gossip__nng_reply(gossip_nng *nng, crdt_view bytes, uint64_t from)
{
    gossip__nng_conn *conn = nng->accepted;
    while (conn != NULL && conn->number != from >> 32) conn = conn->next;
    bool full =
        conn != NULL && conn->out_count > 0 &&
        (conn->out_count >= REPLIES || conn->out_bytes + bytes.size > nng->options.frame_max);
    if (conn != NULL) conn->answered = nng->now;
    if (conn == NULL || full || !gossip__nng_conn_push(conn, (uint32_t)from, bytes)) {
        nng->stats.dropped++;
        return;
    }
    nng->stats.replies_out++;
    nng->stats.bytes_out += bytes.size;
}

/* -- The listener ------------------------------------------------------------------------------ */

static void accept_more(gossip_nng *nng)
{
    gossip__nng_op_begin(&nng->accept, SIZE_MAX);
    nng_stream_listener_accept(nng->listener, nng->accept.aio);
}

/* What is wrong (no more files, no memory) may pass. */
static void accept_later(gossip_nng *nng, int rv)
{
    if (!nng->accept_failed) {
        gossip__nng_notify(nng, "no connection can be accepted: %s", nng_strerror(rv));
    }
    nng->accept_failed = nng->accept_rests = true;
    gossip__nng_op_begin(&nng->accept, SIZE_MAX);
    nng_sleep_aio(GOSSIP__NNG_REST_MS, nng->accept.aio);
}

static void accepted(gossip__nng_op *op)
{
    gossip_nng *nng = op->of;
    int         rv = nng_aio_result(op->aio);
    if (nng->accept_rests) {
        nng->accept_rests = false;
        accept_more(nng);
    } else if (rv != 0) {
        accept_later(nng, rv);
    } else {
        nng->accept_failed = false;
        admit(nng, nng_aio_get_output(op->aio, 0));
        accept_more(nng);
    }
}

/* The address with the port that was chosen. */
static void note_url(gossip_nng *nng, const char *url)
{
    int         port, host = (int)strlen(url);
    const char *colon = strrchr(url, ':');
    if (strncmp(url, "tcp", 3) != 0 && strncmp(url, "tls", 3) != 0) colon = NULL;
    if (colon != NULL) host = (int)(colon - url);
    (void)snprintf(nng->url, sizeof nng->url, "%s", url);
    if (nng_stream_listener_get_int(nng->listener, NNG_OPT_TCP_BOUND_PORT, &port) != 0) return;
    (void)snprintf(nng->url, sizeof nng->url, "%.*s:%d", host, url, port);
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
    int rv = gossip__nng_make_listener(nng, url, &nng->listener);
    if (rv == 0) rv = nng_stream_listener_listen(nng->listener);
    if (rv == 0 && !gossip__nng_op_init(&nng->accept, nng, nng, accepted)) rv = NNG_ENOMEM;
    if (rv != 0) {
        (void)snprintf(ret_problem, 256, "cannot listen on %.150s: %.80s", url, nng_strerror(rv));
        if (rv == NNG_ENOMEM) return CRDT_ENOMEM;
        return rv == NNG_EADDRINVAL || rv == NNG_EINVAL || rv == NNG_ENOTSUP ? CRDT_EINVAL
                                                                             : CRDT_EIO;
    }
    note_url(nng, url);
    accept_more(nng);
    return CRDT_OK;
}

void gossip__nng_stop_listening(gossip_nng *nng)
{
    while (nng->accepted != NULL) drop(nng->accepted);
    if (nng->accept.aio != NULL) {
        if (nng->accept_rests) nng_aio_cancel(nng->accept.aio);
        nng_stream_listener_close(nng->listener);
        nng_aio_wait(nng->accept.aio);
        if (!nng->accept_rests && nng_aio_result(nng->accept.aio) == 0) {
            gossip__nng_drop_stream(nng_aio_get_output(nng->accept.aio, 0));
        }
        gossip__nng_op_free(&nng->accept);
    }
    nng_stream_listener_free(nng->listener);
}

/* -- What is too late -------------------------------------------------------------------------- */

static void tell(gossip_nng *nng, gossip__nng_reason reason)
{
    static const char *const texts[] = {
        [GOSSIP__NNG_TLS] = "TLS, without a certificate of this CA",
        [GOSSIP__NNG_PROTOCOL] = "they do not speak this protocol",
        [GOSSIP__NNG_SIZE] = "a message above frame_max",
    };
    uint64_t count = nng->closed[reason].count;
    if (count == 0) return;
    gossip__nng_notify(nng, "refused %llu connections: %s (the last one: %s)",
                       (unsigned long long)count, texts[reason], nng->closed[reason].remote);
    nng->closed[reason].count = 0;
}

void gossip__nng_look_at_accepted(gossip_nng *nng)
{
    gossip__nng_conn *next;
    for (gossip__nng_conn *conn = nng->accepted; conn != NULL; conn = next) {
        bool idle = nng->now - conn->heard > GOSSIP__NNG_IDLE_MS &&
                    nng->now - conn->answered > GOSSIP__NNG_IDLE_MS;
        int rv = gossip__nng_conn_hangs(conn);
        next = conn->next;
        if (idle && rv == 0) rv = NNG_ETIMEDOUT;
        if (rv == 0) continue;
        if (rv == NNG_ETIMEDOUT && conn->greeted) nng->stats.closed++;
        gossip__nng_accepted_failed(conn, rv);
    }
    for (unsigned i = 0; i < GOSSIP__NNG_REASONS; i++) tell(nng, (gossip__nng_reason)i);
}
