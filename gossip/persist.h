/* persist.h: where entries and snapshots are kept, as a table. The driver (gossip/driver.h) calls
 * it; the engine does not know it. gossip/disk.h is one; a service may bring its own, or none. */
#ifndef GOSSIP_PERSIST_H
#define GOSSIP_PERSIST_H
#include "crdt/base.h"
#ifdef __cplusplus
extern "C" {
#endif

typedef struct gossip_persist {
    /* Append one encoded entry (gossip_entry_encode), copied. Positions ascend from one call to the
     * next. It need not be durable before sync. Errors: EIO, ENOMEM, ELIMIT (larger than any entry
     * is); nothing of it is kept then: append it again. */
    crdt_err (*append)(void *user, uint64_t position, crdt_view entry);
    /* All that was appended is as durable as the policy promises once this returns OK. EIO, ENOMEM:
     * nothing that was appended since the last OK may be counted on yet. It is not lost either:
     * sync again later, without appending again. */
    crdt_err (*sync)(void *user);
    /* Keep a snapshot of everything before `position`; entries before it may go. Atomic: the old
     * one stays until the new one is durable. Syncs what was appended before. In parts, so that a
     * large one stops nobody for long: *at is 0 in the first call, and each call takes some of the
     * bytes and raises *at; once it is snapshot.size all is durable. The bytes and the position
     * stay the same, other calls may come between. 0 again: from the beginning, perhaps with
     * another one; what was begun is given up. So it is after an error: EIO, ENOMEM. */
    crdt_err (*snapshot)(void *user, uint64_t position, crdt_view snapshot, size_t *at);
    /* This replica id writes from now on (GOSSIP_REMINTED): known durably before any entry of it
     * is. NULL: nobody needs to know. Errors: EIO, ENOMEM; it is told again. */
    crdt_err (*replica)(void *user, uint64_t replica);
    void *user;
} gossip_persist;

#ifdef __cplusplus
}
#endif
#endif
