/* seq/seq_slot.c: the state of a list's or text's object. See seq.h. */
#include <string.h>

#include "crdt/core/mem.h"
#include "crdt/seq/seq_forget.h"
#include "crdt/seq/seq_pack.h"
#include "crdt/seq/seq_snap.h"
#include "crdt/seq/seq_stand.h"

/* What a sequence may take for a while beyond 8 times its bytes. */
#define SLACK 40960u

void crdt__slot_init(const crdt_space *space, void *state, crdt__atom_kind kind, bool classic)
{
    crdt__slot *slot = state;
    memset(slot, 0, sizeof *slot);
    slot->space = space;
    slot->kind = kind;
    slot->classic = classic;
}

static void drop_seq(crdt__slot *slot)
{
    if (slot->seq == NULL) return;
    crdt__seq_clear(slot->seq);
    crdt__release(slot->space->mem, slot->seq, sizeof *slot->seq);
    slot->seq = NULL;
}

static void drop_pack(crdt__slot *slot)
{
    if (slot->pack != NULL) crdt__pack_free(slot, slot->pack);
    slot->pack = NULL;
}

static uint64_t stamp_max(const crdt__slot *slot)
{
    if (slot->pack != NULL) return crdt__pack_stamp_max(slot->pack, slot);
    return slot->seq == NULL ? 0 : crdt__seq_stamp_max(slot->seq);
}

void crdt__slot_clear(const crdt_space *space, void *state)
{
    (void)space;
    drop_seq(state);
    drop_pack(state);
}

/* -- Making the sequence ----------------------------------------------------------------------- */

static crdt_err make_seq(crdt__slot *slot)
{
    slot->seq = crdt__alloc(slot->space->mem, sizeof *slot->seq);
    if (slot->seq == NULL) return CRDT_ENOMEM;
    crdt__seq_init(slot->space, slot->seq, slot->kind, slot->classic);
    return CRDT_OK;
}

crdt_err crdt__slot_unpack(crdt__slot *slot)
{
    if (slot->seq != NULL || slot->pack == NULL) return CRDT_OK;
    crdt__reader r;
    bool         over;
    crdt_err     err = make_seq(slot);
    if (err != CRDT_OK) return err;
    crdt__pack_reader(slot->pack, slot, &r);
    err = crdt__seq_load(slot->seq, &r, NULL, SIZE_MAX, &over);
    if (err != CRDT_OK) drop_seq(slot);
    return err;
}

crdt_err crdt__slot_open(crdt__slot *slot)
{
    if (slot->seq == NULL && slot->pack == NULL) return make_seq(slot);
    crdt_err err = crdt__slot_unpack(slot);
    if (err == CRDT_OK) drop_pack(slot);
    return err;
}

uint64_t crdt__slot_move(const crdt_space *space, void *state, void *other_state)
{
    crdt__slot *slot = state, *other = other_state;
    drop_seq(slot); /* it may hold authors without rows */
    slot->seq = other->seq;
    slot->pack = other->pack;
    slot->shows = other->shows;
    other->seq = NULL;
    other->pack = NULL;
    if (slot->seq != NULL) {
        slot->seq->space = space;
        drop_pack(slot);
    }
    return stamp_max(slot);
}

/* -- Reading ----------------------------------------------------------------------------------- */

/* Unpacked and settled: that changes nothing that shows. NULL: nothing, or refused memory. */
static const crdt__seq *settled(const crdt__slot *slot)
{
    if (crdt__slot_unpack((crdt__slot *)(uintptr_t)slot) != CRDT_OK) return NULL;
    if (slot->seq != NULL) crdt__seq_settle(slot->seq);
    return slot->seq;
}

const crdt__seq *crdt__seq_of(const crdt_ref *ref)
{
    const crdt__slot *slot = ref->state != NULL ? ref->state : ref->pending;
    return slot == NULL ? NULL : settled(slot);
}

/* Found out by putting all in place; where that would take too much, it is said to show. */
crdt_err crdt__slot_learn(const crdt_space *space, void *state)
{
    (void)space;
    crdt__slot  *slot = state;
    crdt__reader r;
    bool         over = false, kept = slot->seq != NULL;
    crdt_err     err = CRDT_OK;
    if (slot->pack == NULL || slot->shows != CRDT__SHOWS_UNKNOWN) return CRDT_OK;
    if (!kept) {
        err = make_seq(slot);
        if (err != CRDT_OK) return err;
        crdt__pack_reader(slot->pack, slot, &r);
        err = crdt__seq_load(slot->seq, &r, NULL, slot->pack->size * (size_t)8 + SLACK, &over);
    }
    bool shows = err != CRDT_OK || over || crdt__seq_visible(slot->seq) > 0;
    if (!kept) drop_seq(slot);
    if (err == CRDT_ENOMEM) return err;
    slot->shows = shows ? CRDT__SHOWS : CRDT__SHOWS_NOT;
    return CRDT_OK;
}

bool crdt__slot_alive(const crdt_ref *ref)
{
    const crdt__slot *slot = ref->state != NULL ? ref->state : ref->pending;
    if (slot == NULL) return false;
    if (slot->pack != NULL) {
        crdt_err err = crdt__slot_learn(slot->space, (crdt__slot *)(uintptr_t)slot);
        return err != CRDT_OK || slot->shows == CRDT__SHOWS; /* who must know has learned before */
    }
    return slot->seq != NULL && crdt__seq_visible(slot->seq) > 0;
}

bool crdt__slot_empty(const void *state)
{
    const crdt__slot *slot = state;
    return slot->pack == NULL && (slot->seq == NULL || crdt__seq_empty(slot->seq));
}

void crdt__slot_stats(const void *state, crdt_stats *stats)
{
    const crdt__slot *slot = state;
    const crdt__seq  *seq = settled(slot);
    if (seq != NULL) crdt__seq_stats(seq, stats);
    stats->metadata += crdt__pack_bytes(slot->pack);
}

/* Without making it. */
size_t crdt__slot_bytes(const void *state)
{
    const crdt__slot *slot = state;
    size_t            bytes = crdt__pack_bytes(slot->pack);
    return slot->seq == NULL ? bytes : bytes + crdt__seq_bytes(slot->seq);
}

bool crdt__slot_check(const crdt_space *space, const void *state, const crdt_context *seen,
                      const char **ret_reason)
{
    const crdt__slot *slot = state;
    const crdt__seq  *seq = settled(slot);
    *ret_reason = "a sequence is in another store's space";
    if (slot->space != space || (seq != NULL && seq->space != space)) return false;
    *ret_reason = "a dot is outside the context";
    if (slot->pack != NULL && !crdt__slot_within(slot, seen)) return false;
    return seq == NULL || crdt__seq_check(seq, seen, ret_reason);
}

bool crdt__slot_within(const void *state, const crdt_context *seen)
{
    const crdt__slot *slot = state;
    crdt__walk        walk;
    crdt__row         row;
    crdt__set_walk    sets;
    crdt__told_set    set;
    if (slot->pack == NULL) return slot->seq == NULL || crdt__seq_within(slot->seq, seen);
    crdt__walk_begin(&walk, slot);
    while (crdt__walk_replica(&walk)) {
        uint64_t base = crdt_context_base(seen, walk.replica);
        while (crdt__walk_row(&walk, &row)) {
            crdt_run run = {row.replica, row.dot, row.dot + row.dots - 1};
            if (run.hi > base && !crdt_context_has_run(seen, run)) return false;
        }
    }
    if (crdt__sets_begin(&sets, slot) == 0) return true;
    while (crdt__sets_next(&sets, &set)) {
        if (!crdt_context_has(seen, set.dot)) return false;
    }
    return true;
}

/* -- Decoding ---------------------------------------------------------------------------------- */

/* All put in place as it is read. *ret_over: that would take more memory than it may. */
static crdt_err decode_now(crdt__slot *slot, crdt_dec *dec, bool *ret_over)
{
    crdt__dict   dict = {dec->dict, NULL, dec->dict_count, dec->dict_count};
    size_t       size = crdt_dec_left(dec);
    crdt__reader r;
    crdt_err     err = make_seq(slot);
    *ret_over = false;
    if (err != CRDT_OK) return crdt_dec_fail(dec, err, "no room for a sequence");
    crdt__reader_begin(&r, slot, crdt_view_of(dec->at, size), dict, dec->limits);
    err = crdt__seq_load(slot->seq, &r, NULL, size * 8 + SLACK, ret_over);
    if (err == CRDT_EFORK) crdt_dec_fail(&r.in, CRDT_EMALFORMED, "a dot or element twice");
    if (err != CRDT_OK) {
        err = r.in.err != CRDT_OK ? r.in.err : err;
        return crdt_dec_fail(dec, err,
                             r.in.reason != NULL ? r.in.reason : "no room for a sequence");
    }
    if (!*ret_over) (void)crdt_dec_bytes(dec, (size_t)(r.in.at - dec->at));
    return CRDT_OK;
}

static crdt_err whole_sets(crdt__slot *slot, crdt_dec *dec, uint64_t replicas)
{
    crdt__dict     dict = {dec->dict, NULL, dec->dict_count, dec->dict_count};
    crdt__reader   r;
    crdt__told_set last, set;
    crdt_err       err = CRDT_OK;
    crdt__reader_rest(&r, slot, crdt_view_of(dec->at, crdt_dec_left(dec)), dict, dec->limits);
    size_t count = crdt__reader_sets(&r);
    if (crdt__snap_crowded(replicas, count, slot->seq->order.visible)) {
        crdt_dec_fail(&r.in, CRDT_EMALFORMED, "a whole sequence of too many sets");
    }
    for (size_t i = 0; err == CRDT_OK && r.in.err == CRDT_OK && i < count; i++) {
        if (!crdt__reader_set(&r, i == 0 ? NULL : &last, &set)) break;
        err = crdt__seq_put_set(slot->seq, set.elem, set.dot, set.stamp, set.value);
        if (err == CRDT_OK && crdt__seq_set_of(slot->seq, set.elem) == NULL) {
            crdt_dec_fail(&r.in, CRDT_EMALFORMED, "a set of a deleted element");
        }
        last = set;
    }
    if (err == CRDT_OK) err = r.in.err;
    if (err != CRDT_OK) return crdt_dec_fail(dec, err, r.in.reason);
    (void)crdt_dec_bytes(dec, (size_t)(r.in.at - dec->at));
    return CRDT_OK;
}

/* The head of a whole one was read. */
static crdt_err decode_whole(crdt__slot *slot, crdt_dec *dec, uint64_t head)
{
    uint64_t replicas = head / 4;
    if (dec->form == CRDT_OF_DELTA) {
        return crdt_dec_fail(dec, CRDT_EMALFORMED, "a whole sequence in a delta");
    }
    if (replicas > dec->dict_count || replicas > crdt_dec_left(dec) / 4) {
        return crdt_dec_fail(dec, CRDT_EMALFORMED, "more replicas than there can be");
    }
    if (slot->kind == CRDT__UTF8_ATOMS && head % 2 == 1) {
        return crdt_dec_fail(dec, CRDT_EMALFORMED, "sets in a text");
    }
    crdt_err err = make_seq(slot);
    if (err == CRDT_OK) err = crdt__snap_read(slot->seq, dec, (size_t)replicas);
    if (err == CRDT_OK && head % 2 == 1) err = whole_sets(slot, dec, replicas);
    if (err != CRDT_OK) return crdt_dec_fail(dec, err, "no room for a sequence");
    crdt__seq_keep(slot->seq);
    slot->shows = CRDT__SHOWS;
    return CRDT_OK;
}

/* An object among many whose sequence takes much more than its bytes. */
static bool is_small(const crdt__slot *slot, size_t bytes)
{
    return crdt__seq_bytes(slot->seq) > 6 * bytes;
}

/* What was forgotten, and then the sequence that needs it (*ret_gone); or that there is nothing. */
static crdt_err decode_gone(crdt__slot *slot, crdt_dec *dec, bool *ret_gone)
{
    crdt_err err = make_seq(slot);
    if (err != CRDT_OK) return crdt_dec_fail(dec, err, "no room for a sequence");
    if (crdt__gone_decode(slot->seq, dec) != CRDT_OK) return dec->err;
    *ret_gone = slot->seq->heard != NULL;
    if (!*ret_gone) {
        drop_seq(slot);
        return CRDT_OK;
    }
    crdt__dict   dict = {dec->dict, NULL, dec->dict_count, dec->dict_count};
    bool         over;
    crdt__reader r;
    slot->seq->strict = true;
    crdt__reader_begin(&r, slot, crdt_view_of(dec->at, crdt_dec_left(dec)), dict, dec->limits);
    err = crdt__seq_load(slot->seq, &r, NULL, SIZE_MAX - 1, &over);
    slot->seq->strict = false;
    if (err == CRDT_EFORK) crdt_dec_fail(&r.in, CRDT_EMALFORMED, "a dot or element twice");
    if (err == CRDT_OK && slot->seq->forged) {
        err = crdt_dec_fail(&r.in, CRDT_EMALFORMED, "a left origin that is not the right parent's");
    }
    if (err != CRDT_OK) {
        err = r.in.err != CRDT_OK ? r.in.err : err;
        return crdt_dec_fail(dec, err,
                             r.in.reason != NULL ? r.in.reason : "no room for a sequence");
    }
    (void)crdt_dec_bytes(dec, (size_t)(r.in.at - dec->at));
    slot->shows = crdt__seq_visible(slot->seq) > 0 ? CRDT__SHOWS : CRDT__SHOWS_NOT;
    return crdt__gone_decoded(slot->seq, dec);
}

crdt_err crdt__slot_decode(const crdt_space *space, void *state, crdt_dec *dec)
{
    (void)space;
    crdt__slot *slot = state;
    bool        over = true, gone = false;
    if (slot->space->forget_ids && decode_gone(slot, dec, &gone) != CRDT_OK) return dec->err;
    if (gone) return CRDT_OK;
    crdt_dec again = *dec, ahead = *dec;
    uint64_t head = crdt_dec_varint(&ahead);
    if (ahead.err == CRDT_OK && (head & 2) != 0 && !slot->space->forget_ids) {
        *dec = ahead;
        crdt_err err = decode_whole(slot, dec, head);
        if (err != CRDT_OK) drop_seq(slot);
        return err;
    }
    crdt_err err = dec->later == CRDT_LATER ? CRDT_OK : decode_now(slot, dec, &over);
    if (err != CRDT_OK || over) {
        drop_seq(slot);
        if (err == CRDT_OK && over && dec->later != CRDT_LATER) slot->shows = CRDT__SHOWS;
        return err == CRDT_OK ? crdt__pack_read(slot, dec, &slot->pack) : err;
    }
    if (dec->form == CRDT_OF_STATE && crdt__snap_fits(slot->seq)) {
        drop_seq(slot);
        return crdt_dec_fail(dec, CRDT_EMALFORMED, "a whole sequence in parts");
    }
    size_t bytes = (size_t)(dec->at - again.at);
    slot->shows = crdt__seq_visible(slot->seq) > 0 ? CRDT__SHOWS : CRDT__SHOWS_NOT;
    if (crdt__seq_empty(slot->seq)) drop_seq(slot);
    else if (dec->later == CRDT_LATER_IF_SMALL && is_small(slot, bytes)) {
        drop_seq(slot);
        err = crdt__pack_read(slot, &again, &slot->pack);
        if (err != CRDT_OK) return crdt_dec_fail(dec, err, again.reason);
    }
    return CRDT_OK;
}

/* -- Changes ----------------------------------------------------------------------------------- */

/* Who has seen nothing joins all the same: without a context a load would be that of what is held
 * already, which changes nothing that shows and cannot be undone. */
crdt_err crdt__slot_prepare(crdt_join *join, void *state, const void *other_state)
{
    static const crdt_context nothing;
    const crdt_context       *seen = join->mine.seen != NULL ? join->mine.seen : &nothing;
    crdt__slot               *slot = state;
    const crdt__slot         *other = other_state;
    if (other->seq == NULL && other->pack == NULL) return CRDT_OK;
    crdt_err err = crdt__slot_open(slot);
    if (err != CRDT_OK) return err;
    if (other->pack == NULL) {
        return crdt__seq_prepare(slot->seq, other->seq, seen, join->theirs.seen);
    }
    crdt__reader r;
    bool         over;
    crdt__pack_reader(other->pack, other, &r);
    return crdt__seq_load(slot->seq, &r, seen, SIZE_MAX, &over);
}

bool crdt__slot_commit(crdt_join *join, void *state, const void *other_state)
{
    crdt__slot *slot = state;
    crdt__seq  *seq = slot->seq, *next = seq == NULL ? NULL : seq->replacement;
    bool        changed = next != NULL || (seq != NULL && seq->changed);
    uint64_t    stamp = stamp_max(other_state);
    if (next != NULL) {
        seq->replacement = NULL;
        crdt__seq_replace(seq, next);
    }
    if (seq != NULL && seq->stands.stamp > stamp) stamp = seq->stands.stamp;
    if (stamp > join->stamp_max) join->stamp_max = stamp;
    crdt__slot_keep(join->space, slot);
    return changed;
}

crdt_err crdt__slot_since(const crdt_space *space, const void *state, const crdt_context *ctx,
                          void *ret_part, crdt_context *keep)
{
    (void)space;
    const crdt__slot *slot = state;
    crdt__slot       *part = ret_part;
    crdt__filter      filter = {ctx, keep, {0, 0}};
    if (slot->pack == NULL && slot->seq != NULL && !crdt__seq_cut_within(slot->seq, ctx)) {
        crdt_err err = make_seq(part); /* the whole of it */
        if (err == CRDT_OK) err = crdt__seq_take_all(part->seq, slot->seq, NULL);
        if (err == CRDT_OK) crdt__seq_unhear(part->seq);
        if (err == CRDT_OK) crdt__seq_keep(part->seq);
        return err;
    }
    return crdt__pack_make(state, &filter, &part->pack);
}

crdt_err crdt__slot_reset(crdt_target *target)
{
    crdt_err err = crdt__slot_open(target->state);
    if (err != CRDT_OK) return err;
    crdt__seq *seq = crdt__seq_in(target);
    err = crdt__seq_delete(target, 0, crdt__seq_visible(seq));
    if (err == CRDT_OK) crdt__seq_settle(seq); /* the store counts the dots that a reset takes */
    return err;
}

crdt_err crdt__slot_read(const crdt_space *space, void *state)
{
    (void)space;
    return crdt__slot_unpack(state);
}

/* Does a row of the pack delete something under the cut, or move it from an id that may go? */
static bool has_cut(const crdt__slot *slot, const crdt_context *cut)
{
    crdt__walk walk;
    crdt__row  row;
    crdt__walk_begin(&walk, slot);
    while (crdt__walk_replica(&walk)) {
        uint64_t max = crdt_context_max(cut, walk.replica);
        while (crdt__walk_row(&walk, &row)) {
            if ((row.del || (row.move && slot->space->forget_ids)) && row.dot <= max) return true;
        }
    }
    return false;
}

crdt_err crdt__slot_ready(const crdt_space *space, void *state, const crdt_context *cut)
{
    (void)space;
    crdt__slot *slot = state;
    crdt_err    err = CRDT_OK;
    if (cut == NULL) {
        crdt__seq *seq = slot->seq;
        if (seq != NULL) crdt__seq_unready(seq);
        if (seq != NULL && seq->replacement != NULL) crdt__seq_unready(seq->replacement);
        return CRDT_OK;
    }
    if (slot->pack != NULL) {
        if (!has_cut(slot, cut)) return CRDT_OK;
        err = crdt__slot_open(slot);
    }
    crdt__seq *seq = slot->seq;
    if (seq != NULL && seq->replacement != NULL) seq = seq->replacement;
    return err == CRDT_OK && seq != NULL ? crdt__seq_ready(seq, cut) : err;
}

bool crdt__slot_stabilise(const crdt_space *space, void *state, const crdt_context *cut)
{
    (void)space;
    crdt__slot *slot = state;
    return slot->pack == NULL && slot->seq != NULL && crdt__seq_stabilise(slot->seq, cut);
}

void crdt__slot_keep(const crdt_space *space, void *state)
{
    (void)space;
    crdt__slot *slot = state;
    if (slot->seq == NULL) return;
    crdt__seq_unhear(slot->seq);
    crdt__seq_keep(slot->seq);
}

void crdt__slot_undo(const crdt_space *space, void *state)
{
    (void)space;
    crdt__slot *slot = state;
    if (slot->seq != NULL) crdt__seq_undo(slot->seq);
}

crdt_err crdt__slot_seal(const crdt_space *space, void *state, crdt_dot first, void *ret_part)
{
    (void)space;
    crdt__slot *slot = state, *part = ret_part;
    if (slot->seq == NULL) return CRDT_OK;
    crdt__seq_settle(slot->seq);
    /* What was forged to follow on what is written now. */
    crdt_err err = crdt__seq_unpark(slot->seq);
    if (err != CRDT_OK || part == NULL) return err;
    crdt__filter filter = {NULL, NULL, first};
    return crdt__pack_make(slot, &filter, &part->pack);
}
