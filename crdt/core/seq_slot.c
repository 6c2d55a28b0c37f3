/* core/seq_slot.c: the state of a list's or text's object. See seq.h. */
#include <string.h>

#include "crdt/core/mem.h"
#include "crdt/core/seq.h"

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

void crdt__slot_clear(const crdt_space *space, void *state)
{
    (void)space;
    drop_seq(state);
}

crdt_err crdt__slot_open(crdt__slot *slot)
{
    if (slot->seq != NULL) return CRDT_OK;
    slot->seq = crdt__alloc(slot->space->mem, sizeof *slot->seq);
    if (slot->seq == NULL) return CRDT_ENOMEM;
    crdt__seq_init(slot->space, slot->seq, slot->kind, slot->classic);
    return CRDT_OK;
}

uint64_t crdt__slot_move(const crdt_space *space, void *state, void *other_state)
{
    crdt__slot *slot = state, *other = other_state;
    drop_seq(slot); /* it may hold authors without rows */
    slot->seq = other->seq;
    other->seq = NULL;
    if (slot->seq == NULL) return 0;
    slot->seq->space = space;
    return crdt__seq_stamp_max(slot->seq);
}

/* -- Reading ----------------------------------------------------------------------------------- */

/* Settled: that changes nothing that shows. */
static const crdt__seq *settled(const crdt__slot *slot)
{
    if (slot->seq != NULL) crdt__seq_settle(slot->seq);
    return slot->seq;
}

const crdt__seq *crdt__seq_of(const crdt_ref *ref)
{
    const crdt__slot *slot = ref->state != NULL ? ref->state : ref->pending;
    return slot == NULL ? NULL : settled(slot);
}

bool crdt__slot_alive(const crdt_ref *ref)
{
    const crdt__slot *slot = ref->state != NULL ? ref->state : ref->pending;
    return slot != NULL && slot->seq != NULL && crdt__seq_visible(slot->seq) > 0;
}

bool crdt__slot_empty(const void *state)
{
    const crdt__slot *slot = state;
    return slot->seq == NULL || crdt__seq_empty(slot->seq);
}

void crdt__slot_stats(const void *state, crdt_stats *stats)
{
    const crdt__seq *seq = settled(state);
    if (seq != NULL) crdt__seq_stats(seq, stats);
}

bool crdt__slot_check(const crdt_space *space, const void *state, const crdt_context *seen,
                      const char **ret_reason)
{
    const crdt__slot *slot = state;
    const crdt__seq  *seq = settled(slot);
    *ret_reason = "a sequence is in another store's space";
    if (slot->space != space || (seq != NULL && seq->space != space)) return false;
    return seq == NULL || crdt__seq_check(seq, seen, ret_reason);
}

bool crdt__slot_within(const void *state, const crdt_context *seen)
{
    const crdt__slot *slot = state;
    return slot->seq == NULL || crdt__seq_within(slot->seq, seen);
}

/* -- Bytes ------------------------------------------------------------------------------------- */

void crdt__slot_mark(const void *state, crdt_replicas *ids)
{
    const crdt__slot *slot = state;
    if (slot->seq != NULL) crdt__seq_mark(slot->seq, ids);
}

void crdt__slot_encode(const void *state, crdt_enc *enc)
{
    const crdt__slot *slot = state;
    if (slot->seq != NULL) crdt__seq_encode(slot->seq, enc);
    else crdt_buf_varint(enc->out, 0);
}

void crdt__slot_digest(const void *state, crdt_blocks *blocks)
{
    const crdt__slot *slot = state;
    if (slot->seq != NULL) crdt__seq_digest(slot->seq, blocks);
    else crdt_blocks_section(blocks, 1);
}

crdt_err crdt__slot_decode(const crdt_space *space, void *state, crdt_dec *dec)
{
    (void)space;
    crdt__slot *slot = state;
    if (crdt__slot_open(slot) != CRDT_OK) return crdt_dec_fail(dec, CRDT_ENOMEM, "no room");
    return crdt__seq_decode(slot->seq, dec);
}

/* -- Changes ----------------------------------------------------------------------------------- */

crdt_err crdt__slot_prepare(crdt_join *join, void *state, const void *other_state)
{
    crdt__slot       *slot = state;
    const crdt__slot *other = other_state;
    if (other->seq == NULL) return CRDT_OK;
    crdt_err err = crdt__slot_open(slot);
    return err == CRDT_OK ? crdt__seq_prepare(slot->seq, other->seq, join->mine.seen) : err;
}

bool crdt__slot_commit(crdt_join *join, void *state, const void *other_state)
{
    crdt__slot       *slot = state;
    const crdt__slot *other = other_state;
    bool              changed = slot->seq != NULL && slot->seq->changed;
    uint64_t          stamp = other->seq == NULL ? 0 : crdt__seq_stamp_max(other->seq);
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
    if (slot->seq == NULL) return CRDT_OK;
    crdt_err err = crdt__slot_open(part);
    return err == CRDT_OK ? crdt__seq_since(slot->seq, ctx, part->seq, keep) : err;
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

bool crdt__slot_stabilise(const crdt_space *space, void *state, const crdt_context *cut)
{
    (void)space;
    crdt__slot *slot = state;
    return slot->seq != NULL && crdt__seq_stabilise(slot->seq, cut);
}

void crdt__slot_keep(const crdt_space *space, void *state)
{
    (void)space;
    crdt__slot *slot = state;
    if (slot->seq != NULL) crdt__seq_keep(slot->seq);
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
    err = crdt__slot_open(part);
    return err == CRDT_OK ? crdt__seq_written(slot->seq, first, part->seq) : err;
}
