/* snapshot.h: everything that a node holds, as one run of bytes: for a peer that is far behind, and
 * for disk. The byte format is described in docs/WIRE.md.
 *
 * Shape    store bytes (crdt_store_encode of the whole state), and for each replica that wrote: the
 *          last entry in it, that entry's tag, time and causal past, and whether another id has
 *          taken its place (rule R9).
 */
#ifndef GOSSIP_SNAPSHOT_H
#define GOSSIP_SNAPSHOT_H
#include "crdt/buf.h"
#include "gossip/msg.h"
#ifdef __cplusplus
extern "C" {
#endif

typedef struct gossip_floor {
    uint64_t        replica, seq; /* its last entry in the snapshot ends here; 0: none */
    uint64_t        ms;
    uint32_t        tag;
    bool            succeeded;  /* closed: another id took its place */
    const crdt_dot *past;       /* the causal past of that entry, ascending by replica */
    uint32_t        past_count; /* itself included */
} gossip_floor;

/* floors ascending by replica, each once; a past names only replicas that have a floor, none beyond
 * it. Canonical: equal content, equal bytes. Errors (out unchanged): ENOMEM, ELIMIT (2^20 floors),
 * EINVAL (the floors are not as just said). */
CRDT_MUST_CHECK CRDT_API crdt_err gossip_snapshot_encode(const gossip_floor *floors, uint32_t count,
                                                         crdt_view store, crdt_buf *out);

/* The same in pieces: head appends what precedes the store's bytes; after those comes the digest
 * (crdt_digester) of all since the head, in 16 bytes: tail. Errors: as encode. */
CRDT_MUST_CHECK CRDT_API crdt_err gossip_snapshot_head(const gossip_floor *floors, uint32_t count,
                                                       crdt_buf *out);
CRDT_MUST_CHECK CRDT_API crdt_err gossip_snapshot_tail(crdt_digest sum, crdt_buf *out);

/* What was read: floors and pasts are in memory of its own, store is borrowed from `in`. */
typedef struct gossip_snapshot {
    const gossip_floor *floors;
    uint32_t            count;
    crdt_view           store;
    void               *memory; /* private */
} gossip_snapshot;
/* Everything but the store bytes is checked, the sum over the whole too. Memory: at most 8 bytes a
 * byte and 64 KiB. Errors: ENOMEM, EMALFORMED, EVERSION, ELIMIT. */
CRDT_MUST_CHECK CRDT_API crdt_err gossip_snapshot_decode(crdt_view in, const crdt_mem *mem,
                                                         gossip_snapshot *ret_snapshot,
                                                         const char     **ret_reason);
CRDT_API void gossip_snapshot_clear(gossip_snapshot *snapshot, const crdt_mem *mem);

#ifdef __cplusplus
}
#endif
#endif
