/* cluster.c: see cluster.h. */
#include "tests/gossip/lib/cluster.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gossip/core/peers.h"
#include "gossip/wire.h"
#include "tests/lib/random.h"

typedef struct wired {
    uint32_t      link;
    gossip_codec *codec;
} wired;

typedef struct flight {
    gossip_time at;
    uint64_t    order;
    uint32_t    from, to;
    uint8_t    *bytes;
    size_t      size;
} flight;

/* -- Making ------------------------------------------------------------------------------------ */

static void *must(void *p)
{
    CHECK(p != NULL);
    return p;
}

gossip_config cluster_config(void)
{
    gossip_config c = gossip_config_default();
    c.cluster = 77;
    c.ack_us = 0;
    return c;
}

crdt_view cluster_address(uint32_t node)
{
    static char text[16][16];
    static int  turn;
    char       *at = text[turn++ % 16];
    int         size = snprintf(at, sizeof text[0], "n%" PRIu32, node);
    return crdt_view_of(at, (size_t)size);
}

static uint32_t node_at(crdt_view address)
{
    char text[16] = {0};
    if (address.size < 2 || address.size >= sizeof text) return UINT32_MAX; /* nobody's */
    memcpy(text, address.data, address.size);
    if (text[0] != 'n' || text[1] < '0' || text[1] > '9') return UINT32_MAX;
    return (uint32_t)strtoul(text + 1, NULL, 10);
}

/* A tournament of wake times: node i's is at leaves + i, inner places hold the sooner of two. */
static gossip_time woken_of(const cluster *c, uint32_t node)
{
    return node < c->count && c->nodes[node].up ? c->nodes[node].woken : GOSSIP_NEVER;
}

static void replay(cluster *c, uint32_t node)
{
    for (uint32_t at = (c->leaves + node) / 2; at > 0; at /= 2) {
        bool     low = at * 2 >= c->leaves; /* above leaves */
        uint32_t a = low ? at * 2 - c->leaves : c->sooner[at * 2];
        uint32_t b = low ? at * 2 + 1 - c->leaves : c->sooner[at * 2 + 1];
        c->sooner[at] = woken_of(c, b) < woken_of(c, a) ? b : a;
    }
}

void cluster_start(cluster *c, uint32_t node, uint64_t replica)
{
    cluster_node *n = &c->nodes[node];
    crdt_options  o = crdt_options_default(replica, crdt_types_builtin());
    CHECK(!n->up);
    testmem_init(&n->mem);
    o.mem = &n->mem.mem;
    CHECK_OK(crdt_store_new(&o, &n->store));
    n->config.boot = next_random(&c->random) | 1;
    n->config.seed = next_random(&c->random);
    n->config.address = cluster_address(node);
    CHECK_OK(gossip_engine_new(&n->config, n->store, &n->mem.mem, &n->engine));
    n->up = true;
    n->appended = n->checkpoints = 0;
    n->woken = c->now;
    replay(c, node);
    memset(n->notices, 0, sizeof n->notices);
}

void cluster_meet(cluster *c, uint32_t from, uint32_t to)
{
    gossip_peer peer;
    CHECK_OK(gossip_engine_add_peer(c->nodes[from].engine, cluster_address(to), &peer));
}

static bool everybody(uint32_t from, uint32_t to, uint32_t count)
{
    (void)count;
    return from != to;
}

cluster *cluster_of(uint32_t count, const gossip_config *config,
                    bool (*knows)(uint32_t from, uint32_t to, uint32_t count))
{
    gossip_config usual = cluster_config();
    cluster      *c = must(calloc(1, sizeof *c));
    if (config == NULL) config = &usual;
    c->seed = c->random = seed_or(1);
    c->count = count;
    c->now = SECOND;
    c->delay_min = 200;
    c->delay_max = 400;
    c->nodes = must(calloc(count, sizeof *c->nodes));
    for (c->leaves = 1; c->leaves < count;) c->leaves *= 2;
    c->sooner = must(calloc(c->leaves, sizeof *c->sooner));
    c->cut = must(calloc((size_t)count * count, sizeof *c->cut));
    c->passed = must(calloc((size_t)count * count, sizeof *c->passed));
    for (uint32_t i = 0; i < count; i++) {
        c->nodes[i].config = *config;
        c->nodes[i].config.node = i + 1;
        cluster_start(c, i, 1000 + i);
    }
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t n = 0; n < count; n++) {
            if (knows != NULL && knows(i, n, count)) cluster_meet(c, i, n);
        }
    }
    return c;
}

cluster *cluster_new(uint32_t count, const gossip_config *config)
{
    return cluster_of(count, config, everybody);
}

void cluster_stop(cluster *c, uint32_t node)
{
    cluster_node *n = &c->nodes[node];
    if (!n->up) return;
    for (size_t i = 0; i < n->wires_count; i++) gossip_codec_free(n->wires[i].codec);
    free(n->wires);
    n->wires = NULL;
    n->wires_count = n->wires_cap = 0;
    gossip_engine_free(n->engine);
    crdt_store_free(n->store);
    TESTMEM_DONE(&n->mem);
    n->engine = NULL;
    n->store = NULL;
    n->up = false;
    replay(c, node);
}

void cluster_free(cluster *c)
{
    for (uint32_t i = 0; i < c->count; i++) cluster_stop(c, i);
    for (size_t i = 0; i < c->flights_count; i++) free(c->flights[i].bytes);
    free(c->flights);
    free(c->sooner);
    free(c->nodes);
    free(c->cut);
    free(c->passed);
    free(c);
}

/* -- Messages in flight: a heap by time -------------------------------------------------------- */

static bool sooner(const flight *a, const flight *b)
{
    return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void launch(cluster *c, flight f)
{
    if (c->flights_count == c->flights_cap) {
        c->flights_cap = c->flights_cap * 2 + 64;
        c->flights = must(realloc(c->flights, c->flights_cap * sizeof *c->flights));
    }
    size_t at = c->flights_count++;
    for (; at > 0 && sooner(&f, &c->flights[(at - 1) / 2]); at = (at - 1) / 2) {
        c->flights[at] = c->flights[(at - 1) / 2];
    }
    c->flights[at] = f;
}

static flight land(cluster *c)
{
    flight first = c->flights[0], last = c->flights[--c->flights_count];
    size_t at = 0;
    for (;;) {
        size_t child = at * 2 + 1;
        if (child >= c->flights_count) break;
        if (child + 1 < c->flights_count && sooner(&c->flights[child + 1], &c->flights[child])) {
            child++;
        }
        if (!sooner(&c->flights[child], &last)) break;
        c->flights[at] = c->flights[child];
        at = child;
    }
    if (c->flights_count > 0) c->flights[at] = last;
    return first;
}

static double chance(cluster *c)
{
    return (double)(next_random(&c->random) >> 11) / 9007199254740992.0;
}

static void put_on_wire(cluster *c, uint32_t from, uint32_t to, const crdt_buf *bytes)
{
    if (c->cut[from * c->count + to] || !c->nodes[to].up) return;
    if (c->loss > 0 && chance(c) < c->loss) return;
    int copies = c->duplicates > 0 && chance(c) < c->duplicates ? 2 : 1;
    while (copies-- > 0) {
        gossip_time span = c->delay_max - c->delay_min;
        flight      f;
        f.at = c->now + c->delay_min + (span > 0 ? random_below(&c->random, span) : 0);
        f.order = c->sent++;
        f.from = from;
        f.to = to;
        f.size = bytes->size;
        f.bytes = must(malloc(bytes->size + 1));
        memcpy(f.bytes, bytes->data, bytes->size);
        launch(c, f);
    }
}

/* -- A driver ---------------------------------------------------------------------------------- */

static wired *wire_of(cluster_node *n, uint32_t link)
{
    for (size_t i = 0; i < n->wires_count; i++) {
        if (n->wires[i].link == link) return &n->wires[i];
    }
    return NULL;
}

static void wire_up(cluster_node *n, uint32_t link)
{
    if (n->wires_count == n->wires_cap) {
        n->wires_cap = n->wires_cap * 2 + 8;
        n->wires = must(realloc(n->wires, n->wires_cap * sizeof *n->wires));
    }
    CHECK(wire_of(n, link) == NULL);
    wired *w = &n->wires[n->wires_count++];
    w->link = link;
    CHECK_OK(gossip_codec_new(NULL, &w->codec));
}

static void wire_down(cluster_node *n, uint32_t link)
{
    wired *w = wire_of(n, link);
    CHECK(w != NULL);
    gossip_codec_free(w->codec);
    *w = n->wires[--n->wires_count];
}

static uint32_t target(const cluster *c, uint32_t from, const gossip_action *action)
{
    const gossip__peer *peer = gossip__peer_get(c->nodes[from].engine, action->peer);
    CHECK(peer != NULL);
    return node_at(gossip__address_of(peer));
}

static void count_traffic(cluster *c, uint32_t from, uint32_t to, const gossip_msg *msg,
                          size_t size)
{
    traffic *t = &c->passed[from * c->count + to];
    t->messages[msg->kind]++;
    t->bytes[msg->kind] += size;
    t->entries += msg->entries_count;
}

static void trace(const cluster *c, uint32_t from, uint32_t to, const gossip_msg *msg, size_t size)
{
    static const char *const kinds[] = {"?",       "HELLO", "WELCOME", "SYNC",   "STATE", "WANT",
                                        "PUSH",    "TOOK",  "HAVE",    "SNAP",   "CHUNK", "PAGE",
                                        "DIGESTS", "FIX",   "OBJECT",  "REFUSED"};
    printf("%10.3f %" PRIu32 ">%" PRIu32 " %-7s %08" PRIx32 " #%08" PRIx32 " %4zu B",
           (double)c->now / 1000.0, from, to, kinds[msg->kind], msg->link, msg->id, size);
    if (msg->entries_count > 0) printf(" %" PRIu32 " entries", msg->entries_count);
    if (msg->vector.version > 0) {
        printf(" vector %" PRIu32 "..%" PRIu32 " of %" PRIu32, msg->vector.base,
               msg->vector.version, msg->vector.count);
    }
    printf("%s%s%s%s%s", msg->same ? " same" : "", msg->more ? " more" : "",
           msg->prune ? " prune" : "", msg->graft ? " graft" : "",
           msg->snapshot ? " snapshot" : "");
    if (msg->hello.boot != 0) printf(" boot %04x", (unsigned)(msg->hello.boot & 0xffff));
    if (msg->kind == GOSSIP_REFUSED) printf(" %d", (int)msg->refusal);
    printf("\n");
}

static void send_action(cluster *c, uint32_t from, const gossip_action *action)
{
    cluster_node     *n = &c->nodes[from];
    const gossip_msg *msg = action->msg;
    wired            *w = action->link == 0 ? NULL : wire_of(n, action->link);
    crdt_buf          bytes;
    if (action->peer == 0) return; /* to a stranger: these wires have no way back */
    uint32_t to = target(c, from, action);
    bool     alone =
        msg->kind == GOSSIP_HELLO || msg->kind == GOSSIP_WELCOME || msg->kind == GOSSIP_REFUSED;
    CHECK_MSG(alone || w != NULL, "kind %d on a link that was not announced", (int)msg->kind);
    if (to >= c->count) return;
    if (c->filter != NULL && !c->filter(c, from, to, msg)) return;
    crdt_buf_init(&bytes, NULL);
    CHECK_OK(gossip_wire_encode(alone ? NULL : w->codec, msg, &bytes));
    CHECK(bytes.size <= n->config.frame_max);
    if (getenv("CLUSTER_TRACE") != NULL) trace(c, from, to, msg, bytes.size);
    count_traffic(c, from, to, msg, bytes.size);
    put_on_wire(c, from, to, &bytes);
    crdt_buf_clear(&bytes);
}

static void do_action(cluster *c, uint32_t node, const gossip_action *action)
{
    cluster_node *n = &c->nodes[node];
    switch (action->kind) {
    case GOSSIP_DO_SEND: send_action(c, node, action); break;
    case GOSSIP_DO_CHECKPOINT:
    case GOSSIP_DO_PERSIST:
        n->checkpoints += action->kind == GOSSIP_DO_CHECKPOINT;
        n->appended = action->position + 1;
        break;
    case GOSSIP_DO_LINK: wire_up(n, action->link); break;
    case GOSSIP_DO_UNLINK: wire_down(n, action->link); break;
    case GOSSIP_DO_NOTIFY:
        n->notices[action->notice]++;
        if (c->noticed != NULL) c->noticed(c, node, action);
        break;
    }
}

void cluster_drive(cluster *c, uint32_t node)
{
    cluster_node *n = &c->nodes[node];
    gossip_action action;
    for (;;) {
        if (gossip_engine_next(n->engine, &action)) {
            do_action(c, node, &action);
            continue;
        }
        if (n->slow_disk || gossip_engine_stats(n->engine).persisted >= n->appended) break;
        gossip_engine_persisted(n->engine, c->now, n->appended);
    }
    n->woken = gossip_engine_deadline(n->engine);
    replay(c, node);
}

static void note_error(cluster_node *n, crdt_err err)
{
    if (err == CRDT_ENOMEM) n->errors++;
    else CHECK_OK(err);
}

/* Bytes of a link that is not known: say so. */
static void refuse_link(cluster *c, uint32_t from, uint32_t to, uint32_t link, gossip_msg_kind kind)
{
    bool request = kind == GOSSIP_SYNC || kind == GOSSIP_WANT || kind == GOSSIP_PUSH ||
                   kind == GOSSIP_HAVE || kind == GOSSIP_SNAP || kind == GOSSIP_PAGE ||
                   kind == GOSSIP_FIX;
    gossip_msg msg;
    crdt_buf   bytes;
    if (!request) return;
    memset(&msg, 0, sizeof msg);
    msg.kind = GOSSIP_REFUSED;
    msg.link = link;
    msg.refusal = GOSSIP_UNKNOWN_LINK;
    crdt_buf_init(&bytes, NULL);
    CHECK_OK(gossip_wire_encode(NULL, &msg, &bytes));
    if (getenv("CLUSTER_TRACE") != NULL) trace(c, from, to, &msg, bytes.size);
    put_on_wire(c, from, to, &bytes);
    crdt_buf_clear(&bytes);
}

static void deliver(cluster *c, const flight *f)
{
    cluster_node   *n = &c->nodes[f->to];
    gossip_frame   *frame;
    const char     *reason = "";
    uint32_t        link;
    gossip_msg_kind kind;
    crdt_view       bytes = crdt_view_of(f->bytes, f->size);
    if (!n->up) return;
    CHECK_OK(gossip_wire_peek(bytes, &link, &kind));
    wired *w = link == 0 ? NULL : wire_of(n, link);
    bool   alone = kind == GOSSIP_HELLO || kind == GOSSIP_WELCOME || kind == GOSSIP_REFUSED;
    if (!alone && w == NULL) {
        refuse_link(c, f->to, f->from, link, kind);
        return;
    }
    crdt_err err = gossip_wire_decode(alone ? NULL : w->codec, bytes, NULL, &frame, &reason);
    CHECK_MSG(err == CRDT_OK, "kind %d: %s: %s", (int)kind, crdt_err_text(err), reason);
    gossip_peer from = gossip_engine_peer_of(n->engine, link);
    note_error(n, gossip_engine_receive(n->engine, c->now, NOW, from, gossip_frame_msg(frame)));
    gossip_frame_free(frame, crdt_mem_default());
    cluster_drive(c, f->to);
}

/* -- Time -------------------------------------------------------------------------------------- */

/* One event until `end`; false: there is none. */
static bool step(cluster *c, gossip_time end)
{
    uint32_t    node = c->leaves > 1 ? c->sooner[1] : 0;
    gossip_time at = woken_of(c, node);
    if (at < c->now) at = c->now;
    if (c->flights_count > 0 && c->flights[0].at <= at) {
        if (c->flights[0].at > end) return false;
        flight f = land(c);
        c->now = f.at;
        deliver(c, &f);
        free(f.bytes);
        return true;
    }
    if (at > end) return false;
    c->now = at;
    note_error(&c->nodes[node], gossip_engine_tick(c->nodes[node].engine, c->now, NOW));
    cluster_drive(c, node);
    CHECK_MSG(c->nodes[node].woken > at || c->nodes[node].errors > 0,
              "node %u has the same deadline after its tick", (unsigned)node);
    return true;
}

void cluster_run(cluster *c, gossip_time us)
{
    gossip_time end = c->now + us;
    for (uint32_t i = 0; i < c->count; i++) {
        cluster_node *n = &c->nodes[i];
        if (!n->up) continue;
        note_error(n, gossip_engine_tick(n->engine, c->now, NOW));
        cluster_drive(c, i);
    }
    while (step(c, end)) {}
    c->now = end;
}

bool cluster_equal(const cluster *c)
{
    const crdt_store *first = NULL;
    for (uint32_t i = 0; i < c->count; i++) {
        if (!c->nodes[i].up) continue;
        if (first == NULL) first = c->nodes[i].store;
        else if (!same_bytes(first, c->nodes[i].store)) return false;
    }
    return true;
}

static bool contexts_equal(const cluster *c)
{
    const crdt_store *first = NULL;
    for (uint32_t i = 0; i < c->count; i++) {
        const crdt_store *at = c->nodes[i].store;
        if (!c->nodes[i].up) continue;
        if (first == NULL) first = at;
        else if (!crdt_context_equal(crdt_store_context(first), crdt_store_context(at))) {
            return false;
        }
    }
    return true;
}

bool cluster_settle(cluster *c, gossip_time us)
{
    gossip_time end = c->now + us;
    while (c->now < end) {
        cluster_run(c, 10 * MS);
        if (contexts_equal(c) && cluster_equal(c)) return true;
    }
    return false;
}

/* -- Writing ----------------------------------------------------------------------------------- */

crdt_dot cluster_add(cluster *c, uint32_t node, const char *name, const char *element)
{
    cluster_node *n = &c->nodes[node];
    crdt_txn     *txn;
    crdt_dot      last;
    CHECK_OK(gossip_engine_write(n->engine, c->now, NOW, &txn));
    CHECK_OK(crdt_orset_add(txn, name_of(name), crdt_text(element)));
    CHECK_OK(gossip_engine_commit(n->engine, &last));
    cluster_drive(c, node);
    return last;
}

void cluster_fill(cluster *c, uint32_t node, const char *name, const char *prefix, uint32_t count)
{
    char text[64];
    for (uint32_t i = 0; i < count; i++) {
        (void)snprintf(text, sizeof text, "%s%" PRIu32, prefix, i);
        (void)cluster_add(c, node, name, text);
    }
}

/* -- Looking ----------------------------------------------------------------------------------- */

const traffic *cluster_passed(const cluster *c, uint32_t from, uint32_t to)
{
    return &c->passed[from * c->count + to];
}

traffic cluster_total(const cluster *c)
{
    traffic sum;
    memset(&sum, 0, sizeof sum);
    for (size_t i = 0; i < (size_t)c->count * c->count; i++) {
        sum.entries += c->passed[i].entries;
        for (int k = 0; k <= GOSSIP_REFUSED; k++) {
            sum.messages[k] += c->passed[i].messages[k];
            sum.bytes[k] += c->passed[i].bytes[k];
        }
    }
    return sum;
}

void cluster_forget_traffic(cluster *c)
{
    memset(c->passed, 0, (size_t)c->count * c->count * sizeof *c->passed);
}

gossip_peer_info cluster_info(const cluster *c, uint32_t node, uint32_t of)
{
    gossip_peer_info info;
    for (size_t i = 0; gossip_engine_peer(c->nodes[node].engine, i, &info); i++) {
        if (info.node == of + 1) return info;
    }
    memset(&info, 0, sizeof info);
    return info;
}

gossip_peer cluster_peer(const cluster *c, uint32_t node, uint32_t of)
{
    return cluster_info(c, node, of).handle;
}

uint32_t cluster_links(const cluster *c)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < c->count; i++) {
        for (uint32_t n = 0; n < i; n++) {
            bool there = cluster_info(c, i, n).linked, back = cluster_info(c, n, i).linked;
            CHECK_MSG(there == back, "nodes %u and %u: one has a link", (unsigned)i, (unsigned)n);
            count += there;
        }
    }
    return count;
}

uint32_t cluster_link(const cluster *c, uint32_t node, uint32_t of)
{
    const gossip__peer *peer = gossip__peer_by_node(c->nodes[node].engine, of + 1);
    return peer == NULL ? 0 : peer->link;
}
