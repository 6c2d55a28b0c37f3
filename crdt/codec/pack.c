/* codec/pack.c: packed bytes and packed stores. The format is told in codec.h. */
#include <string.h>

#include "crdt/codec.h"
#include "crdt/digest.h"

#define VERSION 1
#define AS_IT_IS 0
#define SUM_BYTES 8

static const char magic[4] = {'C', 'R', 'D', 'Z'};

/* -- Packing ----------------------------------------------------------------------------------- */

static void put_head(crdt_buf *out, uint8_t codec, size_t size, size_t packed)
{
    crdt_buf_put(out, magic, sizeof magic);
    crdt_buf_byte(out, VERSION);
    crdt_buf_byte(out, codec);
    crdt_buf_varint(out, size);
    crdt_buf_varint(out, packed);
}

static void put_sum(crdt_buf *out, size_t start)
{
    if (out->failed) return;
    crdt_buf_u64(out, crdt_digest_of(out->data + start, out->size - start).lo);
}

/* The content, compressed into a buffer of its own. */
static crdt_err compressed(const crdt_codec *codec, crdt_view in, crdt_buf *ret)
{
    uint64_t room = codec->bound(in.size);
    if (room == 0 || room > SIZE_MAX) return CRDT_ELIMIT;
    if (!crdt_buf_reserve(ret, (size_t)room)) return CRDT_ENOMEM;
    return codec->compress(in, ret->data, (size_t)room, &ret->size);
}

crdt_err crdt_pack(const crdt_codec *codec, crdt_view in, crdt_buf *out)
{
    size_t   start = out->size;
    crdt_buf packed;
    crdt_err err = CRDT_OK;
    crdt_buf_init(&packed, out->mem);
    if (codec != NULL) err = compressed(codec, in, &packed);
    if (err == CRDT_OK) {
        bool      as_it_is = codec == NULL || packed.size >= in.size;
        crdt_view content = as_it_is ? in : crdt_buf_bytes(&packed);
        put_head(out, as_it_is ? AS_IT_IS : codec->id, in.size, content.size);
        crdt_buf_put(out, content.data, content.size);
        put_sum(out, start);
        err = crdt_buf_status(out);
    }
    crdt_buf_clear(&packed);
    if (err != CRDT_OK && out->size > start) out->size = start;
    return err;
}

/* -- Unpacking --------------------------------------------------------------------------------- */

/* What packed bytes say of themselves. */
typedef struct head {
    uint8_t   codec;
    uint64_t  size;
    crdt_view content;
} head;

static crdt_err get_head(crdt_dec *dec, crdt_view in, head *ret)
{
    crdt_view begin = crdt_dec_bytes(dec, sizeof magic);
    if (dec->err != CRDT_OK) return dec->err;
    if (memcmp(begin.data, magic, sizeof magic) != 0) {
        return crdt_dec_fail(dec, CRDT_EMALFORMED, "not packed bytes");
    }
    if (crdt_dec_byte(dec) != VERSION && dec->err == CRDT_OK) {
        return crdt_dec_fail(dec, CRDT_EVERSION, "packed by a newer library");
    }
    ret->codec = crdt_dec_byte(dec);
    ret->size = crdt_dec_varint(dec);
    ret->content = crdt_dec_view(dec, SIZE_MAX, "packed content");
    uint64_t sum = crdt_dec_u64(dec);
    if (dec->err != CRDT_OK) return dec->err;
    if (dec->at != dec->end) return crdt_dec_fail(dec, CRDT_EMALFORMED, "bytes after the checksum");
    if (sum != crdt_digest_of(in.data, in.size - SUM_BYTES).lo) {
        return crdt_dec_fail(dec, CRDT_EMALFORMED, "the checksum is wrong: damaged bytes");
    }
    return CRDT_OK;
}

static const crdt_codec *codec_of(const crdt_codec *const *codecs, uint8_t id)
{
    for (; *codecs != NULL; codecs++) {
        if ((*codecs)->id == id) return *codecs;
    }
    return NULL;
}

static crdt_err get_content(const crdt_codec *const *codecs, crdt_dec *dec, const head *h,
                            uint64_t max, crdt_buf *out)
{
    if (h->size > max) return crdt_dec_fail(dec, CRDT_ELIMIT, "more content than allowed");
    if (h->codec == AS_IT_IS) {
        if (h->size != h->content.size) {
            return crdt_dec_fail(dec, CRDT_EMALFORMED, "content of another size");
        }
        crdt_buf_put(out, h->content.data, h->content.size);
        return crdt_buf_status(out);
    }
    const crdt_codec *codec = codec_of(codecs, h->codec);
    if (codec == NULL) return crdt_dec_fail(dec, CRDT_EVERSION, "packed by an unknown codec");
    if (h->size > codec->most(h->content.size) || h->size > SIZE_MAX) {
        return crdt_dec_fail(dec, CRDT_EMALFORMED, "more content than its codec can make of it");
    }
    if (!crdt_buf_reserve(out, (size_t)h->size)) return CRDT_ENOMEM;
    crdt_err err = codec->decompress(h->content, out->data + out->size, (size_t)h->size);
    if (err == CRDT_EMALFORMED) crdt_dec_fail(dec, err, "content that its codec cannot read");
    if (err == CRDT_OK) out->size += (size_t)h->size;
    return err;
}

crdt_err crdt_unpack(const crdt_codec *const *codecs, crdt_view in, uint64_t max, crdt_buf *out,
                     const char **ret_reason)
{
    crdt_dec dec;
    head     h = {AS_IT_IS, 0, {NULL, 0}};
    crdt_dec_init(&dec, in, NULL);
    crdt_err err = get_head(&dec, in, &h);
    if (err == CRDT_OK) err = get_content(codecs, &dec, &h, max, out);
    if (err != CRDT_OK && ret_reason != NULL) {
        *ret_reason = dec.reason != NULL ? dec.reason : crdt_err_text(err);
    }
    return err;
}

/* -- Stores ------------------------------------------------------------------------------------ */

crdt_err crdt_store_pack(const crdt_store *store, const crdt_codec *codec, crdt_buf *out)
{
    crdt_buf plain;
    crdt_buf_init(&plain, out->mem);
    crdt_err err = crdt_store_encode(store, &plain);
    if (err == CRDT_OK) err = crdt_pack(codec, crdt_buf_bytes(&plain), out);
    crdt_buf_clear(&plain);
    return err;
}

crdt_err crdt_store_unpack(const crdt_options *options, const crdt_codec *const *codecs,
                           crdt_view in, crdt_store **ret_store, const char **ret_reason)
{
    crdt_buf plain;
    crdt_buf_init(&plain, options->mem);
    crdt_err err = crdt_unpack(codecs, in, options->limits.message_bytes, &plain, ret_reason);
    if (err == CRDT_OK) {
        err = crdt_store_decode(options, crdt_buf_bytes(&plain), ret_store, ret_reason);
    }
    crdt_buf_clear(&plain);
    return err;
}
