/* keys.h: names as Redis commands see them: of one type, and gone once their deadline has passed
 * (rule R14: expiry hides at read; whoever writes to an expired name resets it first). A set, list,
 * hash or document that several nodes emptied at once, each leaving what another took, hides the
 * same way. */
#ifndef NODE_KEYS_H
#define NODE_KEYS_H
#include "crdt/types.h"
#include "node/command.h"

/* What shows under the name; false: nothing, or it has expired. Counts hits and misses of reads. */
bool key_find(call *c, crdt_view name, crdt_ref *ret_ref);
/* Does something show? As a read of its own, outside of any call. */
bool key_shows(const node *n, crdt_view name);
/* What the store holds under a name and shows no more: it has expired, or is empty.
 * Writing to it removes it first. */
bool key_hidden(const node *n, crdt_view name, const crdt_ref *ref);
/* The same within the call's transaction. */
typedef enum key_state { KEY_ABSENT, KEY_THERE, KEY_OTHER } key_state;
/* KEY_OTHER: another type shows; WRONGTYPE was replied. ABSENT: *ret_ref is an empty one. */
key_state key_typed(call *c, crdt_view name, const crdt_type *type, crdt_ref *ret_ref);
/* The transaction, ready to change the object of that type: what has expired is removed first.
 * NULL: an error was replied. */
crdt_txn *key_write(call *c, crdt_view name, const crdt_type *type);
/* Is there something under the name that stays until an operation of its own takes it away (an
 * audit's records)? Then the name has no deadline, and removing it is refused. */
bool key_kept(const node *n, crdt_view name);
/* Remove, in the call's transaction, all that is under the name; nothing there is fine. False: an
 * error was replied. */
bool key_wipe(call *c, crdt_view name);
/* The same for a name of which a command has left nothing: what is kept under it stays. */
bool key_wipe_empty(call *c, crdt_view name);
/* It was refused, for something under the name is kept. */
void key_refuse_kept(call *c);
/* The same, and what is there; absent: an empty one. */
crdt_txn *key_open(call *c, crdt_view name, const crdt_type *type, crdt_ref *ret_ref);
/* The transaction, ready to give the name another content of any type: all that is there goes. */
crdt_txn *key_replace(call *c, crdt_view name);
/* Remove the name; true if it showed. False with c->failed: an error was replied. */
bool key_remove(call *c, crdt_view name);
/* The name of the type as TYPE tells it: Redis' own where the meaning is its own. */
const char *key_type_name(const crdt_type *type);
/* The cursors of scans are numbers; where each stands is kept here, of the last 4,096. 0: there was
 * no memory. */
uint64_t key_keep_cursor(node *n, crdt_view at);
/* False: it is not known, or not any more. */
bool key_cursor(const node *n, uint64_t number, crdt_view *ret_at);

#endif
