/* store/opaque.c: objects of types that this library does not know, kept verbatim (rule R8).
 *
 * Shape    a set of fragments: the body of one delta or state as it came, the dots that it keeps
 *          (of a delta since a context), and its origin: the ids and the context that it came with.
 *          What comes with one message has one origin; a store holds each origin once. And `gone`:
 *          an origin without bodies, for the states that came without the object: what they had
 *          seen of it, they had seen removed.
 *              {origin 1: "body", origin 2: keep {r1: 3} "body"} gone {r1: 1..9}
 * Merge    union, of gone too; and more is gone as each side has seen removed. Never collected,
 *          never part of what stores compare.
 * Replay   by a library that knows the type: the bodies are joined, each under the context of its
 *          origin, and at last nothing under gone.
 */
#include <string.h>

#include "crdt/store/opaque_impl.h"

#define TOLD_MAX 16u /* runs */

/* -- Fragments --------------------------------------------------------------------------------- */

int crdt__fragment_order(const crdt__fragment_key *a, const crdt__fragment_key *b)
{
    int order = a->origin.data == b->origin.data ? 0 : crdt_view_compare(a->origin, b->origin);
    if (order == 0) order = crdt_view_compare(a->keep, b->keep);
    return order != 0 ? order : crdt_view_compare(a->body, b->body);
}

static int compare(const crdt__fragment_key *a, crdt__fragment with)
{
    crdt__fragment_key b = crdt__fragment_key_of(with);
    return crdt__fragment_order(a, &b);
}

static void fragment_drop(const crdt_space *space, crdt__fragment f)
{
    crdt__release(space->mem, f.text, crdt__fragment_size(f));
    crdt__origin_drop(crdt__store_of(space), f.origin);
}

crdt_err crdt__fragment_make(const crdt_space *space, crdt__origin *origin, crdt_view keep,
                             crdt_view body, crdt__fragment *ret_fragment)
{
    crdt__fragment_text *copy = NULL;
    if (body.size > UINT32_MAX || keep.size > UINT32_MAX) return CRDT_ELIMIT;
    if (keep.size + body.size > 0) {
        copy = crdt__alloc(space->mem, crdt__fragment_text_size(keep.size, body.size));
        if (copy == NULL) return CRDT_ENOMEM;
        copy->keep_size = (uint32_t)keep.size;
        copy->body_size = (uint32_t)body.size;
        if (keep.size > 0) memcpy(copy->bytes, keep.data, keep.size);
        if (body.size > 0) memcpy(copy->bytes + keep.size, body.data, body.size);
    }
    origin->refs++;
    *ret_fragment = (crdt__fragment){origin, copy};
    return CRDT_OK;
}

static crdt_context *context_new(const crdt_space *space)
{
    crdt_context *ctx = crdt__alloc(space->mem, sizeof *ctx);
    if (ctx != NULL) crdt_context_init(ctx, space->mem);
    return ctx;
}

static void context_free(const crdt_space *space, crdt_context *ctx)
{
    if (ctx == NULL) return;
    crdt_context_clear(ctx);
    crdt__release(space->mem, ctx, sizeof *ctx);
}

static void opaque_init(const crdt_space *space, void *state)
{
    (void)space;
    memset(state, 0, sizeof(crdt__opaque));
}

static void drop_fresh(const crdt_space *space, crdt__opaque *o)
{
    for (uint32_t i = 0; i < o->fresh_count; i++) fragment_drop(space, o->fresh[i]);
    crdt__release(space->mem, o->fresh, o->fresh_cap * sizeof *o->fresh);
    crdt__origin_drop(crdt__store_of(space), o->fresh_gone);
    context_free(space, o->fresh_told);
    o->fresh = NULL;
    o->fresh_gone = NULL;
    o->fresh_told = NULL;
    o->fresh_count = o->fresh_cap = 0;
}

static void opaque_clear(const crdt_space *space, void *state)
{
    crdt__opaque *o = state;
    drop_fresh(space, o);
    for (uint32_t i = 0; i < o->count; i++) fragment_drop(space, o->list[i]);
    crdt__release(space->mem, o->list, o->cap * sizeof *o->list);
    crdt__origin_drop(crdt__store_of(space), o->gone);
    context_free(space, o->told);
    memset(o, 0, sizeof *o);
}

/* The place of the first fragment that is not less. */
static uint32_t place_of(const crdt__opaque *o, const crdt__fragment_key *key, bool *ret_found)
{
    uint32_t lo = 0, hi = o->count;
    *ret_found = false;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        int      order = compare(key, o->list[mid]);
        if (order == 0) *ret_found = true;
        if (order > 0) lo = mid + 1;
        else hi = mid;
    }
    return lo;
}

crdt_err crdt__opaque_room(const crdt_space *space, crdt__opaque *o, size_t more, bool exact)
{
    size_t need = o->count + more, cap = exact ? need : crdt__grow(o->cap, need);
    if (need <= o->cap) return CRDT_OK;
    if (cap > UINT32_MAX) return CRDT_ENOMEM;
    crdt__fragment *list =
        crdt__resize(space->mem, o->list, o->cap * sizeof *list, cap * sizeof *list);
    if (list == NULL) return CRDT_ENOMEM;
    o->list = list;
    o->cap = (uint32_t)cap;
    return CRDT_OK;
}

/* Take the fresh fragments in at their places. They ascend, are new, and there is room. */
static void take_fresh(crdt__opaque *o)
{
    uint32_t i = o->count, j = o->fresh_count, to = i + j;
    CRDT_ASSERT(to <= o->cap);
    o->count = to;
    while (j > 0) {
        crdt__fragment_key key = crdt__fragment_key_of(o->fresh[j - 1]);
        bool               behind = i == 0 || compare(&key, o->list[i - 1]) > 0;
        o->list[--to] = behind ? o->fresh[--j] : o->list[--i];
    }
    o->fresh_count = 0;
}

crdt_err crdt__opaque_add(const crdt_space *space, void *state, crdt__origin *origin,
                          crdt_view keep, crdt_view body)
{
    crdt__opaque *o = state;
    crdt_err      err = crdt__opaque_room(space, o, 1, true);
    CRDT_ASSERT(o->count == 0);
    if (err == CRDT_OK) err = crdt__fragment_make(space, origin, keep, body, &o->list[0]);
    if (err == CRDT_OK) o->count = 1;
    return err;
}

/* -- Join --------------------------------------------------------------------------------------
 *
 * A store that has seen a dot of which no fragment tells has seen it removed. So when what two
 * stores hold comes together, a dot that only one side tells of and the other has seen is gone:
 * without that, the older side would bring it back.
 */

static crdt_err add_origin(const crdt_space *space, crdt_context *ctx, const crdt__origin *origin)
{
    crdt__parsed p;
    crdt_err     err = crdt__origin_parse(space, origin, &p);
    if (err == CRDT_OK) err = crdt_context_union(ctx, &p.seen);
    crdt__parsed_clear(space, &p);
    return err;
}

/* All dots that these fragments tell of. */
static crdt_err add_told(const crdt_space *space, crdt_context *ctx, const crdt__fragment *list,
                         uint32_t count)
{
    crdt_err err = CRDT_OK;
    for (uint32_t i = 0; err == CRDT_OK && i < count; i++) {
        if (i > 0 && list[i].origin == list[i - 1].origin) continue;
        err = add_origin(space, ctx, list[i].origin);
    }
    return err;
}

static crdt_err fresh_of(const crdt_space *space, crdt__opaque *mine, const crdt__opaque *theirs)
{
    mine->fresh = crdt__alloc(space->mem, theirs->count * sizeof *mine->fresh);
    if (mine->fresh == NULL) return CRDT_ENOMEM;
    mine->fresh_cap = theirs->count;
    for (uint32_t i = 0; i < theirs->count; i++) {
        bool               found;
        crdt__fragment_key key = crdt__fragment_key_of(theirs->list[i]);
        crdt__origin      *origin;
        (void)place_of(mine, &key, &found);
        if (found) continue;
        crdt_err err = crdt__origin_get(crdt__store_of(space), key.origin, &origin);
        if (err != CRDT_OK) return err;
        err =
            crdt__fragment_make(space, origin, key.keep, key.body, &mine->fresh[mine->fresh_count]);
        if (err == CRDT_OK) mine->fresh_count++;
        crdt__origin_drop(crdt__store_of(space), origin);
        if (err != CRDT_OK) return err;
    }
    return crdt__opaque_room(space, mine, mine->fresh_count, false);
}

/* What a prepare works with. */
typedef struct meeting {
    crdt_context mine, fresh,
        theirs; /* the dots that these tell of; fresh: of theirs, what is new */
    crdt_context gone;
} meeting;

static crdt_err hear_mine(const crdt_space *space, const crdt__opaque *mine, meeting *m)
{
    if (mine->told != NULL) return crdt_context_copy(&m->mine, mine->told);
    crdt_err err = add_told(space, &m->mine, mine->list, mine->count);
    if (err == CRDT_OK && mine->gone != NULL) err = add_origin(space, &m->mine, mine->gone);
    return err;
}

static crdt_err hear_theirs(const crdt_space *space, crdt__opaque *mine, const crdt__opaque *theirs,
                            meeting *m)
{
    crdt_err err = theirs->count > 0 ? fresh_of(space, mine, theirs) : CRDT_OK;
    if (err == CRDT_OK) err = add_told(space, &m->fresh, mine->fresh, mine->fresh_count);
    if (err == CRDT_OK) err = add_told(space, &m->theirs, theirs->list, theirs->count);
    if (err == CRDT_OK && theirs->gone != NULL) err = add_origin(space, &m->gone, theirs->gone);
    return err == CRDT_OK ? crdt_context_union(&m->theirs, &m->gone) : err;
}

/* To what they say is gone: what their news tell of and mine has seen otherwise; what mine tells of
 * and they have seen otherwise, and do not keep. */
static crdt_err find_gone(const crdt_join *join, meeting *m)
{
    crdt_context dots;
    crdt_err     err = CRDT_OK;
    crdt_context_init(&dots, join->space->mem);
    if (join->mine.seen != NULL && crdt__store_of(join->space)->kind != CRDT__DELTA) {
        err = crdt_context_copy(&dots, &m->fresh);
        if (err == CRDT_OK) err = crdt_context_intersect(&dots, join->mine.seen);
        if (err == CRDT_OK) err = crdt_context_subtract(&dots, &m->mine);
        if (err == CRDT_OK) err = crdt_context_union(&m->gone, &dots);
    }
    if (err == CRDT_OK && !join->listed && join->theirs.seen != NULL) {
        const crdt_context *keep = join->theirs.keep;
        err = crdt_context_copy(&dots, &m->mine);
        if (err == CRDT_OK) err = crdt_context_intersect(&dots, join->theirs.seen);
        if (err == CRDT_OK && keep != NULL) err = crdt_context_subtract(&dots, keep);
        if (err == CRDT_OK) err = crdt_context_subtract(&dots, &m->theirs);
        if (err == CRDT_OK) err = crdt_context_union(&m->gone, &dots);
    }
    crdt_context_clear(&dots);
    return err;
}

/* Let this, and what was gone before, be what is gone after the join. */
static crdt_err prepare_gone(const crdt_space *space, crdt__opaque *o, crdt_context *gone)
{
    crdt_replicas ids;
    if (gone->count == 0) return CRDT_OK;
    crdt_err err = o->gone ? add_origin(space, gone, o->gone) : CRDT_OK;
    if (err != CRDT_OK) return err;
    crdt_replicas_init(&ids, space->mem);
    crdt_context_mark(gone, &ids);
    err = crdt_replicas_seal(&ids);
    if (err == CRDT_OK) err = crdt__origin_of(crdt__store_of(space), &ids, gone, &o->fresh_gone);
    crdt_replicas_clear(&ids);
    return err;
}

/* Remember all that is told of then, unless it is much: it can be found again. */
static crdt_err prepare_told(const crdt_space *space, crdt__opaque *o, meeting *m)
{
    crdt_err err = crdt_context_union(&m->mine, &m->fresh);
    if (err == CRDT_OK) err = crdt_context_union(&m->mine, &m->gone);
    if (err != CRDT_OK || m->mine.count > TOLD_MAX) return err;
    o->fresh_told = context_new(space);
    return o->fresh_told == NULL ? CRDT_ENOMEM : crdt_context_copy(o->fresh_told, &m->mine);
}

/* Where they lack it, the other is empty. Unless they list what they touch, what they have seen
 * they have seen whole. */
static crdt_err opaque_prepare(crdt_join *join, void *state, const void *other)
{
    crdt__opaque     *mine = state;
    const crdt_space *space = join->space;
    meeting           m;
    drop_fresh(space, mine);
    crdt_context_init(&m.mine, space->mem);
    crdt_context_init(&m.fresh, space->mem);
    crdt_context_init(&m.theirs, space->mem);
    crdt_context_init(&m.gone, space->mem);
    crdt_err err = hear_mine(space, mine, &m);
    if (err == CRDT_OK) err = hear_theirs(space, mine, other, &m);
    if (err == CRDT_OK) err = find_gone(join, &m);
    if (err == CRDT_OK) err = prepare_gone(space, mine, &m.gone);
    if (err == CRDT_OK) err = prepare_told(space, mine, &m);
    crdt_context_clear(&m.mine);
    crdt_context_clear(&m.fresh);
    crdt_context_clear(&m.theirs);
    crdt_context_clear(&m.gone);
    return err;
}

static bool opaque_commit(crdt_join *join, void *state, const void *other)
{
    crdt__opaque *mine = state;
    bool          changed = mine->fresh_count > 0;
    (void)other;
    take_fresh(mine);
    if (mine->fresh_gone != NULL) {
        crdt__origin *old = mine->gone;
        changed |= mine->fresh_gone != old;
        mine->gone = mine->fresh_gone;
        mine->fresh_gone = old;
    }
    context_free(join->space, mine->told);
    mine->told = mine->fresh_told;
    mine->fresh_told = NULL;
    drop_fresh(join->space, mine);
    return changed;
}

/* All of it: what the receiver holds of it, nobody here can tell. */
static crdt_err opaque_since(const crdt_space *space, const void *state, const crdt_context *ctx,
                             void *ret_part, crdt_context *keep)
{
    crdt_join join = {space, {NULL, NULL}, {NULL, NULL}, 0, true, false, false, false};
    (void)ctx;
    (void)keep;
    crdt_err err = opaque_prepare(&join, ret_part, state);
    if (err == CRDT_OK) (void)opaque_commit(&join, ret_part, state);
    return err;
}

/* -- The other slots --------------------------------------------------------------------------- */

static bool opaque_empty(const void *state)
{
    const crdt__opaque *o = state;
    return o->count == 0 && o->gone == NULL;
}

static bool opaque_alive(const crdt_ref *ref)
{
    return ref->state != NULL && ((const crdt__opaque *)ref->state)->count > 0;
}

static crdt_err opaque_reset(crdt_target *target)
{
    (void)target;
    return CRDT_ETYPE; /* what cannot be read cannot be removed by what was seen */
}

static void opaque_mark(const void *state, crdt_replicas *ids)
{
    (void)state; /* origins have ids of their own */
    (void)ids;
}

static void digest_text(crdt_blocks *blocks, crdt_view text)
{
    crdt_value value = {CRDT_BYTES, 0, text};
    crdt_blocks_value(blocks, value);
}

/* That the same was kept: no store compares it with what another one tells of. */
static void opaque_digest(const void *state, crdt_blocks *blocks)
{
    const crdt__opaque *o = state;
    crdt_dot            first = {1, 1};
    crdt_blocks_atom(blocks, first);
    if (o->gone != NULL) digest_text(blocks, o->gone->key.bytes);
    for (uint32_t i = 0; i < o->count; i++) {
        crdt__fragment_key key = crdt__fragment_key_of(o->list[i]);
        digest_text(blocks, key.origin);
        digest_text(blocks, key.keep);
        digest_text(blocks, key.body);
    }
}

static void opaque_print(const crdt_ref *ref, crdt_buf *out)
{
    (void)ref;
    crdt_buf_text(out, "(unknown type)");
}

static bool opaque_check(const crdt_space *space, const void *state, const crdt_context *seen,
                         const char **ret_reason)
{
    const crdt__opaque *o = state;
    (void)space;
    (void)seen;
    for (uint32_t i = 1; i < o->count; i++) {
        crdt__fragment_key key = crdt__fragment_key_of(o->list[i - 1]);
        if (compare(&key, o->list[i]) < 0) continue;
        *ret_reason = "opaque fragments are out of order";
        return false;
    }
    return true;
}

/* Without the origins: those are the store's. */
static void opaque_stats(const void *state, crdt_stats *stats)
{
    const crdt__opaque *o = state;
    for (uint32_t i = 0; i < o->count; i++) {
        stats->payload += crdt__fragment_body(o->list[i]).size;
        stats->metadata += crdt__fragment_size(o->list[i]) - crdt__fragment_body(o->list[i]).size;
    }
    stats->elements += o->count;
    stats->metadata += o->cap * sizeof *o->list;
    if (o->told) stats->metadata += sizeof *o->told + o->told->cap * sizeof(crdt_run);
}

/* Without decode: crdt__opaque_read is told more. */
const crdt_type crdt__opaque_type = {
    .name = "opaque",
    .summary = "an object of a type that this library does not know, kept verbatim",
    .source = "Concur design, rule R8",
    .size = sizeof(crdt__opaque),
    .init = opaque_init,
    .clear = opaque_clear,
    .prepare = opaque_prepare,
    .commit = opaque_commit,
    .since = opaque_since,
    .alive = opaque_alive,
    .empty = opaque_empty,
    .reset = opaque_reset,
    .mark = opaque_mark,
    .encode = crdt__opaque_encode,
    .digest = opaque_digest,
    .print = opaque_print,
    .check = opaque_check,
    .stats = opaque_stats,
};
