/* vault.h: a node's disk, in one of two ways: as entries and a snapshot in memory (fast), or
 * as files under gossip/disk. What was not synced when the power is cut is lost, or some of it.
 *
 *      vault_open(&v, ..., &found); vault_snapshot, vault_next ...; vault_begin(&v, replica);
 *      ... v.persist for a driver ...
 *      vault_stop(&v, seq) for a clean end; vault_die(&v, ...) after any
 */
#ifndef SIM_VAULT_H
#define SIM_VAULT_H
#include "crdt/buf.h"
#include "gossip/disk.h"
#include "sim/files.h"

typedef struct vault_entry {
    uint64_t position;
    size_t   at, size; /* in bytes */
} vault_entry;

typedef struct vault {
    gossip_persist persist;   /* user is the vault, which must not move */
    bool (*step)(void *user); /* before each call: true: its node dies of it */
    void *user;

    /* As files. */
    sim_files     *files; /* NULL: in memory */
    gossip_disk   *disk;
    gossip_persist inner;
    gossip_sync    sync;
    uint64_t       segment_bytes;

    /* In memory. */
    vault_entry *entries;
    size_t       count, cap, synced, next;
    uint8_t     *bytes;
    size_t       bytes_count, bytes_cap;
    uint8_t     *snapshot;
    size_t       snapshot_size;
    uint64_t     snapshot_position;
    uint64_t     replica, last_seq; /* of the last run; seq only after a clean stop */
    uint64_t     older[GOSSIP_OLDER_MAX];
    uint64_t     machine;    /* a clean stop counts only there */
    uint64_t     stopped_on; /* machine of the clean stop; 0: it was none */

    bool     full, dead; /* it refuses everything; its node died */
    uint64_t fail_in;    /* in memory: that many calls from now one fails; 0: none */
    uint64_t appended;   /* positions before it were appended in this run */
    uint64_t durable;    /* positions before it are as durable as the policy promises */
    uint64_t safe;       /* positions before it outlive a power cut */
    uint64_t calls, refused;
} vault;

typedef struct vault_found {
    bool     fresh, clean;
    uint64_t replica, last_seq, snapshot_position;
    uint64_t damaged, torn;           /* frames; bytes */
    uint64_t older[GOSSIP_OLDER_MAX]; /* replicas before; 0: no more */
} vault_found;

void vault_init(vault *v, uint64_t machine);
/* Files from now on. */
void vault_use_files(vault *v, uint64_t seed, gossip_sync sync_policy, uint64_t segment_bytes);
void vault_free(vault *v);
void vault_reset(vault *v);                   /* as new */
void vault_copy(vault *v, const vault *from); /* what is durable there; not the machine */
void vault_full(vault *v, bool full);
void vault_fail(vault *v, uint64_t nth); /* the nth write or sync from now, once */

/* Errors are those of gossip/disk.h; in memory there are none. */
CRDT_MUST_CHECK crdt_err vault_open(vault *v, uint64_t cluster, uint64_t node, const crdt_mem *mem,
                                    vault_found *ret_found);
CRDT_MUST_CHECK crdt_err vault_snapshot(vault *v, crdt_buf *out);
/* ENOENT: no more; EMALFORMED: a bad one was skipped. */
CRDT_MUST_CHECK crdt_err vault_next(vault *v, uint64_t *ret_position, crdt_view *ret_entry);
CRDT_MUST_CHECK crdt_err vault_begin(vault *v, uint64_t replica);
/* Once a second, where the policy is everysec: nothing that was written stays unsynced. */
void vault_flush(vault *v);
/* A bit of a file turns, in a log or snapshot: `choice` picks it. False: there is no such file. */
bool vault_rot(vault *v, uint64_t choice);
bool vault_keeps_aside(const vault *v); /* is there a file with damaged bytes? */
/* A clean stop. */
void vault_stop(vault *v, uint64_t last_seq);
/* The node is gone; power: and the power with it. */
void vault_die(vault *v, uint64_t *rand, bool power);

#endif
