/* ormap_memory_test.c: what maps take when they are decoded: at most 8 times the bytes and 64 KiB,
 * whatever lies in them; and what decode left as bytes for that is, to whoever looks, no different.
 */
#include <string.h>

#include "tests/lib/stores.h"
#include "tests/lib/testmem.h"

#define A 1
#define B 2
#define ENTRIES (T_SLOW ? 1000 : 5000)

static crdt_options options_of(const crdt_store *like, testmem *m)
{
    const crdt_type *solo = crdt_store_knows(like, 0);
    bool             alone = crdt_store_knows(like, 1) == NULL;
    crdt_options     o = crdt_options_default(B, alone ? NULL : crdt_types_builtin());
    o.solo = alone ? solo : NULL;
    o.mem = m == NULL ? NULL : &m->mem;
    return o;
}

static crdt_buf bytes_of(const crdt_store *what)
{
    crdt_buf bytes;
    crdt_buf_init(&bytes, NULL);
    CHECK_OK(crdt_store_encode(what, &bytes));
    return bytes;
}

/* Decode within the bound; then look: nothing is different. *ret_left: it was left as bytes. */
static void check_decoding(const crdt_store *what, const char *name, bool *ret_left)
{
    testmem      m;
    crdt_store  *back;
    crdt_buf     bytes = bytes_of(what);
    crdt_options o = options_of(what, &m);
    testmem_init(&m);
    CHECK_OK(crdt_store_decode(&o, crdt_buf_bytes(&bytes), &back, NULL));
    CHECK_MSG(m.peak <= bytes.size * 8 + 65536, "%s: %zu bytes for %zu", name, m.peak, bytes.size);
    *ret_left = m.bytes <= 2 * bytes.size + 4096;
    check_store(back);
    CHECK(same_bytes(back, what));
    crdt_store_free(back);
    crdt_buf_clear(&bytes);
    TESTMEM_DONE(&m);
}

/* Empty objects of a type at many paths; then the delta that takes them away. */
static void check_empty_ones(crdt_store *s, crdt_view name, const crdt_type *type, size_t depth)
{
    crdt_view path[32];
    bool      left;
    crdt_txn *txn = begin(s);
    for (size_t i = 0; i < 32; i++) path[i] = name_of("");
    for (int i = 0; i < ENTRIES / (int)depth; i++) {
        char text[3] = {(char)(i / 100 + 1), (char)(i % 100 + 1), 0};
        path[0] = name_of(text);
        CHECK_OK(crdt_ormap_create(txn, name, &crdt_ormap_type, path, depth, type));
    }
    crdt_delta *made = commit(s);
    check_decoding(s, type->name, &left);
    check_decoding(made, type->name, &left);
    txn = begin(s);
    CHECK_OK(crdt_txn_remove(txn, name));
    crdt_delta *gone = commit(s);
    check_decoding(gone, type->name, &left);
    CHECK_MSG(left, "%s", type->name);
    free_all(s, made, gone, NULL);
}

TEST(ormap_memory, decoding_takes_at_most_eight_times_the_bytes)
{
    const crdt_types *types = crdt_types_builtin();
    for (size_t t = 0; t < types->count; t++) {
        if (types->list[t]->beside || types->list[t]->kept) continue;
        check_empty_ones(solo_of(&crdt_ormap_type, A), CRDT_SOLO, types->list[t], 1);
        check_empty_ones(store_of(A), name_of("m"), types->list[t], 1);
    }
    check_empty_ones(solo_of(&crdt_ormap_type, A), CRDT_SOLO, &crdt_ormap_type, 32);
    check_empty_ones(store_of(A), name_of("m"), &crdt_ormap_type, 32);
}

static crdt_store *registers(int count)
{
    crdt_store *s = solo_of(&crdt_ormap_type, A);
    crdt_txn   *txn = begin(s);
    CHECK_OK(crdt_ormap_enter(txn, CRDT_SOLO, &crdt_ormap_type, NULL, 0));
    for (int i = 0; i < count; i++) {
        uint8_t key[3] = {(uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i};
        CHECK_OK(crdt_mvreg_set(txn, crdt_view_of(key, 3), crdt_int(i)));
    }
    crdt_store_free(commit(s));
    return s;
}

/* Usual entries are there at once. */
TEST(ormap_memory, registers_are_not_left_as_bytes)
{
    crdt_store *s = registers(ENTRIES);
    bool        left;
    check_decoding(s, "registers", &left);
    CHECK(!left);
    crdt_store_free(s);
}

/* What a relay kept that knows no maps is needed at once: within the bound, or it is refused. */
TEST(ormap_memory, fragments_of_a_poor_map_are_refused_within_the_bound)
{
    static const crdt_type *const list[] = {&crdt_lww_type};
    static const crdt_types       few = {list, 1};
    for (int poor = 0; poor < 2; poor++) {
        crdt_store  *s = store_of(A), *relay, *read;
        testmem      m;
        crdt_options o = crdt_options_default(B, &few);
        crdt_txn    *txn = begin(s);
        testmem_init(&m);
        CHECK_OK(crdt_ormap_enter(txn, name_of("m"), &crdt_ormap_type, NULL, 0));
        for (int i = 0; i < ENTRIES; i++) {
            uint8_t   text[2] = {(uint8_t)(i >> 8), (uint8_t)i};
            crdt_view key = crdt_view_of(text, 2);
            if (!poor) CHECK_OK(crdt_mvreg_set(txn, key, crdt_int(i)));
            else {
                CHECK_OK(crdt_ormap_create(txn, name_of("m"), &crdt_ormap_type, &key, 1,
                                           &crdt_ormap_type));
            }
        }
        crdt_store_free(commit(s));
        crdt_buf bytes = bytes_of(s);
        CHECK_OK(crdt_store_decode(&o, crdt_buf_bytes(&bytes), &relay, NULL));
        crdt_buf_clear(&bytes);
        bytes = bytes_of(relay);
        o.types = crdt_types_builtin();
        o.mem = &m.mem;
        crdt_err err = crdt_store_decode(&o, crdt_buf_bytes(&bytes), &read, NULL);
        CHECK_ERR(err, poor ? CRDT_ELIMIT : CRDT_OK);
        CHECK_MSG(m.peak <= bytes.size * 8 + 65536, "%zu bytes for %zu", m.peak, bytes.size);
        if (err == CRDT_OK) CHECK(same_bytes(read, s));
        if (err == CRDT_OK) crdt_store_free(read);
        crdt_buf_clear(&bytes);
        free_all(s, relay, NULL);
        TESTMEM_DONE(&m);
    }
}

/* -- What is left as bytes is checked all the same --------------------------------------------- */

/* Of a map with many empty maps, which decode leaves as bytes. */
static crdt_store *many_maps(void)
{
    crdt_store *s = solo_of(&crdt_ormap_type, A);
    crdt_txn   *txn = begin(s);
    for (int i = 0; i < ENTRIES; i++) {
        uint8_t   text[2] = {(uint8_t)(i >> 8), (uint8_t)i};
        crdt_view key = crdt_view_of(text, 2);
        CHECK_OK(crdt_ormap_create(txn, CRDT_SOLO, &crdt_ormap_type, &key, 1, &crdt_ormap_type));
    }
    crdt_store_free(commit(s));
    return s;
}

static crdt_err decode(const crdt_store *like, crdt_view in, const char **ret_reason)
{
    crdt_store  *read;
    crdt_options o = options_of(like, NULL);
    crdt_err     err = crdt_store_decode(&o, in, &read, ret_reason);
    if (err == CRDT_OK) crdt_store_free(read);
    return err;
}

/* The byte at `at` becomes this one: refused, for that reason. */
static void check_damage(const crdt_store *s, crdt_buf *bytes, size_t at, uint8_t to,
                         const char *reason)
{
    const char *why = "";
    uint8_t     was = bytes->data[at];
    bytes->data[at] = to;
    CHECK_ERR(decode(s, crdt_buf_bytes(bytes), &why), CRDT_EMALFORMED);
    CHECK_EQ_STR(why, reason);
    bytes->data[at] = was;
}

/* An entry: size and key (3 bytes), type, one mark (its count, place, dot of 2 bytes, 8 of stamp),
 * body (size, and 1 byte). */
TEST(ormap_memory, damage_is_found_in_what_is_left_as_bytes)
{
    crdt_store *s = many_maps();
    crdt_buf    bytes = bytes_of(s);
    bool        left;
    size_t      at = 0;
    enum { SOME = ENTRIES - 7 };
    uint8_t key[4] = {2, SOME >> 8, (uint8_t)SOME, (uint8_t)crdt_ormap_type.id};
    check_decoding(s, "maps", &left);
    CHECK(left);
    for (size_t i = 0; i + 4 <= bytes.size; i++) {
        if (memcmp(bytes.data + i, key, 4) == 0) at = i;
    }
    CHECK(at > 0 && bytes.data[at + 4] == 1); /* marks */
    check_damage(s, &bytes, at + 1, 0, "a map's keys are out of order");
    check_damage(s, &bytes, at + 7, 0x7f, "a dot is outside the context");
    check_damage(s, &bytes, at + 5, 1, "replica outside the dictionary");
    bytes.size--;
    CHECK_ERR(decode(s, crdt_buf_bytes(&bytes), NULL), CRDT_EMALFORMED);
    crdt_buf_clear(&bytes);
    crdt_store_free(s);
}

/* Marks of another replica in front: an id that nothing uses would be refused, and none is. */
TEST(ormap_memory, ids_in_what_is_left_as_bytes_are_used)
{
    crdt_store *s = many_maps(), *b = solo_of(&crdt_ormap_type, B);
    crdt_view   key = name_of("");
    bool        left;
    CHECK_OK(crdt_ormap_create(begin(b), CRDT_SOLO, &crdt_ormap_type, &key, 1, &crdt_ewflag_type));
    crdt_delta *first = commit(b), *since;
    CHECK_OK(crdt_store_since(s, crdt_store_context(b), &since));
    join(s, first);
    check_decoding(s, "of two replicas", &left);
    CHECK(left);
    check_decoding(since, "since nothing", &left);
    CHECK(left);
    free_all(s, b, first, since, NULL);
}

/* -- Whoever looks finds it there -------------------------------------------------------------- */

static crdt_store *left_as_bytes(const crdt_store *from, testmem *m)
{
    crdt_store  *read;
    crdt_buf     bytes = bytes_of(from);
    crdt_options o = options_of(from, m);
    o.track_changes = true;
    CHECK_OK(crdt_store_decode(&o, crdt_buf_bytes(&bytes), &read, NULL));
    CHECK(m->bytes <= 2 * bytes.size + 4096);
    crdt_buf_clear(&bytes);
    return read;
}

static crdt_view key_of(int i, uint8_t text[2])
{
    text[0] = (uint8_t)(i >> 8);
    text[1] = (uint8_t)i;
    return crdt_view_of(text, 2);
}

TEST(ormap_memory, whoever_looks_finds_what_was_left_as_bytes)
{
    crdt_store *from = many_maps();
    testmem     m;
    testmem_init(&m);
    for (int how = 0; how < 8; how++) {
        crdt_store *s = left_as_bytes(from, &m), *other = NULL;
        crdt_view   name, key;
        crdt_ref    ref;
        uint8_t     text[2];
        crdt_order  order;
        crdt_change change;
        switch (how) {
        case 0: CHECK_EQ_INT(crdt_ormap_count(crdt_store_solo(s)), ENTRIES); break;
        case 1: CHECK_OK(crdt_store_find(s, CRDT_SOLO, NULL, &ref)); break;
        case 2:
            key = key_of(3, text);
            CHECK_OK(crdt_ormap_remove(begin(s), CRDT_SOLO, &crdt_ormap_type, &key, 1));
            crdt_store_free(commit(s));
            CHECK_EQ_INT(crdt_ormap_count(crdt_store_solo(s)), ENTRIES - 1);
            break;
        case 3: /* as the giver */
            other = solo_of(&crdt_ormap_type, 7);
            join(other, s);
            CHECK(same_bytes(other, from));
            break;
        case 4: /* as the receiver */
            join(s, from);
            CHECK(same_bytes(s, from));
            break;
        case 5:
            CHECK_OK(crdt_store_compare(s, from, &order));
            CHECK_EQ_INT(order, CRDT_EQUAL);
            break;
        case 6: {
            crdt_store_iter it = crdt_store_iterate(s);
            CHECK(crdt_store_next(&it, &name, &ref));
            CHECK_EQ_INT(crdt_ormap_count(ref), ENTRIES);
            break;
        }
        default:
            CHECK(crdt_digest_equal(crdt_store_digest(s, NULL), crdt_store_digest(from, NULL)));
            CHECK(crdt_store_next_change(s, &change) && !crdt_store_next_change(s, &change));
        }
        CHECK_EQ_INT(crdt_store_count(s), 1);
        check_store(s);
        free_all(s, other, NULL);
    }
    crdt_store_free(from);
    TESTMEM_DONE(&m);
}

/* Without memory to make it, a map reads as empty; with it again, nothing is lost. */
TEST(ormap_memory, refused_memory_leaves_the_bytes)
{
    crdt_store *from = many_maps();
    testmem     m;
    testmem_init(&m);
    for (uint64_t n = 1;; n += n) {
        crdt_store *s = left_as_bytes(from, &m);
        crdt_ref    ref;
        testmem_fail_from(&m, n);
        crdt_err err = crdt_store_find(s, CRDT_SOLO, NULL, &ref);
        bool     refused = testmem_refused(&m);
        CHECK(err == CRDT_OK || err == CRDT_ENOMEM);
        if (err == CRDT_ENOMEM) CHECK_EQ_INT(crdt_ormap_count(crdt_store_solo(s)), 0);
        testmem_fail_never(&m);
        CHECK_EQ_INT(crdt_ormap_count(crdt_store_solo(s)), ENTRIES);
        CHECK(same_bytes(s, from));
        check_store(s);
        crdt_store_free(s);
        if (!refused) break;
    }
    crdt_store_free(from);
    TESTMEM_DONE(&m);
}
