/* disk_snapshot.c: snapshots in files. A first frame, the bytes in frames, and an end without which
 * it is none. They are written a part at a time, each synced, so that no sync has much to do. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "gossip/core/disk.h"

static const char magic[8] = {'c', 'o', 'n', 'c', 'u', 'r', 'S', 'N'};
#define HEAD_BYTES 56u /* magic, format, 0, number, node, cluster, first, size */
#define SLICE (64u << 10)
#define PIECE (8u << 20) /* of a file that goes */
#define CANDIDATES 8u    /* of damaged snapshots so many are looked at */

static uint64_t seed_of(const gossip_disk *disk, uint64_t number)
{
    return gossip__seed(disk->options.node, disk->options.cluster, GOSSIP__SNAPSHOT, number);
}

/* -- Writing ----------------------------------------------------------------------------------- */

void gossip__snapshot_close(gossip_disk *disk)
{
    if (disk->saver.open) (void)disk->files.close(disk->files.user, disk->saver.fd);
    disk->saver.open = false;
}

static gossip__name fresh_name(const gossip__saver *saver)
{
    return gossip__name_of("snapshot", saver->number, ".new");
}

static void give_up(gossip_disk *disk)
{
    if (!disk->saver.open) return;
    gossip__snapshot_close(disk);
    (void)disk->files.unlink(disk->files.user, fresh_name(&disk->saver).text);
}

static crdt_err put(gossip_disk *disk, crdt_view payload)
{
    gossip__saver *saver = &disk->saver;
    crdt_buf      *frame = &disk->scratch;
    crdt_buf_reset(frame);
    gossip__frame_put(frame, saver->frame, saver->frame, payload);
    if (frame->failed) {
        frame->failed = false;
        return CRDT_ENOMEM;
    }
    gossip__frame_seal(frame->data, saver->seed, &saver->chain);
    if (!gossip__write_all(&disk->files, saver->fd, frame->data, frame->size, saver->at)) {
        return CRDT_EIO;
    }
    saver->at += frame->size;
    saver->frame++;
    return CRDT_OK;
}

static crdt_err put_head(gossip_disk *disk, uint64_t size)
{
    const gossip__saver *saver = &disk->saver;
    uint8_t              head[HEAD_BYTES];
    memcpy(head, magic, sizeof magic);
    gossip__store32(head + 8, GOSSIP__FORMAT);
    gossip__store32(head + 12, 0);
    gossip__store64(head + 16, saver->number);
    gossip__store64(head + 24, disk->options.node);
    gossip__store64(head + 32, disk->options.cluster);
    gossip__store64(head + 40, saver->first);
    gossip__store64(head + 48, size);
    return put(disk, crdt_view_of(head, sizeof head));
}

static crdt_err put_part(gossip_disk *disk, crdt_view snapshot)
{
    gossip__saver *saver = &disk->saver;
    crdt_err       err = CRDT_OK;
    size_t         left = snapshot.size - saver->taken, end = snapshot.size;
    if (left > disk->options.part_bytes) end = saver->taken + disk->options.part_bytes;
    while (err == CRDT_OK && saver->taken < end) {
        size_t size = end - saver->taken < SLICE ? end - saver->taken : SLICE;
        err = put(disk, crdt_view_of((const uint8_t *)snapshot.data + saver->taken, size));
        if (err == CRDT_OK) saver->taken += size;
    }
    return err;
}

/* The segment from which on entries are kept beside a snapshot of all before position. */
static uint64_t first_kept(const gossip_disk *disk, uint64_t position, uint64_t *ret_first)
{
    size_t i = disk->segments_count;
    if (i == 0 || !disk->appended || disk->last_position < position) {
        *ret_first = disk->next;
        return disk->number + 1;
    }
    while (i > 1 && disk->segments[i - 1].position > position) i--;
    *ret_first = disk->segments[i - 1].first;
    return disk->segments[i - 1].number;
}

static crdt_err begin(gossip_disk *disk, uint64_t position, uint64_t size)
{
    gossip_files  *files = &disk->files;
    gossip__saver *saver = &disk->saver;
    give_up(disk);
    crdt_err err = gossip__disk_sync_whole(disk);
    if (err != CRDT_OK) return err;
    memset(saver, 0, sizeof *saver);
    saver->number = first_kept(disk, position, &saver->first);
    if (saver->number > GOSSIP__NUMBER_MAX) return CRDT_EIO; /* only forged files come to that */
    if (saver->number > disk->number && disk->fd >= 0) {
        /* Before it is written: even if that fails the file may be there in the end, and stands for
         * all in the segments below it. */
        (void)files->close(files->user, disk->fd);
        disk->fd = -1;
    }
    saver->position = position;
    saver->seed = seed_of(disk, saver->number);
    saver->fd = files->open(files->user, fresh_name(saver).text, O_RDWR | O_CREAT | O_TRUNC);
    if (saver->fd < 0) return CRDT_EIO;
    saver->open = true;
    return put_head(disk, size);
}

/* All its bytes are written: the end, and it takes the place of the one before. */
static crdt_err finish(gossip_disk *disk)
{
    gossip_files  *files = &disk->files;
    gossip__saver *saver = &disk->saver;
    gossip__name   fresh = fresh_name(saver), name = gossip__name_of("snapshot", saver->number, "");
    crdt_err       err = put(disk, crdt_view_of(magic, sizeof magic));
    if (err == CRDT_OK && files->sync(files->user, saver->fd) != 0) err = CRDT_EIO;
    if (err != CRDT_OK) return err;
    saver->open = false;
    bool ok = files->close(files->user, saver->fd) == 0 &&
              files->rename(files->user, fresh.text, name.text) == 0;
    if (!ok) (void)files->unlink(files->user, fresh.text);
    if (!ok || files->sync(files->user, -1) != 0) return CRDT_EIO;
    disk->covered = saver->position;
    disk->snapshot = saver->number;
    disk->snapshot_first = saver->first;
    gossip__log_forget(disk, saver->number);
    disk->cluttered = true;
    return CRDT_OK;
}

crdt_err gossip__snapshot_write(void *user, uint64_t position, crdt_view snapshot, size_t *at)
{
    gossip_disk   *disk = user;
    gossip__saver *saver = &disk->saver;
    crdt_err       err = CRDT_OK;
    if (disk->stage != GOSSIP__BEGUN || position < disk->covered) return CRDT_EINVAL;
    bool goes_on = saver->open && saver->taken == *at && saver->position == position;
    if (*at > 0 && !goes_on) return CRDT_EINVAL;
    gossip__disk_clear_up(disk);
    if (*at == 0) err = begin(disk, position, snapshot.size);
    if (err == CRDT_OK) err = put_part(disk, snapshot);
    if (err == CRDT_OK && saver->taken == snapshot.size) err = finish(disk);
    else if (err == CRDT_OK && disk->files.sync(disk->files.user, saver->fd) != 0) err = CRDT_EIO;
    if (err != CRDT_OK) give_up(disk);
    else *at = saver->taken;
    return err;
}

/* -- What nothing needs any more --------------------------------------------------------------- */

static bool is_clutter(const gossip_disk *disk, const char *name)
{
    uint64_t log = gossip__name_number(name, "log");
    uint64_t snapshot = gossip__name_number(name, "snapshot");
    size_t   size = strlen(name);
    if (log != 0 || snapshot != 0) {
        return log != 0 ? log < disk->snapshot : snapshot != disk->snapshot;
    }
    if (strncmp(name, "snapshot.", 9) != 0 && strncmp(name, "log.", 4) != 0) return false;
    if (size <= 8 || strcmp(name + size - 4, ".new") != 0) return false;
    return !disk->saver.open || strcmp(name, fresh_name(&disk->saver).text) != 0;
}

/* A file goes from its end on: to give back the room of a large one takes long, too. False: it
 * cannot be done now. */
static bool drop_piece(gossip_disk *disk, const char *name)
{
    gossip_files *files = &disk->files;
    int64_t       fd = files->open(files->user, name, O_RDWR), size = 0;
    bool          ok = fd >= 0;
    if (ok) size = files->size(files->user, fd);
    if (size > (int64_t)PIECE) {
        ok = files->truncate(files->user, fd, (uint64_t)size - PIECE) == 0;
    } else if (ok) {
        ok = files->unlink(files->user, name) == 0;
    }
    if (fd >= 0) (void)files->close(files->user, fd);
    return ok;
}

void gossip__disk_clear_up(gossip_disk *disk)
{
    char name[256];
    if (!disk->cluttered) return;
    for (size_t i = 0; disk->files.list(disk->files.user, i, name) == 0; i++) {
        if (!is_clutter(disk, name)) continue;
        disk->cluttered = drop_piece(disk, name); /* else after the next snapshot */
        return;
    }
    disk->cluttered = false;
}

/* -- Reading ----------------------------------------------------------------------------------- */

static crdt_err read_head(const gossip__frame *frame, uint64_t *ret_first, uint64_t *ret_size)
{
    const uint8_t *head = frame->payload.data;
    if (frame->payload.size < 12 || memcmp(head, magic, sizeof magic) != 0) return CRDT_EMALFORMED;
    if (gossip__load32(head + 8) > GOSSIP__FORMAT) return CRDT_EVERSION;
    if (frame->payload.size != HEAD_BYTES) return CRDT_EMALFORMED;
    *ret_first = gossip__load64(head + 40);
    *ret_size = gossip__load64(head + 48);
    return *ret_first > 0 && *ret_first <= GOSSIP__NUMBER_MAX ? CRDT_OK : CRDT_EMALFORMED;
}

/* The frames of a snapshot, its slices appended to out (NULL: only looked at). */
static crdt_err read_frames(gossip__reader *reader, uint64_t *ret_first, crdt_buf *out)
{
    gossip__frame frame;
    uint64_t      left = 0;
    crdt_err      err = gossip__reader_next(reader, &frame);
    if (err == CRDT_OK && frame.skipped == 0) err = read_head(&frame, ret_first, &left);
    else if (err != CRDT_ENOMEM) err = CRDT_EMALFORMED;
    while (err == CRDT_OK && left > 0) {
        err = gossip__reader_next(reader, &frame);
        if (err == CRDT_ENOMEM) break;
        if (err != CRDT_OK || frame.skipped > 0 || frame.payload.size > left) {
            return CRDT_EMALFORMED;
        }
        if (out != NULL) crdt_buf_put(out, frame.payload.data, frame.payload.size);
        left -= frame.payload.size;
    }
    if (err != CRDT_OK) return err;
    err = gossip__reader_next(reader, &frame);
    if (err == CRDT_ENOMEM) return err;
    if (err != CRDT_OK || frame.skipped > 0 || frame.payload.size != sizeof magic) {
        return CRDT_EMALFORMED;
    }
    return out != NULL && out->failed ? CRDT_ENOMEM : CRDT_OK;
}

/* ret_at: how far it is good. */
static crdt_err read_file(gossip_disk *disk, uint64_t number, uint64_t *ret_first, crdt_buf *out,
                          uint64_t *ret_at)
{
    gossip__reader reader;
    gossip__name   name = gossip__name_of("snapshot", number, "");
    crdt_err       err =
        gossip__reader_open(&reader, &disk->files, disk->mem, name.text, seed_of(disk, number));
    if (err != CRDT_OK) return CRDT_EIO;
    err = read_frames(&reader, ret_first, out);
    *ret_at = reader.from;
    gossip__reader_close(&reader);
    return err;
}

crdt_err gossip_disk_snapshot(gossip_disk *disk, crdt_buf *out)
{
    uint64_t first, at;
    size_t   size = out->size;
    bool     failed = out->failed;
    if (disk->stage != GOSSIP__RECOVERED) return CRDT_EINVAL;
    if (disk->snapshot == 0) return CRDT_OK;
    crdt_err err = read_file(disk, disk->snapshot, &first, out, &at);
    if (err == CRDT_OK) return CRDT_OK;
    out->size = size;
    out->failed = failed;
    return err;
}

/* The greatest number of a snapshot below `below`; 0: none. */
static crdt_err newest(gossip_disk *disk, uint64_t below, uint64_t *ret_number)
{
    char    name[256];
    int64_t err;
    *ret_number = 0;
    for (size_t i = 0; (err = disk->files.list(disk->files.user, i, name)) == 0; i++) {
        uint64_t number = gossip__name_number(name, "snapshot");
        if (number < below && number > *ret_number) *ret_number = number;
    }
    return err == -ENOENT ? CRDT_OK : CRDT_EIO;
}

static void note_damage(gossip_recovery *found, uint64_t number, uint64_t at)
{
    found->bad_frames++;
    if (found->problem[0] != 0) return;
    gossip__words words = gossip__words_into(found->problem, sizeof found->problem);
    gossip__words_text(&words, "snapshot.");
    gossip__words_number(&words, number);
    gossip__words_text(&words, " at byte ");
    gossip__words_number(&words, at);
    gossip__words_text(&words, ": damaged, and not used");
}

crdt_err gossip__snapshot_find(gossip_disk *disk, gossip_recovery *found)
{
    uint64_t number = UINT64_MAX, at = 0;
    disk->snapshot = 0;
    disk->snapshot_first = 1;
    for (unsigned i = 0; i < CANDIDATES; i++) {
        crdt_err err = newest(disk, number, &number);
        if (err != CRDT_OK || number == 0) return err;
        if (number - 1 > disk->number) disk->number = number - 1;
        err = read_file(disk, number, &disk->snapshot_first, NULL, &at);
        if (err == CRDT_OK) {
            disk->snapshot = number;
            return CRDT_OK;
        }
        disk->snapshot_first = 1;
        if (err != CRDT_EMALFORMED) return err;
        note_damage(found, number, at);
        gossip__name name = gossip__name_of("snapshot", number, "");
        gossip__name aside = gossip__name_of("quarantine.snapshot", number, "");
        (void)disk->files.rename(disk->files.user, name.text, aside.text);
    }
    return CRDT_OK;
}
