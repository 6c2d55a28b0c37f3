/* convert.c: JSON traces, gzip'd, to flat files.
 *
 *      convert [--chain N] IN.json.gz OUT.trace
 *
 * --chain N: N copies in a row, see trace_chain.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "bench/traces/trace.h"

static _Noreturn void fail(const char *path, const char *why)
{
    fprintf(stderr, "convert: %s: %s\n", path, why);
    exit(1);
}

static char *unzip(const char *path, size_t *ret_size)
{
    gzFile in = gzopen(path, "rb");
    char  *bytes = NULL;
    size_t size = 0, cap = 0;
    if (in == NULL) fail(path, "cannot be read");
    for (int got = 1; got > 0; size += (size_t)got) {
        if (cap - size < 1 << 20) {
            cap = cap * 2 + (2 << 20);
            bytes = realloc(bytes, cap);
            if (bytes == NULL) fail(path, "no room");
        }
        got = gzread(in, bytes + size, 1 << 20);
        if (got < 0) fail(path, "is damaged");
    }
    gzclose(in);
    *ret_size = size;
    return bytes;
}

/* A number of 32 bits. */
static uint32_t number(const json_t *v, const char *path)
{
    json_int_t n = json_integer_value(v);
    if (!json_is_integer(v) || n < 0 || n > UINT32_MAX) fail(path, "a number that is none");
    return (uint32_t)n;
}

static void add_patch(trace *t, const json_t *patch, const char *path)
{
    const json_t *text = json_array_get(patch, 2);
    if (json_array_size(patch) != 3 || !json_is_string(text)) fail(path, "a patch that is none");
    trace_add_patch(t, number(json_array_get(patch, 0), path),
                    number(json_array_get(patch, 1), path), json_string_value(text),
                    (uint32_t)json_string_length(text));
}

static void add_txn(trace *t, const json_t *txn, const char *path)
{
    const json_t *parents = json_object_get(txn, "parents"), *patches, *patch;
    uint32_t      agent = 0, *list = calloc(json_array_size(parents) + 1, sizeof *list);
    size_t        i;
    if (list == NULL) fail(path, "no room");
    if (t->kind == TRACE_CONCURRENT) {
        agent = number(json_object_get(txn, "agent"), path);
        for (i = 0; i < json_array_size(parents); i++) {
            list[i] = number(json_array_get(parents, i), path);
        }
    }
    trace_add_txn(t, agent, list, t->kind == TRACE_CONCURRENT ? (uint32_t)i : 0);
    free(list);
    patches = json_object_get(txn, "patches");
    if (!json_is_array(patches)) fail(path, "a transaction without patches");
    json_array_foreach(patches, i, patch) add_patch(t, patch, path);
}

static void convert(const json_t *root, trace *t, const char *path)
{
    const json_t *kind = json_object_get(root, "kind"), *end = json_object_get(root, "endContent");
    const json_t *start = json_object_get(root, "startContent"), *txn;
    bool          concurrent = kind != NULL && strcmp(json_string_value(kind), "concurrent") == 0;
    size_t        i;
    if (json_string_length(start) > 0) fail(path, "does not start with an empty text");
    if (!json_is_string(end)) fail(path, "has no endContent");
    t->kind = concurrent ? TRACE_CONCURRENT : TRACE_SEQUENTIAL;
    json_array_foreach(json_object_get(root, "txns"), i, txn) add_txn(t, txn, path);
    trace_set_end(t, json_string_value(end), json_string_length(end));
}

static void save(const trace *t, const char *path)
{
    const char *why;
    if (!trace_check(t, &why)) fail(path, why);
    if (!trace_write(t, path)) fail(path, "cannot be written");
}

int main(int argc, char **argv)
{
    bool          chained = argc == 5 && strcmp(argv[1], "--chain") == 0;
    unsigned long copies = chained ? strtoul(argv[2], NULL, 10) : 1;
    if ((argc != 3 && !chained) || copies == 0 || copies > 1000) {
        fprintf(stderr, "usage: %s [--chain N] IN.json.gz OUT.trace\n", argv[0]);
        return 2;
    }
    const char  *in = argv[argc - 2], *out = argv[argc - 1];
    trace        t, chain;
    size_t       size;
    json_error_t error;
    char        *bytes = unzip(in, &size);
    json_t      *root = json_loadb(bytes, size, 0, &error);
    free(bytes);
    if (root == NULL) fail(in, error.text);
    memset(&t, 0, sizeof t);
    convert(root, &t, in);
    json_decref(root);
    if (chained) {
        trace_chain(&t, (uint32_t)copies, &chain);
        save(&chain, out);
        trace_clear(&chain);
    } else {
        save(&t, out);
    }
    trace_clear(&t);
    return 0;
}
