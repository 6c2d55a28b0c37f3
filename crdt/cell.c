/* cell.c: see cell.h. The state is siblings (core/sibs.h) and a tally (core/tally.h). */
#include "crdt/cell.h"

#include <string.h>

#include "crdt/core/mem.h"
#include "crdt/core/sibs.h"
#include "crdt/core/tally.h"

static const crdt__shape shape = {CRDT__CLOCK_STAMPS, CRDT__ANY_VALUES, false,
                                  crdt__sib_compare_stamps};

typedef struct cell {
    crdt__sibs  base; /* first: a reference to a cell is one to its siblings too */
    crdt__tally tally;
} cell;

_Static_assert(offsetof(cell, base) == 0, "a cell begins with its siblings");

static crdt__tally_over tally_of(const crdt_ref *ref)
{
    const cell *state = ref->state, *pending = ref->pending;
    return (crdt__tally_over){state != NULL ? &state->tally : NULL,
                              pending != NULL ? &pending->tally : NULL, ref->gone};
}

crdt_err crdt_cell_new(uint64_t replica, const crdt_mem *mem, crdt_store **ret_store)
{
    return crdt_store_new_solo(&crdt_cell_type, replica, mem, ret_store);
}

/* -- Writing ----------------------------------------------------------------------------------- */

crdt_err crdt_cell_set(crdt_txn *txn, crdt_view name, crdt_value value)
{
    crdt_target       target;
    crdt__tally_reset plan;
    crdt_dot          dot;
    int64_t           n;
    crdt_err          err = crdt_target_open(txn, name, &crdt_cell_type, &target);
    if (err == CRDT_OK) err = crdt_target_value_ok(&target, value);
    if (err != CRDT_OK) return err;
    bool is_int = value.kind == CRDT_BYTES && crdt__decimal_int(value.bytes, &n) == CRDT_OK;
    if (is_int) value = crdt_int(n);
    crdt__tally_over over = tally_of(&target.now);
    err = crdt__tally_plan(&target, &over, &plan);
    if (err != CRDT_OK) return err;
    err = crdt__sibs_write_with(&shape, &target, &value, plan.covers, &dot);
    if (err == CRDT_OK) {
        crdt__tally_apply(&target, &over, &((cell *)target.delta)->tally, &plan, dot);
    }
    crdt__tally_drop(&target, &plan);
    return err;
}

static crdt_err add(crdt_txn *txn, crdt_view name, crdt__amount amount)
{
    crdt_target target;
    crdt_err    err = crdt_target_open(txn, name, &crdt_cell_type, &target);
    if (err != CRDT_OK) return err;
    crdt__tally_over over = tally_of(&target.now);
    return crdt__tally_add(&target, &over, &((cell *)target.delta)->tally, amount);
}

crdt_err crdt_cell_incr(crdt_txn *txn, crdt_view name, int64_t amount)
{
    return add(txn, name, (crdt__amount){amount, 0});
}

crdt_err crdt_cell_incrfloat(crdt_txn *txn, crdt_view name, crdt_view amount)
{
    crdt__decimal n;
    crdt__amount  narrow;
    crdt_err      err = crdt__decimal_parse(amount, &n);
    if (err == CRDT_OK) err = crdt__decimal_to_amount(n, &narrow);
    return err == CRDT_OK ? add(txn, name, narrow) : err;
}

static crdt_err reset(crdt_target *target)
{
    crdt__tally_reset plan;
    crdt__tally_over  over = tally_of(&target->now);
    size_t            siblings = crdt__sibs_covers(target);
    crdt_err          err = crdt__tally_plan(target, &over, &plan);
    if (err != CRDT_OK || siblings + plan.visible == 0) return err;
    err = crdt_target_reserve(target, 1, siblings + plan.covers);
    if (err == CRDT_OK) {
        crdt__sibs_cover(&shape, target);
        crdt_dot dot = crdt_target_dot(target);
        crdt__tally_apply(target, &over, &((cell *)target->delta)->tally, &plan, dot);
    }
    crdt__tally_drop(target, &plan);
    return err;
}

crdt_err crdt_cell_clear(crdt_txn *txn, crdt_view name)
{
    crdt_target target;
    crdt_err    err = crdt_target_open(txn, name, &crdt_cell_type, &target);
    return err == CRDT_OK ? reset(&target) : err;
}

/* -- Reading ----------------------------------------------------------------------------------- */

/* What shows of a cell. */
typedef struct shown {
    enum { NOTHING, BASE, NUMBER } kind;
    crdt_value    base;   /* if kind is BASE */
    crdt__decimal number; /* if kind is NUMBER: base and increments */
    bool          hides;  /* increments, behind a base that is no number */
} shown;

static crdt_err base_number(crdt_value base, crdt__decimal *ret_n)
{
    if (base.kind == CRDT_BYTES) return crdt__decimal_parse(base.bytes, ret_n);
    *ret_n = (crdt__decimal){crdt__i128_of(base.i), 0};
    return CRDT_OK;
}

static shown look(const crdt_ref *ref)
{
    const crdt__sib *top = crdt__ref_top(&shape, ref);
    crdt__tally_over over = tally_of(ref);
    crdt__decimal    base;
    shown            s = {.kind = NOTHING};
    if (top != NULL) {
        s.kind = BASE;
        s.base = crdt__sib_value(top);
    }
    if (!crdt__tally_sum(&over, &s.number)) return s;
    if (top != NULL) {
        s.hides = base_number(s.base, &base) != CRDT_OK;
        if (s.hides) return s;
        s.number.whole = crdt__i128_add(s.number.whole, base.whole);
        crdt__decimal_add(&s.number, (crdt__amount){0, base.frac});
    }
    s.kind = NUMBER;
    return s;
}

bool crdt_cell_peek(crdt_ref ref, crdt_value *ret_value)
{
    int64_t n;
    if (ref.type != &crdt_cell_type) return false;
    shown s = look(&ref);
    if (s.kind == BASE) *ret_value = s.base;
    if (s.kind != NUMBER) return s.kind == BASE;
    if (s.number.frac != 0 || crdt__i128_narrow(s.number.whole, &n) != CRDT_OK) return false;
    *ret_value = crdt_int(n);
    return true;
}

crdt_err crdt_cell_get(crdt_ref ref, crdt_buf *out)
{
    if (ref.type != &crdt_cell_type) return CRDT_ENOENT;
    shown s = look(&ref);
    if (s.kind == NOTHING) return CRDT_ENOENT;
    if (s.kind == NUMBER) crdt__decimal_print(s.number, out);
    else if (s.base.kind == CRDT_INT) crdt_buf_decimal(out, s.base.i);
    else crdt_buf_put(out, s.base.bytes.data, s.base.bytes.size);
    return crdt_buf_status(out);
}

crdt_err crdt_cell_int(crdt_ref ref, int64_t *ret_n)
{
    if (ref.type != &crdt_cell_type) return CRDT_EINVAL;
    shown s = look(&ref);
    if (s.kind == NUMBER) {
        return s.number.frac != 0 ? CRDT_EINVAL : crdt__i128_narrow(s.number.whole, ret_n);
    }
    if (s.kind == BASE && s.base.kind == CRDT_BYTES) return crdt__decimal_int(s.base.bytes, ret_n);
    *ret_n = s.kind == BASE ? s.base.i : 0;
    return CRDT_OK;
}

crdt_err crdt_cell_number(crdt_ref ref, crdt_i128 *ret_n)
{
    if (ref.type != &crdt_cell_type) return CRDT_EINVAL;
    shown    s = look(&ref);
    crdt_err err = CRDT_OK;
    if (s.kind == BASE) err = base_number(s.base, &s.number);
    return err == CRDT_OK ? crdt__decimal_to_fixed(s.number, ret_n) : err;
}

static void print(const crdt_ref *ref, crdt_buf *out)
{
    shown s = look(ref);
    if (s.kind == NOTHING) crdt_buf_text(out, "none");
    if (s.kind == BASE) crdt_buf_print_value(out, s.base);
    if (s.kind == NUMBER) crdt__decimal_print(s.number, out);
    if (!s.hides) return;
    crdt_buf_text(out, " (");
    crdt__decimal_print(s.number, out);
    crdt_buf_text(out, " does not show)");
}

static bool alive(const crdt_ref *ref)
{
    crdt__tally_over over = tally_of(ref);
    return crdt__ref_alive(ref) || crdt__tally_shows(&over);
}

static bool conflict(const crdt_ref *ref, size_t i, crdt_conflict *ret_conflict)
{
    return crdt__ref_conflict(&shape, ref, i, ret_conflict);
}

/* -- The other slots: both parts --------------------------------------------------------------- */

static void init(const crdt_space *space, void *state)
{
    (void)space;
    memset(state, 0, sizeof(cell));
}

static void clear(const crdt_space *space, void *state)
{
    crdt__sibs_clear(space, state);
    crdt__tally_clear(space->mem, &((cell *)state)->tally);
}

static crdt_err prepare(crdt_join *join, void *state, const void *other)
{
    crdt_err err = crdt__sibs_prepare(join, state, other);
    if (err != CRDT_OK) return err;
    return crdt__tally_prepare(join, &((cell *)state)->tally, &((const cell *)other)->tally);
}

static bool commit(crdt_join *join, void *state, const void *other)
{
    bool changed = crdt__sibs_commit(&shape, join, state, other);
    return crdt__tally_commit(join, &((cell *)state)->tally, &((const cell *)other)->tally) ||
           changed;
}

static crdt_err since(const crdt_space *space, const void *state, const crdt_context *ctx,
                      void *ret_part, crdt_context *keep)
{
    crdt_err err = crdt__sibs_since(&shape, space, state, ctx, ret_part, keep);
    if (err != CRDT_OK) return err;
    return crdt__tally_since(space, &((const cell *)state)->tally, ctx, &((cell *)ret_part)->tally,
                             keep);
}

static bool empty(const void *state)
{
    return crdt__sibs_empty(state) && crdt__tally_count(&((const cell *)state)->tally) == 0;
}

static void mark(const void *state, crdt_replicas *ids)
{
    crdt__sibs_mark(state, ids);
    crdt__tally_mark(&((const cell *)state)->tally, ids);
}

static void encode(const void *state, crdt_enc *enc)
{
    crdt__sibs_encode(&shape, state, enc);
    crdt__tally_encode(&((const cell *)state)->tally, enc);
}

/* A base of bytes that spell an integer would be one with two forms. */
static bool has_plain_base(const void *state)
{
    size_t count = crdt__sibs_count(state);
    for (size_t i = 0; i < count; i++) {
        crdt_value value = crdt__sib_value(crdt__sibs_at(state, i));
        int64_t    n;
        if (value.kind == CRDT_BYTES && crdt__decimal_int(value.bytes, &n) == CRDT_OK) return false;
    }
    return true;
}

static crdt_err decode(const crdt_space *space, void *state, crdt_dec *dec)
{
    crdt_err err = crdt__sibs_decode(&shape, space, state, dec);
    if (err == CRDT_OK && !has_plain_base(state)) {
        err = crdt_dec_fail(dec, CRDT_EMALFORMED, "an integer is written as text");
    }
    if (err == CRDT_OK) err = crdt__tally_decode(space, &((cell *)state)->tally, dec);
    if (err != CRDT_OK) crdt__sibs_clear(space, state);
    return err;
}

static void digest(const void *state, crdt_blocks *blocks)
{
    crdt__sibs_digest(&shape, state, blocks);
    crdt_blocks_section(blocks, 1);
    crdt__tally_digest(&((const cell *)state)->tally, blocks);
}

static bool check(const crdt_space *space, const void *state, const crdt_context *seen,
                  const char **ret_reason)
{
    if (!crdt__sibs_check(&shape, space, state, seen, ret_reason)) return false;
    if (!crdt__tally_check(&((const cell *)state)->tally, seen, ret_reason)) return false;
    if (has_plain_base(state)) return true;
    *ret_reason = "an integer is kept as text";
    return false;
}

static void stats(const void *state, crdt_stats *stats)
{
    crdt__sibs_stats(&shape, state, stats);
    crdt__tally_stats(&((const cell *)state)->tally, stats);
}

static bool stabilise(const crdt_space *space, void *state, const crdt_context *cut)
{
    return crdt__tally_stabilise(space, &((cell *)state)->tally, cut);
}

static size_t bytes(const void *state)
{
    return crdt__sibs_beyond(state) + crdt__tally_bytes(&((const cell *)state)->tally);
}

static void expect(const void *state)
{
    const cell *c = state;
    crdt__sibs_ahead(&c->base);
    crdt__tally_ahead(&c->tally);
}

static crdt_err apply_set(crdt_txn *txn, crdt_view name, const crdt_value *args)
{
    return crdt_cell_set(txn, name, args[0]);
}

static crdt_err apply_incr(crdt_txn *txn, crdt_view name, const crdt_value *args)
{
    return crdt_cell_incr(txn, name, args[0].i);
}

static crdt_err apply_incrfloat(crdt_txn *txn, crdt_view name, const crdt_value *args)
{
    return crdt_cell_incrfloat(txn, name, args[0].bytes);
}

static crdt_err apply_clear(crdt_txn *txn, crdt_view name, const crdt_value *args)
{
    (void)args;
    return crdt_cell_clear(txn, name);
}

static const crdt_op ops[] = {
    {"set", "v", "write a value over all that is seen, increments too", apply_set},
    {"incr", "i", "add an integer", apply_incr},
    {"incrfloat", "d", "add a decimal number, exactly", apply_incrfloat},
    {"clear", "", "remove all that is seen", apply_clear},
};

const crdt_type crdt_cell_type = {
    .id = 20,
    .format = 1,
    .name = "cell",
    .summary = "value that is set or counted on, as the strings of key-value stores",
    .source = "Johnson, Thomas, RFC 677, 1975; increments: rule R11 of the design",
    .size = sizeof(cell),
    .ops_count = sizeof ops / sizeof ops[0],
    .ops = ops,
    .init = init,
    .clear = clear,
    .prepare = prepare,
    .commit = commit,
    .since = since,
    .alive = alive,
    .empty = empty,
    .reset = reset,
    .mark = mark,
    .encode = encode,
    .decode = decode,
    .digest = digest,
    .print = print,
    .check = check,
    .stats = stats,
    .stabilise = stabilise,
    .conflict = conflict,
    .bytes = bytes,
    .expect = expect,
};
