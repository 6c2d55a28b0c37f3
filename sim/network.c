/* network.c: see network.h. */
#include "sim/network.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gossip/wire.h"
#include "sim/must.h"
#include "sim/random.h"
#include "sim/world.h"

#define LINKED_NODES_MAX 256 /* above it no link has a record of its own */

static void free_tape(network *net)
{
    for (size_t i = 0; i < NETWORK_TAPE; i++) free(net->tape[i]);
    memset(net->tape, 0, sizeof net->tape);
    net->tape_count = 0;
}

void network_reset(network *net, size_t nodes)
{
    free_tape(net);
    free(net->tap.copies);
    net->tap = (network_tap){NULL, 0, 0};
    if (nodes > LINKED_NODES_MAX) {
        free(net->links);
        net->links = NULL;
    } else {
        net->links = must_resize(net->links, nodes * nodes * sizeof *net->links);
        memset(net->links, 0, nodes * nodes * sizeof *net->links);
    }
    net->nodes = nodes;
}

void network_free(network *net)
{
    free_tape(net);
    free(net->tap.copies);
    free(net->links);
    *net = (network){0};
}

network_link *network_at(const network *net, uint32_t from, uint32_t to)
{
    if (!net->links || from >= net->nodes || to >= net->nodes) return NULL;
    return &net->links[from * net->nodes + to];
}

/* -- Counting marked payloads ------------------------------------------------------------------ */

void network_watch(network *net, size_t payloads)
{
    free(net->tap.copies);
    size_t links = net->links ? net->nodes * net->nodes : 1;
    net->tap =
        (network_tap){must_alloc(payloads * links * sizeof *net->tap.copies), payloads, links};
}

uint32_t network_copies(const network *net, size_t payload, uint32_t from, uint32_t to)
{
    size_t link = net->links ? from * net->nodes + to : 0;
    return net->tap.copies[payload * net->tap.links + link];
}

static void tap(network *net, uint32_t from, uint32_t to, crdt_view bytes)
{
    const size_t   mark = sizeof NETWORK_MARK - 1;
    const uint8_t *at = bytes.data, *end = at + bytes.size;
    size_t         link = net->links ? from * net->nodes + to : 0;
    while ((at = memchr(at, NETWORK_MARK[0], (size_t)(end - at))) != NULL) {
        if ((size_t)(end - at) < mark + 4) return;
        if (memcmp(at, NETWORK_MARK, mark) == 0) {
            uint32_t number = (uint32_t)at[mark] | (uint32_t)at[mark + 1] << 8 |
                              (uint32_t)at[mark + 2] << 16 | (uint32_t)at[mark + 3] << 24;
            if (number < net->tap.payloads) net->tap.copies[number * net->tap.links + link]++;
        }
        at++;
    }
}

/* -- Sending ----------------------------------------------------------------------------------- */

static uint64_t delay_of(world *w)
{
    const plan *p = w->plan;
    uint64_t    delay = p->delay;
    if (w->healed) return delay + (p->jitter ? random_below(&w->rand, 1000) : 0);
    if (p->jitter) delay += random_next(&w->rand) % (p->jitter + 1);
    if (random_chance(&w->rand, p->tail)) delay += random_next(&w->rand) % (p->tail_us + 1);
    return delay;
}

void network_put(world *w, uint32_t from, uint32_t to, crdt_view bytes, bool reply, uint64_t delay)
{
    message *m = malloc(sizeof *m + bytes.size);
    if (!m) must_fail("no memory for a message of %zu bytes", bytes.size);
    m->from = from;
    m->to = to;
    m->reply = reply;
    m->size = bytes.size;
    if (bytes.size) memcpy(m->bytes, bytes.data, bytes.size);
    queue_push(&w->queue, (event){w->now + delay, 0, EVENT_MESSAGE, to, 0, m});
}

/* Keeps some of what passes, for replays. */
static void record(world *w, uint32_t from, uint32_t to, crdt_view bytes)
{
    network *net = &w->net;
    /* Not what answers the hostile peer itself: whose replays would be reflections. */
    if (!w->plan->hostile || bytes.size > 65536 || to >= w->nodes_count) return;
    size_t at = net->tape_count < NETWORK_TAPE ? net->tape_count : random_below(&w->rand, 1024);
    if (at >= NETWORK_TAPE) return;
    net->tape_count += net->tape_count < NETWORK_TAPE;
    message *m = must_resize(net->tape[at], sizeof *m + bytes.size);
    *m = (message){from, to, false, bytes.size};
    memcpy(m->bytes, bytes.data, bytes.size);
    net->tape[at] = m;
}

static void turn_bits(world *w, crdt_view bytes, uint32_t from, uint32_t to, bool reply)
{
    uint8_t *copy = must_alloc(bytes.size);
    memcpy(copy, bytes.data, bytes.size);
    for (uint64_t n = random_below(&w->rand, 3) + 1; n > 0; n--) {
        copy[random_next(&w->rand) % bytes.size] ^= (uint8_t)(1u << random_below(&w->rand, 8));
    }
    w->stats.corrupted++;
    network_put(w, from, to, crdt_view_of(copy, bytes.size), reply, delay_of(w));
    free(copy);
}

static bool is_greeting(crdt_view bytes)
{
    uint32_t        link;
    gossip_msg_kind kind;
    if (gossip_wire_peek(bytes, &link, &kind) != CRDT_OK) return false;
    return kind == GOSSIP_HELLO || kind == GOSSIP_WELCOME;
}

static bool is_cut(const world *w, uint32_t from, uint32_t to)
{
    if (to >= w->nodes_count) return true; /* the hostile peer hears nothing */
    network_link *link = network_at(&w->net, from, to);
    if (link && link->clogged_until > w->now) return true;
    return w->nodes[from].offline_until > w->now || w->nodes[to].offline_until > w->now;
}

static uint32_t number_of(crdt_view address)
{
    const char *text = address.data;
    uint32_t    n = 0;
    for (size_t i = 1; i < address.size; i++) n = n * 10 + (uint32_t)(text[i] - '0');
    return address.size > 1 && text[0] == 'n' ? n : UINT32_MAX;
}

void network_send(world *w, node *n, crdt_view address, crdt_view bytes, bool reply, uint64_t from)
{
    uint32_t    to = reply ? (uint32_t)from : number_of(address);
    const plan *p = w->plan;
    w->stats.messages++;
    w->stats.bytes += bytes.size;
    n->sent++;
    n->sent_bytes += bytes.size;
    world_mix(w, (uint64_t)to << 32 ^ bytes.size);
    if (bytes.size >= 8) {
        uint64_t head;
        memcpy(&head, bytes.data, sizeof head); /* with the checksum of the whole */
        world_mix(w, head);
    }
    network_link *link = network_at(&w->net, n->index, to);
    if (link) {
        link->messages++;
        link->bytes += bytes.size;
        if (is_greeting(bytes)) link->greetings += bytes.size;
    }
    record(w, n->index, to, bytes);
    if (is_cut(w, n->index, to) || (!w->healed && random_chance(&w->rand, p->loss))) {
        w->stats.lost++;
        return;
    }
    if (!w->healed && random_chance(&w->rand, p->corrupt) && bytes.size > 0) {
        turn_bits(w, bytes, n->index, to, reply);
        return;
    }
    network_put(w, n->index, to, bytes, reply, delay_of(w));
    if (w->net.tap.copies) tap(&w->net, n->index, to, bytes);
    if (!w->healed && random_chance(&w->rand, p->duplicate)) {
        network_put(w, n->index, to, bytes, reply, delay_of(w));
    }
}
