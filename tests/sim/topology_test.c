/* topology_test.c: on each topology: causality, and no entry twice on a link if nothing is lost. */
#include <stdio.h>
#include <string.h>

#include "crdt/types.h"
#include "sim/random.h"
#include "sim/world.h"
#include "tests/lib/t.h"

#define UPDATES 60
#define SECOND UINT64_C(1000000)

/* The payload that network_watch counts. */
static crdt_value marked(uint32_t number, uint8_t bytes[12])
{
    memcpy(bytes, NETWORK_MARK, 8);
    for (int i = 0; i < 4; i++) bytes[8 + i] = (uint8_t)(number >> 8 * i);
    return crdt_bytes(bytes, 12);
}

static void write_marked(node *n, uint32_t number)
{
    world    *w = n->world;
    crdt_txn *txn;
    uint8_t   bytes[12];
    CHECK_OK(gossip_engine_write(n->engine, w->now, node_ms(n), &txn));
    CHECK_OK(crdt_orset_add(txn, crdt_text_view("marked"), marked(number, bytes)));
    CHECK_OK(gossip_engine_commit(n->engine, NULL));
    node_run(n);
}

static void check_promises(const world *w)
{
    CHECK_MSG(!w->broken, "%s %s: %s", check_code(w->broken), check_name(w->broken), w->why);
}

/* So many copies of payloads beyond the first of each link and direction. */
static size_t second_copies(const world *w)
{
    size_t more = 0;
    for (size_t p = 0; p < UPDATES; p++) {
        for (uint32_t a = 0; a < w->nodes_count; a++) {
            for (uint32_t b = 0; b < w->nodes_count; b++) {
                uint32_t copies = network_copies(&w->net, p, a, b);
                more += copies > 1 ? copies - 1 : 0;
            }
        }
    }
    return more;
}

/* On a tree a payload passes each link once, in one direction: it is never sent back. */
static void check_no_way_back(const world *w)
{
    for (size_t p = 0; p < UPDATES; p++) {
        uint64_t copies = 0;
        for (uint32_t a = 0; a < w->nodes_count; a++) {
            for (uint32_t b = 0; b < w->nodes_count; b++) {
                copies += network_copies(&w->net, p, a, b);
            }
        }
        CHECK_MSG(copies == w->nodes_count - 1, "payload %zu passed %llu links", p,
                  (unsigned long long)copies);
    }
}

static void run_on(plan_topology topology, uint64_t nodes)
{
    world    w;
    plan     p;
    uint64_t rand = 17;
    plan_init(&p, 100 + topology);
    p.nodes = nodes;
    p.topology = topology;
    p.objects = 1;
    p.jitter = 0;
    world_init(&w);
    world_begin(&w, &p);
    network_watch(&w.net, UPDATES);
    world_until(&w, 10 * SECOND); /* links are up, a tree may be */
    for (uint32_t i = 0; i < UPDATES; i++) {
        world_until(&w, w.now + random_between(&rand, SECOND / 20, SECOND / 2));
        check_promises(&w);
        write_marked(&w.nodes[random_below(&rand, nodes)], i);
    }
    bool settled = world_settle(&w, world_bound(&p));
    check_promises(&w);
    CHECK_MSG(settled, "%s did not settle", plan_topology_name(topology));
    check_converged(&w);
    check_kept(&w);
    check_promises(&w);
    CHECK_MSG(second_copies(&w) == 0, "%s: %zu payloads came over a link again",
              plan_topology_name(topology), second_copies(&w));
    if (topology == PLAN_LINE || topology == PLAN_STAR) check_no_way_back(&w);
    world_end(&w);
    check_promises(&w);
    world_free(&w);
    plan_free(&p);
}

TEST(sim_topology, mesh)
{
    run_on(PLAN_MESH, 6);
}

TEST(sim_topology, mesh_with_some_links)
{
    run_on(PLAN_MESH, 16);
}

TEST(sim_topology, ring)
{
    run_on(PLAN_RING, 8);
}

TEST(sim_topology, star)
{
    run_on(PLAN_STAR, 8);
}

TEST(sim_topology, line)
{
    run_on(PLAN_LINE, 8);
}

TEST(sim_topology, two_cliques_joined_by_one_link)
{
    run_on(PLAN_CLIQUES, 8);
}

/* -- Many nodes -------------------------------------------------------------------------------- */

/* A thousand are in `make bench-gossip`. */
#define MANY (T_SLOW ? 64 : 200)
#define SETTLING 50 /* updates until the tree has grown */
#define MEASURED 100

static void begin_many(world *w, plan *p, uint64_t loss)
{
    plan_init(p, 7);
    p->nodes = MANY;
    p->objects = 1;
    p->persist = 0;
    p->jitter = 0;
    p->loss = loss;
    p->delay = 10000;
    p->ack_us = 0;
    world_init(w);
    world_begin(w, p);
    world_until(w, 15 * SECOND);
    check_promises(w);
}

static void end_many(world *w, plan *p)
{
    world_end(w);
    check_promises(w);
    world_free(w);
    plan_free(p);
}

/* Nothing but the way takes time here, so the time that an update took tells its hops. */
static void reach_many(bool one_writer, double hops_most)
{
    world    w;
    plan     p;
    uint64_t copies = 0, hops = 0, worst = 0, rand = 31;
    begin_many(&w, &p, 0);
    network_watch(&w.net, SETTLING + MEASURED);
    for (uint32_t i = 0; i < SETTLING + MEASURED; i++) {
        world_until(&w, w.now + SECOND / 5);
        write_marked(&w.nodes[one_writer ? 0 : random_below(&rand, p.nodes)], i);
    }
    bool settled = world_settle(&w, 60 * SECOND);
    check_promises(&w);
    CHECK(settled);
    CHECK_EQ_INT(w.history.count, SETTLING + MEASURED);
    for (uint32_t i = SETTLING; i < SETTLING + MEASURED; i++) {
        const history_entry *e = &w.history.entries[i];
        uint64_t             took = (e->reached_at - e->at + p.delay - 1) / p.delay;
        CHECK_EQ_INT(e->reached, p.nodes);
        for (uint32_t a = 0; a < p.nodes; a++) {
            for (uint32_t b = 0; b < p.nodes; b++) copies += network_copies(&w.net, i, a, b);
        }
        hops += took;
        worst = took > worst ? took : worst;
    }
    double per_node = (double)copies / MEASURED / (double)p.nodes, mean = (double)hops / MEASURED;
    printf("%d nodes, %s: %.3f payload copies per node, %.2f hops, %llu at worst\n", MANY,
           one_writer ? "one writer" : "all write", per_node, mean, (unsigned long long)worst);
    CHECK(per_node <= 1.1);
    CHECK(mean <= hops_most);
    CHECK(worst <= 2 * (uint64_t)hops_most);
    end_many(&w, &p);
}

TEST(sim_topology, an_update_of_one_writer_reaches_many_in_few_hops)
{
    reach_many(true, 4);
}

TEST(sim_topology, an_update_of_anybody_reaches_many_in_few_hops)
{
    reach_many(false, 7);
}

TEST(sim_topology, with_a_third_lost_many_get_everything)
{
    world    w;
    plan     p;
    uint64_t rand = 29;
    begin_many(&w, &p, 300000);
    for (uint32_t i = 0; i < 20; i++) {
        world_until(&w, w.now + SECOND / 5);
        write_marked(&w.nodes[random_below(&rand, p.nodes)], i);
    }
    bool settled = world_settle(&w, 120 * SECOND);
    check_promises(&w);
    CHECK(settled);
    check_converged(&w);
    check_kept(&w);
    check_promises(&w);
    end_many(&w, &p);
}
