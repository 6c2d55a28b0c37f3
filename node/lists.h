/* lists.h: what the commands of lists share with those that wait for elements and with RENAME. */
#ifndef NODE_LISTS_H
#define NODE_LISTS_H
#include "crdt/rga.h"
#include "node/command.h"

typedef enum list_end { LIST_LEFT, LIST_RIGHT } list_end;

/* LEFT or RIGHT; false: a syntax error was replied. */
bool list_parse_end(call *c, size_t i, list_end *ret_end);
/* The list under the name; absent: an empty one. False: an error was replied. */
bool list_find(call *c, crdt_view name, crdt_ref *ret_list);
/* The list, to be changed; `there`: it was found with elements. False: an error was replied. */
bool list_open(call *c, crdt_view name, bool there, crdt_rga_edit *ret_edit);
/* Reply so many elements of the list, which has them, from that end on, without a head; they go,
 * and the name with the last one. False: an error was replied. */
bool list_take(call *c, crdt_view name, crdt_ref list, list_end end, uint64_t count);
/* Write all elements anew under another name; the transaction is open. False: an error was
 * replied. */
bool list_copy(call *c, crdt_view to, crdt_ref from);

#endif
