/* disk_snapshot.c: snapshots in files. A first frame, slices, and an end without which it is none.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "gossip/core/disk.h"

static const char magic[8] = {'c', 'o', 'n', 'c', 'u', 'r', 'S', 'N'};
#define HEAD_BYTES 56u /* magic, format, 0, number, node, cluster, first, size */
#define SLICE (64u << 10)
#define CANDIDATES 8u /* of damaged snapshots so many are looked at */

static uint64_t seed_of(const gossip_disk *disk, uint64_t number)
{
    return gossip__seed(disk->options.node, disk->options.cluster, GOSSIP__SNAPSHOT, number);
}

/* -- Writing ----------------------------------------------------------------------------------- */

typedef struct writer {
    gossip_disk *disk;
    int64_t      fd;
    uint64_t     seed, at, number;
    uint32_t     chain;
} writer;

static crdt_err put(writer *w, crdt_view payload)
{
    crdt_buf *frame = &w->disk->scratch;
    crdt_buf_reset(frame);
    gossip__frame_put(frame, w->number, w->number, payload);
    if (frame->failed) {
        frame->failed = false;
        return CRDT_ENOMEM;
    }
    gossip__frame_seal(frame->data, w->seed, &w->chain);
    if (!gossip__write_all(&w->disk->files, w->fd, frame->data, frame->size, w->at)) {
        return CRDT_EIO;
    }
    w->at += frame->size;
    w->number++;
    return CRDT_OK;
}

static crdt_err put_all(writer *w, uint64_t number, uint64_t first, crdt_view snapshot)
{
    uint8_t head[HEAD_BYTES];
    memcpy(head, magic, sizeof magic);
    gossip__store32(head + 8, GOSSIP__FORMAT);
    gossip__store32(head + 12, 0);
    gossip__store64(head + 16, number);
    gossip__store64(head + 24, w->disk->options.node);
    gossip__store64(head + 32, w->disk->options.cluster);
    gossip__store64(head + 40, first);
    gossip__store64(head + 48, snapshot.size);
    crdt_err err = put(w, crdt_view_of(head, sizeof head));
    for (size_t at = 0; err == CRDT_OK && at < snapshot.size; at += SLICE) {
        size_t size = snapshot.size - at < SLICE ? snapshot.size - at : SLICE;
        err = put(w, crdt_view_of((const uint8_t *)snapshot.data + at, size));
    }
    return err == CRDT_OK ? put(w, crdt_view_of(magic, sizeof magic)) : err; /* the end */
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

static crdt_err write_file(gossip_disk *disk, uint64_t number, uint64_t first, crdt_view snapshot)
{
    gossip_files *files = &disk->files;
    gossip__name  fresh = gossip__name_of("snapshot", number, ".new");
    gossip__name  name = gossip__name_of("snapshot", number, "");
    writer        w = {.disk = disk, .seed = seed_of(disk, number)};
    w.fd = files->open(files->user, fresh.text, O_RDWR | O_CREAT | O_TRUNC);
    if (w.fd < 0) return CRDT_EIO;
    crdt_err err = put_all(&w, number, first, snapshot);
    if (err == CRDT_OK && files->sync(files->user, w.fd) != 0) err = CRDT_EIO;
    if (files->close(files->user, w.fd) != 0 && err == CRDT_OK) err = CRDT_EIO;
    if (err == CRDT_OK && files->rename(files->user, fresh.text, name.text) != 0) err = CRDT_EIO;
    if (err != CRDT_OK) (void)files->unlink(files->user, fresh.text);
    else if (files->sync(files->user, -1) != 0) err = CRDT_EIO;
    return err;
}

crdt_err gossip__snapshot_write(void *user, uint64_t position, crdt_view snapshot)
{
    gossip_disk *disk = user;
    uint64_t     first = 0;
    if (disk->stage != GOSSIP__BEGUN || position < disk->covered) return CRDT_EINVAL;
    crdt_err err = gossip__disk_sync_whole(disk);
    if (err != CRDT_OK) return err;
    uint64_t number = first_kept(disk, position, &first);
    if (number > GOSSIP__NUMBER_MAX) return CRDT_EIO; /* only forged files come to that */
    if (number > disk->number && disk->fd >= 0) {
        /* Before it is written: even if that fails the file may be there in the end, and stands for
         * all in the segments below it. */
        (void)disk->files.close(disk->files.user, disk->fd);
        disk->fd = -1;
    }
    err = write_file(disk, number, first, snapshot);
    if (err != CRDT_OK) return err;
    disk->covered = position;
    disk->snapshot = number;
    disk->snapshot_first = first;
    gossip__log_drop(disk, number);
    gossip__snapshot_drop(disk, number);
    return CRDT_OK;
}

void gossip__snapshot_drop(gossip_disk *disk, uint64_t keep)
{
    gossip_files *files = &disk->files;
    char          name[256], old[64][256];
    size_t        count;
    do { /* a directory is not changed while it is listed */
        count = 0;
        for (size_t i = 0; count < 64 && files->list(files->user, i, name) == 0; i++) {
            size_t   size = strlen(name);
            uint64_t number = gossip__name_number(name, "snapshot");
            bool     ours = strncmp(name, "snapshot.", 9) == 0 || strncmp(name, "log.", 4) == 0;
            bool     unfinished = ours && size > 8 && strcmp(name + size - 4, ".new") == 0;
            if (unfinished || (number != 0 && number != keep)) {
                memcpy(old[count++], name, sizeof name);
            }
        }
        for (size_t i = 0; i < count; i++) {
            if (files->unlink(files->user, old[i]) != 0) return;
        }
    } while (count == 64);
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
