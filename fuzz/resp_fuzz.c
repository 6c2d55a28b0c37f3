/* resp_fuzz.c: any bytes as requests of the Redis protocol, whole and in pieces.
 *
 * Input    a byte of options, a byte that says how many bytes of piece sizes follow (used by turns,
 *          0 is 256), and the stream.
 * Same     in pieces it gives the requests and the error that it gives whole.
 * Memory   at its peak at most 32 x the stream + 4 KiB, whatever its lengths promise.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "node/resp.h"

typedef struct stream {
    testmem     m;
    resp_parser parser;
    crdt_buf    seen; /* what it said */
    bool        failed;
} stream;

static void stream_init(stream *s, uint8_t options)
{
    resp_limits limits = resp_limits_default();
    if (options & 2) limits = (resp_limits){.args = 4, .bulk = 16, .inline_line = 32};
    testmem_init(&s->m);
    resp_init(&s->parser, &s->m.mem, limits);
    s->parser.anonymous = options & 1;
    crdt_buf_init(&s->seen, NULL);
    s->failed = false;
}

static void stream_clear(stream *s, size_t size)
{
    CHECK_MSG(s->m.peak <= 32 * size + 4096, "took %zu bytes for %zu", s->m.peak, size);
    resp_clear(&s->parser);
    crdt_buf_clear(&s->seen);
    TESTMEM_DONE(&s->m);
}

static void request(stream *s, const crdt_view *args, size_t count)
{
    CHECK(count > 0);
    for (size_t i = 0; i < count; i++) {
        crdt_buf_byte(&s->seen, i == 0 ? '\n' : ' ');
        crdt_buf_print_value(&s->seen, crdt_bytes(args[i].data, args[i].size));
    }
}

/* Run what is there: bytes [at, size) of the stream, of which the caller has copied just these. How
 * many were consumed. */
static size_t run(stream *s, const uint8_t *bytes, size_t size)
{
    size_t at = 0;
    while (!s->failed) {
        crdt_view  *args;
        size_t      count, used;
        const char *error;
        uint8_t    *exact = malloc(size - at + 1);
        CHECK(exact != NULL);
        memcpy(exact, bytes + at, size - at);
        resp_status status = resp_parse(&s->parser, exact, size - at, &args, &count, &used, &error);
        CHECK(used <= size - at);
        if (status == RESP_REQUEST) request(s, args, count);
        if (status == RESP_MORE) CHECK(s->parser.need > size - at - used);
        if (status == RESP_ERROR) {
            CHECK(*error != 0 && strpbrk(error, "\r\n") == NULL);
            crdt_buf_text(&s->seen, "\n! ");
            crdt_buf_text(&s->seen, error);
            s->failed = true;
        }
        memset(exact, 'Z', size - at + 1); /* nothing may point here any more */
        free(exact);
        at += used;
        if (status == RESP_MORE) break;
        CHECK(used > 0 || s->failed);
    }
    return at;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_in   in = fuzz_input(data, size);
    uint8_t   options = fuzz_byte(&in);
    crdt_view sizes = fuzz_take(&in, fuzz_byte(&in)), bytes = fuzz_rest(&in);
    stream    whole, split;
    size_t    used = 0, piece;
    stream_init(&whole, options);
    stream_init(&split, options);
    run(&whole, bytes.data, bytes.size);
    for (size_t at = 0, turn = 0; at < bytes.size; at += piece, turn++) {
        piece = 1;
        if (sizes.size > 0) piece = ((const uint8_t *)sizes.data)[turn % sizes.size];
        if (piece == 0) piece = 256;
        if (piece > bytes.size - at) piece = bytes.size - at;
        used += run(&split, (const uint8_t *)bytes.data + used, at + piece - used);
    }
    CHECK_EQ_MEM(split.seen.data, split.seen.size, whole.seen.data, whole.seen.size);
    stream_clear(&whole, bytes.size);
    stream_clear(&split, bytes.size);
    return 0;
}
