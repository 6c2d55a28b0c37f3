/* laws/world.c: three replicas that play a history step by step, and the laws of single steps. */
#include <string.h>

#include "crdt/laws/kit.h"

#define BIT(i) (UINT64_C(1) << (i))

static const char *const replica_names[KIT_REPLICAS] = {"A", "B", "C"};

/* -- The pool -------------------------------------------------------------------------------- */

void crdt__laws_pool_add(kit_pool *pool, kit *k, crdt_store *store, uint64_t entries, bool closed)
{
    kit_item *item = &pool->items[pool->count++];
    item->store = store;
    item->entries = entries;
    item->closed = closed;
    crdt_buf_init(&item->bytes, &k->mem.mem);
    (void)crdt__laws_bytes(k, store, &item->bytes);
    item->digest = crdt_store_digest(store, NULL);
}

void crdt__laws_pool_clear(kit_pool *pool)
{
    for (size_t i = 0; i < pool->count; i++) {
        crdt_store_free(pool->items[i].store);
        crdt_buf_clear(&pool->items[i].bytes);
    }
    pool->count = 0;
}

/* Half of the states that replicas pass through, up to half of the pool. */
static bool gather(kit_world *w, unsigned r)
{
    if (w->pool == NULL || w->pool->count >= KIT_POOL / 2) return true;
    if (!w->k->thorough && crdt__laws_below(&w->k->rand, 2) == 0) return true;
    crdt_store *copy;
    WORKS(w->k, CRDT_LAW_ROUND_TRIP, crdt_store_clone(w->store[r], 0, &copy));
    crdt__laws_pool_add(w->pool, w->k, copy, w->have[r], true);
    return crdt__laws_same(w->k, CRDT_LAW_ROUND_TRIP, w->store[r], copy, "a store and its clone");
}

/* -- Life of a world ------------------------------------------------------------------------- */

bool crdt__laws_world_init(kit_world *w, kit *k, unsigned names)
{
    memset(w, 0, sizeof *w);
    w->k = k;
    w->names = names;
    for (unsigned i = 0; i < KIT_SLOTS; i++) crdt_context_init(&w->slots[i].ctx, &k->mem.mem);
    for (unsigned r = 0; r < KIT_REPLICAS; r++) {
        crdt_err err = crdt__laws_store(k, names, crdt__laws_replica_id(r), &w->store[r]);
        if (err != CRDT_OK) {
            return crdt__laws_fail(k, CRDT_LAW_CHECK, "a new store: %s", crdt_err_name(err));
        }
    }
    return true;
}

void crdt__laws_world_clear(kit_world *w)
{
    for (unsigned r = 0; r < KIT_REPLICAS; r++) crdt_store_free(w->store[r]);
    for (unsigned i = 0; i < KIT_SLOTS; i++) crdt_context_clear(&w->slots[i].ctx);
    for (unsigned i = 0; i < w->entry_count; i++) {
        crdt_store_free(w->entries[i].delta);
        crdt_context_clear(&w->entries[i].ctx);
        crdt_context_clear(&w->entries[i].cut);
    }
}

/* -- Telling the history --------------------------------------------------------------------- */

static void tell(kit_world *w, unsigned r, const char *what, unsigned number)
{
    if (w->k->trace == NULL) return;
    crdt_buf_text(w->k->trace, "\n  ");
    crdt_buf_text(w->k->trace, replica_names[r]);
    crdt_buf_text(w->k->trace, what);
    if (number > 0) crdt_buf_udecimal(w->k->trace, number);
}

static void tell_more(kit_world *w, const char *what, unsigned number)
{
    if (w->k->trace == NULL) return;
    crdt_buf_text(w->k->trace, what);
    if (number > 0) crdt_buf_udecimal(w->k->trace, number);
}

/* -- Reading --------------------------------------------------------------------------------- */

bool crdt__laws_world_reads(kit_world *w, const crdt_store *store, uint64_t events,
                            const char *what)
{
    kit *k = w->k;
    if (k->o->oracle == NULL || w->names > 0) return true;
    if (w->collect && (k->o->flags & CRDT_LAWS_FORGETS)) return true;
    crdt_buf_reset(&k->a);
    crdt_buf_reset(&k->b);
    crdt__laws_text(store, 0, &k->a);
    k->o->oracle(w->events, w->event_count, events, &k->b);
    HOLDS(k, CRDT_LAW_ORACLE, crdt_view_compare(crdt_buf_bytes(&k->a), crdt_buf_bytes(&k->b)) == 0,
          "%s reads %.*s, the oracle says %.*s", what, (int)k->a.size,
          k->a.data ? (const char *)k->a.data : "", (int)k->b.size,
          k->b.data ? (const char *)k->b.data : "");
    return true;
}

/* After each step that may have changed replica r. */
static bool look(kit_world *w, unsigned r)
{
    if (!w->careful) return true;
    return crdt__laws_sound(w->k, w->store[r], "after a step") &&
           crdt__laws_world_reads(w, w->store[r], w->seen[r], replica_names[r]) && gather(w, r);
}

/* -- Transactions ---------------------------------------------------------------------------- */

static crdt_view name_of(const kit_world *w, unsigned name)
{
    return w->names == 0 ? CRDT_SOLO : crdt_view_of(name == 0 ? "a" : "b", 1);
}

static bool begin(kit_world *w, const kit_step *s, size_t i)
{
    kit *k = w->k;
    if (w->careful) {
        WORKS(k, CRDT_LAW_TRANSACTION,
              crdt_store_clone(w->store[s->replica], crdt__laws_replica_id(s->replica),
                               &w->txn_before));
    }
    /* Clocks that differ, that stand still, and now and then one that is far ahead. */
    w->txn_now = KIT_NOW + i / 2 + s->replica * 3u + (s->pick % 97 == 0 ? 1000000 : 0);
    WORKS(k, CRDT_LAW_TRANSACTION, crdt_store_begin(w->store[s->replica], w->txn_now, &w->txn));
    w->txn_replica = s->replica;
    w->txn_first_event = w->event_count;
    w->txn_stamp = 0;
    return true;
}

/* What the open transaction shows, as crdt__laws_text tells of a store. */
static void txn_text(kit_world *w, crdt_buf *out)
{
    for (unsigned n = 0; n < (w->names == 0 ? 1 : w->names); n++) {
        crdt_ref ref;
        if (crdt_txn_find(w->txn, name_of(w, n), NULL, &ref) != CRDT_OK) continue;
        if (w->names > 0) {
            crdt_buf_print_value(out, crdt_bytes(name_of(w, n).data, 1));
            crdt_buf_text(out, ": ");
        }
        crdt_ref_print(&ref, out);
        if (w->names > 0) crdt_buf_text(out, "\n");
    }
}

static void record(kit_world *w, const kit_step *s, const crdt_op *op, const crdt_value *args)
{
    unsigned         i = w->event_count++;
    crdt_laws_event *e = &w->events[i];
    memcpy(w->event_args[i], args, sizeof w->event_args[i]);
    uint64_t own = (BIT(i) - 1) & ~(BIT(w->txn_first_event) - 1);
    uint64_t stamp = crdt_txn_stamp(w->txn);
    e->op = op;
    e->args = w->event_args[i];
    e->replica = crdt__laws_replica_id(s->replica);
    e->stamp = stamp == w->txn_stamp ? 0 : stamp;
    e->seen = w->seen[s->replica] | own;
    e->covers = e->seen;
    if (s->slot > 0 && w->slots[s->slot - 1].set) {
        e->covers = (w->slots[s->slot - 1].events & e->seen) | own;
    }
    w->txn_stamp = stamp;
}

/* One operation in the open transaction. */
static bool operate(kit_world *w, const kit_step *s)
{
    kit           *k = w->k;
    const crdt_op *op = s->op < k->type->ops_count ? &k->type->ops[s->op] : NULL;
    crdt_value     args[CRDT_OP_ARGS_MAX];
    size_t         argc = 0;
    for (; op != NULL && argc < CRDT_OP_ARGS_MAX && op->args[argc] != 0; argc++) {
        args[argc] = crdt__laws_arg(op, argc, s->args[argc]);
    }
    for (size_t i = argc; i < CRDT_OP_ARGS_MAX; i++) args[i] = crdt_int(0);
    const kit_slot *slot = s->slot > 0 ? &w->slots[s->slot - 1] : NULL;
    crdt_txn_at(w->txn, slot != NULL && slot->set ? &slot->ctx : NULL);
    if (k->trace != NULL) {
        crdt_buf_text(k->trace, " ");
        crdt__laws_print_op(op, args, k->trace);
        if (slot != NULL && slot->set) tell_more(w, " at context ", s->slot);
    }
    crdt_buf_reset(&k->a);
    if (w->careful) txn_text(w, &k->a);
    crdt_err err = op == NULL ? crdt_txn_remove(w->txn, name_of(w, s->name))
                              : crdt_txn_apply(w->txn, name_of(w, s->name), op, args, argc);
    if (err == CRDT_OK) {
        record(w, s, op, args);
        return true;
    }
    tell_more(w, ": ", 0);
    tell_more(w, crdt_err_name(err), 0);
    bool allowed = err == CRDT_ENOENT || err == CRDT_EINVAL || err == CRDT_ELIMIT ||
                   err == CRDT_ERANGE || err == CRDT_ERIGHTS || err == CRDT_EEXIST ||
                   err == CRDT_ETYPE;
    HOLDS(k, CRDT_LAW_TRANSACTION, allowed, "an operation gave %s", crdt_err_name(err));
    if (!w->careful) return true;
    crdt_buf_reset(&k->b);
    txn_text(w, &k->b);
    HOLDS(k, CRDT_LAW_TRANSACTION,
          crdt_view_compare(crdt_buf_bytes(&k->a), crdt_buf_bytes(&k->b)) == 0,
          "an operation that gave %s changed what the transaction shows", crdt_err_name(err));
    return true;
}

static bool rollback(kit_world *w)
{
    crdt_store *store = w->store[w->txn_replica];
    crdt_store_rollback(store);
    w->event_count = w->txn_first_event;
    tell_more(w, " -> rolled back", 0);
    if (!w->careful) return true;
    return crdt__laws_same(w->k, CRDT_LAW_ROLLBACK, w->txn_before, store,
                           "the store before and after a rollback");
}

/* The laws of one commit: before, delta and after. */
static bool commit_laws(kit_world *w, const crdt_delta *delta)
{
    kit        *k = w->k;
    crdt_store *after = w->store[w->txn_replica];
    crdt_buf_reset(&k->b);
    crdt__laws_text(after, w->names, &k->b);
    HOLDS(k, CRDT_LAW_TRANSACTION,
          crdt_view_compare(crdt_buf_bytes(&k->a), crdt_buf_bytes(&k->b)) == 0,
          "before its commit the transaction showed %.*s, after it the store %.*s", (int)k->a.size,
          k->a.data ? (const char *)k->a.data : "", (int)k->b.size,
          k->b.data ? (const char *)k->b.data : "");
    crdt_order order;
    if (!crdt__laws_bytes(k, w->txn_before, &k->c) || !crdt__laws_bytes(k, after, &k->d)) {
        return false;
    }
    WORKS(k, CRDT_LAW_INFLATES, crdt_store_compare(w->txn_before, after, &order));
    if (!crdt__laws_is(k, CRDT_LAW_INPUTS_UNTOUCHED, w->txn_before, crdt_buf_bytes(&k->c),
                       "what was compared, before and after") ||
        !crdt__laws_is(k, CRDT_LAW_INPUTS_UNTOUCHED, after, crdt_buf_bytes(&k->d),
                       "what was compared, before and after")) {
        return false;
    }
    HOLDS(k, CRDT_LAW_INFLATES, order == (crdt_store_is_empty(delta) ? CRDT_EQUAL : CRDT_BEFORE),
          "a commit with %s delta is no step up", crdt_store_is_empty(delta) ? "an empty" : "a");
    WORKS(k, CRDT_LAW_DELTA_IS_MUTATION, crdt_store_join(w->txn_before, delta, w->txn_now));
    return crdt__laws_same(k, CRDT_LAW_DELTA_IS_MUTATION, w->txn_before, after,
                           "before joined with the delta, and after");
}

static unsigned add_entry(kit_world *w, unsigned r)
{
    unsigned   e = w->entry_count++;
    kit_entry *entry = &w->entries[e];
    entry->author = r;
    w->have[r] |= BIT(e);
    entry->past = w->have[r];
    crdt_context_init(&entry->ctx, &w->k->mem.mem);
    crdt_context_init(&entry->cut, &w->k->mem.mem);
    (void)!crdt_context_copy(&entry->ctx, crdt_store_context(w->store[r]));
    return e;
}

/* The event of a commit with an empty delta never was; but the oracle must see no change in it
 * either. */
static bool forget_idle(kit_world *w, unsigned r, uint64_t events)
{
    if (!crdt__laws_world_reads(w, w->store[r], w->seen[r] | events, "with an idle operation")) {
        return false;
    }
    w->event_count = w->txn_first_event;
    tell_more(w, " -> nothing", 0);
    return true;
}

static bool commit(kit_world *w)
{
    kit        *k = w->k;
    unsigned    r = w->txn_replica;
    crdt_delta *delta;
    crdt_buf_reset(&k->a);
    if (w->careful) txn_text(w, &k->a);
    WORKS(k, CRDT_LAW_TRANSACTION, crdt_store_commit(w->store[r], &delta));
    if (w->careful && !commit_laws(w, delta)) return false;
    uint64_t events = (w->event_count == 64 ? UINT64_MAX : BIT(w->event_count) - 1) &
                      ~(BIT(w->txn_first_event) - 1);
    if (w->txn_first_event == 64) events = 0;
    if (crdt_store_is_empty(delta)) {
        crdt_store_free(delta);
        if (w->careful) return forget_idle(w, r, events);
        w->event_count = w->txn_first_event;
        return true;
    }
    unsigned e = add_entry(w, r);
    w->entries[e].delta = delta;
    w->entries[e].events = events;
    w->seen[r] |= events;
    tell_more(w, " -> entry ", e + 1);
    return look(w, r);
}

static bool op_step(kit_world *w, const kit_history *h, size_t i)
{
    const kit_step *s = &h->steps[i];
    bool full = w->event_count + 4 > CRDT_LAWS_EVENTS_MAX || w->entry_count + 8 > KIT_ENTRIES;
    if (w->txn == NULL) {
        if (full) return true;
        tell(w, s->replica, ":", 0);
        if (!begin(w, s, i)) return false;
    }
    if (!full && !operate(w, s)) return false;
    const kit_step *next = i + 1 < h->count ? s + 1 : NULL;
    bool more = next != NULL && next->kind == KIT_OP && next->chain && next->replica == s->replica;
    if (more) return true;
    bool ok = s->rollback ? rollback(w) : commit(w);
    w->txn = NULL;
    if (!ok) return false;
    crdt_store_free(w->txn_before);
    w->txn_before = NULL;
    return true;
}

/* -- Deliveries ------------------------------------------------------------------------------ */

bool crdt__laws_world_deliver(kit_world *w, unsigned r, unsigned e)
{
    kit             *k = w->k;
    const kit_entry *entry = &w->entries[e];
    if (entry->delta != NULL) {
        WORKS(k, CRDT_LAW_DELIVERIES_AGREE, crdt_store_join(w->store[r], entry->delta, KIT_NOW));
    } else if (entry->is_cut && w->collect) {
        WORKS(k, CRDT_LAW_STABLE_READS, crdt_store_stabilise(w->store[r], &entry->cut));
    }
    w->have[r] |= BIT(e);
    w->seen[r] |= entry->events;
    return true;
}

/* The pick-th entry that r lacks and can deliver; KIT_ENTRIES if there is none. */
static unsigned deliverable(const kit_world *w, unsigned r, uint32_t pick)
{
    unsigned found[KIT_ENTRIES], count = 0;
    for (unsigned e = 0; e < w->entry_count; e++) {
        uint64_t lacks = w->entries[e].past & ~w->have[r];
        if (lacks == BIT(e)) found[count++] = e;
    }
    return count == 0 ? KIT_ENTRIES : found[pick % count];
}

static bool deliver_step(kit_world *w, const kit_step *s)
{
    unsigned e = deliverable(w, s->replica, s->pick);
    if (e == KIT_ENTRIES) return true;
    tell(w, s->replica, " <- entry ", e + 1);
    return crdt__laws_world_deliver(w, s->replica, e) && look(w, s->replica);
}

static bool again_step(kit_world *w, const kit_step *s)
{
    kit     *k = w->k;
    unsigned e = w->entry_count == 0 ? 0 : s->pick % w->entry_count;
    if (e >= w->entry_count || !(w->have[s->replica] & BIT(e))) return true;
    if (w->entries[e].delta == NULL || !w->careful) return true;
    tell(w, s->replica, " <- again entry ", e + 1);
    if (!crdt__laws_bytes(k, w->store[s->replica], &k->c)) return false;
    WORKS(k, CRDT_LAW_IDEMPOTENT,
          crdt_store_join(w->store[s->replica], w->entries[e].delta, KIT_NOW));
    return crdt__laws_is(k, CRDT_LAW_IDEMPOTENT, w->store[s->replica], crdt_buf_bytes(&k->c),
                         "the store before and after it got an entry again");
}

/* Does r lack a delta of e's author from before e? */
static bool lacks_predecessor(const kit_world *w, unsigned r, unsigned e)
{
    for (unsigned p = 0; p < e; p++) {
        bool before = w->entries[p].author == w->entries[e].author && w->entries[p].delta != NULL;
        if (before && !(w->have[r] & BIT(p))) return true;
    }
    return false;
}

static bool gap_step(kit_world *w, const kit_step *s)
{
    kit *k = w->k;
    for (unsigned i = 0; w->careful && i < KIT_REPLICAS * w->entry_count; i++) {
        unsigned r = (s->replica + i / w->entry_count) % KIT_REPLICAS, e = i % w->entry_count;
        if (w->entries[e].delta == NULL || !lacks_predecessor(w, r, e)) continue;
        if (!crdt__laws_bytes(k, w->store[r], &k->c)) return false;
        tell(w, r, " <- too early entry ", e + 1);
        crdt_err err = crdt_store_join(w->store[r], w->entries[e].delta, KIT_NOW);
        HOLDS(k, CRDT_LAW_GAP, err == CRDT_EGAP, "an entry that came too early gave %s",
              crdt_err_name(err));
        return crdt__laws_is(k, CRDT_LAW_GAP, w->store[r], crdt_buf_bytes(&k->c),
                             "the store before and after it refused an entry");
    }
    return true;
}

/* A state brings entries with it; cuts among them are acted on at once. */
static bool take_state(kit_world *w, unsigned r, unsigned peer, const crdt_store *what)
{
    kit *k = w->k;
    if (w->careful && !crdt__laws_bytes(k, what, &k->c)) return false;
    WORKS(k, CRDT_LAW_DELIVERIES_AGREE, crdt_store_join(w->store[r], what, KIT_NOW));
    if (w->careful && !crdt__laws_is(k, CRDT_LAW_INPUTS_UNTOUCHED, what, crdt_buf_bytes(&k->c),
                                     "what was joined, before and after")) {
        return false;
    }
    uint64_t fresh = w->have[peer] & ~w->have[r];
    w->have[r] |= w->have[peer];
    w->seen[r] |= w->seen[peer];
    for (unsigned e = 0; w->collect && e < w->entry_count; e++) {
        if (!(fresh & BIT(e)) || !w->entries[e].is_cut) continue;
        WORKS(k, CRDT_LAW_STABLE_READS, crdt_store_stabilise(w->store[r], &w->entries[e].cut));
    }
    return look(w, r);
}

static bool sync_step(kit_world *w, const kit_step *s)
{
    tell(w, s->replica, " <- the state of ", 0);
    tell_more(w, replica_names[s->peer], 0);
    return take_state(w, s->replica, s->peer, w->store[s->peer]);
}

static bool since_step(kit_world *w, const kit_step *s)
{
    kit        *k = w->k;
    crdt_delta *since;
    tell(w, s->replica, " <- what it lacks of ", 0);
    tell_more(w, replica_names[s->peer], 0);
    WORKS(k, CRDT_LAW_DELIVERIES_AGREE,
          crdt_store_since(w->store[s->peer], crdt_store_context(w->store[s->replica]), &since));
    if (!take_state(w, s->replica, s->peer, since)) return false;
    crdt_store_free(since);
    return true;
}

static bool restart_step(kit_world *w, const kit_step *s)
{
    kit         *k = w->k;
    unsigned     r = s->replica;
    crdt_options o = crdt__laws_store_options(k, w->names, crdt__laws_replica_id(r));
    const char  *reason = "";
    crdt_store  *fresh;
    tell(w, r, " restarts", 0);
    if (!crdt__laws_bytes(k, w->store[r], &k->c)) return false;
    crdt_err err = crdt_store_decode(&o, crdt_buf_bytes(&k->c), &fresh, &reason);
    HOLDS(k, CRDT_LAW_ROUND_TRIP, err == CRDT_OK, "decode of a store gave %s: %s",
          crdt_err_name(err), reason != NULL ? reason : "");
    /* The clock is no part of the bytes: a program keeps a ceiling of it apart. */
    *crdt_store_clock(fresh) = *crdt_store_clock(w->store[r]);
    crdt_store_free(w->store[r]);
    w->store[r] = fresh;
    return look(w, r);
}

static bool save_step(kit_world *w, const kit_step *s)
{
    kit_slot *slot = &w->slots[s->slot > 0 ? s->slot - 1 : 0];
    tell(w, s->replica, "'s context is kept as context ", (unsigned)(slot - w->slots) + 1);
    WORKS(w->k, CRDT_LAW_TRANSACTION,
          crdt_context_copy(&slot->ctx, crdt_store_context(w->store[s->replica])));
    slot->events = w->seen[s->replica];
    slot->set = true;
    return true;
}

/* -- Acknowledgements and cuts --------------------------------------------------------------- */

/* The causal past of the last entry of m that r holds; NULL if there is none. */
static const crdt_context *proven(const kit_world *w, unsigned r, unsigned m)
{
    for (unsigned e = w->entry_count; e-- > 0;) {
        if (w->entries[e].author == m && (w->have[r] & BIT(e))) return &w->entries[e].ctx;
    }
    return NULL;
}

bool crdt__laws_world_ack(kit_world *w, unsigned r, bool cut)
{
    kit *k = w->k;
    if (w->entry_count + 8 > KIT_ENTRIES && !w->careful && w->entry_count >= KIT_ENTRIES)
        return true;
    unsigned   e = add_entry(w, r);
    kit_entry *entry = &w->entries[e];
    tell(w, r, cut ? " proposes a cut -> entry " : " acknowledges -> entry ", e + 1);
    entry->is_cut = cut;
    if (!cut) return true;
    for (unsigned m = 0; m < KIT_REPLICAS; m++) {
        const crdt_context *past = proven(w, r, m);
        if (past == NULL) {
            crdt_context_reset(&entry->cut);
            break;
        }
        if (m == 0) WORKS(k, CRDT_LAW_STABLE_READS, crdt_context_copy(&entry->cut, past));
        else WORKS(k, CRDT_LAW_STABLE_READS, crdt_context_intersect(&entry->cut, past));
    }
    if (!w->collect) return true;
    WORKS(k, CRDT_LAW_STABLE_READS, crdt_store_stabilise(w->store[r], &entry->cut));
    return look(w, r);
}

/* -- Steps ----------------------------------------------------------------------------------- */

bool crdt__laws_world_step(kit_world *w, const kit_history *h, size_t i)
{
    const kit_step *s = &h->steps[i];
    w->k->report->steps++;
    switch (s->kind) {
    case KIT_OP: return op_step(w, h, i);
    case KIT_DELIVER: return deliver_step(w, s);
    case KIT_AGAIN: return again_step(w, s);
    case KIT_GAP: return gap_step(w, s);
    case KIT_SYNC: return sync_step(w, s);
    case KIT_SINCE: return since_step(w, s);
    case KIT_RESTART: return restart_step(w, s);
    case KIT_SAVE: return save_step(w, s);
    default:
        if (w->entry_count + 8 > KIT_ENTRIES) return true;
        return crdt__laws_world_ack(w, s->replica, s->kind == KIT_CUT);
    }
}

bool crdt__laws_world_settle(kit_world *w)
{
    for (unsigned r = 0; r < KIT_REPLICAS; r++) {
        for (unsigned e = 0; e < w->entry_count; e++) {
            /* In the order of creation causes come before effects. */
            if (!(w->have[r] & BIT(e)) && !crdt__laws_world_deliver(w, r, e)) return false;
        }
        if (!look(w, r)) return false;
    }
    for (unsigned r = 1; r < KIT_REPLICAS; r++) {
        if (!crdt__laws_same(w->k, CRDT_LAW_DELIVERIES_AGREE, w->store[0], w->store[r],
                             "two replicas that hold all entries")) {
            return false;
        }
    }
    return true;
}

unsigned crdt__laws_world_order(const kit_world *w, uint64_t *rand, unsigned *ret_order)
{
    uint64_t done = 0;
    unsigned count = 0;
    while (count < w->entry_count) {
        unsigned ready[KIT_ENTRIES], n = 0;
        for (unsigned e = 0; e < w->entry_count; e++) {
            if ((w->entries[e].past & ~done) == BIT(e)) ready[n++] = e;
        }
        unsigned e = ready[crdt__laws_below(rand, n)];
        done |= BIT(e);
        ret_order[count++] = e;
    }
    return count;
}
