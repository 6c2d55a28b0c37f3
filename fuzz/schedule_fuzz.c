/* schedule_fuzz.c: bytes as a schedule for three replicas, held against the naive oracle.
 *
 * Input    pick, then steps: a byte (low half: what, high half: which replica) and what the step
 *          reads.
 * Steps    operations, transactions that commit or roll back, operations at an old read context;
 *          deltas in causal order, again, and too early; whole states; deltas since a context;
 *          restarts; and a refused allocation in any of these.
 * Holds    after each step the replica is sound and reads as the oracle says of the operations it
 *          has seen; a refused allocation and a gap change nothing; in the end all replicas have
 *          the same bytes, and keep them when all residues are forgotten.
 */
#include <string.h>

#include "fuzz/fuzz.h"
#include "tests/laws/lib/oracle.h"

#define REPLICAS 3
#define ENTRIES 48
#define EVENTS_MAX CRDT_LAWS_EVENTS_MAX
#define TXN_OPS 4
#define BIT(i) (UINT64_C(1) << (i))

typedef struct entry {
    crdt_delta *delta;
    uint64_t    past;   /* entries that its author held, itself included */
    uint64_t    events; /* that it brings */
    unsigned    author;
} entry;

typedef struct world {
    testmem          mem;
    const crdt_type *solo;
    crdt_laws_oracle oracle; /* NULL: replicas are compared with each other only */
    crdt_options     options[REPLICAS];
    crdt_store      *store[REPLICAS];
    uint64_t         have[REPLICAS]; /* entries */
    uint64_t         seen[REPLICAS]; /* events */
    entry            entries[ENTRIES];
    unsigned         entry_count;
    crdt_laws_event  events[EVENTS_MAX];
    crdt_value       args[EVENTS_MAX][CRDT_OP_ARGS_MAX];
    unsigned         event_count;
    crdt_context     saved; /* a read context, and the events it holds */
    uint64_t         saved_events;
    bool             is_saved;
    uint64_t         refuse; /* refuse this allocation from the next step's first on; 0: none */
    uint64_t         armed_calls;
    unsigned         looks;
    fuzz_in          in;
    uint64_t         now_ms;
} world;

static void world_init(world *w, const crdt_type *solo)
{
    static const uint64_t ids[REPLICAS] = {UINT64_C(0x1111), UINT64_C(0xffffffffffffffff),
                                           UINT64_C(0x22220000)};
    memset(w, 0, sizeof *w);
    testmem_init(&w->mem);
    w->solo = solo;
    if (solo != NULL) w->oracle = oracle_options(solo).oracle;
    w->now_ms = FUZZ_NOW;
    crdt_context_init(&w->saved, &w->mem.mem);
    for (unsigned r = 0; r < REPLICAS; r++) {
        w->options[r] = fuzz_options(solo, ids[r], &w->mem.mem);
        w->options[r].track_changes = true;
        CHECK_OK(crdt_store_new(&w->options[r], &w->store[r]));
    }
}

static void world_clear(world *w)
{
    for (unsigned r = 0; r < REPLICAS; r++) crdt_store_free(w->store[r]);
    for (unsigned e = 0; e < w->entry_count; e++) crdt_store_free(w->entries[e].delta);
    crdt_context_clear(&w->saved);
    TESTMEM_DONE(&w->mem);
}

/* -- Reading ----------------------------------------------------------------------------------- */

static void look(world *w, unsigned r)
{
    crdt_change change;
    const char *reason = "";
    if (w->looks++ % 4 == 0) fuzz_sound(w->store[r], &w->options[r], "a replica after a step");
    CHECK_MSG(crdt_store_check(w->store[r], &reason), "a replica after a step: %s", reason);
    while (crdt_store_next_change(w->store[r], &change)) {
        CHECK(change.type == crdt_store_type_at(w->store[r], change.name, 0));
    }
    if (w->oracle == NULL) return;
    crdt_buf shown, expected;
    crdt_ref ref = crdt_store_solo(w->store[r]);
    crdt_buf_init(&shown, NULL);
    crdt_buf_init(&expected, NULL);
    crdt_ref_print(&ref, &shown);
    w->oracle(w->events, w->event_count, w->seen[r], &expected);
    CHECK_MSG(crdt_view_compare(crdt_buf_bytes(&shown), crdt_buf_bytes(&expected)) == 0,
              "replica %u reads %.*s, the oracle says %.*s", r, (int)shown.size,
              shown.size ? (const char *)shown.data : "", (int)expected.size,
              expected.size ? (const char *)expected.data : "");
    crdt_buf_clear(&shown);
    crdt_buf_clear(&expected);
}

/* -- Refused allocations ----------------------------------------------------------------------- */

static void arm(world *w)
{
    w->armed_calls = w->mem.calls;
    if (w->refuse > 0) testmem_fail_nth(&w->mem, w->refuse);
}

/* True if the step is to be made again: an allocation was refused, and err says so. */
static bool again(world *w, crdt_err err)
{
    bool     refused = testmem_refused(&w->mem);
    uint64_t calls = w->mem.calls - w->armed_calls;
    testmem_fail_never(&w->mem);
    w->refuse = refused || calls >= w->refuse ? 0 : w->refuse - calls;
    CHECK_MSG(err != CRDT_ENOMEM || refused, "ENOMEM though no allocation was refused");
    return refused && err == CRDT_ENOMEM;
}

/* Join, with an allocation refused at first if one is to be. Refused or in error: nothing has
 * changed. */
static crdt_err join(world *w, unsigned r, const crdt_store *other)
{
    crdt_buf before;
    crdt_buf_init(&before, NULL);
    fuzz_encode(w->store[r], &before);
    arm(w);
    crdt_err err = crdt_store_join(w->store[r], other, w->now_ms);
    if (again(w, err)) {
        fuzz_is(w->store[r], crdt_buf_bytes(&before), "a store whose join was out of memory");
        fuzz_sound(w->store[r], &w->options[r], "a store whose join was out of memory");
        err = crdt_store_join(w->store[r], other, w->now_ms);
    }
    if (err != CRDT_OK) {
        fuzz_is(w->store[r], crdt_buf_bytes(&before), "a store that refused a join");
    }
    crdt_buf_clear(&before);
    return err;
}

/* -- Operations -------------------------------------------------------------------------------- */

static void record(world *w, unsigned r, const fuzz_op *op, crdt_txn *txn, unsigned first,
                   uint64_t *stamp, bool at_saved)
{
    unsigned         i = w->event_count++;
    crdt_laws_event *e = &w->events[i];
    uint64_t         own = (BIT(i) - 1) & ~(BIT(first) - 1);
    uint64_t         now = crdt_txn_stamp(txn);
    memcpy(w->args[i], op->args, sizeof w->args[i]);
    e->op = op->op;
    e->args = w->args[i];
    e->replica = w->options[r].replica;
    e->stamp = now == *stamp ? 0 : now;
    e->seen = w->seen[r] | own;
    e->covers = at_saved ? (w->saved_events & e->seen) | own : e->seen;
    *stamp = now;
}

/* One operation in the open transaction. False: the transaction can only be rolled back. */
static bool operate(world *w, unsigned r, crdt_txn *txn, unsigned first, uint64_t *stamp,
                    bool at_saved)
{
    fuzz_op op = fuzz_op_read(&w->in, w->solo);
    crdt_txn_at(txn, at_saved ? &w->saved : NULL);
    arm(w);
    crdt_err err = fuzz_op_run(txn, &op);
    if (again(w, err)) {
        err = fuzz_op_run(txn, &op);
        if (err == CRDT_ENOMEM) return false; /* a removal of several objects, half done */
    }
    CHECK_MSG(fuzz_op_may_give(err), "an operation gave %s", crdt_err_name(err));
    /* So may be one of which an object stands at its greatest depth (crdt_revgraph_remove). */
    if (op.op == NULL && err == CRDT_ELIMIT) return false;
    if (err == CRDT_OK) record(w, r, &op, txn, first, stamp, at_saved);
    return true;
}

static void end(world *w, unsigned r, unsigned first, bool commit)
{
    crdt_delta *delta = NULL;
    uint64_t    events = (BIT(w->event_count) - 1) & ~(BIT(first) - 1);
    if (commit) {
        arm(w);
        crdt_err err = crdt_store_commit(w->store[r], &delta);
        if (again(w, err)) err = crdt_store_commit(w->store[r], &delta);
        CHECK_OK(err);
        commit = !crdt_store_is_empty(delta);
    } else {
        crdt_store_rollback(w->store[r]);
    }
    if (!commit) { /* what happened never was */
        w->event_count = first;
        crdt_store_free(delta);
        return;
    }
    entry *e = &w->entries[w->entry_count];
    w->have[r] |= BIT(w->entry_count++);
    w->seen[r] |= events;
    e->delta = delta;
    e->past = w->have[r];
    e->events = events;
    e->author = r;
    fuzz_sound(delta, &w->options[r], "a delta");
}

static void transact(world *w, unsigned r, unsigned ops, bool commit, bool at_saved)
{
    crdt_txn *txn;
    crdt_buf  before;
    unsigned  first = w->event_count;
    uint64_t  stamp = 0;
    if (w->entry_count == ENTRIES || first + TXN_OPS >= EVENTS_MAX) return;
    crdt_buf_init(&before, NULL);
    fuzz_encode(w->store[r], &before);
    arm(w);
    crdt_err err = crdt_store_begin(w->store[r], w->now_ms, &txn);
    if (again(w, err)) err = crdt_store_begin(w->store[r], w->now_ms, &txn);
    CHECK_OK(err);
    while (ops-- > 0 && commit) commit = operate(w, r, txn, first, &stamp, at_saved && w->is_saved);
    end(w, r, first, commit);
    if (!commit) fuzz_is(w->store[r], crdt_buf_bytes(&before), "a store after a rollback");
    crdt_buf_clear(&before);
    look(w, r);
}

static void roll_back(world *w, unsigned r)
{
    crdt_txn *txn;
    uint64_t  stamp = 0;
    unsigned  first = w->event_count;
    crdt_buf  before;
    if (first + TXN_OPS >= EVENTS_MAX) return;
    crdt_buf_init(&before, NULL);
    fuzz_encode(w->store[r], &before);
    CHECK_OK(crdt_store_begin(w->store[r], w->now_ms, &txn));
    for (unsigned i = 0; i < 2 && operate(w, r, txn, first, &stamp, false); i++) continue;
    end(w, r, first, false);
    fuzz_is(w->store[r], crdt_buf_bytes(&before), "a store after a rollback");
    crdt_buf_clear(&before);
}

/* -- Deliveries -------------------------------------------------------------------------------- */

static void deliver(world *w, unsigned r, unsigned e)
{
    CHECK_OK(join(w, r, w->entries[e].delta));
    w->have[r] |= BIT(e);
    w->seen[r] |= w->entries[e].events;
    look(w, r);
}

/* The entry that the input names, in causal order, again, or too early. */
static void deliver_any(world *w, unsigned r)
{
    if (w->entry_count == 0) return;
    unsigned e = fuzz_byte(&w->in) % w->entry_count;
    uint64_t lacks = w->entries[e].past & ~w->have[r];
    if (lacks == BIT(e)) {
        deliver(w, r, e);
        return;
    }
    crdt_err err = join(w, r, w->entries[e].delta);
    if (lacks == 0) {
        CHECK_OK(err);
        look(w, r);
        return;
    }
    for (unsigned p = 0; p < e; p++) {
        bool before = w->entries[p].author == w->entries[e].author && (lacks & BIT(p));
        if (before) CHECK_ERR(err, CRDT_EGAP);
    }
    if (err != CRDT_OK) {
        CHECK_ERR(err, CRDT_EGAP);
        return;
    }
    /* Its author's entries and what it removes are here; of what else it had seen the delta knows
     * nothing, but the oracle would. Fetch the rest, as an engine would have. */
    w->have[r] |= BIT(e);
    w->seen[r] |= w->entries[e].events;
    for (unsigned p = 0; p < e; p++) {
        if (lacks & BIT(p)) CHECK_OK(crdt_store_join(w->store[r], w->entries[p].delta, w->now_ms));
        if (lacks & BIT(p)) w->seen[r] |= w->entries[p].events;
    }
    w->have[r] |= lacks;
    look(w, r);
}

static void deliver_next(world *w, unsigned r)
{
    for (unsigned e = 0; e < w->entry_count; e++) {
        if ((w->entries[e].past & ~w->have[r]) != BIT(e)) continue;
        deliver(w, r, e);
        return;
    }
}

static void take_state(world *w, unsigned r, unsigned peer)
{
    CHECK_OK(join(w, r, w->store[peer]));
    w->have[r] |= w->have[peer];
    w->seen[r] |= w->seen[peer];
    look(w, r);
}

static void take_since(world *w, unsigned r, unsigned peer)
{
    crdt_delta *since = NULL;
    arm(w);
    crdt_err err = crdt_store_since(w->store[peer], crdt_store_context(w->store[r]), &since);
    if (again(w, err)) {
        err = crdt_store_since(w->store[peer], crdt_store_context(w->store[r]), &since);
    }
    CHECK_OK(err);
    fuzz_sound(since, &w->options[r], "a delta since a context");
    CHECK_OK(join(w, r, since));
    crdt_store_free(since);
    w->have[r] |= w->have[peer];
    w->seen[r] |= w->seen[peer];
    look(w, r);
}

static void restart(world *w, unsigned r)
{
    crdt_buf    bytes;
    crdt_store *fresh = NULL;
    const char *reason = NULL;
    crdt_buf_init(&bytes, NULL);
    fuzz_encode(w->store[r], &bytes);
    arm(w);
    crdt_err err = crdt_store_decode(&w->options[r], crdt_buf_bytes(&bytes), &fresh, &reason);
    if (again(w, err)) {
        err = crdt_store_decode(&w->options[r], crdt_buf_bytes(&bytes), &fresh, &reason);
    }
    CHECK_MSG(err == CRDT_OK, "a replica cannot be decoded: %s", reason);
    crdt_buf_clear(&bytes);
    *crdt_store_clock(fresh) = *crdt_store_clock(w->store[r]); /* a program keeps it apart */
    crdt_store_free(w->store[r]);
    w->store[r] = fresh;
    look(w, r);
}

static void save_context(world *w, unsigned r)
{
    CHECK_OK(crdt_context_copy(&w->saved, crdt_store_context(w->store[r])));
    w->saved_events = w->seen[r];
    w->is_saved = true;
}

/* -- The whole --------------------------------------------------------------------------------- */

static void step(world *w)
{
    uint8_t  byte = fuzz_byte(&w->in);
    unsigned r = (byte >> 4) % REPLICAS, peer = (r + 1 + (byte >> 7)) % REPLICAS;
    w->now_ms += (byte >> 6) & 1;
    switch (byte & 15) {
    case 6: transact(w, r, TXN_OPS, true, false); break;
    case 7: roll_back(w, r); break;
    case 8: deliver_any(w, r); break;
    case 9: deliver_next(w, r); break;
    case 10: take_state(w, r, peer); break;
    case 11: take_since(w, r, peer); break;
    case 12: restart(w, r); break;
    case 13: save_context(w, r); break;
    case 14: transact(w, r, 1, true, true); break;
    case 15: w->refuse = 1u + fuzz_byte(&w->in) % 64u; break;
    default: transact(w, r, 1, true, false);
    }
}

static void converge(world *w)
{
    w->refuse = 0;
    for (unsigned r = 0; r < REPLICAS; r++) {
        for (unsigned e = 0; e < w->entry_count; e++) {
            if (!(w->have[r] & BIT(e))) deliver(w, r, e);
        }
        fuzz_sound(w->store[r], &w->options[r], "a replica that holds all entries");
        if (r > 0) fuzz_same(w->store[0], w->store[r], "two replicas that hold all entries");
    }
}

/* Everyone holds everything: all is stable. What is read stays, and all replicas stay the same. */
static void forget(world *w)
{
    for (unsigned r = 0; r < REPLICAS; r++) {
        crdt_context all;
        crdt_context_init(&all, NULL);
        CHECK_OK(crdt_context_copy(&all, crdt_store_context(w->store[r])));
        CHECK_OK(crdt_store_stabilise(w->store[r], &all));
        crdt_context_clear(&all);
        look(w, r);
        if (r > 0) fuzz_same(w->store[0], w->store[r], "two replicas that forgot all residues");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_in          in = fuzz_input(data, size);
    const crdt_type *solo = fuzz_pick(&in);
    world            w;
    world_init(&w, solo);
    w.in = in;
    for (unsigned i = 0; i < 200 && fuzz_more(&w.in); i++) step(&w);
    converge(&w);
    forget(&w);
    world_clear(&w);
    return 0;
}
