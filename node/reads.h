/* reads.h: objects as replies, in the shape that fits their type. */
#ifndef NODE_READS_H
#define NODE_READS_H
#include "node/command.h"

/* Reply what the object of that type under the name is; of one that is not there, an empty one:
 * counters an integer, sets a set (RESP2: an array), registers a value or null, flags 1 or 0, lists
 * and multi-value registers an array, texts a string. Integers inside are replied as strings of
 * digits, as they came. */
void reads_reply(call *c, crdt_view name, const crdt_type *type);
/* A part of it can be asked for: position and count are the arguments 2 and 3. */
bool reads_part(const crdt_type *type);
void reads_value(reply *r, crdt_value value);

#endif
