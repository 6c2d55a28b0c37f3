/* What people do with hiredis; prints each reply. hiredis PORT (0.14 speaks RESP2 alone) */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>

static void show(const redisReply *reply)
{
    switch (reply->type) {
    case REDIS_REPLY_INTEGER: printf(" (%lld)", reply->integer); break;
    case REDIS_REPLY_NIL: printf(" (nil)"); break;
    case REDIS_REPLY_STATUS: printf(" +%s", reply->str); break;
    case REDIS_REPLY_ERROR: printf(" -%s", reply->str); break;
    case REDIS_REPLY_STRING:
        printf(" \"");
        for (size_t i = 0; i < reply->len; i++) {
            unsigned char c = (unsigned char)reply->str[i];
            printf(c < 32 || c > 126 ? "\\x%02x" : "%c", c);
        }
        printf("\"");
        break;
    default:
        printf(" [");
        for (size_t i = 0; i < reply->elements; i++) {
            show(reply->element[i]);
        }
        printf(" ]");
    }
}

/* The reply of a command, or the next one of a pipeline; ends the program without one. */
static void print(redisContext *context, const char *name, void *reply)
{
    if (reply == NULL) {
        fprintf(stderr, "%s: no reply: %s\n", name, context->errstr);
        exit(1);
    }
    printf("%s", name);
    show(reply);
    printf("\n");
    freeReplyObject(reply);
}

static void command(redisContext *context, const char *text)
{
    print(context, text, redisCommand(context, text));
}

static void pipeline(redisContext *context)
{
    for (int i = 0; i < 1000; i++) {
        redisAppendCommand(context, "INCRBY piped %d", i);
    }
    void *reply = NULL;
    for (int i = 0; i < 1000; i++) {
        if (redisGetReply(context, &reply) != REDIS_OK) {
            fprintf(stderr, "pipeline: no reply %d: %s\n", i, context->errstr);
            exit(1);
        }
        if (i < 999) {
            freeReplyObject(reply);
        }
    }
    print(context, "pipeline", reply);
}

/* A message comes to one connection while another publishes; then both go on. */
static void messages(redisContext *context, redisContext *other)
{
    command(other, "SUBSCRIBE news");
    command(context, "PUBLISH news hello");
    void *reply = NULL;
    print(other, "message", redisGetReply(other, &reply) == REDIS_OK ? reply : NULL);
    command(other, "UNSUBSCRIBE news");
    redisAppendCommand(other, "BLPOP queue 5");
    int written = 0;
    redisBufferWrite(other, &written);
    command(context, "RPUSH queue job");
    print(other, "blpop", redisGetReply(other, &reply) == REDIS_OK ? reply : NULL);
}

static redisContext *connected(int port)
{
    struct timeval limit = {20, 0};
    redisContext  *context = redisConnectWithTimeout("127.0.0.1", port, limit);
    if (context == NULL || context->err != 0) {
        fprintf(stderr, "cannot connect to 127.0.0.1:%d: %s\n", port,
                context != NULL ? context->errstr : "no memory");
        exit(1);
    }
    redisSetTimeout(context, limit);
    return context;
}

int main(int argc, char **argv)
{
    static const char *const commands[] = {
        "PING",
        "FLUSHALL",
        "SET s one",
        "SET s two NX",
        "SET s three XX GET",
        "APPEND s !",
        "GETRANGE s 1 3",
        "GETDEL s",
        "GET s",
        "MSET a 1 b 2.5",
        "MGET a none b",
        "INCR n",
        "INCRBY n 41",
        "INCRBYFLOAT f 1.5",
        "EXPIRE n 100",
        "TTL n",
        "PERSIST n",
        "SADD set a",
        "SADD set a b",
        "SISMEMBER set b",
        "SMISMEMBER set a z",
        "SCARD set",
        "HSET hash x 1 y two",
        "HGET hash y",
        "HINCRBY hash x 4",
        "HMGET hash x z",
        "RPUSH list a b c d",
        "LRANGE list 0 -1",
        "LPOP list 2",
        "LINDEX list 0",
        "ZADD z 1 a 2.5 b 3 c",
        "ZRANGE z 0 -1 WITHSCORES",
        "ZINCRBY z 1.25 b",
        "ZRANGEBYSCORE z (1 +inf LIMIT 0 1",
        "MULTI",
        "INCR n",
        "HGETALL hash",
        "EXEC",
        "TYPE z",
        "EXISTS z hash none",
        "INCR set",
        "SET a b BAD",
        "NOSUCH a",
        "DBSIZE",
    };
    int           port = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 6379;
    redisContext *context = connected(port);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        command(context, commands[i]);
    }
    print(context, "bytes", redisCommand(context, "SET bytes %b", "\0\r\n\xff", (size_t)4));
    command(context, "GET bytes");
    pipeline(context);
    redisContext *other = connected(port);
    messages(context, other);
    redisFree(other);
    redisFree(context);
    return 0;
}
