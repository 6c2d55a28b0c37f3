/* client.c: see client.h. */
#include "node/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/blocking.h"
#include "node/command.h"
#include "node/diff.h"
#include "node/log.h"
#include "node/multi.h"
#include "node/number.h"
#include "node/pubsub.h"
#include "node/ready.h"
#include "node/watch.h"

#define INPUT_STEP 16384u /* room for one read behind what is unread */
#define KEPT_BYTES 65536u /* buffers beyond it are given back when empty */

/* -- Closing ----------------------------------------------------------------------------------- */

static void on_closed(uv_handle_t *handle)
{
    client *c = handle->data;
    resp_clear(&c->parser);
    crdt_buf_clear(&c->in);
    crdt_buf_clear(&c->out);
    free(c->name);
    free(c->library);
    free(c->library_version);
    free(c);
}

static void unlink_dirty(client *c)
{
    for (client **at = &c->node->dirty; *at != NULL; at = &(*at)->next_dirty) {
        if (*at != c) continue;
        *at = c->next_dirty;
        break;
    }
    c->dirty = false;
}

/* Those that wait for keys are woken one by one, and not looked at in each turn. */
static bool is_counted(const client *c)
{
    return c->wait.on && c->wait.kind != CLIENT_WAITS_KEYS;
}

void client_close(client *c)
{
    node *n = c->node;
    if (c->closed) return;
    c->closed = c->closing = true;
    if (is_counted(c)) n->waiting--;
    c->wait.on = false;
    blocking_leave(c);
    multi_end(c);
    watch_end(c);
    pubsub_leave(c);
    ready_leave(c);
    if (c->dirty) unlink_dirty(c);
    if (c->previous != NULL) c->previous->next = c->next;
    else n->clients = c->next;
    if (c->next != NULL) c->next->previous = c->previous;
    n->clients_count--;
    uv_close((uv_handle_t *)&c->tcp, on_closed);
}

void client_end(client *c)
{
    c->ending = true;
    client_mark_dirty(c);
    if (c->reading) uv_read_stop((uv_stream_t *)&c->tcp);
    c->reading = false;
}

client *client_by_id(node *n, uint64_t id)
{
    for (client *c = n->clients; c != NULL; c = c->next) {
        if (c->id == id) return c;
    }
    return NULL;
}

/* -- Writing ----------------------------------------------------------------------------------- */

typedef struct write_request {
    uv_write_t request;
    client    *client;
    crdt_buf   bytes;
} write_request;

static void on_written(uv_write_t *request, int status)
{
    write_request *w = (write_request *)request;
    client        *c = w->client;
    c->writing -= w->bytes.size;
    crdt_buf_clear(&w->bytes);
    free(w);
    if (c->closed) return;
    if (status < 0 || (c->ending && c->writing == 0 && c->out.size == 0)) client_close(c);
}

/* What the kernel did not take at once. */
static void write_later(client *c, size_t taken)
{
    write_request *w = malloc(sizeof *w);
    if (w == NULL) {
        client_close(c);
        return;
    }
    w->client = c;
    w->bytes = c->out;
    crdt_buf_init(&c->out, NULL);
    c->writing += w->bytes.size;
    uv_buf_t rest = uv_buf_init((char *)w->bytes.data + taken, (unsigned)(w->bytes.size - taken));
    if (uv_write(&w->request, (uv_stream_t *)&c->tcp, &rest, 1, on_written) == 0) return;
    c->writing -= w->bytes.size;
    crdt_buf_clear(&w->bytes);
    free(w);
    client_close(c);
}

/* Too much waits: more than the hard limit, or more than the soft one for too long. */
static bool over_limit(client *c)
{
    const node_config *config = &c->node->config;
    const node_output *most = pubsub_count(c) > 0 ? &config->pubsub_output : &config->output;
    uint64_t           waits = c->writing + c->out.size;
    if (most->hard_bytes != 0 && waits > most->hard_bytes) return true;
    if (most->soft_bytes == 0 || waits <= most->soft_bytes) {
        c->soft_since_ms = 0;
        return false;
    }
    if (c->soft_since_ms == 0) c->soft_since_ms = c->node->ms;
    return c->node->ms - c->soft_since_ms > most->soft_ms;
}

static void flush(client *c)
{
    size_t taken = 0;
    if (c->out.failed || over_limit(c)) {
        node_log(LOG_WARN, "client closed: it reads too slowly", "id=%llu addr=%s bytes=%zu",
                 (unsigned long long)c->id, c->peer, c->writing + c->out.size);
        client_close(c);
        return;
    }
    c->node->totals.bytes_out += c->out.size;
    if (c->writing == 0 && c->out.size > 0) {
        uv_buf_t buf = uv_buf_init((char *)c->out.data, (unsigned)c->out.size);
        int      n = uv_try_write((uv_stream_t *)&c->tcp, &buf, 1);
        if (n < 0 && n != UV_EAGAIN) {
            client_close(c);
            return;
        }
        if (n > 0) taken = (size_t)n;
    }
    if (taken < c->out.size) {
        write_later(c, taken);
        return;
    }
    if (c->out.cap > KEPT_BYTES) crdt_buf_clear(&c->out);
    else crdt_buf_reset(&c->out);
    if (c->ending && c->writing == 0) client_close(c);
}

void client_mark_dirty(client *c)
{
    if (c->dirty || c->closed) return;
    c->dirty = true;
    c->next_dirty = c->node->dirty;
    c->node->dirty = c;
}

void client_flush_all(node *n)
{
    client *c = n->dirty, *kept = NULL, *next;
    n->dirty = NULL;
    for (; c != NULL; c = next) {
        next = c->next_dirty;
        if (n->held && c->wrote) {
            c->next_dirty = kept;
            kept = c;
            continue;
        }
        c->dirty = c->wrote = false;
        flush(c);
    }
    while (kept != NULL) { /* flush may have closed others, so they are listed again one by one */
        next = kept->next_dirty;
        kept->next_dirty = n->dirty;
        n->dirty = kept;
        kept = next;
    }
}

/* -- Reading ----------------------------------------------------------------------------------- */

#define BATCH 16u
#define BATCH_WORDS 64u

/* Requests that came together: they are read, then run, so that what their names stand for is
 * loaded while others are at work. */
typedef struct batch {
    size_t      count, words, end;
    resp_status status; /* of what is behind the last: RESP_REQUEST, if that was not looked at */
    const char *error;
    command_request of[BATCH];
    crdt_view       args[BATCH_WORDS];
} batch;

/* From `at` on; the words of the last may be the parser's own. Who has not said who it is may say
 * so in the first: that counts for the next. */
static void read_batch(client *c, const uint8_t *data, size_t size, size_t at, batch *b)
{
    size_t most = c->authed ? BATCH : 1, used;
    b->count = b->words = 0;
    for (bool keeps = true; keeps && b->count < most;) {
        command_request *r = &b->of[b->count];
        b->status =
            resp_parse(&c->parser, data + at, size - at, &r->args, &r->count, &used, &b->error);
        b->end = at += used;
        if (b->status != RESP_REQUEST) return;
        r->end = at;
        keeps = c->parser.text.size == 0 && r->count <= BATCH_WORDS - b->words;
        if (++b->count == most || !keeps) return;
        memcpy(b->args + b->words, r->args, r->count * sizeof *r->args);
        r->args = b->args + b->words;
        b->words += r->count;
    }
}

static bool is_sorted(crdt_view word)
{
    const char *text = word.data;
    return word.size > 0 && (text[0] == 'z' || text[0] == 'Z');
}

/* Most commands are of the name that they have first, and of what they have behind it, or, as ZADD,
 * last: elements of requests for one name. */
static void expect_elements(const client *c, const batch *b)
{
    crdt_value elems[BATCH];
    size_t     count = 0;
    crdt_view  name = {NULL, 0};
    for (size_t i = 0; i < b->count; i++) {
        const command_request *r = &b->of[i];
        bool                   last = r->count > 3 && is_sorted(r->args[0]);
        if (r->count < 3) continue;
        if (count > 0 && crdt_view_compare(name, r->args[1]) != 0) return;
        name = r->args[1];
        elems[count++] = number_value(r->args[last ? r->count - 1 : 2]);
    }
    if (count > 1) crdt_store_expect_in(c->node->store, name, elems, count);
}

static void expect_names(const client *c, const batch *b)
{
    crdt_view names[BATCH];
    size_t    count = 0;
    for (size_t i = 0; i < b->count; i++) {
        if (b->of[i].count > 1) names[count++] = b->of[i].args[1];
    }
    if (count < 2) return;
    crdt_store_expect(c->node->store, names, count);
    expect_elements(c, b);
}

static bool may_go_on(const client *c)
{
    return !c->wait.on && !c->ending && !c->closed;
}

/* Run the requests in data; returns the bytes consumed. */
static size_t run_requests(client *c, const uint8_t *data, size_t size)
{
    size_t at = 0;
    batch  b = {.status = RESP_REQUEST};
    while (may_go_on(c) && b.status == RESP_REQUEST) {
        read_batch(c, data, size, at, &b);
        expect_names(c, &b);
        for (size_t i = 0; i < b.count && may_go_on(c);) {
            i += command_run(c, &b.of[i], b.count - i);
            at = b.of[i - 1].end;
        }
        if (!may_go_on(c)) break;
        at = b.end;
        if (b.status == RESP_ERROR) {
            reply_error(&c->reply, "ERR %s", b.error);
            client_end(c);
            return size;
        }
    }
    if (at < b.end) resp_restart(&c->parser);
    if (c->out.size > 0) client_mark_dirty(c);
    return at;
}

static void keep_unread(client *c, const uint8_t *data, size_t size)
{
    crdt_buf_reset(&c->in);
    c->in_at = 0;
    crdt_buf_put(&c->in, data, size);
    if (c->in.failed) client_close(c);
}

void client_go_on(client *c)
{
    size_t used = run_requests(c, c->in.data + c->in_at, c->in.size - c->in_at);
    if (c->closed) return;
    c->in_at += used;
    if (c->in_at < c->in.size) return;
    c->in_at = 0;
    if (c->in.cap > KEPT_BYTES) crdt_buf_clear(&c->in);
    else crdt_buf_reset(&c->in);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    client *c = handle->data;
    (void)suggested;
    if (c->in.size == 0) {
        *buf = uv_buf_init((char *)c->node->input, NODE_INPUT);
        return;
    }
    if (c->in_at > 0 && c->in_at >= c->in.size / 2) {
        memmove(c->in.data, c->in.data + c->in_at, c->in.size - c->in_at);
        c->in.size -= c->in_at;
        c->in_at = 0;
    }
    if (!crdt_buf_reserve(&c->in, INPUT_STEP)) {
        *buf = uv_buf_init(NULL, 0);
        return;
    }
    *buf = uv_buf_init((char *)c->in.data + c->in.size, (unsigned)(c->in.cap - c->in.size));
}

static void take_input(client *c, const uint8_t *data, size_t size)
{
    node *n = c->node;
    n->totals.bytes_in += size;
    c->last_ms = n->ms;
    if (data == n->input) {
        size_t used = run_requests(c, data, size);
        if (!c->closed && used < size) keep_unread(c, data + used, size - used);
        return;
    }
    c->in.size += size;
    if (c->in.size - c->in_at > n->config.query_buffer_bytes) {
        node_log(LOG_WARN, "client closed: its request is too large", "id=%llu addr=%s bytes=%zu",
                 (unsigned long long)c->id, c->peer, c->in.size - c->in_at);
        reply_error(&c->reply, "ERR request exceeds client-query-buffer-limit");
        client_end(c);
        return;
    }
    client_go_on(c);
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buf)
{
    client *c = stream->data;
    if (size == 0 || c->closed) return;
    node_clock(c->node);
    if (size < 0) {
        client_close(c);
        return;
    }
    take_input(c, (const uint8_t *)buf->base, (size_t)size);
}

/* -- Time ------------------------------------------------------------------------------------- */

void client_second(node *n)
{
    client *next;
    for (client *c = n->clients; c != NULL; c = next) {
        next = c->next;
        bool silent = n->config.timeout_ms != 0 && !c->wait.on && pubsub_count(c) == 0 &&
                      n->ms - c->last_ms > n->config.timeout_ms;
        if (silent) node_log(LOG_DEBUG, "client closed: silent", "addr=%s", c->peer);
        if (silent || (c->writing > 0 && over_limit(c))) client_close(c);
    }
}

/* -- WAIT -------------------------------------------------------------------------------------- */

uint32_t client_holders(const client *c)
{
    if (c->written.seq == 0) return gossip_engine_stats(c->node->engine).links;
    return gossip_engine_holders(c->node->engine, c->written);
}

gossip_time client_deadline(const node *n)
{
    gossip_time at = GOSSIP_NEVER;
    for (const client *c = n->clients; c != NULL; c = c->next) {
        if (c->wait.on && c->wait.until < at) at = c->wait.until;
    }
    return at;
}

void client_begin_wait(client *c, client_wait_kind kind, uint32_t nodes, gossip_time until)
{
    c->wait = (client_wait){kind, nodes, until, true, c->noreply || c->skip > 0};
    if (is_counted(c)) c->node->waiting++;
}

void client_end_wait(client *c, size_t reply_at)
{
    if (c->wait.silent) c->out.size = reply_at;
    c->wait.on = false;
    c->node->waiting--;
    ready_leave(c);
    client_mark_dirty(c);
    client_go_on(c);
}

void client_wake_waiting(node *n)
{
    client *next;
    for (client *c = n->clients; c != NULL; c = next) {
        next = c->next;
        size_t at = c->out.size;
        if (!is_counted(c)) continue;
        if (c->wait.kind == CLIENT_WAITS_DIFF) {
            if (n->now >= c->wait.until) diff_end(n, 0, CRDT_EIO); /* its end was not told */
            continue;
        }
        if (c->wait.kind == CLIENT_WAITS_NO_MORE) {
            reply_error(&c->reply, "UNBLOCKED client unblocked via CLIENT UNBLOCK");
            client_end_wait(c, at);
            continue;
        }
        if (c->wait.kind == CLIENT_WAITS_TOKEN) {
            bool seen = ready_seen(c);
            if (!seen && n->now < c->wait.until) continue;
            reply_int(&c->reply, seen);
            client_end_wait(c, at);
            continue;
        }
        uint32_t have = client_holders(c);
        if (have < c->wait.nodes && n->now < c->wait.until) continue;
        reply_int(&c->reply, have);
        client_end_wait(c, at);
    }
}

/* -- Accepting --------------------------------------------------------------------------------- */

static void name_of(const struct sockaddr *address, char out[64])
{
    char ip[48] = "?";
    int  port = 0;
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)address;
        uv_ip4_name(v4, ip, sizeof ip);
        port = ntohs(v4->sin_port);
        snprintf(out, 64, "%s:%d", ip, port);
    } else if (address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)address;
        uv_ip6_name(v6, ip, sizeof ip);
        port = ntohs(v6->sin6_port);
        snprintf(out, 64, "[%s]:%d", ip, port);
    }
}

static void know_addresses(client *c)
{
    struct sockaddr_storage address;
    int                     size = sizeof address;
    if (uv_tcp_getpeername(&c->tcp, (struct sockaddr *)&address, &size) == 0) {
        name_of((struct sockaddr *)&address, c->peer);
    }
    size = sizeof address;
    if (uv_tcp_getsockname(&c->tcp, (struct sockaddr *)&address, &size) == 0) {
        name_of((struct sockaddr *)&address, c->local);
    }
}

static void begin(client *c)
{
    node *n = c->node;
    c->id = ++n->next_client;
    c->since_ms = c->last_ms = n->ms;
    c->authed = n->config.requirepass[0] == 0;
    c->next = n->clients;
    if (c->next != NULL) c->next->previous = c;
    n->clients = c;
    n->clients_count++;
    resp_limits limits = resp_limits_default();
    limits.bulk = n->config.bulk_bytes;
    resp_init(&c->parser, NULL, limits);
    c->parser.anonymous = !c->authed;
    crdt_buf_init(&c->in, NULL);
    crdt_buf_init(&c->out, NULL);
    c->reply = (reply){&c->out, 2};
    uv_tcp_nodelay(&c->tcp, 1);
    know_addresses(c);
    n->totals.connections++;
    c->reading = uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read) == 0;
    node_log(LOG_DEBUG, "client connected", "id=%llu addr=%s", (unsigned long long)c->id, c->peer);
}

void client_accept(node *n, uv_stream_t *listener)
{
    client *c = calloc(1, sizeof *c);
    if (c == NULL) return; /* it waits in the queue of the listener */
    c->node = n;
    uv_tcp_init(&n->loop, &c->tcp);
    c->tcp.data = c;
    if (uv_accept(listener, (uv_stream_t *)&c->tcp) != 0) {
        uv_close((uv_handle_t *)&c->tcp, on_closed);
        return;
    }
    begin(c);
    if (n->clients_count <= n->config.maxclients) return;
    n->totals.refused_connections++;
    reply_error(&c->reply, "ERR max number of clients reached");
    client_end(c);
}
