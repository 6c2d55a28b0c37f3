/* codec.h: compression as a table that the caller passes, and files made with it: libcrdt_codec.
 *
 *      crdt_store_pack(store, crdt_codec_lz4(), &buf);                      // a whole store
 *      crdt_store_unpack(&options, crdt_codecs(), bytes, &store, &reason);  // and back
 *
 * libcrdt itself needs no codec: encoded states are dense already, and what is sent may be
 * compressed by its transport. Files of text are a third to half of their size with one.
 *
 * Format of packed bytes: "CRDZ", version 1, codec's id; varint size of the content, varint size of
 * the packed content; the packed content; 8 bytes: the low half of the XXH3-128 of all before. It
 * finds damage, and proves nothing against a forger. Sizes are checked before memory is taken: what
 * a few hostile bytes can make it take is what the caller's limit and the codec's best ratio allow.
 *
 * Source   LZ4 and LZ4-HC: https://lz4.org, by liblz4. Zstandard: RFC 8878, by libzstd.
 */
#ifndef CRDT_CODEC_H
#define CRDT_CODEC_H
#include "crdt/base.h"
#include "crdt/buf.h"
#include "crdt/store.h"
#ifdef __cplusplus
extern "C" {
#endif

/* One way to compress. Users' own may stand in a table beside those here. No call keeps anything;
 * besides what it is given a codec uses working memory of its library's own (LZ4-HC: 256 KiB while
 * it compresses; zstd: about 160 KiB while it decompresses, some MiB while it compresses). */
typedef struct crdt_codec {
    uint8_t     id; /* in files; never reused. Users' own: 128 and up; 0: content as it is */
    const char *name;
    /* Bytes that compressing so many takes at most; 0: more than the codec can take. */
    uint64_t (*bound)(uint64_t size);
    /* Bytes that so many packed ones can become at most. */
    uint64_t (*most)(uint64_t packed);
    /* Into out, which has room for bound(in.size). Errors: ENOMEM; ELIMIT: too long. */
    crdt_err (*compress)(crdt_view in, void *out, size_t room, size_t *ret_size);
    /* Into exactly `size` bytes. Errors: ENOMEM; EMALFORMED: damaged, or not of that size; then out
     * may hold anything. Never reads or writes past either end. */
    crdt_err (*decompress)(crdt_view in, void *out, size_t size);
} crdt_codec;

/* LZ4-HC at level 9: the default. Slow to write, and reads at more than 1 GB/s. */
CRDT_API const crdt_codec *crdt_codec_lz4(void);
/* Zstandard at level 19: a quarter smaller, and reads at a third of that speed. NULL: this library
 * was built without libzstd. */
CRDT_API const crdt_codec *crdt_codec_zstd(void);
/* Those that there are; NULL at the end. */
CRDT_API const crdt_codec *const *crdt_codecs(void);

/* Append the bytes, packed; as they are if that is shorter, or codec is NULL. Errors: ENOMEM;
 * ELIMIT: too long for the codec; out is unchanged. */
CRDT_API crdt_err crdt_pack(const crdt_codec *codec, crdt_view in, crdt_buf *out);
/* Append what was packed. codecs: those allowed, NULL at the end; content as it is always is. max:
 * refuse more bytes than this before any memory is taken. ret_reason (may be NULL): a static text
 * about what is wrong. Errors: EMALFORMED; EVERSION: written by a newer library, or by a codec that
 * is not among these; ELIMIT: more than max; ENOMEM. Out is unchanged then. */
CRDT_API crdt_err crdt_unpack(const crdt_codec *const *codecs, crdt_view in, uint64_t max,
                              crdt_buf *out, const char **ret_reason);

/* A whole store or delta, encoded and packed. Errors: those of crdt_store_encode and crdt_pack. */
CRDT_API crdt_err crdt_store_pack(const crdt_store *store, const crdt_codec *codec, crdt_buf *out);
/* ... and read again; options->limits.message_bytes bounds what it unpacks to. Errors: those of
 * crdt_unpack and crdt_store_decode. */
CRDT_API crdt_err crdt_store_unpack(const crdt_options *options, const crdt_codec *const *codecs,
                                    crdt_view in, crdt_store **ret_store, const char **ret_reason);

#ifdef __cplusplus
}
#endif
#endif
