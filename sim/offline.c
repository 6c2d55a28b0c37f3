/* offline.c: two nodes that were apart for very long, each with very many operations, meet again;
 * the link between them is cut in the middle of it, many times. */
#include <inttypes.h>
#include <time.h>

#include "crdt/types.h"
#include "sim/must.h"
#include "sim/random.h"
#include "sim/scenario.h"

#define SECOND UINT64_C(1000000)

static double cpu(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

/* A write of one of a few kinds; most of what it adds stays. */
static bool write_one(node *n, uint64_t *rand, int64_t number)
{
    world    *w = n->world;
    crdt_txn *txn;
    crdt_err  err = gossip_engine_write(n->engine, w->now, node_ms(n), &txn);
    if (err == CRDT_OK) {
        switch (random_below(rand, 3)) {
        case 0: err = crdt_orset_add(txn, crdt_text_view("set"), crdt_int(number % 50000)); break;
        case 1: err = crdt_pncounter_inc(txn, crdt_text_view("counter"), 1); break;
        default: err = crdt_lww_set(txn, crdt_text_view("register"), crdt_int(number)); break;
        }
    }
    if (err == CRDT_OK) err = gossip_engine_commit(n->engine, NULL);
    if (err != CRDT_OK) gossip_engine_rollback(n->engine);
    if (err != CRDT_OK) check_fail(w, CHECK_ERROR, "a write gives %s", crdt_err_name(err));
    return err == CRDT_OK;
}

static void work_apart(world *w, const options *o, uint64_t *rand)
{
    uint64_t batch = 100, span = o->offline / (o->ops / batch + 1);
    for (uint64_t i = 0; i < o->ops && !w->broken; i += batch) {
        world_until(w, w->now + span);
        for (size_t k = 0; k < 2 && !w->broken; k++) {
            node *n = &w->nodes[k];
            for (uint64_t j = i; j < i + batch && j < o->ops; j++) {
                if (!write_one(n, rand, (int64_t)(2 * j + k))) return;
            }
            node_run(n);
        }
    }
}

static void cut(world *w, uint64_t until)
{
    network_at(&w->net, 0, 1)->clogged_until = until;
    network_at(&w->net, 1, 0)->clogged_until = until;
}

static uint64_t held(const node *n)
{
    uint64_t sum = 0;
    for (size_t who = 0; who < n->world->history.writers_count; who++) {
        if (who < n->count_cap) sum += n->count[who];
    }
    return sum;
}

/* After each cut the other's entries must be more than before: it went on where it was. */
static void cut_and_resume(world *w, uint64_t *rand, unsigned cuts)
{
    uint64_t before = held(&w->nodes[0]) + held(&w->nodes[1]);
    for (unsigned i = 0; i < cuts && !w->broken; i++) {
        world_until(w, w->now + random_scale(rand, 5000, 3 * SECOND));
        cut(w, w->now + SECOND * 3);
        world_until(w, w->now + SECOND * 3);
        uint64_t now = held(&w->nodes[0]) + held(&w->nodes[1]);
        if (now < before) check_fail(w, CHECK_SESSION, "a cut took entries away");
        before = now;
        world_until(w, w->now + 12 * SECOND); /* until it is tried again */
    }
}

int offline_run(const options *o)
{
    world    w;
    plan     p;
    uint64_t rand = random_stream(o->seed, 8);
    plan_init(&p, o->seed);
    p.nodes = 2;
    p.objects = 1;
    p.persist = 0;
    p.duration = o->offline;
    p.round_max_us = 600 * SECOND;
    world_init(&w);
    world_begin(&w, &p);
    w.history.watched = false;
    w.unwatched = true;
    world_until(&w, 5 * SECOND);
    cut(&w, UINT64_MAX);
    double begin = cpu();
    work_apart(&w, o, &rand);
    double apart = cpu();
    printf("apart for %.0f h of virtual time; %" PRIu64 " transactions on each side: %.1f CPU s\n",
           (double)o->offline / 3600e6, o->ops, apart - begin);
    uint64_t bytes = w.stats.bytes, missing = w.history.count;
    cut(&w, 0);
    p.round_max_us = 5 * SECOND;
    cut_and_resume(&w, &rand, 20);
    bool settled = !w.broken && world_settle(&w, 3600 * SECOND);
    if (settled) {
        check_converged(&w);
        check_kept(&w);
    } else if (!w.broken) {
        check_fail(&w, CHECK_LIVE, "not converged an hour after they met");
    }
    double all = cpu() - apart;
    if (w.broken) {
        printf("BROKEN: %s %s: %s\n", check_code(w.broken), check_name(w.broken), w.why);
    } else {
        printf("together again, after 20 cuts: nothing lost, the same bytes; %.1f MB for %" PRIu64
               " entries (%.1f bytes each)\n",
               (double)(w.stats.bytes - bytes) / 1e6, missing,
               (double)(w.stats.bytes - bytes) / (double)missing);
        printf("catch-up: %.1f CPU s for both sides, the simulator and its checks included: %.0f "
               "entries a second\n",
               all, (double)missing / all);
    }
    int status = w.broken ? 1 : 0;
    world_free(&w);
    plan_free(&p);
    return status;
}
