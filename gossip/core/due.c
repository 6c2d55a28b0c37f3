/* core/due.c: for whom there is something to be done, and when for the others.
 *
 * A peer that is active is awake, in a ring in order of turns, or it sleeps, in a heap by when its
 * time comes. It is woken by whatever changes something about it, and falls asleep when the driver
 * has asked for all that there is for it. So what nobody waits for costs nothing.
 */
#include "gossip/core/peers.h"

/* -- The ring ---------------------------------------------------------------------------------- */

gossip__peer *gossip__awake(const gossip_engine *engine)
{
    return gossip__peer_get(engine, engine->links->awake_first);
}

gossip__peer *gossip__awake_after(const gossip_engine *engine, const gossip__peer *peer)
{
    return gossip__peer_get(engine, peer->awake_after);
}

static void put_last(gossip_engine *engine, gossip__peer *peer)
{
    struct gossip__links *links = engine->links;
    gossip__peer         *last = gossip__peer_get(engine, links->awake_last);
    peer->awake = true;
    peer->awake_before = links->awake_last;
    peer->awake_after = 0;
    if (last != NULL) last->awake_after = peer->handle;
    else links->awake_first = peer->handle;
    links->awake_last = peer->handle;
}

static void take_out(gossip_engine *engine, gossip__peer *peer)
{
    struct gossip__links *links = engine->links;
    gossip__peer         *before = gossip__peer_get(engine, peer->awake_before);
    gossip__peer         *after = gossip__peer_get(engine, peer->awake_after);
    if (before != NULL) before->awake_after = peer->awake_after;
    else links->awake_first = peer->awake_after;
    if (after != NULL) after->awake_before = peer->awake_before;
    else links->awake_last = peer->awake_before;
    peer->awake = false;
}

void gossip__turn_over(gossip_engine *engine, gossip__peer *peer)
{
    take_out(engine, peer);
    put_last(engine, peer);
}

/* -- The heap ---------------------------------------------------------------------------------- */

static void set(struct gossip__links *links, size_t at, gossip__peer *peer)
{
    links->heap[at] = peer;
    peer->heap_at = (uint32_t)at + 1;
}

static void sift_up(struct gossip__links *links, size_t at, gossip__peer *peer)
{
    for (; at > 0 && links->heap[(at - 1) / 2]->due > peer->due; at = (at - 1) / 2) {
        set(links, at, links->heap[(at - 1) / 2]);
    }
    set(links, at, peer);
}

static void sift_down(struct gossip__links *links, size_t at, gossip__peer *peer)
{
    for (size_t child; (child = 2 * at + 1) < links->heap_count; at = child) {
        if (child + 1 < links->heap_count &&
            links->heap[child + 1]->due < links->heap[child]->due) {
            child++;
        }
        if (links->heap[child]->due >= peer->due) break;
        set(links, at, links->heap[child]);
    }
    set(links, at, peer);
}

static void heap_remove(struct gossip__links *links, gossip__peer *peer)
{
    if (peer->heap_at == 0) return;
    size_t        at = peer->heap_at - 1;
    gossip__peer *last = links->heap[--links->heap_count];
    peer->heap_at = 0;
    if (last == peer) return;
    if (at > 0 && links->heap[(at - 1) / 2]->due > last->due) sift_up(links, at, last);
    else sift_down(links, at, last);
}

/* -- Both -------------------------------------------------------------------------------------- */

void gossip__wake(gossip_engine *engine, gossip__peer *peer)
{
    if (!peer->active || peer->awake) return;
    heap_remove(engine->links, peer);
    put_last(engine, peer);
}

void gossip__sleep(gossip_engine *engine, gossip__peer *peer, gossip_time due)
{
    struct gossip__links *links = engine->links;
    take_out(engine, peer);
    peer->due = due;
    if (due != GOSSIP_NEVER) sift_up(links, links->heap_count++, peer);
}

void gossip__wake_due(gossip_engine *engine)
{
    const struct gossip__links *links = engine->links;
    while (links->heap_count > 0 && links->heap[0]->due <= engine->now) {
        gossip__wake(engine, links->heap[0]);
    }
}

void gossip__wake_all(gossip_engine *engine)
{
    const struct gossip__links *links = engine->links;
    for (size_t i = 0; i < links->active_count; i++) {
        gossip__wake(engine, gossip__peer_get(engine, links->active[i]));
    }
}

gossip_time gossip__next_due(const gossip_engine *engine)
{
    const struct gossip__links *links = engine->links;
    return links->heap_count > 0 ? links->heap[0]->due : GOSSIP_NEVER;
}

void gossip__due_forget(gossip_engine *engine, gossip__peer *peer)
{
    if (peer->awake) take_out(engine, peer);
    heap_remove(engine->links, peer);
}
