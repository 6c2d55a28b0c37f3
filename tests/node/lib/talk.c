#define _POSIX_C_SOURCE 200809L /* fdopen */
/* talk.c: see talk.h. */
#include "tests/node/lib/talk.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define WAIT_SECONDS 20
#define WORDS_MAX 64

struct talk {
    int    fd;
    FILE  *in;
    char  *text;
    size_t size, cap;
};

talk *talk_new(uint16_t port)
{
    talk              *t = calloc(1, sizeof *t);
    struct timeval     wait = {WAIT_SECONDS, 0};
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (t == NULL) return NULL;
    t->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (t->fd >= 0 && connect(t->fd, (struct sockaddr *)&to, sizeof to) == 0 &&
        setsockopt(t->fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) == 0) {
        t->in = fdopen(t->fd, "r");
    }
    if (t->in != NULL) return t;
    if (t->fd >= 0) close(t->fd);
    free(t);
    return NULL;
}

void talk_free(talk *t)
{
    if (t == NULL) return;
    fclose(t->in);
    free(t->text);
    free(t);
}

void talk_raw(talk *t, const void *bytes, size_t size)
{
    const char *at = bytes;
    while (size > 0) {
        ssize_t n = send(t->fd, at, size, MSG_NOSIGNAL);
        if (n <= 0) return; /* the read that follows tells */
        at += n;
        size -= (size_t)n;
    }
}

void talk_send(talk *t, const char *line)
{
    const char *words[WORDS_MAX];
    size_t      sizes[WORDS_MAX], count = 0;
    char        head[32];
    while (count < WORDS_MAX && *(line += strspn(line, " ")) != 0) {
        bool quoted = *line == '\'';
        if (quoted) line++;
        words[count] = line;
        sizes[count] = strcspn(line, quoted ? "'" : " ");
        line += sizes[count] + quoted;
        count++;
    }
    talk_raw(t, head, (size_t)snprintf(head, sizeof head, "*%zu\r\n", count));
    for (size_t i = 0; i < count; i++) {
        talk_raw(t, head, (size_t)snprintf(head, sizeof head, "$%zu\r\n", sizes[i]));
        talk_raw(t, words[i], sizes[i]);
        talk_raw(t, "\r\n", 2);
    }
}

/* -- Replies as text --------------------------------------------------------------------------- */

static void put(talk *t, const char *bytes, size_t size)
{
    if (t->size + size + 1 > t->cap) {
        t->cap = (t->size + size + 1) * 2;
        t->text = realloc(t->text, t->cap);
        if (t->text == NULL) abort();
    }
    memcpy(t->text + t->size, bytes, size);
    t->size += size;
    t->text[t->size] = 0;
}

__attribute__((format(printf, 2, 3))) static void say(talk *t, const char *format, ...)
{
    char    text[512];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    put(t, text, n < (int)sizeof text ? (size_t)n : sizeof text - 1);
}

static void read_one(talk *t);

static void read_bulk(talk *t, const char *prefix, long size)
{
    if (size < 0) {
        say(t, "nil");
        return;
    }
    char *bytes = malloc((size_t)size + 2);
    if (bytes == NULL) abort();
    size_t got = fread(bytes, 1, (size_t)size + 2, t->in);
    size_t skip = *prefix != 0 && size >= 4 ? 4 : 0;
    if (skip > 0) say(t, "%.3s:", bytes);
    say(t, "'");
    for (size_t i = skip; i < got && i < (size_t)size; i++) {
        unsigned char byte = (unsigned char)bytes[i];
        if (byte == '\n') say(t, "\\n");
        else if (byte == '\r') say(t, "\\r");
        else if (byte < 0x20) say(t, "\\x%02x", byte);
        else put(t, &bytes[i], 1);
    }
    say(t, "'");
    free(bytes);
}

static void read_many(talk *t, const char *open, const char *close, long count, bool pairs)
{
    if (count < 0) {
        say(t, "nil[]");
        return;
    }
    say(t, "%s", open);
    for (long i = 0; i < count; i++) {
        if (i > 0) say(t, ", ");
        read_one(t);
        if (!pairs) continue;
        say(t, ": ");
        read_one(t);
    }
    say(t, "%s", close);
}

static void read_one(talk *t)
{
    char line[4096];
    if (fgets(line, sizeof line, t->in) == NULL) {
        say(t, "closed");
        return;
    }
    line[strcspn(line, "\r\n")] = 0;
    long n = strtol(line + 1, NULL, 10);
    switch (line[0]) {
    case '$': read_bulk(t, "", n); break;
    case '=': read_bulk(t, "=", n); break;
    case '*': read_many(t, "[", "]", n, false); break;
    case '~': read_many(t, "~[", "]", n, false); break;
    case '>': read_many(t, ">[", "]", n, false); break;
    case '%': read_many(t, "{", "}", n, true); break;
    case '_': say(t, "nil"); break;
    default: say(t, "%s", line); break;
    }
}

const char *talk_read(talk *t)
{
    t->size = 0;
    read_one(t);
    return t->text;
}

const char *talk_say(talk *t, const char *line)
{
    talk_send(t, line);
    return talk_read(t);
}
