/* nodes.h: concurd processes on loopback, for tests, benchmarks and the demonstration.
 *
 *      nodes_options options = nodes_options_default();
 *      options.count = 3;
 *      nodes *cluster = nodes_new(&options, problem);
 *      nodes_start_all(cluster) || die(nodes_problem(cluster));
 *      redisReply *reply = nodes_command(cluster, 0, "SADD %s %s", "cart", "tea");
 *      nodes_settle(cluster, 10000) || die(nodes_problem(cluster));
 *      nodes_free(cluster);
 *
 * Ports    are the kernel's choice (bind to port 0), never 6379, and stay reserved until
 *          nodes_free: a node that is killed and started again has its ports.
 * Files    one temporary directory: data of node I in I/, what it wrote to stdout and stderr in
 *          I.log. It goes with nodes_free, or when this process ends in whatever way; it stays
 *          after nodes_keep, and after a failure whose text names a log.
 * Nodes    are killed when this process ends in whatever way.
 * Failures are sentences: nodes_problem. Nothing here prints, and no test framework is needed.
 * Threads  one thread calls these, and lives as long as they are used; others may have
 *          connections of their own (nodes_connect).
 */
#ifndef TESTS_NODE_LIB_NODES_H
#define TESTS_NODE_LIB_NODES_H
#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct nodes nodes;

#define NODES_MAX 64u

typedef struct nodes_options {
    uint32_t           count;    /* 1 to NODES_MAX */
    const char        *program;  /* NULL: $CONCURD, or the concurd in the folder of this program or
                                    above it */
    const char        *topology; /* mesh, ring, star; explicit: each knows only what flags say */
    const char        *sync;     /* always, everysec, no */
    const char        *store;    /* disk, memory */
    const char        *log_level;
    const char *const *flags;      /* more arguments for each node, NULL at the end; borrowed */
    bool               demo;       /* --demo: CRDT.PARTITION is allowed */
    bool               alone;      /* no gossip at all */
    bool               redis;      /* redis-server instead, for comparison: count servers that know
                                 nothing of each other; flags are its own, program NULL: by PATH */
    uint32_t           first;      /* what messages and files call the first node: 0 */
    uint32_t           timeout_ms; /* of connecting, and of a reply */
} nodes_options;
/* One node, mesh, everysec, disk, level info, 10 s. */
nodes_options nodes_options_default(void);

/* Chooses ports and makes the directory; starts nothing. NULL: ret_problem says why. Strings of the
 * options are borrowed until nodes_free. */
nodes *nodes_new(const nodes_options *options, char ret_problem[512]);
/* Kills what runs. NULL is fine. */
void nodes_free(nodes *cluster);
/* What went wrong in the last call that failed: a sentence, with the end of the node's log. */
const char *nodes_problem(const nodes *cluster);
/* The directory stays when all ends. */
void nodes_keep(nodes *cluster);

/* Start node i (from 0) over what its directory holds, and wait until it answers PING, 30 s at
 * most. */
bool nodes_start(nodes *cluster, uint32_t i);
/* All that do not run, side by side. */
bool nodes_start_all(nodes *cluster);
/* SIGTERM, and wait until it has ended. False: it did not end within 10 s (it is killed then), or
 * not with status 0. */
bool nodes_stop(nodes *cluster, uint32_t i);
/* SIGKILL: it has ended when this returns. */
void nodes_kill(nodes *cluster, uint32_t i);
/* False: it was not started, was stopped, or has ended by itself (nodes_problem says how). */
bool nodes_running(nodes *cluster, uint32_t i);

uint32_t    nodes_count(const nodes *cluster);
uint16_t    nodes_port(const nodes *cluster, uint32_t i);
const char *nodes_gossip(const nodes *cluster, uint32_t i); /* tcp://127.0.0.1:N */
const char *nodes_dir(const nodes *cluster, uint32_t i);    /* its data */
const char *nodes_log(const nodes *cluster, uint32_t i);
pid_t       nodes_pid(const nodes *cluster, uint32_t i); /* 0: does not run */

/* Send a command as redisCommand does and wait for the reply, over one connection per node that is
 * opened when needed. An error reply is a reply. Free it with freeReplyObject. NULL: no reply
 * (connection lost or timeout): nobody knows whether it was done. */
redisReply *nodes_command(nodes *cluster, uint32_t i, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same with arguments of any bytes. */
redisReply *nodes_command_argv(nodes *cluster, uint32_t i, int argc, const char **argv,
                               const size_t *sizes);
/* True if the reply is no error. */
bool nodes_ok(nodes *cluster, uint32_t i, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The reply as a number: an integer, or a string that is one; nil is 0. */
bool nodes_integer(nodes *cluster, uint32_t i, int64_t *ret_value, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* A connection of its own, with timeouts, to be freed with redisFree. NULL: no connection. */
redisContext *nodes_connect(nodes *cluster, uint32_t i);

/* Wait until CRDT.DIGEST is the same on all nodes that run. False after ms milliseconds. */
bool nodes_settle(nodes *cluster, uint32_t ms);
/* The digest of node i, in hex, cut to size - 1. */
bool nodes_digest(nodes *cluster, uint32_t i, char *ret_hex, size_t size);

/* Cut the nodes of the mask (bit 0: node 0) off from the others; options.demo must be set. */
bool nodes_cut(nodes *cluster, uint64_t mask);
bool nodes_heal(nodes *cluster);

/* User and system time of the process so far, in seconds; memory in bytes. 0: does not run. */
double   nodes_cpu_seconds(const nodes *cluster, uint32_t i);
uint64_t nodes_rss_bytes(const nodes *cluster, uint32_t i);

/* Monotonic time. */
uint64_t nodes_now_ms(void);
void     nodes_sleep_ms(uint32_t ms);

#endif
