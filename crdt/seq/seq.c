/* seq/seq.c: a sequence as a whole: beginning and end, what is pending, undo, audit. See seq.h. */
#include "crdt/seq/seq.h"

#include <string.h>

#include "crdt/core/mem.h"
#include "crdt/seq/seq_forget.h"
#include "crdt/seq/seq_stand.h"

void crdt__seq_init(const crdt_space *space, crdt__seq *seq, crdt__atom_kind kind, bool classic)
{
    memset(seq, 0, sizeof *seq);
    crdt__atoms_init(&seq->atoms, space->mem, kind);
    crdt__log_init(&seq->log, space->mem);
    crdt__order_init(&seq->order, space->mem, &seq->atoms);
    crdt__omap_init(&seq->parked, space->mem);
    crdt__omap_init(&seq->needs, space->mem);
    seq->filed = true;
    crdt__omap_init(&seq->sets, space->mem);
    seq->classic = classic;
    seq->space = space;
}

static void free_parked(crdt__seq *seq, crdt__parked *parked)
{
    seq->parked_bytes -= parked->size;
    crdt__release(seq->space->mem, parked, parked->size);
}

void crdt__seq_clear(crdt__seq *seq)
{
    crdt__omap_iter it = crdt__omap_first(&seq->parked);
    crdt__omap_clear(&seq->needs);
    for (crdt__parked *p; (p = crdt__omap_next(&it)) != NULL;) free_parked(seq, p);
    crdt__omap_clear(&seq->parked);
    crdt__seq_clear_sets(seq);
    crdt__stands_clear(seq);
    crdt__seq_unready(seq);
    crdt__families_drop(seq);
    crdt__seq_drop(&seq->replacement);
    crdt__seq_unhear(seq);
    crdt__seq_clear_tops(seq);
    crdt__order_clear(&seq->order);
    crdt__log_clear(&seq->log);
    crdt__atoms_clear(&seq->atoms);
    crdt__seq_init(seq->space, seq, seq->atoms.kind, seq->classic);
}

void crdt__seq_drop(crdt__seq **next)
{
    crdt__seq *seq = *next;
    *next = NULL;
    if (seq == NULL) return;
    const crdt_mem *mem = seq->space->mem;
    crdt__seq_clear(seq);
    crdt__release(mem, seq, sizeof *seq);
}

void crdt__seq_replace(crdt__seq *seq, crdt__seq *next)
{
    crdt__seq_clear(seq);
    *seq = *next;
    seq->order.atoms = &seq->atoms;
    crdt__release(seq->space->mem, next, sizeof *next);
}

uint64_t crdt__seq_stamp_max(const crdt__seq *seq)
{
    uint64_t        max = seq->stands.stamp;
    crdt__omap_iter it = crdt__omap_first(&seq->sets);
    for (crdt__set *set; (set = crdt__omap_next(&it)) != NULL;) {
        if (set->stamp > max) max = set->stamp;
    }
    return max;
}

/* -- What is pending --------------------------------------------------------------------------- */

static void settle_typing(crdt__seq *seq)
{
    crdt__pending *p = &seq->pending;
    p->row.each = p->count;
    bool glued = p->row.left != CRDT__NO_CID && p->row.left + 1 == p->row.cid &&
                 p->row.right == CRDT__NO_CID;
    if (glued) {
        crdt__idrange id = crdt__log_id(&seq->log, p->row.left);
        glued = id.author == p->author && id.ctr + 1 == p->row.ctr;
    }
    crdt__log_add_ins(&seq->log, p->author, &p->row);
    crdt__order_insert(&seq->order, p->place, p->row.cid, p->count, glued);
    if (seq->families != NULL) crdt__family_note(seq, &p->row);
    if (seq->parked.count > 0) crdt__wait_met(seq, crdt__seq_elem(seq, p->row.cid), p->count);
    if (seq->classic) seq->lamport = crdt__lamport_on(p->row.lamport, p->count - 1);
}

/* The first dot is asked for, those after it follow: *dots is how many there are. */
static void log_deletion(crdt__seq *seq, crdt__del *row, uint32_t *dots)
{
    if (row->each == 0) return;
    if (*dots == 0) row->dot = crdt_target_dot(&seq->pending.target).seq;
    ++*dots;
    crdt__log_add_del(&seq->log, seq->pending.author, row);
    row->dot++;
    row->each = 0;
}

/* Elements cid .. cid + len - 1 are deleted: onto the row if they go on from it, else it is
 * logged. */
static void add_deleted(crdt__seq *seq, crdt__del *row, uint32_t *dots, uint32_t cid, uint32_t len)
{
    crdt__idrange id = crdt__log_id(&seq->log, cid);
    CRDT_ASSERT(id.len >= len);
    if (row->of != id.author || row->ctr + row->each != id.ctr) log_deletion(seq, row, dots);
    if (row->each == 0) {
        row->of = id.author;
        row->ctr = id.ctr;
    }
    row->each += len;
    if (seq->sets.count > 0) crdt__seq_drop_sets(seq, crdt__seq_elem(seq, cid), len);
}

/* The same of places in one span, which may be stands. */
static void add_killed(crdt__seq *seq, crdt__del *row, uint32_t *dots, uint32_t cid, uint32_t len)
{
    for (uint32_t n; len > 0; cid += n, len -= n) {
        n = crdt__before_stand(seq, cid, len);
        if (n > 0) {
            add_deleted(seq, row, dots, cid, n);
            continue;
        }
        add_deleted(seq, row, dots, crdt__shown_by(seq, cid), 1);
        n = 1;
    }
}

/* A dot for each stretch of visible elements whose ids follow on one another: so how many a
 * deletion takes depends on what shows alone, not on the order in which it came. */
static void settle_deleting(crdt__seq *seq)
{
    crdt__pending *p = &seq->pending;
    crdt__place    place = crdt__order_at(&seq->order, p->pos);
    crdt__del      row = {.dots = 1};
    uint32_t       dots = 0;
    for (uint32_t left = p->count, cid, n; left > 0; left -= n) {
        crdt__order_pass_dead(&place);
        n = crdt__order_kill(&seq->order, &place, left, &cid);
        add_killed(seq, &row, &dots, cid, n);
    }
    log_deletion(seq, &row, &dots);
    crdt_target_dots(&p->target, dots - 1);
}

void crdt__seq_settle(crdt__seq *seq)
{
    crdt__pending_kind kind = seq->pending.kind;
    if (kind == CRDT__NOTHING) return;
    if (kind == CRDT__TYPING) settle_typing(seq);
    else settle_deleting(seq);
    seq->pending.kind = CRDT__NOTHING;
}

uint32_t crdt__seq_visible(const crdt__seq *seq)
{
    const crdt__pending *p = &seq->pending;
    if (p->kind == CRDT__TYPING) return seq->order.visible + p->count;
    return seq->order.visible - (p->kind == CRDT__DELETING ? p->count : 0);
}

bool crdt__seq_empty(const crdt__seq *seq)
{
    if (seq->pending.kind != CRDT__NOTHING || seq->atoms.count > 0) return false;
    if (seq->log.gone > 0 || seq->replacement != NULL) return false;
    return seq->log.del_rows == 0 && seq->parked.count == 0 && seq->sets.count == 0;
}

/* -- Elements ---------------------------------------------------------------------------------- */

crdt__elem crdt__seq_elem(const crdt__seq *seq, uint32_t cid)
{
    crdt__elem elem = {0, 0};
    if (cid == CRDT__NO_CID) return elem;
    crdt__idrange id = crdt__log_id(&seq->log, cid);
    elem.replica = seq->log.authors[id.author].replica;
    elem.ctr = id.ctr;
    return elem;
}

bool crdt__seq_find(const crdt__seq *seq, crdt__elem elem, uint32_t *ret_cid)
{
    *ret_cid = CRDT__NO_CID;
    if (elem.replica == 0) return true;
    uint32_t author = crdt__log_find(&seq->log, elem.replica);
    if (author == CRDT__NO_AUTHOR || elem.ctr >= seq->log.authors[author].count) return false;
    *ret_cid = crdt__log_cid(&seq->log, author, elem.ctr).cid;
    return *ret_cid != CRDT__NO_CID;
}

bool crdt__seq_is_dead(const crdt__seq *seq, uint32_t cid)
{
    crdt__place place = crdt__order_of(&seq->order, cid);
    return place.leaf->spans[place.index].dead;
}

/* -- What stays and what is taken back --------------------------------------------------------- */

/* Parked rows that changed: those put in place (done) go, or those that came. */
static void sweep_parked(crdt__seq *seq, bool undo)
{
    for (crdt__parked *p; (p = seq->changed_parked) != NULL;) {
        seq->changed_parked = p->next_changed;
        if (undo ? p->fresh : p->done) {
            crdt__omap_remove(&seq->parked, p->key.bytes, 0);
            free_parked(seq, p);
            continue;
        }
        if (!undo) p->row = crdt__parked_row(p);
        p->fresh = p->done = p->listed = false;
        p->placed = 0;
    }
}

void crdt__seq_keep(crdt__seq *seq)
{
    crdt__seq_settle(seq);
    crdt__order_keep(&seq->order);
    crdt__log_settle(&seq->log);
    crdt__seq_keep_sets(seq);
    crdt__stands_keep(seq);
    sweep_parked(seq, false);
    seq->kept_lamport = seq->lamport;
    seq->changed = false;
}

void crdt__seq_undo(crdt__seq *seq)
{
    seq->pending.kind = CRDT__NOTHING;
    crdt__seq_unready(seq);
    crdt__families_drop(seq);
    crdt__seq_drop(&seq->replacement);
    crdt__seq_unhear(seq);
    crdt__seq_cut_tops(seq, seq->order.mark);
    crdt__stands_undo(seq, seq->order.mark);
    crdt__order_undo(&seq->order);
    crdt__atoms_cut(&seq->atoms, seq->order.mark);
    crdt__log_undo(&seq->log);
    crdt__seq_undo_sets(seq);
    if (seq->changed_parked != NULL || seq->met != NULL) crdt__wait_drop(seq);

    sweep_parked(seq, true);
    seq->lamport = seq->kept_lamport;
    seq->changed = false;
}

/* -- Statistics and audit ---------------------------------------------------------------------- */

static uint64_t count_dots(const crdt__seq *seq)
{
    uint64_t dots = seq->sets.count;
    for (uint64_t r = crdt__rows_replica(seq, 0); r != 0; r = crdt__rows_replica(seq, r)) {
        crdt__rows rows;
        crdt__row  row;
        crdt__rows_begin(&rows, seq, r, 0);
        while (crdt__rows_next(&rows, &row)) dots += row.dots;
    }
    return dots;
}

uint64_t crdt__seq_waiting(const crdt__seq *seq)
{
    uint64_t        dots = 0;
    crdt__omap_iter it = crdt__omap_first(&seq->parked);
    for (crdt__parked *p; (p = crdt__omap_next(&it)) != NULL;) {
        if (!p->done) dots += p->row.dots - p->placed;
    }
    return dots;
}

size_t crdt__seq_bytes(const crdt__seq *seq)
{
    size_t bytes = sizeof *seq + seq->atoms.memory + seq->log.memory + seq->order.memory;
    bytes += seq->parked.bytes + seq->parked_bytes + seq->needs.bytes;
    bytes += seq->sets.bytes + seq->sets.count * sizeof(crdt__set);
    return bytes + crdt__families_bytes(seq) + crdt__tops_bytes(seq) + crdt__stands_bytes(seq);
}

void crdt__seq_stats(const crdt__seq *seq, crdt_stats *stats)
{
    uint64_t bytes = seq->atoms.bytes;
    stats->payload += bytes;
    stats->metadata += seq->atoms.memory - bytes + seq->log.memory + seq->order.memory;
    stats->metadata += seq->parked.bytes + seq->needs.bytes + seq->sets.bytes;
    stats->metadata += crdt__families_bytes(seq);
    stats->metadata += crdt__tops_bytes(seq) + crdt__stands_bytes(seq);
    stats->metadata += seq->sets.count * sizeof(crdt__set);
    stats->dots += count_dots(seq);
    stats->residues += seq->atoms.count - seq->order.visible + crdt__seq_waiting(seq);
    stats->elements += seq->order.visible;
    crdt__omap_iter it = crdt__omap_first(&seq->parked);
    for (crdt__parked *p; (p = crdt__omap_next(&it)) != NULL;) {
        stats->payload += p->row.bytes.size;
        stats->metadata += p->size - p->row.bytes.size;
    }
    it = crdt__omap_first(&seq->sets);
    for (crdt__set *set; (set = crdt__omap_next(&it)) != NULL;) {
        stats->payload += set->value.kind == CRDT_BYTES ? set->value.bytes.size : 0;
        if (set->stamp > stats->stamp_max) stats->stamp_max = set->stamp;
    }
    if (seq->stands.stamp > stats->stamp_max) stats->stamp_max = seq->stands.stamp;
}

static bool fail(const char **ret_reason, const char *reason)
{
    *ret_reason = reason;
    return false;
}

/* Every element stands where its row says, and deleted ones are dead. */
static bool check_rows(const crdt__seq *seq, const char **ret_reason)
{
    for (uint64_t r = crdt__rows_replica(seq, 0); r != 0; r = crdt__rows_replica(seq, r)) {
        crdt__rows rows;
        crdt__row  row;
        uint64_t   last = 0;
        crdt__rows_begin(&rows, seq, r, 0);
        while (crdt__rows_next(&rows, &row)) {
            if (row.dot <= last) return fail(ret_reason, "dots of rows are not ascending");
            last = row.dot + row.dots - 1;
        }
    }
    return true;
}

/* Spans stand right of their left origins, left of their right parents. */
static bool check_order(const crdt__seq *seq, const char **ret_reason)
{
    if (!seq->order.index.valid) return true;
    for (const crdt__leaf *leaf = seq->order.first; leaf != NULL; leaf = leaf->next) {
        for (uint32_t i = 0; i < leaf->count; i++) {
            const crdt__span *span = &leaf->spans[i];
            crdt__place       here = {(crdt__leaf *)(uintptr_t)leaf, i, 0};
            crdt__idrange     id = crdt__log_id(&seq->log, span->cid);
            crdt__ins         row = crdt__log_ins_of(&seq->log, id.author, id.ctr);
            bool              inner = row.ctr != id.ctr;
            uint32_t          left = inner ? span->cid - 1 : row.left;
            uint32_t          right = inner ? CRDT__NO_CID : crdt__seq_right_of(seq, &row);
            if (span->glued && (left != span->cid - 1 || right != CRDT__NO_CID)) {
                return fail(ret_reason, "a span is glued to what it does not follow");
            }
            const crdt__order *o = &seq->order;
            if (left != CRDT__NO_CID &&
                crdt__order_compare(o, crdt__order_of(o, left), here) >= 0) {
                return fail(ret_reason, "an element stands before its left origin");
            }
            if (right != CRDT__NO_CID &&
                crdt__order_compare(o, here, crdt__order_of(o, right)) >= 0) {
                return fail(ret_reason, "an element stands after its right parent");
            }
        }
    }
    return true;
}

static bool check_tops(const crdt__seq *seq, const char **ret_reason)
{
    size_t    size = seq->top_count * sizeof(uint32_t);
    uint32_t *list = size == 0 ? NULL : crdt__alloc(seq->space->mem, size);
    bool      ok = crdt__gone_check(seq, list, ret_reason);
    crdt__release(seq->space->mem, list, size);
    return ok;
}

bool crdt__seq_within(const crdt__seq *seq, const crdt_context *seen)
{
    for (uint32_t a = 0; a < seq->log.author_count; a++) {
        uint64_t         replica = seq->log.authors[a].replica;
        uint64_t         base = crdt_context_base(seen, replica);
        crdt__log_iter   it;
        const crdt__ins *ins;
        const crdt__del *del;
        crdt__log_each_ins(&it, &seq->log, a, base + 1);
        while ((ins = crdt__log_next_ins(&it)) != NULL) {
            crdt_run run = {replica, ins->dot, ins->dot + ins->dots - 1};
            if (!crdt_context_has_run(seen, run)) return false;
        }
        crdt__log_each_del(&it, &seq->log, a, base + 1);
        while ((del = crdt__log_next_del(&it)) != NULL) {
            crdt_run run = {replica, del->dot, del->dot + del->dots - 1};
            if (!crdt_context_has_run(seen, run)) return false;
        }
    }
    crdt__omap_iter it = crdt__omap_first(&seq->parked);
    for (crdt__parked *p; (p = crdt__omap_next(&it)) != NULL;) {
        crdt_run run = {p->row.replica, p->row.dot, p->row.dot + p->row.dots - 1};
        if (!crdt_context_has_run(seen, run)) return false;
    }
    it = crdt__omap_first(&seq->sets);
    for (crdt__set *set; (set = crdt__omap_next(&it)) != NULL;) {
        if (!crdt_context_has(seen, set->dot)) return false;
    }
    return true;
}

bool crdt__seq_check(const crdt__seq *seq, const crdt_context *seen, const char **ret_reason)
{
    if (!crdt__atoms_check(&seq->atoms, ret_reason)) return false;
    if (!crdt__log_check(&seq->log, ret_reason)) return false;
    if (!crdt__order_check(&seq->order, ret_reason)) return false;
    if (!crdt__omap_check(&seq->parked, ret_reason)) return false;
    if (!crdt__omap_check(&seq->needs, ret_reason)) return false;
    if (!crdt__omap_check(&seq->sets, ret_reason)) return false;
    if (!crdt__seq_within(seq, seen)) return fail(ret_reason, "a dot is outside the context");
    return check_order(seq, ret_reason) && check_rows(seq, ret_reason) &&
           check_tops(seq, ret_reason) && crdt__stands_check(seq, ret_reason);
}
