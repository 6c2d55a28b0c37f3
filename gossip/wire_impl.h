/* wire_impl.h: what wire.c and wire_*.c share. Not installed. */
#ifndef GOSSIP_WIRE_IMPL_H
#define GOSSIP_WIRE_IMPL_H
#include "gossip/bytes_impl.h"
#include "gossip/wire.h"

#define GOSSIP_IDS_MAX 65536u                      /* of one direction of a link */
#define GOSSIP_FRAME_BYTES_MAX (UINT32_C(1) << 30) /* of one message, and of a budget's input */

/* -- Columns of numbers (wire_column.c) -------------------------------------------------------- */

/* is_signed: some may be negative. */
void gossip__column_put(crdt_buf *out, const int64_t *values, size_t count, bool is_signed);

/* Reads a column that was found sound. */
typedef struct gossip__column {
    const uint8_t *at, *bits;
    size_t         left, in_block; /* values: behind this block, in it */
    uint64_t       bit;            /* of the next value */
    uint64_t       base;
    unsigned       width;
    bool           is_signed;
} gossip__column;

/* Check the column of `count` values at dec, step over it, and give a reader for it. */
gossip__column gossip__column_open(crdt_dec *dec, size_t count, bool is_signed);
int64_t        gossip__column_next(gossip__column *column);

/* -- Dictionaries (wire_dict.c) ---------------------------------------------------------------- */

/* Ids by index, of one direction. */
typedef struct gossip__out_id {
    uint64_t id;
    uint32_t used; /* the number of the last message that uses it */
} gossip__out_id;

struct gossip_codec {
    const crdt_mem *mem;
    /* What is sent: ids by index, and the indices in the order of their ids. */
    gossip__out_id *out;
    uint32_t       *order;
    uint32_t        out_count, out_cap;
    uint32_t        acked;   /* the receiver knows the indices below */
    uint32_t        message; /* the number of the last message encoded */
    /* What comes: ids by index; 0 is one that is not known. */
    uint64_t *in;
    uint32_t  in_cap;
    uint32_t  in_known; /* indices below are known */
    bool      in_ack;   /* the last message defined ids: it may not know what is known here */
};

/* Encoding: a new message begins. */
void gossip__dict_begin(gossip_codec *codec);
/* The index of id for this message; given one if it has none. Errors: ENOMEM, ELIMIT. */
crdt_err gossip__dict_use(gossip_codec *codec, uint64_t id, uint32_t *ret_index);
/* The definitions that this message needs. */
void gossip__dict_put(const gossip_codec *codec, crdt_buf *out);
/* Forget the indices from `count` on: the message was not encoded. */
void gossip__dict_undo(gossip_codec *codec, uint32_t count);

/* Decoding: the definitions of one message, until they are committed. */
typedef struct gossip__defs {
    const gossip_codec *codec;
    uint32_t           *indices; /* ascending */
    uint64_t           *ids;
    size_t              count;
} gossip__defs;

void gossip__defs_get(gossip__defs *defs, gossip__arena *arena, crdt_dec *dec);
/* The id of an index; 0 and the decoder's error ENOENT if it has none. */
uint64_t gossip__defs_id(const gossip__defs *defs, crdt_dec *dec, uint64_t index);
/* Make room for them. Errors: ENOMEM. Then commit cannot fail. */
crdt_err gossip__defs_reserve(const gossip__defs *defs, gossip_codec *codec);
void     gossip__defs_commit(const gossip__defs *defs, gossip_codec *codec);

/* An index is written as its distance from the one after the last; last is -1 before the first. */
static inline void gossip__put_index(crdt_buf *out, uint32_t index, int64_t *last)
{
    crdt_buf_varint(out, crdt_zigzag((int64_t)index - *last - 1));
    *last = index;
}
static inline uint32_t gossip__get_index(crdt_dec *dec, int64_t *last)
{
    uint64_t index = (uint64_t)*last + 1 + (uint64_t)crdt_unzigzag(crdt_dec_varint(dec));
    if (index >= GOSSIP_IDS_MAX) gossip__malformed(dec, "index of a replica above the limit");
    *last = dec->err ? 0 : (int64_t)index;
    return (uint32_t)*last;
}

/* -- Lists (wire_vector.c, wire_entries.c, wire_lists.c) --------------------------------------- */

/* The encoders append to out what stands in the field; indices of the codec are used. */

/* All but what stands last: the controls, then the bodies, in the order of the entries.
 * *ret_tells: of each author the vector says what the entries end with. */
crdt_err gossip__entries_put(gossip_codec *codec, const gossip_msg *msg, crdt_buf *out,
                             bool *ret_tells);
/* Into an empty message but for its vector, which was read before and gets what entries tell. */
void gossip__entries_get(gossip_msg *msg, const gossip__defs *defs, gossip__arena *arena,
                         crdt_dec *dec);

/* Without the replicas of `told`, which ascend. */
crdt_err gossip__vector_put(gossip_codec *codec, const gossip_vector *vector,
                            const gossip_origin *told, uint32_t told_count, crdt_buf *out);
void     gossip__vector_get(gossip_vector *vector, const gossip__defs *defs, gossip__arena *arena,
                            crdt_dec *dec);
/* NULL: the vector has no component of this replica. */
const gossip_known *gossip__vector_find(const gossip_vector *vector, uint64_t replica);

crdt_err gossip__hello_check(const gossip_hello *hello);
void     gossip__types_put(const gossip_hello *hello, crdt_buf *out);
void     gossip__types_get(gossip_hello *hello, gossip__arena *arena, crdt_dec *dec);
void     gossip__peers_put(const gossip_hello *hello, crdt_buf *out);
void     gossip__peers_get(gossip_hello *hello, gossip__arena *arena, crdt_dec *dec);
crdt_err gossip__digests_check(const gossip_msg *msg);
void     gossip__digests_put(const gossip_msg *msg, crdt_buf *out);
void     gossip__digests_get(gossip_msg *msg, gossip__arena *arena, crdt_dec *dec);

#endif
