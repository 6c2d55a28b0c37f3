/* chaos: five real nodes, clients that write to every type, partitions, kill -9, restarts; then all
 * is healed, and what the nodes say is held against what clients were told.
 *
 *      concur-chaos [--seconds N] [--nodes N] [--seed N] [--keep]
 *
 * Checked  now and then, and at the end: equal digests on all nodes; no acknowledged INCR,
 *          INCRBYFLOAT or SADD is lost, and none counts twice (one without a reply may count or
 *          not).
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/node/lib/nodes.h"

#define COUNTERS 8u
#define SETS 8u
#define NAMES 40u

typedef struct chaos {
    nodes   *cluster;
    uint32_t count;
    uint64_t random, seed, until_ms;
    bool     cut[NODES_MAX];
    int64_t  sure[COUNTERS], perhaps[COUNTERS]; /* of acknowledged increments; of unknown ones */
    int64_t  quarters_sure, quarters_perhaps;   /* of INCRBYFLOAT, in units of 0.25 */
    uint64_t members;                           /* given out: s0 ... */
    uint8_t *told;                              /* by member: 1 acknowledged, 2 unknown */
    size_t   told_cap;
    uint64_t writes, unknown, refused, kills, stops, cuts, heals;
} chaos;

static uint64_t draw(chaos *c)
{
    c->random ^= c->random >> 12;
    c->random ^= c->random << 25;
    c->random ^= c->random >> 27;
    return c->random * UINT64_C(0x2545f4914f6cdd1d);
}

static uint32_t below(chaos *c, uint32_t n)
{
    return (uint32_t)(draw(c) % n);
}

static _Noreturn void die(chaos *c, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "chaos: FAILED (seed %" PRIu64 "): ", c->seed);
    vfprintf(stderr, format, args);
    fprintf(stderr, "\n");
    va_end(args);
    nodes_keep(c->cluster);
    nodes_free(c->cluster);
    exit(1);
}

/* What came of a write. */
typedef enum outcome { DONE, REFUSED, UNKNOWN } outcome;

static outcome judge(chaos *c, redisReply *reply)
{
    outcome o = reply == NULL ? UNKNOWN : reply->type == REDIS_REPLY_ERROR ? REFUSED : DONE;
    if (o == DONE) c->writes++;
    else if (o == UNKNOWN) c->unknown++;
    else {
        c->refused++;
        if (strstr(reply->str, "unknown command") != NULL ||
            strstr(reply->str, "wrong number") != NULL)
            die(c, "a command of ours is none: %s", reply->str);
    }
    if (reply != NULL) freeReplyObject(reply);
    return o;
}

/* -- What clients do --------------------------------------------------------------------------- */

static void increment(chaos *c, uint32_t node)
{
    uint32_t which = below(c, COUNTERS);
    int64_t  amount = 1 + below(c, 100);
    outcome  o =
        judge(c, nodes_command(c->cluster, node, "INCRBY count:%u %lld", which, (long long)amount));
    if (o == DONE) c->sure[which] += amount;
    else if (o == UNKNOWN) c->perhaps[which] += amount;
}

static void increment_float(chaos *c, uint32_t node)
{
    outcome o = judge(c, nodes_command(c->cluster, node, "INCRBYFLOAT sum 0.25"));
    if (o == DONE) c->quarters_sure++;
    else if (o == UNKNOWN) c->quarters_perhaps++;
}

static void add_member(chaos *c, uint32_t node)
{
    uint64_t id = c->members++;
    if (id >= c->told_cap) {
        size_t cap = c->told_cap * 2 + 4096;
        c->told = realloc(c->told, cap);
        if (c->told == NULL) die(c, "out of memory");
        memset(c->told + c->told_cap, 0, cap - c->told_cap);
        c->told_cap = cap;
    }
    outcome o =
        judge(c, nodes_command(c->cluster, node, "SADD set:%" PRIu64 " s%" PRIu64, id % SETS, id));
    c->told[id] = o == DONE ? 1 : o == UNKNOWN ? 2 : 0;
}

/* Of every other kind: any of the commands that write, over few names, so that they meet. */
static void anything(chaos *c, uint32_t node)
{
    static const char *const forms[] = {
        "SET name:%u v%u",
        "APPEND name:%u %u",
        "DEL name:%u",
        "GETSET name:%u %u",
        "SETRANGE name:%u 3 %u",
        "EXPIRE name:%u %u",
        "PERSIST name:%u",
        "INCRBY name:%u %u",
        "SADD any:%u m%u",
        "SREM any:%u m%u",
        "SPOP any:%u",
        "SUNIONSTORE any:%u any:%u any:1",
        "DEL any:%u",
        "RENAME name:%u name:%u",
        "CRDT.GCOUNTER.INC gc:%u %u",
        "CRDT.PNCOUNTER.INC pn:%u %u",
        "CRDT.PNCOUNTER.DEC pn:%u %u",
        "CRDT.PNCOUNTER.RESET pn:%u",
        "CRDT.GSET.ADD gs:%u m%u",
        "CRDT.TWOPSET.ADD tp:%u m%u",
        "CRDT.TWOPSET.REMOVE tp:%u m%u",
        "CRDT.RWSET.ADD rw:%u m%u",
        "CRDT.RWSET.REMOVE rw:%u m%u",
        "CRDT.LWW.SET lw:%u v%u",
        "CRDT.LWWTS.PUT lt:%u v%u 7",
        "CRDT.MVREG.SET mv:%u v%u",
        "CRDT.MAX.WRITE mx:%u %u",
        "CRDT.MIN.WRITE mn:%u %u",
        "CRDT.EWFLAG.ENABLE ef:%u",
        "CRDT.EWFLAG.DISABLE ef:%u",
        "CRDT.DWFLAG.ENABLE df:%u",
        "CRDT.DWFLAG.DISABLE df:%u",
        "CRDT.RGA.INSERT li:%u 0 %u",
        "CRDT.RGA.DELETE li:%u 0 1",
        "TEXT.INSERT tx:%u 0 word%u",
        "TEXT.DELETE tx:%u 0 2",
        "CRDT.TEXT_CLASSIC.INSERT tc:%u 0 w%u",
        "CRDT.RGA_CLASSIC.INSERT lc:%u 0 %u",
        "DEL tx:%u",
        "DEL li:%u",
        "DEL pn:%u",
    };
    const char *form = forms[below(c, sizeof forms / sizeof *forms)];
    uint32_t    name = below(c, NAMES);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    judge(c, nodes_command(c->cluster, node, form, name, 1 + below(c, 1000)));
#pragma GCC diagnostic pop
}

static void work(chaos *c)
{
    uint32_t node = below(c, c->count);
    if (!nodes_running(c->cluster, node)) return;
    switch (below(c, 8)) {
    case 0:
    case 1: increment(c, node); break;
    case 2: increment_float(c, node); break;
    case 3:
    case 4: add_member(c, node); break;
    default: anything(c, node); break;
    }
}

/* -- What happens to nodes --------------------------------------------------------------------- */

static void start(chaos *c, uint32_t node)
{
    if (!nodes_start(c->cluster, node)) die(c, "%s", nodes_problem(c->cluster));
    c->cut[node] = false;
}

static void partition(chaos *c, uint32_t node, bool cut)
{
    if (!nodes_running(c->cluster, node) || c->cut[node] == cut) return;
    if (!nodes_ok(c->cluster, node, cut ? "CRDT.PARTITION" : "CRDT.HEAL")) {
        die(c, "node %u: %s", node, nodes_problem(c->cluster));
    }
    c->cut[node] = cut;
    if (cut) c->cuts++;
    else c->heals++;
}

static void disturb(chaos *c)
{
    uint32_t node = below(c, c->count);
    bool     runs = nodes_running(c->cluster, node);
    switch (below(c, 6)) {
    case 0:
    case 1:
        if (!runs) start(c, node);
        else {
            nodes_kill(c->cluster, node);
            c->kills++;
        }
        break;
    case 2:
        if (!runs) start(c, node);
        else if (!nodes_stop(c->cluster, node)) die(c, "%s", nodes_problem(c->cluster));
        else c->stops++;
        break;
    case 3: partition(c, node, true); break;
    default:
        if (!runs) start(c, node);
        else partition(c, node, false);
        break;
    }
}

/* -- The end ----------------------------------------------------------------------------------- */

static void check_counters(chaos *c, uint32_t node)
{
    for (uint32_t i = 0; i < COUNTERS; i++) {
        int64_t value;
        if (!nodes_integer(c->cluster, node, &value, "GET count:%u", i)) {
            die(c, "%s", nodes_problem(c->cluster));
        }
        if (value < c->sure[i] || value > c->sure[i] + c->perhaps[i]) {
            die(c, "count:%u at node %u is %" PRId64 "; acknowledged %" PRId64 ", unknown %" PRId64,
                i, node, value, c->sure[i], c->perhaps[i]);
        }
    }
    redisReply *reply = nodes_command(c->cluster, node, "GET sum");
    double      sum = reply != NULL && reply->str != NULL ? strtod(reply->str, NULL) : 0;
    if (sum * 4 < (double)c->quarters_sure ||
        sum * 4 > (double)(c->quarters_sure + c->quarters_perhaps)) {
        die(c, "sum at node %u is %.17g; acknowledged %" PRId64 " quarters, unknown %" PRId64, node,
            sum, c->quarters_sure, c->quarters_perhaps);
    }
    if (reply != NULL) freeReplyObject(reply);
}

static void check_sets(chaos *c, uint32_t node)
{
    uint8_t *seen = calloc(c->members + 1, 1);
    for (uint32_t i = 0; i < SETS && seen != NULL; i++) {
        redisReply *reply = nodes_command(c->cluster, node, "SMEMBERS set:%u", i);
        if (reply == NULL || reply->type != REDIS_REPLY_ARRAY)
            die(c, "SMEMBERS set:%u gave nothing", i);
        for (size_t k = 0; k < reply->elements; k++) {
            uint64_t id = strtoull(reply->element[k]->str + 1, NULL, 10);
            if (id >= c->members || c->told[id] == 0)
                die(c, "set:%u has %s, which nobody added", i, reply->element[k]->str);
            seen[id] = 1;
        }
        freeReplyObject(reply);
    }
    for (uint64_t id = 0; id < c->members && seen != NULL; id++) {
        if (c->told[id] == 1 && !seen[id]) {
            die(c, "node %u lacks s%" PRIu64 " of set:%" PRIu64 ", which was acknowledged", node,
                id, id % SETS);
        }
    }
    free(seen);
}

static void settle(chaos *c)
{
    for (uint32_t i = 0; i < c->count; i++) {
        if (!nodes_running(c->cluster, i)) start(c, i);
        partition(c, i, false);
    }
    if (!nodes_settle(c->cluster, 60000)) die(c, "%s", nodes_problem(c->cluster));
    for (uint32_t i = 0; i < c->count; i++) {
        check_counters(c, i);
        check_sets(c, i);
    }
}

static uint64_t number(chaos *c, int argc, char **argv, int *at)
{
    if (*at + 1 >= argc) {
        fprintf(stderr, "usage: concur-chaos [--seconds N] [--nodes N] [--seed N] [--keep]\n");
        exit(2);
    }
    (void)c;
    return strtoull(argv[++*at], NULL, 10);
}

static void progress(chaos *c, uint64_t began_ms)
{
    fprintf(stderr,
            "  %4" PRIu64 " s  %" PRIu64 " writes, %" PRIu64 " refused, %" PRIu64
            " unknown; %" PRIu64 " kills, %" PRIu64 " stops, %" PRIu64 " cuts, %" PRIu64 " heals\n",
            (nodes_now_ms() - began_ms) / 1000, c->writes, c->refused, c->unknown, c->kills,
            c->stops, c->cuts, c->heals);
}

int main(int argc, char **argv)
{
    chaos         c = {.count = 5, .seed = nodes_now_ms()};
    uint64_t      seconds = 300;
    char          problem[512];
    nodes_options options = nodes_options_default();
    bool          keep = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--seconds") == 0) seconds = number(&c, argc, argv, &i);
        else if (strcmp(argv[i], "--nodes") == 0) c.count = (uint32_t)number(&c, argc, argv, &i);
        else if (strcmp(argv[i], "--seed") == 0) c.seed = number(&c, argc, argv, &i);
        else if (strcmp(argv[i], "--keep") == 0) keep = true;
        else i = argc, number(&c, argc, argv, &i);
    }
    c.random = c.seed * UINT64_C(0x9e3779b97f4a7c15) | 1;
    options.count = c.count;
    options.sync = "always";
    options.demo = true;
    options.timeout_ms = 5000;
    c.cluster = nodes_new(&options, problem);
    if (c.cluster == NULL) {
        fprintf(stderr, "chaos: %s\n", problem);
        return 1;
    }
    if (!nodes_start_all(c.cluster)) die(&c, "%s", nodes_problem(c.cluster));
    printf("chaos: %u nodes, %" PRIu64 " s, seed %" PRIu64 "\n", c.count, seconds, c.seed);
    uint64_t began = nodes_now_ms(), told = began, next = began + 500, rounds = 0;
    c.until_ms = began + seconds * 1000;
    while (nodes_now_ms() < c.until_ms) {
        work(&c);
        uint64_t now = nodes_now_ms();
        if (now >= next) {
            disturb(&c);
            next = now + 100 + below(&c, 900);
            if (++rounds % 60 == 0) settle(&c);
        }
        if (now >= told + 10000) {
            progress(&c, began);
            told = now;
        }
    }
    settle(&c);
    progress(&c, began);
    if (keep) nodes_keep(c.cluster);
    nodes_free(c.cluster);
    free(c.told);
    printf("chaos: passed: digests equal on %u nodes, nothing acknowledged is lost\n", c.count);
    return 0;
}
