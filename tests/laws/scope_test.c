/* scope_test.c: every type of the registry in all histories of a few operations, and all their
 * orders of delivery, against its oracle. CRDT_SCOPE sets the number of operations; `make soak`
 * takes 6.
 */
#include <stdio.h>
#include <string.h>
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

/* What is smaller about long histories of sequences (crdt/laws/scope.c). */
static const char *domain_of(const crdt_type *type, unsigned scope)
{
    bool placed = type->ops_count > 0 && strchr(type->ops[0].args, 'p') != NULL;
    return placed && scope >= 5 ? " (those of 5 and more at the first two places)" : "";
}

static void exhaust(const crdt_type *type)
{
    crdt_laws_options options = oracle_options(type);
    clock_t           start = clock();
    options.print = say;
    CHECK(options.oracle != NULL);
    CHECK_MSG(crdt_laws_exhaust(&options, &report), "%s", report.text);
    printf("%s: all %llu histories of up to %u operations%s, %llu states, %llu orders of delivery, "
           "%.1f s\n",
           type->name, (unsigned long long)report.histories, options.scope,
           domain_of(type, options.scope), (unsigned long long)report.states,
           (unsigned long long)report.orders, (double)(clock() - start) / CLOCKS_PER_SEC);
    CHECK(options.scope < 2 || report.histories > 2);
}

#define CRDT_TYPE(id, name)           \
    TEST(scope, name)                 \
    {                                 \
        exhaust(&crdt_##name##_type); \
    }
#include "crdt/types.def"
#undef CRDT_TYPE
