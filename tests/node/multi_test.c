/* MULTI, EXEC and WATCH between two nodes: EXEC is one entry, of which the other node sees all or
 * nothing; WATCH sees what a merge brings; and what cannot be kept takes back all. What one node
 * replies is compared with redis-server in replies/multi.txt. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "tests/node/pair.h"

#define LINES 8

/* Queued and run; each reply is in the array. */
static void exec(talk *t, const char *const *lines, const char *expected)
{
    expect(t, "MULTI", "+OK");
    for (size_t i = 0; i < LINES && lines[i] != NULL; i++) expect(t, lines[i], "+QUEUED");
    expect(t, "EXEC", expected);
}
#define EXEC(t, expected, ...) exec(t, (const char *const[LINES + 1]){__VA_ARGS__, NULL}, expected)

/* Lines that end in CR LF, in one piece. */
static void send_all(talk *t, const char *lines)
{
    talk_raw(t, lines, strlen(lines));
}

static long long written(talk *t)
{
    const char *told = strstr(talk_say(t, "INFO all"), "written:");
    CHECK(told != NULL);
    return strtoll(told + 8, NULL, 10);
}

/* -- One entry --------------------------------------------------------------------------------- */

/* A node alone: it writes no acknowledgements. */
TEST(multi, exec_is_one_entry)
{
    nodes *cluster = start_in_memory(1);
    talk  *t = connect_to(cluster, 0);
    expect(t, "SET first 1", "+OK"); /* what a node says when it begins is written */
    long long before = written(t);
    EXEC(t, "[:1, :3, :2, :1, +OK, '1']", "INCR a", "RPUSH l 1 2 3", "SADD s a b", "HSET h f v",
         "SET t x EX 100", "GET a");
    CHECK_EQ_INT(written(t), before + 1);
    EXEC(t, "['1', +list, :6]", "GET a", "TYPE l", "DBSIZE"); /* nothing is written */
    CHECK_EQ_INT(written(t), before + 1);
    EXEC(t, "[+OK, :0]", "FLUSHALL", "DBSIZE");
    CHECK_EQ_INT(written(t), before + 2);
    talk_free(t);
    nodes_free(cluster);
}

/* Whoever asks the other node while entries come finds the same in all that EXEC writes: entries
 * that share a message, that fill several, and that are too large for one (these come in a
 * snapshot). */
TEST(multi, a_peer_sees_all_or_nothing)
{
    static const int sizes[] = {10, 90000, 10, 900000};
    pair             p = open_pair();
    talk            *writer = connect_to(p.cluster, 0);
    char             say[512], expected[128];
    int              rounds = 0, changes = 0, last = 0, n = 0;
    while (n < 80) {
        if (rounds < 80) {
            rounds++;
            snprintf(say, sizeof say,
                     "MULTI\r\nINCR a\r\nSETRANGE x %d v\r\nINCR b\r\nSETRANGE y %d v\r\n"
                     "RPUSH l v\r\nSETRANGE z %d v\r\nINCR c\r\nEXEC\r\n",
                     sizes[rounds / 20 % 4], sizes[rounds / 20 % 4], sizes[rounds / 20 % 4]);
            send_all(writer, say);
            nodes_sleep_ms(5);
        }
        send_all(p.at[1], "MULTI\r\nGET a\r\nGET b\r\nLLEN l\r\nGET c\r\nEXEC\r\n");
        for (int k = 0; k < 5; k++) (void)talk_read(p.at[1]);
        const char *got = talk_read(p.at[1]);
        n = strncmp(got, "[nil", 4) == 0 ? 0 : (int)strtol(got + 2, NULL, 10);
        snprintf(expected, sizeof expected,
                 n == 0 ? "[nil, nil, :0, nil]" : "['%d', '%d', :%d, '%d']", n, n, n, n);
        CHECK_MSG(strcmp(got, expected) == 0, "got %s\n  expected %s", got, expected);
        changes += n != last;
        last = n;
    }
    CHECK_MSG(changes > 5, "only %d states were seen", changes);
    for (int i = 0; i < rounds * 9; i++) CHECK(talk_read(writer)[0] != '-');
    settle(p.cluster);
    both(&p, "MGET a b", "['80', '80']");
    talk_free(writer);
    close_pair(&p);
}

/* -- Apart ------------------------------------------------------------------------------------- */

/* What two nodes run in EXEC while they cannot reach each other. */
TEST(multi, apart)
{
    pair p = open_pair();
    expect(p.at[0], "MSET c 10 s1 old s2 old r 5", "+OK");
    expect(p.at[0], "RPUSH l a b", ":2");
    expect(p.at[0], "SADD s a b", ":2");
    expect(p.at[0], "HSET h f 1 g 1", ":2");
    cut(&p);
    EXEC(p.at[0], "[:11, +OK, +OK, :3, :1, :1, :3]", "INCR c", "SET s1 here", "SET s2 here",
         "RPUSH l here", "SREM s a", "SADD s here", "HINCRBY h f 2");
    EXEC(p.at[0], "[:1, :0]", "DEL r", "EXISTS r");
    nodes_sleep_ms(5);
    EXEC(p.at[1], "[:9, +OK, +OK, :3, :0, :1, :2]", "DECR c", "SET s1 there", "SET s2 there",
         "RPUSH l there", "SADD s a", "SADD s there", "HINCRBY h f 1");
    EXEC(p.at[1], "[:6, '6']", "INCR r", "GET r");
    expect(p.at[0], "MGET c s1 s2", "['11', 'here', 'here']");
    expect(p.at[1], "MGET c s1 s2", "['9', 'there', 'there']");
    heal(&p);
    both(&p, "GET c", "'10'");
    both(&p, "MGET s1 s2", "['there', 'there']"); /* of two batches one shows in all of its keys */
    both(&p, "LLEN l", ":4");
    both(&p, "SCARD s", ":4");
    both(&p, "SMISMEMBER s a b here there", "[:1, :1, :1, :1]");
    both(&p, "HMGET h f g", "['4', '1']");
    both(&p, "GET r", "'1'"); /* DEL takes away what it has seen */
    close_pair(&p);
}

/* Locks are none: of two EXEC that each watched and saw the key free, both are done. */
TEST(multi, watch_is_no_lock_between_nodes)
{
    pair p = open_pair();
    cut(&p);
    for (int i = 0; i < 2; i++) {
        expect(p.at[i], "WATCH lock", "+OK");
        expect(p.at[i], "GET lock", "nil");
        EXEC(p.at[i], "[+OK]", i == 0 ? "SET lock here" : "SET lock there");
        nodes_sleep_ms(5);
    }
    heal(&p);
    both(&p, "GET lock", "'there'");
    CHECK(strstr(talk_say(p.at[0], "CRDT.CONFLICTS lock"), "'value', 'here'") != NULL);
    close_pair(&p);
}

/* -- WATCH across a merge ---------------------------------------------------------------------- */

TEST(multi, watch_sees_a_merge)
{
    static const char *const changes[] = {
        "SET k 2",  "DEL k",      "INCR k",     "EXPIRE k 1000", "APPEND k x",   "RENAME k other",
        "FLUSHALL", "SADD set b", "HSET h f 2", "RPUSH l b",     "PERSIST held", "SET none 1"};
    pair p = open_pair();
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        expect(p.at[0], "FLUSHALL", "+OK");
        expect(p.at[0], "MSET k 1 held 1", "+OK");
        expect(p.at[0], "EXPIRE held 1000", ":1");
        expect(p.at[0], "SADD set a", ":1");
        expect(p.at[0], "HSET h f 1", ":1");
        expect(p.at[0], "RPUSH l a", ":1");
        cut(&p);
        expect(p.at[1], "WATCH k held set", "+OK");
        expect(p.at[1], "WATCH h l none", "+OK");
        expect(p.at[1], "MULTI", "+OK");
        expect(p.at[1], "SET done yes", "+QUEUED");
        CHECK(talk_say(p.at[0], changes[i])[0] != '-');
        heal(&p);
        expect(p.at[1], "EXEC", "nil[]");
        expect(p.at[1], "EXISTS done", ":0");
        EXEC(p.at[1], "[+OK]", "SET done yes"); /* it watches no more */
    }
    close_pair(&p);
}

TEST(multi, watch_minds_its_own_keys_alone)
{
    pair  p = open_pair();
    talk *other = connect_to(p.cluster, 1);
    expect(p.at[0], "MSET k 1 other 1", "+OK");
    cut(&p);
    expect(p.at[1], "WATCH k", "+OK");
    expect(other, "WATCH other", "+OK");
    expect(p.at[0], "SET other 2", "+OK");
    expect(p.at[0], "SADD third x", ":1");
    heal(&p);
    EXEC(p.at[1], "[+OK]", "SET done yes");
    EXEC(other, "nil[]", "SET done no");
    /* What was merged before WATCH does not count, nor what UNWATCH let go. */
    expect(p.at[0], "SET k 3", "+OK");
    settle(p.cluster);
    expect(p.at[1], "WATCH k other", "+OK");
    EXEC(p.at[1], "['3']", "GET k");
    expect(p.at[1], "WATCH k", "+OK");
    expect(p.at[0], "SET k 4", "+OK");
    settle(p.cluster);
    expect(p.at[1], "UNWATCH", "+OK");
    EXEC(p.at[1], "['4']", "GET k");
    talk_free(other);
    close_pair(&p);
}

/* A key that had expired when it was watched is removed for good by whichever node sweeps first. */
TEST(multi, watch_does_not_mind_the_sweep)
{
    pair p = open_pair();
    expect(p.at[0], "SET k 1 PX 50", "+OK");
    settle(p.cluster);
    nodes_sleep_ms(60);
    expect(p.at[1], "WATCH k", "+OK");
    for (int i = 0; i < 400 && strstr(talk_say(p.at[1], "CRDT.EXPLAIN k"), "'expired'") != NULL;
         i++) {
        nodes_sleep_ms(25);
    }
    EXEC(p.at[1], "[nil, +OK]", "GET k", "SET k 2");
    expect(p.at[1], "WATCH k", "+OK");
    expect(p.at[1], "PEXPIRE k 1", ":1");
    nodes_sleep_ms(5);
    EXEC(p.at[1], "nil[]", "GET k");
    close_pair(&p);
}

/* -- What takes back all ----------------------------------------------------------------------- */

static nodes *start_flagged(const char *const *flags)
{
    nodes_options options = nodes_options_default();
    options.store = "memory";
    options.alone = true;
    options.flags = flags;
    return start_with(&options);
}

/* What a command meets half way cannot be taken back alone. */
TEST(multi, a_limit_takes_back_all)
{
    static char say[1100000];
    nodes      *cluster = start_in_memory(1);
    talk       *t = connect_to(cluster, 0);
    memset(say, 'x', sizeof say - 1);
    memcpy(say, "MSET b 1 c ", 11);
    expect(t, "SET a 1", "+OK");
    expect(t, "MULTI", "+OK");
    expect(t, "INCR a", "+QUEUED");
    expect(t, say, "+QUEUED");
    expect(t, "SET d 1", "+QUEUED");
    expect(t, "EXEC",
           "-EXECABORT Transaction discarded because of: string exceeds maximum allowed size "
           "(1048560 bytes)");
    expect(t, "MGET a b c d", "['1', nil, nil, nil]");
    /* What is refused before it has written anything does not. */
    expect(t, "MULTI", "+OK");
    expect(t, "INCR a", "+QUEUED");
    memcpy(say, "SET c ", 6);
    memset(say + 6, 'x', 5);
    expect(t, say, "+QUEUED");
    expect(t, "INCR d", "+QUEUED");
    expect(t, "EXEC", "[:2, -ERR string exceeds maximum allowed size (1048560 bytes), :1]");
    talk_free(t);
    nodes_free(cluster);
}

static void limit(nodes *cluster, int what, rlim_t bytes)
{
    struct rlimit to = {bytes, RLIM_INFINITY};
    CHECK_MSG(prlimit(nodes_pid(cluster, 0), what, &to, NULL) == 0, "prlimit");
}

/* Pages of the process's address space. */
static rlim_t address_space(nodes *cluster)
{
    char  path[64], line[256];
    long  kb = 0;
    FILE *file;
    snprintf(path, sizeof path, "/proc/%d/status", (int)nodes_pid(cluster, 0));
    file = fopen(path, "r");
    CHECK(file != NULL);
    while (fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "VmSize:", 7) == 0) kb = strtol(line + 7, NULL, 10);
    }
    fclose(file);
    CHECK(kb > 0);
    return (rlim_t)kb << 10;
}

TEST(multi, no_memory_takes_back_all)
{
    if (T_SLOW) return; /* a sanitizer ends the node instead */
    nodes *cluster = start_in_memory(1);
    talk  *t = connect_to(cluster, 0);
    char   say[64];
    expect(t, "RPUSH l kept", ":1");
    for (int round = 0; round < 2; round++) {
        expect(t, "MULTI", "+OK");
        send_all(t, "RPUSH l more\r\n");
        for (int i = 0; i < 100; i++) {
            snprintf(say, sizeof say, "SETRANGE k%d 1000000 x\r\n", i);
            send_all(t, say);
        }
        for (int i = 0; i < 101; i++) CHECK(strcmp(talk_read(t), "+QUEUED") == 0);
        if (round == 0) limit(cluster, RLIMIT_AS, address_space(cluster) + (40u << 20));
        else limit(cluster, RLIMIT_AS, RLIM_INFINITY);
        if (round == 0) {
            expect(t, "EXEC",
                   "-EXECABORT Transaction discarded because of: OOM command not allowed...");
        } else {
            expect(t, "EXEC", "[:2, :1000001...");
        }
        expect(t, "DBSIZE", round == 0 ? ":1" : ":101");
        expect(t, "LRANGE l 0 -1", round == 0 ? "['kept']" : "['kept', 'more']");
    }
    talk_free(t);
    nodes_free(cluster);
}

TEST(multi, a_full_disk_takes_back_all)
{
    nodes_options options = nodes_options_default();
    options.alone = true;
    options.sync = "always";
    nodes *cluster = start_with(&options);
    talk  *t = connect_to(cluster, 0), *held = connect_to(cluster, 0);
    EXEC(t, "[:1, :1]", "INCR a", "RPUSH l x");
    limit(cluster, RLIMIT_FSIZE, 0);
    talk_send(held, "INCR held"); /* it has been run, and is kept later */
    nodes_sleep_ms(50);
    EXEC(t, "-EXECABORT Transaction discarded because of: MISCONF the data directory takes no...",
         "GET a", "INCR a", "RPUSH l y");
    EXEC(t, "['1', ['x']]", "GET a", "LRANGE l 0 -1");
    limit(cluster, RLIMIT_FSIZE, RLIM_INFINITY);
    CHECK(strcmp(talk_read(held), ":1") == 0);
    EXEC(t, "[:2, :2, '1']", "INCR a", "RPUSH l y", "GET held");
    nodes_kill(cluster, 0);
    CHECK_MSG(nodes_start(cluster, 0), "%s", nodes_problem(cluster));
    talk_free(t);
    t = connect_to(cluster, 0);
    expect(t, "GET a", "'2'");
    expect(t, "LRANGE l 0 -1", "['x', 'y']");
    talk_free(t);
    talk_free(held);
    nodes_free(cluster);
}

TEST(multi, bounds_what_is_queued_and_replied)
{
    static char       say[70000] = "ECHO ";
    const char *const flags[] = {"--client-query-buffer-limit", "1mb",
                                 "--client-output-buffer-limit", "97kb", NULL};
    nodes            *cluster = start_flagged(flags);
    talk             *t = connect_to(cluster, 0), *other = connect_to(cluster, 0);
    const char       *got;
    int               queued = 0;
    memset(say + 5, 'x', 65000);
    expect(other, "SET a 1", "+OK");
    expect(t, "MULTI", "+OK");
    while (strcmp(got = talk_say(t, say), "+QUEUED") == 0) queued++;
    CHECK_EQ_INT(queued, 16);
    CHECK_MSG(strcmp(got, "-ERR request exceeds client-query-buffer-limit") == 0, "%s", got);
    CHECK(strcmp(talk_read(t), "closed") == 0);
    talk_free(t);
    t = connect_to(cluster, 0);
    EXEC(t,
         "-EXECABORT Transaction discarded because of: the reply is larger than "
         "client-output-buffer-limit allows",
         "INCR a", say, say, "INCR a");
    EXEC(t, "[:2, 'xx...", "INCR a", say);
    expect(other, "GET a", "'2'");
    talk_free(t);
    talk_free(other);
    nodes_free(cluster);
}

/* -- Clients ----------------------------------------------------------------------------------- */

TEST(multi, who_leaves_takes_all_with_it)
{
    nodes *cluster = start_in_memory(1);
    talk  *watch = connect_to(cluster, 0), *t[4];
    for (int i = 0; i < 4; i++) {
        char   say[20000];
        size_t used = 0;
        t[i] = connect_to(cluster, 0);
        for (int k = 0; k < 500; k++) {
            used += (size_t)snprintf(say + used, sizeof say - used, "WATCH k%d k%d shared\r\n", k,
                                     k + i);
        }
        send_all(t[i], say);
        for (int k = 0; k < 500; k++) CHECK(strcmp(talk_read(t[i]), "+OK") == 0);
        expect(t[i], "MULTI", "+OK");
        expect(t[i], "SET left x", "+QUEUED");
    }
    CHECK(strstr(talk_say(watch, "CLIENT LIST"), " flags=x ") != NULL);
    CHECK(strstr(talk_say(watch, "CLIENT LIST"), " multi=1 ") != NULL);
    expect(t[3], "nosuchcommand", "-ERR unknown command...");
    CHECK(strstr(talk_say(watch, "CLIENT LIST"), " flags=xe ") != NULL);
    talk_free(t[0]); /* the first of all, and one in between */
    talk_free(t[2]);
    expect(watch, "SET k7 x", "+OK");
    for (int i = 0;
         i < 500 && strstr(talk_say(watch, "INFO clients"), "connected_clients:3\\r") == NULL;
         i++) {
        nodes_sleep_ms(5);
    }
    CHECK(strstr(talk_say(watch, "CLIENT LIST"), " flags=xd ") != NULL);
    expect(t[1], "EXEC", "nil[]");
    expect(t[3], "EXEC", "-EXECABORT Transaction discarded because of previous errors.");
    expect(watch, "EXISTS left", ":0");
    EXEC(t[1], "[+OK]", "SET left x");
    talk_free(t[1]);
    talk_free(t[3]);
    talk_free(watch);
    nodes_free(cluster);
}

/* What looks at the node itself, or at what is committed, is refused as soon as it is said. */
TEST(multi, what_is_not_allowed)
{
    static const char *const not_allowed[] = {
        "SAVE",           "BGSAVE",         "SHUTDOWN",   "CRDT.DIGEST",    "CRDT.DIFF x",
        "CRDT.EXPLAIN k", "CRDT.CONFLICTS", "CRDT.LOG k", "CRDT.PEER LIST", "CRDT.HEAL"};
    nodes *cluster = start_in_memory(1);
    talk  *t = connect_to(cluster, 0);
    for (size_t i = 0; i < sizeof not_allowed / sizeof not_allowed[0]; i++) {
        expect(t, "MULTI", "+OK");
        expect(t, not_allowed[i], "-ERR Command not allowed inside a transaction");
        expect(t, "EXEC", "-EXECABORT Transaction discarded because of previous errors.");
    }
    /* Our own types: what was written before in the same EXEC is seen. */
    EXEC(t, "[+OK, +OK, :3, :2, 'ab', :1, '1', +OK]", "CRDT.GCOUNTER.INC g 1",
         "CRDT.GCOUNTER.INC g 2", "CRDT.GCOUNTER.GET g", "TEXT.INSERT t 0 ab", "TEXT.GET t",
         "MAP.SET m a b 1", "MAP.GET m a b", "CRDT.EXPIRY.EXPIRE_AT m 99999999999999");
    EXEC(t, "['1-...", "REV.PUT d one");
    EXEC(t, "[:1, nil, '3-...", "DEL d", "REV.WINNER d", "REV.PUT d two");
    talk_free(t);
    nodes_free(cluster);
}
