/* blocking.c: see blocking.h. Those who wait for a key have seats at it; a key that has changed is
 * held until they were looked at. */
#include "node/blocking.h"

#include <stdlib.h>
#include <string.h>

#include "node/keys.h"

/* A client's command, kept to be run again. */
typedef struct blocked {
    uv_timer_t      timer;
    client         *client;
    const command  *command;
    command_request request;
    roster_mine     keys;
} blocked;

struct node_blocking {
    roster       keys;
    roster_name *ready, *last_ready; /* changed: held */
    client      *woken, *last_woken;
};

/* -- Beginning and end ------------------------------------------------------------------------- */

static void on_timer_closed(uv_handle_t *handle)
{
    free(handle->data);
}

/* It waits no more; what was kept of its command goes once the loop is done with the timer. */
static void release(client *c)
{
    blocked *b = c->blocked;
    c->blocked = NULL;
    c->node->blocked--;
    roster_leave_all(&c->node->blocking->keys, &b->keys);
    uv_close((uv_handle_t *)&b->timer, on_timer_closed);
}

/* It got its reply, from reply_at in out on: it goes on at the turn's end. */
static void wake(client *c, size_t reply_at)
{
    struct node_blocking *all = c->node->blocking;
    release(c);
    if (c->wait.silent) c->out.size = reply_at;
    c->wait.on = false;
    c->next_woken = NULL;
    if (all->woken == NULL) all->woken = c;
    else all->last_woken->next_woken = c;
    all->last_woken = c;
    client_mark_dirty(c);
}

void blocking_end(client *c, bool error)
{
    size_t at = c->out.size;
    if (error) reply_error(&c->reply, "UNBLOCKED client unblocked via CLIENT UNBLOCK");
    else reply_null_array(&c->reply);
    wake(c, at);
}

static void on_timeout(uv_timer_t *timer)
{
    blocked *b = timer->data;
    node_clock(b->client->node);
    blocking_end(b->client, false);
}

void blocking_leave(client *c)
{
    struct node_blocking *all = c->node->blocking;
    client               *before = NULL, *at = all == NULL ? NULL : all->woken;
    if (c->blocked != NULL) release(c);
    while (at != NULL && at != c) {
        before = at;
        at = at->next_woken;
    }
    if (at == NULL) return;
    if (before == NULL) all->woken = c->next_woken;
    else before->next_woken = c->next_woken;
    if (all->last_woken == c) all->last_woken = before;
}

/* Its words in one piece. NULL: no memory. */
static blocked *keep_command(const call *c)
{
    size_t size = sizeof(blocked) + c->count * sizeof(crdt_view);
    for (size_t i = 0; i < c->count; i++) size += c->args[i].size;
    blocked *b = calloc(1, size);
    if (b == NULL) return NULL;
    crdt_view *args = (crdt_view *)(b + 1);
    uint8_t   *bytes = (uint8_t *)(args + c->count);
    for (size_t i = 0; i < c->count; i++) {
        if (c->args[i].size > 0) memcpy(bytes, c->args[i].data, c->args[i].size);
        args[i] = crdt_view_of(bytes, c->args[i].size);
        bytes += c->args[i].size;
    }
    b->request = (command_request){args, c->count, 0};
    b->command = c->command;
    b->client = c->client;
    return b;
}

void blocking_wait(call *c, const crdt_view *keys, size_t count, uint64_t ms, bool one)
{
    node *n = c->node;
    if (c->inside && one) reply_null(c->reply);
    else if (c->inside) reply_null_array(c->reply);
    if (c->inside) return;
    c->waits = true;
    if (c->again) return;
    if (n->blocking == NULL) n->blocking = calloc(1, sizeof *n->blocking);
    blocked *b = n->blocking == NULL ? NULL : keep_command(c);
    if (b == NULL) {
        call_fails(c, CRDT_ENOMEM);
        return;
    }
    uv_timer_init(&n->loop, &b->timer);
    b->timer.data = b;
    c->client->blocked = b;
    n->blocked++;
    for (size_t i = 0; i < count; i++) {
        bool made;
        if (roster_join(&n->blocking->keys, &b->keys, c->client, keys[i], &made) != NULL) continue;
        release(c->client);
        call_fails(c, CRDT_ENOMEM);
        return;
    }
    client_begin_wait(c->client, CLIENT_WAITS_KEYS, 0, GOSSIP_NEVER);
    uv_update_time(&n->loop);
    if (ms > 0) uv_timer_start(&b->timer, on_timeout, ms, 0);
}

/* -- Keys that have changed -------------------------------------------------------------------- */

void blocking_note(node *n, const crdt_change *change)
{
    struct node_blocking *all = n->blocking;
    if (all == NULL || change->type == NULL) return;
    roster_name *key = roster_find(&all->keys, change->name);
    if (key == NULL || key->held) return;
    key->held = true;
    key->next = NULL;
    if (all->ready == NULL) all->ready = key;
    else all->last_ready->next = key;
    all->last_ready = key;
    n->keys_ready = true;
}

static void try_again(client *c)
{
    const blocked *b = c->blocked;
    size_t         at = c->out.size;
    if (c->ending) return;
    if (command_again(c, b->command, &b->request)) wake(c, at);
}

/* Whoever is served leaves the key, and nobody else does. */
static void serve(node *n, roster_name *key)
{
    for (roster_seat *seat = key->first, *next; seat != NULL; seat = next) {
        if (!key_shows(n, key->name)) break;
        next = seat->next;
        try_again(seat->who);
    }
    roster_let_go(&n->blocking->keys, key);
}

void blocking_serve(node *n)
{
    struct node_blocking *all = n->blocking;
    for (roster_name *key; (key = all->ready) != NULL;) {
        all->ready = key->next;
        serve(n, key);
    }
    n->keys_ready = false;
}

void blocking_go_on(node *n)
{
    struct node_blocking *all = n->blocking;
    for (client *c; all != NULL && (c = all->woken) != NULL;) {
        all->woken = c->next_woken;
        client_go_on(c);
    }
}

void blocking_close(node *n)
{
    if (n->keys_ready) blocking_serve(n); /* nobody is left: what was held goes */
    free(n->blocking);
    n->blocking = NULL;
}
