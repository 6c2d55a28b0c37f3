/* decode_memory_test.c: whatever the bytes, decode takes at most 8 times their number and 64 KiB;
 * and what it left as bytes to stay within that is, to whoever looks, no different. */
#include <stdio.h>
#include <string.h>

#include "tests/lib/stores.h"
#include "tests/lib/t.h"
#include "tests/lib/testmem.h"

/* -- Decoding within the bound ----------------------------------------------------------------- */

/* A store that knows registers only, and one that knows all. */
static const crdt_types *few_types(void)
{
    static const crdt_type *const list[] = {&crdt_lww_type};
    static const crdt_types       types = {list, 1};
    return &types;
}

static size_t names_in(const crdt_store *store)
{
    crdt_store_iter it = crdt_store_iterate(store);
    crdt_view       name;
    crdt_ref        ref;
    size_t          count = 0;
    while (crdt_store_next(&it, &name, &ref)) count++;
    CHECK_OK(it.err);
    return count;
}

/* Decode within the bound. same: the bytes are the only form of what they tell. */
static void check_bytes(const crdt_types *types, crdt_view in, bool same, const char *what)
{
    testmem     m;
    crdt_store *read;
    const char *reason = "";
    testmem_init(&m);
    crdt_options o = crdt_options_default(0, types);
    o.mem = &m.mem;
    crdt_err err = crdt_store_decode(&o, in, &read, &reason);
    CHECK_MSG(err == CRDT_OK, "%s: %s: %s", what, crdt_err_name(err), reason);
    CHECK_MSG(m.peak <= 8 * in.size + 65536, "%s: %zu bytes for %zu", what, m.peak, in.size);
    size_t   count = crdt_store_count(read);
    crdt_buf out;
    CHECK_EQ_INT(names_in(read), count);
    CHECK_EQ_INT(crdt_store_count(read), count);
    check_store(read);
    crdt_buf_init(&out, NULL);
    CHECK_OK(crdt_store_encode(read, &out));
    if (same) CHECK_EQ_MEM(out.data, out.size, in.data, in.size);
    crdt_buf_clear(&out);
    crdt_store_free(read);
    TESTMEM_DONE(&m);
}

/* As those read it who know its types, and those who do not. */
static void check_both(const crdt_store *store, const char *what)
{
    crdt_buf bytes;
    crdt_buf_init(&bytes, NULL);
    CHECK_OK(crdt_store_encode(store, &bytes));
    check_bytes(crdt_types_builtin(), crdt_buf_bytes(&bytes), true, what);
    check_bytes(few_types(), crdt_buf_bytes(&bytes), false, what);
    crdt_buf_clear(&bytes);
}

/* -- Shapes of every type ---------------------------------------------------------------------- */

typedef crdt_err (*writer)(crdt_txn *txn, crdt_view name, const crdt_type *type, int round);

static bool short_run; /* a test that needs fewer objects says so */

static int objects_of(const crdt_type *type)
{
    if (T_SLOW || short_run) return 700;
    return type->undo != NULL ? 1000 : 5000; /* sequences are slower */
}

/* In one transaction for all objects, which have the shortest names. */
static crdt_delta *write_all(crdt_store *store, const crdt_type *type, writer write, int round)
{
    int       objects = objects_of(type);
    crdt_txn *txn = begin(store);
    for (int i = 0; i < objects; i++) {
        uint8_t name[2] = {(uint8_t)(i >> 8), (uint8_t)i};
        CHECK_OK(write(txn, crdt_view_of(name, 2), type, round));
    }
    return commit(store);
}

/* The type's first operation, with the least arguments that change something in this round. */
static crdt_err write_little(crdt_txn *txn, crdt_view name, const crdt_type *type, int round)
{
    const crdt_op *op = &type->ops[0];
    crdt_value     args[CRDT_OP_ARGS_MAX];
    for (size_t i = 0; op->args[i] != 0; i++) {
        args[i] = crdt_int(op->args[i] == 'p' ? 0 : 1 + round);
        if (op->args[i] == 'b') args[i] = crdt_text("x");
        if (op->args[i] == 'd') args[i] = crdt_text(round == 0 ? "1" : "2");
        if (op->args[i] == 'c') args[i] = crdt_text(i == 0 ? "start" : "end");
        if (type == &crdt_min_type) args[i] = crdt_int(2 - round);
    }
    return crdt_txn_apply(txn, name, op, args, strlen(op->args));
}

static crdt_err create(crdt_txn *txn, crdt_view name, const crdt_type *type, int round)
{
    if (type->beside) return write_little(txn, name, type, round); /* it cannot be created */
    return crdt_txn_create(txn, name, type);
}

static crdt_err empty(crdt_txn *txn, crdt_view name, const crdt_type *type, int round)
{
    (void)round;
    crdt_value all[] = {crdt_text("start"), crdt_text("end"), crdt_text("x")};
    if (type == &crdt_marks_type) {
        return crdt_txn_apply(txn, name, crdt_type_op(type, "unmark"), all, 3);
    }
    if (type->beside) return crdt_txn_apply(txn, name, crdt_type_op(type, "clear"), NULL, 0);
    if (type == &crdt_audit_type) return crdt_audit_retain(txn, name, name, UINT64_MAX, 1);
    return crdt_txn_remove(txn, name);
}

static void check_since(const crdt_store *store, const crdt_store *holder, const char *what)
{
    crdt_delta *since;
    CHECK_OK(crdt_store_since(store, crdt_store_context(holder), &since));
    check_both(since, what);
    crdt_store_free(since);
}

/* What was written after all removed it: content without presence, in a state. */
static void check_survivors(const crdt_type *type)
{
    crdt_store *a = store_of(1), *b = store_of(2);
    crdt_delta *first = write_all(a, type, write_little, 0);
    join(b, first);
    crdt_delta *removed = write_all(b, type, empty, 0);
    crdt_delta *again = write_all(a, type, write_little, 1);
    join(b, again);
    CHECK_OK(crdt_store_merge(removed, again));
    check_both(b, "survivors");
    check_both(removed, "a group");
    free_all(a, b, first, removed, again, NULL);
}

static void check_shapes(const crdt_type *type)
{
    crdt_store *a = store_of(1), *none = store_of(2);
    crdt_delta *created = write_all(a, type, create, 0);
    check_both(a, "presence only");
    check_both(created, "a delta of presence only");
    crdt_delta *first = write_all(a, type, write_little, 0);
    check_both(a, "a state");
    check_both(first, "a delta without presence");
    check_since(a, a, "kept");
    check_since(a, none, "all since nothing");
    crdt_store *holder;
    CHECK_OK(crdt_store_clone(a, 3, &holder));
    crdt_delta *second = write_all(a, type, write_little, 1);
    check_since(a, holder, "some kept, some new");
    crdt_delta *emptied = write_all(a, type, empty, 0);
    check_both(emptied, "emptied");
    check_both(a, "removed");
    check_since(a, holder, "removed since");
    free_all(a, none, created, first, second, holder, emptied, NULL);
    check_survivors(type);
}

TEST(decode_memory, bound_holds_for_many_small_objects_of_every_type)
{
    const crdt_types *types = crdt_types_builtin();
    for (size_t i = 0; i < types->count; i++) check_shapes(types->list[i]);
}

/* -- One large object of every type ------------------------------------------------------------ */

/* The i-th of many small operations; false: the type's own table has none such. */
static bool write_one(crdt_txn *txn, crdt_view name, const crdt_type *type, unsigned i)
{
    const crdt_op *op = &type->ops[i % 7 == 6 ? 1 % type->ops_count : 0];
    crdt_value     args[CRDT_OP_ARGS_MAX];
    uint8_t        text[2] = {(uint8_t)(i >> 8), (uint8_t)i};
    for (size_t a = 0; op->args[a] != 0; a++) {
        bool bytes = op->args[a] == 'b' ||
                     (op->args[a] == 'v' && type != &crdt_max_type && type != &crdt_min_type);
        args[a] = bytes ? crdt_bytes(text, 2) : crdt_int(op->args[a] == 'p' ? 0 : 1 + (int)i);
        if (op->args[a] == 'n') args[a] = crdt_int(1);
        if (op->args[a] == 'd' || op->args[a] == 'r') args[a] = crdt_text("1");
        bool is_text = type == &crdt_text_type || type == &crdt_text_classic_type;
        if (is_text && op->args[a] == 'b') args[a] = crdt_text("x");
    }
    crdt_err err = crdt_txn_apply(txn, name, op, args, strlen(op->args));
    return err == CRDT_OK || err == CRDT_EINVAL || err == CRDT_ERIGHTS || err == CRDT_ERANGE;
}

static size_t peak_of(const crdt_store *what, const crdt_options *like, size_t *ret_size)
{
    testmem      m;
    crdt_store  *read;
    crdt_buf     bytes;
    crdt_options o = *like;
    testmem_init(&m);
    crdt_buf_init(&bytes, NULL);
    CHECK_OK(crdt_store_encode(what, &bytes));
    o.mem = &m.mem;
    CHECK_OK(crdt_store_decode(&o, crdt_buf_bytes(&bytes), &read, NULL));
    size_t peak = m.peak; /* what is left as bytes takes more once it is looked at */
    CHECK(same_bytes(read, what));
    crdt_store_free(read);
    *ret_size = bytes.size;
    crdt_buf_clear(&bytes);
    TESTMEM_DONE(&m);
    return peak;
}

static void check_one(const crdt_store *what, const crdt_options *o, const crdt_type *type,
                      const char *shape, size_t each)
{
    size_t size, peak = peak_of(what, o, &size);
    CHECK_MSG(peak <= each * size + 65536, "%s, %s: %zu bytes for %zu", type->name, shape, peak,
              size);
    printf("%-13s %-10s %8zu bytes: %.1f each\n", type->name, shape, size,
           (double)(peak > 65536 ? peak - 65536 : 0) / (double)size);
}

/* By several replicas: a state, a delta of many operations, one since nothing, what empties it. */
static void check_large(const crdt_type *type)
{
    enum { WRITES = T_SLOW ? 300 : 3000, WRITERS = 3 };
    crdt_options o = crdt_options_default(0, NULL);
    crdt_store  *all = solo_of(type, 9), *none = solo_of(type, 8), *since;
    o.solo = type;
    for (unsigned r = 1; r <= WRITERS; r++) {
        crdt_store *s = solo_of(type, r);
        crdt_txn   *txn = begin(s);
        for (unsigned i = 0; i < WRITES; i++) CHECK(write_one(txn, CRDT_SOLO, type, i * r));
        crdt_delta *delta = commit(s);
        check_one(delta, &o, type, "delta", 8);
        join(all, delta);
        free_all(s, delta, NULL);
    }
    check_one(all, &o, type, "state", 8);
    CHECK_OK(crdt_store_since(all, crdt_store_context(none), &since));
    check_one(since, &o, type, "since", 8);
    crdt_txn *txn = begin(all);
    crdt_err  err = type->beside ? crdt_txn_remove(txn, CRDT_SOLO) : empty(txn, CRDT_SOLO, type, 0);
    CHECK(err == CRDT_OK || err == CRDT_ENOENT);
    crdt_delta *emptied = commit(all);
    check_one(emptied, &o, type, "emptied", 8);
    check_one(all, &o, type, "empty", 8);
    free_all(all, none, since, emptied, NULL);
}

TEST(decode_memory, bound_holds_for_one_large_object_of_every_type)
{
    const crdt_types *types = crdt_types_builtin();
    for (size_t i = 0; i < types->count; i++) check_large(types->list[i]);
}

/* -- Fragments --------------------------------------------------------------------------------- */

static void give(crdt_store *to, const crdt_store *what)
{
    crdt_buf    buf;
    crdt_delta *read;
    crdt_buf_init(&buf, NULL);
    CHECK_OK(crdt_store_encode(what, &buf));
    CHECK_OK(crdt_delta_decode(to, crdt_buf_bytes(&buf), &read, NULL));
    join(to, read);
    crdt_store_free(read);
    crdt_buf_clear(&buf);
}

static crdt_store *relay_of(void)
{
    crdt_options o = crdt_options_default(0, few_types());
    crdt_store  *relay;
    CHECK_OK(crdt_store_new(&o, &relay));
    return relay;
}

/* What a relay keeps as fragments has another form where the types are known. */
static void check_relay(const crdt_store *relay, const char *what)
{
    crdt_buf bytes;
    crdt_buf_init(&bytes, NULL);
    CHECK_OK(crdt_store_encode(relay, &bytes));
    check_bytes(few_types(), crdt_buf_bytes(&bytes), true, what);
    check_bytes(crdt_types_builtin(), crdt_buf_bytes(&bytes), false, what);
    crdt_buf_clear(&bytes);
}

/* Several fragments an object, of few origins. */
static void check_fragments(const crdt_type *type)
{
    crdt_store *a = store_of(1), *relay = relay_of();
    give(relay, a);
    for (int round = 0; round < 3; round++) {
        crdt_delta *delta = write_all(a, type, round < 2 ? write_little : empty, round);
        give(relay, delta);
        check_relay(relay, "a relay's fragments");
        crdt_store_free(delta);
    }
    free_all(a, relay, NULL);
}

TEST(decode_memory, bound_holds_for_fragments_of_every_type)
{
    const crdt_types *types = crdt_types_builtin();
    short_run = true;
    for (size_t i = 0; i < types->count; i++) {
        if (types->list[i] != &crdt_lww_type) check_fragments(types->list[i]);
    }
    short_run = false;
}

/* Each fragment of an origin of its own; in one object, or in as many. */
static void check_origins(bool one_object)
{
    enum { REPLICAS = T_SLOW ? 500 : 2000 };
    crdt_store *relay = relay_of();
    for (unsigned i = 0; i < REPLICAS; i++) {
        crdt_store *a = store_of(1 + i);
        char        name[8];
        snprintf(name, sizeof name, "%x", one_object ? 0 : i);
        crdt_delta *delta = apply(a, name, &crdt_gset_type, "add", "x");
        give(relay, delta);
        free_all(a, delta, NULL);
    }
    check_relay(relay, one_object ? "many origins of one object" : "many origins");
    crdt_store_free(relay);
}

TEST(decode_memory, bound_holds_for_many_origins)
{
    check_origins(true);
    check_origins(false);
}

/* -- Bytes that nobody writes ------------------------------------------------------------------ */

static void put_head(crdt_buf *out, unsigned kind, uint64_t ids)
{
    static const uint8_t head[] = {0xC7, 1};
    crdt_buf_init(out, NULL);
    crdt_buf_put(out, head, sizeof head);
    crdt_buf_byte(out, (uint8_t)kind);
    crdt_buf_varint(out, ids);
    for (uint64_t i = 0; i < ids; i++) crdt_buf_u64(out, 7 + i);
    static const uint8_t context[] = {1, 0, 3, 99}; /* its dots 1 to 100 */
    crdt_buf_put(out, context, sizeof context);
}

/* The shortest objects there are: without name and body, each of another type that is unknown. */
TEST(decode_memory, bound_holds_for_objects_without_name_and_body)
{
    crdt_buf out;
    put_head(&out, 2, 1);
    crdt_buf_varint(&out, 0); /* the author's place */
    crdt_buf_varint(&out, 100);
    enum { FIRST = 100, LAST = T_SLOW ? 3000 : 20000 };
    crdt_buf_varint(&out, LAST - FIRST + 1);
    for (unsigned id = FIRST; id <= LAST; id++) {
        crdt_buf_varint(&out, 0);
        crdt_buf_varint(&out, id);
        crdt_buf_byte(&out, 0);
        crdt_buf_varint(&out, 0);
    }
    check_bytes(crdt_types_builtin(), crdt_buf_bytes(&out), true, "types without name and body");
    crdt_buf_clear(&out);
}

static void put_flag(crdt_buf *out, unsigned name, unsigned id)
{
    uint8_t              bytes[2] = {(uint8_t)(name >> 8), (uint8_t)name};
    static const uint8_t body[] = {1, 0, 2};
    crdt_buf_view(out, crdt_view_of(bytes, 2));
    crdt_buf_varint(out, id);
    crdt_buf_byte(out, 0);
    crdt_buf_view(out, crdt_view_of(body, sizeof body));
}

/* The shortest objects with content, all under one dot, in a state. */
static void put_flags(crdt_buf *out, uint64_t ids)
{
    put_head(out, 1, ids);
    crdt_buf_varint(out, 0); /* no cut, nobody retired */
    crdt_buf_varint(out, 0);
    enum { NAMES = T_SLOW ? 3000 : 20000 };
    crdt_buf_varint(out, 2 * NAMES);
    for (unsigned name = 0; name < NAMES; name++) {
        put_flag(out, name, crdt_ewflag_type.id);
        put_flag(out, name, crdt_dwflag_type.id);
    }
}

/* An id that nothing uses is refused, also where the objects that might have used it are gone. */
TEST(decode_memory, unused_ids_are_refused_where_objects_are_left_as_bytes)
{
    crdt_buf     out;
    crdt_store  *read;
    const char  *reason = "";
    crdt_options o = crdt_options_default(0, crdt_types_builtin());
    put_flags(&out, 2);
    CHECK_ERR(crdt_store_decode(&o, crdt_buf_bytes(&out), &read, &reason), CRDT_EMALFORMED);
    CHECK_EQ_STR(reason, "an unused replica id");
    crdt_buf_clear(&out);
}

TEST(decode_memory, bound_holds_for_the_shortest_content)
{
    crdt_buf out;
    put_flags(&out, 1);
    check_bytes(crdt_types_builtin(), crdt_buf_bytes(&out), true, "flags");
    crdt_buf_clear(&out);
}

/* Few origins, long: their contexts alone take eight times their bytes. */
TEST(decode_memory, bound_holds_for_long_origins)
{
    enum { RUNS = T_SLOW ? 2000 : 50000, ORIGINS = 3 };
    crdt_buf out, body;
    crdt_buf_init(&body, NULL);
    put_head(&out, 1 | 16, 1);
    crdt_buf_varint(&out, 0);
    crdt_buf_varint(&out, 0);
    crdt_buf_varint(&out, ORIGINS);
    for (unsigned origin = 0; origin < ORIGINS; origin++) {
        crdt_buf_varint(&out, 1);
        crdt_buf_u64(&out, 7 + origin);
        crdt_buf_varint(&out, 1);
        crdt_buf_varint(&out, 0);
        crdt_buf_varint(&out, RUNS << 1 | 1);
        for (unsigned run = 0; run < RUNS; run++) {
            if (run > 0) crdt_buf_put(&out, "\0\0", 2); /* the least gap */
            crdt_buf_varint(&out, 0);
        }
    }
    crdt_buf_varint(&out, 1);
    crdt_buf_view(&out, crdt_text_view("f"));
    crdt_buf_varint(&out, crdt_ewflag_type.id);
    crdt_buf_byte(&out, 4);
    crdt_buf_varint(&body, ORIGINS << 1);
    for (unsigned origin = 0; origin < ORIGINS; origin++) {
        static const uint8_t flag[] = {1, 0, 2}, none[] = {0};
        crdt_buf_varint(&body, origin);
        crdt_buf_varint(&body, 0);
        crdt_buf_view(&body, origin == 0 ? crdt_view_of(flag, 3) : crdt_view_of(none, 1));
    }
    crdt_buf_view(&out, crdt_buf_bytes(&body));
    check_bytes(crdt_types_builtin(), crdt_buf_bytes(&out), false, "long origins");
    check_bytes(few_types(), crdt_buf_bytes(&out), true, "long origins of an unknown type");
    crdt_buf_clear(&body);
    crdt_buf_clear(&out);
}

/* -- What was left as bytes -------------------------------------------------------------------- */

/* Flags, enough of them that decode leaves them as bytes. */
enum { FLAGS = 700 };
static crdt_store *many_flags(uint64_t replica)
{
    crdt_buf     out;
    crdt_store  *store;
    crdt_options o = crdt_options_default(replica, crdt_types_builtin());
    put_head(&out, 1, 1);
    crdt_buf_varint(&out, 0);
    crdt_buf_varint(&out, 0);
    crdt_buf_varint(&out, FLAGS);
    for (unsigned name = 0; name < FLAGS; name++) put_flag(&out, name, crdt_ewflag_type.id);
    CHECK_OK(crdt_store_decode(&o, crdt_buf_bytes(&out), &store, NULL));
    crdt_buf_clear(&out);
    return store;
}

/* `store`, whose objects are still bytes, is the same as the one that it was encoded from. */
static crdt_store *packed(const crdt_store *from, testmem *m)
{
    crdt_buf    buf;
    crdt_store *read;
    crdt_buf_init(&buf, NULL);
    CHECK_OK(crdt_store_encode(from, &buf));
    crdt_options o = crdt_options_default(9, crdt_types_builtin());
    o.mem = &m->mem;
    o.track_changes = true;
    size_t before = m->bytes;
    CHECK_OK(crdt_store_decode(&o, crdt_buf_bytes(&buf), &read, NULL));
    CHECK(m->bytes - before <= 2 * buf.size + 2048); /* it did leave them */
    crdt_buf_clear(&buf);
    return read;
}

/* Each of these finds the objects there. */
TEST(decode_memory, whoever_looks_finds_what_was_left_as_bytes)
{
    crdt_store *kept = many_flags(1);
    DO(kept, "twice", &crdt_lww_type, "set", "a");
    DO(kept, "z", &crdt_orset_type, "add", "b");
    crdt_store *a = recoded(kept), *all = store_of(0);
    crdt_delta *since;
    CHECK_OK(crdt_store_since(a, crdt_store_context(all), &since));
    testmem m;
    testmem_init(&m);
    for (int how = 0; how < 14; how++) {
        crdt_store *s = packed(how == 13 ? since : a, &m), *other = store_of(2), *made = NULL;
        crdt_ref    ref;
        crdt_change change;
        crdt_order  order;
        crdt_buf    text;
        const char *reason = NULL;
        size_t      changes = 0;
        crdt_buf_init(&text, NULL);
        CHECK_EQ_INT(crdt_store_count(s), FLAGS + 2);
        switch (how) {
        case 0: CHECK_OK(crdt_store_find(s, name_of("z"), &crdt_orset_type, &ref)); break;
        case 1: CHECK_EQ_INT(names_in(s), FLAGS + 2); break;
        case 2: CHECK(crdt_store_type_at(s, name_of("z"), 0) == &crdt_orset_type); break;
        case 3: CHECK_EQ_INT(crdt_store_stats(s).elements, FLAGS + 2); break;
        case 4:
            CHECK(crdt_digest_equal(crdt_store_digest(s, NULL), crdt_store_digest(a, NULL)));
            break;
        case 5: CHECK(crdt_store_check(s, &reason)); break;
        case 6:
            crdt_store_print(s, &text);
            CHECK(text.size > FLAGS);
            break;
        case 7:
            while (crdt_store_next_change(s, &change)) changes++;
            CHECK_EQ_INT(changes, FLAGS + 2);
            break;
        case 8:
            DO(s, "z", &crdt_orset_type, "remove", "b");
            CHECK_EQ_STR(shown(s, "z"), "{}");
            break;
        case 9:
            CHECK_OK(crdt_store_stabilise(s, crdt_store_context(s)));
            CHECK_OK(crdt_store_retire(s, 77));
            break;
        case 10:
            CHECK_OK(crdt_store_clone(s, 5, &made));
            CHECK(same_bytes(made, a));
            break;
        case 11:
            CHECK_OK(crdt_store_compare(a, s, &order));
            CHECK_EQ_INT(order, CRDT_EQUAL);
            break;
        case 12:
            DO(other, "z", &crdt_orset_type, "add", "c");
            join(s, other); /* as the receiver */
            CHECK_EQ_STR(shown(s, "z"), "{\"b\", \"c\"}");
            break;
        default:
            join(other, s); /* as the giver */
            CHECK_EQ_STR(shown(other, "z"), "{\"b\"}");
            CHECK_EQ_INT(crdt_store_count(other), FLAGS + 2);
        }
        check_store(s);
        crdt_buf_clear(&text);
        free_all(s, other, made, NULL);
    }
    free_all(kept, a, all, since, NULL);
    TESTMEM_DONE(&m);
}

/* Two types that live under one name are one name, also where they are only counted. */
TEST(decode_memory, names_are_counted_once)
{
    crdt_store *a = many_flags(1), *b = store_of(2);
    crdt_txn   *txn = begin(b);
    for (int i = 0; i < FLAGS; i += 2) {
        uint8_t name[2] = {(uint8_t)(i >> 8), (uint8_t)i};
        CHECK_OK(crdt_dwflag_enable(txn, crdt_view_of(name, 2)));
    }
    crdt_store_free(commit(b));
    join(a, b);
    testmem m;
    testmem_init(&m);
    crdt_store *s = packed(a, &m);
    CHECK_EQ_INT(crdt_store_count(s), FLAGS);
    CHECK_EQ_INT(names_in(s), FLAGS);
    check_store(s);
    free_all(a, b, s, NULL);
    TESTMEM_DONE(&m);
}

/* Without memory to make the objects, each call says so; with it again, nothing is lost. */
TEST(decode_memory, every_failing_allocation_leaves_the_bytes)
{
    crdt_store *a = many_flags(1);
    testmem     m;
    crdt_buf    buf;
    testmem_init(&m);
    crdt_buf_init(&buf, NULL);
    CHECK_OK(crdt_store_encode(a, &buf));
    for (uint64_t n = 1;; n += 1 + n / (T_SLOW ? 2 : 30)) {
        crdt_store *s = packed(a, &m);
        crdt_buf    again;
        crdt_ref    ref;
        crdt_buf_init(&again, NULL);
        testmem_fail_from(&m, n);
        crdt_err err = crdt_store_find(s, name_of("zz"), NULL, &ref);
        bool     refused = testmem_refused(&m);
        if (err == CRDT_ENOMEM) {
            crdt_store_iter it = crdt_store_iterate(s);
            const char     *reason = NULL;
            crdt_view       name;
            crdt_digest     zero = {0, 0};
            CHECK(!crdt_store_next(&it, &name, &ref));
            CHECK_ERR(it.err, CRDT_ENOMEM);
            CHECK(crdt_digest_equal(crdt_store_digest(s, NULL), zero));
            CHECK(!crdt_store_check(s, &reason) && reason != NULL);
            CHECK(crdt_store_type_at(s, name_of("zz"), 0) == NULL);
            CHECK_ERR(crdt_store_encode(s, &again), CRDT_ENOMEM);
            crdt_store_print(s, &again);
            CHECK_ERR(crdt_buf_status(&again), CRDT_ENOMEM);
        }
        testmem_fail_never(&m);
        crdt_buf_clear(&again);
        CHECK_OK(crdt_store_encode(s, &again));
        CHECK_EQ_MEM(again.data, again.size, buf.data, buf.size);
        crdt_buf_clear(&again);
        crdt_store_free(s);
        if (!refused) break;
    }
    crdt_buf_clear(&buf);
    crdt_store_free(a);
    TESTMEM_DONE(&m);
}

TEST(decode_memory, every_failing_allocation_of_a_decode_leaves_nothing)
{
    crdt_store *a = many_flags(1), *read;
    testmem     m;
    crdt_buf    buf;
    testmem_init(&m);
    crdt_buf_init(&buf, NULL);
    CHECK_OK(crdt_store_encode(a, &buf));
    crdt_options o = crdt_options_default(0, crdt_types_builtin());
    o.mem = &m.mem;
    for (uint64_t n = 1;; n += T_SLOW ? 50 : 1) {
        testmem_fail_nth(&m, n);
        crdt_err err = crdt_store_decode(&o, crdt_buf_bytes(&buf), &read, NULL);
        bool     refused = testmem_refused(&m);
        testmem_fail_never(&m);
        if (err == CRDT_OK) crdt_store_free(read);
        else CHECK_ERR(err, CRDT_ENOMEM);
        TESTMEM_DONE(&m);
        if (!refused) break;
    }
    crdt_buf_clear(&buf);
    crdt_store_free(a);
}
