/* sibs_test.c: the siblings of registers (core/sibs.h): memory, join, bytes, overlay. */
#include "crdt/core/sibs.h"

#include <string.h>

#include "tests/lib/t.h"
#include "tests/lib/testmem.h"

static const crdt__shape        lww_shape = {CRDT__CLOCK_STAMPS, CRDT__ANY_VALUES, false,
                                             crdt__sib_compare_stamps};
static const crdt__shape        mv_shape = {CRDT__NO_STAMPS, CRDT__ANY_VALUES, false, NULL};
static const crdt__shape        int_shape = {CRDT__NO_STAMPS, CRDT__INT_VALUES, false, NULL};
static const crdt__shape        flag_shape = {CRDT__NO_STAMPS, CRDT__NO_VALUES, true, NULL};
static const crdt__shape        client_shape = {CRDT__CLIENT_STAMPS, CRDT__ANY_VALUES, true, NULL};
static const crdt__shape *const shapes[] = {&lww_shape, &mv_shape, &int_shape, &flag_shape,
                                            &client_shape};
#define SHAPES (sizeof shapes / sizeof *shapes)

typedef struct bench {
    testmem     m;
    crdt_limits limits;
    crdt_space  space;
} bench;

static void bench_open(bench *b)
{
    testmem_init(&b->m);
    b->limits = crdt_limits_default();
    b->space = (crdt_space){.mem = &b->m.mem, .limits = &b->limits};
}

static const char long_text[] = "a value of more than seven bytes";

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

/* Content that is a function of the dot, as the one author of a dot gives it. */
static crdt_value value_of(const crdt__shape *shape, crdt_dot dot)
{
    uint64_t n = dot.replica * 7 + dot.seq;
    if (shape->values == CRDT__NO_VALUES) return crdt_int(0);
    if (shape->values == CRDT__INT_VALUES || n % 3 == 0) return crdt_int((int64_t)n - 9);
    return crdt_bytes(long_text, n % sizeof long_text);
}

static crdt_err put(const crdt__shape *shape, bench *b, crdt__sibs *sibs, crdt_dot dot)
{
    crdt_value value = value_of(shape, dot);
    bool       tomb = shape->tombs && (dot.replica + dot.seq) % 4 == 0;
    crdt__sib  sib;
    crdt_err   err = crdt__sibs_reserve(&b->space, sibs, crdt__sibs_count(sibs) + 1);
    if (err == CRDT_OK) err = crdt__sib_init(&b->space, &sib, tomb ? NULL : &value);
    if (err != CRDT_OK) return err;
    crdt__sib_set_dot(&sib, dot, shape->stamps == CRDT__NO_STAMPS ? 0 : 100 + dot.seq % 5);
    crdt__sibs_add(shape, &b->space, sibs, &sib);
    return CRDT_OK;
}

static void encode(const crdt__shape *shape, const crdt__sibs *sibs, crdt_buf *out)
{
    crdt_replicas ids;
    crdt_enc      enc = {out, &ids, false};
    crdt_replicas_init(&ids, NULL);
    for (uint64_t id = 1; id <= 4; id++) crdt_replicas_add(&ids, id);
    crdt__sibs_mark(sibs, &ids);
    CHECK_OK(crdt_replicas_seal(&ids));
    crdt_buf_reset(out);
    crdt__sibs_encode(shape, sibs, &enc);
    crdt_replicas_clear(&ids);
    CHECK_OK(crdt_buf_status(out));
}

static crdt_err decode(const crdt__shape *shape, bench *b, crdt_view in, crdt__sibs *sibs)
{
    static const uint64_t dict[] = {1, 2, 3, 4};
    crdt_dec              dec;
    crdt_dec_init(&dec, in, &b->limits);
    dec.dict = dict;
    dec.dict_count = 4;
    crdt__sibs_init(&b->space, sibs);
    crdt_err err = crdt__sibs_decode(shape, &b->space, sibs, &dec);
    if (err != CRDT_OK || crdt_dec_left(&dec) == 0) return err;
    crdt__sibs_clear(&b->space, sibs);
    return CRDT_EMALFORMED;
}

static crdt_err join(const crdt__shape *shape, bench *b, crdt__sibs *sibs, const crdt_context *seen,
                     const crdt__sibs *other, const crdt_context *other_seen, bool *ret_changed)
{
    crdt_join j = {&b->space, {seen, NULL}, {other_seen, NULL}, 0, false, false, false, false};
    crdt_err  err = crdt__sibs_prepare(&j, sibs, other);
    if (err == CRDT_OK) *ret_changed = crdt__sibs_commit(shape, &j, sibs, other);
    return err;
}

static void check_sound(const crdt__shape *shape, bench *b, const crdt__sibs *sibs,
                        const crdt_context *seen)
{
    const char *reason = "";
    CHECK_MSG(crdt__sibs_check(shape, &b->space, sibs, seen, &reason), "%s", reason);
}

TEST(sibs, a_lone_sibling_costs_at_most_its_bytes)
{
    bench      b;
    crdt__sibs s;
    crdt_dot   dot = {1, 1};
    bench_open(&b);
    crdt__sibs_init(&b.space, &s);
    CHECK_OK(crdt__sibs_insert(&lww_shape, &b.space, &s, dot, 5, crdt_int(-3)));
    CHECK_EQ_INT(b.m.blocks, 0);
    CHECK_EQ_INT(crdt__sib_value(crdt__sibs_at(&s, 0)).i, -3);
    CHECK(crdt__sibs_kill(&lww_shape, &b.space, &s, dot));
    CHECK(!crdt__sibs_kill(&lww_shape, &b.space, &s, dot));
    CHECK_OK(crdt__sibs_insert(&lww_shape, &b.space, &s, dot, 5, crdt_text("7 bytes")));
    CHECK_EQ_INT(b.m.blocks, 0);
    crdt_value v = crdt__sib_value(crdt__sibs_top(&s));
    CHECK_EQ_MEM(v.bytes.data, v.bytes.size, "7 bytes", 7);
    crdt__sibs_clear(&b.space, &s);
    CHECK_OK(crdt__sibs_insert(&lww_shape, &b.space, &s, dot, 5, crdt_text("8 bytes!")));
    CHECK_EQ_INT(b.m.blocks, 1);
    CHECK_EQ_INT(b.m.bytes, crdt__blob_bytes(8));
    CHECK_EQ_INT(crdt__sibs_bytes(&s), sizeof s + b.m.bytes);
    crdt__sibs_clear(&b.space, &s);
    CHECK(crdt__sibs_empty(&s));
    TESTMEM_DONE(&b.m);
}

TEST(sibs, stand_in_dot_order_with_the_greatest_known)
{
    bench      b;
    crdt__sibs s;
    bench_open(&b);
    crdt__sibs_init(&b.space, &s);
    for (uint64_t i = 0; i < 12; i++) {
        crdt_dot dot = {1 + i * 5 % 4, 1 + i * 7 % 12};
        CHECK_OK(crdt__sibs_insert(&lww_shape, &b.space, &s, dot, 10 + i * 5 % 12, crdt_int(1)));
    }
    CHECK_EQ_INT(crdt__sibs_count(&s), 12);
    for (size_t i = 1; i < 12; i++) {
        CHECK(crdt__sib_compare_dots(crdt__sibs_at(&s, i - 1), crdt__sibs_at(&s, i)) < 0);
    }
    CHECK_EQ_INT(crdt__sibs_top(&s)->stamp, 21);
    while (crdt__sibs_count(&s) > 0) {
        const crdt__sib *top = crdt__sibs_top(&s);
        for (size_t i = 0; i < crdt__sibs_count(&s); i++) {
            CHECK(crdt__sib_compare_stamps(crdt__sibs_at(&s, i), top) <= 0);
        }
        CHECK(crdt__sibs_find(&s, crdt__sib_dot(top)) == top);
        CHECK(crdt__sibs_kill(&lww_shape, &b.space, &s, crdt__sib_dot(top)));
        if (crdt__sibs_count(&s) == 1) CHECK_EQ_INT(b.m.blocks, 0);
    }
    TESTMEM_DONE(&b.m);
}

TEST(sibs, one_dot_with_two_contents_is_a_fork)
{
    static const char *const texts[] = {"one value", "another value"};
    bench                    b;
    crdt__sibs               a, c;
    crdt_context             seen;
    crdt_dot                 dot = {1, 1};
    bench_open(&b);
    crdt_context_init(&seen, &b.m.mem);
    CHECK_OK(crdt_context_add(&seen, dot));
    for (int what = 0; what < 3; what++) {
        bool changed;
        crdt__sibs_init(&b.space, &a);
        crdt__sibs_init(&b.space, &c);
        CHECK_OK(crdt__sibs_insert(&client_shape, &b.space, &a, dot, 5, crdt_text(texts[0])));
        crdt_value value = crdt_text(texts[what == 0]);
        crdt__sib  sib;
        CHECK_OK(crdt__sib_init(&b.space, &sib, what == 1 ? NULL : &value));
        crdt__sib_set_dot(&sib, dot, 5 + (what == 2));
        crdt__sibs_add(&client_shape, &b.space, &c, &sib);
        CHECK_ERR(join(&client_shape, &b, &a, &seen, &c, &seen, &changed), CRDT_EFORK);
        CHECK_OK(join(&client_shape, &b, &a, &seen, &a, &seen, &changed));
        CHECK(!changed);
        crdt__sibs_clear(&b.space, &a);
        crdt__sibs_clear(&b.space, &c);
    }
    crdt_context_clear(&seen);
    TESTMEM_DONE(&b.m);
}

/* -- Join against the definition -------------------------------------------------------------- */

#define DOTS 24 /* of 3 replicas, 8 each */

static crdt_dot dot_at(unsigned i)
{
    return (crdt_dot){1 + i / 8, 1 + i % 8};
}

/* A side as bitmaps: what it has seen, what of it it holds. */
typedef struct side {
    uint32_t     seen, held;
    crdt__sibs   sibs;
    crdt_context ctx;
} side;

static void side_make(const crdt__shape *shape, bench *b, side *s, uint32_t seen, uint32_t held)
{
    s->seen = seen;
    s->held = held & seen;
    crdt__sibs_init(&b->space, &s->sibs);
    crdt_context_init(&s->ctx, &b->m.mem);
    for (unsigned i = 0; i < DOTS; i++) {
        if (s->seen >> i & 1) CHECK_OK(crdt_context_add(&s->ctx, dot_at(i)));
        if (s->held >> i & 1) CHECK_OK(put(shape, b, &s->sibs, dot_at(i)));
    }
}

static void side_clear(bench *b, side *s)
{
    crdt__sibs_clear(&b->space, &s->sibs);
    crdt_context_clear(&s->ctx);
}

static uint32_t held_of(const crdt__sibs *sibs)
{
    uint32_t held = 0;
    for (unsigned i = 0; i < DOTS; i++) {
        if (crdt__sibs_find(sibs, dot_at(i)) != NULL) held |= UINT32_C(1) << i;
    }
    return held;
}

/* Join y into x, each allocation refused in turn, and compare with the definition. */
static void join_as_defined(const crdt__shape *shape, bench *b, side *x, side *y)
{
    uint32_t stays = (x->held & y->held) | (x->held & ~y->seen) | (y->held & ~x->seen);
    crdt_buf before, after;
    bool     changed = false;
    crdt_buf_init(&before, NULL);
    crdt_buf_init(&after, NULL);
    encode(shape, &x->sibs, &before);
    for (uint64_t n = 1;; n++) {
        testmem_fail_nth(&b->m, n);
        crdt_err err = join(shape, b, &x->sibs, &x->ctx, &y->sibs, &y->ctx, &changed);
        if (!testmem_refused(&b->m)) break;
        CHECK_ERR(err, CRDT_ENOMEM);
        encode(shape, &x->sibs, &after);
        CHECK_EQ_MEM(after.data, after.size, before.data, before.size);
    }
    testmem_fail_never(&b->m);
    CHECK_EQ_INT(held_of(&x->sibs), stays);
    CHECK_EQ_INT(crdt__sibs_count(&x->sibs), __builtin_popcount(stays));
    CHECK_EQ_INT(changed, stays != x->held);
    CHECK_OK(crdt_context_union(&x->ctx, &y->ctx));
    x->seen |= y->seen;
    x->held = stays;
    check_sound(shape, b, &x->sibs, &x->ctx);
    for (unsigned i = 0; i < DOTS; i++) {
        const crdt__sib *sib = crdt__sibs_find(&x->sibs, dot_at(i));
        if (sib == NULL || crdt__sib_is_tomb(sib)) continue;
        CHECK(crdt_value_compare(crdt__sib_value(sib), value_of(shape, dot_at(i))) == 0);
    }
    crdt_buf_clear(&before);
    crdt_buf_clear(&after);
}

TEST(sibs, join_is_that_of_dot_stores)
{
    uint64_t seed = 0x9e3779b97f4a7c15;
    bench    b;
    bench_open(&b);
    for (int round = 0; round < 1500; round++) {
        const crdt__shape *shape = shapes[(size_t)round % SHAPES];
        side               x, y;
        uint32_t           mask = (UINT32_C(1) << DOTS) - 1, sparse = round % 2 ? mask : 0x010111;
        side_make(shape, &b, &x, (uint32_t)next_random(&seed) & mask,
                  (uint32_t)next_random(&seed) & sparse);
        side_make(shape, &b, &y, (uint32_t)next_random(&seed) & mask,
                  (uint32_t)next_random(&seed) & sparse);
        join_as_defined(shape, &b, &x, &y);
        join_as_defined(shape, &b, &x, &y);
        side_clear(&b, &x);
        side_clear(&b, &y);
    }
    TESTMEM_DONE(&b.m);
}

TEST(sibs, a_prepare_without_commit_leaves_nothing)
{
    bench b;
    bench_open(&b);
    for (uint32_t held = 0; held < 4; held++) {
        side     x, y, z;
        crdt_buf before, after;
        crdt_buf_init(&before, NULL);
        crdt_buf_init(&after, NULL);
        side_make(&lww_shape, &b, &x, 3, held);
        side_make(&lww_shape, &b, &y, 0xf0, 0xf0);
        side_make(&lww_shape, &b, &z, 0x0f, 0x04);
        encode(&lww_shape, &x.sibs, &before);
        crdt_join j = {&b.space, {&x.ctx, NULL}, {&y.ctx, NULL}, 0, false, false, false, false};
        CHECK_OK(crdt__sibs_prepare(&j, &x.sibs, &y.sibs));
        CHECK_OK(crdt__sibs_prepare(&j, &x.sibs, &y.sibs));
        encode(&lww_shape, &x.sibs, &after);
        CHECK_EQ_MEM(after.data, after.size, before.data, before.size);
        check_sound(&lww_shape, &b, &x.sibs, &x.ctx);
        join_as_defined(&lww_shape, &b, &x, &z);
        side_clear(&b, &x);
        side_clear(&b, &y);
        side_clear(&b, &z);
        crdt_buf_clear(&before);
        crdt_buf_clear(&after);
    }
    TESTMEM_DONE(&b.m);
}

TEST(sibs, join_tells_the_greatest_stamp_born)
{
    bench b;
    side  x, y;
    bench_open(&b);
    for (int client = 0; client < 2; client++) {
        const crdt__shape *shape = client ? &client_shape : &lww_shape;
        side_make(shape, &b, &x, 1, 1);
        side_make(shape, &b, &y, 0xff00, 0x0300);
        crdt_join j = {&b.space, {&x.ctx, NULL}, {&y.ctx, NULL}, 0, false, false, false, false};
        CHECK_OK(crdt__sibs_prepare(&j, &x.sibs, &y.sibs));
        CHECK(crdt__sibs_commit(shape, &j, &x.sibs, &y.sibs));
        CHECK_EQ_INT(j.stamp_max, client ? 0 : 102);
        side_clear(&b, &x);
        side_clear(&b, &y);
    }
    TESTMEM_DONE(&b.m);
}

/* What since leaves out is named by keep: joined where ctx is held, it is as good as the whole. */
TEST(sibs, since_and_keep_make_the_whole)
{
    uint64_t seed = 42;
    bench    b;
    bench_open(&b);
    for (int round = 0; round < 200; round++) {
        const crdt__shape *shape = shapes[(size_t)round % SHAPES];
        side               x, y;
        crdt__sibs         part;
        crdt_context       keep;
        side_make(shape, &b, &x, 0xffffff, (uint32_t)next_random(&seed));
        side_make(shape, &b, &y, (uint32_t)next_random(&seed) & 0xffffff, x.held);
        crdt__sibs_init(&b.space, &part);
        crdt_context_init(&keep, &b.m.mem);
        CHECK_OK(crdt__sibs_since(shape, &b.space, &x.sibs, &y.ctx, &part, &keep));
        CHECK_EQ_INT(held_of(&part), x.held & ~y.seen);
        crdt_join j = {&b.space, {&y.ctx, NULL}, {&x.ctx, &keep}, 0, false, false, false, false};
        CHECK_OK(crdt__sibs_prepare(&j, &y.sibs, &part));
        crdt__sibs_commit(shape, &j, &y.sibs, &part);
        CHECK_EQ_INT(held_of(&y.sibs), x.held);
        crdt__sibs_clear(&b.space, &part);
        crdt_context_clear(&keep);
        side_clear(&b, &x);
        side_clear(&b, &y);
    }
    TESTMEM_DONE(&b.m);
}

/* -- Bytes ------------------------------------------------------------------------------------ */

/* Decoding gives the same back, or refuses. True: accepted. */
static bool decodes_strictly(const crdt__shape *shape, bench *b, const uint8_t *data, size_t size)
{
    crdt__sibs sibs;
    crdt_buf   again;
    b->m.peak = b->m.bytes;
    size_t   held = b->m.bytes;
    crdt_err err = decode(shape, b, crdt_view_of(data, size), &sibs);
    CHECK(b->m.peak - held <= 8 * size + 64);
    if (err != CRDT_OK) return false;
    crdt_buf_init(&again, NULL);
    encode(shape, &sibs, &again);
    CHECK_EQ_MEM(again.data, again.size, data, size);
    crdt_buf_clear(&again);
    crdt__sibs_clear(&b->space, &sibs);
    return true;
}

TEST(sibs, decode_takes_exactly_what_encode_writes)
{
    bench    b;
    crdt_buf out;
    bench_open(&b);
    crdt_buf_init(&out, NULL);
    for (size_t round = 0; round < 8 * SHAPES; round++) {
        const crdt__shape    *shape = shapes[round % SHAPES];
        static const uint32_t helds[] = {0, 1, 2, 4, 0x10100, 0xf0, 0x222222, 0xffffff};
        side                  x;
        side_make(shape, &b, &x, 0xffffff, helds[round / SHAPES]);
        encode(shape, &x.sibs, &out);
        CHECK(decodes_strictly(shape, &b, out.data, out.size));
        for (size_t cut = 0; cut < out.size; cut++) {
            CHECK(!decodes_strictly(shape, &b, out.data, cut));
        }
        for (size_t at = 0; at < out.size; at++) {
            for (unsigned bit = 0; bit < 8; bit++) {
                out.data[at] ^= (uint8_t)(1u << bit);
                (void)decodes_strictly(shape, &b, out.data, out.size);
                out.data[at] ^= (uint8_t)(1u << bit);
            }
        }
        side_clear(&b, &x);
    }
    crdt_buf_clear(&out);
    TESTMEM_DONE(&b.m);
}

TEST(sibs, decode_refuses_what_no_author_writes)
{
    static const struct {
        const crdt__shape *shape;
        uint8_t            size, bytes[24];
    } cases[] = {
        {&mv_shape, 4, {1, 0, 0, 1}},                               /* seq 0 */
        {&mv_shape, 4, {1, 4, 1, 1}},                               /* no such replica */
        {&int_shape, 4, {1, 0, 0x81, 0x00}},                        /* long varint */
        {&flag_shape, 3, {1, 0, 1}},                                /* seq 0, tombstone */
        {&lww_shape, 12, {1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0x80, 1}},  /* stamp 2^63 */
        {&flag_shape, 19, {2, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0}}, /* twice the same dot */
        {&flag_shape, 19, {2, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0}}, /* out of order */
        {&flag_shape, 3, {0x7f, 0, 2}},                             /* more than there are */
    };
    bench b;
    bench_open(&b);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        crdt__sibs sibs;
        crdt_view  in = crdt_view_of(cases[i].bytes, cases[i].size);
        CHECK_MSG(decode(cases[i].shape, &b, in, &sibs) == CRDT_EMALFORMED, "case %zu", i);
        CHECK(crdt__sibs_empty(&sibs));
    }
    TESTMEM_DONE(&b.m);
}

TEST(sibs, a_refused_allocation_ends_a_decode_cleanly)
{
    bench    b;
    side     x;
    crdt_buf out;
    bench_open(&b);
    crdt_buf_init(&out, NULL);
    side_make(&client_shape, &b, &x, 0xffffff, 0xffffff);
    encode(&client_shape, &x.sibs, &out);
    for (uint64_t n = 1;; n++) {
        crdt__sibs sibs;
        testmem_fail_nth(&b.m, n);
        crdt_err err = decode(&client_shape, &b, crdt_buf_bytes(&out), &sibs);
        bool     refused = testmem_refused(&b.m);
        crdt__sibs_clear(&b.space, &sibs);
        if (!refused) break;
        CHECK_ERR(err, CRDT_ENOMEM);
    }
    testmem_fail_never(&b.m);
    crdt_buf_clear(&out);
    side_clear(&b, &x);
    TESTMEM_DONE(&b.m);
}

static crdt_digest digest_of(const crdt__shape *shape, const crdt__sibs *sibs)
{
    crdt_blocks blocks;
    crdt_digest key = {1, 2};
    crdt_blocks_init(&blocks, key);
    crdt__sibs_digest(shape, sibs, &blocks);
    return crdt_blocks_end(&blocks);
}

TEST(sibs, digests_differ_as_states_do)
{
    bench b;
    bench_open(&b);
    for (size_t n = 0; n < SHAPES; n++) {
        side x, y;
        for (uint32_t held = 0; held < 32; held++) {
            side_make(shapes[n], &b, &x, 0xff, 0x15);
            side_make(shapes[n], &b, &y, 0xff, held);
            crdt_digest a = digest_of(shapes[n], &x.sibs), c = digest_of(shapes[n], &y.sibs);
            CHECK_EQ_INT(crdt_digest_equal(a, c), held == 0x15);
            side_clear(&b, &x);
            side_clear(&b, &y);
        }
    }
    TESTMEM_DONE(&b.m);
}

/* -- Overlay and size ------------------------------------------------------------------------- */

TEST(sibs, the_overlay_is_state_without_gone_and_pending)
{
    bench b;
    side  x, gone, pending;
    bench_open(&b);
    side_make(&lww_shape, &b, &x, 0xffff, 0x0f0f);
    side_make(&lww_shape, &b, &gone, 0x000106, 0);
    side_make(&lww_shape, &b, &pending, 0xf0, 0xf0);
    crdt_ref         ref = {NULL, &b.space, &x.sibs, &pending.sibs, &gone.ctx};
    uint32_t         shown = 0, expected = (x.held & ~gone.seen) | 0xf0;
    crdt__sibs_iter  it = crdt__sibs_each(&ref);
    const crdt__sib *last = NULL, *top = NULL;
    size_t           n = 0;
    for (const crdt__sib *sib; (sib = crdt__sibs_next(&it)) != NULL; last = sib) {
        CHECK(last == NULL || crdt__sib_compare_dots(last, sib) < 0);
        CHECK(crdt__ref_at(&ref, n++) == sib);
        if (top == NULL || crdt__sib_compare_stamps(sib, top) > 0) top = sib;
        for (unsigned i = 0; i < DOTS; i++) {
            if (crdt_dot_equal(crdt__sib_dot(sib), dot_at(i))) shown |= UINT32_C(1) << i;
        }
    }
    CHECK_EQ_INT(shown, expected);
    CHECK_EQ_INT(crdt__ref_count(&ref), n);
    CHECK(crdt__ref_at(&ref, n) == NULL);
    CHECK(crdt__ref_top(&lww_shape, &ref) == top);
    crdt_ref nothing = {NULL, &b.space, NULL, NULL, NULL};
    CHECK(crdt__ref_count(&nothing) == 0 && crdt__ref_top(&lww_shape, &nothing) == NULL);
    side_clear(&b, &x);
    side_clear(&b, &gone);
    side_clear(&b, &pending);
    TESTMEM_DONE(&b.m);
}

TEST(sibs, thousands_stay_linear)
{
    enum { MANY = 50000 };
    bench        b;
    crdt__sibs   x, y;
    crdt_context seen, none;
    bool         changed;
    bench_open(&b);
    crdt__sibs_init(&b.space, &x);
    crdt__sibs_init(&b.space, &y);
    crdt_context_init(&seen, &b.m.mem);
    crdt_context_init(&none, &b.m.mem);
    for (uint64_t i = 1; i <= MANY; i++) {
        crdt_dot dot = {1 + i, 1};
        CHECK_OK(crdt_context_add(&seen, dot));
        CHECK_OK(crdt__sibs_insert(&lww_shape, &b.space, &x, dot, i, crdt_int((int64_t)i)));
    }
    CHECK(b.m.calls < 100);
    uint64_t calls = b.m.calls;
    CHECK_OK(join(&lww_shape, &b, &y, &none, &x, &seen, &changed));
    CHECK_EQ_INT(b.m.calls - calls, 1);
    CHECK_EQ_INT(crdt__sibs_count(&y), MANY);
    CHECK_EQ_INT(crdt__sibs_top(&y)->stamp, MANY);
    crdt_ref ref = {NULL, &b.space, &y, NULL, NULL};
    size_t   wins = 0;
    for (size_t i = 0; i < MANY; i++) {
        crdt_conflict c;
        CHECK(crdt__ref_conflict(&lww_shape, &ref, i, &c));
        wins += c.wins;
    }
    CHECK_EQ_INT(wins, 1);
    crdt__sibs_clear(&b.space, &x);
    CHECK_OK(join(&lww_shape, &b, &y, &seen, &x, &seen, &changed)); /* the other removed all */
    CHECK(changed && crdt__sibs_empty(&y));
    crdt_context_clear(&seen);
    TESTMEM_DONE(&b.m);
}

TEST(sibs, stats_tell_payload_from_the_rest)
{
    bench b;
    side  x;
    bench_open(&b);
    side_make(&client_shape, &b, &x, 0xffffff, 0x0000ff);
    crdt_stats stats = {0, 0, 0, 0, 0, 0};
    crdt__sibs_stats(&client_shape, &x.sibs, &stats);
    CHECK_EQ_INT(stats.dots, 8);
    CHECK_EQ_INT(stats.residues, 2);
    CHECK_EQ_INT(stats.elements, 6);
    CHECK_EQ_INT(stats.stamp_max, 0); /* clients' stamps are not the clock's */
    CHECK_EQ_INT(stats.payload + stats.metadata, crdt__sibs_bytes(&x.sibs));
    side_clear(&b, &x);
    TESTMEM_DONE(&b.m);
}
