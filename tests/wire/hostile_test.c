/* Bytes that were damaged or forged, and memory that runs out. */
#include <stdlib.h>
#include <string.h>

#include "tests/lib/random.h"
#include "tests/lib/t.h"
#include "tests/lib/testmem.h"
#include "tests/wire/lib/slow.h"

/* A conversation of one message before, and the message that is tampered with. */
typedef struct scene {
    pool       pool;
    world      world;
    gossip_msg before, msg, answer;
    crdt_buf   first, bytes, reply; /* reply: what the receiver says if nothing was wrong */
} scene;

static gossip_codec *listener(const scene *s, const crdt_mem *mem)
{
    gossip_codec *codec;
    gossip_frame *frame;
    CHECK_OK(gossip_codec_new(mem, &codec));
    CHECK_OK(gossip_wire_decode(codec, crdt_buf_bytes(&s->first), mem, &frame, NULL));
    gossip_frame_free(frame, mem);
    return codec;
}

static void hear(gossip_codec *codec, const gossip_msg *msg, const crdt_buf *bytes)
{
    gossip_frame *frame;
    const char   *reason = "";
    crdt_err      err = gossip_wire_decode(codec, crdt_buf_bytes(bytes), NULL, &frame, &reason);
    CHECK_MSG(err == CRDT_OK, "%s", reason);
    CHECK(message_differs(gossip_frame_msg(frame), msg) == NULL);
    gossip_frame_free(frame, NULL);
}

static void scene_init(scene *s, uint64_t seed, gossip_msg_kind kind)
{
    gossip_codec *codec;
    memset(s, 0, sizeof *s);
    s->world = world_of(seed, &s->pool, 12);
    s->world.entries_max = 5;
    s->world.body_max = 10;
    s->before = world_message(&s->world, GOSSIP_HAVE);
    s->msg = world_message(&s->world, kind);
    s->answer = world_message(&s->world, GOSSIP_STATE);
    crdt_buf_init(&s->first, NULL);
    crdt_buf_init(&s->bytes, NULL);
    crdt_buf_init(&s->reply, NULL);
    CHECK_OK(gossip_codec_new(NULL, &codec));
    CHECK_OK(gossip_wire_encode(codec, &s->before, &s->first));
    CHECK_OK(gossip_wire_encode(codec, &s->msg, &s->bytes));
    gossip_codec_free(codec);
    codec = listener(s, NULL);
    hear(codec, &s->msg, &s->bytes);
    CHECK_OK(gossip_wire_encode(codec, &s->answer, &s->reply));
    gossip_codec_free(codec);
}

static void scene_clear(scene *s)
{
    crdt_buf_clear(&s->first);
    crdt_buf_clear(&s->bytes);
    crdt_buf_clear(&s->reply);
    pool_clear(&s->pool);
}

/* The codec is as if only `first` had come: the true message is understood, the reply the same. */
static void check_unchanged(const scene *s, gossip_codec *codec)
{
    crdt_buf reply;
    crdt_buf_init(&reply, NULL);
    hear(codec, &s->msg, &s->bytes);
    CHECK_OK(gossip_wire_encode(codec, &s->answer, &reply));
    CHECK_EQ_MEM(reply.data, reply.size, s->reply.data, s->reply.size);
    crdt_buf_clear(&reply);
}

TEST(hostile, every_truncation_and_every_flipped_bit_is_refused)
{
    uint64_t seed = seed_or(20266);
    for (int kind = GOSSIP_HELLO; kind <= GOSSIP_REFUSED; kind++) {
        scene           s;
        gossip_frame   *frame;
        gossip_msg_kind peeked;
        uint32_t        link;
        scene_init(&s, seed + (uint64_t)kind, (gossip_msg_kind)kind);
        gossip_codec *codec = listener(&s, NULL);
        for (size_t size = 0; size < s.bytes.size; size++) {
            crdt_view   cut = {s.bytes.data, size};
            const char *reason = NULL;
            CHECK_ERR(gossip_wire_decode(codec, cut, NULL, &frame, &reason), CRDT_EMALFORMED);
            CHECK(reason != NULL);
            CHECK_ERR(gossip_wire_peek(cut, &link, &peeked), CRDT_EMALFORMED);
        }
        for (size_t bit = 0; bit < s.bytes.size * 8; bit++) {
            s.bytes.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
            crdt_view in = crdt_buf_bytes(&s.bytes);
            CHECK_ERR(gossip_wire_decode(codec, in, NULL, &frame, NULL), CRDT_EMALFORMED);
            CHECK_ERR(gossip_wire_peek(in, &link, &peeked), CRDT_EMALFORMED);
            s.bytes.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        check_unchanged(&s, codec);
        gossip_codec_free(codec);
        scene_clear(&s);
    }
}

/* A frame whose checksum is right. Memory is bounded; refused, it leaves the codec as it was; what
 * is taken the slow reader reads alike, and it goes round. */
static bool tampered(const scene *s, const uint8_t *bytes, size_t size)
{
    testmem       m;
    gossip_frame *frame, *again;
    const char   *reason = NULL;
    crdt_view     in = crdt_view_of(bytes, size);
    testmem_init(&m);
    gossip_codec *codec = listener(s, NULL);
    crdt_err      err = gossip_wire_decode(codec, in, &m.mem, &frame, &reason);
    CHECK_MSG(m.peak <= 8 * size + 65536, "took %zu bytes for %zu", m.peak, size);
    if (err != CRDT_OK) {
        CHECK(err == CRDT_EMALFORMED || err == CRDT_ELIMIT || err == CRDT_EVERSION ||
              err == CRDT_ENOENT);
        CHECK(reason != NULL && *reason != 0);
        check_unchanged(s, codec);
        gossip_codec_free(codec);
        TESTMEM_DONE(&m);
        return false;
    }
    pool              p = {NULL};
    slow_ids         *ids = calloc(1, sizeof *ids);
    gossip_msg        slow;
    gossip_codec     *from, *to;
    crdt_buf          out;
    const gossip_msg *msg = gossip_frame_msg(frame);
    CHECK(ids != NULL);
    CHECK(slow_read(ids, crdt_buf_bytes(&s->first), &p, &slow));
    CHECK_MSG(slow_read(ids, in, &p, &slow), "kind %d", (int)msg->kind);
    const char *what = message_differs(&slow, msg);
    CHECK_MSG(what == NULL, "the slow reader finds another %s", what);
    crdt_buf_init(&out, NULL);
    CHECK_OK(gossip_codec_new(NULL, &from));
    CHECK_OK(gossip_codec_new(NULL, &to));
    CHECK_OK(gossip_wire_encode(from, msg, &out));
    CHECK_OK(gossip_wire_decode(to, crdt_buf_bytes(&out), NULL, &again, NULL));
    what = message_differs(gossip_frame_msg(again), msg);
    CHECK_MSG(what == NULL, "another %s the second time", what);
    gossip_frame_free(again, NULL);
    gossip_frame_free(frame, &m.mem);
    gossip_codec_free(from);
    gossip_codec_free(to);
    gossip_codec_free(codec);
    crdt_buf_clear(&out);
    free(ids);
    pool_clear(&p);
    TESTMEM_DONE(&m);
    return true;
}

TEST(hostile, forged_frames_are_refused_or_are_messages)
{
    uint64_t seed = seed_or(20267);
    unsigned taken = 0, refused = 0;
    for (int kind = GOSSIP_HELLO; kind <= GOSSIP_REFUSED; kind++) {
        scene s;
        scene_init(&s, seed + (uint64_t)kind * 3, (gossip_msg_kind)kind);
        size_t   size = s.bytes.size, step = T_SLOW ? 13 : 1;
        uint8_t *copy = malloc(size);
        CHECK(copy != NULL);
        for (size_t cut = 4; cut < size; cut += step) {
            memcpy(copy, s.bytes.data, cut);
            frame_repair(copy, cut);
            *(tampered(&s, copy, cut) ? &taken : &refused) += 1;
        }
        for (size_t bit = 32; bit < size * 8; bit += step) {
            memcpy(copy, s.bytes.data, size);
            copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
            frame_repair(copy, size);
            *(tampered(&s, copy, size) ? &taken : &refused) += 1;
        }
        for (unsigned round = 0; round < (T_SLOW ? 20 : 400); round++) {
            memcpy(copy, s.bytes.data, size);
            for (unsigned i = 0; i < 1 + round % 4; i++) {
                copy[4 + world_below(&s.world, (uint32_t)size - 4)] =
                    (uint8_t)world_number(&s.world, 8);
            }
            frame_repair(copy, size);
            *(tampered(&s, copy, size) ? &taken : &refused) += 1;
        }
        free(copy);
        scene_clear(&s);
    }
    printf("%u taken, %u refused\n", taken, refused);
    CHECK(taken > 100 && refused > 100);
}

/* Fields one after the other, with the checksum before them. */
static void forge(crdt_buf *out, const void *fields, size_t size, unsigned times)
{
    crdt_buf_reset(out);
    crdt_buf_put(out, "\0\0\0", 4);
    crdt_buf_put(out, "\x08\x01", 2); /* SYNC, id 1 */
    for (unsigned i = 0; i < times; i++) crdt_buf_put(out, fields, size);
    CHECK_OK(crdt_buf_status(out));
    frame_repair(out->data, out->size);
}

static crdt_err try_forged(const crdt_buf *bytes)
{
    testmem       m;
    gossip_codec *codec;
    gossip_frame *frame;
    testmem_init(&m);
    CHECK_OK(gossip_codec_new(NULL, &codec));
    crdt_err err = gossip_wire_decode(codec, crdt_buf_bytes(bytes), &m.mem, &frame, NULL);
    CHECK_MSG(m.peak <= 8 * bytes->size + 65536, "took %zu bytes for %zu", m.peak, bytes->size);
    if (err == CRDT_OK) gossip_frame_free(frame, &m.mem);
    gossip_codec_free(codec);
    TESTMEM_DONE(&m);
    return err;
}

TEST(hostile, a_million_fields_take_no_more_memory_than_said)
{
    crdt_buf out;
    crdt_buf_init(&out, NULL);
    forge(&out, "\x60\x01", 2, 500000); /* credit, again and again */
    CHECK_ERR(try_forged(&out), CRDT_ELIMIT);
    forge(&out, "\xba\x01\x00", 3, 300000); /* empty greetings */
    CHECK(try_forged(&out) != CRDT_OK);
    forge(&out, "\xf8\x3f\x01", 3, 300000); /* fields that nobody knows */
    CHECK_ERR(try_forged(&out), CRDT_OK);
    forge(&out, "\x4a\x00", 2, 500000); /* a root of no bytes */
    CHECK_ERR(try_forged(&out), CRDT_ELIMIT);
    forge(&out, "\x0b", 1, 500000); /* groups */
    CHECK_ERR(try_forged(&out), CRDT_EMALFORMED);
    crdt_buf_clear(&out);
}

TEST(hostile, counts_that_cannot_be_take_no_memory)
{
    static const struct {
        const char *fields;
        size_t      size;
    } forged[] = {
        {"\x58\x01\x72\x05\xff\xff\xff\xff\x0f", 9},                        /* a vector of 2^32 */
        {"\x7a\x0b\xff\xff\xff\xff\x0f\x1f\x00\x01\x00\x00\x00", 13},       /* 2^32 entries */
        {"\x6a\x09\x01\x01\x02\x03\x04\x05\x06\x07\x08"                     /* one id */
         "\x7a\x1a\x01\x17\x00\x01\x00\x00\x00\x00\x00\xff\xff\xff\xff\x0f" /* 2^32 deps */
         "abcdefghijkl",
         39},
        {"\x80\x01\x01", 3},                                  /* ids that were never sent */
        {"\x6a\x06\x00\xff\xff\xff\xff\x0f", 8},              /* 2^32 ids */
        {"\x6a\x09\xff\xff\xff\xff\x0f\x00\x00\x00\x00", 11}, /* index 2^31 */
    };
    crdt_buf out;
    crdt_buf_init(&out, NULL);
    for (size_t i = 0; i < sizeof forged / sizeof *forged; i++) {
        forge(&out, forged[i].fields, forged[i].size, 1);
        CHECK_ERR(try_forged(&out), CRDT_EMALFORMED);
    }
    crdt_buf_clear(&out);
}

TEST(hostile, refused_memory_changes_nothing)
{
    uint64_t seed = seed_or(20268);
    for (int kind = GOSSIP_HELLO; kind <= GOSSIP_REFUSED; kind++) {
        scene         s;
        testmem       m;
        gossip_frame *frame;
        gossip_codec *codec, *twin;
        crdt_buf      out;
        scene_init(&s, seed + (uint64_t)kind, (gossip_msg_kind)kind);
        testmem_init(&m);
        codec = listener(&s, &m.mem);
        for (uint64_t nth = 1;; nth++) {
            testmem_fail_nth(&m, nth);
            crdt_err err =
                gossip_wire_decode(codec, crdt_buf_bytes(&s.bytes), &m.mem, &frame, NULL);
            if (!testmem_refused(&m)) break;
            CHECK_ERR(err, CRDT_ENOMEM);
        }
        testmem_fail_never(&m);
        gossip_frame_free(frame, &m.mem);
        check_unchanged(&s, codec);
        gossip_codec_free(codec);
        for (uint64_t nth = 1;; nth++) { /* another codec: refused, then as if never asked */
            codec = listener(&s, &m.mem);
            twin = listener(&s, &m.mem);
            crdt_buf_init(&out, &m.mem);
            testmem_fail_nth(&m, nth);
            crdt_err err = gossip_wire_encode(codec, &s.msg, &out);
            bool     refused = testmem_refused(&m);
            testmem_fail_never(&m);
            CHECK_ERR(err, refused ? CRDT_ENOMEM : CRDT_OK);
            if (refused) CHECK_EQ_INT(out.size, 0);
            crdt_buf a, b;
            crdt_buf_init(&a, NULL);
            crdt_buf_init(&b, NULL);
            CHECK_OK(gossip_wire_encode(codec, &s.answer, &a));
            if (!refused) CHECK_OK(gossip_wire_encode(twin, &s.msg, &b));
            crdt_buf_reset(&b);
            CHECK_OK(gossip_wire_encode(twin, &s.answer, &b));
            CHECK_EQ_MEM(a.data, a.size, b.data, b.size);
            crdt_buf_clear(&a);
            crdt_buf_clear(&b);
            crdt_buf_clear(&out);
            gossip_codec_free(codec);
            gossip_codec_free(twin);
            if (!refused) break;
        }
        TESTMEM_DONE(&m);
        scene_clear(&s);
    }
}

/* -- What callers get wrong -------------------------------------------------------------------- */

typedef struct wrong {
    pool          pool;
    world         world;
    gossip_codec *codec, *twin;
} wrong;

/* Refused, and the next message is what it would have been. */
static void refuse(wrong *w, gossip_codec *codec, const gossip_msg *msg, crdt_err expected)
{
    crdt_buf     a, b;
    gossip_known known = {99, 1, 1};
    gossip_msg   next = {.kind = GOSSIP_HAVE, .vector = {0, 1, &known, 1}};
    crdt_buf_init(&a, NULL);
    crdt_buf_init(&b, NULL);
    crdt_buf_byte(&a, 7);
    CHECK_ERR(gossip_wire_encode(codec, msg, &a), expected);
    CHECK_EQ_INT(a.size, 1);
    crdt_buf_reset(&a);
    CHECK_OK(gossip_wire_encode(w->codec, &next, &a));
    CHECK_OK(gossip_wire_encode(w->twin, &next, &b));
    CHECK_EQ_MEM(a.data, a.size, b.data, b.size);
    crdt_buf_clear(&a);
    crdt_buf_clear(&b);
}

TEST(hostile, messages_that_cannot_be_are_not_encoded)
{
    wrong w = {{NULL}, {0}, NULL, NULL};
    w.world = world_of(3, &w.pool, 12);
    CHECK_OK(gossip_codec_new(NULL, &w.codec));
    CHECK_OK(gossip_codec_new(NULL, &w.twin));
    gossip_msg good = {.kind = GOSSIP_PUSH}, bad;
    world_entries(&w.world, &good, 6, 3);
    bad = (gossip_msg){.kind = (gossip_msg_kind)0};
    refuse(&w, w.codec, &bad, CRDT_EINVAL);
    bad.kind = (gossip_msg_kind)16;
    refuse(&w, w.codec, &bad, CRDT_EINVAL);
    refuse(&w, NULL, &good, CRDT_EINVAL); /* no link, no dictionary */
    bad = good;
    bad.same = true;
    refuse(&w, w.codec, &bad, CRDT_EINVAL);
    bad = good;
    bad.origins_count--; /* an author without a tag */
    refuse(&w, w.codec, &bad, CRDT_EINVAL);
    bad = good;
    bad.entries_count = 2; /* a tag without an author */
    refuse(&w, w.codec, &bad, CRDT_EINVAL);
    bad = good;
    gossip_entry entries[6];
    memcpy(entries, good.entries, sizeof entries);
    bad.entries = entries;
    entries[5].first += 1u << 20; /* a hole */
    entries[5].last += 1u << 20;
    refuse(&w, w.codec, &bad, CRDT_EINVAL);
    entries[5] = good.entries[5];
    entries[3].kind = GOSSIP_CUT;
    refuse(&w, w.codec, &bad, CRDT_EVERSION);
    entries[3] = good.entries[3];
    entries[0].body.size = GOSSIP_BODY_MIN - 1;
    refuse(&w, w.codec, &bad, CRDT_EINVAL);
    entries[0].body.size = GOSSIP_BODY_MAX + 1;
    refuse(&w, w.codec, &bad, CRDT_ELIMIT);
    gossip_known known[] = {{5, 1, 1}, {5, 2, 1}};
    bad = (gossip_msg){.kind = GOSSIP_SYNC, .vector = {0, 1, known, 2}};
    refuse(&w, w.codec, &bad, CRDT_EINVAL);
    bad.vector = (gossip_vector){0, 0, known, 1};
    refuse(&w, w.codec, &bad, CRDT_EINVAL);
    bad.vector = (gossip_vector){2, 1, NULL, 0};
    refuse(&w, w.codec, &bad, CRDT_EINVAL);
    crdt_view long_name = {w.world.ids, CRDT_NAME_BYTES_MAX + 1};
    bad = (gossip_msg){.kind = GOSSIP_FIX, .name = long_name};
    refuse(&w, w.codec, &bad, CRDT_ELIMIT);
    gossip_object_digest digest = {long_name, 1, {1, 1}};
    bad = (gossip_msg){.kind = GOSSIP_DIGESTS, .digests = &digest, .digests_count = 1};
    refuse(&w, w.codec, &bad, CRDT_ELIMIT);
    bad = (gossip_msg){.kind = GOSSIP_HELLO};
    bad.hello.address = crdt_view_of(w.world.ids, 256);
    refuse(&w, NULL, &bad, CRDT_ELIMIT);
    bad.hello = (gossip_hello){.version_min = 2, .version_max = 1};
    refuse(&w, NULL, &bad, CRDT_EINVAL);
    gossip_type types[] = {{4, 1}, {4, 1}};
    bad.hello = (gossip_hello){.types = types, .types_count = 2};
    refuse(&w, NULL, &bad, CRDT_EINVAL);
    crdt_view nobody = {NULL, 0};
    bad.hello = (gossip_hello){.peers = &nobody, .peers_count = 1};
    refuse(&w, NULL, &bad, CRDT_EINVAL);
    gossip_codec_free(w.codec);
    gossip_codec_free(w.twin);
    pool_clear(&w.pool);
}
