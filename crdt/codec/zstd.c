/* codec/zstd.c: Zstandard by libzstd. Built only where that was found. */
#include <zstd.h>
#include <zstd_errors.h>

#include "crdt/codec/impl.h"

#define LEVEL 19
/* A block of one byte repeated takes four bytes and gives so many. */
#define BLOCK_MOST (UINT64_C(128) << 10)

static uint64_t bound(uint64_t size)
{
    if (size > SIZE_MAX / 2) return 0;
    size_t n = ZSTD_compressBound((size_t)size);
    return ZSTD_isError(n) ? 0 : n;
}

static uint64_t most(uint64_t packed)
{
    return packed < UINT64_MAX / BLOCK_MOST ? packed / 4 * BLOCK_MOST : UINT64_MAX;
}

static crdt_err compress(crdt_view in, void *out, size_t room, size_t *ret_size)
{
    if (bound(in.size) == 0) return CRDT_ELIMIT;
    *ret_size = ZSTD_compress(out, room, in.data, in.size, LEVEL);
    if (!ZSTD_isError(*ret_size)) return CRDT_OK;
    return ZSTD_getErrorCode(*ret_size) == ZSTD_error_memory_allocation ? CRDT_ENOMEM : CRDT_ELIMIT;
}

static crdt_err decompress(crdt_view in, void *out, size_t size)
{
    if (ZSTD_getFrameContentSize(in.data, in.size) != size) return CRDT_EMALFORMED;
    size_t n = ZSTD_decompress(out, size, in.data, in.size);
    if (n == size) return CRDT_OK;
    bool memory = ZSTD_isError(n) && ZSTD_getErrorCode(n) == ZSTD_error_memory_allocation;
    return memory ? CRDT_ENOMEM : CRDT_EMALFORMED;
}

const crdt_codec crdt__codec_zstd = {2, "zstd", bound, most, compress, decompress};
