/* scan.h: what the commands that walk a hash or a sorted set, or draw from one, ask alike. */
#ifndef NODE_SCAN_H
#define NODE_SCAN_H
#include "node/command.h"

/* HSCAN and ZSCAN: key cursor [MATCH pattern] [COUNT count]. */
typedef struct scan {
    uint64_t  cursor;
    int64_t   count;
    crdt_view pattern; /* data NULL: none */
} scan;

/* The cursor. False: an error was replied. */
bool scan_cursor(call *c, scan *ret_scan);
/* The options, and where it goes on in what has `size` elements: from *ret_from; data NULL: from
 * the beginning. Few elements are told at once, as Redis does. False: an error was replied. */
bool scan_from(call *c, scan *s, size_t size, crdt_view *ret_from);
/* The reply: so many replies in found; next: the cursor. */
void scan_reply(call *c, uint64_t next, size_t count, const crdt_buf *found);

/* HRANDFIELD and ZRANDMEMBER: [count [WITH...]], the word that tells of it. False: an error was
 * replied. */
bool scan_random(call *c, const char *word, int64_t *ret_count, bool *ret_with);
/* A reply of so many draws has become too large: an error was replied. */
bool scan_too_large(call *c);

#endif
