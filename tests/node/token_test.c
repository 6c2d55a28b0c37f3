/* CRDT.TOKEN and CRDT.READY: the text itself, also what nobody wrote; and reading one's writes at
 * another node, across a cut. */
#define _GNU_SOURCE
#include "node/token.h"

#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#include "tests/lib/random.h"
#include "tests/node/pair.h"

#define CLUSTER 42u

/* -- The text ---------------------------------------------------------------------------------- */

static crdt_context *some_context(crdt_context *ctx, uint64_t *random, size_t replicas)
{
    crdt_context_init(ctx, NULL);
    for (size_t i = 0; i < replicas; i++) {
        CHECK(crdt_context_reserve(ctx, 1) == CRDT_OK);
        crdt_run run = {random_below(random, UINT64_MAX) | 1, 1,
                        1 + random_below(random, 1u << 30)};
        crdt_context_add_reserved(ctx, run);
    }
    return ctx;
}

static crdt_err read_text(crdt_view text, crdt_context *ctx)
{
    const char *reason = NULL;
    crdt_context_init(ctx, NULL);
    crdt_err err = token_read(text, CLUSTER, ctx, &reason);
    CHECK((err == CRDT_OK) == (reason == NULL));
    if (err != CRDT_OK) CHECK_EQ_INT(ctx->count, 0);
    return err;
}

TEST(token, is_read_as_it_was_written)
{
    uint64_t random = seed_or(1);
    for (size_t replicas = 0; replicas < 200; replicas++) {
        crdt_context ctx, back;
        crdt_buf     text;
        crdt_buf_init(&text, NULL);
        CHECK(token_write(CLUSTER, some_context(&ctx, &random, replicas), &text) == CRDT_OK);
        CHECK(text.size < 40 + 20 * replicas);
        CHECK(read_text(crdt_buf_bytes(&text), &back) == CRDT_OK);
        CHECK(crdt_context_equal(&ctx, &back));
        crdt_context_clear(&back);
        crdt_context_clear(&ctx);
        crdt_buf_clear(&text);
    }
}

/* Cut anywhere, one letter more, and every letter another: refused, each time. */
TEST(token, what_nobody_wrote_is_refused)
{
    uint64_t     random = seed_or(2);
    crdt_context ctx, back;
    crdt_buf     text;
    crdt_buf_init(&text, NULL);
    CHECK(token_write(CLUSTER, some_context(&ctx, &random, 5), &text) == CRDT_OK);
    for (size_t size = 0; size < text.size; size++) {
        CHECK(read_text(crdt_view_of(text.data, size), &back) == CRDT_EMALFORMED);
    }
    for (size_t i = 0; i < text.size; i++) {
        for (unsigned letter = 0; letter < 256; letter++) {
            uint8_t was = text.data[i];
            if (letter == was) continue;
            text.data[i] = (uint8_t)letter;
            crdt_err err = read_text(crdt_buf_bytes(&text), &back);
            CHECK(err == CRDT_EMALFORMED || err == CRDT_EVERSION);
            text.data[i] = was;
        }
    }
    crdt_buf_byte(&text, 'A');
    CHECK(read_text(crdt_buf_bytes(&text), &back) == CRDT_EMALFORMED);
    crdt_context_clear(&ctx);
    crdt_buf_clear(&text);
}

TEST(token, of_another_cluster_or_too_long_is_refused)
{
    static char  many[TOKEN_MAX + 1];
    uint64_t     random = seed_or(3);
    crdt_context ctx, back;
    crdt_buf     text;
    crdt_buf_init(&text, NULL);
    CHECK(token_write(CLUSTER + 1, some_context(&ctx, &random, 3), &text) == CRDT_OK);
    CHECK(read_text(crdt_buf_bytes(&text), &back) == CRDT_EEXIST);
    memset(many, 'A', sizeof many);
    CHECK(read_text(crdt_view_of(many, sizeof many), &back) == CRDT_ELIMIT);
    CHECK(read_text(crdt_view_of(many, sizeof many - 1), &back) != CRDT_OK);
    crdt_context_clear(&ctx);
    crdt_buf_clear(&text);
}

/* With a right checksum, and anything as the context. */
TEST(token, whose_context_is_none_is_refused)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint64_t random = seed_or(4);
    for (int round = 0; round < 20000; round++) {
        uint8_t      bytes[17 + 43];
        char         text[80];
        crdt_context back, again;
        size_t       size = (size_t)random_below(&random, 43), bits = 0;
        memset(bytes, 0, sizeof bytes);
        bytes[0] = 1;
        bytes[1] = CLUSTER;
        for (size_t i = 0; i < size; i++) {
            bytes[17 + i] = (uint8_t)random_below(&random, random_below(&random, 2) ? 256 : 3);
        }
        if (size > 0) bytes[17] = 1;
        uint64_t sum = XXH3_64bits_withSeed(bytes + 17, size, CLUSTER);
        for (int i = 0; i < 8; i++) bytes[9 + i] = (uint8_t)(sum >> 8 * i);
        size_t length = ((17 + size) * 8 + 5) / 6;
        for (size_t i = 0; i < length; i++, bits += 6) {
            unsigned two =
                bytes[bits / 8] << 8 | (bits / 8 + 1 < 17 + size ? bytes[bits / 8 + 1] : 0);
            text[i] = letters[two >> (10 - bits % 8) & 63];
        }
        if (read_text(crdt_view_of(text, length), &back) != CRDT_OK) continue;
        crdt_buf copy; /* then it is just what is written of it */
        crdt_buf_init(&copy, NULL);
        CHECK(token_write(CLUSTER, &back, &copy) == CRDT_OK);
        CHECK(copy.size == length && memcmp(copy.data, text, length) == 0);
        CHECK(read_text(crdt_buf_bytes(&copy), &again) == CRDT_OK);
        CHECK(crdt_context_equal(&back, &again));
        crdt_context_clear(&again);
        crdt_context_clear(&back);
        crdt_buf_clear(&copy);
    }
}

/* -- Between nodes ----------------------------------------------------------------------------- */

/* "CRDT.READY <what node t has seen> rest" */
static const char *ready_line(talk *t, const char *rest)
{
    static char line[4096];
    const char *token = talk_say(t, "CRDT.TOKEN");
    CHECK_MSG(token[0] == '\'', "%s", token);
    snprintf(line, sizeof line, "CRDT.READY %.*s %s", (int)strlen(token) - 2, token + 1, rest);
    return line;
}

TEST(token, reads_ones_writes_at_another_node)
{
    pair p = open_pair();
    char say[32], expected[32];
    for (int i = 0; i < 20; i++) {
        snprintf(say, sizeof say, "SET k %d", i);
        snprintf(expected, sizeof expected, "'%d'", i);
        expect(p.at[0], say, "+OK");
        expect(p.at[1], ready_line(p.at[0], "10000"), ":1");
        expect(p.at[1], "GET k", expected);
    }
    expect(p.at[0], ready_line(p.at[0], ""), ":1"); /* its own */
    close_pair(&p);
}

TEST(token, waits_across_a_cut_and_keeps_nobody_waiting)
{
    pair  p = open_pair();
    talk *waits = connect_to(p.cluster, 1), *ever = connect_to(p.cluster, 1);
    expect(p.at[0], "SET k before", "+OK");
    cut(&p);
    expect(p.at[0], "SET k after", "+OK");
    char line[4096];
    snprintf(line, sizeof line, "%s", ready_line(p.at[0], "20000"));
    expect(p.at[1], ready_line(p.at[0], ""), ":0");
    uint64_t before = nodes_now_ms();
    expect(p.at[1], ready_line(p.at[0], "50"), ":0");
    CHECK(nodes_now_ms() - before >= 50);
    talk_send(waits, line);
    talk_send(waits, "GET k"); /* behind it: run when it is ready */
    talk_send(ever, ready_line(p.at[0], "0"));
    nodes_sleep_ms(30);
    CHECK(strstr(talk_say(p.at[1], "CLIENT LIST"), "flags=b ") != NULL);
    expect(p.at[1], "GET k", "'before'");           /* others are served meanwhile */
    expect(p.at[0], ready_line(p.at[1], ""), ":1"); /* what was seen there is seen here */
    heal(&p);
    CHECK(strcmp(talk_read(waits), ":1") == 0);
    CHECK(strcmp(talk_read(waits), "'after'") == 0);
    CHECK(strcmp(talk_read(ever), ":1") == 0);
    talk_free(waits);
    talk_free(ever);
    close_pair(&p);
}

TEST(token, who_waits_may_leave_or_be_let_go)
{
    pair  p = open_pair();
    talk *t[3];
    char  say[64], id[3][32];
    cut(&p);
    expect(p.at[0], "SET k 1", "+OK");
    for (int i = 0; i < 3; i++) {
        t[i] = connect_to(p.cluster, 1);
        snprintf(id[i], sizeof id[i], "%s", talk_say(t[i], "CLIENT ID") + 1);
        talk_send(t[i], ready_line(p.at[0], "0"));
    }
    nodes_sleep_ms(30);
    snprintf(say, sizeof say, "CLIENT UNBLOCK %s", id[0]);
    expect(p.at[1], say, ":1");
    CHECK(strcmp(talk_read(t[0]), ":0") == 0);
    snprintf(say, sizeof say, "CLIENT UNBLOCK %s ERROR", id[1]);
    expect(p.at[1], say, ":1");
    CHECK(strncmp(talk_read(t[1]), "-UNBLOCKED", 10) == 0);
    expect(t[0], "PING", "+PONG");
    for (int i = 0; i < 3; i++) talk_free(t[i]);
    expect(p.at[1], "PING", "+PONG");
    close_pair(&p);
}

TEST(token, odd_ones)
{
    static const said lines[] = {
        {"CRDT.READY ''", "-BADTOKEN not a token of this cluster: it is cut off"},
        {"CRDT.READY AAAA", "-BADTOKEN not a token of this cluster: it is cut off"},
        {"CRDT.READY a=b", "-BADTOKEN not a token of this cluster: it is not base64"},
        {"CRDT.READY", "-ERR wrong number of arguments for 'crdt.ready' command"},
        {"CRDT.READY a 1 2", "-ERR wrong number of arguments for 'crdt.ready' command"},
        {"CRDT.READY a x", "-ERR timeout is not an integer or out of range"},
        {"CRDT.READY a -1", "-ERR timeout is negative"},
        {"CRDT.TOKEN x", "-ERR wrong number of arguments for 'crdt.token' command"},
        {"MULTI", "+OK"},
        {"CRDT.TOKEN", "-ERR Command not allowed inside a transaction"},
        {"CRDT.READY a", "-ERR Command not allowed inside a transaction"},
        {"DISCARD", "+OK"},
    };
    static char       say[1100000] = "CRDT.READY ";
    nodes            *cluster = start_in_memory(1);
    const char *const flags[] = {"--cluster", "other", NULL};
    nodes_options     options = nodes_options_default();
    options.store = "memory";
    options.alone = true;
    options.flags = flags;
    nodes *other = start_with(&options);
    talk  *t = connect_to(cluster, 0), *elsewhere = connect_to(other, 0);
    CONVERSE(t, lines);
    expect(elsewhere, "SET k 1", "+OK");
    expect(t, ready_line(elsewhere, "1000"),
           "-BADTOKEN not a token of this cluster: of another cluster");
    memset(say + 11, 'A', sizeof say - 12);
    expect(t, say, "-BADTOKEN not a token of this cluster: it is too long");
    expect(t, "PING", "+PONG");
    talk_free(t);
    talk_free(elsewhere);
    nodes_free(cluster);
    nodes_free(other);
}
