/* codec/table.c: those codecs that there are. The build says CRDT_WITH_ZSTD if it found libzstd. */
#include "crdt/codec/impl.h"

#ifdef CRDT_WITH_ZSTD
#define ZSTD (&crdt__codec_zstd)
#else
#define ZSTD NULL
#endif

const crdt_codec *crdt_codec_lz4(void)
{
    return &crdt__codec_lz4;
}

const crdt_codec *crdt_codec_zstd(void)
{
    return ZSTD;
}

const crdt_codec *const *crdt_codecs(void)
{
    static const crdt_codec *const all[] = {&crdt__codec_lz4, ZSTD, NULL};
    return all;
}
