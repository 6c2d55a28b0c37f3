/* seeds_test.c: random worlds: no promise is broken. SIM_SECONDS (60) of CPU time, seeds from
 * SIM_SEED on. What seeds once found is kept in tests/sim/replays. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "sim/campaign.h"
#include "tests/lib/t.h"

static double number_or(const char *name, double usual)
{
    const char *text = getenv(name);
    return text ? strtod(text, NULL) : usual;
}

static void check_result(const campaign_result *r)
{
    if (r->failures == 0) return;
    FAIL("seed %" PRIu64 " breaks %s %s: %s (%s)", r->seed, check_code(r->id), check_name(r->id),
         r->why, r->file[0] ? r->file : "concur-sim --shrink makes it small");
}

TEST(sim, seeds)
{
    campaign c = {.base = (uint64_t)number_or("SIM_SEED", 1000),
                  .seconds = number_or("SIM_SECONDS", T_SLOW ? 10 : 60),
                  .jobs = 1,
                  .twice = 100,
                  .shrink_seconds = 30,
                  .failures = "build/sim"};
    printf("SIM_SEED=%" PRIu64 "\n", c.base);
    campaign_result r = campaign_run(&c);
    campaign_print(&r);
    check_result(&r);
    CHECK_MSG(r.seeds >= 10, "only %" PRIu64 " seeds", r.seeds);
    /* The faults that are meant to happen do. */
    CHECK(r.crashes > 0);
    CHECK(r.snapshots > 0);
    CHECK(r.checks > 0);
}
