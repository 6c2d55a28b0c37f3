/* calendars.c: two people book room A for 14:00 while their calendars cannot reach each other.
 * Three ways: the last writer wins; both are shown; or a rule, computed at each calendar from what
 * it holds, gives one of them the next free hour: the same one everywhere, and nobody writes it. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "crdt/resolve.h"
#include "crdt/types.h"
#include "examples/scenarios/tell.h"

enum { ANN, BOB, PEOPLE };
/* -- 1. The last writer wins ------------------------------------------------------------------- */

static void last_writer_wins(void)
{
    tell("\n1. A cell for each hour, in which the last writer wins\n");
    stage_cut(1u << ANN);
    show(ANN, "CRDT.LWW.SET lww:A:14 ann");
    stage_pause();
    show(BOB, "CRDT.LWW.SET lww:A:14 bob");
    const char *ann = ask(ANN, "CRDT.LWW.GET lww:A:14");
    claim(same(ann, "ann"), "Ann's calendar says that %s has the room: she tells her guests", ann);
    tell("  -- the network is whole again --");
    stage_heal();
    const char *all = ask_all("CRDT.LWW.GET lww:A:14");
    claim(same(all, "bob"), "now both say %s: Ann's booking does not show, and she is not told",
          all);
    claim(same(ask_contents(ANN, "lww:A:14"), "bob | ann"),
          "only who asks CRDT.CONFLICTS still finds it, until the hour is written again");
    show(BOB, "CRDT.LWW.SET lww:A:14 'bob, with Eve'");
    stage_settle();
    claim(same(ask_contents(ANN, "lww:A:14"), "bob, with Eve"), "now it is gone for good");
}

/* -- 2. Both are shown ------------------------------------------------------------------------- */

static void both_shown(void)
{
    tell("\n2. A register for each hour that keeps what was written at the same time\n");
    stage_cut(1u << ANN);
    show(ANN, "CRDT.MVREG.SET mv:A:14 ann");
    show(BOB, "CRDT.MVREG.SET mv:A:14 bob");
    tell("  -- the network is whole again --");
    stage_heal();
    const char *all = ask_all("CRDT.MVREG.GET mv:A:14");
    claim(same(all, "[ann, bob]"), "both calendars show %s: the conflict is seen, by both", all);
    bool ann = strstr(ask(ANN, "CRDT.CONFLICTS"), "mv:A:14") != NULL;
    bool bob = strstr(ask(BOB, "CRDT.CONFLICTS"), "mv:A:14") != NULL;
    claim(ann && bob, "CRDT.CONFLICTS lists it at both: two people now have to talk");
}

/* -- 3. A rule --------------------------------------------------------------------------------- */

#define NOW UINT64_C(1700000000000)
#define BOOKINGS_MAX 16u

/* A program with the library in it: the map "A" has the hours of room A, each a register of
 * bookings "asked who": "0901 bob". */
typedef struct calendar {
    const char    *owner;
    crdt_store    *store;
    crdt_rules    *rules;
    crdt_surfaced *told;
} calendar;

static void ok(crdt_err err)
{
    if (err != CRDT_OK) give_up("%s: %s", crdt_err_name(err), crdt_err_text(err));
}

static crdt_path room(void)
{
    return crdt_path_of(crdt_text_view("A"));
}

/* Whoever asked first has the hour that he wants, the others the next that is free. It sees nothing
 * but the bookings: no clock, no random number, not who computes it, nor their order. */
static crdt_err slots(void *user, const crdt_siblings *view, crdt_choice *choice)
{
    bool placed[BOOKINGS_MAX] = {false}, taken[24] = {false};
    (void)user;
    if (view->count > BOOKINGS_MAX) return CRDT_ELIMIT;
    for (size_t n = 0; n < view->count; n++) {
        size_t   next = view->count;
        unsigned hour;
        char     at[12];
        for (size_t i = 0; i < view->count; i++) {
            bool first = next == view->count ||
                         crdt_value_compare(view->at[i].value, view->at[next].value) < 0;
            if (!placed[i] && first) next = i;
        }
        placed[next] = true;
        snprintf(at, sizeof at, "%.*s", (int)view->at[next].key.size,
                 (const char *)view->at[next].key.data);
        if (sscanf(at, "%u", &hour) != 1) return CRDT_EINVAL;
        while (hour < 24 && taken[hour]) hour++;
        if (hour >= 24) return CRDT_ERANGE;
        taken[hour] = true;
        snprintf(at, sizeof at, "%02u", hour);
        crdt_err err = crdt_choose_value(choice, crdt_text_view(at), view->at[next].value);
        if (err != CRDT_OK) return err;
    }
    return CRDT_OK;
}

static const crdt_resolver rule = {"slots", slots, NULL};

static calendar open_calendar(const char *owner, uint64_t replica)
{
    calendar     c = {.owner = owner};
    crdt_options options = crdt_options_default(replica, crdt_types_builtin());
    ok(crdt_store_new(&options, &c.store));
    ok(crdt_rules_new(NULL, &c.rules));
    ok(crdt_rules_set(c.rules, &(crdt_pattern){room(), false}, CRDT_CUSTOM, &rule));
    ok(crdt_rules_acks(c.rules, crdt_text_view("seen")));
    ok(crdt_surfaced_new(c.rules, NULL, &c.told));
    return c;
}

static void close_calendar(calendar *c)
{
    crdt_surfaced_free(c->told);
    crdt_rules_free(c->rules);
    crdt_store_free(c->store);
}

static void book(calendar *c, const char *hour, const char *asked)
{
    crdt_txn *txn;
    tell("  %s books %s:00: '%s'", c->owner, hour, asked);
    ok(crdt_store_begin(c->store, NOW, &txn));
    ok(crdt_ormap_enter(txn, crdt_text_view("A"), &crdt_ormap_type, NULL, 0));
    ok(crdt_mvreg_set(txn, crdt_text_view(hour), crdt_text(asked)));
    ok(crdt_store_commit(c->store, NULL));
}

/* Both have what either had. */
static void meet(calendar *a, calendar *b)
{
    ok(crdt_store_join(a->store, b->store, NOW));
    ok(crdt_store_join(b->store, a->store, NOW));
}

static void print_items(const crdt_outcome *outcome, char out[256])
{
    size_t used = 0;
    out[0] = 0;
    for (size_t i = 0; i < outcome->count; i++) {
        const crdt_item *item = &outcome->items[i];
        used += (size_t)snprintf(out + used, 256 - used, "%s%.*s:00 %.*s", used > 0 ? ", " : "",
                                 (int)item->key.size, (const char *)item->key.data,
                                 (int)item->value.bytes.size - 5,
                                 (const char *)item->value.bytes.data + 5);
    }
}

/* What a calendar shows. True: there is a conflict that nobody has acknowledged. */
static bool plan_of(const calendar *c, char out[256])
{
    crdt_outcome outcome;
    crdt_path    path = room();
    ok(crdt_resolve(c->store, c->rules, &path, &outcome));
    print_items(&outcome, out);
    bool needs_review = outcome.needs_review;
    crdt_outcome_clear(&outcome);
    return needs_review;
}

/* Tell the owner of each conflict that he was not told of. Returns how many. */
static size_t surface(calendar *c)
{
    crdt_surfacing conflict;
    size_t         count = 0;
    ok(crdt_surfaced_look_all(c->told, c->store));
    for (; crdt_surfaced_next(c->told, &conflict); count++) {
        const crdt_view *hour = &conflict.path.keys[0];
        tell("  %s is told: %zu want %.*s:00 (conflict %08" PRIx64 ")", c->owner, conflict.siblings,
             (int)hour->size, (const char *)hour->data, conflict.set.hi >> 32);
    }
    return count;
}

static bool is_deterministic(const calendar *c)
{
    crdt_outcome outcome;
    crdt_buf     report;
    crdt_path    path = room();
    crdt_buf_init(&report, NULL);
    ok(crdt_resolve(c->store, c->rules, &path, &outcome));
    crdt_err err = crdt_resolver_check(&rule, &outcome.view, NULL, &report);
    crdt_outcome_clear(&outcome);
    crdt_buf_clear(&report);
    return err == CRDT_OK;
}

/* For programs without the rule. What it is called follows from the conflict. */
static bool write_down(calendar *c)
{
    crdt_txn *txn;
    crdt_path path = room();
    bool      wrote;
    ok(crdt_store_begin(c->store, NOW, &txn));
    ok(crdt_materialise(txn, c->rules, &path, crdt_text_view("plans"), &wrote));
    ok(crdt_store_commit(c->store, NULL));
    return wrote;
}

static size_t written(const calendar *c, char out[256])
{
    crdt_outcome record;
    crdt_path    path = room();
    size_t       count = 0;
    while (!crdt_materialised(c->store, crdt_text_view("plans"), &path, count, &record)) {
        print_items(&record, out);
        crdt_outcome_clear(&record);
        count++;
    }
    return count;
}

static void agree(calendar *ann, calendar *bob)
{
    char plan[PEOPLE][256];
    book(ann, "15", "0830 cy");
    meet(ann, bob);
    tell("  -- they cannot reach each other --");
    book(ann, "14", "0902 ann");
    book(bob, "14", "0901 bob");
    tell("  -- they can again --");
    meet(ann, bob);
    crdt_digest before = crdt_store_digest(ann->store, NULL);
    plan_of(ann, plan[ANN]);
    plan_of(bob, plan[BOB]);
    size_t first = surface(ann) + surface(bob), again = surface(ann) + surface(bob);
    claim(same(plan[ANN], "14:00 bob, 15:00 cy, 16:00 ann"), "Ann's calendar says %s", plan[ANN]);
    claim(same(plan[BOB], plan[ANN]), "Bob's says the same: he asked first, Cy keeps what he had");
    claim(crdt_digest_equal(crdt_store_digest(ann->store, NULL), before) &&
              crdt_digest_equal(crdt_store_digest(bob->store, NULL), before),
          "nobody wrote anything to agree on that");
    claim(is_deterministic(ann), "the kit finds one answer: called twice, on copies of the "
                                 "bookings, in other orders");
    claim(first == 2 && again == 0, "both were told, once");
}

static void write_at_once(calendar *ann, calendar *bob)
{
    char plan[256];
    tell("  -- they cannot reach each other, and both write the outcome down --");
    bool both = write_down(ann) && write_down(bob);
    meet(ann, bob);
    size_t records = written(ann, plan);
    claim(both && records == 1, "what both wrote is one: %s", plan);
    claim(!write_down(ann) && !write_down(bob), "and neither finds anything more to write");
}

/* What somebody has reviewed, and what came meanwhile. */
static void acknowledge(calendar *ann, calendar *bob)
{
    char         plan[256];
    crdt_txn    *txn;
    crdt_outcome screen;
    crdt_context seen;
    crdt_path    path = room();
    crdt_context_init(&seen, NULL);
    ok(crdt_resolve(ann->store, ann->rules, &path, &screen));
    ok(crdt_outcome_seen(&screen, &seen));
    crdt_outcome_clear(&screen);
    ok(crdt_store_begin(ann->store, NOW, &txn));
    ok(crdt_ack(txn, ann->rules, &path, &seen, NULL));
    ok(crdt_store_commit(ann->store, NULL));
    tell("  -- Ann says that 16:00 is fine; meanwhile Dan asks at a third calendar for 14:00 --");
    calendar dan = open_calendar("Dan", 3);
    book(&dan, "14", "0900 dan");
    claim(!plan_of(ann, plan), "at Ann's calendar nothing is left to review");
    ok(crdt_store_join(bob->store, dan.store, NOW));
    meet(ann, bob);
    bool open = plan_of(ann, plan) && plan_of(bob, plan);
    claim(open, "then Dan's booking comes, and it is open again, for both: %s", plan);
    claim(surface(ann) + surface(bob) == 2, "both are told of the new one");
    crdt_context_clear(&seen);
    close_calendar(&dan);
}

static void by_rule(void)
{
    tell("\n3. Programs with the library: a rule that is computed wherever it is read\n");
    calendar ann = open_calendar("Ann", 1), bob = open_calendar("Bob", 2);
    agree(&ann, &bob);
    write_at_once(&ann, &bob);
    acknowledge(&ann, &bob);
    close_calendar(&ann);
    close_calendar(&bob);
}

int main(void)
{
    stage_open(PEOPLE, (const char *const[]){"ann", "bob"});
    tell("Ann and Bob both book room A for 14:00, each at a calendar that cannot reach the other.");
    last_writer_wins();
    both_shown();
    by_rule();
    return tell_end();
}
