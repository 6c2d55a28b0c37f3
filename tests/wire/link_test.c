/* The two dictionaries of a link when frames are lost, come twice, or late. */
#include <stdlib.h>
#include <string.h>

#include "tests/lib/random.h"
#include "tests/lib/t.h"
#include "tests/lib/testmem.h"
#include "tests/wire/lib/slow.h"

/* A frame on its way, and what it says. */
typedef struct flying {
    gossip_msg msg;
    crdt_buf   bytes;
    unsigned   to;
} flying;

#define FLYING 24u

typedef struct world2 {
    testmem       m;
    gossip_codec *side[2];
    slow_ids     *slow[2]; /* what each side was told */
    flying        air[FLYING];
    unsigned      count;
    uint64_t      frames, definitions;
} world2;

static void setup(world2 *n)
{
    memset(n, 0, sizeof *n);
    testmem_init(&n->m);
    for (unsigned i = 0; i < 2; i++) {
        CHECK_OK(gossip_codec_new(&n->m.mem, &n->side[i]));
        n->slow[i] = calloc(1, sizeof **n->slow);
        CHECK(n->slow[i] != NULL);
    }
}

static void teardown(world2 *n)
{
    while (n->count > 0) crdt_buf_clear(&n->air[--n->count].bytes);
    for (unsigned i = 0; i < 2; i++) {
        gossip_codec_free(n->side[i]);
        free(n->slow[i]);
    }
    TESTMEM_DONE(&n->m);
}

/* The bytes of the definitions in a frame. */
static size_t definitions(crdt_view in)
{
    crdt_dec dec;
    crdt_dec_init(&dec, in, NULL);
    crdt_dec_bytes(&dec, 4);
    while (crdt_dec_left(&dec) > 0) {
        uint64_t head = crdt_dec_varint(&dec), size = 0;
        if (head % 8 == 0) crdt_dec_varint(&dec);
        else size = head % 8 == 1 ? 8 : head % 8 == 5 ? 4 : crdt_dec_varint(&dec);
        crdt_dec_bytes(&dec, (size_t)size);
        if (head / 8 == 13) return (size_t)size;
    }
    CHECK_OK(crdt_dec_status(&dec));
    return 0;
}

static void send(world2 *n, unsigned from, const gossip_msg *msg)
{
    flying *f = &n->air[n->count++];
    f->msg = *msg;
    f->to = 1 - from;
    crdt_buf_init(&f->bytes, &n->m.mem);
    CHECK_OK(gossip_wire_encode(n->side[from], msg, &f->bytes));
    n->frames++;
    n->definitions += definitions(crdt_buf_bytes(&f->bytes));
}

static void arrive(world2 *n, unsigned i, pool *p)
{
    flying       *f = &n->air[i];
    gossip_frame *frame;
    gossip_msg    slow;
    const char   *reason = "";
    crdt_view     in = crdt_buf_bytes(&f->bytes);
    crdt_err      err = gossip_wire_decode(n->side[f->to], in, &n->m.mem, &frame, &reason);
    CHECK_MSG(err == CRDT_OK, "frame %ju: %s", (uintmax_t)n->frames, reason);
    const char *what = message_differs(gossip_frame_msg(frame), &f->msg);
    CHECK_MSG(what == NULL, "frame %ju: %s", (uintmax_t)n->frames, what);
    CHECK(slow_read(n->slow[f->to], in, p, &slow));
    CHECK(message_differs(&slow, &f->msg) == NULL);
    gossip_frame_free(frame, &n->m.mem);
}

static void vanish(world2 *n, unsigned i)
{
    crdt_buf_clear(&n->air[i].bytes);
    n->air[i] = n->air[--n->count];
}

static gossip_msg_kind some_kind(world *w)
{
    static const gossip_msg_kind kinds[] = {GOSSIP_SYNC, GOSSIP_STATE, GOSSIP_PUSH, GOSSIP_TOOK,
                                            GOSSIP_HAVE, GOSSIP_WANT,  GOSSIP_PAGE};
    return kinds[world_below(w, sizeof kinds / sizeof *kinds)];
}

TEST(link, every_frame_that_arrives_is_understood)
{
    uint64_t seed = seed_or(20265);
    for (uint32_t run = 0; run < (T_SLOW ? 4 : 40); run++) {
        world2 n;
        pool   p = {NULL};
        world  w = world_of(seed + run, &p, 60);
        setup(&n);
        w.entries_max = 4;
        for (uint32_t step = 0; step < 400; step++) {
            unsigned act = world_below(&w, 4);
            if (n.count == 0 || (act < 2 && n.count < FLYING)) {
                gossip_msg msg = world_message(&w, some_kind(&w));
                send(&n, world_below(&w, 2), &msg);
                continue;
            }
            unsigned i = world_below(&w, n.count);
            if (run % 4 == 0 || world_below(&w, 10) >= run % 4 * 3) arrive(&n, i, &p); /* or lost */
            if (world_below(&w, 4)) vanish(&n, i); /* or it comes again */
        }
        teardown(&n);
        pool_clear(&p);
    }
}

TEST(link, what_is_acknowledged_is_not_defined_again)
{
    world2     n;
    pool       p = {NULL};
    world      w = world_of(5, &p, 100);
    gossip_msg all = {.kind = GOSSIP_HAVE, .vector = {0, 1, NULL, 100}}, state = {0};
    setup(&n);
    gossip_known *known = pool_take(&p, 100 * sizeof *known);
    for (uint32_t i = 0; i < 100; i++) known[i] = (gossip_known){w.ids[i], 5, 6};
    all.vector.known = known;
    state.kind = GOSSIP_TOOK;
    for (unsigned round = 0; round < 3; round++) { /* not answered: defined each time */
        send(&n, 0, &all);
        CHECK_EQ_INT(definitions(crdt_buf_bytes(&n.air[0].bytes)), 801);
        if (round > 0) arrive(&n, 0, &p);
        vanish(&n, 0);
    }
    send(&n, 1, &state); /* a reply that is lost */
    vanish(&n, 0);
    send(&n, 0, &all);
    CHECK_EQ_INT(definitions(crdt_buf_bytes(&n.air[0].bytes)), 801);
    arrive(&n, 0, &p);
    vanish(&n, 0);
    send(&n, 1, &state); /* one that arrives */
    arrive(&n, 0, &p);
    vanish(&n, 0);
    send(&n, 0, &all);
    CHECK_EQ_INT(definitions(crdt_buf_bytes(&n.air[0].bytes)), 0);
    arrive(&n, 0, &p);
    vanish(&n, 0);
    /* All is settled: the acknowledgement is not told any more. */
    send(&n, 1, &state);
    CHECK_EQ_INT(n.air[0].bytes.size, 4 + 2); /* checksum, kind and id: no more */
    vanish(&n, 0);
    teardown(&n);
    pool_clear(&p);
}

TEST(link, only_what_a_message_uses_is_defined)
{
    world2       n;
    pool         p = {NULL};
    world        w = world_of(6, &p, 10);
    gossip_known known[10];
    gossip_msg   msg = {.kind = GOSSIP_HAVE, .vector = {0, 1, known, 10}};
    setup(&n);
    for (uint32_t i = 0; i < 10; i++) known[i] = (gossip_known){w.ids[i], 5, 6};
    send(&n, 0, &msg); /* lost */
    vanish(&n, 0);
    gossip_known some[] = {known[1], known[2], known[7]};
    msg.vector.known = some;
    msg.vector.count = 3;
    send(&n, 0, &msg);
    /* two runs: gap, count, 2 ids; gap, 1 id */
    CHECK_EQ_INT(definitions(crdt_buf_bytes(&n.air[0].bytes)), 1 + 1 + 16 + 1 + 8);
    arrive(&n, 0, &p);
    vanish(&n, 0);
    teardown(&n);
    pool_clear(&p);
}

TEST(link, an_index_that_was_never_defined_ends_the_link)
{
    world2        n;
    pool          p = {NULL};
    gossip_known  known = {77, 5, 6};
    gossip_msg    msg = {.kind = GOSSIP_HAVE, .vector = {0, 1, &known, 1}};
    gossip_msg    took = {.kind = GOSSIP_TOOK};
    gossip_frame *frame;
    gossip_codec *fresh;
    const char   *reason = NULL;
    setup(&n);
    send(&n, 0, &msg);
    arrive(&n, 0, &p);
    vanish(&n, 0);
    send(&n, 1, &took);
    arrive(&n, 0, &p);
    vanish(&n, 0);
    send(&n, 0, &msg);
    CHECK_OK(gossip_codec_new(&n.m.mem, &fresh)); /* the other side has begun again */
    crdt_view in = crdt_buf_bytes(&n.air[0].bytes);
    CHECK_ERR(gossip_wire_decode(fresh, in, &n.m.mem, &frame, &reason), CRDT_ENOENT);
    CHECK(reason != NULL);
    CHECK_ERR(gossip_wire_decode(NULL, in, &n.m.mem, &frame, &reason), CRDT_ENOENT);
    gossip_codec_free(fresh);
    teardown(&n);
    pool_clear(&p);
}
