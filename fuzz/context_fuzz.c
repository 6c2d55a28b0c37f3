/* context_fuzz.c: any bytes to crdt_context_decode.
 *
 * Refused  with a reason; the context is as it was.
 * Taken    it encodes to just these bytes, and the algebra of sets holds for it and for the
 *          context of the upper half of the input, if that decodes too.
 * Memory   at its peak at most 8 x the input + 64 KiB.
 */
#include "fuzz/fuzz.h"

static void is(const crdt_context *ctx, crdt_view bytes)
{
    crdt_buf again;
    crdt_buf_init(&again, NULL);
    CHECK_OK(crdt_context_encode(ctx, &again));
    CHECK_EQ_MEM(again.data, again.size, bytes.data, bytes.size);
    crdt_buf_reset(&again);
    crdt_context_print(ctx, &again);
    CHECK_OK(crdt_buf_status(&again));
    crdt_buf_clear(&again);
}

/* a - b, a and b, and b - a are disjoint and make up a or b. */
static void algebra(const testmem *m, const crdt_context *a, const crdt_context *b)
{
    crdt_context left, both, right, sum;
    crdt_context_init(&left, &m->mem);
    crdt_context_init(&both, &m->mem);
    crdt_context_init(&right, &m->mem);
    crdt_context_init(&sum, &m->mem);
    CHECK_OK(crdt_context_copy(&left, a));
    CHECK_OK(crdt_context_subtract(&left, b));
    CHECK_OK(crdt_context_copy(&both, b));
    CHECK_OK(crdt_context_intersect(&both, a));
    CHECK_OK(crdt_context_copy(&right, b));
    CHECK_OK(crdt_context_subtract(&right, a));
    CHECK_OK(crdt_context_copy(&sum, b));
    CHECK_OK(crdt_context_union(&sum, a));
    CHECK(crdt_context_within(a, &sum) && crdt_context_within(b, &sum));
    CHECK(crdt_context_within(&both, a) && crdt_context_within(&both, b));
    CHECK(crdt_context_dots(&left) + crdt_context_dots(&both) + crdt_context_dots(&right) ==
          crdt_context_dots(&sum));
    CHECK(crdt_context_dots(&left) + crdt_context_dots(&both) == crdt_context_dots(a));
    CHECK_OK(crdt_context_union(&left, &right));
    CHECK_OK(crdt_context_union(&left, &both));
    CHECK(crdt_context_equal(&left, &sum));
    crdt_context_clear(&left);
    crdt_context_clear(&both);
    crdt_context_clear(&right);
    crdt_context_clear(&sum);
}

static void ends(const crdt_context *ctx)
{
    for (uint32_t i = 0; i < ctx->count; i++) {
        const crdt_run *r = &ctx->runs[i];
        crdt_dot        lo = {r->replica, r->lo}, hi = {r->replica, r->hi};
        crdt_dot        under = {r->replica, r->lo - 1}, over = {r->replica, r->hi + 1};
        CHECK(crdt_context_has(ctx, lo) && crdt_context_has(ctx, hi));
        CHECK(crdt_context_has_run(ctx, *r));
        CHECK(!crdt_context_has(ctx, under) && !crdt_context_has(ctx, over));
        CHECK(crdt_context_max(ctx, r->replica) >= r->hi);
        CHECK(crdt_context_base(ctx, r->replica) < r->lo || r->lo == 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    testmem      m;
    crdt_context whole, half;
    const char  *reason = NULL;
    crdt_view    in = crdt_view_of(data, size), upper = in;
    if (size > 0) upper = crdt_view_of(data + size / 2, size - size / 2);
    testmem_init(&m);
    crdt_context_init(&whole, &m.mem);
    crdt_context_init(&half, &m.mem);
    crdt_err err = crdt_context_decode(&whole, in, &reason);
    CHECK_MSG(m.peak <= 8 * size + 65536, "took %zu bytes for %zu", m.peak, size);
    if (err != CRDT_OK) {
        CHECK_MSG(err == CRDT_EMALFORMED || err == CRDT_ELIMIT || err == CRDT_EVERSION, "%s",
                  crdt_err_name(err));
        CHECK(reason != NULL && *reason != 0);
        CHECK_EQ_INT(whole.count, 0);
        crdt_dot dot = {1, 1};
        CHECK_OK(crdt_context_add(&whole, dot)); /* it can be used */
    } else {
        is(&whole, in);
        ends(&whole);
    }
    if (crdt_context_decode(&half, upper, NULL) == CRDT_OK) {
        is(&half, upper);
        algebra(&m, &whole, &half);
    }
    algebra(&m, &whole, &whole);
    crdt_context_clear(&whole);
    crdt_context_clear(&half);
    TESTMEM_DONE(&m);
    return 0;
}
