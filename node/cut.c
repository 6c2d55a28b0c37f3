/* cut.c: see cut.h; and the commands CRDT.PARTITION, CRDT.HEAL. From all: NNG's own switch. From
 * some: nothing is sent to their addresses, and what comes over their links is dropped. */
#include "node/cut.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "node/commands.h"
#include "node/log.h"
#include "node/peers.h"

struct node_cut {
    size_t    count;
    crdt_view addresses[]; /* ours */
};

static bool is_cut(const node *n, crdt_view address)
{
    for (size_t i = 0; n->cut_from != NULL && i < n->cut_from->count; i++) {
        if (crdt_view_compare(n->cut_from->addresses[i], address) == 0) return true;
    }
    return false;
}

static void cut_send(void *user, crdt_view address, crdt_view bytes, bool answers, uint64_t from)
{
    const node *n = user;
    if (!answers && is_cut(n, address)) return;
    n->send.send(n->send.user, address, bytes, answers, from);
}

gossip_transport cut_transport(node *n)
{
    gossip_transport transport = {cut_send, n};
    n->send = gossip_nng_transport(n->nng);
    return transport;
}

bool cut_drops(const node *n, crdt_view bytes)
{
    uint32_t         link;
    gossip_msg_kind  kind;
    gossip_peer_info info;
    if (n->cut_from == NULL || gossip_wire_peek(bytes, &link, &kind) != CRDT_OK) return false;
    gossip_peer peer = gossip_engine_peer_of(n->engine, link);
    for (size_t i = 0; peer != 0 && gossip_engine_peer(n->engine, i, &info); i++) {
        if (info.handle == peer) return is_cut(n, info.address);
    }
    return false;
}

void cut_close(node *n)
{
    for (size_t i = 0; n->cut_from != NULL && i < n->cut_from->count; i++) {
        free((void *)(uintptr_t)n->cut_from->addresses[i].data);
    }
    free(n->cut_from);
    n->cut_from = NULL;
    n->cut = false;
}

/* -- Commands ---------------------------------------------------------------------------------- */

static bool may_cut(call *c, const char *name)
{
    if (!c->node->config.demo) {
        call_error(c, "ERR %s is for demonstrations: start concurd with --demo", name);
    } else if (c->node->nng == NULL) {
        call_error(c, "ERR this node does not gossip: start concurd with --gossip");
    }
    return !c->failed;
}

/* The addresses of the peers named, an address or a node id each. False: an error was replied. */
static bool cut_from(call *c)
{
    node            *n = c->node;
    struct node_cut *cut = calloc(1, sizeof *cut + c->count * sizeof *cut->addresses);
    if (cut == NULL) return !call_fails(c, CRDT_ENOMEM);
    cut_close(n);
    n->cut_from = cut;
    for (size_t i = 1; i < c->count; i++) {
        gossip_peer_info info;
        crdt_view        address = peers_find(n, c->args[i], &info) ? info.address : c->args[i];
        void            *copy = malloc(address.size + 1);
        if (copy == NULL) {
            cut_close(n);
            return !call_fails(c, CRDT_ENOMEM);
        }
        memcpy(copy, address.data, address.size);
        cut->addresses[cut->count++] = crdt_view_of(copy, address.size);
    }
    return true;
}

void command_crdt_partition(call *c)
{
    node *n = c->node;
    if (!may_cut(c, "CRDT.PARTITION") || (c->count > 1 && !cut_from(c))) return;
    gossip_nng_cut(n->nng, c->count == 1);
    n->cut = true;
    node_log(LOG_WARN, "cut off from peers, for demonstration", "peers=%s client=%" PRIu64,
             c->count == 1 ? "all" : "some", c->client->id);
    reply_ok(c->reply);
}

void command_crdt_heal(call *c)
{
    node *n = c->node;
    if (!may_cut(c, "CRDT.HEAL")) return;
    cut_close(n);
    gossip_nng_cut(n->nng, false);
    node_log(LOG_WARN, "talks with all peers again", "client=%" PRIu64, c->client->id);
    node_touch(n);
    reply_ok(c->reply);
}
