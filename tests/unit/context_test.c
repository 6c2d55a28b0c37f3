/* Contexts against a naive model: one bit a dot. Random rounds print SEED and take it back from the
 * environment. */
#include "crdt/context.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crdt/type.h"
#include "tests/lib/random.h"
#include "tests/lib/t.h"
#include "tests/lib/testmem.h"

#define REPLICAS 5u
#define SEQS 200u /* dots 1..SEQS of replicas 1..REPLICAS */

typedef struct model {
    bool has[REPLICAS + 1][SEQS + 2];
} model;

static crdt_run random_run(uint64_t *random)
{
    uint64_t length = 1 + random_below(random, random_below(random, 4) ? 6 : 70);
    uint64_t lo = random_below(random, 4) ? 1 + random_below(random, SEQS) : 1;
    uint64_t hi = lo + length - 1 < SEQS ? lo + length - 1 : SEQS;
    return (crdt_run){1 + random_below(random, REPLICAS), lo, hi};
}

static void model_set(model *m, crdt_run run, bool has)
{
    for (uint64_t seq = run.lo; seq <= run.hi; seq++) m->has[run.replica][seq] = has;
}

/* Add up to `runs` random runs to both. */
static void fill(crdt_context *ctx, model *m, uint64_t *random, uint64_t runs)
{
    memset(m, 0, sizeof *m);
    for (uint64_t n = random_below(random, runs + 1); n > 0; n--) {
        crdt_run run = random_run(random);
        CHECK_OK(crdt_context_reserve(ctx, 1));
        crdt_context_add_reserved(ctx, run);
        model_set(m, run, true);
    }
}

/* The runs are exactly the model's, in order, as long as can be: the canonical form. */
static void check_same(const crdt_context *ctx, const model *m)
{
    size_t i = 0;
    for (uint64_t replica = 1; replica <= REPLICAS; replica++) {
        for (uint64_t lo = 1, hi; lo <= SEQS; lo = hi + 1) {
            hi = lo;
            if (!m->has[replica][lo]) continue;
            while (m->has[replica][hi + 1]) hi++;
            CHECK(i < ctx->count);
            CHECK_EQ_INT(ctx->runs[i].replica, replica);
            CHECK_EQ_INT(ctx->runs[i].lo, lo);
            CHECK_EQ_INT(ctx->runs[i].hi, hi);
            i++;
        }
    }
    CHECK_EQ_INT(ctx->count, i);
    CHECK(ctx->count <= ctx->cap);
}

static crdt_context *new_context(testmem *m)
{
    crdt_context *ctx = malloc(sizeof *ctx);
    crdt_context_init(ctx, m ? &m->mem : NULL);
    return ctx;
}

static void free_context(crdt_context *ctx)
{
    crdt_context_clear(ctx);
    free(ctx);
}

static crdt_context *copy_of(const crdt_context *from, testmem *m)
{
    crdt_context *ctx = new_context(m);
    CHECK_OK(crdt_context_copy(ctx, from));
    return ctx;
}

/* From "1: 1..4 7, 2: 5" (as print writes it, without the braces). */
static crdt_context *context_of(const char *text)
{
    crdt_context *ctx = new_context(NULL);
    uint64_t      replica = 0;
    while (*text) {
        char    *end;
        crdt_run run = {replica, strtoull(text, &end, 10), 0};
        if (*end == ':') {
            replica = run.lo;
        } else {
            run.hi = *end == '.' ? strtoull(end + 2, &end, 10) : run.lo;
            CHECK_OK(crdt_context_reserve(ctx, 1));
            crdt_context_add_reserved(ctx, run);
        }
        text = *end ? end + 1 : end;
    }
    return ctx;
}

static void check_prints(const crdt_context *ctx, const char *text)
{
    crdt_buf buf;
    crdt_buf_init(&buf, NULL);
    crdt_context_print(ctx, &buf);
    crdt_buf_byte(&buf, 0);
    CHECK_OK(crdt_buf_status(&buf));
    CHECK_EQ_STR((const char *)buf.data, text);
    crdt_buf_clear(&buf);
}

TEST(context, prints_runs_by_replica_in_hexadecimal)
{
    crdt_context *ctx = context_of("31: 1..4, 42: 1..7 9");
    check_prints(ctx, "{1f: 1..4, 2a: 1..7 9}");
    CHECK_OK(crdt_context_add(ctx, (crdt_dot){UINT64_MAX, CRDT_SEQ_MAX}));
    check_prints(ctx, "{1f: 1..4, 2a: 1..7 9, ffffffffffffffff: 4611686018427387904}");
    crdt_context_reset(ctx);
    check_prints(ctx, "{}");
    free_context(ctx);
}

TEST(context, add_fuses_what_touches)
{
    crdt_context *ctx = context_of("1: 1..3 5..7 9, 2: 4");
    CHECK_OK(crdt_context_add(ctx, (crdt_dot){1, 4}));
    check_prints(ctx, "{1: 1..7 9, 2: 4}");
    CHECK_OK(crdt_context_add(ctx, (crdt_dot){1, 8}));
    CHECK_OK(crdt_context_add(ctx, (crdt_dot){1, 5}));
    check_prints(ctx, "{1: 1..9, 2: 4}");
    free_context(ctx);
}

TEST(context, add_refuses_what_is_no_dot)
{
    crdt_context *ctx = new_context(NULL);
    CHECK_ERR(crdt_context_add(ctx, (crdt_dot){1, 0}), CRDT_EINVAL);
    CHECK_ERR(crdt_context_add(ctx, (crdt_dot){0, 1}), CRDT_EINVAL);
    CHECK_ERR(crdt_context_add(ctx, (crdt_dot){1, CRDT_SEQ_MAX + 1}), CRDT_EINVAL);
    CHECK_EQ_INT(ctx->count, 0);
    free_context(ctx);
}

TEST(context, remove_splits_and_trims)
{
    crdt_context *ctx = context_of("1: 1..9, 2: 1..3");
    CHECK_OK(crdt_context_reserve(ctx, 1));
    crdt_context_remove_reserved(ctx, (crdt_run){1, 4, 5});
    check_prints(ctx, "{1: 1..3 6..9, 2: 1..3}");
    crdt_context_remove_reserved(ctx, (crdt_run){1, 2, 6});
    check_prints(ctx, "{1: 1 7..9, 2: 1..3}");
    crdt_context_remove_reserved(ctx, (crdt_run){1, 1, 100});
    check_prints(ctx, "{2: 1..3}");
    crdt_context_remove_reserved(ctx, (crdt_run){3, 1, 100});
    check_prints(ctx, "{2: 1..3}");
    free_context(ctx);
}

TEST(context, a_small_one_allocates_nothing)
{
    testmem m;
    testmem_init(&m);
    crdt_context *ctx = new_context(&m);
    CHECK_OK(crdt_context_add(ctx, (crdt_dot){1, 1}));
    CHECK_OK(crdt_context_add(ctx, (crdt_dot){2, 5}));
    for (uint64_t seq = 6; seq < 100; seq++) CHECK_OK(crdt_context_add(ctx, (crdt_dot){2, seq}));
    CHECK_EQ_INT(m.calls, 0);
    CHECK_OK(crdt_context_add(ctx, (crdt_dot){3, 1}));
    CHECK_EQ_INT(m.calls, 1);
    free_context(ctx);
    TESTMEM_DONE(&m);
}

TEST(context, adding_and_removing_agree_with_the_model)
{
    uint64_t random = seed_or(20180111);
    for (int round = 0; round < 200; round++) {
        model         m = {0};
        crdt_context *ctx = new_context(NULL);
        for (int i = 0; i < 60; i++) {
            crdt_run run = random_run(&random);
            bool     add = random_below(&random, 3) > 0;
            CHECK_OK(crdt_context_reserve(ctx, 1));
            if (add) crdt_context_add_reserved(ctx, run);
            else crdt_context_remove_reserved(ctx, run);
            model_set(&m, run, add);
            check_same(ctx, &m);
        }
        free_context(ctx);
    }
}

static void check_questions(const crdt_context *ctx, const model *m)
{
    uint64_t dots = 0;
    bool     vector = true;
    for (uint64_t r = 1; r <= REPLICAS; r++) {
        uint64_t base = 0, max = 0;
        while (m->has[r][base + 1]) base++;
        for (uint64_t seq = 0; seq <= SEQS + 1; seq++) {
            CHECK_EQ_INT(crdt_context_has(ctx, (crdt_dot){r, seq}), m->has[r][seq]);
            if (m->has[r][seq]) max = seq;
            dots += m->has[r][seq];
        }
        CHECK_EQ_INT(crdt_context_base(ctx, r), base);
        CHECK_EQ_INT(crdt_context_max(ctx, r), max);
        vector = vector && base == max;
        uint32_t i = crdt_context_find(ctx, r);
        CHECK(i == ctx->count || ctx->runs[i].replica >= r);
        CHECK(i == 0 || ctx->runs[i - 1].replica < r);
    }
    CHECK_EQ_INT(crdt_context_dots(ctx), dots);
    CHECK_EQ_INT(crdt_context_is_vector(ctx), vector);
    CHECK(!crdt_context_has(ctx, (crdt_dot){0, 1}));
    CHECK(!crdt_context_has(ctx, (crdt_dot){REPLICAS + 1, 1}));
}

static void check_has_run(const crdt_context *ctx, const model *m, crdt_run run)
{
    bool all = true;
    for (uint64_t seq = run.lo; seq <= run.hi; seq++) all = all && m->has[run.replica][seq];
    CHECK_EQ_INT(crdt_context_has_run(ctx, run), all);
}

TEST(context, questions_agree_with_the_model)
{
    uint64_t random = seed_or(20180111) + 1;
    for (int round = 0; round < 100; round++) {
        model         m;
        crdt_context *ctx = new_context(NULL);
        fill(ctx, &m, &random, (uint64_t)round / 2);
        check_questions(ctx, &m);
        for (int i = 0; i < 100; i++) check_has_run(ctx, &m, random_run(&random));
        free_context(ctx);
    }
}

/* What x does to a with b gives, and whether the two relate as the model says. */
typedef enum what { UNION, UNION_RESERVED, INTERSECT, SUBTRACT, WHATS } what;

static crdt_err apply(crdt_context *a, const crdt_context *b, what x)
{
    crdt_err err = CRDT_OK;
    if (x == UNION) return crdt_context_union(a, b);
    if (x == INTERSECT) return crdt_context_intersect(a, b);
    if (x == SUBTRACT) return crdt_context_subtract(a, b);
    err = crdt_context_reserve(a, b->count);
    if (err == CRDT_OK) crdt_context_union_reserved(a, b);
    return err;
}

static model apply_model(const model *a, const model *b, what x)
{
    model m = *a;
    for (unsigned r = 1; r <= REPLICAS; r++) {
        for (unsigned s = 1; s <= SEQS; s++) {
            bool p = a->has[r][s], q = b->has[r][s];
            m.has[r][s] = x == INTERSECT ? p && q : x == SUBTRACT ? p && !q : p || q;
        }
    }
    return m;
}

static crdt_order order_of(const model *a, const model *b)
{
    bool a_more = false, b_more = false;
    for (unsigned r = 1; r <= REPLICAS; r++) {
        for (unsigned s = 1; s <= SEQS; s++) {
            a_more |= a->has[r][s] && !b->has[r][s];
            b_more |= b->has[r][s] && !a->has[r][s];
        }
    }
    if (a_more) return b_more ? CRDT_CONCURRENT : CRDT_AFTER;
    return b_more ? CRDT_BEFORE : CRDT_EQUAL;
}

TEST(context, union_intersection_and_difference_agree_with_the_model)
{
    uint64_t random = seed_or(20180111) + 2;
    for (int round = 0; round < 1500; round++) {
        model         ma, mb;
        crdt_context *a = new_context(NULL), *b = new_context(NULL);
        fill(a, &ma, &random, (uint64_t)round % 61);
        fill(b, &mb, &random, (uint64_t)round % 47);
        for (what x = 0; x < WHATS; x++) {
            crdt_context *c = copy_of(a, NULL);
            model         mc = apply_model(&ma, &mb, x);
            CHECK_OK(apply(c, b, x));
            check_same(c, &mc);
            check_same(b, &mb);
            CHECK_EQ_INT(crdt_context_compare(c, b), order_of(&mc, &mb));
            CHECK_EQ_INT(crdt_context_compare(a, c), order_of(&ma, &mc));
            free_context(c);
        }
        CHECK_EQ_INT(crdt_context_compare(a, b), order_of(&ma, &mb));
        CHECK_EQ_INT(crdt_context_within(a, b), crdt_context_compare(a, b) <= CRDT_BEFORE);
        CHECK_EQ_INT(crdt_context_equal(a, b), order_of(&ma, &mb) == CRDT_EQUAL);
        free_context(a);
        free_context(b);
    }
}

TEST(context, operations_with_itself)
{
    crdt_context *ctx = context_of("1: 1..4 7, 2: 5");
    CHECK_OK(crdt_context_copy(ctx, ctx));
    CHECK_OK(crdt_context_union(ctx, ctx));
    CHECK_OK(crdt_context_intersect(ctx, ctx));
    check_prints(ctx, "{1: 1..4 7, 2: 5}");
    CHECK(crdt_context_within(ctx, ctx));
    CHECK_OK(crdt_context_subtract(ctx, ctx));
    check_prints(ctx, "{}");
    free_context(ctx);
}

TEST(context, a_failed_allocation_changes_nothing)
{
    uint64_t random = seed_or(20180111) + 3;
    testmem  m;
    testmem_init(&m);
    for (int round = 0; round < 100; round++) {
        model         ma, mb;
        crdt_context *a = new_context(&m), *b = new_context(&m);
        fill(a, &ma, &random, 30);
        fill(b, &mb, &random, 30);
        for (what x = 0; x <= WHATS; x++) {
            for (uint64_t n = 1;; n++) {
                crdt_context *c = x == WHATS ? copy_of(b, &m) : copy_of(a, &m);
                testmem_fail_nth(&m, n);
                crdt_err err = x == WHATS ? crdt_context_copy(c, a) : apply(c, b, x);
                bool     refused = testmem_refused(&m);
                testmem_fail_never(&m);
                CHECK_ERR(err, refused ? CRDT_ENOMEM : CRDT_OK);
                if (refused) check_same(c, x == WHATS ? &mb : &ma);
                free_context(c);
                if (!refused) break;
            }
        }
        free_context(a);
        free_context(b);
    }
    TESTMEM_DONE(&m);
}

TEST(context, the_number_of_dots_does_not_wrap)
{
    crdt_context *ctx = new_context(NULL);
    CHECK_OK(crdt_context_reserve(ctx, 5));
    for (uint64_t r = 1; r <= 5; r++) {
        crdt_context_add_reserved(ctx, (crdt_run){r, 1, CRDT_SEQ_MAX});
    }
    CHECK_EQ_INT(crdt_context_dots(ctx), UINT64_MAX);
    free_context(ctx);
}

TEST(context, reserving_more_than_can_be_counted_is_refused)
{
    crdt_context *ctx = new_context(NULL);
    CHECK_ERR(crdt_context_reserve(ctx, SIZE_MAX), CRDT_ENOMEM);
    CHECK_ERR(crdt_context_reserve(ctx, (size_t)UINT32_MAX + 1), CRDT_ENOMEM);
    free_context(ctx);
}

/* -- Bytes ------------------------------------------------------------------------------------- */

/* Encode, decode and compare. */
static void check_travels(const crdt_context *ctx)
{
    crdt_buf      buf;
    testmem       m;
    crdt_context *back;
    testmem_init(&m);
    back = new_context(&m);
    crdt_buf_init(&buf, NULL);
    CHECK_OK(crdt_context_encode(ctx, &buf));
    CHECK_OK(crdt_context_decode(back, crdt_buf_bytes(&buf), NULL));
    CHECK(crdt_context_equal(back, ctx));
    CHECK(m.bytes <= 8 * buf.size);
    CHECK(m.peak <= 8 * buf.size);
    crdt_buf_clear(&buf);
    free_context(back);
    TESTMEM_DONE(&m);
}

TEST(context, travels_as_bytes)
{
    uint64_t random = seed_or(20180111) + 4;
    for (int round = 0; round < 300; round++) {
        model         m;
        crdt_context *ctx = new_context(NULL);
        fill(ctx, &m, &random, (uint64_t)round / 3);
        check_travels(ctx);
        CHECK_OK(crdt_context_add(ctx, (crdt_dot){next_random(&random), CRDT_SEQ_MAX}));
        CHECK_OK(crdt_context_add(ctx, (crdt_dot){1, CRDT_SEQ_MAX / 3}));
        CHECK_OK(crdt_context_reserve(ctx, 1));
        crdt_context_add_reserved(ctx, (crdt_run){UINT64_MAX, 1, CRDT_SEQ_MAX});
        check_travels(ctx);
        free_context(ctx);
    }
}

TEST(context, bytes_are_as_documented)
{
    static const uint8_t bytes[] = {1,  2,          9, 0, 0, 0, 0, 0, 0, 0,
                                    10, 0,          0, 0, 0, 0, 0, 0, 2, /* replicas with runs */
                                    0,  2 << 1 | 1, 3, 1, 0, 0,          /* 9: 1..4 7 */
                                    0,  1 << 1,     0, 2, 1};            /* 10: 514..515 */
    crdt_buf             buf;
    crdt_context        *ctx = context_of("9: 1..4 7, 10: 514..515");
    crdt_buf_init(&buf, NULL);
    CHECK_OK(crdt_context_encode(ctx, &buf));
    CHECK_EQ_MEM(buf.data, buf.size, bytes, sizeof bytes);
    crdt_buf_clear(&buf);
    free_context(ctx);
}

TEST(context, travels_inside_a_message_with_a_larger_dictionary)
{
    crdt_buf      buf;
    crdt_replicas ids;
    crdt_context *ctx = context_of("3: 1..4 7, 5: 5 9, 90: 2..8"), *back = new_context(NULL);
    crdt_buf_init(&buf, NULL);
    crdt_replicas_init(&ids, NULL);
    for (uint64_t id = 1; id < 100; id++) crdt_replicas_add(&ids, id);
    crdt_context_mark(ctx, &ids);
    CHECK_OK(crdt_replicas_seal(&ids));
    CHECK_EQ_INT(ids.count, 99);
    crdt_enc enc = {&buf, &ids, false};
    crdt_context_put(ctx, &enc);
    crdt_buf_byte(&buf, 0xEE);

    crdt_dec dec;
    crdt_dec_init(&dec, crdt_buf_bytes(&buf), NULL);
    dec.dict = ids.ids;
    dec.dict_count = ids.count;
    CHECK_OK(crdt_context_get(back, &dec));
    CHECK(crdt_context_equal(ctx, back));
    CHECK_EQ_INT(crdt_dec_byte(&dec), 0xEE);

    crdt_dec_init(&dec, crdt_buf_bytes(&buf), NULL);
    dec.dict = ids.ids;
    dec.dict_count = 89; /* without 90 */
    crdt_context_reset(back);
    CHECK_ERR(crdt_context_get(back, &dec), CRDT_EMALFORMED);
    CHECK_EQ_INT(back->count, 0);
    crdt_replicas_clear(&ids);
    crdt_buf_clear(&buf);
    free_context(ctx);
    free_context(back);
}

/* Decode: what is refused leaves ctx alone, what is accepted is written again alike. */
static bool decodes(const uint8_t *bytes, size_t size)
{
    testmem       m;
    crdt_buf      buf;
    const char   *reason = NULL;
    crdt_context *ctx = context_of("77: 5");
    testmem_init(&m);
    ctx->mem = &m.mem;
    crdt_err err = crdt_context_decode(ctx, crdt_view_of(bytes, size), &reason);
    CHECK(m.peak <= 8 * size);
    if (err) {
        CHECK(err == CRDT_EMALFORMED || err == CRDT_EVERSION);
        CHECK(reason != NULL);
        check_prints(ctx, "{4d: 5}");
    } else {
        crdt_buf_init(&buf, NULL);
        CHECK_OK(crdt_context_encode(ctx, &buf));
        CHECK_EQ_MEM(buf.data, buf.size, bytes, size);
        crdt_buf_clear(&buf);
    }
    free_context(ctx);
    TESTMEM_DONE(&m);
    return err == CRDT_OK;
}

static const char *const samples[] = {
    "",
    "1: 1",
    "1: 1..4 7, 2: 5",
    "3: 4611686018427387900..4611686018427387904",
    "1: 1..300 400..70000 4000000000, 256: 2 4 6 8 10, 257: 1 3 5 7..9, 65536: 1..128 130",
};
#define SAMPLES (sizeof samples / sizeof samples[0])

/* Call visit with the bytes of each sample. */
static void each_sample(void (*visit)(uint8_t *bytes, size_t size))
{
    for (size_t i = 0; i < SAMPLES; i++) {
        crdt_buf      buf;
        crdt_context *ctx = context_of(samples[i]);
        crdt_buf_init(&buf, NULL);
        CHECK_OK(crdt_context_encode(ctx, &buf));
        visit(buf.data, buf.size);
        crdt_buf_clear(&buf);
        free_context(ctx);
    }
}

static void truncate_it(uint8_t *bytes, size_t size)
{
    CHECK(decodes(bytes, size));
    for (size_t cut = 0; cut < size; cut++) {
        uint8_t *exact = malloc(cut + 1); /* so that reading beyond shows */
        memcpy(exact, bytes, cut);
        CHECK(!decodes(exact, cut));
        free(exact);
    }
    uint8_t *longer = malloc(size + 1);
    memcpy(longer, bytes, size);
    longer[size] = 0;
    CHECK(!decodes(longer, size + 1));
    free(longer);
}

static void corrupt_it(uint8_t *bytes, size_t size)
{
    for (size_t at = 0; at < size; at++) {
        uint8_t right = bytes[at];
        for (unsigned wrong = 0; wrong < 256; wrong++) {
            bytes[at] = (uint8_t)wrong;
            decodes(bytes, size);
        }
        bytes[at] = right;
    }
}

TEST(context, every_truncation_is_refused)
{
    each_sample(truncate_it);
}

TEST(context, every_corrupt_byte_is_refused_or_means_itself)
{
    each_sample(corrupt_it);
}

TEST(context, random_bytes_are_refused_or_mean_themselves)
{
    uint64_t random = seed_or(20180111) + 5;
    int      accepted = 0;
    for (int round = 0; round < 200000; round++) {
        uint8_t bytes[24] = {1, 1, 7, 0, 0, 0, 0, 0, 0, 0, 1, 0};
        size_t  size = 12 + random_below(&random, sizeof bytes - 12);
        for (size_t i = 12; i < size; i++) {
            bytes[i] = (uint8_t)random_below(&random, random_below(&random, 3) ? 6 : 256);
        }
        accepted += decodes(bytes, size);
    }
    CHECK(accepted > 100);
}

TEST(context, an_unknown_version_is_named)
{
    crdt_context *ctx = new_context(NULL);
    const char   *reason = NULL;
    CHECK_ERR(crdt_context_decode(ctx, crdt_view_of("\x02\0\0", 3), &reason), CRDT_EVERSION);
    CHECK(reason != NULL);
    CHECK_ERR(crdt_context_decode(ctx, crdt_view_of("\x02\0\0", 3), NULL), CRDT_EVERSION);
    free_context(ctx);
}

TEST(context, decoding_survives_every_failed_allocation)
{
    testmem       m;
    crdt_buf      buf;
    crdt_context *ctx = context_of(samples[4]), *back;
    testmem_init(&m);
    crdt_buf_init(&buf, NULL);
    CHECK_OK(crdt_context_encode(ctx, &buf));
    back = new_context(&m);
    CHECK_OK(crdt_context_add(back, (crdt_dot){1, 9}));
    for (uint64_t n = 1;; n++) {
        testmem_fail_nth(&m, n);
        crdt_err err = crdt_context_decode(back, crdt_buf_bytes(&buf), NULL);
        if (!testmem_refused(&m)) break;
        CHECK_ERR(err, CRDT_ENOMEM);
        check_prints(back, "{1: 9}");
    }
    CHECK(crdt_context_equal(back, ctx));
    crdt_buf_clear(&buf);
    free_context(back);
    free_context(ctx);
    TESTMEM_DONE(&m);
}

TEST(context, encoding_survives_every_failed_allocation)
{
    testmem       m;
    crdt_context *ctx = context_of(samples[4]);
    testmem_init(&m);
    for (uint64_t n = 1;; n++) {
        crdt_buf buf;
        crdt_buf_init(&buf, &m.mem);
        testmem_fail_nth(&m, n);
        crdt_err err = crdt_context_encode(ctx, &buf);
        bool     refused = testmem_refused(&m);
        CHECK_ERR(err, refused ? CRDT_ENOMEM : CRDT_OK);
        CHECK_EQ_INT(buf.size == 0, refused);
        crdt_buf_clear(&buf);
        if (!refused) break;
    }
    free_context(ctx);
    TESTMEM_DONE(&m);
}

/* -- Cover ------------------------------------------------------------------------------------- */

static void check_word(const crdt_cover *cover, crdt_cover_walk *walk, uint64_t replica,
                       uint64_t first)
{
    uint64_t word = crdt_cover_word(walk, first);
    for (unsigned i = 0; i < 64; i++) {
        bool has = crdt_cover_has(cover, (crdt_dot){replica, first + i});
        CHECK_MSG((word >> i & 1) == has, "dot %ju", (uintmax_t)(first + i));
    }
}

TEST(cover, has_what_is_seen_and_not_kept)
{
    crdt_context *seen = context_of("1: 1..4 7"), *keep = context_of("1: 2 7");
    crdt_cover    cover = {seen, keep}, nothing = {NULL, keep};
    CHECK(crdt_cover_has(&cover, (crdt_dot){1, 1}));
    CHECK(!crdt_cover_has(&cover, (crdt_dot){1, 2}));
    CHECK(!crdt_cover_has(&cover, (crdt_dot){1, 5}));
    CHECK(!crdt_cover_has(&cover, (crdt_dot){1, 7}));
    CHECK(!crdt_cover_has(&nothing, (crdt_dot){1, 1}));
    crdt_cover_walk walk = crdt_cover_from(&nothing, 1);
    CHECK_EQ_INT(crdt_cover_word(&walk, 1), 0);
    free_context(seen);
    free_context(keep);
}

TEST(cover, words_agree_with_single_dots)
{
    uint64_t random = seed_or(20180111) + 6;
    for (int round = 0; round < 600; round++) {
        model         m;
        crdt_context *seen = new_context(NULL), *keep = new_context(NULL);
        crdt_cover    cover = {seen, round % 3 ? keep : NULL};
        fill(seen, &m, &random, (uint64_t)round % 101);
        fill(keep, &m, &random, (uint64_t)round % 31);
        for (uint64_t r = 0; r <= REPLICAS + 1; r++) {
            crdt_cover_walk walk = crdt_cover_from(&cover, r);
            uint64_t        step = 1 + random_below(&random, 100);
            for (uint64_t first = 1; first < SEQS + 70; first += random_below(&random, 2 * step)) {
                check_word(&cover, &walk, r, first);
            }
        }
        free_context(seen);
        free_context(keep);
    }
}

TEST(cover, words_reach_far_sparse_dots)
{
    crdt_context *seen = new_context(NULL);
    crdt_cover    cover = {seen, NULL};
    for (uint64_t i = 0; i < 1000; i++) {
        CHECK_OK(crdt_context_add(seen, (crdt_dot){UINT64_MAX, 5 + i * 1000003}));
    }
    CHECK_OK(crdt_context_add(seen, (crdt_dot){UINT64_MAX, CRDT_SEQ_MAX}));
    for (uint64_t step = 1; step < 1000; step *= 3) {
        crdt_cover_walk walk = crdt_cover_from(&cover, UINT64_MAX);
        for (uint64_t i = 0; i < 1000; i += step) {
            check_word(&cover, &walk, UINT64_MAX, 5 + i * 1000003 - i % 64);
        }
        check_word(&cover, &walk, UINT64_MAX, CRDT_SEQ_MAX - 3);
    }
    free_context(seen);
}

TEST(context, stretch_ends_where_a_run_begins_or_ends)
{
    crdt_context ctx;
    bool         in;
    crdt_context_init(&ctx, NULL);
    for (uint64_t seq = 1; seq <= 9; seq++) {
        if (seq == 4 || seq == 5) continue;
        CHECK_OK(crdt_context_add(&ctx, (crdt_dot){7, seq})); /* {7: 1..3 6..9} */
    }
    CHECK_EQ_INT(crdt_context_stretch(&ctx, (crdt_dot){7, 2}, 100, &in), 2);
    CHECK(in);
    CHECK_EQ_INT(crdt_context_stretch(&ctx, (crdt_dot){7, 4}, 100, &in), 2);
    CHECK(!in);
    CHECK_EQ_INT(crdt_context_stretch(&ctx, (crdt_dot){7, 6}, 3, &in), 3);
    CHECK(in);
    CHECK_EQ_INT(crdt_context_stretch(&ctx, (crdt_dot){7, 10}, 100, &in), 100);
    CHECK(!in);
    CHECK_EQ_INT(crdt_context_stretch(&ctx, (crdt_dot){6, 1}, 100, &in), 100);
    CHECK(!in);
    crdt_context_clear(&ctx);
}
