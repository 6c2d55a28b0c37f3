/* core/sets.c: reading sets through a transaction, and covering what it sees. */
#include "crdt/core/sets.h"

#include "crdt/core/mem.h"
#include "crdt/core/sort.h"

/* -- One part ---------------------------------------------------------------------------------- */

/* True if value has a dot in the state that is not gone. */
static bool shows_in_state(const crdt__over *over, crdt_value value)
{
    crdt_dot dot;
    if (over->state == NULL) return false;
    if (over->gone == NULL) return crdt__elems_has(over->state, value);
    crdt__elems_finder finder = crdt__elems_find(over->state, value);
    while (crdt__elems_next_dot(&finder, &dot)) {
        if (!crdt_context_has(over->gone, dot)) return true;
    }
    return false;
}

bool crdt__over_has(const crdt__over *over, crdt_value value)
{
    return shows_in_state(over, value) ||
           (over->pending != NULL && crdt__elems_has(over->pending, value));
}

/* Values of the state whose dots are all gone. Each is counted at its least dot. */
static size_t count_gone(const crdt__over *over)
{
    const crdt_context *gone = over->gone;
    crdt_dot            dot;
    crdt_value          value;
    size_t              count = 0;
    crdt_context_settle(gone);
    for (uint32_t i = 0; i < gone->count; i++) {
        const crdt_run    *run = &gone->runs[i];
        crdt__elems_cursor at = crdt__elems_seek(over->state, (crdt_dot){run->replica, run->lo});
        while (crdt__elems_next(&at, &dot, &value)) {
            if (dot.replica != run->replica || dot.seq > run->hi) break;
            count += !shows_in_state(over, value) &&
                     !crdt__elems_has_before(over->state, dot, value, NULL);
        }
    }
    return count;
}

size_t crdt__over_count(const crdt__over *over)
{
    size_t count = over->state ? crdt__elems_count(over->state) : 0;
    if (over->gone && over->state) count -= count_gone(over);
    if (over->pending == NULL || over->pending->dots == 0) return count;
    crdt__elems_cursor at = {over->pending, 0, 0};
    crdt_dot           dot;
    crdt_value         value;
    while (crdt__elems_next(&at, &dot, &value)) {
        count += !shows_in_state(over, value) &&
                 !crdt__elems_has_before(over->pending, dot, value, NULL);
    }
    return count;
}

/* The next dot of e from at on that is not in gone; at moves behind it. */
static bool next_visible(const crdt__elems *e, const crdt_context *gone, uint32_t at[2],
                         crdt_dot *ret_dot, crdt_value *ret_value)
{
    crdt__elems_cursor cursor = {e, at[0], at[1]};
    bool               found = false;
    while (e != NULL && !found && crdt__elems_next(&cursor, ret_dot, ret_value)) {
        found = gone == NULL || !crdt_context_has(gone, *ret_dot);
    }
    at[0] = cursor.chunk;
    at[1] = cursor.offset;
    return found;
}

/* Each visible dot: first those of the state. Needs no index. */
static bool next_dot(const crdt__over *over, uint32_t at[4], crdt_dot *ret_dot,
                     crdt_value *ret_value)
{
    return next_visible(over->state, over->gone, at, ret_dot, ret_value) ||
           next_visible(over->pending, NULL, at + 2, ret_dot, ret_value);
}

/* Each visible dot in dot order; *ret_from_state: it is not pending. */
static bool next_ordered(const crdt__over *over, uint32_t at[4], crdt_dot *ret_dot,
                         crdt_value *ret_value, bool *ret_from_state)
{
    crdt_dot   mine_dot, own_dot;
    crdt_value mine, own;
    uint32_t   mine_at[2] = {at[0], at[1]}, own_at[2] = {at[2], at[3]};
    bool       from_mine = next_visible(over->state, over->gone, mine_at, &mine_dot, &mine);
    bool       from_own = next_visible(over->pending, NULL, own_at, &own_dot, &own);
    if (!from_mine && !from_own) return false;
    if (from_mine && from_own) from_mine = crdt_dot_compare(mine_dot, own_dot) < 0;
    *ret_dot = from_mine ? mine_dot : own_dot;
    *ret_value = from_mine ? mine : own;
    *ret_from_state = from_mine;
    at[from_mine ? 0 : 2] = from_mine ? mine_at[0] : own_at[0];
    at[from_mine ? 1 : 3] = from_mine ? mine_at[1] : own_at[1];
    return true;
}

bool crdt__over_next_dot(const crdt__over *over, uint32_t at[4], crdt_dot *ret_dot,
                         crdt_value *ret_value)
{
    bool from_state;
    return next_ordered(over, at, ret_dot, ret_value, &from_state);
}

bool crdt__over_next(const crdt__over *over, uint32_t at[4], crdt_value *ret_value)
{
    crdt__over to = *over;
    crdt_dot   dot;
    bool       from_state;
    if (to.pending != NULL && to.pending->dots == 0) to.pending = NULL;
    while (next_ordered(&to, at, &dot, ret_value, &from_state)) {
        bool in_state = to.state && !(from_state && crdt__elems_is_plain(to.state));
        bool in_pending = to.pending && (from_state || !crdt__elems_is_plain(to.pending));
        if (in_state && crdt__elems_has_before(to.state, dot, *ret_value, over->gone)) continue;
        if (in_pending && crdt__elems_has_before(to.pending, dot, *ret_value, NULL)) continue;
        return true;
    }
    return false;
}

/* -- Covering ---------------------------------------------------------------------------------- */

static bool aims_at(crdt__aim aim, const crdt_target *target, crdt_dot dot)
{
    return aim.unseen || crdt_target_sees(target, dot);
}

typedef struct aimed {
    size_t   dots, runs; /* runs: stretches of dots that were met one after the other */
    crdt_dot last;
} aimed;

/* The dots of e that are not gone and that are aimed at: their number. They enter `cover`, if
 * that is not NULL. */
static aimed each_aimed(const crdt__elems *e, const crdt_context *gone, const crdt_target *target,
                        crdt__aim aim, crdt_target *cover)
{
    crdt__elems_cursor at = {e, 0, 0};
    crdt__elems_finder finder = {0};
    crdt_dot           dot;
    crdt_value         any;
    aimed              count = {0, 0, {0, 0}};
    if (e == NULL || e->dots == 0) return count;
    if (aim.value) finder = crdt__elems_find(e, *aim.value);
    while (aim.value ? crdt__elems_next_dot(&finder, &dot) : crdt__elems_next(&at, &dot, &any)) {
        if (gone && crdt_context_has(gone, dot)) continue;
        if (!aims_at(aim, target, dot)) continue;
        count.dots++;
        count.runs += dot.replica != count.last.replica || dot.seq != count.last.seq + 1;
        count.last = dot;
        if (cover) crdt_target_cover(cover, dot);
    }
    return count;
}

crdt__covers crdt__over_covers(const crdt__over *over, const crdt_target *target, crdt__aim aim)
{
    aimed state = each_aimed(over->state, over->gone, target, aim, NULL);
    aimed own = each_aimed(over->pending, NULL, target, aim, NULL);
    bool  one = state.dots == 1 && own.dots == 0;
    return (crdt__covers){state.runs, own.dots, one ? state.last : (crdt_dot){0, 0}};
}

static bool first_aimed(const crdt__elems *e, const crdt_target *target, crdt__aim aim,
                        crdt_dot *ret_dot)
{
    crdt__elems_cursor at = {e, 0, 0};
    crdt__elems_finder finder = {0};
    crdt_value         any;
    if (aim.value) finder = crdt__elems_find(e, *aim.value);
    while (aim.value ? crdt__elems_next_dot(&finder, ret_dot)
                     : crdt__elems_next(&at, ret_dot, &any)) {
        if (aims_at(aim, target, *ret_dot)) return true;
    }
    return false;
}

void crdt__over_cover(const crdt__over *over, crdt_target *target, crdt__elems *delta,
                      crdt__aim aim)
{
    crdt_dot dot;
    size_t   own = each_aimed(over->pending, NULL, target, aim, NULL).dots;
    /* gone grows while it is read: a dot that is covered twice changes nothing */
    each_aimed(over->state, NULL, target, aim, target);
    if (aim.value == NULL && own > 0 && own == delta->dots) {
        crdt__elems_clear(target->space->mem, delta);
        return;
    }
    for (; own > 0 && first_aimed(delta, target, aim, &dot); own--) crdt__elems_kill(delta, dot);
}

static uint64_t dots_of(const crdt__over *over)
{
    return (over->state ? over->state->dots : 0) + (over->pending ? over->pending->dots : 0);
}

bool crdt__over_full(const crdt__over *over, const crdt_target *target)
{
    uint64_t most = target->space->limits->elements;
    return dots_of(over) >= most && crdt__over_count(over) >= most;
}

crdt_err crdt__one_reset(crdt_target *target)
{
    crdt__over   over = crdt__over_of(&target->now, 0);
    crdt__aim    all = {NULL, false};
    crdt__covers covers = crdt__over_covers(&over, target, all);
    if (covers.state + covers.own == 0) return CRDT_OK;
    crdt_err err = crdt_target_reserve(target, 1, covers.state);
    if (err) return err;
    crdt_target_dot(target);
    crdt__over_cover(&over, target, target->delta, all);
    return CRDT_OK;
}

/* -- Two parts --------------------------------------------------------------------------------- */

crdt__over crdt__pair_adds(const crdt_ref *ref)
{
    return crdt__over_of(ref, offsetof(crdt__pair, adds));
}

crdt__over crdt__pair_rms(const crdt_ref *ref)
{
    return crdt__over_of(ref, offsetof(crdt__pair, rms));
}

bool crdt__pair_has(const crdt_ref *ref, crdt_value value)
{
    crdt__over adds = crdt__pair_adds(ref), rms = crdt__pair_rms(ref);
    return crdt__over_has(&adds, value) && !crdt__over_has(&rms, value);
}

bool crdt__pair_next(const crdt_ref *ref, uint32_t at[4], crdt_value *ret_value)
{
    crdt__over adds = crdt__pair_adds(ref), rms = crdt__pair_rms(ref);
    while (crdt__over_next(&adds, at, ret_value)) {
        if (!crdt__over_has(&rms, *ret_value)) return true;
    }
    return false;
}

size_t crdt__pair_count(const crdt_ref *ref)
{
    crdt__over adds = crdt__pair_adds(ref), rms = crdt__pair_rms(ref);
    bool       by_adds = dots_of(&adds) < dots_of(&rms);
    size_t     both = 0;
    uint32_t   at[4] = {0};
    crdt_value value;
    while (crdt__over_next(by_adds ? &adds : &rms, at, &value)) {
        both += crdt__over_has(by_adds ? &rms : &adds, value);
    }
    return crdt__over_count(&adds) - both;
}

bool crdt__pair_alive(const crdt_ref *ref)
{
    crdt__over adds = crdt__pair_adds(ref), rms = crdt__pair_rms(ref);
    uint32_t   at[4] = {0};
    crdt_dot   dot;
    crdt_value value;
    while (next_dot(&adds, at, &dot, &value)) {
        if (dots_of(&rms) == 0 || !crdt__over_has(&rms, value)) return true;
    }
    return false;
}

bool crdt__pair_sees(const crdt_target *target)
{
    crdt__over adds = crdt__pair_adds(&target->now), rms = crdt__pair_rms(&target->now);
    uint32_t   at[4] = {0};
    crdt_dot   dot;
    crdt_value value;
    while (next_dot(&adds, at, &dot, &value)) {
        if (crdt_target_sees(target, dot) && !crdt__over_has(&rms, value)) return true;
    }
    return false;
}

/* -- Print: values in their order -------------------------------------------------------------- */

typedef bool (*next_value)(const crdt_ref *ref, uint32_t at[4], crdt_value *ret_value);

static bool one_next(const crdt_ref *ref, uint32_t at[4], crdt_value *ret_value)
{
    crdt__over over = crdt__over_of(ref, 0);
    return crdt__over_next(&over, at, ret_value);
}

static int value_order(const void *a, const void *b)
{
    const crdt_value *x = a, *y = b;
    return crdt_value_compare(*x, *y);
}

static void print_values(const crdt_ref *ref, next_value next, size_t count, crdt_buf *out)
{
    size_t      bytes = (count + 1) * sizeof(crdt_value), n = 0;
    uint32_t    at[4] = {0};
    crdt_value *values = crdt__alloc(out->mem, bytes);
    if (values == NULL) {
        out->failed = true;
        return;
    }
    while (n < count && next(ref, at, &values[n])) n++;
    crdt__sort(values, n, sizeof *values, value_order);
    crdt_buf_text(out, "{");
    for (size_t i = 0; i < n; i++) {
        if (i > 0) crdt_buf_text(out, ", ");
        crdt_buf_print_value(out, values[i]);
    }
    crdt_buf_text(out, "}");
    crdt__release(out->mem, values, bytes);
}

void crdt__one_print(const crdt_ref *ref, crdt_buf *out)
{
    crdt__over over = crdt__over_of(ref, 0);
    print_values(ref, one_next, crdt__over_count(&over), out);
}

void crdt__pair_print(const crdt_ref *ref, crdt_buf *out)
{
    print_values(ref, crdt__pair_next, crdt__pair_count(ref), out);
}

/* -- Slots: one part --------------------------------------------------------------------------- */

bool crdt__one_alive(const crdt_ref *ref)
{
    crdt__over over = crdt__over_of(ref, 0);
    uint32_t   at[4] = {0};
    crdt_dot   dot;
    crdt_value value;
    return next_dot(&over, at, &dot, &value);
}

bool crdt__one_empty(const void *state)
{
    return ((const crdt__elems *)state)->dots == 0;
}

void crdt__one_init(const crdt_space *space, void *state)
{
    (void)space;
    *(crdt__elems *)state = (crdt__elems){0};
}

void crdt__one_clear(const crdt_space *space, void *state)
{
    crdt__elems_clear(space->mem, state);
}

crdt_err crdt__one_prepare(crdt_join *join, void *state, const void *other)
{
    return crdt__elems_prepare(join, state, other);
}

bool crdt__one_commit(crdt_join *join, void *state, const void *other)
{
    return crdt__elems_commit(join, state, other);
}

crdt_err crdt__one_since(const crdt_space *space, const void *state, const crdt_context *ctx,
                         void *ret_part, crdt_context *keep)
{
    return crdt__elems_since(space, state, ctx, ret_part, keep);
}

void crdt__one_mark(const void *state, crdt_replicas *ids)
{
    crdt__elems_mark(state, ids);
}

void crdt__one_encode(const void *state, crdt_enc *enc)
{
    crdt__elems_encode(state, enc);
}

crdt_err crdt__one_decode(const crdt_space *space, void *state, crdt_dec *dec)
{
    return crdt__elems_decode(space, state, dec);
}

void crdt__one_digest(const void *state, crdt_blocks *blocks)
{
    crdt__elems_digest(state, blocks);
}

bool crdt__one_check(const crdt_space *space, const void *state, const crdt_context *seen,
                     const char **ret_reason)
{
    return crdt__elems_check(space, state, seen, ret_reason);
}

void crdt__one_stats(const void *state, crdt_stats *stats)
{
    crdt__elems_stats(state, stats);
    stats->elements += crdt__elems_count(state);
}

size_t crdt__one_bytes(const void *state)
{
    return crdt__elems_bytes(state);
}

void crdt__one_expect_in(const void *state, const crdt_value *elems, size_t count)
{
    crdt__elems_expect(state, elems, count);
}

/* -- Slots: two parts -------------------------------------------------------------------------- */

void crdt__pair_init(const crdt_space *space, void *state)
{
    (void)space;
    *(crdt__pair *)state = (crdt__pair){{0}, {0}};
}

void crdt__pair_clear(const crdt_space *space, void *state)
{
    crdt__pair *pair = state;
    crdt__elems_clear(space->mem, &pair->adds);
    crdt__elems_clear(space->mem, &pair->rms);
}

crdt_err crdt__pair_prepare(crdt_join *join, void *state, const void *other)
{
    crdt__pair       *mine = state;
    const crdt__pair *theirs = other;
    crdt_err          err = crdt__elems_prepare(join, &mine->adds, &theirs->adds);
    return err ? err : crdt__elems_prepare(join, &mine->rms, &theirs->rms);
}

bool crdt__pair_commit(crdt_join *join, void *state, const void *other)
{
    crdt__pair       *mine = state;
    const crdt__pair *theirs = other;
    bool              adds = crdt__elems_commit(join, &mine->adds, &theirs->adds);
    bool              rms = crdt__elems_commit(join, &mine->rms, &theirs->rms);
    return adds || rms;
}

crdt_err crdt__pair_since(const crdt_space *space, const void *state, const crdt_context *ctx,
                          void *ret_part, crdt_context *keep)
{
    const crdt__pair *pair = state;
    crdt__pair       *part = ret_part;
    crdt_err          err = crdt__elems_since(space, &pair->adds, ctx, &part->adds, keep);
    return err ? err : crdt__elems_since(space, &pair->rms, ctx, &part->rms, keep);
}

bool crdt__pair_empty(const void *state)
{
    const crdt__pair *pair = state;
    return pair->adds.dots + pair->rms.dots == 0;
}

void crdt__pair_mark(const void *state, crdt_replicas *ids)
{
    const crdt__pair *pair = state;
    crdt__elems_mark(&pair->adds, ids);
    crdt__elems_mark(&pair->rms, ids);
}

void crdt__pair_encode(const void *state, crdt_enc *enc)
{
    const crdt__pair *pair = state;
    crdt__elems_encode(&pair->adds, enc);
    crdt__elems_encode(&pair->rms, enc);
}

crdt_err crdt__pair_decode(const crdt_space *space, void *state, crdt_dec *dec)
{
    crdt__pair *pair = state;
    crdt_err    err = crdt__elems_decode(space, &pair->adds, dec);
    if (err == CRDT_OK) err = crdt__elems_decode(space, &pair->rms, dec);
    if (err == CRDT_OK && !crdt__elems_disjoint(&pair->adds, &pair->rms)) {
        err = crdt_dec_fail(dec, CRDT_EMALFORMED, "set: a dot is both added and removed");
    }
    if (err) crdt__pair_clear(space, pair);
    return err;
}

void crdt__pair_digest(const void *state, crdt_blocks *blocks)
{
    const crdt__pair *pair = state;
    crdt__elems_digest(&pair->adds, blocks);
    crdt_blocks_section(blocks, 1);
    crdt__elems_digest(&pair->rms, blocks);
}

bool crdt__pair_check(const crdt_space *space, const void *state, const crdt_context *seen,
                      const char **ret_reason)
{
    const crdt__pair *pair = state;
    if (!crdt__elems_check(space, &pair->adds, seen, ret_reason)) return false;
    if (!crdt__elems_check(space, &pair->rms, seen, ret_reason)) return false;
    if (crdt__elems_disjoint(&pair->adds, &pair->rms)) return true;
    *ret_reason = "set: a dot is both added and removed";
    return false;
}

void crdt__pair_stats(const void *state, crdt_stats *stats)
{
    const crdt__pair *pair = state;
    crdt_ref          ref = {.state = state};
    crdt__elems_stats(&pair->adds, stats);
    crdt__elems_stats(&pair->rms, stats);
    stats->elements += crdt__pair_count(&ref);
    stats->residues += pair->rms.dots;
}

size_t crdt__pair_bytes(const void *state)
{
    const crdt__pair *pair = state;
    return crdt__elems_bytes(&pair->adds) + crdt__elems_bytes(&pair->rms);
}
