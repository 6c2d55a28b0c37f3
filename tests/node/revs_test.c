/* REV.*: documents with their revisions: every command and its errors, on one node. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/random.h"
#include "tests/node/checked.h"
#include "tests/node/revs.h"

#define INVALID(id)                                                                           \
    "-ERR invalid revision '" id "': a revision is N-hash, N from 1, the hash 32 lower-case " \
    "hexadecimal digits"

static void converse_alone(const said *lines, size_t count)
{
    nodes *cluster = start_in_memory(1);
    talk  *t = connect_to(cluster, 0);
    converse(t, lines, count);
    talk_free(t);
    nodes_free(cluster);
}
#define CONVERSE_ALONE(lines) converse_alone(lines, sizeof(lines) / sizeof(lines)[0])

TEST(revs, a_document_from_its_first_revision_to_its_end)
{
    static const said lines[] = {
        {"REV.GET d", "nil"},
        {"REV.WINNER d", "nil"},
        {"REV.LEAVES d", "[]"},
        {"REV.CONFLICTS d", "[]"},
        {"REV.HISTORY d", "[]"},
        {"REV.TREE d", "[]"},
        {"EXISTS d", ":0"},
        {"REV.PUT d a", "'" A "'"},
        {"TYPE d", "+revgraph"},
        {"REV.WINNER d", "'" A "'"},
        {"REV.GET d", "['" A "', 'a']"},
        {"REV.PUT d b PARENT " A, "'" B "'"},
        {"REV.GET d", "['" B "', 'b']"},
        {"REV.GET d REV " B, "['" B "', 'b']"},
        {"REV.GET d REV " A, "-GONE the body of revision " A " is not kept: it was written over"},
        {"REV.LEAVES d", "[" WINNER(B, "b") "]"},
        /* a branch, on purpose */
        {"REV.PUT d c PARENT " A,
         "-CONFLICT revision " A " was written over: read the document again, or make a branch of "
         "it by FORCE"},
        {"REV.PUT d c PARENT " A " FORCE", "'" C "'"},
        {"REV.WINNER d", "'" B "'"},
        {"REV.LEAVES d", "[" WINNER(B, "b") ", " LOSER(C, "c") "]"},
        {"REV.CONFLICTS d", "[" LOSER(C, "c") "]"},
        {"REV.GET d REV " C, "['" C "', 'c']"},
        {"CRDT.CONFLICTS", "[['key', 'd', 'type', 'revgraph', 'types', :1, 'contents', :2]]"},
        {"REV.TREE d", "[" ROW(B, "'" A "'", "available", ":1", "nil") ", " ROW(
                           C, "'" A "'", "available", ":1", "nil") ", " ROW(A, "nil", "missing",
                                                                            ":0", "nil") "]"},
        /* a merge: over both, in one write, whatever their order */
        {"REV.PUT d m PARENT " C " " B, "'" M "'"},
        {"REV.LEAVES d", "[" WINNER(M, "m") "]"},
        {"REV.CONFLICTS d", "[]"},
        {"CRDT.CONFLICTS", "[]"},
        {"REV.HISTORY d",
         "[" STEP(M, "'" C "', '" B "'", "available") ", " STEP(B, "'" A "'", "missing") ", " STEP(
             C, "'" A "'", "missing") ", " STEP(A, "", "missing") "]"},
        {"REV.HISTORY d REV " C, "[" STEP(C, "'" A "'", "missing") ", " STEP(A, "", "missing") "]"},
        {"REV.TREE d",
         "[" ROW(TOMB, "'" C "'", "deleted", ":1", "'" M "'") ", " ROW(
             M, "'" B "'", "available", ":1",
             "nil") ", " ROW(B, "'" A "'", "missing", ":0",
                             "nil") ", " ROW(C, "'" A "'", "missing", ":0",
                                             "nil") ", " ROW(A, "nil", "missing", ":0", "nil") "]"},
        /* the end, and a beginning over it */
        {"REV.DEL d PARENT " M, "'" GONE "'"},
        {"EXISTS d", ":0"},
        {"REV.GET d", "nil"},
        {"REV.GET d REV " GONE, "['" GONE "', nil]"},
        {"REV.LEAVES d", "[" DELETED(GONE) "]"},
        {"REV.HISTORY d REV " GONE, "[" STEP(GONE, "'" M "'", "deleted") ", ..."},
        {"REV.HISTORY d", "[]"},
        {"REV.PUT d again", "'5-..."},
        {"REV.HISTORY d", "[['rev', '5-..."},
        {"REV.LEAVES d", "[['rev', '5-..."},
    };
    CONVERSE_ALONE(lines);
}

/* What is written twice, as after a lost reply, is one revision. */
TEST(revs, a_write_may_be_sent_again)
{
    static const said lines[] = {
        {"REV.PUT d a", "'" A "'"},
        {"REV.PUT d a", "'" A "'"},
        {"REV.PUT d b PARENT " A, "'" B "'"},
        {"REV.PUT d b PARENT " A, "'" B "'"},
        {"REV.PUT d c PARENT " A " FORCE", "'" C "'"},
        {"REV.PUT d m PARENT " B " " C, "'" M "'"},
        {"REV.PUT d m PARENT " C " " B, "'" M "'"},
        {"REV.PUT d b PARENT " A, "'" B "'"}, /* it was written, and written over since */
        {"REV.DEL d PARENT " M, "'" GONE "'"},
        {"REV.DEL d PARENT " M, "'" GONE "'"},
        {"REV.LEAVES d", "[" DELETED(GONE) "]"},
        {"CRDT.EXPLAIN d", "nil"},
    };
    nodes *cluster = start_in_memory(1);
    talk  *t = connect_to(cluster, 0);
    CONVERSE(t, lines);
    redisReply *log = nodes_command(cluster, 0, "CRDT.LOG d");
    CHECK(log != NULL);
    CHECK_EQ_INT(log->elements, 5); /* of the others nothing was written */
    freeReplyObject(log);
    talk_free(t);
    nodes_free(cluster);
}

static const said errors[] = {
    {"REV.PUT d", "-ERR wrong number of arguments for 'rev.put' command"},
    {"REV.PUT d a x", "-ERR syntax error"},
    {"REV.PUT d a PARENT", "-ERR syntax error"},
    {"REV.PUT d a PARENT FORCE", "-ERR syntax error"},
    {"REV.PUT d a FORCE PARENT " A, "-ERR syntax error"},
    {"REV.PUT d a FORCE FORCE", "-ERR syntax error"},
    {"REV.PUT d a PARENT x", INVALID("x")},
    {"REV.PUT d a PARENT ''", INVALID("")},
    {"REV.PUT d a PARENT " A " FORCE x", INVALID("FORCE")},
    {"REV.PUT d a PARENT 0-5a58b49702294cec1c187cf942102653",
     INVALID("0-5a58b49702294cec1c187cf942102653")},
    {"REV.PUT d a PARENT 01-5a58b49702294cec1c187cf942102653",
     INVALID("01-5a58b49702294cec1c187cf942102653")},
    {"REV.PUT d a PARENT 1-5A58b49702294cec1c187cf942102653",
     INVALID("1-5A58b49702294cec1c187cf942102653")},
    {"REV.PUT d a PARENT 1-5a58b49702294cec1c187cf94210265",
     INVALID("1-5a58b49702294cec1c187cf94210265")},
    {"REV.PUT d a PARENT 1-5a58b49702294cec1c187cf9421026533",
     INVALID("1-5a58b49702294cec1c187cf9421026533")},
    {"REV.PUT d a PARENT 4294967296-5a58b49702294cec1c187cf942102653",
     INVALID("4294967296-5a58b49702294cec1c187cf942102653")},
    {"REV.PUT d a PARENT 99999999999999999999-5a58b49702294cec1c187cf942102653",
     INVALID("99999999999999999999-5a58b49702294cec1c187cf942102653")},
    {"REV.PUT d a PARENT " A, "-NOREV no such revision: " A},
    {"REV.DEL d", "-ERR wrong number of arguments for 'rev.del' command"},
    {"REV.DEL d PARENT", "-ERR wrong number of arguments for 'rev.del' command"},
    {"REV.DEL d x " A, "-ERR syntax error"},
    {"REV.DEL d PARENT x", INVALID("x")},
    {"REV.DEL d PARENT " A, "-NOREV no such revision: " A},
    {"REV.GET d REV", "-ERR syntax error"},
    {"REV.GET d x " A, "-ERR syntax error"},
    {"REV.GET d REV " A " x", "-ERR syntax error"},
    {"REV.GET d REV x", INVALID("x")},
    {"REV.GET d REV " A, "-NOREV no such revision: " A},
    {"REV.HISTORY d REV", "-ERR syntax error"},
    {"REV.HISTORY d REV x", INVALID("x")},
    {"REV.HISTORY d REV " A, "-NOREV no such revision: " A},
    {"REV.WINNER d x", "-ERR wrong number of arguments for 'rev.winner' command"},
    {"REV.ACCEPT d a", "-ERR wrong number of arguments for 'rev.accept' command"},
    {"REV.ACCEPT d a DELETED", INVALID("DELETED")},
    {"REV.ACCEPT d a x", INVALID("x")},
    {"REV.ACCEPT d a " OLD_2 " x", INVALID("x")},
    {"REV.ACCEPT d a " OLD_1 " " OLD_2,
     "-ERR ancestors must follow their revision, N going down by one"},
    {"REV.ACCEPT d a " OLD_3 " " OLD_1,
     "-ERR ancestors must follow their revision, N going down by one"},
    {"EXISTS d", ":0"},
    {"REV.LEAVES d", "[]"}, /* none of them wrote anything */
    {"REV.PUT d a", "'" A "'"},
    {"REV.PUT d other", "-CONFLICT the document is at " A ": name that by PARENT, or say FORCE"},
    {"REV.PUT d b PARENT " A " " A, "-ERR a revision is named twice"},
    {"REV.PUT d b PARENT " A " " NONE, "-NOREV no such revision: " NONE},
    {"REV.PUT d b PARENT " A, "'" B "'"},
    {"REV.PUT d a", "-CONFLICT the document is at " B ": name that by PARENT, or say FORCE"},
    {"REV.DEL d PARENT " A, "-CONFLICT revision " A " was written over: read the document again"},
    {"REV.DEL d PARENT " B " " B, "-ERR a revision is named twice"},
    {"REV.PUT d over FORCE", "'3-..."}, /* the winner, whatever it is */
    {"REV.CONFLICTS d", "[]"},
    {"REV.ACCEPT e last 4294967295-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "+OK"},
    {"REV.PUT e more PARENT 4294967295-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
     "-ERR revision 4294967295-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa has the greatest number there "
     "is"},
    {"REV.PUT e more FORCE",
     "-ERR revision 4294967295-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa has the greatest number there "
     "is"},
    {"REV.DEL e PARENT 4294967295-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
     "-ERR revision 4294967295-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa has the greatest number there "
     "is"},
    {"SET s text", "+OK"},
    {"REV.PUT s a", WRONG_TYPE},
    {"REV.PUT s a PARENT " A, WRONG_TYPE},
    {"REV.PUT s a FORCE", WRONG_TYPE},
    {"REV.GET s", WRONG_TYPE},
    {"REV.WINNER s", WRONG_TYPE},
    {"REV.LEAVES s", WRONG_TYPE},
    {"REV.CONFLICTS s", WRONG_TYPE},
    {"REV.HISTORY s", WRONG_TYPE},
    {"REV.TREE s", WRONG_TYPE},
    {"REV.DEL s PARENT " A, WRONG_TYPE},
    {"REV.ACCEPT s a " OLD_1, WRONG_TYPE},
    {"GET d", WRONG_TYPE},
    {"SADD d x", WRONG_TYPE},
    {"HGET d x", WRONG_TYPE},
    {"COMMAND GETKEYS rev.put k a PARENT " A, "['k']"},
};

TEST(revs, errors_are_told)
{
    CONVERSE_ALONE(errors);
}

/* Revisions of another system come with the ids that it gave them. */
TEST(revs, of_other_systems_are_accepted_with_their_ancestors)
{
    static const said lines[] = {
        {"REV.ACCEPT d three " OLD_3 " " OLD_2 " " OLD_1, "+OK"},
        {"REV.ACCEPT d three " OLD_3 " " OLD_2 " " OLD_1, "+OK"},
        {"REV.ACCEPT d two " OLD_2, "+OK"}, /* an old one again: no phantom leaf */
        {"REV.LEAVES d", "[" WINNER(OLD_3, "three") "]"},
        {"REV.HISTORY d", "[" STEP(OLD_3, "'" OLD_2 "'", "available") ", " STEP(
                              OLD_2, "'" OLD_1 "'", "missing") ", " STEP(OLD_1, "", "missing") "]"},
        {"REV.ACCEPT d '' 2-0123456789abcdef0123456789abcdef " OLD_1 " DELETED", "+OK"},
        {"REV.LEAVES d",
         "[" WINNER(OLD_3, "three") ", " DELETED("2-0123456789abcdef0123456789abcdef") "]"},
        {"REV.ACCEPT d left 2-99999999999999999999999999999999 " OLD_1, "+OK"},
        {"CRDT.CONFLICTS", "[['key', 'd', ..."},
        /* one id with another body, or with and without one: an alarm, and nothing is taken */
        {"REV.ACCEPT d other " OLD_3, "-DOUBLED revision " OLD_3 " is held with another body"},
        {"REV.ACCEPT d three " OLD_3 " DELETED",
         "-DOUBLED revision " OLD_3 " is held with another body"},
        {"REV.ACCEPT d other 2-99999999999999999999999999999999",
         "-DOUBLED revision 2-99999999999999999999999999999999 is held with another body"},
        {"REV.GET d", "['" OLD_3 "', 'three']"},
        /* written over it, by ours */
        {"REV.PUT d m PARENT " OLD_3 " 2-99999999999999999999999999999999", "'4-..."},
        {"REV.CONFLICTS d", "[]"},
        {"REV.ACCEPT d three " OLD_3, "+OK"},
        {"REV.ACCEPT d other " OLD_3, "-DOUBLED revision " OLD_3 " is held with another body"},
        /* what a reader of trees sends back of a merge is recognised */
        {"REV.PUT t a", "'" A "'"},
        {"REV.PUT t b PARENT " A, "'" B "'"},
        {"REV.PUT t c PARENT " A " FORCE", "'" C "'"},
        {"REV.PUT t m PARENT " B " " C, "'" M "'"},
        {"REV.ACCEPT t '' " TOMB " " C " " A " DELETED", "+OK"},
        {"REV.ACCEPT t m " M " " B " " A, "+OK"},
        {"REV.LEAVES t", "[" WINNER(M, "m") "]"},
        {"REV.TREE t", "[" ROW(TOMB, "'" C "'", "deleted", ":1", "'" M "'") ", ..."},
    };
    CONVERSE_ALONE(lines);
}

static const said as_keys[] = {
    {"REV.PUT d a", "'" A "'"},
    {"SCAN 0 TYPE revgraph", "['0', ['d']]"},
    {"KEYS *", "['d']"},
    {"TTL d", ":-1"},
    {"EXPIREAT d 4102444800", ":1"},
    {"REV.PUT d b PARENT " A, "'" B "'"}, /* a document goes on, as a hash does */
    {"EXPIRETIME d", ":4102444800"},
    {"CRDT.REVGRAPH.GET d", "'" B " \"b\"'"},
    {"RENAME d e", "+OK"},
    {"EXPIRETIME e", ":4102444800"},
    {"REV.GET e", "['1-..."},
    {"REV.LEAVES d", "[['rev', '3-..."}, /* the deletion */
    {"EXISTS d", ":0"},
    {"RENAME e d", "+OK"}, /* over the deletion there */
    {"REV.GET d", "['4-..."},
    {"EXPIRETIME d", ":4102444800"},
    {"DEL d", ":1"},
    {"EXISTS d", ":0"},
    {"REV.GET d", "nil"},
    {"REV.PUT d b", "'6-..."},
    {"TTL d", ":-1"},
    /* expired: hidden, and written to anew */
    {"REV.PUT x a", "'" A "'"},
    {"PEXPIRE x 1", ":1"},
    {"REV.PUT two b", "'1-..."},
    {"EXPIREAT two 4102444800", ":1"},
    {"REV.PUT two c PARENT 1-00000000000000000000000000000000",
     "-NOREV no such revision: 1-00000000000000000000000000000000"},
    {"PERSIST two", ":1"},
    /* the last revision takes the deadline with it */
    {"REV.PUT y a", "'" A "'"},
    {"EXPIREAT y 4102444800", ":1"},
    {"REV.DEL y PARENT " A, "'2-..."},
    {"REV.PUT y b", "'3-..."},
    {"TTL y", ":-1"},
    /* what is not the last does not */
    {"REV.PUT z a", "'" A "'"},
    {"REV.PUT z b PARENT " A, "'" B "'"},
    {"REV.PUT z c PARENT " A " FORCE", "'" C "'"},
    {"EXPIREAT z 4102444800", ":1"},
    {"RENAME z other", "-ERR a document with conflicts cannot be renamed: write over them first"},
    {"EXISTS other", ":0"},
    {"REV.DEL z PARENT " B, "'3-..."},
    {"REV.GET z", "['" C "', 'c']"}, /* the conflict wins now */
    {"EXPIRETIME z", ":4102444800"},
    {"CRDT.EXPLAIN z", "['key', 'z', 'type', 'revgraph', ..."},
    {"FLUSHALL", "+OK"},
    {"DBSIZE", ":0"},
    {"REV.GET z", "nil"},
};

TEST(revs, are_keys_like_others)
{
    nodes *cluster = start_in_memory(1);
    talk  *t = connect_to(cluster, 0);
    CONVERSE(t, as_keys);
    expect(t, "REV.PUT x a FORCE", "'3-...");
    expect(t, "REV.PUT x2 a", "'" A "'");
    expect(t, "PEXPIRE x2 1", ":1");
    nodes_sleep_ms(20);
    expect(t, "REV.GET x2", "nil");
    expect(t, "REV.LEAVES x2", "[]");
    expect(t, "REV.PUT x2 b PARENT " A, "-NOREV no such revision: " A);
    expect(t, "REV.PUT x2 b", "'3-..."); /* over the deletion that the deadline was */
    expect(t, "TTL x2", ":-1");
    expect(t, "REV.PUT x3 a", "'" A "'");
    expect(t, "PEXPIRE x3 1", ":1");
    nodes_sleep_ms(20);
    expect(t, "REV.ACCEPT x3 three " OLD_3 " " OLD_2, "+OK");
    expect(t, "REV.GET x3", "['" OLD_3 "', 'three']");
    expect(t, "TTL x3", ":-1");
    talk_free(t);
    nodes_free(cluster);
}

TEST(revs, have_maps_in_resp3)
{
    nodes *cluster = start_in_memory(1);
    talk  *t = connect_to(cluster, 0);
    expect(t, "REV.PUT d a", "'" A "'");
    CHECK(talk_say(t, "HELLO 3")[0] == '{');
    expect(t, "REV.LEAVES d", "[{'rev': '" A "', 'state': 'winner', 'doubled': :0, 'body': 'a'}]");
    expect(t, "REV.HISTORY d", "[{'rev': '" A "', 'parents': [], 'status': 'available'}]");
    expect(t, "REV.TREE d",
           "[{'rev': '" A "', 'parent': nil, 'status': 'available', 'leaf': :1, 'merge': nil}]");
    expect(t, "REV.GET d", "['" A "', 'a']");
    talk_free(t);
    nodes_free(cluster);
}

/* The words of the line, then one of any bytes, then more if it is not NULL. */
static redisReply *say_bytes(nodes *cluster, const char *line, const char *bytes, size_t size,
                             const char *more)
{
    const char *argv[8];
    size_t      sizes[8];
    int         argc = 0;
    for (; *line != 0; line += strspn(line, " ")) {
        argv[argc] = line;
        sizes[argc] = strcspn(line, " ");
        line += sizes[argc++];
    }
    argv[argc] = bytes;
    sizes[argc++] = size;
    if (more != NULL) {
        argv[argc] = more;
        sizes[argc++] = strlen(more);
    }
    redisReply *r = nodes_command_argv(cluster, 0, argc, argv, sizes);
    CHECK_MSG(r != NULL, "%s", nodes_problem(cluster));
    return r;
}

/* Bodies are any bytes, and as many as a value may have. */
TEST(revs, bodies_have_the_limit_of_values)
{
    static char big[1048577];
    nodes      *cluster = start_in_memory(1);
    memset(big, 'x', sizeof big);
    redisReply *r = say_bytes(cluster, "REV.PUT d", big, 1048561, NULL);
    CHECK_EQ_INT(r->type, REDIS_REPLY_ERROR);
    CHECK_EQ_STR(r->str, "ERR string exceeds maximum allowed size (1048560 bytes)");
    freeReplyObject(r);
    r = say_bytes(cluster, "REV.PUT d", big, 1048560, NULL);
    CHECK_MSG(r->type == REDIS_REPLY_STRING, "%s", r->str);
    freeReplyObject(r);
    r = nodes_command(cluster, 0, "REV.GET d");
    CHECK(r != NULL && r->elements == 2 && r->element[1]->len == 1048560);
    freeReplyObject(r);
    r = say_bytes(cluster, "REV.PUT n", "\0\r\n\xff", 4, NULL);
    CHECK_EQ_INT(r->type, REDIS_REPLY_STRING);
    freeReplyObject(r);
    r = nodes_command(cluster, 0, "REV.GET n");
    CHECK(r != NULL && r->elements == 2 && r->element[1]->len == 4);
    CHECK(memcmp(r->element[1]->str, "\0\r\n\xff", 4) == 0);
    freeReplyObject(r);
    nodes_free(cluster);
}

/* Near-ids in every place where an id may stand, thousands of times: errors or ids, and the node
 * goes on. */
TEST(revs, hostile_ids_are_refused)
{
    static const char pool[] = "0123456789abcdefABCDEF-- \r\n'\xff";
    uint64_t          random = seed_or(1);
    nodes            *cluster = start_in_memory(1);
    int               rounds = T_SLOW ? 300 : 3000;
    CHECK(nodes_ok(cluster, 0, "REV.PUT d a"));
    for (int i = 0; i < rounds; i++) {
        char   id[96];
        size_t size = random_below(&random, 3) == 0 ? 34 : (size_t)random_below(&random, 90);
        for (size_t k = 0; k < size; k++) id[k] = pool[random_below(&random, sizeof pool - 1)];
        if (size == 34) memcpy(id, "1-", 2);
        redisReply *r = NULL;
        switch (random_below(&random, 4)) {
        case 0: r = say_bytes(cluster, "REV.PUT d b PARENT", id, size, NULL); break;
        case 1: r = say_bytes(cluster, "REV.DEL d PARENT " A, id, size, NULL); break;
        case 2: r = say_bytes(cluster, "REV.GET d REV", id, size, NULL); break;
        default: r = say_bytes(cluster, "REV.ACCEPT d a " OLD_2, id, size, "x");
        }
        CHECK_MSG(r->type == REDIS_REPLY_ERROR, "%.*s was taken", (int)size, id);
        bool told = strncmp(r->str, "ERR invalid revision", 20) == 0 ||
                    strncmp(r->str, "NOREV ", 6) == 0 || strncmp(r->str, "ERR ancestors", 13) == 0;
        CHECK_MSG(told, "%.*s: %s", (int)size, id, r->str);
        freeReplyObject(r);
    }
    talk *t = connect_to(cluster, 0);
    expect(t, "REV.LEAVES d", "[" WINNER(A, "a") "]");
    talk_free(t);
    nodes_free(cluster);
}

/* A hundred thousand ancestors in one command: linear work, and all are there. */
TEST(revs, long_paths_and_many_parents)
{
    uint32_t     count = T_SLOW ? 200 : 20000;
    nodes       *cluster = start_in_memory(1);
    const char **argv = calloc(count + 4, sizeof *argv);
    char(*ids)[48] = calloc(count + 1, sizeof *ids);
    CHECK(argv != NULL && ids != NULL);
    argv[0] = "REV.ACCEPT";
    argv[1] = "long";
    argv[2] = "body";
    for (uint32_t i = 0; i < count; i++) {
        snprintf(ids[i], sizeof ids[i], "%u-%032x", count - i, i);
        argv[3 + i] = ids[i];
    }
    redisReply *r = nodes_command_argv(cluster, 0, (int)count + 3, argv, NULL);
    CHECK_MSG(r != NULL && r->type == REDIS_REPLY_STATUS, "%s", r != NULL ? r->str : "none");
    freeReplyObject(r);
    r = nodes_command(cluster, 0, "REV.HISTORY long");
    CHECK(r != NULL);
    CHECK_EQ_INT(r->elements, count);
    freeReplyObject(r);
    argv[0] = "REV.PUT";
    argv[1] = "wide";
    argv[3] = "PARENT";
    for (uint32_t i = 0; i < 200; i++) {
        char word[16];
        snprintf(word, sizeof word, "%u", i);
        r = nodes_command(cluster, 0, "REV.ACCEPT wide %s 1-%032x", word, i);
        CHECK(r != NULL && r->type == REDIS_REPLY_STATUS);
        freeReplyObject(r);
        snprintf(ids[i], sizeof ids[i], "1-%032x", i);
        argv[4 + i] = ids[i];
    }
    r = nodes_command_argv(cluster, 0, 204, argv, NULL);
    CHECK_MSG(r != NULL && r->type == REDIS_REPLY_STRING, "%s", r != NULL ? r->str : "none");
    freeReplyObject(r);
    talk *t = connect_to(cluster, 0);
    expect(t, "REV.CONFLICTS wide", "[]");
    talk_free(t);
    free(argv);
    free(ids);
    nodes_free(cluster);
}
