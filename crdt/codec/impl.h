/* codec/impl.h: the codecs that this library may be built with. */
#ifndef CRDT_CODEC_IMPL_H
#define CRDT_CODEC_IMPL_H
#include "crdt/codec.h"

extern const crdt_codec crdt__codec_lz4;
extern const crdt_codec crdt__codec_zstd; /* if CRDT_WITH_ZSTD */

#endif
