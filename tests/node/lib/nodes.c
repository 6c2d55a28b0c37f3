/* nodes.c: see nodes.h. */
#define _GNU_SOURCE
#include "tests/node/lib/nodes.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/node/lib/impl.h"

#define READY_MS 30000u

uint64_t nodes_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void nodes_sleep_ms(uint32_t ms)
{
    struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    while (nanosleep(&left, &left) != 0 && errno == EINTR) {}
}

/* In messages and file names. */
static uint32_t number(const nodes *cluster, uint32_t i)
{
    return i + cluster->options.first;
}

/* -- Failures ---------------------------------------------------------------------------------- */

const char *nodes_problem(const nodes *cluster)
{
    return cluster->problem;
}

bool nodes__fail(nodes *cluster, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    vsnprintf(cluster->problem, sizeof cluster->problem, format, list);
    va_end(list);
    return false;
}

/* The last lines of a log, indented, appended to text. */
static void append_tail(char *text, size_t size, const char *path)
{
    char   tail[1024];
    size_t used = strlen(text);
    FILE  *file = fopen(path, "r");
    if (file == NULL) return;
    if (fseek(file, -(long)(sizeof tail - 1), SEEK_END) != 0) rewind(file);
    size_t got = fread(tail, 1, sizeof tail - 1, file);
    fclose(file);
    tail[got] = 0;
    snprintf(text + used, size - used, "\nThe end of its log, %s:\n%s", path,
             got > 0 ? tail : "(it wrote nothing)");
}

bool nodes__fail_log(nodes *cluster, uint32_t i, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    vsnprintf(cluster->problem, sizeof cluster->problem / 2, format, list);
    va_end(list);
    append_tail(cluster->problem, sizeof cluster->problem, cluster->node[i].log);
    nodes_keep(cluster);
    return false;
}

void nodes_keep(nodes *cluster)
{
    if (cluster->keep) return;
    cluster->keep = true;
    if (write(cluster->janitor, "k", 1) != 1) nodes__fail(cluster, "%s goes", cluster->root);
}

/* -- Making ------------------------------------------------------------------------------------ */

nodes_options nodes_options_default(void)
{
    return (nodes_options){
        .count = 1,
        .topology = "mesh",
        .sync = "everysec",
        .store = "disk",
        .log_level = "info",
        .timeout_ms = 10000,
    };
}

/* $CONCURD, or concurd in the folder of this program or one of the three above. */
static bool find_program(nodes *cluster)
{
    const char *given = cluster->options.program;
    if (given == NULL && cluster->options.redis) given = "redis-server";
    if (given == NULL) given = getenv("CONCURD");
    if (given != NULL) {
        snprintf(cluster->program, sizeof cluster->program, "%s", given);
        return true;
    }
    char    path[400];
    ssize_t size = readlink("/proc/self/exe", path, sizeof path - 1);
    path[size > 0 ? size : 0] = 0;
    for (int up = 0; up < 4; up++) {
        char *slash = strrchr(path, '/');
        if (slash == NULL) break;
        *slash = 0;
        snprintf(cluster->program, sizeof cluster->program, "%s/concurd", path);
        if (access(cluster->program, X_OK) == 0) return true;
    }
    return nodes__fail(cluster, "no concurd beside this program or above it: build it (make), or "
                                "name it in the environment variable CONCURD");
}

/* All others, with commas; none for those that are told by flags. */
static bool list_peers(nodes *cluster, uint32_t i)
{
    nodes_one *node = &cluster->node[i];
    size_t     size = cluster->options.count * sizeof node->gossip + 1, used = 0;
    node->peers = calloc(1, size);
    if (node->peers == NULL) return nodes__fail(cluster, "no memory");
    if (strcmp(cluster->options.topology, "explicit") == 0) return true;
    for (uint32_t k = 0; k < cluster->options.count; k++) {
        if (k == i) continue;
        used += (size_t)snprintf(node->peers + used, size - used, "%s%s", used > 0 ? "," : "",
                                 cluster->node[k].gossip);
    }
    return true;
}

static bool make_places(nodes *cluster)
{
    snprintf(cluster->root, sizeof cluster->root, "/tmp/concur-nodes.XXXXXX");
    if (mkdtemp(cluster->root) == NULL) {
        return nodes__fail(cluster, "cannot make a directory in /tmp: %s", strerror(errno));
    }
    for (uint32_t i = 0; i < cluster->options.count; i++) {
        nodes_one *node = &cluster->node[i];
        snprintf(node->dir, sizeof node->dir, "%s/%u", cluster->root, number(cluster, i));
        snprintf(node->log, sizeof node->log, "%s/%u.log", cluster->root, number(cluster, i));
        if (mkdir(node->dir, 0700) != 0) {
            return nodes__fail(cluster, "cannot make %s: %s", node->dir, strerror(errno));
        }
    }
    return nodes__janitor(cluster);
}

nodes *nodes_new(const nodes_options *options, char ret_problem[512])
{
    nodes *cluster = calloc(1, sizeof *cluster);
    if (cluster == NULL) {
        snprintf(ret_problem, 512, "no memory");
        return NULL;
    }
    cluster->options = *options;
    cluster->janitor = -1;
    for (uint32_t i = 0; i < NODES_MAX; i++) {
        cluster->node[i].reserved[0] = cluster->node[i].reserved[1] = -1;
    }
    bool good = options->count >= 1 && options->count <= NODES_MAX;
    if (!good) nodes__fail(cluster, "%u nodes: 1 to %u", options->count, NODES_MAX);
    good = good && find_program(cluster);
    for (uint32_t i = 0; good && i < options->count; i++) good = nodes__reserve(cluster, i);
    for (uint32_t i = 0; good && i < options->count; i++) good = list_peers(cluster, i);
    good = good && make_places(cluster);
    if (good) {
        signal(SIGPIPE, SIG_IGN); /* hiredis writes to connections whose node was killed */
        return cluster;
    }
    snprintf(ret_problem, 512, "%.500s", cluster->problem);
    nodes_free(cluster);
    return NULL;
}

void nodes_free(nodes *cluster)
{
    if (cluster == NULL) return;
    for (uint32_t i = 0; i < cluster->options.count && i < NODES_MAX; i++) {
        nodes_one *node = &cluster->node[i];
        nodes_kill(cluster, i);
        for (int k = 0; k < 2; k++) {
            if (node->reserved[k] >= 0) close(node->reserved[k]);
        }
        free(node->peers);
    }
    nodes__dismiss(cluster);
    free(cluster);
}

uint32_t nodes_count(const nodes *cluster)
{
    return cluster->options.count;
}

uint16_t nodes_port(const nodes *cluster, uint32_t i)
{
    return cluster->node[i].port;
}

const char *nodes_gossip(const nodes *cluster, uint32_t i)
{
    return cluster->node[i].gossip;
}

const char *nodes_dir(const nodes *cluster, uint32_t i)
{
    return cluster->node[i].dir;
}

const char *nodes_log(const nodes *cluster, uint32_t i)
{
    return cluster->node[i].log;
}

pid_t nodes_pid(const nodes *cluster, uint32_t i)
{
    return cluster->node[i].pid;
}

/* -- Running ----------------------------------------------------------------------------------- */

bool nodes_running(nodes *cluster, uint32_t i)
{
    nodes_one *node = &cluster->node[i];
    char       how[64];
    if (node->pid == 0) return nodes__fail(cluster, "node %u does not run", number(cluster, i));
    if (!nodes__ended(node)) return true;
    nodes__how(node->status, how);
    return nodes__fail_log(cluster, i, "node %u ended by itself: %s.", number(cluster, i), how);
}

static redisContext *connect_once(const nodes *cluster, uint32_t i)
{
    uint32_t       ms = cluster->options.timeout_ms;
    struct timeval wait = {.tv_sec = ms / 1000, .tv_usec = (long)(ms % 1000) * 1000};
    redisContext  *redis = redisConnectWithTimeout("127.0.0.1", cluster->node[i].port, wait);
    if (redis != NULL && redis->err == 0 && redisSetTimeout(redis, wait) == REDIS_OK) return redis;
    if (redis != NULL) redisFree(redis);
    return NULL;
}

static bool answers(const nodes *cluster, uint32_t i)
{
    redisContext *redis = connect_once(cluster, i);
    if (redis == NULL) return false;
    redisReply *reply = redisCommand(redis, "PING");
    bool        pong = reply != NULL && reply->type == REDIS_REPLY_STATUS;
    if (reply != NULL) freeReplyObject(reply);
    redisFree(redis);
    return pong;
}

static bool wait_ready(nodes *cluster, uint32_t i)
{
    uint64_t until = nodes_now_ms() + READY_MS;
    while (!answers(cluster, i)) {
        if (!nodes_running(cluster, i)) return false;
        if (nodes_now_ms() > until) {
            return nodes__fail_log(cluster, i, "node %u does not answer PING on port %u.",
                                   number(cluster, i), cluster->node[i].port);
        }
        nodes_sleep_ms(10);
    }
    return true;
}

bool nodes_start(nodes *cluster, uint32_t i)
{
    if (cluster->node[i].pid != 0 && !nodes__ended(&cluster->node[i])) {
        return nodes__fail(cluster, "node %u runs already", number(cluster, i));
    }
    return nodes__spawn(cluster, i) && wait_ready(cluster, i);
}

bool nodes_start_all(nodes *cluster)
{
    for (uint32_t i = 0; i < cluster->options.count; i++) {
        if (nodes__ended(&cluster->node[i]) && !nodes__spawn(cluster, i)) return false;
    }
    for (uint32_t i = 0; i < cluster->options.count; i++) {
        if (!wait_ready(cluster, i)) return false;
    }
    return true;
}

bool nodes_stop(nodes *cluster, uint32_t i)
{
    nodes_one *node = &cluster->node[i];
    char       how[64];
    if (!nodes_running(cluster, i)) return false;
    kill(node->pid, SIGTERM);
    uint64_t until = nodes_now_ms() + 10000;
    while (!nodes__ended(node)) {
        if (nodes_now_ms() > until) {
            nodes_kill(cluster, i);
            return nodes__fail_log(cluster, i, "node %u did not end within 10 s of SIGTERM.",
                                   number(cluster, i));
        }
        nodes_sleep_ms(5);
    }
    if (WIFEXITED(node->status) && WEXITSTATUS(node->status) == 0) return true;
    nodes__how(node->status, how);
    return nodes__fail_log(cluster, i, "node %u was to stop, and ended with %s.",
                           number(cluster, i), how);
}

void nodes_kill(nodes *cluster, uint32_t i)
{
    nodes_one *node = &cluster->node[i];
    if (node->pid == 0) return;
    kill(node->pid, SIGKILL);
    while (!nodes__ended(node)) nodes_sleep_ms(1);
}

/* -- Commands ---------------------------------------------------------------------------------- */

redisContext *nodes_connect(nodes *cluster, uint32_t i)
{
    redisContext *redis = connect_once(cluster, i);
    if (redis == NULL) {
        nodes__fail(cluster, "node %u takes no connection on port %u", number(cluster, i),
                    cluster->node[i].port);
    }
    return redis;
}

static redisContext *connection(nodes *cluster, uint32_t i)
{
    nodes_one *node = &cluster->node[i];
    if (node->redis != NULL && node->redis->err != 0) {
        redisFree(node->redis);
        node->redis = NULL;
    }
    if (node->redis == NULL) node->redis = nodes_connect(cluster, i);
    return node->redis;
}

static redisReply *result(nodes *cluster, uint32_t i, redisReply *reply)
{
    if (reply == NULL) {
        nodes__fail(cluster, "node %u (port %u) gave no reply: %s", number(cluster, i),
                    cluster->node[i].port, cluster->node[i].redis->errstr);
    }
    return reply;
}

static redisReply *command(nodes *cluster, uint32_t i, const char *format, va_list list)
{
    redisContext *redis = connection(cluster, i);
    if (redis == NULL) return NULL;
    return result(cluster, i, redisvCommand(redis, format, list));
}

redisReply *nodes_command(nodes *cluster, uint32_t i, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    redisReply *reply = command(cluster, i, format, list);
    va_end(list);
    return reply;
}

redisReply *nodes_command_argv(nodes *cluster, uint32_t i, int argc, const char **argv,
                               const size_t *sizes)
{
    redisContext *redis = connection(cluster, i);
    if (redis == NULL) return NULL;
    return result(cluster, i, redisCommandArgv(redis, argc, argv, sizes));
}

/* An error reply is a failure; the reply goes. */
static bool take_error(nodes *cluster, uint32_t i, const char *format, redisReply *reply)
{
    if (reply == NULL) return false;
    bool good = reply->type != REDIS_REPLY_ERROR;
    if (!good)
        nodes__fail(cluster, "node %u replied to \"%s\": %s", number(cluster, i), format,
                    reply->str);
    freeReplyObject(reply);
    return good;
}

bool nodes_ok(nodes *cluster, uint32_t i, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    redisReply *reply = command(cluster, i, format, list);
    va_end(list);
    return take_error(cluster, i, format, reply);
}

bool nodes_integer(nodes *cluster, uint32_t i, int64_t *ret_value, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    redisReply *reply = command(cluster, i, format, list);
    va_end(list);
    char *end = NULL;
    bool  good = reply != NULL;
    if (good) {
        switch (reply->type) {
        case REDIS_REPLY_INTEGER: *ret_value = reply->integer; break;
        case REDIS_REPLY_NIL: *ret_value = 0; break;
        case REDIS_REPLY_STRING:
            *ret_value = strtoll(reply->str, &end, 10);
            good = end != reply->str && *end == 0;
            break;
        default: good = reply->type == REDIS_REPLY_ERROR; break;
        }
    }
    if (reply != NULL && !good)
        nodes__fail(cluster, "node %u: \"%s\": no number", number(cluster, i), format);
    return take_error(cluster, i, format, reply) && good;
}

/* -- Convergence ------------------------------------------------------------------------------- */

bool nodes_digest(nodes *cluster, uint32_t i, char *ret_hex, size_t size)
{
    redisReply *reply = nodes_command(cluster, i, "CRDT.DIGEST");
    if (reply == NULL) return false;
    bool good = reply->type == REDIS_REPLY_STRING || reply->type == REDIS_REPLY_STATUS;
    if (good) snprintf(ret_hex, size, "%s", reply->str);
    else {
        nodes__fail(cluster, "node %u: CRDT.DIGEST: %s", number(cluster, i),
                    reply->type == REDIS_REPLY_ERROR ? reply->str : "the reply is no string");
    }
    freeReplyObject(reply);
    return good;
}

/* 1 equal, 0 not, -1 failed. text: who has which. */
static int compare_digests(nodes *cluster, char *text, size_t size)
{
    char   first[65] = "", hex[65];
    size_t used = 0;
    int    equal = 1;
    for (uint32_t i = 0; i < cluster->options.count; i++) {
        if (cluster->node[i].pid == 0) continue;
        if (!nodes_digest(cluster, i, hex, sizeof hex)) return -1;
        if (first[0] == 0) memcpy(first, hex, sizeof first);
        if (strcmp(first, hex) != 0) equal = 0;
        if (used < size)
            used +=
                (size_t)snprintf(text + used, size - used, " %u:%.12s", number(cluster, i), hex);
    }
    return equal;
}

bool nodes_settle(nodes *cluster, uint32_t ms)
{
    uint64_t until = nodes_now_ms() + ms;
    char     text[NODES_MAX * 20] = "";
    for (;;) {
        int equal = compare_digests(cluster, text, sizeof text);
        if (equal == 1) return true;
        if (nodes_now_ms() >= until) {
            if (equal == 0) {
                nodes__fail(cluster, "after %u ms digests differ:%s (logs in %s)", ms, text,
                            cluster->root);
                nodes_keep(cluster);
            }
            return false;
        }
        nodes_sleep_ms(20);
    }
}

/* -- Partitions -------------------------------------------------------------------------------- */

bool nodes_cut(nodes *cluster, uint64_t mask)
{
    for (uint32_t i = 0; i < cluster->options.count; i++) {
        const char *argv[NODES_MAX + 1] = {"CRDT.PARTITION"};
        int         argc = 1;
        for (uint32_t k = 0; k < cluster->options.count; k++) {
            if ((mask >> i & 1) != (mask >> k & 1)) argv[argc++] = cluster->node[k].gossip;
        }
        if (argc == 1) continue;
        redisReply *reply = nodes_command_argv(cluster, i, argc, argv, NULL);
        if (!take_error(cluster, i, "CRDT.PARTITION", reply)) return false;
    }
    return true;
}

bool nodes_heal(nodes *cluster)
{
    for (uint32_t i = 0; i < cluster->options.count; i++) {
        if (!nodes_ok(cluster, i, "CRDT.HEAL")) return false;
    }
    return true;
}

/* -- What a process costs ---------------------------------------------------------------------- */

/* The fields of /proc/PID/stat after the name, from the state (field 3) on. */
static bool read_stat(const nodes *cluster, uint32_t i, uint64_t *ret_ticks, uint64_t *ret_pages)
{
    char path[64], line[1024];
    if (cluster->node[i].pid == 0) return false;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)cluster->node[i].pid);
    FILE *file = fopen(path, "r");
    if (file == NULL) return false;
    size_t got = fread(line, 1, sizeof line - 1, file);
    fclose(file);
    line[got] = 0;
    const char *rest = strrchr(line, ')'); /* a name may have blanks and parentheses */
    uint64_t    user, system, pages;
    if (rest == NULL || sscanf(rest + 1,
                               " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64
                               " %*d %*d %*d %*d %*d %*d %*u %*u %" SCNu64,
                               &user, &system, &pages) != 3) {
        return false;
    }
    *ret_ticks = user + system;
    *ret_pages = pages;
    return true;
}

double nodes_cpu_seconds(const nodes *cluster, uint32_t i)
{
    uint64_t ticks, pages;
    if (!read_stat(cluster, i, &ticks, &pages)) return 0;
    return (double)ticks / (double)sysconf(_SC_CLK_TCK);
}

uint64_t nodes_rss_bytes(const nodes *cluster, uint32_t i)
{
    uint64_t ticks, pages;
    if (!read_stat(cluster, i, &ticks, &pages)) return 0;
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}
