/* entry.h: one transaction on its way between replicas.
 *
 * Shape    {replica A, dots 7..9, kind DELTA, ms, deps {B: 4, C: 11}, body}
 *          The dots of one replica's entries follow each other without a gap: its predecessor ends
 *          at first - 1. deps are the entries of the author's context that moved since its
 *          predecessor; the predecessor itself is not listed. Whoever holds the predecessor and the
 *          deps holds all of its causal past.
 * Body     a delta of crdt_store_encode that brings just these dots. Entries that carry no change
 *          have one too (crdt_txn_mark), so that a store's context is exactly what was delivered.
 * Chain    tag(entry) = low 32 bits of XXH3-64(tag(predecessor), replica, first, last, kind, ms,
 *          deps, control, body), all canonical; the tag before the first entry is 0. So a replica
 *          id that two writers used shows itself wherever its two histories meet (rule R17).
 */
#ifndef GOSSIP_ENTRY_H
#define GOSSIP_ENTRY_H
#include "crdt/base.h"
#ifdef __cplusplus
extern "C" {
#endif

/* On the wire and on disk; numbers are never reused. Reserved kinds are refused with EVERSION until
 * they are written. */
typedef enum gossip_kind {
    GOSSIP_DELTA = 1,    /* a transaction */
    GOSSIP_ACK = 2,      /* proves that its author held its causal past (rule R1); no change */
    GOSSIP_SUCCEEDS = 3, /* control: the replica ids that its author's id takes over, 8 bytes each,
                            little endian */
    GOSSIP_CUT = 4,      /* reserved: collection (rule R2) */
    GOSSIP_JOIN = 5,     /* reserved: membership (rule R18) */
    GOSSIP_RETIRE = 6,   /* reserved: membership (rule R19) */
    GOSSIP_REBASE = 7,   /* reserved: own work issued again (rule R16) */
    GOSSIP_SAYS = 8      /* control: what gossip_engine_say was given; no change */
} gossip_kind;

typedef struct gossip_entry {
    uint64_t        replica, first, last;
    uint64_t        ms;   /* the author's clock, since 1970; below 2^47 */
    const crdt_dot *deps; /* ascending by replica id, each once; never the author */
    uint32_t        deps_count;
    gossip_kind     kind;
    crdt_view       control; /* of kinds that have one; else empty */
    crdt_view       body;
} gossip_entry;

/* The bounds of one entry; what exceeds them is refused with ELIMIT. A transaction whose delta is
 * larger than GOSSIP_BODY_MAX reaches peers in a snapshot. */
#define GOSSIP_DEPS_MAX 65536u
#define GOSSIP_CONTROL_MAX 65536u
#define GOSSIP_SUCCEEDS_MAX 4096u /* of that kind */
#define GOSSIP_BODY_MIN 12u       /* no delta is shorter */
#define GOSSIP_BODY_MAX (2u << 20)

/* The entry's tag, given its predecessor's. Cost: one hash of its bytes. */
CRDT_API uint32_t gossip_entry_tag(const gossip_entry *entry, uint32_t predecessor);
/* OK, or why the entry is none: EMALFORMED, ELIMIT, EVERSION. Does not look into the body. */
CRDT_MUST_CHECK CRDT_API crdt_err gossip_entry_check(const gossip_entry *entry,
                                                     const char        **ret_reason);

#ifdef __cplusplus
}
#endif
#endif
