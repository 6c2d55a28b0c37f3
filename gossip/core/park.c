/* core/park.c: entries that came before what they depend on: bounded, by what they wait for. */
#include <string.h>

#include "gossip/core/impl.h"

static gossip__waiting **slot_of(const gossip__parked *parked, uint32_t who, uint64_t seq)
{
    uint64_t hash = (seq * 64 + who) * UINT64_C(0x9e3779b97f4a7c15);
    return &parked->slots[(size_t)(hash >> 40) & (parked->slots_count - 1)];
}

static crdt_err make_slots(gossip_engine *engine)
{
    gossip__parked *parked = &engine->parked;
    if (parked->slots != NULL) return CRDT_OK;
    size_t            count = 1024;
    gossip__waiting **slots = gossip__alloc(engine, count * sizeof *slots);
    if (slots == NULL) return CRDT_ENOMEM;
    memset(slots, 0, count * sizeof *slots);
    parked->slots = slots;
    parked->slots_count = count;
    return CRDT_OK;
}

static gossip__waiting *copy_of(gossip_engine *engine, const gossip_entry *entry)
{
    size_t deps = entry->deps_count * sizeof *entry->deps;
    size_t bytes = sizeof(gossip__waiting) + deps + entry->control.size + entry->body.size;
    gossip__waiting *w = gossip__alloc(engine, bytes);
    if (w == NULL) return NULL;
    unsigned char *at = (unsigned char *)(w + 1);
    w->entry = *entry;
    w->bytes = bytes;
    w->entry.deps = (crdt_dot *)(void *)at;
    if (deps > 0) memcpy(at, entry->deps, deps);
    at += deps;
    w->entry.control.data = at;
    if (entry->control.size > 0) memcpy(at, entry->control.data, entry->control.size);
    at += entry->control.size;
    w->entry.body.data = at;
    if (entry->body.size > 0) memcpy(at, entry->body.data, entry->body.size);
    return w;
}

crdt_err gossip__park(gossip_engine *engine, const gossip_entry *entry, uint32_t tag_before,
                      gossip_peer from, uint32_t who, uint64_t seq)
{
    gossip__parked *parked = &engine->parked;
    crdt_err        err = make_slots(engine);
    if (err != CRDT_OK) return err;
    gossip__waiting **slot = slot_of(parked, who, seq);
    for (const gossip__waiting *w = *slot; w != NULL; w = w->next) {
        if (w->wait_who == who && w->wait_seq == seq && w->entry.replica == entry->replica &&
            w->entry.first == entry->first && w->tag_before == tag_before) {
            return CRDT_OK;
        }
    }
    size_t bytes = sizeof(gossip__waiting) + entry->body.size + entry->control.size +
                   entry->deps_count * sizeof *entry->deps;
    if (parked->count >= engine->config.parked_entries ||
        parked->bytes + bytes > engine->config.parked_bytes) {
        parked->dropped++;
        return CRDT_ELIMIT;
    }
    gossip__waiting *w = copy_of(engine, entry);
    if (w == NULL) return CRDT_ENOMEM;
    w->wait_who = who;
    w->wait_seq = seq;
    w->tag_before = tag_before;
    w->from = from;
    w->next = *slot;
    *slot = w;
    w->newer = NULL;
    w->older = parked->newest;
    if (parked->newest != NULL) parked->newest->newer = w;
    else parked->oldest = w;
    parked->newest = w;
    parked->count++;
    parked->bytes += w->bytes;
    return CRDT_OK;
}

static void take_out(gossip__parked *parked, gossip__waiting *w)
{
    gossip__waiting **at = slot_of(parked, w->wait_who, w->wait_seq);
    while (*at != w) at = &(*at)->next;
    *at = w->next;
    if (w->older != NULL) w->older->newer = w->newer;
    else parked->oldest = w->newer;
    if (w->newer != NULL) w->newer->older = w->older;
    else parked->newest = w->older;
    parked->count--;
    parked->bytes -= w->bytes;
}

gossip__waiting *gossip__unpark(gossip_engine *engine, uint32_t who, uint64_t seq)
{
    gossip__parked *parked = &engine->parked;
    if (parked->count == 0) return NULL;
    gossip__waiting *w = *slot_of(parked, who, seq);
    while (w != NULL && (w->wait_who != who || w->wait_seq != seq)) w = w->next;
    if (w != NULL) take_out(parked, w);
    return w;
}

gossip__waiting *gossip__unpark_ready(gossip_engine *engine)
{
    gossip__waiting *w = engine->parked.oldest;
    while (w != NULL && engine->replicas[w->wait_who].delivered < w->wait_seq) w = w->newer;
    if (w != NULL) take_out(&engine->parked, w);
    return w;
}

void gossip__waiting_free(gossip_engine *engine, gossip__waiting *waiting)
{
    gossip__release(engine, waiting, waiting->bytes);
}

void gossip__parked_free(gossip_engine *engine)
{
    gossip__parked *parked = &engine->parked;
    for (gossip__waiting *w = parked->oldest, *newer; w != NULL; w = newer) {
        newer = w->newer;
        gossip__waiting_free(engine, w);
    }
    gossip__release(engine, parked->slots, parked->slots_count * sizeof *parked->slots);
}
