/* cluster.c: the commands about the other nodes: who they are, how far behind, what is equal. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "node/commands.h"
#include "node/log.h"
#include "node/number.h"
#include "node/peers.h"

static void field_text(reply *r, const char *name, const char *text)
{
    reply_text(r, name);
    reply_text(r, text);
}

static void field_int(reply *r, const char *name, uint64_t n)
{
    reply_text(r, name);
    reply_int(r, (int64_t)n);
}

static void field_bool(reply *r, const char *name, bool yes)
{
    reply_text(r, name);
    reply_int(r, yes);
}

/* An id as 16 hexadecimal digits; 0: null. */
static void field_id(reply *r, const char *name, uint64_t id)
{
    char text[32];
    snprintf(text, sizeof text, "%016" PRIx64, id);
    reply_text(r, name);
    if (id == 0) reply_null(r);
    else reply_text(r, text);
}

/* -- WAIT -------------------------------------------------------------------------------------- */

void command_wait(call *c)
{
    int64_t nodes, ms;
    if (!call_int(c, 1, &nodes)) return;
    if (!number_int64(c->args[2], &ms)) {
        call_error(c, "ERR timeout is not an integer or out of range");
        return;
    }
    if (ms < 0) {
        call_error(c, "ERR timeout is negative");
        return;
    }
    uint32_t have = client_holders(c->client);
    if (nodes <= (int64_t)have || c->inside) {
        reply_int(c->reply, have);
        return;
    }
    gossip_time for_us = ms > INT64_MAX / 1000 ? GOSSIP_NEVER : (gossip_time)ms * 1000;
    bool        ever = ms == 0 || for_us >= GOSSIP_NEVER - c->node->now;
    client_begin_wait(c->client, CLIENT_WAITS_HOLDERS,
                      nodes > UINT32_MAX ? UINT32_MAX : (uint32_t)nodes,
                      ever ? GOSSIP_NEVER : c->node->now + for_us);
    node_touch(c->node);
}

/* -- CRDT.PEERS -------------------------------------------------------------------------------- */

static bool transport_of(const node *n, crdt_view address, gossip_nng_peer_info *ret_info)
{
    for (size_t i = 0; n->nng != NULL && gossip_nng_peer(n->nng, i, ret_info); i++) {
        if (crdt_view_compare(ret_info->address, address) == 0) return true;
    }
    return false;
}

static void reply_transport(reply *r, const gossip_nng_peer_info *t)
{
    reply_text(r, "transport");
    reply_map(r, 9);
    field_bool(r, "connected", t->connected);
    field_int(r, "in-flight", t->in_flight);
    field_int(r, "dialled", t->dialled);
    field_int(r, "answered", t->answered);
    field_int(r, "lost", t->lost);
    field_int(r, "dropped", t->dropped);
    field_int(r, "bytes-in", t->bytes_in);
    field_int(r, "bytes-out", t->bytes_out);
    field_text(r, "problem", t->problem);
}

static void reply_peer(const node *n, reply *r, const gossip_peer_info *info)
{
    gossip_nng_peer_info t;
    bool                 has_transport = transport_of(n, info->address, &t);
    reply_map(r, 22 + (size_t)has_transport);
    reply_text(r, "address");
    reply_bulk(r, info->address);
    field_id(r, "node", info->node);
    field_id(r, "replica", info->replica);
    field_text(r, "state", peers_state(info));
    field_bool(r, "linked", info->linked);
    field_bool(r, "eager", info->eager);
    field_bool(r, "in-sync", info->in_sync);
    field_bool(r, "quarantined", info->quarantined);
    reply_text(r, "heard-ms-ago");
    reply_int(r, peers_heard_ms(n, info));
    field_int(r, "lag-entries", info->lacks);
    field_int(r, "lag-ms", peers_lag_ms(n, info));
    field_int(r, "lacked-here", info->lacked);
    field_bool(r, "needs-snapshot", info->behind);
    field_int(r, "sent", info->sent);
    field_int(r, "received", info->received);
    field_int(r, "entries-sent", info->entries_sent);
    field_int(r, "entries-received", info->entries_received);
    field_int(r, "duplicates", info->duplicates);
    field_int(r, "resent", info->resent);
    field_int(r, "refused", info->refused);
    field_int(r, "malformed", info->malformed);
    field_text(r, "last-error", info->error == CRDT_OK ? "" : crdt_err_name(info->error));
    if (has_transport) reply_transport(r, &t);
}

static size_t count_peers(const node *n)
{
    gossip_peer_info info;
    size_t           count = 0;
    while (gossip_engine_peer(n->engine, count, &info)) count++;
    return count;
}

void command_crdt_peers(call *c)
{
    gossip_peer_info info;
    reply_array(c->reply, count_peers(c->node));
    for (size_t i = 0; gossip_engine_peer(c->node->engine, i, &info); i++) {
        reply_peer(c->node, c->reply, &info);
    }
}

/* -- CRDT.LAG ---------------------------------------------------------------------------------- */

/* The worst of those that were met. */
static void summarise(const node *n, reply *r)
{
    gossip_peer_info info;
    uint64_t         met = 0, linked = 0, equal = 0, entries = 0, ms = 0, lacked = 0;
    for (size_t i = 0; gossip_engine_peer(n->engine, i, &info); i++) {
        uint64_t lag_ms = peers_lag_ms(n, &info);
        if (info.node == 0) continue;
        met++;
        linked += info.linked;
        equal += info.lacks == 0 && info.lacked == 0 && !info.behind;
        if (info.lacks > entries) entries = info.lacks;
        if (lag_ms > ms) ms = lag_ms;
        if (info.lacked > lacked) lacked = info.lacked;
    }
    field_int(r, "peers", met);
    field_int(r, "linked", linked);
    field_int(r, "equal", equal);
    field_int(r, "lag-entries", entries);
    field_int(r, "lag-ms", ms);
    field_int(r, "lacked-here", lacked);
}

void command_crdt_lag(call *c)
{
    gossip_peer_info info;
    reply           *r = c->reply;
    size_t           met = 0;
    for (size_t i = 0; gossip_engine_peer(c->node->engine, i, &info); i++) met += info.node != 0;
    reply_map(r, 7);
    summarise(c->node, r);
    reply_text(r, "by-peer");
    reply_array(r, met);
    for (size_t i = 0; gossip_engine_peer(c->node->engine, i, &info); i++) {
        if (info.node == 0) continue;
        reply_map(r, 6);
        reply_text(r, "address");
        reply_bulk(r, info.address);
        field_id(r, "node", info.node);
        field_text(r, "state", peers_state(&info));
        field_int(r, "lag-entries", info.lacks);
        field_int(r, "lag-ms", peers_lag_ms(c->node, &info));
        field_int(r, "lacked-here", info.lacked);
    }
}

/* -- CRDT.DIGEST ------------------------------------------------------------------------------- */

/* The sum over the objects whose names begin so. */
static crdt_digest digest_of(crdt_store *store, crdt_view prefix)
{
    crdt_digest sum = {0, 0};
    crdt_buf    from; /* where the next search begins: a name of our own, for the store's may go */
    crdt_object o;
    uint16_t    type = 0;
    crdt_buf_init(&from, NULL);
    crdt_buf_put(&from, prefix.data, prefix.size);
    while (!from.failed && crdt_store_object_from(store, crdt_buf_bytes(&from), type, &o)) {
        if (o.name.size < prefix.size) break;
        if (prefix.size > 0 && memcmp(o.name.data, prefix.data, prefix.size) != 0) break;
        sum = crdt_digest_add(sum, o.digest);
        crdt_buf_reset(&from);
        crdt_buf_put(&from, o.name.data, o.name.size);
        if (o.type == UINT16_MAX) crdt_buf_byte(&from, 0);
        type = (uint16_t)(o.type + 1);
    }
    crdt_buf_clear(&from);
    return sum;
}

void command_crdt_digest(call *c)
{
    char text[40];
    if (c->count > 2) {
        call_wrong_arity(c);
        return;
    }
    crdt_digest d = c->count == 1 ? gossip_engine_digest(c->node->engine)
                                  : digest_of(c->node->store, c->args[1]);
    snprintf(text, sizeof text, "%016" PRIx64 "%016" PRIx64, d.hi, d.lo);
    reply_text(c->reply, text);
}

/* -- CRDT.PEER --------------------------------------------------------------------------------- */

static bool gossips(call *c)
{
    if (c->node->nng != NULL) return true;
    call_error(c, "ERR this node does not gossip: start concurd with --gossip");
    return false;
}

static bool is_address(crdt_view word)
{
    static const char *const schemes[] = {"tcp://", "tls+tcp://", "ipc://", "inproc://"};
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        size_t size = strlen(schemes[i]);
        if (word.size > size && memcmp(word.data, schemes[i], size) == 0) return true;
    }
    return false;
}

static void peer_add(call *c)
{
    gossip_peer peer;
    if (!gossips(c)) return;
    if (!is_address(c->args[2])) {
        call_error(c, "ERR a peer's address looks like tcp://10.0.0.2:17379");
        return;
    }
    crdt_err err = gossip_engine_add_peer(c->node->engine, c->args[2], &peer);
    if (err == CRDT_ELIMIT) {
        call_error(c, "ERR too many peers, or an address of more than 255 bytes");
    } else if (!call_fails(c, err)) {
        node_log(LOG_INFO, "peer added by a client", "address=%.*s client=%" PRIu64,
                 (int)c->args[2].size, (const char *)c->args[2].data, c->client->id);
        node_touch(c->node);
        reply_ok(c->reply);
    }
}

static void peer_forget(call *c)
{
    gossip_peer_info info;
    char             address[GOSSIP_ADDRESS_MAX];
    if (!gossips(c)) return;
    if (!peers_find(c->node, c->args[2], &info)) {
        call_error(c, "ERR no such peer: CRDT.PEERS lists their addresses and node ids");
        return;
    }
    crdt_view kept = crdt_view_of(address, info.address.size);
    if (kept.size > 0) memcpy(address, info.address.data, kept.size);
    if (call_fails(c, gossip_engine_forget_peer(c->node->engine, info.handle))) return;
    gossip_nng_forget(c->node->nng, kept);
    node_log(LOG_INFO, "peer forgotten by a client", "address=%.*s client=%" PRIu64, (int)kept.size,
             address, c->client->id);
    node_touch(c->node);
    reply_ok(c->reply);
}

const command crdt_peer_commands[] = {
    {"crdt.peer|add", peer_add, 3, COMMAND_ADMIN | COMMAND_OURS, 0, 0, 0, "crdt", "address",
     "Gossip with the node at this address, too.", NULL, NULL},
    {"crdt.peer|forget", peer_forget, 3, COMMAND_ADMIN | COMMAND_OURS, 0, 0, 0, "crdt", "peer",
     "A peer (address or node id) is gone for good; what it wrote stays.", NULL, NULL},
    {"crdt.peer|help", call_help, 2, COMMAND_OURS, 0, 0, 0, "crdt", "", "Prints this help.", NULL,
     NULL},
    {.name = NULL},
};
