/* disk.h: entries and snapshots in files: a gossip_persist over a table of file calls.
 *
 * Shape    DIR/node           node id, format, cluster
 *          DIR/clean          a clean stop: replica id, last dot, machine, inode; consumed at start
 *          DIR/log.N          a segment: frames (length, XXH3-64, sequence, chained to the frame
 *                             before), each one encoded entry; the first frame names the segment
 *          DIR/snapshot.N     what gossip_engine_snapshot wrote, framed in slices, with its end
 * Start    the newest whole snapshot, then the segments in order. Only the tail of the last segment
 *          may be torn (it is cut off); a bad frame with good ones behind it is quarantined, named,
 *          and fetched again from peers.
 * Errors   a failed fsync is final for what was written since the last: nothing of it is counted
 *          on, a new segment begins, and it is written again.
 */
#ifndef GOSSIP_DISK_H
#define GOSSIP_DISK_H
#include "crdt/buf.h"
#include "gossip/persist.h"
#ifdef __cplusplus
extern "C" {
#endif

/* The file calls that are used, so that a test or the simulator can break them. Results are those
 * of POSIX, errors are -errno. Names are relative to the data directory. */
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
    /* The i-th name in the directory, in no order, into name (NUL ended); -ENOENT past the end. */
    int64_t (*list)(void *user, size_t i, char name[256]);
    /* What binds a clean stop to this very directory on this very machine. */
    int64_t (*identity)(void *user, uint64_t *ret_machine, uint64_t *ret_inode);
    void *user;
} gossip_files;

typedef enum gossip_sync { GOSSIP_SYNC_ALWAYS, GOSSIP_SYNC_EVERYSEC, GOSSIP_SYNC_NO } gossip_sync;

typedef struct gossip_disk_options {
    size_t      struct_size;
    uint64_t    cluster, node;
    gossip_sync sync;
    uint64_t    segment_bytes; /* a new segment begins above it: 64 MiB */
} gossip_disk_options;
CRDT_API gossip_disk_options gossip_disk_options_default(uint64_t cluster, uint64_t node);

typedef struct gossip_disk gossip_disk;

/* What was found at start. */
typedef struct gossip_recovery {
    bool     fresh;             /* an empty directory */
    bool     clean;             /* the last stop was clean: the old replica id may go on */
    uint64_t replica, last_seq; /* the last incarnation; 0: none */
    uint64_t snapshot_position;
    uint64_t entries, bytes, torn_bytes, bad_frames;
    char     problem[256]; /* in words: the first thing that is wrong and where; "" */
} gossip_recovery;

/* Open or make a data directory. Errors: ENOMEM, EIO, EVERSION (a newer format), EEXIST (the
 * directory is another node's or cluster's), EMALFORMED (node file damaged); ret_problem (256
 * bytes) says it in words. */
CRDT_MUST_CHECK CRDT_API crdt_err gossip_disk_open(const gossip_disk_options *options,
                                                   const gossip_files *files, const crdt_mem *mem,
                                                   gossip_disk **ret_disk, char ret_problem[256]);
CRDT_API void                     gossip_disk_close(gossip_disk *disk);

/* Read everything back, in two calls: recover tells what there is and consumes the mark of a clean
 * stop (durably, before it returns); then read the snapshot (empty: none) and every entry. */
CRDT_MUST_CHECK CRDT_API crdt_err gossip_disk_recover(gossip_disk     *disk,
                                                      gossip_recovery *ret_found);
CRDT_MUST_CHECK CRDT_API crdt_err gossip_disk_snapshot(gossip_disk *disk, crdt_buf *out);
/* The next entry's bytes, borrowed until the next call. ENOENT: no more. EMALFORMED: one that was
 * bad and is skipped; go on. */
CRDT_MUST_CHECK CRDT_API crdt_err gossip_disk_next(gossip_disk *disk, uint64_t *ret_position,
                                                   crdt_view *ret_entry);

/* From here on entries are appended. replica: the incarnation that writes from now on; it is on
 * disk before this returns. */
CRDT_MUST_CHECK CRDT_API crdt_err gossip_disk_begin(gossip_disk *disk, uint64_t replica);
/* The table for a driver, valid while the disk is open. */
CRDT_API gossip_persist gossip_disk_persist(gossip_disk *disk);
/* With EVERYSEC: call once a second, off the path of replies. */
CRDT_MUST_CHECK CRDT_API crdt_err gossip_disk_flush(gossip_disk *disk);
/* A clean stop: everything synced, and marked so that `replica` may go on after last_seq. */
CRDT_MUST_CHECK CRDT_API crdt_err gossip_disk_stop(gossip_disk *disk, uint64_t replica,
                                                   uint64_t last_seq);

/* A table over the real file calls in a directory (made if absent, mode 0700, locked against a
 * second process). Errors: EIO with *ret_errno, EBUSY (another process holds it). */
CRDT_MUST_CHECK CRDT_API crdt_err gossip_files_open(const char *dir, gossip_files *ret_files,
                                                    int *ret_errno);
CRDT_API void                     gossip_files_close(gossip_files *files);

#ifdef __cplusplus
}
#endif
#endif
