/* laws_test.c: every type of the registry against every law, over random histories.
 *
 * CRDT_TRIPLES sets their number for each type, SEED repeats a failure; `make soak` takes a
 * million.
 */
#include <stdio.h>
#include <time.h>

#include "crdt/types.h"
#include "tests/laws/lib/oracle.h"
#include "tests/lib/t.h"

static crdt_laws_report report;

static void say(void *user, const char *line)
{
    (void)user;
    puts(line);
    fflush(stdout);
}

/* FORK needs an operation with two contents under one dot: flags have none. */
static bool is_waived(int law, unsigned flags)
{
    return law == CRDT_LAW_FORK ||
           (law == CRDT_LAW_RESIDUES && (flags & CRDT_LAWS_KEEPS_RESIDUES)) ||
           (law == CRDT_LAW_STABLE_READS && (flags & CRDT_LAWS_FORGETS));
}

static void hold(const crdt_type *type)
{
    crdt_laws_options options = oracle_options(type);
    uint64_t          checks = 0;
    clock_t           start = clock();
    options.print = say;
    printf("%s: SEED=%#llx\n", type->name, (unsigned long long)options.seed);
    CHECK(options.oracle != NULL);
    CHECK_MSG(crdt_laws_run(&options, &report), "%s", report.text);
    for (int law = 1; law < CRDT_LAWS_COUNT; law++) {
        checks += report.checks[law];
        CHECK_MSG(report.checks[law] > 0 || is_waived(law, options.flags) ||
                      options.triples < 10000,
                  "%s: the law \"%s\" was never put to the test", type->name,
                  crdt_law_name((crdt_law)law));
    }
    printf("%s: %llu triples, %llu checks of %d laws, %llu histories of %llu steps, %.1f s\n",
           type->name, (unsigned long long)report.triples, (unsigned long long)checks,
           CRDT_LAWS_COUNT - 1, (unsigned long long)report.rounds, (unsigned long long)report.steps,
           (double)(clock() - start) / CLOCKS_PER_SEC);
}

#define CRDT_TYPE(id, name)        \
    TEST(laws, name)               \
    {                              \
        hold(&crdt_##name##_type); \
    }
#include "crdt/types.def"
#undef CRDT_TYPE

/* The registry holds just the types that were tested here. */
TEST(laws, cover_the_whole_registry)
{
    const crdt_types *types = crdt_types_builtin();
    size_t            count = 0;
#define CRDT_TYPE(id, name)                                         \
    CHECK(crdt_types_by_id(types, id) == &crdt_##name##_type);      \
    CHECK(crdt_types_by_name(types, #name) == &crdt_##name##_type); \
    count++;
#include "crdt/types.def"
#undef CRDT_TYPE
    CHECK_EQ_INT(types->count, count);
}
