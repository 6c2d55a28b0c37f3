/* bytes_test.c: how few bytes it takes: to see that nothing is missing, and to catch up. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crdt/types.h"
#include "gossip/wire.h"
#include "sim/random.h"
#include "sim/world.h"
#include "tests/lib/t.h"

#define SECOND UINT64_C(1000000)

static void check_promises(const world *w)
{
    CHECK_MSG(!w->broken, "%s %s: %s", check_code(w->broken), check_name(w->broken), w->why);
}

static void write_one(node *n, int64_t value, size_t size)
{
    world    *w = n->world;
    crdt_txn *txn;
    char      bytes[512];
    memset(bytes, 'a' + (int)(value % 26), sizeof bytes);
    CHECK_OK(gossip_engine_write(n->engine, w->now, node_ms(n), &txn));
    CHECK_OK(crdt_orset_add(txn, crdt_text_view("set"), crdt_int(value)));
    CHECK_OK(crdt_lww_set(txn, crdt_text_view("register"), crdt_bytes(bytes, size)));
    CHECK_OK(gossip_engine_commit(n->engine, NULL));
    node_run(n);
}

static uint64_t passed(const world *w, uint32_t a, uint32_t b, uint64_t *ret_messages)
{
    const network_link *out = &w->net.links[a * w->nodes_count + b];
    const network_link *in = &w->net.links[b * w->nodes_count + a];
    if (ret_messages) *ret_messages = out->messages + in->messages;
    return out->bytes + in->bytes;
}

/* What it took to have a link at all: it may have been given up meanwhile. */
static uint64_t greetings(const world *w, uint32_t a, uint32_t b)
{
    return w->net.links[a * w->nodes_count + b].greetings +
           w->net.links[b * w->nodes_count + a].greetings;
}

TEST(sim_bytes, a_check_in_sync_takes_64_bytes_both_ways)
{
    static const unsigned sizes[] = {10, 1000, 10000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        world w;
        plan  p;
        plan_init(&p, 41);
        p.nodes = 2;
        p.objects = 1;
        world_init(&w);
        world_begin(&w, &p);
        world_until(&w, 5 * SECOND);
        for (unsigned k = 0; k < sizes[i]; k++) {
            write_one(&w.nodes[k % 2], (int64_t)k, 8);
            if (k % 100 == 0) world_until(&w, w.now + SECOND / 10);
        }
        CHECK(world_settle(&w, 120 * SECOND));
        check_promises(&w);
        uint64_t before_messages, after_messages;
        w.unwatched = true; /* checkers have nodes compare themselves: messages of their own */
        uint64_t before = passed(&w, 0, 1, &before_messages);
        world_until(&w, w.now + 60 * SECOND);
        uint64_t after = passed(&w, 0, 1, &after_messages);
        check_promises(&w);
        uint64_t checks = (after_messages - before_messages) / 2;
        CHECK_EQ_INT((after_messages - before_messages) % 2, 0);
        CHECK(checks >= 10);
        double each = (double)(after - before) / (double)checks;
        printf("%u entries: %.1f bytes a check, both ways\n", sizes[i], each);
        CHECK(each <= 64);
        world_free(&w);
        plan_free(&p);
    }
}

/* Writers 1..k write while node 0 is cut off from all but ... nobody; then it meets node 1. */
static void catch_up(uint64_t writers, unsigned entries, size_t size, bool known)
{
    world w;
    plan  p;
    plan_init(&p, 43);
    p.nodes = writers + 1;
    p.topology = PLAN_LINE;
    p.objects = 1;
    p.ack_us = 0;
    world_init(&w);
    world_begin(&w, &p);
    world_until(&w, 5 * SECOND);
    for (uint32_t k = 1; known && k <= writers; k++) write_one(&w.nodes[k], k, 4);
    CHECK(world_settle(&w, 120 * SECOND));
    w.nodes[0].offline_until = UINT64_MAX;
    size_t first = w.history.count;
    for (unsigned i = 0; i < entries; i++) {
        write_one(&w.nodes[1 + i % writers], (int64_t)i, size);
        world_until(&w, w.now + SECOND / 50);
    }
    world_until(&w, w.now + 30 * SECOND);
    uint64_t payload = 0, d = w.history.count - first;
    for (uint64_t at = 0; at < gossip_engine_stats(w.nodes[1].engine).log_end; at++) {
        gossip_entry e;
        if (!gossip_engine_log(w.nodes[1].engine, at, &e) || e.kind == 0) continue;
        uint32_t who = history_who(&w.history, e.replica);
        if (node_seen(&w.nodes[0], who) >= e.last) continue;
        payload += e.body.size + 4 * e.deps_count;
    }
    uint64_t before = passed(&w, 0, 1, NULL) - greetings(&w, 0, 1);
    w.nodes[0].offline_until = 0;
    uint64_t limit = w.now + 60 * SECOND;
    while (w.now < limit && !check_settled(&w)) world_until(&w, w.now + SECOND / 100);
    check_promises(&w);
    CHECK(check_settled(&w));
    world_until(&w, w.now + SECOND / 10);
    uint64_t took = passed(&w, 0, 1, NULL) - greetings(&w, 0, 1) - before;
    uint64_t bound = payload + 3 * d + (known ? 7 : 15) * writers + 64;
    printf("%llu entries of %llu %s writers: %llu bytes, %llu of them payload; the bound is %llu\n",
           (unsigned long long)d, (unsigned long long)writers, known ? "known" : "new",
           (unsigned long long)took, (unsigned long long)payload, (unsigned long long)bound);
    CHECK(took <= bound);
    world_free(&w);
    plan_free(&p);
}

TEST(sim_bytes, catching_up_takes_little_more_than_the_payload)
{
    catch_up(1, 100, 8, true);
    catch_up(3, 100, 8, true);
    catch_up(7, 200, 40, true);
    catch_up(5, 50, 100, false);
}
