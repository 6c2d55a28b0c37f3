/* core/making.c: a snapshot of what is held at one moment, at once or in slices.
 *
 * In slices it is still that of the moment at which it was begun (rule R9: C0), byte for byte: the
 * store puts aside what changes before its turn (crdt_store_save_begin). One is made at a time, for
 * the disk or for peers.
 */
#include <string.h>

#include "gossip/core/links.h"
#include "gossip/snapshot.h"

#define SLICE_OBJECTS 4096u

/* -- Making one -------------------------------------------------------------------------------- */

/* Who has a floor, in order of ids. NULL: out of memory. */
static uint32_t *in_order(gossip_engine *engine, uint32_t *ret_count)
{
    uint32_t *order = gossip__alloc(engine, (engine->replicas_count + 1) * sizeof *order),
             count = 0;
    if (order == NULL) return NULL;
    for (uint32_t who = 0; who < engine->replicas_count; who++) {
        const gossip__replica *r = &engine->replicas[who];
        if (r->delivered > 0 || r->succeeded) order[count++] = who;
    }
    uint32_t gap = 1;
    while (gap < count / 3) gap = gap * 3 + 1;
    for (; gap > 0; gap /= 3) {
        for (uint32_t i = gap; i < count; i++) {
            uint32_t who = order[i], at = i;
            uint64_t id = engine->replicas[who].id;
            for (; at >= gap && engine->replicas[order[at - gap]].id > id; at -= gap) {
                order[at] = order[at - gap];
            }
            order[at] = who;
        }
    }
    *ret_count = count;
    return order;
}

/* Fills one floor; its past goes to *at, in order of ids. */
static void put_floor(const gossip_engine *engine, const uint32_t *order, uint32_t count,
                      uint32_t who, gossip_floor *floor, crdt_dot **at)
{
    const gossip__replica *r = &engine->replicas[who];
    memset(floor, 0, sizeof *floor);
    floor->replica = r->id;
    floor->seq = r->delivered;
    floor->ms = r->ms;
    floor->tag = r->tag;
    floor->succeeded = r->succeeded;
    floor->past = *at;
    for (uint32_t i = 0; i < count && r->delivered > 0; i++) {
        uint64_t seq = gossip__vec_at(&r->past, order[i]);
        if (seq == 0) continue;
        (*at)->replica = engine->replicas[order[i]].id;
        (*at)->seq = seq;
        (*at)++;
        floor->past_count++;
    }
}

static size_t past_dots(const gossip_engine *engine)
{
    size_t dots = 0;
    for (uint32_t who = 0; who < engine->replicas_count; who++) {
        const gossip__vec *past = &engine->replicas[who].past;
        for (uint32_t i = 0; i < past->count; i++) dots += past->seq[i] > 0;
    }
    return dots;
}

/* All that precedes the store's bytes. Errors: ENOMEM, ELIMIT. */
static crdt_err put_head(gossip_engine *engine, crdt_buf *out)
{
    uint32_t  count = 0;
    uint32_t *order = in_order(engine, &count);
    if (order == NULL) return CRDT_ENOMEM;
    size_t        order_bytes = (engine->replicas_count + 1) * sizeof *order;
    size_t        dots = past_dots(engine), bytes = count * sizeof(gossip_floor);
    size_t        all = bytes + (dots + 1) * sizeof(crdt_dot);
    gossip_floor *floors = gossip__alloc(engine, all);
    crdt_err      err = floors == NULL ? CRDT_ENOMEM : CRDT_OK;
    if (err == CRDT_OK) {
        crdt_dot *at = (crdt_dot *)(void *)((unsigned char *)floors + bytes);
        for (uint32_t i = 0; i < count; i++) {
            put_floor(engine, order, count, order[i], &floors[i], &at);
        }
        err = gossip_snapshot_head(floors, count, out);
    }
    gossip__release(engine, floors, all);
    gossip__release(engine, order, order_bytes);
    return err;
}

crdt_err gossip_engine_snapshot(gossip_engine *engine, crdt_buf *out)
{
    size_t start = out->size;
    if (engine->writing) return CRDT_EBUSY;
    crdt_err err = put_head(engine, out);
    if (err == CRDT_OK) err = crdt_store_encode(engine->store, out);
    if (err == CRDT_OK) {
        err = gossip_snapshot_tail(crdt_digest_of(out->data + start, out->size - start), out);
    }
    if (err != CRDT_OK && out->size > start) out->size = start;
    return err;
}

/* -- In slices --------------------------------------------------------------------------------- */

static crdt_err begin_store(gossip_engine *engine, gossip__making *making, crdt_buf *out)
{
    crdt_err err = CRDT_ETYPE;
    if (!making->at_once) err = crdt_store_save_begin(engine->store, out);
    making->slices = err == CRDT_OK;
    return err == CRDT_ETYPE ? crdt_store_encode(engine->store, out) : err;
}

crdt_err gossip__making_begin(gossip_engine *engine, gossip__maker maker, crdt_buf *out)
{
    gossip__making *making = &engine->making;
    if (engine->writing || making->maker != GOSSIP__NO_MAKER) return CRDT_EBUSY;
    making->start = making->summed = out->size;
    crdt_err err = put_head(engine, out);
    if (err == CRDT_OK) err = begin_store(engine, making, out);
    if (err != CRDT_OK) {
        if (out->size > making->start) out->size = making->start;
        return err;
    }
    making->maker = maker;
    making->position = engine->log.end;
    crdt_digester_init(&making->sum);
    return CRDT_OK;
}

void gossip__making_end(gossip_engine *engine)
{
    if (engine->making.maker == GOSSIP__NO_MAKER) return;
    engine->making.maker = GOSSIP__NO_MAKER;
    crdt_store_save_end(engine->store);
}

static void sum_up(gossip__making *making, const crdt_buf *out)
{
    crdt_digester_add(&making->sum, out->data + making->summed, out->size - making->summed);
    making->summed = out->size;
}

crdt_err gossip__making_slice(gossip_engine *engine, crdt_buf *out, bool *ret_done)
{
    gossip__making *making = &engine->making;
    crdt_err        err = CRDT_OK;
    if (engine->writing) return CRDT_EBUSY;
    *ret_done = true;
    if (making->slices) {
        err = crdt_store_save_slice(engine->store, SLICE_OBJECTS, engine->config.chunk_bytes, out,
                                    ret_done);
    }
    if (err == CRDT_OK) {
        sum_up(making, out);
        if (*ret_done) err = gossip_snapshot_tail(crdt_digester_sum(&making->sum), out);
    }
    if (err != CRDT_OK) {
        making->at_once = err == CRDT_EINVAL; /* the store cannot do it in slices now */
        out->size = making->start;
        gossip__making_end(engine);
        return CRDT_ENOMEM;
    }
    if (!*ret_done) return CRDT_OK;
    sum_up(making, out);
    making->at_once = false;
    gossip__making_end(engine);
    return CRDT_OK;
}

crdt_err gossip_engine_snapshot_begin(gossip_engine *engine, crdt_buf *out, uint64_t *ret_position)
{
    crdt_err err = gossip__making_begin(engine, GOSSIP__FOR_DRIVER, out);
    if (err == CRDT_OK) *ret_position = engine->making.position;
    return err;
}

crdt_err gossip_engine_snapshot_slice(gossip_engine *engine, crdt_buf *out, bool *ret_done)
{
    if (engine->making.maker != GOSSIP__FOR_DRIVER) return CRDT_EINVAL;
    return gossip__making_slice(engine, out, ret_done);
}

void gossip_engine_snapshot_end(gossip_engine *engine)
{
    if (engine->making.maker == GOSSIP__FOR_DRIVER) gossip__making_end(engine);
}
