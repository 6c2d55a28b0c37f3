/* score.c: see score.h. The state is a crdt__score (core/score.h). */
#include "crdt/score.h"

#include <string.h>

#include "crdt/core/binary.h"
#include "crdt/core/bytes.h"
#include "crdt/core/score.h"

#define MOVE_BYTES 9u /* of a base that raises or lowers */

typedef struct base {
    crdt__put how;
    double    score;
} base;

/* False: it is none. */
static bool read_base(crdt_value value, base *ret_base)
{
    uint64_t bits = (uint64_t)value.i;
    ret_base->how = CRDT__SET;
    if (value.kind == CRDT_BYTES) {
        const uint8_t *at = value.bytes.data;
        if (value.bytes.size != MOVE_BYTES || at[0] < CRDT__RAISE || at[0] > CRDT__LOWER) {
            return false;
        }
        ret_base->how = (crdt__put)at[0];
        bits = crdt__load_le64(at + 1);
    }
    ret_base->score = crdt__double_of(bits);
    return ret_base->score == ret_base->score;
}

static const char *fault_of(crdt_value value)
{
    base b;
    return read_base(value, &b) ? NULL : "a score that is no number";
}

static const crdt__counting how = {
    {CRDT__CLOCK_STAMPS, CRDT__ANY_VALUES, false, crdt__sib_compare_stamps},
    CRDT__BINARY_ONE,
    fault_of};

CRDT__COUNTED_SLOTS(how)

crdt_err crdt_score_new(uint64_t replica, const crdt_mem *mem, crdt_store **ret_store)
{
    return crdt_store_new_solo(&crdt_score_type, replica, mem, ret_store);
}

/* -- What shows -------------------------------------------------------------------------------- */

typedef struct parts {
    bool          set, counted;
    double        base;
    crdt__decimal sum;
} parts;

/* Of several bases: the last that was set, raised by the greatest of the later raises, lowered by
 * the least of the later lowers. */
static double base_among(const crdt_ref *ref)
{
    crdt__sibs_iter  it = crdt__sibs_each(ref);
    const crdt__sib *last = NULL, *sib;
    double           score = 0;
    bool             any = false;
    base             b;
    while ((sib = crdt__sibs_next(&it)) != NULL) {
        if (!read_base(crdt__sib_value(sib), &b) || b.how != CRDT__SET) continue;
        if (last != NULL && crdt__sib_compare_stamps(sib, last) < 0) continue;
        last = sib;
        score = b.score;
        any = true;
    }
    for (crdt__put pass = CRDT__RAISE; pass <= CRDT__LOWER; pass++) {
        it = crdt__sibs_each(ref);
        while ((sib = crdt__sibs_next(&it)) != NULL) {
            if (!read_base(crdt__sib_value(sib), &b) || b.how != pass) continue;
            if (last != NULL && crdt__sib_compare_stamps(sib, last) < 0) continue;
            bool beats = pass == CRDT__RAISE ? b.score > score : b.score < score;
            if (!any || beats) score = b.score;
            any = true;
        }
    }
    return score;
}

static parts look(const crdt_ref *ref)
{
    parts            p = {false, false, 0, {{0, 0}, 0}};
    crdt__tally_over over = crdt__counted_tally(&how, ref);
    const crdt__sib *top = crdt__ref_top(&how.shape, ref);
    p.set = top != NULL;
    if (p.set) {
        base b = {CRDT__SET, 0};
        (void)read_base(crdt__sib_value(top), &b);
        p.base = crdt__ref_count(ref) == 1 ? b.score : base_among(ref);
    }
    p.counted = crdt__tally_sum(&over, &p.sum);
    return p;
}

static crdt__decimal plus(crdt__decimal a, crdt__decimal b)
{
    crdt__decimal_add(&a, (crdt__amount){0, b.frac}, CRDT__BINARY_ONE);
    a.whole = crdt__i128_add(a.whole, b.whole);
    return a;
}

/* base + increments, if that is exact. */
static bool exact_of(const parts *p, crdt__decimal *ret_n)
{
    crdt__decimal n = {{0, 0}, 0};
    if (p->set && !crdt__binary_of(p->base, &n)) return false;
    *ret_n = plus(n, p->sum);
    return true;
}

static double score_of(const parts *p)
{
    crdt__decimal n;
    if (p->set && !p->counted) return p->base;
    if (exact_of(p, &n)) return crdt__binary_round(n);
    return p->base + crdt__binary_round(p->sum);
}

bool crdt__score_shown(const crdt_ref *ref, double *ret_score)
{
    parts p = look(ref);
    if (p.set || p.counted) *ret_score = score_of(&p);
    return p.set || p.counted;
}

bool crdt_score_get(crdt_ref ref, double *ret_score)
{
    return ref.type == &crdt_score_type && crdt__score_shown(&ref, ret_score);
}

double crdt_score_of(crdt_value content)
{
    base b;
    return read_base(content, &b) ? b.score : 0;
}

static void print(const crdt_ref *ref, crdt_buf *out)
{
    double score;
    if (crdt__score_shown(ref, &score)) crdt__double_print(score, out);
    else crdt_buf_text(out, "none");
}

/* -- Writing ----------------------------------------------------------------------------------- */

crdt_err crdt__score_put(crdt_target *target, crdt__put put, double score)
{
    double   shown;
    uint8_t  bytes[MOVE_BYTES] = {(uint8_t)put};
    uint64_t bits = crdt__double_bits(score);
    if (score != score) return CRDT_EINVAL;
    if (put == CRDT__SET) return crdt__counted_set(&how, target, crdt_int((int64_t)bits));
    if (crdt__score_shown(&target->now, &shown)) {
        if (put == CRDT__RAISE ? score <= shown : score >= shown) return CRDT_OK;
    }
    crdt__store_le64(bytes + 1, bits);
    crdt_value move = crdt_bytes(bytes, sizeof bytes);
    crdt_err   err = crdt_target_value_ok(target, move);
    return err == CRDT_OK ? crdt__counted_set(&how, target, move) : err;
}

/* What to add so that `to` shows. False: nothing does that exactly. */
static bool difference(const parts *p, double amount, double to, crdt__amount *ret_by)
{
    crdt__decimal now, then;
    parts         after = *p;
    if (exact_of(p, &now) && crdt__binary_of(to, &then)) {
        then = plus(then, crdt__decimal_negate(now, CRDT__BINARY_ONE));
    } else if (!crdt__binary_of(amount, &then)) {
        return false;
    }
    if (crdt__decimal_to_amount(then, ret_by) != CRDT_OK) return false;
    after.counted = true;
    crdt__decimal_add(&after.sum, *ret_by, CRDT__BINARY_ONE);
    return crdt__double_bits(score_of(&after)) == crdt__double_bits(to);
}

crdt_err crdt__score_incr(crdt_target *target, double amount, double *ret_score)
{
    parts        p = look(&target->now);
    crdt__amount by;
    if (amount != amount) return CRDT_EINVAL;
    double to = p.set || p.counted ? score_of(&p) + amount : amount;
    if (to != to) return CRDT_ERANGE;
    crdt_err err = difference(&p, amount, to, &by) ? crdt__counted_add(&how, target, by)
                                                   : crdt__score_put(target, CRDT__SET, to);
    if (err == CRDT_OK && ret_score != NULL) *ret_score = to;
    return err;
}

static crdt_err put(crdt_txn *txn, crdt_view name, crdt__put as, double score)
{
    crdt_target target;
    crdt_err    err = crdt_target_open(txn, name, &crdt_score_type, &target);
    return err == CRDT_OK ? crdt__score_put(&target, as, score) : err;
}

crdt_err crdt_score_set(crdt_txn *txn, crdt_view name, double score)
{
    return put(txn, name, CRDT__SET, score);
}

crdt_err crdt_score_raise(crdt_txn *txn, crdt_view name, double score)
{
    return put(txn, name, CRDT__RAISE, score);
}

crdt_err crdt_score_lower(crdt_txn *txn, crdt_view name, double score)
{
    return put(txn, name, CRDT__LOWER, score);
}

crdt_err crdt_score_incr(crdt_txn *txn, crdt_view name, double amount, double *ret_score)
{
    crdt_target target;
    crdt_err    err = crdt_target_open(txn, name, &crdt_score_type, &target);
    return err == CRDT_OK ? crdt__score_incr(&target, amount, ret_score) : err;
}

crdt_err crdt_score_clear(crdt_txn *txn, crdt_view name)
{
    crdt_target target;
    crdt_err    err = crdt_target_open(txn, name, &crdt_score_type, &target);
    return err == CRDT_OK ? reset(&target) : err;
}

/* -- The table --------------------------------------------------------------------------------- */

static void init(const crdt_space *space, void *state)
{
    (void)space;
    memset(state, 0, sizeof(crdt__score));
}

/* A number as text goes to the operation. */
static crdt_err apply_put(crdt_txn *txn, crdt_view name, crdt__put as, crdt_view text)
{
    double   score;
    crdt_err err = crdt__double_parse(text, &score);
    return err == CRDT_OK ? put(txn, name, as, score) : err;
}

static crdt_err apply_set(crdt_txn *txn, crdt_view name, const crdt_value *args)
{
    return apply_put(txn, name, CRDT__SET, args[0].bytes);
}

static crdt_err apply_raise(crdt_txn *txn, crdt_view name, const crdt_value *args)
{
    return apply_put(txn, name, CRDT__RAISE, args[0].bytes);
}

static crdt_err apply_lower(crdt_txn *txn, crdt_view name, const crdt_value *args)
{
    return apply_put(txn, name, CRDT__LOWER, args[0].bytes);
}

static crdt_err apply_incr(crdt_txn *txn, crdt_view name, const crdt_value *args)
{
    double   amount;
    crdt_err err = crdt__double_parse(args[0].bytes, &amount);
    return err == CRDT_OK ? crdt_score_incr(txn, name, amount, NULL) : err;
}

static crdt_err apply_clear(crdt_txn *txn, crdt_view name, const crdt_value *args)
{
    (void)args;
    return crdt_score_clear(txn, name);
}

static const crdt_op ops[] = {
    {"set", "d", "set over all that is seen, increments too", apply_set},
    {"raise", "d", "set if it is greater", apply_raise},
    {"lower", "d", "set if it is less", apply_lower},
    {"incr", "d", "add, of either sign", apply_incr},
    {"clear", "", "remove all that is seen", apply_clear},
};

const crdt_type crdt_score_type = {
    .id = 30,
    .format = 1,
    .name = "score",
    .summary = "number in double precision that is set or counted on, exactly",
    .source = "Johnson, Thomas, RFC 677, 1975; increments: rule R11 of the design",
    .stays = true,
    .size = sizeof(crdt__score),
    .ops_count = sizeof ops / sizeof ops[0],
    .ops = ops,
    .init = init,
    CRDT__COUNTED_VTABLE,
    .print = print,
};
