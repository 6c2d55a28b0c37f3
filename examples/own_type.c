/* own_type.c: a type of replicated data that the library does not have, made with the public
 * headers alone, and put to the law kit.
 *
 * A seat goes to whoever claims it first; later claims wait in line. Claims made on replicas that
 * did not know of each other are ordered by their stamps (ties by replica), so that all replicas
 * agree on the holder, and someone who lost the race can see it.
 *
 * Shape   claims by dot: {A:1: "ann" @100, B:1: "bob" @101}; the one with the least stamp holds
 * the seat Ops     claim(who), once while it stands; release(who) takes back every claim of who
 * that was seen Merge   a claim lives on unless the other side has seen its dot and does not hold
 * it
 */
#include <crdt/laws.h>

#include <stdio.h>
#include <string.h>

#define WHO_MAX 24 /* bytes of a name; more is ELIMIT */

typedef struct claim {
    crdt_dot dot;
    uint64_t stamp;
    uint8_t  size;
    char     who[WHO_MAX];
} claim;

typedef struct seat {
    claim *claims; /* in dot order */
    size_t count, cap;
} seat;

extern const crdt_type seat_type;

/* -- The state ------------------------------------------------------------------------------- */

static void seat_init(const crdt_space *space, void *state)
{
    (void)space;
    memset(state, 0, sizeof(seat));
}

static void seat_clear(const crdt_space *space, void *state)
{
    seat *s = state;
    if (s->claims) space->mem->release(space->mem->user, s->claims, s->cap * sizeof *s->claims);
    memset(s, 0, sizeof *s);
}

/* Room for count claims. Cannot be seen: what fails later leaves it behind unused. */
static crdt_err reserve(const crdt_space *space, seat *s, size_t count)
{
    const crdt_mem *mem = space->mem;
    size_t          old_size = s->cap * sizeof(claim), new_size = count * sizeof(claim);
    if (count <= s->cap) return CRDT_OK;
    claim *more = s->claims ? mem->resize(mem->user, s->claims, old_size, new_size)
                            : mem->alloc(mem->user, new_size);
    if (more == NULL) return CRDT_ENOMEM;
    s->claims = more;
    s->cap = count;
    return CRDT_OK;
}

/* The place of dot, or where it would stand. */
static size_t place(const seat *s, crdt_dot dot)
{
    size_t lo = 0, hi = s->count;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (crdt_dot_compare(s->claims[mid].dot, dot) < 0) lo = mid + 1;
        else hi = mid;
    }
    return lo;
}

static const claim *find(const seat *s, crdt_dot dot)
{
    size_t at = place(s, dot);
    return at < s->count && crdt_dot_equal(s->claims[at].dot, dot) ? &s->claims[at] : NULL;
}

static void insert(seat *s, const claim *c)
{
    size_t at = place(s, c->dot);
    memmove(&s->claims[at + 1], &s->claims[at], (s->count - at) * sizeof *s->claims);
    s->claims[at] = *c;
    s->count++;
}

static crdt_view who_of(const claim *c)
{
    return crdt_view_of(c->who, c->size);
}

static bool seat_empty(const void *state)
{
    return ((const seat *)state)->count == 0;
}

/* -- Join: all that can fail comes first ----------------------------------------------------- */

static crdt_err seat_prepare(crdt_join *join, void *state, const void *other)
{
    seat       *mine = state;
    const seat *theirs = other;
    for (size_t i = 0; i < theirs->count; i++) {
        const claim *t = &theirs->claims[i], *m = find(mine, t->dot);
        bool         same =
            m == NULL || (m->stamp == t->stamp && crdt_view_compare(who_of(m), who_of(t)) == 0);
        if (!same) return CRDT_EFORK;
    }
    return reserve(join->space, mine, mine->count + theirs->count);
}

static bool seat_commit(crdt_join *join, void *state, const void *other)
{
    seat       *mine = state;
    const seat *theirs = other;
    size_t      kept = 0, before = mine->count;
    for (size_t i = 0; i < before; i++) {
        const claim *m = &mine->claims[i];
        bool         removed = crdt_cover_has(&join->theirs, m->dot) && !find(theirs, m->dot);
        if (!removed) mine->claims[kept++] = *m;
    }
    bool changed = kept < before;
    mine->count = kept;
    for (size_t i = 0; i < theirs->count; i++) {
        const claim *t = &theirs->claims[i];
        if (t->stamp > join->stamp_max) join->stamp_max = t->stamp;
        if (find(mine, t->dot) || crdt_cover_has(&join->mine, t->dot)) continue;
        insert(mine, t);
        changed = true;
    }
    return changed;
}

static crdt_err seat_since(const crdt_space *space, const void *state, const crdt_context *ctx,
                           void *ret_part, crdt_context *keep)
{
    const seat *s = state;
    seat       *part = ret_part;
    crdt_err    err = reserve(space, part, s->count);
    for (size_t i = 0; err == CRDT_OK && i < s->count; i++) {
        if (crdt_context_has(ctx, s->claims[i].dot)) err = crdt_context_add(keep, s->claims[i].dot);
        else part->claims[part->count++] = s->claims[i];
    }
    return err;
}

/* -- Reading: the state without what the transaction covers, and what it adds ---------------- */

typedef struct walk {
    const seat         *parts[2];
    const crdt_context *gone;
    size_t              part, at;
} walk;

static walk walk_of(const crdt_ref *ref)
{
    walk w = {{ref->state, ref->pending}, ref->gone, 0, 0};
    return w;
}

static const claim *next(walk *w)
{
    for (; w->part < 2; w->part++, w->at = 0) {
        while (w->parts[w->part] && w->at < w->parts[w->part]->count) {
            const claim *c = &w->parts[w->part]->claims[w->at++];
            if (w->part == 1 || !w->gone || !crdt_context_has(w->gone, c->dot)) return c;
        }
    }
    return NULL;
}

static bool seat_alive(const crdt_ref *ref)
{
    walk w = walk_of(ref);
    return next(&w) != NULL;
}

static bool comes_before(const claim *a, const claim *b)
{
    if (a->stamp != b->stamp) return a->stamp < b->stamp;
    return crdt_dot_compare(a->dot, b->dot) < 0;
}

static void seat_print(const crdt_ref *ref, crdt_buf *out)
{
    const claim *holder = NULL, *c;
    size_t       waiting = 0;
    walk         w = walk_of(ref);
    for (; (c = next(&w)) != NULL; waiting++) {
        if (!holder || comes_before(c, holder)) holder = c;
    }
    if (!holder) {
        crdt_buf_text(out, "free");
        return;
    }
    crdt_buf_print_value(out, crdt_bytes(holder->who, holder->size));
    crdt_buf_text(out, ", waiting: ");
    crdt_buf_udecimal(out, waiting - 1);
}

/* -- Operations: they read target.now and change only target.delta --------------------------- */

static bool is_of(const claim *c, const crdt_view *who)
{
    return who == NULL || crdt_view_compare(who_of(c), *who) == 0;
}

static crdt_err apply_claim(crdt_txn *txn, crdt_view name, const crdt_value *args)
{
    crdt_target  t;
    crdt_view    who = args[0].bytes;
    const claim *c;
    if (who.size > WHO_MAX) return CRDT_ELIMIT;
    crdt_err err = crdt_target_open(txn, name, &seat_type, &t);
    if (err == CRDT_OK) err = crdt_target_value_ok(&t, args[0]);
    if (err != CRDT_OK) return err;
    for (walk w = walk_of(&t.now); (c = next(&w)) != NULL;) {
        if (is_of(c, &who)) return CRDT_OK; /* it stands already: no mutation, no dot */
    }
    seat *delta = t.delta;
    err = reserve(t.space, delta, delta->count + 1);
    if (err == CRDT_OK) err = crdt_target_reserve(&t, 1, 0);
    if (err != CRDT_OK) return err;
    claim fresh = {crdt_target_dot(&t), crdt_target_stamp(&t, 0), (uint8_t)who.size, {0}};
    if (who.size > 0) memcpy(fresh.who, who.data, who.size);
    insert(delta, &fresh);
    return CRDT_OK;
}

/* Take back the claims of who (NULL: all) that this transaction may touch. */
static crdt_err take_back(crdt_target *t, const crdt_view *who)
{
    size_t       hits = 0, kept = 0;
    const claim *c;
    for (walk w = walk_of(&t->now); (c = next(&w)) != NULL;) {
        hits += is_of(c, who) && crdt_target_sees(t, c->dot);
    }
    if (hits == 0) return CRDT_OK;
    crdt_err err = crdt_target_reserve(t, 1, hits);
    if (err != CRDT_OK) return err;
    for (walk w = walk_of(&t->now); (c = next(&w)) != NULL && w.part == 0;) {
        if (is_of(c, who) && crdt_target_sees(t, c->dot)) crdt_target_cover(t, c->dot);
    }
    seat *delta = t->delta;
    for (size_t i = 0; i < delta->count; i++) {
        if (!is_of(&delta->claims[i], who)) delta->claims[kept++] = delta->claims[i];
    }
    delta->count = kept;
    (void)crdt_target_dot(t); /* a removal is a mutation: it takes a dot too */
    return CRDT_OK;
}

static crdt_err apply_release(crdt_txn *txn, crdt_view name, const crdt_value *args)
{
    crdt_target t;
    crdt_err    err = crdt_target_open(txn, name, &seat_type, &t);
    return err == CRDT_OK ? take_back(&t, &args[0].bytes) : err;
}

static crdt_err seat_reset(crdt_target *target)
{
    return take_back(target, NULL);
}

/* -- Bytes: equal states, equal bytes; decode takes nothing else ----------------------------- */

static void seat_mark(const void *state, crdt_replicas *ids)
{
    const seat *s = state;
    for (size_t i = 0; i < s->count; i++) crdt_replicas_add(ids, s->claims[i].dot.replica);
}

static void seat_encode(const void *state, crdt_enc *enc)
{
    const seat *s = state;
    crdt_buf_varint(enc->out, s->count);
    for (size_t i = 0; i < s->count; i++) {
        crdt_enc_replica(enc, s->claims[i].dot.replica);
        crdt_buf_varint(enc->out, s->claims[i].dot.seq);
        crdt_buf_u64(enc->out, s->claims[i].stamp);
        crdt_buf_view(enc->out, who_of(&s->claims[i]));
    }
}

/* A claim takes at least 11 bytes, so memory stays below 8 times the input. */
static crdt_err seat_decode(const crdt_space *space, void *state, crdt_dec *dec)
{
    seat    *s = state;
    size_t   count = crdt_dec_count(dec, 11, "claims");
    crdt_err err = reserve(space, s, count);
    if (err != CRDT_OK) return err;
    for (size_t i = 0; i < count; i++) {
        claim c;
        memset(&c, 0, sizeof c);
        c.dot.replica = crdt_dec_replica(dec);
        c.dot.seq = crdt_dec_varint(dec);
        c.stamp = crdt_dec_u64(dec);
        crdt_view who = crdt_dec_view(dec, WHO_MAX, "a claim's name");
        if (crdt_dec_status(dec) != CRDT_OK) return crdt_dec_status(dec);
        if (c.stamp > CRDT_STAMP_MAX ||
            (i > 0 && crdt_dot_compare(s->claims[i - 1].dot, c.dot) >= 0)) {
            return crdt_dec_fail(dec, CRDT_EMALFORMED, "a claim out of order or beyond all time");
        }
        c.size = (uint8_t)who.size;
        if (who.size > 0) memcpy(c.who, who.data, who.size);
        s->claims[s->count++] = c;
    }
    return crdt_dec_status(dec);
}

static void seat_digest(const void *state, crdt_blocks *blocks)
{
    const seat *s = state;
    for (size_t i = 0; i < s->count; i++) {
        crdt_blocks_atom(blocks, s->claims[i].dot);
        crdt_blocks_u64(blocks, s->claims[i].stamp);
        crdt_blocks_value(blocks, crdt_bytes(s->claims[i].who, s->claims[i].size));
    }
}

static bool seat_check(const crdt_space *space, const void *state, const crdt_context *seen,
                       const char **ret_reason)
{
    const seat *s = state;
    (void)space;
    for (size_t i = 0; i < s->count; i++) {
        bool ordered = i == 0 || crdt_dot_compare(s->claims[i - 1].dot, s->claims[i].dot) < 0;
        if (ordered && crdt_context_has(seen, s->claims[i].dot)) continue;
        *ret_reason = "a claim is out of order, or outside of the context";
        return false;
    }
    return true;
}

static void seat_stats(const void *state, crdt_stats *stats)
{
    const seat *s = state;
    for (size_t i = 0; i < s->count; i++) {
        stats->payload += s->claims[i].size;
        if (s->claims[i].stamp > stats->stamp_max) stats->stamp_max = s->claims[i].stamp;
    }
    stats->metadata += s->cap * sizeof *s->claims;
    stats->dots += s->count;
    stats->elements += s->count;
}

/* -- The type -------------------------------------------------------------------------------- */

static const crdt_op seat_ops[] = {
    {"claim", "b", "stand in line for the seat", apply_claim},
    {"release", "b", "take back every claim of who that was seen", apply_release},
};

const crdt_type seat_type = {
    .id = 0x8000,
    .format = 1,
    .name = "seat",
    .summary = "first come, first served",
    .source = "this example",
    .size = sizeof(seat),
    .ops_count = 2,
    .ops = seat_ops,
    .init = seat_init,
    .clear = seat_clear,
    .prepare = seat_prepare,
    .commit = seat_commit,
    .since = seat_since,
    .alive = seat_alive,
    .empty = seat_empty,
    .reset = seat_reset,
    .mark = seat_mark,
    .encode = seat_encode,
    .decode = seat_decode,
    .digest = seat_digest,
    .print = seat_print,
    .check = seat_check,
    .stats = seat_stats,
};

/* -- The oracle: the same, said of operations instead of states ------------------------------ */

static bool is_released(const crdt_laws_event *events, size_t count, uint64_t present,
                        size_t claimed)
{
    for (size_t i = 0; i < count; i++) {
        const crdt_laws_event *e = &events[i];
        bool                   concerns =
            e->op == NULL ||
            (e->op == &seat_ops[1] && crdt_value_compare(e->args[0], events[claimed].args[0]) == 0);
        if (concerns && (present >> i & 1) && (e->covers >> claimed & 1)) return true;
    }
    return false;
}

/* Was it idle, because an earlier claim of the same name stood already? */
static bool is_idle(const crdt_laws_event *events, size_t claimed)
{
    for (size_t i = 0; i < claimed; i++) {
        bool same = events[i].op == &seat_ops[0] && (events[claimed].seen >> i & 1) &&
                    crdt_value_compare(events[i].args[0], events[claimed].args[0]) == 0;
        if (same && !is_idle(events, i) && !is_released(events, claimed, events[claimed].seen, i)) {
            return true;
        }
    }
    return false;
}

static void seat_oracle(const crdt_laws_event *events, size_t count, uint64_t present,
                        crdt_buf *out)
{
    const crdt_laws_event *holder = NULL;
    size_t                 standing = 0;
    for (size_t i = 0; i < count; i++) {
        const crdt_laws_event *e = &events[i];
        if (!(present >> i & 1) || e->op != &seat_ops[0] || is_idle(events, i)) continue;
        if (is_released(events, count, present, i)) continue;
        standing++;
        bool first = !holder || e->stamp < holder->stamp ||
                     (e->stamp == holder->stamp && e->replica < holder->replica);
        if (first) holder = e;
    }
    if (!holder) {
        crdt_buf_text(out, "free");
        return;
    }
    crdt_buf_print_value(out, holder->args[0]);
    crdt_buf_text(out, ", waiting: ");
    crdt_buf_udecimal(out, standing - 1);
}

/* -- What it is good for --------------------------------------------------------------------- */

static void show(const char *where, const crdt_store *store)
{
    crdt_buf text;
    crdt_ref ref = crdt_store_solo(store);
    crdt_buf_init(&text, NULL);
    crdt_ref_print(&ref, &text);
    printf("%s %.*s\n", where, (int)text.size, (const char *)text.data);
    crdt_buf_clear(&text);
}

static bool two_claims(void)
{
    crdt_store *here = NULL, *there = NULL;
    crdt_value  ann = crdt_text("ann"), bob = crdt_text("bob");
    bool        ok = crdt_store_new_solo(&seat_type, 0x1111, NULL, &here) == CRDT_OK &&
              crdt_store_new_solo(&seat_type, 0x2222, NULL, &there) == CRDT_OK &&
              crdt_store_apply(here, 2000, CRDT_SOLO, &seat_ops[0], &ann, 1, NULL) == CRDT_OK &&
              crdt_store_apply(there, 1000, CRDT_SOLO, &seat_ops[0], &bob, 1, NULL) == CRDT_OK;
    if (ok) show("here: ", here);
    if (ok) show("there:", there);
    ok = ok && crdt_store_join(here, there, 3000) == CRDT_OK &&
         crdt_store_join(there, here, 3000) == CRDT_OK;
    if (ok) show("both: ", here);
    ok = ok && crdt_store_apply(there, 4000, CRDT_SOLO, &seat_ops[1], &bob, 1, NULL) == CRDT_OK;
    if (ok) show("later:", there);
    crdt_store_free(here);
    crdt_store_free(there);
    return ok;
}

static crdt_laws_report report;

int main(void)
{
    crdt_laws_options options = crdt_laws_options_default(&seat_type);
    options.oracle = seat_oracle;
    options.triples = 5000;
    options.scope = 4;
    if (!two_claims()) return 1;
    if (!crdt_laws_run(&options, &report) || !crdt_laws_exhaust(&options, &report)) {
        puts(report.text);
        return 1;
    }
    puts("seat is a type of replicated data: every law held");
    return 0;
}
