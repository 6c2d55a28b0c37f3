/* conflicts.h: the names for which several contents compete: values written at the same time, or
 * objects of two types. Kept up as changes come, so that looking at them is cheap. */
#ifndef NODE_CONFLICTS_H
#define NODE_CONFLICTS_H
#include "node/node.h"

void   conflicts_open(node *n); /* from what the store holds */
void   conflicts_close(node *n);
void   conflicts_note(node *n, const crdt_change *change); /* of the store's change list */
size_t conflicts_count(const node *n);
/* Of these the documents in which a leaf's id has two bodies; each was logged as it came up. */
size_t conflicts_doubled(const node *n);
/* In order of names: visit is called for each, until it says false. */
void conflicts_each(const node *n, bool (*visit)(void *user, crdt_view name), void *user);
/* Competing contents of what shows under the name: 0 or 1 is none. Of a map: of all its fields. */
size_t conflicts_contents(const crdt_ref *ref);
/* Fields of a map, and of maps within, for which contents or types compete, in order. `in` is the
 * map that the field, the last key of the path, is in. Linear in the fields of maps with some. */
typedef struct conflicts_field {
    const crdt_view *path;
    size_t           depth;
    crdt_ref         in, shows;
} conflicts_field;
void conflicts_fields(const crdt_ref *map, void (*visit)(void *user, const conflicts_field *field),
                      void           *user);
/* How many types live under the name; 1: no conflict. */
size_t conflicts_types(const node *n, crdt_view name);

#endif
