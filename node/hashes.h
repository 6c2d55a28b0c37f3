/* hashes.h: what the commands of hashes share with those of nested maps and with RENAME. */
#ifndef NODE_HASHES_H
#define NODE_HASHES_H
#include "node/command.h"

#define HASH_DEPTH_MAX 32u /* words of a path: as crdt_limits.depth is, by default */

/* The hash under the name; absent: one without fields. False: an error was replied. */
bool hash_find(call *c, crdt_view name, crdt_ref *ret_hash);
/* What shows there; false: nothing, or an error was replied. */
bool hash_field(call *c, crdt_ref hash, const crdt_view *path, size_t depth, crdt_ref *ret_field);
/* The same as the call's transaction sees it. */
bool hash_field_now(call *c, const crdt_view *path, size_t depth, crdt_ref *ret_field);
/* Appends what a field shows: a string; of another type, its content printed. False: an error was
 * replied. */
bool hash_content(call *c, crdt_ref field, crdt_buf *out);
void hash_reply_content(call *c, reply *to, crdt_ref field);
/* The transaction, ready to change what is in the map at the path: names of operations are its keys
 * from here on. NULL: an error was replied. */
crdt_txn *hash_write(call *c, const crdt_view *path, size_t depth);
/* Set what is there to these bytes, whatever it was; hash_write has gone to the map that it is in.
 * False: an error was replied. */
bool hash_set(call *c, const crdt_view *path, size_t depth, crdt_view bytes, bool *ret_added);
/* Count on the string there, and reply the sum. */
void hash_count(call *c, const crdt_view *path, size_t depth, int64_t amount);
/* Remove what is there; the transaction is open. Errors: ENOENT, and those of the library. */
crdt_err hash_remove(call *c, const crdt_view *path, size_t depth);
/* The name goes if the transaction has left nothing in the hash. False: an error was replied. */
bool hash_remove_if_empty(call *c);
/* Write all that is in a map anew under another name; the transaction is open. */
bool hash_copy(call *c, crdt_view to, crdt_ref from);

#endif
