/* laws/scope.c: all histories of a few operations on three replicas, and all their orders of
 * delivery.
 *
 * A history grows event by event: a replica, the closed set of earlier events that it has seen,
 * an operation. `states` holds, for each causally closed set of events, the state that holds just
 * them. The state of the whole history is reached over every event that can be its last one, and
 * all ways must give the same bytes. Its smaller closed sets are histories of their own, which were
 * played before, lengths being tried from 1 upwards; so by induction all orders of delivery of all
 * of them agree, and the first history found to be wrong is a shortest one. For this what an
 * operation may be given depends on its replica and on the history's length alone, but for what
 * only tells the events apart: what is possible in a history is possible in its parts.
 *
 * Played once: histories that differ only in the names of replicas (first use is A, B, C), in the
 * names of elements (unless the type compares them), in the order of concurrent events (the word of
 * their replicas is the least there is), or in an operation that took no dot or made the same delta
 * as another one would have made there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crdt/laws/kit.h"

#define SCOPE_MAX 8
#define SIBLINGS_MAX 64
#define SAMPLED_ABOVE 4 /* operations: of longer histories one in eight is tested in full */
#define BIT(i) (UINT64_C(1) << (i))

typedef struct scope_event {
    unsigned    replica, op, elements; /* elements: how many the history uses up to here */
    crdt_delta *delta;
    crdt_value  args[CRDT_OP_ARGS_MAX];
} scope_event;

typedef struct scope {
    kit            *k;
    unsigned        limit; /* length of the histories that are tested now */
    unsigned        ids[KIT_REPLICAS];
    unsigned        count;
    scope_event     at[SCOPE_MAX];
    crdt_laws_event events[SCOPE_MAX];
    crdt_store     *states[1u << SCOPE_MAX]; /* by set of events; NULL: not closed */
    crdt_buf        bytes[1u << SCOPE_MAX];  /* of these states, once they were asked for */
    uint64_t        orders[1u << SCOPE_MAX]; /* in which the set can be delivered */
    uint64_t        told;
} scope;

/* The deltas that operations make at one replica with one past, to leave out those that repeat. */
typedef struct siblings {
    crdt_buf        bytes[SIBLINGS_MAX];
    crdt_laws_event events[SIBLINGS_MAX];
    crdt_value      args[SIBLINGS_MAX][CRDT_OP_ARGS_MAX];
    unsigned        count;
} siblings;

static bool grow(scope *s);

/* -- Telling --------------------------------------------------------------------------------- */

static void tell_set(uint64_t set, crdt_buf *out)
{
    const char *between = "{";
    for (unsigned i = 0; i < SCOPE_MAX; i++) {
        if (!(set & BIT(i))) continue;
        crdt_buf_text(out, between);
        crdt_buf_udecimal(out, i + 1);
        between = ", ";
    }
    crdt_buf_text(out, set == 0 ? "{}" : "}");
}

static void tell(scope *s, crdt_laws_report *report)
{
    kit     *k = s->k;
    crdt_buf text;
    crdt_buf_init(&text, NULL);
    for (unsigned i = 0; i < s->count; i++) {
        crdt_buf_text(&text, "\n  ");
        crdt_buf_udecimal(&text, i + 1);
        crdt_buf_text(&text, s->at[i].replica == 0   ? " A: "
                             : s->at[i].replica == 1 ? " B: "
                                                     : " C: ");
        crdt__laws_print_op(s->events[i].op, s->events[i].args, &text);
        crdt_buf_text(&text, " having seen ");
        tell_set(s->events[i].seen, &text);
    }
    report->broken = k->broken;
    snprintf(report->text, sizeof report->text,
             "%s breaks the law \"%s\": %s\n  %s\nThe history:%.*s", k->type->name,
             crdt_law_name(k->broken), crdt_law_text(k->broken), k->why, (int)text.size,
             text.data != NULL ? (const char *)text.data : "");
    crdt_buf_clear(&text);
}

static bool wrong(scope *s, crdt_law law, uint64_t set, const char *what)
{
    crdt_buf text;
    crdt_buf_init(&text, NULL);
    tell_set(set, &text);
    (void)crdt__laws_fail(s->k, law, "%s, for the events %.*s", what, (int)text.size,
                          text.data != NULL ? (const char *)text.data : "");
    crdt_buf_clear(&text);
    return false;
}

/* -- Testing one history --------------------------------------------------------------------- */

/* The events of the set that can have come last. */
static uint64_t last_ones(const scope *s, uint64_t set)
{
    uint64_t inner = 0;
    for (unsigned i = 0; i < s->count; i++) {
        if (set & BIT(i)) inner |= s->events[i].seen;
    }
    return set & ~inner;
}

static bool reads_as_oracle(scope *s, const crdt_store *store, uint64_t set)
{
    kit *k = s->k;
    if (k->o->oracle == NULL) return true;
    k->report->checks[CRDT_LAW_ORACLE]++;
    crdt_buf_reset(&k->a);
    crdt_buf_reset(&k->b);
    crdt__laws_text(store, 0, &k->a);
    k->o->oracle(s->events, s->count, set, &k->b);
    if (crdt_view_compare(crdt_buf_bytes(&k->a), crdt_buf_bytes(&k->b)) == 0) return true;
    char what[400];
    snprintf(what, sizeof what, "a state reads %.*s, the oracle says %.*s", (int)k->a.size,
             k->a.data ? (const char *)k->a.data : "", (int)k->b.size,
             k->b.data ? (const char *)k->b.data : "");
    return wrong(s, CRDT_LAW_ORACLE, set, what);
}

/* Is the set closed? The newest event's own states are made only when they are asked for. */
static bool is_closed(const scope *s, uint64_t set)
{
    uint64_t newest = BIT(s->count - 1);
    if (!(set & newest)) return s->states[set] != NULL;
    return (s->events[s->count - 1].seen & ~set) == 0 && s->states[set ^ newest] != NULL;
}

static bool make_state(scope *s, uint64_t set)
{
    kit     *k = s->k;
    unsigned newest = s->count - 1;
    if (s->states[set] != NULL) return true;
    WORKS(k, CRDT_LAW_DELIVERIES_AGREE,
          crdt_store_clone(s->states[set ^ BIT(newest)], 0, &s->states[set]));
    WORKS(k, CRDT_LAW_DELIVERIES_AGREE,
          crdt_store_join(s->states[set], s->at[newest].delta, KIT_NOW));
    return true;
}

/* The bytes of the set's state, which is there; encoded once, and compared with often. */
static bool bytes_of(scope *s, uint64_t set, crdt_view *ret_bytes)
{
    crdt_buf *bytes = &s->bytes[set];
    if (bytes->size == 0 && !crdt__laws_bytes(s->k, s->states[set], bytes)) return false;
    *ret_bytes = crdt_buf_bytes(bytes);
    return true;
}

/* The state of `before`, joined with the delta of event e, has these bytes. */
static bool arrives(scope *s, uint64_t before, unsigned e, crdt_view bytes)
{
    kit        *k = s->k;
    crdt_store *store;
    if (!make_state(s, before)) return false;
    k->report->checks[CRDT_LAW_DELIVERIES_AGREE]++;
    WORKS(k, CRDT_LAW_DELIVERIES_AGREE, crdt_store_clone(s->states[before], 0, &store));
    WORKS(k, CRDT_LAW_DELIVERIES_AGREE, crdt_store_join(store, s->at[e].delta, KIT_NOW));
    if (!crdt__laws_bytes(k, store, &k->a)) return false;
    crdt_store_free(store);
    if (crdt_view_compare(crdt_buf_bytes(&k->a), bytes) == 0) return true;
    return wrong(s, CRDT_LAW_DELIVERIES_AGREE, before | BIT(e),
                 "the bytes depend on which event came last");
}

/* All ways to the whole agree; the one that made it came over the newest event. */
static bool test_whole(scope *s)
{
    kit        *k = s->k;
    const char *reason = "";
    unsigned    newest = s->count - 1;
    uint64_t    set = BIT(s->count) - 1;
    crdt_view   bytes;
    if (!make_state(s, set) || !bytes_of(s, set, &bytes)) return false;
    for (uint64_t last = last_ones(s, set); last != 0; last &= last - 1) {
        unsigned e = (unsigned)__builtin_ctzll(last);
        bool     again = e == newest && (set ^ BIT(e)) != s->events[newest].seen;
        if (!again && !arrives(s, set ^ BIT(e), e, bytes)) return false;
    }
    HOLDS(k, CRDT_LAW_CHECK, crdt_store_check(s->states[set], &reason), "%s", reason);
    return reads_as_oracle(s, s->states[set], set);
}

/* Is this the state of the set? Frees it. */
static bool is_state_of(scope *s, crdt_store *store, uint64_t set, const char *otherwise)
{
    kit      *k = s->k;
    crdt_view bytes;
    if (!make_state(s, set)) return false;
    k->report->checks[CRDT_LAW_DELIVERIES_AGREE]++;
    if (!crdt__laws_bytes(k, store, &k->a) || !bytes_of(s, set, &bytes)) return false;
    crdt_store_free(store);
    if (crdt_view_compare(crdt_buf_bytes(&k->a), bytes) == 0) return true;
    return wrong(s, CRDT_LAW_DELIVERIES_AGREE, set, otherwise);
}

/* Two states join to the state of the union; so does one with what it lacks of the other. */
static bool test_pair(scope *s, uint64_t x, uint64_t y)
{
    kit        *k = s->k;
    crdt_store *store;
    crdt_delta *since;
    if (!make_state(s, x) || !make_state(s, y)) return false;
    WORKS(k, CRDT_LAW_DELIVERIES_AGREE, crdt_store_clone(s->states[x], 0, &store));
    WORKS(k, CRDT_LAW_DELIVERIES_AGREE, crdt_store_join(store, s->states[y], KIT_NOW));
    if (!is_state_of(s, store, x | y, "two states join to another than that")) return false;
    WORKS(k, CRDT_LAW_DELIVERIES_AGREE, crdt_store_clone(s->states[x], 0, &store));
    WORKS(k, CRDT_LAW_DELIVERIES_AGREE,
          crdt_store_since(s->states[y], crdt_store_context(store), &since));
    WORKS(k, CRDT_LAW_DELIVERIES_AGREE, crdt_store_join(store, since, KIT_NOW));
    crdt_store_free(since);
    return is_state_of(s, store, x | y, "a state with what it lacked of another is not that");
}

/* All pairs of states in short histories, one random pair in longer ones. */
static bool test_pairs(scope *s)
{
    uint64_t full = BIT(s->count) - 1, newest = BIT(s->count - 1);
    if (s->count > 3) {
        uint64_t x, y;
        do x = crdt__laws_below(&s->k->rand, full + 1);
        while (!is_closed(s, x));
        do y = crdt__laws_below(&s->k->rand, full + 1);
        while (!is_closed(s, y));
        return test_pair(s, x, y);
    }
    for (uint64_t x = newest; x <= full; x++) {
        for (uint64_t y = 0; y <= full; y++) {
            if (!is_closed(s, x) || !is_closed(s, y)) continue;
            if (!test_pair(s, x, y) || !test_pair(s, y, x)) return false;
        }
    }
    return true;
}

/* At value level deltas merge in orders that break causality too: all of them in short histories,
 * the reverse and a random one in longer ones. */
static bool test_merge(scope *s, const unsigned *order)
{
    kit        *k = s->k;
    crdt_store *store;
    k->report->checks[CRDT_LAW_DELIVERIES_AGREE]++;
    WORKS(k, CRDT_LAW_DELIVERIES_AGREE, crdt__laws_store(k, 0, 0, &store));
    for (unsigned i = 0; i < s->count; i++) {
        WORKS(k, CRDT_LAW_DELIVERIES_AGREE, crdt_store_merge(store, s->at[order[i]].delta));
    }
    crdt_view bytes;
    if (!crdt__laws_bytes(k, store, &k->a)) return false;
    if (!bytes_of(s, BIT(s->count) - 1, &bytes)) return false;
    crdt_store_free(store);
    if (crdt_view_compare(crdt_buf_bytes(&k->a), bytes) == 0) return true;
    char     what[100] = "merged in the order";
    unsigned at = (unsigned)strlen(what);
    for (unsigned i = 0; i < s->count && i < SCOPE_MAX; i++) {
        what[at++] = ' ';
        what[at++] = (char)('1' + order[i]);
    }
    memcpy(what + at, " the bytes differ", sizeof " the bytes differ");
    return wrong(s, CRDT_LAW_DELIVERIES_AGREE, BIT(s->count) - 1, what);
}

static bool test_merges(scope *s)
{
    unsigned order[SCOPE_MAX], n = s->count;
    uint64_t ways = 1;
    for (unsigned i = 2; i <= n; i++) ways *= i;
    for (uint64_t way = 0; way < ways; way++) {
        if (n > 3 && way == 2) break;
        uint64_t at = n <= 3 ? way : way == 0 ? ways - 1 : crdt__laws_below(&s->k->rand, ways);
        for (unsigned i = 0; i < n; i++) { /* the at-th permutation */
            unsigned j = (unsigned)(at % (i + 1));
            at /= i + 1;
            order[i] = order[j];
            order[j] = i;
        }
        if (!test_merge(s, order)) return false;
    }
    return true;
}

/* -- Collecting in one history --------------------------------------------------------------- */

/* A copy of the state of the set that has forgotten what the cut covers. */
static bool collected(scope *s, uint64_t set, uint64_t cut, crdt_store **ret_store)
{
    kit *k = s->k;
    if (!make_state(s, set) || !make_state(s, cut)) return false;
    WORKS(k, CRDT_LAW_STABLE_JOIN, crdt_store_clone(s->states[set], 0, ret_store));
    WORKS(k, CRDT_LAW_STABLE_JOIN,
          crdt_store_stabilise(*ret_store, crdt_store_context(s->states[cut])));
    return true;
}

/* A collected state reads as before; and a later delta finds its way into it as into any other. */
static bool test_collected(scope *s, uint64_t cut, uint64_t set, uint64_t base)
{
    kit        *k = s->k;
    crdt_store *now, *then;
    if (!collected(s, set, cut, &now)) return false;
    crdt_buf_reset(&k->a);
    crdt_buf_reset(&k->b);
    crdt__laws_text(s->states[set], 0, &k->a);
    crdt__laws_text(now, 0, &k->b);
    k->report->checks[CRDT_LAW_STABLE_READS]++;
    if (crdt_view_compare(crdt_buf_bytes(&k->a), crdt_buf_bytes(&k->b)) != 0) {
        return wrong(s, CRDT_LAW_STABLE_READS, cut, "forgetting what is stable shows");
    }
    for (uint64_t last = last_ones(s, set) & ~base; last != 0; last &= last - 1) {
        unsigned e = (unsigned)__builtin_ctzll(last);
        if (!collected(s, set ^ BIT(e), cut, &then)) return false;
        WORKS(k, CRDT_LAW_STABLE_JOIN, crdt_store_join(then, s->at[e].delta, KIT_NOW));
        if (!crdt__laws_bytes(k, then, &k->a) || !crdt__laws_bytes(k, now, &k->b)) return false;
        k->report->checks[CRDT_LAW_STABLE_JOIN]++;
        if (crdt_view_compare(crdt_buf_bytes(&k->a), crdt_buf_bytes(&k->b)) != 0) {
            return wrong(s, CRDT_LAW_STABLE_JOIN, cut,
                         "collecting before and after a delta differs");
        }
        crdt_store_free(then);
    }
    crdt_store_free(now);
    return true;
}

/* Rule of the cut: who collects holds it and all that is concurrent to any of it. */
static bool test_cut(scope *s, uint64_t cut)
{
    uint64_t full = BIT(s->count) - 1, base = cut;
    for (unsigned i = 0; i < s->count; i++) {
        bool after = (cut & ~s->events[i].seen) == 0;
        if (!after) base |= BIT(i) | s->events[i].seen;
    }
    for (uint64_t set = base; set <= full; set++) {
        if ((set & base) != base || !is_closed(s, set)) continue;
        if (!test_collected(s, cut, set, base)) return false;
    }
    return true;
}

static bool test_cuts(scope *s)
{
    uint64_t full = BIT(s->count) - 1;
    if (s->k->type->stabilise == NULL) return true;
    for (uint64_t cut = 1; cut <= full; cut++) {
        if (!is_closed(s, cut)) continue;
        if (s->count > 4 && crdt__laws_below(&s->k->rand, 8) != 0) continue; /* a sample */
        if (!test_cut(s, cut)) return false;
    }
    return true;
}

static void count_history(scope *s, uint64_t states)
{
    crdt_laws_report *report = s->k->report;
    report->histories++;
    report->states += states;
    report->orders += s->orders[BIT(s->count) - 1];
    if (report->histories - s->told < 200000) return;
    s->told = report->histories;
    crdt__laws_say(s->k, "%s: %llu histories, now of %u operations", s->k->type->name,
                   (unsigned long long)report->histories, s->limit);
}

/* -- Growing --------------------------------------------------------------------------------- */

/* The history has its full length: test it, and now and then what goes beyond single deltas. */
static bool test_history(scope *s, uint64_t states)
{
    count_history(s, states);
    if (!test_whole(s)) return false;
    bool sampled = s->count <= SAMPLED_ABOVE || crdt__laws_below(&s->k->rand, 8) == 0;
    return !sampled || (test_pairs(s) && test_merges(s) && test_cuts(s));
}

/* Count the states that the newest event adds, and make them if the history goes on from them.
 * mutated is the one where it was made. */
static bool add_states(scope *s, crdt_store *mutated)
{
    unsigned newest = s->count - 1;
    uint64_t seen = s->events[newest].seen, states = 0;
    bool     test = s->count == s->limit;
    s->states[seen | BIT(newest)] = mutated;
    for (uint64_t set = BIT(newest); set < BIT(s->count); set++) {
        if (!is_closed(s, set)) continue;
        s->orders[set] = 0;
        for (uint64_t last = last_ones(s, set); last != 0; last &= last - 1) {
            s->orders[set] += s->orders[set ^ (last & (0 - last))];
        }
        states++;
        if (!test && !make_state(s, set)) return false;
    }
    return test ? test_history(s, states) : grow(s);
}

static void drop_states(scope *s)
{
    uint64_t newest = BIT(s->count - 1);
    for (uint64_t set = newest; set < 2 * newest; set++) {
        crdt_store_free(s->states[set]);
        s->states[set] = NULL;
        crdt_buf_reset(&s->bytes[set]);
    }
}

/* An operation that took no dot: the oracle sees no change in it either. */
static bool test_idle(scope *s)
{
    uint64_t seen = s->events[s->count - 1].seen;
    if (s->count != s->limit) return true;
    return reads_as_oracle(s, s->states[seen], seen | BIT(s->count - 1));
}

/* Has a sibling made the same delta? Then the oracle must not tell them apart either. */
static bool is_repeat(scope *s, siblings *known, crdt_view bytes, bool *ret_same)
{
    kit             *k = s->k;
    unsigned         newest = s->count - 1;
    crdt_laws_event *event = &s->events[newest], now = *event;
    *ret_same = true;
    for (unsigned i = 0; i < known->count; i++) {
        if (crdt_view_compare(crdt_buf_bytes(&known->bytes[i]), bytes) != 0) continue;
        if (k->o->oracle == NULL || s->count != s->limit) return true;
        crdt_buf_reset(&k->b);
        k->o->oracle(s->events, s->count, BIT(s->count) - 1, &k->b);
        *event = known->events[i];
        crdt_buf_reset(&k->c);
        k->o->oracle(s->events, s->count, BIT(s->count) - 1, &k->c);
        *event = now;
        *ret_same = crdt_view_compare(crdt_buf_bytes(&k->b), crdt_buf_bytes(&k->c)) == 0;
        if (!*ret_same) {
            wrong(
                s, CRDT_LAW_ORACLE, BIT(s->count) - 1,
                "the last operation made the same delta as one that the oracle reads differently");
        }
        return true;
    }
    if (known->count == SIBLINGS_MAX) return false;
    unsigned i = known->count++;
    crdt_buf_init(&known->bytes[i], NULL);
    crdt_buf_put(&known->bytes[i], bytes.data, bytes.size);
    memcpy(known->args[i], event->args, sizeof known->args[i]);
    known->events[i] = *event;
    known->events[i].args = known->args[i];
    return false;
}

/* The event is filled in as the newest one: play it, test it, go on from it, take it back. */
static bool play(scope *s, siblings *known)
{
    kit             *k = s->k;
    unsigned         newest = s->count - 1;
    scope_event     *e = &s->at[newest];
    crdt_laws_event *event = &s->events[newest];
    crdt_store      *store;
    crdt_txn        *txn;
    size_t           argc = event->op == NULL ? 0 : strlen(event->op->args);
    WORKS(k, CRDT_LAW_TRANSACTION,
          crdt_store_clone(s->states[event->seen], event->replica, &store));
    WORKS(k, CRDT_LAW_TRANSACTION, crdt_store_begin(store, KIT_NOW, &txn));
    crdt_err err = event->op == NULL ? crdt_txn_remove(txn, CRDT_SOLO)
                                     : crdt_txn_apply(txn, CRDT_SOLO, event->op, e->args, argc);
    event->stamp = crdt_txn_stamp(txn);
    if (err == CRDT_OK) err = crdt_store_commit(store, &e->delta);
    if (err != CRDT_OK) { /* refused: no event */
        crdt_store_free(store);
        return true;
    }
    bool ok = true;
    if (crdt_store_is_empty(e->delta)) {
        ok = test_idle(s);
        crdt_store_free(store);
    } else {
        if (!crdt__laws_bytes(k, e->delta, &k->c)) return false;
        if (is_repeat(s, known, crdt_buf_bytes(&k->c), &ok)) {
            crdt_store_free(store);
        } else {
            ok = add_states(s, store);
            if (ok) drop_states(s);
        }
    }
    if (ok) crdt_store_free(e->delta);
    return ok;
}

#define NARROW_FROM 5 /* operations in a history */

/* The index-th argument of an operation that takes a position; false past its end. Contents are of
 * no interest but as what tells the events apart: each has its own, and each replica its kind, two
 * characters or one of several bytes. Short histories reach all places of what the first two events
 * make; in long ones the first operation inserts at two places and the others concern the first
 * element, and as a second position the next. */
static bool small_placed_arg(const scope *s, unsigned arg, char letter, unsigned index,
                             crdt_value *ret_value)
{
    static const char *const texts[KIT_REPLICAS][SCOPE_MAX] = {
        {"ab", "cd", "ef", "gh", "ij", "kl", "mn", "op"},
        {"\xc3\xa0", "\xc3\xa1", "\xc3\xa2", "\xc3\xa3", "\xc3\xa4", "\xc3\xa5", "\xc3\xa6",
         "\xc3\xa7"},
        {"\xe2\x82\xa0", "\xe2\x82\xa1", "\xe2\x82\xa2", "\xe2\x82\xa3", "\xe2\x82\xa4",
         "\xe2\x82\xa5", "\xe2\x82\xa6", "\xe2\x82\xa7"}};
    unsigned newest = s->count - 1, id = s->ids[s->at[newest].replica];
    bool     permuted = s->ids[0] != 0 || s->ids[1] != 1;
    bool     narrow = s->limit + permuted >= NARROW_FROM;
    unsigned places = !narrow ? 3 : s->at[newest].op == 0 ? 2 : 1;
    switch (letter) {
    case 'p': *ret_value = crdt_int(index + (narrow && arg > 0)); return index < places;
    case 'n': *ret_value = crdt_int(1 + (int64_t)index); return index < (narrow ? 1 : 2);
    case 'b': *ret_value = crdt_text(texts[id][newest]); return index < 1;
    default:
        *ret_value = id == 1 ? crdt_text(texts[id][newest]) : crdt_int(newest);
        return index < 1;
    }
}

/* The index-th argument of a minimal domain; false past its end. Amounts tell the events apart. */
static bool small_arg(const scope *s, unsigned arg, char letter, unsigned index, unsigned elements,
                      crdt_value *ret_value)
{
    if (crdt__laws_is_placed(s->events[s->count - 1].op)) {
        return small_placed_arg(s, arg, letter, index, ret_value);
    }
    if (letter == 'd') {
        static const char *const halves[SCOPE_MAX] = {
            "0.5", "0.25", "0.125", "0.0625", "0.03125", "0.015625", "0.0078125", "0.00390625"};
        *ret_value = crdt_text(halves[s->count - 1]);
        return index == 0;
    }
    if (letter == 'r' || letter == 'c') {
        const crdt_op *op = s->events[s->count - 1].op;
        *ret_value = crdt__laws_arg(op, (size_t)(strchr(op->args, letter) - op->args), index);
        return index < (letter == 'r' ? 3 : 1);
    }
    bool symmetric = !(s->k->o->flags & CRDT_LAWS_ORDERED) && letter != 'i' && letter != 't';
    if (letter == 'n') {
        *ret_value = crdt_int(INT64_C(1) << (s->count - 1));
        return index == 0;
    }
    if (letter == 'i' || letter == 't') *ret_value = crdt_int(1 + (int64_t)index);
    else if (letter == 'b' || index == 0) *ret_value = crdt_text(index == 0 ? "a" : "b");
    else *ret_value = crdt_int(7);
    return index < 2 && (!symmetric || index <= elements);
}

/* All arguments of the newest event's operation from the i-th on. */
static bool play_args(scope *s, siblings *known, unsigned i)
{
    unsigned         newest = s->count - 1;
    scope_event     *e = &s->at[newest];
    crdt_laws_event *event = &s->events[newest];
    char             letter = event->op == NULL ? 0 : event->op->args[i];
    if (letter == 0) return play(s, known);
    unsigned before = e->elements;
    for (unsigned index = 0; small_arg(s, i, letter, index, before, &e->args[i]); index++) {
        bool element = letter == 'v' || letter == 'b';
        if (element && index + 1 > before) e->elements = index + 1;
        if (!play_args(s, known, i + 1)) return false;
        e->elements = before;
    }
    return true;
}

/* All operations at this replica with this past. */
static bool play_ops(scope *s, unsigned replica, uint64_t seen)
{
    const crdt_type *type = s->k->type;
    unsigned         newest = s->count++;
    bool             ok = true;
    siblings        *known = calloc(1, sizeof *known);
    if (known == NULL) return crdt__laws_fail(s->k, CRDT_LAW_NONE, "the kit has no memory");
    for (unsigned op = 0; ok && op <= type->ops_count; op++) {
        scope_event     *e = &s->at[newest];
        crdt_laws_event *event = &s->events[newest];
        memset(e, 0, sizeof *e);
        memset(event, 0, sizeof *event);
        e->replica = replica;
        e->op = op;
        e->elements = newest > 0 ? s->at[newest - 1].elements : 0;
        event->op = op < type->ops_count ? &type->ops[op] : NULL;
        event->args = e->args;
        event->replica = crdt__laws_replica_id(s->ids[replica]);
        event->seen = event->covers = seen;
        ok = play_args(s, known, 0);
    }
    for (unsigned i = 0; i < known->count; i++) crdt_buf_clear(&known->bytes[i]);
    free(known);
    if (ok) s->count--;
    return ok;
}

/* Could an event of this replica with this past have come in the place of a higher one's? */
static bool goes_before(const scope *s, unsigned replica, uint64_t seen)
{
    for (unsigned i = s->count; i > 0 && !(seen & BIT(i - 1)); i--) {
        if (replica < s->at[i - 1].replica) return true;
    }
    return false;
}

/* One event more, in every way. */
static bool grow(scope *s)
{
    unsigned used = 0;
    for (unsigned i = 0; i < s->count; i++) {
        if (s->at[i].replica >= used) used = s->at[i].replica + 1;
    }
    for (unsigned replica = 0; replica <= used && replica < KIT_REPLICAS; replica++) {
        uint64_t own = 0;
        for (unsigned i = 0; i < s->count; i++) {
            if (s->at[i].replica == replica) own |= BIT(i);
        }
        for (uint64_t seen = 0; seen < BIT(s->count); seen++) {
            if (s->states[seen] == NULL || (own & ~seen) != 0) continue;
            if (goes_before(s, replica, seen)) continue;
            if (!play_ops(s, replica, seen)) return false;
        }
    }
    return true;
}

/* -- Runs ------------------------------------------------------------------------------------ */

static const unsigned permutations[6][KIT_REPLICAS] = {{0, 1, 2}, {2, 1, 0}, {1, 2, 0},
                                                       {0, 2, 1}, {1, 0, 2}, {2, 0, 1}};

static bool play_lengths(scope *s)
{
    kit *k = s->k;
    WORKS(k, CRDT_LAW_CHECK, crdt__laws_store(k, 0, 0, &s->states[0]));
    s->orders[0] = 1;
    for (s->limit = 1; s->limit <= k->o->scope; s->limit++) {
        /* Ties are broken by replica id: below the full length every order of the ids is played. */
        for (unsigned p = 0; p < (s->limit < k->o->scope ? 6 : 1); p++) {
            memcpy(s->ids, permutations[p], sizeof s->ids);
            if (!grow(s)) return false;
        }
    }
    crdt_store_free(s->states[0]);
    s->states[0] = NULL;
    return crdt__laws_no_leak(k);
}

bool crdt_laws_exhaust(const crdt_laws_options *options, crdt_laws_report *ret_report)
{
    kit    k;
    scope *s = calloc(1, sizeof *s);
    if (!crdt__laws_kit_init(&k, options, ret_report)) {
        free(s);
        return false;
    }
    k.rand = options->seed;
    if (s == NULL) {
        snprintf(ret_report->text, sizeof ret_report->text, "the kit has no memory");
        crdt__laws_kit_clear(&k);
        return false;
    }
    s->k = &k;
    for (size_t i = 0; i < sizeof s->bytes / sizeof *s->bytes; i++) {
        crdt_buf_init(&s->bytes[i], NULL);
    }
    bool ok = play_lengths(s);
    if (!ok) tell(s, ret_report);
    for (size_t i = 0; i < sizeof s->bytes / sizeof *s->bytes; i++) crdt_buf_clear(&s->bytes[i]);
    crdt__laws_kit_clear(&k);
    free(s);
    return ok;
}
