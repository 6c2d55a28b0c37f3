/* client_hiredis.c: a client of concurd in C, with hiredis 0.14, which knows nothing of Concur.
 *
 *      client_hiredis PORT [OTHER_PORT]      two nodes of one cluster, or one twice
 */
#include <hiredis/hiredis.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The reply; the program ends if there is none, or an error. */
static redisReply *ask(redisContext *redis, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    redisReply *reply = redisvCommand(redis, format, list);
    va_end(list);
    if (reply != NULL && reply->type != REDIS_REPLY_ERROR) return reply;
    fprintf(stderr, "%s: %s\n", format, reply != NULL ? reply->str : redis->errstr);
    exit(1);
}

static long long number(redisReply *reply)
{
    long long n = reply->integer;
    freeReplyObject(reply);
    return n;
}

static void show(const char *name, redisReply *reply)
{
    printf("%s: %s\n", name, reply->type == REDIS_REPLY_NIL ? "nothing" : reply->str);
    freeReplyObject(reply);
}

static redisContext *connect_to(const char *port)
{
    redisContext *redis = redisConnect("127.0.0.1", (int)strtol(port, NULL, 10));
    if (redis != NULL && redis->err == 0) return redis;
    fprintf(stderr, "port %s: %s\n", port, redis != NULL ? redis->errstr : "no memory");
    exit(1);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        printf("usage: client_hiredis PORT [OTHER_PORT]\n");
        return 0;
    }
    redisContext *here = connect_to(argv[1]), *there = connect_to(argv[argc > 2 ? 2 : 1]);

    /* A counter: both count, nothing is lost. */
    freeReplyObject(ask(here, "INCRBY c:visits 2"));
    freeReplyObject(ask(there, "INCRBY c:visits 40"));

    /* A set: adding wins over a removal that did not see it. */
    printf("added: %lld\n", number(ask(here, "SADD c:cart tea milk bread")));
    printf("removed: %lld\n", number(ask(here, "SREM c:cart milk")));

    /* Many commands at once: one write to the disk, one message to the peers. */
    for (int i = 0; i < 100; i++) redisAppendCommand(here, "INCR c:many");
    for (int i = 0; i < 100; i++) {
        redisReply *reply;
        if (redisGetReply(here, (void **)&reply) != REDIS_OK) return 1;
        freeReplyObject(reply);
    }
    show("many", ask(here, "GET c:many"));

    /* Bytes of any kind. */
    freeReplyObject(ask(here, "SET c:bytes %b", "a\0b", (size_t)3));
    printf("bytes: %lld\n", number(ask(here, "STRLEN c:bytes")));

    /* A text that many write. */
    freeReplyObject(ask(here, "TEXT.INSERT c:page 0 %s", "Hello world"));
    freeReplyObject(ask(here, "TEXT.INSERT c:page 5 %s", ","));
    show("page", ask(here, "TEXT.GET c:page"));

    /* Until the other node has it all: WAIT counts the peers that hold what this client wrote. */
    if (argc > 2) printf("held by a peer: %d\n", number(ask(here, "WAIT 1 10000")) >= 1);
    printf("there: %lld\n", number(ask(there, "SCARD c:cart")));
    redisFree(here);
    redisFree(there);
    return 0;
}
