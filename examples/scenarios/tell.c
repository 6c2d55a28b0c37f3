/* tell.c: see tell.h. */
#include "examples/scenarios/tell.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/node/lib/nodes.h"

#define REPLY_MAX 2048u
#define REPLIES 16u
#define WORDS_MAX 16
#define SETTLE_MS 60000u

static int                claims, failed;
static nodes             *stage;
static const char *const *stage_names;

/* -- Sentences --------------------------------------------------------------------------------- */

void tell(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    vprintf(format, list);
    va_end(list);
    putchar('\n');
}

void claim(bool holds, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    fputs(holds ? "  [true] " : "  [FALSE] ", stdout);
    vprintf(format, list);
    va_end(list);
    putchar('\n');
    claims++;
    failed += !holds;
}

void give_up(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    fflush(stdout);
    vfprintf(stderr, format, list);
    va_end(list);
    fputc('\n', stderr);
    nodes_free(stage);
    exit(2);
}

int tell_end(void)
{
    nodes_free(stage);
    stage = NULL;
    printf("\n%d claims, %d of them false.\n", claims, failed);
    return failed == 0 && claims > 0 ? 0 : 1;
}

bool same(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

/* -- Nodes ------------------------------------------------------------------------------------- */

void stage_open(uint32_t count, const char *const *names)
{
    char          problem[512];
    nodes_options options = nodes_options_default();
    options.count = count;
    options.store = "memory";
    options.demo = true;
    stage_names = names;
    stage = nodes_new(&options, problem);
    if (stage == NULL) give_up("%s", problem);
    if (!nodes_start_all(stage)) give_up("%s", nodes_problem(stage));
}

void stage_cut(uint64_t mask)
{
    if (!nodes_cut(stage, mask)) give_up("%s", nodes_problem(stage));
}

void stage_scatter(void)
{
    for (uint32_t i = 0; i < nodes_count(stage); i++) {
        if (!nodes_ok(stage, i, "CRDT.PARTITION")) give_up("%s", nodes_problem(stage));
    }
}

void stage_settle(void)
{
    if (!nodes_settle(stage, SETTLE_MS)) give_up("%s", nodes_problem(stage));
}

void stage_heal(void)
{
    if (!nodes_heal(stage)) give_up("%s", nodes_problem(stage));
    stage_settle();
}

void stage_pause(void)
{
    nodes_sleep_ms(5);
}

/* -- Asking ------------------------------------------------------------------------------------ */

static int by_text(const void *a, const void *b)
{
    const char *const *x = a, *const *y = b;
    return strcmp(*x, *y);
}

static void write_reply(const redisReply *reply, char out[REPLY_MAX]);

static void write_array(const redisReply *reply, char out[REPLY_MAX])
{
    size_t used = 1;
    char **parts = calloc(reply->elements + 1, sizeof *parts);
    for (size_t i = 0; parts != NULL && i < reply->elements; i++) {
        parts[i] = malloc(REPLY_MAX);
        if (parts[i] == NULL) give_up("no memory");
        write_reply(reply->element[i], parts[i]);
    }
    if (parts == NULL) give_up("no memory");
    qsort(parts, reply->elements, sizeof *parts, by_text);
    snprintf(out, REPLY_MAX, "[");
    for (size_t i = 0; i < reply->elements && used < REPLY_MAX; i++) {
        used += (size_t)snprintf(out + used, REPLY_MAX - used, "%s%s", i > 0 ? ", " : "", parts[i]);
        free(parts[i]);
    }
    if (used + 2 > REPLY_MAX) give_up("a reply is too long to be told");
    snprintf(out + used, REPLY_MAX - used, "]");
    free(parts);
}

static void write_reply(const redisReply *reply, char out[REPLY_MAX])
{
    switch (reply->type) {
    case REDIS_REPLY_INTEGER: snprintf(out, REPLY_MAX, "%lld", reply->integer); break;
    case REDIS_REPLY_NIL: snprintf(out, REPLY_MAX, "nil"); break;
    case REDIS_REPLY_ARRAY: write_array(reply, out); break;
    default: snprintf(out, REPLY_MAX, "%s", reply->str); break;
    }
}

/* Words of the line, which is cut up. */
static int split(char *line, const char *argv[WORDS_MAX])
{
    int argc = 0;
    for (char *at = line; *at != 0 && argc < WORDS_MAX;) {
        char end = ' ';
        if (*at == '\'') end = *at++;
        argv[argc++] = at;
        while (*at != 0 && *at != end) at++;
        if (*at != 0) *at++ = 0;
        while (*at == ' ') at++;
    }
    return argc;
}

static redisReply *say(uint32_t node, const char *line, bool refused)
{
    char        words[REPLY_MAX];
    const char *argv[WORDS_MAX];
    snprintf(words, sizeof words, "%s", line);
    int         argc = split(words, argv);
    redisReply *reply = nodes_command_argv(stage, node, argc, argv, NULL);
    if (reply == NULL) give_up("%s", nodes_problem(stage));
    if ((reply->type == REDIS_REPLY_ERROR) != refused) {
        give_up("%s> %s: %s", stage_names[node], line, refused ? "was not refused" : reply->str);
    }
    return reply;
}

static const char *do_ask(uint32_t node, const char *line, bool refused)
{
    static char     replies[REPLIES][REPLY_MAX];
    static uint32_t turn;
    char           *out = replies[turn++ % REPLIES];
    redisReply     *reply = say(node, line, refused);
    write_reply(reply, out);
    freeReplyObject(reply);
    return out;
}

TELL_FORMAT(2, 0)
static void write_line(char line[REPLY_MAX], const char *format, va_list list)
{
    if (vsnprintf(line, REPLY_MAX, format, list) >= (int)REPLY_MAX) give_up("too long: %s", line);
}

const char *ask(uint32_t node, const char *format, ...)
{
    char    line[REPLY_MAX];
    va_list list;
    va_start(list, format);
    write_line(line, format, list);
    va_end(list);
    return do_ask(node, line, false);
}

struct redisReply *stage_reply(uint32_t node, const char *format, ...)
{
    char    line[REPLY_MAX];
    va_list list;
    va_start(list, format);
    write_line(line, format, list);
    va_end(list);
    return say(node, line, false);
}

/* Of hashes of 32 digits the first eight are enough for people. */
static void print_short(const char *text)
{
    while (*text != 0) {
        size_t digits = strspn(text, "0123456789abcdef");
        if (digits == 32) printf("%.8s..", text);
        else printf("%.*s", (int)(digits > 0 ? digits : 1), text);
        text += digits > 0 ? digits : 1;
    }
}

static void print_exchange(uint32_t node, const char *line, const char *between, const char *reply)
{
    printf("  %s> ", stage_names[node]);
    print_short(line);
    fputs(between, stdout);
    print_short(reply);
    putchar('\n');
}

const char *show(uint32_t node, const char *format, ...)
{
    char    line[REPLY_MAX];
    va_list list;
    va_start(list, format);
    write_line(line, format, list);
    va_end(list);
    const char *reply = do_ask(node, line, false);
    bool        plain = same(reply, "OK");
    print_exchange(node, line, plain ? "" : "   -> ", plain ? "" : reply);
    return reply;
}

const char *show_refused(uint32_t node, const char *format, ...)
{
    char    line[REPLY_MAX];
    va_list list;
    va_start(list, format);
    write_line(line, format, list);
    va_end(list);
    const char *reply = do_ask(node, line, true);
    print_exchange(node, line, "   -> refused: ", reply);
    return reply;
}

const char *ask_all(const char *format, ...)
{
    char    line[REPLY_MAX];
    va_list list;
    va_start(list, format);
    write_line(line, format, list);
    va_end(list);
    const char *first = do_ask(0, line, false);
    for (uint32_t i = 1; i < nodes_count(stage); i++) {
        if (!same(do_ask(i, line, false), first)) return "(differs)";
    }
    return first;
}

/* The value of a field of a map; NULL: there is none. */
static const redisReply *field(const redisReply *map, const char *name)
{
    for (size_t i = 0; i + 1 < map->elements; i += 2) {
        if (map->element[i]->str != NULL && same(map->element[i]->str, name)) {
            return map->element[i + 1];
        }
    }
    return NULL;
}

const char *ask_contents(uint32_t node, const char *key)
{
    static char     texts[4][REPLY_MAX];
    static uint32_t turn;
    char           *out = texts[turn++ % 4], *others[8];
    size_t          count = 0, used = 0;
    redisReply     *reply = nodes_command(stage, node, "CRDT.CONFLICTS %s", key);
    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY) give_up("%s", nodes_problem(stage));
    const redisReply *list = field(reply, "contents");
    for (size_t i = 0; list != NULL && i < list->elements; i++) {
        const redisReply *shows = field(list->element[i], "shows");
        const redisReply *value = field(list->element[i], "value");
        if (shows == NULL || value == NULL || count == 8) give_up("a reply is not as documented");
        if (shows->integer) used = (size_t)snprintf(out, REPLY_MAX, "%s", value->str);
        else others[count++] = value->str;
    }
    qsort(others, count, sizeof *others, by_text);
    for (size_t i = 0; i < count && used < REPLY_MAX; i++) {
        used += (size_t)snprintf(out + used, REPLY_MAX - used, " | %s", others[i]);
    }
    freeReplyObject(reply);
    return out;
}
