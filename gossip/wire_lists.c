/* wire_lists.c: types and peers of HELLO, digests of objects. See wire_impl.h and docs/WIRE.md.
 *
 * Shape    types, until the field ends, ascending by id:
 *              varint   id, less the one before and 1 (the first: as it is); varint format
 *          peers, until the field ends: varint size, the bytes
 *          digests, until the field ends:
 *              varint   size of the name, its bytes; varint type; 16 bytes digest, low half first
 */
#include "gossip/wire_impl.h"

crdt_err gossip__hello_check(const gossip_hello *hello)
{
    if (hello->version_min > hello->version_max) return CRDT_EINVAL;
    if (hello->address.size > GOSSIP_ADDRESS_MAX) return CRDT_ELIMIT;
    if (hello->types_count > GOSSIP_TYPES_MAX) return CRDT_ELIMIT;
    if (hello->peers_count > GOSSIP_PEERS_MAX) return CRDT_ELIMIT;
    for (uint32_t i = 1; i < hello->types_count; i++) {
        if (hello->types[i].id <= hello->types[i - 1].id) return CRDT_EINVAL;
    }
    for (uint32_t i = 0; i < hello->peers_count; i++) {
        if (hello->peers[i].size == 0) return CRDT_EINVAL;
        if (hello->peers[i].size > GOSSIP_ADDRESS_MAX) return CRDT_ELIMIT;
    }
    return CRDT_OK;
}

void gossip__types_put(const gossip_hello *hello, crdt_buf *out)
{
    uint32_t next = 0;
    for (uint32_t i = 0; i < hello->types_count; i++) {
        crdt_buf_varint(out, hello->types[i].id - next);
        crdt_buf_varint(out, hello->types[i].format);
        next = hello->types[i].id + 1u;
    }
}

void gossip__types_get(gossip_hello *hello, gossip__arena *arena, crdt_dec *dec)
{
    size_t   most = crdt_dec_left(dec) / 2, count = 0;
    uint64_t next = 0;
    if (most > GOSSIP_TYPES_MAX) most = GOSSIP_TYPES_MAX;
    gossip_type *types = gossip__arena_get(arena, dec, most, sizeof *types);
    while (crdt_dec_left(dec) > 0) {
        uint64_t ahead = crdt_dec_varint(dec), format = crdt_dec_varint(dec);
        if (ahead > UINT16_MAX - next || next > UINT16_MAX || format > UINT16_MAX) {
            gossip__malformed(dec, "impossible type or format");
        }
        if (count == GOSSIP_TYPES_MAX) crdt_dec_fail(dec, CRDT_ELIMIT, "too many types");
        if (dec->err) return;
        types[count].id = (uint16_t)(next + ahead);
        types[count++].format = (uint16_t)format;
        next += ahead + 1;
    }
    hello->types = types;
    hello->types_count = (uint32_t)count;
}

void gossip__peers_put(const gossip_hello *hello, crdt_buf *out)
{
    for (uint32_t i = 0; i < hello->peers_count; i++) crdt_buf_view(out, hello->peers[i]);
}

void gossip__peers_get(gossip_hello *hello, gossip__arena *arena, crdt_dec *dec)
{
    size_t most = crdt_dec_left(dec) / 2, count = 0;
    if (most > GOSSIP_PEERS_MAX) most = GOSSIP_PEERS_MAX;
    crdt_view *peers = gossip__arena_get(arena, dec, most, sizeof *peers);
    while (crdt_dec_left(dec) > 0) {
        crdt_view peer = crdt_dec_view(dec, GOSSIP_ADDRESS_MAX, "address of a peer too long");
        if (peer.size == 0) gossip__malformed(dec, "address of a peer is empty");
        if (count == GOSSIP_PEERS_MAX) crdt_dec_fail(dec, CRDT_ELIMIT, "too many peers");
        if (dec->err) return;
        peers[count++] = peer;
    }
    hello->peers = peers;
    hello->peers_count = (uint32_t)count;
}

/* -- Digests of objects ------------------------------------------------------------------------ */

crdt_err gossip__digests_check(const gossip_msg *msg)
{
    for (uint32_t i = 0; i < msg->digests_count; i++) {
        if (msg->digests[i].name.size > CRDT_NAME_BYTES_MAX) return CRDT_ELIMIT;
    }
    return CRDT_OK;
}

void gossip__digests_put(const gossip_msg *msg, crdt_buf *out)
{
    for (uint32_t i = 0; i < msg->digests_count; i++) {
        crdt_buf_view(out, msg->digests[i].name);
        crdt_buf_varint(out, msg->digests[i].type);
        gossip__put_digest(out, msg->digests[i].digest);
    }
}

void gossip__digests_get(gossip_msg *msg, gossip__arena *arena, crdt_dec *dec)
{
    crdt_dec probe = *dec;
    size_t   count = 0;
    for (; crdt_dec_left(&probe) > 0; count++) { /* so that no more is taken than is there */
        crdt_dec_view(&probe, CRDT_NAME_BYTES_MAX, "name of an object too long");
        crdt_dec_varint(&probe);
        crdt_dec_bytes(&probe, 16);
    }
    if (probe.err) {
        crdt_dec_fail(dec, probe.err, probe.reason);
        return;
    }
    gossip_object_digest *digests = gossip__arena_get(arena, dec, count, sizeof *digests);
    for (size_t i = 0; i < count && dec->err == CRDT_OK; i++) {
        digests[i].name = crdt_dec_view(dec, CRDT_NAME_BYTES_MAX, "name of an object too long");
        uint64_t type = crdt_dec_varint(dec);
        if (type > UINT16_MAX) gossip__malformed(dec, "impossible type");
        digests[i].type = (uint16_t)type;
        digests[i].digest = gossip__get_digest(dec);
    }
    msg->digests = digests;
    msg->digests_count = (uint32_t)count;
}
