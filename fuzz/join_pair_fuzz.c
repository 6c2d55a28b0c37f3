/* join_pair_fuzz.c: two states or deltas from bytes, merged both ways.
 *
 * Input    pick, then the size of the first (2 bytes, little endian), the first, the second. A
 *          delta since a context, into which nothing can be merged, goes into an empty store first.
 * Holds    a join b = b join a byte for byte, or both refuse alike and change nothing; the result
 *          is sound, not below a or b, and takes in a and b again without a change.
 */
#include "fuzz/form.h"

#define KIND_SINCE 3u

/* What the bytes hold, or NULL. */
static crdt_store *read_one(const crdt_options *options, crdt_view in)
{
    crdt_store *given, *state;
    if (crdt_store_decode(options, in, &given, NULL) != CRDT_OK) return NULL;
    if (fuzz_form_of(options, in).kind != KIND_SINCE) return given;
    CHECK_OK(crdt_store_new(options, &state));
    crdt_err err = crdt_store_merge(state, given);
    crdt_store_free(given);
    if (err == CRDT_OK) return state;
    CHECK_ERR(err, CRDT_EGAP);
    crdt_store_free(state);
    return NULL;
}

static crdt_err merged(const crdt_options *options, const crdt_store *a, const crdt_store *b,
                       crdt_store **ret_both)
{
    crdt_buf b_bytes;
    crdt_buf_init(&b_bytes, NULL);
    fuzz_encode(b, &b_bytes);
    CHECK_OK(crdt_store_clone(a, 5, ret_both));
    crdt_err err = crdt_store_merge(*ret_both, b);
    fuzz_is(b, crdt_buf_bytes(&b_bytes), "the other side of a merge");
    if (err != CRDT_OK) fuzz_same(a, *ret_both, "the store after a refused merge");
    fuzz_sound(*ret_both, options, "the store after a merge");
    crdt_buf_clear(&b_bytes);
    return err;
}

static void not_below(const crdt_store *both, const crdt_store *part)
{
    crdt_order order;
    CHECK_OK(crdt_store_compare(part, both, &order));
    CHECK_MSG(order == CRDT_EQUAL || order == CRDT_BEFORE, "a part is not below the whole: %d",
              (int)order);
}

static void absorbs(crdt_store *both, const crdt_store *part)
{
    crdt_buf before;
    crdt_buf_init(&before, NULL);
    fuzz_encode(both, &before);
    CHECK_OK(crdt_store_merge(both, part));
    fuzz_is(both, crdt_buf_bytes(&before), "the whole after it took in a part again");
    crdt_buf_clear(&before);
}

static void pair(const crdt_options *options, const crdt_store *a, const crdt_store *b)
{
    crdt_store *ab, *ba;
    crdt_err    err = merged(options, a, b, &ab), other_err = merged(options, b, a, &ba);
    CHECK_MSG(err == other_err, "a with b gives %s, b with a gives %s", crdt_err_name(err),
              crdt_err_name(other_err));
    CHECK_MSG(err == CRDT_OK || err == CRDT_EFORK, "a merge gave %s", crdt_err_name(err));
    if (err == CRDT_OK) {
        fuzz_same(ab, ba, "a with b, and b with a");
        not_below(ab, a);
        not_below(ab, b);
        absorbs(ab, a);
        absorbs(ab, b);
    }
    crdt_store_free(ab);
    crdt_store_free(ba);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_in          input = fuzz_input(data, size);
    const crdt_type *solo = fuzz_pick(&input);
    size_t           first = fuzz_byte(&input);
    first |= (size_t)fuzz_byte(&input) << 8;
    crdt_view left = fuzz_take(&input, first), right = fuzz_rest(&input);
    testmem   m;
    testmem_init(&m);
    crdt_options options = fuzz_options(solo, 5, &m.mem);
    crdt_store  *a = read_one(&options, left);
    crdt_store  *b = a == NULL ? NULL : read_one(&options, right);
    if (a != NULL && b != NULL) {
        pair(&options, a, b);
        pair(&options, a, a);
    }
    crdt_store_free(a);
    crdt_store_free(b);
    TESTMEM_DONE(&m);
    return 0;
}
