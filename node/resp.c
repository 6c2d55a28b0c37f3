#include "node/resp.h"

#include <stdio.h>
#include <string.h>

#include "node/number.h"

enum {
    FEW = 16,         /* room for words is made for so many at first */
    KEPT = 256,       /* and kept for the next request up to so many */
    KEPT_TEXT = 1024, /* bytes */
    ANONYMOUS_WORDS = 10,
    ANONYMOUS_BYTES = 16384,
};

resp_limits resp_limits_default(void)
{
    return (resp_limits){.args = 1 << 20, .bulk = (size_t)512 << 20, .inline_line = 64 << 10};
}

void resp_init(resp_parser *p, const crdt_mem *mem, resp_limits limits)
{
    memset(p, 0, sizeof *p);
    p->limits = limits;
    crdt_buf_init(&p->text, mem);
}

static void release_words(resp_parser *p)
{
    const crdt_mem *mem = p->text.mem;
    if (p->cap > 0) mem->release(mem->user, p->views, p->cap * sizeof *p->views);
    p->views = NULL;
    p->cap = 0;
}

void resp_clear(resp_parser *p)
{
    release_words(p);
    crdt_buf_clear(&p->text);
}

/* Room for one more word. */
static bool more_words(resp_parser *p)
{
    const crdt_mem *mem = p->text.mem;
    size_t          cap = p->cap == 0 ? FEW : 2 * p->cap, size = cap * sizeof *p->views;
    crdt_view      *views;
    if (p->cap == 0) views = mem->alloc(mem->user, size);
    else views = mem->resize(mem->user, p->views, p->cap * sizeof *views, size);
    if (views == NULL) return false;
    p->views = views;
    p->cap = cap;
    return true;
}

/* Forget the last request, and what was large in it. */
static void start(resp_parser *p)
{
    p->at = p->searched = p->words = p->count = 0;
    p->in_word = p->stopped = p->done = false;
    if (p->cap > KEPT) release_words(p);
    if (p->text.cap > KEPT_TEXT) crdt_buf_clear(&p->text);
    crdt_buf_reset(&p->text);
}

void resp_restart(resp_parser *p)
{
    start(p);
    p->failed = false;
}

static resp_status fail(resp_parser *p, const char *text)
{
    p->failed = true;
    snprintf(p->error, sizeof p->error, "%s", text);
    return RESP_ERROR;
}

static resp_status need(resp_parser *p, size_t bytes)
{
    p->need = bytes;
    return RESP_MORE;
}

/* -- Lines that hold a length ------------------------------------------------------------------ */

typedef enum length_status { LENGTH, LENGTH_MORE, LENGTH_LONG, LENGTH_WRONG } length_status;

/* Of any form: negative, wrong, or not all there. */
static length_status odd_length(resp_parser *p, const uint8_t *data, size_t size, int64_t *ret)
{
    size_t         from = p->searched > p->at ? p->searched : p->at;
    const uint8_t *end = size > from ? memchr(data + from, '\r', size - from) : NULL;
    size_t         line = (end == NULL ? size : (size_t)(end - data)) - p->at;
    p->searched = p->at + line;
    if (line > p->limits.inline_line) return LENGTH_LONG;
    if (end == NULL || p->searched + 1 == size) return LENGTH_MORE;
    if (end[1] != '\n') return LENGTH_WRONG;
    if (!number_int64(crdt_view_of(data + p->at + 1, line - 1), ret)) return LENGTH_WRONG;
    p->at += line + 2;
    return LENGTH;
}

/* The number in the line at p->at, behind the byte that says of what. Moves p->at behind it. */
static inline length_status read_length(resp_parser *p, const uint8_t *data, size_t size,
                                        int64_t *ret)
{
    const uint8_t *first = data + p->at + 1, *at = first, *end = data + size;
    int64_t        n = 0;
    if (end - at > 12) end = at + 12;
    while (at < end && (unsigned)(*at - '0') < 10) n = 10 * n + (*at++ - '0');
    if (end - at >= 2 && at[0] == '\r' && at[1] == '\n' && at > first &&
        (*first != '0' || at - first == 1)) {
        p->at = (size_t)(at - data) + 2;
        *ret = n;
        return LENGTH;
    }
    return odd_length(p, data, size, ret);
}

/* How many words: p->words, 0 for an empty request. RESP_REQUEST: read. */
static resp_status read_count(resp_parser *p, const uint8_t *data, size_t size)
{
    int64_t n = 0;
    switch (read_length(p, data, size, &n)) {
    case LENGTH_MORE: return need(p, size + 1);
    case LENGTH_LONG: return fail(p, "Protocol error: too big mbulk count string");
    case LENGTH_WRONG: return fail(p, "Protocol error: invalid multibulk length");
    case LENGTH: break;
    }
    if (n > 0 && (uint64_t)n > p->limits.args) {
        return fail(p, "Protocol error: invalid multibulk length");
    }
    if (n > ANONYMOUS_WORDS && p->anonymous) {
        return fail(p, "Protocol error: unauthenticated multibulk length");
    }
    p->words = n > 0 ? (size_t)n : 0;
    p->first = p->at;
    return RESP_REQUEST;
}

static resp_status not_a_word(resp_parser *p, uint8_t c)
{
    char text[] = "Protocol error: expected '$', got 'x'";
    if (c == '\r' || c == '\n') c = ' ';
    text[sizeof text - 3] = c < ' ' || c > '~' ? '?' : (char)c;
    return fail(p, text);
}

/* How long the next word is: p->word_bytes. RESP_REQUEST: read. */
static resp_status read_word_length(resp_parser *p, const uint8_t *data, size_t size)
{
    int64_t n = 0;
    if (p->at >= size) return need(p, p->at + 4);
    if (data[p->at] != '$') return not_a_word(p, data[p->at]);
    switch (read_length(p, data, size, &n)) {
    case LENGTH_MORE: return need(p, size + 1);
    case LENGTH_LONG: return fail(p, "Protocol error: too big bulk count string");
    case LENGTH_WRONG: return fail(p, "Protocol error: invalid bulk length");
    case LENGTH: break;
    }
    if (n < 0 || (uint64_t)n > p->limits.bulk) {
        return fail(p, "Protocol error: invalid bulk length");
    }
    if (n > ANONYMOUS_BYTES && p->anonymous) {
        return fail(p, "Protocol error: unauthenticated bulk length");
    }
    p->word_bytes = (size_t)n;
    p->in_word = true;
    return RESP_REQUEST;
}

/* The bytes moved since some words were read: find all again. */
static void find_words(resp_parser *p, const uint8_t *data)
{
    char           digits[NUMBER_INT_MAX];
    const uint8_t *at = data + p->first;
    for (size_t i = 0; i < p->count; i++) {
        size_t size = p->views[i].size;
        at += 3 + number_print_uint64(size, digits);
        p->views[i].data = at;
        at += size + 2;
    }
}

static resp_status read_words(resp_parser *p, const uint8_t *data, size_t size)
{
    while (p->count < p->words) {
        if (!p->in_word) {
            resp_status status = read_word_length(p, data, size);
            if (status != RESP_REQUEST) return status;
        }
        if (size - p->at < p->word_bytes + 2) return need(p, p->at + p->word_bytes + 2);
        const uint8_t *word = data + p->at, *end = word + p->word_bytes;
        if (end[0] != '\r' || end[1] != '\n') {
            return fail(p, "Protocol error: expected CRLF after a bulk string");
        }
        if (p->count == p->cap && !more_words(p)) return fail(p, "out of memory");
        p->views[p->count++] = crdt_view_of(word, p->word_bytes);
        p->at += p->word_bytes + 2;
        p->in_word = false;
    }
    if (p->stopped) find_words(p, data);
    return RESP_REQUEST;
}

/* -- Inline commands --------------------------------------------------------------------------- */

typedef struct splitter {
    resp_parser   *p;
    const uint8_t *at, *end;
} splitter;

static bool is_blank(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9') return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* What follows a backslash in "...". */
static uint8_t escaped(splitter *s)
{
    static const char names[] = "nrtba", bytes[] = "\n\r\t\b\a";
    uint8_t           c = *s->at++;
    if (c == 'x' && s->end - s->at >= 2 && hex_digit(s->at[0]) >= 0 && hex_digit(s->at[1]) >= 0) {
        s->at += 2;
        return (uint8_t)(hex_digit(s->at[-2]) * 16 + hex_digit(s->at[-1]));
    }
    const char *name = c == 0 ? NULL : strchr(names, c);
    return name == NULL ? c : (uint8_t)bytes[name - names];
}

/* Behind an opening quote, up to and with the closing one. */
static bool split_quoted(splitter *s, uint8_t quote)
{
    while (s->at < s->end) {
        uint8_t c = *s->at++;
        if (c == quote) return s->at == s->end || is_blank(*s->at);
        if (c == '\\' && s->at < s->end) {
            if (quote == '"') c = escaped(s);
            else if (*s->at == '\'') c = *s->at++;
        }
        crdt_buf_byte(&s->p->text, c);
    }
    return false;
}

static bool split_word(splitter *s)
{
    while (s->at < s->end) {
        uint8_t c = *s->at;
        if (c == ' ' || c == '\n' || c == '\r' || c == '\t') return true;
        s->at++;
        if (c == '"' || c == '\'') return split_quoted(s, c);
        crdt_buf_byte(&s->p->text, c);
    }
    return true;
}

bool resp_split(resp_parser *p, crdt_view line, crdt_view **ret_words, size_t *ret_count)
{
    splitter s = {.p = p, .at = line.size > 0 ? line.data : (const uint8_t *)""};
    start(p);
    s.end = s.at + line.size;
    for (;;) {
        while (s.at < s.end && is_blank(*s.at)) s.at++;
        if (s.at == s.end) break;
        if (p->count == p->cap && !more_words(p)) p->text.failed = true;
        size_t place = p->text.size;
        if (p->text.failed || !split_word(&s)) return false;
        p->views[p->count++].size = p->text.size - place;
    }
    if (p->text.failed) return false;
    /* Words of no bytes may be all there is. */
    const uint8_t *at = p->text.data == NULL ? (const uint8_t *)"" : p->text.data;
    for (size_t i = 0; i < p->count; at += p->views[i++].size) p->views[i].data = at;
    *ret_words = p->views;
    *ret_count = p->count;
    return true;
}

/* RESP_REQUEST: read, perhaps no words; p->at is behind it. */
static resp_status read_inline(resp_parser *p, const uint8_t *data, size_t size)
{
    size_t         from = p->searched, most = p->limits.inline_line + 1;
    size_t         till = size < most ? size : most;
    const uint8_t *end = memchr(data + from, '\n', till - from);
    size_t         line = end == NULL ? till : (size_t)(end - data);
    crdt_view     *words;
    if (memchr(data + from, 0, line - from) != NULL) {
        return fail(p, "Protocol error: NUL in an inline request");
    }
    if (end == NULL && size >= most) return fail(p, "Protocol error: too big inline request");
    if (end == NULL) {
        p->searched = size;
        return need(p, size + 1);
    }
    size_t bytes = line > 0 && end[-1] == '\r' ? line - 1 : line;
    if (!resp_split(p, crdt_view_of(data, bytes), &words, &p->count)) {
        return fail(p, p->text.failed ? "out of memory"
                                      : "Protocol error: unbalanced quotes in request");
    }
    p->at = line + 1;
    return RESP_REQUEST;
}

/* One request or empty request from its first byte on, or from where that stopped; size > 0. */
static resp_status read_request(resp_parser *p, const uint8_t *data, size_t size)
{
    if (p->words == 0) {
        if (data[0] != '*') return read_inline(p, data, size);
        resp_status status = read_count(p, data, size);
        if (status != RESP_REQUEST) return status;
    }
    return read_words(p, data, size);
}

resp_status resp_parse(resp_parser *p, const uint8_t *data, size_t size, crdt_view **ret_args,
                       size_t *ret_count, size_t *ret_used, const char **ret_error)
{
    resp_status status = RESP_ERROR;
    size_t      used = 0;
    if (p->done) start(p);
    while (!p->failed) {
        status = used == size ? need(p, 1) : read_request(p, data + used, size - used);
        if (status != RESP_REQUEST || p->count > 0) break;
        used += p->at;
        start(p);
    }
    if (status == RESP_MORE && p->count > 0) p->stopped = true;
    p->done = status == RESP_REQUEST;
    *ret_used = p->done ? used + p->at : used;
    *ret_args = p->views;
    *ret_count = p->count;
    *ret_error = p->failed ? p->error : NULL;
    return status;
}
