/* ormap_cut_test.c: what a removal hides is forgotten below a cut, before or after somebody writes
 * over the removal; and who hears of that by a delta since a context, or of a write that was none.
 */
#include "crdt/types.h"
#include "tests/lib/stores.h"
#include "tests/lib/t.h"

#define KINDS 5

static crdt_delta *write_kind(crdt_store *s, const crdt_type *type, int kind)
{
    switch (kind) {
    case 0: return apply(s, "", type, "count", "k", 1);
    case 1: return apply(s, "", type, "insert", "k", 0, "x");
    case 2: return apply(s, "", type, "add", "k", "x");
    case 3: return apply(s, "", type, "set_in", "k", "l", "x");
    default: return apply(s, "", type, "set", "k", "x");
    }
}

static void take(crdt_store *s, crdt_delta *delta)
{
    CHECK_OK(crdt_store_join(s, delta, NOW));
    check_store(s);
}

/* b removes what a wrote, and has not seen what c wrote; all hear of it. The cut covers all that.
 * a acts on it before it hears of b's write over the removal, b and c afterwards. */
static void over(const crdt_type *type, int kind)
{
    crdt_store  *a = solo_of(type, 1), *b = solo_of(type, 2), *c = solo_of(type, 3);
    crdt_context cut;
    crdt_context_init(&cut, NULL);
    crdt_delta *first = write_kind(a, type, kind), *beside = write_kind(c, type, kind);
    take(b, first);
    crdt_delta *gone = apply(b, "", type, "remove", "k");
    take(b, beside);
    join(c, b);
    join(a, b);
    CHECK_OK(crdt_context_copy(&cut, crdt_store_context(b)));
    CHECK_OK(crdt_store_stabilise(a, &cut));
    crdt_delta *over = write_kind(b, type, kind);
    take(a, over);
    take(c, over);
    CHECK_OK(crdt_store_stabilise(b, &cut));
    CHECK_OK(crdt_store_stabilise(c, &cut));
    CHECK_MSG(same_bytes(a, b) && same_bytes(a, c), "%s, %d: a reads %s, b %s", type->name, kind,
              shown(a, ""), shown(b, ""));
    crdt_context_clear(&cut);
    free_all(a, b, c, first, beside, gone, over, NULL);
}

TEST(ormap_cut, a_write_over_a_removal_is_the_same_before_a_cut_and_after_it)
{
    for (int kind = 0; kind < KINDS; kind++) {
        over(&crdt_ormap_rw_type, kind);
        over(&crdt_ormap_lww_type, kind);
    }
}

/* Whoever writes over a removal covers it, and the floors that he leaves bear its dot: c, who holds
 * the removal, is not told that it stays. */
static void since(const crdt_type *type, int kind)
{
    crdt_store *a = solo_of(type, 1), *b = solo_of(type, 2), *c = solo_of(type, 3), *part;
    crdt_delta *first = write_kind(a, type, kind);
    take(b, first);
    crdt_delta *gone = apply(b, "", type, "remove", "k"), *beside = write_kind(a, type, kind);
    join(b, a);
    join(a, b);
    join(c, b);
    crdt_delta *over = write_kind(b, type, kind);
    take(a, over);
    CHECK_OK(crdt_store_since(b, crdt_store_context(c), &part));
    take(c, part);
    CHECK_MSG(same_bytes(a, b) && same_bytes(a, c), "%s, %d: a reads %s, c %s", type->name, kind,
              shown(a, ""), shown(c, ""));
    free_all(a, b, c, first, beside, gone, over, part, NULL);
}

TEST(ormap_cut, a_write_over_a_removal_is_told_since_it)
{
    for (int kind = 0; kind < KINDS; kind++) {
        since(&crdt_ormap_rw_type, kind);
        since(&crdt_ormap_lww_type, kind);
    }
}

/* Counts, or takes back what was counted. */
static crdt_delta *count(crdt_store *s, const crdt_type *type, bool cell, bool back)
{
    crdt_txn *txn = begin(s);
    crdt_view k = name_of("k");
    CHECK_OK(crdt_ormap_enter(txn, CRDT_SOLO, type, NULL, 0));
    if (cell) CHECK_OK(back ? crdt_cell_clear(txn, k) : crdt_cell_incr(txn, k, 5));
    else CHECK_OK(back ? crdt_pncounter_reset(txn, k) : crdt_pncounter_inc(txn, k, 5));
    return commit(s);
}

/* b takes back what does not show: the removal stays, and what it hides goes. Its delta must be one
 * that others read. */
static void nothing_over(const crdt_type *type, bool cell, unsigned more)
{
    crdt_store *a = solo_of(type, 1), *b = solo_of(type, 2);
    crdt_delta *first = count(a, type, cell, false);
    take(b, first);
    crdt_delta *gone = apply(b, "", type, "remove", "k");
    for (; more > 0; more--) crdt_store_free(count(a, type, cell, false));
    join(b, a);
    join(a, b);
    crdt_delta *over = count(b, type, cell, true);
    check_store(b);
    check_store(over);
    crdt_store *copy = recoded(over);
    take(a, copy);
    CHECK_MSG(same_bytes(a, b), "%s: a reads %s, b %s", type->name, shown(a, ""), shown(b, ""));
    free_all(a, b, first, gone, over, copy, NULL);
}

TEST(ormap_cut, an_operation_on_what_is_hidden_that_writes_nothing_can_be_told)
{
    for (unsigned i = 0; i < 4; i++) {
        nothing_over(&crdt_ormap_rw_type, i % 2, 1 + i / 2);
        nothing_over(&crdt_ormap_lww_type, i % 2, 1 + i / 2);
    }
}
