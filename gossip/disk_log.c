/* disk_log.c: the segments of the log, and a walk over their entries. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "gossip/core/disk.h"

static const char magic[8] = {'c', 'o', 'n', 'c', 'u', 'r', 'L', 'G'};
#define HEAD_BYTES 56u /* magic, format, 0, number, node, cluster, first, before */

/* -- Which there are --------------------------------------------------------------------------- */

crdt_err gossip__segment_add(gossip_disk *disk, const gossip__segment *segment)
{
    if (disk->segments_count == disk->segments_cap) {
        size_t cap = disk->segments_cap * 2 + 8, old = disk->segments_cap * sizeof *segment;
        void  *grown =
            disk->segments == NULL
                 ? disk->mem->alloc(disk->mem->user, cap * sizeof *segment)
                 : disk->mem->resize(disk->mem->user, disk->segments, old, cap * sizeof *segment);
        if (grown == NULL) return CRDT_ENOMEM;
        disk->segments = grown;
        disk->segments_cap = cap;
    }
    size_t at = disk->segments_count++;
    for (; at > 0 && disk->segments[at - 1].number > segment->number; at--) {
        disk->segments[at] = disk->segments[at - 1];
    }
    disk->segments[at] = *segment;
    return CRDT_OK;
}

crdt_err gossip__log_list(gossip_disk *disk)
{
    char    name[256];
    int64_t err;
    disk->segments_count = 0;
    for (size_t i = 0; (err = disk->files.list(disk->files.user, i, name)) == 0; i++) {
        gossip__segment segment = {.number = gossip__name_number(name, "log")};
        if (segment.number > disk->number) disk->number = segment.number;
        if (segment.number == 0 || segment.number < disk->snapshot) continue;
        if (gossip__segment_add(disk, &segment) != CRDT_OK) return CRDT_ENOMEM;
    }
    return err == -ENOENT ? CRDT_OK : CRDT_EIO;
}

void gossip__log_forget(gossip_disk *disk, uint64_t below)
{
    size_t kept = 0;
    for (size_t i = 0; i < disk->segments_count; i++) {
        if (disk->segments[i].number >= below) disk->segments[kept++] = disk->segments[i];
    }
    disk->segments_count = kept;
}

/* -- The first frame --------------------------------------------------------------------------- */

void gossip__log_head(crdt_buf *out, const gossip_disk *disk, const gossip__segment *segment)
{
    uint8_t head[HEAD_BYTES];
    memcpy(head, magic, sizeof magic);
    gossip__store32(head + 8, GOSSIP__FORMAT);
    gossip__store32(head + 12, 0);
    gossip__store64(head + 16, segment->number);
    gossip__store64(head + 24, disk->options.node);
    gossip__store64(head + 32, disk->options.cluster);
    gossip__store64(head + 40, segment->first);
    gossip__store64(head + 48, segment->before);
    gossip__frame_put(out, segment->first - 1, segment->before, crdt_view_of(head, sizeof head));
}

static bool is_head(const gossip__frame *frame)
{
    return frame->offset == 0 && frame->payload.size >= 12 &&
           memcmp(frame->payload.data, magic, sizeof magic) == 0;
}

static crdt_err read_head(gossip__segment *segment, const gossip__frame *frame)
{
    const uint8_t *head = frame->payload.data;
    if (gossip__load32(head + 8) > GOSSIP__FORMAT) return CRDT_EVERSION;
    if (frame->payload.size != HEAD_BYTES) return CRDT_OK; /* not one of ours: no name */
    uint64_t first = gossip__load64(head + 40), before = gossip__load64(head + 48);
    if (first == 0 || first > GOSSIP__NUMBER_MAX || before >= first) return CRDT_OK;
    segment->named = true;
    segment->first = first;
    segment->before = before;
    return CRDT_OK;
}

/* -- A look into each -------------------------------------------------------------------------- */

static crdt_err open_segment(gossip_disk *disk, const gossip__segment *segment,
                             gossip__reader *reader)
{
    gossip__name name = gossip__name_of("log", segment->number, "");
    uint64_t     seed =
        gossip__seed(disk->options.node, disk->options.cluster, GOSSIP__LOG, segment->number);
    crdt_err err = gossip__reader_open(reader, &disk->files, disk->mem, name.text, seed);
    return err == CRDT_OK ? CRDT_OK : CRDT_EIO; /* it was listed: it cannot be absent */
}

/* whole: read on to its end, for what its frames prove. */
static crdt_err look_into(gossip_disk *disk, gossip__segment *segment, bool whole)
{
    gossip__reader reader;
    gossip__frame  frame;
    crdt_err       err = open_segment(disk, segment, &reader);
    if (err != CRDT_OK) return err;
    segment->proves = 0;
    while ((err = gossip__reader_next(&reader, &frame)) == CRDT_OK) {
        if (is_head(&frame)) {
            if ((err = read_head(segment, &frame)) != CRDT_OK) break;
            if (segment->before > segment->proves) segment->proves = segment->before;
        } else {
            if (segment->first == 0) segment->first = frame.number;
            if (frame.durable > segment->proves) segment->proves = frame.durable;
        }
        if (!whole && segment->first != 0) break;
    }
    gossip__reader_close(&reader);
    return err == CRDT_ENOENT ? CRDT_OK : err;
}

crdt_err gossip__log_gather(gossip_disk *disk, uint64_t end)
{
    uint64_t limit = UINT64_MAX, proves = end;
    bool     named = false; /* is the one behind it? then it says all */
    for (size_t i = disk->segments_count; i-- > 0;) {
        gossip__segment *segment = &disk->segments[i];
        crdt_err         err = look_into(disk, segment, !named);
        if (err != CRDT_OK) return err;
        if (named || segment->proves < proves) segment->proves = proves;
        segment->limit = limit;
        named = segment->named;
        proves = named ? segment->before : segment->proves;
        /* The least of all behind it: one without its first frame may seem to begin too late. */
        if (segment->first != 0 && segment->first < limit) limit = segment->first;
    }
    return CRDT_OK;
}

/* -- The walk ---------------------------------------------------------------------------------- */

void gossip__walk_begin(gossip_disk *disk)
{
    gossip__walk_end(disk);
    disk->walk.expected = disk->snapshot_first;
}

void gossip__walk_end(gossip_disk *disk)
{
    gossip__reader_close(&disk->walk.reader);
    memset(&disk->walk, 0, sizeof disk->walk);
}

/* Entries from expected to before `until` lack, or none: bytes then are no frame. */
static crdt_err hole(gossip__walk *walk, const gossip__segment *segment, uint64_t until,
                     gossip__hole *ret_hole)
{
    if (until < walk->expected) until = walk->expected;
    ret_hole->segment = segment->number;
    ret_hole->offset = walk->frame.from;
    ret_hole->skipped = walk->frame.skipped;
    ret_hole->first = walk->expected;
    ret_hole->count = until - walk->expected;
    if (segment->proves >= walk->expected) {
        uint64_t proven = segment->proves - walk->expected + 1;
        ret_hole->proven = proven < ret_hole->count ? proven : ret_hole->count;
    }
    walk->expected = until;
    walk->frame.skipped = 0;
    return CRDT_EMALFORMED;
}

/* The segment has no more entries. ENOENT: it was the last one; EMALFORMED: some lack at its end,
 * or bytes there are none; OK: go on with the next one. */
static crdt_err segment_end(gossip_disk *disk, gossip__hole *ret_hole)
{
    gossip__walk          *walk = &disk->walk;
    const gossip__segment *segment = &disk->segments[walk->segment];
    bool                   last = walk->segment + 1 == disk->segments_count;
    uint64_t               until = last ? segment->proves + 1 : segment->limit;
    walk->unreadable = walk->unreadable || walk->reader.unreadable;
    walk->unknown += walk->frame.skipped;
    gossip__reader_close(&walk->reader);
    walk->open = false;
    walk->segment++;
    if (last) walk->over = true;
    bool lack = until != UINT64_MAX && until > walk->expected;
    /* Where the next one cannot say where it begins they may lack there. */
    if (lack && !last && walk->frame.skipped == 0) lack = disk->segments[walk->segment].named;
    bool torn = walk->frame.skipped > 0 && walk->frame.number == 0; /* up to the end of the file */
    if (lack || (!last && torn)) {
        return hole(walk, segment, lack ? until : walk->expected, ret_hole);
    }
    ret_hole->skipped = walk->frame.skipped;
    return last ? CRDT_ENOENT : CRDT_OK;
}

/* The first frame cannot be read, and what stands behind it was durable: so was that frame. */
static bool head_is_damaged(const gossip__segment *segment, const gossip__frame *frame)
{
    return frame->from == 0 && frame->skipped > 0 && segment->proves >= frame->number;
}

crdt_err gossip__walk_next(gossip_disk *disk, gossip__frame *ret_frame, gossip__hole *ret_hole)
{
    gossip__walk *walk = &disk->walk;
    memset(ret_hole, 0, sizeof *ret_hole);
    while (!walk->over && walk->segment < disk->segments_count) {
        gossip__segment *segment = &disk->segments[walk->segment];
        crdt_err         err = CRDT_OK;
        if (!walk->open) err = open_segment(disk, segment, &walk->reader);
        if (err != CRDT_OK) return err;
        walk->open = true;
        if (!walk->held) err = gossip__reader_next(&walk->reader, &walk->frame);
        if (err == CRDT_ENOMEM) return err;
        walk->held = false;
        if (err == CRDT_ENOENT || walk->frame.number >= segment->limit) {
            err = segment_end(disk, ret_hole);
            if (err != CRDT_OK) return err;
            continue;
        }
        if (is_head(&walk->frame)) continue;
        if (walk->frame.number > walk->expected || walk->frame.skipped > 0) {
            walk->held = true;
            ret_hole->head = head_is_damaged(segment, &walk->frame);
            return hole(walk, segment, walk->frame.number, ret_hole);
        }
        if (walk->frame.number > segment->proves && segment->unproven == 0) {
            segment->unproven = walk->frame.offset;
        }
        if (walk->frame.number < walk->expected) continue; /* it was read before */
        walk->expected++;
        walk->unknown = 0;
        *ret_frame = walk->frame;
        return CRDT_OK;
    }
    return CRDT_ENOENT;
}
