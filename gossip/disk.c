/* disk.c: opening, recovering, beginning, stopping. */
#include "gossip/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "gossip/core/disk.h"

#define RESERVE (64u << 10)
#define ASIDE_BYTES (1u << 20) /* of one damaged place so much is kept aside */
#define ASIDE_PLACES 16u       /* of so many places */
#define BLOCK 4096u
#define REPLICA_COUNT (2u + GOSSIP_OLDER_MAX) /* numbers in the file */
#define FRAME_MIN (GOSSIP__FRAME_HEAD + GOSSIP__FRAME_ALIGN)

gossip_disk_options gossip_disk_options_default(uint64_t cluster, uint64_t node)
{
    gossip_disk_options options;
    memset(&options, 0, sizeof options);
    options.struct_size = sizeof options;
    options.cluster = cluster;
    options.node = node;
    options.sync = GOSSIP_SYNC_ALWAYS;
    options.segment_bytes = UINT64_C(64) << 20;
    options.part_bytes = (size_t)1 << 20;
    return options;
}

/* -- Opening ----------------------------------------------------------------------------------- */

/* Is there anything in the directory that a disk wrote? */
static crdt_err holds_files(const gossip_files *files, bool *ret_any)
{
    char    name[256];
    int64_t err;
    *ret_any = false;
    for (size_t i = 0; (err = files->list(files->user, i, name)) == 0; i++) {
        if (gossip__name_number(name, "log") != 0 || gossip__name_number(name, "snapshot") != 0 ||
            strcmp(name, "replica") == 0 || strcmp(name, "clean") == 0) {
            *ret_any = true;
        }
    }
    return err == -ENOENT ? CRDT_OK : CRDT_EIO;
}

crdt_err gossip_disk_whose(const gossip_files *files, uint64_t *ret_node, uint64_t *ret_cluster)
{
    gossip__line line = {.word = "node", .count = 3};
    bool         any;
    crdt_err     err = gossip__line_read(files, &line);
    *ret_node = *ret_cluster = 0;
    if (err == CRDT_ENOENT) {
        crdt_err listed = holds_files(files, &any);
        return listed != CRDT_OK ? listed : any ? CRDT_EMALFORMED : CRDT_ENOENT;
    }
    if (err != CRDT_OK) return err;
    *ret_node = line.at[1];
    *ret_cluster = line.at[2];
    return CRDT_OK;
}

static crdt_err check_node(const gossip_disk_options *options, const gossip_files *files,
                           const char **ret_problem)
{
    gossip__line line = {.word = "node", .count = 3};
    bool         any = false;
    crdt_err     err = gossip__line_read(files, &line);
    if (err == CRDT_ENOENT) {
        err = holds_files(files, &any);
        if (err == CRDT_OK && any) {
            *ret_problem = "the file `node` is gone, and other files of a node are there";
            return CRDT_EMALFORMED;
        }
        line.at[0] = GOSSIP__FORMAT;
        line.at[1] = options->node;
        line.at[2] = options->cluster;
        if (err == CRDT_OK && !gossip__line_write(files, &line)) err = CRDT_EIO;
        if (err != CRDT_OK) *ret_problem = "the file `node` cannot be written";
        return err;
    }
    if (err == CRDT_EIO) *ret_problem = "the file `node` cannot be read";
    if (err == CRDT_EMALFORMED) *ret_problem = "the file `node` is damaged";
    if (err == CRDT_EVERSION) *ret_problem = "the directory was written by a newer format";
    if (err != CRDT_OK) return err;
    if (line.at[1] != options->node) *ret_problem = "the directory is another node's";
    else if (line.at[2] != options->cluster) *ret_problem = "the directory is another cluster's";
    else return CRDT_OK;
    return CRDT_EEXIST;
}

crdt_err gossip_disk_open(const gossip_disk_options *options, const gossip_files *files,
                          const crdt_mem *mem, gossip_disk **ret_disk, char ret_problem[256])
{
    const char   *problem = "";
    gossip__words words = gossip__words_into(ret_problem, 256);
    if (options->node == 0 || options->cluster == 0 || options->sync > GOSSIP_SYNC_NO ||
        options->part_bytes == 0) {
        gossip__words_text(&words, "no node id, no cluster id, no such policy, or empty parts");
        return CRDT_EINVAL;
    }
    if (mem == NULL) mem = crdt_mem_default();
    crdt_err err = check_node(options, files, &problem);
    gossip__words_text(&words, problem);
    if (err != CRDT_OK) return err;
    gossip_disk *disk = mem->alloc(mem->user, sizeof *disk);
    if (disk == NULL) return CRDT_ENOMEM;
    memset(disk, 0, sizeof *disk);
    disk->files = *files;
    disk->mem = mem;
    disk->options = *options;
    disk->fd = -1;
    crdt_buf_init(&disk->tail, mem);
    crdt_buf_init(&disk->scratch, mem);
    *ret_disk = disk;
    return CRDT_OK;
}

void gossip_disk_close(gossip_disk *disk)
{
    if (disk == NULL) return;
    gossip__walk_end(disk);
    gossip__snapshot_close(disk);
    if (disk->fd >= 0) (void)disk->files.close(disk->files.user, disk->fd);
    crdt_buf_clear(&disk->tail);
    crdt_buf_clear(&disk->scratch);
    if (disk->segments != NULL) {
        disk->mem->release(disk->mem->user, disk->segments,
                           disk->segments_cap * sizeof *disk->segments);
    }
    disk->mem->release(disk->mem->user, disk, sizeof *disk);
}

/* -- Recovering -------------------------------------------------------------------------------- */

static void note(gossip_recovery *found, const char *problem)
{
    if (found->problem[0] != 0) return;
    gossip__words words = gossip__words_into(found->problem, sizeof found->problem);
    gossip__words_text(&words, problem);
}

static void note_hole(gossip_recovery *found, const gossip__hole *hole)
{
    if (found->problem[0] != 0) return;
    gossip__words words = gossip__words_into(found->problem, sizeof found->problem);
    gossip__words_text(&words, "log.");
    gossip__words_number(&words, hole->segment);
    gossip__words_text(&words, " at byte ");
    gossip__words_number(&words, hole->offset);
    gossip__words_text(&words, hole->skipped > 0 ? ": damaged for " : ": too short by ");
    if (hole->skipped > 0) {
        gossip__words_number(&words, hole->skipped);
        gossip__words_text(&words, " bytes; ");
    }
    if (hole->count == 0) {
        gossip__words_text(&words, "no entry lacks");
        return;
    }
    gossip__words_text(&words, "entries ");
    gossip__words_number(&words, hole->first);
    gossip__words_text(&words, " to ");
    gossip__words_number(&words, hole->first + hole->count - 1);
    gossip__words_text(&words, hole->skipped > 0 ? " lack" : "");
}

/* Keeps the damaged bytes aside, for people. They stay in the segment, too, as long as it does. */
static void keep_aside(gossip_disk *disk, const gossip__hole *hole)
{
    gossip_files *files = &disk->files;
    uint8_t       block[BLOCK];
    gossip__name  from = gossip__name_of("log", hole->segment, "");
    gossip__name  stem = gossip__name_of("quarantine", hole->segment, "");
    gossip__name  to = gossip__name_of(stem.text, hole->offset, "");
    uint64_t      size = hole->skipped < ASIDE_BYTES ? hole->skipped : ASIDE_BYTES;
    int64_t       in = files->open(files->user, from.text, O_RDONLY);
    int64_t       out = in < 0 ? in : files->open(files->user, to.text, O_RDWR | O_CREAT | O_EXCL);
    for (uint64_t at = 0; out >= 0 && at < size; at += BLOCK) {
        size_t part = size - at < BLOCK ? (size_t)(size - at) : BLOCK;
        (void)gossip__read_all(files, in, block, part, hole->offset + at);
        if (!gossip__write_all(files, out, block, part, at)) break;
    }
    if (in >= 0) (void)files->close(files->user, in);
    if (out >= 0) (void)files->close(files->user, out);
}

/* What was read was perhaps not synced when the last run ended, nor would a sync tell of an error
 * that it was told of. So it is written again, the same bytes in the same place, and synced. */
static crdt_err settle_segment(gossip_disk *disk, const gossip__segment *segment)
{
    gossip_files *files = &disk->files;
    uint8_t       block[BLOCK];
    gossip__name  name = gossip__name_of("log", segment->number, "");
    int64_t       fd = files->open(files->user, name.text, O_RDWR);
    if (fd < 0) return CRDT_EIO;
    int64_t size = files->size(files->user, fd);
    bool    ok = size >= 0;
    for (uint64_t at = segment->unproven; ok && at < (uint64_t)size; at += BLOCK) {
        size_t part = (uint64_t)size - at < BLOCK ? (size_t)((uint64_t)size - at) : BLOCK;
        if (!gossip__read_all(files, fd, block, part, at)) continue;
        ok = gossip__write_all(files, fd, block, part, at);
    }
    ok = ok && files->sync(files->user, fd) == 0 && files->sync(files->user, -1) == 0;
    (void)files->close(files->user, fd);
    return ok ? CRDT_OK : CRDT_EIO;
}

static crdt_err settle(gossip_disk *disk)
{
    crdt_err err = CRDT_OK;
    for (size_t i = 0; err == CRDT_OK && i < disk->segments_count; i++) {
        if (disk->segments[i].unproven != 0) err = settle_segment(disk, &disk->segments[i]);
    }
    return err;
}

/* One walk over all entries, to say what there is. */
static crdt_err survey(gossip_disk *disk, gossip_recovery *found)
{
    gossip__frame frame;
    gossip__hole  hole;
    crdt_err      err;
    unsigned      aside = 0;
    bool          torn_between = false;
    gossip__walk_begin(disk);
    while ((err = gossip__walk_next(disk, &frame, &hole)) != CRDT_ENOENT) {
        if (err == CRDT_OK) {
            found->entries++;
            found->bytes += frame.payload.size;
        } else if (err != CRDT_EMALFORMED) {
            return err;
        } else if (hole.proven > 0 || hole.head) {
            found->bad_frames += hole.proven + hole.head;
            note_hole(found, &hole);
            if (hole.skipped > 0 && aside++ < ASIDE_PLACES) keep_aside(disk, &hole);
        } else {
            found->torn_bytes += hole.skipped;
            torn_between = torn_between || hole.count > 0 || hole.offset == 0;
        }
    }
    found->torn_bytes += hole.skipped;
    if (disk->walk.unreadable) note(found, "the system cannot read some of the log");
    disk->durable = disk->walk.expected - 1;
    /* The next entry's number leaves room for what these bytes may turn out to be once the system
     * can read them: what has the number of a later segment's entry counts as written again. */
    disk->next = disk->walk.expected + disk->walk.unknown / FRAME_MIN;
    if (torn_between && disk->segments_count > 0) {
        disk->durable = disk->segments[disk->segments_count - 1].proves;
    }
    return settle(disk);
}

/* Reads the mark of a clean stop, once: it is about to be consumed. */
static crdt_err read_mark(gossip_disk *disk, gossip_recovery *found)
{
    if (disk->mark_read) return CRDT_OK;
    disk->mark = (gossip__line){.word = "clean", .count = 8, .identity = true};
    crdt_err err = gossip__line_read(&disk->files, &disk->mark);
    if (err == CRDT_EIO) return CRDT_EIO;
    if (err == CRDT_OK &&
        (disk->mark.at[3] >= GOSSIP__NUMBER_MAX || disk->mark.at[4] > disk->mark.at[3])) {
        err = CRDT_EMALFORMED;
    }
    if (err == CRDT_EMALFORMED || err == CRDT_EVERSION) {
        note(found, "the mark of a clean stop is damaged, or was made elsewhere");
    }
    disk->marked = err == CRDT_OK;
    disk->mark_read = true;
    return CRDT_OK;
}

static crdt_err consume_mark(gossip_disk *disk)
{
    int64_t err = disk->files.unlink(disk->files.user, "clean");
    if (err == -ENOENT && !disk->marked) return CRDT_OK;
    if (err != 0 && err != -ENOENT) return CRDT_EIO;
    return disk->files.sync(disk->files.user, -1) == 0 ? CRDT_OK : CRDT_EIO;
}

static crdt_err find_all(gossip_disk *disk, gossip_recovery *found)
{
    gossip__line replica = {.word = "replica", .count = REPLICA_COUNT};
    crdt_err     err = gossip__line_read(&disk->files, &replica);
    if (err == CRDT_EMALFORMED) note(found, "the file `replica` is damaged");
    else if (err != CRDT_OK && err != CRDT_ENOENT) return err;
    else found->fresh = err == CRDT_ENOENT;
    memset(disk->ids, 0, sizeof disk->ids);
    if (err == CRDT_OK) memcpy(disk->ids, replica.at + 1, sizeof disk->ids);
    found->replica = disk->ids[0];
    for (; found->older_count < GOSSIP_OLDER_MAX; found->older_count++) {
        uint64_t id = disk->ids[1 + found->older_count];
        if (id == 0) break;
        found->older[found->older_count] = id;
    }
    disk->number = 0;
    err = read_mark(disk, found);
    if (err == CRDT_OK) err = gossip__snapshot_find(disk, found);
    if (err == CRDT_OK) err = gossip__log_list(disk);
    if (err == CRDT_OK) err = gossip__log_gather(disk, disk->marked ? disk->mark.at[4] : 0);
    if (err == CRDT_OK) err = survey(disk, found);
    if (err == CRDT_OK) err = consume_mark(disk);
    return err;
}

crdt_err gossip_disk_recover(gossip_disk *disk, gossip_recovery *ret_found)
{
    gossip_recovery found;
    if (disk->stage != GOSSIP__OPENED) return CRDT_EINVAL;
    memset(&found, 0, sizeof found);
    crdt_err err = find_all(disk, &found);
    if (err != CRDT_OK) {
        gossip__walk_end(disk);
        return err;
    }
    const uint64_t *mark =
        disk->mark.at; /* format, replica, last_seq, end, durable, snapshot, file */
    found.fresh = found.fresh && disk->number == 0;
    found.snapshot_position = disk->snapshot_first;
    found.clean = disk->marked && found.problem[0] == 0 && found.bad_frames == 0 &&
                  mark[1] == found.replica && mark[3] == disk->next - 1 &&
                  mark[5] <= disk->snapshot;
    /* One that never wrote has not succeeded those before it. */
    if (mark[2] == 0 && found.older_count > 0) found.clean = false;
    if (found.clean) found.last_seq = mark[2];
    gossip__walk_begin(disk);
    disk->stage = GOSSIP__RECOVERED;
    *ret_found = found;
    return CRDT_OK;
}

crdt_err gossip_disk_next(gossip_disk *disk, uint64_t *ret_position, crdt_view *ret_entry)
{
    gossip__frame frame;
    gossip__hole  hole;
    if (disk->stage != GOSSIP__RECOVERED) return CRDT_EINVAL;
    crdt_err err;
    do err = gossip__walk_next(disk, &frame, &hole);
    while (err == CRDT_EMALFORMED && hole.count == 0);
    if (err != CRDT_OK) return err;
    *ret_position = frame.number;
    *ret_entry = frame.payload;
    return CRDT_OK;
}

/* -- Writing ----------------------------------------------------------------------------------- */

/* Room that a stop on a full disk can have. */
static void keep_reserve(gossip_disk *disk)
{
    gossip_files *files = &disk->files;
    uint8_t       block[BLOCK];
    int64_t       fd = files->open(files->user, "reserve", O_RDWR | O_CREAT);
    if (fd < 0) return;
    memset(block, 0x5a, sizeof block); /* not zeros, which some file systems do not store */
    for (uint64_t at = 0; files->size(files->user, fd) < (int64_t)RESERVE && at < RESERVE;
         at += BLOCK) {
        if (!gossip__write_all(files, fd, block, BLOCK, at)) break;
    }
    (void)files->close(files->user, fd);
}

static crdt_err write_replica(gossip_disk *disk, uint64_t replica)
{
    gossip__line line = {.word = "replica", .count = REPLICA_COUNT, .at = {GOSSIP__FORMAT}};
    if (disk->ids[0] == replica) return CRDT_OK;
    size_t older = disk->ids[0] == 0 ? 0 : sizeof disk->ids - sizeof replica;
    line.at[1] = replica;
    memcpy(line.at + 2, disk->ids, older);
    if (!gossip__line_write(&disk->files, &line)) return CRDT_EIO;
    memcpy(disk->ids, line.at + 1, sizeof disk->ids);
    return CRDT_OK;
}

crdt_err gossip__disk_replica(void *user, uint64_t replica)
{
    gossip_disk *disk = user;
    if (disk->stage != GOSSIP__BEGUN || replica == 0) return CRDT_EINVAL;
    return write_replica(disk, replica);
}

crdt_err gossip_disk_begin(gossip_disk *disk, uint64_t replica)
{
    if (disk->stage != GOSSIP__RECOVERED || replica == 0) return CRDT_EINVAL;
    crdt_err err = write_replica(disk, replica);
    if (err != CRDT_OK) return err;
    gossip__walk_end(disk);
    gossip__log_forget(disk, disk->snapshot);
    disk->cluttered = true;
    while (disk->cluttered) gossip__disk_clear_up(disk);
    keep_reserve(disk);
    disk->tail_first = disk->next;
    disk->stage = GOSSIP__BEGUN;
    return CRDT_OK;
}

gossip_persist gossip_disk_persist(gossip_disk *disk)
{
    gossip_persist persist = {gossip__disk_append, gossip__disk_sync, gossip__snapshot_write,
                              gossip__disk_replica, disk};
    return persist;
}

crdt_err gossip_disk_flush(gossip_disk *disk)
{
    return disk->stage == GOSSIP__BEGUN ? gossip__disk_sync_whole(disk) : CRDT_EINVAL;
}

crdt_err gossip_disk_stop(gossip_disk *disk, uint64_t replica, uint64_t last_seq)
{
    if (disk->stage != GOSSIP__BEGUN && disk->stage != GOSSIP__STOPPING) return CRDT_EINVAL;
    if (replica != disk->ids[0]) return CRDT_EINVAL;
    gossip__line mark = {
        .word = "clean", .count = 8, .identity = true, .at = {GOSSIP__FORMAT, replica, last_seq}};
    crdt_err err = gossip__disk_sync_whole(disk);
    if (err == CRDT_EIO && disk->files.unlink(disk->files.user, "reserve") == 0) {
        err = gossip__disk_sync_whole(disk);
    }
    if (err != CRDT_OK) return err;
    disk->stage = GOSSIP__STOPPING; /* nothing may follow a mark that may be there */
    mark.at[3] = disk->next - 1;
    mark.at[4] = disk->durable;
    mark.at[5] = disk->snapshot;
    bool ok = gossip__line_write(&disk->files, &mark);
    if (!ok && disk->files.unlink(disk->files.user, "reserve") == 0) {
        ok = gossip__line_write(&disk->files, &mark);
    }
    if (!ok) return CRDT_EIO;
    disk->stage = GOSSIP__STOPPED;
    return CRDT_OK;
}
