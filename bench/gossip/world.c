/* world.c: see world.h. */
#include "bench/gossip/world.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gossip/wire.h"

#define DELAY_US 300u

typedef struct wired {
    uint32_t      link;
    gossip_peer   peer;
    gossip_codec *codec;
} wired;

typedef struct node {
    crdt_store    *store;
    gossip_engine *engine;
    gossip_time    woken;
    uint64_t       appended;
    wired         *wires;
    size_t         wires_count, wires_cap;
    uint32_t      *peers; /* nodes by handle */
    size_t         peers_cap;
    uint8_t       *hops; /* of each transaction, by its number in the world; 0: not here yet */
} node;

typedef struct flight {
    gossip_time    at;
    uint32_t       from, to;
    uint8_t       *bytes;
    size_t         size;
    struct flight *next;
} flight;

struct world {
    node        *nodes;
    uint32_t     count;
    gossip_time  now;
    uint64_t     random, serial;
    flight      *first, *last; /* all take equally long: a queue */
    world_totals totals;
    uint32_t     loss; /* of a hundred messages */
    uint32_t     leaves, *sooner;
    uint64_t    *names;    /* replica and dot of each transaction that is followed */
    uint8_t     *farthest; /* hops of each */
    uint32_t     names_count, names_told;
};

#define FOLLOWED 4096u

static void *must(void *p)
{
    if (p == NULL) bench_die("memory", CRDT_ENOMEM);
    return p;
}

/* -- Whom to wake next: a tournament ----------------------------------------------------------- */

static gossip_time woken_of(const world *w, uint32_t i)
{
    return i < w->count ? w->nodes[i].woken : GOSSIP_NEVER;
}

static void replay(world *w, uint32_t i)
{
    for (uint32_t at = (w->leaves + i) / 2; at > 0; at /= 2) {
        bool     low = at * 2 >= w->leaves;
        uint32_t a = low ? at * 2 - w->leaves : w->sooner[at * 2];
        uint32_t b = low ? at * 2 + 1 - w->leaves : w->sooner[at * 2 + 1];
        w->sooner[at] = woken_of(w, b) < woken_of(w, a) ? b : a;
    }
}

/* -- Making ------------------------------------------------------------------------------------ */

void world_meet(world *w, uint32_t from, uint32_t to)
{
    char        text[16];
    gossip_peer peer;
    node       *n = &w->nodes[from];
    int         size = snprintf(text, sizeof text, "%" PRIu32, to);
    bench_must(gossip_engine_add_peer(n->engine, crdt_view_of(text, (size_t)size), &peer),
               "add_peer");
    n->woken = w->now;
    replay(w, from);
}

static void make_node(world *w, uint32_t i)
{
    node         *n = &w->nodes[i];
    gossip_config c = gossip_config_default();
    crdt_options  o = crdt_options_default(1000 + i, crdt_types_builtin());
    char          text[16];
    int           size = snprintf(text, sizeof text, "%" PRIu32, i);
    c.cluster = 1;
    c.node = i + 1;
    c.boot = bench_rand(&w->random) | 1;
    c.seed = bench_rand(&w->random);
    c.address = crdt_view_of(text, (size_t)size);
    c.ack_us = 0;
    bench_must(crdt_store_new(&o, &n->store), "store");
    bench_must(gossip_engine_new(&c, n->store, NULL, &n->engine), "engine");
    n->hops = must(calloc(FOLLOWED, 1));
    n->woken = w->now;
    replay(w, i);
}

world *world_new(uint32_t nodes, uint32_t known, uint64_t seed)
{
    world *w = must(calloc(1, sizeof *w));
    w->count = nodes;
    w->random = seed;
    w->now = 1000000;
    w->nodes = must(calloc(nodes, sizeof *w->nodes));
    w->names = must(calloc(FOLLOWED, 2 * sizeof *w->names));
    w->farthest = must(calloc(FOLLOWED, 1));
    for (w->leaves = 2; w->leaves < nodes;) w->leaves *= 2;
    w->sooner = must(calloc(w->leaves, sizeof *w->sooner));
    for (uint32_t i = 0; i < nodes; i++) make_node(w, i);
    for (uint32_t i = 0; i < nodes && known > 0; i++) {
        for (uint32_t n = 0; n < nodes; n++) {
            if (n != i && bench_rand(&w->random) % nodes < known) world_meet(w, i, n);
        }
    }
    return w;
}

void world_free(world *w)
{
    for (uint32_t i = 0; i < w->count; i++) {
        node *n = &w->nodes[i];
        for (size_t k = 0; k < n->wires_count; k++) gossip_codec_free(n->wires[k].codec);
        free(n->wires);
        free(n->peers);
        free(n->hops);
        gossip_engine_free(n->engine);
        crdt_store_free(n->store);
    }
    for (flight *f = w->first, *next; f != NULL; f = next) {
        next = f->next;
        free(f->bytes);
        free(f);
    }
    free(w->nodes);
    free(w->names);
    free(w->farthest);
    free(w->sooner);
    free(w);
}

/* -- Hops -------------------------------------------------------------------------------------- */

static void follow(world *w, uint32_t i, crdt_dot dot)
{
    if (w->names_count == FOLLOWED) return;
    w->names[2 * w->names_count] = dot.replica;
    w->names[2 * w->names_count + 1] = dot.seq;
    w->nodes[i].hops[w->names_count++] = 1;
}

static void arrive(world *w, uint32_t from, uint32_t to, const gossip_msg *msg)
{
    for (uint32_t i = 0; i < msg->entries_count; i++) {
        const gossip_entry *e = &msg->entries[i];
        for (uint32_t k = w->names_count; k-- > 0;) { /* what is on its way is young */
            if (w->names[2 * k] != e->replica || w->names[2 * k + 1] != e->last) continue;
            uint8_t *hops = &w->nodes[to].hops[k];
            if (*hops != 0) break;
            w->totals.arrivals++;
            *hops = (uint8_t)(w->nodes[from].hops[k] + 1);
            if (*hops - 1u > w->farthest[k]) w->farthest[k] = (uint8_t)(*hops - 1u);
            break;
        }
    }
}

/* -- A driver ---------------------------------------------------------------------------------- */

static wired *wire_of(node *n, uint32_t link)
{
    for (size_t i = 0; i < n->wires_count; i++) {
        if (n->wires[i].link == link) return &n->wires[i];
    }
    return NULL;
}

static void wire_up(node *n, uint32_t link, gossip_peer peer)
{
    if (n->wires_count == n->wires_cap) {
        n->wires_cap = n->wires_cap * 2 + 8;
        n->wires = must(realloc(n->wires, n->wires_cap * sizeof *n->wires));
    }
    n->wires[n->wires_count].link = link;
    n->wires[n->wires_count].peer = peer;
    bench_must(gossip_codec_new(NULL, &n->wires[n->wires_count++].codec), "codec");
}

static void wire_down(node *n, uint32_t link)
{
    wired *w = wire_of(n, link);
    gossip_codec_free(w->codec);
    *w = n->wires[--n->wires_count];
}

/* Which node a handle is: asked once. */
static uint32_t node_of(node *n, gossip_peer peer)
{
    gossip_peer_info info;
    if (peer >= n->peers_cap) {
        size_t cap = peer * 2u + 8;
        n->peers = must(realloc(n->peers, cap * sizeof *n->peers));
        memset(n->peers + n->peers_cap, 0, (cap - n->peers_cap) * sizeof *n->peers);
        n->peers_cap = cap;
    }
    for (size_t i = 0; n->peers[peer] == 0 && gossip_engine_peer(n->engine, i, &info); i++) {
        char text[16] = {0};
        if (info.handle != peer) continue;
        memcpy(text, info.address.data, info.address.size);
        n->peers[peer] = (uint32_t)strtoul(text, NULL, 10) + 1;
    }
    return n->peers[peer] - 1;
}

static void send(world *w, uint32_t from, const gossip_action *action)
{
    node             *n = &w->nodes[from];
    const gossip_msg *msg = action->msg;
    crdt_buf          bytes;
    bool              alone =
        msg->kind == GOSSIP_HELLO || msg->kind == GOSSIP_WELCOME || msg->kind == GOSSIP_REFUSED;
    crdt_buf_init(&bytes, NULL);
    gossip_codec *codec = alone ? NULL : wire_of(n, action->link)->codec;
    bench_must(gossip_wire_encode(codec, msg, &bytes), "encode");
    w->totals.messages++;
    w->totals.bytes += bytes.size;
    w->totals.entries += msg->entries_count;
    if (w->loss > 0 && bench_rand(&w->random) % 100 < w->loss) {
        crdt_buf_clear(&bytes);
        return;
    }
    flight *f = must(calloc(1, sizeof *f));
    f->at = w->now + DELAY_US;
    f->from = from;
    f->to = node_of(n, action->peer);
    f->bytes = bytes.data;
    f->size = bytes.size;
    if (w->last == NULL) w->first = f;
    else w->last->next = f;
    w->last = f;
}

static void drive(world *w, uint32_t i)
{
    node         *n = &w->nodes[i];
    gossip_action action;
    for (;;) {
        if (gossip_engine_next(n->engine, &action)) {
            if (action.kind == GOSSIP_DO_SEND) send(w, i, &action);
            if (action.kind == GOSSIP_DO_LINK) wire_up(n, action.link, action.peer);
            if (action.kind == GOSSIP_DO_UNLINK) wire_down(n, action.link);
            if (action.kind == GOSSIP_DO_PERSIST) n->appended = action.position + 1;
            continue;
        }
        if (gossip_engine_stats(n->engine).persisted >= n->appended) break;
        gossip_engine_persisted(n->engine, w->now, n->appended);
    }
    n->woken = gossip_engine_deadline(n->engine);
    replay(w, i);
}

static void deliver(world *w, const flight *f)
{
    node           *n = &w->nodes[f->to];
    gossip_frame   *frame;
    uint32_t        link;
    gossip_msg_kind kind;
    crdt_view       bytes = crdt_view_of(f->bytes, f->size);
    bench_must(gossip_wire_peek(bytes, &link, &kind), "peek");
    const wired *wire = link == 0 ? NULL : wire_of(n, link);
    if (link != 0 && wire == NULL) return;
    gossip_codec *codec = wire == NULL ? NULL : wire->codec;
    gossip_peer   from = wire == NULL ? 0 : wire->peer;
    bench_must(gossip_wire_decode(codec, bytes, NULL, &frame, NULL), "decode");
    const gossip_msg *msg = gossip_frame_msg(frame);
    arrive(w, f->from, f->to, msg);
    bench_must(gossip_engine_receive(n->engine, w->now, BENCH_NOW, from, msg), "receive");
    gossip_frame_free(frame, crdt_mem_default());
    drive(w, f->to);
}

static bool step(world *w, gossip_time end)
{
    uint32_t    i = w->sooner[1];
    gossip_time at = woken_of(w, i);
    if (at < w->now) at = w->now;
    flight *f = w->first;
    if (f != NULL && f->at <= at) {
        if (f->at > end) return false;
        w->first = f->next;
        if (w->first == NULL) w->last = NULL;
        w->now = f->at;
        deliver(w, f);
        free(f->bytes);
        free(f);
        return true;
    }
    if (at > end) return false;
    w->now = at;
    bench_must(gossip_engine_tick(w->nodes[i].engine, w->now, BENCH_NOW), "tick");
    drive(w, i);
    return true;
}

void world_lose(world *w, uint32_t percent)
{
    w->loss = percent;
}

void world_run(world *w, gossip_time us)
{
    gossip_time end = w->now + us;
    while (step(w, end)) {}
    w->now = end;
}

static uint64_t dots(const world *w, uint32_t i)
{
    return crdt_context_dots(crdt_store_context(w->nodes[i].store));
}

void world_catch_up(world *w, uint32_t a, uint32_t b)
{
    while (dots(w, b) < dots(w, a)) {
        if (!step(w, w->now + 60000000)) bench_die("it does not catch up", CRDT_EBUSY);
    }
}

void world_write(world *w, uint32_t at, uint32_t count, uint32_t size)
{
    char text[256];
    memset(text, 'x', sizeof text);
    for (uint32_t i = 0; i < count; i++) {
        crdt_txn *txn;
        crdt_dot  last;
        memcpy(text, &w->serial, sizeof w->serial);
        w->serial++;
        bench_must(gossip_engine_write(w->nodes[at].engine, w->now, BENCH_NOW, &txn), "write");
        bench_must(crdt_orset_add(txn, crdt_text_view("s"), crdt_bytes(text, size)), "add");
        bench_must(gossip_engine_commit(w->nodes[at].engine, &last), "commit");
        if (w->count > 2) follow(w, at, last);
        drive(w, at);
    }
}

gossip_stats world_stats(const world *w, uint32_t at)
{
    return gossip_engine_stats(w->nodes[at].engine);
}

world_totals world_take_totals(world *w)
{
    world_totals totals = w->totals;
    for (; w->names_told < w->names_count; w->names_told++) {
        totals.updates++;
        totals.hops += w->farthest[w->names_told];
    }
    memset(&w->totals, 0, sizeof w->totals);
    return totals;
}

bool world_equal(const world *w)
{
    crdt_digest first = gossip_engine_digest(w->nodes[0].engine);
    for (uint32_t i = 1; i < w->count; i++) {
        if (!crdt_digest_equal(first, gossip_engine_digest(w->nodes[i].engine))) return false;
    }
    return true;
}
