/* lwwmap.c: see lwwmap.h. The state is siblings (core/sibs.h); the value of each is a record:
 *
 *      value      byte 1 (an integer) or 2 (bytes), varint size of the column, column, varint
 *                 expiry, the value: 8 bytes, or what is left
 *      deletion   byte 3, column: what is left
 *      range      byte 4, varint size of lo, lo, hi: what is left
 *      row        byte 5
 */
#include "crdt/lwwmap.h"

#include <string.h>

#include "crdt/core/bytes.h"
#include "crdt/core/mem.h"
#include "crdt/core/sibs.h"
#include "crdt/core/sort.h"

static const crdt__shape shape = {CRDT__CLIENT_STAMPS, CRDT__ANY_VALUES, false, NULL};

typedef enum kind { NONE, INT_VALUE, BYTES_VALUE, COLUMN_GONE, RANGE_GONE, ROW_GONE } kind;

/* What is said. */
typedef struct saying {
    kind       kind;
    crdt_view  lo; /* the column, or the first of a range */
    crdt_view  hi; /* of a range; size 0: to the end */
    crdt_value value;
    int64_t    expires_ms;
    uint64_t   stamp;
    crdt_dot   dot;
} saying;

crdt_err crdt_lwwmap_new(uint64_t replica, const crdt_mem *mem, crdt_store **ret_store)
{
    return crdt_store_new_solo(&crdt_lwwmap_type, replica, mem, ret_store);
}

/* -- Records ----------------------------------------------------------------------------------- */

static bool is_value(const saying *s)
{
    return s->kind == INT_VALUE || s->kind == BYTES_VALUE;
}

static crdt_view rest_of(crdt_dec *dec)
{
    return crdt_dec_bytes(dec, crdt_dec_left(dec));
}

/* False: it is no record. */
static bool parse(crdt_view record, saying *ret_saying)
{
    crdt_dec    dec;
    crdt_limits all;
    saying      s;
    memset(&all, 0xff, sizeof all);
    memset(&s, 0, sizeof s);
    crdt_dec_init(&dec, record, &all);
    s.kind = (kind)crdt_dec_byte(&dec);
    if (s.kind == INT_VALUE || s.kind == BYTES_VALUE) {
        s.lo = crdt_dec_view(&dec, SIZE_MAX, "a column");
        uint64_t expiry = crdt_dec_varint(&dec);
        if (expiry > INT64_MAX) return false;
        s.expires_ms = (int64_t)expiry;
        if (s.kind == INT_VALUE) {
            s.value = crdt_int((int64_t)crdt_dec_u64(&dec));
        } else {
            s.value.kind = CRDT_BYTES;
            s.value.bytes = rest_of(&dec);
        }
    } else if (s.kind == COLUMN_GONE) {
        s.lo = rest_of(&dec);
    } else if (s.kind == RANGE_GONE) {
        s.lo = crdt_dec_view(&dec, SIZE_MAX, "a column");
        s.hi = rest_of(&dec);
        if (s.hi.size > 0 && crdt_view_compare(s.lo, s.hi) >= 0) return false;
    } else if (s.kind != ROW_GONE) {
        return false;
    }
    if (dec.err != CRDT_OK || crdt_dec_left(&dec) > 0) return false;
    *ret_saying = s;
    return true;
}

static saying saying_of(const crdt__sib *sib)
{
    saying s;
    bool   ok = parse(crdt__sib_value(sib).bytes, &s); /* borrowed from the sibling itself */
    CRDT_ASSERT(ok);
    s.stamp = sib->stamp;
    s.dot = crdt__sib_dot(sib);
    return s;
}

static void put_record(const saying *s, crdt_buf *out)
{
    crdt_buf_byte(out, (uint8_t)s->kind);
    if (is_value(s) || s->kind == RANGE_GONE) crdt_buf_view(out, s->lo);
    if (s->kind == COLUMN_GONE) crdt_buf_put(out, s->lo.data, s->lo.size);
    if (s->kind == RANGE_GONE) crdt_buf_put(out, s->hi.data, s->hi.size);
    if (!is_value(s)) return;
    crdt_buf_varint(out, (uint64_t)s->expires_ms);
    if (s->kind == INT_VALUE) crdt_buf_u64(out, (uint64_t)s->value.i);
    else crdt_buf_put(out, s->value.bytes.data, s->value.bytes.size);
}

/* -- The order, and who concerns whom ---------------------------------------------------------- */

/* All that decides but the dot. */
static int compare_contents(const saying *a, const saying *b)
{
    if (a->stamp != b->stamp) return a->stamp < b->stamp ? -1 : 1;
    if (is_value(a) != is_value(b)) return is_value(a) ? -1 : 1;
    if (!is_value(a)) return 0;
    if (a->expires_ms != b->expires_ms) return a->expires_ms < b->expires_ms ? -1 : 1; /* 0: none */
    return crdt_value_compare(a->value, b->value);
}

static int compare(const saying *a, const saying *b)
{
    int order = compare_contents(a, b);
    return order != 0 ? order : crdt_dot_compare(a->dot, b->dot);
}

static bool concerns(const saying *s, crdt_view column)
{
    if (s->kind == ROW_GONE) return true;
    int from = crdt_view_compare(s->lo, column);
    if (s->kind != RANGE_GONE) return from == 0;
    return from <= 0 && (s->hi.size == 0 || crdt_view_compare(column, s->hi) < 0);
}

/* Does a concern every column that b does? */
static bool spans(const saying *a, const saying *b)
{
    if (a->kind == ROW_GONE) return true;
    if (b->kind == ROW_GONE) return false;
    if (b->kind != RANGE_GONE) return concerns(a, b->lo);
    if (a->kind != RANGE_GONE || crdt_view_compare(a->lo, b->lo) > 0) return false;
    return a->hi.size == 0 || (b->hi.size > 0 && crdt_view_compare(b->hi, a->hi) <= 0);
}

/* -- Writing ----------------------------------------------------------------------------------- */

/* Is there one as great already, wherever this is said? And what of the state this one beats. */
static bool is_absorbed(const crdt_ref *ref, const saying *s, size_t *ret_covers)
{
    crdt__sibs_iter it = crdt__sibs_each(ref);
    *ret_covers = 0;
    for (const crdt__sib *sib; (sib = crdt__sibs_next(&it)) != NULL;) {
        saying old = saying_of(sib);
        int    order = compare_contents(s, &old);
        if (order <= 0 && spans(&old, s)) return true;
        *ret_covers += order >= 0 && spans(s, &old);
    }
    return false;
}

static bool is_beaten(const void *by, const crdt__sib *sib)
{
    saying old = saying_of(sib);
    return compare_contents(by, &old) >= 0 && spans(by, &old);
}

/* Cover what it beats: so nothing that shows changes but by it, whatever the read context. */
static void cover_beaten(crdt_target *target, const saying *s)
{
    crdt__sibs_iter it = crdt__sibs_over(target->now.state, NULL, target->now.gone);
    for (const crdt__sib *sib; (sib = crdt__sibs_next(&it)) != NULL;) {
        if (is_beaten(s, sib)) crdt_target_cover(target, crdt__sib_dot(sib));
    }
    crdt__sibs_sweep(target->space, target->delta, is_beaten, s); /* it keeps its room */
}

static crdt_err put_saying(crdt_target *target, const saying *s, crdt_value record, size_t covers)
{
    crdt__sib sib;
    crdt_err  err = crdt__sib_init(target->space, &sib, &record);
    if (err != CRDT_OK) return err;
    if (!is_value(s)) crdt_target_hide(target);
    err = crdt__sibs_reserve(target->space, target->delta, crdt__sibs_count(target->delta) + 1);
    if (err == CRDT_OK) err = crdt_target_reserve(target, 1, covers);
    if (err != CRDT_OK) {
        crdt__sib_clear(target->space, &sib);
        return err;
    }
    cover_beaten(target, s);
    crdt__sib_set_dot(&sib, crdt_target_dot(target), s->stamp);
    crdt__sibs_add(&shape, target->space, target->delta, &sib);
    crdt__sibs_settle(&shape, target->space, target->delta);
    return CRDT_OK;
}

static crdt_err say(crdt_target *target, const saying *s)
{
    size_t   covers;
    crdt_buf record;
    if (is_absorbed(&target->now, s, &covers)) return CRDT_OK;
    if (covers == 0 && crdt__ref_count(&target->now) >= target->space->limits->elements) {
        return CRDT_ELIMIT;
    }
    crdt_buf_init(&record, target->space->mem);
    put_record(s, &record);
    crdt_err   err = crdt_buf_status(&record);
    crdt_value value = crdt_bytes(record.data, record.size);
    if (err == CRDT_OK) err = crdt_target_value_ok(target, value);
    if (err == CRDT_OK) err = put_saying(target, s, value, covers);
    crdt_buf_clear(&record);
    return err;
}

static crdt_err open_row(crdt_txn *txn, crdt_view name, uint64_t stamp, crdt_target *ret_target)
{
    if (stamp > CRDT_STAMP_MAX) return CRDT_EINVAL;
    return crdt_target_open(txn, name, &crdt_lwwmap_type, ret_target);
}

static saying value_at(crdt_view column, crdt_value value, uint64_t stamp, int64_t expires_ms)
{
    kind how = value.kind == CRDT_INT ? INT_VALUE : BYTES_VALUE;
    return (saying){how, column, {NULL, 0}, value, expires_ms, stamp, {0, 0}};
}

crdt_err crdt_lwwmap_put(crdt_txn *txn, crdt_view name, crdt_view column, crdt_value value,
                         uint64_t stamp, int64_t expires_ms)
{
    crdt_target target;
    saying      s = value_at(column, value, stamp, expires_ms);
    if (expires_ms < 0) return CRDT_EINVAL;
    crdt_err err = open_row(txn, name, stamp, &target);
    if (err == CRDT_OK) err = crdt_target_value_ok(&target, value);
    return err == CRDT_OK ? say(&target, &s) : err;
}

crdt_err crdt_lwwmap_set(crdt_txn *txn, crdt_view name, crdt_view column, crdt_value value,
                         int64_t expires_ms)
{
    crdt_target target;
    if (expires_ms < 0) return CRDT_EINVAL;
    crdt_err err = open_row(txn, name, 0, &target);
    if (err == CRDT_OK) err = crdt_target_value_ok(&target, value);
    if (err != CRDT_OK) return err;
    crdt__sibs_iter it = crdt__sibs_each(&target.now);
    uint64_t        over = 0;
    for (const crdt__sib *sib; (sib = crdt__sibs_next(&it)) != NULL;) {
        saying old = saying_of(sib);
        if (old.stamp > over && concerns(&old, column)) over = old.stamp;
    }
    uint64_t stamp = crdt_target_stamp(&target, 0); /* a client's stamp never moves the clock */
    if (stamp <= over) stamp = over < CRDT_STAMP_MAX ? over + 1 : over;
    saying s = value_at(column, value, stamp, expires_ms);
    return say(&target, &s);
}

static crdt_err delete_of(crdt_txn *txn, crdt_view name, const saying *s)
{
    crdt_target target;
    crdt_err    err = open_row(txn, name, s->stamp, &target);
    return err == CRDT_OK ? say(&target, s) : err;
}

crdt_err crdt_lwwmap_delete(crdt_txn *txn, crdt_view name, crdt_view column, uint64_t stamp)
{
    saying s = {COLUMN_GONE, column, {NULL, 0}, {CRDT_INT, 0, {NULL, 0}}, 0, stamp, {0, 0}};
    return delete_of(txn, name, &s);
}

crdt_err crdt_lwwmap_delete_range(crdt_txn *txn, crdt_view name, crdt_view lo, crdt_view hi,
                                  uint64_t stamp)
{
    saying s = {RANGE_GONE, lo, hi, {CRDT_INT, 0, {NULL, 0}}, 0, stamp, {0, 0}};
    if (hi.size > 0 && crdt_view_compare(lo, hi) >= 0) return CRDT_EINVAL;
    return delete_of(txn, name, &s);
}

crdt_err crdt_lwwmap_delete_row(crdt_txn *txn, crdt_view name, uint64_t stamp)
{
    crdt_view none = {NULL, 0};
    saying    s = {ROW_GONE, none, none, {CRDT_INT, 0, {NULL, 0}}, 0, stamp, {0, 0}};
    return delete_of(txn, name, &s);
}

/* Delete the row at the greatest stamp of the values seen: a greater one, not seen, stays. */
static crdt_err reset(crdt_target *target)
{
    crdt__sibs_iter it = crdt__sibs_each(&target->now);
    crdt_view       none = {NULL, 0};
    saying          gone = {ROW_GONE, none, none, {CRDT_INT, 0, {NULL, 0}}, 0, 0, {0, 0}};
    bool            seen = false;
    for (const crdt__sib *sib; (sib = crdt__sibs_next(&it)) != NULL;) {
        saying s = saying_of(sib);
        if (!is_value(&s) || !crdt_target_sees(target, s.dot)) continue;
        if (s.stamp > gone.stamp) gone.stamp = s.stamp;
        seen = true;
    }
    return seen ? say(target, &gone) : CRDT_OK;
}

/* -- Reading ----------------------------------------------------------------------------------- */

static crdt_lwwmap_cell cell_of(const saying *s)
{
    return (crdt_lwwmap_cell){s->lo, s->value, s->stamp, s->expires_ms, s->dot};
}

/* The greatest of what is said of the column; kind NONE: nothing is. */
static saying winner_at(const crdt_ref *ref, crdt_view column)
{
    crdt__sibs_iter it = crdt__sibs_each(ref);
    saying          best;
    memset(&best, 0, sizeof best);
    for (const crdt__sib *sib; (sib = crdt__sibs_next(&it)) != NULL;) {
        saying s = saying_of(sib);
        if (!concerns(&s, column)) continue;
        if (best.kind == NONE || compare(&s, &best) > 0) best = s;
    }
    return best;
}

static bool shows_at(const saying *s, int64_t now_ms)
{
    return is_value(s) && (s->expires_ms == CRDT_LWWMAP_NEVER || s->expires_ms > now_ms);
}

bool crdt_lwwmap_get(crdt_ref row, crdt_view column, int64_t now_ms, crdt_lwwmap_cell *ret_cell)
{
    saying best = winner_at(&row, column);
    if (!shows_at(&best, now_ms)) return false;
    *ret_cell = cell_of(&best);
    return true;
}

bool crdt_lwwmap_sibling(crdt_ref row, crdt_view column, size_t i, crdt_lwwmap_cell *ret_cell)
{
    crdt__sibs_iter it = crdt__sibs_each(&row);
    for (const crdt__sib *sib; (sib = crdt__sibs_next(&it)) != NULL;) {
        saying s = saying_of(sib);
        if (!is_value(&s) || !concerns(&s, column) || i-- > 0) continue;
        *ret_cell = cell_of(&s);
        return true;
    }
    return false;
}

/* By column, then the greatest first. */
static int saying_order(const void *a, const void *b)
{
    const saying *x = a, *y = b;
    int           order = crdt_view_compare(x->lo, y->lo);
    return order != 0 ? order : compare(y, x);
}
_Static_assert(sizeof(saying) <= CRDT__SORT_MAX, "what is sorted fits");

/* What is said of single columns, sorted, in front; of several, behind. Returns how many of the
 * former. */
static size_t gather(const crdt_ref *ref, saying *all, size_t count)
{
    crdt__sibs_iter it = crdt__sibs_each(ref);
    size_t          single = 0, wide = count;
    for (const crdt__sib *sib; (sib = crdt__sibs_next(&it)) != NULL;) {
        saying s = saying_of(sib);
        if (s.kind == RANGE_GONE || s.kind == ROW_GONE) all[--wide] = s;
        else all[single++] = s;
    }
    crdt__sort(all, single, sizeof *all, saying_order);
    return single;
}

/* The values that win, in front; returns how many. */
static size_t keep_winners(saying *all, size_t single, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < single; i++) {
        if (i > 0 && crdt_view_compare(all[i].lo, all[i - 1].lo) == 0) continue;
        bool beaten = !is_value(&all[i]);
        for (size_t w = single; !beaten && w < count; w++) {
            beaten = concerns(&all[w], all[i].lo) && compare(&all[w], &all[i]) > 0;
        }
        if (!beaten) all[kept++] = all[i];
    }
    return kept;
}

crdt_err crdt_lwwmap_cells(crdt_ref row, int64_t now_ms, const crdt_mem *mem,
                           crdt_lwwmap_cell **ret_cells, size_t *ret_count)
{
    size_t            count = crdt__ref_count(&row), shown = 0;
    crdt_lwwmap_cell *cells = NULL;
    mem = mem != NULL ? mem : crdt_mem_default();
    *ret_cells = NULL;
    *ret_count = 0;
    if (count == 0) return CRDT_OK;
    saying *all = crdt__alloc(mem, count * sizeof *all);
    if (all == NULL) return CRDT_ENOMEM;
    size_t kept = keep_winners(all, gather(&row, all, count), count);
    for (size_t i = 0; i < kept; i++) {
        if (shows_at(&all[i], now_ms)) all[shown++] = all[i];
    }
    if (shown > 0) cells = crdt__alloc(mem, shown * sizeof *cells);
    for (size_t i = 0; cells != NULL && i < shown; i++) cells[i] = cell_of(&all[i]);
    crdt__release(mem, all, count * sizeof *all);
    if (shown > 0 && cells == NULL) return CRDT_ENOMEM;
    *ret_cells = cells;
    *ret_count = shown;
    return CRDT_OK;
}

void crdt_lwwmap_cells_free(const crdt_mem *mem, crdt_lwwmap_cell *cells, size_t count)
{
    crdt__release(mem != NULL ? mem : crdt_mem_default(), cells, count * sizeof *cells);
}

/* A value that no deletion beats is there: then its column shows one. Expiry is the reader's. */
static bool alive(const crdt_ref *ref)
{
    crdt__sibs_iter it = crdt__sibs_each(ref);
    for (const crdt__sib *sib; (sib = crdt__sibs_next(&it)) != NULL;) {
        saying          s = saying_of(sib);
        crdt__sibs_iter others = crdt__sibs_each(ref);
        bool            beaten = !is_value(&s);
        for (const crdt__sib *o; !beaten && (o = crdt__sibs_next(&others)) != NULL;) {
            if (o->stamp < s.stamp) continue;
            saying other = saying_of(o);
            beaten = !is_value(&other) && concerns(&other, s.lo);
        }
        if (!beaten) return true;
    }
    return false;
}

static void print_view(crdt_view view, crdt_buf *out)
{
    crdt_value value = {CRDT_BYTES, 0, view};
    crdt_buf_print_value(out, value);
}

/* {"a": 1, "b": "x" until 99}: what shows, were nothing expired. */
static void print(const crdt_ref *ref, crdt_buf *out)
{
    crdt_lwwmap_cell *cells;
    size_t            count;
    if (crdt_lwwmap_cells(*ref, INT64_MIN, out->mem, &cells, &count) != CRDT_OK) {
        out->failed = true;
        return;
    }
    crdt_buf_text(out, "{");
    for (size_t i = 0; i < count; i++) {
        if (i > 0) crdt_buf_text(out, ", ");
        print_view(cells[i].column, out);
        crdt_buf_text(out, ": ");
        crdt_buf_print_value(out, cells[i].value);
        if (cells[i].expires_ms == CRDT_LWWMAP_NEVER) continue;
        crdt_buf_text(out, " until ");
        crdt_buf_decimal(out, cells[i].expires_ms);
    }
    crdt_buf_text(out, "}");
    crdt_lwwmap_cells_free(out->mem, cells, count);
}

/* -- Collection ----------------------------------------------------------------------------------
 *
 * A stable deletion goes, and all that it beats wherever that was said, if all that is stable. This
 * is the same on every replica: whatever arrives later was said by somebody who held all of it, and
 * so covered it or was absorbed. Something unstable below keeps the deletion: without it that would
 * show. */

static bool may_go(const crdt__sibs *sibs, const saying *gone, const crdt_context *cut)
{
    crdt__sibs_iter it = crdt__sibs_over(sibs, NULL, NULL);
    for (const crdt__sib *sib; (sib = crdt__sibs_next(&it)) != NULL;) {
        if (crdt_context_has(cut, crdt__sib_dot(sib))) continue;
        saying s = saying_of(sib);
        if (compare(&s, gone) <= 0 && spans(gone, &s)) return false;
    }
    return true;
}

static bool goes_with(const void *with, const crdt__sib *sib)
{
    const saying *gone = with;
    saying        s = saying_of(sib);
    return compare(&s, gone) < 0 && spans(gone, &s);
}

static bool is_dot(const void *with, const crdt__sib *sib)
{
    return crdt__sib_compare_dots(with, sib) == 0;
}

static bool stabilise(const crdt_space *space, void *state, const crdt_context *cut)
{
    bool changed = false;
    for (size_t i = 0; i < crdt__sibs_count(state);) {
        const crdt__sib *sib = crdt__sibs_at(state, i);
        saying           s = saying_of(sib);
        if (is_value(&s) || !crdt_context_has(cut, s.dot) || !may_go(state, &s, cut)) {
            i++;
            continue;
        }
        crdt__sib own = *sib; /* what it says is there until it goes itself, last */
        s = saying_of(&own);
        crdt__sibs_sweep(space, state, goes_with, &s);
        crdt__sibs_sweep(space, state, is_dot, &own);
        changed = true;
        i = 0;
    }
    if (changed) crdt__sibs_settle(&shape, space, state);
    return changed;
}

/* -- The other slots --------------------------------------------------------------------------- */

static bool records_ok(const crdt__sibs *sibs)
{
    for (size_t i = 0; i < crdt__sibs_count(sibs); i++) {
        crdt_value record = crdt__sib_value(crdt__sibs_at(sibs, i));
        saying     s;
        if (record.kind != CRDT_BYTES || !parse(record.bytes, &s)) return false;
    }
    return true;
}

static bool commit(crdt_join *join, void *state, const void *other)
{
    return crdt__sibs_commit(&shape, join, state, other);
}

static crdt_err since(const crdt_space *space, const void *state, const crdt_context *ctx,
                      void *ret_part, crdt_context *keep)
{
    return crdt__sibs_since(&shape, space, state, ctx, ret_part, keep);
}

static void encode(const void *state, crdt_enc *enc)
{
    crdt__sibs_encode(&shape, state, enc);
}

static crdt_err decode(const crdt_space *space, void *state, crdt_dec *dec)
{
    crdt_err err = crdt__sibs_decode(&shape, space, state, dec);
    if (err == CRDT_OK && !records_ok(state)) {
        crdt__sibs_clear(space, state);
        err = crdt_dec_fail(dec, CRDT_EMALFORMED, "a row's cell that is none");
    }
    return err;
}

static void digest(const void *state, crdt_blocks *blocks)
{
    crdt__sibs_digest(&shape, state, blocks);
}

static bool check(const crdt_space *space, const void *state, const crdt_context *seen,
                  const char **ret_reason)
{
    if (!crdt__sibs_check(&shape, space, state, seen, ret_reason)) return false;
    *ret_reason = "a row's cell that is none";
    return records_ok(state);
}

static void stats(const void *state, crdt_stats *stats)
{
    uint64_t before = stats->elements;
    crdt__sibs_stats(&shape, state, stats);
    stats->elements = before;
    for (size_t i = 0; i < crdt__sibs_count(state); i++) {
        saying s = saying_of(crdt__sibs_at(state, i));
        if (is_value(&s)) stats->elements++;
        else stats->residues++;
    }
}

static crdt_err apply_set(crdt_txn *txn, crdt_view name, const crdt_value *a)
{
    return crdt_lwwmap_set(txn, name, a[0].bytes, a[1], CRDT_LWWMAP_NEVER);
}

static crdt_err apply_put(crdt_txn *txn, crdt_view name, const crdt_value *a)
{
    return crdt_lwwmap_put(txn, name, a[0].bytes, a[1], (uint64_t)a[2].i, CRDT_LWWMAP_NEVER);
}

static crdt_err apply_put_until(crdt_txn *txn, crdt_view name, const crdt_value *a)
{
    return crdt_lwwmap_put(txn, name, a[0].bytes, a[1], (uint64_t)a[2].i, a[3].i);
}

static crdt_err apply_delete(crdt_txn *txn, crdt_view name, const crdt_value *a)
{
    return crdt_lwwmap_delete(txn, name, a[0].bytes, (uint64_t)a[1].i);
}

static crdt_err apply_delete_range(crdt_txn *txn, crdt_view name, const crdt_value *a)
{
    return crdt_lwwmap_delete_range(txn, name, a[0].bytes, a[1].bytes, (uint64_t)a[2].i);
}

static crdt_err apply_delete_row(crdt_txn *txn, crdt_view name, const crdt_value *a)
{
    return crdt_lwwmap_delete_row(txn, name, (uint64_t)a[0].i);
}

static const crdt_op ops[] = {
    {"set", "bv", "write a column, stamped by the clock", apply_set},
    {"put", "bvt", "write a column at a timestamp", apply_put},
    {"put_until", "bvtn", "write a column at a timestamp, until a time in ms", apply_put_until},
    {"delete", "bt", "delete a column up to a timestamp", apply_delete},
    {"delete_range", "bbt", "delete columns from one on below another", apply_delete_range},
    {"delete_row", "t", "delete all columns up to a timestamp", apply_delete_row},
};

const crdt_type crdt_lwwmap_type = {
    .id = 23,
    .format = 1,
    .name = "lwwmap",
    .summary = "row of last-writer-wins columns, deleted singly, by ranges or whole",
    .source = "Lakshman, Malik, 2010; Johnson, Thomas, RFC 677, 1975",
    .ops_count = sizeof ops / sizeof ops[0],
    .ops = ops,
    CRDT__SIBS_VTABLE,
    .alive = alive,
    .reset = reset,
    .print = print,
    .stabilise = stabilise,
};
