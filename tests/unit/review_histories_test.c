/* review_histories_test.c: random histories of three replicas that write, review, acknowledge what
 * was on a screen (perhaps long ago), write outcomes down and exchange what they have. What the
 * library says of siblings, of reviews and of what is told is held against a naive oracle: a list
 * of events, each with all that had happened before it. */
#include <string.h>

#include "crdt/resolve.h"
#include "tests/lib/random.h"
#include "tests/lib/stores.h"
#include "tests/lib/t.h"

enum { REPLICAS = 3, EVENTS = 64, STEPS = 60, HISTORIES = T_SLOW ? 300 : 4000 };
#define BIT(i) (UINT64_C(1) << (i))

static const crdt_path room = {{"room", 4}, NULL, 0};

typedef struct event {
    bool     ack;
    int      value;    /* of a write */
    uint64_t reviewed; /* of an acknowledgement: writes */
    uint64_t past;     /* events that its author had seen */
} event;

typedef struct place {
    crdt_store    *store;
    crdt_surfaced *surfaced;
    uint64_t       seen;   /* events */
    uint64_t       screen; /* writes that were read at some time */
    crdt_context   shown;  /* the same, as the library gave it */
    uint64_t       told[EVENTS * 2];
    size_t         told_count;
} place;

typedef struct world {
    uint64_t    rand;
    crdt_rules *rules;
    event       events[EVENTS];
    unsigned    count;
    place       at[REPLICAS];
    unsigned    reviews, stale; /* how often it came to that */
} world;

/* -- The oracle -------------------------------------------------------------------------------- */

/* Writes that no write there has seen. */
static uint64_t siblings(const world *w, uint64_t seen)
{
    uint64_t left = 0;
    for (unsigned i = 0; i < w->count; i++) {
        bool stands = (seen & BIT(i)) && !w->events[i].ack;
        for (unsigned k = 0; stands && k < w->count; k++) {
            const event *e = &w->events[k];
            stands = !(seen & BIT(k)) || e->ack || !(e->past & BIT(i));
        }
        if (stands) left |= BIT(i);
    }
    return left;
}

/* The siblings, if they differ in value; else none. */
static uint64_t competing(const world *w, uint64_t seen)
{
    uint64_t all = siblings(w, seen);
    int      value = 0;
    for (unsigned i = 0; i < w->count; i++) {
        if (!(all & BIT(i))) continue;
        if (value != 0 && w->events[i].value != value) return all;
        value = w->events[i].value;
    }
    return 0;
}

static bool needs_review(const world *w, uint64_t seen)
{
    uint64_t set = competing(w, seen);
    for (unsigned i = 0; i < w->count; i++) {
        const event *e = &w->events[i];
        if ((seen & BIT(i)) && e->ack && (set & ~e->reviewed) == 0) return false;
    }
    return set != 0;
}

/* -- Steps ------------------------------------------------------------------------------------- */

static unsigned add_event(world *w, place *p, event e)
{
    e.past = p->seen;
    w->events[w->count] = e;
    p->seen |= BIT(w->count);
    return w->count++;
}

static void step_write(world *w, place *p)
{
    int value = 1 + (int)random_below(&w->rand, 3);
    DO(p->store, "room", &crdt_mvreg_type, "set", &"1\0002\0003"[2 * (value - 1)]);
    add_event(w, p, (event){.value = value});
}

static void step_read(const world *w, place *p)
{
    crdt_outcome o;
    if (siblings(w, p->seen) == 0) return;
    CHECK_OK(crdt_resolve(p->store, w->rules, &room, &o));
    crdt_context_reset(&p->shown);
    CHECK_OK(crdt_outcome_seen(&o, &p->shown));
    crdt_outcome_clear(&o);
    p->screen = competing(w, p->seen);
}

static void step_ack(world *w, place *p)
{
    bool      clear = false;
    crdt_txn *txn = begin(p->store);
    uint64_t  there = p->screen & competing(w, p->seen);
    crdt_err  err = crdt_ack(txn, w->rules, &room, &p->shown, &clear);
    if (there == 0) {
        CHECK_ERR(err, siblings(w, p->seen) == 0 ? CRDT_ENOENT : CRDT_ESTALE);
        crdt_store_rollback(p->store);
        w->stale++;
        return;
    }
    CHECK_OK(err);
    crdt_store_free(commit(p->store));
    add_event(w, p, (event){.ack = true, .reviewed = p->screen});
    CHECK_EQ_INT(clear, !needs_review(w, p->seen));
    w->reviews++;
}

static void step_sync(world *w, place *p)
{
    place *other = &w->at[random_below(&w->rand, REPLICAS)];
    if (other == p) return;
    join(p->store, other->store);
    p->seen |= other->seen;
}

static void step_note(world *w, place *p)
{
    CHECK_OK(crdt_materialise(begin(p->store), w->rules, &room, name_of("notes"), NULL));
    crdt_store_free(commit(p->store));
}

/* Once for each set; forgotten when it is over. */
static void step_look(const world *w, place *p)
{
    crdt_surfacing e;
    uint64_t       set = competing(w, p->seen);
    bool           tell = needs_review(w, p->seen);
    CHECK_OK(crdt_surfaced_look(p->surfaced, p->store, name_of("room")));
    bool told = crdt_surfaced_next(p->surfaced, &e);
    if (set == 0) p->told_count = 0;
    for (size_t i = 0; i < p->told_count; i++) tell &= p->told[i] != set;
    CHECK_EQ_INT(told, tell);
    if (told) p->told[p->told_count++] = set;
    if (told) CHECK_EQ_INT(e.siblings, __builtin_popcountll(set));
    CHECK(!crdt_surfaced_next(p->surfaced, &e));
}

/* What the library reads at this place is what the oracle says. */
static void hold_against(const world *w, const place *p)
{
    crdt_outcome o;
    uint64_t     all = siblings(w, p->seen);
    crdt_err     err = crdt_resolve(p->store, w->rules, &room, &o);
    CHECK_ERR(err, all == 0 ? CRDT_ENOENT : CRDT_OK);
    if (err != CRDT_OK) return;
    CHECK_EQ_INT(o.view.count, __builtin_popcountll(all));
    CHECK_EQ_INT(o.competing, __builtin_popcountll(competing(w, p->seen)));
    CHECK_EQ_INT(o.needs_review, needs_review(w, p->seen));
    bool values[4] = {false}, shows[4] = {false};
    for (unsigned i = 0; i < w->count; i++) {
        if (all & BIT(i)) values[w->events[i].value] = true;
    }
    for (size_t i = 0; i < o.count; i++) {
        shows[*(const char *)o.items[i].value.bytes.data - '0'] = true;
    }
    CHECK_EQ_MEM(shows, sizeof shows, values, sizeof values);
    CHECK_EQ_INT(o.count, values[1] + values[2] + values[3]); /* a union: each value once */
    crdt_outcome_clear(&o);
}

/* -- Histories --------------------------------------------------------------------------------- */

static void world_init(world *w)
{
    w->count = 0;
    CHECK_OK(crdt_rules_new(NULL, &w->rules));
    CHECK_OK(crdt_rules_acks(w->rules, name_of("acks")));
    CHECK_OK(crdt_rules_set(w->rules, &(crdt_pattern){room, false}, CRDT_UNION, NULL));
    for (unsigned i = 0; i < REPLICAS; i++) {
        w->at[i] = (place){.store = store_of(i + 1)};
        crdt_context_init(&w->at[i].shown, NULL);
        CHECK_OK(crdt_surfaced_new(w->rules, NULL, &w->at[i].surfaced));
    }
}

static void world_free(world *w)
{
    for (unsigned i = 0; i < REPLICAS; i++) {
        crdt_store_free(w->at[i].store);
        crdt_surfaced_free(w->at[i].surfaced);
        crdt_context_clear(&w->at[i].shown);
    }
    crdt_rules_free(w->rules);
}

static void step(world *w)
{
    place *p = &w->at[random_below(&w->rand, REPLICAS)];
    switch (random_below(&w->rand, 11)) {
    case 0:
    case 1: step_write(w, p); break;
    case 2: step_read(w, p); break;
    case 3: step_read(w, p); /* fall through */
    case 4: step_ack(w, p); break;
    case 5: step_look(w, p); break;
    case 6: step_note(w, p); break;
    default: step_sync(w, p);
    }
    hold_against(w, p);
}

static void settle(world *w)
{
    for (unsigned i = 0; i < 2 * REPLICAS; i++) {
        place *p = &w->at[i % REPLICAS], *other = &w->at[(i + 1) % REPLICAS];
        join(other->store, p->store);
        other->seen |= p->seen;
    }
    for (unsigned i = 0; i < REPLICAS; i++) {
        CHECK(same_bytes(w->at[0].store, w->at[i].store));
        check_store(w->at[i].store);
        hold_against(w, &w->at[i]);
    }
}

TEST(review, random_histories_read_as_the_oracle_says)
{
    static world w;
    w.rand = seed_or(41);
    for (int history = 0; history < HISTORIES; history++) {
        world_init(&w);
        for (int i = 0; i < STEPS && w.count < EVENTS; i++) step(&w);
        settle(&w);
        world_free(&w);
    }
    CHECK_MSG(w.reviews > HISTORIES / 2 && w.stale > HISTORIES / 4, "%u %u", w.reviews, w.stale);
}
