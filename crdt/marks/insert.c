/* marks/insert.c: inserting text as an editor does.
 *
 * Where something deleted stands, the place of an insertion among it says more than its writer
 * meant: it comes to stand left of all of it, so within a mark that ends at a deleted element. What
 * the kinds' rules say of the place, as if nothing had been deleted there, is compared with what
 * the place has made of it, key by key. Marks that are hidden for good have no say, here or not:
 * otherwise it would matter who has tidied.
 */
#include "crdt/core/mem.h"
#include "crdt/core/sort.h"
#include "crdt/core/within.h"
#include "crdt/marks/marks.h"

/* A cursor at the place where something is inserted is left of it by its rule: one at the right
 * side of something, which sticks to that. */
static bool is_left(crdt_cursor cursor, uint64_t at, uint64_t pos)
{
    if (at != pos) return at < pos;
    return cursor.side == (cursor.replica == 0 ? CRDT_LEFT : CRDT_RIGHT);
}

typedef struct inserted {
    const crdt__laid *laid;
    bool              by_rule, by_place; /* what is inserted belongs to it */
} inserted;

static int compare_inserted(const void *x, const void *y)
{
    const crdt__said *a = &((const inserted *)x)->laid->said;
    const crdt__said *b = &((const inserted *)y)->laid->said;
    int               order = crdt_view_compare(a->key, b->key);
    return order != 0 ? order : crdt__said_compare(b, a);
}

static bool same_value(const crdt__said *a, const crdt__said *b)
{
    bool has_a = a != NULL && a->has_value, has_b = b != NULL && b->has_value;
    if (!has_a || !has_b) return has_a == has_b;
    return crdt_value_compare(a->value, b->value) == 0;
}

/* What a key must be told: what shows there of the mark under `dot`, or that nothing does. */
typedef struct telling {
    crdt_dot dot;
    bool     shows;
} telling;

/* One after the other all keys of which place and rule differ; their number. */
static size_t find_tellings(inserted *all, size_t count, telling *ret_tellings)
{
    size_t found = 0;
    crdt__sort(all, count, sizeof *all, compare_inserted);
    for (size_t first = 0, end; first < count; first = end) {
        const crdt__said *rule = NULL, *place = NULL;
        for (end = first; end < count; end++) {
            const crdt__said *said = &all[end].laid->said;
            if (crdt_view_compare(said->key, all[first].laid->said.key) != 0) break;
            if (rule == NULL && all[end].by_rule) rule = said;
            if (place == NULL && all[end].by_place) place = said;
        }
        if (same_value(rule, place)) continue;
        bool shows = rule != NULL && rule->has_value;
        ret_tellings[found++] = (telling){shows ? rule->dot : place->dot, shows};
    }
    return found;
}

static crdt_err tell(crdt_txn *txn, crdt_view name, crdt_range range, const telling *t)
{
    crdt__said said;
    if (!crdt__marks_fetch(txn, name, t->dot, &said)) return CRDT_OK;
    crdt_mark mark = {said.key, said.value, crdt_mark_expand(said.key)};
    return crdt__marks_over(txn, name, range, mark, t->shows ? &said.value : NULL);
}

/* What the place makes of the inserted stretch. */
static crdt_err look(const crdt_txn *txn, crdt_view name, crdt_range range, inserted *all,
                     size_t count)
{
    crdt_ref text;
    crdt_err err = crdt__marks_text(txn, name, &text);
    for (size_t i = 0; err == CRDT_OK && i < count; i++) {
        const crdt__said *said = &all[i].laid->said;
        uint64_t          start = 0, end = 0;
        err = crdt_text_find(text, said->start, range.unit, &start);
        if (err == CRDT_OK) err = crdt_text_find(text, said->end, range.unit, &end);
        all[i].by_place = start <= range.start && end >= range.start + range.count;
    }
    return err;
}

static crdt_err insert_plain(crdt_txn *txn, crdt_view name, crdt_ref text, crdt_range range,
                             crdt_view utf8)
{
    crdt_text_edit edit;
    crdt_err       err = crdt_text_open(txn, name, text.type, &edit);
    return err == CRDT_OK ? crdt_text_insert(&edit, range.unit, range.start, utf8) : err;
}

typedef struct desk {
    inserted *all;
    telling  *tellings;
} desk;

/* Of one that is not hidden. */
static bool is_by_rule(const crdt__laid *l, uint64_t pos)
{
    return !l->hidden && is_left(l->said.start, l->start, pos) &&
           !is_left(l->said.end, l->end, pos);
}

/* range.count: 0, as yet. */
static crdt_err insert_among(crdt_txn *txn, crdt_view name, crdt_ref text, crdt_range range,
                             crdt_view utf8, crdt__laying *laying, const desk *d)
{
    uint64_t before = crdt_text_length(text, range.unit);
    crdt_err err = crdt__lay_hide(text, laying);
    if (err != CRDT_OK) return err;
    for (size_t i = 0; i < laying->count; i++) {
        const crdt__laid *l = &laying->at[i];
        d->all[i] = (inserted){l, is_by_rule(l, range.start), false};
    }
    err = insert_plain(txn, name, text, range, utf8);
    if (err == CRDT_OK) err = crdt__marks_text(txn, name, &text);
    if (err != CRDT_OK) return err;
    range.count = crdt_text_length(text, range.unit) - before;
    if (range.count == 0) return CRDT_OK;
    err = look(txn, name, range, d->all, laying->count);
    if (err != CRDT_OK) return err;
    size_t found = find_tellings(d->all, laying->count, d->tellings);
    for (size_t i = 0; err == CRDT_OK && i < found; i++) {
        err = tell(txn, name, range, &d->tellings[i]);
    }
    return err;
}

crdt_err crdt_marks_insert(crdt_txn *txn, crdt_view name, crdt_unit unit, uint64_t pos,
                           crdt_view utf8)
{
    uint64_t     next = crdt__txn_next(txn);
    crdt_range   range = {unit, pos, 0};
    crdt__laying laying;
    crdt_ref     text;
    bool         gap;
    crdt_err     err = crdt__marks_text(txn, name, &text);
    if (err == CRDT_OK) err = crdt_text_gap(text, unit, pos, &gap);
    if (err != CRDT_OK) return err;
    if (!gap) return insert_plain(txn, name, text, range, utf8);
    err = crdt__lay_all(txn, name, unit, &text, &laying);
    if (err != CRDT_OK) return err;
    if (laying.count == 0) {
        crdt__laying_free(&laying);
        return insert_plain(txn, name, text, range, utf8);
    }
    size_t bytes = laying.count * (sizeof(inserted) + sizeof(telling));
    desk   d = {.all = crdt__alloc(laying.mem, bytes)};
    d.tellings = (telling *)(void *)(d.all + laying.count);
    err = d.all == NULL ? CRDT_ENOMEM : insert_among(txn, name, text, range, utf8, &laying, &d);
    if (d.all != NULL) crdt__release(laying.mem, d.all, bytes);
    crdt__laying_free(&laying);
    return err == CRDT_OK ? CRDT_OK : crdt__txn_failed(txn, next, err);
}
