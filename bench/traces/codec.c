/* codec.c: LZ4-HC and zstd by their libraries, for the rows of sizes. */
#include <lz4.h>
#include <lz4hc.h>
#include <stdlib.h>
#include <zstd.h>

#include "bench/traces/play.h"

#define LZ4HC_LEVEL 9

static void *must(void *p)
{
    if (p == NULL) bench_die("codec", CRDT_ENOMEM);
    return p;
}

play_bytes play_pack(play_codec codec, play_bytes in)
{
    play_bytes out;
    size_t     room = ZSTD_compressBound(in.size);
    if (codec == PLAY_LZ4HC) room = (size_t)LZ4_compressBound((int)in.size);
    out.data = must(malloc(room + 1));
    if (codec == PLAY_LZ4HC) {
        out.size = (size_t)LZ4_compress_HC((const char *)in.data, (char *)out.data, (int)in.size,
                                           (int)room, LZ4HC_LEVEL);
    } else {
        int level = codec == PLAY_ZSTD_3 ? 3 : 19;
        out.size = ZSTD_compress(out.data, room, in.data, in.size, level);
        if (ZSTD_isError(out.size)) out.size = 0;
    }
    if (out.size == 0) bench_die("compression", CRDT_EINVAL);
    return out;
}

play_bytes play_unpack(play_codec codec, play_bytes in, size_t size)
{
    play_bytes out = {must(malloc(size + 1)), size};
    size_t     got;
    if (codec == PLAY_LZ4HC) {
        int n =
            LZ4_decompress_safe((const char *)in.data, (char *)out.data, (int)in.size, (int)size);
        got = n < 0 ? SIZE_MAX : (size_t)n;
    } else {
        got = ZSTD_decompress(out.data, size, in.data, in.size);
    }
    if (got != size) bench_die("decompression", CRDT_EMALFORMED);
    return out;
}
