/* decode_delta_fuzz.c: any bytes as a delta for a store that holds something.
 *
 * Refused  by decode, join or merge: the store has its bytes of before.
 * Taken    the store is sound, a second delivery changes nothing, and join and merge agree.
 * Memory   of decoding: within fuzz_budget.
 */
#include "fuzz/form.h"

/* What a join or merge may answer to bytes that decode. */
static bool may_refuse(crdt_err err)
{
    return err == CRDT_EGAP || err == CRDT_EFORK || err == CRDT_ERETIRED || err == CRDT_EINVAL;
}

typedef crdt_err (*taker)(crdt_store *store, const crdt_store *delta);

static crdt_err by_join(crdt_store *store, const crdt_store *delta)
{
    return crdt_store_join(store, delta, FUZZ_NOW);
}

static crdt_err by_merge(crdt_store *store, const crdt_store *delta)
{
    return crdt_store_merge(store, delta);
}

/* Deliver to a copy of base; the copy is the caller's. */
static crdt_err deliver(const crdt_options *options, const crdt_store *base,
                        const crdt_delta *delta, taker take, crdt_store **ret_copy)
{
    crdt_buf before;
    crdt_buf_init(&before, NULL);
    CHECK_OK(crdt_store_clone(base, 1, ret_copy));
    fuzz_encode(*ret_copy, &before);
    crdt_err err = take(*ret_copy, delta);
    if (err != CRDT_OK) {
        CHECK_MSG(may_refuse(err), "a delta was refused with %s", crdt_err_name(err));
        fuzz_is(*ret_copy, crdt_buf_bytes(&before), "the store after a refused delta");
        fuzz_sound(*ret_copy, options, "the store after a refused delta");
    } else {
        fuzz_sound(*ret_copy, options, "the store after a delta");
        fuzz_encode(*ret_copy, &before);
        CHECK_OK(take(*ret_copy, delta));
        fuzz_is(*ret_copy, crdt_buf_bytes(&before), "the store after the same delta again");
    }
    crdt_buf_clear(&before);
    return err;
}

/* Life goes on: the next operation and its delivery work. */
static void go_on(const crdt_options *options, crdt_store *store, const crdt_view *in)
{
    crdt_digest dice = crdt_digest_of(in->data, in->size);
    fuzz_in     script = fuzz_input((const uint8_t *)&dice, sizeof dice);
    fuzz_op     op = fuzz_op_read(&script, options->solo);
    crdt_delta *delta = NULL;
    crdt_store *peer;
    CHECK_OK(crdt_store_clone(store, 9, &peer));
    crdt_err err = fuzz_apply(store, &op, &delta);
    CHECK_MSG(fuzz_op_may_give(err) || err == CRDT_ERETIRED, "an operation gave %s",
              crdt_err_name(err));
    if (err == CRDT_OK && crdt_context_is_vector(crdt_store_context(store))) {
        CHECK_OK(crdt_store_join(peer, delta, FUZZ_NOW));
        fuzz_same(store, peer, "the author and a peer that got the next delta");
    }
    crdt_store_free(delta);
    crdt_store_free(peer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_in          input = fuzz_input(data, size);
    const crdt_type *solo = fuzz_pick(&input);
    crdt_view        in = fuzz_rest(&input);
    testmem          m;
    testmem_init(&m);
    crdt_options options = fuzz_options(solo, 1, &m.mem);
    crdt_store  *base = fuzz_base(&options), *joined, *merged;
    crdt_delta  *delta;
    const char  *reason = NULL;
    size_t       before = m.peak = m.bytes;
    crdt_err     err = crdt_delta_decode(base, in, &delta, &reason);
    fuzz_budget(in, err, m.peak - before);
    CHECK_MSG(err == CRDT_OK || reason != NULL, "%s without a reason", crdt_err_name(err));
    if (err == CRDT_OK) {
        crdt_err by_j = deliver(&options, base, delta, by_join, &joined);
        crdt_err by_m = deliver(&options, base, delta, by_merge, &merged);
        CHECK_MSG(by_j != CRDT_OK || by_m == CRDT_OK, "join takes what merge refuses with %s",
                  crdt_err_name(by_m));
        if (by_j == CRDT_OK) fuzz_same(joined, merged, "join and merge of one delta");
        fuzz_strict(&options, delta, in);
        go_on(&options, joined, &in);
        crdt_store_free(joined);
        crdt_store_free(merged);
        crdt_store_free(delta);
    }
    crdt_store_free(base);
    TESTMEM_DONE(&m);
    return 0;
}
