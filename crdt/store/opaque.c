/* store/opaque.c: objects of types that this library does not know, kept verbatim (rule R8).
 *
 * Shape a set of fragments, each the body of one delta or state as it came, with the dictionary and
 * the
 *          context that it came with:  {[ids, context, bytes], ...} sorted by their bytes
 * Merge    union. Never collected, never digested; replayed by a library that knows the type.
 */
#include <string.h>

#include "crdt/store/impl.h"

/* A fragment is one allocation: encoded (dictionary, context, body) as it stands in a state's
 * bytes. */
typedef struct opaque {
    crdt_view *list; /* ascending by bytes */
    size_t     count, cap, bytes;
    crdt_view *fresh; /* copies that a prepared join brings */
    size_t     fresh_count, fresh_cap;
} opaque;

static void opaque_init(const crdt_space *space, void *state)
{
    (void)space;
    memset(state, 0, sizeof(opaque));
}

static void fragment_free(const crdt_space *space, crdt_view fragment)
{
    crdt__release(space->mem, (void *)(uintptr_t)fragment.data, fragment.size);
}

static void drop_fresh(const crdt_space *space, opaque *o)
{
    for (size_t i = 0; i < o->fresh_count; i++) fragment_free(space, o->fresh[i]);
    crdt__release(space->mem, o->fresh, o->fresh_cap * sizeof *o->fresh);
    o->fresh = NULL;
    o->fresh_count = o->fresh_cap = 0;
}

static void opaque_clear(const crdt_space *space, void *state)
{
    opaque *o = state;
    drop_fresh(space, o);
    for (size_t i = 0; i < o->count; i++) fragment_free(space, o->list[i]);
    crdt__release(space->mem, o->list, o->cap * sizeof *o->list);
    memset(o, 0, sizeof *o);
}

static size_t place_of(const opaque *o, crdt_view fragment, bool *ret_found)
{
    size_t lo = 0, hi = o->count;
    *ret_found = false;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int    order = crdt_view_compare(o->list[mid], fragment);
        if (order == 0) *ret_found = true;
        if (order < 0) lo = mid + 1;
        else hi = mid;
    }
    return lo;
}

static crdt_err opaque_room(const crdt_space *space, opaque *o, size_t more)
{
    if (o->cap - o->count >= more) return CRDT_OK;
    size_t     cap = o->count + more;
    crdt_view *list = crdt__resize(space->mem, o->list, o->cap * sizeof *list, cap * sizeof *list);
    if (list == NULL) return CRDT_ENOMEM;
    o->list = list;
    o->cap = cap;
    return CRDT_OK;
}

static crdt_err fragment_copy(const crdt_space *space, crdt_view fragment, crdt_view *ret_copy)
{
    void *copy = crdt__alloc(space->mem, fragment.size);
    if (copy == NULL) return CRDT_ENOMEM;
    memcpy(copy, fragment.data, fragment.size);
    *ret_copy = crdt_view_of(copy, fragment.size);
    return CRDT_OK;
}

/* Take the fragment in at its place. It is new, and there is room. */
static void take(opaque *o, crdt_view fragment)
{
    bool   found;
    size_t at = place_of(o, fragment, &found);
    CRDT_ASSERT(!found && o->count < o->cap);
    memmove(o->list + at + 1, o->list + at, (o->count - at) * sizeof *o->list);
    o->list[at] = fragment;
    o->count++;
    o->bytes += fragment.size;
}

static crdt_err add_copy(const crdt_space *space, opaque *o, crdt_view fragment)
{
    bool      found;
    crdt_view copy;
    (void)place_of(o, fragment, &found);
    if (found) return CRDT_OK;
    crdt_err err = opaque_room(space, o, 1);
    if (err == CRDT_OK) err = fragment_copy(space, fragment, &copy);
    if (err == CRDT_OK) take(o, copy);
    return err;
}

crdt_err crdt__opaque_add(const crdt_space *space, void *state, const uint64_t *dict,
                          size_t dict_count, const crdt_context *seen, crdt_view body)
{
    crdt_buf      buf;
    crdt_replicas ids;
    crdt_buf_init(&buf, space->mem);
    crdt_replicas_init(&ids, space->mem);
    for (size_t i = 0; i < dict_count; i++) crdt_replicas_add(&ids, dict[i]);
    crdt_err err = crdt_replicas_seal(&ids);
    if (err == CRDT_OK) {
        crdt_enc enc = {&buf, &ids};
        crdt_buf_varint(&buf, dict_count);
        for (size_t i = 0; i < dict_count; i++) crdt_buf_u64(&buf, dict[i]);
        crdt_context_put(seen, &enc);
        crdt_buf_view(&buf, body);
        err = crdt_buf_status(&buf);
    }
    if (err == CRDT_OK) err = add_copy(space, state, crdt_buf_bytes(&buf));
    crdt_replicas_clear(&ids);
    crdt_buf_clear(&buf);
    return err;
}

static crdt_err opaque_prepare(crdt_join *join, void *state, const void *other)
{
    opaque       *mine = state;
    const opaque *theirs = other;
    drop_fresh(join->space, mine);
    if (theirs->count == 0) return CRDT_OK;
    mine->fresh = crdt__alloc(join->space->mem, theirs->count * sizeof *mine->fresh);
    if (mine->fresh == NULL) return CRDT_ENOMEM;
    mine->fresh_cap = theirs->count;
    for (size_t i = 0; i < theirs->count; i++) {
        bool found;
        (void)place_of(mine, theirs->list[i], &found);
        if (found) continue;
        crdt_err err = fragment_copy(join->space, theirs->list[i], &mine->fresh[mine->fresh_count]);
        if (err != CRDT_OK) return err;
        mine->fresh_count++;
    }
    return opaque_room(join->space, mine, mine->fresh_count);
}

static bool opaque_commit(crdt_join *join, void *state, const void *other)
{
    opaque *mine = state;
    bool    changed = mine->fresh_count > 0;
    (void)other;
    for (size_t i = 0; i < mine->fresh_count; i++) take(mine, mine->fresh[i]);
    mine->fresh_count = 0;
    drop_fresh(join->space, mine);
    return changed;
}

/* -- The bytes of a fragment ------------------------------------------------------------------- */

typedef struct fragment {
    uint64_t    *dict;
    size_t       dict_count;
    crdt_context seen;
    crdt_view    body;
} fragment;

static void fragment_clear(const crdt_space *space, fragment *f)
{
    crdt__release(space->mem, f->dict, f->dict_count * sizeof *f->dict);
    crdt_context_clear(&f->seen);
}

static crdt_err fragment_read(const crdt_space *space, crdt_view in, fragment *f)
{
    crdt_dec dec;
    memset(f, 0, sizeof *f);
    crdt_context_init(&f->seen, space->mem);
    crdt_dec_init(&dec, in, space->limits);
    size_t count = crdt_dec_count(&dec, 8, "replica ids of a fragment");
    if (count > 0) {
        f->dict = crdt__alloc(space->mem, count * sizeof *f->dict);
        if (f->dict == NULL) return CRDT_ENOMEM;
        f->dict_count = count;
    }
    for (size_t i = 0; i < count; i++) {
        f->dict[i] = crdt_dec_u64(&dec);
        if (f->dict[i] == 0 || (i > 0 && f->dict[i] <= f->dict[i - 1])) {
            crdt_dec_fail(&dec, CRDT_EMALFORMED, "a fragment's replica ids are out of order");
        }
    }
    dec.dict = f->dict;
    dec.dict_count = count;
    crdt_err err = crdt_context_get(&f->seen, &dec);
    if (err != CRDT_OK) return err;
    f->body = crdt_dec_view(&dec, SIZE_MAX, "body of a fragment");
    if (crdt_dec_status(&dec) == CRDT_OK && crdt_dec_left(&dec) > 0) {
        crdt_dec_fail(&dec, CRDT_EMALFORMED, "bytes after a fragment's body");
    }
    return crdt_dec_status(&dec);
}

bool crdt__opaque_native(const crdt_space *space, const void *state, crdt_buf *ret_body,
                         crdt_replicas *ids)
{
    const opaque *o = state;
    fragment      f;
    if (o->count != 1) return false;
    bool ok = fragment_read(space, o->list[0], &f) == CRDT_OK;
    if (ok && ids != NULL) {
        for (size_t i = 0; i < f.dict_count; i++) crdt_replicas_add(ids, f.dict[i]);
    }
    if (ok && ret_body != NULL) crdt_buf_put(ret_body, f.body.data, f.body.size);
    fragment_clear(space, &f);
    return ok;
}

static size_t fragments_count(crdt_dec *dec)
{
    size_t count = crdt_dec_count(dec, 4, "fragments");
    if (count == 0) crdt_dec_fail(dec, CRDT_EMALFORMED, "an object of no fragments");
    return count;
}

static crdt_err replay_one(const crdt_space *space, const crdt_type *type, void *state,
                           crdt_context *seen, crdt_view bytes, void *scratch)
{
    fragment  f;
    crdt_join join = {space, {seen, NULL}, {&f.seen, NULL}, 0};
    crdt_err  err = fragment_read(space, bytes, &f);
    type->init(space, scratch);
    if (err == CRDT_OK) {
        crdt_dec dec;
        crdt_dec_init(&dec, f.body, space->limits);
        dec.dict = f.dict;
        dec.dict_count = f.dict_count;
        err = type->decode(space, scratch, &dec);
        if (err == CRDT_OK && crdt_dec_left(&dec) > 0) err = CRDT_EMALFORMED;
    }
    if (err == CRDT_OK) err = type->prepare(&join, state, scratch);
    if (err == CRDT_OK) err = crdt_context_reserve(seen, f.seen.count);
    if (err == CRDT_OK) {
        (void)type->commit(&join, state, scratch);
        crdt_context_union_reserved(seen, &f.seen);
    }
    type->clear(space, scratch);
    fragment_clear(space, &f);
    return err;
}

crdt_err crdt__opaque_replay(const crdt_space *space, crdt_dec *dec, const crdt_type *type,
                             void *state)
{
    crdt_context seen;
    void        *scratch = crdt__alloc(space->mem, type->size);
    if (scratch == NULL) return CRDT_ENOMEM;
    crdt_context_init(&seen, space->mem);
    crdt_err err = CRDT_OK;
    size_t   count = fragments_count(dec);
    for (size_t i = 0; i < count && err == CRDT_OK && crdt_dec_status(dec) == CRDT_OK; i++) {
        crdt_view bytes = crdt_dec_view(dec, SIZE_MAX, "fragment");
        if (crdt_dec_status(dec) != CRDT_OK) break;
        err = replay_one(space, type, state, &seen, bytes, scratch);
    }
    crdt_context_clear(&seen);
    crdt__release(space->mem, scratch, type->size);
    return err != CRDT_OK ? err : crdt_dec_status(dec);
}

/* -- The vtable -------------------------------------------------------------------------------- */

static bool opaque_empty(const void *state)
{
    return ((const opaque *)state)->count == 0;
}

static bool opaque_alive(const crdt_ref *ref)
{
    return ref->state != NULL && !opaque_empty(ref->state);
}

static crdt_err opaque_since(const crdt_space *space, const void *state, const crdt_context *ctx,
                             void *ret_part, crdt_context *keep)
{
    const opaque *o = state;
    (void)keep;
    for (size_t i = 0; i < o->count; i++) {
        fragment f;
        crdt_err err = fragment_read(space, o->list[i], &f);
        bool     held = err == CRDT_OK && crdt_context_within(&f.seen, ctx);
        fragment_clear(space, &f);
        if (err == CRDT_OK && !held) err = add_copy(space, ret_part, o->list[i]);
        if (err != CRDT_OK) return err;
    }
    return CRDT_OK;
}

static crdt_err opaque_reset(crdt_target *target)
{
    (void)target;
    return CRDT_ETYPE; /* what cannot be read cannot be removed by what was seen */
}

static void opaque_mark(const void *state, crdt_replicas *ids)
{
    (void)state; /* fragments carry dictionaries of their own */
    (void)ids;
}

static void opaque_encode(const void *state, crdt_enc *enc)
{
    const opaque *o = state;
    crdt_buf_varint(enc->out, o->count);
    for (size_t i = 0; i < o->count; i++) crdt_buf_view(enc->out, o->list[i]);
}

static crdt_err opaque_decode(const crdt_space *space, void *state, crdt_dec *dec)
{
    crdt_view last = {NULL, 0};
    size_t    count = fragments_count(dec);
    for (size_t i = 0; i < count; i++) {
        fragment  f;
        crdt_view bytes = crdt_dec_view(dec, SIZE_MAX, "fragment");
        if (crdt_dec_status(dec) != CRDT_OK) return crdt_dec_status(dec);
        if (i > 0 && crdt_view_compare(last, bytes) >= 0) {
            return crdt_dec_fail(dec, CRDT_EMALFORMED, "fragments out of order");
        }
        crdt_err err = fragment_read(space, bytes, &f);
        fragment_clear(space, &f);
        if (err != CRDT_OK) return crdt_dec_fail(dec, err, "a damaged fragment");
        err = add_copy(space, state, bytes);
        if (err != CRDT_OK) return err;
        last = bytes;
    }
    return crdt_dec_status(dec);
}

static void opaque_digest(const void *state, crdt_blocks *blocks)
{
    (void)state;
    (void)blocks;
}

static void opaque_print(const crdt_ref *ref, crdt_buf *out)
{
    (void)ref;
    crdt_buf_text(out, "(unknown type)");
}

static bool opaque_check(const crdt_space *space, const void *state, const crdt_context *seen,
                         const char **ret_reason)
{
    const opaque *o = state;
    (void)space;
    (void)seen;
    for (size_t i = 1; i < o->count; i++) {
        if (crdt_view_compare(o->list[i - 1], o->list[i]) < 0) continue;
        *ret_reason = "opaque fragments are out of order";
        return false;
    }
    return true;
}

static void opaque_stats(const void *state, crdt_stats *stats)
{
    const opaque *o = state;
    stats->payload += o->bytes;
    stats->elements += o->count;
    stats->metadata += o->cap * sizeof *o->list;
}

const crdt_type crdt__opaque_type = {
    .name = "opaque",
    .summary = "an object of a type that this library does not know, kept verbatim",
    .source = "Concur design, rule R8",
    .size = sizeof(opaque),
    .init = opaque_init,
    .clear = opaque_clear,
    .prepare = opaque_prepare,
    .commit = opaque_commit,
    .since = opaque_since,
    .alive = opaque_alive,
    .empty = opaque_empty,
    .reset = opaque_reset,
    .mark = opaque_mark,
    .encode = opaque_encode,
    .decode = opaque_decode,
    .digest = opaque_digest,
    .print = opaque_print,
    .check = opaque_check,
    .stats = opaque_stats,
};
