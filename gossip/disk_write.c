/* disk_write.c: appending and syncing. The tail in memory is what a failed sync writes again. */
#include <fcntl.h>
#include <string.h>

#include "gossip/core/disk.h"

#define TAIL_MAX (16u << 20)

crdt_err gossip__disk_append(void *user, uint64_t position, crdt_view entry)
{
    gossip_disk *disk = user;
    if (disk->stage != GOSSIP__BEGUN || (disk->appended && position <= disk->last_position)) {
        return CRDT_EINVAL;
    }
    if (entry.size > GOSSIP__PAYLOAD_MAX) return CRDT_ELIMIT;
    if (disk->next > GOSSIP__NUMBER_MAX) return CRDT_EIO; /* only forged files come to that */
    if (disk->tail.size > TAIL_MAX) {
        crdt_err err = gossip__disk_sync_whole(disk);
        if (err != CRDT_OK) return err;
    }
    gossip__frame_put(&disk->tail, disk->next, disk->durable, entry);
    if (disk->tail.failed) {
        disk->tail.failed = false;
        return CRDT_ENOMEM;
    }
    if (disk->next == disk->tail_first) disk->tail_position = position;
    if (disk->next == disk->flushing.next) disk->flushing.position = position;
    disk->last_position = position;
    disk->appended = true;
    disk->next++;
    return CRDT_OK;
}

/* -- Segments ---------------------------------------------------------------------------------- */

/* Where an acknowledgement does not mean synced, what was written stays in the old segment until
 * the next one holds it, too: the process may die before. */
void gossip__disk_give_up(gossip_disk *disk)
{
    disk->flushing.on = false;
    if (disk->fd < 0) return;
    gossip__name  name = gossip__name_of("log", disk->number, disk->named ? "" : ".new");
    gossip_files *files = &disk->files;
    size_t        kept = disk->options.sync == GOSSIP_SYNC_ALWAYS ? 0 : disk->written;
    bool          first = disk->segments[disk->segments_count - 1].first == disk->tail_first;
    bool          empty = first && kept == 0;
    if (!empty) (void)files->truncate(files->user, disk->fd, disk->base + kept);
    (void)files->close(files->user, disk->fd);
    disk->fd = -1;
    if (empty) {
        (void)files->unlink(files->user, name.text);
        disk->segments_count--;
    }
    disk->sealed = disk->written = 0;
}

/* The next segment, from the first entry in the tail on. Its first frame is written. It gets its
 * name once it holds all that was written before: until then it does not count. */
static crdt_err next_segment(gossip_disk *disk)
{
    gossip__segment segment = {.number = disk->number + 1,
                               .first = disk->tail_first,
                               .position = disk->tail_position,
                               .before = disk->durable};
    gossip__name    name = gossip__name_of("log", segment.number, ".new");
    if (segment.number > GOSSIP__NUMBER_MAX) return CRDT_EIO; /* only forged files come to that */
    uint64_t seed =
        gossip__seed(disk->options.node, disk->options.cluster, GOSSIP__LOG, segment.number);
    crdt_buf_reset(&disk->scratch);
    gossip__log_head(&disk->scratch, disk, &segment);
    crdt_err err = crdt_buf_status(&disk->scratch);
    if (err == CRDT_OK) err = gossip__segment_add(disk, &segment);
    if (err != CRDT_OK) {
        disk->scratch.failed = false;
        return err;
    }
    disk->number = segment.number;
    disk->fd = disk->files.open(disk->files.user, name.text, O_RDWR | O_CREAT | O_TRUNC);
    if (disk->fd < 0) {
        disk->segments_count--;
        return CRDT_EIO;
    }
    disk->chain = 0;
    gossip__frame_seal(disk->scratch.data, seed, &disk->chain);
    disk->base = disk->scratch.size;
    disk->sealed = disk->written = 0;
    disk->named = disk->entered = false;
    if (gossip__write_all(&disk->files, disk->fd, disk->scratch.data, disk->scratch.size, 0)) {
        return CRDT_OK;
    }
    gossip__disk_give_up(disk);
    return CRDT_EIO;
}

static bool name_segment(gossip_disk *disk)
{
    gossip__name fresh = gossip__name_of("log", disk->number, ".new");
    gossip__name name = gossip__name_of("log", disk->number, "");
    if (disk->named) return true;
    disk->named = disk->files.rename(disk->files.user, fresh.text, name.text) == 0;
    return disk->named;
}

/* -- Writing and syncing ----------------------------------------------------------------------- */

/* The segment's bytes and its name are synced, or it is given up. */
static crdt_err sync_segment(gossip_disk *disk)
{
    gossip_files *files = &disk->files;
    if (files->sync(files->user, disk->fd) == 0 &&
        (disk->entered || files->sync(files->user, -1) == 0)) {
        disk->entered = true;
        return CRDT_OK;
    }
    gossip__disk_give_up(disk);
    return CRDT_EIO;
}

/* Writes what the segment lacks of the tail. */
static crdt_err write_tail(gossip_disk *disk)
{
    if (disk->written == disk->tail.size) return CRDT_OK;
    if (disk->fd >= 0 && disk->written == 0 && disk->base >= disk->options.segment_bytes) {
        (void)disk->files.close(disk->files.user, disk->fd); /* it is full, and synced */
        disk->fd = -1;
    }
    crdt_err err = disk->fd < 0 ? next_segment(disk) : CRDT_OK;
    if (err != CRDT_OK) return err;
    uint64_t seed =
        gossip__seed(disk->options.node, disk->options.cluster, GOSSIP__LOG, disk->number);
    while (disk->sealed < disk->tail.size) {
        disk->sealed += gossip__frame_seal(disk->tail.data + disk->sealed, seed, &disk->chain);
    }
    if (!gossip__write_all(&disk->files, disk->fd, disk->tail.data + disk->written,
                           disk->tail.size - disk->written, disk->base + disk->written) ||
        !name_segment(disk)) {
        gossip__disk_give_up(disk);
        return CRDT_EIO;
    }
    disk->written = disk->tail.size;
    return CRDT_OK;
}

/* All before this entry is durable: so many bytes of the tail. */
static void drop_tail(gossip_disk *disk, uint64_t next, size_t size, uint64_t position)
{
    disk->durable = next - 1;
    disk->base += size;
    disk->sealed -= size;
    disk->written -= size;
    disk->tail_first = next;
    disk->tail_position = position;
    disk->tail.size -= size;
    memmove(disk->tail.data, disk->tail.data + size, disk->tail.size);
}

/* Of two syncs at once one may be told of an error that then concerns both. So what the other is
 * about is given up, and written again. */
crdt_err gossip__disk_sync_whole(gossip_disk *disk)
{
    if (disk->flushing.on) gossip__disk_give_up(disk);
    crdt_err err = write_tail(disk);
    if (err != CRDT_OK || disk->fd < 0 || disk->durable + 1 == disk->next) return err;
    err = sync_segment(disk);
    if (err == CRDT_OK) drop_tail(disk, disk->next, disk->tail.size, 0);
    return err;
}

/* A full segment, or one whose name is not durable yet, is synced here: then nothing is left to be
 * written again, and the next write may begin a new one. */
crdt_err gossip_disk_flush_begin(gossip_disk *disk, int64_t *ret_fd)
{
    *ret_fd = -1;
    if (disk->stage != GOSSIP__BEGUN || disk->options.sync == GOSSIP_SYNC_ALWAYS) {
        return CRDT_EINVAL;
    }
    if (disk->flushing.on) return CRDT_EBUSY;
    crdt_err err = write_tail(disk);
    if (err != CRDT_OK || disk->fd < 0 || disk->durable + 1 == disk->next) return err;
    if (!disk->entered || disk->base >= disk->options.segment_bytes) {
        return gossip__disk_sync_whole(disk);
    }
    disk->flushing = (gossip__flushing){true, disk->next, 0, disk->written};
    *ret_fd = disk->fd;
    return CRDT_OK;
}

crdt_err gossip_disk_flush_end(gossip_disk *disk, bool synced)
{
    gossip__flushing done = disk->flushing;
    if (!done.on) return CRDT_OK;
    if (synced) {
        disk->flushing = (gossip__flushing){0};
        drop_tail(disk, done.next, done.size, done.position);
        return CRDT_OK;
    }
    gossip__disk_give_up(disk);
    return CRDT_EIO;
}

crdt_err gossip__disk_sync(void *user)
{
    gossip_disk *disk = user;
    if (disk->stage != GOSSIP__BEGUN) return CRDT_EINVAL;
    gossip__disk_clear_up(disk); /* before: there may be no room otherwise */
    return disk->options.sync == GOSSIP_SYNC_ALWAYS ? gossip__disk_sync_whole(disk)
                                                    : write_tail(disk);
}
