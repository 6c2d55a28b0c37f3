/* seq_snap_test.c: whole lists and texts as bytes: built at once they are what row after row made;
 * hostile bytes are refused within bounds; the text can be read alone. */
#include <stdio.h>
#include <string.h>

#include "crdt/seq/seq.h"
#include "crdt/seq/seq_snap.h"
#include "tests/lib/random.h"
#include "tests/lib/stores.h"
#include "tests/lib/t.h"
#include "tests/lib/testmem.h"

#define REPLICAS 4

static const crdt_type *const types[4] = {&crdt_text_type, &crdt_text_classic_type, &crdt_rga_type,
                                          &crdt_rga_classic_type};

static bool is_text(const crdt_type *type)
{
    return type == &crdt_text_type || type == &crdt_text_classic_type;
}

static const crdt__seq *seq_of(const crdt_store *s)
{
    crdt_ref ref = crdt_store_solo(s);
    return crdt__seq_of(&ref);
}

static crdt_buf bytes_of(const crdt_store *s)
{
    crdt_buf out;
    crdt_buf_init(&out, NULL);
    CHECK_OK(crdt_store_encode(s, &out));
    return out;
}

static void print_into(const crdt_store *s, crdt_buf *out)
{
    crdt_ref ref = crdt_store_solo(s);
    crdt_buf_init(out, NULL);
    crdt_ref_print(&ref, out);
    CHECK_OK(crdt_buf_status(out));
}

static crdt_options options_of(const crdt_store *like, uint64_t replica, const crdt_mem *mem)
{
    crdt_options o = crdt_options_default(replica, NULL);
    o.solo = crdt_store_solo(like).type;
    o.mem = mem;
    return o;
}

/* Encoded and decoded, to be written on by `replica`. */
static crdt_store *read_again(const crdt_store *s, uint64_t replica)
{
    crdt_options o = options_of(s, replica, NULL);
    crdt_buf     bytes = bytes_of(s);
    crdt_store  *copy;
    const char  *reason = "";
    crdt_err     err = crdt_store_decode(&o, crdt_buf_bytes(&bytes), &copy, &reason);
    CHECK_MSG(err == CRDT_OK, "%s: %s", crdt_err_name(err), reason);
    crdt_buf_clear(&bytes);
    return copy;
}

/* The same elements in the same order, dead ones too. */
static void check_same(const crdt_store *a, const crdt_store *b)
{
    crdt_buf    x, y;
    const char *reason = "";
    CHECK_MSG(crdt_store_check(b, &reason), "%s", reason);
    print_into(a, &x);
    print_into(b, &y);
    CHECK_EQ_MEM(y.data, y.size, x.data, x.size);
    crdt_buf_clear(&x);
    crdt_buf_clear(&y);
    const crdt__seq *p = seq_of(a), *q = seq_of(b);
    CHECK_EQ_INT(q->atoms.count, p->atoms.count);
    CHECK_EQ_INT(q->atoms.voids, p->atoms.voids);
    if (p->classic) CHECK_EQ_INT(q->lamport, p->lamport);
    crdt__place i = {p->order.first, 0, 0}, k = {q->order.first, 0, 0};
    while (crdt__order_settle(&i)) {
        CHECK(crdt__order_settle(&k));
        crdt__elem e = crdt__seq_elem(p, crdt__order_cid(i));
        crdt__elem f = crdt__seq_elem(q, crdt__order_cid(k));
        CHECK(e.replica == f.replica && e.ctr == f.ctr);
        CHECK_EQ_INT(k.leaf->spans[k.index].dead, i.leaf->spans[i.index].dead);
        i.offset++;
        k.offset++;
    }
    CHECK(!crdt__order_settle(&k));
    CHECK(same_bytes(a, b));
}

/* -- Built at once as row after row ------------------------------------------------------------ */

static const char *const pieces[] = {"a",        "bc",  "def",           "ghijklmnopqrstuvwxyz",
                                     "\xc3\xa9", "x\n", "0\xe2\x82\xac", "\xf0\x9f\x98\x80"};

static void edit(crdt_store *s, const crdt_type *type, uint64_t *random)
{
    const crdt__seq *seq = seq_of(s);
    uint64_t         length = seq == NULL ? 0 : crdt__seq_visible(seq);
    uint64_t         pos = random_below(random, 3) == 0 ? 0 : random_below(random, length + 1);
    if (length > 0 && random_below(random, 3) == 0) {
        pos = random_below(random, length);
        uint64_t n = 1 + random_below(random, 4);
        DO(s, "", type, "delete", (int)pos, (int)(n < length - pos ? n : length - pos));
    } else if (length > 0 && !is_text(type) && random_below(random, 5) == 0) {
        DO(s, "", type, "set", (int)(pos == length ? 0 : pos), "set");
    } else {
        DO(s, "", type, "insert", (int)pos, pieces[random_below(random, 8)]);
    }
}

/* So much that it may be told as a whole. */
static void begin_with_many(crdt_store *s, const crdt_type *type)
{
    char text[301];
    memset(text, 'm', 300);
    text[300] = '\0';
    crdt_value args[2] = {crdt_int(0), crdt_text(is_text(type) ? text : "v")};
    crdt_txn  *txn = begin(s);
    for (int i = 0; i < (is_text(type) ? 1 : 300); i++) {
        CHECK_OK(crdt_txn_apply(txn, CRDT_SOLO, &type->ops[0], args, 2));
        args[0].i++;
    }
    crdt_store_free(commit(s));
    CHECK(crdt__snap_fits(seq_of(s)));
}

static uint64_t id_of(unsigned i)
{
    return i % 2 == 0 ? 10 + i : UINT64_MAX - i;
}

static void stabilise(crdt_store *s, const crdt_store *by)
{
    CHECK_OK(crdt_store_stabilise(s, crdt_store_context(by)));
}

/* Everyone has everything; then what was stable half-way is forgotten. */
static void settle(crdt_store **stores, const crdt_store *half)
{
    for (unsigned i = 1; i < REPLICAS; i++) join(stores[0], stores[i]);
    for (unsigned i = 1; i < REPLICAS; i++) join(stores[i], stores[0]);
    for (unsigned i = 0; i < REPLICAS; i++) {
        check_same(stores[0], stores[i]);
        crdt_store *read = read_again(stores[i], 99);
        check_same(stores[i], read);
        stabilise(read, half);
        crdt_store *again = read_again(read, 98);
        check_same(read, again);
        stabilise(again, again);
        crdt_store *last = read_again(again, 97);
        check_same(again, last);
        free_all(read, again, last, NULL);
    }
}

static void session(const crdt_type *type, uint64_t *random, unsigned steps)
{
    crdt_store *stores[REPLICAS], *half = NULL;
    for (unsigned i = 0; i < REPLICAS; i++) stores[i] = solo_of(type, id_of(i));
    if (random_below(random, 3) > 0) begin_with_many(stores[0], type);
    for (unsigned i = 1; i < REPLICAS; i++) join(stores[i], stores[0]);
    for (unsigned step = 0; step < steps; step++) {
        unsigned a = (unsigned)random_below(random, REPLICAS);
        edit(stores[a], type, random);
        unsigned from = (unsigned)random_below(random, REPLICAS);
        if (from != a && random_below(random, 2) == 0) join(stores[a], stores[from]);
        if (random_below(random, 8) == 0) { /* it goes on from what was read */
            crdt_store *read = read_again(stores[a], id_of(a));
            check_same(stores[a], read);
            crdt_store_free(stores[a]);
            stores[a] = read;
        }
        if (step == steps / 2) half = read_again(stores[a], 96);
    }
    settle(stores, half);
    for (unsigned i = 0; i < REPLICAS; i++) crdt_store_free(stores[i]);
    crdt_store_free(half);
}

TEST(seq_snap, built_at_once_as_row_after_row)
{
    uint64_t random = seed_or(5);
    for (unsigned round = 0; round < (T_SLOW ? 12 : 120); round++) {
        session(types[round % 4], &random, 4 + (unsigned)random_below(&random, 150));
    }
}

/* Very many at one place, each with others around it. */
TEST(seq_snap, many_siblings)
{
    uint64_t random = seed_or(6);
    for (unsigned t = 0; t < 4; t++) {
        crdt_store *all = solo_of(types[t], 1);
        begin_with_many(all, types[t]);
        crdt_store *start = read_again(all, 2);
        for (unsigned i = 0; i < 200; i++) {
            crdt_store *s = read_again(start, next_random(&random) | 1);
            int         pos = (int)random_below(&random, 4) % (is_text(types[t]) ? 4 : 2);
            DO(s, "", types[t], "insert", pos, i % 3 == 0 ? "abc" : "d");
            DO(s, "", types[t], "insert", pos, "e");
            if (i % 5 == 0) DO(s, "", types[t], "delete", 0, 1);
            join(all, s);
            crdt_store_free(s);
        }
        crdt_store *read = read_again(all, 3);
        check_same(all, read);
        free_all(all, start, read, NULL);
    }
}

/* -- Which form -------------------------------------------------------------------------------- */

TEST(seq_snap, what_is_nearly_all_dead_is_told_in_rows)
{
    crdt_store *s = solo_of(&crdt_text_type, 1);
    char        text[4097];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    for (int i = 0; i < 64; i++) DO(s, "", &crdt_text_type, "insert", i * 4096, text);
    crdt_store *read = read_again(s, 2);
    check_same(s, read);
    CHECK(crdt__snap_fits(seq_of(read)));
    DO(s, "", &crdt_text_type, "delete", 0, 64 * 4096 - 3);
    stabilise(s, s);
    CHECK(!crdt__snap_fits(seq_of(s)));
    crdt_store *dead = read_again(s, 2);
    check_same(s, dead);
    CHECK(encoded_size(s) < 200);
    free_all(s, read, dead, NULL);
}

/* -- Bytes that nobody wrote ------------------------------------------------------------------- */

/* Decoded within the bounds; what is taken is what would be written. */
static bool is_taken(const crdt_store *like, crdt_view in)
{
    testmem     m;
    crdt_store *s;
    crdt_buf    again;
    const char *reason = NULL;
    testmem_init(&m);
    m.bytes_max = 8 * in.size + 65536;
    crdt_options o = options_of(like, 7, &m.mem);
    crdt_err     err = crdt_store_decode(&o, in, &s, &reason);
    if (err != CRDT_OK) {
        CHECK(err != CRDT_ENOMEM && reason != NULL);
        TESTMEM_DONE(&m);
        return false;
    }
    m.bytes_max = SIZE_MAX;
    CHECK_MSG(crdt_store_check(s, &reason), "%s", reason);
    again = bytes_of(s);
    CHECK_EQ_MEM(again.data, again.size, in.data, in.size);
    crdt_buf_clear(&again);
    crdt_store_free(s);
    TESTMEM_DONE(&m);
    return true;
}

TEST(seq_snap, damaged_bytes_are_refused_or_mean_what_they_say)
{
    uint64_t random = seed_or(8);
    unsigned taken = 0;
    for (unsigned t = 0; t < 4; t++) {
        crdt_store *stores[2] = {solo_of(types[t], 1), solo_of(types[t], 2)};
        begin_with_many(stores[0], types[t]);
        join(stores[1], stores[0]);
        for (unsigned i = 0; i < 60; i++) {
            edit(stores[i % 2], types[t], &random);
            if (i % 7 == 0) join(stores[i % 2], stores[1 - i % 2]);
            if (i == 30) stabilise(stores[0], stores[0]);
        }
        crdt_buf bytes = bytes_of(stores[0]);
        CHECK(is_taken(stores[0], crdt_buf_bytes(&bytes)));
        for (size_t n = 0; n < bytes.size; n++) {
            CHECK(!is_taken(stores[0], crdt_view_of(bytes.data, n)));
        }
        for (size_t i = 0; i < bytes.size; i++) {
            uint8_t was = bytes.data[i];
            for (unsigned k = 0; k < (T_SLOW ? 2 : 10); k++) {
                bytes.data[i] = k < 8 ? was ^ (uint8_t)(1u << k) : (uint8_t)next_random(&random);
                taken += is_taken(stores[0], crdt_buf_bytes(&bytes)) && bytes.data[i] != was;
            }
            bytes.data[i] = was;
        }
        crdt_buf_clear(&bytes);
        free_all(stores[0], stores[1], NULL);
    }
    CHECK(taken > 0); /* letters of the text, and so on */
}

/* Peak memory of decoding, for histories that make the most of few bytes. */
static void check_memory(const crdt_store *s, const char *what)
{
    testmem     m;
    crdt_store *read;
    crdt_buf    bytes = bytes_of(s);
    testmem_init(&m);
    crdt_options o = options_of(s, 7, &m.mem);
    CHECK_OK(crdt_store_decode(&o, crdt_buf_bytes(&bytes), &read, NULL));
    printf("%s: %zu bytes, held %zu, peak %zu (%.2f)\n", what, bytes.size, m.bytes, m.peak,
           (double)m.peak / (double)bytes.size);
    CHECK_MSG(m.peak <= 8 * bytes.size + 65536, "%s: %zu for %zu", what, m.peak, bytes.size);
    crdt_store_free(read);
    crdt_buf_clear(&bytes);
}

static void type_many(crdt_store *s, unsigned n, unsigned how, uint64_t *random)
{
    crdt_txn      *txn = begin(s);
    crdt_text_edit e;
    CHECK_OK(crdt_text_open(txn, CRDT_SOLO, &crdt_text_type, &e));
    for (unsigned i = 0; i < n; i++) {
        uint64_t pos = i / 2;
        if (how == 0) pos = 0;
        if (how == 1) pos = random_below(random, i + 1);
        if (how == 3) pos = i * 2 + 1;
        CHECK_OK(crdt_text_insert(&e, CRDT_CODE_POINTS, pos, crdt_text_view("x")));
    }
    crdt_store_free(commit(s));
}

static const char *thousand(void)
{
    static char text[1001];
    memset(text, 'x', 1000);
    return text;
}

TEST(seq_snap, decoding_keeps_to_its_memory)
{
    static const char *const names[] = {"before all", "anywhere", "in the middle", "in all gaps"};
    uint64_t                 random = seed_or(9);
    unsigned                 n = T_SLOW ? 2000 : 40000;
    for (unsigned how = 0; how < 4; how++) {
        crdt_store *s = solo_of(&crdt_text_type, 1);
        for (unsigned i = 0; how == 3 && i < n / 1000; i++) {
            DO(s, "", &crdt_text_type, "insert", 0, thousand());
        }
        type_many(s, n, how, &random);
        check_memory(s, names[how]);
        crdt_store_free(s);
    }
    /* Sizes at which arrays have just grown, or are full. */
    static const unsigned sizes[] = {26900, 27900, 33500, 41800, 46000, 58000, 64000, 80000};
    for (unsigned i = 0; !T_SLOW && i < sizeof sizes / sizeof *sizes; i++) {
        crdt_store *s = solo_of(&crdt_text_type, 1);
        type_many(s, sizes[i], 2, &random);
        check_memory(s, names[2]);
        crdt_store_free(s);
    }
    crdt_store *s = solo_of(&crdt_text_type, 1);
    for (unsigned i = 0; i < n / 1000; i++) DO(s, "", &crdt_text_type, "insert", 0, thousand());
    for (unsigned i = 0; i < n / 4; i++) DO(s, "", &crdt_text_type, "delete", (int)i + 1, 1);
    check_memory(s, "every second deleted");
    stabilise(s, s);
    check_memory(s, "and forgotten");
    crdt_store_free(s);
}

/* -- The text alone ---------------------------------------------------------------------------- */

static void check_peek(const crdt_store *s, const crdt_type *type, crdt_view in, const char *text)
{
    crdt_options o = options_of(s, 0, NULL);
    crdt_buf     out;
    const char  *reason = "";
    crdt_buf_init(&out, NULL);
    crdt_err err = crdt_text_peek(&o, in, CRDT_SOLO, type, &out, &reason);
    CHECK_MSG(err == CRDT_OK, "%s: %s", crdt_err_name(err), reason);
    CHECK_EQ_MEM(out.data, out.size, text, strlen(text));
    crdt_buf_clear(&out);
}

TEST(seq_snap, a_text_is_shown_before_it_is_decoded)
{
    crdt_store *s = solo_of(&crdt_text_type, 1);
    DO(s, "", &crdt_text_type, "insert", 0, "h\xc3\xa9llo world");
    DO(s, "", &crdt_text_type, "delete", 5, 6);
    crdt_buf bytes = bytes_of(s), out;
    check_peek(s, &crdt_text_type, crdt_buf_bytes(&bytes), "h\xc3\xa9llo"); /* by decoding */
    crdt_buf_clear(&bytes);
    DO(s, "", &crdt_text_type, "delete", 2, 3);
    DO(s, "", &crdt_text_type, "insert", 2, thousand());
    bytes = bytes_of(s);
    char text[1010];
    snprintf(text, sizeof text, "h\xc3\xa9%s", thousand());
    check_peek(s, &crdt_text_type, crdt_buf_bytes(&bytes), text);
    crdt_options o = options_of(s, 0, NULL);
    const char  *reason = NULL;
    crdt_buf_init(&out, NULL);
    crdt_view in = crdt_buf_bytes(&bytes);
    CHECK_ERR(crdt_text_peek(&o, in, CRDT_SOLO, &crdt_rga_type, &out, &reason), CRDT_EINVAL);
    CHECK_ERR(crdt_text_peek(&o, in, name_of("other"), &crdt_text_type, &out, &reason),
              CRDT_ENOENT);
    for (size_t n = 0; n < bytes.size; n++) { /* cut short: refused, or all that shows is there */
        crdt_buf_reset(&out);
        crdt_err err =
            crdt_text_peek(&o, crdt_view_of(in.data, n), CRDT_SOLO, &crdt_text_type, &out, &reason);
        CHECK_MSG(err == CRDT_EMALFORMED && reason != NULL, "%zu: %s", n, crdt_err_name(err));
        CHECK_EQ_INT(out.size, 0);
    }
    uint8_t *accent = memchr(bytes.data, 0xc3, bytes.size);
    CHECK(accent != NULL);
    accent[1] = 'x';
    CHECK_ERR(crdt_text_peek(&o, in, CRDT_SOLO, &crdt_text_type, &out, &reason), CRDT_EMALFORMED);
    crdt_buf_clear(&out);
    crdt_buf_clear(&bytes);
    crdt_store_free(s);
}

TEST(seq_snap, a_named_text_among_others_is_shown)
{
    crdt_store *s = store_of(1);
    DO(s, "a", &crdt_orset_type, "add", "x");
    DO(s, "b", &crdt_text_type, "insert", 0, "one");
    DO(s, "c", &crdt_text_classic_type, "insert", 0, "two");
    crdt_store_free(apply(s, "d", &crdt_text_type, "insert", 0, "three"));
    remove_name(s, "d");
    crdt_options o = crdt_options_default(0, crdt_types_builtin());
    crdt_buf     bytes = bytes_of(s), out;
    crdt_view    in = crdt_buf_bytes(&bytes);
    crdt_buf_init(&out, NULL);
    CHECK_OK(crdt_text_peek(&o, in, name_of("b"), &crdt_text_type, &out, NULL));
    CHECK_OK(crdt_text_peek(&o, in, name_of("c"), &crdt_text_classic_type, &out, NULL));
    CHECK_OK(crdt_text_peek(&o, in, name_of("d"), &crdt_text_type, &out, NULL)); /* all deleted */
    CHECK_EQ_MEM(out.data, out.size, "onetwo", 6);
    CHECK_ERR(crdt_text_peek(&o, in, name_of("a"), &crdt_text_type, &out, NULL), CRDT_ENOENT);
    CHECK_ERR(crdt_text_peek(&o, in, name_of("b"), &crdt_text_classic_type, &out, NULL),
              CRDT_ENOENT);
    crdt_buf_clear(&out);
    crdt_buf_clear(&bytes);
    crdt_store_free(s);
}
