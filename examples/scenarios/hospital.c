/* hospital.c: three days without a network, in virtual time: eight tablets go on, now and then two
 * of them meet; then all is merged. Nothing is lost, what doctors changed at the same time is
 * flagged, and the audit tells of every value that was superseded. */
#include "examples/scenarios/hospital.h"

#include <stdio.h>

#include "examples/scenarios/tell.h"
#include "sim/random.h"

#define DOCTOR 9u     /* at the second server */
#define ADMITTED HOUR /* until then the network works */
#define OUTAGE (72 * HOUR)

/* -- The network ------------------------------------------------------------------------------- */

static void cut(hospital *h, uint32_t who, uint64_t until)
{
    network_at(&h->w.net, who, SERVER)->clogged_until = until;
    network_at(&h->w.net, SERVER, who)->clogged_until = until;
}

static void go_on(hospital *h, uint64_t until)
{
    world_until(&h->w, until);
    if (h->w.broken) give_up("%s: %s", check_name(h->w.broken), h->w.why);
}

/* Every so often whoever carries one of the tablets walks by the server. */
static void live_through(hospital *h)
{
    const uint64_t span = OUTAGE / ENCOUNTERS;
    uint64_t       begins = h->w.now, ends = 0;
    uint32_t       busy = 0;
    for (uint32_t i = 0; i < ENCOUNTERS; i++) {
        go_on(h, begins + (i + 1) * span);
        if (busy != 0 && h->w.now > ends) {
            cut(h, busy, UINT64_MAX);
            busy = 0;
        }
        if (i % 250 == 125) {
            busy = 1 + (uint32_t)random_below(&h->rand, TABLETS);
            ends = h->w.now + 600 * SECOND;
            cut(h, busy, 0);
        }
        hospital_encounter(h, busy, i);
    }
}

/* -- The story --------------------------------------------------------------------------------- */

static void settle(hospital *h)
{
    if (!world_settle(&h->w, HOUR)) give_up("not settled: %s", h->w.why);
    check_converged(&h->w);
    check_kept(&h->w);
    if (h->w.broken) give_up("%s: %s", check_name(h->w.broken), h->w.why);
}

/* Do all have the same digest of all that they hold? */
static bool are_equal(const hospital *h)
{
    crdt_digest first = crdt_store_digest(h->w.nodes[0].store, NULL);
    for (uint32_t i = 1; i < NODES; i++) {
        crdt_digest digest = crdt_store_digest(h->w.nodes[i].store, NULL);
        if (!crdt_digest_equal(first, digest)) return false;
    }
    return true;
}

/* Between every node and the server. */
static void cut_all(hospital *h, uint64_t until)
{
    for (uint32_t i = 0; i < NODES; i++) {
        if (i != SERVER) cut(h, i, until);
    }
}

static void tell_outage(hospital *h)
{
    uint64_t met = h->w.now;
    cut_all(h, 0);
    settle(h);
    double seconds = (double)(h->w.last_change - met) / 1e6;
    looked l = hospital_look(h, &h->w.nodes[SERVER]);
    tell("72 hours later: %u encounters, %u doses changed.\nThe network is back.\n", ENCOUNTERS,
         h->count - PATIENTS * DRUGS);
    claim(are_equal(h) && seconds < 60, "all ten nodes hold the same in less than a minute");
    claim(l.samples == ENCOUNTERS, "every pulse that was taken is there: %u", l.samples);
    claim(l.newest_wrong == 0 && l.late > 0,
          "the pulse measured last shows for each patient; for %u it is not the one written last",
          l.late);
    claim(l.wrong == 0,
          "each of %u medication records shows just the doses that no doctor had "
          "seen and replaced",
          PATIENTS * DRUGS);
    claim(l.flagged * 2000 > PATIENTS * DRUGS && l.flagged * 500 < PATIENTS * DRUGS,
          "%u of them, %.1f %%, show two or more: they are flagged for review", l.flagged,
          100.0 * l.flagged / (PATIENTS * DRUGS));
    claim(l.hidden >= l.flagged,
          "if the last writer won, %u doses would be gone, and nobody would know", l.hidden);
    claim(l.records == h->count && l.broken == 0,
          "the audit has all %u records: who, when, what; each node's are chained by hash",
          l.records);
    claim(l.untold == 0, "and each dose that was superseded is named by who superseded it");
    claim(hospital_look_spoilt(&h->w.nodes[SERVER]) > 0, "one byte changed in it would be found");
}

/* Two records stay on the doctor's screen: of the one the store's context is kept, of the other
 * what competes. Of the rest one half gets a new dose, the other is meant as it is. */
typedef struct screen {
    uint32_t     slow, late, meant;
    crdt_context read, seen;
} screen;

static void see(const hospital *h, const node *n, uint32_t drug, crdt_context *ret_seen)
{
    crdt_outcome record;
    crdt_context_reset(ret_seen);
    if (!hospital_read(h, n, drug, &record)) give_up("no record");
    hospital_ok(crdt_outcome_seen(&record, ret_seen));
    crdt_outcome_clear(&record);
}

static void acknowledge(hospital *h, node *n, uint32_t drug)
{
    crdt_context seen;
    crdt_context_init(&seen, NULL);
    see(h, n, drug, &seen);
    hospital_ok(hospital_ack(h, n, drug, &seen));
    crdt_context_clear(&seen);
}

static void review(hospital *h, node *doctor, screen *s)
{
    uint32_t met = 0;
    for (uint32_t drug = 0; drug < PATIENTS * DRUGS; drug++) {
        crdt_outcome record;
        if (!hospital_read(h, doctor, drug, &record)) continue;
        bool flagged = record.needs_review;
        crdt_outcome_clear(&record);
        if (!flagged) continue;
        if (met == 0) s->slow = drug;
        if (met == 0) hospital_ok(crdt_context_copy(&s->read, crdt_store_context(doctor->store)));
        if (met == 1) s->late = drug;
        if (met == 1) see(h, doctor, drug, &s->seen);
        if (met > 1 && met % 2 == 0) hospital_change(h, doctor, drug, NULL, NULL);
        if (met > 1 && met % 2 == 1) acknowledge(h, doctor, drug);
        s->meant += met > 1 && met % 2 == 1;
        met++;
    }
    if (met < 4) give_up("hardly anything is flagged");
}

static void tell_review(hospital *h)
{
    char   shown[200];
    screen s = {0};
    node  *doctor = &h->w.nodes[DOCTOR];
    looked l;
    tell("\nA doctor at the second server reviews what is flagged: gives another dose, or says\n"
         "that both are meant. While two records are on the screen, tablets change them again.\n");
    crdt_context_init(&s.read, NULL);
    crdt_context_init(&s.seen, NULL);
    review(h, doctor, &s);
    settle(h);
    hospital_shown(h, &h->w.nodes[1], s.slow, shown);
    hospital_change(h, &h->w.nodes[1], s.slow, NULL, NULL);
    hospital_change(h, &h->w.nodes[1], s.late, NULL, NULL);
    hospital_change(h, &h->w.nodes[2], s.late, NULL, NULL); /* at the same time */
    settle(h);
    l = hospital_look(h, doctor);
    claim(l.kept == s.meant && l.kept > 0,
          "%u records keep two doses that a doctor has seen side by side, flagged no more", l.kept);
    hospital_change(h, doctor, s.slow, &s.read, shown);
    crdt_err err = hospital_ack(h, doctor, s.late, &s.seen);
    settle(h);
    l = hospital_look(h, doctor);
    claim(err == CRDT_ESTALE && l.flagged == 2,
          "the two records are flagged again: what was not on the screen is not acknowledged");
    hospital_change(h, doctor, s.slow, NULL, NULL);
    acknowledge(h, doctor, s.late);
    settle(h);
    l = hospital_look(h, &h->w.nodes[3]);
    claim(l.flagged == 0 && l.wrong == 0 && l.kept == s.meant + 1,
          "the doctor looks again and decides: nothing is flagged, on any tablet");
    claim(l.records == h->count + h->acks && l.broken == 0 && l.untold == 0,
          "the decisions are in the audit, too: %u records, none lost, none out of its place",
          l.records);
    crdt_context_clear(&s.read);
    crdt_context_clear(&s.seen);
}

int main(void)
{
    static hospital h;
    h.rand = 72;
    plan_init(&h.p, 72);
    h.p.nodes = NODES;
    h.p.topology = PLAN_STAR;
    h.p.objects = 1;
    h.p.persist = 0;
    h.p.ack_us = 0;
    h.p.round_max_us = 30 * SECOND;
    world_init(&h.w);
    world_begin(&h.w, &h.p);
    hospital_ok(crdt_rules_new(NULL, &h.rules));
    hospital_ok(crdt_rules_acks(h.rules, crdt_text_view("reviewed")));
    h.w.unwatched = true; /* checks at each delivery, none in between: three days are long */
    go_on(&h, 5 * SECOND);
    hospital_admit_all(&h);
    go_on(&h, ADMITTED);
    tell("A hospital: eight tablets and two servers, %u patients with %u drugs each. The network\n"
         "fails. The wards go on with their tablets; now and then somebody carries one past a\n"
         "server. Patients are moved, pulses are read late from devices, doses are changed.\n",
         PATIENTS, DRUGS);
    cut_all(&h, UINT64_MAX);
    live_through(&h);
    tell_outage(&h);
    tell_review(&h);
    crdt_rules_free(h.rules);
    world_free(&h.w);
    plan_free(&h.p);
    return tell_end();
}
