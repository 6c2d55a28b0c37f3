/* ormap_foreign_test.c: maps that hold objects of a type that a store in the middle does not know
 * (rule R8): it keeps them as they came, and those who know the type end as if they had talked to
 * each other. The new type is a register of another id.
 */
#include <stdio.h>
#include <string.h>

#include "crdt/core/sibs.h"
#include "tests/lib/relays.h"
#include "tests/lib/testmem.h"

#define A 1
#define B 2
#define R 3

/* -- A type that is new, and who knows it ------------------------------------------------------ */

static const crdt_type *memo(void)
{
    static crdt_type type;
    if (type.id == 0) {
        type = crdt_mvreg_type;
        type.id = 0x8001;
        type.name = "memo";
    }
    return &type;
}

static crdt_err memo_set(crdt_txn *txn, crdt_view key, crdt_value value)
{
    static const crdt__shape shape = {CRDT__NO_STAMPS, CRDT__ANY_VALUES, false, NULL};
    crdt_target              target;
    crdt_err                 err = crdt_target_open(txn, key, memo(), &target);
    return err == CRDT_OK ? crdt__sibs_write(&shape, &target, &value) : err;
}

static const crdt_types *new_types(void)
{
    static const crdt_type *list[64];
    static crdt_types       types = {list, 0};
    const crdt_types       *builtin = crdt_types_builtin();
    if (types.count == 0) {
        memcpy(list, builtin->list, builtin->count * sizeof *list);
        list[builtin->count] = memo();
        types.count = builtin->count + 1;
    }
    return &types;
}

static crdt_store *knower(uint64_t replica)
{
    return store_with(new_types(), replica, NULL);
}

static crdt_store *relay(const crdt_mem *mem)
{
    return store_with(crdt_types_builtin(), R, mem);
}

/* -- Short words ------------------------------------------------------------------------------- */

/* Under "m": a key, or a key of the map at a key. */
static crdt_txn *enter(crdt_store *s, const crdt_type *map, const char *in)
{
    crdt_view path = in == NULL ? CRDT_SOLO : name_of(in);
    crdt_txn *txn = begin(s);
    CHECK_OK(crdt_ormap_enter(txn, name_of("m"), map, &path, in != NULL));
    return txn;
}

static void set_memo(crdt_store *s, const char *in, const char *key, const char *value)
{
    CHECK_OK(memo_set(enter(s, &crdt_ormap_type, in), name_of(key), crdt_text(value)));
    crdt_store_free(commit(s));
}

static void set(crdt_store *s, const char *in, const char *key, const char *value)
{
    CHECK_OK(crdt_mvreg_set(enter(s, &crdt_ormap_type, in), name_of(key), crdt_text(value)));
    crdt_store_free(commit(s));
}

static crdt_err take(crdt_store *s, const char *in, const char *key)
{
    crdt_view path[2] = {name_of(in == NULL ? key : in), name_of(key)};
    crdt_err  err =
        crdt_ormap_remove(begin(s), name_of("m"), &crdt_ormap_type, path, in == NULL ? 1 : 2);
    if (err == CRDT_OK) crdt_store_free(commit(s));
    else crdt_store_rollback(s);
    return err;
}

/* -- What a relay does ------------------------------------------------------------------------- */

TEST(ormap_foreign, an_unknown_entry_is_kept_and_the_others_are_used)
{
    crdt_store *a = knower(A), *r = relay(NULL), *b = knower(B);
    set(a, NULL, "known", "1");
    set_memo(a, NULL, "new", "x");
    set_memo(a, "in", "new", "y");
    give(r, copy_of(a));
    CHECK_EQ_STR(shown(r, "m"), "{\"in\": ormap {\"new\": opaque (unknown type)}, "
                                "\"known\": mvreg [\"1\"], \"new\": opaque (unknown type)}");
    crdt_ref ref;
    CHECK_OK(crdt_store_find(r, name_of("m"), &crdt_ormap_type, &ref));
    CHECK(crdt_ormap_type_at(ref, name_of("known"), 0) == &crdt_mvreg_type);
    CHECK_EQ_STR(crdt_ormap_type_at(ref, name_of("new"), 0)->name, "opaque");
    CHECK(same_digest(a, r, crdt_types_builtin()));
    set(r, NULL, "known", "2");
    set(r, "in", "beside", "3");
    give(b, copy_of(r));
    CHECK_EQ_STR(shown(b, "m"),
                 "{\"in\": ormap {\"beside\": mvreg [\"3\"], \"new\": memo [\"y\"]}, "
                 "\"known\": mvreg [\"2\"], \"new\": memo [\"x\"]}");
    give(a, copy_of(r));
    CHECK(same_bytes(a, b));
    CHECK(same_digest(a, r, crdt_types_builtin()));
    free_all(a, r, b, NULL);
}

TEST(ormap_foreign, deltas_pass_a_relay_one_by_one)
{
    crdt_store *a = knower(A), *r = relay(NULL), *b = knower(B);
    set_memo(a, NULL, "k", "1");
    give(r, since(a, r));
    set_memo(a, NULL, "k", "2"); /* over the first */
    set_memo(a, "in", "k", "3");
    give(r, since(a, r));
    give(b, since(r, b));
    CHECK_EQ_STR(shown(b, "m"), "{\"in\": ormap {\"k\": memo [\"3\"]}, \"k\": memo [\"2\"]}");
    CHECK(same_bytes(a, b));
    free_all(a, r, b, NULL);
}

/* The digests of slots tell joins what to pass over: those of maps, too, in which only an unknown
 * entry differs. */
TEST(ormap_foreign, a_join_of_relays_does_not_pass_over_what_only_others_can_read)
{
    crdt_store *a = knower(A), *b = knower(B), *r = relay(NULL), *q = relay(NULL);
    set(a, "in", "known", "1");
    set_memo(a, "in", "k", "a");
    give(b, copy_of(a));
    give(r, copy_of(a));
    give(q, copy_of(a));
    set_memo(b, "in", "k", "b");
    give(q, copy_of(b));
    CHECK(
        crdt_digest_equal(crdt_store_digest(b, crdt_types_builtin()), crdt_store_digest(q, NULL)));
    give(r, copy_of(q));
    give(a, copy_of(r));
    CHECK_EQ_STR(shown(a, "m"), "{\"in\": ormap {\"k\": memo [\"b\"], \"known\": mvreg [\"1\"]}}");
    CHECK(same_bytes(a, b));
    free_all(a, b, r, q, NULL);
}

TEST(ormap_foreign, a_removal_passes_a_relay_told_or_by_silence)
{
    for (int silent = 0; silent < 2; silent++) {
        crdt_store *a = knower(A), *r = relay(NULL), *b = knower(B);
        set_memo(a, NULL, "k", "1");
        set_memo(a, "in", "k", "2");
        set(a, NULL, "other", "3");
        give(r, copy_of(a));
        give(b, copy_of(r));
        CHECK_OK(take(a, NULL, "k"));
        CHECK_OK(take(a, "in", "k"));
        give(r, silent ? copy_of(a) : since(a, r));
        CHECK(same_digest(a, r, crdt_types_builtin()));
        give(b, copy_of(r));
        CHECK(same_bytes(a, b));
        CHECK_EQ_STR(shown(b, "m"), shown(a, "m"));
        free_all(a, r, b, NULL);
    }
}

/* Nobody here knows what was seen; so nothing is taken away, and the transaction goes on. */
TEST(ormap_foreign, what_cannot_be_read_cannot_be_removed)
{
    crdt_store *a = knower(A), *r = relay(NULL);
    set_memo(a, "in", "k", "1");
    set(a, "in", "other", "2");
    set(a, NULL, "first", "3");
    give(r, copy_of(a));
    crdt_store *before = copy_of(r);
    CHECK_ERR(take(r, "in", "k"), CRDT_ETYPE);
    CHECK_ERR(take(r, NULL, "in"), CRDT_ETYPE);
    crdt_view path = name_of("in");
    crdt_txn *txn = begin(r);
    CHECK_ERR(crdt_txn_remove(txn, name_of("m")), CRDT_ETYPE);
    CHECK_ERR(crdt_ormap_remove(txn, name_of("m"), &crdt_ormap_type, &path, 1), CRDT_ETYPE);
    crdt_store_rollback(r);
    CHECK(same_bytes(r, before));
    CHECK_OK(take(r, "in", "other"));
    CHECK_OK(take(r, NULL, "first"));
    CHECK_EQ_STR(shown(r, "m"), "{\"in\": ormap {\"k\": opaque (unknown type)}}");
    free_all(a, r, before, NULL);
}

/* Neither a map by itself nor one in a store that knows no map loses it. */
TEST(ormap_foreign, a_relay_that_knows_no_map_either_keeps_all)
{
    static const crdt_type *const list[] = {&crdt_lww_type};
    static const crdt_types       types = {list, 1};
    crdt_store *a = knower(A), *r = relay(NULL), *q = store_with(&types, 9, NULL), *b = knower(B);
    set_memo(a, NULL, "k", "1");
    set(a, "in", "x", "1");
    give(r, copy_of(a));
    set(r, NULL, "own", "2");
    give(q, copy_of(r)); /* fragments in a body that is kept verbatim */
    set_memo(a, "in", "k", "3");
    CHECK_OK(take(a, NULL, "k"));
    give(q, since(a, q));
    give(a, copy_of(r));
    give(b, copy_of(q));
    CHECK(same_bytes(a, b));
    crdt_store *late = relay(NULL);
    give(late, copy_of(q)); /* it knows maps, and still not memos */
    CHECK(same_digest(late, a, crdt_types_builtin()));
    crdt_store *c = knower(4);
    give(c, copy_of(late));
    CHECK(same_bytes(c, a));
    free_all(a, r, q, b, late, c, NULL);
}

TEST(ormap_foreign, a_map_that_stands_alone_keeps_it)
{
    crdt_options o = crdt_options_default(A, new_types());
    crdt_store  *a, *back, *r = solo_of(&crdt_ormap_type, R);
    o.solo = &crdt_ormap_type;
    CHECK_OK(crdt_store_new(&o, &a));
    crdt_txn *txn = begin(a);
    CHECK_OK(crdt_ormap_enter(txn, CRDT_SOLO, &crdt_ormap_type, NULL, 0));
    CHECK_OK(memo_set(txn, name_of("k"), crdt_text("1")));
    crdt_store_free(commit(a));
    give(r, copy_of(a));
    DO(r, "", &crdt_ormap_type, "set", "l", "2");
    give(a, copy_of(r));
    back = read_as(a, r);
    CHECK(same_bytes(a, back));
    CHECK_EQ_STR(shown(a, ""), "{\"k\": memo [\"1\"], \"l\": mvreg [\"2\"]}");
    free_all(a, r, back, NULL);
}

/* -- Removals that leave a mark ---------------------------------------------------------------- */

TEST(ormap_foreign, a_relay_never_collects_what_it_cannot_read)
{
    crdt_store      *a = knower(A), *r = relay(NULL), *b = knower(B);
    const crdt_type *map = &crdt_ormap_rw_type;
    crdt_view        path = name_of("in");
    CHECK_OK(memo_set(enter(a, map, "in"), name_of("k"), crdt_text("1")));
    crdt_store_free(commit(a));
    give(b, copy_of(a));
    CHECK_OK(memo_set(enter(b, map, "in"), name_of("k"), crdt_text("2")));
    crdt_store_free(commit(b));
    CHECK_OK(crdt_ormap_remove(begin(a), name_of("m"), map, &path, 1));
    crdt_store_free(commit(a));
    give(r, copy_of(a));
    CHECK_OK(crdt_store_stabilise(r, crdt_store_context(r)));
    check_store(r);
    give(r, copy_of(b));
    give(a, copy_of(b));
    give(b, copy_of(r));
    CHECK_OK(crdt_store_stabilise(a, crdt_store_context(r)));
    CHECK_EQ_STR(shown(b, "m"), shown(a, "m"));
    free_all(a, r, b, NULL);
}

/* -- Repair ------------------------------------------------------------------------------------ */

/* An object with such an entry is not replaced: its fragments belong to their store. */
TEST(ormap_foreign, repair_refuses_and_changes_nothing)
{
    crdt_store *a = knower(A), *r = relay(NULL);
    crdt_buf    bytes;
    set_memo(a, NULL, "k", "1");
    give(r, copy_of(a));
    crdt_store *before = copy_of(r);
    crdt_buf_init(&bytes, NULL);
    CHECK_OK(crdt_store_object_encode(a, name_of("m"), crdt_ormap_type.id, &bytes));
    CHECK_ERR(
        crdt_store_object_replace(r, name_of("m"), crdt_ormap_type.id, crdt_buf_bytes(&bytes)),
        CRDT_ETYPE);
    CHECK(same_bytes(r, before));
    crdt_buf_clear(&bytes);
    free_all(a, r, before, NULL);
}

/* -- Bytes ------------------------------------------------------------------------------------- */

static const char *hex_of(const crdt_store *s)
{
    static char text[600];
    crdt_buf    bytes;
    crdt_buf_init(&bytes, NULL);
    CHECK_OK(crdt_store_encode(s, &bytes));
    CHECK(bytes.size * 2 < sizeof text);
    for (size_t i = 0; i < bytes.size; i++) snprintf(text + 2 * i, 3, "%02x", bytes.data[i]);
    crdt_buf_clear(&bytes);
    return text;
}

TEST(ormap_foreign, its_bytes_are_these)
{
    crdt_store *a = knower(A), *r = relay(NULL);
    set_memo(a, NULL, "k", "v");
    give(r, copy_of(a));
    CHECK_EQ_STR(hex_of(r),
                 "c7010101010000000000000001000302000001016d160101000101000068e5cf8b012901016b8180"
                 "0601000202000068e5cf8b01170101010000000000000001000302020000050100030276");
    free_all(a, r, NULL);
}

/* Every byte of what a relay tells, changed and cut off: refused, or sound. */
TEST(ormap_foreign, damaged_bytes_are_refused_or_sound)
{
    crdt_store *a = knower(A), *b = knower(B), *r = relay(NULL), *read;
    crdt_buf    bytes;
    crdt_buf_init(&bytes, NULL);
    set_memo(a, NULL, "k", "v");
    give(r, copy_of(a));
    give(b, copy_of(a));
    set_memo(b, "in", "k", "w");
    CHECK_OK(take(b, NULL, "k"));
    give(r, copy_of(b));
    CHECK_OK(crdt_store_encode(r, &bytes));
    for (int knows = 0; knows < 2; knows++) {
        const crdt_store *like = knows ? a : r;
        for (size_t i = 0; i < bytes.size; i++) {
            crdt_view cut = crdt_view_of(bytes.data, i);
            CHECK(crdt_delta_decode(like, cut, &read, NULL) != CRDT_OK);
            for (int bit = 0; bit < 8; bit++) {
                bytes.data[i] ^= (uint8_t)(1 << bit);
                crdt_err err = crdt_delta_decode(like, crdt_buf_bytes(&bytes), &read, NULL);
                bytes.data[i] ^= (uint8_t)(1 << bit);
                if (err != CRDT_OK) continue;
                check_store(read);
                check_recodes(read);
                crdt_store_free(read);
            }
        }
    }
    crdt_buf_clear(&bytes);
    free_all(a, b, r, NULL);
}

/* -- Refused memory ---------------------------------------------------------------------------- */

TEST(ormap_foreign, every_failing_allocation_leaves_the_relay_unchanged)
{
    crdt_store *a = knower(A), *news, *before;
    testmem     m;
    crdt_buf    bytes;
    testmem_init(&m);
    crdt_buf_init(&bytes, NULL);
    crdt_store *r = relay(&m.mem);
    set_memo(a, NULL, "k", "1");
    set_memo(a, "in", "k", "2");
    give(r, copy_of(a));
    set_memo(a, "in", "k", "3");
    CHECK_OK(take(a, NULL, "k"));
    set_memo(a, NULL, "l", "4");
    CHECK_OK(crdt_store_encode(a, &bytes));
    before = read_as(r, r);
    for (uint64_t n = 1;; n++) {
        testmem_fail_nth(&m, n);
        crdt_err err = crdt_delta_decode(r, crdt_buf_bytes(&bytes), &news, NULL);
        if (err == CRDT_OK) err = crdt_store_join(r, news, NOW);
        else news = NULL;
        bool refused = testmem_refused(&m);
        testmem_fail_never(&m);
        crdt_store_free(news);
        if (!refused) break;
        CHECK_ERR(err, CRDT_ENOMEM);
        check_store(r);
        CHECK(same_bytes(r, before));
    }
    crdt_buf_clear(&bytes);
    free_all(before, a, r, NULL);
    TESTMEM_DONE(&m);
}

TEST(ormap_foreign, every_failing_allocation_of_a_rebuild_leaves_nothing)
{
    crdt_store *a = knower(A), *b = knower(B), *r = relay(NULL), *read;
    testmem     m;
    crdt_buf    bytes;
    testmem_init(&m);
    crdt_buf_init(&bytes, NULL);
    set_memo(a, "in", "k", "1");
    give(b, copy_of(a));
    set_memo(b, "in", "k", "2");
    give(r, copy_of(b));
    set_memo(a, "in", "k", "3");
    give(r, copy_of(a));
    CHECK_OK(crdt_store_encode(r, &bytes));
    crdt_options o = crdt_options_default(0, new_types());
    o.mem = &m.mem;
    for (uint64_t n = 1;; n++) {
        testmem_fail_nth(&m, n);
        crdt_err err = crdt_store_decode(&o, crdt_buf_bytes(&bytes), &read, NULL);
        bool     refused = testmem_refused(&m);
        testmem_fail_never(&m);
        if (err == CRDT_OK) crdt_store_free(read);
        else CHECK_ERR(err, CRDT_ENOMEM);
        TESTMEM_DONE(&m);
        if (!refused) break;
    }
    crdt_buf_clear(&bytes);
    free_all(a, b, r, NULL);
}

/* -- Random histories -------------------------------------------------------------------------- */

static void write_some(relays_world *w, crdt_txn *txn)
{
    static const char *const keys[] = {"a", "b", "c"};
    for (uint64_t n = 1 + relays_below(w, 2); n > 0; n--) {
        const char *in = relays_below(w, 2) ? keys[relays_below(w, 2)] : NULL;
        const char *key = keys[relays_below(w, 3)];
        crdt_view   path[2] = {name_of(in == NULL ? key : in), name_of(key)};
        crdt_err    err;
        if (relays_below(w, 3) == 0) {
            err = crdt_ormap_remove(txn, name_of("m"), &crdt_ormap_type, path, in == NULL ? 1 : 2);
        } else {
            CHECK_OK(crdt_ormap_enter(txn, name_of("m"), &crdt_ormap_type, path, in != NULL));
            crdt_value value = crdt_int((int64_t)relays_below(w, 100));
            if (relays_below(w, 3) == 0) err = crdt_mvreg_set(txn, name_of(key), value);
            else err = memo_set(txn, name_of(key), value);
        }
        CHECK(err == CRDT_OK || err == CRDT_ETYPE || err == CRDT_ENOENT);
    }
}

TEST(ormap_foreign, authors_agree_who_meet_by_ignorant_relays_only)
{
    relays_play(&(relays_kind){new_types(), crdt_types_builtin(), write_some, T_SLOW ? 20 : 250});
}
