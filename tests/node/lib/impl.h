/* impl.h: what nodes.c and process.c share. */
#ifndef TESTS_NODE_LIB_IMPL_H
#define TESTS_NODE_LIB_IMPL_H
#include "tests/node/lib/nodes.h"

typedef struct nodes_one {
    int           reserved[2]; /* bound, never listening: they keep the ports ours */
    uint16_t      port;
    char          gossip[40];
    char          dir[128], log[128];
    char         *peers; /* of all others, with commas */
    pid_t         pid;
    int           status; /* how it ended, of waitpid */
    redisContext *redis;
} nodes_one;

struct nodes {
    nodes_options options;
    char          program[512];
    char          root[64];
    int           janitor; /* a pipe: its end tells the janitor that this process has ended */
    pid_t         janitor_pid;
    bool          keep;
    char          problem[2048];
    nodes_one     node[NODES_MAX];
};

/* What went wrong; with the end of the node's log, which then stays. Returns false. */
bool nodes__fail(nodes *cluster, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool nodes__fail_log(nodes *cluster, uint32_t i, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Two ports of the kernel's choice. */
bool nodes__reserve(nodes *cluster, uint32_t i);
/* A process that removes the directory once this one has ended. */
bool nodes__janitor(nodes *cluster);
/* Has it do so now. */
void nodes__dismiss(nodes *cluster);
/* Start the process, and no more. */
bool nodes__spawn(nodes *cluster, uint32_t i);
/* Reap it if it has ended; false: it runs. */
bool nodes__ended(nodes_one *node);
/* exit status or signal, in words. */
void nodes__how(int status, char out[64]);
#endif
