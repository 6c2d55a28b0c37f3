/* Frames, entries and snapshots that must never change: tests/golden/wire/vectors.txt, a line each:
 * name, bytes in hex. `make golden-update` writes it anew; its diff is a change of the format. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/t.h"
#include "tests/wire/lib/slow.h"

#define VECTORS "tests/golden/wire/vectors.txt"

/* What is encoded is put here, a line each. */
typedef struct book {
    crdt_buf lines;
    pool     pool;
} book;

static void put_line(book *b, const char *name, const crdt_buf *bytes)
{
    static const char digits[] = "0123456789abcdef";
    crdt_buf_text(&b->lines, name);
    crdt_buf_byte(&b->lines, ' ');
    for (size_t i = 0; i < bytes->size; i++) {
        crdt_buf_byte(&b->lines, (uint8_t)digits[bytes->data[i] >> 4]);
        crdt_buf_byte(&b->lines, (uint8_t)digits[bytes->data[i] & 15]);
    }
    crdt_buf_byte(&b->lines, '\n');
}

static crdt_view text(const char *t)
{
    return crdt_text_view(t);
}

/* On a link where nothing was said before. */
static void frame(book *b, const char *name, const gossip_msg *msg)
{
    crdt_buf      out;
    gossip_codec *from, *to;
    gossip_frame *read;
    slow_ids     *ids = pool_take(&b->pool, sizeof *ids);
    gossip_msg    slow;
    crdt_buf_init(&out, NULL);
    CHECK_OK(gossip_codec_new(NULL, &from));
    CHECK_OK(gossip_codec_new(NULL, &to));
    CHECK_OK(gossip_wire_encode(from, msg, &out));
    CHECK_OK(gossip_wire_decode(to, crdt_buf_bytes(&out), NULL, &read, NULL));
    CHECK(message_differs(gossip_frame_msg(read), msg) == NULL);
    CHECK(slow_read(ids, crdt_buf_bytes(&out), &b->pool, &slow));
    CHECK(message_differs(&slow, msg) == NULL);
    put_line(b, name, &out);
    gossip_frame_free(read, NULL);
    gossip_codec_free(from);
    gossip_codec_free(to);
    crdt_buf_clear(&out);
}

#define A UINT64_C(0x0a0a0a0a0a0a0a0a)
#define B UINT64_C(0x0b0b0b0b0b0b0b0b)
#define C UINT64_C(0x0c0c0c0c0c0c0c0c)
#define MS UINT64_C(1700000000000)

static void greetings(book *b)
{
    static const gossip_type types[] = {{1, 1}, {2, 1}, {300, 4}};
    crdt_view                peers[] = {{"tcp://b:1", 9}, {"x", 1}};
    gossip_msg               hello = {.kind = GOSSIP_HELLO, .id = 1};
    hello.hello = (gossip_hello){.cluster = 1,
                                 .node = 2,
                                 .replica = A,
                                 .boot = 4,
                                 .version_min = 1,
                                 .version_max = 1,
                                 .features = 0,
                                 .frame_max = 1 << 20,
                                 .address = text("tcp://a:1"),
                                 .types = types,
                                 .types_count = 3,
                                 .peers = peers,
                                 .peers_count = 2};
    frame(b, "hello", &hello);
    hello.kind = GOSSIP_WELCOME;
    hello.credit = 262144;
    frame(b, "welcome", &hello);
    gossip_msg refused = {.kind = GOSSIP_REFUSED, .link = 5, .id = 6};
    refused.refusal = GOSSIP_BUSY;
    frame(b, "refused", &refused);
}

static void checks(book *b)
{
    gossip_known known[] = {{A, 5, 0x11111111}, {B, 300, 0x22222222}, {C, 1, 0x33333333}};
    gossip_msg   sync = {.kind = GOSSIP_SYNC, .link = 0x01020304, .id = 7, .root = {8, 9}};
    frame(b, "sync", &sync);
    sync.vector = (gossip_vector){0, 3, known, 3};
    sync.vector_taken = 12;
    frame(b, "sync-all-of-a-vector", &sync);
    sync.vector = (gossip_vector){2, 3, known + 1, 1};
    frame(b, "sync-change-of-a-vector", &sync);
    sync.vector = (gossip_vector){3, 3, NULL, 0};
    frame(b, "sync-no-change", &sync);
    gossip_msg state = {.kind = GOSSIP_STATE, .link = 0x01020304, .id = 7, .same = true};
    state.credit = 262144;
    frame(b, "state-same", &state);
    gossip_msg want = {.kind = GOSSIP_WANT, .link = 1, .id = 300, .graft = true};
    frame(b, "want", &want);
    gossip_msg took = {.kind = GOSSIP_TOOK, .link = 1, .id = 301, .prune = true, .credit = 1};
    frame(b, "took", &took);
    gossip_msg have = {.kind = GOSSIP_HAVE, .link = 1, .id = 302};
    have.vector = (gossip_vector){0, 1, known, 2};
    frame(b, "have", &have);
}

static void entries(book *b)
{
    static crdt_dot      deps[] = {{A, 5}, {C, 70}};
    static gossip_entry  es[12];
    static gossip_origin origins[] = {{A, 0x11111111}, {B, 0x22222222}};
    uint64_t             next[] = {5, 1000}, old[] = {C};
    gossip_msg           push = {.kind = GOSSIP_PUSH, .link = 1, .id = 2};
    push.entries = es;
    push.origins = origins;
    for (unsigned i = 0; i < 12; i++) {
        unsigned who = i == 0 ? 0 : i % 3 == 1;
        es[i] = (gossip_entry){
            who ? B : A,      next[who], next[who],
            MS + i * i * 100, NULL,      0,
            GOSSIP_DELTA,     {NULL, 0}, {"a body of an entry of 40 bytes or less..", 12 + i}};
        next[who]++;
    }
    push.entries_count = push.origins_count = 1;
    frame(b, "push-one", &push);
    world_tell(&b->pool, &push);
    frame(b, "push-one-tells-the-vector", &push);
    push.vector = (gossip_vector){0, 0, NULL, 0};
    push.entries_count = 3;
    push.origins_count = 2;
    es[1].deps = deps;
    es[1].deps_count = 2;
    frame(b, "push-few", &push);
    push.kind = GOSSIP_STATE;
    push.more = true;
    push.entries_count = 12;
    es[4].last += 3; /* whose author's next ones follow */
    for (unsigned i = 5; i < 12; i++) {
        if (es[i].replica == B) es[i].first = es[i].last += 3;
    }
    es[7].deps = deps + 1;
    es[7].deps_count = 1;
    es[8].kind = GOSSIP_ACK;
    es[9].kind = GOSSIP_SUCCEEDS;
    es[9].control = crdt_view_of(old, 8);
    frame(b, "state-entries", &push);
}

static void others(book *b)
{
    gossip_msg snap = {.kind = GOSSIP_SNAP, .link = 1, .id = 2, .offset = 65536};
    frame(b, "snap", &snap);
    gossip_msg chunk = {.kind = GOSSIP_CHUNK, .link = 1, .id = 2, .snapshot_id = 77};
    chunk.offset = 65536;
    chunk.size = 65540;
    chunk.bytes = text("tail");
    chunk.whole = (crdt_digest){1, 2};
    frame(b, "chunk", &chunk);
    gossip_object_digest list[] = {{text("a"), 1, {1, 2}}, {text("bb"), 300, {3, 4}}};
    gossip_msg           page = {.kind = GOSSIP_PAGE, .link = 1, .id = 2, .name = text("a")};
    page.type = 3;
    frame(b, "page", &page);
    gossip_msg digests = {.kind = GOSSIP_DIGESTS, .link = 1, .id = 2, .more = true};
    digests.digests = list;
    digests.digests_count = 2;
    frame(b, "digests", &digests);
    page.kind = GOSSIP_FIX;
    frame(b, "fix", &page);
    page.kind = GOSSIP_OBJECT;
    page.bytes = text("object");
    frame(b, "object", &page);
}

static void alone(book *b)
{
    crdt_buf     out;
    crdt_dot     deps[] = {{B, 300}, {C, 1}}, past[] = {{A, 5}, {B, 250}};
    uint64_t     old = C;
    gossip_entry entry = {A, 5, 7, MS, deps, 2, GOSSIP_DELTA, {NULL, 0}, text("body of an entry")};
    gossip_floor floors[] = {{A, 5, MS, 0x11111111, false, past, 2},
                             {B, 300, MS + 1, 0x22222222, false, past + 1, 1},
                             {C, 0, 0, 0, true, NULL, 0}};
    crdt_buf_init(&out, NULL);
    CHECK_OK(gossip_entry_encode(&entry, &out));
    put_line(b, "entry", &out);
    crdt_buf_reset(&out);
    uint32_t tag = gossip_entry_tag(&entry, 0x01020304);
    for (unsigned i = 0; i < 32; i += 8) crdt_buf_byte(&out, (uint8_t)(tag >> i));
    put_line(b, "entry-tag", &out);
    crdt_buf_reset(&out);
    entry.kind = GOSSIP_SUCCEEDS;
    entry.control = crdt_view_of(&old, 8);
    entry.deps_count = 0;
    CHECK_OK(gossip_entry_encode(&entry, &out));
    put_line(b, "entry-succeeds", &out);
    crdt_buf_reset(&out);
    CHECK_OK(gossip_snapshot_encode(floors, 3, text("the bytes of a store"), &out));
    put_line(b, "snapshot", &out);
    crdt_buf_clear(&out);
}

static void read_file(crdt_buf *out)
{
    FILE   *file = fopen(VECTORS, "rb");
    uint8_t part[4096];
    CHECK_MSG(file != NULL, "%s cannot be read: run make golden-update", VECTORS);
    for (size_t got; (got = fread(part, 1, sizeof part, file)) > 0;) crdt_buf_put(out, part, got);
    CHECK(fclose(file) == 0);
}

/* The first line that differs. */
static void compare(const crdt_buf *now, const crdt_buf *then)
{
    size_t start = 0;
    for (size_t i = 0; i < now->size && i < then->size && now->data[i] == then->data[i]; i++) {
        if (now->data[i] == '\n') start = i + 1;
    }
    int size = (int)strcspn((const char *)now->data + start, " \n");
    CHECK_MSG(now->size == then->size && start == now->size, "%.*s is not what it was", size,
              (const char *)now->data + start);
}

TEST(golden, the_bytes_are_what_they_were)
{
    book     b = {{NULL, NULL, 0, 0, false}, {NULL}};
    crdt_buf then;
    crdt_buf_init(&b.lines, NULL);
    crdt_buf_init(&then, NULL);
    greetings(&b);
    checks(&b);
    entries(&b);
    others(&b);
    alone(&b);
    CHECK_OK(crdt_buf_status(&b.lines));
    if (getenv("GOLDEN_UPDATE") != NULL) {
        FILE *file = fopen(VECTORS, "wb");
        CHECK(file != NULL);
        CHECK(fwrite(b.lines.data, 1, b.lines.size, file) == b.lines.size);
        CHECK(fclose(file) == 0);
    }
    read_file(&then);
    crdt_buf_byte(&b.lines, 0);
    b.lines.size--;
    compare(&b.lines, &then);
    crdt_buf_clear(&then);
    crdt_buf_clear(&b.lines);
    pool_clear(&b.pool);
}
