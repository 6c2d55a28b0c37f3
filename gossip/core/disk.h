/* core/disk.h: what the files of gossip/disk*.c share. */
#ifndef GOSSIP_CORE_DISK_H
#define GOSSIP_CORE_DISK_H
#include "gossip/bytes_impl.h"
#include "gossip/disk.h"

#define GOSSIP__FORMAT 1u
#define GOSSIP__NUMBER_MAX (UINT64_C(1) << 62) /* of segments and entries */

/* -- Words (disk_io.c) ------------------------------------------------------------------------- */

/* Words into a fixed text; what does not fit is left out. */
typedef struct gossip__words {
    char  *text;
    size_t size, cap;
} gossip__words;
gossip__words gossip__words_into(char *text, size_t cap); /* "" at first */
void          gossip__words_text(gossip__words *words, const char *text);
void          gossip__words_number(gossip__words *words, uint64_t n);
/* stem.N */
typedef struct gossip__name {
    char text[64];
} gossip__name;
gossip__name gossip__name_of(const char *stem, uint64_t number, const char *end);
/* The N of such a name; 0: it is none. */
uint64_t gossip__name_number(const char *name, const char *stem);

/* -- Files (disk_io.c) ------------------------------------------------------------------------- */

bool gossip__write_all(const gossip_files *files, int64_t fd, const void *data, size_t size,
                       uint64_t offset);
/* What cannot be read after some attempts is zeros. True: all of it was read. */
bool gossip__read_all(const gossip_files *files, int64_t fd, void *data, size_t size,
                      uint64_t offset);

/* A small file of one line of text: a word, numbers in hex, and a hash of them. It is replaced as a
 * whole. The first number is the format. */
#define GOSSIP__LINE_MAX 8u
typedef struct gossip__line {
    const char *word; /* and the name of the file */
    uint64_t    at[GOSSIP__LINE_MAX];
    size_t      count;    /* of numbers; what is read must have as many */
    bool        identity; /* the last two are those of the file that it stands in */
} gossip__line;
bool gossip__line_write(const gossip_files *files, gossip__line *line);
/* ENOENT: no file. EMALFORMED, EVERSION, EIO. */
crdt_err gossip__line_read(const gossip_files *files, gossip__line *line);

/* -- Frames (disk_frame.c) --------------------------------------------------------------------- */

/* A frame on disk, little endian, zero padded to 8 bytes:
 *       0  u64  XXH3-64 of all that follows, plus the seed of the file
 *       8  u32  length of the payload
 *      12  u32  low half of XXH3-64 of the 24 bytes from 8 on, with 0 here, plus the seed
 *      16  u64  number
 *      24  u32  number - the number of the last entry that was durable when it was written; the
 *               greatest u32: so much or more
 *      28  u32  low half of the hash of the frame before; of the first: 0
 *      32       payload
 * The seed is of node, cluster, kind and number of the file: frames that strayed from elsewhere do
 * not fit. The hash at 12 lets a reader that looks for the next frame behind damage reject a place
 * without reading what would be the payload. */
#define GOSSIP__FRAME_HEAD 32u
#define GOSSIP__FRAME_ALIGN 8u
#define GOSSIP__PAYLOAD_MAX (20u << 20) /* more than the largest entry */

typedef enum gossip__kind { GOSSIP__LOG = 1, GOSSIP__SNAPSHOT = 2 } gossip__kind;
uint64_t gossip__seed(uint64_t node, uint64_t cluster, gossip__kind kind, uint64_t number);
size_t   gossip__frame_size(size_t payload);
/* Appends a frame without hashes and chain; they come when it is sealed. */
void     gossip__frame_put(crdt_buf *out, uint64_t number, uint64_t durable, crdt_view payload);
uint32_t gossip__head_hash(const uint8_t *frame, uint64_t seed); /* the hash at 12 */
/* Seals the frame at this place. chain is that of the frame before, and becomes its own. Returns
 * its size. */
size_t gossip__frame_seal(uint8_t *frame, uint64_t seed, uint32_t *chain);

typedef struct gossip__frame {
    uint64_t  offset, number, durable;
    crdt_view payload; /* borrowed until the next call on the reader */
    uint64_t  from;    /* where it should have been: the end of the frame before */
    uint64_t  skipped; /* bytes from there on that are no frame */
} gossip__frame;

/* Reads the frames of one file, and finds the next one behind what is damaged. */
typedef struct gossip__reader {
    const gossip_files *files;
    const crdt_mem     *mem;
    int64_t             fd;
    uint64_t            size, seed;
    uint8_t            *data; /* the bytes of the file from base on */
    size_t              have, cap;
    uint64_t            base, at; /* at: where the next frame may be */
    uint64_t            from;     /* where it should be */
    uint64_t            number;   /* of the last good frame */
    uint32_t            chain;
    bool                any;        /* there was a good frame */
    bool                unreadable; /* the system could not read some of it */
    uint64_t            budget;     /* bytes that may yet be hashed in vain */
} gossip__reader;
/* Errors: ENOENT, EIO. The reader is closed then. */
crdt_err gossip__reader_open(gossip__reader *reader, const gossip_files *files, const crdt_mem *mem,
                             const char *name, uint64_t seed);
void     gossip__reader_close(gossip__reader *reader); /* {0} or a closed one is fine */
/* ENOENT: no more; skipped tells of the bytes before the end. ENOMEM: the same can be tried
 * again. */
crdt_err gossip__reader_next(gossip__reader *reader, gossip__frame *ret_frame);

/* -- The disk ---------------------------------------------------------------------------------- */

typedef struct gossip__segment {
    uint64_t number;   /* log.N */
    uint64_t first;    /* the number of its first entry; 0: not known */
    uint64_t limit;    /* what has this number or a greater one was written again by a later one */
    uint64_t proves;   /* entries up to here are known to have been durable once */
    uint64_t unproven; /* where its first entry stands that is not known to be durable; 0: none */
    uint64_t position; /* of its first entry; 0: from a run before */
    bool     named;    /* its first frame is good; `before` holds then */
    uint64_t before;   /* entries up to here were durable when it began */
} gossip__segment;

typedef enum gossip__stage {
    GOSSIP__OPENED,
    GOSSIP__RECOVERED,
    GOSSIP__BEGUN,
    GOSSIP__STOPPING,
    GOSSIP__STOPPED
} gossip__stage;

/* Where reading the log stands. */
typedef struct gossip__walk {
    size_t         segment;
    bool           open, over;
    uint64_t       expected; /* the number of the next entry */
    gossip__frame  frame;    /* read, and not given out yet if held */
    bool           held;
    bool           unreadable; /* the system could not read some of what is behind it */
    uint64_t       unknown;    /* bytes since the last entry that are none */
    gossip__reader reader;
} gossip__walk;

/* What is not as it should be, found on a walk. */
typedef struct gossip__hole {
    uint64_t segment, offset, skipped; /* where; bytes */
    uint64_t first, count, proven;     /* entries that lack; of them known to have been durable */
    bool     head;                     /* the segment's first frame was durable, and is damaged */
} gossip__hole;

/* A sync that the caller does: what is durable once it is done. */
typedef struct gossip__flushing {
    bool     on;
    uint64_t next;     /* the number of the first entry that it does not cover */
    uint64_t position; /* of that one, once it was appended */
    size_t   size;     /* bytes of the tail that it covers */
} gossip__flushing;

/* A snapshot that is being written, part by part. */
typedef struct gossip__saver {
    bool     open;
    int64_t  fd;
    uint64_t number, first, position; /* snapshot.N; the first entry that is kept; what it is of */
    size_t   taken;                   /* bytes of it */
    uint64_t seed, at, frame;         /* of the file; where it ends; the next frame's number */
    uint32_t chain;
} gossip__saver;

struct gossip_disk {
    gossip_files        files;
    const crdt_mem     *mem;
    gossip_disk_options options;
    gossip__stage       stage;
    uint64_t            ids[1 + GOSSIP_OLDER_MAX]; /* who writes, and before it; 0: none */

    /* recovery */
    bool             mark_read, marked; /* the mark of a clean stop was looked for; found */
    gossip__line     mark;
    uint64_t         snapshot; /* the newest whole one; 0: none */
    uint64_t         snapshot_first;
    gossip__segment *segments; /* ascending by number */
    size_t           segments_count, segments_cap;
    gossip__walk     walk;

    /* writing */
    int64_t  fd;            /* of the last segment; -1: the next sync begins one */
    uint64_t number;        /* the greatest of any segment or snapshot */
    uint64_t base;          /* in the segment: where tail begins */
    crdt_buf tail;          /* frames that a failed sync would have to write again */
    size_t   sealed;        /* bytes of it */
    size_t   written;       /* bytes of it that are in the segment */
    uint32_t chain;         /* of the last sealed frame */
    uint64_t next, durable; /* the number of the next entry; all up to here are synced */
    uint64_t tail_first;    /* the number of the first entry in tail */
    uint64_t tail_position, last_position; /* of the first entry in tail; of the last appended */
    uint64_t covered;                      /* the position of this run's last snapshot */
    bool     appended;                     /* in this run */
    bool     named;                        /* the segment: it ends in .new until then */
    bool     entered;                      /* the segment's name in the directory is synced */
    crdt_buf scratch;
    gossip__flushing flushing;
    gossip__saver    saver;
    bool             cluttered; /* there may be files that nothing needs any more */
};

/* disk_log.c: the segments, and a walk over them. */
crdt_err gossip__log_list(gossip_disk *disk); /* fills segments, by number alone */
/* Looks into each segment. end: the number of the last entry that is known to have been durable; 0:
 * not known. Errors: ENOMEM, EIO, EVERSION. */
crdt_err gossip__log_gather(gossip_disk *disk, uint64_t end);
/* Appends the first frame of a segment. */
void gossip__log_head(crdt_buf *out, const gossip_disk *disk, const gossip__segment *segment);
void gossip__walk_begin(gossip_disk *disk);
void gossip__walk_end(gossip_disk *disk);
/* The next entry; EMALFORMED: a hole, perhaps without entries; ENOENT: the end, hole->skipped bytes
 * of it were torn. Errors: ENOMEM (try again), EIO. */
crdt_err gossip__walk_next(gossip_disk *disk, gossip__frame *ret_frame, gossip__hole *ret_hole);
void     gossip__log_forget(gossip_disk *disk, uint64_t below); /* segments below this number */
crdt_err gossip__segment_add(gossip_disk *disk, const gossip__segment *segment);

/* disk_write.c */
crdt_err gossip__disk_append(void *user, uint64_t position, crdt_view entry);
crdt_err gossip__disk_sync(void *user);
crdt_err gossip__disk_replica(void *user, uint64_t replica); /* disk.c */
crdt_err gossip__disk_sync_whole(gossip_disk *disk);         /* whatever the policy is */
void     gossip__disk_give_up(gossip_disk *disk); /* the open segment: the next one goes on */

/* disk_snapshot.c */
crdt_err gossip__snapshot_find(gossip_disk *disk, gossip_recovery *found);
crdt_err gossip__snapshot_write(void *user, uint64_t position, crdt_view snapshot, size_t *at);
void     gossip__snapshot_close(gossip_disk *disk); /* one that is being written, if any */
/* The files that the snapshot stands for, and unfinished ones, go: a piece of one, if some are
 * left. */
void gossip__disk_clear_up(gossip_disk *disk);

#endif
