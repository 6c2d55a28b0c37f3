/* core/sibs_ref.c: siblings as a transaction reads and writes them. See sibs.h. */
#include "crdt/core/sibs.h"

crdt__sibs_iter crdt__sibs_over(const crdt__sibs *state, const crdt__sibs *pending,
                                const crdt_context *gone)
{
    crdt__sibs_iter it = {NULL, NULL, NULL, NULL, gone};
    if (state != NULL && crdt__sibs_count(state) > 0) {
        it.a = crdt__sibs_at(state, 0);
        it.a_end = it.a + crdt__sibs_count(state);
    }
    if (pending != NULL && crdt__sibs_count(pending) > 0) {
        it.b = crdt__sibs_at(pending, 0);
        it.b_end = it.b + crdt__sibs_count(pending);
    }
    return it;
}

crdt__sibs_iter crdt__sibs_each(const crdt_ref *ref)
{
    return crdt__sibs_over(ref->state, ref->pending, ref->gone);
}

const crdt__sib *crdt__sibs_next(crdt__sibs_iter *it)
{
    while (it->a != it->a_end && it->gone != NULL &&
           crdt_context_has(it->gone, crdt__sib_dot(it->a))) {
        it->a++;
    }
    if (it->a == it->a_end) return it->b == it->b_end ? NULL : it->b++;
    if (it->b == it->b_end || crdt__sib_compare_dots(it->a, it->b) < 0) return it->a++;
    return it->b++;
}

/* True if only the state shows. */
static bool is_plain(const crdt_ref *ref)
{
    return ref->state != NULL && ref->gone == NULL && ref->pending == NULL;
}

size_t crdt__ref_count(const crdt_ref *ref)
{
    size_t n = 0;
    if (is_plain(ref)) return crdt__sibs_count(ref->state);
    crdt__sibs_iter it = crdt__sibs_each(ref);
    while (crdt__sibs_next(&it) != NULL) n++;
    return n;
}

const crdt__sib *crdt__ref_at(const crdt_ref *ref, size_t i)
{
    const crdt__sib *sib;
    if (is_plain(ref)) {
        return i < crdt__sibs_count(ref->state) ? crdt__sibs_at(ref->state, i) : NULL;
    }
    crdt__sibs_iter it = crdt__sibs_each(ref);
    while ((sib = crdt__sibs_next(&it)) != NULL && i > 0) i--;
    return sib;
}

const crdt__sib *crdt__ref_top(const crdt__shape *shape, const crdt_ref *ref)
{
    const crdt__sib *top = NULL, *sib;
    if (is_plain(ref)) return crdt__sibs_top(ref->state);
    crdt__sibs_iter it = crdt__sibs_each(ref);
    while ((sib = crdt__sibs_next(&it)) != NULL) {
        if (top == NULL || shape->compare(sib, top) > 0) top = sib;
    }
    return top;
}

/* The i-th sibling that is no tombstone. */
static const crdt__sib *value_at(const crdt__shape *shape, const crdt_ref *ref, size_t i)
{
    if (!shape->tombs) return crdt__ref_at(ref, i);
    crdt__sibs_iter it = crdt__sibs_each(ref);
    for (const crdt__sib *sib; (sib = crdt__sibs_next(&it)) != NULL;) {
        if (!crdt__sib_is_tomb(sib) && i-- == 0) return sib;
    }
    return NULL;
}

bool crdt__ref_conflict(const crdt__shape *shape, const crdt_ref *ref, size_t i,
                        crdt_conflict *ret_conflict)
{
    if (is_plain(ref) && i >= crdt__sibs_count(ref->state)) return false;
    const crdt__sib *sib = value_at(shape, ref, i);
    if (sib == NULL) return false;
    ret_conflict->dot = crdt__sib_dot(sib);
    ret_conflict->stamp = sib->stamp;
    ret_conflict->value = crdt__sib_value(sib);
    ret_conflict->wins = shape->compare == NULL || sib == crdt__ref_top(shape, ref);
    return true;
}

bool crdt__ref_alive(const crdt_ref *ref)
{
    crdt__sibs_iter it = crdt__sibs_each(ref);
    return crdt__sibs_next(&it) != NULL;
}

void crdt__ref_print_top(const crdt__shape *shape, const crdt_ref *ref, crdt_buf *out)
{
    const crdt__sib *top = crdt__ref_top(shape, ref);
    if (top == NULL || crdt__sib_is_tomb(top)) crdt_buf_text(out, "none");
    else crdt_buf_print_value(out, crdt__sib_value(top));
}

/* -- Writing ----------------------------------------------------------------------------------- */

/* A write under way: what it covers. */
typedef struct sib_write {
    const crdt_target *target;
    bool               all; /* else what the transaction sees */
} sib_write;

static bool is_covered(const void *write_, const crdt__sib *sib)
{
    const sib_write *write = write_;
    return write->all || crdt_target_sees(write->target, crdt__sib_dot(sib));
}

/* Counts what shows and is covered, and what is not; finds the greatest stamp covered. */
static size_t count_covered(const sib_write *write, size_t *ret_stays, uint64_t *ret_over)
{
    crdt__sibs_iter it = crdt__sibs_each(&write->target->now);
    size_t          covered = 0;
    *ret_stays = 0;
    *ret_over = 0;
    for (const crdt__sib *sib; (sib = crdt__sibs_next(&it)) != NULL;) {
        if (!is_covered(write, sib)) {
            ++*ret_stays;
            continue;
        }
        covered++;
        if (sib->stamp > *ret_over) *ret_over = sib->stamp;
    }
    return covered;
}

static void cover_all(const sib_write *write, crdt_target *target)
{
    crdt__sibs_iter it = crdt__sibs_each(&target->now);
    for (const crdt__sib *sib; (sib = crdt__sibs_next(&it)) != NULL;) {
        if (!is_covered(write, sib)) continue;
        crdt_target_cover(target, crdt__sib_dot(sib));
        crdt__sib_ahead(sib);
    }
    crdt__sibs_sweep(target->space, target->delta, is_covered, write);
}

/* Siblings of the delta itself that the write leaves. */
static size_t count_left(const sib_write *write)
{
    crdt__sibs_iter it = crdt__sibs_over(NULL, write->target->delta, NULL);
    size_t          left = 0;
    for (const crdt__sib *sib; (sib = crdt__sibs_next(&it)) != NULL;)
        left += !is_covered(write, sib);
    return left;
}

/* A write that is to be made. */
typedef struct sib_fresh {
    const crdt_value *value; /* NULL: a tombstone */
    uint64_t          stamp; /* where the clock does not give it */
    size_t            more;  /* further dots that the caller covers */
} sib_fresh;

static crdt_err write_sib(const crdt__shape *shape, crdt_target *target, bool all,
                          const sib_fresh *what, crdt_dot *ret_dot)
{
    sib_write write = {target, all};
    uint64_t  over;
    size_t    stays, covered = count_covered(&write, &stays, &over);
    if (stays > 0 && stays >= target->space->limits->elements) return CRDT_ELIMIT;
    if (what->value == NULL) crdt_target_hide(target);
    crdt__sib fresh;
    crdt_err  err = crdt__sib_init(target->space, &fresh, what->value);
    if (err != CRDT_OK) return err;
    err = crdt__sibs_reserve(target->space, target->delta, count_left(&write) + 1);
    if (err == CRDT_OK) err = crdt_target_reserve(target, 1, covered + what->more);
    if (err != CRDT_OK) {
        crdt__sib_clear(target->space, &fresh);
        return err;
    }
    cover_all(&write, target);
    uint64_t stamp = what->stamp;
    *ret_dot = crdt_target_dot(target);
    if (shape->stamps == CRDT__CLOCK_STAMPS) stamp = crdt_target_stamp(target, over);
    crdt__sib_set_dot(&fresh, *ret_dot, stamp);
    crdt__sibs_add(shape, target->space, target->delta, &fresh);
    crdt__sibs_settle(shape, target->space, target->delta);
    return CRDT_OK;
}

crdt_err crdt__sibs_write(const crdt__shape *shape, crdt_target *target, const crdt_value *value)
{
    crdt_dot dot;
    return crdt__sibs_write_with(shape, target, value, 0, &dot);
}

crdt_err crdt__sibs_write_with(const crdt__shape *shape, crdt_target *target,
                               const crdt_value *value, size_t more, crdt_dot *ret_dot)
{
    return write_sib(shape, target, false, &(sib_fresh){value, 0, more}, ret_dot);
}

crdt_err crdt__sibs_write_all(const crdt__shape *shape, crdt_target *target,
                              const crdt_value *value, uint64_t stamp)
{
    crdt_dot dot;
    return write_sib(shape, target, true, &(sib_fresh){value, stamp, 0}, &dot);
}

size_t crdt__sibs_covers(const crdt_target *target)
{
    sib_write write = {target, false};
    uint64_t  over;
    size_t    stays;
    return count_covered(&write, &stays, &over);
}

void crdt__sibs_cover(const crdt__shape *shape, crdt_target *target)
{
    sib_write write = {target, false};
    cover_all(&write, target);
    crdt__sibs_settle(shape, target->space, target->delta);
}

crdt_err crdt__sibs_reset(const crdt__shape *shape, crdt_target *target)
{
    size_t covered = crdt__sibs_covers(target);
    if (covered == 0) return CRDT_OK;
    crdt_err err = crdt_target_reserve(target, 1, covered);
    if (err != CRDT_OK) return err;
    crdt__sibs_cover(shape, target);
    (void)crdt_target_dot(target);
    return CRDT_OK;
}
