/* disk.h: entries and snapshots in files: a gossip_persist over a table of file calls.
 *
 * Shape    DIR/node           node id, cluster and format of the directory
 *          DIR/replica        the incarnation that writes, and those before it
 *          DIR/clean          a clean stop: consumed at start
 *          DIR/log.N          a segment: frames (hash, length, number, what is known to be durable,
 *                             chained to the frame before), each one encoded entry; the first frame
 *                             names the segment
 *          DIR/snapshot.N     what gossip_engine_snapshot wrote, in frames, with its end: it stands
 *                             for all segments below N
 *          DIR/quarantine.*   damaged bytes, kept aside for people; never read
 *          DIR/reserve        room for a clean stop on a full disk
 *          Files that end in .new are not finished, and dropped.
 * Numbers  entries are numbered from 1 for the life of the directory. So it shows which ones lack,
 *          and what a later segment has written again counts there.
 * Start    the newest whole snapshot, then the segments in order. Nothing that is read is changed
 *          but the mark of a clean stop. The tail of the last segment may be torn: it is left out,
 *          and a new segment goes on at its number. A bad frame with good ones behind it is damage
 *          if a later frame says that it was durable: its bytes are kept aside, it is named, and
 *          fetched again from peers. The good ones behind it count.
 * Errors   an error of a write or a sync is final for what was written since the last OK: nothing
 *          of it is counted on, and the next sync writes it again from memory, into a new segment.
 * Bounds   reading takes linear time and at most 21 MiB besides the snapshot, whatever files hold.
 * Source   Rebello et al., "Can applications recover from fsync failures?", USENIX ATC 2020.
 */
#ifndef GOSSIP_DISK_H
#define GOSSIP_DISK_H
#include "crdt/buf.h"
#include "gossip/persist.h"
#ifdef __cplusplus
extern "C" {
#endif

/* The file calls that are used, so that a test or the simulator can break them. Results are those
 * of POSIX, errors are -errno; a read or write may be short. Names are relative to the data
 * directory. */
typedef struct gossip_files {
    int64_t (*open)(void *user, const char *name, int flags); /* O_* of fcntl.h; a descriptor */
    int64_t (*close)(void *user, int64_t fd);
    int64_t (*read)(void *user, int64_t fd, void *data, size_t size, uint64_t offset);
    int64_t (*write)(void *user, int64_t fd, const void *data, size_t size, uint64_t offset);
    int64_t (*truncate)(void *user, int64_t fd, uint64_t size);
    int64_t (*sync)(void *user, int64_t fd); /* fdatasync; fd -1: the directory */
    int64_t (*rename)(void *user, const char *from, const char *to);
    int64_t (*unlink)(void *user, const char *name);
    int64_t (*size)(void *user, int64_t fd);
    /* The i-th name in the directory, in no order, into name (NUL ended); -ENOENT past the end.
     * Asked for i = 0, 1, ... in turn. */
    int64_t (*list)(void *user, size_t i, char name[256]);
    /* What binds a clean stop to this very file in this very directory on this very machine: a copy
     * of the directory, or one put back from a backup, differs in it. */
    int64_t (*identity)(void *user, int64_t fd, uint64_t *ret_machine, uint64_t *ret_inode);
    void *user;
} gossip_files;

typedef enum gossip_sync {
    GOSSIP_SYNC_ALWAYS,   /* sync means synced */
    GOSSIP_SYNC_EVERYSEC, /* sync means written; gossip_disk_flush syncs, once a second */
    GOSSIP_SYNC_NO        /* sync means written; synced every 16 MiB, for a snapshot, at a stop */
} gossip_sync;

typedef struct gossip_disk_options {
    size_t      struct_size;
    uint64_t    cluster, node; /* not 0 */
    gossip_sync sync;          /* ALWAYS */
    uint64_t    segment_bytes; /* a new segment begins above it: 64 MiB */
    size_t      part_bytes;    /* of a snapshot so much is written and synced at a time: 1 MiB */
} gossip_disk_options;
CRDT_API gossip_disk_options gossip_disk_options_default(uint64_t cluster, uint64_t node);

typedef struct gossip_disk gossip_disk;

#define GOSSIP_OLDER_MAX 6u

/* What was found at start. */
typedef struct gossip_recovery {
    bool     fresh;             /* nothing was ever written here */
    bool     clean;             /* the last stop was clean, and all is there that was then: the old
                                   replica id may go on, if the store's last dot is last_seq.
                                   Never one that wrote nothing, and has some before it */
    uint64_t replica, last_seq; /* the last incarnation, 0: none; its last dot, if clean */
    uint64_t snapshot_position; /* the number of the first entry after the snapshot */
    uint64_t entries, bytes;    /* to be read after the snapshot */
    uint64_t torn_bytes;        /* of writes that the last stop cut short */
    uint64_t bad_frames;        /* entries that were durable and cannot be read; a snapshot
                                   likewise */
    uint64_t older[GOSSIP_OLDER_MAX]; /* incarnations before the last, the latest first: whoever
                                   died before it could succeed them left that to the next */
    uint32_t older_count;
    char     problem[256]; /* in words: the first thing that is wrong and where; "" */
} gossip_recovery;

/* Whose directory it is. Changes nothing. Errors: ENOENT (nobody's yet), EIO, EMALFORMED (node file
 * damaged, or gone while others are there), EVERSION. */
CRDT_MUST_CHECK CRDT_API crdt_err gossip_disk_whose(const gossip_files *files, uint64_t *ret_node,
                                                    uint64_t *ret_cluster);

/* Open or make a data directory. The table is copied, what it points to is borrowed. Errors:
 * ENOMEM, EINVAL, EIO, EVERSION (a newer format), EEXIST (the directory is another node's or
 * cluster's), EMALFORMED (node file damaged or gone); ret_problem (256 bytes) says it in words. */
CRDT_MUST_CHECK CRDT_API crdt_err gossip_disk_open(const gossip_disk_options *options,
                                                   const gossip_files *files, const crdt_mem *mem,
                                                   gossip_disk **ret_disk, char ret_problem[256]);
CRDT_API void                     gossip_disk_close(gossip_disk *disk); /* NULL is fine */

/* Read everything back, in two steps: recover tells what there is and consumes the mark of a clean
 * stop (durably, before it returns); then read the snapshot (empty: none) and every entry. What was
 * read is durable. Errors: ENOMEM, EIO, EVERSION, EINVAL (not the first step after open). After an
 * error it can be tried again. */
CRDT_MUST_CHECK CRDT_API crdt_err gossip_disk_recover(gossip_disk     *disk,
                                                      gossip_recovery *ret_found);
/* Appends the snapshot to out. Errors: ENOMEM, EIO, EMALFORMED (damaged since recover), EINVAL. */
CRDT_MUST_CHECK CRDT_API crdt_err gossip_disk_snapshot(gossip_disk *disk, crdt_buf *out);
/* The next entry's bytes, borrowed until the next call, and its number. ENOENT: no more.
 * EMALFORMED: entries lack before the next one; go on. ENOMEM: try again. EIO. */
CRDT_MUST_CHECK CRDT_API crdt_err gossip_disk_next(gossip_disk *disk, uint64_t *ret_position,
                                                   crdt_view *ret_entry);

/* From here on entries are appended. replica: the incarnation that writes from now on; it is on
 * disk before this returns (another one later: the table's `replica`). Errors: EIO (try again),
 * ENOMEM, EINVAL (not recovered; replica 0). */
CRDT_MUST_CHECK CRDT_API crdt_err gossip_disk_begin(gossip_disk *disk, uint64_t replica);
/* The table for a driver, valid while the disk is open. Appended entries wait in memory, and are
 * written by sync; they stay there until they are synced. Above 16 MiB append itself syncs. Cost
 * of an append: a copy and a hash of the entry. */
CRDT_API gossip_persist gossip_disk_persist(gossip_disk *disk);
/* With EVERYSEC: call once a second, off the path of replies. Errors: EIO, ENOMEM: as sync. */
CRDT_MUST_CHECK CRDT_API crdt_err gossip_disk_flush(gossip_disk *disk);
/* The same, the sync itself by another thread. *ret_fd is what that thread hands to the table's
 * sync, of the real table a duplicate of it (the segment may be closed meanwhile); -1: there is
 * nothing for it to do. Then end, on the thread of the disk, says whether it was synced. Whatever
 * else syncs in between writes again what was under way. Errors of begin: EIO, ENOMEM as sync,
 * EBUSY (no end yet), EINVAL (with ALWAYS); of end: EIO, as sync. */
CRDT_MUST_CHECK CRDT_API crdt_err gossip_disk_flush_begin(gossip_disk *disk, int64_t *ret_fd);
CRDT_MUST_CHECK CRDT_API crdt_err gossip_disk_flush_end(gossip_disk *disk, bool synced);
/* A clean stop: everything synced, and marked so that `replica` may go on after last_seq. Nothing
 * can be appended then. Errors: EIO, ENOMEM (try again, or close: an unclean stop), EINVAL (not
 * begun; another replica than writes). */
CRDT_MUST_CHECK CRDT_API crdt_err gossip_disk_stop(gossip_disk *disk, uint64_t replica,
                                                   uint64_t last_seq);

/* A table over the real file calls in a directory (made if absent, mode 0700, locked against a
 * second process). Errors: EIO with *ret_errno, EBUSY (another process holds it), ENOMEM. */
CRDT_MUST_CHECK CRDT_API crdt_err gossip_files_open(const char *dir, gossip_files *ret_files,
                                                    int *ret_errno);
CRDT_API void                     gossip_files_close(gossip_files *files);

#ifdef __cplusplus
}
#endif
#endif
