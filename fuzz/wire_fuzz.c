/* wire_fuzz.c: any bytes to gossip_wire_decode, with the right checksum before them.
 *
 * Input    a byte: odd, the receiver knows some ids; then the frame. Its checksum is put right.
 * Refused  with a reason; the codec says what it would have said.
 * Taken    it is what was peeked; it encodes, that decodes to the same message, and encodes to the
 *          same bytes.
 * Memory   at its peak at most 8 x the frame + 64 KiB.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "tests/wire/lib/messages.h"

static void encode(gossip_codec *codec, const gossip_msg *msg, crdt_buf *out)
{
    crdt_buf_reset(out);
    CHECK_OK(gossip_wire_encode(codec, msg, out));
}

/* A codec that was told 16 ids, or none. */
static gossip_codec *receiver(bool told)
{
    gossip_codec *codec, *other;
    gossip_frame *frame;
    gossip_known  known[16];
    gossip_msg    msg = {.kind = GOSSIP_HAVE, .link = 1, .vector = {0, 1, known, 16}};
    crdt_buf      out;
    CHECK_OK(gossip_codec_new(NULL, &codec));
    if (!told) return codec;
    crdt_buf_init(&out, NULL);
    for (unsigned i = 0; i < 16; i++) known[i] = (gossip_known){1 + i, 1, i};
    CHECK_OK(gossip_codec_new(NULL, &other));
    encode(other, &msg, &out);
    CHECK_OK(gossip_wire_decode(codec, crdt_buf_bytes(&out), NULL, &frame, NULL));
    gossip_frame_free(frame, NULL);
    gossip_codec_free(other);
    crdt_buf_clear(&out);
    return codec;
}

/* What the codec would say now is what one says to which the frame never came. */
static void check_unchanged(gossip_codec *codec, bool told)
{
    gossip_msg    msg = {.kind = GOSSIP_TOOK, .link = 1};
    gossip_codec *twin = receiver(told);
    crdt_buf      a, b;
    crdt_buf_init(&a, NULL);
    crdt_buf_init(&b, NULL);
    encode(codec, &msg, &a);
    encode(twin, &msg, &b);
    CHECK_EQ_MEM(a.data, a.size, b.data, b.size);
    crdt_buf_clear(&a);
    crdt_buf_clear(&b);
    gossip_codec_free(twin);
}

static void goes_round(const gossip_msg *msg)
{
    gossip_codec *from, *to, *back;
    gossip_frame *again;
    crdt_buf      a, b;
    CHECK_OK(gossip_codec_new(NULL, &from));
    CHECK_OK(gossip_codec_new(NULL, &to));
    CHECK_OK(gossip_codec_new(NULL, &back));
    crdt_buf_init(&a, NULL);
    crdt_buf_init(&b, NULL);
    encode(from, msg, &a);
    CHECK_OK(gossip_wire_decode(to, crdt_buf_bytes(&a), NULL, &again, NULL));
    const char *what = message_differs(gossip_frame_msg(again), msg);
    CHECK_MSG(what == NULL, "another %s the second time", what);
    encode(back, gossip_frame_msg(again), &b);
    CHECK_EQ_MEM(b.data, b.size, a.data, a.size);
    for (uint32_t i = 0; i < msg->entries_count; i++) {
        CHECK_OK(gossip_entry_check(&msg->entries[i], NULL));
    }
    gossip_frame_free(again, NULL);
    gossip_codec_free(from);
    gossip_codec_free(to);
    gossip_codec_free(back);
    crdt_buf_clear(&a);
    crdt_buf_clear(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    testmem         m;
    gossip_frame   *frame;
    gossip_msg_kind kind;
    uint32_t        link;
    const char     *reason = NULL;
    if (size < 1) return 0;
    bool     told = data[0] & 1;
    uint8_t *bytes = malloc(size); /* one too many, so that it is never nothing */
    CHECK(bytes != NULL);
    memcpy(bytes, data + 1, size - 1);
    frame_repair(bytes, size - 1);
    crdt_view in = crdt_view_of(bytes, size - 1);
    testmem_init(&m);
    gossip_codec *codec = receiver(told);
    crdt_err      peeked = gossip_wire_peek(in, &link, &kind);
    crdt_err      err = gossip_wire_decode(codec, in, &m.mem, &frame, &reason);
    CHECK_MSG(m.peak <= 8 * in.size + 65536, "took %zu bytes for %zu", m.peak, in.size);
    if (err != CRDT_OK) {
        CHECK_MSG(err == CRDT_EMALFORMED || err == CRDT_ELIMIT || err == CRDT_EVERSION ||
                      err == CRDT_ENOENT,
                  "%s", crdt_err_name(err));
        CHECK(reason != NULL && *reason != 0);
        check_unchanged(codec, told);
    } else {
        const gossip_msg *msg = gossip_frame_msg(frame);
        CHECK_OK(peeked);
        CHECK(link == msg->link && kind == msg->kind);
        goes_round(msg);
        gossip_frame_free(frame, &m.mem);
    }
    gossip_codec_free(codec);
    free(bytes);
    TESTMEM_DONE(&m);
    return 0;
}
