/* wire_vector.c: what is known of each replica. See wire_impl.h and docs/WIRE.md.
 *
 * Shape    the field `vector`: varint number of components; each, ascending by replica id:
 *              varint   index of the replica, from the one before
 *              varint   sequence number
 *              4 bytes  chain tag
 *          Components that the entries of the message tell (wire_entries.c) are left out.
 */
#include "gossip/wire_impl.h"

#define COMPONENT_BYTES_MIN 6u

const gossip_known *gossip__vector_find(const gossip_vector *vector, uint64_t replica)
{
    uint32_t from = 0, to = vector->count;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        if (vector->known[middle].replica < replica) from = middle + 1;
        else to = middle;
    }
    return from < vector->count && vector->known[from].replica == replica ? &vector->known[from]
                                                                          : NULL;
}

static crdt_err check(const gossip_vector *vector)
{
    uint64_t before = 0;
    if (vector->base > vector->version) return CRDT_EINVAL;
    if (vector->version == 0 && vector->count > 0) return CRDT_EINVAL;
    if (vector->count > GOSSIP_IDS_MAX) return CRDT_ELIMIT;
    for (uint32_t i = 0; i < vector->count; i++) {
        const gossip_known *known = &vector->known[i];
        if (known->replica <= before || known->seq == 0 || known->seq > CRDT_SEQ_MAX) {
            return CRDT_EINVAL;
        }
        before = known->replica;
    }
    return CRDT_OK;
}

crdt_err gossip__vector_put(gossip_codec *codec, const gossip_vector *vector,
                            const gossip_origin *told, uint32_t told_count, crdt_buf *out)
{
    int64_t  last = -1;
    uint32_t index, at = 0;
    crdt_err err = check(vector);
    if (err || vector->count == told_count) return err;
    crdt_buf_varint(out, vector->count - told_count);
    for (uint32_t i = 0; i < vector->count; i++) {
        const gossip_known *known = &vector->known[i];
        if (at < told_count && told[at].replica == known->replica) {
            at++;
            continue;
        }
        err = gossip__dict_use(codec, known->replica, &index);
        if (err) return err;
        gossip__put_index(out, index, &last);
        crdt_buf_varint(out, known->seq);
        gossip__put32(out, known->tag);
    }
    return crdt_buf_status(out);
}

void gossip__vector_get(gossip_vector *vector, const gossip__defs *defs, gossip__arena *arena,
                        crdt_dec *dec)
{
    int64_t       last = -1;
    uint64_t      before = 0;
    size_t        count = crdt_dec_count(dec, COMPONENT_BYTES_MIN, "impossible size of a vector");
    gossip_known *known = gossip__arena_get(arena, dec, count, sizeof *known);
    for (size_t i = 0; i < count && dec->err == CRDT_OK; i++) {
        uint32_t index = gossip__get_index(dec, &last);
        known[i].replica = gossip__defs_id(defs, dec, index);
        known[i].seq = crdt_dec_varint(dec);
        known[i].tag = gossip__get32(dec);
        if (dec->err) return;
        if (known[i].replica <= before) gossip__malformed(dec, "replicas of a vector out of order");
        if (known[i].seq == 0 || known[i].seq > CRDT_SEQ_MAX) {
            gossip__malformed(dec, "impossible sequence number in a vector");
        }
        before = known[i].replica;
    }
    vector->known = known;
    vector->count = dec->err ? 0 : (uint32_t)count;
}
