/* sim/files.h: a table of file calls in memory that breaks as disks and systems do.
 *
 * Each file has two images: what programs see (the page cache) and what is durable. A sync copies
 * the one to the other; a power cut copies some of the unsynced 512-byte sectors, picked by the
 * seed, and loses the others. Names likewise: a create, rename or unlink is durable once the
 * directory is synced; a power cut keeps some of the first ones of those that are not.
 * A sync that fails does as Linux does: the pages count as clean from then on, so that the next
 * sync says OK and what was written before is not durable all the same.
 */
#ifndef SIM_FILES_H
#define SIM_FILES_H
#include "gossip/disk.h"

typedef struct sim_files sim_files;

/* The calls that can be made to fail, as bits. */
typedef enum sim_call {
    SIM_OPEN = 1,
    SIM_READ = 2,
    SIM_WRITE = 4,
    SIM_TRUNCATE = 8,
    SIM_SYNC = 16,
    SIM_RENAME = 32,
    SIM_UNLINK = 64,
    SIM_SIZE = 128,
    SIM_LIST = 256,
    SIM_IDENTITY = 512,
    SIM_CHANGES = SIM_OPEN | SIM_WRITE | SIM_TRUNCATE | SIM_SYNC | SIM_RENAME | SIM_UNLINK,
    SIM_ALL = 1023
} sim_call;

/* Which calls fail and how. Nothing fails with {0}. */
typedef struct sim_fault {
    unsigned calls;   /* which kinds count and fail */
    uint64_t nth;     /* the nth of them from now: 1 is the next; 0: none */
    int      err;     /* with this errno; 0: a read or write is short, other calls work */
    bool     forever; /* and all of them after it, too */
} sim_fault;

sim_files   *sim_files_new(uint64_t seed);
void         sim_files_free(sim_files *files); /* NULL is fine */
gossip_files sim_files_table(sim_files *files);

void sim_files_fault(sim_files *files, sim_fault fault);
bool sim_files_struck(const sim_files *files); /* has the fault struck since it was set? */
/* How many calls of these kinds there were, ever. */
uint64_t sim_files_calls(const sim_files *files, unsigned calls);
void     sim_files_capacity(sim_files *files, uint64_t bytes); /* of all files; beyond: ENOSPC */
uint64_t sim_files_bytes(const sim_files *files);

/* The process dies: its descriptors close, nothing else is lost. Faults end. */
void sim_files_kill(sim_files *files);
/* The power is cut: unsynced changes are lost or torn. Faults end. */
void sim_files_crash(sim_files *files);
/* All is durable, as after a long time. */
void sim_files_settle(sim_files *files);

/* A copy of what programs see, as on another machine (a clone) or in a backup: its identity
 * differs. */
sim_files *sim_files_copy(const sim_files *files, uint64_t seed);
/* All files go, and those of the backup take their place. Wiped: backup NULL. */
void sim_files_restore(sim_files *files, const sim_files *backup);

/* For tests that damage files. All of these change both images. */
bool   sim_files_get(const sim_files *files, const char *name, crdt_view *ret_bytes); /* borrowed */
void   sim_files_put(sim_files *files, const char *name, crdt_view bytes);
void   sim_files_remove(sim_files *files, const char *name);
bool   sim_files_flip(sim_files *files, const char *name, uint64_t bit); /* false: no such bit */
size_t sim_files_count(const sim_files *files);
/* The i-th name; NULL past the end. */
const char *sim_files_name(const sim_files *files, size_t i);

#endif
