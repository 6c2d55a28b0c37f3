/* broken.c: see broken.h. Each part is the mistake that it is named after. */
#include "tests/laws/lib/broken.h"

#include <string.h>

#include "tests/laws/lib/bag.h"

/* -- Joins ----------------------------------------------------------------------------------- */

/* Covers are ignored: what the other side removed stays, and comes back. */
static bool keeps_all_commit(crdt_join *join, void *state, const void *other)
{
    crdt_context none;
    crdt_context_init(&none, NULL);
    crdt_join blind = *join;
    blind.theirs.seen = &none;
    return bag_commit(&blind, state, other);
}

/* Only what both sides hold lives on. */
static bool intersects_commit(crdt_join *join, void *state, const void *other)
{
    bag       *mine = state;
    const bag *theirs = other;
    size_t     kept = 0;
    if (theirs->count < 2 || mine->count < 2) return bag_commit(join, state, other);
    for (size_t i = 0; i < mine->count; i++) {
        if (bag_find(theirs, mine->items[i].dot) != NULL) mine->items[kept++] = mine->items[i];
    }
    bool changed = kept < mine->count;
    mine->count = kept;
    return bag_commit(join, state, other) || changed;
}

/* "One side has seen all that the other has, so it is right": the shortcut drops what it
 * should not. */
static bool dominates_commit(crdt_join *join, void *state, const void *other)
{
    const crdt_context *mine = join->mine.seen, *theirs = join->theirs.seen;
    bool wipes = mine != NULL && theirs != NULL && mine->count > 0 && theirs->count > mine->count;
    if (wipes) ((bag *)state)->count = 0;
    return bag_commit(join, state, other) || wipes;
}

/* A sum where a maximum is due. */
static bool sums_commit(crdt_join *join, void *state, const void *other)
{
    bag       *mine = state;
    const bag *theirs = other;
    size_t     more = mine->count > 0 ? theirs->count + theirs->extra : theirs->extra;
    bool       changed = bag_commit(join, state, other);
    mine->extra += more;
    return changed || more > 0;
}

static void sums_encode(const void *state, crdt_enc *enc)
{
    bag_encode(state, enc);
    crdt_buf_varint(enc->out, ((const bag *)state)->extra);
}

static crdt_err sums_decode(const crdt_space *space, void *state, crdt_dec *dec)
{
    crdt_err err = bag_decode(space, state, dec);
    ((bag *)state)->extra = crdt_dec_varint(dec);
    return err == CRDT_OK ? crdt_dec_status(dec) : err;
}

/* What is born goes to the end, as it arrives. */
static bool appends_commit(crdt_join *join, void *state, const void *other)
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
        if (bag_find(mine, t->dot) != NULL || crdt_cover_has(&join->mine, t->dot)) continue;
        mine->items[mine->count++] = *t;
        changed = true;
    }
    return changed;
}

static bool any_order_check(const crdt_space *space, const void *state, const crdt_context *seen,
                            const char **ret_reason)
{
    (void)space;
    (void)state;
    (void)seen;
    (void)ret_reason;
    return true;
}

/* Changes, and says that it did not: digests go stale. */
static bool denies_commit(crdt_join *join, void *state, const void *other)
{
    (void)bag_commit(join, state, other);
    return false;
}

/* The same dot with another content is taken as it comes. */
static crdt_err trusts_prepare(crdt_join *join, void *state, const void *other)
{
    bag *mine = state;
    return bag_reserve(join->space, mine, mine->count + ((const bag *)other)->count);
}

/* Drops what will die before it asks for memory. */
static crdt_err hasty_prepare(crdt_join *join, void *state, const void *other)
{
    bag       *mine = state;
    const bag *theirs = other;
    size_t     kept = 0;
    for (size_t i = 0; i < mine->count; i++) {
        crdt_dot dot = mine->items[i].dot;
        bool     dies = crdt_cover_has(&join->theirs, dot) && bag_find(theirs, dot) == NULL;
        if (!dies) mine->items[kept++] = mine->items[i];
    }
    mine->extra += mine->count - kept; /* for commit to know */
    mine->count = kept;
    return bag_reserve(join->space, mine, mine->cap + theirs->count);
}

static bool hasty_commit(crdt_join *join, void *state, const void *other)
{
    bag *mine = state;
    bool dropped = mine->extra > 0;
    mine->extra = 0;
    return bag_commit(join, state, other) || dropped;
}

/* Takes out of the other side what it takes in. */
static bool robs_commit(crdt_join *join, void *state, const void *other)
{
    const bag *mine = state;
    bag       *theirs = (bag *)(uintptr_t)other;
    bool       robs = mine->count > 0 && theirs->count > 2;
    bool       changed = bag_commit(join, state, other);
    if (robs) theirs->count--;
    return changed;
}

/* -- Operations ------------------------------------------------------------------------------ */

static crdt_err put(const crdt_type *type, crdt_txn *txn, crdt_view name, int64_t value)
{
    return bag_put_in(txn, name, type, value);
}

static crdt_err drop(const crdt_type *type, crdt_txn *txn, crdt_view name, int64_t value)
{
    crdt_target t;
    crdt_err    err = crdt_target_open(txn, name, type, &t);
    return err == CRDT_OK ? bag_drop_in(&t, &value) : err;
}

/* Counts in the committed state at once. */
static crdt_err direct_put(const crdt_type *type, crdt_txn *txn, crdt_view name, int64_t value)
{
    crdt_target t;
    crdt_err    err = crdt_target_open(txn, name, type, &t);
    if (err != CRDT_OK) return err;
    bag *state = (bag *)(uintptr_t)t.now.state;
    if (state != NULL) state->extra++;
    return put(type, txn, name, value);
}

static bool direct_commit(crdt_join *join, void *state, const void *other)
{
    bag       *mine = state;
    const bag *theirs = other;
    bool       more = theirs->extra > mine->extra;
    if (more) mine->extra = theirs->extra;
    return bag_commit(join, state, other) || more;
}

/* Fails, but has added something before. */
static crdt_err half_put(const crdt_type *type, crdt_txn *txn, crdt_view name, int64_t value)
{
    crdt_err err = put(type, txn, name, value);
    return err == CRDT_OK && value < 0 ? CRDT_ERANGE : err;
}

/* Removes without a dot of its own: no context tells that something happened. */
static crdt_err silent_drop(const crdt_type *type, crdt_txn *txn, crdt_view name, int64_t value)
{
    crdt_target t;
    crdt_err    err = crdt_target_open(txn, name, type, &t);
    if (err != CRDT_OK) return err;
    const bag *state = t.now.state;
    size_t     count = state == NULL ? 0 : state->count;
    if (count == 0) return CRDT_OK;
    err = crdt_target_reserve(&t, 0, count);
    for (size_t i = 0; err == CRDT_OK && i < count; i++) {
        const bag_item *item = &state->items[i];
        if (item->value == value) crdt_target_cover(&t, item->dot);
    }
    return err;
}

/* Rounds the context up to a vector: covers every dot below those that it sees. */
static crdt_err rounding_put(const crdt_type *type, crdt_txn *txn, crdt_view name, int64_t value)
{
    crdt_target t;
    crdt_err    err = put(type, txn, name, value);
    if (err == CRDT_OK) err = crdt_target_open(txn, name, type, &t);
    if (err != CRDT_OK) return err;
    const bag *state = t.now.state;
    for (size_t i = 0; state != NULL && i < state->count; i++) {
        crdt_dot dot = state->items[i].dot;
        err = crdt_target_reserve(&t, 0, dot.seq);
        if (err != CRDT_OK) return err;
        while (--dot.seq > 0) {
            if (bag_find(state, dot) == NULL) crdt_target_cover(&t, dot);
        }
    }
    return CRDT_OK;
}

/* -- Reading --------------------------------------------------------------------------------- */

/* The i-th visible item in the order of arrival. */
static const bag_item *arrived(const crdt_ref *ref, size_t i)
{
    const bag *parts[2] = {ref->state, ref->pending};
    for (int p = 0; p < 2; p++) {
        for (size_t at = 0; parts[p] != NULL && at < parts[p]->count; at++) {
            const bag_item *item = &parts[p]->items[at];
            bool gone = p == 0 && ref->gone != NULL && crdt_context_has(ref->gone, item->dot);
            if (!gone && i-- == 0) return item;
        }
    }
    return NULL;
}

/* Of equal stamps the one that came first. */
static void arrival_print(const crdt_ref *ref, crdt_buf *out)
{
    const bag_item *latest = NULL, *item;
    for (size_t i = 0; (item = arrived(ref, i)) != NULL; i++) {
        if (latest == NULL || item->stamp > latest->stamp) latest = item;
    }
    if (latest != NULL) crdt_buf_decimal(out, latest->value);
}

/* Encodes in dot order whatever the order of the items: the bytes are right, the reading is not. */
static void sorting_encode(const void *state, crdt_enc *enc)
{
    const bag *b = state;
    crdt_dot   last = {0, 0};
    crdt_buf_varint(enc->out, b->count);
    for (size_t n = 0; n < b->count; n++) {
        const bag_item *next = NULL;
        for (size_t i = 0; i < b->count; i++) {
            const bag_item *item = &b->items[i];
            if (crdt_dot_compare(item->dot, last) <= 0) continue;
            if (next == NULL || crdt_dot_compare(item->dot, next->dot) < 0) next = item;
        }
        if (next == NULL) return;
        last = next->dot;
        crdt_enc_replica(enc, last.replica);
        crdt_buf_varint(enc->out, last.seq);
        crdt_buf_varint(enc->out, next->stamp);
        crdt_buf_varint(enc->out, crdt_zigzag(next->value));
    }
}

static void sorting_digest(const void *state, crdt_blocks *blocks)
{
    const bag *b = state;
    crdt_dot   last = {0, 0};
    for (size_t n = 0; n < b->count; n++) {
        const bag_item *next = NULL;
        for (size_t i = 0; i < b->count; i++) {
            const bag_item *item = &b->items[i];
            if (crdt_dot_compare(item->dot, last) <= 0) continue;
            if (next == NULL || crdt_dot_compare(item->dot, next->dot) < 0) next = item;
        }
        if (next == NULL) return;
        last = next->dot;
        crdt_blocks_atom(blocks, last);
        crdt_blocks_u64(blocks, next->stamp);
        crdt_blocks_u64(blocks, (uint64_t)next->value);
    }
}

/* A sum of floating-point numbers, in the order of arrival. */
static void float_print(const crdt_ref *ref, crdt_buf *out)
{
    const bag_item *item;
    double          sum = 0;
    for (size_t i = 0; (item = arrived(ref, i)) != NULL; i++) {
        double n = (double)item->value;
        sum += n > 1e9 || n < -1e9 ? n * 1e8 : n * 0.1;
    }
    uint64_t bits;
    memcpy(&bits, &sum, sizeof bits);
    crdt_buf_udecimal(out, bits);
}

/* Shows the committed state only. */
static void stale_print(const crdt_ref *ref, crdt_buf *out)
{
    crdt_ref committed = *ref;
    committed.pending = NULL;
    committed.gone = NULL;
    bag_print(&committed, out);
}

/* Last put wins by value, not by stamp: lawful, but not what the oracle says. */
static void greatest_print(const crdt_ref *ref, crdt_buf *out)
{
    const bag_item *v;
    int64_t         best = INT64_MIN;
    for (size_t i = 0; (v = bag_visible(ref, i)) != NULL; i++) {
        if (v->value > best) best = v->value;
    }
    crdt_buf_decimal(out, best);
}

/* -- Bytes ----------------------------------------------------------------------------------- */

/* Looks at no more than the dots. */
static void blind_digest(const void *state, crdt_blocks *blocks)
{
    const bag *b = state;
    for (size_t i = 0; i < b->count; i++) crdt_blocks_atom(blocks, b->items[i].dot);
}

/* Takes items in any order, and sorts none. */
static crdt_err lax_decode(const crdt_space *space, void *state, crdt_dec *dec)
{
    crdt_err err = bag_decode(space, state, dec);
    dec->at = dec->end; /* whatever stands behind */
    return err;
}

/* A count is believed before there is anything to be counted. */
static crdt_err greedy_decode(const crdt_space *space, void *state, crdt_dec *dec)
{
    crdt_dec peek = *dec;
    uint64_t count = crdt_dec_varint(&peek);
    crdt_err err = CRDT_OK;
    if (count < 1u << 20) err = bag_reserve(space, state, (size_t)count * 1000);
    return err == CRDT_OK ? bag_decode(space, state, dec) : err;
}

/* The soft limit is a hard one here. */
static crdt_err strict_decode(const crdt_space *space, void *state, crdt_dec *dec)
{
    crdt_err err = bag_decode(space, state, dec);
    if (err == CRDT_OK && ((bag *)state)->count > space->limits->elements) return CRDT_ELIMIT;
    return err;
}

static void truncating_encode(const void *state, crdt_enc *enc)
{
    const bag *b = state;
    bag        less = *b;
    if (less.count > 4) less.count = 4;
    bag_encode(&less, enc);
}

/* -- The rest -------------------------------------------------------------------------------- */

/* Leaves out one thing that the other lacks. */
static crdt_err lossy_since(const crdt_space *space, const void *state, const crdt_context *ctx,
                            void *ret_part, crdt_context *keep)
{
    crdt_err err = bag_since(space, state, ctx, ret_part, keep);
    bag     *part = ret_part;
    if (err == CRDT_OK && ctx->count > 0 && part->count > 0) part->count--;
    return err;
}

static void leaky_clear(const crdt_space *space, void *state)
{
    bag *b = state;
    if (b->count > 0) bag_clear(space, state);
    else bag_init(space, state);
}

/* Forgets what is stable although it is still to be seen. */
static bool eager_stabilise(const crdt_space *space, void *state, const crdt_context *cut)
{
    bag   *b = state;
    size_t kept = 0, before = b->count;
    (void)space;
    for (size_t i = 0; i < before; i++) {
        if (!crdt_context_has(cut, b->items[i].dot)) b->items[kept++] = b->items[i];
    }
    b->count = kept;
    return kept < before;
}

/* Counts what is live as waiting for collection. */
static void hoarding_stats(const void *state, crdt_stats *stats)
{
    const bag *b = state;
    stats->dots += b->count;
    stats->elements += b->count;
    stats->residues += b->count;
}

/* Finds fault with a lone item. */
static bool fussy_check(const crdt_space *space, const void *state, const crdt_context *seen,
                        const char **ret_reason)
{
    *ret_reason = "a lone item";
    return ((const bag *)state)->count != 1 && bag_check(space, state, seen, ret_reason);
}

/* -- The list -------------------------------------------------------------------------------- */

/* TYPE(name, the law that it breaks, what is done wrong). Some joins break several at once: which
 * of them shows first is up to the history. */
#define LAW(id) (UINT64_C(1) << CRDT_LAW_##id)
#define JOIN                                                                                      \
    (LAW(COMMUTES) | LAW(ASSOCIATES) | LAW(IDEMPOTENT) | LAW(LEAST_UPPER_BOUND) | LAW(INFLATES) | \
     LAW(DELIVERIES_AGREE))
#define TYPES                                                                                      \
    TYPE(keeps_all, LAW(TRANSACTION), b->type.commit = keeps_all_commit)                           \
    TYPE(intersects, JOIN, b->type.commit = intersects_commit)                                     \
    TYPE(dominates, LAW(TRANSACTION) | JOIN, b->type.commit = dominates_commit)                    \
    TYPE(sums, JOIN,                                                                               \
         (b->type.commit = sums_commit, b->type.encode = sums_encode,                              \
          b->type.decode = sums_decode))                                                           \
    TYPE(appends, JOIN,                                                                            \
         (b->type.commit = appends_commit, b->type.check = any_order_check,                        \
          b->type.digest = sorting_digest, b->type.print = arrival_print))                         \
    TYPE(denies, LAW(DIGEST), b->type.commit = denies_commit)                                      \
    TYPE(trusts, LAW(FORK), b->type.prepare = trusts_prepare)                                      \
    TYPE(hasty, LAW(ALLOCATION), (b->type.prepare = hasty_prepare, b->type.commit = hasty_commit)) \
    TYPE(robs, LAW(INPUTS_UNTOUCHED) | JOIN, b->type.commit = robs_commit)                         \
    TYPE(direct, LAW(DELTA_IS_MUTATION) | LAW(DIGEST),                                             \
         (b->put = direct_put, b->type.commit = direct_commit, b->type.encode = sums_encode,       \
          b->type.decode = sums_decode))                                                           \
    TYPE(half, LAW(TRANSACTION), b->put = half_put)                                                \
    TYPE(silent, LAW(GAP), b->drop = silent_drop)                                                  \
    TYPE(rounding, LAW(TRANSACTION) | LAW(COMMUTES) | LAW(DELIVERIES_AGREE),                       \
         b->put = rounding_put)                                                                    \
    TYPE(arrival, LAW(READS_AGREE),                                                                \
         (b->type.commit = appends_commit, b->type.check = any_order_check,                        \
          b->type.encode = sorting_encode, b->type.digest = sorting_digest,                        \
          b->type.print = arrival_print))                                                          \
    TYPE(floats, LAW(READS_AGREE),                                                                 \
         (b->type.commit = appends_commit, b->type.check = any_order_check,                        \
          b->type.encode = sorting_encode, b->type.digest = sorting_digest,                        \
          b->type.print = float_print))                                                            \
    TYPE(stale, LAW(TRANSACTION), b->type.print = stale_print)                                     \
    TYPE(greatest, LAW(ORACLE), (b->type.print = greatest_print, b->oracle = bag_oracle))          \
    TYPE(blind, LAW(DIGEST), b->type.digest = blind_digest)                                        \
    TYPE(lax, LAW(CORRUPTION), b->type.decode = lax_decode)                                        \
    TYPE(greedy, LAW(BUDGET), b->type.decode = greedy_decode)                                      \
    TYPE(strict, LAW(LIMITS), b->type.decode = strict_decode)                                      \
    TYPE(truncating, LAW(ROUND_TRIP) | LAW(DIGEST) | JOIN, b->type.encode = truncating_encode)     \
    TYPE(lossy, LAW(DELIVERIES_AGREE), b->type.since = lossy_since)                                \
    TYPE(leaky, LAW(LEAK), b->type.clear = leaky_clear)                                            \
    TYPE(eager, LAW(STABLE_READS), b->type.stabilise = eager_stabilise)                            \
    TYPE(hoarding, LAW(RESIDUES), b->type.stats = hoarding_stats)                                  \
    TYPE(fussy, LAW(CHECK), b->type.check = fussy_check)

#define TYPE(name, laws, wrong) INDEX_##name,
enum { TYPES COUNT };
#undef TYPE

static broken made[COUNT];

/* An operation is given no type: so each type has its own three. */
#define TYPE(name, laws, wrong)                                                        \
    static crdt_err put_##name(crdt_txn *txn, crdt_view key, const crdt_value *args)   \
    {                                                                                  \
        const broken *b = &made[INDEX_##name];                                         \
        return b->put(&b->type, txn, key, args[0].i);                                  \
    }                                                                                  \
    static crdt_err drop_##name(crdt_txn *txn, crdt_view key, const crdt_value *args)  \
    {                                                                                  \
        const broken *b = &made[INDEX_##name];                                         \
        return b->drop(&b->type, txn, key, args[0].i);                                 \
    }                                                                                  \
    static crdt_err clear_##name(crdt_txn *txn, crdt_view key, const crdt_value *args) \
    {                                                                                  \
        crdt_target t;                                                                 \
        crdt_err    err = crdt_target_open(txn, key, &made[INDEX_##name].type, &t);    \
        (void)args;                                                                    \
        return err == CRDT_OK ? bag_drop_in(&t, NULL) : err;                           \
    }                                                                                  \
    static const crdt_op ops_##name[3] = {{"put", "i", "add", put_##name},             \
                                          {"drop", "i", "remove", drop_##name},        \
                                          {"clear", "", "remove all", clear_##name}};
TYPES
#undef TYPE

static void make(broken *b, const char *name, uint64_t laws, const crdt_op *ops)
{
    memset(b, 0, sizeof *b);
    b->type = bag_type;
    b->type.name = name;
    b->type.ops = ops;
    b->laws = laws;
    b->put = put;
    b->drop = drop;
}

const broken *broken_at(size_t index)
{
    if (index >= COUNT) return NULL;
    broken *b = &made[index];
    if (b->put != NULL) return b;
    switch (index) {
#define TYPE(name, laws, wrong)           \
    case INDEX_##name:                    \
        make(b, #name, laws, ops_##name); \
        wrong;                            \
        break;
        TYPES
#undef TYPE
    default: return NULL;
    }
    return b;
}
