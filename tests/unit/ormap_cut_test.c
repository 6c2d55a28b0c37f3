/* ormap_cut_test.c: what a removal hides is forgotten below a cut, before or after somebody writes
 * over the removal; and who hears of that by a delta since a context, or of a write that was none.
 */
#include <string.h>

#include "crdt/types.h"
#include "tests/lib/stores.h"
#include "tests/lib/t.h"

#define KINDS 5

static crdt_value arg_of(char letter, const char *word)
{
    switch (letter) {
    case 'r': return crdt_text("");
    case 'd': return crdt_text("1");
    case 'v':
    case 'b': return crdt_text(word);
    case 'p': return crdt_int(0);
    default: return crdt_int(1);
    }
}

/* Operations on the object at k, one after another, with this word; NULL: one is refused. */
static crdt_delta *operate(crdt_store *s, const crdt_type *map, const crdt_op *const *ops,
                           size_t count, const char *word)
{
    crdt_txn *txn = begin(s);
    crdt_err  err = CRDT_OK;
    CHECK_OK(crdt_ormap_enter(txn, CRDT_SOLO, map, NULL, 0));
    for (size_t n = 0; err == CRDT_OK && n < count; n++) {
        crdt_value args[CRDT_OP_ARGS_MAX];
        size_t     argc = strlen(ops[n]->args);
        for (size_t i = 0; i < argc; i++) args[i] = arg_of(ops[n]->args[i], word);
        err = crdt_txn_apply(txn, name_of("k"), ops[n], args, argc);
    }
    if (err == CRDT_OK) return commit(s);
    crdt_store_rollback(s);
    return NULL;
}

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

/* What is written, removed and written beside it, and written over the removal. */
typedef struct tale {
    const crdt_type *map;
    int              kind;
    const crdt_type *inner; /* with its operations; NULL: of the kind */
    const crdt_op   *beside, *over;
} tale;

static crdt_delta *write_first(crdt_store *s, const tale *t)
{
    if (t->inner == NULL) return write_kind(s, t->map, t->kind);
    const crdt_op *ops[] = {&t->inner->ops[0]};
    return operate(s, t->map, ops, 1, "x");
}

static crdt_delta *write_beside(crdt_store *s, const tale *t)
{
    if (t->inner == NULL) return write_kind(s, t->map, t->kind);
    const crdt_op *ops[] = {&t->inner->ops[0], t->beside};
    return operate(s, t->map, ops, 2, "x");
}

static crdt_delta *write_over(crdt_store *s, const tale *t)
{
    if (t->inner == NULL) return write_kind(s, t->map, t->kind);
    return operate(s, t->map, &t->over, 1, "y");
}

/* b removes what a wrote, and has not seen what c wrote; all hear of it. The cut covers all that.
 * a acts on it before it hears of b's write over the removal, b and c afterwards. */
static void over(const tale *t)
{
    crdt_store  *a = solo_of(t->map, 1), *b = solo_of(t->map, 2), *c = solo_of(t->map, 3);
    crdt_context cut;
    crdt_context_init(&cut, NULL);
    crdt_delta *first = write_first(a, t), *beside = write_beside(c, t);
    take(b, first);
    crdt_delta *gone = apply(b, "", t->map, "remove", "k");
    if (beside != NULL) take(b, beside);
    join(c, b);
    join(a, b);
    CHECK_OK(crdt_context_copy(&cut, crdt_store_context(b)));
    CHECK_OK(crdt_store_stabilise(a, &cut));
    crdt_delta *over = write_over(b, t);
    if (over != NULL) {
        take(a, over);
        take(c, over);
    }
    CHECK_OK(crdt_store_stabilise(b, &cut));
    CHECK_OK(crdt_store_stabilise(c, &cut));
    CHECK_MSG(same_bytes(a, b) && same_bytes(a, c), "%s, %s %d: %s, over it %s", t->map->name,
              t->inner == NULL ? "kind" : t->inner->name, t->kind,
              t->inner == NULL ? "" : t->beside->name, t->inner == NULL ? "" : t->over->name);
    crdt_context_clear(&cut);
    free_all(a, b, c, first, gone, NULL);
    crdt_store_free(beside);
    crdt_store_free(over);
}

TEST(ormap_cut, a_write_over_a_removal_is_the_same_before_a_cut_and_after_it)
{
    for (int kind = 0; kind < KINDS; kind++) {
        over(&(tale){.map = &crdt_ormap_rw_type, .kind = kind});
        over(&(tale){.map = &crdt_ormap_lww_type, .kind = kind});
    }
}

TEST(ormap_cut, operations_of_any_type_over_a_removal_are_the_same_before_a_cut_and_after_it)
{
    const crdt_types *types = crdt_types_builtin();
    for (size_t i = 0; i < types->count; i++) {
        const crdt_type *type = types->list[i];
        bool             maps = type->holds && type != &crdt_zset_type; /* kind 3 */
        if (type->kept || type->beside || maps) continue;
        for (size_t pair = 0; pair < type->ops_count * type->ops_count; pair++) {
            const crdt_op *x = &type->ops[pair / type->ops_count];
            const crdt_op *y = &type->ops[pair % type->ops_count];
            over(&(tale){&crdt_ormap_rw_type, (int)i, type, x, y});
            over(&(tale){&crdt_ormap_lww_type, (int)i, type, x, y});
        }
    }
}

/* Whoever writes over a removal covers it: c, who holds the removal, is not told that it stays. */
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

/* c writes over the removal and has not heard of what a counted beside it, which is not stable: so
 * it shows again, also where the removal was below a cut. */
TEST(ormap_cut, what_is_hidden_and_not_stable_stays_below_a_cut_of_the_removal)
{
    const crdt_type *type = &crdt_ormap_rw_type;
    crdt_store      *a = solo_of(type, 1), *b = solo_of(type, 2), *c = solo_of(type, 3);
    crdt_context     cut;
    crdt_context_init(&cut, NULL);
    crdt_delta *first = write_kind(a, type, 0);
    take(b, first);
    take(c, first);
    crdt_delta *gone = apply(c, "", type, "remove", "k");
    CHECK_OK(crdt_context_copy(&cut, crdt_store_context(c)));
    crdt_delta *beside = write_kind(a, type, 0);
    take(b, gone);
    take(b, beside);
    CHECK_OK(crdt_store_stabilise(b, &cut));
    crdt_delta *over = write_kind(c, type, 0);
    take(b, over);
    CHECK_EQ_STR(shown(b, ""), "{\"k\": pncounter 2}");
    crdt_context_clear(&cut);
    free_all(a, b, c, first, gone, beside, over, NULL);
}
