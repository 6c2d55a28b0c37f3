/* disk_frame.c: frames, written and read. The layout is in core/disk.h. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <xxhash.h>

#include "gossip/core/disk.h"

#define WINDOW (256u << 10) /* bytes of one read */

static uint64_t hash_of(const void *data, size_t size, uint64_t seed)
{
    return XXH3_64bits(data, size) + seed;
}

uint64_t gossip__seed(uint64_t node, uint64_t cluster, gossip__kind kind, uint64_t number)
{
    uint8_t bytes[32];
    gossip__store64(bytes, node);
    gossip__store64(bytes + 8, cluster);
    gossip__store64(bytes + 16, (uint64_t)kind);
    gossip__store64(bytes + 24, number);
    return XXH3_64bits(bytes, sizeof bytes);
}

size_t gossip__frame_size(size_t payload)
{
    return GOSSIP__FRAME_HEAD +
           (payload + GOSSIP__FRAME_ALIGN - 1) / GOSSIP__FRAME_ALIGN * GOSSIP__FRAME_ALIGN;
}

void gossip__frame_put(crdt_buf *out, uint64_t number, uint64_t durable, crdt_view payload)
{
    size_t size = gossip__frame_size(payload.size);
    if (!crdt_buf_reserve(out, size)) return;
    uint8_t *at = out->data + out->size;
    memset(at, 0, GOSSIP__FRAME_HEAD);
    memset(at + size - GOSSIP__FRAME_ALIGN, 0, GOSSIP__FRAME_ALIGN);
    if (payload.size > 0) memcpy(at + GOSSIP__FRAME_HEAD, payload.data, payload.size);
    gossip__store32(at + 8, (uint32_t)payload.size);
    gossip__store64(at + 16, number);
    uint64_t since = number - durable;
    gossip__store32(at + 24, since < UINT32_MAX ? (uint32_t)since : UINT32_MAX);
    out->size += size;
}

uint32_t gossip__head_hash(const uint8_t *frame, uint64_t seed)
{
    uint8_t head[24];
    memcpy(head, frame + 8, sizeof head);
    memset(head + 4, 0, 4);
    return (uint32_t)hash_of(head, sizeof head, seed);
}

size_t gossip__frame_seal(uint8_t *frame, uint64_t seed, uint32_t *chain)
{
    size_t size = gossip__frame_size(gossip__load32(frame + 8));
    gossip__store32(frame + 28, *chain);
    gossip__store32(frame + 12, gossip__head_hash(frame, seed));
    uint64_t hash = hash_of(frame + 8, size - 8, seed);
    gossip__store64(frame, hash);
    *chain = (uint32_t)hash;
    return size;
}

/* -- Reading ----------------------------------------------------------------------------------- */

crdt_err gossip__reader_open(gossip__reader *reader, const gossip_files *files, const crdt_mem *mem,
                             const char *name, uint64_t seed)
{
    memset(reader, 0, sizeof *reader);
    int64_t fd = files->open(files->user, name, O_RDONLY);
    if (fd < 0) return fd == -ENOENT ? CRDT_ENOENT : CRDT_EIO;
    int64_t size = files->size(files->user, fd);
    if (size < 0) {
        (void)files->close(files->user, fd);
        return CRDT_EIO;
    }
    reader->files = files;
    reader->mem = mem;
    reader->fd = fd;
    reader->seed = seed;
    reader->size = (uint64_t)size;
    reader->budget = 2 * (uint64_t)size;
    return CRDT_OK;
}

void gossip__reader_close(gossip__reader *reader)
{
    if (reader->files == NULL) return;
    (void)reader->files->close(reader->files->user, reader->fd);
    if (reader->data != NULL) reader->mem->release(reader->mem->user, reader->data, reader->cap);
    memset(reader, 0, sizeof *reader);
}

/* Room for `size` bytes from `at` on in the window: what precedes them goes. */
static bool make_room(gossip__reader *reader, size_t size)
{
    size_t gone = (size_t)(reader->at - reader->base), need = size + WINDOW;
    if (gone > reader->have) gone = reader->have;
    if (gone + size <= reader->cap) return true;
    if (gone > 0) memmove(reader->data, reader->data + gone, reader->have - gone);
    reader->base += gone;
    reader->have -= gone;
    if (size <= reader->cap) return true;
    uint8_t *grown = reader->data == NULL
                         ? reader->mem->alloc(reader->mem->user, need)
                         : reader->mem->resize(reader->mem->user, reader->data, reader->cap, need);
    if (grown == NULL) return false;
    reader->data = grown;
    reader->cap = need;
    return true;
}

/* The `size` bytes at `at`, which are in the file. NULL: no memory. */
static const uint8_t *bytes_at(gossip__reader *reader, size_t size)
{
    uint64_t end = reader->at + size;
    if (end > reader->base + reader->have) {
        if (!make_room(reader, size)) return NULL;
        size_t   more = reader->cap - reader->have;
        uint64_t from = reader->base + reader->have;
        if (more > reader->size - from) more = (size_t)(reader->size - from);
        if (!gossip__read_all(reader->files, reader->fd, reader->data + reader->have, more, from)) {
            reader->unreadable = true;
        }
        reader->have += more;
    }
    return reader->data + (reader->at - reader->base);
}

typedef enum verdict { GOOD, BAD, NO_MEMORY } verdict;

/* Can what stands at `at` be the next frame, `skipped` bytes behind the last one? */
static bool fits(const gossip__reader *reader, const uint8_t *head, uint64_t skipped)
{
    uint64_t number = gossip__load64(head + 16), length = gossip__load32(head + 8);
    if (length > GOSSIP__PAYLOAD_MAX || number > GOSSIP__NUMBER_MAX) return false;
    if (gossip__frame_size((size_t)length) > reader->size - reader->at) return false;
    if (skipped == 0) { /* it follows the last one */
        if (gossip__load32(head + 28) != reader->chain) return false;
        return !reader->any || number == reader->number + 1;
    }
    if (!reader->any) return true;
    return number > reader->number &&
           number - reader->number - 1 <= skipped / (GOSSIP__FRAME_HEAD + GOSSIP__FRAME_ALIGN) + 1;
}

static verdict look(gossip__reader *reader, gossip__frame *frame)
{
    const uint8_t *at = bytes_at(reader, GOSSIP__FRAME_HEAD);
    if (at == NULL) return NO_MEMORY;
    if (!fits(reader, at, frame->skipped)) return BAD;
    if (gossip__load32(at + 12) != gossip__head_hash(at, reader->seed)) return BAD;
    size_t length = gossip__load32(at + 8), size = gossip__frame_size(length);
    if (size > reader->budget) return BAD;
    at = bytes_at(reader, size);
    if (at == NULL) return NO_MEMORY;
    uint64_t hash = gossip__load64(at);
    if (hash != hash_of(at + 8, size - 8, reader->seed)) {
        reader->budget -= size;
        return BAD;
    }
    uint32_t since = gossip__load32(at + 24);
    frame->offset = reader->at;
    frame->number = gossip__load64(at + 16);
    frame->durable = since < UINT32_MAX && since <= frame->number ? frame->number - since : 0;
    frame->payload = crdt_view_of(at + GOSSIP__FRAME_HEAD, length);
    reader->any = true;
    reader->number = frame->number;
    reader->chain = (uint32_t)hash;
    reader->at += size;
    return GOOD;
}

crdt_err gossip__reader_next(gossip__reader *reader, gossip__frame *ret_frame)
{
    memset(ret_frame, 0, sizeof *ret_frame);
    ret_frame->from = reader->from;
    while (reader->size - reader->at >= GOSSIP__FRAME_HEAD) {
        ret_frame->skipped = reader->at - reader->from;
        verdict v = look(reader, ret_frame);
        if (v == NO_MEMORY) return CRDT_ENOMEM;
        if (v == GOOD) {
            reader->from = reader->at;
            return CRDT_OK;
        }
        reader->at += GOSSIP__FRAME_ALIGN;
    }
    ret_frame->skipped = reader->size - reader->from;
    ret_frame->offset = reader->size;
    return CRDT_ENOENT;
}
