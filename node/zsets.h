/* zsets.h: what the files of sorted sets (zsets.c, zranges.c, zpops.c, zsetops.c) share. */
#ifndef NODE_ZSETS_H
#define NODE_ZSETS_H
#include "crdt/zset.h"
#include "node/command.h"

/* The sorted set under the name; absent: one without members. False: an error was replied. */
bool zset_find(call *c, crdt_view name, crdt_ref *ret_zset);
/* The argument as a score; false: "ERR <what> float" was replied. */
bool zset_number(call *c, size_t i, const char *what, double *ret_score);
/* Remove these members, and the name if none is left; the views are those of the set. False: an
 * error was replied. */
bool zset_remove(call *c, crdt_view name, const crdt_zset_item *items, size_t count);
/* These members become all that is under the name, whatever it was; none: it goes. Reply how many.
 */
void zset_store(call *c, crdt_view name, const crdt_zset_item *items, size_t count);
/* Write all members anew under another name; the transaction is open. */
bool zset_copy(call *c, crdt_view to, crdt_ref from);
/* The head of a reply of so many members; and each of them. With scores RESP3 has pairs. */
void zset_reply_head(call *c, size_t count, bool scores);
void zset_reply_item(call *c, const crdt_zset_item *item, bool scores);

#endif
