/* core/counted.c: see counted.h. */
#include "crdt/core/counted.h"

/* -- Writing ----------------------------------------------------------------------------------- */

crdt__tally_over crdt__counted_tally(const crdt__counting *how, const crdt_ref *ref)
{
    const crdt__counted *state = ref->state, *pending = ref->pending;
    return (crdt__tally_over){state != NULL ? &state->tally : NULL,
                              pending != NULL ? &pending->tally : NULL, ref->gone, how->one};
}

static crdt__tally *delta_tally(const crdt_target *target)
{
    return &((crdt__counted *)target->delta)->tally;
}

crdt_err crdt__counted_set(const crdt__counting *how, crdt_target *target, crdt_value value)
{
    crdt__tally_reset plan;
    crdt_dot          dot;
    crdt__tally_over  over = crdt__counted_tally(how, &target->now);
    crdt_err          err = crdt__tally_plan(target, &over, &plan);
    if (err != CRDT_OK) return err;
    err = crdt__sibs_write_with(&how->shape, target, &value, plan.covers, &dot);
    if (err == CRDT_OK) crdt__tally_apply(target, &over, delta_tally(target), &plan, dot);
    crdt__tally_drop(target, &plan);
    return err;
}

crdt_err crdt__counted_add(const crdt__counting *how, crdt_target *target, crdt__amount amount)
{
    crdt__tally_over over = crdt__counted_tally(how, &target->now);
    return crdt__tally_add(target, &over, delta_tally(target), amount);
}

crdt_err crdt__counted_reset(const crdt__counting *how, crdt_target *target)
{
    crdt__tally_reset plan;
    crdt__tally_over  over = crdt__counted_tally(how, &target->now);
    size_t            siblings = crdt__sibs_covers(target);
    crdt_err          err = crdt__tally_plan(target, &over, &plan);
    if (err != CRDT_OK || siblings + plan.visible == 0) return err;
    err = crdt_target_reserve(target, 1, siblings + plan.covers);
    if (err == CRDT_OK) {
        crdt__sibs_cover(&how->shape, target);
        crdt_dot dot = crdt_target_dot(target);
        crdt__tally_apply(target, &over, delta_tally(target), &plan, dot);
    }
    crdt__tally_drop(target, &plan);
    return err;
}

bool crdt__counted_shows(const crdt__counting *how, const crdt_ref *ref)
{
    crdt__tally_over over = crdt__counted_tally(how, ref);
    return crdt__ref_alive(ref) || crdt__tally_shows(&over);
}

/* -- The other slots: both parts --------------------------------------------------------------- */

void crdt__counted_clear(const crdt_space *space, void *state)
{
    crdt__sibs_clear(space, state);
    crdt__tally_clear(space->mem, &((crdt__counted *)state)->tally);
}

crdt_err crdt__counted_prepare(crdt_join *join, void *state, const void *other)
{
    crdt_err err = crdt__sibs_prepare(join, state, other);
    if (err != CRDT_OK) return err;
    return crdt__tally_prepare(join, &((crdt__counted *)state)->tally,
                               &((const crdt__counted *)other)->tally);
}

bool crdt__counted_commit(const crdt__counting *how, crdt_join *join, void *state,
                          const void *other)
{
    bool changed = crdt__sibs_commit(&how->shape, join, state, other);
    return crdt__tally_commit(join, &((crdt__counted *)state)->tally,
                              &((const crdt__counted *)other)->tally) ||
           changed;
}

crdt_err crdt__counted_since(const crdt__counting *how, const crdt_space *space, const void *state,
                             const crdt_context *ctx, void *ret_part, crdt_context *keep)
{
    crdt_err err = crdt__sibs_since(&how->shape, space, state, ctx, ret_part, keep);
    if (err != CRDT_OK) return err;
    return crdt__tally_since(space, &((const crdt__counted *)state)->tally, ctx,
                             &((crdt__counted *)ret_part)->tally, keep);
}

bool crdt__counted_empty(const void *state)
{
    return crdt__sibs_empty(state) &&
           crdt__tally_count(&((const crdt__counted *)state)->tally) == 0;
}

void crdt__counted_mark(const void *state, crdt_replicas *ids)
{
    crdt__sibs_mark(state, ids);
    crdt__tally_mark(&((const crdt__counted *)state)->tally, ids);
}

void crdt__counted_encode(const crdt__counting *how, const void *state, crdt_enc *enc)
{
    crdt__sibs_encode(&how->shape, state, enc);
    crdt__tally_encode(&((const crdt__counted *)state)->tally, enc);
}

static const char *fault_of(const crdt__counting *how, const void *state)
{
    size_t      count = crdt__sibs_count(state);
    const char *fault = NULL;
    for (size_t i = 0; i < count && fault == NULL; i++) {
        fault = how->fault(crdt__sib_value(crdt__sibs_at(state, i)));
    }
    return fault;
}

crdt_err crdt__counted_decode(const crdt__counting *how, const crdt_space *space, void *state,
                              crdt_dec *dec)
{
    crdt_err err = crdt__sibs_decode(&how->shape, space, state, dec);
    if (err == CRDT_OK) {
        const char *fault = fault_of(how, state);
        if (fault != NULL) err = crdt_dec_fail(dec, CRDT_EMALFORMED, fault);
    }
    if (err == CRDT_OK) {
        err = crdt__tally_decode(space, &((crdt__counted *)state)->tally, how->one, dec);
    }
    if (err != CRDT_OK) crdt__sibs_clear(space, state);
    return err;
}

void crdt__counted_digest(const crdt__counting *how, const void *state, crdt_blocks *blocks)
{
    crdt__sibs_digest(&how->shape, state, blocks);
    crdt_blocks_section(blocks, 1);
    crdt__tally_digest(&((const crdt__counted *)state)->tally, blocks);
}

bool crdt__counted_check(const crdt__counting *how, const crdt_space *space, const void *state,
                         const crdt_context *seen, const char **ret_reason)
{
    const crdt__tally *tally = &((const crdt__counted *)state)->tally;
    if (!crdt__sibs_check(&how->shape, space, state, seen, ret_reason)) return false;
    if (!crdt__tally_check(tally, how->one, seen, ret_reason)) return false;
    const char *fault = fault_of(how, state);
    if (fault != NULL) *ret_reason = fault;
    return fault == NULL;
}

void crdt__counted_stats(const crdt__counting *how, const void *state, crdt_stats *stats)
{
    crdt__sibs_stats(&how->shape, state, stats);
    crdt__tally_stats(&((const crdt__counted *)state)->tally, stats);
}

bool crdt__counted_stabilise(const crdt_space *space, void *state, const crdt_context *cut)
{
    return crdt__tally_stabilise(space, &((crdt__counted *)state)->tally, cut);
}

size_t crdt__counted_bytes(const void *state)
{
    return crdt__sibs_beyond(state) + crdt__tally_bytes(&((const crdt__counted *)state)->tally);
}

void crdt__counted_expect(const void *state)
{
    const crdt__counted *c = state;
    crdt__sibs_ahead(&c->base);
    crdt__tally_ahead(&c->tally);
}
