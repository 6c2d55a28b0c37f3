/* fuzz.c: see fuzz.h. */
#include "fuzz/fuzz.h"

#include <string.h>

#ifdef FUZZ_TYPES
const crdt_types *FUZZ_TYPES(void);
#else
#include "crdt/types.h"
#define FUZZ_TYPES crdt_types_builtin
#endif

/* -- Input ------------------------------------------------------------------------------------- */

fuzz_in fuzz_input(const uint8_t *data, size_t size)
{
    fuzz_in in = {data, data};
    if (size > 0) in.end = data + size;
    return in;
}

bool fuzz_more(const fuzz_in *in)
{
    return in->at != in->end;
}

uint8_t fuzz_byte(fuzz_in *in)
{
    return fuzz_more(in) ? *in->at++ : 0;
}

crdt_view fuzz_take(fuzz_in *in, size_t size)
{
    size_t left = fuzz_more(in) ? (size_t)(in->end - in->at) : 0;
    if (size > left) size = left;
    crdt_view view = crdt_view_of(in->at, size);
    if (size > 0) in->at += size;
    return view;
}

crdt_view fuzz_rest(fuzz_in *in)
{
    return fuzz_take(in, SIZE_MAX);
}

/* -- What is under test ------------------------------------------------------------------------ */

const crdt_types *fuzz_types(void)
{
    return FUZZ_TYPES();
}

const crdt_type *fuzz_pick(fuzz_in *in)
{
    const crdt_types *types = fuzz_types();
    uint8_t           byte = fuzz_byte(in);
    if (byte == 0) return NULL;
    for (size_t i = 0; i < types->count; i++) {
        if (fuzz_pick_byte(types->list[i]) == byte) return types->list[i];
    }
    return types->list[byte % types->count];
}

uint8_t fuzz_pick_byte(const crdt_type *solo)
{
    return solo == NULL ? 0 : (uint8_t)(solo->id & 0xff);
}

crdt_options fuzz_options(const crdt_type *solo, uint64_t replica, const crdt_mem *mem)
{
    crdt_options o = crdt_options_default(replica, solo == NULL ? fuzz_types() : NULL);
    o.solo = solo;
    o.mem = mem;
    return o;
}

/* -- Operations -------------------------------------------------------------------------------- */

#define INT(n)         \
    {                  \
        CRDT_INT, (n), \
        {              \
            NULL, 0    \
        }              \
    }
#define TEXT(text)                \
    {                             \
        CRDT_BYTES, 0,            \
        {                         \
            text, sizeof text - 1 \
        }                         \
    }

/* Those that come first collide often; the later ones lie at edges. */
static const crdt_value ints[] = {INT(1),
                                  INT(2),
                                  INT(3),
                                  INT(0),
                                  INT(-1),
                                  INT(127),
                                  INT(128),
                                  INT(INT32_MAX),
                                  INT(INT64_MAX),
                                  INT(INT64_MIN),
                                  INT(INT64_C(1) << 32),
                                  INT(INT64_C(1) << 62),
                                  INT(4096)};
static const crdt_value texts[] = {TEXT("a"),
                                   TEXT("b"),
                                   TEXT("ab"),
                                   TEXT(""),
                                   TEXT("\0"),
                                   TEXT("a\0b"),
                                   TEXT("longer than any value that could be kept in place"),
                                   TEXT("\xff\xff\xff\xff\xff\xff\xff\xff")};

/* What is given as bytes is mostly text: each length of UTF-8, lines, marks; the last is none. */
static const crdt_value utf8[] = {
    TEXT("a"),
    TEXT("xyz"),
    TEXT("\xc3\xa9"),
    TEXT("\xf0\x9f\x98\x80"),
    TEXT("b\r\n"),
    TEXT("e\xcc\x81\xe2\x82\xac"),
    TEXT(""),
    TEXT("longer than the first piece that a text is kept in, so that "
         "it takes a second one \xe2\x80\x94 or more"),
    TEXT("\0"),
    TEXT("\xed\xa0\x80")};

static const crdt_value decimals[] = {TEXT("0.5"),
                                      TEXT("-0.25"),
                                      TEXT("3"),
                                      TEXT("1e-17"),
                                      TEXT("-9223372036854775808"),
                                      TEXT("9223372036854775807.99"),
                                      TEXT("0.33333333333333333333"),
                                      TEXT("no number")};

static const crdt_value revisions[] = {
    TEXT(""),
    TEXT("1-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
    TEXT("2-bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb 1-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
    TEXT("2-cccccccccccccccccccccccccccccccc 1-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
    TEXT("3-dddddddddddddddddddddddddddddddd 2-bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"),
    TEXT("4294967295-eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee"),
    TEXT("1-a")};

static const crdt_value cursors[] = {TEXT("start"),
                                     TEXT("end"),
                                     TEXT("1@00000000000000a1<"),
                                     TEXT("3@00000000000000a1>"),
                                     TEXT("2@00000000000000b2<"),
                                     TEXT("18446744073709551615@ffffffffffffffff>"),
                                     TEXT("1@0000000000000000<"),
                                     TEXT("1@0000000000000001<"), /* of what fuzz_base writes */
                                     TEXT("4@0000000000000002>"),
                                     TEXT("2@0000000000000003<"),
                                     TEXT("1@1<")};

#define COUNT(list) (sizeof(list) / sizeof *(list))

/* Positions, and amounts beside one, are mostly small, so that they lie inside. */
static crdt_value argument(char letter, uint8_t byte, bool at_position)
{
    crdt_value v;
    if (letter == 'd') return decimals[byte % COUNT(decimals)];
    if (letter == 'r') return revisions[byte % COUNT(revisions)];
    if (letter == 'c') return cursors[byte % COUNT(cursors)];
    if (letter == 'b') return utf8[byte % COUNT(utf8)];
    if (letter == 'v' && (byte & 1)) return texts[byte / 2 % COUNT(texts)];
    if (letter == 'v') byte /= 2;
    v = ints[byte % COUNT(ints)];
    if (at_position && letter == 'p' && byte < 0xf0) v.i = byte % 16 * (byte % 16) / 12;
    if (at_position && letter == 'n' && byte < 0xf0) v.i = 1 + byte % 5;
    if (letter == 'n' && v.i < 1) v.i = 7;
    if ((letter == 't' || letter == 'p') && v.i < 0) v.i = 8;
    return v;
}

fuzz_op fuzz_op_read(fuzz_in *in, const crdt_type *solo)
{
    static const char names[] = "ab";
    fuzz_op           o;
    memset(&o, 0, sizeof o);
    if (solo == NULL) {
        const crdt_types *types = fuzz_types();
        o.name = crdt_view_of(names + (fuzz_byte(in) & 1), 1);
        solo = types->list[fuzz_byte(in) % types->count];
    }
    uint8_t which = fuzz_byte(in);
    if (solo->ops_count == 0 || which % 16 == 15) return o;
    o.op = &solo->ops[which % 16 % solo->ops_count];
    while (o.argc < CRDT_OP_ARGS_MAX && o.op->args[o.argc] != 0) {
        bool at_position = strchr(o.op->args, 'p') != NULL;
        o.args[o.argc] = argument(o.op->args[o.argc], fuzz_byte(in), at_position);
        o.argc++;
    }
    for (size_t i = o.argc; i < CRDT_OP_ARGS_MAX; i++) o.args[i] = crdt_int(0);
    return o;
}

crdt_err fuzz_op_run(crdt_txn *txn, const fuzz_op *op)
{
    return op->op == NULL ? crdt_txn_remove(txn, op->name)
                          : crdt_txn_apply(txn, op->name, op->op, op->args, op->argc);
}

bool fuzz_op_may_give(crdt_err err)
{
    switch (err) {
    case CRDT_OK:
    case CRDT_EINVAL:
    case CRDT_ENOENT:
    case CRDT_EEXIST:
    case CRDT_ETYPE:
    case CRDT_ELIMIT:
    case CRDT_ERANGE:
    case CRDT_EFORK:      /* the bytes forged what this replica wrote */
    case CRDT_EMALFORMED: /* an audit's `verify`: the bytes forged a chain */
    case CRDT_ERIGHTS: return true;
    default: return false;
    }
}

crdt_err fuzz_apply(crdt_store *store, const fuzz_op *op, crdt_delta **ret_delta)
{
    crdt_txn *txn;
    crdt_err  err = crdt_store_begin(store, FUZZ_NOW, &txn);
    if (err == CRDT_OK) err = fuzz_op_run(txn, op);
    if (err == CRDT_OK) err = crdt_store_commit(store, ret_delta);
    if (err != CRDT_OK) crdt_store_rollback(store);
    return err;
}

/* -- A fixed history --------------------------------------------------------------------------- */

crdt_store *fuzz_history(const crdt_options *options, unsigned salt, unsigned steps)
{
    crdt_store *store;
    uint32_t    x = salt * 2654435761u + 12345u;
    CHECK_OK(crdt_store_new(options, &store));
    for (unsigned i = 0; i < steps; i++) {
        uint8_t bytes[3 + CRDT_OP_ARGS_MAX];
        for (size_t k = 0; k < sizeof bytes; k++) {
            x = x * 1664525u + 1013904223u;
            bytes[k] = (uint8_t)(x >> 24);
        }
        if (options->solo == NULL) bytes[1] = (uint8_t)(i + salt); /* every type gets its turn */
        fuzz_in     in = fuzz_input(bytes, sizeof bytes);
        fuzz_op     op = fuzz_op_read(&in, options->solo);
        char        name = 'c';
        crdt_delta *delta = NULL;
        if (options->solo == NULL && i % 2 == 0) {
            name = (char)(name + (int)((i + salt) % fuzz_types()->count)); /* a name of its own */
            op.name = crdt_view_of(&name, 1);
        }
        crdt_err err = fuzz_apply(store, &op, &delta);
        CHECK_MSG(fuzz_op_may_give(err), "step %u of a fixed history gave %s", i,
                  crdt_err_name(err));
        if (err == CRDT_OK) crdt_store_free(delta);
    }
    return store;
}

crdt_store *fuzz_base(const crdt_options *options)
{
    crdt_options writer = *options;
    crdt_store  *all, *part;
    CHECK_OK(crdt_store_new(options, &all));
    for (unsigned r = 1; r <= 3; r++) {
        writer.replica = r;
        part = fuzz_history(&writer, r, options->solo == NULL ? 20 : 8);
        CHECK_OK(crdt_store_join(all, part, FUZZ_NOW));
        crdt_store_free(part);
    }
    return all;
}

/* -- Checks ------------------------------------------------------------------------------------ */

void fuzz_encode(const crdt_store *store, crdt_buf *out)
{
    crdt_buf_reset(out);
    CHECK_OK(crdt_store_encode(store, out));
}

void fuzz_is(const crdt_store *store, crdt_view bytes, const char *what)
{
    crdt_buf now;
    crdt_buf_init(&now, NULL);
    fuzz_encode(store, &now);
    if (crdt_view_compare(crdt_buf_bytes(&now), bytes) != 0) {
        size_t at = 0;
        while (at < now.size && at < bytes.size &&
               now.data[at] == ((const uint8_t *)bytes.data)[at]) {
            at++;
        }
        FAIL("%s: bytes differ from byte %zu on (%zu bytes now, %zu expected)", what, at, now.size,
             bytes.size);
    }
    crdt_buf_clear(&now);
}

void fuzz_same(const crdt_store *a, const crdt_store *b, const char *what)
{
    crdt_buf bytes;
    crdt_buf_init(&bytes, NULL);
    fuzz_encode(a, &bytes);
    fuzz_is(b, crdt_buf_bytes(&bytes), what);
    crdt_buf_clear(&bytes);
}

static bool is_text(const crdt_ref *ref)
{
    return ref->type == &crdt_text_type || ref->type == &crdt_text_classic_type;
}

/* Half of what each replica did. */
static void half_of(const crdt_ref *ref, crdt_context *ret_half)
{
    crdt_context_init(ret_half, NULL);
    CHECK_OK(crdt_context_copy(ret_half, ref->space->seen));
    for (uint32_t i = 0; i < ret_half->count; i++) {
        crdt_run *run = &ret_half->runs[i];
        run->hi = run->lo + (run->hi - run->lo) / 2;
    }
}

/* The steps from a past lead to what shows; from nothing, they tell it. */
static void read_past(const crdt_ref *ref)
{
    crdt_context half;
    crdt_steps   steps;
    crdt_buf     was, shows;
    half_of(ref, &half);
    crdt_steps_init(&steps, NULL);
    crdt_buf_init(&was, NULL);
    crdt_buf_init(&shows, NULL);
    CHECK_OK(crdt_text_read(*ref, CRDT_CODE_POINTS, 0, UINT64_MAX, &shows));
    crdt_err err = crdt_text_at(*ref, NULL, &was);
    CHECK_MSG(err == CRDT_OK || err == CRDT_ESTALE, "the text now gave %s", crdt_err_name(err));
    CHECK(err != CRDT_OK || crdt_view_compare(crdt_buf_bytes(&was), crdt_buf_bytes(&shows)) == 0);
    err = crdt_text_diff(*ref, &half, NULL, CRDT_CODE_POINTS, true, &steps);
    CHECK_MSG(err == CRDT_OK || err == CRDT_ESTALE, "a difference gave %s", crdt_err_name(err));
    uint64_t length = 0;
    for (size_t i = 0; i < steps.count; i++) {
        CHECK(steps.at[i].count > 0 && steps.at[i].author != 0);
        if (steps.at[i].kind != CRDT_DELETE) length += steps.at[i].count;
    }
    CHECK(err != CRDT_OK || length == crdt_text_length(*ref, CRDT_CODE_POINTS));
    crdt_steps_clear(&steps);
    crdt_context_clear(&half);
    crdt_buf_clear(&was);
    crdt_buf_clear(&shows);
}

/* The stretches lie one behind the other, from the text's beginning to its end, each with marks in
 * the order of their keys. */
static void read_marks(const crdt_store *store, crdt_view name, const crdt_ref *text)
{
    crdt_spans *spans;
    crdt_span   span;
    uint64_t    at = 0;
    crdt_err    err = crdt_marks_read(store, name, CRDT_CODE_POINTS, NULL, &spans);
    if (err == CRDT_ETYPE || err == CRDT_ENOENT) return; /* another type shows there */
    CHECK_OK(err);
    while (crdt_marks_next(spans, &span)) {
        CHECK(span.start == at && span.count > 0);
        for (size_t i = 1; i < span.marks_count; i++) {
            CHECK(crdt_view_compare(span.marks[i - 1].key, span.marks[i].key) < 0);
        }
        at += span.count;
    }
    CHECK(at == crdt_text_length(*text, CRDT_CODE_POINTS));
    crdt_marks_free(spans);
}

static void read_object(const crdt_ref *ref, crdt_buf *text)
{
    if (is_text(ref)) read_past(ref);
    crdt_conflict conflict;
    crdt_buf_reset(text);
    crdt_ref_print(ref, text);
    CHECK_OK(crdt_buf_status(text));
    (void)crdt_ref_stats(ref);
    (void)crdt_ref_digest(ref);
    for (size_t i = 0; crdt_ref_conflict(ref, i, &conflict); i++) {
        CHECK(conflict.value.kind == CRDT_INT || conflict.value.kind == CRDT_BYTES);
    }
}

void fuzz_read_all(const crdt_store *store)
{
    crdt_buf        text;
    crdt_view       name, last = {NULL, 0};
    crdt_ref        ref, found;
    size_t          count = 0;
    crdt_store_iter it = crdt_store_iterate(store);
    crdt_buf_init(&text, NULL);
    for (; crdt_store_next(&it, &name, &ref); count++) {
        CHECK_MSG(count == 0 || crdt_view_compare(last, name) < 0, "names out of order");
        CHECK_OK(crdt_store_find(store, name, ref.type, &found));
        CHECK(found.state == ref.state);
        CHECK(crdt_store_type_at(store, name, 0) == ref.type);
        read_object(&ref, &text);
        if (ref.type == &crdt_text_type) read_marks(store, name, &ref);
        last = name;
    }
    CHECK_EQ_INT(count, crdt_store_count(store));
    crdt_buf_reset(&text);
    crdt_store_print(store, &text);
    CHECK_OK(crdt_buf_status(&text));
    crdt_buf_reset(&text);
    crdt_context_print(crdt_store_context(store), &text);
    (void)crdt_store_stats(store);
    crdt_buf_clear(&text);
}

void fuzz_sound(crdt_store *store, const crdt_options *options, const char *what)
{
    const char *reason = "";
    crdt_buf    bytes, text, again;
    crdt_store *copy;
    crdt_buf_init(&bytes, NULL);
    crdt_buf_init(&text, NULL);
    crdt_buf_init(&again, NULL);
    CHECK_MSG(crdt_store_check(store, &reason), "%s: %s", what, reason);
    fuzz_read_all(store);
    fuzz_encode(store, &bytes);
    crdt_err err = crdt_store_decode(options, crdt_buf_bytes(&bytes), &copy, &reason);
    CHECK_MSG(err == CRDT_OK, "%s: its own bytes are refused with %s: %s", what, crdt_err_name(err),
              reason);
    fuzz_is(copy, crdt_buf_bytes(&bytes), what);
    CHECK_MSG(crdt_digest_equal(crdt_store_digest(store, NULL), crdt_store_digest(copy, NULL)),
              "%s: its digest is not that of its bytes decoded afresh", what);
    crdt_store_print(store, &text);
    crdt_store_print(copy, &again);
    CHECK_MSG(crdt_view_compare(crdt_buf_bytes(&text), crdt_buf_bytes(&again)) == 0,
              "%s: it prints \"%.*s\", decoded afresh \"%.*s\"", what, (int)text.size,
              text.size ? (const char *)text.data : "", (int)again.size,
              again.size ? (const char *)again.data : "");
    crdt_store_free(copy);
    crdt_buf_clear(&bytes);
    crdt_buf_clear(&text);
    crdt_buf_clear(&again);
}
