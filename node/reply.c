#include "node/reply.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "node/number.h"

/* Of the line of a length or number: its mark, digits, CR, LF. */
enum { LINE_MAX_BYTES = 1 + NUMBER_INT_MAX + 2 };

/* Room for so many bytes: where they go; NULL: out of memory. */
static inline uint8_t *room(reply *r, size_t bytes)
{
    crdt_buf *out = r->out;
    if (out->cap - out->size < bytes && !crdt_buf_reserve(out, bytes)) return NULL;
    return out->data + out->size;
}

static inline void put(reply *r, const char *bytes, size_t size)
{
    uint8_t *at = room(r, size);
    if (at == NULL) return;
    memcpy(at, bytes, size);
    r->out->size += size;
}

#define PUT(r, literal) put((r), (literal), sizeof(literal) - 1)

/* A mark, a decimal and a line end at at; gives what is behind them. */
static inline uint8_t *line_at(uint8_t *at, char mark, int64_t n)
{
    *at++ = (uint8_t)mark;
    if (n >= 0 && n < 10) *at++ = (uint8_t)('0' + n);
    else at += number_print_int64(n, (char *)at);
    *at++ = '\r';
    *at++ = '\n';
    return at;
}

static inline void line(reply *r, char mark, int64_t n)
{
    uint8_t *at = room(r, LINE_MAX_BYTES);
    if (at != NULL) r->out->size += (size_t)(line_at(at, mark, n) - at);
}

void reply_ok(reply *r)
{
    PUT(r, "+OK\r\n");
}

void reply_simple(reply *r, const char *text)
{
    size_t   size = strlen(text);
    uint8_t *at = room(r, size + 3);
    if (at == NULL) return;
    *at = '+';
    memcpy(at + 1, text, size);
    memcpy(at + 1 + size, "\r\n", 2);
    r->out->size += size + 3;
}

void reply_error(reply *r, const char *format, ...)
{
    char    text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    for (char *at = text; (at = strpbrk(at, "\r\n")) != NULL;) *at = ' ';
    size_t   size = strlen(text);
    uint8_t *at = room(r, size + 3);
    if (at == NULL) return;
    *at = '-';
    memcpy(at + 1, text, size);
    memcpy(at + 1 + size, "\r\n", 2);
    r->out->size += size + 3;
}

void reply_int(reply *r, int64_t n)
{
    line(r, ':', n);
}

void reply_int128(reply *r, crdt_i128 n)
{
    char   digits[1 + NUMBER_INT128_MAX + 2];
    size_t size;
    if (n.hi == ((int64_t)n.lo < 0 ? -1 : 0)) {
        reply_int(r, (int64_t)n.lo);
        return;
    }
    size = number_print_int128(n, digits + 1);
    if (r->protocol < 3) {
        reply_bulk(r, crdt_view_of(digits + 1, size));
        return;
    }
    digits[0] = '(';
    memcpy(digits + 1 + size, "\r\n", 2);
    put(r, digits, size + 3);
}

void reply_bulk(reply *r, crdt_view bytes)
{
    uint8_t *at = room(r, LINE_MAX_BYTES + bytes.size + 2), *to;
    if (at == NULL) return;
    to = line_at(at, '$', (int64_t)bytes.size);
    if (bytes.size > 0) memcpy(to, bytes.data, bytes.size);
    to += bytes.size;
    *to++ = '\r';
    *to++ = '\n';
    r->out->size += (size_t)(to - at);
}

void reply_text(reply *r, const char *text)
{
    reply_bulk(r, crdt_view_of(text, strlen(text)));
}

void reply_bulk_int(reply *r, int64_t n)
{
    char digits[NUMBER_INT_MAX];
    reply_bulk(r, crdt_view_of(digits, number_print_int64(n, digits)));
}

void reply_null(reply *r)
{
    if (r->protocol < 3) PUT(r, "$-1\r\n");
    else PUT(r, "_\r\n");
}

void reply_null_array(reply *r)
{
    if (r->protocol < 3) PUT(r, "*-1\r\n");
    else PUT(r, "_\r\n");
}

void reply_double(reply *r, double n)
{
    char   text[1 + NUMBER_DOUBLE_MAX + 2];
    size_t size = number_print_double(n, text + 1);
    if (r->protocol < 3) {
        reply_bulk(r, crdt_view_of(text + 1, size));
        return;
    }
    text[0] = ',';
    memcpy(text + 1 + size, "\r\n", 2);
    put(r, text, size + 3);
}

void reply_bool(reply *r, bool yes)
{
    if (r->protocol < 3) line(r, ':', yes);
    else put(r, yes ? "#t\r\n" : "#f\r\n", 4);
}

void reply_verbatim(reply *r, const char format[3], crdt_view text)
{
    if (r->protocol < 3) {
        reply_bulk(r, text);
        return;
    }
    uint8_t *at = room(r, LINE_MAX_BYTES + 4 + text.size + 2), *to;
    if (at == NULL) return;
    to = line_at(at, '=', (int64_t)text.size + 4);
    memcpy(to, format, 3);
    to[3] = ':';
    to += 4;
    if (text.size > 0) memcpy(to, text.data, text.size);
    to += text.size;
    *to++ = '\r';
    *to++ = '\n';
    r->out->size += (size_t)(to - at);
}

void reply_array(reply *r, size_t count)
{
    line(r, '*', (int64_t)count);
}

void reply_map(reply *r, size_t pairs)
{
    if (r->protocol < 3) line(r, '*', 2 * (int64_t)pairs);
    else line(r, '%', (int64_t)pairs);
}

void reply_set(reply *r, size_t count)
{
    line(r, r->protocol < 3 ? '*' : '~', (int64_t)count);
}

void reply_push(reply *r, size_t count)
{
    line(r, r->protocol < 3 ? '*' : '>', (int64_t)count);
}
