/* multi.c: see multi.h; and the commands MULTI, EXEC and DISCARD. */
#include "node/multi.h"

#include <stdlib.h>
#include <string.h>

#include "node/commands.h"
#include "node/watch.h"

/* What is queued, one after the other: a head, the sizes of the words, the words. */
typedef struct head {
    const command *cmd;
    size_t         count; /* of words */
} head;

struct multi {
    crdt_buf queued;
    size_t   count, most; /* commands; words of the longest */
    bool     spoiled;
};

/* -- Queueing ---------------------------------------------------------------------------------- */

void multi_queue(call *c)
{
    struct multi *m = c->client->multi;
    head          first = {c->command, c->count};
    size_t        bytes = sizeof first + c->count * sizeof(size_t);
    for (size_t i = 0; i < c->count; i++) bytes += c->args[i].size;
    if (m->queued.size + bytes > c->node->config.query_buffer_bytes) {
        call_error(c, "ERR request exceeds client-query-buffer-limit");
        client_end(c->client);
        return;
    }
    if (!crdt_buf_reserve(&m->queued, bytes)) {
        m->spoiled = true;
        call_fails(c, CRDT_ENOMEM);
        return;
    }
    crdt_buf_put(&m->queued, &first, sizeof first);
    for (size_t i = 0; i < c->count; i++) {
        crdt_buf_put(&m->queued, &c->args[i].size, sizeof c->args[i].size);
    }
    for (size_t i = 0; i < c->count; i++) {
        crdt_buf_put(&m->queued, c->args[i].data, c->args[i].size);
    }
    m->count++;
    if (c->count > m->most) m->most = c->count;
    reply_simple(c->reply, "QUEUED");
}

/* The one that begins at *at, which moves on. */
static const command *next_queued(const struct multi *m, size_t *at, crdt_view *args,
                                  size_t *ret_count)
{
    const uint8_t *from = m->queued.data + *at, *bytes;
    head           first;
    memcpy(&first, from, sizeof first);
    from += sizeof first;
    bytes = from + first.count * sizeof(size_t);
    for (size_t i = 0; i < first.count; i++) {
        size_t size;
        memcpy(&size, from + i * sizeof size, sizeof size);
        args[i] = crdt_view_of(bytes, size);
        bytes += size;
    }
    *at = (size_t)(bytes - m->queued.data);
    *ret_count = first.count;
    return first.cmd;
}

static void let_go(struct multi *m)
{
    if (m == NULL) return;
    crdt_buf_clear(&m->queued);
    free(m);
}

void multi_end(client *c)
{
    let_go(c->multi);
    c->multi = NULL;
}

int64_t multi_count(const client *c)
{
    return c->multi != NULL ? (int64_t)c->multi->count : -1;
}

size_t multi_bytes(const client *c)
{
    return c->multi != NULL ? c->multi->queued.cap : 0;
}

bool multi_spoiled(const client *c)
{
    return c->multi != NULL && c->multi->spoiled;
}

/* -- EXEC -------------------------------------------------------------------------------------- */

/* The error that was replied at that place is why nothing is done. */
static void abort_because(call *c, size_t at)
{
    char        why[512];
    const char *text = (const char *)c->reply->out->data + at + 1; /* behind its mark */
    size_t      size = c->reply->out->size - at;
    size = size < 3 ? 0 : size - 3; /* and before the line's end */
    if (size > 4 && memcmp(text, "ERR ", 4) == 0) {
        text += 4;
        size -= 4;
    }
    if (size >= sizeof why) size = sizeof why - 1;
    memcpy(why, text, size);
    why[size] = 0;
    call_error(c, "EXECABORT Transaction discarded because of: %s", why);
}

void multi_rejected(call *c)
{
    client *who = c->client;
    if (c->command != NULL && c->command->run == command_exec) {
        abort_because(c, c->at);
        multi_end(who);
        watch_end(who);
    } else if (multi_on(who)) {
        who->multi->spoiled = true;
    }
}

/* False: the reply, an error, begins at *ret_at. */
static bool run_one(call *c, const struct multi *m, size_t *at, crdt_view *args, size_t *ret_at)
{
    uint64_t        most = c->node->config.output.hard_bytes;
    command_request one = {.args = args};
    const command  *cmd = next_queued(m, at, args, &one.count);
    *ret_at = c->reply->out->size;
    if (!call_inside(c, cmd, &one)) return false;
    if (c->reply->out->failed) {
        call_fails(c, CRDT_ENOMEM);
    } else if (most != 0 && c->reply->out->size - c->at > most) {
        call_error(c, "ERR the reply is larger than client-output-buffer-limit allows");
    }
    *ret_at = c->at;
    return !c->failed;
}

static void run_all(call *c, const struct multi *m)
{
    crdt_view *args = malloc((m->most + 1) * sizeof *args);
    size_t     at = 0, failed_at = c->at;
    bool       good = args != NULL;
    if (!good) call_fails(c, CRDT_ENOMEM);
    else reply_array(c->reply, m->count);
    for (size_t i = 0; good && i < m->count; i++) good = run_one(c, m, &at, args, &failed_at);
    if (good) {
        call_commit(c);
        failed_at = c->at;
        good = !c->failed;
    }
    if (!good) abort_because(c, failed_at);
    free(args);
}

void command_exec(call *c)
{
    client       *who = c->client;
    struct multi *m = who->multi;
    if (m == NULL) {
        call_error(c, "ERR EXEC without MULTI");
        return;
    }
    bool changed = watch_changed(who);
    who->multi = NULL;
    watch_end(who);
    if (m->spoiled) {
        call_error(c, "EXECABORT Transaction discarded because of previous errors.");
    } else if (changed) {
        reply_null_array(c->reply);
    } else {
        run_all(c, m);
    }
    let_go(m);
}

void command_multi(call *c)
{
    client *who = c->client;
    if (multi_on(who)) {
        call_error(c, "ERR MULTI calls can not be nested");
        return;
    }
    who->multi = calloc(1, sizeof *who->multi);
    if (who->multi == NULL) {
        call_fails(c, CRDT_ENOMEM);
        return;
    }
    crdt_buf_init(&who->multi->queued, NULL);
    reply_ok(c->reply);
}

void command_discard(call *c)
{
    if (!multi_on(c->client)) {
        call_error(c, "ERR DISCARD without MULTI");
        return;
    }
    multi_end(c->client);
    watch_end(c->client);
    reply_ok(c->reply);
}
