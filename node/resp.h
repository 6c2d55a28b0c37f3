/* resp.h: requests of the Redis protocol out of a stream of bytes: arrays of bulk strings, and
 * inline commands, whose words are split as in redis.conf.
 *
 * Shape    "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n", or "GET k\r\n": both are the words GET and k.
 * Splits   bytes may come in any pieces: same requests, same error at the same place. A parser
 *          keeps offsets, no pointers, so the bytes may move between calls; it goes on where it
 *          stopped, so the work is linear in the bytes for any pieces.
 * Memory   at most 8 times the bytes of a request that came, whatever its lengths promise, and
 *          4 KiB; of an inline command at most 32 times, and its line is short.
 * Source   redis.io, "Redis serialization protocol specification"; error texts are those of Redis
 *          7.0 where it has one.
 */
#ifndef NODE_RESP_H
#define NODE_RESP_H
#include "crdt/buf.h"

typedef struct resp_limits {
    size_t args;        /* words of a request */
    size_t bulk;        /* bytes of a word */
    size_t inline_line; /* bytes of an inline command, or of the line with a length */
} resp_limits;

/* Redis's: 1,048,576 words, 512 MiB, 64 KiB. */
resp_limits resp_limits_default(void);

typedef struct resp_parser {
    /* To be set by the caller at any time: they bind the lengths read from then on. */
    resp_limits limits;
    bool        anonymous; /* no password given yet: at most 10 words of at most 16,384 bytes */
    /* After RESP_MORE: how many bytes, from the first not consumed, the request has at least. */
    size_t need;
    /* private */
    size_t     at, searched, first, words, word_bytes, count, cap;
    bool       in_word, stopped, done, failed;
    crdt_view *views;
    crdt_buf   text;
    char       error[96];
} resp_parser;

void resp_init(resp_parser *p, const crdt_mem *mem, resp_limits limits); /* mem NULL: malloc(3) */
void resp_clear(resp_parser *p);

typedef enum resp_status { RESP_MORE, RESP_REQUEST, RESP_ERROR } resp_status;

/* Read one request from data, the bytes not consumed yet; after RESP_MORE call again with these and
 * more behind them. *ret_used, always set: how many bytes to consume now. Empty requests ("\r\n",
 * "*0\r\n") are skipped.
 * REQUEST: *ret_count > 0 words at *ret_args; they view data and the parser's own memory, and are
 * valid until data moves or goes, or the next call.
 * ERROR: *ret_error, a line of text, valid as long as the parser: send it behind "-ERR " and close
 * the connection; every later call gives the same. */
resp_status resp_parse(resp_parser *p, const uint8_t *data, size_t size, crdt_view **ret_args,
                       size_t *ret_count, size_t *ret_used, const char **ret_error);

/* Data begins anew, at the first byte of a request: what was read behind it is forgotten. */
void resp_restart(resp_parser *p);

/* Split a line at its blanks. A word may be, or hold, "..." (with \n \r \t \b \a \xHH, and \ before
 * any other byte) or '...' (with \' alone); a closing quote ends its word. Not between two calls of
 * resp_parse on a request. False: a quote is not closed, or something stands behind a closing one;
 * or no memory (p->text.failed). The words are valid until the next call. */
bool resp_split(resp_parser *p, crdt_view line, crdt_view **ret_words, size_t *ret_count);

#endif
