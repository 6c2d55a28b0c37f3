/* core/topology.c: whom to have a link with, of all the peers that are known.
 *
 * Who wants a link dials; whoever is dialled accepts. Peers whose node id is not known yet are
 * dialled to learn it, where the topology goes by ids; there a link that turns out not to be wanted
 * is ended. If the other side wants it, it dials again, and the link lasts longer each time.
 */
#include "gossip/core/peers.h"

#define AWAY 3u /* HELLOs without an answer: others take its place, while it is dialled still */
#define PATIENCE_MAX_US 600000000u

static bool is_there(const gossip__peer *peer)
{
    return peer != NULL && !peer->itself && !peer->gone;
}

static bool is_away(const gossip__peer *peer)
{
    return peer->link == 0 && peer->dials >= AWAY;
}

/* The distance from this node's id upwards around the ring of all ids; downwards with `back`. */
static uint64_t distance(const gossip_engine *engine, uint64_t node, bool back)
{
    uint64_t up = node - engine->config.node;
    return back ? 0 - up : up;
}

/* The nearest that is not away, and whoever is nearer: those are dialled for the day they return.
 * */
static void want_neighbours(gossip_engine *engine, bool back)
{
    struct gossip__links *links = engine->links;
    uint64_t              nearest = UINT64_MAX;
    for (size_t i = 0; i < links->peers_count; i++) {
        const gossip__peer *peer = links->peers[i];
        if (!is_there(peer) || peer->node == 0 || is_away(peer)) continue;
        uint64_t far = distance(engine, peer->node, back);
        if (far < nearest) nearest = far;
    }
    for (size_t i = 0; i < links->peers_count; i++) {
        gossip__peer *peer = links->peers[i];
        if (!is_there(peer)) continue;
        if (peer->node == 0 || distance(engine, peer->node, back) <= nearest) peer->wants = true;
    }
}

static uint64_t find_hub(const gossip_engine *engine)
{
    const struct gossip__links *links = engine->links;
    uint64_t                    hub = engine->config.node;
    if (engine->config.hub != 0) return engine->config.hub;
    for (size_t i = 0; i < links->peers_count; i++) {
        const gossip__peer *peer = links->peers[i];
        if (!is_there(peer) || peer->node == 0 || is_away(peer)) continue;
        if (peer->node < hub) hub = peer->node;
    }
    return hub;
}

static void want_hub(gossip_engine *engine)
{
    struct gossip__links *links = engine->links;
    uint64_t              hub = find_hub(engine);
    for (size_t i = 0; i < links->peers_count; i++) {
        gossip__peer *peer = links->peers[i];
        if (!is_there(peer)) continue;
        bool least = engine->config.hub == 0 && peer->node < hub; /* it is away: should it return */
        peer->wants = hub == engine->config.node || peer->node == hub || peer->node == 0 || least;
    }
}

/* Of many, a few at random: those that there are, then others. Half of what lacks is dialled at a
 * time, for others dial this node meanwhile. */
static void want_some(gossip_engine *engine)
{
    struct gossip__links *links = engine->links;
    uint32_t              active = engine->config.active_links, lacking, dialled = 0;
    for (size_t i = 0; i < links->peers_count; i++) {
        gossip__peer *peer = links->peers[i];
        if (!is_there(peer)) continue;
        if (peer->link != 0) peer->wants = true;
        else if (peer->wanted && !is_away(peer)) {
            peer->wants = true;
            dialled++;
        }
    }
    if (links->linked + dialled >= active) return;
    lacking = active - links->linked;
    uint32_t most = (lacking + 1) / 2;
    for (uint32_t tries = 0; dialled < most && tries < 4 * active; tries++) {
        gossip__peer *peer = links->peers[gossip__random(engine) % links->peers_count];
        if (!is_there(peer) || peer->wants || peer->address.size == 0) continue;
        if (is_away(peer) && tries % 4 != 3) continue; /* those that are away now and then */
        peer->wants = true;
        dialled++;
    }
}

static void want_all(gossip_engine *engine)
{
    struct gossip__links *links = engine->links;
    for (size_t i = 0; i < links->peers_count; i++) {
        gossip__peer *peer = links->peers[i];
        if (!is_there(peer)) continue;
        peer->wants = engine->config.topology != GOSSIP_EXPLICIT || peer->configured;
    }
}

gossip_time gossip__unwanted_at(const gossip_engine *engine, const gossip__peer *peer)
{
    gossip_topology topology = engine->config.topology;
    bool            by_ids = topology == GOSSIP_RING || topology == GOSSIP_STAR;
    return peer->wanted || !by_ids ? GOSSIP_NEVER : peer->begun + peer->patience;
}

static void apply(gossip_engine *engine, gossip__peer *peer)
{
    peer->wanted = peer->wants;
    if (peer->wanted && peer->link == 0 && peer->dial_at == GOSSIP_NEVER) {
        gossip__dial(engine, peer, engine->now);
    }
    if (!peer->wanted && peer->link == 0) peer->dial_at = GOSSIP_NEVER;
    if (peer->wanted) peer->patience = engine->config.timeout_us;
    if (peer->link == 0 || engine->now < gossip__unwanted_at(engine, peer)) return;
    gossip__unlink(engine, peer, false);
    peer->patience *= 8;
    if (peer->patience > PATIENCE_MAX_US) peer->patience = PATIENCE_MAX_US;
}

void gossip__topology(gossip_engine *engine)
{
    struct gossip__links *links = engine->links;
    uint32_t              known = 0;
    if (!links->topology_due) return;
    links->topology_due = false;
    for (size_t i = 0; i < links->peers_count; i++) {
        gossip__peer *peer = links->peers[i];
        if (peer != NULL) peer->wants = false;
        known += is_there(peer);
    }
    switch (engine->config.topology) {
    case GOSSIP_RING:
        want_neighbours(engine, false);
        want_neighbours(engine, true);
        break;
    case GOSSIP_STAR: want_hub(engine); break;
    case GOSSIP_MESH:
        if (known > engine->config.mesh_max) {
            want_some(engine);
            break;
        }
        want_all(engine);
        break;
    case GOSSIP_EXPLICIT: want_all(engine); break;
    }
    for (size_t i = 0; i < links->peers_count; i++) {
        if (links->peers[i] != NULL) apply(engine, links->peers[i]);
    }
    links->topology_due = false; /* by what was just undone */
}
