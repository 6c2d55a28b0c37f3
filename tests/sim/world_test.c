/* world_test.c: the simulator itself: it repeats, writes plans down, makes them small. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/queue.h"
#include "sim/random.h"
#include "sim/replay.h"
#include "sim/shrink.h"
#include "sim/world.h"
#include "tests/lib/t.h"

TEST(sim_queue, gives_events_by_time_and_then_in_order)
{
    queue    q = {0};
    uint64_t rand = 5;
    for (uint32_t i = 0; i < 2000; i++) {
        queue_push(&q, (event){random_below(&rand, 100), 0, EVENT_WAKE, i, 0, NULL});
        event e;
        if (random_below(&rand, 4) == 0) CHECK(queue_pop(&q, &e));
    }
    event before = {0}, e;
    for (size_t i = 0; queue_pop(&q, &e); i++) {
        if (i > 0) CHECK(e.at > before.at || (e.at == before.at && e.order > before.order));
        before = e;
    }
    CHECK_EQ_INT(q.count, 0);
    queue_free(&q);
}

TEST(sim_plan, a_plan_written_down_is_the_same_plan)
{
    plan p = {0}, q = {0};
    char problem[256];
    for (uint64_t seed = 1; seed < 50; seed++) {
        plan_make(&p, seed);
        FILE *file = tmpfile();
        CHECK(file != NULL);
        replay_write(file, &p, "of a test\nof two lines");
        rewind(file);
        CHECK_MSG(replay_read(file, &q, problem), "%s", problem);
        fclose(file);
        CHECK_EQ_INT(q.count, p.count);
        for (size_t i = 0; i < p.count; i++) {
            CHECK_EQ_INT(q.events[i].at, p.events[i].at);
            CHECK_EQ_INT(q.events[i].kind, p.events[i].kind);
            CHECK_EQ_INT(q.events[i].node, p.events[i].node);
            CHECK_EQ_INT(q.events[i].a, p.events[i].a);
            CHECK_EQ_INT(q.events[i].b, p.events[i].b);
        }
#define PLAN_FIELD(name, neutral, text) CHECK_EQ_INT(q.name, p.name);
#include "sim/plan.def"
#undef PLAN_FIELD
        plan_free(&q);
    }
    plan_free(&p);
}

static void check_refused(const char *text, const char *words)
{
    plan  p = {0};
    char  problem[256] = "";
    FILE *file = tmpfile();
    CHECK(file != NULL);
    fputs(text, file);
    rewind(file);
    CHECK_MSG(!replay_read(file, &p, problem), "%s", text);
    CHECK_MSG(strstr(problem, words) != NULL, "it says: %s", problem);
    fclose(file);
    plan_free(&p);
}

TEST(sim_plan, says_what_is_wrong_with_a_file)
{
    check_refused("", "empty");
    check_refused("something else\n", "line 1");
    check_refused("concur-sim replay 1\nset nodes 3\nset speed 9\n", "line 3");
    check_refused("concur-sim replay 1\nat 5 explode node 1 a 0 b 0\n", "line 2");
    check_refused("concur-sim replay 1\nat 5 crash node 1 a 0\n", "line 2");
    check_refused("concur-sim replay 1\nset nodes 0\n", "no world");
    check_refused("concur-sim replay 1\nset nodes 1000000\n", "no world");
}

TEST(sim_world, a_seed_run_twice_does_the_same)
{
    world w;
    plan  p = {0};
    world_init(&w);
    for (uint64_t seed = 1; seed <= 20; seed++) {
        plan_make(&p, seed);
        world_run(&w, &p);
        uint64_t trace = w.trace, events = w.stats.events;
        world_run(&w, &p);
        CHECK_EQ_INT(w.trace, trace);
        CHECK_EQ_INT(w.stats.events, events);
        plan_make(&p, seed + 1000);
        world_run(&w, &p);
        CHECK(w.trace != trace);
    }
    world_free(&w);
    plan_free(&p);
}

/* -- Making small: a made up promise that three events break together -------------------------- */

static void watch(world *w, void *user)
{
    (void)user;
    if (w->stats.crashes > 0 && w->nodes[1].written > 0 && w->nodes[2].has_backup) {
        check_fail(w, CHECK_KEEP, "made up");
    }
}

TEST(sim_shrink, leaves_what_is_needed)
{
    world w;
    plan  p = {0};
    world_init(&w);
    w.watch = watch;
    w.watch_every = 50000;
    plan_make(&p, 1);
    p.nodes = 4;
    p.duration = 4000000;
    plan_add(&p, (plan_event){500000, PLAN_CRASH, 0, 100000, 0});
    plan_add(&p, (plan_event){900000, PLAN_WRITE, 1, 77, 0});
    plan_add(&p, (plan_event){1000000, PLAN_BACKUP, 2, 0, 0});
    plan_sort(&p);
    world_run(&w, &p);
    CHECK_EQ_INT(w.broken, CHECK_KEEP);
    CHECK(p.count > 20);
    shrink_result r = shrink(&w, &p, CHECK_KEEP, 60);
    CHECK_EQ_INT(r.after, p.count);
    CHECK_MSG(p.count <= 3, "%zu events are left", p.count);
    CHECK_EQ_INT(p.loss, 0);
    world_run(&w, &p);
    CHECK_EQ_INT(w.broken, CHECK_KEEP);
    world_free(&w);
    plan_free(&p);
}

/* A copy of node 0, on the same machine, writes under its id for a while: so node 0, which runs,
 * goes on as another. Its disk must know: or nobody ever takes the place of that one, and nothing
 * is called stable any more. */
TEST(sim_world, a_new_id_taken_while_running_is_succeeded_after_a_crash)
{
    world w;
    plan  p = {0};
    world_init(&w);
    plan_init(&p, 5);
    p.nodes = 2;
    p.spares = 1;
    p.duration = 60000000;
    plan_add(&p, (plan_event){100000, PLAN_WRITE, 0, 1, 0});
    plan_add(&p, (plan_event){9000000, PLAN_CLOG, 0, 60000000, 2}); /* they do not meet */
    plan_add(&p, (plan_event){9000000, PLAN_CLOG, 2, 60000000, 0});
    plan_add(&p, (plan_event){10000000, PLAN_CLONE, 0, 1, 0});
    plan_add(&p, (plan_event){10000000, PLAN_WRITE, 2, 2, 0});
    plan_add(&p, (plan_event){30000000, PLAN_WRITE, 0, 3, 0});
    plan_add(&p, (plan_event){40000000, PLAN_CRASH, 0, 100000, 0});
    plan_add(&p, (plan_event){50000000, PLAN_WRITE, 1, 4, 0}); /* it asks for all members */
    world_begin(&w, &p);
    world_until(&w, 39000000);
    CHECK_EQ_INT(w.stats.notices[GOSSIP_REMINTED], 1);
    CHECK(crdt_store_replica(w.nodes[0].store) != w.nodes[0].replica && !w.forked);
    world_until(&w, p.duration);
    world_heal(&w); /* the copy is found, and goes */
    CHECK(world_settle(&w, world_bound(&p)));
    w.lasting = true;
    check_converged(&w);
    CHECK_MSG(!w.broken, "%s: %s", check_code(w.broken), w.why);
    plan_free(&p);
    world_free(&w);
}

/* Node 0 and its copy write on either side of a partition, and one node hears each. */
TEST(sim_world, two_histories_of_one_id_are_reported)
{
    world w;
    plan  p = {0};
    world_init(&w);
    plan_init(&p, 6);
    p.nodes = 3;
    p.spares = 1;
    p.duration = 40000000;
    plan_add(&p, (plan_event){100000, PLAN_WRITE, 0, 1, 0});
    plan_add(&p, (plan_event){5000000, PLAN_PART, 0, 20000000, 3});
    plan_add(&p, (plan_event){5000000, PLAN_CLONE, 0, 1, 0});
    plan_add(&p, (plan_event){6000000, PLAN_WRITE, 0, 2, 0});
    plan_add(&p, (plan_event){6000000, PLAN_WRITE, 3, 3, 0});
    world_run(&w, &p);
    CHECK_MSG(!w.broken, "%s: %s", check_code(w.broken), w.why);
    CHECK(w.forked && !w.blurred);
    /* Had nobody said so, the checker would have. */
    world_begin(&w, &p);
    world_until(&w, p.duration);
    world_heal(&w);
    CHECK(!world_settle(&w, world_bound(&p)));
    for (size_t who = 0; who < w.history.writers_count; who++) {
        w.history.writers[who].reported = false;
    }
    check_forks(&w);
    CHECK_EQ_INT(w.broken, CHECK_ALARM);
    plan_free(&p);
    world_free(&w);
}
