/* partition.c: see partition.h. Cut off from all, nothing goes in or out. Cut off from some, no request
 * goes to them; what they ask is answered, so they are to be cut off from this node as well. */
#include "node/partition.h"

#include <inttypes.h>
#include <string.h>

#include "node/commands.h"
#include "node/log.h"

/* n->cut_from: the addresses, with a 0 behind each. */
static bool is_cut_from(const node *n, crdt_view address)
{
    const char *at = (const char *)n->cut_from.data, *end = at + n->cut_from.size;
    for (size_t size; n->cut && at < end; at += size + 1) {
        size = strlen(at);
        if (size == address.size && memcmp(at, address.data, size) == 0) return true;
    }
    return false;
}

static void send_across(void *user, crdt_view address, crdt_view bytes, bool answer, uint64_t from)
{
    node *n = user;
    if (!answer && is_cut_from(n, address)) return;
    gossip_transport to = gossip_nng_transport(n->nng);
    to.send(to.user, address, bytes, answer, from);
}

gossip_transport partition_transport(node *n)
{
    return n->config.demo ? (gossip_transport){send_across, n} : gossip_nng_transport(n->nng);
}

void partition_open(node *n)
{
    crdt_buf_init(&n->cut_from, NULL);
}

void partition_close(node *n)
{
    crdt_buf_clear(&n->cut_from);
}

/* False: an error was replied. */
static bool may_cut(call *c, const char *name)
{
    if (!c->node->config.demo) {
        call_error(c, "ERR %s is for demonstrations: start concurd with --demo", name);
    } else if (c->node->nng == NULL) {
        call_error(c, "ERR this node does not gossip: start concurd with --gossip");
    }
    return !c->failed;
}

void command_crdt_partition(call *c)
{
    node *n = c->node;
    if (!may_cut(c, "CRDT.PARTITION")) return;
    crdt_buf_reset(&n->cut_from);
    for (size_t i = 1; i < c->count; i++) {
        crdt_buf_put(&n->cut_from, c->args[i].data, c->args[i].size);
        crdt_buf_byte(&n->cut_from, 0);
    }
    if (call_fails(c, n->cut_from.failed ? CRDT_ENOMEM : CRDT_OK)) return;
    n->cut = true;
    gossip_nng_cut(n->nng, c->count == 1);
    node_log(LOG_WARN, "cut off from peers, for demonstration", "client=%" PRIu64 " peers=%s",
             c->client->id, c->count == 1 ? "all" : "some");
    node_touch(n);
    reply_ok(c->reply);
}

void command_crdt_heal(call *c)
{
    node *n = c->node;
    if (!may_cut(c, "CRDT.HEAL")) return;
    n->cut = false;
    gossip_nng_cut(n->nng, false);
    node_log(LOG_WARN, "talks with peers again", "client=%" PRIu64, c->client->id);
    node_touch(n);
    reply_ok(c->reply);
}
