/* peers.c: see peers.h. */
#include "node/peers.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "node/diff.h"
#include "node/log.h"

static bool is_self(const node *n, const char *address)
{
    return strcmp(address, n->config.gossip) == 0 || strcmp(address, n->config.advertise) == 0 ||
           (n->nng != NULL && strcmp(address, gossip_nng_url(n->nng)) == 0);
}

bool peers_open(node *n, char ret_problem[512])
{
    for (size_t i = 0; i < n->config.peer_count && n->nng != NULL; i++) {
        const char *address = n->config.peers[i];
        gossip_peer peer;
        if (is_self(n, address)) continue; /* one list of peers can serve all nodes */
        crdt_err err = gossip_engine_add_peer(n->engine, crdt_text_view(address), &peer);
        if (err == CRDT_OK) continue;
        snprintf(ret_problem, 512, "peer %s: %s", address, crdt_err_text(err));
        return false;
    }
    return true;
}

/* -- Looking them up --------------------------------------------------------------------------- */

static bool parse_id(crdt_view word, uint64_t *ret_id)
{
    const char *at = word.data;
    *ret_id = 0;
    if (word.size != 16) return false;
    for (size_t i = 0; i < 16; i++) {
        static const char digits[] = "0123456789abcdef";
        const char       *digit = memchr(digits, at[i], 16);
        if (digit == NULL) return false;
        *ret_id = *ret_id << 4 | (uint64_t)(digit - digits);
    }
    return true;
}

bool peers_find(const node *n, crdt_view word, gossip_peer_info *ret_info)
{
    uint64_t id;
    bool     by_id = parse_id(word, &id);
    for (size_t i = 0; gossip_engine_peer(n->engine, i, ret_info); i++) {
        if (by_id && ret_info->node == id) return true;
        if (crdt_view_compare(ret_info->address, word) == 0) return true;
    }
    return false;
}

crdt_view peers_author(const node *n, uint64_t replica)
{
    gossip_peer_info info;
    if (replica == crdt_store_replica(n->store)) return crdt_text_view("here");
    for (size_t i = 0; gossip_engine_peer(n->engine, i, &info); i++) {
        if (info.replica == replica) return info.address;
    }
    return crdt_text_view("elsewhere");
}

const char *peers_state(const gossip_peer_info *info)
{
    if (info->quarantined) return "quarantined";
    if (info->linked) return "linked";
    if (info->node == 0) return "unmet";
    if (!info->wanted) return "indirect";
    return info->heard == 0 ? "known" : "lost";
}

int64_t peers_heard_ms(const node *n, const gossip_peer_info *info)
{
    if (info->heard == 0) return -1;
    return info->heard > n->now ? 0 : (int64_t)((n->now - info->heard) / 1000);
}

uint64_t peers_lag_ms(const node *n, const gossip_peer_info *info)
{
    return info->lacks == 0 || info->lacks_ms > n->ms ? 0 : n->ms - info->lacks_ms;
}

/* -- Notices ----------------------------------------------------------------------------------- */

/* What is said about each of them, and how loudly. */
static const struct words {
    node_level  level;
    const char *event;
} words[] = {
    [GOSSIP_PEER_UP] = {LOG_INFO, "peer linked"},
    [GOSSIP_PEER_DOWN] = {LOG_WARN, "peer lost"},
    [GOSSIP_PEER_LEARNED] = {LOG_INFO, "peer learned"},
    [GOSSIP_FORKED] = {LOG_ERROR, "two histories of one replica: the peer's is not taken in"},
    [GOSSIP_CLONED] = {LOG_ERROR, "this node's replica id is written elsewhere (a copied data "
                                  "directory?): writes are refused until a restart"},
    [GOSSIP_REMINTED] = {LOG_WARN, "peers know more of this replica than its own disk: it goes on "
                                   "as another"},
    [GOSSIP_POISONED] = {LOG_ERROR, "an entry cannot be joined: it is put aside"},
    [GOSSIP_UNEQUAL] = {LOG_ERROR, "equal histories, different content: what differs is repaired"},
    [GOSSIP_REPAIRED] = {LOG_WARN, "a damaged object was replaced by the peer's"},
    [GOSSIP_FAR_FUTURE] = {LOG_WARN, "a stamp far in the future: look at the clock of its author"},
    [GOSSIP_SNAPSHOT_IN] = {LOG_INFO, "a snapshot was taken in"},
    [GOSSIP_DROPPED] = {LOG_DEBUG, "an early entry was dropped: it will be fetched again"},
};

static crdt_view address_of(const node *n, gossip_peer peer)
{
    gossip_peer_info info;
    for (size_t i = 0; gossip_engine_peer(n->engine, i, &info); i++) {
        if (info.handle == peer) return info.address;
    }
    return crdt_text_view("none");
}

/* What a notice tells of, as key=value pairs. */
static void describe(const node *n, const gossip_action *a, char out[640])
{
    char      name[280];
    crdt_view peer = address_of(n, a->peer);
    size_t used = (size_t)snprintf(out, 640, "peer=%.*s", (int)peer.size, (const char *)peer.data);
    if (a->dot.replica != 0) {
        used += (size_t)snprintf(out + used, 640 - used, " replica=%016" PRIx64, a->dot.replica);
    }
    if (a->dot.seq != 0) {
        used += (size_t)snprintf(out + used, 640 - used, " seq=%" PRIu64, a->dot.seq);
    }
    if (a->err != CRDT_OK) {
        used += (size_t)snprintf(out + used, 640 - used, " error=%s", crdt_err_name(a->err));
    }
    if (a->name.size > 0 && crdt_view_compare(a->name, peer) != 0) {
        snprintf(out + used, 640 - used, " key=%s", node_log_quote(a->name, name));
    }
}

static void log_notice(const node *n, const gossip_action *a)
{
    char   text[640];
    size_t known = sizeof words / sizeof words[0];
    if (a->notice >= known || words[a->notice].event == NULL) return;
    if (!node_logs(words[a->notice].level)) return;
    describe(n, a, text);
    node_log(words[a->notice].level, words[a->notice].event, "%s", text);
}

void peers_take_notices(node *n)
{
    gossip_action a;
    while (gossip_driver_notice(n->driver, &a)) {
        if (a.notice < sizeof n->totals.notices / sizeof n->totals.notices[0]) {
            n->totals.notices[a.notice]++;
        }
        if (a.notice == GOSSIP_DIFFERS) diff_note(n, &a);
        else if (a.notice == GOSSIP_COMPARED) diff_end(n, a.count, a.err);
        else log_notice(n, &a);
    }
}

void peers_take_transport(node *n)
{
    char text[256];
    while (n->nng != NULL && gossip_nng_notice(n->nng, text)) {
        node_log(LOG_WARN, "transport", "what=\"%s\"", text);
    }
}
