/* marks/write.c: marking, and the operations of the type. */
#include <string.h>

#include "crdt/core/mem.h"
#include "crdt/core/within.h"
#include "crdt/marks/marks.h"

/* -- One mark ---------------------------------------------------------------------------------- */

static bool side_ok(crdt_cursor cursor)
{
    return cursor.side == CRDT_LEFT || cursor.side == CRDT_RIGHT;
}

/* The record of said under a fresh dot, stamped if it is new; it takes the place of `instead`,
 * which shows (NULL: of none). */
static crdt_err put_record(crdt_target *target, const crdt__said *said, const crdt_dot *instead,
                           crdt_buf *record)
{
    crdt__marks *delta = target->delta;
    crdt__over   over = crdt__over_of(&target->now, offsetof(crdt__marks, elems));
    crdt__said_write(said, instead != NULL, record);
    crdt_err err = crdt_buf_status(record);
    if (err != CRDT_OK) return err;
    crdt_value value = {CRDT_BYTES, 0, crdt_buf_bytes(record)};
    err = crdt_target_value_ok(target, value);
    if (err != CRDT_OK) return err;
    if (instead == NULL && crdt__over_full(&over, target)) return CRDT_ELIMIT;
    err =
        crdt__elems_reserve(target->space->mem, &delta->elems, crdt_target_replica(target), value);
    if (err == CRDT_OK) err = crdt_target_reserve(target, 1, instead != NULL);
    if (err != CRDT_OK) return err;
    crdt_dot dot = crdt_target_dot(target);
    uint64_t stamp = said->stamp;
    if (instead == NULL) {
        const crdt__marks *now = target->now.state;
        uint64_t           above = now != NULL ? now->stamp_max : 0;
        if (delta->stamp_max > above) above = delta->stamp_max;
        stamp = crdt_target_stamp(target, above);
        crdt__said_set_stamp(record, stamp);
    } else if (!crdt__elems_kill(&delta->elems, *instead)) {
        crdt_target_cover(target, *instead);
    }
    crdt__elems_insert(&delta->elems, dot, value);
    if (stamp > delta->stamp_max) delta->stamp_max = stamp;
    return CRDT_OK;
}

static crdt_err put(crdt_txn *txn, crdt_view name, const crdt__said *said, const crdt_dot *instead)
{
    crdt_target target;
    crdt_err    err = crdt_target_open(txn, name, &crdt_marks_type, &target);
    if (err != CRDT_OK) return err;
    crdt_buf record;
    crdt_buf_init(&record, target.space->mem);
    err = put_record(&target, said, instead, &record);
    crdt_buf_clear(&record);
    return err;
}

crdt_err crdt_marks_put(crdt_txn *txn, crdt_view name, crdt_cursor start, crdt_cursor end,
                        crdt_view key, const crdt_value *value)
{
    if (key.size == 0 || !side_ok(start) || !side_ok(end)) return CRDT_EINVAL;
    if (value != NULL && value->kind != CRDT_INT && value->kind != CRDT_BYTES) return CRDT_EINVAL;
    crdt__said said = {.start = start,
                       .end = end,
                       .key = key,
                       .has_value = value != NULL,
                       .value = value != NULL ? *value : crdt_int(0)};
    return put(txn, name, &said, NULL);
}

crdt_err crdt__marks_move(crdt_txn *txn, crdt_view name, const crdt__said *said)
{
    return put(txn, name, said, &said->dot);
}

/* -- Kinds ------------------------------------------------------------------------------------- */

crdt_expand crdt_mark_expand(crdt_view key)
{
    static const char *const closed[] = {"link", "comment"};
    const char              *colon = key.size == 0 ? NULL : memchr(key.data, ':', key.size);
    if (colon != NULL) key.size = (size_t)(colon - (const char *)key.data);
    for (size_t i = 0; i < sizeof closed / sizeof *closed; i++) {
        if (crdt_view_compare(key, crdt_text_view(closed[i])) == 0) return CRDT_EXPAND_NONE;
    }
    return CRDT_EXPAND_AFTER;
}

crdt_mark crdt_mark_of(const char *key, crdt_value value)
{
    crdt_view view = crdt_text_view(key);
    return (crdt_mark){view, value, crdt_mark_expand(view)};
}

/* What is typed at the start of a mark, at its end, belongs to it. */
static bool takes_before(crdt_expand expand)
{
    return expand == CRDT_EXPAND_BEFORE || expand == CRDT_EXPAND_BOTH;
}

static bool takes_after(crdt_expand expand)
{
    return expand == CRDT_EXPAND_AFTER || expand == CRDT_EXPAND_BOTH;
}

/* The rule of what takes a mark away: its start is that mark's end, its end a start of what is left
 * of it. */
static crdt_expand opposite(crdt_expand expand)
{
    bool before = !takes_after(expand), after = !takes_before(expand);
    if (before) return after ? CRDT_EXPAND_BOTH : CRDT_EXPAND_BEFORE;
    return after ? CRDT_EXPAND_AFTER : CRDT_EXPAND_NONE;
}

/* -- Stretches --------------------------------------------------------------------------------- */

crdt_err crdt__marks_text(const crdt_txn *txn, crdt_view name, crdt_ref *ret_text)
{
    crdt_err err = crdt_txn_find(txn, name, NULL, ret_text);
    if (err != CRDT_OK) return err;
    return crdt__marks_is_text(ret_text->type) ? CRDT_OK : CRDT_ETYPE;
}

static crdt_err anchor(crdt_ref text, crdt_range range, crdt_expand expand, crdt_cursor *ret_start,
                       crdt_cursor *ret_end)
{
    if (range.count > UINT64_MAX - range.start) return CRDT_ERANGE;
    crdt_err err = crdt_text_cursor(text, range.unit, range.start,
                                    takes_before(expand) ? CRDT_RIGHT : CRDT_LEFT, ret_start);
    if (err != CRDT_OK) return err;
    return crdt_text_cursor(text, range.unit, range.start + range.count,
                            takes_after(expand) ? CRDT_LEFT : CRDT_RIGHT, ret_end);
}

crdt_err crdt__marks_over(crdt_txn *txn, crdt_view name, crdt_range range, crdt_mark mark,
                          const crdt_value *value)
{
    crdt_cursor start, end;
    crdt_ref    text;
    if (mark.key.size == 0 || (unsigned)mark.expand > CRDT_EXPAND_BOTH) return CRDT_EINVAL;
    crdt_err err = crdt__marks_text(txn, name, &text);
    if (err != CRDT_OK) return err;
    err = anchor(text, range, value != NULL ? mark.expand : opposite(mark.expand), &start, &end);
    if (err != CRDT_OK || range.count == 0) return err;
    return crdt_marks_put(txn, name, start, end, mark.key, value);
}

#define FEW 64u  /* so many are never tidied unasked */
#define OFTEN 8u /* times in as many marks as there are */

/* Now and then, so that tidying costs little a mark. Chance is the dot's: mixed, for dots and marks
 * grow side by side. */
static bool is_due(const crdt_txn *txn, crdt_view name)
{
    crdt_ref marks;
    if (crdt_txn_beside(txn, name, &crdt_marks_type, &marks) != CRDT_OK) return false;
    const crdt__marks *state = marks.state;
    if (state == NULL || state->elems.dots < FEW) return false;
    uint64_t mixed = crdt__txn_next(txn) * UINT64_C(0x9e3779b97f4a7c15);
    return (mixed >> 32) % state->elems.dots < OFTEN;
}

static crdt_err mark_stretch(crdt_txn *txn, crdt_view name, crdt_range range, crdt_mark mark,
                             const crdt_value *value)
{
    uint64_t next = crdt__txn_next(txn);
    bool     due = is_due(txn, name);
    crdt_err err = crdt__marks_over(txn, name, range, mark, value);
    if (err != CRDT_OK || !due) return err;
    err = crdt_marks_tidy(txn, name);
    return err == CRDT_OK ? CRDT_OK : crdt__txn_failed(txn, next, err);
}

crdt_err crdt_marks_set(crdt_txn *txn, crdt_view name, crdt_range range, crdt_mark mark)
{
    return mark_stretch(txn, name, range, mark, &mark.value);
}

crdt_err crdt_marks_unset(crdt_txn *txn, crdt_view name, crdt_range range, crdt_mark mark)
{
    return mark_stretch(txn, name, range, mark, NULL);
}

/* -- The table --------------------------------------------------------------------------------- */

static crdt_err apply(crdt_txn *txn, crdt_view name, const crdt_value *args,
                      const crdt_value *value)
{
    crdt_cursor start, end;
    if (crdt_cursor_parse(args[0].bytes, &start) != CRDT_OK) return CRDT_EINVAL;
    if (crdt_cursor_parse(args[1].bytes, &end) != CRDT_OK) return CRDT_EINVAL;
    return crdt_marks_put(txn, name, start, end, args[2].bytes, value);
}

static crdt_err apply_mark(crdt_txn *txn, crdt_view name, const crdt_value *args)
{
    return apply(txn, name, args, &args[3]);
}

static crdt_err apply_unmark(crdt_txn *txn, crdt_view name, const crdt_value *args)
{
    return apply(txn, name, args, NULL);
}

const crdt_op crdt__marks_ops[CRDT__MARKS_OPS] = {
    {"mark", "ccbv", "mark what lies between two cursors: a key and its value", apply_mark},
    {"unmark", "ccb", "take a key away between two cursors", apply_unmark},
};
