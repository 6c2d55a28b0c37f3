/* nng_conn.c: a connection: preamble, frames in, frames out. See docs/WIRE.md, "Over NNG". */
#include <string.h>

#include "gossip/bytes_impl.h"
#include "gossip/nng_impl.h"

#define PREAMBLE 8u
#define HEADER 9u
#define KIND_REQUEST 1
#define KIND_REPLY 2
#define IN_MIN (16u << 10)
#define IN_KEPT (256u << 10)  /* a larger buffer is given back when it is empty */
#define OUT_HIGH (256u << 10) /* who has so much of replies to read is not read */
#define IOVS 8u
#define GONE_MS 50u

static const uint8_t preamble[PREAMBLE] = {'C', 'O', 'N', 'C', 'U', 'R', 1, 0};

static void fail(gossip__nng_conn *conn, int rv)
{
    if (conn->peer != NULL) gossip__nng_peer_failed(conn->peer, rv);
    else gossip__nng_accepted_failed(conn, rv);
}

/* -- Receiving --------------------------------------------------------------------------------- */

/* Room for more of a message of this size, header and all: twice what came, not what is claimed. */
static bool make_room(gossip__nng_conn *conn, size_t size)
{
    const crdt_mem *mem = conn->nng->mem;
    if (conn->from > 0) {
        memmove(conn->in, conn->in + conn->from, conn->to - conn->from);
        conn->to -= conn->from;
        conn->from = 0;
    }
    if (conn->to == 0 && conn->in_cap > IN_KEPT) {
        mem->release(mem->user, conn->in, conn->in_cap);
        conn->in = NULL;
        conn->in_cap = 0;
    }
    if (conn->to < conn->in_cap) return true;
    size_t cap = conn->in_cap > 0 ? conn->in_cap * 2 : IN_MIN;
    if (cap > IN_KEPT && cap > size) cap = size > IN_KEPT ? size : IN_KEPT;
    uint8_t *grown = mem->alloc(mem->user, cap);
    if (grown == NULL) return false;
    if (conn->in != NULL) {
        memcpy(grown, conn->in, conn->to);
        mem->release(mem->user, conn->in, conn->in_cap);
    }
    conn->in = grown;
    conn->in_cap = cap;
    return true;
}

static void receive_more(gossip__nng_conn *conn, size_t size)
{
    if (!make_room(conn, size)) {
        fail(conn, NNG_ENOMEM);
        return;
    }
    nng_iov iov = {conn->in + conn->to, conn->in_cap - conn->to};
    conn->receiving = true;
    (void)nng_aio_set_iov(conn->receive.aio, 1, &iov);
    gossip__nng_op_begin(&conn->receive, SIZE_MAX);
    nng_stream_recv(conn->stream, conn->receive.aio);
}

static void received(gossip__nng_op *op)
{
    gossip__nng_conn *conn = op->of;
    int               rv = nng_aio_result(op->aio);
    conn->receiving = false;
    if (rv == 0 && nng_aio_count(op->aio) == 0) rv = NNG_ECONNSHUT;
    if (rv != 0) {
        fail(conn, rv);
        return;
    }
    conn->to += nng_aio_count(op->aio);
    conn->heard = conn->nng->now;
    gossip__nng_conn_go_on(conn);
}

/* What stands at the head: 0, or why the connection is to be closed; *ret_size: of all of it. */
static int look_at_head(gossip__nng_conn *conn, size_t *ret_size)
{
    size_t size = conn->to - conn->from;
    *ret_size = HEADER;
    if (!conn->greeted) {
        size_t part = size < PREAMBLE ? size : PREAMBLE;
        if (part > 0 && memcmp(conn->in + conn->from, preamble, part) != 0) return NNG_EPROTO;
        if (part < PREAMBLE) return 0;
        conn->greeted = true;
        conn->from += PREAMBLE;
        size -= PREAMBLE;
        if (conn->peer != NULL) gossip__nng_greeted(conn->peer);
        else conn->nng->stats.accepted++;
    }
    if (size < HEADER) return 0;
    const uint8_t *head = conn->in + conn->from;
    if (head[8] != (conn->peer != NULL ? KIND_REPLY : KIND_REQUEST)) return NNG_EPROTO;
    if (gossip__load32(head) > conn->nng->options.frame_max) return NNG_EMSGSIZE;
    *ret_size += gossip__load32(head);
    return 0;
}

void gossip__nng_conn_go_on(gossip__nng_conn *conn)
{
    gossip_nng *nng = conn->nng;
    size_t      size;
    if (conn->receiving || conn->ready || conn == nng->current) return;
    if (conn->peer == NULL && conn->out_bytes > OUT_HIGH) return; /* it is when this has left */
    int rv = look_at_head(conn, &size);
    if (rv == NNG_EMSGSIZE) nng->stats.oversize++;
    if (rv != 0) {
        fail(conn, rv);
    } else if (!conn->greeted || conn->to - conn->from < size) {
        receive_more(conn, size);
    } else {
        conn->ready = true;
        conn->next_ready = NULL;
        *nng->ready_last = conn;
        nng->ready_last = &conn->next_ready;
    }
}

crdt_view gossip__nng_conn_pop(gossip__nng_conn *conn, uint32_t *ret_id)
{
    const uint8_t *head = conn->in + conn->from;
    crdt_view      bytes = crdt_view_of(head + HEADER, gossip__load32(head));
    *ret_id = gossip__load32(head + 4);
    conn->from += HEADER + bytes.size;
    return bytes;
}

/* -- Sending ----------------------------------------------------------------------------------- */

static void send_more(gossip__nng_conn *conn)
{
    nng_iov          iovs[IOVS];
    unsigned         count = 0;
    size_t           size = 0, skip = conn->written;
    gossip__nng_out *out = conn->first;
    for (; out != NULL && count < IOVS; out = out->next) {
        iovs[count].iov_buf = out->bytes + skip;
        iovs[count].iov_len = out->size - skip;
        size += iovs[count++].iov_len;
        skip = 0;
    }
    if (count == 0) return;
    conn->sending = true;
    (void)nng_aio_set_iov(conn->send.aio, count, iovs);
    gossip__nng_op_begin(&conn->send, out == NULL ? size : SIZE_MAX);
    nng_stream_send(conn->stream, conn->send.aio);
}

static void free_out(gossip__nng_conn *conn, gossip__nng_out *out)
{
    const crdt_mem *mem = conn->nng->mem;
    conn->out_bytes -= out->size;
    conn->out_count--;
    mem->release(mem->user, out, sizeof *out + out->size);
}

static gossip__nng_out *unlink_out(gossip__nng_conn *conn, gossip__nng_out **at)
{
    gossip__nng_out *out = *at;
    *at = out->next;
    if (*at == NULL) conn->last = at;
    return out;
}

static void sent(gossip__nng_op *op)
{
    gossip__nng_conn *conn = op->of;
    int               rv = nng_aio_result(op->aio);
    conn->sending = false;
    if (rv != 0) {
        fail(conn, rv);
        return;
    }
    conn->written += nng_aio_count(op->aio);
    conn->moved = conn->nng->now;
    while (conn->first != NULL && conn->written >= conn->first->size) {
        conn->written -= conn->first->size;
        free_out(conn, unlink_out(conn, &conn->first));
    }
    send_more(conn);
    gossip__nng_conn_go_on(conn);
}

static gossip__nng_out *make_out(gossip__nng_conn *conn, size_t size)
{
    const crdt_mem  *mem = conn->nng->mem;
    gossip__nng_out *out = mem->alloc(mem->user, sizeof *out + size);
    if (out == NULL) return NULL;
    out->next = NULL;
    out->id = 0;
    out->size = size;
    conn->out_bytes += size;
    conn->out_count++;
    return out;
}

bool gossip__nng_conn_push(gossip__nng_conn *conn, uint32_t id, crdt_view bytes)
{
    gossip__nng_out *out = make_out(conn, HEADER + bytes.size);
    if (out == NULL) return false;
    out->id = id;
    gossip__store32(out->bytes, (uint32_t)bytes.size);
    gossip__store32(out->bytes + 4, id);
    out->bytes[8] = conn->peer != NULL ? KIND_REQUEST : KIND_REPLY;
    if (bytes.size > 0) memcpy(out->bytes + HEADER, bytes.data, bytes.size);
    *conn->last = out;
    conn->last = &out->next;
    if (conn->stream == NULL) return true;
    if (conn->sending) {
        gossip__nng_op_hurry(&conn->send);
    } else {
        conn->moved = conn->nng->now;
        send_more(conn);
    }
    return true;
}

void gossip__nng_conn_unpush(gossip__nng_conn *conn, uint32_t id)
{
    if (conn->stream != NULL) return; /* some of it may have left */
    for (gossip__nng_out **at = &conn->first; *at != NULL; at = &(*at)->next) {
        if ((*at)->id != id) continue;
        free_out(conn, unlink_out(conn, at));
        return;
    }
}

/* -- Its life ---------------------------------------------------------------------------------- */

bool gossip__nng_conn_init(gossip__nng_conn *conn, gossip_nng *nng, gossip__nng_peer *peer)
{
    memset(conn, 0, sizeof *conn);
    conn->nng = nng;
    conn->peer = peer;
    conn->last = &conn->first;
    bool receives = gossip__nng_op_init(&conn->receive, nng, conn, received);
    bool sends = gossip__nng_op_init(&conn->send, nng, conn, sent);
    return receives && sends;
}

void gossip__nng_conn_free(gossip__nng_conn *conn)
{
    gossip__nng_op_free(&conn->receive);
    gossip__nng_op_free(&conn->send);
}

void gossip__nng_drop_stream(nng_stream *stream)
{
    nng_stream_close(stream);
    nng_stream_free(stream);
}

bool gossip__nng_conn_open(gossip__nng_conn *conn, nng_stream *stream)
{
    gossip__nng_out *out = make_out(conn, PREAMBLE);
    if (out == NULL) {
        gossip__nng_drop_stream(stream);
        return false;
    }
    memcpy(out->bytes, preamble, PREAMBLE);
    out->next = conn->first;
    if (conn->first == NULL) conn->last = &out->next;
    conn->first = out;
    conn->stream = stream;
    conn->began = conn->heard = conn->moved = conn->nng->now;
    send_more(conn);
    gossip__nng_conn_go_on(conn);
    return true;
}

static void leave_ready(gossip__nng_conn *conn)
{
    gossip__nng_conn **at = &conn->nng->ready;
    while (*at != conn) at = &(*at)->next_ready;
    *at = conn->next_ready;
    if (*at == NULL) conn->nng->ready_last = at;
}

void gossip__nng_conn_close(gossip__nng_conn *conn)
{
    gossip_nng     *nng = conn->nng;
    const crdt_mem *mem = nng->mem;
    if (conn->stream != NULL) {
        nng_stream_close(conn->stream);
        gossip__nng_op_wait(&conn->receive);
        gossip__nng_op_wait(&conn->send);
        nng_stream_free(conn->stream);
        conn->stream = NULL;
    }
    if (conn->ready) leave_ready(conn);
    if (conn == nng->current) {
        nng->current = NULL;
        nng->orphan = conn->in;
        nng->orphan_size = conn->in_cap;
    } else if (conn->in != NULL) {
        mem->release(mem->user, conn->in, conn->in_cap);
    }
    conn->in = NULL;
    conn->in_cap = conn->from = conn->to = conn->written = 0;
    while (conn->first != NULL) free_out(conn, unlink_out(conn, &conn->first));
    conn->receiving = conn->sending = conn->greeted = conn->ready = false;
}

/* NNG's TLS does not end what is begun after the connection has broken; the socket below tells.
 * What came before that is taken first. */
static bool is_gone(const gossip__nng_conn *conn)
{
    nng_sockaddr sa;
    bool         idle = !conn->ready && conn != conn->nng->current;
    if (conn->nng->ca.data == NULL || !idle || conn->nng->now - conn->heard < GONE_MS) return false;
    return nng_stream_get_addr(conn->stream, NNG_OPT_REMADDR, &sa) != 0;
}

int gossip__nng_conn_hangs(const gossip__nng_conn *conn)
{
    nng_time now = conn->nng->now, most = conn->nng->options.answer_ms;
    if (conn->stream == NULL) return 0;
    if (!conn->greeted && now - conn->began > most) return NNG_ETIMEDOUT;
    if (conn->sending && now - conn->moved > most) return NNG_ETIMEDOUT;
    return is_gone(conn) ? NNG_ECONNSHUT : 0;
}
