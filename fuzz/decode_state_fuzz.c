/* decode_state_fuzz.c: any bytes to crdt_store_decode.
 *
 * Refused  nothing is left in memory.
 * Taken    the audit holds; it encodes to just these bytes; its digest is that of a second
 *          decode; every read and one operation on it work, and the result is as sound.
 * Memory   within fuzz_budget.
 */
#include "crdt/undo.h"
#include "fuzz/form.h"

static crdt_err decode_in_budget(const crdt_options *options, testmem *m, crdt_view in,
                                 crdt_store **ret_store)
{
    const char *reason = NULL;
    crdt_err    err = crdt_store_decode(options, in, ret_store, &reason);
    CHECK_MSG(err == CRDT_OK || err == CRDT_EMALFORMED || err == CRDT_ELIMIT ||
                  err == CRDT_EVERSION || err == CRDT_ETYPE,
              "decode gave %s", crdt_err_name(err));
    CHECK_MSG(err == CRDT_OK || (reason != NULL && *reason != 0), "%s without a reason",
              crdt_err_name(err));
    fuzz_budget(in, err, m->peak);
    return err;
}

/* What a clone of it is. Bytes may hold what their own stable cut covers, as no store's do: the
 * next join forgets it, and a clone is one. */
static crdt_store *forgetful(const crdt_options *options, crdt_view in)
{
    crdt_context nothing;
    crdt_store  *store;
    crdt_context_init(&nothing, options->mem);
    CHECK_OK(crdt_store_decode(options, in, &store, NULL));
    crdt_err err = crdt_store_stabilise(store, &nothing);
    CHECK(err == CRDT_OK || err == CRDT_EINVAL); /* of a delta */
    return store;
}

static void read_text(const crdt_store *store, crdt_view name, crdt_buf *out)
{
    crdt_ref ref;
    crdt_err err = crdt_store_object(store, name, &crdt_text_type, &ref);
    crdt_buf_reset(out);
    if (err == CRDT_ENOENT) return;
    CHECK_OK(err);
    CHECK_OK(crdt_text_read(ref, CRDT_CODE_POINTS, 0, UINT64_MAX, out));
}

/* What the operation did to a text is undone: it reads as before. */
static void undo(crdt_store *store, const crdt_options *options, const fuzz_op *op)
{
    crdt_undo *undo;
    crdt_buf   before, after;
    crdt_err   err = crdt_undo_new(store, op->name, &crdt_text_type, 1, &undo);
    CHECK_OK(err);
    crdt_buf_init(&before, NULL);
    crdt_buf_init(&after, NULL);
    read_text(store, op->name, &before);
    err = fuzz_apply(store, op, NULL);
    if (err == CRDT_OK) CHECK_OK(crdt_undo_note(undo, false));
    if (crdt_undo_count(undo) == 1) {
        err = crdt_undo_back(undo, FUZZ_NOW, NULL);
        read_text(store, op->name, &after);
        bool same = crdt_view_compare(crdt_buf_bytes(&before), crdt_buf_bytes(&after)) == 0;
        CHECK_MSG(err != CRDT_OK || same, "what was undone is not undone");
        CHECK_MSG(fuzz_op_may_give(err) || err == CRDT_ESTALE || err == CRDT_ERETIRED,
                  "undo gave %s", crdt_err_name(err));
        fuzz_sound(store, options, "the store after an undo");
        err = crdt_undo_again(undo, FUZZ_NOW, NULL);
        CHECK_MSG(fuzz_op_may_give(err) || err == CRDT_ENOENT || err == CRDT_ESTALE ||
                      err == CRDT_ERETIRED,
                  "redo gave %s", crdt_err_name(err));
        fuzz_sound(store, options, "the store after a redo");
    }
    crdt_undo_free(undo);
    crdt_buf_clear(&before);
    crdt_buf_clear(&after);
}

/* An operation chosen by the bytes, by a replica that they name or by another. */
static void operate(const crdt_options *options, const crdt_store *store, crdt_view in)
{
    crdt_digest         dice = crdt_digest_of(in.data, in.size);
    const crdt_context *ctx = crdt_store_context(store);
    uint64_t            replica = 77;
    fuzz_in             script = fuzz_input((const uint8_t *)&dice, sizeof dice);
    crdt_store         *copy, *expected = forgetful(options, in);
    if (ctx->count > 0 && (dice.hi & 1)) replica = ctx->runs[dice.lo % ctx->count].replica;
    CHECK_OK(crdt_store_clone(store, replica, &copy));
    fuzz_same(expected, copy, "a clone of the decoded store");
    fuzz_op     op = fuzz_op_read(&script, options->solo);
    crdt_delta *delta = NULL;
    crdt_err    err = fuzz_apply(copy, &op, &delta);
    CHECK_MSG(fuzz_op_may_give(err) || err == CRDT_ERETIRED, "an operation on it gave %s",
              crdt_err_name(err));
    if (err == CRDT_OK) {
        fuzz_sound(copy, options, "the store after an operation");
        fuzz_sound(delta, options, "the delta of an operation");
    } else {
        fuzz_same(expected, copy, "the store after a refused operation");
    }
    crdt_store_free(delta);
    crdt_store_free(copy);
    crdt_store_free(expected);
    CHECK_OK(crdt_store_clone(store, replica, &copy));
    undo(copy, options, &op);
    crdt_store_free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_in          input = fuzz_input(data, size);
    const crdt_type *solo = fuzz_pick(&input);
    crdt_view        in = fuzz_rest(&input);
    testmem          m;
    testmem_init(&m);
    crdt_options options = fuzz_options(solo, 7, &m.mem);
    crdt_store  *store;
    if (decode_in_budget(&options, &m, in, &store) == CRDT_OK) {
        fuzz_strict(&options, store, in);
        fuzz_sound(store, &options, "the decoded store");
        operate(&options, store, in);
        fuzz_strict(&options, store, in); /* its clone was changed, not itself */
        crdt_store_free(store);
    }
    TESTMEM_DONE(&m);
    return 0;
}
