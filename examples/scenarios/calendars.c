/* calendars.c: two people book room A for 14:00 while their calendars cannot reach each other.
 * Three ways: the last writer wins; both are shown; or a rule, computed at each calendar from what
 * it holds, gives one of them the next free hour: the same one everywhere, and nobody writes it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "examples/scenarios/tell.h"

enum { ANN, BOB, PEOPLE };
#define BOOKINGS_MAX 8u

/* "A 14 0901 bob": room, hour wanted, when it was asked for, by whom. */
typedef struct booking {
    char     room, who[16];
    unsigned hour, asked, placed;
} booking;

typedef struct calendar {
    booking list[BOOKINGS_MAX];
    size_t  count;
} calendar;

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

/* The bookings that a node holds: a set of them, none overwrites another. */
static calendar read_bookings(uint32_t node)
{
    calendar    c = {.count = 0};
    const char *at = ask(node, "CRDT.ORSET.GET bookings");
    while (*at != 0 && c.count < BOOKINGS_MAX) {
        booking *b = &c.list[c.count];
        at += strspn(at, "[], ");
        if (sscanf(at, "%c %u %u %15[a-z]", &b->room, &b->hour, &b->asked, b->who) == 4) c.count++;
        at += strcspn(at, ",]");
        at += strspn(at, "]");
    }
    return c;
}

static int by_asking(const void *a, const void *b)
{
    const booking *x = a, *y = b;
    if (x->asked != y->asked) return x->asked < y->asked ? -1 : 1;
    return strcmp(x->who, y->who);
}

/* Whoever asked first (then by name) has the hour that he wants, or the next that is free. It sees
 * nothing but the bookings: no clock, no random number, not who computes it, nor their order. */
static void resolve(calendar *c)
{
    qsort(c->list, c->count, sizeof *c->list, by_asking);
    for (size_t i = 0; i < c->count; i++) {
        booking *b = &c->list[i];
        b->placed = b->hour;
        for (size_t k = 0; k < i; k++) {
            if (c->list[k].room != b->room || c->list[k].placed != b->placed) continue;
            b->placed++;
            k = SIZE_MAX; /* from the first again */
        }
    }
}

static void print_plan(const calendar *c, char out[256])
{
    size_t used = 0;
    out[0] = 0;
    for (unsigned hour = 8; hour < 20; hour++) {
        for (size_t i = 0; i < c->count; i++) {
            if (c->list[i].placed != hour) continue;
            used += (size_t)snprintf(out + used, 256 - used, "%s%u:00 %s", used > 0 ? ", " : "",
                                     hour, c->list[i].who);
        }
    }
}

/* What came of those who wanted one hour, as one word: the same for the same set of them. */
static uint64_t conflict_id(const calendar *c, unsigned hour)
{
    char   text[256];
    size_t used = 0;
    for (size_t i = 0; i < c->count; i++) {
        const booking *b = &c->list[i];
        if (b->hour != hour) continue;
        used += (size_t)snprintf(text + used, sizeof text - used, "%c %u %u %s/", b->room, b->hour,
                                 b->asked, b->who);
    }
    return XXH3_64bits(text, used);
}

/* Tell the owner of the calendar of each booking that was moved, once for each set of bookings:
 * told remembers them. Returns how many were told. */
static size_t surface(uint32_t node, const calendar *c, uint64_t told[BOOKINGS_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < c->count; i++) {
        const booking *b = &c->list[i];
        uint64_t       id = conflict_id(c, b->hour);
        size_t         k = 0;
        if (b->placed == b->hour) continue;
        while (k < BOOKINGS_MAX && told[k] != 0 && told[k] != id) k++;
        if (k == BOOKINGS_MAX || told[k] == id) continue;
        told[k] = id;
        count++;
        tell("  %s is told: %s wanted %u:00 and is at %u:00 (conflict %08" PRIx64 ")",
             node == ANN ? "Ann" : "Bob", b->who, b->hour, b->placed, id >> 32);
    }
    return count;
}

static bool order_matters(const calendar *plan)
{
    calendar other = {.count = plan->count};
    char     a[256], b[256];
    for (size_t i = 0; i < plan->count; i++) other.list[i] = plan->list[plan->count - 1 - i];
    resolve(&other);
    print_plan(plan, a);
    print_plan(&other, b);
    return !same(a, b);
}

/* Whoever likes writes the outcome down, for programs without the rule. What it is called follows
 * from the conflict, so two who do so at once write one thing. */
static void materialise(uint32_t node, const calendar *c)
{
    for (size_t i = 0; i < c->count; i++) {
        const booking *b = &c->list[i];
        if (b->placed == b->hour) continue;
        show(node, "CRDT.ORSET.ADD moves '%08" PRIx64 " %s to %u:00'",
             conflict_id(c, b->hour) >> 32, b->who, b->placed);
    }
}

static void by_rule(void)
{
    calendar ann, bob;
    char     plan[PEOPLE][256];
    uint64_t told[PEOPLE][BOOKINGS_MAX] = {{0}};
    tell("\n3. A set of bookings, and a rule that is computed wherever it is read\n");
    show(ANN, "CRDT.ORSET.ADD bookings 'A 15 0830 cy'");
    stage_settle();
    stage_cut(1u << ANN);
    show(ANN, "CRDT.ORSET.ADD bookings 'A 14 0902 ann'");
    show(BOB, "CRDT.ORSET.ADD bookings 'A 14 0901 bob'");
    tell("  -- the network is whole again --");
    stage_heal();
    const char *digest = ask_all("CRDT.DIGEST");
    ann = read_bookings(ANN);
    bob = read_bookings(BOB);
    resolve(&ann);
    resolve(&bob);
    print_plan(&ann, plan[ANN]);
    print_plan(&bob, plan[BOB]);
    size_t first = surface(ANN, &ann, told[ANN]) + surface(BOB, &bob, told[BOB]);
    size_t again = surface(ANN, &ann, told[ANN]) + surface(BOB, &bob, told[BOB]);
    claim(same(plan[ANN], "14:00 bob, 15:00 cy, 16:00 ann"), "Ann's calendar says %s", plan[ANN]);
    claim(same(plan[BOB], plan[ANN]), "Bob's says the same: he asked first, Cy keeps what he had");
    claim(same(ask_all("CRDT.DIGEST"), digest), "nobody wrote anything to agree on that");
    claim(!order_matters(&ann), "the rule gives the same for the bookings in another order");
    claim(first == 2 && again == 0, "both were told, once");
    tell("  -- the network is cut again, and both write the outcome down --");
    stage_cut(1u << ANN);
    materialise(ANN, &ann);
    materialise(BOB, &bob);
    stage_heal();
    claim(same(ask_all("SCARD moves"), "1"), "what both wrote is one: %s",
          ask_all("CRDT.ORSET.GET moves"));
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
