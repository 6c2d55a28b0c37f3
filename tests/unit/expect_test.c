/* expect_test.c: hints of what will be looked up (crdt_store_expect_in). Whatever is asked, they
 * change nothing and read only what is there. */
#include <stdio.h>
#include <string.h>

#include "crdt/types.h"
#include "tests/lib/random.h"
#include "tests/lib/stores.h"
#include "tests/lib/t.h"

#define ASKED 40u /* more than are taken at once */
#define TEXT 48u

typedef struct asked {
    char       text[ASKED][TEXT];
    crdt_value of[ASKED];
} asked;

/* Elements: numbers, and texts that begin alike. */
static crdt_value element(uint64_t n, char *text)
{
    if (n % 3 == 0) return crdt_int((int64_t)n);
    if (n % 3 == 1) snprintf(text, TEXT, "member:%llu", (unsigned long long)n);
    else snprintf(text, TEXT, "member:%llu:a longer one", (unsigned long long)n);
    return crdt_text(text);
}

/* Some are there, some are not; keys that are shorter, and beside what all begin with. */
static size_t draw(asked *a, uint64_t *random, uint64_t most)
{
    static const char *const odd[] = {"", "m", "member:", "zebra", "a", "member:\xff"};
    size_t                   count = (size_t)random_below(random, ASKED + 1);
    for (size_t i = 0; i < count; i++) {
        uint64_t n = random_below(random, most * 2);
        a->of[i] = random_below(random, 5) == 0 ? crdt_text(odd[n % 6]) : element(n, a->text[i]);
    }
    return count;
}

static void add(crdt_txn *txn, const char *name, const crdt_type *type, crdt_value v)
{
    crdt_view path;
    if (type == &crdt_orset_type) {
        CHECK_OK(crdt_orset_add(txn, name_of(name), v));
        return;
    }
    if (v.kind == CRDT_INT) return;
    path = v.bytes;
    CHECK_OK(crdt_ormap_enter(txn, name_of(name), type, NULL, 0));
    CHECK_OK(crdt_cell_set(txn, path, crdt_int(1)));
    crdt_ormap_leave(txn);
}

static void expect_what_is_drawn(crdt_store *s, const char *name, uint64_t *random, uint64_t most)
{
    asked    a;
    crdt_buf before, after;
    crdt_buf_init(&before, NULL);
    crdt_buf_init(&after, NULL);
    CHECK_OK(crdt_store_encode(s, &before));
    for (int round = 0; round < 200; round++) {
        size_t count = draw(&a, random, most);
        crdt_store_expect_in(s, name_of(name), a.of, count);
    }
    CHECK_OK(crdt_store_encode(s, &after));
    CHECK_EQ_MEM(after.data, after.size, before.data, before.size);
    crdt_buf_clear(&before);
    crdt_buf_clear(&after);
}

/* Of every size up to large ones, and after removals. */
static void grow(const char *name, const crdt_type *type, uint64_t most)
{
    uint64_t    random = seed_or(5);
    crdt_store *s = store_of(1);
    char        text[TEXT];
    crdt_store_expect_in(s, name_of(name), NULL, 0);
    for (uint64_t n = 0, next = 1; n < most; n++) {
        crdt_txn *txn = begin(s);
        add(txn, name, type, element(n, text));
        crdt_store_free(commit(s));
        if (n != next) continue;
        next *= 4;
        expect_what_is_drawn(s, name, &random, most);
    }
    check_store(s);
    crdt_store_free(s);
}

TEST(expect, elements_of_sets_of_any_size)
{
    grow("set", &crdt_orset_type, 5000);
}

TEST(expect, keys_of_maps_of_any_size)
{
    grow("map", &crdt_ormap_type, 5000);
    grow("map", &crdt_ormap_rw_type, 300);
}

/* A type without such a hint, and a name that is not there. */
TEST(expect, of_what_has_no_elements_is_nothing)
{
    crdt_store *s = store_of(1);
    crdt_value  v = crdt_int(1);
    crdt_txn   *txn = begin(s);
    CHECK_OK(crdt_cell_set(txn, name_of("cell"), crdt_int(1)));
    crdt_store_free(commit(s));
    crdt_store_expect_in(s, name_of("cell"), &v, 1);
    crdt_store_expect_in(s, name_of("nothing"), &v, 1);
    check_store(s);
    crdt_store_free(s);
}
