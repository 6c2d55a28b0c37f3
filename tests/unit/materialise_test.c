/* materialise_test.c: outcomes written down: by several at once, one and the same record. */
#include <stdio.h>
#include <string.h>

#include "crdt/resolve.h"
#include "tests/lib/stores.h"
#include "tests/lib/testmem.h"

#define INTO "outcomes"
#define REPLICAS_MAX 5

static const crdt_path price = {{"price", 5}, NULL, 0};

static crdt_rules *rules_of(const crdt_mem *mem)
{
    crdt_rules *rules;
    CHECK_OK(crdt_rules_new(mem, &rules));
    CHECK_OK(crdt_rules_set(rules, &(crdt_pattern){price, false}, CRDT_UNION, NULL));
    return rules;
}

/* True if something was written. */
static bool write_down(crdt_store *s, const crdt_rules *r)
{
    bool wrote = false;
    CHECK_OK(crdt_materialise(begin(s), r, &price, name_of(INTO), &wrote));
    crdt_delta *delta = commit(s);
    CHECK_EQ_INT(crdt_store_is_empty(delta), !wrote);
    crdt_store_free(delta);
    return wrote;
}

/* Ids are compared as the bytes that a record begins with. */
static bool is_less(crdt_digest a, crdt_digest b)
{
    const uint64_t parts[2][2] = {{a.hi, a.lo}, {b.hi, b.lo}};
    uint8_t        bytes[2][16];
    for (size_t i = 0; i < 32; i++) {
        bytes[i / 16][i % 16] = (uint8_t)(parts[i / 16][i % 16 / 8] >> i % 8 * 8);
    }
    return memcmp(bytes[0], bytes[1], 16) < 0;
}

/* They come in order of ids, whoever wrote which first. */
static size_t records(const crdt_store *s)
{
    crdt_outcome o;
    crdt_digest  last = {0, 0};
    size_t       count = 0;
    while (crdt_materialised(s, name_of(INTO), &price, count, &o) == CRDT_OK) {
        CHECK_MSG(count == 0 || is_less(last, o.id), "record %zu is out of order", count);
        last = o.id;
        crdt_outcome_clear(&o);
        count++;
    }
    return count;
}

/* The values of the one record, "a b". */
static const char *written(const crdt_store *s)
{
    static char  text[200];
    crdt_outcome o;
    size_t       used = 0;
    if (records(s) != 1) return "not one";
    CHECK_OK(crdt_materialised(s, name_of(INTO), &price, 0, &o));
    text[0] = 0;
    for (size_t i = 0; i < o.count; i++) {
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%.*s", i > 0 ? " " : "",
                                 (int)o.items[i].value.bytes.size,
                                 (const char *)o.items[i].value.bytes.data);
    }
    crdt_outcome_clear(&o);
    return text;
}

static void put(crdt_store *s, const char *value)
{
    DO(s, "price", &crdt_mvreg_type, "set", value);
}

/* -- Several at once --------------------------------------------------------------------------- */

static void gossip(crdt_store **all, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < count; k++) {
            if (i != k) join(all[i], all[k]);
        }
    }
    for (size_t i = 1; i < count; i++) CHECK(same_bytes(all[0], all[i]));
}

/* Each replica writes a value, hears of some of the others and writes down what it sees; then all
 * hear of all, and do it again. From the second round on nobody writes. */
static void converge(size_t count)
{
    static const char *const values[REPLICAS_MAX] = {"a", "b", "c", "d", "e"};
    crdt_store              *all[REPLICAS_MAX];
    crdt_rules              *r = rules_of(NULL);
    crdt_outcome             o;
    size_t                   wrote = 0;
    for (size_t i = 0; i < count; i++) {
        all[i] = store_of(i + 1);
        put(all[i], values[i]);
    }
    for (size_t i = 0; i < count; i++) join(all[i], all[(i + 1) % count]);
    for (size_t i = 0; i < count; i++) wrote += write_down(all[i], r);
    CHECK_EQ_INT(wrote, count); /* round one: of what each has seen */
    gossip(all, count);
    CHECK(records(all[0]) > 1);
    wrote = 0;
    for (size_t i = 0; i < count; i++) wrote += write_down(all[i], r);
    CHECK_EQ_INT(wrote, count); /* round two: all do so at once, and write the same */
    gossip(all, count);
    CHECK_EQ_INT(records(all[0]), 1);
    CHECK_EQ_STR(written(all[0]), count == 3 ? "a b c" : "a b c d e");
    CHECK_OK(crdt_resolve(all[0], r, &price, &o));
    crdt_digest id = o.id;
    crdt_outcome_clear(&o);
    CHECK_OK(crdt_materialised(all[1], name_of(INTO), &price, 0, &o));
    CHECK(crdt_digest_equal(o.id, id));
    crdt_outcome_clear(&o);
    for (size_t i = 0; i < count; i++) CHECK(!write_down(all[i], r)); /* and that was all */
    for (size_t i = 0; i < count; i++) {
        check_store(all[i]);
        crdt_store_free(all[i]);
    }
    crdt_rules_free(r);
}

TEST(materialise, three_at_once_agree_in_two_rounds)
{
    converge(3);
}

TEST(materialise, five_at_once_agree_in_two_rounds)
{
    converge(5);
}

TEST(materialise, who_has_seen_the_same_writes_the_same_at_once)
{
    crdt_store *a = store_of(1), *b = store_of(2);
    crdt_rules *r = rules_of(NULL);
    put(a, "a");
    put(b, "b");
    join(a, b);
    join(b, a);
    CHECK(write_down(a, r) && write_down(b, r));
    join(a, b);
    CHECK_EQ_STR(written(a), "a b");
    CHECK(!write_down(a, r));
    crdt_rules_free(r);
    free_all(a, b, NULL);
}

/* -- When it is over --------------------------------------------------------------------------- */

TEST(materialise, a_record_goes_with_its_conflict)
{
    crdt_store  *a = store_of(1), *b = store_of(2);
    crdt_rules  *r = rules_of(NULL);
    crdt_outcome o;
    CHECK(!write_down(a, r)); /* nothing is there */
    put(a, "a");
    CHECK(!write_down(a, r)); /* nothing competes */
    put(b, "b");
    join(a, b);
    CHECK(write_down(a, r));
    put(a, "c");
    CHECK_EQ_STR(written(a), "a b"); /* until somebody looks */
    CHECK(write_down(a, r));
    CHECK_EQ_INT(records(a), 0);
    CHECK_ERR(crdt_materialised(a, name_of(INTO), &price, 0, &o), CRDT_ENOENT);
    put(b, "d");
    join(a, b);
    CHECK(write_down(a, r));
    CHECK_EQ_STR(written(a), "c d");
    remove_name(a, "price");
    CHECK(write_down(a, r));
    CHECK_EQ_INT(records(a), 0);
    crdt_rules_free(r);
    free_all(a, b, NULL);
}

/* -- Hostile records --------------------------------------------------------------------------- */

static crdt_err read_back(const uint8_t *record, size_t size)
{
    crdt_store  *s = store_of(1);
    crdt_outcome o;
    crdt_txn    *txn = begin(s);
    CHECK_OK(crdt_ormap_enter(txn, name_of(INTO), &crdt_ormap_type, NULL, 0));
    CHECK_OK(crdt_orset_add(txn, crdt_view_of("\0\5price", 7), crdt_bytes(record, size)));
    crdt_store_free(commit(s));
    crdt_err err = crdt_materialised(s, name_of(INTO), &price, 0, &o);
    if (err == CRDT_OK) crdt_outcome_clear(&o);
    crdt_store_free(s);
    return err;
}

TEST(materialise, records_that_are_none_are_malformed)
{
    uint8_t record[16 + 1 + 2 + 3] = {[16] = 1, [17] = 1, [18] = 'k', [19] = 3, [20] = 'v', 'v'};
    CHECK_OK(read_back(record, sizeof record));
    for (size_t size = 0; size < sizeof record; size++) {
        CHECK_ERR(read_back(record, size), CRDT_EMALFORMED);
    }
    uint8_t longer[sizeof record + 1] = {0};
    memcpy(longer, record, sizeof record);
    CHECK_ERR(read_back(longer, sizeof longer), CRDT_EMALFORMED);
    record[16] = 100;
    CHECK_ERR(read_back(record, sizeof record), CRDT_EMALFORMED);
    crdt_store  *s = store_of(1);
    crdt_outcome o;
    DO(s, INTO, &crdt_mvreg_type, "set", "no map");
    CHECK_ERR(crdt_materialised(s, name_of(INTO), &price, 0, &o), CRDT_ETYPE);
    crdt_store_free(s);
}

/* -- Memory ------------------------------------------------------------------------------------ */

TEST(materialise, every_refused_allocation_is_an_error_and_changes_nothing)
{
    crdt_store  *b = store_of(2), *a, *before;
    testmem      m;
    crdt_options options = crdt_options_default(1, crdt_types_builtin());
    testmem_init(&m);
    options.mem = &m.mem;
    CHECK_OK(crdt_store_new(&options, &a));
    crdt_rules *r = rules_of(&m.mem);
    put(a, "a");
    put(b, "b");
    join(a, b);
    CHECK(write_down(a, r));
    put(b, "c"); /* over b */
    join(a, b);
    CHECK_OK(crdt_store_clone(a, 1, &before));
    uint64_t n = 1;
    for (;; n++) {
        crdt_txn *txn;
        testmem_fail_nth(&m, n);
        crdt_err err = crdt_store_begin(a, NOW, &txn);
        if (err == CRDT_OK) err = crdt_materialise(txn, r, &price, name_of(INTO), NULL);
        crdt_store_rollback(a);
        if (!testmem_refused(&m)) {
            CHECK_OK(err);
            break;
        }
        CHECK_ERR(err, CRDT_ENOMEM);
        CHECK_EQ_STR(written(a), "a b");
    }
    CHECK(n > 10);
    testmem_fail_never(&m);
    CHECK(same_bytes(a, before));
    crdt_rules_free(r);
    free_all(a, b, before, NULL);
    TESTMEM_DONE(&m);
}
