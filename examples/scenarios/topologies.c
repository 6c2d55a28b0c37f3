/* topologies.c: a ring, a star and all-to-all, in virtual time: what the same traffic costs on
 * each, what a node that fails does to it; and an effect is never seen before its cause. */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crdt/types.h"
#include "examples/scenarios/tell.h"
#include "sim/random.h"
#include "sim/world.h"

#define SECOND UINT64_C(1000000)
#define NODES 8u
#define CHAINS 60u /* of a phase: a question, its answer, thanks for the answer */
#define LINKS 3u
#define SAID (CHAINS * LINKS)
#define TALK crdt_text_view("talk")

/* Phases: all are well; one has failed. */
enum { WELL, FAILED, PHASES };
#define FAILS_AT (50 * SECOND)
#define RETURNS_AT (100 * SECOND)
#define ENDS_AT (150 * SECOND)
static const uint64_t begins[PHASES] = {10 * SECOND, 60 * SECOND}, lasts = 30 * SECOND;

/* A question, what is answered, thanks: who says each; the later two as soon as they see what is
 * before. */
typedef struct chain {
    uint32_t who[LINKS];
    uint64_t at;
    size_t   entry[LINKS]; /* in the world's history, from 1; 0: not yet said */
} chain;

typedef struct run {
    world    w;
    plan     p;
    chain    chains[PHASES * CHAINS];
    size_t   asked;
    uint64_t looked[NODES]; /* entries that the node had when it was last looked at */
    uint64_t seen, early;   /* effects seen; of these, without their cause */
} run;

typedef struct result {
    uint64_t links, messages, kilobytes, copies; /* copies: of payloads, while all are well */
    uint64_t said[PHASES], reached[PHASES], median[PHASES];
    uint64_t back; /* ms from the return until all had all */
    uint64_t seen, early;
    bool     kept; /* all in the end, and every promise of the simulator */
} result;

/* -- Traffic ----------------------------------------------------------------------------------- */

/* The network counts copies of values that begin with its mark. */
static crdt_value marked(size_t c, uint32_t link, uint8_t bytes[12])
{
    uint32_t number = (uint32_t)c * LINKS + link;
    memcpy(bytes, NETWORK_MARK, 8);
    for (int i = 0; i < 4; i++) bytes[8 + i] = (uint8_t)(number >> 8 * i);
    return crdt_bytes(bytes, 12);
}

static void say(run *r, size_t c, uint32_t link)
{
    uint8_t   bytes[12];
    crdt_txn *txn;
    node     *n = &r->w.nodes[r->chains[c].who[link]];
    crdt_err  err = gossip_engine_write(n->engine, r->w.now, node_ms(n), &txn);
    if (err == CRDT_OK) err = crdt_gset_add(txn, TALK, marked(c, link, bytes));
    if (err == CRDT_OK) err = gossip_engine_commit(n->engine, NULL);
    if (err != CRDT_OK) give_up("node %u writes: %s", n->index, crdt_err_name(err));
    node_run(n);
    r->chains[c].entry[link] = r->w.history.count;
}

static bool sees(const node *n, size_t c, uint32_t link)
{
    uint8_t  bytes[12];
    crdt_ref talk;
    if (crdt_store_find(n->store, TALK, &crdt_gset_type, &talk) != CRDT_OK) return false;
    return crdt_gset_has(talk, marked(c, link, bytes));
}

/* What a node shows now: nothing without its cause; who is to answer does. */
static void look(run *r, node *n)
{
    for (size_t c = 0; c < r->asked; c++) {
        bool before = sees(n, c, 0);
        for (uint32_t link = 1; link < LINKS; link++) {
            bool now = sees(n, c, link);
            r->seen += now;
            r->early += now && !before;
            if (before && !now && r->chains[c].who[link] == n->index && !r->chains[c].entry[link]) {
                say(r, c, link);
            }
            before = now;
        }
    }
}

/* Event by event, so that no moment is missed. */
static void go_on(run *r, uint64_t until)
{
    while (!r->w.broken && r->w.now < until) {
        uint64_t next = queue_next(&r->w.queue);
        if (r->asked < PHASES * CHAINS && r->chains[r->asked].at < next) {
            next = r->chains[r->asked].at;
        }
        world_until(&r->w, next < until ? next : until);
        if (r->asked < PHASES * CHAINS && r->chains[r->asked].at <= r->w.now) {
            say(r, r->asked++, 0);
        }
        for (uint32_t i = 0; i < NODES; i++) {
            node    *n = &r->w.nodes[i];
            uint64_t has = n->delivered + n->written;
            if (n->state != NODE_UP || has == r->looked[i]) continue;
            r->looked[i] = has;
            look(r, n);
        }
    }
}

/* Nodes 0 and 1, which may fail, only listen. */
static void make_chains(run *r)
{
    uint64_t rand = 2026;
    for (size_t c = 0; c < PHASES * CHAINS; c++) {
        r->chains[c].at = begins[c / CHAINS] + c % CHAINS * (lasts / CHAINS);
        for (uint32_t link = 0; link < LINKS; link++) {
            r->chains[c].who[link] = 2 + (uint32_t)random_below(&rand, NODES - 2);
        }
    }
}

/* -- Measuring --------------------------------------------------------------------------------- */

static int by_size(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

/* How much of the phase was said, how much of it has reached all that are up, and after how many
 * ms. Returns when the last of it did so. */
static uint64_t measure(const run *r, int phase, result *ret)
{
    uint64_t times[SAID], count = 0, last = 0;
    uint32_t up = 0;
    for (uint32_t i = 0; i < NODES; i++) up += r->w.nodes[i].state == NODE_UP;
    ret->said[phase] = 0;
    for (size_t i = 0; i < SAID; i++) {
        const chain *c = &r->chains[(size_t)phase * CHAINS + i / LINKS];
        if (c->entry[i % LINKS] == 0) continue;
        const history_entry *e = &r->w.history.entries[c->entry[i % LINKS] - 1];
        ret->said[phase]++;
        if (e->reached < up) continue;
        times[count++] = e->reached_at - e->at;
        if (e->reached_at > last) last = e->reached_at;
    }
    qsort(times, count, sizeof *times, by_size);
    ret->reached[phase] = count;
    ret->median[phase] = count ? times[count / 2] / 1000 : 0;
    return last;
}

static void count_traffic(const run *r, result *ret)
{
    for (uint32_t i = 0; i < NODES; i++) {
        ret->links += gossip_engine_stats(r->w.nodes[i].engine).links;
    }
    ret->links /= 2;
    ret->messages = r->w.stats.messages - ret->messages;
    ret->kilobytes = (r->w.stats.bytes / 1000) - ret->kilobytes;
    for (size_t i = 0; i < SAID; i++) {
        for (uint32_t link = 0; link < NODES * NODES; link++) {
            ret->copies += network_copies(&r->w.net, i, link / NODES, link % NODES);
        }
    }
}

static result play(plan_topology topology, uint32_t failing)
{
    static run r;
    result     ret = {0};
    memset(&r, 0, sizeof r);
    plan_init(&r.p, 6);
    r.p.nodes = NODES;
    r.p.topology = topology;
    r.p.delay = 10000;
    r.p.jitter = 20000; /* messages overtake each other */
    plan_add(&r.p, (plan_event){FAILS_AT, PLAN_CRASH, failing, RETURNS_AT - FAILS_AT, 0});
    make_chains(&r);
    world_init(&r.w);
    world_begin(&r.w, &r.p);
    network_watch(&r.w.net, SAID);
    go_on(&r, begins[WELL]);
    ret.messages = r.w.stats.messages;
    ret.kilobytes = r.w.stats.bytes / 1000;
    go_on(&r, begins[WELL] + lasts + SECOND);
    count_traffic(&r, &ret);
    measure(&r, WELL, &ret);
    go_on(&r, RETURNS_AT - 1);
    measure(&r, FAILED, &ret);
    go_on(&r, ENDS_AT);
    result end = {0};
    ret.back = (measure(&r, FAILED, &end) - RETURNS_AT) / 1000;
    bool settled = !r.w.broken && world_settle(&r.w, world_bound(&r.p));
    if (settled) check_converged(&r.w);
    if (settled) check_kept(&r.w);
    if (r.w.broken) tell("%s %s: %s", check_code(r.w.broken), check_name(r.w.broken), r.w.why);
    ret.kept = settled && !r.w.broken && end.reached[FAILED] == SAID;
    ret.seen = r.seen;
    ret.early = r.early;
    world_free(&r.w);
    plan_free(&r.p);
    return ret;
}

/* -- Telling ----------------------------------------------------------------------------------- */

enum { RING, STAR, STAR_LEAF, MESH, RUNS };

/* A row of the table. Figures, for which unit is not 0, are told as the least of unit, 2 * unit,
 * 4 * unit ... that they do not exceed: what the engine does changes a little with its versions. */
static void row(const char *what, const result results[RUNS], size_t field, uint64_t unit)
{
    char text[RUNS][24];
    for (int i = 0; i < RUNS; i++) {
        uint64_t n, most = unit;
        memcpy(&n, (const char *)&results[i] + field, sizeof n);
        while (most < n && unit > 0) most *= 2;
        snprintf(text[i], sizeof text[i], "%" PRIu64, unit > 0 ? most : n);
        if (unit > 0 && n == 0) snprintf(text[i], sizeof text[i], "-");
    }
    tell("  %-42s %6s %8s %8s %10s", what, text[RING], text[STAR], text[STAR_LEAF], text[MESH]);
}

#define ROW(what, field, unit) row(what, results, offsetof(result, field), unit)

static void tell_figures(const result results[RUNS])
{
    tell("                                               ring     star     star all-to-all");
    tell("All are well:");
    ROW("links", links, 0);
    ROW("said", said[WELL], 0);
    ROW("  of it known to all", reached[WELL], 0);
    ROW("  until all know it: ms, at most", median[WELL], 40);
    ROW("messages, at most", messages, 5000);
    ROW("kilobytes, at most", kilobytes, 100);
    tell("\nA node has failed:                           any      hub     leaf        any");
    ROW("said", said[FAILED], 0);
    ROW("  of it known to all that are up", reached[FAILED], 0);
    ROW("  until they know it: ms, at most", median[FAILED], 40);
    tell("\nIt is back:");
    ROW("until all know all: ms, at most", back, 40);
    putchar('\n');
}

int main(void)
{
    result   results[RUNS];
    uint64_t seen = 0, early = 0, copies = 0;
    bool     kept = true, all = true;
    tell("Eight nodes, in virtual time; a message takes 10 to 30 ms, so they overtake each other.\n"
         "60 times somebody asks a question, whoever has the answer gives it once the question\n"
         "is seen, and a third node gives thanks once the answer is. Then a node fails, 60 more\n"
         "questions are asked, and the node comes back with what it had on its disk.\n");
    results[RING] = play(PLAN_RING, 0);
    results[STAR] = play(PLAN_STAR, 0);
    results[STAR_LEAF] = play(PLAN_STAR, 1);
    results[MESH] = play(PLAN_MESH, 0);
    tell_figures(results);
    const result *ring = &results[RING], *star = &results[STAR], *leaf = &results[STAR_LEAF],
                 *mesh = &results[MESH];
    for (int i = 0; i < RUNS; i++) {
        seen += results[i].seen;
        early += results[i].early;
        if (results[i].copies > copies) copies = results[i].copies;
        kept = kept && results[i].kept;
        all = all && results[i].reached[WELL] == SAID;
    }
    claim(all && copies < SAID * (NODES - 1) * 5 / 4,
          "all know all, for at most a quarter more copies than it takes at least");
    claim(star->median[WELL] < ring->median[WELL] && star->links < mesh->links,
          "a star needs few links and is fast: two hops");
    claim(star->reached[FAILED] == 0, "but without its hub nobody hears of anybody");
    claim(leaf->reached[FAILED] == SAID, "and without a leaf nothing changes");
    claim(ring->reached[FAILED] == SAID, "a ring closes over the node that fails");
    claim(mesh->reached[FAILED] == SAID, "all-to-all goes around it: at the price of its links");
    claim(seen > 100000 && early == 0,
          "at no moment did any node show an answer without its question, or thanks without the "
          "answer");
    claim(kept, "in the end all hold the same bytes and nothing is lost; the simulator's own "
                "checkers agree");
    return tell_end();
}
