/* reply.h: replies of the Redis protocol, appended to a buffer: RESP2, or RESP3 where a connection
 * asked for it by HELLO 3. What RESP2 lacks is said as Redis 7.0 says it there.
 *
 * Memory   if out cannot grow, out->failed is set, as with every crdt_buf.
 * Source   redis.io, "Redis serialization protocol specification".
 */
#ifndef NODE_REPLY_H
#define NODE_REPLY_H
#include "crdt/buf.h"

typedef struct reply {
    crdt_buf *out;
    int       protocol; /* 2 or 3 */
} reply;

void reply_ok(reply *r);
/* "+text": text is ours, without line ends. */
void reply_simple(reply *r, const char *text);
/* "-ERR what is wrong": the code is part of the format. Line ends in the text, which may come from
 * users, become blanks; at most 1,023 bytes are sent. */
__attribute__((format(printf, 2, 3))) void reply_error(reply *r, const char *format, ...);
void                                       reply_int(reply *r, int64_t n);
/* An integer, if 64 bits hold it; else RESP3: a big number, RESP2: its digits as a bulk string. */
void reply_int128(reply *r, crdt_i128 n);
void reply_bulk(reply *r, crdt_view bytes);
void reply_text(reply *r, const char *text); /* a bulk string */
/* Its digits, as a bulk string. */
void reply_bulk_int(reply *r, int64_t n);
void reply_null(reply *r);
void reply_null_array(reply *r);
void reply_double(reply *r, double n); /* RESP2: a bulk string */
void reply_bool(reply *r, bool yes);   /* RESP2: 1 or 0 */
/* Text of a format of three letters ("txt", "mkd"); RESP2: a bulk string. */
void reply_verbatim(reply *r, const char format[3], crdt_view text);

/* The head of an aggregate: so many replies follow, for a map two for each pair. RESP2: arrays. */
void reply_array(reply *r, size_t count);
void reply_map(reply *r, size_t pairs);
void reply_set(reply *r, size_t count);
void reply_push(reply *r, size_t count);

#endif
