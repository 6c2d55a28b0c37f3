/* codec/lz4.c: LZ4-HC, by liblz4. */
#include <lz4.h>
#include <lz4hc.h>

#include "crdt/codec/impl.h"

#define LEVEL 9

static uint64_t bound(uint64_t size)
{
    return size <= LZ4_MAX_INPUT_SIZE ? (uint64_t)LZ4_compressBound((int)size) : 0;
}

/* A length goes on by bytes of 255. */
static uint64_t most(uint64_t packed)
{
    return packed < UINT64_MAX / 255 ? packed * 255 : UINT64_MAX;
}

static crdt_err compress(crdt_view in, void *out, size_t room, size_t *ret_size)
{
    if (bound(in.size) == 0 || room < bound(in.size)) return CRDT_ELIMIT;
    const char *from = in.data != NULL ? in.data : "";
    int         n = LZ4_compress_HC(from, out, (int)in.size, (int)bound(in.size), LEVEL);
    *ret_size = (size_t)n;
    return n > 0 ? CRDT_OK : CRDT_ENOMEM; /* there is room: it lacked working memory */
}

static crdt_err decompress(crdt_view in, void *out, size_t size)
{
    if (in.size == 0 || in.size > INT32_MAX || size > LZ4_MAX_INPUT_SIZE) return CRDT_EMALFORMED;
    int n = LZ4_decompress_safe(in.data, out, (int)in.size, (int)size);
    return n >= 0 && (size_t)n == size ? CRDT_OK : CRDT_EMALFORMED;
}

const crdt_codec crdt__codec_lz4 = {1, "lz4", bound, most, compress, decompress};
