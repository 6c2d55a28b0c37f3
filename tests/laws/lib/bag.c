/* bag.c: see bag.h. */
#include "tests/laws/lib/bag.h"

#include <string.h>

void bag_init(const crdt_space *space, void *state)
{
    (void)space;
    memset(state, 0, sizeof(bag));
}

void bag_clear(const crdt_space *space, void *state)
{
    bag *b = state;
    if (b->items != NULL) {
        space->mem->release(space->mem->user, b->items, b->cap * sizeof *b->items);
    }
    memset(b, 0, sizeof *b);
}

crdt_err bag_reserve(const crdt_space *space, bag *b, size_t count)
{
    if (count <= b->cap) return CRDT_OK;
    const crdt_mem *mem = space->mem;
    size_t          old_size = b->cap * sizeof(bag_item), new_size = count * sizeof(bag_item);
    bag_item       *more = b->items == NULL ? mem->alloc(mem->user, new_size)
                                            : mem->resize(mem->user, b->items, old_size, new_size);
    if (more == NULL) return CRDT_ENOMEM;
    b->items = more;
    b->cap = count;
    return CRDT_OK;
}

const bag_item *bag_find(const bag *b, crdt_dot dot)
{
    for (size_t i = 0; i < b->count; i++) {
        if (crdt_dot_equal(b->items[i].dot, dot)) return &b->items[i];
    }
    return NULL;
}

/* -- Join ------------------------------------------------------------------------------------ */

crdt_err bag_prepare(crdt_join *join, void *state, const void *other)
{
    bag       *mine = state;
    const bag *theirs = other;
    for (size_t i = 0; i < theirs->count; i++) {
        const bag_item *t = &theirs->items[i], *m = bag_find(mine, t->dot);
        if (m != NULL && (m->value != t->value || m->stamp != t->stamp)) return CRDT_EFORK;
    }
    return bag_reserve(join->space, mine, mine->count + theirs->count);
}

static void insert(bag *b, bag_item item)
{
    size_t at = 0;
    while (at < b->count && crdt_dot_compare(b->items[at].dot, item.dot) < 0) at++;
    memmove(&b->items[at + 1], &b->items[at], (b->count - at) * sizeof *b->items);
    b->items[at] = item;
    b->count++;
}

bool bag_commit(crdt_join *join, void *state, const void *other)
{
    bag       *mine = state;
    const bag *theirs = other;
    size_t     kept = 0, before = mine->count;
    for (size_t i = 0; i < before; i++) {
        crdt_dot dot = mine->items[i].dot;
        bool     dies = crdt_cover_has(&join->theirs, dot) && bag_find(theirs, dot) == NULL;
        if (!dies) mine->items[kept++] = mine->items[i];
    }
    bool changed = kept < before;
    mine->count = kept;
    for (size_t i = 0; i < theirs->count; i++) {
        const bag_item *t = &theirs->items[i];
        if (t->stamp > join->stamp_max) join->stamp_max = t->stamp;
        if (bag_find(mine, t->dot) != NULL || crdt_cover_has(&join->mine, t->dot)) continue;
        insert(mine, *t);
        changed = true;
    }
    return changed;
}

crdt_err bag_since(const crdt_space *space, const void *state, const crdt_context *ctx,
                   void *ret_part, crdt_context *keep)
{
    const bag *b = state;
    bag       *part = ret_part;
    crdt_err   err = bag_reserve(space, part, b->count);
    for (size_t i = 0; err == CRDT_OK && i < b->count; i++) {
        if (crdt_context_has(ctx, b->items[i].dot)) err = crdt_context_add(keep, b->items[i].dot);
        else part->items[part->count++] = b->items[i];
    }
    return err;
}

static bool bag_alive(const crdt_ref *ref)
{
    return bag_visible(ref, 0) != NULL;
}

static bool bag_empty(const void *state)
{
    return ((const bag *)state)->count == 0;
}

/* -- Operations ------------------------------------------------------------------------------ */

const bag_item *bag_visible(const crdt_ref *ref, size_t i)
{
    const bag *state = ref->state, *pending = ref->pending;
    size_t     s = 0, p = 0;
    for (;;) {
        const bag_item *a = state != NULL && s < state->count ? &state->items[s] : NULL;
        const bag_item *b = pending != NULL && p < pending->count ? &pending->items[p] : NULL;
        if (a != NULL && ref->gone != NULL && crdt_context_has(ref->gone, a->dot)) {
            s++;
            continue;
        }
        bool first = a != NULL && (b == NULL || crdt_dot_compare(a->dot, b->dot) < 0);
        if (i-- == 0) return first ? a : b;
        if (first) s++;
        else if (b != NULL) p++;
        else return NULL;
    }
}

crdt_err bag_put_in(crdt_txn *txn, crdt_view name, const crdt_type *type, int64_t value)
{
    crdt_target t;
    crdt_err    err = crdt_target_open(txn, name, type, &t);
    if (err != CRDT_OK) return err;
    bag *delta = t.delta;
    err = bag_reserve(t.space, delta, delta->count + 1);
    if (err == CRDT_OK) err = crdt_target_reserve(&t, 1, 0);
    if (err != CRDT_OK) return err;
    uint64_t over = 0;
    for (size_t i = 0; bag_visible(&t.now, i) != NULL; i++) {
        if (bag_visible(&t.now, i)->stamp > over) over = bag_visible(&t.now, i)->stamp;
    }
    crdt_dot dot = crdt_target_dot(&t);
    insert(delta, (bag_item){dot, crdt_target_stamp(&t, over), value});
    return CRDT_OK;
}

static bool concerns(const crdt_target *t, const bag_item *item, const int64_t *value)
{
    return crdt_target_sees(t, item->dot) && (value == NULL || item->value == *value);
}

crdt_err bag_drop_in(crdt_target *target, const int64_t *value)
{
    bag   *delta = target->delta;
    size_t hits = 0, kept = 0, i = 0;
    for (const bag_item *v; (v = bag_visible(&target->now, i)) != NULL; i++) {
        hits += concerns(target, v, value);
    }
    if (hits == 0) return CRDT_OK;
    crdt_err err = crdt_target_reserve(target, 1, hits);
    if (err != CRDT_OK) return err;
    for (i = 0; i < delta->count; i++) {
        if (!concerns(target, &delta->items[i], value)) delta->items[kept++] = delta->items[i];
    }
    delta->count = kept;
    const bag *state = target->now.state;
    for (i = 0; state != NULL && i < state->count; i++) {
        const bag_item *v = &state->items[i];
        bool gone = target->now.gone != NULL && crdt_context_has(target->now.gone, v->dot);
        if (!gone && concerns(target, v, value)) crdt_target_cover(target, v->dot);
    }
    (void)crdt_target_dot(target);
    return CRDT_OK;
}

crdt_err bag_reset(crdt_target *target)
{
    return bag_drop_in(target, NULL);
}

static crdt_err apply_put(crdt_txn *txn, crdt_view name, const crdt_value *args)
{
    return bag_put_in(txn, name, &bag_type, args[0].i);
}

static crdt_err apply_drop(crdt_txn *txn, crdt_view name, const crdt_value *args)
{
    crdt_target t;
    crdt_err    err = crdt_target_open(txn, name, &bag_type, &t);
    return err == CRDT_OK ? bag_drop_in(&t, &args[0].i) : err;
}

static crdt_err apply_clear(crdt_txn *txn, crdt_view name, const crdt_value *args)
{
    crdt_target t;
    (void)args;
    crdt_err err = crdt_target_open(txn, name, &bag_type, &t);
    return err == CRDT_OK ? bag_drop_in(&t, NULL) : err;
}

/* -- Bytes ----------------------------------------------------------------------------------- */

static void bag_mark(const void *state, crdt_replicas *ids)
{
    const bag *b = state;
    for (size_t i = 0; i < b->count; i++) crdt_replicas_add(ids, b->items[i].dot.replica);
}

void bag_encode(const void *state, crdt_enc *enc)
{
    const bag *b = state;
    crdt_buf_varint(enc->out, b->count);
    for (size_t i = 0; i < b->count; i++) {
        crdt_enc_replica(enc, b->items[i].dot.replica);
        crdt_buf_varint(enc->out, b->items[i].dot.seq);
        crdt_buf_varint(enc->out, b->items[i].stamp);
        crdt_buf_varint(enc->out, crdt_zigzag(b->items[i].value));
    }
}

crdt_err bag_decode(const crdt_space *space, void *state, crdt_dec *dec)
{
    bag     *b = state;
    size_t   count = crdt_dec_count(dec, 4, "items");
    crdt_err err = bag_reserve(space, b, count);
    if (err != CRDT_OK) return err;
    for (size_t i = 0; i < count; i++) {
        bag_item *item = &b->items[i];
        item->dot.replica = crdt_dec_replica(dec);
        item->dot.seq = crdt_dec_varint(dec);
        item->stamp = crdt_dec_varint(dec);
        item->value = crdt_unzigzag(crdt_dec_varint(dec));
        if (crdt_dec_status(dec) != CRDT_OK) return crdt_dec_status(dec);
        if (i > 0 && crdt_dot_compare(item[-1].dot, item->dot) >= 0) {
            return crdt_dec_fail(dec, CRDT_EMALFORMED, "items out of order");
        }
        if (item->stamp > CRDT_STAMP_MAX) return crdt_dec_fail(dec, CRDT_EMALFORMED, "a stamp");
        b->count = i + 1;
    }
    return crdt_dec_status(dec);
}

static void bag_digest(const void *state, crdt_blocks *blocks)
{
    const bag *b = state;
    for (size_t i = 0; i < b->count; i++) {
        crdt_blocks_atom(blocks, b->items[i].dot);
        crdt_blocks_u64(blocks, b->items[i].stamp);
        crdt_blocks_u64(blocks, (uint64_t)b->items[i].value);
    }
}

static bool is_later(const bag_item *a, const bag_item *b)
{
    if (b == NULL || a->stamp != b->stamp) return b == NULL || a->stamp > b->stamp;
    return crdt_dot_compare(a->dot, b->dot) > 0;
}

void bag_print(const crdt_ref *ref, crdt_buf *out)
{
    const bag_item *v, *latest = NULL;
    crdt_buf_text(out, "[");
    for (size_t i = 0; (v = bag_visible(ref, i)) != NULL; i++) {
        if (i > 0) crdt_buf_text(out, ", ");
        crdt_buf_decimal(out, v->value);
        if (is_later(v, latest)) latest = v;
    }
    crdt_buf_text(out, "]");
    if (latest == NULL) return;
    crdt_buf_text(out, " latest ");
    crdt_buf_decimal(out, latest->value);
}

bool bag_check(const crdt_space *space, const void *state, const crdt_context *seen,
               const char **ret_reason)
{
    const bag *b = state;
    (void)space;
    for (size_t i = 0; i < b->count; i++) {
        *ret_reason = "an item outside the context, or out of order";
        if (!crdt_context_has(seen, b->items[i].dot)) return false;
        if (i > 0 && crdt_dot_compare(b->items[i - 1].dot, b->items[i].dot) >= 0) return false;
    }
    return true;
}

static void bag_stats(const void *state, crdt_stats *stats)
{
    const bag *b = state;
    stats->payload += b->count * sizeof(int64_t);
    stats->metadata += b->cap * sizeof *b->items - b->count * sizeof(int64_t);
    stats->dots += b->count;
    stats->elements += b->count;
    for (size_t i = 0; i < b->count; i++) {
        if (b->items[i].stamp > stats->stamp_max) stats->stamp_max = b->items[i].stamp;
    }
}

static const crdt_op bag_ops[] = {{"put", "i", "add a number", apply_put},
                                  {"drop", "i", "remove a number wherever it was seen", apply_drop},
                                  {"clear", "", "remove all that was seen", apply_clear}};

const crdt_type bag_type = {.id = 0x8001,
                            .format = 1,
                            .name = "bag",
                            .summary = "a bag of integers",
                            .source = "tests",
                            .size = sizeof(bag),
                            .ops_count = 3,
                            .ops = bag_ops,
                            .init = bag_init,
                            .clear = bag_clear,
                            .prepare = bag_prepare,
                            .commit = bag_commit,
                            .since = bag_since,
                            .alive = bag_alive,
                            .empty = bag_empty,
                            .reset = bag_reset,
                            .mark = bag_mark,
                            .encode = bag_encode,
                            .decode = bag_decode,
                            .digest = bag_digest,
                            .print = bag_print,
                            .check = bag_check,
                            .stats = bag_stats};

/* -- The oracle: what stays is every put that no drop or clear covers. ----------------------- */

static bool removed(const crdt_laws_event *events, size_t count, uint64_t present, size_t put)
{
    for (size_t i = 0; i < count; i++) {
        const crdt_laws_event *e = &events[i];
        if (!(present >> i & 1) || !(e->covers >> put & 1)) continue;
        if (e->op == NULL || e->op->args[0] == 0) return true;
        if (e->op->name[0] == 'd' && e->args[0].i == events[put].args[0].i) return true;
    }
    return false;
}

void bag_oracle(const crdt_laws_event *events, size_t count, uint64_t present, crdt_buf *out)
{
    size_t   shown = 0, latest = SIZE_MAX;
    uint64_t last_replica = 0;
    crdt_buf_text(out, "[");
    for (;;) { /* by replica id, then in the replica's order */
        uint64_t replica = UINT64_MAX;
        for (size_t i = 0; i < count; i++) {
            uint64_t r = events[i].replica;
            if (r > last_replica && r < replica) replica = r;
        }
        if (replica == UINT64_MAX) break;
        last_replica = replica;
        for (size_t i = 0; i < count; i++) {
            const crdt_laws_event *e = &events[i];
            bool put = e->op != NULL && e->op->name[0] == 'p' && (present >> i & 1);
            if (e->replica != replica || !put || removed(events, count, present, i)) continue;
            if (shown++ > 0) crdt_buf_text(out, ", ");
            crdt_buf_decimal(out, e->args[0].i);
            if (latest == SIZE_MAX || e->stamp >= events[latest].stamp) latest = i;
        }
    }
    crdt_buf_text(out, "]");
    if (latest == SIZE_MAX) return;
    crdt_buf_text(out, " latest ");
    crdt_buf_decimal(out, events[latest].args[0].i);
}
