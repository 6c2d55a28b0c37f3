/* ready.c: see ready.h; and the commands CRDT.TOKEN and CRDT.READY. */
#include "node/ready.h"

#include <stdlib.h>

#include "node/commands.h"
#include "node/number.h"

void ready_tell(call *c, const crdt_context *seen)
{
    node    *n = c->node;
    crdt_buf text;
    crdt_buf_init(&text, NULL);
    if (!call_fails(c, token_write(n->cluster, seen, &text))) {
        reply_bulk(c->reply, crdt_buf_bytes(&text));
    }
    crdt_buf_clear(&text);
    /* It promises what this turn has written: like that, it is told once it is durable. */
    gossip_stats stats = gossip_engine_stats(n->engine);
    if (stats.persisted < stats.log_end) c->client->wrote = true;
}

bool ready_read(call *c, crdt_view token, crdt_context *ret_seen)
{
    const char *reason = "";
    crdt_err    err = token_read(token, c->node->cluster, ret_seen, &reason);
    if (err == CRDT_ENOMEM) call_fails(c, err);
    else if (err != CRDT_OK) call_error(c, "BADTOKEN not a token of this cluster: %s", reason);
    return err == CRDT_OK;
}

void command_crdt_token(call *c)
{
    ready_tell(c, crdt_store_context(c->node->store));
}

bool ready_seen(client *c)
{
    ready_wait         *w = c->ready;
    const crdt_context *seen = crdt_store_context(c->node->store);
    while (w->at < w->wanted.count && crdt_context_has_run(seen, w->wanted.runs[w->at])) w->at++;
    return w->at == w->wanted.count;
}

void ready_leave(client *c)
{
    if (c->ready == NULL) return;
    crdt_context_clear(&c->ready->wanted);
    free(c->ready);
    c->ready = NULL;
}

/* False: an error was replied. */
static bool take_token(call *c)
{
    ready_wait *w = calloc(1, sizeof *w);
    if (w == NULL) return !call_fails(c, CRDT_ENOMEM);
    crdt_context_init(&w->wanted, NULL);
    c->client->ready = w;
    return ready_read(c, c->args[1], &w->wanted);
}

/* Without a time it is a question. */
static void begin_wait(call *c, int64_t ms)
{
    node       *n = c->node;
    gossip_time for_us = ms > INT64_MAX / 1000 ? GOSSIP_NEVER : (gossip_time)ms * 1000;
    bool        ever = ms == 0 || for_us >= GOSSIP_NEVER - n->now;
    client_begin_wait(c->client, CLIENT_WAITS_TOKEN, 0, ever ? GOSSIP_NEVER : n->now + for_us);
    node_touch(n);
}

void command_crdt_ready(call *c)
{
    int64_t ms = -1;
    if (c->count > 3) {
        call_wrong_arity(c);
        return;
    }
    if (c->count == 3 && !number_int64(c->args[2], &ms)) {
        call_error(c, "ERR timeout is not an integer or out of range");
        return;
    }
    if (c->count == 3 && ms < 0) {
        call_error(c, "ERR timeout is negative");
        return;
    }
    if (take_token(c)) {
        bool seen = ready_seen(c->client);
        if (!seen && ms >= 0) {
            begin_wait(c, ms);
            return;
        }
        reply_int(c->reply, seen);
    }
    ready_leave(c->client);
}
