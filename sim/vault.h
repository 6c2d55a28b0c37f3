/* vault.h: what a node's disk holds, as entries and a snapshot in memory. What was not synced when
 * its node dies is lost but for some of its beginning.
 *
 *      vault_open(&v, &found); vault_snapshot / vault_next ...; vault_begin(&v, replica);
 *      ... v.persist for a driver ...
 *      vault_close(&v)             // after a clean stop: vault_stop before it; a death: vault_die
 */
#ifndef SIM_VAULT_H
#define SIM_VAULT_H
#include "crdt/buf.h"
#include "gossip/persist.h"

typedef struct vault_entry {
    uint64_t position;
    size_t   at, size; /* in bytes */
} vault_entry;

typedef struct vault {
    gossip_persist persist;   /* user is the vault, which must not move */
    bool (*step)(void *user); /* before each call: true: its node dies of it */
    void *user;

    vault_entry *entries;
    size_t       count, cap, synced, next;
    uint8_t     *bytes;
    size_t       bytes_count, bytes_cap;
    uint8_t     *snapshot;
    size_t       snapshot_size;
    uint64_t     snapshot_position;
    uint64_t     replica, last_seq; /* of the last run; seq only after a clean stop */
    uint64_t     machine;           /* a clean stop counts only there */
    uint64_t     stopped_on;        /* machine of the clean stop; 0: it was none */

    bool     full, dead; /* it refuses everything; its node died */
    uint64_t appended;   /* positions before it were appended in this run */
    uint64_t durable;    /* positions before it are durable */
    uint64_t calls, refused;
} vault;

typedef struct vault_found {
    bool     fresh, clean;
    uint64_t replica, last_seq, snapshot_position;
} vault_found;

void      vault_init(vault *v, uint64_t machine);
void      vault_free(vault *v);
void      vault_reset(vault *v);                   /* as new */
void      vault_copy(vault *v, const vault *from); /* what is durable there; not the machine */
void      vault_open(vault *v, vault_found *ret_found);
crdt_view vault_snapshot(const vault *v);
bool      vault_next(vault *v, uint64_t *ret_position, crdt_view *ret_entry);
void      vault_begin(vault *v, uint64_t replica);
void      vault_stop(vault *v, uint64_t last_seq);
void      vault_die(vault *v, uint64_t *rand);

#endif
