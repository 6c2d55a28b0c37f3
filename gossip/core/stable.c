/* core/stable.c: what each replica had seen when it made its last entry, and the stable cut.
 *
 * An entry of a member proves that this member held the entry's causal past, on disk, when it was
 * made. The cut is the least of these pasts over all members, by entries delivered here (rule R1):
 * never by acknowledgements of links, which can overtake entries.
 */
#include "gossip/core/impl.h"

/* Room in the past of `who` for every replica that there is. */
crdt_err gossip__past_reserve(gossip_engine *engine, uint32_t who)
{
    gossip__vec *past = &engine->replicas[who].past;
    if (past->count >= engine->replicas_count) return CRDT_OK;
    return gossip__vec_raise(engine, past, engine->replicas_count - 1, 0);
}

static void raise_reserved(gossip__vec *past, uint32_t who, uint64_t seq)
{
    if (past->seq[who] < seq) past->seq[who] = seq;
}

void gossip__past_add(gossip_engine *engine, uint32_t who, const gossip_entry *entry)
{
    gossip__vec *past = &engine->replicas[who].past;
    for (uint32_t i = 0; i < entry->deps_count; i++) {
        raise_reserved(past, gossip__find(engine, entry->deps[i].replica), entry->deps[i].seq);
    }
    raise_reserved(past, who, entry->last);
}

crdt_err gossip_engine_stable(const gossip_engine *engine, crdt_context *ret_cut)
{
    uint32_t count = engine->replicas_count;
    crdt_err err = crdt_context_reserve(ret_cut, count);
    if (err != CRDT_OK) return err;
    for (uint32_t who = 0; who < count; who++) {
        uint64_t least = engine->replicas[who].held;
        for (uint32_t m = 0; m < count && least > 0; m++) {
            const gossip__replica *member = &engine->replicas[m];
            if (!member->member) continue;
            uint64_t seen = gossip__vec_at(&member->past, who);
            if (seen < least) least = seen;
        }
        if (least == 0) continue;
        crdt_run run = {engine->replicas[who].id, 1, least};
        crdt_context_add_reserved(ret_cut, run);
    }
    return CRDT_OK;
}

uint64_t gossip_engine_heard_ms(const gossip_engine *engine)
{
    uint64_t least = UINT64_MAX;
    for (uint32_t who = 0; who < engine->replicas_count; who++) {
        const gossip__replica *r = &engine->replicas[who];
        if (r->member && who != engine->self && r->ms < least) least = r->ms;
    }
    return least;
}
