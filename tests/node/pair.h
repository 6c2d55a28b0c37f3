/* pair.h: two nodes with a client each, and a network between them that can be cut. */
#ifndef TESTS_NODE_PAIR_H
#define TESTS_NODE_PAIR_H
#include <stdio.h>
#include <string.h>

#include "tests/node/checked.h"

typedef struct pair {
    nodes *cluster;
    talk  *at[2];
} pair;

static inline pair open_pair(void)
{
    pair p = {.cluster = start_in_memory(2)};
    for (uint32_t i = 0; i < 2; i++) p.at[i] = connect_to(p.cluster, i);
    return p;
}

static inline void close_pair(pair *p)
{
    talk_free(p->at[0]);
    talk_free(p->at[1]);
    nodes_free(p->cluster);
}

/* Once both have the same. */
static inline void cut(pair *p)
{
    settle(p->cluster);
    CHECK_MSG(nodes_cut(p->cluster, 1), "%s", nodes_problem(p->cluster));
}

static inline void heal(pair *p)
{
    CHECK_MSG(nodes_heal(p->cluster), "%s", nodes_problem(p->cluster));
    settle(p->cluster);
}

static inline void both(pair *p, const char *say, const char *expected)
{
    expect(p->at[0], say, expected);
    expect(p->at[1], say, expected);
}

/* Until so many clients of the node wait. */
static inline void until_blocked(talk *t, int count)
{
    char wanted[32];
    snprintf(wanted, sizeof wanted, "blocked_clients:%d\\r", count);
    for (int i = 0; i < 2000; i++) {
        if (strstr(talk_say(t, "INFO clients"), wanted) != NULL) return;
        nodes_sleep_ms(5);
    }
    CHECK_MSG(false, "never %s", wanted);
}

#endif
