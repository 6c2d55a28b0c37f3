/* blocking.c: see blocking.h. The keys are a tree of tsearch(3), each with those who wait for it,
 * the first one first. */
#include "node/blocking.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "node/keys.h"

typedef struct waiter waiter;

/* Those who wait for a key. */
typedef struct queue {
    crdt_view     name; /* stands behind */
    waiter       *first, *last;
    bool          ready; /* listed, or looked at right now: it stays, even empty */
    struct queue *next_ready;
} queue;

/* A client in the queue of one of its keys. */
struct waiter {
    queue          *in;
    waiter         *previous, *next;
    struct blocked *of;
};

/* A client's command, kept to be run again. */
typedef struct blocked {
    uv_timer_t      timer;
    client         *client;
    const command  *command;
    command_request request;
    waiter         *waiters; /* one for each of its keys */
    size_t          waiters_count;
} blocked;

struct node_blocking {
    void   *queues;
    queue  *ready, *last_ready;
    client *woken, *last_woken;
};

/* -- Queues ------------------------------------------------------------------------------------ */

static int by_name(const void *a, const void *b)
{
    return crdt_view_compare(*(const crdt_view *)a, *(const crdt_view *)b);
}

static queue *find_queue(node *n, crdt_view name)
{
    queue **found = n->blocking == NULL ? NULL : tfind(&name, &n->blocking->queues, by_name);
    return found == NULL ? NULL : *found;
}

/* NULL: no memory. */
static queue *make_queue(node *n, crdt_view name)
{
    queue *q = find_queue(n, name);
    if (q != NULL) return q;
    q = calloc(1, sizeof *q + name.size);
    if (q == NULL) return NULL;
    if (name.size > 0) memcpy(q + 1, name.data, name.size);
    q->name = crdt_view_of(q + 1, name.size);
    if (tsearch(q, &n->blocking->queues, by_name) != NULL) return q;
    free(q);
    return NULL;
}

static void drop_if_empty(node *n, queue *q)
{
    if (q->first != NULL || q->ready) return;
    tdelete(&q->name, &n->blocking->queues, by_name);
    free(q);
}

static void leave_queue(node *n, waiter *w)
{
    queue *q = w->in;
    if (w->previous != NULL) w->previous->next = w->next;
    else q->first = w->next;
    if (w->next != NULL) w->next->previous = w->previous;
    else q->last = w->previous;
    drop_if_empty(n, q);
}

/* The client joins at the end. False: no memory. */
static bool join_queue(node *n, blocked *b, crdt_view name)
{
    queue *q = make_queue(n, name);
    if (q == NULL) return false;
    if (q->last != NULL && q->last->of == b) return true; /* the key was named twice */
    waiter *w = &b->waiters[b->waiters_count++];
    *w = (waiter){.in = q, .previous = q->last, .of = b};
    if (q->last != NULL) q->last->next = w;
    else q->first = w;
    q->last = w;
    return true;
}

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
    for (size_t i = 0; i < b->waiters_count; i++) leave_queue(c->node, &b->waiters[i]);
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

/* Its words, and room for so many waiters, in one piece. NULL: no memory. */
static blocked *keep_command(const call *c, size_t keys)
{
    size_t size = sizeof(blocked) + keys * sizeof(waiter) + c->count * sizeof(crdt_view);
    for (size_t i = 0; i < c->count; i++) size += c->args[i].size;
    blocked *b = calloc(1, size);
    if (b == NULL) return NULL;
    b->waiters = (waiter *)(b + 1);
    crdt_view *args = (crdt_view *)(b->waiters + keys);
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

void blocking_wait(call *c, const crdt_view *keys, size_t count, uint64_t ms)
{
    node *n = c->node;
    c->waits = true;
    if (c->again) return;
    if (n->blocking == NULL) n->blocking = calloc(1, sizeof *n->blocking);
    blocked *b = n->blocking == NULL ? NULL : keep_command(c, count);
    if (b == NULL) {
        call_fails(c, CRDT_ENOMEM);
        return;
    }
    uv_timer_init(&n->loop, &b->timer);
    b->timer.data = b;
    c->client->blocked = b;
    n->blocked++;
    for (size_t i = 0; i < count; i++) {
        if (join_queue(n, b, keys[i])) continue;
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
    queue *q = change->type == NULL ? NULL : find_queue(n, change->name);
    if (q == NULL || q->ready) return;
    struct node_blocking *all = n->blocking;
    q->ready = true;
    q->next_ready = NULL;
    if (all->ready == NULL) all->ready = q;
    else all->last_ready->next_ready = q;
    all->last_ready = q;
    n->keys_ready = true;
}

static void try_again(client *c)
{
    const blocked *b = c->blocked;
    size_t         at = c->out.size;
    if (c->ending) return;
    if (command_again(c, b->command, &b->request)) wake(c, at);
}

/* Whoever is served leaves the queue, and nobody else does. */
static void serve(node *n, queue *q)
{
    for (waiter *w = q->first, *next; w != NULL && key_shows(n, q->name); w = next) {
        next = w->next;
        try_again(w->of->client);
    }
    q->ready = false;
    drop_if_empty(n, q);
}

void blocking_serve(node *n)
{
    struct node_blocking *all = n->blocking;
    for (queue *q; (q = all->ready) != NULL;) {
        all->ready = q->next_ready;
        serve(n, q);
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
    if (n->keys_ready) blocking_serve(n); /* nobody is left: empty queues go */
    free(n->blocking);
    n->blocking = NULL;
}
