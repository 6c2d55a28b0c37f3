/* cell.c: see cell.h. The state is a crdt__counted (core/counted.h). */
#include "crdt/cell.h"

#include <string.h>

#include "crdt/core/counted.h"

/* A base of bytes that spell an integer would be one with two forms. */
static const char *fault_of(crdt_value base)
{
    int64_t n;
    bool    two = base.kind == CRDT_BYTES && crdt__decimal_int(base.bytes, &n) == CRDT_OK;
    return two ? "an integer is written as text" : NULL;
}

static const crdt__counting how = {
    {CRDT__CLOCK_STAMPS, CRDT__ANY_VALUES, false, crdt__sib_compare_stamps},
    CRDT__DECIMAL_ONE,
    fault_of};

CRDT__COUNTED_SLOTS(how)

crdt_err crdt_cell_new(uint64_t replica, const crdt_mem *mem, crdt_store **ret_store)
{
    return crdt_store_new_solo(&crdt_cell_type, replica, mem, ret_store);
}

/* -- Writing ----------------------------------------------------------------------------------- */

crdt_err crdt_cell_set(crdt_txn *txn, crdt_view name, crdt_value value)
{
    crdt_target target;
    int64_t     n;
    crdt_err    err = crdt_target_open(txn, name, &crdt_cell_type, &target);
    if (err == CRDT_OK) err = crdt_target_value_ok(&target, value);
    if (err != CRDT_OK) return err;
    bool is_int = value.kind == CRDT_BYTES && crdt__decimal_int(value.bytes, &n) == CRDT_OK;
    return crdt__counted_set(&how, &target, is_int ? crdt_int(n) : value);
}

static crdt_err add(crdt_txn *txn, crdt_view name, crdt__amount amount)
{
    crdt_target target;
    crdt_err    err = crdt_target_open(txn, name, &crdt_cell_type, &target);
    return err == CRDT_OK ? crdt__counted_add(&how, &target, amount) : err;
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
    const crdt__sib *top = crdt__ref_top(&how.shape, ref);
    crdt__tally_over over = crdt__counted_tally(&how, ref);
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
        crdt__decimal_add(&s.number, (crdt__amount){0, base.frac}, CRDT__DECIMAL_ONE);
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

static void init(const crdt_space *space, void *state)
{
    (void)space;
    memset(state, 0, sizeof(crdt__counted));
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
    .stays = true,
    .size = sizeof(crdt__counted),
    .ops_count = sizeof ops / sizeof ops[0],
    .ops = ops,
    .init = init,
    CRDT__COUNTED_VTABLE,
    .print = print,
};
