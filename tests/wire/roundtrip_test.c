/* Messages, entries and snapshots at random: what is encoded decodes to the same. */
#include <string.h>

#include "tests/lib/random.h"
#include "tests/lib/t.h"
#include "tests/lib/testmem.h"
#include "tests/wire/lib/messages.h"

#define ROUNDS (T_SLOW ? 300 : 4000)

TEST(roundtrip, messages_of_every_kind)
{
    uint64_t      seed = seed_or(20261);
    testmem       m;
    gossip_codec *ours, *theirs;
    crdt_buf      out;
    pool          p = {NULL};
    testmem_init(&m);
    CHECK_OK(gossip_codec_new(&m.mem, &ours));
    CHECK_OK(gossip_codec_new(&m.mem, &theirs));
    crdt_buf_init(&out, &m.mem);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        world           w = world_of(seed + round / 100, &p, 40); /* the same ids for a while */
        gossip_frame   *frame;
        gossip_msg_kind kind;
        uint32_t        link;
        const char     *reason = "";
        w.random += round * UINT64_C(7919);
        gossip_msg msg = world_message(&w, 1 + round % GOSSIP_REFUSED);
        crdt_buf_reset(&out);
        CHECK_OK(gossip_wire_encode(ours, &msg, &out));
        CHECK_OK(gossip_wire_peek(crdt_buf_bytes(&out), &link, &kind));
        CHECK(link == msg.link && kind == msg.kind);
        crdt_err err = gossip_wire_decode(theirs, crdt_buf_bytes(&out), &m.mem, &frame, &reason);
        CHECK_MSG(err == CRDT_OK, "round %u, kind %d: %s", round, (int)msg.kind, reason);
        const char *what = message_differs(gossip_frame_msg(frame), &msg);
        CHECK_MSG(what == NULL, "round %u, kind %d: %s", round, (int)msg.kind, what);
        gossip_frame_free(frame, &m.mem);
        pool_clear(&p);
    }
    crdt_buf_clear(&out);
    gossip_codec_free(ours);
    gossip_codec_free(theirs);
    TESTMEM_DONE(&m);
}
