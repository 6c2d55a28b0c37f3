/* json.c: see json.h. */
#define _POSIX_C_SOURCE 200809L
#include "tests/lib/json.h"

#include <stdio.h>
#include <string.h>

void json_init(json *j, const void *text, size_t size)
{
    j->start = j->at = text;
    j->end = j->at + size;
    j->error = NULL;
    j->fresh = false;
}

size_t json_offset(const json *j)
{
    return (size_t)(j->at - j->start);
}

static void fail(json *j, const char *error)
{
    if (j->error == NULL) j->error = error;
}

/* The next character that is no blank; 0 at the end or after an error. */
static char peek(json *j)
{
    while (j->at < j->end && strchr(" \t\r\n", *j->at) != NULL && *j->at != 0) j->at++;
    return j->at < j->end && j->error == NULL ? *j->at : 0;
}

static bool take(json *j, char c, const char *otherwise)
{
    if (peek(j) == c && c != 0) {
        j->at++;
        return true;
    }
    fail(j, otherwise);
    return false;
}

void json_open(json *j, char bracket)
{
    if (take(j, bracket, bracket == '[' ? "an array is missing" : "an object is missing")) {
        j->fresh = true;
    }
}

/* Past the comma to the next member, or past the end. */
static bool member(json *j, char close)
{
    bool fresh = j->fresh;
    j->fresh = false;
    if (peek(j) == close) {
        j->at++;
        return false;
    }
    if (!fresh && !take(j, ',', "a comma is missing")) return false;
    if (peek(j) == close || peek(j) == 0) fail(j, "a value is missing");
    return j->error == NULL;
}

bool json_item(json *j)
{
    return member(j, ']');
}

bool json_key(json *j, char *ret_key, size_t size)
{
    crdt_buf key;
    ret_key[0] = 0;
    if (!member(j, '}')) return false;
    crdt_buf_init(&key, NULL);
    json_string(j, &key);
    if (key.size >= size || memchr(key.data, 0, key.size) != NULL) fail(j, "an unknown key");
    else memcpy(ret_key, key.data, key.size), ret_key[key.size] = 0;
    crdt_buf_clear(&key);
    (void)take(j, ':', "a colon is missing");
    return j->error == NULL;
}

int64_t json_int(json *j)
{
    int64_t     n = 0;
    bool        negative = peek(j) == '-';
    const char *first = j->at += negative;
    for (; j->at < j->end && *j->at >= '0' && *j->at <= '9' && j->at - first < 16; j->at++) {
        n = n * 10 + (*j->at - '0');
    }
    bool more = j->at < j->end && strchr(".eE", *j->at) != NULL;
    if (j->at == first || j->at - first > 15 || more) fail(j, "no integer, or a large one");
    if (j->at - first > 1 && *first == '0') fail(j, "a number with a leading zero");
    return j->error != NULL ? 0 : negative ? -n : n;
}

/* -- Strings --------------------------------------------------------------------------------- */

static uint32_t hex4(json *j)
{
    uint32_t n = 0;
    for (int i = 0; i < 4; i++, j->at++) {
        static const char digits[] = "0123456789abcdefABCDEF";
        const char       *digit = j->at < j->end && *j->at != 0 ? strchr(digits, *j->at) : NULL;
        if (digit == NULL) {
            fail(j, "a wrong \\u escape");
            return 0;
        }
        uint32_t value = (uint32_t)(digit - digits);
        n = n * 16 + (value > 15 ? value - 6 : value);
    }
    return n;
}

static void put_code_point(crdt_buf *out, uint32_t c)
{
    if (c < 0x80) {
        crdt_buf_byte(out, (uint8_t)c);
        return;
    }
    unsigned more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    crdt_buf_byte(out, (uint8_t)((0xff00u >> (more + 1) & 0xffu) | c >> (6 * more)));
    while (more-- > 0) crdt_buf_byte(out, (uint8_t)(0x80 | (c >> (6 * more) & 0x3f)));
}

static void escape(json *j, crdt_buf *out)
{
    static const char names[] = "\"\\/bfnrt", means[] = "\"\\/\b\f\n\r\t";
    char              c = j->at < j->end ? *j->at++ : 0;
    if (c != 'u') {
        const char *name = c == 0 ? NULL : strchr(names, c);
        if (name == NULL) fail(j, "an unknown escape");
        else crdt_buf_byte(out, (uint8_t)means[name - names]);
        return;
    }
    uint32_t first = hex4(j);
    if (first >= 0xd800 && first < 0xdc00 && j->end - j->at >= 2 && j->at[0] == '\\' &&
        j->at[1] == 'u') {
        j->at += 2;
        uint32_t second = hex4(j);
        if (second >= 0xdc00 && second < 0xe000) {
            first = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
        }
    }
    if (first >= 0xd800 && first < 0xe000) fail(j, "half a surrogate pair");
    else put_code_point(out, first);
}

void json_string(json *j, crdt_buf *out)
{
    if (!take(j, '"', "a string is missing")) return;
    while (j->error == NULL) {
        const char *first = j->at;
        while (j->at < j->end && *j->at != '"' && *j->at != '\\' && (uint8_t)*j->at >= 0x20) {
            j->at++;
        }
        crdt_buf_put(out, first, (size_t)(j->at - first));
        if (j->at == j->end || (uint8_t)*j->at < 0x20) fail(j, "a string without its end");
        else if (*j->at++ == '"') return;
        else escape(j, out);
    }
}

/* -- What nobody asked for ------------------------------------------------------------------- */

static void skip_word(json *j)
{
    static const char *const words[] = {"true", "false", "null"};
    for (size_t i = 0; i < 3; i++) {
        size_t size = strlen(words[i]);
        if ((size_t)(j->end - j->at) < size || memcmp(j->at, words[i], size) != 0) continue;
        j->at += size;
        return;
    }
    const char *first = j->at;
    while (j->at < j->end && strchr("+-.eE0123456789", *j->at) != NULL && *j->at != 0) j->at++;
    if (j->at == first) fail(j, "no value");
}

void json_skip(json *j)
{
    char     open[64], key[256];
    unsigned depth = 0;
    crdt_buf text;
    crdt_buf_init(&text, NULL);
    do {
        char c = peek(j);
        if (c == '[' || c == '{') {
            if (depth == sizeof open) fail(j, "nested too deep");
            else json_open(j, open[depth++] = c);
        } else if (c == '"') {
            json_string(j, &text);
        } else {
            skip_word(j);
        }
        while (depth > 0 && j->error == NULL &&
               !(open[depth - 1] == '[' ? json_item(j) : json_key(j, key, sizeof key))) {
            depth--;
        }
    } while (depth > 0 && j->error == NULL);
    crdt_buf_clear(&text);
}

void json_end(json *j)
{
    (void)peek(j);
    if (j->at != j->end) fail(j, "more behind the value");
}

/* -- Files ----------------------------------------------------------------------------------- */

bool json_unzip(const char *path, crdt_buf *out)
{
    char  command[1000], block[65536];
    FILE *file = strchr(path, '\'') == NULL ? fopen(path, "rb") : NULL;
    if (file == NULL) return false;
    fclose(file);
    int size = snprintf(command, sizeof command, "gzip -dc '%s'", path);
    if (size < 0 || (size_t)size >= sizeof command) return false;
    FILE *pipe = popen(command, "r");
    if (pipe == NULL) return false;
    for (size_t n; (n = fread(block, 1, sizeof block, pipe)) > 0;) crdt_buf_put(out, block, n);
    return pclose(pipe) == 0 && crdt_buf_status(out) == CRDT_OK;
}
