/* checked.h: nodes in tests of nodes: what goes wrong on the way fails the test and says so. */
#ifndef TESTS_NODE_CHECKED_H
#define TESTS_NODE_CHECKED_H
#include <string.h>

#include "tests/lib/t.h"
#include "tests/node/lib/nodes.h"
#include "tests/node/lib/talk.h"

/* A cluster of these options whose nodes all run. */
static inline nodes *start_with(const nodes_options *options)
{
    char   problem[512];
    nodes *cluster = nodes_new(options, problem);
    CHECK_MSG(cluster != NULL, "%s", problem);
    CHECK_MSG(nodes_start_all(cluster), "%s", nodes_problem(cluster));
    return cluster;
}

/* So many in memory; those of several can be cut off. */
static inline nodes *start_in_memory(uint32_t count)
{
    nodes_options options = nodes_options_default();
    options.count = count;
    options.demo = count > 1;
    options.alone = count == 1;
    options.store = "memory";
    return start_with(&options);
}

static inline void settle(nodes *cluster)
{
    CHECK_MSG(nodes_settle(cluster, 20000), "%s", nodes_problem(cluster));
}

static inline talk *connect_to(nodes *cluster, uint32_t i)
{
    talk *t = talk_new(nodes_port(cluster, i));
    CHECK(t != NULL);
    return t;
}

/* "..." at the end of what is expected: the rest does not matter. */
static inline void expect(talk *t, const char *say, const char *expected)
{
    const char *got = talk_say(t, say);
    size_t      size = strlen(expected);
    bool        prefix = size >= 3 && strcmp(expected + size - 3, "...") == 0;
    bool        same = prefix ? strncmp(got, expected, size - 3) == 0 : strcmp(got, expected) == 0;
    CHECK_MSG(same, "%s\n  says     %s\n  expected %s", say, got, expected);
}

typedef struct said {
    const char *say, *expect;
} said;

static inline void converse(talk *t, const said *lines, size_t count)
{
    for (size_t i = 0; i < count; i++) expect(t, lines[i].say, lines[i].expect);
}
#define CONVERSE(t, lines) converse(t, lines, sizeof(lines) / sizeof(lines)[0])

#endif
