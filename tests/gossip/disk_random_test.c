/* The disk against the model of disk_world.h: random appends, syncs, snapshots, stops, deaths of
 * the process, power cuts, and calls that fail. */
#include <errno.h>

#include "tests/gossip/disk_world.h"

static void fault(world *w)
{
    static const int errors[] = {EIO, ENOSPC, EINTR, 0};
    sim_fault        f = {SIM_CHANGES & ~(unsigned)SIM_OPEN, 1 + random_below(&w->random, 6),
                          errors[random_below(&w->random, 4)], false};
    if (f.err == 0 || f.err == EINTR) f.calls = SIM_WRITE | SIM_READ;
    else if (random_below(&w->random, 2) == 0) f.calls = SIM_SYNC;
    else if (random_below(&w->random, 3) == 0) f.calls |= SIM_OPEN;
    f.forever = f.err > 0 && f.err != EINTR && random_below(&w->random, 4) == 0;
    sim_files_fault(w->files, f);
}

static void run(uint64_t seed, gossip_sync policy, bool faults, world *w)
{
    static const sim_fault none;
    memset(w, 0, sizeof *w);
    w->seed = seed;
    testmem_init(&w->m);
    w->random = seed;
    w->policy = policy;
    w->part_bytes = seed % 3 == 0 ? 0 : 200 + (size_t)random_below(&w->random, 100000);
    w->files = sim_files_new(seed);
    recover(w, false);
    unsigned steps = 60 + (unsigned)random_below(&w->random, 300);
    for (unsigned i = 0; i < steps && w->next < IDS - 1; i++) {
        uint64_t dice = random_below(&w->random, 100);
        if (dice < 55) append(w);
        else if (dice < 75) sync(w);
        else if (dice < 78) flush(w);
        else if (dice < 85) flush_aside(w);
        else if (dice < 91) snapshot_part(w);
        else if (dice < 95 && faults) fault(w);
        else if (dice < 97) sim_files_fault(w->files, none);
        else end(w, (unsigned)random_below(&w->random, 3));
    }
    sim_files_fault(w->files, none);
    sync(w); /* whatever happened, it works again */
    flush(w);
    for (uint64_t id = w->covered; id < w->next; id++) {
        CHECK(w->fates[id] == DURABLE || w->fates[id] == LOST);
    }
    end(w, 0);
    end(w, 2);
    gossip_disk_close(w->disk);
    sim_files_free(w->files);
    TESTMEM_DONE(&w->m);
}

static void many(gossip_sync policy, bool faults, unsigned rounds)
{
    static world w;
    uint64_t     first = seed_or(1), recovered = 0, failures = 0, snapshots = 0, cuts = 0;
    uint64_t     unfinished = 0;
    for (uint64_t i = 0; i < (T_SLOW ? rounds / 10 : rounds); i++) {
        run(first + i, policy, faults, &w);
        recovered += w.recovered;
        failures += w.failures;
        snapshots += w.snapshots;
        unfinished += w.unfinished;
        cuts += w.cuts;
    }
    printf("recovered %ju entries, %ju cuts, %ju snapshots, %ju parts before, %ju failed syncs\n",
           (uintmax_t)recovered, (uintmax_t)cuts, (uintmax_t)snapshots, (uintmax_t)unfinished,
           (uintmax_t)failures);
    CHECK(recovered > 0 && snapshots > 0 && unfinished > 0 && cuts > 0);
    CHECK_EQ_INT(failures > 0, faults);
}

TEST(disk_random, power_cuts_and_deaths_lose_nothing_promised)
{
    many(GOSSIP_SYNC_ALWAYS, false, 1000);
}

TEST(disk_random, calls_that_fail_lose_nothing_promised)
{
    many(GOSSIP_SYNC_ALWAYS, true, 1000);
}

TEST(disk_random, synced_every_second)
{
    many(GOSSIP_SYNC_EVERYSEC, false, 500);
    many(GOSSIP_SYNC_EVERYSEC, true, 500);
}

TEST(disk_random, synced_now_and_then)
{
    many(GOSSIP_SYNC_NO, false, 500);
    many(GOSSIP_SYNC_NO, true, 500);
}
