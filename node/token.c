/* token.c: see token.h. */
#include "node/token.h"

#include <xxhash.h>

enum { VERSION = 1, HEAD_BYTES = 1 + 8 + 8 };

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* -- Text -------------------------------------------------------------------------------------- */

static void put_base64(const uint8_t *bytes, size_t size, crdt_buf *out)
{
    for (size_t i = 0; i < size; i += 3) {
        size_t   left = size - i < 3 ? size - i : 3;
        uint32_t three = (uint32_t)bytes[i] << 16;
        if (left > 1) three |= (uint32_t)bytes[i + 1] << 8;
        if (left > 2) three |= bytes[i + 2];
        for (size_t k = 0; k <= left; k++) {
            crdt_buf_byte(out, (uint8_t)letters[three >> (18 - 6 * k) & 63]);
        }
    }
}

/* -1: not a letter of it. */
static int value_of(char letter)
{
    if (letter >= 'A' && letter <= 'Z') return letter - 'A';
    if (letter >= 'a' && letter <= 'z') return letter - 'a' + 26;
    if (letter >= '0' && letter <= '9') return letter - '0' + 52;
    return letter == '-' ? 62 : letter == '_' ? 63 : -1;
}

/* False: it is not what put_base64 writes. */
static bool get_base64(crdt_view text, crdt_buf *out)
{
    const char *at = text.data;
    uint32_t    bits = 0, held = 0;
    for (size_t i = 0; i < text.size; i++) {
        int value = value_of(at[i]);
        if (value < 0) return false;
        bits = bits << 6 | (uint32_t)value;
        held += 6;
        if (held < 8) continue;
        held -= 8;
        crdt_buf_byte(out, (uint8_t)(bits >> held));
    }
    return text.size % 4 != 1 && (bits & ((1u << held) - 1)) == 0;
}

/* -- Tokens ------------------------------------------------------------------------------------ */

static void put_64(uint8_t *at, uint64_t n)
{
    for (int i = 0; i < 8; i++) at[i] = (uint8_t)(n >> 8 * i);
}

static uint64_t get_64(const uint8_t *at)
{
    uint64_t n = 0;
    for (int i = 0; i < 8; i++) n |= (uint64_t)at[i] << 8 * i;
    return n;
}

crdt_err token_write(uint64_t cluster, const crdt_context *seen, crdt_buf *out)
{
    uint8_t  head[HEAD_BYTES] = {VERSION};
    crdt_buf bytes;
    crdt_buf_init(&bytes, NULL);
    crdt_buf_put(&bytes, head, sizeof head);
    crdt_err err = crdt_context_encode(seen, &bytes);
    if (err == CRDT_OK) err = crdt_buf_status(&bytes);
    if (err == CRDT_OK) {
        put_64(bytes.data + 1, cluster);
        put_64(bytes.data + 9,
               XXH3_64bits_withSeed(bytes.data + HEAD_BYTES, bytes.size - HEAD_BYTES, cluster));
        put_base64(bytes.data, bytes.size, out);
        err = crdt_buf_status(out);
    }
    crdt_buf_clear(&bytes);
    return err;
}

static crdt_err no(crdt_err err, const char *reason, const char **ret_reason)
{
    *ret_reason = reason;
    return err;
}

static crdt_err read_bytes(crdt_view in, uint64_t cluster, crdt_context *ret_seen,
                           const char **ret_reason)
{
    const uint8_t *at = in.data;
    if (in.size < HEAD_BYTES) return no(CRDT_EMALFORMED, "it is cut off", ret_reason);
    if (at[0] != VERSION) return no(CRDT_EVERSION, "of another version", ret_reason);
    uint64_t  of = get_64(at + 1);
    crdt_view rest = crdt_view_of(at + HEAD_BYTES, in.size - HEAD_BYTES);
    if (XXH3_64bits_withSeed(rest.data, rest.size, of) != get_64(at + 9)) {
        return no(CRDT_EMALFORMED, "it was damaged on its way", ret_reason);
    }
    if (of != cluster) return no(CRDT_EEXIST, "of another cluster", ret_reason);
    return crdt_context_decode(ret_seen, rest, ret_reason);
}

crdt_err token_read(crdt_view text, uint64_t cluster, crdt_context *ret_seen,
                    const char **ret_reason)
{
    crdt_buf bytes;
    if (text.size > TOKEN_MAX) return no(CRDT_ELIMIT, "it is too long", ret_reason);
    crdt_buf_init(&bytes, NULL);
    crdt_err err = CRDT_OK;
    if (!get_base64(text, &bytes)) err = no(CRDT_EMALFORMED, "it is not base64", ret_reason);
    if (err == CRDT_OK) err = crdt_buf_status(&bytes);
    if (err == CRDT_OK) err = read_bytes(crdt_buf_bytes(&bytes), cluster, ret_seen, ret_reason);
    crdt_buf_clear(&bytes);
    return err;
}
