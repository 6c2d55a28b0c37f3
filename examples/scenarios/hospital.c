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
          "the audit has all %u records: who, when, what; each author's are chained by hash",
          l.records);
    claim(l.untold == 0, "and each dose that was superseded is named by who superseded it");
    l = hospital_look_spoilt(h, &h->w.nodes[SERVER]);
    claim(l.broken > 0, "a byte changed in a record breaks the chain");
}

static void tell_review(hospital *h)
{
    char         seen[200];
    uint32_t     slow = UINT32_MAX;
    crdt_context read;
    node        *doctor = &h->w.nodes[DOCTOR], *tablet = &h->w.nodes[1];
    tell("\nA doctor at the second server decides on what is flagged. While one record is on the\n"
         "screen, a tablet changes that dose once more, and the change arrives.\n");
    crdt_context_init(&read, NULL);
    for (uint32_t drug = 0; drug < PATIENTS * DRUGS; drug++) {
        if (hospital_shown(doctor, drug, seen) < 2) continue;
        if (slow != UINT32_MAX) {
            hospital_change(h, doctor, drug, NULL, NULL);
            continue;
        }
        slow = drug;
        hospital_ok(crdt_context_copy(&read, crdt_store_context(doctor->store)));
    }
    if (slow == UINT32_MAX) give_up("nothing is flagged");
    settle(h);
    hospital_shown(tablet, slow, seen);
    hospital_change(h, tablet, slow, NULL, NULL);
    settle(h);
    hospital_change(h, doctor, slow, &read, seen);
    settle(h);
    looked l = hospital_look(h, doctor);
    claim(l.flagged == 1 && hospital_shown(doctor, slow, seen) == 2,
          "that record is flagged again: what was not on the screen is not acknowledged");
    hospital_change(h, doctor, slow, NULL, NULL);
    settle(h);
    l = hospital_look(h, doctor);
    claim(l.flagged == 0 && l.wrong == 0, "the doctor looks again and decides: nothing is flagged");
    claim(l.records == h->count && l.broken == 0 && l.untold == 0,
          "the decisions are in the audit, too: %u records, none lost, none out of its place",
          l.records);
    crdt_context_clear(&read);
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
    world_free(&h.w);
    plan_free(&h.p);
    return tell_end();
}
