/* wire_dict.c: replica ids as small numbers, one dictionary for each direction of a link. See
 * wire_impl.h and docs/WIRE.md.
 *
 * Shape    the field `ids`: runs of definitions, ascending, until the field ends. A run:
 *              varint   gap << 1 | 1 if it is the last: the run starts at the end of the one before
 *                       (0 at first) plus gap
 *              varint   number of ids, unless it is the last: then 8 bytes each until the end
 *              8 bytes  each id
 * Loss     an index is defined in each message that uses it until the receiver has acknowledged
 *          it, by a count of contiguous indices that it knows; so each message is understood alone.
 */
#include "gossip/wire_impl.h"

static void *grow(const crdt_mem *mem, void *p, uint32_t old_cap, uint32_t cap, size_t size)
{
    if (p == NULL) return mem->alloc(mem->user, cap * size);
    return mem->resize(mem->user, p, old_cap * size, cap * size);
}

static void release(const crdt_mem *mem, void *p, size_t size)
{
    if (p != NULL) mem->release(mem->user, p, size);
}

crdt_err gossip_codec_new(const crdt_mem *mem, gossip_codec **ret_codec)
{
    if (mem == NULL) mem = crdt_mem_default();
    gossip_codec *codec = mem->alloc(mem->user, sizeof *codec);
    if (codec == NULL) return CRDT_ENOMEM;
    memset(codec, 0, sizeof *codec);
    codec->mem = mem;
    *ret_codec = codec;
    return CRDT_OK;
}

void gossip_codec_free(gossip_codec *codec)
{
    if (codec == NULL) return;
    const crdt_mem *mem = codec->mem;
    release(mem, codec->out, codec->out_cap * sizeof *codec->out);
    release(mem, codec->order, codec->out_cap * sizeof *codec->order);
    release(mem, codec->in, codec->in_cap * sizeof *codec->in);
    release(mem, codec, sizeof *codec);
}

/* -- Encoding ---------------------------------------------------------------------------------- */

/* The place of the first id in order that is not less. */
static uint32_t place_of(const gossip_codec *codec, uint64_t id)
{
    uint32_t from = 0, to = codec->out_count;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        if (codec->out[codec->order[middle]].id < id) from = middle + 1;
        else to = middle;
    }
    return from;
}

static bool at_place(const gossip_codec *codec, uint32_t place, uint64_t id)
{
    return place < codec->out_count && codec->out[codec->order[place]].id == id;
}

static bool out_room(gossip_codec *codec)
{
    if (codec->out_count < codec->out_cap) return true;
    uint32_t        cap = codec->out_cap + codec->out_cap / 2 + 16;
    gossip__out_id *out =
        codec->mem->alloc(codec->mem->user, cap * sizeof *out); /* both, or neither */
    if (out == NULL) return false;
    uint32_t *order = grow(codec->mem, codec->order, codec->out_cap, cap, sizeof *order);
    if (order == NULL) {
        release(codec->mem, out, cap * sizeof *out);
        return false;
    }
    if (codec->out_count > 0) memcpy(out, codec->out, codec->out_count * sizeof *out);
    release(codec->mem, codec->out, codec->out_cap * sizeof *out);
    codec->out = out;
    codec->order = order;
    codec->out_cap = cap;
    return true;
}

void gossip__dict_begin(gossip_codec *codec)
{
    codec->message++;
}

crdt_err gossip__dict_use(gossip_codec *codec, uint64_t id, uint32_t *ret_index)
{
    uint32_t place = place_of(codec, id);
    if (!at_place(codec, place, id)) {
        if (codec->out_count == GOSSIP_IDS_MAX) return CRDT_ELIMIT;
        if (!out_room(codec)) return CRDT_ENOMEM;
        memmove(codec->order + place + 1, codec->order + place,
                (codec->out_count - place) * sizeof *codec->order);
        codec->order[place] = codec->out_count;
        codec->out[codec->out_count++].id = id;
    }
    *ret_index = codec->order[place];
    codec->out[*ret_index].used = codec->message;
    return CRDT_OK;
}

/* The next run of indices in [from, out_count) that this message must define. */
static uint32_t next_run(const gossip_codec *codec, uint32_t from, uint32_t *ret_count)
{
    uint32_t end, message = codec->message;
    while (from < codec->out_count && codec->out[from].used != message) from++;
    for (end = from; end < codec->out_count && codec->out[end].used == message;) end++;
    *ret_count = end - from;
    return from;
}

void gossip__dict_put(const gossip_codec *codec, crdt_buf *out)
{
    uint32_t count, more, end = 0, first = next_run(codec, codec->acked, &count);
    while (count > 0) {
        uint32_t next = next_run(codec, first + count, &more);
        crdt_buf_varint(out, (uint64_t)(first - end) << 1 | (more == 0));
        if (more > 0) crdt_buf_varint(out, count);
        for (end = first; end < first + count; end++) crdt_buf_u64(out, codec->out[end].id);
        first = next;
        count = more;
    }
}

void gossip__dict_undo(gossip_codec *codec, uint32_t count)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < codec->out_count; i++) {
        if (codec->order[i] < count) codec->order[kept++] = codec->order[i];
    }
    GOSSIP_ASSERT(kept == count);
    codec->out_count = count;
}

/* -- Decoding ---------------------------------------------------------------------------------- */

/* What the codec knows under the index; 0: nothing. */
static uint64_t known_id(const gossip_codec *codec, uint64_t index)
{
    return index < codec->in_cap ? codec->in[index] : 0;
}

static void get_run(gossip__defs *defs, crdt_dec *dec, uint64_t first, uint64_t count)
{
    for (uint64_t i = 0; i < count && dec->err == CRDT_OK; i++) {
        uint64_t id = crdt_dec_u64(dec), known = known_id(defs->codec, first + i);
        if (id == 0) gossip__malformed(dec, "replica id 0");
        if (known != 0 && known != id) gossip__malformed(dec, "an index is defined as another id");
        defs->indices[defs->count] = (uint32_t)(first + i);
        defs->ids[defs->count++] = id;
    }
}

void gossip__defs_get(gossip__defs *defs, gossip__arena *arena, crdt_dec *dec)
{
    uint64_t end = 0;
    size_t   most = crdt_dec_left(dec) / 8;
    defs->ids = gossip__arena_get(arena, dec, most, sizeof *defs->ids);
    defs->indices = gossip__arena_get(arena, dec, most, sizeof *defs->indices);
    while (crdt_dec_left(dec) > 0) {
        uint64_t head = crdt_dec_varint(dec);
        uint64_t count = head & 1 ? crdt_dec_left(dec) / 8 : crdt_dec_varint(dec);
        uint64_t first = end + (head >> 1);
        if (count == 0 || count > crdt_dec_left(dec) / 8) {
            gossip__malformed(dec, "impossible number of replica ids");
        } else if (head >> 1 >= GOSSIP_IDS_MAX || first + count > GOSSIP_IDS_MAX) {
            gossip__malformed(dec, "index of a replica above the limit");
        }
        if (dec->err) return;
        get_run(defs, dec, first, count);
        end = first + count;
    }
}

uint64_t gossip__defs_id(const gossip__defs *defs, crdt_dec *dec, uint64_t index)
{
    uint64_t id = known_id(defs->codec, index);
    size_t   from = 0, to = defs->count;
    if (id != 0 || dec->err) return id;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (defs->indices[middle] < index) from = middle + 1;
        else to = middle;
    }
    if (from < defs->count && defs->indices[from] == index) return defs->ids[from];
    crdt_dec_fail(dec, CRDT_ENOENT, "an index that was never defined");
    return 0;
}

crdt_err gossip__defs_reserve(const gossip__defs *defs, gossip_codec *codec)
{
    uint32_t need = defs->count > 0 ? defs->indices[defs->count - 1] + 1 : 0;
    uint32_t cap = codec->in_cap + codec->in_cap / 2 + 16;
    if (need <= codec->in_cap) return CRDT_OK;
    if (cap < need) cap = need;
    uint64_t *in = grow(codec->mem, codec->in, codec->in_cap, cap, sizeof *in);
    if (in == NULL) return CRDT_ENOMEM;
    memset(in + codec->in_cap, 0, (cap - codec->in_cap) * sizeof *in);
    codec->in = in;
    codec->in_cap = cap;
    return CRDT_OK;
}

void gossip__defs_commit(const gossip__defs *defs, gossip_codec *codec)
{
    for (size_t i = 0; i < defs->count; i++) codec->in[defs->indices[i]] = defs->ids[i];
    while (codec->in_known < codec->in_cap && codec->in[codec->in_known] != 0) codec->in_known++;
    codec->in_ack = defs->count > 0;
}
